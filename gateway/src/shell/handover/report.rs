//! What a handover has cost, for whoever asked for it: [`Report`]. Owns the words.

use std::fmt;
use std::time::Duration;

/// A handover that succeeded.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The successor's process.
    pub pid: u32,
    /// How often the gateway was handed over, this time included.
    pub handovers: u32,
    /// By reactor.
    pub reactors: Vec<Passed>,
    /// From the start of the successor to its first turns.
    pub total: Duration,
}

/// What a reactor has passed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    /// Connections that went on in the successor.
    pub connections: u64,
    /// Connections that speak TLS, which stay to be let go.
    pub left: u64,
    /// Bytes of the snapshot.
    pub bytes: u64,
    /// The last moment at which clients were served here, by the system's monotonic clock.
    pub frozen_at_micros: u64,
    /// How long clients were not served; `None` if the successor has not told.
    pub freeze: Option<Duration>,
}

impl Report {
    /// Sums over all reactors: connections passed on, connections left, bytes.
    pub fn sums(&self) -> (u64, u64, u64) {
        self.reactors.iter().fold((0, 0, 0), |(connections, left, bytes), passed| {
            (connections + passed.connections, left + passed.left, bytes + passed.bytes)
        })
    }

    /// The longest time that a reactor's clients were not served.
    pub fn longest_freeze(&self) -> Option<Duration> {
        self.reactors.iter().filter_map(|passed| passed.freeze).max()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (connections, left, bytes) = self.sums();
        writeln!(f, "handed over to process {} (handover {})", self.pid, self.handovers)?;
        writeln!(f, "connections passed on: {connections}, with {bytes} bytes of what was known of them")?;
        if left > 0 {
            writeln!(f, "connections let go, told to come back: {left}, which speak TLS in the process")?;
        }
        for (number, passed) in self.reactors.iter().enumerate() {
            let Passed { connections, bytes, freeze, .. } = passed;
            write!(f, "reactor {number}: {connections} connections, {bytes} bytes, ")?;
            match freeze {
                Some(freeze) => {
                    let each = freeze.as_secs_f64() * 1e6 / (*connections).max(1) as f64;
                    writeln!(f, "silent for {:.1} ms ({each:.1} us a connection)", millis(*freeze))?;
                }
                None => writeln!(f, "silent for a time that the successor has not told")?,
            }
        }
        write!(f, "total: {:.1} ms", millis(self.total))
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
