//! A reactor that goes on where one of another process has stopped. Owns the taking in of what comes; when it may begin to serve is `shell::handover::take`'s word.

use std::io;
use std::net::TcpStream as StdStream;
use std::os::fd::OwnedFd;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender};
use mio::Token;
use mio::net::TcpStream;
use reactor::link::Link;
use reactor::listener::Listener;
use reactor::sockets::Carried;
use reactor::stream::Stream;
use reactor::wake::Inbox;

use super::{Birth, Command, Doors, LINKS, Worker};
use crate::Input;
use crate::handover::snapshot::{Record, Snapshot};
use crate::handover::taker::Intake;
use crate::shell::handover::channel::{Channel, Hatch};
use crate::shell::handover::{Passed, fault};

/// What a reactor needs to take the place of another one.
#[derive(Debug)]
pub(in crate::shell) struct Place {
    /// Where it finds the channel to the one before it.
    pub(in crate::shell) hatch: Hatch,
    /// Which of the channels there.
    pub(in crate::shell) number: u64,
    /// For each of its doors, the place of the same one among those of the one before.
    pub(in crate::shell) doors: Vec<Option<u8>>,
    /// The links to shards lead where this one would dial, too.
    pub(in crate::shell) same_state: bool,
    /// How long it may take.
    pub(in crate::shell) until: Instant,
    /// Where it tells that it is ready: all that it opens itself is open.
    pub(in crate::shell) ready: Sender<Doors>,
    /// Where it tells that it has everything, or why not.
    pub(in crate::shell) has: Sender<Result<Taken, String>>,
    /// When it may begin. Without a word it ends.
    pub(in crate::shell) begin: Receiver<()>,
    /// Where it tells when it had its first turn.
    pub(in crate::shell) turned: Sender<(u8, u64)>,
}

impl Place {
    /// Where a door's listener is among those that come; `None` for one that this process opens itself.
    fn inherited(&self, door: usize) -> Option<u8> {
        self.doors.get(door).copied().flatten()
    }
}

/// What a reactor has taken over.
#[derive(Debug)]
pub(in crate::shell) struct Taken {
    /// Where it listens.
    pub(in crate::shell) doors: Doors,
    /// Which one it is.
    pub(in crate::shell) reactor: u8,
    /// What came.
    pub(in crate::shell) passed: Passed,
}

impl Worker {
    /// Takes everything in, and waits for the word to begin.
    pub(in crate::shell) fn in_place(
        birth: Birth,
        commands: Inbox<Command>,
        place: Place,
    ) -> io::Result<Self> {
        let mut worker = Self::without_sources(birth, commands)?;
        let mut opened = Vec::new();
        for door in 0..worker.doors().len() {
            let own = place.inherited(door).is_none().then(|| worker.listening.listen(door));
            opened.push(own.transpose()?);
        }
        place.ready.send(worker.doors().clone()).map_err(io::Error::other)?;
        let has = worker.take(&place, opened);
        let why = has.as_ref().err().map(ToString::to_string);
        let (doors, reactor) = (worker.doors().clone(), worker.settings.reactor);
        let taken = has.map(|passed| Taken { doors, reactor, passed });
        let told = place.has.send(taken.map_err(|error| error.to_string()));
        if let Some(why) = why {
            return Err(io::Error::other(why));
        }
        if told.is_err() || place.begin.recv().is_err() {
            return Err(io::Error::other("the handover was given up"));
        }
        worker.turned = Some(place.turned);
        Ok(worker)
    }

