//! Echo mode: every message goes back as it came, without a state server. Owns the answer, which is built in place: an unmasked frame is four bytes shorter than
//! the masked one it answers, so that all answers of a read stand in one piece at the front of the read buffer and leave in one `send`, uncopied.
//!
//! This is what conformance is judged on and what the gateway's cost is measured by.

use std::ops::Range;

use proto::close::CloseReason;
use proto::limits::CONTROL_PAYLOAD_BYTES_MAX;
use proto::tcp;
use proto::time::Now;
use proto::ws::frame::Header;
use proto::ws::{self, Opcode, WsError, mask};

use crate::Output;
use crate::machine::Gateway;
use crate::receive::Ended;
use crate::table::Conn;
use crate::trace::Note;

/// The answers of a read: `bytes[start..end]`, growing behind the reading.
struct Answers<'a> {
    bytes: &'a mut [u8],
    start: usize,
    end: usize,
    /// Messages that were answered.
    messages: u64,
}

impl Gateway {
    /// Answers all whole messages of a client's bytes, from `at` on. Returns how many bytes that consumed.
    pub(crate) fn echo(
        &mut self,
        now: Now,
        index: u32,
        bytes: &mut [u8],
        at: usize,
        out: &mut impl Output,
    ) -> Result<usize, Ended> {
        if self.table.get(index).is_some_and(Conn::is_tcp) {
            return self.echo_tcp(now, index, bytes, at, out);
        }
        let mut answers = Answers { bytes, start: at, end: at, messages: 0 };
        let result = self.echo_websocket(index, &mut answers, at, out);
        answers.leave(index, out);
        self.counts.messages += answers.messages;
        result.or_else(|reason| self.ended(now, index, reason, out))
    }

    fn echo_websocket(
        &mut self,
        index: u32,
        answers: &mut Answers<'_>,
        mut at: usize,
        out: &mut impl Output,
    ) -> Result<usize, CloseReason> {
        let mut receiver = self.take_receiver(index);
        let mut inflated = 0;
        loop {
            if let Some((header, payload)) = receiver.whole_message(answers.bytes, at, &self.limits) {
                at = payload.end;
                out.note(index, Note::Message(header.opcode, payload.len()));
                answers.message(header, payload)?;
                continue;
            }
            let Some(found) = receiver.take(answers.bytes, &mut at, &self.limits)? else { break };
            let length = found.payload.as_ref().map_or(receiver.assembled().len(), ExactSizeIterator::len);
            out.note(index, Note::Message(found.opcode, length));
            let opcode = match found.opcode {
                Opcode::Ping | Opcode::Pong => {
                    self.counts.controls += 1;
                    if found.opcode == Opcode::Pong {
                        continue;
                    }
                    Opcode::Pong
                }
                other => {
                    answers.messages += 1;
                    other
                }
            };
            if found.compressed {
                // It is answered from elsewhere, as is an assembled one.
                answers.leave(index, out);
                let payload = found.payload.map_or(receiver.assembled(), |payload| &answers.bytes[payload]);
                inflated += self.echo_compressed(index, opcode, payload, out)?;
                if self.put_off(index, inflated, out) {
                    break;
                }
                continue;
            }
            match found.payload {
                Some(payload) if opcode == Opcode::Close => {
                    // The peer's own code comes back (RFC 6455 section 5.5.1).
                    let code = payload.start..payload.end.min(payload.start + 2);
                    answers.push(opcode, code);
                    return Err(CloseReason::PeerClosed);
                }
                Some(payload) => answers.push(opcode, payload),
                None => {
                    // The assembled message lies elsewhere: what was answered so far leaves first, then it.
                    answers.leave(index, out);
                    let message = receiver.assembled();
                    out.send(index, &[ws::frame::head(opcode, message.len(), None).as_slice(), message]);
                }
            }
        }
        self.keep_receiver(index, receiver);
        Ok(at)
    }

    /// Packets go back with their heads, so a run of whole ones is its own answer.
    fn echo_tcp(
        &mut self,
        now: Now,
        index: u32,
        bytes: &[u8],
        start: usize,
        out: &mut impl Output,
    ) -> Result<usize, Ended> {
        let mut at = start;
        let mut messages = 0;
        let result = loop {
            match tcp::next(bytes, at, self.limits.message_bytes) {
                Ok(Some(packet)) => {
                    out.note(index, Note::Packet(packet.len()));
                    at = packet.end;
                    messages += 1;
                }
                Ok(None) => break Ok(at),
                Err(_) => break Err(CloseReason::TooBig),
            }
        };
        self.counts.messages += messages;
        if at > start {
            out.reply(index, &bytes[start..at]);
        }
        result.or_else(|reason| self.ended(now, index, reason, out))
    }

    /// A client that does not take its answers is not read from until it has.
    pub(crate) fn hold(&mut self, index: u32) {
        if let Some(conn) = self.table.get_mut(index) {
            conn.waiting = true;
        }
    }

    /// A client has taken all its answers.
    pub(crate) fn read_on(&mut self, index: u32, out: &mut impl Output) {
        if let Some(conn) = self.table.get_mut(index) {
            conn.waiting = false;
            out.resume(index);
        }
    }
}

impl Answers<'_> {
    /// Answers a whole message whose payload is still masked: it is unmasked on its way to the front.
    #[inline]
    fn message(&mut self, header: Header, payload: Range<usize>) -> Result<(), WsError> {
        let start = self.head(header.opcode, payload.len());
        let end = start + payload.len();
        let key = header.mask.unwrap_or_default();
        if header.opcode == Opcode::Binary {
            mask::apply_and_move::<false>(self.bytes, payload, start, key);
        } else if !mask::apply_and_move::<true>(self.bytes, payload, start, key)
            && !ws::is_utf8(&self.bytes[start..end])
        {
            return Err(WsError::Utf8);
        }
        self.end = end;
        self.messages += 1;
        Ok(())
    }

    /// Sends what was answered so far.
    fn leave(&mut self, index: u32, out: &mut impl Output) {
        if self.end > self.start {
            out.reply(index, &self.bytes[self.start..self.end]);
            self.start = self.end;
        }
    }

    /// Answers with a payload that is unmasked already.
    fn push(&mut self, opcode: Opcode, payload: Range<usize>) {
        let start = self.head(opcode, payload.len());
        self.end = start + payload.len();
        self.bytes.copy_within(payload, start);
    }

    /// Writes the next answer's header, which is four bytes shorter than the one it answers, and returns where its payload begins.
    #[inline]
    fn head(&mut self, opcode: Opcode, length: usize) -> usize {
        if length <= CONTROL_PAYLOAD_BYTES_MAX {
            self.bytes[self.end..self.end + 2].copy_from_slice(&[0x80 | opcode as u8, length as u8]);
            return self.end + 2;
        }
        if let Ok(length) = u16::try_from(length) {
            let [high, low] = length.to_be_bytes();
            self.bytes[self.end..self.end + 4].copy_from_slice(&[0x80 | opcode as u8, 126, high, low]);
            return self.end + 4;
        }
        let head = ws::frame::head(opcode, length, None);
        let start = self.end + head.as_slice().len();
        self.bytes[self.end..start].copy_from_slice(head.as_slice());
        start
    }
}
