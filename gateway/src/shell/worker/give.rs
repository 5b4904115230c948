//! A reactor that hands everything it has to the one that takes its place. Owns the stopping, the passing on and the going on; when it happens, and to whom, is
//! `shell::handover::give`'s.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use proto::limits::HANDOVER_MESSAGE_BYTES_MAX;
use proto::time::Now;
use reactor::sockets::Carried;
use reactor::sys::DESCRIPTORS_PER_MESSAGE_MAX;

use super::Worker;
use crate::Input;
use crate::handover::message::Piece;
use crate::handover::snapshot::{Held, LinkRecord};
use crate::shell::handover::channel::{Channel, Hatch};
use crate::shell::handover::{Passed, fault};

/// Bytes of a snapshot in one message, which has a byte for its kind, too.
const PIECE_BYTES: usize = HANDOVER_MESSAGE_BYTES_MAX / 2;

/// What a reactor is told to do.
#[derive(Debug)]
pub(in crate::shell) struct Order {
    /// Where it finds the channel to its successor.
    pub(in crate::shell) hatch: Hatch,
    /// Which of the channels there.
    pub(in crate::shell) number: u64,
    /// How long it may take.
    pub(in crate::shell) until: Instant,
    /// Where it tells what it has passed on, or why not.
    pub(in crate::shell) done: Sender<(u8, io::Result<Passed>)>,
    /// How it ends. Without a word it goes on.
    pub(in crate::shell) verdict: Receiver<Verdict>,
}

/// How a handover has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shell) enum Verdict {
    /// The successor has the connections.
    LetGo,
    /// They are still here.
    Keep,
}

impl Worker {
    /// Stops at the end of a turn and passes everything on. Until the verdict nothing moves here.
    pub(super) fn give(&mut self, order: Order, now: Now) {
        if order.verdict.try_recv() != Err(TryRecvError::Empty) {
            // It was given up before it came here.
            return;
        }
        let passed = self.pass_on_everything(&order);
        let verdict = match order.done.send((self.settings.reactor, passed)) {
            Ok(()) => order.verdict.recv().unwrap_or(Verdict::Keep),
            Err(_) => Verdict::Keep,
        };
        if verdict == Verdict::LetGo {
            self.let_go(now);
        }
    }

    fn pass_on_everything(&self, order: &Order) -> io::Result<Passed> {
        let frozen_at_micros = self.clock.micros();
        let channel = order.hatch.take(order.number)?;
        let listeners: Vec<u8> = (0..self.listening.count() as u8).collect();
        // Before the first welcome nobody knows how many there are, and nothing was said that would be lost.
        let shards = if self.machine.shards().1 == 0 { 0 } else { self.dialers.len() };
        let mut links: Vec<_> = (0..shards).map(|shard| self.link_record(shard)).collect();
        let held = |index| self.held(index);
        let snapshot = self.machine.snapshot(frozen_at_micros, &listeners, &mut links, held);
        let mut descriptors: Vec<BorrowedFd<'_>> = self.listening.descriptors().collect();
        descriptors.extend(self.dialers[..shards].iter().filter_map(|dialer| Some(dialer.carried()?.0)));
        let others = descriptors.len();
        let mut left = 0;
        for index in self.machine.indices() {
            match self.io.sockets.carried(index) {
                Some((descriptor, _)) if !self.stays(index) => descriptors.push(descriptor),
                _ => left += 1,
            }
        }
        fault::at("giver-frozen")?;
        send(&channel, &snapshot, &descriptors, order.until)?;
        let connections = (descriptors.len() - others) as u64;
        Ok(Passed { connections, left, bytes: snapshot.len() as u64, frozen_at_micros, freeze: None })
    }

    /// Whether a connection's descriptor is not passed on: the keys of its TLS are here.
    fn stays(&self, index: u32) -> bool {
        self.io.tls.as_ref().is_some_and(|tls| tls.has(index))
    }

    fn held(&self, index: u32) -> Held<'_> {
        match self.io.sockets.carried(index) {
            Some((_, Carried { out, rest, behind, ending })) if !self.stays(index) => {
                Held { left: false, out, rest, behind, ending }
            }
            _ => Held { left: true, ..Held::default() },
        }
    }

    fn link_record(&self, shard: usize) -> LinkRecord<'_> {
        match (self.dialers[shard].carried(), &self.io.frames[shard]) {
            (Some((_, inbox, sent)), frames) => {
                LinkRecord { connected: true, inbox, out: &frames[sent..], ..LinkRecord::default() }
            }
            (None, frames) => LinkRecord { out: frames, ..LinkRecord::default() },
        }
    }

    /// Forgets what the successor has. Who speaks TLS stays, and is let go as when the gateway stops.
    fn let_go(&mut self, now: Now) {
        self.listening.close(self.poller.registry());
        self.dialers.clear();
        for shard in 0..self.io.frames.len() {
            self.tell(now, Input::Disconnected { shard: shard as u32 });
        }
        if let Some(tls) = &mut self.io.tls {
            tls.let_go_of_kernels();
        }
        let gone: Vec<u32> = self.machine.indices().filter(|index| !self.stays(*index)).collect();
        for index in gone {
            self.machine.part_with(index, &mut self.io);
        }
        self.stopping = true;
    }
}

fn send(
    channel: &Channel,
    snapshot: &[u8],
    descriptors: &[BorrowedFd<'_>],
    until: Instant,
) -> io::Result<()> {
    let begin = Piece::Begin { bytes: snapshot.len() as u64, descriptors: descriptors.len() as u32 };
    channel.send(&begin.encode(), &[], until)?;
    for bytes in snapshot.chunks(PIECE_BYTES) {
        channel.send(&Piece::Bytes(bytes).encode(), &[], until)?;
    }
    fault::at("giver-half")?;
    for window in descriptors.chunks(DESCRIPTORS_PER_MESSAGE_MAX) {
        channel.send(&Piece::Descriptors(window.len() as u32).encode(), window, until)?;
    }
    Ok(())
}
