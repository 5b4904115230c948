//! What a client proves with that a session is its own. Owns how secrets are made, which of them are good, and when one becomes void; what follows from a good or
//! a bad one is decided in `crate::shard`.
//!
//! Nothing secret is kept in a session: the n-th secret of a session is HMAC-SHA-256 (RFC 2104) over its name, its user, its device and n, under a key that only the
//! shard has. A session keeps two numbers.

use aws_lc_rs::hmac;
use proto::limits::SECRET_BYTES;
use proto::packet::Secret;

/// What secrets are made with.
#[derive(Clone)]
pub(crate) struct SecretKey(hmac::Key);

impl SecretKey {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    /// The secret with this number of a session.
    pub(crate) fn secret(&self, session: u64, uid: &str, device: &str, number: u32) -> Secret {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&session.to_be_bytes());
        context.update(&number.to_be_bytes());
        context.update(&[uid.len() as u8]);
        context.update(uid.as_bytes());
        context.update(device.as_bytes());
        let mut secret = [0; SECRET_BYTES];
        secret.copy_from_slice(&context.sign().as_ref()[..SECRET_BYTES]);
        Secret(secret)
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// Which secrets of a session are good: the last one that its client has shown to have, and the newest, which may be on its way to it or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secrets {
    /// The number of the one that the client has shown.
    pub shown: u32,
    /// The number of the newest is so much greater.
    pub ahead: u8,
}

impl Secrets {
    /// Those of a session that has just begun: LoginOk tells the first.
    pub(crate) fn new() -> Self {
        Self { shown: 1, ahead: 0 }
    }

    /// The number of the newest.
    pub(crate) fn newest(self) -> u32 {
        self.shown.wrapping_add(u32::from(self.ahead))
    }

    /// The number of the secret that `is` the client's, if that one is good. Both are always tried: time tells nothing.
    pub(crate) fn find(self, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let (newest, shown) = (is(self.newest()), is(self.shown));
        if newest { Some(self.newest()) } else { shown.then_some(self.shown) }
    }

    /// The client has shown the good one with this number: it gets a new one, whose number is returned. A newest one that was not shown becomes void.
    pub(crate) fn renew(&mut self, shown: u32) -> u32 {
        // So often without any sign that a new secret has arrived: then this one must do until the end.
        let ahead = if shown == self.shown { self.ahead.saturating_add(1) } else { 1 };
        *self = Self { shown, ahead };
        self.newest()
    }

    /// The client has spoken on a connection on which it was told the newest: those before are void.
    pub(crate) fn confirm(&mut self) {
        *self = Self { shown: self.newest(), ahead: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_of_its_session_its_user_its_device_and_its_number() {
        let key = SecretKey::new([7; 32]);
        let secret = key.secret(1, "ab", "c", 1);
        assert_eq!(secret, key.secret(1, "ab", "c", 1));
        for other in [
            key.secret(2, "ab", "c", 1),
            key.secret(1, "a", "bc", 1),
            key.secret(1, "ab", "d", 1),
            key.secret(1, "ab", "c", 2),
            SecretKey::new([8; 32]).secret(1, "ab", "c", 1),
        ] {
            assert_ne!(secret, other);
        }
    }

    #[test]
    fn a_lost_answer_leaves_the_old_secret_good_and_a_used_one_makes_it_void() {
        let good =
            |secrets: Secrets| (0..9).filter(|n| secrets.find(|m| m == *n).is_some()).collect::<Vec<_>>();
        let mut secrets = Secrets::new();
        assert_eq!(good(secrets), [1]);
        assert_eq!((secrets.renew(1), good(secrets)), (2, vec![1, 2]));
        assert_eq!(
            (secrets.renew(1), good(secrets)),
            (3, vec![1, 3]),
            "2 was for a connection that is fenced"
        );
        assert_eq!((secrets.renew(3), good(secrets)), (4, vec![3, 4]));
        secrets.confirm();
        assert_eq!(good(secrets), [4]);
    }
}
