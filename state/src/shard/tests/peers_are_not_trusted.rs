//! Peers are not trusted.

use super::pushes_reach_every_device::pushed;
use super::*;

/// The link of a reactor that is up to something.
const OTHER: GatewayLink = GatewayLink(5);

#[test]
fn a_link_must_begin_with_an_introduction_for_this_shard() {
    let hello = |shard| Hello { gateway: 1, reactor: 2, boot_epoch: 1, shard };
    type Write = Box<dyn Fn(&mut Vec<u8>)>;
    let mistakes: [(Write, usize); 4] = [
        (Box::new(|out| link::alive(out, [1])), 0),
        (Box::new(move |out| link::hello(out, hello(9))), 0),
        (Box::new(|out| rpc::frame(out, 0x77, |_| ())), 0),
        (Box::new(move |out| (0..2).for_each(|_| link::hello(out, hello(0)))), 1),
    ];
    for (mistake, welcomes) in mistakes {
        let mut stage = Stage::unlinked(|_| ());
        stage.handle(Input::GatewayUp(HOME));
        let mut bytes = Vec::new();
        mistake(&mut bytes);
        let mut heard = 0;
        for (kind, body) in frames(&mut bytes) {
            stage.handle(Input::FromGateway { link: HOME, kind, body: &body });
            heard += stage.heard(HOME).len();
        }
        assert_eq!((stage.wires.dropped.len(), heard, stage.shard.counts().faults), (1, welcomes, 1));
        // The rest of the conversation is not listened to.
        stage.gateway_says(HOME, |out| link::hello(out, hello(0)));
        assert_eq!((stage.wires.dropped.len(), stage.shard.gateway_links()), (1, 0));
    }
}

#[test]
fn who_has_proved_to_be_a_gateway_cannot_introduce_itself_as_another() {
    let hello = Hello { gateway: 1, reactor: 2, boot_epoch: 1, shard: 0 };
    for (said, faults) in
        [(hello, 0), (Hello { gateway: 3, ..hello }, 1), (Hello { boot_epoch: 2, ..hello }, 1)]
    {
        let mut stage = Stage::unlinked(|_| ());
        stage.handle(Input::GatewayUp(HOME));
        stage.handle(Input::GatewayProved(HOME, hello));
        stage.gateway_says(HOME, |out| link::hello(out, said));
        assert_eq!((stage.shard.counts().faults, stage.shard.gateway_links() as u64), (faults, 1 - faults));
    }
}

#[test]
fn a_gateway_speaks_for_this_shards_slots() {
    let mut stage = Stage::with(|settings| settings.shard_count = 2);
    // Slot 589 of bob's is odd.
    let login = packet(Codec::Proto, 0, stage.login("bob", "phone"));
    stage.open(conn("bob", 1), WEBSOCKET, &login);
    assert_eq!(stage.heard(HOME), [Said::Close(conn("bob", 1), CloseReason::Internal)]);
    assert_eq!((stage.asked(), stage.shard.counts().foreign), (vec![], 1));
    assert_eq!(stage.wires.dropped, []);
}

#[test]
fn a_gateway_that_speaks_of_anothers_connections_loses_its_link_and_the_other_nothing() {
    type Speak = fn(&mut Vec<u8>, ConnId);
    let tries: [Speak; 6] = [
        |out, conn| link::uplink(out, conn, &submit(1)),
        |out, conn| link::closed(out, conn, CloseReason::PeerClosed),
        |out, conn| link::blocked(out, conn),
        |out, conn| link::writable(out, conn),
        |out, conn| link::live(out, &[(conn, WEBSOCKET)], true),
        |out, conn| {
            let peer = "192.0.2.1:5".parse().unwrap();
            link::open(out, link::Open { conn, form: WEBSOCKET, peer, packet: &submit(1) });
        },
    ];
    for (other, speak) in [3, 1].into_iter().flat_map(|gateway| tries.map(|speak| (gateway, speak))) {
        let mut stage = Stage::new();
        let alice = conn("alice", 1);
        stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
        // Another gateway, or another reactor of the same one, that has no connection of the name.
        stage.handle(Input::GatewayUp(OTHER));
        let hello = Hello { gateway: other, reactor: 5, boot_epoch: 1, shard: 0 };
        stage.gateway_says(OTHER, |out| {
            link::hello(out, hello);
            link::live(out, &[], true);
        });
        stage.gateway_says(OTHER, |out| speak(out, alice));
        assert_eq!((stage.wires.dropped.clone(), stage.shard.counts().foreign), (vec![OTHER], 1));
        assert_eq!((stage.shard.sessions(), stage.shard.away(), stage.asked()), (1, 0, vec![]));
        stage.push(&[("alice", None)], 1);
        assert_eq!(stage.heard(HOME), [pushed(alice, 1, 1)], "who is whose has not changed");
    }
}

#[test]
fn another_generation_of_an_index_is_another_connection() {
    let mut stage = Stage::new();
    let old = conn("alice", 1);
    stage.log_in(old, WEBSOCKET, ("alice", "phone"), 0);
    let new = ConnId::new(ConnParts { generation: 4, ..old.parts() });
    stage.uplink(new, &submit(1));
    stage.gateway_says(HOME, |out| link::closed(out, new, CloseReason::PeerClosed));
    assert_eq!((stage.shard.sessions(), stage.shard.counts().stale), (1, 1));
    stage.log_in(new, WEBSOCKET, ("alice", "tablet"), 0);
    assert_eq!(stage.shard.away(), 1, "the gateway has no two connections of one index");
    stage.uplink(old, &submit(1));
    assert_eq!(stage.shard.counts().stale, 2);
}

#[test]
fn logic_that_breaks_the_protocol_is_dropped_and_what_it_owes_is_kept() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    stage.uplink(alice, &submit(1));
    let [(1, call)] = stage.requests()[..] else { panic!("one request") };
    let mistakes = [
        FromLogic::Welcome { presence: false, epoch: EPOCH },
        FromLogic::Attached { call, last_client_id: 0 },
    ];
    for mistake in mistakes {
        stage.logic_says(mistake);
        assert!(std::mem::take(&mut stage.wires.logic_dropped));
        assert_eq!((stage.shard.is_logic_ready(), stage.shard.calls()), (false, 1));
        stage.logic_says(FromLogic::Welcome { presence: false, epoch: EPOCH });
        assert!(!stage.shard.is_logic_ready(), "the rest of the conversation is not listened to");
        assert_eq!(stage.link_logic().len(), 1);
    }
    let attach = stage.attach(conn("bob", 2), WEBSOCKET, "bob", "phone");
    stage.logic_says(FromLogic::Attached { call: attach, last_client_id: u64::MAX });
    assert!(stage.wires.logic_dropped);
    assert_eq!(stage.shard.sessions(), 1);
}
