//! The market as it was numbered in one run of the host: rows of fixed size, so that a range is found by its numbers.

use crate::error::{Kept, RecordError, TicksMissing};
use domain::symbol::SymbolId;
use domain::tick::{Tick, TickFlags};
use domain::time::Time;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Number, time, bid, ask, last, volume: eight bytes each, little endian. What changed is not in it: guests are not told.
pub(crate) const ROW: usize = 48;
/// Rows of one file: 48 MB.
const ROWS_MAX: u64 = 1_000_000;

fn row(tick: &Tick) -> [u8; ROW] {
    let mut bytes = [0; ROW];
    let words = [tick.sequence, tick.time.0 as u64, tick.bid.to_bits(), tick.ask.to_bits(), tick.last.to_bits(), tick.volume.to_bits()];
    bytes.chunks_exact_mut(8).zip(words).for_each(|(chunk, word)| chunk.copy_from_slice(&word.to_le_bytes()));
    bytes
}

fn tick(bytes: &[u8]) -> Tick {
    let word = |at: usize| u64::from_le_bytes(bytes[at * 8..][..8].try_into().expect("eight bytes"));
    let number = |at| f64::from_bits(word(at));
    Tick {
        symbol: SymbolId(0),
        sequence: word(0),
        time: Time(word(1) as i64),
        bid: number(2),
        ask: number(3),
        last: number(4),
        volume: number(5),
        flags: TickFlags::default(),
    }
}

/// The time of a row's tick.
pub(crate) fn time_of(row: &[u8; ROW]) -> Time {
    tick(row).time
}

/// A symbol's name as part of a file's: what is no letter, digit, dot, dash or underscore becomes `%` and its code.
fn file_stem(symbol: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    symbol.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") }).collect()
}

/// The files of a symbol's ticks in a run's folder, the oldest first.
fn tick_files(folder: &Path, stem: &str) -> Result<Vec<PathBuf>, RecordError> {
    let mut files = crate::writer::files(folder)?;
    files.retain(|path| number_of(path, stem).is_some());
    Ok(files)
}

/// A file's number, `EURUSD-000007.ticks`; none where it is another symbol's, or no file of ticks.
fn number_of(path: &Path, stem: &str) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(".ticks")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Writes one symbol's ticks.
pub(crate) struct TickFile {
    folder: PathBuf,
    stem: String,
    /// Of the newest file; 0 before the folder has been looked at.
    number: u64,
    rows: u64,
    file: Option<File>,
}

impl TickFile {
    pub(crate) fn new(folder: &Path, symbol: &str) -> Self {
        Self { folder: folder.to_path_buf(), stem: file_stem(symbol), number: 0, rows: 0, file: None }
    }

    /// Appends ticks; `true` when that began a new file.
    pub(crate) fn write<'a>(&mut self, ticks: impl Iterator<Item = &'a Tick>) -> Result<bool, RecordError> {
        let bytes: Vec<u8> = ticks.flat_map(row).collect();
        if self.file.is_none() {
            self.open()?;
        }
        if self.rows >= ROWS_MAX {
            self.number += 1;
            self.open()?;
        }
        let file = self.file.as_mut().expect("opened above");
        if let Err(error) = file.write_all(&bytes) {
            // It may end in the middle of a row now: opening it again cuts that off, before anything is appended.
            self.file = None;
            return Err(RecordError::io("write", &self.path())(error));
        }
        let begins = self.rows == 0;
        self.rows += (bytes.len() / ROW) as u64;
        Ok(begins)
    }

    /// Opens the newest file, without what a crash or a full disk has left of a row at its end.
    fn open(&mut self) -> Result<(), RecordError> {
        self.file = None;
        if self.number == 0 {
            let newest = tick_files(&self.folder, &self.stem)?.pop();
            self.number = newest.and_then(|path| number_of(&path, &self.stem)).unwrap_or(1);
        }
        let path = self.path();
        let open = || -> io::Result<(File, u64)> {
            let file = File::options().append(true).create(true).open(&path)?;
            let rows = file.metadata()?.len() / ROW as u64;
            file.set_len(rows * ROW as u64)?;
            Ok((file, rows))
        };
        let (file, rows) = open().map_err(RecordError::io("open", &path))?;
        (self.file, self.rows) = (Some(file), rows);
        Ok(())
    }

    /// Where the newest ticks are.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(format!("{}-{:06}.ticks", self.stem, self.number))
    }
}

