//! How a session is taken up on another connection. Owns who may (the device's own session, a good secret, an honest count of pushes), that the connection before is
//! fenced in the same step, so that of two resumes that race one wins, and what the client is told to have missed.
//!
//! A fenced connection holds no session any more: what it still sends is dropped as stale, and its gateway is told to close it. Logic is not asked: a session that is
//! here is good for as long as it is here.

use std::net::SocketAddr;

use proto::close::CloseReason;
use proto::ids::Slot;
use proto::limits::HANDSHAKE_DEADLINE;
use proto::packet::{Refused, RefusedCode, Resume, ResumeOk, Secret, ServerBody, Verdict};
use proto::time::Now;

use super::speech::Line;
use super::{Note, Shard, tick};
use crate::event::NoResume;
use crate::journal::Record;
use crate::reactors::Held;
use crate::session::Session;
use crate::waiting::Waiting;
use crate::{Event, Output};

impl Shard {
    /// Takes a session up, or tells the client to log in instead. An error says what the client is told and how its connection ends.
    pub(super) fn resume(
        &mut self,
        now: Now,
        line: Line,
        peer: Option<SocketAddr>,
        resume: &Resume,
        out: &mut dyn Output,
    ) -> Result<(), (Refused, CloseReason)> {
        if Slot::of(resume.uid.as_str()) != line.conn.slot() {
            let text = "is not who this connection began as";
            let refused = Refused::new(RefusedCode::Invalid, "resume.uid", text);
            return Err((refused, CloseReason::LoginRefused));
        }
        match self.find_session(resume) {
            Ok((place, shown)) => self.take_up(now, line, peer, (place, shown, resume.last_push_seq), out),
            Err(why) => {
                match why {
                    NoResume::Secret => self.counts.resumes_forged += 1,
                    NoResume::Unknown | NoResume::NeverSent => self.counts.resumes_unknown += 1,
                }
                out.event(Event::ResumeRefused { conn: line.conn, peer, why });
                let Line { conn, reactor, codec } = line;
                let waiting = Waiting { conn, reactor, codec, peer, login: None, may_resume: false };
                self.wait(now.after(HANDSHAKE_DEADLINE), waiting);
                // The same for every reason: whoever tries secrets learns nothing.
                let reset = ResumeOk {
                    verdict: Verdict::Reset,
                    secret: None,
                    last_client_id: 0,
                    server_time_ms: now.unix_ms,
                };
                self.say(line, 0, ServerBody::ResumeOk(reset), out);
            }
        }
        Ok(())
    }

    /// A client that was asked for its session more than once shows it more than once: it is taken up again, on the same connection. `false` if this is not that session, or
    /// the client could not take it up.
    pub(super) fn resume_again(
        &mut self,
        now: Now,
        place: u32,
        resume: &Resume,
        out: &mut dyn Output,
    ) -> bool {
        let Ok((found, shown)) = self.find_session(resume) else { return false };
        let Some(line) = self.sessions.get(found).filter(|_| found == place).map(Session::line) else {
            return false;
        };
        self.detach(now, place, CloseReason::Resumed, out);
        self.take_up(now, line, None, (place, shown, resume.last_push_seq), out);
        true
    }

    /// The client has spoken where it was told the newest secret.
    pub(super) fn confirm_secret(&mut self, place: u32, out: &mut dyn Output) {
        if let Some(session) = self.sessions.get_mut(place).filter(|session| session.secrets.ahead > 0) {
            session.secrets.confirm();
            out.record(Record::Confirmed { session: session.number });
        }
    }

    /// The session that is meant, and which of its secrets the client has shown.
    fn find_session(&self, resume: &Resume) -> Result<(u32, u32), NoResume> {
        let (uid, device) = (resume.uid.as_str(), resume.device.as_str());
        let place = self.sessions.of_device(uid, device).ok_or(NoResume::Unknown)?;
        let session = self.sessions.get(place).ok_or(NoResume::Unknown)?;
        if self.name(session.number).to_string() != resume.session {
            return Err(NoResume::Unknown);
        }
        let is = |number| self.secret(session, number) == resume.secret;
        let shown = session.secrets.find(is).ok_or(NoResume::Secret)?;
        if resume.last_push_seq > session.inflight.numbered() {
            return Err(NoResume::NeverSent);
        }
        Ok((place, shown))
    }

    fn take_up(
        &mut self,
        now: Now,
        line: Line,
        peer: Option<SocketAddr>,
        (place, shown, last_push_seq): (u32, u32, u64),
        out: &mut dyn Output,
    ) {
        self.fence(now, place, out);
        let Some(session) = self.sessions.get_mut(place) else { return };
        let Line { conn, reactor, codec } = line;
        (session.conn, session.reactor, session.codec) = (conn, reactor, codec);
        (session.left, session.listed, session.alive) = (None, true, tick(now));
        session.behind = false;
        let secret = session.secrets.renew(shown);
        // A client that knows of less than it has acknowledged has lost what it knew.
        let forgot = last_push_seq < session.inflight.acknowledged();
        let boot_epoch = self.reactors.get(reactor).map_or(0, |reactor| reactor.boot_epoch);
        let (number, secrets) = (session.number, session.secrets);
        out.record(Record::Resumed { session: number, conn, boot_epoch, codec, secrets });
        let acknowledged = session.inflight.acknowledge(last_push_seq, tick(now)).unwrap_or(0);
        if acknowledged > 0 {
            out.record(Record::Acknowledged { session: number, push_seq: last_push_seq });
        }
        let gap = forgot || session.inflight.is_lagging();
        let answered = session.uplink.answered();
        self.away -= 1;
        self.in_flight -= acknowledged as u64;
        self.reactors.hold(reactor, conn, Held::Session(place));
        self.heartbeats.arm(place, now.after(self.settings.heartbeat_deadline));
        self.counts.resumed += 1;
        self.counts.resumed_with_gap += u64::from(gap);
        self.note(place, Note::On(conn), out);
        out.event(Event::SessionResumed { session: self.name(number), conn, peer, gap });
        let secret = self.sessions.get(place).map(|session| self.secret(session, secret));
        let verdict = if gap { Verdict::Gap } else { Verdict::Complete };
        let ok = ResumeOk { verdict, secret, last_client_id: answered, server_time_ms: now.unix_ms };
        self.say(line, 0, ServerBody::ResumeOk(ok), out);
        self.catch_up(now, place, out);
        if gap {
            self.resync(now, place, forgot, out);
        }
    }

    /// Takes the connection of a session away from it, if it has one.
    fn fence(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        if let Some(line) =
            self.sessions.get(place).filter(|session| session.is_attached()).map(Session::line)
        {
            self.close(line, CloseReason::Resumed, out);
            self.detach(now, place, CloseReason::Resumed, out);
        }
    }

    /// The secret of a session that has this number.
    pub(super) fn secret(&self, session: &Session, number: u32) -> Secret {
        self.secret_key.secret(session.number, session.uid(), session.device(), number)
    }
}
