//! The link between a state shard and a logic server: every frame kind, both ways (`schema/holdfast/backend/v1/backend.proto`). Owns the kinds and
//! the checks; leaves what they cause to the machines.

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::r#gen::backend as wire;
use crate::ids::{ConversationId, DeviceId, Uid};
use crate::limits::{PUSH_TARGETS_MAX, SHARDS_MAX};
pub use crate::link::LinkError;
use crate::rpc::frame;

/// The version of the backend protocol that this code speaks.
pub const VERSION: u32 = 1;

const HELLO: u8 = 0x01;
const ATTACH: u8 = 0x02;
const REQUEST: u8 = 0x03;
const WELCOME: u8 = 0x41;
const ATTACHED: u8 = 0x42;
const REPLY: u8 = 0x43;
const PUSH: u8 = 0x44;

/// A frame from a state shard, as logic reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromState {
    /// Who this is. Always the first frame.
    Hello {
        /// The shard …
        shard: u32,
        /// … of so many: it owns the slots s with s mod shard_count = shard.
        shard_count: u32,
        /// Milliseconds since the Unix epoch at the state server's start.
        boot_epoch: u64,
    },
    /// A device logs in.
    Attach {
        /// To be carried back in the answer.
        call: u64,
        /// Whose device.
        uid: Uid,
        /// Which device.
        device: DeviceId,
    },
    /// A packet of a logged-in client.
    Request {
        /// To be carried back in the answer.
        call: u64,
        /// Who.
        uid: Uid,
        /// From which device.
        device: DeviceId,
        /// A client packet in protobuf form.
        packet: Vec<u8>,
    },
}

/// A frame from logic, as a state shard reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromLogic {
    /// Ready. Always the first frame.
    Welcome,
    /// The answer to an [`FromState::Attach`].
    Attached {
        /// Of the question.
        call: u64,
        /// The highest client_id that was executed for the device.
        last_client_id: u64,
    },
    /// The answer to a [`FromState::Request`].
    Reply {
        /// Of the question.
        call: u64,
        /// A server packet in protobuf form, without push_seq.
        packet: Vec<u8>,
    },
    /// Something to deliver.
    Push(Push),
}

/// One packet for some users of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// For whom: the uid, and the device to leave out (the one that said it).
    pub targets: Vec<(Uid, Option<DeviceId>)>,
    /// A server packet in protobuf form, without push_seq.
    pub packet: Vec<u8>,
    /// The conversation of the packet's message.
    pub conversation: ConversationId,
    /// The message's place there.
    pub seq: u64,
}

/// Appends a [`FromState`] frame.
pub fn to_logic(out: &mut Vec<u8>, message: FromState) {
    match message {
        FromState::Hello { shard, shard_count, boot_epoch } => {
            let body = wire::Hello { version: VERSION, shard, shard_count, boot_epoch };
            frame(out, HELLO, |out| body.encode_raw(out));
        }
        FromState::Attach { call, uid, device } => {
            let body = wire::Attach { call, uid: uid.into(), device: device.into() };
            frame(out, ATTACH, |out| body.encode_raw(out));
        }
        FromState::Request { call, uid, device, packet } => {
            let body = wire::Request { call, uid: uid.into(), device: device.into(), packet };
            frame(out, REQUEST, |out| body.encode_raw(out));
        }
    }
}

