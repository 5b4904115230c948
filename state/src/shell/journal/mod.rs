//! The journal's I/O: one trait for what keeps a shard's records ([`Journal`]), the thread that commits them (`thread`), what waits for a commit (`held`), and the engine that
//! keeps them in files (`log`, `entry`, `scan`), and the one that keeps them in Redis (`redis`). Owns that nothing which depends on a record is said before the record is durable; what is recorded is the machine's.

mod entry;
mod folder;
pub(super) mod held;
mod log;
mod redis;
mod scan;
pub(super) mod thread;

use std::io;

pub(super) use folder::Folder;
pub use folder::{Report, verify};
pub use redis::RedisUrl;
pub(super) use redis::{Redis, Taken, Target, secret_key};
pub use scan::{Found, Torn, Trouble};

/// What some turns of a shard have recorded.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Batches are numbered 1, 2, 3, …; a commit is reported by the number of its last.
    pub(super) number: u64,
    /// The records, one behind the other.
    pub(super) records: Vec<u8>,
    /// The beginning of a checkpoint is among them.
    pub(super) begins_checkpoint: bool,
    /// The end of one is.
    pub(super) ends_checkpoint: bool,
}

/// Buffers of records that are on their way back to the shard, at most.
pub(super) const SPARE_BUFFERS: usize = 16;
/// Capacity that one of them may have.
const SPARE_BYTES: usize = 1024 * 1024;

/// What keeps records: an engine.
pub(super) trait Journal: Send {
    /// Writes batches in their order, and returns when they are as durable as the engine was told to make them: how many bytes that took. Only the first of them may
    /// begin a checkpoint; with its end, what is older than its beginning may go. Of batches whose commit has failed nobody has been told, so it does not matter how
    /// many of their records are there; if it failed for now, the next ones are the same.
    fn commit(&mut self, batches: &[Batch]) -> Result<u64, Broken>;

    /// Bytes that are kept.
    fn bytes(&self) -> u64;
}

/// A commit that was not done.
#[derive(Debug)]
pub(super) enum Broken {
    /// There is no room, or nobody answers. The same commit may be tried again.
    ForNow(io::Error),
    /// What was written may be there or not; only who reads it anew can tell.
    ForGood(io::Error),
    /// Another process writes this journal now.
    Deposed(io::Error),
}

impl Broken {
    /// Why a write failed that left nothing behind.
    fn of_write(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::ForNow(error)
            }
            _ => Self::ForGood(error),
        }
    }
}

#[cfg(test)]
mod tests;
