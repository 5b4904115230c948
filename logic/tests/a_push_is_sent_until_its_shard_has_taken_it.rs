//! A push that is durable reaches its shard, whichever of the two dies or loses the link: it is sent again until the shard confirms it, in order, and under the same number. While a shard
//! confirms too little, what it is to be told waits; while it confirms next to nothing, nothing is taken that it would have to be told.

mod kit;

use kit::{EPOCH, Rig, at, code, device, encode, link, message_of, pushes, single, submit_ok, text_to, uids};
use logic::store::memory::MemoryStore;
use logic::store::{Store as _, StoreError};
use logic::{Input, LinkId, Logic};
use proto::backend::{Push, Taken};
use proto::limits::{BODY_BYTES_MAX, PUSHES_SENT_BYTES_MAX, PUSHES_UNCONFIRMED_BYTES_MAX};
use proto::packet::{Body, Message, RefusedCode};

const NEWER: LinkId = LinkId(7);

/// alice is shard 0's and bob shard 1's: what is said to him goes to both.
fn say(rig: &mut Rig, client_id: u64) -> Vec<(LinkId, Push)> {
    let body = text_to("bob", &client_id.to_string());
    let (answer, pushed) = rig.ask_raw(&device("alice", "phone"), encode(client_id, body));
    submit_ok(answer);
    pushed
}

fn link_up(rig: &mut Rig, link: LinkId, taken: Taken) {
    rig.logic.handle(rig.now, Input::LinkUp { link, shard: 1, shard_count: 2, taken });
}

fn sent(rig: &mut Rig) -> Vec<(LinkId, u64, u64)> {
    let (out, result) = rig.commit();
    assert!(result.is_ok());
    numbers(pushes(out))
}

/// Over which link, the number, and the message's seq.
fn numbers(pushed: Vec<(LinkId, Push)>) -> Vec<(LinkId, u64, u64)> {
    pushed.into_iter().map(|(link, push)| (link, push.number, message_of(&push).seq)).collect()
}

#[test]
fn what_was_not_taken_comes_again_over_the_next_link_and_before_all_else() {
    let mut rig = Rig::new();
    assert_eq!(numbers(say(&mut rig, 1)), [(link(0), 1, 1), (link(1), 1, 1)]);
    say(&mut rig, 2);
    say(&mut rig, 3);
    rig.logic.handle(rig.now, Input::PushesTaken { link: link(1), number: 1 });
    rig.logic.handle(rig.now, Input::LinkDown { link: link(1) });
    assert_eq!(numbers(say(&mut rig, 4)), [(link(0), 4, 4)]);
    link_up(&mut rig, NEWER, Taken { epoch: EPOCH, number: 2 });
    let expected = [(link(0), 5, 5), (NEWER, 3, 3), (NEWER, 4, 4), (NEWER, 5, 5)];
    let mut pushed = numbers(say(&mut rig, 5));
    pushed.sort_unstable_by_key(|(link, ..)| std::cmp::Reverse(*link));
    assert_eq!(pushed, expected);
    assert_eq!(sent(&mut rig), [], "over one link they are sent once");
    link_up(&mut rig, LinkId(8), Taken { epoch: EPOCH, number: 5 });
    assert_eq!(sent(&mut rig), [], "whatever was taken is gone");
}

#[test]
fn a_shard_that_has_taken_pushes_of_another_logic_server_is_sent_all() {
    let mut rig = Rig::new();
    say(&mut rig, 1);
    link_up(&mut rig, NEWER, Taken { epoch: EPOCH + 1, number: 100 });
    assert_eq!(sent(&mut rig), [(NEWER, 1, 1)]);
    // What a link that is not up any more has to say is of no interest.
    rig.logic.handle(rig.now, Input::PushesTaken { link: link(1), number: 1 });
    link_up(&mut rig, LinkId(8), Taken::default());
    assert_eq!(sent(&mut rig), [(LinkId(8), 1, 1)]);
}

#[test]
fn a_failed_batch_pushes_nothing_but_what_was_durable_before() {
    let mut rig = Rig::new();
    say(&mut rig, 1);
    link_up(&mut rig, NEWER, Taken::default());
    rig.send(&device("alice", "phone"), encode(2, text_to("bob", "2")));
    rig.logic.store_mut().fail_after(0, StoreError::Transient("full".into()));
    let (out, result) = rig.commit();
    assert!(result.is_err());
    assert_eq!(numbers(pushes(out)), [(NEWER, 1, 1)]);
    assert_eq!(numbers(say(&mut rig, 2)), [(link(0), 2, 2), (NEWER, 2, 2)]);
}

#[test]
fn while_too_much_is_not_taken_commands_are_put_off_and_then_executed() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    rig.now = at(5);
    let large = "x".repeat(BODY_BYTES_MAX);
    let mut client_id = 0;
    let refused = loop {
        client_id += 1;
        let (answer, _) = rig.ask_raw(&phone, encode(client_id, text_to("bob", &large)));
        rig.logic.handle(rig.now, Input::PushesTaken { link: link(0), number: u64::MAX });
        if let proto::packet::ServerBody::Refused(_) = answer.body {
            break answer;
        }
    };
    assert_eq!(code(refused), RefusedCode::Unavailable);
    let waiting = rig.logic.tally().unconfirmed_bytes as usize;
    assert!(
        (PUSHES_UNCONFIRMED_BYTES_MAX..PUSHES_UNCONFIRMED_BYTES_MAX + 2 * BODY_BYTES_MAX).contains(&waiting)
    );
    assert_eq!(rig.last_client_id(&phone), client_id - 1, "nothing was done");
    assert_eq!(rig.logic.tally().put_off, 1);
    submit_ok(rig.ask(&device("alice", "desk"), 1, text_to("alice", "a note")));

    rig.logic.handle(rig.now, Input::PushesTaken { link: link(1), number: u64::MAX });
    submit_ok(rig.ask(&phone, client_id, text_to("bob", &large)));
}

