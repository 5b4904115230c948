//! Who a link between our own processes is from: [`Claim`]. Owns how it is read from the first frame of a link.

use crate::backend::FromState;
use crate::link::{FromGateway, Hello, LinkError};
use crate::rpc::{self, FrameError};

/// Whom a link is from, as far as it says so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A reactor of a gateway, for a state shard.
    Gateway(Hello),
    /// A state shard, for logic.
    State {
        /// The shard …
        shard: u32,
        /// … of so many.
        shard_count: u32,
        /// Milliseconds since the Unix epoch at the state server's start.
        boot_epoch: u64,
    },
}

/// Why a link's first frame is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoClaim {
    /// It is no frame.
    Frame(FrameError),
    /// It is none that is spoken here.
    Body(LinkError),
    /// It is no introduction.
    Other,
}

impl std::fmt::Display for NoClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
            Self::Other => f.write_str("the first frame was no introduction"),
        }
    }
}

impl std::error::Error for NoClaim {}

/// Reads who a gateway reactor says to be from the first bytes of its link; `None` when more are needed.
pub fn gateway_claim(bytes: &[u8]) -> Result<Option<Claim>, NoClaim> {
    let Some(found) = rpc::next(bytes, 0).map_err(NoClaim::Frame)? else { return Ok(None) };
    match FromGateway::decode(found.kind, &bytes[found.body]).map_err(NoClaim::Body)? {
        FromGateway::Hello(hello) => Ok(Some(Claim::Gateway(hello))),
        _ => Err(NoClaim::Other),
    }
}

/// Reads who a state shard says to be from the first bytes of its link; `None` when more are needed.
pub fn state_claim(bytes: &[u8]) -> Result<Option<Claim>, NoClaim> {
    let Some(found) = rpc::next(bytes, 0).map_err(NoClaim::Frame)? else { return Ok(None) };
    match FromState::decode(found.kind, &bytes[found.body]).map_err(NoClaim::Body)? {
        FromState::Hello { shard, shard_count, boot_epoch } => {
            Ok(Some(Claim::State { shard, shard_count, boot_epoch }))
        }
        _ => Err(NoClaim::Other),
    }
}
