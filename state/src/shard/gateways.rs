//! What gateway reactors say of their connections. Owns the check that a reactor speaks for its own connections, or loses its link, and for this shard's slots; how a link begins
//! and ends is treated in `reconcile`, logins in `logins`, a session's packets in `uplinks`.

use proto::close::CloseReason;
use proto::ids::ConnId;
use proto::link::{self, Alive, FromGateway};
use proto::packet::{Codec, decode_client};
use proto::time::Now;

use super::speech::Line;
use super::{Shard, TICK_MS, tick};
use crate::reactors::Held;
use crate::session::Session;
use crate::{Event, Fault, GatewayLink, Output};

impl Shard {
    /// Takes a frame of a link that is up; what comes over one that was dropped is the rest of a bad conversation.
    pub(super) fn gateway_frame(
        &mut self,
        now: Now,
        link: GatewayLink,
        kind: u8,
        body: &[u8],
        out: &mut dyn Output,
    ) {
        let fresh = self.reactors.is_fresh(link);
        let result = match (self.reactors.of_link(link), FromGateway::decode(kind, body)) {
            (None, _) if !fresh => Ok(()),
            (_, Err(error)) => Err(Fault::Frame(error)),
            (None, Ok(FromGateway::Hello(hello))) => self.hello(now, link, hello, out),
            (None, Ok(_)) => Err(Fault::Order),
            (Some(reactor), Ok(frame)) => self.frame(now, reactor, frame, out),
        };
        if let Err(fault) = result {
            self.drop_gateway(now, link, fault, out);
        }
    }

    /// Gives up a link because of what its peer did.
    pub(super) fn drop_gateway(&mut self, now: Now, link: GatewayLink, fault: Fault, out: &mut dyn Output) {
        self.counts.faults += 1;
        out.event(Event::Fault { link: Some(link), fault });
        out.drop_gateway(link);
        self.gateway_down(now, link, out);
    }

    fn frame(
        &mut self,
        now: Now,
        reactor: u32,
        frame: FromGateway<'_>,
        out: &mut dyn Output,
    ) -> Result<(), Fault> {
        match frame {
            FromGateway::Uplink { conn, packet } => return self.uplink(now, reactor, conn, packet, out),
            FromGateway::Alive(alive) => return self.alive(now, reactor, alive),
            FromGateway::Open { conn, form, peer, packet } => {
                if self.may_speak_for(reactor, conn, out)? {
                    self.end_holder(now, reactor, conn, out);
                    let line = Line { conn, reactor, codec: form.codec };
                    let packet = decode_client(line.codec, &packet);
                    self.first_packet(now, line, Some(peer), packet, out);
                }
            }
            FromGateway::Closed { conn, reason } => match self.find(reactor, conn) {
                Some(Held::Session(place)) => self.leave(now, place, reason, out),
                Some(Held::Waiting(place)) => self.end_waiting(place),
                // We have closed it, or it never had a session.
                None => return self.must_own(reactor, conn),
            },
            FromGateway::Live { conns, last } => return self.live(now, reactor, &conns, last, out),
            FromGateway::Blocked(conn) => return self.flow_of(now, reactor, conn, true, out),
            FromGateway::Writable(conn) => return self.flow_of(now, reactor, conn, false, out),
            FromGateway::Hello(_) => return Err(Fault::Order),
        }
        Ok(())
    }

    fn flow_of(
        &mut self,
        now: Now,
        reactor: u32,
        conn: ConnId,
        blocked: bool,
        out: &mut dyn Output,
    ) -> Result<(), Fault> {
        match self.find(reactor, conn) {
            Some(Held::Session(place)) => self.flow(now, place, blocked, out),
            Some(Held::Waiting(_)) => {}
            None => return self.must_own(reactor, conn),
        }
        Ok(())
    }

