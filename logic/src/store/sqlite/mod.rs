//! The store of a server: one SQLite file. Owns the transaction and what is remembered of conversations and devices; leaves the tables to `schema`, opening to
//! `open`, what other threads do for it to `disk`, the bytes of messages and outcomes to `record`, their way into the tables to `journal` and out of them to `read`.
//!
//! A message costs no statement of its own: what a transaction says goes into one row of the journal, and into the [`Tail`], which answers for the
//! tables until they have it. Where a conversation's log and a device's numbers end is not written anywhere but is the last record of each, read once
//! and then cached.

mod cache;
mod disk;
mod journal;
mod open;
mod people;
mod read;
mod record;
mod schema;
mod tail;

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use proto::ids::{ConversationId, Uid};
use proto::limits::{DEVICES_CACHED, MEMBERS_CACHED, OUTCOMES_KEPT, STORE_ROW_BYTES};
use proto::packet::Message;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, params};

use self::cache::Cache;
use self::disk::Elsewhere;
use self::journal::Journal;
use self::record::Log;
use self::tail::Tail;
use super::{Conversation, Outcome, Piece, Store, StoreError, Take};
use crate::Device;

pub use disk::{Checkpointer, Syncer};
pub use open::{OpenError, Options};

/// A store in an SQLite file, which it holds alone until it is dropped.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    conversations: Cache<ConversationId, Known>,
    devices: Cache<Device, Numbers>,
    in_transaction: bool,
    tail: Tail,
    tail_bytes: usize,
    journal: Journal,
    /// A run on its way to the tables: kept for its memory.
    run: Vec<u8>,
    log: Arc<LogSeen>,
    checkpoint_pages: u32,
    /// Where most of the log is copied back, if not here.
    elsewhere: Option<Elsewhere>,
    /// Locked as long as the store is open.
    _lock: File,
}

/// What SQLite's hook reports of the write-ahead log after each commit that wrote to it.
#[derive(Debug, Default)]
struct LogSeen {
    pages: AtomicU32,
    commits: AtomicU64,
}

/// What is remembered of a conversation.
#[derive(Debug)]
struct Known {
    id: i64,
    conversation: Conversation,
}

/// What is remembered of a device.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    id: i64,
    last_client_id: u64,
}

impl SqliteStore {
    /// On an open file; what its journal has is not read yet.
    fn new(connection: Connection, lock: File, log: Arc<LogSeen>, options: Options) -> Self {
        Self {
            connection,
            conversations: Cache::new(MEMBERS_CACHED),
            devices: Cache::new(DEVICES_CACHED),
            in_transaction: false,
            tail: Tail::new(options.tail_bytes),
            tail_bytes: options.tail_bytes,
            journal: Journal::default(),
            run: Vec::new(),
            log,
            checkpoint_pages: options.checkpoint_pages,
            elsewhere: None,
            _lock: lock,
        }
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction {
            self.run("BEGIN IMMEDIATE", ())?;
            self.in_transaction = true;
        }
        Ok(())
    }

    fn run(&self, sql: &'static str, parameters: impl rusqlite::Params) -> Result<(), StoreError> {
        self.connection.prepare_cached(sql)?.execute(parameters)?;
        Ok(())
    }

    /// The numbers of a device that has any.
    fn numbers(&mut self, device: &Device) -> Result<Option<Numbers>, StoreError> {
        if let Some(numbers) = self.devices.get(device) {
            return Ok(Some(*numbers));
        }
        self.begin()?;
        let found = self
            .connection
            .prepare_cached(schema::FIND_DEVICE)?
            .query_row([device.uid.as_str(), device.device.as_str()], |row| row.get(0))
            .optional()?;
        let Some(id) = found else { return Ok(None) };
        let numbers = Numbers { id, last_client_id: self.last_outcome(id)? };
        self.devices.insert(device.clone(), numbers, 1);
        Ok(Some(numbers))
    }

    fn known(&mut self, id: &ConversationId) -> Result<Option<&mut Known>, StoreError> {
        // Twice the look-up on a hit: a borrow that leaves the function on one path only is more than the compiler follows.
        if self.conversations.get(id).is_some() {
            return Ok(self.conversations.get(id));
        }
        self.begin()?;
        let found = self
            .connection
            .prepare_cached(schema::FIND_CONVERSATION)?
            .query_row([id.as_str()], |row| row.get(0))
            .optional()?;
        let Some(key) = found else { return Ok(None) };
        let (head, head_ms) = self.head(key)?;
        let members = self.members(key)?;
        let known = Known { id: key, conversation: Conversation { head, head_ms, members } };
        Ok(Some(self.remember(id, known)))
    }

    fn members(&self, key: i64) -> Result<Arc<[Uid]>, StoreError> {
        let mut statement = self.connection.prepare_cached(schema::FIND_MEMBERS)?;
        let uids = statement.query_map([key], |row| row.get::<_, String>(0))?;
        uids.map(|uid| Uid::try_from(uid?).map_err(|error| damaged("a member", &error))).collect()
    }

