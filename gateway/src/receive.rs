//! A client's bytes: told apart, upgraded, cut into packets, answered or forwarded. Owns the order of these steps and what a client is told when it breaks a
//! rule; the rules of each layout are `proto`'s.

use std::net::SocketAddr;

use proto::close::CloseReason;
use proto::ids::Slot;
use proto::limits::{CLIENT_OUT_BYTES_MAX, FRAGMENTS_MAX, LOGIN_PACKET_BYTES_MAX, SPARE_RECEIVERS_MAX};
use proto::link::{self, Open};
use proto::packet::{
    ClientBody, Codec, Direction, Refused, RefusedCode, ServerBody, ServerPacket, decode_client,
    encode_server,
};
use proto::proxy;
use proto::tcp;
use proto::time::Now;
use proto::ws::negotiate::Accepted;
use proto::ws::upgrade::{self, UpgradeError};
use proto::ws::{self, Limits, Opcode, Receiver, Role, Subprotocol};

use crate::Output;
use crate::machine::{Counts, Gateway, Mode, send};
use crate::table::{Awaited, Stage, Transport};
use crate::trace::Note;

/// What the first packet of a connection may have.
const FIRST: Limits = Limits { message_bytes: LOGIN_PACKET_BYTES_MAX, fragments: FRAGMENTS_MAX };

/// The first byte of TLS: the content type of a handshake record (RFC 8446 section 5.1). No other protocol here begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// The connection has ended: the rest of its bytes means nothing.
pub(crate) struct Ended;

impl Gateway {
    /// Handles all that can be handled of a client's bytes, and returns how many that was.
    pub(crate) fn receive(
        &mut self,
        now: Now,
        index: u32,
        bytes: &mut [u8],
        fresh: usize,
        out: &mut impl Output,
    ) -> usize {
        let Counts { messages, controls, .. } = self.counts;
        let length = bytes.len();
        let consumed = self.receive_all(now, index, bytes, fresh, out);
        let messages = self.counts.messages - messages;
        self.note_unfinished(now, index, messages, length - consumed);
        self.meter(now, index, messages + self.counts.controls - controls, consumed);
        consumed
    }

    fn receive_all(
        &mut self,
        now: Now,
        index: u32,
        bytes: &mut [u8],
        fresh: usize,
        out: &mut impl Output,
    ) -> usize {
        let Some(conn) = self.table.get(index) else { return bytes.len() };
        if let Some(deflate) = &mut self.deflate {
            deflate.not_behind(index);
        }
        let mut at = 0;
        if let Stage::Sniffing(awaited) = conn.stage {
            match self.begin(now, index, awaited, (bytes, fresh), out) {
                Ok(taken) => at = taken,
                Err(reason @ CloseReason::SourceLimit) => {
                    self.gone(index, reason, out);
                    return bytes.len();
                }
                Err(reason) => {
                    self.end(now, index, reason, out);
                    return bytes.len();
                }
            }
        }
        let Some(conn) = self.table.get_mut(index) else { return bytes.len() };
        match conn.stage {
            Stage::First | Stage::Open if self.mode == Mode::Echo => {
                self.table.advance(index, Stage::Open);
                let length = bytes.len();
                return self.echo(now, index, bytes, at, out).unwrap_or(length);
            }
            // While a shard is away nobody logs in: the first packet stays where it is, unread.
            Stage::First if !self.links.all_up() => {
                self.links.wait_to_open(index, conn);
                return at;
            }
            Stage::First => {}
            Stage::Open => {
                if let Some(shard) = self.links.shard_of(conn.slot) {
                    self.links.alive(shard, index);
                }
            }
            Stage::Sniffing(_) => return at,
            Stage::Free | Stage::Closing => return bytes.len(),
        }
        let length = bytes.len();
        let taken = if conn.is_tcp() {
            self.receive_tcp(now, index, bytes, at, out)
        } else {
            self.receive_websocket(now, index, bytes, at, out)
        };
        taken.unwrap_or(length)
    }

