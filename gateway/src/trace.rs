//! Telling an operator all that happens to some connections: [`Trace`]. Owns who is told of, and what each event is called; where it is written is the shell's.
//!
//! While nothing is traced the machine works on the shell's own [`Output`], whose [`Output::note`] is empty. While something is, it works on a [`Traced`] one, which
//! listens. So the path of a message pays nothing but the question, once for each input, which of the two it is.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;

use proto::close::CloseReason;
use proto::ids::ConnId;
use proto::ws::Opcode;

use crate::census::Chosen;
use crate::machine::Gateway;
use crate::{Found, Output};

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note<'a> {
    /// It was taken in, or a balancer has told whose it is.
    From(SocketAddr),
    /// So many bytes were read.
    Read(usize),
    /// It was upgraded to a WebSocket.
    Upgraded,
    /// A message or a control frame came, with so many bytes of payload.
    Message(Opcode, usize),
    /// A packet over TCP came, with so many bytes.
    Packet(usize),
    /// Its first packet is the login of this user.
    Login(&'a str),
    /// It has got its name.
    Named(ConnId),
    /// So many bytes were appended to what goes to its shard.
    Uplink(usize),
    /// So many bytes were queued or sent to it, heads counted.
    Sent(usize),
    /// It does not take what it is sent.
    Blocked,
    /// It has taken everything.
    Drained,
    /// It has ended.
    Ended(CloseReason),
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(peer) => write!(f, "connected from {peer}"),
            Self::Read(bytes) => write!(f, "read {bytes} bytes"),
            Self::Upgraded => f.write_str("upgraded to a WebSocket"),
            Self::Message(opcode, bytes) => write!(f, "received {opcode:?} of {bytes} bytes"),
            Self::Packet(bytes) => write!(f, "received a packet of {bytes} bytes"),
            Self::Login(uid) => write!(f, "{uid:?} logs in"),
            Self::Named(conn) => write!(f, "is named {conn}"),
            Self::Uplink(bytes) => write!(f, "forwarded {bytes} bytes to its shard"),
            Self::Sent(bytes) => write!(f, "was sent {bytes} bytes"),
            Self::Blocked => f.write_str("does not take what it is sent"),
            Self::Drained => f.write_str("has taken all it was sent"),
            Self::Ended(reason) => write!(f, "ended: {}", reason.label()),
        }
    }
}

/// Whom a trace is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traced {
    /// Connections that an operator can choose, those that are there and those that come.
    Chosen(Chosen),
    /// The connections with which this user logs in from now on. Of those that are there a gateway knows no user.
    User(String),
}

/// A trace that is switched on.
#[derive(Debug)]
pub(crate) struct Trace {
    of: Traced,
    indices: HashSet<u32>,
}

impl Trace {
    pub(crate) fn new(of: Traced) -> Self {
        Self { of, indices: HashSet::new() }
    }

    /// Looks whether what has just become known of a connection makes it one of those that are meant.
    pub(crate) fn learn(&mut self, index: u32, note: Note<'_>) {
        let is_meant = match (&self.of, note) {
            (Traced::Chosen(Chosen::From(range)), Note::From(peer)) => range.contains(peer.ip()),
            (Traced::Chosen(Chosen::Slot(slot)), Note::Named(conn)) => conn.slot() == *slot,
            (Traced::User(wanted), Note::Login(uid)) => wanted == uid,
            _ => return,
        };
        if is_meant {
            self.indices.insert(index);
        } else {
            // A balancer's address may have been meant, and its client's not.
            self.indices.remove(&index);
        }
    }
}

impl Gateway {
    /// Traces these connections from now on, and no others; or none.
    pub fn trace(&mut self, of: Option<Traced>) {
        self.trace = of.map(|of| Box::new(Trace::new(of)));
    }

    /// Takes into the trace those that are there already, from a place of the table on. What it has found, as [`Gateway::find`] tells.
    pub fn trace_on(&mut self, from: u32, out: &mut impl Output) -> Found {
        let Some(Traced::Chosen(chosen)) = self.trace.as_ref().map(|trace| trace.of.clone()) else {
            return Found::default();
        };
        let found = self.find(chosen, from, usize::MAX, out);
        if let Some(trace) = &mut self.trace {
            trace.indices.extend(found.seen.iter().map(|seen| seen.conn.index()));
        }
        found
    }
}

/// An output that tells what is done to the traced connections, and does it.
#[derive(Debug)]
pub(crate) struct Listening<'a, O> {
    pub(crate) out: &'a mut O,
    pub(crate) trace: &'a mut Trace,
}

impl<O: Output> Output for Listening<'_, O> {
    fn note(&mut self, index: u32, note: Note<'_>) {
        self.trace.learn(index, note);
        if self.trace.indices.contains(&index) {
            self.out.tell(index, note);
        }
    }

    fn tell(&mut self, index: u32, note: Note<'_>) {
        self.out.tell(index, note);
    }

    fn consumed(&mut self, bytes: usize) {
        self.out.consumed(bytes);
    }

    fn send(&mut self, index: u32, parts: &[&[u8]]) -> usize {
        self.note(index, Note::Sent(parts.iter().map(|part| part.len()).sum()));
        self.out.send(index, parts)
    }

    fn reply(&mut self, index: u32, bytes: &[u8]) {
        self.note(index, Note::Sent(bytes.len()));
        self.out.reply(index, bytes);
    }

    fn finish(&mut self, index: u32) {
        self.out.finish(index);
    }

    fn close(&mut self, index: u32) {
        self.trace.indices.remove(&index);
        self.out.close(index);
    }

    fn secure(&mut self, index: u32) {
        self.out.secure(index);
    }

    fn resume(&mut self, index: u32) {
        self.out.resume(index);
    }

    fn peer(&mut self, index: u32) -> SocketAddr {
        self.out.peer(index)
    }

    fn held_for(&mut self, index: u32) -> usize {
        self.out.held_for(index)
    }

    fn shard(&mut self, shard: u32) -> &mut Vec<u8> {
        self.out.shard(shard)
    }

    fn shards(&mut self, count: u32, anew: bool) {
        self.out.shards(count, anew);
    }

    fn ended(&mut self, index: u32, conn: Option<ConnId>, reason: CloseReason) {
        self.note(index, Note::Ended(reason));
        self.out.ended(index, conn, reason);
    }
}