    fn remember(&mut self, id: &ConversationId, known: Known) -> &mut Known {
        let weight = known.conversation.members.len();
        self.conversations.insert(id.clone(), known, weight)
    }

    fn must_know(&mut self, id: &ConversationId) -> Result<&mut Known, StoreError> {
        let missing = || StoreError::Broken(format!("there is no conversation {id}"));
        self.known(id)?.ok_or_else(missing)
    }
}

impl Store for SqliteStore {
    fn last_client_id(&mut self, device: &Device) -> Result<u64, StoreError> {
        Ok(self.numbers(device)?.map_or(0, |numbers| numbers.last_client_id))
    }

    fn outcome(&mut self, device: &Device, client_id: u64) -> Result<Option<Outcome>, StoreError> {
        match self.numbers(device)? {
            Some(Numbers { id, last_client_id })
                if last_client_id < client_id.saturating_add(OUTCOMES_KEPT) =>
            {
                self.begin()?;
                self.read_outcome(id, client_id)
            }
            _ => Ok(None),
        }
    }

    fn keep_outcome(&mut self, device: &Device, client_id: u64, outcome: &Outcome) -> Result<(), StoreError> {
        let id = match self.numbers(device)? {
            Some(numbers) => numbers.id,
            None => {
                self.begin()?;
                self.run(schema::ADD_DEVICE, params![device.uid.as_str(), device.device.as_str()])?;
                self.connection.last_insert_rowid()
            }
        };
        match self.devices.get(device) {
            Some(numbers) => numbers.last_client_id = client_id,
            None => {
                self.devices.insert(device.clone(), Numbers { id, last_client_id: client_id }, 1);
            }
        }
        self.tail.outcome(Log::Device(id), client_id, outcome);
        self.gathered()
    }

    fn conversation(&mut self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        Ok(self.known(id)?.map(|known| known.conversation.clone()))
    }

    fn create(&mut self, id: &ConversationId, members: Arc<[Uid]>) -> Result<(), StoreError> {
        self.begin()?;
        self.run(schema::ADD_CONVERSATION, [id.as_str()])?;
        let key = self.connection.last_insert_rowid();
        for (number, uid) in members.iter().enumerate() {
            self.run(schema::ADD_MEMBER, params![key, number as i64, uid.as_str()])?;
        }
        self.remember(id, Known { id: key, conversation: Conversation { head: 0, head_ms: 0, members } });
        Ok(())
    }

    fn append(&mut self, message: &Message) -> Result<(), StoreError> {
        let Message { conversation, seq, sender, time_ms, body: _, to: _ } = message;
        let Known { id, conversation: known } = self.must_know(conversation)?;
        let Ok(number) = known.members.binary_search(sender) else {
            return Err(StoreError::Broken(format!("{sender} is no member of {conversation}")));
        };
        if *seq <= known.head {
            return Err(StoreError::Broken(format!("seq {seq} is not beyond the head of {conversation}")));
        }
        known.head = *seq;
        known.head_ms = *time_ms;
        let log = Log::Conversation(*id);
        self.tail.message(log, number, message);
        self.gathered()
    }

    fn messages(&mut self, id: &ConversationId, piece: Piece, take: &mut Take<'_>) -> Result<(), StoreError> {
        self.begin()?;
        let known = self.must_know(id)?;
        let (key, members) = (known.id, Arc::clone(&known.conversation.members));
        self.read_messages(key, piece, &mut |record| Ok(take(record.message(id, &members)?)))
    }

    fn committed(&self) -> u64 {
        self.journal.committed as u64
    }

    fn taken(&mut self, place: u64) {
        self.journal.taken = self.journal.taken.max(place as i64);
    }

    fn not_taken(&mut self, take: &mut dyn FnMut(u64, Message)) -> Result<(), StoreError> {
        self.begin()?;
        self.read_not_taken(take)
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.write_journal()?;
        self.fold()?;
        if self.in_transaction {
            self.run("COMMIT", ())?;
            self.in_transaction = false;
            self.journal.commit();
        }
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), StoreError> {
        // What the caches and the tail learned may be untrue now. A rollback is rare: to forget all is the simplest way to be right.
        self.conversations.clear();
        self.devices.clear();
        self.in_transaction = false;
        // After some errors SQLite has rolled back by itself.
        if !self.connection.is_autocommit() {
            self.run("ROLLBACK", ())?;
        }
        self.read_journal()
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        if self.in_transaction { Ok(()) } else { self.write_back() }
    }
}

impl SqliteStore {
    /// Writes a row of the journal before the end of the transaction if it is long.
    fn gathered(&mut self) -> Result<(), StoreError> {
        if self.tail.unwritten().len() >= STORE_ROW_BYTES { self.write_journal() } else { Ok(()) }
    }
}

fn damaged(what: &str, found: &dyn std::fmt::Display) -> StoreError {
    StoreError::Broken(format!("{what} in it is damaged: {found}"))
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Transient(error.to_string())
            }
            _ => Self::Broken(error.to_string()),
        }
    }
}

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;
