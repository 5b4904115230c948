//! That each push of logic's is taken once, whoever dies between the two: [`PushesTaken`]. Owns the number of the last one, which is written down with what the pushes have caused, and
//! told to logic when that is durable; logic sends again what lies beyond it.

use proto::backend::{FromState, Taken, to_logic};

use super::{Logic, Shard};
use crate::Output;
use crate::journal::Record;

/// How far logic's pushes are taken.
#[derive(Debug, Default)]
pub(super) struct PushesTaken {
    now: Taken,
    /// What was written down last.
    pub(super) recorded: Taken,
    /// What logic was told last, over whichever link.
    told: Taken,
}

impl PushesTaken {
    /// What a journal tells.
    pub(super) fn restore(&mut self, taken: Taken) {
        *self = Self { now: taken, recorded: taken, told: taken };
    }

    /// What logic must know before it says anything.
    pub(super) fn introduce(&mut self) -> Taken {
        self.told = self.now;
        self.now
    }

    /// Logic has told within what it numbers.
    pub(super) fn begin(&mut self, epoch: u64) {
        if self.now.epoch != epoch {
            self.now = Taken { epoch, number: 0 };
            self.told = self.now;
        }
    }

    /// A push has come: whether it is to be taken, because it has no number or was not taken before.
    pub(super) fn take(&mut self, number: u64) -> bool {
        let is_new = number == 0 || number > self.now.number;
        self.now.number = self.now.number.max(number);
        is_new
    }
}

impl Shard {
    /// Ends a turn, whose records are to be committed as one: writes down how far logic's pushes were taken in it, and tells logic, in one frame for all of them.
    pub fn end_turn(&mut self, out: &mut dyn Output) {
        let PushesTaken { now, recorded, told } = &mut self.pushes_taken;
        if recorded != now {
            *recorded = *now;
            out.record(Record::Taken(*now));
        }
        if self.logic == Logic::Ready && told != now {
            *told = *now;
            to_logic(out.logic(), FromState::PushesTaken { number: now.number });
        }
    }
}
