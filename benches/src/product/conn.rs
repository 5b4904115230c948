//! A WebSocket client's connection: [`Socket`] while it logs in and waits for each answer, [`Conn`] afterwards. Owns frames and buffers; leaves what is in them to
//! the dialect.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use proto::ws::frame::{self, Header};
use proto::ws::{Opcode, Role, request};

const KEY: [u8; 16] = [7; 16];
const MASK: [u8; 4] = [1, 2, 3, 4];
/// A server that says nothing for so long is broken; there are some who take half a second for a login, and many wait in line.
const SILENCE: Duration = Duration::from_mins(1);

/// Appends a frame.
pub(super) fn append(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    frame::append(out, opcode, Some(MASK), &[payload]);
}

/// Takes a message, and appends what it is to be answered with.
pub(super) type Take<'a> = dyn FnMut(&[u8], &mut Vec<u8>) -> io::Result<()> + 'a;

/// A connection that waits for each answer.
#[derive(Debug)]
pub struct Socket {
    stream: std::net::TcpStream,
    /// What has come and is not taken.
    came: Vec<u8>,
}

impl Socket {
    /// Connects and shakes hands.
    pub(super) fn open(address: SocketAddr, path: &str, subprotocol: Option<&str>) -> io::Result<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut socket = Self { stream, came: Vec::new() };
        let mut out = Vec::new();
        request::write(&mut out, "127.0.0.1", path, KEY, subprotocol);
        socket.stream.write_all(&out)?;
        loop {
            let head = request::parse_answer(&socket.came, KEY, subprotocol).map_err(io::Error::other)?;
            if let Some(length) = head {
                socket.came.drain(..length);
                return Ok(socket);
            }
            socket.more()?;
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.came.extend_from_slice(&bytes[..count]);
                Ok(())
            }
        }
    }

    /// Sends a message.
    pub fn say(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut out = Vec::new();
        append(&mut out, opcode, payload);
        self.stream.write_all(&out)
    }

    /// Sends frames that are made already.
    pub fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames)
    }

    /// Waits for the next message.
    pub fn hear(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some((header, head)) =
                Header::decode(&self.came, Role::Client).map_err(io::Error::other)?
            {
                let end = head + header.length as usize;
                if self.came.len() >= end {
                    let payload = self.came[head..end].to_vec();
                    self.came.drain(..end);
                    match header.opcode {
                        Opcode::Close => return Err(closed("logging in", &payload)),
                        Opcode::Ping => self.say(Opcode::Pong, &payload)?,
                        _ => return Ok(payload),
                    }
                    continue;
                }
            }
            self.more()?;
        }
    }

    /// Waits until a message has this in it.
    pub fn expect(&mut self, what: &str) -> io::Result<()> {
        for _ in 0..16 {
            let message = self.hear()?;
            if message.windows(what.len()).any(|bytes| bytes == what.as_bytes()) {
                return Ok(());
            }
        }
        Err(io::Error::other(format!("the server never says {what:?}")))
    }
}

/// A connection that has logged in, and never waits.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) stream: TcpStream,
    came: Vec<u8>,
    /// What is to be sent, and how much of it has been.
    pub(super) out: Vec<u8>,
    sent: usize,
}

impl TryFrom<Socket> for Conn {
    type Error = io::Error;

    fn try_from(socket: Socket) -> io::Result<Self> {
        socket.stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(socket.stream);
        Ok(Self { stream, came: socket.came, out: Vec::new(), sent: 0 })
    }
}

impl Conn {
    /// Reads once into `buffer` and shows each whole message to `take`, with the bytes to be sent. Returns whether there may be more to read.
    pub(super) fn receive(&mut self, buffer: &mut [u8], take: &mut Take<'_>) -> io::Result<bool> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        // Mostly whole messages come, and need not be copied.
        let kept = !self.came.is_empty();
        if kept {
            self.came.extend_from_slice(&buffer[..count]);
        }
        let bytes = if kept { &self.came[..] } else { &buffer[..count] };
        let used = messages(bytes, &mut self.out, take)?;
        if kept {
            self.came.drain(..used);
        } else {
            self.came.extend_from_slice(&buffer[used..count]);
        }
        Ok(count == buffer.len())
    }

    /// Sends what there is, in one write; the rest waits for an event.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.sent == self.out.len() {
            return Ok(());
        }
        match self.stream.write(&self.out[self.sent..]) {
            Ok(count) => self.sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if self.sent == self.out.len() {
            self.out.clear();
            self.sent = 0;
        }
        Ok(())
    }
}

/// What a Close says: when it came, and the server's code and reason (RFC 6455 section 5.5.1).
fn closed(phase: &str, payload: &[u8]) -> io::Error {
    let (code, reason) = payload.split_first_chunk().unwrap_or((&[0, 0], &[]));
    let (code, reason) = (u16::from_be_bytes(*code), String::from_utf8_lossy(reason));
    io::Error::other(format!("the server closes in the middle of {phase}: {code} {reason}"))
}

/// Shows the whole messages at the start of `bytes`. Returns how many bytes they have.
fn messages(bytes: &[u8], out: &mut Vec<u8>, take: &mut Take<'_>) -> io::Result<usize> {
    let mut used = 0;
    while let Some((header, head)) = Header::decode(&bytes[used..], Role::Client).map_err(io::Error::other)? {
        let Some(payload) = bytes.get(used + head..used + head + header.length as usize) else { break };
        match header.opcode {
            Opcode::Close => return Err(closed("talking", payload)),
            Opcode::Ping => append(out, Opcode::Pong, payload),
            Opcode::Pong => {}
            // Dialects put together what servers have cut: none of them cuts within a message and needs to know.
            Opcode::Continuation | Opcode::Text | Opcode::Binary => take(payload, out)?,
        }
        used += head + payload.len();
    }
    Ok(used)
}
