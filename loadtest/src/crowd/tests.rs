//! The truth about time: crowds against a made-up server on a made-up clock, whose every delay is known. What is reported must be what was done to the messages.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::ws::{Opcode, Role, frame, upgrade};

use super::{Crowd, Pace, Plain, Span, Speech, Turn};
use crate::ledger::{Count, Ledger, Timing};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;

/// How long a message takes that a server gets at a moment: the moment of the answer, or none ever.
type Delay<'a> = &'a dyn Fn(u64) -> Option<u64>;

/// An echo server and the network to it, both in one.
struct World<'a> {
    crowd: Plain,
    turn: Turn,
    delay: Delay<'a>,
    /// What arrives at clients, by moment and number.
    coming: BTreeMap<(u64, u64), (u32, Vec<u8>)>,
    arrivals: u64,
    upgraded: Vec<bool>,
    /// An echo keeps the order of a connection.
    last: Vec<u64>,
}

impl<'a> World<'a> {
    fn new(pace: Pace, heartbeat: Option<Duration>, clients: u32, delay: Delay<'a>) -> Self {
        let speech = Speech::of(&"ws://server/".parse().unwrap(), false, None);
        let mut world = Self {
            crowd: Plain::new(speech, pace, heartbeat, 100).with_clients(0, clients),
            turn: Turn::new(1),
            delay,
            coming: BTreeMap::new(),
            arrivals: 0,
            upgraded: vec![false; clients as usize],
            last: vec![0; clients as usize],
        };
        (0..clients).for_each(|client| world.crowd.start(client, &mut world.turn));
        world.carry_out();
        world
    }

    /// Does what the crowd wants done, at once: the network takes no time.
    fn carry_out(&mut self) {
        loop {
            for client in std::mem::take(&mut self.turn.hang_ups) {
                self.coming.retain(|_, (whose, _)| *whose != client);
            }
            let mut start = 0;
            let bytes = std::mem::take(&mut self.turn.bytes);
            for (client, end) in std::mem::take(&mut self.turn.said) {
                self.serve(client, &bytes[start..end]);
                start = end;
            }
            let dials = std::mem::take(&mut self.turn.dials);
            if dials.is_empty() {
                return;
            }
            for client in dials {
                self.upgraded[client as usize] = false;
                self.crowd.opened(client, &mut self.turn);
            }
        }
    }

    fn serve(&mut self, client: u32, bytes: &[u8]) {
        let now = self.turn.now;
        if !std::mem::replace(&mut self.upgraded[client as usize], true) {
            let request = upgrade::parse(bytes).unwrap().unwrap();
            let mut answer = Vec::new();
            upgrade::accept(&mut answer, request.key, None);
            return self.arrive(now, client, answer);
        }
        let (header, head) = frame::Header::decode(bytes, Role::Server).unwrap().unwrap();
        let mut payload = bytes[head..].to_vec();
        proto::ws::mask::apply(&mut payload, header.mask.unwrap(), 0);
        let opcode = if header.opcode == Opcode::Ping { Opcode::Pong } else { header.opcode };
        if let Some(at) = (self.delay)(now) {
            let at = at.max(self.last[client as usize]);
            self.last[client as usize] = at;
            let mut answer = Vec::new();
            frame::append(&mut answer, opcode, None, &[&payload]);
            self.arrive(at, client, answer);
        }
    }

    fn arrive(&mut self, at: u64, client: u32, bytes: Vec<u8>) {
        self.arrivals += 1;
        self.coming.insert((at, self.arrivals), (client, bytes));
    }

    /// Lets time pass: every event has its moment.
    fn until(&mut self, end: u64) {
        loop {
            let arrival = self.coming.first_key_value().map(|((at, _), _)| *at);
            let deadline = self.crowd.next_deadline();
            let Some(next) = [arrival, deadline].into_iter().flatten().min().filter(|next| *next <= end)
            else {
                break;
            };
            self.turn.now = self.turn.now.max(next);
            if arrival == Some(next) {
                let (_, (client, mut bytes)) = self.coming.pop_first().unwrap();
                let consumed = self.crowd.received(client, &mut bytes, &mut self.turn);
                assert_eq!(consumed, bytes.len());
            } else {
                self.crowd.expire(&mut self.turn);
            }
            self.carry_out();
        }
        self.turn.now = end;
    }

