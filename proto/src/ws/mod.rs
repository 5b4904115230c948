//! WebSocket (RFC 6455), both roles, without the socket: bytes in, events out; values in, bytes out. A file per section of the RFC.
//! Owns the framing, the handshakes and their strictness; leaves sockets and buffers to the caller, and what a message means to
//! [`crate::packet`]. The one extension is permessage-deflate (RFC 7692), which a server may negotiate and a client never offers.

pub mod close;
pub mod deflate;
mod error;
pub mod frame;
pub mod mask;
pub mod negotiate;
mod receive;
pub mod request;
pub mod upgrade;
mod utf8;

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
#[cfg(test)]
mod tests;

pub use error::WsError;
pub use frame::Opcode;
pub use receive::{Event, Found, Fragments, Limits, Receiver, Remembered};
pub use utf8::is_utf8;

use crate::packet::Codec;

/// Which end of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// We receive masked frames and send unmasked ones.
    Server,
    /// We receive unmasked frames and send masked ones.
    Client,
}

/// A subprotocol that Holdfast speaks (RFC 6455 section 1.9): the form of the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    /// Protobuf in binary messages.
    Proto,
    /// The protobuf JSON mapping in text messages.
    Json,
}

impl Subprotocol {
    /// The name in `Sec-WebSocket-Protocol`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proto => "holdfast.v1.proto",
            Self::Json => "holdfast.v1.json",
        }
    }

    /// The form of the packets.
    pub const fn codec(self) -> Codec {
        match self {
            Self::Proto => Codec::Proto,
            Self::Json => Codec::Json,
        }
    }

    /// The subprotocol of this name. Names are compared byte for byte, as the RFC has it.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Proto, Self::Json].into_iter().find(|known| known.name() == name)
    }
}
