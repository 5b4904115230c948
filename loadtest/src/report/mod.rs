//! What a run came to: [`Report`]. Owns the figures, the judgement whether they can be trusted, and the exit code that follows; its forms for readers are
//! `text`, `json`, `csv` and `html`.

mod chart;
mod compare;
mod csv;
mod html;
mod json;
mod text;

pub use compare::compare;
pub use html::html;

use std::time::Duration;

use crate::ledger::{Count, Ledger, Timing};
use crate::plan::Plan;
use crate::process::{self, Used};
use crate::series::Row;
use crate::threshold::{Judged, Threshold};

/// The tool's own lateness may be this share of what it measured …
const LATENESS_SHARE: f64 = 0.1;
/// … or so many milliseconds, whichever is more.
const LATENESS_MS: f64 = 1.0;
/// A thread that works for more than this share of the time can not be relied upon to look in time.
const BUSY_MAX: f64 = 0.95;

/// The figures of one run.
#[derive(Debug)]
pub struct Report {
    /// Where it went.
    pub target: String,
    /// When it began, Unix time in milliseconds.
    pub started_unix_ms: u64,
    /// Why it ended.
    pub ended: Ended,
    /// Clients that should come.
    pub clients: u32,
    /// … that were there at the same time, at most.
    pub connected: u32,
    /// … that were there at the end.
    pub connected_at_the_end: u32,
    /// How long it took until all were there, or no more came.
    pub ramp: Duration,
    /// How long messages were sent.
    pub sending: Duration,
    /// The tool itself.
    pub tool: Tool,
    /// What each part did and saw.
    pub parts: Vec<PartReport>,
    /// What connections cost.
    pub memory: Memory,
    /// Second by second.
    pub seconds: Vec<Row>,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was over.
    Complete,
    /// Somebody stopped it.
    Interrupted,
    /// No connection could be opened.
    Nobody,
    /// All connections were lost, and none came back.
    Died,
    /// This tool could not go on.
    Tool(String),
}

/// What one part did and saw.
#[derive(Debug)]
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// What its clients did.
    pub task: String,
    /// How many there were.
    pub clients: u32,
    /// How long after the others they began.
    pub after: Duration,
    /// The times that matter most.
    pub main: Timing,
    /// Before messages were sent.
    pub ramp: Ledger,
    /// From then on.
    pub run: Ledger,
}

/// The tool's account of itself.
#[derive(Debug)]
pub struct Tool {
    /// Its threads.
    pub threads: usize,
    /// The share of the time of sending in which its busiest thread worked.
    pub busy: f64,
    /// How long it let events gather on threads whose times need not be exact.
    pub coalesce: Duration,
    /// Why the figures are those of the tool rather than of the server; empty: they are the server's.
    pub invalid: Vec<String>,
}

/// What processes and the kernel used: before, with all connections, and at the end.
#[derive(Debug, Default)]
pub struct Memory {
    /// Names of the processes; the tool itself is the last.
    pub names: Vec<String>,
    /// Before anything was opened.
    pub before: Vec<Used>,
    /// When all were connected.
    pub connected: Vec<Used>,
    /// When the last answer had come.
    pub end: Vec<Used>,
    /// How many were connected.
    pub connections: u32,
    /// Kernel memory that is nobody's, before and with all connections, in bytes.
    pub kernel: [u64; 2],
}

impl Memory {
    pub(crate) fn before(plan: &Plan) -> Self {
        let names = plan.pids.iter().map(|pid| pid.name.clone()).chain(["load".to_owned()]);
        let before = Self::look(plan);
        Self {
            names: names.collect(),
            connected: before.clone(),
            end: before.clone(),
            before,
            connections: 0,
            kernel: [process::kernel_bytes(); 2],
        }
    }

    pub(crate) fn after_ramp(&mut self, plan: &Plan, connections: u32) {
        self.connections = connections;
        self.connected = Self::look(plan);
        self.kernel[1] = process::kernel_bytes();
    }

    pub(crate) fn at_the_end(&mut self, plan: &Plan) {
        self.end = Self::look(plan);
    }

    fn look(plan: &Plan) -> Vec<Used> {
        let pids = plan.pids.iter().map(|pid| pid.pid).chain([std::process::id()]);
        pids.map(|pid| process::used(pid).unwrap_or_default()).collect()
    }

