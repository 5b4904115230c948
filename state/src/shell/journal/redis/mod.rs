//! The journal in Redis: [`Redis`]. Owns committing: a turn's records go to the logs of their slots, each log is written by its owner alone, and a commit whose answer was
//! lost is done once. Taking slots and reading their logs at a start is `take`'s; connections are `servers`'.
//!
//! ```text
//! PREFIX:{17}:owner    hash: epoch, last (commit), tail (last entry), checkpoint, shards, server
//! PREFIX:{17}:log      stream: entries EPOCH-COMMIT, each with r = CRC32C and records
//! ```
//!
//! 17 is a slot, and {17} the hash tag that keeps its keys together in a cluster. What belongs to a shard and to no session of it stands under {shard-K}, and is written when
//! all slots have confirmed: it may speak of what they have. A commit is durable when the last of these has been.

mod node;
mod request;
mod script;
mod servers;
mod take;
mod url;

use std::io;

use redis::Value;

use super::{Batch, Broken, Journal};
use crate::journal::Parts;
use request::Requests;
use servers::Servers;
pub(in crate::shell) use take::{Taken, secret_key};
pub use url::RedisUrl;

/// Where a journal is kept and by whom.
#[derive(Clone, Copy, Debug)]
pub(in crate::shell) struct Target<'a> {
    pub(in crate::shell) urls: &'a [RedisUrl],
    /// What the names of all keys begin with.
    pub(in crate::shell) prefix: &'a str,
}

/// The engine.
pub(in crate::shell) struct Redis {
    servers: Servers,
    /// The shard's slots in their order, and behind them the shard itself.
    places: Vec<Place>,
    parts: Parts,
    /// Commits that were done, since this process has the slots.
    commits: u64,
    /// How many connections there were when every slot was last looked at.
    looked_at: u64,
    commit_script: String,
    requests: Requests,
}

/// One slot, or the shard as a whole.
#[derive(Debug)]
struct Place {
    owner_key: String,
    log_key: String,
    hash_slot: u16,
    epoch: u64,
    /// Its last commit, as the script knows it; nothing if there was none.
    last: String,
    /// Bytes of its log …
    bytes: u64,
    /// … and those of them that were written since the newest checkpoint began.
    bytes_since: u64,
}

/// What an entry begins with: the CRC32C of the rest.
const CHECKSUM_BYTES: usize = 4;
/// Capacity that the buffer of requests keeps.
const REQUEST_BYTES: usize = 1024 * 1024;

impl Place {
    fn new(prefix: &str, tag: &str) -> Self {
        Self {
            owner_key: format!("{prefix}:{{{tag}}}:owner"),
            log_key: format!("{prefix}:{{{tag}}}:log"),
            hash_slot: request::hash_slot(tag),
            epoch: 0,
            last: String::new(),
            bytes: 0,
            bytes_since: 0,
        }
    }

    /// What a commit is called in the log: greater than all before it.
    fn entry(&self, commit: u64) -> String {
        format!("{}-{commit}", self.epoch)
    }

    /// Takes note of a commit that was done.
    fn count(&mut self, commit: u64, bytes: usize, begins: bool, done: bool) {
        if begins {
            self.bytes_since = 0;
        }
        if bytes > 0 {
            self.last = self.entry(commit);
            self.bytes += (CHECKSUM_BYTES + bytes) as u64;
            self.bytes_since += (CHECKSUM_BYTES + bytes) as u64;
        }
        if done {
            self.bytes = self.bytes_since;
        }
    }
}

impl Journal for Redis {
    fn commit(&mut self, batches: &[Batch]) -> Result<(), Broken> {
        self.parts.clear();
        for batch in batches {
            // What this process has recorded it can read.
            self.parts.add(&batch.records).map_err(|error| Broken::ForGood(io::Error::other(error)))?;
        }
        let begins = batches.iter().any(|batch| batch.begins_checkpoint);
        let done = batches.iter().any(|batch| batch.ends_checkpoint);
        let mark = [if begins { "b" } else { "" }, if done { "d" } else { "" }].concat();
        let of_shard = self.parts.of_shard();
        let mut touched: Vec<usize> = if mark.is_empty() {
            self.parts.touched().to_vec()
        } else {
            (0..=of_shard).filter(|place| self.concerns(*place)).collect()
        };
        // What is behind a new connection may have forgotten: every slot is looked at.
        let connections = self.servers.connections();
        let renewed = connections != self.looked_at;
        if renewed {
            touched = (0..=of_shard).collect();
        }
        let (slots, shard): (Vec<_>, Vec<_>) = touched.iter().partition(|place| **place != of_shard);
        let commit = self.commits + 1;
        self.write(&slots, commit, &mark, renewed)?;
        self.write(&shard, commit, &mark, renewed)?;
        for place in touched {
            let bytes = self.parts.get(place).len();
            self.places[place].count(commit, bytes, begins, done);
        }
        (self.commits, self.looked_at) = (commit, connections);
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.places.iter().map(|place| place.bytes).sum()
    }
}

impl Redis {
    /// Whether a checkpoint has anything to do with a place.
    fn concerns(&self, place: usize) -> bool {
        self.places[place].bytes > 0 || !self.parts.get(place).is_empty()
    }

    /// Has the records of some places written; with `renewed`, the servers take note that they are the ones.
    fn write(&mut self, places: &[usize], commit: u64, mark: &str, renewed: bool) -> Result<(), Broken> {
        self.requests.clear(REQUEST_BYTES);
        let mut entry = Vec::new();
        for number in places {
            let (place, records) = (&self.places[*number], self.parts.get(*number));
            let (epoch, this) = (place.epoch.to_string(), place.entry(commit));
            let server = if renewed {
                self.servers.told(place.hash_slot).map_err(Broken::ForNow)?.run_id
            } else {
                String::new()
            };
            entry.clear();
            if !records.is_empty() {
                entry.extend_from_slice(&crc32c::crc32c(records).to_le_bytes());
                entry.extend_from_slice(records);
            }
            let keys = [
                b"EVALSHA",
                self.commit_script.as_bytes(),
                b"2",
                place.owner_key.as_bytes(),
                place.log_key.as_bytes(),
            ];
            let texts = [
                epoch.as_bytes(),
                place.last.as_bytes(),
                this.as_bytes(),
                &entry,
                mark.as_bytes(),
                server.as_bytes(),
            ];
            self.requests.push(place.hash_slot, &[&keys[..], &texts].concat());
        }
        if places.is_empty() {
            return Ok(());
        }
        let answers = self.servers.ask(&self.requests).map_err(Broken::ForNow)?;
        for (number, answer) in places.iter().zip(answers) {
            let place = &self.places[*number];
            match answer {
                Value::Int(0 | 1) => {}
                Value::Int(-1) => {
                    let text = format!("{}: another state server has taken these sessions", place.owner_key);
                    return Err(Broken::Deposed(io::Error::other(text)));
                }
                Value::Int(-2) => {
                    let text = format!(
                        "{}: Redis has lost what it had confirmed; the sessions of this slot begin anew",
                        place.log_key
                    );
                    return Err(Broken::ForGood(io::Error::other(text)));
                }
                other => {
                    let text = format!("{}: the script of a commit has answered {other:?}", place.owner_key);
                    return Err(Broken::ForGood(io::Error::other(text)));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
