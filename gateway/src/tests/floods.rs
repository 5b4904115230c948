//! Too many connections, too fast: from one source, or from all sides.

use super::*;
use crate::{HandshakeLimits, SourceLimits, TurnedAway};

impl World {
    fn come_from(&mut self, address: &str) -> Option<u32> {
        self.accept_from(address, Door::Clients)
    }

    fn turned_away(&self, why: TurnedAway) -> u64 {
        self.machine.counts().turned_away[why as usize]
    }

    fn at(&mut self, mono_ms: u64) {
        self.now.mono_ms = mono_ms;
        self.machine.expire(self.now, &mut self.done);
    }
}

fn with_bounds(bounds: Bounds) -> World {
    World::told(|settings| (settings.mode, settings.bounds) = (Mode::Echo, bounds))
}

fn with_sources(connections: u32, per_second: u32, burst: u32) -> World {
    let sources = SourceLimits { connections, per_second, burst, exempt: Vec::new() };
    with_bounds(Bounds { sources, ..Bounds::default() })
}

fn with_handshakes(places: u32, per_second: u32) -> World {
    let handshakes = HandshakeLimits { places, per_second };
    with_bounds(Bounds { handshakes, ..Bounds::default() })
}

#[test]
fn a_source_has_no_more_connections_than_it_may_however_they_end() {
    let mut world = with_sources(3, 0, 0);
    let mine: Vec<u32> = (0..3).map(|_| world.come_from("192.0.2.1").unwrap()).collect();
    assert_eq!(world.come_from("192.0.2.1"), None);
    assert!(world.come_from("192.0.2.2").is_some() && world.come_from("2001:db8::1").is_some());
    assert_eq!(world.turned_away(TurnedAway::SourceConnections), 1);
    // One is reset, one goes in good order, one never says anything.
    world.tell(Input::Gone { index: mine[0], reason: CloseReason::PeerReset });
    world.feed(mine[1], b"HFT2");
    assert_eq!(world.come_from("192.0.2.1"), Some(mine[0]));
    assert_eq!(world.come_from("192.0.2.1"), None, "one that is closing still counts");
    world.at(2000);
    assert_eq!(world.come_from("192.0.2.1"), Some(mine[1]));
    world.at(60_000);
    world.at(70_000);
    assert_eq!((world.machine.connections(), world.machine.sources()), (0, (0, 0)));
}

#[test]
fn behind_a_balancer_a_source_is_whom_the_header_names() {
    let mut world = with_sources(2, 0, 0);
    let tunables = Tunables { proxy_from: vec!["10.0.0.0/8".parse().unwrap()], ..Tunables::default() };
    world.tell(Input::Reload(Arc::new(tunables)));
    let header = b"PROXY TCP4 192.0.2.1 192.0.2.9 1 2\r\nHFT1";
    let come = |world: &mut World, header: &[u8]| {
        let index = world.accept_from("10.1.2.3", Door::Balancers).unwrap();
        world.feed(index, header);
        index
    };
    let first = come(&mut world, header);
    come(&mut world, header);
    let third = come(&mut world, header);
    assert_eq!(world.done.ended, [(third, CloseReason::SourceLimit)]);
    assert_eq!((&world.done.closed[..], world.turned_away(TurnedAway::SourceConnections)), (&[third][..], 1));
    for _ in 0..5 {
        come(&mut world, b"PROXY UNKNOWN\r\nHFT1");
    }
    assert_eq!(world.done.ended.len(), 1, "the balancer's own are not limited");
    world.tell(Input::Gone { index: first, reason: CloseReason::PeerReset });
    come(&mut world, header);
    assert_eq!(world.done.ended.len(), 2, "one has made room");
}

#[test]
fn a_source_opens_connections_no_faster_than_it_may() {
    let mut world = with_sources(0, 10, 5);
    let come = |world: &mut World, from: &str| (0..100).filter(|_| world.come_from(from).is_some()).count();
    assert_eq!(come(&mut world, "192.0.2.1"), 5);
    assert_eq!((come(&mut world, "2001:db8::1"), come(&mut world, "2001:db8::2")), (5, 0), "one /64");
    world.at(1000);
    assert_eq!(come(&mut world, "192.0.2.1"), 5);
    assert_eq!(world.turned_away(TurnedAway::SourceRate), 95 + 95 + 100 + 95);
}

