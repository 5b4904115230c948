//! The compression of permessage-deflate (RFC 7692 section 7.2) without context takeover: whole payloads in, whole payloads out. Owns the two engines and the
//! bound of what a message may become; when to compress is the caller's, negotiation is [`super::negotiate`]'s.
//!
//! Nothing is remembered from one message to the next, so one [`Inflater`] and one [`Deflater`] serve all connections of a thread.

use std::fmt;

use zlib_rs::{DeflateFlush, InflateFlush, Status};

use super::WsError;
use super::negotiate::Window;

/// Bytes that a sender leaves away at the end of each message.
const LEFT_AWAY: usize = 4;

/// What was left away, and an empty last block behind it: an inflater that comes to this end has seen every block whole.
const TAIL: [u8; LEFT_AWAY + 5] = [0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF];

/// A message is inflated in steps, each at most as large as what is there already; the first has this many bytes.
const FIRST_STEP: usize = 4 * 1024;

/// A buffer that was larger than this for one message is not kept for the next.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// Bytes that the end of a piece takes at most: of its block, and of the empty one behind it.
const PIECE_END_BYTES_MAX: usize = 16;

/// The fastest level: a gateway's processor time is dearer than the last tenth of a message.
const LEVEL: i32 = 1;

/// Makes compressed messages plain. Some 43 KiB, and a buffer as large as the last message.
pub struct Inflater {
    engine: zlib_rs::Inflate,
    /// Initialised room; only the front of it belongs to the message at hand.
    buffer: Vec<u8>,
}

/// Compresses messages. Some 320 KiB, and a buffer as large as the last message.
pub struct Deflater {
    engine: zlib_rs::Deflate,
    /// See [`Inflater`].
    buffer: Vec<u8>,
}

impl Inflater {
    /// Takes whatever a client may send: the largest window.
    pub fn new() -> Self {
        Self { engine: zlib_rs::Inflate::new(false, Window::Bits15 as u8), buffer: Vec::new() }
    }

    /// The plain form of a whole compressed payload, at most `limit` bytes. A bomb costs no more than `limit` does.
    pub fn inflate(&mut self, compressed: &[u8], limit: usize) -> Result<&[u8], WsError> {
        // No block at all is no message by the RFC. It can only mean one thing, though, and some clients send it.
        if compressed.is_empty() {
            return Ok(&[]);
        }
        forget_large(&mut self.buffer);
        self.engine.reset(false);
        let mut filled = 0;
        let ended = self.run(compressed, limit, &mut filled)? || self.run(&TAIL, limit, &mut filled)?;
        if ended { Ok(&self.buffer[..filled]) } else { Err(WsError::Protocol("compressed message is cut")) }
    }

    /// Inflates all of `input` behind what is filled. Whether a last block ended exactly with it.
    fn run(&mut self, mut input: &[u8], limit: usize, filled: &mut usize) -> Result<bool, WsError> {
        // One byte more than the limit is room enough to see that it is passed.
        let most = limit.saturating_add(1);
        loop {
            if *filled == self.buffer.len() {
                self.buffer.resize((2 * *filled).max(FIRST_STEP).min(most), 0);
            }
            let room = self.buffer.len().min(most);
            let output = &mut self.buffer[*filled..room];
            let space = output.len();
            let (taken, made) = (self.engine.total_in(), self.engine.total_out());
            let status = self
                .engine
                .decompress(input, output, InflateFlush::SyncFlush)
                .map_err(|_| WsError::Protocol("compressed message is damaged"))?;
            let made = (self.engine.total_out() - made) as usize;
            input = &input[(self.engine.total_in() - taken) as usize..];
            *filled += made;
            if *filled > limit {
                return Err(WsError::TooBig);
            }
            if status == Status::StreamEnd {
                // Other blocks may follow a last one (RFC 7692 section 7.2.3.4).
                self.engine.reset(false);
                if input.is_empty() {
                    return Ok(true);
                }
            } else if made < space {
                return Ok(false);
            }
        }
    }
}

impl Deflater {
    /// An engine that has seen nothing.
    pub fn new() -> Self {
        Self { engine: zlib_rs::Deflate::new(LEVEL, false, Window::Bits15 as u8), buffer: Vec::new() }
    }

    /// The compressed form of a whole payload; `None` if it is no smaller. Nothing in it refers further back than `window`, nor to anything before it, so that
    /// it may stand behind other blocks: see [`stored`].
    pub fn deflate(&mut self, payload: &[u8], window: Window) -> Option<&[u8]> {
        forget_large(&mut self.buffer);
        // The engine has one window, the largest. For a smaller one the payload is compressed in pieces that do not know of each other.
        let piece = if window == Window::Bits15 { payload.len().max(1) } else { window.bytes() };
        // There must be room for the worst: 9 bits for each byte, and what ends a piece. An engine that was stopped with bytes still in it cannot be used again:
        // zlib-rs 0.6.8 forgets them on `reset`, but not where they stood.
        let room = payload.len() + payload.len() / 8 + (payload.len() / piece + 1) * PIECE_END_BYTES_MAX;
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        self.engine.reset();
        let mut pieces = payload.chunks(piece).peekable();
        let mut end = 0;
        while let Some(piece) = pieces.next() {
            let flush =
                if pieces.peek().is_some() { DeflateFlush::FullFlush } else { DeflateFlush::SyncFlush };
            let made = self.engine.total_out();
            let result = self.engine.compress(piece, &mut self.buffer[end..], flush);
            end += (self.engine.total_out() - made) as usize;
            if result.is_err() || end == self.buffer.len() {
                debug_assert!(false, "there was room for the worst: {result:?}");
                *self = Self::new();
                return None;
            }
        }
        let small = end.checked_sub(LEFT_AWAY).filter(|end| *end < payload.len())?;
        Some(&self.buffer[..small])
    }
}

/// What stands before `length` bytes to make them a block of their own, uncompressed: so a few bytes come in front of a payload that was compressed
/// once for many.
pub fn stored(length: u16) -> [u8; 5] {
    let ([a, b], [c, d]) = (length.to_le_bytes(), (!length).to_le_bytes());
    [0, a, b, c, d]
}

fn forget_large(buffer: &mut Vec<u8>) {
    if buffer.len() > KEPT_BYTES_MAX {
        *buffer = Vec::new();
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for Deflater {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("buffer_bytes", &self.buffer.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflater").field("buffer_bytes", &self.buffer.len()).finish_non_exhaustive()
    }
}
