//! Opening a store: who may, with which settings, and whether the file is one of ours and of a version we know. Owns these checks and their words.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::schema::{APPLICATION_ID, MIGRATIONS};
use super::{LogSeen, SqliteStore};
use crate::Config;
use crate::store::StoreError;

/// How a store is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of pages kept in memory.
    pub cache_bytes: usize,
    /// Pages (4 KiB) in the write-ahead log after which they are copied to their places.
    pub checkpoint_pages: u32,
    /// Bytes of the newest messages and outcomes that are kept in memory and in the journal until enough of them go to their tables together.
    pub tail_bytes: usize,
}

impl From<&Config> for Options {
    fn from(config: &Config) -> Self {
        Self {
            cache_bytes: config.store_cache.0,
            checkpoint_pages: config.checkpoint_pages,
            tail_bytes: config.store_tail.0,
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The folder or the file cannot be made, read or locked.
    Io(PathBuf, io::Error),
    /// Another process has it open. Two writers would number messages alike.
    InUse(PathBuf),
    /// It is an SQLite file of something else.
    Foreign(PathBuf),
    /// A newer version of this program has written it.
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of its schema.
        found: i32,
        /// The newest version that this program knows.
        known: i32,
    },
    /// SQLite refuses.
    Sqlite(PathBuf, rusqlite::Error),
    /// What it said last cannot be read.
    Journal(PathBuf, StoreError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "store {}: {error}", path.display()),
            Self::InUse(path) => write!(f, "store {}: another process has it open", path.display()),
            Self::Foreign(path) => {
                write!(f, "store {}: an SQLite file, but not a store of Holdfast", path.display())
            }
            Self::Newer { path, found, known } => write!(
                f,
                "store {}: written by a newer Holdfast (schema {found}; this one knows up to {known})",
                path.display()
            ),
            Self::Sqlite(path, error) => write!(f, "store {}: {error}", path.display()),
            Self::Journal(path, error) => write!(f, "store {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Sqlite(_, error) => Some(error),
            Self::Journal(_, error) => Some(error),
            Self::InUse(_) | Self::Foreign(_) | Self::Newer { .. } => None,
        }
    }
}

/// How long an outside tool (a backup) may hold SQLite's own lock before we call the store busy.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// More statements than `schema` has, so that none is ever prepared twice.
const STATEMENTS: usize = 32;

impl SqliteStore {
    /// Opens a store, or makes it with the folder it is in. Recovers it if the last process that had it was killed.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let sqlite = |error| OpenError::Sqlite(path.to_owned(), error);
        let mut connection = Connection::open(path).map_err(sqlite)?;
        check_owner(&connection, path)?;
        configure(&connection, options).map_err(sqlite)?;
        migrate(&mut connection).map_err(sqlite)?;
        let log = Arc::new(LogSeen::default());
        let seen = Arc::clone(&log);
        // The hook takes the place of SQLite's own checkpoints, which would come in the middle of a commit and hide their errors.
        let hook = move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            seen.pages.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            seen.commits.fetch_add(1, Ordering::Release);
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(sqlite)?;
        let mut store = Self::new(connection, lock, log, options);
        store.read_journal().map_err(|error| OpenError::Journal(path.to_owned(), error))?;
        Ok(store)
    }
}

/// Locks a file beside the store. SQLite's own locks come and go with transactions, which would let a second server in between.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-lock");
    let beside = PathBuf::from(beside);
    let failed = |error| OpenError::Io(beside.clone(), error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| OpenError::Io(folder.to_owned(), error))?;
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&beside).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Before anything is written to the file.
fn check_owner(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let sqlite = |error| OpenError::Sqlite(path.to_owned(), error);
    let owner = pragma(connection, "application_id").map_err(sqlite)?;
    let found = pragma(connection, "user_version").map_err(sqlite)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(sqlite)?;
    let known = MIGRATIONS.len() as i32;
    match owner {
        APPLICATION_ID if found > known => Err(OpenError::Newer { path: path.to_owned(), found, known }),
        APPLICATION_ID => Ok(()),
        0 if found == 0 && tables == 0 => Ok(()),
        _ => Err(OpenError::Foreign(path.to_owned())),
    }
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn configure(connection: &Connection, options: Options) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Otherwise a statement with a bound LIMIT is compiled anew for each value, which took a third of the writer's time while many people came.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "cache_size", -((options.cache_bytes / 1024) as i64))?;
    connection.pragma_update(None, "temp_store", "memory")
}

/// All steps and the version in one transaction: a crash leaves the old version or the new one.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version = pragma(connection, "user_version")?;
    let steps = MIGRATIONS.iter().skip(usize::try_from(version).unwrap_or(0));
    if steps.len() == 0 {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in steps {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i32)?;
    transaction.commit()
}
