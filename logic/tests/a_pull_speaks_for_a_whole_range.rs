//! Pull: what `from_seq .. next_seq` covers, in every direction, with holes, and when an answer is full.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

mod kit;

use std::sync::Arc;

use kit::*;
use logic::store::Store as _;
use logic::store::memory::MemoryStore;
use proto::ids::ConversationId;
use proto::limits::{PACKET_BYTES_MAX, PULL_MESSAGES_MAX};
use proto::packet::{Body, Codec, Message, Pulled, ServerBody, ServerPacket, encode_server};

fn club() -> ConversationId {
    "g.club".parse().unwrap()
}

/// A group of alice's whose log has these messages.
fn rig(log: impl IntoIterator<Item = (u64, String)>) -> Rig {
    let mut store = MemoryStore::default();
    let alice: Arc<[_]> = uids(&["alice"]).into();
    store.create(&club(), alice.clone()).unwrap();
    for (seq, text) in log {
        let sender = alice[0].clone();
        let body = Body::Text(text);
        store.append(&Message { conversation: club(), seq, sender, to: None, time_ms: seq, body }).unwrap();
    }
    store.commit().unwrap();
    Rig::on(store)
}

fn short(seqs: impl IntoIterator<Item = u64>) -> Rig {
    rig(seqs.into_iter().map(|seq| (seq, format!("number {seq}"))))
}

/// from_seq, next_seq, head, and the seqs of the messages.
fn summary(pulled: &Pulled) -> (u64, u64, u64, Vec<u64>) {
    let seqs = pulled.messages.iter().map(|message| message.seq).collect();
    (pulled.from_seq, pulled.next_seq, pulled.head, seqs)
}

#[test]
fn ranges_are_told_exactly() {
    let alice = device("alice", "phone");
    let mut full = short(1..=5);
    let mut ask = |from, limit| summary(&full.pulled(&alice, &club(), from, limit));
    assert_eq!(ask(0, 2), (4, 6, 5, vec![4, 5]));
    assert_eq!(ask(0, 0), (1, 6, 5, vec![1, 2, 3, 4, 5]));
    assert_eq!(ask(0, 5), (1, 6, 5, vec![1, 2, 3, 4, 5]));
    assert_eq!(ask(2, 2), (2, 4, 5, vec![2, 3]));
    assert_eq!(ask(4, 9), (4, 6, 5, vec![4, 5]));
    assert_eq!(ask(6, 9), (6, 6, 5, vec![]));
    assert_eq!(ask(99, 9), (99, 99, 5, vec![]));
    assert_eq!(ask(u64::MAX, u32::MAX), (u64::MAX, u64::MAX, 5, vec![]));
}

#[test]
fn holes_are_spoken_for() {
    let alice = device("alice", "phone");
    let mut holes = short([3, 4, 7]);
    let mut ask = |from, limit| summary(&holes.pulled(&alice, &club(), from, limit));
    assert_eq!(ask(1, 2), (1, 5, 7, vec![3, 4]));
    assert_eq!(ask(5, 9), (5, 8, 7, vec![7]));
    assert_eq!(ask(0, 2), (4, 8, 7, vec![4, 7]));
    assert_eq!(ask(0, 9), (1, 8, 7, vec![3, 4, 7]));
}

#[test]
fn an_empty_conversation_has_nothing_to_pull() {
    let alice = device("alice", "phone");
    let mut empty = short([]);
    assert_eq!(summary(&empty.pulled(&alice, &club(), 0, 9)), (1, 1, 0, vec![]));
    assert_eq!(summary(&empty.pulled(&alice, &club(), 1, 9)), (1, 1, 0, vec![]));
}

#[test]
fn an_answer_holds_so_many_messages_and_no_more() {
    let alice = device("alice", "phone");
    let mut many = short(1..=1000);
    let pulled = many.pulled(&alice, &club(), 1, 1000);
    assert_eq!((pulled.messages.len() as u32, pulled.next_seq), (PULL_MESSAGES_MAX, 257));
    assert_eq!(many.pulled(&alice, &club(), 0, 0).from_seq, 745);
}

#[test]
fn an_answer_fits_a_packet_in_both_forms_and_always_makes_progress() {
    let alice = device("alice", "phone");
    // Sizes around a packet's; control characters take six bytes each in JSON.
    let texts = [10_000, 1, 9_000, 10_000, 10_000, 500, 500, 10_500, 1, 1];
    let mut heavy = rig((1..).zip(texts.map(|length| "\u{1}".repeat(length))));
    let (mut next, mut seen, mut answers) = (1, Vec::new(), 0);
    while next <= 10 {
        let pulled = heavy.pulled(&alice, &club(), next, 0);
        assert!(pulled.next_seq > next, "progress");
        for codec in [Codec::Json, Codec::Proto] {
            let mut bytes = Vec::new();
            encode_server(codec, ServerPacket::plain(ServerBody::Pulled(pulled.clone())), &mut bytes);
            assert!(bytes.len() <= PACKET_BYTES_MAX);
        }
        next = pulled.next_seq;
        seen.extend(pulled.messages.iter().map(|message| message.seq));
        answers += 1;
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
    assert!(answers < 8, "messages share an answer");
    let newest = heavy.pulled(&alice, &club(), 0, 0);
    assert_eq!((newest.from_seq, newest.next_seq), (8, 11), "the newest are what was asked for");
}
