//! When each connection of a reactor has last been reported alive: [`Pulse`], a byte for each index, and [`Scale`], what such a byte says. Owns that a report costs a store into a
//! dense array and no look at any session; what silence means is decided in `crate::shard`.
//!
//! A byte is a moment on a coarse clock that goes round: it can be read for four deadlines, and a session's timer looks at it within little more than one. It may be up to
//! a [`GRAINS_PER_DEADLINE`]th of the deadline later than the report, never earlier: so nobody is given up too soon, and everybody at most so much too late.

use std::time::Duration;

use proto::time::Now;

/// The clock that bytes are on is so much finer than the deadline they are for.
const GRAINS_PER_DEADLINE: u64 = 64;
/// Moments that a byte can tell apart: all its values but [`NOT_YET`].
const MOMENTS: u64 = 255;
/// Has not been reported alive since it was last looked at.
const NOT_YET: u8 = 0;

const _: () = assert!(MOMENTS >= 3 * GRAINS_PER_DEADLINE, "a byte is good for longer than any timer waits");

/// Indices of one page.
const PAGE: usize = 1024;

/// What the bytes of a [`Pulse`] say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    grain_ms: u64,
}

impl Scale {
    /// Fit for timers that look at a byte within about this time.
    pub(crate) fn new(deadline: Duration) -> Self {
        Self { grain_ms: (deadline.as_millis() as u64 / GRAINS_PER_DEADLINE).max(1) }
    }

    /// A moment as a byte.
    pub(crate) fn beat(self, now: Now) -> u8 {
        (self.grain(now) % MOMENTS) as u8 + 1
    }

    /// The monotonic millisecond that a byte says: that of its report, or up to a grain later. `None` if there was no report.
    pub(crate) fn moment(self, beat: u8, now: Now) -> Option<u64> {
        let last = u64::from(beat.checked_sub(1)?);
        let grain = self.grain(now);
        let ago = (grain % MOMENTS + MOMENTS - last) % MOMENTS;
        Some(grain.saturating_sub(ago) * self.grain_ms)
    }

    /// Rounded up, so that silence is not counted from before the report.
    fn grain(self, now: Now) -> u64 {
        now.mono_ms.div_ceil(self.grain_ms)
    }
}

/// The last report of each connection of one reactor, by index. There are pages where connections are: a report of others goes nowhere.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    pages: Vec<Option<Box<Page>>>,
}

#[derive(Debug)]
struct Page {
    beats: [u8; PAGE],
    /// Connections whose index is in this page.
    held: u16,
}

impl Pulse {
    /// An index has a connection from now on.
    pub(crate) fn begin(&mut self, index: u32) {
        let number = index as usize / PAGE;
        if number >= self.pages.len() {
            self.pages.resize_with(number + 1, || None);
        }
        let page =
            self.pages[number].get_or_insert_with(|| Box::new(Page { beats: [NOT_YET; PAGE], held: 0 }));
        page.held += 1;
        page.beats[index as usize % PAGE] = NOT_YET;
    }

    /// Its connection is gone.
    pub(crate) fn end(&mut self, index: u32) {
        let Some(slot) = self.pages.get_mut(index as usize / PAGE) else { return };
        if let Some(page) = slot {
            page.held -= 1;
            if page.held == 0 {
                *slot = None;
            }
        }
    }

    /// Takes note of a report.
    #[inline]
    pub(crate) fn note(&mut self, index: u32, beat: u8) {
        if let Some(Some(page)) = self.pages.get_mut(index as usize / PAGE) {
            page.beats[index as usize % PAGE] = beat;
        }
    }

    /// The last report of this index.
    pub(crate) fn last(&self, index: u32) -> u8 {
        let page = self.pages.get(index as usize / PAGE).and_then(Option::as_ref);
        page.map_or(NOT_YET, |page| page.beats[index as usize % PAGE])
    }

    /// The last report of this index, which need not be known any more.
    pub(crate) fn take(&mut self, index: u32) -> u8 {
        let last = self.last(index);
        self.note(index, NOT_YET);
        last
    }

    /// Connections in all pages.
    pub(crate) fn held(&self) -> usize {
        self.pages.iter().flatten().map(|page| usize::from(page.held)).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(mono_ms: u64) -> Now {
        Now { mono_ms, unix_ms: 0 }
    }

    proptest! {
        #[test]
        fn a_byte_says_when_it_was_written_or_a_grain_later(
            deadline_ms in 1..4_000_000_u64,
            written_ms in 0..1_u64 << 40,
            deadlines in 0..3_000_u64,
        ) {
            let scale = Scale::new(Duration::from_millis(deadline_ms));
            let now = at(written_ms + deadline_ms * deadlines / 1000);
            let moment = scale.moment(scale.beat(at(written_ms)), now).unwrap();
            prop_assert!((written_ms..written_ms + deadline_ms / GRAINS_PER_DEADLINE + 1).contains(&moment));
        }
    }

    #[test]
    fn a_report_of_an_index_without_a_connection_takes_no_memory_and_reaches_nobody() {
        let mut pulse = Pulse::default();
        pulse.note(5, 7);
        pulse.note(u32::MAX, 7);
        assert_eq!((pulse.pages.len(), pulse.take(5)), (0, NOT_YET));
        pulse.begin(5);
        pulse.begin(6);
        pulse.note(5, 7);
        pulse.note(7, 8);
        pulse.begin(7);
        assert_eq!((pulse.held(), pulse.last(5), pulse.last(6), pulse.last(7)), (3, 7, NOT_YET, NOT_YET));
        assert_eq!((pulse.take(5), pulse.take(5)), (7, NOT_YET));
        (5..=7).for_each(|index| pulse.end(index));
        assert!(pulse.pages.iter().all(Option::is_none));
    }
}
