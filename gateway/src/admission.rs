//! Who is taken in: at accept, before anything is read, allocated or handed to TLS. Owns [`Gateway::accept`], the budget of handshakes and their deadline; how many connections a source
//! may have is counted in `sources`.
//!
//! A handshake lasts from accept to the end of the first packet. When the budget's places are full, the oldest handshake gives its place up if it has had its fair time, so that
//! clients who say nothing cannot keep others out. If it has not, the newcomer is turned away: in a storm of honest clients nothing that was begun is thrown
//! away, or none of them would ever come to its end.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use proto::close::CloseReason;
use proto::limits::HANDSHAKE_GRACE_DIVISOR;
use proto::time::Now;

use crate::bucket::{Bucket, Rate};
use crate::fifo::{Fifo, Since};
use crate::machine::Gateway;
use crate::sources::Seat;
use crate::table::{Awaited, Table};
use crate::trace::{Listening, Note};
use crate::{Door, Output};

macro_rules! turned_away {
    ($($(#[doc = $doc:literal])+ $name:ident = $label:literal;)+) => {
        /// Why a connection was turned away at accept.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum TurnedAway {
            $($(#[doc = $doc])+ $name,)+
        }

        impl TurnedAway {
            /// The names of all reasons, in their order: the label values of a metric.
            pub const LABELS: &'static [&'static str] = &[$($label,)+];

            /// Its name.
            pub fn label(self) -> &'static str {
                Self::LABELS[self as usize]
            }
        }
    };
}

turned_away! {
    /// The table has no free index.
    Room = "room";
    /// The process or the system has no descriptor left; the shell says so.
    Descriptors = "descriptors";
    /// Its source has as many connections as it may have.
    SourceConnections = "source_connections";
    /// Its source opens connections too fast.
    SourceRate = "source_rate";
    /// As many handshakes are under way as may be, and none of them is old.
    Handshakes = "handshakes";
    /// More handshakes began in this second than may.
    HandshakeRate = "handshake_rate";
}

/// Why a connection is closed as soon as it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was not taken in.
    TurnedAway(TurnedAway),
    /// It was, and that was its end.
    Ended(CloseReason),
}

/// What one reactor takes on at a time.
#[derive(Clone, Copy, Debug)]
pub struct HandshakeLimits {
    /// Handshakes at a time.
    pub places: u32,
    /// New handshakes a second; 0 is no limit. As many may come at once.
    pub per_second: u32,
}

/// The handshakes of one reactor.
#[derive(Debug)]
pub(crate) struct Handshakes {
    places: usize,
    rate: Option<Rate>,
    bucket: Bucket,
    /// Connections that have not yet sent their first packet.
    under_way: Fifo,
}

impl Handshakes {
    pub(crate) fn new(limits: HandshakeLimits) -> Self {
        let HandshakeLimits { places, per_second } = limits;
        Self {
            places: places as usize,
            rate: Rate::new(per_second.into(), per_second.into()),
            bucket: Bucket::default(),
            under_way: Fifo::default(),
        }
    }

    pub(crate) fn next_deadline(&self, patience: Duration) -> Option<u64> {
        self.under_way.next_deadline(patience)
    }

    /// Those that are under way, and some that are not any more.
    pub(crate) fn begun(&self) -> impl Iterator<Item = &Since> {
        self.under_way.iter()
    }

    /// When as many may begin at once as ever.
    pub(crate) fn full_at_ns(&self) -> u64 {
        self.bucket.full_at_ns()
    }

    /// Goes on with the rate of another process.
    pub(crate) fn take_over(&mut self, full_at_ns: u64) {
        self.bucket = Bucket::full_at(full_at_ns);
    }

    /// A handshake comes that began elsewhere, in no order.
    pub(crate) fn adopt(&mut self, since: Now, index: u32, generation: u16) {
        self.under_way.push(since, index, generation);
    }

    /// All of those have come.
    pub(crate) fn sort(&mut self) {
        self.under_way.sort();
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.under_way.len()
    }
}

impl Gateway {
    /// Connections that have not yet sent their first packet.
    pub fn handshakes(&self) -> usize {
        self.table.handshakes()
    }

    /// Sources of connections that are remembered, and connections that were not counted for theirs.
    pub fn sources(&self) -> (usize, u64) {
        self.sources.as_ref().map_or((0, 0), |sources| (sources.known(), sources.uncounted))
    }

