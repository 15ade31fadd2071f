//! Bars that came as bars: one Arrow file per timeframe and year.

use super::error::StoreError;
use super::table::{self, FORMAT, Kind, Meta, Table};
use crate::date::Date;
use arrow_array::{ArrayRef, Float64Array, TimestampMicrosecondArray, UInt32Array, UInt64Array};
use domain::symbol::SymbolSpec;
use domain::tick::Timeframe;
use domain::time::Time;
use std::path::PathBuf;
use std::sync::Arc;

/// Bars of bids in columns, equally long, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BarColumns {
    /// Start of each bar, microseconds since 1970 UTC.
    pub times: Vec<i64>,
    /// First bids.
    pub opens: Vec<f64>,
    /// Highest bids.
    pub highs: Vec<f64>,
    /// Lowest bids.
    pub lows: Vec<f64>,
    /// Last bids.
    pub closes: Vec<f64>,
    /// Numbers of ticks.
    pub tick_volumes: Vec<u64>,
    /// Spreads in points, as the broker's terminal kept them.
    pub spreads: Vec<u32>,
}

impl BarColumns {
    /// Number of bars.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Adds the bars of `more` from row `start` to before `end`.
    pub fn extend(&mut self, more: &Self, start: usize, end: usize) {
        self.times.extend_from_slice(&more.times[start..end]);
        self.opens.extend_from_slice(&more.opens[start..end]);
        self.highs.extend_from_slice(&more.highs[start..end]);
        self.lows.extend_from_slice(&more.lows[start..end]);
        self.closes.extend_from_slice(&more.closes[start..end]);
        self.tick_volumes.extend_from_slice(&more.tick_volumes[start..end]);
        self.spreads.extend_from_slice(&more.spreads[start..end]);
    }

    /// These bars, with `new` in place of what lies between its first and its last.
    pub(crate) fn spliced(self, new: &Self) -> Self {
        let (Some(first), Some(last)) = (new.times.first(), new.times.last()) else { return self };
        let mut joined = Self::default();
        joined.extend(&self, 0, self.row_at(Time(*first)));
        joined.extend(new, 0, new.len());
        joined.extend(&self, self.row_at(Time(*last + 1)), self.len());
        joined
    }

    /// The first row at or after `time`.
    pub fn row_at(&self, time: Time) -> usize {
        self.times.partition_point(|open| *open < time.0)
    }
}

/// How many bars of one length there are, and from when to when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredBars {
    /// Their length.
    pub timeframe: Timeframe,
    /// How many.
    pub bars: u64,
    /// When the first begins.
    pub from: Time,
    /// When the last begins.
    pub to: Time,
}

/// The bar files of one symbol and timeframe.
#[derive(Clone, Debug)]
pub struct Bars {
    folder: PathBuf,
    timeframe: Timeframe,
}

impl Bars {
    pub(super) fn new(symbol_folder: PathBuf, timeframe: Timeframe) -> Self {
        Self { folder: symbol_folder.join(format!("bars-{timeframe:?}")), timeframe }
    }

    /// Years with bars, sorted.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn years(&self) -> Result<Vec<i64>, StoreError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::io(&self.folder))?,
        };
        let mut years = Vec::new();
        for entry in entries {
            let name = entry.map_err(StoreError::io(&self.folder))?.file_name();
            years.extend(name.to_str().and_then(|name| name.strip_suffix(".arrow")?.parse::<i64>().ok()));
        }
        years.sort_unstable();
        Ok(years)
    }

    /// Bars with `from <= open time < to`.
    ///
    /// # Errors
    /// When a file can't be read or is broken.
    pub fn read(&self, from: Time, to: Time) -> Result<BarColumns, StoreError> {
        let mut all = BarColumns::default();
        for year in self.years()? {
            if (Date::of(from).year()..=Date::of(to).year()).contains(&year) {
                let bars = self.year(year)?;
                let start = bars.row_at(from);
                all.extend(&bars, start, bars.row_at(to).max(start));
            }
        }
        Ok(all)
    }

    /// How many bars are stored, without reading their columns; `None` without a file.
    pub(super) fn stored(&self) -> Result<Option<StoredBars>, StoreError> {
        let mut stored: Option<StoredBars> = None;
        for year in self.years()? {
            let file = self.file(year);
            let table = Table::open(&file)?;
            let times = table.column::<i64>("time", Kind::Time).map_err(|why| StoreError::Corrupt { file, why })?;
            let (Some(first), Some(last)) = (times.first(), times.last()) else { continue };
            let before = stored.unwrap_or(StoredBars { timeframe: self.timeframe, bars: 0, from: Time(*first), to: Time(*last) });
            stored = Some(StoredBars { bars: before.bars + times.len() as u64, to: Time(*last), ..before });
        }
        Ok(stored)
    }

    /// All bars of one year; none when there is no file.
    pub(crate) fn year(&self, year: i64) -> Result<BarColumns, StoreError> {
        let file = self.file(year);
        if !file.is_file() {
            return Ok(BarColumns::default());
        }
        let columns = |table: Table| -> Result<BarColumns, String> {
            Ok(BarColumns {
                times: table.column::<i64>("time", Kind::Time)?.to_vec(),
                opens: table.column::<f64>("open", Kind::F64)?.to_vec(),
                highs: table.column::<f64>("high", Kind::F64)?.to_vec(),
                lows: table.column::<f64>("low", Kind::F64)?.to_vec(),
                closes: table.column::<f64>("close", Kind::F64)?.to_vec(),
                tick_volumes: table.column::<u64>("tick_volume", Kind::U64)?.to_vec(),
                spreads: table.column::<u32>("spread", Kind::U32)?.to_vec(),
            })
        };
        let verified = |table: Table| table.verify().and_then(|()| columns(table));
        verified(Table::open(&file)?).map_err(|why| StoreError::Corrupt { file, why })
    }

    /// Replaces one year's bars and returns the file's size.
    pub(crate) fn write_year(&self, spec: &SymbolSpec, year: i64, bars: &BarColumns, source: &str) -> Result<u64, StoreError> {
        std::fs::create_dir_all(&self.folder).map_err(StoreError::io(&self.folder))?;
        let floats = |column: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(column.to_vec())) };
        let times = TimestampMicrosecondArray::from(bars.times.clone()).with_data_type(table::time_type());
        let arrays: Vec<(&str, ArrayRef)> = vec![
            ("time", Arc::new(times)),
            ("open", floats(&bars.opens)),
            ("high", floats(&bars.highs)),
            ("low", floats(&bars.lows)),
            ("close", floats(&bars.closes)),
            ("tick_volume", Arc::new(UInt64Array::from(bars.tick_volumes.clone()))),
            ("spread", Arc::new(UInt32Array::from(bars.spreads.clone()))),
        ];
        let meta = Meta {
            format: FORMAT,
            symbol: spec.name.clone(),
            digits: spec.digits,
            source: source.into(),
            rows: bars.len() as u64,
            checksum: Some(table::checksum(&arrays)),
        };
        table::replace(&self.file(year), |out| table::write(out, &meta, arrays))
    }

    /// Their length.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    fn file(&self, year: i64) -> PathBuf {
        self.folder.join(format!("{year:04}.arrow"))
    }
}
