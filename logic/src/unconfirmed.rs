//! Pushes that a shard has not confirmed, and so must be sent again when its link comes back: [`Unconfirmed`], one for each shard. Owns their order and their bytes; leaves
//! their numbers to [`crate::fan_out`], and what happens when there are too many to `submit`.

use std::collections::VecDeque;
use std::sync::Arc;

use proto::backend::Push;

use crate::fan_out::Target;

/// The oldest first, by ascending numbers.
#[derive(Debug, Default)]
pub(crate) struct Unconfirmed {
    pushes: VecDeque<Arc<Push>>,
    /// How many of them, from the oldest, were sent over the link that is up.
    sent: usize,
    bytes: usize,
}

impl Unconfirmed {
    pub(crate) fn add(&mut self, push: Arc<Push>) {
        self.bytes += bytes(&push);
        self.pushes.push_back(push);
    }

    /// The shard has taken all up to `number`.
    pub(crate) fn confirm(&mut self, number: u64) {
        while let Some(push) = self.pushes.pop_front_if(|push| push.number <= number) {
            self.bytes -= bytes(&push);
            self.sent = self.sent.saturating_sub(1);
        }
    }

    /// Nothing was sent over the link that is up.
    pub(crate) fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Those that are yet to be sent over the link that is up: they are, from now on.
    pub(crate) fn send(&mut self) -> impl Iterator<Item = &Arc<Push>> {
        let from = std::mem::replace(&mut self.sent, self.pushes.len());
        self.pushes.range(from..)
    }

    /// Bytes of memory that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What a push weighs; names are on the heap or not, so this is rather too much.
pub(crate) fn bytes(push: &Push) -> usize {
    let names = push
        .targets
        .iter()
        .map(|(uid, but)| uid.as_str().len() + but.as_ref().map_or(0, |but| but.as_str().len()));
    size_of::<Push>() + push.packet.len() + names.sum::<usize>() + push.targets.len() * size_of::<Target>()
}
