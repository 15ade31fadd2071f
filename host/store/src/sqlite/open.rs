//! Opening: is the file ours, is it ours alone, do we know its schema.

use super::Database;
use super::error::opening;
use super::place::Place;
use super::writer::Writer;
use crate::schema::{Standing, standing};
use crate::{Result, StoreError};
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Connections that read: lists and health checks are short, and each has a thread of its own.
const READERS: u32 = 4;
/// How long a call waits for a free connection before it answers `Busy`.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// What the write-ahead log shrinks to after a large upload, bytes.
pub const LOG_BYTES_MAX: i64 = 64 << 20;

impl Database {
    /// See [`Store::open`](crate::Store::open).
    pub async fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| file_error(path, error))?;
        }
        if path.is_dir() {
            return Err(StoreError::Unusable { database: path.display().to_string(), why: "it is a folder; name a file".into() });
        }
        let lock = lock(path)?;
        touch(path)?;
        let options = options(path);

        // Looked at before anything is set, since setting the journal mode writes.
        let mut probe = options.connect().await.map_err(|error| opening(path, error))?;
        let found = standing(&MIGRATIONS, &applied(&mut probe, path).await?).unless_unused(has_user(&mut probe).await);
        if matches!(found, Standing::Older { .. } | Standing::Newer { .. }) {
            return Err(found.refusal(&path.display()));
        }
        probe.close().await.map_err(|error| opening(path, error))?;

        let options = options.journal_mode(SqliteJournalMode::Wal).pragma("journal_size_limit", LOG_BYTES_MAX.to_string());
        let mut conn = options.connect().await.map_err(|error| opening(path, error))?;
        // A file that may only be read opens well and fails at its first write; better now than with the first order.
        for statement in ["BEGIN IMMEDIATE", "ROLLBACK"] {
            sqlx::query(statement).execute(&mut conn).await.map_err(|error| opening(path, error))?;
        }
        // An empty one, or one that has it all: then this only compares what is there with what is known.
        let migrated = MIGRATIONS.run(&mut conn).await;
        migrated.map_err(|error| crate::schema::failed(&path.display(), error, |error| opening(path, error)))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(WAIT_MAX)
            .test_before_acquire(false)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(|error| opening(path, error))?;
        let place = Arc::new(Place::of(path));
        Ok(Self { writer: Arc::new(Writer::new(conn)), readers, lock: Arc::new(lock), place, hold: Arc::default() })
    }
}

/// Makes the file when it is missing, for its owner's eyes only: it holds people's strategies. SQLite gives its log the same
/// mode.
pub fn touch(path: &Path) -> Result<()> {
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path);
    opened.map(drop).map_err(|error| file_error(path, error))
}

/// How every connection is made.
pub fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(WAIT_MAX)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging()
}

/// The lock file beside a database, locked.
#[derive(Debug)]
pub struct Lock {
    file: Mutex<File>,
    path: PathBuf,
    /// The process that held it last, as far as its file says.
    held_before: String,
}

impl Lock {
    /// Whether the lock, which went with that process, was its own.
    pub fn was_held_by(&self, process: &str) -> bool {
        self.held_before == process
    }

    /// Whether the file that is locked is still the one that others would lock; if not, theirs is taken as well.
    ///
    /// # Errors
    /// [`InUse`](StoreError::InUse): somebody else was faster.
    pub fn look(&self) -> Result<()> {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let inode = |found: std::fs::Metadata| (found.dev(), found.ino());
        let (own, there) = (held.metadata().map(inode).ok(), std::fs::metadata(&self.path).map(inode).ok());
        if own.is_none() || own != there {
            // Removed, so that a second host can start beside this one.
            *held = locked(&self.path)?.0;
        }
        Ok(())
    }
}

impl Drop for Lock {
    /// Closing would not do: a process that is being started has a copy of every open file for a moment, and with it the lock.
    fn drop(&mut self) {
        // Where that fails, it goes with the process.
        _ = self.file.get_mut().unwrap_or_else(PoisonError::into_inner).unlock();
    }
}

/// Takes the lock file beside the database. SQLite's own locks let two processes write in turns, which would make two
/// hosts out of one; this lock goes with its process, however that ends.
pub fn lock(path: &Path) -> Result<Lock> {
    let path = beside(path, ".lock");
    let (file, held_before) = locked(&path)?;
    Ok(Lock { file: Mutex::new(file), path, held_before })
}

/// A file beside the database.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The lock file, locked, and what was written in it.
fn locked(path: &Path) -> Result<(File, String)> {
    let file_error = |error| file_error(path, error);
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(file_error)?;
    let mut holder = String::new();
    let taken = file.try_lock();
    let known = file.read_to_string(&mut holder).is_ok() && !holder.is_empty() && holder.bytes().all(|byte| byte.is_ascii_digit());
    let holder = if known { holder } else { "unknown".into() };
    match taken {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::InUse { database: path.with_extension("").display().to_string(), holder });
        }
        Err(TryLockError::Error(error)) => return Err(file_error(error)),
    }
    // Who holds it, for the message above only.
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id())).map_err(file_error)?;
    Ok((file, holder))
}

fn file_error(path: &Path, error: std::io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull,
        _ => {
            let why = format!("{error}; the user that runs stockade must be able to read and write it and its folder");
            StoreError::Unusable { database: path.display().to_string(), why }
        }
    }
}

/// Whether anybody has anything in a database that has tables; where that can't be said, somebody has.
async fn has_user(conn: &mut SqliteConnection) -> bool {
    let users: sqlx::Result<i64> = sqlx::query_scalar("SELECT COUNT(*) FROM users").fetch_one(conn).await;
    users.map_or(true, |users| users > 0)
}

/// The schema versions that the file has. `None` when it is empty.
///
/// # Errors
/// It holds another program's tables.
pub async fn applied(conn: &mut SqliteConnection, path: &Path) -> Result<Option<Vec<i64>>> {
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name LIMIT 100")
        .fetch_all(&mut *conn)
        .await
        .map_err(|error| opening(path, error))?;
    let Some(first) = tables.first() else { return Ok(None) };
    if !tables.iter().any(|name| name == "_sqlx_migrations") {
        let why = format!("it is another program's (it has a table {first:?} and no schema version); name another file");
        return Err(StoreError::Unusable { database: path.display().to_string(), why });
    }
    let versions = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success ORDER BY version").fetch_all(conn).await;
    Ok(Some(versions.map_err(|error| opening(path, error))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_let_go_is_free_though_a_process_being_started_has_a_copy_of_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("stockade.db");
        let held = lock(&path).expect("nobody has it");
        let copy = held.file.lock().expect("nobody panicked").try_clone().expect("a copy");
        assert!(matches!(lock(&path), Err(StoreError::InUse { .. })));
        drop(held);
        lock(&path).expect("it was let go");
        drop(copy);
    }
}
