//! The writer thread: the machine and its store. Takes what has come, commits it as one batch, and lets the answers go.

use std::collections::VecDeque;
use std::process;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::Receiver;
use reactor::clock::Clock;
use reactor::wake::Mailbox;

use super::counters::WriterCounters;
use super::links::Told;
use crate::store::{Store, StoreError};
use crate::{Input, Logic, Output};

/// `EX_IOERR` of sysexits.h.
const STORE_BROKEN: i32 = 74;

/// What the thread runs on.
pub(super) struct Writer<S> {
    pub(super) logic: Logic<S>,
    pub(super) clock: Clock,
    pub(super) inbox: Receiver<Vec<Input>>,
    pub(super) links: Mailbox<Told>,
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
                while waiting.len() < self.commit_requests
                    && let Ok(inputs) = self.inbox.try_recv()
                {
                    waiting.extend(inputs);
                }
                let taken = waiting.len().min(self.commit_requests);
                let outputs = self.batch(waiting.drain(..taken));
                // Links that have gone want no answers.
                drop(self.links.send_blocking(Told::Done { outputs, taken }));
                self.tidy();
            }
        }
    }

    fn batch(&mut self, inputs: impl ExactSizeIterator<Item = Input>) -> Vec<Output> {
        let began = Instant::now();
        let size = inputs.len();
        let now = self.clock.now();
        for input in inputs {
            self.logic.handle(now, input);
        }
        let handled = Instant::now();
        let mut outputs = Vec::new();
        let committed = self.logic.commit(&mut outputs);
        self.counters.batch(size, handled - began, handled.elapsed());
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
fn end(error: &StoreError) -> ! {
    tracing::error!(%error, "ending: what was not committed is not acknowledged and will be sent again");
    process::exit(STORE_BROKEN)
}
