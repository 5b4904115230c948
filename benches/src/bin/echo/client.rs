//! The client: connections that each keep a number of messages in flight and count what comes back. It parses nothing but lengths, so that one core of it
//! keeps one core of any server busy.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use proto::tcp;
use proto::ws::{Opcode, frame, request};

use crate::Cell;
use crate::server::Server;

/// Unmeasured time at the start of a run.
const WARM_UP: Duration = Duration::from_millis(300);
const KEY: [u8; 16] = [7; 16];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Bytes come back as they went.
    Bare,
    /// Holdfast's raw TCP.
    Tcp,
    WebSocket,
}

/// What a run showed.
pub(crate) struct Outcome {
    /// Server CPU time a message, in microseconds.
    pub(crate) cpu_micros: f64,
    /// Messages a second.
    pub(crate) rate: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
}

struct Conn {
    stream: TcpStream,
    /// Bytes of an answer that has begun to come.
    partial: usize,
    /// Bytes that are still to be sent, counted from the end of the last message that was due.
    unsent: usize,
    sent_at: Instant,
}

/// All messages are alike, so that what comes back need only be counted.
struct Messages {
    /// As many as may be in flight, one after the other.
    wire: Vec<u8>,
    sent_bytes: usize,
    answer_bytes: usize,
}

impl Messages {
    fn new(protocol: Protocol, cell: Cell) -> Self {
        let payload = vec![b'x'; cell.bytes];
        let mut one = Vec::new();
        let key = (protocol != Protocol::Tcp).then_some([1, 2, 3, 4]);
        match protocol {
            Protocol::Tcp => {
                one.extend_from_slice(&tcp::head(cell.bytes));
                one.extend_from_slice(&payload);
            }
            Protocol::Bare | Protocol::WebSocket => frame::append(&mut one, Opcode::Binary, key, &[&payload]),
        }
        let sent_bytes = one.len();
        let answer_bytes = if protocol == Protocol::WebSocket { sent_bytes - 4 } else { sent_bytes };
        Self { wire: one.repeat(cell.in_flight), sent_bytes, answer_bytes }
    }
}

pub(crate) fn run(server: &Server, protocol: Protocol, cell: Cell, time: Duration) -> io::Result<Outcome> {
    let mut poll = Poll::new()?;
    let messages = Messages::new(protocol, cell);
    let mut conns = Vec::with_capacity(cell.connections);
    for (number, stream) in connect(server, protocol, cell.connections)?.into_iter().enumerate() {
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        let mut conn = Conn { stream, partial: 0, unsent: messages.wire.len(), sent_at: Instant::now() };
        conn.send(&messages)?;
        conns.push(conn);
    }
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 1 << 20];
    let mut latency = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).map_err(io::Error::other)?;
    let began = Instant::now();
    let (mut done, mut measured) = (0u64, None);
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(5)))?;
        let now = Instant::now();
        if events.is_empty() {
            return Err(io::Error::other("the server has fallen silent"));
        }
        for event in &events {
            let conn = &mut conns[event.token().0];
            let whole = conn.receive(&messages, &mut buffer)?;
            if whole > 0 {
                latency.saturating_record(now.duration_since(conn.sent_at).as_nanos() as u64 / 1000);
                conn.sent_at = now;
                done += whole as u64;
                conn.unsent += whole * messages.sent_bytes;
            }
            if conn.unsent > 0 {
                conn.send(&messages)?;
            }
        }
        match measured {
            None if now - began >= WARM_UP => {
                measured = Some((now, server.cpu_nanos()?));
                done = 0;
                latency.reset();
            }
            Some((start, cpu)) if now - start >= time => {
                let (cpu, spent) = (server.cpu_nanos()? - cpu, start.elapsed());
                return Ok(Outcome {
                    cpu_micros: cpu as f64 / 1000.0 / done as f64,
                    rate: done as f64 / spent.as_secs_f64(),
                    p50_micros: latency.value_at_quantile(0.5) as f64,
                    p99_micros: latency.value_at_quantile(0.99) as f64,
                });
            }
            _ => {}
        }
    }
}

/// Opens connections, one after the other, with their handshakes done.
pub(crate) fn connect(
    server: &Server,
    protocol: Protocol,
    connections: usize,
) -> io::Result<Vec<std::net::TcpStream>> {
    (0..connections)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(server.address)?;
            match protocol {
                Protocol::Bare => {}
                Protocol::Tcp => stream.write_all(&tcp::MAGIC)?,
                Protocol::WebSocket => shake_hands(&mut stream)?,
            }
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        })
        .collect()
}

fn shake_hands(stream: &mut std::net::TcpStream) -> io::Result<()> {
    let mut out = Vec::new();
    request::write(&mut out, "127.0.0.1", "/", KEY, None);
    stream.write_all(&out)?;
    let (mut answer, mut byte) = (Vec::new(), [0]);
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    Ok(())
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