    /// Takes what must stand before a client's first packet, as far as it has come. How many bytes that was.
    fn begin(
        &mut self,
        now: Now,
        index: u32,
        awaited: Awaited,
        (bytes, fresh): (&[u8], usize),
        out: &mut impl Output,
    ) -> Result<usize, CloseReason> {
        if awaited == Awaited::ProxyHeader {
            let Some(header) = proxy::parse(bytes).map_err(|_| CloseReason::ProxyHeader)? else {
                return Ok(0);
            };
            let awaited = self.introduced(now, index, header.source, out)?;
            return Ok(header.len + self.begin(now, index, awaited, (&bytes[header.len..], fresh), out)?);
        }
        match (awaited, bytes.first()) {
            (_, None) => Ok(0),
            (Awaited::Any | Awaited::Tls, Some(&TLS_HANDSHAKE)) => {
                self.await_from(index, Awaited::Protocol);
                self.counts.secured += 1;
                out.secure(index);
                Ok(0)
            }
            (Awaited::Tls, _) => Err(CloseReason::TlsRequired),
            _ => Ok(self.sniff(index, bytes, fresh, out)?.unwrap_or(0)),
        }
    }

    /// A balancer has told whose connection this is; without an address it is the balancer's own. What has to come next.
    fn introduced(
        &mut self,
        now: Now,
        index: u32,
        client: Option<SocketAddr>,
        out: &mut impl Output,
    ) -> Result<Awaited, CloseReason> {
        if let Some(client) = client {
            self.admit_proxied(now, index, client.ip())?;
            self.proxied.keep(index, client);
            out.note(index, Note::From(client));
        }
        let awaited = self.tls.awaited();
        self.await_from(index, awaited);
        Ok(awaited)
    }

    fn await_from(&mut self, index: u32, awaited: Awaited) {
        if let Some(conn) = self.table.get_mut(index) {
            conn.stage = Stage::Sniffing(awaited);
        }
    }

    /// Tells the protocol by the first bytes, and answers an upgrade request. How many bytes that took; `None` while there are too few.
    fn sniff(
        &mut self,
        index: u32,
        bytes: &[u8],
        fresh: usize,
        out: &mut impl Output,
    ) -> Result<Option<usize>, CloseReason> {
        let Some(conn) = self.table.get_mut(index) else { return Ok(None) };
        let seen = bytes.len().min(tcp::MAGIC.len());
        if bytes[..seen] == tcp::MAGIC[..seen] {
            if seen < tcp::MAGIC.len() {
                return Ok(None);
            }
            (conn.transport, conn.stage) = (Transport::Tcp, Stage::First);
            return Ok(Some(seen));
        }
        // Every HTTP method is upper-case letters, so that whoever speaks HTTP gets an answer in HTTP.
        if !bytes[..seen].iter().take_while(|byte| **byte != b' ').all(u8::is_ascii_uppercase) {
            return Err(CloseReason::UnknownProtocol);
        }
        let mut answer = Vec::new();
        let accepted =
            upgrade::parse_on(bytes, bytes.len().saturating_sub(fresh)).and_then(|request| match request {
                Some(request) => {
                    self.tunables.policy.check(&request)?;
                    let subprotocol = match request.subprotocol() {
                        Err(UpgradeError::NoSubprotocol) if self.mode == Mode::Echo => None,
                        known => Some(known?),
                    };
                    let deflate = self.deflate.as_ref().and_then(|_| Accepted::choose(request.extensions()));
                    upgrade::accept_with(
                        &mut answer,
                        request.key,
                        subprotocol.map(Subprotocol::name),
                        deflate,
                    );
                    Ok(Some((request.head_len, subprotocol, deflate)))
                }
                None => Ok(None),
            });
        match accepted {
            Ok(None) => Ok(None),
            Ok(Some((taken, subprotocol, deflate))) => {
                conn.transport = Transport::WebSocket(deflate.map(|accepted| accepted.window));
                conn.codec = match subprotocol {
                    Some(Subprotocol::Json) => Codec::Json,
                    Some(Subprotocol::Proto) | None => Codec::Proto,
                };
                conn.stage = Stage::First;
                self.counts.upgraded += 1;
                out.note(index, Note::Upgraded);
                out.send(index, &[&answer]);
                Ok(Some(taken))
            }
            Err(error) => {
                refuse_upgrade(index, error, out);
                Err(CloseReason::BadUpgrade)
            }
        }
    }

