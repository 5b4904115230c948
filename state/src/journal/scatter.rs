//! A shard's records taken apart by the slots that they are about: [`Parts`]. Owns that whoever reads one slot's part, from the oldest record to the newest, finds the
//! sessions of that slot; for a journal that keeps each slot by itself.

use std::collections::BTreeMap;

use super::record::{Kept, Malformed, Record};
use crate::event::slot_of;

/// Records by place: first the shard's slots in their order, then one place for what belongs to no session.
#[derive(Debug)]
pub(crate) struct Parts {
    shard_count: u32,
    of_place: Vec<Vec<u8>>,
    /// Places that have something, each once.
    touched: Vec<usize>,
    /// Bytes of all.
    bytes: usize,
}

/// Capacity that the buffer of one place keeps.
const PLACE_BYTES: usize = 4096;

impl Parts {
    /// For a shard with so many slots, one of `shard_count`.
    pub(crate) fn new(slots: usize, shard_count: u32) -> Self {
        Self { shard_count, of_place: vec![Vec::new(); slots + 1], touched: Vec::new(), bytes: 0 }
    }

    /// Adds records, one behind the other, until all places together have `bound` bytes: how many bytes of `records` were taken. A push has its packet in every place that
    /// it is for, so these may be far fewer. Marks of a checkpoint are passed over: they are about no session, and whoever keeps the records is told of them otherwise.
    pub(crate) fn add(&mut self, all: &[u8], bound: usize) -> Result<usize, Malformed> {
        let mut records = all;
        while !records.is_empty() && self.bytes < bound {
            let from = records;
            let record = Record::decode(&mut records)?;
            match record {
                Record::CheckpointBegun | Record::CheckpointDone => {}
                Record::Pushed { conversation, seq, packet, kept, missed } => {
                    let mut to: BTreeMap<usize, (Vec<Kept>, Vec<u64>)> = BTreeMap::new();
                    for one in &*kept {
                        to.entry(self.place_of(one.session)).or_default().0.push(*one);
                    }
                    for session in &*missed {
                        to.entry(self.place_of(*session)).or_default().1.push(*session);
                    }
                    for (place, (kept, missed)) in to {
                        let part = Record::Pushed {
                            conversation: (&*conversation).into(),
                            seq,
                            packet: (&*packet).into(),
                            kept: kept.into(),
                            missed: missed.into(),
                        };
                        let into = self.touch(place)?;
                        let before = into.len();
                        part.encode(into);
                        self.bytes += self.of_place[place].len() - before;
                    }
                }
                record => {
                    let place = record.session().map_or(self.of_shard(), |session| self.place_of(session));
                    let bytes = &from[..from.len() - records.len()];
                    self.touch(place)?.extend_from_slice(bytes);
                    self.bytes += bytes.len();
                }
            }
        }
        Ok(all.len() - records.len())
    }

    /// The place of what belongs to no session.
    pub(crate) fn of_shard(&self) -> usize {
        self.of_place.len() - 1
    }

    /// The places that have something, in no order.
    pub(crate) fn touched(&self) -> &[usize] {
        &self.touched
    }

    /// What one place has.
    pub(crate) fn get(&self, place: usize) -> &[u8] {
        &self.of_place[place]
    }

    /// Leaves nothing.
    pub(crate) fn clear(&mut self) {
        self.bytes = 0;
        for place in self.touched.drain(..) {
            self.of_place[place].clear();
            self.of_place[place].shrink_to(PLACE_BYTES);
        }
    }

    fn place_of(&self, session: u64) -> usize {
        (u32::from(slot_of(session).0) / self.shard_count) as usize
    }

    fn touch(&mut self, place: usize) -> Result<&mut Vec<u8>, Malformed> {
        let part = self.of_place.get_mut(place).ok_or(Malformed)?;
        if part.is_empty() {
            self.touched.push(place);
        }
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two shards: this one has the slots 1, 3, 5 …
    fn number(count: u64, slot: u64) -> u64 {
        count << crate::event::SLOT_BITS | slot
    }

    fn parts(records: &[Record<'_>]) -> Parts {
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.encode(&mut bytes));
        let mut parts = Parts::new(512, 2);
        assert_eq!(parts.add(&bytes, usize::MAX), Ok(bytes.len()));
        parts
    }

    fn read(mut bytes: &[u8]) -> Vec<Record<'_>> {
        std::iter::from_fn(|| (!bytes.is_empty()).then(|| Record::decode(&mut bytes).unwrap())).collect()
    }

    #[test]
    fn each_slot_has_its_records_in_their_order() {
        let (a, b) = (number(7, 3), number(8, 1023));
        let answered = |session, client_id| Record::Answered { session, client_id };
        let mut parts = parts(&[
            Record::CheckpointBegun,
            answered(a, 1),
            answered(b, 1),
            Record::Ended { session: a },
            Record::CheckpointDone,
        ]);
        assert_eq!(parts.touched(), [1, 511]);
        assert_eq!(read(parts.get(1)), [answered(a, 1), Record::Ended { session: a }]);
        assert_eq!(read(parts.get(511)), [answered(b, 1)]);
        parts.clear();
        assert!(parts.touched().is_empty() && parts.get(1).is_empty());
    }

    #[test]
    fn a_push_goes_to_every_slot_that_it_is_for_and_to_no_other() {
        let sessions = [number(1, 1), number(2, 3), number(3, 3), number(4, 5)];
        let pushed = |kept: &[u64], missed: &[u64]| Record::Pushed {
            conversation: "g.club".into(),
            seq: 6,
            packet: vec![1, 2].into(),
            kept: kept.iter().map(|session| Kept { session: *session, behind: 2 }).collect(),
            missed: missed.to_vec().into(),
        };
        let parts = parts(&[pushed(&sessions[..2], &sessions[2..])]);
        assert_eq!(parts.touched(), [0, 1, 2]);
        assert_eq!(read(parts.get(0)), [pushed(&sessions[..1], &[])]);
        assert_eq!(read(parts.get(1)), [pushed(&sessions[1..2], &sessions[2..3])]);
        assert_eq!(read(parts.get(2)), [pushed(&[], &sessions[3..])]);
    }

    #[test]
    fn a_push_to_many_slots_counts_as_often() {
        let kept = (0..100).map(|slot| Kept { session: number(1, 2 * slot + 1), behind: 0 }).collect();
        let push = Record::Pushed {
            conversation: "g.club".into(),
            seq: 1,
            packet: vec![7; 1000].into(),
            kept,
            missed: vec![].into(),
        };
        let mut bytes = Vec::new();
        (0..3).for_each(|_| push.encode(&mut bytes));
        let (mut parts, mut taken, mut rounds) = (Parts::new(512, 2), 0, Vec::new());
        while taken < bytes.len() {
            parts.clear();
            taken += parts.add(&bytes[taken..], 150_000).unwrap();
            rounds.push(taken);
        }
        assert_eq!(rounds, [2 * bytes.len() / 3, bytes.len()]);
    }

    #[test]
    fn a_slot_that_is_not_the_shards_is_no_place() {
        let mut bytes = Vec::new();
        Record::Ended { session: number(1, 1023) }.encode(&mut bytes);
        assert_eq!(Parts::new(2, 2).add(&bytes, 1), Err(Malformed));
        assert_eq!(Parts::new(512, 2).add(&bytes[..3], 1), Err(Malformed));
    }
}
