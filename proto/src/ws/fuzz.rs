//! What must hold for any bytes from a peer, as functions for the fuzzer and for the tests. Owns the oracles: a stream means the same however it
//! is cut, among others. Compiled for tests and under the feature `fuzz` only.

use super::deflate::{Deflater, Inflater};
use super::negotiate::{Accepted, Window};
use super::utf8::Utf8;
use super::{Event, Limits, Receiver, Role, WsError, is_utf8, request, upgrade};

/// An [`Event`] that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "see `Event`")]
pub enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<u16>, String),
}

impl From<Event<'_>> for Owned {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(std::str::from_utf8(text).expect("texts are UTF-8").to_owned()),
            Event::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Event::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Event::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Event::Close { code, reason } => Self::Close(code, reason.to_owned()),
        }
    }
}

/// Feeds a stream in pieces, as a connection does, up to a close or an error: what came out, and how it ended.
pub fn receive<'a>(
    role: Role,
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Owned>, Result<(), WsError>) {
    let (mut receiver, mut kept, mut events) = (Receiver::new(role), Vec::new(), Vec::new());
    for piece in pieces {
        kept.extend_from_slice(piece);
        let mut at = 0;
        loop {
            match receiver.next(&mut kept, &mut at, &limits) {
                Ok(Some(event)) => events.push(Owned::from(event)),
                Ok(None) => break,
                Err(error) => return (events, Err(error)),
            }
            if matches!(events.last(), Some(Owned::Close(..))) {
                return (events, Ok(()));
            }
        }
        kept.drain(..at);
        assert_eq!(
            receiver.wanted() == 0,
            kept.is_empty(),
            "a partial frame wants bytes, and only a partial frame"
        );
        assert!(receiver.wanted() == 0 || receiver.wanted() > kept.len(), "what is there is enough");
        assert!(receiver.wanted() <= limits.message_bytes.max(125) + super::frame::HEAD_BYTES_MAX);
    }
    (events, Ok(()))
}

/// Takes `bytes` for everything a peer may send.
pub fn fuzz(bytes: &[u8]) {
    upgrade(bytes);
    answer(bytes);
    deflate(bytes);
    utf8(bytes);
    stream(bytes);
}

/// A request to upgrade: what it means does not depend on what follows it, and its offers can be chosen from.
pub fn upgrade(bytes: &[u8]) {
    let _ = std::str::from_utf8(bytes).map(|text| Accepted::choose(text.split(',')));
    let Ok(Some(request)) = upgrade::parse(bytes) else { return };
    assert!(request.head_len <= bytes.len());
    assert_eq!(upgrade::parse(&bytes[..request.head_len]), Ok(Some(request)));
    let _ = request.subprotocol();
    let mut out = Vec::new();
    upgrade::accept_with(&mut out, request.key, None, Accepted::choose(request.extensions()));
    assert!(out.ends_with(b"\r\n\r\n"));
}

/// A server's answer to one.
pub fn answer(bytes: &[u8]) {
    let _ = request::parse_answer(bytes, *b"sixteen bytes ok", Some("holdfast.v1.proto"));
}

/// A compressed message: what comes out is never longer than is allowed; and what we compress ourselves comes back.
pub fn deflate(bytes: &[u8]) {
    const LIMIT: usize = 10_000;
    let mut inflater = Inflater::new();
    if let Ok(inflated) = inflater.inflate(bytes, LIMIT) {
        assert!(inflated.len() <= LIMIT);
    }
    let window = Window::ALL[bytes.len() % Window::ALL.len()];
    if let Some(deflated) = Deflater::new().deflate(bytes, window) {
        // The engine has just refused something, perhaps: that must not show.
        assert_eq!(inflater.inflate(deflated, bytes.len()), Ok(bytes));
    }
}

/// Text in two pieces and byte by byte: as the standard library sees the whole. The first byte chooses where it is cut.
pub fn utf8(bytes: &[u8]) {
    let Some((cut, text)) = bytes.split_first() else { return };
    let (one, two) = text.split_at(usize::from(*cut) % (text.len() + 1));
    let valid = std::str::from_utf8(text).is_ok();
    for pieces in [vec![one, two], text.chunks(1).collect()] {
        let mut check = Utf8::new();
        let fed = pieces.iter().all(|piece| check.feed(piece).is_ok());
        assert_eq!(fed && check.is_complete(), valid, "{text:x?}");
    }
    assert_eq!(is_utf8(text), valid);
}

/// Frames, taken for a client's and for a server's: a stream means the same however it is cut. The first byte chooses how.
pub fn stream(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else { return };
    let limits = Limits { message_bytes: 300, fragments: 4 };
    for role in [Role::Server, Role::Client] {
        let whole = receive(role, limits, [stream]);
        let cut = receive(role, limits, stream.chunks(usize::from(*cut % 16) + 1));
        assert_eq!(cut, whole, "a stream means the same however it is cut");
    }
}
