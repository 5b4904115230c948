//! The SDK: one device of one user, as a pure [`Machine`], the bytes it speaks ([`wire`]), a blocking shell ([`Client`])
//! and a terminal chat ([`chat`]).
//!
//! [`Input`] and [`Output`] are the table of contents. The machine and the wire never open a socket, read a clock, start a thread or
//! log; the shell does all of that and decides nothing. What this crate promises an app: every command is answered exactly
//! once, whatever happens to the connection, and each conversation is delivered in the order of its log, without gaps or doubles.

pub mod chat;
mod machine;
mod random;
mod shell;
pub mod wire;

use std::fmt;

use proto::ids::{ConversationId, DeviceId, Uid};
use proto::packet::{
    ClientBody, ClientPacket, CreateGroup, KickedReason, Message, Pull, Pulled, Refused, Resume, Secret,
    ServerPacket, Submit, SubmitOk, UserPresence,
};

pub use machine::Machine;
pub use shell::{Client, Options};

/// What the app calls a command or a pull; it comes back with the answer. The machine does not look at it.
pub type Ticket = u64;

/// What happens to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Begin: dial. Given once, first.
    Start,
    /// The connection is open, its upgrade included.
    Connected,
    /// The connection, or the attempt to open one, has failed or was closed by the server. Not given after [`Output::Hangup`].
    Disconnected,
    /// A packet came.
    Packet(ServerPacket),
    /// The app wants something done; answered by [`Event::Answered`].
    Command(Ticket, Command),
    /// The app wants a piece of a conversation's log; answered by [`Event::History`].
    Pull(Ticket, Pull),
    /// The app wants to know of these users who is online, now and from now on; told by [`Event::Presence`]. At most
    /// [`WATCHED_MAX`](proto::limits::WATCHED_MAX).
    Watch(Vec<Uid>),
    /// The app is going; what is unanswered by then fails with [`Failure::Stopped`].
    Logout,
}

/// What a client wants done, in the order it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say something.
    Submit(Submit),
    /// Make a group.
    CreateGroup(CreateGroup),
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Open a connection now (the machine has waited for the back-off), and tell [`Input::Connected`] or [`Input::Disconnected`].
    Dial,
    /// Send a Login. The shell holds the token, so that a fresh one can be used each time and an idle machine stays small.
    Login,
    /// Send a Resume: [`Resumption::packet`] makes it, with the names that the shell holds.
    Resume(Box<Resumption>),
    /// Send this.
    Send(ClientPacket),
    /// Close the connection, after what was sent before.
    Hangup,
    /// The next [`Output::Dial`], and no later one, goes to this host:port, by the same protocol.
    Moved(String),
    /// Tell the app.
    Event(Event),
}

/// What takes a session up on a new connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// The session's name.
    pub session: String,
    /// The newest secret.
    pub secret: Secret,
    /// All pushes up to here have arrived.
    pub last_push_seq: u64,
}

impl Resumption {
    /// The packet of the device whose session it is.
    pub fn packet(self, uid: Uid, device: DeviceId) -> ClientPacket {
        let Self { session, secret, last_push_seq } = self;
        let body = ClientBody::Resume(Resume { uid, device, session, secret, last_push_seq });
        ClientPacket { client_id: 0, body }
    }
}

/// What the app is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The session is open, or another one in the place of one that is lost: its name in logs, and the Unix time of the server in milliseconds.
    LoggedIn {
        /// The session's name in logs.
        session: String,
        /// Unix time of the server.
        server_time_ms: u64,
    },
    /// The session goes on after its connection was lost: nothing was missed, or what was comes now.
    Resumed {
        /// Unix time of the server, in milliseconds.
        server_time_ms: u64,
    },
    /// There is no connection; the next attempt is in so many milliseconds.
    Offline {
        /// Until the next [`Output::Dial`].
        retry_ms: u64,
    },
    /// The next message of its conversation, whoever said it, this device included. Of this device's own messages those said to a single
    /// chat by its conversation id have no `to`.
    Delivered(Message),
    /// A command has its answer.
    Answered(Ticket, Result<Answer, Failure>),
    /// A pull has its answer.
    History(Ticket, Result<Pulled, Failure>),
    /// How it stands with users that are watched: all of them after each login and resume, later those that came or went.
    Presence(Vec<UserPresence>),
    /// The server ended the session; [`Event::Offline`] or [`Event::Stopped`] follows.
    Kicked(KickedReason, String),
    /// The server refused something that cannot be told apart any more, or the packet as such.
    Refused(Refused),
    /// The machine has stopped for good: every command and pull has been answered. The last event.
    Stopped(StopReason),
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The message is durable and has its place.
    Submitted(SubmitOk),
    /// The group exists.
    GroupMade {
        /// Its name.
        conversation: ConversationId,
        /// How many are in it.
        members: u32,
    },
}

/// Why a command or a pull came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server said no.
    Refused(Refused),
    /// Too many commands or pulls wait already; nothing was sent.
    QueueFull,
    /// It can never fit a packet; nothing was sent.
    TooBig,
    /// The machine stopped before the answer came: what was sent may or may not have been done.
    Stopped,
}

/// Why a client stopped for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The app logged out.
    LoggedOut,
    /// The same device logged in elsewhere; to go on would be to fight it.
    Replaced,
    /// The server ended the session for another reason, and would end the next one.
    Kicked(KickedReason),
    /// The login was refused, and would be again.
    LoginRefused(Refused),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => {
                write!(f, "{:?}", refused.code)?;
                [&refused.field, &refused.text].iter().filter(|part| !part.is_empty()).try_for_each(|part| {
                    f.write_str(": ")?;
                    f.write_str(part)
                })
            }
            Self::QueueFull => f.write_str("too many commands wait already"),
            Self::TooBig => f.write_str("it is too big for a packet"),
            Self::Stopped => f.write_str("the client stopped before the answer came"),
        }
    }
}

impl std::error::Error for Failure {}
