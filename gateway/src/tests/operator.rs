//! What an operator asks a gateway about its connections, and does to them.

use super::*;
use crate::{Chosen, Found, Progress, Traced};

impl World {
    fn find(&mut self, chosen: Chosen, from: u32, limit: usize) -> Found {
        self.machine.find(chosen, from, limit, &mut self.done)
    }

    /// What was told of traced connections since the last call.
    fn trace(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done.told)
    }
}

#[test]
fn connections_are_found_by_who_they_are_piece_by_piece() {
    let mut world = World::linked();
    let alice = world.alice();
    let strangers = [world.accept(), world.accept()];
    let seen = world.find(Chosen::All, 0, 10).seen;
    let stages: Vec<_> = seen.iter().map(|seen| (seen.progress.label(), seen.transport)).collect();
    assert_eq!(stages, [("open", "websocket"), ("handshake", "unknown"), ("handshake", "unknown")]);
    let first = world.find(Chosen::All, 0, 2);
    assert_eq!((first.seen.len(), first.next), (2, Some(strangers[1])));
    assert_eq!(world.find(Chosen::All, strangers[1], 2).seen.len(), 1);
    assert_eq!(world.find(Chosen::Slot(Slot::of("alice")), 0, 10).seen[0].conn.to_string(), ALICE);
    assert_eq!(world.find(Chosen::Slot(Slot::of("bob")), 0, 10).seen, []);
    let name = ALICE.parse().unwrap();
    assert_eq!(world.find(Chosen::Conn(name), 0, 10), Found { seen: vec![seen[0]], next: None });
    assert_eq!(world.find(Chosen::From("192.0.2.0/24".parse().unwrap()), 0, 10).seen.len(), 3);
    assert_eq!(world.find(Chosen::From("198.51.100.1".parse().unwrap()), 0, 10).seen, []);
    world.tell(Input::Kick { index: alice });
    assert_eq!(world.done.ended, [(alice, CloseReason::Kicked)]);
    let again = world.find(Chosen::Conn(name), 0, 10).seen;
    assert_eq!(again[0].progress, Progress::Closing);
}

#[test]
fn a_piece_of_a_large_table_is_all_that_one_turn_looks_at() {
    let mut world = World::linked();
    for _ in 0..=CONNECTIONS_SCANNED {
        world.accept();
    }
    let nobody = Chosen::Slot(Slot(1));
    assert_eq!(world.find(nobody, 0, 10), Found { seen: vec![], next: Some(CONNECTIONS_SCANNED) });
    assert_eq!(world.find(nobody, CONNECTIONS_SCANNED, 10), Found::default());
}

#[test]
fn a_trace_tells_the_whole_life_of_those_it_is_of_and_of_nobody_else() {
    let mut world = World::linked();
    let before = world.alice();
    world.machine.trace(Some(Traced::Chosen(Chosen::Slot(Slot::of("alice")))));
    assert_eq!(world.machine.trace_on(0, &mut world.done).seen.len(), 1);
    let other = world.accept();
    world.feed(other, &upgrade("holdfast.v1.json"));
    world.feed(other, &text(&login(Codec::Json, "bob")));
    world.feed(before, &text(b"{\"submit\":1}"));
    world.tell(Input::Blocked { index: before });
    world.tell(Input::Drained { index: before });
    let told = world.trace();
    let expected = [
        format!("{before} read 18 bytes"),
        format!("{before} received Text of 12 bytes"),
        format!("{before} forwarded 12 bytes to its shard"),
        format!("{before} does not take what it is sent"),
        format!("{before} has taken all it was sent"),
    ];
    assert_eq!(told, expected);
    world.tell(Input::Kick { index: before });
    assert!(world.trace().contains(&format!("{before} ended: kicked")));
    world.machine.trace(None);
    world.feed(before, &text(b"{}"));
    assert_eq!(world.trace(), [] as [String; 0]);
}

#[test]
fn a_trace_of_a_user_begins_with_the_login() {
    let mut world = World::linked();
    world.machine.trace(Some(Traced::User("alice".into())));
    let alice = world.alice();
    let told = world.trace();
    assert_eq!(told[0], format!("{alice} \"alice\" logs in"));
    assert_eq!(told[1], format!("{alice} is named {ALICE}"));
    world.tell(Input::Gone { index: alice, reason: CloseReason::PeerReset });
    assert_eq!(world.trace(), [format!("{alice} ended: peer_reset")]);
}
