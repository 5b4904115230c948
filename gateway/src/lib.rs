//! The gateway: holds the sockets of clients, and nothing that needs a memory.
//!
//! The machine is here, the shell around it in [`shell`]. A [`Gateway`] is one reactor's: it tells WebSocket from raw TCP, upgrades, cuts
//! the bytes into packets, reads the first packet of a connection for its uid, and from then on moves packets between clients and state
//! shards unread. It must never know a user, keep a timer of a session, keep a message, or read a packet after the first.
//!
//! Reading order: [`Input`] and [`Output`] here, then `admission` (who is taken in), `machine` (what each input does), `receive` (a client's bytes), `echo` (what becomes of them without a state server), `deflate`
//! (compressed messages), `links` (the shards), `table` (the only state there is).

mod admission;
mod bounds;
mod bucket;
mod census;
mod cidr;
mod config;
mod deflate;
mod drain;
mod echo;
mod fifo;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod handover;
mod links;
mod machine;
mod memory;
mod meters;
mod policy;
mod proxied;
mod receive;
mod room;
pub mod shell;
mod sources;
mod stalls;
mod table;
#[cfg(test)]
mod tests;
mod trace;
mod tunables;
mod unfinished;

pub use admission::{HandshakeLimits, Refusal, TurnedAway};
pub use bounds::Bounds;
pub use census::{Chosen, Found, Progress, Seen};
pub use cidr::Cidr;
pub use config::Config;
pub use machine::{Counts, Gateway, Mode, Settings, Tls};
pub use memory::Watermark;
pub use meters::RateLimits;
pub use policy::Policy;
use proto::close::CloseReason;
use proto::ids::ConnId;
pub use room::Room;
pub use sources::SourceLimits;
use std::net::SocketAddr;
use std::sync::Arc;
pub use trace::{Note, Traced};
pub use tunables::Tunables;

/// By which listener a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The one for clients: the first bytes tell the protocol.
    Clients,
    /// The one for balancers, who say whose connection it is before anything else (the PROXY protocol). Only trusted ones may.
    Balancers,
    /// The one for clients that speak TLS: the first bytes inside of it tell the protocol.
    Tls,
}

/// What can happen to a gateway. Connections are named by their index in its table.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes of a client: what was not consumed last time, and what has come since. They are unmasked in place.
    Received {
        /// Whose.
        index: u32,
        /// All that there are.
        bytes: &'a mut [u8],
        /// How many of them, at their end, were not there last time; at the first time, all.
        fresh: usize,
    },
    /// A part of something has come that cannot be read before the rest of it is there: of a TLS record. To be told after what could be read.
    Partial {
        /// Of whom.
        index: u32,
    },
    /// A client's connection is at its end: the client said so, or it broke.
    Gone {
        /// Whose.
        index: u32,
        /// How.
        reason: CloseReason,
    },
    /// The shell cannot go on with a client's connection, which ends in good order: what was sent to it leaves first.
    Failed {
        /// Whose.
        index: u32,
        /// Why.
        reason: CloseReason,
    },
    /// A client does not take what it is sent.
    Blocked {
        /// Which.
        index: u32,
    },
    /// It has taken everything.
    Drained {
        /// Which.
        index: u32,
    },
    /// The link to a shard has just been connected: introduce yourself.
    Connected {
        /// Which shard.
        shard: u32,
    },
    /// A frame from a shard.
    FromState {
        /// Which shard.
        shard: u32,
        /// The frame's kind.
        kind: u8,
        /// Its body.
        body: &'a [u8],
    },
    /// The link to a shard is lost, with all that was on its way.
    Disconnected {
        /// Which shard.
        shard: u32,
    },
    /// So much memory is held for clients after a flush. Need only be told while this reactor holds more than its share ([`Watermark::share`]).
    Held {
        /// By this reactor's sockets and machine.
        here: usize,
        /// By those of all reactors of the process.
        everywhere: usize,
    },
    /// So many bytes wait for a shard after a flush.
    Backlog {
        /// Which shard.
        shard: u32,
        /// How many.
        bytes: usize,
    },
    /// This process ends: let every client go, evenly over [`Tunables::drain`]. Nobody is accepted any more.
    Drain,
    /// An operator wants a connection ended.
    Kick {
        /// Which.
        index: u32,
    },
    /// The operator has changed something. It holds for what is decided from now on.
    Reload(Arc<Tunables>),
}

/// What a gateway wants done. The shell gathers it and does it at the end of the turn, in order for each connection and each shard.
pub trait Output {
    /// So many bytes of the [`Input::Received`] at hand were taken; the rest must come again.
    fn consumed(&mut self, bytes: usize);

    /// Send these parts, one after the other, to a client. Returns how many bytes now wait for it.
    fn send(&mut self, index: u32, parts: &[&[u8]]) -> usize;

    /// Send `bytes` to a client, at once if nothing waits for it.
    fn reply(&mut self, index: u32, bytes: &[u8]);

    /// End a client's connection once everything sent to it has left; the machine goes on to hold its index.
    fn finish(&mut self, index: u32);

    /// Close a client's connection at once; its index is free.
    fn close(&mut self, index: u32);

    /// What comes from this client from here on is TLS, and so must be what is sent to it: let it be so for the sockets alone. [`Input::Received`] is what
    /// stands inside, and takes up again when there is some.
    fn secure(&mut self, index: u32);

    /// Read from this client again, though no event may tell of it.
    fn resume(&mut self, index: u32);

    /// The address of a client's socket. Asked once for each connection, unless a balancer has told the client's own.
    fn peer(&mut self, index: u32) -> SocketAddr;

    /// Bytes of memory that are held outside of the machine for a client: what waits for it, and what of it was not taken.
    fn held_for(&mut self, index: u32) -> usize;

    /// The frames that go to a shard: append.
    fn shard(&mut self, shard: u32) -> &mut Vec<u8>;

    /// There are so many shards: keep a link to each; connect those that there are anew, too, or keep them.
    fn shards(&mut self, count: u32, anew: bool);

    /// Something happened to a connection that a trace would tell.
    #[inline]
    fn note(&mut self, _index: u32, _note: Note<'_>) {}

    /// Tell that something happened to a traced connection.
    fn tell(&mut self, _index: u32, _note: Note<'_>) {}

    /// For the log: a connection has ended. `conn` is `None` if it never had a name.
    fn ended(&mut self, index: u32, conn: Option<ConnId>, reason: CloseReason);
}

/// A shard sent what it must not send; its link must be closed.
pub type LinkError = proto::link::LinkError;
