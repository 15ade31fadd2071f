//! What an import did.

use super::Format;
use crate::quality::Quality;
use domain::symbol::SymbolSpec;
use domain::tick::Timeframe;
use domain::time::Time;
use serde::Serialize;
use std::fmt;

/// How many dirty rows a report names.
pub(super) const DIRTY_ROWS_NAMED_MAX: usize = 20;

/// How many bad files a report shows to people.
pub(super) const BAD_FILES_SHOWN_MAX: usize = 3;

/// A row that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DirtyRow {
    /// The file, with the file inside it when it is a zip.
    pub file: String,
    /// Its line, counted from 1; in JSON its tick.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for DirtyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}: {}", self.file, self.line, self.reason)
    }
}

/// How far an import is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The file at hand.
    pub file: &'a str,
    /// Files finished.
    pub files_done: usize,
    /// Files in all.
    pub files_total: usize,
    /// Bytes of files read, about.
    pub bytes_done: u64,
    /// Bytes of files in all.
    pub bytes_total: u64,
    /// Ticks and bars taken so far.
    pub rows: u64,
}

/// What an import did. Shown as a few lines for people.
#[derive(Clone, Debug, Serialize)]
pub struct ImportReport {
    /// Whose ticks.
    pub symbol: String,
    /// The spec they were stored with.
    pub spec: SymbolSpec,
    /// Where the spec is from.
    pub spec_origin: String,
    /// Whose files they were.
    pub format: Format,
    /// Which clock the files' times were taken to be of.
    pub clock: String,
    /// Files read.
    pub files: usize,
    /// Rows read, without headers and blank lines.
    pub rows: u64,
    /// Ticks stored.
    pub ticks: u64,
    /// Bars stored.
    pub bars: u64,
    /// Their length.
    pub timeframe: Option<Timeframe>,
    /// Rows left out because they make no sense.
    pub skipped: u64,
    /// The first of them.
    pub dirty_rows: Vec<DirtyRow>,
    /// Files left out because they are not what they should be.
    pub bad_files: u64,
    /// The first of them, up to 10,000, each with what is wrong with it.
    pub bad_files_named: Vec<String>,
    /// Ticks with the bid above the ask. Stored as they came: the feed sent them so.
    pub crossed: u64,
    /// Ticks up to a second earlier than the one before; stored in their place with the time of the one before.
    pub late: u64,
    /// Ticks with more decimals than the spec has digits, rounded to the nearest point.
    pub rounded: u64,
    /// Days, or for bars years, that were written.
    pub files_written: usize,
    /// Their bytes.
    pub bytes_written: u64,
    /// Time of the first row stored.
    #[serde(serialize_with = "shown")]
    pub from: Time,
    /// Time of the last row stored.
    #[serde(serialize_with = "shown")]
    pub to: Time,
    /// What may be wrong with what was stored: repetitions, spikes, gaps.
    pub quality: Quality,
    /// What else somebody should know.
    pub notes: Vec<String>,
}

fn shown<S: serde::Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (stored, what) = match self.timeframe {
            Some(timeframe) => (self.bars, format!("{timeframe:?} bars")),
            None => (self.ticks, "ticks".to_owned()),
        };
        writeln!(f, "{}: {} {what} from {} to {}", self.symbol, grouped(stored), self.from, self.to)?;
        writeln!(
            f,
            "  read {} of {} (format {}, times {})",
            counted(self.rows, "row"),
            counted(self.files as u64, "file"),
            self.format.name(),
            self.clock
        )?;
        writeln!(f, "  wrote {}, {:.1} MiB", counted(self.files_written as u64, "file"), self.bytes_written as f64 / 1_048_576.0)?;
        write!(f, "  {} digits, spec {}", self.spec.digits, self.spec_origin)?;
        let line = |f: &mut fmt::Formatter<'_>, count: u64, one: &str, what: &str| {
            if count > 0 { write!(f, "\n  {} {what}", counted(count, one)) } else { Ok(()) }
        };
        line(f, self.late, "tick", "up to a second late, stored with the time of the one before")?;
        line(f, self.rounded, "tick", "with more decimals than digits, rounded")?;
        line(f, self.skipped, "row", "skipped:")?;
        named(f, self.dirty_rows.iter(), self.skipped)?;
        line(f, self.bad_files, "file", "left out:")?;
        named(f, self.bad_files_named.iter().take(BAD_FILES_SHOWN_MAX), self.bad_files)?;
        write!(f, "{}", self.quality)?;
        for note in self.spec.assumption().iter().chain(&self.notes) {
            write!(f, "\n  note: {note}")?;
        }
        Ok(())
    }
}

/// The first of many things, one a line.
fn named<T: fmt::Display>(f: &mut fmt::Formatter<'_>, first: impl ExactSizeIterator<Item = T>, all: u64) -> fmt::Result {
    let more = all.saturating_sub(first.len() as u64);
    for one in first {
        write!(f, "\n    {one}")?;
    }
    if more > 0 { write!(f, "\n    and {} more", grouped(more)) } else { Ok(()) }
}

/// "1 file", "2,137 files".
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A count with a comma between thousands.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
