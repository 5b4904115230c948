//! The pushes of one session until they are acknowledged: their numbers, the queue that keeps them, and what is told instead when it is full. Owns the bounds and
//! the patience; when something is sent, and how, is decided in `crate::shard`.
//!
//! ```text
//! | sent, not acknowledged | not sent: the reader is blocked, or away |     missed: not kept, told by a Resync
//! 0                      sent                                      len
//! 0                      numbered     + urgent                     len
//! ```
//!
//! What was ever sent keeps its number. Of what was not, control packets stand before chat: a number is its packet's only from its first sending on. Mergeable packets
//! have no numbers and wait beside the queue.
//!
//! A queue exists only while something is in it, or soon after; an idle session has 16 bytes here. The packets themselves are shared by all sessions that they are for.

mod merging;

use std::collections::VecDeque;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use proto::backend::Spot;
use proto::ids::ConversationId;
use proto::limits::{IN_FLIGHT_BYTES_MAX, RESYNC_MISSED_MAX};
use proto::packet::{Missed, Resync};

pub(crate) use merging::Merged;
use merging::Merging;

/// A server packet in protobuf form, without push_seq: one copy for all whom it is for.
pub(crate) type Payload = Arc<Vec<u8>>;

/// The pushes of one session: 1, 2, 3, …
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    /// The last number given. All up to `pushed` less those in the queue are acknowledged.
    pushed: u64,
    queue: Option<Box<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    /// The last of them has the number `pushed`.
    packets: VecDeque<Payload>,
    bytes: usize,
    /// How many from the front have been sent on this connection.
    sent: usize,
    /// How many from the front were ever sent: their numbers are known to the client.
    numbered: usize,
    /// How many after these are control packets.
    urgent: usize,
    /// How often the oldest has been sent again since the last progress.
    tries: u32,
    /// Since when an ack is awaited, in ticks.
    since: u32,
    /// The gateway says that the client does not take what it is sent.
    blocked: bool,
    missed: Option<Box<Lost>>,
    merging: Merging,
}

/// What was not kept: for each conversation from where to where, or, when these are too many, that there is more.
#[derive(Debug, Default)]
struct Lost {
    conversations: BTreeMap<ConversationId, (u64, u64)>,
    everything: bool,
}

/// An ack for a push that was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeverSent;

/// How it stands with a session when a push comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// It can be reached.
    pub(crate) reached: bool,
    /// Now.
    pub(crate) tick: u32,
}

/// What has become of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is to be sent now, with this number.
    Send(u64),
    /// It has a number and waits until the client can be sent to.
    Waits,
    /// There is no room: it is remembered what the client must pull.
    Missed,
}

impl InFlight {
    /// Takes a push, a control packet or not; at most `most` are kept.
    pub(crate) fn push(
        &mut self,
        payload: &Payload,
        spot: &Spot,
        urgent: bool,
        most: u32,
        at: Moment,
    ) -> Kept {
        let queue = self.queue.get_or_insert_default();
        if let Some(missed) = &mut queue.missed {
            missed.add(spot);
            return Kept::Missed;
        }
        // One always finds room, however big it is.
        let full = !queue.packets.is_empty() && queue.bytes + payload.len() > IN_FLIGHT_BYTES_MAX;
        if full || queue.packets.len() >= most as usize {
            queue.missed.insert(Box::default()).add(spot);
            return Kept::Missed;
        }
        self.add(payload.clone(), urgent, at)
    }

    fn add(&mut self, payload: Payload, urgent: bool, at: Moment) -> Kept {
        let queue = self.queue.get_or_insert_default();
        queue.bytes += payload.len();
        if urgent {
            queue.packets.insert(queue.numbered + queue.urgent, payload);
            queue.urgent += 1;
        } else {
            queue.packets.push_back(payload);
        }
        self.pushed += 1;
        if !at.reached || queue.blocked {
            return Kept::Waits;
        }
        debug_assert_eq!(queue.sent + 1, queue.packets.len(), "what can be sent has been sent");
        if queue.sent == 0 {
            queue.since = at.tick;
        }
        queue.count_sent();
        Kept::Send(self.pushed)
    }

    /// How many packets stand behind the control packet that was taken last.
    pub(crate) fn behind_control(&self) -> u32 {
        let count = |queue: &Queue| (queue.packets.len() - queue.numbered - queue.urgent) as u32;
        self.queue.as_deref().map_or(0, count)
    }

    /// Takes the newest push back: it turned out that it cannot be sent in this client's form.
    pub(crate) fn take_back(&mut self) {
        let Some(queue) = &mut self.queue else { return };
        if let Some(payload) = queue.packets.pop_back() {
            queue.bytes -= payload.len();
            queue.sent = queue.sent.min(queue.packets.len());
            queue.numbered = queue.numbered.min(queue.packets.len());
            self.pushed -= 1;
        }
    }

