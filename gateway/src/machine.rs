//! What each input does to a gateway, and its deadlines. Owns the life of a connection to its close; who is taken in is `admission`'s, the bytes are cut in `receive`, the shards
//! are spoken to in `links`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proto::close::{CloseReason, PerReason};
use proto::limits::{CLIENT_OUT_BYTES_MAX, MOVE_GRACE};
use proto::link::{self, FromState};
use proto::packet::Codec;
use proto::time::Now;
use proto::ws::{self, Opcode};

use crate::admission::{Handshakes, TurnedAway};
use crate::bounds::Bounds;
use crate::deflate::{Deflate, send_compressed};
use crate::drain::Drain;
use crate::fifo::{Fifo, Since};
use crate::links::Links;
use crate::memory::Watermark;
use crate::meters::Meters;
use crate::proxied::Proxied;
use crate::sources::Sources;
use crate::stalls::Stalls;
use crate::table::{Awaited, Conn, Stage, Table};
use crate::trace::{Listening, Note, Trace};
use crate::tunables::Tunables;
use crate::unfinished::Unfinished;
use crate::{Input, LinkError, Output};

/// How long a client may take to see the end of its connection, before the socket is closed under it.
const LINGER: Duration = Duration::from_secs(2);

/// What is done with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They go to the state server, after a login.
    Relay,
    /// Each one is sent back by the gateway itself; there is no login and no state server.
    Echo,
}

/// Whether clients may or must speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// It is not known here.
    Off,
    /// The first byte tells: a TLS handshake, or a protocol for clients.
    Sniff,
    /// Nothing else is taken.
    Required,
}

impl Tls {
    /// What a connection has to begin with.
    pub(crate) fn awaited(self) -> Awaited {
        match self {
            Self::Off => Awaited::Protocol,
            Self::Sniff => Awaited::Any,
            Self::Required => Awaited::Tls,
        }
    }
}

/// What a gateway is told at its birth.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is done with messages.
    pub mode: Mode,
    /// What is taken of a message after the first packet.
    pub limits: ws::Limits,
    /// Compression is negotiated with clients that offer it.
    pub deflate: bool,
    /// What is spoken at all doors but [`crate::Door::Tls`], where it is required.
    pub tls: Tls,
    /// This gateway's number, 0 to 4095.
    pub gateway: u16,
    /// This reactor's number, 0 to 63.
    pub reactor: u8,
    /// Milliseconds since the Unix epoch at the process's start.
    pub boot_epoch: u64,
    /// What may be changed later on.
    pub tunables: Arc<Tunables>,
    /// What is taken of clients.
    pub bounds: Bounds,
}

/// What has happened so far. Plain numbers: the shell publishes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were taken in.
    pub accepted: u64,
    /// Connections that were turned away, by [`TurnedAway`].
    pub turned_away: [u64; TurnedAway::LABELS.len()],
    /// WebSocket upgrades.
    pub upgraded: u64,
    /// Connections that began with TLS.
    pub secured: u64,
    /// Connections that got a name.
    pub opened: u64,
    /// Packets forwarded to state shards.
    pub uplinks: u64,
    /// Their bytes.
    pub uplink_bytes: u64,
    /// Packets sent to clients.
    pub downlinks: u64,
    /// Their bytes.
    pub downlink_bytes: u64,
    /// Compressed messages that came from clients.
    pub inflated: u64,
    /// Compressed messages that were sent to clients.
    pub deflated: u64,
    /// Bytes that these had less.
    pub deflate_saved_bytes: u64,
    /// Packets for connections that had gone.
    pub stale: u64,
    /// Messages of clients that came whole.
    pub messages: u64,
    /// Pings and pongs of clients.
    pub controls: u64,
    /// Times that a client was not read from because it sent too fast.
    pub throttled: u64,
    /// Heartbeats and pings that were answered here.
    pub heartbeats: u64,
    /// Times a client became blocked.
    pub blocked: u64,
    /// Connections that ended, by [`CloseReason::ordinal`].
    pub closed: PerReason,
}

