//! What a load test has counted and timed: [`Ledger`]. Owns the names of all figures and how those of several threads are put together; when to count
//! what is the crowds' business. Pure.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Different reasons of errors that are told apart; what comes beyond is counted together.
const REASONS_MAX: usize = 100;
/// The shortest time that is told apart, and the longest.
const SHORTEST_NS: u64 = 1_000;
const LONGEST_NS: u64 = 600_000_000_000;

macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them, in their order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// What reports and thresholds call it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// By its name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

named! {
    /// What is counted.
    Count {
        /// Connections that were opened, handshake and login included; also those that were opened again.
        Opened = "opened",
        /// Open connections that ended while they should not.
        Disconnects = "disconnects",
        /// Attempts to open a connection that failed.
        Failures = "failures",
        /// Messages sent.
        Sent = "sent",
        /// … whose answer came while messages were sent: what throughput is made of.
        AnsweredInTime = "answered_in_time",
        /// … whose answer came at all.
        Answered = "answered",
        /// … that came to somebody, each counted once for each receiver.
        Delivered = "delivered",
        /// Messages that were due and could not be sent: their connection was not open, or had too many unanswered.
        Missed = "missed",
        /// Messages sent that nobody answered.
        Unanswered = "unanswered",
        /// Messages that were acknowledged, and not delivered to somebody who should have had them.
        Lost = "lost",
        /// Deliveries of what had been delivered before.
        Doubled = "doubled",
        /// Pushes that came again, since their acknowledgement was late; a client knows them by their numbers and drops them.
        Resent = "resent",
        /// Deliveries of what should have come before another one.
        Reordered = "reordered",
        /// Answers that were not what should have come back.
        Wrong = "wrong",
        /// Messages that the server refused.
        Refused = "refused",
        /// Heartbeats sent.
        Heartbeats = "heartbeats",
        /// Heartbeats whose answer came.
        HeartbeatsAnswered = "heartbeats_answered",
        /// Sessions that were taken up on another connection.
        Resumed = "resumed",
        /// Sessions that were lost with their connection, so that another one was begun.
        SessionsLost = "sessions_lost",
    }
}

named! {
    /// What is timed.
    Timing {
        /// From the moment a connection is due to the moment it is ready for messages.
        Connect = "connect",
        /// From the moment a message is due to its echo.
        Echo = "echo",
        /// From the moment a message is due to its acknowledgement.
        Ack = "ack",
        /// From the moment a message is due to its arrival at a receiver.
        Delivery = "delivery",
        /// From the moment a message is due to all groups to its last arrival on a thread; the longest is the time until everybody had it.
        Round = "round",
        /// From a heartbeat to its answer.
        Heartbeat = "heartbeat",
        /// From a cut to the moment the session goes on.
        Resume = "resume",
        /// The tool's own: from the moment a message is due to the moment it is handed to the kernel.
        Lateness = "lateness",
        /// The tool's own: how long a turn of its loop works before it looks for events again.
        Turn = "turn",
    }
}

/// A distribution of times.
#[derive(Clone, Debug)]
pub struct Times(Histogram<u64>);

impl Times {
    /// To so many significant digits, at most 5.
    fn new(digits: u8) -> Self {
        Self(
            Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, digits)
                .expect("bounds in order, digits at most 5"),
        )
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The time that this share (0 to 1) of all did not exceed, in milliseconds; 0 if there are none.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        if self.0.is_empty() { 0.0 } else { self.0.value_at_quantile(share) as f64 / 1e6 }
    }

    /// The longest, in milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1e6
    }

    /// The average, in milliseconds.
    pub fn mean_ms(&self) -> f64 {
        self.0.mean() / 1e6
    }

    fn record(&mut self, ns: u64, count: u64) {
        self.0.saturating_record_n(ns.clamp(1, LONGEST_NS), count);
    }
}

/// The figures of one stretch of a run.
#[derive(Clone, Debug)]
pub struct Ledger {
    counts: [u64; Count::ALL.len()],
    times: [Option<Times>; Timing::ALL.len()],
    errors: BTreeMap<String, u64>,
    digits: u8,
}

