//! Headers as balancers write them, and as attackers do.

use proptest::prelude::*;

use std::net::IpAddr;

use super::*;
use crate::limits::{PROXY_HEADER_BYTES_MAX, PROXY_LINE_BYTES_MAX};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A binary header.
fn binary(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = (block.len() as u16).to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length, block].concat()
}

/// 203.0.113.7:49152 to 192.0.2.1:443.
const V4_BLOCK: [u8; 12] = [203, 0, 113, 7, 192, 0, 2, 1, 0xC0, 0, 1, 0xBB];

#[test]
fn lines_of_version_1_tell_the_source() {
    for (line, expected) in [
        ("PROXY TCP4 203.0.113.7 192.0.2.1 49152 443\r\n", Some(address("203.0.113.7:49152"))),
        (
            "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
            Some(address("255.255.255.255:65535")),
        ),
        ("PROXY TCP6 2001:db8::7 ::1 0 443\r\n", Some(address("[2001:db8::7]:0"))),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN ffff:f...f:ffff some words of any kind\r\n", None),
    ] {
        let followed = format!("{line}GET / HTTP/1.1\r\n");
        let header = Header { len: line.len(), source: expected };
        assert_eq!(parse(followed.as_bytes()), Ok(Some(header)), "{line}");
        fuzz(followed.as_bytes());
    }
}

#[test]
fn the_longest_line_of_version_1_is_taken_and_no_longer_one() {
    let words = "PROXY UNKNOWN ".len() + "\r\n".len();
    let line =
        |extra: usize| format!("PROXY UNKNOWN {}\r\n", "x".repeat(PROXY_LINE_BYTES_MAX - words + extra));
    assert_eq!(parse(line(0).as_bytes()), Ok(Some(Header { len: PROXY_LINE_BYTES_MAX, source: None })));
    assert_eq!(parse(line(1).as_bytes()), Err(ProxyError::Line));
    let endless = [b"PROXY UNKNOWN ".as_slice(), &[b'x'; PROXY_LINE_BYTES_MAX]].concat();
    assert_eq!(parse(&endless[..PROXY_LINE_BYTES_MAX - 1]), Ok(None));
    assert_eq!(parse(&endless), Err(ProxyError::Line));
}

#[test]
fn words_that_are_not_written_as_they_must_be_are_refused() {
    for words in [
        "TCP4 203.0.113.7 192.0.2.1 49152",
        "TCP4 203.0.113.7 192.0.2.1 49152 443 ",
        "TCP4  203.0.113.7 192.0.2.1 49152 443",
        "TCP4 203.0.113.7 192.0.2.1 49152 443 1",
        "TCP4 203.0.113.7 192.0.2.1 +49152 443",
        "TCP4 203.0.113.7 192.0.2.1 049152 443",
        "TCP4 203.0.113.7 192.0.2.1 65536 443",
        "TCP4 203.0.113.7 192.0.2.1 49152 -1",
        "TCP4 203.0.113.07 192.0.2.1 1 1",
        "TCP4 203.0.113.256 192.0.2.1 1 1",
        "TCP4 203.0.113 192.0.2.1 1 1",
        "TCP4 ::1 ::1 1 1",
        "TCP6 203.0.113.7 192.0.2.1 1 1",
        "TCP6 fe80::1%eth0 ::1 1 1",
        "TCP6 [::1] ::1 1 1",
        "TCP4",
        "TCP5 203.0.113.7 192.0.2.1 1 1",
        "tcp4 203.0.113.7 192.0.2.1 1 1",
        "UNKNOWNS",
        "",
    ] {
        assert_eq!(parse(format!("PROXY {words}\r\n").as_bytes()), Err(ProxyError::Words), "{words}");
    }
    for line in [
        "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n",
        "PROXY UNKNOWN \0\r\n",
        "PROXY UNKNOWN é\r\n",
        "PROXY UNKNOWN\r\r\n",
    ] {
        assert_eq!(parse(line.as_bytes()), Err(ProxyError::Line), "{line:?}");
        fuzz(line.as_bytes());
    }
    for other in
        ["PROXY\r\n", "proxy TCP4", "GET / HTTP/1.1\r\n", "HFT1", "\u{16}\u{3}\u{1}", "\r\n\r\n\0\r\nQUIT\r"]
    {
        assert_eq!(parse(other.as_bytes()), Err(ProxyError::Signature), "{other:?}");
    }
}

