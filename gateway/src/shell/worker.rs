//! One reactor thread: its loop, its listener, its sockets, its links. Reads what is ready, hands it to the machine, and flushes once at the end of each turn.

mod give;
mod take;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use mio::Token;
use proto::auth::Claim;
use proto::close::CloseReason;
use proto::limits::{ACCEPT_BUDGET, PLACES_RESERVED_MAX};
use proto::link::Hello;
use proto::time::Now;
use reactor::clock::Clock;
use reactor::dialer::Dialer;
use reactor::keyring::Keyring;
use reactor::link::Filled;
use reactor::listener;
use reactor::poll::{Poller, Ready};
use reactor::sockets::{Flushed, Received, Scratch, Sockets};
use reactor::wake::Inbox;
use settings::LinkAddress;

use super::ask::Asked;
use super::counters::Counters;
use super::io::Io;
use super::listening::{Group, Listening};
use super::passed::PassedSockets;
use super::tls::{Crew, Opened, Outcome, Tls};
use crate::{Door, Gateway, Input, LinkError, Mode, Settings, Tunables};
pub(super) use give::{Order, Verdict};
pub(super) use take::{Place, Taken};

/// Sources reported in one turn. More would delay the flush; fewer would cost more turns.
const EVENTS: usize = 1024;
/// Bytes of the shared read buffer: large enough that a busy client is drained in one read.
const SCRATCH_BYTES: usize = 512 * 1024;
/// Reads of one client in one turn, so that none starves another.
const READS_PER_TURN: u32 = 4;
/// Reads of one link in one turn.
const LINK_READS_PER_TURN: u32 = 16;

/// How long the last of the clients that are asked to go may take.
const LEAVING: Duration = Duration::from_secs(4);

// Tokens: a connection's is its index and generation; those of other sources begin above.
const LISTENERS: usize = 1 << 40;
const MAILBOX: usize = 2 << 40;
const LINKS: usize = 3 << 40;

/// What a reactor can be told from outside.
#[derive(Debug)]
pub(super) enum Command {
    /// Let all clients go and end.
    Drain,
    /// The operator has changed something.
    Reload(Arc<Tunables>),
    /// Somebody wants to know or do something.
    Ask(Asked),
    /// The pool has done a step of a TLS handshake.
    Shaken(Box<Outcome>),
    /// Hand everything over.
    Give(Box<Order>),
}

