//! Where gateways come in: one port for all shards. Owns a connection until its first frame has said which shard it is for; the stream then goes to that
//! shard's thread with all its bytes, for the door only peeks at them.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crossbeam_channel::Receiver;
use mio::net::TcpStream;
use mio::{Interest, Token};
use proto::limits::{ACCEPT_BUDGET, GATEWAY_LINKS_MAX, HANDSHAKE_DEADLINE};
use proto::link::FromGateway;
use proto::rpc;
use proto::time::Now;
use reactor::clock::Clock;
use reactor::listener::Listener;
use reactor::poll::Poller;
use reactor::wake::{Mailbox, mailbox};
use slab::Slab;

use super::worker::Told;

const EVENTS: usize = 64;
/// More than any introduction has.
const PEEK_BYTES: usize = 256;
const LISTENER: Token = Token(usize::MAX - 1);
const MAILBOX: Token = Token(usize::MAX - 2);

/// Told to a door: let nobody in any more.
#[derive(Debug)]
pub(super) struct Stop;

/// The thread that accepts gateways.
pub(super) struct Door {
    clock: Clock,
    poller: Poller,
    listener: Listener,
    inbox: Receiver<Stop>,
    shards: Vec<Mailbox<Told>>,
    newcomers: Slab<Newcomer>,
    /// When each newcomer must have introduced itself: the oldest first, for all have the same time. Counted, for a place may be another's by then.
    deadlines: VecDeque<(u64, usize, u64)>,
    counted: u64,
}

struct Newcomer {
    stream: TcpStream,
    peer: SocketAddr,
    number: u64,
}

/// What a look at a newcomer's first bytes tells.
enum Look {
    /// Not enough yet.
    Wait,
    /// It is for this shard.
    For(u32),
    /// It is none of ours.
    Stranger,
}

impl Door {
    pub(super) fn new(
        address: SocketAddr,
        clock: Clock,
        shards: Vec<Mailbox<Told>>,
    ) -> io::Result<(Self, Mailbox<Stop>)> {
        let poller = Poller::new(EVENTS)?;
        let mut listener = Listener::bind(address)?;
        listener.register(poller.registry(), LISTENER)?;
        let (mailbox, inbox) = mailbox(poller.registry(), MAILBOX, 1)?;
        let (newcomers, deadlines) = (Slab::new(), VecDeque::new());
        Ok((Self { clock, poller, listener, inbox, shards, newcomers, deadlines, counted: 0 }, mailbox))
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.address()
    }

    pub(super) fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::with_capacity(EVENTS);
        loop {
            self.poller.turn(self.timeout(), &mut ready)?;
            let now = self.clock.now();
            for event in &ready {
                match event.token {
                    MAILBOX if self.inbox.try_recv().is_ok() => return Ok(()),
                    MAILBOX => {}
                    LISTENER => self.accept(now),
                    Token(place) => self.look(place),
                }
            }
            self.expire(now);
        }
    }

    fn timeout(&self) -> Option<Duration> {
        let first = self.deadlines.front().map(|(due_ms, ..)| *due_ms);
        let next = [first, self.listener.next_deadline()].into_iter().flatten().min()?;
        Some(Duration::from_millis(next.saturating_sub(self.clock.now().mono_ms)))
    }

    fn accept(&mut self, now: Now) {
        let Self { poller, listener, newcomers, deadlines, counted, .. } = self;
        let accepted = listener.accept(now, ACCEPT_BUDGET, |mut stream, peer| {
            if newcomers.len() >= GATEWAY_LINKS_MAX {
                return;
            }
            let entry = newcomers.vacant_entry();
            let place = entry.key();
            if poller.registry().register(&mut stream, Token(place), Interest::READABLE).is_ok() {
                *counted += 1;
                deadlines.push_back((now.after(HANDSHAKE_DEADLINE), place, *counted));
                entry.insert(Newcomer { stream, peer, number: *counted });
            }
        });
        if accepted.more {
            self.poller.again(LISTENER);
        }
    }

    /// Looks at what a newcomer has sent; its first frame decides.
    fn look(&mut self, place: usize) {
        let Some(newcomer) = self.newcomers.get(place) else { return };
        let mut bytes = [0; PEEK_BYTES];
        let look = match newcomer.stream.peek(&mut bytes) {
            Ok(0) => Look::Stranger,
            Ok(n) => introduced(&bytes[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Look::Wait,
            Err(_) => Look::Stranger,
        };
        match look {
            Look::Wait => {}
            Look::For(shard) => self.hand_over(place, shard),
            Look::Stranger => {
                let Newcomer { peer, .. } = self.newcomers.remove(place);
                tracing::warn!(%peer, "a connection that is no gateway's was closed");
            }
        }
    }

    fn hand_over(&mut self, place: usize, shard: u32) {
        let Newcomer { mut stream, peer, .. } = self.newcomers.remove(place);
        let Some(mailbox) = self.shards.get(shard as usize) else {
            tracing::warn!(%peer, shard, "a gateway asked for a shard that is not here");
            return;
        };
        let left = self.poller.registry().deregister(&mut stream);
        if left.is_err() || mailbox.send(Told::Gateway(stream)).is_err() {
            tracing::warn!(%peer, shard, "a gateway could not be handed to its shard and must come again");
        }
    }

    fn expire(&mut self, now: Now) {
        while let Some((due_ms, place, number)) = self.deadlines.front().copied()
            && due_ms <= now.mono_ms
        {
            self.deadlines.pop_front();
            if self.newcomers.get(place).is_some_and(|newcomer| newcomer.number == number) {
                let Newcomer { peer, .. } = self.newcomers.remove(place);
                tracing::warn!(%peer, "a connection that did not introduce itself was closed");
            }
        }
        if self.listener.next_deadline().is_some_and(|due_ms| due_ms <= now.mono_ms) {
            self.accept(now);
        }
    }
}

fn introduced(bytes: &[u8]) -> Look {
    match rpc::next(bytes, 0) {
        Ok(Some(found)) => match FromGateway::decode(found.kind, &bytes[found.body]) {
            Ok(FromGateway::Hello(hello)) => Look::For(hello.shard),
            _ => Look::Stranger,
        },
        Ok(None) if bytes.len() < PEEK_BYTES => Look::Wait,
        Ok(None) | Err(_) => Look::Stranger,
    }
}
