//! What a session could not be sent goes in the order of its class when it can: control, chat, and of what is mergeable the newest of each key.

use super::*;

fn spot(seq: u64) -> Spot {
    Spot { conversation: "g.club".parse().unwrap(), seq }
}

/// The push_seqs and seqs of the messages that were heard.
fn messages(heard: Vec<Said>) -> Vec<(u64, u64)> {
    let message = |said| match said {
        Said::Packet(_, ServerPacket { push_seq, body: ServerBody::Push(message), .. }) => {
            Some((push_seq, message.seq))
        }
        _ => None,
    };
    heard.into_iter().filter_map(message).collect()
}

#[test]
fn a_reader_that_takes_again_gets_control_before_chat_before_what_merges() {
    for form in [WEBSOCKET, JSON] {
        let mut stage = Stage::new();
        let alice = conn("alice", 1);
        stage.log_in(alice, form, ("alice", "phone"), 0);
        let to = [("alice", None)];
        stage.push_as(&to, 1, PushClass::Mergeable("p.bob".into()));
        assert_eq!(messages(stage.heard(HOME)), [(0, 1)], "it can go at once, and has no number");
        stage.gateway_says(HOME, |out| link::blocked(out, alice));
        stage.push_as(&to, 2, PushClass::Mergeable("p.bob".into()));
        stage.push_as(&to, 3, PushClass::Chat(spot(3)));
        stage.push_as(&to, 4, PushClass::Mergeable("p.carol".into()));
        stage.push_as(&to, 5, PushClass::Control(spot(5)));
        stage.push_as(&to, 6, PushClass::Mergeable("p.bob".into()));
        stage.push_as(&to, 7, PushClass::Chat(spot(7)));
        assert_eq!(stage.heard(HOME), []);
        stage.gateway_says(HOME, |out| link::writable(out, alice));
        assert_eq!(messages(stage.heard(HOME)), [(1, 5), (2, 3), (3, 7), (0, 6), (0, 4)]);
        assert_eq!((stage.shard.counts().merged, stage.shard.in_flight()), (1, 3));
        stage.uplink(alice, &packet(form.codec, 0, ClientBody::Ack { push_seq: 3 }));
        assert_eq!(stage.shard.in_flight(), 0);
        stage.wait(Duration::from_secs(20));
        assert_eq!(stage.heard(HOME), [], "what merges is not sent again");
    }
}

#[test]
fn a_session_without_a_connection_keeps_the_newest_state_of_everything() {
    let mut stage = Stage::new();
    let (first, second) = (conn("alice", 1), conn("alice", 2));
    let ok = stage.log_in(first, WEBSOCKET, ("alice", "phone"), 0);
    stage.gateway_says(HOME, |out| link::closed(out, first, CloseReason::PeerReset));
    for seq in 1..=3 {
        stage.push_as(&[("alice", None)], seq, PushClass::Mergeable("p.bob".into()));
    }
    let (uid, device) = ("alice".parse().unwrap(), "phone".parse().unwrap());
    let (session, secret) = (ok.session, ok.secret.unwrap());
    let resume = ClientBody::Resume(Resume { uid, device, session, secret, last_push_seq: 0 });
    stage.open(second, WEBSOCKET, &packet(Codec::Proto, 0, resume));
    assert_eq!(messages(stage.heard(HOME)), [(0, 3)]);
}

#[test]
fn a_mergeable_push_that_is_no_packet_is_counted_and_disturbs_nobody() {
    let mut stage = Stage::new();
    stage.log_in(conn("alice", 1), JSON, ("alice", "phone"), 0);
    let targets = vec![("alice".parse().unwrap(), None)];
    let class = PushClass::Mergeable("x".into());
    stage.logic_says(FromLogic::Push(backend::Push { targets, packet: vec![0xFF], class, number: 0 }));
    assert_eq!((stage.heard(HOME), stage.shard.counts().bad_packets), (vec![], 1));
    stage.push(&[("alice", None)], 1);
    assert_eq!(messages(stage.heard(HOME)), [(1, 1)]);
}
