//! Echo, side by side: what a message costs a server's CPU, over a grid of connections × in flight × bytes. Every server runs on core 0, alone and fresh for
//! each run, the client on core 1; the runs are interleaved and the medians compared.
//!
//! `cargo build --release -p holdfast -p benches --features benches/peers && cargo run --release -p benches --bin echo`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::io;
use std::time::{Duration, Instant};

use benches::client::{self, Cell, HANDSHAKES_OVER, Protocol};
use benches::server::{CLIENT_CORE, Server};
use benches::table::{self, Samples};
use clap::Parser;

/// Compares echo servers by the CPU time they spend on a message.
#[derive(Parser)]
struct Options {
    /// Servers: floor, holdfast, holdfast-tcp, fastwebsockets, tokio-websockets, tokio-tungstenite, or the name of another binary beside this one that
    /// prints its address. Ratios are to the first.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "floor,holdfast,fastwebsockets,tokio-websockets,tokio-tungstenite"
    )]
    servers: Vec<String>,
    /// Cells of the grid: connections x messages in flight x bytes.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "100x1x20,100x1x125,100x1x1024,100x16x20,100x16x125,100x16x1024,100x16x16384,10000x1x20,10000x1x125,10000x1x1024,10000x16x20,10000x16x125,10000x16x1024"
    )]
    cells: Vec<Cell>,
    /// Runs of each server in each cell.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Measured time of a run, in seconds.
    #[arg(long, default_value_t = 0.5)]
    seconds: f64,
    /// Measure instead what so many idle connections cost each server in memory.
    #[arg(long)]
    idle: Option<usize>,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    reactor::sys::raise_open_files()?;
    reactor::sys::pin_to_core(CLIENT_CORE)?;
    if let Some(connections) = options.idle {
        table::head(&["server", "bytes a connection", "bar", "connections"]);
        return options.servers.iter().try_for_each(|name| idle(name, connections));
    }
    println!("Medians (least to most) of {} runs of {} s.\n", options.repeats, options.seconds);
    table::head(&[
        "connections × in flight × bytes",
        "server",
        "CPU µs a message",
        "of the first",
        "bar",
        "messages/s",
        "p50 ms",
        "p99 ms",
    ]);
    options.cells.iter().try_for_each(|cell| compare(*cell, &options))
}

/// What the issue of the gateway's cost sets for it: the most that it may take of the floor.
fn bar(name: &str, cell: Cell) -> Option<f64> {
    name.starts_with("holdfast").then_some(if cell.bytes > 1024 { 1.25 } else { 1.08 })
}

fn compare(cell: Cell, options: &Options) -> io::Result<()> {
    let mut outcomes: Vec<Vec<client::Outcome>> = options.servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..options.repeats {
        for (name, outcomes) in options.servers.iter().zip(&mut outcomes) {
            let time = Duration::from_secs_f64(options.seconds);
            outcomes.push(client::run(&Server::echo(name)?, Protocol::of(name), cell, time)?);
        }
    }
    let mut first = None;
    for (name, outcomes) in options.servers.iter().zip(&outcomes) {
        let median = |figure: fn(&client::Outcome) -> f64| outcomes.iter().map(figure).collect::<Samples>();
        let cpu = median(|outcome| outcome.cpu_micros);
        let ratio = cpu.median() / *first.get_or_insert(cpu.median());
        table::row(&[
            cell.to_string(),
            name.clone(),
            cpu.show(3),
            format!("{ratio:.2} ×"),
            table::at_most(ratio, bar(name, cell)),
            format!("{:.0}", median(|outcome| outcome.rate).median()),
            format!("{:.2}", median(|outcome| outcome.p50_micros).median() / 1000.0),
            format!("{:.2}", median(|outcome| outcome.p99_micros).median() / 1000.0),
        ]);
    }
    Ok(())
}

/// What established connections that say nothing add to a server's resident memory, once its handshake deadlines are over.
fn idle(name: &str, connections: usize) -> io::Result<()> {
    let server = Server::echo(name)?;
    let connect = |connections| client::connect(server.address(), Protocol::of(name), connections);
    drop(connect(100)?);
    let before = server.resident_bytes()?;
    let held = connect(connections)?;
    let held_at = Instant::now();
    if name.starts_with("holdfast") {
        std::thread::sleep(HANDSHAKES_OVER.saturating_sub(held_at.elapsed()));
    }
    drop(connect(1)?);
    let each = (server.resident_bytes()? as f64 - before as f64) / held.len() as f64;
    let bar = name.starts_with("holdfast").then_some(48.0);
    table::row(&[name.into(), format!("{each:.1}"), table::at_most(each, bar), connections.to_string()]);
    Ok(())
}
