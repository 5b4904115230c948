//! How fast an open connection may send: messages and bytes a second, with a burst. Owns the meters and the pauses. Who is over the limit is not read from until there is
//! a token again: TCP makes the client wait, nothing is lost, and nobody is disconnected.
//!
//! A connection has a meter only while its buckets are not full: an idle one has none. It is looked up once for each read. A pause is so short that heartbeats come through it,
//! which the checks of the settings see to.

use std::collections::{BTreeSet, HashMap};

use proto::limits::{METERED_READ_BYTES_MAX, METERED_READ_BYTES_MIN};
use proto::time::Now;

use crate::Output;
use crate::bucket::{Bucket, Rate};
use crate::machine::Gateway;
use crate::table::Stage;

/// How often full buckets are looked for.
const SWEEP_MS: u64 = 1000;
/// A read of a metered connection takes so many bytes for each message of a burst, so that it cannot bring many bursts: hardly any message has less.
const BYTES_PER_MESSAGE: u64 = 8;
/// Fewer meters are not worth the shrinking of their table.
const KEPT_MIN: usize = 1024;

/// What a connection may send; 0 is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct RateLimits {
    /// Messages and control frames a second.
    pub messages: u64,
    /// Messages and control frames at once.
    pub message_burst: u64,
    /// Bytes a second.
    pub bytes: u64,
    /// Bytes at once.
    pub byte_burst: u64,
}

/// The meters of one reactor's connections.
#[derive(Debug)]
pub(crate) struct Meters {
    messages: Option<Rate>,
    bytes: Option<Rate>,
    /// Bytes of one read.
    reading: usize,
    of_client: HashMap<u32, Meter>,
    sweep_at_ms: u64,
    /// Until when a client is not read from.
    paused: HashMap<u32, u64>,
    in_order: BTreeSet<(u64, u32)>,
}

#[derive(Debug, Default)]
struct Meter {
    messages: Bucket,
    bytes: Bucket,
}

impl Meters {
    /// `None` if nothing is limited.
    pub(crate) fn new(limits: RateLimits) -> Option<Box<Self>> {
        let messages = Rate::new(limits.messages, limits.message_burst);
        let bytes = Rate::new(limits.bytes, limits.byte_burst);
        let burst = |rate: Option<Rate>, burst: u64| if rate.is_some() { burst } else { u64::MAX };
        let reading = burst(messages, limits.message_burst.saturating_mul(BYTES_PER_MESSAGE))
            .min(burst(bytes, limits.byte_burst))
            .clamp(METERED_READ_BYTES_MIN as u64, METERED_READ_BYTES_MAX as u64);
        (messages.is_some() || bytes.is_some()).then(|| {
            Box::new(Self {
                messages,
                bytes,
                reading: reading as usize,
                of_client: HashMap::new(),
                sweep_at_ms: 0,
                paused: HashMap::new(),
                in_order: BTreeSet::new(),
            })
        })
    }

    /// How many bytes may be read from a client now.
    pub(crate) fn appetite(&self, index: u32) -> usize {
        if !self.paused.is_empty() && self.paused.contains_key(&index) { 0 } else { self.reading }
    }

    /// A read has brought so much. Whether the client must wait.
    fn charge(&mut self, now: Now, index: u32, messages: u64, bytes: u64) -> bool {
        if self.of_client.is_empty() {
            self.sweep_at_ms = now.mono_ms + SWEEP_MS;
        }
        let meter = self.of_client.entry(index).or_default();
        let mut ready_at_ms = 0;
        for (bucket, rate, tokens) in
            [(&mut meter.messages, self.messages, messages), (&mut meter.bytes, self.bytes, bytes)]
        {
            if let Some(rate) = rate {
                bucket.owe(now, rate, tokens);
                ready_at_ms = ready_at_ms.max(bucket.ready_at_ms(rate));
            }
        }
        if ready_at_ms <= now.mono_ms {
            return false;
        }
        if let Some(before) = self.paused.insert(index, ready_at_ms) {
            self.in_order.remove(&(before, index));
        }
        self.in_order.insert((ready_at_ms, index));
        true
    }

    /// A client that may be read from again.
    fn over(&mut self, now: Now) -> Option<u32> {
        let (until, index) = *self.in_order.first().filter(|(until, _)| *until <= now.mono_ms)?;
        self.in_order.remove(&(until, index));
        self.paused.remove(&index);
        Some(index)
    }

    /// Forgets the meters that are as good as new.
    fn sweep(&mut self, now: Now) {
        if self.of_client.is_empty() || now.mono_ms < self.sweep_at_ms {
            return;
        }
        self.sweep_at_ms = now.mono_ms + SWEEP_MS;
        self.of_client.retain(|_, meter| !(meter.messages.is_full(now) && meter.bytes.is_full(now)));
        if self.of_client.capacity() > KEPT_MIN && self.of_client.len() < self.of_client.capacity() / 4 {
            self.of_client.shrink_to(self.of_client.len() * 2);
        }
    }

    /// When the buckets of a connection will be full, those of messages and of bytes; `None` if they are.
    pub(crate) fn of(&self, index: u32) -> Option<(u64, u64)> {
        let Meter { messages, bytes } = self.of_client.get(&index)?;
        Some((messages.full_at_ns(), bytes.full_at_ns()))
    }

    /// Until when a connection is not read from.
    pub(crate) fn paused_until(&self, index: u32) -> Option<u64> {
        self.paused.get(&index).copied()
    }

    /// A connection comes that was metered elsewhere.
    pub(crate) fn adopt(&mut self, index: u32, metered: Option<(u64, u64)>, paused_until: Option<u64>) {
        if let Some((messages, bytes)) = metered {
            let meter = Meter { messages: Bucket::full_at(messages), bytes: Bucket::full_at(bytes) };
            self.of_client.insert(index, meter);
        }
        if let Some(until) = paused_until {
            self.paused.insert(index, until);
            self.in_order.insert((until, index));
        }
    }

    /// A connection has gone.
    pub(crate) fn forget(&mut self, index: u32) {
        self.of_client.remove(&index);
        if let Some(until) = self.paused.remove(&index) {
            self.in_order.remove(&(until, index));
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        let pause = self.in_order.first().map(|(until, _)| *until);
        let sweep = (!self.of_client.is_empty()).then_some(self.sweep_at_ms);
        pause.into_iter().chain(sweep).min()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.of_client.len() + self.paused.len() + self.in_order.len()
    }
}

impl Gateway {
    /// Charges an open connection for what a read has brought.
    #[inline]
    pub(crate) fn meter(&mut self, now: Now, index: u32, messages: u64, bytes: usize) {
        if let Some(meters) = &mut self.meters
            && self.table.get(index).is_some_and(|conn| conn.stage == Stage::Open)
            && meters.charge(now, index, messages, bytes as u64)
        {
            self.counts.throttled += 1;
        }
    }

    /// Reads on from those who have waited long enough.
    pub(crate) fn unthrottle(&mut self, now: Now, out: &mut impl Output) {
        let Some(meters) = &mut self.meters else { return };
        while let Some(index) = meters.over(now) {
            out.resume(index);
        }
        meters.sweep(now);
    }
}
