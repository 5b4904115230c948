//! One change, and its bytes: [`Record`]. Owns the layout: a kind, then the fields in their order; numbers are little-endian and of fixed size, names have a length of one
//! byte, packets one of four, lists a count of four.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use proto::backend::Taken;
use proto::close::CloseReason;
use proto::device::DeviceClass;
use proto::ids::ConnId;
use proto::packet::{Codec, Missed, Resync};

use crate::durable::{Durable, Reach};
use crate::grant::Grant;
use crate::secrets::Secrets;

/// A change of a shard's sessions. `session` is a session's number, which is not used twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// The whole of a session: it has just begun, or a checkpoint has come to it.
    Session(Box<Durable>),
    /// It was taken up.
    Resumed {
        /// Which.
        session: u64,
        /// Its connection from now on …
        conn: ConnId,
        /// … of this process of the gateway …
        boot_epoch: u64,
        /// … and the form of its packets.
        codec: Codec,
        /// Which of its secrets are good.
        secrets: Secrets,
    },
    /// Its client has shown to have the newest secret: those before are void.
    Confirmed {
        /// Which.
        session: u64,
    },
    /// It has lost its connection.
    Left {
        /// Which.
        session: u64,
        /// Why.
        reason: CloseReason,
    },
    /// It is over.
    Ended {
        /// Which.
        session: u64,
    },
    /// Every command up to here has been answered.
    Answered {
        /// Whose.
        session: u64,
        /// Up to where.
        client_id: u64,
    },
    /// A push, written once for all whom it is for.
    Pushed {
        /// The conversation of its message …
        conversation: Cow<'a, str>,
        /// … and the message's place there.
        seq: u64,
        /// The server packet in protobuf form.
        packet: Cow<'a, [u8]>,
        /// The sessions that keep it.
        kept: Cow<'a, [Kept]>,
        /// The sessions that had no room for it.
        missed: Cow<'a, [u64]>,
    },
    /// A session was pushed a Resync, which tells what it had no room for.
    Told {
        /// Which.
        session: u64,
        /// The server packet in protobuf form.
        packet: Cow<'a, [u8]>,
    },
    /// All pushes up to here have arrived.
    Acknowledged {
        /// At which session's client.
        session: u64,
        /// Up to where.
        push_seq: u64,
    },
    /// How far the pushes of a logic server are taken: those that are in the records before this one, and those that nobody was there for.
    Taken(Taken),
    /// From here on every session is written down whole, those that end before it is their turn excepted.
    CheckpointBegun,
    /// They are; what was written before the beginning is not needed any more.
    CheckpointDone,
}

/// A session that keeps a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub session: u64,
    /// How many of the packets that it keeps stand behind this one.
    pub behind: u32,
}

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes that are no record")
    }
}

impl std::error::Error for Malformed {}

const SESSION: u8 = 1;
const RESUMED: u8 = 2;
const CONFIRMED: u8 = 3;
const LEFT: u8 = 4;
const ENDED: u8 = 5;
const ANSWERED: u8 = 6;
const PUSHED: u8 = 7;
const TOLD: u8 = 8;
const ACKNOWLEDGED: u8 = 9;
const CHECKPOINT_BEGUN: u8 = 10;
const CHECKPOINT_DONE: u8 = 11;
const TAKEN: u8 = 12;

