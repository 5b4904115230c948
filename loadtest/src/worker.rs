//! One thread of a load test: [`Worker`]. Owns the sockets of its clients, the loop, and the measurement of the loop itself; leaves what clients say to their
//! crowds, and when what begins to the coordinator.

mod opening;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use mio::Token;
use reactor::alarm::Alarm;
use reactor::poll::{Poller, Ready};
use reactor::sockets::{self, Flushed, Scratch, Sockets};

use crate::coordinator::HEAD_START;
use crate::crowd::{Books, Crowd, Span, Turn};
use crate::dial::{Dialer, trouble};
use crate::ledger::{Count, Ledger, Timing};
use opening::Openings;

/// Sources reported in one turn.
const EVENTS: usize = 1024;
/// Bytes of one read.
const READ_BYTES: usize = 256 * 1024;
/// The longest wait in a turn, so that orders are seen.
const WAIT: Duration = Duration::from_millis(20);
/// The token of the alarm: no client's, for they count from 0 and are fewer.
const ALARM: Token = Token(usize::MAX);

/// What a worker is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Send messages in this span; then wait, at most so long, for the answers that are missing, and report.
    Run { span: Span, patience: Duration },
    /// Report now.
    Report,
}

/// What a worker tells.
#[derive(Debug)]
pub(crate) enum News {
    /// Another second has passed.
    Second(Box<Second>),
    /// All that it was to measure is measured.
    Done(Box<Done>),
    /// It cannot go on.
    Failed(String),
}

/// What happened in a second.
#[derive(Debug)]
pub(crate) struct Second {
    /// Which one, since the run began.
    pub(crate) number: u64,
    pub(crate) ledger: Ledger,
}

/// What a worker has measured.
#[derive(Debug)]
pub(crate) struct Done {
    /// By part.
    pub(crate) books: Vec<Books>,
    /// Of the run, in nanoseconds: how long it worked, as against waited.
    pub(crate) busy: u64,
}

/// The clients of a part on this thread.
pub(crate) struct Seat {
    pub(crate) crowd: Box<dyn Crowd>,
    pub(crate) clients: u32,
    /// How long after the others it begins to send, and whether it has.
    pub(crate) after: Duration,
    pub(crate) begun: bool,
}

/// What a worker is made of.
pub(crate) struct Post {
    pub(crate) seats: Vec<Seat>,
    pub(crate) dialer: Dialer,
    /// How many threads there are.
    pub(crate) threads: u32,
    /// Connections begun in a second, on this thread.
    pub(crate) ramp: f64,
    /// How long events may gather here, and what is due may wait for more; zero where times are to be exact.
    pub(crate) coalesce: Duration,
    pub(crate) open_patience: Duration,
    pub(crate) epoch: Instant,
    /// Where it shows how many of its clients are where they should be.
    pub(crate) ready: Arc<AtomicU32>,
    pub(crate) orders: Receiver<Order>,
    pub(crate) news: Sender<News>,
}

pub(crate) struct Worker {
    post: Post,
    /// The number of each seat's first client, and behind the last one.
    bases: Vec<u32>,
    poller: Poller,
    alarm: Alarm,
    sockets: Sockets,
    scratch: Scratch,
    openings: Openings,
    /// Clients that do not read for now, and for whom something may have come.
    stalled: Vec<u32>,
    turn: Turn,
    busy: u64,
    second: u64,
    run: Option<(Span, u64)>,
    reported: bool,
    ready: Vec<Ready>,
    flushed: Vec<(u32, Flushed)>,
}

impl Worker {
    /// To be called on the thread that it will run on.
    pub(crate) fn new(post: Post) -> io::Result<Self> {
        let mut poller = Poller::new(EVENTS)?;
        poller.coalesce(post.coalesce);
        let alarm = Alarm::new(poller.registry(), ALARM)?;
        let mut bases = vec![0];
        post.seats.iter().for_each(|seat| bases.push(bases[bases.len() - 1] + seat.clients));
        let clients = bases[bases.len() - 1];
        Ok(Self {
            openings: Openings::new(clients, post.ramp, post.threads, post.open_patience),
            stalled: Vec::new(),
            turn: Turn::new(post.seats.len()),
            post,
            bases,
            poller,
            alarm,
            sockets: Sockets::default(),
            scratch: Scratch::new(READ_BYTES),
            busy: 0,
            second: 0,
            run: None,
            reported: false,
            ready: Vec::new(),
            flushed: Vec::new(),
        })
    }

