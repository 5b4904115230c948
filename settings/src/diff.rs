//! What was changed between two readings of the same settings: [`Changes`]. Owns which of it a running server takes on; leaves taking it on to the server.

use crate::Settings;

/// The keys whose values are not what they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that a running server takes on.
    pub live: Vec<&'static str>,
    /// Those that need a restart.
    pub at_restart: Vec<&'static str>,
}

impl Changes {
    /// From what a server runs with to what was read now.
    pub fn between<S: Settings>(running: &S, read: &S) -> Self {
        let mut changes = Self::default();
        for ((entry, (key, before)), (_, after)) in
            S::entries().iter().zip(running.values()).zip(read.values())
        {
            if before == after {
                continue;
            }
            if entry.live { changes.live.push(key) } else { changes.at_restart.push(key) }
        }
        changes
    }
}
