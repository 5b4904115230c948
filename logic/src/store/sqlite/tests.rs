//! What only the store on disk can get wrong: its files, its lock, its schema and what a reopening finds.

use std::path::Path;

use super::*;

const OPTIONS: Options = Options { cache_bytes: 1024 * 1024, checkpoint_pages: 100 };

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
    assert!(error.to_string().ends_with("written by a newer Holdfast (schema 99; this one knows up to 2)"));

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
        longest = longest.max(store.log_pages.load(Ordering::Relaxed));
    }
    // 400 messages of 5 pages and more, checkpointed at 100 pages.
    assert!((1..200).contains(&longest), "{longest}");
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
    let kept = count(&store, "SELECT count(*) FROM outcomes") as u64;
    assert!((OUTCOMES_KEPT..OUTCOMES_KEPT + OUTCOMES_PRUNED_TOGETHER).contains(&kept), "{kept}");
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
    store.connection.execute("UPDATE messages SET sender = 9", ()).unwrap();
    let piece = Piece::On { from: 1, limit: 9 };
    let error = store.messages(&message.conversation, piece, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("sender"), "{error}");
}
