//! A revocation that an operator made at a state server is kept, and told to every link of that user's shard before a login is answered there.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod kit;

use kit::{Rig, device, link};
use logic::{Input, Output};
use proto::backend::{Act, Which};
use proto::ids::Slot;

#[test]
fn a_revocation_is_kept_before_it_is_answered_and_told_to_each_new_link() {
    let mut rig = Rig::new();
    let (uid, which) = ("alice".parse().unwrap(), Which::Token("t".into()));
    rig.logic.handle(rig.now, Input::Revocation { link: link(0), call: 9, uid, which });
    let (out, result) = rig.commit();
    result.unwrap();
    assert!(matches!(out[..], [Output::Kept { call: 9, .. }]), "{out:?}");

    let mut rig = Rig::on(rig.logic.into_store());
    rig.logic.handle(rig.now, Input::Attach { link: link(0), call: 1, from: device("alice", "phone") });
    let (out, result) = rig.commit();
    result.unwrap();
    let hers = link(Slot::of("alice").shard(2));
    let [Output::Order { link: to, order }, Output::Attached { .. }] = &out[..] else { panic!("{out:?}") };
    assert_eq!((*to, order.uid.as_str(), order.act), (hers, "alice", Act::Revoke));
    assert_eq!(order.which, Which::Token("t".into()));
}
