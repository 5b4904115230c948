//! The packets of client and edge as values: what `schema/holdfast/client/v1/packet.proto` describes, checked. Owns the types, their bounds and
//! both their forms on the wire ([`Codec`]); leaves their meaning to `state`, `logic` and `client`.
//!
//! Reading order: the types here, [`decode_client`] and its kin in `codec`, then `peek` (what a shard needs of a packet without
//! decoding it) and `splice` (how one payload serves many receivers).

mod codec;
mod convert;
mod peek;
mod secret;
mod splice;
#[cfg(test)]
mod tests;

use std::fmt;

pub use codec::{decode_client, decode_server, encode_client, encode_server, to_json, to_proto};
pub use peek::{ClientKind, Peek, peek_client, peek_refused};
pub use secret::Secret;
pub use splice::{prefix, shared};

use crate::ids::{ConversationId, DeviceId, Uid};
use crate::limits::REFUSED_TEXT_BYTES_MAX;

/// The form of packets on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    /// Protobuf, in binary WebSocket messages (`holdfast.v1.proto`) and over TCP.
    Proto = 1,
    /// The protobuf JSON mapping, in text WebSocket messages (`holdfast.v1.json`).
    Json = 2,
}

impl Codec {
    /// The heartbeat packet, the same bytes in both directions: the gateway compares and answers it without decoding.
    pub fn heartbeat(self, direction: Direction) -> &'static [u8] {
        match (self, direction) {
            (Self::Proto, Direction::Up) => &[0x12, 0x00],
            (Self::Proto, Direction::Down) => &[0x1A, 0x00],
            (Self::Json, _) => br#"{"heartbeat":{}}"#,
        }
    }
}

/// Which way a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From a client to the edge.
    Up,
    /// From the edge to a client.
    Down,
}

/// A packet from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPacket {
    /// 1, 2, 3, … for the commands of a device; 0 for what is no command.
    pub client_id: u64,
    /// What it says.
    pub body: ClientBody,
}

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientBody {
    /// Still here.
    Heartbeat,
    /// The first packet of a connection, unless it is a resume.
    Login(Login),
    /// A session is taken up on another connection.
    Resume(Resume),
    /// A message for a conversation. A command.
    Submit(Submit),
    /// Everything up to this push_seq has arrived.
    Ack {
        /// Cumulative.
        push_seq: u64,
    },
    /// A question for a piece of a conversation's log.
    Pull(Pull),
    /// A new group. A command.
    CreateGroup(CreateGroup),
    /// The end of the session.
    Logout,
    /// A question who of these is online, now and from now on; at most [`crate::limits::WATCHED_MAX`].
    Watch(Vec<Uid>),
}

/// Who wants in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user; chooses the slot.
    pub uid: Uid,
    /// Which of the user's devices.
    pub device: DeviceId,
    /// The JWT.
    pub token: String,
    /// Name and version of the client software.
    pub client: String,
}

/// Which session is taken up, and the proof that it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The user; chooses the slot.
    pub uid: Uid,
    /// Which of the user's devices.
    pub device: DeviceId,
    /// The session's name, at most [`crate::limits::SESSION_NAME_BYTES_MAX`] bytes.
    pub session: String,
    /// The newest secret that the client was told.
    pub secret: Secret,
    /// Everything up to this push_seq has arrived.
    pub last_push_seq: u64,
}

/// A message on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Where it goes.
    pub target: Target,
    /// What it says.
    pub body: Body,
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// To a conversation that exists.
    Conversation(ConversationId),
    /// To a user: the single chat with them.
    User(Uid),
}

/// What a message says: text, or bytes that only the clients understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// UTF-8 text.
    Text(String),
    /// Anything.
    Data(Vec<u8>),
}

impl Body {
    /// Its size in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Data(data) => data.len(),
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A question for `limit` messages from `from_seq` on; `from_seq` 0 asks for the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// Whose log.
    pub conversation: ConversationId,
    /// The first seq wanted, or 0.
    pub from_seq: u64,
    /// How many at most; 0 leaves it to the server.
    pub limit: u32,
}

