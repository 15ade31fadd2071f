//! One day of ticks: written, mapped, handed out as columns.

use super::error::StoreError;
use super::table::{self, FORMAT, Kind, Meta, Table};
use crate::columns::OwnedColumns;
use crate::date::Date;
use arrow_array::{ArrayRef, Float64Array, TimestampMicrosecondArray, UInt32Array};
use arrow_buffer::ScalarBuffer;
use domain::symbol::SymbolSpec;
use domain::tick::{TickColumns, TickFlags};
use domain::time::Time;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Ticks of one symbol and UTC day, mapped from their file. Dropping it unmaps them.
#[derive(Clone, Debug)]
pub struct Day {
    date: Date,
    source: String,
    times: ScalarBuffer<i64>,
    bids: ScalarBuffer<f64>,
    asks: ScalarBuffer<f64>,
    lasts: Option<ScalarBuffer<f64>>,
    volumes: Option<ScalarBuffer<f64>>,
    flags: Option<ScalarBuffer<TickFlags>>,
    rows: Range<usize>,
}

impl Day {
    pub(super) fn open(symbol: &str, date: Date, file: &Path) -> Result<Self, StoreError> {
        Self::of_table(symbol, date, Table::open(file)?).map_err(|why| StoreError::Corrupt { file: file.into(), why })
    }

    /// The same, with every byte read and compared with its checksum.
    pub(super) fn open_verified(symbol: &str, date: Date, file: &Path) -> Result<Self, StoreError> {
        let table = Table::open(file)?;
        table.verify().and_then(|()| Self::of_table(symbol, date, table)).map_err(|why| StoreError::Corrupt { file: file.into(), why })
    }

    /// Ticks that [`write_raw`] wrote.
    pub(crate) fn open_raw(date: Date, file: &Path) -> Result<Self, StoreError> {
        Self::open("", date, file)
    }

    fn of_table(symbol: &str, date: Date, table: Table) -> Result<Self, String> {
        if table.meta.symbol != symbol {
            return Err(format!("it holds {:?}", table.meta.symbol));
        }
        let day = Self {
            date,
            times: table.column("time", Kind::Time)?,
            bids: table.column("bid", Kind::F64)?,
            asks: table.column("ask", Kind::F64)?,
            lasts: table.optional("last", Kind::F64)?,
            volumes: table.optional("volume", Kind::F64)?,
            flags: table.optional("flags", Kind::U32)?,
            rows: 0..table.rows(),
            source: table.meta.source,
        };
        // Not every row, which would read the whole file; `TickStore::verify` does that.
        let edges = day.times.first().into_iter().chain(day.times.last());
        if edges.into_iter().any(|time| Date::of(Time(*time)) != date) {
            return Err(format!("it holds ticks of another day than {date}"));
        }
        Ok(day)
    }

    /// Which day.
    pub fn date(&self) -> Date {
        self.date
    }

    /// Where its ticks came from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Number of ticks.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its ticks, in place.
    pub fn columns(&self) -> TickColumns<'_> {
        let optional = |column: &'_ Option<ScalarBuffer<f64>>| -> Range<usize> { if column.is_some() { self.rows.clone() } else { 0..0 } };
        TickColumns {
            times: &self.times[self.rows.clone()],
            bids: &self.bids[self.rows.clone()],
            asks: &self.asks[self.rows.clone()],
            lasts: self.lasts.as_ref().map_or(&[][..], |column| &column[optional(&self.lasts)]),
            volumes: self.volumes.as_ref().map_or(&[][..], |column| &column[optional(&self.volumes)]),
        }
    }

    /// What changed with each tick, or empty where that is always bid and ask.
    pub fn flags(&self) -> &[TickFlags] {
        self.flags.as_ref().map_or(&[][..], |column| &column[self.rows.clone()])
    }

    /// Only the ticks with `from <= time < to`.
    pub fn within(mut self, from: Time, to: Time) -> Self {
        let times = &self.times[self.rows.clone()];
        let start = times.partition_point(|time| *time < from.0);
        let end = times.partition_point(|time| *time < to.0).max(start);
        self.rows = self.rows.start + start..self.rows.start + end;
        self
    }
}

