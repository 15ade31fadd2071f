//! The tick store: a folder with one folder per symbol and in it one Arrow file per UTC day.
//!
//! ```text
//! <root>/EURUSD/spec.json            the symbol's grid
//! <root>/EURUSD/2014-05-01.arrow     time, bid, ask[, last][, volume][, flags], in order of time
//! <root>/EURUSD/bars-M1/2014.arrow   bars that were imported as bars
//! ```
//! The files are Arrow IPC files ("Feather 2"), uncompressed and of one record batch, so that they are mapped into memory and
//! read in place; pandas, polars and duckdb read them too. Files are never changed, only replaced by renaming a finished one
//! over them: a reader sees a whole day, old or new, and a mapping stays what it was.

mod bars;
mod day;
mod error;
mod layout;
mod table;

pub use bars::{BarColumns, Bars, StoredBars};
pub use day::{Day, Days};
pub use error::StoreError;

use crate::columns::OwnedColumns;
use crate::date::Date;
use crate::quality::Quality;
use domain::symbol::SymbolSpec;
use domain::tick::{TickColumns, Timeframe};
use domain::time::Time;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of ticks. Cheap to clone; any number of readers and, per symbol, one importer may use it at once.
#[derive(Clone, Debug)]
pub struct TickStore {
    root: PathBuf,
}

/// What was found when all of a symbol's files were read.
#[derive(Debug, Default)]
pub struct Checked {
    /// Days with ticks, broken ones included.
    pub days: usize,
    /// Bars that were imported as bars.
    pub bars: u64,
    /// Files that can't be used.
    pub broken: Vec<StoreError>,
    /// What may be wrong with the others' ticks.
    pub quality: Quality,
}

/// The right to write one symbol, held by one importer at a time over all processes.
#[derive(Debug)]
pub(crate) struct SymbolLock {
    // The lock ends when the file is closed.
    _file: fs::File,
}

