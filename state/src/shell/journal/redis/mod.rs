//! The journal in Redis: [`Redis`]. Owns committing: a turn's records go to the logs of their slots, each log is written by its owner alone, and a commit whose answer was
//! lost is done once. Taking slots and reading their logs at a start is `take`'s; connections are `servers`'.
//!
//! ```text
//! PREFIX:{17}:owner    hash: epoch, last (commit), tail (last entry), checkpoint, shards, server
//! PREFIX:{17}:log      stream: entries EPOCH-COMMIT, each with r = CRC32C and records
//! ```
//!
//! 17 is a slot, and {17} the hash tag that keeps its keys together in a cluster. What belongs to a shard and to no session of it stands under {shard-K}. On one server a
//! commit is one call of a script, and done or not. In a cluster it is one for each slot, all at once, and one for the shard when all slots have confirmed: it may speak
//! of what they have. It is durable when the last of these is; until then it is tried again, and each slot takes it once.

mod node;
mod request;
mod script;
mod servers;
mod take;
mod url;

use std::io;

use proto::limits::REDIS_COMMIT_BYTES_MAX;

use super::{Batch, Broken, Journal};
use crate::journal::{Malformed, Parts};
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
    /// How far the records that are to be committed have been.
    cursor: Cursor,
    /// Bytes that this took.
    written: u64,
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

/// A place in the batches that are to be committed: those before it are done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cursor {
    batch: usize,
    offset: usize,
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

    /// Takes note of a commit that was done: how many bytes the log has grown by.
    fn count(&mut self, commit: u64, bytes: usize, begins: bool, done: bool) -> u64 {
        let grown = if bytes > 0 { (CHECKSUM_BYTES + bytes) as u64 } else { 0 };
        if begins {
            self.bytes_since = 0;
        }
        if bytes > 0 {
            self.last = self.entry(commit);
        }
        self.bytes += grown;
        self.bytes_since += grown;
        if done {
            self.bytes = self.bytes_since;
        }
        grown
    }
}

impl Journal for Redis {
    fn commit(&mut self, batches: &[Batch]) -> Result<u64, Broken> {
        let begins = batches.iter().any(|batch| batch.begins_checkpoint);
        let ends = batches.iter().any(|batch| batch.ends_checkpoint);
        loop {
            let from = self.cursor;
            // What this process has recorded it can read.
            let to = self.gather(batches).map_err(|error| Broken::ForGood(io::Error::other(error)))?;
            let is_last = to.batch == batches.len();
            self.write_parts(begins && from == Cursor::default(), ends && is_last)?;
            self.cursor = to;
            if is_last {
                break;
            }
        }
        self.cursor = Cursor::default();
        Ok(std::mem::take(&mut self.written))
    }

    fn bytes(&self) -> u64 {
        self.places.iter().map(|place| place.bytes).sum()
    }
}

impl Redis {
    /// Takes as many records as one commit may have: how far it has come.
    fn gather(&mut self, batches: &[Batch]) -> Result<Cursor, Malformed> {
        self.parts.clear();
        let mut at = self.cursor;
        while let Some(batch) = batches.get(at.batch) {
            let rest = &batch.records[at.offset..];
            let taken = self.parts.add(rest, REDIS_COMMIT_BYTES_MAX)?;
            if taken < rest.len() {
                at.offset += taken;
                break;
            }
            at = Cursor { batch: at.batch + 1, offset: 0 };
        }
        Ok(at)
    }

