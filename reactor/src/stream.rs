//! The bytes of a link between our own processes: a TCP connection or a Unix socket, which look the same from here on. Owns the difference; what the bytes mean is
//! [`crate::link`]'s.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};
use settings::LinkAddress;
use socket2::SockRef;

use crate::sys;

/// One connection between our own processes.
#[derive(Debug)]
pub enum Stream {
    /// By TCP.
    Tcp(TcpStream),
    /// By a Unix socket.
    Unix(UnixStream),
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Whoever has this address.
    Tcp(SocketAddr),
    /// A process of this user.
    Unix {
        /// The user's number.
        uid: u32,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { uid } => write!(f, "a process of user {uid}"),
        }
    }
}

impl Peer {
    /// Whether it may be one of our own as far as the system knows: over a Unix socket only a process of our user, or of root's, is.
    pub fn is_plausible(&self) -> bool {
        match self {
            Self::Tcp(_) => true,
            Self::Unix { uid } => *uid == 0 || *uid == sys::own_uid(),
        }
    }
}

impl Stream {
    /// Begins to connect; the stream is connected when it is writable and [`Stream::peer`] tells who is there.
    pub fn connect(address: &LinkAddress) -> io::Result<Self> {
        match address {
            LinkAddress::Tcp(address) => TcpStream::connect(*address).map(Self::Tcp),
            LinkAddress::Unix(path) => UnixStream::connect(path).map(Self::Unix),
        }
    }

    /// A connection that another process has made.
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        if SockRef::from(&descriptor).local_addr()?.is_unix() {
            Ok(Self::Unix(UnixStream::from_std(descriptor.into())))
        } else {
            Ok(Self::Tcp(TcpStream::from_std(descriptor.into())))
        }
    }

    /// Who is at the other end; an error of kind `NotConnected` while that is still open.
    pub fn peer(&self) -> io::Result<Peer> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map(Peer::Tcp),
            Self::Unix(stream) => {
                stream.peer_addr()?;
                sys::peer_uid(stream.as_fd()).map(|uid| Peer::Unix { uid })
            }
        }
    }

    /// The error of a connect that failed.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Tcp(stream) => stream.take_error(),
            Self::Unix(stream) => stream.take_error(),
        }
    }

    /// Has small writes leave at once, as those of a Unix socket always do.
    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nodelay(true),
            Self::Unix(_) => Ok(()),
        }
    }
}

impl Stream {
    /// Says that nothing more will be written; what was written arrives, and what the other end writes can still be read.
    pub fn finish(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl Read for Stream {
    #[inline]
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(room),
            Self::Unix(stream) => stream.read(room),
        }
    }
}

impl Write for Stream {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(registry, token, interest),
            Self::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(registry, token, interest),
            Self::Unix(stream) => stream.reregister(registry, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Unix(stream) => stream.deregister(registry),
        }
    }
}
