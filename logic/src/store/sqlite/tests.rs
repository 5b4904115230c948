//! What only the store on disk can get wrong: its files, its lock, its schema and what a reopening finds.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;

use proto::limits::STORE_JOURNAL_TAILS;
use proto::packet::Body;

use super::*;

const OPTIONS: Options = Options { cache_bytes: 1024 * 1024, checkpoint_pages: 100, tail_bytes: 100_000 };

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, OPTIONS).unwrap()
}

fn device(uid: &str) -> Device {
    Device { uid: uid.parse().unwrap(), device: "phone".parse().unwrap() }
}

fn said(seq: u64, body: Body) -> Message {
    let uid: Uid = "alice".parse().unwrap();
    let conversation = ConversationId::single(&uid, &uid);
    Message { conversation, seq, sender: uid.clone(), to: Some(uid), time_ms: seq * 10, body }
}

fn myself() -> Arc<[Uid]> {
    Arc::new(["alice".parse().unwrap()])
}

fn count(store: &SqliteStore, sql: &str) -> i64 {
    store.connection.query_row(sql, (), |row| row.get(0)).unwrap()
}

#[test]
fn the_folder_is_made_and_a_second_process_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/store.db");
    let store = open(&path);
    assert!(matches!(SqliteStore::open(&path, OPTIONS), Err(OpenError::InUse(_))));
    drop(store);
    open(&path);
}

#[test]
fn a_newer_schema_and_a_foreign_file_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.db");
    open(&newer).connection.pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(&newer, OPTIONS).unwrap_err();
    assert!(error.to_string().ends_with("written by a newer Holdfast (schema 99; this one knows up to 4)"));

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(SqliteStore::open(&foreign, OPTIONS), Err(OpenError::Foreign(_))));

    let text = folder.path().join("text.db");
    std::fs::write(&text, "not a database, but long enough to be taken for one ".repeat(20)).unwrap();
    assert!(matches!(SqliteStore::open(&text, OPTIONS), Err(OpenError::Sqlite(..))));
}

#[test]
fn commits_are_synchronous_and_the_log_is_written_back_when_it_is_long() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store.db"));
    assert_eq!(count(&store, "PRAGMA synchronous"), 2);
    let mut longest = 0;
    for seq in 1..=400 {
        let message = said(seq, Body::Data(vec![7; 20_000]));
        if seq == 1 {
            store.create(&message.conversation, myself()).unwrap();
        }
        store.append(&message).unwrap();
        store.commit().unwrap();
        store.tidy().unwrap();
        longest = longest.max(store.log.pages.load(Ordering::Relaxed));
    }
    // 400 messages of 5 pages and more, checkpointed at 100 pages.
    assert!((1..200).contains(&longest), "{longest}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the shell's thread for it is played here")]
fn others_may_sync_commits_and_write_the_log_back_while_there_is_no_pause() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store.db"));
    let (mut syncer, checkpointer) = (store.syncer().unwrap(), store.checkpointer().unwrap());
    assert_eq!(count(&store, "PRAGMA synchronous"), 1);
    let elsewhere = std::thread::spawn(move || checkpointer.run());
    let (mut seq, mut before, mut begun_anew) = (0, 0, 0);
    while begun_anew < 3 {
        seq += 1;
        let message = said(seq, Body::Data(vec![7; 20_000]));
        if seq == 1 {
            store.create(&message.conversation, myself()).unwrap();
        }
        store.append(&message).unwrap();
        store.commit().unwrap();
        syncer.sync().unwrap();
        let pages = store.log.pages.load(Ordering::Relaxed);
        begun_anew += u32::from(pages < before);
        store.tidy().unwrap();
        before = pages;
    }
    let known = store.conversation(&said(1, Body::Data(vec![])).conversation).unwrap().unwrap();
    drop(store);
    elsewhere.join().unwrap();
    let mut store = open(&folder.path().join("store.db"));
    assert_eq!(store.conversation(&said(1, Body::Data(vec![])).conversation).unwrap(), Some(known));
}

#[test]
fn outcomes_are_pruned_but_never_the_newest() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store.db"));
    let last = OUTCOMES_KEPT * 3 + 17;
    for client_id in 1..=last {
        store
            .keep_outcome(&device("alice"), client_id, &Outcome { digest: client_id, reply: vec![] })
            .unwrap();
    }
    store.commit().unwrap();
    let in_tables = count(&store, "SELECT ifnull(sum(length(records)), 0) FROM outcome_runs") as u64;
    assert!((1..OUTCOMES_KEPT * 2 * 20).contains(&in_tables), "{in_tables}");
    for client_id in last - OUTCOMES_KEPT + 1..=last {
        assert!(store.outcome(&device("alice"), client_id).unwrap().is_some());
    }
}

