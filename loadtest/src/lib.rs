//! Load on a server, and the truth about what it took. Owns plans, clients, measurement and reports; leaves what a client of Holdfast is to the `client` crate, how
//! bytes move to `reactor`, and tokens and arguments to its caller.
//!
//! A load test must never flatter. So a message is timed from the moment it was due, whether or not it could be sent then; what was never answered counts
//! with the time it had waited; whatever went wrong is counted by its reason; and the tool measures itself, and says so when it was the limit.
//!
//! The core is pure and is tested against made-up servers on a made-up clock: [`ledger`] (figures), `schedule` (when what is due), `crowd` (what clients do),
//! [`threshold`]. Around it `worker` moves the bytes of one thread's clients, [`coordinator`] runs the threads through the stages of a [`plan`], and
//! [`report`] tells.

mod checks;
pub mod coordinator;
mod crowd;
mod dial;
pub mod identity;
pub mod ledger;
pub mod plan;
pub mod process;
pub mod report;
mod schedule;
pub mod series;
pub mod threshold;
mod timers;
mod worker;

use std::fmt;

pub use process::Pid;

/// Why a run could not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// It asks for what cannot be.
    Usage(String),
    /// This machine, or the target, does not allow it.
    Runtime(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(why) | Self::Runtime(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for StartError {}
