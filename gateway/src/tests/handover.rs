//! A machine is written down in the middle of anything and put together again elsewhere: what both do from then on is the same.

use std::collections::BTreeMap;

use super::*;
use crate::handover::fuzz;
use crate::handover::snapshot::{Held, LinkRecord, Snapshot};

/// A machine with one shard, and the bytes of its clients that it has not taken.
struct Side {
    world: World,
    rests: BTreeMap<u32, Vec<u8>>,
}

/// A message that was begun is looked at now and then, from another moment on in a successor: here its time is never over.
fn world() -> World {
    World::told(|settings| settings.bounds.message_deadline = Duration::from_hours(9))
}

impl Side {
    fn new() -> Self {
        let mut world = world();
        world.link();
        world.frames();
        Self { world, rests: BTreeMap::new() }
    }

    /// Bytes come from a client.
    fn receive(&mut self, index: u32, bytes: &[u8]) {
        let mut all = self.rests.remove(&index).unwrap_or_default();
        all.extend_from_slice(bytes);
        self.world.done.consumed = 0;
        self.world.tell(Input::Received { index, bytes: &mut all, fresh: bytes.len() });
        all.drain(..self.world.done.consumed.min(all.len()));
        if !all.is_empty() {
            self.rests.insert(index, all);
        }
    }

    fn accept(&mut self) -> (u32, u16) {
        let World { machine, now, done } = &mut self.world;
        let peer = "192.0.2.1:9".parse().unwrap();
        machine.accept(*now, peer, Door::Clients, done).expect("there is room")
    }

    fn snapshot(&self, left: bool) -> Vec<u8> {
        let mut links = vec![LinkRecord { connected: true, ..LinkRecord::default() }];
        let rest = |index: u32| self.rests.get(&index).map_or(&[][..], Vec::as_slice);
        let held = |index| Held { left, rest: rest(index), ..Held::default() };
        self.world.machine.snapshot(7, &[0], &mut links, held)
    }

    /// The machine that a successor puts together.
    fn successor(&self, bytes: &[u8]) -> Self {
        let snapshot = Snapshot::decode(bytes).unwrap();
        let mut world = world();
        world.now = self.world.now;
        let World { machine, now, done } = &mut world;
        machine.take_over(&snapshot, done).unwrap();
        let mut rests = BTreeMap::new();
        for record in snapshot.records() {
            let record = record.unwrap();
            machine.adopt(*now, &record).unwrap();
            if !record.held.rest.is_empty() {
                rests.insert(record.index, record.held.rest.to_vec());
            }
        }
        machine.took_over(*now, &snapshot, done);
        Self { world, rests }
    }
}

/// What may happen to one of the clients.
#[derive(Clone, Debug)]
enum Act {
    Come,
    Bytes(u8, usize),
    Blocked(u8),
    Drained(u8),
    Kick(u8),
    Gone(u8),
    Later(u16),
}

/// All that a client says in its life, over WebSocket: an upgrade, a login, whole and fragmented messages, a ping.
fn life() -> Vec<u8> {
    let mut out = b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Sec-WebSocket-Protocol: holdfast.v1.proto\r\n\r\n"
        .to_vec();
    let login = Login {
        uid: "u".parse().unwrap(),
        device: "d".parse().unwrap(),
        token: "t".into(),
        client: String::new(),
    };
    let mut packet = Vec::new();
    encode_client(Codec::Proto, ClientPacket { client_id: 0, body: ClientBody::Login(login) }, &mut packet);
    let mut say = |opcode, fin: bool, payload: &[u8]| {
        let key = [1, 2, 3, 4];
        let mut head = frame::head(opcode, payload.len(), Some(key)).as_slice().to_vec();
        head[0] = head[0] & 0x7F | u8::from(fin) << 7;
        out.extend_from_slice(&head);
        out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    };
    say(Opcode::Binary, true, &packet);
    for _ in 0..3 {
        say(Opcode::Binary, true, &[9; 300]);
        say(Opcode::Binary, false, b"first of ");
        say(Opcode::Ping, true, b"there?");
        say(Opcode::Continuation, false, b"three ");
        say(Opcode::Continuation, true, b"parts");
    }
    out
}

fn act() -> impl Strategy<Value = Act> {
    let client = 0..6_u8;
    prop_oneof![
        2 => Just(Act::Come),
        8 => (client.clone(), 1..400_usize).prop_map(|(client, count)| Act::Bytes(client, count)),
        1 => client.clone().prop_map(Act::Blocked),
        1 => client.clone().prop_map(Act::Drained),
        1 => client.clone().prop_map(Act::Kick),
        1 => client.prop_map(Act::Gone),
        1 => (0..3000_u16).prop_map(Act::Later),
    ]
}

