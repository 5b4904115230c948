//! The table of connections: all the state that a gateway has. Owns indices and generations, and 16 bytes a connection; what becomes of a connection is
//! decided in `machine` and `receive`.

use proto::ids::{ConnId, ConnParts, Slot};
use proto::limits::PLACES_RESERVED_MAX;
use proto::link::Form;
use proto::packet::Codec;
use proto::ws::Receiver;
use proto::ws::negotiate::Window;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The index is not in use.
    Free,
    /// The first bytes are awaited, or the rest of an upgrade request.
    Sniffing(Awaited),
    /// The first packet is awaited.
    First,
    /// It has a name, and the state server knows it.
    Open,
    /// Nothing more is read or sent; the client is given time to see the end.
    Closing,
}

impl Stage {
    /// It has not yet sent its first packet.
    pub(crate) fn is_handshake(self) -> bool {
        matches!(self, Self::Sniffing(_) | Self::First)
    }
}

/// What the first bytes have to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A balancer's word on whose connection this is.
    ProxyHeader,
    /// TLS, or a protocol for clients.
    Any,
    /// TLS and nothing else.
    Tls,
    /// A protocol for clients.
    Protocol,
}

/// How packets are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    /// In messages; with a window, they may be compressed.
    WebSocket(Option<Window>),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// What the WebSocket codec must remember of a message that is not yet whole.
    pub(crate) receiver: Option<Box<Receiver>>,
    pub(crate) generation: u16,
    pub(crate) slot: Slot,
    pub(crate) stage: Stage,
    pub(crate) codec: Codec,
    pub(crate) transport: Transport,
    /// It is not read from until its shard can take more; it stands in that shard's list.
    pub(crate) waiting: bool,
}

const _: () = assert!(size_of::<Conn>() <= 16);

impl Conn {
    /// Nobody's.
    fn free(generation: u16) -> Self {
        Self {
            receiver: None,
            generation,
            slot: Slot(0),
            stage: Stage::Free,
            codec: Codec::Proto,
            transport: Transport::WebSocket(None),
            waiting: false,
        }
    }

    pub(crate) fn form(&self) -> Form {
        Form { codec: self.codec, tcp: self.is_tcp() }
    }

    #[inline]
    pub(crate) fn is_tcp(&self) -> bool {
        self.transport == Transport::Tcp
    }

    /// The window for compressed messages; `None` if the connection has none.
    #[inline]
    pub(crate) fn window(&self) -> Option<Window> {
        match self.transport {
            Transport::WebSocket(window) => window,
            Transport::Tcp => None,
        }
    }
}

/// All connections of one reactor.
#[derive(Debug)]
pub(crate) struct Table {
    gateway: u16,
    reactor: u8,
    conns: Vec<Conn>,
    free: Vec<u32>,
    /// Connections that have not yet sent their first packet.
    handshakes: usize,
    /// Connections that there may be.
    places: usize,
}

impl Table {
    pub(crate) fn new(gateway: u16, reactor: u8, places: usize) -> Self {
        let conns = Vec::with_capacity(places.min(PLACES_RESERVED_MAX));
        Self { gateway, reactor, conns, free: Vec::new(), handshakes: 0, places }
    }

