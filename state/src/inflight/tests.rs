//! The queue, alone.

use proptest::prelude::*;

use super::*;

fn payload(bytes: usize) -> Payload {
    Arc::new(vec![7; bytes])
}

fn push(conversation: &str, seq: u64) -> Push {
    let conversation = conversation.parse().unwrap();
    Push { targets: Vec::new(), packet: Vec::new(), conversation, seq }
}

fn numbers(unsent: &mut InFlight) -> Vec<u64> {
    std::iter::from_fn(|| unsent.next_unsent(0)).map(|(push_seq, _)| push_seq).collect()
}

#[test]
fn pushes_are_numbered_from_one_kept_until_acknowledged_and_beyond_the_bound_only_remembered() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    let say = |inflight: &mut InFlight, seq| inflight.push(&one, &push("g.a", seq), 2, true, 0);
    assert_eq!(
        [1, 2, 3, 4].map(|seq| say(&mut inflight, seq)),
        [Kept::Send(1), Kept::Send(2), Kept::Missed, Kept::Missed]
    );
    assert_eq!((inflight.acknowledge(1, 0), inflight.resync_due()), (Ok(1), None));
    assert_eq!(say(&mut inflight, 5), Kept::Missed, "what comes later waits behind what is missing");
    assert_eq!(inflight.acknowledge(3, 0), Err(NeverSent));
    assert_eq!(inflight.acknowledge(2, 0), Ok(1));
    let missed = vec![Missed { conversation: "g.a".parse().unwrap(), from_seq: 3, to_seq: 5 }];
    assert_eq!(inflight.resync_due(), Some(Resync { missed, everything: false }));
    assert_eq!((inflight.resync_due(), inflight.is_lagging()), (None, false));
    assert_eq!(say(&mut inflight, 6), Kept::Send(3));
    assert_eq!((inflight.acknowledge(1, 0), inflight.acknowledged()), (Ok(0), 2));
}

#[test]
fn bytes_are_bounded_but_one_push_always_finds_room() {
    let (mut inflight, large) = (InFlight::default(), payload(IN_FLIGHT_BYTES_MAX + 1));
    assert_eq!(inflight.push(&large, &push("g.a", 1), 9, true, 0), Kept::Send(1));
    assert_eq!(inflight.push(&payload(1), &push("g.a", 2), 9, true, 0), Kept::Missed);
    assert_eq!(Arc::strong_count(&large), 2, "the packet is shared");
    inflight.acknowledge(1, 0).unwrap();
    assert_eq!(Arc::strong_count(&large), 1);
}

#[test]
fn of_very_many_conversations_only_that_there_were_more_is_remembered() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    inflight.push(&one, &push("g.first", 1), 1, true, 0);
    for number in 0..=RESYNC_MISSED_MAX {
        inflight.push(&one, &push(&format!("g.{number}"), 1), 1, true, 0);
    }
    inflight.acknowledge(1, 0).unwrap();
    let resync = inflight.resync_due().unwrap();
    assert_eq!((resync.missed.len(), resync.everything), (RESYNC_MISSED_MAX, true));
}

#[test]
fn a_blocked_reader_is_sent_nothing_and_is_given_its_time_anew() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    inflight.push(&one, &push("g.a", 1), 9, true, 3);
    assert!(inflight.awaits_ack());
    inflight.block(true, 4);
    assert_eq!(inflight.push(&one, &push("g.a", 2), 9, true, 5), Kept::Waits);
    assert!(!inflight.awaits_ack() && inflight.next_unsent(5).is_none());
    inflight.block(false, 9);
    assert_eq!((numbers(&mut inflight), inflight.awaits_since()), (vec![2], (9, 0)));
}

#[test]
fn a_new_connection_gets_all_that_is_unacknowledged() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    for seq in 1..=3 {
        inflight.push(&one, &push("g.a", seq), 9, true, 0);
    }
    inflight.acknowledge(1, 0).unwrap();
    assert_eq!(inflight.push(&one, &push("g.a", 4), 9, false, 0), Kept::Waits);
    inflight.rewind();
    assert_eq!(numbers(&mut inflight), [2, 3, 4]);
    let again: Vec<_> = inflight.again(2, 7).map(|(push_seq, _)| push_seq).collect();
    assert_eq!((again, inflight.awaits_since()), (vec![2, 3], (7, 1)));
    inflight.acknowledge(2, 8).unwrap();
    assert_eq!(inflight.awaits_since(), (8, 0), "progress begins a new wait");
}

#[test]
fn an_idle_session_gives_its_queue_back() {
    let mut inflight = InFlight::default();
    inflight.push(&payload(1), &push("g.a", 1), 9, true, 0);
    inflight.rest();
    assert_eq!(inflight.len(), 1);
    inflight.acknowledge(1, 0).unwrap();
    inflight.rest();
    assert!(inflight.queue.is_none());
    assert_eq!((inflight.pushed(), inflight.acknowledged()), (1, 1));
}

#[derive(Clone, Debug)]
enum Step {
    Push(bool),
    Acknowledge(u64),
    Block(bool),
    Rewind,
    Flush,
}

proptest! {
    #[test]
    fn a_client_that_acknowledges_what_it_got_gets_everything_or_is_told_to_pull(
        steps in proptest::collection::vec(prop_oneof![
            any::<bool>().prop_map(Step::Push),
            (0..4u64).prop_map(Step::Acknowledge),
            any::<bool>().prop_map(Step::Block),
            Just(Step::Rewind),
            Just(Step::Flush),
        ], 0..60),
    ) {
        let (mut inflight, one) = (InFlight::default(), payload(1));
        // What the client has in one piece, and the seqs behind the numbers.
        let (mut received, mut seq, mut seqs, mut told) = (0, 0, vec![], vec![]);
        for step in steps {
            let mut got = vec![];
            match step {
                Step::Push(reached) => {
                    // Somebody who cannot be reached is not sent to before the connection is another.
                    let reached = reached && inflight.queue.as_ref().is_none_or(|queue| queue.sent == queue.packets.len());
                    seq += 1;
                    let kept = inflight.push(&one, &push("g.a", seq), 4, reached, 0);
                    if kept == Kept::Missed {
                        told.push(seq);
                    } else {
                        seqs.push(seq);
                    }
                    if let Kept::Send(push_seq) = kept {
                        got.push(push_seq);
                    }
                }
                Step::Acknowledge(less) => drop(inflight.acknowledge(u64::saturating_sub(received, less), 0)),
                Step::Block(blocked) => {
                    inflight.block(blocked, 0);
                    got = numbers(&mut inflight);
                }
                Step::Rewind => {
                    inflight.rewind();
                    got = numbers(&mut inflight);
                }
                Step::Flush => got = numbers(&mut inflight),
            }
            for push_seq in got {
                prop_assert!(push_seq <= received + 1, "no gap on a connection");
                received = received.max(push_seq);
            }
            inflight.check_invariants();
        }
        inflight.rewind();
        numbers(&mut inflight);
        let pushed = inflight.pushed();
        prop_assert_eq!(pushed, seqs.len() as u64);
        inflight.acknowledge(pushed, 0).unwrap();
        match inflight.resync_due() {
            Some(resync) => {
                let missed = &resync.missed[0];
                prop_assert_eq!((missed.from_seq, missed.to_seq), (told[0], *told.last().unwrap()));
            }
            None => prop_assert!(told.is_empty()),
        }
    }
}
