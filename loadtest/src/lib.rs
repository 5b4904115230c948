//! Many clients of Holdfast on one event loop, and the truth about what they saw. Owns scenarios, measurement and the report; leaves what a
//! client is to the `client` crate, how bytes move to `reactor`, and tokens and arguments to its caller.
//!
//! A load test must never flatter: times are taken from the moment a message is given to a client, every message that was answered must be
//! delivered exactly once, and whatever went wrong is counted by its reason.

mod chat;
mod cpu;
mod fleet;
mod report;
mod timers;

use std::io;
use std::str::FromStr;
use std::time::Duration;

use client::wire::Address;
use proto::ids::Uid;
use proto::packet::Codec;

pub use report::{Latency, Report, Usage};

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

/// A process and what it is called in the report; written `gateway=123`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pid {
    /// Its name in the report.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

impl FromStr for Pid {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, pid) = text.split_once('=').ok_or("must be NAME=PID")?;
        let pid = pid.parse().map_err(|_| "must be NAME=PID with a number for PID")?;
        Ok(Self { name: name.to_owned(), pid })
    }
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
