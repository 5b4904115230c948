//! What became of the messages of one pair: [`Account`]. Owns which were acknowledged, which arrived, and in what order. Pure.

use std::collections::BTreeMap;

/// Messages by their numbers, 1, 2, 3, …; only those are remembered of which something is still to come.
#[derive(Debug, Default)]
pub(crate) struct Account {
    sent: u64,
    /// The highest number that has arrived.
    highest: u64,
    open: BTreeMap<u64, Fate>,
}

/// A message of which something is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// When it was due.
    pub(crate) due: u64,
    /// The server has taken responsibility for it.
    pub(crate) acked: bool,
    /// Its receiver has it.
    pub(crate) delivered: bool,
}

/// What an arrival was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first of this message, which was due then; `late` if a younger one was there before.
    New { due: u64, late: bool },
    /// It had arrived before.
    Again,
    /// It was never sent.
    Stranger,
}

impl Account {
    /// Takes note of another message: its number.
    pub(crate) fn send(&mut self, due: u64) -> u64 {
        self.sent += 1;
        self.open.insert(self.sent, Fate { due, acked: false, delivered: false });
        self.sent
    }

    /// How many have not both been acknowledged and arrived.
    pub(crate) fn on_the_way(&self) -> usize {
        self.open.len()
    }

    /// One is acknowledged: when it was due.
    pub(crate) fn acked(&mut self, number: u64) -> Option<u64> {
        let fate = self.open.get_mut(&number).filter(|fate| !fate.acked)?;
        fate.acked = true;
        let Fate { due, delivered, .. } = *fate;
        if delivered {
            self.open.remove(&number);
        }
        Some(due)
    }

    /// One is refused: nothing of it is to come any more.
    pub(crate) fn refused(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// One has arrived.
    pub(crate) fn arrived(&mut self, number: u64) -> Arrival {
        if number == 0 || number > self.sent {
            return Arrival::Stranger;
        }
        let Some(fate) = self.open.get_mut(&number).filter(|fate| !fate.delivered) else {
            return Arrival::Again;
        };
        fate.delivered = true;
        let Fate { due, acked, .. } = *fate;
        if acked {
            self.open.remove(&number);
        }
        let late = number < self.highest;
        self.highest = self.highest.max(number);
        Arrival::New { due, late }
    }

    /// Forgets all, and tells what was left.
    pub(crate) fn settle(&mut self) -> impl Iterator<Item = Fate> + use<> {
        std::mem::take(&mut self.open).into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_done_when_it_is_acknowledged_and_has_arrived_in_either_order() {
        let mut account = Account::default();
        assert_eq!((account.send(10), account.send(20), account.send(30)), (1, 2, 3));
        assert_eq!(account.acked(1), Some(10));
        assert_eq!(account.arrived(1), Arrival::New { due: 10, late: false });
        assert_eq!(account.arrived(2), Arrival::New { due: 20, late: false });
        assert_eq!((account.acked(2), account.acked(2)), (Some(20), None));
        account.refused(3);
        assert_eq!(account.on_the_way(), 0);
    }

    #[test]
    fn doubles_strangers_late_ones_and_lost_ones_are_told_apart() {
        let mut account = Account::default();
        assert_eq!((1..=4).map(|due| account.send(due)).last(), Some(4));
        assert_eq!(account.arrived(3), Arrival::New { due: 3, late: false });
        assert_eq!(account.arrived(1), Arrival::New { due: 1, late: true });
        assert_eq!(account.arrived(3), Arrival::Again);
        account.acked(3);
        assert_eq!(account.arrived(3), Arrival::Again);
        assert_eq!((account.arrived(5), account.arrived(0)), (Arrival::Stranger, Arrival::Stranger));
        account.acked(2);
        let left: Vec<_> = account.settle().map(|fate| (fate.due, fate.acked, fate.delivered)).collect();
        assert_eq!(left, [(1, false, true), (2, true, false), (4, false, false)]);
    }
}
