//! The links to the state shards, as the machine sees them. Owns which shard serves a slot, who waits for a shard that is away or behind, and which
//! connections were alive; dialing is the shell's.

use std::time::Duration;

use proto::ids::Slot;
use proto::limits::{ALIVE_REPORT_INTERVAL, LIVE_CONNS_MAX, SHARD_OUT_BYTES_MAX};
use proto::link::{self, Hello, LinkError, Welcome};
use proto::time::Now;

use crate::Output;
use crate::handover::snapshot::LinkRecord;
use crate::table::{Conn, Stage, Table};

/// With so much waiting for a shard, its clients are no longer read from …
const CONGESTED_BYTES: usize = SHARD_OUT_BYTES_MAX / 2;
/// … until it has come down to this.
const RELIEVED_BYTES: usize = CONGESTED_BYTES / 4;

/// So few entries that mean nobody are not worth the clearing.
const LEFT_MIN: usize = 1024;

/// All shards of the state server.
#[derive(Debug)]
pub(crate) struct Links {
    gateway: u16,
    reactor: u8,
    boot_epoch: u64,
    shards: Vec<Shard>,
    /// Connections whose first packet waits until all shards are up.
    newcomers: Vec<u32>,
    /// Connections that ended while they waited: so many entries of the lists mean nobody.
    left: usize,
    report_due_ms: u64,
}

#[derive(Debug, Default)]
struct Shard {
    up: bool,
    congested: bool,
    /// Connections that are not read from until the shard is up and relieved.
    waiting: Vec<u32>,
    /// A bit for each index: whether the connection has shown life since the last report.
    alive: Vec<u64>,
    any_alive: bool,
}

impl Links {
    pub(crate) fn new(gateway: u16, reactor: u8, boot_epoch: u64) -> Self {
        Self {
            gateway,
            reactor,
            boot_epoch,
            shards: Vec::new(),
            newcomers: Vec::new(),
            left: 0,
            report_due_ms: 0,
        }
    }

    /// The gateway, the reactor, and the start of the gateway's first process: who this is to shards.
    pub(crate) fn identity(&self) -> (u16, u8, u64) {
        (self.gateway, self.reactor, self.boot_epoch)
    }

    /// Whether a connection has shown life since its shard was told last.
    pub(crate) fn has_shown_life(&self, slot: Slot, index: u32) -> bool {
        let word = |shard: u32| self.shards[shard as usize].alive.get(index as usize / 64).copied();
        self.shard_of(slot).and_then(word).is_some_and(|word| word & 1 << (index % 64) != 0)
    }

