//! The end of an import: the spec is settled, prices go onto its grid, days take their places.

use super::error::ImportError;
use super::intake::{Gathered, Tally};
use super::lots::Lot;
use super::report::{ImportReport, grouped};
use super::specs::{is_same_instrument, spec_for, unknown};
use super::staging::splice;
use super::week::Week;
use super::{Existing, ImportOptions};
use crate::columns::OwnedColumns;
use crate::date::Date;
use crate::quality::Quality;
use crate::store::{BarColumns, Day, StoreError, TickStore};
use domain::symbol::SymbolSpec;
use domain::tick::Timeframe;
use domain::time::Time;
use std::path::Path;

/// A report for each symbol. The store is as it was until everything is ready to take its place; nothing stops it from there on.
pub(super) fn commit(
    mut gathered: Gathered,
    source: &Path,
    options: &ImportOptions,
    store: &TickStore,
) -> Result<Vec<ImportReport>, ImportError> {
    if gathered.lots.is_empty() {
        let first = gathered.tally.dirty_rows.into_iter().next();
        let bad_file = gathered.bad_files.named.into_iter().next();
        return Err(ImportError::NothingUsable { path: source.into(), first, bad_file });
    }
    let lots = std::mem::take(&mut gathered.lots);
    let locks = lots.iter().map(|lot| store.lock(&lot.symbol)).collect::<Result<Vec<_>, _>>()?;
    let out = gathered.staging.out()?;
    let file = source.file_name().unwrap_or_default().to_string_lossy();
    let said = format!("{} {}", gathered.format.name(), file.chars().take(200).collect::<String>());
    let mut reports = Vec::with_capacity(lots.len());
    for lot in lots {
        let stores = Stores { store, out: &out, existing: options.existing, source: &said };
        reports.push(prepare(lot, &gathered, options, &stores)?);
    }
    let first = &mut reports[0];
    first.rows += gathered.tally.skipped;
    let Tally { skipped, dirty_rows, .. } = gathered.tally;
    (first.skipped, first.dirty_rows) = (skipped, dirty_rows);
    (first.bad_files, first.bad_files_named) = (gathered.bad_files.count, gathered.bad_files.named);
    gathered.staging.publish(store)?;
    drop(locks);
    Ok(reports)
}

/// Where days come from and go to.
struct Stores<'a> {
    store: &'a TickStore,
    /// What will take its place in it.
    out: &'a TickStore,
    existing: Existing,
    /// Where they are from, in words that stay with them.
    source: &'a str,
}

/// Makes everything of a symbol that will take its place in the store.
fn prepare(lot: Lot, gathered: &Gathered, options: &ImportOptions, stores: &Stores<'_>) -> Result<ImportReport, ImportError> {
    let (spec, spec_origin) = settle_spec(&lot, options, stores.store)?;
    stores.out.put_spec(&spec)?;
    let mut report = ImportReport {
        symbol: lot.symbol.clone(),
        spec_origin,
        format: gathered.format,
        clock: gathered.clocks.clone(),
        files: gathered.tally.files,
        rows: lot.counts.rows,
        skipped: 0,
        crossed: lot.counts.crossed,
        late: lot.counts.late,
        ticks: 0,
        bars: 0,
        timeframe: None,
        rounded: 0,
        files_written: 0,
        bytes_written: 0,
        from: Time(i64::MAX),
        to: Time(i64::MIN),
        quality: Quality::default(),
        notes: notes(&lot, gathered, stores.store)?,
        dirty_rows: Vec::new(),
        bad_files: 0,
        bad_files_named: Vec::new(),
        spec,
    };
    if lot.asks.is_some() && lot.bars.is_none() {
        return Err(ImportError::AsksAlone { symbol: lot.symbol });
    }
    let mut week = Week::of(&lot.symbol, 0);
    for date in lot.raw.days() {
        if options.stop.is_asked() {
            return Err(ImportError::Interrupted);
        }
        let day = lot.raw.day(date)?;
        week.iter_mut().for_each(|week| week.look(day.columns().times));
        commit_day(&day, stores, &mut report)?;
        lot.raw.done(date);
    }
    report.notes.extend(week.and_then(Week::warning));
    if let Some((timeframe, mut bars)) = lot.bars {
        if let Some((_, asks)) = &lot.asks {
            report.notes.push(put_spreads(&mut bars, asks, &report.spec));
        }
        let mut week = Week::of(&lot.symbol, timeframe.close(Time(0)).0 - timeframe.open(Time(0)).0);
        week.iter_mut().for_each(|week| week.look(&bars.times));
        report.notes.extend(week.and_then(Week::warning));
        commit_bars(timeframe, bars, stores, &mut report)?;
    }
    Ok(report)
}

