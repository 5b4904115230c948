//! A listening socket: bound with `SO_REUSEPORT`, accepted from in budgets, and not driven mad by a lack of descriptors. Owns the accept loop's rules; who may
//! stay is left to the machine.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use proto::time::Now;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Connections that the kernel may hold for us; it cuts this down to net.core.somaxconn.
pub(crate) const BACKLOG: i32 = 65_535;
/// How long sent bytes may stay unacknowledged by the other side's kernel before the connection is given up (tcp(7), TCP_USER_TIMEOUT): a client whose
/// network is gone without a word does not stay for the quarter of an hour that retransmissions take.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long accepting rests when the process or the system has no descriptor or memory left.
const REST: Duration = Duration::from_millis(100);

/// A kind of socket that connections come from.
pub trait Acceptor: mio::event::Source {
    /// A connection.
    type Stream;
    /// What is known of who has connected.
    type Peer;

    /// The next connection, without waiting.
    fn accept(&self) -> io::Result<(Self::Stream, Self::Peer)>;
}

impl Acceptor for mio::net::TcpListener {
    type Stream = TcpStream;
    type Peer = SocketAddr;

    #[inline]
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self)
    }
}

/// A listening socket: a reactor's own for clients, or one for links between our processes ([`crate::link_listener`]).
#[derive(Debug)]
pub struct Listener<S = mio::net::TcpListener> {
    socket: S,
    /// Held so that it can be given up: with no descriptor left, one connection at a time is still accepted and closed, instead of
    /// staying in the backlog and keeping the socket readable for ever.
    spare: Option<OwnedFd>,
    resting_until_ms: Option<u64>,
}

/// What became of a round of accepting.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Connections that were handed over.
    pub taken: usize,
    /// Connections that were closed at once for want of a descriptor.
    pub shed: usize,
    /// The budget ran out first: go on next turn.
    pub more: bool,
}

impl Listener {
    /// Binds `address` (port 0 lets the kernel choose). Several listeners may share one address: the kernel spreads connections over them.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        Self::listening(socket)
    }

    /// Listens on a socket that somebody else has bound, by a descriptor of its own; others may do the same.
    pub fn share(socket: BorrowedFd<'_>) -> io::Result<Self> {
        Self::adopt(socket.try_clone_to_owned()?)
    }

    /// Listens on a socket that another process has listened on, and goes on with its queue.
    pub fn adopt(socket: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(socket);
        if socket.r#type()? != Type::STREAM || socket.local_addr()?.as_socket().is_none() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the socket that was passed is none for TCP",
            ));
        }
        Self::listening(socket)
    }

    fn listening(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Connections inherit what is set here: no system call for each.
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        // Of one that listens already this sets the length of the queue.
        socket.listen(BACKLOG)?;
        // Only what is set from here on holds of this. The first segment is not acknowledged by itself, but with the answer, as later ones are (tcp(7)).
        socket.set_tcp_quickack(false)?;
        Ok(Self::over(mio::net::TcpListener::from_std(socket.into())))
    }

    /// The bound address, with the port that the kernel chose.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl<S: Acceptor> Listener<S> {
    /// Accepts from a socket that listens.
    pub(crate) fn over(socket: S) -> Self {
        Self { socket, spare: spare_descriptor(), resting_until_ms: None }
    }

    /// The socket alone.
    pub(crate) fn into_socket(self) -> S {
        self.socket
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    /// Begins to report connections under `token`.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut self.socket, token, Interest::READABLE)
    }

    /// Stops reporting.
    pub fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        registry.deregister(&mut self.socket)
    }

    /// Accepts up to `budget` connections and hands each to `take`. A connection that died in the queue is skipped.
    pub fn accept(&mut self, now: Now, budget: usize, mut take: impl FnMut(S::Stream, S::Peer)) -> Accepted {
        let mut result = Accepted::default();
        if self.resting_until_ms.is_some_and(|until| now.mono_ms < until) {
            return result;
        }
        self.resting_until_ms = None;
        for _ in 0..budget {
            match self.socket.accept() {
                Ok((stream, peer)) => {
                    result.taken += 1;
                    take(stream, peer);
                }
                Err(error) => match error.raw_os_error() {
                    _ if error.kind() == io::ErrorKind::WouldBlock => return result,
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOBUFS) => {
                        result.shed += usize::from(self.shed());
                        self.resting_until_ms = Some(now.after(REST));
                        return result;
                    }
                    // The connection's own fault (accept(2): "treat them like EAGAIN by retrying").
                    _ => {}
                },
            }
        }
        result.more = true;
        result
    }

    /// When accepting ends its rest; the caller must then call [`Listener::accept`] without waiting for an event.
    pub fn next_deadline(&self) -> Option<u64> {
        self.resting_until_ms
    }

    /// Closes one waiting connection by means of the spare descriptor.
    fn shed(&mut self) -> bool {
        self.spare = None;
        let shed = self.socket.accept().is_ok();
        self.spare = spare_descriptor();
        shed
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Has a connection that nothing was read from end with a reset as soon as it is dropped: the kernel then remembers nothing of it, while a close in good order would
/// leave it to wait for the other side, who may be there to make us wait.
pub fn refuse(stream: &TcpStream) {
    // If it cannot be set the close is only slower.
    drop(SockRef::from(stream).set_linger(Some(Duration::ZERO)));
}

fn spare_descriptor() -> Option<OwnedFd> {
    File::open("/dev/null").ok().map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::Poller;

    fn listener() -> (Poller, Listener, SocketAddr) {
        let poller = Poller::new(8).unwrap();
        let mut listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        listener.register(poller.registry(), Token(0)).unwrap();
        let address = listener.address().unwrap();
        (poller, listener, address)
    }

    #[test]
    fn two_listeners_share_a_port() {
        let (_, _first, address) = listener();
        assert_eq!(Listener::bind(address).unwrap().address().unwrap(), address);
    }

    #[test]
    fn a_socket_that_somebody_else_has_bound_is_shared() {
        let bound = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let first = Listener::share(bound.as_fd()).unwrap();
        let second = Listener::share(bound.as_fd()).unwrap();
        let address = bound.local_addr().unwrap();
        assert_eq!((first.address().unwrap(), second.address().unwrap()), (address, address));
        let other = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(Listener::share(other.as_fd()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn connections_inherit_what_the_listener_was_given() {
        let (mut poller, mut listener, address) = listener();
        let _client = std::net::TcpStream::connect(address).unwrap();
        poller.turn(None, &mut Vec::new()).unwrap();
        let accepted = listener.accept(Now::default(), 1, |stream, _| {
            let socket = SockRef::from(&stream);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
            assert!(socket.tcp_nodelay().unwrap());
            assert!(!socket.tcp_quickack().unwrap());
        });
        assert_eq!(accepted.taken, 1);
    }

    #[test]
    fn a_budget_bounds_a_round_and_the_rest_follows() {
        let (mut poller, mut listener, address) = listener();
        let clients: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        poller.turn(None, &mut Vec::new()).unwrap();
        let mut seen = Vec::new();
        let first = listener.accept(Now::default(), 2, |_, peer| seen.push(peer));
        assert_eq!(first, Accepted { taken: 2, shed: 0, more: true });
        let second = listener.accept(Now::default(), 2, |_, peer| seen.push(peer));
        assert_eq!(second, Accepted { taken: 1, shed: 0, more: false });
        let expected: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        assert_eq!(seen, expected);
    }
}
