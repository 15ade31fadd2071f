//! The host's state file: the little that must not be forgotten whatever becomes of the database, in a file beside it.
//!
//! ```text
//! 5f3a09c1 {"life":{"epoch":7,"symbols":["EURUSD"],"kept":{...}}}      all that was known when this host began
//! 02b7e4d8 {"note":{"trading":["host","halted"]}}                      what came since, a line each, oldest first
//! 91c2d07e {"note":{"owed":[{"command":{...}},{"report":{...}}]}}
//! c4410a3b "stopped"                                                   a clean stop: nothing was sent that is not written down
//! ```
//! Before each line stands the CRC-32 of the rest of it. The file is as long as [`ROOM`] from the beginning, so that notes find their
//! place on a disk that is full. It is read to the first byte that was never written; a last line that a crash cut off is not there.
//! Lines only ever follow; what is outdated goes when a host begins, and when all was paid and the file has grown.
//!
//! There is one file for each database, named by what the database calls itself: a host that is pointed at another database finds
//! none of this one's notes, and finds them again when it comes back. Hosts with other data folders may share the database, each with a
//! file of its own. Every file has a name, and the database says which one its last host wrote ([`Whose`]): whoever starts from
//! another folder reads that file as well.

use crate::{Result, StoreError};
use domain::journal::Line;
use domain::keeper::{Given, Keeper, Kept, NotKept, Note};
use domain::symbol::SymbolTable;
use files::Readers;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that a file takes from the beginning: room for some eight thousand owed lines, of which a host whose disk is full sends one
/// for each position and working order that it gets out of.
const ROOM: u64 = 4 << 20;
/// From this length on a file in which nothing is owed is written anew.
const TIDY_FROM: u64 = 1 << 20;
/// Longest file that is read: far beyond all that a host may owe.
const BYTES_MAX: u64 = 512 << 20;

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Entry {
    Life(Life),
    Note(Note),
    Stopped,
}

/// What a host began with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Life {
    /// The file's name, which stays; empty before the file has one.
    #[serde(default)]
    name: String,
    /// Its epoch; 0 before it has one.
    epoch: i64,
    /// The names of its symbols, in the order of their numbers.
    symbols: Vec<String>,
    kept: Kept,
}

/// What the host before left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The host before, or an earlier one, has written this file.
    pub found: bool,
    /// Its epoch; 0 when there was none.
    pub epoch: i64,
    /// It stopped cleanly: nothing was sent that is written down nowhere.
    pub stopped: bool,
    /// Lines that can't be read and are no torn end: what they said is lost.
    pub damaged: usize,
    /// What it kept. The symbols in owed lines have this host's numbers.
    pub kept: Kept,
}

/// Which state file the last host of a database wrote, as the database says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whose {
    /// The file's name, which no other file has.
    pub name: String,
    /// Where it lies, on the machine of that host.
    pub path: PathBuf,
}

/// The file of a running host. What can't be written is kept in memory, and each [`sync`](Keeper::sync) tries again.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    life: Life,
    stopped: bool,
    file: Option<Arc<File>>,
    /// Where the next line goes.
    end: u64,
    /// Why the file is not what it should be; then it is written anew.
    broken: Option<NotKept>,
}

impl StateFile {
    /// Reads what the host before left in `folder` for the database that calls itself `database`.
    ///
    /// # Errors
    /// The file can't be read, or owed lines name a symbol that `symbols` lacks.
    pub fn open(folder: &Path, database: &str, symbols: &SymbolTable) -> Result<(Self, Left)> {
        let path = folder.join(format!("host-{database}.state"));
        let (mut life, left) = load(&path, symbols)?;
        life.symbols = symbols.iter().map(|(_, spec)| spec.name.clone()).collect();
        if life.name.is_empty() {
            life.name = fresh_name();
        }
        let inner = Inner { life, stopped: false, file: None, end: 0, broken: None };
        Ok((Self { path, inner: Mutex::new(inner) }, left))
    }

    /// What the file of another folder's host holds; `None` when there is no such file here, or the one there has another name.
    ///
    /// # Errors
    /// As with [`open`](Self::open).
    pub fn left_by(whose: &Whose, symbols: &SymbolTable) -> Result<Option<Left>> {
        let (life, left) = load(&whose.path, symbols)?;
        Ok((life.name == whose.name).then_some(left))
    }

