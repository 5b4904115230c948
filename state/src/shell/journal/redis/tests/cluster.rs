//! The same on a Redis Cluster of three masters, between which slots move.

use super::*;
use crate::journal::Replay;

struct Cluster {
    masters: Vec<RedisServer>,
}

impl Cluster {
    fn start() -> Self {
        Self { masters: process::start_cluster() }
    }

    fn take(&self) -> Taken {
        // The others are found through one.
        take_from(&[&self.masters[0].url()], 0, 1).unwrap()
    }

    /// Who has a slot of ours at the beginning.
    fn owner(slot: u64) -> usize {
        let hash_slot = request::hash_slot(&slot.to_string());
        process::RANGES.iter().position(|(_, to)| hash_slot <= to.parse().unwrap()).unwrap()
    }

    fn id(&self, number: usize) -> String {
        self.masters[number].ask(&["CLUSTER", "MYID"])
    }
}

/// What all sessions of a cluster's test have been answered.
fn all_answered(replay: &Replay, client_id: u64) -> bool {
    progress(replay) == (0..1024).map(|slot| (slot, client_id)).collect::<Vec<_>>()
}

#[test]
fn slots_are_spread_over_the_masters_and_followed_when_they_move() {
    let cluster = Cluster::start();
    let mut redis = cluster.take().journal;
    let all: Vec<_> = (0..1024).map(opened).collect();
    commit(&mut redis, &all);
    for master in &cluster.masters {
        assert!(master.ask::<u64>(&["DBSIZE"]) > 512, "each has a share of 1,024 slots with two keys each");
    }

    // A slot of ours on its way from one to another: the keys are gone already, and only the new one may say so.
    let (from, slot) = (Cluster::owner(7), 7);
    let to = (from + 1) % 3;
    let hash_slot = request::hash_slot(&slot.to_string()).to_string();
    let (from_id, to_id) = (cluster.id(from), cluster.id(to));
    let (giver, taker) = (&cluster.masters[from], &cluster.masters[to]);
    let _: () = taker.ask(&["CLUSTER", "SETSLOT", &hash_slot, "IMPORTING", &from_id]);
    let _: () = giver.ask(&["CLUSTER", "SETSLOT", &hash_slot, "MIGRATING", &to_id]);
    let (host, port) = (taker.address().ip().to_string(), taker.address().port().to_string());
    let keys = ["test:{7}:owner", "test:{7}:log"];
    let _: () = giver.ask(&[&["MIGRATE", &host, &port, "", "0", "5000", "KEYS"], &keys[..]].concat());
    let answers: Vec<_> = (0..1024).map(|slot| answered(slot, 20)).collect();
    commit(&mut redis, &answers);
    assert_eq!(redis.servers.redirects(), 1, "asked");

    // And when it has arrived.
    for master in [taker, giver] {
        let _: () = master.ask(&["CLUSTER", "SETSLOT", &hash_slot, "NODE", &to_id]);
    }
    let answers: Vec<_> = (0..1024).map(|slot| answered(slot, 21)).collect();
    commit(&mut redis, &answers);
    assert_eq!(redis.servers.redirects(), 2, "moved");
    commit(&mut redis, &[answered(slot, 21)]);
    assert_eq!(redis.servers.redirects(), 2, "and remembered");
    assert!(all_answered(&cluster.take().replay, 21));
    let late = redis.commit(&[batch(&[answered(9, 99)])]);
    assert!(matches!(late, Err(Broken::Deposed(_))), "{late:?}");
}

#[test]
fn a_master_that_dies_holds_up_its_slots_and_loses_none() {
    let mut cluster = Cluster::start();
    let mut redis = cluster.take().journal;
    let all: Vec<_> = (0..1024).map(opened).collect();
    commit(&mut redis, &all);
    let answers: Vec<_> = (0..1024).map(|slot| answered(slot, 20)).collect();
    cluster.masters[1].kill();
    let away = redis.commit(&[batch(&answers)]);
    assert!(matches!(away, Err(Broken::ForNow(_))), "{away:?}");
    cluster.masters[1].start_again();
    // Two of three have written it the first time.
    commit(&mut redis, &answers);
    let taken = cluster.take();
    assert!(all_answered(&taken.replay, 20) && taken.entries == 2 * 1024, "{} entries", taken.entries);
}

#[test]
fn a_replica_that_has_everything_goes_on_for_its_master() {
    let mut cluster = Cluster::start();
    let settings = [&process::SYNCED[..], &["--cluster-enabled", "yes"]].concat();
    let replica = RedisServer::start_with(&settings);
    let (host, port) =
        (cluster.masters[0].address().ip().to_string(), cluster.masters[0].address().port().to_string());
    let _: () = replica.ask(&["CLUSTER", "MEET", &host, &port]);
    let master = cluster.id(1);
    process::await_that(|| replica.ask::<String>(&["CLUSTER", "NODES"]).contains(&master));
    let _: () = replica.ask(&["CLUSTER", "REPLICATE", &master]);
    let mut redis = cluster.take().journal;
    let all: Vec<_> = (0..1024).map(opened).collect();
    commit(&mut redis, &all);
    let reached = |server: &RedisServer, what: &str| {
        let told: String = server.ask(&["INFO", "replication"]);
        told.lines().find_map(|line| Some(line.strip_prefix(what)?.trim().to_owned()))
    };
    process::await_that(|| {
        let offset = reached(&replica, "slave_repl_offset:");
        offset.is_some() && offset == reached(&cluster.masters[1], "master_repl_offset:")
    });

    cluster.masters[1].kill();
    let _: () = replica.ask(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
    let answers: Vec<_> = (0..1024).map(|slot| answered(slot, 20)).collect();
    commit(&mut redis, &answers);
    assert!(replica.ask::<u64>(&["DBSIZE"]) > 512);
    assert!(all_answered(&cluster.take().replay, 20));
}

#[test]
fn servers_that_are_no_cluster_are_not_taken_for_one() {
    let servers = [RedisServer::start(), RedisServer::start()];
    let urls = servers.each_ref().map(RedisServer::url);
    let refused = take_from(&urls.each_ref().map(String::as_str), 0, 1).err().expect("it is refused");
    assert!(refused.to_string().contains("servers of one cluster"), "{refused}");
}
