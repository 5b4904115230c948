//! Groups of sitters, in which the first one says and all others hear: [`Groups`]. Owns what is said when, and what became of it at each receiver. Pure.
//!
//! Group `g` of a thread is its clients `g * size` to `g * size + size - 1`.

use proto::ids::{ConversationId, Uid};
use proto::packet::{Body, ClientBody, CreateGroup, Submit, Target};

use super::super::overdue::Overdue;
use super::super::stamp::Stamp;
use super::*;
use crate::schedule::Schedule;

/// Messages of a group that may be unanswered: as many as every server takes (its window for the commands of a device).
const UNANSWERED_MAX: usize = 16;
/// Messages begun in one turn at most.
const BUDGET: usize = 256;

/// When groups are told something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Gathering {
    /// All groups at the same moment, again and again.
    Together { every: Duration },
    /// One after the other, so many a second on all threads together.
    InTurn { rate: f64 },
}

/// The groups of one thread.
pub(crate) struct Groups {
    size: u32,
    body_bytes: usize,
    gathering: Gathering,
    share: Share,
    /// By their places.
    all: Vec<Group>,
    made: usize,
    schedule: Option<Schedule>,
    overdue: Option<Overdue>,
    end: u64,
    /// Moments taken from the schedule, and of a moment for all, groups that are still to be told.
    left: Option<(u64, usize)>,
    /// Deliveries still to come.
    expected: u64,
    /// Of the last moment for all: when it was, and deliveries still to come.
    round: Option<(u64, u64)>,
}

struct Group {
    conversation: ConversationId,
    made: bool,
    /// The number of the leader's next command.
    next_id: u64,
    /// Messages said.
    said: u32,
    /// Messages acknowledged.
    acked: u32,
    /// By their commands: when they were due.
    waiting: VecDeque<(u64, u64)>,
}

impl Groups {
    pub(crate) fn new(size: u32, body_bytes: usize, gathering: Gathering, share: Share, run: u64) -> Self {
        let names = (0..share.count / size).map(|group| {
            let leader = share.first + u64::from(group * size);
            format!("g.load-{run:x}-{leader}").parse().expect("a short name")
        });
        let groups: Vec<_> = names
            .map(|conversation| Group {
                conversation,
                made: false,
                next_id: 1,
                said: 0,
                acked: 0,
                waiting: VecDeque::new(),
            })
            .collect();
        Self {
            size,
            body_bytes,
            gathering,
            share,
            all: groups,
            made: 0,
            schedule: None,
            overdue: None,
            end: 0,
            left: None,
            expected: 0,
            round: None,
        }
    }

    pub(super) fn begin(&mut self, span: Span) {
        if self.all.is_empty() {
            return;
        }
        let Share { thread, threads, .. } = self.share;
        self.schedule = Some(match self.gathering {
            Gathering::Together { every } => {
                Schedule::new(span.start, span.length, 1.0 / every.as_secs_f64(), 0, 1)
            }
            Gathering::InTurn { rate } => Schedule::new(span.start, span.length, rate, thread, threads),
        });
        self.overdue = Some(Overdue::new(span));
        self.end = span.end();
    }

    /// Who is told something now: the group and the moment it was due.
    fn next(&mut self, now: u64) -> Option<(usize, u64)> {
        if self.all.is_empty() {
            return None;
        }
        if self.left.is_none() {
            let (number, due) = self.schedule.as_mut()?.take(now)?;
            match self.gathering {
                Gathering::InTurn { .. } => return Some(((number % self.all.len() as u64) as usize, due)),
                Gathering::Together { .. } => self.left = Some((due, 0)),
            }
        }
        let (due, group) = self.left?;
        self.left = (group + 1 < self.all.len()).then_some((due, group + 1));
        Some((group, due))
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        let in_the_middle = self.left.map(|(due, _)| due);
        in_the_middle.or_else(|| self.schedule.as_ref()?.next())
    }

    pub(super) fn are_made(&self) -> bool {
        self.made == self.all.len()
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.expected > 0 || self.all.iter().any(|group| !group.waiting.is_empty())
    }
}

impl Sitters {
    /// A leader who is logged in makes the group.
    pub(super) fn make_group(&mut self, client: u32, last_client_id: u64, turn: &mut Turn) {
        let Some(groups) = self.groups.as_mut().filter(|groups| client.is_multiple_of(groups.size)) else {
            return;
        };
        let size = groups.size;
        let Some(group) = groups.all.get_mut((client / size) as usize) else { return };
        group.next_id = last_client_id + 1;
        // What was on the way on another connection has no answer any more.
        group.waiting.clear();
        if group.made {
            return;
        }
        let (id, conversation) = (group.next_id, group.conversation.clone());
        group.next_id += 1;
        let first = self.first + u64::from(client);
        let members = (first + 1..first + u64::from(size)).map(|number| self.identity.uid(number));
        let members: Vec<Uid> = members.collect::<Result<_, _>>().expect("checked for the longest");
        self.say(client, id, ClientBody::CreateGroup(CreateGroup { conversation, members }), turn);
    }

