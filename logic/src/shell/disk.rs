//! The threads that wait for the disk in the writer's place: one makes batches durable and then lets out what they caused, one copies the store's log back. While a batch is synced the
//! writer handles the next one; it commits it when the disk is free again, so that a batch holds what came in that time.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, select, unbounded};
use reactor::wake::Mailbox;

use super::counters::DiskCounters;
use super::links::Told;
use super::writer::end;
use crate::store::StoreError;
use crate::{Input, Output};

/// Makes all durable that was committed.
pub(super) type Sync = Box<dyn FnMut() -> Result<(), StoreError> + Send>;

/// A batch that is committed.
#[derive(Debug)]
struct Batch {
    outputs: Vec<Output>,
    taken: usize,
}

/// The writer's side.
#[derive(Debug)]
pub(super) struct Disk {
    batches: Sender<Batch>,
    done: Receiver<()>,
    is_busy: bool,
}

/// The thread's side.
pub(super) struct Durable {
    batches: Receiver<Batch>,
    done: Sender<()>,
    sync: Sync,
    links: Mailbox<Told>,
    counters: Arc<DiskCounters>,
}

impl Disk {
    pub(super) fn new(sync: Sync, links: Mailbox<Told>, counters: Arc<DiskCounters>) -> (Self, Durable) {
        let ((batches, committed), (done, heard)) = (unbounded(), unbounded());
        let durable = Durable { batches: committed, done, sync, links, counters };
        (Self { batches, done: heard, is_busy: false }, durable)
    }

    /// Has a batch made durable and let out. The one before it is.
    pub(super) fn make_durable(&mut self, outputs: Vec<Output>, taken: usize) {
        self.is_busy = self.batches.send(Batch { outputs, taken }).is_ok();
    }

    /// Waits until the last batch is durable.
    pub(super) fn wait(&mut self) {
        if self.is_busy {
            // A thread that is gone has left nothing to wait for.
            self.done.recv().unwrap_or_default();
            self.is_busy = false;
        }
    }

    /// What comes before the last batch is durable; `None` when it is.
    pub(super) fn wait_or(&mut self, inbox: &Receiver<Vec<Input>>) -> Option<Vec<Input>> {
        if self.is_busy && self.done.try_recv().is_err() {
            select! {
                recv(inbox) -> inputs => match inputs {
                    Ok(inputs) => return Some(inputs),
                    Err(_) => self.wait(),
                },
                recv(self.done) -> _ => {}
            }
        }
        self.is_busy = false;
        None
    }
}

impl Durable {
    /// Works until the writer has gone and all that it sent is durable.
    pub(super) fn run(mut self) {
        while let Ok(Batch { outputs, taken }) = self.batches.recv() {
            let began = Instant::now();
            if let Err(error) = (self.sync)() {
                end(&error);
            }
            self.counters.sync_microseconds.add(began.elapsed().as_micros() as u64);
            // Links that have gone want no answers.
            drop(self.links.send_blocking(Told::Done { outputs, taken }));
            if self.done.send(()).is_err() {
                return;
            }
        }
    }
}
