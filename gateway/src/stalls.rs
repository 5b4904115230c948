//! Clients that do not take what they are sent, and how long they may go on so. Owns the deadlines, and the one pong that each may be owed; what becomes of a client
//! that is late is the machine's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::time::Now;

/// The blocked clients of one reactor: few, so that the others pay nothing for them.
#[derive(Debug)]
pub(crate) struct Stalls {
    patience: Duration,
    of_client: BTreeMap<u32, Stall>,
    in_order: BTreeSet<(u64, u32)>,
}

#[derive(Debug)]
struct Stall {
    deadline: u64,
    /// The payload of the latest ping. Pings that came before it go unanswered (RFC 6455 section 5.5.3 allows it), so that a flood of them fills no memory.
    ping: Option<Box<[u8]>>,
}

impl Stalls {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, of_client: BTreeMap::new(), in_order: BTreeSet::new() }
    }

    /// Clients that become blocked from now on may stay so for so long.
    pub(crate) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Until when a blocked client may stay so, and the ping that it is owed an answer to.
    pub(crate) fn of(&self, index: u32) -> Option<(u64, Option<&[u8]>)> {
        self.of_client.get(&index).map(|stall| (stall.deadline, stall.ping.as_deref()))
    }

    /// A client comes that was blocked before.
    pub(crate) fn adopt(&mut self, index: u32, deadline: u64, ping: Option<&[u8]>) {
        self.of_client.insert(index, Stall { deadline, ping: ping.map(Box::from) });
        self.in_order.insert((deadline, index));
    }

    /// A client has become blocked.
    pub(crate) fn begin(&mut self, now: Now, index: u32) {
        self.end(index);
        let deadline = now.after(self.patience);
        self.of_client.insert(index, Stall { deadline, ping: None });
        self.in_order.insert((deadline, index));
    }

    /// It has taken everything, or is gone. The ping that it is still owed an answer to.
    pub(crate) fn end(&mut self, index: u32) -> Option<Box<[u8]>> {
        let Stall { deadline, ping } = self.of_client.remove(&index)?;
        self.in_order.remove(&(deadline, index));
        ping
    }

    /// Keeps the ping of a blocked client in the place of an older one. Whether the client is blocked.
    pub(crate) fn keep_ping(&mut self, index: u32, payload: &[u8]) -> bool {
        let stall = self.of_client.get_mut(&index);
        stall.is_some_and(|stall| {
            stall.ping = Some(payload.into());
            true
        })
    }

    /// A client that has been blocked for too long; it is forgotten here.
    pub(crate) fn overdue(&mut self, now: Now) -> Option<u32> {
        let (_, index) = *self.in_order.first().filter(|(deadline, _)| *deadline <= now.mono_ms)?;
        self.end(index);
        Some(index)
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.in_order.first().map(|(deadline, _)| *deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, unix_ms: 0 }
    }

    #[test]
    fn patience_begins_anew_with_each_stall_and_ends_with_it() {
        let mut stalls = Stalls::new(Duration::from_millis(100));
        stalls.begin(at(0), 1);
        stalls.begin(at(10), 2);
        assert!(stalls.keep_ping(1, b"a") && stalls.keep_ping(1, b"b") && !stalls.keep_ping(3, b"c"));
        assert_eq!(stalls.end(1).as_deref(), Some(&b"b"[..]), "the latest");
        stalls.begin(at(50), 1);
        assert_eq!(stalls.next_deadline(), Some(110));
        assert_eq!(stalls.overdue(at(109)), None);
        assert_eq!((stalls.overdue(at(150)), stalls.overdue(at(150))), (Some(2), Some(1)));
        assert_eq!((stalls.overdue(at(999)), stalls.next_deadline()), (None, None));
    }
}
