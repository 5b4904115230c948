//! The thread of a [`super::Client`]: one socket, one machine, one loop. Owns all the I/O; decides nothing.

use std::io;
use std::net::ToSocketAddrs as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use mio::Token;
use mio::net::TcpStream;
use proto::packet::{ClientBody, ClientPacket, Login};
use reactor::clock::Clock;
use reactor::poll::{Poller, Ready};
use reactor::sockets::{self, Flushed, Scratch, Sockets};
use reactor::wake::{self, Mailbox};

use super::{Request, seed};
use crate::wire::{Address, Received, Transport, Wire};
use crate::{Event, Input, Machine, Output};

const MAILBOX: Token = Token(0);
/// The only place in the table of sockets that is used.
const SOCKET: u32 = 0;
/// Bytes of one read; the largest packet is as large.
const READ_BYTES: usize = 64 * 1024;
/// Reads in one turn, so that commands get their turn, too.
const READS: usize = 16;

/// Where the app is.
#[derive(Debug)]
pub(super) struct App {
    pub(super) events: Sender<Event>,
    /// Commands without an answer.
    pub(super) open: Arc<AtomicUsize>,
}

#[derive(Debug)]
pub(super) struct Worker {
    login: Login,
    /// Home: where it dials unless it was told to move.
    address: Address,
    /// Where the next attempt goes instead.
    moved_to: Option<Address>,
    /// Where the connection goes that is open or opening.
    dialed_to: Address,
    transport: Transport,
    app: App,
    inbox: Receiver<Request>,
    clock: Clock,
    poller: Poller,
    sockets: Sockets,
    scratch: Scratch,
    machine: Machine,
    /// The connection that is open or opening.
    wire: Option<Wire>,
    /// The wire has been started: the TCP connection stands.
    started: bool,
    /// Counts the connections, so that an event of an old one is known as such and every address gets its turn.
    dialed: usize,
    stopped: bool,
    outputs: Vec<Output>,
    received: Vec<Received>,
    bytes: Vec<u8>,
}

impl Worker {
    pub(super) fn new(
        login: Login,
        address: Address,
        transport: Transport,
        app: App,
        room: usize,
    ) -> io::Result<(Self, Mailbox<Request>)> {
        let poller = Poller::new(16)?;
        let (mailbox, inbox) = wake::mailbox(poller.registry(), MAILBOX, room)?;
        let machine = Machine::new(login.uid.clone(), seed());
        let worker = Self {
            login,
            dialed_to: address.clone(),
            address,
            moved_to: None,
            transport,
            app,
            inbox,
            clock: Clock::start(),
            poller,
            sockets: Sockets::default(),
            scratch: Scratch::new(READ_BYTES),
            machine,
            wire: None,
            started: false,
            dialed: 0,
            stopped: false,
            outputs: Vec::new(),
            received: Vec::new(),
            bytes: Vec::new(),
        };
        Ok((worker, mailbox))
    }

    /// Runs until the machine stops or the handle is dropped.
    pub(super) fn run(mut self) {
        let (mut ready, mut flushed) = (Vec::new(), Vec::new());
        self.give(Input::Start);
        while !self.stopped {
            let now = self.clock.now();
            let wait = self.machine.next_deadline(now).map(|due| due.saturating_sub(now.mono_ms));
            if let Err(error) = self.poller.turn(wait.map(Duration::from_millis), &mut ready) {
                tracing::error!(%error, "a client cannot wait for its connection");
                return;
            }
            for ready in ready.drain(..) {
                if ready.token == MAILBOX {
                    self.take_requests();
                } else if ready.token == self.token() {
                    self.socket_ready(ready);
                }
            }
            self.expire();
            self.sockets.flush(&mut flushed);
            if flushed.drain(..).any(|(_, flushed)| flushed == Flushed::Broken) {
                self.disconnect("broken while sending");
            }
        }
    }

    fn token(&self) -> Token {
        Token(self.dialed)
    }

    fn take_requests(&mut self) {
        // No more than the box holds, so that a busy app does not keep us from the socket.
        for _ in 0..self.inbox.len() {
            match self.inbox.try_recv() {
                Ok(Request::Give(input)) => self.give(input),
                Ok(Request::Quit) => self.stopped = true,
                Err(_) => return,
            }
        }
        if !self.inbox.is_empty() {
            self.poller.again(MAILBOX);
        }
    }

    fn socket_ready(&mut self, ready: Ready) {
        if ready.writable {
            self.sockets.writable(SOCKET);
            if !self.started && !ready.hung_up {
                self.start();
            }
        }
        for _ in 0..READS {
            if !ready.readable || self.wire.is_none() || ready.token != self.token() {
                return;
            }
            let read = self.scratch.receive(&mut self.sockets, SOCKET, READ_BYTES, ready.hung_up);
            if matches!(read, sockets::Received::Drained | sockets::Received::More) {
                self.take_bytes(ready.token);
            }
            match read {
                sockets::Received::More => {}
                sockets::Received::Drained | sockets::Received::Nothing => return,
                sockets::Received::Closed if ready.token == self.token() => {
                    return self.disconnect("closed by the server");
                }
                sockets::Received::Broken if ready.token == self.token() => {
                    return self.disconnect("broken");
                }
                sockets::Received::Closed | sockets::Received::Broken => return,
            }
        }
        self.poller.again(ready.token);
    }

