//! `stockade data`: what the tick store holds, whether it is sound, and the way out of it.

use super::backtest::store_failure;
use super::spec;
use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, bytes, grouped, table};
use domain::time::Time;
use files::Readers;
use market::export::{ExportError, ExportFormat, export};
use market::quality::Quality;
use market::{Date, TickStore};
use serde::Serialize;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

#[derive(clap::Subcommand)]
pub enum Command {
    /// The symbols, with their days, ticks, bars and span.
    List,
    /// What a lot of a symbol is: show it, or state what your broker says.
    Spec(spec::Arguments),
    /// Read every stored file, compare it with its checksum, and tell what may be wrong with its ticks.
    Check {
        /// Symbols; all unless given.
        symbols: Vec<String>,
    },
    /// Write a symbol's ticks for other programs.
    Export(Export),
}

/// What to write where.
#[derive(clap::Args)]
pub struct Export {
    /// The symbol.
    symbol: String,
    /// The file.
    file: PathBuf,
    /// csv, parquet or arrow; unless given, told from the file's name.
    #[arg(long, value_name = "FORMAT")]
    format: Option<ExportFormat>,
    /// First day, such as 2014-05-01.
    #[arg(long, value_name = "DAY")]
    from: Option<Date>,
    /// Last day, itself included.
    #[arg(long, value_name = "DAY")]
    to: Option<Date>,
}

/// What is stored of a symbol.
#[derive(Serialize)]
struct Stored {
    symbol: String,
    days: usize,
    ticks: u64,
    bars: Vec<BarsOf>,
    from: String,
    to: String,
    digits: u8,
    bytes: u64,
}

/// Its bars of one length.
#[derive(Serialize)]
struct BarsOf {
    timeframe: String,
    bars: u64,
}

/// What was found in a symbol's files.
#[derive(Serialize)]
struct Checked {
    symbol: String,
    days: usize,
    bars: u64,
    broken: Vec<String>,
    #[serde(flatten)]
    quality: Quality,
}

/// Does what is asked.
pub fn run(command: &Command, global: &Global) -> Outcome {
    let folder = global.config()?.ticks_dir();
    match command {
        Command::List => show_list(&folder, global),
        Command::Check { symbols } => check(&TickStore::open(&folder).map_err(store_failure)?, symbols, global),
        Command::Spec(arguments) => spec::run(arguments, &TickStore::open(&folder).map_err(store_failure)?, global),
        Command::Export(arguments) => write(&TickStore::open(&folder).map_err(store_failure)?, arguments, global),
    }
}

