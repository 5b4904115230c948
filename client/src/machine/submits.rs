//! The commands of the app until they are answered: numbering, window, retry under the same client_id. Owns the rule that each is answered
//! exactly once; leaves what a message's place means to the inbox.
//!
//! One queue in the order of submission, in three stretches:
//!
//! ```text
//! | sent on this connection | numbered, to be sent (again) | never sent, without a number |
//! 0                       sent                         numbered                         len
//! ```
//!
//! A command gets its number when it is first sent. To retry is to move `sent` back: everything from there on goes out again, in order,
//! which is what the server demands anyhow.

use std::collections::VecDeque;

use proto::limits::{
    CLIENT_COMMAND_BYTES_MAX, CLIENT_COMMANDS_MAX, CLIENT_IN_FLIGHT_BYTES_MAX, CLIENT_RETRY_MIN,
};
use proto::packet::{Body, ClientBody, ClientPacket, Refused, RefusedCode};
use proto::time::Now;

use super::terms::Terms;
use crate::{Command, Event, Failure, Output, Ticket};

/// Names and numbers around a body, generously.
const ENVELOPE_BYTES: usize = 512;

/// Commands that are not answered yet.
#[derive(Debug)]
pub(crate) struct Submits {
    queue: VecDeque<Queued>,
    sent: usize,
    numbered: usize,
    /// Sizes of the first `sent`.
    sent_bytes: usize,
    /// Sizes of all.
    bytes: usize,
    /// The number of the next command that gets one.
    next_id: u64,
    /// Nothing is sent before this moment: the server said "not now".
    hold_until_ms: u64,
}

/// A command that waits for its answer.
#[derive(Debug)]
pub(crate) struct Queued {
    /// What the app calls it.
    pub(crate) ticket: Ticket,
    /// What it is.
    pub(crate) command: Command,
    client_id: u64,
    sent_ms: u64,
    bytes: usize,
}

/// What a refusal of a command means for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Stay,
    /// The server waits for a command that it has answered before: it has lost what it knew. Log in anew to learn where it stands.
    LogInAnew,
}

impl Submits {
    /// No commands.
    pub(crate) fn new() -> Self {
        let queue = VecDeque::new();
        Self { queue, sent: 0, numbered: 0, sent_bytes: 0, bytes: 0, next_id: 1, hold_until_ms: 0 }
    }

    /// Takes a command from the app, or answers it at once where it cannot be taken.
    pub(crate) fn push(&mut self, ticket: Ticket, command: Command, terms: &Terms, out: &mut Vec<Output>) {
        let bytes = largest_form(&command) + ENVELOPE_BYTES;
        let failure = if command_is_too_big(&command, bytes, terms) {
            Failure::TooBig
        } else if self.queue.len() >= CLIENT_COMMANDS_MAX || self.bytes + bytes > CLIENT_COMMAND_BYTES_MAX {
            Failure::QueueFull
        } else {
            self.bytes += bytes;
            self.queue.push_back(Queued { ticket, command, client_id: 0, sent_ms: 0, bytes });
            return;
        };
        out.push(Output::Event(Event::Answered(ticket, Err(failure))));
    }

    /// The session is open, and `last_client_id` was the last command that the server executed for this device: all that is
    /// unanswered will be sent again.
    pub(crate) fn online(&mut self, last_client_id: u64) {
        self.rewind(0);
        self.hold_until_ms = 0;
        // Numbers below our first were answered, so a server that waits for one of them has lost it: number anew from where it is.
        if self.queue.front().is_some_and(|first| self.numbered > 0 && first.client_id > last_client_id + 1) {
            let numbered = self.queue.iter_mut().take(self.numbered);
            numbered.zip(last_client_id + 1..).for_each(|(queued, id)| queued.client_id = id);
        }
        let last_numbered = match self.numbered {
            0 => 0,
            count => self.queue[count - 1].client_id,
        };
        self.next_id = last_client_id.max(last_numbered) + 1;
    }

    /// The session goes on, on another connection: all that is unanswered will be sent again, under the same numbers.
    pub(crate) fn resumed(&mut self) {
        self.rewind(0);
        self.hold_until_ms = 0;
    }

    /// The connection is gone; nothing is sent until [`Submits::online`] or [`Submits::resumed`].
    pub(crate) fn offline(&mut self) {
        self.rewind(0);
    }

    /// Sends what the window has room for.
    pub(crate) fn send(&mut self, now: Now, terms: &Terms, out: &mut Vec<Output>) {
        if self.hold_until_ms > now.mono_ms {
            return;
        }
        let first =
            self.queue.front().filter(|_| self.numbered > 0).map_or(self.next_id, |queued| queued.client_id);
        while self.sent < self.queue.len() {
            let queued = &mut self.queue[self.sent];
            // The server's window begins at the oldest unanswered command, whatever has been answered behind it.
            let id = if self.sent < self.numbered { queued.client_id } else { self.next_id };
            if self.sent > 0 && id - first >= u64::from(terms.uplink_window) {
                break;
            }
            // One always goes, however big it is.
            if self.sent > 0 && self.sent_bytes + queued.bytes > CLIENT_IN_FLIGHT_BYTES_MAX {
                break;
            }
            if self.sent == self.numbered {
                queued.client_id = self.next_id;
                self.next_id += 1;
                self.numbered += 1;
            }
            queued.sent_ms = now.mono_ms;
            let body = match &queued.command {
                Command::Submit(submit) => ClientBody::Submit(submit.clone()),
                Command::CreateGroup(group) => ClientBody::CreateGroup(group.clone()),
            };
            out.push(Output::Send(ClientPacket { client_id: queued.client_id, body }));
            self.sent += 1;
            self.sent_bytes += queued.bytes;
        }
    }

