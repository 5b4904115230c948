//! What logic or an operator wants done to the sessions of one user: listed, ended, or ended because their token is revoked. Owns who is meant and what is reported;
//! both come to the same function.

use proto::backend::{Act, Order, Report, SessionInfo, Which};
use proto::limits::REPORTED_SESSIONS_MAX;
use proto::packet::KickedReason;
use proto::time::Now;

use super::{Shard, TICK_MS};
use crate::Output;
use crate::grant::Grant;
use crate::revocations::Revoked;
use crate::session::Session;

impl Shard {
    /// Does what is ordered. The report tells of the sessions that were meant, as they were before.
    pub fn order(&mut self, now: Now, order: &Order, out: &mut dyn Output) -> Report {
        self.counts.orders += 1;
        let Order { call, uid, which, act } = order;
        let mut report = Report { call: *call, ..Report::default() };
        if *act == Act::Revoke {
            report.full = revoked(which).is_none_or(|revoked| self.revocations.add(uid, revoked).is_err());
            if report.full {
                self.counts.revocations_refused += 1;
            }
        }
        let mut meant: Vec<_> = self.sessions.of_user(uid.as_str()).collect();
        meant.retain(|place| self.sessions.get(*place).is_some_and(|session| self.is_meant(session, which)));
        report.count = meant.len() as u32;
        for place in meant {
            if report.sessions.len() < REPORTED_SESSIONS_MAX {
                report.sessions.extend(self.info(now, place));
            }
            match act {
                Act::List => {}
                Act::SignOut => self.kick(place, KickedReason::SignedOut, out),
                Act::Revoke => self.kick(place, KickedReason::Revoked, out),
            }
        }
        self.check_invariants();
        report
    }

    fn is_meant(&self, session: &Session, which: &Which) -> bool {
        match which {
            Which::All => true,
            Which::Device(device) => session.device() == device.as_str(),
            Which::Session(name) => self.name(session.number).to_string() == *name,
            Which::Token(_) | Which::IssuedBefore(_) => {
                revoked(which).is_some_and(|revoked| revoked.means(session.grant))
            }
        }
    }

    /// What an operator or logic is told of a session.
    pub(super) fn info(&self, now: Now, place: u32) -> Option<SessionInfo> {
        let session = self.sessions.get(place)?;
        Some(SessionInfo {
            session: self.name(session.number).to_string(),
            device: session.device().parse().ok()?,
            class: session.grant.class,
            online: session.is_attached(),
            idle_ms: now.mono_ms.saturating_sub(u64::from(session.alive) * TICK_MS),
            in_flight: session.inflight.len() as u32,
        })
    }
}

/// The tokens that are to be revoked; `None` if it is not tokens that are meant.
fn revoked(which: &Which) -> Option<Revoked> {
    match which {
        Which::IssuedBefore(second) => Some(Revoked::Before(u32::try_from(*second).unwrap_or(u32::MAX))),
        Which::Token(id) => Some(Revoked::Token(Grant::token_of(id))),
        Which::All => Some(Revoked::Before(u32::MAX)),
        Which::Device(_) | Which::Session(_) => None,
    }
}
