//! Which client's deadline is next. Owns the order; what a deadline means is the machine's business.
//!
//! Most deadlines are put off before they come (each packet puts off a heartbeat), so a later one is not entered: when the earlier one comes up, the
//! client is asked and the later one is entered then.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Deadlines by client.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    /// The deadline under which each client stands in the heap.
    entered: Vec<Option<u64>>,
}

impl Timers {
    /// A client wants to be asked at `due_ms`, or not at all.
    pub(crate) fn set(&mut self, client: u32, due_ms: Option<u64>) {
        let Some(due_ms) = due_ms else { return };
        let index = client as usize;
        if index >= self.entered.len() {
            self.entered.resize(index + 1, None);
        }
        if self.entered[index].is_none_or(|entered| due_ms < entered) {
            self.entered[index] = Some(due_ms);
            self.heap.push(Reverse((due_ms, client)));
        }
    }

    /// The next client to ask, if its time has come.
    pub(crate) fn pop(&mut self, now_ms: u64) -> Option<u32> {
        while let Some(Reverse((due_ms, client))) = self.heap.peek().copied() {
            if due_ms > now_ms {
                return None;
            }
            self.heap.pop();
            // Otherwise an earlier deadline of the same client has taken its place.
            if self.entered[client as usize] == Some(due_ms) {
                self.entered[client as usize] = None;
                return Some(client);
            }
        }
        None
    }

    /// When [`Timers::pop`] has something to give.
    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((due_ms, _))| *due_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_come_in_order_and_one_that_was_put_off_comes_at_the_earlier_time() {
        let mut timers = Timers::default();
        timers.set(1, Some(100));
        timers.set(2, Some(50));
        timers.set(1, Some(300));
        timers.set(2, None);
        assert_eq!(timers.next(), Some(50));
        assert_eq!(timers.pop(49), None);
        assert_eq!((timers.pop(200), timers.pop(200), timers.pop(200)), (Some(2), Some(1), None));
        timers.set(1, Some(300));
        timers.set(1, Some(250));
        assert_eq!((timers.pop(1000), timers.pop(1000)), (Some(1), None), "asked once, at the earlier time");
    }
}
