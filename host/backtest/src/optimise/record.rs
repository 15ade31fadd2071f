//! The folder of an optimisation, written as it goes: whatever ends the process, what was done is there.
//!
//! ```text
//! optimisation.json   what is run: written once, before the first pass
//! passes.csv          one line for each pass as it ends; in order of window, part and number once all are there
//! ```
//! A line that was cut off when the process ended is dropped when the optimisation goes on. Numbers are written so that they
//! read back to the same bits, so what follows from the passes is the same whether they were run now or before.

use super::criterion::Criterion;
use super::pass::{Figures, Outcome, Pass, PassFault};
use super::space::{Point, Space};
use domain::guest::FaultKind;
use files::Readers;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const HEADER: &str = "optimisation.json";
const PASSES: &str = "passes.csv";
/// The columns before those of the parameters: MT5's first, in its order.
const COLUMNS: [&str; 17] = [
    "window",
    "part",
    "pass",
    "result",
    "profit",
    "expected_payoff",
    "profit_factor",
    "recovery_factor",
    "sharpe",
    "custom",
    "drawdown_percent",
    "trades",
    "balance",
    "drawdown",
    "average_loss",
    "fault",
    "message",
];
/// How long what was written may wait for the disk. A crash of the machine costs that much work, a crash of the process none.
const SYNC_EVERY: Duration = Duration::from_secs(2);

/// Which run of the passes a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// In sample.
    Optimised,
    /// Out of sample.
    Tested,
}

impl Part {
    fn word(self) -> &'static str {
        match self {
            Self::Optimised => "optimised",
            Self::Tested => "tested",
        }
    }
}

/// What earlier passes gave, by window and part.
pub type Known = HashMap<(u32, Part), HashMap<Point, Outcome>>;

/// What is wrong with an optimisation's folder.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system refuses.
    #[error("{}: {error}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is an optimisation already.
    #[error("{} holds an optimisation already; go on with it by `stockade optimise resume`, or give another folder with --out", .0.display())]
    Exists(PathBuf),
    /// The record does not exist.
    #[error("there is no optimisation in {}; is the folder right?", .0.display())]
    Absent(PathBuf),
    /// Another process is writing it.
    #[error("another process is at work on {}", .0.display())]
    Busy(PathBuf),
    /// A file is not what this program writes.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// In what way.
        why: String,
    },
}

impl RecordError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |error| Self::Io { path: path.to_owned(), error }
    }
}

/// An optimisation's folder, open for writing.
pub struct Record {
    folder: PathBuf,
    path: PathBuf,
    /// Held locked: one process at a time.
    file: File,
    criterion: Criterion,
    trades_min: u32,
    unsynced_since: Option<Instant>,
}

/// Reads what an optimisation's folder says is run.
///
/// # Errors
/// The record does not exist, or can't be read.
pub fn header<T: DeserializeOwned>(folder: &Path) -> Result<T, RecordError> {
    let path = folder.join(HEADER);
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RecordError::Absent(folder.to_owned()),
        _ => RecordError::io(&path)(error),
    })?;
    serde_json::from_slice(&bytes).map_err(|error| RecordError::Damaged { path, why: error.to_string() })
}

impl Record {
    /// Makes the folder of a new optimisation.
    ///
    /// # Errors
    /// It holds one already, or the disk refuses.
    pub fn create(
        folder: &Path,
        header: &impl Serialize,
        space: &Space,
        criterion: Criterion,
        trades_min: u32,
    ) -> Result<Self, RecordError> {
        fs::create_dir_all(folder).map_err(RecordError::io(folder))?;
        let (head, path) = (folder.join(HEADER), folder.join(PASSES));
        if head.exists() {
            return Err(RecordError::Exists(folder.to_owned()));
        }
        let text = serde_json::to_vec_pretty(header).expect("a header has only string keys");
        // Without a header it is what a process left that ended before it had begun.
        let mut open = OpenOptions::new();
        let file = open.read(true).write(true).create(true).truncate(false).open(&path).map_err(RecordError::io(&path))?;
        let mut record = Self { folder: folder.to_owned(), path, file, criterion, trades_min, unsynced_since: None };
        record.lock()?;
        record.file.set_len(0).map_err(RecordError::io(&record.path))?;
        record.file.write_all(&line(columns(space).iter().map(String::as_str))).map_err(RecordError::io(&record.path))?;
        // Last: where there is a header, all else is there.
        files::write(&head, Readers::AsUsual, &text).map_err(RecordError::io(&head))?;
        Ok(record)
    }

