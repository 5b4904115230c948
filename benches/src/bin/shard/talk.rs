//! Pairs that talk, as bytes: what a gateway and logic would say to a shard. Owns what comes next of each pair; leaves the moving of bytes to who measures. The even places are of those who
//! speak, the odd ones of those who are spoken to.

use std::time::Duration;

use proto::backend::{self, FromLogic, FromState, Push, PushClass, Spot};
use proto::ids::{ConnId, ConnParts, DeviceId, Slot, Uid};
use proto::link::{self, Form, Hello, Open};
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, Login, Message, ServerBody, ServerPacket, Submit, SubmitOk,
    Target, encode_client, encode_server,
};
use proto::time::Now;
use state::token::{Mint, mint};

pub(crate) const KEY: &str = "a:HS256:base64:BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
/// Bytes of what is said.
const TEXT: usize = 100;
const FORM: Form = Form { codec: Codec::Proto, tcp: true };

/// So many people.
pub(crate) struct Talk {
    people: Vec<Person>,
    push: Push,
    /// The number of the last push to the shard.
    numbered: u64,
    submit: Vec<u8>,
    answer: Vec<u8>,
    scratch: Vec<u8>,
    /// Cycles that are done.
    pub(crate) done: u64,
    /// Logins that were answered.
    pub(crate) online: u32,
}

struct Person {
    conn: ConnId,
    /// Commands that were numbered, or pushes that were heard.
    numbered: u64,
}

/// A name of 16 bytes.
fn name(place: u32) -> Uid {
    format!("person-{place:09}").parse().expect("a uid")
}

fn place_of(uid: &str) -> u32 {
    uid[7..].parse().expect("its number")
}

impl Talk {
    pub(crate) fn new(people: u32) -> Self {
        let conn = |index| {
            let slot = Slot::of(name(index).as_str());
            ConnId::new(ConnParts { gateway: 1, reactor: 0, slot, generation: 1, index })
        };
        let text = || Body::Text("x".repeat(TEXT));
        let spot = Spot { conversation: "g.somewhere".parse().expect("a conversation"), seq: 0 };
        let message = Message {
            conversation: spot.conversation.clone(),
            seq: 1 << 40,
            sender: name(0),
            to: Some(name(1)),
            time_ms: 1 << 40,
            body: text(),
        };
        let mut packet = Vec::new();
        encode_server(Codec::Proto, ServerPacket::plain(ServerBody::Push(message)), &mut packet);
        // Numbers are put before them; a packet's fields may stand in any order.
        let (mut submit, mut answer) = (Vec::new(), Vec::new());
        let body = ClientBody::Submit(Submit { target: Target::User(name(1)), body: text() });
        encode_client(Codec::Proto, ClientPacket { client_id: 0, body }, &mut submit);
        let ok = SubmitOk { conversation: spot.conversation.clone(), seq: 1 << 40, time_ms: 1 << 40 };
        encode_server(Codec::Proto, ServerPacket::plain(ServerBody::SubmitOk(ok)), &mut answer);
        Self {
            people: (0..people).map(|index| Person { conn: conn(index), numbered: 0 }).collect(),
            push: Push { targets: vec![(name(1), None)], packet, class: PushClass::Chat(spot), number: 0 },
            numbered: 0,
            submit,
            answer,
            scratch: Vec::new(),
            done: 0,
            online: 0,
        }
    }

    /// The gateway's introduction.
    pub(crate) fn introduce(out: &mut Vec<u8>) {
        link::hello(out, Hello { gateway: 1, reactor: 0, boot_epoch: 1, shard: 0 });
        link::live(out, &[], true);
    }

