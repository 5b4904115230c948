//! The gateway reactors that this shard knows: their links, and the way from a ConnId to who holds it here. Owns that a gateway speaks only for its own
//! connections; what is done with a connection is decided in [`crate::shard`].

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use proto::ids::ConnId;
use proto::link::Hello;
use slab::Slab;

use crate::GatewayLink;
use crate::pulse::Pulse;

/// What a connection is to the shard: a session, or one that has none (yet), each by its place. The highest bit tells which.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Holder(u32);

/// A [`Holder`], unpacked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    Session(u32),
    Waiting(u32),
}

const WAITING: u32 = 1 << 31;
const _: () = assert!(proto::limits::SESSIONS_PER_SHARD_MAX < WAITING as usize);

impl From<Held> for Holder {
    fn from(held: Held) -> Self {
        match held {
            Held::Session(place) => Self(place),
            Held::Waiting(place) => Self(place | WAITING),
        }
    }
}

impl Holder {
    fn unpack(self) -> Held {
        if self.0 & WAITING == 0 { Held::Session(self.0) } else { Held::Waiting(self.0 & !WAITING) }
    }
}

/// A reactor of a gateway: it outlives its link while it has connections here.
#[derive(Debug)]
pub(crate) struct Reactor {
    /// The gateway's number.
    pub(crate) gateway: u16,
    /// The reactor's number in it.
    pub(crate) number: u8,
    /// Of the gateway's process.
    pub(crate) boot_epoch: u64,
    /// The link, while it is up.
    pub(crate) link: Option<GatewayLink>,
    /// The list of its connections has not come to its end.
    pub(crate) reconciling: bool,
    /// So much waits for it that its sessions are pushed nothing.
    pub(crate) congested: bool,
    /// Sessions that have something to be sent when it is no longer, the one that has waited longest first; some may have gone elsewhere since.
    pub(crate) behind: VecDeque<u32>,
    /// Which loss of a link was its last.
    pub(crate) loss: u64,
    /// By the index bits of the ConnId: a reactor has no two connections of one index at a time. 9 bytes each, whatever the index.
    connections: HashMap<u32, Holder, FixedState>,
    /// When each of them was last reported alive.
    pub(crate) pulse: Pulse,
}

impl Reactor {
    /// A reactor without a link or connections.
    fn new(gateway: u16, number: u8, boot_epoch: u64) -> Self {
        Self {
            gateway,
            number,
            boot_epoch,
            link: None,
            reconciling: false,
            congested: false,
            behind: VecDeque::new(),
            loss: 0,
            connections: HashMap::default(),
            pulse: Pulse::default(),
        }
    }

    /// Whether a connection is this reactor's to speak for.
    pub(crate) fn owns(&self, conn: ConnId) -> bool {
        conn.gateway() == self.gateway && conn.reactor() == self.number
    }

    /// Who holds the connection that has this index, whatever its generation.
    pub(crate) fn at(&self, index: u32) -> Option<Held> {
        self.connections.get(&index).map(|holder| holder.unpack())
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Panics if its parts disagree.
    pub(crate) fn check_invariants(&self) {
        assert_eq!(self.pulse.held(), self.connections.len(), "each connection has a pulse");
    }

    /// All connections.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Held)> {
        self.connections.iter().map(|(index, holder)| (*index, holder.unpack()))
    }
}

/// The state of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    /// Has not said whose it is.
    Fresh,
    /// Has not said whose it is, but proved it.
    Proved(Hello),
    /// Of this reactor.
    Of(u32),
}

/// All reactors, and the links by their number.
#[derive(Debug, Default)]
pub(crate) struct Reactors {
    table: Slab<Reactor>,
    links: Vec<Link>,
    /// Links that were ever lost.
    losses: u64,
}

