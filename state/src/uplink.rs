//! What one session has asked of logic and not yet been answered: the sliding window of its commands, and its pulls and repeats beside it. Owns their order and
//! their bounds; leaves the calls themselves to [`crate::calls`], and what a command means to logic.
//!
//! A window begins after the last command that is answered together with all before it. A command goes to logic when all before it have gone; one that came
//! early is held. Logic has the last word on the order: what it has not executed can be sent again.

use std::collections::VecDeque;

/// A session's window: 16 bytes while nothing is asked.
#[derive(Debug)]
pub(crate) struct Uplink {
    /// Every command up to here has been answered.
    answered: u64,
    /// Kept for a while after the last answer: who has spoken will speak again ([`Uplink::rest`]).
    busy: Option<Box<Busy>>,
}

#[derive(Debug, Default)]
struct Busy {
    /// The commands from `answered + 1` on.
    commands: VecDeque<Command>,
    /// How many of them from the front have gone to logic or are answered.
    next: usize,
    /// Bytes of those that are held or in flight.
    bytes: usize,
    asides: Vec<Aside>,
}

#[derive(Debug)]
enum Command {
    /// Has not come, or must come again.
    Missing,
    /// Came before one that stands before it.
    Held(Box<[u8]>),
    /// Is with logic.
    InFlight { call: u64, bytes: usize },
    /// Is answered, but one before it is not.
    Answered,
}

/// A call that is outside the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aside {
    /// A question.
    Pull(u64),
    /// A command that had been answered before: only logic knows what.
    Repeat(u64),
}

impl Aside {
    fn call(self) -> u64 {
        match self {
            Self::Pull(call) | Self::Repeat(call) => call,
        }
    }
}

/// Where a command's number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is the next for logic.
    Next,
    /// One before it is missing.
    Ahead,
    /// It is held or in flight: its answer will come.
    Known,
    /// It has been answered.
    Old,
    /// It is beyond the window; this one is waited for.
    Beyond { expected: u64 },
}

impl Uplink {
    /// The window of a device whose last executed command is this.
    pub(crate) fn new(last_client_id: u64) -> Self {
        Self { answered: last_client_id, busy: None }
    }

    /// Where `client_id` (at least 1) stands in a window of `window` commands.
    pub(crate) fn place(&self, client_id: u64, window: u32) -> Place {
        let Some(offset) = client_id.checked_sub(self.answered.saturating_add(1)) else { return Place::Old };
        let next = self.busy.as_ref().map_or(0, |busy| busy.next);
        if offset >= u64::from(window) {
            return Place::Beyond { expected: self.answered + 1 + next as u64 };
        }
        match self.busy.as_ref().and_then(|busy| busy.commands.get(offset as usize)) {
            None | Some(Command::Missing) if offset == next as u64 => Place::Next,
            None | Some(Command::Missing) => Place::Ahead,
            Some(Command::Held(_) | Command::InFlight { .. }) => Place::Known,
            Some(Command::Answered) => Place::Old,
        }
    }

    /// Bytes of commands that are held or in flight.
    pub(crate) fn bytes(&self) -> usize {
        self.busy.as_ref().map_or(0, |busy| busy.bytes)
    }

    /// Keeps a command whose place is [`Place::Ahead`].
    pub(crate) fn hold(&mut self, client_id: u64, packet: &[u8]) {
        *self.command(client_id) = Command::Held(packet.into());
        self.busy().bytes += packet.len();
    }

    /// Takes note that the command whose place was [`Place::Next`] has gone to logic.
    pub(crate) fn sent(&mut self, client_id: u64, call: u64, bytes: usize) {
        *self.command(client_id) = Command::InFlight { call, bytes };
        let busy = self.busy();
        busy.bytes += bytes;
        busy.skip();
    }

    /// The held command that may go to logic now: after it has gone, call [`Uplink::sent_held`].
    pub(crate) fn next_held(&self) -> Option<(u64, &[u8])> {
        let busy = self.busy.as_ref()?;
        match busy.commands.get(busy.next)? {
            Command::Held(packet) => Some((self.answered + 1 + busy.next as u64, packet)),
            _ => None,
        }
    }

    /// Takes note that [`Uplink::next_held`] has gone to logic.
    pub(crate) fn sent_held(&mut self, call: u64) {
        let busy = self.busy();
        let next = busy.next;
        if let Some(command) = busy.commands.get_mut(next)
            && let Command::Held(packet) = command
        {
            *command = Command::InFlight { call, bytes: packet.len() };
            busy.skip();
        }
    }

