//! The only reader of the system's clocks. What a deadline means is left to the machines.
//!
//! The monotonic side is the system's own, not the process's: a deadline that one process has set means the same to another on this machine, to which it is
//! handed over.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use proto::time::Now;

use crate::sys;

/// Tells a machine what time it is.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    began_micros: u64,
}

impl Clock {
    /// A clock that shows the system's monotonic time.
    pub fn start() -> Self {
        Self { began: Instant::now(), began_micros: sys::monotonic_micros() }
    }

    /// Microseconds of the monotonic time: for measuring, and cheaper than the present moment.
    #[inline]
    pub fn micros(&self) -> u64 {
        self.began_micros + self.began.elapsed().as_micros() as u64
    }

    /// The moment of so many microseconds of the monotonic time.
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
