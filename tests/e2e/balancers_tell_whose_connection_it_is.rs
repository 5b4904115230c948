//! Behind a balancer: the address in the PROXY header is the client's, and only a trusted balancer may give one. Owns the headers, which are written by hand here.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use client::wire::Transport;
use proto::close::CloseReason;
use proto::packet::Codec;
use proto::ws::Subprotocol;

use crate::cluster::Cluster;
use crate::foreign::{Foreign, Library};
use crate::metrics::await_metric;
use crate::raw::{Raw, connect, exchange, try_connect};

/// A header, whether it is sent byte by byte, and what the state server shall think of where the client is.
const HEADERS: [(&[u8], bool, &str); 8] = [
    (b"PROXY TCP4 203.0.113.7 192.0.2.1 49152 443\r\n", false, "203.0.113.7:49152"),
    (b"PROXY TCP4 203.0.113.8 192.0.2.1 49152 443\r\n", true, "203.0.113.8:49152"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 49152 443\r\n", true, "[2001:db8::7]:49152"),
    (b"PROXY UNKNOWN\r\n", true, "127.0.0.1:"),
    (
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xCB\0\x71\x09\xC0\0\x02\x01\xC0\0\x01\xBB",
        true,
        "203.0.113.9:49152",
    ),
    (
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x2B\
          \x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x08\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01\xC0\0\x01\xBB\
          \x04\0\x04pad!",
        true,
        "[2001:db8::8]:49152",
    ),
    (b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0", false, "127.0.0.1:"),
    (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", false, "127.0.0.1:"),
];

fn balanced(from: &str) -> (Cluster, SocketAddr) {
    let cluster = Cluster::start_with(&[("proxy-listen", "127.0.0.1:0"), ("proxy-from", from)]);
    let edge = cluster.gateway.address("proxy_listen");
    (cluster, edge)
}

#[test]
fn the_state_server_hears_the_address_that_the_header_gives() {
    let (cluster, edge) = balanced("10.0.0.0/8, 127.0.0.1");
    for (number, (header, in_drops, address)) in HEADERS.into_iter().enumerate() {
        let transport = [Transport::Tcp, Transport::WebSocket(Codec::Json)][number % 2];
        let mut stream = connect(edge);
        if in_drops {
            header.iter().for_each(|byte| stream.write_all(&[*byte]).unwrap());
        } else {
            stream.write_all(header).unwrap();
        }
        let uid = format!("user{number}");
        let _raw = Raw::logged_in_over(stream, transport, &uid);
        let line = cluster.state.has_said(&format!("uid=\"{uid}\""));
        assert!(line.contains(&format!("peer={address}")), "{line}");
    }
    // The other listener takes no header.
    let (header, ..) = HEADERS[4];
    assert_eq!(exchange(cluster.address(), header), "");
}

#[test]
fn a_foreign_client_does_not_notice_a_balancer() {
    let (cluster, edge) = balanced("127.0.0.0/8");
    let (header, _, address) = HEADERS[0];
    let balancer = balancer(edge, header);
    for (library, uid) in [(Library::Python, "alice"), (Library::Node, "bob")] {
        let url = format!("ws://{balancer}/");
        let client = Foreign::online_at(&cluster, &url, library, Subprotocol::Json, uid);
        let line = cluster.state.has_said(&format!("uid=\"{uid}\""));
        assert!(line.contains(&format!("peer={address}")), "{line}");
        assert_eq!(client.log_out(), 1000);
    }
}

#[test]
fn what_begins_without_a_header_is_closed_and_counted() {
    let (cluster, edge) = balanced("127.0.0.1/32");
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\nHost: edge\r\n\r\n",
        b"HFT1\0\0\0\0",
        b"PROXY TCP4 203.0.113.7\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xFF\xFF",
        &[0xFF; 4096],
    ];
    for bytes in garbage {
        assert_eq!(exchange(edge, bytes), "");
    }
    let counter = format!("holdfast_gateway_closed_total{{reason=\"{}\"}}", CloseReason::ProxyHeader.label());
    await_metric(cluster.gateway.address("admin"), &counter, garbage.len() as u64);
}

#[test]
fn who_is_not_trusted_is_closed_and_counted() {
    let (cluster, edge) = balanced("10.0.0.0/8, ::1");
    let (header, ..) = HEADERS[0];
    // It may be closed before any of this, or after it.
    let mut answer = Vec::new();
    if let Ok(mut stream) = try_connect(edge) {
        let _ = stream.write_all(header);
        let _ = stream.read_to_end(&mut answer);
    }
    assert_eq!(answer, b"");
    let counter =
        format!("holdfast_gateway_closed_total{{reason=\"{}\"}}", CloseReason::UntrustedProxy.label());
    await_metric(cluster.gateway.address("admin"), &counter, 1);
}

/// A balancer that begins each connection with this header: its address.
fn balancer(edge: SocketAddr, header: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let mut server = connect(edge);
            server.write_all(header).unwrap();
            let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass(from, to));
            thread::spawn(move || pass(server, client));
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    // A connection that breaks is the clients' to notice.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
