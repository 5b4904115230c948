//! A chat in a terminal or a pipe, on the SDK. Owns what is printed and what typed lines do; leaves arguments and exit to its caller.
//!
//! It prints, one line each, and nothing else:
//!
//! ```text
//! connected as UID/DEVICE            the session is open (again)
//! disconnected, next try in N ms
//! [SEQ] UID: TEXT                    a message of this conversation, one's own included: first the newest 20, then as they come
//! CONVERSATION [SEQ] UID: TEXT       a message of another conversation
//! not sent: REASON: TEXT             a line that was typed and refused
//! group CONVERSATION has N members   /group worked
//! no group CONVERSATION: REASON      /group did not
//! no history: REASON
//! kicked: REASON
//! refused: REASON                    the server refused something that belongs to no line
//! stopped: REASON                    the end, unless it was asked for
//! ?: REASON                          a typed line that is no command
//! ```
//!
//! Control characters are printed escaped, so that nobody's text can pass for another line.

mod line;

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::time::Duration;

use crossbeam_channel::{Receiver, after, bounded, never, select};
use proto::ids::{ConversationId, DeviceId, Uid};
use proto::limits::CLIENT_COMMANDS_MAX;
use proto::packet::{Body, Message, Pulled, RefusedCode, Target};

use crate::{Answer, Client, Event, Failure, Options, StopReason, Ticket};
use line::Line;

/// How many messages are shown at the beginning.
const HISTORY: u32 = 20;
/// How long the answers to what was typed are awaited at the end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that wait for the history to be shown first; then they are shown without it.
const WAITING_MAX: usize = 1024;
/// Bytes of a refused text that are shown again.
const SHOWN_AGAIN: usize = 60;

/// How a chat ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All that was typed has its answer.
    Complete,
    /// Something has none after ten seconds.
    Unanswered,
    /// The server would not have us.
    Stopped,
}

