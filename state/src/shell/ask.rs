//! Questions to the shards from other threads, and their answers: [`Asker`]. Owns the waiting, which is bounded, and which shard is asked; what is found or done is the
//! machine's word.

use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use proto::backend::{Order, Report};
use proto::ids::{Slot, Uid};
use proto::time::Now;
use reactor::wake::Mailbox;

use super::io::Io;
use super::worker::Told;
use crate::{Found, Seen, Shard};

/// How long a shard may take for an answer: it takes one at the end of its turn.
const PATIENCE: Duration = Duration::from_secs(1);
/// Questions that one request of an operator may lead to. What it does not get to is told as the place to go on from.
const QUESTIONS_MAX: usize = 1024;

/// What a shard is asked.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// Whether it turns.
    Pulse,
    /// For sessions from a place on, at most so many.
    Find(u32, usize),
    /// For all sessions of a user.
    FindUser(Uid),
    /// To do something to a user's sessions.
    Order(Order),
    /// To trace a user, or nobody any more.
    Trace(Option<Uid>),
}

/// What it answers.
#[derive(Debug)]
pub(super) enum Answer {
    Done,
    Found(Found),
    Report(Report),
}

/// A question on its way, and where its answer goes.
#[derive(Debug)]
pub(super) struct Asked {
    question: Question,
    reply: Sender<Answer>,
}

/// What came of asking shard after shard.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) seen: Vec<Seen>,
    /// Where to go on: a shard, and a place in its table.
    pub(super) next: Option<(usize, u32)>,
    /// Shards that did not answer in time.
    pub(super) silent: Vec<usize>,
}

/// Who can ask.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    shards: Vec<Mailbox<Told>>,
}

impl Asker {
    pub(super) fn new(shards: Vec<Mailbox<Told>>) -> Self {
        Self { shards }
    }

    /// Asks every shard. Those that did not answer.
    pub(super) fn all(&self, question: &Question) -> Vec<usize> {
        let shards = 0..self.shards.len();
        shards.filter(|shard| self.ask(*shard, question.clone()).is_none()).collect()
    }

    /// Asks the shard of a user; `None` if it does not answer in time.
    pub(super) fn shard_of(&self, uid: &Uid, question: Question) -> Option<Answer> {
        self.ask(Slot::of(uid.as_str()).shard(self.shards.len() as u32) as usize, question)
    }

    /// Sessions from a place on, at most so many, of one shard after the other.
    pub(super) fn list(&self, from: (usize, u32), limit: usize) -> Listed {
        let mut listed = Listed::default();
        let (mut shard, mut place) = from;
        for _ in 0..QUESTIONS_MAX {
            if shard >= self.shards.len() {
                return listed;
            }
            if listed.seen.len() >= limit {
                break;
            }
            let next = match self.ask(shard, Question::Find(place, limit - listed.seen.len())) {
                Some(Answer::Found(found)) => {
                    listed.seen.extend(found.seen);
                    found.next
                }
                _ => {
                    listed.silent.push(shard);
                    None
                }
            };
            (shard, place) = next.map_or((shard + 1, 0), |next| (shard, next));
        }
        listed.next = Some((shard, place));
        listed
    }

    fn ask(&self, shard: usize, question: Question) -> Option<Answer> {
        let (reply, answer) = bounded(1);
        self.shards.get(shard)?.send(Told::Ask(Asked { question, reply })).ok()?;
        answer.recv_timeout(PATIENCE).ok()
    }
}

impl Asked {
    /// Has the machine do it, and sends what came of it.
    pub(super) fn answer(self, now: Now, machine: &mut Shard, io: &mut Io) {
        let Self { question, reply } = self;
        let answer = match question {
            Question::Pulse => Answer::Done,
            Question::Find(from, limit) => Answer::Found(machine.look(now, from, limit)),
            Question::FindUser(uid) => Answer::Found(machine.look_at_user(now, &uid)),
            Question::Order(order) => Answer::Report(machine.order_of_operator(now, &order, io)),
            Question::Trace(uid) => {
                machine.trace(uid);
                Answer::Done
            }
        };
        // Who asked may have lost patience.
        drop(reply.send(answer));
    }
}
