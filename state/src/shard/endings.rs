//! How sessions and waiting connections end. Owns that nothing of them is left behind: timers, calls, and the ways to find them.

use proto::close::CloseReason;
use proto::packet::{KickedReason, ServerBody};
use proto::time::Now;

use super::speech::{Line, unavailable};
use super::{Shard, TICK_MS};
use crate::session::Session;
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
    /// Ends a session, without a word to its client. The place for a period of grace, once a session can be resumed.
    pub(super) fn end_session(&mut self, place: u32, reason: CloseReason, out: &mut dyn Output) {
        let Some(session) = self.sessions.remove(place) else { return };
        self.heartbeats.cancel(place);
        for call in session.uplink.calls() {
            self.calls.end(call);
        }
        self.reactors.release(session.reactor, session.conn);
        self.counts.ended[reason.ordinal()] += 1;
        out.event(Event::SessionEnded {
            session: self.name(session.number),
            conn: session.conn,
            uid: session.uid(),
            device: session.device(),
            reason,
        });
    }

    /// Ends a session and closes its connection.
    pub(super) fn close_session(&mut self, place: u32, reason: CloseReason, out: &mut dyn Output) {
        if let Some(line) = self.sessions.get(place).map(Session::line) {
            self.close(line, reason, out);
            self.end_session(place, reason, out);
        }
    }

    /// Ends a session, tells its client why and closes the connection.
    pub(super) fn kick(&mut self, place: u32, reason: KickedReason, out: &mut dyn Output) {
        let Some(line) = self.sessions.get(place).map(Session::line) else { return };
        let (close, text) = match reason {
            KickedReason::Replaced => (CloseReason::Replaced, "the device has logged in elsewhere"),
            KickedReason::Lagging => (CloseReason::Lagging, "too many pushes were not acknowledged"),
        };
        self.say(line, 0, ServerBody::Kicked { reason, text: text.into() }, out);
        self.close_session(place, close, out);
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

    /// It is time to look at a session: it has been silent too long, or has a new deadline.
    pub(super) fn heartbeat_due(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        let deadline =
            u64::from(session.alive) * TICK_MS + self.settings.heartbeat_deadline.as_millis() as u64;
        if deadline > now.mono_ms {
            session.uplink.rest();
            self.heartbeats.arm(place, deadline);
        } else {
            self.close_session(place, CloseReason::HeartbeatTimeout, out);
        }
    }
}
