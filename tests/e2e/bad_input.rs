//! Whatever a client sends, it gets the defined error or close code, a counter tells of it, and nobody else notices.

use client::wire::{Received, Transport};
use proto::close::CloseReason;
use proto::limits::{LOGIN_PACKET_BYTES_MAX, PACKET_BYTES_MAX};
use proto::packet::{ClientBody, ClientPacket, Codec, RefusedCode, ServerBody};
use proto::tcp;
use proto::ws::frame::{append, head};
use proto::ws::{Opcode, Subprotocol};

use crate::bystanders::Scene;
use crate::cluster::Cluster;
use crate::metrics::{await_metric, metric};
use crate::raw::{Raw, exchange};

const JSON: Transport = Transport::WebSocket(Codec::Json);
const PROTO: Transport = Transport::WebSocket(Codec::Proto);
const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);

impl Scene {
    /// Something bad happens on another connection. It must be counted as `reason`, once, and the two must not notice.
    fn survives(&mut self, reason: CloseReason, something_bad: impl FnOnce(&Cluster)) {
        let counter = format!("holdfast_gateway_closed_total{{reason=\"{}\"}}", reason.label());
        let admin = self.cluster.gateway.address("admin");
        let before = metric(admin, &counter);
        something_bad(&self.cluster);
        await_metric(admin, &counter, before + 1);
        self.they_talk();
    }

    /// The same for a connection that is opened, sends `bytes` and must be closed: over WebSocket with the code of the reason.
    fn closes(&mut self, reason: CloseReason, logged_in: bool, transport: Transport, bytes: &[u8]) {
        self.survives(reason, |cluster| {
            let edge = cluster.address();
            let mut raw =
                if logged_in { Raw::log_in(edge, transport, "mallory") } else { Raw::open(edge, transport) };
            raw.send_bytes(bytes);
            is_closed(raw, transport, reason);
        });
    }
}

fn is_closed(mut raw: Raw, transport: Transport, reason: CloseReason) {
    if transport != Transport::Tcp {
        let Some(Received::Closed { code, reason: text }) = raw.next() else { panic!("it is not closed") };
        assert_eq!((code, &*text), (Some(reason.websocket_code()), reason.sentence()));
    }
    assert_eq!(raw.next(), None);
}

#[test]
fn what_is_no_protocol_of_ours_is_closed_and_what_is_http_is_told_why() {
    let mut scene = Scene::set();
    for bytes in [&b"HFT2"[..], b"\0\0\0\0", b"hello\r\n"] {
        scene.survives(CloseReason::UnknownProtocol, |cluster| {
            assert_eq!(exchange(cluster.address(), bytes), "");
        });
    }
    let upgrade = |version: u8, protocol: &str| {
        let key = "AAAAAAAAAAAAAAAAAAAAAA==";
        format!(
            "GET / HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: {version}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        )
    };
    let no_subprotocol = "no common subprotocol: holdfast.v1.proto and holdfast.v1.json are spoken";
    for (request, status, text) in [
        ("GET / HTTP/1.1\r\nHost: edge\r\n\r\n", "426 Upgrade Required", "this is a WebSocket endpoint"),
        ("POST / HTTP/1.1\r\nHost: edge\r\n\r\n", "405 Method Not Allowed", "method is not GET"),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request", "no Host header"),
        ("GET / HTTP/1.1\n\n\r\n\r\n", "400 Bad Request", "line does not end in CR LF"),
        (&upgrade(8, Subprotocol::Json.name()), "426 Upgrade Required", "WebSocket version is not 13"),
        (&upgrade(13, "chat"), "400 Bad Request", no_subprotocol),
        (
            &format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(8192)),
            "431 Request Header Fields Too Large",
            "request head is too large",
        ),
    ] {
        scene.survives(CloseReason::BadUpgrade, |cluster| {
            let answer = exchange(cluster.address(), request.as_bytes());
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{text}\n")), "{request:?}: {answer}");
        });
    }
}

