//! Reading back: pieces of a log and single records, from the tables and from the tail as if they were one. What the tail has is newer than all that the
//! tables have.

use std::ops::ControlFlow;

use rusqlite::{OptionalExtension as _, params};

use super::record::{Log, Record, records};
use super::{SqliteStore, schema};
use crate::store::{Outcome, Piece, StoreError};

/// What is shown records: it may break off, and it may find one damaged.
type Show<'a> = dyn FnMut(&Record<'_>) -> Result<ControlFlow<()>, StoreError> + 'a;

impl SqliteStore {
    /// Seq and time of a conversation's last message; 0 for both if there is none.
    pub(super) fn head(&self, conversation: i64) -> Result<(u64, u64), StoreError> {
        if let Some(record) = self.tail.records(Log::Conversation(conversation)).next_back().transpose()? {
            return Ok((record.number, record.time_ms()?));
        }
        let mut statement = self.connection.prepare_cached(schema::NEWEST_MESSAGES)?;
        let run: Option<Vec<u8>> = statement.query_row([conversation], |row| row.get(0)).optional()?;
        match records(&run.unwrap_or_default()).last().transpose()? {
            Some(record) => Ok((record.number, record.time_ms()?)),
            None => Ok((0, 0)),
        }
    }

    /// The number of a device's last outcome; 0 if there is none.
    pub(super) fn last_outcome(&self, device: i64) -> Result<u64, StoreError> {
        match self.tail.records(Log::Device(device)).next_back().transpose()? {
            Some(record) => Ok(record.number),
            None => self.folded(Log::Device(device)),
        }
    }

    /// The outcome of this number, if it is there.
    pub(super) fn read_outcome(&self, device: i64, client_id: u64) -> Result<Option<Outcome>, StoreError> {
        let in_tail = self.tail.from(Log::Device(device), client_id).next().transpose()?;
        if let Some(record) = in_tail.filter(|record| record.number == client_id) {
            return record.outcome().map(Some);
        }
        let mut statement = self.connection.prepare_cached(schema::FIND_OUTCOMES)?;
        let run = statement.query_row(params![device, client_id as i64], |row| row.get::<_, Vec<u8>>(0));
        run.optional()?.map_or(Ok(None), |run| find(&run, client_id))
    }

    /// Shows the messages of a piece.
    pub(super) fn read_messages(
        &self,
        key: i64,
        piece: Piece,
        show: &mut Show<'_>,
    ) -> Result<(), StoreError> {
        let mut reading = Reading::of(piece, show);
        let log = Log::Conversation(key);
        if reading.back {
            for record in self.tail.up_to(log, reading.from).rev() {
                if !reading.record(&record?)? {
                    return Ok(());
                }
            }
            return self.read_tables(schema::READ_BACK, key, &mut reading);
        }
        let oldest = self.tail.records(log).next().transpose()?;
        if oldest.is_none_or(|oldest| reading.from < oldest.number) {
            self.read_tables(schema::READ_ON, key, &mut reading)?;
        }
        for record in self.tail.from(log, reading.from) {
            if !reading.record(&record?)? {
                break;
            }
        }
        Ok(())
    }

    fn read_tables(
        &self,
        sql: &'static str,
        key: i64,
        reading: &mut Reading<'_, '_>,
    ) -> Result<(), StoreError> {
        let from = i64::try_from(reading.from).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query(params![key, from])?;
        while let Some(row) = rows.next()? {
            if !reading.run(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)? {
                break;
            }
        }
        Ok(())
    }
}

fn find(run: &[u8], number: u64) -> Result<Option<Outcome>, StoreError> {
    for record in records(run) {
        let record = record?;
        if record.number == number {
            return record.outcome().map(Some);
        }
    }
    Ok(None)
}

/// A piece while it is read.
struct Reading<'a, 'b> {
    from: u64,
    back: bool,
    /// Messages that may still be shown.
    left: u32,
    show: &'a mut Show<'b>,
}

impl<'a, 'b> Reading<'a, 'b> {
    fn of(piece: Piece, show: &'a mut Show<'b>) -> Self {
        let (from, left, back) = match piece {
            Piece::On { from, limit } => (from, limit, false),
            Piece::Back { from, limit } => (from, limit, true),
        };
        Self { from, back, left, show }
    }

    /// Shows what the piece has of a run. False if no more is wanted.
    fn run(&mut self, run: &[u8]) -> Result<bool, StoreError> {
        let mut found: Vec<_> = records(run).collect::<Result<_, _>>()?;
        if self.back {
            found.retain(|record| record.number <= self.from);
            found.reverse();
        } else {
            found.retain(|record| record.number >= self.from);
        }
        for record in found {
            if !self.record(&record)? {
                return Ok(false);
            }
        }
        Ok(self.left > 0)
    }

    /// Shows a record of the piece. False if no more is wanted.
    fn record(&mut self, record: &Record<'_>) -> Result<bool, StoreError> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        if (self.show)(record)?.is_break() {
            self.left = 0;
        }
        Ok(self.left > 0)
    }
}
