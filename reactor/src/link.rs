//! One RPC connection between our own processes. Owns the bytes' way in and out; frames are [`proto::rpc`]'s, what they mean is the machines', and who keeps a link
//! up is [`crate::dialer`].
//!
//! What goes out is gathered in a buffer of the caller's and leaves in one write a turn ([`Link::flush`]).

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};

use mio::{Interest, Registry, Token};
use proto::rpc::{self, FrameError};

use crate::stream::{Peer, Stream};
use crate::traffic::Traffic;

/// Bytes of a link's receive buffer, so that what is read is still in the core's cache when it is passed on; it doubles for a frame that it cannot hold …
const INBOX_BYTES_MIN: usize = 128 * 1024;
/// … up to this, which holds any frame.
const INBOX_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Bytes already sent that may stand before the unsent ones in an outgoing buffer, before these are moved to its front.
const SENT_BYTES_MAX: usize = 1024 * 1024;
/// Capacity that an outgoing buffer keeps when it has been emptied.
const OUT_BYTES_KEPT: usize = 1024 * 1024;

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

    /// All bytes that came and were not yet given out.
    pub(crate) fn come(&self) -> &[u8] {
        &self.inbox[self.start..self.end]
    }

    /// Takes so many of them as given out.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start = self.end.min(self.start + bytes);
    }

    /// The error of a connect that failed.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.stream.take_error()
    }

    /// What another process needs to go on with it: the descriptor, the bytes that came and are no whole frame yet, and how much of the outgoing buffer has
    /// left. Nothing changes here.
    pub fn carried(&self) -> (BorrowedFd<'_>, &[u8], usize) {
        (self.stream.as_fd(), &self.inbox[self.start..self.end], self.sent)
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

    /// Says that nothing more will be written.
    pub fn finish(&self) -> io::Result<()> {
        self.stream.finish()
    }

    /// Takes note that the socket is writable again.
    pub fn writable(&mut self) {
        self.blocked = false;
    }

    /// Reads once. The end of the stream is an error of kind `UnexpectedEof`. `hung_up` comes from the event ([`crate::poll::Ready::hung_up`]).
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
            return;
        }
        // It is full of one frame's beginning, or empty.
        let size = (self.inbox.len() * 2).clamp(INBOX_BYTES_MIN, INBOX_BYTES_MAX);
        self.inbox.resize(size.max(self.inbox.len()), 0);
    }
}

#[cfg(test)]
mod tests {
    use mio::net::UnixStream;
    use proto::limits::RPC_BODY_BYTES_MAX;

    use super::*;
    use crate::poll::Poller;

    #[test]
    fn frames_of_any_size_pass_whole_and_in_order() {
        let sizes = [
            0,
            20,
            INBOX_BYTES_MIN - 7,
            1,
            INBOX_BYTES_MIN,
            1000,
            RPC_BODY_BYTES_MAX,
            3,
            INBOX_BYTES_MIN + 1,
        ];
        let mut out = Vec::new();
        for round in 0..20 {
            let size = sizes[round % sizes.len()];
            rpc::frame(&mut out, round as u8, |body| body.resize(body.len() + size, round as u8));
        }
        let poller = Poller::new(4).unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        let mut sender = Link::new(here, poller.registry(), Token(0)).unwrap();
        let mut receiver = Link::new(there, poller.registry(), Token(1)).unwrap();
        let mut came = Vec::new();
        while came.len() < 20 {
            sender.writable();
            sender.flush(&mut out).unwrap();
            receiver.fill(false).unwrap();
            while let Some((kind, body)) = receiver.next_frame().unwrap() {
                assert!(body.iter().all(|byte| *byte == kind), "frame {kind} is as it was sent");
                came.push((kind, body.len()));
            }
        }
        assert_eq!(came, (0..20).map(|round| (round as u8, sizes[round % sizes.len()])).collect::<Vec<_>>());
        assert!(out.is_empty());
    }
}
