//! Links come and go.

use super::pushes_reach_every_device::pushed;
use super::*;

const AGAIN: GatewayLink = GatewayLink(1);

fn asked_to_log_in(to: ConnId) -> Said {
    Said::Packet(to, ServerPacket { push_seq: 0, client_id: 0, body: ServerBody::LoginRequired })
}

#[test]
fn unanswered_calls_are_asked_again_in_order_when_logic_comes_back() {
    let mut stage = Stage::new();
    let alice = conn("alice", 5);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    for client_id in 1..=3 {
        stage.uplink(alice, &submit(client_id));
    }
    let first = stage.requests();
    stage.reply(first[1].1, submit_ok(2));
    stage.handle(Input::LogicDown);
    stage.uplink(alice, &submit(4));
    let login = packet(Codec::Proto, 0, stage.login("bob", "phone"));
    stage.open(conn("bob", 6), WEBSOCKET, &login);
    assert_eq!(stage.asked(), []);
    let again = stage.link_logic();
    let client_ids = again.iter().filter_map(|asked| match asked {
        FromState::Request { packet, .. } => Some(decode_client(Codec::Proto, packet).unwrap().client_id),
        FromState::Attach { .. } => Some(0),
        _ => None,
    });
    assert_eq!(client_ids.collect::<Vec<_>>(), [1, 3, 4, 0]);
}

#[test]
fn sessions_outlive_a_lost_gateway_link_and_their_connections_are_reconciled() {
    let mut stage = Stage::new();
    let [stays, gone, unknown] = [conn("alice", 1), conn("bob", 2), conn("carol", 3)];
    stage.log_in(stays, WEBSOCKET, ("alice", "phone"), 0);
    stage.log_in(gone, WEBSOCKET, ("bob", "phone"), 0);
    stage.handle(Input::GatewayDown(HOME));
    assert_eq!(stage.shard.sessions(), 2);
    stage.wait(Duration::from_secs(9));
    let heard = stage.link_gateway(AGAIN, 1, &[(stays, WEBSOCKET), (unknown, JSON)]);
    assert_eq!(after_going_on(stays, heard), [asked_to_log_in(unknown)]);
    assert_eq!((stage.shard.sessions(), stage.shard.away(), stage.shard.waiting()), (2, 1, 1));
    // What the link's absence hid does not count as silence.
    stage.wait(Duration::from_secs(70));
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (2, 1));
    stage.push(&[("alice", None)], 2);
    assert_eq!(
        stage.heard(AGAIN),
        [Said::Close(unknown, CloseReason::HandshakeTimeout), pushed(stays, 1, 2)]
    );
}

#[test]
fn a_connection_that_was_asked_logs_in_on_the_spot() {
    let mut stage = Stage::unlinked(|_| ());
    stage.link_logic();
    let alice = conn("alice", 1);
    assert_eq!(stage.link_gateway(HOME, 1, &[(alice, JSON)]), [asked_to_log_in(alice)]);
    stage.uplink(alice, &submit_as(Codec::Json, 1));
    let login = packet(Codec::Json, 0, stage.login("alice", "phone"));
    stage.uplink(alice, &login);
    let [FromState::Attach { call, .. }] = stage.asked()[..] else { panic!("one login") };
    stage.logic_says(FromLogic::Attached { call, last_client_id: 4 });
    assert!(matches!(&stage.heard(HOME)[..], [Said::Packet(to, _)] if *to == alice));
    assert_eq!((stage.shard.sessions(), stage.shard.counts().login_required), (1, 1));
    stage.uplink(alice, &submit_as(Codec::Json, 5));
    assert_eq!(stage.client_ids(), [5]);
}

#[test]
fn a_connection_that_was_asked_and_stays_silent_is_closed() {
    let mut stage = Stage::unlinked(|_| ());
    let alice = conn("alice", 1);
    stage.link_gateway(HOME, 1, &[(alice, WEBSOCKET)]);
    stage.wait(Duration::from_secs(59));
    assert_eq!(stage.heard(HOME), []);
    stage.wait(Duration::from_secs(2));
    assert_eq!(stage.heard(HOME), [Said::Close(alice, CloseReason::HandshakeTimeout)]);
    assert_eq!(stage.shard.waiting(), 0);
}

