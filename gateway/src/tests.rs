//! The gateway machine alone: bytes of clients and frames of shards in, bytes and frames out.

mod compressed;
mod drain;
mod floods;
mod greed;
mod handover;
mod operator;
mod proxied;
mod secured;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proto::close::CloseReason;
use proto::ids::{ConnId, Slot};
use proto::limits::{CONNECTIONS_SCANNED, FRAGMENTS_MAX, PACKET_BYTES_MAX};
use proto::link::{self, Form, FromGateway, Welcome};
use proto::packet::*;
use proto::time::Now;
use proto::ws::{Limits, Opcode, frame, request};
use proto::{rpc, tcp};

use crate::{Bounds, Door, Gateway, Input, Mode, Note, Output, Settings, Tls, Tunables};

/// One shard that is up, and whatever the machine wants done.
struct World {
    machine: Gateway,
    now: Now,
    done: Done,
}

#[derive(Default)]
struct Done {
    consumed: usize,
    sent: HashMap<u32, Vec<u8>>,
    finished: Vec<u32>,
    closed: Vec<u32>,
    resumed: Vec<u32>,
    secured: Vec<u32>,
    frames: Vec<Vec<u8>>,
    ended: Vec<(u32, CloseReason)>,
    /// What [`Output::send`] answers.
    waiting: usize,
    /// What [`Output::held_for`] answers.
    held: HashMap<u32, usize>,
    /// What [`Output::tell`] told.
    told: Vec<String>,
}

impl Output for Done {
    fn tell(&mut self, index: u32, note: Note<'_>) {
        self.told.push(format!("{index} {note}"));
    }
    fn consumed(&mut self, bytes: usize) {
        self.consumed = bytes;
    }
    fn send(&mut self, index: u32, parts: &[&[u8]]) -> usize {
        parts.iter().for_each(|part| self.sent.entry(index).or_default().extend_from_slice(part));
        self.waiting
    }
    fn reply(&mut self, index: u32, bytes: &[u8]) {
        self.send(index, &[bytes]);
    }
    fn finish(&mut self, index: u32) {
        self.finished.push(index);
    }
    fn close(&mut self, index: u32) {
        self.closed.push(index);
    }
    fn secure(&mut self, index: u32) {
        self.secured.push(index);
    }
    fn resume(&mut self, index: u32) {
        self.resumed.push(index);
    }
    fn peer(&mut self, _: u32) -> SocketAddr {
        "192.0.2.1:9".parse().unwrap()
    }
    fn held_for(&mut self, index: u32) -> usize {
        self.held.get(&index).copied().unwrap_or_default()
    }
    fn shard(&mut self, shard: u32) -> &mut Vec<u8> {
        let wanted = self.frames.len().max(shard as usize + 1);
        self.frames.resize_with(wanted, Vec::new);
        &mut self.frames[shard as usize]
    }
    fn shards(&mut self, count: u32, _: bool) {
        self.frames = vec![Vec::new(); count as usize];
    }
    fn ended(&mut self, index: u32, _: Option<ConnId>, reason: CloseReason) {
        self.ended.push((index, reason));
    }
}

impl World {
    fn new() -> Self {
        Self::with(Mode::Relay)
    }

    fn with(mode: Mode) -> Self {
        Self::with_deflate(mode, false)
    }

    fn with_deflate(mode: Mode, deflate: bool) -> Self {
        Self::told(|settings| (settings.mode, settings.deflate) = (mode, deflate))
    }

