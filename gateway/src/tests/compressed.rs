//! Compressed messages: only where both sides want them, within their bounds, and once for many.

use proto::limits::{DEFLATED_BYTES_MIN, INFLATED_BYTES_PER_READ, LOGIN_PACKET_BYTES_MAX};
use proto::ws::deflate::{Deflater, Inflater};
use proto::ws::negotiate::Window;
use proto::ws::{Receiver, Role};

use super::*;

impl World {
    fn compressing(mode: Mode) -> Self {
        let mut world = Self::with_deflate(mode, true);
        if mode == Mode::Relay {
            world.link();
            world.link();
            world.frames();
        }
        world
    }

    /// An upgraded client that offered compression, and what it was answered.
    fn offer(&mut self, offer: &str) -> (u32, String) {
        let index = self.accept();
        let request = String::from_utf8(upgrade("holdfast.v1.json")).unwrap();
        let line = format!("\r\nSec-WebSocket-Extensions: {offer}\r\n\r\n");
        self.feed(index, request.replace("\r\n\r\n", &line).as_bytes());
        let answer = String::from_utf8(self.sent(index)).unwrap();
        (index, answer)
    }

    /// An open JSON WebSocket that offered compression.
    fn compressed(&mut self, uid: &str, offer: &str) -> (u32, ConnId) {
        let (index, answer) = self.offer(offer);
        assert!(answer.contains("permessage-deflate"));
        self.feed(index, &text(&login(Codec::Json, uid)));
        self.frames();
        let conn = self.machine.table.get(index).unwrap();
        (index, self.machine.table.name(index, conn))
    }
}

fn deflated(payload: &[u8]) -> Vec<u8> {
    Deflater::new().deflate(payload, Window::Bits15).expect("it gets smaller").to_vec()
}

/// A client's frame with this first byte.
fn raw(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = masked(Opcode::Binary, payload);
    bytes[0] = first;
    bytes
}

/// What a client makes of the frames it got: whether each was compressed, and its plain form.
fn received(mut bytes: Vec<u8>) -> Vec<(bool, Vec<u8>)> {
    let (mut receiver, mut inflater) = (Receiver::with_deflate(Role::Client, true), Inflater::new());
    let limits = Limits { message_bytes: PACKET_BYTES_MAX, fragments: 1 };
    let (mut at, mut messages) = (0, Vec::new());
    while let Some(found) = receiver.take(&mut bytes, &mut at, &limits).unwrap() {
        let payload = &bytes[found.payload.unwrap()];
        let plain = if found.compressed { inflater.inflate(payload, usize::MAX).unwrap() } else { payload };
        messages.push((found.compressed, plain.to_vec()));
    }
    assert_eq!(at, bytes.len());
    messages
}

const OFFER: &str = "permessage-deflate; client_max_window_bits";

#[test]
fn compression_is_agreed_on_only_where_both_sides_want_it() {
    let (_, answer) = World::compressing(Mode::Relay).offer(OFFER);
    assert!(answer.contains(
        "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
    ));
    for (mut world, offer) in
        [(World::linked(), OFFER), (World::compressing(Mode::Relay), "permessage-deflate; unknown")]
    {
        let (index, answer) = world.offer(offer);
        assert!(answer.starts_with("HTTP/1.1 101 ") && !answer.contains("Extensions"));
        world.feed(index, &raw(0xC1, &deflated(&[b'a'; 100])));
        assert_eq!(world.done.ended, [(index, CloseReason::FrameProtocol)]);
    }
}

#[test]
fn an_uplink_is_forwarded_plain_and_leaves_nothing_behind() {
    let mut world = World::compressing(Mode::Relay);
    let (index, conn) = world.compressed("alice", OFFER);
    let message = b"anything at all, at all, at all, at all";
    let small = deflated(message);
    let (first, second) = small.split_at(5);
    let bytes =
        [raw(0xC1, &small), raw(0x41, first), raw(0x89, b""), raw(0x80, second), text(b"plain")].concat();
    for size in 1..=bytes.len() {
        assert_eq!(world.feed_in(index, &bytes, size), b"");
        let uplink = format!("uplink {conn} {}", message.escape_ascii());
        assert_eq!(world.frames(), [uplink.clone(), uplink, format!("uplink {conn} plain")]);
        assert!(world.machine.table.get(index).unwrap().receiver.is_none(), "idle, it owns nothing");
    }
}

#[test]
fn what_a_message_becomes_is_held_to_the_same_rules() {
    let too_big = vec![b' '; PACKET_BYTES_MAX + 1];
    for (bytes, reason) in [
        (raw(0xC1, &deflated(&too_big)), CloseReason::TooBig),
        (raw(0xC1, &deflated(&[0xC0; 100])), CloseReason::FrameUtf8),
        (raw(0xC2, &deflated(&[b'a'; 100])), CloseReason::WrongType),
        (raw(0xC1, &[0xFF; 9]), CloseReason::FrameProtocol),
    ] {
        let mut world = World::compressing(Mode::Relay);
        let (index, conn) = world.compressed("alice", OFFER);
        world.feed(index, &bytes);
        assert_eq!(world.done.ended, [(index, reason)]);
        assert_eq!(world.frames(), [format!("closed {conn} {}", reason.label())]);
    }
    let mut world = World::compressing(Mode::Relay);
    let (index, _) = world.offer(OFFER);
    world.feed(index, &raw(0xC1, &deflated(&vec![b' '; LOGIN_PACKET_BYTES_MAX + 1])));
    assert_eq!(world.done.ended, [(index, CloseReason::TooBig)], "a stranger has less");
}

