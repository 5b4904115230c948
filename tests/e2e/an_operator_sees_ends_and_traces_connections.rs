//! The gateway's admin pages about connections: they are listed page by page, found by address, slot and name, ended, and traced.

use client::wire::{Received, Transport};
use proto::ids::Slot;
use proto::packet::Codec;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::metrics::{ask, await_metric, metric};
use crate::raw::Raw;

#[test]
fn connections_are_listed_and_ended() {
    let cluster = Cluster::start();
    let (edge, admin) = (cluster.address(), cluster.gateway.address("admin"));
    let json = |method, target: &str| -> Value {
        serde_json::from_str(&ask(admin, method, target)).unwrap_or_else(|error| panic!("{target}: {error}"))
    };
    let mut alice = Raw::log_in(edge, Transport::WebSocket(Codec::Proto), "alice");
    let mut others: Vec<_> =
        (0..5).map(|n| Raw::log_in(edge, Transport::Tcp, &format!("other-{n}"))).collect();
    await_metric(admin, "holdfast_gateway_connections", 6);

    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = json("GET", &format!("/connections?limit=2{after}"));
        seen.extend(page["connections"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
    assert!(seen.iter().all(|conn| conn["stage"] == "open" && conn["waiting_bytes"] == 0), "{seen:?}");
    let peers = json("GET", "/connections?ip=127.0.0.1&limit=1000");
    assert_eq!(peers["connections"].as_array().unwrap().len(), 6);
    assert_eq!(json("GET", "/connections?ip=10.0.0.0/8")["connections"].as_array().unwrap().len(), 0);

    let hers = json("GET", "/connections?uid=alice");
    assert!(hers["note"].as_str().unwrap().contains("knows no users"), "{hers}");
    let hers = &hers["connections"][0];
    assert_eq!(hers["transport"], "websocket");
    assert!(hers["conn"].as_str().unwrap().contains(&format!(".s{}.", Slot::of("alice").0)), "{hers}");
    let name = hers["conn"].as_str().unwrap().replace('#', "%23");
    assert_eq!(json("POST", &format!("/connections/kick?conn={name}"))["kicked"], 1);
    let closed = alice.next();
    assert!(matches!(closed, Some(Received::Closed { code: Some(4004), .. })), "{closed:?}");
    assert_eq!(json("POST", "/connections/kick?ip=127.0.0.0/8")["kicked"], 5);
    assert!(others.iter_mut().all(|other| other.next().is_none()));
    await_metric(admin, "holdfast_gateway_closed_total{reason=\"kicked\"}", 6);

    let turns = metric(admin, "holdfast_gateway_turn_seconds_count");
    assert!(turns > 0 && metric(admin, "holdfast_gateway_turn_seconds_bucket{le=\"+Inf\"}") >= turns);
    assert!(metric(admin, "holdfast_gateway_link_bytes_sent_total") > 0);
}

#[test]
fn the_life_of_a_users_connection_is_told_while_it_is_traced() {
    let cluster = Cluster::start();
    let (edge, admin) = (cluster.address(), cluster.gateway.address("admin"));
    ask(admin, "POST", "/trace?uid=alice");
    let _bob = Raw::log_in(edge, Transport::Tcp, "bob");
    let alice = Raw::log_in(edge, Transport::WebSocket(Codec::Json), "alice");
    cluster.gateway.await_words("\"alice\" logs in");
    cluster.gateway.await_words("was sent ");
    ask(admin, "DELETE", "/trace");
    ask(admin, "POST", "/trace?ip=127.0.0.0/8");
    drop(alice);
    cluster.gateway.await_words("ended: peer_");
    assert!(!cluster.gateway.said().contains("\"bob\" logs in"));
}
