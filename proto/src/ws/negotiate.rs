//! The negotiation of permessage-deflate (RFC 7692 sections 5 and 7.1), the server's side: offers read, one chosen, the answer written. Owns which
//! offers are good; compression itself is [`super::deflate`]'s.
//!
//! No context is ever taken over, in either direction, so that a connection needs no memory of its own. An offer that breaks the RFC is declined, and the next one is
//! looked at; without a good one the connection goes on uncompressed.

/// The name of the extension.
const NAME: &str = "permessage-deflate";

/// How far back what we compress may refer: 2^8 to 2^15 bytes, as the client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Window {
    Bits8 = 8,
    Bits9 = 9,
    Bits10 = 10,
    Bits11 = 11,
    Bits12 = 12,
    Bits13 = 13,
    Bits14 = 14,
    Bits15 = 15,
}

impl Window {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Bits8,
        Self::Bits9,
        Self::Bits10,
        Self::Bits11,
        Self::Bits12,
        Self::Bits13,
        Self::Bits14,
        Self::Bits15,
    ];

    /// Its size in bytes.
    pub const fn bytes(self) -> usize {
        1 << self as u8
    }

    /// Its place in [`Window::ALL`].
    pub const fn ordinal(self) -> usize {
        self as usize - Self::Bits8 as usize
    }

    /// A decimal number of bits without leading zeros, as the RFC has it.
    fn parse(text: &str) -> Option<Self> {
        let bits = text.parse::<u8>().ok().filter(|_| !text.starts_with(['0', '+']))?;
        Self::ALL.into_iter().find(|window| *window as u8 == bits)
    }
}

/// An offer that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// How far back what we send may refer.
    pub window: Window,
    /// The client named a window, and must be told that it was heard.
    asked: bool,
}

impl Accepted {
    /// Chooses the first good one of the offers: the elements of `Sec-WebSocket-Extensions`, in the client's order.
    pub fn choose<'a>(offers: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        offers.into_iter().find_map(Self::of)
    }

    /// Appends the element that goes into the answer's `Sec-WebSocket-Extensions`.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(NAME.as_bytes());
        out.extend_from_slice(b"; server_no_context_takeover; client_no_context_takeover");
        if self.asked {
            out.extend_from_slice(format!("; server_max_window_bits={}", self.window as u8).as_bytes());
        }
    }

    /// Reads one offer; `None` if it is another extension's, or breaks the RFC.
    fn of(offer: &str) -> Option<Self> {
        const KNOWN: [&str; 4] = [
            "server_no_context_takeover",
            "client_no_context_takeover",
            "server_max_window_bits",
            "client_max_window_bits",
        ];
        let mut parts = offer.split(';').map(trim);
        if parts.next() != Some(NAME) {
            return None;
        }
        let mut seen = [false; KNOWN.len()];
        let mut accepted = Self { window: Window::Bits15, asked: false };
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (trim(name), Some(unquoted(trim(value))?)),
                None => (part, None),
            };
            let place = KNOWN.iter().position(|known| *known == name)?;
            if std::mem::replace(&mut seen[place], true) {
                return None;
            }
            match (place, value) {
                (0 | 1, None) => {}
                (2, Some(bits)) => accepted = Self { window: Window::parse(bits)?, asked: true },
                // The client could be told to keep to a smaller window; we take the largest, and tell nothing.
                (3, None) => {}
                (3, Some(bits)) if Window::parse(bits).is_some() => {}
                _ => return None,
            }
        }
        Some(accepted)
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A value may stand in quotes; what they hold must be a token all the same (RFC 6455 section 9.1).
fn unquoted(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"'),
        None => Some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(header: &str) -> Option<Accepted> {
        Accepted::choose(header.split(',').map(str::trim))
    }

    fn answer(header: &str) -> String {
        let mut out = Vec::new();
        choose(header).unwrap().write(&mut out);
        String::from_utf8(out).unwrap()
    }

    const PLAIN: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn what_browsers_offer_is_accepted_without_takeover() {
        assert_eq!(answer("permessage-deflate; client_max_window_bits"), PLAIN);
        assert_eq!(answer("permessage-deflate"), PLAIN);
        assert_eq!(answer("x-webkit-deflate-frame, permessage-deflate;client_max_window_bits=10"), PLAIN);
        assert_eq!(
            answer("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
            PLAIN
        );
    }

    #[test]
    fn a_window_is_heard_and_the_answer_says_so() {
        for window in Window::ALL {
            for header in [
                format!("permessage-deflate; server_max_window_bits={}", window as u8),
                format!("permessage-deflate ;\tserver_max_window_bits = \"{}\"", window as u8),
            ] {
                assert_eq!(choose(&header).map(|accepted| accepted.window), Some(window), "{header}");
                assert_eq!(answer(&header), format!("{PLAIN}; server_max_window_bits={}", window as u8));
            }
        }
    }

    #[test]
    fn an_offer_that_breaks_the_rfc_is_declined_and_the_next_one_is_taken() {
        for parameters in [
            "server_no_context_takeover=1",
            "client_no_context_takeover=\"\"",
            "server_max_window_bits",
            "server_max_window_bits=",
            "server_max_window_bits=7",
            "server_max_window_bits=16",
            "server_max_window_bits=08",
            "server_max_window_bits=+9",
            "server_max_window_bits=\"9",
            "server_max_window_bits=9; server_max_window_bits=9",
            "client_max_window_bits=",
            "client_max_window_bits=0",
            "client_max_window_bits; client_max_window_bits",
            "Server_No_Context_Takeover",
            "unknown",
            "",
        ] {
            let bad = format!("permessage-deflate; {parameters}");
            assert_eq!(choose(&bad), None, "{bad}");
            let next = choose(&format!("{bad}, permessage-deflate; server_max_window_bits=12"));
            assert_eq!(next.map(|accepted| accepted.window), Some(Window::Bits12), "{bad}");
        }
        assert_eq!(choose("permessage-bzip2, foo; bar=1"), None);
        assert_eq!(choose(""), None);
    }
}