/// Reads one symbol's ticks of one run, forwards.
pub struct TickTape {
    symbol: String,
    files: VecDeque<PathBuf>,
    /// Whether there was a file at all.
    has_files: bool,
    bytes: Vec<u8>,
    next: usize,
}

impl TickTape {
    /// The tape of `symbol` in the run that began at `run`, in a folder of records.
    ///
    /// # Errors
    /// The folder can't be read; a missing folder is noticed when a tick is wanted.
    pub fn open(records: &Path, run: i64, symbol: &str) -> Result<Self, RecordError> {
        let files = tick_files(&run_folder(records, run), &file_stem(symbol))?;
        Ok(Self { symbol: symbol.to_owned(), has_files: !files.is_empty(), files: files.into(), bytes: Vec::new(), next: 0 })
    }

    /// The ticks numbered `first` and the `count - 1` after it, one after the other, none of which may lie before ticks that
    /// were asked for earlier.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn range(&mut self, symbol: SymbolId, first: u64, count: u32, mut each: impl FnMut(&Tick) -> bool) -> Result<(), RecordError> {
        let last = first + u64::from(count) - 1;
        for wanted in first..=last {
            let next = self.seek(wanted)?;
            let Some(mut tick) = next.filter(|tick| tick.sequence == wanted) else {
                let kept = match next {
                    Some(tick) => Kept::Later(tick.sequence, tick.time),
                    None if self.has_files => Kept::Earlier,
                    None => Kept::Nothing,
                };
                return Err(TicksMissing { symbol: self.symbol.clone(), first: wanted, last, kept }.into());
            };
            tick.symbol = symbol;
            if !each(&tick) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The tick that comes next, whatever its number.
    ///
    /// # Errors
    /// A file can't be read.
    pub fn advance(&mut self) -> Result<Option<Tick>, RecordError> {
        let tick = self.look()?;
        self.next += ROW;
        Ok(tick)
    }

    /// The tick with this number, if it is there. Reads no more than the file that it lies in.
    ///
    /// # Errors
    /// A file can't be read.
    pub(crate) fn find(mut self, number: u64) -> Result<Option<Tick>, RecordError> {
        while let Some(next) = self.files.get(1) {
            if first_of(next)?.is_none_or(|tick| tick.sequence > number) {
                break;
            }
            self.files.pop_front();
        }
        Ok(self.seek(number)?.filter(|tick| tick.sequence == number))
    }

    /// The first tick from this number on.
    fn seek(&mut self, number: u64) -> Result<Option<Tick>, RecordError> {
        loop {
            match self.look()? {
                Some(tick) if tick.sequence < number => self.next += ROW,
                found => return Ok(found),
            }
        }
    }

    fn look(&mut self) -> Result<Option<Tick>, RecordError> {
        loop {
            if let Some(bytes) = self.bytes.get(self.next..self.next + ROW) {
                return Ok(Some(tick(bytes)));
            }
            let Some(path) = self.files.pop_front() else { return Ok(None) };
            self.bytes = match fs::read(&path) {
                // A host that writes has dropped it since, to keep within its bounds.
                Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
                read => read.map_err(RecordError::io("read", &path))?,
            };
            self.next = 0;
        }
    }
}

/// The first tick of a file; none where it has none yet.
fn first_of(path: &Path) -> Result<Option<Tick>, RecordError> {
    let mut row = [0; ROW];
    match File::open(path).and_then(|mut file| file.read_exact(&mut row)) {
        Ok(()) => Ok(Some(tick(&row))),
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(RecordError::io("read", path)(error)),
    }
}

/// Where the ticks of all runs are.
pub(crate) fn ticks_folder(records: &Path) -> PathBuf {
    records.join("ticks")
}

pub(crate) fn run_folder(records: &Path, run: i64) -> PathBuf {
    ticks_folder(records).join(run.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(sequence: u64) -> Tick {
        Tick {
            symbol: SymbolId(3),
            sequence,
            time: Time(sequence as i64 * 10),
            bid: 1.1,
            ask: 1.2,
            last: 0.0,
            volume: 2.0,
            flags: TickFlags::default(),
        }
    }

    #[test]
    fn ranges_are_found_by_number_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let ticks = run_folder(folder.path(), 5);
        fs::create_dir_all(&ticks).unwrap();
        let mut file = TickFile::new(&ticks, "EUR/USD");
        file.write((10..20).map(some).collect::<Vec<_>>().iter()).unwrap();
        file.write((30..40).map(some).collect::<Vec<_>>().iter()).unwrap();
        let mut tape = TickTape::open(folder.path(), 5, "EUR/USD").unwrap();
        let mut seen = Vec::new();
        tape.range(SymbolId(3), 12, 8, |tick| {
            seen.push(*tick);
            true
        })
        .unwrap();
        assert_eq!(seen, (12..20).map(some).collect::<Vec<_>>());
        let error = tape.range(SymbolId(3), 20, 15, |_| true).unwrap_err().to_string();
        assert!(error.starts_with("ticks 20 to 34 of EUR/USD were not recorded"), "{error}");
        assert!(error.ends_with("they are there from 30 on, which came at 1970-01-01T00:00:00.000300Z"), "{error}");
        let error = tape.range(SymbolId(3), 40, 1, |_| true).unwrap_err().to_string();
        assert!(error.ends_with("no later ones of that run of the host are there either"), "{error}");
        assert!(TickTape::open(folder.path(), 6, "EURUSD").unwrap().range(SymbolId(0), 1, 1, |_| true).is_err());
    }
    /// All numbers that are recorded, as a replay reads them.
    fn numbers(folder: &Path) -> Vec<u64> {
        let mut tape = TickTape::open(folder, 5, "EURUSD").unwrap();
        std::iter::from_fn(|| tape.advance().unwrap()).map(|tick| tick.sequence).collect()
    }

    /// Appends the beginning of a row, as a write that did not come to its end does.
    fn tear(file: &TickFile) {
        File::options().append(true).open(file.path()).unwrap().write_all(&[7; ROW - 11]).unwrap();
    }

    #[test]
    fn a_write_that_fails_in_the_middle_of_a_row_costs_no_row_but_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let ticks = run_folder(folder.path(), 5);
        fs::create_dir_all(&ticks).unwrap();
        let mut file = TickFile::new(&ticks, "EURUSD");
        assert!(file.write([some(1), some(2)].iter()).unwrap(), "it is a new file");
        tear(&file);
        // Opened for reading, it takes nothing more: a disk that is full.
        file.file = Some(File::open(file.path()).unwrap());
        file.write([some(3)].iter()).unwrap_err();
        assert!(!file.write([some(4), some(5)].iter()).unwrap(), "it is the same file");
        assert_eq!(numbers(folder.path()), [1, 2, 4, 5]);
    }

