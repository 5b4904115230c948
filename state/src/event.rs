//! What a shard tells the log: [`Event`]. Owns the list; how it is written is the shell's business.

use std::fmt;
use std::net::SocketAddr;

use proto::close::CloseReason;
use proto::ids::{ConnId, Slot};
use proto::packet::{PacketError, RefusedCode};

use crate::{GatewayLink, Note};

/// Bits of a session's number that are its user's slot, the lowest ones: so whoever has a number knows the slot.
pub(crate) const SLOT_BITS: u32 = 10;
/// Bits below the moment at which the server began: a count, and the slot. So a number is not used twice: nobody opens four thousand sessions in each millisecond.
pub(crate) const COUNT_BITS: u32 = 12 + SLOT_BITS;

const _: () = assert!(1 << SLOT_BITS == proto::limits::SLOTS);

/// The slot of a session's user, by the session's number.
pub(crate) fn slot_of(session: u64) -> Slot {
    Slot((session & ((1 << SLOT_BITS) - 1)) as u16)
}

/// Names a session to its client and in the logs of both sides: the server's start, the shard and a count, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionName {
    pub(crate) shard: u32,
    pub(crate) number: u64,
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (begun, rest) = (self.number >> COUNT_BITS, self.number & ((1 << COUNT_BITS) - 1));
        let count = rest >> SLOT_BITS;
        write!(f, "{begun:x}-{:x}-{count:x}", self.shard)
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
    /// A session has lost its connection, and may be taken up on another.
    SessionLeft {
        /// Which.
        session: SessionName,
        /// Its connection.
        conn: ConnId,
        /// Why it is gone.
        reason: CloseReason,
    },
    /// A session was taken up on another connection.
    SessionResumed {
        /// Which.
        session: SessionName,
        /// Its connection from now on.
        conn: ConnId,
        /// From where, if the gateway said.
        peer: Option<SocketAddr>,
        /// Whether pushes were not kept, so that the client must pull.
        gap: bool,
    },
    /// A resume was not possible.
    ResumeRefused {
        /// On which connection.
        conn: ConnId,
        /// From where, if the gateway said.
        peer: Option<SocketAddr>,
        /// Why: the client is not told.
        why: NoResume,
    },
    /// A session is over.
    SessionEnded {
        /// Which.
        session: SessionName,
        /// Its last connection.
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
    /// The link of a gateway reactor has been gone for too long.
    GatewayDead {
        /// The gateway.
        gateway: u16,
        /// Its reactor.
        reactor: u8,
        /// Sessions that have lost their connection by it.
        sessions: usize,
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
    /// Something has happened to a session of the user that an operator traces.
    Traced {
        /// Which.
        session: SessionName,
        /// Whose.
        uid: &'a str,
        /// Which device.
        device: &'a str,
        /// What.
        note: Note,
    },
    /// Logic sent a packet that cannot be given to a client of this form.
    BadPacket(&'a PacketError),
}

/// Why a session was not taken up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoResume {
    /// The device has no session, or another one: the client comes too late.
    Unknown,
    /// The secret is not the session's, or not any more.
    Secret,
    /// The client says to have got what was never sent.
    NeverSent,
}

impl fmt::Display for NoResume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no such session",
            Self::Secret => "the secret is not the session's",
            Self::NeverSent => "the client says to have got what was never sent",
        })
    }
}

/// What a peer of ours must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A frame that its sender must not send.
    Frame(proto::link::LinkError),
    /// A frame came before the introduction, or an introduction after it.
    Order,
    /// It has proved to be another than it says.
    Impostor,
    /// The link is meant for another shard.
    OtherShard(u32),
    /// The same gateway and reactor has a newer link.
    Superseded,
    /// The same gateway and reactor is linked by a process that began later: of two with one number that one is right.
    Elder,
    /// It spoke of a connection that is not its own.
    Foreign(ConnId),
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
            Self::Impostor => f.write_str("it has proved to be another than it says"),
            Self::OtherShard(shard) => write!(f, "link meant for shard {shard}"),
            Self::Superseded => f.write_str("the same gateway and reactor has connected anew"),
            Self::Elder => {
                f.write_str("a gateway that began later has the same id: is it set on two of them?")
            }
            Self::Foreign(conn) => write!(f, "it spoke of {conn}, a connection that is not its own"),
            Self::TooMany => f.write_str("too many gateway reactors"),
            Self::Answer => f.write_str("an answer that does not fit its question"),
        }
    }
}
