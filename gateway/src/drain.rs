//! Letting every client go, evenly over a time: so that those who come back elsewhere do not come all at once. Owns the pace; how a connection ends is `machine`'s.

use std::time::Duration;

use proto::close::CloseReason;
use proto::time::Now;

use crate::Output;
use crate::machine::Gateway;

/// A drain that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    began_ms: u64,
    within_ms: u64,
    /// Connections there were when it began, and how many of them have been let go.
    total: u64,
    gone: u64,
    /// The index up to which the table has been gone through.
    cursor: u32,
}

impl Drain {
    pub(crate) fn new(now: Now, within: Duration, total: usize) -> Self {
        let within_ms = within.as_millis() as u64;
        Self { began_ms: now.mono_ms, within_ms, total: total as u64, gone: 0, cursor: 0 }
    }

    /// How many should have been let go by now.
    fn due(&self, now: Now) -> u64 {
        let elapsed = now.mono_ms.saturating_sub(self.began_ms);
        if elapsed >= self.within_ms { u64::MAX } else { self.total * elapsed / self.within_ms }
    }

    /// When the next one is to go.
    pub(crate) fn next_deadline(&self) -> u64 {
        // Rounded up, so that one is due when it comes.
        self.began_ms + self.within_ms.min(((self.gone + 1) * self.within_ms).div_ceil(self.total.max(1)))
    }
}

impl Gateway {
    /// Lets go whoever's turn it is.
    pub(crate) fn drain_on(&mut self, now: Now, out: &mut impl Output) {
        let Some(mut drain) = self.drain else { return };
        let due = drain.due(now);
        while drain.gone < due && (drain.cursor as usize) < self.table.capacity() {
            if self.table.get(drain.cursor).is_some() {
                self.end(now, drain.cursor, CloseReason::GoingAway, out);
                drain.gone += 1;
            }
            drain.cursor += 1;
        }
        self.drain = Some(drain).filter(|drain| (drain.cursor as usize) < self.table.capacity());
    }
}
