//! State may be killed at any moment: the gateway holds every connection, the journal every session, and nothing that was acknowledged is lost.

use client::wire::Transport;
use proto::packet::{Codec, ServerBody};

use crate::cluster::{Cluster, token};
use crate::crowd::nobody_notices;
use crate::raw::Raw;

/// Messages of each person.
const MESSAGES: usize = 500;
/// How often state is killed.
const DEATHS: usize = 3;

#[test]
fn no_connection_and_no_acknowledged_message_is_lost_when_state_is_killed() {
    let mut cluster = Cluster::start();
    nobody_notices(&mut cluster, MESSAGES, DEATHS, |_, cluster| {
        cluster.state.kill();
        cluster.state.start_again();
    });
}

#[test]
fn without_a_journal_an_idle_connection_is_asked_to_log_in_again_and_stays_open() {
    let mut cluster = Cluster::start();
    cluster.state.stop();
    cluster.state.set("journal", "off");
    cluster.state.start_again();
    let transports = [Transport::WebSocket(Codec::Json), Transport::WebSocket(Codec::Proto), Transport::Tcp];
    let mut people: Vec<_> = transports
        .into_iter()
        .enumerate()
        .map(|(n, transport)| (format!("person{n}"), transport))
        .map(|(uid, transport)| (Raw::log_in(cluster.address(), transport, &uid), uid))
        .collect();
    for _ in 0..2 {
        cluster.state.kill();
        cluster.state.start_again();
        for (raw, uid) in &mut people {
            assert_eq!(raw.packet().body, ServerBody::LoginRequired);
            raw.send_login(uid, token(uid));
            let answer = raw.packet().body;
            assert!(matches!(answer, ServerBody::LoginOk(_)), "{answer:?}");
        }
    }
}
