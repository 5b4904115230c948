//! The link between a state shard and a logic server: every frame kind, both ways (`schema/holdfast/backend/v1/backend.proto`). Owns the kinds and
//! the checks; leaves what they cause to the machines.

mod amount;
mod order;
mod presence;
mod push;

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::r#gen::backend as wire;
use crate::ids::{DeviceId, Uid};
use crate::limits::SHARDS_MAX;
pub use crate::link::LinkError;
use crate::rpc::frame;
pub use order::{Act, Order, Report, SessionInfo, Which};
pub use presence::{Presence, Status};
pub use push::{Push, PushClass, Spot, Taken, push, push_to};

/// The version of the backend protocol that this code speaks.
pub const VERSION: u32 = 1;

const HELLO: u8 = 0x01;
const ATTACH: u8 = 0x02;
const REQUEST: u8 = 0x03;
const REPORT: u8 = 0x04;
const PRESENCE: u8 = 0x05;
const REVOCATION: u8 = 0x06;
const PUSHES_TAKEN: u8 = 0x07;
const WELCOME: u8 = 0x41;
const ATTACHED: u8 = 0x42;
const REPLY: u8 = 0x43;
const PUSH: u8 = 0x44;
const ORDER: u8 = 0x45;
const PRESENCE_TAKEN: u8 = 0x46;
const REVOCATION_KEPT: u8 = 0x47;

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
        /// How far it has taken the pushes of a logic server, perhaps of this one.
        taken: Taken,
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
    /// The answer to an [`Order`].
    Report(Report),
    /// Who is online; to be answered by [`FromLogic::PresenceTaken`].
    Presence(Presence),
    /// An operator has revoked tokens at this state server; to be answered by [`FromLogic::RevocationKept`] once it is durable.
    Revocation {
        /// To be carried back in the answer.
        call: u64,
        /// Whose tokens.
        uid: Uid,
        /// Which: [`Which::Token`], [`Which::IssuedBefore`] or [`Which::All`].
        which: Which,
    },
    /// All pushes up to a number are taken for good.
    PushesTaken {
        /// The number.
        number: u64,
    },
}

/// A frame from logic, as a state shard reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromLogic {
    /// Ready. Always the first frame.
    Welcome {
        /// The shard shall tell who is online.
        presence: bool,
        /// Within what pushes are numbered; 0 if they are not.
        epoch: u64,
    },
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
    /// Something to be done to the sessions of a user.
    Order(Order),
    /// The last [`FromState::Presence`] has been taken: the next one may come.
    PresenceTaken,
    /// The answer to a [`FromState::Revocation`].
    RevocationKept {
        /// Of the question.
        call: u64,
    },
}

