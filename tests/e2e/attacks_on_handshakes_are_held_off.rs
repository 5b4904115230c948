//! Whoever attacks a gateway before it has said who it is gains nothing, is counted, and delays nobody who is served.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use proto::close::CloseReason;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use std::sync::Arc;

use crate::certificates::{Authority, ServerFiles};
use crate::raw::exchange;
use crate::victim::{MALLORY, Victim};

const GOOD: &str = "GET / HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The good request with one more line.
fn and(line: &str) -> String {
    format!("{}\r\n{line}\r\n\r\n", GOOD.trim_end())
}

#[test]
fn a_request_that_drips_ends_at_its_deadline() {
    let victim = Victim::start(&["--handshake-deadline=1s"]);
    let mut alice = victim.client();
    let mut slow: Vec<TcpStream> = victim.flood_from(MALLORY, 50);
    // A byte for each, over and over: none of them puts the end off.
    'drip: for byte in GOOD.bytes().cycle() {
        for stream in &mut slow {
            if stream.write_all(&[byte]).is_err() {
                break 'drip;
            }
        }
        alice.is_served();
        if victim.count("closed_total{reason=\"handshake_timeout\"}") > 0 || byte == b'=' {
            break;
        }
    }
    victim.await_closed(CloseReason::HandshakeTimeout, 50);
    victim.await_count("connections", 1);
    alice.is_served();
}

#[test]
fn a_flood_of_headers_is_refused_and_not_read_to_its_end() {
    let victim = Victim::start(&[]);
    let mut alice = victim.client();
    let lines = |count| "X: y\r\n".repeat(count);
    for request in [
        and(&format!("X: {}", "x".repeat(9000))),
        and(lines(70).trim_end()),
        // Short enough to be whole in one read, and much too long.
        and(lines(2000).trim_end()),
        "GET / HTTP/1.1\r\n".to_owned() + &lines(5000),
        format!("GET /{} HTTP/1.1\r\n", "x".repeat(9000)),
    ] {
        let answer = exchange(victim.address(), request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
        alice.is_served();
    }
    victim.await_closed(CloseReason::BadUpgrade, 5);
    // Headers without an end: the gateway goes while they are sent.
    let mut stream = victim.connect_from(MALLORY).unwrap();
    let kilobytes = lines(1000);
    stream.write_all(GOOD.trim_end().as_bytes()).unwrap();
    while stream.write_all(kilobytes.as_bytes()).is_ok() {}
    victim.await_closed(CloseReason::BadUpgrade, 6);
    alice.is_served();
}

#[test]
fn requests_that_two_servers_may_read_differently_are_refused() {
    let victim = Victim::start(&[]);
    let replaced = |old: &str, new: &str| {
        assert!(GOOD.contains(old));
        GOOD.replacen(old, new, 1)
    };
    let forms = [
        and("Content-Length: 5"),
        and("Transfer-Encoding: chunked"),
        and("Content-Length: 5\r\nTransfer-Encoding: chunked"),
        and("Content-Length: 0\r\nContent-Length: 5"),
        and("X: folded\r\n value"),
        and(": no name"),
        and("Upgrade : websocket"),
        and("Host: another"),
        and("Upgrade: websocket"),
        and("Sec-WebSocket-Key: BAAAAAAAAAAAAAAAAAAAAA=="),
        and("Sec-WebSocket-Version: 13"),
        and("X: a\rb"),
        and("X: a\0b"),
        replaced("Host: edge\r\n", "Host: edge\n"),
        replaced("GET / HTTP/1.1", "GET  / HTTP/1.1"),
        replaced("GET / HTTP/1.1", "GET / HTTP/1.0"),
        replaced("GET / HTTP/1.1", "GET http://edge/ HTTP/1.1"),
        replaced("GET", "POST"),
        replaced("Version: 13", "Version: 8"),
    ];
    for (times, request) in (1..).zip(&forms) {
        // What follows would be a request of its own for a server that reads the head differently.
        let answer = exchange(victim.address(), (request.clone() + GOOD).as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{request:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "one answer, and the end: {answer}");
        victim.await_closed(CloseReason::BadUpgrade, times);
    }
    assert_eq!(victim.count("upgraded_total"), 0);
    victim.client();
}

#[test]
fn a_page_of_a_stranger_or_a_rebound_name_gets_no_websocket() {
    let victim = Victim::start(&["--origins=https://chat.example", "--hosts=edge"]);
    for line in
        ["https://evil.example", "https://chat.example.evil.example", "null", "https://chat.example:8443"]
    {
        let answer = exchange(victim.address(), and(&format!("Origin: {line}")).as_bytes());
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
    let rebound = GOOD.replace("Host: edge", "Host: evil.example");
    assert!(exchange(victim.address(), rebound.as_bytes()).starts_with("HTTP/1.1 403 "));
    victim.await_closed(CloseReason::BadUpgrade, 5);
    let mut stream = victim.connect_from(MALLORY).unwrap();
    stream.write_all(and("Origin: https://chat.example").as_bytes()).unwrap();
    victim.await_count("upgraded_total", 1);
}

#[test]
fn with_no_descriptor_left_newcomers_are_shed_and_those_who_are_there_are_served() {
    let victim = Victim::start(&[]);
    let mut alice = victim.client();
    // The tables of other threads, to whom the limit is told as well, have less.
    victim.limit_files(64);
    // They are accepted and closed one by one, with rests between: the loop does not spin, and the queue does not stay full.
    let flood = victim.flood_from(MALLORY, 100);
    victim.await_more("turned_away_total{why=\"descriptors\"}", 9);
    alice.is_served();
    drop(flood);
    victim.limit_files(1000);
    victim.client();
}

#[test]
fn a_flood_of_tls_handshakes_delays_nobody_who_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, files) = (Authority::new(folder.path()), ServerFiles::at(folder.path()));
    authority.issue(&files);
    let [cert, key] = files.settings().map(|(name, path)| format!("--{name}={path}"));
    let victim =
        Victim::start(&[&cert, &key, "--tls-threads=1", "--handshakes=64", "--handshake-deadline=2s"]);
    let mut alice = victim.client();
    let hello = hello(&authority.client());
    let mut flood = Vec::new();
    for round in 0..20 {
        // Hellos that are never gone on with, halves of them, and what only begins like one.
        for bytes in [&hello[..], &hello[..hello.len() / 2], &b"\x16\x03\x01\xFF\xFF"[..]] {
            for mut stream in victim.flood_from(MALLORY, 10) {
                drop(stream.write_all(bytes));
                flood.push(stream);
            }
        }
        alice.is_served();
        assert!(victim.count("handshakes") <= 64, "in round {round}");
    }
    victim.await_more("turned_away_total{why=\"handshakes\"}", 0);
    victim.await_more("closed_total{reason=\"tls_failed\"}", 0);
    victim.await_count("connections", 1);
    victim.await_count("tls_connections", 0);
    victim.await_count("tls_handshakes_pending", 0);
    victim.client();
    for stream in &mut flood {
        // An alert, half a handshake, or nothing; and then the end.
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
    }
}

/// The first flight of a client, whole.
fn hello(client: &Arc<ClientConfig>) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut hello = Vec::new();
    connection.write_tls(&mut hello).unwrap();
    hello
}
