//! Many clients on one event loop: [`Fleet`]. Owns their sockets, machines and deadlines; what they say is the scenario's business.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use client::wire::{Address, Received, Transport, Wire};
use client::{Event, Input, Machine, Output};
use mio::Token;
use mio::net::TcpStream;
use proto::ids::Uid;
use proto::packet::{ClientBody, ClientPacket, Codec, Login};
use reactor::clock::Clock;
use reactor::poll::{Poller, Ready};
use reactor::sockets::{self, Flushed, Scratch, Sockets};

/// Sources reported in one turn.
const EVENTS: usize = 1024;
/// Bytes of one read.
const READ_BYTES: usize = 256 * 1024;
/// Different reasons of errors that are told apart.
const REASONS_MAX: usize = 100;

/// Makes the login of a client, by its number.
pub(crate) type Logins<'a> = &'a mut dyn FnMut(u32) -> Login;

pub(crate) struct Fleet<'a> {
    clients: Vec<Client>,
    address: Address,
    peer: SocketAddr,
    transport: Transport,
    logins: Logins<'a>,
    clock: Clock,
    poller: Poller,
    sockets: Sockets,
    scratch: Scratch,
    timers: super::timers::Timers,
    /// What the clients told, to be taken by the scenario.
    pub(crate) events: Vec<(u32, Event)>,
    /// All have been told to log out: that connections end is no error any more.
    leaving: bool,
    /// What went wrong, by reason.
    pub(crate) errors: BTreeMap<String, u64>,
    ready: Vec<Ready>,
    flushed: Vec<(u32, Flushed)>,
    outputs: Vec<Output>,
    received: Vec<Received>,
    bytes: Vec<u8>,
}

/// A client is its number: index in the table of clients and of sockets, and token.
struct Client {
    machine: Machine,
    wire: Option<Wire>,
    /// The TCP connection stands and the wire has said its first word.
    started: bool,
    /// How often it has connected.
    dialed: u32,
}

impl<'a> Fleet<'a> {
    pub(crate) fn new(address: &Address, codec: Codec, logins: Logins<'a>) -> io::Result<Self> {
        let mut peers = (address.host(), address.port()).to_socket_addrs()?;
        let peer = peers.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let transport = if address.is_websocket() { Transport::WebSocket(codec) } else { Transport::Tcp };
        Ok(Self {
            clients: Vec::new(),
            address: address.clone(),
            peer,
            transport,
            logins,
            clock: Clock::start(),
            poller: Poller::new(EVENTS)?,
            sockets: Sockets::default(),
            scratch: Scratch::new(READ_BYTES),
            timers: super::timers::Timers::default(),
            events: Vec::new(),
            leaving: false,
            errors: BTreeMap::new(),
            ready: Vec::new(),
            flushed: Vec::new(),
            outputs: Vec::new(),
            received: Vec::new(),
            bytes: Vec::new(),
        })
    }

    /// How many clients have been started.
    pub(crate) fn len(&self) -> u32 {
        self.clients.len() as u32
    }

    /// Starts one more client, the next in number.
    pub(crate) fn start(&mut self, uid: Uid) {
        let number = self.len();
        let machine = Machine::new(uid, u64::from(number));
        self.clients.push(Client { machine, wire: None, started: false, dialed: 0 });
        self.give(number, Input::Start);
    }

    /// Gives a client something to do or to know.
    pub(crate) fn give(&mut self, number: u32, input: Input) {
        let now = self.clock.now();
        self.clients[number as usize].machine.handle(now, input, &mut self.outputs);
        self.carry_out(number);
    }

    /// Logs all clients out.
    pub(crate) fn log_out(&mut self) {
        self.leaving = true;
        (0..self.len()).for_each(|number| self.give(number, Input::Logout));
    }

    /// Sends what there is to send, then waits for at most `wait`, and handles what has come and whose deadline has passed.
    pub(crate) fn turn(&mut self, wait: Duration) -> io::Result<()> {
        self.flush();
        let now_ms = self.clock.now().mono_ms;
        let deadline = self.timers.next().map(|due| Duration::from_millis(due.saturating_sub(now_ms)));
        let wait = deadline.map_or(wait, |deadline| wait.min(deadline));
        let mut ready = std::mem::take(&mut self.ready);
        self.poller.turn(Some(wait), &mut ready)?;
        for ready in ready.drain(..) {
            self.socket_ready(ready);
        }
        self.ready = ready;
        let now = self.clock.now();
        while let Some(number) = self.timers.pop(now.mono_ms) {
            self.clients[number as usize].machine.expire(now, &mut self.outputs);
            self.carry_out(number);
        }
        Ok(())
    }

    /// Counts something that went wrong.
    pub(crate) fn count(&mut self, reason: String) {
        let known = self.errors.len() < REASONS_MAX || self.errors.contains_key(&reason);
        let reason = if known { reason } else { "other reasons".to_owned() };
        *self.errors.entry(reason).or_default() += 1;
    }

