//! A report for programs: JSON after the schema `docs/load-report.schema.json`. Owns the names; whoever changes them changes the schema and `VERSION`.

use serde_json::{Map, Value, json};

use super::text::SHARES;
use super::{PartReport, Report};
use crate::ledger::{Count, Ledger, Timing};
use crate::series::Row;

/// The version of the form.
const VERSION: u32 = 1;
/// Points of a distribution's curve, in shares.
const CURVE: [f64; 24] = [
    0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995,
    0.998, 0.999, 0.9995, 0.9999, 0.99999, 1.0,
];

impl Report {
    /// The report for programs. Times are in milliseconds unless named otherwise.
    pub fn json(&self) -> Value {
        let processes = self.memory.processes().map(
            |(name, cpu, added)| json!({ "name": name, "cpu_seconds": cpu, "bytes_per_connection": added }),
        );
        json!({
            "version": VERSION,
            "target": self.target,
            "started_unix_ms": self.started_unix_ms,
            "ended": self.ended.name(),
            "valid": self.tool.invalid.is_empty(),
            "invalid": self.tool.invalid,
            "faults": self.faults(),
            "clients": self.clients,
            "connected": self.connected,
            "connected_at_the_end": self.connected_at_the_end,
            "ramp_ms": self.ramp.as_secs_f64() * 1e3,
            "sending_ms": self.sending.as_secs_f64() * 1e3,
            "rate": self.rate(),
            "tool": {
                "threads": self.tool.threads,
                "busy": self.tool.busy,
                "coalesce_ms": self.tool.coalesce.as_secs_f64() * 1e3,
            },
            "processes": processes.collect::<Value>(),
            "kernel_bytes_per_connection": self.memory.kernel_bytes_each(),
            "parts": self.parts.iter().map(|part| self.part(part)).collect::<Value>(),
            "seconds": self.seconds.iter().map(second).collect::<Value>(),
        })
    }

    fn part(&self, part: &PartReport) -> Value {
        json!({
            "name": part.name,
            "task": part.task,
            "clients": part.clients,
            "main": part.main.name(),
            "rate": part.rate(self.sending),
            "ramp": ledger(&part.ramp),
            "run": ledger(&part.run),
        })
    }
}

fn ledger(ledger: &Ledger) -> Value {
    let times = Timing::ALL.iter().filter_map(|timing| {
        let times = ledger.times(*timing)?;
        let mut members: Map<String, Value> = SHARES
            .iter()
            .map(|(name, share)| ((*name).to_owned(), json!(times.quantile_ms(*share))))
            .collect();
        members.insert("count".into(), json!(times.count()));
        members.insert("mean".into(), json!(times.mean_ms()));
        let curve = CURVE.iter().map(|share| json!([share, times.quantile_ms(*share)]));
        members.insert("curve".into(), curve.collect());
        Some((timing.name().to_owned(), Value::Object(members)))
    });
    let counts = Count::ALL.iter().map(|count| (count.name().to_owned(), json!(ledger.of(*count))));
    json!({
        "counts": counts.collect::<Map<_, _>>(),
        "times": times.collect::<Map<_, _>>(),
        "errors": ledger.errors(),
    })
}

fn second(row: &Row) -> Value {
    let times = row.times.iter().map(|(timing, [p50, p99, max])| {
        (timing.name().to_owned(), json!({ "p50": p50, "p99": p99, "max": max }))
    });
    json!({
        "second": row.second,
        "running": row.running,
        "ready": row.ready,
        "sent": row.count(Count::Sent),
        "answered": row.count(Count::Answered),
        "delivered": row.count(Count::Delivered),
        "missed": row.count(Count::Missed),
        "opened": row.count(Count::Opened),
        "disconnects": row.count(Count::Disconnects),
        "heartbeats": row.count(Count::Heartbeats),
        "errors": row.errors,
        "times": times.collect::<Map<_, _>>(),
        "cores": row.processes.iter().map(|(cores, _)| json!(cores)).collect::<Value>(),
        "resident_bytes": row.processes.iter().map(|(_, bytes)| json!(bytes)).collect::<Value>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_figure() {
        let schema: Value =
            serde_json::from_str(include_str!("../../../docs/load-report.schema.json")).unwrap();
        let ledger = &schema["$defs"]["ledger"]["properties"];
        for count in Count::ALL {
            assert!(ledger["counts"]["properties"].get(count.name()).is_some(), "{}", count.name());
        }
        for timing in Timing::ALL {
            assert!(ledger["times"]["properties"].get(timing.name()).is_some(), "{}", timing.name());
        }
    }
}
