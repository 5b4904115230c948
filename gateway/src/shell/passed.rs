//! Listening sockets that a supervisor has opened for this gateway: [`PassedSockets`]. Owns which reactor listens on which; without any, reactors bind their own.
//!
//! With several reactors and one socket they all accept from its one queue, each by a descriptor of its own. Whoever wants a queue for each reactor, as they have
//! without a supervisor, passes as many sockets as there are reactors, all bound to the same address (`ReusePort=true`). Either way the supervisor
//! keeps the sockets: who connects while the gateway is restarted waits in the queue.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use reactor::activation::{self, Passed};
use reactor::listener::Listener;

/// The setting that a socket is taken for if its name is none of them.
const DEFAULT: &str = "listen";

/// All that were passed. They stay open in the table of the main thread, from which the reactors' descriptors are copied.
#[derive(Clone, Debug, Default)]
pub(super) struct PassedSockets(Arc<Vec<Passed>>);

impl PassedSockets {
    /// Takes what was passed to this process. A socket is for the setting that it is named after, or else for `listen`.
    pub(super) fn take(settings: &[&str]) -> io::Result<Self> {
        let mut passed = activation::passed()?;
        for socket in &mut passed {
            if !settings.contains(&socket.name.as_str()) {
                DEFAULT.clone_into(&mut socket.name);
            }
            tracing::info!(setting = socket.name, "a listening socket was passed to this process");
        }
        Ok(Self(Arc::new(passed)))
    }

    /// Takes what the gateway before was started with, by its settings: what it was passed is passed on, and is not looked for in the environment again.
    pub(super) fn inherited(sockets: impl Iterator<Item = (String, OwnedFd)>) -> Self {
        Self(Arc::new(sockets.map(|(name, socket)| Passed { name, socket }).collect()))
    }

    /// The settings that they are for.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|passed| passed.name.clone()).collect()
    }

    /// Their descriptors.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|passed| passed.socket.as_fd())
    }

    /// Whether each reactor has been given a socket of its own for something.
    pub(super) fn is_one_for_each(&self) -> bool {
        let names = || self.0.iter().map(|passed| &passed.name);
        names().any(|name| names().filter(|other| *other == name).count() > 1)
    }

    /// The listener of a reactor for a setting: on the socket that was passed for it, or bound to `address`.
    pub(super) fn listen(&self, setting: &str, reactor: u8, address: SocketAddr) -> io::Result<Listener> {
        let passed: Vec<_> = self.0.iter().filter(|passed| passed.name == setting).collect();
        match passed.len() {
            0 => Listener::bind(address),
            count => Listener::share(passed[usize::from(reactor) % count].socket.as_fd()),
        }
    }
}
