//! What a load test found: [`Report`], as a table and as JSON. Owns the figures and their units; measuring is the scenarios' business.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// The figures of one run.
#[derive(Debug)]
pub struct Report {
    /// What was run, in one line.
    pub scenario: String,
    /// How long it took to get all clients online.
    pub connecting: Duration,
    /// How long messages were sent; throughput is counted over this time.
    pub sending: Duration,
    /// Messages given to clients.
    pub sent: u64,
    /// … that were answered with success while messages were sent.
    pub answered_in_time: u64,
    /// … that were answered with success, in all.
    pub answered: u64,
    /// … that came to the other one of the pair, in all, each counted once.
    pub delivered: u64,
    /// Answered with success and never delivered.
    pub lost: u64,
    /// Delivered more than once.
    pub doubled: u64,
    /// Neither answered nor delivered when patience ended.
    pub unanswered: u64,
    /// From the submit to its answer.
    pub submit: Latency,
    /// From the submit to the delivery.
    pub delivery: Latency,
    /// What went wrong, by reason.
    pub errors: BTreeMap<String, u64>,
    /// CPU time while messages were sent, by process.
    pub usage: Vec<Usage>,
}

/// CPU time of one process.
#[derive(Clone, Debug)]
pub struct Usage {
    /// Its name.
    pub name: String,
    /// CPU time, in nanoseconds.
    pub cpu_ns: u64,
}

/// A distribution of times, to three digits, from a microsecond to a minute.
#[derive(Debug)]
pub struct Latency(Histogram<u64>);

const LONGEST_NS: u64 = 60_000_000_000;

impl Default for Latency {
    fn default() -> Self {
        Self(
            Histogram::new_with_bounds(1_000, LONGEST_NS, 3)
                .expect("the bounds are in order, digits at most 5"),
        )
    }
}

impl Latency {
    pub(crate) fn record(&mut self, ns: u64) {
        self.0.saturating_record(ns.clamp(1, LONGEST_NS));
    }

    /// The time that this share (0 to 1) of all did not exceed, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e6
    }

    fn figures(&self) -> [(&'static str, f64); 5] {
        [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)]
            .map(|(name, share)| (name, self.quantile_ms(share)))
    }

    fn json(&self) -> Value {
        self.figures().into_iter().map(|(name, ms)| (format!("{name}_ms"), json!(ms))).collect()
    }
}

impl Report {
    /// Whether every message that was answered was delivered, once, and none is unaccounted for.
    pub fn is_sound(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.unanswered == 0 && self.delivered > 0
    }

    /// Messages answered in a second of sending.
    pub fn messages_per_second(&self) -> f64 {
        self.answered_in_time as f64 / self.sending.as_secs_f64().max(f64::EPSILON)
    }

    /// The report for machines. Times in milliseconds unless named otherwise.
    pub fn json(&self) -> Value {
        let usage = self.usage.iter().map(|usage| {
            let us = self.us_per_message(usage);
            (usage.name.clone(), json!({"cpu_seconds": usage.cpu_ns as f64 / 1e9, "us_per_message": us}))
        });
        json!({
            "scenario": self.scenario,
            "sound": self.is_sound(),
            "connecting_ms": self.connecting.as_millis() as u64,
            "sending_ms": self.sending.as_millis() as u64,
            "messages_per_second": self.messages_per_second(),
            "sent": self.sent,
            "answered": self.answered,
            "delivered": self.delivered,
            "lost": self.lost,
            "doubled": self.doubled,
            "unanswered": self.unanswered,
            "submit": self.submit.json(),
            "delivery": self.delivery.json(),
            "errors": self.errors,
            "cpu": usage.collect::<Value>(),
        })
    }

    fn us_per_message(&self, usage: &Usage) -> f64 {
        usage.cpu_ns as f64 / 1e3 / (self.answered_in_time.max(1) as f64)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.scenario)?;
        writeln!(
            f,
            "connected in {:.1} s, sent for {:.1} s",
            self.connecting.as_secs_f64(),
            self.sending.as_secs_f64()
        )?;
        writeln!(f, "{:.0} messages/s", self.messages_per_second())?;
        let Self { sent, answered, delivered, lost, doubled, unanswered, .. } = self;
        writeln!(
            f,
            "sent {sent}, answered {answered}, delivered {delivered}, lost {lost}, doubled {doubled}, unanswered {unanswered}"
        )?;
        for (name, latency) in [("submit to answer  ", &self.submit), ("submit to delivery", &self.delivery)]
        {
            write!(f, "{name}")?;
            for (name, ms) in latency.figures() {
                write!(f, "  {name} {ms:.3} ms")?;
            }
            writeln!(f)?;
        }
        for usage in &self.usage {
            let (seconds, us) = (usage.cpu_ns as f64 / 1e9, self.us_per_message(usage));
            writeln!(f, "CPU {}: {seconds:.2} s, {us:.2} us a message", usage.name)?;
        }
        for (reason, count) in &self.errors {
            writeln!(f, "error, {count} times: {reason}")?;
        }
        Ok(())
    }
}
