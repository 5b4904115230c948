//! What the micro benchmarks share: streams of frames as clients send them, and a source that never ends. Owns no measurement.

use std::io::{self, Read, Write};

use proto::ws::{Limits, Opcode, Receiver, Role, frame};

/// The bytes of one `recv` into the gateway's read buffer.
pub const READ_BYTES: usize = 128 * 1024;

const LIMITS: Limits = Limits { message_bytes: 1 << 20, fragments: 1 };

/// Masked frames of this payload, some 256 KiB of them, each with its own key.
pub fn client_frames(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for key in 1..=(256 * 1024 / (payload.len() + 6)) as u32 {
        frame::append(&mut out, opcode, Some(key.wrapping_mul(0x9E37_79B9).to_be_bytes()), &[payload]);
    }
    out
}

/// A socket whose peer says the same for ever; what is written to it is gone.
#[derive(Debug)]
pub struct Endless {
    bytes: Vec<u8>,
    at: usize,
}

impl Endless {
    /// Says `bytes` again and again.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (&self.bytes[self.at..]).read(into)?;
        self.at = (self.at + count) % self.bytes.len();
        Ok(count)
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Our receiver on a socket, used as the gateway uses it: one read, then all the frames that came, in place.
#[derive(Debug)]
pub struct Connection {
    socket: Endless,
    receiver: Receiver,
    buffer: Vec<u8>,
    filled: usize,
    at: usize,
}

impl Connection {
    /// The server's end of `socket`.
    pub fn new(socket: Endless) -> Self {
        Self { socket, receiver: Receiver::new(Role::Server), buffer: vec![0; READ_BYTES], filled: 0, at: 0 }
    }

    /// The bytes of the next message.
    pub fn next_message(&mut self) -> usize {
        loop {
            let found = self.receiver.take(&mut self.buffer[..self.filled], &mut self.at, &LIMITS);
            if let Some(found) = found.expect("the peer keeps to the protocol") {
                return found.payload.map_or(0, |payload| payload.len());
            }
            self.buffer.copy_within(self.at..self.filled, 0);
            self.filled -= std::mem::take(&mut self.at);
            self.filled += self.socket.read(&mut self.buffer[self.filled..]).expect("memory can be read");
        }
    }
}
