//! One logged-in device: [`Session`]. Owns what a session remembers, laid out to be small; leaves finding it to [`crate::sessions`].

use std::fmt;

use proto::close::CloseReason;
use proto::ids::{ConnId, DeviceId, Uid};
use proto::packet::Codec;

use crate::grant::Grant;
use crate::inflight::InFlight;
use crate::secrets::Secrets;
use crate::uplink::Uplink;

/// The end of a user's list of sessions.
pub(crate) const NOBODY: u32 = u32::MAX;

/// The reactor of a session that has no connection.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A logged-in device and the connection it is on, or was on.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) conn: ConnId,
    /// Not used twice by this shard, whatever dies; part of the session's name.
    pub(crate) number: u64,
    pub(crate) uplink: Uplink,
    pub(crate) inflight: InFlight,
    names: Names,
    /// The last sign of life that was seen here, in ticks of the heartbeat wheel, rounded up; reports of its reactor that came since are in [`crate::pulse`].
    pub(crate) alive: u32,
    /// Another session of the same user; [`NOBODY`] ends the list. Kept by [`crate::sessions`].
    pub(crate) next_of_user: u32,
    /// The reactor that holds the connection, by its place in [`crate::reactors`]; [`NOWHERE`] while there is none.
    pub(crate) reactor: u32,
    pub(crate) secrets: Secrets,
    /// What its token said.
    pub(crate) grant: Grant,
    pub(crate) codec: Codec,
    /// The reactor has listed the connection since its link came up.
    pub(crate) listed: bool,
    /// It waits until its reactor takes more: what is kept is sent then.
    pub(crate) behind: bool,
    /// Why the last connection ended; it may be followed by another until the session's grace is over.
    pub(crate) left: Option<CloseReason>,
}

const _: () = assert!(size_of::<Session>() <= 104, "what a session costs before its names and indexes");

impl Session {
    /// A session that begins now, in the tick `alive`.
    pub(crate) fn new(start: Start<'_>, alive: u32) -> Self {
        let Start { conn, reactor, codec, number, uid, device, grant, last_client_id } = start;
        Self {
            conn,
            number,
            uplink: Uplink::new(last_client_id),
            inflight: InFlight::default(),
            names: Names::new(uid, device),
            alive,
            next_of_user: NOBODY,
            reactor,
            secrets: Secrets::new(),
            grant,
            codec,
            listed: true,
            behind: false,
            left: None,
        }
    }

    /// Whether it has a connection; the link to it may be down.
    pub(crate) fn is_attached(&self) -> bool {
        self.reactor != NOWHERE
    }

    /// Whose it is.
    pub(crate) fn uid(&self) -> &str {
        self.names.split().0
    }

    /// On which device.
    pub(crate) fn device(&self) -> &str {
        self.names.split().1
    }
}

/// How a session begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    pub(crate) conn: ConnId,
    pub(crate) reactor: u32,
    pub(crate) codec: Codec,
    pub(crate) number: u64,
    pub(crate) uid: &'a Uid,
    pub(crate) device: &'a DeviceId,
    pub(crate) grant: Grant,
    pub(crate) last_client_id: u64,
}

/// A uid and a device id in one allocation: one byte that is the uid's length, the uid, the device id.
struct Names(Box<str>);

impl Names {
    fn new(uid: &Uid, device: &DeviceId) -> Self {
        let (uid, device) = (uid.as_str(), device.as_str());
        let mut names = String::with_capacity(1 + uid.len() + device.len());
        names.push(char::from(uid.len() as u8));
        names.push_str(uid);
        names.push_str(device);
        Self(names.into())
    }

    fn split(&self) -> (&str, &str) {
        let length = usize::from(self.0.as_bytes()[0]);
        self.0[1..].split_at(length)
    }
}

const _: () = assert!(proto::limits::NAME_BYTES_MAX < 0x80, "a uid's length is one ASCII character");

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (uid, device) = self.split();
        write!(f, "{uid:?}@{device:?}")
    }
}
