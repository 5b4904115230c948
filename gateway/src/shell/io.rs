//! Where the machine's output gathers during a turn: client sockets and the frames for each shard. Decides nothing.

use std::net::{Ipv4Addr, SocketAddr};

use proto::close::CloseReason;
use proto::ids::ConnId;
use reactor::sockets::Sockets;

use crate::{Note, Output};

/// One reactor's outgoing side.
#[derive(Debug, Default)]
pub(super) struct Io {
    pub(super) sockets: Sockets,
    /// Frames for each shard, by its number.
    pub(super) frames: Vec<Vec<u8>>,
    /// Clients to be read from again.
    pub(super) resumed: Vec<u32>,
    /// What [`Output::consumed`] said of the input at hand.
    pub(super) consumed: usize,
    /// How many shards there are, if that has just been learnt, and whether all links are to be made anew.
    pub(super) shards: Option<(u32, bool)>,
}

impl Output for Io {
    #[inline]
    fn consumed(&mut self, bytes: usize) {
        self.consumed = bytes;
    }

    #[inline]
    fn send(&mut self, index: u32, parts: &[&[u8]]) -> usize {
        self.sockets.push(index, parts)
    }

    #[inline]
    fn reply(&mut self, index: u32, bytes: &[u8]) {
        self.sockets.reply(index, bytes);
    }

    fn finish(&mut self, index: u32) {
        self.sockets.finish(index);
    }

    fn close(&mut self, index: u32) {
        self.sockets.close(index);
    }

    fn resume(&mut self, index: u32) {
        self.resumed.push(index);
    }

    fn peer(&mut self, index: u32) -> SocketAddr {
        // A client that has gone in between has no address any more; its end is the next event.
        self.sockets.peer(index).unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }

    #[inline]
    fn shard(&mut self, shard: u32) -> &mut Vec<u8> {
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