    /// Works until the coordinator has gone.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.turns() {
            // Without a coordinator there is nobody to tell.
            drop(self.post.news.send(News::Failed(trouble(&error))));
        }
        (0..self.bases[self.bases.len() - 1]).for_each(|client| self.sockets.reset(client));
    }

    fn turns(&mut self) -> io::Result<()> {
        while self.obey() {
            self.wait()?;
            let began = self.now();
            let mut ready = std::mem::take(&mut self.ready);
            for ready in ready.drain(..).filter(|ready| ready.token != ALARM) {
                self.socket_ready(ready);
            }
            self.ready = ready;
            self.start_clients();
            if let Some((span, _)) = self.run {
                self.begin_seats(span);
            }
            self.wake_up();
            self.expire();
            self.carry_out();
            self.flush();
            self.measure(began);
            self.tell();
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        self.post.epoch.elapsed().as_nanos() as u64
    }

    /// Follows orders; whether there may be more.
    fn obey(&mut self) -> bool {
        use std::sync::mpsc::TryRecvError;
        loop {
            match self.post.orders.try_recv() {
                Ok(Order::Run { span, patience }) => {
                    self.run = Some((span, span.end() + patience.as_nanos() as u64));
                    self.busy = 0;
                    self.turn.running();
                    self.begin_seats(span);
                }
                Ok(Order::Report) => self.report(),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    /// Has those begin whose time has come, or comes soon.
    fn begin_seats(&mut self, span: Span) {
        self.turn.now = self.now();
        for (part, seat) in self.post.seats.iter_mut().enumerate() {
            let span = span.later(seat.after);
            if !seat.begun && span.start <= self.turn.now + HEAD_START.as_nanos() as u64 {
                seat.begun = true;
                self.turn.enter(part, self.bases[part]);
                seat.crowd.begin(span, &mut self.turn);
            }
        }
    }

    /// Waits for events until something is due, or so much longer as events may gather.
    fn wait(&mut self) -> io::Result<()> {
        let deadlines = self.post.seats.iter().filter_map(|seat| seat.crowd.next_deadline());
        let due = deadlines.chain(self.openings.next_deadline()).min();
        let wait = due.map_or(WAIT, |due| Duration::from_nanos(due.saturating_sub(self.now())));
        let mut timeout = if wait.is_zero() { Duration::ZERO } else { WAIT };
        if !self.post.coalesce.is_zero() {
            timeout = wait.clamp(self.post.coalesce.min(WAIT), WAIT);
        } else if !wait.is_zero() && wait < WAIT {
            self.alarm.set(wait)?;
        }
        let mut ready = std::mem::take(&mut self.ready);
        let result = self.poller.turn(Some(timeout), &mut ready);
        self.ready = ready;
        result
    }

    /// Has each part's crowd do something.
    fn each_seat(&mut self, mut act: impl FnMut(&mut dyn Crowd, &mut Turn)) {
        self.turn.now = self.post.epoch.elapsed().as_nanos() as u64;
        for (part, seat) in self.post.seats.iter_mut().enumerate() {
            self.turn.enter(part, self.bases[part]);
            act(&mut *seat.crowd, &mut self.turn);
        }
    }

    /// Has the crowd of a client do something with it.
    fn with_crowd<R>(&mut self, client: u32, act: impl FnOnce(&mut dyn Crowd, u32, &mut Turn) -> R) -> R {
        let (part, local) = self.place(client);
        self.turn.now = self.post.epoch.elapsed().as_nanos() as u64;
        act(&mut *self.post.seats[part].crowd, local, &mut self.turn)
    }

    /// The part of a client and its number there, which is whom the turn is about from now on.
    fn place(&mut self, client: u32) -> (usize, u32) {
        let part = self.bases.partition_point(|base| *base <= client) - 1;
        self.turn.enter(part, self.bases[part]);
        (part, client - self.bases[part])
    }

    fn is_stalled(&self, client: u32) -> bool {
        let part = self.bases.partition_point(|base| *base <= client) - 1;
        self.post.seats[part].crowd.is_stalled(client - self.bases[part])
    }

    /// Reads again from those who have not read for a while, and do now.
    fn wake_up(&mut self) {
        for client in std::mem::take(&mut self.stalled) {
            if self.is_stalled(client) {
                self.stalled.push(client);
            } else {
                self.poller.again(Token(client as usize));
            }
        }
    }

    fn start_clients(&mut self) {
        let now = self.now();
        while let Some(client) = self.openings.start(now) {
            self.with_crowd(client, |crowd, client, turn| crowd.start(client, turn));
        }
        for client in self.openings.too_late(now) {
            self.lost(client, "no answer in time");
        }
    }

    fn expire(&mut self) {
        let now = self.now();
        if self.post.seats.iter().any(|seat| seat.crowd.next_deadline().is_some_and(|due| due <= now)) {
            self.each_seat(|crowd, turn| crowd.expire(turn));
        }
    }

    fn socket_ready(&mut self, ready: Ready) {
        let client = ready.token.0 as u32;
        if ready.writable {
            self.sockets.writable(client);
        }
        if self.openings.is_connecting(client) && (ready.writable || ready.hung_up) {
            if let Some(error) = self.sockets.fault(client) {
                return self.lost(client, &trouble(&error));
            }
            self.opened(client);
        }
        if ready.readable {
            self.read(client, ready.hung_up);
        }
    }

    /// What a client has dialled stands.
    fn opened(&mut self, client: u32) {
        self.openings.connected(client);
        self.with_crowd(client, |crowd, client, turn| crowd.opened(client, turn));
        self.note_ready(client);
    }

    fn read(&mut self, client: u32, hung_up: bool) {
        if self.is_stalled(client) {
            return self.stalled.push(client);
        }
        let read = self.scratch.receive(&mut self.sockets, client, READ_BYTES, hung_up);
        if matches!(read, sockets::Received::Drained | sockets::Received::More) {
            let (part, local) = self.place(client);
            self.turn.now = self.post.epoch.elapsed().as_nanos() as u64;
            let crowd = &mut self.post.seats[part].crowd;
            let consumed = crowd.received(local, self.scratch.bytes(), &mut self.turn);
            self.scratch.keep(&mut self.sockets, client, consumed);
            self.note_ready(client);
        }
        match read {
            sockets::Received::More => self.poller.again(Token(client as usize)),
            sockets::Received::Drained | sockets::Received::Nothing => {}
            sockets::Received::Closed => self.lost(client, "closed by the server without a word"),
            sockets::Received::Broken => self.lost(client, "broken off by the server"),
        }
    }

    /// A client that has just become ready is no longer opening.
    fn note_ready(&mut self, client: u32) {
        let is_ready = self.with_crowd(client, |crowd, client, _| crowd.is_ready(client));
        if is_ready && let Some(due) = self.openings.ready(client) {
            self.turn.time(Timing::Connect, self.turn.now.saturating_sub(due));
            self.turn.count(Count::Opened, 1);
        }
    }

    /// A connection has come to its end; its crowd may have hung up already.
    fn lost(&mut self, client: u32, why: &str) {
        if self.sockets.is_open(client) && !self.turn.hang_ups.contains(&client) {
            self.openings.over(client);
            self.sockets.close(client);
            self.with_crowd(client, |crowd, client, turn| crowd.lost(client, why, turn));
        }
    }

    /// Does what the crowds want done.
    fn carry_out(&mut self) {
        self.push();
        for client in std::mem::take(&mut self.turn.hang_ups) {
            self.openings.over(client);
            self.sockets.reset(client);
        }
        for client in std::mem::take(&mut self.turn.dials) {
            if let Err(error) = self.dial(client) {
                let why = trouble(&error);
                self.openings.over(client);
                self.with_crowd(client, |crowd, client, turn| crowd.lost(client, &why, turn));
            }
        }
        // Those whose connections stood at once.
        self.push();
    }

    /// Lets those who say something say it.
    fn push(&mut self) {
        let mut start = 0;
        for (client, end) in self.turn.said.drain(..) {
            self.sockets.push(client, &[&self.turn.bytes[start..end]]);
            start = end;
        }
        self.turn.bytes.clear();
    }

    fn dial(&mut self, client: u32) -> io::Result<()> {
        let stream = self.post.dialer.dial()?;
        // On the loopback interface it does.
        let stands = stream.peer_addr().is_ok();
        self.sockets.adopt(client, stream, self.poller.registry(), Token(client as usize))?;
        let now = self.now();
        self.openings.dialled(client, now);
        if stands {
            self.opened(client);
        }
        Ok(())
    }

    fn flush(&mut self) {
        let mut flushed = std::mem::take(&mut self.flushed);
        self.sockets.flush(&mut flushed);
        for (client, flushed) in flushed.drain(..) {
            if flushed == Flushed::Broken && !self.openings.is_connecting(client) {
                self.lost(client, "broken off by the server");
            }
        }
        self.flushed = flushed;
    }

    /// Keeps account of the loop itself.
    fn measure(&mut self, began: u64) {
        let now = self.now();
        let worked = now.saturating_sub(began);
        self.busy += worked;
        self.turn.enter(0, 0);
        self.turn.time(Timing::Turn, worked);
        for (part, due) in std::mem::take(&mut self.turn.due) {
            self.turn.enter(part, 0);
            self.turn.time(Timing::Lateness, now.saturating_sub(due));
        }
    }

    /// Tells the coordinator what there is to tell.
    fn tell(&mut self) {
        let now = self.now();
        let ready = self.post.seats.iter().map(|seat| seat.crowd.ready()).sum();
        self.post.ready.store(ready, Ordering::Relaxed);
        let number = now / 1_000_000_000;
        if number > self.second {
            let ledger = std::mem::replace(&mut self.turn.second, Turn::no_second());
            let second = Second { number: self.second, ledger };
            self.second = number;
            drop(self.post.news.send(News::Second(Box::new(second))));
        }
        if let Some((span, patience_ends)) = self.run {
            let waiting = self.post.seats.iter().any(|seat| seat.crowd.is_waiting());
            if now >= span.end() && (!waiting || now >= patience_ends) {
                self.report();
            }
        }
    }

    fn report(&mut self) {
        self.run = None;
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        self.each_seat(|crowd, turn| crowd.settle(turn));
        let books = std::mem::take(&mut self.turn.books);
        self.turn.books = vec![Books::new(); books.len()];
        drop(self.post.news.send(News::Done(Box::new(Done { books, busy: self.busy }))));
    }
}
