//! Sessions outlive their process, if what must be written down was.

use super::pushes_reach_every_device::pushed;
use super::*;

/// Kills the shard and puts what was written down into another one. What logic had been asked is gone.
fn restart(stage: &mut Stage) {
    let durable: Vec<_> = stage.wires.replay.sessions().cloned().collect();
    let mut settings = Settings::new(keys());
    settings.boot_epoch = 0xAC;
    stage.shard = Shard::new(settings);
    let Wires { replay, late, .. } = std::mem::take(&mut stage.wires);
    stage.wires = Wires { replay, late, ..Wires::default() };
    for durable in durable {
        assert!(stage.shard.restore(stage.now, durable.clone(), &mut stage.wires));
        assert!(!stage.shard.restore(stage.now, durable, &mut stage.wires), "each device has one");
    }
    stage.check_journal();
    stage.link_logic();
}

#[test]
fn a_connection_that_stands_goes_on_and_gets_what_it_has_not_acknowledged() {
    let mut stage = Stage::new();
    let [alice, bob] = [conn("alice", 1), conn("bob", 2)];
    stage.log_in(alice, JSON, ("alice", "phone"), 3);
    stage.log_in(bob, WEBSOCKET, ("bob", "phone"), 0);
    (1..=3).for_each(|seq| stage.push(&[("alice", None)], seq));
    stage.uplink(alice, &packet(Codec::Json, 0, ClientBody::Ack { push_seq: 1 }));
    stage.uplink(alice, &submit_as(Codec::Json, 4));
    restart(&mut stage);
    assert_eq!((stage.shard.sessions(), stage.shard.away(), stage.shard.in_flight()), (2, 0, 2));
    stage.push(&[("alice", None)], 4);
    // Bob has left in the meantime.
    let heard = stage.link_gateway(HOME, 1, &[(alice, JSON)]);
    assert_eq!(after_going_on(alice, heard), [pushed(alice, 2, 2), pushed(alice, 3, 3), pushed(alice, 4, 4)]);
    assert_eq!(stage.shard.away(), 1);
    // The command that was under way comes again from the client.
    stage.uplink(alice, &submit_as(Codec::Json, 4));
    assert_eq!(stage.client_ids(), [4]);
    let later = stage.log_in(conn("carol", 3), WEBSOCKET, ("carol", "phone"), 0);
    assert_eq!(later.session, "ac-0-1");
}

#[test]
fn a_session_that_was_away_or_lagging_can_be_resumed_with_the_secret_from_before() {
    let mut stage = Stage::with(|settings| settings.in_flight_max = 1);
    let alice = conn("alice", 1);
    let ok = stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    stage.gateway_says(HOME, |out| link::closed(out, alice, CloseReason::PeerReset));
    (1..=3).for_each(|seq| stage.push(&[("alice", None)], seq));
    restart(&mut stage);
    stage.link_gateway(HOME, 1, &[]);
    let again = conn("alice", 2);
    let resume = Resume {
        uid: "alice".parse().unwrap(),
        device: "phone".parse().unwrap(),
        session: ok.session,
        secret: ok.secret.unwrap(),
        last_push_seq: 0,
    };
    stage.open(again, WEBSOCKET, &packet(Codec::Proto, 0, ClientBody::Resume(resume)));
    let heard = stage.heard(HOME);
    let Said::Packet(_, ServerPacket { body: ServerBody::ResumeOk(resumed), .. }) = &heard[0] else {
        panic!("{heard:?}")
    };
    assert_eq!((resumed.verdict, &heard[1]), (Verdict::Gap, &pushed(again, 1, 1)));
    let Said::Packet(_, ServerPacket { push_seq: 2, body: ServerBody::Resync(resync), .. }) = &heard[2]
    else {
        panic!("{heard:?}")
    };
    assert_eq!((resync.missed[0].from_seq, resync.missed[0].to_seq), (2, 3));
}

#[test]
fn a_gateway_that_died_meanwhile_has_no_connections() {
    for (boot_epoch, wait) in [(2, 0), (1, 10_100)] {
        let mut stage = Stage::new();
        let alice = conn("alice", 1);
        stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
        restart(&mut stage);
        stage.wait(Duration::from_millis(wait));
        let heard = stage.link_gateway(HOME, boot_epoch, &[(alice, WEBSOCKET)]);
        let required = ServerPacket { push_seq: 0, client_id: 0, body: ServerBody::LoginRequired };
        assert_eq!((heard, stage.shard.away()), (vec![Said::Packet(alice, required)], 1));
    }
}

#[test]
fn a_session_of_another_shard_is_not_taken() {
    let mut stage = Stage::new();
    stage.log_in(conn("bob", 1), WEBSOCKET, ("bob", "phone"), 0);
    let durable = stage.shard.durable().next().unwrap();
    let mut other = Stage::unlinked(|settings| settings.shard_count = 2);
    assert!(!other.shard.restore(other.now, durable, &mut other.wires), "slot 589 of bob's is odd");
}