    /// By process: its name, CPU seconds while messages were sent, and bytes that a connection added to it.
    pub fn processes(&self) -> impl Iterator<Item = (&str, f64, f64)> {
        self.names.iter().enumerate().map(|(place, name)| {
            let of = |all: &[Used]| all.get(place).copied().unwrap_or_default();
            let (before, connected, end) = (of(&self.before), of(&self.connected), of(&self.end));
            let cpu = end.cpu_ns.saturating_sub(connected.cpu_ns) as f64 / 1e9;
            let added = connected.resident_bytes as f64 - before.resident_bytes as f64;
            (name.as_str(), cpu, added / f64::from(self.connections.max(1)))
        })
    }

    /// Bytes of kernel memory that a connection added, its ends on this machine together.
    pub fn kernel_bytes_each(&self) -> f64 {
        (self.kernel[1] as f64 - self.kernel[0] as f64) / f64::from(self.connections.max(1))
    }
}

impl PartReport {
    /// Messages answered (or delivered, where there is nobody to answer) in a second of sending.
    pub fn rate(&self, sending: Duration) -> f64 {
        let sending = sending.saturating_sub(self.after);
        self.run.of(Count::AnsweredInTime) as f64 / sending.as_secs_f64().max(f64::EPSILON)
    }
}

impl Tool {
    pub(crate) fn new(threads: usize, parts: &[PartReport], busiest: Duration, sending: Duration) -> Self {
        let busy = if sending.is_zero() { 0.0 } else { busiest.as_secs_f64() / sending.as_secs_f64() };
        let mut invalid = Vec::new();
        for part in parts {
            let p99 = |timing| part.run.times(timing).map(|times| times.quantile_ms(0.99));
            let (Some(late), Some(measured)) = (p99(Timing::Lateness), p99(part.main)) else { continue };
            if late > (measured * LATENESS_SHARE).max(LATENESS_MS) {
                invalid.push(format!(
                    "{}: the tool was late itself: p99 {late:.2} ms of the {measured:.2} ms that it measured",
                    part.name
                ));
            }
            if busy > BUSY_MAX {
                invalid.push(format!(
                    "{}: the tool was busy for {:.0} % of the time; give it more --workers or cores",
                    part.name,
                    busy * 100.0
                ));
            }
        }
        Self { threads, busy, coalesce: Duration::ZERO, invalid }
    }

    /// The same of a tool that let events gather.
    pub(crate) fn coalescing(self, coalesce: Duration) -> Self {
        Self { coalesce, ..self }
    }
}

impl Report {
    /// The figures of all parts together.
    pub fn whole(&self) -> Ledger {
        let mut whole = Ledger::new(3);
        self.parts.iter().for_each(|part| {
            whole.merge(&part.ramp);
            whole.merge(&part.run);
        });
        whole
    }

    /// Messages answered in a second of sending, by all parts together.
    pub fn rate(&self) -> f64 {
        self.parts.iter().map(|part| part.rate(self.sending)).sum()
    }

    /// The thresholds that were crossed, with the values that did it.
    pub fn crossed<'a>(&self, thresholds: &'a [Threshold]) -> Vec<(&'a Threshold, f64)> {
        let whole = self.whole();
        let main = self.parts.first().map_or(Timing::Connect, |part| part.main);
        let judged = Judged { ledger: &whole, main, rate: self.rate() };
        thresholds.iter().filter_map(|one| Some((one, one.crossed(&judged)?))).collect()
    }

    /// Why the server has not done what it should have, apart from being slow. Empty: it has.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        match &self.ended {
            Ended::Complete | Ended::Interrupted => {}
            Ended::Nobody => faults.push("no connection could be opened".into()),
            Ended::Died => faults.push("all connections were lost, and none came back".into()),
            Ended::Tool(why) => faults.push(format!("the load tester could not go on: {why}")),
        }
        if self.connected < self.clients && self.ended != Ended::Interrupted {
            faults.push(format!("{} of {} clients were there at a time", self.connected, self.clients));
        }
        if self.ended == Ended::Complete && self.connected_at_the_end == 0 {
            faults.push("nobody was connected any more at the end".into());
        }
        let whole = self.whole();
        for count in [Count::Lost, Count::Doubled, Count::Reordered, Count::Wrong] {
            let many = whole.of(count);
            if many > 0 {
                faults.push(format!("{} {many}", count.name()));
            }
        }
        faults
    }
}
