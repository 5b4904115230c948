//! The sockets of clients, by table index: their bytes' way in and out. Owns the descriptors, the bytes not yet sent or not yet taken, and the dirty list; who a
//! socket belongs to and what its bytes mean is the machine's.
//!
//! An idle socket owns no heap memory. What is pushed to a socket makes it dirty, and the turn ends with one [`Sockets::flush`]: one `send` for
//! each dirty socket. Nothing else touches write interest.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::SockRef;

use crate::sys;
use crate::traffic::Traffic;

/// Bytes of buffers that a reactor keeps for reuse, in all.
const POOL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Capacity of a single buffer that is worth keeping.
const POOLED_BYTES_MAX: usize = 128 * 1024;
/// A rest up to this size is copied in front of the next read; a larger one is read on to, so that a dripping sender of a large frame does not have
/// it copied for every drop.
const REST_COPIED_MAX: usize = 4 * 1024;
/// A queue of this size leaves as soon as the turn goes on to another client, while its bytes are still in the cache, and not only at the turn's end.
const QUEUE_BYTES_SENT_EARLY: usize = 8 * 1024;
/// Bytes already sent that may stand before the unsent ones of a slow client, before these are moved.
const SENT_BYTES_MAX: usize = 256 * 1024;

/// All client sockets of one reactor.
#[derive(Debug, Default)]
pub struct Sockets {
    table: Vec<Socket>,
    dirty: Vec<u32>,
    /// Whom something was pushed to last.
    latest: u32,
    pool: Pool,
    queued: usize,
    traffic: Traffic,
    /// What is done before the writing side of a socket is ended.
    last_words: Option<fn(BorrowedFd<'_>)>,
}

/// 24 bytes when idle, and nothing elsewhere.
#[derive(Debug, Default)]
struct Socket {
    stream: Option<TcpStream>,
    /// It stands in the dirty list.
    dirty: bool,
    /// The kernel took less than it was given: wait for a writable event.
    blocked: bool,
    /// It has been blocked since it was last drained.
    behind: bool,
    /// Its writing side ends with what waits.
    ending: bool,
    out: Option<Box<Buffer>>,
    rest: Option<Box<Buffer>>,
}

const _: () = assert!(cfg!(debug_assertions) || size_of::<Socket>() <= 24);

/// Outgoing: `bytes[..done]` has left. Incoming: `bytes` is initialised room of which `bytes[..done]` has come.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    done: usize,
    /// What it is counted with in [`Pool::held`].
    counted: usize,
}

/// What another process needs beside a socket to go on with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried<'a> {
    /// Bytes that wait for the client.
    pub out: &'a [u8],
    /// Bytes of the client that were not taken.
    pub rest: &'a [u8],
    /// A [`Flushed::Blocked`] was told, and no [`Flushed::Drained`] since.
    pub behind: bool,
    /// Its writing side ends with what waits.
    pub ending: bool,
}

/// What a flush has to tell about a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// The client does not take all it is sent; some of it waits.
    Blocked,
    /// A blocked client has taken everything.
    Drained,
    /// The connection is broken.
    Broken,
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// Bytes are in the scratch buffer, and these were all that had come.
    Drained,
    /// Bytes are in the scratch buffer, and there may be more.
    More,
    /// Nothing had come.
    Nothing,
    /// The client has ended its side.
    Closed,
    /// The connection is broken.
    Broken,
}

impl Sockets {
    /// Without any, with room for so many: room that the system gives when it is first used.
    pub fn with_room(sockets: usize) -> Self {
        Self { table: Vec::with_capacity(sockets), ..Self::default() }
    }

    /// Takes a connected stream in at `index`, which must be free, and registers it once for both interests. Its options are its listener's.
    pub fn adopt(
        &mut self,
        index: u32,
        mut stream: TcpStream,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let index = index as usize;
        if index >= self.table.len() {
            self.table.resize_with(index + 1, Socket::default);
        }
        debug_assert!(self.table[index].stream.is_none(), "socket {index} is taken");
        self.table[index] = Socket { stream: Some(stream), ..Socket::default() };
        Ok(())
    }

    /// What another process needs to go on with the socket at `index`, and the socket. Nothing changes here.
    pub fn carried(&self, index: u32) -> Option<(BorrowedFd<'_>, Carried<'_>)> {
        let socket = self.table.get(index as usize)?;
        let descriptor = socket.stream.as_ref()?.as_fd();
        let out = socket.out.as_ref().map_or(&[][..], |out| &out.bytes[out.done..]);
        let rest = socket.rest.as_ref().map_or(&[][..], |rest| &rest.bytes[..rest.done]);
        let Socket { behind, ending, .. } = *socket;
        Some((descriptor, Carried { out, rest, behind, ending }))
    }

