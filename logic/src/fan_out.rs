//! Who is told of a new message, and on which link. Owns the table of links, and that each shard takes each push once, whatever dies between: a push is numbered when
//! it is durable, and sent again over the next link until its shard has confirmed it. Leaves the sessions of a user to the shard that owns their slot.

use std::sync::Arc;

use proto::backend::{Push, PushClass, Spot, Taken};
use proto::ids::{DeviceId, Slot, Uid};
use proto::limits::{PUSH_TARGETS_MAX, PUSHES_UNCONFIRMED_BYTES_MAX};
use proto::packet::{Codec, Message, ServerBody, ServerPacket, encode_server};

use crate::store::Store;
use crate::unconfirmed::{self, Unconfirmed};
use crate::{Device, LinkId, Logic, Output};

/// The shards, by their links. The newest Hello is right about how many there are; a link that was set up under another number is not
/// pushed to any more, since its slots are others'. Neither are the pushes that wait then: sessions do not survive such a change.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    /// Within what pushes are numbered.
    epoch: u64,
    /// The number of the last push, to whichever shard.
    numbered: u64,
    places: Vec<Shard>,
    /// Pushes of the open batch, each with the number of outputs that go before it.
    fresh: Vec<(usize, u32, Push)>,
    fresh_bytes: usize,
}

/// One of them.
#[derive(Debug, Default)]
struct Shard {
    link: Option<LinkId>,
    unconfirmed: Unconfirmed,
    /// Its targets while a message is fanned out: kept for its memory.
    targets: Vec<Target>,
}

pub(crate) type Target = (Uid, Option<DeviceId>);

impl Shards {
    pub(crate) fn new(epoch: u64) -> Self {
        Self { epoch, ..Self::default() }
    }

    pub(crate) fn up(&mut self, link: LinkId, shard: u32, shard_count: u32, taken: Taken) {
        let count = shard_count.max(1) as usize;
        if self.places.len() != count {
            self.places.clear();
            self.places.resize_with(count, Shard::default);
            self.fresh.clear();
        }
        if let Some(place) = self.places.get_mut(shard as usize) {
            place.link = Some(link);
            place.unconfirmed.rewind();
            if taken.epoch == self.epoch {
                place.unconfirmed.confirm(taken.number);
            }
        }
    }

    /// A shard has taken all pushes up to `number`.
    pub(crate) fn taken(&mut self, link: LinkId, number: u64) {
        if let Some(shard) = self.places.iter_mut().find(|shard| shard.link == Some(link)) {
            shard.unconfirmed.confirm(number);
        }
    }

    /// Which shard a link is of, and of how many.
    pub(crate) fn place(&self, link: LinkId) -> Option<(u32, u32)> {
        let place = self.places.iter().position(|known| known.link == Some(link))?;
        Some((place as u32, self.places.len() as u32))
    }

    /// Some users by their shard.
    pub(crate) fn group(&self, users: &[Uid]) -> Vec<(u32, Vec<Target>)> {
        let count = self.places.len() as u32;
        let of_shard =
            |shard: u32| users.iter().filter(move |uid| Slot::of(uid.as_str()).shard(count) == shard);
        let groups =
            (0..count).map(|shard| (shard, of_shard(shard).map(|uid| (uid.clone(), None)).collect()));
        groups.filter(|(_, targets): &(_, Vec<_>)| !targets.is_empty()).collect()
    }

    /// Has a shard pushed something behind so many outputs of the open batch. `false` if it has no room for what may be lost.
    pub(crate) fn push_if_room(&mut self, before: usize, shard: u32, push: Push) -> bool {
        let known = self.places.get(shard as usize);
        let has_room = known.is_some_and(|shard| !self.is_full(shard));
        if has_room {
            self.fresh_bytes += unconfirmed::bytes(&push);
            self.fresh.push((before, shard, push));
        }
        has_room
    }

    fn is_full(&self, shard: &Shard) -> bool {
        shard.unconfirmed.bytes() + self.fresh_bytes >= PUSHES_UNCONFIRMED_BYTES_MAX
    }

