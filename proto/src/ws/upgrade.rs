//! The server's side of the opening handshake (RFC 6455 sections 4.2.1 and 4.2.2): the request read in place, the answer written. Owns what is an
//! acceptable request, and the HTTP answer to one that is not; which hosts, origins and paths are welcome is the gateway's to say.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use httparse::Header;
use memchr::{memchr_iter, memmem};
use sha1::{Digest as _, Sha1};

use super::Subprotocol;
use super::negotiate::Accepted;
use crate::limits::{UPGRADE_HEAD_BYTES_MAX, UPGRADE_HEADERS_MAX};

/// Lines of `Sec-WebSocket-Protocol` in one request, and of `Sec-WebSocket-Extensions`; the offer is usually one line.
const OFFER_LINES_MAX: usize = 4;

/// What is appended to the key before it is hashed (RFC 6455 section 1.3).
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An acceptable request; everything borrows from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upgrade<'a> {
    /// The request target: a path, perhaps with a query.
    pub path: &'a str,
    /// The `Host` header.
    pub host: &'a str,
    /// The `Origin` header, which browsers send.
    pub origin: Option<&'a str>,
    /// The `Sec-WebSocket-Key` header, for [`accept`].
    pub key: &'a str,
    /// Bytes of the request's head: frames may follow at once.
    pub head_len: usize,
    protocols: Lines<'a>,
    extensions: Lines<'a>,
}

impl<'a> Upgrade<'a> {
    /// The subprotocols that are offered, in the client's order.
    pub fn protocols(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.protocols.0.into_iter().flat_map(tokens)
    }

    /// The extensions that are offered, each with its parameters, in the client's order. A comma inside a quoted value, which the RFC does not allow,
    /// is taken for the end of an offer.
    pub fn extensions(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.extensions.0.into_iter().flat_map(tokens)
    }

    /// The first offered subprotocol that Holdfast speaks.
    pub fn subprotocol(&self) -> Result<Subprotocol, UpgradeError> {
        self.protocols().find_map(Subprotocol::from_name).ok_or(UpgradeError::NoSubprotocol)
    }
}

/// A request that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeError {
    /// 400: what is wrong with the request.
    Bad(&'static str),
    /// 400: none of the offered subprotocols is spoken here.
    NoSubprotocol,
    /// 403: what about the request is not welcome here.
    Forbidden(&'static str),
    /// 404: nothing is served at this path.
    NoSuchPath,
    /// 405: not GET.
    Method,
    /// 426: an HTTP request that asks for no WebSocket.
    NotWebSocket,
    /// 426: another version of WebSocket than 13.
    Version,
    /// 431: the head has more bytes or more lines than are taken.
    TooLarge,
}

/// Reads the request at the start of `bytes`; `None` while its head is incomplete. At most [`UPGRADE_HEAD_BYTES_MAX`] bytes are looked at.
pub fn parse(bytes: &[u8]) -> Result<Option<Upgrade<'_>>, UpgradeError> {
    parse_on(bytes, 0)
}

/// The same, for bytes of which the first `searched` have been given before: the end of the head is looked for behind them only. So a head costs no more when
/// it comes byte by byte.
pub fn parse_on(bytes: &[u8], searched: usize) -> Result<Option<Upgrade<'_>>, UpgradeError> {
    let Some(head) = head_on(bytes, searched).map_err(|HeadTooLarge| UpgradeError::TooLarge)? else {
        return Ok(None);
    };
    if !lines_end_in_crlf(head) {
        return Err(UpgradeError::Bad("line does not end in CR LF"));
    }
    let mut headers = [httparse::EMPTY_HEADER; UPGRADE_HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(UpgradeError::TooLarge),
        Ok(_) | Err(_) => return Err(UpgradeError::Bad("malformed HTTP request")),
    }
    if request.method != Some("GET") {
        return Err(UpgradeError::Method);
    }
    if request.version != Some(1) {
        return Err(UpgradeError::Bad("HTTP version is not 1.1"));
    }
    let path = request.path.filter(|path| path.starts_with('/'));
    let path = path.ok_or(UpgradeError::Bad("request target is not a path"))?;
    let fields = Fields::collect(request.headers)?;
    fields.check(path, head.len()).map(Some)
}

