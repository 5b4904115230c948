//! The client of an echo: connections that each keep a number of messages in flight and count what comes back. It parses nothing but lengths, so that one
//! core of it keeps one core of any server busy.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use proto::packet::{ClientBody, ClientPacket, Codec, Login, encode_client};
use proto::tcp;
use proto::ws::{Opcode, Subprotocol, frame, request};

use crate::server::Server;
use crate::stub;

/// Unmeasured time at the start of a run.
const WARM_UP: Duration = Duration::from_millis(300);
const KEY: [u8; 16] = [7; 16];
const MASK: [u8; 4] = [1, 2, 3, 4];
/// A server that says nothing for so long is broken.
const SILENCE: Duration = Duration::from_secs(10);

/// The gateway remembers a deadline for each connection until it is past: then a connection is idle indeed.
pub const HANDSHAKES_OVER: Duration = Duration::from_secs(proto::limits::HANDSHAKE_DEADLINE.as_secs() + 1);

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Bytes come back as they went.
    Bare,
    /// Holdfast's raw TCP.
    Tcp,
    /// WebSocket.
    WebSocket,
    /// WebSocket to a gateway with a state server behind it: the first packet is a login.
    LoggedIn,
}

impl Protocol {
    /// What the clients of the echo server of this name speak.
    pub fn of(server: &str) -> Self {
        match server {
            "floor" => Self::Bare,
            "holdfast-tcp" => Self::Tcp,
            _ => Self::WebSocket,
        }
    }
}

/// What is on the way at a time: a cell of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Clients.
    pub connections: usize,
    /// Messages of each that are unanswered.
    pub in_flight: usize,
    /// Payload of a message.
    pub bytes: usize,
}

impl std::str::FromStr for Cell {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut numbers = text.split('x').map(|number| number.parse().ok().filter(|number| *number > 0));
        match [numbers.next(), numbers.next(), numbers.next(), numbers.next()] {
            [Some(Some(connections)), Some(Some(in_flight)), Some(Some(bytes)), None] => {
                Ok(Self { connections, in_flight, bytes })
            }
            _ => Err("is no cell: CONNECTIONSxIN_FLIGHTxBYTES".into()),
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {} × {}", self.connections, self.in_flight, self.bytes)
    }
}

/// What a run showed.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Server CPU time a message, in microseconds.
    pub cpu_micros: f64,
    /// Messages a second.
    pub rate: f64,
    /// From a client's send to its answer: half of them took no longer.
    pub p50_micros: f64,
    /// The same for 99 of 100.
    pub p99_micros: f64,
}

/// All messages are alike, so that what comes back need only be counted.
pub(crate) struct Messages {
    /// As many as may be in flight, one after the other.
    wire: Vec<u8>,
    sent_bytes: usize,
    answer_bytes: usize,
}

impl Messages {
    /// `count` messages, the answer to each of which has as many bytes of payload.
    pub(crate) fn new(protocol: Protocol, count: usize, bytes: usize) -> Self {
        let payload = vec![b'x'; bytes];
        let mut one = Vec::new();
        match protocol {
            Protocol::Tcp => {
                one.extend_from_slice(&tcp::head(bytes));
                one.extend_from_slice(&payload);
            }
            _ => frame::append(&mut one, Opcode::Binary, Some(MASK), &[&payload]),
        }
        let sent_bytes = one.len();
        let unmasked = matches!(protocol, Protocol::WebSocket | Protocol::LoggedIn);
        let answer_bytes = if unmasked { sent_bytes - MASK.len() } else { sent_bytes };
        Self { wire: one.repeat(count), sent_bytes, answer_bytes }
    }
}

/// One connection.
pub(crate) struct Conn {
    stream: TcpStream,
    /// Bytes of an answer that has begun to come.
    partial: usize,
    /// Bytes that are still to be sent, counted from the end of the last message that was due.
    pub(crate) unsent: usize,
    sent_at: Instant,
}

