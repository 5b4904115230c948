//! The rules of client_id, one by one.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod kit;

use kit::*;
use proto::limits::OUTCOMES_KEPT;
use proto::packet::{RefusedCode, ServerBody};

#[test]
fn a_retry_gets_the_same_answer_and_no_second_message() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let packet = encode(1, text_to("bob", "hi"));
    let (first, pushed) = rig.ask_raw(&phone, packet.clone());
    assert!(!pushed.is_empty());
    rig.now = at(9_000);
    assert_eq!(rig.ask_raw(&phone, packet.clone()), (first.clone(), vec![]));
    let desk = device("alice", "desk");
    rig.ask(&desk, 1, text_to("bob", "more"));
    let (again, pushed) = rig.ask_raw(&phone, packet);
    assert_eq!((again, pushed), (first, vec![]));
    assert_eq!(rig.pulled(&phone, &single("alice", "bob"), 0, 0).head, 2);
    assert_eq!((rig.logic.tally().executed, rig.logic.tally().retries), (2, 2));
}

#[test]
fn a_retry_in_the_same_batch_is_a_retry() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let packet = encode(1, text_to("bob", "hi"));
    let (first, second) = (rig.send(&phone, packet.clone()), rig.send(&phone, packet));
    let (out, result) = rig.commit();
    result.unwrap();
    assert_eq!(reply(&out, first), reply(&out, second));
    assert_eq!(rig.pulled(&phone, &single("alice", "bob"), 0, 0).head, 1);
}

#[test]
fn a_command_before_its_turn_is_told_which_is_awaited_and_changes_nothing() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    for _ in 0..2 {
        let answer = rig.ask(&phone, 2, text_to("bob", "two"));
        assert_eq!(answer.client_id, 2);
        let refused = refused(answer);
        assert_eq!((refused.code, refused.expected_client_id), (RefusedCode::OutOfOrder, 1));
    }
    assert_eq!(rig.last_client_id(&phone), 0);
    assert_eq!(submit_ok(rig.ask(&phone, 1, text_to("bob", "one"))).seq, 1);
    assert_eq!(submit_ok(rig.ask(&phone, 2, text_to("bob", "two"))).seq, 2);
    assert_eq!(code(rig.ask(&phone, u64::MAX, text_to("bob", "far"))), RefusedCode::OutOfOrder);
    assert_eq!(rig.last_client_id(&phone), 2);
}

#[test]
fn devices_count_for_themselves() {
    let mut rig = Rig::new();
    for (uid, name) in [("alice", "phone"), ("alice", "tablet"), ("bob", "phone")] {
        assert_eq!(submit_ok(rig.ask(&device(uid, name), 1, text_to("carol", "hi"))).time_ms, 1_000);
    }
    assert_eq!(rig.last_client_id(&device("alice", "tablet")), 1);
    assert_eq!(rig.last_client_id(&device("carol", "phone")), 0);
}

#[test]
fn another_command_under_a_used_client_id_is_refused_and_the_first_stays() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let first = rig.ask(&phone, 1, text_to("bob", "hi"));
    for other in [text_to("bob", "ho"), text_to("carol", "hi"), group("g.club", &["bob"])] {
        assert_eq!(code(rig.ask(&phone, 1, other)), RefusedCode::ClientIdReused);
    }
    assert_eq!(rig.ask(&phone, 1, text_to("bob", "hi")), first);
    assert_eq!(rig.last_client_id(&phone), 1);
}

#[test]
fn a_refusal_uses_up_its_client_id_and_is_repeated_even_when_it_would_succeed_now() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let club = "g.club".parse().unwrap();
    let refusal = rig.ask(&phone, 1, text_in(&club, "hi"));
    assert_eq!(code(refusal.clone()), RefusedCode::UnknownConversation);
    rig.ask(&device("bob", "phone"), 1, group("g.club", &["alice"]));
    assert_eq!(rig.ask(&phone, 1, text_in(&club, "hi")), refusal);
    assert_eq!(submit_ok(rig.ask(&phone, 2, text_in(&club, "hi"))).seq, 1);
}

#[test]
fn an_answer_is_forgotten_after_as_many_commands_as_promised() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let last = OUTCOMES_KEPT + 5;
    let send = |rig: &mut Rig, n: u64| rig.ask(&phone, n, text_to("bob", &format!("number {n}")));
    let answers: Vec<_> = (1..=last).map(|n| send(&mut rig, n)).collect();
    assert_eq!(send(&mut rig, 6), answers[5]);
    let forgotten = refused(send(&mut rig, 5));
    assert_eq!((forgotten.code, forgotten.expected_client_id), (RefusedCode::OutOfOrder, last + 1));
}

#[test]
fn a_command_that_cannot_be_decoded_does_not_hold_up_those_behind_it() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    // A submit to nobody: the outside is in order, the inside is not.
    let packet = encode(1, text_to("bob", ""));
    let broken = [&packet[..2], &[0x2A, 0x00][..]].concat();
    let (answer, _) = rig.ask_raw(&phone, broken.clone());
    assert_eq!(answer.client_id, 1);
    assert_eq!(refused(answer.clone()).field, "submit");
    assert_eq!(rig.ask_raw(&phone, broken).0, answer);
    assert_eq!(code(rig.ask_raw(&phone, packet).0), RefusedCode::ClientIdReused);
    assert_eq!(submit_ok(rig.ask(&phone, 2, text_to("bob", "hi"))).seq, 1);
}

#[test]
fn what_is_no_request_is_refused_without_a_client_id() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let ack = encode(0, proto::packet::ClientBody::Ack { push_seq: 3 });
    for packet in [vec![], vec![0xFF; 9], b"{}".to_vec(), ack, encode(0, text_to("bob", "hi"))] {
        let (answer, _) = rig.ask_raw(&phone, packet);
        assert_eq!(answer.client_id, 0);
        assert_eq!(code(answer), RefusedCode::Invalid);
    }
    assert_eq!(rig.last_client_id(&phone), 0);
    let invalid = rig.logic.tally().refusals().find(|(code, _)| *code == RefusedCode::Invalid);
    assert_eq!(invalid, Some((RefusedCode::Invalid, 5)));
}

#[test]
fn a_pull_has_no_number_and_none_is_used_up() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    rig.ask(&phone, 1, text_to("bob", "hi"));
    let answer = rig.ask(&phone, 0, pull(&single("alice", "bob"), 0, 0));
    assert!(matches!(answer.body, ServerBody::Pulled(_)));
    assert_eq!(rig.last_client_id(&phone), 1);
}