    /// Takes a cumulative ack; one that says less than an earlier one says nothing. How many pushes it speaks for.
    pub(crate) fn acknowledge(&mut self, push_seq: u64, tick: u32) -> Result<usize, NeverSent> {
        if push_seq > self.numbered() {
            return Err(NeverSent);
        }
        let count = push_seq.saturating_sub(self.acknowledged()) as usize;
        let Some(queue) = self.queue.as_deref_mut().filter(|_| count > 0) else { return Ok(0) };
        queue.bytes -= queue.packets.drain(..count).map(|payload| payload.len()).sum::<usize>();
        queue.sent = queue.sent.saturating_sub(count);
        queue.numbered -= count;
        (queue.tries, queue.since) = (0, tick);
        Ok(count)
    }

    /// Everything up to here is acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.pushed - self.len() as u64
    }

    /// The highest number that the client can know of.
    pub(crate) fn numbered(&self) -> u64 {
        self.acknowledged() + self.queue.as_ref().map_or(0, |queue| queue.numbered as u64)
    }

    /// How many pushes are kept.
    pub(crate) fn len(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.packets.len())
    }

    /// Whether an ack is awaited from a client that reads.
    pub(crate) fn awaits_ack(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.sent > 0 && !queue.blocked)
    }

    /// Since when, in ticks, and how often the oldest push has been sent again.
    pub(crate) fn awaits_since(&self) -> (u32, u32) {
        self.queue.as_ref().map_or((0, 0), |queue| (queue.since, queue.tries))
    }

    /// The oldest pushes, at most `most` of those that were sent, to be sent again.
    pub(crate) fn again(&mut self, most: usize, tick: u32) -> impl Iterator<Item = (u64, Payload)> {
        let first = self.acknowledged() + 1;
        let sent = self.queue.as_mut().map_or(0, |queue| {
            queue.tries += 1;
            queue.since = tick;
            queue.sent
        });
        let packets = self.queue.iter().flat_map(|queue| queue.packets.iter().cloned());
        (first..).zip(packets).take(sent.min(most))
    }

    /// The oldest push that has not been sent on this connection and can be: it counts as sent.
    pub(crate) fn next_unsent(&mut self, tick: u32) -> Option<(u64, Payload)> {
        let first = self.acknowledged() + 1;
        let queue = self.queue.as_mut().filter(|queue| !queue.blocked)?;
        let payload = queue.packets.get(queue.sent)?.clone();
        if queue.sent == 0 {
            queue.since = tick;
        }
        queue.count_sent();
        Some((first + queue.sent as u64 - 1, payload))
    }

    /// The connection is another, or may have lost what was sent: nothing counts as sent.
    pub(crate) fn rewind(&mut self) {
        if let Some(queue) = &mut self.queue {
            (queue.sent, queue.tries, queue.blocked) = (0, 0, false);
        }
    }

    /// The client does not take what it is sent, or does again from `tick` on: then it is given its time anew.
    pub(crate) fn block(&mut self, blocked: bool, tick: u32) {
        if blocked || self.queue.is_some() {
            let queue = self.queue.get_or_insert_default();
            (queue.blocked, queue.since) = (blocked, tick);
        }
    }

    /// The client was sent nothing for a while: it is given its time anew.
    pub(crate) fn await_from(&mut self, tick: u32) {
        if let Some(queue) = &mut self.queue {
            queue.since = tick;
        }
    }

    /// Whether pushes were not kept and the client has not been told yet.
    pub(crate) fn is_lagging(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.missed.is_some())
    }

    /// What the client must pull, if it is to be told now: everything that was kept is acknowledged.
    pub(crate) fn resync_due(&mut self) -> Option<Resync> {
        let queue = self.queue.as_mut().filter(|queue| queue.packets.is_empty() && !queue.blocked)?;
        queue.missed.take().map(|missed| missed.told())
    }

    /// What the client must pull, to be told behind all that is kept.
    pub(crate) fn resync_now(&mut self) -> Option<Resync> {
        self.queue.as_mut()?.missed.take().map(|missed| missed.told())
    }

    /// Numbers a packet of the shard's own. There is room for it, whatever there is room for.
    pub(crate) fn push_own(&mut self, payload: Payload, at: Moment) -> Kept {
        self.add(payload, false, at)
    }

    /// The number of the last push, those that are kept, and what was not.
    pub(crate) fn durable(&self) -> (u64, Vec<Payload>, Option<Resync>) {
        let queue = self.queue.as_ref();
        let kept = queue.map_or_else(Vec::new, |queue| queue.packets.iter().cloned().collect());
        (self.pushed, kept, queue.and_then(|queue| queue.missed.as_ref()).map(|missed| missed.told()))
    }

    /// What [`InFlight::durable`] told, and nothing of it sent.
    pub(crate) fn restore(pushed: u64, kept: Vec<Payload>, missed: Option<Resync>) -> Self {
        let bytes = kept.iter().map(|payload| payload.len()).sum();
        let missed = missed.map(|missed| Box::new(Lost::of(missed)));
        let idle = kept.is_empty() && missed.is_none();
        // Any of them may have been sent.
        let queue = Queue { numbered: kept.len(), packets: kept.into(), bytes, missed, ..Queue::default() };
        Self { pushed, queue: (!idle).then(|| Box::new(queue)) }
    }

    /// Takes a mergeable push. `None` if it can go now; else it waits, and what that did to others is told.
    pub(crate) fn merge(&mut self, key: &str, payload: &Payload, reached: bool) -> Option<Merged> {
        let open = self.queue.as_mut().filter(|queue| reached && !queue.blocked);
        if let Some(queue) = open {
            queue.merging.forget(key);
            return None;
        }
        if reached && self.queue.is_none() {
            return None;
        }
        Some(self.queue.get_or_insert_default().merging.add(key, payload.clone()))
    }

    /// The mergeable pushes that waited, if they can go now.
    pub(crate) fn take_merged(&mut self) -> Vec<Payload> {
        let queue = self.queue.as_mut().filter(|queue| !queue.blocked && !queue.merging.is_empty());
        queue.map_or_else(Vec::new, |queue| queue.merging.take())
    }

    /// Gives memory back if nothing is kept.
    pub(crate) fn rest(&mut self) {
        let idle = |queue: &Queue| {
            queue.packets.is_empty() && !queue.blocked && queue.missed.is_none() && queue.merging.is_empty()
        };
        if self.queue.as_deref().is_some_and(idle) {
            self.queue = None;
        }
    }

    /// Whether everything in here agrees.
    pub(crate) fn check_invariants(&self) {
        let Some(queue) = &self.queue else { return };
        assert!(queue.sent <= queue.numbered && queue.numbered + queue.urgent <= queue.packets.len());
        assert!(queue.packets.len() as u64 <= self.pushed);
        queue.merging.check_invariants();
        assert_eq!(queue.bytes, queue.packets.iter().map(|payload| payload.len()).sum::<usize>());
    }
}

