//! Users in the store in memory. What is not committed is taken back by putting back what was there before.

use std::collections::{BTreeMap, BTreeSet};

use proto::backend::Which;
use proto::ids::Uid;

use super::{MemoryStore, Undo};
use crate::store::StoreError;
use crate::store::people::{People, before_s};

/// All of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Users {
    before_s: BTreeMap<Uid, u32>,
    tokens: BTreeSet<(Uid, String)>,
    seen_ms: BTreeMap<Uid, u64>,
    /// Watched, watcher.
    watches: BTreeSet<(Uid, Uid)>,
}

impl MemoryStore {
    /// Tests have few users: all of them are kept for a rollback.
    fn change(&mut self, change: impl FnOnce(&mut Users)) -> Result<(), StoreError> {
        self.may_fail()?;
        self.undo.push(Undo::Users(Box::new(self.users.clone())));
        change(&mut self.users);
        Ok(())
    }
}

impl People for MemoryStore {
    fn keep_revocation(&mut self, uid: &Uid, which: &Which) -> Result<(), StoreError> {
        self.change(|users| {
            if let Which::Token(token) = which {
                users.tokens.insert((uid.clone(), token.clone()));
            }
            if let Some(second) = before_s(which) {
                let known = users.before_s.entry(uid.clone()).or_default();
                *known = second.max(*known);
            }
        })
    }

    fn revocations(&mut self, take: &mut dyn FnMut(Uid, Which)) -> Result<(), StoreError> {
        self.may_fail()?;
        for (uid, second) in &self.users.before_s {
            take(uid.clone(), Which::IssuedBefore(u64::from(*second)));
        }
        for (uid, token) in &self.users.tokens {
            take(uid.clone(), Which::Token(token.clone()));
        }
        Ok(())
    }

    fn keep_seen(&mut self, uid: &Uid, at_ms: u64) -> Result<(), StoreError> {
        self.change(|users| {
            let known = users.seen_ms.entry(uid.clone()).or_default();
            *known = at_ms.max(*known);
        })
    }

    fn last_seen(&mut self, uid: &Uid) -> Result<u64, StoreError> {
        self.may_fail()?;
        Ok(self.users.seen_ms.get(uid).copied().unwrap_or_default())
    }

    fn watch(&mut self, watcher: &Uid, watched: &[Uid]) -> Result<(), StoreError> {
        self.change(|users| {
            users.watches.retain(|(_, known)| known != watcher);
            users.watches.extend(watched.iter().map(|uid| (uid.clone(), watcher.clone())));
        })
    }

    fn watchers(&mut self, watched: &Uid, most: usize) -> Result<Vec<Uid>, StoreError> {
        self.may_fail()?;
        let watchers = self.users.watches.iter().filter(|(uid, _)| uid == watched);
        Ok(watchers.take(most).map(|(_, watcher)| watcher.clone()).collect())
    }
}
