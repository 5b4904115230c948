//! One shard's thread: its loop, its links to gateways, its link to logic. Reads what is ready, hands it to the machine, and flushes once at the end of each
//! turn.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::settings::LinkAddress;
use crossbeam_channel::Receiver;
use mio::Token;
use proto::auth::Claim;
use proto::limits::{GATEWAY_LINKS_MAX, GATEWAY_OUT_BYTES_MAX};
use proto::link::Hello;
use proto::time::Now;
use reactor::clock::Clock;
use reactor::dialer::Dialer;
use reactor::keyring::Keyring;
use reactor::link::{Filled, Link};
use reactor::poll::{Poller, Ready};
use reactor::stream::Stream;
use reactor::wake::{Mailbox, mailbox};
use slab::Slab;

use super::ask::Asked;
use super::counters::Counters;
use super::io::Io;
use super::recorder::{Engine, Recorder};
use crate::journal::Replay;
use crate::{GatewayLink, Input, Settings, Shard};

/// Sources reported in one turn.
const EVENTS: usize = 256;
/// Reads of one link in one turn, so that none starves another; and what one turn has made is committed, and answered elsewhere, while the next is worked on.
const READS_PER_TURN: u32 = 1;
/// Links that wait to be taken over from the door.
const MAILBOX_CAPACITY: usize = 256;

// Tokens: a gateway link's is its place, and above it a count, so that an event for a link that has gone does not reach the next one in its place.
const MAILBOX: usize = usize::MAX - 1;
const LOGIC: usize = usize::MAX - 2;
const PLACE_BITS: u32 = 16;

const _: () = assert!(GATEWAY_LINKS_MAX <= 1 << PLACE_BITS);

/// How long logic has for its last answers, and gateways for taking what waits for them, when the server is stopped.
const LEAVING: Duration = Duration::from_secs(2);

/// What a shard can be told from outside.
#[derive(Debug)]
pub(super) enum Told {
    /// A gateway has come whose introduction names this shard.
    Gateway {
        /// Its link.
        stream: Stream,
        /// What was read from it.
        unread: Vec<u8>,
        /// Who it has proved to be, if it had to.
        proved: Option<Hello>,
    },
    /// A question of another thread's.
    Ask(Asked),
    /// Take on what may be changed of these.
    Reload(Arc<Settings>),
    /// The journal has committed something.
    Committed,
    /// Take nothing in any more, and end when all is answered and sent.
    Stop,
}

/// One shard's thread.
pub(super) struct Worker {
    clock: Clock,
    poller: Poller,
    machine: Shard,
    io: Io,
    inbox: Receiver<Told>,
    gateways: Slab<Link>,
    /// Links that were ever taken over.
    counted: usize,
    logic: Dialer,
    /// None if sessions are not written down.
    recorder: Option<Recorder>,
    /// Links with something to read that must wait until the journal is not behind any more.
    paused: Vec<Token>,
    counters: Arc<Counters>,
    stopping: bool,
}

impl Worker {
    pub(super) fn new(
        settings: Settings,
        clock: Clock,
        (logic, keyring): (LinkAddress, Keyring),
        counters: Arc<Counters>,
        journal: Option<(Engine, Replay)>,
    ) -> io::Result<(Self, Mailbox<Told>)> {
        let poller = Poller::new(EVENTS)?;
        let (mailbox, inbox) = mailbox(poller.registry(), Token(MAILBOX), MAILBOX_CAPACITY)?;
        let Settings { shard, shard_count, boot_epoch, .. } = settings;
        let claim = Claim::State { shard, shard_count, boot_epoch };
        let mut worker = Self {
            clock,
            poller,
            logic: Dialer::new(logic, Token(LOGIC), settings.seed).proving(keyring, claim),
            machine: Shard::new(settings),
            io: Io::default(),
            inbox,
            gateways: Slab::new(),
            counted: 0,
            recorder: None,
            paused: Vec::new(),
            counters,
            stopping: false,
        };
        if let Some((engine, replay)) = journal {
            worker.io.records = Some(0);
            let now = clock.now();
            worker.machine.restore_taken(replay.taken());
            worker.machine.expect(replay.len());
            for durable in replay.into_sessions() {
                worker.machine.restore(now, durable, &mut worker.io);
            }
            let shards_own = mailbox.clone();
            // A full mailbox has woken the shard as well.
            let wake = move || drop(shards_own.send(Told::Committed));
            worker.recorder = Some(Recorder::new(shard, engine, wake)?);
        }
        // Before its first turn: who looks at once sees the sessions that were recovered.
        worker.counters.publish(&worker.machine);
        Ok((worker, mailbox))
    }