impl Queue {
    /// Takes note that one more from the front has been sent.
    fn count_sent(&mut self) {
        self.sent += 1;
        if self.sent > self.numbered {
            self.numbered = self.sent;
            self.urgent = self.urgent.saturating_sub(1);
        }
    }
}

/// Takes note, in what will be told, of one more message that was not kept: what [`Lost::add`] does.
pub(crate) fn note_missed(told: &mut Resync, conversation: &ConversationId, seq: u64) {
    match told.missed.binary_search_by(|missed| missed.conversation.cmp(conversation)) {
        Ok(place) => {
            let missed = &mut told.missed[place];
            (missed.from_seq, missed.to_seq) = (missed.from_seq.min(seq), missed.to_seq.max(seq));
        }
        Err(place) if told.missed.len() < RESYNC_MISSED_MAX => {
            let conversation = conversation.clone();
            told.missed.insert(place, Missed { conversation, from_seq: seq, to_seq: seq });
        }
        Err(_) => told.everything = true,
    }
}

impl Lost {
    fn add(&mut self, spot: &Spot) {
        let room = self.conversations.len() < RESYNC_MISSED_MAX;
        match self.conversations.entry(spot.conversation.clone()) {
            Entry::Occupied(mut known) => {
                let (from, to) = *known.get();
                known.insert((from.min(spot.seq), to.max(spot.seq)));
            }
            Entry::Vacant(new) if room => drop(new.insert((spot.seq, spot.seq))),
            Entry::Vacant(_) => self.everything = true,
        }
    }

    fn told(&self) -> Resync {
        let missed = self.conversations.iter().map(|(conversation, (from_seq, to_seq))| Missed {
            conversation: conversation.clone(),
            from_seq: *from_seq,
            to_seq: *to_seq,
        });
        Resync { missed: missed.collect(), everything: self.everything }
    }

    fn of(told: Resync) -> Self {
        let conversations =
            told.missed.into_iter().map(|missed| (missed.conversation, (missed.from_seq, missed.to_seq)));
        Self { conversations: conversations.collect(), everything: told.everything }
    }
}

#[cfg(test)]
mod tests;
