//! How sessions lose their connections, and how they and waiting connections end. Owns that nothing of them is left behind: timers, calls, and the ways to find them.
//!
//! A session outlives its connection by a period of grace, whatever ended the connection; `resume` gives it another. It ends at once by a logout or a kick alone.

use proto::close::CloseReason;
use proto::packet::{KickedReason, ServerBody};
use proto::time::Now;

use super::speech::{Line, unavailable};
use super::{Note, Shard, TICK_MS, tick};
use crate::journal::Record;
use crate::session::{NOWHERE, Session};
use crate::waiting::Waiting;
use crate::{Event, Output};

impl Session {
    pub(super) fn line(&self) -> Line {
        Line { conn: self.conn, reactor: self.reactor, codec: self.codec }
    }
}

impl Waiting {
    pub(super) fn line(&self) -> Line {
        Line { conn: self.conn, reactor: self.reactor, codec: self.codec }
    }
}

impl Shard {
    /// A session's connection is gone, or is given up: the session waits for another until its grace is over.
    pub(super) fn leave(&mut self, now: Now, place: u32, reason: CloseReason, out: &mut dyn Output) {
        if self.settings.resume_grace.is_zero() {
            self.end_session(now, place, reason, out);
        } else {
            self.detach(now, place, reason, out);
        }
    }

    /// Takes the connection away from a session.
    pub(super) fn detach(&mut self, now: Now, place: u32, reason: CloseReason, out: &mut dyn Output) {
        let Some(session) = self.sessions.get_mut(place).filter(|session| session.is_attached()) else {
            return;
        };
        let (conn, number) = (session.conn, session.number);
        let reactor = std::mem::replace(&mut session.reactor, NOWHERE);
        (session.left, session.alive) = (Some(reason), tick(now));
        // Whoever asked will ask again on the next connection, and must not be answered twice there.
        for call in session.uplink.drop_asides() {
            self.calls.end(call);
        }
        session.inflight.rewind();
        self.reactors.release(reactor, conn);
        self.resends.cancel(place);
        self.heartbeats.arm(place, now.after(self.settings.resume_grace));
        self.away += 1;
        self.counts.left[reason.ordinal()] += 1;
        out.record(Record::Left { session: number, reason });
        self.note(place, Note::Left(reason), out);
        out.event(Event::SessionLeft { session: self.name(number), conn, reason });
    }

    /// Ends a session, without a word to its client.
    pub(super) fn end_session(&mut self, now: Now, place: u32, reason: CloseReason, out: &mut dyn Output) {
        self.note(place, Note::Ended(reason), out);
        self.feel_pulse(now, place);
        let Some(session) = self.sessions.remove(place) else { return };
        self.heartbeats.cancel(place);
        self.resends.cancel(place);
        for call in session.uplink.calls() {
            self.calls.end(call);
        }
        self.in_flight -= session.inflight.len() as u64;
        if session.is_attached() {
            self.reactors.release(session.reactor, session.conn);
        } else {
            self.away -= 1;
        }
        self.went(now, &session);
        self.counts.ended[reason.ordinal()] += 1;
        out.record(Record::Ended { session: session.number });
        out.event(Event::SessionEnded {
            session: self.name(session.number),
            conn: session.conn,
            uid: session.uid(),
            device: session.device(),
            reason,
        });
    }

    /// Closes the connection of a session, which goes on without it.
    pub(super) fn close_connection(
        &mut self,
        now: Now,
        place: u32,
        reason: CloseReason,
        out: &mut dyn Output,
    ) {
        if let Some(line) = self.sessions.get(place).map(Session::line) {
            self.close(line, reason, out);
            self.leave(now, place, reason, out);
        }
    }

    /// Ends a session and closes its connection.
    pub(super) fn close_session(&mut self, now: Now, place: u32, reason: CloseReason, out: &mut dyn Output) {
        if let Some(line) = self.sessions.get(place).map(Session::line) {
            self.close(line, reason, out);
            self.end_session(now, place, reason, out);
        }
    }

    /// Ends a session, tells its client why, if it is there, and closes the connection.
    pub(super) fn kick(&mut self, now: Now, place: u32, reason: KickedReason, out: &mut dyn Output) {
        let Some(line) = self.sessions.get(place).map(Session::line) else { return };
        let (close, text) = match reason {
            KickedReason::Replaced => (CloseReason::Replaced, "the device has logged in elsewhere"),
            KickedReason::DeviceLimit => {
                (CloseReason::DeviceLimit, "the user has logged in on too many devices of this class")
            }
            KickedReason::Revoked => (CloseReason::Revoked, "the token has been revoked"),
            KickedReason::SignedOut => (CloseReason::SignedOut, "the session was ended from elsewhere"),
        };
        self.say(line, 0, ServerBody::Kicked { reason, text: text.into() }, out);
        self.close_session(now, place, close, out);
    }

    /// Forgets a waiting connection.
    pub(super) fn end_waiting(&mut self, place: u32) {
        let Some(waiting) = self.waiting.try_remove(place as usize) else { return };
        self.logins.cancel(place);
        if let Some(login) = waiting.login {
            self.calls.end(login.call);
        }
        self.reactors.release(waiting.reactor, waiting.conn);
    }

    /// Logic has not answered a login in time, or the client has not sent one.
    pub(super) fn login_expired(&mut self, place: u32, out: &mut dyn Output) {
        let Some(waiting) = self.waiting.get(place as usize) else { return };
        let line = waiting.line();
        if waiting.login.is_some() {
            self.refuse_login(line, unavailable("logic does not answer"), CloseReason::Overload, out);
        } else {
            self.close(line, CloseReason::HandshakeTimeout, out);
        }
        self.end_waiting(place);
    }

    /// It is time to look at a session, whose pulse has just been felt: its grace is over, or it has been silent too long, or has a new deadline.
    pub(super) fn heartbeat_due(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        if !session.is_attached() {
            let reason = session.left.unwrap_or(CloseReason::PeerReset);
            return self.end_session(now, place, reason, out);
        }
        let deadline =
            u64::from(session.alive) * TICK_MS + self.settings.heartbeat_deadline.as_millis() as u64;
        if deadline > now.mono_ms {
            session.uplink.rest();
            session.inflight.rest();
            self.heartbeats.arm(place, deadline);
        } else {
            self.close_connection(now, place, CloseReason::HeartbeatTimeout, out);
        }
    }
}