/// Where to listen: for whom, the setting that says so, and the address.
pub(super) type Doors = Vec<(Door, &'static str, SocketAddr)>;

/// What a reactor is born with.
pub(super) struct Birth {
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    /// How long events may gather while there are few.
    pub(super) coalesce: Duration,
    pub(super) doors: Doors,
    pub(super) passed: PassedSockets,
    /// Which reactors listen.
    pub(super) group: Group,
    /// Where the state server is.
    pub(super) state: LinkAddress,
    /// What links to it are proved with.
    pub(super) keyring: Keyring,
    pub(super) counters: Arc<Counters>,
    /// Who does TLS handshakes, if clients may speak TLS.
    pub(super) crew: Option<Crew>,
    /// Those of all reactors.
    pub(super) everybodys: Vec<Arc<Counters>>,
}

/// One reactor.
pub(super) struct Worker {
    settings: Settings,
    clock: Clock,
    poller: Poller,
    machine: Gateway,
    io: Io,
    scratch: Scratch,
    listening: Listening,
    commands: Receiver<Command>,
    state: LinkAddress,
    keyring: Keyring,
    dialers: Vec<Dialer>,
    counters: Arc<Counters>,
    everybodys: Vec<Arc<Counters>>,
    told: Vec<(u32, Flushed)>,
    shed: u64,
    stopping: bool,
    /// There from the order to hand over to the end of the turn.
    order: Option<Box<Order>>,
    /// There until the first turn after a handover: where to tell of it.
    turned: Option<Sender<(u8, u64)>>,
}

impl Worker {
    /// Opens all that a reactor needs. To be called on its own thread, whose table of descriptors may be its own.
    pub(super) fn new(birth: Birth, commands: Inbox<Command>) -> io::Result<Self> {
        let mut worker = Self::without_sources(birth, commands)?;
        worker.listening.open(worker.poller.registry())?;
        worker.dial_first();
        Ok(worker)
    }

    /// A reactor that hears its mailbox and nobody else.
    fn without_sources(birth: Birth, commands: Inbox<Command>) -> io::Result<Self> {
        let Birth {
            settings, clock, doors, passed, group, state, keyring, counters, everybodys, crew, ..
        } = birth;
        let mut poller = Poller::new(EVENTS)?;
        poller.coalesce(birth.coalesce);
        let commands = commands.register(poller.registry(), Token(MAILBOX))?;
        let listening = Listening::new(doors, passed, settings.reactor, group, LISTENERS);
        let mut sockets = Sockets::with_room(settings.bounds.room.places().min(PLACES_RESERVED_MAX));
        let tls = crew.map(|crew| Box::new(Tls::new(crew)));
        if let Some(say) = tls.as_ref().and_then(|tls| tls.last_words()) {
            sockets.set_last_words(say);
        }
        Ok(Self {
            machine: Gateway::new(settings.clone()),
            settings,
            clock,
            poller,
            io: Io { sockets, tls, ..Io::default() },
            scratch: Scratch::new(SCRATCH_BYTES),
            listening,
            commands,
            state,
            keyring,
            dialers: Vec::new(),
            counters,
            everybodys,
            told: Vec::new(),
            shed: 0,
            stopping: false,
            order: None,
            turned: None,
        })
    }

    /// Dials the first shard, which tells how many there are.
    fn dial_first(&mut self) {
        if self.settings.mode == Mode::Relay {
            self.dial(1, true);
        }
    }

    /// Where it listens, with the ports that the kernel has chosen.
    pub(super) fn doors(&self) -> &Doors {
        self.listening.doors()
    }

    /// Turns until told to stop, and then until all clients have gone, to which they are asked evenly over the drain time; those that do not go are left.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(EVENTS);
        let (mut give_up_ms, mut ended) = (None, self.clock.micros());
        loop {
            let timeout = self.timeout(give_up_ms, ended);
            self.poller.turn(timeout, &mut ready)?;
            let woken = self.clock.micros();
            let now = self.clock.at(woken);
            for event in &ready {
                self.handle(*event, now);
                if let Some(shard) = self.io.full_shard() {
                    self.flush_link(shard, now);
                }
            }
            self.expire(now);
            self.flush(now);
            self.counters.client_queue_bytes.set(self.io.sockets.queued() as u64);
            self.watch_memory(now);
            self.watch_room(now);
            self.counters.traffic(self.io.sockets.traffic());
            ended = self.clock.micros();
            self.counters.turn(&self.machine, ready.len(), ended - woken);
            self.counters.publish(&self.machine, self.shed);
            if let Some(turned) = self.turned.take() {
                // Whoever handed over may be gone.
                let _ = turned.send((self.settings.reactor, ended));
            }
            if let Some(order) = self.order.take() {
                self.give(*order, now);
            }
            if self.stopping {
                let limit = *give_up_ms.get_or_insert_with(|| {
                    self.tell(now, Input::Drain);
                    now.after(self.machine.tunables().drain + LEAVING)
                });
                if self.machine.connections() == 0 || now.mono_ms >= limit {
                    return Ok(());
                }
            }
        }
    }

    /// How long the next turn may wait. `ended` is when the last one did, in microseconds.
    fn timeout(&self, give_up_ms: Option<u64>, ended: u64) -> Option<Duration> {
        let dialers = self.dialers.iter().filter_map(Dialer::next_deadline).min();
        let listeners = self.listening.next_deadline();
        let deadlines = [self.machine.next_deadline(), dialers, listeners, give_up_ms];
        let next = deadlines.into_iter().flatten().min()?;
        Some(Duration::from_millis(next.saturating_sub(ended / 1000)))
    }

    fn handle(&mut self, event: Ready, now: Now) {
        match event.token.0 {
            MAILBOX => self.obey(now),
            link if link >= LINKS => self.hear((link - LINKS) as u32, event, now),
            listener if listener >= LISTENERS => self.accept(listener - LISTENERS, now),
            conn => self.serve(event, conn as u32 & 0xFF_FFFF, now),
        }
    }

    fn accept(&mut self, place: usize, now: Now) {
        let Some((door, listener)) = self.listening.get(place) else { return };
        let (machine, io, poller) = (&mut self.machine, &mut self.io, &self.poller);
        let mut broken = Vec::new();
        let accepted = listener.accept(now, ACCEPT_BUDGET, |stream, peer| {
            let (index, generation) = match machine.accept(now, peer, door, io) {
                Ok(admitted) => admitted,
                Err(refusal) => {
                    Io::refused(peer, refusal);
                    return listener::refuse(&stream);
                }
            };
            let token = Token(usize::from(generation) << 24 | index as usize);
            if let Err(error) = io.sockets.adopt(index, stream, poller.registry(), token) {
                tracing::debug!(%peer, %error, "cannot take a connection in");
                broken.push(index);
            }
        });
        if accepted.shed > 0 {
            tracing::warn!("no descriptor is left: connections are turned away");
        }
        self.shed += accepted.shed as u64;
        if accepted.more {
            self.poller.again(Token(LISTENERS + place));
        }
        for index in broken {
            self.tell(now, Input::Gone { index, reason: CloseReason::PeerReset });
        }
    }

    fn obey(&mut self, now: Now) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Drain => {
                    self.stopping = true;
                    self.listening.close(self.poller.registry());
                    self.counters.draining.set(1);
                }
                Command::Reload(tunables) => self.tell(now, Input::Reload(tunables)),
                Command::Ask(asked) => asked.answer(now, &mut self.machine, &mut self.io),
                Command::Shaken(outcome) => self.settle(*outcome, now),
                Command::Give(order) => self.order = Some(order),
            }
        }
    }

    /// Reads from a client while it has something, up to the budget.
    fn serve(&mut self, event: Ready, index: u32, now: Now) {
        if event.writable {
            self.io.sockets.writable(index);
        }
        if !event.readable && !event.hung_up {
            return;
        }
        for _ in 0..READS_PER_TURN {
            let appetite = self.machine.appetite(index);
            if appetite == 0 || !self.io.sockets.is_open(index) || self.io.is_busy(index) {
                return;
            }
            let received = self.scratch.receive(&mut self.io.sockets, index, appetite, event.hung_up);
            let consumed = self.deliver(index, now);
            self.scratch.keep(&mut self.io.sockets, index, consumed);
            let reason = match received {
                Received::More => continue,
                Received::Drained | Received::Nothing => return,
                Received::Closed => CloseReason::PeerClosed,
                Received::Broken => self.io.why_broken(index),
            };
            return self.tell(now, Input::Gone { index, reason });
        }
        self.poller.again(event.token);
    }

    /// Hands the bytes of a read to the machine, or what they say inside of TLS. How many were consumed.
    fn deliver(&mut self, index: u32, now: Now) -> usize {
        let bytes = self.scratch.bytes();
        if let Some(opened) = self.io.open(index, bytes) {
            let consumed = bytes.len();
            self.pass_on(index, opened, now);
            return consumed;
        }
        self.io.consumed = 0;
        if !bytes.is_empty() {
            let fresh = self.scratch.fresh();
            let input = Input::Received { index, bytes: self.scratch.bytes(), fresh };
            no_link(self.machine.handle(now, input, &mut self.io));
        }
        self.io.consumed
    }

    /// Hands to the machine what a client says inside of TLS.
    fn pass_on(&mut self, index: u32, mut opened: Opened, now: Now) {
        self.io.consumed = 0;
        let Opened { plain, fresh, partial, .. } = &mut opened;
        // That nothing was left is news, too.
        if !plain.is_empty() || !*partial {
            self.tell(now, Input::Received { index, bytes: plain, fresh: *fresh });
        }
        if opened.partial {
            self.tell(now, Input::Partial { index });
        }
        let consumed = self.io.consumed;
        if let Some(tls) = &mut self.io.tls {
            tls.keep(index, opened.plain, consumed);
        }
        match opened.end {
            None => {}
            Some(reason @ CloseReason::PeerClosed) => self.tell(now, Input::Gone { index, reason }),
            Some(reason) => self.tell(now, Input::Failed { index, reason }),
        }
    }

    /// Takes up a connection again whose handshake the pool has brought further.
    fn settle(&mut self, outcome: Outcome, now: Now) {
        let Io { tls, sockets, .. } = &mut self.io;
        let Some((index, opened)) = tls.as_mut().and_then(|tls| tls.settle(outcome, sockets)) else { return };
        self.pass_on(index, opened, now);
        // Its socket has not been read from meanwhile.
        self.poller.again(Token(index as usize));
    }

    /// Reads from a shard while it has something, up to the budget.
    fn hear(&mut self, shard: u32, event: Ready, now: Now) {
        let Some(dialer) = self.dialers.get_mut(shard as usize) else { return };
        if dialer.ready(event, now) {
            no_link(self.machine.handle(now, Input::Connected { shard }, &mut self.io));
        }
        if !event.readable && !event.hung_up {
            return;
        }
        for _ in 0..LINK_READS_PER_TURN {
            let Some(link) = self.dialers.get_mut(shard as usize).and_then(Dialer::link) else { return };
            let filled = match link.fill(event.hung_up) {
                Ok(filled) => filled,
                Err(error) => return self.lose(shard, &error, now),
            };
            loop {
                let (kind, body) = match link.next_frame() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(error) => return self.lose(shard, &error, now),
                };
                let input = Input::FromState { shard, kind, body };
                if let Err(error) = self.machine.handle(now, input, &mut self.io) {
                    return self.lose(shard, &error, now);
                }
                if self.io.shards.is_some() {
                    break;
                }
            }
            if let Some((count, anew)) = self.io.shards.take() {
                self.dial(count, anew);
                if anew {
                    // This link is no more, whatever else it had to say.
                    return;
                }
                continue;
            }
            if filled == Filled::Drained {
                return self.dialers[shard as usize].proved();
            }
        }
        self.poller.again(event.token);
    }

    /// Sees to it that there is a link to each of so many shards.
    fn dial(&mut self, count: u32, anew: bool) {
        if anew {
            self.dialers.clear();
        }
        for shard in self.dialers.len()..count as usize {
            let dialer = self.dialer(shard as u32);
            self.dialers.push(dialer);
        }
        self.io.frames.resize_with(count as usize, Vec::new);
    }

    /// One that keeps the link to this shard up.
    fn dialer(&self, shard: u32) -> Dialer {
        let Settings { gateway, reactor, boot_epoch, .. } = self.settings;
        let seed = boot_epoch ^ u64::from(gateway) << 32 ^ u64::from(reactor) << 24 ^ u64::from(shard) << 48;
        let claim = Claim::Gateway(Hello { gateway, reactor, boot_epoch, shard });
        let dialer = Dialer::new(self.state.clone(), Token(LINKS + shard as usize), seed);
        dialer.proving(self.keyring.clone(), claim)
    }

    fn lose(&mut self, shard: u32, why: &dyn std::error::Error, now: Now) {
        tracing::warn!(shard, address = %self.state, %why, "lost the link to a state shard");
        self.counters.links_lost.add(1);
        self.dialers[shard as usize].lost(now);
        self.tell(now, Input::Disconnected { shard });
    }

    fn expire(&mut self, now: Now) {
        self.machine.expire(now, &mut self.io);
        for dialer in &mut self.dialers {
            dialer.expire(now, self.poller.registry());
            self.counters.links_unproved.add(dialer.take_unproved());
        }
        if self.listening.next_deadline().is_some_and(|at| at <= now.mono_ms) {
            (0..self.listening.count()).for_each(|place| self.accept(place, now));
        }
    }

    /// The turn's end: one write for each client that has something, then one for each link, which may carry what the first ones told. Much of either has left
    /// before.
    fn flush(&mut self, now: Now) {
        let mut told = std::mem::take(&mut self.told);
        if let Some(tls) = &mut self.io.tls {
            tls.flush(&mut self.io.sockets, &mut told);
        }
        self.io.sockets.flush(&mut told);
        if let Some(tls) = &mut self.io.tls {
            tls.give_to_kernel(&self.io.sockets, &mut told);
            self.counters.tls(tls);
        }
        for (index, flushed) in told.drain(..) {
            let input = match flushed {
                Flushed::Blocked => Input::Blocked { index },
                Flushed::Drained => Input::Drained { index },
                Flushed::Broken => Input::Gone { index, reason: CloseReason::PeerReset },
            };
            self.tell(now, input);
        }
        self.told = told;
        for shard in 0..self.dialers.len() {
            self.flush_link(shard, now);
        }
        for index in self.io.resumed.drain(..) {
            self.poller.again(Token(index as usize));
        }
    }

    fn flush_link(&mut self, shard: usize, now: Now) {
        let Some(dialer) = self.dialers.get_mut(shard) else { return };
        let frames = &mut self.io.frames[shard];
        // What is held for a shard that is away counts as its backlog, too.
        let flushed = match dialer.link() {
            Some(link) => {
                let flushed = link.flush(frames);
                self.counters.link_traffic(link.take_traffic());
                flushed
            }
            None => Ok(frames.len()),
        };
        match flushed {
            Ok(bytes) => self.tell(now, Input::Backlog { shard: shard as u32, bytes }),
            Err(error) => self.lose(shard as u32, &error, now),
        }
    }

    /// Leaves newcomers to other reactors while this one is full.
    fn watch_room(&mut self, now: Now) {
        let (room, connections) = (self.settings.bounds.room, self.machine.connections());
        if self.listening.is_away() {
            let may_join = room.has_room_again(connections) && !self.stopping;
            if may_join && self.listening.join(now, self.poller.registry()) {
                tracing::info!(connections, "there is room again: this reactor listens");
            }
        } else if room.is_full(connections) && self.listening.leave() {
            // Who waits still finds a place, and those for whom there is none are turned away as they would be elsewhere.
            for _ in 0..=room.air() / ACCEPT_BUDGET {
                (0..self.listening.count()).for_each(|place| self.accept(place, now));
            }
            self.listening.close(self.poller.registry());
            tracing::info!(connections, "this reactor is full: the others listen");
        }
        self.counters.full.set(self.listening.is_away().into());
    }

    /// Has the machine close connections if the process holds too much for its clients.
    fn watch_memory(&mut self, now: Now) {
        let here = self.io.held() + self.machine.held();
        self.counters.client_memory.set(here as u64);
        if here <= self.settings.bounds.watermark.share() {
            return;
        }
        let everywhere = self.everybodys.iter().map(|block| block.client_memory.get() as usize).sum();
        let closed = |machine: &Gateway| machine.counts().closed[CloseReason::MemoryPressure.ordinal()];
        let before = closed(&self.machine);
        self.tell(now, Input::Held { here, everywhere });
        let closed = closed(&self.machine) - before;
        if closed > 0 {
            tracing::warn!(
                closed,
                bytes = everywhere,
                "too much memory was held for clients: the costliest were closed"
            );
        }
    }

    fn tell(&mut self, now: Now, input: Input<'_>) {
        no_link(self.machine.handle(now, input, &mut self.io));
    }
}

/// Only a frame from a shard can be a shard's fault.
fn no_link(result: Result<(), LinkError>) {
    debug_assert!(result.is_ok(), "{result:?}");
}
