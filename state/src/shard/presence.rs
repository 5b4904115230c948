//! Who is online: a user is from the first session of theirs to the end of the last, so that a connection that is lost and resumed within the grace is no event. Owns what
//! logic is told; what waits to be told is `crate::presence`'s. A gateway that dies takes nobody offline: its sessions wait for their resume.

use proto::backend::{FromState, Presence, Status, to_logic};
use proto::limits::{PRESENCE_USERS_MAX, SESSIONS_SCANNED};
use proto::time::Now;

use super::{Logic, Shard, TICK_MS};
use crate::presence::Next;
use crate::session::Session;
use crate::{Fault, Output};

impl Shard {
    /// The first session of a user is open.
    pub(super) fn came(&mut self, now: Now, uid: &str) {
        let room = self.roll.note(uid, true, now.unix_ms);
        self.counts.presence_overruns += u64::from(!room);
    }

    /// A session has ended: if it was the user's last, they are gone since its last sign of life.
    pub(super) fn went(&mut self, now: Now, session: &Session) {
        if self.sessions.of_user(session.uid()).next().is_none() {
            let silent_ms = now.mono_ms.saturating_sub(u64::from(session.alive) * TICK_MS);
            let room = self.roll.note(session.uid(), false, now.unix_ms.saturating_sub(silent_ms));
            self.counts.presence_overruns += u64::from(!room);
        }
    }

    /// Logic is there, and wants to know or not.
    pub(super) fn begin_presence(&mut self, wanted: bool) {
        self.roll.begin(wanted);
    }

    /// Logic has taken what it was told.
    pub(super) fn presence_taken(&mut self) -> Result<(), Fault> {
        if self.roll.taken() { Ok(()) } else { Err(Fault::Answer) }
    }

    /// Tells logic what it has to know, if it has taken what was told before. To be called at the end of every input.
    pub(super) fn tell_presence(&mut self, out: &mut dyn Output) {
        if self.logic != Logic::Ready {
            return;
        }
        let presence = match self.roll.next() {
            Next::Nothing => return,
            Next::List(from) => self.online_from(from),
            Next::Changes => self.changes(),
        };
        if presence.whole || !presence.users.is_empty() {
            self.counts.presence_told += presence.users.len() as u64;
            to_logic(out.logic(), FromState::Presence(presence));
        }
    }

    /// A piece of the list of all users that are online.
    fn online_from(&mut self, from: u32) -> Presence {
        let end = self.sessions.end();
        let until = from.saturating_add(SESSIONS_SCANNED).min(end);
        let (mut users, mut next) = (Vec::new(), until);
        for place in from..until {
            if users.len() >= PRESENCE_USERS_MAX {
                next = place;
                break;
            }
            let uid = self.sessions.get(place).and_then(|session| session.uid().parse().ok());
            users.extend(uid.map(|uid| Status { uid, online: true, since_ms: 0 }));
        }
        let last = next >= end;
        self.roll.listed((!last).then_some(next));
        Presence { users, whole: true, last }
    }

    /// Users that came or went, and are not as they were before.
    fn changes(&mut self) -> Presence {
        let Self { roll, sessions, .. } = self;
        let mut users = Vec::new();
        roll.take(|uid, change| {
            let online = sessions.of_user(uid.as_str()).next().is_some();
            let differs = online != change.was_online;
            if differs {
                users.push(Status { uid, online, since_ms: change.at_ms });
            }
            differs
        });
        Presence { users, whole: false, last: false }
    }
}
