//! What clients of a load test do to a server on purpose: [`Trouble`]. Owns when it comes and whom it takes.

use std::time::Duration;

use super::*;

/// What goes wrong, again and again while messages are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// This share of all connections is cut at once; their clients come back as the SDK does, with its back-off, and take their sessions up.
    Storm {
        /// Between one cut and the next.
        every: Duration,
        /// 0 to 1.
        share: f64,
    },
    /// Those who hear do not read for so long.
    Slow {
        /// Between one stall's beginning and the next.
        every: Duration,
        /// Of each.
        stall: Duration,
    },
}

impl Trouble {
    /// Nanoseconds until the first one: some messages come before it.
    pub(super) fn first(self) -> u64 {
        let (Self::Storm { every, .. } | Self::Slow { every, .. }) = self;
        every.as_nanos() as u64 / 2
    }
}

impl Talkers {
    pub(super) fn make_trouble(&mut self, turn: &mut Turn) {
        let Some((trouble, at)) = self.talk.trouble.zip(self.trouble_at).filter(|(_, at)| *at <= turn.now)
        else {
            return;
        };
        let sending = self.is_sending(turn);
        let next = match trouble {
            Trouble::Storm { every, share } => {
                if sending {
                    self.cut(share, turn);
                }
                every
            }
            Trouble::Slow { every, stall } => {
                self.stalling = !self.stalling && sending;
                if self.stalling { stall } else { every.saturating_sub(stall) }
            }
        };
        let ends_itself = sending || self.stalling;
        self.trouble_at = ends_itself.then(|| at + next.as_nanos() as u64);
    }

    /// Cuts connections, evenly spread over the clients.
    fn cut(&mut self, share: f64, turn: &mut Turn) {
        for client in 0..self.clients.len() as u32 {
            let chosen = (f64::from(client + 1) * share) as u32 > (f64::from(client) * share) as u32;
            let one = &mut self.clients[client as usize];
            if chosen && one.online {
                one.wire = None;
                one.cut_at = Some(turn.now);
                turn.hang_up(client);
                self.give(client, Input::Disconnected, turn);
            }
        }
    }
}