    /// With settings that are not the usual ones.
    fn told(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            mode: Mode::Relay,
            gateway: 5,
            reactor: 1,
            boot_epoch: 77,
            tunables: Arc::default(),
            bounds: Bounds::default(),
            deflate: false,
            tls: Tls::Off,
            limits: Limits { message_bytes: PACKET_BYTES_MAX, fragments: FRAGMENTS_MAX },
        };
        change(&mut settings);
        Self { machine: Gateway::new(settings), now: Now::default(), done: Done::default() }
    }

    /// With its one shard up.
    fn linked() -> Self {
        let mut world = Self::new();
        world.link();
        world.frames();
        world
    }

    fn link(&mut self) {
        self.tell(Input::Connected { shard: 0 });
        self.hear(|out| link::welcome(out, Welcome { shard: 0, shard_count: 1, boot_epoch: 1 }));
    }

    fn tell(&mut self, input: Input<'_>) {
        self.machine.handle(self.now, input, &mut self.done).unwrap();
    }

    fn hear(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = Vec::new();
        write(&mut bytes);
        let found = rpc::next(&bytes, 0).unwrap().unwrap();
        self.tell(Input::FromState { shard: 0, kind: found.kind, body: &bytes[found.body] });
    }

    fn accept(&mut self) -> u32 {
        self.accept_at(Door::Clients).unwrap()
    }

    fn accept_at(&mut self, door: Door) -> Option<u32> {
        self.accept_from("192.0.2.1", door)
    }

    fn accept_from(&mut self, address: &str, door: Door) -> Option<u32> {
        let peer = SocketAddr::new(address.parse().unwrap(), 9);
        self.machine.accept(self.now, peer, door, &mut self.done).ok().map(|(index, _)| index)
    }

    /// Feeds bytes as a shell would, in pieces of `size`, keeping what is not consumed.
    fn feed_in(&mut self, index: u32, bytes: &[u8], size: usize) -> Vec<u8> {
        let mut rest = Vec::new();
        for piece in bytes.chunks(size) {
            rest.extend_from_slice(piece);
            self.tell(Input::Received { index, bytes: &mut rest, fresh: piece.len() });
            rest.drain(..self.done.consumed);
        }
        rest
    }

    fn feed(&mut self, index: u32, bytes: &[u8]) -> Vec<u8> {
        self.feed_in(index, bytes, bytes.len())
    }

    fn sent(&mut self, index: u32) -> Vec<u8> {
        self.done.sent.remove(&index).unwrap_or_default()
    }

    /// The frames for the shard since the last call, as text for easy comparison.
    fn frames(&mut self) -> Vec<String> {
        let bytes = std::mem::take(self.done.shard(0));
        let (mut at, mut seen) = (0, Vec::new());
        while let Some(found) = rpc::next(&bytes, at).unwrap() {
            at = found.body.end;
            seen.push(match FromGateway::decode(found.kind, &bytes[found.body]).unwrap() {
                FromGateway::Alive(list) => {
                    format!("alive {:?}", list.map(Result::unwrap).collect::<Vec<_>>())
                }
                FromGateway::Uplink { conn, packet } => format!("uplink {conn} {}", packet.escape_ascii()),
                FromGateway::Open { conn, form, peer, packet } => {
                    format!("open {conn} {:?} tcp={} {peer} {} bytes", form.codec, form.tcp, packet.len())
                }
                FromGateway::Closed { conn, reason } => format!("closed {conn} {}", reason.label()),
                FromGateway::Live { conns, last } => format!("live {conns:?} {last}"),
                other => format!("{other:?}"),
            });
        }
        seen
    }

    /// An open JSON WebSocket of alice's.
    fn alice(&mut self) -> u32 {
        let index = self.accept();
        self.feed(index, &upgrade("holdfast.v1.json"));
        self.feed(index, &text(&login(Codec::Json, "alice")));
        self.sent(index);
        self.frames();
        index
    }
}

fn upgrade(subprotocol: &str) -> Vec<u8> {
    let mut out = Vec::new();
    request::write(&mut out, "example.com", "/", [7; 16], Some(subprotocol));
    out
}

fn login(codec: Codec, uid: &str) -> Vec<u8> {
    let login = Login {
        uid: uid.parse().unwrap(),
        device: "phone".parse().unwrap(),
        token: "t".into(),
        client: String::new(),
    };
    let mut out = Vec::new();
    encode_client(codec, ClientPacket { client_id: 0, body: ClientBody::Login(login) }, &mut out);
    out
}

fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::append(&mut out, opcode, Some([1, 2, 3, 4]), &[payload]);
    out
}

fn text(payload: &[u8]) -> Vec<u8> {
    masked(Opcode::Text, payload)
}

/// Alice's slot is 956 (proto::ids).
const ALICE: &str = "g5.r1.s956.0#0";

