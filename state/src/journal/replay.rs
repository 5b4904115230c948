//! The sessions that a journal tells of: [`Replay`]. Owns what each record does to them, and that a journal that contradicts itself is found out.

use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use proto::backend::Taken;
use slab::Slab;

use super::Record;
use crate::durable::{Durable, Reach};
use crate::inflight::note_missed;

/// The sessions of a shard, made of its records from the oldest to the newest.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// In the order of their beginnings, so that whoever goes through them does not jump about in memory.
    sessions: Slab<Durable>,
    /// Where each is, by its number.
    places: HashMap<u64, u32, FixedState>,
    taken: Taken,
    begun: bool,
    done: bool,
}

/// A record that cannot come after those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// Of which session.
    pub session: u64,
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record of session {:x} that contradicts those before it", self.session)
    }
}

impl std::error::Error for Contradiction {}

impl Replay {
    /// Takes the next record.
    pub fn apply(&mut self, record: Record<'_>) -> Result<(), Contradiction> {
        match record {
            Record::Session(durable) => self.put(*durable),
            Record::Ended { session } => {
                if let Some(place) = self.places.remove(&session) {
                    self.sessions.remove(place as usize);
                }
            }
            Record::Resumed { session, conn, boot_epoch, codec, secrets } => {
                self.change(session, |durable| {
                    (durable.place, durable.secrets) = (Reach::On { conn, boot_epoch, codec }, secrets);
                });
            }
            Record::Confirmed { session } => self.change(session, |durable| durable.secrets.confirm()),
            Record::Left { session, reason } => self.change(session, |durable| {
                let (Reach::On { conn: last, .. } | Reach::Away { last, .. }) = durable.place;
                durable.place = Reach::Away { last, reason };
            }),
            Record::Answered { session, client_id } => {
                self.change(session, |durable| durable.answered = client_id);
            }
            Record::Pushed { conversation, seq, packet, kept, missed } => {
                let packet = Arc::new(packet.into_owned());
                for kept in &*kept {
                    self.keep(kept.session, &packet, kept.behind as usize)?;
                }
                let Ok(conversation) = conversation.parse() else { return Ok(()) };
                for session in &*missed {
                    self.change(*session, |durable| {
                        note_missed(durable.missed.get_or_insert_default(), &conversation, seq);
                    });
                }
            }
            Record::Told { session, packet } => {
                self.keep(session, &Arc::new(packet.into_owned()), 0)?;
                self.change(session, |durable| durable.missed = None);
            }
            Record::Acknowledged { session, push_seq } => return self.acknowledge(session, push_seq),
            Record::Taken(taken) => self.taken = taken,
            Record::CheckpointBegun => self.begun = true,
            Record::CheckpointDone => self.done |= self.begun,
        }
        Ok(())
    }

    /// Whether a whole checkpoint was seen: then it does not matter what came before the first record.
    pub fn is_complete(&self) -> bool {
        self.done
    }

    /// How far logic's pushes are taken.
    pub fn taken(&self) -> Taken {
        self.taken
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The sessions as they are after the last record, mostly in the order of their beginnings.
    pub fn sessions(&self) -> impl Iterator<Item = &Durable> {
        self.sessions.iter().map(|(_, durable)| durable)
    }

    /// The same, given away.
    pub fn into_sessions(self) -> impl Iterator<Item = Durable> {
        self.sessions.into_iter().map(|(_, durable)| durable)
    }

    fn put(&mut self, durable: Durable) {
        if let Some(known) = self.find(durable.number) {
            *known = durable;
        } else {
            let number = durable.number;
            let place = self.sessions.insert(durable);
            self.places.insert(number, place as u32);
        }
    }

    fn find(&mut self, session: u64) -> Option<&mut Durable> {
        self.sessions.get_mut(*self.places.get(&session)? as usize)
    }

    /// A session that is not known yet will be written down whole.
    fn change(&mut self, session: u64, change: impl FnOnce(&mut Durable)) {
        if let Some(durable) = self.find(session) {
            change(durable);
        }
    }

    fn keep(&mut self, session: u64, packet: &Arc<Vec<u8>>, behind: usize) -> Result<(), Contradiction> {
        let Some(durable) = self.find(session) else { return Ok(()) };
        let at = durable.kept.len().checked_sub(behind).ok_or(Contradiction { session })?;
        durable.kept.insert(at, Arc::clone(packet));
        durable.pushed += 1;
        Ok(())
    }

    fn acknowledge(&mut self, session: u64, push_seq: u64) -> Result<(), Contradiction> {
        let Some(durable) = self.find(session) else { return Ok(()) };
        let rest = durable.pushed.checked_sub(push_seq).map(|rest| rest as usize);
        match rest.and_then(|rest| durable.kept.len().checked_sub(rest)) {
            Some(count) => drop(durable.kept.drain(..count)),
            None => return Err(Contradiction { session }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Kept;
    use crate::journal::record::tests::a_session;

    fn pushed(session: u64, behind: u32) -> Record<'static> {
        Record::Pushed {
            conversation: "g.club".into(),
            seq: 1,
            packet: vec![behind as u8].into(),
            kept: vec![Kept { session, behind }].into(),
            missed: vec![].into(),
        }
    }

    #[test]
    fn changes_of_a_session_that_is_not_known_yet_are_passed_over() {
        let mut replay = Replay::default();
        for record in [
            pushed(7, 0),
            Record::Acknowledged { session: 7, push_seq: 1 },
            Record::Ended { session: 7 },
            Record::CheckpointDone,
        ] {
            replay.apply(record).unwrap();
        }
        assert!(replay.is_empty() && !replay.is_complete(), "a checkpoint's end alone says nothing");
        replay.apply(Record::CheckpointBegun).unwrap();
        replay.apply(Record::Session(Box::new(a_session()))).unwrap();
        replay.apply(Record::CheckpointDone).unwrap();
        assert!(replay.len() == 1 && replay.is_complete());
    }

    #[test]
    fn a_record_that_cannot_be_is_found_out() {
        let durable = Durable { number: 7, pushed: 3, kept: vec![Arc::new(vec![9])], ..a_session() };
        for record in [
            pushed(7, 2),
            Record::Acknowledged { session: 7, push_seq: 4 },
            Record::Acknowledged { session: 7, push_seq: 1 },
        ] {
            let mut replay = Replay::default();
            replay.apply(Record::Session(Box::new(durable.clone()))).unwrap();
            assert_eq!(replay.apply(record), Err(Contradiction { session: 7 }));
        }
    }

    #[test]
    fn a_push_may_be_put_before_others() {
        let durable = Durable { number: 7, pushed: 3, kept: vec![Arc::new(vec![9])], ..a_session() };
        let mut replay = Replay::default();
        replay.apply(Record::Session(Box::new(durable))).unwrap();
        replay.apply(pushed(7, 1)).unwrap();
        let session = replay.sessions().next().unwrap();
        assert_eq!((session.pushed, session.kept.iter().map(|packet| packet[0]).collect()), (4, vec![1, 9]));
    }
}
