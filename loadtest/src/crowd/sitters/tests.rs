//! Sitters against made-up answers on a made-up clock: whatever a server does to a group, the figures say so.

use std::sync::Arc;

use proto::ids::{ConversationId, Uid};
use proto::packet::{
    Body, ClientBody, ClientPacket, Codec, LoginOk, Message, ServerBody, ServerPacket, SubmitOk,
    decode_client, encode_server,
};
use proto::tcp;

use super::*;
use crate::identity::Mint;
use crate::ledger::Ledger;

const SECOND: u64 = 1_000_000_000;
const SIZE: u32 = 3;

/// One group of three, and what they say.
struct World {
    crowd: Sitters,
    turn: Turn,
}

impl World {
    /// All are logged in, and the group is made.
    fn start() -> Self {
        let identity = Identity { prefix: "u".into(), mint: Mint(Arc::new(|_| "token".into())) };
        let speech = Speech::of(&"tcp://server:1".parse().unwrap(), true, None);
        let share = Share::of(SIZE, SIZE, 0, 1);
        let groups = Groups::new(SIZE, 100, Gathering::Together { every: Duration::from_secs(1) }, share, 7);
        let crowd = Sitters::new(speech, identity, 7, share).in_groups(groups);
        let mut world = Self { crowd, turn: Turn::new(1) };
        for client in 0..SIZE {
            world.crowd.start(client, &mut world.turn);
            world.crowd.opened(client, &mut world.turn);
            world.hear(client, ServerPacket::plain(ServerBody::LoginOk(LoginOk::default())));
        }
        assert_eq!(world.crowd.ready(), SIZE - 1, "nobody is ready before the group is");
        let mut said = world.said();
        said.retain(|(_, packet)| !matches!(packet.body, ClientBody::Login(_)));
        let [(0, ClientPacket { client_id: 1, body: ClientBody::CreateGroup(group) })] = &said[..] else {
            panic!("{said:?}");
        };
        assert_eq!(group.members.len(), 2);
        let body = ServerBody::GroupOk { conversation: group.conversation.clone(), members: SIZE };
        world.hear(0, ServerPacket::answer(1, body));
        assert_eq!(world.crowd.ready(), SIZE);
        world
    }

    /// What clients have said since this was asked last.
    fn said(&mut self) -> Vec<(u32, ClientPacket)> {
        let (mut packets, mut start) = (Vec::new(), 0);
        for (client, end) in std::mem::take(&mut self.turn.said) {
            let bytes = &self.turn.bytes[start..end];
            let bytes = bytes.strip_prefix(&tcp::MAGIC).unwrap_or(bytes);
            let mut at = 0;
            while let Some(range) = tcp::next(bytes, at, 1 << 16).unwrap() {
                at = range.end;
                packets.push((client, decode_client(Codec::Proto, &bytes[range]).unwrap()));
            }
            start = end;
        }
        self.turn.bytes.clear();
        packets
    }

    fn hear(&mut self, client: u32, packet: ServerPacket) {
        let mut inside = Vec::new();
        encode_server(Codec::Proto, packet, &mut inside);
        let mut bytes = tcp::head(inside.len()).to_vec();
        bytes.extend_from_slice(&inside);
        assert_eq!(self.crowd.received(client, &mut bytes, &mut self.turn), bytes.len());
    }

    /// Begins to tell them something every second for three seconds; what is said first: its body.
    fn begin(&mut self) -> Body {
        self.turn.now = SECOND;
        self.turn.running();
        self.crowd.begin(Span { start: SECOND, length: Duration::from_secs(3) }, &mut self.turn);
        self.next_message()
    }

    fn next_message(&mut self) -> Body {
        self.crowd.expire(&mut self.turn);
        let mut said = self.said();
        said.retain(|(_, packet)| matches!(packet.body, ClientBody::Submit(_)));
        let [(0, ClientPacket { body: ClientBody::Submit(submit), .. })] = &said[..] else {
            panic!("{said:?}")
        };
        submit.body.clone()
    }

    fn push(&mut self, client: u32, push_seq: u64, body: &Body) {
        let conversation: ConversationId = "g.x".parse().unwrap();
        let sender: Uid = "u-0".parse().unwrap();
        let message = Message { conversation, seq: 1, sender, to: None, time_ms: 0, body: body.clone() };
        self.hear(client, ServerPacket { push_seq, ..ServerPacket::plain(ServerBody::Push(message)) });
    }

    fn ack(&mut self, client_id: u64) {
        let conversation = "g.x".parse().unwrap();
        let ok = SubmitOk { conversation, seq: 1, time_ms: 0 };
        self.hear(0, ServerPacket::answer(client_id, ServerBody::SubmitOk(ok)));
    }

    fn settled(mut self) -> Ledger {
        self.crowd.settle(&mut self.turn);
        self.turn.books.remove(0).run
    }
}

#[test]
fn everybody_hears_once_and_the_round_ends_with_the_last() {
    let mut world = World::start();
    let body = world.begin();
    world.turn.now += SECOND / 10;
    world.ack(2);
    world.push(1, 1, &body);
    assert!(world.crowd.is_waiting());
    world.turn.now += SECOND / 10;
    world.push(2, 1, &body);
    assert!(!world.crowd.is_waiting());
    let ledger = world.settled();
    assert_eq!(
        [Count::Sent, Count::Answered, Count::Delivered, Count::Lost].map(|count| ledger.of(count)),
        [1, 1, 2, 0]
    );
    let ms = |timing| ledger.times(timing).unwrap().max_ms();
    assert!((ms(Timing::Ack) - 100.0).abs() < 1.0 && (ms(Timing::Round) - 200.0).abs() < 1.0);
}

#[test]
fn what_comes_again_is_resent_or_doubled_and_what_never_comes_is_lost() {
    let mut world = World::start();
    let first = world.begin();
    world.ack(2);
    world.push(1, 1, &first);
    // The same push again is the server's right; the same message under another number is not.
    world.push(1, 1, &first);
    world.push(1, 2, &first);
    world.turn.now += SECOND;
    let second = world.next_message();
    world.ack(3);
    // The other one never hears the first.
    world.push(1, 3, &second);
    world.push(2, 1, &second);
    let ledger = world.settled();
    let counts = [Count::Delivered, Count::Resent, Count::Doubled, Count::Lost, Count::Unanswered];
    assert_eq!(counts.map(|count| ledger.of(count)), [3, 1, 1, 1, 0]);
}

#[test]
fn pushes_are_acknowledged_together_and_heartbeats_are_timed() {
    let mut world = World::start();
    let body = world.begin();
    world.push(1, 1, &body);
    world.push(1, 2, &body);
    world.turn.now += SECOND;
    world.crowd.expire(&mut world.turn);
    let acks: Vec<_> = world
        .said()
        .into_iter()
        .filter_map(|(client, packet)| match packet.body {
            ClientBody::Ack { push_seq } => Some((client, push_seq)),
            _ => None,
        })
        .collect();
    assert_eq!(acks, [(1, 2)]);
    world.turn.now = 40 * SECOND;
    world.crowd.expire(&mut world.turn);
    world.turn.now += SECOND / 2;
    world.hear(2, ServerPacket::plain(ServerBody::Heartbeat));
    let ledger = world.settled();
    assert_eq!((ledger.of(Count::Heartbeats), ledger.of(Count::HeartbeatsAnswered)), (3, 1));
    assert!((ledger.times(Timing::Heartbeat).unwrap().max_ms() - 500.0).abs() < 1.0);
}
