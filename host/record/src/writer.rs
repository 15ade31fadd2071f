//! Writing: one file for each engine, one for each symbol, all within their bounds.

use crate::chain::{Frame, Hash, frame, header, read};
use crate::error::RecordError;
use crate::inventory::{Inventory, begun};
use crate::running::announce;
use crate::ticks::{TickFile, run_folder, ticks_folder};
use domain::ids::{Digest, EngineId};
use domain::symbol::SymbolTable;
use domain::tape::Entry;
use domain::tick::Tick;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// How much is kept. The oldest files go when there is more; a life that fills its engine's share by itself ends in a gap. What can't
/// be done again without them goes after them: engines whose runs have no ticks left, and components that no life names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Of each engine, bytes.
    pub engine_bytes_max: u64,
    /// Of all ticks together, bytes; 48 a tick.
    pub tick_bytes_max: u64,
}

impl Default for Retention {
    /// 16 MiB an engine hold months of one that trades once a minute; 4 GiB of ticks hold 90 million.
    fn default() -> Self {
        Self { engine_bytes_max: 16 << 20, tick_bytes_max: 4 << 30 }
    }
}

/// Keeps the record of a host's run.
pub struct Recorder {
    folder: PathBuf,
    run: i64,
    table: SymbolTable,
    retention: Retention,
    engines: HashMap<EngineId, Chain>,
    holes: HashMap<EngineId, Hole>,
    symbols: HashMap<u16, TickFile>,
    inventory: Inventory,
    lost: Lost,
    /// Locked as long as this one writes.
    _running: Option<File>,
}

/// What could not be written since the recorder began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Holes in engines' records: each reaches up to the engine's next life.
    pub holes: u64,
    /// Ticks.
    pub ticks: u64,
}

/// Something of an engine's life is not in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    /// Nor is that it is missing.
    Untold,
    /// Which the record says.
    Told,
}

/// Length of a file that nothing may be appended to.
const ALTERED: u64 = u64::MAX;

/// The file that an engine's entries go to.
struct Chain {
    folder: PathBuf,
    number: u64,
    /// Of the file.
    bytes: u64,
    hash: Hash,
    /// Whether a write has failed that may have left some of a frame after those bytes.
    is_torn: bool,
}

