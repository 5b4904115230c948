//! Pushes of one session after their first sending: again when they are not acknowledged, late when the reader was blocked or away, and a Resync for those that were
//! not kept. Owns the patience with a client that does not acknowledge; the queue is `crate::inflight`'s, fan-out is treated in `pushes`.

use std::sync::Arc;

use proto::close::CloseReason;
use proto::limits::{RESEND_BURST, RESEND_TIMEOUT_MAX};
use proto::link;
use proto::packet::{Codec, Resync, ServerBody, ServerPacket, encode_server, prefix, shared};
use proto::time::Now;

use super::speech::{Line, check_size};
use super::{Note, Shard, TICK_MS, tick};
use crate::Output;
use crate::inflight::{Kept, Moment, Payload};
use crate::journal::Record;
use crate::session::Session;

impl Shard {
    /// Whether a session's client can be sent to: it has a connection, the link to its gateway is up, and the gateway has said that it still holds it.
    pub(super) fn is_reached(&self, session: &Session) -> bool {
        session.listed
            && !session.behind
            && self.reactors.get(session.reactor).is_some_and(|reactor| reactor.link.is_some())
    }

    /// Sends all that is kept and was not sent on this connection.
    pub(super) fn send_unsent(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        let line = session.line();
        while let Some((push_seq, payload)) =
            self.sessions.get_mut(place).and_then(|session| session.inflight.next_unsent(tick(now)))
        {
            self.note(place, Note::Pushed(push_seq, payload.len()), out);
            self.send_push(line, push_seq, &payload, out);
        }
        let merged = self.sessions.get_mut(place).map(|session| session.inflight.take_merged());
        for payload in merged.unwrap_or_default() {
            self.note(place, Note::Pushed(0, payload.len()), out);
            self.send_push(line, 0, &payload, out);
        }
        self.await_ack(now, place);
    }

    /// Sends one push to one session.
    fn send_push(&mut self, line: Line, push_seq: u64, payload: &Payload, out: &mut dyn Output) {
        let Some(link) = self.reactors.get(line.reactor).and_then(|reactor| reactor.link) else { return };
        let (mut before, mut packet) = (Vec::with_capacity(16), std::mem::take(&mut self.scratch.down));
        prefix(line.codec, push_seq, &mut before);
        let whole = shared(line.codec, payload, &mut packet).and_then(|()| check_size(&packet));
        if let Err(error) = whole {
            if push_seq == 0 {
                packet.clear();
                self.scratch.down = packet;
                return self.bad_packet(&error, out);
            }
            // It was kept for a client of the other form. The number must not be missing: let this one pull.
            self.bad_packet(&error, out);
            packet.clear();
            let resync = Resync { missed: Vec::new(), everything: true };
            let told = shared(line.codec, &encoded(resync), &mut packet);
            debug_assert!(told.is_ok(), "a packet of our own has both forms");
        }
        link::downlink(out.gateway(link), std::iter::once((line.conn, &before[..])), &packet);
        packet.clear();
        self.scratch.down = packet;
        self.counts.pushed += 1;
        self.note_waiting(line.reactor, out.waiting(link));
    }

    /// Sees to it that pushes that have been sent are sent again if no ack comes.
    pub(super) fn await_ack(&mut self, now: Now, place: u32) {
        let Some(session) = self.sessions.get(place) else { return };
        if session.inflight.awaits_ack() && !self.resends.is_armed(place) && self.is_reached(session) {
            let (_, tries) = session.inflight.awaits_since();
            let deadline = now.mono_ms + self.resend_patience(session.number, tries);
            self.resends.arm(place, deadline);
        }
    }

