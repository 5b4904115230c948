//! Commands keep their order.

use super::*;

fn online() -> (Stage, ConnId) {
    online_as(WEBSOCKET)
}

fn online_as(form: Form) -> (Stage, ConnId) {
    let mut stage = Stage::new();
    let alice = conn("alice", 5);
    stage.log_in(alice, form, ("alice", "phone"), 0);
    (stage, alice)
}

#[test]
fn commands_reach_logic_in_order_and_once_however_they_come() {
    let (mut stage, alice) = online();
    for client_id in [2, 1, 1, 4, 2, 3] {
        stage.uplink(alice, &submit(client_id));
    }
    assert_eq!(stage.client_ids(), [1, 2, 3, 4]);
    let counts = stage.shard.counts();
    assert_eq!((counts.commands, counts.held, counts.ignored), (4, 2, 2));
    assert_eq!(stage.heard(HOME), []);
}

#[test]
fn a_request_names_its_sender_and_its_answer_comes_back_as_it_is() {
    for form in [WEBSOCKET, JSON] {
        let (mut stage, alice) = online_as(form);
        stage.uplink(alice, &submit_as(form.codec, 1));
        let [FromState::Request { call, uid, device, packet }] = &stage.asked()[..] else {
            panic!("a request")
        };
        assert_eq!((uid.as_str(), device.as_str(), packet), ("alice", "phone", &submit(1)));
        stage.reply(*call, submit_ok(1));
        assert_eq!(stage.heard(HOME), [Said::Packet(alice, submit_ok(1))]);
        assert_eq!(stage.shard.calls(), 0);
    }
}

#[test]
fn an_answered_command_is_logics_to_answer_again() {
    let (mut stage, alice) = online();
    stage.uplink(alice, &submit(1));
    let [(1, call)] = stage.requests()[..] else { panic!("one request") };
    stage.reply(call, submit_ok(1));
    stage.heard(HOME);
    stage.uplink(alice, &submit(1));
    let [(1, again)] = stage.requests()[..] else { panic!("asked again") };
    stage.reply(again, submit_ok(1));
    assert_eq!(stage.heard(HOME), [Said::Packet(alice, submit_ok(1))]);
    assert_eq!((stage.shard.counts().repeats, stage.shard.calls()), (1, 0));
}

#[test]
fn a_command_beyond_the_window_is_told_what_is_waited_for() {
    let (mut stage, alice) = online();
    stage.uplink(alice, &submit(65));
    let (client_id, refused) = stage.refused();
    assert_eq!((client_id, refused.code, refused.expected_client_id), (65, RefusedCode::OutOfOrder, 1));
    stage.uplink(alice, &submit(64));
    assert_eq!((stage.heard(HOME), stage.shard.counts().held), (vec![], 1));
}

#[test]
fn what_logic_could_not_do_may_come_again_under_the_same_number() {
    let (mut stage, alice) = online();
    for client_id in 1..=3 {
        stage.uplink(alice, &submit(client_id));
    }
    let calls: Vec<_> = stage.requests().into_iter().map(|(_, call)| call).collect();
    stage.reply(calls[0], refusal(1, RefusedCode::Unavailable));
    stage.reply(calls[1], refusal(2, RefusedCode::OutOfOrder));
    stage.reply(calls[2], refusal(3, RefusedCode::OutOfOrder));
    assert_eq!(stage.heard(HOME).len(), 3);
    for client_id in [3, 2, 1] {
        stage.uplink(alice, &submit(client_id));
    }
    assert_eq!(stage.client_ids(), [1, 2, 3]);
}

#[test]
fn a_refusal_for_good_spends_its_number() {
    let (mut stage, alice) = online();
    stage.uplink(alice, &submit(1));
    let [(1, call)] = stage.requests()[..] else { panic!("one request") };
    stage.reply(call, refusal(1, RefusedCode::NotAMember));
    stage.uplink(alice, &submit(65));
    assert_eq!((stage.heard(HOME).len(), stage.shard.counts().held), (1, 1));
}

#[test]
fn bytes_and_pulls_of_a_session_are_bounded() {
    let (mut stage, alice) = online();
    let submit = Submit {
        target: Target::User("bob".parse().unwrap()),
        body: Body::Data(vec![0; proto::limits::BODY_BYTES_MAX]),
    };
    for client_id in 1..=32 {
        stage.uplink(alice, &packet(Codec::Proto, client_id, ClientBody::Submit(submit.clone())));
    }
    let (client_id, refused) = stage.refused();
    assert_eq!((client_id, refused.code, refused.retry_after_ms), (32, RefusedCode::Unavailable, 1000));
    let [(1, call), ..] = stage.requests()[..] else { panic!("requests") };
    stage.reply(call, submit_ok(1));
    stage.heard(HOME);
    stage.uplink(alice, &packet(Codec::Proto, 32, ClientBody::Submit(submit)));
    assert_eq!((stage.client_ids(), stage.heard(HOME)), (vec![32], vec![]));
    for _ in 0..17 {
        stage.uplink(alice, &pull());
    }
    assert_eq!((stage.client_ids(), stage.refused().1.code), (vec![0; 16], RefusedCode::Unavailable));
}

#[test]
fn a_bad_packet_is_refused_and_the_session_goes_on() {
    for form in [WEBSOCKET, JSON] {
        let (mut stage, alice) = online_as(form);
        for bytes in [&b"\xFF\xFF"[..], b"", b"{", br#"{"submit":{"text":"no number"}}"#, b"\x08\x01\x12\x00"]
        {
            stage.uplink(alice, bytes);
            let (client_id, refused) = stage.refused();
            assert_eq!((client_id, refused.code), (0, RefusedCode::Invalid));
            assert!(!refused.field.is_empty() && !refused.text.is_empty(), "{refused:?}");
        }
        assert_eq!((stage.shard.sessions(), stage.shard.counts().refused[0]), (1, 5));
    }
}

#[test]
fn a_logout_ends_what_the_session_asked_and_a_closed_connection_its_pulls() {
    let (mut stage, alice) = online();
    stage.uplink(alice, &submit(1));
    let [(1, call)] = stage.requests()[..] else { panic!("one request") };
    stage.uplink(alice, &packet(Codec::Proto, 0, ClientBody::Logout));
    assert_eq!(stage.heard(HOME), [Said::Close(alice, CloseReason::Logout)]);
    stage.reply(call, submit_ok(1));
    stage.uplink(alice, &submit(2));
    assert_eq!(stage.heard(HOME), []);
    assert_eq!((stage.shard.counts().late_replies, stage.shard.counts().stale), (1, 1));
    let bob = conn("bob", 6);
    stage.log_in(bob, WEBSOCKET, ("bob", "phone"), 0);
    stage.uplink(bob, &pull());
    stage.uplink(bob, &submit(1));
    stage.gateway_says(HOME, |out| link::closed(out, bob, CloseReason::PeerReset));
    assert_eq!((stage.shard.sessions(), stage.shard.away(), stage.shard.calls()), (1, 1, 1));
    let counts = stage.shard.counts();
    assert_eq!(counts.ended[CloseReason::Logout.ordinal()], 1);
    assert_eq!(counts.left[CloseReason::PeerReset.ordinal()], 1);
}
