//! How all sessions come to be written down whole without a pause: a few at a time, between the changes. Owns which are still to come; when to begin and how many a turn
//! has time for is the journal's to say.

use super::Shard;
use crate::Output;
use crate::journal::Record;

impl Shard {
    /// Begins to write every session down whole; nothing if that is under way.
    pub fn begin_checkpoint(&mut self, out: &mut dyn Output) {
        if self.checkpoint.is_none() {
            self.checkpoint = Some(0);
            out.record(Record::CheckpointBegun);
            out.record(Record::Taken(self.pushes_taken.recorded));
        }
    }

    /// Whether a checkpoint is under way.
    pub fn is_checkpointing(&self) -> bool {
        self.checkpoint.is_some()
    }

    /// Writes down the sessions in the next `places` of the table. A session that opens behind this walk is whole in its first record, one that opens before it is
    /// written twice.
    pub fn go_on_with_checkpoint(&mut self, places: u32, out: &mut dyn Output) {
        let Some(from) = self.checkpoint else { return };
        let to = from.saturating_add(places).min(self.sessions.end());
        (from..to).for_each(|place| self.record_session(place, out));
        if to == self.sessions.end() {
            self.checkpoint = None;
            out.record(Record::CheckpointDone);
        } else {
            self.checkpoint = Some(to);
        }
    }
}
