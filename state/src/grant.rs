//! What is remembered of the token that a session was opened with: [`Grant`]. Owns how a token's id is kept small; the check of tokens is [`crate::token`]'s.

use aws_lc_rs::digest;
use proto::device::DeviceClass;

/// What a good token says beyond whose it is. A session keeps it, so that the token can be revoked under it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// The first 8 bytes of SHA-256 over the token's id (`jti`); 0 if it has none.
    pub token: u64,
    /// When it was issued (`iat`), in seconds since the Unix epoch; 0 if it does not say, which counts as long ago.
    pub issued_s: u32,
    /// What kind of device it is for (`cls`).
    pub class: DeviceClass,
}

impl Grant {
    /// What a token's id is remembered as. It is written down, so it must never change.
    pub fn token_of(id: &str) -> u64 {
        let hash = digest::digest(&digest::SHA256, id.as_bytes());
        hash.as_ref().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}
