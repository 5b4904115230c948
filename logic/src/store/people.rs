//! What logic remembers of users, as a trait: which of their tokens are revoked, when they were last seen, and who wants to know. Owns the contract; it is
//! part of every [`Store`](super::Store) and of its one transaction.

use proto::backend::Which;
use proto::ids::Uid;

use super::StoreError;

/// See the module's page.
pub trait People {
    /// Remembers that tokens of a user are good no more: [`Which::Token`], [`Which::IssuedBefore`] or [`Which::All`].
    fn keep_revocation(&mut self, uid: &Uid, which: &Which) -> Result<(), StoreError>;

    /// Shows every revocation to `take`. All of a user come as [`Which::IssuedBefore`] a moment.
    fn revocations(&mut self, take: &mut dyn FnMut(Uid, Which)) -> Result<(), StoreError>;

    /// Remembers that a user was there at this moment (Unix time in milliseconds), if that is later than what is known.
    fn keep_seen(&mut self, uid: &Uid, at_ms: u64) -> Result<(), StoreError>;

    /// When a user was there last, as far as is known; 0 if they never were.
    fn last_seen(&mut self, uid: &Uid) -> Result<u64, StoreError>;

    /// A user wants to know of these who is online, and of no others any more.
    fn watch(&mut self, watcher: &Uid, watched: &[Uid]) -> Result<(), StoreError>;

    /// Who wants to know of a user, in order; at most `most`.
    fn watchers(&mut self, watched: &Uid, most: usize) -> Result<Vec<Uid>, StoreError>;
}

/// The second since the Unix epoch before which a revocation of several tokens takes all that were issued.
pub(super) fn before_s(which: &Which) -> Option<u32> {
    match which {
        Which::IssuedBefore(second) => Some(u32::try_from(*second).unwrap_or(u32::MAX)),
        Which::Token(_) => None,
        _ => Some(u32::MAX),
    }
}
