//! The window, by example and against a logic that executes in order.

use proptest::prelude::*;

use super::*;

const WINDOW: u32 = 8;

#[test]
fn commands_go_in_order_and_early_ones_wait() {
    let mut uplink = Uplink::new(4);
    assert_eq!(uplink.place(4, WINDOW), Place::Old);
    assert_eq!(uplink.place(6, WINDOW), Place::Ahead);
    assert_eq!(uplink.place(13, WINDOW), Place::Beyond { expected: 5 });
    uplink.hold(6, b"six");
    assert_eq!((uplink.place(6, WINDOW), uplink.next_held()), (Place::Known, None));
    assert_eq!(uplink.place(5, WINDOW), Place::Next);
    uplink.sent(5, 100, 4);
    assert_eq!((uplink.place(5, WINDOW), uplink.next_held()), (Place::Known, Some((6, &b"six"[..]))));
    uplink.sent_held(101);
    assert_eq!((uplink.next_held(), uplink.bytes()), (None, 7));
    assert_eq!(uplink.place(13, WINDOW), Place::Beyond { expected: 7 });
    uplink.answer(6, true);
    assert_eq!(
        (uplink.place(6, WINDOW), uplink.place(13, WINDOW)),
        (Place::Old, Place::Beyond { expected: 7 })
    );
    uplink.answer(5, true);
    assert_eq!((uplink.place(13, WINDOW), uplink.bytes()), (Place::Ahead, 0));
    uplink.check_invariants();
}

#[test]
fn what_logic_did_not_execute_may_come_again_before_what_follows() {
    let mut uplink = Uplink::new(0);
    for client_id in 1..=3 {
        uplink.sent(client_id, client_id, 1);
    }
    uplink.answer(1, false);
    uplink.answer(2, false);
    assert_eq!(uplink.place(2, WINDOW), Place::Ahead);
    uplink.hold(2, b"2");
    assert_eq!(uplink.place(1, WINDOW), Place::Next);
    uplink.sent(1, 4, 1);
    assert_eq!(uplink.next_held(), Some((2, &b"2"[..])));
    uplink.sent_held(5);
    assert_eq!(uplink.place(4, WINDOW), Place::Next);
    uplink.answer(3, false);
    assert_eq!(uplink.place(3, WINDOW), Place::Next);
    uplink.check_invariants();
}

#[test]
fn pulls_and_repeats_are_counted_apart_and_rest_frees_memory() {
    let mut uplink = Uplink::new(0);
    uplink.add_aside(Aside::Pull(1));
    uplink.add_aside(Aside::Repeat(2));
    uplink.sent(1, 3, 1);
    assert_eq!((uplink.pulls(), uplink.repeats()), (1, 1));
    assert_eq!(uplink.calls().collect::<Vec<_>>(), [3, 1, 2]);
    uplink.rest();
    assert!(uplink.busy.is_some());
    uplink.end_aside(1);
    uplink.end_aside(2);
    uplink.answer(1, true);
    uplink.rest();
    assert!(uplink.busy.is_none());
    assert_eq!(size_of::<Uplink>(), 16);
}

proptest! {
    #[test]
    fn whatever_order_commands_come_in_logic_sees_each_once_in_order(
        arrivals in proptest::collection::vec((1..20u64, any::<bool>(), any::<bool>()), 1..200),
    ) {
        let mut uplink = Uplink::new(0);
        let (mut seen, mut flying) = (Vec::new(), VecDeque::new());
        for (client_id, answer, executed) in arrivals {
            match uplink.place(client_id, WINDOW) {
                Place::Next => {
                    uplink.sent(client_id, client_id, 1);
                    flying.push_back(client_id);
                }
                Place::Ahead => uplink.hold(client_id, &[0; 3]),
                Place::Known | Place::Old => {}
                Place::Beyond { expected } => prop_assert!(client_id >= expected),
            }
            while let Some((held, _)) = uplink.next_held() {
                uplink.sent_held(held);
                flying.push_back(held);
            }
            if answer && let Some(client_id) = flying.pop_front() {
                // Logic executes what is next and nothing else, and may fail at that.
                let executed = executed && client_id == seen.len() as u64 + 1;
                if executed {
                    seen.push(client_id);
                }
                uplink.answer(client_id, executed);
            }
            uplink.check_invariants();
        }
        prop_assert!(uplink.calls().count() == flying.len());
        prop_assert_eq!(&seen, &(1..=seen.len() as u64).collect::<Vec<_>>());
    }
}
