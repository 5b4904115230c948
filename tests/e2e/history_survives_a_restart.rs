//! What was acknowledged is there after a restart of everything, and clients go on by themselves.

use crate::cluster::Cluster;
use crate::device::{Device, Way};
use proto::packet::Body;

#[test]
fn everything_restarts_and_the_conversation_goes_on() {
    let mut cluster = Cluster::start();
    let mut alice = Device::online(&cluster, "alice", "phone", Way::WebSocketJson);
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    let conversation = alice.say("bob", "one").conversation;
    bob.hear("one");
    bob.say("alice", "two");

    cluster.gateway.stop();
    cluster.state.stop();
    cluster.logic.stop();
    cluster.logic.start_again();
    cluster.state.start_again();
    cluster.gateway.start_again();

    assert_eq!(alice.say("bob", "three").seq, 3);
    assert_eq!(bob.hear("three").seq, 3);
    assert!(
        alice.was_offline() && bob.was_offline(),
        "they were disconnected, and have come back by themselves"
    );
    let mut tablet = Device::online(&cluster, "alice", "tablet", Way::WebSocketProto);
    let history = tablet.history(&conversation).unwrap();
    let told: Vec<_> =
        history.iter().map(|message| (message.seq, message.sender.as_str(), &message.body)).collect();
    let body = |text: &str| Body::Text(text.into());
    let expected = [body("one"), body("two"), body("three")];
    assert_eq!(told, [(1, "alice", &expected[0]), (2, "bob", &expected[1]), (3, "alice", &expected[2])]);
}
