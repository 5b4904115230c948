//! What logic may have done to the sessions of a user, and what it is told of them: [`Order`], [`Report`]. Owns their checks and their wire form.

use prost::Message as _;

use super::amount::is_at_most;
use crate::device::DeviceClass;
use crate::r#gen::backend as wire;
use crate::ids::{DeviceId, Uid};
use crate::limits::{REPORTED_SESSIONS_MAX, SESSION_NAME_BYTES_MAX, TOKEN_ID_BYTES_MAX};

/// Something to be done to the sessions of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// To be carried back in the report.
    pub call: u64,
    /// Whose sessions …
    pub uid: Uid,
    /// … and which of them.
    pub which: Which,
    /// What is to be done.
    pub act: Act,
}

/// Which sessions of a user are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// The one of this device.
    Device(DeviceId),
    /// The one of this name, at most [`SESSION_NAME_BYTES_MAX`] bytes.
    Session(String),
    /// Those that were opened with the token of this id, 1 to [`TOKEN_ID_BYTES_MAX`] bytes.
    Token(String),
    /// Those whose token was issued before this second since the Unix epoch.
    IssuedBefore(u64),
}

/// What can be done to sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// They are told of, no more.
    List,
    /// They are ended.
    SignOut,
    /// They are ended, and the tokens that are meant are good no more.
    Revoke,
}

/// What came of an [`Order`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Of the order.
    pub call: u64,
    /// How many sessions were meant.
    pub count: u32,
    /// They, as they were before; at most [`REPORTED_SESSIONS_MAX`].
    pub sessions: Vec<SessionInfo>,
    /// A revocation was not remembered: there is no room, or no token was meant.
    pub full: bool,
}

/// A session, as logic and operators are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Its name.
    pub session: String,
    /// On which device.
    pub device: DeviceId,
    /// What kind of device.
    pub class: DeviceClass,
    /// It is on a connection; else it waits for a resume.
    pub online: bool,
    /// Milliseconds since its last sign of life, or since it lost its connection.
    pub idle_ms: u64,
    /// Pushes that it has not acknowledged.
    pub in_flight: u32,
}

impl From<Order> for wire::Order {
    fn from(order: Order) -> Self {
        let Order { call, uid, which, act } = order;
        let act = match act {
            Act::List => wire::OrderAct::List,
            Act::SignOut => wire::OrderAct::SignOut,
            Act::Revoke => wire::OrderAct::Revoke,
        };
        let which = match which {
            Which::All => None,
            Which::Device(device) => Some(wire::order::Which::Device(device.into())),
            Which::Session(name) => Some(wire::order::Which::Session(name)),
            Which::Token(id) => Some(wire::order::Which::Token(id)),
            Which::IssuedBefore(second) => Some(wire::order::Which::IssuedBeforeS(second)),
        };
        Self { call, act: act as i32, uid: uid.into(), which }
    }
}

pub(super) fn decode_order(body: &[u8]) -> Option<Order> {
    let wire::Order { call, act, uid, which } = wire::Order::decode(body).ok()?;
    let act = match wire::OrderAct::try_from(act).ok()? {
        wire::OrderAct::List => Act::List,
        wire::OrderAct::SignOut => Act::SignOut,
        wire::OrderAct::Revoke => Act::Revoke,
    };
    let which = match which {
        None => Which::All,
        Some(wire::order::Which::Device(device)) => Which::Device(device.try_into().ok()?),
        Some(wire::order::Which::Session(name)) if name.len() <= SESSION_NAME_BYTES_MAX => {
            Which::Session(name)
        }
        Some(wire::order::Which::Token(id)) => Which::Token(token_id(id)?),
        Some(wire::order::Which::IssuedBeforeS(second)) => Which::IssuedBefore(second),
        Some(wire::order::Which::Session(_)) => return None,
    };
    Some(Order { call, uid: uid.try_into().ok()?, which, act })
}

/// A token's id, if it has a length that one may have.
pub(super) fn token_id(id: String) -> Option<String> {
    Some(id).filter(|id| (1..=TOKEN_ID_BYTES_MAX).contains(&id.len()))
}

impl From<Report> for wire::Report {
    fn from(report: Report) -> Self {
        let Report { call, count, sessions, full } = report;
        let sessions = sessions.into_iter().map(|session| {
            let SessionInfo { session, device, class, online, idle_ms, in_flight } = session;
            let class = class.label().to_owned();
            wire::Session { session, device: device.into(), class, online, idle_ms, in_flight }
        });
        Self { call, count, sessions: sessions.collect(), full }
    }
}

pub(super) fn decode_report(body: &[u8]) -> Option<Report> {
    if !is_at_most(body, 3, REPORTED_SESSIONS_MAX) {
        return None;
    }
    let wire::Report { call, count, sessions, full } = wire::Report::decode(body).ok()?;
    let sessions = sessions.into_iter().map(|session| {
        let wire::Session { session, device, class, online, idle_ms, in_flight } = session;
        let (device, class) = (device.try_into().ok()?, class.parse().ok()?);
        Some(SessionInfo { session, device, class, online, idle_ms, in_flight })
    });
    Some(Report { call, count, sessions: sessions.collect::<Option<_>>()?, full })
}