impl TickStore {
    /// The store in `root`, which must be a folder.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        if root.is_dir() { Ok(Self { root }) } else { Err(StoreError::NoStore { root }) }
    }

    /// The store in `root`, made when it isn't there.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(StoreError::io(&root))?;
        Ok(Self { root })
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names of the symbols it holds, sorted.
    ///
    /// # Errors
    /// When a folder can't be read.
    pub fn symbols(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(StoreError::io(&self.root))? {
            let entry = entry.map_err(StoreError::io(&self.root))?;
            let name = entry.file_name().to_str().and_then(layout::symbol_of_folder);
            names.extend(name.filter(|_| entry.path().join(layout::SPEC).is_file()));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The name of a symbol that somebody may have written in another case.
    ///
    /// # Errors
    /// When the store holds none of that name, or several of other cases.
    pub fn find(&self, symbol: &str) -> Result<String, StoreError> {
        let known = self.symbols()?;
        let like: Vec<&String> = known.iter().filter(|name| name.eq_ignore_ascii_case(symbol)).collect();
        match like.as_slice() {
            _ if known.iter().any(|name| name == symbol) => Ok(symbol.to_owned()),
            [one] => Ok((*one).clone()),
            _ => Err(StoreError::UnknownSymbol { symbol: symbol.into(), root: self.root.clone(), known }),
        }
    }

    /// How `symbol` was specified when it was imported.
    ///
    /// # Errors
    /// When the store doesn't hold the symbol, or its spec is broken.
    pub fn spec(&self, symbol: &str) -> Result<SymbolSpec, StoreError> {
        let file = self.folder(symbol).join(layout::SPEC);
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let known = self.symbols()?;
                return Err(StoreError::UnknownSymbol { symbol: symbol.into(), root: self.root.clone(), known });
            }
            Err(error) => return Err(StoreError::io(&file)(error)),
        };
        let spec: SymbolSpec =
            serde_json::from_slice(&text).map_err(|error| StoreError::BadSpec { file: file.clone(), why: error.to_string() })?;
        let spec = spec.validated().map_err(|why| StoreError::BadSpec { file: file.clone(), why })?;
        if spec.name != symbol {
            return Err(StoreError::BadSpec { file, why: format!("it names {:?}", spec.name) });
        }
        Ok(spec)
    }

    /// The days with ticks of `symbol`, sorted; none when the store doesn't hold it.
    ///
    /// # Errors
    /// When its folder can't be read.
    pub fn days(&self, symbol: &str) -> Result<Vec<Date>, StoreError> {
        let folder = self.folder(symbol);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io(&folder))?,
        };
        let mut days = Vec::new();
        for entry in entries {
            let name = entry.map_err(StoreError::io(&folder))?.file_name();
            days.extend(name.to_str().and_then(|name| name.strip_suffix(".arrow")?.parse::<Date>().ok()));
        }
        days.sort_unstable();
        Ok(days)
    }

    /// The ticks of `symbol` with `from <= time < to`, day by day. Only the day at hand is mapped.
    ///
    /// # Errors
    /// When the store doesn't hold the symbol. A broken file is reported where its day would be.
    pub fn read(&self, symbol: &str, from: Time, to: Time) -> Result<Days, StoreError> {
        self.spec(symbol)?;
        let files = self
            .days(symbol)?
            .into_iter()
            .filter(|date| date.end() > from && date.start() < to)
            .map(|date| (date, self.day_file(symbol, date)))
            .collect();
        Ok(Days::new(symbol.into(), files, from, to))
    }

    /// All ticks of one day, or `None` when the store has none.
    ///
    /// # Errors
    /// When the file can't be read or is broken.
    pub fn day(&self, symbol: &str, date: Date) -> Result<Option<Day>, StoreError> {
        let file = self.day_file(symbol, date);
        if file.is_file() { Day::open(symbol, date, &file).map(Some) } else { Ok(None) }
    }

    /// First and last tick of `symbol`, or `None` when there are none.
    ///
    /// # Errors
    /// When a file can't be read or is broken.
    pub fn span(&self, symbol: &str) -> Result<Option<(Time, Time)>, StoreError> {
        let days = self.days(symbol)?;
        let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(None) };
        let edge = |date: Date, pick: fn(&[i64]) -> Option<&i64>| -> Result<Option<Time>, StoreError> {
            let day = self.day(symbol, date)?;
            Ok(day.and_then(|day| pick(day.columns().times).copied().map(Time)))
        };
        Ok(edge(*first, <[i64]>::first)?.zip(edge(*last, <[i64]>::last)?))
    }

    /// Replaces the ticks of one day. They must be of that day, in order of time, with prices that are images of whole
    /// points of the stored spec. `source` says where they are from.
    ///
    /// # Errors
    /// When they are not, when the symbol has no spec yet, or when the disk refuses; the day is then as it was.
    pub fn write_day(&self, symbol: &str, date: Date, ticks: TickColumns<'_>, flags: &[u32], source: &str) -> Result<u64, StoreError> {
        let spec = self.spec(symbol)?;
        day::check(&spec, date, ticks).map_err(|why| StoreError::BadTicks { symbol: symbol.into(), date, why })?;
        day::write(&self.day_file(symbol, date), &spec, ticks, flags, source)
    }

    /// Writes the spec of a symbol, which makes the store hold it.
    ///
    /// # Errors
    /// When the spec is broken or the disk refuses.
    pub fn put_spec(&self, spec: &SymbolSpec) -> Result<(), StoreError> {
        let folder = self.folder(&spec.name);
        let file = folder.join(layout::SPEC);
        let spec = spec.clone().validated().map_err(|why| StoreError::BadSpec { file: file.clone(), why })?;
        fs::create_dir_all(&folder).map_err(StoreError::io(&folder))?;
        let text = serde_json::to_vec_pretty(&spec).expect("a spec is made of numbers and texts");
        table::replace(&file, |out| std::io::Write::write_all(out, &text)).map(drop)
    }

    /// Changes the spec of a symbol that nobody imports meanwhile.
    ///
    /// # Errors
    /// When an import of it runs, the spec is broken or the disk refuses.
    pub fn change_spec(&self, spec: &SymbolSpec) -> Result<(), StoreError> {
        let _lock = self.lock(&spec.name)?;
        self.put_spec(spec)
    }

    /// What there is of bars that were imported as bars, the shortest first.
    ///
    /// # Errors
    /// When a file can't be read or is broken.
    pub fn stored_bars(&self, symbol: &str) -> Result<Vec<StoredBars>, StoreError> {
        let stored = Timeframe::ALL.into_iter().map(|timeframe| self.bar_files(symbol, timeframe).stored());
        stored.filter_map(Result::transpose).collect()
    }

    /// Bytes of all files of a symbol.
    ///
    /// # Errors
    /// When its folder can't be read.
    pub fn bytes(&self, symbol: &str) -> Result<u64, StoreError> {
        fn of(folder: &Path) -> std::io::Result<u64> {
            fs::read_dir(folder)?.try_fold(0, |sum, entry| {
                let entry = entry?;
                let meta = entry.metadata()?;
                Ok(sum + if meta.is_dir() { of(&entry.path())? } else { meta.len() })
            })
        }
        let folder = self.folder(symbol);
        of(&folder).map_err(StoreError::io(&folder))
    }

    /// Removes one day; absent is fine.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn remove_day(&self, symbol: &str, date: Date) -> Result<(), StoreError> {
        let file = self.day_file(symbol, date);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io(&file)(error)),
            _ => Ok(()),
        }
    }

    /// Reads every file of `symbol` and checks what readers rely on: order of time, prices on the grid. For `doctor`.
    ///
    /// # Errors
    /// Names the first file that is broken.
    pub fn verify(&self, symbol: &str) -> Result<u64, StoreError> {
        let checked = self.check(symbol)?;
        checked.broken.into_iter().next().map_or(Ok(checked.quality.ticks), Err)
    }

    /// Reads every file of `symbol`, compares it with its checksum, and looks at its ticks. Broken files are told, each, and
    /// the others looked at all the same.
    ///
    /// # Errors
    /// When the store doesn't hold the symbol, or its folder can't be read.
    pub fn check(&self, symbol: &str) -> Result<Checked, StoreError> {
        let spec = self.spec(symbol)?;
        let mut checked = Checked::default();
        for date in self.days(symbol)? {
            let file = self.day_file(symbol, date);
            let sound = Day::open_verified(symbol, date, &file).and_then(|day| {
                day::check(&spec, date, day.columns()).map_err(|why| StoreError::Corrupt { file, why })?;
                Ok(day)
            });
            checked.days += 1;
            match sound {
                Ok(day) => checked.quality.look(&day.columns()),
                Err(broken) => checked.broken.push(broken),
            }
        }
        for timeframe in Timeframe::ALL {
            let files = self.bar_files(symbol, timeframe);
            for year in files.years()? {
                match files.year(year) {
                    Ok(bars) => checked.bars += bars.len() as u64,
                    Err(broken) => checked.broken.push(broken),
                }
            }
        }
        Ok(checked)
    }

    /// Bars that were imported as bars, with `from <= open time < to`, in order of time. Held in memory.
    ///
    /// # Errors
    /// When the store doesn't hold the symbol or a file is broken.
    pub fn bars(&self, symbol: &str, timeframe: Timeframe, from: Time, to: Time) -> Result<BarColumns, StoreError> {
        self.spec(symbol)?;
        Bars::new(self.folder(symbol), timeframe).read(from, to)
    }

    pub(crate) fn bar_files(&self, symbol: &str, timeframe: Timeframe) -> Bars {
        Bars::new(self.folder(symbol), timeframe)
    }

    pub(crate) fn day_file(&self, symbol: &str, date: Date) -> PathBuf {
        self.folder(symbol).join(format!("{date}.arrow"))
    }

    pub(crate) fn folder(&self, symbol: &str) -> PathBuf {
        self.root.join(layout::folder_of_symbol(symbol))
    }

    /// Waits for nobody: two imports of one symbol at once are a mistake.
    pub(crate) fn lock(&self, symbol: &str) -> Result<SymbolLock, StoreError> {
        let path = self.root.join(format!(".{}.lock", layout::folder_of_symbol(symbol)));
        let file = fs::File::create(&path).map_err(StoreError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(SymbolLock { _file: file }),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy { symbol: symbol.into() }),
            Err(fs::TryLockError::Error(error)) => Err(StoreError::io(&path)(error)),
        }
    }
}

/// Ticks on their way into the store: prices as the source wrote them, not yet on the grid.
pub(crate) fn write_raw_day(file: &Path, ticks: &OwnedColumns) -> Result<(), StoreError> {
    day::write_raw(file, ticks)
}

#[cfg(test)]
mod tests;
