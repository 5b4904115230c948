//! A client for an ordinary program: [`Client`] runs the machine on a thread of its own and reconnects by itself. Owns the handle and its bounds;
//! the thread's work is `worker`'s, and every decision is the machine's.

mod worker;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, bounded};
use proto::ids::{ConversationId, DeviceId, Uid};
use proto::limits::{CLIENT_COMMANDS_MAX, CLIENT_EVENTS_MAX, CLIENT_PULLS_MAX};
use proto::packet::{Body, Codec, CreateGroup, Login, Pull, Submit, Target};
use reactor::wake::Mailbox;

use crate::wire::{Address, Transport};
use crate::{Command, Event, Failure, Input, Ticket};
use worker::Worker;

/// Who connects where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The edge.
    pub url: Address,
    /// The user.
    pub uid: Uid,
    /// Which of the user's devices. Two clients with the same one push each other out.
    pub device: DeviceId,
    /// A JWT for the user.
    pub token: String,
    /// The form of packets over WebSocket; TCP always carries protobuf.
    pub codec: Codec,
}

/// A device of a user, online whenever it can be.
///
/// Events must be taken from [`Client::events`]: when [`CLIENT_EVENTS_MAX`] of them wait, the client stands still and the server will end its
/// session. Dropping a client closes its connection at once; [`Client::log_out`] first is more polite.
#[derive(Debug)]
pub struct Client {
    mailbox: Mailbox<Request>,
    /// Taken by `drop` alone: a thread that waits for room here must see that nobody will make any.
    events: Option<Receiver<Event>>,
    tickets: AtomicU64,
    /// Commands without an answer.
    open: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// What the handle says to its thread.
#[derive(Debug)]
enum Request {
    Give(Input),
    Quit,
}

impl Client {
    /// Starts a client. It returns before the connection is open; [`Event::LoggedIn`] tells when it is, and commands may be given before that.
    ///
    /// # Errors
    /// When the process can have no more threads or descriptors.
    pub fn connect(options: Options) -> io::Result<Self> {
        let (events_in, events) = bounded(CLIENT_EVENTS_MAX);
        let open = Arc::new(AtomicUsize::new(0));
        let transport =
            if options.url.is_websocket() { Transport::WebSocket(options.codec) } else { Transport::Tcp };
        let login = Login {
            uid: options.uid,
            device: options.device,
            token: options.token,
            client: concat!("holdfast-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let room = CLIENT_COMMANDS_MAX + CLIENT_PULLS_MAX;
        let (worker, mailbox) = Worker::new(
            login,
            options.url,
            transport,
            worker::App { events: events_in, open: open.clone() },
            room,
        )?;
        let thread =
            std::thread::Builder::new().name("holdfast-client".into()).spawn(move || worker.run())?;
        let tickets = AtomicU64::new(1);
        Ok(Self { mailbox, events: Some(events), tickets, open, thread: Some(thread) })
    }

    /// Says something. The answer comes as [`Event::Answered`] with the ticket that is returned.
    ///
    /// # Errors
    /// [`Failure::QueueFull`] when [`CLIENT_COMMANDS_MAX`] commands are unanswered, [`Failure::Stopped`] after [`Event::Stopped`].
    pub fn submit(&self, target: Target, body: Body) -> Result<Ticket, Failure> {
        self.command(Command::Submit(Submit { target, body }))
    }

    /// Makes a group of this user and `members`. The answer comes as [`Event::Answered`].
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub fn create_group(&self, conversation: ConversationId, members: Vec<Uid>) -> Result<Ticket, Failure> {
        self.command(Command::CreateGroup(CreateGroup { conversation, members }))
    }

    /// Asks for at most `limit` messages from `from_seq` on, or for the newest if that is 0. The answer comes as [`Event::History`]; one that reaches
    /// the end of a conversation makes the client follow it.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub fn pull(&self, conversation: ConversationId, from_seq: u64, limit: u32) -> Result<Ticket, Failure> {
        let ticket = self.ticket();
        self.give(Input::Pull(ticket, Pull { conversation, from_seq, limit }))?;
        Ok(ticket)
    }

    /// Tells of these users who is online, now and whenever that changes: [`Event::Presence`]. They take the place of those before.
    ///
    /// # Errors
    /// As [`Client::submit`].
    pub fn watch(&self, users: Vec<Uid>) -> Result<(), Failure> {
        self.give(Input::Watch(users))
    }

    /// Ends the session in good order; [`Event::Stopped`] follows, after a failure for each unanswered command.
    pub fn log_out(&self) {
        // Already stopped is what was asked for.
        drop(self.mailbox.send_blocking(Request::Give(Input::Logout)));
    }

    /// What happens, in order.
    pub fn events(&self) -> &Receiver<Event> {
        self.events.as_ref().expect("only drop takes it")
    }

    /// Commands that have no answer yet.
    pub fn unanswered(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    fn command(&self, command: Command) -> Result<Ticket, Failure> {
        let room = |open| (open < CLIENT_COMMANDS_MAX).then_some(open + 1);
        if self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_err() {
            return Err(Failure::QueueFull);
        }
        let ticket = self.ticket();
        self.give(Input::Command(ticket, command)).inspect_err(|_| {
            self.open.fetch_sub(1, Ordering::AcqRel);
        })?;
        Ok(ticket)
    }

    fn give(&self, input: Input) -> Result<(), Failure> {
        self.mailbox.send(Request::Give(input)).map_err(|_| {
            let stopped = self.thread.as_ref().is_none_or(JoinHandle::is_finished);
            if stopped { Failure::Stopped } else { Failure::QueueFull }
        })
    }

    fn ticket(&self) -> Ticket {
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.events = None;
        // An error means that the thread has ended.
        drop(self.mailbox.send_blocking(Request::Quit));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A number that nobody else can guess, from the operating system: the standard library keys its hashers from there.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
