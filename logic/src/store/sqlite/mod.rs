//! The store of a server: one SQLite file. Owns the statements and when they run; leaves the tables to `schema`, opening to `open` and what is
//! remembered of them to `cache`.
//!
//! Few statements a message is the whole art: one for the message, one for the outcome. Where a conversation's log and a device's numbers end is
//! not written anywhere but is the last row of each, read once and then cached.

mod cache;
mod open;
mod people;
mod schema;

use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proto::ids::{ConversationId, Uid};
use proto::limits::{DEVICES_CACHED, MEMBERS_CACHED, OUTCOMES_KEPT, OUTCOMES_PRUNED_TOGETHER};
use proto::packet::{Body, Message};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, params};

use self::cache::Cache;
use super::{Conversation, Outcome, Piece, Store, StoreError, Take};
use crate::Device;

pub use open::{OpenError, Options};

/// A store in an SQLite file, which it holds alone until it is dropped.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    conversations: Cache<ConversationId, Known>,
    devices: Cache<Device, Numbers>,
    in_transaction: bool,
    /// Pages in the write-ahead log after the last commit, as SQLite's hook reports them.
    log_pages: Arc<AtomicU32>,
    checkpoint_pages: u32,
    /// Locked as long as the store is open.
    _lock: File,
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
    fn new(connection: Connection, lock: File, log_pages: Arc<AtomicU32>, checkpoint_pages: u32) -> Self {
        Self {
            connection,
            conversations: Cache::new(MEMBERS_CACHED),
            devices: Cache::new(DEVICES_CACHED),
            in_transaction: false,
            log_pages,
            checkpoint_pages,
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
            .query_row(params![device.uid.as_str(), device.device.as_str()], |row| {
                Ok(Numbers { id: row.get(0)?, last_client_id: row.get::<_, i64>(1)? as u64 })
            })
            .optional()?;
        if let Some(numbers) = found {
            self.devices.insert(device.clone(), numbers, 1);
        }
        Ok(found)
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
            .query_row([id.as_str()], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64))
            })
            .optional()?;
        let Some((key, head, head_ms)) = found else { return Ok(None) };
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
        let Some(Numbers { id, .. }) = self.numbers(device)? else { return Ok(None) };
        self.begin()?;
        let outcome =
            |row: &Row<'_>| Ok(Outcome { digest: row.get::<_, i64>(0)? as u64, reply: row.get(1)? });
        let mut statement = self.connection.prepare_cached(schema::FIND_OUTCOME)?;
        Ok(statement.query_row(params![id, client_id as i64], outcome).optional()?)
    }

    fn keep_outcome(&mut self, device: &Device, client_id: u64, outcome: &Outcome) -> Result<(), StoreError> {
        self.begin()?;
        let id = match self.numbers(device)? {
            Some(numbers) => numbers.id,
            None => {
                self.run(schema::ADD_DEVICE, params![device.uid.as_str(), device.device.as_str()])?;
                self.connection.last_insert_rowid()
            }
        };
        let Outcome { digest, reply } = outcome;
        self.run(schema::ADD_OUTCOME, params![id, client_id as i64, *digest as i64, reply])?;
        if client_id > OUTCOMES_KEPT && client_id.is_multiple_of(OUTCOMES_PRUNED_TOGETHER) {
            self.run(schema::PRUNE_OUTCOMES, params![id, (client_id - OUTCOMES_KEPT) as i64])?;
        }
        match self.devices.get(device) {
            Some(numbers) => numbers.last_client_id = client_id,
            None => {
                self.devices.insert(device.clone(), Numbers { id, last_client_id: client_id }, 1);
            }
        }
        Ok(())
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
        self.begin()?;
        let Message { conversation, seq, sender, time_ms, body, to: _ } = message;
        let known = self.must_know(conversation)?;
        let key = known.id;
        let Ok(number) = known.conversation.members.binary_search(sender) else {
            return Err(StoreError::Broken(format!("{sender} is no member of {conversation}")));
        };
        known.conversation.head = *seq;
        known.conversation.head_ms = *time_ms;
        let (seq, time_ms) = (*seq as i64, *time_ms as i64);
        match body {
            Body::Text(text) => {
                self.run(schema::ADD_MESSAGE, params![key, seq, number as i64, time_ms, text])
            }
            Body::Data(data) => {
                self.run(schema::ADD_MESSAGE, params![key, seq, number as i64, time_ms, data])
            }
        }
    }

    fn messages(&mut self, id: &ConversationId, piece: Piece, take: &mut Take<'_>) -> Result<(), StoreError> {
        self.begin()?;
        let known = self.must_know(id)?;
        let (key, members) = (known.id, known.conversation.members.clone());
        let (sql, from, limit) = match piece {
            Piece::On { from, limit } => (schema::READ_ON, from, limit),
            Piece::Back { from, limit } => (schema::READ_BACK, from, limit),
        };
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![key, from, limit])?;
        while let Some(row) = rows.next()? {
            if let ControlFlow::Break(()) = take(message(id, &members, row)?) {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        if self.in_transaction {
            self.run("COMMIT", ())?;
            self.in_transaction = false;
        }
        Ok(())
    }

    fn rollback(&mut self) -> Result<(), StoreError> {
        // What the caches learned may be untrue now. A rollback is rare: to forget all is the simplest way to be right.
        self.conversations.clear();
        self.devices.clear();
        self.in_transaction = false;
        // After some errors SQLite has rolled back by itself.
        if !self.connection.is_autocommit() {
            self.run("ROLLBACK", ())?;
        }
        Ok(())
    }

    fn tidy(&mut self) -> Result<(), StoreError> {
        if !self.in_transaction && self.log_pages.load(Ordering::Relaxed) >= self.checkpoint_pages {
            self.connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row((), |_| Ok(()))?;
            self.log_pages.store(0, Ordering::Relaxed);
        }
        Ok(())
    }
}

fn message(id: &ConversationId, members: &[Uid], row: &Row<'_>) -> Result<Message, StoreError> {
    let number: i64 = row.get(1)?;
    let sender = usize::try_from(number).ok().and_then(|number| members.get(number));
    let Some(sender) = sender else { return Err(damaged("a sender", &number)) };
    let body = match row.get_ref(3)? {
        ValueRef::Text(text) => match std::str::from_utf8(text) {
            Ok(text) => Body::Text(text.to_owned()),
            Err(error) => return Err(damaged("a text", &error)),
        },
        ValueRef::Blob(data) => Body::Data(data.to_owned()),
        other => return Err(damaged("a body", &other.data_type())),
    };
    Ok(Message {
        conversation: id.clone(),
        seq: row.get::<_, i64>(0)? as u64,
        sender: sender.clone(),
        to: (!id.is_group()).then(|| members.iter().find(|uid| *uid != sender).unwrap_or(sender).clone()),
        time_ms: row.get::<_, i64>(2)? as u64,
        body,
    })
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
mod tests;
