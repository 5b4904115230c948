//! A server's half is played by hand, from `proto`: the three forms, cut anywhere, and what a server can do wrong.

use proto::packet::{ClientBody, ServerBody, decode_client, encode_server};
use proto::ws::upgrade;

use super::*;

const TRANSPORTS: [Transport; 3] =
    [Transport::Tcp, Transport::WebSocket(Codec::Proto), Transport::WebSocket(Codec::Json)];

fn address() -> Address {
    "ws://edge:7400/chat".parse().unwrap()
}

fn heartbeat() -> ClientPacket {
    ClientPacket { client_id: 0, body: ClientBody::Heartbeat }
}

/// A wire, what it sends first, and the answer that a server would give to that.
fn started(transport: Transport) -> (Wire, Vec<u8>, Vec<Received>) {
    let (mut wire, mut out, mut received) = (Wire::new(transport, 1), Vec::new(), Vec::new());
    wire.start(&address(), &mut out, &mut received);
    (wire, out, received)
}

fn answer(request: &[u8], transport: Transport) -> Vec<u8> {
    let Some(name) = transport.subprotocol() else { return Vec::new() };
    let upgrade = upgrade::parse(request).unwrap().unwrap();
    assert_eq!(upgrade.path, "/chat");
    assert_eq!(upgrade.protocols().collect::<Vec<_>>(), [name]);
    let mut out = Vec::new();
    upgrade::accept(&mut out, upgrade.key, Some(name));
    out
}

fn down(transport: Transport, packet: ServerPacket, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    encode_server(transport.codec(), packet, &mut bytes);
    match transport {
        Transport::Tcp => {
            out.extend_from_slice(&tcp::head(bytes.len()));
            out.extend_from_slice(&bytes);
        }
        Transport::WebSocket(Codec::Proto) => frame::append(out, Opcode::Binary, None, &[&bytes]),
        Transport::WebSocket(Codec::Json) => frame::append(out, Opcode::Text, None, &[&bytes]),
    }
}

fn open(transport: Transport) -> Wire {
    let (mut wire, out, mut received) = started(transport);
    wire.receive(&mut answer(&out, transport), &mut Vec::new(), &mut received).unwrap();
    assert_eq!(received, [Received::Open]);
    wire
}

#[test]
fn a_wire_is_small_and_holds_no_memory_when_open() {
    assert!(size_of::<Wire>() <= 56, "{}", size_of::<Wire>());
}

#[test]
fn packets_come_back_however_the_bytes_are_cut() {
    for transport in TRANSPORTS {
        for cut in 1..40 {
            let (mut wire, out, mut received) = started(transport);
            let mut stream = answer(&out, transport);
            let ok = ServerPacket::plain(ServerBody::LoginRequired);
            (0..3).for_each(|_| down(transport, ok.clone(), &mut stream));
            let (mut pending, mut replies) = (Vec::new(), Vec::new());
            for piece in stream.chunks(cut) {
                pending.extend_from_slice(piece);
                let taken = wire.receive(&mut pending, &mut replies, &mut received).unwrap();
                pending.drain(..taken);
            }
            let packet = Received::Packet(ok);
            assert_eq!(received, [Received::Open, packet.clone(), packet.clone(), packet]);
            assert!(pending.is_empty() && replies.is_empty());
        }
    }
}

#[test]
fn what_is_sent_is_what_a_server_reads() {
    for transport in TRANSPORTS {
        let mut wire = open(transport);
        let mut out = Vec::new();
        (0..2).for_each(|_| wire.send(heartbeat(), &mut out));
        let mut at = 0;
        for _ in 0..2 {
            let payload = match transport {
                Transport::Tcp => {
                    let range = tcp::next(&out, at, 1000).unwrap().unwrap();
                    at = range.end;
                    out[range].to_vec()
                }
                Transport::WebSocket(codec) => {
                    let mut receiver = Receiver::new(Role::Server);
                    match (receiver.next(&mut out, &mut at, &LIMITS).unwrap().unwrap(), codec) {
                        (Event::Binary(bytes), Codec::Proto) | (Event::Text(bytes), Codec::Json) => {
                            bytes.to_vec()
                        }
                        other => panic!("{other:?}"),
                    }
                }
            };
            assert_eq!(payload, transport.codec().heartbeat(packet::Direction::Up));
            assert_eq!(decode_client(transport.codec(), &payload).unwrap(), heartbeat());
        }
        assert_eq!(at, out.len());
    }
}

#[test]
fn pings_are_answered_and_a_close_is_answered_once() {
    let mut wire = open(Transport::WebSocket(Codec::Proto));
    let (mut bytes, mut replies, mut received) = (Vec::new(), Vec::new(), Vec::new());
    frame::append(&mut bytes, Opcode::Ping, None, &[b"hi"]);
    ws::close::append(&mut bytes, None, Some(4001), "Replaced.");
    bytes.extend_from_slice(b"whatever follows");
    assert_eq!(wire.receive(&mut bytes, &mut replies, &mut received), Ok(bytes.len()));
    assert_eq!(received, [Received::Closed { code: Some(4001), reason: "Replaced.".into() }]);
    let mut server = Receiver::new(Role::Server);
    let mut at = 0;
    assert_eq!(server.next(&mut replies, &mut at, &LIMITS), Ok(Some(Event::Pong(b"hi"))));
    assert_eq!(
        server.next(&mut replies, &mut at, &LIMITS),
        Ok(Some(Event::Close { code: Some(4001), reason: "" }))
    );
    assert_eq!(at, replies.len());
    let mut out = Vec::new();
    wire.close(&mut out);
    wire.send(heartbeat(), &mut out);
    assert!(out.is_empty());
}

#[test]
fn a_server_that_breaks_a_rule_is_told_and_left() {
    let mut wire = open(Transport::WebSocket(Codec::Proto));
    let (mut bytes, mut replies) = (Vec::new(), Vec::new());
    frame::append(&mut bytes, Opcode::Text, None, &[b"{}"]);
    let error = wire.receive(&mut bytes, &mut replies, &mut Vec::new()).unwrap_err();
    assert_eq!(error, WireError::WrongType);
    let mut server = Receiver::new(Role::Server);
    assert_eq!(
        server.next(&mut replies, &mut 0, &LIMITS),
        Ok(Some(Event::Close { code: Some(1003), reason: "" }))
    );

    let mut wire = open(Transport::Tcp);
    let mut bytes = tcp::head(PACKET_BYTES_MAX + 1).to_vec();
    assert_eq!(wire.receive(&mut bytes, &mut Vec::new(), &mut Vec::new()), Err(WireError::TooBig));

    let (mut wire, ..) = started(Transport::WebSocket(Codec::Json));
    let mut bytes = b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec();
    let mut replies = Vec::new();
    let error = wire.receive(&mut bytes, &mut replies, &mut Vec::new()).unwrap_err();
    assert_eq!(error, WireError::Upgrade(request::AnswerError::Status(503)));
    assert!(replies.is_empty());
}
