//! Permessage-deflate, RFC 7692: what is taken where it was negotiated, what a message may become, and that a foreign inflater reads what we write.

use proptest::prelude::*;

use super::super::deflate::{Deflater, Inflater, stored};
use super::super::negotiate::{Accepted, Window};
use super::super::{Found, Receiver, frame, upgrade};
use super::*;

/// "Hello" in a block with fixed codes: the first example of RFC 7692 section 7.2.3.1.
const HELLO: &[u8] = &[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

/// A compressed payload as another implementation reads it.
fn foreign(compressed: &[u8]) -> Vec<u8> {
    let whole = [compressed, &[0x00, 0x00, 0xFF, 0xFF, 0x01, 0x00, 0x00, 0xFF, 0xFF]].concat();
    miniz_oxide::inflate::decompress_to_vec(&whole).expect("it ends with a last block")
}

/// What a server that negotiated makes of frames of (first byte, payload), however the stream is cut.
fn taken(limits: Limits, frames: &[(u8, &[u8])], piece: usize) -> Result<Vec<(Found, Vec<u8>)>, WsError> {
    let mut stream = Vec::new();
    for (first, payload) in frames {
        let mut head = frame::head(Opcode::Binary, payload.len(), Some(KEY)).as_slice().to_vec();
        head[0] = *first;
        stream.extend_from_slice(&head);
        let start = stream.len();
        stream.extend_from_slice(payload);
        mask::apply(&mut stream[start..], KEY, 0);
    }
    let (mut receiver, mut kept, mut all) =
        (Receiver::with_deflate(Role::Server, true), Vec::new(), Vec::new());
    for piece in stream.chunks(piece) {
        kept.extend_from_slice(piece);
        let mut at = 0;
        while let Some(found) = receiver.take(&mut kept, &mut at, &limits)? {
            let payload = match found.payload.clone() {
                Some(range) => kept[range].to_vec(),
                None => receiver.assembled().to_vec(),
            };
            all.push((Found { payload: None, ..found }, payload));
        }
        kept.drain(..at);
    }
    Ok(all)
}

#[test]
fn the_examples_of_the_rfc_are_hello() {
    let mut inflater = Inflater::new();
    let examples: [&[u8]; 6] = [
        HELLO,
        &[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
        &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
        &[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
        // Not of the RFC: a last block with nothing behind it, and two of them.
        &[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
        &[0x01, 0x02, 0x00, 0xFD, 0xFF, b'H', b'e', 0x01, 0x03, 0x00, 0xFC, 0xFF, b'l', b'l', b'o'],
    ];
    for example in examples {
        assert_eq!(inflater.inflate(example, 5), Ok(&b"Hello"[..]), "{example:x?}");
        assert_eq!(inflater.inflate(example, 4), Err(WsError::TooBig), "{example:x?}");
    }
    assert_eq!(inflater.inflate(&[0x00], 0), Ok(&b""[..]), "the empty message of section 7.2.3.6");
    assert_eq!(inflater.inflate(&[], 0), Ok(&b""[..]));
}

#[test]
fn a_message_that_is_cut_or_damaged_is_refused() {
    let mut inflater = Inflater::new();
    for cut in 1..HELLO.len() - 1 {
        assert!(matches!(inflater.inflate(&HELLO[..cut], 100), Err(WsError::Protocol(_))), "{cut}");
    }
    assert_eq!(inflater.inflate(&[0xFF; 10], 100), Err(WsError::Protocol("compressed message is damaged")));
    assert_eq!(inflater.inflate(HELLO, 100), Ok(&b"Hello"[..]), "the next message knows nothing of it");
}

#[test]
fn a_bomb_is_stopped_at_the_limit_and_leaves_no_large_buffer() {
    let bomb = miniz_oxide::deflate::compress_to_vec(&vec![b'0'; 64 << 20], 9);
    assert!(bomb.len() < 100_000);
    let mut inflater = Inflater::new();
    for limit in [0, 1, 4096, 65_536, 300_001] {
        assert_eq!(inflater.inflate(&bomb, limit), Err(WsError::TooBig));
        let held = format!("{inflater:?}")
            .split_whitespace()
            .find_map(|word| word.trim_end_matches(',').parse().ok());
        assert!(held.is_some_and(|held: usize| held <= limit + 1), "{inflater:?}");
    }
    assert_eq!(inflater.inflate(&bomb, 64 << 20).map(<[u8]>::len), Ok(64 << 20));
    assert_eq!(inflater.inflate(HELLO, 5), Ok(&b"Hello"[..]));
    assert!(
        format!("{inflater:?}").contains("4096") || format!("{inflater:?}").contains("buffer_bytes: 6"),
        "{inflater:?}"
    );
}

#[test]
fn a_window_is_kept_to() {
    // Noise that comes again only after so many bytes: worth a reference if the window allows one.
    for window in Window::ALL {
        for (period, repeats) in [(window.bytes() / 4, true), (window.bytes() * 2, window == Window::Bits15)]
        {
            let noise: Vec<u8> = noise().take(period).collect();
            let payload = noise.repeat(8);
            let mut deflater = Deflater::new();
            let small = deflater.deflate(&payload, window).map(<[u8]>::to_vec);
            assert!(repeats == small.is_some() || window == Window::Bits15, "{window:?} {period}");
            if let Some(small) = small {
                assert_eq!(foreign(&small), payload);
                assert_eq!(byte_by_byte(&small, window), payload);
            }
        }
    }
}

/// An engine that is given room for one byte at a time has only its window to look back into, and complains where that does not reach.
fn byte_by_byte(compressed: &[u8], window: Window) -> Vec<u8> {
    let mut engine = zlib_rs::Inflate::new(false, window as u8);
    let (mut plain, mut byte, mut at) = (Vec::new(), [0], 0);
    loop {
        let made = engine.total_out();
        engine
            .decompress(&compressed[at..], &mut byte, zlib_rs::InflateFlush::SyncFlush)
            .expect("no reference leaves the window");
        at = engine.total_in() as usize;
        if engine.total_out() == made {
            return plain;
        }
        plain.push(byte[0]);
    }
}

fn noise() -> impl Iterator<Item = u8> {
    std::iter::successors(Some(1_u32), |x| Some(x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223)))
        .map(|x| (x >> 24) as u8)
}

#[test]
fn what_does_not_get_smaller_is_left_as_it_is() {
    let mut deflater = Deflater::new();
    for payload in [vec![], b"a".to_vec(), noise().take(100_000).collect()] {
        assert_eq!(deflater.deflate(&payload, Window::Bits15), None);
    }
    assert_eq!(deflater.deflate(&[b'a'; 1000], Window::Bits15).map(foreign), Some(vec![b'a'; 1000]));
}

#[test]
fn an_engine_goes_on_however_often_it_had_no_success() {
    let mut deflater = Deflater::new();
    let noise: Vec<u8> = noise().take(70_000).collect();
    for window in Window::ALL {
        for length in (0..500).chain([1 << 13, 1 << 15, 1 << 16, 70_000]) {
            assert_eq!(deflater.deflate(&noise[..length], window), None, "{window:?} {length}");
        }
        assert_eq!(deflater.deflate(&[b'a'; 1000], window).map(foreign), Some(vec![b'a'; 1000]));
    }
}

#[test]
fn only_the_first_frame_of_a_message_says_that_it_is_compressed() {
    let ok = taken(
        WIDE,
        &[(0x41, &HELLO[..3]), (0x89, b"?"), (0x80, &HELLO[3..]), (0x81, b"plain"), (0xC2, HELLO)],
        3,
    );
    let expected = [
        (Opcode::Ping, false, b"?".to_vec()),
        (Opcode::Text, true, HELLO.to_vec()),
        (Opcode::Text, false, b"plain".to_vec()),
        (Opcode::Binary, true, HELLO.to_vec()),
    ];
    let ok: Vec<_> =
        ok.unwrap().into_iter().map(|(found, bytes)| (found.opcode, found.compressed, bytes)).collect();
    assert_eq!(ok, expected);
    let refused = Err(WsError::Protocol("reserved bit set"));
    for frames in [
        &[(0x41_u8, &b""[..]), (0xC0, b"")][..],
        &[(0x01, b""), (0xC0, b"")],
        &[(0xC9, b"")],
        &[(0xCA, b"")],
        &[(0xC8, b"")],
        &[(0xA1, b"")],
        &[(0x91, b"")],
    ] {
        assert_eq!(taken(WIDE, frames, 100), refused, "{frames:x?}");
    }
    assert_eq!(raw(&[0xC1]).1, refused.map(drop), "where nothing was negotiated");
}

#[test]
fn compressed_bytes_are_bounded_with_some_room_for_what_did_not_get_smaller() {
    let limits = Limits { message_bytes: 1024, fragments: 3 };
    let bytes = [0xFF; 1024 + 2 + 16 + 1];
    let just = &bytes[..bytes.len() - 1];
    assert!(taken(limits, &[(0xC2, just)], 100).is_ok());
    assert_eq!(taken(limits, &[(0xC2, &bytes)], 100), Err(WsError::TooBig));
    assert_eq!(taken(limits, &[(0x42, just), (0x80, &[0])], 100), Err(WsError::TooBig));
    assert_eq!(taken(limits, &[(0x82, just)], 100), Err(WsError::TooBig), "but not for plain ones");
}

#[test]
fn the_answer_to_an_offer_names_what_was_agreed() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: foo, permessage-deflate; bar\r\n\
        sec-websocket-extensions: permessage-deflate; server_max_window_bits=10\r\n\r\n";
    let request = upgrade::parse(request.as_bytes()).unwrap().unwrap();
    let accepted = Accepted::choose(request.extensions()).unwrap();
    assert_eq!(accepted.window, Window::Bits10);
    let mut answer = Vec::new();
    upgrade::accept_with(&mut answer, request.key, None, Some(accepted));
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.ends_with(
        "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
         server_max_window_bits=10\r\n\r\n"
    ));
}

/// Bytes that compress: words of a small vocabulary, and now and then noise.
fn prose() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        8 => "[a-f]{1,6} ".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => (any::<u8>(), 0usize..2000).prop_map(|(byte, count)| vec![byte; count]),
    ];
    proptest::collection::vec(word, 0..120).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn a_payload_comes_back_through_both_engines_and_through_a_foreign_one(
        payloads in proptest::collection::vec((prose(), 0usize..8), 1..6),
    ) {
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
        for (payload, window) in payloads {
            if let Some(small) = deflater.deflate(&payload, Window::ALL[window]) {
                prop_assert!(small.len() < payload.len());
                prop_assert_eq!(&foreign(small), &payload);
                prop_assert_eq!(inflater.inflate(small, payload.len()), Ok(&payload[..]));
                prop_assert_eq!(inflater.inflate(small, payload.len() - 1), Err(WsError::TooBig));
            }
        }
    }

    #[test]
    fn a_prefix_stands_before_a_shared_part_that_was_compressed_once(prefix: Vec<u8>, shared in prose()) {
        let mut deflater = Deflater::new();
        if let Some(small) = deflater.deflate(&shared, Window::Bits15) {
            let message = [&stored(prefix.len() as u16)[..], &prefix, small].concat();
            prop_assert_eq!(foreign(&message), [prefix, shared].concat());
        }
    }

    #[test]
    fn a_compressed_stream_means_the_same_however_it_is_cut(
        frames in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..8),
        piece in 1usize..300,
    ) {
        let limits = Limits { message_bytes: 300, fragments: 4 };
        let mut inside = false;
        let mut stream = Vec::new();
        for (fin, compressed, text, payload) in &frames {
            let opcode = if inside { 0 } else { 2 - u8::from(*text) };
            let first = u8::from(*fin) << 7 | u8::from(*compressed && !inside) << 6 | opcode;
            inside = !fin;
            stream.push((first, &payload[..]));
        }
        prop_assert_eq!(taken(limits, &stream, piece), taken(limits, &stream, usize::MAX));
    }

    #[test]
    fn the_engines_remember_nothing_of_a_message(
        messages in proptest::collection::vec((prose(), 0usize..8, any::<Option<proptest::sample::Index>>(), 0usize..5000), 1..8),
    ) {
        let (mut deflater, mut inflater) = (Deflater::new(), Inflater::new());
        for (payload, window, broken, limit) in messages {
            let window = Window::ALL[window];
            let small = deflater.deflate(&payload, window).map(<[u8]>::to_vec);
            let mut fresh = Deflater::new();
            prop_assert_eq!(small.as_deref(), fresh.deflate(&payload, window));
            let mut sent = small.unwrap_or(payload);
            if let Some(at) = broken.filter(|_| !sent.is_empty()) {
                let at = at.index(sent.len());
                sent[at] ^= 0x10;
                sent.truncate(sent.len() - at / 3);
            }
            let mut fresh = Inflater::new();
            prop_assert_eq!(inflater.inflate(&sent, limit), fresh.inflate(&sent, limit));
        }
    }

    #[test]
    fn no_bytes_break_the_inflater(bytes: Vec<u8>, limit in 0usize..10_000) {
        let mut inflater = Inflater::new();
        if let Ok(plain) = inflater.inflate(&bytes, limit) {
            prop_assert!(plain.len() <= limit);
        }
        prop_assert_eq!(inflater.inflate(HELLO, 5), Ok(&b"Hello"[..]));
    }
}
