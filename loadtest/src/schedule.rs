//! When messages are due: [`Schedule`]. Owns the arithmetic of an open model, in which the next message does not wait for the last one's answer; who sends it
//! is the crowds' business. Pure. Times are nanoseconds since the run began.

use std::time::Duration;

const SECOND: f64 = 1e9;

/// Moments at even distances from a start to an end: the `number`-th of them is `start + number / rate`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    start: u64,
    end: u64,
    rate: f64,
    /// The number of the next one that was not handed out.
    next: u64,
}

impl Schedule {
    /// `rate` in a second, above 0, of which this is the share `part` of `parts`: the shares' moments lie between one another.
    pub(crate) fn new(start: u64, length: Duration, rate: f64, part: u32, parts: u32) -> Self {
        let parts = f64::from(parts.max(1));
        let offset = f64::from(part) * SECOND / rate;
        let end = start + length.as_nanos() as u64;
        Self { start: start + offset as u64, end, rate: rate / parts, next: 0 }
    }

    /// The moment of the next one, if it comes before the end.
    pub(crate) fn next(&self) -> Option<u64> {
        let due = self.moment(self.next);
        (due < self.end).then_some(due)
    }

    /// The next one whose moment has come: its number and the moment.
    pub(crate) fn take(&mut self, now: u64) -> Option<(u64, u64)> {
        let due = self.next().filter(|due| *due <= now)?;
        let number = self.next;
        self.next += 1;
        Some((number, due))
    }

    /// Computed anew for each, so that no error adds up.
    fn moment(&self, number: u64) -> u64 {
        self.start + (number as f64 * (SECOND / self.rate)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_skipped_however_late_somebody_looks() {
        let mut schedule = Schedule::new(1000, Duration::from_secs(1), 10.0, 0, 1);
        assert_eq!(schedule.take(999), None);
        assert_eq!(schedule.take(1000), Some((0, 1000)));
        assert_eq!(schedule.take(1001), None);
        let rest: Vec<_> = std::iter::from_fn(|| schedule.take(u64::MAX)).collect();
        assert_eq!(rest.len(), 9);
        assert_eq!(rest[8], (9, 900_001_000));
        assert_eq!(schedule.next(), None);
    }

    #[test]
    fn the_shares_of_several_threads_are_the_whole() {
        let whole = Schedule::new(0, Duration::from_secs(2), 1000.0, 0, 1);
        let shares = (0..3).map(|part| Schedule::new(0, Duration::from_secs(2), 1000.0, part, 3));
        let moments =
            |mut schedule: Schedule| std::iter::from_fn(move || schedule.take(u64::MAX)).map(|(_, due)| due);
        let mut together: Vec<u64> = shares.flat_map(moments).collect();
        together.sort_unstable();
        let whole: Vec<u64> = moments(whole).collect();
        assert_eq!(together.len(), whole.len());
        assert!(together.iter().zip(&whole).all(|(one, other)| one.abs_diff(*other) <= 3));
    }
}
