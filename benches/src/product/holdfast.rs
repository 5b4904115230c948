//! Holdfast's own packets, as its SDK sends them: a login with a token, a command for each message, an acknowledgement of many pushes together.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use proto::ids::{ConversationId, DeviceId, Uid};
use proto::limits::ACK_EVERY;
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, CreateGroup, Login, ServerBody, Submit, Target, decode_server,
    encode_client,
};
use proto::time::Now;
use proto::ws::{Opcode, Subprotocol};
use state::token::{KeySource, KeySpec, Mint, TokenAlgorithm, mint};

use super::conn::{Socket, append};
use super::{Dialect, Ear, Heard, Who};

/// What the state server calls the key of the tokens.
const KID: &str = "dev";
/// Commands before the first message of who speaks in a group.
const GROUPS_MADE: u64 = 1;
const TOKEN_TTL: Duration = Duration::from_hours(1);

pub(super) struct Holdfast {
    /// What tokens are signed with, under the name "dev".
    key: Vec<u8>,
}

impl Holdfast {
    pub(super) fn new(key: Option<&PathBuf>) -> io::Result<Self> {
        let path =
            key.ok_or_else(|| io::Error::other("holdfast needs --key, the file of its tokens' key"))?;
        let (algorithm, source) = (TokenAlgorithm::Hs256, KeySource::File(path.clone()));
        let key = KeySpec { kid: KID.into(), algorithm, source }.secret(&fs::read(path)?);
        key.map(|key| Self { key }).ok_or_else(|| io::Error::other("the file has no key"))
    }
}

impl Dialect for Holdfast {
    fn door(&self, _: Who) -> (String, Option<&'static str>) {
        ("/".into(), Some(Subprotocol::Proto.name()))
    }

    fn enter(&self, who: Who, socket: &mut Socket) -> io::Result<()> {
        let (uid, device): (Uid, DeviceId) = (uid(who), "bench".parse().map_err(io::Error::other)?);
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
        let now = Now { mono_ms: 0, unix_ms: unix.as_millis() as u64 };
        let token = Mint {
            kid: KID,
            audience: "holdfast",
            uid: &uid,
            device: None,
            class: None,
            id: None,
            ttl: TOKEN_TTL,
        };
        let token = mint(token, &self.key, now);
        let login = Login { uid, device, token, client: "bench".into() };
        answered(socket, 0, ClientBody::Login(login))?;
        if who.speaks() && who.listeners > 1 {
            let members = (1..=who.listeners).map(|number| self::uid(Who { number, ..who })).collect();
            let group = CreateGroup { conversation: conversation(who), members };
            answered(socket, GROUPS_MADE, ClientBody::CreateGroup(group))?;
        }
        Ok(())
    }

    fn say(&self, who: Who, number: u64, body: &str, out: &mut Vec<u8>) {
        let (target, before) = match who.listeners {
            1 => (Target::User(uid(Who { number: 1, ..who })), 0),
            _ => (Target::Conversation(conversation(who)), GROUPS_MADE),
        };
        let submit = Submit { target, body: Body::Text(body.into()) };
        encode(out, before + number, ClientBody::Submit(submit));
    }

    fn hear(&self, ear: &mut Ear, message: &[u8], out: &mut Vec<u8>) -> io::Result<Heard> {
        let packet = decode_server(Codec::Proto, message).map_err(io::Error::other)?;
        match packet.body {
            ServerBody::SubmitOk(_) => Ok(Heard { acknowledged: 1, delivered: 0 }),
            ServerBody::Push(_) => {
                ear.unacknowledged += 1;
                if ear.unacknowledged >= ACK_EVERY {
                    ear.unacknowledged = 0;
                    encode(out, 0, ClientBody::Ack { push_seq: packet.push_seq });
                }
                Ok(Heard { acknowledged: 0, delivered: 1 })
            }
            other => Err(io::Error::other(format!("an unexpected packet: {other:?}"))),
        }
    }
}

fn uid(who: Who) -> Uid {
    format!("user-{}-{}", who.room, who.number).parse().expect("a short name")
}

fn conversation(who: Who) -> ConversationId {
    format!("g.{}", who.room).parse().expect("a short name")
}

fn encode(out: &mut Vec<u8>, client_id: u64, body: ClientBody) {
    let mut packet = Vec::with_capacity(320);
    encode_client(Codec::Proto, ClientPacket { client_id, body }, &mut packet);
    append(out, Opcode::Binary, &packet);
}

/// Says something and waits for its answer.
fn answered(socket: &mut Socket, client_id: u64, body: ClientBody) -> io::Result<()> {
    let mut out = Vec::new();
    encode(&mut out, client_id, body);
    socket.send(&out)?;
    match decode_server(Codec::Proto, &socket.hear()?).map_err(io::Error::other)?.body {
        ServerBody::LoginOk(_) | ServerBody::GroupOk { .. } => Ok(()),
        other => Err(io::Error::other(format!("an unexpected answer: {other:?}"))),
    }
}
