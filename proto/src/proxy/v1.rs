//! Version 1: a line of words. Owns its strict form: one space between words, numbers without sign and leading zeros.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use super::{Header, ProxyError, begins_with};
use crate::limits::PROXY_LINE_BYTES_MAX;

const BEGINNING: &[u8] = b"PROXY ";

pub(super) fn parse(bytes: &[u8]) -> Result<Option<Header>, ProxyError> {
    if !begins_with(bytes, BEGINNING) {
        return Err(ProxyError::Signature);
    }
    let line = &bytes[..bytes.len().min(PROXY_LINE_BYTES_MAX)];
    let printable = line.iter().take_while(|byte| matches!(byte, b' '..=b'~')).count();
    match line[printable..] {
        [b'\r', b'\n', ..] => {}
        [] | [b'\r'] if line.len() < PROXY_LINE_BYTES_MAX => return Ok(None),
        _ => return Err(ProxyError::Line),
    }
    let words = std::str::from_utf8(&line[..printable]).map_err(|_| ProxyError::Line)?;
    let words = words.get(BEGINNING.len()..).ok_or(ProxyError::Signature)?;
    Ok(Some(Header { len: printable + 2, source: source(words)? }))
}

/// What the line tells of the client.
fn source(words: &str) -> Result<Option<SocketAddr>, ProxyError> {
    let (protocol, rest) = words.split_once(' ').unwrap_or((words, ""));
    let found = match protocol {
        // Whatever stands behind it is to be ignored.
        "UNKNOWN" => return Ok(None),
        "TCP4" => addresses::<Ipv4Addr>(rest),
        "TCP6" => addresses::<Ipv6Addr>(rest),
        _ => None,
    };
    found.map(Some).ok_or(ProxyError::Words)
}

/// Source address, destination address, source port, destination port. The destination is checked and not kept.
fn addresses<A: FromStr + Into<IpAddr>>(words: &str) -> Option<SocketAddr> {
    let mut words = words.split(' ');
    let source: A = words.next()?.parse().ok()?;
    let _: A = words.next()?.parse().ok()?;
    let from = port(words.next()?)?;
    port(words.next()?)?;
    words.next().is_none().then(|| SocketAddr::new(source.into(), from))
}

fn port(word: &str) -> Option<u16> {
    let canonical = word == "0" || word.bytes().next().is_some_and(|first| matches!(first, b'1'..=b'9'));
    canonical.then(|| word.parse().ok())?
}
