//! Mergeable pushes that wait for one session: the newest state of each key. Owns the bound: of more keys or bytes than there is room for, the oldest is dropped.

use proto::limits::{MERGEABLE_BYTES_MAX, MERGEABLE_MAX};

use super::Payload;

/// What waits, the oldest key first.
#[derive(Debug, Default)]
pub(super) struct Merging {
    waiting: Vec<(Box<str>, Payload)>,
    bytes: usize,
}

/// What became of others when one was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Merged {
    /// One of the same key was replaced.
    pub(crate) replaced: bool,
    /// So many were dropped to make room.
    pub(crate) dropped: u32,
}

impl Merging {
    /// Adds one, in the place of the one that has its key. One always finds room, however big it is.
    pub(super) fn add(&mut self, key: &str, payload: Payload) -> Merged {
        let mut merged = Merged::default();
        self.bytes += payload.len();
        if let Some((_, older)) = self.waiting.iter_mut().find(|(known, _)| **known == *key) {
            self.bytes -= older.len();
            *older = payload;
            merged.replaced = true;
        } else {
            self.waiting.push((key.into(), payload));
        }
        while self.waiting.len() > 1
            && (self.waiting.len() > MERGEABLE_MAX || self.bytes > MERGEABLE_BYTES_MAX)
        {
            let (_, oldest) = self.waiting.remove(0);
            self.bytes -= oldest.len();
            merged.dropped += 1;
        }
        merged
    }

    /// Forgets what waits under a key.
    pub(super) fn forget(&mut self, key: &str) {
        let bytes = &mut self.bytes;
        self.waiting.retain(|(known, payload)| {
            let stays = **known != *key;
            *bytes -= if stays { 0 } else { payload.len() };
            stays
        });
    }

    /// Takes all of it.
    pub(super) fn take(&mut self) -> Vec<Payload> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting).into_iter().map(|(_, payload)| payload).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn check_invariants(&self) {
        assert!(self.waiting.len() <= MERGEABLE_MAX);
        assert_eq!(self.bytes, self.waiting.iter().map(|(_, payload)| payload.len()).sum::<usize>());
    }
}
