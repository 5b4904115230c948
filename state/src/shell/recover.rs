//! How a state server comes to its sessions at its start: from the journal, if it keeps one. Owns the order: the folder, the key, then all shards at once.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::counters::JournalCounters;
use super::journal::{Folder, Found, Trouble};
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
        JournalMode::Async => false,
        JournalMode::Sync => true,
    };
    let folder = Folder::take(&config.journal_folder)?;
    let secret_key = folder.secret_key(fresh)?;
    folder.forget_from(count)?;
    let opened = thread::scope(|scope| {
        let open = |shard| {
            let folder = &folder;
            scope.spawn(move || open(folder, shard, count, synced))
        };
        let threads: Vec<_> = (0..count).map(open).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("it does not panic");
        threads.into_iter().map(join).collect::<Result<Vec<_>, Trouble>>()
    });
    let engines: Vec<_> = opened.map_err(io::Error::other)?.into_iter().map(Some).collect();
    let counters = engines.iter().flatten().map(|(engine, _)| Arc::clone(&engine.counters)).collect();
    Ok(Recovered { folder: Some(folder), secret_key, engines, counters })
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
