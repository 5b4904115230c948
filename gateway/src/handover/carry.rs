//! From a machine into a snapshot, and from a snapshot into a machine. Owns what of a [`Gateway`] outlives its process; what stays behind are counters, which begin anew, and an
//! operator's trace.

use proto::limits::ALIVE_REPORT_INTERVAL;
use proto::time::Now;
use proto::ws::{Receiver, Role};

use super::bytes::Malformed;
use super::snapshot::{Head, Held, LinkRecord, Record, Snapshot, Writer};
use crate::Output;
use crate::deflate::Deflate;
use crate::machine::{Gateway, Mode};
use crate::table::{Awaited, Conn, Stage};

impl Gateway {
    /// Writes down everything. The shell tells what it holds for a connection, and for each link what it has of it; whether a shard is up is known here.
    pub(crate) fn snapshot<'a>(
        &'a self,
        frozen_at_micros: u64,
        listeners: &[u8],
        links: &mut [LinkRecord<'_>],
        held: impl Fn(u32) -> Held<'a>,
    ) -> Vec<u8> {
        let (gateway, reactor, boot_epoch) = self.links.identity();
        let (handshakes_full_at_ns, report_due_ms) =
            (self.handshakes.full_at_ns(), self.links.report_due_ms());
        let head =
            Head { gateway, reactor, boot_epoch, frozen_at_micros, handshakes_full_at_ns, report_due_ms };
        self.links.write_down(links);
        let mut writer = Writer::new(&head, listeners, links);
        writer.buckets(self.sources.iter().flat_map(|sources| sources.buckets()));
        writer.generations(self.table.generations());
        let since = self.begun();
        for (index, conn) in self.table.iter() {
            let since_ms = since.binary_search_by_key(&index, |(index, _)| *index).ok();
            let since_ms = since_ms.map(|at| since[at].1);
            writer.record(&self.written(index, conn, since_ms, held(index)));
        }
        writer.finish()
    }

