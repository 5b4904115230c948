//! Bytes to packets and back, on one connection of a client: [`Wire`]. Owns the upgrade, the framing, pongs and the close handshake; leaves
//! sockets and buffers to the caller and what packets mean to the machine. It holds no heap memory once the connection is open.

mod address;
mod error;
#[cfg(test)]
mod tests;

use proto::limits::{FRAGMENTS_MAX, PACKET_BYTES_MAX};
use proto::packet::{self, ClientPacket, Codec, ServerPacket};
use proto::tcp;
use proto::ws::{self, Event, Limits, Opcode, Receiver, Role, Subprotocol, frame, request};

pub use address::{Address, AddressError};
pub use error::WireError;

use crate::random::Random;

/// What the packets travel in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket messages: binary for protobuf, text for JSON.
    WebSocket(Codec),
    /// TCP frames of protobuf.
    Tcp,
}

/// What has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The connection is open for packets.
    Open,
    /// A packet.
    Packet(ServerPacket),
    /// The server closes, in good order; nothing more will come.
    Closed {
        /// Its WebSocket close code, if it gave one.
        code: Option<u16>,
        /// The same for people; may be empty.
        reason: String,
    },
}

/// One connection's framing. A new connection needs a new one.
#[derive(Debug)]
pub struct Wire {
    transport: Transport,
    stage: Stage,
    random: Random,
    receiver: Receiver,
}

#[derive(Debug)]
enum Stage {
    New,
    /// The upgrade request is out; this was its key.
    Upgrading(Box<[u8; 16]>),
    Open,
    /// We have sent a close frame, or may not send any more.
    Closing,
    /// Nothing that comes now means anything.
    Closed,
}

const LIMITS: Limits = Limits { message_bytes: PACKET_BYTES_MAX, fragments: FRAGMENTS_MAX };

impl Transport {
    /// The form of packets on it.
    pub fn codec(self) -> Codec {
        match self {
            Self::WebSocket(codec) => codec,
            Self::Tcp => Codec::Proto,
        }
    }

    fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::WebSocket(Codec::Proto) => Some(Subprotocol::Proto.name()),
            Self::WebSocket(Codec::Json) => Some(Subprotocol::Json.name()),
            Self::Tcp => None,
        }
    }
}

impl Wire {
    /// The framing of a new connection. The masking keys come from `seed` (RFC 6455 section 5.3): a caller that carries what others
    /// wrote seeds from the operating system, anew for each connection.
    pub fn new(transport: Transport, seed: u64) -> Self {
        let (random, receiver) = (Random::new(seed), Receiver::new(Role::Client));
        Self { transport, stage: Stage::New, random, receiver }
    }

    /// Appends what opens the connection: the upgrade request, or the magic. Over TCP nothing is awaited: the connection is open at once.
    pub fn start(&mut self, address: &Address, out: &mut Vec<u8>, received: &mut Vec<Received>) {
        match self.transport {
            Transport::Tcp => {
                out.extend_from_slice(&tcp::MAGIC);
                self.stage = Stage::Open;
                received.push(Received::Open);
            }
            Transport::WebSocket(_) => {
                let mut key = Box::new([0; 16]);
                key[..8].copy_from_slice(&self.random.next().to_ne_bytes());
                key[8..].copy_from_slice(&self.random.next().to_ne_bytes());
                request::write(out, &address.authority(), address.path(), *key, self.transport.subprotocol());
                self.stage = Stage::Upgrading(key);
            }
        }
    }

    /// Takes what came: `bytes` are those not consumed before, followed by new ones. What they say is appended to `received`, what must be
    /// answered to `replies`. Returns how many bytes are consumed; the caller keeps the rest. After an error the connection is over once
    /// `replies` has been sent.
    pub fn receive(
        &mut self,
        bytes: &mut [u8],
        replies: &mut Vec<u8>,
        received: &mut Vec<Received>,
    ) -> Result<usize, WireError> {
        let result = self.take(bytes, replies, received);
        if let Err(error) = &result {
            self.send_close(error.close_code(), replies);
            self.stage = Stage::Closed;
        }
        result
    }

