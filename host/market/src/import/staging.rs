//! Where days wait, beside the store and on its disk, until the whole source was read.

use crate::columns::OwnedColumns;
use crate::date::Date;
use crate::store::{self, Day, StoreError};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

const PREFIX: &str = ".import-";

/// A folder of days with prices as the source wrote them. Removed when dropped; those of processes that died are removed by
/// the next import.
pub(super) struct Staging {
    folder: PathBuf,
    days: BTreeSet<Date>,
    // Held so that the folder is seen to be in use.
    _lock: File,
}

impl Staging {
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        // One at a time: a folder that was just made and isn't locked yet must not look abandoned.
        let gate_path = root.join(".import.lock");
        let gate = File::create(&gate_path).map_err(StoreError::io(&gate_path))?;
        gate.lock().map_err(StoreError::io(&gate_path))?;
        remove_abandoned(root)?;
        let folder = (0..u32::MAX)
            .map(|number| root.join(format!("{PREFIX}{number}")))
            .find(|folder| !folder.exists())
            .expect("there are fewer imports at once than numbers");
        fs::create_dir(&folder).map_err(StoreError::io(&folder))?;
        let lock_path = folder.join("lock");
        let lock = File::create(&lock_path).map_err(StoreError::io(&lock_path))?;
        lock.lock().map_err(StoreError::io(&lock_path))?;
        Ok(Self { folder, days: BTreeSet::new(), _lock: lock })
    }

    /// Adds ticks of one day, in place of what lies between the first and last of them.
    pub fn add(&mut self, date: Date, ticks: OwnedColumns) -> Result<(), StoreError> {
        let file = self.file(date);
        let ticks = if self.days.insert(date) {
            ticks
        } else {
            let before = self.day(date)?;
            fs::remove_file(&file).map_err(StoreError::io(&file))?;
            splice(&before, ticks)
        };
        store::write_raw_day(&file, &ticks)
    }

    /// Ticks that a day would have with these.
    pub fn rows_with(&self, date: Date, ticks: &OwnedColumns) -> Result<usize, StoreError> {
        let (Some(first), Some(last)) = (ticks.times.first(), ticks.times.last()) else { return Ok(0) };
        if !self.days.contains(&date) {
            return Ok(ticks.len());
        }
        let day = self.day(date)?;
        let times = day.columns().times;
        let replaced = times.partition_point(|time| time <= last) - times.partition_point(|time| time < first);
        Ok(times.len() - replaced + ticks.len())
    }

    /// The days that wait.
    pub fn days(&self) -> impl Iterator<Item = Date> + '_ {
        self.days.iter().copied()
    }

    /// One of them.
    pub fn day(&self, date: Date) -> Result<Day, StoreError> {
        Day::open_raw(date, &self.file(date))
    }

    fn file(&self, date: Date) -> PathBuf {
        self.folder.join(format!("{date}.arrow"))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next import.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn remove_abandoned(root: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(root).map_err(StoreError::io(root))? {
        let path = entry.map_err(StoreError::io(root))?.path();
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX)) && path.is_dir();
        let in_use = || File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_err());
        if ours && !in_use() {
            fs::remove_dir_all(&path).map_err(StoreError::io(&path))?;
        }
    }
    Ok(())
}

/// `new`, with the ticks of `old` before its first and after its last.
pub(super) fn splice(old: &Day, new: OwnedColumns) -> OwnedColumns {
    let (Some(first), Some(last)) = (new.times.first().copied(), new.times.last().copied()) else { return new };
    let rows = old.columns();
    let before = rows.times.partition_point(|time| *time < first);
    let after = rows.times.partition_point(|time| *time <= last);
    let flags = |range: std::ops::Range<usize>| old.flags().get(range).unwrap_or_default();
    let mut joined = OwnedColumns::default();
    joined.extend(rows.slice(0..before), flags(0..before));
    joined.extend(new.as_columns(), &new.flags);
    joined.extend(rows.slice(after..rows.len()), flags(after..rows.len()));
    joined
}
