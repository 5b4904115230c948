//! What of a session must outlive the process that holds it: [`Durable`]. Owns the list of these things, and that a session made of them goes on as the one before;
//! writing them down, and reading them again, is a journal's business.
//!
//! What is not in it comes again by itself: commands under way from the client, which has had no answer; whether a reader is blocked, and what was sent to it, from
//! reconciling. The key that secrets are made with ([`crate::Settings::secret_key`]) must outlive the process, too.

use std::sync::Arc;

use proto::close::CloseReason;
use proto::ids::{ConnId, DeviceId, Uid};
use proto::packet::{Codec, Resync};

use crate::grant::Grant;
use crate::secrets::Secrets;

/// A session, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durable {
    /// Not used twice; part of its name, and of what its secrets are made of.
    pub number: u64,
    /// Whose.
    pub uid: Uid,
    /// On which device.
    pub device: DeviceId,
    /// What the token said that it was opened with.
    pub grant: Grant,
    /// Where it can be reached.
    pub place: Reach,
    /// Which of its secrets are good.
    pub secrets: Secrets,
    /// Every command up to here has been answered.
    pub answered: u64,
    /// The number of the last push.
    pub pushed: u64,
    /// The pushes that are not acknowledged, in the order of their numbers, the last of them with the number `pushed`. A control packet that comes late may stand before
    /// others that have not been sent: its place is part of what is written. Server packets in protobuf form, each shared by all whom it is for.
    pub kept: Vec<Arc<Vec<u8>>>,
    /// What was pushed after these and found no room.
    pub missed: Option<Resync>,
}

/// Where a session can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On this connection, as long as the gateway says so.
    On {
        /// Its name.
        conn: ConnId,
        /// The start of the gateway's process, which gave it.
        boot_epoch: u64,
        /// The form of its packets.
        codec: Codec,
    },
    /// Nowhere: it waits for a resume.
    Away {
        /// Its last connection.
        last: ConnId,
        /// Why that ended.
        reason: CloseReason,
    },
}
