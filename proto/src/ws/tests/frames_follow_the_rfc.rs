//! One header at a time: RFC 6455 sections 5.2, 5.3, 5.5 and the examples of 5.7.

use proptest::prelude::*;

use super::super::{close, frame as write};
use super::*;
use crate::close::CloseReason;

#[test]
fn the_examples_of_the_rfc_are_read() {
    let from_server = |bytes: &[u8]| receive(Role::Client, WIDE, [bytes]);
    let hello = || Owned::Text("Hello".into());
    assert_eq!(from_server(b"\x81\x05Hello"), (vec![hello()], Ok(())));
    assert_eq!(raw(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), (vec![hello()], Ok(())));
    assert_eq!(from_server(b"\x01\x03Hel\x80\x02lo"), (vec![hello()], Ok(())));
    assert_eq!(from_server(b"\x89\x05Hello"), (vec![Owned::Ping(b"Hello".into())], Ok(())));
    assert_eq!(
        raw(b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        (vec![Owned::Pong(b"Hello".into())], Ok(()))
    );
    let medium = [b"\x82\x7e\x01\x00".as_slice(), &[7; 256]].concat();
    assert_eq!(from_server(&medium), (vec![Owned::Binary(vec![7; 256])], Ok(())));
    let large = [b"\x82\x7f\0\0\0\0\0\x01\0\0".as_slice(), &vec![7; 65536][..]].concat();
    assert_eq!(from_server(&large), (vec![Owned::Binary(vec![7; 65536])], Ok(())));
}

#[test]
fn the_examples_of_the_rfc_are_written() {
    let written = |opcode, mask, payload: &[u8]| {
        let mut out = Vec::new();
        write::append(&mut out, opcode, mask, &[payload]);
        out
    };
    assert_eq!(written(Opcode::Text, None, b"Hello"), b"\x81\x05Hello");
    assert_eq!(written(Opcode::Text, Some(KEY), b"Hello"), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_eq!(written(Opcode::Binary, None, &[0; 256])[..4], *b"\x82\x7e\x01\x00");
    assert_eq!(written(Opcode::Binary, None, &vec![0; 65536])[..10], *b"\x82\x7f\0\0\0\0\0\x01\0\0");
}

/// A stream of bytes that a server must refuse as against the protocol, and from how many bytes on.
fn refused(bytes: &[u8]) -> &'static str {
    for cut in 0..bytes.len() {
        assert_eq!(raw(&bytes[..cut]), (vec![], Ok(())), "refused before its last byte");
    }
    match raw(bytes) {
        (events, Err(WsError::Protocol(what))) if events.is_empty() => what,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bad_header_is_refused_at_the_byte_that_is_wrong() {
    for reserved_bit in [0x40, 0x20, 0x10] {
        assert_eq!(refused(&[0x82 | reserved_bit]), "reserved bit set");
    }
    for opcode in [0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF] {
        assert_eq!(refused(&[0x80 | opcode]), "reserved opcode");
    }
    for control in [0x08, 0x09, 0x0A] {
        assert_eq!(refused(&[control]), "fragmented control frame");
        assert_eq!(refused(&[0x80 | control, 0xFE]), "control frame over 125 bytes");
        assert_eq!(refused(&[0x80 | control, 0xFF]), "control frame over 125 bytes");
    }
    assert_eq!(refused(b"\x82\x05"), "unmasked frame from a client");
    assert_eq!(refused(b"\x82\xfe\x00\x7d"), "length not in its shortest form");
    assert_eq!(refused(b"\x82\xff\0\0\0\0\0\0\xff\xff"), "length not in its shortest form");
    assert_eq!(refused(b"\x82\xff\x80\0\0\0\0\x01\0\0"), "length with its highest bit set");
    assert_eq!(refused(b"\x80"), "continuation of nothing");
    let masked = receive(Role::Client, WIDE, [b"\x82\x85".as_slice()]);
    assert_eq!(masked, (vec![], Err(WsError::Protocol("masked frame from a server"))));
}

#[test]
fn a_length_over_the_limit_is_refused_from_the_header_alone() {
    let limits = Limits { message_bytes: 125, fragments: 1 };
    let read = |bytes: &[u8]| receive(Role::Server, limits, [bytes]).1;
    assert_eq!(read(b"\x82\xfd\0\0\0\0"), Ok(()));
    assert_eq!(read(b"\x82\xfe\x00\x7e\0\0\0\0"), Err(WsError::TooBig));
    assert_eq!(read(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"), Err(WsError::TooBig));
    let boundless = Limits { message_bytes: usize::MAX, fragments: 1 };
    let huge =
        receive(Role::Server, boundless, [b"\x82\xff\x00\x00\x00\x01\x00\x00\x00\x00\0\0\0\0".as_slice()]);
    assert_eq!(huge.1, Err(WsError::TooBig), "4 GiB is the end");
}

#[test]
fn a_close_is_taken_with_every_code_that_may_be_sent_and_no_other() {
    let closed = |payload: &[u8]| stream(&[(true, Opcode::Close, payload)]);
    assert_eq!(closed(b""), (vec![Owned::Close(None, String::new())], Ok(())));
    assert_eq!(closed(b"\x03\xe8bye"), (vec![Owned::Close(Some(1000), "bye".into())], Ok(())));
    assert_eq!(closed(b"\x03"), (vec![], Err(WsError::Protocol("close payload of 1 byte"))));
    assert_eq!(closed(b"\x03\xe8\xff"), (vec![], Err(WsError::Utf8)));
    let good: Vec<u16> = (0..=u16::MAX).filter(|code| closed(&code.to_be_bytes()).1.is_ok()).collect();
    let expected: Vec<u16> = (1000..=1003).chain(1007..=1014).chain(3000..=4999).collect();
    assert_eq!(good, expected);
}

#[test]
fn a_close_that_we_write_is_one_that_we_would_take() {
    for reason in CloseReason::ALL.iter().filter(|reason| reason.websocket_code() != 0) {
        let mut out = Vec::new();
        close::append(&mut out, Some(KEY), Some(reason.websocket_code()), reason.sentence());
        let expected = Owned::Close(Some(reason.websocket_code()), reason.sentence().into());
        assert_eq!(raw(&out), (vec![expected], Ok(())));
    }
    let mut out = Vec::new();
    close::append(&mut out, None, Some(1000), &"ä".repeat(100));
    assert_eq!(receive(Role::Client, WIDE, [&out[..]]).0, [Owned::Close(Some(1000), "ä".repeat(61))]);
    out.clear();
    close::append(&mut out, None, None, "unsaid");
    assert_eq!(out, [0x88, 0]);
}

#[test]
fn each_error_has_its_close_code_and_reason() {
    assert_eq!(WsError::Protocol("").close_code(), 1002);
    assert_eq!(WsError::Utf8.close_code(), 1007);
    assert_eq!(WsError::TooBig.close_code(), 1009);
    assert_eq!(CloseReason::from(WsError::Utf8), CloseReason::FrameUtf8);
}

#[test]
fn an_answer_is_written_in_front_of_the_payload_it_repeats() {
    for length in [0, 1, 125, 126, 65_535, 65_536] {
        let payload = vec![b'x'; length];
        let mut bytes = frame(Role::Server, true, Opcode::Binary, &payload);
        let (mut receiver, mut at) = (super::super::Receiver::new(Role::Server), 0);
        let found = receiver.take(&mut bytes, &mut at, &WIDE).unwrap().unwrap();
        let answer = write::head_in_front(&mut bytes, found.opcode, found.payload.unwrap());
        assert_eq!(answer, 4..at, "a server's header is four bytes shorter");
        assert_eq!(receive(Role::Client, WIDE, [&bytes[answer]]), (vec![Owned::Binary(payload)], Ok(())));
    }
}

proptest! {
    #[test]
    fn masking_agrees_with_the_formula_of_the_rfc(bytes: Vec<u8>, key: [u8; 4], offset in 0usize..9) {
        let mut masked = bytes.clone();
        let ascii = mask::apply(&mut masked, key, offset);
        prop_assert_eq!(ascii, masked.is_ascii());
        let formula: Vec<u8> = bytes.iter().zip(offset..).map(|(byte, i)| byte ^ key[i % 4]).collect();
        prop_assert_eq!(masked, formula);
    }

    #[test]
    fn unmasking_on_the_way_is_unmasking_and_moving(
        bytes in prop::collection::vec(any::<u8>(), 0..400), key: [u8; 4], places: [prop::sample::Index; 3],
    ) {
        let mut places = places.map(|place| place.index(bytes.len() + 1));
        places.sort_unstable();
        let [to, start, end] = places;
        let mut expected = bytes[start..end].to_vec();
        mask::apply(&mut expected, key, 0);
        let mut moved = bytes.clone();
        let ascii = mask::apply_and_move::<true>(&mut moved, start..end, to, key);
        prop_assert_eq!(ascii, expected.is_ascii());
        prop_assert_eq!(&moved[to..to + expected.len()], &expected[..]);
        prop_assert_eq!(&moved[..to], &bytes[..to]);
        prop_assert_eq!(&moved[end..], &bytes[end..]);
    }

    #[test]
    fn a_header_comes_back(fin: bool, compressed: bool, kind in 0usize..6, mask: Option<[u8; 4]>, length in 0..1u64 << 63, shift in 0u32..63) {
        use Opcode::*;
        let opcode = [Continuation, Text, Binary, Close, Ping, Pong][kind];
        let length = if opcode.is_control() { length % 126 } else { length >> shift };
        let header = Header { fin: fin || opcode.is_control(), compressed, opcode, mask, length };
        let role = if mask.is_some() { Role::Server } else { Role::Client };
        let head = header.encode();
        prop_assert_eq!(Header::decode(head.as_slice(), role), Ok(Some((header, head.as_slice().len()))));
    }

    #[test]
    fn a_message_comes_back_either_way(payload: Vec<u8>, to_server: bool, text: String) {
        let (role, mask) = if to_server { (Role::Server, Some(KEY)) } else { (Role::Client, None) };
        let mut out = Vec::new();
        write::append(&mut out, Opcode::Binary, mask, &[&payload[..payload.len() / 2], &payload[payload.len() / 2..]]);
        write::append(&mut out, Opcode::Text, mask, &[text.as_bytes()]);
        prop_assert_eq!(receive(role, WIDE, [&out[..]]), (vec![Owned::Binary(payload), Owned::Text(text)], Ok(())));
    }
}