    /// Sends for ten seconds, waits for ten more, and gives the figures.
    fn measure(mut self) -> Ledger {
        self.until(SECOND);
        assert_eq!(self.crowd.ready() as usize, self.upgraded.len());
        self.turn.running();
        let span = Span { start: SECOND, length: Duration::from_secs(10) };
        self.crowd.begin(span, &mut self.turn);
        self.carry_out();
        self.until(21 * SECOND);
        self.crowd.settle(&mut self.turn);
        assert!(!self.crowd.is_waiting());
        self.turn.books.remove(0).run
    }
}

fn open(rate: f64) -> Pace {
    Pace::Open { rate, thread: 0, threads: 1, unanswered_max: 100_000 }
}

/// Within 1 %.
fn assert_near(is: f64, should: f64) {
    assert!((is - should).abs() <= should * 0.01, "{is} is not {should}");
}

fn quantile(ledger: &Ledger, share: f64) -> f64 {
    ledger.times(Timing::Echo).unwrap().quantile_ms(share)
}

#[test]
fn a_known_delay_is_reported_within_a_hundredth() {
    for delay_ms in [1, 7, 20, 333] {
        let delay = move |now: u64| Some(now + delay_ms * MS);
        for pace in [open(1000.0), Pace::Closed { in_flight: 3 }] {
            let ledger = World::new(pace, None, 10, &delay).measure();
            for share in [0.5, 0.99, 1.0] {
                assert_near(quantile(&ledger, share), delay_ms as f64);
            }
            assert_eq!(ledger.of(Count::Sent), ledger.of(Count::Answered));
        }
    }
}

#[test]
fn a_known_distribution_is_reported_within_a_hundredth() {
    // One message of a hundred takes 50 ms, and another one 80; connections are many, so that nobody waits behind these.
    let delay = |now: u64| {
        let number = now / MS % 100;
        Some(now + MS * [50, 80].get(number as usize).copied().unwrap_or(2))
    };
    let ledger = World::new(open(1000.0), None, 100, &delay).measure();
    assert_eq!(ledger.of(Count::Answered), 10_000);
    assert_near(quantile(&ledger, 0.97), 2.0);
    assert_near(quantile(&ledger, 0.985), 50.0);
    assert_near(quantile(&ledger, 0.995), 80.0);
}

/// For a second, from the third on, nothing is answered; then everything at once.
fn stalled(now: u64) -> u64 {
    let stalled = (3 * SECOND..4 * SECOND).contains(&now);
    MS + if stalled { 4 * SECOND } else { now }
}

#[test]
fn a_stall_shows_in_an_open_model_as_everybody_felt_it() {
    let ledger = World::new(open(1000.0), None, 10, &|now| Some(stalled(now))).measure();
    // A tenth of all messages came into the stall, evenly: they waited for up to a second.
    assert_eq!((ledger.of(Count::Answered), ledger.of(Count::Missed)), (10_000, 0));
    assert_near(quantile(&ledger, 0.89), 1.0);
    assert_near(quantile(&ledger, 0.95), 501.0);
    assert_near(quantile(&ledger, 0.99), 901.0);
    assert_near(quantile(&ledger, 1.0), 1001.0);
}

#[test]
fn the_same_stall_hides_from_a_closed_loop() {
    let ledger = World::new(Pace::Closed { in_flight: 1 }, None, 10, &|now| Some(stalled(now))).measure();
    // Ten messages of ninety thousand: this is why the closed loop is not the default.
    assert_near(quantile(&ledger, 0.999), 1.0);
    assert_near(quantile(&ledger, 1.0), 1001.0);
}

