//! What is left of a store when its process or its machine dies at whatever moment: the files as they lie then, and the write-ahead log cut off anywhere. The
//! tail is so small that records go through the journal into the tables all the time.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use proto::packet::Body;
use tempfile::TempDir;

use super::*;

const DEVICES: u64 = 5;

/// A store, and what was said in each of its conversations after each commit. Each device speaks in one of its own.
struct World {
    folder: TempDir,
    store: SqliteStore,
    said: [u64; DEVICES as usize],
    committed: Vec<[u64; DEVICES as usize]>,
    checkpoint_pages: u32,
}

fn options(checkpoint_pages: u32) -> Options {
    Options { cache_bytes: 1 << 20, checkpoint_pages, tail_bytes: 3000 }
}

fn device(n: u64) -> Device {
    Device { uid: format!("user-{n}").parse().unwrap(), device: "phone".parse().unwrap() }
}

fn message(n: u64, seq: u64) -> Message {
    let sender = device(n).uid;
    let body = Body::Text(format!("{n} says {seq} {}", "x".repeat((seq % 7 * 90) as usize)));
    let conversation = ConversationId::single(&sender, &sender);
    Message { conversation, seq, sender: sender.clone(), to: Some(sender), time_ms: seq, body }
}

fn outcome(n: u64, client_id: u64) -> Outcome {
    Outcome { digest: n, reply: client_id.to_be_bytes().to_vec() }
}

impl World {
    fn new(checkpoint_pages: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("store.db"), options(checkpoint_pages)).unwrap();
        Self { folder, store, said: [0; 5], committed: vec![[0; 5]], checkpoint_pages }
    }

    /// A device says something, in the open transaction.
    fn say(&mut self, n: u64) {
        let said = &mut self.said[n as usize];
        *said += 1;
        let message = message(n, *said);
        if *said == 1 {
            self.store.create(&message.conversation, Arc::new([message.sender.clone()])).unwrap();
        }
        self.store.append(&message).unwrap();
        self.store.keep_outcome(&device(n), *said, &outcome(n, *said)).unwrap();
    }

    fn commit(&mut self) {
        self.store.commit().unwrap();
        self.store.tidy().unwrap();
        self.committed.push(self.said);
    }

    fn rollback(&mut self) {
        self.store.rollback().unwrap();
        self.said = *self.committed.last().unwrap();
    }

    /// What another process finds that opens the files as they lie, with at most so much of the write-ahead log.
    fn found(&self, log_bytes: Option<u64>) -> [u64; DEVICES as usize] {
        let copy = tempfile::tempdir().unwrap();
        for name in ["store.db", "store.db-wal"] {
            fs::copy(self.folder.path().join(name), copy.path().join(name)).unwrap();
        }
        if let Some(bytes) = log_bytes {
            let log = fs::OpenOptions::new().write(true).open(copy.path().join("store.db-wal")).unwrap();
            log.set_len(bytes.min(log.metadata().unwrap().len())).unwrap();
        }
        check(&copy.path().join("store.db"), self.checkpoint_pages)
    }
}

/// Opens a store and reads all of it: each log must be whole and in order, and each command have its outcome. Returns how much each has said.
fn check(path: &Path, checkpoint_pages: u32) -> [u64; DEVICES as usize] {
    let mut store = SqliteStore::open(path, options(checkpoint_pages)).unwrap();
    std::array::from_fn(|n| {
        let n = n as u64;
        let last = store.last_client_id(&device(n)).unwrap();
        let id = message(n, 1).conversation;
        assert_eq!(store.conversation(&id).unwrap().map_or(0, |known| known.head), last);
        if last > 0 {
            let mut found = Vec::new();
            let take = &mut |message| {
                found.push(message);
                ControlFlow::Continue(())
            };
            store.messages(&id, Piece::On { from: 0, limit: u32::MAX }, take).unwrap();
            assert_eq!(found, (1..=last).map(|seq| message(n, seq)).collect::<Vec<_>>());
        }
        for client_id in 1..=last {
            assert_eq!(store.outcome(&device(n), client_id).unwrap(), Some(outcome(n, client_id)));
        }
        last
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn whenever_the_process_dies_all_that_was_committed_is_there_once(
        batches in proptest::collection::vec((proptest::collection::vec(0..DEVICES, 0..12), 0..5u32), 1..40)
    ) {
        let mut world = World::new(16);
        for (batch, then) in batches {
            batch.into_iter().for_each(|n| world.say(n));
            if then == 0 {
                prop_assert_eq!(&world.found(None), world.committed.last().unwrap());
                world.rollback();
            }
            world.commit();
            prop_assert_eq!(world.found(None), world.said);
        }
    }
}

#[test]
fn wherever_the_log_is_cut_off_a_whole_transaction_is_the_last() {
    // Without a checkpoint, so that the log has all there is.
    let mut world = World::new(u32::MAX);
    for n in 0..60 {
        (0..=n % 4).for_each(|k| world.say((n * 3 + k * k) % DEVICES));
        world.commit();
    }
    let in_tables = "SELECT count(*) FROM message_runs";
    let in_tables: i64 = world.store.connection.query_row(in_tables, (), |row| row.get(0)).unwrap();
    assert!(in_tables > 20, "{in_tables}");
    let length = fs::metadata(world.folder.path().join("store.db-wal")).unwrap().len();
    let mut seen = 0;
    for bytes in (0..=length).rev().step_by(5009) {
        let found = world.found(Some(bytes));
        let Some(at) = world.committed.iter().rposition(|said| *said == found) else {
            panic!("{found:?} was never committed")
        };
        assert!(seen == 0 || at <= seen, "less of the log is never more of the store");
        seen = at;
    }
}
