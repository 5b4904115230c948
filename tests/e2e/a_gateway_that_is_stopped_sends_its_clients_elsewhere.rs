//! SIGTERM lets clients go: those with an SDK come back elsewhere with nothing lost and no word of an error, others see why, and the exit code is 0. A second SIGTERM
//! does not wait for them.

use client::Event;
use client::wire::{Received, Transport};
use proto::packet::{Codec, ServerBody, ServerPacket};

use crate::cluster::{Cluster, token};
use crate::device::{Device, Way};
use crate::metrics::{ask, await_metric};
use crate::raw::Raw;

#[test]
fn clients_come_back_where_they_are_told_to() {
    let cluster = Cluster::start();
    let here = cluster.address().to_string();
    let mut other = cluster.another_gateway(&[("id", "1"), ("drain-to", &here), ("drain", "300ms")]);
    let edge = other.address("listen");
    let mut devices: Vec<_> = Way::ALL
        .into_iter()
        .enumerate()
        .map(|(place, way)| {
            let uid = format!("mover-{place}");
            let mut device = Device::connect(edge, &uid, "phone", way, token(&uid));
            device.wait("the login", logged_in);
            device
        })
        .collect();
    let mut raw = Raw::log_in(edge, Transport::WebSocket(Codec::Proto), "raw");
    other.stop();
    for device in &mut devices {
        let retry_ms = device.wait("the end of the connection", |event| match event {
            Event::Offline { retry_ms } => Some(*retry_ms),
            _ => None,
        });
        assert!(retry_ms <= 1200, "{retry_ms}");
        let resumed = |event: &Event| matches!(event, Event::Resumed { .. }).then_some(());
        device.wait("its session elsewhere", resumed);
        device.say("mover-0", "back");
    }
    await_metric(cluster.gateway.address("admin"), "holdfast_gateway_connections", devices.len() as u64);
    let moved = raw.packet();
    let ServerPacket { body: ServerBody::Move { address, .. }, .. } = moved else { panic!("{moved:?}") };
    assert_eq!(address, here);
    let closed = raw.next();
    assert!(matches!(closed, Some(Received::Closed { code: Some(1001), .. })), "{closed:?}");
}

#[test]
fn a_gateway_that_lets_its_clients_go_is_not_ready_and_ends_at_once_if_asked_again() {
    let cluster = Cluster::start();
    let mut other = cluster.another_gateway(&[("id", "1"), ("drain", "1h")]);
    let edge = other.address("listen");
    let crowd: Vec<_> = (0..4).map(|n| Raw::log_in(edge, Transport::Tcp, &format!("stays-{n}"))).collect();
    other.signal("TERM");
    await_metric(other.address("admin"), "holdfast_gateway_draining_reactors", 2);
    assert!(ask(other.address("admin"), "GET", "/connections").contains("\"open\""));
    other.signal("TERM");
    assert_eq!(other.exit_code(), Some(1));
    drop(crowd);
}

fn logged_in(event: &Event) -> Option<()> {
    matches!(event, Event::LoggedIn { .. }).then_some(())
}
