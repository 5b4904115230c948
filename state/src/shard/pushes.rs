//! Fan-out: one packet of logic's to all sessions of some users. Owns the numbering and that the packet is encoded once for each form and sent once to each
//! gateway reactor, however many sessions it has there.

use proto::backend::{Push, PushClass};
use proto::ids::ConnId;
use proto::limits::DOWNLINK_TARGETS_MAX;
use proto::link;
use proto::packet::{Codec, prefix, shared};
use proto::time::Now;

use super::pacing;
use super::speech::check_size;
use super::{Note, Shard, tick};
use crate::Output;
use crate::inflight::{Kept, Moment, Payload};
use crate::journal::{self, Record};

/// Buffers that are used again by the next push.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    hits: Vec<Hit>,
    /// What stands before the shared part, for one hit after the other.
    prefixes: Vec<u8>,
    json: Vec<u8>,
    /// For the journal: the sessions that keep the push, and those that have no room for it.
    kept: Vec<journal::Kept>,
    missed: Vec<u64>,
}

/// A session that gets the push.
#[derive(Clone, Copy, Debug)]
struct Hit {
    /// By these the push is sent in groups.
    reactor: u32,
    json: bool,
    place: u32,
    conn: ConnId,
    push_seq: u64,
    prefix_at: u32,
    prefix_bytes: u8,
}

impl Scratch {
    fn clear(&mut self) {
        self.hits.clear();
        self.prefixes.clear();
        self.json.clear();
        self.kept.clear();
        self.missed.clear();
    }
}

impl Shard {
    /// Delivers a push. Each session keeps it until it is acknowledged; one that cannot be reached now, or does not take what it is sent, gets it later.
    pub(super) fn push(&mut self, now: Now, mut push: Push, out: &mut dyn Output) {
        let payload = Payload::new(std::mem::take(&mut push.packet));
        let mut scratch = std::mem::take(&mut self.scratch.push);
        self.counts.pushes += 1;
        self.choose(now, &push, &payload, &mut scratch);
        scratch.hits.sort_unstable_by_key(|hit| (hit.reactor, hit.json));
        if scratch.hits.iter().any(|hit| hit.json) {
            let Scratch { json, hits, kept, .. } = &mut scratch;
            if let Err(error) = shared(Codec::Json, &payload, json).and_then(|()| check_size(json)) {
                self.bad_packet(&error, out);
                let numbered = !matches!(push.class, PushClass::Mergeable(_));
                hits.retain(|hit| !hit.json || numbered && !self.take_back(hit.place, kept));
            }
        }
        record(&push, &payload, &scratch, out);
        for group in scratch.hits.chunk_by(|a, b| (a.reactor, a.json) == (b.reactor, b.json)) {
            let (reactor, json) = (group[0].reactor, group[0].json);
            let part = if json { &scratch.json } else { &*payload };
            let Some(link) = self.reactors.get(reactor).and_then(|reactor| reactor.link) else { continue };
            for piece in group.chunks(DOWNLINK_TARGETS_MAX) {
                let targets = piece.iter().map(|hit| {
                    let at = hit.prefix_at as usize;
                    (hit.conn, &scratch.prefixes[at..at + usize::from(hit.prefix_bytes)])
                });
                link::downlink(out.gateway(link), targets, part);
            }
            self.note_waiting(reactor, out.waiting(link));
        }
        self.counts.pushed += scratch.hits.len() as u64;
        if self.traced.is_some() {
            for hit in &scratch.hits {
                self.note(hit.place, Note::Pushed(hit.push_seq, payload.len()), out);
            }
        }
        if !matches!(push.class, PushClass::Mergeable(_)) {
            for hit in &scratch.hits {
                self.await_ack(now, hit.place);
            }
        }
        scratch.clear();
        self.scratch.push = scratch;
    }

    fn take_back(&mut self, place: u32, kept: &mut Vec<journal::Kept>) -> bool {
        if let Some(session) = self.sessions.get_mut(place) {
            kept.retain(|kept| kept.session != session.number);
            session.inflight.take_back();
            self.in_flight -= 1;
        }
        true
    }

    /// Finds the sessions and numbers the push for each.
    fn choose(&mut self, now: Now, push: &Push, payload: &Payload, scratch: &mut Scratch) {
        for (uid, except) in &push.targets {
            let mut next = self.sessions.of_user(uid.as_str()).next();
            while let Some(place) = next {
                next = self.sessions.next(place);
                let Some(session) = self.sessions.get_mut(place) else { break };
                if except.as_ref().is_some_and(|device| device.as_str() == session.device()) {
                    continue;
                }
                let reactor = self.reactors.get_mut(session.reactor).filter(|reactor| reactor.link.is_some());
                let reached = match reactor {
                    None => false,
                    Some(reactor) if reactor.congested => {
                        pacing::fall_behind(reactor, place, session, &mut self.resends);
                        false
                    }
                    Some(_) => session.listed && !session.behind,
                };
                let most = self.settings.in_flight_max;
                let at = Moment { reached, tick: tick(now) };
                let kept = match &push.class {
                    PushClass::Control(spot) => session.inflight.push(payload, spot, true, most, at),
                    PushClass::Chat(spot) => session.inflight.push(payload, spot, false, most, at),
                    PushClass::Mergeable(key) => match session.inflight.merge(key, payload, reached) {
                        None => Kept::Send(0),
                        Some(merged) => {
                            self.counts.merge(merged);
                            continue;
                        }
                    },
                };
                if kept == Kept::Missed {
                    self.counts.missed += 1;
                    scratch.missed.push(session.number);
                    continue;
                }
                if kept != Kept::Send(0) {
                    self.in_flight += 1;
                    let urgent = matches!(push.class, PushClass::Control(_));
                    let behind = if urgent { session.inflight.behind_control() } else { 0 };
                    scratch.kept.push(journal::Kept { session: session.number, behind });
                }
                let Kept::Send(push_seq) = kept else { continue };
                let prefix_at = scratch.prefixes.len();
                prefix(session.codec, push_seq, &mut scratch.prefixes);
                scratch.hits.push(Hit {
                    reactor: session.reactor,
                    json: session.codec == Codec::Json,
                    place,
                    conn: session.conn,
                    push_seq,
                    prefix_at: prefix_at as u32,
                    prefix_bytes: (scratch.prefixes.len() - prefix_at) as u8,
                });
            }
        }
    }
}

/// Writes down who keeps the push, and who has missed it; nothing if that is nobody.
fn record(push: &Push, payload: &Payload, scratch: &Scratch, out: &mut dyn Output) {
    let Scratch { kept, missed, .. } = scratch;
    let (PushClass::Control(spot) | PushClass::Chat(spot)) = &push.class else { return };
    if !kept.is_empty() || !missed.is_empty() {
        out.record(Record::Pushed {
            conversation: spot.conversation.as_str().into(),
            seq: spot.seq,
            packet: payload.as_slice().into(),
            kept: kept.into(),
            missed: missed.into(),
        });
    }
}
