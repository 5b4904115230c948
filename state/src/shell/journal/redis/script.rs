//! The scripts that Redis runs for us, and their names. Owns that what is run is what was written; what each does stands at its head.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Takes a slot.
pub(super) const TAKE: &str = include_str!("take.lua");
/// Appends a commit to the log of a slot.
pub(super) const COMMIT: &str = include_str!("commit.lua");

/// What a server calls a script: the SHA-1 of its text.
pub(super) fn name(script: &str) -> String {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, script.as_bytes());
    let digits = digest.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}
