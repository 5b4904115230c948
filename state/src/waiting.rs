//! Connections without a session: those whose login is with logic, and those that were asked to log in again. Owns what is remembered of them until they have a
//! session or are gone.

use std::net::SocketAddr;

use proto::ids::{ConnId, DeviceId, Uid};
use proto::packet::Codec;

use crate::grant::Grant;

/// A connection that has no session yet, or has lost it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) conn: ConnId,
    /// The reactor that holds the connection.
    pub(crate) reactor: u32,
    pub(crate) codec: Codec,
    /// Where it comes from; not known of one that the reactor has only listed.
    pub(crate) peer: Option<SocketAddr>,
    /// The client may take up a session on it, rather than log in: it has not tried yet.
    pub(crate) may_resume: bool,
    /// The login that logic was asked about; `None` while the client has yet to send one.
    pub(crate) login: Option<Box<Pending>>,
}

/// A login whose token is good.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) call: u64,
    pub(crate) uid: Uid,
    pub(crate) device: DeviceId,
    /// What the token said.
    pub(crate) grant: Grant,
    /// Name and version of the client software.
    pub(crate) client: String,
}
