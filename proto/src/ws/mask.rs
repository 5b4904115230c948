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
    while payload.end - from >= WORD {
        ascii &= move_word::<LOOK>(bytes, from, to, WORD, key);
        (from, to) = (from + WORD, to + WORD);
    }
    let left = payload.end - from;
    if left > 0 && bytes.len() - from >= WORD {
        return ascii & move_word::<LOOK>(bytes, from, to, left, key);
    }
    ascii &= apply(&mut bytes[from..payload.end], key, 0);
    bytes.copy_within(from..payload.end, to);
    ascii
}

/// Bytes that are moved in one piece at a payload's end.
const WORD: usize = 16;

/// Unmasks `length` bytes, 1 to [`WORD`], and moves them from `from` to `to`. A whole word is read at both places and written at `to`; what stands behind
/// the moved bytes is written as it was.
#[inline(always)]
fn move_word<const LOOK: bool>(
    bytes: &mut [u8],
    from: usize,
    to: usize,
    length: usize,
    key: [u8; 4],
) -> bool {
    const HIGH_BITS: u128 = u128::from_le_bytes([0x80; WORD]);
    let read = |at: usize| bytes[at..].first_chunk().map_or(0, |word| u128::from_le_bytes(*word));
    let quarter = u128::from(u32::from_le_bytes(key));
    let wide_key = quarter | quarter << 32 | quarter << 64 | quarter << 96;
    let moved = u128::MAX >> (8 * (WORD - length));
    let plain = (read(from) ^ wide_key) & moved;
    let word = plain | read(to) & !moved;
    bytes[to..to + WORD].copy_from_slice(&word.to_le_bytes());
    LOOK && plain & HIGH_BITS == 0
}