#[test]
fn a_fan_out_is_compressed_once_and_each_target_gets_what_it_can_read() {
    let mut world = World::compressing(Mode::Relay);
    let full = [world.compressed("a", OFFER), world.compressed("b", OFFER)];
    let narrow = world.compressed("c", "permessage-deflate; server_max_window_bits=9");
    let (plain_index, _) = world.offer("none");
    world.feed(plain_index, &text(&login(Codec::Json, "d")));
    let plain = world.machine.table.name(plain_index, world.machine.table.get(plain_index).unwrap());
    let all = [full[0], full[1], narrow, (plain_index, plain)];
    all.iter().for_each(|(index, _)| drop(world.sent(*index)));

    let shared = [br#""push":""#.as_slice(), &b"so much to say ".repeat(100), b"\"}"].concat();
    let prefixes = [br#"{"pushSeq":"1","#.as_slice(), br#"{"pushSeq":"22","#, br#"{"pushSeq":"3","#, b""];
    let targets = all.iter().zip(prefixes).map(|((_, conn), prefix)| (*conn, prefix));
    world.hear(|out| link::downlink(out, targets, &shared));
    let frames: Vec<_> = all.iter().map(|(index, _)| world.sent(*index)).collect();
    for ((frame, prefix), compressed) in frames.iter().zip(prefixes).zip([true, true, true, false]) {
        assert_eq!(received(frame.clone()), [(compressed, [prefix, &shared].concat())]);
        assert!(!compressed || frame.len() < shared.len() / 4);
    }
    let small = deflated(&shared);
    assert!(frames[0].ends_with(&small) && frames[1].ends_with(&small), "the same bytes for both");
    let counts = *world.machine.counts();
    assert_eq!((counts.downlinks, counts.deflated), (4, 3));
    assert!(counts.deflate_saved_bytes > 3 * 1000);

    let short = &shared[..DEFLATED_BYTES_MIN - 1];
    world.hear(|out| link::downlink(out, [(full[0].1, &b""[..])].into_iter(), short));
    assert_eq!(received(world.sent(full[0].0)), [(false, short.to_vec())]);
    world.hear(|out| link::downlink(out, [(full[0].1, &b""[..])].into_iter(), &shared));
    assert_eq!(received(world.sent(full[0].0)), [(true, shared)], "without a prefix, too");
}

#[test]
fn bombs_in_one_read_are_worked_off_in_turns() {
    const BOMBS: usize = 100;
    let bomb = raw(0xC1, &deflated(&vec![b' '; PACKET_BYTES_MAX]));
    for mode in [Mode::Relay, Mode::Echo] {
        let mut world = World::compressing(mode);
        let index = match mode {
            Mode::Relay => world.compressed("alice", OFFER).0,
            Mode::Echo => world.offer(OFFER).0,
        };
        let mut bytes = bomb.repeat(BOMBS);
        let mut reads = 0;
        while !bytes.is_empty() {
            world.tell(Input::Received { index, bytes: &mut bytes, fresh: 0 });
            bytes.drain(..world.done.consumed);
            reads += 1;
            assert!(world.done.shard(0).len() <= INFLATED_BYTES_PER_READ + 10 * 1024);
            world.frames();
            let left = std::mem::take(&mut world.done.resumed) == [index];
            assert_eq!(left, reads <= BOMBS * PACKET_BYTES_MAX / INFLATED_BYTES_PER_READ);
            assert_eq!(world.machine.appetite(index), if left { 1 } else { usize::MAX });
        }
        assert_eq!(reads, BOMBS * PACKET_BYTES_MAX / INFLATED_BYTES_PER_READ);
        assert!(world.done.ended.is_empty());
        world.feed(index, &text(b"x"));
        assert_eq!(world.machine.appetite(index), usize::MAX, "and read on as ever");
    }
}

#[test]
fn an_echo_answers_compressed_what_came_compressed_in_its_order() {
    let mut world = World::compressing(Mode::Echo);
    let (index, _) = world.offer(OFFER);
    let (long, short) = ([b'a'; 1000], b"ab");
    let bytes = [
        text(b"one"),
        raw(0xC1, &deflated(&long)),
        masked(Opcode::Ping, b"two"),
        raw(0x42, &deflated(&long)[..3]),
        raw(0x80, &deflated(&long)[3..]),
        // What gets no smaller comes back as it is: a stored block around two bytes.
        raw(0xC1, &[0x00, 0x02, 0x00, 0xFD, 0xFF, b'a', b'b', 0x00]),
    ]
    .concat();
    for size in [1, 7, bytes.len()] {
        assert_eq!(world.feed_in(index, &bytes, size), b"");
        let expected = [
            (false, b"one".to_vec()),
            (true, long.to_vec()),
            (false, b"two".to_vec()),
            (true, long.to_vec()),
            (false, short.to_vec()),
        ];
        assert_eq!(received(world.sent(index)), expected);
    }
    world.feed(index, &raw(0xC1, &deflated(&[0xFF; 50])));
    assert_eq!(world.done.ended, [(index, CloseReason::FrameUtf8)]);
}
