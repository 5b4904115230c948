//! Rooms in which one speaks and the others listen: as soon as all have heard a message, and the speaker has its acknowledgement if there is such a thing, the
//! next one is said. Owns the count of what is missing and the clock; it is a closed loop, and tells what a server can do at most.

use std::collections::VecDeque;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token};

use super::conn::{Conn, Socket};
use super::{Dialect, Ear, Heard, Who, Work};
use crate::server;

/// Unmeasured time at the start of a run.
const WARM_UP: Duration = Duration::from_millis(500);
/// A server that says nothing for so long is broken.
const SILENCE: Duration = Duration::from_secs(10);
const READ_BYTES: usize = 256 * 1024;
/// Threads that connect clients.
const DIALLERS: usize = 64;

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Messages a second.
    pub rate: f64,
    /// Deliveries a second.
    pub deliveries: f64,
    /// Server CPU time a delivery, in microseconds.
    pub cpu_micros: f64,
    /// CPU time of this client a delivery, in microseconds.
    pub client_micros: f64,
    /// From the saying to the last delivery, and to the acknowledgement: p50, p99 and p99.9 in milliseconds.
    pub delivery_ms: [f64; 3],
    /// See `delivery_ms`; zero where there is none.
    pub acknowledgement_ms: [f64; 3],
}

struct Client {
    who: Who,
    conn: Conn,
    ear: Ear,
    dirty: bool,
}

/// What is missing in a room.
#[derive(Default)]
struct Room {
    speaker: usize,
    said: u64,
    acknowledged: u64,
    /// Deliveries to all listeners together.
    delivered: u64,
    /// When those were said that are not finished: the first is number `finished + 1`.
    times: VecDeque<Instant>,
    finished: u64,
}

/// Bytes of resident memory of the servers for each of so many clients that listen, one in each room.
pub fn idle(dialect: &dyn Dialect, work: &Work) -> io::Result<f64> {
    let before = server::resident_bytes_of(&work.pids)?;
    let clients = enter(dialect, work, false)?;
    thread::sleep(Duration::from_secs(2));
    let after = server::resident_bytes_of(&work.pids)?;
    Ok((after as f64 - before as f64) / clients.len() as f64)
}

/// Lets all rooms talk for as long as was asked for.
pub fn talk(dialect: &dyn Dialect, work: &Work) -> io::Result<Outcome> {
    let mut poll = Poll::new()?;
    let mut clients = enter(dialect, work, true)?;
    for (number, client) in clients.iter_mut().enumerate() {
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut client.conn.stream, Token(number), both)?;
    }
    let mut talk = Talk::new(dialect, work, clients)?;
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; READ_BYTES];
    let began = Instant::now();
    let mut measured: Option<(Instant, u64, u64)> = None;
    for room in 0..talk.rooms.len() {
        talk.go_on(room, began);
    }
    talk.flush()?;
    loop {
        poll.poll(&mut events, Some(SILENCE))?;
        if events.is_empty() {
            return Err(io::Error::other("the server has fallen silent"));
        }
        let now = Instant::now();
        for event in &events {
            talk.hear(event.token().0, &mut buffer, now)?;
        }
        talk.flush()?;
        let cpu = || {
            Ok::<_, io::Error>((
                server::cpu_nanos_of(&work.pids)?,
                server::cpu_nanos_of(&[std::process::id()])?,
            ))
        };
        match measured {
            None if now - began >= WARM_UP => {
                let (servers, own) = cpu()?;
                talk.forget();
                measured = Some((Instant::now(), servers, own));
            }
            Some((since, servers_before, own_before)) if now - since >= work.time => {
                let (servers, own) = cpu()?;
                return Ok(talk.outcome(since.elapsed(), servers - servers_before, own - own_before));
            }
            _ => {}
        }
    }
}

/// Connects everybody, first who listens and then who speaks.
fn enter(dialect: &dyn Dialect, work: &Work, speakers: bool) -> io::Result<Vec<Client>> {
    let listeners = work.listeners;
    let of = |number| (0..work.rooms).map(move |room| Who { room, number, listeners });
    let mut clients = enter_together(dialect, work, &(1..=listeners).flat_map(of).collect::<Vec<_>>())?;
    if speakers {
        clients.extend(enter_together(dialect, work, &of(0).collect::<Vec<_>>())?);
    }
    Ok(clients)
}

