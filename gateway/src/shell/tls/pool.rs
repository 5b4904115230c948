//! The threads that do the work of handshakes, which would hold up a reactor for half a millisecond each. Owns the threads and their queue. No descriptor comes
//! here: a job is a connection's TLS and the bytes that came, its outcome the same TLS and the bytes to be sent.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use proto::limits::TLS_JOBS_MAX;
use reactor::wake::Mailbox;
use rustls::Error;
use rustls::server::UnbufferedServerConnection;

use super::identity::Identity;
use super::kernel::Kernel;
use super::session;
use crate::shell::worker::Command;

/// A step of a handshake.
pub(super) struct Job {
    pub(super) handshake: Handshake,
    /// `None` at first.
    pub(super) connection: Option<Box<UnbufferedServerConnection>>,
    /// What came, and is not consumed.
    pub(super) incoming: Vec<u8>,
    /// Who wants to hear of it.
    pub(super) mailbox: Mailbox<Command>,
}

/// Whose handshake: the index, and a number that is another for the next in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handshake {
    pub(super) index: u32,
    pub(super) number: u64,
}

/// What became of a step.
pub(in crate::shell) struct Outcome {
    pub(super) handshake: Handshake,
    /// With an error, there is none.
    pub(super) connection: Result<Box<UnbufferedServerConnection>, Error>,
    /// What is not consumed, and how much was.
    pub(super) consumed: usize,
    pub(super) incoming: Vec<u8>,
    /// What the client said already, once it may speak.
    pub(super) plain: Vec<u8>,
    /// To be sent.
    pub(super) out: Vec<u8>,
    /// The client has nothing more to say.
    pub(super) closed: bool,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome").field("handshake", &self.handshake).finish_non_exhaustive()
    }
}

/// The threads. They end when the last who could give them a job has.
#[derive(Debug)]
pub(in crate::shell) struct Pool {
    threads: Vec<JoinHandle<()>>,
    jobs: Sender<Job>,
    kernel: Option<Kernel>,
}

/// One reactor's way to the threads, and back.
#[derive(Clone, Debug)]
pub(in crate::shell) struct Crew {
    pub(super) jobs: Sender<Job>,
    pub(super) mailbox: Mailbox<Command>,
    /// Where connections can go when their handshake is over.
    pub(super) kernel: Option<Kernel>,
}

impl Pool {
    /// Starts so many threads for so many reactors, which each keep to [`TLS_JOBS_MAX`]: the queue is never full.
    pub(in crate::shell) fn start(
        threads: usize,
        reactors: usize,
        identity: &Arc<Identity>,
    ) -> io::Result<Self> {
        let (jobs, queue) = bounded(reactors * TLS_JOBS_MAX);
        let start = |number| {
            let (queue, identity) = (queue.clone(), Arc::clone(identity));
            thread::Builder::new().name(format!("tls-{number}")).spawn(move || work(&queue, &identity))
        };
        let threads = (0..threads).map(start).collect::<io::Result<_>>()?;
        Ok(Self { threads, jobs, kernel: identity.kernel() })
    }

    /// The way to it for the reactor that has this mailbox, where there must be room for [`TLS_JOBS_MAX`] outcomes.
    pub(in crate::shell) fn crew(&self, mailbox: Mailbox<Command>) -> Crew {
        Crew { jobs: self.jobs.clone(), mailbox, kernel: self.kernel.clone() }
    }

    /// Waits until the threads have ended, which they do when the reactors have.
    pub(in crate::shell) fn join(self) {
        drop(self.jobs);
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread for TLS handshakes panicked");
            }
        }
    }
}

fn work(queue: &Receiver<Job>, identity: &Identity) {
    while let Ok(job) = queue.recv() {
        let (outcome, mailbox) = take(job, identity);
        // There is room for as many outcomes as a reactor has jobs here; one that has ended wants none.
        drop(mailbox.send(Command::Shaken(Box::new(outcome))));
    }
}

/// Does one step.
fn take(job: Job, identity: &Identity) -> (Outcome, Mailbox<Command>) {
    let Job { handshake, connection, mut incoming, mailbox } = job;
    let (mut plain, mut out, mut closed, mut consumed) = (Vec::new(), Vec::new(), false, 0);
    let begun =
        connection.map_or_else(|| UnbufferedServerConnection::new(identity.current()).map(Box::new), Ok);
    let connection = begun.and_then(|mut connection| {
        let opened = session::open(&mut connection, &mut incoming, &mut plain, &mut out);
        consumed = opened.consumed;
        incoming.drain(..consumed);
        closed = opened.end.is_some();
        match opened.end {
            Some(Err(error)) => Err(error),
            _ => Ok(connection),
        }
    });
    (Outcome { handshake, connection, consumed, incoming, plain, out, closed }, mailbox)
}
