//! A shard, spoken to frame by frame. Owns the stand-ins for gateways and logic; each file below shows one rule's consequences.

mod a_gateway_is_sent_no_more_than_it_takes;
mod classes_go_before_one_another;
mod commands_keep_their_order;
mod devices_are_limited;
mod heartbeats_are_watched;
mod heartbeats_are_watched_as_a_simple_model_would;
mod links_come_and_go;
mod logins_are_checked;
mod orders_end_sessions;
mod peers_are_not_trusted;
mod presence_is_told;
mod pushes_are_kept_until_they_are_acknowledged;
mod pushes_are_taken_once;
mod pushes_reach_every_device;
mod sessions_are_resumed;
mod sessions_outlive_their_process;
mod simulation;

use std::collections::BTreeMap;
use std::time::Duration;

use proto::backend::{self, FromLogic, FromState, PushClass, Spot, Taken};
use proto::close::CloseReason;
use proto::device::DeviceClass;
use proto::ids::{ConnId, ConnParts, Slot};
use proto::link::{self, Form, Hello};
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, Login, LoginOk, Message, Missed, Pull, Refused, RefusedCode,
    Resume, ResumeOk, Resync, Secret, ServerBody, ServerPacket, Submit, SubmitOk, Target, Verdict,
    decode_client, decode_server, encode_client, encode_server,
};
use proto::rpc;
use proto::time::Now;

use super::*;
use crate::journal::{Record, Replay};
use crate::token::{KeySpec, Keys, Mint, mint};
use crate::{Event, GatewayLink};

const SECRET: &[u8] = &[7; 32];
/// Within what logic numbers its pushes.
const EPOCH: u64 = 5;
const HOME: GatewayLink = GatewayLink(0);
const WEBSOCKET: Form = Form { codec: Codec::Proto, tcp: false };
const JSON: Form = Form { codec: Codec::Json, tcp: false };

/// What was sent over the links, and what was said to the log.
#[derive(Debug, Default)]
struct Wires {
    gateways: BTreeMap<u32, Vec<u8>>,
    logic: Vec<u8>,
    /// What need not wait for a commit.
    calls: Vec<u8>,
    dropped: Vec<GatewayLink>,
    logic_dropped: bool,
    events: Vec<String>,
    /// What the records tell so far …
    replay: Replay,
    /// … and what those since the last beginning of a checkpoint tell.
    late: Replay,
}

impl Output for Wires {
    fn gateway(&mut self, link: GatewayLink) -> &mut Vec<u8> {
        self.gateways.entry(link.0).or_default()
    }

    fn logic(&mut self) -> &mut Vec<u8> {
        &mut self.logic
    }

    fn logic_call(&mut self) -> &mut Vec<u8> {
        &mut self.calls
    }

    fn drop_gateway(&mut self, link: GatewayLink) {
        self.dropped.push(link);
        let said = self.gateways.remove(&link.0).unwrap_or_default();
        // The last words are heard, if they are those.
        let mut last = Vec::new();
        link::superseded(&mut last);
        if said.ends_with(&last) {
            self.gateways.insert(link.0, last);
        }
    }

    fn drop_logic(&mut self) {
        self.logic_dropped = true;
        self.logic.clear();
        self.calls.clear();
    }

    fn event(&mut self, event: Event<'_>) {
        self.events.push(format!("{event:?}"));
    }

    fn record(&mut self, record: Record<'_>) {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        if record == Record::CheckpointBegun {
            self.late = Replay::default();
        }
        for replay in [&mut self.replay, &mut self.late] {
            replay.apply(Record::decode(&mut &bytes[..]).unwrap()).unwrap();
        }
        if record == Record::CheckpointDone {
            self.replay = std::mem::take(&mut self.late);
        }
    }
}

/// What a gateway hears from a shard.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Welcome,
    Packet(ConnId, ServerPacket),
    Close(ConnId, CloseReason),
    Superseded,
}

/// A shard, the only one of its server, and the clock.
struct Stage {
    shard: Shard,
    wires: Wires,
    now: Now,
    /// What the shard has told logic last when they met.
    taken: Taken,
}

fn keys() -> Keys {
    let text = "a:HS256:base64:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    Keys::new("holdfast", vec![KeySpec::parse(text).unwrap().key(b"").unwrap()])
}

