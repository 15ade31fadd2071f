//! What SQLite's errors mean to a caller.

use crate::StoreError;
use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;
use std::path::Path;

/// The primary code of an error that SQLite gave.
fn code(error: &sqlx::Error) -> Option<i32> {
    code_of(error.as_database_error()?)
}

fn code_of(error: &dyn DatabaseError) -> Option<i32> {
    let extended: i32 = error.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// Codes of <https://www.sqlite.org/rescode.html>.
mod primary {
    pub const PERM: i32 = 3;
    pub const BUSY: i32 = 5;
    pub const LOCKED: i32 = 6;
    pub const NOMEM: i32 = 7;
    pub const READONLY: i32 = 8;
    pub const INTERRUPT: i32 = 9;
    pub const IOERR: i32 = 10;
    pub const CORRUPT: i32 = 11;
    pub const FULL: i32 = 13;
    pub const CANTOPEN: i32 = 14;
    pub const PROTOCOL: i32 = 15;
    pub const SCHEMA: i32 = 17;
    pub const TOOBIG: i32 = 18;
    pub const CONSTRAINT: i32 = 19;
    pub const MISMATCH: i32 = 20;
    pub const NOTADB: i32 = 26;
}

/// What an error that SQLite gave means; `None` when it is another database's, or means nothing to a caller.
pub fn meaning(error: &dyn DatabaseError) -> Option<StoreError> {
    let error = error.try_downcast_ref::<SqliteError>()?;
    let code = || error.code().unwrap_or_default().into_owned();
    match code_of(error)? {
        primary::FULL => Some(StoreError::DiskFull),
        primary::IOERR | primary::READONLY | primary::CANTOPEN => Some(StoreError::Disk(error.to_string())),
        primary::CORRUPT | primary::NOTADB => Some(StoreError::Damaged(error.to_string())),
        primary::BUSY => Some(StoreError::Busy),
        primary::LOCKED | primary::NOMEM | primary::INTERRUPT | primary::PROTOCOL | primary::SCHEMA => {
            Some(StoreError::Passing { code: code(), why: error.to_string() })
        }
        primary::TOOBIG | primary::CONSTRAINT | primary::MISMATCH => Some(StoreError::Rejected { code: code(), why: error.to_string() }),
        _ => None,
    }
}

/// An error while opening, which can say what is wrong with the file.
pub fn opening(path: &Path, error: sqlx::Error) -> StoreError {
    let unusable = |why: &str| StoreError::Unusable { database: path.display().to_string(), why: why.into() };
    match code(&error) {
        Some(primary::NOTADB) => unusable("it is no SQLite database; move the file away or name another one"),
        Some(primary::READONLY) => unusable("it is read-only; give the user that runs stockade the right to write it and its folder"),
        Some(primary::CANTOPEN | primary::PERM) => unusable(
            "it can't be opened; check that it is a file and that the user that runs stockade may read and write it and its folder",
        ),
        _ => error.into(),
    }
}
