//! The queue, alone.

use proptest::prelude::*;
use proto::limits::{MERGEABLE_BYTES_MAX, MERGEABLE_MAX};

use super::*;

fn payload(bytes: usize) -> Payload {
    Arc::new(vec![7; bytes])
}

fn spot(conversation: &str, seq: u64) -> Spot {
    Spot { conversation: conversation.parse().unwrap(), seq }
}

fn at(reached: bool, tick: u32) -> Moment {
    Moment { reached, tick }
}

fn numbers(unsent: &mut InFlight) -> Vec<u64> {
    std::iter::from_fn(|| unsent.next_unsent(0)).map(|(push_seq, _)| push_seq).collect()
}

#[test]
fn pushes_are_numbered_from_one_kept_until_acknowledged_and_beyond_the_bound_only_remembered() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    let say = |inflight: &mut InFlight, seq| inflight.push(&one, &spot("g.a", seq), false, 2, at(true, 0));
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
    assert_eq!(inflight.push(&large, &spot("g.a", 1), false, 9, at(true, 0)), Kept::Send(1));
    assert_eq!(inflight.push(&payload(1), &spot("g.a", 2), false, 9, at(true, 0)), Kept::Missed);
    assert_eq!(Arc::strong_count(&large), 2, "the packet is shared");
    inflight.acknowledge(1, 0).unwrap();
    assert_eq!(Arc::strong_count(&large), 1);
}

#[test]
fn of_very_many_conversations_only_that_there_were_more_is_remembered() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    inflight.push(&one, &spot("g.first", 1), false, 1, at(true, 0));
    for number in 0..=RESYNC_MISSED_MAX {
        inflight.push(&one, &spot(&format!("g.{number}"), 1), false, 1, at(true, 0));
    }
    inflight.acknowledge(1, 0).unwrap();
    let resync = inflight.resync_due().unwrap();
    assert_eq!((resync.missed.len(), resync.everything), (RESYNC_MISSED_MAX, true));
}

#[test]
fn a_blocked_reader_is_sent_nothing_and_is_given_its_time_anew() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    inflight.push(&one, &spot("g.a", 1), false, 9, at(true, 3));
    assert!(inflight.awaits_ack());
    inflight.block(true, 4);
    assert_eq!(inflight.push(&one, &spot("g.a", 2), false, 9, at(true, 5)), Kept::Waits);
    assert!(!inflight.awaits_ack() && inflight.next_unsent(5).is_none());
    inflight.block(false, 9);
    assert_eq!((numbers(&mut inflight), inflight.awaits_since()), (vec![2], (9, 0)));
}

#[test]
fn a_new_connection_gets_all_that_is_unacknowledged() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    for seq in 1..=3 {
        inflight.push(&one, &spot("g.a", seq), false, 9, at(true, 0));
    }
    inflight.acknowledge(1, 0).unwrap();
    assert_eq!(inflight.push(&one, &spot("g.a", 4), false, 9, at(false, 0)), Kept::Waits);
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
    inflight.push(&payload(1), &spot("g.a", 1), false, 9, at(true, 0));
    inflight.rest();
    assert_eq!(inflight.len(), 1);
    inflight.acknowledge(1, 0).unwrap();
    inflight.rest();
    assert!(inflight.queue.is_none());
    assert_eq!((inflight.numbered(), inflight.acknowledged()), (1, 1));
}

#[test]
fn control_goes_before_chat_that_was_never_sent_and_no_number_changes_its_packet() {
    let mut inflight = InFlight::default();
    let mut say = |seq: u8, urgent, reached| {
        let payload = Arc::new(vec![seq]);
        inflight.push(&payload, &spot("g.a", seq.into()), urgent, 9, at(reached, 0));
    };
    say(1, false, true);
    for (seq, urgent) in [(2, false), (3, true), (4, false), (5, true)] {
        say(seq, urgent, false);
    }
    let mut sent =
        || std::iter::from_fn(|| inflight.next_unsent(0)).map(|(n, payload)| (n, payload[0])).collect();
    let order: Vec<_> = sent();
    assert_eq!(order, [(2, 3), (3, 5), (4, 2), (5, 4)]);
    inflight.rewind();
    inflight.push(&Arc::new(vec![6]), &spot("g.a", 6), true, 9, at(false, 0));
    let mut sent =
        || std::iter::from_fn(|| inflight.next_unsent(0)).map(|(n, payload)| (n, payload[0])).collect();
    let order: Vec<_> = sent();
    assert_eq!(order, [(1, 1), (2, 3), (3, 5), (4, 2), (5, 4), (6, 6)]);
}

#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    let (mut inflight, one) = (InFlight::default(), payload(1));
    inflight.push(&one, &spot("g.a", 1), false, 9, at(true, 0));
    inflight.push(&one, &spot("g.a", 2), false, 9, at(false, 0));
    assert_eq!((inflight.numbered(), inflight.acknowledge(2, 0)), (1, Err(NeverSent)));
    assert_eq!(inflight.acknowledge(1, 0), Ok(1));
}

