//! A range of addresses, as an operator writes it: [`Cidr`]. Owns its notation and what is in it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// All addresses that begin with the same bits: `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    first: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether an address is one of them. An IPv4 address that is mapped into IPv6, as a socket for both gives it, counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (first, address) = match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (bits_of_v4(first.to_bits()), bits_of_v4(address.to_bits()))
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => (first.to_bits(), address.to_bits()),
            _ => return false,
        };
        first == address & mask(self.prefix)
    }
}

/// An IPv4 address's bits, at the place of the highest.
fn bits_of_v4(bits: u32) -> u128 {
    u128::from(bits) << 96
}

/// So many bits from the highest on.
fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl FromStr for Cidr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "is no range of addresses (expected one like 10.0.0.0/8 or 2001:db8::/32)";
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let first: IpAddr = address.parse().map_err(|_| expected)?;
        let bits = if first.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| expected)?
            }
            Some(_) => return Err(expected),
        };
        let range = Self { first, prefix };
        if prefix > bits {
            return Err("has a longer prefix than an address");
        }
        // One that does not contain its own first address has bits set behind its prefix, and was probably meant to be another.
        if first.to_canonical() != first {
            Err("is an IPv4 address in IPv6 notation (write it as IPv4)")
        } else if range.contains(first) {
            Ok(range)
        } else {
            Err("has bits set behind its prefix")
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn a_range_has_the_addresses_that_begin_like_it() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.255", "192.0.2.127"),
            ("192.0.2.1", "192.0.2.1", "192.0.2.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::"),
            ("::/0", "ffff::", "10.0.0.1"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
        ] {
            assert!(cidr(range).contains(inside.parse().unwrap()), "{inside} in {range}");
            assert!(!cidr(range).contains(outside.parse().unwrap()), "{outside} in {range}");
        }
        assert_eq!(
            (cidr("::1").to_string(), cidr("10.0.0.0/8").to_string()),
            ("::1/128".into(), "10.0.0.0/8".into())
        );
    }

    #[test]
    fn what_is_no_range_is_told_apart() {
        for text in ["", "/8", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "10.0.0.0/999", "10.0.0.0/8/8", "host"]
        {
            assert!(text.parse::<Cidr>().unwrap_err().starts_with("is no range"), "{text}");
        }
        assert!("10.0.0.0/33".parse::<Cidr>().unwrap_err().contains("longer prefix"));
        assert!("10.0.0.1/8".parse::<Cidr>().unwrap_err().contains("bits set"));
        assert!("::ffff:10.0.0.0/104".parse::<Cidr>().unwrap_err().contains("write it as IPv4"));
    }
}
