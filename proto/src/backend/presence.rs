//! Who is online, as a shard tells logic: [`Presence`]. Owns its bounds and its wire form; what counts as online is the shard's.

use prost::Message as _;

use super::amount::is_at_most;
use crate::r#gen::backend as wire;
use crate::ids::Uid;
use crate::limits::PRESENCE_USERS_MAX;

/// Users came or went, or a piece of the list of all who are online.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// At most [`PRESENCE_USERS_MAX`].
    pub users: Vec<Status>,
    /// It is a piece of the list of all.
    pub whole: bool,
    /// The last piece of it.
    pub last: bool,
}

/// How it stands with a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Who.
    pub uid: Uid,
    /// Whether they have a session.
    pub online: bool,
    /// Since when, Unix time in milliseconds; of one who went, the last sign of life. 0 in a list of all.
    pub since_ms: u64,
}

impl From<Presence> for wire::Presence {
    fn from(presence: Presence) -> Self {
        let Presence { users, whole, last } = presence;
        let users = users.into_iter().map(|status| {
            let Status { uid, online, since_ms } = status;
            wire::Status { uid: uid.into(), online, since_ms }
        });
        Self { users: users.collect(), whole, last }
    }
}

pub(super) fn decode_presence(body: &[u8]) -> Option<Presence> {
    if !is_at_most(body, 1, PRESENCE_USERS_MAX) {
        return None;
    }
    let wire::Presence { users, whole, last } = wire::Presence::decode(body).ok()?;
    let users = users.into_iter().map(|status| {
        let wire::Status { uid, online, since_ms } = status;
        Some(Status { uid: uid.try_into().ok()?, online, since_ms })
    });
    Some(Presence { users: users.collect::<Option<_>>()?, whole, last })
}