    /// Takes in what another process has carried: as [`Sockets::adopt`], and goes on where that has ended.
    pub fn adopt_carried(
        &mut self,
        index: u32,
        stream: TcpStream,
        registry: &Registry,
        token: Token,
        carried: Carried<'_>,
    ) -> io::Result<()> {
        self.adopt(index, stream, registry, token)?;
        let Carried { out, rest, behind, ending } = carried;
        let socket = &mut self.table[index as usize];
        (socket.behind, socket.ending) = (behind, ending);
        if !out.is_empty() {
            socket.out = Some(self.pool.made_of(out, 0));
            self.queued += out.len();
        }
        if !rest.is_empty() {
            socket.rest = Some(self.pool.made_of(rest, rest.len()));
        }
        if !out.is_empty() || ending {
            socket.dirty = true;
            self.dirty.push(index);
        }
        Ok(())
    }

    /// Whether there is an open socket at `index`.
    pub fn is_open(&self, index: u32) -> bool {
        self.table.get(index as usize).is_some_and(|socket| socket.stream.is_some())
    }

    /// Where the client at `index` comes from.
    pub fn peer(&self, index: u32) -> io::Result<SocketAddr> {
        match self.table.get(index as usize).and_then(|socket| socket.stream.as_ref()) {
            Some(stream) => stream.peer_addr(),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Why the socket at `index` is broken, if the kernel knows of it; it tells once. For an attempt to connect that has come to its end.
    pub fn fault(&self, index: u32) -> Option<io::Error> {
        let stream = self.table.get(index as usize).and_then(|socket| socket.stream.as_ref());
        stream.and_then(|stream| stream.take_error().unwrap_or_else(Some))
    }

    /// Closes the socket with a reset, which leaves no port waiting behind; what has not been sent is lost.
    pub fn reset(&mut self, index: u32) {
        if let Some(stream) = self.table.get(index as usize).and_then(|socket| socket.stream.as_ref()) {
            // If it cannot be set the close is only slower.
            drop(SockRef::from(stream).set_linger(Some(Duration::ZERO)));
        }
        self.close(index);
    }

    /// Bytes that wait for the client at `index`.
    pub fn waiting(&self, index: u32) -> usize {
        let out = self.table.get(index as usize).and_then(|socket| socket.out.as_ref());
        out.map_or(0, |out| out.bytes.len() - out.done)
    }

    /// Bytes that wait for all clients.
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Memory of all buffers that stay with their sockets from one turn to the next: of clients that are blocked, or have sent part of something. It is right after a
    /// flush.
    pub fn held(&self) -> usize {
        self.pool.held
    }

    /// Memory of the buffers of the client at `index`.
    pub fn held_for(&self, index: u32) -> usize {
        let Some(Socket { out, rest, .. }) = self.table.get(index as usize) else { return 0 };
        [out, rest].into_iter().flatten().map(|buffer| buffer.bytes.capacity()).sum()
    }

    /// All bytes that went through so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// Queues `parts`, in order, and returns how many bytes now wait for this client.
    #[inline]
    pub fn push(&mut self, index: u32, parts: &[&[u8]]) -> usize {
        if index != self.latest {
            let before = std::mem::replace(&mut self.latest, index);
            self.send_early(before);
        }
        let Some(socket) = self.table.get_mut(index as usize).filter(|socket| socket.stream.is_some()) else {
            return 0;
        };
        let out = socket.out.get_or_insert_with(|| self.pool.take());
        for part in parts {
            out.bytes.extend_from_slice(part);
            self.queued += part.len();
        }
        if !socket.dirty {
            socket.dirty = true;
            self.dirty.push(index);
        }
        out.bytes.len() - out.done
    }

    /// Sends `bytes` at once if nothing waits for this client, and queues what the kernel does not take, which the flush then tells. For an answer that is
    /// one piece already: it saves the copy into a queue, not a system call.
    #[inline]
    pub fn reply(&mut self, index: u32, bytes: &[u8]) {
        let Some(socket) = self.table.get_mut(index as usize) else { return };
        let (Some(stream), None) = (&socket.stream, &socket.out) else {
            self.push(index, &[bytes]);
            return;
        };
        match sys::send(stream.as_fd(), bytes) {
            Ok(sent) if sent == bytes.len() => self.traffic.written += sent as u64,
            Ok(sent) => {
                self.traffic.written += sent as u64;
                socket.blocked = true;
                self.push(index, &[&bytes[sent..]]);
            }
            // Whatever is wrong, the flush meets it again and tells.
            Err(_) => {
                self.push(index, &[bytes]);
            }
        }
    }

    /// Sends a large queue before the turn's end. The flush tells what there is to tell, for the socket stays in the dirty list.
    #[inline]
    fn send_early(&mut self, index: u32) {
        let Some(socket) = self.table.get_mut(index as usize) else { return };
        let (Some(stream), Some(out), false) =
            (&socket.stream, &mut socket.out, socket.blocked || socket.behind)
        else {
            return;
        };
        if out.bytes.len() < QUEUE_BYTES_SENT_EARLY {
            return;
        }
        // Whatever is wrong, the flush meets it again and tells.
        let Ok(sent) = sys::send(stream.as_fd(), &out.bytes[out.done..]) else { return };
        self.queued -= sent;
        self.traffic.written += sent as u64;
        out.done += sent;
        if out.done < out.bytes.len() {
            socket.blocked = true;
        } else if let Some(out) = socket.out.take() {
            self.pool.give(out);
        }
    }

    /// Takes note that a socket is writable again.
    pub fn writable(&mut self, index: u32) {
        if let Some(socket) = self.table.get_mut(index as usize).filter(|socket| socket.blocked) {
            socket.blocked = false;
            if !socket.dirty {
                socket.dirty = true;
                self.dirty.push(index);
            }
        }
    }

    /// Sends what waits, one `send` for each dirty socket, and appends what there is to tell.
    pub fn flush(&mut self, told: &mut Vec<(u32, Flushed)>) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            if let Some(flushed) = self.flush_one(index) {
                told.push((index, flushed));
            }
        }
        self.dirty = dirty;
    }

