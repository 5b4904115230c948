//! What each input does to a shard, and its deadlines. Owns the shard's parts and hands each input to the file that treats it; every change goes through
//! [`Shard::handle`] or [`Shard::expire`].

mod checkpoint;
mod confirm;
mod deliveries;
mod devices;
mod endings;
mod gateways;
mod invariants;
mod logins;
mod orders;
mod pacing;
mod presence;
mod pushes;
mod reconcile;
mod replies;
mod restore;
mod resume;
mod speech;
mod trace;
mod uplinks;

use std::collections::VecDeque;

use proto::ids::{ConnId, Uid};
use proto::time::Now;
use slab::Slab;

use crate::calls::Calls;
use crate::counts::Counts;
use crate::event::{COUNT_BITS, SLOT_BITS, SessionName};
use crate::presence::Roll;
use crate::pulse::Scale;
use crate::reactors::Reactors;
use crate::revocations::Revocations;
use crate::secrets::SecretKey;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::waiting::Waiting;
use crate::wheel::Wheel;
use crate::{Input, Output};
pub use trace::Note;

/// Milliseconds of a tick of both wheels: far finer than what is timed, and 32 bits of them last eight years.
const TICK_MS: u64 = 64;

/// Sessions of which the pulse is felt before the first of them is judged: they fit into the nearest cache.
const LOOKED_AT_TOGETHER: usize = 64;

/// The owner of some slots' sessions.
#[derive(Debug)]
pub struct Shard {
    settings: Settings,
    secret_key: SecretKey,
    counts: Counts,
    sessions: Sessions,
    /// Connections without a session.
    waiting: Slab<Waiting>,
    reactors: Reactors,
    /// What reactors' reports of life are written down in.
    pulse_scale: Scale,
    calls: Calls,
    revocations: Revocations,
    pushes_taken: confirm::PushesTaken,
    /// Who came and went and is not told to logic yet.
    roll: Roll,
    /// The user whose sessions are traced.
    traced: Option<Uid>,
    logic: Logic,
    /// When to look whether a session is silent, or its grace over, by its place.
    heartbeats: Wheel,
    /// When to look whether a session has acknowledged, by its place.
    resends: Wheel,
    /// When a connection has waited for its login too long, by its place.
    logins: Wheel,
    /// When gateways whose link is lost count as dead, by the place of their reactor; the oldest loss first, for all have the same time.
    leases: VecDeque<Lease>,
    /// The number of the last session that was opened, without its slot.
    numbered: u64,
    /// Sessions without a connection.
    away: usize,
    /// Pushes that are kept.
    in_flight: u64,
    /// The place from which on sessions are yet to be written down whole, during a checkpoint.
    checkpoint: Option<u32>,
    /// Reactors for which too much waits, and when to look at them again.
    congested: Vec<u32>,
    look_again_ms: Option<u64>,
    scratch: Scratch,
    /// How often the invariants might have been checked.
    checks: u64,
}

/// The link to logic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logic {
    Down,
    /// We have introduced ourselves.
    Greeted,
    Ready,
}

/// How long a reactor is waited for.
#[derive(Clone, Copy, Debug)]
struct Lease {
    until_ms: u64,
    reactor: u32,
    /// Which loss of its link this is about, by [`Reactors::link_down`].
    loss: u64,
}

/// Buffers that are used again, so that a message costs no allocation; each is empty between two uses.
#[derive(Debug, Default)]
struct Scratch {
    /// A packet to a client, or the shared part of one.
    down: Vec<u8>,
    /// A packet from a client, in protobuf form.
    up: Vec<u8>,
    due: Vec<u32>,
    push: pushes::Scratch,
}

impl Shard {
    /// A shard without sessions, whose links are all down.
    pub fn new(settings: Settings) -> Self {
        Self {
            counts: Counts::default(),
            sessions: Sessions::new(settings.seed),
            waiting: Slab::new(),
            reactors: Reactors::default(),
            pulse_scale: Scale::new(settings.heartbeat_deadline),
            calls: Calls::default(),
            revocations: Revocations::default(),
            pushes_taken: confirm::PushesTaken::default(),
            roll: Roll::default(),
            traced: None,
            logic: Logic::Down,
            heartbeats: Wheel::new(TICK_MS),
            resends: Wheel::new(TICK_MS),
            logins: Wheel::new(TICK_MS),
            leases: VecDeque::new(),
            numbered: settings.boot_epoch << (COUNT_BITS - SLOT_BITS),
            away: 0,
            in_flight: 0,
            checkpoint: None,
            secret_key: SecretKey::new(settings.secret_key),
            congested: Vec::new(),
            look_again_ms: None,
            scratch: Scratch::default(),
            checks: 0,
            settings,
        }
    }

