//! Two people who talk while somebody else does what must not be, and who must not notice. What is done to them is each rule's own.

use crate::cluster::Cluster;
use crate::device::{Device, Way};

/// A cluster with the two, one on each kind of connection.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    alice: Device,
    bob: Device,
    said: u64,
}

impl Scene {
    pub(crate) fn set() -> Self {
        let cluster = Cluster::start();
        let alice = Device::online(&cluster, "alice", "phone", Way::WebSocketJson);
        let bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
        Self { cluster, alice, bob, said: 0 }
    }

    /// One says something and the other hears it, over the connections that they have had from the beginning.
    pub(crate) fn they_talk(&mut self) {
        self.said += 1;
        let text = format!("still here, {}", self.said);
        assert_eq!(self.alice.say("bob", &text).seq, self.said);
        self.bob.hear(&text);
        assert!(!self.alice.was_offline() && !self.bob.was_offline());
    }
}
