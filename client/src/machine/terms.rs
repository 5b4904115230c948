//! What the server decides for the client: [`Terms`]. Owns the defaults before the first LoginOk and the reading of a zero as "your
//! choice"; what is done with the numbers is the other modules' business.

use std::time::Duration;

use proto::limits;
use proto::packet::LoginOk;

/// The numbers of a LoginOk that a client keeps, in milliseconds, counts and bytes. Only the ack delay may be 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) heartbeat_interval_ms: u32,
    pub(crate) ack_delay_ms: u32,
    pub(crate) ack_every: u32,
    pub(crate) submit_timeout_ms: u32,
    pub(crate) uplink_window: u32,
    pub(crate) reconnect_base_ms: u32,
    pub(crate) reconnect_max_ms: u32,
    pub(crate) max_packet_bytes: u32,
}

impl Default for Terms {
    fn default() -> Self {
        Self::of(&LoginOk { ack_delay_ms: limits::ACK_DELAY.as_millis() as u32, ..LoginOk::default() })
    }
}

impl Terms {
    /// The terms of a login.
    pub(crate) fn of(ok: &LoginOk) -> Self {
        Self {
            heartbeat_interval_ms: time(ok.heartbeat_interval_ms, limits::HEARTBEAT_INTERVAL),
            // None is a choice, too: every push is acknowledged at once.
            ack_delay_ms: ok.ack_delay_ms,
            ack_every: number(ok.ack_every, limits::ACK_EVERY),
            submit_timeout_ms: time(ok.submit_timeout_ms, limits::SUBMIT_TIMEOUT),
            uplink_window: number(ok.uplink_window, limits::UPLINK_WINDOW),
            reconnect_base_ms: time(ok.reconnect_base_ms, limits::RECONNECT_BASE),
            reconnect_max_ms: time(ok.reconnect_max_ms, limits::RECONNECT_MAX),
            max_packet_bytes: number(ok.max_packet_bytes, limits::PACKET_BYTES_MAX as u32),
        }
    }

    /// A connection on which nothing came for this long is presumed dead: two heartbeats were not answered, and half an interval of air.
    pub(crate) fn silence_ms(&self) -> u64 {
        u64::from(self.heartbeat_interval_ms) * 5 / 2
    }
}

/// A server that says 0 leaves the choice to us; taken literally it would make a client spin.
fn number(said: u32, default: u32) -> u32 {
    if said == 0 { default } else { said }
}

fn time(said: u32, default: Duration) -> u32 {
    number(said, default.as_millis() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zero_leaves_the_choice_to_the_client() {
        let terms = Terms::of(&LoginOk { ack_every: 7, ..LoginOk::default() });
        assert_eq!(terms.ack_every, 7);
        assert_eq!(terms.heartbeat_interval_ms, 30_000);
        assert_eq!(terms.silence_ms(), 75_000);
    }
}
