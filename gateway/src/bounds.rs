//! What one reactor takes of its clients: [`Bounds`]. Owns how the operator's words for a process become the numbers of a reactor; what happens at each bound is told where it is
//! enforced.

use std::time::Duration;

use proto::limits;

use crate::Config;
use crate::admission::HandshakeLimits;
use crate::memory::Watermark;
use crate::meters::RateLimits;
use crate::room::Room;
use crate::sources::SourceLimits;

/// The bounds of one reactor.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How many reactors there are.
    pub reactors: u32,
    /// How many connections it has room for.
    pub room: Room,
    /// What one source may have.
    pub sources: SourceLimits,
    /// Which handshakes it takes on.
    pub handshakes: HandshakeLimits,
    /// How fast an open connection may send.
    pub rates: RateLimits,
    /// From the first byte of a message to its last.
    pub message_deadline: Duration,
    /// How much the process may hold for clients.
    pub watermark: Watermark,
}

impl Bounds {
    /// Those of each of so many reactors, which each may open so many files.
    pub fn of(config: &Config, reactors: u32, files: u64) -> Self {
        Self {
            reactors,
            room: Room::new(config.connections, files),
            sources: SourceLimits {
                connections: config.source_connections,
                per_second: config.source_rate,
                burst: config.source_burst,
                exempt: config.source_exempt.clone(),
            },
            handshakes: HandshakeLimits { places: config.handshakes, per_second: config.handshake_rate },
            rates: RateLimits {
                messages: config.message_rate.into(),
                message_burst: config.message_burst.into(),
                bytes: config.byte_rate.0 as u64,
                byte_burst: config.byte_burst.0 as u64,
            },
            message_deadline: config.message_deadline,
            watermark: Watermark::new(config.client_memory.0, reactors),
        }
    }
}

/// Those of the only reactor, if nothing was said.
impl Default for Bounds {
    fn default() -> Self {
        Self {
            reactors: 1,
            room: Room::default(),
            sources: SourceLimits::default(),
            handshakes: HandshakeLimits { places: limits::HANDSHAKES_MAX, per_second: 0 },
            rates: RateLimits::default(),
            message_deadline: limits::MESSAGE_DEADLINE,
            watermark: Watermark::new(limits::CLIENT_MEMORY_MAX, 1),
        }
    }
}
