//! Submit and CreateGroup: who may speak, what the message becomes, and who is told on which link.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod kit;

use kit::*;
use logic::Input;
use proto::backend::{PushClass, Spot, Taken};
use proto::ids::Slot;
use proto::limits::{BODY_BYTES_MAX, PACKET_BYTES_MAX, PUSH_TARGETS_MAX};
use proto::packet::{
    Body, ClientBody, Codec, Message, RefusedCode, ServerBody, Submit, Target, encode_server, shared,
};

#[test]
fn the_first_message_makes_the_single_chat_and_both_may_go_on() {
    let (mut rig, alice, bob) = (Rig::new(), device("alice", "phone"), device("bob", "phone"));
    let chat = single("alice", "bob");
    assert_eq!(code(rig.ask(&bob, 1, text_in(&chat, "first?"))), RefusedCode::UnknownConversation);
    let ok = submit_ok(rig.ask(&alice, 1, text_to("bob", "hi")));
    assert_eq!((&ok.conversation, ok.seq, ok.time_ms), (&chat, 1, 1_000));
    assert_eq!(submit_ok(rig.ask(&bob, 2, text_in(&chat, "ho"))).seq, 2);
    let log = rig.pulled(&bob, &chat, 1, 0).messages;
    let said = |seq, sender: &str, to: &str, text: &str| Message {
        conversation: chat.clone(),
        seq,
        sender: sender.parse().unwrap(),
        to: Some(to.parse().unwrap()),
        time_ms: 1_000,
        body: Body::Text(text.into()),
    };
    assert_eq!(log, [said(1, "alice", "bob", "hi"), said(2, "bob", "alice", "ho")]);
}

#[test]
fn everybody_is_told_but_the_device_that_said_it() {
    let (mut rig, alice) = (Rig::new(), device("alice", "phone"));
    rig.ask(&alice, 1, group("g.club", &["bob", "carol", "dave"]));
    let (_, pushed) = rig.ask_raw(&alice, encode(2, text_in(&"g.club".parse().unwrap(), "hi")));
    let mut told = Vec::new();
    for (to, push) in &pushed {
        for (uid, except) in &push.targets {
            assert_eq!(*to, link(Slot::of(uid.as_str()).shard(2)));
            assert_eq!(except.is_some(), uid.as_str() == "alice");
            told.push(uid.clone());
        }
        let message = message_of(push);
        let spot = Spot { conversation: message.conversation.clone(), seq: message.seq };
        assert_eq!(push.class, PushClass::Chat(spot));
        assert_eq!((message.sender.as_str(), message.to), ("alice", None));
    }
    told.sort();
    assert_eq!(told, uids(&["alice", "bob", "carol", "dave"]));
    assert!(pushed.len() <= 2, "one frame for each shard");
}

#[test]
fn one_may_speak_to_oneself() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let (answer, pushed) = rig.ask_raw(&phone, encode(1, text_to("alice", "note")));
    assert_eq!(submit_ok(answer).conversation, single("alice", "alice"));
    let [(_, push)] = &pushed[..] else { panic!("{pushed:?}") };
    assert_eq!(push.targets, [("alice".parse().unwrap(), Some("phone".parse().unwrap()))]);
    assert_eq!(message_of(push).to, Some("alice".parse().unwrap()));
}

#[test]
fn strangers_are_kept_out() {
    let (mut rig, alice, mallory) = (Rig::new(), device("alice", "phone"), device("mallory", "phone"));
    rig.ask(&alice, 1, group("g.club", &["bob"]));
    rig.ask(&alice, 2, text_to("bob", "secret"));
    for (n, id) in [(1, "g.club".parse().unwrap()), (2, single("alice", "bob"))] {
        assert_eq!(code(rig.ask(&mallory, n, text_in(&id, "hi"))), RefusedCode::NotAMember);
        assert_eq!(code(rig.ask(&mallory, 0, pull(&id, 0, 0))), RefusedCode::NotAMember);
    }
    let nowhere = "g.nowhere".parse().unwrap();
    assert_eq!(code(rig.ask(&mallory, 0, pull(&nowhere, 0, 0))), RefusedCode::UnknownConversation);
}

