//! What a shard tells the log: [`Event`]. Owns the list; how it is written is the shell's business.

use std::fmt;
use std::net::SocketAddr;

use proto::close::CloseReason;
use proto::ids::ConnId;
use proto::packet::{PacketError, RefusedCode};

use crate::GatewayLink;

/// Names a session in logs of both sides: the server's start, the shard and a count, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionName {
    pub(crate) boot_epoch: u64,
    pub(crate) shard: u32,
    pub(crate) number: u64,
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{:x}-{:x}", self.boot_epoch, self.shard, self.number)
    }
}

/// Something that a log may want to tell.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A device has logged in.
    SessionOpened {
        /// Its session.
        session: SessionName,
        /// On which connection.
        conn: ConnId,
        /// From where, if the gateway said.
        peer: Option<SocketAddr>,
        /// Whose.
        uid: &'a str,
        /// Which device.
        device: &'a str,
        /// Its software.
        client: &'a str,
    },
    /// A session is over.
    SessionEnded {
        /// Which.
        session: SessionName,
        /// Its connection.
        conn: ConnId,
        /// Whose.
        uid: &'a str,
        /// Which device.
        device: &'a str,
        /// Why.
        reason: CloseReason,
    },
    /// A first packet or a login was not accepted.
    LoginRefused {
        /// On which connection.
        conn: ConnId,
        /// From where, if the gateway said.
        peer: Option<SocketAddr>,
        /// What the client is told.
        code: RefusedCode,
        /// What is wrong.
        text: &'a str,
    },
    /// A gateway reactor has introduced itself.
    GatewayLinked {
        /// Over which link.
        link: GatewayLink,
        /// The gateway.
        gateway: u16,
        /// Its reactor.
        reactor: u8,
        /// Sessions of it that are held since before.
        sessions: usize,
    },
    /// A gateway reactor has told which connections it holds.
    Reconciled {
        /// The gateway.
        gateway: u16,
        /// Its reactor.
        reactor: u8,
        /// Sessions that ended because their connection is gone.
        ended: usize,
        /// Connections that were asked to log in again.
        asked: usize,
    },
    /// The link of a gateway reactor is gone.
    GatewayLost {
        /// The gateway.
        gateway: u16,
        /// Its reactor.
        reactor: u8,
        /// Sessions that wait for it to come back.
        sessions: usize,
    },
    /// Logic is ready.
    LogicLinked {
        /// Calls that were sent again.
        again: usize,
    },
    /// The link to logic is gone.
    LogicLost {
        /// Calls that wait for it to come back.
        waiting: usize,
    },
    /// A process of ours did what it must not; its link is dropped.
    Fault {
        /// Over which link; `None` for logic's.
        link: Option<GatewayLink>,
        /// What.
        fault: Fault,
    },
    /// Logic sent a packet that cannot be given to a client of this form.
    BadPacket(&'a PacketError),
}

/// What a peer of ours must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A frame that its sender must not send.
    Frame(proto::link::LinkError),
    /// A frame came before the introduction, or an introduction after it.
    Order,
    /// The link is meant for another shard.
    OtherShard(u32),
    /// The same gateway and reactor has a newer link.
    Superseded,
    /// There are too many links.
    TooMany,
    /// An answer does not fit its question.
    Answer,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Order => f.write_str("a link must begin with one introduction"),
            Self::OtherShard(shard) => write!(f, "link meant for shard {shard}"),
            Self::Superseded => f.write_str("the same gateway and reactor has connected anew"),
            Self::TooMany => f.write_str("too many gateway reactors"),
            Self::Answer => f.write_str("an answer that does not fit its question"),
        }
    }
}