/// The connection that has this index on reactor 2 of gateway 1.
fn conn(uid: &str, index: u32) -> ConnId {
    ConnId::new(ConnParts { gateway: 1, reactor: 2, slot: Slot::of(uid), generation: 3, index })
}

fn frames(bytes: &mut Vec<u8>) -> Vec<(u8, Vec<u8>)> {
    let (mut at, mut frames) = (0, Vec::new());
    while let Some(found) = rpc::next(bytes, at).unwrap() {
        at = found.body.end;
        frames.push((found.kind, bytes[found.body].to_vec()));
    }
    assert_eq!(at, bytes.len());
    bytes.clear();
    frames
}

fn packet(codec: Codec, client_id: u64, body: ClientBody) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_client(codec, ClientPacket { client_id, body }, &mut bytes);
    bytes
}

fn ack(push_seq: u64) -> Vec<u8> {
    packet(Codec::Proto, 0, ClientBody::Ack { push_seq })
}

fn submit(client_id: u64) -> Vec<u8> {
    submit_as(Codec::Proto, client_id)
}

fn submit_as(codec: Codec, client_id: u64) -> Vec<u8> {
    let target = Target::User("bob".parse().unwrap());
    let body = Body::Text(format!("number {client_id}"));
    packet(codec, client_id, ClientBody::Submit(Submit { target, body }))
}

fn pull() -> Vec<u8> {
    let pull = Pull { conversation: "g.club".parse().unwrap(), from_seq: 1, limit: 2 };
    packet(Codec::Proto, 0, ClientBody::Pull(pull))
}

fn submit_ok(client_id: u64) -> ServerPacket {
    let ok = SubmitOk { conversation: "g.club".parse().unwrap(), seq: client_id, time_ms: 5 };
    ServerPacket { push_seq: 0, client_id, body: ServerBody::SubmitOk(ok) }
}

fn refusal(client_id: u64, code: RefusedCode) -> ServerPacket {
    ServerPacket { push_seq: 0, client_id, body: ServerBody::Refused(Refused::new(code, "", "")) }
}

/// What has been said after a first word to this connection, that its session goes on.
fn after_going_on(conn: ConnId, mut said: Vec<Said>) -> Vec<Said> {
    match said.remove(0) {
        Said::Packet(to, ServerPacket { body: ServerBody::ResumeOk(ok), .. }) => {
            assert_eq!((to, ok.verdict, ok.secret.is_some()), (conn, Verdict::Complete, true));
        }
        other => panic!("{other:?}"),
    }
    said
}

/// A message of Alice's in the club.
fn message(seq: u64) -> Message {
    Message {
        conversation: "g.club".parse().unwrap(),
        seq,
        sender: "alice".parse().unwrap(),
        to: None,
        time_ms: 6,
        body: Body::Text("hi".into()),
    }
}