#[test]
fn a_websocket_is_upgraded_named_by_its_login_and_then_forwarded_unread() {
    let mut world = World::linked();
    let index = world.accept();
    world.feed(index, &upgrade("holdfast.v1.json"));
    assert!(world.sent(index).starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    let packet = login(Codec::Json, "alice");
    world.feed(index, &text(&packet));
    let expected = format!("open {ALICE} Json tcp=false 192.0.2.1:9 {} bytes", packet.len());
    assert_eq!(world.frames(), [expected]);
    world.feed(index, &text(b"anything at all"));
    assert_eq!(world.frames(), [format!("uplink {ALICE} anything at all")]);
}

#[test]
fn raw_tcp_takes_the_same_way_however_its_bytes_are_cut() {
    let packet = login(Codec::Proto, "alice");
    let mut bytes = tcp::MAGIC.to_vec();
    for packet in [&packet[..], b"one", b""] {
        bytes.extend_from_slice(&tcp::head(packet.len()));
        bytes.extend_from_slice(packet);
    }
    for size in 1..=bytes.len() {
        let mut world = World::linked();
        let index = world.accept();
        assert_eq!(world.feed_in(index, &bytes, size), b"");
        let open = format!("open {ALICE} Proto tcp=true 192.0.2.1:9 {} bytes", packet.len());
        assert_eq!(world.frames(), [open, format!("uplink {ALICE} one"), format!("uplink {ALICE} ")]);
    }
}

#[test]
fn heartbeats_and_pings_are_answered_on_the_spot() {
    let mut world = World::linked();
    let index = world.alice();
    world.feed(index, &text(br#"{"heartbeat":{}}"#));
    assert_eq!(world.sent(index), [&[0x81, 16][..], br#"{"heartbeat":{}}"#].concat());
    world.feed(index, &masked(Opcode::Ping, b"hi"));
    assert_eq!(world.sent(index), b"\x8A\x02hi");
    assert_eq!(world.frames(), [""; 0]);
    assert_eq!(world.machine.counts().heartbeats, 2);
}

#[test]
fn what_is_no_login_is_refused_in_the_connections_own_form() {
    for (packet, field) in [
        (&br#"{"heartbeat":{}}"#[..], "packet"),
        (br#"{"login":{"uid":""}}"#, "login.uid"),
        (b"[]", "packet"),
    ] {
        let mut world = World::linked();
        let index = world.accept();
        world.feed(index, &upgrade("holdfast.v1.json"));
        world.sent(index);
        world.feed(index, &text(packet));
        let sent = world.sent(index);
        let refused = decode_server(
            Codec::Json,
            &sent[sent.iter().position(|b| *b == b'{').unwrap()
                ..sent.len() - close_frame(CloseReason::FirstPacket).len()],
        )
        .unwrap();
        let ServerBody::Refused(refused) = refused.body else { panic!("{refused:?}") };
        assert_eq!(refused.field, field);
        assert!(sent.ends_with(&close_frame(CloseReason::FirstPacket)));
        assert_eq!(world.done.ended, [(index, CloseReason::FirstPacket)]);
        assert_eq!(world.done.finished, [index]);
        assert_eq!(world.frames(), [""; 0], "the state server never hears of it");
    }
}

fn close_frame(reason: CloseReason) -> Vec<u8> {
    let mut out = Vec::new();
    let code = reason.websocket_code().to_be_bytes();
    frame::append(&mut out, Opcode::Close, None, &[&code, reason.sentence().as_bytes()]);
    out
}

#[test]
fn each_breach_ends_with_its_reason() {
    let json = |payload: Vec<u8>| [upgrade("holdfast.v1.json"), payload].concat();
    let mut giant_tcp = tcp::MAGIC.to_vec();
    giant_tcp.extend_from_slice(&u32::MAX.to_be_bytes());
    for (bytes, reason) in [
        (b"\x16\x03\x01".to_vec(), CloseReason::UnknownProtocol),
        (b"HFT2".to_vec(), CloseReason::UnknownProtocol),
        (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), CloseReason::BadUpgrade),
        (upgrade("chat"), CloseReason::BadUpgrade),
        (giant_tcp, CloseReason::TooBig),
        (json(b"\x81\x02hi".to_vec()), CloseReason::FrameProtocol),
        (json(text(b"\xFF")), CloseReason::FrameUtf8),
        (json(b"\x81\xFE\xFF\xFFmask".to_vec()), CloseReason::TooBig),
        (json(masked(Opcode::Binary, b"{}")), CloseReason::WrongType),
        (json(masked(Opcode::Close, &1000u16.to_be_bytes())), CloseReason::PeerClosed),
    ] {
        let mut world = World::linked();
        let index = world.accept();
        world.feed(index, &bytes);
        assert_eq!(world.done.ended, [(index, reason)], "{}", bytes.escape_ascii());
        assert_eq!(world.machine.counts().closed[reason.ordinal()], 1);
        world.tell(Input::Gone { index, reason: CloseReason::PeerClosed });
        assert_eq!((world.machine.connections(), world.done.ended.len()), (0, 1), "counted once");
    }
}

#[test]
fn a_first_packet_must_come_in_time_and_an_open_connection_may_be_silent() {
    let mut world = World::linked();
    let alice = world.alice();
    let silent = world.accept();
    world.now.mono_ms = 9_999;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.done.ended, []);
    world.now.mono_ms = 10_000;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.done.ended, [(silent, CloseReason::HandshakeTimeout)]);
    world.now.mono_ms = 12_000;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.done.closed, [silent], "it had time to see the end");
    assert!(world.machine.table.get(alice).is_some());
}

#[test]
fn what_the_operator_changes_holds_for_those_who_wait_already() {
    let mut world = World::linked();
    let silent = world.accept();
    let handshake_deadline = Duration::from_secs(2);
    world.tell(Input::Reload(Arc::new(Tunables { handshake_deadline, ..Tunables::default() })));
    assert_eq!(world.machine.next_deadline(), Some(2000));
    world.now.mono_ms = 2000;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.done.ended, [(silent, CloseReason::HandshakeTimeout)]);
}

#[test]
fn a_downlink_reaches_its_targets_and_no_stranger() {
    let mut world = World::linked();
    let alice = world.alice();
    let id = world.machine.table.name(alice, world.machine.table.get(alice).unwrap());
    let send = |world: &mut World| {
        world.hear(|out| link::downlink(out, [(id, &b"{\"a\":1,"[..])].into_iter(), b"\"b\":2}"));
        world.sent(alice)
    };
    assert_eq!(send(&mut world), b"\x81\x0D{\"a\":1,\"b\":2}");
    world.tell(Input::Gone { index: alice, reason: CloseReason::PeerReset });
    assert_eq!(world.frames(), [format!("closed {ALICE} peer_reset")]);
    assert_eq!(world.alice(), alice, "the index is used again");
    assert_eq!(send(&mut world), b"");
    assert_eq!(world.machine.counts().stale, 1);
}

#[test]
fn state_closes_a_connection_after_what_it_sent() {
    let mut world = World::linked();
    let alice = world.alice();
    let id: ConnId = world.machine.table.name(alice, world.machine.table.get(alice).unwrap());
    world.hear(|out| link::close(out, id, CloseReason::Replaced));
    assert_eq!(world.sent(alice), close_frame(CloseReason::Replaced));
    assert_eq!(world.done.finished, [alice]);
    world.feed(alice, &text(b"too late"));
    assert_eq!(world.frames(), [format!("closed {ALICE} replaced")]);
}

#[test]
fn a_client_that_reads_too_slowly_is_reported_then_closed() {
    let mut world = World::linked();
    let alice = world.alice();
    let id = world.machine.table.name(alice, world.machine.table.get(alice).unwrap());
    world.tell(Input::Blocked { index: alice });
    world.tell(Input::Drained { index: alice });
    assert_eq!(world.frames(), [format!("Blocked({ALICE})"), format!("Writable({ALICE})")]);
    world.done.waiting = proto::limits::CLIENT_OUT_BYTES_MAX + 1;
    world.hear(|out| link::downlink(out, [(id, &b""[..])].into_iter(), b"x"));
    assert_eq!(world.done.closed, [alice]);
    assert_eq!(world.frames(), [format!("closed {ALICE} slow_reader")]);
}

#[test]
fn a_flood_of_pings_from_a_client_that_does_not_read_earns_one_pong() {
    let mut world = World::linked();
    let alice = world.alice();
    world.tell(Input::Blocked { index: alice });
    for number in 0..1000u32 {
        world.feed(alice, &masked(Opcode::Ping, &number.to_be_bytes()));
    }
    assert_eq!(world.sent(alice), b"");
    world.tell(Input::Drained { index: alice });
    assert_eq!(world.sent(alice), [b"\x8A\x04", &999u32.to_be_bytes()[..]].concat());
}

#[test]
fn a_client_that_takes_nothing_for_too_long_is_closed() {
    let mut world = World::linked();
    let alice = world.alice();
    world.tell(Input::Blocked { index: alice });
    world.now.mono_ms = 29_999;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.done.closed, [0; 0]);
    world.now.mono_ms = 30_000;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(
        (&world.done.closed[..], world.done.ended.last()),
        (&[alice][..], Some(&(alice, CloseReason::SlowReader)))
    );
}

#[test]
fn while_the_shard_is_away_logins_wait_and_open_connections_go_on() {
    let mut world = World::linked();
    let alice = world.alice();
    world.tell(Input::Disconnected { shard: 0 });
    world.feed(alice, &text(b"held"));
    let newcomer = world.accept();
    let rest =
        world.feed(newcomer, &[upgrade("holdfast.v1.json"), text(&login(Codec::Json, "bob"))].concat());
    assert_eq!(rest, text(&login(Codec::Json, "bob")), "its first packet stays unread");
    assert_eq!(world.machine.appetite(newcomer), 0);
    world.link();
    assert_eq!(world.done.resumed, [newcomer]);
    world.feed(newcomer, &rest);
    let json = Form { codec: Codec::Json, tcp: false };
    let id = world.machine.table.name(alice, world.machine.table.get(alice).unwrap());
    let frames = world.frames();
    assert!(frames[0].starts_with("Hello"), "{frames:?}");
    assert_eq!(frames[1], format!("live {:?} true", [(id, json)]));
    assert_eq!(frames[2], format!("uplink {ALICE} held"));
    assert!(frames[3].starts_with(&format!("open g5.r1.s{}.1#0", Slot::of("bob").0)), "{frames:?}");
}

#[test]
fn clients_that_come_and_go_while_the_shard_is_away_leave_nothing_behind() {
    let mut world = World::linked();
    world.tell(Input::Disconnected { shard: 0 });
    let bytes = [upgrade("holdfast.v1.json"), text(&login(Codec::Json, "alice"))].concat();
    for _ in 0..5000 {
        let index = world.accept();
        world.feed(index, &bytes);
        assert_eq!(world.machine.appetite(index), 0);
        world.tell(Input::Gone { index, reason: CloseReason::PeerReset });
    }
    assert!(world.machine.links.entries() <= 1025, "{}", world.machine.links.entries());
}

#[test]
fn with_another_number_of_shards_every_link_is_made_anew() {
    let mut world = World::linked();
    let alice = world.alice();
    assert_eq!(world.machine.shards(), (1, 1));
    world.tell(Input::Connected { shard: 0 });
    world.hear(|out| link::welcome(out, Welcome { shard: 0, shard_count: 2, boot_epoch: 2 }));
    assert_eq!(world.machine.shards(), (0, 2));
    world.tell(Input::Connected { shard: 0 });
    let id = world.machine.table.name(alice, world.machine.table.get(alice).unwrap());
    let json = Form { codec: Codec::Json, tcp: false };
    assert_eq!(world.frames()[1], format!("live {:?} true", [(id, json)]), "slot 956 is shard 0's");
}

#[test]
fn a_congested_shard_stops_the_reading_of_its_clients_until_it_is_relieved() {
    let mut world = World::linked();
    let alice = world.alice();
    world.tell(Input::Backlog { shard: 0, bytes: proto::limits::SHARD_OUT_BYTES_MAX });
    assert_eq!(world.machine.appetite(alice), 0);
    world.tell(Input::Backlog { shard: 0, bytes: 1 });
    assert_eq!(world.done.resumed, [alice]);
    assert!(world.machine.appetite(alice) > 0);
}

#[test]
fn life_is_reported_once_a_second_and_only_if_there_was_any() {
    let mut world = World::linked();
    let alice = world.alice();
    world.now.mono_ms = world.machine.next_deadline().unwrap();
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.frames(), ["alive [0]"]);
    world.now.mono_ms += 1000;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.frames(), [""; 0]);
    world.feed(alice, &masked(Opcode::Pong, b""));
    world.now.mono_ms = world.machine.next_deadline().unwrap();
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.frames(), ["alive [0]"]);
}

