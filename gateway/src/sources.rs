//! How many connections one source may have, and how fast it may open new ones. Owns the table of sources; it is asked when a connection comes and told when it has gone,
//! and who is turned away for it is `admission`'s to say.
//!
//! Each reactor holds a source to its share of the limits: the kernel spreads the connections of a source over the reactors by a hash that takes in the source's port, so
//! that nothing has to be shared between them. An even share would turn somebody away before the limit is reached whenever the hash is uneven, so a share is
//! larger by three standard deviations. With one reactor a limit is exact.

use std::collections::HashMap;
use std::net::IpAddr;

use proto::limits::SOURCES_MAX;
use proto::time::Now;

use crate::admission::TurnedAway;
use crate::bucket::{Bucket, Rate};
use crate::cidr::Cidr;

/// Entries of the table that are looked at for each new source, whether they are still needed. Two let it forget faster than it learns …
const SWEPT: usize = 2;
/// … and more are worth a look when it is full.
const SWEPT_WHEN_FULL: usize = 16;

/// Whom the limits take for one: an IPv4 address, or the first 64 bits of an IPv6 address, which is the least that one customer has. IPv4 addresses stand in the
/// multicast range, from which nobody connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(u64);

impl Source {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(0xFFFF_FFFF << 32 | u64::from(address.to_bits())),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}

/// What a source may have; 0 is no limit.
#[derive(Clone, Debug, Default)]
pub struct SourceLimits {
    /// Connections at a time.
    pub connections: u32,
    /// New connections a second.
    pub per_second: u32,
    /// New connections at once.
    pub burst: u32,
    /// Networks that may have as many as they like.
    pub exempt: Vec<Cidr>,
}

/// The sources of one reactor's connections.
#[derive(Debug)]
pub(crate) struct Sources {
    connections: u32,
    rate: Option<Rate>,
    exempt: Vec<Cidr>,
    of_source: HashMap<Source, u32>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    /// The entry that is looked at next.
    hand: usize,
    /// The entry of each connection, by its index.
    of_connection: Vec<Seat>,
    /// Connections that were not counted because the table was full.
    pub(crate) uncounted: u64,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    bucket: Bucket,
    /// Connections it has.
    live: u32,
    /// It belongs to a source.
    used: bool,
}

const _: () = assert!(size_of::<Entry>() <= 24, "SOURCES_MAX counts on it");

/// One connection of a source; to be given to [`Sources::enter`] or [`Sources::give_back`].
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat(u32);

impl Seat {
    /// Nobody's.
    const NONE: Self = Self(u32::MAX);
}

impl Sources {
    /// The table of one of so many reactors; `None` if nothing is limited.
    pub(crate) fn new(limits: &SourceLimits, reactors: u32) -> Option<Box<Self>> {
        let SourceLimits { connections, per_second, burst, .. } = *limits;
        if connections == 0 && per_second == 0 {
            return None;
        }
        Some(Box::new(Self {
            connections: if connections == 0 { u32::MAX } else { share(connections, reactors) },
            rate: Rate::shared(per_second.into(), share(burst, reactors).into(), reactors),
            exempt: limits.exempt.clone(),
            of_source: HashMap::new(),
            entries: Vec::new(),
            free: Vec::new(),
            hand: 0,
            of_connection: Vec::new(),
            uncounted: 0,
        }))
    }

    /// Counts a connection that comes from `address`, unless its source has too many or opens them too fast.
    pub(crate) fn admit(&mut self, now: Now, address: IpAddr) -> Result<Seat, TurnedAway> {
        if self.exempt.iter().any(|network| network.contains(address)) {
            return Ok(Seat::NONE);
        }
        let source = Source::of(address);
        let place = match self.of_source.get(&source) {
            Some(place) => *place,
            None => match self.learn(now, source) {
                Some(place) => place,
                // So many sources are no flood of one, and to turn this one away would let the others shut out everybody. What they can do together is bounded
                // by the budget of handshakes.
                None => {
                    self.uncounted += 1;
                    return Ok(Seat::NONE);
                }
            },
        };
        let entry = &mut self.entries[place as usize];
        if entry.live >= self.connections {
            return Err(TurnedAway::SourceConnections);
        }
        if self.rate.is_some_and(|rate| !entry.bucket.take(now, rate)) {
            return Err(TurnedAway::SourceRate);
        }
        entry.live += 1;
        Ok(Seat(place))
    }

    /// A connection comes that another process has admitted: it is counted, whatever the limits are here.
    pub(crate) fn take_over(&mut self, now: Now, index: u32, address: IpAddr) {
        if self.exempt.iter().any(|network| network.contains(address)) {
            return;
        }
        let source = Source::of(address);
        let known = self.of_source.get(&source).copied();
        match known.or_else(|| self.learn(now, source)) {
            Some(place) => {
                self.entries[place as usize].live += 1;
                self.enter(index, Seat(place));
            }
            None => self.uncounted += 1,
        }
    }

