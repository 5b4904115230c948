//! The listeners of one reactor: [`Listening`]. Owns opening them, and their closing while the reactor is full and others of this process can take who comes. When that is so is
//! told by [`crate::room`].
//!
//! The kernel spreads newcomers over all sockets that listen on an address. A socket that listens for a reactor without room gets its share like the others, so it has to go.
//! Who waits in its queue is accepted first; who gets in between that and the close is reset by the kernel, or handed over to
//! the others where `net.ipv4.tcp_migrate_req` says so.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mio::{Registry, Token};
use proto::time::Now;
use reactor::listener::Listener;

use super::passed::PassedSockets;
use super::worker::Doors;
use crate::Door;

/// How long after a failure to open the listeners they are tried again.
const JOIN_AGAIN: Duration = Duration::from_secs(1);

/// The reactors of a process that listen. One of them always does: else newcomers would be refused without a trace, and another process might take the port.
#[derive(Clone, Debug)]
pub(super) struct Group(Arc<AtomicUsize>);

impl Group {
    /// With so many reactors, which all listen.
    pub(super) fn new(reactors: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(reactors)))
    }

    /// Takes one out, if another is left.
    fn leave(&self) -> bool {
        let left = |listening: usize| listening.checked_sub(1).filter(|others| *others > 0);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }

    fn join(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A reactor's listeners.
#[derive(Debug)]
pub(super) struct Listening {
    doors: Doors,
    passed: PassedSockets,
    reactor: u8,
    first: usize,
    group: Group,
    /// One for each door; none while the reactor is full, or stops.
    open: Vec<Listener>,
    is_away: bool,
    /// Not to be tried again before, by the monotonic clock in milliseconds.
    join_at_ms: u64,
}

impl Listening {
    /// Those of these doors, not yet open. Their tokens count from `first` on.
    pub(super) fn new(doors: Doors, passed: PassedSockets, reactor: u8, group: Group, first: usize) -> Self {
        Self { doors, passed, reactor, first, group, open: Vec::new(), is_away: false, join_at_ms: 0 }
    }

    /// Opens them.
    pub(super) fn open(&mut self, registry: &Registry) -> io::Result<()> {
        let open = (0..self.doors.len()).map(|place| self.listen(place)).collect::<io::Result<Vec<_>>>()?;
        self.accept_from(open, registry)
    }

    /// A listener for the door at this place, from which nobody accepts yet.
    pub(super) fn listen(&mut self, place: usize) -> io::Result<Listener> {
        let (_, name, address) = &mut self.doors[place];
        let listener = self.passed.listen(name, self.reactor, *address)?;
        *address = listener.address()?;
        Ok(listener)
    }

    /// Accepts from these listeners, one for each door.
    pub(super) fn accept_from(&mut self, mut open: Vec<Listener>, registry: &Registry) -> io::Result<()> {
        for (place, listener) in open.iter_mut().enumerate() {
            listener.register(registry, Token(self.first + place))?;
            self.doors[place].2 = listener.address()?;
        }
        self.open = open;
        Ok(())
    }

    /// The descriptors of those that are open.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.open.iter().map(|listener| listener.as_fd())
    }

    /// Where it listens, with the ports that the kernel has chosen.
    pub(super) fn doors(&self) -> &Doors {
        &self.doors
    }

    /// The listener at a place, and who comes by it.
    pub(super) fn get(&mut self, place: usize) -> Option<(Door, &mut Listener)> {
        Some((self.doors.get(place)?.0, self.open.get_mut(place)?))
    }

    /// How many are open: their places are below this.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// When one of them ends its rest.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.open.iter().filter_map(Listener::next_deadline).min()
    }

    /// Whether others listen in its stead.
    pub(super) fn is_away(&self) -> bool {
        self.is_away
    }

    /// Leaves newcomers to the others, if there are any. The listeners stay open until [`Listening::close`], so that who waits can be accepted.
    pub(super) fn leave(&mut self) -> bool {
        // A socket that was passed for this reactor alone stays open with who passed it, and its queue would fill.
        self.is_away = !self.is_away && !self.passed.is_one_for_each() && self.group.leave();
        self.is_away
    }

    /// Closes them.
    pub(super) fn close(&mut self, registry: &Registry) {
        for mut listener in self.open.drain(..) {
            // A passed socket lives on elsewhere, and so would its registration.
            if let Err(error) = listener.deregister(registry) {
                tracing::warn!(%error, "cannot take a listener out of the poll");
            }
        }
    }

    /// Opens them again. Whether that is so; after a failure it is not tried for a while.
    pub(super) fn join(&mut self, now: Now, registry: &Registry) -> bool {
        if now.mono_ms < self.join_at_ms {
            return false;
        }
        if let Err(error) = self.open(registry) {
            tracing::warn!(%error, "this reactor has room, and cannot listen");
            self.join_at_ms = now.after(JOIN_AGAIN);
            return false;
        }
        self.is_away = false;
        self.group.join();
        true
    }
}