    /// Takes in a new connection from `peer`, by `door`: its index and generation, or why it must be closed at once.
    pub fn accept(
        &mut self,
        now: Now,
        peer: SocketAddr,
        door: Door,
        out: &mut impl Output,
    ) -> Result<(u32, u16), Refusal> {
        if door == Door::Balancers && !self.tunables.trusts(peer.ip()) {
            let reason = CloseReason::UntrustedProxy;
            self.counts.accepted += 1;
            self.counts.closed[reason.ordinal()] += 1;
            return Err(Refusal::Ended(reason));
        }
        let admitted = match self.trace.take() {
            None => self.admit(now, peer, door, out),
            Some(mut trace) => {
                let admitted = self.admit(now, peer, door, &mut Listening { out, trace: &mut trace });
                if let Ok((index, _)) = admitted {
                    trace.learn(index, Note::From(peer));
                }
                self.trace = Some(trace);
                admitted
            }
        };
        match admitted {
            Ok(admitted) => {
                self.counts.accepted += 1;
                Ok(admitted)
            }
            Err(why) => {
                self.counts.turned_away[why as usize] += 1;
                Err(Refusal::TurnedAway(why))
            }
        }
    }

    /// A balancer has told from where the client of a connection comes, which is then what counts.
    pub(crate) fn admit_proxied(&mut self, now: Now, index: u32, client: IpAddr) -> Result<(), CloseReason> {
        match self.admit_source(now, client) {
            Ok(seat) => {
                if let (Some(sources), Some(seat)) = (&mut self.sources, seat) {
                    sources.enter(index, seat);
                }
                Ok(())
            }
            Err(why) => {
                self.counts.turned_away[why as usize] += 1;
                Err(CloseReason::SourceLimit)
            }
        }
    }

    fn admit_source(&mut self, now: Now, address: IpAddr) -> Result<Option<Seat>, TurnedAway> {
        self.sources.as_mut().map(|sources| sources.admit(now, address)).transpose()
    }

    fn admit(
        &mut self,
        now: Now,
        peer: SocketAddr,
        door: Door,
        out: &mut impl Output,
    ) -> Result<(u32, u16), TurnedAway> {
        // Sources first: the flood of one must not use up what is there for all.
        let (awaited, seat) = match door {
            Door::Clients => (self.tls.awaited(), self.admit_source(now, peer.ip())?),
            Door::Tls => (Awaited::Tls, self.admit_source(now, peer.ip())?),
            Door::Balancers => (Awaited::ProxyHeader, None),
        };
        let admitted = self.admit_handshake(now, awaited, out);
        match (&admitted, &mut self.sources, seat) {
            (Ok((index, _)), Some(sources), Some(seat)) => sources.enter(*index, seat),
            (Err(_), Some(sources), Some(seat)) => sources.give_back(seat),
            _ => {}
        }
        admitted
    }

    fn admit_handshake(
        &mut self,
        now: Now,
        awaited: Awaited,
        out: &mut impl Output,
    ) -> Result<(u32, u16), TurnedAway> {
        if self.table.handshakes() >= self.handshakes.places && !self.evict_handshake(now, out) {
            return Err(TurnedAway::Handshakes);
        }
        let Handshakes { rate, bucket, .. } = &mut self.handshakes;
        if rate.is_some_and(|rate| !bucket.take(now, rate)) {
            return Err(TurnedAway::HandshakeRate);
        }
        let (index, conn) = self.table.insert(awaited).ok_or(TurnedAway::Room)?;
        let generation = conn.generation;
        let under_way = &mut self.handshakes.under_way;
        under_way.push(now, index, generation);
        under_way.tidy(self.table.handshakes(), |since| is_handshake(&self.table, since));
        Ok((index, generation))
    }

    /// Ends the oldest handshake if it has had its fair time.
    fn evict_handshake(&mut self, now: Now, out: &mut impl Output) -> bool {
        let oldest = self.handshakes.under_way.oldest(|since| is_handshake(&self.table, since));
        let grace = self.tunables.handshake_deadline / HANDSHAKE_GRACE_DIVISOR;
        let had_its_time = |since: &Since| now.mono_ms - since.began_ms >= grace.as_millis() as u64;
        let Some(oldest) = oldest.filter(had_its_time) else { return false };
        self.gone(oldest.index, CloseReason::HandshakeEvicted, out);
        true
    }

    /// Ends the handshakes whose time is over.
    pub(crate) fn expire_handshakes(&mut self, now: Now, out: &mut impl Output) {
        while let Some(due) = self.handshakes.under_way.due(now, self.tunables.handshake_deadline) {
            if is_handshake(&self.table, due) {
                self.end(now, due.index, CloseReason::HandshakeTimeout, out);
            }
        }
    }
}

fn is_handshake(table: &Table, since: Since) -> bool {
    let conn = table.get(since.index).filter(|conn| conn.generation == since.generation);
    conn.is_some_and(|conn| conn.stage.is_handshake())
}