    /// A login.
    pub(crate) fn log_in(&self, place: u32, now: Now, out: &mut Vec<u8>) {
        let uid = name(place);
        let ttl = Duration::from_hours(1);
        let asked =
            Mint { kid: "a", audience: "holdfast", uid: &uid, device: None, class: None, id: None, ttl };
        let token = mint(asked, &[7; 32], now);
        let device: DeviceId = "phone".parse().expect("a device");
        let body = ClientBody::Login(Login { uid, device, token, client: String::new() });
        let mut packet = Vec::new();
        encode_client(Codec::Proto, ClientPacket { client_id: 0, body }, &mut packet);
        let peer = ([127, 0, 0, 1], 9).into();
        link::open(out, Open { conn: self.people[place as usize].conn, form: FORM, peer, packet: &packet });
    }

    /// The next command of a pair's.
    pub(crate) fn speak(&mut self, pair: u32, out: &mut Vec<u8>) {
        let speaker = &mut self.people[pair as usize * 2];
        speaker.numbered += 1;
        self.scratch.clear();
        number(0x08, speaker.numbered, &mut self.scratch);
        self.scratch.extend_from_slice(&self.submit);
        link::uplink(out, speaker.conn, &self.scratch);
    }

    /// Logic's part: answers what a shard has said to it.
    pub(crate) fn hear_as_logic(&mut self, kind: u8, body: &[u8], out: &mut Vec<u8>) {
        match FromState::decode(kind, body).expect("a frame of the shard") {
            FromState::Hello { .. } => {
                backend::to_state(out, FromLogic::Welcome { presence: false, epoch: 1 });
            }
            FromState::Attach { call, .. } => {
                backend::to_state(out, FromLogic::Attached { call, last_client_id: 0 });
            }
            FromState::Request { call, uid, .. } => {
                let place = place_of(uid.as_str());
                self.numbered += 1;
                self.push.number = self.numbered;
                self.push.targets[0].0 = name(place + 1);
                let PushClass::Chat(spot) = &mut self.push.class else { return };
                spot.seq = self.people[place as usize].numbered;
                backend::push(out, &self.push);
                let mut packet = Vec::with_capacity(16 + self.answer.len());
                number(0x10, self.people[place as usize].numbered, &mut packet);
                packet.extend_from_slice(&self.answer);
                backend::to_state(out, FromLogic::Reply { call, packet });
            }
            _ => {}
        }
    }

    /// The gateway's part, and its clients': who is pushed something acknowledges it, who is answered has done a cycle and is named to `next`.
    pub(crate) fn hear_as_gateway(
        &mut self,
        kind: u8,
        body: &[u8],
        out: &mut Vec<u8>,
        mut next: impl FnMut(&mut Self, u32, &mut Vec<u8>),
    ) {
        let link::FromState::Downlink { targets, .. } =
            link::FromState::decode(kind, body).expect("a frame of the shard")
        else {
            return;
        };
        for (conn, _) in targets {
            let place = conn.index();
            let people = self.people.len() as u32;
            let person = &mut self.people[place as usize];
            if self.online < people {
                self.online += 1;
            } else if place % 2 == 1 {
                person.numbered += 1;
                let mut ack = [0; 16];
                let length = ack_bytes(person.numbered, &mut ack);
                link::uplink(out, conn, &ack[..length]);
            } else {
                self.done += 1;
                next(self, place / 2, out);
            }
        }
    }

    /// A gateway's report that all are alive.
    pub(crate) fn alive(&self, places: std::ops::Range<u32>, out: &mut Vec<u8>) {
        link::alive(out, places.map(|place| self.people[place as usize].conn.index()));
    }
}

fn number(key: u8, mut value: u64, out: &mut Vec<u8>) {
    out.push(key);
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// `ack { push_seq }`.
fn ack_bytes(push_seq: u64, out: &mut [u8; 16]) -> usize {
    let mut inner = Vec::with_capacity(12);
    number(0x08, push_seq, &mut inner);
    (out[0], out[1]) = (0x32, inner.len() as u8);
    out[2..2 + inner.len()].copy_from_slice(&inner);
    2 + inner.len()
}
