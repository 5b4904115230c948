//! Too much memory held for clients, in all: who goes. Owns the high and the low mark and the choice; what is held is counted by the sockets and by [`Gateway::held`], and the sum of all
//! reactors is the shell's.
//!
//! Each connection is bounded by itself, but a hundred thousand of them at their bounds would still be too much. What counts is memory that stays with a
//! connection from one turn to the next: what it does not take, parts of frames and of messages, first packets that wait. Over the high mark the costliest are
//! closed until the low mark is reached. A reactor closes only while it holds more than its share: of all that are over the mark together at least one does.

use proto::close::CloseReason;
use proto::ws::Receiver;

use crate::Output;
use crate::machine::Gateway;

/// What the process may hold.
#[derive(Clone, Copy, Debug)]
pub struct Watermark {
    high: usize,
    reactors: usize,
}

impl Watermark {
    /// The mark of one of so many reactors, for a process that may hold so many bytes.
    pub fn new(bytes: usize, reactors: u32) -> Self {
        Self { high: bytes, reactors: reactors.max(1) as usize }
    }

    /// What one reactor may hold whatever the others do. Who holds less need not ask for the sum.
    pub fn share(&self) -> usize {
        self.high / self.reactors
    }

    /// An eighth lower, so that a look at all connections frees that much before the next one.
    fn low(&self) -> usize {
        self.high / 8 * 7
    }
}

impl Gateway {
    /// Bytes that this machine itself holds for clients: parts of messages that come in fragments.
    pub fn held(&self) -> usize {
        self.assembled
    }

    /// Closes the costliest connections if the process holds too much: `here` in this reactor's sockets and machine, `everywhere` in all.
    pub(crate) fn relieve(&mut self, here: usize, everywhere: usize, out: &mut impl Output) {
        let mark = self.watermark;
        if everywhere <= mark.high || here <= mark.share() {
            return;
        }
        let excess = (everywhere - mark.low()).min(here - mark.low() / mark.reactors);
        let cost = |(index, receiver): (u32, Option<&Receiver>)| {
            (out.held_for(index) + receiver.map_or(0, Receiver::held), index)
        };
        let all = self.table.iter().map(|(index, conn)| (index, conn.receiver.as_deref()));
        let mut costly: Vec<(usize, u32)> = all.map(cost).filter(|(cost, _)| *cost > 0).collect();
        costly.sort_unstable_by(|one, other| other.cmp(one));
        let mut freed = 0;
        for (cost, index) in costly {
            if freed >= excess {
                break;
            }
            freed += cost;
            self.gone(index, CloseReason::MemoryPressure, out);
        }
    }
}