fn echo_upgrade() -> Vec<u8> {
    let mut out = Vec::new();
    request::write(&mut out, "example.com", "/", [7; 16], None);
    out
}

fn unmasked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::append(&mut out, opcode, None, &[payload]);
    out
}

#[test]
fn an_echo_gives_back_every_message_however_the_bytes_are_cut() {
    let long = "é".repeat(40_000).into_bytes();
    let (mut bytes, mut expected) = (echo_upgrade(), Vec::new());
    for (opcode, payload) in [
        (Opcode::Text, &b"hello"[..]),
        (Opcode::Binary, &[0xFF; 300]),
        (Opcode::Text, b""),
        (Opcode::Ping, b"ping"),
        (Opcode::Text, &long[..60_000]),
        (Opcode::Binary, b"end"),
    ] {
        bytes.extend_from_slice(&masked(opcode, payload));
        let answer = if opcode == Opcode::Ping { Opcode::Pong } else { opcode };
        expected.extend_from_slice(&unmasked(answer, payload));
    }
    // A message in two fragments, with a ping between.
    bytes.extend_from_slice(&[
        0x01, 0x82, 0, 0, 0, 0, b'a', b'b', 0x89, 0x80, 0, 0, 0, 0, 0x80, 0x81, 0, 0, 0, 0, b'c',
    ]);
    expected.extend_from_slice(b"\x8A\x00\x81\x03abc");
    for size in [1, 2, 3, 7, 100, 1000, 60_001, bytes.len()] {
        let mut world = World::with(Mode::Echo);
        let index = world.accept();
        assert_eq!(world.feed_in(index, &bytes, size), b"");
        let sent = world.sent(index);
        let head = sent.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert!(sent[head..] == expected, "in pieces of {size}");
    }
}

