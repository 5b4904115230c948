//! The process that takes over: says who it is, opens what it needs, and says when everything is here. Decides nothing: see `crate::handover::taker`.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use proto::limits::{
    HANDOVER_DESCRIPTORS_SPARE, HANDOVER_FREEZE_DEADLINE, HANDOVER_FREEZE_PER_CONNECTION,
    HANDOVER_READY_DEADLINE, HANDOVER_SERVING_DEADLINE,
};
use reactor::sys;
use settings::LinkAddress;

use super::channel::{Channel, Hatch};
use super::fault;
use super::report::Passed;
use crate::handover::message::{Message, Offer, OfferedDoor, VERSION};
use crate::handover::taker::{Event, Step, Taker};
use crate::shell::passed::PassedSockets;
use crate::shell::worker::{Doors, Place, Taken};
use crate::{Config, Mode};

/// Whether somebody accepts connections there.
fn connect(address: &LinkAddress) -> io::Result<()> {
    match address {
        LinkAddress::Tcp(address) => TcpStream::connect_timeout(address, STATE_PATIENCE).map(drop),
        LinkAddress::Unix(path) => UnixStream::connect(path).map(drop),
    }
}

/// How long the state server may take to accept a connection.
const STATE_PATIENCE: Duration = Duration::from_secs(3);

/// Both ends of a channel from the reactors.
type Both<T> = (Sender<T>, Receiver<T>);

/// A handover that is under way, and what came with the offer.
pub(in crate::shell) struct Taking {
    control: Channel,
    taker: Taker,
    until: Instant,
    offer: Offer,
    admin: Option<OwnedFd>,
    stdin: Option<OwnedFd>,
    passed_sockets: PassedSockets,
    ends: Vec<OwnedFd>,
    has: Both<Result<Taken, String>>,
    turned: Both<(u8, u64)>,
    begins: Vec<Sender<()>>,
    /// By reactor.
    passed: Vec<Passed>,
}

impl Taking {
    /// Introduces this process and hears what it would take over.
    pub(in crate::shell) fn begin(control: OwnedFd, config: &Config) -> io::Result<Self> {
        fault::at("taker-started")?;
        let mut taking = Self {
            control: Channel::adopt(control)?,
            taker: Taker::new(),
            until: Instant::now() + HANDOVER_READY_DEADLINE,
            offer: Offer::default(),
            admin: None,
            stdin: None,
            passed_sockets: PassedSockets::default(),
            ends: Vec::new(),
            has: bounded(proto::limits::REACTORS_MAX),
            turned: bounded(proto::limits::REACTORS_MAX),
            begins: Vec::new(),
            passed: Vec::new(),
        };
        taking.control.say(&Message::Hello { version: VERSION }, taking.until)?;
        fault::at("taker-hello")?;
        let prepared = taking.hear_offer().and_then(|()| taking.check(config));
        match prepared {
            Ok(()) => Ok(taking),
            Err(error) => Err(taking.give_up(&error.to_string())),
        }
    }

    fn hear_offer(&mut self) -> io::Result<()> {
        let Some(came) = self.control.receive(self.until)? else {
            return Err(io::Error::other("whoever hands over is gone"));
        };
        let message = Message::decode(came.bytes).map_err(io::Error::other)?;
        let mut descriptors = came.descriptors.into_iter();
        match self.taker.handle(Event::Said(message)) {
            Step::Prepare(offer) if offer.attached() == descriptors.len() => {
                self.admin = descriptors.next();
                self.stdin = if offer.stdin { descriptors.next() } else { None };
                self.passed_sockets =
                    PassedSockets::inherited(offer.passed.iter().cloned().zip(descriptors.by_ref()));
                self.ends = descriptors.collect();
                self.offer = offer;
                fault::at("taker-offered")
            }
            _ => Err(io::Error::other("the offer has other descriptors than it tells of")),
        }
    }

    /// Whether this process can take over what is offered.
    fn check(&self, config: &Config) -> io::Result<()> {
        let Offer { gateway, echo, descriptors, .. } = &self.offer;
        if config.id != u32::from(*gateway) || (config.mode == Mode::Echo) != *echo {
            return Err(io::Error::other(format!(
                "the settings are of another gateway: id {} and mode {:?}; that takes a restart",
                config.id, config.mode
            )));
        }
        let most = descriptors.iter().copied().max().unwrap_or_default();
        let (needed, may) = (u64::from(most) + HANDOVER_DESCRIPTORS_SPARE, sys::open_files_max()?);
        if needed > may {
            return Err(io::Error::other(format!(
                "{needed} descriptors are needed, and {may} may be open (ulimit -n)"
            )));
        }
        if config.mode == Mode::Relay {
            connect(&config.state).map_err(|error| {
                io::Error::other(format!("the state server at {} is away: {error}", config.state))
            })?;
        }
        Ok(())
    }

    /// What is taken over.
    pub(in crate::shell) fn offer(&self) -> &Offer {
        &self.offer
    }

