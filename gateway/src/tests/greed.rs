//! Connections that are open and ask for too much: of our patience, of our time, of our memory.

use super::*;
use crate::{RateLimits, Watermark};

impl World {
    fn wait(&mut self, mono_ms: u64) {
        self.now.mono_ms += mono_ms;
        self.machine.expire(self.now, &mut self.done);
    }

    /// An echo's WebSocket client.
    fn echoing(&mut self) -> u32 {
        let index = self.accept();
        self.feed(index, &echo_upgrade());
        self.sent(index);
        index
    }
}

fn echo(change: impl FnOnce(&mut Bounds)) -> World {
    World::told(|settings| {
        settings.mode = Mode::Echo;
        change(&mut settings.bounds);
    })
}

/// A fragment of a text, and not its last.
fn fragment(first: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = masked(if first { Opcode::Text } else { Opcode::Continuation }, payload);
    bytes[0] &= 0x7F;
    bytes
}

#[test]
fn a_message_whose_last_fragment_never_comes_is_not_waited_for_for_ever() {
    let mut world = World::linked();
    let alice = world.alice();
    world.feed(alice, &fragment(true, b"a"));
    for _ in 0..59 {
        world.wait(1000);
        // Neither more of it nor what may stand between puts the end off.
        world.feed(alice, &fragment(false, b""));
        world.feed(alice, &masked(Opcode::Ping, b""));
    }
    assert!(world.done.ended.is_empty() && world.machine.held() > 0);
    world.wait(1000);
    assert_eq!(world.done.ended, [(alice, CloseReason::MessageTimeout)]);
    assert!(world.sent(alice).ends_with(&close_frame(CloseReason::MessageTimeout)));
    assert_eq!((world.machine.held(), world.machine.unfinished.next_deadline()), (0, None));
}

#[test]
fn a_large_frame_that_drips_is_not_waited_for_for_ever() {
    for tcp in [false, true] {
        let mut world = World::linked();
        let index = if tcp { world.accept() } else { world.alice() };
        if tcp {
            let packet = login(Codec::Proto, "bob");
            world.feed(index, &[&tcp::MAGIC[..], &tcp::head(packet.len()), &packet].concat());
        }
        let large =
            if tcp { [&tcp::head(60_000)[..], &vec![0; 60_000]].concat() } else { text(&vec![b'x'; 60_000]) };
        let mut at = 0;
        let mut rest = Vec::new();
        while world.done.ended.is_empty() {
            rest.push(large[at]);
            at += 1;
            world.tell(Input::Received { index, bytes: &mut rest, fresh: 1 });
            rest.drain(..world.done.consumed);
            world.wait(1000);
        }
        assert_eq!((&world.done.ended[..], at), (&[(index, CloseReason::MessageTimeout)][..], 60));
    }
}

#[test]
fn a_tls_record_that_drips_is_not_waited_for_for_ever() {
    let mut world = World::linked();
    let alice = world.alice();
    for _ in 0..59 {
        world.tell(Input::Partial { index: alice });
        world.wait(1000);
    }
    world.tell(Input::Received { index: alice, bytes: &mut [], fresh: 0 });
    assert_eq!(world.machine.unfinished.next_deadline(), None, "the record was empty after all");
    for _ in 0..59 {
        world.tell(Input::Partial { index: alice });
        world.wait(1000);
    }
    assert_eq!(world.done.ended, []);
    world.wait(1000);
    assert_eq!(world.done.ended, [(alice, CloseReason::MessageTimeout)]);
}

#[test]
fn whoever_sends_message_after_message_may_always_have_begun_the_next() {
    let mut world = World::linked();
    let alice = world.alice();
    let two = [text(b"one"), text(b"two")].concat();
    let mut rest = Vec::new();
    for _ in 0..200 {
        rest.extend_from_slice(&two[..two.len() - 3]);
        world.tell(Input::Received { index: alice, bytes: &mut rest, fresh: two.len() - 3 });
        rest.drain(..world.done.consumed);
        world.wait(30_000);
        rest.extend_from_slice(&two[two.len() - 3..]);
        world.tell(Input::Received { index: alice, bytes: &mut rest, fresh: 3 });
        rest.drain(..world.done.consumed);
    }
    assert_eq!((&world.done.ended[..], rest.len()), (&[][..], 0));
    assert_eq!(world.machine.unfinished.next_deadline(), None);
}

