//! What the kept files name: so that what none of them does can go, components and engines of which nothing can be done again.

use crate::chain::read;
use crate::error::RecordError;
use crate::ticks::ticks_folder;
use crate::writer::{components, engine_files, engine_folders, files, folders, name_file};
use domain::ids::Digest;
use domain::tape::Entry;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Of the files of all engines. Those that were there before are read one at a time while the host runs, since all together may be
/// much; until then nothing goes.
pub(crate) struct Inventory {
    records: PathBuf,
    /// The run of the host that is recorded.
    run: i64,
    unread: Vec<PathBuf>,
    /// What each names; `None` where that can't be read, and so is not known.
    files: HashMap<PathBuf, Option<Named>>,
    /// Components that are kept for lives of which the beginning is not written yet.
    awaited: HashSet<Digest>,
    /// Whether something may have become unneeded.
    is_due: bool,
}

/// What a file names.
struct Named {
    /// Components that live in it.
    versions: HashSet<Digest>,
    /// The newest run of the host that wrote to it.
    run: i64,
}

impl Inventory {
    pub(crate) fn new(records: &Path, run: i64) -> Result<Self, RecordError> {
        let mut unread = Vec::new();
        for folder in engine_folders(records)? {
            unread.extend(engine_files(&folder)?);
        }
        Ok(Self { records: records.to_path_buf(), run, unread, files: HashMap::new(), awaited: HashSet::new(), is_due: true })
    }

    /// A component is kept whose life begins next.
    pub(crate) fn await_life(&mut self, version: Digest) {
        self.awaited.insert(version);
    }

    /// Entries were appended to a file.
    pub(crate) fn wrote(&mut self, path: &Path, versions: &[Digest]) {
        for version in versions {
            self.awaited.remove(version);
        }
        self.name(path.to_path_buf(), self.run, versions.iter().copied());
    }

    /// Files were removed.
    pub(crate) fn removed(&mut self, paths: &[PathBuf]) {
        self.is_due |= !paths.is_empty();
        for path in paths {
            self.files.remove(path);
        }
    }

    /// Reads one more file; after the last one, removes what is no longer needed.
    pub(crate) fn tend(&mut self) -> Result<(), RecordError> {
        if let Some(path) = self.unread.pop() {
            self.take_in(path);
        }
        if self.unread.is_empty() && std::mem::take(&mut self.is_due) {
            self.remove_engines()?;
            self.remove_components()?;
        }
        Ok(())
    }

