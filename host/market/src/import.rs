//! Takes other systems' files into the tick store.
//!
//! [`import`] reads a file, a zip or a folder of them, tells the format from names and first lines, converts times to UTC,
//! puts prices on the symbol's grid and writes whole days. Rows that make no sense are named by file and line; they are
//! skipped and counted, or stop the import before anything was written, as [`OnDirtyRow`] says.
//!
//! Ticks are gathered beside the store first and take their places once everything of the whole source is ready to, so an import
//! that fails or is interrupted leaves the store as it was. The same import again changes nothing.

mod ahead;
mod bi5;
mod clock;
mod commit;
mod error;
mod inputs;
mod intake;
mod json;
mod lean;
mod lines;
mod lots;
mod number;
mod packed;
mod parquet;
mod report;
mod source;
mod specs;
mod staging;
mod table;
mod timestamp;
mod week;

pub use clock::{NotAClock, SourceClock};
pub use error::ImportError;
pub(crate) use report::grouped;
pub use report::{DirtyRow, ImportReport, Progress};
pub(crate) use specs::is_same_instrument;
pub use specs::spec_for;
pub use table::names::ColumnNames;
pub use timestamp::DateOrder;

use crate::store::TickStore;
use domain::symbol::SymbolSpec;
use intake::Intake;
use serde::{Deserialize, Serialize};
use source::Sniffed;
use staging::Staging;
use std::fs::File;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whose files they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Told from names and first lines.
    #[default]
    Auto,
    /// LEAN ticks, quotes or trades: zips of `milliseconds since midnight, bid, ask` (or price and volume), the date in the
    /// file's name.
    Lean,
    /// Ticks exported from an MT5 terminal.
    Mt5Ticks,
    /// Bars exported from an MT5 terminal; kept as bars.
    Mt5Bars,
    /// Plain text with a header that names time, bid, ask and perhaps last and volume.
    Csv,
    /// Ticks collected from an MT5 terminal as JSON: `{"metadata": …, "ticks": [{"time_msc", "bid", "ask", …}]}`.
    Json,
    /// Dukascopy's hours, as LZMA or plain.
    Bi5,
    /// Columns that are named time, bid, ask and perhaps last, volume and flags.
    Parquet,
}

impl Format {
    /// Every format that can be named.
    pub const ALL: [Self; 8] = [Self::Auto, Self::Lean, Self::Mt5Ticks, Self::Mt5Bars, Self::Csv, Self::Json, Self::Bi5, Self::Parquet];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Lean => "lean",
            Self::Mt5Ticks => "mt5-ticks",
            Self::Mt5Bars => "mt5-bars",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Bi5 => "bi5",
            Self::Parquet => "parquet",
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| format!("unknown format {text:?}; use one of {}", names()))
    }
}

/// What happens at a row that makes no sense.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDirtyRow {
    /// It is left out, counted, and among the first ones named in the report.
    #[default]
    Skip,
    /// The import ends with an error that names it, and the store stays as it was.
    Stop,
}

/// What happens to a file that is not what it should be: a server's error page, a broken archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnBadFile {
    /// The import ends with an error that names it, and the store stays as it was.
    #[default]
    Stop,
    /// All of it is left out; it is counted, and among the first ones named in the report.
    LeaveOut,
}

/// How somebody else asks an import to end. Until its days take their places it does, and leaves the store as it was.
#[derive(Clone, Debug, Default)]
pub struct Stop(pub Arc<AtomicBool>);

impl Stop {
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What happens to daily rows at the head of a file of shorter bars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDailyRows {
    /// The import ends with an error that names their lines.
    #[default]
    Refuse,
    /// They are left out, and the report names their lines.
    LeaveOut,
}

/// What happens to ticks that the store already has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// On each day, what lies between the first and the last new tick is replaced; what lies before and after stays. Files
    /// that cut the day at another hour than UTC's midnight fit together this way.
    #[default]
    Splice,
    /// Each day with a new tick is replaced as a whole.
    ReplaceDays,
}

/// How to import. The default suits most files.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Whose files they are.
    pub format: Format,
    /// The symbol's name; told from the files' names or content when absent.
    pub symbol: Option<String>,
    /// The symbol's spec. When absent it is the stored one, or a common one for the name with the digits found in the data.
    pub spec: Option<SymbolSpec>,
    /// Decimals of a price, when neither the stored nor the found ones will do. A given `spec` says its own.
    pub digits: Option<u8>,
    /// Which clock the files' times are of.
    pub clock: SourceClock,
    /// What the columns hold, in their order, where names and values do not tell.
    pub columns: Option<ColumnNames>,
    /// Which of day, month and year comes first in dates like 3/4/2024 or 240305, where no date of the file tells.
    pub dates: Option<DateOrder>,
    /// What happens at a row that makes no sense.
    pub on_dirty_row: OnDirtyRow,
    /// What happens to daily rows at the head of a file of shorter bars.
    pub on_daily_rows: OnDailyRows,
    /// What happens to a file that is not what it should be.
    pub on_bad_file: OnBadFile,
    /// What happens to ticks that the store already has.
    pub existing: Existing,
    /// Whether it is to end.
    pub stop: Stop,
}

