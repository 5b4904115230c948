//! Logins are checked.

use super::*;

/// What becomes of a first packet that must not lead to a session: its refusal, and the close.
#[track_caller]
fn turned_away(stage: &mut Stage, conn: ConnId) -> (RefusedCode, String, CloseReason) {
    match &stage.heard(HOME)[..] {
        [
            Said::Packet(to, ServerPacket { client_id: 0, body: ServerBody::Refused(refused), .. }),
            Said::Close(closed, reason),
        ] => {
            assert_eq!((*to, *closed), (conn, conn));
            (refused.code, refused.field.clone(), *reason)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_login_opens_a_session_with_all_that_the_client_must_know() {
    for form in [WEBSOCKET, JSON, Form { codec: Codec::Proto, tcp: true }] {
        let mut stage = Stage::new();
        let alice = conn("alice", 5);
        let call = stage.attach(alice, form, "alice", "phone");
        assert_eq!((stage.heard(HOME), stage.shard.sessions()), (vec![], 0));
        stage.logic_says(FromLogic::Attached { call, last_client_id: 7 });
        let [Said::Packet(to, packet)] = &stage.heard(HOME)[..] else { panic!("one packet") };
        let ServerBody::LoginOk(ok) = &packet.body else { panic!("{packet:?}") };
        assert_eq!((*to, &ok.session[..], ok.last_client_id), (alice, "ab-0-1", 7));
        assert_eq!((ok.heartbeat_interval_ms, ok.ack_delay_ms, ok.ack_every), (30_000, 200, 32));
        assert_eq!((ok.submit_timeout_ms, ok.uplink_window, ok.max_packet_bytes), (5000, 64, 65_536));
        assert_eq!((ok.reconnect_base_ms, ok.reconnect_max_ms), (200, 30_000));
        assert_eq!(ok.server_time_ms, stage.now.unix_ms);
        assert_eq!((stage.shard.sessions(), stage.shard.waiting(), stage.shard.calls()), (1, 0, 0));
    }
}

#[test]
fn a_first_packet_that_is_no_login_is_refused_and_closed() {
    let mut stage = Stage::new();
    let alice = conn("alice", 5);
    stage.open(alice, WEBSOCKET, &pull());
    let (code, _, reason) = turned_away(&mut stage, alice);
    assert_eq!((code, reason), (RefusedCode::LoginFirst, CloseReason::FirstPacket));
    stage.open(alice, JSON, br#"{"login":{"uid":"alice","device":""}}"#);
    let (code, field, reason) = turned_away(&mut stage, alice);
    assert_eq!((code, &field[..], reason), (RefusedCode::Invalid, "login.device", CloseReason::FirstPacket));
    assert_eq!((stage.shard.waiting(), stage.shard.calls()), (0, 0));
    assert_eq!(stage.shard.counts().refused, [1, 1, 0, 0, 0, 0]);
}

#[test]
fn a_token_that_is_wrong_or_expired_is_told_apart_and_closed() {
    let mut stage = Stage::new();
    let alice = conn("alice", 5);
    let good = packet(Codec::Proto, 0, stage.login("alice", "phone"));
    let mut wrong = good.clone();
    let end = wrong.len() - 10;
    wrong[end] = if wrong[end] == b'A' { b'B' } else { b'A' };
    stage.open(alice, WEBSOCKET, &wrong);
    let (code, field, reason) = turned_away(&mut stage, alice);
    assert_eq!((code, &field[..]), (RefusedCode::TokenInvalid, "login.token"));
    assert_eq!(reason, CloseReason::LoginRefused);
    stage.wait(Duration::from_mins(2));
    stage.open(alice, WEBSOCKET, &good);
    let (code, _, reason) = turned_away(&mut stage, alice);
    assert_eq!((code, reason), (RefusedCode::TokenExpired, CloseReason::LoginRefused));
}

#[test]
fn the_user_must_be_the_one_that_chose_the_slot() {
    let mut stage = Stage::new();
    let login = packet(Codec::Proto, 0, stage.login("bob", "phone"));
    stage.open(conn("alice", 5), WEBSOCKET, &login);
    let (code, field, reason) = turned_away(&mut stage, conn("alice", 5));
    assert_eq!((code, &field[..]), (RefusedCode::Invalid, "login.uid"));
    assert_eq!(reason, CloseReason::LoginRefused);
}

#[test]
fn a_login_that_logic_does_not_answer_in_time_is_told_to_come_back() {
    let mut stage = Stage::new();
    stage.attach(conn("alice", 5), WEBSOCKET, "alice", "phone");
    stage.wait(Duration::from_millis(4990));
    assert_eq!(stage.heard(HOME), []);
    stage.wait(Duration::from_millis(100));
    let (code, _, reason) = turned_away(&mut stage, conn("alice", 5));
    assert_eq!((code, reason), (RefusedCode::Unavailable, CloseReason::Overload));
    assert_eq!((stage.shard.waiting(), stage.shard.calls()), (0, 0));
}

#[test]
fn the_newer_login_of_a_device_wins_and_other_devices_stay() {
    let mut stage = Stage::new();
    let [first, tablet, second] = [1, 2, 3].map(|index| conn("alice", index));
    stage.log_in(first, WEBSOCKET, ("alice", "phone"), 0);
    stage.log_in(tablet, WEBSOCKET, ("alice", "tablet"), 0);
    stage.uplink(first, &submit(1));
    assert_eq!(stage.client_ids(), [1]);
    let call = stage.attach(second, JSON, "alice", "phone");
    stage.logic_says(FromLogic::Attached { call, last_client_id: 0 });
    match &stage.heard(HOME)[..] {
        [
            Said::Packet(kicked, ServerPacket { body: ServerBody::Kicked { reason, .. }, .. }),
            Said::Close(closed, CloseReason::Replaced),
            Said::Packet(opened, ServerPacket { body: ServerBody::LoginOk(_), .. }),
        ] => {
            assert_eq!((*kicked, *closed, *opened), (first, first, second));
            assert_eq!(*reason, proto::packet::KickedReason::Replaced);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((stage.shard.sessions(), stage.shard.calls()), (2, 0));
    stage.gateway_says(HOME, |out| link::closed(out, first, CloseReason::Replaced));
    assert_eq!(stage.shard.sessions(), 2);
}

#[test]
fn a_second_login_on_a_connection_begins_a_new_session_and_wins_over_one_under_way() {
    let mut stage = Stage::new();
    let alice = conn("alice", 5);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    let login = packet(Codec::Proto, 0, stage.login("alice", "phone"));
    stage.uplink(alice, &login);
    let [FromState::Attach { call, .. }] = stage.asked()[..] else { panic!("one login") };
    stage.logic_says(FromLogic::Attached { call, last_client_id: 0 });
    let said = stage.heard(HOME);
    assert!(
        matches!(&said[..], [Said::Packet(_, ok)] if matches!(ok.body, ServerBody::LoginOk(_))),
        "{said:?}"
    );
    assert_eq!(stage.shard.sessions(), 1);
    let other = conn("alice", 6);
    let old = stage.attach(other, WEBSOCKET, "alice", "tablet");
    let login = packet(Codec::Proto, 0, stage.login("alice", "watch"));
    stage.uplink(other, &login);
    let [FromState::Attach { call, device, .. }] = &stage.asked()[..] else { panic!("one login") };
    assert_eq!(device.as_str(), "watch");
    stage.logic_says(FromLogic::Attached { call: old, last_client_id: 0 });
    assert_eq!((stage.shard.sessions(), stage.shard.counts().late_replies), (1, 1));
    stage.logic_says(FromLogic::Attached { call: *call, last_client_id: 0 });
    assert_eq!(stage.shard.sessions(), 2);
}

#[test]
fn what_is_sent_before_a_login_is_answered_is_dropped_but_for_heartbeats_and_farewells() {
    let mut stage = Stage::new();
    let alice = conn("alice", 5);
    stage.attach(alice, WEBSOCKET, "alice", "phone");
    stage.uplink(alice, &submit(1));
    stage.uplink(alice, b"\xFF");
    assert_eq!((stage.heard(HOME), stage.asked(), stage.shard.counts().stale), (vec![], vec![], 2));
    stage.uplink(alice, &packet(Codec::Proto, 0, ClientBody::Heartbeat));
    assert!(
        matches!(&stage.heard(HOME)[..], [Said::Packet(_, heartbeat)] if heartbeat.body == ServerBody::Heartbeat)
    );
    stage.uplink(alice, &packet(Codec::Proto, 0, ClientBody::Logout));
    assert_eq!(stage.heard(HOME), [Said::Close(alice, CloseReason::Logout)]);
    assert_eq!((stage.shard.waiting(), stage.shard.calls()), (0, 0));
}

#[test]
fn a_full_shard_sends_newcomers_away() {
    let mut stage = Stage::with(|settings| settings.sessions_max = 1);
    stage.log_in(conn("alice", 5), WEBSOCKET, ("alice", "phone"), 0);
    let login = packet(Codec::Proto, 0, stage.login("bob", "phone"));
    stage.open(conn("bob", 6), WEBSOCKET, &login);
    let (code, _, reason) = turned_away(&mut stage, conn("bob", 6));
    assert_eq!((code, reason), (RefusedCode::Unavailable, CloseReason::Overload));
}
