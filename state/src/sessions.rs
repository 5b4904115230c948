//! All sessions of a shard, and the way to them by user and device. Owns the table, the lists of each user's sessions and their order (newest first but for the
//! first); what happens to a session is decided in [`crate::shard`].
//!
//! A user has no entry of their own: the index leads to one session of theirs, which leads to the others.

use std::hash::BuildHasher as _;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use slab::Slab;

use crate::session::{NOBODY, Session};

/// The sessions of a shard.
#[derive(Debug)]
pub(crate) struct Sessions {
    table: Slab<Session>,
    /// For each user with sessions, the first of them.
    users: HashTable<u32>,
    hasher: FixedState,
    /// All places are below.
    end: u32,
}

impl Sessions {
    /// No sessions. `seed` keeps users from choosing names that collide.
    pub(crate) fn new(seed: u64) -> Self {
        Self { table: Slab::new(), users: HashTable::new(), hasher: FixedState::with_seed(seed), end: 0 }
    }

    /// Makes room for so many, at once instead of by and by.
    pub(crate) fn reserve(&mut self, count: usize) {
        let Self { table, users, hasher, .. } = self;
        table.reserve(count);
        users.reserve(count, |place| hasher.hash_one(table[*place as usize].uid()));
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// Above all places that were ever taken.
    pub(crate) fn end(&self) -> u32 {
        self.end
    }

    /// The session in this place.
    pub(crate) fn get(&self, place: u32) -> Option<&Session> {
        self.table.get(place as usize)
    }

    /// The session in this place.
    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut Session> {
        self.table.get_mut(place as usize)
    }

    /// Takes a session in. Its place.
    pub(crate) fn insert(&mut self, session: Session) -> u32 {
        let Self { table, users, hasher, end } = self;
        let hash = hasher.hash_one(session.uid());
        let entry = users.entry(
            hash,
            |place| table[*place as usize].uid() == session.uid(),
            |place| hasher.hash_one(table[*place as usize].uid()),
        );
        let first = match &entry {
            Entry::Occupied(first) => Some(*first.get()),
            Entry::Vacant(_) => None,
        };
        let place = table.vacant_key() as u32;
        *end = (*end).max(place + 1);
        if let Entry::Vacant(vacant) = entry {
            vacant.insert(place);
        }
        table.insert(session);
        if let Some(first) = first {
            let next = std::mem::replace(&mut table[first as usize].next_of_user, place);
            table[place as usize].next_of_user = next;
        }
        place
    }

    /// Takes a session out.
    pub(crate) fn remove(&mut self, place: u32) -> Option<Session> {
        let session = self.table.try_remove(place as usize)?;
        let next = session.next_of_user;
        let hash = self.hasher.hash_one(session.uid());
        if let Ok(first) = self.users.find_entry(hash, |first| *first == place) {
            if next == NOBODY {
                first.remove();
            } else {
                *first.into_mut() = next;
            }
            return Some(session);
        }
        let before =
            self.of_user(session.uid()).find(|other| self.table[*other as usize].next_of_user == place);
        if let Some(before) = before {
            self.table[before as usize].next_of_user = next;
        }
        Some(session)
    }

    /// The places of a user's sessions.
    pub(crate) fn of_user(&self, uid: &str) -> impl Iterator<Item = u32> {
        let hash = self.hasher.hash_one(uid);
        let first = self
            .users
            .find(hash, |place| self.table.get(*place as usize).is_some_and(|session| session.uid() == uid));
        let after = |place: &u32| self.next(*place);
        std::iter::successors(first.copied(), after)
    }

    /// The session of this user that comes after `place`.
    pub(crate) fn next(&self, place: u32) -> Option<u32> {
        self.get(place).map(|session| session.next_of_user).filter(|next| *next != NOBODY)
    }

    /// The place of a device's session.
    pub(crate) fn of_device(&self, uid: &str, device: &str) -> Option<u32> {
        self.of_user(uid).find(|place| self.table[*place as usize].device() == device)
    }

    /// All of them, with their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Session)> {
        self.table.iter().map(|(place, session)| (place as u32, session))
    }

    /// Whether every session is found by its names, once.
    pub(crate) fn check_invariants(&self) {
        let mut found = 0;
        for (place, session) in self.iter() {
            assert_eq!(self.of_device(session.uid(), session.device()), Some(place), "{session:?}");
        }
        for first in &self.users {
            found += self.of_user(self.table[*first as usize].uid()).count();
        }
        assert_eq!(found, self.len(), "every session is in one user's list");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use proto::ids::ConnId;
    use proto::packet::Codec;

    use super::*;
    use crate::session::Start;

    fn session(uid: u8, device: u8) -> Session {
        let (uid, device) = (format!("u{uid}").parse().unwrap(), format!("d{device}").parse().unwrap());
        let start = Start {
            conn: ConnId(0),
            reactor: 0,
            codec: Codec::Proto,
            number: 0,
            uid: &uid,
            device: &device,
            grant: crate::Grant::default(),
            last_client_id: 0,
        };
        Session::new(start, 0)
    }

    proptest! {
        #[test]
        fn sessions_are_found_by_user_and_device_whatever_comes_and_goes(
            steps in proptest::collection::vec((0..4u8, 0..4u8), 1..80),
        ) {
            let mut sessions = Sessions::new(7);
            let mut model = BTreeMap::new();
            for (uid, device) in steps {
                match model.remove(&(uid, device)) {
                    Some(place) => prop_assert!(sessions.remove(place).is_some()),
                    None => {
                        model.insert((uid, device), sessions.insert(session(uid, device)));
                    }
                }
                sessions.check_invariants();
                prop_assert_eq!(sessions.len(), model.len());
                for ((uid, device), place) in &model {
                    let (uid, device) = (format!("u{uid}"), format!("d{device}"));
                    prop_assert_eq!(sessions.of_device(&uid, &device), Some(*place));
                }
            }
        }
    }
}
