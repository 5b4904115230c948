//! All that a reactor knows, written down for the reactor that takes its place: [`Snapshot`]. Owns the layout (docs/upgrades.md draws it) and every check that needs no table;
//! where the values come from and go to is `carry`'s.
//!
//! A connection is a record of fixed layout and what only few of them have behind it, each with a tag. A reader of this version knows all tags of this version; whoever
//! adds one, or changes anything else, gives the handover another version.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use proto::ids::Slot;
use proto::limits::{CONNECTIONS_PER_REACTOR_MAX, SHARDS_MAX};
use proto::packet::Codec;
use proto::ws::negotiate::Window;
use proto::ws::{Fragments, Opcode, Remembered};

use super::bytes::{Malformed, Reader, put_bytes};
use super::message::VERSION;
use crate::table::{Awaited, Stage, Transport};

/// What all of a reactor's connections have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) gateway: u16,
    pub(crate) reactor: u8,
    pub(crate) boot_epoch: u64,
    /// The moment from which on nobody was served, in microseconds of the system's monotonic clock.
    pub(crate) frozen_at_micros: u64,
    /// The bucket of new handshakes.
    pub(crate) handshakes_full_at_ns: u64,
    /// When shards are told next who has shown life.
    pub(crate) report_due_ms: u64,
}

/// One link to a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkRecord<'a> {
    /// The shard has welcomed us.
    pub(crate) up: bool,
    pub(crate) congested: bool,
    /// Its descriptor is handed over. Without it there is nothing else.
    pub(crate) connected: bool,
    /// Bytes that came and are no whole frame yet.
    pub(crate) inbox: &'a [u8],
    /// Bytes that wait to be sent.
    pub(crate) out: &'a [u8],
}

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) index: u32,
    pub(crate) generation: u16,
    pub(crate) slot: Slot,
    /// Never [`Stage::Free`].
    pub(crate) stage: Stage,
    pub(crate) codec: Codec,
    pub(crate) transport: Transport,
    /// See [`crate::table::Conn::waiting`].
    pub(crate) waiting: bool,
    /// It has shown life since its shard was told last.
    pub(crate) alive: bool,
    /// What the shell keeps for it.
    pub(crate) held: Held<'a>,
    /// When its handshake, or its end, began.
    pub(crate) since_ms: Option<u64>,
    pub(crate) remembered: Option<Remembered<'a>>,
    /// Until when a blocked client may stay so, and the ping that it is owed an answer to.
    pub(crate) stall: Option<(u64, Option<&'a [u8]>)>,
    /// What a balancer has told of it.
    pub(crate) client: Option<SocketAddr>,
    /// When the message began of which only a part has come.
    pub(crate) unfinished_since_ms: Option<u64>,
    /// When its buckets of messages and of bytes will be full.
    pub(crate) metered: Option<(u64, u64)>,
    /// Until when it is not read from, because it sent too fast.
    pub(crate) paused_until_ms: Option<u64>,
}

/// What the shell keeps for a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held<'a> {
    /// Its descriptor is not handed over: it stays where it is, to be let go.
    pub(crate) left: bool,
    /// Bytes that wait for the client.
    pub(crate) out: &'a [u8],
    /// Bytes of the client that were not taken.
    pub(crate) rest: &'a [u8],
    /// The machine was told that the client is blocked.
    pub(crate) behind: bool,
    /// Its writing side ends with what waits.
    pub(crate) ending: bool,
}

mod flag {
    pub(super) const JSON: u8 = 1;
    pub(super) const WAITING: u8 = 2;
    pub(super) const ALIVE: u8 = 4;
    pub(super) const LEFT: u8 = 8;
    pub(super) const BEHIND: u8 = 16;
    pub(super) const ENDING: u8 = 32;
    pub(super) const ALL: u8 = 63;

    pub(super) const UP: u8 = 1;
    pub(super) const CONGESTED: u8 = 2;
    pub(super) const CONNECTED: u8 = 4;
    pub(super) const ALL_OF_A_LINK: u8 = 7;
}

mod tag {
    pub(super) const OUT: u8 = 1;
    pub(super) const REST: u8 = 2;
    pub(super) const SINCE: u8 = 3;
    pub(super) const FRAME: u8 = 4;
    pub(super) const MESSAGE: u8 = 5;
    pub(super) const STALL: u8 = 6;
    pub(super) const PING: u8 = 7;
    pub(super) const CLIENT: u8 = 8;
    pub(super) const UNFINISHED: u8 = 9;
    pub(super) const METERED: u8 = 10;
    pub(super) const PAUSED: u8 = 11;
}