    /// Turns until told to stop.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(EVENTS);
        let mut give_up_ms = None;
        loop {
            self.poller.turn(self.timeout(give_up_ms), &mut ready)?;
            let woken = self.clock.micros();
            let now = self.clock.at(woken);
            self.release();
            for event in &ready {
                match event.token.0 {
                    MAILBOX => self.obey(now),
                    LOGIC => self.hear_logic(*event, now),
                    token => self.hear_gateway(token, *event, now),
                }
            }
            self.logic.expire(now, self.poller.registry());
            self.counters.lag(now, self.machine.next_deadline());
            self.machine.expire(now, &mut self.io);
            self.end_turn(now);
            self.counters.logic_unproved.add(self.logic.take_unproved());
            // Before the answers leave: who has one may look at what it was counted as.
            self.counters.publish(&self.machine);
            let queued = self.flush(now);
            self.counters.turn(self.clock.micros() - woken, ready.len());
            if self.stopping {
                let limit = *give_up_ms.get_or_insert(now.after(LEAVING));
                if queued == 0 && self.machine.calls() == 0 || now.mono_ms >= limit {
                    break;
                }
            }
        }
        if let Some(recorder) = self.recorder.take() {
            recorder.stop(&mut self.io)?;
            self.flush(self.clock.now());
        }
        Ok(())
    }

    /// Lets go what waited for the journal, and goes on with links that had to wait for it.
    fn release(&mut self) {
        let Some(recorder) = &mut self.recorder else { return };
        recorder.release(&mut self.io);
        self.io.held_bytes = recorder.held_bytes();
        if !recorder.is_behind() {
            self.paused.drain(..).for_each(|token| self.poller.again(token));
        }
    }

    /// Hands this turn's records to the journal; what was said may go, or waits for them.
    fn end_turn(&mut self, now: Now) {
        self.machine.end_turn(&mut self.io);
        let Some(recorder) = &mut self.recorder else { return self.io.pass_on() };
        recorder.end_turn(now, &mut self.machine, &mut self.io, &self.counters);
        self.io.held_bytes = recorder.held_bytes();
        self.counters.held_bytes.set(self.io.held_bytes as u64);
        self.counters.records.set(self.io.records.unwrap_or_default());
    }

    /// Whether a link must wait before it is read.
    fn must_wait(&mut self, token: Token) -> bool {
        let waits = self.recorder.as_ref().is_some_and(Recorder::is_behind);
        if waits && !self.paused.contains(&token) {
            self.counters.paused.add(1);
            self.paused.push(token);
        }
        waits
    }

    fn timeout(&self, give_up_ms: Option<u64>) -> Option<Duration> {
        let deadlines = [self.machine.next_deadline(), self.logic.next_deadline(), give_up_ms];
        let next = deadlines.into_iter().flatten().min()?;
        Some(Duration::from_millis(next.saturating_sub(self.clock.now().mono_ms)))
    }

    fn obey(&mut self, now: Now) {
        while let Ok(told) = self.inbox.try_recv() {
            match told {
                Told::Ask(asked) => asked.answer(now, &mut self.machine, &mut self.io),
                Told::Reload(settings) => self.machine.take_on(&settings),
                Told::Stop => {
                    self.stopping = true;
                    self.counters.stopping.set(1);
                }
                // It comes again to whoever is here next.
                Told::Gateway { .. } if self.stopping => {}
                Told::Gateway { stream, unread, proved } => self.take_over(stream, &unread, proved, now),
                Told::Committed => {}
            }
        }
    }

    fn take_over(&mut self, stream: Stream, unread: &[u8], proved: Option<Hello>, now: Now) {
        let entry = self.gateways.vacant_entry();
        let place = entry.key();
        self.counted += 1;
        let token = Token(self.counted << PLACE_BITS | place);
        if place >= GATEWAY_LINKS_MAX {
            tracing::warn!("there are too many gateway links: one was closed");
            return;
        }
        match Link::new(stream, self.poller.registry(), token) {
            Ok(link) => entry.insert(link).unread(unread),
            Err(error) => return tracing::warn!(%error, "a gateway link could not be taken over"),
        }
        self.io.make_place(place);
        let link = GatewayLink(place as u32);
        self.machine.handle(now, Input::GatewayUp(link), &mut self.io);
        if let Some(hello) = proved {
            self.machine.handle(now, Input::GatewayProved(link, hello), &mut self.io);
        }
        // What was read already is told by no event.
        self.poller.again(token);
    }

    /// Reads from a gateway while it has something, up to the budget.
    fn hear_gateway(&mut self, token: usize, event: Ready, now: Now) {
        let place = token & ((1 << PLACE_BITS) - 1);
        let number = GatewayLink(place as u32);
        let Some(link) = self.gateways.get_mut(place).filter(|link| link.token() == event.token) else {
            return;
        };
        if event.writable {
            link.writable();
        }
        if self.stopping || !event.readable && !event.hung_up || self.must_wait(event.token) {
            return;
        }
        for _ in 0..READS_PER_TURN {
            let Some(link) = self.gateways.get_mut(place) else { return };
            let filled = match link.fill(event.hung_up) {
                Ok(filled) => filled,
                Err(error) => return self.lose_gateway(number, &error, now),
            };
            loop {
                let (kind, body) = match link.next_frame() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(error) => {
                        self.counters.bad_frames.add(1);
                        tracing::warn!(link = place, %error, "gateway link dropped");
                        return self.lose_gateway(number, &error, now);
                    }
                };
                let input = Input::FromGateway { link: number, kind, body };
                self.machine.handle(now, input, &mut self.io);
            }
            if !self.io.dropped.is_empty() {
                self.drop_gateways();
            }
            if filled == Filled::Drained {
                return;
            }
        }
        self.poller.again(event.token);
    }

    fn lose_gateway(&mut self, link: GatewayLink, why: &dyn std::error::Error, now: Now) {
        tracing::debug!(link = link.0, %why, "gateway link broken");
        self.close_gateway(link);
        self.machine.handle(now, Input::GatewayDown(link), &mut self.io);
        self.drop_gateways();
    }

    /// Closes the links that the machine has given up.
    fn drop_gateways(&mut self) {
        for link in std::mem::take(&mut self.io.dropped) {
            self.close_gateway(link);
        }
    }

    fn close_gateway(&mut self, link: GatewayLink) {
        let place = link.0 as usize;
        let free = !self.io.holds_back && self.recorder.as_ref().is_none_or(Recorder::holds_nothing);
        if let Some(mut link) = self.gateways.try_remove(place) {
            // The last words may say why; whoever does not hear them comes again.
            if free {
                self.io.pass_on_to(place);
            }
            drop(link.flush(&mut self.io.out_gateways[place]));
        }
        self.io.clear_place(place);
        if let Some(recorder) = &mut self.recorder {
            recorder.forget_gateway(place);
        }
    }

    /// Reads from logic while it has something, up to the budget.
    fn hear_logic(&mut self, event: Ready, now: Now) {
        if self.logic.ready(event, now) {
            self.machine.handle(now, Input::LogicUp, &mut self.io);
        }
        if !event.readable && !event.hung_up || self.must_wait(event.token) {
            return;
        }
        for _ in 0..READS_PER_TURN {
            let Some(link) = self.logic.link() else { return };
            let filled = match link.fill(event.hung_up) {
                Ok(filled) => filled,
                Err(error) => return self.lose_logic(&error, now),
            };
            loop {
                let (kind, body) = match link.next_frame() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(error) => {
                        self.counters.bad_frames.add(1);
                        tracing::error!(%error, "logic link dropped");
                        return self.lose_logic(&error, now);
                    }
                };
                self.machine.handle(now, Input::FromLogic { kind, body }, &mut self.io);
            }
            if std::mem::take(&mut self.io.logic_dropped) {
                return self.close_logic(now);
            }
            if self.machine.is_logic_ready() {
                self.logic.proved();
            }
            if filled == Filled::Drained {
                return;
            }
        }
        self.poller.again(event.token);
    }

    fn lose_logic(&mut self, why: &dyn std::error::Error, now: Now) {
        tracing::debug!(address = %self.logic.address(), %why, "logic link broken");
        self.close_logic(now);
        self.machine.handle(now, Input::LogicDown, &mut self.io);
    }

    fn close_logic(&mut self, now: Now) {
        self.logic.lost(now);
        (self.io.logic, self.io.out_logic) = (Vec::new(), Vec::new());
        if let Some(recorder) = &mut self.recorder {
            recorder.forget_logic();
        }
    }

    /// The turn's end: one write for each link that has something. A gateway that lets too much wait is dropped, and reconciles when it comes back.
    /// How many bytes stay behind.
    fn flush(&mut self, now: Now) -> usize {
        let (mut queued, mut lost) = (0, Vec::new());
        for (place, link) in &mut self.gateways {
            match link.flush(&mut self.io.out_gateways[place]) {
                Ok(bytes) if bytes <= GATEWAY_OUT_BYTES_MAX => queued += bytes,
                Ok(_) => {
                    self.counters.links_overrun.add(1);
                    lost.push((place, io::Error::other("it does not read")));
                }
                Err(error) => lost.push((place, error)),
            }
        }
        for (place, error) in lost {
            self.lose_gateway(GatewayLink(place as u32), &error, now);
        }
        self.counters.gateway_queue_bytes.set(queued as u64);
        if let Some(link) = self.logic.link() {
            match link.flush(&mut self.io.out_logic) {
                Ok(bytes) => {
                    self.counters.logic_queue_bytes.set(bytes as u64);
                    queued += bytes;
                }
                Err(error) => self.lose_logic(&error, now),
            }
        }
        queued
    }
}