impl Reactors {
    pub(crate) fn get(&self, place: u32) -> Option<&Reactor> {
        self.table.get(place as usize)
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut Reactor> {
        self.table.get_mut(place as usize)
    }

    /// How many there are, those without a link included.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many have a link.
    pub(crate) fn linked(&self) -> usize {
        self.table.iter().filter(|(_, reactor)| reactor.link.is_some()).count()
    }

    /// A link is up that has not said whose it is.
    pub(crate) fn link_up(&mut self, link: GatewayLink) {
        let number = link.0 as usize;
        if number >= self.links.len() {
            self.links.resize(number + 1, Link::Down);
        }
        self.links[number] = Link::Fresh;
    }

    /// A link that has not said whose it is has proved it.
    pub(crate) fn link_proved(&mut self, link: GatewayLink, hello: Hello) {
        if let Some(state @ Link::Fresh) = self.links.get_mut(link.0 as usize) {
            *state = Link::Proved(hello);
        }
    }

    /// Whether a link is up and has not said whose it is.
    pub(crate) fn is_fresh(&self, link: GatewayLink) -> bool {
        matches!(self.links.get(link.0 as usize), Some(Link::Fresh | Link::Proved(_)))
    }

    /// Whether a link may say that it is this reactor's.
    pub(crate) fn may_be(&self, link: GatewayLink, hello: Hello) -> bool {
        match self.links.get(link.0 as usize) {
            Some(Link::Proved(proved)) => *proved == hello,
            _ => true,
        }
    }

    /// The place of the reactor that has this link.
    pub(crate) fn of_link(&self, link: GatewayLink) -> Option<u32> {
        match self.links.get(link.0 as usize) {
            Some(Link::Of(place)) => Some(*place),
            _ => None,
        }
    }

    /// Binds a fresh link to a reactor; whether this one was known is told by its boot epoch. Its place.
    pub(crate) fn bind(&mut self, link: GatewayLink, gateway: u16, number: u8, boot_epoch: u64) -> u32 {
        let known = self.find(gateway, number);
        let place =
            known.unwrap_or_else(|| self.table.insert(Reactor::new(gateway, number, boot_epoch)) as u32);
        let reactor = &mut self.table[place as usize];
        (reactor.link, reactor.boot_epoch, reactor.reconciling) = (Some(link), boot_epoch, true);
        self.links[link.0 as usize] = Link::Of(place);
        place
    }

    /// A reactor that was known to a process before this one: its place and, if it was not known here, the number of the loss of its link.
    pub(crate) fn remember(&mut self, gateway: u16, number: u8, boot_epoch: u64) -> (u32, Option<u64>) {
        if let Some(known) = self.find(gateway, number) {
            return (known, None);
        }
        self.losses += 1;
        let loss = self.losses;
        let reactor = Reactor { loss, ..Reactor::new(gateway, number, boot_epoch) };
        (self.table.insert(reactor) as u32, Some(loss))
    }

    /// The place of a reactor that is known.
    pub(crate) fn find(&self, gateway: u16, number: u8) -> Option<u32> {
        let wanted = |reactor: &Reactor| reactor.gateway == gateway && reactor.number == number;
        self.table.iter().find(|(_, reactor)| wanted(reactor)).map(|(place, _)| place as u32)
    }

    /// A link is gone. The reactor that had it, if it is still known, and the number of this loss: its connections are still held.
    pub(crate) fn link_down(&mut self, link: GatewayLink) -> Option<(u32, u64)> {
        let state = self.links.get_mut(link.0 as usize)?;
        let Link::Of(place) = std::mem::replace(state, Link::Down) else { return None };
        let reactor = self.table.get_mut(place as usize)?;
        self.losses += 1;
        (reactor.link, reactor.reconciling, reactor.loss) = (None, false, self.losses);
        (reactor.congested, reactor.behind) = (false, VecDeque::new());
        Some((place, self.losses))
    }

    /// Forgets a reactor that has neither link nor connections.
    pub(crate) fn forget_if_empty(&mut self, place: u32) {
        if self.get(place).is_some_and(|reactor| reactor.link.is_none() && reactor.connections.is_empty()) {
            self.table.remove(place as usize);
        }
    }

    /// Takes note of who holds a connection from now on.
    pub(crate) fn hold(&mut self, place: u32, conn: ConnId, held: Held) {
        if let Some(reactor) = self.get_mut(place) {
            match reactor.connections.insert(conn.index(), held.into()) {
                None => reactor.pulse.begin(conn.index()),
                // What was held under this index may have been another connection.
                Some(_) => _ = reactor.pulse.take(conn.index()),
            }
        }
    }

    /// Takes note that nobody holds a connection any more.
    pub(crate) fn release(&mut self, place: u32, conn: ConnId) {
        if let Some(reactor) = self.get_mut(place)
            && reactor.connections.remove(&conn.index()).is_some()
        {
            reactor.pulse.end(conn.index());
        }
        self.forget_if_empty(place);
    }

    /// All reactors, with their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Reactor)> {
        self.table.iter().map(|(place, reactor)| (place as u32, reactor))
    }
}