/// Bytes of an idle connection's record.
const RECORD_BYTES: usize = 15;

/// Writes a snapshot: the parts in the order of the fields of [`Snapshot`].
#[derive(Debug)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(head: &Head, listeners: &[u8], links: &[LinkRecord<'_>]) -> Self {
        let mut out = Vec::new();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&head.gateway.to_le_bytes());
        out.push(head.reactor);
        for number in [head.boot_epoch, head.frozen_at_micros, head.handshakes_full_at_ns, head.report_due_ms]
        {
            out.extend_from_slice(&number.to_le_bytes());
        }
        put_bytes(&mut out, listeners);
        out.extend_from_slice(&(links.len() as u32).to_le_bytes());
        for link in links {
            let LinkRecord { up, congested, connected, inbox, out: waiting } = *link;
            let flags = [(up, flag::UP), (congested, flag::CONGESTED), (connected, flag::CONNECTED)];
            out.push(flags.iter().map(|(set, flag)| u8::from(*set) * flag).sum());
            put_bytes(&mut out, inbox);
            put_bytes(&mut out, waiting);
        }
        Self { out }
    }

    /// The buckets of sources that are not full.
    pub(crate) fn buckets(&mut self, buckets: impl Iterator<Item = (u64, u64)>) {
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        let mut count = 0_u32;
        for (source, full_at_ns) in buckets {
            self.out.extend_from_slice(&source.to_le_bytes());
            self.out.extend_from_slice(&full_at_ns.to_le_bytes());
            count += 1;
        }
        self.out[at..at + 4].copy_from_slice(&count.to_le_bytes());
    }

    /// The generation of each index, in use or not.
    pub(crate) fn generations(&mut self, generations: impl ExactSizeIterator<Item = u16>) {
        self.out.reserve(generations.len() * (size_of::<u16>() + RECORD_BYTES));
        self.out.extend_from_slice(&(generations.len() as u32).to_le_bytes());
        self.out.extend(generations.flat_map(u16::to_le_bytes));
    }

    pub(crate) fn record(&mut self, record: &Record<'_>) {
        let Record { index, generation, slot, held, .. } = *record;
        let out = &mut self.out;
        out.extend_from_slice(&index.to_le_bytes());
        out.extend_from_slice(&generation.to_le_bytes());
        out.extend_from_slice(&slot.0.to_le_bytes());
        out.extend([stage_code(record.stage), transport_code(record.transport)]);
        let flags = [
            (record.codec == Codec::Json, flag::JSON),
            (record.waiting, flag::WAITING),
            (record.alive, flag::ALIVE),
            (held.left, flag::LEFT),
            (held.behind, flag::BEHIND),
            (held.ending, flag::ENDING),
        ];
        out.push(flags.iter().map(|(set, flag)| u8::from(*set) * flag).sum());
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        record.put_extras(out);
        let length = (out.len() - at - 4) as u32;
        out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

impl<'a> Record<'a> {
    fn put_extras(&self, out: &mut Vec<u8>) {
        let mut put = |tag, parts: &[&[u8]]| {
            out.push(tag);
            out.extend_from_slice(&(parts.iter().map(|part| part.len()).sum::<usize>() as u32).to_le_bytes());
            parts.iter().for_each(|part| out.extend_from_slice(part));
        };
        if !self.held.out.is_empty() {
            put(tag::OUT, &[self.held.out]);
        }
        if !self.held.rest.is_empty() {
            put(tag::REST, &[self.held.rest]);
        }
        if let Some(since) = self.since_ms {
            put(tag::SINCE, &[&since.to_le_bytes()]);
        }
        if let Some(Remembered { done, character, message }) = self.remembered {
            put(tag::FRAME, &[&done.to_le_bytes(), character]);
            if let Some(Fragments { opcode, compressed, count, bytes }) = message {
                put(tag::MESSAGE, &[&[opcode as u8, u8::from(compressed)], &count.to_le_bytes(), bytes]);
            }
        }
        if let Some((deadline, ping)) = self.stall {
            put(tag::STALL, &[&deadline.to_le_bytes()]);
            if let Some(ping) = ping {
                put(tag::PING, &[ping]);
            }
        }
        if let Some(client) = self.client {
            let (octets, port) = (ipv6(client.ip()).octets(), client.port());
            put(tag::CLIENT, &[&[u8::from(client.is_ipv4())], &octets, &port.to_le_bytes()]);
        }
        if let Some(since) = self.unfinished_since_ms {
            put(tag::UNFINISHED, &[&since.to_le_bytes()]);
        }
        if let Some((messages, bytes)) = self.metered {
            put(tag::METERED, &[&messages.to_le_bytes(), &bytes.to_le_bytes()]);
        }
        if let Some(until) = self.paused_until_ms {
            put(tag::PAUSED, &[&until.to_le_bytes()]);
        }
    }

    fn decode(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let (index, generation, slot) = (reader.u32()?, reader.u16()?, reader.u16()?);
        let (stage, transport, flags) = (stage(reader.u8()?)?, transport(reader.u8()?)?, reader.u8()?);
        if generation > 0xFFF || slot >= proto::limits::SLOTS || flags & !flag::ALL != 0 {
            return Err(reader.wrong());
        }
        let is = |flag| flags & flag != 0;
        let mut record = Self {
            index,
            generation,
            slot: Slot(slot),
            stage,
            codec: if is(flag::JSON) { Codec::Json } else { Codec::Proto },
            transport,
            waiting: is(flag::WAITING),
            alive: is(flag::ALIVE),
            held: Held {
                left: is(flag::LEFT),
                behind: is(flag::BEHIND),
                ending: is(flag::ENDING),
                ..Held::default()
            },
            since_ms: None,
            remembered: None,
            stall: None,
            client: None,
            unfinished_since_ms: None,
            metered: None,
            paused_until_ms: None,
        };
        let mut extras = Reader::new(reader.bytes()?, "extras of a connection");
        while !extras.is_empty() {
            let tag = extras.u8()?;
            record.extra(tag, Reader::new(extras.bytes()?, "extra of a connection"))?;
        }
        Ok(record)
    }

    fn extra(&mut self, tag: u8, mut body: Reader<'a>) -> Result<(), Malformed> {
        match tag {
            tag::OUT => self.held.out = body.rest(),
            tag::REST => self.held.rest = body.rest(),
            tag::SINCE => self.since_ms = Some(body.u64()?),
            tag::FRAME => {
                let (done, character) = (body.u32()?, body.rest());
                self.remembered = Some(Remembered { done, character, message: None });
            }
            tag::MESSAGE => {
                let opcode = match body.u8()? {
                    1 => Opcode::Text,
                    2 => Opcode::Binary,
                    _ => return Err(body.wrong()),
                };
                let (compressed, count) = (body.bool()?, body.u32()?);
                let message = Some(Fragments { opcode, compressed, count, bytes: body.rest() });
                self.remembered = Some(Remembered { message, ..self.remembered.unwrap_or_default() });
            }
            tag::STALL => self.stall = Some((body.u64()?, None)),
            tag::PING => {
                let ping = body.rest();
                self.stall = self.stall.map(|(deadline, _)| (deadline, Some(ping)));
            }
            tag::CLIENT => {
                let is_ipv4 = body.bool()?;
                let octets: [u8; 16] = body.take(16)?.try_into().map_err(|_| body.wrong())?;
                let ip = Ipv6Addr::from(octets);
                let ip = if is_ipv4 { IpAddr::V6(ip).to_canonical() } else { IpAddr::V6(ip) };
                self.client = Some(SocketAddr::new(ip, body.u16()?));
            }
            tag::UNFINISHED => self.unfinished_since_ms = Some(body.u64()?),
            tag::METERED => self.metered = Some((body.u64()?, body.u64()?)),
            tag::PAUSED => self.paused_until_ms = Some(body.u64()?),
            _ => return Err(body.wrong()),
        }
        body.end()
    }
}

/// A snapshot whose every byte was looked at.
#[derive(Debug)]
pub(crate) struct Snapshot<'a> {
    pub(crate) head: Head,
    /// The places of the listeners that are handed over among the doors of the offer.
    pub(crate) listeners: &'a [u8],
    pub(crate) links: Vec<LinkRecord<'a>>,
    pub(crate) buckets: Vec<(u64, u64)>,
    generations: &'a [u8],
    records: &'a [u8],
    /// How many descriptors belong to it: of the listeners, then of the links, then of the connections, each in their order here.
    pub(crate) descriptors: u32,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, "snapshot");
        if reader.u32()? != VERSION {
            return Err(Malformed("version of a snapshot"));
        }
        let head = Head {
            gateway: reader.u16()?,
            reactor: reader.u8()?,
            boot_epoch: reader.u64()?,
            frozen_at_micros: reader.u64()?,
            handshakes_full_at_ns: reader.u64()?,
            report_due_ms: reader.u64()?,
        };
        let listeners = reader.bytes()?;
        let links = links(&mut reader)?;
        let count = reader.u32()? as usize;
        let mut buckets = Vec::new();
        for _ in 0..count {
            buckets.push((reader.u64()?, reader.u64()?));
        }
        let capacity = reader.u32()? as usize;
        if capacity > CONNECTIONS_PER_REACTOR_MAX {
            return Err(reader.wrong());
        }
        let generations = reader.take(capacity * size_of::<u16>())?;
        let mut snapshot =
            Self { head, listeners, links, buckets, generations, records: reader.rest(), descriptors: 0 };
        let connected = snapshot.links.iter().filter(|link| link.connected).count();
        let mut descriptors = listeners.len() + connected;
        for record in snapshot.records() {
            descriptors += usize::from(!record?.held.left);
        }
        snapshot.descriptors = descriptors as u32;
        Ok(snapshot)
    }

    /// The generation of each index.
    pub(crate) fn generations(&self) -> impl ExactSizeIterator<Item = u16> {
        self.generations.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
    }

    /// The connections.
    pub(crate) fn records(&self) -> impl Iterator<Item = Result<Record<'a>, Malformed>> + use<'a> {
        let mut reader = Reader::new(self.records, "connection");
        std::iter::from_fn(move || (!reader.is_empty()).then(|| Record::decode(&mut reader)))
            // Behind a mistake nothing can be understood.
            .scan(false, |over, record| {
                let goes_on = !*over;
                *over = record.is_err();
                goes_on.then_some(record)
            })
    }
}

