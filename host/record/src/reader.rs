//! Reading: an engine's record as the lives of its guests.

use crate::chain::read;
use crate::error::RecordError;
use crate::running::running;
use crate::ticks::TickTape;
use crate::writer::{component_file, engine_files, engine_folder, engine_folders, name_file};
use domain::ids::{Digest, EngineId};
use domain::tape::{Beginning, Entry, Heard};
use domain::tick::Tick;
use domain::time::Time;
use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How often a record is read again that a running host has changed meanwhile.
const TRIES: u32 = 5;

/// All that is kept of one engine.
#[derive(Debug)]
pub struct Record {
    /// Its guests' lives, the oldest first.
    pub lives: Vec<Life>,
    /// The last hash of the chain: whoever has written it down elsewhere can tell whether all of the record is there.
    pub hash: Digest,
    /// Bytes at the end of the newest file that are of a frame cut short: its host crashed, or has not finished writing.
    pub torn: u64,
    /// The run of the host that is writing to these records, if one is.
    pub running: Option<i64>,
}

/// How a life's record ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeEnd {
    /// As the life did: it was stopped, it failed, another version took over, or the record says that more was left out.
    Told,
    /// In the middle, since its host is running and goes on with it.
    Running,
    /// In the middle, and its host is gone: it crashed.
    Crashed,
}

/// One guest, from its beginning.
#[derive(Debug)]
pub struct Life {
    /// Which run of the host it belongs to, as microseconds since 1970 UTC.
    pub run: i64,
    /// What it was.
    pub beginning: Beginning,
    /// All that crossed its border.
    pub entries: Vec<Entry>,
}

/// Engines of which there are records under this name.
///
/// # Errors
/// The folder can't be read.
pub fn engines_named(records: &Path, name: &str) -> Result<Vec<EngineId>, RecordError> {
    let is_named = |folder: &PathBuf| fs::read_to_string(name_file(folder)).is_ok_and(|known| known == name);
    let number = |folder: PathBuf| folder.file_name()?.to_str()?.strip_prefix("engine-")?.parse().ok().map(EngineId);
    Ok(engine_folders(records)?.into_iter().filter(is_named).filter_map(number).collect())
}

impl Record {
    /// Reads what is kept of `engine` and checks its chain.
    ///
    /// # Errors
    /// There is nothing, or it has been altered.
    pub fn open(records: &Path, engine: EngineId) -> Result<Self, RecordError> {
        // A running host drops its oldest files, and cuts off what a full disk has left of a frame.
        let has_changed = |error: &RecordError| match error {
            RecordError::Altered { .. } => true,
            RecordError::Io { error, .. } => error.kind() == ErrorKind::NotFound,
            _ => false,
        };
        for _ in 1..TRIES {
            match Self::read(records, engine) {
                Err(error) if has_changed(&error) => {}
                read => return read,
            }
        }
        Self::read(records, engine)
    }

    fn read(records: &Path, engine: EngineId) -> Result<Self, RecordError> {
        let folder = engine_folder(records, engine);
        // Asked first: what is written later than that is not missed by a host that has ended meanwhile.
        let mut record = Self { lives: Vec::new(), hash: Digest([0; 32]), torn: 0, running: running(records) };
        let mut last = None;
        let mut is_there = false;
        for path in engine_files(&folder)? {
            let read = read(&path)?;
            is_there = true;
            // Who writes on cuts off what a crash left, so nothing of that is followed by another file.
            let follows = read.before.is_none_or(|before| last.is_none_or(|last| last == before));
            if !follows || record.torn > 0 {
                return Err(RecordError::Altered { path, at: 0, what: "it does not follow on the file before it" });
            }
            record.torn = read.torn;
            if read.before.is_none() {
                continue;
            }
            last = Some(read.after);
            for frame in read.frames {
                frame.entries.into_iter().for_each(|entry| record.take_in(frame.run, entry));
            }
        }
        if !is_there {
            return Err(RecordError::NoRecord { engine: engine.0, folder: records.to_path_buf() });
        }
        record.hash = Digest(last.unwrap_or_default());
        Ok(record)
    }

    /// How the record of the life with this place in [`lives`](Self::lives) ends.
    pub fn end_of(&self, life: usize) -> LifeEnd {
        let run = self.lives[life].run;
        let is_told = match self.lives[life].entries.last() {
            Some(Entry::Called { call: Heard::Stop(_), .. } | Entry::Failed(_) | Entry::Gap) => true,
            // Within one run a life ends for another.
            _ => self.lives.get(life + 1).is_some_and(|next| next.run == run),
        };
        match is_told {
            true => LifeEnd::Told,
            false if self.running == Some(run) => LifeEnd::Running,
            false => LifeEnd::Crashed,
        }
    }

    fn take_in(&mut self, run: i64, entry: Entry) {
        match (entry, self.lives.last_mut()) {
            (Entry::Begin(beginning), _) => self.lives.push(Life { run, beginning: *beginning, entries: Vec::new() }),
            (entry, Some(life)) => life.entries.push(entry),
            // Its beginning has been dropped to keep the record within its bounds.
            (_, None) => {}
        }
    }
}

