//! The end of an import: the spec is settled, prices go onto its grid, days take their places.

use super::error::ImportError;
use super::intake::Gathered;
use super::report::ImportReport;
use super::specs::{spec_for, unknown};
use super::staging::splice;
use super::{Existing, ImportOptions, SourceClock};
use crate::columns::OwnedColumns;
use crate::date::Date;
use crate::quality::Quality;
use crate::store::{BarColumns, Day, StoreError, TickStore};
use domain::symbol::SymbolSpec;
use domain::tick::Timeframe;
use domain::time::Time;
use std::path::Path;

pub(super) fn commit(gathered: Gathered, source: &Path, options: &ImportOptions, store: &TickStore) -> Result<ImportReport, ImportError> {
    if gathered.staging.days().next().is_none() && gathered.bars.is_none() {
        let first = gathered.tally.dirty_rows.into_iter().next();
        return Err(ImportError::NothingUsable { path: source.into(), first });
    }
    let named = options.symbol.as_ref().or(options.spec.as_ref().map(|spec| &spec.name));
    let symbol = named.or(gathered.symbol.as_ref()).cloned();
    let symbol = symbol.ok_or_else(|| ImportError::NoSymbol { file: source.display().to_string() })?;
    let lock = store.lock(&symbol)?;
    let (spec, spec_origin) = settle_spec(&symbol, &gathered, options, store)?;
    store.put_spec(&spec)?;

    let file = source.file_name().unwrap_or_default().to_string_lossy();
    let mut report = ImportReport {
        symbol,
        spec_origin,
        format: gathered.format,
        clock: gathered.clock.to_string(),
        files: gathered.tally.files,
        rows: gathered.tally.rows,
        skipped: gathered.tally.skipped,
        crossed: gathered.tally.crossed,
        late: gathered.tally.late,
        ticks: 0,
        bars: 0,
        timeframe: None,
        rounded: 0,
        files_written: 0,
        bytes_written: 0,
        from: Time(i64::MAX),
        to: Time(i64::MIN),
        quality: Quality::default(),
        notes: notes(&gathered, options),
        dirty_rows: gathered.tally.dirty_rows,
        spec,
    };
    let source = format!("{} {}", gathered.format.name(), file.chars().take(200).collect::<String>());
    for date in gathered.staging.days() {
        let day = gathered.staging.day(date)?;
        commit_day(&day, options.existing, store, &source, &mut report)?;
    }
    if let Some((timeframe, bars)) = gathered.bars {
        commit_bars(timeframe, bars, options.existing, store, &source, &mut report)?;
    }
    drop(lock);
    Ok(report)
}

fn notes(gathered: &Gathered, options: &ImportOptions) -> Vec<String> {
    let mut notes = gathered.tally.notes.clone();
    if options.clock == SourceClock::Usual && gathered.format.name().starts_with("mt5") {
        notes.push(
            "MT5 exports have the times of the broker's server and were taken as UTC; name the server's clock if it is another".into(),
        );
    }
    notes
}

