//! Records as bytes: one message or one outcome each, in a growing number. Owns their layout, in the journal and in the tables alike; `schema` has its version.
//!
//! ```text
//! record   u32 length of what follows the number | u64 number | a message or an outcome
//! message  u32 sender, by place among the members | u64 time | u8 0: text, 1: data | body
//! outcome  u64 digest | reply
//! change   u8 0: of a conversation, 1: of a device | u64 id of that | record
//! ```
//!
//! Numbers are big-endian. A run is records of one log, one after the other; a row of the journal is changes, one after the other.

use std::sync::Arc;

use proto::ids::{ConversationId, Uid};
use proto::packet::{Body, Message};

use super::damaged;
use crate::store::{Outcome, StoreError};

/// What numbers its records: a conversation its messages, a device what came of its commands. Both by their row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Log {
    Conversation(i64),
    Device(i64),
}

/// Before what a record says.
const HEAD: usize = 4 + 8;
const TEXT: u8 = 0;
const DATA: u8 = 1;

/// Appends a message as a change; `sender` is its place among the members. Returns where the record begins.
pub(super) fn put_message(out: &mut Vec<u8>, log: Log, sender: usize, message: &Message) -> usize {
    let (kind, body) = match &message.body {
        Body::Text(text) => (TEXT, text.as_bytes()),
        Body::Data(data) => (DATA, &data[..]),
    };
    let at = put_head(out, log, message.seq, 4 + 8 + 1 + body.len());
    out.extend_from_slice(&(sender as u32).to_be_bytes());
    out.extend_from_slice(&message.time_ms.to_be_bytes());
    out.push(kind);
    out.extend_from_slice(body);
    at
}

/// Appends an outcome as a change. Returns where the record begins.
pub(super) fn put_outcome(out: &mut Vec<u8>, log: Log, client_id: u64, outcome: &Outcome) -> usize {
    let at = put_head(out, log, client_id, 8 + outcome.reply.len());
    out.extend_from_slice(&outcome.digest.to_be_bytes());
    out.extend_from_slice(&outcome.reply);
    at
}

/// Appends a record as a change. Returns where it begins.
pub(super) fn put(out: &mut Vec<u8>, log: Log, record: &Record<'_>) -> usize {
    let at = put_head(out, log, record.number, record.says.len());
    out.extend_from_slice(record.says);
    at
}

/// The record that begins here in changes.
pub(super) fn at(changes: &[u8], at: usize) -> Result<Record<'_>, StoreError> {
    let record = changes.get(at..).and_then(|changes| Bytes(changes).record());
    record.ok_or_else(|| damaged("a record", &at))
}

fn put_head(out: &mut Vec<u8>, log: Log, number: u64, length: usize) -> usize {
    let (kind, id) = match log {
        Log::Conversation(id) => (0, id),
        Log::Device(id) => (1, id),
    };
    out.reserve(1 + 8 + HEAD + length);
    out.push(kind);
    out.extend_from_slice(&id.to_be_bytes());
    let at = out.len();
    out.extend_from_slice(&(length as u32).to_be_bytes());
    out.extend_from_slice(&number.to_be_bytes());
    at
}

/// Takes bytes off the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let whole = self.0;
        let (length, number) = (self.u32()? as usize, self.u64()?);
        let (says, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Record { number, says, bytes: &whole[..HEAD + length] })
    }
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) number: u64,
    says: &'a [u8],
    /// All of it, as it lies in a run.
    pub(super) bytes: &'a [u8],
}

impl Record<'_> {
    /// The message, said in this conversation by one of these.
    pub(super) fn message(&self, id: &ConversationId, members: &Arc<[Uid]>) -> Result<Message, StoreError> {
        let mut bytes = Bytes(self.says);
        let (sender, time_ms, kind) = (bytes.u32(), bytes.u64(), bytes.array());
        let Some(sender) = sender.and_then(|number| members.get(number as usize)) else {
            return Err(damaged("a sender", &self.number));
        };
        let body = match (kind, bytes.0) {
            (Some([TEXT]), text) => match std::str::from_utf8(text) {
                Ok(text) => Body::Text(text.to_owned()),
                Err(error) => return Err(damaged("a text", &error)),
            },
            (Some([DATA]), data) => Body::Data(data.to_owned()),
            _ => return Err(damaged("a body", &self.number)),
        };
        let to = || members.iter().find(|uid| *uid != sender).unwrap_or(sender).clone();
        Ok(Message {
            conversation: id.clone(),
            seq: self.number,
            sender: sender.clone(),
            to: (!id.is_group()).then(to),
            time_ms: time_ms.ok_or_else(|| damaged("a time", &self.number))?,
            body,
        })
    }

    /// When the message was said.
    pub(super) fn time_ms(&self) -> Result<u64, StoreError> {
        let mut bytes = Bytes(self.says);
        bytes.u32().and_then(|_| bytes.u64()).ok_or_else(|| damaged("a time", &self.number))
    }

    /// What came of the command.
    pub(super) fn outcome(&self) -> Result<Outcome, StoreError> {
        let mut bytes = Bytes(self.says);
        let digest = bytes.u64().ok_or_else(|| damaged("an outcome", &self.number))?;
        Ok(Outcome { digest, reply: bytes.0.to_owned() })
    }
}

/// The records of a run, in order.
pub(super) fn records(run: &[u8]) -> impl Iterator<Item = Result<Record<'_>, StoreError>> {
    let mut bytes = Bytes(run);
    std::iter::from_fn(move || {
        if bytes.0.is_empty() {
            return None;
        }
        let record = bytes.record().ok_or_else(|| damaged("a run", &"it is cut off"));
        if record.is_err() {
            bytes.0 = &[];
        }
        Some(record)
    })
}

/// The changes of a row of the journal, in order.
pub(super) fn changes(row: &[u8]) -> impl Iterator<Item = Result<(Log, Record<'_>), StoreError>> {
    let mut bytes = Bytes(row);
    let mut next = move || {
        let [kind] = bytes.array()?;
        let id = bytes.u64()? as i64;
        let log = match kind {
            0 => Log::Conversation(id),
            1 => Log::Device(id),
            _ => return None,
        };
        let record = bytes.record()?;
        Some((log, record, bytes.0.is_empty()))
    };
    let mut ended = row.is_empty();
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let Some((log, record, last)) = next() else {
            ended = true;
            return Some(Err(damaged("the journal", &"a row is cut off")));
        };
        ended = last;
        Some(Ok((log, record)))
    })
}