#[test]
fn an_echo_answers_what_was_right_before_it_closes_for_what_was_wrong() {
    let mut world = World::with(Mode::Echo);
    let index = world.accept();
    world.feed(index, &echo_upgrade());
    world.sent(index);
    world.feed(index, &[text(b"one"), text(b"two"), text(b"\xC0")].concat());
    let expected =
        [unmasked(Opcode::Text, b"one"), unmasked(Opcode::Text, b"two"), close_frame(CloseReason::FrameUtf8)];
    assert_eq!(world.sent(index), expected.concat());
}

#[test]
fn an_echo_does_not_read_on_while_its_answers_wait() {
    let mut world = World::with(Mode::Echo);
    let index = world.accept();
    world.feed(
        index,
        &[tcp::MAGIC.to_vec(), tcp::head(2).to_vec(), b"hi".to_vec(), tcp::head(9).to_vec()].concat(),
    );
    assert_eq!(world.sent(index), [&tcp::head(2)[..], b"hi"].concat());
    world.done.waiting = 1;
    world.feed(index, &[&tcp::head(1)[..], b"!"].concat());
    assert_eq!(world.machine.appetite(index), usize::MAX, "what waits for the turn's end waits for nobody");
    world.tell(Input::Blocked { index });
    assert_eq!(world.machine.appetite(index), 0);
    world.tell(Input::Drained { index });
    assert_eq!((world.machine.appetite(index), &world.done.resumed[..]), (usize::MAX, &[index][..]));
}

proptest! {
    /// Whatever a peer sends, in whatever pieces, the machine neither panics nor takes more bytes than there are, and ends a connection once.
    #[test]
    fn no_bytes_break_it(
        preface in prop_oneof![Just(Vec::new()), Just(b"HFT1".to_vec()), Just(upgrade("holdfast.v1.json")), Just(upgrade("holdfast.v1.proto"))],
        bytes in proptest::collection::vec(any::<u8>(), 1..300),
        size in 1usize..64,
    ) {
        let mut world = World::linked();
        let index = world.accept();
        world.feed_in(index, &[preface, bytes].concat(), size);
        prop_assert!(world.done.ended.len() <= 1);
        prop_assert_eq!(world.machine.connections(), 1);
    }

    /// The same of an echo.
    #[test]
    fn no_bytes_break_an_echo(
        preface in prop_oneof![Just(b"HFT1".to_vec()), Just(echo_upgrade())],
        bytes in proptest::collection::vec(any::<u8>(), 1..300),
        size in 1usize..64,
    ) {
        let mut world = World::with(Mode::Echo);
        let index = world.accept();
        world.feed_in(index, &[preface, bytes].concat(), size);
        prop_assert!(world.done.ended.len() <= 1);
    }
}
