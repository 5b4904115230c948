//! The writer thread: the machine and its store. Takes what has come, commits it as one batch, and leaves it to `disk` to make it
//! durable and let the answers go.

use std::collections::VecDeque;
use std::process;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;
use reactor::clock::Clock;

use super::counters::WriterCounters;
use super::disk::Disk;
use crate::store::{Store, StoreError};
use crate::{Input, Logic, Output};

/// `EX_IOERR` of sysexits.h.
const STORE_BROKEN: i32 = 74;

/// What the thread runs on.
pub(super) struct Writer<S> {
    pub(super) logic: Logic<S>,
    pub(super) clock: Clock,
    pub(super) inbox: Receiver<Vec<Input>>,
    pub(super) disk: Disk,
    pub(super) commit_requests: usize,
    pub(super) counters: Arc<WriterCounters>,
}

impl<S: Store> Writer<S> {
    /// Works until the links have gone and all that they sent is committed.
    pub(super) fn run(mut self) {
        let mut waiting = VecDeque::new();
        while let Ok(inputs) = self.inbox.recv() {
            waiting.extend(inputs);
            while !waiting.is_empty() {
                let taken = self.gather(&mut waiting);
                let outputs = self.commit(taken);
                self.disk.make_durable(outputs, taken);
                self.tidy();
            }
        }
    }

    /// Takes into a batch what waits, and what comes while the disk is at the batch before. Returns how many inputs that are.
    fn gather(&mut self, waiting: &mut VecDeque<Input>) -> usize {
        let mut taken = 0;
        loop {
            while taken + waiting.len() < self.commit_requests
                && let Ok(inputs) = self.inbox.try_recv()
            {
                waiting.extend(inputs);
            }
            let room = waiting.len().min(self.commit_requests - taken);
            let began = Instant::now();
            let now = self.clock.now();
            for input in waiting.drain(..room) {
                self.logic.handle(now, input);
            }
            self.counters.handle_microseconds.add(began.elapsed().as_micros() as u64);
            taken += room;
            if taken == self.commit_requests {
                self.disk.wait();
                return taken;
            }
            match self.disk.wait_or(&self.inbox) {
                Some(inputs) => waiting.extend(inputs),
                None => return taken,
            }
        }
    }

    /// Commits a batch of so many inputs. What it causes is to be let out when it is durable.
    fn commit(&mut self, size: usize) -> Vec<Output> {
        let began = Instant::now();
        let mut outputs = Vec::with_capacity(2 * size);
        let committed = self.logic.commit(&mut outputs);
        self.counters.batch(size, began.elapsed());
        self.counters.publish(self.logic.tally());
        let failing = self.counters.failing.get() == 1;
        match committed {
            Ok(()) if failing => tracing::info!("the store takes requests again"),
            Ok(()) => {}
            Err(error) if error.is_transient() => {
                self.counters.failed_commits.add(1);
                if !failing {
                    tracing::error!(%error, "requests are refused until it does");
                }
                self.counters.failing.set(1);
                return outputs;
            }
            Err(error) => end(&error),
        }
        self.counters.failing.set(0);
        outputs
    }

    fn tidy(&mut self) {
        let began = Instant::now();
        match self.logic.tidy() {
            Ok(()) => {}
            Err(error) if error.is_transient() => tracing::warn!(%error, "the log is not written back"),
            Err(error) => end(&error),
        }
        self.counters.tidy_microseconds.add(began.elapsed().as_micros() as u64);
    }
}

/// Ends the process without touching the store once more: what it holds is found out by the next process, which reads it from the disk.
pub(super) fn end(error: &StoreError) -> ! {
    tracing::error!(%error, "ending: what was not committed is not acknowledged and will be sent again");
    process::exit(STORE_BROKEN)
}
