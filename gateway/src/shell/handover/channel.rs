//! A Unix socket for messages between the two processes of a handover: [`Channel`]; and the way of a descriptor into a reactor's own table: [`Hatch`]. Owns the waiting, which is
//! bounded; what is said is `crate::handover::message`'s.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use proto::limits::HANDOVER_MESSAGE_BYTES_MAX;
use reactor::sys;
use socket2::{Domain, Socket, Type};

use crate::handover::message::Message;

/// How long to wait when too many descriptors are on their way.
const LATER: Duration = Duration::from_millis(1);

/// One end. What is sent is a message as a whole, or nothing.
#[derive(Debug)]
pub(in crate::shell) struct Channel {
    socket: Socket,
    buffer: Vec<u8>,
}

/// A message that came.
#[derive(Debug)]
pub(in crate::shell) struct Came<'a> {
    pub(in crate::shell) bytes: &'a [u8],
    pub(in crate::shell) descriptors: Vec<OwnedFd>,
}

impl Channel {
    /// Both ends.
    pub(in crate::shell) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None)?;
        Ok((Self::new(one), Self::new(other)))
    }

    /// An end that was passed to this process.
    pub(in crate::shell) fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(descriptor);
        let is_one = socket.local_addr()?.is_unix() && socket.r#type()? == Type::SEQPACKET;
        if is_one { Ok(Self::new(socket)) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    fn new(socket: Socket) -> Self {
        Self { socket, buffer: vec![0; HANDOVER_MESSAGE_BYTES_MAX] }
    }

    /// Gives the end away.
    pub(in crate::shell) fn into_descriptor(self) -> OwnedFd {
        self.socket.into()
    }

    /// Sends a message, waiting until there is room.
    pub(in crate::shell) fn send(
        &self,
        bytes: &[u8],
        descriptors: &[BorrowedFd<'_>],
        until: Instant,
    ) -> io::Result<()> {
        loop {
            self.socket.set_write_timeout(Some(left(until)?))?;
            match sys::send_with_descriptors(self.socket.as_fd(), bytes, descriptors) {
                // As many as this user may have open are on their way, of all processes: they will arrive.
                Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => thread::sleep(LATER),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    /// Says something without descriptors.
    pub(in crate::shell) fn say(&self, message: &Message, until: Instant) -> io::Result<()> {
        self.send(&message.encode(), &[], until)
    }

    /// Waits for a message; `None` at the end.
    pub(in crate::shell) fn receive(&mut self, until: Instant) -> io::Result<Option<Came<'_>>> {
        let mut descriptors = Vec::new();
        let length = loop {
            self.socket.set_read_timeout(Some(left(until)?))?;
            match sys::receive_with_descriptors(self.socket.as_fd(), &mut self.buffer, &mut descriptors) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => break 0,
                result => break result?,
            }
        };
        Ok((length > 0).then_some(Came { bytes: &self.buffer[..length], descriptors }))
    }
}

/// The time until a moment, which must not have passed.
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left.max(LATER)) }
}

/// The way of descriptors into a reactor's table, which may be its own: a pair of sockets that was there before. Both ends are closed with the last handle, which
/// must not be the reactor's.
#[derive(Clone, Debug)]
pub(in crate::shell) struct Hatch(Arc<(OwnedFd, OwnedFd)>);

impl Hatch {
    pub(in crate::shell) fn new() -> io::Result<Self> {
        let (outside, inside) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None)?;
        inside.set_nonblocking(true)?;
        Ok(Self(Arc::new((outside.into(), inside.into()))))
    }

    /// What the reactor has to keep.
    pub(in crate::shell) fn inside(&self) -> BorrowedFd<'_> {
        self.0.1.as_fd()
    }

    /// Passes the channel of a handover to the reactor, which takes it when it is told to.
    pub(in crate::shell) fn pass(&self, channel: Channel, number: u64) -> io::Result<()> {
        let descriptor = channel.into_descriptor();
        sys::send_with_descriptors(self.0.0.as_fd(), &number.to_ne_bytes(), &[descriptor.as_fd()])
    }

    /// Takes the channel of this handover, in the reactor. Others are of handovers that came to nothing.
    pub(in crate::shell) fn take(&self, number: u64) -> io::Result<Channel> {
        let mut buffer = [0; 8];
        loop {
            let mut descriptors = Vec::new();
            sys::receive_with_descriptors(self.inside(), &mut buffer, &mut descriptors)?;
            if u64::from_ne_bytes(buffer) == number {
                let descriptor = descriptors.pop().ok_or(io::ErrorKind::NotFound)?;
                return Channel::adopt(descriptor);
            }
        }
    }
}
