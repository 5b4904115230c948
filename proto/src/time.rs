//! What time it is, as machines are told it: [`Now`]. Owns the arithmetic; reading a clock is the shells' business (`reactor::clock`).

use std::time::Duration;

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Now {
    /// Milliseconds of the monotonic clock since the process began: for deadlines.
    pub mono_ms: u64,
    /// Milliseconds since the Unix epoch: for tokens and for what people read.
    pub unix_ms: u64,
}

impl Now {
    /// The monotonic millisecond that is `wait` from now.
    pub fn after(self, wait: Duration) -> u64 {
        self.mono_ms.saturating_add(wait.as_millis() as u64)
    }
}
