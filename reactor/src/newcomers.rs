//! Links that have come in and have not yet said whose they are. Owns the listener for links, the deadline and the bounds of those who are not known yet, and why they
//! are turned away; a link that has introduced itself goes to whoever it is for, with all that was read from it.

use std::collections::VecDeque;
use std::io::{self, Read as _};

use mio::{Interest, Registry, Token};
use proto::auth::{Claim, NoClaim};
use proto::limits::{ACCEPT_BUDGET, HANDSHAKE_DEADLINE, NEWCOMER_BYTES_MAX, NEWCOMERS_MAX};
use proto::time::Now;
use settings::LinkAddress;
use slab::Slab;

use crate::link_listener::LinkListener;
use crate::poll::Poller;
use crate::stream::{Peer, Stream};

/// Why a newcomer was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// It began with something else than an introduction.
    Stranger,
    /// It ended before it had introduced itself.
    Gone,
    /// It did not introduce itself in time.
    Late,
    /// Others came when as many were waiting as may, and it was the oldest.
    Evicted,
    /// It is a process of a user who has no business here.
    User,
    /// There was no descriptor left for it.
    Descriptors,
}

impl TurnedAway {
    /// Their names in metrics, in the order of the variants.
    pub const LABELS: [&str; 6] = ["stranger", "gone", "late", "evicted", "user", "descriptors"];
}

/// A link that has introduced itself.
#[derive(Debug)]
pub struct Known {
    /// Its bytes, no longer registered anywhere.
    pub stream: Stream,
    /// Who is at the other end.
    pub peer: Peer,
    /// Who that says to be.
    pub claim: Claim,
    /// What was read and belongs to the link, its introduction among it.
    pub unread: Vec<u8>,
}

/// The listener and those who wait behind it.
#[derive(Debug)]
pub struct Newcomers {
    listener: LinkListener,
    listener_token: Token,
    /// A newcomer's token is its place and this.
    first_token: usize,
    introduced: fn(&[u8]) -> Result<Option<Claim>, NoClaim>,
    slots: Slab<Newcomer>,
    /// When each must have introduced itself: the oldest first, for all have the same time. Counted, for a place may be another's by then.
    deadlines: VecDeque<(u64, usize, u64)>,
    counted: u64,
    turned_away: [u64; TurnedAway::LABELS.len()],
}

#[derive(Debug)]
struct Newcomer {
    stream: Stream,
    peer: Peer,
    number: u64,
    /// What it has said; at most [`NEWCOMER_BYTES_MAX`].
    said: Vec<u8>,
}

