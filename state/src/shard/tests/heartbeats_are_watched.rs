//! Heartbeats are watched.

use super::*;

#[test]
fn a_silent_connection_is_given_up_at_its_deadline_and_its_session_when_its_grace_is_over() {
    let mut stage = Stage::new();
    let alice = conn("alice", 5);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    stage.wait(Duration::from_millis(74_999));
    assert_eq!(stage.shard.sessions(), 1);
    stage.wait(Duration::from_millis(130));
    assert_eq!(stage.heard(HOME), [Said::Close(alice, CloseReason::HeartbeatTimeout)]);
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 1));
    stage.wait(Duration::from_millis(119_900));
    assert_eq!(stage.shard.sessions(), 1);
    stage.wait(Duration::from_millis(200));
    assert_eq!((stage.heard(HOME), stage.shard.sessions(), stage.shard.next_deadline()), (vec![], 0, None));
    let counts = stage.shard.counts();
    let reason = CloseReason::HeartbeatTimeout.ordinal();
    assert_eq!((counts.left[reason], counts.ended[reason]), (1, 1));
}

#[test]
fn any_sign_of_life_puts_the_end_off() {
    let mut stage = Stage::new();
    let [alice, bob] = [conn("alice", 5), conn("bob", 6)];
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    stage.log_in(bob, WEBSOCKET, ("bob", "phone"), 0);
    for _ in 0..10 {
        stage.wait(Duration::from_mins(1));
        stage.gateway_says(HOME, |out| link::alive(out, [5, 7]));
        stage.uplink(bob, &pull());
    }
    assert_eq!(stage.shard.away(), 0);
    stage.wait(Duration::from_secs(76));
    assert_eq!(stage.shard.away(), 2);
}

#[test]
fn the_next_deadline_leads_to_the_end_without_idle_turns() {
    let mut stage = Stage::new();
    stage.log_in(conn("alice", 5), WEBSOCKET, ("alice", "phone"), 0);
    let mut turns = 0;
    while let Some(deadline) = stage.shard.next_deadline() {
        turns += 1;
        let ahead = deadline.saturating_sub(stage.now.mono_ms);
        stage.wait(Duration::from_millis(ahead));
    }
    assert!(turns <= 7, "{turns} turns");
    assert_eq!(stage.shard.sessions(), 0);
}

#[test]
fn a_heartbeat_in_another_spelling_is_answered() {
    let mut stage = Stage::new();
    let alice = conn("alice", 5);
    stage.log_in(alice, JSON, ("alice", "phone"), 0);
    stage.uplink(alice, br#"{ "heartbeat": {} }"#);
    let heartbeat = ServerPacket { push_seq: 0, client_id: 0, body: ServerBody::Heartbeat };
    assert_eq!(stage.heard(HOME), [Said::Packet(alice, heartbeat)]);
}