#[test]
fn a_burst_waits_and_goes_as_it_is_confirmed() {
    let (mut rig, phone) = (Rig::new(), device("alice", "phone"));
    let large = "x".repeat(BODY_BYTES_MAX);
    let count = (PUSHES_SENT_BYTES_MAX / BODY_BYTES_MAX) as u64 * 2;
    let mut came = Vec::new();
    let to_bobs = |pushed: Vec<(LinkId, Push)>| pushed.into_iter().filter(|(to, _)| *to == link(1));
    for client_id in 1..=count {
        let (answer, pushed) = rig.ask_raw(&phone, encode(client_id, text_to("bob", &large)));
        submit_ok(answer);
        came.extend(to_bobs(pushed).map(|(_, push)| (push.number, message_of(&push).seq)));
        rig.logic.handle(rig.now, Input::PushesTaken { link: link(0), number: u64::MAX });
    }
    let sent = came.len() * BODY_BYTES_MAX;
    assert!((PUSHES_SENT_BYTES_MAX * 9 / 10..PUSHES_SENT_BYTES_MAX + BODY_BYTES_MAX).contains(&sent));
    while came.len() < count as usize {
        let number = came[came.len() - 1].0;
        rig.logic.handle(rig.now, Input::PushesTaken { link: link(1), number });
        let (out, _) = rig.commit();
        let before = came.len();
        came.extend(to_bobs(pushes(out)).map(|(_, push)| (push.number, message_of(&push).seq)));
        assert!(came.len() > before, "what was confirmed makes room");
    }
    assert!(came.iter().map(|(_, seq)| *seq).eq(1..=count), "each once and in order");
    assert!(came.is_sorted());
}

#[test]
fn what_was_not_confirmed_is_pushed_again_by_the_next_process() {
    let mut rig = Rig::new();
    for client_id in 1..=4 {
        say(&mut rig, client_id);
    }
    // Of the four, alice's shard has taken all and bob's two; that is known when something else is committed.
    rig.logic.handle(rig.now, Input::PushesTaken { link: link(0), number: 4 });
    rig.logic.handle(rig.now, Input::PushesTaken { link: link(1), number: 2 });
    say(&mut rig, 5);
    let mut store = rig.logic.into_store();
    store.crash();
    let (committed, mut known) = (store.committed(), Vec::new());
    store.not_taken(&mut |after, message| known.push((after, message.seq))).unwrap();
    assert_eq!((committed, known), (5, vec![(2, 3), (3, 4), (4, 5)]));

    rig.logic = Logic::new(store, EPOCH + 1);
    rig.logic
        .handle(rig.now, Input::LinkUp { link: link(0), shard: 0, shard_count: 2, taken: Taken::default() });
    assert_eq!(sent(&mut rig), [(link(0), 1, 3), (link(0), 2, 4), (link(0), 3, 5)]);
    link_up(&mut rig, link(1), Taken { epoch: EPOCH, number: 6 });
    assert_eq!(sent(&mut rig), [(link(1), 1, 3), (link(1), 2, 4), (link(1), 3, 5)]);
    assert_eq!(rig.logic.tally().pushed_again, 3);

    rig.logic.handle(rig.now, Input::PushesTaken { link: link(0), number: u64::MAX });
    rig.logic.handle(rig.now, Input::PushesTaken { link: link(1), number: u64::MAX });
    assert_eq!(numbers(say(&mut rig, 6)), [(link(0), 4, 6), (link(1), 4, 6)]);
    let mut store = rig.logic.into_store();
    store.crash();
    let mut known = Vec::new();
    store.not_taken(&mut |_, message| known.push(message.seq)).unwrap();
    assert_eq!(known, [6]);
}

#[test]
fn of_very_many_that_were_not_confirmed_the_newest_are_pushed_again() {
    let (id, mut store) = (single("alice", "bob"), MemoryStore::default());
    store.create(&id, uids(&["alice", "bob"]).into()).unwrap();
    let count = (PUSHES_UNCONFIRMED_BYTES_MAX / BODY_BYTES_MAX) as u64 * 3 / 2;
    for seq in 1..=count {
        let (sender, to) = ("alice".parse().unwrap(), Some("bob".parse().unwrap()));
        let body = Body::Data(vec![0; BODY_BYTES_MAX]);
        let message = Message { conversation: id.clone(), seq, sender, to, time_ms: seq, body };
        store.append(&message).unwrap();
        store.commit().unwrap();
    }
    let mut logic = Logic::new(store, EPOCH);
    let up = Input::LinkUp { link: link(0), shard: 0, shard_count: 1, taken: Taken::default() };
    logic.handle(at(1), up);
    let (mut out, mut seqs) = (Vec::new(), Vec::new());
    while seqs.last() != Some(&count) {
        logic.commit(&mut out).unwrap();
        let came = pushes(std::mem::take(&mut out));
        seqs.extend(came.iter().map(|(_, push)| message_of(push).seq));
        let number = came.last().unwrap().1.number;
        logic.handle(at(2), Input::PushesTaken { link: link(0), number });
    }
    let first = seqs[0];
    assert!(seqs.into_iter().eq(first..=count) && (count / 4..count / 2).contains(&first));
    assert_eq!((logic.tally().not_pushed_again, logic.tally().pushed_again), (first - 1, count - first + 1));
}
