//! Where an import lies until it is whole: beside the store and on its disk.
//!
//! ```text
//! <root>/.import-0/lock          held while the import lives
//! <root>/.import-0/raw-3/        days of its fourth symbol, with prices as the source wrote them
//! <root>/.import-0/out/          a store of what will take its place: specs, days, bars
//! <root>/.import-0/whole         says that nothing is missing in `out`
//! ```
//! Nothing of the store is touched before `whole` is there. From then on the import is done: what a dead process left to be moved
//! is moved by the next one.

use crate::columns::OwnedColumns;
use crate::date::Date;
use crate::store::{self, Day, StoreError, TickStore};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

const PREFIX: &str = ".import-";
const OUT: &str = "out";
const WHOLE: &str = "whole";
/// A table that was packed is unpacked to a file, since it is not read from front to back. This is its size at most, bytes.
const SPOOL_BYTES_MAX: u64 = 8 << 30;

/// A folder of an import. Removed when dropped; those of processes that died are seen to by the next import.
pub(super) struct Staging {
    folder: PathBuf,
    raws: usize,
    // Held so that the folder is seen to be in use.
    _lock: File,
}

/// Days of one symbol with prices as the source wrote them.
pub(super) struct Raw {
    folder: PathBuf,
    days: BTreeSet<Date>,
    /// Days of the file at hand, which may still turn out to be a bad one.
    of_file: Vec<(Date, PathBuf)>,
}

impl Staging {
    pub fn create(store: &TickStore) -> Result<Self, StoreError> {
        let root = store.root();
        // One at a time: a folder that was just made and isn't locked yet must not look abandoned.
        let gate_path = root.join(".import.lock");
        let gate = File::create(&gate_path).map_err(StoreError::io(&gate_path))?;
        gate.lock().map_err(StoreError::io(&gate_path))?;
        see_to_abandoned(store)?;
        let folder = (0..u32::MAX)
            .map(|number| root.join(format!("{PREFIX}{number}")))
            .find(|folder| !folder.exists())
            .expect("there are fewer imports at once than numbers");
        fs::create_dir(&folder).map_err(StoreError::io(&folder))?;
        let lock_path = folder.join("lock");
        let lock = File::create(&lock_path).map_err(StoreError::io(&lock_path))?;
        lock.lock().map_err(StoreError::io(&lock_path))?;
        Ok(Self { folder, raws: 0, _lock: lock })
    }

    /// A place for the days of one more symbol.
    pub fn raw(&mut self) -> Result<Raw, StoreError> {
        let folder = self.folder.join(format!("raw-{}", self.raws));
        fs::create_dir(&folder).map_err(StoreError::io(&folder))?;
        self.raws += 1;
        Ok(Raw { folder, days: BTreeSet::new(), of_file: Vec::new() })
    }

    /// What `from` gives, as a file that is gone when it is closed.
    pub fn spool(&self, from: impl Read) -> io::Result<File> {
        let path = self.folder.join("spool");
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path)?;
        fs::remove_file(&path)?;
        let bytes = io::copy(&mut from.take(SPOOL_BYTES_MAX + 1), &mut file)?;
        if bytes > SPOOL_BYTES_MAX {
            return Err(io::Error::other(format!("it unpacks to more than {} GiB; unpack it first", SPOOL_BYTES_MAX >> 30)));
        }
        file.rewind()?;
        Ok(file)
    }

    /// The store of what will take its place.
    pub fn out(&self) -> Result<TickStore, StoreError> {
        TickStore::create(self.folder.join(OUT))
    }

    /// Nothing is missing: everything takes its place in `store`.
    pub fn publish(self, store: &TickStore) -> Result<(), StoreError> {
        let whole = self.folder.join(WHOLE);
        files::write(&whole, files::Readers::AsUsual, b"").map_err(StoreError::io(&whole))?;
        move_all(&self.folder.join(OUT), store.root())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // One that is whole and could not be moved, as the disk failed, is moved by the next import.
        if !self.folder.join(WHOLE).exists() || is_moved(&self.folder.join(OUT)) {
            // What can't be removed now is removed by the next import.
            _ = fs::remove_dir_all(&self.folder);
        }
    }
}

impl Raw {
    /// Whether the file at hand had ticks of that day already.
    pub fn is_of_file(&self, date: Date) -> bool {
        self.of_file.iter().rev().any(|(known, _)| *known == date)
    }

    /// Takes in ticks of one day, of the file at hand. A day that the file comes back to has those of before and these.
    pub fn add(&mut self, date: Date, ticks: &OwnedColumns) -> Result<(), StoreError> {
        if let Some((_, file)) = self.of_file.iter().rev().find(|(known, _)| *known == date) {
            let before = Day::open_raw(date, file)?;
            let mut all = OwnedColumns::default();
            all.extend(before.columns(), before.flags());
            drop(before);
            all.extend(ticks.as_columns(), &ticks.flags);
            fs::remove_file(file).map_err(StoreError::io(file))?;
            return store::write_raw_day(file, &all.in_order_of_time());
        }
        let file = self.folder.join(format!("file-{}", self.of_file.len()));
        store::write_raw_day(&file, ticks)?;
        self.of_file.push((date, file));
        Ok(())
    }

