//! What logic or an operator wants done to the sessions of one user: listed, ended, or ended because their token is revoked. Owns who is meant and what is reported;
//! both come to the same function.

use proto::backend::{Act, FromState, Order, Report, SessionInfo, Which, to_logic};
use proto::close::CloseReason;
use proto::ids::{ConnId, Uid};
use proto::limits::REPORTED_SESSIONS_MAX;
use proto::packet::KickedReason;
use proto::time::Now;

use super::Shard;
use crate::calls::Asker;
use crate::grant::Grant;
use crate::revocations::Revoked;
use crate::session::Session;
use crate::{Fault, Output};

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
                Act::SignOut => self.kick(now, place, KickedReason::SignedOut, out),
                Act::Revoke => self.kick(now, place, KickedReason::Revoked, out),
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

    /// Does what an operator has ordered here. A revocation is logic's to keep: it is told until it has answered.
    pub fn order_of_operator(&mut self, now: Now, order: &Order, out: &mut dyn Output) -> Report {
        if order.act == Act::Revoke && !self.calls.has_room(0) {
            self.counts.revocations_refused += 1;
            return Report { full: true, ..Report::default() };
        }
        let report = self.order(now, order, out);
        if order.act == Act::Revoke && !report.full {
            let (uid, which) = (order.uid.clone(), order.which.clone());
            self.ask_logic(Asker::Revocation, out, |call, frame| {
                to_logic(frame, FromState::Revocation { call, uid, which });
            });
        }
        report
    }

    /// Logic has kept a revocation.
    pub(super) fn revocation_kept(&mut self, call: u64) -> Result<(), Fault> {
        match self.calls.asker(call) {
            Some(Asker::Revocation) => self.calls.end(call),
            Some(_) => return Err(Fault::Answer),
            None => self.counts.late_replies += 1,
        }
        Ok(())
    }

    /// Whose session is in a place, on which connection, and why it has none.
    pub(crate) fn place(&self, place: u32) -> Option<(Uid, ConnId, Option<CloseReason>)> {
        let session = self.sessions.get(place)?;
        Some((session.uid().parse().ok()?, session.conn, session.left))
    }

    /// What an operator or logic is told of a session.
    pub(crate) fn info(&self, now: Now, place: u32) -> Option<SessionInfo> {
        let session = self.sessions.get(place)?;
        Some(SessionInfo {
            session: self.name(session.number).to_string(),
            device: session.device().parse().ok()?,
            class: session.grant.class,
            online: session.is_attached(),
            idle_ms: now.mono_ms.saturating_sub(self.last_life_ms(now, session)),
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
