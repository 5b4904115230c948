//! SIGHUP: what may be changed is taken on without a disconnect, what may not is named, and a broken file changes nothing. And `check-config` says beforehand which of
//! them it would be.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use client::wire::{Received, Transport};
use proto::packet::Codec;
use proto::ws::request;

use crate::holdfast::{Holdfast, run};
use crate::program::PATIENCE;
use crate::raw::Raw;

#[test]
fn a_running_gateway_takes_on_what_it_can_and_drops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("holdfast.toml");
    let write = |text: &str| fs::write(&file, format!("[gateway]\nmode = \"echo\"\n{text}")).unwrap();
    write("");
    let config = file.to_str().unwrap();
    let flags = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--log-format", "text"];
    let arguments = [&["gateway", "--config", config][..], &flags].concat();
    let gateway = Holdfast::start(&arguments);
    let edge = gateway.address(&["listen"]);
    assert_eq!(upgrade(edge, "/anywhere"), "101");
    let mut before = Raw::open(edge, Transport::WebSocket(Codec::Proto));

    write("paths = [\"/chat\"]\nhandshake_deadline = \"9s\"\nlog = \"debug\"\nid = 7\n");
    gateway.signal("HUP");
    gateway.program.await_words("changed=log,handshake_deadline,paths");
    gateway.program.await_words("keys=id");
    assert_eq!((upgrade(edge, "/anywhere"), upgrade(edge, "/chat")), ("404".into(), "101".into()));
    gateway.program.await_words("DEBUG");

    write("paths = [\"/other\"]\ndrain = \"later\"\nlissten = 1\n");
    gateway.signal("HUP");
    gateway.program.await_words("gateway.drain: \"later\" is no duration");
    gateway.program.await_words("did you mean \"listen\"?");
    assert_eq!(upgrade(edge, "/chat"), "101", "nothing was changed");
    let check = run(&["check-config", "gateway", "--config", config]);
    assert_eq!(check.status.code(), Some(78));
    assert_eq!(String::from_utf8(check.stderr).unwrap().lines().count(), 2, "both mistakes are told");

    // Close code 1000, with an empty mask; it comes back if anybody is there.
    before.send_bytes(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]);
    let closed = before.next();
    assert!(matches!(closed, Some(Received::Closed { code: Some(1000), .. })), "{closed:?}");
}

#[test]
fn what_would_be_used_is_printed_without_secrets() {
    let key = "k:HS256:base64:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let output = run(&["state", "--token-keys", key, "--uplink-window", "7", "--print-config"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nuplink_window = 7\n") && text.contains("# token_keys is set"), "{text}");
    assert!(!text.contains("BwcH"), "{text}");
    assert_eq!(run(&["check-config", "state", "--token-keys", key]).status.code(), Some(0));
    assert_eq!(run(&["check-config", "logic"]).status.code(), Some(0));
    assert_eq!(run(&["check-config", "state"]).status.code(), Some(78), "without keys nobody could log in");
}

/// The status of an upgrade request.
fn upgrade(edge: SocketAddr, path: &str) -> String {
    let mut bytes = Vec::new();
    request::write(&mut bytes, &edge.to_string(), path, [7; 16], None);
    let mut stream = TcpStream::connect_timeout(&edge, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&bytes).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}
