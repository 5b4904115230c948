//! Pushes to the sessions of a gateway reactor for which too much waits. Owns that they are kept until it has taken some, so that what waits for a reactor stays within
//! bounds however much is to be sent again after a link was lost; how one session is sent what it is owed is `deliveries`'.

use std::collections::HashSet;

use proto::limits::{GATEWAY_PACE, GATEWAY_PACED_BYTES};
use proto::time::Now;

use super::{Shard, tick};
use crate::Output;
use crate::reactors::Reactor;
use crate::session::Session;
use crate::wheel::Wheel;

/// A reactor that was congested is sent to again when no more than this waits for it.
const RELIEVED_BYTES: usize = GATEWAY_PACED_BYTES / 2;
/// So few sessions that have gone elsewhere are not worth the clearing.
const LEFT_MIN: usize = 64;

/// Lets a session wait until its reactor is relieved. No ack is expected of it meanwhile.
pub(super) fn fall_behind(reactor: &mut Reactor, place: u32, session: &mut Session, resends: &mut Wheel) {
    if session.listed && !std::mem::replace(&mut session.behind, true) {
        resends.cancel(place);
        reactor.behind.push_back(place);
    }
}

impl Shard {
    /// Sends a session what is kept and was not sent on this connection, at once or when its reactor can take it.
    pub(super) fn catch_up(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        if let Some(reactor) = self.reactors.get_mut(session.reactor).filter(|reactor| reactor.congested) {
            return fall_behind(reactor, place, session, &mut self.resends);
        }
        self.send_unsent(now, place, out);
    }

    /// Takes note of how much waits for a reactor.
    pub(super) fn note_waiting(&mut self, place: u32, bytes: usize) {
        if bytes < GATEWAY_PACED_BYTES {
            return;
        }
        if let Some(reactor) = self.reactors.get_mut(place).filter(|reactor| !reactor.congested) {
            reactor.congested = true;
            self.counts.paced += 1;
            if !self.congested.contains(&place) {
                self.congested.push(place);
            }
            // At the next turn, whenever that is.
            self.look_again_ms.get_or_insert(0);
        }
    }

    /// Goes on with the reactors that have taken some of what waited for them.
    pub(super) fn pace(&mut self, now: Now, out: &mut dyn Output) {
        if self.look_again_ms.is_none_or(|due_ms| now.mono_ms < due_ms) {
            return;
        }
        let mut congested = std::mem::take(&mut self.congested);
        congested.retain(|place| !self.relieve(now, *place, out));
        self.look_again_ms = (!congested.is_empty()).then(|| now.after(GATEWAY_PACE));
        self.congested = congested;
    }

    /// Sends to the sessions of a reactor that wait, as far as it can take it. Whether none waits any more.
    fn relieve(&mut self, now: Now, place: u32, out: &mut dyn Output) -> bool {
        let Some(reactor) = self.reactors.get_mut(place) else { return true };
        let Some(link) = reactor.link else { return true };
        if out.waiting(link) > RELIEVED_BYTES {
            self.clear_out(place);
            return false;
        }
        reactor.congested = false;
        while let Some(reactor) = self.reactors.get_mut(place).filter(|reactor| !reactor.congested) {
            let Some(waits) = reactor.behind.pop_front() else { return true };
            if !self.is_behind(waits, place) {
                continue;
            }
            if let Some(session) = self.sessions.get_mut(waits) {
                session.behind = false;
                session.inflight.await_from(tick(now));
            }
            self.send_unsent(now, waits, out);
            self.resync_if_due(now, waits, out);
        }
        false
    }

    /// Forgets the sessions that waited for a reactor and went elsewhere, when they are many.
    fn clear_out(&mut self, place: u32) {
        let Some(reactor) = self.reactors.get_mut(place) else { return };
        if reactor.behind.len() > 2 * reactor.len().max(LEFT_MIN) {
            let mut behind = std::mem::take(&mut reactor.behind);
            let mut seen = HashSet::new();
            behind.retain(|session| self.is_behind(*session, place) && seen.insert(*session));
            if let Some(reactor) = self.reactors.get_mut(place) {
                reactor.behind = behind;
            }
        }
    }

    /// Whether the session at this place waits for this reactor.
    fn is_behind(&self, session: u32, reactor: u32) -> bool {
        self.sessions.get(session).is_some_and(|session| session.behind && session.reactor == reactor)
    }
}