/// Days of one symbol, opened one after the other. A broken file is an error in its place; the days after it still come.
#[derive(Debug)]
pub struct Days {
    symbol: String,
    files: std::vec::IntoIter<(Date, PathBuf)>,
    from: Time,
    to: Time,
}

impl Days {
    pub(super) fn new(symbol: String, files: Vec<(Date, PathBuf)>, from: Time, to: Time) -> Self {
        Self { symbol, files: files.into_iter(), from, to }
    }
}

impl Iterator for Days {
    type Item = Result<Day, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (date, file) = self.files.next()?;
            match Day::open(&self.symbol, date, &file).map(|day| day.within(self.from, self.to)) {
                Ok(day) if day.is_empty() => {}
                other => return Some(other),
            }
        }
    }
}

/// What readers of a day rely on.
pub(super) fn check(spec: &SymbolSpec, date: Date, ticks: TickColumns<'_>) -> Result<(), String> {
    let lengths = [ticks.bids.len(), ticks.asks.len()];
    let optional = [ticks.lasts.len(), ticks.volumes.len()];
    if lengths.iter().any(|length| *length != ticks.len()) || optional.iter().any(|length| *length != 0 && *length != ticks.len()) {
        return Err("columns are not equally long".into());
    }
    if let Some(row) = ticks.times.iter().position(|time| Date::of(Time(*time)) != date) {
        return Err(format!("row {row} is of another day"));
    }
    if let Some(row) = ticks.times.windows(2).position(|pair| pair[0] > pair[1]) {
        return Err(format!("time goes back at row {}", row + 1));
    }
    let off_grid = |price: &f64| spec.nearest_points(*price).is_none_or(|points| spec.price(points) != *price);
    for (name, column) in [("bid", ticks.bids), ("ask", ticks.asks)] {
        if let Some(row) = column.iter().position(off_grid) {
            return Err(format!("{name} {} in row {row} is no price with {} digits", column[row], spec.digits));
        }
    }
    if let Some(row) = ticks.lasts.iter().position(|last| *last != 0.0 && off_grid(last)) {
        return Err(format!("last {} in row {row} is no price with {} digits", ticks.lasts[row], spec.digits));
    }
    Ok(())
}

/// Writes one day in place of what was there and returns the file's size.
pub(super) fn write(file: &Path, spec: &SymbolSpec, ticks: TickColumns<'_>, flags: &[u32], source: &str) -> Result<u64, StoreError> {
    let arrays = arrays(ticks, flags);
    let meta = Meta {
        format: FORMAT,
        symbol: spec.name.clone(),
        digits: spec.digits,
        source: source.into(),
        rows: ticks.len() as u64,
        checksum: Some(table::checksum(&arrays)),
    };
    table::replace(file, |out| table::write(out, &meta, arrays))
}

/// Writes ticks that are not yet on a grid. Not made durable: nobody needs them after a crash.
pub(super) fn write_raw(file: &Path, ticks: &OwnedColumns) -> Result<(), StoreError> {
    let meta = Meta { format: FORMAT, symbol: String::new(), digits: 0, source: String::new(), rows: ticks.len() as u64, checksum: None };
    let write = || {
        let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
        table::write(&mut out, &meta, arrays(ticks.as_columns(), &ticks.flags))?;
        std::io::Write::flush(&mut out)
    };
    write().map_err(StoreError::io(file))
}

fn arrays(ticks: TickColumns<'_>, flags: &[u32]) -> Vec<(&'static str, ArrayRef)> {
    let floats = |column: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(column.to_vec())) };
    let times = TimestampMicrosecondArray::from(ticks.times.to_vec()).with_data_type(table::time_type());
    let mut arrays: Vec<(&str, ArrayRef)> = vec![("time", Arc::new(times)), ("bid", floats(ticks.bids)), ("ask", floats(ticks.asks))];
    if !ticks.lasts.is_empty() {
        arrays.push(("last", floats(ticks.lasts)));
    }
    if !ticks.volumes.is_empty() {
        arrays.push(("volume", floats(ticks.volumes)));
    }
    if !flags.is_empty() {
        arrays.push(("flags", Arc::new(UInt32Array::from(flags.to_vec()))));
    }
    arrays
}
