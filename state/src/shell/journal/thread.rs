//! The thread that commits: takes all batches that wait, has the engine commit them as one, and tells the shard. Owns what happens when that fails: while there is no room it
//! tries again, and nothing is answered; when the disk cannot be trusted, or another process has taken over, it ends the process.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use proto::limits::JOURNAL_COMMIT_BYTES_MAX;

use super::super::counters::JournalCounters;
use super::{Batch, Broken, Journal, SPARE_BYTES};

/// `EX_IOERR` of sysexits.h.
const JOURNAL_BROKEN: i32 = 74;
/// `EX_NOPERM` of sysexits.h: a supervisor that starts this process again has it take the sessions back from the one that has them.
const DEPOSED: i32 = 77;
/// Between two attempts while there is no room.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// How long that is tried when the server is stopping.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the shard and the thread tell each other.
#[derive(Debug, Default)]
pub(in crate::shell) struct Progress {
    /// The number of the last batch that is durable.
    pub(in crate::shell) committed: AtomicU64,
    /// Bytes by which the journal has ever grown.
    pub(in crate::shell) written: AtomicU64,
    /// The shard has been woken and has not looked yet.
    pub(in crate::shell) told: AtomicBool,
    /// The shard has recorded its last.
    pub(in crate::shell) stopping: AtomicBool,
}

/// What the thread runs on.
pub(in crate::shell) struct Writer<W> {
    pub(in crate::shell) journal: Box<dyn Journal>,
    pub(in crate::shell) batches: Receiver<Batch>,
    /// Buffers that the shard may use again.
    pub(in crate::shell) spare: Sender<Vec<u8>>,
    pub(in crate::shell) progress: Arc<Progress>,
    /// Wakes the shard.
    pub(in crate::shell) wake: W,
    pub(in crate::shell) counters: Arc<JournalCounters>,
}

impl<W: Fn()> Writer<W> {
    /// Works until the shard has gone and all that it recorded is committed.
    pub(in crate::shell) fn run(mut self) {
        self.counters.bytes.set(self.journal.bytes());
        let mut group: Vec<Batch> = Vec::new();
        let mut next = None;
        while let Some(first) = next.take().or_else(|| self.batches.recv().ok()) {
            let mut bytes = first.records.len();
            group.push(first);
            while bytes < JOURNAL_COMMIT_BYTES_MAX
                && let Ok(batch) = self.batches.try_recv()
            {
                if batch.begins_checkpoint {
                    next = Some(batch);
                    break;
                }
                bytes += batch.records.len();
                group.push(batch);
            }
            if !self.commit(&group, bytes) {
                return;
            }
            group.drain(..).for_each(|batch| self.give_back(batch.records));
        }
    }

    /// A buffer that is not taken is freed; it is not waited for.
    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        if buffer.capacity() <= SPARE_BYTES {
            drop(self.spare.try_send(buffer));
        }
    }

    /// Commits until it is done; `false` if the server stops before.
    fn commit(&mut self, group: &[Batch], bytes: usize) -> bool {
        let began = Instant::now();
        let written = loop {
            match self.journal.commit(group) {
                Ok(written) => break written,
                Err(Broken::ForGood(error)) => {
                    tracing::error!(%error, "ending: what the journal has not confirmed was not answered and will be asked again");
                    process::exit(JOURNAL_BROKEN);
                }
                Err(Broken::Deposed(error)) => {
                    tracing::error!(%error, "ending: this process may write no journal any more");
                    process::exit(DEPOSED);
                }
                Err(Broken::ForNow(error)) => {
                    if self.counters.failing.get() == 0 {
                        tracing::error!(%error, "nothing is answered until the journal can be written again");
                    }
                    self.counters.failing.set(1);
                    self.counters.failed_commits.add(1);
                }
            }
            if self.progress.stopping.load(Ordering::Relaxed) && began.elapsed() > PATIENCE {
                return false;
            }
            thread::sleep(TRY_AGAIN);
        };
        self.progress.written.fetch_add(written, Ordering::Relaxed);
        if self.counters.failing.get() == 1 {
            tracing::info!("the journal is written again");
            self.counters.failing.set(0);
        }
        self.counters.commit_seconds.observe(began.elapsed().as_micros() as u64);
        self.counters.batches.add(group.len() as u64);
        self.counters.bytes_written.add(bytes as u64);
        self.counters.bytes.set(self.journal.bytes());
        self.progress.committed.store(group.last().map_or(0, |batch| batch.number), Ordering::Release);
        if !self.progress.told.swap(true, Ordering::AcqRel) {
            (self.wake)();
        }
        true
    }
}
