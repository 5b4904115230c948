//! Random weather over the whole cluster: people talk while connections break, links are cut, and state and logic are killed at any step. What must hold at the end:
//! every command was answered once, the log holds each acknowledged message once, at the seq that was acknowledged, and everybody has seen the log in its
//! order, without gaps and doubles.
//!
//! A failure prints its seed; `HOLDFAST_SIM_SEED=n` replays that one alone, `HOLDFAST_SIM_SEEDS=n` runs more of them.

use std::collections::BTreeMap;
use std::env;
use std::ops::ControlFlow;
use std::time::Duration;

use client::wire::Transport;
use client::{Answer, Event};
use logic::store::{Piece, Store as _};
use proto::ids::ConversationId;
use proto::packet::{Body, Codec};

use crate::world::World;

const PEOPLE: [(&str, &str, Transport); 4] = [
    ("alice", "phone", Transport::WebSocket(Codec::Json)),
    ("alice", "desk", Transport::WebSocket(Codec::Proto)),
    ("bob", "phone", Transport::Tcp),
    ("bob", "desk", Transport::WebSocket(Codec::Json)),
];
const STEPS: u32 = 400;

/// Xorshift64 (Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[test]
fn whatever_breaks_each_command_is_executed_once_and_everybody_sees_one_order() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("HOLDFAST_SIM_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("HOLDFAST_SIM_SEEDS").unwrap_or(100),
    };
    for seed in seeds {
        println!("seed {seed}");
        live_through(seed);
    }
}

fn live_through(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut world = World::new();
    for (uid, device, transport) in PEOPLE {
        world.join(uid, device, transport);
    }
    let mut tickets = 0;
    for _ in 0..STEPS {
        let person = dice.throw(PEOPLE.len() as u64) as usize;
        match dice.throw(64) {
            0..12 => {
                tickets += 1;
                let to = if PEOPLE[person].0 == "alice" { "bob" } else { "alice" };
                world.say(person, tickets, to, &tickets.to_string());
            }
            12..20 => drop(world.run_client(person)),
            20..26 => drop(world.read_client(person)),
            26..31 => drop(world.read_gateway()),
            31..36 => drop(world.read_shard()),
            36..40 => drop(world.commit()),
            40..45 => drop(world.read_logic()),
            45..50 => drop(world.read_state()),
            50..56 => drop(world.read_edge(person)),
            56..58 => world.pass(Duration::from_millis(1 + dice.throw(3_000))),
            58 => world.cut(person),
            59 => world.kill_logic(),
            60 => world.kill_state(),
            61 => world.cut_logic(),
            62 => world.cut_state(),
            _ => world.settle(),
        }
    }
    // The weather clears: retries and pulls have time to do their work.
    for _ in 0..40 {
        world.settle();
        world.pass(Duration::from_secs(2));
    }
    world.settle();
    check(&mut world, tickets);
}

/// The conversation's log as the store has it: text by seq.
fn log_of(world: &mut World) -> BTreeMap<u64, String> {
    let id = ConversationId::single(&"alice".parse().unwrap(), &"bob".parse().unwrap());
    let mut log = BTreeMap::new();
    let all = Piece::On { from: 1, limit: u32::MAX };
    let store = world.logic.store_mut();
    store
        .messages(&id, all, &mut |message| {
            let Body::Text(text) = message.body else { panic!("text was sent") };
            log.insert(message.seq, text);
            ControlFlow::Continue(())
        })
        .unwrap();
    log
}

fn check(world: &mut World, tickets: u64) {
    let log = log_of(world);
    assert!(log.keys().copied().eq(1..=tickets), "every command is in the log, once: {:?}", log.keys());
    let mut answered = BTreeMap::new();
    for person in &world.people {
        assert!(person.machine.is_online());
        let mut seen = Vec::new();
        for event in &person.events {
            match event {
                Event::Delivered(message) => {
                    assert_eq!(message.body, Body::Text(log[&message.seq].clone()), "one log for everybody");
                    seen.push(message.seq);
                }
                Event::Answered(ticket, Ok(Answer::Submitted(ok))) => {
                    assert_eq!(log[&ok.seq], ticket.to_string(), "it is where it was acknowledged");
                    assert_eq!(answered.insert(*ticket, ok.seq), None, "answered once");
                }
                Event::Answered(_, other) => panic!("{other:?}"),
                _ => {}
            }
        }
        // A device knows the conversation from some message on; from there it sees all of it.
        let first = seen.first().copied().unwrap_or(tickets + 1);
        assert!(
            seen.into_iter().eq(first..=tickets),
            "in order, without a gap, without a double, to the end"
        );
    }
    assert_eq!(answered.len() as u64, tickets, "every command was answered");
}