impl Recorder {
    /// Keeps what happens from now on in `folder`; `run` names this run of the host, as microseconds since 1970 UTC.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn new(folder: &Path, run: i64, table: SymbolTable, retention: Retention) -> Result<Self, RecordError> {
        for folder in [run_folder(folder, run), components(folder)] {
            fs::create_dir_all(&folder).map_err(RecordError::io("make", &folder))?;
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            run,
            table,
            retention,
            engines: HashMap::new(),
            holes: HashMap::new(),
            symbols: HashMap::new(),
            inventory: Inventory::new(folder, run)?,
            lost: Lost::default(),
            _running: announce(folder, run),
        })
    }

    /// What could not be written so far.
    pub fn lost(&self) -> Lost {
        self.lost
    }

    /// Whether the component with this digest is kept already; if not, [`keep_component`](Self::keep_component) it, or what ran
    /// can't be replayed once it has been removed elsewhere. To be asked right before the [`entries`](Self::entries) with the life's
    /// beginning: what no life names may go with the next others.
    pub fn has_component(&self, digest: &Digest) -> bool {
        component_file(&self.folder, digest).is_file()
    }

    /// Keeps a component whose life begins next.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep_component(&mut self, digest: &Digest, bytes: &[u8]) -> Result<(), RecordError> {
        self.inventory.await_life(*digest);
        put(&component_file(&self.folder, digest), bytes)
    }

    /// Whether an engine's name is kept already; if not, [`name_engine`](Self::name_engine).
    pub fn has_name(&self, engine: EngineId) -> bool {
        name_file(&engine_folder(&self.folder, engine)).is_file()
    }

    /// Keeps an engine's name, by which its record can be asked for.
    ///
    /// # Errors
    /// It can't be written.
    pub fn name_engine(&mut self, engine: EngineId, name: &str) -> Result<(), RecordError> {
        let folder = engine_folder(&self.folder, engine);
        fs::create_dir_all(&folder).map_err(RecordError::io("make", &folder))?;
        put(&name_file(&folder), name.as_bytes())
    }

    /// Appends what an engine and its guest said to each other. A life that has filled its engine's share ends in a gap.
    ///
    /// # Errors
    /// It can't be written. What follows is told as a gap then, up to the next beginning, so that the record never claims to be whole.
    /// Or what is not needed any more can't be removed.
    pub fn entries(&mut self, engine: EngineId, entries: Vec<Entry>) -> Result<(), RecordError> {
        let written = self.write(engine, entries);
        // Also when that failed: the disk may be full.
        let tended = self.inventory.tend();
        written.and(tended)
    }

    fn write(&mut self, engine: EngineId, mut entries: Vec<Entry>) -> Result<(), RecordError> {
        let beginning = entries.iter().position(|entry| matches!(entry, Entry::Begin(_)));
        // A life begins with a frame of its own, so that a file can begin with it.
        let next_life = beginning.map(|at| entries.split_off(at));
        self.go_on(engine, entries)?;
        next_life.map_or(Ok(()), |life| self.append(engine, life, true))
    }

    /// Goes on with a life, as far as it can be done again: after a hole it can't.
    fn go_on(&mut self, engine: EngineId, entries: Vec<Entry>) -> Result<(), RecordError> {
        let is_full = |chain: &Chain| chain.bytes != ALTERED && chain.bytes > self.retention.engine_bytes_max;
        let is_full = !entries.is_empty() && self.engines.get(&engine).is_some_and(is_full);
        if is_full && !self.holes.contains_key(&engine) {
            self.leave_hole(engine);
        }
        match self.holes.get(&engine) {
            None if entries.is_empty() => Ok(()),
            None => self.append(engine, entries, false),
            Some(Hole::Told) => Ok(()),
            Some(Hole::Untold) => {
                self.append(engine, vec![Entry::Gap], false)?;
                self.holes.insert(engine, Hole::Told);
                Ok(())
            }
        }
    }

    fn leave_hole(&mut self, engine: EngineId) {
        if self.holes.insert(engine, Hole::Untold).is_none() {
            self.lost.holes += 1;
        }
    }

    /// Appends a frame, or leaves a hole.
    fn append(&mut self, engine: EngineId, entries: Vec<Entry>, begins: bool) -> Result<(), RecordError> {
        let rolled = self.try_append(engine, entries, begins).inspect_err(|_| self.leave_hole(engine))?;
        if begins {
            self.holes.remove(&engine);
        }
        if rolled {
            let files = engine_files(&engine_folder(&self.folder, engine))?;
            let newest = files.last().cloned();
            let removed = trim(files, self.retention.engine_bytes_max, |path| Some(path) == newest.as_ref())?;
            self.inventory.removed(&removed);
        }
        Ok(())
    }

    /// Appends a frame; says whether a new file was begun for it.
    fn try_append(&mut self, engine: EngineId, entries: Vec<Entry>, begins: bool) -> Result<bool, RecordError> {
        let chain = match self.engines.entry(engine) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(Chain::open(engine_folder(&self.folder, engine))?),
        };
        // A file begins with a guest's beginning, so that those before it can go.
        let rolls = chain.number == 0 || chain.bytes == ALTERED || (begins && chain.bytes > self.retention.engine_bytes_max / 8);
        if rolls {
            chain.roll()?;
        }
        let versions: Vec<Digest> = begun(&entries).collect();
        chain.append(&Frame { run: self.run, entries })?;
        self.inventory.wrote(&chain.path(chain.number), &versions);
        Ok(rolls)
    }

    /// Appends ticks; to be called before the [`entries`](Self::entries) that name them.
    ///
    /// # Errors
    /// Those of a symbol can't be written: they are missing from now on, those of the others are not.
    pub fn ticks(&mut self, ticks: &[Tick]) -> Result<(), RecordError> {
        let mut left: Vec<&Tick> = ticks.iter().collect();
        let (mut began, mut failed) = (false, None);
        while let Some(symbol) = left.first().map(|tick| tick.symbol) {
            let folder = run_folder(&self.folder, self.run);
            let file = self.symbols.entry(symbol.0).or_insert_with(|| TickFile::new(&folder, &self.table.spec(symbol).name));
            let before = left.len();
            let written = file.write(left.iter().copied().filter(|tick| tick.symbol == symbol));
            left.retain(|tick| tick.symbol != symbol);
            match written {
                Ok(is_new) => began |= is_new,
                Err(error) => {
                    self.lost.ticks += (before - left.len()) as u64;
                    failed.get_or_insert(error);
                }
            }
        }
        if began {
            let open: Vec<PathBuf> = self.symbols.values().map(TickFile::path).collect();
            let removed = trim_runs(&ticks_folder(&self.folder), self.retention.tick_bytes_max, &open)?;
            self.inventory.removed(&removed);
        }
        failed.map_or(Ok(()), Err)
    }
}

