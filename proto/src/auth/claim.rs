//! Whom a link between our own processes is from: [`Claim`]. Owns its layout in a proof, and how it is read from the first frame of a link whose sides need prove
//! nothing.

use crate::backend::FromState;
use crate::limits::{GATEWAYS_MAX, REACTORS_MAX, SHARDS_MAX};
use crate::link::{FromGateway, Hello, LinkError};
use crate::rpc::{self, FrameError};

use super::INTRODUCTION;

/// Bytes of a claim in a proof: role, gateway, reactor, shard, shard_count, boot_epoch.
pub(super) const CLAIM_BYTES: usize = 1 + 2 + 1 + 4 + 4 + 8;

/// Which link a proof is for: one for one kind of link is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Role {
    /// A gateway reactor's to a state shard.
    Gateway = 1,
    /// A state shard's to logic.
    State = 2,
}

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

impl Claim {
    /// Which kind of link it is about.
    pub fn role(&self) -> Role {
        match self {
            Self::Gateway(_) => Role::Gateway,
            Self::State { .. } => Role::State,
        }
    }

    pub(super) fn to_bytes(self) -> [u8; CLAIM_BYTES] {
        let (gateway, reactor, shard, shard_count, boot_epoch) = match self {
            Self::Gateway(Hello { gateway, reactor, boot_epoch, shard }) => {
                (gateway, reactor, shard, 0, boot_epoch)
            }
            Self::State { shard, shard_count, boot_epoch } => (0, 0, shard, shard_count, boot_epoch),
        };
        let mut bytes = [0; CLAIM_BYTES];
        bytes[0] = self.role() as u8;
        bytes[1..3].copy_from_slice(&gateway.to_be_bytes());
        bytes[3] = reactor;
        bytes[4..8].copy_from_slice(&shard.to_be_bytes());
        bytes[8..12].copy_from_slice(&shard_count.to_be_bytes());
        bytes[12..].copy_from_slice(&boot_epoch.to_be_bytes());
        bytes
    }

    /// The claim that these bytes make, if one makes these bytes.
    pub(super) fn from_bytes(bytes: &[u8; CLAIM_BYTES]) -> Option<Self> {
        let [role, g0, g1, reactor, s0, s1, s2, s3, c0, c1, c2, c3, epoch @ ..] = *bytes;
        let (gateway, shard) = (u16::from_be_bytes([g0, g1]), u32::from_be_bytes([s0, s1, s2, s3]));
        let (shard_count, boot_epoch) = (u32::from_be_bytes([c0, c1, c2, c3]), u64::from_be_bytes(epoch));
        let claim = match role {
            1 if u32::from(gateway) < GATEWAYS_MAX && usize::from(reactor) < REACTORS_MAX => {
                Self::Gateway(Hello { gateway, reactor, boot_epoch, shard })
            }
            2 if (1..=SHARDS_MAX).contains(&shard_count) && shard < shard_count => {
                Self::State { shard, shard_count, boot_epoch }
            }
            _ => return None,
        };
        (claim.to_bytes() == *bytes).then_some(claim)
    }
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
    /// It begins to prove itself with a secret, and there is none here.
    Secret,
}

impl std::fmt::Display for NoClaim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Body(error) => error.fmt(f),
            Self::Other => f.write_str("the first frame was no introduction"),
            Self::Secret => f.write_str("it wants to prove itself with a secret, and there is none here"),
        }
    }
}

impl std::error::Error for NoClaim {}

/// Reads who a gateway reactor says to be from the first bytes of its link; `None` when more are needed.
pub fn gateway_claim(bytes: &[u8]) -> Result<Option<Claim>, NoClaim> {
    let Some(found) = rpc::next(bytes, 0).map_err(NoClaim::Frame)? else { return Ok(None) };
    if found.kind == INTRODUCTION {
        return Err(NoClaim::Secret);
    }
    match FromGateway::decode(found.kind, &bytes[found.body]).map_err(NoClaim::Body)? {
        FromGateway::Hello(hello) => Ok(Some(Claim::Gateway(hello))),
        _ => Err(NoClaim::Other),
    }
}

/// Reads who a state shard says to be from the first bytes of its link; `None` when more are needed.
pub fn state_claim(bytes: &[u8]) -> Result<Option<Claim>, NoClaim> {
    let Some(found) = rpc::next(bytes, 0).map_err(NoClaim::Frame)? else { return Ok(None) };
    if found.kind == INTRODUCTION {
        return Err(NoClaim::Secret);
    }
    match FromState::decode(found.kind, &bytes[found.body]).map_err(NoClaim::Body)? {
        FromState::Hello { shard, shard_count, boot_epoch, .. } => {
            Ok(Some(Claim::State { shard, shard_count, boot_epoch }))
        }
        _ => Err(NoClaim::Other),
    }
}
