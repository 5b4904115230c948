//! The thread that holds the links to state shards: accepts them, reads a turn's frames, hands them to the writer in one piece, and flushes once at
//! the end of the turn. Owns what may wait: it stops reading when the writer has too much to do, and drops a shard that does not read.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use mio::Token;
use proto::auth::Role;
use proto::limits::{NEWCOMERS_MAX, STATE_LINKS_MAX, STATE_OUT_BYTES_MAX, WRITER_QUEUE_MAX};
use proto::time::Now;
use reactor::clock::Clock;
use reactor::keyring::Keyring;
use reactor::link::Filled;
use reactor::newcomers::Newcomers;
use reactor::poll::{Poller, Ready};
use reactor::wake::{Mailbox, mailbox};
use settings::LinkAddress;

use super::counters::LinkCounters;
use super::peer::{Peer, link_of, write};
use crate::{Input, LinkId, Output};

/// Sources reported in one turn.
const EVENTS: usize = 256;
/// Reads of one link in one turn, so that none starves another.
const READS_PER_TURN: u32 = 16;
/// Messages from the writer that may wait; it is one commit ahead at most, and a stop may come.
const MAILBOX_MESSAGES: usize = 16;
/// How long confirmations alone, which nobody waits for, may be kept from the writer: until something else comes, mostly.
const CONFIRMATION_DELAY: Duration = Duration::from_millis(20);
/// How long the last answers have to leave when the server is stopped.
const PATIENCE: Duration = Duration::from_secs(2);

const LISTENER: Token = Token(0);
const MAILBOX: Token = Token(1);
const NEWCOMERS: usize = 2;
/// A link's token is its id, and ids begin here.
const FIRST_LINK: u64 = (NEWCOMERS + NEWCOMERS_MAX) as u64;

/// What reaches the thread from others.
#[derive(Debug)]
pub(super) enum Told {
    /// A batch is done.
    Done {
        /// What it caused.
        outputs: Vec<Output>,
        /// How many inputs it had.
        taken: usize,
    },
    /// Take nothing new, and end when all is answered.
    Stop,
}

/// Why a link ended, in the order of the counter's labels.
#[derive(Clone, Copy, Debug)]
enum End {
    Gone,
    Protocol,
    Slow,
}

/// See the module's page.
pub(super) struct Links {
    poller: Poller,
    clock: Clock,
    /// Within what the machine numbers its pushes.
    epoch: u64,
    /// Given up when stopping.
    newcomers: Option<Newcomers>,
    address: LinkAddress,
    told: Receiver<Told>,
    /// To the writer; given up when stopping.
    writer: Option<Sender<Vec<Input>>>,
    peers: BTreeMap<LinkId, Peer>,
    next_id: u64,
    /// This turn's, and confirmations of those before it.
    inputs: Vec<Input>,
    /// When these are handed over though they are confirmations alone.
    confirm_ms: Option<u64>,
    /// Inputs that the writer has not done yet, this turn's among them.
    waiting: usize,
    /// Links with something to read that must wait.
    paused: Vec<LinkId>,
    /// All is said, and the other ends have been told so.
    parting: bool,
    counters: Arc<LinkCounters>,
}

impl Links {
    /// Binds `address`; inputs go to `writer`.
    pub(super) fn new(
        (address, keyring): (&LinkAddress, Keyring),
        (clock, epoch): (Clock, u64),
        writer: Sender<Vec<Input>>,
        counters: Arc<LinkCounters>,
    ) -> io::Result<(Self, Mailbox<Told>)> {
        let poller = Poller::new(EVENTS)?;
        let (mailbox, told) = mailbox(poller.registry(), MAILBOX, MAILBOX_MESSAGES)?;
        // Our listeners share ports; a second logic server on this one would take half of the links to another store.
        if let Some(address) = address.tcp().filter(|address| address.port() != 0) {
            std::net::TcpListener::bind(address)?;
        }
        let newcomers =
            Newcomers::listen(address, poller.registry(), LISTENER, NEWCOMERS, Role::State, keyring)?;
        let links = Self {
            poller,
            clock,
            epoch,
            address: newcomers.address()?,
            newcomers: Some(newcomers),
            told,
            writer: Some(writer),
            peers: BTreeMap::new(),
            next_id: FIRST_LINK,
            inputs: Vec::new(),
            confirm_ms: None,
            waiting: 0,
            paused: Vec::new(),
            parting: false,
            counters,
        };
        Ok((links, mailbox))
    }