impl Chain {
    /// Goes on after the last whole frame that is there.
    fn open(folder: PathBuf) -> Result<Self, RecordError> {
        fs::create_dir_all(&folder).map_err(RecordError::io("make", &folder))?;
        let mut chain = Self { folder, number: 0, bytes: 0, hash: [0; 32], is_torn: false };
        let mut files = engine_files(&chain.folder)?;
        while let Some(last) = files.pop() {
            match read(&last) {
                Ok(read) if read.before.is_none() => {
                    fs::remove_file(&last).map_err(RecordError::io("remove", &last))?;
                    continue;
                }
                Ok(read) => (chain.bytes, chain.hash, chain.is_torn) = (read.whole, read.after, read.torn > 0),
                // Left as it is, for whoever wants to know what happened to it; the next file says that it follows on nothing.
                Err(RecordError::Altered { .. } | RecordError::Format(_)) => chain.bytes = ALTERED,
                Err(error) => return Err(error),
            }
            chain.number = number_of(&last).expect("it was listed by its number");
            break;
        }
        chain.cut()?;
        Ok(chain)
    }

    /// Cuts off what a crash or a full disk has left of a frame.
    fn cut(&mut self) -> Result<(), RecordError> {
        if self.is_torn {
            let path = self.path(self.number);
            let file = OpenOptions::new().write(true).open(&path).map_err(RecordError::io("open", &path))?;
            file.set_len(self.bytes).map_err(RecordError::io("shorten", &path))?;
            self.is_torn = false;
        }
        Ok(())
    }

    fn roll(&mut self) -> Result<(), RecordError> {
        // The file before may end in the middle of a frame only as long as it is the last.
        self.cut()?;
        let path = self.path(self.number + 1);
        let bytes = header(&self.hash);
        put(&path, &bytes)?;
        self.number += 1;
        (self.bytes, self.is_torn) = (bytes.len() as u64, false);
        Ok(())
    }

    fn append(&mut self, entries: &Frame) -> Result<(), RecordError> {
        self.cut()?;
        let (bytes, hash) = frame(&self.hash, entries);
        let path = self.path(self.number);
        let mut file = OpenOptions::new().append(true).open(&path).map_err(RecordError::io("open", &path))?;
        self.is_torn = true;
        file.write_all(&bytes).map_err(RecordError::io("write", &path))?;
        self.is_torn = false;
        self.hash = hash;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:010}.rec"))
    }
}

