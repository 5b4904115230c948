//! Who is online, as the shards tell it, and who is told of it: [`Online`]. Owns what is made of a shard's lists and changes, and who may watch whom; that a lost connection
//! is no event is the shards' doing. Who is online is known from memory, and told anew by every shard that links; who watches whom and when somebody
//! was last there is in the store.

use std::collections::HashMap;
use std::sync::Arc;

use proto::backend::{Presence, PushClass, Status};
use proto::ids::{ConversationId, Slot, Uid};
use proto::limits::WATCHERS_MAX;
use proto::packet::{
    ClientBody, ClientPacket, Codec, Refused, RefusedCode, ServerBody, ServerPacket, UserPresence,
    decode_client, encode_server,
};
use proto::time::Now;

use crate::backlog::FanOut;
use crate::store::{Store, StoreError};
use crate::{Device, LinkId, Logic, Output};

/// All users that are online.
#[derive(Debug, Default)]
pub(crate) struct Online {
    users: HashMap<Uid, Since>,
    /// The list that is being told, or the last one, of each shard's link.
    lists: HashMap<LinkId, List>,
    begun: u64,
}

#[derive(Clone, Copy, Debug)]
struct Since {
    at_ms: u64,
    /// In which list they were told last, or after it.
    list: u64,
}

#[derive(Clone, Copy, Debug)]
struct List {
    number: u64,
    /// More pieces are to come.
    open: bool,
}

impl Online {
    /// A link is gone: what it has told stays until its shard tells anew.
    pub(crate) fn link_down(&mut self, link: LinkId) {
        self.lists.remove(&link);
    }

    /// The list that a piece belongs to: a new one after the last piece of the one before.
    fn list(&mut self, link: LinkId, last: bool) -> u64 {
        let known = self.lists.get(&link).filter(|list| list.open);
        let number = known.map_or_else(
            || {
                self.begun += 1;
                self.begun
            },
            |list| list.number,
        );
        self.lists.insert(link, List { number, open: !last });
        number
    }
}

impl<S: Store> Logic<S> {
    /// Takes what a shard tells, and tells those who watch.
    pub(crate) fn presence(&mut self, now: Now, link: LinkId, presence: Presence) -> Result<(), StoreError> {
        let Presence { users, whole, last } = presence;
        self.tally.presence += users.len() as u64;
        let list = if whole { Some(self.online.list(link, last)) } else { None };
        let current = list.or_else(|| self.online.lists.get(&link).map(|list| list.number)).unwrap_or(0);
        for Status { uid, online, since_ms } in users {
            let at_ms = if since_ms == 0 { now.unix_ms } else { since_ms };
            self.status(&uid, online, at_ms, current)?;
        }
        if let Some(list) = list.filter(|_| last) {
            self.sweep(now, link, list)?;
        }
        self.outputs.push(Output::PresenceTaken { link });
        Ok(())
    }

    fn status(&mut self, uid: &Uid, online: bool, at_ms: u64, list: u64) -> Result<(), StoreError> {
        let known = self.online.users.get_mut(uid);
        let was_online = known.is_some();
        match (online, known) {
            (true, Some(since)) => since.list = list,
            (true, None) => drop(self.online.users.insert(uid.clone(), Since { at_ms, list })),
            (false, _) => drop(self.online.users.remove(uid)),
        }
        if online != was_online {
            self.store.keep_seen(uid, at_ms)?;
            self.tell_watchers(uid, online, at_ms)?;
        }
        Ok(())
    }

    /// A shard has told of all its users: those it has not told of are gone.
    fn sweep(&mut self, now: Now, link: LinkId, list: u64) -> Result<(), StoreError> {
        let Some((shard, shard_count)) = self.shards.place(link) else { return Ok(()) };
        let of_shard = |uid: &Uid| Slot::of(uid.as_str()).shard(shard_count) == shard;
        let online = self.online.users.iter();
        let gone =
            online.filter(|(uid, since)| since.list != list && of_shard(uid)).map(|(uid, _)| uid.clone());
        let gone: Vec<_> = gone.collect();
        gone.iter().try_for_each(|uid| self.status(uid, false, now.unix_ms, list))
    }

    fn tell_watchers(&mut self, uid: &Uid, online: bool, since_ms: u64) -> Result<(), StoreError> {
        let watchers = self.store.watchers(uid, WATCHERS_MAX)?;
        let count = watchers.len();
        let users: Arc<[_]> = watchers.into_iter().filter(|uid| self.shards.has_room_for(uid)).collect();
        self.tally.push_targets_dropped += (count - users.len()) as u64;
        if users.is_empty() {
            return Ok(());
        }
        let status = vec![UserPresence { uid: uid.clone(), online, since_ms }];
        let mut packet = Vec::new();
        encode_server(Codec::Proto, ServerPacket::plain(ServerBody::Presence(status)), &mut packet);
        // A shard whose link is down hears of it with the next one: after a start of ours, one shard may tell who is there before the watchers' has come.
        let class = PushClass::Mergeable(format!("presence.{uid}"));
        let push = FanOut { users, except: None, packet, class, number: 0, after: self.store.committed() };
        self.shards.push(self.outputs.len(), push);
        Ok(())
    }

    /// The answer to a watch: how it stands with those whom the user may watch.
    pub(crate) fn watch(&mut self, from: &Device, packet: &[u8]) -> Result<Vec<u8>, StoreError> {
        let body = match decode_client(Codec::Proto, packet) {
            Ok(ClientPacket { body: ClientBody::Watch(wanted), .. }) => {
                let watched = self.acquainted(&from.uid, wanted)?;
                self.store.watch(&from.uid, &watched)?;
                let users = watched.into_iter().map(|uid| self.standing(uid));
                ServerBody::Presence(users.collect::<Result<_, _>>()?)
            }
            Ok(_) => ServerBody::Refused(Refused::new(RefusedCode::Invalid, "packet", "is no watch")),
            Err(error) => ServerBody::Refused((&error).into()),
        };
        Ok(self.tally.encode(ServerPacket::plain(body)))
    }

    /// Those of some users with whom this one has a single chat.
    fn acquainted(&mut self, uid: &Uid, mut users: Vec<Uid>) -> Result<Vec<Uid>, StoreError> {
        users.sort_unstable();
        users.dedup();
        let mut known = Vec::new();
        for other in users {
            if self.store.conversation(&ConversationId::single(uid, &other))?.is_some() {
                known.push(other);
            }
        }
        Ok(known)
    }

    fn standing(&mut self, uid: Uid) -> Result<UserPresence, StoreError> {
        Ok(match self.online.users.get(&uid) {
            Some(since) => UserPresence { online: true, since_ms: since.at_ms, uid },
            None => UserPresence { online: false, since_ms: self.store.last_seen(&uid)?, uid },
        })
    }
}
