//! What logic remembers, as a trait: conversations, their messages, and the outcomes of commands. Owns the contract; the engines are
//! [`memory`] (tests and simulation) and [`sqlite`] (the default of a server). What the records mean is the machine's business.

pub mod memory;
pub mod people;
pub mod sqlite;

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use proto::ids::{ConversationId, Uid};
use proto::packet::Message;

use crate::Device;
pub use people::People;

/// A store with one writer and one transaction at a time.
///
/// The transaction needs no beginning: everything since the last [`Store::commit`] or [`Store::rollback`] is in it, and reads see it. A crash
/// is a rollback that nobody asked for. After a call has failed, only [`Store::rollback`] may follow.
pub trait Store: People {
    /// The highest client_id that has an outcome; 0 if there is none.
    fn last_client_id(&mut self, device: &Device) -> Result<u64, StoreError>;

    /// What came of a command. The newest [`OUTCOMES_KEPT`](proto::limits::OUTCOMES_KEPT) of a device are certainly there.
    fn outcome(&mut self, device: &Device, client_id: u64) -> Result<Option<Outcome>, StoreError>;

    /// Remembers what came of the command after the last, and may forget one that is older than
    /// [`OUTCOMES_KEPT`](proto::limits::OUTCOMES_KEPT).
    fn keep_outcome(&mut self, device: &Device, client_id: u64, outcome: &Outcome) -> Result<(), StoreError>;

    /// A conversation, if there is one of this name.
    fn conversation(&mut self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;

    /// Makes a conversation that did not exist, with its members in order and each once.
    fn create(&mut self, id: &ConversationId, members: Arc<[Uid]>) -> Result<(), StoreError>;

    /// Appends a message to a conversation that exists. Its seq is beyond the head and becomes the head; its sender is a member.
    fn append(&mut self, message: &Message) -> Result<(), StoreError>;

    /// Shows a piece of a conversation's log to `take`, until that breaks off.
    fn messages(&mut self, id: &ConversationId, piece: Piece, take: &mut Take<'_>) -> Result<(), StoreError>;

    /// The place of the last commit in the order of all that there were: each with a message in it has a higher one than those before it.
    fn committed(&self) -> u64;

    /// All messages of the commits up to a place were taken by those who deliver them. That becomes durable with the next message, at the latest.
    fn taken(&mut self, place: u64);

    /// Shows the messages that were not taken, as far as is durable, in the order of their commits: each with a place before its commit. The oldest may be left out
    /// if there are more than the store has room for.
    fn not_taken(&mut self, take: &mut dyn FnMut(u64, Message)) -> Result<(), StoreError>;

    /// Makes everything since the last commit durable: it survives a crash of the process and of the machine. An engine whose syncs have been given to somebody else leaves the
    /// crash of the machine to them.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Undoes everything since the last commit.
    fn rollback(&mut self) -> Result<(), StoreError>;

    /// Housekeeping between transactions that may take its time.
    fn tidy(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What is shown the messages of a piece.
pub type Take<'a> = dyn FnMut(Message) -> ControlFlow<()> + 'a;

/// A conversation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// The seq of its last message; 0 if it has none.
    pub head: u64,
    /// The time of its last message, Unix time in milliseconds; 0 if it has none.
    pub head_ms: u64,
    /// Who is in it, in order and each once.
    pub members: Arc<[Uid]>,
}

impl Conversation {
    /// Whether a user is in it.
    pub fn has(&self, uid: &Uid) -> bool {
        self.members.binary_search(uid).is_ok()
    }
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What a retry of the command is recognised by.
    pub digest: u64,
    /// The answer: a server packet in protobuf form.
    pub reply: Vec<u8>,
}

/// A piece of a conversation's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// From a seq on, growing.
    On {
        /// The first seq.
        from: u64,
        /// How many messages at most.
        limit: u32,
    },
    /// From a seq back, falling.
    Back {
        /// The first, and highest, seq.
        from: u64,
        /// How many messages at most.
        limit: u32,
    },
}

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// It can take nothing now and may later, when somebody has made room (a full disk) or has finished (a lock). Nothing is broken.
    Transient(String),
    /// It cannot be trusted any more. What was written since the last commit may be there or not: after a failed fsync the system may have dropped
    /// the very pages that it could not write, and the next fsync would succeed. Only opening it again tells.
    Broken(String),
}

impl StoreError {
    /// Whether it may pass.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient(text) => write!(f, "the store takes nothing at the moment: {text}"),
            Self::Broken(text) => write!(f, "the store is broken: {text}"),
        }
    }
}

impl std::error::Error for StoreError {}
