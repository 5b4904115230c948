//! Pushes reach every device.

use super::*;

pub(super) fn pushed(to: ConnId, push_seq: u64, seq: u64) -> Said {
    Said::Packet(to, ServerPacket { push_seq, client_id: 0, body: ServerBody::Push(message(seq)) })
}

#[test]
fn a_push_goes_to_all_sessions_but_the_excepted_device_and_is_numbered_for_each() {
    let mut stage = Stage::new();
    let [phone, tablet, bob] = [conn("alice", 1), conn("alice", 2), conn("bob", 3)];
    stage.log_in(phone, WEBSOCKET, ("alice", "phone"), 0);
    stage.log_in(tablet, JSON, ("alice", "tablet"), 0);
    stage.push(&[("alice", Some("phone")), ("nobody", None)], 1);
    stage.log_in(bob, Form { codec: Codec::Proto, tcp: true }, ("bob", "phone"), 0);
    stage.push(&[("alice", None), ("bob", Some("tablet"))], 2);
    let heard = stage.heard(HOME);
    assert_eq!(heard.len(), 3);
    for expected in [pushed(phone, 1, 2), pushed(bob, 1, 2), pushed(tablet, 2, 2)] {
        assert!(heard.contains(&expected), "{heard:?}");
    }
    assert_eq!((stage.shard.counts().pushes, stage.shard.counts().pushed), (2, 4));
}

#[test]
fn one_frame_serves_all_sessions_of_a_form_on_a_reactor() {
    let mut stage = Stage::new();
    let uids: Vec<_> = (0..9000).map(|number| format!("user{number}")).collect();
    for (index, uid) in uids.iter().enumerate() {
        let form = if index < 10 { JSON } else { WEBSOCKET };
        stage.log_in(conn(uid, index as u32), form, (uid, "phone"), 0);
    }
    let targets: Vec<_> = uids.iter().map(|uid| (&uid[..], None)).collect();
    for (round, targets) in targets.chunks(4096).enumerate() {
        stage.push(targets, round as u64);
    }
    let frames = frames(stage.wires.gateways.get_mut(&0).unwrap());
    let counts = frames.iter().map(|(kind, body)| match link::FromState::decode(*kind, body).unwrap() {
        link::FromState::Downlink { targets, .. } => targets.len(),
        other => panic!("{other:?}"),
    });
    assert_eq!(counts.collect::<Vec<_>>(), [4086, 10, 4096, 808]);
}

#[test]
fn an_ack_for_what_was_never_sent_is_refused() {
    let mut stage = Stage::new();
    let alice = conn("alice", 1);
    stage.log_in(alice, WEBSOCKET, ("alice", "phone"), 0);
    stage.push(&[("alice", None)], 1);
    stage.heard(HOME);
    stage.uplink(alice, &ack(2));
    assert_eq!(stage.refused().1.field, "ack.push_seq");
    assert_eq!(stage.shard.counts().acks, 0);
}

#[test]
fn a_push_that_is_no_packet_reaches_nobody_in_json_and_is_counted() {
    let mut stage = Stage::new();
    stage.log_in(conn("alice", 1), JSON, ("alice", "phone"), 0);
    stage.logic_says(FromLogic::Push(backend::Push {
        targets: vec![("alice".parse().unwrap(), None)],
        packet: vec![0xFF],
        class: PushClass::Chat(Spot { conversation: "g.club".parse().unwrap(), seq: 1 }),
        number: 0,
    }));
    assert_eq!((stage.heard(HOME), stage.shard.counts().bad_packets), (vec![], 1));
    assert_eq!(stage.shard.in_flight(), 0, "nothing waits for an ack that cannot come");
}
