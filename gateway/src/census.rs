//! Looking at connections for an operator. Owns who is meant and how much of the table is looked at in one go; the questions come
//! through the shell.

use std::net::SocketAddr;

use proto::ids::{ConnId, Slot};
use proto::limits::CONNECTIONS_SCANNED;

use crate::machine::Gateway;
use crate::table::{Conn, Stage, Transport};
use crate::{Cidr, Output};

/// Which connections an operator means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// All there are.
    All,
    /// Those of clients at these addresses.
    From(Cidr),
    /// Those whose user belongs to this slot. A gateway knows no users: about a thousandth of all belong to the same.
    Slot(Slot),
    /// This one.
    Conn(ConnId),
}

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its name. Before a login the slot in it is 0 and means nothing.
    pub conn: ConnId,
    /// Where its client is.
    pub peer: SocketAddr,
    /// How its bytes are framed: "tcp", "websocket", "websocket+deflate", or "unknown" as yet.
    pub transport: &'static str,
    /// How far it has come.
    pub progress: Progress,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Its protocol is not known yet, or its upgrade request is not whole.
    Handshake,
    /// Its first packet is awaited.
    FirstPacket,
    /// It is in use.
    Open,
    /// It has been ended, and its client is given time to see that.
    Closing,
}

impl Progress {
    /// Its name for an operator.
    pub fn label(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::FirstPacket => "first_packet",
            Self::Open => "open",
            Self::Closing => "closing",
        }
    }
}

/// What a look at a piece of the table has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The connections, in the order of their places.
    pub seen: Vec<Seen>,
    /// From where to go on; `None` when the table is at its end.
    pub next: Option<u32>,
}

impl Gateway {
    /// Looks for connections from a place of the table on: for at most `limit` of them, at no more places than one turn has time for.
    pub fn find(&self, chosen: Chosen, from: u32, limit: usize, out: &mut impl Output) -> Found {
        let mut found = Found::default();
        let (from, last) = match chosen {
            Chosen::Conn(id) => (from.max(id.index()), id.index()),
            _ => (from, u32::MAX),
        };
        let end = from.saturating_add(CONNECTIONS_SCANNED);
        let capacity = self.table.capacity() as u32;
        for index in from..end.min(capacity).min(last.saturating_add(1)) {
            if found.seen.len() >= limit {
                found.next = Some(index);
                return found;
            }
            if let Some(conn) = self.table.get(index) {
                found.seen.extend(self.seen(index, conn, chosen, out));
            }
        }
        found.next = Some(end).filter(|next| *next < capacity && *next <= last);
        found
    }

    fn seen(&self, index: u32, conn: &Conn, chosen: Chosen, out: &mut impl Output) -> Option<Seen> {
        let name = self.table.name(index, conn);
        let is_meant = match chosen {
            Chosen::All | Chosen::From(_) => true,
            Chosen::Slot(slot) => conn.stage == Stage::Open && conn.slot == slot,
            Chosen::Conn(id) => id == name,
        };
        if !is_meant {
            return None;
        }
        let peer = self.proxied.client(index).unwrap_or_else(|| out.peer(index));
        if let Chosen::From(range) = chosen
            && !range.contains(peer.ip())
        {
            return None;
        }
        let progress = match conn.stage {
            Stage::Sniffing(_) => Progress::Handshake,
            Stage::First => Progress::FirstPacket,
            Stage::Open => Progress::Open,
            Stage::Free | Stage::Closing => Progress::Closing,
        };
        Some(Seen { conn: name, peer, transport: transport(conn), progress })
    }
}

fn transport(conn: &Conn) -> &'static str {
    match (conn.stage, conn.transport) {
        (Stage::Sniffing(_), _) => "unknown",
        (_, Transport::Tcp) => "tcp",
        (_, Transport::WebSocket(None)) => "websocket",
        (_, Transport::WebSocket(Some(_))) => "websocket+deflate",
    }
}
