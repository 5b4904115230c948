//! Links that have come in and have not yet said whose they are, or not proved it. Owns the listener for links, the deadline and the bounds of those who are not known
//! yet, and why they are turned away; a link that is known goes to whoever it is for, with all that was read from it. The proofs are [`proto::auth`]'s.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};

use mio::{Interest, Registry, Token};
use proto::auth::{AuthError, Claim, Listening, NoClaim, Progress, Role, gateway_claim, state_claim};
use proto::limits::{ACCEPT_BUDGET, HANDSHAKE_DEADLINE, NEWCOMER_BYTES_MAX, NEWCOMERS_MAX};
use proto::time::Now;
use settings::LinkAddress;
use slab::Slab;

use crate::keyring::{self, Keyring};
use crate::link_listener::LinkListener;
use crate::poll::Poller;
use crate::stream::{Peer, Stream};

/// Why a newcomer was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// It began with something else than an introduction.
    Stranger,
    /// It has not proved anything, though there is a secret to be known.
    Unproved,
    /// It does not know the secret.
    Secret,
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
    pub const LABELS: [&str; 8] =
        ["stranger", "unproved", "secret", "gone", "late", "evicted", "user", "descriptors"];
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
    /// Whether it has proved it. Whatever it says of itself later must be the same.
    pub is_proved: bool,
    /// What was read and belongs to the link.
    pub unread: Vec<u8>,
}

/// The listener and those who wait behind it.
#[derive(Debug)]
pub struct Newcomers {
    listener: LinkListener,
    listener_token: Token,
    /// A newcomer's token is its place and this.
    first_token: usize,
    role: Role,
    keyring: Keyring,
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
    /// What it has said and was not used up by the proof.
    said: Vec<u8>,
    /// How many bytes it may still send.
    allowance: usize,
    /// If it has something to prove.
    proof: Option<Box<Listening>>,
}

impl Newcomers {
    /// Listens at `address`. Newcomers get tokens from `first_token` on, of which there must be [`NEWCOMERS_MAX`]; what they have to prove depends
    /// on the `keyring`.
    pub fn listen(
        address: &LinkAddress,
        registry: &Registry,
        listener_token: Token,
        first_token: usize,
        role: Role,
        keyring: Keyring,
    ) -> io::Result<Self> {
        let mut listener = LinkListener::for_links(address)?;
        listener.register(registry, listener_token)?;
        Ok(Self {
            listener,
            listener_token,
            first_token,
            role,
            keyring,
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

    /// How many are not known yet.
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

    /// Takes note of an event for one of its tokens. The link that is known by it, if one is.
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
        let proof = match (self.keyring.now(), keyring::nonce()) {
            (None, _) => None,
            (Some(secrets), Some(nonce)) => Some(Box::new(Listening::new(secrets, self.role, nonce))),
            (Some(_), None) => {
                return tracing::error!(%peer, "a link was turned away: there are no random numbers");
            }
        };
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
        let (number, said, allowance) = (self.counted, Vec::new(), NEWCOMER_BYTES_MAX);
        entry.insert(Newcomer { stream, peer, number, said, allowance, proof });
    }

    /// Reads what a newcomer says until it is known.
    fn hear(&mut self, place: usize) -> Result<Option<Claim>, (TurnedAway, String)> {
        let Some(newcomer) = self.slots.get_mut(place) else { return Ok(None) };
        let mut room = [0; NEWCOMER_BYTES_MAX];
        while newcomer.allowance > 0 {
            let read = match newcomer.stream.read(&mut room[..newcomer.allowance]) {
                Ok(0) => return Err((TurnedAway::Gone, "it has gone".into())),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err((TurnedAway::Gone, error.to_string())),
            };
            newcomer.allowance -= read;
            if let Some(claim) = newcomer.take(&room[..read], self.role)? {
                return Ok(Some(claim));
            }
        }
        Err((TurnedAway::Stranger, "it says too much before it introduces itself".into()))
    }

    fn release(&mut self, place: usize, claim: Claim, registry: &Registry) -> Option<Known> {
        let Newcomer { mut stream, peer, said, proof, .. } = self.slots.remove(place);
        if let Err(error) = registry.deregister(&mut stream) {
            tracing::warn!(%peer, %error, "a link could not be handed over and must come again");
            return None;
        }
        Some(Known { stream, peer, claim, is_proved: proof.is_some(), unread: said })
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

impl Newcomer {
    /// Takes what it says. Whom it is from, once that is known.
    fn take(&mut self, bytes: &[u8], role: Role) -> Result<Option<Claim>, (TurnedAway, String)> {
        let Some(proof) = &mut self.proof else {
            self.said.extend_from_slice(bytes);
            let introduced: fn(&[u8]) -> Result<Option<Claim>, NoClaim> = match role {
                Role::Gateway => gateway_claim,
                Role::State => state_claim,
            };
            return introduced(&self.said).map_err(|error| (TurnedAway::Stranger, error.to_string()));
        };
        let mut answer = Vec::new();
        let progress = proof.receive(bytes, &mut answer).map_err(|error| {
            let why = match error {
                AuthError::Unproved(_) => TurnedAway::Unproved,
                AuthError::Proof => TurnedAway::Secret,
                AuthError::Length(_) | AuthError::Version(_) | AuthError::Claim => TurnedAway::Stranger,
            };
            (why, error.to_string())
        })?;
        // Nothing was written to it before, so there is room for these few bytes.
        self.stream.write_all(&answer).map_err(|error| (TurnedAway::Gone, error.to_string()))?;
        match progress {
            Progress::More => Ok(None),
            Progress::Proved { value, taken } => {
                self.said.extend_from_slice(&bytes[taken..]);
                Ok(Some(value))
            }
        }
    }
}
