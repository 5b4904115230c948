//! How the two ends of a link between our own processes prove to one another that they know the same secret, before anything else is said. Owns the bytes, the proofs
//! and the machines of both ends; leaves random numbers, deadlines and sockets to the shells.
//!
//! ```text
//! who dials                                              who listens
//!    ── Introduction: version, claim, nonce ──────────────────>
//!    <─ Challenge: version, nonce ─────────────────────────────
//!    ── Proof: HMAC(secret, "dials", all of the above) ───────>
//!    <─ Proof: HMAC(secret, "listens", all of the above) ──────
//!    ── Hello, and the link goes on as if nothing had been ───>
//! ```
//!
//! Each proof covers both nonces, so a recorded one is worth nothing, and says which side speaks, so one cannot be sent back. It covers the version and the claim (what
//! kind of link, which gateway and reactor or which shard), so neither can be exchanged on the way. Who dials proves itself first: a stranger who dials gets nothing
//! that a secret could be guessed from. What comes after is neither encrypted nor signed: whoever can change bytes on the way can take a link over once it is proved.

mod claim;
mod dialing;
mod listening;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;

use crate::limits::{NEWCOMER_BYTES_MAX, RPC_SECRET_BYTES_MAX, RPC_SECRET_BYTES_MIN, RPC_SECRETS_MAX};
use crate::rpc::{HEAD_BYTES, frame};
use claim::CLAIM_BYTES;
pub use claim::{Claim, NoClaim, Role, gateway_claim, state_claim};
pub use dialing::Dialing;
pub use listening::Listening;

/// The version of the proofs.
pub const VERSION: u8 = 1;

/// Frame kinds: none of them is one of a link.
const INTRODUCTION: u8 = 0x71;
const CHALLENGE: u8 = 0x72;
const DIALER_PROOF: u8 = 0x73;
const LISTENER_PROOF: u8 = 0x74;

/// Bytes of a number that is used once.
pub const NONCE_BYTES: usize = 32;
/// Bytes of a proof: HMAC-SHA256.
const PROOF_BYTES: usize = 32;
const INTRODUCTION_BYTES: usize = 1 + CLAIM_BYTES + NONCE_BYTES;
const CHALLENGE_BYTES: usize = 1 + NONCE_BYTES;
/// The longest frame.
const FRAME_BYTES_MAX: usize = HEAD_BYTES + INTRODUCTION_BYTES;

const _: () = assert!(FRAME_BYTES_MAX + HEAD_BYTES + PROOF_BYTES <= NEWCOMER_BYTES_MAX);

/// What a proof begins with, by the side that makes it: nothing else is ever signed with a link's secret under these words.
const DIALS: &[u8] = b"holdfast rpc link v1: who dials\0";
const LISTENS: &[u8] = b"holdfast rpc link v1: who listens\0";

/// Why a link's other end was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// It speaks without having proved anything: the frame's kind.
    Unproved(u8),
    /// A frame of a length that its kind does not have.
    Length(u32),
    /// Another version of the proofs.
    Version(u8),
    /// A claim that cannot be, or one about another kind of link.
    Claim,
    /// A proof that is none: the other end has another secret, or repeats what it has heard.
    Proof,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unproved(kind) => {
                write!(f, "it speaks without a proof (frame of kind {kind:#04x}): has it no secret?")
            }
            Self::Length(length) => write!(f, "a frame of length {length} where a proof is due"),
            Self::Version(version) => {
                write!(f, "version {version} of the proofs, but this side speaks {VERSION}")
            }
            Self::Claim => f.write_str("a claim that cannot be, or one for another kind of link"),
            Self::Proof => f.write_str("it does not know the secret"),
        }
    }
}

impl std::error::Error for AuthError {}

/// What is wrong with a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSecret {
    /// It has less than [`RPC_SECRET_BYTES_MIN`] bytes.
    Short(usize),
    /// It has more than [`RPC_SECRET_BYTES_MAX`] bytes.
    Long(usize),
    /// There are more than [`RPC_SECRETS_MAX`].
    Many(usize),
    /// There is none.
    None,
}

