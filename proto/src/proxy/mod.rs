//! The PROXY protocol, versions 1 and 2, as haproxy's `proxy-protocol.txt` has it: how a balancer tells whose connection it passes on. Owns the two layouts;
//! who may speak it, and where, is the gateway's to decide.
//!
//! It is never guessed: whether a connection begins with a header is known beforehand, and one that does not is an error.

mod v1;
mod v2;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its bytes; what follows is the client's.
    pub len: usize,
    /// Where the client comes from. `None` if the header does not tell (`UNKNOWN`, `LOCAL`, a Unix socket): then the address of the connection itself is the
    /// client's.
    pub source: Option<SocketAddr>,
}

/// The bytes are no header; the connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyError {
    /// They begin like neither version.
    Signature,
    /// The line of version 1 is longer than 107 bytes, or has a byte that is no printable ASCII.
    Line,
    /// The line's protocol is none of TCP4, TCP6 and UNKNOWN, or its addresses or ports are not written as they must be.
    Words,
    /// Version or command of a binary header are not known.
    Command,
    /// A binary header is about another kind of connection than TCP or a Unix socket.
    Family,
    /// A binary header is longer than is taken, or too short for its addresses.
    Length,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Signature => "no PROXY header",
            Self::Line => "a PROXY line that does not end, or is not ASCII",
            Self::Words => "a PROXY line with bad addresses",
            Self::Command => "a PROXY header of an unknown version or command",
            Self::Family => "a PROXY header for another kind of connection",
            Self::Length => "a PROXY header of a bad length",
        })
    }
}

impl std::error::Error for ProxyError {}

/// Reads the header at the beginning of a connection: `None` while it is not whole. An error comes as early as the bytes show it.
pub fn parse(bytes: &[u8]) -> Result<Option<Header>, ProxyError> {
    match bytes.first() {
        None => Ok(None),
        Some(first) if *first == v2::SIGNATURE[0] => v2::parse(bytes),
        Some(_) => v1::parse(bytes),
    }
}

/// Whether the bytes that there are agree with a beginning that is known.
fn begins_with(bytes: &[u8], beginning: &[u8]) -> bool {
    let seen = bytes.len().min(beginning.len());
    bytes[..seen] == beginning[..seen]
}

/// Takes `bytes` for everything a peer may send: what they mean does not depend on how much of them has come, and a header is what it was found to be
/// whatever follows it.
#[cfg(any(test, feature = "fuzz"))]
pub fn fuzz(bytes: &[u8]) {
    let whole = parse(bytes);
    for end in 0..bytes.len().min(crate::limits::PROXY_HEADER_BYTES_MAX) {
        match parse(&bytes[..end]) {
            Ok(None) => {}
            found => assert_eq!(found, whole, "the first {end} bytes decide"),
        }
    }
    if let Ok(Some(header)) = whole {
        assert!(header.len <= bytes.len().min(crate::limits::PROXY_HEADER_BYTES_MAX));
        assert_eq!(parse(&bytes[..header.len]), whole, "it is whole with its last byte …");
        assert_eq!(parse(&bytes[..header.len - 1]), Ok(None), "… and not before");
    }
}
