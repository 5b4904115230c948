//! A rate with a burst, and how much of it is left: [`Rate`], [`Bucket`]. Owns the arithmetic of the token bucket; who is held to it is its users' business.

use proto::time::Now;

/// How fast tokens come, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Tokens that come in so many seconds.
    tokens: u64,
    seconds: u64,
    /// Nanoseconds in which an empty bucket becomes full.
    depth_ns: u64,
}

/// The moment at which it will be full, which is all there is to know of a bucket: it empties as this moves away, and fills as time goes by. A bucket that is full
/// is as good as a new one, and need not be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bucket {
    full_at_ns: u64,
}

impl Rate {
    /// `None` if nothing is limited: 0 in a second.
    pub(crate) fn new(per_second: u64, burst: u64) -> Option<Self> {
        Self::shared(per_second, burst, 1)
    }

    /// What one of so many who share a rate has of it. The burst is its own.
    pub(crate) fn shared(per_second: u64, burst: u64, by: u32) -> Option<Self> {
        let rate = Self { tokens: per_second, seconds: by.max(1).into(), depth_ns: 0 };
        (per_second > 0).then(|| Self { depth_ns: rate.time_of(burst.max(1)), ..rate })
    }

    /// Nanoseconds in which so many tokens come.
    fn time_of(self, tokens: u64) -> u64 {
        let ns = u128::from(tokens) * 1_000_000_000 * u128::from(self.seconds) / u128::from(self.tokens);
        u64::try_from(ns).unwrap_or(u64::MAX)
    }
}

impl Bucket {
    /// One that will be full at this moment.
    pub(crate) fn full_at(ns: u64) -> Self {
        Self { full_at_ns: ns }
    }

    /// When it will be full.
    pub(crate) fn full_at_ns(self) -> u64 {
        self.full_at_ns
    }

    /// Takes one token, if there is one.
    pub(crate) fn take(&mut self, now: Now, rate: Rate) -> bool {
        let full_at = self.without(now, rate, 1);
        let there_is_one = full_at - nanos(now) <= rate.depth_ns;
        if there_is_one {
            self.full_at_ns = full_at;
        }
        there_is_one
    }

    /// Takes tokens, whether there are so many or not.
    pub(crate) fn owe(&mut self, now: Now, rate: Rate, tokens: u64) {
        self.full_at_ns = self.without(now, rate, tokens);
    }

    /// From which millisecond on at least one token is there.
    pub(crate) fn ready_at_ms(self, rate: Rate) -> u64 {
        let one = rate.time_of(1);
        (self.full_at_ns.saturating_add(one)).saturating_sub(rate.depth_ns).div_ceil(1_000_000)
    }

    /// Whether it is as good as a new one.
    pub(crate) fn is_full(self, now: Now) -> bool {
        self.full_at_ns <= nanos(now)
    }

    fn without(self, now: Now, rate: Rate, tokens: u64) -> u64 {
        self.full_at_ns.max(nanos(now)).saturating_add(rate.time_of(tokens))
    }
}

fn nanos(now: Now) -> u64 {
    now.mono_ms.saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, unix_ms: 0 }
    }

    #[test]
    fn a_burst_may_come_at_once_and_then_the_rate_is_kept_to() {
        let rate = Rate::new(10, 3).unwrap();
        let mut bucket = Bucket::default();
        let taken = |bucket: &mut Bucket, ms| (0..9).filter(|_| bucket.take(at(ms), rate)).count();
        assert_eq!(taken(&mut bucket, 1000), 3);
        assert_eq!((taken(&mut bucket, 1099), taken(&mut bucket, 1100)), (0, 1));
        assert_eq!((bucket.is_full(at(1399)), bucket.is_full(at(1400))), (false, true));
        assert_eq!(taken(&mut bucket, 9000), 3, "no more than a burst is kept");
    }

    #[test]
    fn a_debt_is_paid_before_there_is_a_token_again() {
        let rate = Rate::new(1000, 1000).unwrap();
        let mut bucket = Bucket::default();
        bucket.owe(at(0), rate, 999);
        assert_eq!(bucket.ready_at_ms(rate), 0);
        bucket.owe(at(0), rate, 2001);
        assert_eq!(bucket.ready_at_ms(rate), 2001);
        assert!(!bucket.take(at(2000), rate) && bucket.take(at(2001), rate));
    }

    proptest! {
        /// In whatever rhythm tokens are asked for, no more are had than the burst and what has come in the time.
        #[test]
        fn no_more_is_had_than_the_rate_and_one_burst(
            per_second in 1u64..5000, burst in 1u64..100, pauses in proptest::collection::vec(0u64..50, 1..300),
        ) {
            let rate = Rate::new(per_second, burst).unwrap();
            let (mut bucket, mut ms, mut had) = (Bucket::default(), 0, 0);
            for pause in pauses {
                ms += pause;
                had += u64::from(bucket.take(at(ms), rate));
                prop_assert!(had <= burst + ms * per_second / 1000 + 1);
            }
        }
    }
}
