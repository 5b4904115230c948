//! TLS between a reactor's sockets and its machine, for the connections that speak it: [`Tls`]. Owns their sessions, by index, and what of their bytes is not yet
//! whole; plain connections have nothing here. The machine says who is secured, `identity` who we are, `session` what rustls does, `pool` who does the
//! work of handshakes.
//!
//! While a handshake's step is in the pool its socket is not read from. Once it is over the reactor itself decrypts what it reads; what a turn has for a client is
//! encrypted together at the turn's end, and leaves in one write.

mod buffers;
pub(crate) mod identity;
pub(crate) mod kernel;
mod pool;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::os::fd::BorrowedFd;

use foldhash::fast::RandomState;
use proto::close::CloseReason;
use proto::limits::{TLS_HANDSHAKE_BYTES_MAX, TLS_HANDSHAKE_JOBS_MAX, TLS_JOBS_MAX};
use reactor::sockets::{Flushed, Sockets};
use reactor::sys;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::EncryptError;
use rustls::{Error, HandshakeKind};

use self::buffers::Buffers;
pub(super) use self::pool::{Crew, Outcome, Pool};
use self::pool::{Handshake, Job};

/// Capacity that the buffer for what is encrypted keeps.
const SEALED_BYTES_MAX: usize = 1024 * 1024;

/// The TLS of one reactor.
pub(super) struct Tls {
    crew: Crew,
    sessions: HashMap<u32, Session, RandomState>,
    /// Handshakes that were ever begun.
    begun: u64,
    /// Jobs that are in the pool.
    in_pool: usize,
    /// Sessions with something to encrypt.
    dirty: Vec<u32>,
    /// Sessions that the kernel could take at the turn's end.
    movable: Vec<u32>,
    buffers: Buffers,
    /// What is encrypted, on its way to the socket.
    sealed: Vec<u8>,
    counts: Counts,
    /// Memory of what came and was not taken, as far as it has been counted.
    held: usize,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Handshakes that were done.
    pub(super) handshakes: u64,
    /// Those of clients that came back with a ticket.
    pub(super) resumed: u64,
    /// Connections that were given to the kernel.
    pub(super) kernels: u64,
}

/// One connection.
struct Session {
    number: u64,
    stage: Stage,
    /// What came and rustls has not consumed.
    incoming: Vec<u8>,
    /// What it said and the machine has not taken.
    rest: Vec<u8>,
    /// What the machine has sent in this turn.
    pending: Vec<u8>,
    /// What it is counted with in [`Tls::held`].
    counted: u32,
    end: End,
}

/// Whether a client has been told that nothing more will be sent to it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    No,
    /// It is to be told, after what is pending.
    Due,
    Told,
}

enum Stage {
    /// More of the handshake must come. `whole` bytes of what is there are records that have been looked at.
    Waiting { connection: Option<Box<UnbufferedServerConnection>>, jobs: u32, whole: usize },
    /// A step of the handshake is in the pool.
    InPool { jobs: u32, whole: usize },
    /// Both sides may speak.
    Open(Box<UnbufferedServerConnection>),
    /// It has failed: nothing is understood any more.
    Over,
}

/// What a client has said.
#[derive(Default)]
pub(super) struct Opened {
    /// All that the machine has not taken yet. Goes back by [`Tls::keep`].
    pub(super) plain: Vec<u8>,
    /// How many bytes of it, at its end, were not there last time.
    pub(super) fresh: usize,
    /// A part of something that cannot be read yet has come, too.
    pub(super) partial: bool,
    /// Nothing more will come, because of this.
    pub(super) end: Option<CloseReason>,
}

impl Tls {
    pub(super) fn new(crew: Crew) -> Self {
        Self {
            crew,
            sessions: HashMap::default(),
            begun: 0,
            in_pool: 0,
            dirty: Vec::new(),
            movable: Vec::new(),
            buffers: Buffers::default(),
            sealed: Vec::new(),
            counts: Counts::default(),
            held: 0,
        }
    }

