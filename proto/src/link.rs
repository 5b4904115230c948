//! The link between a gateway reactor and a state shard: every frame kind, both ways. Owns the layouts (the hot frames have fixed ones, so that a
//! payload is copied once and never re-encoded; `benches/` shows what that buys) and their checks; leaves what they cause to the machines.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use prost::Message as _;

use crate::close::CloseReason;
use crate::r#gen::link as wire;
use crate::ids::ConnId;
use crate::limits::{
    DOWNLINK_PREFIX_BYTES_MAX, DOWNLINK_TARGETS_MAX, GATEWAYS_MAX, LIVE_CONNS_MAX, REACTORS_MAX, SHARDS_MAX,
};
use crate::packet::Codec;
use crate::rpc::frame;

/// The version of the link protocol that this code speaks.
pub const VERSION: u32 = 1;

/// Frame kinds from a gateway; docs/wire.md lists them with their bodies.
mod up {
    pub(super) const HELLO: u8 = 0x01;
    pub(super) const LIVE: u8 = 0x02;
    pub(super) const OPEN: u8 = 0x03;
    pub(super) const UPLINK: u8 = 0x04;
    pub(super) const ALIVE: u8 = 0x05;
    pub(super) const CLOSED: u8 = 0x06;
    pub(super) const BLOCKED: u8 = 0x07;
    pub(super) const WRITABLE: u8 = 0x08;
}

/// Frame kinds from a state shard.
mod down {
    pub(super) const WELCOME: u8 = 0x41;
    pub(super) const DOWNLINK: u8 = 0x42;
    pub(super) const CLOSE: u8 = 0x43;
    pub(super) const SUPERSEDED: u8 = 0x44;
}

/// How a client is connected: the form of its packets and its transport. One byte on the wire: bit 0 JSON, bit 1 raw TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// Protobuf or JSON.
    pub codec: Codec,
    /// Raw TCP rather than WebSocket.
    pub tcp: bool,
}

impl Form {
    fn to_wire(self) -> u8 {
        u8::from(self.codec == Codec::Json) | u8::from(self.tcp) << 1
    }

    fn from_wire(byte: u8) -> Result<Self, LinkError> {
        match byte {
            0..=2 => {
                let codec = if byte & 1 == 1 { Codec::Json } else { Codec::Proto };
                Ok(Self { codec, tcp: byte & 2 == 2 })
            }
            _ => Err(LinkError::Body("live")),
        }
    }
}

/// Who a gateway reactor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The gateway, 0 to 4095.
    pub gateway: u16,
    /// Its reactor, 0 to 63.
    pub reactor: u8,
    /// Milliseconds since the Unix epoch at the gateway's start.
    pub boot_epoch: u64,
    /// The shard that the link is for.
    pub shard: u32,
}

/// Who a state shard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The shard that answers.
    pub shard: u32,
    /// How many there are; shard i owns the slots s with s mod shard_count = i.
    pub shard_count: u32,
    /// Milliseconds since the Unix epoch at the state server's start.
    pub boot_epoch: u64,
}

/// A connection that has sent its first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// Its name from now on.
    pub conn: ConnId,
    /// How it is connected.
    pub form: Form,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// The first packet, as it came.
    pub packet: &'a [u8],
}

/// A frame from a gateway reactor, as a state shard reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromGateway<'a> {
    /// Who this is. Always the first frame.
    Hello(Hello),
    /// Connections of the shard's slots that are open here. Sent in pieces after Hello; the shard reconciles after the last.
    Live {
        /// Some of them.
        conns: Vec<(ConnId, Form)>,
        /// Whether this piece ends the list.
        last: bool,
    },
    /// A new connection and its first packet.
    Open {
        /// Its name from now on.
        conn: ConnId,
        /// How it is connected.
        form: Form,
        /// Where it comes from.
        peer: SocketAddr,
        /// The first packet, as it came.
        packet: Vec<u8>,
    },
    /// A packet from a connection.
    Uplink {
        /// From whom.
        conn: ConnId,
        /// As it came.
        packet: &'a [u8],
    },
    /// Indices of the connections that have shown life since the last such frame, ascending.
    Alive(Alive<'a>),
    /// A connection is gone.
    Closed {
        /// Which.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// A connection does not take what it is sent.
    Blocked(ConnId),
    /// It does again.
    Writable(ConnId),
}

/// A frame from a state shard, as a gateway reactor reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromState<'a> {
    /// Who this is. Always the first frame.
    Welcome(Welcome),
    /// One payload for some connections.
    Downlink {
        /// To whom, each with the bytes that stand before the payload for it alone.
        targets: Targets<'a>,
        /// What all of them get after their prefix.
        shared: &'a [u8],
    },
    /// End a connection after what was sent to it.
    Close {
        /// Which.
        conn: ConnId,
        /// Why.
        reason: CloseReason,
    },
    /// A process that began later has the gateway's number: this one's connections are worth nothing here. The last frame.
    Superseded,
}