    /// Commits what was gathered.
    fn write_parts(&mut self, begins: bool, done: bool) -> Result<(), Broken> {
        let mark = [if begins { "b" } else { "" }, if done { "d" } else { "" }].concat();
        let of_shard = self.parts.of_shard();
        // What is behind a new connection may have forgotten: every slot is looked at.
        let connections = self.servers.connections();
        let renewed = connections != self.looked_at;
        let touched: Vec<usize> = if renewed {
            (0..=of_shard).collect()
        } else if mark.is_empty() {
            self.parts.touched().to_vec()
        } else {
            (0..=of_shard).filter(|place| self.concerns(*place)).collect()
        };
        let commit = Commit { number: self.commits + 1, mark: &mark, renewed };
        if self.servers.is_cluster() {
            let (slots, shard): (Vec<_>, Vec<_>) =
                touched.iter().copied().partition(|place| *place != of_shard);
            for round in [slots, shard] {
                let each: Vec<_> = round.chunks(1).collect();
                self.write(&each, commit)?;
            }
        } else if !touched.is_empty() {
            self.write(&[&touched], commit)?;
        }
        (self.commits, self.looked_at) = (commit.number, connections);
        for place in touched {
            let bytes = self.parts.get(place).len();
            self.written += self.places[place].count(self.commits, bytes, begins, done);
        }
        Ok(())
    }

    /// Whether a checkpoint has anything to do with a place.
    fn concerns(&self, place: usize) -> bool {
        self.places[place].bytes > 0 || !self.parts.get(place).is_empty()
    }

    /// Has the records of some places written: of each group of them all or none.
    fn write(&mut self, groups: &[&[usize]], commit: Commit<'_>) -> Result<(), Broken> {
        self.requests.clear(REQUEST_BYTES);
        for group in groups {
            self.push(group, commit).map_err(Broken::ForNow)?;
        }
        if groups.is_empty() {
            return Ok(());
        }
        let answers = self.servers.ask(&self.requests).map_err(Broken::ForNow)?;
        for (group, answer) in groups.iter().zip(answers) {
            let (told, place): (i64, usize) = redis::from_redis_value(answer).map_err(|error| {
                Broken::ForGood(io::Error::other(format!("the script of a commit: {error}")))
            })?;
            let of = place.checked_sub(1).and_then(|place| Some(&self.places[*group.get(place)?]));
            let log = of.map_or("", |place| &place.log_key);
            match told {
                1 => {}
                -1 => {
                    let text = format!("{log}: another state server has taken these sessions");
                    return Err(Broken::Deposed(io::Error::other(text)));
                }
                _ => {
                    let text = format!(
                        "{log}: Redis has lost what it had confirmed; the sessions of this slot begin anew"
                    );
                    return Err(Broken::ForGood(io::Error::other(text)));
                }
            }
        }
        Ok(())
    }

    /// Adds the request for one group.
    fn push(&mut self, group: &[usize], commit: Commit<'_>) -> io::Result<()> {
        let mut texts = Vec::with_capacity(group.len());
        for number in group {
            let (place, records) = (&self.places[*number], self.parts.get(*number));
            let server =
                if commit.renewed { self.servers.told(place.hash_slot)?.run_id } else { String::new() };
            let mut entry = Vec::new();
            if !records.is_empty() {
                entry.reserve_exact(CHECKSUM_BYTES + records.len());
                entry.extend_from_slice(&crc32c::crc32c(records).to_le_bytes());
                entry.extend_from_slice(records);
            }
            texts.push((place.epoch.to_string(), place.entry(commit.number), entry, server));
        }
        let keys = (2 * group.len()).to_string();
        let mut words = vec![&b"EVALSHA"[..], self.commit_script.as_bytes(), keys.as_bytes()];
        for number in group {
            let place = &self.places[*number];
            words.extend([place.owner_key.as_bytes(), place.log_key.as_bytes()]);
        }
        words.push(commit.mark.as_bytes());
        for (number, (epoch, this, entry, server)) in group.iter().zip(&texts) {
            let before = self.places[*number].last.as_bytes();
            words.extend([epoch.as_bytes(), before, this.as_bytes(), entry, server.as_bytes()]);
        }
        let hash_slot = group.first().map_or(0, |number| self.places[*number].hash_slot);
        self.requests.push(hash_slot, &words);
        Ok(())
    }
}

/// What all requests of a commit have in common.
#[derive(Clone, Copy)]
struct Commit<'a> {
    number: u64,
    /// What the script is told of a checkpoint.
    mark: &'a str,
    /// The servers take note that they are the ones.
    renewed: bool,
}

#[cfg(test)]
mod tests;