    fn receive_tcp(
        &mut self,
        now: Now,
        index: u32,
        bytes: &[u8],
        mut at: usize,
        out: &mut impl Output,
    ) -> Result<usize, Ended> {
        loop {
            match tcp::next(bytes, at, self.limits(index).message_bytes) {
                Ok(Some(packet)) => {
                    at = packet.end;
                    out.note(index, Note::Packet(packet.len()));
                    self.packet(now, index, &bytes[packet], out)?;
                }
                Ok(None) => return Ok(at),
                Err(_) => return self.ended(now, index, CloseReason::TooBig, out),
            }
        }
    }

    fn receive_websocket(
        &mut self,
        now: Now,
        index: u32,
        bytes: &mut [u8],
        mut at: usize,
        out: &mut impl Output,
    ) -> Result<usize, Ended> {
        let mut receiver = self.take_receiver(index);
        let mut inflated = 0;
        loop {
            let found = match receiver.take(bytes, &mut at, &self.limits(index)) {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) => return self.ended(now, index, error.into(), out),
            };
            let payload = match found.payload {
                Some(range) => &bytes[range],
                None => receiver.assembled(),
            };
            if found.compressed {
                inflated += self.compressed_message(now, index, found.opcode, payload, out)?;
                if self.put_off(index, inflated, out) {
                    break;
                }
                continue;
            }
            self.message(now, index, found.opcode, payload, out)?;
        }
        self.keep_receiver(index, receiver);
        Ok(at)
    }

    /// What the codec remembers of a connection; nothing, between two messages.
    pub(crate) fn take_receiver(&mut self, index: u32) -> Receiver {
        let conn = self.table.get_mut(index);
        let fresh =
            Receiver::with_deflate(Role::Server, conn.as_ref().is_some_and(|conn| conn.window().is_some()));
        let Some(mut kept) = conn.and_then(|conn| conn.receiver.take()) else { return fresh };
        let receiver = std::mem::replace(&mut *kept, fresh);
        self.assembled -= receiver.held();
        if self.spare.len() < SPARE_RECEIVERS_MAX {
            self.spare.push(kept);
        }
        receiver
    }

    pub(crate) fn keep_receiver(&mut self, index: u32, receiver: Receiver) {
        if receiver.is_idle() {
            return;
        }
        if let Some(conn) = self.table.get_mut(index) {
            let mut kept = self.spare.pop().unwrap_or_else(|| Box::new(Receiver::new(Role::Server)));
            self.assembled += receiver.held();
            *kept = receiver;
            conn.receiver = Some(kept);
        }
    }

    /// Forgets what the codec remembers of a connection that takes no more messages.
    pub(crate) fn drop_receiver(&mut self, index: u32) {
        self.unfinished.end(index);
        if let Some(receiver) = self.table.get_mut(index).and_then(|conn| conn.receiver.take()) {
            self.assembled -= receiver.held();
        }
    }

    pub(crate) fn message(
        &mut self,
        now: Now,
        index: u32,
        opcode: Opcode,
        payload: &[u8],
        out: &mut impl Output,
    ) -> Result<(), Ended> {
        out.note(index, Note::Message(opcode, payload.len()));
        let codec = self.table.get(index).map(|conn| conn.codec);
        match (opcode, codec) {
            (Opcode::Binary, Some(Codec::Proto)) | (Opcode::Text, Some(Codec::Json)) => {
                self.packet(now, index, payload, out)
            }
            (Opcode::Ping, _) => {
                self.counts.controls += 1;
                if self.stalls.keep_ping(index, payload) {
                    return Ok(());
                }
                let waiting = self.pong(index, payload, out);
                self.check_reader(now, index, waiting, out)
            }
            (Opcode::Pong, _) => {
                self.counts.controls += 1;
                Ok(())
            }
            (Opcode::Close, _) => {
                // The peer's own code comes back (RFC 6455 section 5.5.1).
                let code = &payload[..payload.len().min(2)];
                let head = ws::frame::head(Opcode::Close, code.len(), None);
                out.send(index, &[head.as_slice(), code]);
                self.ended(now, index, CloseReason::PeerClosed, out)
            }
            _ => self.ended(now, index, CloseReason::WrongType, out),
        }
    }

    /// Answers a ping. Returns how many bytes now wait for the client.
    pub(crate) fn pong(&mut self, index: u32, payload: &[u8], out: &mut impl Output) -> usize {
        self.counts.heartbeats += 1;
        let head = ws::frame::head(Opcode::Pong, payload.len(), None);
        out.send(index, &[head.as_slice(), payload])
    }

    /// One packet of a client.
    #[inline]
    fn packet(&mut self, now: Now, index: u32, packet: &[u8], out: &mut impl Output) -> Result<(), Ended> {
        let Some(conn) = self.table.get(index) else { return Err(Ended) };
        self.counts.messages += 1;
        if conn.stage == Stage::First {
            return self.first_packet(now, index, packet, out);
        }
        if packet == conn.codec.heartbeat(Direction::Up) {
            self.counts.heartbeats += 1;
            let waiting = send(conn, index, &[conn.codec.heartbeat(Direction::Down), b""], out);
            return self.check_reader(now, index, waiting, out);
        }
        if let Some(shard) = self.links.shard_of(conn.slot) {
            link::uplink(out.shard(shard), self.table.name(index, conn), packet);
            out.note(index, Note::Uplink(packet.len()));
            self.counts.uplinks += 1;
            self.counts.uplink_bytes += packet.len() as u64;
        }
        Ok(())
    }

    /// Reads the uid of the first packet, which chooses the slot, and gives the connection its name.
    fn first_packet(
        &mut self,
        now: Now,
        index: u32,
        packet: &[u8],
        out: &mut impl Output,
    ) -> Result<(), Ended> {
        let Some(conn) = self.table.get_mut(index) else { return Err(Ended) };
        let slot = match decode_client(conn.codec, packet).map(|packet| packet.body) {
            Ok(ClientBody::Login(login)) => {
                out.note(index, Note::Login(login.uid.as_str()));
                Slot::of(login.uid.as_str())
            }
            Ok(ClientBody::Resume(resume)) => {
                out.note(index, Note::Login(resume.uid.as_str()));
                Slot::of(resume.uid.as_str())
            }
            Ok(_) => {
                let text = "the first packet must be a login or a resume";
                let refused = Refused::new(RefusedCode::LoginFirst, "packet", text);
                return self.refuse(now, index, refused, out);
            }
            Err(error) => return self.refuse(now, index, Refused::from(&error), out),
        };
        conn.slot = slot;
        let form = conn.form();
        self.table.advance(index, Stage::Open);
        let Some(shard) = self.links.shard_of(slot) else { return Err(Ended) };
        let Some(conn) = self.table.get(index) else { return Err(Ended) };
        let conn = self.table.name(index, conn);
        out.note(index, Note::Named(conn));
        let peer = self.proxied.client(index).unwrap_or_else(|| out.peer(index));
        link::open(out.shard(shard), Open { conn, form, peer, packet });
        self.links.alive(shard, index);
        self.counts.opened += 1;
        Ok(())
    }

    fn refuse(&mut self, now: Now, index: u32, refused: Refused, out: &mut impl Output) -> Result<(), Ended> {
        if let Some(conn) = self.table.get(index) {
            let mut packet = Vec::new();
            encode_server(conn.codec, ServerPacket::plain(ServerBody::Refused(refused)), &mut packet);
            send(conn, index, &[&packet, b""], out);
        }
        self.ended(now, index, CloseReason::FirstPacket, out)
    }

    /// Ends a client that sends what must be answered and does not read the answers.
    fn check_reader(
        &mut self,
        now: Now,
        index: u32,
        waiting: usize,
        out: &mut impl Output,
    ) -> Result<(), Ended> {
        if waiting <= CLIENT_OUT_BYTES_MAX {
            Ok(())
        } else {
            self.ended(now, index, CloseReason::SlowReader, out)
        }
    }

    pub(crate) fn ended<T>(
        &mut self,
        now: Now,
        index: u32,
        reason: CloseReason,
        out: &mut impl Output,
    ) -> Result<T, Ended> {
        self.end(now, index, reason, out);
        Err(Ended)
    }

    /// What is taken of the next message.
    #[inline]
    pub(crate) fn limits(&self, index: u32) -> Limits {
        match self.table.get(index) {
            Some(conn) if conn.stage == Stage::First => FIRST,
            _ => self.limits,
        }
    }
}

fn refuse_upgrade(index: u32, error: UpgradeError, out: &mut impl Output) {
    let mut answer = Vec::new();
    error.respond(&mut answer);
    out.send(index, &[&answer]);
}
