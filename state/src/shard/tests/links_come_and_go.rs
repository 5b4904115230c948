//! Links come and go.

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
        FromState::Hello { .. } => None,
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
    stage.wait(Duration::from_secs(70));
    let heard = stage.link_gateway(AGAIN, 1, &[(stays, WEBSOCKET), (unknown, JSON)]);
    assert_eq!(heard, [asked_to_log_in(unknown)]);
    assert_eq!((stage.shard.sessions(), stage.shard.waiting()), (1, 1));
    // What the link's absence hid does not count as silence.
    stage.wait(Duration::from_secs(30));
    assert_eq!(stage.shard.sessions(), 1);
    stage.push(&[("alice", None)], 2);
    assert!(matches!(stage.heard(AGAIN)[..], [Said::Packet(_, ServerPacket { push_seq: 1, .. })]));
}

#[test]
fn whoever_missed_a_push_while_the_link_was_away_is_asked_to_log_in_and_so_to_pull() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    stage.handle(Input::GatewayDown(HOME));
    stage.push(&[("alice", None)], 1);
    assert_eq!(stage.shard.counts().push_drops, 1);
    let heard = stage.link_gateway(AGAIN, 1, &[(alice, WEBSOCKET)]);
    assert_eq!(heard, [asked_to_log_in(alice)]);
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
fn a_session_whose_pushes_may_be_lost_logs_in_again() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    stage.push(&[("alice", None)], 1);
    stage.handle(Input::GatewayDown(HOME));
    assert_eq!(stage.link_gateway(AGAIN, 1, &[(alice, WEBSOCKET)]), [asked_to_log_in(alice)]);
    assert_eq!((stage.shard.sessions(), stage.shard.waiting()), (0, 1));
}

#[test]
fn a_gateway_that_was_started_anew_keeps_no_session() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    // Before the old link was seen to break, and with a connection of the same name.
    let heard = stage.link_gateway(AGAIN, 2, &[(alice, WEBSOCKET)]);
    assert_eq!((heard, stage.wires.dropped.clone()), (vec![asked_to_log_in(alice)], vec![HOME]));
    assert_eq!(stage.shard.sessions(), 0);
    stage.handle(Input::GatewayDown(HOME));
    assert_eq!((stage.shard.gateway_links(), stage.shard.waiting()), (1, 1));
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