    /// Takes an index into use; `None` if all are.
    pub(crate) fn insert(&mut self, awaited: Awaited) -> Option<(u32, &mut Conn)> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.conns.len() < self.places => {
                self.conns.push(Conn::free(0));
                self.conns.len() as u32 - 1
            }
            None => return None,
        };
        let conn = &mut self.conns[index as usize];
        conn.stage = Stage::Sniffing(awaited);
        self.handshakes += 1;
        Some((index, conn))
    }

    /// Takes note of how far a connection has come. What ends a handshake must be told here.
    pub(crate) fn advance(&mut self, index: u32, stage: Stage) {
        let conn = &mut self.conns[index as usize];
        let was = std::mem::replace(&mut conn.stage, stage);
        self.handshakes -= usize::from(was.is_handshake() && !stage.is_handshake());
    }

    /// Gives an index back; its next use has another generation.
    pub(crate) fn remove(&mut self, index: u32) {
        debug_assert!(self.get(index).is_some(), "index {index} is given back twice");
        self.advance(index, Stage::Free);
        let conn = &mut self.conns[index as usize];
        *conn = Conn::free((conn.generation + 1) & 0xFFF);
        self.free.push(index);
    }

    /// The connection at an index that is in use.
    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Conn> {
        self.conns.get_mut(index as usize).filter(|conn| conn.stage != Stage::Free)
    }

    /// See [`Table::get_mut`].
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&Conn> {
        self.conns.get(index as usize).filter(|conn| conn.stage != Stage::Free)
    }

    /// The open connection of this full name: none if the index has been used anew since, or the name is another reactor's.
    #[inline]
    pub(crate) fn open(&self, id: ConnId) -> Option<&Conn> {
        let conn = self.conns.get(id.index() as usize).filter(|conn| conn.stage == Stage::Open)?;
        (self.name(id.index(), conn) == id).then_some(conn)
    }

    /// The name of a connection, which means something once its slot is known.
    #[inline]
    pub(crate) fn name(&self, index: u32, conn: &Conn) -> ConnId {
        let Conn { slot, generation, .. } = *conn;
        ConnId::new(ConnParts { gateway: self.gateway, reactor: self.reactor, slot, generation, index })
    }

    /// The generation of each index, in use or not.
    pub(crate) fn generations(&self) -> impl ExactSizeIterator<Item = u16> {
        self.conns.iter().map(|conn| conn.generation)
    }

    /// Begins where the table of another process has ended: with these generations, and no connection as yet.
    pub(crate) fn take_over(&mut self, generations: impl Iterator<Item = u16>) {
        debug_assert!(self.conns.is_empty(), "a table is taken over before it is used");
        self.conns = generations.map(|generation| Conn::free(generation & 0xFFF)).collect();
    }

    /// Takes in a connection of that table. Whether there is such an index, with that generation, and free.
    pub(crate) fn adopt(&mut self, index: u32, conn: Conn) -> bool {
        let Some(place) = self.conns.get_mut(index as usize) else { return false };
        if place.stage != Stage::Free || place.generation != conn.generation {
            return false;
        }
        self.handshakes += usize::from(conn.stage.is_handshake());
        *place = conn;
        true
    }

    /// All connections of that table are here: the other indices are free, the lowest to be used first.
    pub(crate) fn all_adopted(&mut self) {
        let free = self.conns.iter().enumerate().rev().filter(|(_, conn)| conn.stage == Stage::Free);
        self.free = free.map(|(index, _)| index as u32).collect();
    }

    /// All connections, with their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Conn)> {
        self.conns
            .iter()
            .enumerate()
            .filter(|(_, conn)| conn.stage != Stage::Free)
            .map(|(i, conn)| (i as u32, conn))
    }

    /// No index is as large as this.
    pub(crate) fn capacity(&self) -> usize {
        self.conns.len()
    }

    /// How many connections have not yet sent their first packet.
    pub(crate) fn handshakes(&self) -> usize {
        debug_assert!(self.handshakes <= self.len());
        self.handshakes
    }

    /// How many connections there are.
    pub(crate) fn len(&self) -> usize {
        self.conns.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_dies_with_its_connection_though_the_index_lives_on() {
        let mut table = Table::new(1, 2, 1);
        let (index, conn) = table.insert(Awaited::Protocol).unwrap();
        (conn.slot, conn.stage) = (Slot(7), Stage::Open);
        let name = table.name(index, table.get(index).unwrap());
        assert!(table.open(name).is_some());
        table.remove(index);
        assert!(table.open(name).is_none() && table.get(index).is_none());
        let (again, conn) = table.insert(Awaited::Protocol).unwrap();
        (conn.slot, conn.stage) = (Slot(7), Stage::Open);
        assert_eq!(again, index);
        assert!(table.open(name).is_none());
        assert_eq!(table.len(), 1);
    }
}