    /// What sources may not open at once, because of what they have opened of late: the moments at which they may again.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let used = self.entries.iter().filter(|entry| entry.used && entry.bucket != Bucket::default());
        used.map(|entry| (entry.source.0, entry.bucket.full_at_ns()))
    }

    /// Goes on with these.
    pub(crate) fn take_buckets(&mut self, now: Now, buckets: &[(u64, u64)]) {
        for (source, full_at_ns) in buckets.iter().take(SOURCES_MAX) {
            let bucket = Bucket::full_at(*full_at_ns);
            let source = Source(*source);
            if self.rate.is_none() || bucket.is_full(now) {
                continue;
            }
            let known = self.of_source.get(&source).copied();
            if let Some(place) = known.or_else(|| self.learn(now, source)) {
                self.entries[place as usize].bucket = bucket;
            }
        }
    }

    /// The connection has got an index.
    pub(crate) fn enter(&mut self, index: u32, seat: Seat) {
        let index = index as usize;
        if index >= self.of_connection.len() {
            self.of_connection.resize(index + 1, Seat::NONE);
        }
        debug_assert_eq!(self.of_connection[index], Seat::NONE, "connection {index} is counted twice");
        self.of_connection[index] = seat;
    }

    /// The connection has gone.
    pub(crate) fn leave(&mut self, index: u32) {
        if let Some(seat) = self.of_connection.get_mut(index as usize) {
            let seat = std::mem::replace(seat, Seat::NONE);
            self.give_back(seat);
        }
    }

    /// Nothing became of the connection.
    pub(crate) fn give_back(&mut self, seat: Seat) {
        let Some(entry) = self.entries.get_mut(seat.0 as usize) else { return };
        entry.live -= 1;
        if entry.live == 0 && self.rate.is_none() {
            self.forget(seat.0);
        }
    }

    /// Sources that are remembered.
    pub(crate) fn known(&self) -> usize {
        self.of_source.len()
    }

    /// An entry for a source that had none; `None` if there is no room.
    fn learn(&mut self, now: Now, source: Source) -> Option<u32> {
        let full = self.of_source.len() == SOURCES_MAX;
        self.sweep(now, if full { SWEPT_WHEN_FULL } else { SWEPT });
        let entry = Entry { source, bucket: Bucket::default(), live: 0, used: true };
        let place = match self.free.pop() {
            Some(place) => {
                self.entries[place as usize] = entry;
                place
            }
            None if self.entries.len() < SOURCES_MAX => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
            None => return None,
        };
        self.of_source.insert(source, place);
        Some(place)
    }

    /// Looks at some entries, in turn, and forgets those that would be the same if they were learnt anew.
    fn sweep(&mut self, now: Now, count: usize) {
        for _ in 0..count.min(self.entries.len()) {
            self.hand = (self.hand + 1) % self.entries.len();
            let entry = &self.entries[self.hand];
            if entry.used && entry.live == 0 && entry.bucket.is_full(now) {
                self.forget(self.hand as u32);
            }
        }
    }

    fn forget(&mut self, place: u32) {
        let entry = &mut self.entries[place as usize];
        entry.used = false;
        self.of_source.remove(&entry.source);
        self.free.push(place);
    }
}