    /// From here on this is done with each socket when all that waits for it has left, just before its writing side is ended.
    pub fn set_last_words(&mut self, say: fn(BorrowedFd<'_>)) {
        self.last_words = Some(say);
    }

    /// Ends the writing side once all that waits has left: the client then sees the end of the stream.
    pub fn finish(&mut self, index: u32) {
        let Some(socket) = self.table.get_mut(index as usize) else { return };
        socket.ending = true;
        if !socket.dirty {
            socket.dirty = true;
            self.dirty.push(index);
        }
    }

    /// Closes the socket and takes its buffers back.
    pub fn close(&mut self, index: u32) {
        let Some(socket) = self.table.get_mut(index as usize) else { return };
        let Socket { out, rest, .. } = std::mem::take(socket);
        if let Some(out) = out {
            self.queued -= out.bytes.len() - out.done;
            self.pool.give(out);
        }
        if let Some(rest) = rest {
            self.pool.give(rest);
        }
    }

    fn flush_one(&mut self, index: u32) -> Option<Flushed> {
        let socket = self.table.get_mut(index as usize)?;
        socket.dirty = false;
        let (Some(stream), false) = (&socket.stream, socket.blocked) else {
            if let Some(out) = &mut socket.out {
                self.pool.count(out);
            }
            let found_by_reply = socket.blocked && !std::mem::replace(&mut socket.behind, true);
            return found_by_reply.then_some(Flushed::Blocked);
        };
        let Some(out) = &mut socket.out else {
            if socket.ending {
                end(stream, self.last_words);
            }
            return None;
        };
        let sent = match sys::send(stream.as_fd(), &out.bytes[out.done..]) {
            Ok(n) => n,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => 0,
            Err(_) => return Some(Flushed::Broken),
        };
        self.queued -= sent;
        self.traffic.written += sent as u64;
        out.done += sent;
        let was_behind = socket.behind;
        socket.behind = out.done < out.bytes.len();
        if socket.behind {
            socket.blocked = true;
            if out.done > SENT_BYTES_MAX && out.done > out.bytes.len() / 2 {
                // Each byte is moved at most once for every byte that was sent before it.
                out.bytes.drain(..out.done);
                out.done = 0;
            }
            self.pool.count(out);
            return (!was_behind).then_some(Flushed::Blocked);
        }
        if socket.ending {
            end(stream, self.last_words);
        }
        if let Some(out) = socket.out.take() {
            self.pool.give(out);
        }
        was_behind.then_some(Flushed::Drained)
    }
}

/// Ends the writing side of a stream that everything has left for.
fn end(stream: &TcpStream, last_words: Option<fn(BorrowedFd<'_>)>) {
    if let Some(say) = last_words {
        say(stream.as_fd());
    }
    // The client may be gone already, which the next read tells.
    drop(stream.shutdown(Shutdown::Write));
}

/// The one read buffer of a reactor. Between [`Scratch::receive`] and [`Scratch::keep`] it holds the bytes of one socket: what was left of them before, and
/// what has come since.
#[derive(Debug)]
pub struct Scratch {
    main: Vec<u8>,
    /// A large rest, which is read on to in place; the bytes are here instead of in `main`.
    rest: Option<Box<Buffer>>,
    filled: usize,
    fresh: usize,
}

impl Scratch {
    /// A buffer that takes up to `bytes` in one read.
    pub fn new(bytes: usize) -> Self {
        Self { main: vec![0; bytes.max(2 * REST_COPIED_MAX)], rest: None, filled: 0, fresh: 0 }
    }

    /// Reads once from a socket, at most `limit` bytes. `hung_up` comes from the event.
    #[inline]
    pub fn receive(&mut self, sockets: &mut Sockets, index: u32, limit: usize, hung_up: bool) -> Received {
        (self.filled, self.fresh) = (0, 0);
        let Some(socket) = sockets.table.get_mut(index as usize) else { return Received::Broken };
        let Some(stream) = &socket.stream else { return Received::Broken };
        if let Some(rest) = socket.rest.take() {
            self.filled = rest.done;
            if rest.done <= REST_COPIED_MAX {
                self.main[..rest.done].copy_from_slice(&rest.bytes[..rest.done]);
                sockets.pool.give(rest);
            } else {
                self.rest = Some(rest);
            }
        }
        let filled = self.filled;
        let buffer = match &mut self.rest {
            Some(rest) => {
                if rest.bytes.len() - filled < filled / 2 {
                    rest.bytes.resize(filled * 2, 0);
                }
                &mut rest.bytes
            }
            None => &mut self.main,
        };
        let room = &mut buffer[filled..];
        let space = room.len().min(limit);
        match sys::receive(stream.as_fd(), &mut room[..space]) {
            Ok(0) if space > 0 => Received::Closed,
            Ok(n) => {
                self.filled += n;
                self.fresh = n;
                sockets.traffic.read += n as u64;
                if n == space || hung_up { Received::More } else { Received::Drained }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Received::Nothing,
                io::ErrorKind::Interrupted => Received::More,
                _ => Received::Broken,
            },
        }
    }

    /// How many bytes the last [`Scratch::receive`] has read: the last ones of [`Scratch::bytes`].
    #[inline]
    pub fn fresh(&self) -> usize {
        self.fresh
    }

    /// What the socket of the last [`Scratch::receive`] has for its machine.
    #[inline]
    pub fn bytes(&mut self) -> &mut [u8] {
        match &mut self.rest {
            Some(rest) => &mut rest.bytes[..self.filled],
            None => &mut self.main[..self.filled],
        }
    }

    /// Puts away what the machine did not take: all but the first `consumed` bytes wait with their socket for more. To be called
    /// after every [`Scratch::receive`], even if the socket was closed meanwhile.
    #[inline]
    pub fn keep(&mut self, sockets: &mut Sockets, index: u32, consumed: usize) {
        let left = self.filled.saturating_sub(consumed);
        if left == 0 && self.rest.is_none() {
            return;
        }
        let mut rest = match self.rest.take() {
            Some(mut rest) => {
                rest.bytes.copy_within(consumed..self.filled, 0);
                rest
            }
            None => {
                let mut rest = sockets.pool.take();
                rest.bytes.extend_from_slice(&self.main[consumed..self.filled]);
                rest
            }
        };
        rest.done = left;
        sockets.pool.count(&mut rest);
        match sockets.table.get_mut(index as usize) {
            Some(socket) if left > 0 && socket.stream.is_some() => socket.rest = Some(rest),
            _ => sockets.pool.give(rest),
        }
    }
}

/// Buffers between two uses.
#[derive(Debug, Default)]
struct Pool {
    #[expect(
        clippy::vec_box,
        reason = "the box itself is what a socket holds, and is reused with its buffer"
    )]
    buffers: Vec<Box<Buffer>>,
    bytes: usize,
    /// Memory of the buffers that are not here, as far as they have been counted.
    held: usize,
}