/// The spec and where it is from.
fn settle_spec(symbol: &str, gathered: &Gathered, options: &ImportOptions, store: &TickStore) -> Result<(SymbolSpec, String), ImportError> {
    let stored = match store.spec(symbol) {
        Ok(spec) => Some(spec),
        Err(StoreError::UnknownSymbol { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let with_digits = |spec: SymbolSpec, origin: &str| match options.digits {
        Some(digits) => (SymbolSpec { digits, ..spec }, format!("{origin} with the given digits")),
        None => (spec, origin.to_owned()),
    };
    let (spec, origin) = match (&options.spec, &stored) {
        (Some(given), _) => (SymbolSpec { name: symbol.into(), ..given.clone() }, "as given".to_owned()),
        (None, Some(stored)) => with_digits(stored.clone(), "as stored"),
        (None, None) => {
            let (spec, origin) = match spec_for(symbol) {
                Some(spec) => (spec, "common for the name"),
                None => (unknown(symbol), "assumed for an unknown name"),
            };
            let digits = gathered.tally.decimals.digits(spec.digits);
            let (spec, origin) = with_digits(SymbolSpec { digits, ..spec }, origin);
            let found = if options.digits.is_none() { ", digits as found" } else { "" };
            (spec, format!("{origin}{found}"))
        }
    };
    let spec = spec.validated().map_err(ImportError::BadSpec)?;
    match stored.map(|stored| stored.digits) {
        Some(stored) if stored > spec.digits && !store.days(symbol)?.is_empty() => {
            Err(ImportError::OtherDigits { symbol: symbol.into(), stored, given: spec.digits })
        }
        _ => Ok((spec, origin)),
    }
}

fn commit_day(raw: &Day, existing: Existing, store: &TickStore, source: &str, report: &mut ImportReport) -> Result<(), ImportError> {
    let (date, symbol) = (raw.date(), report.symbol.clone());
    let ticks = snap(raw, report);
    let (Some(first), Some(last)) = (ticks.times.first().copied(), ticks.times.last().copied()) else { return Ok(()) };
    report.ticks += ticks.len() as u64;
    report.quality.look(&ticks.as_columns());
    report.from = report.from.min(Time(first));
    report.to = report.to.max(Time(last));
    let old = if existing == Existing::Splice { store.day(&symbol, date)? } else { None };
    let ticks = match old {
        Some(old) => splice(&old, ticks),
        None => ticks,
    };
    report.bytes_written += store.write_day(&symbol, date, ticks.as_columns(), &ticks.flags, source)?;
    report.files_written += 1;
    Ok(())
}

/// The ticks with their prices on the grid. What is too small or too large for it is left out and counted.
fn snap(raw: &Day, report: &mut ImportReport) -> OwnedColumns {
    let mut ticks = OwnedColumns::default();
    ticks.extend(raw.columns(), raw.flags());
    let spec = report.spec.clone();
    let scale = spec.points_per_unit();
    let snap = |price: &mut f64, rounded: &mut bool| -> bool {
        let Some(points) = spec.nearest_points(*price) else { return false };
        *rounded |= (*price * scale - points.0 as f64).abs() > 1e-6_f64.max(points.0 as f64 * 1e-12);
        *price = points.0 as f64 / scale;
        true
    };
    let mut off_scale = Vec::new();
    for row in 0..ticks.len() {
        let mut rounded = false;
        let fits = snap(&mut ticks.bids[row], &mut rounded) && snap(&mut ticks.asks[row], &mut rounded);
        if let Some(last) = ticks.lasts.get_mut(row)
            && !snap(last, &mut rounded)
        {
            *last = 0.0;
        }
        report.rounded += u64::from(rounded);
        if !fits {
            off_scale.push(row);
        }
    }
    if off_scale.is_empty() {
        return ticks;
    }
    report.skipped += off_scale.len() as u64;
    let note = format!(
        "{} ticks on {} have prices too small or too large for {} digits and were left out",
        off_scale.len(),
        raw.date(),
        spec.digits
    );
    report.notes.push(note);
    let mut kept = OwnedColumns::default();
    let mut off_scale = off_scale.into_iter().peekable();
    for row in 0..ticks.len() {
        if off_scale.next_if_eq(&row).is_none() {
            kept.push(ticks.row(row));
        }
    }
    kept
}

fn commit_bars(
    timeframe: Timeframe,
    mut bars: BarColumns,
    existing: Existing,
    store: &TickStore,
    source: &str,
    report: &mut ImportReport,
) -> Result<(), ImportError> {
    let spec = report.spec.clone();
    let scale = spec.points_per_unit();
    for row in 0..bars.len() {
        let mut rounded = false;
        for column in [&mut bars.opens, &mut bars.highs, &mut bars.lows, &mut bars.closes] {
            // At least a point: a bar can't be left out without a hole in the series.
            let points = (column[row] * scale).round().max(1.0);
            rounded |= (column[row] * scale - points).abs() > 1e-6_f64.max(points * 1e-12);
            column[row] = points / scale;
        }
        report.rounded += u64::from(rounded);
    }
    report.bars = bars.len() as u64;
    report.timeframe = Some(timeframe);
    report.from = bars.times.first().copied().map_or(report.from, Time);
    report.to = bars.times.last().copied().map_or(report.to, Time);

    let files = store.bar_files(&spec.name, timeframe);
    let mut start = 0;
    while start < bars.len() {
        let year = Date::of(Time(bars.times[start])).year();
        let length = bars.times[start..].partition_point(|time| Date::of(Time(*time)).year() == year);
        let mut new = BarColumns::default();
        new.extend(&bars, start, start + length);
        let whole = if existing == Existing::Splice { files.year(year)?.spliced(&new) } else { new };
        report.bytes_written += files.write_year(&spec, year, &whole, source)?;
        report.files_written += 1;
        start += length;
    }
    Ok(())
}
