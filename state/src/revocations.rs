//! The tokens that are no longer good, though their signature and their time are: [`Revocations`]. Owns the bound on what is remembered; a revocation is never
//! dropped to make room for another, but the newer one is refused. Logic keeps them for good and tells them anew whenever its link comes up.

use std::collections::BTreeMap;

use proto::ids::Uid;
use proto::limits::REVOCATIONS_MAX;

use crate::grant::Grant;

/// Which tokens of a user are revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// All that were issued before this second since the Unix epoch.
    Before(u32),
    /// The one whose id is remembered as this.
    Token(u64),
}

impl Revoked {
    /// Whether a token is meant.
    pub(crate) fn means(self, grant: Grant) -> bool {
        match self {
            Self::Before(second) => grant.issued_s < second,
            Self::Token(token) => token != 0 && grant.token == token,
        }
    }
}

/// All revocations of a shard's users.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    users: BTreeMap<Uid, OfUser>,
    /// Users and tokens.
    entries: usize,
}

#[derive(Debug, Default)]
struct OfUser {
    before_s: u32,
    tokens: Vec<u64>,
}

/// There is no room for another revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Revocations {
    /// Remembers one.
    pub(crate) fn add(&mut self, uid: &Uid, revoked: Revoked) -> Result<(), Full> {
        if self.covers(uid, revoked) {
            return Ok(());
        }
        let needed = match (self.users.contains_key(uid), revoked) {
            (false, Revoked::Token(_)) => 2,
            (false, Revoked::Before(_)) | (true, Revoked::Token(_)) => 1,
            (true, Revoked::Before(_)) => 0,
        };
        if self.entries + needed > REVOCATIONS_MAX {
            return Err(Full);
        }
        self.entries += needed;
        let known = self.users.entry(uid.clone()).or_default();
        match revoked {
            Revoked::Before(second) => known.before_s = second,
            Revoked::Token(token) => known.tokens.push(token),
        }
        Ok(())
    }

    fn covers(&self, uid: &Uid, revoked: Revoked) -> bool {
        self.users.get(uid).is_some_and(|known| match revoked {
            Revoked::Before(second) => second <= known.before_s,
            Revoked::Token(token) => known.tokens.contains(&token),
        })
    }

    /// Whether a token of this user is no longer good.
    pub(crate) fn has(&self, uid: &Uid, grant: Grant) -> bool {
        self.users.get(uid).is_some_and(|known| {
            Revoked::Before(known.before_s).means(grant)
                || known.tokens.iter().any(|token| Revoked::Token(*token).means(grant))
        })
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use proto::device::DeviceClass;

    use super::*;

    fn grant(token: &str, issued_s: u32) -> Grant {
        Grant { token: Grant::token_of(token), issued_s, class: DeviceClass::Other }
    }

    #[test]
    fn a_token_is_revoked_by_its_time_or_by_its_id_and_no_other_is() {
        let (alice, bob): (Uid, Uid) = ("alice".parse().unwrap(), "bob".parse().unwrap());
        let mut revocations = Revocations::default();
        revocations.add(&alice, Revoked::Before(100)).unwrap();
        revocations.add(&alice, Revoked::Token(Grant::token_of("b"))).unwrap();
        revocations.add(&alice, Revoked::Before(50)).unwrap();
        assert!(revocations.has(&alice, grant("a", 99)) && !revocations.has(&alice, grant("a", 100)));
        assert!(revocations.has(&alice, grant("b", 200)) && !revocations.has(&bob, grant("b", 1)));
        assert!(!Revoked::Token(0).means(Grant::default()), "a token without an id is not meant by one");
        assert_eq!(revocations.len(), 2);
    }

    #[test]
    fn when_there_is_no_room_the_newer_is_refused() {
        let mut revocations = Revocations { entries: REVOCATIONS_MAX, ..Revocations::default() };
        let alice: Uid = "alice".parse().unwrap();
        assert_eq!(revocations.add(&alice, Revoked::Before(1)), Err(Full));
        assert!(!revocations.has(&alice, grant("a", 0)));
    }
}
