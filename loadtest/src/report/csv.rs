//! A run second by second, as comma-separated values for spreadsheets. Owns the columns.

use std::fmt::Write as _;

use super::Report;
use crate::ledger::{Count, Timing};

const COUNTS: [Count; 8] = [
    Count::Opened,
    Count::Sent,
    Count::Answered,
    Count::Delivered,
    Count::Missed,
    Count::Disconnects,
    Count::Failures,
    Count::Heartbeats,
];

impl Report {
    /// One line for each second, under a line of names. Times in milliseconds; empty where there was nothing to time.
    pub fn csv(&self) -> String {
        let mut text = String::from("second,running,ready,errors");
        COUNTS.iter().for_each(|count| add(&mut text, count.name()));
        for timing in Timing::ALL {
            ["p50", "p99", "max"]
                .iter()
                .for_each(|name| add(&mut text, format_args!("{}_{name}", timing.name())));
        }
        let watched = &self.memory.names[..self.memory.names.len().saturating_sub(1)];
        for name in watched {
            add(&mut text, format_args!("{name}_cores"));
            add(&mut text, format_args!("{name}_resident_bytes"));
        }
        for row in &self.seconds {
            text.push('\n');
            // Writing into a String cannot fail.
            let _ = write!(text, "{},{},{},{}", row.second, u8::from(row.running), row.ready, row.errors);
            COUNTS.iter().for_each(|count| add(&mut text, row.count(*count)));
            for timing in Timing::ALL {
                match row.time(*timing) {
                    Some(times) => times.iter().for_each(|ms| add(&mut text, format_args!("{ms:.3}"))),
                    None => text.push_str(",,,"),
                }
            }
            for (cores, bytes) in &row.processes {
                add(&mut text, format_args!("{cores:.3}"));
                add(&mut text, bytes);
            }
        }
        text.push('\n');
        text
    }
}

fn add(text: &mut String, value: impl std::fmt::Display) {
    let _ = write!(text, ",{value}");
}
