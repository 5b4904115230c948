//! Clients whose connections a balancer passes on. Owns the addresses that they gave: only for such connections, so that others pay nothing. The header
//! itself is `proto`'s; who is believed is told by the [`crate::Tunables`].

use std::collections::HashMap;
use std::net::SocketAddr;

/// A table that is used for less than a quarter of this many is not worth the shrinking.
const KEPT: usize = 1024;

/// The proxied connections of one reactor.
#[derive(Debug, Default)]
pub(crate) struct Proxied {
    /// By index.
    clients: HashMap<u32, SocketAddr>,
}

impl Proxied {
    /// Keeps what a header told.
    pub(crate) fn keep(&mut self, index: u32, client: SocketAddr) {
        self.clients.insert(index, client);
    }

    /// What a header told of a connection that is open.
    pub(crate) fn client(&self, index: u32) -> Option<SocketAddr> {
        self.clients.get(&index).copied()
    }

    /// A connection has ended.
    pub(crate) fn forget(&mut self, index: u32) {
        if self.clients.remove(&index).is_some()
            && self.clients.capacity() > KEPT
            && self.clients.len() < self.clients.capacity() / 4
        {
            self.clients.shrink_to(self.clients.len() * 2);
        }
    }
}