#[test]
fn a_message_that_we_do_not_read_on_has_time() {
    let mut world = World::linked();
    let alice = world.alice();
    let half = text(b"half");
    world.feed(alice, &half[..7]);
    world.tell(Input::Backlog { shard: 0, bytes: proto::limits::SHARD_OUT_BYTES_MAX });
    assert_eq!(world.machine.appetite(alice), 0);
    for _ in 0..10 {
        world.wait(60_000);
    }
    world.tell(Input::Backlog { shard: 0, bytes: 0 });
    world.wait(59_000);
    assert_eq!(world.done.ended, []);
    world.wait(60_000);
    assert_eq!(world.done.ended, [(alice, CloseReason::MessageTimeout)]);
}

#[test]
fn whoever_sends_too_many_messages_is_read_from_at_the_rate_and_loses_nothing() {
    let rates = RateLimits { messages: 100, message_burst: 50, ..RateLimits::default() };
    let mut world = echo(|bounds| bounds.rates = rates);
    let (flooder, other) = (world.echoing(), world.echoing());
    let flood: Vec<u8> =
        (0..2000_u32).flat_map(|number| masked(Opcode::Ping, &number.to_be_bytes())).collect();
    let (mut at, mut rest, mut reads) = (0, Vec::new(), 0);
    while at < flood.len() {
        let appetite = world.machine.appetite(flooder);
        if appetite == 0 {
            let next = world.machine.next_deadline().unwrap();
            world.wait(next - world.now.mono_ms);
            continue;
        }
        let fresh = appetite.min(flood.len() - at);
        rest.extend_from_slice(&flood[at..at + fresh]);
        (at, reads) = (at + fresh, reads + 1);
        world.tell(Input::Received { index: flooder, bytes: &mut rest, fresh });
        rest.drain(..world.done.consumed);
        assert!(world.machine.appetite(other) > 0, "nobody else waits");
    }
    // 2000 at 100 a second, less the burst at the beginning and one read that may run ahead.
    assert!((18_500..=20_000).contains(&world.now.mono_ms), "{}", world.now.mono_ms);
    let answers: Vec<u8> =
        (0..2000_u32).flat_map(|number| unmasked(Opcode::Pong, &number.to_be_bytes())).collect();
    assert!(world.sent(flooder) == answers && rest.is_empty());
    assert!(world.machine.counts().throttled as usize >= reads - 1 && world.done.ended.is_empty());
    world.wait(60_000);
    assert_eq!(world.machine.meters.as_ref().unwrap().len(), 0, "an idle connection has no meter");
}

#[test]
fn whoever_sends_too_many_bytes_is_read_from_at_the_rate() {
    let rates = RateLimits { bytes: 10_000, byte_burst: 20_000, ..RateLimits::default() };
    let mut world = echo(|bounds| bounds.rates = rates);
    let index = world.echoing();
    world.feed(index, &masked(Opcode::Binary, &vec![0; 40_000]));
    assert_eq!(world.machine.appetite(index), 0);
    world.wait(1900);
    assert_eq!(world.machine.appetite(index), 0);
    world.wait(200);
    assert_eq!((world.machine.appetite(index), &world.done.resumed[..]), (20_000, &[index][..]));
    // It goes while it waits: nothing is left of it.
    world.feed(index, &masked(Opcode::Binary, &vec![0; 40_000]));
    world.tell(Input::Gone { index, reason: CloseReason::PeerReset });
    assert_eq!(world.machine.meters.as_ref().unwrap().len(), 0);
}

#[test]
fn over_the_watermark_the_costliest_go_until_it_is_well_below() {
    let mut world = echo(|bounds| bounds.watermark = Watermark::new(1000, 1));
    let all: Vec<u32> = (0..6).map(|_| world.echoing()).collect();
    for (index, held) in all.iter().zip([100, 400, 0, 150, 300, 200]) {
        world.done.held.insert(*index, held);
    }
    world.tell(Input::Held { here: 1000, everywhere: 1000 });
    assert_eq!(world.done.ended, [], "at the mark is not over it");
    world.tell(Input::Held { here: 1150, everywhere: 1150 });
    assert_eq!(world.done.ended, [(all[1], CloseReason::MemoryPressure)], "275 had to go");
    assert_eq!(world.done.closed, [all[1]], "at once");
}

