//! One RPC connection between our own processes, and the dialer that keeps one up. Owns the bytes' way in and out and the back-off; frames are
//! [`proto::rpc`]'s, and what they mean is the machines'.
//!
//! What goes out is gathered in a buffer of the caller's and leaves in one write a turn ([`Link::flush`]).

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use mio::{Interest, Registry, Token};
use proto::rpc::{self, FrameError};
use proto::time::Now;
use settings::LinkAddress;

use crate::poll::Ready;
use crate::stream::{Peer, Stream};
use crate::traffic::Traffic;

/// Bytes of a link's receive buffer at first; it doubles when a read fills it …
const INBOX_BYTES_MIN: usize = 64 * 1024;
/// … up to this, which holds any frame.
const INBOX_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes already sent that may stand before the unsent ones in an outgoing buffer, before these are moved to its front.
const SENT_BYTES_MAX: usize = 1024 * 1024;
/// Capacity that an outgoing buffer keeps when it has been emptied.
const OUT_BYTES_KEPT: usize = 1024 * 1024;
/// How long a connect may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Back-off between attempts: a random time below base × 2^failures, and never more than the ceiling.
const BACKOFF_BASE_MS: u64 = 10;
const BACKOFF_MAX_MS: u64 = 1000;

const _: () = assert!(INBOX_BYTES_MAX >= proto::limits::RPC_BODY_BYTES_MAX + rpc::HEAD_BYTES);

/// An open RPC connection.
#[derive(Debug)]
pub struct Link {
    stream: Stream,
    token: Token,
    /// Initialised throughout; `start..end` are bytes that came and were not yet given out as frames.
    inbox: Vec<u8>,
    start: usize,
    end: usize,
    /// How much of the caller's outgoing buffer has left.
    sent: usize,
    /// The socket took less than it was given: wait for a writable event.
    blocked: bool,
    traffic: Traffic,
}

/// Whether a link has more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// All that had come was read; the next event tells of more.
    Drained,
    /// There may be more: take the frames out, then fill again (or ask the poller for another turn).
    More,
}

impl Link {
    /// Wraps a connected stream and registers it under `token`, for both interests, once.
    pub fn new(stream: impl Into<Stream>, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = stream.into();
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        stream.set_nodelay()?;
        let (inbox, traffic) = (Vec::new(), Traffic::default());
        Ok(Self { stream, token, inbox, start: 0, end: 0, sent: 0, blocked: false, traffic })
    }

    /// Takes bytes that were read from the stream before it was wrapped. No event will tell of them: ask the poller for another turn.
    pub fn unread(&mut self, bytes: &[u8]) {
        debug_assert!(self.inbox.is_empty(), "it has not been read from");
        self.inbox.resize(INBOX_BYTES_MIN.max(bytes.len()), 0);
        self.inbox[..bytes.len()].copy_from_slice(bytes);
        self.end = bytes.len();
    }

    /// The token under which its events come.
    pub fn token(&self) -> Token {
        self.token
    }

    /// Who is at the other end.
    pub fn peer(&self) -> io::Result<Peer> {
        self.stream.peer()
    }

    /// The bytes that went through since this was asked last.
    pub fn take_traffic(&mut self) -> Traffic {
        std::mem::take(&mut self.traffic)
    }

    /// Takes note that the socket is writable again.
    pub fn writable(&mut self) {
        self.blocked = false;
    }