fn links<'a>(reader: &mut Reader<'a>) -> Result<Vec<LinkRecord<'a>>, Malformed> {
    let count = reader.u32()?;
    if count > SHARDS_MAX {
        return Err(reader.wrong());
    }
    let link = |_| {
        let flags = reader.u8()?;
        let (inbox, out) = (reader.bytes()?, reader.bytes()?);
        let is = |flag| flags & flag != 0;
        let [up, congested, connected] = [flag::UP, flag::CONGESTED, flag::CONNECTED].map(is);
        let is_possible = flags & !flag::ALL_OF_A_LINK == 0 && (connected || !up && inbox.is_empty());
        if is_possible {
            Ok(LinkRecord { up, congested, connected, inbox, out })
        } else {
            Err(Malformed("link"))
        }
    };
    (0..count).map(link).collect()
}

fn ipv6(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

fn stage_code(stage: Stage) -> u8 {
    match stage {
        Stage::Free => 0,
        Stage::Sniffing(Awaited::ProxyHeader) => 1,
        Stage::Sniffing(Awaited::Any) => 2,
        Stage::Sniffing(Awaited::Tls) => 3,
        Stage::Sniffing(Awaited::Protocol) => 4,
        Stage::First => 5,
        Stage::Open => 6,
        Stage::Closing => 7,
    }
}

fn stage(code: u8) -> Result<Stage, Malformed> {
    Ok(match code {
        1 => Stage::Sniffing(Awaited::ProxyHeader),
        2 => Stage::Sniffing(Awaited::Any),
        3 => Stage::Sniffing(Awaited::Tls),
        4 => Stage::Sniffing(Awaited::Protocol),
        5 => Stage::First,
        6 => Stage::Open,
        7 => Stage::Closing,
        _ => return Err(Malformed("stage of a connection")),
    })
}

/// 0 is TCP, 1 a WebSocket, and 8 to 15 one with a window of so many bits.
fn transport_code(transport: Transport) -> u8 {
    match transport {
        Transport::Tcp => 0,
        Transport::WebSocket(None) => 1,
        Transport::WebSocket(Some(window)) => window as u8,
    }
}

fn transport(code: u8) -> Result<Transport, Malformed> {
    match code {
        0 => Ok(Transport::Tcp),
        1 => Ok(Transport::WebSocket(None)),
        _ => {
            let window = Window::ALL.into_iter().find(|window| *window as u8 == code);
            window.map(|window| Transport::WebSocket(Some(window))).ok_or(Malformed("window of a connection"))
        }
    }
}
