//! What a state shard costs: its wheel, its machine, its links, its journal. Each figure is one of a single shard; the driver that stands in for gateway and logic is not counted where a
//! machine is asked, and runs on a core of its own where sockets are.
//!
//! `cargo run --release -p benches --bin shard -- wheel|machine|sessions|sockets|recovery`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

mod machine;
mod sockets;
mod talk;
mod wheel;

use std::io;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use state::JournalMode;

/// Asks what a shard costs.
#[derive(Parser)]
struct Arguments {
    /// What is asked.
    what: What,
    /// Sessions, or timers.
    #[arg(long, default_value_t = 1_000_000)]
    count: u32,
    /// Cycles: a command up, its answer and a push down, the push's acknowledgement up.
    #[arg(long, default_value_t = 2_000_000)]
    cycles: u64,
    /// Pairs that talk.
    #[arg(long, default_value_t = 4000)]
    pairs: u32,
    /// Cycles at a time.
    #[arg(long, default_value_t = 2000)]
    in_flight: u32,
    /// The only journal that is measured: off, async or sync.
    #[arg(long, value_parser = journal)]
    only: Option<JournalMode>,
    /// Where the journal is: on the disk that is to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Timers: set, set anew, cancelled, over.
    Wheel,
    /// The machine alone: cycles.
    Machine,
    /// The machine alone: what idle sessions take, and what their heartbeats cost.
    Sessions,
    /// Cycles over sockets: without a journal, with one that leaves syncs to the system, and with one that does not.
    Sockets,
    /// A start with the journal of so many sessions.
    Recovery,
}

fn main() -> io::Result<()> {
    let Arguments { what, count, cycles, pairs, in_flight, only, folder } = Arguments::parse();
    let in_flight = in_flight.min(pairs);
    match what {
        What::Wheel => wheel::run(count),
        What::Machine => machine::cycles(pairs, cycles, in_flight),
        What::Sessions => machine::sessions(count)?,
        What::Sockets => {
            benches::table::head(&[
                "journal",
                "cycles/s",
                "µs of the shard's thread a cycle",
                "µs of the journal's",
                "µs of the driver's",
            ]);
            let modes = [JournalMode::Off, JournalMode::Async, JournalMode::Sync];
            for journal in modes.into_iter().filter(|mode| only.is_none_or(|only| only == *mode)) {
                sockets::cycles((pairs, in_flight), cycles, journal, &folder)?;
            }
        }
        What::Recovery => sockets::recovery(count, &folder)?,
    }
    Ok(())
}

fn journal(text: &str) -> Result<JournalMode, String> {
    match text {
        "off" => Ok(JournalMode::Off),
        "async" => Ok(JournalMode::Async),
        "sync" => Ok(JournalMode::Sync),
        _ => Err("is none of off, async and sync".into()),
    }
}

/// Shuffled numbers below `count`: xorshift (Marsaglia 2003), even enough.
fn shuffled(count: u32) -> Vec<u32> {
    let (mut numbers, mut random) = ((0..count).collect::<Vec<_>>(), 0x9E37_79B9_7F4A_7C15_u64);
    for at in (1..numbers.len()).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        numbers.swap(at, (random % (at as u64 + 1)) as usize);
    }
    numbers
}