/// Writes a file that has its name only when all of it is on the disk.
fn put(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let part = path.with_extension("part");
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(RecordError::io("write", &part))?;
    fs::rename(&part, path).map_err(RecordError::io("name", path))?;
    // The name lies in the folder.
    let folder = path.parent().expect("a file lies in a folder");
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(RecordError::io("sync", folder))
}

/// Where an engine's files are.
pub(crate) fn engine_folder(records: &Path, engine: EngineId) -> PathBuf {
    records.join(format!("engine-{engine}"))
}

/// The folders of all engines.
pub(crate) fn engine_folders(records: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let is_engine = |path: &PathBuf| {
        let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix("engine-"));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    Ok(folders(records)?.into_iter().filter(is_engine).collect())
}

/// Where an engine's name is kept.
pub(crate) fn name_file(folder: &Path) -> PathBuf {
    folder.join("name")
}

/// Where components are kept.
pub(crate) fn components(records: &Path) -> PathBuf {
    records.join("components")
}

/// Where a component is kept.
pub(crate) fn component_file(records: &Path, digest: &Digest) -> PathBuf {
    components(records).join(format!("{digest}.wasm"))
}

/// A file's number, `0000000007.rec`; none where it is another kind of file, such as somebody's copy.
pub(crate) fn number_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".rec")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// An engine's files, the oldest first.
pub(crate) fn engine_files(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let mut files = files(folder)?;
    files.retain(|path| number_of(path).is_some());
    Ok(files)
}

/// The files of a folder by name; none when there is no such folder.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let mut files = list(folder)?;
    files.retain(|path| path.is_file());
    Ok(files)
}

/// The folders in a folder by name; none when there is no such folder.
pub(crate) fn folders(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let mut folders = list(folder)?;
    folders.retain(|path| path.is_dir());
    Ok(folders)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(RecordError::io("list", folder))?,
    };
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(RecordError::io("list", folder))?;
    paths.sort();
    Ok(paths)
}

/// Removes the oldest of `files` until the rest has at most `max` bytes, but none that `is_open` to be written; says which.
fn trim(files: Vec<PathBuf>, max: u64, is_open: impl Fn(&PathBuf) -> bool) -> Result<Vec<PathBuf>, RecordError> {
    let sized: Vec<(PathBuf, u64)> = files
        .into_iter()
        .map(|path| {
            let bytes = fs::metadata(&path).map_err(RecordError::io("look at", &path))?.len();
            Ok((path, bytes))
        })
        .collect::<Result<_, RecordError>>()?;
    let mut total: u64 = sized.iter().map(|(_, bytes)| bytes).sum();
    let mut removed = Vec::new();
    for (path, bytes) in sized.into_iter().filter(|(path, _)| !is_open(path)) {
        if total <= max {
            break;
        }
        fs::remove_file(&path).map_err(RecordError::io("remove", &path))?;
        total -= bytes;
        removed.push(path);
    }
    Ok(removed)
}

