//! A foreign judge: tungstenite makes the same messages of random streams as we do, and refuses where we refuse.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{self, Read, Write};

use proptest::prelude::*;
use proto::ws::frame::Header;
use proto::ws::{Event, Limits, Opcode, Receiver, Role, mask};
use tungstenite::{Error, Message, WebSocket, error::ProtocolError};

/// What a server has been told: a letter for the kind, and the payload.
type Told = (char, Vec<u8>);

fn ours(mut bytes: Vec<u8>) -> (Vec<Told>, bool) {
    let limits = Limits { message_bytes: 1 << 20, fragments: 1000 };
    let (mut receiver, mut at, mut told) = (Receiver::new(Role::Server), 0, Vec::new());
    loop {
        match receiver.next(&mut bytes, &mut at, &limits) {
            Ok(Some(Event::Text(text))) => told.push(('t', text.to_vec())),
            Ok(Some(Event::Binary(bytes))) => told.push(('b', bytes.to_vec())),
            Ok(Some(Event::Ping(bytes))) => told.push(('i', bytes.to_vec())),
            Ok(Some(Event::Pong(bytes))) => told.push(('o', bytes.to_vec())),
            Ok(Some(Event::Close { code, reason })) => {
                let code = code.map(u16::to_be_bytes).into_iter().flatten();
                told.push(('c', code.chain(reason.bytes()).collect()));
                return (told, true);
            }
            Ok(None) => return (told, true),
            Err(_) => return (told, false),
        }
    }
}

fn theirs(bytes: Vec<u8>) -> (Vec<Told>, bool) {
    let mut socket = WebSocket::from_raw_socket(Deaf(bytes, 0), tungstenite::protocol::Role::Server, None);
    let mut told = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => told.push(('t', text.as_bytes().to_vec())),
            Ok(Message::Binary(bytes)) => told.push(('b', bytes.to_vec())),
            Ok(Message::Ping(bytes)) => told.push(('i', bytes.to_vec())),
            Ok(Message::Pong(bytes)) => told.push(('o', bytes.to_vec())),
            // So it says that it refuses a close code.
            Ok(Message::Close(Some(frame))) if frame.reason == "Protocol violation" => return (told, false),
            Ok(Message::Close(frame)) => {
                let body = frame.map(|frame| {
                    [&u16::from(frame.code).to_be_bytes()[..], frame.reason.as_bytes()].concat()
                });
                told.push(('c', body.unwrap_or_default()));
                return (told, true);
            }
            Ok(Message::Frame(_)) => unreachable!("only writers use it"),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return (told, true),
            Err(_) => return (told, false),
        }
    }
}

/// A socket with something to say that hears nothing.
struct Deaf(Vec<u8>, usize);

impl Read for Deaf {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (&self.0[self.1..]).read(into)?;
        self.1 += count;
        Ok(count)
    }
}

impl Write for Deaf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    use Opcode::*;
    let payload = prop_oneof![
        6 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..130),
        1 => ("\\PC{1,5}", any::<prop::sample::Index>()).prop_map(|(text, cut)| text.as_bytes()[..cut.index(text.len())].to_vec()),
    ];
    let opcode = prop::sample::select(vec![
        Text,
        Text,
        Binary,
        Continuation,
        Continuation,
        Continuation,
        Ping,
        Pong,
        Close,
    ]);
    (any::<bool>(), opcode, payload, any::<[u8; 4]>(), any::<u16>()).prop_map(
        |(fin, opcode, mut payload, key, code)| {
            if opcode == Close && !payload.is_empty() {
                payload.splice(0..0, (code % 6000).to_be_bytes());
            }
            let length = payload.len() as u64;
            let header = Header {
                fin: fin || opcode.is_control() && code > 100,
                compressed: false,
                opcode,
                mask: Some(key),
                length,
            };
            mask::apply(&mut payload, key, 0);
            [header.encode().as_slice(), &payload].concat()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn tungstenite_reads_the_same(frames in prop::collection::vec(any_frame(), 0..12)) {
        let bytes = frames.concat();
        prop_assert_eq!(ours(bytes.clone()), theirs(bytes));
    }
}