/// Does it, and keeps to what a shell keeps to: only who is there is told of.
fn perform(side: &mut Side, said: &mut BTreeMap<u32, usize>, act: &Act) {
    let life = life();
    let of = |client: u8| u32::from(client);
    match *act {
        Act::Come => {
            said.insert(side.accept().0, 0);
        }
        Act::Bytes(client, count) => {
            let Some(at) = said.get_mut(&of(client)) else { return };
            let end = life.len().min(*at + count);
            let bytes = &life[std::mem::replace(at, end)..end];
            side.receive(of(client), bytes);
        }
        Act::Blocked(client) => side.world.tell(Input::Blocked { index: of(client) }),
        Act::Drained(client) => side.world.tell(Input::Drained { index: of(client) }),
        Act::Kick(client) => side.world.tell(Input::Kick { index: of(client) }),
        Act::Gone(client) => {
            side.world.tell(Input::Gone { index: of(client), reason: CloseReason::PeerReset });
        }
        Act::Later(ms) => {
            let World { machine, now, done } = &mut side.world;
            now.mono_ms += u64::from(ms);
            machine.expire(*now, done);
        }
    }
    for index in side.world.done.closed.drain(..) {
        said.remove(&index);
        side.rests.remove(&index);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_successor_does_what_the_one_before_would_have_done(
        before in proptest::collection::vec(act(), 0..60),
        after in proptest::collection::vec(act(), 0..60),
    ) {
        let mut side = Side::new();
        let mut said = BTreeMap::new();
        before.iter().for_each(|act| perform(&mut side, &mut said, act));
        let mut successor = side.successor(&side.snapshot(false));
        // What was sent before does not count, and what is only asked for again does no harm.
        side.world.done = Done::default();
        successor.world.done = Done::default();
        // An index that is used anew may be another one: newcomers are of no interest here.
        let after = after.iter().filter(|act| !matches!(act, Act::Come));
        let mut said_to_successor = said.clone();
        for act in after {
            perform(&mut side, &mut said, act);
            perform(&mut successor, &mut said_to_successor, act);
            prop_assert_eq!(&side.world.done.sent, &successor.world.done.sent);
            prop_assert_eq!(&side.world.done.finished, &successor.world.done.finished);
            prop_assert_eq!(&side.world.done.ended, &successor.world.done.ended);
            prop_assert_eq!(&side.world.done.frames, &successor.world.done.frames);
            prop_assert_eq!(&side.rests, &successor.rests);
        }
        prop_assert_eq!(side.snapshot(false), successor.snapshot(false));
    }

    /// Nothing that is not a snapshot is taken for one so that a machine would panic.
    #[test]
    fn a_snapshot_with_mistakes_is_refused_or_put_together(
        acts in proptest::collection::vec(act(), 0..40),
        mistakes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut side = Side::new();
        let mut said = BTreeMap::new();
        acts.iter().for_each(|act| perform(&mut side, &mut said, act));
        let mut bytes = side.snapshot(false);
        for (at, byte) in mistakes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        fuzz::snapshot(&bytes);
        fuzz::snapshot(&bytes[..cut.index(bytes.len())]);
    }
}

#[test]
fn a_name_that_is_free_is_not_given_again_to_somebody_else() {
    let mut side = Side::new();
    let (index, generation) = side.accept();
    side.world.tell(Input::Gone { index, reason: CloseReason::PeerReset });
    let mut successor = side.successor(&side.snapshot(false));
    assert_eq!(successor.accept(), (index, generation + 1));
}

#[test]
fn who_stays_behind_is_reported_as_gone() {
    let mut side = Side::new();
    let (index, generation) = side.accept();
    side.receive(index, &life());
    let bytes = side.snapshot(true);
    assert_eq!(Snapshot::decode(&bytes).unwrap().descriptors, 2, "the listener and the link");
    let successor = side.successor(&bytes);
    assert_eq!(successor.world.machine.connections(), 0);
    let slot = Slot::of("u");
    let conn = ConnId::new(proto::ids::ConnParts { gateway: 5, reactor: 1, slot, generation, index });
    let mut told = Vec::new();
    link::closed(&mut told, conn, CloseReason::GoingAway);
    assert_eq!(successor.world.done.frames[0], told);
}
