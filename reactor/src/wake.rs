//! What reaches an event loop from other threads: a bounded channel and a wake-up. Owns the two; what is said through them is the shells' business.
//! Control only: no client's byte takes this way.

use std::io;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use mio::{Registry, Token, Waker};

/// The sending half, for any thread.
#[derive(Debug)]
pub struct Mailbox<T> {
    sender: Sender<T>,
    waker: Arc<Waker>,
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
        // An eventfd takes 2^64 - 2 wake-ups before it would block; the loop drains it long before.
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "cannot wake an event loop");
        }
    }
}

/// A mailbox of at most `capacity` messages whose arrivals make `token` readable.
pub fn mailbox<T>(
    registry: &Registry,
    token: Token,
    capacity: usize,
) -> io::Result<(Mailbox<T>, Receiver<T>)> {
    let (sender, receiver) = bounded(capacity);
    Ok((Mailbox { sender, waker: Arc::new(Waker::new(registry, token)?) }, receiver))
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
