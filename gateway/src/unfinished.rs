//! Messages that have begun and do not come to their end: a frame that drips, fragments without a last one. Owns the deadline that such a message has; it is absolute, for whoever sends a
//! byte now and then would otherwise be waited for for ever.

use std::collections::HashMap;
use std::time::Duration;

use proto::close::CloseReason;
use proto::time::Now;

use crate::Output;
use crate::machine::Gateway;
use crate::table::Stage;

/// A look at all of them costs more than one that is due: so often may one come in the time of a deadline.
const LOOKS_PER_DEADLINE: u32 = 16;

/// Connections that have sent a part of a message.
#[derive(Debug)]
pub(crate) struct Unfinished {
    deadline: Duration,
    /// The millisecond at which the message began, by index.
    since: HashMap<u32, u64>,
    /// When to look for those whose time is over; none is over before.
    look_at_ms: u64,
}

impl Unfinished {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { deadline, since: HashMap::new(), look_at_ms: 0 }
    }

    /// A connection has sent a part of a message; with `anew`, of another one than before.
    fn begin(&mut self, now: Now, index: u32, anew: bool) {
        if self.since.is_empty() {
            self.look_at_ms = now.after(self.deadline);
        }
        let since = self.since.entry(index).or_insert(now.mono_ms);
        if anew {
            *since = now.mono_ms;
        }
    }

    /// When the message began of which a connection has sent a part.
    pub(crate) fn since(&self, index: u32) -> Option<u64> {
        self.since.get(&index).copied()
    }

    /// A connection comes that began one elsewhere.
    pub(crate) fn adopt(&mut self, index: u32, since_ms: u64) {
        self.since.insert(index, since_ms);
        // A look too early costs little, and tells when the next one is due.
        self.look_at_ms = 0;
    }

    /// A connection has sent all of a message, or is gone.
    #[inline]
    pub(crate) fn end(&mut self, index: u32) {
        if !self.since.is_empty() {
            self.since.remove(&index);
        }
    }

    /// Those whose time is over. The time of a connection that is not read from stands still.
    fn overdue(&mut self, now: Now, is_read: impl Fn(u32) -> bool) -> Vec<u32> {
        if self.since.is_empty() || now.mono_ms < self.look_at_ms {
            return Vec::new();
        }
        let patience = self.deadline.as_millis() as u64;
        let mut overdue = Vec::new();
        let mut oldest = now.mono_ms;
        self.since.retain(|index, since| {
            if !is_read(*index) {
                *since = now.mono_ms;
            }
            let is_over = *since + patience <= now.mono_ms;
            if is_over {
                overdue.push(*index);
            } else {
                oldest = oldest.min(*since);
            }
            !is_over
        });
        self.look_at_ms = (oldest + patience).max(now.after(self.deadline / LOOKS_PER_DEADLINE));
        overdue
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        (!self.since.is_empty()).then_some(self.look_at_ms)
    }
}

impl Gateway {
    /// Takes note of whether an open connection has left a message unfinished, after a read that brought `messages` whole ones and left `rest` bytes.
    #[inline]
    pub(crate) fn note_unfinished(&mut self, now: Now, index: u32, messages: u64, rest: usize) {
        let Some(conn) = self.table.get(index).filter(|conn| conn.stage == Stage::Open) else { return };
        if rest > 0 || conn.receiver.is_some() {
            self.unfinished.begin(now, index, messages > 0);
        } else {
            self.unfinished.end(index);
        }
    }

    /// An open connection has left something unfinished below its messages, which began after what it sent last.
    pub(crate) fn note_partial(&mut self, now: Now, index: u32) {
        if self.table.get(index).is_some_and(|conn| conn.stage == Stage::Open) {
            self.unfinished.begin(now, index, false);
        }
    }

    /// Ends the connections whose message has taken too long.
    pub(crate) fn expire_unfinished(&mut self, now: Now, out: &mut impl Output) {
        let table = &self.table;
        let is_read = |index| table.get(index).is_some_and(|conn| !conn.waiting);
        for index in self.unfinished.overdue(now, is_read) {
            self.end(now, index, CloseReason::MessageTimeout, out);
        }
    }
}
