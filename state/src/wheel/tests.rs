//! The wheel against a model that sorts its deadlines.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const TICK: u64 = 64;

#[test]
fn a_timer_fires_within_a_tick_of_its_deadline_and_never_before() {
    for deadline in [1, 63, 64, 65, 4_095, 4_096, 75_000, 262_144, 17_000_000, 40_000_000_000] {
        let mut wheel = Wheel::new(TICK);
        let mut due = Vec::new();
        wheel.arm(7, deadline);
        wheel.expire(deadline - 1, &mut due);
        assert!(due.is_empty(), "{deadline} is not yet");
        wheel.expire(deadline + TICK - 1, &mut due);
        assert_eq!(due, [7], "{deadline} is past");
        assert!(!wheel.is_armed(7));
        assert_eq!(wheel.next_deadline(), None);
    }
}

#[test]
fn an_index_that_is_used_again_does_not_get_the_timer_of_the_one_before() {
    let mut wheel = Wheel::new(TICK);
    let mut due = Vec::new();
    wheel.arm(3, 1_000);
    wheel.cancel(3);
    wheel.arm(3, 9_000);
    wheel.expire(8_000, &mut due);
    assert!(due.is_empty());
    wheel.expire(9_064, &mut due);
    assert_eq!(due, [3]);
}

#[test]
fn a_deadline_in_the_past_is_due_with_the_next_tick() {
    let mut wheel = Wheel::new(TICK);
    let mut due = Vec::new();
    wheel.expire(1_000_000, &mut due);
    wheel.arm(1, 5);
    wheel.expire(1_000_000 + TICK, &mut due);
    assert_eq!(due, [1]);
}

#[test]
fn time_may_run_to_the_end_of_the_ticks() {
    let mut wheel = Wheel::new(1);
    let mut due = Vec::new();
    wheel.arm(1, u64::MAX);
    wheel.expire(u64::from(u32::MAX) - 2, &mut due);
    assert!(due.is_empty());
    wheel.expire(u64::MAX, &mut due);
    assert_eq!(due, [1]);
    wheel.arm(2, 3);
    wheel.expire(u64::MAX, &mut due);
    assert_eq!(due, [1, 2]);
}

#[derive(Clone, Debug)]
enum Step {
    Arm(u32, u64),
    Cancel(u32),
    Wait(u64),
    WaitForNext,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ahead = prop_oneof![0..200u64, 0..100_000u64, 0..1u64 << 24, 0..1u64 << 30];
    let step = prop_oneof![
        4 => (0..40u32, ahead.clone()).prop_map(|(key, wait)| Step::Arm(key, wait)),
        1 => (0..40u32).prop_map(Step::Cancel),
        3 => ahead.prop_map(Step::Wait),
        2 => Just(Step::WaitForNext),
    ];
    proptest::collection::vec(step, 1..120)
}

/// The deadlines, rounded up to ticks, and the first tick that is not over.
#[derive(Default)]
struct Model {
    ticks: BTreeMap<u32, u64>,
    clock: u64,
}

impl Model {
    fn arm(&mut self, key: u32, deadline: u64) {
        self.ticks.insert(key, deadline.div_ceil(TICK).max(self.clock));
    }

    fn expire(&mut self, now: u64) -> BTreeSet<u32> {
        let due: BTreeSet<u32> =
            self.ticks.iter().filter(|(_, tick)| **tick <= now / TICK).map(|(key, _)| *key).collect();
        self.ticks.retain(|key, _| !due.contains(key));
        self.clock = self.clock.max(now / TICK + 1);
        due
    }
}

proptest! {
    #[test]
    fn whatever_is_armed_cancelled_and_waited_for_fires_as_the_model_says(steps in steps()) {
        let (mut wheel, mut model) = (Wheel::new(TICK), Model::default());
        let (mut now, mut due) = (0, Vec::new());
        for step in steps {
            match step {
                Step::Arm(key, wait) => {
                    wheel.arm(key, now + wait);
                    model.arm(key, now + wait);
                }
                Step::Cancel(key) => {
                    wheel.cancel(key);
                    model.ticks.remove(&key);
                }
                Step::Wait(wait) => now += wait,
                Step::WaitForNext => now = wheel.next_deadline().unwrap_or(now).max(now),
            }
            if let Some(first) = model.ticks.values().min() {
                let next = wheel.next_deadline().expect("something is armed");
                prop_assert!(next <= first * TICK, "{next} is after {first}");
            }
            due.clear();
            wheel.expire(now, &mut due);
            prop_assert_eq!(due.iter().copied().collect::<BTreeSet<_>>(), model.expire(now));
            prop_assert_eq!(wheel.armed() as usize, model.ticks.len());
            for key in 0..40 {
                prop_assert_eq!(wheel.is_armed(key), model.ticks.contains_key(&key));
            }
        }
    }
}
