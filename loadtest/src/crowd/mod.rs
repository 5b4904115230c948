//! What the clients of a load test do: [`Crowd`], as against how their bytes move, which is the worker's business. A crowd is pure: it is told the time and
//! what happened, and says what to do in a [`Turn`], so that tests run it against made-up servers on a made-up clock.
//!
//! Clients have numbers from 0 within their crowd; a run's crowd is spread over several threads, each with a stretch of the numbers.

mod account;
mod opening;
mod overdue;
mod plain;
mod sitters;
mod stamp;
mod talkers;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::ledger::{Count, Ledger, Timing};

pub(crate) use opening::Speech;
pub(crate) use plain::{Pace, Plain};
pub(crate) use sitters::{Gathering, Groups, Sitters};
pub(crate) use stamp::STAMP_BYTES;
pub(crate) use talkers::{Talk, Talkers, Trouble};

/// How long a client that has lost its connection, or got none, waits before it tries again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// The clients of one part of a run on one thread.
pub(crate) trait Crowd: Send {
    /// A client is to come online: it dials. Called once for each.
    fn start(&mut self, client: u32, turn: &mut Turn);

    /// What it dialled stands.
    fn opened(&mut self, client: u32, turn: &mut Turn);

    /// Bytes have come: those not consumed before, followed by new ones. Returns how many are consumed now.
    fn received(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> usize;

    /// Its connection, or the attempt to open one, is over; why. Not called after the crowd has hung up itself.
    fn lost(&mut self, client: u32, why: &str, turn: &mut Turn);

    /// Messages are sent from now on, as the span says.
    fn begin(&mut self, span: Span, turn: &mut Turn);

    /// A moment has passed.
    fn expire(&mut self, turn: &mut Turn);

    /// The run is over: what has not been answered by now is counted as such.
    fn settle(&mut self, turn: &mut Turn);

    /// When [`Crowd::expire`] wants to be called.
    fn next_deadline(&self) -> Option<u64>;

    /// Whether a client is where it should be: connected, and logged in if it does that.
    fn is_ready(&self, client: u32) -> bool;

    /// How many are.
    fn ready(&self) -> u32;

    /// Whether something is still on its way.
    fn is_waiting(&self) -> bool;

    /// Whether a client does not read for now.
    fn is_stalled(&self, _client: u32) -> bool {
        false
    }
}

/// When messages are sent, in nanoseconds since the run began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: u64,
    pub(crate) length: Duration,
}

impl Span {
    pub(crate) fn end(self) -> u64 {
        self.start + self.length.as_nanos() as u64
    }

    /// The span that begins so much later, and ends when this one does.
    pub(crate) fn later(self, by: Duration) -> Self {
        Self { start: self.start + by.as_nanos() as u64, length: self.length.saturating_sub(by) }
    }
}

/// The figures of one part of a run.
#[derive(Clone, Debug)]
pub(crate) struct Books {
    /// Before messages are sent.
    pub(crate) ramp: Ledger,
    /// From then on.
    pub(crate) run: Ledger,
    running: bool,
}

impl Books {
    pub(crate) fn new() -> Self {
        Self { ramp: Ledger::new(3), run: Ledger::new(3), running: false }
    }

    fn current(&mut self) -> &mut Ledger {
        if self.running { &mut self.run } else { &mut self.ramp }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.ramp.merge(&other.ramp);
        self.run.merge(&other.run);
    }
}

/// What a crowd is told of the moment, and what it wants done; kept from turn to turn for its memory.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Nanoseconds since the run began.
    pub(crate) now: u64,
    /// The figures of each part.
    pub(crate) books: Vec<Books>,
    /// What happened since this was last taken, in all parts.
    pub(crate) second: Ledger,
    /// Which part is speaking, and the number of its first client on this thread.
    part: usize,
    base: u32,
    /// Clients, by their number on this thread: whose connection is to be closed, and after that, who dials.
    pub(crate) hang_ups: Vec<u32>,
    pub(crate) dials: Vec<u32>,
    /// Who says something, and where in `bytes` that ends.
    pub(crate) said: Vec<(u32, usize)>,
    pub(crate) bytes: Vec<u8>,
    /// When the messages that are said in this turn were due, and their part.
    pub(crate) due: Vec<(usize, u64)>,
}

impl Turn {
    pub(crate) fn new(parts: usize) -> Self {
        Self {
            now: 0,
            books: vec![Books::new(); parts],
            second: Self::no_second(),
            part: 0,
            base: 0,
            hang_ups: Vec::new(),
            dials: Vec::new(),
            said: Vec::new(),
            bytes: Vec::new(),
            due: Vec::new(),
        }
    }

    /// An empty account of a second: two digits do for a curve.
    pub(crate) fn no_second() -> Ledger {
        Ledger::new(2)
    }

    /// From now on it is this part that speaks.
    pub(crate) fn enter(&mut self, part: usize, base: u32) {
        (self.part, self.base) = (part, base);
    }

    /// From now on figures are those of the run.
    pub(crate) fn running(&mut self) {
        self.books.iter_mut().for_each(|books| books.running = true);
    }

    pub(crate) fn dial(&mut self, client: u32) {
        self.dials.push(self.base + client);
    }

    pub(crate) fn hang_up(&mut self, client: u32) {
        self.hang_ups.push(self.base + client);
    }

    /// Has a client say what is written.
    pub(crate) fn say(&mut self, client: u32, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.said.push((self.base + client, self.bytes.len()));
    }

    /// What is said in this turn had been due at that moment.
    pub(crate) fn was_due(&mut self, due: u64) {
        self.due.push((self.part, due));
    }

    pub(crate) fn count(&mut self, what: Count, many: u64) {
        self.books[self.part].current().count(what, many);
        self.second.count(what, many);
    }

    pub(crate) fn time(&mut self, what: Timing, ns: u64) {
        self.books[self.part].current().time(what, ns);
        self.second.time(what, ns);
    }

    /// Enters times into the run's figures, and not into the second's: they did not happen now.
    pub(crate) fn times_n(&mut self, what: Timing, ns: u64, count: u64) {
        self.books[self.part].current().times_n(what, ns, count);
    }

    pub(crate) fn error(&mut self, reason: &str) {
        self.books[self.part].current().error(reason, 1);
        self.second.error(reason, 1);
    }
}