#[test]
fn who_is_turned_away_for_another_reason_is_not_counted_for_the_source() {
    let mut world = with_sources(3, 0, 0);
    world.machine.handshakes =
        crate::admission::Handshakes::new(HandshakeLimits { places: 1, per_second: 0 });
    let first = world.come_from("192.0.2.1").unwrap();
    for _ in 0..10 {
        assert_eq!(world.come_from("192.0.2.1"), None);
    }
    assert_eq!((world.turned_away(TurnedAway::Handshakes), world.machine.sources()), (10, (1, 0)));
    world.tell(Input::Gone { index: first, reason: CloseReason::PeerReset });
    assert_eq!(world.machine.sources(), (0, 0));
}

#[test]
fn a_storm_of_honest_clients_is_turned_away_before_those_who_are_under_way() {
    let mut world = with_handshakes(16, 0);
    let early: Vec<u32> = (0..16).map(|_| world.accept()).collect();
    world.at(2_499);
    assert_eq!(world.come_from("192.0.2.1"), None);
    assert_eq!(world.turned_away(TurnedAway::Handshakes), 1);
    for index in early {
        world.feed(index, &echo_upgrade());
        assert!(world.sent(index).starts_with(b"HTTP/1.1 101"));
        assert!(world.come_from("192.0.2.1").is_some(), "whoever is through makes room");
    }
    assert_eq!((world.machine.handshakes(), &world.done.ended[..]), (16, &[][..]));
}

#[test]
fn handshakes_that_never_end_give_their_places_to_newcomers() {
    let mut world = with_handshakes(16, 0);
    let silent: Vec<u32> = (0..16).map(|_| world.accept()).collect();
    // Some send a byte now and then: nothing is won by it.
    world.feed_in(silent[3], b"GET / HT", 1);
    world.at(2_500);
    for _ in 0..16 {
        let newcomer = world.come_from("192.0.2.1").unwrap();
        world.feed(newcomer, &echo_upgrade());
        assert!(world.sent(newcomer).starts_with(b"HTTP/1.1 101"));
    }
    assert_eq!(world.done.ended, [(silent[0], CloseReason::HandshakeEvicted)], "no more than is needed");
    assert_eq!((world.machine.handshakes(), world.machine.connections()), (15, 31));
}

#[test]
fn handshakes_begin_no_faster_than_they_may() {
    let mut world = with_handshakes(1000, 50);
    let come = |world: &mut World| (0..200).filter(|_| world.come_from("192.0.2.1").is_some()).count();
    assert_eq!(come(&mut world), 50);
    world.at(100);
    assert_eq!(come(&mut world), 5);
    assert_eq!(world.turned_away(TurnedAway::HandshakeRate), 150 + 195);
}

#[test]
fn a_storm_of_connections_that_are_reset_leaves_nothing_behind() {
    let mut world = with_sources(100, 0, 0);
    for _ in 0..20_000 {
        let index = world.accept();
        world.tell(Input::Gone { index, reason: CloseReason::PeerReset });
    }
    assert_eq!((world.machine.connections(), world.machine.handshakes()), (0, 0));
    assert!(world.machine.handshakes.remembered() <= 1100, "{}", world.machine.handshakes.remembered());
    assert_eq!(world.machine.table.capacity(), 1);
}

proptest! {
    /// Whatever becomes of connections, the handshakes are counted right.
    #[test]
    fn handshakes_are_counted_right(steps in proptest::collection::vec((0u8..6, 0u32..8), 0..60)) {
        let mut world = with_handshakes(6, 0);
        for (step, index) in steps {
            match step {
                0 | 1 => drop(world.come_from("192.0.2.1")),
                2 => drop(world.feed(index, &echo_upgrade())),
                3 => drop(world.feed(index, b"\0")),
                4 if world.machine.table.get(index).is_some() => {
                    world.tell(Input::Gone { index, reason: CloseReason::PeerReset });
                }
                _ => world.at(world.now.mono_ms + 1700),
            }
            let under_way = world.machine.table.iter().filter(|(_, conn)| conn.stage.is_handshake()).count();
            prop_assert_eq!(world.machine.handshakes(), under_way);
            prop_assert!(under_way <= 6);
        }
    }
}
