//! Letting every client go, evenly over a time: so that those who come back elsewhere do not come all at once. Owns the pace; how a connection ends is `machine`'s.

use std::time::Duration;

use proto::close::CloseReason;
use proto::limits::MOVE_SPREAD;
use proto::packet::{ServerBody, ServerPacket, encode_server};
use proto::time::Now;

use crate::Output;
use crate::machine::{Gateway, Mode, send};
use crate::table::Stage;

/// A drain that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    began_ms: u64,
    within_ms: u64,
    /// Connections there were when it began, and how many of them have been let go.
    total: u64,
    gone: u64,
    /// The index up to which the table has been gone through.
    cursor: u32,
}

impl Drain {
    pub(crate) fn new(now: Now, within: Duration, total: usize) -> Self {
        let within_ms = within.as_millis() as u64;
        Self { began_ms: now.mono_ms, within_ms, total: total as u64, gone: 0, cursor: 0 }
    }

    /// How many should have been let go by now.
    fn due(&self, now: Now) -> u64 {
        let elapsed = now.mono_ms.saturating_sub(self.began_ms);
        if elapsed >= self.within_ms { u64::MAX } else { self.total * elapsed / self.within_ms }
    }

    /// When the next one is to go.
    pub(crate) fn next_deadline(&self) -> u64 {
        // Rounded up, so that one is due when it comes.
        self.began_ms + self.within_ms.min(((self.gone + 1) * self.within_ms).div_ceil(self.total.max(1)))
    }
}

impl Gateway {
    /// Lets go whoever's turn it is.
    pub(crate) fn drain_on(&mut self, now: Now, out: &mut impl Output) {
        let Some(mut drain) = self.drain else { return };
        let due = drain.due(now);
        while drain.gone < due && (drain.cursor as usize) < self.table.capacity() {
            if self.table.get(drain.cursor).is_some() {
                self.let_go(now, drain.cursor, drain.gone, out);
                drain.gone += 1;
            }
            drain.cursor += 1;
        }
        self.drain = Some(drain).filter(|drain| (drain.cursor as usize) < self.table.capacity());
    }

    /// Tells a client that has logged in to move, and gives it a moment to go by itself; ends others at once.
    fn let_go(&mut self, now: Now, index: u32, number: u64, out: &mut impl Output) {
        let Some(conn) = self.table.get(index) else { return };
        if conn.stage != Stage::Open || self.mode == Mode::Echo {
            return self.end(now, index, CloseReason::GoingAway, out);
        }
        // Steps by the golden ratio fill the time evenly, however many take them (Knuth, volume 3, section 6.4).
        let share = number.wrapping_mul(0x9E37_79B9) & 0xFFFF_FFFF;
        let after_ms = (share * MOVE_SPREAD.as_millis() as u64) >> 32;
        let body = ServerBody::Move { address: self.tunables.drain_to.clone(), after_ms: after_ms as u32 };
        let mut packet = Vec::new();
        encode_server(conn.codec, ServerPacket::plain(body), &mut packet);
        send(conn, index, &[&packet, b""], out);
        self.moves.push(now, index, conn.generation);
    }
}