impl Stage {
    /// Logic is ready, and reactor 2 of gateway 1 has come over link [`HOME`] without connections.
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut stage = Self::unlinked(change);
        stage.link_logic();
        stage.link_gateway(HOME, 1, &[]);
        stage
    }

    fn unlinked(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new(keys());
        settings.boot_epoch = 0xAB;
        change(&mut settings);
        let now = Now { mono_ms: 1_000_000, unix_ms: 1_700_000_000_000 };
        Self { shard: Shard::new(settings), wires: Wires::default(), now, taken: Taken::default() }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.shard.handle(self.now, input, &mut self.wires);
        self.shard.end_turn(&mut self.wires);
        self.check_journal();
    }

    fn wait(&mut self, time: Duration) {
        self.now.mono_ms += time.as_millis() as u64;
        self.now.unix_ms += time.as_millis() as u64;
        self.shard.expire(self.now, &mut self.wires);
        self.shard.end_turn(&mut self.wires);
        self.check_journal();
    }

    /// The shard has died; another one begins with what the journal holds, and all links are down.
    fn begin_again(&mut self, replay: Replay, boot_epoch: u64, in_flight_max: u32) {
        let settings = Settings { boot_epoch, in_flight_max, ..Settings::new(keys()) };
        (self.shard, self.wires) = (Shard::new(settings), Wires::default());
        let sessions: Vec<_> = replay.sessions().cloned().collect();
        self.shard.restore_taken(replay.taken());
        self.wires.replay = replay;
        for durable in sessions {
            assert!(self.shard.restore(self.now, durable, &mut self.wires));
        }
        self.check_journal();
    }

    /// The records tell of exactly the sessions that there are; those of before the last checkpoint are not needed for that. It takes its time with many sessions.
    fn check_journal(&mut self) {
        if self.shard.sessions() > 32 {
            return;
        }
        self.shard.begin_checkpoint(&mut self.wires);
        self.shard.go_on_with_checkpoint(1, &mut self.wires);
        let mut durable: Vec<_> = self.shard.durable().collect();
        durable.sort_by_key(|durable| durable.number);
        let mut replayed: Vec<_> = self.wires.replay.sessions().cloned().collect();
        replayed.sort_by_key(|durable| durable.number);
        assert_eq!(durable, replayed);
    }

    fn gateway_says(&mut self, link: GatewayLink, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        for (kind, body) in frames(&mut bytes) {
            self.handle(Input::FromGateway { link, kind, body: &body });
        }
    }

    fn logic_says(&mut self, message: FromLogic) {
        let mut bytes = Vec::new();
        backend::to_state(&mut bytes, message);
        for (kind, body) in frames(&mut bytes) {
            self.handle(Input::FromLogic { kind, body: &body });
        }
    }

    /// Logic connects and is asked what it has left unanswered.
    fn link_logic(&mut self) -> Vec<FromState> {
        self.handle(Input::LogicUp);
        let [FromState::Hello { taken, .. }] = self.asked()[..] else { panic!("it introduces itself") };
        self.taken = taken;
        assert!(!self.shard.is_logic_ready());
        self.logic_says(FromLogic::Welcome { presence: false, epoch: EPOCH });
        assert!(self.shard.is_logic_ready());
        self.asked()
    }

    /// Reactor 2 of gateway 1 connects with these connections. What it hears after the welcome.
    fn link_gateway(&mut self, link: GatewayLink, boot_epoch: u64, live: &[(ConnId, Form)]) -> Vec<Said> {
        self.handle(Input::GatewayUp(link));
        let hello = Hello { gateway: 1, reactor: 2, boot_epoch, shard: 0 };
        self.gateway_says(link, |out| link::hello(out, hello));
        assert_eq!(self.heard(link), [Said::Welcome]);
        let (first, second) = live.split_at(live.len() / 2);
        self.gateway_says(link, |out| link::live(out, first, false));
        self.gateway_says(link, |out| link::live(out, second, true));
        self.heard(link)
    }

    /// What the shard has told a gateway since the last time.
    fn heard(&mut self, link: GatewayLink) -> Vec<Said> {
        let mut heard = Vec::new();
        for (kind, body) in frames(self.wires.gateways.entry(link.0).or_default()) {
            match link::FromState::decode(kind, &body).unwrap() {
                link::FromState::Welcome(_) => heard.push(Said::Welcome),
                link::FromState::Superseded => heard.push(Said::Superseded),
                link::FromState::Close { conn, reason } => heard.push(Said::Close(conn, reason)),
                link::FromState::Downlink { targets, shared } => {
                    for (conn, prefix) in targets {
                        let whole = [prefix, shared].concat();
                        let codec = if whole[0] == b'{' { Codec::Json } else { Codec::Proto };
                        heard.push(Said::Packet(conn, decode_server(codec, &whole).unwrap()));
                    }
                }
            }
        }
        heard
    }

    /// What the shard has asked logic since the last time.
    fn asked(&mut self) -> Vec<FromState> {
        let mut said = std::mem::take(&mut self.wires.calls);
        said.append(&mut self.wires.logic);
        let frames = frames(&mut said);
        frames.iter().map(|(kind, body)| FromState::decode(*kind, body).unwrap()).collect()
    }

    /// The client_ids of the commands among what logic was asked, and their calls; pulls have client_id 0.
    fn requests(&mut self) -> Vec<(u64, u64)> {
        let requests = self.asked().into_iter().map(|asked| match asked {
            FromState::Request { call, packet, .. } => {
                (decode_client(Codec::Proto, &packet).unwrap().client_id, call)
            }
            other => panic!("{other:?}"),
        });
        requests.collect()
    }

    fn client_ids(&mut self) -> Vec<u64> {
        self.requests().into_iter().map(|(client_id, _)| client_id).collect()
    }

    fn login(&self, uid: &str, device: &str) -> ClientBody {
        self.login_with(uid, device, None, None)
    }

    /// A login with a token of this class and this id.
    fn login_with(
        &self,
        uid: &str,
        device: &str,
        class: Option<DeviceClass>,
        id: Option<&str>,
    ) -> ClientBody {
        let uid = uid.parse().unwrap();
        let ttl = Duration::from_mins(1);
        let token = Mint { kid: "a", audience: "holdfast", uid: &uid, device: None, class, id, ttl };
        let token = mint(token, SECRET, self.now);
        ClientBody::Login(Login { uid, device: device.parse().unwrap(), token, client: "test/1".into() })
    }

    fn open(&mut self, conn: ConnId, form: Form, packet: &[u8]) {
        let peer = "192.0.2.1:99".parse().unwrap();
        self.gateway_says(HOME, |out| link::open(out, link::Open { conn, form, peer, packet }));
    }

    /// Opens a connection with a login. The call that logic is asked.
    fn attach(&mut self, conn: ConnId, form: Form, uid: &str, device: &str) -> u64 {
        let packet = packet(form.codec, 0, self.login(uid, device));
        self.open(conn, form, &packet);
        match &self.asked()[..] {
            [FromState::Attach { call, .. }] => *call,
            other => panic!("{other:?}"),
        }
    }

    /// A session whose device has executed `last_client_id`. What its client is told.
    fn log_in(
        &mut self,
        conn: ConnId,
        form: Form,
        (uid, device): (&str, &str),
        last_client_id: u64,
    ) -> LoginOk {
        let call = self.attach(conn, form, uid, device);
        self.logic_says(FromLogic::Attached { call, last_client_id });
        match self.heard(HOME).pop() {
            Some(Said::Packet(_, ServerPacket { body: ServerBody::LoginOk(ok), .. })) => ok,
            other => panic!("{other:?}"),
        }
    }

    /// A session that was opened with this login.
    fn log_in_as(&mut self, conn: ConnId, login: ClientBody) -> Vec<Said> {
        self.open(conn, WEBSOCKET, &packet(Codec::Proto, 0, login));
        for asked in self.asked() {
            let FromState::Attach { call, .. } = asked else { panic!("{asked:?}") };
            self.logic_says(FromLogic::Attached { call, last_client_id: 0 });
        }
        self.heard(HOME)
    }

    fn uplink(&mut self, conn: ConnId, packet: &[u8]) {
        self.gateway_says(HOME, |out| link::uplink(out, conn, packet));
    }

    fn reply(&mut self, call: u64, packet: ServerPacket) {
        let mut bytes = Vec::new();
        encode_server(Codec::Proto, packet, &mut bytes);
        self.logic_says(FromLogic::Reply { call, packet: bytes });
    }

    fn push(&mut self, targets: &[(&str, Option<&str>)], seq: u64) {
        let class = PushClass::Chat(Spot { conversation: "g.club".parse().unwrap(), seq });
        self.push_as(targets, seq, class);
    }

    /// Pushes message `seq` as one of this class.
    fn push_as(&mut self, targets: &[(&str, Option<&str>)], seq: u64, class: PushClass) {
        self.push_numbered(targets, seq, class, 0);
    }

    /// … under this number.
    fn push_numbered(&mut self, targets: &[(&str, Option<&str>)], seq: u64, class: PushClass, number: u64) {
        let packet = ServerPacket { push_seq: 0, client_id: 0, body: ServerBody::Push(message(seq)) };
        let mut bytes = Vec::new();
        encode_server(Codec::Proto, packet, &mut bytes);
        let target = |(uid, except): &(&str, Option<&str>)| {
            (uid.parse().unwrap(), except.map(|device| device.parse().unwrap()))
        };
        self.logic_says(FromLogic::Push(backend::Push {
            targets: targets.iter().map(target).collect(),
            packet: bytes,
            class,
            number,
        }));
    }

    /// The code of the only thing that a gateway heard: a refusal.
    fn refused(&mut self) -> (u64, Refused) {
        match &self.heard(HOME)[..] {
            [Said::Packet(_, ServerPacket { client_id, body: ServerBody::Refused(refused), .. })] => {
                (*client_id, refused.clone())
            }
            other => panic!("{other:?}"),
        }
    }
}
