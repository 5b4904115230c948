//! One run of one product: rooms in which one speaks and others listen. Prints one line of JSON. The servers are started by `scripts/products.py`, which runs all.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use benches::product::{Outcome, Product, Work, idle, talk};
use clap::Parser;

/// Lets clients of a product talk, and asks what that cost its servers.
#[derive(Parser)]
struct Options {
    #[arg(value_enum)]
    product: Product,
    /// Where the product's clients find it.
    address: SocketAddr,
    /// A process of the product; may be given again.
    #[arg(long)]
    pid: Vec<u32>,
    /// The key of Holdfast's tokens.
    #[arg(long)]
    key: Option<PathBuf>,
    #[arg(long, default_value_t = 500)]
    rooms: usize,
    #[arg(long, default_value_t = 1)]
    listeners: usize,
    #[arg(long, default_value_t = 1)]
    in_flight: usize,
    #[arg(long, default_value_t = 200)]
    bytes: usize,
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Nobody speaks: what is the memory of a listener?
    #[arg(long)]
    idle: bool,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    reactor::sys::raise_open_files()?;
    let dialect = options.product.dialect(options.key.as_ref())?;
    let work = Work {
        address: options.address,
        pids: options.pid,
        rooms: options.rooms,
        listeners: options.listeners,
        in_flight: options.in_flight,
        bytes: options.bytes,
        time: Duration::from_secs_f64(options.seconds),
    };
    if options.idle {
        println!("{{\"bytes\":{:.0}}}", idle(&*dialect, &work)?);
        return Ok(());
    }
    let Outcome { rate, deliveries, cpu_micros, client_micros, delivery_ms, acknowledgement_ms } =
        talk(&*dialect, &work)?;
    println!(
        "{{\"rate\":{rate:.0},\"deliveries\":{deliveries:.0},\"cpu\":{cpu_micros:.3},\"client\":{client_micros:.3},\
         \"delivery\":{delivery_ms:?},\"acknowledgement\":{acknowledgement_ms:?}}}"
    );
    Ok(())
}