    /// The admin listener, if it listens where the settings say.
    pub(in crate::shell) fn admin(&mut self, config: &Config) -> Option<TcpListener> {
        let same = self.offer.doors.last().is_some_and(|door| door.told == config.admin.to_string());
        self.admin.take().filter(|_| same).map(TcpListener::from)
    }

    /// The listening sockets that the first of all was started with.
    pub(in crate::shell) fn passed_sockets(&self) -> PassedSockets {
        self.passed_sockets.clone()
    }

    /// The stdin of the one before, with whose end this process is to end.
    pub(in crate::shell) fn stdin(&mut self) -> Option<OwnedFd> {
        self.stdin.take()
    }

    /// What a reactor needs, and where it tells that it is ready.
    pub(in crate::shell) fn place(
        &mut self,
        doors: &mut Doors,
        config: &Config,
        hatch: Hatch,
        ready: Sender<Doors>,
    ) -> io::Result<Place> {
        let number = u64::from(self.offer.handovers);
        if self.ends.is_empty() {
            return Err(io::Error::other("there are more reactors than channels"));
        }
        hatch.pass(Channel::adopt(self.ends.remove(0))?, number)?;
        let mut places = Vec::new();
        for ((_, name, address), (_, _, told)) in doors.iter_mut().zip(crate::shell::doors(config)) {
            let same = |door: &OfferedDoor| door.setting == *name && door.told == told.to_string();
            let place = self.offer.doors.iter().position(same);
            if let Some(bound) = place.and_then(|place| self.offer.doors[place].bound.parse().ok()) {
                *address = bound;
            }
            places.push(place.and_then(|place| u8::try_from(place).ok()));
        }
        let (begin, begins) = bounded(1);
        self.begins.push(begin);
        // Those of all reactors: with fewer cores than reactors each waits for the others.
        let connections: u32 = self.offer.descriptors.iter().sum();
        let freeze = HANDOVER_FREEZE_DEADLINE + HANDOVER_FREEZE_PER_CONNECTION * connections;
        Ok(Place {
            hatch,
            number,
            doors: places,
            same_state: self.offer.state == config.state.to_string(),
            until: self.until + 2 * freeze,
            ready,
            has: self.has.0.clone(),
            begin: begins,
            turned: self.turned.0.clone(),
        })
    }

    /// All reactors wait: says so, and waits until they have everything. Where they listen then.
    pub(in crate::shell) fn take(&mut self) -> io::Result<Doors> {
        let result = self.take_in();
        result.map_err(|error| self.give_up(&error.to_string()))
    }

    fn take_in(&mut self) -> io::Result<Doors> {
        if self.taker.handle(Event::Ready) != Step::Take {
            return Err(io::Error::other("nothing was offered"));
        }
        self.control.say(&Message::Standby, self.until)?;
        fault::at("taker-standby")?;
        let mut doors = Doors::new();
        self.passed = vec![Passed::default(); self.begins.len()];
        loop {
            let event = match self.has.1.recv_timeout(HANDOVER_READY_DEADLINE) {
                Ok(Ok(taken)) => {
                    doors = taken.doors;
                    self.passed[usize::from(taken.reactor)] = taken.passed;
                    Event::Has
                }
                Ok(Err(why)) => Event::Failed(why),
                Err(RecvTimeoutError::Timeout) => Event::Failed("nothing comes".into()),
                Err(RecvTimeoutError::Disconnected) => Event::Gone,
            };
            match self.taker.handle(event) {
                Step::Serve => {
                    fault::at("taker-before-taken")?;
                    // The commit. Nobody hears it if the giver was killed; then there is nobody else to serve.
                    drop(self.control.say(&Message::Taken, Instant::now() + HANDOVER_SERVING_DEADLINE));
                    drop(fault::at("taker-after-taken"));
                    return Ok(doors);
                }
                Step::GiveUp(why) => return Err(io::Error::other(why)),
                _ => {}
            }
        }
    }

    /// Lets the reactors serve, and tells the one before when each has had its first turn. What came, by reactor.
    pub(in crate::shell) fn serve(mut self) -> Vec<Passed> {
        for begin in &self.begins {
            // A reactor that is gone ends the process.
            let _ = begin.send(());
        }
        let mut turned = vec![0; self.begins.len()];
        let until = Instant::now() + HANDOVER_SERVING_DEADLINE;
        for _ in 0..turned.len() {
            match self.turned.1.recv_deadline(until) {
                Ok((reactor, micros)) => {
                    let passed = &mut self.passed[usize::from(reactor)];
                    let freeze = micros.saturating_sub(passed.frozen_at_micros);
                    passed.freeze = Some(Duration::from_micros(freeze));
                    turned[usize::from(reactor)] = micros;
                }
                Err(_) => break,
            }
        }
        // It may be gone already.
        drop(self.control.say(&Message::Serving(turned), until));
        self.passed
    }

    /// Says why this process cannot take over, and returns it.
    fn give_up(&mut self, why: &str) -> io::Error {
        let soon = Instant::now() + STATE_PATIENCE;
        drop(self.control.say(&Message::Refused(why.to_owned()), soon));
        io::Error::other(format!("cannot take over: {why}"))
    }
}
