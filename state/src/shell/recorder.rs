//! One shard's way to its journal: [`Recorder`]. Owns the order of a turn's end (records to the journal's thread, what was said to the links or to wait for its commit) and when
//! a checkpoint is due; the commit itself is `journal`'s.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use proto::limits::{
    CHECKPOINT_BYTES_MIN, CHECKPOINT_BYTES_PER_TURN, CHECKPOINT_PLACES_PER_STEP, CHECKPOINT_PLACES_PER_TURN,
    HELD_BYTES_MAX,
};
use proto::time::Now;

use super::counters::{Counters, JournalCounters};
use super::io::Io;
use super::journal::held::Held;
use super::journal::thread::{Progress, Writer};
use super::journal::{Batch, Journal, SPARE_BUFFERS};
use crate::Shard;

/// What a shard is given to record with.
pub(super) struct Engine {
    pub(super) journal: Box<dyn Journal>,
    pub(super) counters: Arc<JournalCounters>,
    /// Bytes that were read at the start.
    pub(super) bytes: u64,
}

/// The shard's end of its journal.
pub(super) struct Recorder {
    batches: Sender<Batch>,
    /// Buffers of batches that are committed.
    spare: Receiver<Vec<u8>>,
    progress: Arc<Progress>,
    thread: JoinHandle<()>,
    held: Held,
    /// Batches that were sent.
    number: u64,
    /// The last of them that holds back what is said.
    needs: u64,
    /// Batches that are not committed, with their bytes.
    waiting: VecDeque<(u64, usize)>,
    waiting_bytes: usize,
    pace: Pace,
}

/// When a checkpoint is due: as soon as the log has grown by twice what the last one took, so that at most a third of what is written is for checkpoints.
#[derive(Debug)]
struct Pace {
    /// Bytes by which the log had grown when the last one began.
    begun_at: u64,
    /// Bytes that were there at the start, until the first one.
    found: u64,
    /// Bytes that the last one took.
    took: u64,
    began_ms: u64,
}

impl Recorder {
    /// Starts the journal's thread, which calls `wake` after each commit that the shard has not been told of.
    pub(super) fn new(shard: u32, engine: Engine, wake: impl Fn() + Send + 'static) -> io::Result<Self> {
        let Engine { journal, counters, bytes } = engine;
        let (sender, batches) = unbounded();
        let (used, spare) = bounded(SPARE_BUFFERS);
        let progress = Arc::new(Progress::default());
        let writer =
            Writer { journal, batches, spare: used, progress: Arc::clone(&progress), wake, counters };
        let thread = thread::Builder::new().name(format!("journal-{shard}")).spawn(move || writer.run())?;
        Ok(Self {
            batches: sender,
            spare,
            progress,
            thread,
            held: Held::default(),
            number: 0,
            needs: 0,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            pace: Pace { begun_at: 0, found: bytes, took: 0, began_ms: 0 },
        })
    }

    /// Whether so much waits for the journal that nothing more should be taken in.
    pub(super) fn is_behind(&self) -> bool {
        self.held.bytes() + self.waiting_bytes > HELD_BYTES_MAX
    }

    /// Whether nothing that was said before this turn waits.
    pub(super) fn holds_nothing(&self) -> bool {
        self.held.is_empty()
    }

    /// Bytes that were said and must not be heard yet.
    pub(super) fn held_bytes(&self) -> usize {
        self.held.bytes()
    }

    /// Ends a turn: hands its records to the journal, and holds back what was said if it must be.
    pub(super) fn end_turn(&mut self, now: Now, machine: &mut Shard, io: &mut Io, counters: &Counters) {
        self.checkpoint(now, machine, io, counters);
        if !io.batch.records.is_empty() {
            self.number += 1;
            if std::mem::take(&mut io.holds_back) {
                self.needs = self.number;
            }
            let records = self.spare.try_recv().unwrap_or_default();
            let next = Batch { records, ..Batch::default() };
            let batch = Batch { number: self.number, ..std::mem::replace(&mut io.batch, next) };
            self.waiting_bytes += batch.records.len();
            self.waiting.push_back((self.number, batch.records.len()));
            // The thread ends with the process, or after this end of the channel.
            drop(self.batches.send(batch));
        }
        let committed = self.committed();
        if committed < self.needs || !self.held.is_empty() {
            self.held.hold(self.needs, &mut io.gateways, &mut io.logic);
        } else {
            io.pass_on();
        }
        self.held.release(committed, &mut io.out_gateways, &mut io.out_logic);
    }

    /// Lets go what waited for what is committed by now.
    pub(super) fn release(&mut self, io: &mut Io) {
        let committed = self.committed();
        self.held.release(committed, &mut io.out_gateways, &mut io.out_logic);
    }

    fn committed(&mut self) -> u64 {
        self.progress.told.store(false, Ordering::Relaxed);
        let committed = self.progress.committed.load(Ordering::Acquire);
        while let Some((_, bytes)) = self.waiting.pop_front_if(|(number, _)| *number <= committed) {
            self.waiting_bytes -= bytes;
        }
        committed
    }

    fn checkpoint(&mut self, now: Now, machine: &mut Shard, io: &mut Io, counters: &Counters) {
        if !machine.is_checkpointing() {
            let written = self.progress.written.load(Ordering::Relaxed);
            let grown = written - self.pace.begun_at + self.pace.found;
            if grown < CHECKPOINT_BYTES_MIN.max(2 * self.pace.took) || self.is_behind() {
                return;
            }
            self.pace = Pace { begun_at: written, found: 0, took: 0, began_ms: now.mono_ms };
            machine.begin_checkpoint(io);
        }
        let before = io.batch.records.len();
        for _ in 0..CHECKPOINT_PLACES_PER_TURN / CHECKPOINT_PLACES_PER_STEP {
            machine.go_on_with_checkpoint(CHECKPOINT_PLACES_PER_STEP, io);
            if !machine.is_checkpointing() || io.batch.records.len() - before > CHECKPOINT_BYTES_PER_TURN {
                break;
            }
        }
        self.pace.took += (io.batch.records.len() - before) as u64;
        if !machine.is_checkpointing() {
            counters.checkpoint_seconds.observe((now.mono_ms - self.pace.began_ms) * 1000);
        }
    }

    /// A gateway's link is gone.
    pub(super) fn forget_gateway(&mut self, place: usize) {
        self.held.forget_gateway(place);
    }

    /// The link to logic is gone.
    pub(super) fn forget_logic(&mut self) {
        self.held.forget_logic();
    }

    /// Waits until all that was recorded is committed, and lets go all that waited for it.
    pub(super) fn stop(self, io: &mut Io) -> io::Result<()> {
        let Self { batches, progress, thread, mut held, .. } = self;
        progress.stopping.store(true, Ordering::Relaxed);
        drop(batches);
        thread.join().map_err(|_| io::Error::other("the journal's thread panicked"))?;
        let committed = progress.committed.load(Ordering::Acquire);
        held.release(committed, &mut io.out_gateways, &mut io.out_logic);
        Ok(())
    }
}
