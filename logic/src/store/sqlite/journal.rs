//! The way of a record: first into the journal, with all else of its transaction in one row; later, with its neighbours, into the tables. Owns both ways, and what
//! a start reads back; leaves what waits between them to `tail`.
//!
//! A message of a random pair would dirty a page of its own in each table it goes to, and a page costs more than the message. So a transaction
//! writes one row, whatever it is about, and takes along some of what came before it: twice its own cost at most and one run, and as much of the journal
//! that is of no more use. So no transaction has much to do for others, and the tail and the journal stay within their bounds.
//!
//! A row tells up to which one all messages were taken by those who deliver them: the next process finds what it must deliver again.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt as _};
use proto::ids::ConversationId;
use proto::limits::{OUTCOMES_KEPT, STORE_FOLD_PACE, STORE_JOURNAL_TAILS, STORE_ROW_BYTES};
use proto::packet::Message;
use rusqlite::{OptionalExtension as _, params};

use super::record::{Log, changes};
use super::tail::{Leaving, Tail};
use super::{SqliteStore, damaged, schema};
use crate::store::StoreError;

/// The rows of the table `journal`.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Number and bytes of each, oldest first.
    rows: VecDeque<(i64, usize)>,
    /// The number of the last one that there has been. Counted here: SQLite would begin anew whenever the table is empty, and a new row would look like
    /// one that is of no more use.
    last: i64,
    /// The last one that is committed.
    pub(super) committed: i64,
    /// The last one whose messages all were taken.
    pub(super) taken: i64,
    /// Of all rows.
    bytes: usize,
}

impl Journal {
    /// The rows are durable.
    pub(super) fn commit(&mut self) {
        self.committed = self.last;
    }
}

impl SqliteStore {
    /// Puts what the transaction has gathered into the journal.
    pub(super) fn write_journal(&mut self) -> Result<(), StoreError> {
        if self.tail.unwritten().is_empty() {
            return Ok(());
        }
        self.begin()?;
        self.journal.last += 1;
        let (row, changes) = (self.journal.last, self.tail.unwritten());
        self.run(schema::ADD_TO_JOURNAL, params![row, changes, self.journal.taken])?;
        self.journal.rows.push_back((row, changes.len()));
        self.journal.bytes += changes.len();
        self.tail.written(row);
        Ok(())
    }

    /// Ends a transaction whose changes are in the journal: takes along what it must of those before it.
    pub(super) fn fold(&mut self) -> Result<(), StoreError> {
        let budget = self.tail.turn() * STORE_FOLD_PACE;
        let mut left = budget;
        let mut run = std::mem::take(&mut self.run);
        while left > 0
            && let Some(leaving) = self.tail.leave(&mut run)?
        {
            left = left.saturating_sub(leaving.cost);
            self.write_run(&leaving, &run)?;
        }
        self.run = run;
        self.drop_rows(budget)
    }

    fn write_run(&self, leaving: &Leaving, records: &[u8]) -> Result<(), StoreError> {
        let last = leaving.last as i64;
        match leaving.log {
            Log::Conversation(id) => self.run(schema::ADD_MESSAGES, params![id, last, records]),
            Log::Device(id) => {
                // A newer one is in the tail, or this is the newest.
                let newest = self.tail.records(leaving.log).next_back().transpose()?;
                let newest = newest.map_or(leaving.last, |record| record.number);
                let forgotten = newest.saturating_sub(OUTCOMES_KEPT);
                if leaving.last > forgotten {
                    self.run(schema::ADD_OUTCOMES, params![id, last, records])?;
                }
                if forgotten > 0 {
                    self.run(schema::PRUNE_OUTCOMES, params![id, forgotten as i64])?;
                }
                Ok(())
            }
        }
    }

    /// Deletes rows that have nothing the tables do not have: so many bytes, and one row more. Those with messages that were not taken stay, unless they become too many.
    fn drop_rows(&mut self, mut bytes: usize) -> Result<(), StoreError> {
        let mut spent = self.tail.spent();
        let most = self.tail_bytes.saturating_mul(STORE_JOURNAL_TAILS).max(STORE_ROW_BYTES);
        if self.journal.bytes <= most {
            spent = spent.min(self.journal.taken);
        }
        let mut through = None;
        while bytes > 0
            && let Some((row, size)) = self.journal.rows.pop_front_if(|(row, _)| *row <= spent)
        {
            bytes = bytes.saturating_sub(size);
            self.journal.bytes -= size;
            through = Some(row);
        }
        through.map_or(Ok(()), |row| self.run(schema::DROP_FROM_JOURNAL, [row]))
    }

    /// Fills the tail with what the journal has and the tables have not.
    pub(super) fn read_journal(&mut self) -> Result<(), StoreError> {
        let mut journal = Journal::default();
        let mut tail = Tail::new(self.tail_bytes);
        let mut folded: HashMap<Log, u64> = HashMap::new();
        let mut statement = self.connection.prepare_cached(schema::READ_JOURNAL)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            for change in changes(bytes) {
                let (log, record) = change?;
                let last = match folded.get(&log) {
                    Some(last) => *last,
                    None => *folded.entry(log).insert_entry(self.folded(log)?).get(),
                };
                if record.number > last {
                    tail.record(log, &record);
                }
            }
            journal.last = row.get(0)?;
            journal.taken = row.get(2)?;
            journal.rows.push_back((journal.last, bytes.len()));
            journal.bytes += bytes.len();
            tail.written(journal.last);
            tail.turn();
        }
        drop(rows);
        drop(statement);
        // After a rollback this process knows more than what is written.
        journal.last = journal.last.max(self.journal.committed);
        journal.committed = journal.last;
        journal.taken = journal.taken.max(self.journal.taken).min(journal.committed);
        (self.journal, self.tail) = (journal, tail);
        Ok(())
    }

    /// Shows the messages of committed rows that were not taken, with the row before theirs.
    pub(super) fn read_not_taken(&mut self, take: &mut dyn FnMut(u64, Message)) -> Result<(), StoreError> {
        let Journal { taken: mut last, committed, .. } = self.journal;
        // One row at a time: there may be more than should be in memory together.
        while let Some((row, bytes)) = self.row_after(last, committed)? {
            last = row;
            for change in changes(&bytes) {
                let (Log::Conversation(id), record) = change? else { continue };
                let name = self.connection.prepare_cached(schema::NAME_CONVERSATION)?;
                let name: String = { name }.query_row([id], |row| row.get(0))?;
                let name = ConversationId::try_from(name).map_err(|error| damaged("a name", &error))?;
                let members = Arc::clone(&self.must_know(&name)?.conversation.members);
                take(row as u64 - 1, record.message(&name, &members)?);
            }
        }
        Ok(())
    }

    fn row_after(&self, row: i64, last: i64) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let mut statement = self.connection.prepare_cached(schema::READ_NOT_TAKEN)?;
        Ok(statement.query_row([row, last], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
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