impl fmt::Display for BadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(bytes) => {
                write!(f, "has a secret of {bytes} bytes (expected at least {RPC_SECRET_BYTES_MIN})")
            }
            Self::Long(bytes) => {
                write!(f, "has a secret of {bytes} bytes (expected at most {RPC_SECRET_BYTES_MAX})")
            }
            Self::Many(count) => write!(f, "has {count} secrets (expected at most {RPC_SECRETS_MAX})"),
            Self::None => f.write_str("has no secret"),
        }
    }
}

impl std::error::Error for BadSecret {}

/// What both ends of a link know. The first secret is used to dial; all are good for who dials us.
#[derive(Clone)]
pub struct Secrets(Arc<[hmac::Key]>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl Secrets {
    /// One secret, or two of which the second is going or coming.
    pub fn new<S: AsRef<[u8]>>(secrets: &[S]) -> Result<Self, BadSecret> {
        if secrets.len() > RPC_SECRETS_MAX {
            return Err(BadSecret::Many(secrets.len()));
        }
        let key = |secret: &S| match secret.as_ref() {
            secret if secret.len() < RPC_SECRET_BYTES_MIN => Err(BadSecret::Short(secret.len())),
            secret if secret.len() > RPC_SECRET_BYTES_MAX => Err(BadSecret::Long(secret.len())),
            secret => Ok(hmac::Key::new(hmac::HMAC_SHA256, secret)),
        };
        let keys = secrets.iter().map(key).collect::<Result<Arc<[_]>, _>>()?;
        if keys.is_empty() { Err(BadSecret::None) } else { Ok(Self(keys)) }
    }
}

/// What has become of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress<T> {
    /// All were taken, and more are needed.
    More,
    /// The other end is believed.
    Proved {
        /// What has come of it.
        value: T,
        /// How many of the bytes were taken; the rest belongs to the link.
        taken: usize,
    },
}

/// All that both sides have said of themselves, as it stood on the wire: what the proofs are about.
#[derive(Clone, Copy, Debug)]
struct Transcript {
    introduction: [u8; INTRODUCTION_BYTES],
    challenge: [u8; CHALLENGE_BYTES],
}

impl Transcript {
    fn signed_by(&self, side: &[u8]) -> Vec<u8> {
        [side, &self.introduction, &self.challenge].concat()
    }

    fn prove(&self, side: &[u8], key: &hmac::Key) -> hmac::Tag {
        hmac::sign(key, &self.signed_by(side))
    }

    /// Compares in constant time.
    fn is_proof(&self, side: &[u8], key: &hmac::Key, proof: &[u8]) -> bool {
        hmac::verify(key, &self.signed_by(side), proof).is_ok()
    }
}

/// One frame of known kind and length at a time, however its bytes are cut. Takes nothing of what follows it, and no more than it has room for.
#[derive(Debug)]
struct Inlet {
    held: [u8; FRAME_BYTES_MAX],
    length: usize,
}

impl Inlet {
    fn new() -> Self {
        Self { held: [0; FRAME_BYTES_MAX], length: 0 }
    }

    /// Takes bytes off the front of `bytes` until the frame is whole, and gives its body. What cannot be the frame is found from its head.
    fn frame<const BODY: usize>(
        &mut self,
        bytes: &mut &[u8],
        kind: u8,
    ) -> Result<Option<[u8; BODY]>, AuthError> {
        let whole = HEAD_BYTES + BODY;
        let (taken, rest) = bytes.split_at(bytes.len().min(whole - self.length));
        self.held[self.length..self.length + taken.len()].copy_from_slice(taken);
        self.length += taken.len();
        *bytes = rest;
        if let [a, b, c, d, kind_and_body @ ..] = &self.held[..self.length] {
            if let Some(said) = kind_and_body.first().filter(|said| **said != kind) {
                return Err(AuthError::Unproved(*said));
            }
            let length = u32::from_be_bytes([*a, *b, *c, *d]);
            if length as usize != BODY + 1 {
                return Err(AuthError::Length(length));
            }
        }
        if self.length < whole {
            return Ok(None);
        }
        let body = self.held[HEAD_BYTES..whole].try_into().ok();
        self.length = 0;
        Ok(body)
    }
}

fn say(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    frame(out, kind, |out| out.extend_from_slice(body));
}
