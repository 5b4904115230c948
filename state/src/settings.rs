//! What a shard is told at its birth: [`Settings`]. Owns the values; where an operator says them is the shell's business.

use std::time::Duration;

use proto::limits;

use crate::policy::DevicePolicy;
use crate::token::Keys;

/// What a shard is told at its birth. The rest is in [`proto::limits`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which shard this is …
    pub shard: u32,
    /// … of so many: it owns the slots s with s mod `shard_count` = `shard`.
    pub shard_count: u32,
    /// Milliseconds since the Unix epoch at the process's start.
    pub boot_epoch: u64,
    /// A number that no client can guess.
    pub seed: u64,
    /// What the secrets of sessions are made with: from a generator fit for keys, and the same for as long as sessions shall be resumed.
    pub secret_key: [u8; 32],
    /// What logins are checked against.
    pub keys: Keys,
    /// Clients shall give a sign of life this often …
    pub heartbeat_interval: Duration,
    /// … and are given up after so much silence.
    pub heartbeat_deadline: Duration,
    /// An ack shall come at the latest after this …
    pub ack_delay: Duration,
    /// … or when so many pushes wait for it.
    pub ack_every: u32,
    /// A client's patience before it sends a command again.
    pub submit_timeout: Duration,
    /// Commands of a session that may be unanswered.
    pub uplink_window: u32,
    /// Pushes of a session that are kept until they are acknowledged.
    pub in_flight_max: u32,
    /// How long an ack is waited for before pushes are sent again; doubled with each try …
    pub resend_timeout: Duration,
    /// … of which there are so many before the connection is presumed dead.
    pub resend_tries: u32,
    /// How long a session outlives its connection.
    pub resume_grace: Duration,
    /// A gateway whose link is lost for so long counts as dead.
    pub gateway_lease: Duration,
    /// Back-off of reconnecting clients, base.
    pub reconnect_base: Duration,
    /// Back-off of reconnecting clients, ceiling.
    pub reconnect_max: Duration,
    /// How long a login waits for logic.
    pub attach_deadline: Duration,
    /// How many devices a user may have at a time.
    pub devices: DevicePolicy,
    /// Sessions of this shard, at most.
    pub sessions_max: usize,
}

impl Settings {
    /// The only shard of a server, with the default of everything.
    pub fn new(keys: Keys) -> Self {
        Self {
            shard: 0,
            shard_count: 1,
            boot_epoch: 0,
            seed: 0,
            secret_key: [0; 32],
            keys,
            heartbeat_interval: limits::HEARTBEAT_INTERVAL,
            heartbeat_deadline: limits::HEARTBEAT_DEADLINE,
            ack_delay: limits::ACK_DELAY,
            ack_every: limits::ACK_EVERY,
            submit_timeout: limits::SUBMIT_TIMEOUT,
            uplink_window: limits::UPLINK_WINDOW,
            in_flight_max: limits::IN_FLIGHT_MAX,
            resend_timeout: limits::RESEND_TIMEOUT,
            resend_tries: limits::RESEND_TRIES,
            resume_grace: limits::RESUME_GRACE,
            gateway_lease: limits::GATEWAY_LEASE,
            reconnect_base: limits::RECONNECT_BASE,
            reconnect_max: limits::RECONNECT_MAX,
            attach_deadline: limits::ATTACH_DEADLINE,
            devices: DevicePolicy::default(),
            sessions_max: limits::SESSIONS_PER_SHARD_MAX,
        }
    }
}
