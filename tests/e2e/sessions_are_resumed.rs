//! A session outlives its connection, and its gateway: whoever has its secret takes it up, and nobody else.

use std::net::SocketAddr;
use std::sync::{Arc, Barrier};
use std::thread;

use client::wire::{Received, Transport};
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, LoginOk, Resume, ResumeOk, Secret, ServerBody, Verdict,
};

use crate::cluster::{Cluster, token};
use crate::device::{Device, Way};
use crate::metrics::{await_metric, metric};
use crate::raw::Raw;

const JSON: Transport = Transport::WebSocket(Codec::Json);

fn log_in(cluster: &Cluster, transport: Transport) -> (Raw, LoginOk) {
    let mut raw = Raw::open(cluster.address(), transport);
    raw.send_login("alice", token("alice"));
    match raw.packet().body {
        ServerBody::LoginOk(ok) => (raw, ok),
        other => panic!("{other:?}"),
    }
}

fn resume(cluster: &Cluster, transport: Transport, ok: &LoginOk, secret: Secret) -> (Raw, ResumeOk) {
    resume_at(cluster.address(), transport, ok, secret)
}

fn resume_at(edge: SocketAddr, transport: Transport, ok: &LoginOk, secret: Secret) -> (Raw, ResumeOk) {
    let mut raw = Raw::open(edge, transport);
    let (uid, device) = ("alice".parse().unwrap(), "raw".parse().unwrap());
    let resume = Resume { uid, device, session: ok.session.clone(), secret, last_push_seq: 0 };
    raw.send(ClientPacket { client_id: 0, body: ClientBody::Resume(resume) });
    match raw.packet().body {
        ServerBody::ResumeOk(ok) => (raw, ok),
        other => panic!("{other:?}"),
    }
}

