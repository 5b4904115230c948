//! Where links between our own processes come in: a TCP port, or a path in the file system. Owns the life of the path: who may use it, who holds it, and that it is
//! gone at the end. Accepting is [`crate::listener`]'s, who the newcomers are is for others to find out.

use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry, Token};
use settings::LinkAddress;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::listener::{Acceptor, BACKLOG, Listener};
use crate::stream::{Peer, Stream};

/// Who may connect to a path: processes of its owner, and of root.
const OWNER_ONLY: u32 = 0o600;

/// Accepts links.
pub type LinkListener = Listener<LinkSocket>;

/// A listening socket for links.
#[derive(Debug)]
pub enum LinkSocket {
    /// On a port.
    Tcp(TcpListener),
    /// On a path.
    Unix(UnixListener, Held),
}

/// A path that is ours; dropping it removes the socket.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    /// Locked for as long as we hold the path: the kernel unlocks it however we end. The file itself stays, for a file that is removed while another locks it
    /// protects nothing.
    _lock: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        // If that fails the next one to listen finds a socket that nobody holds, and removes it.
        drop(fs::remove_file(&self.path));
    }
}

impl LinkListener {
    /// Listens for links. A path is refused while another process holds it, and taken over from one that has died; it is for processes of this user and of root.
    pub fn for_links(address: &LinkAddress) -> io::Result<Self> {
        match address {
            LinkAddress::Tcp(address) => {
                let socket = Listener::bind(*address)?.into_socket();
                Ok(Self::over(LinkSocket::Tcp(socket)))
            }
            LinkAddress::Unix(path) => {
                let (socket, held) = listen(path).map_err(|error| {
                    io::Error::new(error.kind(), format!("cannot listen at {}: {error}", path.display()))
                })?;
                Ok(Self::over(LinkSocket::Unix(socket, held)))
            }
        }
    }

    /// Where it listens, with the port that the kernel chose.
    pub fn link_address(&self) -> io::Result<LinkAddress> {
        match self.socket() {
            LinkSocket::Tcp(socket) => socket.local_addr().map(LinkAddress::Tcp),
            LinkSocket::Unix(_, held) => Ok(LinkAddress::Unix(held.path.clone())),
        }
    }
}

fn listen(path: &Path) -> io::Result<(UnixListener, Held)> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&lock_path)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => match mio::net::UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Ok(_) | Err(_) => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "something else listens there"));
            }
        },
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let held = Held { path: path.to_owned(), _lock: lock };
    // Nobody can connect before it listens, so nobody comes before this holds.
    fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY))?;
    socket.listen(BACKLOG)?;
    Ok((UnixListener::from_std(socket.into()), held))
}

impl Acceptor for LinkSocket {
    type Stream = Stream;
    type Peer = Peer;

    fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(socket) => socket.accept().map(|(stream, peer)| (stream.into(), Peer::Tcp(peer))),
            Self::Unix(socket, _) => {
                let stream = Stream::from(socket.accept()?.0);
                let peer = stream.peer()?;
                Ok((stream, peer))
            }
        }
    }
}

impl Source for LinkSocket {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.register(registry, token, interest),
            Self::Unix(socket, _) => socket.register(registry, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.reregister(registry, token, interest),
            Self::Unix(socket, _) => socket.reregister(registry, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.deregister(registry),
            Self::Unix(socket, _) => socket.deregister(registry),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &Path) -> io::Result<LinkListener> {
        LinkListener::for_links(&LinkAddress::Unix(path.to_owned()))
    }

    #[test]
    fn a_path_is_its_owners_alone_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link.sock");
        let listener = at(&path).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(listener.link_address().unwrap(), LinkAddress::Unix(path.clone()));
        let _client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        let (_, peer) = listener.socket().accept().unwrap();
        assert_eq!(peer, Peer::Unix { uid: crate::sys::own_uid() });
        assert!(peer.is_plausible() && !Peer::Unix { uid: u32::MAX - 1 }.is_plausible());
        drop(listener);
        assert!(!fs::exists(&path).unwrap());
    }

    #[test]
    fn a_path_is_taken_over_from_the_dead_and_not_from_the_living() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link.sock");
        // What a process leaves that was killed.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = at(&path).unwrap();
        let refused = at(&path).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        assert!(refused.to_string().ends_with("link.sock: another process listens there"), "{refused}");
        assert!(std::os::unix::net::UnixStream::connect(&path).is_ok(), "the first one listens on");
        drop(listener);
        drop(at(&path).unwrap());
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        fs::write(&path, "mine").unwrap();
        assert_eq!(at(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        let path = folder.path().join("other.sock");
        let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(at(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert!(at(&folder.path().join("nowhere/link.sock")).is_err());
    }
}
