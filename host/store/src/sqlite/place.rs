//! Whether the files are still where they were: SQLite writes on into a file that was removed, and nobody finds again what is in it.
//!
//! Files are only looked at by name. Opening the database's own file here and closing it would let go of SQLite's locks on it.

use super::Database;
use super::open::{LOG_BYTES_MAX, beside};
use crate::{Result, StoreError};
use domain::limits::LOOK_MS_MAX;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Where the files of an open database are, and what they were when they were looked at last.
#[derive(Debug)]
pub struct Place {
    path: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    database: Option<File>,
    log: Option<File>,
}

/// A file, told apart from every other, and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    device: u64,
    inode: u64,
    size: u64,
}

impl File {
    fn at(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino(), size: found.size() })
    }

    fn is(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl Place {
    /// The files of a database that has just been opened and written to.
    pub fn of(path: &Path) -> Self {
        let seen = Seen { database: File::at(path), log: File::at(&beside(path, "-wal")) };
        Self { path: path.to_owned(), seen: Mutex::new(seen) }
    }

    /// The database's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What happened to the files.
    ///
    /// # Errors
    /// In words, with the way out.
    fn look(&self) -> Result<(), String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let log = beside(&self.path, "-wal");
        let now = Seen { database: File::at(&self.path), log: File::at(&log) };
        let of_database = told(&self.path, seen.database, now.database, u64::MAX);
        // A log that an upload has made large shrinks to its limit by itself, and no further.
        let of_log = told(&log, seen.log, now.log, LOG_BYTES_MAX as u64);
        if let Some(why) = of_database {
            return Err(format!(
                "{why} while the host has it open, and what is written now would be lost: stop the host, put the file back or restore a backup, and start it again"
            ));
        }
        if let Some(why) = of_log {
            return Err(format!(
                "{why} while the host has it open, and what is written now may be lost: stop the host with SIGTERM, by which it writes what it still knows of the log into the database, and start it again"
            ));
        }
        *seen = now;
        Ok(())
    }
}

/// What happened to a file, if something did. One that is larger than `shrinks_to` may shrink to it by itself.
fn told(path: &Path, before: Option<File>, now: Option<File>, shrinks_to: u64) -> Option<String> {
    let (before, path) = (before?, path.display());
    match now {
        None => Some(format!("{path} was removed")),
        Some(now) if !now.is(before) => Some(format!("{path} was replaced by another file")),
        Some(now) if now.size < before.size.min(shrinks_to) => Some(format!("{path} was cut or overwritten")),
        Some(_) => None,
    }
}

impl Database {
    pub async fn look(&self) -> Result<()> {
        let since = Instant::now();
        let in_place = self.place.look();
        self.hold.set_gone(in_place.clone().err());
        in_place.map_err(StoreError::Gone)?;
        if let Err(error) = self.lock.look() {
            match &error {
                StoreError::InUse { .. } => self.hold.lose(&error),
                error => self.hold.unlocked(error),
            }
            return Err(error);
        }
        let looked = tokio::time::timeout(Duration::from_millis(LOOK_MS_MAX), self.look_at_owner()).await;
        looked.unwrap_or(Err(StoreError::Busy))?;
        self.hold.renew(since);
        Ok(())
    }

    /// Whether this process got the lock that a process held as long as it lived.
    pub(super) fn lock_proves_dead(&self, process: &str) -> bool {
        crate::process::id(process).is_some_and(|id| self.lock.was_held_by(id))
    }
}
