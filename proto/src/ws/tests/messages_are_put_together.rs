//! Fragments, what may stand between them, and their bounds: RFC 6455 section 5.4; and UTF-8 across them: section 8.1.

use super::super::Receiver;
use super::*;
use Opcode::*;

#[test]
fn fragments_make_a_message_and_control_frames_may_stand_between() {
    let (events, end) = stream(&[
        (false, Text, b"a"),
        (true, Ping, b"?"),
        (false, Continuation, b""),
        (true, Pong, b""),
        (true, Continuation, b"b"),
        (true, Binary, b"next"),
    ]);
    let expected = [
        Owned::Ping(b"?".into()),
        Owned::Pong(b"".into()),
        Owned::Text("ab".into()),
        Owned::Binary(b"next".into()),
    ];
    assert_eq!((&events[..], end), (&expected[..], Ok(())));
}

#[test]
fn a_message_cannot_begin_inside_another_nor_end_before_it_begins() {
    for opcode in [Text, Binary] {
        let (_, end) = stream(&[(false, Text, b"a"), (true, opcode, b"b")]);
        assert_eq!(end, Err(WsError::Protocol("new message inside a fragmented one")));
    }
    let whole_then_more = stream(&[(true, Text, b"a"), (true, Continuation, b"b")]);
    assert_eq!(
        whole_then_more,
        (vec![Owned::Text("a".into())], Err(WsError::Protocol("continuation of nothing")))
    );
    let ended_then_more =
        stream(&[(false, Text, b"a"), (true, Continuation, b"b"), (true, Continuation, b"c")]);
    assert_eq!(ended_then_more.1, Err(WsError::Protocol("continuation of nothing")));
}

#[test]
fn the_bytes_of_all_fragments_together_are_bounded_and_so_is_their_number() {
    let limits = Limits { message_bytes: 4, fragments: 3 };
    let just = [(false, Binary, b"ab".as_slice()), (false, Continuation, b""), (true, Continuation, b"cd")];
    assert_eq!(stream_within(limits, &just), (vec![Owned::Binary(b"abcd".into())], Ok(())));
    let long = [(false, Binary, b"ab".as_slice()), (true, Continuation, b"cde")];
    assert_eq!(stream_within(limits, &long).1, Err(WsError::TooBig));
    let empty = (false, Continuation, b"".as_slice());
    let many = [(false, Binary, b"".as_slice()), empty, empty, empty];
    assert_eq!(stream_within(limits, &many[..3]).1, Ok(()));
    assert_eq!(stream_within(limits, &many).1, Err(WsError::TooBig));
    let twice = [just, just].concat();
    assert_eq!(stream_within(limits, &twice).0.len(), 2, "each message has the whole of the limits");
}

#[test]
fn text_may_be_cut_inside_a_character_but_must_end_with_one() {
    let (euro, half) = ("€".as_bytes(), &"€".as_bytes()[..2]);
    let cut = stream(&[(false, Text, half), (true, Ping, b"\xff"), (true, Continuation, &euro[2..])]);
    assert_eq!(cut.0, [Owned::Ping(b"\xff".into()), Owned::Text("€".into())]);
    assert_eq!(stream(&[(true, Text, half)]).1, Err(WsError::Utf8));
    assert_eq!(stream(&[(false, Text, half), (true, Continuation, b"")]).1, Err(WsError::Utf8));
    assert_eq!(stream(&[(false, Text, half), (false, Continuation, b"a")]).1, Err(WsError::Utf8));
    assert_eq!(
        stream(&[(false, Binary, half), (true, Continuation, b"a")]).1,
        Ok(()),
        "binary may be anything"
    );
}

#[test]
fn bad_text_is_refused_before_its_frame_is_whole() {
    let bytes = frame(Role::Server, true, Text, b"good \xff and a long rest");
    let head_bytes = 6;
    assert_eq!(raw(&bytes[..head_bytes + 5]).1, Ok(()));
    assert_eq!(raw(&bytes[..head_bytes + 6]).1, Err(WsError::Utf8));
}

#[test]
fn a_partial_frame_tells_its_size_and_an_idle_connection_holds_nothing() {
    let mut receiver = Receiver::new(Role::Server);
    let mut bytes = frame(Role::Server, true, Binary, &[1; 1000]);
    let whole = bytes.len();
    let mut at = 0;
    for there in 0..whole {
        assert_eq!(receiver.next(&mut bytes[..there], &mut at, &WIDE), Ok(None));
        let expected = match there {
            0 => 0,
            1..8 => 14,
            _ => whole,
        };
        assert_eq!((receiver.wanted(), at), (expected, 0));
    }
    let found = receiver.take(&mut bytes, &mut at, &WIDE).unwrap().unwrap();
    assert_eq!((found.payload, at), (Some(8..whole), whole));
    assert_eq!(bytes[8..], [1; 1000]);
}

#[test]
fn an_assembled_message_is_held_until_the_next_call_and_no_longer() {
    let mut bytes =
        [frame(Role::Server, false, Text, b"a"), frame(Role::Server, true, Continuation, b"b")].concat();
    let (mut receiver, mut at) = (Receiver::new(Role::Server), 0);
    let found = receiver.take(&mut bytes, &mut at, &WIDE).unwrap().unwrap();
    assert_eq!((found.opcode, found.payload, receiver.assembled()), (Text, None, &b"ab"[..]));
    assert!(!receiver.is_idle());
    assert_eq!(receiver.take(&mut bytes, &mut at, &WIDE), Ok(None));
    assert_eq!(receiver.assembled(), b"");
    assert!(receiver.is_idle());
}