/// What one of so many reactors takes of a limit for all.
fn share(limit: u32, reactors: u32) -> u32 {
    if reactors <= 1 {
        return limit;
    }
    let even = limit.div_ceil(reactors);
    limit.min(even.saturating_add(3 * (even.isqrt() + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, unix_ms: 0 }
    }

    fn sources(connections: u32, per_second: u32, burst: u32) -> Box<Sources> {
        let exempt = vec!["10.0.0.0/8".parse().unwrap()];
        Sources::new(&SourceLimits { connections, per_second, burst, exempt }, 1).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_half_an_ipv6_address() {
        let same = |one: &str, other: &str| Source::of(address(one)) == Source::of(address(other));
        assert!(same("10.1.2.3", "::ffff:10.1.2.3") && !same("10.1.2.3", "10.1.2.4"));
        assert!(same("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::") && !same("2001:db8:1:2::", "2001:db8:1:3::"));
        assert!(!same("0.0.0.0", "::") && !same("0.0.0.1", "::1"));
    }

    #[test]
    fn a_flood_from_one_address_is_stopped_and_its_neighbours_are_not() {
        let mut sources = sources(3, 0, 0);
        for index in 0..3 {
            let seat = sources.admit(at(0), address("192.0.2.1")).unwrap();
            sources.enter(index, seat);
        }
        let refused = Err(TurnedAway::SourceConnections);
        assert_eq!(sources.admit(at(0), address("192.0.2.1")), refused);
        assert_eq!(sources.admit(at(0), address("::ffff:192.0.2.1")), refused, "the same in IPv6's clothes");
        assert!(sources.admit(at(0), address("192.0.2.2")).is_ok());
        sources.leave(1);
        sources.leave(1);
        assert!(sources.admit(at(0), address("192.0.2.1")).is_ok(), "one has gone, and only once");
        assert_eq!(sources.admit(at(0), address("192.0.2.1")), refused);
    }

    #[test]
    fn a_flood_from_one_ipv6_network_is_stopped_however_many_addresses_it_uses() {
        let mut sources = sources(8, 0, 0);
        let admitted = (0..1000_u16)
            .filter(|host| sources.admit(at(0), address(&format!("2001:db8:0:7::{host:x}"))).is_ok());
        assert_eq!(admitted.count(), 8);
        assert!(sources.admit(at(0), address("2001:db8:0:8::1")).is_ok(), "the next /64");
    }

    #[test]
    fn new_connections_come_in_bursts_and_then_at_the_rate() {
        let mut sources = sources(0, 10, 5);
        let mut come = |ms, from| (0..20).filter(|_| sources.admit(at(ms), address(from)).is_ok()).count();
        assert_eq!((come(0, "192.0.2.1"), come(0, "192.0.2.2")), (5, 5));
        assert_eq!((come(99, "192.0.2.1"), come(100, "192.0.2.1"), come(1000, "192.0.2.1")), (0, 1, 5));
        assert_eq!(come(1000, "10.1.2.3"), 20, "exempt");
    }

    #[test]
    fn whoever_comes_the_table_stays_within_its_bounds_and_forgets_who_has_gone() {
        let mut sources = sources(0, 1, 1);
        for number in 0..SOURCES_MAX as u32 + 100 {
            let seat = sources.admit(at(0), IpAddr::from(number.to_be_bytes())).unwrap();
            sources.give_back(seat);
        }
        assert_eq!((sources.known(), sources.entries.len()), (SOURCES_MAX, SOURCES_MAX));
        // 10.0.0.0/8 is not within the first numbers.
        assert_eq!(sources.uncounted, 100, "taken in all the same");
        for number in 0..SOURCES_MAX as u32 {
            let seat = sources
                .admit(at(2000), address(&format!("2001:db8:{:x}:{:x}::", number >> 16, number & 0xFFFF)));
            sources.give_back(seat.unwrap());
        }
        assert_eq!(sources.uncounted, 100, "the old ones made room");
        let again = sources.admit(at(2000), address("2001:db8::"));
        assert_eq!(again, Err(TurnedAway::SourceRate), "the new ones are remembered");
    }

    #[test]
    fn many_reactors_together_take_no_less_than_the_limit() {
        assert_eq!((share(100, 1), share(100, 4), share(3, 8), share(0, 8)), (100, 43, 3, 0));
        for (limit, reactors) in [(1, 2), (10, 8), (1000, 16), (u32::MAX, 64)] {
            assert!(u64::from(share(limit, reactors)) * u64::from(reactors) >= u64::from(limit));
        }
        let limits = SourceLimits { per_second: 1, burst: 8, ..SourceLimits::default() };
        let mut sources = Sources::new(&limits, 8).unwrap();
        let mut come = |ms| (0..20).filter(|_| sources.admit(at(ms), address("192.0.2.1")).is_ok()).count();
        assert_eq!((come(0), come(7999), come(8000)), (7, 0, 1), "an eighth of one a second");
    }

    proptest! {
        /// Whatever comes and goes, a source has as many as are there, and nobody is remembered for nothing.
        #[test]
        fn what_comes_goes(steps in proptest::collection::vec((any::<bool>(), 0u8..4, 0u32..16), 0..200)) {
            let mut sources = sources(3, 0, 0);
            let mut there: HashMap<u32, u8> = HashMap::new();
            for (comes, from, index) in steps {
                if !comes {
                    sources.leave(index);
                    there.remove(&index);
                } else if !there.contains_key(&index) {
                    let count = there.values().filter(|other| **other == from).count();
                    let admitted = sources.admit(at(0), IpAddr::from([192, 0, 2, from]));
                    prop_assert_eq!(admitted.is_ok(), count < 3);
                    if let Ok(seat) = admitted {
                        sources.enter(index, seat);
                        there.insert(index, from);
                    }
                }
                let known: std::collections::HashSet<_> = there.values().collect();
                prop_assert_eq!(sources.known(), known.len());
            }
        }
    }
}