    /// Adds what is known here to what the shell has of each link.
    pub(crate) fn write_down(&self, links: &mut [LinkRecord<'_>]) {
        for (link, shard) in links.iter_mut().zip(&self.shards) {
            (link.up, link.congested) = (shard.up && link.connected, shard.congested);
        }
    }

    /// When shards are told next who has shown life.
    pub(crate) fn report_due_ms(&self) -> u64 {
        self.report_due_ms
    }

    /// Shards are told by then who has shown life, whatever another process had planned.
    pub(crate) fn report_by(&mut self, latest_ms: u64) {
        self.report_due_ms = self.report_due_ms.min(latest_ms);
    }

    /// Begins where another process has ended.
    pub(crate) fn take_over(&mut self, links: &[LinkRecord<'_>], report_due_ms: u64) {
        self.report_due_ms = report_due_ms;
        let shard =
            |link: &LinkRecord<'_>| Shard { up: link.up, congested: link.congested, ..Shard::default() };
        self.shards = links.iter().map(shard).collect();
    }

    /// The shard that owns a slot; `None` before the first welcome.
    #[inline]
    pub(crate) fn shard_of(&self, slot: Slot) -> Option<u32> {
        (!self.shards.is_empty()).then(|| slot.shard(self.shards.len() as u32))
    }

    /// Links that are up, and links there should be.
    pub(crate) fn up(&self) -> (usize, usize) {
        (self.shards.iter().filter(|shard| shard.up).count(), self.shards.len())
    }

    #[inline]
    pub(crate) fn congested(&self, slot: Slot) -> bool {
        self.shard_of(slot).is_none_or(|shard| self.shards[shard as usize].congested)
    }

    /// Whether every shard is up, so that any user can log in.
    #[inline]
    pub(crate) fn all_up(&self) -> bool {
        !self.shards.is_empty() && self.shards.iter().all(|shard| shard.up)
    }

    /// Lets an open connection wait until its shard is relieved.
    pub(crate) fn wait(&mut self, index: u32, conn: &mut Conn) {
        if let Some(shard) = self.shard_of(conn.slot)
            && !std::mem::replace(&mut conn.waiting, true)
        {
            self.shards[shard as usize].waiting.push(index);
        }
    }

    /// Lets a connection wait with its first packet until all shards are up.
    pub(crate) fn wait_to_open(&mut self, index: u32, conn: &mut Conn) {
        if !std::mem::replace(&mut conn.waiting, true) {
            self.newcomers.push(index);
        }
    }

    /// A connection has ended while it waited. The lists are cleared of such now and then, or clients that come and go while a shard is away would make them
    /// grow for ever.
    pub(crate) fn left(&mut self, table: &Table) {
        self.left += 1;
        if self.left <= table.len().max(LEFT_MIN) {
            return;
        }
        self.left = 0;
        let lists = self.shards.iter_mut().map(|shard| &mut shard.waiting);
        for list in lists.chain([&mut self.newcomers]) {
            list.sort_unstable();
            list.dedup();
            list.retain(|index| table.get(*index).is_some_and(|conn| conn.waiting));
        }
    }

    /// Entries of all lists of those who wait.
    #[cfg(test)]
    pub(crate) fn entries(&self) -> usize {
        self.newcomers.len() + self.shards.iter().map(|shard| shard.waiting.len()).sum::<usize>()
    }

    /// Takes note that a connection has shown life.
    #[inline]
    pub(crate) fn alive(&mut self, shard: u32, index: u32) {
        let shard = &mut self.shards[shard as usize];
        let word = index as usize / 64;
        if word >= shard.alive.len() {
            shard.alive.resize(word + 1, 0);
        }
        shard.alive[word] |= 1 << (index % 64);
        shard.any_alive = true;
    }

    /// A connection has ended: its index may soon be another's.
    pub(crate) fn forget(&mut self, shard: u32, index: u32) {
        if let Some(word) = self.shards[shard as usize].alive.get_mut(index as usize / 64) {
            *word &= !(1 << (index % 64));
        }
    }

    /// Says to a shard who this is and which of its connections are open here, in front of what has gathered for it.
    pub(crate) fn introduce(&mut self, shard: u32, table: &Table, out: &mut impl Output) {
        let held = std::mem::take(out.shard(shard));
        let frames = out.shard(shard);
        let Self { gateway, reactor, boot_epoch, .. } = *self;
        link::hello(frames, Hello { gateway, reactor, boot_epoch, shard });
        let open = table.iter().filter(|(_, conn)| {
            conn.stage == Stage::Open && self.shard_of(conn.slot).is_some_and(|owner| owner == shard)
        });
        let conns: Vec<_> = open.map(|(index, conn)| (table.name(index, conn), conn.form())).collect();
        let mut pieces = conns.chunks(LIVE_CONNS_MAX).peekable();
        if pieces.peek().is_none() {
            link::live(frames, &[], true);
        }
        while let Some(piece) = pieces.next() {
            link::live(frames, piece, pieces.peek().is_none());
        }
        frames.extend_from_slice(&held);
    }

    /// A shard has answered: it is up. The first answer tells how many there are.
    pub(crate) fn welcome(
        &mut self,
        shard: u32,
        welcome: Welcome,
        table: &mut Table,
        out: &mut impl Output,
    ) -> Result<(), LinkError> {
        if welcome.shard != shard {
            return Err(LinkError::Body("welcome"));
        }
        if welcome.shard_count as usize != self.shards.len() {
            // If there were others, the slots have other owners now: every link is made anew, and whoever waited asks again.
            let anew = !self.shards.is_empty();
            let mut waiting: Vec<u32> = self.shards.drain(..).flat_map(|shard| shard.waiting).collect();
            self.shards.resize_with(welcome.shard_count as usize, Shard::default);
            out.shards(welcome.shard_count, anew);
            resume(&mut waiting, table, out);
            if anew {
                return Ok(());
            }
        }
        let state = &mut self.shards[shard as usize];
        (state.up, state.congested) = (true, false);
        resume(&mut state.waiting, table, out);
        if self.all_up() {
            resume(&mut self.newcomers, table, out);
        }
        Ok(())
    }

    /// A link is lost: what had gathered for it is void, for its sender will come again with what was not acknowledged.
    pub(crate) fn disconnected(&mut self, shard: u32, out: &mut impl Output) {
        out.shard(shard).clear();
        if let Some(state) = self.shards.get_mut(shard as usize) {
            (state.up, state.congested) = (false, false);
        }
    }

    /// So much waits for a shard.
    pub(crate) fn backlog(&mut self, shard: u32, bytes: usize, table: &mut Table, out: &mut impl Output) {
        let Some(state) = self.shards.get_mut(shard as usize) else { return };
        if bytes >= CONGESTED_BYTES {
            state.congested = true;
        } else if bytes <= RELIEVED_BYTES && state.congested {
            state.congested = false;
            resume(&mut state.waiting, table, out);
        }
    }

    /// Tells each shard which of its connections have shown life, once a second.
    pub(crate) fn report_alive(&mut self, now: Now, out: &mut impl Output) {
        if now.mono_ms < self.report_due_ms {
            return;
        }
        self.report_due_ms = now.after(ALIVE_REPORT_INTERVAL);
        for (number, shard) in self.shards.iter_mut().enumerate() {
            // Those who showed life may all have gone since.
            let any_alive =
                shard.up && std::mem::take(&mut shard.any_alive) && shard.alive.iter().any(|word| *word != 0);
            if any_alive {
                link::alive(out.shard(number as u32), indices(&shard.alive));
                shard.alive.fill(0);
            }
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.shards.iter().any(|shard| shard.any_alive && shard.up).then_some(self.report_due_ms)
    }
}

/// How long a client may have to wait for a report of its life at most; the state server's deadlines have room for it.
const _: () = assert!(ALIVE_REPORT_INTERVAL.as_millis() <= Duration::from_secs(1).as_millis());

fn resume(waiting: &mut Vec<u32>, table: &mut Table, out: &mut impl Output) {
    for index in waiting.drain(..) {
        // The index may be free, or another's, by now: reading from it once too often does no harm.
        if let Some(conn) = table.get_mut(index) {
            conn.waiting = false;
            out.resume(index);
        }
    }
}

fn indices(bits: &[u64]) -> impl Iterator<Item = u32> {
    bits.iter().enumerate().flat_map(|(place, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(place as u32 * 64 + bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_lists_the_bits_in_order() {
        assert_eq!(indices(&[1 | 1 << 63, 0, 0b110]).collect::<Vec<_>>(), [0, 63, 129, 130]);
        assert_eq!(indices(&[]).count(), 0);
    }
}