    fn uplink(
        &mut self,
        now: Now,
        reactor: u32,
        conn: ConnId,
        packet: &[u8],
        out: &mut dyn Output,
    ) -> Result<(), Fault> {
        self.counts.uplinks += 1;
        match self.find(reactor, conn) {
            Some(Held::Session(place)) => {
                let Some(session) = self.sessions.get_mut(place) else { return Ok(()) };
                session.alive = tick(now);
                match session.codec {
                    Codec::Proto => self.session_packet(now, place, packet, out),
                    Codec::Json => self.json_packet(now, place, packet, out),
                }
            }
            Some(Held::Waiting(place)) => self.waiting_packet(now, place, packet, out),
            // It was closed while this was on its way.
            None => {
                self.must_own(reactor, conn)?;
                self.counts.stale += 1;
            }
        }
        Ok(())
    }

    /// A reactor that speaks of a connection that another one must have given its name is not to be believed in anything. What is held for a reactor is its own:
    /// so this need be asked only of what is not.
    fn must_own(&mut self, reactor: u32, conn: ConnId) -> Result<(), Fault> {
        if self.reactors.get(reactor).is_none_or(|known| known.owns(conn)) {
            return Ok(());
        }
        self.counts.foreign += 1;
        Err(Fault::Foreign(conn))
    }

    /// One store for each connection; the timers look at what is stored when they are due.
    fn alive(&mut self, now: Now, reactor: u32, indices: Alive<'_>) -> Result<(), Fault> {
        let Some(reactor) = self.reactors.get_mut(reactor) else { return Ok(()) };
        let beat = self.pulse_scale.beat(now);
        for index in indices {
            reactor.pulse.note(index.map_err(Fault::Frame)?, beat);
        }
        Ok(())
    }

    /// Has a session know of the last report of its life; to be called before its connection is let go.
    pub(super) fn feel_pulse(&mut self, now: Now, place: u32) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        let Some(reactor) = self.reactors.get_mut(session.reactor) else { return };
        if let Some(moment_ms) = self.pulse_scale.moment(reactor.pulse.take(session.conn.index()), now) {
            session.alive = session.alive.max(tick(Now { mono_ms: moment_ms, ..now }));
        }
    }

    /// The monotonic millisecond of a session's last sign of life, rounded up.
    pub(super) fn last_life_ms(&self, now: Now, session: &Session) -> u64 {
        let reactor = self.reactors.get(session.reactor);
        let beat = reactor.map(|reactor| reactor.pulse.last(session.conn.index()));
        let reported = beat.and_then(|beat| self.pulse_scale.moment(beat, now));
        reported.unwrap_or(0).max(u64::from(session.alive) * TICK_MS)
    }

    /// Who holds exactly this connection.
    pub(super) fn find(&self, reactor: u32, conn: ConnId) -> Option<Held> {
        let held = self.reactors.get(reactor)?.at(conn.index())?;
        (self.conn_of(held) == Some(conn)).then_some(held)
    }

    /// The connection that is held.
    pub(super) fn conn_of(&self, held: Held) -> Option<ConnId> {
        match held {
            Held::Session(place) => self.sessions.get(place).map(|session| session.conn),
            Held::Waiting(place) => self.waiting.get(place as usize).map(|waiting| waiting.conn),
        }
    }

    /// Whether a connection that a reactor tells of is to be served here. One of its own that belongs to another shard would wait for ever: it is closed.
    pub(super) fn may_speak_for(
        &mut self,
        reactor: u32,
        conn: ConnId,
        out: &mut dyn Output,
    ) -> Result<bool, Fault> {
        self.must_own(reactor, conn)?;
        if self.is_ours(conn) {
            return Ok(true);
        }
        self.counts.foreign += 1;
        if let Some(link) = self.reactors.get(reactor).and_then(|known| known.link) {
            link::close(out.gateway(link), conn, CloseReason::Internal);
        }
        Ok(false)
    }

    /// Takes note that whatever is held under the index of a connection is gone: an older one of which the end was not told.
    pub(super) fn end_holder(&mut self, now: Now, reactor: u32, conn: ConnId, out: &mut dyn Output) {
        match self.reactors.get(reactor).and_then(|reactor| reactor.at(conn.index())) {
            Some(Held::Session(place)) => self.leave(now, place, CloseReason::PeerReset, out),
            Some(Held::Waiting(place)) => self.end_waiting(place),
            None => {}
        }
    }
}
