//! Who came and went, until logic has taken it: [`Roll`]. Owns that of a user only the last state is told, that at most one frame is unanswered, and that when too much
//! has gathered everything is told anew instead. Who is online is the shard's to say.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use proto::ids::Uid;
use proto::limits::{PRESENCE_PENDING_MAX, PRESENCE_USERS_MAX};

/// What has to be told.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    /// Logic wants to know.
    wanted: bool,
    /// Something was told and is not taken yet.
    unanswered: bool,
    /// All who are online are being told of, from this place of the table on.
    listing: Option<u32>,
    /// Users that came or went, in order: whether they were online before the first time, and their last sign of life.
    changed: HashMap<Uid, Change, FixedState>,
    order: VecDeque<Uid>,
}

/// What is known of a user that came or went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    /// Before the first of all changes that are not told yet.
    pub(crate) was_online: bool,
    /// The moment of the last one: coming, or the last sign of life before going. Unix time in milliseconds.
    pub(crate) at_ms: u64,
}

/// What is to be told next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// A piece of the list of all, from this place on.
    List(u32),
    Changes,
}

impl Roll {
    /// Logic is there and wants to know, or not: it knows nothing.
    pub(crate) fn begin(&mut self, wanted: bool) {
        *self = Self { wanted, listing: wanted.then_some(0), ..Self::default() };
    }

    /// A user has come or gone. `false` if there was no room: then everything is told anew.
    pub(crate) fn note(&mut self, uid: &str, is_online: bool, at_ms: u64) -> bool {
        if !self.wanted {
            return true;
        }
        let Ok(uid) = uid.parse::<Uid>() else { return true };
        if let Some(change) = self.changed.get_mut(&uid) {
            change.at_ms = at_ms;
            return true;
        }
        if self.changed.len() >= PRESENCE_PENDING_MAX {
            self.changed.clear();
            self.order.clear();
            self.listing = Some(0);
            return false;
        }
        self.changed.insert(uid.clone(), Change { was_online: !is_online, at_ms });
        self.order.push_back(uid);
        true
    }

    /// What is to be told now.
    pub(crate) fn next(&self) -> Next {
        match self.listing {
            _ if !self.wanted || self.unanswered => Next::Nothing,
            Some(place) => Next::List(place),
            None if self.order.is_empty() => Next::Nothing,
            None => Next::Changes,
        }
    }

    /// A piece of the list has been told, up to this place; `None` if it was the last.
    pub(crate) fn listed(&mut self, next: Option<u32>) {
        (self.unanswered, self.listing) = (true, next);
    }

    /// The oldest changes, as many as one frame may have; `tell` says of each whether it is worth telling.
    pub(crate) fn take(&mut self, mut tell: impl FnMut(Uid, Change) -> bool) {
        let mut told = 0;
        while told < PRESENCE_USERS_MAX
            && let Some(uid) = self.order.pop_front()
        {
            if let Some(change) = self.changed.remove(&uid) {
                told += usize::from(tell(uid, change));
            }
        }
        self.unanswered = told > 0;
    }

    /// Logic has taken what was told. `false` if nothing was.
    pub(crate) fn taken(&mut self) -> bool {
        std::mem::take(&mut self.unanswered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(roll: &mut Roll) -> Vec<(String, bool)> {
        let mut told = Vec::new();
        roll.take(|uid, change| {
            told.push((uid.as_str().to_owned(), change.was_online));
            true
        });
        told
    }

    #[test]
    fn of_a_user_only_the_last_state_is_told_and_one_frame_at_a_time() {
        let mut roll = Roll::default();
        roll.note("alice", true, 1);
        roll.begin(true);
        assert_eq!(roll.next(), Next::List(0), "what was before is in the list");
        roll.listed(None);
        for (uid, online) in [("alice", true), ("bob", false), ("alice", false)] {
            roll.note(uid, online, 2);
        }
        assert_eq!(roll.next(), Next::Nothing, "the list is not taken yet");
        assert!(roll.taken() && !roll.taken());
        assert_eq!(roll.next(), Next::Changes);
        assert_eq!(told(&mut roll), [("alice".into(), false), ("bob".into(), true)]);
        assert_eq!(roll.next(), Next::Nothing);
    }

    #[test]
    fn when_too_many_have_come_and_gone_all_is_told_anew() {
        let mut roll = Roll::default();
        roll.begin(true);
        roll.listed(None);
        let fits = (0..=PRESENCE_PENDING_MAX).filter(|n| roll.note(&n.to_string(), true, 0)).count();
        assert_eq!(fits, PRESENCE_PENDING_MAX);
        assert!(roll.taken());
        assert_eq!(roll.next(), Next::List(0));
        roll.begin(false);
        assert!(roll.note("alice", true, 0) && roll.next() == Next::Nothing);
    }
}
