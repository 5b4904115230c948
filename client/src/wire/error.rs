//! What a server can do wrong on the wire: [`WireError`]. Owns the map to what the server is told.

use std::fmt;

use proto::close::CloseReason;
use proto::packet::PacketError;
use proto::ws::WsError;
use proto::ws::request::AnswerError;

/// Data that does not fit its message's type (RFC 6455 section 7.4.1).
const INVALID_PAYLOAD: u16 = 1007;

/// The server broke a rule; the connection is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// It did not accept the upgrade.
    Upgrade(AnswerError),
    /// A frame breaks the WebSocket protocol.
    WebSocket(WsError),
    /// A packet over TCP is larger than is taken.
    TooBig,
    /// A text message where binary ones are spoken, or the reverse.
    WrongType,
    /// A packet cannot be understood.
    Packet(PacketError),
}

impl WireError {
    /// The WebSocket close code that tells the server.
    pub(super) fn close_code(&self) -> u16 {
        match self {
            // Nothing can be told before the upgrade.
            Self::Upgrade(_) => 0,
            Self::WebSocket(error) => error.close_code(),
            Self::TooBig => CloseReason::TooBig.websocket_code(),
            Self::WrongType => CloseReason::WrongType.websocket_code(),
            Self::Packet(_) => INVALID_PAYLOAD,
        }
    }
}

impl From<WsError> for WireError {
    fn from(error: WsError) -> Self {
        Self::WebSocket(error)
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upgrade(error) => error.fmt(f),
            Self::WebSocket(error) => error.fmt(f),
            Self::TooBig => f.write_str("packet over the limit"),
            Self::WrongType => f.write_str("message of the wrong type"),
            Self::Packet(error) => write!(f, "bad packet: {error}"),
        }
    }
}

impl std::error::Error for WireError {}
