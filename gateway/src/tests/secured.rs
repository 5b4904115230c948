//! Where TLS begins: the machine says so, and the shell does it.

use super::*;

fn speaking(tls: Tls) -> World {
    let mut world = World::told(|settings| {
        settings.tls = tls;
        settings.tunables =
            Arc::new(Tunables { proxy_from: vec!["192.0.2.0/24".parse().unwrap()], ..Tunables::default() });
    });
    world.link();
    world.frames();
    world
}

const HELLO: &[u8] = b"\x16\x03\x01\x02\x00";

#[test]
fn the_first_byte_tells_and_what_is_inside_is_told_apart_again() {
    for (tls, door) in [
        (Tls::Sniff, Door::Clients),
        (Tls::Required, Door::Clients),
        (Tls::Off, Door::Tls),
        (Tls::Sniff, Door::Tls),
    ] {
        for inside in [upgrade("holdfast.v1.json"), tcp::MAGIC.to_vec()] {
            let mut world = speaking(tls);
            let index = world.accept_at(door).unwrap();
            assert_eq!(world.feed(index, HELLO), HELLO, "it is not the machine's to read");
            assert_eq!(world.done.secured, [index]);
            assert_eq!(world.feed(index, &inside), b"", "what stands inside");
            assert_eq!((&world.done.ended[..], world.machine.counts().secured), (&[][..], 1));
        }
    }
}

#[test]
fn a_balancers_header_stands_before_tls() {
    let mut world = speaking(Tls::Required);
    let index = world.accept_at(Door::Balancers).unwrap();
    let header = b"PROXY TCP4 203.0.113.7 192.0.2.1 1 443\r\n";
    assert_eq!(world.feed(index, &[header, HELLO].concat()), HELLO);
    assert_eq!(world.done.secured, [index]);
    assert_eq!(world.machine.announced(index), Some("203.0.113.7:1".parse().unwrap()));
}

#[test]
fn what_is_not_welcome_is_closed() {
    let unsecured = tcp::MAGIC.to_vec();
    for (tls, door, bytes, reason) in [
        (Tls::Off, Door::Clients, HELLO, CloseReason::UnknownProtocol),
        (Tls::Required, Door::Clients, &unsecured[..], CloseReason::TlsRequired),
        (Tls::Required, Door::Clients, b"GET / HTTP/1.1\r\n", CloseReason::TlsRequired),
        (Tls::Off, Door::Tls, b"GET / HTTP/1.1\r\n", CloseReason::TlsRequired),
    ] {
        let mut world = speaking(tls);
        let index = world.accept_at(door).unwrap();
        world.feed(index, bytes);
        assert_eq!((&world.done.ended[..], world.done.secured.len()), (&[(index, reason)][..], 0));
    }
    // TLS inside of TLS.
    let mut world = speaking(Tls::Sniff);
    let index = world.accept();
    world.feed(index, HELLO);
    world.feed(index, HELLO);
    assert_eq!(world.done.ended, [(index, CloseReason::UnknownProtocol)]);
}

#[test]
fn a_failure_of_the_shells_ends_a_connection_in_good_order_and_a_slow_one_has_its_deadline() {
    let mut world = speaking(Tls::Sniff);
    let (index, slow) = (world.accept(), world.accept());
    world.feed(index, HELLO);
    world.feed(slow, HELLO);
    world.tell(Input::Failed { index, reason: CloseReason::TlsFailed });
    assert_eq!((&world.done.finished[..], &world.done.closed[..]), (&[index][..], &[][..]));
    world.now.mono_ms = world.machine.tunables().handshake_deadline.as_millis() as u64;
    world.machine.expire(world.now, &mut world.done);
    assert_eq!(world.done.ended, [(index, CloseReason::TlsFailed), (slow, CloseReason::HandshakeTimeout)]);
}
