//! Which clients of a worker are on their way to be ready: [`Openings`]. Owns the pace of the ramp, the bound on attempts at a time, and their
//! deadline; what a client does is its crowd's business. Pure. Times are nanoseconds since the run began.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::schedule::Schedule;

/// Attempts at a time on all threads: enough that no side waits for another, a disk's syncs included; more would be a crowd in which each waits longer …
const AT_A_TIME: usize = 8192;
/// … and on one thread at most: less than any backlog.
const AT_A_TIME_MAX: usize = 512;

pub(crate) struct Openings {
    ramp: Schedule,
    clients: u32,
    started: u32,
    at_a_time: usize,
    patience: u64,
    lines: Vec<Line>,
    /// Since when a client that is on its way should be there.
    due: HashMap<u32, u64>,
    /// Attempts by their deadlines, which are all equally long.
    deadlines: VecDeque<(u64, u32, u16)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    connecting: bool,
    /// Tells its attempts apart.
    dial: u16,
}

impl Openings {
    /// `ramp` clients a second, on one of so many threads.
    pub(crate) fn new(clients: u32, ramp: f64, threads: u32, patience: Duration) -> Self {
        Self {
            ramp: Schedule::new(0, Duration::from_secs(u32::MAX.into()), ramp, 0, 1),
            clients,
            started: 0,
            at_a_time: (AT_A_TIME / threads.max(1) as usize).clamp(1, AT_A_TIME_MAX),
            patience: patience.as_nanos() as u64,
            lines: vec![Line::default(); clients as usize],
            due: HashMap::new(),
            deadlines: VecDeque::new(),
        }
    }

    /// The next client to come online, if its time has come and there is room.
    pub(crate) fn start(&mut self, now: u64) -> Option<u32> {
        if self.started == self.clients || self.due.len() >= self.at_a_time {
            return None;
        }
        let (_, due) = self.ramp.take(now)?;
        let client = self.started;
        self.started += 1;
        self.due.insert(client, due);
        Some(client)
    }

    /// A connection was asked for.
    pub(crate) fn dialled(&mut self, client: u32, now: u64) {
        let line = &mut self.lines[client as usize];
        (line.connecting, line.dial) = (true, line.dial.wrapping_add(1));
        self.due.entry(client).or_insert(now);
        self.deadlines.push_back((now + self.patience, client, line.dial));
    }

    /// Whether it has been asked for, and the answer has not come.
    pub(crate) fn is_connecting(&self, client: u32) -> bool {
        self.lines[client as usize].connecting
    }

    /// It stands.
    pub(crate) fn connected(&mut self, client: u32) {
        self.lines[client as usize].connecting = false;
    }

    /// The client is ready; since when it should have been, if it was not before.
    pub(crate) fn ready(&mut self, client: u32) -> Option<u64> {
        self.due.remove(&client)
    }

    /// Its attempt, or its connection, is over.
    pub(crate) fn over(&mut self, client: u32) {
        self.lines[client as usize].connecting = false;
        self.due.remove(&client);
    }

    /// Clients whose attempt takes too long.
    pub(crate) fn too_late(&mut self, now: u64) -> Vec<u32> {
        let mut late = Vec::new();
        while let Some((_, client, dial)) = self.deadlines.pop_front_if(|(due, client, dial)| {
            *due <= now || self.lines[*client as usize].dial != *dial || !self.due.contains_key(client)
        }) {
            if self.lines[client as usize].dial == dial && self.due.contains_key(&client) {
                late.push(client);
            }
        }
        late
    }

    /// When something is due.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let room = self.started < self.clients && self.due.len() < self.at_a_time;
        let ramp = self.ramp.next().filter(|_| room);
        [ramp, self.deadlines.front().map(|(due, ..)| *due)].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn clients_come_at_their_pace_and_no_more_at_a_time_than_there_is_room_for() {
        let mut openings = Openings::new(1000, 100.0, 64, Duration::from_secs(5));
        assert_eq!((openings.start(0), openings.start(0)), (Some(0), None));
        assert_eq!(openings.next_deadline(), Some(SECOND / 100));
        let many = std::iter::from_fn(|| openings.start(100 * SECOND)).count();
        assert_eq!(many, AT_A_TIME / 64 - 1);
        assert_eq!(openings.ready(0), Some(0));
        assert_eq!(openings.start(100 * SECOND), Some(AT_A_TIME as u32 / 64));
    }

    #[test]
    fn an_attempt_that_takes_too_long_is_told_once_and_none_that_has_ended() {
        let mut openings = Openings::new(3, 1000.0, 1, Duration::from_secs(5));
        (0..3).for_each(|client| {
            openings.start(SECOND).unwrap();
            openings.dialled(client, SECOND);
        });
        openings.ready(0);
        openings.over(1);
        openings.dialled(1, 4 * SECOND);
        assert_eq!(openings.too_late(6 * SECOND), [2]);
        openings.over(2);
        assert_eq!(openings.too_late(9 * SECOND), [1]);
        openings.over(1);
        assert_eq!(openings.next_deadline(), None);
    }
}