/// One reactor's gateway machine.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) table: Table,
    pub(crate) links: Links,
    pub(crate) counts: Counts,
    /// Receivers that are in no connection's use.
    #[expect(clippy::vec_box, reason = "the box itself is what a connection holds")]
    pub(crate) spare: Vec<Box<ws::Receiver>>,
    pub(crate) mode: Mode,
    pub(crate) limits: ws::Limits,
    /// There if compression may be negotiated.
    pub(crate) deflate: Option<Box<Deflate>>,
    pub(crate) tunables: Arc<Tunables>,
    pub(crate) tls: Tls,
    pub(crate) proxied: Proxied,
    pub(crate) drain: Option<Drain>,
    /// There while an operator has something traced.
    pub(crate) trace: Option<Box<Trace>>,
    pub(crate) handshakes: Handshakes,
    /// There if sources are limited.
    pub(crate) sources: Option<Box<Sources>>,
    pub(crate) stalls: Stalls,
    /// Connections that were told to move, oldest first.
    pub(crate) moves: Fifo,
    pub(crate) unfinished: Unfinished,
    /// There if rates of connections are limited.
    pub(crate) meters: Option<Box<Meters>>,
    pub(crate) watermark: Watermark,
    /// Bytes that the connections' receivers hold.
    pub(crate) assembled: usize,
    /// Connections that are closing, oldest first.
    pub(crate) closings: Fifo,
}

impl Gateway {
    /// A gateway without connections that knows no shard yet.
    pub fn new(settings: Settings) -> Self {
        let Settings { gateway, reactor, bounds, .. } = settings;
        Self {
            mode: settings.mode,
            limits: settings.limits,
            deflate: settings.deflate.then(Box::default),
            table: Table::new(gateway, reactor, bounds.room.places()),
            links: Links::new(gateway, reactor, settings.boot_epoch),
            counts: Counts::default(),
            spare: Vec::new(),
            tls: settings.tls,
            proxied: Proxied::default(),
            drain: None,
            trace: None,
            stalls: Stalls::new(settings.tunables.stall_deadline),
            tunables: settings.tunables,
            handshakes: Handshakes::new(bounds.handshakes),
            sources: Sources::new(&bounds.sources, bounds.reactors),
            moves: Fifo::default(),
            unfinished: Unfinished::new(bounds.message_deadline),
            meters: Meters::new(bounds.rates),
            watermark: bounds.watermark,
            assembled: 0,
            closings: Fifo::default(),
        }
    }

    /// What has happened so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What the operator has said last.
    pub fn tunables(&self) -> &Tunables {
        &self.tunables
    }

    /// Connections in the table.
    pub fn connections(&self) -> usize {
        self.table.len()
    }

    /// The address that a balancer has told for a connection.
    pub fn announced(&self, index: u32) -> Option<SocketAddr> {
        self.proxied.client(index)
    }

    /// Shards that have answered, and shards there are; 0 of 0 before the first answer.
    pub fn shards(&self) -> (usize, usize) {
        self.links.up()
    }

    /// How many bytes may be read from a client now. 0 means that it must wait: [`Output::resume`] will tell.
    #[inline]
    pub fn appetite(&mut self, index: u32) -> usize {
        let Some(conn) = self.table.get_mut(index) else { return 0 };
        match conn.stage {
            Stage::Open if self.mode == Mode::Echo && conn.waiting => {}
            Stage::Open if self.meters.as_ref().is_some_and(|meters| meters.appetite(index) == 0) => {}
            Stage::Open if self.mode == Mode::Relay && self.links.congested(conn.slot) => {
                self.links.wait(index, conn);
            }
            Stage::Open | Stage::Closing | Stage::Free => {
                let metered = self.meters.as_ref().map_or(usize::MAX, |meters| meters.appetite(index));
                let inflated = self.deflate.as_ref().map_or(usize::MAX, |deflate| deflate.appetite(index));
                return metered.min(inflated);
            }
            Stage::Sniffing(_) | Stage::First if !conn.waiting => {
                return proto::limits::UPGRADE_HEAD_BYTES_MAX + proto::limits::LOGIN_PACKET_BYTES_MAX;
            }
            Stage::Sniffing(_) | Stage::First => {}
        }
        0
    }

    /// Handles one input.
    #[inline]
    pub fn handle(&mut self, now: Now, input: Input<'_>, out: &mut impl Output) -> Result<(), LinkError> {
        let Some(mut trace) = self.trace.take() else { return self.take(now, input, out) };
        let result = self.take(now, input, &mut Listening { out, trace: &mut trace });
        self.trace = Some(trace);
        result
    }