    /// The TCP connection stands: the wire says its first word.
    fn start(&mut self) {
        let Some(wire) = &mut self.wire else { return };
        self.started = true;
        wire.start(&self.dialed_to, &mut self.bytes, &mut self.received);
        self.push_bytes();
        self.take_received();
    }

    fn take_bytes(&mut self, token: Token) {
        let Some(wire) = &mut self.wire else { return };
        let result = wire.receive(self.scratch.bytes(), &mut self.bytes, &mut self.received);
        let consumed = *result.as_ref().unwrap_or(&usize::MAX);
        self.scratch.keep(&mut self.sockets, SOCKET, consumed);
        self.push_bytes();
        self.take_received();
        if let Err(error) = result
            && token == self.token()
        {
            tracing::warn!(%error, address = %self.dialed_to, "the server broke the protocol");
            self.disconnect("protocol error");
        }
    }

    fn take_received(&mut self) {
        let token = self.token();
        let mut received = std::mem::take(&mut self.received);
        for received in received.drain(..) {
            // The machine may have hung up in between; the rest of that connection is nothing to the next one.
            if self.wire.is_none() || token != self.token() {
                break;
            }
            match received {
                Received::Open => self.give(Input::Connected),
                Received::Packet(packet) => self.give(Input::Packet(packet)),
                Received::Closed { code, reason } => {
                    tracing::info!(?code, reason, "the server closed the connection");
                    self.disconnect("closed by the server");
                }
            }
        }
        self.received = received;
    }

    fn expire(&mut self) {
        let now = self.clock.now();
        self.machine.expire(now, &mut self.outputs);
        self.carry_out();
    }

    fn give(&mut self, input: Input) {
        self.machine.handle(self.clock.now(), input, &mut self.outputs);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut undialable = false;
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Dial => {
                    if let Err(error) = self.dial() {
                        tracing::info!(%error, address = %self.dialed_to, "cannot connect");
                        undialable = true;
                    }
                }
                Output::Login => {
                    let body = ClientBody::Login(self.login.clone());
                    self.send(ClientPacket { client_id: 0, body });
                }
                Output::Resume(resumption) => {
                    let Login { uid, device, .. } = &self.login;
                    self.send(resumption.packet(uid.clone(), device.clone()));
                }
                Output::Send(packet) => self.send(packet),
                Output::Hangup => self.hang_up(),
                Output::Moved(authority) => match self.address.moved_to(&authority) {
                    Ok(address) => self.moved_to = Some(address),
                    Err(error) => tracing::warn!(%authority, %error, "told to move to what is no address"),
                },
                Output::Event(event) => self.tell(event),
            }
        }
        self.outputs = outputs;
        if undialable {
            // The machine waits before it dials again, so this ends.
            self.give(Input::Disconnected);
        }
    }

    fn dial(&mut self) -> io::Result<()> {
        self.dialed += 1;
        // Blocks this thread alone; a name is looked up anew each time, for it may have moved.
        self.dialed_to = self.moved_to.take().unwrap_or_else(|| self.address.clone());
        let addresses: Vec<_> = (self.dialed_to.host(), self.dialed_to.port()).to_socket_addrs()?.collect();
        let turn = self.dialed.checked_rem(addresses.len()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        let stream = TcpStream::connect(addresses[turn])?;
        self.sockets.adopt(SOCKET, stream, self.poller.registry(), self.token())?;
        self.wire = Some(Wire::new(self.transport, seed()));
        self.started = false;
        Ok(())
    }

    fn send(&mut self, packet: ClientPacket) {
        if let Some(wire) = &mut self.wire {
            wire.send(packet, &mut self.bytes);
            self.push_bytes();
        }
    }

    fn push_bytes(&mut self) {
        if !self.bytes.is_empty() {
            self.sockets.push(SOCKET, &[&self.bytes]);
            self.bytes.clear();
        }
    }

    fn hang_up(&mut self) {
        if let Some(mut wire) = self.wire.take() {
            wire.close(&mut self.bytes);
            self.push_bytes();
            // What the kernel does not take now is lost with the connection.
            self.sockets.flush(&mut Vec::new());
            self.sockets.close(SOCKET);
        }
    }

    fn disconnect(&mut self, why: &str) {
        if self.wire.is_some() {
            tracing::debug!(why, address = %self.dialed_to, "a connection ended");
            self.hang_up();
            self.give(Input::Disconnected);
        }
    }

    fn tell(&mut self, event: Event) {
        if let Event::Answered(..) = event {
            self.app.open.fetch_sub(1, Ordering::AcqRel);
        }
        self.stopped |= matches!(event, Event::Stopped(_));
        if self.app.events.send(event).is_err() {
            self.stopped = true;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.hang_up();
    }
}
