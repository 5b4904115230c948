//! How a load test goes, in one line that is written over the last one. Owns its words.

use std::io::{Write as _, stderr};

use loadtest::ledger::{Count, Timing};
use loadtest::series::Snapshot;

/// The line is cut here, so that it stays one on a wide terminal.
const CHARACTERS_MAX: usize = 180;

/// Shows it.
pub(crate) fn show(snapshot: &Snapshot) {
    let line: String = words(snapshot).join("  ").chars().take(CHARACTERS_MAX).collect();
    // With stderr gone there is nobody left to show it to.
    let _ = write!(stderr(), "\r\x1b[K{line}");
}

/// Takes it away.
pub(crate) fn clear() {
    let _ = write!(stderr(), "\r\x1b[K");
}

fn words(snapshot: &Snapshot) -> Vec<String> {
    let Snapshot { elapsed, running, ready, clients, row, main, errors } = snapshot;
    let mut words = vec![format!("{:>4} s", elapsed.as_secs()), format!("{ready}/{clients}")];
    if let Some(row) = row {
        words.push(if *running {
            format!("{}/s", row.count(Count::Answered).max(row.count(Count::Delivered)))
        } else {
            format!("{} opened/s", row.count(Count::Opened))
        });
        let timing = if *running { *main } else { Timing::Connect };
        if let Some([p50, p99, _]) = row.time(timing) {
            words.push(format!("{} p50 {p50:.2} ms p99 {p99:.2} ms", timing.name()));
        }
        let used = |(cores, bytes): &(f64, u64)| format!("{cores:.2} cores {} MiB", bytes >> 20);
        words.extend(row.processes.iter().map(used));
    }
    words.extend(errors.iter().map(|(reason, many)| format!("{many}× {reason}")));
    words
}