/// A group to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateGroup {
    /// Its name, chosen by the client.
    pub conversation: ConversationId,
    /// The others in it.
    pub members: Vec<Uid>,
}

/// A packet from the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPacket {
    /// 1, 2, 3, … for what the client must acknowledge; 0 for the rest.
    pub push_seq: u64,
    /// The command that this answers; 0 if none.
    pub client_id: u64,
    /// What it says.
    pub body: ServerBody,
}

impl ServerPacket {
    /// An untracked packet that answers no command.
    pub fn plain(body: ServerBody) -> Self {
        Self { push_seq: 0, client_id: 0, body }
    }

    /// The answer to a command.
    pub fn answer(client_id: u64, body: ServerBody) -> Self {
        Self { push_seq: 0, client_id, body }
    }
}

/// What the edge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerBody {
    /// Still here.
    Heartbeat,
    /// The session is open.
    LoginOk(LoginOk),
    /// What came of a resume.
    ResumeOk(ResumeOk),
    /// There is no session for this connection: resume or log in on it.
    LoginRequired,
    /// A submit is durable.
    SubmitOk(SubmitOk),
    /// A group is made.
    GroupOk {
        /// Its name.
        conversation: ConversationId,
        /// How many are in it.
        members: u32,
    },
    /// A piece of a log.
    Pulled(Pulled),
    /// A message as it happens.
    Push(Message),
    /// A packet was not accepted.
    Refused(Refused),
    /// The session is over.
    Kicked {
        /// Why.
        reason: KickedReason,
        /// The same for a human.
        text: String,
    },
    /// Pushes were not kept: pull.
    Resync(Resync),
    /// This gateway goes away: hang up and come back.
    Move {
        /// Where to, as host:port; empty for where the client came from.
        address: String,
        /// After so many milliseconds.
        after_ms: u32,
    },
    /// How it stands with some users; at most [`crate::limits::WATCHED_MAX`].
    Presence(Vec<UserPresence>),
}

/// Whether a user is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPresence {
    /// Who.
    pub uid: Uid,
    /// Whether they have a session.
    pub online: bool,
    /// When they were last there, or came; Unix time in milliseconds, 0 if it is not known.
    pub since_ms: u64,
}

/// What the server decides for the client. All times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LoginOk {
    /// The session's name in logs.
    pub session: String,
    /// The highest client_id that was executed for this device.
    pub last_client_id: u64,
    /// A sign of life at least this often.
    pub heartbeat_interval_ms: u32,
    /// An ack at most this late …
    pub ack_delay_ms: u32,
    /// … or when so many are waiting.
    pub ack_every: u32,
    /// Patience before a command is sent again.
    pub submit_timeout_ms: u32,
    /// Commands that may be unanswered.
    pub uplink_window: u32,
    /// Reconnect back-off, base.
    pub reconnect_base_ms: u32,
    /// Reconnect back-off, ceiling.
    pub reconnect_max_ms: u32,
    /// The largest packet taken, in bytes.
    pub max_packet_bytes: u32,
    /// Unix time of the server.
    pub server_time_ms: u64,
    /// Proves that a resume is this session's; `None` from a server that knows no resume.
    pub secret: Option<Secret>,
    /// How long after the end of a connection its session can be resumed.
    pub resume_within_ms: u32,
}

/// What came of a resume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeOk {
    /// Whether the session goes on, and whole.
    pub verdict: Verdict,
    /// For the next resume; `None` with [`Verdict::Reset`].
    pub secret: Option<Secret>,
    /// All commands of the device up to here have been answered.
    pub last_client_id: u64,
    /// Unix time of the server.
    pub server_time_ms: u64,
}

/// How a resume was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum Verdict {
    /// The session goes on; all that is unacknowledged follows, and nothing was lost.
    Complete = 1,
    /// The session goes on; what was kept follows, and a [`Resync`] for what was not.
    Gap = 2,
    /// There is no such session, or the secret is not its: log in on this connection.
    Reset = 3,
}