/// A frame that its sender must not have sent; the link is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// A kind that does not exist in this direction.
    Kind(u8),
    /// A body that does not follow the layout of its kind, which is named.
    Body(&'static str),
    /// Another version of the protocol.
    Version(u32),
    /// Nobody's fault but an operator's: two gateways have one number, and the other one began later.
    Superseded,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(f, "frame of unknown kind {kind:#04x}"),
            Self::Body(kind) => write!(f, "malformed body in a frame of kind {kind}"),
            Self::Superseded => {
                f.write_str("a gateway that began later has the same id: is it set on two of them?")
            }
            Self::Version(version) => write!(f, "protocol version {version}, but this side speaks {VERSION}"),
        }
    }
}

impl std::error::Error for LinkError {}

/// Appends a [`FromGateway::Hello`].
pub fn hello(out: &mut Vec<u8>, hello: Hello) {
    let Hello { gateway, reactor, boot_epoch, shard } = hello;
    let body =
        wire::Hello { version: VERSION, gateway: gateway.into(), reactor: reactor.into(), boot_epoch, shard };
    frame(out, up::HELLO, |out| body.encode_raw(out));
}

/// Appends one piece of a [`FromGateway::Live`] list: at most [`LIVE_CONNS_MAX`] connections.
pub fn live(out: &mut Vec<u8>, conns: &[(ConnId, Form)], last: bool) {
    frame(out, up::LIVE, |out| {
        out.push(last.into());
        for (conn, form) in conns {
            out.extend_from_slice(&conn.0.to_be_bytes());
            out.push(form.to_wire());
        }
    });
}

/// Appends a [`FromGateway::Open`].
pub fn open(out: &mut Vec<u8>, open: Open<'_>) {
    let body = wire::Open {
        conn: open.conn.0,
        codec: open.form.codec as i32,
        transport: if open.form.tcp { wire::Transport::Tcp } else { wire::Transport::Websocket } as i32,
        ip: match open.peer.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        },
        port: open.peer.port().into(),
        packet: open.packet.to_vec(),
    };
    frame(out, up::OPEN, |out| body.encode_raw(out));
}