    fn take_in(&mut self, path: PathBuf) {
        match read(&path) {
            Ok(read) => {
                let run = read.frames.iter().map(|frame| frame.run).max().unwrap_or(i64::MIN);
                self.name(path, run, read.frames.iter().flat_map(|frame| begun(&frame.entries)));
            }
            // It went while it waited.
            Err(RecordError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => {
                self.files.insert(path, None);
            }
        }
    }

    fn name(&mut self, path: PathBuf, run: i64, versions: impl Iterator<Item = Digest>) {
        if let Some(named) = self.files.entry(path).or_insert_with(|| Some(Named { versions: HashSet::new(), run })) {
            named.run = named.run.max(run);
            named.versions.extend(versions);
        }
    }

    /// Removes engines whose lives are all of runs that are older than any of which there are ticks: they can't be done again.
    fn remove_engines(&mut self) -> Result<(), RecordError> {
        let Some(oldest) = oldest_run(&self.records)?.map(|oldest| oldest.min(self.run)) else { return Ok(()) };
        for folder in engine_folders(&self.records)? {
            let files = engine_files(&folder)?;
            let is_old = |path: &PathBuf| self.files.get(path).is_some_and(|named| named.as_ref().is_some_and(|named| named.run < oldest));
            if files.is_empty() || !files.iter().all(is_old) {
                continue;
            }
            // The oldest first: what is left when that fails still follows on each other.
            for path in files {
                fs::remove_file(&path).map_err(RecordError::io("remove", &path))?;
                self.files.remove(&path);
            }
            drop(fs::remove_file(name_file(&folder)));
            // What somebody else has put there keeps it.
            drop(fs::remove_dir(&folder));
        }
        Ok(())
    }

    /// Removes components that no life names; none while there is a file of which it is not known what it names.
    fn remove_components(&self) -> Result<(), RecordError> {
        let mut needed = self.awaited.clone();
        for named in self.files.values() {
            let Some(named) = named else { return Ok(()) };
            needed.extend(&named.versions);
        }
        let is_unneeded = |path: &PathBuf| component_of(path).is_some_and(|version| !needed.contains(&version));
        for path in files(&components(&self.records))?.into_iter().filter(is_unneeded) {
            fs::remove_file(&path).map_err(RecordError::io("remove", &path))?;
        }
        Ok(())
    }
}

/// Components whose lives begin in these entries.
pub(crate) fn begun(entries: &[Entry]) -> impl Iterator<Item = Digest> {
    entries.iter().filter_map(|entry| if let Entry::Begin(beginning) = entry { Some(beginning.version) } else { None })
}

/// The component that a file holds; `None` for one that is being written, and for a file that is not the record's.
fn component_of(path: &Path) -> Option<Digest> {
    let is_whole = path.extension() == Some(OsStr::new("wasm"));
    path.file_stem().filter(|_| is_whole)?.to_str()?.parse().ok()
}

/// The oldest run of the host of which there are ticks.
fn oldest_run(records: &Path) -> Result<Option<i64>, RecordError> {
    let mut oldest: Option<i64> = None;
    for folder in folders(&ticks_folder(records))? {
        let run = folder.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok());
        if let Some(run) = run
            && !files(&folder)?.is_empty()
        {
            oldest = Some(oldest.map_or(run, |oldest| oldest.min(run)));
        }
    }
    Ok(oldest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Record;
    use crate::writer::{Recorder, Retention, component_file, engine_folder};
    use domain::ids::EngineId;
    use domain::limits::GuestLimits;
    use domain::symbol::{SymbolId, SymbolTable, common};
    use domain::tape::{Asked, Beginning};
    use domain::tick::Tick;
    use domain::time::Time;

    /// Components and engines that are there.
    #[derive(Debug, PartialEq)]
    struct Kept {
        components: Vec<u8>,
        engines: Vec<u32>,
    }

    struct World {
        folder: tempfile::TempDir,
        retention: Retention,
    }

    impl World {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), retention: Retention::default() }
        }

        fn records(&self) -> &Path {
            self.folder.path()
        }

        fn run(&self, run: i64) -> Recorder {
            let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
            Recorder::new(self.records(), run, table, self.retention).unwrap()
        }

        fn kept(&self) -> Kept {
            let is_kept = |version: &u8| component_file(self.records(), &digest(*version)).is_file();
            let is_there = |engine: &u32| engine_folder(self.records(), EngineId(*engine)).is_dir();
            Kept { components: (1..=9).filter(is_kept).collect(), engines: (1..=9).filter(is_there).collect() }
        }

        fn has(&self, components: &[u8], engines: &[u32]) {
            assert_eq!(self.kept(), Kept { components: components.to_vec(), engines: engines.to_vec() });
        }
    }

    fn digest(version: u8) -> Digest {
        Digest([version; 32])
    }

    /// A guest's life begins, with its component kept as the host does it.
    fn begins(recorder: &mut Recorder, engine: u32, version: u8) {
        if !recorder.has_component(&digest(version)) {
            recorder.keep_component(&digest(version), b"component").unwrap();
        }
        let (engine, limits) = (EngineId(engine), GuestLimits::default());
        let beginning = Beginning { engine, version: digest(version), table: Vec::new(), symbols: Vec::new(), seed: 1, limits };
        recorder.entries(engine, vec![Entry::Begin(Box::new(beginning))]).unwrap();
    }

    fn asks(recorder: &mut Recorder, engine: u32, times: u64) {
        (0..times).for_each(|value| recorder.entries(EngineId(engine), vec![Entry::Asked(Asked::Random(value))]).unwrap());
    }

    fn ticks_come(recorder: &mut Recorder) {
        let tick = Tick { symbol: SymbolId(0), sequence: 1, time: Time(1), bid: 1.3, ask: 1.3, last: 0.0, volume: 0.0, flags: 0 };
        recorder.ticks(&[tick]).unwrap();
    }

    #[test]
    fn a_component_goes_with_the_last_life_that_names_it() {
        let world = World { retention: Retention { engine_bytes_max: 2_048, ..Retention::default() }, ..World::new() };
        let mut recorder = world.run(1);
        begins(&mut recorder, 1, 1);
        begins(&mut recorder, 2, 2);
        for version in [2, 3, 3, 3] {
            asks(&mut recorder, 1, 20);
            begins(&mut recorder, 1, version);
        }
        // The first of engine 1's files are gone, and its second component is another's as well.
        world.has(&[2, 3], &[1, 2]);
        assert!(Record::open(world.records(), EngineId(1)).unwrap().lives.iter().all(|life| life.beginning.version == digest(3)));
    }

    #[test]
    fn components_that_nobody_names_go_once_all_files_have_been_read_and_no_other_do() {
        let world = World::new();
        let mut recorder = world.run(1);
        (1..=3).for_each(|engine| begins(&mut recorder, engine, engine as u8));
        recorder.keep_component(&digest(4), b"of an engine that was removed since").unwrap();
        for other in ["notes.wasm", "0000.part"] {
            fs::write(components(world.records()).join(other), b"not the record's").unwrap();
        }
        let mut recorder = world.run(2);
        recorder.keep_component(&digest(5), b"its life begins later").unwrap();
        begins(&mut recorder, 4, 6);
        world.has(&[1, 2, 3, 4, 5, 6], &[1, 2, 3, 4]);
        asks(&mut recorder, 4, 3);
        world.has(&[1, 2, 3, 5, 6], &[1, 2, 3, 4]);
        assert_eq!(files(&components(world.records())).unwrap().len(), 7);
    }

    #[test]
    fn a_file_that_can_not_be_read_may_name_any_component() {
        let world = World::new();
        begins(&mut world.run(1), 1, 1);
        let file = engine_files(&engine_folder(world.records(), EngineId(1))).unwrap().remove(0);
        fs::write(file, b"of another version").unwrap();
        let mut recorder = world.run(2);
        begins(&mut recorder, 2, 2);
        asks(&mut recorder, 2, 3);
        world.has(&[1, 2], &[1, 2]);
    }

    #[test]
    fn an_engine_goes_when_there_are_ticks_of_later_runs_only() {
        let world = World { retention: Retention { tick_bytes_max: 0, ..Retention::default() }, ..World::new() };
        let mut recorder = world.run(1);
        begins(&mut recorder, 1, 1);
        begins(&mut recorder, 2, 2);
        ticks_come(&mut recorder);
        let mut recorder = world.run(2);
        begins(&mut recorder, 2, 3);
        asks(&mut recorder, 2, 3);
        world.has(&[1, 2, 3], &[1, 2]);
        // The ticks of the run before make room for these.
        ticks_come(&mut recorder);
        asks(&mut recorder, 2, 1);
        world.has(&[2, 3], &[2]);
        let lives = Record::open(world.records(), EngineId(2)).unwrap().lives;
        assert_eq!(lives.iter().map(|life| life.run).collect::<Vec<_>>(), [1, 2], "an engine that lives keeps its share");
        begins(&mut recorder, 1, 4);
        world.has(&[2, 3, 4], &[1, 2]);
    }

    #[test]
    fn an_engine_without_any_ticks_since_is_kept() {
        let world = World::new();
        begins(&mut world.run(1), 1, 1);
        let mut recorder = world.run(2);
        begins(&mut recorder, 2, 2);
        asks(&mut recorder, 2, 3);
        world.has(&[1, 2], &[1, 2]);
    }
}
