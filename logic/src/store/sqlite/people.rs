//! Users in the store on SQLite.

use proto::backend::Which;
use proto::ids::Uid;
use rusqlite::{OptionalExtension as _, params};

use super::{SqliteStore, damaged, schema};
use crate::store::StoreError;
use crate::store::people::{People, before_s};

impl People for SqliteStore {
    fn keep_revocation(&mut self, uid: &Uid, which: &Which) -> Result<(), StoreError> {
        self.begin()?;
        let token = if let Which::Token(token) = which { token.as_str() } else { "" };
        self.run(schema::KEEP_REVOCATION, params![uid.as_str(), token, before_s(which).unwrap_or(0)])
    }

    fn revocations(&mut self, take: &mut dyn FnMut(Uid, Which)) -> Result<(), StoreError> {
        self.begin()?;
        let mut statement = self.connection.prepare_cached(schema::READ_REVOCATIONS)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let which = match row.get::<_, String>(1)? {
                none if none.is_empty() => Which::IssuedBefore(row.get::<_, u32>(2)?.into()),
                token => Which::Token(token),
            };
            take(uid(row.get(0)?)?, which);
        }
        Ok(())
    }

    fn keep_seen(&mut self, uid: &Uid, at_ms: u64) -> Result<(), StoreError> {
        self.begin()?;
        self.run(schema::KEEP_SEEN, params![uid.as_str(), at_ms as i64])
    }

    fn last_seen(&mut self, uid: &Uid) -> Result<u64, StoreError> {
        self.begin()?;
        let mut statement = self.connection.prepare_cached(schema::FIND_SEEN)?;
        let seen = statement.query_row([uid.as_str()], |row| row.get::<_, i64>(0)).optional()?;
        Ok(seen.unwrap_or(0) as u64)
    }

    fn watch(&mut self, watcher: &Uid, watched: &[Uid]) -> Result<(), StoreError> {
        self.begin()?;
        self.run(schema::FORGET_WATCHES, [watcher.as_str()])?;
        watched.iter().try_for_each(|uid| self.run(schema::ADD_WATCH, [uid.as_str(), watcher.as_str()]))
    }

    fn watchers(&mut self, watched: &Uid, most: usize) -> Result<Vec<Uid>, StoreError> {
        self.begin()?;
        let mut statement = self.connection.prepare_cached(schema::FIND_WATCHERS)?;
        let watchers = statement.query_map(params![watched.as_str(), most as i64], |row| row.get(0))?;
        watchers.map(|watcher| uid(watcher?)).collect()
    }
}

fn uid(text: String) -> Result<Uid, StoreError> {
    Uid::try_from(text).map_err(|error| damaged("a uid", &error))
}
