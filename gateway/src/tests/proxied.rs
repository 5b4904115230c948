//! Connections that a balancer passes on.

use super::*;

const LINE: &[u8] = b"PROXY TCP6 2001:db8::7 2001:db8::1 49152 443\r\n";
/// 203.0.113.7:49152, with an extension behind it.
const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\xCB\0\x71\x07\xC0\0\x02\x01\xC0\0\x01\xBB\x04\0\x02..";

fn trusting(range: &str) -> Arc<Tunables> {
    Arc::new(Tunables { proxy_from: vec![range.parse().unwrap()], ..Tunables::default() })
}

fn balanced() -> World {
    // Where the tests' connections come from.
    let mut world = World::told(|settings| settings.tunables = trusting("192.0.2.0/24"));
    world.link();
    world.frames();
    world
}

fn logging_in(header: &[u8]) -> Vec<u8> {
    let packet = login(Codec::Proto, "alice");
    [header, &tcp::MAGIC, &tcp::head(packet.len()), &packet].concat()
}

#[test]
fn the_address_in_the_header_is_the_clients_however_the_bytes_are_cut() {
    for (header, client) in [
        (LINE, "[2001:db8::7]:49152"),
        (BINARY, "203.0.113.7:49152"),
        (b"PROXY UNKNOWN\r\n", "192.0.2.1:9"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "192.0.2.1:9"),
    ] {
        let bytes = logging_in(header);
        let length = login(Codec::Proto, "alice").len();
        for size in 1..=bytes.len() {
            let mut world = balanced();
            let index = world.accept_at(Door::Balancers).unwrap();
            assert_eq!(world.feed_in(index, &bytes, size), b"");
            assert_eq!(world.frames(), [format!("open {ALICE} Proto tcp=true {client} {length} bytes")]);
        }
    }
}

#[test]
fn the_address_is_forgotten_with_its_connection() {
    let mut world = balanced();
    let index = world.accept_at(Door::Balancers).unwrap();
    world.feed(index, LINE);
    assert_eq!(world.machine.announced(index), Some("[2001:db8::7]:49152".parse().unwrap()));
    world.tell(Input::Gone { index, reason: CloseReason::PeerClosed });
    assert_eq!(world.machine.announced(index), None);
    assert_eq!(world.accept(), index, "another's");
    world.feed(index, &logging_in(b""));
    assert!(world.frames()[0].contains(" 192.0.2.1:9 "));
}

#[test]
fn what_does_not_begin_with_a_header_is_closed_and_so_is_a_second_header() {
    for (bytes, reason) in [
        (&logging_in(b"")[..], CloseReason::ProxyHeader),
        (&upgrade("holdfast.v1.json"), CloseReason::ProxyHeader),
        (b"PROXY TCP4 a b c d\r\n", CloseReason::ProxyHeader),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xFF\xFF", CloseReason::ProxyHeader),
        (&[b'\r'; 3], CloseReason::ProxyHeader),
        (&[LINE, BINARY].concat(), CloseReason::UnknownProtocol),
        (&[BINARY, LINE, b"\r\n"].concat(), CloseReason::BadUpgrade),
    ] {
        let mut world = balanced();
        let index = world.accept_at(Door::Balancers).unwrap();
        world.feed(index, bytes);
        assert_eq!(world.done.ended, [(index, reason)], "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_header_is_taken_from_trusted_balancers_alone_and_only_where_it_belongs() {
    let mut world = World::told(|settings| settings.tunables = trusting("192.0.3.0/24"));
    assert_eq!(world.accept_at(Door::Balancers), None);
    assert_eq!(world.machine.counts().closed[CloseReason::UntrustedProxy.ordinal()], 1);
    assert_eq!(world.machine.connections(), 0);
    let mut world = balanced();
    let index = world.accept();
    world.feed(index, BINARY);
    assert_eq!(world.done.ended, [(index, CloseReason::UnknownProtocol)]);
}

#[test]
fn a_header_that_comes_slowly_costs_the_clients_own_time() {
    let mut world = balanced();
    let index = world.accept_at(Door::Balancers).unwrap();
    let deadline = world.machine.next_deadline().unwrap();
    world.now.mono_ms = deadline - 1;
    let rest = world.feed(index, &LINE[..20]);
    assert_eq!(rest, LINE[..20], "all of it waits");
    world.now.mono_ms = deadline;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.done.ended, [(index, CloseReason::HandshakeTimeout)]);
}
