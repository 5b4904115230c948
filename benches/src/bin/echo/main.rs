//! Echo, side by side: what a message costs a server's CPU, over a grid of connections × in flight × bytes. Every server runs on core 0, alone and fresh for
//! each run, this client on core 1; the runs are interleaved and the medians compared.
//!
//! `cargo build --release -p holdfast -p benches && cargo run --release -p benches --bin echo -- --repeats 5`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

mod client;
mod server;

use std::io;
use std::time::Duration;

use clap::Parser;

use client::{Outcome, Protocol};
use server::Server;

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
    let server = Server::start(name)?;
    let protocol = match name {
        "floor" => Protocol::Bare,
        "holdfast-tcp" => Protocol::Tcp,
        _ => Protocol::WebSocket,
    };
    client::run(&server, protocol, cell, time)
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
