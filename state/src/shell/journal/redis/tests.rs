//! The journal on a real Redis, which dies, forgets and comes back.

mod cluster;
mod process;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::settings::Setting as _;

use super::super::tests::batch;
use super::*;
use crate::event::SLOT_BITS;
use crate::journal::tests::a_session;
use crate::journal::{Kept, Record, Replay};
use process::RedisServer;

const PATIENCE: Duration = Duration::from_secs(30);

/// A session in this slot.
fn session(slot: u64) -> u64 {
    1 << 40 | slot
}

fn opened(slot: u64) -> Record<'static> {
    Record::Session(Box::new(crate::Durable { number: session(slot), ..a_session() }))
}

fn answered(slot: u64, client_id: u64) -> Record<'static> {
    Record::Answered { session: session(slot), client_id }
}

fn take_from(urls: &[&str], shard: u32, shard_count: u32) -> io::Result<Taken> {
    let urls: Vec<_> = urls.iter().map(|url| RedisUrl::parse(url).unwrap()).collect();
    Redis::take(Target { urls: &urls, prefix: "test" }, shard, shard_count, Arc::default())
}

/// All slots of the server.
fn take(server: &RedisServer) -> Taken {
    take_from(&[&server.url()], 0, 1).unwrap()
}

/// How far each session has been answered, by slot.
fn progress(replay: &Replay) -> Vec<(u64, u64)> {
    let of = |durable: &crate::Durable| (durable.number & ((1 << SLOT_BITS) - 1), durable.answered);
    let mut all: Vec<_> = replay.sessions().map(of).collect();
    all.sort_unstable();
    all
}

