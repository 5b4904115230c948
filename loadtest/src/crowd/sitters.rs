//! Users of Holdfast who are logged in, keep their session alive and count what they hear: [`Sitters`], some 50 bytes each where a whole SDK client takes ten times as
//! much. Owns their packets, their acknowledgements, and the accounting of what groups are told; a session that is lost with its connection is begun anew. Pure.

mod groups;
mod packets;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use proto::packet::{ClientBody, ClientPacket, Codec, encode_client};
use proto::ws::Receiver;

use super::opening::Speech;
use super::{Crowd, RETRY, Span, Turn};
use crate::identity::Identity;
use crate::ledger::{Count, Timing};
use crate::plan::Share;
pub(crate) use groups::{Gathering, Groups};

/// Until a server has said otherwise.
const HEARTBEAT: Duration = Duration::from_secs(30);
const ACK_DELAY: Duration = Duration::from_millis(200);
const MILLISECOND: u64 = 1_000_000;

pub(crate) struct Sitters {
    speech: Speech,
    identity: Identity,
    run: u64,
    /// The number of the first client, of those on all threads.
    first: u64,
    clients: Vec<Client>,
    ready: u32,
    /// Who sends a heartbeat when, who dials when, who acknowledges when: in each all waits are equal, so the next one stands in front.
    beats: VecDeque<(u64, u32)>,
    dials: VecDeque<(u64, u32)>,
    acks: VecDeque<(u64, u32)>,
    heartbeat: Duration,
    ack_delay: Duration,
    groups: Option<Groups>,
    packet: Vec<u8>,
}

#[derive(Default)]
struct Client {
    stage: Stage,
    /// It stands in `beats`, and in `acks`.
    beating: bool,
    acking: bool,
    /// A heartbeat has not been answered.
    unanswered: bool,
    /// All pushes up to here have come. A load test of more than four thousand million pushes to one client is none.
    pushed: u32,
    /// Messages of its group that have come in order, and those that were left out.
    heard: u32,
    skipped: u32,
    /// When its last heartbeat was sent, in milliseconds of the run.
    beat_ms: u32,
    /// What a fragmented message needs, while one is on its way.
    receiver: Option<Box<Receiver>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Away,
    Opening,
    LoggingIn,
    Ready,
    /// It will never be let in.
    Refused,
}

impl Sitters {
    pub(crate) fn new(speech: Speech, identity: Identity, run: u64, share: Share) -> Self {
        let mut clients = Vec::new();
        clients.resize_with(share.count as usize, Client::default);
        Self {
            speech,
            identity,
            run,
            first: share.first,
            clients,
            ready: 0,
            beats: VecDeque::new(),
            dials: VecDeque::new(),
            acks: VecDeque::new(),
            heartbeat: HEARTBEAT,
            ack_delay: ACK_DELAY,
            groups: None,
            packet: Vec::new(),
        }
    }

    /// They are in groups, who are told something.
    pub(crate) fn in_groups(mut self, groups: Groups) -> Self {
        self.groups = Some(groups);
        self
    }

    fn say(&mut self, client: u32, client_id: u64, body: ClientBody, turn: &mut Turn) {
        self.packet.clear();
        encode_client(Codec::Proto, ClientPacket { client_id, body }, &mut self.packet);
        turn.say(client, |out| self.speech.message(&[&self.packet], out));
    }

    fn log_in(&mut self, client: u32, turn: &mut Turn) {
        self.clients[client as usize].stage = Stage::LoggingIn;
        let uid = self.identity.uid(self.first + u64::from(client)).expect("checked for the longest");
        let login = self.identity.login(uid);
        self.say(client, 0, ClientBody::Login(login), turn);
    }

    fn dial(&mut self, client: u32, turn: &mut Turn) {
        self.clients[client as usize].stage = Stage::Opening;
        turn.dial(client);
    }