#[test]
fn a_group_has_each_member_once_and_its_creator() {
    let (mut rig, alice) = (Rig::new(), device("alice", "phone"));
    let answer = rig.ask(&alice, 1, group("g.club", &["bob", "bob", "alice", "carol"]));
    let made = ServerBody::GroupOk { conversation: "g.club".parse().unwrap(), members: 3 };
    assert_eq!(answer.body, made);
    assert_eq!(rig.ask(&alice, 1, group("g.club", &["bob", "bob", "alice", "carol"])).body, made);
    assert_eq!(code(rig.ask(&alice, 2, group("g.club", &["bob"]))), RefusedCode::ConversationExists);
    let alone = ServerBody::GroupOk { conversation: "g.me".parse().unwrap(), members: 1 };
    assert_eq!(rig.ask(&alice, 3, group("g.me", &[])).body, alone);
}

#[test]
fn time_never_goes_back_in_a_conversation() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let times = [5_000, 4_000, 6_000].map(|ms| {
        rig.now = at(ms);
        let n = rig.last_client_id(&phone) + 1;
        submit_ok(rig.ask(&phone, n, text_to("bob", "hi"))).time_ms
    });
    assert_eq!(times, [5_000, 5_000, 6_000]);
}

#[test]
fn what_would_not_fit_a_json_packet_is_refused_and_makes_no_chat() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let answer = refused(rig.ask(&phone, 1, text_to("bob", &"\u{1}".repeat(BODY_BYTES_MAX))));
    assert_eq!((answer.code, &answer.field[..]), (RefusedCode::Invalid, "submit.text"));
    let chat = single("alice", "bob");
    assert_eq!(code(rig.ask(&phone, 0, pull(&chat, 0, 0))), RefusedCode::UnknownConversation);

    let bodies = [Body::Text("x".repeat(BODY_BYTES_MAX)), Body::Data(vec![0xFF; BODY_BYTES_MAX])];
    for (n, body) in (2..).zip(bodies) {
        let submit = Submit { target: Target::User("bob".parse().unwrap()), body };
        let (answer, pushed) = rig.ask_raw(&phone, encode(n, ClientBody::Submit(submit)));
        submit_ok(answer);
        let mut json = Vec::new();
        shared(Codec::Json, &pushed[0].1.packet, &mut json).unwrap();
        assert!(json.len() < PACKET_BYTES_MAX - 64);
    }
}

#[test]
fn a_shard_without_a_link_gets_the_push_with_the_next_one() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    // alice is of slot 956 and bob of slot 589: shards 0 and 1 of 2.
    rig.logic.handle(rig.now, Input::LinkDown { link: link(1) });
    let (_, pushed) = rig.ask_raw(&phone, encode(1, text_to("bob", "hi")));
    assert_eq!(pushed.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [link(0)]);

    let newer = logic::LinkId(7);
    rig.logic
        .handle(rig.now, Input::LinkUp { link: newer, shard: 1, shard_count: 2, taken: Taken::default() });
    rig.logic.handle(rig.now, Input::LinkDown { link: link(1) });
    let (_, pushed) = rig.ask_raw(&phone, encode(2, text_to("bob", "hi")));
    assert_eq!(pushed.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [newer, link(0), newer]);

    let only = Input::LinkUp { link: logic::LinkId(8), shard: 0, shard_count: 1, taken: Taken::default() };
    rig.logic.handle(rig.now, only);
    let (_, pushed) = rig.ask_raw(&phone, encode(3, text_to("bob", "hi")));
    let [(to, push)] = &pushed[..] else { panic!("{pushed:?}") };
    assert_eq!((to.0, push.targets.len()), (8, 2));
}

#[test]
fn the_largest_group_fits_one_frame() {
    let (mut rig, alice) = (Rig::new(), device("alice", "phone"));
    let names: Vec<_> = (0..512).map(|n| format!("member-{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    rig.ask(&alice, 1, group("g.all", &names));
    let (_, pushed) = rig.ask_raw(&alice, encode(2, text_in(&"g.all".parse().unwrap(), "hi")));
    assert_eq!(pushed.iter().map(|(_, push)| push.targets.len()).sum::<usize>(), 513);
    assert!(pushed.iter().all(|(_, push)| push.targets.len() <= PUSH_TARGETS_MAX));
    assert_eq!(pushed.len(), 2);
}

#[test]
fn a_reply_is_what_the_encoder_makes_of_it() {
    let (mut rig, alice) = (Rig::new(), device("alice", "phone"));
    let answer = rig.ask(&alice, 1, text_to("bob", "hi"));
    let mut json = Vec::new();
    encode_server(Codec::Json, answer, &mut json);
    let id = single("alice", "bob");
    let expected =
        format!(r#"{{"clientId":"1","submitOk":{{"conversation":"{id}","seq":"1","timeMs":"1000"}}}}"#);
    assert_eq!(String::from_utf8(json).unwrap(), expected);
}
