//! A gateway is sent no more than it takes: what is kept for its sessions may come to many times what may wait for it, and its link stays.

use std::collections::HashMap;

use proto::limits::{GATEWAY_OUT_BYTES_MAX, GATEWAY_PACE};

use super::*;

const USERS: u32 = 300;
/// Of 30,000 bytes each: in all more than twice what may wait for a gateway, and in each session fewer than it keeps.
const PUSHES: u64 = 16;

fn uid(user: u32) -> String {
    format!("user{user}")
}

fn crowd() -> (Stage, Vec<(ConnId, Form)>) {
    let mut stage = Stage::new();
    let conns: Vec<_> = (0..USERS).map(|user| (conn(&uid(user), user), WEBSOCKET)).collect();
    for (user, (conn, form)) in conns.iter().enumerate() {
        stage.log_in(*conn, *form, (&uid(user as u32), "phone"), 0);
    }
    (stage, conns)
}

fn push_long(stage: &mut Stage, users: std::ops::Range<u32>, seq: u64) {
    let long = Message { body: Body::Text("x".repeat(30_000)), ..message(seq) };
    let mut packet = Vec::new();
    encode_server(Codec::Proto, ServerPacket::plain(ServerBody::Push(long)), &mut packet);
    stage.logic_says(FromLogic::Push(backend::Push {
        targets: users.map(|user| (uid(user).parse().unwrap(), None)).collect(),
        packet,
        class: PushClass::Chat(Spot { conversation: "g.club".parse().unwrap(), seq }),
        number: 0,
    }));
}

/// Lets the gateway take all that waits for it again and again until no more comes: what each connection got, in order, and how often there was something to take.
fn taken(stage: &mut Stage, link: GatewayLink) -> (HashMap<ConnId, Vec<u64>>, usize) {
    let (mut taken, mut rounds) = (HashMap::<_, Vec<_>>::new(), 0);
    loop {
        let waiting = stage.wires.gateways.get(&link.0).map_or(0, Vec::len);
        assert!(waiting <= GATEWAY_OUT_BYTES_MAX / 2, "{waiting} bytes wait");
        if waiting == 0 {
            return (taken, rounds);
        }
        for said in stage.heard(link) {
            let Said::Packet(conn, packet) = said else { continue };
            if packet.push_seq > 0 {
                taken.entry(conn).or_default().push(packet.push_seq);
            }
        }
        rounds += 1;
        stage.wait(GATEWAY_PACE);
    }
}

#[test]
fn what_is_sent_again_after_a_loss_is_sent_bit_by_bit_and_whole() {
    let (mut stage, conns) = crowd();
    stage.handle(Input::GatewayDown(HOME));
    (1..=PUSHES).for_each(|seq| push_long(&mut stage, 0..USERS, seq));
    stage.handle(Input::GatewayUp(HOME));
    stage.gateway_says(HOME, |out| {
        link::hello(out, Hello { gateway: 1, reactor: 2, boot_epoch: 1, shard: 0 });
        link::live(out, &conns, true);
    });
    // One more comes while the others wait: it does not overtake them.
    stage.push(&[(&uid(0), None), (&uid(USERS - 1), None)], PUSHES + 1);
    let (taken, rounds) = taken(&mut stage, HOME);
    for (user, (conn, _)) in conns.iter().enumerate() {
        let more = u64::from(user == 0 || user + 1 == conns.len());
        assert_eq!(taken[conn], (1..=PUSHES + more).collect::<Vec<_>>(), "user {user}");
    }
    assert!(rounds >= 8, "{rounds}");
    assert_eq!((stage.shard.gateway_links(), stage.shard.counts().faults), (1, 0));
    assert_eq!(
        stage.shard.next_deadline().map(|due| due > stage.now.mono_ms),
        Some(true),
        "nothing is left to do"
    );
}

#[test]
fn a_gateway_that_reads_nothing_for_a_while_gets_all_of_it_later_over_the_same_link() {
    let (mut stage, conns) = crowd();
    for seq in 1..=PUSHES {
        (0..USERS).for_each(|user| push_long(&mut stage, user..user + 1, seq));
    }
    assert!(stage.shard.counts().paced > 0);
    let (taken, _) = taken(&mut stage, HOME);
    for (conn, _) in &conns {
        assert_eq!(taken[conn], (1..=PUSHES).collect::<Vec<_>>());
    }
}

#[test]
fn who_comes_back_elsewhere_does_not_wait_for_the_old_gateway() {
    let (mut stage, conns) = crowd();
    for seq in 1..=PUSHES {
        (0..USERS).for_each(|user| push_long(&mut stage, user..user + 1, seq));
    }
    // The last of them is behind, and its connection goes; the gateway goes with all others.
    let (last, _) = conns[conns.len() - 1];
    stage.gateway_says(HOME, |out| link::closed(out, last, CloseReason::PeerReset));
    assert_eq!(stage.shard.away(), 1);
    let (taken, _) = taken(&mut stage, HOME);
    assert!(taken.get(&last).is_none_or(|got| got.len() < PUSHES as usize), "it is no longer there");
    stage.handle(Input::GatewayDown(HOME));
    let heard = stage.link_gateway(HOME, 1, &conns[..2]);
    // Each is told that its session goes on, and then all that it has missed.
    assert_eq!(heard.len(), 2 * (1 + PUSHES as usize), "a link begins without a backlog");
}