/// Keeps a server busy for `time` and tells what that cost it.
pub fn run(server: &Server, protocol: Protocol, cell: Cell, time: Duration) -> io::Result<Outcome> {
    let mut poll = Poll::new()?;
    let messages = Messages::new(protocol, cell.in_flight, cell.bytes);
    let mut conns = adopt(connect(server.address(), protocol, cell.connections)?, &poll)?;
    for conn in &mut conns {
        conn.unsent = messages.wire.len();
        conn.sent_at = Instant::now();
        conn.send(&messages)?;
    }
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 1 << 20];
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).map_err(io::Error::other)?;
    let mut watch = Watch::new(server, time);
    loop {
        let now = wait(&mut poll, &mut events)?;
        for event in &events {
            let conn = &mut conns[event.token().0];
            let whole = conn.receive(&messages, &mut buffer)?;
            if whole > 0 {
                latency.saturating_record(now.duration_since(conn.sent_at).as_nanos() as u64);
                conn.sent_at = now;
                watch.done += whole as u64;
                conn.unsent += whole * messages.sent_bytes;
            }
            if conn.unsent > 0 {
                conn.send(&messages)?;
            }
        }
        match watch.look(now)? {
            Seen::Begun => latency.reset(),
            Seen::Nothing => {}
            Seen::Over { cpu_micros, rate } => {
                let p50_micros = latency.value_at_quantile(0.5) as f64 / 1000.0;
                let p99_micros = latency.value_at_quantile(0.99) as f64 / 1000.0;
                return Ok(Outcome { cpu_micros, rate, p50_micros, p99_micros });
            }
        }
    }
}

/// Makes one of the clients say something that the server sends to all of them, and again as soon as all have it. Returns the server's CPU time for one
/// delivery, in microseconds, and the deliveries a second.
pub fn fan_out(
    server: &Server,
    protocol: Protocol,
    connections: usize,
    bytes: usize,
    time: Duration,
) -> io::Result<(f64, f64)> {
    let mut poll = Poll::new()?;
    let mut messages = Messages::new(protocol, 1, bytes);
    if protocol == Protocol::Bare {
        // What goes out is what a WebSocket client gets: without a mask.
        messages.wire.truncate(messages.wire.len() - MASK.len());
        messages.answer_bytes = messages.wire.len();
    }
    let mut conns = adopt(connect(server.address(), protocol, connections)?, &poll)?;
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 1 << 20];
    let mut watch = Watch::new(server, time);
    let mut missing = 0;
    loop {
        // Only between two rounds is everything that was paid for delivered.
        if missing == 0 {
            if let Seen::Over { cpu_micros, rate } = watch.look(Instant::now())? {
                return Ok((cpu_micros, rate));
            }
            missing = connections;
            conns[0].unsent = messages.wire.len();
            conns[0].send(&messages)?;
        }
        wait(&mut poll, &mut events)?;
        for event in &events {
            let whole = conns[event.token().0].receive(&messages, &mut buffer)?;
            missing -= whole;
            watch.done += whole as u64;
        }
    }
}

/// Waits for events, and tells when that was.
fn wait(poll: &mut Poll, events: &mut Events) -> io::Result<Instant> {
    poll.poll(events, Some(SILENCE))?;
    if events.is_empty() {
        return Err(io::Error::other("the server has fallen silent"));
    }
    Ok(Instant::now())
}

/// The measured part of a run: it begins after the warm-up and ends when the time is over.
struct Watch<'a> {
    server: &'a Server,
    time: Duration,
    began: Instant,
    /// When measuring began, and the server's CPU time then.
    measured: Option<(Instant, u64)>,
    /// Messages that were answered.
    done: u64,
}

enum Seen {
    Nothing,
    /// Measuring begins now.
    Begun,
    Over {
        cpu_micros: f64,
        rate: f64,
    },
}

impl<'a> Watch<'a> {
    fn new(server: &'a Server, time: Duration) -> Self {
        Self { server, time, began: Instant::now(), measured: None, done: 0 }
    }

