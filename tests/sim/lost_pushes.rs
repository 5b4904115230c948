//! A push whose shard dies between taking it in and committing it, while its sender has the answer over another shard: it comes again, once.

use client::wire::Transport;
use client::{Answer, Event};
use proto::limits::IN_FLIGHT_MAX;
use proto::packet::Body;

use crate::world::World;

/// Alice is shard 0's and bob shard 1's.
const ALICES: usize = 0;
const BOBS: usize = 1;

#[test]
fn a_push_that_dies_with_its_shard_comes_again_once() {
    let mut world = World::with(2, IN_FLIGHT_MAX);
    let alice = world.join("alice", "phone", Transport::Tcp);
    let bob = world.join("bob", "phone", Transport::Tcp);
    world.say(alice, 1, "bob", "hi");
    world.run_client(alice);
    world.read_client(alice);
    world.read_gateway(0);
    world.commit_journal(ALICES);
    world.read_shard(ALICES);
    world.commit();
    // Both shards take in what logic has let go; only one of them commits it.
    world.read_logic(ALICES);
    world.read_logic(BOBS);
    world.commit_journal(ALICES);
    world.read_state(0);
    world.read_edge(alice);
    world.run_client(alice);
    let is_answer = |event: &Event| matches!(event, Event::Answered(1, Ok(Answer::Submitted(_))));
    assert!(world.people[alice].events.iter().any(is_answer), "it is acknowledged");
    assert_eq!(heard(&world, bob), 0);

    world.kill_state(true);
    world.settle();
    assert_eq!(heard(&world, bob), 1);
    world.kill_state(true);
    world.settle();
    assert_eq!(heard(&world, bob), 1);
    assert_eq!(world.count(|counts| counts.opened), 2, "nobody has begun another session");
}

fn heard(world: &World, person: usize) -> usize {
    let hi = Body::Text("hi".into());
    let events = &world.people[person].events;
    events.iter().filter(|event| matches!(event, Event::Delivered(message) if message.body == hi)).count()
}
