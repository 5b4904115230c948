//! Telling an operator all that happens to one user's sessions: [`Note`]. Owns who is told of; where it is written is the shell's. While nobody is traced each of these
//! questions is one comparison.

use std::fmt;

use proto::close::CloseReason;
use proto::ids::{ConnId, Uid};
use proto::packet::ClientKind;

use super::Shard;
use crate::{Event, Output};

/// What happens to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// It has this connection from now on.
    On(ConnId),
    /// It has lost its connection.
    Left(CloseReason),
    /// It is over.
    Ended(CloseReason),
    /// Its client sent a packet of this kind, with this client_id and so many bytes.
    Sent(ClientKind, u64, usize),
    /// An answer of logic of so many bytes went to it.
    Answered(usize),
    /// A push with this push_seq (0: it merges) and so many bytes went to it.
    Pushed(u64, usize),
    /// So many pushes are sent to it again.
    Again(usize),
    /// It has acknowledged so far.
    Acknowledged(u64),
    /// It does not take what it is sent, or does again.
    Blocked(bool),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(conn) => write!(f, "is on {conn}"),
            Self::Left(reason) => write!(f, "has lost its connection: {}", reason.label()),
            Self::Ended(reason) => write!(f, "ended: {}", reason.label()),
            Self::Sent(kind, 0, bytes) => write!(f, "sent {kind:?} of {bytes} bytes"),
            Self::Sent(kind, id, bytes) => write!(f, "sent {kind:?} number {id} of {bytes} bytes"),
            Self::Answered(bytes) => write!(f, "was answered with {bytes} bytes"),
            Self::Pushed(0, bytes) => write!(f, "was told a state of {bytes} bytes"),
            Self::Pushed(push_seq, bytes) => write!(f, "was pushed number {push_seq} of {bytes} bytes"),
            Self::Again(count) => write!(f, "is sent {count} pushes again"),
            Self::Acknowledged(push_seq) => write!(f, "has acknowledged up to {push_seq}"),
            Self::Blocked(true) => f.write_str("does not take what it is sent"),
            Self::Blocked(false) => f.write_str("takes what it is sent again"),
        }
    }
}

impl Shard {
    /// Tells all that happens to this user's sessions from now on, and to no others; or to none.
    pub fn trace(&mut self, uid: Option<Uid>) {
        self.traced = uid;
    }

    /// Tells of something, if its user is traced.
    #[inline]
    pub(super) fn note(&self, place: u32, note: Note, out: &mut dyn Output) {
        if let Some(uid) = &self.traced {
            self.tell(uid, place, note, out);
        }
    }

    #[cold]
    fn tell(&self, uid: &Uid, place: u32, note: Note, out: &mut dyn Output) {
        if let Some(session) = self.sessions.get(place).filter(|session| session.uid() == uid.as_str()) {
            let name = self.name(session.number);
            out.event(Event::Traced { session: name, uid: uid.as_str(), device: session.device(), note });
        }
    }
}
