//! Which run of the host is being recorded: a file that is locked as long as the recorder lives, so that a reader can tell a host
//! that is still writing from one that crashed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn path(records: &Path) -> PathBuf {
    records.join("running")
}

/// Says that `run` is being recorded, until the file is dropped. `None` where that can't be said: a crash and a running host are
/// then not told apart, and nothing else hangs on it.
pub(crate) fn announce(records: &Path, run: i64) -> Option<File> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path(records)).ok()?;
    if file.try_lock().is_err() {
        // Who looks holds it for a moment only.
        std::thread::sleep(Duration::from_millis(10));
        file.try_lock().ok()?;
    }
    file.set_len(0).ok()?;
    write!(file, "{run}").ok()?;
    Some(file)
}

/// The run that is being recorded now.
pub(crate) fn running(records: &Path) -> Option<i64> {
    let mut file = File::open(path(records)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text).ok()?;
            text.parse().ok()
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}