#[test]
fn mergeable_packets_wait_once_for_each_key_and_too_many_push_the_oldest_out() {
    let mut inflight = InFlight::default();
    let newest = |byte| Arc::new(vec![byte]);
    assert_eq!(inflight.merge("a", &newest(1), true), None, "it can go at once");
    assert!(inflight.queue.is_none());
    inflight.block(true, 0);
    assert_eq!(inflight.merge("a", &newest(1), true), Some(Merged::default()));
    assert_eq!(inflight.merge("b", &newest(2), true), Some(Merged::default()));
    assert_eq!(inflight.merge("a", &newest(3), true), Some(Merged { replaced: true, dropped: 0 }));
    assert!(inflight.take_merged().is_empty(), "the reader is blocked");
    inflight.block(false, 0);
    assert_eq!(inflight.take_merged(), [newest(3), newest(2)]);
    let dropped = (0..MERGEABLE_MAX + 3).filter_map(|n| inflight.merge(&n.to_string(), &newest(0), false));
    assert_eq!(dropped.map(|merged| merged.dropped).sum::<u32>(), 3);
    assert_eq!(inflight.take_merged().len(), MERGEABLE_MAX);
    let large = payload(MERGEABLE_BYTES_MAX);
    inflight.merge("small", &newest(0), false);
    assert_eq!(inflight.merge("large", &large, false).map(|merged| merged.dropped), Some(1));
}

#[derive(Clone, Debug)]
enum Step {
    Push { urgent: bool, reached: bool },
    Merge { key: u8, reached: bool },
    Acknowledge(u64),
    Block(bool),
    Rewind,
    Flush,
}

/// A client, and what it must have seen.
#[derive(Default)]
struct Reader {
    /// What it has in one piece: the seqs behind the numbers 1, 2, 3, …
    has: Vec<u8>,
    /// The newest state of each key that it was sent.
    states: BTreeMap<u8, u8>,
}

impl Reader {
    fn flush(&mut self, inflight: &mut InFlight) -> Result<(), TestCaseError> {
        while let Some((push_seq, payload)) = inflight.next_unsent(0) {
            self.got(push_seq, payload[0])?;
        }
        for payload in inflight.take_merged() {
            self.states.insert(payload[0], payload[1]);
        }
        Ok(())
    }

    fn got(&mut self, push_seq: u64, seq: u8) -> Result<(), TestCaseError> {
        let place = push_seq as usize - 1;
        prop_assert!(place <= self.has.len(), "no gap on a connection");
        match self.has.get(place) {
            Some(known) => prop_assert_eq!(*known, seq, "a number means the same packet for ever"),
            None => self.has.push(seq),
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn a_client_that_acknowledges_what_it_got_gets_everything_or_is_told_to_pull(
        steps in proptest::collection::vec(prop_oneof![
            any::<(bool, bool)>().prop_map(|(urgent, reached)| Step::Push { urgent, reached }),
            (0..3u8, any::<bool>()).prop_map(|(key, reached)| Step::Merge { key, reached }),
            (0..4u64).prop_map(Step::Acknowledge),
            any::<bool>().prop_map(Step::Block),
            Just(Step::Rewind),
            Just(Step::Flush),
        ], 0..60),
    ) {
        let (mut inflight, mut reader) = (InFlight::default(), Reader::default());
        let (mut seq, mut kept, mut told, mut states) = (0u8, vec![], vec![], BTreeMap::new());
        for step in steps {
            // Somebody who cannot be reached is not sent to before the connection is another.
            let sent_all = inflight.queue.as_ref().is_none_or(|queue| queue.sent == queue.packets.len());
            match step {
                Step::Push { urgent, reached } => {
                    seq += 1;
                    let at = at(reached && sent_all, 0);
                    match inflight.push(&Arc::new(vec![seq]), &spot("g.a", seq.into()), urgent, 4, at) {
                        Kept::Missed => told.push(u64::from(seq)),
                        Kept::Send(push_seq) => {
                            kept.push(seq);
                            reader.got(push_seq, seq)?;
                        }
                        Kept::Waits => kept.push(seq),
                    }
                }
                Step::Merge { key, reached } => {
                    seq += 1;
                    states.insert(key, seq);
                    let payload = Arc::new(vec![key, seq]);
                    if inflight.merge(&key.to_string(), &payload, reached && sent_all).is_none() {
                        reader.states.insert(key, seq);
                    }
                }
                Step::Acknowledge(less) => {
                    let push_seq = (reader.has.len() as u64).saturating_sub(less);
                    prop_assert!(inflight.acknowledge(push_seq, 0).is_ok());
                }
                Step::Block(blocked) => {
                    inflight.block(blocked, 0);
                    reader.flush(&mut inflight)?;
                }
                Step::Rewind => {
                    inflight.rewind();
                    reader.flush(&mut inflight)?;
                }
                Step::Flush => reader.flush(&mut inflight)?,
            }
            inflight.check_invariants();
        }
        inflight.rewind();
        reader.flush(&mut inflight)?;
        prop_assert_eq!(&reader.states, &states, "the newest state of everything has arrived");
        let has = reader.has.iter().copied().collect::<std::collections::BTreeSet<_>>();
        prop_assert_eq!(has, kept.iter().copied().collect());
        prop_assert_eq!(reader.has.len(), kept.len(), "each once");
        prop_assert!(inflight.acknowledge(kept.len() as u64 + 1, 0).is_err());
        inflight.acknowledge(kept.len() as u64, 0).unwrap();
        match inflight.resync_due() {
            Some(resync) => {
                let missed = &resync.missed[0];
                prop_assert_eq!((missed.from_seq, missed.to_seq), (told[0], *told.last().unwrap()));
            }
            None => prop_assert!(told.is_empty()),
        }
    }
}