    /// Which file this is.
    pub fn whose(&self) -> Whose {
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        Whose { name: self.lock().life.name.clone(), path }
    }

    /// Takes over what another folder's host kept: of trading states the stricter, of numbers the higher, and what it owes after what
    /// this file's host owes. On disk after [`begin`](Self::begin).
    pub fn inherit(&self, other: Kept) {
        self.lock().life.kept.inherit(other);
    }

    /// A host begins, with this epoch and numbers up to these. From here on the file says that it has not stopped. Returns when that is on
    /// disk.
    ///
    /// # Errors
    /// The disk refuses: a host that can't keep anything does not begin.
    pub fn begin(&self, epoch: i64, given: Given) -> Result<()> {
        let mut inner = self.lock();
        (inner.life.epoch, inner.stopped) = (epoch, false);
        inner.life.kept.take(Note::Given(given));
        self.rewrite(&mut inner).map_err(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull,
            _ => StoreError::Disk(format!("{} can't be written: {error}", self.path.display())),
        })
    }

    /// The host has stopped, and all that it sent is written down. Returns when that is on disk.
    ///
    /// # Errors
    /// It is not; a host that starts then takes this one for one that crashed.
    pub fn stop(&self) -> Result<(), NotKept> {
        let mut inner = self.lock();
        inner.stopped = true;
        // Where that fails the file is written anew.
        _ = self.append(&mut inner, &Entry::Stopped);
        drop(inner);
        self.sync()
    }

    /// What was owed can't be written to this database.
    pub fn forget_owed(&self) {
        self.lock().life.kept.take(Note::Paid);
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_kept(&self, error: &io::Error) -> NotKept {
        NotKept(format!("{} can't be written: {error}", self.path.display()))
    }

    /// Writes a line behind the others, without waiting for the disk.
    fn append(&self, inner: &mut Inner, entry: &Entry) -> Result<(), NotKept> {
        if let Some(why) = &inner.broken {
            return Err(why.clone());
        }
        let line = line(entry);
        let file = inner.file.as_ref().ok_or_else(|| NotKept("no host has begun".into()))?;
        match file.write_all_at(&line, inner.end) {
            Ok(()) => {
                inner.end += line.len() as u64;
                Ok(())
            }
            // What was written of it is no whole line, and the next one goes over it.
            Err(error) => Err(inner.broken.insert(self.not_kept(&error)).clone()),
        }
    }

    /// Writes the file anew, on disk when this returns.
    fn rewrite(&self, inner: &mut Inner) -> io::Result<()> {
        if let Some(file) = &inner.file
            && !is_same(file, &self.path)?
        {
            return Err(io::Error::other("another host has begun there"));
        }
        let mut bytes = line(&Entry::Life(inner.life.clone()));
        if inner.stopped {
            bytes.extend(line(&Entry::Stopped));
        }
        files::replace(&self.path, Readers::Owner, |file| {
            file.write_all(&bytes)?;
            make_room(file)
        })?;
        inner.file = Some(Arc::new(OpenOptions::new().write(true).open(&self.path)?));
        inner.end = bytes.len() as u64;
        inner.broken = None;
        Ok(())
    }

    /// Mends what could not be written: anew, or, on a disk without room for another file, behind what is there.
    fn mend(&self, inner: &mut Inner) -> Result<(), NotKept> {
        let Err(error) = self.rewrite(inner) else { return Ok(()) };
        let whole = [Some(Entry::Life(inner.life.clone())), inner.stopped.then_some(Entry::Stopped)];
        let bytes: Vec<u8> = whole.iter().flatten().flat_map(line).collect();
        let behind = match &inner.file {
            Some(file) => file.write_all_at(&bytes, inner.end).and_then(|()| file.sync_all()),
            None => Err(error),
        };
        match behind {
            Ok(()) => {
                inner.end += bytes.len() as u64;
                inner.broken = None;
                Ok(())
            }
            Err(error) => Err(inner.broken.insert(self.not_kept(&error)).clone()),
        }
    }
}

impl Keeper for StateFile {
    fn note(&self, note: Note) -> Result<(), NotKept> {
        let mut inner = self.lock();
        let entry = Entry::Note(note.clone());
        inner.life.kept.take(note);
        self.append(&mut inner, &entry)
    }

