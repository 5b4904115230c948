//! What is to be run: [`Plan`]. Owns what can be asked for and its bounds; where it was asked for, on a command line or in a scenario file, is told there.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use client::wire::Address;

use crate::crowd::{Crowd, Pace, Plain, Speech};
use crate::ledger::Timing;
use crate::process::Pid;

/// Clients of a run, at most: what a machine's descriptors bear, with air.
pub const CLIENTS_MAX: u32 = 4_000_000;
/// Messages of an echo: they begin with a number, and fit what servers take.
pub const ECHO_BYTES_MIN: usize = 8;
/// See [`ECHO_BYTES_MIN`].
pub const ECHO_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest run.
pub const DURATION_MAX: Duration = Duration::from_hours(24);
/// The fastest schedule, in messages or connections a second.
pub const RATE_MAX: f64 = 10_000_000.0;
/// Threads of a run, at most.
pub const WORKERS_MAX: u32 = 1024;
/// Messages of one connection on the way, at most.
pub const UNANSWERED_MAX: u32 = 100_000;

/// A run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The server.
    pub target: Address,
    /// Over TCP, messages have Holdfast's framing: a magic, and a length before each.
    pub lengths: bool,
    /// What WebSocket subprotocol is asked for, if any.
    pub subprotocol: Option<String>,
    /// Addresses that connections come from, in turn; none: the kernel's choice, or of the loopback interface one for each thread.
    pub sources: Vec<IpAddr>,
    /// Threads; none: as many as open files ask for.
    pub workers: Option<u32>,
    /// Connections begun in a second.
    pub ramp: f64,
    /// How long a connection may take to be ready.
    pub open_patience: Duration,
    /// How long messages are sent, or connections held.
    pub duration: Duration,
    /// How long the last answers are waited for.
    pub patience: Duration,
    /// What clients do. At least one.
    pub parts: Vec<Part>,
    /// Processes whose CPU time and memory are reported.
    pub pids: Vec<Pid>,
}

/// Clients that do the same.
#[derive(Clone, Debug)]
pub struct Part {
    /// What reports call it.
    pub name: String,
    /// How many they are.
    pub clients: u32,
    /// What they do.
    pub task: Task,
}

/// What clients do.
#[derive(Clone, Debug)]
pub enum Task {
    /// They sit there, and ping.
    Idle {
        /// How often; of WebSockets only.
        heartbeat: Option<Duration>,
    },
    /// They have messages echoed.
    Echo {
        /// Bytes of a message.
        bytes: usize,
        /// When messages are sent.
        load: Load,
        /// As with [`Task::Idle`].
        heartbeat: Option<Duration>,
    },
}

/// When messages are sent.
#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// An open model: so many a second of all clients together, whatever the server does. At most so many of one connection are unanswered; one that is
    /// due beyond that is missed.
    Open {
        /// Messages a second.
        rate: f64,
        /// Of one connection.
        unanswered_max: u32,
    },
    /// A closed loop: the next one goes when one has come back, so a slow server is asked for less.
    Closed {
        /// Messages of one connection that are on the way.
        in_flight: u32,
    },
}

impl Plan {
    /// All clients.
    pub fn clients(&self) -> u32 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.clients))
    }

    /// Refuses what cannot be, in words for the operator.
    pub fn check(&self) -> Result<(), String> {
        if self.parts.is_empty() {
            return Err("there is nothing to do".into());
        }
        within("connections", f64::from(self.clients()), 1.0, f64::from(CLIENTS_MAX))?;
        within("ramp", self.ramp, 0.001, RATE_MAX)?;
        within("duration in seconds", self.duration.as_secs_f64(), 0.001, DURATION_MAX.as_secs_f64())?;
        within("workers", f64::from(self.workers.unwrap_or(1)), 1.0, f64::from(WORKERS_MAX))?;
        self.parts.iter().try_for_each(|part| {
            part.task.check(self).map_err(|why| format!("{}: {why}", part.name))?;
            if part.clients == 0 { Err(format!("{}: has no connections", part.name)) } else { Ok(()) }
        })
    }

    fn speech(&self) -> Speech {
        Speech::of(&self.target, self.lengths, self.subprotocol.as_deref())
    }
}