    fn look(&mut self, now: Instant) -> io::Result<Seen> {
        match self.measured {
            None if now - self.began >= WARM_UP => {
                self.measured = Some((now, self.server.cpu_nanos()?));
                self.done = 0;
                Ok(Seen::Begun)
            }
            Some((start, cpu)) if now - start >= self.time => {
                let (cpu, spent) = (self.server.cpu_nanos()? - cpu, start.elapsed());
                Ok(Seen::Over {
                    cpu_micros: cpu as f64 / 1000.0 / self.done as f64,
                    rate: self.done as f64 / spent.as_secs_f64(),
                })
            }
            _ => Ok(Seen::Nothing),
        }
    }
}

/// Opens connections, one after the other, with their handshakes done.
pub fn connect(
    address: SocketAddr,
    protocol: Protocol,
    connections: usize,
) -> io::Result<Vec<std::net::TcpStream>> {
    (0..connections)
        .map(|number| {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            match protocol {
                Protocol::Bare => {}
                Protocol::Tcp => stream.write_all(&tcp::MAGIC)?,
                Protocol::WebSocket => drop(shake_hands(&mut stream, None)?),
                Protocol::LoggedIn => {
                    shake_hands(&mut stream, Some(Subprotocol::Proto.name()))?;
                    log_in(&mut stream, number)?;
                }
            }
            stream.set_nonblocking(true)?;
            Ok(stream)
        })
        .collect()
}

/// Opens and closes one WebSocket connection: its request, and how many bytes answer it.
pub fn handshake(address: SocketAddr) -> io::Result<(Vec<u8>, usize)> {
    let mut stream = std::net::TcpStream::connect(address)?;
    let length = shake_hands(&mut stream, None)?;
    Ok((upgrade_request(None), length))
}

fn upgrade_request(subprotocol: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    request::write(&mut out, "127.0.0.1", "/", KEY, subprotocol);
    out
}

fn shake_hands(stream: &mut std::net::TcpStream, subprotocol: Option<&str>) -> io::Result<usize> {
    stream.write_all(&upgrade_request(subprotocol))?;
    let (mut answer, mut length) = ([0; 1024], 0);
    while !answer[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut answer[length..])? {
            0 => return Err(io::Error::other("the server does not upgrade")),
            received => length += received,
        }
    }
    Ok(length)
}

fn log_in(stream: &mut std::net::TcpStream, number: usize) -> io::Result<()> {
    let login = Login {
        uid: format!("user-{number}").try_into().map_err(io::Error::other)?,
        device: "bench".parse().map_err(io::Error::other)?,
        token: String::new(),
        client: String::new(),
    };
    let (mut packet, mut out) = (Vec::new(), Vec::new());
    encode_client(Codec::Proto, ClientPacket { client_id: 0, body: ClientBody::Login(login) }, &mut packet);
    frame::append(&mut out, Opcode::Binary, Some(MASK), &[&packet]);
    stream.write_all(&out)?;
    let mut answer = [0; 2 + stub::LOGGED_IN.len()];
    stream.read_exact(&mut answer)
}

fn adopt(streams: Vec<std::net::TcpStream>, poll: &Poll) -> io::Result<Vec<Conn>> {
    let adopt = |(number, stream)| {
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Conn { stream, partial: 0, unsent: 0, sent_at: Instant::now() })
    };
    streams.into_iter().enumerate().map(adopt).collect()
}

impl Conn {
    /// Sends what is due, in one write; the rest waits for an event.
    fn send(&mut self, messages: &Messages) -> io::Result<()> {
        let bytes = &messages.wire[messages.wire.len() - self.unsent..];
        match self.stream.write(bytes) {
            Ok(sent) => self.unsent -= sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Reads what has come, and returns how many answers that completed.
    fn receive(&mut self, messages: &Messages, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(received) => {
                self.partial += received;
                let whole = self.partial / messages.answer_bytes;
                self.partial %= messages.answer_bytes;
                Ok(whole)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }
}
