//! `stockade data`: what the tick store holds, whether it is sound, and the way out of it.

use super::backtest::store_failure;
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
    /// The symbols, with their days, ticks and span.
    List,
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
    from: String,
    to: String,
    digits: u8,
    bytes: u64,
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
            let numbers = [grouped(one.days as u64), grouped(one.ticks), bytes(one.bytes), one.digits.to_string()];
            [vec![one.symbol.clone()], numbers.into(), vec![one.from.clone(), one.to.clone()]].concat()
        };
        let head = [
            ("symbol", Align::Left),
            ("days", Align::Right),
            ("ticks", Align::Right),
            ("size", Align::Right),
            ("digits", Align::Right),
            ("from", Align::Left),
            ("to", Align::Left),
        ];
        table(&head, &stored.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}

fn list(store: &TickStore) -> Outcome<Vec<Stored>> {
    let mut all = Vec::new();
    for symbol in store.symbols().map_err(store_failure)? {
        let days = store.days(&symbol).map_err(store_failure)?;
        let (mut ticks, mut size) = (0, 0);
        for &date in &days {
            let day = store.day(&symbol, date).map_err(store_failure)?;
            let columns = day.as_ref().map(market::Day::columns).unwrap_or_default();
            ticks += columns.len() as u64;
            size +=
                (columns.times.len() + columns.bids.len() + columns.asks.len() + columns.lasts.len() + columns.volumes.len()) as u64 * 8;
        }
        let span = store.span(&symbol).map_err(store_failure)?;
        let (from, to) = span.map_or_else(Default::default, |(from, to)| (from.to_string(), to.to_string()));
        let digits = store.spec(&symbol).map_err(store_failure)?.digits;
        all.push(Stored { symbol, days: days.len(), ticks, from, to, digits, bytes: size });
    }
    Ok(all)
}

fn check(store: &TickStore, symbols: &[String], global: &Global) -> Outcome {
    let symbols = if symbols.is_empty() { store.symbols().map_err(store_failure)? } else { symbols.to_vec() };
    let mut all = Vec::new();
    for symbol in symbols {
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
    let Export { symbol, file, .. } = arguments;
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
    store.spec(symbol).map_err(store_failure)?;
    has_ticks(store, symbol, (from, to))?;
    // Half a file must not look like a whole one.
    let written = files::replace(file, Readers::AsUsual, |out| export(store, symbol, (from, to), format, BufWriter::new(out)));
    let ticks = written.map_err(|error| match error {
        ExportError::Store(error) => store_failure(error),
        ExportError::Write(error) => Failure::io("write", file, &error),
    })?;
    let answer = serde_json::json!({ "symbol": symbol, "file": file, "ticks": ticks });
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
        None => "the store has none: import some first".to_owned(),
    };
    Err(Failure::new(Exit::NotFound, format_args!("{symbol} has no ticks in the time asked for; {has}")))
}
