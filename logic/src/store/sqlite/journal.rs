//! The way of a record: first into the journal, with all else of its transaction in one row; later, with its neighbours, into the tables. Owns both ways, and what
//! a start reads back; leaves what waits between them to `tail`.
//!
//! A message of a random pair would dirty a page of its own in each table it goes to, and a page costs more than the message. So a transaction
//! writes one row, whatever it is about, and takes along some of the records that came before it: more bytes of these than it has itself, so the tail
//! stays within its bound and no transaction has much to do for others.

use foldhash::{HashMap, HashMapExt as _};
use proto::limits::{OUTCOMES_KEPT, STORE_FOLD_PACE, STORE_ROWS_DROPPED};
use rusqlite::params;

use super::record::{Log, Record, changes};
use super::tail::{Run, Tail};
use super::{SqliteStore, schema};
use crate::store::StoreError;

impl SqliteStore {
    /// Puts what the transaction has gathered into the journal.
    pub(super) fn write_journal(&mut self) -> Result<(), StoreError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        self.begin()?;
        // Counted here, for SQLite would begin anew whenever the journal is empty, and a row that is new would look like one that is spent.
        self.row += 1;
        self.run(schema::ADD_TO_JOURNAL, params![self.row, self.changes])?;
        self.journaled += self.changes.len();
        self.changes.clear();
        Ok(())
    }

    /// Takes along what a transaction must of those before it.
    pub(super) fn fold(&mut self) -> Result<(), StoreError> {
        let mut left = std::mem::take(&mut self.journaled) * STORE_FOLD_PACE;
        if left == 0 {
            return Ok(());
        }
        self.tail.journaled(self.row);
        while left > 0
            && let Some((log, run)) = self.tail.leave()
        {
            left = left.saturating_sub(run.bytes.len());
            self.write_run(log, &run)?;
        }
        match self.tail.spent() {
            0 => Ok(()),
            row => self.run(schema::DROP_FROM_JOURNAL, params![row, STORE_ROWS_DROPPED]),
        }
    }

    fn write_run(&self, log: Log, run: &Run) -> Result<(), StoreError> {
        let last = run.last as i64;
        match log {
            Log::Conversation(id) => self.run(schema::ADD_MESSAGES, params![id, last, run.bytes]),
            Log::Device(id) => {
                // A newer one is in the tail, or this is the newest.
                let newest = self.tail.last(log).transpose()?.map_or(run.last, |record| record.number);
                let forgotten = newest.saturating_sub(OUTCOMES_KEPT);
                if run.last > forgotten {
                    self.run(schema::ADD_OUTCOMES, params![id, last, run.bytes])?;
                }
                if forgotten > 0 {
                    self.run(schema::PRUNE_OUTCOMES, params![id, forgotten as i64])?;
                }
                Ok(())
            }
        }
    }

    /// Fills the tail with what the journal has and the tables have not.
    pub(super) fn read_journal(&mut self) -> Result<(), StoreError> {
        self.changes.clear();
        (self.journaled, self.row) = (0, 0);
        let mut tail = Tail::new(self.tail_bytes);
        let mut folded: HashMap<Log, u64> = HashMap::new();
        let mut statement = self.connection.prepare_cached(schema::READ_JOURNAL)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            for change in changes(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?) {
                let (log, Record { number, bytes, .. }) = change?;
                let last = match folded.get(&log) {
                    Some(last) => *last,
                    None => *folded.entry(log).insert_entry(self.folded(log)?).get(),
                };
                if number > last {
                    tail.push(log, number, bytes);
                }
            }
            self.row = row.get(0)?;
            tail.journaled(self.row);
        }
        self.tail = tail;
        Ok(())
    }

    /// The number of the newest record of a log that is in the tables; 0 if none is.
    pub(super) fn folded(&self, log: Log) -> Result<u64, StoreError> {
        let (sql, id) = match log {
            Log::Conversation(id) => (schema::LAST_MESSAGES, id),
            Log::Device(id) => (schema::LAST_OUTCOMES, id),
        };
        Ok(self.connection.prepare_cached(sql)?.query_row([id], |row| row.get::<_, i64>(0))? as u64)
    }
}