/// The text of the next packet, which must be a push.
fn pushed(raw: &mut Raw) -> (u64, Body) {
    let packet = raw.packet();
    match packet.body {
        ServerBody::Push(message) => (packet.push_seq, message.body),
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> Body {
    Body::Text(text.into())
}

#[test]
fn what_was_not_acknowledged_comes_on_the_next_connection_whatever_its_transport_and_gateway() {
    let mut cluster = Cluster::start();
    let (mut first, ok) = log_in(&cluster, JSON);
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    bob.say("alice", "one");
    assert_eq!(pushed(&mut first), (1, text("one")));
    drop(first);
    bob.say("alice", "two");
    let (mut second, resumed) = resume(&cluster, Transport::Tcp, &ok, ok.secret.unwrap());
    assert_eq!(resumed.verdict, Verdict::Complete);
    assert_eq!([pushed(&mut second), pushed(&mut second)], [(1, text("one")), (2, text("two"))]);
    // The gateway dies; another process is in its place.
    cluster.gateway.kill();
    cluster.gateway.start_again();
    let (mut third, resumed) = resume(&cluster, JSON, &ok, resumed.secret.unwrap());
    assert_eq!(resumed.verdict, Verdict::Complete);
    assert_eq!([pushed(&mut third), pushed(&mut third)], [(1, text("one")), (2, text("two"))]);
    // The SDK has done the same by itself.
    bob.say("alice", "three");
    assert_eq!(pushed(&mut third), (3, text("three")));
    assert!(metric(cluster.state.address("admin"), "holdfast_state_sessions_resumed_total") >= 3);
}

#[test]
fn a_secret_that_was_used_or_guessed_is_worth_nothing_and_disturbs_nobody() {
    let cluster = Cluster::start();
    let (first, ok) = log_in(&cluster, JSON);
    drop(first);
    let (mut second, resumed) = resume(&cluster, JSON, &ok, ok.secret.unwrap());
    // By saying anything the client shows that it has the new secret.
    second.send(ClientPacket { client_id: 0, body: ClientBody::Ack { push_seq: 0 } });
    let (_, answer) = resume(&cluster, JSON, &ok, Secret([7; 16]));
    assert_eq!((answer.verdict, answer.secret), (Verdict::Reset, None));
    let mut bob = Device::online(&cluster, "bob", "phone", Way::WebSocketProto);
    bob.say("alice", "hi");
    assert_eq!(pushed(&mut second), (1, text("hi")));
    let (_, answer) = resume(&cluster, JSON, &ok, ok.secret.unwrap());
    assert_eq!(answer.verdict, Verdict::Reset);
    assert_eq!(metric(cluster.state.address("admin"), "holdfast_state_resumes_forged_total"), 2);
    bob.say("alice", "again");
    assert_eq!(pushed(&mut second), (2, text("again")));
    let (_, answer) = resume(&cluster, JSON, &ok, resumed.secret.unwrap());
    assert_eq!(answer.verdict, Verdict::Complete);
}

#[test]
fn of_two_resumes_that_race_one_wins_and_the_other_connection_is_closed() {
    let cluster = Cluster::start();
    let (first, ok) = log_in(&cluster, JSON);
    drop(first);
    let (mut loser, _) = resume(&cluster, Transport::Tcp, &ok, ok.secret.unwrap());
    let (mut winner, resumed) = resume(&cluster, Transport::Tcp, &ok, ok.secret.unwrap());
    assert_eq!(resumed.verdict, Verdict::Complete);
    assert_eq!(loser.next(), None, "it is closed");
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    bob.say("alice", "hi");
    assert_eq!(pushed(&mut winner), (1, text("hi")));
}

#[test]
fn another_gateway_will_do_as_well() {
    let cluster = Cluster::start();
    let (first, ok) = log_in(&cluster, JSON);
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    bob.say("alice", "one");
    let other = cluster.another_gateway(&[("id", "2")]);
    let (mut second, resumed) = resume_at(other.address("listen"), JSON, &ok, ok.secret.unwrap());
    assert_eq!(resumed.verdict, Verdict::Complete);
    assert_eq!(pushed(&mut second), (1, text("one")));
    bob.say("alice", "two");
    assert_eq!(pushed(&mut second), (2, text("two")));
    // The first gateway has closed what the session was on.
    await_metric(cluster.gateway.address("admin"), "holdfast_gateway_connections", 1);
    drop(first);
}

#[test]
fn a_resume_waits_while_the_state_server_is_away() {
    let mut cluster = Cluster::start();
    let (first, ok) = log_in(&cluster, JSON);
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    bob.say("alice", "one");
    drop(first);
    cluster.state.kill();
    let address = cluster.address();
    let waiting = thread::spawn(move || {
        let (mut raw, resumed) = resume_at(address, JSON, &ok, ok.secret.unwrap());
        (resumed.verdict, pushed(&mut raw))
    });
    cluster.state.start_again();
    assert_eq!(waiting.join().unwrap(), (Verdict::Complete, (1, text("one"))));
}

#[test]
fn after_the_grace_there_is_nothing_to_resume_and_a_login_follows_on_the_same_connection() {
    let cluster = Cluster::with_state(&[("resume-grace", "100ms")]);
    let (first, ok) = log_in(&cluster, JSON);
    drop(first);
    await_metric(cluster.state.address("admin"), "holdfast_state_sessions", 0);
    let (mut second, answer) = resume(&cluster, JSON, &ok, ok.secret.unwrap());
    assert_eq!((answer.verdict, answer.secret), (Verdict::Reset, None));
    second.send_login("alice", token("alice"));
    assert!(matches!(second.packet().body, ServerBody::LoginOk(_)));
}

#[test]
fn resumes_that_come_at_the_same_moment_leave_one_session_on_one_connection() {
    let cluster = Cluster::start();
    let (first, ok) = log_in(&cluster, JSON);
    drop(first);
    let (start, address) = (Arc::new(Barrier::new(4)), cluster.address());
    let racers: Vec<_> = (0..4)
        .map(|_| {
            let (start, ok) = (Arc::clone(&start), ok.clone());
            thread::spawn(move || {
                start.wait();
                resume_at(address, Transport::Tcp, &ok, ok.secret.unwrap())
            })
        })
        .collect();
    let answers: Vec<_> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
    // Nobody has said anything on the connection it was given: the secret that all have shown is good each time.
    assert!(answers.iter().all(|(_, answer)| answer.verdict == Verdict::Complete));
    await_metric(cluster.gateway.address("admin"), "holdfast_gateway_connections", 1);
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    bob.say("alice", "hi");
    let heard = answers.into_iter().filter_map(|(mut raw, _)| raw.next());
    let heard: Vec<_> = heard.filter(|heard| matches!(heard, Received::Packet(_))).collect();
    assert_eq!(heard.len(), 1, "{heard:?}");
}