    /// Opens an optimisation's folder to go on with it, with the passes that it has.
    ///
    /// # Errors
    /// The record does not exist, is in use, or is damaged elsewhere than in its last line.
    pub fn reopen(folder: &Path, space: &Space, criterion: Criterion, trades_min: u32) -> Result<(Self, Known), RecordError> {
        let path = folder.join(PASSES);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => RecordError::Absent(folder.to_owned()),
            _ => RecordError::io(&path)(error),
        })?;
        let mut record = Self { folder: folder.to_owned(), path, file, criterion, trades_min, unsynced_since: None };
        record.lock()?;
        let known = record.read(space)?;
        Ok((record, known))
    }

    fn lock(&self) -> Result<(), RecordError> {
        match self.file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(RecordError::Busy(self.folder.clone())),
            Err(TryLockError::Error(error)) => Err(RecordError::io(&self.path)(error)),
        }
    }

    fn read(&mut self, space: &Space) -> Result<Known, RecordError> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes).map_err(RecordError::io(&self.path))?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        self.file.set_len(whole as u64).and_then(|()| self.file.seek(SeekFrom::End(0))).map_err(RecordError::io(&self.path))?;
        let damaged = |why: String| RecordError::Damaged { path: self.path.clone(), why };
        let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&bytes[..whole]).into_records();
        let expected = columns(space);
        let head = rows.next().transpose().map_err(|error| damaged(error.to_string()))?;
        if head.is_none_or(|head| !head.iter().eq(expected.iter().map(String::as_str))) {
            return Err(damaged("its first line is not this optimisation's".to_owned()));
        }
        let mut known = Known::new();
        for (at, row) in rows.enumerate() {
            let row = row.map_err(|error| damaged(error.to_string()))?;
            let pass = parse(&row, space).ok_or_else(|| damaged(format!("line {} is no pass of this optimisation", at + 2)))?;
            let (window, part, point, outcome) = pass;
            known.entry((window, part)).or_default().insert(point, outcome);
        }
        Ok(known)
    }

    /// Adds a pass.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn add(&mut self, window: u32, part: Part, pass: &Pass, space: &Space) -> io::Result<()> {
        let bytes = self.row(window, part, pass, space);
        self.file.write_all(&bytes)?;
        let since = *self.unsynced_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// Waits until all that was added is on disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn sync(&mut self) -> io::Result<()> {
        self.unsynced_since = None;
        self.file.sync_data()
    }

    /// Puts the passes in order: the file is then the same whatever the number of threads, and however often it was gone on
    /// with. The folder is done with after that.
    ///
    /// # Errors
    /// The disk refuses; the passes are then as they were.
    pub fn finish<'a>(self, passes: impl Iterator<Item = (u32, Part, &'a Pass)>, space: &Space) -> io::Result<()> {
        files::replace(&self.path, Readers::AsUsual, |file| {
            let mut out = BufWriter::new(file);
            out.write_all(&line(columns(space).iter().map(String::as_str)))?;
            for (window, part, pass) in passes {
                out.write_all(&self.row(window, part, pass, space))?;
            }
            out.flush()
        })
    }

    /// Writes another file into the folder, whole or not at all.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, RecordError> {
        let path = folder.join(name);
        files::write(&path, Readers::AsUsual, bytes).map_err(RecordError::io(&path))?;
        Ok(path)
    }

    fn row(&self, window: u32, part: Part, pass: &Pass, space: &Space) -> Vec<u8> {
        let mut cells = vec![window.to_string(), part.word().to_owned(), pass.number.to_string()];
        match &pass.outcome {
            Outcome::Figures(figures) => {
                cells.push(self.criterion.of(figures, self.trades_min).map(|result| result.to_string()).unwrap_or_default());
                cells.extend(figure_cells(figures));
                cells.extend([String::new(), String::new()]);
            }
            Outcome::Fault(fault) => {
                cells.extend(std::iter::repeat_n(String::new(), COLUMNS.len() - 5));
                cells.extend([fault.kind.word().to_owned(), fault.message.clone()]);
            }
        }
        cells.extend(space.texts(&pass.point));
        line(cells.iter().map(String::as_str))
    }
}

fn columns(space: &Space) -> Vec<String> {
    COLUMNS.iter().map(|name| (*name).to_owned()).chain(space.axes().iter().map(|axis| axis.name().to_owned())).collect()
}

fn figure_cells(figures: &Figures) -> [String; 11] {
    let optional = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    [
        figures.profit.to_string(),
        figures.expected_payoff.to_string(),
        optional(figures.profit_factor),
        optional(figures.recovery_factor),
        optional(figures.sharpe),
        figures.custom.to_string(),
        figures.drawdown_percent.to_string(),
        figures.trades.to_string(),
        figures.balance.to_string(),
        figures.drawdown.to_string(),
        figures.average_loss.to_string(),
    ]
}

/// A line of a CSV file.
fn line<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).and_then(|()| writer.flush().map_err(Into::into)).expect("writing to memory does not fail");
    writer.into_inner().expect("it has been flushed")
}

fn parse(row: &csv::StringRecord, space: &Space) -> Option<(u32, Part, Point, Outcome)> {
    let cell = |name: &str| COLUMNS.iter().position(|column| *column == name).and_then(|at| row.get(at));
    let number = |name: &str| cell(name)?.parse::<f64>().ok();
    let optional = |name: &str| match cell(name)? {
        "" => Some(None),
        text => text.parse::<f64>().ok().map(Some),
    };
    let part = [Part::Optimised, Part::Tested].into_iter().find(|part| cell("part") == Some(part.word()))?;
    let outcome = match cell("fault")? {
        "" => Outcome::Figures(Figures {
            balance: number("balance")?,
            profit: number("profit")?,
            expected_payoff: number("expected_payoff")?,
            profit_factor: optional("profit_factor")?,
            recovery_factor: optional("recovery_factor")?,
            sharpe: optional("sharpe")?,
            custom: number("custom")?,
            drawdown: number("drawdown")?,
            drawdown_percent: number("drawdown_percent")?,
            trades: cell("trades")?.parse().ok()?,
            average_loss: number("average_loss")?,
        }),
        kind => Outcome::Fault(PassFault { kind: FaultKind::from_word(kind)?, message: cell("message")?.to_owned() }),
    };
    let point = space.point_of(row.iter().skip(COLUMNS.len()))?;
    Some((cell("window")?.parse().ok()?, part, point, outcome))
}
