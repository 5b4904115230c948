//! The wheel with many timers, in no order: 75 s away like a heartbeat's deadline, give or take the moment of its session.

use std::time::Instant;

use benches::table;
use state::wheel::Wheel;

use crate::shuffled;

const TICK_MS: u64 = 64;
const DEADLINE_MS: u64 = 75_000;

pub(crate) fn run(count: u32) {
    let (keys, others) = (shuffled(count), shuffled(count).into_iter().rev().collect::<Vec<_>>());
    let at = |key: u32, from: u64| from + DEADLINE_MS + u64::from(key.wrapping_mul(0x9E37_79B9) % 60_000);
    let mut wheel = Wheel::new(TICK_MS);
    let mut due = Vec::with_capacity(count as usize);
    table::head(&["timers, in no order", "ns each", "bar"]);
    let row = |what: &str, began: Instant| {
        let each = began.elapsed().as_secs_f64() * 1e9 / f64::from(count);
        table::row(&[
            what.to_owned(),
            format!("{each:.1}"),
            table::at_most((each * 10.0).round() / 10.0, Some(25.0)),
        ]);
    };
    let began = Instant::now();
    keys.iter().for_each(|key| wheel.arm(*key, at(*key, 0)));
    row("set for the first time, memory included", began);
    let began = Instant::now();
    others.iter().for_each(|key| wheel.arm(*key, at(*key, 30_000)));
    row("set anew, to later", began);
    let began = Instant::now();
    keys.iter().for_each(|key| wheel.cancel(*key));
    row("cancelled", began);
    let began = Instant::now();
    others.iter().for_each(|key| wheel.arm(*key, at(*key, 5_000)));
    row("set, after others were cancelled", began);
    let began = Instant::now();
    let mut now = 0;
    while wheel.armed() > 0 {
        now += TICK_MS;
        wheel.expire(now, &mut due);
    }
    assert_eq!(due.len(), count as usize, "each is over once");
    row("over, and looked at once before", began);
    due.clear();
    let began = Instant::now();
    keys.iter().for_each(|key| wheel.arm(*key, at(*key, now)));
    row("set", began);
    let began = Instant::now();
    while wheel.armed() > 0 {
        now += TICK_MS;
        wheel.expire(now, &mut due);
    }
    row("over", began);
    let (began, turns) = (Instant::now(), 10_000_000_u32);
    wheel.arm(0, now + u64::from(turns));
    for turn in 0..turns {
        wheel.expire(now + u64::from(turn) / 2, &mut due);
    }
    println!("\na turn with nothing to do: {:.1} ns", began.elapsed().as_secs_f64() * 1e9 / f64::from(turns));
}
