//! One turn of an event loop: what is ready, as data. Owns the poll, the list of tokens that ran out of budget and want to go on next turn, and the rest between turns
//! that find little; never calls anybody back.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

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

/// A turn with so many events is worth its waking: the next one does not wait for more.
const MANY: usize = 256;

/// The event loop's eye on its sources.
#[derive(Debug)]
pub struct Poller {
    poll: Poll,
    events: Events,
    again: Vec<Token>,
    /// Between one turn's beginning and the next one's, while turns find few events.
    rest: Duration,
    /// When the last turn began that found some, but few. Kept only if there is a rest.
    woken: Option<Instant>,
}

impl Poller {
    /// A poller that reports at most `events` sources a turn.
    pub fn new(events: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(events),
            again: Vec::new(),
            rest: Duration::ZERO,
            woken: None,
        })
    }

    /// Has turns that find few events begin no closer together than this, so that one waking serves all who have come meanwhile, as with a network card's interrupt
    /// coalescing; zero, as at first, lets each event be told at once. Who comes after a silence is served at once, whoever comes right after somebody else waits so
    /// long at most; a turn that found many events, or was not done with them, is followed by the next one at once.
    pub fn coalesce(&mut self, rest: Duration) {
        self.rest = rest;
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
        if let Some(woken) = self.woken.take()
            && self.again.is_empty()
        {
            let left = self.rest.saturating_sub(woken.elapsed());
            thread::sleep(timeout.map_or(left, |timeout| timeout.min(left)));
        }
        let timeout = if self.again.is_empty() { timeout } else { Some(Duration::ZERO) };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        if !self.rest.is_zero() {
            let few = !self.events.is_empty() && self.events.iter().nth(MANY).is_none();
            self.woken = few.then(Instant::now);
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

    #[test]
    fn what_comes_while_a_poll_rests_is_told_in_one_turn() {
        use std::io::Write as _;
        let mut poller = Poller::new(8).unwrap();
        let mut ready = Vec::new();
        let (mut first, mut ours) = mio::net::UnixStream::pair().unwrap();
        let (mut second, mut others) = mio::net::UnixStream::pair().unwrap();
        poller.registry().register(&mut ours, Token(1), mio::Interest::READABLE).unwrap();
        poller.registry().register(&mut others, Token(2), mio::Interest::READABLE).unwrap();
        let rest = Duration::from_millis(500);
        poller.coalesce(rest);
        first.write_all(b"1").unwrap();
        poller.turn(None, &mut ready).unwrap();
        let woken = Instant::now();
        assert_eq!(ready.iter().map(|ready| ready.token).collect::<Vec<_>>(), [Token(1)]);
        first.write_all(b"2").unwrap();
        second.write_all(b"3").unwrap();
        poller.turn(None, &mut ready).unwrap();
        assert_eq!(ready.len(), 2);
        assert!(woken.elapsed() >= rest * 9 / 10);
        // Neither a deadline nor what is not done with waits for it.
        poller.turn(Some(Duration::ZERO), &mut ready).unwrap();
        first.write_all(b"4").unwrap();
        poller.turn(None, &mut ready).unwrap();
        poller.again(Token(7));
        poller.turn(None, &mut ready).unwrap();
        assert_eq!(ready[0].token, Token(7));
    }
}
