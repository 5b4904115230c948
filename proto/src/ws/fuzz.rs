//! What must hold for any bytes from a peer, as one function for the fuzzer and for the tests. Owns the oracle: a stream means the same however it
//! is cut. Compiled for tests and under the feature `fuzz` only.

use super::deflate::Inflater;
use super::negotiate::Accepted;
use super::{Event, Limits, Receiver, Role, WsError, request, upgrade};

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

/// Takes `bytes` for everything a peer may send. The first byte chooses how the stream is cut.
pub fn fuzz(bytes: &[u8]) {
    let _ = upgrade::parse(bytes);
    let _ = request::parse_answer(bytes, *b"sixteen bytes ok", Some("holdfast.v1.proto"));
    let _ = Inflater::new().inflate(bytes, 10_000);
    let _ = std::str::from_utf8(bytes).map(|text| Accepted::choose(text.split(',')));
    let Some((cut, stream)) = bytes.split_first() else { return };
    let limits = Limits { message_bytes: 300, fragments: 4 };
    for role in [Role::Server, Role::Client] {
        let whole = receive(role, limits, [stream]);
        let cut = receive(role, limits, stream.chunks(usize::from(*cut % 16) + 1));
        assert_eq!(cut, whole, "a stream means the same however it is cut");
    }
}
