//! One suite for every engine: what `Store` promises, and nothing that only one of them does.
#![allow(clippy::unwrap_used, reason = "a failed helper fails the test")]

use std::ops::ControlFlow;
use std::sync::Arc;

use logic::Device;
use logic::store::memory::MemoryStore;
use logic::store::sqlite::{Options, SqliteStore};
use logic::store::{Conversation, Outcome, People as _, Piece, Store};
use proto::backend::Which;
use proto::ids::{ConversationId, Uid};
use proto::limits::OUTCOMES_KEPT;
use proto::packet::{Body, Message};
use tempfile::TempDir;

/// A store that can lose power.
trait Engine: Sized {
    type Store: Store;
    fn new() -> Self;
    fn store(&mut self) -> &mut Self::Store;
    fn lose_power(&mut self);
}

struct Memory(MemoryStore);

impl Engine for Memory {
    type Store = MemoryStore;
    fn new() -> Self {
        Self(MemoryStore::default())
    }
    fn store(&mut self) -> &mut MemoryStore {
        &mut self.0
    }
    fn lose_power(&mut self) {
        self.0.crash();
    }
}

/// On a file, with so large a tail: with the least everything goes to the tables at once, with one that holds all it is read from the journal.
struct Sqlite<const TAIL_BYTES: usize>(Option<SqliteStore>, TempDir);

impl<const TAIL_BYTES: usize> Sqlite<TAIL_BYTES> {
    fn open(folder: &TempDir) -> SqliteStore {
        let options = Options { cache_bytes: 1 << 20, checkpoint_pages: 64, tail_bytes: TAIL_BYTES };
        SqliteStore::open(&folder.path().join("store.db"), options).unwrap()
    }
}

impl<const TAIL_BYTES: usize> Engine for Sqlite<TAIL_BYTES> {
    type Store = SqliteStore;
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self(Some(Self::open(&folder)), folder)
    }
    fn store(&mut self) -> &mut SqliteStore {
        self.0.as_mut().unwrap()
    }
    fn lose_power(&mut self) {
        self.0 = None;
        self.0 = Some(Self::open(&self.1));
    }
}

fn uid(name: &str) -> Uid {
    name.parse().unwrap()
}

fn device(name: &str) -> Device {
    Device { uid: uid("alice"), device: name.parse().unwrap() }
}

fn members(names: &[&str]) -> Arc<[Uid]> {
    names.iter().map(|name| uid(name)).collect()
}

fn group() -> ConversationId {
    "g.club".parse().unwrap()
}

fn message(seq: u64, sender: &str) -> Message {
    let body = match seq % 3 {
        0 => Body::Data(vec![0, 255, seq as u8]),
        1 => Body::Text(format!("number {seq} \u{0} ünd")),
        _ => Body::Text(String::new()),
    };
    Message { conversation: group(), seq, sender: uid(sender), to: None, time_ms: 1000 + seq, body }
}

fn outcome(client_id: u64) -> Outcome {
    Outcome { digest: u64::MAX - client_id, reply: vec![client_id as u8; 3] }
}

fn read(store: &mut impl Store, piece: Piece) -> Vec<Message> {
    let mut found = Vec::new();
    let take = &mut |message| {
        found.push(message);
        ControlFlow::Continue(())
    };
    store.messages(&group(), piece, take).unwrap();
    found
}

fn seqs(store: &mut impl Store, piece: Piece) -> Vec<u64> {
    read(store, piece).into_iter().map(|message| message.seq).collect()
}

fn what_is_written_is_read_back<E: Engine>() {
    let mut engine = E::new();
    let store = engine.store();
    assert_eq!(store.conversation(&group()).unwrap(), None);
    store.create(&group(), members(&["alice", "bob"])).unwrap();
    let empty = Conversation { head: 0, head_ms: 0, members: members(&["alice", "bob"]) };
    assert_eq!(store.conversation(&group()).unwrap(), Some(empty));
    assert_eq!(read(store, Piece::Back { from: 0, limit: 9 }), []);
    let log: Vec<_> = (1..=6).map(|seq| message(seq, if seq % 2 == 0 { "alice" } else { "bob" })).collect();
    log.iter().for_each(|message| store.append(message).unwrap());
    let full = Conversation { head: 6, head_ms: 1006, members: members(&["alice", "bob"]) };
    assert_eq!(store.conversation(&group()).unwrap(), Some(full.clone()));
    assert_eq!(read(store, Piece::On { from: 1, limit: 99 }), log);
    store.commit().unwrap();
    engine.lose_power();
    let store = engine.store();
    assert_eq!(store.conversation(&group()).unwrap(), Some(full));
    assert_eq!(read(store, Piece::On { from: 1, limit: 99 }), log);
}

