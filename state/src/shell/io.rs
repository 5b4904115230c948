//! Where the machine's output gathers during a turn: the frames for each link, links to be closed, and the log. Decides nothing.

use super::journal::Batch;
use crate::journal::Record;
use crate::{Event, GatewayLink, Output};

/// One shard's outgoing side.
#[derive(Debug, Default)]
pub(super) struct Io {
    /// This turn's frames for each gateway link, by its number …
    pub(super) gateways: Vec<Vec<u8>>,
    /// … and for logic.
    pub(super) logic: Vec<u8>,
    /// Frames that may go: what the links send from.
    pub(super) out_gateways: Vec<Vec<u8>>,
    pub(super) out_logic: Vec<u8>,
    /// Bytes that were said in earlier turns and wait for the journal, to whomever.
    pub(super) held_bytes: usize,
    /// This turn's records.
    pub(super) batch: Batch,
    /// What was said in this turn must wait until they are durable.
    pub(super) holds_back: bool,
    /// How many were ever made; none are without a journal.
    pub(super) records: Option<u64>,
    /// Links that the machine has given up.
    pub(super) dropped: Vec<GatewayLink>,
    pub(super) logic_dropped: bool,
}

impl Io {
    /// There is a gateway link of this number.
    pub(super) fn make_place(&mut self, place: usize) {
        let count = self.gateways.len().max(place + 1);
        self.gateways.resize_with(count, Vec::new);
        self.out_gateways.resize_with(count, Vec::new);
    }

    /// A gateway link is gone, and nothing more is said to it.
    pub(super) fn clear_place(&mut self, place: usize) {
        (self.gateways[place], self.out_gateways[place]) = (Vec::new(), Vec::new());
    }

    /// Lets go what was said to one gateway link in this turn.
    pub(super) fn pass_on_to(&mut self, place: usize) {
        append(&mut self.gateways[place], &mut self.out_gateways[place]);
    }

    /// Lets go what was said in this turn.
    pub(super) fn pass_on(&mut self) {
        for (said, out) in self.gateways.iter_mut().zip(&mut self.out_gateways) {
            append(said, out);
        }
        append(&mut self.logic, &mut self.out_logic);
    }
}

/// Moves bytes, by exchanging the buffers if that will do.
fn append(said: &mut Vec<u8>, out: &mut Vec<u8>) {
    if out.is_empty() {
        std::mem::swap(said, out);
    } else {
        out.append(said);
    }
}

impl Output for Io {
    #[inline]
    fn gateway(&mut self, link: GatewayLink) -> &mut Vec<u8> {
        &mut self.gateways[link.0 as usize]
    }

    fn waiting(&mut self, link: GatewayLink) -> usize {
        let place = link.0 as usize;
        self.gateways[place].len() + self.out_gateways[place].len() + self.held_bytes
    }

    #[inline]
    fn logic(&mut self) -> &mut Vec<u8> {
        &mut self.logic
    }

    #[inline]
    fn logic_call(&mut self) -> &mut Vec<u8> {
        &mut self.out_logic
    }

    fn drop_gateway(&mut self, link: GatewayLink) {
        self.dropped.push(link);
    }

    fn drop_logic(&mut self) {
        self.logic_dropped = true;
    }

    fn record(&mut self, record: Record<'_>) {
        let Some(count) = &mut self.records else { return };
        *count += 1;
        self.holds_back |= record.holds_back();
        self.batch.begins_checkpoint |= record == Record::CheckpointBegun;
        self.batch.ends_checkpoint |= record == Record::CheckpointDone;
        record.encode(&mut self.batch.records);
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::SessionOpened { session, conn, peer, uid, device, client } => {
                let peer = peer.map(tracing::field::display);
                tracing::debug!(%session, %conn, peer, uid, device, client, "session opened");
            }
            Event::SessionLeft { session, conn, reason } => {
                tracing::debug!(%session, %conn, reason = reason.label(), "session left without a connection");
            }
            Event::SessionResumed { session, conn, peer, gap } => {
                let peer = peer.map(tracing::field::display);
                tracing::debug!(%session, %conn, peer, gap, "session resumed");
            }
            Event::ResumeRefused { conn, peer, why } => {
                let peer = peer.map(tracing::field::display);
                tracing::debug!(%conn, peer, %why, "session not resumed");
            }
            Event::SessionEnded { session, conn, uid, device, reason } => {
                tracing::debug!(%session, %conn, uid, device, reason = reason.label(), "session ended");
            }
            Event::LoginRefused { conn, peer, code, text } => {
                let peer = peer.map(tracing::field::display);
                tracing::debug!(%conn, peer, ?code, text, "login refused");
            }
            Event::GatewayLinked { link, gateway, reactor, sessions } => {
                tracing::info!(link = link.0, gateway, reactor, sessions, "gateway linked");
            }
            Event::Reconciled { gateway, reactor, ended, asked } => {
                tracing::info!(gateway, reactor, ended, asked, "gateway reconciled");
            }
            Event::GatewayDead { gateway, reactor, sessions } => {
                tracing::warn!(gateway, reactor, sessions, "gateway presumed dead");
            }
            Event::GatewayLost { gateway, reactor, sessions } => {
                tracing::warn!(gateway, reactor, sessions, "gateway link lost");
            }
            Event::LogicLinked { again } => tracing::info!(again, "logic linked"),
            Event::LogicLost { waiting } => tracing::warn!(waiting, "logic link lost"),
            Event::Fault { link: Some(link), fault } => {
                tracing::warn!(link = link.0, %fault, "gateway link dropped");
            }
            Event::Fault { link: None, fault } => tracing::error!(%fault, "logic link dropped"),
            Event::Traced { session, uid, device, note } => {
                tracing::info!(target: "holdfast::trace", %session, uid, device, "{note}");
            }
            Event::BadPacket(error) => {
                tracing::error!(%error, "logic sent a packet that cannot be passed on");
            }
        }
    }
}
