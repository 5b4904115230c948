//! How the link of a gateway reactor begins and ends. Owns the reconciling: what the shard holds and what the reactor holds are made one, and this one rule
//! repairs every crash on either side. A session whose connection is gone waits for a resume; a connection without a session is asked to log in or resume. Pushes
//! that are not acknowledged may have been lost with the link, and are sent again. What else was lost only the client knows: each is told that its session goes on, and
//! asks again for what it has had no answer to. Who misses a LoginOk connects anew.
//!
//! A gateway has a lease. If its link does not come back within it, the gateway counts as dead and all its sessions lose their connections at once.

use proto::close::CloseReason;
use proto::ids::ConnId;
use proto::limits::{GATEWAY_LINKS_MAX, LOGIN_AGAIN_DEADLINE};
use proto::link::{self, Form, Hello, Welcome};
use proto::packet::{ResumeOk, ServerBody, Verdict};
use proto::time::Now;

use super::speech::Line;
use super::{Lease, Shard, tick};
use crate::reactors::{Held, Reactor};
use crate::waiting::Waiting;
use crate::{Event, Fault, GatewayLink, Output};

impl Shard {
    /// A reactor introduces itself: until it has told its connections, none of the sessions held here is known to live. (No connection waits for a login: that
    /// ended with the link before.)
    pub(super) fn hello(
        &mut self,
        now: Now,
        link: GatewayLink,
        hello: Hello,
        out: &mut dyn Output,
    ) -> Result<(), Fault> {
        let Hello { gateway, reactor: number, boot_epoch, shard } = hello;
        if shard != self.settings.shard {
            return Err(Fault::OtherShard(shard));
        }
        if !self.reactors.may_be(link, hello) {
            return Err(Fault::Impostor);
        }
        match self.reactors.find(gateway, number) {
            Some(known) => self.supersede(now, link, known, boot_epoch, out)?,
            None if self.reactors.len() >= GATEWAY_LINKS_MAX => return Err(Fault::TooMany),
            None => {}
        }
        let place = self.reactors.bind(link, gateway, number, boot_epoch);
        let held = self.held(place);
        for held in &held {
            if let Held::Session(place) = held
                && let Some(session) = self.sessions.get_mut(*place)
            {
                (session.listed, session.behind) = (false, false);
            }
        }
        let welcome = Welcome {
            shard: self.settings.shard,
            shard_count: self.settings.shard_count,
            boot_epoch: self.settings.boot_epoch,
        };
        link::welcome(out.gateway(link), welcome);
        out.event(Event::GatewayLinked { link, gateway, reactor: number, sessions: held.len() });
        Ok(())
    }

    /// A reactor that is known comes back, perhaps before its older link was seen to break, perhaps as a new process.
    /// But a process that began before the one that is known is what is left of it: it must not take the new one's connections away.
    fn supersede(
        &mut self,
        now: Now,
        link: GatewayLink,
        place: u32,
        boot_epoch: u64,
        out: &mut dyn Output,
    ) -> Result<(), Fault> {
        let Some(reactor) = self.reactors.get(place) else { return Ok(()) };
        if reactor.boot_epoch > boot_epoch {
            link::superseded(out.gateway(link));
            return Err(Fault::Elder);
        }
        let restarted = reactor.boot_epoch != boot_epoch;
        if let Some(older) = reactor.link {
            if restarted {
                link::superseded(out.gateway(older));
            }
            self.drop_gateway(now, older, Fault::Superseded, out);
        }
        if restarted {
            // Its ConnIds begin anew: one that is held here may be a stranger's there.
            self.forsake(now, place, out);
        }
        Ok(())
    }

    /// Takes a piece of the list of a reactor's connections.
    pub(super) fn live(
        &mut self,
        now: Now,
        reactor: u32,
        conns: &[(ConnId, Form)],
        last: bool,
        out: &mut dyn Output,
    ) -> Result<(), Fault> {
        for (conn, form) in conns {
            if self.may_speak_for(reactor, *conn, out)? {
                let line = Line { conn: *conn, reactor, codec: form.codec };
                self.listed(now, line, out);
            }
        }
        if last {
            self.reconciled(now, reactor, out);
        }
        Ok(())
    }

    fn listed(&mut self, now: Now, line: Line, out: &mut dyn Output) {
        match self.find(line.reactor, line.conn) {
            Some(Held::Session(place)) => {
                let Some(session) = self.sessions.get_mut(place) else { return };
                session.listed = true;
                // It could not show life while the link was away.
                session.alive = session.alive.max(tick(now));
                // Whoever asked asks again, and must not be answered twice.
                for call in session.uplink.drop_asides() {
                    self.calls.end(call);
                }
                session.inflight.rewind();
                self.say_it_goes_on(now, place, out);
                self.catch_up(now, place, out);
                self.resync_if_due(now, place, out);
            }
            Some(Held::Waiting(_)) => {}
            None => {
                self.end_holder(now, line.reactor, line.conn, out);
                self.require_login(now, line, out);
            }
        }
    }