    /// The server has answered: the command, unless that answer came before.
    pub(crate) fn answered(&mut self, client_id: u64) -> Option<Queued> {
        let at = self.find(client_id)?;
        let queued = self.queue.remove(at)?;
        self.numbered -= 1;
        self.bytes -= queued.bytes;
        if at < self.sent {
            self.sent -= 1;
            self.sent_bytes -= queued.bytes;
        }
        Some(queued)
    }

    /// The server has refused: for now, which is our business, or for good, which is the app's.
    pub(crate) fn refused(
        &mut self,
        now: Now,
        client_id: u64,
        refused: Refused,
        out: &mut Vec<Output>,
    ) -> Verdict {
        let Some(at) = self.find(client_id) else { return Verdict::Stay };
        let expected = refused.expected_client_id;
        match refused.code {
            RefusedCode::Unavailable => self.retry(now, at, u64::from(refused.retry_after_ms)),
            // Beyond our number: its outcome was forgotten, and only the app can know what to do about that.
            RefusedCode::OutOfOrder if expected <= client_id => match self.find(expected) {
                Some(from) => self.retry(now, from, 0),
                None if at == 0 => return Verdict::LogInAnew,
                // One before this is still unanswered, and what is said to that one decides.
                None => {}
            },
            _ => {
                if let Some(queued) = self.answered(client_id) {
                    let failure = Failure::Refused(refused);
                    out.push(Output::Event(Event::Answered(queued.ticket, Err(failure))));
                }
            }
        }
        Verdict::Stay
    }

    /// Takes back what was not answered in time, so that [`Submits::send`] sends it again.
    pub(crate) fn expire(&mut self, now: Now, terms: &Terms) {
        if self.timeout(terms).is_some_and(|due| due <= now.mono_ms) {
            self.rewind(0);
        }
    }

    /// When [`Submits::expire`] or [`Submits::send`] has something to do that no packet will bring about.
    pub(crate) fn next_deadline(&self, now: Now, terms: &Terms) -> Option<u64> {
        if self.hold_until_ms > now.mono_ms && self.sent < self.queue.len() {
            return Some(self.hold_until_ms);
        }
        self.timeout(terms)
    }

    /// Answers everything with [`Failure::Stopped`].
    pub(crate) fn stop(&mut self, out: &mut Vec<Output>) {
        let stopped = std::mem::replace(self, Self::new());
        out.extend(
            stopped
                .queue
                .into_iter()
                .map(|queued| Output::Event(Event::Answered(queued.ticket, Err(Failure::Stopped)))),
        );
    }

    /// When the oldest command that was sent runs out of patience. All that come after it were sent later.
    fn timeout(&self, terms: &Terms) -> Option<u64> {
        let oldest = self.queue.front().filter(|_| self.sent > 0)?;
        Some(oldest.sent_ms + u64::from(terms.submit_timeout_ms))
    }

    fn retry(&mut self, now: Now, from: usize, after_ms: u64) {
        let wait = after_ms.max(CLIENT_RETRY_MIN.as_millis() as u64);
        self.hold_until_ms = self.hold_until_ms.max(now.mono_ms + wait);
        self.rewind(from);
    }

    fn rewind(&mut self, to: usize) {
        self.sent = self.sent.min(to);
        self.sent_bytes = self.queue.iter().take(self.sent).map(|queued| queued.bytes).sum();
    }

    /// Where the command with this number is; numbers rise along the queue.
    fn find(&self, client_id: u64) -> Option<usize> {
        let after =
            self.queue.partition_point(|queued| queued.client_id != 0 && queued.client_id < client_id);
        (after < self.numbered && self.queue[after].client_id == client_id).then_some(after)
    }
}

fn command_is_too_big(command: &Command, bytes: usize, terms: &Terms) -> bool {
    let beyond_its_limit = match command {
        Command::Submit(submit) => submit.body.len() > proto::limits::BODY_BYTES_MAX,
        Command::CreateGroup(group) => group.members.len() > proto::limits::GROUP_MEMBERS_MAX,
    };
    beyond_its_limit || bytes > terms.max_packet_bytes as usize
}

/// Bytes of what the app gave, in the larger of the two forms of packets: a receiver may want it in the other one.
fn largest_form(command: &Command) -> usize {
    match command {
        Command::Submit(submit) => match &submit.body {
            Body::Data(data) => data.len().div_ceil(3) * 4,
            Body::Text(text) => text.bytes().map(json_bytes).sum(),
        },
        Command::CreateGroup(group) => group.members.iter().map(|uid| uid.as_str().len() + 4).sum(),
    }
}

/// What a byte of text comes to in a JSON string.
fn json_bytes(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests;
