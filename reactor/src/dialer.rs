//! Keeps an outgoing link up: [`Dialer`]. Owns the attempts, the back-off between them, and that both ends have proved who they are before anything is said;
//! the bytes' way is [`crate::link`]'s, the proofs are [`proto::auth`]'s.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use mio::{Registry, Token};
use proto::auth::{self, Claim, Progress};
use proto::time::Now;
use settings::LinkAddress;

use crate::keyring::{self, Keyring};
use crate::link::{Filled, Link};
use crate::poll::Ready;
use crate::stream::{Peer, Stream};

/// How long a connect may take, and after it a proof.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Back-off between attempts: a random time below base × 2^failures, and never more than the ceiling.
const BACKOFF_BASE_MS: u64 = 10;
const BACKOFF_MAX_MS: u64 = 1000;

/// Keeps one outgoing link up: dials, proves itself if there is a secret, waits between attempts, gives up never.
#[derive(Debug)]
pub struct Dialer {
    address: LinkAddress,
    token: Token,
    state: Dialing,
    failures: u32,
    jitter: u64,
    /// Who we are, and what we prove it with.
    credentials: Option<(Keyring, Claim)>,
    /// See [`Dialer::take_unproved`].
    unproved: u64,
}

#[derive(Debug)]
enum Dialing {
    Waiting { until_ms: u64 },
    Connecting { link: Link, until_ms: u64 },
    Proving { link: Link, until_ms: u64, proof: Box<auth::Dialing>, out: Vec<u8> },
    Up(Link),
}

impl Dialer {
    /// A dialer that will make its first attempt at once. `seed` sets its jitter apart from that of others.
    pub fn new(address: LinkAddress, token: Token, seed: u64) -> Self {
        let (state, jitter) = (Dialing::Waiting { until_ms: 0 }, seed | 1);
        Self { address, token, state, failures: 0, jitter, credentials: None, unproved: 0 }
    }

    /// Has both ends of each link prove that they know the secret, while there is one in the keyring.
    pub fn proving(self, keyring: Keyring, claim: Claim) -> Self {
        Self { credentials: Some((keyring, claim)), ..self }
    }

    /// With a link that is up already: another process has made it.
    pub fn with_link(self, link: Link) -> Self {
        Self { state: Dialing::Up(link), ..self }
    }

    /// See [`Link::carried`]; `None` if the link is not up.
    pub fn carried(&self) -> Option<(BorrowedFd<'_>, &[u8], usize)> {
        match &self.state {
            Dialing::Up(link) => Some(link.carried()),
            _ => None,
        }
    }

    /// Attempts since this was asked last that ended between the connecting and the proof: the other end knows another secret, or none.
    pub fn take_unproved(&mut self) -> u64 {
        std::mem::take(&mut self.unproved)
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
            Dialing::Waiting { until_ms }
            | Dialing::Connecting { until_ms, .. }
            | Dialing::Proving { until_ms, .. } => Some(*until_ms),
            Dialing::Up(_) => None,
        }
    }

    /// Dials if it is time to, and gives up an attempt that takes too long.
    pub fn expire(&mut self, now: Now, registry: &Registry) {
        match &self.state {
            Dialing::Waiting { until_ms } if *until_ms <= now.mono_ms => {}
            Dialing::Connecting { until_ms, .. } if *until_ms <= now.mono_ms => return self.lost(now),
            Dialing::Proving { until_ms, .. } if *until_ms <= now.mono_ms => {
                return self.disbelieve(&"it takes too long", now);
            }
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
                let connected = match link.take_error() {
                    Ok(None) => link.peer().and_then(plausible),
                    Ok(Some(error)) | Err(error) => Err(error),
                };
                match connected {
                    Ok(()) => return self.connected(now),
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                    Err(error) => {
                        tracing::debug!(address = %self.address, %error, "cannot connect");
                        self.lost(now);
                    }
                }
            }
            Dialing::Proving { link, proof, out, .. } => {
                if ready.writable {
                    link.writable();
                }
                match prove(link, proof, out, ready.hung_up) {
                    Ok(true) => return self.up(),
                    Ok(false) => {}
                    Err(why) => self.disbelieve(&why, now),
                }
            }
            _ => {}
        }
        false
    }

    /// Goes on with a link that has been connected. Whether it is up already.
    fn connected(&mut self, now: Now) -> bool {
        let secrets = self.credentials.as_ref().and_then(|(keyring, claim)| Some((keyring.now()?, *claim)));
        let Some((secrets, claim)) = secrets else { return self.up() };
        let Some(nonce) = keyring::nonce() else {
            tracing::error!(address = %self.address, "there are no random numbers for a proof");
            self.lost(now);
            return false;
        };
        let waiting = Dialing::Waiting { until_ms: 0 };
        let Dialing::Connecting { mut link, .. } = std::mem::replace(&mut self.state, waiting) else {
            return false;
        };
        let mut out = Vec::new();
        let proof = Box::new(auth::Dialing::new(secrets, claim, nonce, &mut out));
        match link.flush(&mut out) {
            Ok(_) => {
                let until_ms = now.after(CONNECT_DEADLINE);
                self.state = Dialing::Proving { link, until_ms, proof, out };
            }
            Err(error) => self.disbelieve(&error, now),
        }
        false
    }

    /// Gives up an attempt because the other end has not proved what it should.
    fn disbelieve(&mut self, why: &dyn std::fmt::Display, now: Now) {
        tracing::warn!(address = %self.address, "a link could not be proved: {why}");
        self.unproved += 1;
        self.lost(now);
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
        if let Dialing::Connecting { link, .. } | Dialing::Proving { link, .. } =
            std::mem::replace(&mut self.state, waiting)
        {
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

/// Goes on with a proof: true when the other end is believed.
fn prove(
    link: &mut Link,
    proof: &mut auth::Dialing,
    out: &mut Vec<u8>,
    hung_up: bool,
) -> Result<bool, String> {
    loop {
        let filled = link.fill(hung_up).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                "it has closed the link: does it know another secret, or none?".into()
            }
            _ => error.to_string(),
        })?;
        let length = link.come().len();
        let progress = proof.receive(link.come(), out).map_err(|error| error.to_string())?;
        link.flush(out).map_err(|error| error.to_string())?;
        match progress {
            Progress::Proved { taken, .. } => {
                link.consume(taken);
                return Ok(true);
            }
            Progress::More => link.consume(length),
        }
        if filled == Filled::Drained {
            return Ok(false);
        }
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
    use crate::link::Link;
    use crate::poll::Poller;
    use mio::net::TcpStream;
    use proto::rpc;
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
