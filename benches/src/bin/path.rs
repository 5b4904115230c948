//! The path behind the gateway: what a message costs its CPU when a state shard answers it at once, beside the same gateway answering by itself. The
//! gateway runs on core 0, the clients and the shard (`benches::stub`) share core 1. What else the path costs a message shows as the difference of the
//! latencies.
//!
//! `cargo build --release -p holdfast -p benches && cargo run --release -p benches --bin path`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::io;
use std::path::Path;
use std::time::Duration;

use benches::client::{self, Cell, Outcome, Protocol};
use benches::server::{CLIENT_CORE, SERVER_CORE, Server};
use benches::stub::{self, Answer};
use benches::table::{self, Samples};
use clap::Parser;
use settings::LinkAddress;

/// What the hop may add to the latency of 100 clients with one message each.
const HOP_MICROS: f64 = 150.0;

/// Compares a gateway that asks a state server with one that answers by itself.
#[derive(Parser)]
struct Options {
    /// Cells: connections x messages in flight x bytes.
    #[arg(long, value_delimiter = ',', default_value = "100x1x20,1000x1x125,100x16x20,100x16x1024")]
    cells: Vec<Cell>,
    /// What the link to the shard goes over.
    #[arg(long, value_delimiter = ',', default_value = "tcp")]
    links: Vec<Over>,
    /// Runs of each side in each cell.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Measured time of a run, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// What a link goes over.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Over {
    Tcp,
    Unix,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    reactor::sys::raise_open_files()?;
    reactor::sys::pin_to_core(CLIENT_CORE)?;
    println!("Medians (least to most) of {} runs of {} s.\n", options.repeats, options.seconds);
    table::head(&[
        "connections × in flight × bytes",
        "link",
        "echo: CPU µs a message",
        "full path: CPU µs a message",
        "full path / echo",
        "bar",
        "p50 µs, echo",
        "p50 µs, full path",
        "p50 µs added",
        "bar",
    ]);
    let folder = tempfile::tempdir()?;
    let mut rows = options.cells.iter().flat_map(|cell| options.links.iter().map(move |over| (*cell, *over)));
    rows.try_for_each(|(cell, over)| compare(cell, over, folder.path(), &options))
}

/// The most that the hop may cost the gateway, where a bar is set.
fn bar(cell: Cell) -> Option<f64> {
    match (cell.connections, cell.in_flight, cell.bytes) {
        (100, 1, 20) => Some(1.25),
        (1000, 1, 125) => Some(1.12),
        (100, 16, 20) => Some(1.20),
        (100, 16, 1024) => Some(2.3),
        _ => None,
    }
}

fn compare(cell: Cell, over: Over, folder: &Path, options: &Options) -> io::Result<()> {
    let listen = match over {
        Over::Tcp => stub::any_port(),
        Over::Unix => LinkAddress::Unix(folder.join("shard")),
    };
    let time = Duration::from_secs_f64(options.seconds);
    let (mut echoes, mut paths) = (Vec::new(), Vec::new());
    for _ in 0..options.repeats {
        echoes.push(client::run(&Server::echo("holdfast")?, Protocol::WebSocket, cell, time)?);
        paths.push(full_path(cell, &listen, time)?);
    }
    let cpu = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| outcome.cpu_micros).collect::<Samples>();
    let p50 = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| outcome.p50_micros).collect::<Samples>();
    let ratio = cpu(&paths).median() / cpu(&echoes).median();
    let added = p50(&paths).median() - p50(&echoes).median();
    let hop = (cell.connections == 100 && cell.in_flight == 1).then_some(HOP_MICROS);
    table::row(&[
        cell.to_string(),
        format!("{over:?}"),
        cpu(&echoes).show(3),
        cpu(&paths).show(3),
        format!("{ratio:.2} ×"),
        table::at_most(ratio, bar(cell)),
        p50(&echoes).show(0),
        p50(&paths).show(0),
        format!("{added:.0}"),
        table::at_most(added, hop),
    ]);
    Ok(())
}

fn full_path(cell: Cell, listen: &LinkAddress, time: Duration) -> io::Result<Outcome> {
    let state = stub::start(Answer::Sender, listen)?.to_string();
    let gateway =
        Server::gateway(&["--mode", "relay", "--reactors", "1", "--state", &state], Some(SERVER_CORE))?;
    client::run(&gateway, Protocol::LoggedIn, cell, time)
}