    pub(crate) fn down(&mut self, link: LinkId) {
        for shard in &mut self.places {
            if shard.link == Some(link) {
                shard.link = None;
            }
        }
    }

    /// Whether the shards of all these users have room for another push.
    pub(crate) fn has_room(&self, users: &[Uid]) -> bool {
        if !self.places.iter().any(|shard| self.is_full(shard)) {
            return true;
        }
        let count = self.places.len() as u32;
        let shard_of = |uid: &Uid| self.places.get(Slot::of(uid.as_str()).shard(count) as usize);
        !users.iter().filter_map(shard_of).any(|shard| self.is_full(shard))
    }

    /// Bytes of all pushes that are not confirmed.
    pub(crate) fn unconfirmed_bytes(&self) -> usize {
        self.places.iter().map(|shard| shard.unconfirmed.bytes()).sum()
    }

    /// The batch has failed: what it would have pushed has not happened.
    pub(crate) fn forget_fresh(&mut self) {
        self.fresh.clear();
        self.fresh_bytes = 0;
    }

    /// The batch is durable: its pushes are from now on. Moves `said` to `out` with them in their places, and before them what came to wait earlier.
    pub(crate) fn let_out(&mut self, said: &mut Vec<Output>, out: &mut Vec<Output>) {
        self.fresh_bytes = 0;
        let Self { numbered, places, fresh, .. } = self;
        let (mut fresh, mut moved) = (fresh.drain(..).peekable(), 0);
        let mut said = said.drain(..);
        loop {
            while let Some((_, shard, mut push)) = fresh.next_if(|(before, ..)| *before <= moved) {
                let Some(shard) = places.get_mut(shard as usize) else { continue };
                *numbered += 1;
                push.number = *numbered;
                shard.unconfirmed.add(Arc::new(push));
                shard.send(out);
            }
            let Some(output) = said.next() else { break };
            out.push(output);
            moved += 1;
        }
        places.iter_mut().for_each(|shard| shard.send(out));
    }
}

impl Shard {
    /// Whatever was not sent over the link that is up, if one is.
    fn send(&mut self, out: &mut Vec<Output>) {
        if let Some(link) = self.link {
            out.extend(self.unconfirmed.send().map(|push| Output::Push { link, push: Arc::clone(push) }));
        }
    }
}

impl<S: Store> Logic<S> {
    /// Pushes a message to all members, but not to the device that said it.
    pub(crate) fn fan_out(&mut self, from: &Device, members: &[Uid], message: Message) {
        let Shards { places, fresh, fresh_bytes, .. } = &mut self.shards;
        let shard_count = places.len() as u32;
        for uid in members {
            let shard = Slot::of(uid.as_str()).shard(shard_count);
            match places.get_mut(shard as usize) {
                Some(shard) => {
                    let except = (*uid == from.uid).then(|| from.device.clone());
                    shard.targets.push((uid.clone(), except));
                }
                None => self.tally.push_targets_dropped += 1,
            }
        }
        let spot = Spot { conversation: message.conversation.clone(), seq: message.seq };
        let mut packet = Vec::with_capacity(message.body.len() + 256);
        encode_server(Codec::Proto, ServerPacket::plain(ServerBody::Push(message)), &mut packet);
        // Copied for each frame but the last, which is the only one of most single chats.
        let mut frames: usize =
            places.iter().map(|shard| shard.targets.len().div_ceil(PUSH_TARGETS_MAX)).sum();
        for (shard, Shard { targets, .. }) in (0..).zip(places) {
            while !targets.is_empty() {
                frames -= 1;
                let rest = targets.split_off(targets.len().min(PUSH_TARGETS_MAX));
                let targets = std::mem::replace(targets, rest);
                self.tally.pushes += 1;
                self.tally.push_targets += targets.len() as u64;
                let class = PushClass::Chat(spot.clone());
                let packet = if frames == 0 { std::mem::take(&mut packet) } else { packet.clone() };
                let push = Push { targets, packet, class, number: 0 };
                *fresh_bytes += unconfirmed::bytes(&push);
                fresh.push((self.outputs.len(), shard, push));
            }
        }
    }
}
