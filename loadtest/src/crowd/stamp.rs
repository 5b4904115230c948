//! What a message of a load test carries, so that it is known wherever it arrives: [`Stamp`]. Pure.

/// Bytes at the start of a message.
pub(crate) const STAMP_BYTES: usize = 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Which run; others may have left messages behind.
    pub(crate) run: u64,
    /// Which message of its sender, from 1 on.
    pub(crate) number: u64,
    /// When it was due.
    pub(crate) due: u64,
}

impl Stamp {
    /// A body of this many bytes, at least [`STAMP_BYTES`].
    pub(crate) fn body(self, bytes: usize) -> Vec<u8> {
        let mut body = Vec::with_capacity(bytes.max(STAMP_BYTES));
        [self.run, self.number, self.due].iter().for_each(|part| body.extend_from_slice(&part.to_be_bytes()));
        body.resize(bytes.max(STAMP_BYTES), 0);
        body
    }

    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let ([run, number, due, ..], _) = body.as_chunks::<8>() else { return None };
        let [run, number, due] = [run, number, due].map(|part| u64::from_be_bytes(*part));
        Some(Self { run, number, due })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_and_what_is_too_short_is_none() {
        let stamp = Stamp { run: 1, number: 2, due: 3 };
        assert_eq!(stamp.body(0).len(), STAMP_BYTES);
        assert_eq!(Stamp::read(&stamp.body(0)[1..]), None);
        assert_eq!(Stamp::read(&stamp.body(100)), Some(stamp));
    }
}
