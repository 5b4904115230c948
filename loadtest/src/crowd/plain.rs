//! Connections to any WebSocket or TCP server, that sit there or have their messages echoed: [`Plain`]. Owns the schedule of each message and the accounting of
//! what comes back; knows nothing of Holdfast's packets. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use proto::ws::{Event, Limits, Opcode, Receiver, Role, frame};

use super::opening::{MASK, Speech};
use super::overdue::Overdue;
use super::{Crowd, RETRY, Span, Turn};
use crate::ledger::{Count, Timing};
use crate::schedule::Schedule;

/// Each message begins with its number on its connection.
pub(crate) const NUMBER_BYTES: usize = 8;
/// Messages begun in one turn at most, so that what comes in is looked at.
const BUDGET: usize = 4096;
const LIMITS: Limits = Limits { message_bytes: 16 * 1024 * 1024, fragments: 1024 };

/// When messages are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Never.
    Idle,
    /// At even distances, so many a second on all threads together, whatever the server does. Of `threads` this is number `thread`.
    Open { rate: f64, thread: u32, threads: u32, unanswered_max: u32 },
    /// Whenever one has come back; so many of each client are on the way.
    Closed { in_flight: u32 },
}

/// How often a WebSocket is pinged, if at all.
type Heartbeat = Option<Duration>;

/// Clients of an echo.
pub(crate) struct Plain {
    speech: Speech,
    heartbeat: Heartbeat,
    pace: Pace,
    /// The number of the first client, of those on all threads.
    first: u64,
    clients: Vec<Client>,
    ready: u32,
    /// What follows the number in a message.
    filling: Vec<u8>,
    /// Who is pinged when: all intervals are equal, so the next one stands in front.
    pings: VecDeque<(u64, u32)>,
    /// Who dials when; the same holds.
    dials: VecDeque<(u64, u32)>,
    sending: Option<Sending>,
    on_the_way: u64,
}

/// What there is while messages are sent, and until the last are answered.
struct Sending {
    schedule: Option<Schedule>,
    end: u64,
    overdue: Overdue,
}

#[derive(Default)]
struct Client {
    stage: Stage,
    /// It stands in `pings`.
    beating: bool,
    /// What a fragmented message needs, while one is on its way.
    receiver: Option<Box<Receiver>>,
    /// Made with the first message.
    talk: Option<Box<Talk>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Away,
    Opening,
    Open,
}

/// The messages of a connection.
#[derive(Default)]
struct Talk {
    sent: u64,
    /// When those were due that have not come back, in the order of their sending, in which an echo returns them.
    waiting: VecDeque<u64>,
}

impl Plain {
    pub(crate) fn new(speech: Speech, pace: Pace, heartbeat: Heartbeat, message_bytes: usize) -> Self {
        let heartbeat = heartbeat.filter(|_| matches!(speech, Speech::WebSocket { .. }));
        Self {
            speech,
            heartbeat,
            pace,
            first: 0,
            clients: Vec::new(),
            ready: 0,
            filling: vec![b'x'; message_bytes.saturating_sub(NUMBER_BYTES)],
            pings: VecDeque::new(),
            dials: VecDeque::new(),
            sending: None,
            on_the_way: 0,
        }
    }

    /// So many clients, the first of which has this number.
    pub(crate) fn with_clients(mut self, first: u64, count: u32) -> Self {
        self.first = first;
        self.clients.resize_with(count as usize, Client::default);
        self
    }

    fn dial(&mut self, client: u32, turn: &mut Turn) {
        self.clients[client as usize].stage = Stage::Opening;
        turn.dial(client);
    }

    fn became_open(&mut self, client: u32, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        one.stage = Stage::Open;
        self.ready += 1;
        if let (Some(interval), false) = (self.heartbeat, one.beating) {
            one.beating = true;
            self.pings.push_back((turn.now + interval.as_nanos() as u64, client));
        }
        self.refill(client, turn);
    }

    /// In a closed loop: sends until as many are on the way as should be.
    fn refill(&mut self, client: u32, turn: &mut Turn) {
        let Pace::Closed { in_flight } = self.pace else { return };
        let sending = self.sending.as_ref().is_some_and(|sending| turn.now < sending.end);
        while sending && self.waiting(client) < in_flight as usize {
            self.send(client, turn.now, turn);
        }
    }

    fn waiting(&self, client: u32) -> usize {
        self.clients[client as usize].talk.as_ref().map_or(0, |talk| talk.waiting.len())
    }