/// Many at a time: there are servers that let each single one wait.
fn enter_together(dialect: &dyn Dialect, work: &Work, everybody: &[Who]) -> io::Result<Vec<Client>> {
    let enter = |who: &Who| {
        let (path, subprotocol) = dialect.door(*who);
        let mut socket = Socket::open(work.address, &path, subprotocol)?;
        dialect.enter(*who, &mut socket)?;
        Ok(Client { who: *who, conn: socket.try_into()?, ear: Ear::default(), dirty: false })
    };
    thread::scope(|scope| {
        let some = everybody.chunks(everybody.len().div_ceil(DIALLERS).max(1));
        let threads: Vec<_> = some
            .map(|some| scope.spawn(move || some.iter().map(enter).collect::<io::Result<Vec<_>>>()))
            .collect();
        let entered = threads.into_iter().map(|thread| {
            thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread that connects has panicked")))
        });
        Ok(entered.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}

struct Talk<'a> {
    dialect: &'a dyn Dialect,
    work: &'a Work,
    body: String,
    clients: Vec<Client>,
    rooms: Vec<Room>,
    /// Clients that have something to send.
    dirty: Vec<usize>,
    delivered: u64,
    finished: u64,
    delivery: Histogram<u64>,
    acknowledgement: Histogram<u64>,
}

impl<'a> Talk<'a> {
    fn new(dialect: &'a dyn Dialect, work: &'a Work, clients: Vec<Client>) -> io::Result<Self> {
        let mut rooms: Vec<Room> = (0..work.rooms).map(|_| Room::default()).collect();
        for (number, client) in clients.iter().enumerate().filter(|(_, client)| client.who.speaks()) {
            rooms[client.who.room].speaker = number;
        }
        let histogram = || Histogram::new_with_bounds(1, 60_000_000, 3).map_err(io::Error::other);
        Ok(Self {
            dialect,
            work,
            body: "x".repeat(work.bytes),
            clients,
            rooms,
            dirty: Vec::new(),
            delivered: 0,
            finished: 0,
            delivery: histogram()?,
            acknowledgement: histogram()?,
        })
    }

    /// Says as much in a room as may be on the way.
    fn go_on(&mut self, room: usize, now: Instant) {
        let Room { speaker, said, times, .. } = &mut self.rooms[room];
        let client = &mut self.clients[*speaker];
        while times.len() < self.work.in_flight {
            *said += 1;
            times.push_back(now);
            self.dialect.say(client.who, *said, &self.body, &mut client.conn.out);
            if !client.dirty {
                client.dirty = true;
                self.dirty.push(*speaker);
            }
        }
    }

    fn hear(&mut self, number: usize, buffer: &mut [u8], now: Instant) -> io::Result<()> {
        let Client { who, conn, ear, dirty } = &mut self.clients[number];
        let room = who.room;
        let mut sum = Heard::default();
        while conn.receive(buffer, &mut |message, out| {
            let heard = self.dialect.hear(ear, message, out)?;
            sum.acknowledged += heard.acknowledged;
            sum.delivered += heard.delivered;
            Ok(())
        })? {}
        if !*dirty {
            *dirty = true;
            self.dirty.push(number);
        }
        if sum != Heard::default() {
            self.account(room, sum, now);
            self.go_on(room, now);
        }
        Ok(())
    }

    /// Servers deliver and acknowledge in order.
    fn account(&mut self, room: usize, heard: Heard, now: Instant) {
        let listeners = self.work.listeners as u64;
        let acknowledges = self.dialect.acknowledges();
        let room = &mut self.rooms[room];
        let micros = |room: &Room, number: u64| {
            let said = room.times.get((number - room.finished - 1) as usize);
            said.map_or(0, |said| (now - *said).as_micros() as u64)
        };
        for _ in 0..heard.acknowledged {
            room.acknowledged += 1;
            self.acknowledgement.saturating_record(micros(room, room.acknowledged));
        }
        for _ in 0..heard.delivered {
            room.delivered += 1;
            self.delivered += 1;
            if room.delivered.is_multiple_of(listeners) {
                self.delivery.saturating_record(micros(room, room.delivered / listeners));
            }
        }
        let heard_by_all = room.delivered / listeners;
        let finished = if acknowledges { heard_by_all.min(room.acknowledged) } else { heard_by_all };
        while room.finished < finished {
            room.finished += 1;
            room.times.pop_front();
            self.finished += 1;
        }
    }

    /// One write for each client that has something to send.
    fn flush(&mut self) -> io::Result<()> {
        for number in self.dirty.drain(..) {
            let client = &mut self.clients[number];
            client.dirty = false;
            client.conn.flush()?;
        }
        Ok(())
    }

    /// Measuring begins.
    fn forget(&mut self) {
        (self.delivered, self.finished) = (0, 0);
        self.delivery.reset();
        self.acknowledgement.reset();
    }

    fn outcome(&self, spent: Duration, servers_nanos: u64, own_nanos: u64) -> Outcome {
        let each = |nanos: u64| nanos as f64 / 1e3 / self.delivered as f64;
        let shares = |times: &Histogram<u64>| {
            [0.5, 0.99, 0.999].map(|share| times.value_at_quantile(share) as f64 / 1e3)
        };
        Outcome {
            rate: self.finished as f64 / spent.as_secs_f64(),
            deliveries: self.delivered as f64 / spent.as_secs_f64(),
            cpu_micros: each(servers_nanos),
            client_micros: each(own_nanos),
            delivery_ms: shares(&self.delivery),
            acknowledgement_ms: shares(&self.acknowledgement),
        }
    }
}
