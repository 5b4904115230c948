//! What the machine's tests share: a machine on a store in memory, with one link for each of two shards, and answers as values.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]
#![allow(dead_code, reason = "each test file uses its part")]

use logic::store::memory::MemoryStore;
use logic::store::{Store, StoreError};
use logic::{Device, Input, LinkId, Logic, Output};
use proto::backend::{Push, Taken};
use proto::ids::{ConversationId, Uid};
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, CreateGroup, Message, Pull, Pulled, Refused, RefusedCode,
    ServerBody, ServerPacket, Submit, SubmitOk, Target, decode_server, encode_client,
};
use proto::time::Now;

pub(crate) fn device(uid: &str, device: &str) -> Device {
    Device { uid: uid.parse().unwrap(), device: device.parse().unwrap() }
}

pub(crate) fn at(unix_ms: u64) -> Now {
    Now { mono_ms: 0, unix_ms }
}

pub(crate) fn link(shard: u32) -> LinkId {
    LinkId(u64::from(shard) + 100)
}

pub(crate) fn encode(client_id: u64, body: ClientBody) -> Vec<u8> {
    let mut out = Vec::new();
    encode_client(Codec::Proto, ClientPacket { client_id, body }, &mut out);
    out
}

pub(crate) fn text_to(to: &str, text: &str) -> ClientBody {
    ClientBody::Submit(Submit { target: Target::User(to.parse().unwrap()), body: Body::Text(text.into()) })
}

pub(crate) fn text_in(conversation: &ConversationId, text: &str) -> ClientBody {
    let target = Target::Conversation(conversation.clone());
    ClientBody::Submit(Submit { target, body: Body::Text(text.into()) })
}

pub(crate) fn group(name: &str, members: &[&str]) -> ClientBody {
    let members = members.iter().map(|uid| uid.parse().unwrap()).collect();
    ClientBody::CreateGroup(CreateGroup { conversation: name.parse().unwrap(), members })
}

pub(crate) fn pull(conversation: &ConversationId, from_seq: u64, limit: u32) -> ClientBody {
    ClientBody::Pull(Pull { conversation: conversation.clone(), from_seq, limit })
}

pub(crate) fn single(one: &str, other: &str) -> ConversationId {
    ConversationId::single(&one.parse().unwrap(), &other.parse().unwrap())
}

/// Within what it numbers its pushes.
pub(crate) const EPOCH: u64 = 9;

/// A machine and the time it is told.
pub(crate) struct Rig<S: Store = MemoryStore> {
    pub(crate) logic: Logic<S>,
    pub(crate) now: Now,
    calls: u64,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::on(MemoryStore::default())
    }
}

impl<S: Store> Rig<S> {
    pub(crate) fn on(store: S) -> Self {
        let mut logic = Logic::new(store, EPOCH);
        for shard in 0..2 {
            logic.handle(
                at(0),
                Input::LinkUp { link: link(shard), shard, shard_count: 2, taken: Taken::default() },
            );
        }
        Self { logic, now: at(1_000), calls: 0 }
    }

    /// Takes a packet into the batch and returns its call.
    pub(crate) fn send(&mut self, from: &Device, packet: Vec<u8>) -> u64 {
        self.calls += 1;
        let call = self.calls;
        self.logic.handle(self.now, Input::Request { link: link(0), call, from: from.clone(), packet });
        call
    }

    pub(crate) fn commit(&mut self) -> (Vec<Output>, Result<(), StoreError>) {
        let mut out = Vec::new();
        let result = self.logic.commit(&mut out);
        (out, result)
    }

    /// Sends one packet, commits, and returns its answer and the pushes.
    pub(crate) fn ask_raw(&mut self, from: &Device, packet: Vec<u8>) -> (ServerPacket, Vec<(LinkId, Push)>) {
        let call = self.send(from, packet);
        let (out, result) = self.commit();
        result.unwrap();
        (reply(&out, call).unwrap(), pushes(out))
    }

    pub(crate) fn ask(&mut self, from: &Device, client_id: u64, body: ClientBody) -> ServerPacket {
        self.ask_raw(from, encode(client_id, body)).0
    }

    pub(crate) fn last_client_id(&mut self, from: &Device) -> u64 {
        self.logic.handle(self.now, Input::Attach { link: link(1), call: 7, from: from.clone() });
        let (out, result) = self.commit();
        result.unwrap();
        match &out[..] {
            [Output::Attached { link: to, call: 7, last_client_id }] if *to == link(1) => *last_client_id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn pulled(
        &mut self,
        from: &Device,
        conversation: &ConversationId,
        from_seq: u64,
        limit: u32,
    ) -> Pulled {
        match self.ask(from, 0, pull(conversation, from_seq, limit)) {
            ServerPacket { push_seq: 0, client_id: 0, body: ServerBody::Pulled(pulled) } => pulled,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn reply(out: &[Output], wanted: u64) -> Option<ServerPacket> {
    let mut replies = out.iter().filter_map(|output| match output {
        Output::Reply { link: to, call, packet } if *call == wanted => {
            assert_eq!(*to, link(0));
            Some(decode_server(Codec::Proto, packet).unwrap())
        }
        _ => None,
    });
    let found = replies.next();
    assert!(replies.next().is_none(), "a request is answered once");
    found
}

pub(crate) fn pushes(out: Vec<Output>) -> Vec<(LinkId, Push)> {
    let push = |output| match output {
        Output::Push { link, push } => Some((link, push.to_push())),
        _ => None,
    };
    out.into_iter().filter_map(push).collect()
}

pub(crate) fn message_of(push: &Push) -> Message {
    match decode_server(Codec::Proto, &push.packet).unwrap() {
        ServerPacket { push_seq: 0, client_id: 0, body: ServerBody::Push(message) } => message,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn submit_ok(packet: ServerPacket) -> SubmitOk {
    match packet.body {
        ServerBody::SubmitOk(ok) => ok,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refused(packet: ServerPacket) -> Refused {
    match packet.body {
        ServerBody::Refused(refused) => refused,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn code(packet: ServerPacket) -> RefusedCode {
    refused(packet).code
}

pub(crate) fn uids(names: &[&str]) -> Vec<Uid> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}
