//! How a shard is taken out of the memory of one process and put into another's. Owns that a session that is put back is what it was: found by its names, on its
//! connection if the gateway's process is the same, with a lease for gateways that have not come back yet.

use proto::backend::Taken;
use proto::close::CloseReason;
use proto::ids::Slot;
use proto::time::Now;

use super::{Lease, Shard, tick};
use crate::Output;
use crate::durable::{Durable, Reach};
use crate::event::SLOT_BITS;
use crate::journal::Record;
use crate::reactors::Held;
use crate::session::{NOWHERE, Session};

impl Shard {
    /// Every session, as it must be written down.
    pub fn durable(&self) -> impl Iterator<Item = Durable> {
        self.sessions.iter().filter_map(|(_, session)| self.durable_session(session))
    }

    fn durable_session(&self, session: &Session) -> Option<Durable> {
        let place = match self.reactors.get(session.reactor) {
            Some(reactor) => {
                Reach::On { conn: session.conn, boot_epoch: reactor.boot_epoch, codec: session.codec }
            }
            None => {
                Reach::Away { last: session.conn, reason: session.left.unwrap_or(CloseReason::PeerReset) }
            }
        };
        let (pushed, kept, missed) = session.inflight.durable();
        Some(Durable {
            number: session.number,
            uid: session.uid().parse().ok()?,
            device: session.device().parse().ok()?,
            grant: session.grant,
            place,
            secrets: session.secrets,
            answered: session.uplink.answered(),
            pushed,
            kept,
            missed,
        })
    }

    /// How far logic's pushes were taken by the shard whose sessions are put back.
    pub fn restore_taken(&mut self, taken: Taken) {
        self.pushes_taken.restore(taken);
    }

    /// Writes a session down whole.
    pub(super) fn record_session(&self, place: u32, out: &mut dyn Output) {
        if let Some(durable) = self.sessions.get(place).and_then(|session| self.durable_session(session)) {
            out.record(Record::Session(Box::new(durable)));
        }
    }

    /// So many sessions are about to be put back.
    pub fn expect(&mut self, count: usize) {
        self.sessions.reserve(count);
    }

    /// Puts a session back, before any link is up. `false` if it is another shard's, or its device has one already.
    pub fn restore(&mut self, now: Now, durable: Durable, out: &mut dyn Output) -> bool {
        let known = self.sessions.of_device(durable.uid.as_str(), durable.device.as_str()).is_some();
        if known || Slot::of(durable.uid.as_str()).shard(self.settings.shard_count) != self.settings.shard {
            return false;
        }
        self.numbered = self.numbered.max(durable.number >> SLOT_BITS);
        let place = durable.place;
        let session = Session::restore(durable, tick(now));
        self.in_flight += session.inflight.len() as u64;
        let number = self.sessions.insert(session);
        match place {
            Reach::On { conn, boot_epoch, .. } if self.restore_reactor(now, number, boot_epoch) => {
                let Some(session) = self.sessions.get(number) else { return true };
                self.reactors.hold(session.reactor, conn, Held::Session(number));
                self.heartbeats.arm(number, now.after(self.settings.heartbeat_deadline));
            }
            Reach::On { .. } | Reach::Away { .. } => {
                if let (Reach::On { .. }, Some(session)) = (place, self.sessions.get(number)) {
                    let (session, reason) = (session.number, session.left.unwrap_or(CloseReason::PeerReset));
                    out.record(Record::Left { session, reason });
                }
                self.away += 1;
                self.heartbeats.arm(number, now.after(self.settings.resume_grace));
            }
        }
        self.check_invariants();
        true
    }

    /// Finds or makes the reactor that a session is on. `false` if a newer process has taken its place.
    fn restore_reactor(&mut self, now: Now, place: u32, boot_epoch: u64) -> bool {
        let Some(session) = self.sessions.get_mut(place) else { return false };
        let (gateway, number) = (session.conn.gateway(), session.conn.reactor());
        let (reactor, loss) = self.reactors.remember(gateway, number, boot_epoch);
        if self.reactors.get(reactor).is_none_or(|reactor| reactor.boot_epoch != boot_epoch) {
            session.left = Some(CloseReason::PeerReset);
            return false;
        }
        session.reactor = reactor;
        if let Some(loss) = loss {
            let until_ms = now.after(self.settings.gateway_lease);
            self.leases.push_back(Lease { until_ms, reactor, loss });
        }
        true
    }
}

impl Session {
    /// The session that was written down, without a connection, in the tick `alive`.
    fn restore(durable: Durable, alive: u32) -> Self {
        let Durable { number, uid, device, grant, place, secrets, answered, pushed, kept, missed } = durable;
        let (conn, codec, left) = match place {
            Reach::On { conn, codec, .. } => (conn, codec, None),
            Reach::Away { last, reason } => (last, proto::packet::Codec::Proto, Some(reason)),
        };
        let start = crate::session::Start {
            conn,
            reactor: NOWHERE,
            codec,
            number,
            uid: &uid,
            device: &device,
            grant,
            last_client_id: answered,
        };
        let mut session = Self::new(start, alive);
        session.inflight = crate::inflight::InFlight::restore(pushed, kept, missed);
        (session.secrets, session.left, session.listed) = (secrets, left, false);
        session
    }
}
