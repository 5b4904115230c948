//! Pushes are kept until they are acknowledged.

use super::pushes_reach_every_device::pushed;
use super::*;

const RESEND: Duration = Duration::from_millis(5625 + 64);

fn online(change: impl FnOnce(&mut Settings)) -> (Stage, ConnId) {
    let mut stage = Stage::with(change);
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    (stage, alice)
}

fn say(stage: &mut Stage, seqs: std::ops::RangeInclusive<u64>) {
    seqs.for_each(|seq| stage.push(&[("alice", None)], seq));
}

fn resync(to: ConnId, push_seq: u64, (from_seq, to_seq): (u64, u64)) -> Said {
    let missed = vec![Missed { conversation: "g.club".parse().unwrap(), from_seq, to_seq }];
    let body = ServerBody::Resync(Resync { missed, everything: false });
    Said::Packet(to, ServerPacket { push_seq, client_id: 0, body })
}

#[test]
fn what_is_not_acknowledged_in_time_is_sent_again_and_what_is_acknowledged_is_not() {
    let (mut stage, alice) = online(|_| ());
    say(&mut stage, 1..=3);
    stage.heard(HOME);
    stage.uplink(alice, &ack(1));
    stage.wait(Duration::from_millis(4300));
    assert_eq!(stage.heard(HOME), [], "not before its time, and its jitter");
    stage.wait(Duration::from_millis(1400));
    assert_eq!(stage.heard(HOME), [pushed(alice, 2, 2), pushed(alice, 3, 3)]);
    assert_eq!((stage.shard.counts().resent, stage.shard.in_flight()), (2, 2));
    stage.uplink(alice, &ack(3));
    stage.wait(Duration::from_mins(1));
    assert_eq!((stage.heard(HOME), stage.shard.in_flight()), (vec![], 0));
}

#[test]
fn one_try_sends_no_more_again_than_a_burst() {
    let (mut stage, _) = online(|_| ());
    say(&mut stage, 1..=100);
    stage.heard(HOME);
    stage.wait(RESEND);
    assert_eq!(stage.heard(HOME).len(), proto::limits::RESEND_BURST);
}

#[test]
fn tries_become_rarer_and_after_the_last_the_connection_is_given_up_but_not_the_session() {
    let (mut stage, alice) = online(|settings| settings.heartbeat_deadline = Duration::from_hours(1));
    say(&mut stage, 1..=1);
    let (began, mut heard) = (stage.now.mono_ms, Vec::new());
    while stage.shard.away() == 0 {
        let deadline = stage.shard.next_deadline().unwrap();
        stage.wait(Duration::from_millis(deadline.saturating_sub(stage.now.mono_ms)));
        heard.extend(stage.heard(HOME).into_iter().map(|said| (stage.now.mono_ms - began, said)));
    }
    let (times, said): (Vec<_>, Vec<_>) = heard.into_iter().unzip();
    assert_eq!(said[1..5], vec![pushed(alice, 1, 1); 4]);
    assert_eq!(said[5..], [Said::Close(alice, CloseReason::Lagging)]);
    for (pair, wait) in times.windows(2).zip([5000, 10_000, 20_000, 30_000, 30_000]) {
        let took = pair[1] - pair[0];
        assert!((wait - wait / 8..=wait + wait / 8 + 64).contains(&took), "{times:?}");
    }
    assert_eq!((stage.shard.sessions(), stage.shard.in_flight()), (1, 1));
}

#[test]
fn any_progress_begins_the_tries_anew() {
    let (mut stage, alice) = online(|settings| settings.heartbeat_deadline = Duration::from_hours(1));
    say(&mut stage, 1..=30);
    for push_seq in 1..=30 {
        stage.wait(RESEND);
        stage.wait(Duration::from_millis(11_250 + 64));
        assert_eq!(stage.shard.away(), 0);
        stage.uplink(alice, &ack(push_seq));
    }
    assert_eq!((stage.shard.sessions(), stage.shard.in_flight()), (1, 0));
}

#[test]
fn a_reader_that_is_blocked_is_sent_nothing_and_nothing_is_expected_of_it() {
    let (mut stage, alice) = online(|settings| settings.heartbeat_deadline = Duration::from_hours(1));
    say(&mut stage, 1..=1);
    stage.gateway_says(HOME, |out| link::blocked(out, alice));
    say(&mut stage, 2..=3);
    assert_eq!(stage.heard(HOME), [pushed(alice, 1, 1)]);
    stage.wait(Duration::from_mins(10));
    assert_eq!((stage.heard(HOME), stage.shard.away()), (vec![], 0));
    stage.gateway_says(HOME, |out| link::writable(out, alice));
    assert_eq!(stage.heard(HOME), [pushed(alice, 2, 2), pushed(alice, 3, 3)]);
    stage.wait(Duration::from_millis(4300));
    assert_eq!(stage.heard(HOME), [], "its time begins anew");
    stage.wait(Duration::from_millis(1400));
    assert_eq!(stage.heard(HOME).len(), 3);
}

#[test]
fn a_session_with_too_many_is_told_once_what_to_pull_when_it_has_acknowledged_the_rest() {
    let (mut stage, alice) = online(|settings| settings.in_flight_max = 3);
    say(&mut stage, 1..=9);
    assert_eq!(stage.heard(HOME).len(), 3);
    stage.uplink(alice, &ack(2));
    say(&mut stage, 10..=10);
    assert_eq!(stage.heard(HOME), []);
    stage.uplink(alice, &ack(3));
    assert_eq!(stage.heard(HOME), [resync(alice, 4, (4, 10))]);
    say(&mut stage, 11..=11);
    assert_eq!(stage.heard(HOME), [pushed(alice, 5, 11)]);
    stage.uplink(alice, &ack(5));
    let counts = stage.shard.counts();
    assert_eq!((counts.missed, counts.resyncs, stage.shard.in_flight()), (7, 1, 0));
}

#[test]
fn a_blocked_reader_is_told_what_to_pull_when_it_reads_again() {
    let (mut stage, alice) = online(|settings| settings.in_flight_max = 1);
    say(&mut stage, 1..=2);
    stage.heard(HOME);
    stage.gateway_says(HOME, |out| link::blocked(out, alice));
    stage.uplink(alice, &ack(1));
    assert_eq!(stage.heard(HOME), []);
    stage.gateway_says(HOME, |out| link::writable(out, alice));
    assert_eq!(stage.heard(HOME), [resync(alice, 2, (2, 2))]);
    stage.wait(RESEND);
    assert_eq!(stage.heard(HOME), [resync(alice, 2, (2, 2))], "what to pull is kept, too");
}