#[test]
fn binary_headers_tell_the_source_and_their_extensions_are_skipped() {
    let ipv6: Vec<u8> = [[0x20; 16], [0x21; 16]].concat().into_iter().chain([0, 80, 1, 0xBB]).collect();
    let extended = [&V4_BLOCK[..], b"\x04\x00\x02..", b"not even an extension"].concat();
    let v4 = Some(address("203.0.113.7:49152"));
    for (command, family, block, expected) in [
        (0x21, 0x11, &V4_BLOCK[..], v4),
        (0x21, 0x11, &extended, v4),
        (0x21, 0x21, &ipv6, Some(address("[2020:2020:2020:2020:2020:2020:2020:2020]:80"))),
        (0x21, 0x00, b"", None),
        (0x21, 0x00, b"whatever", None),
        (0x21, 0x31, &[b'/'; 216], None),
        (0x20, 0x00, b"", None),
        (0x20, 0x11, &V4_BLOCK, None),
        (0x20, 0xFF, b"x", None),
    ] {
        let header = binary(command, family, block);
        let followed = [&header[..], b"HFT1"].concat();
        assert_eq!(parse(&followed), Ok(Some(Header { len: header.len(), source: expected })), "{header:?}");
        fuzz(&followed);
    }
}

#[test]
fn a_binary_header_is_refused_before_its_length_is_awaited() {
    for (command, family, error) in [
        (0x11, 0x11, ProxyError::Command),
        (0x31, 0x11, ProxyError::Command),
        (0x22, 0x11, ProxyError::Command),
        (0x21, 0x12, ProxyError::Family),
        (0x21, 0x32, ProxyError::Family),
        (0x21, 0x01, ProxyError::Family),
        (0x21, 0x41, ProxyError::Family),
    ] {
        let header = binary(command, family, &V4_BLOCK);
        assert_eq!(parse(&header), Err(error));
        assert_eq!(parse(&header[..14]), Err(error), "as early as the bytes show it");
    }
    assert_eq!(parse(&binary(0x21, 0x11, &V4_BLOCK[..11])), Err(ProxyError::Length));
    assert_eq!(parse(&binary(0x21, 0x21, &V4_BLOCK)), Err(ProxyError::Length));
    let room = PROXY_HEADER_BYTES_MAX - 16;
    let largest = binary(0x21, 0x00, &vec![0; room]);
    assert_eq!(parse(&largest), Ok(Some(Header { len: PROXY_HEADER_BYTES_MAX, source: None })));
    assert_eq!(parse(&binary(0x21, 0x00, &vec![0; room + 1])[..16]), Err(ProxyError::Length));
    assert_eq!(parse(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xFF\xFF"), Err(ProxyError::Length));
}

/// Bytes that are a header with one thing wrong, more often than not.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let line = "PROXY (TCP4|TCP6|UNKNOWN|TCP) ?[0-9a-f:.]{0,12} [0-9.:]{1,12} [0-9]{1,6} [0-9]{0,6}\r?\n?";
    let block = proptest::collection::vec(any::<u8>(), 0..300);
    let head =
        (prop_oneof![Just(0x20), Just(0x21), any::<u8>()], prop_oneof![Just(0x11), Just(0x21), any::<u8>()]);
    prop_oneof![
        line.prop_map(String::into_bytes),
        (head, block).prop_map(|((command, family), block)| binary(command, family, &block)),
        proptest::collection::vec(any::<u8>(), 0..64),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_it_means_the_same_however_it_is_cut(bytes in almost(), rest in proptest::collection::vec(any::<u8>(), 0..8)) {
        fuzz(&[bytes, rest].concat());
    }

    #[test]
    fn every_address_comes_back_in_both_versions(source: SocketAddr, destination: [u8; 4]) {
        // A flow label or a scope has no place in a header.
        let source = SocketAddr::new(source.ip(), source.port());
        let to = std::net::Ipv4Addr::from(destination);
        let (name, to, family) = match source {
            SocketAddr::V4(_) => ("TCP4", IpAddr::from(to), 0x11),
            SocketAddr::V6(_) => ("TCP6", IpAddr::from(to.to_ipv6_mapped()), 0x21),
        };
        let line = format!("PROXY {name} {} {to} {} 443\r\n", source.ip(), source.port());
        prop_assert_eq!(parse(line.as_bytes()), Ok(Some(Header { len: line.len(), source: Some(source) })));
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let block = [&octets(source.ip())[..], &octets(to), &source.port().to_be_bytes(), &[1, 0xBB]].concat();
        let header = binary(0x21, family, &block);
        prop_assert_eq!(parse(&header), Ok(Some(Header { len: header.len(), source: Some(source) })));
    }
}
