//! The market as it was numbered in one run of the host: rows of fixed size, so that a range is found by its numbers.

use crate::error::RecordError;
use domain::symbol::SymbolId;
use domain::tick::{Tick, TickFlags};
use domain::time::Time;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::Write as _;
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

/// A symbol's name as part of a file's: what is no letter, digit, dot, dash or underscore becomes `%` and its code.
fn file_stem(symbol: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    symbol.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") }).collect()
}

/// Writes one symbol's ticks.
pub(crate) struct TickFile {
    folder: PathBuf,
    stem: String,
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
        let begins = self.file.is_none() || self.rows >= ROWS_MAX;
        if begins {
            self.number += 1;
            self.rows = 0;
            let path = self.path();
            self.file = Some(File::create_new(&path).map_err(RecordError::io("create", &path))?);
        }
        let file = self.file.as_mut().expect("opened above");
        let path = self.folder.join(format!("{}-{:06}.ticks", self.stem, self.number));
        file.write_all(&bytes).map_err(RecordError::io("write", &path))?;
        self.rows += (bytes.len() / ROW) as u64;
        Ok(begins)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}-{:06}.ticks", self.stem, self.number))
    }
}

/// Reads one symbol's ticks of one run, forwards.
pub struct TickTape {
    symbol: String,
    files: VecDeque<PathBuf>,
    bytes: Vec<u8>,
    next: usize,
}

impl TickTape {
    /// The tape of `symbol` in the run that began at `run`, in a folder of records.
    ///
    /// # Errors
    /// The folder can't be read; that there is none is found out when a tick is wanted.
    pub fn open(records: &Path, run: i64, symbol: &str) -> Result<Self, RecordError> {
        let folder = run_folder(records, run);
        let prefix = file_stem(symbol) + "-";
        let mut files: Vec<PathBuf> = crate::writer::files(&folder)?
            .into_iter()
            .filter(|path| {
                let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
                name.strip_prefix(&prefix)
                    .and_then(|rest| rest.strip_suffix(".ticks"))
                    .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            })
            .collect();
        files.sort();
        Ok(Self { symbol: symbol.to_owned(), files: files.into(), bytes: Vec::new(), next: 0 })
    }

    /// The ticks numbered `first` and the `count - 1` after it, one after the other, none of which may lie before ticks that
    /// were asked for earlier.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn range(&mut self, symbol: SymbolId, first: u64, count: u32, mut each: impl FnMut(&Tick) -> bool) -> Result<(), RecordError> {
        let last = first + u64::from(count) - 1;
        for wanted in first..=last {
            let found = loop {
                match self.look()? {
                    Some(tick) if tick.sequence < wanted => self.next += ROW,
                    found => break found.filter(|tick| tick.sequence == wanted),
                }
            };
            let mut tick = found.ok_or_else(|| RecordError::TicksMissing { symbol: self.symbol.clone(), first: wanted, last })?;
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

    fn look(&mut self) -> Result<Option<Tick>, RecordError> {
        loop {
            if let Some(bytes) = self.bytes.get(self.next..self.next + ROW) {
                return Ok(Some(tick(bytes)));
            }
            let Some(path) = self.files.pop_front() else { return Ok(None) };
            self.bytes = fs::read(&path).map_err(RecordError::io("read", &path))?;
            self.next = 0;
        }
    }
}

pub(crate) fn run_folder(records: &Path, run: i64) -> PathBuf {
    records.join("ticks").join(run.to_string())
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
        assert!(TickTape::open(folder.path(), 6, "EURUSD").unwrap().range(SymbolId(0), 1, 1, |_| true).is_err());
    }
}