/// Imports `source`, a file or a folder of files, into `store`. `progress` is called now and then. There is a report for each symbol;
/// what was skipped and left out stands in the first.
///
/// # Errors
/// Names the file, and the line where there is one, and what can be done. The store is then as it was, except when the disk
/// fails while finished days take their places: the next import of whatever kind ends that first.
pub fn import(
    source: &Path,
    options: &ImportOptions,
    store: &TickStore,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<ImportReport>, ImportError> {
    let inputs = inputs::inputs(source)?;
    let staging = Staging::create(store)?;
    let mut intake = Intake::new(options, staging, store.symbols()?, &inputs, progress);
    for file in &inputs.files {
        intake.go_on()?;
        let done = packed::each_stream(file, &mut |stream| {
            intake.go_on()?;
            read(stream, options, &mut intake).or_else(|error| intake.leave_out(error))
        });
        // A broken archive, of which what could be read was kept.
        done.or_else(|error| intake.leave_out(error))?;
        intake.file_done(file);
    }
    commit::commit(intake.finish()?, source, options, store)
}

/// One stream: a file, or a file inside another one.
fn read(mut stream: source::Stream<'_>, options: &ImportOptions, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    if let Some(page) = source::page(&stream) {
        return Err(ImportError::WrongFormat { file: stream.label, why: format!("it is {page}; download it again") });
    }
    if let Some(table) = source::other_table(&stream) {
        let why = format!("it is {table}, which import does not read: write it as Parquet (in pandas, to_parquet)");
        return Err(ImportError::WrongFormat { file: stream.label, why });
    }
    match (options.format, source::binary(&stream)) {
        (Format::Bi5, _) | (Format::Auto, Some(Format::Bi5)) => return read_bi5(stream, options, intake),
        (Format::Parquet, _) | (Format::Auto, Some(Format::Parquet)) => return read_parquet(stream, intake),
        _ => {}
    }
    let sniffed = Sniffed::of(&mut stream)?;
    match options.format {
        Format::Json => read_json(sniffed, stream, options, intake),
        Format::Auto if sniffed.is_json() => read_json(sniffed, stream, options, intake),
        Format::Lean | Format::Auto => match lean::Place::of(&stream) {
            Some(place) => read_lean(&place, sniffed, stream, options, intake),
            None if options.format == Format::Lean => {
                let why = "neither its name begins with a day, as in 20140501_eurusd_tick_quote.csv, nor is it in LEAN's folders";
                Err(ImportError::WrongFormat { file: stream.label, why: why.into() })
            }
            None => read_table(sniffed, stream, options, intake),
        },
        _ => read_table(sniffed, stream, options, intake),
    }
}

fn read_json(
    sniffed: Sniffed,
    mut stream: source::Stream<'_>,
    options: &ImportOptions,
    intake: &mut Intake<'_>,
) -> Result<(), ImportError> {
    intake.begin(&stream, Format::Json, sniffed.json_symbol(&stream), SourceClock::Usual)?;
    json::read(sniffed.text(take_reader(&mut stream)), &stream.name, options, intake)?;
    intake.end()
}

fn read_lean(
    place: &lean::Place,
    sniffed: Sniffed,
    mut stream: source::Stream<'_>,
    options: &ImportOptions,
    intake: &mut Intake<'_>,
) -> Result<(), ImportError> {
    let clock = match &place.clock {
        Some(clock) => clock.clone(),
        None if options.clock == SourceClock::Usual => {
            return Err(ImportError::WrongFormat { file: stream.label, why: lean::Place::no_clock().into() });
        }
        None => SourceClock::Usual,
    };
    intake.begin(&stream, Format::Lean, place.symbol.clone(), clock)?;
    lean::read(place, sniffed.text(take_reader(&mut stream)), intake)?;
    intake.end()
}

fn take_reader<'a>(stream: &mut source::Stream<'a>) -> Box<dyn std::io::Read + Send + 'a> {
    std::mem::replace(&mut stream.reader, Box::new(std::io::empty()))
}

fn read_table(
    sniffed: Sniffed,
    mut stream: source::Stream<'_>,
    options: &ImportOptions,
    intake: &mut Intake<'_>,
) -> Result<(), ImportError> {
    let head = match table::Head::of(sniffed.text(take_reader(&mut stream)), &stream, options) {
        Err(_) if table::is_report(&stream.name) => {
            intake.note(format!("{}: HistData's report on the file beside it was left out", stream.label));
            return Ok(());
        }
        head => head?,
    };
    intake.begin(&stream, head.format(), head.symbol(&stream), head.clock())?;
    table::read(head, intake)?;
    intake.end()
}

fn read_bi5(stream: source::Stream<'_>, options: &ImportOptions, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let symbol = bi5::Hour::of(&stream.inner).and_then(|hour| hour.symbol);
    intake.begin(&stream, Format::Bi5, symbol.clone(), SourceClock::Usual)?;
    let given = options.digits.or(options.spec.as_ref().map(|spec| spec.digits));
    let name = symbol.as_ref().or(options.symbol.as_ref()).or(options.spec.as_ref().map(|spec| &spec.name));
    let name = name.ok_or_else(|| ImportError::NoSymbol { file: stream.label.clone() })?;
    let digits = given.or_else(|| specs::dukascopy_digits(name)).ok_or_else(|| {
        intake.wrong(format!(
            "Dukascopy's hours hold whole points, and how many decimals a point of {name} has is not known; give them: --digits 3 where prices look like 21.802"
        ))
    })?;
    bi5::read(&stream.inner, stream.reader, digits, intake)?;
    intake.end()
}

fn read_parquet(stream: source::Stream<'_>, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    intake.begin(&stream, Format::Parquet, source::symbol_of(&stream), SourceClock::Usual)?;
    let file =
        if stream.is_packed { intake.spool(stream.reader)? } else { File::open(stream.path).map_err(ImportError::io(stream.path))? };
    parquet::read(file, intake)?;
    intake.end()
}

#[cfg(test)]
mod tests;
