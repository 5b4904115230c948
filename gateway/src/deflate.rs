//! Compressed messages (permessage-deflate), where a client negotiated them: inflated on their way in, compressed on their way out. Owns the reactor's two
//! engines, and a payload in the forms it was compressed to, so that a fan-out compresses it once for all its targets.

use std::collections::HashSet;
use std::ops::Range;

use proto::close::CloseReason;
use proto::limits::{DEFLATED_BYTES_MIN, INFLATED_BYTES_PER_READ};
use proto::time::Now;
use proto::ws::deflate::{Deflater, Inflater, stored};
use proto::ws::negotiate::Window;
use proto::ws::{self, Opcode, WsError, frame};

use crate::Output;
use crate::machine::{Gateway, opcode};
use crate::receive::Ended;
use crate::table::Conn;

/// What a reactor needs for compressed messages.
#[derive(Debug, Default)]
pub(crate) struct Deflate {
    inflater: Inflater,
    deflater: Deflater,
    shared: Shared,
    /// Connections of which bytes were left because they became too many: see [`Gateway::put_off`].
    behind: HashSet<u32>,
}

/// One payload as compressed as its targets can take it.
#[derive(Debug, Default)]
struct Shared {
    bytes: Vec<u8>,
    forms: [Form; Window::ALL.len()],
}

#[derive(Clone, Debug, Default)]
enum Form {
    /// Nobody has asked for it.
    #[default]
    Unknown,
    /// It is no smaller than the payload.
    NoSmaller,
    /// Here in [`Shared::bytes`].
    At(Range<usize>),
}

impl Deflate {
    /// Forgets the payload of the last fan-out.
    pub(crate) fn next_payload(&mut self) {
        self.shared.bytes.clear();
        self.shared.forms = Default::default();
    }

    /// The payload of this fan-out for targets with this window; `None` if they get it plain.
    pub(crate) fn shared(&mut self, payload: &[u8], window: Window) -> Option<&[u8]> {
        if payload.len() < DEFLATED_BYTES_MIN {
            return None;
        }
        let Shared { bytes, forms } = &mut self.shared;
        let form = &mut forms[window.ordinal()];
        if let Form::Unknown = form {
            *form = match self.deflater.deflate(payload, window) {
                Some(small) => {
                    bytes.extend_from_slice(small);
                    Form::At(bytes.len() - small.len()..bytes.len())
                }
                None => Form::NoSmaller,
            };
        }
        match form {
            Form::At(range) => Some(&bytes[range.clone()]),
            Form::Unknown | Form::NoSmaller => None,
        }
    }

    /// A client's bytes are worked on again, or it has gone.
    pub(crate) fn not_behind(&mut self, index: u32) {
        if !self.behind.is_empty() {
            self.behind.remove(&index);
        }
    }

    /// How much of a client may be read: hardly anything while bytes of it are left, or they would become more and more.
    pub(crate) fn appetite(&self, index: u32) -> usize {
        if !self.behind.is_empty() && self.behind.contains(&index) { 1 } else { usize::MAX }
    }
}

impl Gateway {
    /// Whether this read of a client has inflated so much that the rest of its bytes must wait, so that few bytes of one client do not become a turn's work
    /// for all. The rest comes again, with hardly anything behind it: see [`Deflate::appetite`].
    pub(crate) fn put_off(&mut self, index: u32, inflated: usize, out: &mut impl Output) -> bool {
        if inflated < INFLATED_BYTES_PER_READ {
            return false;
        }
        if let Some(deflate) = &mut self.deflate {
            deflate.behind.insert(index);
        }
        out.resume(index);
        true
    }

    /// Handles a compressed message of a client in relay. Returns how many bytes it has become.
    pub(crate) fn compressed_message(
        &mut self,
        now: Now,
        index: u32,
        opcode: Opcode,
        payload: &[u8],
        out: &mut impl Output,
    ) -> Result<usize, Ended> {
        self.counts.inflated += 1;
        let limit = self.limits(index).message_bytes;
        let Some(mut deflate) = self.deflate.take() else {
            return self.ended(now, index, CloseReason::Internal, out);
        };
        let result = match inflate(&mut deflate.inflater, opcode, payload, limit) {
            Ok(plain) => self.message(now, index, opcode, plain, out).map(|()| plain.len()),
            Err(error) => self.ended(now, index, error.into(), out),
        };
        self.deflate = Some(deflate);
        result
    }

    /// Answers a compressed message in echo mode with one. Returns how many bytes it was in between.
    pub(crate) fn echo_compressed(
        &mut self,
        index: u32,
        opcode: Opcode,
        payload: &[u8],
        out: &mut impl Output,
    ) -> Result<usize, CloseReason> {
        let window = self.table.get(index).and_then(Conn::window);
        let (Some(deflate), Some(window)) = (&mut self.deflate, window) else {
            return Err(CloseReason::Internal);
        };
        let Deflate { inflater, deflater, .. } = &mut **deflate;
        self.counts.inflated += 1;
        let plain = inflate(inflater, opcode, payload, self.limits.message_bytes)?;
        if let Some(small) = deflater.deflate(plain, window) {
            self.counts.deflated += 1;
            self.counts.deflate_saved_bytes += (plain.len() - small.len()) as u64;
            out.send(index, &[frame::compressed_head(opcode, small.len()).as_slice(), small]);
        } else {
            out.send(index, &[frame::head(opcode, plain.len(), None).as_slice(), plain]);
        }
        Ok(plain.len())
    }
}

/// The plain form of a client's message: within the limit, and text if it says so.
fn inflate<'a>(
    inflater: &'a mut Inflater,
    opcode: Opcode,
    payload: &[u8],
    limit: usize,
) -> Result<&'a [u8], WsError> {
    let plain = inflater.inflate(payload, limit)?;
    if opcode == Opcode::Text && !ws::is_utf8(plain) { Err(WsError::Utf8) } else { Ok(plain) }
}

/// Sends one packet to a client whose shared part is compressed; the prefix goes before it as it is. Returns how many bytes now wait for the client.
pub(crate) fn send_compressed(
    conn: &Conn,
    index: u32,
    prefix: &[u8],
    small: &[u8],
    out: &mut impl Output,
) -> usize {
    let block = stored(prefix.len() as u16);
    let block = if prefix.is_empty() { &[][..] } else { &block };
    let length = block.len() + prefix.len() + small.len();
    let head = frame::compressed_head(opcode(conn.codec), length);
    out.send(index, &[head.as_slice(), block, prefix, small])
}
