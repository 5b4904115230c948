//! The chat scenario: pairs of users, one says and the other hears, a fixed number of messages on the way. Owns what is sent and the accounting of what
//! becomes of it; the clients are [`Fleet`]'s.
//!
//! Client `2 p` of pair `p` says, client `2 p + 1` hears.

use std::io;
use std::time::{Duration, Instant};

use client::{Answer, Command, Event, Failure, Input, Ticket};
use proto::ids::{DeviceId, NameError, Uid};
use proto::packet::{Body, Login, Submit, Target};

use crate::chat_report::{Latency, Report, Usage};
use crate::fleet::Fleet;
use crate::{ChatLoad, process};

/// Bytes at the start of a message: run, number in its pair, moment of the submit.
pub(crate) const STAMP_BYTES: usize = 24;

/// How long clients may take to get online, beyond the time that starting them takes; and how long the last messages may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest wait in a turn, so that the scenario's own clock is looked at.
const TURN: Duration = Duration::from_millis(20);

/// What a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    run: u64,
    number: u64,
    sent_ns: u64,
}

/// What became of a pair's messages.
#[derive(Debug, Default)]
struct Pair {
    sent: u64,
    answered: u64,
    refused: u64,
    delivered: u64,
    /// Delivered messages that had been delivered before.
    doubled: u64,
    /// The number of the last one delivered.
    last: u64,
}

impl Pair {
    /// Messages on the way: not yet both answered and delivered.
    fn on_the_way(&self) -> u64 {
        self.sent - self.refused - self.answered.min(self.delivered)
    }

    /// Messages come in the order of their numbers, so that a number not above the last one has come before.
    fn deliver(&mut self, number: u64) -> bool {
        let new = number > self.last;
        if new {
            self.last = number;
            self.delivered += 1;
        } else {
            self.doubled += 1;
        }
        new
    }
}

struct Scenario<'a> {
    load: &'a ChatLoad,
    fleet: Fleet<'a>,
    pairs: Vec<Pair>,
    names: Names,
    began: Instant,
    run: u64,
    /// Which clients have been online, and how many.
    seen: Vec<bool>,
    online: u32,
    /// How many the server would not have.
    gone: u32,
    sending: bool,
    answered_in_time: u64,
    submit: Latency,
    delivery: Latency,
}

/// What clients are called.
#[derive(Clone, Debug)]
struct Names {
    prefix: String,
}

impl Names {
    fn uid(&self, number: u32) -> Result<Uid, NameError> {
        let role = if number.is_multiple_of(2) { "a" } else { "b" };
        format!("{}-{}{role}", self.prefix, number / 2).parse()
    }
}

pub(crate) fn run(load: &ChatLoad, mint: &mut dyn FnMut(&Uid) -> String) -> io::Result<Report> {
    let names = Names { prefix: load.prefix.clone() };
    // The longest name is the last one's: all others are good if it is.
    names
        .uid(load.pairs.saturating_mul(2))
        .map_err(|error| invalid(format!("the prefix makes a uid that {error}")))?;
    if load.pairs == 0 || load.in_flight == 0 || load.connections_per_second == 0 {
        return Err(invalid("pairs, messages in flight and connections per second must not be 0".into()));
    }
    // A wrong process id is told now, not after the connecting.
    cpu_of(load)?;
    let of_logins = names.clone();
    let device: DeviceId = "load".parse().expect("a good name");
    let mut logins = move |number| {
        let uid = of_logins.uid(number).expect("checked for the longest");
        let (token, device) = (mint(&uid), device.clone());
        Login { uid, device, token, client: concat!("holdfast-load/", env!("CARGO_PKG_VERSION")).into() }
    };
    let fleet = Fleet::new(&load.url, load.codec, &mut logins)?;
    let mut scenario = Scenario {
        load,
        fleet,
        pairs: (0..load.pairs).map(|_| Pair::default()).collect(),
        names,
        began: Instant::now(),
        run: std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), load.pairs),
        seen: vec![false; load.pairs as usize * 2],
        online: 0,
        gone: 0,
        sending: false,
        answered_in_time: 0,
        submit: Latency::default(),
        delivery: Latency::default(),
    };
    scenario.connect()?;
    let connecting = scenario.began.elapsed();
    let before = cpu_of(load)?;
    let sending = scenario.send()?;
    let after = cpu_of(load)?;
    scenario.drain()?;
    let usage = before
        .into_iter()
        .zip(after)
        .map(|(before, after)| Usage { cpu_ns: after.cpu_ns.saturating_sub(before.cpu_ns), ..after });
    Ok(scenario.report(connecting, sending, usage.collect()))
}