    fn flush(&mut self) {
        let mut flushed = std::mem::take(&mut self.flushed);
        self.sockets.flush(&mut flushed);
        for (number, flushed) in flushed.drain(..) {
            if flushed == Flushed::Broken {
                self.disconnect(number, "connection broken while sending");
            }
        }
        self.flushed = flushed;
    }

    /// An event may be of a connection that the same client has left in the same turn: it says too much, which a read sets right.
    fn socket_ready(&mut self, ready: Ready) {
        let number = ready.token.0 as u32;
        let client = &mut self.clients[number as usize];
        if ready.writable {
            self.sockets.writable(number);
            if let Some(wire) = client.wire.as_mut().filter(|_| !client.started && !ready.hung_up) {
                client.started = true;
                wire.start(&self.address, &mut self.bytes, &mut self.received);
                self.take_received(number);
            }
        }
        if ready.readable {
            self.read(number, ready.hung_up);
        }
    }

    fn read(&mut self, number: u32, hung_up: bool) {
        let dialed = self.clients[number as usize].dialed;
        let read = self.scratch.receive(&mut self.sockets, number, READ_BYTES, hung_up);
        if matches!(read, sockets::Received::Drained | sockets::Received::More) {
            let Some(wire) = &mut self.clients[number as usize].wire else { return };
            let result = wire.receive(self.scratch.bytes(), &mut self.bytes, &mut self.received);
            let consumed = *result.as_ref().unwrap_or(&usize::MAX);
            self.scratch.keep(&mut self.sockets, number, consumed);
            self.take_received(number);
            if let Err(error) = result {
                self.disconnect(number, &format!("protocol: {error}"));
            }
        }
        if self.clients[number as usize].dialed != dialed {
            return;
        }
        match read {
            sockets::Received::More => self.poller.again(Token(number as usize)),
            sockets::Received::Drained | sockets::Received::Nothing => {}
            sockets::Received::Closed => self.disconnect(number, "connection closed by the server"),
            sockets::Received::Broken => self.disconnect(number, "connection broken or not accepted"),
        }
    }

    fn take_received(&mut self, number: u32) {
        self.push_bytes(number);
        let mut received = std::mem::take(&mut self.received);
        for received in received.drain(..) {
            if self.clients[number as usize].wire.is_none() {
                break;
            }
            match received {
                Received::Open => self.give(number, Input::Connected),
                Received::Packet(packet) => self.give(number, Input::Packet(packet)),
                Received::Closed { code, reason } => {
                    let code = code.map_or_else(String::new, |code| code.to_string());
                    self.disconnect(number, &format!("closed by the server: {code} {reason}"));
                }
            }
        }
        self.received = received;
    }

    fn carry_out(&mut self, number: u32) {
        let mut undialable = false;
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Dial => {
                    if let Err(error) = self.dial(number) {
                        self.count(format!("connect: {error}"));
                        undialable = true;
                    }
                }
                Output::Login => {
                    let login = (self.logins)(number);
                    self.send(number, ClientPacket { client_id: 0, body: ClientBody::Login(login) });
                }
                Output::Resume(resumption) => {
                    let Login { uid, device, .. } = (self.logins)(number);
                    self.send(number, resumption.packet(uid, device));
                }
                Output::Send(packet) => self.send(number, packet),
                Output::Hangup => self.hang_up(number),
                // A fleet has no other edge than the one that it was given.
                Output::Moved(_) => {}
                Output::Event(event) => self.events.push((number, event)),
            }
        }
        self.outputs = outputs;
        if undialable {
            // The machine waits before it dials again, so this ends.
            self.give(number, Input::Disconnected);
        }
        let due = self.clients[number as usize].machine.next_deadline(self.clock.now());
        self.timers.set(number, due);
    }

    fn dial(&mut self, number: u32) -> io::Result<()> {
        let stream = TcpStream::connect(self.peer)?;
        self.sockets.adopt(number, stream, self.poller.registry(), Token(number as usize))?;
        let client = &mut self.clients[number as usize];
        client.dialed += 1;
        client.started = false;
        // Masks need not be unpredictable here: nobody else's bytes are in these messages.
        client.wire = Some(Wire::new(self.transport, u64::from(number) << 32 | u64::from(client.dialed)));
        Ok(())
    }

    fn send(&mut self, number: u32, packet: ClientPacket) {
        if let Some(wire) = &mut self.clients[number as usize].wire {
            wire.send(packet, &mut self.bytes);
            self.push_bytes(number);
        }
    }

    fn push_bytes(&mut self, number: u32) {
        if !self.bytes.is_empty() {
            self.sockets.push(number, &[&self.bytes]);
            self.bytes.clear();
        }
    }

    fn hang_up(&mut self, number: u32) {
        if self.clients[number as usize].wire.take().is_some() {
            self.sockets.close(number);
        }
    }

    fn disconnect(&mut self, number: u32, why: &str) {
        if self.clients[number as usize].wire.is_some() {
            if !self.leaving {
                self.count(why.to_owned());
            }
            self.hang_up(number);
            self.give(number, Input::Disconnected);
        }
    }
}
