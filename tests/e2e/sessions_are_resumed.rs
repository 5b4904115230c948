//! A session outlives its connection, and its gateway: whoever has its secret takes it up, and nobody else.

use client::wire::Transport;
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, LoginOk, Resume, ResumeOk, Secret, ServerBody, Verdict,
};

use crate::cluster::{Cluster, token};
use crate::device::{Device, Way};
use crate::metrics::metric;
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
    let mut raw = Raw::open(cluster.address(), transport);
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
