//! How a state server comes to its sessions at its start: from the journal, if it keeps one. Owns the order: the folder, the key, then all shards at once.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::counters::JournalCounters;
use super::journal::{Folder, Found, Redis, Taken, Target, Trouble, secret_key};
use super::recorder::Engine;
use crate::Config;
use crate::config::JournalMode;
use crate::journal::Replay;

/// What the shards begin with.
pub(super) struct Recovered {
    /// None if sessions are not written down.
    pub(super) folder: Option<Folder>,
    pub(super) secret_key: [u8; 32],
    /// One for each shard.
    pub(super) engines: Vec<Option<(Engine, Replay)>>,
    pub(super) counters: Vec<Arc<JournalCounters>>,
}

/// Opens the journal of each of `count` shards and reads what it holds.
pub(super) fn recover(config: &Config, count: u32) -> io::Result<Recovered> {
    let mut fresh = [0; 32];
    aws_lc_rs::rand::fill(&mut fresh).map_err(|_| io::Error::other("no random numbers"))?;
    let synced = match config.journal {
        JournalMode::Off => {
            let engines = (0..count).map(|_| None).collect();
            return Ok(Recovered { folder: None, secret_key: fresh, engines, counters: Vec::new() });
        }
        JournalMode::Redis => return recover_from_redis(config, count, fresh),
        JournalMode::Async => false,
        JournalMode::Sync => true,
    };
    let folder = Folder::take(&config.journal_folder)?;
    let secret_key = folder.secret_key(fresh)?;
    folder.forget_from(count)?;
    let opened = of_all_shards(count, |shard| open(&folder, shard, count, synced));
    Ok(Recovered::new(Some(folder), secret_key, opened.map_err(io::Error::other)?))
}

fn recover_from_redis(config: &Config, count: u32, fresh: [u8; 32]) -> io::Result<Recovered> {
    let target = Target { urls: &config.redis_urls, prefix: &config.redis_prefix };
    let secret_key = secret_key(target, fresh)?;
    let taken = of_all_shards(count, |shard| take(target, shard, count))?;
    Ok(Recovered::new(None, secret_key, taken))
}

/// Does something for each shard, all at once.
fn of_all_shards<T: Send, E: Send>(
    count: u32,
    work: impl Fn(u32) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..count).map(|shard| scope.spawn(move || work(shard))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("it does not panic");
        threads.into_iter().map(join).collect()
    })
}

impl Recovered {
    fn new(folder: Option<Folder>, secret_key: [u8; 32], engines: Vec<(Engine, Replay)>) -> Self {
        let counters = engines.iter().map(|(engine, _)| Arc::clone(&engine.counters)).collect();
        Self { folder, secret_key, engines: engines.into_iter().map(Some).collect(), counters }
    }
}

fn take(target: Target<'_>, shard: u32, count: u32) -> io::Result<(Engine, Replay)> {
    let began = Instant::now();
    let counters = Arc::new(JournalCounters::default());
    let taken = Redis::take(target, shard, count, Arc::clone(&counters))?;
    let Taken { journal, replay, entries, records, bytes, given_up } = taken;
    let took_ms = began.elapsed().as_millis() as u64;
    tracing::info!(
        shard,
        sessions = replay.len(),
        records,
        bytes,
        entries,
        took_ms,
        "journal read from Redis"
    );
    if given_up > 0 {
        tracing::warn!(
            shard,
            slots = given_up,
            "what Redis keeps of some slots cannot be trusted, and their sessions begin anew"
        );
    }
    Ok((Engine { journal: Box::new(journal), counters, bytes }, replay))
}

fn open(folder: &Folder, shard: u32, count: u32, synced: bool) -> Result<(Engine, Replay), Trouble> {
    let began = Instant::now();
    let (found, journal) = folder.open(shard, count, synced)?;
    let Found { replay, segments, records, bytes, .. } = found;
    let took_ms = began.elapsed().as_millis() as u64;
    tracing::info!(shard, sessions = replay.len(), records, bytes, segments, took_ms, "journal read");
    let counters = Arc::new(JournalCounters::default());
    Ok((Engine { journal, counters, bytes }, replay))
}