    fn send(&mut self, client: u32, due: u64, turn: &mut Turn) {
        let talk = self.clients[client as usize].talk.get_or_insert_default();
        talk.sent += 1;
        talk.waiting.push_back(due);
        self.on_the_way += 1;
        let number = talk.sent.to_le_bytes();
        turn.say(client, |out| self.speech.message(&[&number, &self.filling], out));
        turn.was_due(due);
        turn.count(Count::Sent, 1);
    }

    /// Sends what is due in an open model.
    fn send_due(&mut self, turn: &mut Turn) {
        let Pace::Open { unanswered_max, .. } = self.pace else { return };
        for _ in 0..BUDGET {
            let Some(sending) = &mut self.sending else { return };
            let Some((number, due)) = sending.schedule.as_mut().and_then(|schedule| schedule.take(turn.now))
            else {
                return;
            };
            let client = (number % self.clients.len() as u64) as u32;
            let open = self.is_ready(client);
            if open && self.waiting(client) < unanswered_max as usize {
                self.send(client, due, turn);
            } else if let Some(sending) = &mut self.sending {
                sending.overdue.add(due);
                turn.count(Count::Missed, 1);
                turn.error(if open {
                    "a message was due with too many unanswered"
                } else {
                    "a message was due without a connection"
                });
            }
        }
    }

    fn echoed(&mut self, client: u32, payload: &[u8], turn: &mut Turn) {
        let Some(talk) = &mut self.clients[client as usize].talk else {
            turn.count(Count::Wrong, 1);
            return turn.error("a message that nobody asked for");
        };
        let Some(due) = talk.waiting.pop_front() else {
            turn.count(Count::Doubled, 1);
            return turn.error("an echo too many");
        };
        self.on_the_way -= 1;
        let expected = talk.sent - talk.waiting.len() as u64;
        let whole = payload.len() == NUMBER_BYTES + self.filling.len();
        if !whole || payload.first_chunk() != Some(&expected.to_le_bytes()) {
            turn.count(Count::Wrong, 1);
            turn.error("what came back is not what was sent");
        }
        turn.time(Timing::Echo, turn.now.saturating_sub(due));
        turn.count(Count::Answered, 1);
        turn.count(
            Count::AnsweredInTime,
            u64::from(self.sending.as_ref().is_some_and(|sending| turn.now < sending.end)),
        );
        self.refill(client, turn);
    }

