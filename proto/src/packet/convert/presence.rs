//! Who watches whom, and who is online, between the generated types and the domain's.

use super::{name, wire};
use crate::ids::Uid;
use crate::limits::WATCHED_MAX;
use crate::packet::{PacketError, UserPresence};

pub(super) fn watched(watch: wire::Watch) -> Result<Vec<Uid>, PacketError> {
    check_count("watch.users", watch.users.len())?;
    watch.users.into_iter().map(|uid| name("watch.users", uid)).collect()
}

pub(super) fn watch(users: Vec<Uid>) -> wire::Watch {
    wire::Watch { users: users.into_iter().map(Into::into).collect() }
}

pub(super) fn users(presence: wire::Presence) -> Result<Vec<UserPresence>, PacketError> {
    check_count("presence.users", presence.users.len())?;
    let users = presence.users.into_iter().map(|user| {
        let wire::UserPresence { uid, online, since_ms } = user;
        Ok(UserPresence { uid: name("presence.users.uid", uid)?, online, since_ms })
    });
    users.collect()
}

pub(super) fn presence(users: Vec<UserPresence>) -> wire::Presence {
    let users = users.into_iter().map(|user| {
        let UserPresence { uid, online, since_ms } = user;
        wire::UserPresence { uid: uid.into(), online, since_ms }
    });
    wire::Presence { users: users.collect() }
}

fn check_count(field: &'static str, count: usize) -> Result<(), PacketError> {
    if count > WATCHED_MAX {
        return Err(PacketError::new(field, format!("has {count} names, more than {WATCHED_MAX}")));
    }
    Ok(())
}