fn a_piece_has_a_direction_a_limit_and_holes<E: Engine>() {
    let mut engine = E::new();
    let store = engine.store();
    store.create(&group(), members(&["alice"])).unwrap();
    for seq in [1, 2, 5, 6, 9] {
        store.append(&message(seq, "alice")).unwrap();
    }
    assert_eq!(seqs(store, Piece::On { from: 2, limit: 3 }), [2, 5, 6]);
    assert_eq!(seqs(store, Piece::On { from: 3, limit: 9 }), [5, 6, 9]);
    assert!(seqs(store, Piece::On { from: u64::MAX, limit: 9 }).is_empty());
    assert_eq!(seqs(store, Piece::Back { from: 9, limit: 2 }), [9, 6]);
    assert_eq!(seqs(store, Piece::Back { from: 4, limit: 9 }), [2, 1]);
    let mut seen = 0;
    let take = &mut |_| {
        seen += 1;
        if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.messages(&group(), Piece::On { from: 1, limit: 9 }, take).unwrap();
    assert_eq!(seen, 2);
}

fn a_single_chat_says_to_whom<E: Engine>() {
    let mut engine = E::new();
    let store = engine.store();
    let (alice, bob) = (uid("alice"), uid("bob"));
    let id = ConversationId::single(&alice, &bob);
    store.create(&id, members(&["alice", "bob"])).unwrap();
    let said = Message { conversation: id.clone(), to: Some(alice), ..message(1, "bob") };
    store.append(&said).unwrap();
    let mut found = Vec::new();
    let take = &mut |message| {
        found.push(message);
        ControlFlow::Continue(())
    };
    store.messages(&id, Piece::On { from: 1, limit: 9 }, take).unwrap();
    assert_eq!(found, [said]);
}

fn outcomes_are_kept_as_long_as_promised<E: Engine>() {
    let mut engine = E::new();
    let store = engine.store();
    assert_eq!(store.last_client_id(&device("phone")).unwrap(), 0);
    assert_eq!(store.outcome(&device("phone"), 1).unwrap(), None);
    let last = OUTCOMES_KEPT * 2 + 100;
    for client_id in 1..=last {
        store.keep_outcome(&device("phone"), client_id, &outcome(client_id)).unwrap();
    }
    store.commit().unwrap();
    engine.lose_power();
    let store = engine.store();
    assert_eq!(store.last_client_id(&device("phone")).unwrap(), last);
    assert_eq!(store.last_client_id(&device("tablet")).unwrap(), 0);
    for client_id in last - OUTCOMES_KEPT + 1..=last {
        assert_eq!(store.outcome(&device("phone"), client_id).unwrap(), Some(outcome(client_id)));
    }
    assert_eq!(store.outcome(&device("phone"), 1).unwrap(), None);
    assert_eq!(store.outcome(&device("phone"), last + 1).unwrap(), None);
}

fn what_is_not_committed_is_lost<E: Engine>(lose: fn(&mut E)) {
    let mut engine = E::new();
    let store = engine.store();
    store.create(&group(), members(&["alice"])).unwrap();
    store.append(&message(1, "alice")).unwrap();
    store.keep_outcome(&device("phone"), 1, &outcome(1)).unwrap();
    store.commit().unwrap();

    let other: ConversationId = "g.other".parse().unwrap();
    store.create(&other, members(&["alice"])).unwrap();
    store.append(&message(2, "alice")).unwrap();
    store.keep_outcome(&device("phone"), 2, &outcome(2)).unwrap();
    store.keep_outcome(&device("tablet"), 1, &outcome(1)).unwrap();
    assert_eq!(store.last_client_id(&device("phone")).unwrap(), 2);
    lose(&mut engine);

    let store = engine.store();
    assert_eq!(store.conversation(&other).unwrap(), None);
    assert_eq!(store.conversation(&group()).unwrap().unwrap().head, 1);
    assert_eq!(seqs(store, Piece::On { from: 1, limit: 9 }), [1]);
    assert_eq!(store.last_client_id(&device("phone")).unwrap(), 1);
    assert_eq!(store.last_client_id(&device("tablet")).unwrap(), 0);
    assert_eq!(store.outcome(&device("phone"), 2).unwrap(), None);

    store.append(&message(2, "alice")).unwrap();
    store.keep_outcome(&device("phone"), 2, &outcome(7)).unwrap();
    store.keep_outcome(&device("tablet"), 1, &outcome(8)).unwrap();
    store.create(&other, members(&["bob"])).unwrap();
    store.commit().unwrap();
    engine.lose_power();
    let store = engine.store();
    assert_eq!(store.outcome(&device("phone"), 2).unwrap(), Some(outcome(7)));
    assert_eq!(store.outcome(&device("tablet"), 1).unwrap(), Some(outcome(8)));
    assert_eq!(store.conversation(&other).unwrap().unwrap().members, members(&["bob"]));
}

fn what_was_not_taken_is_known_after_the_power_was_lost<E: Engine>() {
    let mut engine = E::new();
    engine.store().create(&group(), members(&["alice", "bob"])).unwrap();
    let mut places = Vec::new();
    for seq in 1..=4 {
        places.push(engine.store().committed());
        engine.store().append(&message(seq, "bob")).unwrap();
        // Up to the last but one, as it was when this one was written.
        let taken = places.iter().rev().nth(1).copied();
        engine.store().taken(taken.unwrap_or(0));
        engine.store().commit().unwrap();
    }
    assert!(places.is_sorted_by(|one, next| one < next));
    // Of this nobody hears.
    let committed = engine.store().committed();
    engine.store().taken(committed);
    engine.store().append(&message(5, "bob")).unwrap();
    engine.lose_power();
    let mut found = Vec::new();
    engine.store().not_taken(&mut |after, message| found.push((after, message))).unwrap();
    let expected: Vec<_> = (3..=4).map(|seq| (places[seq as usize - 1], message(seq, "bob"))).collect();
    assert_eq!(found, expected);
}

fn a_conversation_is_made_once_and_its_log_only_grows<E: Engine>() {
    let mut engine = E::new();
    let store = engine.store();
    store.create(&group(), members(&["alice"])).unwrap();
    store.append(&message(3, "alice")).unwrap();
    store.commit().unwrap();
    assert!(!store.create(&group(), members(&["bob"])).unwrap_err().is_transient());
    store.rollback().unwrap();
    assert!(!store.append(&message(3, "alice")).unwrap_err().is_transient());
    store.rollback().unwrap();
    assert_eq!(store.conversation(&group()).unwrap().unwrap().head, 3);
}

fn users_are_remembered<E: Engine>() {
    let mut engine = E::new();
    let [alice, bob, carol] = ["alice", "bob", "carol"].map(|uid| uid.parse::<Uid>().unwrap());
    let store = engine.store();
    let revocations = |store: &mut E::Store| {
        let mut found = Vec::new();
        store.revocations(&mut |uid, which| found.push(format!("{uid} {which:?}"))).unwrap();
        found.sort();
        found
    };
    store.keep_revocation(&alice, &Which::IssuedBefore(7)).unwrap();
    store.keep_revocation(&alice, &Which::IssuedBefore(5)).unwrap();
    store.keep_revocation(&alice, &Which::Token("t".into())).unwrap();
    store.keep_revocation(&bob, &Which::All).unwrap();
    store.keep_seen(&alice, 20).unwrap();
    store.keep_seen(&alice, 10).unwrap();
    store.watch(&alice, &[bob.clone(), carol.clone()]).unwrap();
    store.watch(&bob, std::slice::from_ref(&carol)).unwrap();
    store.commit().unwrap();
    store.watch(&alice, std::slice::from_ref(&bob)).unwrap();
    store.keep_seen(&alice, 30).unwrap();
    engine.lose_power();
    let store = engine.store();
    let all = format!("bob IssuedBefore({})", u32::MAX);
    assert_eq!(revocations(store), ["alice IssuedBefore(7)", "alice Token(\"t\")", &all]);
    assert_eq!((store.last_seen(&alice).unwrap(), store.last_seen(&bob).unwrap()), (20, 0));
    assert_eq!(store.watchers(&carol, 9).unwrap(), [alice.clone(), bob.clone()]);
    assert_eq!(store.watchers(&carol, 1).unwrap(), std::slice::from_ref(&alice));
    store.watch(&alice, std::slice::from_ref(&bob)).unwrap();
    assert_eq!(store.watchers(&carol, 9).unwrap(), [bob]);
}

macro_rules! suite {
    ($module:ident, $engine:ty) => {
        mod $module {
            use super::*;

            #[test]
            fn what_is_written_is_read_back() {
                super::what_is_written_is_read_back::<$engine>();
            }
            #[test]
            fn a_piece_has_a_direction_a_limit_and_holes() {
                super::a_piece_has_a_direction_a_limit_and_holes::<$engine>();
            }
            #[test]
            fn a_single_chat_says_to_whom() {
                super::a_single_chat_says_to_whom::<$engine>();
            }
            #[test]
            fn outcomes_are_kept_as_long_as_promised() {
                super::outcomes_are_kept_as_long_as_promised::<$engine>();
            }
            #[test]
            fn what_is_not_committed_is_lost_with_power() {
                super::what_is_not_committed_is_lost::<$engine>(Engine::lose_power);
            }
            #[test]
            fn what_is_not_committed_is_lost_by_rollback() {
                super::what_is_not_committed_is_lost::<$engine>(|engine| engine.store().rollback().unwrap());
            }
            #[test]
            fn what_was_not_taken_is_known_after_the_power_was_lost() {
                super::what_was_not_taken_is_known_after_the_power_was_lost::<$engine>();
            }
            #[test]
            fn users_are_remembered() {
                super::users_are_remembered::<$engine>();
            }
            #[test]
            fn a_conversation_is_made_once_and_its_log_only_grows() {
                super::a_conversation_is_made_once_and_its_log_only_grows::<$engine>();
            }
        }
    };
}

suite!(memory, Memory);
suite!(sqlite, Sqlite<{ 1 << 20 }>);
suite!(sqlite_with_a_small_tail, Sqlite<2000>);
suite!(sqlite_without_a_tail, Sqlite<0>);