/// Appends a [`FromState::Request`] whose parts stay where they are: the shard's hot path. `uid` and `device` are those of a login, so they are checked.
pub fn request(out: &mut Vec<u8>, call: u64, uid: &str, device: &str, packet: &[u8]) {
    frame(out, REQUEST, |out| {
        encode_key(1, WireType::Varint, out);
        encode_varint(call, out);
        for (number, bytes) in [(2, uid.as_bytes()), (3, device.as_bytes()), (4, packet)] {
            encode_key(number, WireType::LengthDelimited, out);
            encode_varint(bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        }
    });
}

/// Appends a [`FromLogic`] frame. A push has at most [`PUSH_TARGETS_MAX`] targets.
pub fn to_state(out: &mut Vec<u8>, message: FromLogic) {
    match message {
        FromLogic::Welcome => frame(out, WELCOME, |out| wire::Welcome { version: VERSION }.encode_raw(out)),
        FromLogic::Attached { call, last_client_id } => {
            frame(out, ATTACHED, |out| wire::Attached { call, last_client_id }.encode_raw(out));
        }
        FromLogic::Reply { call, packet } => {
            frame(out, REPLY, |out| wire::Reply { call, packet }.encode_raw(out));
        }
        FromLogic::Push(Push { targets, packet, conversation, seq }) => {
            let targets = targets.into_iter().map(|(uid, except)| wire::Target {
                uid: uid.into(),
                except_device: except.map(Into::into).unwrap_or_default(),
            });
            let conversation = conversation.into();
            let body = wire::Push { targets: targets.collect(), packet, conversation, seq };
            frame(out, PUSH, |out| body.encode_raw(out));
        }
    }
}

impl FromState {
    /// Reads the body of a frame from a state shard.
    pub fn decode(kind: u8, body: &[u8]) -> Result<Self, LinkError> {
        Ok(match kind {
            HELLO => {
                let bad = LinkError::Body("hello");
                let wire::Hello { version, shard, shard_count, boot_epoch } =
                    wire::Hello::decode(body).map_err(|_| bad)?;
                check_version(version)?;
                if !(1..=SHARDS_MAX).contains(&shard_count) || shard >= shard_count {
                    return Err(bad);
                }
                Self::Hello { shard, shard_count, boot_epoch }
            }
            ATTACH => {
                let bad = |_| LinkError::Body("attach");
                let wire::Attach { call, uid, device } =
                    wire::Attach::decode(body).map_err(|_| LinkError::Body("attach"))?;
                Self::Attach {
                    call,
                    uid: uid.try_into().map_err(bad)?,
                    device: device.try_into().map_err(bad)?,
                }
            }
            REQUEST => {
                let bad = |_| LinkError::Body("request");
                let wire::Request { call, uid, device, packet } =
                    wire::Request::decode(body).map_err(|_| LinkError::Body("request"))?;
                let (uid, device) = (uid.try_into().map_err(bad)?, device.try_into().map_err(bad)?);
                Self::Request { call, uid, device, packet }
            }
            other => return Err(LinkError::Kind(other)),
        })
    }
}

impl FromLogic {
    /// Reads the body of a frame from logic.
    pub fn decode(kind: u8, body: &[u8]) -> Result<Self, LinkError> {
        Ok(match kind {
            WELCOME => {
                let wire::Welcome { version } =
                    wire::Welcome::decode(body).map_err(|_| LinkError::Body("welcome"))?;
                check_version(version)?;
                Self::Welcome
            }
            ATTACHED => {
                let wire::Attached { call, last_client_id } =
                    wire::Attached::decode(body).map_err(|_| LinkError::Body("attached"))?;
                Self::Attached { call, last_client_id }
            }
            REPLY => {
                let wire::Reply { call, packet } =
                    wire::Reply::decode(body).map_err(|_| LinkError::Body("reply"))?;
                Self::Reply { call, packet }
            }
            PUSH => Self::Push(decode_push(body).ok_or(LinkError::Body("push"))?),
            other => return Err(LinkError::Kind(other)),
        })
    }
}

fn decode_push(body: &[u8]) -> Option<Push> {
    let wire::Push { targets, packet, conversation, seq } = wire::Push::decode(body).ok()?;
    if targets.len() > PUSH_TARGETS_MAX {
        return None;
    }
    let targets = targets.into_iter().map(|target| {
        let except = match target.except_device {
            none if none.is_empty() => None,
            device => Some(device.try_into().ok()?),
        };
        Some((target.uid.try_into().ok()?, except))
    });
    Some(Push {
        targets: targets.collect::<Option<_>>()?,
        packet,
        conversation: conversation.try_into().ok()?,
        seq,
    })
}

fn check_version(version: u32) -> Result<(), LinkError> {
    if version == VERSION { Ok(()) } else { Err(LinkError::Version(version)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc;

    fn sent(write: impl FnOnce(&mut Vec<u8>)) -> (u8, Vec<u8>) {
        let mut out = Vec::new();
        write(&mut out);
        let found = rpc::next(&out, 0).unwrap().unwrap();
        (found.kind, out[found.body].to_vec())
    }

    #[test]
    fn frames_come_back_both_ways() {
        let (uid, device): (Uid, DeviceId) = ("alice".parse().unwrap(), "phone".parse().unwrap());
        for message in [
            FromState::Hello { shard: 1, shard_count: 2, boot_epoch: 3 },
            FromState::Attach { call: 1, uid: uid.clone(), device: device.clone() },
            FromState::Request { call: 2, uid: uid.clone(), device: device.clone(), packet: vec![1, 2] },
        ] {
            let (kind, body) = sent(|out| to_logic(out, message.clone()));
            assert_eq!(FromState::decode(kind, &body), Ok(message));
        }
        let (kind, body) = sent(|out| request(out, 2, "alice", "phone", &[1, 2]));
        let packet = vec![1, 2];
        let borrowed = FromState::Request { call: 2, uid: uid.clone(), device: device.clone(), packet };
        assert_eq!(FromState::decode(kind, &body), Ok(borrowed));
        let push = Push {
            targets: vec![(uid.clone(), Some(device)), (uid, None)],
            packet: vec![3],
            conversation: "g.club".parse().unwrap(),
            seq: 9,
        };
        for message in [
            FromLogic::Welcome,
            FromLogic::Attached { call: 1, last_client_id: 7 },
            FromLogic::Reply { call: 2, packet: vec![] },
            FromLogic::Push(push),
        ] {
            let (kind, body) = sent(|out| to_state(out, message.clone()));
            assert_eq!(FromLogic::decode(kind, &body), Ok(message));
        }
    }

    #[test]
    fn what_breaks_the_schema_is_refused() {
        let alien = wire::Attach { call: 1, uid: String::new(), device: "d".into() }.encode_to_vec();
        assert_eq!(FromState::decode(ATTACH, &alien), Err(LinkError::Body("attach")));
        let old = wire::Welcome { version: 9 }.encode_to_vec();
        assert_eq!(FromLogic::decode(WELCOME, &old), Err(LinkError::Version(9)));
        let beyond = wire::Hello { version: 1, shard: 2, shard_count: 2, boot_epoch: 0 }.encode_to_vec();
        assert_eq!(FromState::decode(HELLO, &beyond), Err(LinkError::Body("hello")));
        assert_eq!(FromLogic::decode(HELLO, &[]), Err(LinkError::Kind(HELLO)));
    }
}