/// Appends the answer that accepts, without an extension. `key` is [`Upgrade::key`]; an echo server has no subprotocol.
pub fn accept(out: &mut Vec<u8>, key: &str, subprotocol: Option<&str>) {
    accept_with(out, key, subprotocol, None);
}

/// The same, with the extension that was chosen from [`Upgrade::extensions`].
pub fn accept_with(out: &mut Vec<u8>, key: &str, subprotocol: Option<&str>, deflate: Option<Accepted>) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
    );
    out.extend_from_slice(&accept_value(key));
    if let Some(name) = subprotocol {
        out.extend_from_slice(b"\r\nSec-WebSocket-Protocol: ");
        out.extend_from_slice(name.as_bytes());
    }
    if let Some(accepted) = deflate {
        out.extend_from_slice(b"\r\nSec-WebSocket-Extensions: ");
        accepted.write(out);
    }
    out.extend_from_slice(b"\r\n\r\n");
}

/// The value of `Sec-WebSocket-Accept` that proves the key was read.
pub(super) fn accept_value(key: &str) -> [u8; 28] {
    let hash = Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize();
    let mut value = [0; 28];
    STANDARD.encode_slice(hash, &mut value).expect("20 bytes make 28 characters");
    value
}

impl UpgradeError {
    /// Appends the whole answer that refuses; the connection must be closed after it.
    pub fn respond(self, out: &mut Vec<u8>) {
        let (status, header) = match self {
            Self::Bad(_) | Self::NoSubprotocol => ("400 Bad Request", ""),
            Self::Forbidden(_) => ("403 Forbidden", ""),
            Self::NoSuchPath => ("404 Not Found", ""),
            Self::Method => ("405 Method Not Allowed", "Allow: GET\r\n"),
            Self::NotWebSocket => ("426 Upgrade Required", "Upgrade: websocket\r\n"),
            Self::Version => ("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
            Self::TooLarge => ("431 Request Header Fields Too Large", ""),
        };
        let (text, connection) =
            (self.text(), if header.contains("Upgrade") { "Upgrade, close" } else { "close" });
        let answer = format!(
            "HTTP/1.1 {status}\r\n{header}Connection: {connection}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}\n",
            text.len() + 1
        );
        out.extend_from_slice(answer.as_bytes());
    }

    fn text(self) -> &'static str {
        match self {
            Self::Bad(what) | Self::Forbidden(what) => what,
            Self::NoSuchPath => "nothing is served at this path",
            Self::NoSubprotocol => "no common subprotocol: holdfast.v1.proto and holdfast.v1.json are spoken",
            Self::Method => "method is not GET",
            Self::NotWebSocket => "this is a WebSocket endpoint",
            Self::Version => "WebSocket version is not 13",
            Self::TooLarge => "request head is too large",
        }
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "upgrade refused: {}", self.text())
    }
}

impl std::error::Error for UpgradeError {}

/// The lines of a header that may come more than once; those that did not come are empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lines<'a>([&'a str; OFFER_LINES_MAX]);

impl<'a> Lines<'a> {
    /// Adds a line, if there is room.
    fn add(&mut self, line: &'a str) -> Option<()> {
        *self.0.iter_mut().find(|free| free.is_empty())? = line;
        Some(())
    }
}

/// The headers that matter, each at most once.
#[derive(Default)]
struct Fields<'a> {
    host: Option<&'a str>,
    origin: Option<&'a str>,
    key: Option<&'a str>,
    version: Option<&'a str>,
    upgrade: Option<&'a str>,
    connection_upgrades: bool,
    protocols: Lines<'a>,
    extensions: Lines<'a>,
}