#[test]
fn a_first_packet_that_is_no_login_is_refused() {
    let mut scene = Scene::set();
    for transport in [JSON, PROTO, Transport::Tcp] {
        scene.survives(CloseReason::FirstPacket, |cluster| {
            let mut raw = Raw::open(cluster.address(), transport);
            raw.send(ClientPacket { client_id: 0, body: ClientBody::Heartbeat });
            is_refused(&mut raw, RefusedCode::LoginFirst);
            is_closed(raw, transport, CloseReason::FirstPacket);
        });
    }
    for (transport, garbage) in [
        (JSON, frame(Opcode::Text, b"{\"login\":")),
        (PROTO, frame(Opcode::Binary, &[0xFF; 40])),
        (Transport::Tcp, [&tcp::head(40)[..], &[0xFF; 40]].concat()),
    ] {
        scene.survives(CloseReason::FirstPacket, |cluster| {
            let mut raw = Raw::open(cluster.address(), transport);
            raw.send_bytes(&garbage);
            is_refused(&mut raw, RefusedCode::Invalid);
            is_closed(raw, transport, CloseReason::FirstPacket);
        });
    }
}

fn is_refused(raw: &mut Raw, code: RefusedCode) {
    match raw.packet().body {
        ServerBody::Refused(refused) => assert_eq!(refused.code, code),
        other => panic!("{other:?} instead of a refusal"),
    }
}

#[test]
fn a_frame_that_breaks_the_protocol_closes_its_connection_with_the_right_code() {
    let mut scene = Scene::set();
    let heartbeat = Codec::Json.heartbeat(proto::packet::Direction::Up);
    let mut unmasked = Vec::new();
    append(&mut unmasked, Opcode::Text, None, &[heartbeat]);
    for logged_in in [false, true] {
        let mut closes = |reason, transport, bytes: &[u8]| scene.closes(reason, logged_in, transport, bytes);
        closes(CloseReason::FrameProtocol, JSON, &unmasked);
        closes(CloseReason::FrameProtocol, PROTO, &[0xFF; 64]);
        closes(CloseReason::FrameProtocol, JSON, &frame(Opcode::Continuation, b"of nothing"));
        closes(CloseReason::FrameUtf8, JSON, &frame(Opcode::Text, b"{\"text\":\"\xC3\x28\"}"));
        closes(CloseReason::WrongType, JSON, &frame(Opcode::Binary, heartbeat));
        closes(CloseReason::WrongType, PROTO, &frame(Opcode::Text, heartbeat));
        // The head alone is enough: nobody waits for the rest.
        let limit = if logged_in { PACKET_BYTES_MAX } else { LOGIN_PACKET_BYTES_MAX };
        closes(CloseReason::TooBig, JSON, &oversized(limit));
        closes(CloseReason::TooBig, Transport::Tcp, &tcp::head(limit + 1));
        closes(CloseReason::TooBig, Transport::Tcp, &[0xFF; 64]);
    }
}

#[test]
fn a_later_packet_that_is_garbage_is_refused_and_the_connection_goes_on() {
    let cluster = Cluster::start();
    for (transport, garbage) in [
        (JSON, frame(Opcode::Text, b"[1, 2")),
        (PROTO, frame(Opcode::Binary, &[0xFF; 40])),
        (Transport::Tcp, [&tcp::head(40)[..], &[0xFF; 40]].concat()),
    ] {
        let mut raw = Raw::log_in(cluster.address(), transport, "mallory");
        for _ in 0..3 {
            raw.send_bytes(&garbage);
            is_refused(&mut raw, RefusedCode::Invalid);
        }
        raw.send(ClientPacket { client_id: 0, body: ClientBody::Heartbeat });
        assert_eq!(raw.packet().body, ServerBody::Heartbeat);
    }
    let admin = cluster.state.address("admin");
    await_metric(admin, "holdfast_state_refused_total{code=\"invalid\"}", 3 * 3);
}

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, opcode, MASK, &[payload]);
    bytes
}

/// The head of a frame that is one byte too long.
fn oversized(limit: usize) -> Vec<u8> {
    head(Opcode::Text, limit + 1, MASK).as_slice().to_vec()
}
