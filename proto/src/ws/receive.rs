//! The receive half of one connection (RFC 6455 sections 5.4 to 5.6 and 6.2): frames in, messages and control frames out. Owns the rules
//! between frames, the bounded assembly of fragments, and the memory of how far a partial frame has been worked on; the buffer is the
//! caller's.

mod remembered;

use std::ops::Range;

use super::frame::{HEAD_BYTES_MAX, Header};
use super::utf8::Utf8;
use super::{Opcode, Role, WsError, close, mask};

pub use remembered::{Fragments, Remembered};

/// What is taken from a peer. It may change between calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, all its fragments together. A compressed one may have some more, for it need not get smaller. Below 4 GiB.
    pub message_bytes: usize,
    /// Fragments of one message, empty ones counted.
    pub fragments: u32,
}

/// Something that arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A text message: valid UTF-8.
    Text(&'a [u8]),
    /// A binary message.
    Binary(&'a [u8]),
    /// To be answered with a pong of the same payload.
    Ping(&'a [u8]),
    /// The answer to a ping, or a sign of life.
    Pong(&'a [u8]),
    /// The peer closes: answer with a close frame, and take nothing more.
    Close {
        /// Why, if the peer says.
        code: Option<u16>,
        /// The same for people; may be empty.
        reason: &'a str,
    },
}

/// Where an event's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is: never [`Opcode::Continuation`].
    pub opcode: Opcode,
    /// Where the unmasked payload lies in the caller's buffer; `None` for a message of several fragments: see [`Receiver::assembled`].
    pub payload: Option<Range<usize>>,
    /// The payload is compressed: to be inflated, and if it is text, checked, by the caller.
    pub compressed: bool,
}

/// The receive half of one connection. It owns no heap memory unless a fragmented message is being assembled.
#[derive(Debug)]
pub struct Receiver {
    assembly: Option<Box<Assembly>>,
    /// Bytes of the partial frame's payload that are unmasked, and checked if they are text.
    done: u32,
    /// See [`Receiver::wanted`].
    wanted: u32,
    utf8: Utf8,
    role: Role,
    /// Compressed messages are taken.
    deflate: bool,
}

const _: () = assert!(size_of::<Receiver>() <= 24, "one of these per connection");

/// A message of which some fragments have arrived, or, until the next call, all.
#[derive(Debug)]
struct Assembly {
    opcode: Opcode,
    compressed: bool,
    finished: bool,
    fragments: u32,
    bytes: Vec<u8>,
}

impl Receiver {
    /// The receive half of a connection whose handshake is done; `role` is our end's.
    pub const fn new(role: Role) -> Self {
        Self::with_deflate(role, false)
    }

    /// The same; with `deflate`, permessage-deflate was negotiated: such a connection must be read by [`Receiver::take`].
    pub const fn with_deflate(role: Role, deflate: bool) -> Self {
        Self { assembly: None, done: 0, wanted: 0, utf8: Utf8::new(), role, deflate }
    }

    /// Takes the next event out of `bytes[*at..]` and advances `*at` past what is consumed. `None` means that more bytes are needed: the
    /// caller keeps `bytes[*at..]` as it is now and calls again with the same bytes followed by new ones.
    ///
    /// Payloads are unmasked in place, those of partial frames as far as they are there. Call until `None`, for memory of an assembled
    /// message is held until the next call. After an error or a close the rest of the bytes means nothing.
    pub fn next<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        at: &mut usize,
        limits: &Limits,
    ) -> Result<Option<Event<'a>>, WsError> {
        debug_assert!(!self.deflate, "compressed messages are read by `take`");
        let Some(found) = self.take(bytes, at, limits)? else { return Ok(None) };
        let payload = match found.payload {
            Some(range) => &bytes[range],
            None => self.assembled(),
        };
        Ok(Some(match found.opcode {
            Opcode::Text => Event::Text(payload),
            Opcode::Binary | Opcode::Continuation => Event::Binary(payload),
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            Opcode::Close => {
                let (code, reason) = close::parse(payload)?;
                Event::Close { code, reason }
            }
        }))
    }

    /// Like [`Receiver::next`], but tells where the payload lies, for callers who work on in the buffer itself.
    #[inline]
    pub fn take(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        limits: &Limits,
    ) -> Result<Option<Found>, WsError> {
        if let Some((Header { opcode, mask, .. }, payload)) = self.whole_message(bytes, *at, limits) {
            *at = payload.end;
            let plain = &mut bytes[payload.clone()];
            let ascii = mask.is_some_and(|key| mask::apply(plain, key, 0));
            if opcode == Opcode::Text && !ascii && !super::is_utf8(plain) {
                return Err(WsError::Utf8);
            }
            return Ok(Some(Found { opcode, payload: Some(payload), compressed: false }));
        }
        self.take_any(bytes, at, limits)
    }

    /// [`Receiver::take`] for all that is not the most common: fragments, control frames, partial frames, compressed ones, faults.
    fn take_any(
        &mut self,
        bytes: &mut [u8],
        at: &mut usize,
        limits: &Limits,
    ) -> Result<Option<Found>, WsError> {
        if self.assembly.as_ref().is_some_and(|assembly| assembly.finished) {
            self.assembly = None;
        }
        loop {
            let start = *at;
            let Some((header, payload)) = self.whole_frame(&mut bytes[start..], limits)? else {
                return Ok(None);
            };
            let payload = start + payload.start..start + payload.end;
            *at = payload.end;
            if header.opcode.is_control() || (header.fin && header.opcode != Opcode::Continuation) {
                let Header { opcode, compressed, .. } = header;
                return Ok(Some(Found { opcode, payload: Some(payload), compressed }));
            }
            if let Some((opcode, compressed)) = self.assemble(header, &bytes[payload]) {
                return Ok(Some(Found { opcode, payload: None, compressed }));
            }
        }
    }

    /// The next frame, if it is a whole plain message that [`Receiver::take`] would find and nothing of it was worked on: its header, and where its payload
    /// lies, still masked and (if it is text) unchecked. For callers who unmask it on its way elsewhere; whatever else comes is `take`'s.
    #[inline]
    pub fn whole_message(&self, bytes: &[u8], at: usize, limits: &Limits) -> Option<(Header, Range<usize>)> {
        if !self.is_idle() {
            return None;
        }
        let (header, head_bytes) = match Header::of_short_message(&bytes[at..], self.role) {
            Some(short) => short,
            None => Header::decode(&bytes[at..], self.role).ok()??,
        };
        let is_message = header.fin && matches!(header.opcode, Opcode::Text | Opcode::Binary);
        if !is_message || header.compressed || header.length > limits.message_bytes as u64 {
            return None;
        }
        let start = at + head_bytes;
        let end = start.checked_add(header.length as usize).filter(|end| *end <= bytes.len())?;
        Some((header, start..end))
    }

    /// The fragmented message that [`Receiver::take`] has just found; empty at any other time.
    pub fn assembled(&self) -> &[u8] {
        match &self.assembly {
            Some(assembly) if assembly.finished => &assembly.bytes,
            _ => &[],
        }
    }

    /// Whether it remembers nothing: a new receiver would go on from here just as well. So a connection between two messages need not keep one.
    pub fn is_idle(&self) -> bool {
        self.assembly.is_none() && self.done == 0
    }

    /// Bytes of memory that it holds beside its own: those of a message that is being put together.
    pub fn held(&self) -> usize {
        self.assembly.as_ref().map_or(0, |assembly| size_of::<Assembly>() + assembly.bytes.capacity())
    }

    /// After a `None`: how many bytes the partial frame at `*at` has in all, header included, so that the caller can size a buffer for it:
    /// never more than the limits allow. While the header is not whole, the most that a header has; 0 if there is no partial frame.
    pub fn wanted(&self) -> usize {
        self.wanted as usize
    }

    /// The whole frame at the start of `bytes`, checked and unmasked: its header, and where its payload lies.
    #[inline]
    fn whole_frame(
        &mut self,
        bytes: &mut [u8],
        limits: &Limits,
    ) -> Result<Option<(Header, Range<usize>)>, WsError> {
        let Some(first) = bytes.first() else {
            self.wanted = 0;
            return Ok(None);
        };
        self.check_order(first & 0x0F)?;
        self.check_compressed(*first)?;
        let Some((header, head_bytes)) = Header::decode(bytes, self.role)? else {
            self.wanted = HEAD_BYTES_MAX as u32;
            return Ok(None);
        };
        if header.opcode.is_control() {
            return self.control(bytes, header, head_bytes);
        }
        self.check_size(header, limits)?;
        let end = head_bytes + header.length as usize;
        let whole = bytes.len() >= end;
        let there = bytes.len().min(end);
        self.work_on(&mut bytes[head_bytes..there], header)?;
        if !whole {
            self.done = (there - head_bytes) as u32;
            self.wanted = end as u32;
            return Ok(None);
        }
        self.done = 0;
        if header.fin && !self.utf8.is_complete() {
            return Err(WsError::Utf8);
        }
        Ok(Some((header, head_bytes..end)))
    }

    /// A control frame is short: nothing is done before it is whole.
    fn control(
        &mut self,
        bytes: &mut [u8],
        header: Header,
        head_bytes: usize,
    ) -> Result<Option<(Header, Range<usize>)>, WsError> {
        let end = head_bytes + header.length as usize;
        let Some(payload) = bytes.get_mut(head_bytes..end) else {
            self.wanted = end as u32;
            return Ok(None);
        };
        if let Some(key) = header.mask {
            mask::apply(payload, key, 0);
        }
        if header.opcode == Opcode::Close {
            close::parse(payload)?;
        }
        Ok(Some((header, head_bytes..end)))
    }

    /// A message's fragments follow one another; only control frames stand between them.
    #[inline]
    fn check_order(&self, opcode: u8) -> Result<(), WsError> {
        match (&self.assembly, opcode) {
            (None, 0) => Err(WsError::Protocol("continuation of nothing")),
            (Some(_), 1 | 2) => Err(WsError::Protocol("new message inside a fragmented one")),
            _ => Ok(()),
        }
    }

    /// Only the first frame of a message says whether it is compressed (RFC 7692 section 6.1).
    #[inline]
    fn check_compressed(&self, first: u8) -> Result<(), WsError> {
        let may_be = self.deflate && matches!(first & 0x0F, 1 | 2);
        if first & 0x40 == 0 || may_be { Ok(()) } else { Err(WsError::Protocol("reserved bit set")) }
    }

    /// Refuses what is too big from its header alone.
    #[inline]
    fn check_size(&self, header: Header, limits: &Limits) -> Result<(), WsError> {
        const FRAME_BYTES_MAX: usize = u32::MAX as usize - HEAD_BYTES_MAX;
        let (held, fragments, compressed) = match &self.assembly {
            Some(assembly) => (assembly.bytes.len(), assembly.fragments + 1, assembly.compressed),
            None => (0, u32::from(!header.fin), header.compressed),
        };
        // What does not compress grows by some bytes for every block.
        let growth = if compressed { limits.message_bytes / 512 + 16 } else { 0 };
        let room = limits.message_bytes.saturating_add(growth).min(FRAME_BYTES_MAX).saturating_sub(held);
        let too_big = header.length > room as u64 || fragments > limits.fragments;
        if too_big { Err(WsError::TooBig) } else { Ok(()) }
    }

    /// Unmasks and checks what is new of a data frame's payload.
    #[inline]
    fn work_on(&mut self, payload: &mut [u8], header: Header) -> Result<(), WsError> {
        // Less than was done before is never there, unless whoever remembered it for us was wrong.
        let done = payload.len().min(self.done as usize);
        let new = &mut payload[done..];
        let ascii = header.mask.is_some_and(|key| mask::apply(new, key, done));
        let (opcode, compressed) = match &self.assembly {
            Some(assembly) => (assembly.opcode, assembly.compressed),
            None => (header.opcode, header.compressed),
        };
        if opcode == Opcode::Text && !compressed && !(ascii && self.utf8.is_complete()) {
            self.utf8.feed(new).map_err(|_| WsError::Utf8)?;
        }
        Ok(())
    }

    /// Adds a fragment; after the last one, the message's kind and whether it is compressed.
    #[cold]
    fn assemble(&mut self, header: Header, payload: &[u8]) -> Option<(Opcode, bool)> {
        let assembly = self.assembly.get_or_insert_with(|| {
            let Header { opcode, compressed, .. } = header;
            Box::new(Assembly { opcode, compressed, finished: false, fragments: 0, bytes: Vec::new() })
        });
        assembly.bytes.extend_from_slice(payload);
        assembly.fragments += 1;
        assembly.finished = header.fin;
        assembly.finished.then_some((assembly.opcode, assembly.compressed))
    }
}
