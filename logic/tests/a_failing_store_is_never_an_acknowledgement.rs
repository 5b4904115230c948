//! What a batch says when the store fails, at every call that it can fail at.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod kit;

use kit::*;
use logic::store::StoreError;
use proto::packet::RefusedCode;

fn full() -> StoreError {
    StoreError::Transient("full".into())
}

fn broken() -> StoreError {
    StoreError::Broken("fsync".into())
}

/// Three commands of two devices in one batch.
fn batch(rig: &mut Rig) -> [u64; 3] {
    let (phone, tablet) = (device("alice", "phone"), device("alice", "tablet"));
    [
        rig.send(&phone, encode(1, text_to("bob", "one"))),
        rig.send(&phone, encode(2, text_to("bob", "two"))),
        rig.send(&tablet, encode(1, group("g.club", &["bob"]))),
    ]
}

#[test]
fn a_full_disk_refuses_the_batch_and_the_same_commands_succeed_later() {
    for calls in 0.. {
        let mut rig = Rig::new();
        rig.logic.store_mut().fail_after(calls, full());
        let ids = batch(&mut rig);
        let (out, result) = rig.commit();
        if result.is_ok() {
            assert!(calls > 10, "every call of the batch has failed once");
            return;
        }
        for (call, client_id) in ids.into_iter().zip([1, 2, 1]) {
            let answer = reply(&out, call).unwrap();
            assert_eq!(answer.client_id, client_id);
            let refused = refused(answer);
            assert_eq!((refused.code, refused.retry_after_ms), (RefusedCode::Unavailable, 1000));
        }
        assert_eq!(pushes(out), []);
        assert_eq!(rig.logic.tally().rolled_back, 3);
        let ids = batch(&mut rig);
        let (out, result) = rig.commit();
        result.unwrap();
        assert_eq!(submit_ok(reply(&out, ids[0]).unwrap()).seq, 1);
        assert_eq!(submit_ok(reply(&out, ids[1]).unwrap()).seq, 2);
    }
}

#[test]
fn a_broken_store_says_nothing_and_is_never_used_again() {
    for calls in 0.. {
        let mut rig = Rig::new();
        rig.logic.store_mut().fail_after(calls, broken());
        batch(&mut rig);
        let (out, result) = rig.commit();
        if result.is_ok() {
            return;
        }
        assert_eq!((out, result), (vec![], Err(broken())));
        // The store would work again, as a disk does after a failed fsync: it is not to be believed.
        batch(&mut rig);
        assert_eq!(rig.commit(), (vec![], Err(broken())));
        assert_eq!(rig.commit(), (vec![], Err(broken())));
    }
}

#[test]
fn a_login_during_a_failure_is_not_answered() {
    let mut rig = Rig::new();
    rig.logic.store_mut().fail_after(0, full());
    let from = device("alice", "phone");
    rig.logic.handle(rig.now, logic::Input::Attach { link: link(0), call: 1, from: from.clone() });
    assert_eq!(rig.commit(), (vec![], Err(full())));
    assert_eq!(rig.last_client_id(&from), 0);
}
