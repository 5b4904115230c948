//! How often something was how large: [`Histogram`]. Owns the buckets, which are powers of two so that finding the right one is one instruction; when to
//! observe what is the shells'.

use crate::counters::Cell;
use crate::counters::prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// Times, observed in microseconds and shown in seconds: from 16 µs to 8.4 s.
pub type Times = Histogram<4, 20, 1_000_000>;
/// Numbers of things, from 1 to 8192.
pub type Amounts = Histogram<0, 14, 1>;

/// A histogram that one thread writes and any thread reads. The bound of bucket `i` is 2^(`FIRST` + i) / `UNIT`, inclusive; what is larger than the last of
/// the `BUCKETS` bounds is counted, too.
#[derive(Debug)]
pub struct Histogram<const FIRST: u32, const BUCKETS: usize, const UNIT: u64> {
    buckets: [Cell; BUCKETS],
    beyond: Cell,
    sum: Cell,
}

impl<const FIRST: u32, const BUCKETS: usize, const UNIT: u64> Default for Histogram<FIRST, BUCKETS, UNIT> {
    fn default() -> Self {
        Self { buckets: [const { Cell::new() }; BUCKETS], beyond: Cell::new(), sum: Cell::new() }
    }
}

impl<const FIRST: u32, const BUCKETS: usize, const UNIT: u64> Histogram<FIRST, BUCKETS, UNIT> {
    /// Counts one. Only the owning thread may call this.
    #[inline]
    pub fn observe(&self, value: u64) {
        // The exponent of the least power of two that is not below the value.
        let power = u64::BITS - value.saturating_sub(1).leading_zeros();
        let bucket = power.saturating_sub(FIRST) as usize;
        self.buckets.get(bucket).unwrap_or(&self.beyond).add(1);
        self.sum.add(value);
    }

    /// Writes the sum over all threads' histograms. The total is made of the buckets that are shown, so that the two agree while others count on.
    pub fn encode<'a>(
        histograms: impl Iterator<Item = &'a Self>,
        mut encoder: MetricEncoder<'_>,
    ) -> std::fmt::Result {
        let (mut counts, mut beyond, mut sum) = ([0; BUCKETS], 0, 0);
        for histogram in histograms {
            for (count, cell) in counts.iter_mut().zip(&histogram.buckets) {
                *count += cell.get();
            }
            beyond += histogram.beyond.get();
            sum += histogram.sum.get();
        }
        let bound = |place: usize| (1u64 << (FIRST + place as u32)) as f64 / UNIT as f64;
        let bounds = counts.iter().enumerate().map(|(place, count)| (bound(place), *count));
        let buckets: Vec<_> = bounds.chain([(f64::INFINITY, beyond)]).collect();
        let total = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(sum as f64 / UNIT as f64, total, &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::counters::Page;

    crate::counters! {
        /// For the test below.
        struct Demo {
            /// How long it took.
            histogram took: super::Times = "demo_took_seconds";
            /// How many there were.
            histogram many: super::Amounts = "demo_many";
        }
    }

    #[test]
    fn what_all_threads_have_seen_is_shown_as_openmetrics_wants_it() {
        let (one, other) = <(Arc<Demo>, Arc<Demo>)>::default();
        for value in [0, 1, 2, 3, 4, 8192, 8193, u64::from(u32::MAX)] {
            one.many.observe(value);
        }
        one.took.observe(16);
        other.took.observe(17);
        let mut page = Page::default();
        page.add(vec![one, other]);
        let text = page.text();
        let lines = [
            "# TYPE demo_took_seconds histogram",
            "demo_took_seconds_sum 0.000033",
            "demo_took_seconds_count 2",
            "demo_took_seconds_bucket{le=\"0.000016\"} 1",
            "demo_took_seconds_bucket{le=\"0.000032\"} 2",
            "demo_took_seconds_bucket{le=\"8.388608\"} 2",
            "demo_took_seconds_bucket{le=\"+Inf\"} 2",
            "demo_many_bucket{le=\"1.0\"} 2",
            "demo_many_bucket{le=\"2.0\"} 3",
            "demo_many_bucket{le=\"4.0\"} 5",
            "demo_many_bucket{le=\"8192.0\"} 6",
            "demo_many_bucket{le=\"+Inf\"} 8",
            "demo_many_count 8",
        ];
        for line in lines {
            assert!(text.lines().any(|said| said == line), "{line} is not in\n{text}");
        }
    }
}
