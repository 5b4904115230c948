//! Where the edge is: [`Address`], read from `ws://host:port/path` or `tcp://host:port`. Owns the syntax; resolving the name is the shell's business.

use std::fmt;
use std::str::FromStr;

/// A parsed URL. IPv6 addresses stand in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    websocket: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why a URL was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(&'static str);

impl Address {
    /// Whether it names a WebSocket; otherwise raw TCP.
    pub fn is_websocket(&self) -> bool {
        self.websocket
    }

    /// The name or address of the host, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path of a WebSocket's URL, with its query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same at another host and port, given as they stand in a URL.
    pub fn moved_to(&self, authority: &str) -> Result<Self, AddressError> {
        let scheme = if self.websocket { "ws" } else { "tcp" };
        let moved: Self = format!("{scheme}://{authority}").parse()?;
        if moved.authority() != authority {
            return Err(AddressError("must be a host and a port"));
        }
        Ok(Self { path: self.path.clone(), ..moved })
    }

    /// Host and port as they stand in a URL and in a `Host` header.
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        if url.bytes().any(|byte| byte <= b' ' || byte >= 0x7F) {
            return Err(AddressError("has white space or a character beyond ASCII"));
        }
        let (websocket, rest) = if let Some(rest) = url.strip_prefix("ws://") {
            (true, rest)
        } else if let Some(rest) = url.strip_prefix("tcp://") {
            (false, rest)
        } else {
            return Err(AddressError("must begin with ws:// or tcp://"));
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if path.contains('#') || authority.contains('@') {
            return Err(AddressError("must have neither user nor fragment"));
        }
        if !websocket && !matches!(path, "" | "/") {
            return Err(AddressError("must have no path after a tcp:// host and port"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                (host, port.parse().map_err(|_| AddressError("must have a port from 0 to 65535"))?)
            }
            _ if websocket => (authority, 80),
            _ => return Err(AddressError("must name a port")),
        };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() || (bare.is_none() && host.contains(':')) {
            return Err(AddressError("must name a host, an IPv6 address in brackets"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { websocket, host: host.to_owned(), port, path })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.websocket {
            write!(f, "ws://{}{}", self.authority(), self.path)
        } else {
            write!(f, "tcp://{}", self.authority())
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart_and_put_together_again() {
        for (url, host, port, path, again) in [
            ("ws://127.0.0.1:7400/", "127.0.0.1", 7400, "/", "ws://127.0.0.1:7400/"),
            ("ws://edge", "edge", 80, "/", "ws://edge:80/"),
            ("ws://[::1]:7400/a?b=c", "::1", 7400, "/a?b=c", "ws://[::1]:7400/a?b=c"),
            ("ws://[::1]?b", "::1", 80, "/?b", "ws://[::1]:80/?b"),
            ("tcp://edge:7400", "edge", 7400, "/", "tcp://edge:7400"),
            ("tcp://[::1]:1/", "::1", 1, "/", "tcp://[::1]:1"),
        ] {
            let address: Address = url.parse().unwrap();
            assert_eq!((address.host(), address.port(), address.path()), (host, port, path), "{url}");
            assert_eq!(address.to_string(), again);
        }
    }

    #[test]
    fn an_address_moves_with_its_protocol_and_path() {
        let address: Address = "ws://edge/a?b=c".parse().unwrap();
        assert_eq!(address.moved_to("[::1]:7400").unwrap().to_string(), "ws://[::1]:7400/a?b=c");
        for authority in ["", "edge", "edge:1/other", "user@edge:1", "edge:1?x", "edge:65536"] {
            assert!(address.moved_to(authority).is_err(), "{authority}");
        }
    }

    #[test]
    fn what_is_no_url_of_ours_is_refused() {
        for url in [
            "",
            "edge:7400",
            "wss://edge/",
            "http://edge/",
            "tcp://edge",
            "tcp://edge:7400/x",
            "tcp://:1",
            "ws://",
            "ws://a b/",
            "ws://a\r\nb/",
            "ws://a:99999/",
            "ws://::1/",
            "ws://u@h/",
            "ws://h/#f",
            "ws://[]:1/",
        ] {
            assert!(url.parse::<Address>().is_err(), "{url}");
        }
    }
}