/// Appends a [`FromGateway::Uplink`]: 13 bytes and the packet.
#[inline]
pub fn uplink(out: &mut Vec<u8>, conn: ConnId, packet: &[u8]) {
    let length = (1 + 8 + packet.len()) as u32;
    let mut head = [0; 13];
    head[..4].copy_from_slice(&length.to_be_bytes());
    head[4] = up::UPLINK;
    head[5..].copy_from_slice(&conn.0.to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(packet);
}

/// Appends a [`FromGateway::Alive`] of ascending indices: each as a varint of its distance from the one before (the first from 0).
pub fn alive(out: &mut Vec<u8>, indices: impl IntoIterator<Item = u32>) {
    frame(out, up::ALIVE, |out| {
        let mut last = 0;
        for index in indices {
            debug_assert!(index >= last, "indices ascend");
            prost::encoding::encode_varint(u64::from(index - last), out);
            last = index;
        }
    });
}

/// Appends a [`FromGateway::Closed`].
pub fn closed(out: &mut Vec<u8>, conn: ConnId, reason: CloseReason) {
    one(out, up::CLOSED, conn, Some(reason));
}

/// Appends a [`FromGateway::Blocked`].
pub fn blocked(out: &mut Vec<u8>, conn: ConnId) {
    one(out, up::BLOCKED, conn, None);
}

/// Appends a [`FromGateway::Writable`].
pub fn writable(out: &mut Vec<u8>, conn: ConnId) {
    one(out, up::WRITABLE, conn, None);
}

/// Appends a [`FromState::Welcome`].
pub fn welcome(out: &mut Vec<u8>, welcome: Welcome) {
    let Welcome { shard, shard_count, boot_epoch } = welcome;
    let body = wire::Welcome { version: VERSION, shard, shard_count, boot_epoch };
    frame(out, down::WELCOME, |out| body.encode_raw(out));
}

/// Appends a [`FromState::Downlink`] of 1 to [`DOWNLINK_TARGETS_MAX`] targets, each with a prefix of at most [`DOWNLINK_PREFIX_BYTES_MAX`] bytes.
pub fn downlink<'a>(
    out: &mut Vec<u8>,
    targets: impl ExactSizeIterator<Item = (ConnId, &'a [u8])>,
    shared: &[u8],
) {
    debug_assert!((1..=DOWNLINK_TARGETS_MAX).contains(&targets.len()), "{} targets", targets.len());
    frame(out, down::DOWNLINK, |out| {
        out.extend_from_slice(&(targets.len() as u16).to_be_bytes());
        for (conn, prefix) in targets {
            debug_assert!(prefix.len() <= DOWNLINK_PREFIX_BYTES_MAX);
            out.extend_from_slice(&conn.0.to_be_bytes());
            out.push(prefix.len() as u8);
            out.extend_from_slice(prefix);
        }
        out.extend_from_slice(shared);
    });
}

/// Appends a [`FromState::Close`].
pub fn close(out: &mut Vec<u8>, conn: ConnId, reason: CloseReason) {
    one(out, down::CLOSE, conn, Some(reason));
}

/// Appends a [`FromState::Superseded`].
pub fn superseded(out: &mut Vec<u8>) {
    frame(out, down::SUPERSEDED, |_| ());
}

fn one(out: &mut Vec<u8>, kind: u8, conn: ConnId, reason: Option<CloseReason>) {
    frame(out, kind, |out| {
        out.extend_from_slice(&conn.0.to_be_bytes());
        out.extend(reason.map(|reason| reason as u8));
    });
}

impl<'a> FromGateway<'a> {
    /// Reads the body of a frame from a gateway.
    pub fn decode(kind: u8, body: &'a [u8]) -> Result<Self, LinkError> {
        Ok(match kind {
            up::UPLINK => {
                let (conn, packet) = conn_of(body, "uplink")?;
                Self::Uplink { conn, packet }
            }
            up::ALIVE => Self::Alive(Alive { body, last: 0 }),
            up::OPEN => decode_open(body)?,
            up::CLOSED => {
                let (conn, reason) = reason_of(body, "closed")?;
                Self::Closed { conn, reason }
            }
            up::BLOCKED => Self::Blocked(only_conn(body, "blocked")?),
            up::WRITABLE => Self::Writable(only_conn(body, "writable")?),
            up::LIVE => decode_live(body)?,
            up::HELLO => decode_hello(body)?,
            other => return Err(LinkError::Kind(other)),
        })
    }
}

impl<'a> FromState<'a> {
    /// Reads the body of a frame from a state shard.
    pub fn decode(kind: u8, body: &'a [u8]) -> Result<Self, LinkError> {
        Ok(match kind {
            down::DOWNLINK => {
                let (targets, shared) = Targets::split(body)?;
                Self::Downlink { targets, shared }
            }
            down::CLOSE => {
                let (conn, reason) = reason_of(body, "close")?;
                Self::Close { conn, reason }
            }
            down::SUPERSEDED if body.is_empty() => Self::Superseded,
            down::SUPERSEDED => return Err(LinkError::Body("superseded")),
            down::WELCOME => {
                let wire::Welcome { version, shard, shard_count, boot_epoch } =
                    wire::Welcome::decode(body).map_err(|_| LinkError::Body("welcome"))?;
                if version != VERSION {
                    return Err(LinkError::Version(version));
                }
                if !(1..=SHARDS_MAX).contains(&shard_count) || shard >= shard_count {
                    return Err(LinkError::Body("welcome"));
                }
                Self::Welcome(Welcome { shard, shard_count, boot_epoch })
            }
            other => return Err(LinkError::Kind(other)),
        })
    }
}

fn decode_hello<'a>(body: &[u8]) -> Result<FromGateway<'a>, LinkError> {
    let wire::Hello { version, gateway, reactor, boot_epoch, shard } =
        wire::Hello::decode(body).map_err(|_| LinkError::Body("hello"))?;
    if version != VERSION {
        return Err(LinkError::Version(version));
    }
    if gateway >= GATEWAYS_MAX || reactor as usize >= REACTORS_MAX {
        return Err(LinkError::Body("hello"));
    }
    Ok(FromGateway::Hello(Hello { gateway: gateway as u16, reactor: reactor as u8, boot_epoch, shard }))
}

fn decode_live<'a>(body: &[u8]) -> Result<FromGateway<'a>, LinkError> {
    let bad = LinkError::Body("live");
    let (last, list) = body.split_first().ok_or(bad)?;
    if list.len() % 9 != 0 || list.len() / 9 > LIVE_CONNS_MAX || *last > 1 {
        return Err(bad);
    }
    let conns = list.chunks_exact(9).map(|entry| {
        let (conn, form) = conn_of(entry, "live")?;
        Ok((conn, Form::from_wire(form[0])?))
    });
    Ok(FromGateway::Live { conns: conns.collect::<Result<_, _>>()?, last: *last == 1 })
}

fn decode_open<'a>(body: &[u8]) -> Result<FromGateway<'a>, LinkError> {
    let bad = LinkError::Body("open");
    let open = wire::Open::decode(body).map_err(|_| bad)?;
    let ip = match (<[u8; 4]>::try_from(open.ip.as_slice()), <[u8; 16]>::try_from(open.ip.as_slice())) {
        (Ok(octets), _) => IpAddr::V4(Ipv4Addr::from(octets)),
        (_, Ok(octets)) => IpAddr::V6(Ipv6Addr::from(octets)),
        _ => return Err(bad),
    };
    let codec = match wire::Codec::try_from(open.codec) {
        Ok(wire::Codec::Proto) => Codec::Proto,
        Ok(wire::Codec::Json) => Codec::Json,
        _ => return Err(bad),
    };
    let tcp = match wire::Transport::try_from(open.transport) {
        Ok(wire::Transport::Tcp) => true,
        Ok(wire::Transport::Websocket) => false,
        _ => return Err(bad),
    };
    let port = u16::try_from(open.port).map_err(|_| bad)?;
    Ok(FromGateway::Open {
        conn: ConnId(open.conn),
        form: Form { codec, tcp },
        peer: SocketAddr::new(ip, port),
        packet: open.packet,
    })
}

fn conn_of<'a>(body: &'a [u8], kind: &'static str) -> Result<(ConnId, &'a [u8]), LinkError> {
    let (conn, rest) = body.split_first_chunk::<8>().ok_or(LinkError::Body(kind))?;
    Ok((ConnId(u64::from_be_bytes(*conn)), rest))
}

