//! How a shard comes to its slots at a start: [`Redis::take`]. Owns raising their epochs, which ends the writing of whoever had them, and reading their logs, a bounded piece
//! at a time; what the records mean is [`Replay`]'s.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use proto::ids::Slot;
use proto::limits::{
    REDIS_ENTRIES_PER_READ, REDIS_LOGS_PER_READ, REDIS_RECONNECT_BASE, REDIS_START_PATIENCE, SLOTS,
};
use redis::Value;

use super::super::super::counters::JournalCounters;
use super::request::{Requests, hash_slot};
use super::servers::Servers;
use super::{CHECKSUM_BYTES, Cursor, Place, Redis, Target, script};
use crate::event::slot_of;
use crate::journal::{Parts, Record, Replay};

/// What a shard begins with.
pub(in crate::shell) struct Taken {
    pub(in crate::shell) journal: Redis,
    pub(in crate::shell) replay: Replay,
    pub(in crate::shell) entries: u64,
    pub(in crate::shell) records: u64,
    pub(in crate::shell) bytes: u64,
    /// Slots whose sessions begin anew, though something was kept of them.
    pub(in crate::shell) given_up: usize,
}

/// The key that the secrets of sessions are made with; the first time, `fresh`.
pub(in crate::shell) fn secret_key(target: Target<'_>, fresh: [u8; 32]) -> io::Result<[u8; 32]> {
    let mut servers = Servers::new(target.urls, Arc::default());
    let key = format!("{}:{{secret}}:key", target.prefix);
    let mut requests = Requests::default();
    requests.push(hash_slot("secret"), &[b"SET", key.as_bytes(), &fresh, b"NX"]);
    requests.push(hash_slot("secret"), &[b"GET", key.as_bytes()]);
    match ask(&mut servers, &requests)?.pop() {
        Some(Value::BulkString(known)) => known.try_into().map_err(|_| {
            io::Error::other(format!("{key}: is no key of 32 bytes; without it no session can be resumed"))
        }),
        other => Err(io::Error::other(format!("{key}: holds {other:?}"))),
    }
}

impl Redis {
    /// Takes the slots of a shard and reads what they hold. Waits for servers that are not there yet, but not for ever.
    pub(in crate::shell) fn take(
        target: Target<'_>,
        shard: u32,
        shard_count: u32,
        counters: Arc<JournalCounters>,
    ) -> io::Result<Taken> {
        let slots = (0..SLOTS).filter(|slot| Slot(*slot).shard(shard_count) == shard);
        let tags = slots.map(|slot| slot.to_string()).chain([format!("shard-{shard}")]);
        let places: Vec<_> = tags.map(|tag| Place::new(target.prefix, &tag)).collect();
        let mut redis = Self {
            servers: Servers::new(target.urls, counters),
            parts: Parts::new(places.len() - 1, shard_count),
            places,
            commits: 0,
            cursor: Cursor::default(),
            written: 0,
            looked_at: 0,
            commit_script: script::name(script::COMMIT),
            requests: Requests::default(),
        };
        let mut readings = redis.raise_epochs(shard_count)?;
        redis.looked_at = redis.servers.connections();
        let given_up = readings.iter().filter(|reading| reading.given_up).count();
        let (mut replay, mut entries, mut records) = (Replay::default(), 0, 0);
        let of_shard = redis.parts.of_shard();
        // The shard's own come last, as they were written last.
        let (slots, own) = readings.split_at_mut(of_shard);
        for group in slots.chunks_mut(REDIS_LOGS_PER_READ).chain([own]) {
            while group.iter().any(|reading| !reading.done) {
                let answers = redis.read(group)?;
                for (reading, answer) in group.iter_mut().filter(|reading| !reading.done).zip(answers) {
                    let place = &mut redis.places[reading.place];
                    let slot = (reading.place < of_shard)
                        .then(|| Slot((shard + reading.place as u32 * shard_count) as u16));
                    let damaged = |entry: &str, what: &str| damaged(place, entry, what);
                    let page = entries_of(answer).ok_or_else(|| damaged(&reading.after, "this is no log"))?;
                    reading.done = page.len() < REDIS_ENTRIES_PER_READ;
                    for (entry, bytes) in page {
                        records +=
                            replay_entry(&mut replay, &bytes, slot).map_err(|what| damaged(&entry, &what))?;
                        entries += 1;
                        reading.bytes += bytes.len() as u64;
                        reading.after = entry;
                    }
                    if reading.done && reading.after != reading.tail {
                        return Err(damaged(&reading.tail, "this is said to be the last entry, and is not"));
                    }
                }
            }
        }
        for reading in &readings {
            (redis.places[reading.place].bytes, redis.places[reading.place].bytes_since) =
                (reading.bytes, reading.bytes);
        }
        let bytes = readings.iter().map(|reading| reading.bytes).sum();
        Ok(Taken { journal: redis, replay, entries, records, bytes, given_up })
    }

