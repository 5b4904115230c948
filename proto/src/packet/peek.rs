//! What a shard needs of an uplink packet in protobuf form, read without decoding or allocating: its client_id, its kind, and where its body lies.
//! Owns the walk over the top-level fields (<https://protobuf.dev/programming-guides/encoding/>); leaves the inside of the body to who executes it.

use super::{PacketError, RefusedCode};

/// The kinds of packet that a client sends, by their field number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// See [`super::ClientBody::Heartbeat`].
    Heartbeat,
    /// See [`super::ClientBody::Login`].
    Login,
    /// See [`super::ClientBody::Resume`].
    Resume,
    /// See [`super::ClientBody::Submit`].
    Submit,
    /// See [`super::ClientBody::Ack`].
    Ack,
    /// See [`super::ClientBody::Pull`].
    Pull,
    /// See [`super::ClientBody::CreateGroup`].
    CreateGroup,
    /// See [`super::ClientBody::Logout`].
    Logout,
    /// See [`super::ClientBody::Watch`].
    Watch,
}

impl ClientKind {
    fn from_field(number: u64) -> Option<Self> {
        Some(match number {
            2 => Self::Heartbeat,
            3 => Self::Login,
            4 => Self::Resume,
            5 => Self::Submit,
            6 => Self::Ack,
            7 => Self::Pull,
            8 => Self::CreateGroup,
            9 => Self::Logout,
            11 => Self::Watch,
            _ => return None,
        })
    }

    /// Whether packets of this kind are numbered by client_id and executed once, in order.
    pub fn is_command(self) -> bool {
        matches!(self, Self::Submit | Self::CreateGroup)
    }
}

/// The outside of a client packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peek<'a> {
    /// 0 where the packet is no command.
    pub client_id: u64,
    /// What it is.
    pub kind: ClientKind,
    /// The encoded body.
    pub body: &'a [u8],
}

impl Peek<'_> {
    /// The push_seq of an [`ClientKind::Ack`].
    pub fn ack(&self) -> Result<u64, PacketError> {
        let mut at = 0;
        let mut push_seq = 0;
        while at < self.body.len() {
            match field(self.body, &mut at)? {
                (1, Value::Varint(value)) => push_seq = value,
                _ => return Err(PacketError::new("ack", "has an unknown field")),
            }
        }
        Ok(push_seq)
    }
}

/// Reads the outside of a client packet. One that passes here can still fail to decode. What a decoder would forgive, unknown fields and a second body,
/// is refused here.
pub fn peek_client(packet: &[u8]) -> Result<Peek<'_>, PacketError> {
    let (mut at, mut client_id, mut found) = (0, 0, None);
    while at < packet.len() {
        match field(packet, &mut at)? {
            (1, Value::Varint(value)) => client_id = value,
            (number, Value::Bytes(body)) => match ClientKind::from_field(number) {
                Some(kind) if found.is_none() => found = Some((kind, body)),
                Some(_) => return Err(PacketError::new("packet", "has more than one body")),
                None => return Err(PacketError::new("packet", format!("has an unknown field {number}"))),
            },
            (number, Value::Varint(_)) => {
                return Err(PacketError::new("packet", format!("has an unknown field {number}")));
            }
        }
    }
    let Some((kind, body)) = found else { return Err(PacketError::new("packet", "has no body")) };
    super::convert::check_client_id(client_id, kind)?;
    Ok(Peek { client_id, kind, body })
}

/// Whether a packet from the edge, in protobuf form, is a refusal, and with which code; the rest of it is not looked at.
pub fn peek_refused(packet: &[u8]) -> Option<RefusedCode> {
    let body = find(packet, 11)?;
    let Value::Bytes(body) = body else { return None };
    match find(body, 1) {
        Some(Value::Varint(code)) => super::convert::refused_code(i32::try_from(code).ok()?).ok(),
        _ => None,
    }
}

fn find(bytes: &[u8], wanted: u64) -> Option<Value<'_>> {
    let mut at = 0;
    while at < bytes.len() {
        match field(bytes, &mut at).ok()? {
            (number, value) if number == wanted => return Some(value),
            _ => {}
        }
    }
    None
}

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

fn field<'a>(bytes: &'a [u8], at: &mut usize) -> Result<(u64, Value<'a>), PacketError> {
    let tag = varint(bytes, at)?;
    let value = match tag & 7 {
        0 => Value::Varint(varint(bytes, at)?),
        2 => {
            let length = varint(bytes, at)?;
            let rest = &bytes[*at..];
            let Some(body) = usize::try_from(length).ok().and_then(|n| rest.get(..n)) else {
                return Err(PacketError::new(
                    "packet",
                    format!("has a field of {length} bytes in {}", rest.len()),
                ));
            };
            *at += body.len();
            Value::Bytes(body)
        }
        other => return Err(PacketError::new("packet", format!("has a field of wire type {other}"))),
    };
    Ok((tag >> 3, value))
}

fn varint(bytes: &[u8], at: &mut usize) -> Result<u64, PacketError> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let Some(byte) = bytes.get(*at) else { break };
        *at += 1;
        if shift == 63 && *byte > 1 {
            break;
        }
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(PacketError::new("packet", "has a bad varint"))
}
