//! What an operator may change while a gateway runs: [`Tunables`]. Owns the list; what each of them does is decided where it is used.

use std::net::IpAddr;
use std::time::Duration;

use proto::limits;

use crate::{Cidr, Config, Policy};

/// A field for each setting that is marked `@live`. All reactors share one, and are given another when the settings have been read again
/// ([`crate::Input::Reload`]): whoever reads them anew for each decision needs to do nothing else.
#[derive(Clone, Debug)]
pub struct Tunables {
    /// Which upgrade requests are welcome.
    pub policy: Policy,
    /// Whose PROXY headers are believed.
    pub proxy_from: Vec<Cidr>,
    /// From accept to the end of the first packet.
    pub handshake_deadline: Duration,
    /// How long a client may take nothing of what waits for it. Who is blocked already keeps its deadline.
    pub stall_deadline: Duration,
    /// The time over which clients are let go when the gateway stops. A drain under way keeps its own.
    pub drain: Duration,
    /// Where they are told to come back to; empty: where they came from.
    pub drain_to: String,
}

impl Tunables {
    /// Whether what comes from there may tell of other addresses.
    pub(crate) fn trusts(&self, balancer: IpAddr) -> bool {
        self.proxy_from.iter().any(|range| range.contains(balancer))
    }
}

impl Default for Tunables {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            proxy_from: Vec::new(),
            handshake_deadline: limits::HANDSHAKE_DEADLINE,
            stall_deadline: limits::STALL_DEADLINE,
            drain: Duration::ZERO,
            drain_to: String::new(),
        }
    }
}

impl From<&Config> for Tunables {
    fn from(config: &Config) -> Self {
        Self {
            policy: Policy {
                hosts: config.hosts.clone(),
                origins: config.origins.clone(),
                paths: config.paths.clone(),
            },
            proxy_from: config.proxy_from.clone(),
            handshake_deadline: config.handshake_deadline,
            stall_deadline: config.stall_deadline,
            drain: config.drain,
            drain_to: config.drain_to.clone(),
        }
    }
}
