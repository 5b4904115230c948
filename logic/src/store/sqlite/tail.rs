//! The tail: records that are in the journal and not in the tables yet, by their log. Owns how they lie in memory and in which order they go to the tables; leaves
//! both the journal and the tables to `journal`.
//!
//! Two generations: the young one takes what comes, as the bytes that go into the journal; when it costs half of what all may cost, it becomes the old
//! one, whose records leave in the order of the tables, so that neighbours share pages. When the last of them has left, the rows of the journal that it
//! came from are of no more use. A generation's memory is kept for the next one.

use foldhash::{HashMap, HashMapExt as _};
use proto::limits::{STORE_LOG_COST, STORE_RECORD_COST, STORE_RUN_BYTES};
use proto::packet::Message;

use super::record::{self, Log, Record};
use crate::store::{Outcome, StoreError};

/// Where a record lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    number: u64,
    at: usize,
}

#[derive(Debug)]
struct Generation {
    /// As in the journal.
    changes: Vec<u8>,
    /// The records of each log, oldest first.
    logs: HashMap<Log, Vec<Place>>,
    cost: usize,
    /// Of the journal: rows after the generation before, up to this one, have what is here.
    row: i64,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Tail {
    young: Generation,
    old: Generation,
    /// The logs of the old generation; the next to leave is the last.
    leaving: Vec<Log>,
    /// Where the young generation's changes begin that are in no row of the journal.
    unwritten: usize,
    /// What has come since it was last asked.
    added: usize,
    limit: usize,
}

/// What leaves the tail together: records of one log.
#[derive(Debug)]
pub(super) struct Leaving {
    pub(super) log: Log,
    /// The number of the last of them.
    pub(super) last: u64,
    /// What they cost here.
    pub(super) cost: usize,
}

impl Generation {
    fn new() -> Self {
        Self { changes: Vec::new(), logs: HashMap::new(), cost: 0, row: 0 }
    }

    fn places(&self, log: Log) -> &[Place] {
        self.logs.get(&log).map_or(&[], Vec::as_slice)
    }

    fn record(&self, place: Place) -> Result<Record<'_>, StoreError> {
        record::at(&self.changes, place.at)
    }
}

impl Tail {
    /// Holds what costs so much and what one transaction brings.
    pub(super) fn new(limit: usize) -> Self {
        let (young, old) = (Generation::new(), Generation::new());
        Self { young, old, leaving: Vec::new(), unwritten: 0, added: 0, limit }
    }

    /// Adds a conversation's next message; `sender` is its place among the members.
    pub(super) fn message(&mut self, log: Log, sender: usize, message: &Message) {
        let at = record::put_message(&mut self.young.changes, log, sender, message);
        self.added(log, message.seq, at);
    }

    /// Adds a device's next outcome.
    pub(super) fn outcome(&mut self, log: Log, client_id: u64, outcome: &Outcome) {
        let at = record::put_outcome(&mut self.young.changes, log, client_id, outcome);
        self.added(log, client_id, at);
    }

    /// Adds a log's next record, which was read from the journal.
    pub(super) fn record(&mut self, log: Log, record: &Record<'_>) {
        let at = record::put(&mut self.young.changes, log, record);
        self.added(log, record.number, at);
    }

    fn added(&mut self, log: Log, number: u64, at: usize) {
        let Generation { changes, logs, cost, .. } = &mut self.young;
        let places = logs.entry(log).or_default();
        let beside = if places.is_empty() { STORE_LOG_COST } else { 0 };
        places.push(Place { number, at });
        let more = changes.len() - at + STORE_RECORD_COST + beside;
        *cost += more;
        self.added += more;
    }

    /// The changes that are in no row of the journal.
    pub(super) fn unwritten(&self) -> &[u8] {
        &self.young.changes[self.unwritten..]
    }

    /// They are, in this one and the rows before it; the transaction may go on.
    pub(super) fn written(&mut self, row: i64) {
        self.unwritten = self.young.changes.len();
        self.young.row = row;
    }

    /// A transaction ends, and all of it is in the journal. Returns what it cost.
    pub(super) fn turn(&mut self) -> usize {
        if self.young.cost >= self.limit / 2 && self.leaving.is_empty() {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.changes.clear();
            self.young.logs.clear();
            self.young.cost = 0;
            self.young.row = self.old.row;
            self.unwritten = 0;
            self.leaving.extend(self.old.logs.keys());
            self.leaving.sort_unstable_by(|one, other| other.cmp(one));
        }
        std::mem::take(&mut self.added)
    }

    /// Takes out the next run for the tables; the caller writes it there in the open transaction.
    pub(super) fn leave(&mut self, run: &mut Vec<u8>) -> Result<Option<Leaving>, StoreError> {
        run.clear();
        let Some(log) = self.leaving.last().copied() else { return Ok(None) };
        let (mut count, mut last) = (0, 0);
        for place in self.old.places(log) {
            let record = self.old.record(*place)?;
            if count > 0 && run.len() + record.bytes.len() > STORE_RUN_BYTES {
                break;
            }
            run.extend_from_slice(record.bytes);
            (count, last) = (count + 1, place.number);
        }
        let mut cost = run.len() + count * STORE_RECORD_COST;
        let places = self.old.logs.get_mut(&log);
        if places.is_none_or(|places| {
            places.drain(..count);
            places.is_empty()
        }) {
            self.old.logs.remove(&log);
            self.leaving.pop();
            cost += STORE_LOG_COST;
        }
        Ok(Some(Leaving { log, last, cost }))
    }

    /// The last row of the journal that has nothing the tables do not have; 0 if there is none.
    pub(super) fn spent(&self) -> i64 {
        if self.leaving.is_empty() { self.old.row } else { 0 }
    }

    /// The records of a log, oldest first.
    pub(super) fn records(
        &self,
        log: Log,
    ) -> impl DoubleEndedIterator<Item = Result<Record<'_>, StoreError>> {
        self.from(log, 0)
    }

    /// Those from a number on.
    pub(super) fn from(
        &self,
        log: Log,
        number: u64,
    ) -> impl DoubleEndedIterator<Item = Result<Record<'_>, StoreError>> {
        [&self.old, &self.young].into_iter().flat_map(move |generation| {
            let places = generation.places(log);
            let first = places.partition_point(|place| place.number < number);
            places[first..].iter().map(|place| generation.record(*place))
        })
    }

    /// Those up to a number.
    pub(super) fn up_to(
        &self,
        log: Log,
        number: u64,
    ) -> impl DoubleEndedIterator<Item = Result<Record<'_>, StoreError>> {
        [&self.old, &self.young].into_iter().flat_map(move |generation| {
            let places = generation.places(log);
            let past = places.partition_point(|place| place.number <= number);
            places[..past].iter().map(|place| generation.record(*place))
        })
    }

    /// What it costs in memory: what has left is still there, to be written over by the next generation.
    #[cfg(test)]
    pub(super) fn cost(&self) -> usize {
        self.young.cost + self.old.cost
    }
}
