//! What an operator may change while a gateway runs: [`Tunables`]. Owns the list; what each of them does is decided where it is used.

use std::time::Duration;

use proto::limits;

use crate::{Config, Policy};

/// A field for each setting that is marked `@live`. All reactors share one, and are given another when the settings have been read again
/// ([`crate::Input::Reload`]): whoever reads them anew for each decision needs to do nothing else.
#[derive(Clone, Debug)]
pub struct Tunables {
    /// Which upgrade requests are welcome.
    pub policy: Policy,
    /// From accept to the end of the first packet.
    pub handshake_deadline: Duration,
    /// How long a client may take nothing of what waits for it. Who is blocked already keeps its deadline.
    pub stall_deadline: Duration,
    /// The time over which clients are let go when the gateway stops. A drain under way keeps its own.
    pub drain: Duration,
}

impl Default for Tunables {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            handshake_deadline: limits::HANDSHAKE_DEADLINE,
            stall_deadline: limits::STALL_DEADLINE,
            drain: Duration::ZERO,
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
            handshake_deadline: config.handshake_deadline,
            stall_deadline: config.stall_deadline,
            drain: config.drain,
        }
    }
}