impl Life {
    /// The component that lived.
    ///
    /// # Errors
    /// It is not kept, or has been altered.
    pub fn component(&self, records: &Path) -> Result<Vec<u8>, RecordError> {
        let path = component_file(records, &self.beginning.version);
        let bytes = fs::read(&path).map_err(RecordError::io("read", &path))?;
        if Digest::of(&bytes) != self.beginning.version {
            return Err(RecordError::Altered { path, at: 0, what: "it is not the component that its name says" });
        }
        Ok(bytes)
    }

    /// Market time of its first call; `None` when it was never called.
    pub fn begins(&self) -> Option<Time> {
        self.calls().next()
    }

    /// Market times of its calls with anything but ticks.
    fn calls(&self) -> impl Iterator<Item = Time> {
        self.entries.iter().filter_map(|entry| if let Entry::Called { at, .. } = entry { Some(*at) } else { None })
    }

    /// Whether nothing happened in it from this market time on. Ticks that are gone came before the call after them, and before
    /// the engine's `next` life began, unless the market has gone back since, as one that is replayed does; where neither tells, it is
    /// taken to have gone on.
    ///
    /// # Errors
    /// Ticks that are there can't be read.
    pub fn ended_before(&self, time: Time, records: &Path, next: Option<&Life>) -> Result<bool, RecordError> {
        let last_call = self.calls().max();
        if last_call.is_some_and(|at| at >= time) {
            return Ok(false);
        }
        let next = next.and_then(Self::begins).filter(|begins| last_call.is_none_or(|at| at <= *begins));
        // Whether something after the entry that is looked at came before that time.
        let mut is_bounded = next.is_some_and(|begins| begins <= time);
        let mut seen = HashSet::new();
        for entry in self.entries.iter().rev() {
            match entry {
                Entry::Called { .. } => is_bounded = true,
                Entry::Ticks { symbol, first, count, .. } | Entry::Passed { symbol, first, count } if seen.insert(*symbol) => {
                    let last = self.tick(records, *symbol, first + u64::from(*count) - 1)?;
                    if last.map_or(!is_bounded, |last| last.time >= time) {
                        return Ok(false);
                    }
                }
                _ => {}
            }
        }
        Ok(true)
    }

    /// One of its ticks, if it is there.
    fn tick(&self, records: &Path, symbol: u32, number: u64) -> Result<Option<Tick>, RecordError> {
        let symbol = self.beginning.symbols.get(symbol as usize);
        let spec = symbol.and_then(|symbol| self.beginning.table.get(usize::from(symbol.0)));
        spec.map_or(Ok(None), |spec| TickTape::open(records, self.run, &spec.name)?.find(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::{Recorder, Retention};
    use domain::limits::GuestLimits;
    use domain::symbol::{SymbolId, SymbolTable, common};

    fn called(at: i64) -> Entry {
        Entry::Called { at: Time(at), call: Heard::Timer(1) }
    }

    fn life(entries: Vec<Entry>) -> Life {
        let beginning = Beginning {
            engine: EngineId(1),
            version: Digest([0; 32]),
            table: vec![common::forex("EUR", "USD")],
            symbols: vec![SymbolId(0)],
            seed: 1,
            limits: GuestLimits::default(),
        };
        Life { run: 1, beginning, entries }
    }

    /// Ticks 1 to 9 came at 10 to 90; the life was called at 5 and had some of them.
    #[test]
    fn a_life_ended_with_its_last_tick_or_when_that_is_gone_with_what_came_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let known = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
        let mut recorder = Recorder::new(folder.path(), 1, known, Retention::default()).unwrap();
        let tick = |sequence: u64| Tick {
            symbol: SymbolId(0),
            sequence,
            time: Time(sequence as i64 * 10),
            bid: 1.3,
            ask: 1.3,
            last: 0.0,
            volume: 0.0,
            flags: 0,
        };
        recorder.ticks(&(1..10).map(tick).collect::<Vec<_>>()).unwrap();
        let ticks = |first, count| Entry::Ticks { symbol: 0, first, count, skipped: 0 };
        let passed = |first, count| Entry::Passed { symbol: 0, first, count };
        let gone = ticks(100, 1);
        let (before, back) = (life(vec![called(50)]), life(vec![called(3)]));
        let ends = |entries: &[Entry], next: Option<&Life>| {
            let life = life(entries.to_vec());
            (1..=200).find(|&time| life.ended_before(Time(time), folder.path(), next).unwrap())
        };
        for (entries, next, before_time) in [
            (vec![called(5), ticks(1, 2), ticks(4, 3)], None, Some(61)),
            (vec![called(5), ticks(1, 2), passed(4, 4)], None, Some(71)),
            (vec![called(5), ticks(1, 2), called(25)], None, Some(26)),
            (vec![called(5), gone.clone(), called(25)], None, Some(26)),
            (vec![called(5), gone.clone()], Some(&before), Some(50)),
            (vec![called(5), gone.clone()], Some(&back), None),
            (vec![called(5), gone.clone()], None, None),
        ] {
            assert_eq!(ends(&entries, next), before_time, "{entries:?}");
        }
    }
}
