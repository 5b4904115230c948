//! Where the machine's output gathers during a turn: the frames for each link, links to be closed, and the log. Decides nothing.

use crate::journal::Record;
use crate::{Event, GatewayLink, Output};

/// One shard's outgoing side.
#[derive(Debug, Default)]
pub(super) struct Io {
    /// Frames for each gateway link, by its number.
    pub(super) gateways: Vec<Vec<u8>>,
    pub(super) logic: Vec<u8>,
    /// Links that the machine has given up.
    pub(super) dropped: Vec<GatewayLink>,
    pub(super) logic_dropped: bool,
}

impl Output for Io {
    #[inline]
    fn gateway(&mut self, link: GatewayLink) -> &mut Vec<u8> {
        &mut self.gateways[link.0 as usize]
    }

    #[inline]
    fn logic(&mut self) -> &mut Vec<u8> {
        &mut self.logic
    }

    fn drop_gateway(&mut self, link: GatewayLink) {
        self.dropped.push(link);
    }

    fn drop_logic(&mut self) {
        self.logic_dropped = true;
    }

    fn record(&mut self, _: Record<'_>) {}

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