    /// Appends a packet's frame. Nothing once the connection is closing.
    pub fn send(&mut self, packet: ClientPacket, out: &mut Vec<u8>) {
        if !matches!(self.stage, Stage::Open) {
            return;
        }
        // The packet is written first and its head is put in front: its length is not known before.
        let start = out.len();
        packet::encode_client(self.transport.codec(), packet, out);
        let length = out.len() - start;
        let opcode = match self.transport {
            Transport::Tcp => {
                out.splice(start..start, tcp::head(length));
                return;
            }
            Transport::WebSocket(Codec::Proto) => Opcode::Binary,
            Transport::WebSocket(Codec::Json) => Opcode::Text,
        };
        let key = self.mask();
        ws::mask::apply(&mut out[start..], key, 0);
        let head = frame::head(opcode, length, Some(key));
        out.splice(start..start, head.as_slice().iter().copied());
    }

    /// Appends the close frame of a client that goes in good order. The caller may close its socket after that.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        self.send_close(1000, out);
    }

    fn take(
        &mut self,
        bytes: &mut [u8],
        replies: &mut Vec<u8>,
        received: &mut Vec<Received>,
    ) -> Result<usize, WireError> {
        let mut at = 0;
        if let Stage::Upgrading(key) = &self.stage {
            let subprotocol = self.transport.subprotocol();
            match request::parse_answer(bytes, **key, subprotocol).map_err(WireError::Upgrade)? {
                None => return Ok(0),
                Some(head_bytes) => at = head_bytes,
            }
            self.stage = Stage::Open;
            received.push(Received::Open);
        }
        match self.transport {
            _ if matches!(self.stage, Stage::Closed) => return Ok(bytes.len()),
            Transport::Tcp => {
                while let Some(range) =
                    tcp::next(bytes, at, PACKET_BYTES_MAX).map_err(|_| WireError::TooBig)?
                {
                    at = range.end;
                    received.push(packet(Codec::Proto, &bytes[range])?);
                }
            }
            Transport::WebSocket(codec) => {
                while !matches!(self.stage, Stage::Closed) {
                    // A message of several fragments is borrowed from the receiver, a whole one from `bytes`.
                    let Some(event) = self.receiver.next(bytes, &mut at, &LIMITS)? else { break };
                    match (event, codec) {
                        (Event::Binary(bytes), Codec::Proto) | (Event::Text(bytes), Codec::Json) => {
                            received.push(packet(codec, bytes)?);
                        }
                        (Event::Text(_) | Event::Binary(_), _) => return Err(WireError::WrongType),
                        (Event::Pong(_), _) => {}
                        (Event::Ping(payload), _) => {
                            let key = mask(&mut self.random);
                            frame::append(replies, Opcode::Pong, Some(key), &[payload]);
                        }
                        (Event::Close { code, reason }, _) => {
                            let reason = reason.to_owned();
                            self.send_close(code.unwrap_or(1000), replies);
                            self.stage = Stage::Closed;
                            received.push(Received::Closed { code, reason });
                        }
                    }
                }
                if matches!(self.stage, Stage::Closed) {
                    at = bytes.len();
                }
            }
        }
        Ok(at)
    }

    fn send_close(&mut self, code: u16, out: &mut Vec<u8>) {
        if matches!(self.stage, Stage::Open) {
            self.stage = Stage::Closing;
            if matches!(self.transport, Transport::WebSocket(_)) {
                let key = self.mask();
                ws::close::append(out, Some(key), Some(code), "");
            }
        }
    }

    fn mask(&mut self) -> [u8; 4] {
        mask(&mut self.random)
    }
}

/// A masking key: half of a random number, so that a key alone does not give the next one away.
fn mask(random: &mut Random) -> [u8; 4] {
    ((random.next() >> 32) as u32).to_ne_bytes()
}

fn packet(codec: Codec, bytes: &[u8]) -> Result<Received, WireError> {
    packet::decode_server(codec, bytes).map(Received::Packet).map_err(WireError::Packet)
}
