//! What proves that a session is its client's: [`Secret`]. Owns that it is compared in constant time and never printed; who makes it is the state server.

use std::fmt;

use crate::limits::SECRET_BYTES;

/// 128 bits that only a session's client and the state server know. It replaces no token: it opens nothing but the one session.
#[derive(Clone, Copy)]
pub struct Secret(pub [u8; SECRET_BYTES]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// In constant time: how long it takes tells nothing of where two secrets differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(other.0).fold(0, |all, (one, other)| all | (one ^ other));
        std::hint::black_box(difference) == 0
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_equal_in_every_bit_and_are_not_printed() {
        let secret = Secret([0xAB; SECRET_BYTES]);
        assert_eq!(secret, secret.clone());
        for bit in 0..SECRET_BYTES * 8 {
            let mut other = secret;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(secret, other);
        }
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
