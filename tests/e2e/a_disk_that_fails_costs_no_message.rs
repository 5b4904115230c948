//! The disk of the logic server fails while people talk: a sync that fails ends the process, a write that fails refuses for the moment. Either way what is acknowledged is there, once and in
//! its place, and nobody is disconnected.

use std::thread;

use crate::cluster::Cluster;
use crate::device::{Device, Way};
use crate::metrics::await_more;

const MESSAGES: u64 = 120;

/// Alice talks to Bob while logic has this fault, and `meanwhile` is done: each message is acknowledged at its place, Bob hears it, and it is in the conversation once.
fn all_arrives(fault: &str, meanwhile: impl FnOnce(&mut Cluster)) {
    let mut cluster = Cluster::start();
    let mut bob = Device::online(&cluster, "bob", "phone", Way::Tcp);
    let mut alice = Device::online(&cluster, "alice", "phone", Way::WebSocketProto);
    cluster.logic.stop();
    cluster.logic.start_again_with_fault(fault);
    let talk = thread::spawn(move || {
        let seqs: Vec<_> = (0..MESSAGES).map(|n| alice.say("bob", &n.to_string()).seq).collect();
        assert!(!alice.was_offline());
        seqs
    });
    meanwhile(&mut cluster);
    let seqs = talk.join().unwrap();
    assert!(seqs.is_sorted_by(|one, next| one < next), "{seqs:?}");
    let heard: Vec<_> = (0..MESSAGES).map(|n| bob.hear(&n.to_string())).collect();
    assert_eq!(bob.history(&heard[0].conversation).unwrap(), heard, "there once, in order");
    assert!(heard.iter().map(|message| message.seq).eq(seqs));
    assert!(!bob.was_offline());
}

#[test]
fn a_sync_that_fails_ends_logic_and_what_was_not_acknowledged_is_done_by_the_next() {
    all_arrives("fdatasync:error=EIO:when=60+", |cluster| {
        assert_eq!(cluster.logic.exit_code(), Some(74));
        cluster.logic.has_said("is not synced");
        cluster.logic.start_again();
    });
}

#[test]
fn a_disk_that_is_full_for_a_while_is_waited_for() {
    all_arrives("pwrite64:error=ENOSPC:when=100..110", |cluster| {
        await_more(cluster.logic.address("http"), "holdfast_logic_requests_rolled_back_total", 0);
    });
}
