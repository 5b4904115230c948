//! Why a connection ended: [`CloseReason`]. Owns the one list that the log, the counters, the RPC and the WebSocket close code share;
//! leaves the decision to close to the machines.

use std::ops::{Deref, DerefMut};

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $wire:literal, $label:literal, $code:literal;)+) => {
        /// Why a connection ended. Exactly one reason per connection, whoever ended it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum CloseReason {
            $($(#[doc = $doc])+ $name = $wire,)+
        }

        impl CloseReason {
            /// All reasons, in the order of their wire codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The names of all reasons, in the same order: the label values of a metric.
            pub const LABELS: &'static [&'static str] = &[$($label,)+];

            /// The reason's place in [`CloseReason::ALL`].
            pub fn ordinal(self) -> usize {
                usize::from(self as u8) - 1
            }

            /// The reason's name in logs and metrics.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            /// What a WebSocket peer is told (RFC 6455 section 7.4); 0 where nothing can be told or the peer spoke first.
            pub fn websocket_code(self) -> u16 {
                match self { $(Self::$name => $code,)+ }
            }

            /// The sentence that belongs to the reason: for the documentation and the close frame's text.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// The reason with this wire code.
            pub fn from_wire(code: u8) -> Option<Self> {
                match code { $($wire => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

reasons! {
    /// The client closed in good order.
    PeerClosed = 1, "peer_closed", 0;
    /// The connection broke.
    PeerReset = 2, "peer_reset", 0;
    /// The first bytes are no protocol that is served here.
    UnknownProtocol = 3, "unknown_protocol", 0;
    /// An HTTP request that is no acceptable WebSocket upgrade.
    BadUpgrade = 4, "bad_upgrade", 0;
    /// The first packet did not arrive in time.
    HandshakeTimeout = 5, "handshake_timeout", 1008;
    /// The first packet is neither a login nor a resume.
    FirstPacket = 6, "first_packet", 1008;
    /// A frame breaks the WebSocket protocol.
    FrameProtocol = 7, "frame_protocol", 1002;
    /// A text is not UTF-8.
    FrameUtf8 = 8, "frame_utf8", 1007;
    /// A frame, a message or a packet is too big.
    TooBig = 9, "too_big", 1009;
    /// The message type does not fit the subprotocol.
    WrongType = 10, "wrong_type", 1003;
    /// The client reads too slowly.
    SlowReader = 11, "slow_reader", 1008;
    /// The login was refused.
    LoginRefused = 12, "login_refused", 1008;
    /// The device logged in elsewhere.
    Replaced = 13, "replaced", 4001;
    /// The client did not acknowledge what it was sent.
    Lagging = 14, "lagging", 4002;
    /// No sign of life in time.
    HeartbeatTimeout = 15, "heartbeat_timeout", 4003;
    /// The user logged out.
    Logout = 16, "logout", 1000;
    /// The server is going away.
    GoingAway = 17, "going_away", 1001;
    /// The server has no room; try again later.
    Overload = 18, "overload", 1013;
    /// A fault of ours.
    Internal = 19, "internal", 1011;
    /// A connection to the balancers' listener that is from no trusted balancer.
    UntrustedProxy = 20, "untrusted_proxy", 0;
    /// A balancer's connection that does not begin with a PROXY header.
    ProxyHeader = 21, "proxy_header", 0;
    /// An operator has ended the connection.
    Kicked = 22, "kicked", 4004;
    /// Too many connections from one place.
    SourceLimit = 23, "source_limit", 0;
    /// The handshake took its time while others waited.
    HandshakeEvicted = 24, "handshake_evicted", 0;
    /// A message was not completed in time.
    MessageTimeout = 25, "message_timeout", 1008;
    /// Too much memory was held for clients, and for this one the most.
    MemoryPressure = 26, "memory_pressure", 0;
    /// The session was taken up on another connection.
    Resumed = 27, "resumed", 4005;
    /// The user has too many devices of this class.
    DeviceLimit = 28, "device_limit", 4006;
    /// The token was revoked.
    Revoked = 29, "revoked", 4007;
    /// The session was ended from elsewhere.
    SignedOut = 30, "signed_out", 4008;
    /// A connection that must begin with TLS, and does not.
    TlsRequired = 31, "tls_required", 0;
    /// TLS could not be agreed on, or was broken.
    TlsFailed = 32, "tls_failed", 0;
    /// More TLS handshakes are under way than are taken.
    TlsBusy = 33, "tls_busy", 0;
}

/// A number for each reason, by [`CloseReason::ordinal`]: how many connections ended so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerReason([u64; CloseReason::ALL.len()]);

impl Default for PerReason {
    fn default() -> Self {
        Self([0; CloseReason::ALL.len()])
    }
}

impl Deref for PerReason {
    type Target = [u64; CloseReason::ALL.len()];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for PerReason {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_codes_lead_back_and_texts_fit_a_close_frame() {
        for reason in CloseReason::ALL {
            assert_eq!(CloseReason::from_wire(*reason as u8), Some(*reason));
            assert!(reason.sentence().len() <= crate::limits::CONTROL_PAYLOAD_BYTES_MAX - 2);
        }
        assert!(CloseReason::ALL.iter().enumerate().all(|(place, reason)| reason.ordinal() == place));
        assert_eq!(CloseReason::from_wire(0), None);
        assert_eq!(CloseReason::Logout.sentence(), "The user logged out.");
    }
}