impl Record<'_> {
    /// Whether what the shard says must wait until this record is durable. The loss of one for which it need not does no harm: an acknowledgement comes again, a lost
    /// connection is found out by reconciling, an old secret is good for one resume more, and a push that is taken twice has changed nothing the first time.
    pub fn holds_back(&self) -> bool {
        match self {
            Self::Session(_)
            | Self::Resumed { .. }
            | Self::Ended { .. }
            | Self::Answered { .. }
            | Self::Pushed { .. }
            | Self::Told { .. } => true,
            Self::Confirmed { .. }
            | Self::Left { .. }
            | Self::Acknowledged { .. }
            | Self::Taken(_)
            | Self::CheckpointBegun
            | Self::CheckpointDone => false,
        }
    }

    /// The session that it is about. `None` if that is none, or several: a push names its sessions itself.
    pub(crate) fn session(&self) -> Option<u64> {
        match self {
            Self::Session(durable) => Some(durable.number),
            Self::Resumed { session, .. }
            | Self::Confirmed { session }
            | Self::Left { session, .. }
            | Self::Ended { session }
            | Self::Answered { session, .. }
            | Self::Told { session, .. }
            | Self::Acknowledged { session, .. } => Some(*session),
            Self::Pushed { .. } | Self::Taken(_) | Self::CheckpointBegun | Self::CheckpointDone => None,
        }
    }

    /// Appends the record's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Session(durable) => {
                out.push(SESSION);
                encode_session(durable, out);
            }
            Self::Resumed { session, conn, boot_epoch, codec, secrets } => {
                numbered(out, RESUMED, *session);
                encode_place(out, *conn, *boot_epoch, *codec);
                encode_secrets(out, *secrets);
            }
            Self::Confirmed { session } => numbered(out, CONFIRMED, *session),
            Self::Left { session, reason } => {
                numbered(out, LEFT, *session);
                out.push(*reason as u8);
            }
            Self::Ended { session } => numbered(out, ENDED, *session),
            Self::Answered { session, client_id } => {
                numbered(out, ANSWERED, *session);
                number(out, *client_id);
            }
            Self::Pushed { conversation, seq, packet, kept, missed } => {
                out.push(PUSHED);
                name(out, conversation);
                number(out, *seq);
                bytes(out, packet);
                count(out, kept.len());
                for Kept { session, behind } in &**kept {
                    number(out, *session);
                    out.extend_from_slice(&behind.to_le_bytes());
                }
                count(out, missed.len());
                missed.iter().for_each(|session| number(out, *session));
            }
            Self::Told { session, packet } => {
                numbered(out, TOLD, *session);
                bytes(out, packet);
            }
            Self::Acknowledged { session, push_seq } => {
                numbered(out, ACKNOWLEDGED, *session);
                number(out, *push_seq);
            }
            Self::Taken(Taken { epoch, number: taken }) => {
                numbered(out, TAKEN, *epoch);
                number(out, *taken);
            }
            Self::CheckpointBegun => out.push(CHECKPOINT_BEGUN),
            Self::CheckpointDone => out.push(CHECKPOINT_DONE),
        }
    }
}

impl<'a> Record<'a> {
    /// Takes the record that `from` begins with, and leaves what comes after it.
    pub fn decode(from: &mut &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader(from);
        let record = reader.record()?;
        *from = reader.0;
        Ok(record)
    }
}

fn encode_session(durable: &Durable, out: &mut Vec<u8>) {
    let Durable { number: session, uid, device, grant, place, secrets, answered, pushed, kept, missed } =
        durable;
    number(out, *session);
    name(out, uid.as_str());
    name(out, device.as_str());
    encode_grant(out, *grant);
    match *place {
        Reach::On { conn, boot_epoch, codec } => encode_place(out, conn, boot_epoch, codec),
        Reach::Away { last, reason } => {
            out.push(0);
            number(out, last.0);
            out.push(reason as u8);
        }
    }
    encode_secrets(out, *secrets);
    number(out, *answered);
    number(out, *pushed);
    count(out, kept.len());
    kept.iter().for_each(|packet| bytes(out, packet));
    out.push(u8::from(missed.is_some()));
    if let Some(Resync { missed, everything }) = missed {
        out.push(u8::from(*everything));
        count(out, missed.len());
        for Missed { conversation, from_seq, to_seq } in missed {
            name(out, conversation.as_str());
            number(out, *from_seq);
            number(out, *to_seq);
        }
    }
}

/// Where a session is reached, after a byte that is its form of packets; 0 there is for one that is reached nowhere.
fn encode_place(out: &mut Vec<u8>, conn: ConnId, boot_epoch: u64, codec: Codec) {
    out.push(codec as u8);
    number(out, conn.0);
    number(out, boot_epoch);
}

fn encode_grant(out: &mut Vec<u8>, Grant { token, issued_s, class }: Grant) {
    number(out, token);
    out.extend_from_slice(&issued_s.to_le_bytes());
    out.push(class as u8);
}

fn encode_secrets(out: &mut Vec<u8>, Secrets { shown, ahead }: Secrets) {
    out.extend_from_slice(&shown.to_le_bytes());
    out.push(ahead);
}

fn numbered(out: &mut Vec<u8>, kind: u8, session: u64) {
    out.push(kind);
    number(out, session);
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u32).to_le_bytes());
}

fn name(out: &mut Vec<u8>, name: &str) {
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    count(out, bytes.len());
    out.extend_from_slice(bytes);
}

const _: () = assert!(proto::limits::NAME_BYTES_MAX <= u8::MAX as usize);

