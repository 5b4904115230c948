//! Something to deliver, and how far a shard has taken what was to be delivered: [`Push`], [`Taken`]. Owns their frames, written from where the parts are: a push is
//! kept by logic until it is taken.

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::PUSH;
use super::amount::is_at_most;
use crate::r#gen::backend as wire;
use crate::ids::{ConversationId, DeviceId, Uid};
use crate::limits::{MERGE_KEY_BYTES_MAX, PUSH_TARGETS_MAX};
use crate::rpc::frame;

/// One packet for some users of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// For whom: the uid, and the device to leave out (the one that said it).
    pub targets: Vec<(Uid, Option<DeviceId>)>,
    /// A server packet in protobuf form, without push_seq.
    pub packet: Vec<u8>,
    /// What goes before what, and whether it is kept.
    pub class: PushClass,
    /// Its number, which grows with each push to a shard; 0 if it is not to be confirmed, and never sent again.
    pub number: u64,
}

/// What goes first where a session cannot be sent everything at once, and what becomes of it then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushClass {
    /// Numbered and kept until it is acknowledged, before all of [`PushClass::Chat`] that have not been sent yet.
    Control(Spot),
    /// Numbered and kept until it is acknowledged, in the order in which it came.
    Chat(Spot),
    /// Not numbered, after all others, and replaced by the next one of the same key, 1 to [`MERGE_KEY_BYTES_MAX`] bytes, while it has not been sent.
    Mergeable(String),
}

/// Where a packet's message stands, so that a session that lags can be told what to pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// In which conversation.
    pub conversation: ConversationId,
    /// The message's place there.
    pub seq: u64,
}

/// Up to where a shard has taken a logic server's pushes, for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Within what they are numbered: the logic server's `epoch`; 0 if none were taken.
    pub epoch: u64,
    /// The highest number.
    pub number: u64,
}

/// Appends a push's frame. It has at most [`PUSH_TARGETS_MAX`] targets.
pub fn push(out: &mut Vec<u8>, push: &Push) {
    let targets = push.targets.iter().map(|(uid, except)| (uid, except.as_ref()));
    push_to(out, targets, &push.packet, &push.class, push.number);
}

/// Appends the frame of a push whose parts lie elsewhere.
pub fn push_to<'a>(
    out: &mut Vec<u8>,
    targets: impl Iterator<Item = (&'a Uid, Option<&'a DeviceId>)>,
    packet: &[u8],
    class: &PushClass,
    push_number: u64,
) {
    let none = ("", 0);
    let (class, (conversation, seq), merge_key) = match class {
        PushClass::Chat(spot) => (wire::PushClass::Chat, (spot.conversation.as_str(), spot.seq), ""),
        PushClass::Control(spot) => (wire::PushClass::Control, (spot.conversation.as_str(), spot.seq), ""),
        PushClass::Mergeable(key) => (wire::PushClass::Mergeable, none, key.as_str()),
    };
    frame(out, PUSH, |out| {
        for (uid, except) in targets {
            let except = except.map_or("", DeviceId::as_str);
            encode_key(1, WireType::LengthDelimited, out);
            encode_varint((text_bytes(uid.as_str()) + text_bytes(except)) as u64, out);
            text(1, uid.as_str(), out);
            text(2, except, out);
        }
        bytes(2, packet, out);
        text(3, conversation, out);
        number(4, seq, out);
        number(5, class as u64, out);
        text(6, merge_key, out);
        number(7, push_number, out);
    });
}

/// What [`text`] appends, for a field below 16.
fn text_bytes(text: &str) -> usize {
    if text.is_empty() { 0 } else { 1 + encoded_len_varint(text.len() as u64) + text.len() }
}

fn text(field: u32, text: &str, out: &mut Vec<u8>) {
    bytes(field, text.as_bytes(), out);
}

fn bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        encode_key(field, WireType::LengthDelimited, out);
        encode_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }
}

fn number(field: u32, number: u64, out: &mut Vec<u8>) {
    if number != 0 {
        encode_key(field, WireType::Varint, out);
        encode_varint(number, out);
    }
}

pub(super) fn decode(body: &[u8]) -> Option<Push> {
    if !is_at_most(body, 1, PUSH_TARGETS_MAX) {
        return None;
    }
    let wire::Push { targets, packet, conversation, seq, class, merge_key, number } =
        wire::Push::decode(body).ok()?;
    let targets = targets.into_iter().map(|target| {
        let except = match target.except_device {
            none if none.is_empty() => None,
            device => Some(device.try_into().ok()?),
        };
        Some((target.uid.try_into().ok()?, except))
    });
    let spot = || Some(Spot { conversation: conversation.try_into().ok()?, seq });
    let class = match wire::PushClass::try_from(class).ok()? {
        wire::PushClass::Chat => PushClass::Chat(spot()?),
        wire::PushClass::Control => PushClass::Control(spot()?),
        wire::PushClass::Mergeable if (1..=MERGE_KEY_BYTES_MAX).contains(&merge_key.len()) => {
            PushClass::Mergeable(merge_key)
        }
        wire::PushClass::Mergeable => return None,
    };
    Some(Push { targets: targets.collect::<Option<_>>()?, packet, class, number })
}
