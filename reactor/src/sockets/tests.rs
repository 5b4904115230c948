//! Real sockets on loopback: bytes go in and out whole, rests wait, slow readers are told apart.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream as Std};

use super::*;
use crate::poll::Poller;

struct World {
    poller: Poller,
    sockets: Sockets,
    client: Std,
}

/// Socket 0 is the server's end of `client`.
fn world() -> World {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Std::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    server.set_nonblocking(true).unwrap();
    let poller = Poller::new(8).unwrap();
    let mut sockets = Sockets::default();
    sockets.adopt(0, TcpStream::from_std(server), poller.registry(), Token(0)).unwrap();
    World { poller, sockets, client }
}

impl World {
    fn receive(&mut self, scratch: &mut Scratch) -> Received {
        let mut ready = Vec::new();
        loop {
            match scratch.receive(&mut self.sockets, 0, usize::MAX, false) {
                Received::Nothing => {
                    scratch.keep(&mut self.sockets, 0, 0);
                    self.poller.turn(None, &mut ready).unwrap();
                }
                other => return other,
            }
        }
    }
}

#[test]
fn a_rest_comes_again_in_front_of_what_follows() {
    for size in [10, REST_COPIED_MAX, REST_COPIED_MAX + 1, 100_000] {
        let mut world = world();
        let mut scratch = Scratch::new(256 * 1024);
        let sent: Vec<u8> = (0..size).map(|n| n as u8).collect();
        let mut length = 0;
        for piece in sent.chunks(size.div_ceil(5)) {
            world.client.write_all(piece).unwrap();
            length += piece.len();
            while scratch.bytes().len() < length {
                scratch.keep(&mut world.sockets, 0, 0);
                world.receive(&mut scratch);
            }
            assert_eq!(scratch.bytes(), &sent[..length]);
        }
        scratch.keep(&mut world.sockets, 0, size - 1);
        world.client.write_all(b"!").unwrap();
        world.receive(&mut scratch);
        assert_eq!(scratch.bytes(), &[sent[size - 1], b'!']);
        scratch.keep(&mut world.sockets, 0, 2);
        assert!(world.sockets.table[0].rest.is_none(), "an idle socket owns nothing");
    }
}

#[test]
fn what_is_pushed_in_a_turn_leaves_in_one_piece() {
    let mut world = world();
    assert_eq!(world.sockets.push(0, &[b"ab", b"c"]), 3);
    assert_eq!(world.sockets.push(0, &[b"d"]), 4);
    assert_eq!(world.sockets.dirty, [0]);
    let mut told = Vec::new();
    world.sockets.flush(&mut told);
    assert!(told.is_empty() && world.sockets.table[0].out.is_none() && world.sockets.queued() == 0);
    let mut got = [0; 4];
    world.client.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"abcd");
}

#[test]
fn an_ending_is_seen_after_the_last_byte() {
    let mut world = world();
    world.sockets.push(0, &[b"bye"]);
    world.sockets.finish(0);
    world.sockets.flush(&mut Vec::new());
    let mut got = Vec::new();
    world.client.read_to_end(&mut got).unwrap();
    assert_eq!(got, b"bye");
}

#[test]
fn a_client_that_does_not_read_is_told_blocked_once_and_drained_once() {
    for reply in [false, true] {
        let mut world = world();
        let payload = vec![7; 1 << 20];
        let (mut told, mut sent) = (Vec::new(), 0);
        while told.is_empty() {
            if reply {
                world.sockets.reply(0, &payload);
            } else {
                world.sockets.push(0, &[&payload]);
            }
            sent += payload.len();
            world.sockets.flush(&mut told);
        }
        assert_eq!(told, [(0, Flushed::Blocked)]);
        assert!(world.sockets.queued() > 0);
        told.clear();
        world.client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let (mut got, mut buffer, mut ready) = (0, vec![0; 1 << 20], Vec::new());
        while got < sent {
            got += world.client.read(&mut buffer).unwrap_or(0);
            world.poller.turn(Some(Duration::ZERO), &mut ready).unwrap();
            if ready.iter().any(|event| event.writable) {
                world.sockets.writable(0);
            }
            world.sockets.flush(&mut told);
        }
        assert_eq!(told, [(0, Flushed::Drained)]);
        assert_eq!((got, world.sockets.queued()), (sent, 0));
    }
}