    /// What has happened so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Connections that speak TLS, and handshakes in the pool.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.sessions.len(), self.in_pool)
    }

    /// Memory that is held for all connections from one turn to the next, beside what rustls itself has: parts of records and what the machine has not taken.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// What of that is held for one.
    pub(super) fn held_for(&self, index: u32) -> usize {
        self.sessions.get(&index).map_or(0, Session::held)
    }

    /// From here on this connection speaks TLS.
    pub(super) fn begin(&mut self, index: u32) {
        self.begun += 1;
        let stage = Stage::Waiting { connection: None, jobs: 0, whole: 0 };
        let (incoming, rest, pending) = (Vec::new(), Vec::new(), Vec::new());
        let (number, counted, end) = (self.begun, 0, End::No);
        let session = Session { number, stage, incoming, rest, pending, counted, end };
        self.sessions.insert(index, session);
    }

    /// Whether this connection speaks TLS.
    #[inline]
    pub(super) fn has(&self, index: u32) -> bool {
        self.sessions.contains_key(&index)
    }

    /// Whether its bytes have to wait in the socket.
    pub(super) fn is_busy(&self, index: u32) -> bool {
        self.sessions.get(&index).is_some_and(|session| matches!(session.stage, Stage::InPool { .. }))
    }

    /// Takes all bytes that came from a connection's socket.
    pub(super) fn receive(&mut self, index: u32, bytes: &mut [u8], sockets: &mut Sockets) -> Opened {
        let Some(session) = self.sessions.get_mut(&index) else { return Opened::default() };
        match &mut session.stage {
            Stage::Open(connection) => {
                let old = session.rest.len();
                let mut opened =
                    Opened { plain: self.buffers.continued(&mut session.rest), ..Opened::default() };
                let owned = !session.incoming.is_empty();
                if owned {
                    session.incoming.extend_from_slice(bytes);
                }
                let incoming = if owned { &mut session.incoming[..] } else { &mut *bytes };
                self.sealed.clear();
                let found = session::open(connection, incoming, &mut opened.plain, &mut self.sealed);
                if owned {
                    let incoming = std::mem::take(&mut session.incoming);
                    session.incoming = self.buffers.rest(incoming, found.consumed);
                } else if found.consumed < bytes.len() {
                    session.incoming = self.buffers.copy(&bytes[found.consumed..]);
                }
                if !self.sealed.is_empty() {
                    sockets.reply(index, &self.sealed);
                }
                opened.fresh = opened.plain.len() - old;
                opened.partial = !session.incoming.is_empty();
                if self.crew.kernel.is_some() {
                    self.movable.push(index);
                }
                opened.end = found.end.map(|end| {
                    end.map_or_else(|error| session.fail(index, &error), |()| CloseReason::PeerClosed)
                });
                opened
            }
            Stage::Waiting { .. } => {
                session.incoming.extend_from_slice(bytes);
                self.shake(index)
            }
            // Not read from; or not understood.
            Stage::InPool { .. } | Stage::Over => Opened::default(),
        }
    }

    /// Gives the pool what has come of a handshake, if that is enough for a step.
    fn shake(&mut self, index: u32) -> Opened {
        let Some(session) = self.sessions.get_mut(&index) else { return Opened::default() };
        let Stage::Waiting { connection, jobs, whole } = &mut session.stage else { return Opened::default() };
        let (jobs, before) = (*jobs + 1, *whole);
        while let Some(length) = session::record(&session.incoming[*whole..]) {
            *whole += length;
        }
        let refused = if session.incoming.len() > TLS_HANDSHAKE_BYTES_MAX || jobs > TLS_HANDSHAKE_JOBS_MAX {
            CloseReason::TlsFailed
        } else if *whole == before {
            return Opened::default();
        } else if self.in_pool == TLS_JOBS_MAX {
            CloseReason::TlsBusy
        } else {
            let handshake = Handshake { index, number: session.number };
            let (connection, whole) = (connection.take(), *whole);
            session.stage = Stage::InPool { jobs, whole };
            let incoming = std::mem::take(&mut session.incoming);
            let job = Job { handshake, connection, incoming, mailbox: self.crew.mailbox.clone() };
            if self.crew.jobs.try_send(job).is_ok() {
                self.in_pool += 1;
                return Opened::default();
            }
            CloseReason::TlsBusy
        };
        session.stage = Stage::Over;
        Opened { end: Some(refused), ..Opened::default() }
    }

    /// Goes on where the pool has ended. `None` if the connection has gone meanwhile.
    pub(super) fn settle(&mut self, outcome: Outcome, sockets: &mut Sockets) -> Option<(u32, Opened)> {
        self.in_pool -= 1;
        let Outcome { handshake, connection, consumed, incoming, plain, out, closed } = outcome;
        let Handshake { index, number } = handshake;
        let session = self.sessions.get_mut(&index).filter(|session| session.number == number)?;
        let Stage::InPool { jobs, whole } = session.stage else { return None };
        if !out.is_empty() {
            sockets.reply(index, &out);
        }
        let mut opened = Opened { fresh: plain.len(), plain, partial: !incoming.is_empty(), end: None };
        match connection {
            Err(error) => {
                opened.end = Some(session.fail(index, &error));
                return Some((index, opened));
            }
            Ok(connection) if connection.is_handshaking() => {
                let whole = whole.saturating_sub(consumed);
                session.stage = Stage::Waiting { connection: Some(connection), jobs, whole };
            }
            Ok(connection) => {
                self.counts.handshakes += 1;
                self.counts.resumed += u64::from(connection.handshake_kind() == Some(HandshakeKind::Resumed));
                session.stage = Stage::Open(connection);
                if self.crew.kernel.is_some() {
                    self.movable.push(index);
                }
            }
        }
        // Most have nothing left, and need no buffer from here on.
        session.incoming = self.buffers.rest(incoming, 0);
        opened.end = closed.then_some(CloseReason::PeerClosed);
        Some((index, opened))
    }

    /// Takes back what [`Tls::receive`] or [`Tls::settle`] gave out, when the machine has taken so much of it.
    pub(super) fn keep(&mut self, index: u32, plain: Vec<u8>, consumed: usize) {
        let rest = self.buffers.rest(plain, consumed);
        match self.sessions.get_mut(&index) {
            Some(session) => {
                session.rest = rest;
                let held = session.held();
                let counted = std::mem::replace(&mut session.counted, held as u32);
                self.held = self.held - counted as usize + held;
            }
            None => self.buffers.give(rest),
        }
    }

    /// Queues what is to be sent until the turn's end. How much that is; `None` if this connection does not speak TLS.
    #[inline]
    pub(super) fn push(&mut self, index: u32, parts: &[&[u8]]) -> Option<usize> {
        let session = self.sessions.get_mut(&index)?;
        if session.pending.is_empty() {
            if session.pending.capacity() == 0 {
                session.pending = self.buffers.take();
            }
            self.dirty.push(index);
        }
        parts.iter().for_each(|part| session.pending.extend_from_slice(part));
        Some(session.pending.len())
    }

    /// Nothing more will be sent: the client is told, after what is pending.
    pub(super) fn finish(&mut self, index: u32) {
        if let Some(session) = self.sessions.get_mut(&index)
            && session.end == End::No
        {
            session.end = End::Due;
            self.dirty.push(index);
        }
    }

    /// What is to be said to a socket before its writing side is ended, where the kernel has connections.
    pub(super) fn last_words(&self) -> Option<fn(BorrowedFd<'_>)> {
        self.crew.kernel.is_some().then_some(kernel::say_the_end as fn(BorrowedFd<'_>))
    }

    /// The connections that the kernel has are no longer ours.
    pub(super) fn let_go_of_kernels(&mut self) {
        self.crew.kernel = None;
    }

    /// Whether a connection that cannot be read any more has been ended by its client in good order, where its TLS is the kernel's.
    pub(super) fn has_ended(&self, index: u32, sockets: &Sockets) -> bool {
        self.crew.kernel.is_some()
            && sockets.carried(index).is_some_and(|(socket, _)| kernel::has_ended(socket))
    }

    /// After a turn's writes: gives the kernel whom it can take, and of whom nothing is half here, in either direction. From then on a connection is one without
    /// TLS for us.
    pub(super) fn give_to_kernel(&mut self, sockets: &Sockets, told: &mut Vec<(u32, Flushed)>) {
        let Some(kernel) = &self.crew.kernel else { return };
        for index in self.movable.drain(..) {
            let Some((socket, carried)) = sockets.carried(index) else { continue };
            let is_whole = carried.out.is_empty() && carried.rest.is_empty() && !carried.ending;
            let session = self.sessions.get(&index);
            let can = |session: &Session| match &session.stage {
                Stage::Open(connection) => session.is_idle() && kernel.takes(connection),
                _ => false,
            };
            if !is_whole || !session.is_some_and(can) || sys::attach_tls(socket).is_err() {
                continue;
            }
            let Some(Session { stage: Stage::Open(connection), counted, .. }) = self.sessions.remove(&index)
            else {
                continue;
            };
            self.held -= counted as usize;
            self.counts.kernels += 1;
            if let Err(error) = kernel::give(*connection, socket) {
                tracing::warn!(index, %error, "the kernel does not take a TLS connection that it should");
                told.push((index, Flushed::Broken));
            }
        }
    }

    /// The connection is closed at once. The client is told, if it can be without waiting.
    pub(super) fn close(&mut self, index: u32, sockets: &mut Sockets) {
        let Some(session) = self.sessions.get_mut(&index) else {
            if let Some((socket, carried)) = sockets.carried(index)
                && self.crew.kernel.is_some()
                && carried.out.is_empty()
            {
                kernel::say_the_end(socket);
            }
            return;
        };
        if session.end != End::Told {
            session.end = End::Due;
            session.pending.clear();
            drop(seal(index, session, &mut self.sealed, sockets));
        }
        if let Some(Session { incoming, rest, pending, counted, .. }) = self.sessions.remove(&index) {
            self.held -= counted as usize;
            [incoming, rest, pending].into_iter().for_each(|buffer| self.buffers.give(buffer));
        }
    }

    /// The turn's end: encrypts what is pending, one piece for each connection, and hands it to the sockets.
    pub(super) fn flush(&mut self, sockets: &mut Sockets, told: &mut Vec<(u32, Flushed)>) {
        for index in self.dirty.drain(..) {
            let Some(session) = self.sessions.get_mut(&index) else { continue };
            if seal(index, session, &mut self.sealed, sockets).is_err() {
                told.push((index, Flushed::Broken));
            }
            self.buffers.give(std::mem::take(&mut session.pending));
        }
    }
}

impl Session {
    /// Whether nothing of it waits here.
    fn is_idle(&self) -> bool {
        self.incoming.is_empty() && self.rest.is_empty() && self.pending.is_empty() && self.end == End::No
    }

    fn held(&self) -> usize {
        self.incoming.capacity() + self.rest.capacity()
    }

    /// The client has broken the protocol, or speaks nothing that is spoken here.
    fn fail(&mut self, index: u32, error: &Error) -> CloseReason {
        tracing::debug!(index, %error, "TLS failed");
        self.stage = Stage::Over;
        CloseReason::TlsFailed
    }
}

/// Encrypts what is pending, and the end, if it has come.
fn seal(
    index: u32,
    session: &mut Session,
    sealed: &mut Vec<u8>,
    sockets: &mut Sockets,
) -> Result<(), EncryptError> {
    let Session { stage, incoming, pending, end, .. } = session;
    // Before the handshake is over there is nothing that could be sent, and nobody who would understand.
    let Stage::Open(connection) = stage else { return Ok(()) };
    if *end == End::Told || pending.is_empty() && *end == End::No {
        return Ok(());
    }
    sealed.clear();
    let ends = std::mem::replace(end, if *end == End::Due { End::Told } else { End::No }) == End::Due;
    session::seal(connection, incoming, pending, ends, sealed)?;
    sockets.reply(index, sealed);
    sealed.shrink_to(SEALED_BYTES_MAX);
    Ok(())
}
