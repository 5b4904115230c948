//! A numbered push of logic's is taken once: its number is written down in the turn of what it causes, and confirmed; a shard that begins again tells how far it has come, and what lies
//! beyond comes again.

use super::*;

fn chat(seq: u64) -> PushClass {
    PushClass::Chat(Spot { conversation: "g.club".parse().unwrap(), seq })
}

impl Stage {
    fn push_to_bob(&mut self, number: u64) {
        self.push_numbered(&[("bob", None)], number, chat(number), number);
    }

    fn log_bob_in(&mut self) {
        self.log_in(conn("bob", 1), WEBSOCKET, ("bob", "phone"), 0);
    }
}

#[test]
fn a_push_that_comes_again_is_passed_over() {
    let mut stage = Stage::new();
    stage.log_bob_in();
    for number in [3, 4] {
        stage.push_to_bob(number);
        assert_eq!(stage.asked(), [FromState::PushesTaken { number }]);
    }
    assert_eq!(stage.heard(HOME).len(), 2);
    stage.push_to_bob(3);
    stage.push_to_bob(4);
    assert_eq!((stage.heard(HOME), stage.asked()), (vec![], vec![]));
    assert_eq!((stage.shard.counts().pushes, stage.shard.counts().pushes_repeated), (2, 2));
    stage.push(&[("bob", None)], 5);
    assert_eq!(stage.heard(HOME).len(), 1, "one without a number is always taken");
    assert_eq!(stage.asked(), []);
}

#[test]
fn pushes_of_one_turn_are_confirmed_together_and_even_if_nobody_is_there() {
    let mut stage = Stage::new();
    for number in 1..=3 {
        let targets = vec![("bob".parse().unwrap(), None)];
        let push = backend::Push { targets, packet: vec![], class: chat(number), number };
        let mut bytes = Vec::new();
        backend::push(&mut bytes, &push);
        let (kind, body) = frames(&mut bytes).remove(0);
        stage.shard.handle(stage.now, Input::FromLogic { kind, body: &body }, &mut stage.wires);
    }
    assert_eq!(stage.asked(), []);
    stage.shard.end_turn(&mut stage.wires);
    stage.shard.end_turn(&mut stage.wires);
    assert_eq!(stage.asked(), [FromState::PushesTaken { number: 3 }]);
    assert_eq!(stage.wires.replay.taken(), Taken { epoch: EPOCH, number: 3 });
}

#[test]
fn a_shard_that_begins_again_tells_what_its_journal_has_of_logics_pushes() {
    let mut stage = Stage::new();
    assert_eq!(stage.taken, Taken::default());
    stage.log_bob_in();
    stage.push_to_bob(1);
    let durable = stage.wires.replay.clone();
    stage.push_to_bob(2);
    stage.begin_again(durable, 0xAC, 100);
    stage.link_logic();
    assert_eq!(stage.taken, Taken { epoch: EPOCH, number: 1 });
    stage.push_to_bob(2);
    assert_eq!(stage.asked(), [FromState::PushesTaken { number: 2 }]);
    assert_eq!(stage.shard.in_flight(), 2);
}

#[test]
fn a_link_that_comes_back_finds_what_was_taken_and_another_logic_server_begins_anew() {
    let mut stage = Stage::new();
    stage.push_to_bob(7);
    stage.asked();
    stage.handle(Input::LogicDown);
    stage.link_logic();
    assert_eq!(stage.taken, Taken { epoch: EPOCH, number: 7 });
    stage.handle(Input::LogicDown);
    stage.handle(Input::LogicUp);
    stage.asked();
    stage.logic_says(FromLogic::Welcome { presence: false, epoch: EPOCH + 1 });
    stage.push_to_bob(1);
    assert_eq!(stage.asked(), [FromState::PushesTaken { number: 1 }]);
    assert_eq!(stage.shard.counts().pushes_repeated, 0);
}

#[test]
fn a_checkpoint_keeps_how_far_pushes_were_taken() {
    let mut stage = Stage::new();
    stage.push_to_bob(7);
    stage.shard.begin_checkpoint(&mut stage.wires);
    while stage.shard.is_checkpointing() {
        stage.shard.go_on_with_checkpoint(1, &mut stage.wires);
    }
    stage.shard.begin_checkpoint(&mut stage.wires);
    while stage.shard.is_checkpointing() {
        stage.shard.go_on_with_checkpoint(1, &mut stage.wires);
    }
    assert_eq!(stage.wires.replay.taken(), Taken { epoch: EPOCH, number: 7 });
}
