//! The only reader of the system's clocks. Owns the moment at which a process began; what a deadline means is left to the machines.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use proto::time::Now;

/// Tells a machine what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
}

impl Clock {
    /// A clock whose monotonic side begins now.
    pub fn start() -> Self {
        Self { began: Instant::now() }
    }

    /// Microseconds since this clock began: for measuring, and cheaper than the present moment.
    #[inline]
    pub fn micros(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    /// The moment that so many microseconds after this clock's beginning are.
    #[inline]
    pub fn at(&self, micros: u64) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono_ms: micros / 1000, unix_ms: unix.as_millis() as u64 }
    }

    /// The present moment.
    pub fn now(&self) -> Now {
        self.at(self.micros())
    }
}