    /// The file at hand was a good one: each of its days comes in place of what lies between its first and last tick.
    pub fn keep_file(&mut self) -> Result<(), StoreError> {
        for (date, of_file) in std::mem::take(&mut self.of_file) {
            let file = self.file(date);
            if self.days.insert(date) {
                fs::rename(&of_file, &file).map_err(StoreError::io(&file))?;
            } else {
                let (before, added) = (self.day(date)?, Day::open_raw(date, &of_file)?);
                let mut ticks = OwnedColumns::default();
                ticks.extend(added.columns(), added.flags());
                fs::remove_file(&of_file).map_err(StoreError::io(&of_file))?;
                fs::remove_file(&file).map_err(StoreError::io(&file))?;
                store::write_raw_day(&file, &splice(&before, ticks))?;
            }
        }
        Ok(())
    }

    /// It was a bad one: nothing of it stays.
    pub fn forget_file(&mut self) {
        for (_, file) in self.of_file.drain(..) {
            // Goes with the folder if it can't go now.
            _ = fs::remove_file(file);
        }
    }

    /// Ticks that a day would have with these.
    pub fn rows_with(&self, date: Date, ticks: &OwnedColumns) -> Result<usize, StoreError> {
        let (Some(first), Some(last)) = (ticks.times.first(), ticks.times.last()) else { return Ok(0) };
        if let Some((_, file)) = self.of_file.iter().rev().find(|(known, _)| *known == date) {
            return Ok(Day::open_raw(date, file)?.columns().len() + ticks.len());
        }
        if !self.days.contains(&date) {
            return Ok(ticks.len());
        }
        let day = self.day(date)?;
        let times = day.columns().times;
        let replaced = times.partition_point(|time| time <= last) - times.partition_point(|time| time < first);
        Ok(times.len() - replaced + ticks.len())
    }

    /// The days that wait.
    pub fn days(&self) -> impl ExactSizeIterator<Item = Date> + '_ {
        self.days.iter().copied()
    }

    /// One of them.
    pub fn day(&self, date: Date) -> Result<Day, StoreError> {
        Day::open_raw(date, &self.file(date))
    }

    /// One of them is needed no more.
    pub fn done(&self, date: Date) {
        // Goes with the folder if it can't go now.
        _ = fs::remove_file(self.file(date));
    }

    fn file(&self, date: Date) -> PathBuf {
        self.folder.join(format!("{date}.arrow"))
    }
}

/// Moves what dead imports left that was whole, and removes the rest.
fn see_to_abandoned(store: &TickStore) -> Result<(), StoreError> {
    let root = store.root();
    for entry in fs::read_dir(root).map_err(StoreError::io(root))? {
        let path = entry.map_err(StoreError::io(root))?.path();
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX)) && path.is_dir();
        let in_use = || File::open(path.join("lock")).is_ok_and(|lock| lock.try_lock().is_err());
        if !ours || in_use() {
            continue;
        }
        if path.join(WHOLE).exists() {
            let out = TickStore::create(path.join(OUT))?;
            // Whoever imports one of these symbols now must not find them moved under its feet: the next import moves them.
            let Ok(_locks) = out.symbols()?.iter().map(|symbol| store.lock(symbol)).collect::<Result<Vec<_>, _>>() else { continue };
            move_all(out.root(), root)?;
        }
        fs::remove_dir_all(&path).map_err(StoreError::io(&path))?;
    }
    Ok(())
}

/// Moves every symbol's files to the same place below `root`, its spec last: it is what makes a new symbol seen.
fn move_all(out: &Path, root: &Path) -> Result<(), StoreError> {
    for symbol in entries(out)? {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        below(&symbol, &mut files, &mut folders)?;
        files.sort_by_key(|file| (file.ends_with("spec.json"), file.clone()));
        let place = |path: &Path| root.join(path.strip_prefix(out).expect("it lies below"));
        for folder in &folders {
            let folder = place(folder);
            fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
        }
        for file in &files {
            let to = place(file);
            fs::rename(file, &to).map_err(StoreError::io(&to))?;
        }
        for folder in &folders {
            // Once for all files of it: that they have moved is on disk.
            let any = place(folder).join("any");
            files::sync_folder_of(&any).map_err(StoreError::io(&any))?;
        }
    }
    Ok(())
}

/// Whether nothing waits to be moved.
fn is_moved(out: &Path) -> bool {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    below(out, &mut files, &mut folders).is_ok() && files.is_empty()
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = fs::read_dir(folder).map_err(StoreError::io(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<io::Result<_>>().map_err(StoreError::io(folder))
}

/// All files and folders of `folder`, itself the first.
fn below(folder: &Path, files: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> Result<(), StoreError> {
    folders.push(folder.to_owned());
    for path in entries(folder)? {
        if path.is_dir() { below(&path, files, folders)? } else { files.push(path) }
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