    fn take(&mut self, now: Now, input: Input<'_>, out: &mut impl Output) -> Result<(), LinkError> {
        match input {
            Input::Received { index, bytes, fresh } => {
                out.note(index, Note::Read(bytes.len()));
                let consumed = self.receive(now, index, bytes, fresh, out);
                out.consumed(consumed);
            }
            Input::FromState { shard, kind, body } => return self.hear(now, shard, kind, body, out),
            Input::Partial { index } => self.note_partial(now, index),
            Input::Gone { index, reason } => self.gone(index, reason, out),
            Input::Failed { index, reason } => self.end(now, index, reason, out),
            Input::Blocked { index } => {
                out.note(index, Note::Blocked);
                self.counts.blocked += 1;
                self.stalls.begin(now, index);
                match self.mode {
                    Mode::Echo => self.hold(index),
                    Mode::Relay => self.flow(index, true, out),
                }
            }
            Input::Drained { index } => {
                out.note(index, Note::Drained);
                if let Some(ping) = self.stalls.end(index) {
                    self.pong(index, &ping, out);
                }
                match self.mode {
                    Mode::Echo => self.read_on(index, out),
                    Mode::Relay => self.flow(index, false, out),
                }
            }
            Input::Connected { shard } => self.links.introduce(shard, &self.table, out),
            Input::Disconnected { shard } => self.links.disconnected(shard, out),
            Input::Held { here, everywhere } => self.relieve(here, everywhere, out),
            Input::Backlog { shard, bytes } => self.links.backlog(shard, bytes, &mut self.table, out),
            Input::Drain => {
                self.drain = Some(Drain::new(now, self.tunables.drain, self.table.len()));
                self.drain_on(now, out);
            }
            Input::Kick { index } => self.end(now, index, CloseReason::Kicked, out),
            Input::Reload(tunables) => {
                self.stalls.set_patience(tunables.stall_deadline);
                self.tunables = tunables;
            }
        }
        Ok(())
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Now, out: &mut impl Output) {
        let Some(mut trace) = self.trace.take() else { return self.do_what_is_due(now, out) };
        self.do_what_is_due(now, &mut Listening { out, trace: &mut trace });
        self.trace = Some(trace);
    }

    fn do_what_is_due(&mut self, now: Now, out: &mut impl Output) {
        self.expire_handshakes(now, out);
        while let Some(Since { index, generation, .. }) = self.closings.due(now, LINGER) {
            let late = self.table.get(index).filter(|conn| conn.generation == generation);
            if late.is_some_and(|conn| conn.stage == Stage::Closing) {
                self.release(index, out);
            }
        }
        while let Some(Since { index, generation, .. }) = self.moves.due(now, MOVE_GRACE) {
            if self.table.get(index).is_some_and(|conn| conn.generation == generation) {
                self.end(now, index, CloseReason::GoingAway, out);
            }
        }
        while let Some(index) = self.stalls.overdue(now) {
            self.gone(index, CloseReason::SlowReader, out);
        }
        self.expire_unfinished(now, out);
        self.unthrottle(now, out);
        self.drain_on(now, out);
        self.links.report_alive(now, out);
    }

