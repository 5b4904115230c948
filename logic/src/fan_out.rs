//! Who is told of a new message, and on which link. Owns the table of links, and that each shard takes each push once, whatever dies between: a push is numbered when
//! it is durable, and sent again over the next link until its shard has confirmed it; what another process did not get confirmed is pushed again by the next one. Leaves the
//! sessions of a user to the shard that owns their slot.

use std::collections::VecDeque;
use std::sync::Arc;

use proto::backend::{PushClass, Spot, Taken};
use proto::ids::{DeviceId, Slot, Uid};
use proto::limits::PUSHES_UNCONFIRMED_BYTES_MAX;
use proto::packet::{Codec, Message, ServerBody, ServerPacket, encode_server};

use crate::backlog::{Backlog, FanOut, Pushed};
use crate::store::{Store, StoreError};
use crate::{Device, LinkId, Logic, Output, Tally};

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
    fresh: Vec<(usize, FanOut)>,
    fresh_bytes: usize,
}

/// One of them.
#[derive(Debug, Default)]
struct Shard {
    link: Option<LinkId>,
    backlog: Backlog,
    /// The places of its users while a push is cut: kept for its memory.
    users: Vec<u32>,
}

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
            place.backlog.rewind();
            if taken.epoch == self.epoch {
                place.backlog.confirm(taken.number);
            }
        }
    }

    /// A shard has taken all pushes up to `number`.
    pub(crate) fn taken(&mut self, link: LinkId, number: u64) {
        if let Some(shard) = self.places.iter_mut().find(|shard| shard.link == Some(link)) {
            shard.backlog.confirm(number);
        }
    }

    /// Which shard a link is of, and of how many.
    pub(crate) fn place(&self, link: LinkId) -> Option<(u32, u32)> {
        let place = self.places.iter().position(|known| known.link == Some(link))?;
        Some((place as u32, self.places.len() as u32))
    }

    pub(crate) fn down(&mut self, link: LinkId) {
        for shard in &mut self.places {
            if shard.link == Some(link) {
                shard.link = None;
            }
        }
    }

    /// Has something pushed behind so many outputs of the open batch.
    pub(crate) fn push(&mut self, before: usize, what: FanOut) {
        self.fresh_bytes += what.bytes();
        self.fresh.push((before, what));
    }

    fn is_full(&self, shard: &Shard) -> bool {
        shard.backlog.bytes() + self.fresh_bytes >= PUSHES_UNCONFIRMED_BYTES_MAX
    }

    /// Whether the shards of all these users have room for another push.
    pub(crate) fn has_room(&self, users: &[Uid]) -> bool {
        !self.places.iter().any(|shard| self.is_full(shard)) || users.iter().all(|uid| self.has_room_for(uid))
    }

    /// Whether a user's shard has room for another push.
    pub(crate) fn has_room_for(&self, uid: &Uid) -> bool {
        let shard = self.places.get(Slot::of(uid.as_str()).shard(self.places.len() as u32) as usize);
        shard.is_none_or(|shard| !self.is_full(shard))
    }

    /// Bytes of all pushes that are not confirmed.
    pub(crate) fn unconfirmed_bytes(&self) -> usize {
        self.places.iter().map(|shard| shard.backlog.bytes()).sum()
    }

    /// The store's last place of which everything is confirmed, when all that it has goes up to `committed`.
    fn confirmed(&self, committed: u64) -> u64 {
        let after = self.places.iter().filter_map(|shard| shard.backlog.after());
        after.min().map_or(committed, |after| after.min(committed))
    }

    /// The batch has failed: what it would have pushed has not happened.
    pub(crate) fn forget_fresh(&mut self) {
        self.fresh.clear();
        self.fresh_bytes = 0;
    }

    /// The batch is durable: its pushes are from now on. Moves `said` to `out` with them in their places, and before them what came to wait earlier.
    pub(crate) fn let_out(&mut self, said: &mut Vec<Output>, out: &mut Vec<Output>, tally: &mut Tally) {
        self.fresh_bytes = 0;
        self.send(out);
        let mut fresh = std::mem::take(&mut self.fresh);
        let mut moved = 0;
        let mut said = said.drain(..);
        for (before, what) in fresh.drain(..) {
            out.extend(said.by_ref().take(before - moved));
            moved = before;
            self.add(what, tally);
            self.send(out);
        }
        self.fresh = fresh;
        out.extend(said);
    }

    /// Numbers a push that is durable, and gives each shard its part.
    fn add(&mut self, mut what: FanOut, tally: &mut Tally) {
        self.numbered += 1;
        what.number = self.numbered;
        let count = self.places.len() as u32;
        tally.push_targets += what.users.len() as u64;
        let what = Arc::new(what);
        if let [only] = &mut self.places[..] {
            tally.pushes += 1;
            return only.backlog.add(Pushed { what, places: None });
        }
        for (place, uid) in (0..).zip(&*what.users) {
            if let Some(shard) = self.places.get_mut(Slot::of(uid.as_str()).shard(count) as usize) {
                shard.users.push(place);
            }
        }
        for Shard { backlog, users, .. } in self.places.iter_mut().filter(|shard| !shard.users.is_empty()) {
            tally.pushes += 1;
            backlog.add(Pushed { what: Arc::clone(&what), places: Some(Arc::from(&users[..])) });
            users.clear();
        }
    }

    /// Whatever may be sent over the links that are up.
    fn send(&mut self, out: &mut Vec<Output>) {
        for Shard { link, backlog, .. } in &mut self.places {
            let Some(link) = *link else { continue };
            while let Some(push) = backlog.send() {
                out.push(Output::Push { link, push: push.clone() });
            }
        }
    }
}