    /// It is time to look whether a session has acknowledged: if not, its oldest pushes are sent again, and at last its connection is given up.
    pub(super) fn resend_due(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        let Some(session) = self.sessions.get(place).filter(|session| session.inflight.awaits_ack()) else {
            return;
        };
        let (since, tries) = session.inflight.awaits_since();
        let deadline = u64::from(since) * TICK_MS + self.resend_patience(session.number, tries);
        if deadline > now.mono_ms {
            return self.resends.arm(place, deadline);
        }
        if tries >= self.settings.resend_tries {
            return self.close_connection(now, place, CloseReason::Lagging, out);
        }
        let line = session.line();
        let Some(session) = self.sessions.get_mut(place) else { return };
        let again: Vec<_> = session.inflight.again(RESEND_BURST, tick(now)).collect();
        self.counts.resent += again.len() as u64;
        self.note(place, Note::Again(again.len()), out);
        for (push_seq, payload) in again {
            self.send_push(line, push_seq, &payload, out);
        }
        self.await_ack(now, place);
    }

    /// How long an ack is waited for, in milliseconds: longer with each try, and not the same for all sessions, so that they do not come together.
    fn resend_patience(&self, number: u64, tries: u32) -> u64 {
        let base = self.settings.resend_timeout.as_millis() as u64;
        let most = base.max(RESEND_TIMEOUT_MAX.as_millis() as u64);
        let doubled = base.saturating_mul(1 << tries.min(16)).min(most);
        // Between 7/8 and 9/8 of it, by the session, the try and the seed (the finisher of SplitMix64 spreads them).
        let mut mixed = self.settings.seed ^ number.rotate_left(8) ^ u64::from(tries);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        doubled - doubled / 8 + (mixed ^ (mixed >> 31)) % (doubled / 4 + 1)
    }

    /// The gateway says whether a client takes what it is sent. One that does not is sent no pushes, and nothing is expected of it.
    pub(super) fn flow(&mut self, now: Now, place: u32, blocked: bool, out: &mut dyn Output) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        session.inflight.block(blocked, tick(now));
        self.note(place, Note::Blocked(blocked), out);
        if blocked {
            self.counts.blocked += 1;
            self.resends.cancel(place);
        } else {
            self.catch_up(now, place, out);
            self.resync_if_due(now, place, out);
        }
    }

    /// Takes a cumulative ack; `false` if it is for what was never sent.
    pub(super) fn acknowledged(&mut self, now: Now, place: u32, push_seq: u64, out: &mut dyn Output) -> bool {
        let Some(session) = self.sessions.get_mut(place) else { return true };
        let Ok(count) = session.inflight.acknowledge(push_seq, tick(now)) else { return false };
        self.in_flight -= count as u64;
        if count > 0 {
            out.record(Record::Acknowledged { session: session.number, push_seq });
        }
        if session.inflight.is_lagging() {
            self.resync_if_due(now, place, out);
        }
        true
    }

    /// Tells a client what to pull, once it has acknowledged all that was kept.
    pub(super) fn resync_if_due(&mut self, now: Now, place: u32, out: &mut dyn Output) {
        let due = self.sessions.get_mut(place).and_then(|session| session.inflight.resync_due());
        if let Some(resync) = due {
            self.send_resync(now, place, resync, out);
        }
    }

    /// Tells a client what to pull behind all that was kept.
    pub(super) fn resync(&mut self, now: Now, place: u32, everything: bool, out: &mut dyn Output) {
        let missed = self.sessions.get_mut(place).and_then(|session| session.inflight.resync_now());
        let mut resync = missed.unwrap_or_default();
        resync.everything |= everything;
        self.send_resync(now, place, resync, out);
    }

    fn send_resync(&mut self, now: Now, place: u32, resync: Resync, out: &mut dyn Output) {
        let Some(session) = self.sessions.get_mut(place) else { return };
        let (line, payload) = (session.line(), Arc::new(encoded(resync)));
        self.counts.resyncs += 1;
        self.in_flight += 1;
        out.record(Record::Told { session: session.number, packet: payload.as_slice().into() });
        let at = Moment { reached: !session.behind, tick: tick(now) };
        if let Kept::Send(push_seq) = session.inflight.push_own(payload.clone(), at) {
            self.note(place, Note::Pushed(push_seq, payload.len()), out);
            self.send_push(line, push_seq, &payload, out);
            self.await_ack(now, place);
        }
    }
}

fn encoded(resync: Resync) -> Vec<u8> {
    let mut packet = Vec::new();
    encode_server(Codec::Proto, ServerPacket::plain(ServerBody::Resync(resync)), &mut packet);
    packet
}