fn notes(lot: &Lot, gathered: &Gathered, store: &TickStore) -> Result<Vec<String>, ImportError> {
    let mut notes = gathered.tally.notes.clone();
    let symbol = &lot.symbol;
    let like = store.symbols()?.into_iter().find(|other| other != symbol && is_same_instrument(other, symbol));
    if let Some(like) = like {
        notes.push(format!("the store has {like} too, as another symbol; to have both as one, import with --symbol {like}"));
    }
    Ok(notes)
}

/// The spec and where it is from.
fn settle_spec(lot: &Lot, options: &ImportOptions, store: &TickStore) -> Result<(SymbolSpec, String), ImportError> {
    let symbol = lot.symbol.as_str();
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
                Some(spec) => (spec, "usual for the name"),
                None => (unknown(symbol), "assumed for an unknown name"),
            };
            let digits = lot.counts.decimals.digits(spec.digits);
            let (spec, origin) = with_digits(SymbolSpec { digits, ..spec }, origin);
            let found = if options.digits.is_none() { ", digits as in the prices" } else { "" };
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

fn commit_day(raw: &Day, stores: &Stores<'_>, report: &mut ImportReport) -> Result<(), ImportError> {
    let (date, symbol) = (raw.date(), report.symbol.clone());
    let ticks = snap(raw, report);
    let (Some(first), Some(last)) = (ticks.times.first().copied(), ticks.times.last().copied()) else { return Ok(()) };
    report.ticks += ticks.len() as u64;
    report.quality.look(&ticks.as_columns());
    report.from = report.from.min(Time(first));
    report.to = report.to.max(Time(last));
    let old = if stores.existing == Existing::Splice { stores.store.day(&symbol, date)? } else { None };
    let ticks = match old {
        Some(old) => splice(&old, ticks),
        None => ticks,
    };
    report.bytes_written += stores.out.write_day(&symbol, date, ticks.as_columns(), &ticks.flags, stores.source)?;
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

/// Gives bars of bids the spreads that bars of asks show at their opens and closes, the smaller of both, as in bars made of ticks.
/// What to tell of it.
fn put_spreads(bids: &mut BarColumns, asks: &BarColumns, spec: &SymbolSpec) -> String {
    let scale = spec.points_per_unit();
    let mut without = 0_u64;
    for row in 0..bids.len() {
        let Ok(ask) = asks.times.binary_search(&bids.times[row]) else {
            without += 1;
            continue;
        };
        let spread = (asks.opens[ask] - bids.opens[row]).min(asks.closes[ask] - bids.closes[row]);
        bids.spreads[row] = (spread * scale).round().clamp(0.0, f64::from(u32::MAX)) as u32;
    }
    let told = "spreads are those between the bars of bids and of asks";
    if without == 0 {
        told.into()
    } else {
        format!(
            "{told}; {} no ask beside them",
            if without == 1 { "1 bar has".to_owned() } else { format!("{} bars have", grouped(without)) }
        )
    }
}

fn commit_bars(timeframe: Timeframe, mut bars: BarColumns, stores: &Stores<'_>, report: &mut ImportReport) -> Result<(), ImportError> {
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

    let files = stores.store.bar_files(&spec.name, timeframe);
    let out = stores.out.bar_files(&spec.name, timeframe);
    let mut start = 0;
    while start < bars.len() {
        let year = Date::of(Time(bars.times[start])).year();
        let length = bars.times[start..].partition_point(|time| Date::of(Time(*time)).year() == year);
        let mut new = BarColumns::default();
        new.extend(&bars, start, start + length);
        let whole = if stores.existing == Existing::Splice { files.year(year)?.spliced(&new) } else { new };
        report.bytes_written += out.write_year(&spec, year, &whole, stores.source)?;
        report.files_written += 1;
        start += length;
    }
    Ok(())
}
