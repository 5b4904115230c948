//! What a shard writes down so that its sessions outlive its process. Owns the records ([`Record`]), their layout, and that a [`Replay`] of them gives the sessions
//! that there were; leaves when a record is made to `crate::shard`, and files, threads and syncs to `crate::shell`.
//!
//! A record tells one change. The log of all records is the journal; its beginning is cut off again and again: the shard writes down every session whole, a few in each
//! turn, between [`Record::CheckpointBegun`] and [`Record::CheckpointDone`], and what is older than such a pair is not needed any more. A replay may begin anywhere before
//! such a pair: a change of a session that it does not know is passed over, for that session ends, or is written down whole, further on.

mod record;
mod replay;
mod scatter;

pub use record::{Kept, Malformed, Record};
pub use replay::{Contradiction, Replay};
pub(crate) use scatter::Parts;

#[cfg(test)]
pub(crate) mod tests {
    pub(crate) use super::record::tests::a_session;
}
