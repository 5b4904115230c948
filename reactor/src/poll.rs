//! One turn of an event loop: what is ready, as data. Owns the poll and the list of tokens that ran out of budget and want to go on next turn; never calls
//! anybody back.

use std::io;
use std::time::Duration;

use mio::{Events, Poll, Registry, Token};

/// What one source is ready for. Events are edge-triggered: a source that is not drained must be asked for [`Poller::again`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Whose.
    pub token: Token,
    /// Bytes (or connections) may be waiting.
    pub readable: bool,
    /// There may be room to write.
    pub writable: bool,
    /// The other side may have ended: a short read does not mean that another edge will follow, so read until there is nothing.
    pub hung_up: bool,
}

/// The event loop's eye on its sources.
#[derive(Debug)]
pub struct Poller {
    poll: Poll,
    events: Events,
    again: Vec<Token>,
}

impl Poller {
    /// A poller that reports at most `events` sources a turn.
    pub fn new(events: usize) -> io::Result<Self> {
        Ok(Self { poll: Poll::new()?, events: Events::with_capacity(events), again: Vec::new() })
    }

    /// Where sources are registered: once, for both interests, at their birth.
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Reports `token` as readable in the next turn, which then does not wait: for a source whose budget ran out before its bytes did. It is
    /// reported as hung up, too: if it was, the edge that told so is spent.
    pub fn again(&mut self, token: Token) {
        self.again.push(token);
    }

    /// Waits for at most `timeout` (for ever if `None`) and fills `ready` with what is ready. An interrupted wait is an empty turn.
    pub fn turn(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let timeout = if self.again.is_empty() { timeout } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        let unfinished = self.again.drain(..);
        ready.extend(unfinished.map(|token| Ready { token, readable: true, writable: false, hung_up: true }));
        ready.extend(self.events.iter().map(|event| Ready {
            token: event.token(),
            readable: event.is_readable() || event.is_error(),
            writable: event.is_writable(),
            hung_up: event.is_read_closed() || event.is_error(),
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_asked_to_go_on_is_ready_at_once() {
        let mut poller = Poller::new(8).unwrap();
        let mut ready = Vec::new();
        poller.again(Token(7));
        poller.turn(None, &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: Token(7), readable: true, writable: false, hung_up: true }]);
        poller.turn(Some(Duration::ZERO), &mut ready).unwrap();
        assert_eq!(ready, []);
    }
}
