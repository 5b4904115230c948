//! The embedded journal on a real disk, cut and bent.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use proto::limits::SHARDS_MAX;

use super::log::{Log, Of};
use super::scan::{Found, Trouble};
use super::thread::{Progress, Writer};
use super::*;
use crate::journal::Record;
use crate::journal::tests::a_session;

const OF: Of = Of { shard: 0, shard_count: 1, synced: true, boot: [1; 16] };

/// What the shard's side hands over for these.
pub(super) fn batch(records: &[Record<'_>]) -> Batch {
    let mut batch = Batch::default();
    for record in records {
        record.encode(&mut batch.records);
        batch.begins_checkpoint |= *record == Record::CheckpointBegun;
        batch.ends_checkpoint |= *record == Record::CheckpointDone;
    }
    batch
}

fn answered(client_id: u64) -> Record<'static> {
    Record::Answered { session: a_session().number, client_id }
}

fn opened() -> Record<'static> {
    Record::Session(Box::new(a_session()))
}

/// A session, and then this many commits that say how far it has been answered.
fn filled(folder: &Path, answers: u64) -> Log {
    let (_, mut log) = Log::open(folder, OF).unwrap();
    log.commit(&[batch(&[opened()])]).unwrap();
    for client_id in 1..=answers {
        log.commit(&[batch(&[answered(client_id)])]).unwrap();
    }
    log
}

fn found(folder: &Path) -> Result<Found, Trouble> {
    Log::open(folder, OF).map(|(found, _)| found)
}

/// How far the session has been answered; `None` if there is none.
fn progress(found: &Found) -> Option<u64> {
    found.replay.sessions().next().map(|session| session.answered)
}

#[test]
fn what_was_committed_is_there_at_the_next_start_and_the_one_after() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 3));
    for start in 0..2 {
        let (found, mut log) = Log::open(folder.path(), OF).unwrap();
        assert_eq!((progress(&found), found.torn), (Some(3 + start), None));
        log.commit(&[batch(&[answered(4 + start)]), batch(&[])]).unwrap();
    }
}

#[test]
fn a_torn_tail_is_cut_off_wherever_it_was_torn() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 2));
    let path = entry::path(folder.path(), 1);
    let whole = fs::read(&path).unwrap();
    let last = whole.len() - (entry::ENTRY_HEAD_BYTES + batch(&[answered(1)]).records.len());
    for length in last..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let found = found(folder.path()).unwrap();
        assert_eq!(progress(&found), Some(1), "cut to {length}");
        let torn = found.torn.map(|torn| (torn.offset, torn.bytes));
        assert_eq!(torn, (length > last).then_some((last as u64, (length - last) as u64)));
        assert_eq!(fs::read(&path).unwrap().len(), last);
        fs::remove_file(entry::path(folder.path(), 2)).unwrap();
    }
    // A segment that has not even a head is none.
    fs::write(entry::path(folder.path(), 2), b"HFJL").unwrap();
    assert_eq!(progress(&found(folder.path()).unwrap()), Some(1));
}

#[test]
fn a_flipped_bit_is_refused_with_its_file_and_offset_unless_it_is_in_the_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path(), 3));
    let path = entry::path(folder.path(), 1);
    let whole = fs::read(&path).unwrap();
    let commit = entry::ENTRY_HEAD_BYTES + batch(&[answered(1)]).records.len();
    let last = whole.len() - commit;
    for at in 0..whole.len() {
        let mut bent = whole.clone();
        bent[at] ^= 4;
        fs::write(&path, &bent).unwrap();
        let found = scan::scan(folder.path(), OF.boot);
        if at >= last {
            assert_eq!(progress(&found.unwrap()), Some(2), "the last commit is not there");
            continue;
        }
        let Err(Trouble::Damaged { path: of, offset, .. }) = found else { panic!("{at}: {found:?}") };
        assert!(of == path && offset <= at as u64, "bit {at} is reported at {offset}");
    }
}

#[test]
fn a_segment_that_is_missing_is_noticed() {
    for missing in 1..3 {
        let folder = tempfile::tempdir().unwrap();
        (0..3).for_each(|_| drop(filled(folder.path(), 1)));
        fs::remove_file(entry::path(folder.path(), missing)).unwrap();
        assert!(matches!(found(folder.path()), Err(Trouble::Damaged { .. })), "{missing}");
    }
}