    /// Takes a WebSocket's frames.
    fn frames(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> Result<usize, String> {
        let kept = self.clients[client as usize].receiver.take();
        let mut receiver = kept.map_or_else(|| Receiver::new(Role::Client), |kept| *kept);
        let mut at = 0;
        while let Some(event) =
            receiver.next(bytes, &mut at, &LIMITS).map_err(|error| format!("protocol: {error}"))?
        {
            match event {
                Event::Binary(payload) | Event::Text(payload) => self.echoed(client, payload, turn),
                Event::Ping(payload) => {
                    turn.say(client, |out| frame::append(out, Opcode::Pong, Some(MASK), &[payload]));
                }
                Event::Pong(payload) => {
                    if let Some(sent) = payload.first_chunk() {
                        turn.time(Timing::Heartbeat, turn.now.saturating_sub(u64::from_le_bytes(*sent)));
                        turn.count(Count::HeartbeatsAnswered, 1);
                    }
                }
                Event::Close { code, reason } => {
                    let code = code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
                    return Err(format!("closed by the server: {code} {reason}").trim_end().to_owned());
                }
            }
        }
        if !receiver.is_idle() {
            self.clients[client as usize].receiver = Some(Box::new(receiver));
        }
        Ok(at)
    }

    /// Takes what came on an open connection.
    fn messages(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> Result<usize, String> {
        match self.speech {
            Speech::WebSocket { .. } => self.frames(client, bytes, turn),
            Speech::Bytes => {
                let size = NUMBER_BYTES + self.filling.len();
                let whole = bytes.len() - bytes.len() % size;
                bytes[..whole].chunks(size).for_each(|message| self.echoed(client, message, turn));
                Ok(whole)
            }
            Speech::Lengths => {
                let mut at = 0;
                while let Some(range) = proto::tcp::next(bytes, at, LIMITS.message_bytes)
                    .map_err(|error| format!("protocol: {error}"))?
                {
                    at = range.end;
                    self.echoed(client, &bytes[range], turn);
                }
                Ok(at)
            }
        }
    }
}

impl Crowd for Plain {
    fn start(&mut self, client: u32, turn: &mut Turn) {
        self.dial(client, turn);
    }

    fn opened(&mut self, client: u32, turn: &mut Turn) {
        let number = self.first + u64::from(client);
        let mut open = false;
        turn.say(client, |out| open = self.speech.open(number, out));
        if open {
            self.became_open(client, turn);
        }
    }

    fn received(&mut self, client: u32, bytes: &mut [u8], turn: &mut Turn) -> usize {
        let mut at = 0;
        if self.clients[client as usize].stage == Stage::Opening {
            match self.speech.answered(self.first + u64::from(client), bytes) {
                Ok(None) => return 0,
                Ok(Some(head)) => {
                    at = head;
                    self.became_open(client, turn);
                }
                Err(why) => {
                    turn.hang_up(client);
                    self.lost(client, &why, turn);
                    return bytes.len();
                }
            }
        }
        match self.messages(client, &mut bytes[at..], turn) {
            Ok(consumed) => at + consumed,
            Err(why) => {
                turn.hang_up(client);
                self.lost(client, &why, turn);
                bytes.len()
            }
        }
    }

    fn lost(&mut self, client: u32, why: &str, turn: &mut Turn) {
        let one = &mut self.clients[client as usize];
        let was_open = one.stage == Stage::Open;
        (one.stage, one.receiver) = (Stage::Away, None);
        self.ready -= u32::from(was_open);
        turn.count(if was_open { Count::Disconnects } else { Count::Failures }, 1);
        turn.error(&if was_open { why.to_owned() } else { format!("connect: {why}") });
        if let (Some(talk), Some(sending)) = (&mut one.talk, &mut self.sending) {
            let waiting = talk.waiting.len() as u64;
            talk.waiting.drain(..).for_each(|due| sending.overdue.add(due));
            self.on_the_way -= waiting;
            turn.count(Count::Unanswered, waiting);
        }
        self.dials.push_back((turn.now + RETRY.as_nanos() as u64, client));
    }

    fn begin(&mut self, span: Span, turn: &mut Turn) {
        let schedule = match self.pace {
            Pace::Open { rate, thread, threads, .. } if !self.clients.is_empty() => {
                Some(Schedule::new(span.start, span.length, rate, thread, threads))
            }
            _ => None,
        };
        self.sending = Some(Sending { schedule, end: span.end(), overdue: Overdue::new(span) });
        for client in 0..self.clients.len() as u32 {
            if self.is_ready(client) {
                self.refill(client, turn);
            }
        }
    }

    fn expire(&mut self, turn: &mut Turn) {
        self.send_due(turn);
        while let Some((_, client)) = self.dials.pop_front_if(|(due, _)| *due <= turn.now) {
            self.dial(client, turn);
        }
        while let Some((_, client)) = self.pings.pop_front_if(|(due, _)| *due <= turn.now) {
            let open = self.is_ready(client);
            self.clients[client as usize].beating = open;
            if let (Some(interval), true) = (self.heartbeat, open) {
                let sent = turn.now.to_le_bytes();
                turn.say(client, |out| frame::append(out, Opcode::Ping, Some(MASK), &[&sent]));
                turn.count(Count::Heartbeats, 1);
                self.pings.push_back((turn.now + interval.as_nanos() as u64, client));
            }
        }
    }

    fn settle(&mut self, turn: &mut Turn) {
        let Some(sending) = &mut self.sending else { return };
        for talk in self.clients.iter_mut().filter_map(|client| client.talk.as_mut()) {
            turn.count(Count::Unanswered, talk.waiting.len() as u64);
            talk.waiting.drain(..).for_each(|due| sending.overdue.add(due));
        }
        self.on_the_way = 0;
        sending.overdue.settle(Timing::Echo, turn);
    }

    fn next_deadline(&self) -> Option<u64> {
        let schedule = self.sending.as_ref().and_then(|sending| sending.schedule.as_ref()?.next());
        let front = |queue: &VecDeque<(u64, u32)>| queue.front().map(|(due, _)| *due);
        [schedule, front(&self.pings), front(&self.dials)].into_iter().flatten().min()
    }

    fn is_ready(&self, client: u32) -> bool {
        self.clients[client as usize].stage == Stage::Open
    }

    fn ready(&self) -> u32 {
        self.ready
    }

    fn is_waiting(&self) -> bool {
        self.on_the_way > 0
    }
}
