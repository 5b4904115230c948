//! The client's side of the opening handshake (RFC 6455 sections 4.1 and 4.2.2): the request written, the answer checked. Owns what proves
//! that the server speaks WebSocket; randomness is the caller's.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::upgrade::{HeadTooLarge, accept_value, has_token, head, lines_end_in_crlf, visible};
use crate::limits::UPGRADE_HEADERS_MAX;

/// An answer that is no acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// The server refused, with this HTTP status.
    Status(u16),
    /// The answer breaks the protocol: what is wrong with it.
    Bad(&'static str),
    /// The head has more bytes or more lines than are taken.
    TooLarge,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "WebSocket upgrade refused with status {status}"),
            Self::Bad(what) => write!(f, "bad answer to a WebSocket upgrade: {what}"),
            Self::TooLarge => f.write_str("answer to a WebSocket upgrade is too large"),
        }
    }
}

impl std::error::Error for AnswerError {}

/// Appends the request. `host` and `path` must be fit for a request's head: no white space, no line breaks. `key` is random, new for each connection.
pub fn write(out: &mut Vec<u8>, host: &str, path: &str, key: [u8; 16], subprotocol: Option<&str>) {
    for part in ["GET ", path, " HTTP/1.1\r\nHost: ", host] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(
        b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
    );
    out.extend_from_slice(STANDARD.encode(key).as_bytes());
    if let Some(name) = subprotocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(name.as_bytes());
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// Checks the answer at the start of `bytes`: the bytes of its head, behind which frames may follow at once, or `None` while it is incomplete. `key` and
/// `subprotocol` are what [`write()`] was given; the server must accept the one and choose the other.
pub fn parse_answer(
    bytes: &[u8],
    key: [u8; 16],
    subprotocol: Option<&str>,
) -> Result<Option<usize>, AnswerError> {
    let Some(head) = head(bytes).map_err(|HeadTooLarge| AnswerError::TooLarge)? else { return Ok(None) };
    if !lines_end_in_crlf(head) {
        return Err(AnswerError::Bad("line does not end in CR LF"));
    }
    let mut headers = [httparse::EMPTY_HEADER; UPGRADE_HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(AnswerError::TooLarge),
        Ok(_) | Err(_) => return Err(AnswerError::Bad("malformed HTTP response")),
    }
    match response.code {
        Some(101) if response.version == Some(1) => {}
        Some(101) => return Err(AnswerError::Bad("HTTP version is not 1.1")),
        status => return Err(AnswerError::Status(status.unwrap_or_default())),
    }
    let expected = accept_value(&STANDARD.encode(key));
    let only = |name| only(response.headers, name);
    if only("Sec-WebSocket-Accept")?.map(str::as_bytes) != Some(&expected) {
        return Err(AnswerError::Bad("Sec-WebSocket-Accept does not fit the key"));
    }
    if !only("Upgrade")?.is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return Err(AnswerError::Bad("no Upgrade: websocket"));
    }
    if !values(response.headers, "Connection")
        .any(|value| value.is_some_and(|list| has_token(list, "upgrade")))
    {
        return Err(AnswerError::Bad("Connection header without the token upgrade"));
    }
    if only("Sec-WebSocket-Protocol")? != subprotocol {
        return Err(AnswerError::Bad("another subprotocol than was asked for"));
    }
    if values(response.headers, "Sec-WebSocket-Extensions").next().is_some() {
        return Err(AnswerError::Bad("an extension that was not asked for"));
    }
    Ok(Some(head.len()))
}

/// The values of all headers of this name; `None` for one that is not visible ASCII.
fn values<'a>(headers: &[httparse::Header<'a>], name: &str) -> impl Iterator<Item = Option<&'a str>> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| visible(header.value))
}

/// The value of a header that must not come twice.
fn only<'a>(headers: &[httparse::Header<'a>], name: &str) -> Result<Option<&'a str>, AnswerError> {
    let mut values = values(headers, name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(Some(value)), None) => Ok(Some(value)),
        (Some(None), None) => Err(AnswerError::Bad("header value is not visible ASCII")),
        (Some(_), Some(_)) => Err(AnswerError::Bad("header comes twice")),
    }
}