/// Appends a [`FromState`] frame.
pub fn to_logic(out: &mut Vec<u8>, message: FromState) {
    match message {
        FromState::Hello { shard, shard_count, boot_epoch, taken } => {
            let Taken { epoch: taken_epoch, number: taken } = taken;
            let body = wire::Hello { version: VERSION, shard, shard_count, boot_epoch, taken_epoch, taken };
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
        FromState::Report(report) => frame(out, REPORT, |out| wire::Report::from(report).encode_raw(out)),
        FromState::Presence(presence) => {
            frame(out, PRESENCE, |out| wire::Presence::from(presence).encode_raw(out));
        }
        FromState::Revocation { call, uid, which } => {
            let (token, issued_before_s) = match which {
                Which::Token(token) => (token, 0),
                Which::IssuedBefore(second) => (String::new(), second),
                _ => (String::new(), 0),
            };
            let body = wire::Revocation { call, uid: uid.into(), token, issued_before_s };
            frame(out, REVOCATION, |out| body.encode_raw(out));
        }
        FromState::PushesTaken { number } => {
            frame(out, PUSHES_TAKEN, |out| wire::PushesTaken { number }.encode_raw(out));
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

/// Appends a [`FromLogic`] frame.
pub fn to_state(out: &mut Vec<u8>, message: FromLogic) {
    match message {
        FromLogic::Welcome { presence, epoch } => {
            frame(out, WELCOME, |out| wire::Welcome { version: VERSION, presence, epoch }.encode_raw(out));
        }
        FromLogic::Attached { call, last_client_id } => {
            frame(out, ATTACHED, |out| wire::Attached { call, last_client_id }.encode_raw(out));
        }
        FromLogic::Reply { call, packet } => {
            frame(out, REPLY, |out| wire::Reply { call, packet }.encode_raw(out));
        }
        FromLogic::Push(message) => push(out, &message),
        FromLogic::Order(order) => frame(out, ORDER, |out| wire::Order::from(order).encode_raw(out)),
        FromLogic::PresenceTaken => {
            frame(out, PRESENCE_TAKEN, |out| wire::PresenceTaken {}.encode_raw(out));
        }
        FromLogic::RevocationKept { call } => {
            frame(out, REVOCATION_KEPT, |out| wire::RevocationKept { call }.encode_raw(out));
        }
    }
}

impl FromState {
    /// Reads the body of a frame from a state shard.
    pub fn decode(kind: u8, body: &[u8]) -> Result<Self, LinkError> {
        Ok(match kind {
            HELLO => {
                let bad = LinkError::Body("hello");
                let wire::Hello { version, shard, shard_count, boot_epoch, taken_epoch, taken } =
                    wire::Hello::decode(body).map_err(|_| bad)?;
                check_version(version)?;
                if !(1..=SHARDS_MAX).contains(&shard_count) || shard >= shard_count {
                    return Err(bad);
                }
                let taken = Taken { epoch: taken_epoch, number: taken };
                Self::Hello { shard, shard_count, boot_epoch, taken }
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
            REPORT => Self::Report(order::decode_report(body).ok_or(LinkError::Body("report"))?),
            PRESENCE => Self::Presence(presence::decode_presence(body).ok_or(LinkError::Body("presence"))?),
            REVOCATION => decode_revocation(body).ok_or(LinkError::Body("revocation"))?,
            PUSHES_TAKEN => {
                let taken = wire::PushesTaken::decode(body);
                Self::PushesTaken { number: taken.map_err(|_| LinkError::Body("pushes_taken"))?.number }
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
                let wire::Welcome { version, presence, epoch } =
                    wire::Welcome::decode(body).map_err(|_| LinkError::Body("welcome"))?;
                check_version(version)?;
                Self::Welcome { presence, epoch }
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
            PUSH => Self::Push(push::decode(body).ok_or(LinkError::Body("push"))?),
            ORDER => Self::Order(order::decode_order(body).ok_or(LinkError::Body("order"))?),
            PRESENCE_TAKEN => Self::PresenceTaken,
            REVOCATION_KEPT => {
                let kept = wire::RevocationKept::decode(body);
                Self::RevocationKept { call: kept.map_err(|_| LinkError::Body("revocation_kept"))?.call }
            }
            other => return Err(LinkError::Kind(other)),
        })
    }
}

fn decode_revocation(body: &[u8]) -> Option<FromState> {
    let wire::Revocation { call, uid, token, issued_before_s } = wire::Revocation::decode(body).ok()?;
    let which = match (token, issued_before_s) {
        (token, 0) if token.is_empty() => Which::All,
        (token, second) if token.is_empty() => Which::IssuedBefore(second),
        (token, 0) => Which::Token(order::token_id(token)?),
        _ => return None,
    };
    Some(FromState::Revocation { call, uid: uid.try_into().ok()?, which })
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
            FromState::Hello {
                shard: 1,
                shard_count: 2,
                boot_epoch: 3,
                taken: Taken { epoch: 4, number: 5 },
            },
            FromState::PushesTaken { number: 6 },
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
            class: PushClass::Chat(Spot { conversation: "g.club".parse().unwrap(), seq: 9 }),
            number: 300,
        };
        let PushClass::Chat(spot) = push.class.clone() else { panic!("it is a chat's") };
        for message in [
            FromLogic::Welcome { presence: true, epoch: 1 },
            FromLogic::Attached { call: 1, last_client_id: 7 },
            FromLogic::Reply { call: 2, packet: vec![] },
            FromLogic::Push(push.clone()),
            FromLogic::Push(Push { class: PushClass::Control(spot), ..push.clone() }),
            FromLogic::Push(Push { class: PushClass::Mergeable("p.alice".into()), number: 0, ..push }),
            FromLogic::PresenceTaken,
            FromLogic::RevocationKept { call: 4 },
        ] {
            let (kind, body) = sent(|out| to_state(out, message.clone()));
            assert_eq!(FromLogic::decode(kind, &body), Ok(message));
        }
    }

    #[test]
    fn orders_and_what_comes_of_them_come_back() {
        let uid: Uid = "alice".parse().unwrap();
        let which = [
            Which::All,
            Which::Device("phone".parse().unwrap()),
            Which::Session("1-0-1".into()),
            Which::Token("t1".into()),
            Which::IssuedBefore(7),
        ];
        for (which, act) in which.into_iter().zip([Act::List, Act::SignOut, Act::Revoke].into_iter().cycle())
        {
            let order = FromLogic::Order(Order { call: 1, uid: uid.clone(), which, act });
            let (kind, body) = sent(|out| to_state(out, order.clone()));
            assert_eq!(FromLogic::decode(kind, &body), Ok(order));
        }
        let session = SessionInfo {
            session: "1-0-1".into(),
            device: "phone".parse().unwrap(),
            class: crate::device::DeviceClass::Phone,
            online: true,
            idle_ms: 3,
            in_flight: 4,
        };
        let status = Status { uid: uid.clone(), online: true, since_ms: 5 };
        let (which, before) = (Which::Token("t1".into()), Which::IssuedBefore(3));
        for message in [
            FromState::Report(Report { call: 1, count: 1, sessions: vec![session], full: true }),
            FromState::Presence(Presence { users: vec![status], whole: true, last: true }),
            FromState::Revocation { call: 1, uid: uid.clone(), which },
            FromState::Revocation { call: 2, uid: uid.clone(), which: before },
            FromState::Revocation { call: 3, uid, which: Which::All },
        ] {
            let (kind, body) = sent(|out| to_logic(out, message.clone()));
            assert_eq!(FromState::decode(kind, &body), Ok(message));
        }
        let unnamed = wire::Push { class: 2, ..wire::Push::default() }.encode_to_vec();
        assert_eq!(FromLogic::decode(PUSH, &unnamed), Err(LinkError::Body("push")), "a merge without a key");
    }

    #[test]
    fn what_breaks_the_schema_is_refused() {
        let alien = wire::Attach { call: 1, uid: String::new(), device: "d".into() }.encode_to_vec();
        assert_eq!(FromState::decode(ATTACH, &alien), Err(LinkError::Body("attach")));
        let old = wire::Welcome { version: 9, ..wire::Welcome::default() }.encode_to_vec();
        assert_eq!(FromLogic::decode(WELCOME, &old), Err(LinkError::Version(9)));
        let beyond =
            wire::Hello { version: 1, shard: 2, shard_count: 2, ..wire::Hello::default() }.encode_to_vec();
        assert_eq!(FromState::decode(HELLO, &beyond), Err(LinkError::Body("hello")));
        assert_eq!(FromLogic::decode(HELLO, &[]), Err(LinkError::Kind(HELLO)));
    }
}
