//! Masking (RFC 6455 section 5.3): xor with a repeated four-byte key, by whole words. Owns the arithmetic; which frames are masked is
//! [`super::frame`]'s and [`super::Receiver`]'s.

use std::ops::Range;

/// Masks or unmasks `bytes`, the first of which stands at `offset` in the frame's payload. Tells whether they are ASCII now: in this pass that
/// costs next to nothing, and most text needs no other check.
#[inline]
pub fn apply(bytes: &mut [u8], key: [u8; 4], offset: usize) -> bool {
    let half = u32::from_le_bytes(key).rotate_right(8 * (offset % 4) as u32);
    let word = u64::from(half) << 32 | u64::from(half);
    let mut seen = 0;
    // The compiler makes vector instructions of this loop; benches/README.md tells what that buys.
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for chunk in words {
        let plain = u64::from_le_bytes(*chunk) ^ word;
        seen |= plain;
        *chunk = plain.to_le_bytes();
    }
    let (halves, rest) = rest.as_chunks_mut::<4>();
    for chunk in halves {
        let plain = u32::from_le_bytes(*chunk) ^ half;
        seen |= u64::from(plain);
        *chunk = plain.to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(half.to_le_bytes()) {
        *byte ^= key;
        seen |= u64::from(*byte);
    }
    seen & 0x8080_8080_8080_8080 == 0
}

/// Masks or unmasks `payload` of `bytes` on its way to `to`, which must not lie behind the payload's start: one pass instead of two. What lay
/// between the two places is overwritten as far as the payload reaches. With `LOOK` it tells whether the payload is ASCII now; without, which is
/// faster, it says no.
///
/// # Panics
/// If `to` lies behind the payload's start.
#[inline]
pub fn apply_and_move<const LOOK: bool>(
    bytes: &mut [u8],
    payload: Range<usize>,
    to: usize,
    key: [u8; 4],
) -> bool {
    // A block is read before it is written, so it may overlap its new place, but never what is still to be read.
    // (A loop over bytes instead is eighteen times slower: it is not turned into vector instructions.)
    const BLOCK: usize = 64;
    assert!(to <= payload.start, "a payload moves to the front");
    let (mut from, mut to, mut ascii) = (payload.start, to, LOOK);
    while payload.end - from >= BLOCK {
        let mut block = [0; BLOCK];
        block.copy_from_slice(&bytes[from..from + BLOCK]);
        let block_is_ascii = apply(&mut block, key, 0);
        if LOOK {
            ascii &= block_is_ascii;
        }
        bytes[to..to + BLOCK].copy_from_slice(&block);
        (from, to) = (from + BLOCK, to + BLOCK);
    }
    ascii &= apply(&mut bytes[from..payload.end], key, 0);
    bytes.copy_within(from..payload.end, to);
    ascii
}