impl Pool {
    /// A buffer with these bytes, counted.
    #[expect(clippy::unnecessary_box_returns, reason = "the box is what a socket holds")]
    fn made_of(&mut self, bytes: &[u8], done: usize) -> Box<Buffer> {
        let mut buffer = Box::new(Buffer { bytes: bytes.to_vec(), done, counted: 0 });
        self.count(&mut buffer);
        buffer
    }

    #[expect(clippy::unnecessary_box_returns, reason = "the box is what is reused")]
    fn take(&mut self) -> Box<Buffer> {
        let Some(buffer) = self.buffers.pop() else { return Box::default() };
        self.bytes -= buffer.bytes.capacity();
        buffer
    }

    /// Takes note of how large a buffer that is in use has become.
    fn count(&mut self, buffer: &mut Buffer) {
        let counted = std::mem::replace(&mut buffer.counted, buffer.bytes.capacity());
        self.held = self.held - counted + buffer.counted;
    }

    fn give(&mut self, mut buffer: Box<Buffer>) {
        self.held -= std::mem::take(&mut buffer.counted);
        let capacity = buffer.bytes.capacity();
        if capacity <= POOLED_BYTES_MAX && self.bytes + capacity <= POOL_BYTES_MAX {
            buffer.bytes.clear();
            buffer.done = 0;
            self.bytes += capacity;
            self.buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests;
