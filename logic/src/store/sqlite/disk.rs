//! What other threads can do for a store: make its commits durable ([`Syncer`]), and copy its write-ahead log back ([`Checkpointer`]). Owns how that is safe beside a writer; leaves
//! the threads to the shell.
//!
//! Without a syncer a commit syncs the log before it returns (`synchronous = full`). With one it only writes, and is durable when a sync that began afterwards has
//! returned; whatever follows from it must wait for that. SQLite itself syncs the log before it copies pages of it to their places, so these are never ahead of it.
//!
//! A checkpoint on a connection of its own stops nobody, and for the same reason it never ends while there is much to do: the writer adds to the log's end meanwhile, and only a log
//! that is copied to its end is begun anew. So the writer copies the rest, which is little, when the checkpointer has done the most of it.

use std::fs::{File, OpenOptions};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rusqlite::Connection;

use super::{LogSeen, SqliteStore, open};
use crate::store::StoreError;

/// Makes a store's commits durable.
#[derive(Debug)]
pub struct Syncer {
    log: File,
    seen: Arc<LogSeen>,
    /// The commits that are durable.
    synced: u64,
}

impl Syncer {
    /// Makes everything durable that was committed before this call. After an error nobody knows what is.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let commits = self.seen.commits.load(Ordering::Acquire);
        if commits == self.synced {
            return Ok(());
        }
        self.log
            .sync_data()
            .map_err(|error| StoreError::Broken(format!("its log is not synced: {error}")))?;
        self.synced = commits;
        Ok(())
    }
}

/// Copies a store's write-ahead log back, when the store asks for it.
#[derive(Debug)]
pub struct Checkpointer {
    connection: Connection,
    asked: Receiver<()>,
    done: Sender<Result<(), StoreError>>,
}

impl Checkpointer {
    /// Works until the store is closed.
    pub fn run(self) {
        while self.asked.recv().is_ok() && self.done.send(checkpoint(&self.connection)).is_ok() {}
    }
}

/// The store's side of it.
#[derive(Debug)]
pub(super) struct Elsewhere {
    ask: Sender<()>,
    done: Receiver<Result<(), StoreError>>,
    under_way: bool,
}

impl SqliteStore {
    /// What makes commits durable from now on.
    pub fn syncer(&mut self) -> io::Result<Syncer> {
        let path = format!("{}-wal", self.connection.path().unwrap_or_default());
        let log = OpenOptions::new().read(true).open(path)?;
        self.connection.pragma_update(None, "synchronous", "normal").map_err(io::Error::other)?;
        Ok(Syncer { log, seen: Arc::clone(&self.log), synced: 0 })
    }

    /// What does the most of [`tidy`](crate::store::Store::tidy) from now on.
    pub fn checkpointer(&mut self) -> io::Result<Checkpointer> {
        let path = self.connection.path().unwrap_or_default();
        let connection = Connection::open(path).map_err(io::Error::other)?;
        connection.busy_timeout(open::BUSY_TIMEOUT).map_err(io::Error::other)?;
        let ((ask, asked), (done, heard)) = (unbounded(), unbounded());
        self.elsewhere = Some(Elsewhere { ask, done: heard, under_way: false });
        Ok(Checkpointer { connection, asked, done })
    }

    /// Copies the log back if it is long.
    pub(super) fn write_back(&mut self) -> Result<(), StoreError> {
        let is_long = self.log.pages.load(Ordering::Relaxed) >= self.checkpoint_pages;
        let done = match &mut self.elsewhere {
            Some(elsewhere) if elsewhere.under_way => match elsewhere.done.try_recv() {
                Ok(done) => {
                    elsewhere.under_way = false;
                    done
                }
                Err(_) => return Ok(()),
            },
            _ if !is_long => return Ok(()),
            Some(elsewhere) if elsewhere.ask.send(()).is_ok() => {
                elsewhere.under_way = true;
                return Ok(());
            }
            _ => Ok(()),
        };
        self.log.pages.store(0, Ordering::Relaxed);
        done.and_then(|()| checkpoint(&self.connection))
    }
}

/// As far as it goes without keeping anybody waiting.
fn checkpoint(connection: &Connection) -> Result<(), StoreError> {
    Ok(connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row((), |_| Ok(()))?)
}
