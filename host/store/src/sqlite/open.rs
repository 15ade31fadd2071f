//! Opening: is the file ours, is it ours alone, do we know its schema.

use super::Database;
use super::error::opening;
use super::writer::Writer;
use crate::{Result, StoreError};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Connections that read: lists and health checks are short, and each has a thread of its own.
const READERS: u32 = 4;
/// How long a call waits for a free connection before it answers `Busy`.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// What the write-ahead log shrinks to after a large upload, bytes.
const LOG_BYTES_MAX: i64 = 64 << 20;

impl Database {
    /// See [`Store::open`](crate::Store::open).
    pub async fn open(path: &Path) -> Result<Self> {
        let file_error = |error| file_error(path, error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(file_error)?;
        }
        if path.is_dir() {
            return Err(StoreError::Unusable { path: path.into(), why: "it is a folder; name a file".into() });
        }
        let lock = lock(path)?;
        // For its owner's eyes only: it holds people's strategies. SQLite gives its log the same mode.
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(file_error)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .foreign_keys(true)
            .busy_timeout(WAIT_MAX)
            .synchronous(SqliteSynchronous::Full)
            .disable_statement_logging();

        // Looked at before anything is set, since setting the journal mode writes.
        let mut probe = options.connect().await.map_err(|error| opening(path, error))?;
        check(&mut probe, path).await?;
        probe.close().await.map_err(|error| opening(path, error))?;

        let options = options.journal_mode(SqliteJournalMode::Wal).pragma("journal_size_limit", LOG_BYTES_MAX.to_string());
        let mut conn = options.connect().await.map_err(|error| opening(path, error))?;
        // A file that may only be read opens well and fails at its first write; better now than with the first order.
        for statement in ["BEGIN IMMEDIATE", "ROLLBACK"] {
            sqlx::query(statement).execute(&mut conn).await.map_err(|error| opening(path, error))?;
        }
        MIGRATIONS.run(&mut conn).await.map_err(|error| migrating(path, error))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(WAIT_MAX)
            .test_before_acquire(false)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(|error| opening(path, error))?;
        Ok(Self { writer: Arc::new(Writer::new(conn)), readers, _lock: Arc::new(lock) })
    }
}

/// Takes the lock file beside the database. SQLite's own locks let two processes write in turns, which would make two
/// hosts out of one; this lock goes with its process, however that ends.
fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let file_error = |error| file_error(&lock_path, error);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&lock_path).map_err(file_error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let known = file.read_to_string(&mut holder).is_ok() && !holder.is_empty() && holder.bytes().all(|byte| byte.is_ascii_digit());
            return Err(StoreError::InUse { path: path.into(), holder: if known { holder } else { "unknown".into() } });
        }
        Err(TryLockError::Error(error)) => return Err(file_error(error)),
    }
    // Who holds it, for the message above only.
    file.set_len(0).and_then(|()| file.rewind()).and_then(|()| write!(file, "{}", std::process::id())).map_err(file_error)?;
    Ok(file)
}

fn file_error(path: &Path, error: std::io::Error) -> StoreError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull,
        _ => {
            let why = format!("{error}; the user that runs stockade must be able to read and write it and its folder");
            StoreError::Unusable { path: path.into(), why }
        }
    }
}

/// Whether the file is empty or ours, and no newer than this program.
async fn check(conn: &mut SqliteConnection, path: &Path) -> Result<()> {
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name LIMIT 100")
        .fetch_all(&mut *conn)
        .await
        .map_err(|error| opening(path, error))?;
    let not_ours = |table: &str| StoreError::Unusable {
        path: path.into(),
        why: format!("it is another program's (it has a table {table:?} and no schema version); name another file"),
    };
    match tables.first() {
        None => return Ok(()),
        Some(table) if !tables.iter().any(|name| name == "_sqlx_migrations") => return Err(not_ours(table)),
        Some(_) => {}
    }
    let found: Option<i64> =
        sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations").fetch_one(conn).await.map_err(|error| opening(path, error))?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    match found {
        Some(found) if found > known => Err(StoreError::Newer { path: path.into(), found, known }),
        _ => Ok(()),
    }
}

fn migrating(path: &Path, error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => opening(path, error),
        MigrateError::VersionMissing(version) | MigrateError::VersionMismatch(version) => StoreError::Unusable {
            path: path.into(),
            why: format!("its schema {version} was made by another build than this one; use that one, or name another file"),
        },
        error => StoreError::Internal(error.into()),
    }
}
