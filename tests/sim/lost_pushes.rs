//! A push that dies while its sender has the answer over another shard: with its shard, between taking it in and committing it, or with logic, before it has left. It comes again,
//! once.

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
    let (mut world, alice, bob) = said();
    // Both shards take in what logic has let go; only one of them commits it.
    world.read_logic(BOBS);
    answered(&mut world, alice);
    assert_eq!(heard(&world, bob), 0);

    world.kill_state(true);
    world.settle();
    assert_eq!(heard(&world, bob), 1);
    world.kill_state(true);
    world.settle();
    assert_eq!(heard(&world, bob), 1);
    assert_eq!(world.count(|counts| counts.opened), 2, "nobody has begun another session");
}

#[test]
fn a_push_that_dies_with_logic_is_made_by_the_next_one() {
    let (mut world, alice, bob) = said();
    answered(&mut world, alice);
    world.kill_logic();
    assert_eq!(heard(&world, bob), 0);
    world.settle();
    assert_eq!((heard(&world, bob), heard(&world, alice)), (1, 1));
    // What is known to have been taken is not pushed again; that is written with the next message.
    world.say(alice, 2, "bob", "ho");
    world.settle();
    world.kill_logic();
    world.settle();
    assert_eq!(world.logic.tally().pushed_again, 1, "the last one");
    assert_eq!((heard(&world, bob), heard(&world, alice)), (1, 1));
}

/// Alice has said hi to Bob, and logic has committed it.
fn said() -> (World, usize, usize) {
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
    (world, alice, bob)
}

/// Alice's shard tells her so.
fn answered(world: &mut World, alice: usize) {
    world.read_logic(ALICES);
    world.commit_journal(ALICES);
    world.read_state(0);
    world.read_edge(alice);
    world.run_client(alice);
    let is_answer = |event: &Event| matches!(event, Event::Answered(1, Ok(Answer::Submitted(_))));
    assert!(world.people[alice].events.iter().any(is_answer), "it is acknowledged");
}

fn heard(world: &World, person: usize) -> usize {
    let hi = Body::Text("hi".into());
    let events = &world.people[person].events;
    events.iter().filter(|event| matches!(event, Event::Delivered(message) if message.body == hi)).count()
}