impl Newcomers {
    /// Listens at `address`. Newcomers get tokens from `first_token` on, of which there must be [`NEWCOMERS_MAX`]; `introduced` reads an introduction.
    pub fn listen(
        address: &LinkAddress,
        registry: &Registry,
        listener_token: Token,
        first_token: usize,
        introduced: fn(&[u8]) -> Result<Option<Claim>, NoClaim>,
    ) -> io::Result<Self> {
        let mut listener = LinkListener::for_links(address)?;
        listener.register(registry, listener_token)?;
        Ok(Self {
            listener,
            listener_token,
            first_token,
            introduced,
            slots: Slab::new(),
            deadlines: VecDeque::new(),
            counted: 0,
            turned_away: Default::default(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<LinkAddress> {
        self.listener.link_address()
    }

    /// How many have not introduced themselves.
    pub fn waiting(&self) -> usize {
        self.slots.len()
    }

    /// How many were turned away, by the order of [`TurnedAway`].
    pub fn turned_away(&self) -> &[u64; TurnedAway::LABELS.len()] {
        &self.turned_away
    }

    /// Whether a token is the listener's or a newcomer's.
    pub fn owns(&self, token: Token) -> bool {
        token == self.listener_token
            || (self.first_token..self.first_token + NEWCOMERS_MAX).contains(&token.0)
    }

    /// Takes note of an event for one of its tokens. The link that has introduced itself by it, if one has.
    pub fn ready(&mut self, token: Token, now: Now, poller: &mut Poller) -> Option<Known> {
        if token == self.listener_token {
            self.accept(now, poller);
            return None;
        }
        let place = token.0.checked_sub(self.first_token)?;
        match self.hear(place) {
            Ok(None) => None,
            Ok(Some(claim)) => self.release(place, claim, poller.registry()),
            Err((why, error)) => {
                self.turn_away(place, why, &error);
                None
            }
        }
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Now, poller: &mut Poller) {
        while let Some((due_ms, place, number)) = self.deadlines.front().copied()
            && due_ms <= now.mono_ms
        {
            self.deadlines.pop_front();
            if self.is_here(place, number) {
                self.turn_away(place, TurnedAway::Late, &"it did not introduce itself in time");
            }
        }
        if self.listener.next_deadline().is_some_and(|due_ms| due_ms <= now.mono_ms) {
            self.accept(now, poller);
        }
    }

    /// When [`Newcomers::expire`] has something to do.
    pub fn next_deadline(&self) -> Option<u64> {
        let first = self.deadlines.front().map(|(due_ms, ..)| *due_ms);
        [first, self.listener.next_deadline()].into_iter().flatten().min()
    }

    fn accept(&mut self, now: Now, poller: &mut Poller) {
        let mut fresh = Vec::new();
        let accepted = self.listener.accept(now, ACCEPT_BUDGET, |stream, peer| fresh.push((stream, peer)));
        for (stream, peer) in fresh {
            self.admit(stream, peer, now, poller.registry());
        }
        self.turned_away[TurnedAway::Descriptors as usize] += accepted.shed as u64;
        if accepted.more {
            poller.again(self.listener_token);
        }
    }

    fn admit(&mut self, mut stream: Stream, peer: Peer, now: Now, registry: &Registry) {
        if !peer.is_plausible() {
            tracing::warn!(%peer, "a link was turned away: it is none of our user's");
            self.turned_away[TurnedAway::User as usize] += 1;
            return;
        }
        // Whoever is one of ours introduces itself at once: the oldest has had most of what it needs.
        while self.slots.len() >= NEWCOMERS_MAX
            && let Some((_, place, number)) = self.deadlines.pop_front()
        {
            if self.is_here(place, number) {
                self.turn_away(place, TurnedAway::Evicted, &"too many have not introduced themselves");
            }
        }
        let entry = self.slots.vacant_entry();
        let place = entry.key();
        if let Err(error) =
            registry.register(&mut stream, Token(self.first_token + place), Interest::READABLE)
        {
            tracing::warn!(%peer, %error, "a link could not be taken in");
            return;
        }
        self.counted += 1;
        self.deadlines.push_back((now.after(HANDSHAKE_DEADLINE), place, self.counted));
        entry.insert(Newcomer { stream, peer, number: self.counted, said: Vec::new() });
    }

    /// Reads what a newcomer says until it has introduced itself.
    fn hear(&mut self, place: usize) -> Result<Option<Claim>, (TurnedAway, String)> {
        let Some(newcomer) = self.slots.get_mut(place) else { return Ok(None) };
        let mut room = [0; NEWCOMER_BYTES_MAX];
        loop {
            let space = NEWCOMER_BYTES_MAX - newcomer.said.len();
            if space == 0 {
                return Err((TurnedAway::Stranger, "it says too much before it introduces itself".into()));
            }
            match newcomer.stream.read(&mut room[..space]) {
                Ok(0) => return Err((TurnedAway::Gone, "it has gone".into())),
                Ok(n) => newcomer.said.extend_from_slice(&room[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err((TurnedAway::Gone, error.to_string())),
            }
            match (self.introduced)(&newcomer.said) {
                Ok(None) => {}
                Ok(claim) => return Ok(claim),
                Err(error) => return Err((TurnedAway::Stranger, error.to_string())),
            }
        }
    }

    fn release(&mut self, place: usize, claim: Claim, registry: &Registry) -> Option<Known> {
        let Newcomer { mut stream, peer, said, .. } = self.slots.remove(place);
        if let Err(error) = registry.deregister(&mut stream) {
            tracing::warn!(%peer, %error, "a link could not be handed over and must come again");
            return None;
        }
        Some(Known { stream, peer, claim, unread: said })
    }

    fn is_here(&self, place: usize, number: u64) -> bool {
        self.slots.get(place).is_some_and(|newcomer| newcomer.number == number)
    }

    fn turn_away(&mut self, place: usize, why: TurnedAway, text: &dyn std::fmt::Display) {
        let Newcomer { peer, .. } = self.slots.remove(place);
        self.turned_away[why as usize] += 1;
        tracing::warn!(%peer, why = TurnedAway::LABELS[why as usize], "a link was turned away: {text}");
    }
}
