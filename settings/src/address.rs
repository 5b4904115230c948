//! [`LinkAddress`]: where a link between our own processes begins or ends. Owns the spelling and its bounds; sockets are the shells'.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use crate::value::Setting;

/// What a Unix socket's address begins with.
const UNIX: &str = "unix:";
/// Bytes of a Unix socket's path: `sun_path` has 108 with the final zero (unix(7)).
const PATH_BYTES_MAX: usize = 107;

/// A TCP address, as `127.0.0.1:7410`, or a Unix socket's path, as `unix:/run/holdfast/state.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkAddress {
    /// By TCP.
    Tcp(SocketAddr),
    /// By a socket in the file system of this machine.
    Unix(PathBuf),
}

impl LinkAddress {
    /// Whether it can be reached from this machine alone.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// The TCP address, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for LinkAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for LinkAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for LinkAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix(UNIX) else {
            return text.parse().map(Self::Tcp).map_err(|_| {
                "is no address (expected host:port, the host as a number, or unix:PATH)".to_owned()
            });
        };
        if path.is_empty() || path.contains('\0') {
            return Err("has no path after unix:".into());
        }
        if path.len() > PATH_BYTES_MAX {
            return Err(format!("is too long for a socket (its path has more than {PATH_BYTES_MAX} bytes)"));
        }
        Ok(Self::Unix(path.into()))
    }
}

impl Setting for LinkAddress {
    const KIND: &'static str = "ADDRESS";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_port_or_a_path() {
        for (text, local) in [
            ("127.0.0.1:7410", true),
            ("[::1]:7410", true),
            ("10.0.0.1:7410", false),
            ("unix:/run/state.sock", true),
            ("unix:state.sock", true),
        ] {
            let address = LinkAddress::parse(text).unwrap();
            assert_eq!((&*address.show(), address.is_local()), (text, local));
        }
    }

    #[test]
    fn what_is_no_address_says_what_was_expected() {
        for text in ["", "localhost:7410", "/run/state.sock", "127.0.0.1"] {
            assert!(LinkAddress::parse(text).unwrap_err().contains("unix:PATH"), "{text}");
        }
        assert_eq!(LinkAddress::parse("unix:"), Err("has no path after unix:".into()));
        assert!(LinkAddress::parse(&format!("unix:/{}", "a".repeat(106))).is_ok());
        assert!(LinkAddress::parse(&format!("unix:/{}", "a".repeat(107))).unwrap_err().contains("107 bytes"));
    }
}