    fn sync(&self) -> Result<(), NotKept> {
        let mut inner = self.lock();
        if inner.broken.is_some() {
            return self.mend(&mut inner);
        }
        if inner.end > TIDY_FROM && inner.life.kept.owed.is_empty() && self.rewrite(&mut inner).is_ok() {
            return Ok(());
        }
        let file = inner.file.clone().ok_or_else(|| NotKept("no host has begun".into()))?;
        // Others note meanwhile.
        drop(inner);
        file.sync_data().map_err(|error| {
            // What of the file is on disk after that nobody knows: it is written anew.
            self.lock().broken.insert(self.not_kept(&error)).clone()
        })
    }

    fn kept(&self) -> Kept {
        self.lock().life.kept.clone()
    }
}

/// What the file at this path holds, with owed lines in the numbers of `symbols`.
fn load(path: &Path, symbols: &SymbolTable) -> Result<(Life, Left)> {
    let unreadable = |error: io::Error| StoreError::Disk(format!("{} can't be read: {error}", path.display()));
    let (bytes, found) = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => (Vec::new(), false),
        Err(error) => return Err(unreadable(error)),
        Ok(metadata) if metadata.len() > BYTES_MAX => {
            return Err(StoreError::Disk(format!("{} is longer than any host writes it; move it away", path.display())));
        }
        Ok(_) => (std::fs::read(path).map_err(unreadable)?, true),
    };
    let (mut life, stopped, damaged) = read(&bytes);
    renumber(&mut life, symbols, path)?;
    let left = Left { found, epoch: life.epoch, stopped: stopped && damaged == 0, damaged, kept: life.kept.clone() };
    Ok((life, left))
}

/// A name that no other file has: no other process has this one's, and it makes few.
fn fresh_name() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    format!("{} {}", crate::process::own(), MADE.fetch_add(1, Ordering::Relaxed))
}

/// Whether the open file is the one at this path, or no file is there.
fn is_same(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let own = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Takes the room that notes will need, so that a disk that fills up leaves it to them.
fn make_room(file: &mut File) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    match fallocate(&*file, FallocateFlags::empty(), 0, ROOM) {
        // A file system that can't do this keeps notes as long as it has room.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL) => Ok(()),
        taken => Ok(taken?),
    }
}

fn line(entry: &Entry) -> Vec<u8> {
    let text = serde_json::to_string(entry).expect("its maps have text keys");
    format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes())).into_bytes()
}

/// What lines come to, whether the last of them says that the host stopped, and how many can't be read.
fn read(bytes: &[u8]) -> (Life, bool, usize) {
    let (mut life, mut stopped, mut damaged, mut doubtful) = (Life::default(), false, 0, 0);
    let written = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    for text in bytes[..written].split(|&byte| byte == b'\n').filter(|text| !text.is_empty()) {
        // What can't be read at the end was cut off; before another line it was damaged.
        let Some(entry) = entry(text) else {
            doubtful += 1;
            continue;
        };
        damaged += std::mem::take(&mut doubtful);
        stopped = matches!(entry, Entry::Stopped);
        match entry {
            Entry::Life(began) => life = began,
            Entry::Note(note) => life.kept.take(note),
            Entry::Stopped => {}
        }
    }
    (life, stopped && doubtful == 0, damaged)
}

fn entry(text: &[u8]) -> Option<Entry> {
    let (sum, text) = (text.get(..8)?, text.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    if sum == crc32fast::hash(text) { serde_json::from_slice(text).ok() } else { None }
}

/// Gives the symbols in owed lines the numbers that they have in `symbols`.
fn renumber(life: &mut Life, symbols: &SymbolTable, path: &Path) -> Result<()> {
    let Life { symbols: names, kept, .. } = life;
    for symbol in kept.owed.iter_mut().filter_map(Line::symbol_mut) {
        let name = names.get(usize::from(symbol.0)).map_or("without a name", String::as_str);
        *symbol = symbols.find(name).ok_or_else(|| StoreError::Symbol {
            name: name.to_owned(),
            why: format!(
                "an order in {} that is owed to the journal refers to it, but this host's table of symbols lacks it; add it to the configuration",
                path.display()
            ),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
