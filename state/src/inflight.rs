//! Which pushes a session has not acknowledged. Owns the numbering and the bound; the packets themselves are not kept yet: when they are sent again until they
//! are acknowledged, this is where they wait.

/// The pushes of one session: 1, 2, 3, …
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InFlight {
    pushed: u64,
    acknowledged: u64,
}

/// An ack for a push that was never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NeverSent;

impl InFlight {
    /// The number for one more push; `None` if `most` are unacknowledged.
    pub(crate) fn push(&mut self, most: u32) -> Option<u64> {
        if self.unacknowledged() >= u64::from(most) {
            return None;
        }
        self.pushed += 1;
        Some(self.pushed)
    }

    /// Takes a cumulative ack; one that says less than an earlier one says nothing.
    pub(crate) fn acknowledge(&mut self, push_seq: u64) -> Result<(), NeverSent> {
        if push_seq > self.pushed {
            return Err(NeverSent);
        }
        self.acknowledged = self.acknowledged.max(push_seq);
        Ok(())
    }

    /// How many pushes are on their way.
    pub(crate) fn unacknowledged(&self) -> u64 {
        self.pushed - self.acknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_are_numbered_from_one_and_bounded_until_acknowledged() {
        let mut inflight = InFlight::default();
        assert_eq!([inflight.push(2), inflight.push(2), inflight.push(2)], [Some(1), Some(2), None]);
        assert_eq!(inflight.acknowledge(1), Ok(()));
        assert_eq!(inflight.push(2), Some(3));
        assert_eq!(inflight.acknowledge(4), Err(NeverSent));
        assert_eq!(inflight.acknowledge(3), Ok(()));
        assert_eq!(inflight.acknowledge(2), Ok(()));
        assert_eq!(inflight.unacknowledged(), 0);
    }
}
