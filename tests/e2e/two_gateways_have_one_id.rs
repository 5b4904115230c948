//! An operator gives two gateways one id: the one that began later has it; the other is told, lets its clients go, who are served by the later one, and is not ready.

use crate::cluster::Cluster;
use crate::device::{Device, Way};
use crate::metrics::await_metric;

#[test]
fn the_one_that_began_later_has_it_and_the_other_lets_its_clients_go() {
    let mut cluster = Cluster::start_with(&[("drain", "0s")]);
    let mut alice = Device::online(&cluster, "alice", "phone", Way::Tcp);
    let earlier = cluster.gateway.address("admin");
    let later = cluster.another_gateway(&[]);
    cluster.gateway.has_said("a gateway that began later has the same id");
    cluster.state.has_said("a gateway that began later has the same id");
    await_metric(earlier, "holdfast_gateway_shards_up", 0);
    alice.wait("the end of the connection", |event| {
        matches!(event, client::Event::Offline { .. }).then_some(())
    });
    await_metric(later.address("admin"), "holdfast_gateway_shards_up", 4);
    // Who comes to the later one is served, and stays.
    cluster.gateway.stop();
    let url_of_later = later.address("listen");
    let mut bob = Device::connect(url_of_later, "bob", "phone", Way::Tcp, crate::cluster::token("bob"));
    bob.wait("the login", |event| matches!(event, client::Event::LoggedIn { .. }).then_some(()));
    bob.say("alice", "are you there?");
    assert!(!bob.was_offline());
}
