//! What a peer can do wrong on a WebSocket: [`WsError`]. Owns the map to close codes and reasons; closing is left to the caller.

use std::fmt;

use crate::close::CloseReason;

/// The peer broke a rule; the connection must be closed, with [`WsError::close_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WsError {
    /// A frame breaks RFC 6455: what is wrong with it.
    Protocol(&'static str),
    /// A text message or a close reason is not UTF-8.
    Utf8,
    /// A message has more bytes or more fragments than are taken.
    TooBig,
}

impl WsError {
    /// The close code that tells the peer (RFC 6455 section 7.4.1).
    pub fn close_code(self) -> u16 {
        CloseReason::from(self).websocket_code()
    }
}

impl From<WsError> for CloseReason {
    fn from(error: WsError) -> Self {
        match error {
            WsError::Protocol(_) => Self::FrameProtocol,
            WsError::Utf8 => Self::FrameUtf8,
            WsError::TooBig => Self::TooBig,
        }
    }
}

impl fmt::Display for WsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(what) => write!(f, "WebSocket protocol error: {what}"),
            Self::Utf8 => f.write_str("text that is not UTF-8"),
            Self::TooBig => f.write_str("message over the limit"),
        }
    }
}

impl std::error::Error for WsError {}