#[test]
fn of_several_reactors_those_close_that_hold_more_than_their_share() {
    let mut world = echo(|bounds| bounds.watermark = Watermark::new(1600, 4));
    let all: Vec<u32> = (0..4).map(|_| world.echoing()).collect();
    for index in &all {
        world.done.held.insert(*index, 100);
    }
    world.tell(Input::Held { here: 400, everywhere: 9999 });
    assert_eq!(world.done.ended, []);
    world.done.held.insert(all[0], 300);
    world.tell(Input::Held { here: 600, everywhere: 9999 });
    assert_eq!(world.done.ended, [(all[0], CloseReason::MemoryPressure)], "it is down to seven eighths");
}

#[test]
fn fragments_count_as_memory_that_is_held() {
    let mut world = echo(|bounds| bounds.watermark = Watermark::new(100_000, 1));
    let flooders: Vec<u32> = (0..4).map(|_| world.echoing()).collect();
    for index in &flooders {
        world.feed(*index, &fragment(true, &vec![b'x'; 30_000]));
    }
    let here = world.machine.held();
    assert!(here >= 120_000, "{here}");
    world.tell(Input::Held { here, everywhere: here });
    assert!(world.machine.held() <= 100_000);
    assert!(!world.done.ended.is_empty() && world.done.ended.len() < 4);
    for index in flooders {
        world.tell(Input::Gone { index, reason: CloseReason::PeerReset });
    }
    assert_eq!(world.machine.held(), 0);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_taken_and_one_that_never_ends_is_refused() {
    let mut world = echo(|_| {});
    let index = world.accept();
    world.feed_in(index, &echo_upgrade(), 1);
    assert!(world.sent(index).starts_with(b"HTTP/1.1 101"));
    let endless = world.accept();
    world.feed_in(endless, &[b"GET / HTTP/1.1\r\n".to_vec(), vec![b'x'; 8192]].concat(), 1);
    assert!(world.sent(endless).starts_with(b"HTTP/1.1 431"));
    assert_eq!(world.done.ended, [(endless, CloseReason::BadUpgrade)]);
}

#[test]
fn nothing_that_is_sent_slowly_puts_the_handshakes_deadline_off() {
    let mut world = echo(|_| {});
    let request = echo_upgrade();
    let index = world.accept();
    let mut rest = Vec::new();
    for byte in &request[..20] {
        world.wait(500);
        rest.push(*byte);
        world.tell(Input::Received { index, bytes: &mut rest, fresh: 1 });
    }
    assert_eq!(world.done.ended, [(index, CloseReason::HandshakeTimeout)]);
}

proptest! {
    /// However messages are cut and whoever goes, what is held is counted right.
    #[test]
    fn held_memory_is_counted_right(steps in proptest::collection::vec((0usize..3, 0u8..5, 0usize..50), 0..60)) {
        let mut world = echo(|_| {});
        let mut clients: Vec<(u32, bool)> = (0..3).map(|_| (world.echoing(), false)).collect();
        for (client, step, length) in steps {
            let (index, inside) = clients[client];
            let payload = vec![b'x'; length];
            match step {
                0 | 1 => {
                    world.feed(index, &fragment(!inside, &payload));
                    clients[client].1 = true;
                }
                2 if inside => {
                    world.feed(index, &masked(Opcode::Continuation, &payload));
                    clients[client].1 = false;
                }
                3 => {
                    world.feed(index, &masked(Opcode::Ping, &payload));
                }
                4 => {
                    world.tell(Input::Gone { index, reason: CloseReason::PeerReset });
                    clients[client] = (world.echoing(), false);
                }
                _ => {}
            }
            let receivers = world.machine.table.iter().filter_map(|(_, conn)| conn.receiver.as_ref());
            prop_assert_eq!(world.machine.held(), receivers.map(|receiver| receiver.held()).sum::<usize>());
        }
    }
}