    pub(super) fn group_made(&mut self, client: u32) {
        let Some(groups) = &mut self.groups else { return };
        if let Some(group) = groups.all.get_mut((client / groups.size) as usize) {
            groups.made += usize::from(!std::mem::replace(&mut group.made, true));
        }
    }

    /// Tells groups what is due.
    pub(super) fn tell_groups(&mut self, turn: &mut Turn) {
        for _ in 0..BUDGET {
            let Some(groups) = &mut self.groups else { return };
            let Some((place, due)) = groups.next(turn.now) else { return };
            let (size, body_bytes) = (groups.size, groups.body_bytes);
            let leader = place as u32 * size;
            let ready = self.clients[leader as usize].stage == Stage::Ready;
            let group = &mut groups.all[place];
            if !ready || !group.made || group.waiting.len() >= UNANSWERED_MAX {
                if let Some(overdue) = &mut groups.overdue {
                    overdue.add(due);
                }
                turn.count(Count::Missed, 1);
                turn.error("a message to a group was due, and could not be sent");
                continue;
            }
            let id = group.next_id;
            group.next_id += 1;
            group.said += 1;
            group.waiting.push_back((id, due));
            let target = Target::Conversation(group.conversation.clone());
            let body = Stamp { run: self.run, number: u64::from(group.said), due }.body(body_bytes);
            let receivers = u64::from(size - 1);
            groups.expected += receivers;
            match &mut groups.round {
                Some((moment, left)) if *moment == due => *left += receivers,
                round => *round = Some((due, receivers)),
            }
            turn.was_due(due);
            turn.count(Count::Sent, 1);
            self.say(leader, id, ClientBody::Submit(Submit { target, body: Body::Data(body) }), turn);
        }
    }

    pub(super) fn group_acked(&mut self, client: u32, client_id: u64, turn: &mut Turn) {
        let Some(groups) = &mut self.groups else { return };
        let (size, end) = (groups.size, groups.end);
        let Some(group) = groups.all.get_mut((client / size) as usize) else { return };
        if let Some((_, due)) = group.waiting.pop_front_if(|(id, _)| *id == client_id) {
            group.acked += 1;
            turn.time(Timing::Ack, turn.now.saturating_sub(due));
            turn.count(Count::Answered, 1);
            turn.count(Count::AnsweredInTime, u64::from(turn.now < end));
        }
    }

    /// What was refused is not delivered either.
    pub(super) fn group_refused(&mut self, client: u32, client_id: u64) {
        let Some(groups) = &mut self.groups else { return };
        let receivers = u64::from(groups.size - 1);
        let Some(group) = groups.all.get_mut((client / groups.size) as usize) else { return };
        if group.waiting.pop_front_if(|(id, _)| *id == client_id).is_some() {
            groups.expected = groups.expected.saturating_sub(receivers);
        }
    }

    /// A member hears what was said.
    pub(super) fn told(&mut self, client: u32, stamp: Stamp, turn: &mut Turn) {
        let Some(groups) = &mut self.groups else { return };
        let one = &mut self.clients[client as usize];
        let number = stamp.number as u32;
        if number <= one.heard {
            return turn.count(Count::Doubled, 1);
        }
        one.skipped += number - one.heard - 1;
        one.heard = number;
        turn.count(Count::Delivered, 1);
        turn.time(Timing::Delivery, turn.now.saturating_sub(stamp.due));
        groups.expected = groups.expected.saturating_sub(1);
        if let Some((moment, left)) = groups.round.as_mut().filter(|(moment, _)| *moment == stamp.due) {
            *left = left.saturating_sub(1);
            if *left == 0 && matches!(groups.gathering, Gathering::Together { .. }) {
                turn.time(Timing::Round, turn.now.saturating_sub(*moment));
            }
        }
    }

    pub(super) fn settle_groups(&mut self, turn: &mut Turn) {
        let Some(groups) = &mut self.groups else { return };
        let Some(mut overdue) = groups.overdue.take() else { return };
        for (place, group) in groups.all.iter_mut().enumerate() {
            turn.count(Count::Unanswered, group.waiting.len() as u64);
            group.waiting.drain(..).for_each(|(_, due)| overdue.add(due));
            let first = place * groups.size as usize + 1;
            for member in &self.clients[first..first + groups.size as usize - 1] {
                let lost = member.skipped + group.acked.saturating_sub(member.heard);
                turn.count(Count::Lost, u64::from(lost));
            }
        }
        groups.expected = 0;
        overdue.settle(Timing::Ack, turn);
    }
}
