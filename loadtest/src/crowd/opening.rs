//! What is spoken to a server before and around messages: [`Speech`]. Owns the opening of a connection and the framing of an echo, for any WebSocket or TCP
//! server; what the messages are for is the crowds' business. Pure.

use client::wire::Address;
use proto::limits::UPGRADE_HEAD_BYTES_MAX;
use proto::tcp;
use proto::ws::{Opcode, frame, request};

/// Masks need not be unpredictable here: nobody else's bytes are in these messages.
pub(crate) const MASK: [u8; 4] = [0x5A, 0xC3, 0x3C, 0xA5];

/// What a server is spoken to in.
#[derive(Clone, Debug)]
pub(crate) enum Speech {
    /// WebSocket.
    WebSocket { host: String, path: String, subprotocol: Option<String> },
    /// TCP, whose bytes come back as they went.
    Bytes,
    /// Holdfast's raw TCP: a magic once, and a length before each message.
    Lengths,
}

impl Speech {
    /// What an address asks for. Over TCP messages may have `lengths`.
    pub(crate) fn of(address: &Address, lengths: bool, subprotocol: Option<&str>) -> Self {
        match (address.is_websocket(), lengths) {
            (true, _) => Self::WebSocket {
                host: address.authority(),
                path: address.path().to_owned(),
                subprotocol: subprotocol.map(str::to_owned),
            },
            (false, false) => Self::Bytes,
            (false, true) => Self::Lengths,
        }
    }

    /// Writes a client's first words. Whether the connection is open for messages with that.
    pub(crate) fn open(&self, number: u64, out: &mut Vec<u8>) -> bool {
        match self {
            Self::WebSocket { host, path, subprotocol } => {
                request::write(out, host, path, key(number), subprotocol.as_deref());
                false
            }
            Self::Bytes => true,
            Self::Lengths => {
                out.extend_from_slice(&tcp::MAGIC);
                true
            }
        }
    }

    /// Reads a server's answer to that: how many bytes it has, if it is whole.
    pub(crate) fn answered(&self, number: u64, bytes: &[u8]) -> Result<Option<usize>, String> {
        let Self::WebSocket { subprotocol, .. } = self else { return Ok(Some(0)) };
        // A server of another protocol is known by its first word, and need not be waited for.
        let begins = bytes.iter().zip(b"HTTP/").all(|(is, should)| is == should);
        if !begins {
            return Err("no HTTP answer: the server speaks another protocol".into());
        }
        if bytes.len() > UPGRADE_HEAD_BYTES_MAX * 2 {
            return Err("the answer to the upgrade has no end".into());
        }
        request::parse_answer(bytes, key(number), subprotocol.as_deref()).map_err(|error| error.to_string())
    }

    /// Writes a message.
    pub(crate) fn message(&self, parts: &[&[u8]], out: &mut Vec<u8>) {
        match self {
            Self::WebSocket { .. } => frame::append(out, Opcode::Binary, Some(MASK), parts),
            Self::Bytes => parts.iter().for_each(|part| out.extend_from_slice(part)),
            Self::Lengths => {
                let length = parts.iter().map(|part| part.len()).sum();
                out.extend_from_slice(&tcp::head(length));
                parts.iter().for_each(|part| out.extend_from_slice(part));
            }
        }
    }
}

/// The key of an upgrade, from the client's number instead of a memory.
fn key(number: u64) -> [u8; 16] {
    let mut key = [0x48; 16];
    key[..8].copy_from_slice(&number.to_le_bytes());
    key
}
