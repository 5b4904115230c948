//! Load on a server, and the truth about what it took. Owns plans, clients, measurement and reports; leaves what a client of Holdfast is to the `client` crate, how
//! bytes move to `reactor`, and tokens and arguments to its caller.
//!
//! A load test must never flatter. So a message is timed from the moment it was due, whether or not it could be sent then; what was never answered counts
//! with the time it had waited; whatever went wrong is counted by its reason; and the tool measures itself, and says so when it was the limit.
//!
//! The core is pure and is tested against made-up servers on a made-up clock: [`ledger`] (figures), `schedule` (when what is due), `crowd` (what clients do),
//! [`threshold`]. Around it `worker` moves the bytes of one thread's clients, [`coordinator`] runs the threads through the stages of a [`plan`], and
//! [`report`] tells.

mod chat;
mod chat_report;
mod checks;
pub mod coordinator;
mod crowd;
mod dial;
mod fleet;
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
use std::io;
use std::time::Duration;

use client::wire::Address;
use proto::ids::Uid;
use proto::packet::Codec;

pub use chat_report::{Latency, Report, Usage};
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
/// The least bytes of a message: it says which run and which message it is, and when it was sent.
pub const BODY_BYTES_MIN: usize = chat::STAMP_BYTES;

/// Pairs of users that chat: one says, the other hears. A closed loop: each pair has a fixed number of messages on the way, and the next one is sent when one
/// has been both answered and delivered. So a slow server is asked for less, and its latency under a given rate is not what is measured.
#[derive(Clone, Debug)]
pub struct ChatLoad {
    /// The edge.
    pub url: Address,
    /// The form of packets over WebSocket.
    pub codec: Codec,
    /// Pairs; twice as many connections.
    pub pairs: u32,
    /// Messages of a pair that are on the way.
    pub in_flight: u32,
    /// How long messages are sent.
    pub duration: Duration,
    /// Connections opened in a second.
    pub connections_per_second: u32,
    /// Bytes of a message's body, at least [`BODY_BYTES_MIN`].
    pub body_bytes: usize,
    /// What the uids begin with. Runs at the same time need different ones.
    pub prefix: String,
    /// Processes whose CPU time is reported.
    pub pids: Vec<Pid>,
}

impl ChatLoad {
    /// Runs the load on this thread and reports. `mint` makes a token for a user, at each of its logins.
    ///
    /// # Errors
    /// When the load cannot be started at all: the address is unknown, descriptors run out, a process to watch is gone, or clients cannot log in. What goes
    /// wrong with messages is in the report.
    pub fn run(&self, mint: &mut dyn FnMut(&Uid) -> String) -> io::Result<Report> {
        chat::run(self, mint)
    }
}
