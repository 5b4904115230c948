//! Fan-out: what it costs the gateway to send one payload of a state shard to everybody, beside a bare loop of as many `send` calls (`floor --fan-out`).
//! The servers run on core 0, the clients and the shard on core 1. One client asks for the next round when all have had the last.
//!
//! `cargo build --release -p holdfast -p benches && cargo run --release -p benches --bin fan_out`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::io;
use std::time::Duration;

use benches::client::{self, Protocol};
use benches::server::{CLIENT_CORE, SERVER_CORE, Server};
use benches::stub::{self, Answer};
use benches::table::{self, Samples};
use clap::Parser;

/// What a delivery may cost, of a bare `send`.
const BAR: f64 = 1.2;

/// Compares a gateway's fan-out with as many bare sends.
#[derive(Parser)]
struct Options {
    /// Connections of the one reactor.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Payloads, in bytes.
    #[arg(long, value_delimiter = ',', default_value = "125,1024")]
    bytes: Vec<usize>,
    /// Runs of each side.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
    /// Measured time of a run, in seconds.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    reactor::sys::raise_open_files()?;
    reactor::sys::pin_to_core(CLIENT_CORE)?;
    println!("Medians (least to most) of {} runs of {} s.\n", options.repeats, options.seconds);
    table::head(&[
        "receivers × bytes",
        "bare send: CPU µs",
        "gateway: CPU µs a delivery",
        "gateway / bare",
        "bar",
        "gateway: deliveries/s",
    ]);
    options.bytes.iter().try_for_each(|bytes| compare(*bytes, &options))
}

fn compare(bytes: usize, options: &Options) -> io::Result<()> {
    let time = Duration::from_secs_f64(options.seconds);
    let (mut bare, mut gateway, mut rate) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..options.repeats {
        let server = Server::start(&["floor", "--fan-out"], Some(SERVER_CORE))?;
        bare.add(client::fan_out(&server, Protocol::Bare, options.connections, bytes, time)?.0);
        drop(server);
        let state = stub::start(Answer::Everybody, &stub::any_port())?.to_string();
        let relay = ["--mode", "relay", "--reactors", "1", "--state", &state];
        let server = Server::gateway(&relay, Some(SERVER_CORE))?;
        let (cpu_micros, deliveries) =
            client::fan_out(&server, Protocol::LoggedIn, options.connections, bytes, time)?;
        gateway.add(cpu_micros);
        rate.add(deliveries);
    }
    let ratio = gateway.median() / bare.median();
    table::row(&[
        format!("{} × {bytes}", options.connections),
        bare.show(3),
        gateway.show(3),
        format!("{ratio:.2} ×"),
        table::at_most(ratio, Some(BAR)),
        format!("{:.0}", rate.median()),
    ]);
    Ok(())
}
