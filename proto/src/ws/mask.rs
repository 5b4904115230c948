//! Masking (RFC 6455 section 5.3): xor with a repeated four-byte key, by whole words. Owns the arithmetic; which frames are masked is
//! [`super::frame`]'s and [`super::Receiver`]'s.

/// Masks or unmasks `bytes`, the first of which stands at `offset` in the frame's payload.
pub fn apply(bytes: &mut [u8], mut key: [u8; 4], offset: usize) {
    key.rotate_left(offset % 4);
    let word = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    // The compiler turns this loop into vector instructions; see benches/README.md for what it buys.
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= key;
    }
}
