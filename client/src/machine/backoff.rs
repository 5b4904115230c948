//! When to dial again: full-jitter back-off. Owns the count of failures; the bounds come from [`Terms`].

use super::terms::Terms;
use crate::random::Random;

/// How often it has failed, and where the next random number comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    random: Random,
    failures: u32,
}

impl Backoff {
    /// A back-off whose waits depend on `seed` alone; clients with different seeds spread out.
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), failures: 0 }
    }

    /// A login worked: the next failure is a first one.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure, in milliseconds: random in `[0, min(max, base * 2^failures)]`.
    pub(crate) fn next(&mut self, terms: &Terms) -> u64 {
        let doubled = u64::from(terms.reconnect_base_ms) << self.failures.min(31);
        let ceiling = doubled.min(u64::from(terms.reconnect_max_ms));
        self.failures = self.failures.saturating_add(1);
        self.random.next() % (ceiling + 1)
    }

    /// A wait that no failure asks for, only so that not all come at once: random in `[0, base]`.
    pub(crate) fn jitter(&mut self, terms: &Terms) -> u64 {
        self.random.next() % (u64::from(terms.reconnect_base_ms) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_below_a_ceiling_that_doubles_and_is_bounded() {
        let terms = Terms::default();
        for seed in 0..50 {
            let mut backoff = Backoff::new(seed);
            let waits: Vec<u64> = (0..100).map(|_| backoff.next(&terms)).collect();
            for (failures, wait) in waits.iter().enumerate() {
                assert!(*wait <= (200u64 << failures.min(20)).min(30_000), "{wait} after {failures}");
            }
            assert!(waits[20..].iter().any(|wait| *wait > 15_000), "later waits use the room they have");
            backoff.reset();
            assert!(backoff.next(&terms) <= 200);
        }
    }

    #[test]
    fn clients_with_different_seeds_spread_out() {
        let terms = Terms::default();
        let mut first: Vec<u64> = (0..100).map(|seed| Backoff::new(seed).next(&terms)).collect();
        first.sort_unstable();
        first.dedup();
        assert!(first.len() > 50, "{first:?}");
    }
}