fn only_conn(body: &[u8], kind: &'static str) -> Result<ConnId, LinkError> {
    match conn_of(body, kind)? {
        (conn, []) => Ok(conn),
        _ => Err(LinkError::Body(kind)),
    }
}

fn reason_of(body: &[u8], kind: &'static str) -> Result<(ConnId, CloseReason), LinkError> {
    match conn_of(body, kind)? {
        (conn, [code]) => {
            CloseReason::from_wire(*code).map(|reason| (conn, reason)).ok_or(LinkError::Body(kind))
        }
        _ => Err(LinkError::Body(kind)),
    }
}

/// The ascending indices of a [`FromGateway::Alive`] frame; an error ends the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive<'a> {
    body: &'a [u8],
    last: u32,
}

impl Iterator for Alive<'_> {
    type Item = Result<u32, LinkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.body.is_empty() {
            return None;
        }
        let step =
            prost::encoding::decode_varint(&mut self.body).ok().and_then(|step| u32::try_from(step).ok());
        if let Some(index) = step.and_then(|step| self.last.checked_add(step)) {
            self.last = index;
            return Some(Ok(index));
        }
        self.body = &[];
        Some(Err(LinkError::Body("alive")))
    }
}

/// The targets of a [`FromState::Downlink`], already checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets<'a> {
    left: usize,
    body: &'a [u8],
}

impl<'a> Targets<'a> {
    fn split(body: &'a [u8]) -> Result<(Self, &'a [u8]), LinkError> {
        let bad = LinkError::Body("downlink");
        let (count, list) = body.split_first_chunk::<2>().ok_or(bad)?;
        let left = usize::from(u16::from_be_bytes(*count));
        if !(1..=DOWNLINK_TARGETS_MAX).contains(&left) {
            return Err(bad);
        }
        let mut rest = list;
        for _ in 0..left {
            let length = usize::from(*rest.get(8).ok_or(bad)?);
            if length > DOWNLINK_PREFIX_BYTES_MAX {
                return Err(bad);
            }
            rest = rest.get(9 + length..).ok_or(bad)?;
        }
        Ok((Self { left, body: list }, rest))
    }
}

impl<'a> Iterator for Targets<'a> {
    type Item = (ConnId, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (conn, rest) = self.body.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first()?;
        let (prefix, rest) = rest.split_at_checked(usize::from(*length))?;
        self.body = rest;
        Some((ConnId(u64::from_be_bytes(*conn)), prefix))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Targets<'_> {}

#[cfg(test)]
mod tests;