impl Scenario<'_> {
    /// Starts the clients at their rate and waits until all are online.
    fn connect(&mut self) -> io::Result<()> {
        let clients = self.load.pairs * 2;
        let rate = f64::from(self.load.connections_per_second);
        let deadline = PATIENCE + Duration::from_secs_f64(f64::from(clients) / rate);
        while self.online < clients {
            let elapsed = self.began.elapsed();
            if elapsed > deadline || self.online + self.gone == clients {
                let why: Vec<_> =
                    self.fleet.errors.iter().map(|(why, count)| format!("{count} times {why}")).collect();
                let text =
                    format!("only {} of {clients} clients are online: {}", self.online, why.join(", "));
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            let due = (elapsed.as_secs_f64() * rate) as u32 + 1;
            while self.fleet.len() < clients.min(due) {
                let uid = self.names.uid(self.fleet.len()).map_err(|error| invalid(error.to_string()))?;
                self.fleet.start(uid);
            }
            self.turn(Duration::from_secs_f64(1.0 / rate).min(TURN))?;
        }
        Ok(())
    }

    /// Keeps messages on the way for the duration; how long that was.
    fn send(&mut self) -> io::Result<Duration> {
        let began = Instant::now();
        self.sending = true;
        (0..self.load.pairs).for_each(|pair| self.refill(pair));
        while began.elapsed() < self.load.duration {
            self.turn(TURN.min(self.load.duration.saturating_sub(began.elapsed())))?;
        }
        self.sending = false;
        Ok(began.elapsed())
    }

    /// Waits for what is on the way.
    fn drain(&mut self) -> io::Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE && self.pairs.iter().any(|pair| pair.on_the_way() > 0) {
            self.turn(TURN)?;
        }
        // A message that was doubled follows at once: one more turn for it, and for the goodbyes.
        self.fleet.log_out();
        self.turn(TURN)?;
        self.turn(TURN)
    }

    fn turn(&mut self, wait: Duration) -> io::Result<()> {
        self.fleet.turn(wait)?;
        let now_ns = self.now_ns();
        let mut events = std::mem::take(&mut self.fleet.events);
        for (number, event) in events.drain(..) {
            self.event(number, event, now_ns);
        }
        self.fleet.events = events;
        Ok(())
    }

    fn event(&mut self, number: u32, event: Event, now_ns: u64) {
        let pair = number / 2;
        match event {
            Event::LoggedIn { .. } => {
                let before = std::mem::replace(&mut self.seen[number as usize], true);
                self.online += u32::from(!before);
            }
            Event::Offline { .. } if self.sending => self.fleet.count("a client went offline".into()),
            Event::Resumed { .. } => {}
            // The event does not tell from what: an attempt that failed, or a session that ended.
            Event::Offline { .. } => {}
            Event::Delivered(message) => {
                if !number.is_multiple_of(2)
                    && let Body::Data(data) = &message.body
                    && let Some(stamp) = Stamp::read(data).filter(|stamp| stamp.run == self.run)
                {
                    self.delivered(pair, stamp, now_ns);
                }
            }
            Event::Answered(sent_ns, Ok(Answer::Submitted(_))) => {
                self.pairs[pair as usize].answered += 1;
                self.answered_in_time += u64::from(self.sending);
                self.submit.record(now_ns.saturating_sub(sent_ns));
                self.refill(pair);
            }
            Event::Answered(_, Ok(Answer::GroupMade { .. })) | Event::History(..) => {}
            // Unanswered ones show in the report as such.
            Event::Answered(_, Err(Failure::Stopped)) => {}
            Event::Answered(_, Err(failure)) => {
                self.pairs[pair as usize].refused += 1;
                self.fleet.count(format!("submit: {failure}"));
                self.refill(pair);
            }
            Event::Kicked(reason, text) => self.fleet.count(format!("kicked: {reason:?} {text}")),
            Event::Refused(refused) => self.fleet.count(format!("refused: {:?}", refused.code)),
            Event::Stopped(client::StopReason::LoggedOut) => {}
            Event::Stopped(reason) => {
                self.gone += u32::from(!self.seen[number as usize]);
                self.fleet.count(match reason {
                    client::StopReason::LoginRefused(refused) => format!("login refused: {:?}", refused.code),
                    other => format!("stopped: {other:?}"),
                });
            }
        }
    }

    fn delivered(&mut self, pair: u32, stamp: Stamp, now_ns: u64) {
        if self.pairs[pair as usize].deliver(stamp.number) {
            self.delivery.record(now_ns.saturating_sub(stamp.sent_ns));
            self.refill(pair);
        }
    }

    /// Sends until as many messages are on the way as should be.
    fn refill(&mut self, number: u32) {
        while self.sending && self.pairs[number as usize].on_the_way() < u64::from(self.load.in_flight) {
            let sent_ns = self.now_ns();
            let pair = &mut self.pairs[number as usize];
            pair.sent += 1;
            let mut data = Stamp { run: self.run, number: pair.sent, sent_ns }.write();
            data.resize(self.load.body_bytes.max(STAMP_BYTES), 0);
            let to = self.names.uid(number * 2 + 1).expect("checked for the longest");
            let submit = Submit { target: Target::User(to), body: Body::Data(data) };
            // The ticket says when.
            let ticket: Ticket = sent_ns;
            self.fleet.give(number * 2, Input::Command(ticket, Command::Submit(submit)));
        }
    }

    fn now_ns(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn report(mut self, connecting: Duration, sending: Duration, usage: Vec<Usage>) -> Report {
        let ChatLoad { pairs, in_flight, body_bytes, connections_per_second, .. } = self.load;
        let form = if self.load.url.is_websocket() { format!("{:?}", self.load.codec) } else { "Tcp".into() };
        let scenario = format!(
            "closed loop: {pairs} pairs x {in_flight} in flight x {} bytes, {form}, connected at {connections_per_second}/s",
            body_bytes.max(&STAMP_BYTES)
        );
        let sum = |of: fn(&Pair) -> u64| self.pairs.iter().map(of).sum();
        Report {
            scenario,
            connecting,
            sending,
            sent: sum(|pair| pair.sent),
            answered_in_time: self.answered_in_time,
            answered: sum(|pair| pair.answered),
            delivered: sum(|pair| pair.delivered),
            lost: sum(|pair| pair.answered.saturating_sub(pair.delivered)),
            doubled: sum(|pair| pair.doubled),
            unanswered: sum(|pair| pair.sent - pair.refused - pair.answered),
            submit: self.submit,
            delivery: self.delivery,
            errors: std::mem::take(&mut self.fleet.errors),
            usage,
        }
    }
}

