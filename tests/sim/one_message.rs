//! docs/life-of-a-message.md, walked: each step is taken alone, and what the page says holds after it is asserted.

use std::time::Duration;

use client::wire::Transport;
use client::{Answer, Event};
use proto::backend::{FromLogic, FromState, PushClass};
use proto::link::{FromGateway, FromState as Downlink};
use proto::packet::{Body, ClientKind, Codec, ServerBody, decode_server, peek_client};
use proto::rpc;

use crate::world::World;

/// The only frame in `bytes`.
fn only_frame(bytes: &[u8]) -> (u8, &[u8]) {
    let found = rpc::next(bytes, 0).unwrap().expect("a frame");
    assert_eq!(found.body.end, bytes.len(), "one frame");
    (found.kind, &bytes[found.body])
}

fn delivered(events: &[Event]) -> Vec<(u64, &Body)> {
    let messages = events.iter().filter_map(|event| match event {
        Event::Delivered(message) => Some((message.seq, &message.body)),
        _ => None,
    });
    messages.collect()
}

#[test]
fn alice_says_hi_to_bob() {
    let mut world = World::new();
    let alice = world.join("alice", "phone", Transport::WebSocket(Codec::Json));
    let bob = world.join("bob", "desk", Transport::Tcp);
    assert!(world.people[alice].machine.is_online() && world.people[bob].machine.is_online());
    world.people.iter_mut().for_each(|person| person.events.clear());
    go_up(&mut world, alice);
    become_durable(&mut world);
    come_down(&mut world, alice, bob);
    be_read(&mut world, alice, bob);
    assert!(world.gates[0].edge.reasons.is_empty() && !world.hosts[0].core.dropped);
}

/// Steps 1 to 8: from the client to the shard's call of logic.
fn go_up(world: &mut World, alice: usize) {
    // 1 and 2: the client numbers the command and frames it; one masked text frame is on its way.
    world.say(alice, 7, "bob", "hi");
    world.run_client(alice);
    let frame = &world.people[alice].up;
    assert_eq!((frame[0], frame[1] & 0x80), (0x81, 0x80));

    // 3 to 5: the gateway reads, cuts and forwards; one Uplink carries the packet as it came.
    world.read_client(alice);
    assert!(world.people[alice].up.is_empty());
    let (kind, body) = only_frame(&world.gates[0].edge.frames[0]);
    let FromGateway::Uplink { conn, packet } = FromGateway::decode(kind, body).unwrap() else {
        panic!("an uplink")
    };
    assert_eq!(packet, br#"{"clientId":"1","submit":{"to":"bob","text":"hi"}}"#);
    assert_eq!((conn.gateway(), Some(conn.index())), (1, world.people[alice].index));

    // 6 to 8: the shard finds the session, looks at the outside and puts it in order; one Request is on its way, one call is open.
    world.read_gateway(0);
    assert_eq!(world.hosts[0].shard.calls(), 1);
    let (kind, body) = only_frame(&world.hosts[0].core.logic);
    let FromState::Request { uid, device, packet, .. } = FromState::decode(kind, body).unwrap() else {
        panic!("a request")
    };
    let peek = peek_client(&packet).unwrap();
    assert_eq!(
        (uid.as_str(), device.as_str(), peek.client_id, peek.kind),
        ("alice", "phone", 1, ClientKind::Submit)
    );
}

/// Steps 9 to 13: executed, committed, let go.
fn become_durable(world: &mut World) {
    // 9 to 11: logic takes it into a batch and executes it; nothing is visible.
    world.commit_journal(0);
    world.read_shard(0);
    assert!(world.hosts[0].from_logic.is_empty());

    // 12 and 13: the store commits, and logic lets go: first the push, then the reply.
    world.commit();
    let first = rpc::next(&world.hosts[0].from_logic, 0).unwrap().unwrap();
    let FromLogic::Push(push) =
        FromLogic::decode(first.kind, &world.hosts[0].from_logic[first.body.clone()]).unwrap()
    else {
        panic!("a push")
    };
    assert_eq!(push.targets.len(), 2, "bob, and alice's other devices");
    assert!(matches!(&push.class, PushClass::Chat(spot) if spot.seq == 1));
    let second = rpc::next(&world.hosts[0].from_logic, first.body.end).unwrap().unwrap();
    let FromLogic::Reply { packet, .. } =
        FromLogic::decode(second.kind, &world.hosts[0].from_logic[second.body]).unwrap()
    else {
        panic!("a reply")
    };
    let reply = decode_server(Codec::Proto, &packet).unwrap();
    assert_eq!((reply.client_id, reply.push_seq), (1, 0));
    assert!(matches!(reply.body, ServerBody::SubmitOk(ok) if ok.seq == 1));
}

/// Steps 14 and 15: numbered, addressed, written.
fn come_down(world: &mut World, alice: usize, bob: usize) {
    // 14: the shard numbers and addresses; no call is open.
    world.read_logic(0);
    assert_eq!(world.hosts[0].shard.calls(), 0);
    let first = rpc::next(&world.hosts[0].core.gateways[0], 0).unwrap().unwrap();
    let body = &world.hosts[0].core.gateways[0][first.body];
    let Downlink::Downlink { targets, shared } = Downlink::decode(first.kind, body).unwrap() else {
        panic!("a downlink")
    };
    let targets: Vec<_> = targets.map(|(conn, prefix)| (Some(conn.index()), prefix)).collect();
    assert_eq!(targets, [(world.people[bob].index, &[0x08, 1][..])], "push_seq 1, for bob alone");
    assert_eq!(decode_server(Codec::Proto, &[&[0x08, 1], shared].concat()).unwrap().push_seq, 1);

    // 15: the journal has it, and the gateway writes: a TCP frame for bob, a text message for alice.
    world.commit_journal(0);
    world.read_state(0);
    let for_bob = &world.gates[0].edge.sent[&world.people[bob].index.unwrap()];
    assert_eq!(for_bob.len(), 4 + u32::from_be_bytes(*for_bob.first_chunk().unwrap()) as usize);
    let for_alice = &world.gates[0].edge.sent[&world.people[alice].index.unwrap()];
    assert_eq!(for_alice[0], 0x81);
    assert!(
        for_alice[2..].starts_with(br#"{"clientId":"1","submitOk":{"#)
            || for_alice[4..].starts_with(br#"{"clientId":"1","submitOk":{"#)
    );
}

/// Steps 16 to 18: answered, read, acknowledged.
fn be_read(world: &mut World, alice: usize, bob: usize) {
    let hi = Body::Text("hi".into());
    // 16: alice hears that it is done, and sees her message in its place; each once.
    world.read_edge(alice);
    world.run_client(alice);
    let answers = world.people[alice]
        .events
        .iter()
        .filter(|event| matches!(event, Event::Answered(7, Ok(Answer::Submitted(ok))) if ok.seq == 1));
    assert_eq!(answers.count(), 1);
    assert_eq!(delivered(&world.people[alice].events), [(1, &hi)]);

    // 17: bob reads it.
    world.read_edge(bob);
    world.run_client(bob);
    assert_eq!(delivered(&world.people[bob].events), [(1, &hi)]);
    assert!(world.people[bob].up.is_empty(), "the ack is delayed");

    // 18: bob acknowledges.
    world.pass(Duration::from_millis(200));
    world.run_client(bob);
    assert!(!world.people[bob].up.is_empty());
    world.settle();
}