impl<S: Store> Logic<S> {
    /// Pushes a message to all members, but not to the device that said it.
    pub(crate) fn fan_out(&mut self, from: &Device, members: &Arc<[Uid]>, message: Message) {
        let said_by = members.binary_search(&from.uid).ok();
        let except = said_by.map(|place| (place, from.device.clone()));
        let push = fan_out(members, except, message, self.store.committed());
        self.shards.push(self.outputs.len(), push);
    }

    /// Pushes what is durable and was not confirmed to the process before this one, as far as the store knows: the end of its life may have come between the commit and
    /// the push. Which device said it is not known any more; everybody knows by its seq what they have. Done once, when the first shard has come.
    pub(crate) fn push_again(&mut self) -> Result<(), StoreError> {
        if self.pushed_again {
            return Ok(());
        }
        // A shard that was away for long leaves more than is worth pushing again: the oldest are left out. Who is told of a later message of the conversation pulls them.
        let (mut found, mut bytes, mut left_out) = (VecDeque::<(u64, Message)>::new(), 0, 0);
        let weight = |message: &Message| size_of::<FanOut>() + message.body.len();
        self.store.not_taken(&mut |after, message| {
            bytes += weight(&message);
            found.push_back((after, message));
            while bytes > PUSHES_UNCONFIRMED_BYTES_MAX
                && let Some((_, oldest)) = found.pop_front()
            {
                bytes -= weight(&oldest);
                left_out += 1;
            }
        })?;
        let mut pushes = Vec::new();
        for (after, message) in found {
            if let Some(conversation) = self.store.conversation(&message.conversation)? {
                pushes.push(fan_out(&conversation.members, None, message, after));
            }
        }
        self.tally.pushed_again += pushes.len() as u64;
        self.tally.not_pushed_again += left_out;
        // They are durable already, whatever becomes of this batch.
        for push in pushes {
            self.shards.add(push, &mut self.tally);
        }
        self.pushed_again = true;
        Ok(())
    }

    /// Lets the store know how much of it need not be pushed again by the next process.
    pub(crate) fn note_confirmed(&mut self) {
        if self.pushed_again {
            let confirmed = self.shards.confirmed(self.store.committed());
            self.store.taken(confirmed);
        }
    }
}

fn fan_out(members: &Arc<[Uid]>, except: Option<(usize, DeviceId)>, message: Message, after: u64) -> FanOut {
    let spot = Spot { conversation: message.conversation.clone(), seq: message.seq };
    let mut packet = Vec::with_capacity(message.body.len() + 256);
    encode_server(Codec::Proto, ServerPacket::plain(ServerBody::Push(message)), &mut packet);
    FanOut { users: Arc::clone(members), except, packet, class: PushClass::Chat(spot), number: 0, after }
}
