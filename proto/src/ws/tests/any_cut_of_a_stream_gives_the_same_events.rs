//! A stream means the same however TCP cuts it: proven for random streams, good and bad, and for a corpus of nasty ones.

use proptest::prelude::*;

use super::super::fuzz::fuzz;
use super::super::{Found, Receiver, is_utf8};
use super::*;

/// A frame that is usually right: header bits, a payload that is often text, and sometimes a wrong byte.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let payload = prop_oneof![
        4 => "\\PC{0,20}".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..200),
        1 => Just(vec![0xE2, 0x82]),
    ];
    let opcode = prop_oneof![
        4 => Just(Opcode::Text),
        2 => Just(Opcode::Binary),
        4 => Just(Opcode::Continuation),
        2 => Just(Opcode::Ping),
        1 => Just(Opcode::Pong),
        1 => Just(Opcode::Close),
    ];
    let damage = prop_oneof![9 => Just(None), 1 => any::<(prop::sample::Index, u8)>().prop_map(Some)];
    (any::<bool>(), opcode, payload, damage).prop_map(|(fin, opcode, payload, damage)| {
        let mut bytes = frame(Role::Server, fin || opcode.is_control(), opcode, &payload);
        if let Some((place, value)) = damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes
    })
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter().map(|end| &bytes[std::mem::replace(&mut start, end)..end]).collect()
}

proptest! {
    #[test]
    fn of_a_random_stream(
        frames in prop::collection::vec(any_frame(), 1..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        message_bytes in 0usize..400,
        fragments in 1u32..6,
    ) {
        let (bytes, limits) = (frames.concat(), Limits { message_bytes, fragments });
        let whole = receive(Role::Server, limits, [&bytes[..]]);
        prop_assert_eq!(&receive(Role::Server, limits, pieces(&bytes, &cuts)), &whole);
        prop_assert_eq!(&receive(Role::Server, limits, bytes.chunks(1)), &whole);
    }

    #[test]
    fn and_a_whole_message_is_what_would_be_taken(bytes in any_frame(), message_bytes in 0usize..400, cut: prop::sample::Index) {
        let (limits, mut bytes) = (Limits { message_bytes, fragments: 1 }, bytes);
        bytes.truncate(cut.index(bytes.len()) + 1);
        let mut receiver = Receiver::new(Role::Server);
        let whole = receiver.whole_message(&bytes, 0, &limits);
        let mut unmasked = bytes.clone();
        let taken = receiver.take(&mut unmasked, &mut 0, &limits);
        match whole {
            None => {
                let message = matches!(taken, Ok(Some(found)) if !found.opcode.is_control());
                prop_assert!(!message);
            }
            Some((header, payload)) => {
                mask::apply(&mut bytes[payload.clone()], header.mask.unwrap(), 0);
                if header.opcode == Opcode::Text && !is_utf8(&bytes[payload.clone()]) {
                    prop_assert_eq!(taken, Err(WsError::Utf8));
                } else {
                    let found = Found { opcode: header.opcode, payload: Some(payload), compressed: false };
                    prop_assert_eq!(taken, Ok(Some(found)));
                    prop_assert_eq!(bytes, unmasked);
                }
            }
        }
    }

    #[test]
    fn of_random_bytes(bytes: Vec<u8>) {
        fuzz(&bytes);
    }
}

#[test]
fn of_the_corpus() {
    let corpus: &[&[u8]] = &[
        b"",
        b"\x00",
        b"\x03\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        b"\x00\x01\x81\0\0\0\0\xe2\x89\x80\0\0\0\0\x00\x81\0\0\0\0\x82\x80\x81\0\0\0\0\xac",
        b"\x01\x01\x82\0\0\0\0\xf4\x90",
        b"\x00\x88\x82\0\0\0\0\x03\xe8\x89\x80\0\0\0\0",
        b"\x05\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        b"\x02\x02\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0\x00\x80\0\0\0\0",
        b"\x00\x81\x05Hello\x88\x00",
        b"\x0f\x01\x03Hel\x80\x02lo",
        b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n",
    ];
    corpus.iter().for_each(|bytes| fuzz(bytes));
}
