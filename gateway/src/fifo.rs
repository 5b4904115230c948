//! Connections that all have the same time for something, in the order in which they began. Owns the order; whether a deadline still means anything when it is due is
//! for its user to see.

use std::collections::VecDeque;
use std::time::Duration;

use proto::time::Now;

/// Less than this is not worth giving back.
const KEPT_MIN: usize = 1024;

/// Connections by the moment at which they began to wait, the oldest first. They come due in this order, also if the time they have is changed meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Fifo(VecDeque<Since>);

/// A connection, and the millisecond at which it began to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Since {
    pub(crate) began_ms: u64,
    pub(crate) index: u32,
    pub(crate) generation: u16,
}

impl Fifo {
    pub(crate) fn push(&mut self, now: Now, index: u32, generation: u16) {
        self.0.push_back(Since { began_ms: now.mono_ms, index, generation });
    }

    /// Takes the oldest out if it has had its time.
    pub(crate) fn due(&mut self, now: Now, patience: Duration) -> Option<Since> {
        self.next_deadline(patience).filter(|deadline_ms| *deadline_ms <= now.mono_ms)?;
        let due = self.0.pop_front();
        self.shrink();
        due
    }

    /// The oldest that `still_waits`; those before it are dropped.
    pub(crate) fn oldest(&mut self, still_waits: impl Fn(Since) -> bool) -> Option<Since> {
        while self.0.pop_front_if(|since| !still_waits(*since)).is_some() {}
        self.shrink();
        self.0.front().copied()
    }

    /// Drops those that wait no longer, once they are more than those that do, of which there are `waiting`. So each is dropped at the cost of looking at two, and
    /// connections that come and go fast are not remembered until their deadlines.
    pub(crate) fn tidy(&mut self, waiting: usize, still_waits: impl Fn(Since) -> bool) {
        if self.0.len() > KEPT_MIN + 2 * waiting {
            self.0.retain(|since| still_waits(*since));
            self.shrink();
        }
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Since> {
        self.0.iter()
    }

    /// Puts them in order, whatever the order was in which they came.
    pub(crate) fn sort(&mut self) {
        self.0.make_contiguous().sort_by_key(|since| since.began_ms);
    }

    pub(crate) fn next_deadline(&self, patience: Duration) -> Option<u64> {
        self.0.front().map(|since| since.began_ms.saturating_add(patience.as_millis() as u64))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// A storm of accepts must not leave its mark on the memory of an idle gateway.
    fn shrink(&mut self) {
        if self.0.capacity() > KEPT_MIN && self.0.len() < self.0.capacity() / 4 {
            self.0.shrink_to(self.0.len() * 2);
        }
    }
}