    /// Reads once. The end of the stream is an error of kind `UnexpectedEof`. `hung_up` comes from the event ([`Ready::hung_up`]).
    pub fn fill(&mut self, hung_up: bool) -> io::Result<Filled> {
        self.make_room();
        let room = &mut self.inbox[self.end..];
        let space = room.len();
        match self.stream.read(room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                self.end += n;
                self.traffic.read += n as u64;
                Ok(if n == space || hung_up { Filled::More } else { Filled::Drained })
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Ok(Filled::Drained),
                io::ErrorKind::Interrupted => Ok(Filled::More),
                _ => Err(error),
            },
        }
    }

    /// The next whole frame among the bytes that were read: its kind and its body.
    pub fn next_frame(&mut self) -> Result<Option<(u8, &[u8])>, FrameError> {
        let Some(found) = rpc::next(&self.inbox[..self.end], self.start)? else { return Ok(None) };
        self.start = found.body.end;
        Ok(Some((found.kind, &self.inbox[found.body])))
    }

    /// Writes what `out` holds beyond what has left already. Returns how many bytes are still waiting: 0 empties `out`.
    pub fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<usize> {
        while !self.blocked && self.sent < out.len() {
            match self.stream.write(&out[self.sent..]) {
                Ok(n) => {
                    self.sent += n;
                    self.traffic.written += n as u64;
                    self.blocked = self.sent < out.len();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let waiting = out.len() - self.sent;
        if waiting == 0 {
            out.clear();
            out.shrink_to(OUT_BYTES_KEPT);
            self.sent = 0;
        } else if self.sent > SENT_BYTES_MAX && self.sent > waiting {
            // Each byte is moved at most once for every byte that was sent before it.
            out.drain(..self.sent);
            self.sent = 0;
        }
        Ok(waiting)
    }

    fn make_room(&mut self) {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.end < self.inbox.len() {
            return;
        }
        if self.start > 0 {
            self.inbox.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        // A full buffer has been too small: for what comes in a turn, or even for one frame.
        let size = (self.inbox.len() * 2).clamp(INBOX_BYTES_MIN, INBOX_BYTES_MAX);
        self.inbox.resize(size.max(self.inbox.len()), 0);
    }
}

/// Keeps one outgoing link up: dials, waits between attempts, gives up never.
#[derive(Debug)]
pub struct Dialer {
    address: LinkAddress,
    token: Token,
    state: Dialing,
    failures: u32,
    jitter: u64,
}

#[derive(Debug)]
enum Dialing {
    Waiting { until_ms: u64 },
    Connecting { link: Link, until_ms: u64 },
    Up(Link),
}

impl Dialer {
    /// A dialer that will make its first attempt at once. `seed` sets its jitter apart from that of others.
    pub fn new(address: LinkAddress, token: Token, seed: u64) -> Self {
        Self { address, token, state: Dialing::Waiting { until_ms: 0 }, failures: 0, jitter: seed | 1 }
    }

    /// Whom it dials.
    pub fn address(&self) -> &LinkAddress {
        &self.address
    }

    /// The link, if it is up.
    pub fn link(&mut self) -> Option<&mut Link> {
        match &mut self.state {
            Dialing::Up(link) => Some(link),
            _ => None,
        }
    }

    /// When [`Dialer::expire`] has something to do.
    pub fn next_deadline(&self) -> Option<u64> {
        match &self.state {
            Dialing::Waiting { until_ms } | Dialing::Connecting { until_ms, .. } => Some(*until_ms),
            Dialing::Up(_) => None,
        }
    }

    /// Dials if it is time to, and gives up an attempt that takes too long.
    pub fn expire(&mut self, now: Now, registry: &Registry) {
        match &self.state {
            Dialing::Waiting { until_ms } if *until_ms <= now.mono_ms => {}
            Dialing::Connecting { until_ms, .. } if *until_ms <= now.mono_ms => return self.lost(now),
            _ => return,
        }
        let dialed =
            Stream::connect(&self.address).and_then(|stream| Link::new(stream, registry, self.token));
        match dialed {
            Ok(link) => self.state = Dialing::Connecting { link, until_ms: now.after(CONNECT_DEADLINE) },
            Err(error) => {
                tracing::debug!(address = %self.address, %error, "cannot dial");
                self.lost(now);
            }
        }
    }

    /// Takes note of an event for its token. Returns true when the link has just come up: then both sides introduce themselves.
    pub fn ready(&mut self, ready: Ready, now: Now) -> bool {
        match &mut self.state {
            Dialing::Up(link) if ready.writable => link.writable(),
            Dialing::Connecting { link, .. } if ready.writable || ready.hung_up => {
                let connected = match link.stream.take_error() {
                    Ok(None) => link.peer().and_then(plausible),
                    Ok(Some(error)) | Err(error) => Err(error),
                };
                match connected {
                    Ok(()) => return self.up(),
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                    Err(error) => {
                        tracing::debug!(address = %self.address, %error, "cannot connect");
                        self.lost(now);
                    }
                }
            }
            _ => {}
        }
        false
    }

    /// Drops the link, if any, and dials again after a back-off.
    pub fn lost(&mut self, now: Now) {
        let ceiling = (BACKOFF_BASE_MS << self.failures.min(10)).min(BACKOFF_MAX_MS);
        self.failures += 1;
        self.state = Dialing::Waiting { until_ms: now.mono_ms + 1 + self.random() % ceiling };
    }

    /// Counts the attempts as failed no longer: the other side has shown that it is the right one.
    pub fn proved(&mut self) {
        self.failures = 0;
    }

    fn up(&mut self) -> bool {
        let waiting = Dialing::Waiting { until_ms: 0 };
        if let Dialing::Connecting { link, .. } = std::mem::replace(&mut self.state, waiting) {
            self.state = Dialing::Up(link);
        }
        true
    }

    /// Xorshift64 (Marsaglia 2003): spreads reconnects, guards no secret.
    fn random(&mut self) -> u64 {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        self.jitter
    }
}

/// Nothing is said to a process of a user who is not to be there.
fn plausible(peer: Peer) -> io::Result<()> {
    if peer.is_plausible() {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("at the other end is {peer}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Poller;
    use mio::net::TcpStream;
    use std::net::TcpListener;

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, unix_ms: 0 }
    }

    fn take_note(dialer: &mut Dialer, ready: &[Ready]) {
        let token = dialer.token;
        for event in ready.iter().filter(|event| event.token == token) {
            dialer.ready(*event, at(0));
        }
    }

    /// A dialer whose link is up, and the other end of it.
    fn connected() -> (Poller, Dialer, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut poller = Poller::new(8).unwrap();
        let mut dialer = Dialer::new(listener.local_addr().unwrap().into(), Token(3), 1);
        dialer.expire(at(0), poller.registry());
        let mut ready = Vec::new();
        while dialer.link().is_none() {
            poller.turn(None, &mut ready).unwrap();
            take_note(&mut dialer, &ready);
        }
        (poller, dialer, listener.accept().unwrap().0)
    }

    #[test]
    fn frames_cross_a_link_in_one_write_and_come_out_whole() {
        let (mut poller, mut dialer, other) = connected();
        let mut out = Vec::new();
        rpc::frame(&mut out, 1, |out| out.resize(out.len() + 100_000, 7));
        rpc::frame(&mut out, 2, |_| ());
        other.set_nonblocking(true).unwrap();
        let mut far = Link::new(TcpStream::from_std(other), poller.registry(), Token(4)).unwrap();
        let (mut seen, mut ready) = (Vec::new(), Vec::new());
        loop {
            dialer.link().unwrap().flush(&mut out).unwrap();
            let filled = far.fill(false).unwrap();
            while let Some((kind, body)) = far.next_frame().unwrap() {
                seen.push((kind, body.len()));
            }
            if seen.len() == 2 {
                break;
            }
            if filled == Filled::Drained {
                poller.turn(None, &mut ready).unwrap();
                take_note(&mut dialer, &ready);
            }
        }
        assert_eq!(seen, [(1, 100_000), (2, 0)]);
        assert!(out.is_empty());
    }

    #[test]
    fn a_peer_that_goes_is_seen_and_dialed_again_with_growing_patience() {
        let (mut poller, mut dialer, other) = connected();
        drop(other);
        let mut ready = Vec::new();
        poller.turn(None, &mut ready).unwrap();
        let gone = dialer.link().unwrap().fill(true).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::UnexpectedEof);
        let mut waits = Vec::new();
        for _ in 0..32 {
            dialer.lost(at(0));
            waits.push(dialer.next_deadline().unwrap());
        }
        assert!(waits[0] <= BACKOFF_BASE_MS && waits.iter().all(|wait| *wait <= BACKOFF_MAX_MS));
        assert!(waits.iter().any(|wait| *wait > BACKOFF_MAX_MS / 4));
    }
}
