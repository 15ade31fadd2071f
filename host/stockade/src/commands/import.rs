//! `stockade import`: another system's files into the tick store.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::telemetry;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use market::TickStore;
use market::import::{
    ColumnNames, DateOrder, Existing, Format, ImportError, ImportOptions, OnBadFile, OnDailyRows, OnDirtyRow, Progress, SourceClock, Stop,
    import,
};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{ErrorKind, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Reads a file, an archive or a folder of them, of one symbol or several; all of it takes its place in the store, or nothing does.
///
/// Files may be packed with zip, gzip or zstd. Ctrl-C leaves the store as it was.
///
/// Tables (CSV, JSON, Parquet) are read by their columns' names: time or date, bid and ask for ticks; open, high, low and close for
/// bars; perhaps last, volume, flags, tick_volume, spread, symbol. Without names they are read where shape and values leave no doubt.
#[derive(clap::Args)]
pub struct Arguments {
    /// File or folder.
    source: PathBuf,
    /// The symbol's name; unless given, told from the files' names or content. Of files with several symbols, this one alone.
    #[arg(long)]
    symbol: Option<String>,
    /// Whose files they are: auto, lean, mt5-ticks, mt5-bars, csv, json, bi5 (Dukascopy), parquet.
    #[arg(long, default_value = "auto", value_name = "FORMAT")]
    format: Format,
    /// Which clock the files' times are of: utc, hours ahead of it such as +2 or -3.5, new-york-close (what most MT5
    /// brokers' servers show), or a zone such as Europe/Athens. Unless given, that of the format.
    #[arg(long, value_name = "CLOCK", default_value = "usual", hide_default_value = true, allow_hyphen_values = true)]
    utc_offset: SourceClock,
    /// What the columns hold, in their order, where their names and values don't tell: `time,bid,ask,-` (- leaves one out).
    /// Known are time, date, bid, ask, last, volume, flags, open, high, low, close, tick_volume, spread and symbol.
    #[arg(long, value_name = "NAMES", allow_hyphen_values = true)]
    columns: Option<ColumnNames>,
    /// Which comes first in dates like 3/4/2024 or 240305: day-first, month-first or year-first. Needed where no date of the file tells.
    #[arg(long, value_name = "ORDER")]
    dates: Option<DateOrder>,
    /// Decimals of a price; unless given, those stored or found. Of Dukascopy's hours, the decimals of a point.
    #[arg(long, value_parser = clap::value_parser!(u8).range(0..=8))]
    digits: Option<u8>,
    /// Stop at the first row that makes no sense, instead of leaving it out and naming it.
    #[arg(long)]
    strict: bool,
    /// Leave out files that are not what they should be (a server's error page, a broken archive) and count them, instead of
    /// refusing all.
    #[arg(long)]
    skip_bad_files: bool,
    /// Leave out the daily rows that MT5 puts before its oldest shorter bars, instead of refusing the file.
    #[arg(long)]
    skip_daily_rows: bool,
    /// Replace each day with a new tick as a whole, instead of only the span of the new ticks.
    #[arg(long)]
    replace_days: bool,
}

/// Imports and reports.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let config = global.config()?;
    if !arguments.source.exists() {
        return Err(Failure::new(Exit::NotFound, format_args!("there is no {}; give a file or a folder", arguments.source.display())));
    }
    let options = ImportOptions {
        format: arguments.format,
        columns: arguments.columns.clone(),
        dates: arguments.dates,
        symbol: arguments.symbol.clone(),
        spec: None,
        digits: arguments.digits,
        clock: arguments.utc_offset.clone(),
        on_dirty_row: if arguments.strict { OnDirtyRow::Stop } else { OnDirtyRow::Skip },
        on_daily_rows: if arguments.skip_daily_rows { OnDailyRows::LeaveOut } else { OnDailyRows::Refuse },
        on_bad_file: if arguments.skip_bad_files { OnBadFile::LeaveOut } else { OnBadFile::Stop },
        stop: Stop(interrupts()?),
        existing: if arguments.replace_days { Existing::ReplaceDays } else { Existing::Splice },
    };
    let store = TickStore::create(config.ticks_dir()).map_err(|error| failure(&ImportError::Store(error), arguments))?;
    let hidden = crate::folder::hide_from_git(&config.data_dir);
    hidden.map_err(|error| Failure::io("make the data folder", &config.data_dir, &error))?;
    let bar = progress_bar();
    let reports = import(&arguments.source, &options, &store, &mut |progress| show(&bar, &progress));
    bar.finish_and_clear();
    let reports = reports.map_err(|error| {
        show_bad_files(&error, global);
        failure(&error, arguments)
    })?;
    global.output().show(&json!({ "items": reports }), |_| reports.iter().map(|report| format!("{report}\n")).collect());
    Ok(())
}

/// The first Ctrl-C, or request to end, ends the import at the next row; the second ends the program at once, and what it leaves beside
/// the store the next import removes.
fn interrupts() -> Outcome<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(Failure::of(Exit::Machine))?;
    }
    Ok(stop)
}

/// On a terminal only: a log has no use for it.
fn progress_bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {bytes_per_sec:>12}  {msg}").expect("the template is right");
    ProgressBar::with_draw_target(None, target).with_style(style)
}

fn show(bar: &ProgressBar, progress: &Progress<'_>) {
    bar.set_length(progress.bytes_total);
    bar.set_position(progress.bytes_done);
    bar.set_message(format!("{} rows, {}", crate::output::grouped(progress.rows), progress.file));
}

/// The first of the files that are refused, a line each; their count is in the failure that follows.
fn show_bad_files(error: &ImportError, global: &Global) {
    const SHOWN_MAX: usize = 3;
    let ImportError::BadFiles { count, named, .. } = error else { return };
    if global.json {
        return;
    }
    named.iter().take(SHOWN_MAX).for_each(telemetry::say);
    let more = count.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        telemetry::say(format_args!("… and {} more; --json names them", crate::output::grouped(more)));
    }
}

fn failure(error: &ImportError, arguments: &Arguments) -> Failure {
    use ImportError as E;
    use market::StoreError as S;
    let by_kind = |kind: ErrorKind| match kind {
        ErrorKind::NotFound => Exit::NotFound,
        _ => Exit::Machine,
    };
    if let E::BadFiles { count, named } = error {
        let count = crate::output::grouped(*count);
        let message = format_args!("{count} files can't be imported, and nothing was; mend them, or leave them out with --skip-bad-files");
        return Failure::new(Exit::Refused, message).with("bad_files", json!(named));
    }
    let hint = match error {
        E::DailyRows { .. } => ", or leave them out with --skip-daily-rows",
        E::WrongFormat { .. } if arguments.source.is_dir() && !arguments.skip_bad_files => {
            "; or leave such files out with --skip-bad-files"
        }
        E::Store(S::Io { source, .. }) => match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free some space on that disk: nothing was imported",
            ErrorKind::FileTooLarge => "; raise the limit on the size of files (ulimit -f): nothing was imported",
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; name another folder with --data-dir: nothing was imported",
            _ => "",
        },
        _ => "",
    };
    let exit = match error {
        E::Io { source, .. } | E::Store(S::Io { source, .. }) => by_kind(source.kind()),
        E::NoFiles { .. } | E::NotAsked { .. } => Exit::NotFound,
        E::Interrupted => Exit::Interrupted,
        E::Store(S::Busy { .. }) => Exit::InUse,
        E::Store(_) => Exit::Failed,
        _ => Exit::Refused,
    };
    Failure::new(exit, format_args!("{error}{hint}"))
}
