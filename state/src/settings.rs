//! What a shard is told at its birth: [`Settings`]. Owns the values; where an operator says them is the shell's business.

use std::time::Duration;

use proto::limits;

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
    /// Pushes of a session that may be unacknowledged.
    pub in_flight_max: u32,
    /// Back-off of reconnecting clients, base.
    pub reconnect_base: Duration,
    /// Back-off of reconnecting clients, ceiling.
    pub reconnect_max: Duration,
    /// How long a login waits for logic.
    pub attach_deadline: Duration,
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
            keys,
            heartbeat_interval: limits::HEARTBEAT_INTERVAL,
            heartbeat_deadline: limits::HEARTBEAT_DEADLINE,
            ack_delay: limits::ACK_DELAY,
            ack_every: limits::ACK_EVERY,
            submit_timeout: limits::SUBMIT_TIMEOUT,
            uplink_window: limits::UPLINK_WINDOW,
            in_flight_max: limits::IN_FLIGHT_MAX,
            reconnect_base: limits::RECONNECT_BASE,
            reconnect_max: limits::RECONNECT_MAX,
            attach_deadline: limits::ATTACH_DEADLINE,
            sessions_max: limits::SESSIONS_PER_SHARD_MAX,
        }
    }
}