    /// The bound address.
    pub(super) fn address(&self) -> &LinkAddress {
        &self.address
    }

    /// Turns until told to stop, and then until all is answered or patience is at its end.
    pub(super) fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(EVENTS);
        let mut give_up_ms = None;
        loop {
            let newcomers = self.newcomers.as_ref().and_then(Newcomers::next_deadline);
            let deadlines = [newcomers, give_up_ms, self.confirm_ms];
            let now_ms = self.clock.now().mono_ms;
            let wait = |next: u64| Duration::from_millis(next.saturating_sub(now_ms));
            self.poller.turn(deadlines.into_iter().flatten().min().map(wait), &mut ready)?;
            let now = self.clock.now();
            for event in &ready {
                self.handle(*event, now);
            }
            if let Some(newcomers) = &mut self.newcomers {
                newcomers.expire(now, &mut self.poller);
                self.counters.newcomers(newcomers);
            }
            // First what the writer can begin with; then again, for the flush may have found links broken.
            self.hand_over(now);
            self.flush();
            self.hand_over(now);
            self.resume();
            self.counters.turns.add(1);
            if self.writer.is_none() {
                let limit = *give_up_ms.get_or_insert(now.after(PATIENCE));
                if self.waiting == 0 && self.peers.values().all(|peer| peer.queued == 0) {
                    self.part();
                }
                if self.parting && self.peers.is_empty() || now.mono_ms >= limit {
                    return Ok(());
                }
            }
        }
    }

    fn handle(&mut self, event: Ready, now: Now) {
        match event.token {
            MAILBOX => self.listen(now),
            Token(place) if (place as u64) < FIRST_LINK => self.meet(event.token, now),
            Token(id) => self.hear(LinkId(id as u64), event),
        }
    }

    /// Takes in a link that has introduced itself.
    fn meet(&mut self, token: Token, now: Now) {
        let Some(newcomers) = &mut self.newcomers else { return };
        let Some(known) = newcomers.ready(token, now, &mut self.poller) else { return };
        if self.peers.len() >= STATE_LINKS_MAX {
            tracing::warn!(peer = %known.peer, "there are too many links: one was closed");
            return self.counters.turned_away.add(1);
        }
        let (id, token) = (LinkId(self.next_id), Token(self.next_id as usize));
        match Peer::new((id, self.epoch), known, self.poller.registry(), token) {
            Ok(link) => {
                self.peers.insert(id, link);
                self.next_id += 1;
                self.counters.accepted.add(1);
                // What was read already is told by no event.
                self.poller.again(token);
            }
            Err(error) => tracing::debug!(%error, "cannot take a link in"),
        }
        self.counters.links.set(self.peers.len() as u64);
    }

    fn listen(&mut self, now: Now) {
        while let Ok(told) = self.told.try_recv() {
            match told {
                Told::Done { outputs, taken } => {
                    self.waiting -= taken;
                    for output in outputs {
                        match self.peers.get_mut(&link_of(&output)) {
                            Some(peer) => write(&mut peer.out, output),
                            None => self.counters.stale.add(1),
                        }
                    }
                }
                Told::Stop => {
                    self.newcomers = None;
                    self.confirm_ms = Some(0);
                    self.hand_over(now);
                    // The writer ends when it has done what it was sent.
                    self.writer = None;
                }
            }
        }
    }

    /// Reads from a link while it has something, up to the budget.
    fn hear(&mut self, id: LinkId, event: Ready) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        if event.writable {
            peer.link.writable();
        }
        peer.hung_up |= event.hung_up;
        if self.parting {
            return self.hear_out(id);
        }
        if self.writer.is_none() || !(event.readable || event.hung_up) {
            return;
        }
        for _ in 0..READS_PER_TURN {
            if !may_read(self.waiting, peer) {
                if !self.paused.contains(&id) {
                    self.counters.paused.add(1);
                    self.paused.push(id);
                }
                return;
            }
            let filled = match peer.link.fill(peer.hung_up) {
                Ok(filled) => filled,
                Err(error) => return self.lose(id, End::Gone, &error),
            };
            let before = self.inputs.len();
            let taken = peer.frames(&mut self.inputs);
            self.waiting += self.inputs.len() - before;
            if let Err(breach) = taken {
                return self.lose(id, End::Protocol, &breach);
            }
            if filled == Filled::Drained {
                return;
            }
        }
        self.poller.again(event.token);
    }

    /// Says on each link that this was all, once. A socket that is closed before the other end has seen that, and with something unread, takes back what is on its way.
    fn part(&mut self) {
        if !std::mem::replace(&mut self.parting, true) {
            for (id, peer) in &self.peers {
                // Where it fails there is nobody to be told.
                drop(peer.link.finish());
                self.poller.again(Token(id.0 as usize));
            }
        }
    }

    /// Reads what nobody will answer, until the other end has closed the link.
    fn hear_out(&mut self, id: LinkId) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        for _ in 0..READS_PER_TURN {
            let filled = peer.link.fill(true);
            while let Ok(Some(_)) = peer.link.next_frame() {}
            match filled {
                Ok(Filled::More) => {}
                Ok(Filled::Drained) => return,
                Err(_) => return drop(self.peers.remove(&id)),
            }
        }
        self.poller.again(Token(id.0 as usize));
    }

    /// Goes on with the links that had to wait and need not any more.
    fn resume(&mut self) {
        let (peers, poller, waiting) = (&self.peers, &mut self.poller, self.waiting);
        self.paused.retain(|id| match peers.get(id) {
            Some(peer) if may_read(waiting, peer) => {
                poller.again(Token(id.0 as usize));
                false
            }
            Some(_) => true,
            None => false,
        });
    }

    fn lose(&mut self, id: LinkId, end: End, why: &dyn std::fmt::Display) {
        let Some(peer) = self.peers.remove(&id) else { return };
        tracing::warn!(link = id.0, %why, ?end, "lost the link to a state shard");
        if peer.greeted {
            self.inputs.push(Input::LinkDown { link: id });
            self.waiting += 1;
        }
        self.counters.closed[end as usize].add(1);
        self.counters.links.set(self.peers.len() as u64);
    }

    /// One write for each link that has something.
    fn flush(&mut self) {
        let mut lost = Vec::new();
        for (id, peer) in self.peers.iter_mut().filter(|(_, peer)| !peer.out.is_empty()) {
            match peer.link.flush(&mut peer.out) {
                Ok(queued) if queued > STATE_OUT_BYTES_MAX => {
                    lost.push((*id, End::Slow, "it does not read".to_owned()));
                }
                Ok(queued) => peer.queued = queued,
                Err(error) => lost.push((*id, End::Gone, error.to_string())),
            }
        }
        for (id, end, why) in lost {
            self.lose(id, end, &why);
        }
    }

    fn hand_over(&mut self, now: Now) {
        self.counters.waiting.set(self.waiting as u64);
        if self.inputs.is_empty() {
            self.confirm_ms = None;
            return;
        }
        if self.inputs.iter().all(|input| matches!(input, Input::PushesTaken { .. })) {
            let due_ms = *self.confirm_ms.get_or_insert(now.after(CONFIRMATION_DELAY));
            if now.mono_ms < due_ms {
                return;
            }
        }
        self.confirm_ms = None;
        let count = self.inputs.len();
        // The next turn will bring about as many.
        let inputs = std::mem::replace(&mut self.inputs, Vec::with_capacity(count));
        // Without a writer nothing more is done: the server is stopping.
        if self.writer.as_ref().is_none_or(|writer| writer.send(inputs).is_err()) {
            self.waiting -= count;
        }
    }
}

/// Whether there is room for what a link says and for what it will be answered.
fn may_read(waiting: usize, peer: &Peer) -> bool {
    waiting < WRITER_QUEUE_MAX && peer.queued < STATE_OUT_BYTES_MAX / 2
}