impl<'a> Fields<'a> {
    fn collect(headers: &[Header<'a>]) -> Result<Self, UpgradeError> {
        let mut fields = Self::default();
        for Header { name, value } in headers {
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            let text = || visible(value).ok_or(UpgradeError::Bad("header value is not visible ASCII"));
            let once = |field: &mut Option<&'a str>, twice| match field.replace(text()?) {
                None => Ok(()),
                Some(_) => Err(UpgradeError::Bad(twice)),
            };
            if is("Host") {
                once(&mut fields.host, "two Host headers")?;
            } else if is("Origin") {
                once(&mut fields.origin, "two Origin headers")?;
            } else if is("Upgrade") {
                once(&mut fields.upgrade, "two Upgrade headers")?;
            } else if is("Connection") {
                fields.connection_upgrades |= has_token(text()?, "upgrade");
            } else if is("Sec-WebSocket-Key") {
                once(&mut fields.key, "two Sec-WebSocket-Key headers")?;
            } else if is("Sec-WebSocket-Version") {
                once(&mut fields.version, "two Sec-WebSocket-Version headers")?;
            } else if is("Sec-WebSocket-Protocol") {
                fields
                    .protocols
                    .add(text()?)
                    .ok_or(UpgradeError::Bad("too many Sec-WebSocket-Protocol headers"))?;
            } else if is("Sec-WebSocket-Extensions") {
                fields
                    .extensions
                    .add(text()?)
                    .ok_or(UpgradeError::Bad("too many Sec-WebSocket-Extensions headers"))?;
            } else if is("Transfer-Encoding") || (is("Content-Length") && *value != b"0") {
                return Err(UpgradeError::Bad("request has a body"));
            }
        }
        Ok(fields)
    }

    fn check(self, path: &'a str, head_len: usize) -> Result<Upgrade<'a>, UpgradeError> {
        let host = self.host.filter(|host| !host.is_empty());
        let host = host.ok_or(UpgradeError::Bad("no Host header"))?;
        if !self.upgrade.is_some_and(|upgrade| has_token(upgrade, "websocket")) {
            return Err(UpgradeError::NotWebSocket);
        }
        if !self.connection_upgrades {
            return Err(UpgradeError::Bad("Connection header without the token upgrade"));
        }
        match self.version {
            Some("13") => {}
            Some(_) => return Err(UpgradeError::Version),
            None => return Err(UpgradeError::Bad("no Sec-WebSocket-Version header")),
        }
        let key = self.key.ok_or(UpgradeError::Bad("no Sec-WebSocket-Key header"))?;
        if !is_key(key) {
            return Err(UpgradeError::Bad("Sec-WebSocket-Key is not 16 bytes in base64"));
        }
        let Self { origin, protocols, extensions, .. } = self;
        Ok(Upgrade { path, host, origin, key, head_len, protocols, extensions })
    }
}

/// There is no end of the head within [`UPGRADE_HEAD_BYTES_MAX`].
pub(super) struct HeadTooLarge;

/// The head at the start of `bytes`, its empty line included.
pub(super) fn head(bytes: &[u8]) -> Result<Option<&[u8]>, HeadTooLarge> {
    head_on(bytes, 0)
}

/// The same, if it does not end in the first `searched` bytes.
fn head_on(bytes: &[u8], searched: usize) -> Result<Option<&[u8]>, HeadTooLarge> {
    let window = &bytes[..bytes.len().min(UPGRADE_HEAD_BYTES_MAX)];
    // Its last four bytes may have begun among those.
    let from = searched.saturating_sub(3).min(window.len());
    match memmem::find(&window[from..], b"\r\n\r\n") {
        Some(end) => Ok(Some(&window[..from + end + 4])),
        None if bytes.len() < UPGRADE_HEAD_BYTES_MAX => Ok(None),
        None => Err(HeadTooLarge),
    }
}

/// The parser takes a bare LF for a line's end; two parties that disagree about lines are how requests are smuggled.
pub(super) fn lines_end_in_crlf(head: &[u8]) -> bool {
    memchr_iter(b'\n', head).all(|at| at > 0 && head[at - 1] == b'\r')
}

pub(super) fn has_token(list: &str, token: &str) -> bool {
    tokens(list).any(|other| other.eq_ignore_ascii_case(token))
}

/// The elements of a comma-separated list; empty ones do not count (RFC 9110 section 5.6.1).
fn tokens(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|token| token.trim_matches([' ', '\t'])).filter(|token| !token.is_empty())
}

pub(super) fn visible(value: &[u8]) -> Option<&str> {
    let plain = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if plain { std::str::from_utf8(value).ok() } else { None }
}

/// 22 characters of base64 and the padding. The unused low bits of the last character are not looked at: not all clients clear them.
fn is_key(key: &str) -> bool {
    let characters = key.strip_suffix("==").unwrap_or_default();
    characters.len() == 22 && characters.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}
