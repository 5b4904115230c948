//! Questions to the reactors from other threads, and their answers: [`Asker`]. Owns the waiting, which is bounded, and the going on from reactor to reactor; what is
//! looked for is the machine's.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use proto::time::Now;
use reactor::wake::Mailbox;

use super::io::Io;
use super::worker::Command;
use crate::{Chosen, Found, Gateway, Input, Progress, Seen, Traced};

/// How long a reactor may take for an answer: it takes one at the end of its turn.
const PATIENCE: Duration = Duration::from_secs(1);
/// Questions that one request of an operator may lead to. What it does not get to is told as the place to go on from.
const QUESTIONS_MAX: usize = 1024;

/// What a reactor is asked.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Whether it turns.
    Pulse,
    /// For connections, at most so many.
    Find(Chosen, usize),
    /// To end connections.
    Kick(Chosen),
    /// To trace connections, or none any more.
    Trace(Option<Traced>),
}

/// A connection, and how many bytes wait for its client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    pub(super) seen: Seen,
    pub(super) reactor: usize,
    pub(super) waiting: usize,
}

/// What a reactor answers about a piece of its table.
#[derive(Debug, Default)]
pub(super) struct Answer {
    listed: Vec<Listed>,
    next: Option<u32>,
}

/// A question on its way: what, from which place of the table on, and where the answer goes.
#[derive(Debug)]
pub(super) struct Asked {
    question: Question,
    from: u32,
    reply: Sender<Answer>,
}

/// What came of asking all reactors.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) listed: Vec<Listed>,
    /// Where to go on: a reactor, and a place in its table.
    pub(super) next: Option<(usize, u32)>,
    /// Reactors that did not answer in time.
    pub(super) silent: Vec<usize>,
}

/// Who can ask.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    reactors: Vec<Mailbox<Command>>,
}

impl Asker {
    pub(super) fn new(reactors: Vec<Mailbox<Command>>) -> Self {
        Self { reactors }
    }

    /// Whether every reactor answers.
    pub(super) fn all_turn(&self) -> bool {
        self.all(&Question::Pulse, (0, 0), usize::MAX).silent.is_empty()
    }

    /// Asks one reactor after the other, from a place on, until so many connections are found.
    pub(super) fn all(&self, question: &Question, from: (usize, u32), limit: usize) -> Outcome {
        let mut outcome = Outcome::default();
        let (mut reactor, mut place) = from;
        for _ in 0..QUESTIONS_MAX {
            if reactor >= self.reactors.len() {
                return outcome;
            }
            if outcome.listed.len() >= limit {
                break;
            }
            let question = match question {
                Question::Find(chosen, _) => Question::Find(*chosen, limit - outcome.listed.len()),
                other => other.clone(),
            };
            let next = match self.ask(reactor, question, place) {
                Some(answer) => {
                    let listed = answer.listed.into_iter();
                    outcome.listed.extend(listed.map(|listed| Listed { reactor, ..listed }));
                    answer.next
                }
                None => {
                    outcome.silent.push(reactor);
                    None
                }
            };
            (reactor, place) = next.map_or((reactor + 1, 0), |next| (reactor, next));
        }
        outcome.next = Some((reactor, place));
        outcome
    }

    fn ask(&self, reactor: usize, question: Question, from: u32) -> Option<Answer> {
        let (reply, answer) = bounded(1);
        self.reactors[reactor].send(Command::Ask(Asked { question, from, reply })).ok()?;
        answer.recv_timeout(PATIENCE).ok()
    }
}

impl Asked {
    /// Has the machine do it and sends what it has found.
    pub(super) fn answer(self, now: Now, machine: &mut Gateway, io: &mut Io) {
        let Self { question, from, reply } = self;
        let found = match question {
            Question::Pulse => Found::default(),
            Question::Find(chosen, limit) => machine.find(chosen, from, limit, io),
            Question::Kick(chosen) => {
                let mut found = machine.find(chosen, from, usize::MAX, io);
                found.seen.retain(|seen| seen.progress != Progress::Closing);
                for seen in &found.seen {
                    let kicked = machine.handle(now, Input::Kick { index: seen.conn.index() }, io);
                    debug_assert!(kicked.is_ok(), "only a frame from a shard can be a shard's fault");
                }
                found
            }
            Question::Trace(traced) => {
                if from == 0 {
                    machine.trace(traced);
                }
                machine.trace_on(from, io)
            }
        };
        let listed = found.seen.into_iter().map(|seen| {
            let waiting = io.sockets.waiting(seen.conn.index());
            Listed { seen, reactor: 0, waiting }
        });
        // Who asked may have lost patience.
        drop(reply.send(Answer { listed: listed.collect(), next: found.next }));
    }
}