    fn written<'a>(
        &'a self,
        index: u32,
        conn: &'a Conn,
        since_ms: Option<u64>,
        held: Held<'a>,
    ) -> Record<'a> {
        Record {
            index,
            generation: conn.generation,
            slot: conn.slot,
            stage: conn.stage,
            codec: conn.codec,
            transport: conn.transport,
            waiting: conn.waiting,
            alive: self.links.has_shown_life(conn.slot, index),
            held,
            since_ms,
            remembered: conn.receiver.as_ref().map(|receiver| receiver.remembered()),
            stall: self.stalls.of(index),
            client: self.proxied.client(index),
            unfinished_since_ms: self.unfinished.since(index),
            metered: self.meters.as_ref().and_then(|meters| meters.of(index)),
            paused_until_ms: self.meters.as_ref().and_then(|meters| meters.paused_until(index)),
        }
    }

    /// When the handshakes and the ends that are under way have begun, by index.
    fn begun(&self) -> Vec<(u32, u64)> {
        let is_meant = |index, generation, is: fn(Stage) -> bool| {
            self.table.get(index).is_some_and(|conn| conn.generation == generation && is(conn.stage))
        };
        let handshakes = self
            .handshakes
            .begun()
            .filter(|since| is_meant(since.index, since.generation, Stage::is_handshake));
        let closings = self
            .closings
            .iter()
            .filter(|since| is_meant(since.index, since.generation, |stage| stage == Stage::Closing));
        let mut begun: Vec<_> =
            handshakes.chain(closings).map(|since| (since.index, since.began_ms)).collect();
        begun.sort_unstable();
        begun
    }

    /// Takes in what a snapshot says of the reactor as a whole, before its connections: to be called on a machine that has none.
    pub(crate) fn take_over(
        &mut self,
        snapshot: &Snapshot<'_>,
        out: &mut impl Output,
    ) -> Result<(), Malformed> {
        let (gateway, reactor, boot_epoch) = self.links.identity();
        let Head { handshakes_full_at_ns, report_due_ms, .. } = snapshot.head;
        if (snapshot.head.gateway, snapshot.head.reactor, snapshot.head.boot_epoch)
            != (gateway, reactor, boot_epoch)
        {
            return Err(Malformed("name of a reactor"));
        }
        self.table.take_over(snapshot.generations());
        self.links.take_over(&snapshot.links, report_due_ms);
        if !snapshot.links.is_empty() {
            out.shards(snapshot.links.len() as u32, false);
        }
        self.handshakes.take_over(handshakes_full_at_ns);
        Ok(())
    }

    /// Takes in a connection.
    pub(crate) fn adopt(&mut self, now: Now, record: &Record<'_>) -> Result<(), Malformed> {
        let Record { index, generation, slot, stage, codec, transport, waiting, .. } = *record;
        let conn = Conn { receiver: None, generation, slot, stage, codec, transport, waiting };
        let deflate = conn.window().is_some();
        let mut receiver = None;
        if let Some(remembered) = record.remembered {
            let recalled = Receiver::remembering(Role::Server, deflate, remembered);
            let recalled = recalled.ok_or(Malformed("unfinished message"))?;
            self.assembled += recalled.held();
            receiver = Some(Box::new(recalled));
        }
        if !self.table.adopt(index, Conn { receiver, ..conn }) {
            return Err(Malformed("index of a connection"));
        }
        if deflate && self.deflate.is_none() {
            // It was negotiated when the settings still said so, and holds for as long as the connection.
            self.deflate = Some(Box::<Deflate>::default());
        }
        if record.alive
            && let Some(shard) = self.links.shard_of(slot)
        {
            self.links.alive(shard, index);
        }
        let since = Now { mono_ms: record.since_ms.unwrap_or(now.mono_ms).min(now.mono_ms), ..now };
        if stage.is_handshake() {
            self.handshakes.adopt(since, index, generation);
        } else if stage == Stage::Closing {
            self.closings.push(since, index, generation);
        }
        if let Some((deadline, ping)) = record.stall {
            self.stalls.adopt(index, deadline, ping);
        }
        if let Some(client) = record.client {
            self.proxied.keep(index, client);
        }
        if let Some(since_ms) = record.unfinished_since_ms {
            self.unfinished.adopt(index, since_ms.min(now.mono_ms));
        }
        if let Some(meters) = &mut self.meters {
            meters.adopt(index, record.metered, record.paused_until_ms);
        }
        Ok(())
    }

    /// All connections are here, and those sockets that came with them: puts in order what needs all of them, lets those go whose sockets did not come, and
    /// sees to it that nobody waits for an event that was told to the one before.
    pub(crate) fn took_over(&mut self, now: Now, snapshot: &Snapshot<'_>, out: &mut impl Output) {
        self.table.all_adopted();
        self.links.report_by(now.after(ALIVE_REPORT_INTERVAL));
        self.handshakes.sort();
        self.closings.sort();
        if let Some(sources) = &mut self.sources {
            for (index, conn) in self.table.iter() {
                if conn.stage != Stage::Sniffing(Awaited::ProxyHeader) {
                    let address = self.proxied.client(index).unwrap_or_else(|| out.peer(index));
                    sources.take_over(now, index, address.ip());
                }
            }
            sources.take_buckets(now, &snapshot.buckets);
        }
        for record in snapshot.records().flatten() {
            let index = record.index;
            if record.held.left {
                self.gone(index, proto::close::CloseReason::GoingAway, out);
                continue;
            }
            let Some(conn) = self.table.get_mut(index) else { continue };
            let waits_for_a_shard = conn.waiting && self.mode == Mode::Relay;
            if waits_for_a_shard {
                // It asks again, and waits again if it must.
                conn.waiting = false;
            }
            if waits_for_a_shard || !record.held.rest.is_empty() {
                out.resume(index);
            }
        }
    }

    /// The indices that are in use, in the order of a snapshot's records.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u32> {
        self.table.iter().map(|(index, _)| index)
    }

    /// Forgets a connection that somebody else goes on with: nobody is told.
    pub(crate) fn part_with(&mut self, index: u32, out: &mut impl Output) {
        if self.table.get(index).is_some() {
            self.release(index, out);
        }
    }
}
