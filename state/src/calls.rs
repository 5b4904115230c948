//! What the shard has asked of logic and not yet been answered: the frames, kept so that they can be sent again in the same order when the link comes back.
//! Owns the numbers of calls and the bound on all of them; who asked takes care of the answer.

use proto::limits::{CALLS_BYTES_MAX, CALLS_MAX};
use slab::Slab;

/// Bits of a call's number that are its place; those above tell the order.
const PLACE_BITS: u32 = 20;

const _: () = assert!(CALLS_MAX <= 1 << PLACE_BITS);

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// A login, by the place of its connection among those that wait.
    Login { waiting: u32 },
    /// A session, with a command of its window.
    Command { session: u32, client_id: u64 },
    /// A session, with a pull or a repeat.
    Aside { session: u32 },
    /// An operator, with a revocation for logic to keep.
    Revocation,
}

#[derive(Debug)]
struct Call {
    number: u64,
    asker: Asker,
    frame: Box<[u8]>,
}

/// All unanswered calls of a shard.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    open: Slab<Call>,
    made: u64,
    bytes: usize,
    scratch: Vec<u8>,
}

impl Calls {
    /// Whether another call with a packet of so many bytes may be made.
    pub(crate) fn has_room(&self, packet_bytes: usize) -> bool {
        self.open.len() < CALLS_MAX && self.bytes + packet_bytes <= CALLS_BYTES_MAX
    }

    /// Makes a call: `encode` appends its frame, given its number. It goes to `link` at once if there is one. Its number.
    pub(crate) fn make(
        &mut self,
        asker: Asker,
        link: Option<&mut Vec<u8>>,
        encode: impl FnOnce(u64, &mut Vec<u8>),
    ) -> u64 {
        let entry = self.open.vacant_entry();
        self.made += 1;
        let number = self.made << PLACE_BITS | entry.key() as u64;
        self.scratch.clear();
        encode(number, &mut self.scratch);
        if let Some(link) = link {
            link.extend_from_slice(&self.scratch);
        }
        self.bytes += self.scratch.len();
        entry.insert(Call { number, asker, frame: self.scratch.as_slice().into() });
        number
    }

    /// Who made an unanswered call.
    pub(crate) fn asker(&self, number: u64) -> Option<Asker> {
        self.open.get(place(number)).filter(|call| call.number == number).map(|call| call.asker)
    }

    /// Forgets a call: it is answered, or nobody waits for its answer.
    pub(crate) fn end(&mut self, number: u64) {
        if self.asker(number).is_some() {
            self.bytes -= self.open.remove(place(number)).frame.len();
        }
    }

    /// Appends the frames of all unanswered calls, in the order in which they were made.
    pub(crate) fn send_again(&self, link: &mut Vec<u8>) {
        let mut calls: Vec<_> = self.open.iter().map(|(_, call)| (call.number, &call.frame)).collect();
        calls.sort_unstable_by_key(|(number, _)| *number);
        for (_, frame) in calls {
            link.extend_from_slice(frame);
        }
    }

    /// How many calls are unanswered.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// All unanswered calls.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, Asker)> {
        self.open.iter().map(|(_, call)| (call.number, call.asker))
    }
}

fn place(number: u64) -> usize {
    (number & ((1 << PLACE_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_does_not_reach_the_call_that_has_its_place_now() {
        let mut calls = Calls::default();
        let mut link = Vec::new();
        let first = calls.make(Asker::Login { waiting: 1 }, Some(&mut link), |_, out| out.push(1));
        calls.end(first);
        let second = calls.make(Asker::Login { waiting: 2 }, None, |_, out| out.push(2));
        assert_eq!(place(first), place(second));
        calls.end(first);
        assert_eq!((calls.asker(first), calls.asker(second)), (None, Some(Asker::Login { waiting: 2 })));
        assert_eq!(link, [1], "the second call had no link");
    }

    #[test]
    fn calls_are_sent_again_in_the_order_in_which_they_were_made() {
        let mut calls = Calls::default();
        let asker = Asker::Aside { session: 0 };
        let numbers: Vec<_> = (0..4).map(|byte| calls.make(asker, None, |_, out| out.push(byte))).collect();
        calls.end(numbers[1]);
        calls.make(asker, None, |_, out| out.push(4));
        let mut link = Vec::new();
        calls.send_again(&mut link);
        assert_eq!(link, [0, 2, 3, 4]);
        assert_eq!((calls.len(), calls.bytes), (4, 4));
    }
}
