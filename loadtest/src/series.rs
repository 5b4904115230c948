//! A run second by second: [`Series`], for curves, for the CSV and for the line of progress. Owns the putting together of the workers' seconds; measures
//! nothing but what processes use.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::ledger::{Count, Ledger, Timing};
use crate::plan::Plan;
use crate::process::{self, Used};
use crate::worker::Second;

/// A second is complete when its workers have had so many more to tell of it.
const SETTLED_AFTER: u64 = 2;

/// One second of a run.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which one, since the run began.
    pub second: u64,
    /// Clients that were where they should be, at its end.
    pub ready: u32,
    /// Messages were being sent.
    pub running: bool,
    /// Its figures, by [`Count::ALL`].
    pub counts: Vec<u64>,
    /// Errors of all reasons.
    pub errors: u64,
    /// p50, p99 and the longest, in milliseconds, of each timing that there was.
    pub times: Vec<(Timing, [f64; 3])>,
    /// CPU used by each watched process in this second, in shares of a core, and its resident bytes at the end.
    pub processes: Vec<(f64, u64)>,
}

impl Row {
    /// One of its figures.
    pub fn count(&self, what: Count) -> u64 {
        self.counts.get(what as usize).copied().unwrap_or(0)
    }

    /// p50, p99 and the longest of a timing, in milliseconds.
    pub fn time(&self, what: Timing) -> Option<[f64; 3]> {
        self.times.iter().find(|(timing, _)| *timing == what).map(|(_, times)| *times)
    }
}

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Since it began.
    pub elapsed: Duration,
    /// Messages are being sent; before that clients come online.
    pub running: bool,
    /// Clients that are where they should be, and all.
    pub ready: u32,
    /// See `ready`.
    pub clients: u32,
    /// The last second that is complete.
    pub row: Option<Row>,
    /// The run's main timing.
    pub main: Timing,
    /// What went wrong so far, the most frequent first, three at most.
    pub errors: Vec<(String, u64)>,
}

#[derive(Debug)]
pub(crate) struct Series {
    main: Timing,
    open: BTreeMap<u64, Ledger>,
    rows: Vec<Row>,
    whole: Ledger,
    running_from: Option<Duration>,
    looked: Instant,
    used: Vec<Used>,
    /// By second: who was ready and what processes had used.
    seen: BTreeMap<u64, (u32, Vec<(f64, u64)>)>,
    last: u64,
}

impl Series {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            main: plan.parts.first().map_or(Timing::Connect, |part| part.task.main_timing()),
            open: BTreeMap::new(),
            rows: Vec::new(),
            whole: Ledger::new(2),
            running_from: None,
            looked: Instant::now(),
            used: use_of(plan),
            seen: BTreeMap::new(),
            last: 0,
        }
    }

    /// Messages are sent from this moment of the run.
    pub(crate) fn running(&mut self, from: Duration) {
        self.running_from = Some(from);
    }

    /// Attempts to connect that have failed so far.
    pub(crate) fn failures(&self) -> u64 {
        self.whole.of(Count::Failures)
    }

    /// What a worker tells of a second.
    pub(crate) fn add(&mut self, second: Second) {
        self.whole.merge(&second.ledger);
        self.open.entry(second.number).or_insert_with(|| Ledger::new(2)).merge(&second.ledger);
    }

    /// To be called often; gives something once a second.
    pub(crate) fn look(&mut self, elapsed: Duration, ready: u32, plan: &Plan) -> Option<Snapshot> {
        let now = elapsed.as_secs();
        if now == self.last {
            return None;
        }
        let spent = self.looked.elapsed().as_nanos() as f64;
        self.looked = Instant::now();
        let used = use_of(plan);
        let of_second = used.iter().zip(&self.used).map(|(now, before)| {
            (now.cpu_ns.saturating_sub(before.cpu_ns) as f64 / spent, now.resident_bytes)
        });
        let of_second = of_second.collect();
        self.used = used;
        self.seen.insert(self.last, (ready, of_second));
        self.last = now;
        self.close(now.saturating_sub(SETTLED_AFTER));
        let mut errors: Vec<_> =
            self.whole.errors().iter().map(|(reason, many)| (reason.clone(), *many)).collect();
        errors.sort_by_key(|(_, many)| std::cmp::Reverse(*many));
        errors.truncate(3);
        Some(Snapshot {
            elapsed,
            running: self.running_from.is_some(),
            ready,
            clients: plan.clients(),
            row: self.rows.last().cloned(),
            main: self.main,
            errors,
        })
    }

    /// All rows, those included that are not complete.
    pub(crate) fn rows(mut self) -> Vec<Row> {
        self.close(u64::MAX);
        self.rows
    }

    /// Makes rows of the seconds before `end`.
    fn close(&mut self, end: u64) {
        while let Some(entry) = self.open.first_entry().filter(|entry| *entry.key() < end) {
            let (second, ledger) = entry.remove_entry();
            // The seconds before it are of no more use.
            let later = self.seen.split_off(&second);
            let before = std::mem::replace(&mut self.seen, later);
            let seen = self.seen.get(&second).or_else(|| before.values().last());
            let (ready, processes) = seen.cloned().unwrap_or_default();
            let running = self.running_from.is_some_and(|from| second >= from.as_secs());
            let times = Timing::ALL.iter().filter_map(|timing| {
                let times = ledger.times(*timing)?;
                Some((*timing, [times.quantile_ms(0.5), times.quantile_ms(0.99), times.max_ms()]))
            });
            self.rows.push(Row {
                second,
                ready,
                running,
                counts: Count::ALL.iter().map(|count| ledger.of(*count)).collect(),
                errors: ledger.error_count(),
                times: times.collect(),
                processes,
            });
        }
    }
}

/// One that has ended uses nothing any more.
fn use_of(plan: &Plan) -> Vec<Used> {
    plan.pids.iter().map(|pid| process::used(pid.pid).unwrap_or_default()).collect()
}