    /// Tells a client that its session goes on, but that what it has not been answered may have been lost, be it a command, a pull, or the answer.
    fn say_it_goes_on(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        let Some(session) = self.sessions.get(place) else { return };
        let (line, last_client_id) = (session.line(), session.uplink.answered());
        let resumable = !self.settings.resume_grace.is_zero();
        let secret = resumable.then(|| self.secret(session, session.secrets.newest()));
        let verdict = Verdict::Complete;
        let ok = ResumeOk { verdict, secret, last_client_id, server_time_ms: now.unix_ms };
        self.say(line, 0, ServerBody::ResumeOk(ok), out);
    }

    /// Asks for a login, and remembers that it, or a resume, may come as an ordinary packet.
    fn require_login(&mut self, now: Now, line: Line, out: &mut dyn Output) {
        let Line { conn, reactor, codec } = line;
        let waiting = Waiting { conn, reactor, codec, peer: None, may_resume: true, login: None };
        self.wait(now.after(LOGIN_AGAIN_DEADLINE), waiting);
        self.counts.login_required += 1;
        self.say(line, 0, ServerBody::LoginRequired, out);
    }

    /// The list is complete: what is not in it is gone.
    fn reconciled(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        let Some(reactor) = self.reactors.get_mut(place).filter(|reactor| reactor.reconciling) else {
            return;
        };
        reactor.reconciling = false;
        let (gateway, number) = (reactor.gateway, reactor.number);
        let held = self.held(place);
        let asked = held.iter().filter(|held| matches!(held, Held::Waiting(_))).count();
        let mut ended = 0;
        for held in held {
            if let Held::Session(session) = held
                && self.sessions.get(session).is_some_and(|session| !session.listed)
            {
                self.end_held(now, held, out);
                ended += 1;
            }
        }
        out.event(Event::Reconciled { gateway, reactor: number, ended, asked });
    }

    /// A link is gone. Sessions wait for their reactor to come back, until its lease is over, and nothing is expected of them; a login that is under way would be
    /// answered into the void, so its connection will be asked for another.
    pub(super) fn gateway_down(&mut self, now: Now, link: GatewayLink, out: &mut dyn Output) {
        let Some((place, loss)) = self.reactors.link_down(link) else { return };
        let Some(reactor) = self.reactors.get(place) else { return };
        let (gateway, number) = (reactor.gateway, reactor.number);
        let mut sessions = 0;
        for held in self.held(place) {
            match held {
                Held::Session(session) => {
                    self.resends.cancel(session);
                    sessions += 1;
                }
                Held::Waiting(waiting) => self.end_waiting(waiting),
            }
        }
        self.reactors.forget_if_empty(place);
        if sessions > 0 {
            let until_ms = now.after(self.settings.gateway_lease);
            self.leases.push_back(Lease { until_ms, reactor: place, loss });
        }
        out.event(Event::GatewayLost { gateway, reactor: number, sessions });
    }

    /// A reactor has been waited for long enough.
    pub(super) fn lease_over(&mut self, now: Now, lease: Lease, out: &mut dyn Output) {
        let Lease { reactor: place, loss, .. } = lease;
        let lost = |reactor: &&Reactor| reactor.link.is_none() && reactor.loss == loss;
        let Some(reactor) = self.reactors.get(place).filter(lost) else { return };
        let (gateway, number) = (reactor.gateway, reactor.number);
        let sessions = self.forsake(now, place, out);
        out.event(Event::GatewayDead { gateway, reactor: number, sessions });
    }

    /// All connections of a reactor are gone. How many there were.
    fn forsake(&mut self, now: Now, place: u32, out: &mut dyn Output) -> usize {
        let held = self.held(place);
        let count = held.len();
        held.into_iter().for_each(|held| self.end_held(now, held, out));
        count
    }

    /// All that a reactor has here, in the order of their places: the order in which things happen must not depend on a hash.
    fn held(&self, reactor: u32) -> Vec<Held> {
        let reactor = self.reactors.get(reactor);
        let mut held: Vec<_> = reactor.iter().flat_map(|reactor| reactor.iter()).collect();
        held.sort_unstable_by_key(|(index, _)| *index);
        held.into_iter().map(|(_, held)| held).collect()
    }

    fn end_held(&mut self, now: Now, held: Held, out: &mut dyn Output) {
        match held {
            Held::Session(place) => self.leave(now, place, CloseReason::PeerReset, out),
            Held::Waiting(place) => self.end_waiting(place),
        }
    }
}
