//! Looking at sessions for an operator: [`Seen`]. Owns how much of the table is looked at in one go; the questions come through the shell.

use proto::backend::SessionInfo;
use proto::close::CloseReason;
use proto::ids::{ConnId, Uid};
use proto::limits::SESSIONS_SCANNED;
use proto::time::Now;

use crate::Shard;

/// A session, as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whose.
    pub uid: Uid,
    /// What it is.
    pub info: SessionInfo,
    /// Its connection, or the last one.
    pub conn: ConnId,
    /// Why its last connection ended, if it has none.
    pub left: Option<CloseReason>,
}

/// What a look at a piece of the table has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Sessions, in the order of their places.
    pub seen: Vec<Seen>,
    /// From where to go on; `None` when the table is at its end.
    pub next: Option<u32>,
}

impl Shard {
    /// Looks at sessions from a place of the table on: at most `limit` of them, at no more places than one turn has time for.
    pub fn look(&self, now: Now, from: u32, limit: usize) -> Found {
        let mut found = Found::default();
        let end = from.saturating_add(SESSIONS_SCANNED).min(self.places());
        for place in from..end {
            if found.seen.len() >= limit {
                found.next = Some(place);
                return found;
            }
            found.seen.extend(self.seen(now, place));
        }
        found.next = Some(end).filter(|end| *end < self.places());
        found
    }

    /// All sessions of a user: they are not many.
    pub fn look_at_user(&self, now: Now, uid: &Uid) -> Found {
        let places = self.places_of(uid.as_str());
        Found { seen: places.into_iter().filter_map(|place| self.seen(now, place)).collect(), next: None }
    }

    fn seen(&self, now: Now, place: u32) -> Option<Seen> {
        let (uid, conn, left) = self.place(place)?;
        Some(Seen { uid, info: self.info(now, place)?, conn, left })
    }
}
