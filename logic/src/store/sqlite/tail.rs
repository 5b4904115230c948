//! The tail: records that are in the journal and not in the tables yet, by their log. Owns how they are gathered into runs, and in which order these go to the
//! tables; leaves both the journal and the tables to `journal`.
//!
//! Two generations: the young one takes what comes; when it has half of what all may have, it becomes the old one, whose runs leave in the order of
//! the tables, so that neighbours share pages. When the last of them has left, the rows of the journal that it came from are of no more use.

use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt as _};
use proto::limits::STORE_RUN_BYTES;

use super::record::{Log, Record, records};
use crate::store::StoreError;

/// What a run takes beside its records, in bytes: its places in tables, which have room for more, and of an allocator.
const BESIDE_A_RUN: usize = 256;

/// Records of one log that go into one row.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) bytes: Vec<u8>,
    /// Where the last record begins.
    last_at: usize,
}

#[derive(Debug, Default)]
struct Generation {
    logs: HashMap<Log, VecDeque<Run>>,
    bytes: usize,
    /// Of the journal: rows after the generation before, up to this one, have what is here.
    row: i64,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Tail {
    young: Generation,
    old: Generation,
    /// Of each run of the old generation its log; the next to leave is the last.
    leaving: Vec<Log>,
    limit: usize,
}

impl Tail {
    /// Holds so many bytes of records and what one transaction brings, and some room to grow.
    pub(super) fn new(limit: usize) -> Self {
        Self { young: Generation::default(), old: Generation::default(), leaving: Vec::new(), limit }
    }

    /// Adds the next record of a log, which is in the journal or on its way there.
    pub(super) fn push(&mut self, log: Log, number: u64, record: &[u8]) {
        self.young.bytes += record.len();
        let runs = self.young.logs.entry(log).or_default();
        match runs.back_mut() {
            Some(run) if run.bytes.len() + record.len() <= STORE_RUN_BYTES => {
                run.last = number;
                run.last_at = run.bytes.len();
                run.bytes.extend_from_slice(record);
            }
            _ => {
                self.young.bytes += BESIDE_A_RUN;
                runs.push_back(Run { first: number, last: number, bytes: record.to_vec(), last_at: 0 });
            }
        }
    }

    /// The journal has everything, up to this row.
    pub(super) fn journaled(&mut self, row: i64) {
        self.young.row = row;
        if self.young.bytes >= self.limit / 2 && self.leaving.is_empty() {
            let logs = HashMap::with_capacity(self.young.logs.len());
            self.old = std::mem::replace(&mut self.young, Generation { logs, bytes: 0, row });
            let logs = self.old.logs.iter();
            self.leaving = logs.flat_map(|(log, runs)| std::iter::repeat_n(*log, runs.len())).collect();
            self.leaving.sort_unstable_by(|one, other| other.cmp(one));
        }
    }

    /// The next run for the tables; the caller writes it there in the open transaction.
    pub(super) fn leave(&mut self) -> Option<(Log, Run)> {
        let log = self.leaving.pop()?;
        let runs = self.old.logs.get_mut(&log)?;
        let run = runs.pop_front()?;
        if runs.is_empty() {
            self.old.logs.remove(&log);
        }
        Some((log, run))
    }

    /// The last row of the journal that has nothing the tables do not have; 0 if there is none.
    pub(super) fn spent(&self) -> i64 {
        if self.leaving.is_empty() { self.old.row } else { 0 }
    }

    /// The runs of a log, oldest first.
    pub(super) fn runs(&self, log: Log) -> impl DoubleEndedIterator<Item = &Run> {
        [&self.old, &self.young].into_iter().filter_map(move |generation| generation.logs.get(&log)).flatten()
    }

    /// The newest record of a log.
    pub(super) fn last(&self, log: Log) -> Option<Result<Record<'_>, StoreError>> {
        let run = self.runs(log).next_back()?;
        records(&run.bytes[run.last_at..]).next()
    }
}