impl Ledger {
    /// Nothing yet; times will be kept to so many significant digits.
    pub fn new(digits: u8) -> Self {
        Self {
            counts: [0; Count::ALL.len()],
            times: [const { None }; Timing::ALL.len()],
            errors: BTreeMap::new(),
            digits,
        }
    }

    /// Counts some.
    pub fn count(&mut self, what: Count, many: u64) {
        self.counts[what as usize] += many;
    }

    /// How many there are.
    pub fn of(&self, what: Count) -> u64 {
        self.counts[what as usize]
    }

    /// Enters a time.
    pub fn time(&mut self, what: Timing, ns: u64) {
        self.times_n(what, ns, 1);
    }

    /// Enters a time as often as said.
    pub fn times_n(&mut self, what: Timing, ns: u64, count: u64) {
        let digits = self.digits;
        self.times[what as usize].get_or_insert_with(|| Times::new(digits)).record(ns, count);
    }

    /// The times of a kind, if there are any.
    pub fn times(&self, what: Timing) -> Option<&Times> {
        self.times[what as usize].as_ref()
    }

    /// Counts something that went wrong, by its reason.
    pub fn error(&mut self, reason: &str, many: u64) {
        if let Some(known) = self.errors.get_mut(reason) {
            *known += many;
        } else {
            let reason = if self.errors.len() < REASONS_MAX { reason } else { "other reasons" };
            *self.errors.entry(reason.to_owned()).or_default() += many;
        }
    }

    /// What went wrong, by reason.
    pub fn errors(&self) -> &BTreeMap<String, u64> {
        &self.errors
    }

    /// How much went wrong.
    pub fn error_count(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Adds the figures of another thread or another stretch.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.counts.iter_mut().zip(other.counts) {
            *ours += theirs;
        }
        for (ours, theirs) in self.times.iter_mut().zip(&other.times) {
            let Some(theirs) = theirs else { continue };
            let ours = ours.get_or_insert_with(|| Times::new(self.digits));
            // All have the same bounds, so that nothing can lie outside.
            let _ = ours.0.add(&theirs.0);
        }
        for (reason, many) in &other.errors {
            self.error(reason, *many);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_two_threads_are_put_together() {
        let (mut one, mut other) = (Ledger::new(3), Ledger::new(2));
        one.count(Count::Sent, 3);
        other.count(Count::Sent, 4);
        one.time(Timing::Echo, 1_000_000);
        other.times_n(Timing::Echo, 3_000_000, 3);
        other.time(Timing::Connect, 5_000_000);
        one.error("refused", 1);
        other.error("refused", 2);
        one.merge(&other);
        assert_eq!((one.of(Count::Sent), one.errors()["refused"], one.error_count()), (7, 3, 3));
        let echo = one.times(Timing::Echo).unwrap();
        assert_eq!(echo.count(), 4);
        assert!((echo.quantile_ms(0.25) - 1.0).abs() < 0.01 && (echo.quantile_ms(0.5) - 3.0).abs() < 0.05);
        assert!(one.times(Timing::Connect).is_some() && one.times(Timing::Ack).is_none());
    }

    #[test]
    fn times_beyond_the_bounds_count_as_the_bounds_and_reasons_are_bounded() {
        let mut ledger = Ledger::new(3);
        ledger.time(Timing::Echo, 0);
        ledger.time(Timing::Echo, u64::MAX);
        assert_eq!(ledger.times(Timing::Echo).unwrap().count(), 2);
        (0..1000).for_each(|number| ledger.error(&format!("reason {number}"), 1));
        assert_eq!((ledger.errors().len(), ledger.error_count()), (REASONS_MAX + 1, 1000));
    }

    #[test]
    fn every_figure_has_a_name_of_its_own() {
        for count in Count::ALL {
            assert_eq!(Count::from_name(count.name()), Some(*count));
            assert_eq!(Timing::from_name(count.name()), None);
        }
        assert_eq!(Timing::from_name("echo"), Some(Timing::Echo));
    }
}