#[test]
fn a_reply_leaves_behind_what_was_pushed_before_and_blocks_nobody() {
    let mut world = world();
    world.sockets.reply(0, b"at once ");
    assert!(world.sockets.table[0].out.is_none());
    world.sockets.push(0, &[b"then "]);
    world.sockets.reply(0, b"this");
    let mut told = Vec::new();
    world.sockets.flush(&mut told);
    assert_eq!((&told[..], world.sockets.queued()), (&[][..], 0));
    let mut got = [0; 17];
    world.client.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"at once then this");
}

#[test]
fn the_end_of_a_client_is_seen_and_its_index_is_free_again() {
    let mut world = world();
    world.client.write_all(b"last").unwrap();
    world.client.shutdown(Shutdown::Write).unwrap();
    let mut scratch = Scratch::new(0);
    assert_eq!(world.receive(&mut scratch), Received::Drained);
    scratch.keep(&mut world.sockets, 0, 0);
    assert_eq!(world.receive(&mut scratch), Received::Closed);
    assert_eq!(scratch.bytes(), b"last");
    world.sockets.push(0, &[b"never read"]);
    world.sockets.close(0);
    scratch.keep(&mut world.sockets, 0, 0);
    assert!(!world.sockets.is_open(0) && world.sockets.queued() == 0);
    assert_eq!(world.sockets.push(0, &[b"x"]), 0);
    let mut told = Vec::new();
    world.sockets.flush(&mut told);
    assert!(told.is_empty());
}

#[test]
fn memory_is_counted_while_a_client_holds_it_and_not_after() {
    let mut world = world();
    let mut scratch = Scratch::new(256 * 1024);
    assert_eq!((world.sockets.held(), world.sockets.held_for(0)), (0, 0));
    // It has sent half of something …
    world.client.write_all(&[0; 1000]).unwrap();
    world.receive(&mut scratch);
    assert_eq!(scratch.fresh(), scratch.bytes().len());
    scratch.keep(&mut world.sockets, 0, 0);
    assert!(world.sockets.held() >= 1000);
    // … and does not take what it is sent.
    let mut told = Vec::new();
    while told.is_empty() {
        world.sockets.push(0, &[&vec![0; 256 * 1024]]);
        world.sockets.flush(&mut told);
    }
    world.sockets.push(0, &[&vec![0; 1024 * 1024]]);
    world.sockets.flush(&mut told);
    assert!(world.sockets.held() >= 1_000 + world.sockets.queued());
    assert_eq!(world.sockets.held(), world.sockets.held_for(0));
    world.sockets.close(0);
    assert_eq!((world.sockets.held(), world.sockets.held_for(0)), (0, 0));
}

#[test]
fn a_large_queue_leaves_when_the_turn_goes_on_to_another_client_and_a_stuck_one_is_told_of_once() {
    let mut world = world();
    world.sockets.push(0, &[b"little"]);
    world.sockets.push(1, &[b"nobody"]);
    assert_eq!(world.sockets.waiting(0), 6);
    world.sockets.push(0, &[&vec![7; QUEUE_BYTES_SENT_EARLY]]);
    world.sockets.push(1, &[b"nobody"]);
    assert_eq!((world.sockets.waiting(0), world.sockets.queued()), (0, 0));
    let mut told = Vec::new();
    world.sockets.flush(&mut told);
    assert!(told.is_empty());
    let mut got = vec![0; 6 + QUEUE_BYTES_SENT_EARLY];
    world.client.read_exact(&mut got).unwrap();
    assert!(got.starts_with(b"little") && got[6..].iter().all(|byte| *byte == 7));
    // More than the kernel takes: the rest waits, and the flush says so.
    while world.sockets.waiting(0) == 0 {
        world.sockets.push(0, &[&vec![7; 1024 * 1024]]);
        world.sockets.push(1, &[b"nobody"]);
    }
    world.sockets.flush(&mut told);
    assert_eq!(told, [(0, Flushed::Blocked)]);
}