impl Stamp {
    fn write(self) -> Vec<u8> {
        [self.run, self.number, self.sent_ns].iter().flat_map(|part| part.to_be_bytes()).collect()
    }

    fn read(data: &[u8]) -> Option<Self> {
        let ([run, number, sent_ns, ..], _) = data.as_chunks::<8>() else { return None };
        let [run, number, sent_ns] = [run, number, sent_ns].map(|part| u64::from_be_bytes(*part));
        Some(Self { run, number, sent_ns })
    }
}

/// CPU time of the processes that are watched, and of this one.
fn cpu_of(load: &ChatLoad) -> io::Result<Vec<Usage>> {
    let own = ("load".to_owned(), std::process::id());
    let watched = load.pids.iter().map(|pid| (pid.name.clone(), pid.pid)).chain([own]);
    watched
        .map(|(name, pid)| {
            let cpu_ns = process::cpu_ns(pid)
                .map_err(|error| io::Error::new(error.kind(), format!("process {name} ({pid}): {error}")))?;
            Ok(Usage { name, cpu_ns })
        })
        .collect()
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_and_what_is_too_short_is_none() {
        let stamp = Stamp { run: 1, number: 2, sent_ns: 3 };
        let mut data = stamp.write();
        assert_eq!(data.len(), STAMP_BYTES);
        assert_eq!(Stamp::read(&data[1..]), None);
        data.resize(100, 7);
        assert_eq!(Stamp::read(&data), Some(stamp));
    }

    #[test]
    fn a_message_is_on_the_way_until_it_is_both_answered_and_delivered() {
        let mut pair = Pair { sent: 3, answered: 2, ..Pair::default() };
        assert_eq!(pair.on_the_way(), 3);
        assert!(pair.deliver(1));
        assert!(!pair.deliver(1));
        assert!(pair.deliver(3));
        assert_eq!((pair.on_the_way(), pair.delivered, pair.doubled), (1, 2, 1));
        pair.refused = 1;
        assert_eq!(pair.on_the_way(), 0);
    }
}