    fn raise_epochs(&mut self, shard_count: u32) -> io::Result<Vec<Reading>> {
        let (name, count) = (script::name(script::TAKE), shard_count.to_string());
        let deadline = Instant::now() + REDIS_START_PATIENCE;
        let mut requests = Requests::default();
        for place in &self.places {
            let told = patiently(deadline, &mut self.servers, |servers| servers.told(place.hash_slot))?;
            let synced: &[u8] = if told.syncs_always { b"1" } else { b"0" };
            let keys =
                [b"EVALSHA", name.as_bytes(), b"2", place.owner_key.as_bytes(), place.log_key.as_bytes()];
            requests.push(
                place.hash_slot,
                &[&keys[..], &[count.as_bytes(), told.run_id.as_bytes(), synced]].concat(),
            );
        }
        let answers = ask(&mut self.servers, &requests)?;
        let mut readings = Vec::with_capacity(answers.len());
        for (number, answer) in answers.into_iter().enumerate() {
            let place = &mut self.places[number];
            let (epoch, last, tail, why): (u64, String, String, String) = redis::from_redis_value(answer)
                .map_err(|error| io::Error::other(format!("{}: {error}", place.owner_key)))?;
            (place.epoch, place.last) = (epoch, last);
            let done = tail.is_empty();
            let given_up = !why.is_empty();
            readings.push(Reading { place: number, after: String::new(), tail, done, bytes: 0, given_up });
        }
        Ok(readings)
    }

    /// Asks for the next page of each log that is not read to its end.
    fn read(&mut self, group: &[Reading]) -> io::Result<Vec<Value>> {
        let mut requests = Requests::default();
        let count = REDIS_ENTRIES_PER_READ.to_string();
        for reading in group.iter().filter(|reading| !reading.done) {
            let place = &self.places[reading.place];
            let from = if reading.after.is_empty() { "-".into() } else { format!("({}", reading.after) };
            let words =
                [b"XRANGE", place.log_key.as_bytes(), from.as_bytes(), b"+", b"COUNT", count.as_bytes()];
            requests.push(place.hash_slot, &words);
        }
        ask(&mut self.servers, &requests)
    }
}

/// How far a log has been read.
struct Reading {
    place: usize,
    /// The last entry that was read.
    after: String,
    /// The last that there must be.
    tail: String,
    done: bool,
    bytes: u64,
    given_up: bool,
}

/// Applies what an entry holds: how many records. `slot` is that of the log, if it is a slot's.
fn replay_entry(replay: &mut Replay, entry: &[u8], slot: Option<Slot>) -> Result<u64, String> {
    let (checksum, mut records) = entry.split_first_chunk::<CHECKSUM_BYTES>().ok_or("it has no checksum")?;
    if crc32c::crc32c(records) != u32::from_le_bytes(*checksum) {
        return Err("it does not match its checksum".into());
    }
    let mut count = 0;
    while !records.is_empty() {
        let record = Record::decode(&mut records).map_err(|error| error.to_string())?;
        let slot_of_it = record.session().map(slot_of);
        if slot.is_some() && slot_of_it.is_some_and(|of_it| Some(of_it) != slot) {
            return Err("a record of it is about a session of another slot".into());
        }
        replay.apply(record).map_err(|error| error.to_string())?;
        count += 1;
    }
    Ok(count)
}

/// The entries of a page: their names and their bytes. Taken out of the answer as they are: there may be millions.
fn entries_of(page: Value) -> Option<Vec<(String, Vec<u8>)>> {
    let Value::Array(page) = page else { return None };
    page.into_iter().map(entry_of).collect()
}

fn entry_of(entry: Value) -> Option<(String, Vec<u8>)> {
    let [Value::BulkString(name), Value::Array(fields)] = pair(entry)? else { return None };
    let [_, Value::BulkString(bytes)] = pair(Value::Array(fields))? else { return None };
    Some((String::from_utf8(name).ok()?, bytes))
}

fn pair(of: Value) -> Option<[Value; 2]> {
    let Value::Array(of) = of else { return None };
    of.try_into().ok()
}

fn damaged(place: &Place, entry: &str, what: &str) -> io::Error {
    io::Error::other(format!("the journal is damaged: {} at entry {entry:?}: {what}", place.log_key))
}

fn ask(servers: &mut Servers, requests: &Requests) -> io::Result<Vec<Value>> {
    patiently(Instant::now() + REDIS_START_PATIENCE, servers, |servers| servers.ask(requests))
}

/// Tries until it works, the deadline is over, or it can never work.
fn patiently<T>(
    deadline: Instant,
    servers: &mut Servers,
    mut attempt: impl FnMut(&mut Servers) -> io::Result<T>,
) -> io::Result<T> {
    let mut told = false;
    loop {
        match attempt(servers) {
            Ok(value) => return Ok(value),
            Err(error) => {
                let in_vain =
                    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput);
                if in_vain || Instant::now() >= deadline {
                    return Err(error);
                }
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%error, "waiting for the journal's Redis");
                }
            }
        }
        thread::sleep(servers.pause().max(REDIS_RECONNECT_BASE).min(Duration::from_secs(1)));
    }
}
