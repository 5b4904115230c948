//! Order, holes, doubles and bounds of one inbox; the pulls are answered by hand.

use proto::packet::Body;

use super::*;

fn message(seq: u64) -> Message {
    sized("g.a", seq, 1)
}

fn sized(conversation: &str, seq: u64, bytes: usize) -> Message {
    Message {
        conversation: conversation.parse().unwrap(),
        seq,
        sender: "bob".parse().unwrap(),
        to: None,
        time_ms: 0,
        body: Body::Data(vec![0; bytes]),
    }
}

fn pulled(from_seq: u64, next_seq: u64, head: u64, seqs: &[u64]) -> Pulled {
    let messages = seqs.iter().map(|seq| message(*seq)).collect();
    Pulled { conversation: "g.a".parse().unwrap(), from_seq, next_seq, head, messages }
}

#[derive(Default)]
struct Fixture {
    inbox: Inbox,
    out: Vec<Output>,
}

impl Fixture {
    fn arrive(&mut self, seqs: &[u64]) -> Vec<Gap> {
        seqs.iter().map(|seq| self.inbox.arrived(message(*seq), &mut self.out)).collect()
    }

    fn pulled(&mut self, pulled: Pulled) -> Gap {
        self.inbox.pulled(pulled, &mut self.out)
    }

    fn delivered(&mut self) -> Vec<u64> {
        let seqs = self.out.drain(..).map(|output| match output {
            Output::Event(Event::Delivered(message)) => message.seq,
            other => panic!("{other:?}"),
        });
        seqs.collect()
    }
}

#[test]
fn a_conversation_begins_where_it_is_first_heard_of() {
    let mut fixture = Fixture::default();
    assert_eq!(fixture.arrive(&[7, 8, 8, 6, 9]), [Gap::None; 5]);
    assert_eq!(fixture.delivered(), [7, 8, 9]);
}

#[test]
fn a_gap_is_pulled_once_and_closes_in_order() {
    let mut fixture = Fixture::default();
    assert_eq!(fixture.arrive(&[1, 4, 3, 4, 6]), [Gap::None, Gap::Pull, Gap::None, Gap::None, Gap::None]);
    assert_eq!(fixture.delivered(), [1]);
    assert_eq!(fixture.pulled(pulled(2, 4, 6, &[2, 3])), Gap::Pull, "5 is missing still");
    assert_eq!(fixture.delivered(), [2, 3, 4]);
    assert_eq!(fixture.pulled(pulled(5, 7, 6, &[5, 6])), Gap::None);
    assert_eq!(fixture.delivered(), [5, 6]);
    assert_eq!(fixture.inbox.early_bytes, 0);
}

#[test]
fn what_a_pull_covers_and_does_not_bring_does_not_exist() {
    let mut fixture = Fixture::default();
    fixture.arrive(&[1, 9]);
    assert_eq!(fixture.pulled(pulled(2, 9, 9, &[3])), Gap::None);
    assert_eq!(fixture.delivered(), [1, 3, 9]);
}

#[test]
fn a_message_that_comes_late_closes_its_gap_and_the_pull_brings_nothing_twice() {
    let mut fixture = Fixture::default();
    fixture.arrive(&[1, 3, 2]);
    assert_eq!(fixture.delivered(), [1, 2, 3]);
    assert_eq!(fixture.pulled(pulled(2, 4, 3, &[2, 3])), Gap::None);
    assert!(fixture.delivered().is_empty());
    assert_eq!(fixture.arrive(&[4]), [Gap::None]);
    assert_eq!(fixture.delivered(), [4]);
}

#[test]
fn an_old_answer_leads_to_a_new_pull_and_a_useless_one_to_a_later_pull() {
    let mut fixture = Fixture::default();
    assert_eq!(fixture.arrive(&[1, 4]), [Gap::None, Gap::Pull]);
    assert_eq!(fixture.pulled(pulled(1, 2, 4, &[1])), Gap::Pull, "it covered something, but not enough");
    assert_eq!(fixture.pulled(pulled(2, 2, 1, &[])), Gap::PullLater);
    assert_eq!(fixture.pulled(pulled(3, 5, 4, &[3, 4])), Gap::PullLater);
    assert_eq!(fixture.delivered(), [1]);
    assert_eq!(fixture.pulled(pulled(2, 5, 4, &[2, 3, 4])), Gap::None);
    assert_eq!(fixture.delivered(), [2, 3, 4]);
}

#[test]
fn too_many_early_messages_are_dropped_and_pulled_later() {
    let mut fixture = Fixture::default();
    fixture.arrive(&[1]);
    let many: Vec<u64> = (3..3 + CLIENT_EARLY_MAX as u64 + 10).collect();
    fixture.arrive(&many);
    assert_eq!(fixture.inbox.early_dropped, 10);
    assert_eq!(fixture.pulled(pulled(2, 3, 268, &[2])), Gap::Pull);
    assert_eq!(fixture.delivered().len(), 2 + CLIENT_EARLY_MAX);
    let rest: Vec<u64> = (259..=268).collect();
    assert_eq!(fixture.pulled(pulled(259, 269, 268, &rest)), Gap::None);
    assert_eq!(fixture.delivered(), rest);
    assert_eq!(fixture.inbox.early_bytes, 0);
}

#[test]
fn bytes_of_early_messages_are_bounded_over_all_conversations() {
    let mut fixture = Fixture::default();
    for n in 0..40 {
        let name = format!("g.{n}");
        fixture.inbox.arrived(sized(&name, 1, 0), &mut fixture.out);
        fixture.inbox.arrived(sized(&name, 3, 32 * 1024), &mut fixture.out);
    }
    assert_eq!(fixture.inbox.early_dropped, 8);
    assert_eq!(fixture.inbox.early_bytes, CLIENT_EARLY_BYTES_MAX);
}

#[test]
fn the_conversation_longest_unheard_of_makes_room() {
    let mut fixture = Fixture::default();
    for n in 0..=CLIENT_CONVERSATIONS_MAX {
        fixture.inbox.arrived(sized(&format!("g.{n}"), 5, 0), &mut fixture.out);
        fixture.inbox.arrived(sized("g.0", 5 + n as u64, 0), &mut fixture.out);
    }
    assert_eq!(fixture.inbox.forgotten, 1);
    assert_eq!(fixture.inbox.next(&"g.1".parse().unwrap()), None);
    assert!(fixture.inbox.next(&"g.0".parse().unwrap()).is_some());
}

#[test]
fn a_conversation_whose_end_was_seen_is_followed_from_there() {
    let mut fixture = Fixture::default();
    fixture.inbox.follow(&pulled(3, 5, 9, &[3, 4]));
    assert_eq!(fixture.inbox.next(&"g.a".parse().unwrap()), None, "not its end");
    fixture.inbox.follow(&pulled(12, 12, 9, &[]));
    assert_eq!(fixture.arrive(&[9, 11]), [Gap::None, Gap::Pull]);
    assert!(fixture.delivered().is_empty());
}

#[test]
fn what_cannot_be_pulled_any_more_is_delivered_as_it_is() {
    let mut fixture = Fixture::default();
    fixture.arrive(&[1, 4, 3]);
    fixture.inbox.unreachable(&"g.a".parse().unwrap(), &mut fixture.out);
    assert_eq!(fixture.delivered(), [1, 3, 4]);
    assert_eq!(fixture.inbox.early_bytes, 0);
}