    /// Takes logic's answer to a command in flight; one that logic did not execute may come again.
    pub(crate) fn answer(&mut self, client_id: u64, executed: bool) {
        let Some(busy) = &mut self.busy else { return };
        let Some(offset) = client_id.checked_sub(self.answered + 1) else { return };
        let Some(command) = busy.commands.get_mut(offset as usize) else { return };
        let Command::InFlight { bytes, .. } = *command else { return };
        busy.bytes -= bytes;
        if executed {
            *command = Command::Answered;
            while let Some(Command::Answered) = busy.commands.front() {
                busy.commands.pop_front();
                busy.next -= 1;
                self.answered += 1;
            }
        } else {
            *command = Command::Missing;
            busy.next = busy.next.min(offset as usize);
        }
    }

    /// How many pulls are in flight.
    pub(crate) fn pulls(&self) -> usize {
        self.asides().filter(|aside| matches!(aside, Aside::Pull(_))).count()
    }

    /// How many repeats are in flight.
    pub(crate) fn repeats(&self) -> usize {
        self.asides().filter(|aside| matches!(aside, Aside::Repeat(_))).count()
    }

    /// Takes note of a call beside the window.
    pub(crate) fn add_aside(&mut self, aside: Aside) {
        self.busy().asides.push(aside);
    }

    /// Takes note that a call beside the window is answered.
    pub(crate) fn end_aside(&mut self, call: u64) {
        if let Some(busy) = &mut self.busy {
            busy.asides.retain(|aside| aside.call() != call);
        }
    }

    /// The connection is gone, and whoever asked asks again on the next: forgets the calls beside the window, and returns them.
    pub(crate) fn drop_asides(&mut self) -> Vec<u64> {
        let asides = self.busy.as_mut().map(|busy| std::mem::take(&mut busy.asides)).unwrap_or_default();
        asides.into_iter().map(Aside::call).collect()
    }

    /// Every command up to here has been answered.
    pub(crate) fn answered(&self) -> u64 {
        self.answered
    }

    /// Every call that is not answered.
    pub(crate) fn calls(&self) -> impl Iterator<Item = u64> {
        let commands = self.busy.iter().flat_map(|busy| &busy.commands);
        let in_flight = commands.filter_map(|command| match command {
            Command::InFlight { call, .. } => Some(*call),
            _ => None,
        });
        in_flight.chain(self.asides().map(Aside::call))
    }

    /// Gives memory back if nothing is asked.
    pub(crate) fn rest(&mut self) {
        let idle = |busy: &Busy| busy.commands.is_empty() && busy.asides.is_empty();
        if self.busy.as_deref().is_some_and(idle) {
            self.busy = None;
        }
    }

    fn asides(&self) -> impl Iterator<Item = Aside> {
        self.busy.iter().flat_map(|busy| busy.asides.iter().copied())
    }

    fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// The place of a command within the window; the window grows to reach it.
    fn command(&mut self, client_id: u64) -> &mut Command {
        let offset = (client_id - self.answered - 1) as usize;
        let commands = &mut self.busy().commands;
        while commands.len() <= offset {
            commands.push_back(Command::Missing);
        }
        &mut commands[offset]
    }

    /// Whether everything in here agrees.
    pub(crate) fn check_invariants(&self) {
        let Some(busy) = &self.busy else { return };
        assert!(busy.next <= busy.commands.len());
        assert!(!matches!(busy.commands.front(), Some(Command::Answered)), "answered commands leave");
        let gone = |command: &Command| matches!(command, Command::InFlight { .. } | Command::Answered);
        assert!(busy.commands.iter().take(busy.next).all(gone), "a gap before the next command");
        assert!(!busy.commands.get(busy.next).is_some_and(gone), "the next command has gone already");
        let bytes = busy.commands.iter().map(|command| match command {
            Command::Held(packet) => packet.len(),
            Command::InFlight { bytes, .. } => *bytes,
            Command::Missing | Command::Answered => 0,
        });
        assert_eq!(bytes.sum::<usize>(), busy.bytes);
    }
}

impl Busy {
    /// Moves `next` behind all that has gone.
    fn skip(&mut self) {
        while let Some(Command::InFlight { .. } | Command::Answered) = self.commands.get(self.next) {
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests;