impl Task {
    fn check(&self, plan: &Plan) -> Result<(), String> {
        match self {
            Self::Idle { heartbeat } => check_heartbeat(*heartbeat),
            Self::Echo { bytes, load, heartbeat } => {
                check_heartbeat(*heartbeat)?;
                let max = if plan.lengths { proto::limits::PACKET_BYTES_MAX } else { ECHO_BYTES_MAX };
                within("bytes of a message", *bytes as f64, ECHO_BYTES_MIN as f64, max as f64)?;
                match load {
                    Load::Open { rate, unanswered_max } => {
                        within("rate", *rate, 0.001, RATE_MAX)?;
                        let (unanswered, most) = (f64::from(*unanswered_max), f64::from(UNANSWERED_MAX));
                        within("messages unanswered", unanswered, 1.0, most)
                    }
                    Load::Closed { in_flight } => {
                        within("messages in flight", f64::from(*in_flight), 1.0, f64::from(UNANSWERED_MAX))
                    }
                }
            }
        }
    }

    /// The times that matter most.
    pub fn main_timing(&self) -> Timing {
        match self {
            Self::Idle { .. } => Timing::Connect,
            Self::Echo { .. } => Timing::Echo,
        }
    }

    /// Clients that belong on one thread.
    pub(crate) fn together(&self) -> u32 {
        match self {
            Self::Idle { .. } | Self::Echo { .. } => 1,
        }
    }

    /// What this task's clients do on thread `thread` of `threads`.
    pub(crate) fn crowd(&self, plan: &Plan, share: Share) -> Box<dyn Crowd> {
        let Share { first, count, thread, threads } = share;
        match *self {
            Self::Idle { heartbeat } => {
                Box::new(Plain::new(plan.speech(), Pace::Idle, heartbeat, 0).with_clients(first, count))
            }
            Self::Echo { bytes, load, heartbeat } => {
                let pace = match load {
                    Load::Open { rate, unanswered_max } => {
                        Pace::Open { rate, thread, threads, unanswered_max }
                    }
                    Load::Closed { in_flight } => Pace::Closed { in_flight },
                };
                Box::new(Plain::new(plan.speech(), pace, heartbeat, bytes).with_clients(first, count))
            }
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Idle { heartbeat: None } => f.write_str("idle"),
            Self::Idle { heartbeat: Some(every) } => write!(f, "idle, a ping every {every:?}"),
            Self::Echo { bytes, load, .. } => write!(f, "echo of {bytes} bytes, {load}"),
        }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { rate, .. } => write!(f, "open model, {rate} a second"),
            Self::Closed { in_flight } => {
                write!(f, "CLOSED LOOP, {in_flight} in flight each: a slow server is asked for less")
            }
        }
    }
}

/// A thread's stretch of a part's clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// The number of the first one.
    pub(crate) first: u64,
    pub(crate) count: u32,
    /// Among the threads that have clients of this part.
    pub(crate) thread: u32,
    pub(crate) threads: u32,
}

impl Share {
    /// What thread `thread` of `threads` has of `clients`, of whom `together` may not be parted.
    pub(crate) fn of(clients: u32, together: u32, thread: u32, threads: u32) -> Self {
        let units = clients / together;
        let begin =
            |thread: u32| (u64::from(units) * u64::from(thread) / u64::from(threads)) as u32 * together;
        let (first, end) = (begin(thread), if thread + 1 == threads { clients } else { begin(thread + 1) });
        Self { first: u64::from(first), count: end - first, thread, threads }
    }
}

fn check_heartbeat(heartbeat: Option<Duration>) -> Result<(), String> {
    let Some(every) = heartbeat else { return Ok(()) };
    within("heartbeat in seconds", every.as_secs_f64(), 0.01, DURATION_MAX.as_secs_f64())
}

fn within(what: &str, value: f64, least: f64, most: f64) -> Result<(), String> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(format!("{what}: {value} is not from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_the_whole_and_part_nobody_who_belongs_together() {
        for (clients, together, threads) in [(10, 1, 3), (10, 2, 3), (1, 1, 4), (1024, 512, 3), (7, 7, 2)] {
            let shares: Vec<_> =
                (0..threads).map(|thread| Share::of(clients, together, thread, threads)).collect();
            assert_eq!(shares.iter().map(|share| share.count).sum::<u32>(), clients);
            assert!(shares.iter().all(|share| share.count % together == 0));
            assert!(shares.windows(2).all(|two| two[0].first + u64::from(two[0].count) == two[1].first));
        }
    }
}