fn show_list(folder: &Path, global: &Global) -> Outcome {
    let stored = if folder.is_dir() { list(&TickStore::open(folder).map_err(store_failure)?)? } else { Vec::new() };
    global.output().show(&stored, |stored| {
        if stored.is_empty() {
            return format!("{} holds no ticks; `stockade import FOLDER` brings some in", folder.display());
        }
        let row = |one: &Stored| {
            let ticks = [grouped(one.days as u64), grouped(one.ticks)];
            let bars = one.bars.iter().map(|bars| format!("{} {}", grouped(bars.bars), bars.timeframe)).collect::<Vec<_>>().join(", ");
            let rest = [bars, bytes(one.bytes), one.digits.to_string(), to_the_minute(&one.from), to_the_minute(&one.to)];
            [vec![one.symbol.clone()], ticks.into(), rest.into()].concat()
        };
        let head = [
            ("symbol", Align::Left),
            ("days", Align::Right),
            ("ticks", Align::Right),
            ("bars", Align::Right),
            ("size", Align::Right),
            ("digits", Align::Right),
            ("from", Align::Left),
            ("to", Align::Left),
        ];
        table(&head, &stored.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}

/// `2024-03-05 09:00` of `2024-03-05T09:00:00.000000Z`.
fn to_the_minute(time: &str) -> String {
    time.get(..16).unwrap_or_default().replace('T', " ")
}

fn list(store: &TickStore) -> Outcome<Vec<Stored>> {
    let mut all = Vec::new();
    for symbol in store.symbols().map_err(store_failure)? {
        let days = store.days(&symbol).map_err(store_failure)?;
        let mut ticks = 0;
        for &date in &days {
            ticks += store.day(&symbol, date).map_err(store_failure)?.map_or(0, |day| day.columns().len() as u64);
        }
        let stored_bars = store.stored_bars(&symbol).map_err(store_failure)?;
        let spans = stored_bars.iter().map(|bars| (bars.from, bars.to));
        let spans: Vec<(Time, Time)> = store.span(&symbol).map_err(store_failure)?.into_iter().chain(spans).collect();
        let time = |time: Option<Time>| time.map_or_else(String::new, |time| time.to_string());
        let (from, to) = (spans.iter().map(|span| span.0).min(), spans.iter().map(|span| span.1).max());
        let bars = stored_bars.iter().map(|bars| BarsOf { timeframe: format!("{:?}", bars.timeframe), bars: bars.bars }).collect();
        let digits = store.spec(&symbol).map_err(store_failure)?.digits;
        let size = store.bytes(&symbol).map_err(store_failure)?;
        all.push(Stored { symbol, days: days.len(), ticks, bars, from: time(from), to: time(to), digits, bytes: size });
    }
    Ok(all)
}

/// The store's name of a symbol that somebody may have written in another case.
///
/// # Errors
/// The store doesn't hold it; the names that are like it are told.
pub fn stored_name(store: &TickStore, symbol: &str) -> Outcome<String> {
    store.find(symbol).map_err(store_failure)
}

fn check(store: &TickStore, symbols: &[String], global: &Global) -> Outcome {
    let symbols = if symbols.is_empty() { store.symbols().map_err(store_failure)? } else { symbols.to_vec() };
    let mut all = Vec::new();
    for symbol in symbols {
        let symbol = stored_name(store, &symbol)?;
        let found = store.check(&symbol).map_err(store_failure)?;
        let broken = found.broken.iter().map(ToString::to_string).collect();
        all.push(Checked { symbol, days: found.days, bars: found.bars, broken, quality: found.quality });
    }
    global.output().show(&all, |all| match all.as_slice() {
        [] => "the store holds no ticks; `stockade import FOLDER` brings some in".to_owned(),
        all => all.iter().map(shown).collect::<Vec<_>>().join("\n"),
    });
    match all.iter().flat_map(|one| &one.broken).count() {
        0 => Ok(()),
        1 => Err(Failure::new(Exit::Failed, "one stored file is broken; it is named above with what mends it")),
        broken => {
            Err(Failure::new(Exit::Failed, format_args!("{broken} stored files are broken; they are named above with what mends them")))
        }
    }
}

fn shown(one: &Checked) -> String {
    let (days, ticks) = (grouped(one.days as u64), grouped(one.quality.ticks));
    let bars = if one.bars > 0 { format!(", {} bars", grouped(one.bars)) } else { String::new() };
    let state = if one.broken.is_empty() { "every file is as it was written" } else { "NOT SOUND" };
    let broken: String = one.broken.iter().map(|why| format!("\n  {why}")).collect();
    format!("{}: {ticks} ticks on {days} days{bars}; {state}{broken}{}", one.symbol, one.quality)
}

fn write(store: &TickStore, arguments: &Export, global: &Global) -> Outcome {
    let Export { file, .. } = arguments;
    let symbol = &stored_name(store, &arguments.symbol)?;
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let told = || {
        ending.parse().map_err(|_| {
            Failure::new(
                Exit::Usage,
                format_args!("the name {} does not tell its format; give --format csv, parquet or arrow", file.display()),
            )
        })
    };
    let format = arguments.format.map_or_else(told, Ok)?;
    let from = arguments.from.map_or(Time(i64::MIN), Date::start);
    let to = arguments.to.map_or(Time(i64::MAX), Date::end);
    if from >= to {
        return Err(Failure::new(Exit::Usage, "--from lies after --to; the first day comes first"));
    }
    has_ticks(store, symbol, (from, to))?;
    // Half a file must not look like a whole one.
    let written = files::replace(file, Readers::AsUsual, |out| export(store, symbol, (from, to), format, BufWriter::new(out)));
    let ticks = written.map_err(|error| match error {
        ExportError::Store(error) => store_failure(error),
        ExportError::Write(error) => Failure::io("write", file, &error),
    })?;
    // A name that is not UTF-8 is shown as far as it is.
    let answer = serde_json::json!({ "symbol": symbol, "file": file.display().to_string(), "ticks": ticks });
    global.output().show(&answer, |_| format!("wrote {} ticks of {symbol} to {}", grouped(ticks), file.display()));
    Ok(())
}

/// A file without a row looks like an export that went well: a time without ticks is refused, with the time that has some.
fn has_ticks(store: &TickStore, symbol: &str, (from, to): (Time, Time)) -> Outcome {
    for day in store.read(symbol, from, to).map_err(store_failure)? {
        if !day.map_err(store_failure)?.columns().times.is_empty() {
            return Ok(());
        }
    }
    let has = match store.span(symbol).map_err(store_failure)? {
        Some((first, last)) => format!("the store has them from {first} to {last}: give --from and --to days within that"),
        None => match store.stored_bars(symbol).map_err(store_failure)?.as_slice() {
            [] => "the store has none: import some first".to_owned(),
            [bars, ..] => format!("the store has {} {:?} bars of it alone, which are not exported", grouped(bars.bars), bars.timeframe),
        },
    };
    Err(Failure::new(Exit::NotFound, format_args!("{symbol} has no ticks in the time asked for; {has}")))
}
