//! A command that breaks a rule is refused with a code that says which, is counted, and harms nothing; a login that is refused ends its connection.

use client::wire::{Received, Transport};
use client::{Event, Failure, StopReason};
use proto::limits::BODY_BYTES_MAX;
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, KickedReason, RefusedCode, ServerBody, Submit, Target,
};

use crate::cluster::{Cluster, Server, expired_token, forged_token, token};
use crate::device::{Device, Way, to_conversation};
use crate::metrics::await_metric;
use crate::raw::Raw;

fn code<T: std::fmt::Debug>(result: Result<T, Failure>) -> RefusedCode {
    match result {
        Err(Failure::Refused(refused)) => refused.code,
        other => panic!("{other:?} instead of a refusal"),
    }
}

/// Waits until a server's page counts so many refusals of a kind.
fn are_counted(server: &Server, page: &str, code: &str, count: u64) {
    let name = format!("holdfast_{}_refused_total{{code=\"{code}\"}}", server.part);
    await_metric(server.address(page), &name, count);
}

#[test]
fn a_command_is_refused_and_the_next_one_is_taken() {
    let cluster = Cluster::start();
    for (n, way) in Way::ALL.into_iter().enumerate() {
        let (alice, group) = (&format!("alice{n}"), &format!("g.club{n}"));
        let mut member = Device::online(&cluster, alice, "phone", way);
        let mut stranger = Device::online(&cluster, "mallory", "phone", way);
        let nowhere = to_conversation("g.nowhere");
        assert_eq!(code(member.say_in(nowhere, "hello?")), RefusedCode::UnknownConversation);
        assert_eq!(member.make_group(group, &["bob"]), Ok(2));
        assert_eq!(code(member.make_group(group, &["bob"])), RefusedCode::ConversationExists);
        assert_eq!(code(stranger.say_in(to_conversation(group), "let me in")), RefusedCode::NotAMember);
        assert_eq!(code(stranger.history(&group.parse().unwrap())), RefusedCode::NotAMember);
        assert_eq!(member.say_in(to_conversation(group), "peace").map(|ok| ok.seq), Ok(1));
        stranger.say("bob", "hello");
        assert!(!member.was_offline() && !stranger.was_offline());
    }
    let ways = Way::ALL.len() as u64;
    are_counted(&cluster.logic, "http", "unknown_conversation", ways);
    are_counted(&cluster.logic, "http", "conversation_exists", ways);
    are_counted(&cluster.logic, "http", "not_a_member", 2 * ways);
}

#[test]
fn a_packet_that_breaks_a_bound_is_refused_by_its_field() {
    let cluster = Cluster::start();
    let transports = [Transport::WebSocket(Codec::Json), Transport::WebSocket(Codec::Proto), Transport::Tcp];
    for (n, transport) in transports.into_iter().enumerate() {
        // Each is somebody else: the same command of the same device would only get the same answer again.
        let mut raw = Raw::log_in(cluster.address(), transport, &format!("alice{n}"));
        let target = Target::User("bob".parse().unwrap());
        let submit = |client_id, bytes| {
            let body = Body::Text("x".repeat(bytes));
            let body = ClientBody::Submit(Submit { target: target.clone(), body });
            ClientPacket { client_id, body }
        };
        raw.send(submit(1, BODY_BYTES_MAX + 1));
        match raw.packet().body {
            ServerBody::Refused(refused) => {
                assert_eq!((refused.code, &*refused.field), (RefusedCode::Invalid, "submit.text"));
            }
            other => panic!("{other:?} instead of a refusal"),
        }
    }
    are_counted(&cluster.logic, "http", "invalid", 3);
}

#[test]
fn a_login_that_is_refused_is_told_why_and_then_the_connection_is_closed() {
    let cluster = Cluster::start();
    let tokens = [
        (forged_token("alice"), RefusedCode::TokenInvalid),
        (token("bob"), RefusedCode::TokenInvalid),
        ("nonsense".to_owned(), RefusedCode::TokenInvalid),
        (expired_token("alice"), RefusedCode::TokenExpired),
    ];
    for (token, code) in tokens {
        for transport in
            [Transport::WebSocket(Codec::Json), Transport::WebSocket(Codec::Proto), Transport::Tcp]
        {
            let mut raw = Raw::open(cluster.address(), transport);
            raw.send_login("alice", token.clone());
            match raw.packet().body {
                ServerBody::Refused(refused) => assert_eq!(refused.code, code),
                other => panic!("{other:?} instead of a refusal"),
            }
            if transport != Transport::Tcp {
                let Some(Received::Closed { code, .. }) = raw.next() else { panic!("it is not closed") };
                assert_eq!(code, Some(1008));
            }
            assert_eq!(raw.next(), None);
        }
        let mut device = Device::connect(cluster.address(), "alice", "phone", Way::Tcp, token);
        let StopReason::LoginRefused(refused) = device.stopped() else { panic!("it must not try again") };
        assert_eq!(refused.code, code);
    }
    // Each token on three raw connections and one of the SDK.
    are_counted(&cluster.state, "admin", "token_invalid", 3 * 4);
    are_counted(&cluster.state, "admin", "token_expired", 4);
}

#[test]
fn a_device_that_logs_in_elsewhere_replaces_itself() {
    let cluster = Cluster::start();
    for (n, way) in Way::ALL.into_iter().enumerate() {
        let alice = &format!("alice{n}");
        let mut tablet = Device::online(&cluster, alice, "tablet", way);
        let mut old = Device::online(&cluster, alice, "phone", way);
        let mut new = Device::online(&cluster, alice, "phone", Way::Tcp);
        old.wait("the kick", |event| matches!(event, Event::Kicked(KickedReason::Replaced, _)).then_some(()));
        assert_eq!(old.stopped(), StopReason::Replaced);
        new.say("bob", "from the new one");
        tablet.hear("from the new one");
        assert!(!tablet.was_offline() && !new.was_offline());
    }
}