#[test]
fn pushes_that_may_be_lost_with_a_link_are_sent_again_and_those_that_were_missed_follow() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    stage.push(&[("alice", None)], 1);
    stage.handle(Input::GatewayDown(HOME));
    stage.push(&[("alice", None)], 2);
    stage.wait(Duration::from_secs(9));
    let heard = stage.link_gateway(AGAIN, 1, &[(alice, WEBSOCKET)]);
    assert_eq!(after_going_on(alice, heard), [pushed(alice, 1, 1), pushed(alice, 2, 2)]);
    stage.push(&[("alice", None)], 3);
    assert_eq!(stage.heard(AGAIN), [pushed(alice, 3, 3)]);
}

#[test]
fn a_gateway_that_was_started_anew_holds_no_connection() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    // Before the old link was seen to break, and with a connection of the same name.
    let heard = stage.link_gateway(AGAIN, 2, &[(alice, WEBSOCKET)]);
    assert_eq!((heard, stage.wires.dropped.clone()), (vec![asked_to_log_in(alice)], vec![HOME]));
    assert_eq!(
        stage.heard(HOME),
        [Said::Superseded],
        "if that is another process, it shall not keep its clients"
    );
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 1));
    stage.handle(Input::GatewayDown(HOME));
    assert_eq!((stage.shard.gateway_links(), stage.shard.waiting()), (1, 1));
}

#[test]
fn what_is_left_of_an_older_process_takes_nothing_away_from_a_newer_one() {
    let mut stage = Stage::unlinked(|_| ());
    stage.link_logic();
    stage.link_gateway(HOME, 2, &[]);
    stage.log_in(conn("alice", 1), WEBSOCKET, ("alice", "phone"), 0);
    stage.handle(Input::GatewayUp(AGAIN));
    let hello = Hello { gateway: 1, reactor: 2, boot_epoch: 1, shard: 0 };
    stage.gateway_says(AGAIN, |out| link::hello(out, hello));
    assert_eq!((stage.wires.dropped.clone(), stage.shard.gateway_links()), (vec![AGAIN], 1));
    assert_eq!((stage.heard(AGAIN), stage.shard.away()), (vec![Said::Superseded], 0));
}

#[test]
fn a_gateway_that_does_not_come_back_within_its_lease_has_lost_its_connections() {
    let mut stage = Stage::new();
    for index in 0..50 {
        let uid = format!("user{index}");
        stage.log_in(conn(&uid, index), WEBSOCKET, (&uid, "phone"), 0);
    }
    stage.handle(Input::GatewayDown(HOME));
    stage.wait(Duration::from_millis(9_900));
    assert_eq!(stage.shard.away(), 0);
    stage.wait(Duration::from_millis(100));
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (50, 50));
    assert_eq!(stage.shard.counts().left[CloseReason::PeerReset.ordinal()], 50);
    stage.wait(Duration::from_mins(2) + Duration::from_millis(70));
    assert_eq!((stage.shard.sessions(), stage.shard.next_deadline()), (0, None), "there are no ghosts");
}

#[test]
fn a_lease_is_of_one_loss_and_ends_when_the_gateway_is_back() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    for _ in 0..3 {
        stage.handle(Input::GatewayDown(HOME));
        stage.wait(Duration::from_secs(6));
        let heard = stage.link_gateway(HOME, 1, &[(alice, WEBSOCKET)]);
        assert_eq!(after_going_on(alice, heard), []);
    }
    stage.wait(Duration::from_secs(20));
    assert_eq!((stage.shard.sessions(), stage.shard.away()), (1, 0));
}

#[test]
fn a_login_under_way_ends_with_its_gateways_link() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    let call = stage.attach(alice, WEBSOCKET, "alice", "phone");
    stage.handle(Input::GatewayDown(HOME));
    stage.logic_says(FromLogic::Attached { call, last_client_id: 0 });
    assert_eq!((stage.shard.sessions(), stage.shard.counts().late_replies), (0, 1));
    assert_eq!(stage.link_gateway(AGAIN, 1, &[(alice, WEBSOCKET)]), [asked_to_log_in(alice)]);
}