#[test]
fn who_stops_answering_does_not_look_fast() {
    let delay = |now: u64| (now < 6 * SECOND).then_some(now + MS);
    let ledger = World::new(open(1000.0), None, 10, &delay).measure();
    assert_eq!((ledger.of(Count::Sent), ledger.of(Count::Answered)), (10_000, 5000));
    assert_eq!(ledger.of(Count::Unanswered), 5000);
    // The last answer was waited for until the twenty-first second: half of all have waited for ten to fifteen seconds at least.
    assert_near(quantile(&ledger, 0.45), 1.0);
    assert_near(quantile(&ledger, 0.75), 12_500.0);
    assert_near(quantile(&ledger, 1.0), 15_000.0);
}

#[test]
fn what_cannot_be_sent_is_missed_and_counts_with_its_time() {
    let never = |_| None;
    let pace = Pace::Open { rate: 1000.0, thread: 0, threads: 1, unanswered_max: 100 };
    let ledger = World::new(pace, None, 10, &never).measure();
    assert_eq!((ledger.of(Count::Sent), ledger.of(Count::Missed)), (1000, 9000));
    assert_eq!(ledger.times(Timing::Echo).unwrap().count(), 10_000);
    assert_near(quantile(&ledger, 0.5), 15_000.0);
}

#[test]
fn a_connection_that_is_lost_comes_back_and_what_was_on_it_is_unanswered() {
    let delay = |now: u64| Some(now + 10 * MS);
    let mut world = World::new(open(100.0), None, 1, &delay);
    world.until(SECOND);
    world.turn.running();
    world.crowd.begin(Span { start: SECOND, length: Duration::from_secs(10) }, &mut world.turn);
    world.until(2 * SECOND);
    world.turn.hang_up(0);
    world.crowd.lost(0, "the cable was pulled", &mut world.turn);
    world.carry_out();
    world.until(21 * SECOND);
    world.crowd.settle(&mut world.turn);
    let ledger = &world.turn.books[0].run;
    assert_eq!(ledger.errors()["the cable was pulled"], 1);
    assert_eq!((ledger.of(Count::Disconnects), ledger.of(Count::Unanswered)), (1, 1));
    // It was away for a second, in which a hundred messages were due.
    assert_eq!(ledger.of(Count::Missed), 100);
    assert_eq!(ledger.of(Count::Sent) + ledger.of(Count::Missed), 1000);
    assert_near(quantile(ledger, 0.89), 10.0);
}

#[test]
fn pings_are_timed_and_come_at_their_interval() {
    let delay = |now: u64| Some(now + 4 * MS);
    let ledger = World::new(Pace::Idle, Some(Duration::from_secs(2)), 50, &delay).measure();
    assert_eq!(ledger.of(Count::Heartbeats), 500);
    assert_eq!(ledger.of(Count::HeartbeatsAnswered), 500);
    assert_near(ledger.times(Timing::Heartbeat).unwrap().quantile_ms(0.99), 4.0);
}

#[test]
fn a_server_of_another_protocol_is_told_apart_at_its_first_word() {
    let delay = |now: u64| Some(now);
    for (answer, why) in [
        ("SSH-2.0-OpenSSH\r\n", "speaks another protocol"),
        ("HTTP/1.1 404 Not Found\r\n\r\n", "404"),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", "Sec-WebSocket-Accept"),
    ] {
        let mut world = World::new(Pace::Idle, None, 1, &delay);
        let mut bytes = answer.as_bytes().to_vec();
        world.crowd.received(0, &mut bytes, &mut world.turn);
        let errors: Vec<_> = world.turn.books[0].ramp.errors().keys().cloned().collect();
        assert!(errors[0].contains(why), "{errors:?}");
        assert_eq!(world.turn.books[0].ramp.of(Count::Failures), 1);
    }
}

#[test]
fn an_echo_that_is_none_is_wrong() {
    let delay = |_| None;
    let mut world = World::new(Pace::Closed { in_flight: 1 }, None, 1, &delay);
    world.until(SECOND);
    world.crowd.begin(Span { start: SECOND, length: Duration::from_secs(1) }, &mut world.turn);
    for expected in [(1, 0), (2, 0)] {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, Opcode::Text, None, &[b"hello"]);
        world.crowd.received(0, &mut bytes, &mut world.turn);
        let ledger = &world.turn.books[0].ramp;
        assert_eq!((ledger.of(Count::Wrong), ledger.of(Count::Doubled)), expected);
    }
}