    #[test]
    fn after_a_crash_in_the_middle_of_a_row_whole_rows_follow_on_whole_rows() {
        let folder = tempfile::tempdir().unwrap();
        let ticks = run_folder(folder.path(), 5);
        fs::create_dir_all(&ticks).unwrap();
        let mut file = TickFile::new(&ticks, "EURUSD");
        file.write([some(1), some(2)].iter()).unwrap();
        tear(&file);
        assert_eq!(numbers(folder.path()), [1, 2]);
        TickFile::new(&ticks, "EURUSD").write([some(3)].iter()).unwrap();
        assert_eq!(numbers(folder.path()), [1, 2, 3]);
    }

    #[test]
    fn a_tick_is_found_in_whichever_file_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let ticks = run_folder(folder.path(), 5);
        fs::create_dir_all(&ticks).unwrap();
        for numbers in [10..20, 30..40, 40..41] {
            let mut file = TickFile::new(&ticks, "EURUSD");
            file.number = numbers.start;
            file.write(numbers.map(some).collect::<Vec<_>>().iter()).unwrap();
        }
        for (number, is_there) in [(9, false), (10, true), (19, true), (20, false), (35, true), (40, true), (41, false)] {
            let found = TickTape::open(folder.path(), 5, "EURUSD").unwrap().find(number).unwrap();
            assert_eq!(found.map(|tick| tick.sequence), is_there.then_some(number));
        }
    }
}