/// The same over all runs: their folders sort by time.
fn trim_runs(ticks: &Path, max: u64, open: &[PathBuf]) -> Result<Vec<PathBuf>, RecordError> {
    let runs = folders(ticks)?;
    let mut all = Vec::new();
    for run in &runs {
        all.extend(files(run)?);
    }
    let removed = trim(all, max, |path| open.contains(path))?;
    // Only empty folders can be removed this way, which is what is wanted.
    runs.iter().take(runs.len().saturating_sub(1)).for_each(|run| drop(fs::remove_dir(run)));
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Record;
    use crate::ticks::TickTape;
    use domain::limits::GuestLimits;
    use domain::symbol::{SymbolId, common};
    use domain::tape::{Asked, Beginning};
    use domain::time::Time;

    const ENGINE: EngineId = EngineId(7);

    fn begin() -> Entry {
        let (version, limits) = (Digest([0; 32]), GuestLimits::default());
        Entry::Begin(Box::new(Beginning { engine: ENGINE, version, table: Vec::new(), symbols: Vec::new(), seed: 1, limits }))
    }

    /// A run of the host that writes one life, with `asked` in a frame of its own.
    fn lived(folder: &Path, run: i64, asked: u64) {
        let mut recorder = Recorder::new(folder, run, SymbolTable::default(), Retention::default()).unwrap();
        recorder.entries(ENGINE, vec![begin()]).unwrap();
        recorder.entries(ENGINE, vec![Entry::Asked(Asked::Random(asked))]).unwrap();
    }

    fn newest(folder: &Path) -> PathBuf {
        engine_files(&engine_folder(folder, ENGINE)).unwrap().pop().unwrap()
    }

    /// What was asked in each life, and how many bytes are of a frame cut short.
    fn kept(folder: &Path) -> (Vec<Vec<Entry>>, u64) {
        let record = Record::open(folder, ENGINE).unwrap();
        (record.lives.into_iter().map(|life| life.entries).collect(), record.torn)
    }

    fn asked(value: u64) -> Vec<Entry> {
        vec![Entry::Asked(Asked::Random(value))]
    }

    #[test]
    fn after_a_crash_in_the_middle_of_a_frame_the_record_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        lived(folder.path(), 1, 10);
        let file = newest(folder.path());
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        let (lives, torn) = kept(folder.path());
        assert_eq!((lives, torn > 30), (vec![Vec::new()], true));
        lived(folder.path(), 2, 20);
        assert_eq!(kept(folder.path()), (vec![Vec::new(), asked(20)], 0));
    }

    #[test]
    fn after_a_crash_at_the_beginning_of_a_file_the_record_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        lived(folder.path(), 1, 10);
        let file = newest(folder.path());
        fs::write(file.with_file_name("0000000002.part"), b"STK").unwrap();
        lived(folder.path(), 2, 20);
        assert_eq!(kept(folder.path()), (vec![asked(10), asked(20)], 0));
    }

    #[test]
    fn what_was_altered_is_left_as_it_is_and_nothing_claims_to_follow_on_it() {
        let folder = tempfile::tempdir().unwrap();
        lived(folder.path(), 1, 10);
        let file = newest(folder.path());
        let mut bytes = fs::read(&file).unwrap();
        // The second byte of the first frame's length: it would reach past the file's end.
        bytes[41] ^= 1 << 7;
        fs::write(&file, &bytes).unwrap();
        lived(folder.path(), 2, 20);
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert!(matches!(Record::open(folder.path(), ENGINE), Err(RecordError::Altered { path, at: 40, .. }) if path == file));
    }

    #[test]
    fn a_frame_that_was_lost_is_a_gap_up_to_the_next_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), 1, SymbolTable::default(), Retention::default()).unwrap();
        recorder.entries(ENGINE, vec![begin()]).unwrap();
        let (file, away) = (newest(folder.path()), folder.path().join("away"));
        fs::rename(&file, &away).unwrap();
        recorder.entries(ENGINE, asked(1)).unwrap_err();
        fs::rename(&away, &file).unwrap();
        (2..4).for_each(|value| recorder.entries(ENGINE, asked(value)).unwrap());
        recorder.entries(ENGINE, vec![begin()]).unwrap();
        recorder.entries(ENGINE, asked(4)).unwrap();
        assert_eq!(kept(folder.path()).0, [vec![Entry::Gap], asked(4)]);
    }

    #[test]
    fn a_beginning_that_was_lost_leaves_its_life_to_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = Recorder::new(folder.path(), 1, SymbolTable::default(), Retention::default()).unwrap();
        recorder.entries(ENGINE, vec![begin()]).unwrap();
        recorder.entries(ENGINE, asked(1)).unwrap();
        let (file, away) = (newest(folder.path()), folder.path().join("away"));
        fs::rename(&file, &away).unwrap();
        recorder.entries(ENGINE, vec![begin()]).unwrap_err();
        fs::rename(&away, &file).unwrap();
        recorder.entries(ENGINE, asked(2)).unwrap();
        recorder.entries(ENGINE, vec![begin(), asked(3).remove(0)]).unwrap();
        assert_eq!(kept(folder.path()).0, [[asked(1), vec![Entry::Gap]].concat(), asked(3)]);
    }

    #[test]
    fn a_life_that_has_filled_its_share_ends_in_a_gap_and_the_next_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention { engine_bytes_max: 4_096, ..Retention::default() };
        let mut recorder = Recorder::new(folder.path(), 1, SymbolTable::default(), retention).unwrap();
        recorder.entries(ENGINE, vec![begin()]).unwrap();
        (0..1_000).for_each(|value| recorder.entries(ENGINE, asked(value)).unwrap());
        assert!(fs::metadata(newest(folder.path())).unwrap().len() < 4_096 + 200);
        let (lives, _) = kept(folder.path());
        assert!(lives[0].len() > 50 && lives[0].ends_with(&[Entry::Gap]), "{lives:?}");
        recorder.entries(ENGINE, vec![begin()]).unwrap();
        recorder.entries(ENGINE, asked(7)).unwrap();
        assert_eq!(kept(folder.path()).0, [asked(7)]);
    }

    #[test]
    fn a_life_after_a_hole_in_a_full_file_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let retention = Retention { engine_bytes_max: 2_048, ..Retention::default() };
        let mut recorder = Recorder::new(folder.path(), 1, SymbolTable::default(), retention).unwrap();
        recorder.entries(ENGINE, vec![begin()]).unwrap();
        (0..20).for_each(|value| recorder.entries(ENGINE, asked(value)).unwrap());
        let (file, away) = (newest(folder.path()), folder.path().join("away"));
        fs::rename(&file, &away).unwrap();
        recorder.entries(ENGINE, asked(20)).unwrap_err();
        fs::rename(&away, &file).unwrap();
        recorder.entries(ENGINE, vec![begin(), asked(21).remove(0)]).unwrap();
        assert_ne!(newest(folder.path()), file);
        (22..30).for_each(|value| recorder.entries(ENGINE, asked(value)).unwrap());
        let (lives, _) = kept(folder.path());
        assert_eq!(lives.last().unwrap(), &(21..30).flat_map(asked).collect::<Vec<_>>());
    }

    #[test]
    fn copies_beside_the_record_are_none_of_it() {
        let folder = tempfile::tempdir().unwrap();
        lived(folder.path(), 1, 10);
        let file = newest(folder.path());
        for copy in ["0000000001.rec.bak", "0000000009.rec~", "notes.rec"] {
            fs::copy(&file, file.with_file_name(copy)).unwrap();
        }
        lived(folder.path(), 2, 20);
        assert_eq!(kept(folder.path()), (vec![asked(10), asked(20)], 0));
    }
    #[test]
    fn ticks_that_are_being_written_stay_when_the_record_is_full() {
        let folder = tempfile::tempdir().unwrap();
        let table = SymbolTable::new(vec![common::forex("AUD", "USD"), common::forex("EUR", "USD")]).unwrap();
        let retention = Retention { tick_bytes_max: 0, ..Retention::default() };
        let mut recorder = Recorder::new(folder.path(), 1, table, retention).unwrap();
        let tick = |symbol, sequence| Tick {
            symbol: SymbolId(symbol),
            sequence,
            time: Time(0),
            bid: 1.3,
            ask: 1.3,
            last: 0.0,
            volume: 0.0,
            flags: 0,
        };
        recorder.ticks(&[tick(0, 1), tick(1, 1)]).unwrap();
        recorder.ticks(&[tick(0, 2), tick(1, 2)]).unwrap();
        for symbol in ["AUDUSD", "EURUSD"] {
            TickTape::open(folder.path(), 1, symbol).unwrap().range(SymbolId(0), 1, 2, |_| true).unwrap();
        }
    }
}
