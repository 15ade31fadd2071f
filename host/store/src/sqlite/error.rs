//! What SQLite's errors mean to a caller.

use crate::StoreError;
use domain::journal::JournalError;
use std::path::Path;

/// The primary code of an error that SQLite gave.
pub fn code(error: &sqlx::Error) -> Option<i32> {
    let extended: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// Codes of <https://www.sqlite.org/rescode.html>.
pub mod primary {
    pub const PERM: i32 = 3;
    pub const BUSY: i32 = 5;
    pub const READONLY: i32 = 8;
    pub const IOERR: i32 = 10;
    pub const CORRUPT: i32 = 11;
    pub const FULL: i32 = 13;
    pub const CANTOPEN: i32 = 14;
    pub const NOTADB: i32 = 26;
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match (code(&error), error) {
            (Some(primary::FULL), _) => Self::DiskFull,
            (Some(primary::IOERR | primary::READONLY | primary::CANTOPEN), error) => Self::Disk(error.to_string()),
            (Some(primary::CORRUPT | primary::NOTADB), error) => Self::Corrupt(error.to_string()),
            (Some(primary::BUSY), _) | (_, sqlx::Error::PoolTimedOut) => Self::Busy,
            (_, sqlx::Error::ColumnDecode { index, source }) => Self::Corrupt(format!("column {index}: {source}")),
            (_, error) => Self::Internal(error.into()),
        }
    }
}

/// An error while opening, which can say what is wrong with the file.
pub fn opening(path: &Path, error: sqlx::Error) -> StoreError {
    let unusable = |why: &str| StoreError::Unusable { path: path.into(), why: why.into() };
    match code(&error) {
        Some(primary::NOTADB) => unusable("it is no SQLite database; move the file away or name another one"),
        Some(primary::READONLY) => unusable("it is read-only; give the user that runs stockade the right to write it and its folder"),
        Some(primary::CANTOPEN | primary::PERM) => unusable(
            "it can't be opened; check that it is a file and that the user that runs stockade may read and write it and its folder",
        ),
        _ => error.into(),
    }
}

/// An error of an insert: its name, which must be unique, or what it refers to and may not exist.
pub fn inserting(error: sqlx::Error, (what, name): (&'static str, &str), (of, id): (&'static str, &dyn ToString)) -> StoreError {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => StoreError::AlreadyExists { what, name: name.into() },
        Some(database) if database.is_foreign_key_violation() => StoreError::not_found(of, id.to_string()),
        _ => error.into(),
    }
}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> Self {
        match error {
            // The journal's own message has the way out.
            StoreError::DiskFull => Self::Disk("the disk is full".into()),
            StoreError::Disk(why) | StoreError::Corrupt(why) => Self::Disk(why),
            StoreError::Internal(source) => Self::Internal(source.to_string()),
            error => Self::Internal(error.to_string()),
        }
    }
}