#[test]
fn a_full_disk_passes_and_leaves_nothing_of_the_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store.db"));
    let first = said(1, Body::Text("kept".into()));
    store.create(&first.conversation, myself()).unwrap();
    store.append(&first).unwrap();
    store.commit().unwrap();
    store.connection.pragma_update_and_check(None, "max_page_count", 30, |_| Ok(())).unwrap();
    let mut seq = 1;
    let error = loop {
        seq += 1;
        let attempt = store.append(&said(seq, Body::Data(vec![7; 20_000])));
        if let Err(error) = attempt.and_then(|()| store.commit()) {
            break error;
        }
    };
    assert!(error.is_transient(), "{error}");
    store.rollback().unwrap();
    let head = |store: &mut SqliteStore| store.conversation(&first.conversation).unwrap().unwrap().head;
    assert_eq!(head(&mut store), seq - 1);
    store.connection.pragma_update_and_check(None, "max_page_count", 3000, |_| Ok(())).unwrap();
    store.append(&said(seq, Body::Text("again".into()))).unwrap();
    store.commit().unwrap();
    assert_eq!(head(&mut store), seq);
}

#[test]
fn damage_is_reported_and_is_not_transient() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store.db"));
    let message = said(1, Body::Text("kept".into()));
    store.create(&message.conversation, myself()).unwrap();
    store.append(&message).unwrap();
    store.commit().unwrap();
    let damage =
        "UPDATE journal SET changes = unhex(replace(hex(changes), '0000000100000000', '0000000100000009'))";
    store.connection.execute(damage, ()).unwrap();
    store.rollback().unwrap();
    let piece = Piece::On { from: 1, limit: 9 };
    let error = store.messages(&message.conversation, piece, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("sender"), "{error}");
}

#[test]
fn a_store_of_the_first_version_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(schema::MIGRATIONS[0]).unwrap();
    old.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    old.pragma_update(None, "user_version", 1).unwrap();
    let said = [
        said(1, Body::Text("kept \u{0} ünd".into())),
        said(2, Body::Data(vec![0, 255, 7])),
        said(5, Body::Text(String::new())),
    ];
    old.execute("INSERT INTO conversations VALUES (7, ?1)", [said[0].conversation.as_str()]).unwrap();
    old.execute("INSERT INTO members VALUES (7, 0, 'alice')", ()).unwrap();
    old.execute("INSERT INTO devices VALUES (9, 'alice', 'phone')", ()).unwrap();
    for message in &said {
        let (seq, time_ms) = (message.seq as i64, message.time_ms as i64);
        let sql = "INSERT INTO messages VALUES (7, ?1, 0, ?2, ?3)";
        match &message.body {
            Body::Text(text) => old.execute(sql, params![seq, time_ms, text]),
            Body::Data(data) => old.execute(sql, params![seq, time_ms, data]),
        }
        .unwrap();
    }
    for (client_id, digest) in [(1, 5), (2, -1)] {
        old.execute("INSERT INTO outcomes VALUES (9, ?1, ?2, x'00FF')", [client_id, digest]).unwrap();
    }
    drop(old);

    let mut store = open(&path);
    let known = store.conversation(&said[0].conversation).unwrap().unwrap();
    assert_eq!((known.head, known.head_ms, known.members), (5, 50, myself()));
    let mut found = Vec::new();
    let take = &mut |message| {
        found.push(message);
        ControlFlow::Continue(())
    };
    store.messages(&said[0].conversation, Piece::On { from: 1, limit: 9 }, take).unwrap();
    assert_eq!(found, said);
    assert_eq!(store.last_client_id(&device("alice")).unwrap(), 2);
    let kept = Outcome { digest: u64::MAX, reply: vec![0, 255] };
    assert_eq!(store.outcome(&device("alice"), 2).unwrap(), Some(kept));
}

#[test]
fn tail_and_journal_stay_within_their_bounds_whatever_goes_through_them() {
    let limit = OPTIONS.tail_bytes;
    // Half of the tail may have left it and not have been deleted.
    assert!((limit / 4..limit * 3 / 2 + 5000).contains(&largest_journal(true)));
    // Where nobody takes the messages, they are kept for whoever comes, up to a limit.
    let most = (limit * STORE_JOURNAL_TAILS).max(STORE_ROW_BYTES);
    assert!((most - 5000..most + 5000).contains(&largest_journal(false)));
}

fn largest_journal(taken: bool) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder.path().join("store.db"));
    let (mut seq, mut most_cost, mut most_journal) = (0, 0, 0);
    // Transactions of one long message, of many short ones, and of both in turn, which do not fill the tail evenly.
    for turn in 0..3000 {
        let long = if turn < 1000 { true } else { turn >= 2000 && turn % 40 < 20 };
        for _ in 0..if long { 1 } else { 7 } {
            seq += 1;
            let message = said(seq, Body::Data(vec![7; if long { 1000 } else { 1 }]));
            if seq == 1 {
                store.create(&message.conversation, myself()).unwrap();
            }
            store.append(&message).unwrap();
        }
        store.commit().unwrap();
        if taken {
            store.taken(store.committed());
        }
        store.tidy().unwrap();
        most_cost = most_cost.max(store.tail.cost());
        if turn % 20 == 0 {
            let bytes = count(&store, "SELECT ifnull(sum(length(changes)), 0) FROM journal");
            most_journal = most_journal.max(bytes as usize);
        }
    }
    let limit = OPTIONS.tail_bytes;
    assert!((limit / 2..limit + 5000).contains(&most_cost), "{most_cost}");
    assert!(count(&store, "SELECT count(*) FROM message_runs") > 40);
    most_journal
}
