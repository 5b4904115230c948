//! Who is told of a new message, and on which link. Owns the table of links; leaves the sessions of a user to the shard that owns their slot.

use proto::backend::{Push, PushClass, Spot};
use proto::ids::{DeviceId, Slot, Uid};
use proto::limits::PUSH_TARGETS_MAX;
use proto::packet::{Codec, Message, ServerBody, ServerPacket, encode_server};

use crate::store::Store;
use crate::{Device, LinkId, Logic, Output};

/// The link of each shard. The newest Hello is right about how many shards there are; a link that was set up under another number is not
/// pushed to any more, since its slots are others'.
#[derive(Debug, Default)]
pub(crate) struct Shards {
    links: Vec<Option<LinkId>>,
    /// Targets by shard while a message is fanned out: kept for its memory.
    targets: Vec<Vec<Target>>,
}

pub(crate) type Target = (Uid, Option<DeviceId>);

impl Shards {
    pub(crate) fn up(&mut self, link: LinkId, shard: u32, shard_count: u32) {
        let count = shard_count.max(1) as usize;
        if self.links.len() != count {
            self.links = vec![None; count];
            self.targets = vec![Vec::new(); count];
        }
        if let Some(place) = self.links.get_mut(shard as usize) {
            *place = Some(link);
        }
    }

    /// Which shard a link is of, and of how many.
    pub(crate) fn place(&self, link: LinkId) -> Option<(u32, u32)> {
        let place = self.links.iter().position(|known| *known == Some(link))?;
        Some((place as u32, self.links.len() as u32))
    }

    /// Some users by the link of their shard; those whose shard has none are left out.
    pub(crate) fn group(&self, users: &[Uid]) -> Vec<(LinkId, Vec<Target>)> {
        let count = self.links.len() as u32;
        let of_shard =
            |shard: u32| users.iter().filter(move |uid| Slot::of(uid.as_str()).shard(count) == shard);
        let linked = self.links.iter().zip(0..).filter_map(|(link, shard)| Some(((*link)?, shard)));
        let groups =
            linked.map(|(link, shard)| (link, of_shard(shard).map(|uid| (uid.clone(), None)).collect()));
        groups.filter(|(_, targets): &(_, Vec<_>)| !targets.is_empty()).collect()
    }

    pub(crate) fn down(&mut self, link: LinkId) {
        for place in &mut self.links {
            if *place == Some(link) {
                *place = None;
            }
        }
    }
}

impl<S: Store> Logic<S> {
    /// Pushes a message to all members, but not to the device that said it. A shard that has no link misses it: its clients see from
    /// the next seq that something is missing, and pull.
    pub(crate) fn fan_out(&mut self, from: &Device, members: &[Uid], message: Message) {
        let Shards { links, targets } = &mut self.shards;
        let shard_count = links.len() as u32;
        for uid in members {
            let shard = Slot::of(uid.as_str()).shard(shard_count) as usize;
            match links.get(shard) {
                Some(Some(_)) => {
                    let except = (*uid == from.uid).then(|| from.device.clone());
                    targets[shard].push((uid.clone(), except));
                }
                _ => self.tally.push_targets_dropped += 1,
            }
        }
        let spot = Spot { conversation: message.conversation.clone(), seq: message.seq };
        let mut packet = Vec::with_capacity(message.body.len() + 256);
        encode_server(Codec::Proto, ServerPacket::plain(ServerBody::Push(message)), &mut packet);
        for (link, targets) in links.iter().zip(targets) {
            let Some(link) = *link else { continue };
            while !targets.is_empty() {
                let rest = targets.split_off(targets.len().min(PUSH_TARGETS_MAX));
                let targets = std::mem::replace(targets, rest);
                self.tally.pushes += 1;
                self.tally.push_targets += targets.len() as u64;
                let push = Push { targets, packet: packet.clone(), class: PushClass::Chat(spot.clone()) };
                self.outputs.push(Output::Push { link, push });
            }
        }
    }
}
