//! Who comes and goes is told to those who watch, on real processes; a connection that is lost and resumed is not told, and logic may die in between.

use std::time::Duration;

use client::Event;
use proto::packet::UserPresence;

use crate::cluster::Cluster;
use crate::device::{Device, Way};
use crate::metrics::{await_metric, metric};

/// Waits until somebody is told how it stands with alice, as it should.
fn told(device: &mut Device, online: bool) -> UserPresence {
    device.wait(&format!("alice to be online: {online}"), |event| {
        match event {
            Event::Presence(users) => {
                users.iter().find(|user| user.uid.as_str() == "alice" && user.online == online)
            }
            _ => None,
        }
        .cloned()
    })
}

#[test]
fn a_watcher_sees_a_user_come_and_go_and_not_the_losses_of_connections() {
    let mut cluster = Cluster::with_state(&[("resume-grace", "2s")]);
    let mut bob = Device::online(&cluster, "bob", "phone", Way::WebSocketJson);
    bob.say("alice", "hello");
    bob.watch(&["alice", "stranger"]);
    assert_eq!(told(&mut bob, false).since_ms, 0, "she has never been there");

    let alice = Device::online(&cluster, "alice", "phone", Way::WebSocketProto);
    let came = told(&mut bob, true);
    let laptop = Device::online(&cluster, "alice", "laptop", Way::Tcp);
    let admin = cluster.state.address("admin");
    let heard = metric(cluster.logic.address("http"), "holdfast_logic_presence_heard_total");
    crate::metrics::ask(cluster.gateway.address("admin"), "POST", "/connections/kick?ip=127.0.0.0/8");
    await_metric(admin, "holdfast_state_sessions_resumed_total", 3);
    assert_eq!(metric(cluster.logic.address("http"), "holdfast_logic_presence_heard_total"), heard);
    assert!(told(&mut bob, true).since_ms == came.since_ms, "bob was resumed, and asks anew");

    cluster.logic.kill();
    drop(laptop);
    cluster.logic.start_again();
    // Known again from the shards' lists, and told again.
    told(&mut bob, true);
    drop(alice);
    let gone = told(&mut bob, false);
    assert!(
        gone.since_ms >= came.since_ms
            && gone.since_ms < came.since_ms + Duration::from_mins(10).as_millis() as u64
    );
    let mut carol = Device::online(&cluster, "carol", "phone", Way::Tcp);
    carol.say("alice", "are you there?");
    carol.watch(&["alice"]);
    assert_eq!(told(&mut carol, false).since_ms, gone.since_ms, "last seen is kept");
}
