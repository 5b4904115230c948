//! Echo, side by side: what a message costs a server's CPU, over a grid of connections × in flight × bytes. Every server runs on core 0, alone and fresh for
//! each run, this client on core 1; the runs are interleaved and the medians compared.
//!
//! `cargo build --release -p holdfast -p benches && cargo run --release -p benches --bin echo -- --repeats 5`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

mod client;
mod server;

use std::io;
use std::time::{Duration, Instant};

use clap::Parser;

use client::{Outcome, Protocol};
use server::Server;

/// The gateway remembers a deadline for each connection until it is past.
const HANDSHAKES_OVER: Duration = Duration::from_secs(11);

/// Compares echo servers by the CPU time they spend on a message.
#[derive(Parser)]
struct Options {
    /// Servers: floor, holdfast, holdfast-tcp, or the name of another binary beside this one that prints its address.
    #[arg(long, value_delimiter = ',', default_value = "floor,holdfast")]
    servers: Vec<String>,
    /// Cells of the grid: connections x messages in flight x bytes.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "100x1x20,100x1x125,100x1x1024,100x16x20,100x16x125,100x16x1024,100x16x16384,10000x1x20,10000x1x125,10000x1x1024,10000x16x20,10000x16x125,10000x16x1024"
    )]
    cells: Vec<String>,
    /// Runs of each server in each cell.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Measured time of a run, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Measure instead what so many idle connections cost each server in memory.
    #[arg(long)]
    idle: Option<usize>,
}

/// A cell of the grid.
#[derive(Clone, Copy)]
struct Cell {
    connections: usize,
    in_flight: usize,
    bytes: usize,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    reactor::sys::raise_open_files()?;
    reactor::sys::pin_to_core(1)?;
    if let Some(connections) = options.idle {
        return options.servers.iter().try_for_each(|name| idle(name, connections));
    }
    println!(
        "CPU µs a message: median (min to max) of {} runs of {} s; × is to the first server, from the medians",
        options.repeats, options.seconds
    );
    for text in &options.cells {
        let cell = parse(text)
            .ok_or_else(|| io::Error::other(format!("{text} is no cell: CONNECTIONSxIN_FLIGHTxBYTES")))?;
        let mut outcomes: Vec<Vec<Outcome>> = options.servers.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.repeats {
            for (name, outcomes) in options.servers.iter().zip(&mut outcomes) {
                outcomes.push(run(name, cell, Duration::from_secs_f64(options.seconds))?);
            }
        }
        report(text, &options.servers, &mut outcomes);
    }
    Ok(())
}

fn parse(text: &str) -> Option<Cell> {
    let mut numbers = text.split('x').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some(Cell { connections: next()?, in_flight: next()?, bytes: next()? })
}

fn run(name: &str, cell: Cell, time: Duration) -> io::Result<Outcome> {
    client::run(&Server::start(name)?, protocol_of(name), cell, time)
}

fn protocol_of(name: &str) -> Protocol {
    match name {
        "floor" => Protocol::Bare,
        "holdfast-tcp" => Protocol::Tcp,
        _ => Protocol::WebSocket,
    }
}

/// What established connections that say nothing add to a server's resident memory, once its handshake deadlines are over.
fn idle(name: &str, connections: usize) -> io::Result<()> {
    let server = Server::start(name)?;
    drop(client::connect(&server, protocol_of(name), 100)?);
    let before = server.resident_bytes()?;
    let began = Instant::now();
    let held = client::connect(&server, protocol_of(name), connections)?;
    let rate = connections as f64 / began.elapsed().as_secs_f64();
    std::thread::sleep(HANDSHAKES_OVER);
    drop(client::connect(&server, protocol_of(name), 1)?);
    let each = (server.resident_bytes()? as f64 - before as f64) / held.len() as f64;
    println!(
        "{name:<20} {each:8.1} bytes a connection at {connections}, accepted at {rate:.0}/s from one client"
    );
    Ok(())
}

fn report(cell: &str, servers: &[String], outcomes: &mut [Vec<Outcome>]) {
    let mut first = None;
    for (name, outcomes) in servers.iter().zip(outcomes) {
        outcomes.sort_by(|a, b| a.cpu_micros.total_cmp(&b.cpu_micros));
        let middle = &outcomes[outcomes.len() / 2];
        let (min, max) = (outcomes[0].cpu_micros, outcomes[outcomes.len() - 1].cpu_micros);
        let ratio = middle.cpu_micros / *first.get_or_insert(middle.cpu_micros);
        println!(
            "{cell:>16} {name:<20} {:8.3} ({min:.3} to {max:.3}) × {ratio:5.2}  {:8.0} messages/s  p50 {:.2} ms  p99 {:.2} ms",
            middle.cpu_micros,
            middle.rate,
            middle.p50_micros / 1000.0,
            middle.p99_micros / 1000.0
        );
    }
}
