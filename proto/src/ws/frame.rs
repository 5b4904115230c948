//! The frame header (RFC 6455 section 5.2), read and written, and whole frames written. Owns the bytes and the rules that concern one
//! header alone; how frames make messages is [`super::Receiver`]'s.

use std::ops::Range;

use super::{Role, WsError, mask};
use crate::limits::CONTROL_PAYLOAD_BYTES_MAX;

/// Bytes of the longest header: two, a 64-bit length and a masking key.
pub const HEAD_BYTES_MAX: usize = 14;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// A text message, or its first fragment.
    Text = 0x1,
    /// A binary message, or its first fragment.
    Binary = 0x2,
    /// The end of the connection.
    Close = 0x8,
    /// To be answered with a [`Opcode::Pong`] of the same payload.
    Ping = 0x9,
    /// The answer to a [`Opcode::Ping`], or a sign of life.
    Pong = 0xA,
}

impl Opcode {
    /// Whether frames of this kind are control frames: short, whole, and allowed between fragments.
    pub fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// A frame header's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether this frame is its message's last.
    pub fin: bool,
    /// The first reserved bit: this frame begins a compressed message (RFC 7692 section 6).
    pub compressed: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key, if the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// Bytes of the payload.
    pub length: u64,
}

/// An encoded header.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    bytes: [u8; HEAD_BYTES_MAX],
    length: u8,
}

impl Head {
    /// The header's 2 to 14 bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl Header {
    /// Reads the header at the start of `bytes`, and how many bytes it has; `None` when more are needed. Each rule is checked as soon as its
    /// byte is there, so a bad header is found before it is whole. Where `compressed` may stand is [`super::Receiver`]'s to check.
    #[inline]
    pub fn decode(bytes: &[u8], role: Role) -> Result<Option<(Self, usize)>, WsError> {
        let Some(first) = bytes.first() else { return Ok(None) };
        if first & 0x30 != 0 {
            return Err(WsError::Protocol("reserved bit set"));
        }
        let Some(opcode) = Opcode::from_bits(first & 0x0F) else {
            return Err(WsError::Protocol("reserved opcode"));
        };
        let (fin, compressed) = (first & 0x80 != 0, first & 0x40 != 0);
        if opcode.is_control() && !fin {
            return Err(WsError::Protocol("fragmented control frame"));
        }
        let Some(second) = bytes.get(1) else { return Ok(None) };
        let masked = second & 0x80 != 0;
        match (role, masked) {
            (Role::Server, false) => return Err(WsError::Protocol("unmasked frame from a client")),
            (Role::Client, true) => return Err(WsError::Protocol("masked frame from a server")),
            _ => {}
        }
        let short = second & 0x7F;
        if opcode.is_control() && usize::from(short) > CONTROL_PAYLOAD_BYTES_MAX {
            return Err(WsError::Protocol("control frame over 125 bytes"));
        }
        let Some((length, used)) = decode_length(short, &bytes[2..])? else { return Ok(None) };
        let used = 2 + used;
        if !masked {
            return Ok(Some((Self { fin, compressed, opcode, mask: None, length }, used)));
        }
        let Some((key, _)) = bytes[used..].split_first_chunk::<4>() else { return Ok(None) };
        Ok(Some((Self { fin, compressed, opcode, mask: Some(*key), length }, used + 4)))
    }

    /// The same for the header that comes most: of an unfragmented message from a client, of at most 125 bytes. `None` says nothing about any other.
    #[inline]
    pub(super) fn of_short_message(bytes: &[u8], role: Role) -> Option<(Self, usize)> {
        let [first, second, key @ ..] = *bytes.first_chunk::<6>()?;
        let opcode = match first {
            0x81 => Opcode::Text,
            0x82 => Opcode::Binary,
            _ => return None,
        };
        let is_short = matches!(second, 0x80..=0xFD) && role == Role::Server;
        let length = u64::from(second & 0x7F);
        is_short.then_some((Self { fin: true, compressed: false, opcode, mask: Some(key), length }, 6))
    }

    /// Writes the header, with the shortest form of the length.
    #[inline]
    pub fn encode(&self) -> Head {
        let mut bytes = [0; HEAD_BYTES_MAX];
        bytes[0] = u8::from(self.fin) << 7 | u8::from(self.compressed) << 6 | self.opcode as u8;
        let mut used = match self.length {
            0..=125 => {
                bytes[1] = self.length as u8;
                2
            }
            126..=0xFFFF => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&(self.length as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..10].copy_from_slice(&self.length.to_be_bytes());
                10
            }
        };
        if let Some(key) = self.mask {
            bytes[1] |= 0x80;
            bytes[used..used + 4].copy_from_slice(&key);
            used += 4;
        }
        Head { bytes, length: used as u8 }
    }
}

/// The length that follows the seven bits `short`, and the bytes it took.
#[inline]
fn decode_length(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, WsError> {
    match short {
        126 => {
            let Some((bytes, _)) = rest.split_first_chunk::<2>() else { return Ok(None) };
            match u16::from_be_bytes(*bytes) {
                0..126 => Err(WsError::Protocol("length not in its shortest form")),
                length => Ok(Some((u64::from(length), 2))),
            }
        }
        127 => {
            let Some((bytes, _)) = rest.split_first_chunk::<8>() else { return Ok(None) };
            match u64::from_be_bytes(*bytes) {
                0..=0xFFFF => Err(WsError::Protocol("length not in its shortest form")),
                length if length >> 63 != 0 => Err(WsError::Protocol("length with its highest bit set")),
                length => Ok(Some((length, 8))),
            }
        }
        length => Ok(Some((u64::from(length), 0))),
    }
}

/// The header of a frame that is a whole message or a control frame.
#[inline]
pub fn head(opcode: Opcode, length: usize, mask: Option<[u8; 4]>) -> Head {
    Header { fin: true, compressed: false, opcode, mask, length: length as u64 }.encode()
}

/// The header of a frame that is a whole compressed message of a server.
pub fn compressed_head(opcode: Opcode, length: usize) -> Head {
    Header { fin: true, compressed: true, opcode, mask: None, length: length as u64 }.encode()
}

/// Appends a frame whose payload is `parts`, one after the other. A client passes a masking key, a server none.
#[inline]
pub fn append(out: &mut Vec<u8>, opcode: Opcode, mask: Option<[u8; 4]>, parts: &[&[u8]]) {
    let length = parts.iter().map(|part| part.len()).sum();
    let head = head(opcode, length, mask);
    out.reserve(head.as_slice().len() + length);
    out.extend_from_slice(head.as_slice());
    let start = out.len();
    for part in parts {
        out.extend_from_slice(part);
    }
    if let Some(key) = mask {
        mask::apply(&mut out[start..], key, 0);
    }
}

/// Writes an unmasked header right in front of a payload that lies in `bytes`, and returns where the frame lies. A received masked frame
/// leaves room for it: its own header was four bytes longer.
///
/// # Panics
/// If there is no room in front of the payload.
#[inline]
pub fn head_in_front(bytes: &mut [u8], opcode: Opcode, payload: Range<usize>) -> Range<usize> {
    let head = head(opcode, payload.len(), None);
    let start = payload.start - head.as_slice().len();
    bytes[start..payload.start].copy_from_slice(head.as_slice());
    start..payload.end
}