    /// What has happened so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Sessions without a connection, which wait to be resumed.
    pub fn away(&self) -> usize {
        self.away
    }

    /// Pushes that are kept until they are acknowledged, in all sessions.
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Sessions that are open, those without a connection included.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Connections that wait for their login to be answered, or have been asked for one.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Calls that logic has not answered.
    pub fn calls(&self) -> usize {
        self.calls.len()
    }

    /// Revocations that are remembered, users and tokens together.
    pub fn revocations(&self) -> usize {
        self.revocations.len()
    }

    /// Gateway reactors whose link is up.
    pub fn gateway_links(&self) -> usize {
        self.reactors.linked()
    }

    /// As many places as the table of sessions has, empty ones included.
    pub(crate) fn places(&self) -> u32 {
        self.sessions.end()
    }

    /// The places of a user's sessions.
    pub(crate) fn places_of(&self, uid: &str) -> Vec<u32> {
        self.sessions.of_user(uid).collect()
    }

    /// Whether logic has answered the introduction.
    pub fn is_logic_ready(&self) -> bool {
        self.logic == Logic::Ready
    }

    /// Takes on what may be changed while a shard runs: keys, and limits that are looked at anew for each decision. What clients were told at their logins stays.
    pub fn take_on(&mut self, settings: &Settings) {
        let Settings { keys, in_flight_max, resend_timeout, resend_tries, attach_deadline, .. } = settings;
        let Settings { sessions_max, devices, reconnect_base, reconnect_max, .. } = settings;
        self.settings.keys = keys.clone();
        self.settings.devices = *devices;
        (self.settings.in_flight_max, self.settings.sessions_max) = (*in_flight_max, *sessions_max);
        (self.settings.resend_timeout, self.settings.resend_tries) = (*resend_timeout, *resend_tries);
        self.settings.attach_deadline = *attach_deadline;
        (self.settings.reconnect_base, self.settings.reconnect_max) = (*reconnect_base, *reconnect_max);
    }

    /// Takes one input.
    pub fn handle(&mut self, now: Now, input: Input<'_>, out: &mut dyn Output) {
        match input {
            Input::FromGateway { link, kind, body } => self.gateway_frame(now, link, kind, body, out),
            Input::FromLogic { kind, body } => self.logic_frame(now, kind, body, out),
            Input::GatewayUp(link) => self.reactors.link_up(link),
            Input::GatewayProved(link, hello) => self.reactors.link_proved(link, hello),
            Input::GatewayDown(link) => self.gateway_down(now, link, out),
            Input::LogicUp => self.logic_up(out),
            Input::LogicDown => self.logic_down(out),
        }
        self.tell_presence(out);
        self.check_invariants();
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Now, out: &mut dyn Output) {
        let mut due = std::mem::take(&mut self.scratch.due);
        self.logins.expire(now.mono_ms, &mut due);
        for place in due.drain(..) {
            self.login_expired(place, out);
        }
        self.heartbeats.expire(now.mono_ms, &mut due);
        for places in due.chunks(LOOKED_AT_TOGETHER) {
            // All are fetched before the first is judged, so that none waits for another.
            places.iter().for_each(|place| self.feel_pulse(now, *place));
            places.iter().for_each(|place| self.heartbeat_due(now, *place, out));
        }
        due.clear();
        self.resends.expire(now.mono_ms, &mut due);
        for place in due.drain(..) {
            self.resend_due(now, place, out);
        }
        self.pace(now, out);
        while let Some(lease) = self.leases.pop_front_if(|lease| lease.until_ms <= now.mono_ms) {
            self.lease_over(now, lease, out);
        }
        self.scratch.due = due;
        self.tell_presence(out);
        self.check_invariants();
    }

    /// The monotonic millisecond at which [`Shard::expire`] should be called.
    pub fn next_deadline(&self) -> Option<u64> {
        let wheels = [&self.heartbeats, &self.logins, &self.resends].map(Wheel::next_deadline);
        let lease = self.leases.front().map(|lease| lease.until_ms);
        wheels.into_iter().flatten().chain(lease).chain(self.look_again_ms).min()
    }

    /// Whether users of this connection's slot are this shard's.
    fn is_ours(&self, conn: ConnId) -> bool {
        conn.slot().shard(self.settings.shard_count) == self.settings.shard
    }

    fn name(&self, number: u64) -> SessionName {
        SessionName { shard: self.settings.shard, number }
    }
}

/// The tick of a sign of life, rounded up: no deadline counts from before it.
fn tick(now: Now) -> u32 {
    u32::try_from(now.mono_ms.div_ceil(TICK_MS)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