/// What was not kept for a session that did not acknowledge.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Resync {
    /// In which conversations, and from where to where.
    pub missed: Vec<Missed>,
    /// In others, too: every conversation that is known must be pulled.
    pub everything: bool,
}

/// Messages of one conversation that were not pushed: some or all of `from_seq ..= to_seq`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Whose log.
    pub conversation: ConversationId,
    /// The first.
    pub from_seq: u64,
    /// The last.
    pub to_seq: u64,
}

/// A message has its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitOk {
    /// In which conversation.
    pub conversation: ConversationId,
    /// At which seq.
    pub seq: u64,
    /// Since when, Unix time in milliseconds.
    pub time_ms: u64,
}

/// A message in a conversation's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Whose log.
    pub conversation: ConversationId,
    /// Its place there.
    pub seq: u64,
    /// Who said it.
    pub sender: Uid,
    /// In a single chat, to whom.
    pub to: Option<Uid>,
    /// When it was given its place, Unix time in milliseconds.
    pub time_ms: u64,
    /// What it says.
    pub body: Body,
}

/// The messages of `from_seq .. next_seq`; a seq in that range that is not among them does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Whose log.
    pub conversation: ConversationId,
    /// The first seq spoken for.
    pub from_seq: u64,
    /// The first seq not spoken for.
    pub next_seq: u64,
    /// The last seq of the conversation.
    pub head: u64,
    /// In order of seq.
    pub messages: Vec<Message>,
}

/// Why a packet was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Machine-readable.
    pub code: RefusedCode,
    /// The field that was wrong, as a path; may be empty.
    pub field: String,
    /// For a developer's eyes.
    pub text: String,
    /// With [`RefusedCode::OutOfOrder`]: the client_id that is waited for.
    pub expected_client_id: u64,
    /// With [`RefusedCode::Unavailable`]: when to try again.
    pub retry_after_ms: u32,
}

impl Refused {
    /// A refusal with a code, a field and a text, the latter two cut to their bound.
    pub fn new(code: RefusedCode, field: &str, text: impl fmt::Display) -> Self {
        let mut text = text.to_string();
        text.truncate(text.floor_char_boundary(REFUSED_TEXT_BYTES_MAX));
        let field = field[..field.floor_char_boundary(REFUSED_TEXT_BYTES_MAX)].to_owned();
        Self { code, field, text, expected_client_id: 0, retry_after_ms: 0 }
    }
}

impl From<&PacketError> for Refused {
    fn from(error: &PacketError) -> Self {
        Self::new(RefusedCode::Invalid, error.field, &error.text)
    }
}

/// The kinds of refusal; the schema has a sentence on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
#[allow(missing_docs, reason = "packet.proto documents each, and the two are kept alike by `convert`")]
pub enum RefusedCode {
    Invalid = 1,
    LoginFirst = 2,
    TokenInvalid = 3,
    TokenExpired = 4,
    UnknownConversation = 5,
    NotAMember = 6,
    OutOfOrder = 7,
    ClientIdReused = 8,
    ConversationExists = 9,
    Unavailable = 10,
}

/// Why the server ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum KickedReason {
    /// The same device logged in elsewhere.
    Replaced = 1,
    /// The user has too many devices of its class.
    DeviceLimit = 3,
    /// The token that it was opened with was revoked.
    Revoked = 4,
    /// It was ended from elsewhere: by the user, or by somebody who may.
    SignedOut = 5,
}

/// A packet that cannot be accepted: which field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacketError {
    /// The field as a path (`submit.to`), or `packet`.
    pub field: &'static str,
    /// What is wrong.
    pub text: String,
}

impl PacketError {
    pub(crate) fn new(field: &'static str, text: impl fmt::Display) -> Self {
        Self { field, text: text.to_string() }
    }
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.text)
    }
}

impl std::error::Error for PacketError {}
