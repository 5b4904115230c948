//! Random weather over the whole cluster: people talk while connections break and come back on another gateway, readers stall, links are cut and stay away, clocks
//! are set, and gateways, state and logic are killed at any step: state also before the commit of what it has taken in. Whatever is on its way waits for as long as the dice say.
//!
//! What must hold after each step: everybody has seen each conversation in its order, without gaps and doubles; each command was answered at most once; there are no
//! more sessions than devices. (Each machine checks its own, as that a session is on one connection at most.) And at the end: every command was answered, the log
//! holds each message once, at the seq that was acknowledged, everybody has seen it, nothing waits for an acknowledgement, and no session is without its client.
//!
//! A failure prints its seed; `HOLDFAST_SIM_SEED=n` replays that one alone, `HOLDFAST_SIM_SEEDS=n` runs more of them.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ops::ControlFlow;
use std::time::Duration;

use client::wire::Transport;
use client::{Answer, Event};
use logic::store::{Piece, Store as _};
use proto::ids::ConversationId;
use proto::packet::{Body, Codec};

use state::Shard;

use crate::world::{GATES, World};

const PEOPLE: [(&str, &str, Transport); 4] = [
    ("alice", "phone", Transport::WebSocket(Codec::Json)),
    ("alice", "desk", Transport::WebSocket(Codec::Proto)),
    ("bob", "phone", Transport::Tcp),
    ("bob", "desk", Transport::WebSocket(Codec::Json)),
];
const STEPS: u32 = 400;
const SEEDS: u64 = 500;

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
        None => 1..=number("HOLDFAST_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let usual = number("HOLDFAST_SIM_SEED").or(number("HOLDFAST_SIM_SEEDS")).is_none();
    let mut total = [0; 5];
    for seed in seeds {
        println!("seed {seed}");
        let lived = live_through(seed);
        for (sum, count) in total.iter_mut().zip(lived) {
            *sum += count;
        }
    }
    println!("resumed, with a gap, reset, resent, resyncs: {total:?}");
    assert!(!usual || total.iter().all(|count| *count > 100), "the weather is bad enough: {total:?}");
}

/// What was counted: see the end of the test.
fn live_through(seed: u64) -> [u64; 5] {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    // Every third shard keeps so little that it must often tell its clients to pull.
    let in_flight_max = if seed.is_multiple_of(3) { 3 } else { proto::limits::IN_FLIGHT_MAX };
    // Every other state server has alice in one shard and bob in another.
    let mut world = World::with(1 + (seed % 2) as u32, in_flight_max);
    for (uid, device, transport) in PEOPLE {
        world.join(uid, device, transport);
    }
    let (mut tickets, mut seen) = (0, Seen::default());
    for _ in 0..STEPS {
        let person = dice.throw(PEOPLE.len() as u64) as usize;
        let host = dice.throw(world.hosts.len() as u64) as usize;
        match dice.throw(64) {
            0..12 => {
                tickets += 1;
                let to = if PEOPLE[person].0 == "alice" { "bob" } else { "alice" };
                world.say(person, tickets, to, &tickets.to_string());
            }
            12..20 => drop(world.run_client(person)),
            20..26 => drop(world.read_client(person)),
            26..31 => drop(world.read_gateway(dice.throw(GATES as u64) as usize)),
            31..35 => drop(world.read_shard(host)),
            35..39 => drop(world.commit()),
            39..43 => drop(world.read_logic(host)),
            43..46 => drop(world.commit_journal(host)),
            46..49 => drop(world.read_state(dice.throw(GATES as u64) as usize)),
            49..54 => drop(world.read_edge(person)),
            54..56 => world.pass(Duration::from_millis(1 + dice.throw(3_000))),
            56..62 => break_something(&mut world, &mut dice, person),
            _ => world.settle(),
        }
        seen.look(&world);
    }
    // The weather clears: retries and pulls have time to do their work.
    for gate in 0..GATES {
        world.connect_gateway(gate);
    }
    for person in 0..PEOPLE.len() {
        if world.people[person].stalled {
            world.toggle_reader(person);
        }
    }
    for _ in 0..60 {
        world.settle();
        world.pass(Duration::from_secs(2));
        seen.look(&world);
    }
    world.settle();
    check(&mut world, tickets);
    [
        world.count(|counts| counts.resumed),
        world.count(|counts| counts.resumed_with_gap),
        world.count(|counts| counts.resumes_unknown),
        world.count(|counts| counts.resent),
        world.count(|counts| counts.resyncs),
    ]
}

fn break_something(world: &mut World, dice: &mut Dice, person: usize) {
    let gate = dice.throw(GATES as u64) as usize;
    match dice.throw(16) {
        0..4 => {
            world.people[person].home = gate;
            world.cut(person);
        }
        4..7 => world.cut_state(gate),
        7..10 => world.connect_gateway(gate),
        10 => world.toggle_reader(person),
        11 => world.kill_gateway(gate),
        12 => world.kill_logic(),
        13 => world.kill_state(dice.throw(2) == 0),
        14 => world.cut_logic(dice.throw(world.hosts.len() as u64) as usize),
        // The machine slept, or somebody sets its clock.
        _ if dice.throw(2) == 0 => world.pass(Duration::from_secs(dice.throw(200))),
        _ => world.set_wall_clock(1_800_000_000_000 + dice.throw(3_600_000)),
    }
}

/// How far everybody's events have been looked at.
#[derive(Default)]
struct Seen {
    /// For each person: how many events, the last seq that was delivered, and the commands that were answered.
    people: BTreeMap<usize, (usize, u64, BTreeSet<u64>)>,
}

impl Seen {
    fn look(&mut self, world: &World) {
        assert!(world.sum(Shard::sessions) <= PEOPLE.len(), "there are no ghosts");
        for host in &world.hosts {
            assert!(host.shard.away() <= host.shard.sessions() && !host.core.dropped);
        }
        for (number, person) in world.people.iter().enumerate() {
            let (count, last, answered) = self.people.entry(number).or_default();
            for event in &person.events[*count..] {
                match event {
                    Event::Delivered(message) => {
                        assert!(*last == 0 || message.seq == *last + 1, "{} after {last}", message.seq);
                        *last = message.seq;
                    }
                    Event::Answered(ticket, Ok(_)) => assert!(answered.insert(*ticket), "answered once"),
                    Event::Answered(_, Err(failure)) => panic!("{failure}"),
                    Event::Kicked(reason, _) => panic!("{reason:?}"),
                    Event::Refused(refused) => panic!("{refused:?}"),
                    _ => {}
                }
            }
            *count = person.events.len();
        }
    }
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
    assert_eq!((world.sum(Shard::sessions), world.sum(Shard::away)), (PEOPLE.len(), 0));
    assert_eq!((world.sum(|shard| shard.in_flight() as usize), world.sum(Shard::calls)), (0, 0));
}
