//! Where the machine's output gathers during a turn: client sockets and the frames for each shard. Decides nothing.

use std::net::{Ipv4Addr, SocketAddr};

use proto::close::CloseReason;
use proto::ids::ConnId;
use reactor::sockets::Sockets;

use super::tls::{Opened, Tls};
use crate::{Note, Output, Refusal};

/// Bytes for a shard that do not wait for the end of the turn: it can begin with them meanwhile, and what leaves soon leaves from the core's cache. Measured
/// with messages of 1 KiB (`benches --bin path`), 16 to 48 KiB saved the gateway a fifth of its CPU time, 128 KiB nothing.
const LINK_BYTES_EARLY: usize = 32 * 1024;

/// One reactor's outgoing side.
#[derive(Default)]
pub(super) struct Io {
    pub(super) sockets: Sockets,
    /// There if clients may speak TLS; then it stands before the sockets of those that do.
    pub(super) tls: Option<Box<Tls>>,
    /// Frames for each shard, by its number.
    pub(super) frames: Vec<Vec<u8>>,
    /// The shard that was given something last.
    pub(super) latest: usize,
    /// Clients to be read from again.
    pub(super) resumed: Vec<u32>,
    /// What [`Output::consumed`] said of the input at hand.
    pub(super) consumed: usize,
    /// How many shards there are, if that has just been learnt, and whether all links are to be made anew.
    pub(super) shards: Option<(u32, bool)>,
}

impl Io {
    /// The shard that was given something last, if so much has gathered for it that it should leave before the turn ends.
    #[inline]
    pub(super) fn full_shard(&self) -> Option<usize> {
        let gathered = self.frames.get(self.latest).map_or(0, Vec::len);
        (gathered >= LINK_BYTES_EARLY).then_some(self.latest)
    }

    /// Whether a connection's bytes have to wait in its socket, because a step of its TLS handshake is done elsewhere.
    pub(super) fn is_busy(&self, index: u32) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_busy(index))
    }

    /// For the log: a connection was closed as soon as it was accepted.
    pub(super) fn refused(peer: SocketAddr, refusal: Refusal) {
        match refusal {
            Refusal::Ended(reason) => {
                tracing::debug!(%peer, reason = reason.label(), "connection ended at accept");
            }
            Refusal::TurnedAway(why) => tracing::debug!(%peer, why = why.label(), "connection turned away"),
        }
    }

    /// Why a connection cannot be read any more.
    pub(super) fn why_broken(&self, index: u32) -> CloseReason {
        let ended = self.tls.as_ref().is_some_and(|tls| tls.has_ended(index, &self.sockets));
        if ended { CloseReason::PeerClosed } else { CloseReason::PeerReset }
    }

    /// Memory that is held for all clients from one turn to the next.
    pub(super) fn held(&self) -> usize {
        self.sockets.held() + self.tls.as_ref().map_or(0, |tls| tls.held())
    }

    /// What the bytes of a read say inside of TLS; all of them are consumed. `None` for a connection that does not speak it.
    #[inline]
    pub(super) fn open(&mut self, index: u32, bytes: &mut [u8]) -> Option<Opened> {
        let tls = self.tls.as_mut().filter(|tls| tls.has(index))?;
        Some(tls.receive(index, bytes, &mut self.sockets))
    }
}

impl Output for Io {
    #[inline]
    fn consumed(&mut self, bytes: usize) {
        self.consumed = bytes;
    }

    #[inline]
    fn send(&mut self, index: u32, parts: &[&[u8]]) -> usize {
        match self.tls.as_mut().and_then(|tls| tls.push(index, parts)) {
            Some(pending) => pending + self.sockets.waiting(index),
            None => self.sockets.push(index, parts),
        }
    }

    #[inline]
    fn reply(&mut self, index: u32, bytes: &[u8]) {
        if self.tls.as_mut().is_none_or(|tls| tls.push(index, &[bytes]).is_none()) {
            self.sockets.reply(index, bytes);
        }
    }

    fn finish(&mut self, index: u32) {
        if let Some(tls) = &mut self.tls {
            tls.finish(index);
        }
        self.sockets.finish(index);
    }

    fn close(&mut self, index: u32) {
        if let Some(tls) = &mut self.tls {
            tls.close(index, &mut self.sockets);
        }
        self.sockets.close(index);
    }

    fn secure(&mut self, index: u32) {
        if let Some(tls) = &mut self.tls {
            tls.begin(index);
        }
        // What it has sent already was not consumed, and no event will tell of it.
        self.resumed.push(index);
    }

    fn resume(&mut self, index: u32) {
        self.resumed.push(index);
    }

    fn peer(&mut self, index: u32) -> SocketAddr {
        // A client that has gone in between has no address any more; its end is the next event.
        self.sockets.peer(index).unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }

    fn held_for(&mut self, index: u32) -> usize {
        self.sockets.held_for(index) + self.tls.as_ref().map_or(0, |tls| tls.held_for(index))
    }

    #[inline]
    fn shard(&mut self, shard: u32) -> &mut Vec<u8> {
        self.latest = shard as usize;
        &mut self.frames[shard as usize]
    }

    fn shards(&mut self, count: u32, anew: bool) {
        self.shards = Some((count, anew));
        // The machine may write for the new shards in this very turn; what was for the old ones is void.
        if anew {
            self.frames.iter_mut().for_each(Vec::clear);
        }
        self.frames.resize_with(count as usize, Vec::new);
    }

    fn tell(&mut self, index: u32, note: Note<'_>) {
        let peer = self.peer(index);
        tracing::info!(target: "holdfast::trace", index, %peer, "{note}");
    }

    fn ended(&mut self, index: u32, conn: Option<ConnId>, reason: CloseReason) {
        match conn {
            Some(conn) => tracing::debug!(%conn, reason = reason.label(), "connection ended"),
            None => tracing::debug!(index, reason = reason.label(), "connection ended before its login"),
        }
    }
}
