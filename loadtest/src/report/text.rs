//! A report for people: a table in a terminal. Owns its words and its columns.

use std::fmt;

use super::{Ended, PartReport, Report};
use crate::ledger::{Count, Timing};

/// The shares of which the times are shown.
pub(super) const SHARES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("max", 1.0)];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, connected, clients, ramp, sending, .. } = self;
        writeln!(f, "{target}: {connected} of {clients} clients in {:.2} s", ramp.as_secs_f64())?;
        write!(f, "messages for {:.2} s on {} threads", sending.as_secs_f64(), self.tool.threads)?;
        writeln!(f, ", the busiest working {:.0} % of it", self.tool.busy * 100.0)?;
        if !self.tool.coalesce.is_zero() {
            let coalesce = self.tool.coalesce;
            writeln!(
                f,
                "events gathered for up to {coalesce:?}, those of chats and echoes apart: so much too long may the other times be"
            )?;
        }
        match &self.ended {
            Ended::Complete => {}
            other => writeln!(f, "{}: what follows is what there was until then", other.name())?,
        }
        self.parts.iter().try_for_each(|part| write_part(f, part, self))?;
        writeln!(f)?;
        for (name, cpu, added) in self.memory.processes() {
            writeln!(f, "{name}: {cpu:.2} s of CPU, {added:.0} bytes of memory a connection")?;
        }
        writeln!(f, "kernel: {:.0} bytes a connection", self.memory.kernel_bytes_each())?;
        self.tool.invalid.iter().try_for_each(|why| writeln!(f, "INVALID: {why}"))
    }
}

impl Ended {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Nobody => "nobody",
            Self::Died => "died",
            Self::Tool(_) => "tool",
        }
    }
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &PartReport, report: &Report) -> fmt::Result {
    writeln!(f, "\n{}: {} clients, {}", part.name, part.clients, part.task)?;
    let whole = {
        let mut whole = part.ramp.clone();
        whole.merge(&part.run);
        whole
    };
    if whole.of(Count::Sent) > 0 {
        writeln!(f, "  {:.0} messages a second", part.rate(report.sending))?;
    }
    let counts = Count::ALL.iter().filter(|count| **count != Count::AnsweredInTime);
    let counts = counts.filter_map(|count| match whole.of(*count) {
        0 => None,
        many => Some(format!("{} {many}", count.name())),
    });
    writeln!(f, "  {}", counts.collect::<Vec<_>>().join(", "))?;
    write!(f, "  {:<10} {:>9}", "ms", "count")?;
    SHARES.iter().try_for_each(|(name, _)| write!(f, " {name:>9}"))?;
    writeln!(f)?;
    for timing in Timing::ALL {
        let Some(times) = whole.times(*timing) else { continue };
        write!(f, "  {:<10} {:>9}", timing.name(), times.count())?;
        SHARES.iter().try_for_each(|(_, share)| write!(f, " {:>9.3}", times.quantile_ms(*share)))?;
        writeln!(f)?;
    }
    whole.errors().iter().try_for_each(|(reason, many)| writeln!(f, "  error, {many} times: {reason}"))
}