/// Commits as the journal's thread does: again and again until it is done.
fn commit(redis: &mut Redis, records: &[Record<'_>]) {
    let (batch, deadline) = ([batch(records)], Instant::now() + PATIENCE);
    loop {
        match redis.commit(&batch) {
            Ok(_) => return,
            Err(Broken::ForNow(error)) if Instant::now() > deadline => panic!("not done: {error}"),
            Err(Broken::ForNow(_)) => std::thread::sleep(redis.servers.pause()),
            Err(broken) => panic!("{broken:?}"),
        }
    }
}

#[test]
fn what_was_committed_is_there_at_the_next_start_and_the_one_after() {
    let server = RedisServer::start();
    let mut taken = take(&server);
    assert!(taken.replay.is_empty() && taken.given_up == 0);
    commit(&mut taken.journal, &[opened(3), opened(1023), answered(3, 20)]);
    commit(&mut taken.journal, &[answered(1023, 30)]);
    for start in 0..2 {
        let mut taken = take(&server);
        assert_eq!(progress(&taken.replay), [(3, 20), (1023, 30 + start)]);
        commit(&mut taken.journal, &[answered(1023, 31 + start)]);
        assert!(taken.journal.bytes() > taken.bytes);
    }
}

#[test]
fn each_shard_has_its_slots_and_another_number_of_shards_begins_anew() {
    let server = RedisServer::start();
    for (shard, slot) in [(0, 4), (1, 5), (2, 1022)] {
        let mut taken = take_from(&[&server.url()], shard, 4).unwrap();
        commit(&mut taken.journal, &[opened(slot)]);
    }
    let taken = take_from(&[&server.url()], 1, 4).unwrap();
    assert_eq!((progress(&taken.replay), taken.given_up), (vec![(5, 12)], 0));
    let taken = take_from(&[&server.url()], 1, 2).unwrap();
    assert_eq!((taken.replay.len(), taken.given_up), (0, 1), "of slot 5");
    assert_eq!(take_from(&[&server.url()], 1, 4).unwrap().replay.len(), 0);
    assert_eq!(take_from(&[&server.url()], 0, 4).unwrap().replay.len(), 1, "nobody else has taken slot 4");
}

#[test]
fn whoever_has_lost_a_slot_can_write_nothing_any_more() {
    let server = RedisServer::start();
    let mut before = take(&server).journal;
    commit(&mut before, &[opened(3)]);
    let mut taken = take(&server);
    let late = before.commit(&[batch(&[answered(3, 99)])]);
    assert!(matches!(late, Err(Broken::Deposed(_))), "{late:?}");
    commit(&mut taken.journal, &[answered(3, 13)]);
    assert!(matches!(before.commit(&[batch(&[answered(3, 99)])]), Err(Broken::Deposed(_))));
    assert_eq!(progress(&take(&server).replay), [(3, 13)]);
}

#[test]
fn a_commit_whose_answer_was_lost_is_done_once() {
    let server = RedisServer::start();
    let mut redis = take(&server).journal;
    commit(&mut redis, &[opened(3)]);
    // It does not answer in time, and then finds what it was sent and an end of the connection.
    server.signal("STOP");
    let unanswered = redis.commit(&[batch(&[answered(3, 13)])]);
    assert!(matches!(unanswered, Err(Broken::ForNow(_))), "{unanswered:?}");
    server.signal("CONT");
    commit(&mut redis, &[answered(3, 13)]);
    commit(&mut redis, &[answered(3, 14)]);
    assert_eq!(server.ask::<u64>(&["XLEN", "test:{3}:log"]), 3);
    assert_eq!(progress(&take(&server).replay), [(3, 14)]);
}

#[test]
fn a_commit_that_was_done_is_not_done_again() {
    let server = RedisServer::start();
    let mut redis = take(&server).journal;
    let all = [opened(3), answered(3, 13)];
    commit(&mut redis, &all);
    // As if no answer had come.
    redis.commits = 0;
    redis.places.iter_mut().for_each(|place| place.last.clear());
    commit(&mut redis, &all);
    commit(&mut redis, &[answered(3, 14)]);
    assert_eq!(server.ask::<u64>(&["XLEN", "test:{3}:log"]), 2);
    assert_eq!(progress(&take(&server).replay), [(3, 14)]);
}

#[test]
fn a_redis_that_is_away_is_waited_for() {
    let mut server = RedisServer::start();
    let mut redis = take(&server).journal;
    commit(&mut redis, &[opened(3)]);
    for round in 0..3 {
        server.kill();
        for _ in 0..2 {
            let away = redis.commit(&[batch(&[answered(3, 20 + round)])]);
            assert!(matches!(away, Err(Broken::ForNow(_))), "{away:?}");
        }
        server.start_again();
        commit(&mut redis, &[answered(3, 20 + round)]);
    }
    let _: () = server.ask(&["SCRIPT", "FLUSH"]);
    commit(&mut redis, &[answered(3, 30)]);
    server.kill();
    server.start_again();
    let taken = take(&server);
    assert_eq!((progress(&taken.replay), taken.given_up, taken.entries), (vec![(3, 30)], 0, 5));
}

#[test]
fn a_redis_that_has_forgotten_what_it_confirmed_is_found_out() {
    let mut server = RedisServer::start();
    let mut redis = take(&server).journal;
    commit(&mut redis, &[opened(3), opened(5)]);
    server.kill();
    std::fs::remove_dir_all(server.folder().join("appendonlydir")).unwrap();
    server.start_again();
    let found_out = loop {
        match redis.commit(&[batch(&[answered(5, 13)])]) {
            Err(Broken::ForNow(_)) => std::thread::sleep(redis.servers.pause()),
            other => break other,
        }
    };
    assert!(matches!(found_out, Err(Broken::ForGood(_))), "{found_out:?}");
    let taken = take(&server);
    assert!(taken.replay.is_empty(), "and no session goes on from half of what was written");
}

#[test]
fn what_a_redis_without_syncs_has_kept_is_trusted_as_long_as_it_lives() {
    let mut server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    commit(&mut take(&server).journal, &[opened(3)]);
    assert_eq!(take(&server).replay.len(), 1);
    server.signal("TERM");
    server.start_again();
    let taken = take(&server);
    assert_eq!((taken.replay.len(), taken.given_up), (0, 1));
}

#[test]
fn a_checkpoint_lets_older_entries_go() {
    let server = RedisServer::start();
    let mut redis = take(&server).journal;
    commit(&mut redis, &[opened(3), opened(4)]);
    (0..100).for_each(|n| commit(&mut redis, &[answered(3, 20 + n)]));
    let before = redis.bytes();
    commit(&mut redis, &[Record::Ended { session: session(4) }, Record::CheckpointBegun, answered(3, 200)]);
    commit(&mut redis, &[opened(3), answered(3, 201), Record::CheckpointDone]);
    assert!(redis.bytes() < before, "{} of {before} bytes", redis.bytes());
    assert_eq!(server.ask::<u64>(&["XLEN", "test:{3}:log"]), 2);
    commit(&mut redis, &[Record::CheckpointBegun]);
    commit(&mut redis, &[opened(3), answered(3, 202), Record::CheckpointDone]);
    assert_eq!(server.ask::<u64>(&["XLEN", "test:{4}:log"]), 0, "its only session has ended");
    let mut taken = take(&server);
    assert_eq!(progress(&taken.replay), [(3, 202)]);
    assert_eq!(taken.journal.bytes(), redis.bytes());
    commit(&mut taken.journal, &[opened(4)]);
    assert_eq!(take(&server).replay.len(), 2);
}

#[test]
fn a_damaged_entry_is_refused_by_its_name() {
    let server = RedisServer::start();
    let mut redis = take(&server).journal;
    commit(&mut redis, &[opened(3)]);
    let entries: Vec<(String, Vec<Vec<u8>>)> = server.ask(&["XRANGE", "test:{3}:log", "-", "+"]);
    let _: () = server.ask(&["DEL", "test:{3}:log"]);
    let refused = |what: &str| {
        let told = take_from(&[&server.url()], 0, 1).err().expect("it is refused").to_string();
        assert!(told.contains("test:{3}:log") && told.contains(what), "{told}");
    };
    refused("1-1");
    let _: String = server.ask(&["XADD", "test:{3}:log", &entries[0].0, "r", "other bytes"]);
    refused("checksum");
}

#[test]
fn the_key_of_secrets_is_made_once() {
    let server = RedisServer::start();
    let urls = [RedisUrl::parse(&server.url()).unwrap()];
    let target = Target { urls: &urls, prefix: "test" };
    for fresh in [[7; 32], [8; 32]] {
        assert_eq!(secret_key(target, fresh).unwrap(), [7; 32]);
    }
    let _: () = server.ask(&["SET", "test:{secret}:key", "short"]);
    assert!(secret_key(target, [8; 32]).unwrap_err().to_string().contains("no key of 32 bytes"));
}

#[test]
fn a_password_is_needed_where_there_is_one_and_a_unix_socket_will_do() {
    let server = RedisServer::start_with(&["--requirepass", "hunter2", "--unixsocket", "socket"]);
    let refused = take_from(&[&server.url()], 0, 1).err().expect("it is refused");
    assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{refused}");
    let socket = server.folder().join("socket").display().to_string();
    for url in
        [format!("redis://:hunter2@{}", server.address()), format!("redis+unix://{socket}?pass=hunter2")]
    {
        commit(&mut take_from(&[&url], 0, 1).unwrap().journal, &[opened(3)]);
    }
}

#[test]
fn a_redis_that_may_forget_any_key_is_refused() {
    let server = RedisServer::start_with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let refused = take_from(&[&server.url()], 0, 1).err().expect("it is refused").to_string();
    assert!(refused.contains("noeviction"), "{refused}");
}

#[test]
fn a_redis_without_room_is_waited_for() {
    let server = RedisServer::start();
    let mut redis = take(&server).journal;
    let _: () = server.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = redis.commit(&[batch(&[opened(3)])]);
    assert!(matches!(full, Err(Broken::ForNow(_))), "{full:?}");
    let _: () = server.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    commit(&mut redis, &[opened(3)]);
    assert_eq!(take(&server).replay.len(), 1);
}

#[test]
fn a_commit_that_becomes_too_long_is_done_in_pieces_and_goes_on_where_it_was() {
    let mut server = RedisServer::start();
    let mut redis = take(&server).journal;
    let all: Vec<_> = (0..1024).map(opened).collect();
    commit(&mut redis, &all);
    // Two pushes of 32 KiB for a thousand sessions, and what stands between and behind them, are three pieces.
    let kept: Vec<_> = (0..1024).map(|slot| Kept { session: session(slot), behind: 0 }).collect();
    let push = |seq| Record::Pushed {
        conversation: "g.club".into(),
        seq,
        packet: vec![seq as u8; 32 * 1024].into(),
        kept: (&kept[..]).into(),
        missed: vec![].into(),
    };
    let long = [batch(&[push(1), answered(3, 20)]), batch(&[push(2)]), batch(&[answered(3, 21)])];
    server.kill();
    assert!(matches!(redis.commit(&long), Err(Broken::ForNow(_))));
    server.start_again();
    let deadline = Instant::now() + PATIENCE;
    let written = loop {
        match redis.commit(&long) {
            Ok(written) => break written,
            Err(Broken::ForNow(_)) if Instant::now() < deadline => std::thread::sleep(redis.servers.pause()),
            Err(broken) => panic!("{broken:?}"),
        }
    };
    assert!(
        written > 2 * 1024 * 32 * 1024 && redis.commits == 4,
        "{written} bytes in {} commits",
        redis.commits
    );
    let taken = take(&server);
    assert!(taken.replay.sessions().all(|durable| durable.kept.len() == a_session().kept.len() + 2));
    assert_eq!(progress(&taken.replay)[3], (3, 21));
}