/// Chats with `target` on the process's input and output until the input ends or says `/quit`, and until what was typed is answered.
///
/// # Errors
/// When the output cannot be written or the client cannot be started.
pub fn run(options: Options, target: Target) -> io::Result<Ending> {
    let (lines_in, lines) = bounded(1);
    // Not joined: it may wait for a terminal for ever, and ends with the process.
    std::thread::Builder::new().name("holdfast-stdin".into()).spawn(move || {
        let mut input = io::stdin().lock();
        let mut line = Vec::new();
        while let Ok(1..) = input.read_until(b'\n', &mut line) {
            if lines_in.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    })?;
    converse(options, target, &lines, io::stdout().lock())
}

/// Chats on lines from a channel, whose end is the input's, and an output of any kind.
///
/// # Errors
/// As [`run`].
pub fn converse(
    options: Options,
    target: Target,
    lines: &Receiver<String>,
    output: impl Write,
) -> io::Result<Ending> {
    let (uid, device) = (options.uid.clone(), options.device.clone());
    let conversation = match &target {
        Target::User(other) => ConversationId::single(&uid, other),
        Target::Conversation(conversation) => conversation.clone(),
    };
    let client = Client::connect(options)?;
    let open = BTreeMap::new();
    Chat { client, uid, device, target, conversation, open, history: History::None, output }.run(lines)
}

struct Chat<W> {
    client: Client,
    uid: Uid,
    device: DeviceId,
    target: Target,
    conversation: ConversationId,
    /// What has no answer yet.
    open: BTreeMap<Ticket, Open>,
    history: History,
    output: W,
}

/// Something without an answer.
enum Open {
    Said(String),
    Group(ConversationId),
}

/// How far the beginning has got.
enum History {
    /// Not asked for.
    None,
    /// Asked for; what came since waits for its turn.
    Asked(Vec<Message>),
    /// Shown, up to this seq.
    Shown(u64),
}

impl<W: Write> Chat<W> {
    fn run(mut self, lines: &Receiver<String>) -> io::Result<Ending> {
        let events = self.client.events().clone();
        let nothing = never();
        let mut deadline = never();
        let (mut ended, mut asked_to_stop) = (false, false);
        loop {
            if ended && !asked_to_stop && self.is_complete() {
                asked_to_stop = true;
                self.client.log_out();
            }
            // A fast pipe waits until there is room, and an ended one has nothing more to say.
            let full = self.open.len() >= CLIENT_COMMANDS_MAX / 2;
            let lines = if full || ended { &nothing } else { lines };
            select! {
                recv(events) -> event => match event {
                    Ok(Event::Stopped(reason)) => return self.stopped(asked_to_stop, &reason),
                    Ok(event) => self.event(event)?,
                    Err(_) => return Ok(Ending::Stopped),
                },
                recv(lines) -> line => {
                    let line = line.map_or(Line::Quit, |line| line::read(&line));
                    if line == Line::Quit {
                        ended = true;
                        deadline = after(PATIENCE);
                    } else {
                        self.typed(line)?;
                    }
                },
                recv(deadline) -> _ => return Ok(if asked_to_stop { Ending::Complete } else { Ending::Unanswered }),
            }
        }
    }

    /// Whether nothing is awaited any more.
    fn is_complete(&self) -> bool {
        self.open.is_empty() && matches!(self.history, History::Shown(_))
    }

    fn typed(&mut self, line: Line) -> io::Result<()> {
        match line {
            Line::Empty | Line::Quit => Ok(()),
            Line::Bad(why) => self.print(format_args!("?: {why}")),
            Line::History(count) => self
                .client
                .pull(self.conversation.clone(), 0, count)
                .map_or_else(|failure| self.print(format_args!("no history: {failure}")), |_| Ok(())),
            Line::Say(text) => {
                let asked = self.client.submit(self.target.clone(), Body::Text(text.clone()));
                self.asked(asked, Open::Said(text))
            }
            Line::Group(conversation, members) => {
                let asked = self.client.create_group(conversation.clone(), members);
                self.asked(asked, Open::Group(conversation))
            }
        }
    }

    fn asked(&mut self, asked: Result<Ticket, Failure>, open: Open) -> io::Result<()> {
        match asked {
            Ok(ticket) => {
                self.open.insert(ticket, open);
                Ok(())
            }
            Err(failure) => self.failed(&open, &failure),
        }
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::LoggedIn { .. } | Event::Resumed { .. } => {
                if matches!(self.history, History::None) {
                    self.history = History::Asked(Vec::new());
                    self.ask_history();
                }
                let (uid, device) = (self.uid.clone(), self.device.clone());
                self.print(format_args!("connected as {uid}/{device}"))
            }
            Event::Offline { retry_ms } => {
                self.print(format_args!("disconnected, next try in {retry_ms} ms"))
            }
            Event::Delivered(message) => self.delivered(message),
            Event::Answered(ticket, result) => match (self.open.remove(&ticket), result) {
                (Some(open), Err(failure)) => self.failed(&open, &failure),
                (_, Ok(Answer::GroupMade { conversation, members })) => {
                    self.print(format_args!("group {conversation} has {members} members"))
                }
                _ => Ok(()),
            },
            Event::History(_, result) => self.history(result),
            Event::Presence(users) => users.iter().try_for_each(|user| {
                let state = if user.online { "online" } else { "offline" };
                self.print(format_args!("{} is {state}", user.uid))
            }),
            Event::Kicked(reason, text) => self.print(format_args!("kicked: {reason:?}: {text}")),
            Event::Refused(refused) => {
                self.print(format_args!("refused: {:?}: {}", refused.code, refused.text))
            }
            Event::Stopped(_) => Ok(()),
        }
    }

    fn ask_history(&mut self) {
        // Only an app that has asked for many others is refused here.
        drop(self.client.pull(self.conversation.clone(), 0, HISTORY));
    }

    fn history(&mut self, result: Result<Pulled, Failure>) -> io::Result<()> {
        let mut shown = match self.history {
            History::Shown(seq) => seq,
            History::None | History::Asked(_) => 0,
        };
        match result {
            Ok(pulled) => {
                for message in &pulled.messages {
                    shown = shown.max(message.seq);
                    self.print(format_args!("{}", line::message(message)))?;
                }
            }
            // A single chat begins with its first message.
            Err(Failure::Refused(refused))
                if refused.code == RefusedCode::UnknownConversation && !self.conversation.is_group() => {}
            Err(failure) => self.print(format_args!("no history: {failure}"))?,
        }
        match std::mem::replace(&mut self.history, History::Shown(shown)) {
            History::Asked(waiting) => waiting.into_iter().try_for_each(|message| self.delivered(message)),
            History::None | History::Shown(_) => Ok(()),
        }
    }

    fn delivered(&mut self, message: Message) -> io::Result<()> {
        if message.conversation != self.conversation {
            return self.print(format_args!("{} {}", message.conversation, line::message(&message)));
        }
        match &mut self.history {
            History::Asked(waiting) => {
                waiting.push(message);
                if waiting.len() >= WAITING_MAX {
                    return self.history(Err(Failure::QueueFull));
                }
            }
            History::None => {}
            History::Shown(seq) if message.seq <= *seq => {}
            History::Shown(seq) => {
                *seq = message.seq;
                self.print(format_args!("{}", line::message(&message)))?;
            }
        }
        Ok(())
    }

    fn failed(&mut self, open: &Open, failure: &Failure) -> io::Result<()> {
        match open {
            Open::Said(text) => {
                let text = &text[..text.floor_char_boundary(SHOWN_AGAIN)];
                self.print(format_args!("not sent: {failure}: {text}"))
            }
            Open::Group(conversation) => self.print(format_args!("no group {conversation}: {failure}")),
        }
    }

    fn stopped(&mut self, asked: bool, reason: &StopReason) -> io::Result<Ending> {
        match reason {
            StopReason::LoggedOut if asked => return Ok(Ending::Complete),
            StopReason::LoggedOut => self.print(format_args!("stopped: logged out"))?,
            StopReason::Replaced => self.print(format_args!("stopped: logged in elsewhere"))?,
            StopReason::Kicked(reason) => self.print(format_args!("stopped: {reason:?}"))?,
            StopReason::LoginRefused(refused) => {
                let failure = Failure::Refused(refused.clone());
                self.print(format_args!("stopped: login refused: {failure}"))?;
            }
        }
        Ok(Ending::Stopped)
    }

    /// One whole line at once, so that a reader of a pipe never waits for the rest of one.
    fn print(&mut self, line: std::fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.output, "{}", line::plain(&line.to_string()))?;
        self.output.flush()
    }
}