/// What has not been read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn record(&mut self) -> Result<Record<'a>, Malformed> {
        Ok(match self.byte()? {
            SESSION => Record::Session(Box::new(self.session()?)),
            RESUMED => {
                let session = self.number()?;
                let Reach::On { conn, boot_epoch, codec } = self.place()? else { return Err(Malformed) };
                Record::Resumed { session, conn, boot_epoch, codec, secrets: self.secrets()? }
            }
            CONFIRMED => Record::Confirmed { session: self.number()? },
            LEFT => Record::Left { session: self.number()?, reason: self.reason()? },
            ENDED => Record::Ended { session: self.number()? },
            ANSWERED => Record::Answered { session: self.number()?, client_id: self.number()? },
            PUSHED => self.pushed()?,
            TOLD => Record::Told { session: self.number()?, packet: self.bytes()?.into() },
            ACKNOWLEDGED => Record::Acknowledged { session: self.number()?, push_seq: self.number()? },
            TAKEN => Record::Taken(Taken { epoch: self.number()?, number: self.number()? }),
            CHECKPOINT_BEGUN => Record::CheckpointBegun,
            CHECKPOINT_DONE => Record::CheckpointDone,
            _ => return Err(Malformed),
        })
    }

    fn pushed(&mut self) -> Result<Record<'a>, Malformed> {
        let (conversation, seq, packet) = (self.text()?.into(), self.number()?, self.bytes()?.into());
        let kept = self.list(12, |reader| {
            Ok(Kept { session: reader.number()?, behind: u32::from_le_bytes(reader.array()?) })
        })?;
        let missed = self.list(8, Self::number)?;
        Ok(Record::Pushed { conversation, seq, packet, kept: kept.into(), missed: missed.into() })
    }

    fn session(&mut self) -> Result<Durable, Malformed> {
        Ok(Durable {
            number: self.number()?,
            uid: self.name()?,
            device: self.name()?,
            grant: self.grant()?,
            place: self.place()?,
            secrets: self.secrets()?,
            answered: self.number()?,
            pushed: self.number()?,
            kept: self.list(4, |reader| Ok(Arc::new(reader.bytes()?.to_vec())))?,
            missed: if self.flag()? { Some(self.resync()?) } else { None },
        })
    }

    fn resync(&mut self) -> Result<Resync, Malformed> {
        let everything = self.flag()?;
        let missed = self.list(17, |reader| {
            Ok(Missed { conversation: reader.name()?, from_seq: reader.number()?, to_seq: reader.number()? })
        })?;
        Ok(Resync { missed, everything })
    }

    fn place(&mut self) -> Result<Reach, Malformed> {
        let codec = match self.byte()? {
            0 => return Ok(Reach::Away { last: ConnId(self.number()?), reason: self.reason()? }),
            1 => Codec::Proto,
            2 => Codec::Json,
            _ => return Err(Malformed),
        };
        Ok(Reach::On { conn: ConnId(self.number()?), boot_epoch: self.number()?, codec })
    }

    fn grant(&mut self) -> Result<Grant, Malformed> {
        let (token, issued_s) = (self.number()?, u32::from_le_bytes(self.array()?));
        let class = DeviceClass::from_number(self.byte()?).ok_or(Malformed)?;
        Ok(Grant { token, issued_s, class })
    }

    fn secrets(&mut self) -> Result<Secrets, Malformed> {
        Ok(Secrets { shown: u32::from_le_bytes(self.array()?), ahead: self.byte()? })
    }

    fn reason(&mut self) -> Result<CloseReason, Malformed> {
        CloseReason::from_wire(self.byte()?).ok_or(Malformed)
    }

    fn name<T: FromStr>(&mut self) -> Result<T, Malformed> {
        self.text()?.parse().map_err(|_| Malformed)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.byte()?;
        str::from_utf8(self.take(usize::from(length))?).map_err(|_| Malformed)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let length = u32::from_le_bytes(self.array()?);
        self.take(length as usize)
    }

    /// A list whose entries have at least `least` bytes each: one that would go beyond the end is none, and no memory is asked for it.
    fn list<T>(
        &mut self,
        least: usize,
        mut entry: impl FnMut(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = u32::from_le_bytes(self.array()?) as usize;
        if count > self.0.len() / least {
            return Err(Malformed);
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(entry(self)?);
        }
        Ok(entries)
    }

    fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }

    fn number(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
pub(super) mod tests;