    fn beat(&mut self, client: u32, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        one.beating = one.stage == Stage::Ready;
        if one.beating {
            if one.unanswered {
                turn.error("a heartbeat was not answered within its interval");
            }
            one.unanswered = true;
            one.beat_ms = (turn.now / MILLISECOND) as u32;
            turn.count(Count::Heartbeats, 1);
            self.say(client, 0, ClientBody::Heartbeat, turn);
            self.beats.push_back((turn.now + self.heartbeat.as_nanos() as u64, client));
        }
    }

    fn acknowledge(&mut self, client: u32, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        one.acking = false;
        if one.stage == Stage::Ready {
            let push_seq = u64::from(one.pushed);
            self.say(client, 0, ClientBody::Ack { push_seq }, turn);
        }
    }

    fn end(&mut self, client: u32, why: &str, turn: &mut Turn) {
        turn.hang_up(client);
        self.lost(client, why, turn);
    }
}

impl Crowd for Sitters {
    fn start(&mut self, client: u32, turn: &mut Turn) {
        self.dial(client, turn);
    }

    fn opened(&mut self, client: u32, turn: &mut Turn) {
        let number = self.first + u64::from(client);
        let mut open = false;
        turn.say(client, |out| open = self.speech.open(number, out));
        if open {
            self.log_in(client, turn);
        }
    }

    fn received(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> usize {
        self.take(client, bytes, turn).unwrap_or_else(|why| {
            self.end(client, &why, turn);
            bytes.len()
        })
    }

    fn lost(&mut self, client: u32, why: &str, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        let (stage, was_ready) = (one.stage, one.stage == Stage::Ready);
        (one.receiver, one.unanswered, one.pushed) = (None, false, 0);
        self.ready -= u32::from(was_ready);
        turn.count(if was_ready { Count::Disconnects } else { Count::Failures }, 1);
        turn.error(&if was_ready { why.to_owned() } else { format!("connect: {why}") });
        if stage != Stage::Refused {
            one.stage = Stage::Away;
            self.dials.push_back((turn.now + RETRY.as_nanos() as u64, client));
        }
    }

    fn begin(&mut self, span: Span, _turn: &mut Turn) {
        if let Some(groups) = &mut self.groups {
            groups.begin(span);
        }
    }

    fn expire(&mut self, turn: &mut Turn) {
        self.tell_groups(turn);
        while let Some((_, client)) = self.acks.pop_front_if(|(due, _)| *due <= turn.now) {
            self.acknowledge(client, turn);
        }
        while let Some((_, client)) = self.beats.pop_front_if(|(due, _)| *due <= turn.now) {
            self.beat(client, turn);
        }
        while let Some((_, client)) = self.dials.pop_front_if(|(due, _)| *due <= turn.now) {
            self.dial(client, turn);
        }
    }

    fn settle(&mut self, turn: &mut Turn) {
        self.settle_groups(turn);
    }

    fn next_deadline(&self) -> Option<u64> {
        let groups = self.groups.as_ref().and_then(Groups::next_deadline);
        let fronts = [&self.acks, &self.beats, &self.dials].map(|queue| queue.front().map(|(due, _)| *due));
        fronts.into_iter().flatten().chain(groups).min()
    }

    fn is_ready(&self, client: u32) -> bool {
        self.clients[client as usize].stage == Stage::Ready
    }

    fn ready(&self) -> u32 {
        // Nobody is where he should be before his group is there.
        if self.groups.as_ref().is_none_or(Groups::are_made) {
            self.ready
        } else {
            self.ready.saturating_sub(1)
        }
    }

    fn is_waiting(&self) -> bool {
        self.groups.as_ref().is_some_and(Groups::is_waiting)
    }
}

/// The time since a heartbeat.
fn since_beat(now: u64, beat_ms: u32) -> u64 {
    u64::from(((now / MILLISECOND) as u32).wrapping_sub(beat_ms)) * MILLISECOND
}

impl Sitters {
    /// A heartbeat has come back.
    fn beaten(&mut self, client: u32, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        if std::mem::replace(&mut one.unanswered, false) {
            turn.time(Timing::Heartbeat, since_beat(turn.now, one.beat_ms));
            turn.count(Count::HeartbeatsAnswered, 1);
        }
    }
}
