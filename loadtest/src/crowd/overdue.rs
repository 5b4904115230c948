//! Messages that never got an answer, by the moment they were due: [`Overdue`]. Owns a bounded memory of them, so that at the end each can be counted with the
//! time it had waited at least; without that, a server that stops answering would look fast. Pure.

use crate::crowd::{Span, Turn};
use crate::ledger::Timing;

/// Moments are remembered to a hundred thousandth of the run, or to a millisecond.
const STEPS_MAX: u64 = 100_000;
const STEP_MIN_NS: u64 = 1_000_000;

#[derive(Debug)]
pub(crate) struct Overdue {
    start: u64,
    step: u64,
    counts: Vec<u32>,
}

impl Overdue {
    pub(crate) fn new(span: Span) -> Self {
        let length = span.length.as_nanos() as u64;
        let step = (length / STEPS_MAX).max(STEP_MIN_NS);
        Self { start: span.start, step, counts: vec![0; (length / step) as usize + 1] }
    }

    /// One that was due then got no answer.
    pub(crate) fn add(&mut self, due: u64) {
        let place = (due.saturating_sub(self.start) / self.step) as usize;
        let last = self.counts.len() - 1;
        let count = &mut self.counts[place.min(last)];
        *count = count.saturating_add(1);
    }

    /// Counts each with what it has waited until now, rounded down: an answer would have taken longer.
    pub(crate) fn settle(&mut self, what: Timing, turn: &mut Turn) {
        for (place, count) in self.counts.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            let latest = self.start + (place as u64 + 1) * self.step;
            turn.times_n(what, turn.now.saturating_sub(latest), u64::from(std::mem::take(count)));
        }
    }
}