#[test]
fn a_checkpoint_lets_older_segments_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = filled(folder.path(), 100);
    let before = log.bytes();
    for records in [[Record::CheckpointBegun, answered(101)], [opened(), Record::CheckpointDone]] {
        log.commit(&[batch(&records)]).unwrap();
    }
    log.commit(&[batch(&[answered(102)])]).unwrap();
    assert!(log.bytes() < before, "{} of {before} bytes", log.bytes());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let found = found(folder.path()).unwrap();
    assert_eq!((progress(&found), found.segments), (Some(102), 1));
}

#[test]
fn an_end_that_may_be_missing_and_another_number_of_shards_begin_anew() {
    for of in [Of { shard_count: 2, ..OF }, Of { boot: [2; 16], synced: false, ..OF }] {
        let folder = tempfile::tempdir().unwrap();
        let (_, mut log) = Log::open(folder.path(), Of { synced: false, ..OF }).unwrap();
        log.commit(&[batch(&[opened()])]).unwrap();
        drop(log);
        let (found, mut log) = Log::open(folder.path(), of).unwrap();
        assert!(found.replay.is_empty());
        log.commit(&[batch(&[opened()])]).unwrap();
        drop(log);
        assert_eq!(Log::open(folder.path(), of).unwrap().0.replay.len(), 1);
    }
}

#[test]
fn a_folder_is_one_processs_and_keeps_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    let taken = Folder::take(&path).unwrap();
    assert!(Folder::take(&path).unwrap_err().to_string().contains("another process"));
    assert_eq!(taken.secret_key([7; 32]).unwrap(), [7; 32]);
    assert_eq!(taken.secret_key([8; 32]).unwrap(), [7; 32]);
    assert_eq!(fs::metadata(path.join("secret-key")).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(path.join("secret-key"), "short").unwrap();
    assert!(taken.secret_key([8; 32]).unwrap_err().to_string().contains("no key of 32 bytes"));
    drop(taken.open(3, 4, true).unwrap());
    taken.forget_from(3).unwrap();
    assert!(!path.join("shard-3").exists() && SHARDS_MAX > 3);
}

#[test]
fn verifying_tells_and_repairs_a_torn_tail_alone() {
    let folder = tempfile::tempdir().unwrap();
    let shard = folder.path().join("shard-0");
    drop(filled(&shard, 2));
    let path = entry::path(&shard, 1);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let report = verify(folder.path(), false).unwrap();
    assert!(!report.is_whole() && report.to_string().contains("torn tail"), "{report}");
    assert!(verify(folder.path(), true).unwrap().is_whole());
    let report = verify(folder.path(), false).unwrap();
    assert!(report.is_whole() && report.to_string().contains("shard 0: 1 sessions"), "{report}");
    let mut bent = whole;
    bent[80] ^= 1;
    fs::write(&path, bent).unwrap();
    assert!(verify(folder.path(), true).unwrap_err().to_string().contains("at byte 56"));
}

/// An engine that fails as it is told to.
struct Moody {
    failures: VecDeque<Broken>,
    committed: Arc<Mutex<Vec<u64>>>,
}

impl Journal for Moody {
    fn commit(&mut self, batches: &[Batch]) -> Result<u64, Broken> {
        match self.failures.pop_front() {
            Some(broken) => Err(broken),
            None => {
                self.committed.lock().unwrap().extend(batches.iter().map(|batch| batch.number));
                Ok(0)
            }
        }
    }

    fn bytes(&self) -> u64 {
        0
    }
}

#[test]
fn a_full_disk_is_waited_for_and_nothing_is_confirmed_meanwhile() {
    let full = || Broken::of_write(io::ErrorKind::StorageFull.into());
    let committed = Arc::default();
    let journal = Moody { failures: [full(), full()].into(), committed: Arc::clone(&committed) };
    let (sender, batches) = crossbeam_channel::unbounded();
    let progress = Arc::new(Progress::default());
    let counters = Arc::default();
    let heard = Arc::clone(&progress);
    let wake = move || assert!(heard.committed.load(Ordering::Acquire) > 0);
    let writer = Writer {
        journal: Box::new(journal),
        batches,
        spare: crossbeam_channel::bounded(1).0,
        progress: Arc::clone(&progress),
        wake,
        counters: Arc::clone(&counters),
    };
    for number in 1..=3 {
        sender.send(Batch { number, begins_checkpoint: number == 3, ..Batch::default() }).unwrap();
    }
    drop(sender);
    writer.run();
    assert_eq!(*committed.lock().unwrap(), [1, 2, 3]);
    assert_eq!((counters.failed_commits.get(), counters.failing.get()), (2, 0));
    assert_eq!(progress.committed.load(Ordering::Acquire), 3);
}
