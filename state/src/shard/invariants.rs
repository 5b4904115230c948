//! What must hold between two inputs, checked in debug builds. Owns the assertions; they are for our own mistakes and no peer can break them.

use super::Shard;
use crate::calls::Asker;
use crate::reactors::Held;

/// A shard of more sessions is looked at only now and then: the check reads everything.
const ALWAYS_BELOW: usize = 128;
const NOW_AND_THEN: u64 = 1024;

impl Shard {
    /// Panics if the parts of the shard disagree.
    pub(super) fn check_invariants(&mut self) {
        if cfg!(debug_assertions) {
            self.checks = self.checks.wrapping_add(1);
            if self.sessions.len() + self.waiting.len() < ALWAYS_BELOW
                || self.checks.is_multiple_of(NOW_AND_THEN)
            {
                self.check_sessions();
                self.check_waiting();
                self.check_connections();
                self.check_calls();
            }
        }
    }

    fn check_sessions(&self) {
        self.sessions.check_invariants();
        let (mut kept, mut away) = (0, 0);
        assert_eq!(self.heartbeats.armed() as usize, self.sessions.len(), "each session has a timer");
        for (place, session) in self.sessions.iter() {
            assert!(self.heartbeats.is_armed(place), "{session:?}");
            let held = self.find(session.reactor, session.conn);
            assert_eq!(held, session.is_attached().then_some(Held::Session(place)), "{session:?}");
            assert!(self.is_ours(session.conn), "{session:?}");
            session.uplink.check_invariants();
            session.inflight.check_invariants();
            let awaits = session.inflight.awaits_ack() && self.is_reached(session);
            assert!(!awaits || self.resends.is_armed(place), "an ack is not awaited for ever: {session:?}");
            kept += session.inflight.len() as u64;
            away += usize::from(!session.is_attached());
        }
        assert_eq!((kept, away), (self.in_flight, self.away));
    }

    fn check_waiting(&self) {
        assert_eq!(self.logins.armed() as usize, self.waiting.len(), "each waiting connection has a timer");
        for (place, waiting) in &self.waiting {
            let held = Held::Waiting(place as u32);
            assert_eq!(self.find(waiting.reactor, waiting.conn), Some(held), "{waiting:?}");
            let linked = self.reactors.get(waiting.reactor).is_some_and(|reactor| reactor.link.is_some());
            assert!(linked, "nobody waits behind a link that is down: {waiting:?}");
        }
    }

    fn check_connections(&self) {
        let mut held = 0;
        for (place, reactor) in self.reactors.iter() {
            reactor.check_invariants();
            for (index, holder) in reactor.iter() {
                held += 1;
                let conn = self.conn_of(holder).expect("a connection leads to who holds it");
                assert!(conn.index() == index && reactor.owns(conn), "{conn} of reactor {place}");
            }
            assert!(
                reactor.link.is_some() || reactor.iter().next().is_some(),
                "an empty reactor is forgotten"
            );
            assert!(reactor.link.is_none_or(|link| self.reactors.of_link(link) == Some(place)));
        }
        assert_eq!(held, self.sessions.len() - self.away + self.waiting.len());
    }

    fn check_calls(&self) {
        let asked = self.sessions.iter().flat_map(|(_, session)| session.uplink.calls()).count()
            + self.waiting.iter().filter(|(_, waiting)| waiting.login.is_some()).count();
        let revocations = self.calls.iter().filter(|(_, asker)| *asker == Asker::Revocation).count();
        assert_eq!(asked + revocations, self.calls.len(), "each call has an asker and each asker a call");
        for (call, asker) in self.calls.iter() {
            let known = match asker {
                Asker::Revocation => true,
                Asker::Login { waiting } => {
                    let waiting = self.waiting.get(waiting as usize);
                    waiting.and_then(|waiting| waiting.login.as_ref()).is_some_and(|login| login.call == call)
                }
                Asker::Command { session, .. } | Asker::Aside { session } => {
                    let session = self.sessions.get(session);
                    session.is_some_and(|session| session.uplink.calls().any(|other| other == call))
                }
            };
            assert!(known, "call {call} of {asker:?}");
        }
    }
}