    fn take(&mut self, place: &Place, opened: Vec<Option<Listener>>) -> io::Result<Passed> {
        let mut channel = place.hatch.take(place.number)?;
        let mut intake = Intake::default();
        while intake.snapshot().is_none() {
            take_message(&mut channel, &mut intake, place.until)?;
        }
        // The bytes are as long as they were announced to be, so that nothing is added to them any more.
        let bytes = intake.snapshot().unwrap_or_default().to_vec();
        let snapshot = Snapshot::decode(&bytes).map_err(invalid)?;
        if Some(snapshot.descriptors) != intake.descriptors() {
            return Err(invalid("the snapshot is about other descriptors than were announced"));
        }
        let now = self.clock.now();
        self.machine.take_over(&snapshot, &mut self.io).map_err(invalid)?;
        for record in snapshot.records() {
            self.machine.adopt(now, &record.map_err(invalid)?).map_err(invalid)?;
        }
        let mut records = snapshot.records().flatten().filter(|record| !record.held.left);
        let (mut listeners, mut links) = (Vec::new(), Vec::new());
        let connected = snapshot.links.iter().filter(|link| link.connected).count();
        let half = snapshot.descriptors / 2;
        let mut count = 0;
        while !intake.is_whole() {
            for descriptor in take_message(&mut channel, &mut intake, place.until)? {
                count += 1;
                if count == half.max(1) {
                    fault::at("taker-half")?;
                }
                if listeners.len() < snapshot.listeners.len() {
                    listeners.push(Some(descriptor));
                } else if links.len() < connected {
                    links.push(descriptor);
                } else {
                    let record =
                        records.next().ok_or_else(|| invalid("more descriptors than connections"))?;
                    self.take_socket(&record, descriptor)?;
                }
            }
        }
        self.take_listeners(place, opened, snapshot.listeners, listeners)?;
        self.take_links(&snapshot, links.into_iter(), place.same_state)?;
        self.machine.took_over(now, &snapshot, &mut self.io);
        for index in self.io.resumed.drain(..) {
            self.poller.again(Token(index as usize));
        }
        fault::at("taker-has")?;
        let (connections, frozen_at_micros) =
            (self.machine.connections() as u64, snapshot.head.frozen_at_micros);
        Ok(Passed { connections, bytes: bytes.len() as u64, frozen_at_micros, ..Passed::default() })
    }

    fn take_socket(&mut self, record: &Record<'_>, descriptor: OwnedFd) -> io::Result<()> {
        let stream = TcpStream::from_std(StdStream::from(descriptor));
        let token = Token(usize::from(record.generation) << 24 | record.index as usize);
        let Record { held, index, .. } = *record;
        let carried = Carried { out: held.out, rest: held.rest, behind: held.behind, ending: held.ending };
        self.io.sockets.adopt_carried(index, stream, self.poller.registry(), token, carried)
    }

    /// Puts the listeners in the order of this process's doors: those that were handed over, and those that it has opened itself.
    fn take_listeners(
        &mut self,
        place: &Place,
        opened: Vec<Option<Listener>>,
        places: &[u8],
        mut passed: Vec<Option<OwnedFd>>,
    ) -> io::Result<()> {
        let mut listeners = Vec::new();
        for (door, own) in opened.into_iter().enumerate() {
            let inherited = place.inherited(door);
            let from = places.iter().position(|place| Some(*place) == inherited);
            listeners.push(match (own, from.and_then(|from| passed[from].take())) {
                (Some(own), _) => own,
                (None, Some(descriptor)) => Listener::adopt(descriptor)?,
                // The one before had left newcomers to the others; this one will see for itself.
                (None, None) => self.listening.listen(door)?,
            });
        }
        self.listening.accept_from(listeners, self.poller.registry())
    }

    fn take_links(
        &mut self,
        snapshot: &Snapshot<'_>,
        mut descriptors: impl Iterator<Item = OwnedFd>,
        same_state: bool,
    ) -> io::Result<()> {
        self.io.shards = None;
        self.io.frames.resize_with(snapshot.links.len(), Vec::new);
        for (shard, link) in snapshot.links.iter().enumerate() {
            let token = Token(LINKS + shard);
            let dialer = self.dialer(shard as u32);
            let descriptor = if link.connected { descriptors.next() } else { None };
            match descriptor.filter(|_| same_state) {
                Some(descriptor) => {
                    let stream = Stream::adopt(descriptor)?;
                    let mut adopted = Link::new(stream, self.poller.registry(), token)?;
                    adopted.unread(link.inbox);
                    self.dialers.push(dialer.with_link(adopted));
                    self.io.frames[shard].extend_from_slice(link.out);
                    // Frames that came whole before are no event.
                    self.poller.again(token);
                }
                None => {
                    self.dialers.push(dialer);
                    let now = self.clock.now();
                    if link.connected {
                        self.tell(now, Input::Disconnected { shard: shard as u32 });
                    } else {
                        self.io.frames[shard].extend_from_slice(link.out);
                    }
                }
            }
        }
        if snapshot.links.is_empty() {
            self.dial_first();
        }
        Ok(())
    }
}

/// Takes one message in: its descriptors.
fn take_message(channel: &mut Channel, intake: &mut Intake, until: Instant) -> io::Result<Vec<OwnedFd>> {
    let Some(came) = channel.receive(until)? else { return Err(invalid("the reactor before is gone")) };
    intake.take(came.bytes, came.descriptors.len()).map_err(invalid)?;
    Ok(came.descriptors)
}

fn invalid(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}
