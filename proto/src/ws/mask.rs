//! Masking (RFC 6455 section 5.3): xor with a repeated four-byte key, by whole words. Owns the arithmetic; which frames are masked is
//! [`super::frame`]'s and [`super::Receiver`]'s.

use std::ops::Range;

/// Masks or unmasks `bytes`, the first of which stands at `offset` in the frame's payload.
pub fn apply(bytes: &mut [u8], key: [u8; 4], offset: usize) {
    let half = u32::from_le_bytes(key).rotate_right(8 * (offset % 4) as u32);
    let word = u64::from(half) << 32 | u64::from(half);
    // The compiler makes vector instructions of this loop; benches/README.md tells what that buys.
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_le_bytes(*chunk) ^ word).to_le_bytes();
    }
    let (halves, rest) = rest.as_chunks_mut::<4>();
    for chunk in halves {
        *chunk = (u32::from_le_bytes(*chunk) ^ half).to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(half.to_le_bytes()) {
        *byte ^= key;
    }
}

/// Masks or unmasks the bytes at `from` and moves them to `to` in the same pass. `to` must not lie behind `from`'s start.
///
/// # Panics
/// If it does, or if `from` is not a range of `bytes`.
#[inline]
pub fn apply_and_move(bytes: &mut [u8], from: Range<usize>, to: usize, key: [u8; 4]) {
    assert!(to <= from.start, "bytes are moved towards the front");
    let (mut source, mut target) = (from.start, to);
    // Each block is read whole before it is written, so that source and target may overlap.
    source = blocks::<64>(bytes, source..from.end, &mut target, key);
    source = blocks::<8>(bytes, source..from.end, &mut target, key);
    for place in source..from.end {
        bytes[target] = bytes[place] ^ key[(place - source) % 4];
        target += 1;
    }
}

/// Moves as many blocks of `N` bytes, a multiple of four, as there are; returns where the rest begins.
#[inline]
fn blocks<const N: usize>(bytes: &mut [u8], from: Range<usize>, target: &mut usize, key: [u8; 4]) -> usize {
    let mut source = from.start;
    while source + N <= from.end {
        let mut block = [0; N];
        block.copy_from_slice(&bytes[source..source + N]);
        for (place, byte) in block.iter_mut().enumerate() {
            *byte ^= key[place % 4];
        }
        bytes[*target..*target + N].copy_from_slice(&block);
        source += N;
        *target += N;
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_while_masking_is_masking_and_then_moving() {
        let key = [0x12, 0x34, 0x56, 0x78];
        for length in (0..200).chain([1000, 4099]) {
            for distance in [0, 1, 4, 7, 8, 60, 64, 100] {
                let original: Vec<u8> = (0..distance + length + 3).map(|n| n as u8).collect();
                let mut expected = original.clone();
                apply(&mut expected[distance..distance + length], key, 0);
                expected.copy_within(distance..distance + length, 0);
                let mut moved = original.clone();
                apply_and_move(&mut moved, distance..distance + length, 0, key);
                assert_eq!(moved[..length], expected[..length], "{length} bytes by {distance}");
                assert_eq!(moved[distance + length..], original[distance + length..]);
            }
        }
    }
}
