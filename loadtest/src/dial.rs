//! Where connections go and where they come from: [`Dialer`]. Owns the name's addresses and the sources; what a connection is for is its client's business.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::AsFd as _;

use client::wire::Address;
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

/// Opens the connections of one thread.
#[derive(Clone, Debug)]
pub(crate) struct Dialer {
    peer: SocketAddr,
    /// Taken in turn; none: the kernel chooses.
    sources: Vec<IpAddr>,
    dialled: usize,
}

/// Looks a name up: once for a run, so that all connections go to one place.
pub(crate) fn resolve(address: &Address) -> io::Result<SocketAddr> {
    let mut peers = (address.host(), address.port()).to_socket_addrs()?;
    peers.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}

/// The addresses that a thread's connections to the loopback interface come from, so many for each, so that it has ports of its own: 127.1.0.0/16, which nobody else uses.
pub(crate) fn loopback_sources(thread: u32, each: u32) -> Vec<IpAddr> {
    let source = |number: u32| {
        let [high, low] = ((number % 60_000) as u16 + 1).to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(127, 1, high, low))
    };
    (thread * each..(thread + 1) * each).map(source).collect()
}

impl Dialer {
    pub(crate) fn new(peer: SocketAddr, sources: Vec<IpAddr>) -> Self {
        Self { peer, sources, dialled: 0 }
    }

    /// Begins to connect.
    pub(crate) fn dial(&mut self) -> io::Result<TcpStream> {
        let stream = Type::STREAM.nonblocking();
        let socket = Socket::new(Domain::for_address(self.peer), stream, Some(Protocol::TCP))?;
        socket.set_tcp_nodelay(true)?;
        // Who connects speaks first: the handshake's last packet may go with what it says.
        socket.set_tcp_quickack(false)?;
        if !self.sources.is_empty() {
            let source = self.sources[self.dialled % self.sources.len()];
            self.dialled += 1;
            reactor::sys::bind_address_without_port(socket.as_fd())?;
            socket.bind(&SocketAddr::new(source, 0).into())?;
        }
        match socket.connect(&self.peer.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }
}

/// The same words for the same trouble, whatever the system calls it; those that the operator can do something about say what.
pub(crate) fn trouble(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EADDRNOTAVAIL) => "no port is left for this source; give more with --sources".into(),
        Some(libc::EMFILE) => {
            "too many open files in a thread; raise ulimit -n or give more --workers".into()
        }
        Some(libc::ENFILE) => "too many open files on this system; raise fs.file-max (scripts/tune)".into(),
        Some(libc::ECONNREFUSED) => "connection refused: nobody listens there".into(),
        Some(libc::ECONNRESET) => "connection reset by the server".into(),
        Some(libc::ETIMEDOUT) => "no answer from the other side".into(),
        _ => error.to_string(),
    }
}
