//! How a gateway lets its clients go.

use super::*;

impl World {
    fn drain(&mut self, drain: Duration) {
        let drain_to = "other:7400".into();
        self.tell(Input::Reload(Arc::new(Tunables { drain, drain_to, ..Tunables::default() })));
        self.tell(Input::Drain);
    }

    fn pass(&mut self, mono_ms: u64) {
        self.now.mono_ms = mono_ms;
        self.machine.expire(self.now, &mut self.done);
    }
}

fn moved(after_ms: u32) -> Vec<u8> {
    let address = "other:7400".into();
    let mut packet = Vec::new();
    let body = ServerBody::Move { address, after_ms };
    encode_server(Codec::Json, ServerPacket::plain(body), &mut packet);
    unmasked(Opcode::Text, &packet)
}

#[test]
fn everyone_has_a_turn_evenly_over_its_time() {
    let mut world = World::linked();
    let silent: Vec<u32> = (0..3).map(|_| world.accept()).collect();
    let alice = world.alice();
    world.machine.expire(world.now, &mut world.done);
    world.drain(Duration::from_secs(4));
    assert_eq!((world.done.finished.len(), world.machine.next_deadline()), (0, Some(1000)));
    for second in 1..=3 {
        world.pass(second * 1000);
        assert_eq!(world.done.finished.len() as u64, second);
    }
    world.pass(4000);
    assert_eq!(world.done.finished, silent, "who has logged in may go by itself");
    let told = world.sent(alice);
    assert_eq!(told, moved(told_to_wait(&told)));
    assert_eq!(world.machine.next_deadline(), Some(5000));
    world.pass(5000);
    assert_eq!(world.sent(alice), close_frame(CloseReason::GoingAway));
    assert_eq!(world.done.ended.last(), Some(&(alice, CloseReason::GoingAway)));
}

#[test]
fn without_a_time_all_go_at_once_and_come_back_one_by_one() {
    let mut world = World::linked();
    let open: Vec<_> = (0..8).map(|_| world.alice()).collect();
    let silent = world.accept();
    world.drain(Duration::ZERO);
    assert_eq!(world.done.finished, [silent]);
    let mut waits: Vec<_> = open.iter().map(|index| told_to_wait(&world.sent(*index))).collect();
    waits.sort_unstable();
    assert!(waits.windows(2).all(|two| two[1] - two[0] >= 50) && waits[7] < 1000, "{waits:?}");
}

#[test]
fn who_has_gone_by_itself_is_not_mistaken_for_who_came_after() {
    let mut world = World::linked();
    let alice = world.alice();
    world.drain(Duration::ZERO);
    world.tell(Input::Gone { index: alice, reason: CloseReason::PeerClosed });
    world.pass(5000);
    assert_eq!(world.done.ended, [(alice, CloseReason::PeerClosed)]);
}

fn told_to_wait(bytes: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let digits = text.split("\"afterMs\":").nth(1).map_or("", |rest| rest);
    digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

#[test]
fn a_gateway_whose_number_a_later_one_has_lets_its_clients_go_and_its_link() {
    let mut world = World::linked();
    let (alice, silent) = (world.alice(), world.accept());
    let drain = Duration::ZERO;
    world.tell(Input::Reload(Arc::new(Tunables {
        drain,
        drain_to: "other:7400".into(),
        ..Tunables::default()
    })));
    let mut bytes = Vec::new();
    link::superseded(&mut bytes);
    for _ in 0..2 {
        let input = Input::FromState { shard: 0, kind: bytes[4], body: &[] };
        let left = world.machine.handle(world.now, input, &mut world.done);
        assert_eq!(left, Err(crate::LinkError::Superseded));
    }
    assert_eq!(world.done.finished, [silent]);
    let told = world.sent(alice);
    assert!(told.starts_with(&moved(told_to_wait(&told))));
}
