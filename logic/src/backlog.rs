//! Pushes on their way to the shards: what is to be told to whom ([`FanOut`]), a shard's part of it ([`Pushed`]), and all that a shard has not confirmed ([`Backlog`]), which is
//! sent again when its link comes back. Owns their order, their bytes, and how many are sent at once; leaves their numbers to [`crate::fan_out`], and what happens
//! when there are too many to `submit`.
//!
//! What waits shares its receivers' names with the conversation and its packet with the other shards' parts, and becomes a frame when it is written: a burst of messages to large
//! groups costs little while it waits.

use std::collections::VecDeque;
use std::sync::Arc;

use proto::backend::{Push, PushClass, push_to};
use proto::ids::{DeviceId, Uid};
use proto::limits::{PUSH_TARGET_BYTES, PUSHES_SENT_BYTES_MAX};

/// One packet for some users.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FanOut {
    pub(crate) users: Arc<[Uid]>,
    /// Who of them said it, and the device that knows it without being told.
    pub(crate) except: Option<(usize, DeviceId)>,
    /// A server packet in protobuf form, without push_seq.
    pub(crate) packet: Vec<u8>,
    pub(crate) class: PushClass,
    /// Grows with each; given when it is durable.
    pub(crate) number: u64,
    /// The store's last place before the transaction that it comes from.
    pub(crate) after: u64,
}

impl FanOut {
    /// Bytes of memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of::<Pushed>() + self.packet.len() + self.users.len() * PUSH_TARGET_BYTES
    }
}

/// A shard's part of a push: one frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    pub(crate) what: Arc<FanOut>,
    /// The places of the shard's among the users, growing; all are if there are none.
    pub(crate) places: Option<Arc<[u32]>>,
}

impl Pushed {
    fn targets(&self) -> impl Iterator<Item = (&Uid, Option<&DeviceId>)> {
        let FanOut { users, except, .. } = &*self.what;
        let count = self.places.as_ref().map_or(users.len(), |places| places.len());
        (0..count).map(move |index| {
            let place = self.places.as_ref().map_or(index, |places| places[index] as usize);
            let except = except.as_ref().filter(|(said_by, _)| *said_by == place);
            (&users[place], except.map(|(_, device)| device))
        })
    }

    /// Appends its frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        let FanOut { packet, class, number, .. } = &*self.what;
        push_to(out, self.targets(), packet, class, *number);
    }

    /// What its frame says.
    pub fn to_push(&self) -> Push {
        let FanOut { packet, class, number, .. } = &*self.what;
        let targets = self.targets().map(|(uid, except)| (uid.clone(), except.cloned()));
        Push { targets: targets.collect(), packet: packet.clone(), class: class.clone(), number: *number }
    }
}

/// What a shard has not confirmed: the oldest first, by ascending numbers.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    pushes: VecDeque<Pushed>,
    bytes: usize,
    /// How many of them, from the oldest, were sent over the link that is up, and their bytes.
    sent: usize,
    sent_bytes: usize,
}

impl Backlog {
    pub(crate) fn add(&mut self, push: Pushed) {
        self.bytes += push.what.bytes();
        self.pushes.push_back(push);
    }

    /// The shard has taken all up to `number`.
    pub(crate) fn confirm(&mut self, number: u64) {
        while let Some(push) = self.pushes.pop_front_if(|push| push.what.number <= number) {
            let bytes = push.what.bytes();
            self.bytes -= bytes;
            // One that comes back may have been taken over the link before.
            if self.sent > 0 {
                self.sent -= 1;
                self.sent_bytes -= bytes;
            }
        }
    }

    /// Nothing was sent over the link that is up.
    pub(crate) fn rewind(&mut self) {
        (self.sent, self.sent_bytes) = (0, 0);
    }

    /// The next that may be sent over the link that is up: it is, from now on.
    pub(crate) fn send(&mut self) -> Option<&Pushed> {
        let next = self.pushes.get(self.sent).filter(|_| self.sent_bytes < PUSHES_SENT_BYTES_MAX)?;
        self.sent += 1;
        self.sent_bytes += next.what.bytes();
        Some(next)
    }

    /// The store's last place before all that is here.
    pub(crate) fn after(&self) -> Option<u64> {
        self.pushes.front().map(|push| push.what.after)
    }

    /// Bytes of memory that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
