//! Version 2: a binary header. Owns its layout. The header's own length is checked before anything of that length is awaited; the extensions (TLVs) behind the
//! addresses are skipped unread.
//!
//! `signature 12 | version and command 1 | family and protocol 1 | length 2, big-endian | addresses | extensions`

use std::net::SocketAddr;

use super::{Header, ProxyError, begins_with};
use crate::limits::PROXY_HEADER_BYTES_MAX;

pub(super) const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes before the addresses.
const HEAD_BYTES: usize = SIGNATURE.len() + 4;

/// Version 2, said by the balancer for itself: a health check.
const LOCAL: u8 = 0x20;
/// Version 2, passed on for a client.
const PROXY: u8 = 0x21;

// Family and protocol.
const UNSPECIFIED: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
const UNIX_STREAM: u8 = 0x31;

/// What stands behind the head, by the command and the family.
#[derive(Clone, Copy)]
enum Addresses {
    /// Nothing that is looked at.
    Ignored,
    /// Two IPv4 addresses and two ports.
    V4,
    /// Two IPv6 addresses and two ports.
    V6,
}

impl Addresses {
    const fn bytes(self) -> usize {
        match self {
            Self::Ignored => 0,
            Self::V4 => 2 * 4 + 2 * 2,
            Self::V6 => 2 * 16 + 2 * 2,
        }
    }
}

pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, ProxyError> {
    if !begins_with(bytes, &SIGNATURE) {
        return Err(ProxyError::Signature);
    }
    let Some(command) = bytes.get(SIGNATURE.len()) else { return Ok(None) };
    if !matches!(*command, LOCAL | PROXY) {
        return Err(ProxyError::Command);
    }
    let Some(family) = bytes.get(SIGNATURE.len() + 1) else { return Ok(None) };
    let addresses = match (*command, *family) {
        // The family of a health check is to be ignored, whatever it is.
        (LOCAL, _) | (_, UNSPECIFIED | UNIX_STREAM) => Addresses::Ignored,
        (_, TCP_OVER_IPV4) => Addresses::V4,
        (_, TCP_OVER_IPV6) => Addresses::V6,
        _ => return Err(ProxyError::Family),
    };
    let Some((head, rest)) = bytes.split_at_checked(HEAD_BYTES) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([head[HEAD_BYTES - 2], head[HEAD_BYTES - 1]]));
    if length < addresses.bytes() || HEAD_BYTES + length > PROXY_HEADER_BYTES_MAX {
        return Err(ProxyError::Length);
    }
    let Some(block) = rest.get(..length) else { return Ok(None) };
    let source = match addresses {
        Addresses::Ignored => None,
        Addresses::V4 => source::<4>(block),
        Addresses::V6 => source::<16>(block),
    };
    Ok(Some(Header { len: HEAD_BYTES + length, source }))
}

/// Source address, destination address, source port, destination port.
fn source<const N: usize>(block: &[u8]) -> Option<SocketAddr>
where
    std::net::IpAddr: From<[u8; N]>,
{
    let (address, rest) = block.split_first_chunk::<N>()?;
    let port = rest.get(N..)?.first_chunk::<2>()?;
    Some(SocketAddr::new((*address).into(), u16::from_be_bytes(*port)))
}
