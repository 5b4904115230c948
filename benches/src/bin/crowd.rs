//! A crowd at one gateway process: how fast it takes in 100,000 WebSocket connections, and what memory of its own each one takes. The gateway's reactors and
//! this client's threads have descriptor tables of their own, so that the limit of open files of a process holds for each of them. Both sides share all
//! cores.
//!
//! `cargo build --release -p holdfast -p benches && cargo run --release -p benches --bin crowd`

#![allow(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use benches::client::{self, HANDSHAKES_OVER};
use benches::server::Server;
use benches::table::{self, Samples};
use clap::Parser;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// What a gateway shall take in, a second.
const RATE_BAR: f64 = 40_000.0;
/// Connections of a thread that are not upgraded yet: enough that neither side waits, and less than any backlog.
const WINDOW: usize = 512;
/// Nothing happens for so long: the gateway does not take more.
const SILENCE: Duration = Duration::from_secs(10);

/// Opens many connections to one gateway process.
#[derive(Parser)]
struct Options {
    /// Connections.
    #[arg(long, default_value_t = 100_000)]
    connections: usize,
    /// Reactors of the gateway: so many that the limit of open files of one holds its share, unevenly spread as that is.
    #[arg(long, default_value_t = 8)]
    reactors: usize,
    /// Threads of the client, for the same reason.
    #[arg(long, default_value_t = 8)]
    threads: usize,
    /// Runs, each with a fresh gateway. The memory is looked at in the last.
    #[arg(long, default_value_t = 5)]
    repeats: usize,
}

fn main() -> io::Result<()> {
    let options = Options::parse();
    reactor::sys::raise_open_files()?;
    let (mut rates, mut cpu, mut bytes) = (Samples::default(), Samples::default(), f64::NAN);
    for repeat in 1..=options.repeats {
        let last = repeat == options.repeats;
        let seen = run(&options, last)?;
        rates.add(seen.rate);
        cpu.add(seen.cpu_micros);
        bytes = seen.bytes;
    }
    println!("Medians (least to most) of {} runs.\n", options.repeats);
    table::head(&[
        "connections",
        "reactors",
        "accepted and upgraded a second",
        "bar",
        "gateway: CPU µs each",
        "memory: bytes each",
    ]);
    table::row(&[
        options.connections.to_string(),
        options.reactors.to_string(),
        rates.show(0),
        table::at_least(rates.median(), Some(RATE_BAR)),
        cpu.show(1),
        format!("{bytes:.1}"),
    ]);
    Ok(())
}

struct Seen {
    rate: f64,
    cpu_micros: f64,
    bytes: f64,
}

fn run(options: &Options, rest: bool) -> io::Result<Seen> {
    let reactors = options.reactors.to_string();
    // It listens on every loopback address, so that the client has the ports of several.
    let server = Server::gateway_on("0.0.0.0:0", &["--mode", "echo", "--reactors", &reactors], None)?;
    let port = server.address().port();
    let (request, answer_bytes) = client::handshake(SocketAddr::from(([127, 0, 0, 1], port)))?;
    let (before, cpu) = (server.resident_bytes()?, server.cpu_nanos()?);
    let began = Instant::now();
    let threads: Vec<Opener> = (0..options.threads)
        .map(|number| {
            let count = share(options.connections, options.threads, number);
            let ip = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1 + number as u8));
            Opener::start(SocketAddr::new(ip, port), count, request.clone(), answer_bytes)
        })
        .collect::<io::Result<_>>()?;
    for thread in &threads {
        thread.opened.recv().map_err(io::Error::other)??;
    }
    let spent = began.elapsed();
    let cpu = server.cpu_nanos()? - cpu;
    if rest {
        thread::sleep(HANDSHAKES_OVER);
        // Something must happen for a deadline that is over to be forgotten; the reactor is whoever the kernel chooses.
        (0..options.reactors * 8).try_for_each(|_| client::handshake(server.address()).map(drop))?;
    }
    let bytes = server.resident_bytes()? as f64 - before as f64;
    threads.into_iter().for_each(Opener::end);
    let count = options.connections as f64;
    Ok(Seen {
        rate: count / spent.as_secs_f64(),
        cpu_micros: cpu as f64 / 1000.0 / count,
        bytes: bytes / count,
    })
}

/// What one of so many has of `whole`.
fn share(whole: usize, shares: usize, number: usize) -> usize {
    whole / shares + usize::from(number < whole % shares)
}

/// A thread that opens connections and holds them.
struct Opener {
    opened: Receiver<io::Result<()>>,
    /// Dropped when the connections are to be closed.
    hold: Sender<()>,
    thread: JoinHandle<()>,
}

impl Opener {
    fn start(address: SocketAddr, count: usize, request: Vec<u8>, answer_bytes: usize) -> io::Result<Self> {
        let (told, opened) = channel();
        let (hold, end) = channel::<()>();
        let thread = thread::Builder::new().spawn(move || {
            let held = reactor::sys::own_descriptors(&[])
                .and_then(|()| open(address, count, &request, answer_bytes));
            let (held, result) = match held {
                Ok(held) => (held, Ok(())),
                Err(error) => (Vec::new(), Err(error)),
            };
            drop(told.send(result));
            // Nobody sends: this waits for the sender to go.
            let _ = end.recv();
            // A reset leaves no port waiting behind.
            for stream in &held {
                drop(socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)));
            }
        })?;
        Ok(Self { opened, hold, thread })
    }

    fn end(self) {
        drop(self.hold);
        drop(self.thread.join());
    }
}

/// Opens `count` connections and returns them upgraded.
fn open(
    address: SocketAddr,
    count: usize,
    request: &[u8],
    answer_bytes: usize,
) -> io::Result<Vec<TcpStream>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut conns: Vec<Conn> = Vec::with_capacity(count);
    let mut done = 0;
    while done < count {
        while conns.len() < count && conns.len() - done < WINDOW {
            conns.push(Conn::begin(address, Token(conns.len()), &poll, request)?);
        }
        poll.poll(&mut events, Some(SILENCE))?;
        if events.is_empty() {
            return Err(io::Error::other(format!("stuck at {done} of {count} connections")));
        }
        for event in &events {
            done += usize::from(conns[event.token().0].proceed(request, answer_bytes)?);
        }
    }
    Ok(conns.into_iter().map(|conn| conn.stream).collect())
}

struct Conn {
    stream: TcpStream,
    asked: bool,
    received: usize,
}

impl Conn {
    fn begin(address: SocketAddr, token: Token, poll: &Poll, request: &[u8]) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        let mut conn = Self { stream, asked: false, received: 0 };
        // On the loopback interface a connection stands as soon as it is asked for, unless the backlog is full.
        conn.ask(request)?;
        let interest = if conn.asked { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        poll.registry().register(&mut conn.stream, token, interest)?;
        Ok(conn)
    }

    fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        match self.stream.write(request) {
            Ok(_) => self.asked = true,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether this completed the handshake.
    fn proceed(&mut self, request: &[u8], answer_bytes: usize) -> io::Result<bool> {
        if !self.asked {
            self.ask(request)?;
        }
        let mut answer = [0; 1024];
        match self.stream.read(&mut answer) {
            Ok(0) => Err(io::Error::other("the gateway closes a connection")),
            Ok(received) => {
                self.received += received;
                Ok(self.received == answer_bytes)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}
