//! What reaches an event loop from other threads: a bounded channel and a wake-up. Owns the two; what is said through them is the shells' business.
//! Control only: no client's byte takes this way.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::sys;

/// The sending half, for any thread.
#[derive(Debug)]
pub struct Mailbox<T> {
    sender: Sender<T>,
    /// An eventfd. It is never read: each write is an edge, and an edge is all that is wanted.
    waker: Arc<File>,
}

/// The receiving half, until it is registered with a poll.
#[derive(Debug)]
pub struct Inbox<T> {
    receiver: Receiver<T>,
    waker: Arc<File>,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), waker: Arc::clone(&self.waker) }
    }
}

impl<T> Mailbox<T> {
    /// Puts a message in and wakes the loop. Gives it back when the box is full or the loop has ended.
    pub fn send(&self, message: T) -> Result<(), T> {
        match self.sender.try_send(message) {
            Ok(()) => self.wake(),
            Err(TrySendError::Full(message) | TrySendError::Disconnected(message)) => return Err(message),
        }
        Ok(())
    }

    /// Puts a message in, waiting for room, and wakes the loop. Gives it back when the loop has ended. Never call it on a reactor thread.
    pub fn send_blocking(&self, message: T) -> Result<(), T> {
        self.sender.send(message).map_err(|refused| refused.0)?;
        self.wake();
        Ok(())
    }

    fn wake(&self) {
        // An eventfd takes 2^64 - 2 wake-ups before it would block: more than a process lives to make.
        if let Err(error) = (&*self.waker).write_all(&1_u64.to_ne_bytes()) {
            tracing::error!(%error, "cannot wake an event loop");
        }
    }
}

impl<T> Inbox<T> {
    /// Makes arrivals show as `token`, readable.
    pub fn register(self, registry: &Registry, token: Token) -> io::Result<Receiver<T>> {
        registry.register(&mut SourceFd(&self.waker.as_raw_fd()), token, Interest::READABLE)?;
        Ok(self.receiver)
    }
}

impl<T> AsFd for Inbox<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waker.as_fd()
    }
}

/// A mailbox of at most `capacity` messages, for a loop that does not exist yet: with a descriptor table of its own it can only be woken by what was there
/// before ([`sys::own_descriptors`]). The mailbox must outlive the loop's thread, or its descriptor stays open.
pub fn unregistered<T>(capacity: usize) -> io::Result<(Mailbox<T>, Inbox<T>)> {
    let (sender, receiver) = bounded(capacity);
    let waker = Arc::new(File::from(sys::eventfd()?));
    Ok((Mailbox { sender, waker: Arc::clone(&waker) }, Inbox { receiver, waker }))
}

/// A mailbox of at most `capacity` messages whose arrivals make `token` readable.
pub fn mailbox<T>(
    registry: &Registry,
    token: Token,
    capacity: usize,
) -> io::Result<(Mailbox<T>, Receiver<T>)> {
    let (mailbox, inbox) = unregistered(capacity)?;
    Ok((mailbox, inbox.register(registry, token)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Poller;

    #[test]
    fn a_message_wakes_the_loop_and_a_full_box_gives_it_back() {
        let mut poller = Poller::new(8).unwrap();
        let (mailbox, inbox) = mailbox(poller.registry(), Token(1), 1).unwrap();
        let other = mailbox.clone();
        std::thread::spawn(move || other.send("hello").unwrap()).join().unwrap();
        let mut ready = Vec::new();
        poller.turn(None, &mut ready).unwrap();
        assert_eq!(ready[0].token, Token(1));
        assert_eq!(mailbox.send("full"), Err("full"));
        assert_eq!(inbox.try_recv(), Ok("hello"));
        drop(inbox);
        assert_eq!(mailbox.send("gone"), Err("gone"));
    }
}