    /// When [`Gateway::expire`] is due, by the monotonic clock.
    pub fn next_deadline(&self) -> Option<u64> {
        let deadlines = [
            self.handshakes.next_deadline(self.tunables.handshake_deadline),
            self.moves.next_deadline(MOVE_GRACE),
            self.closings.next_deadline(LINGER),
            self.stalls.next_deadline(),
            self.unfinished.next_deadline(),
            self.meters.as_ref().and_then(|meters| meters.next_deadline()),
            self.drain.map(|drain| drain.next_deadline()),
            self.links.next_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// A frame from a shard.
    fn hear(
        &mut self,
        now: Now,
        shard: u32,
        kind: u8,
        body: &[u8],
        out: &mut impl Output,
    ) -> Result<(), LinkError> {
        match FromState::decode(kind, body)? {
            FromState::Downlink { targets, shared } => {
                if let Some(deflate) = &mut self.deflate {
                    deflate.next_payload();
                }
                for (id, prefix) in targets {
                    let Some(conn) = self.table.open(id) else {
                        self.counts.stale += 1;
                        continue;
                    };
                    let small = match (&mut self.deflate, conn.window()) {
                        (Some(deflate), Some(window)) => deflate.shared(shared, window),
                        _ => None,
                    };
                    let waiting = match small {
                        Some(small) => {
                            self.counts.deflated += 1;
                            self.counts.deflate_saved_bytes += (shared.len() - small.len()) as u64;
                            send_compressed(conn, id.index(), prefix, small, out)
                        }
                        None => send(conn, id.index(), &[prefix, shared], out),
                    };
                    self.counts.downlinks += 1;
                    self.counts.downlink_bytes += (prefix.len() + shared.len()) as u64;
                    if waiting > CLIENT_OUT_BYTES_MAX {
                        self.gone(id.index(), CloseReason::SlowReader, out);
                    }
                }
            }
            FromState::Close { conn, reason } => {
                if self.table.open(conn).is_some() {
                    self.end(now, conn.index(), reason, out);
                }
            }
            FromState::Superseded => {
                // Their sessions have been told to wait for a resume, which no client would know of that stays here.
                if self.drain.is_none() {
                    self.drain = Some(Drain::new(now, self.tunables.drain, self.table.len()));
                }
                self.drain_on(now, out);
                return Err(LinkError::Superseded);
            }
            FromState::Welcome(welcome) => self.links.welcome(shard, welcome, &mut self.table, out)?,
        }
        Ok(())
    }

    /// Tells the shard of a client that it is blocked, or no longer.
    fn flow(&mut self, index: u32, blocked: bool, out: &mut impl Output) {
        let Some(conn) = self.table.get(index).filter(|conn| conn.stage == Stage::Open) else { return };
        let (Some(shard), id) = (self.links.shard_of(conn.slot), self.table.name(index, conn)) else {
            return;
        };
        if blocked {
            link::blocked(out.shard(shard), id);
        } else {
            link::writable(out.shard(shard), id);
        }
    }

    /// Ends a connection in good order: what was sent to it leaves first, and a WebSocket is told why.
    pub(crate) fn end(&mut self, now: Now, index: u32, reason: CloseReason, out: &mut impl Output) {
        let Some(conn) = self.table.get(index).filter(|conn| conn.stage != Stage::Closing) else { return };
        let spoke = matches!(conn.stage, Stage::First | Stage::Open);
        if spoke && !conn.is_tcp() && reason.websocket_code() != 0 {
            let mut payload = [0; proto::limits::CONTROL_PAYLOAD_BYTES_MAX];
            let text = reason.sentence().as_bytes();
            payload[..2].copy_from_slice(&reason.websocket_code().to_be_bytes());
            payload[2..2 + text.len()].copy_from_slice(text);
            let head = ws::frame::head(Opcode::Close, 2 + text.len(), None);
            out.send(index, &[head.as_slice(), &payload[..2 + text.len()]]);
        }
        self.record(index, reason, out);
        out.finish(index);
        self.drop_receiver(index);
        let Some(conn) = self.table.get(index) else { return };
        self.closings.push(now, index, conn.generation);
        self.table.advance(index, Stage::Closing);
    }

    /// Ends a connection that can be told nothing more.
    pub(crate) fn gone(&mut self, index: u32, reason: CloseReason, out: &mut impl Output) {
        let Some(conn) = self.table.get(index) else { return };
        if conn.stage != Stage::Closing {
            self.record(index, reason, out);
        }
        self.release(index, out);
    }

    /// Writes the end of a connection into the counters and the log, and tells its shard.
    fn record(&mut self, index: u32, reason: CloseReason, out: &mut impl Output) {
        let Some(conn) = self.table.get(index) else { return };
        let id = (conn.stage == Stage::Open).then(|| self.table.name(index, conn));
        self.counts.closed[reason.ordinal()] += 1;
        if let (Some(id), Some(shard)) = (id, self.links.shard_of(conn.slot)) {
            self.links.forget(shard, index);
            link::closed(out.shard(shard), id, reason);
        }
        out.ended(index, id, reason);
    }

    pub(crate) fn release(&mut self, index: u32, out: &mut impl Output) {
        out.close(index);
        self.drop_receiver(index);
        self.stalls.end(index);
        if let Some(meters) = &mut self.meters {
            meters.forget(index);
        }
        self.proxied.forget(index);
        let waited = self.table.get(index).is_some_and(|conn| conn.waiting);
        self.table.remove(index);
        if let Some(sources) = &mut self.sources {
            sources.leave(index);
        }
        if waited {
            self.links.left(&self.table);
        }
        if let Some(deflate) = &mut self.deflate {
            deflate.not_behind(index);
        }
    }
}

/// Sends one packet to a client, framed for its transport. Returns how many bytes now wait for it.
#[inline]
pub(crate) fn send(conn: &Conn, index: u32, parts: &[&[u8]; 2], out: &mut impl Output) -> usize {
    let length = parts[0].len() + parts[1].len();
    if conn.is_tcp() {
        return out.send(index, &[&proto::tcp::head(length), parts[0], parts[1]]);
    }
    out.send(index, &[ws::frame::head(opcode(conn.codec), length, None).as_slice(), parts[0], parts[1]])
}

/// The messages that packets of this form are in.
pub(crate) fn opcode(codec: Codec) -> Opcode {
    match codec {
        Codec::Proto => Opcode::Binary,
        Codec::Json => Opcode::Text,
    }
}
