//! Tables in Parquet: columns by name, as in CSV, of any of the usual types. Quotes are read as they lie in columns, where a side
//! without a value keeps its last one; all else (bars, trades) row by row, as text is.

mod pages;
mod rows;

use super::error::ImportError;
use super::intake::{Intake, RawTick};
use super::number::{Decimal, decimal, decimals_of};
use super::table::names::{self, Column};
use super::table::{SERVERS_CLOCK, direction};
use super::timestamp::{self, Stamp};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use domain::tick::FLAGS_BID_ASK;
use domain::time::DAY_US;
use pages::{PAGE_BYTES_MAX, Pages, TEXT_PAGE_BYTES_MAX};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::ColumnChunkMetaData;
use std::fs::File;

const BATCH_ROWS: usize = 8_192;
/// The same where times are texts: each row can be one as long as a page.
const TEXT_BATCH_ROWS: usize = 128;
/// Rows that a file may say it has: more than a lifetime of ticks is a lie.
const ROWS_MAX: i64 = 10_000_000_000;
/// What one column of one row group may unpack to: tools write a hundredth of it, and a header can claim anything.
const CHUNK_BYTES_MAX: i64 = 1 << 30;

struct Columns {
    time: usize,
    bid: usize,
    ask: usize,
    last: Option<usize>,
    volume: Option<usize>,
    flags: Option<usize>,
    symbol: Option<usize>,
    /// Of MetaTrader's Python package: counts since 1970 are on the server's clock.
    is_metatrader: bool,
}

pub(super) fn read(file: File, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    // The decoder is not ours, and a damaged file can lead it into a panic. Nothing of it lives on.
    let guarded = std::panic::AssertUnwindSafe(|| read_file(file, intake));
    let done = std::panic::catch_unwind(guarded);
    done.unwrap_or_else(|_| Err(intake.wrong("it is damaged in a way that its decoder does not survive")))
}

fn read_file(file: File, intake: &mut Intake<'_>) -> Result<(), ImportError> {
    let damaged = |intake: &Intake<'_>, error: &dyn std::fmt::Display| {
        let why: String = error.to_string().chars().take(200).collect();
        intake.wrong(format!("it is no readable Parquet file: {why}"))
    };
    let pages = Pages(file.try_clone().map_err(|error| damaged(intake, &error))?);
    // Without what Arrow says of itself, columns are of Parquet's own few types: a dictionary of texts is texts.
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(pages, plain).map_err(|error| damaged(intake, &error))?;
    let names: Vec<String> = builder.schema().fields().iter().map(|field| field.name().trim().to_ascii_lowercase()).collect();
    let quotes = Columns::of(&names);
    let wanted = quotes.as_ref().map_or_else(|| rows::wanted(&names), Columns::wanted);
    if wanted.is_empty() {
        return Err(intake.wrong(format!("no column names a time or prices (it has {})", shown(&names))));
    }
    let metadata = builder.metadata();
    if !(0..=ROWS_MAX).contains(&metadata.file_metadata().num_rows()) {
        return Err(intake.wrong(format!("it says it has {} rows", metadata.file_metadata().num_rows())));
    }
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    if let Some(chunk) = chunks.into_iter().find(|chunk| !(0..=CHUNK_BYTES_MAX).contains(&chunk.uncompressed_size())) {
        let bytes = chunk.uncompressed_size();
        return Err(intake.wrong(format!("a column of it says it unpacks to {bytes} bytes; write it with smaller row groups")));
    }
    let begins = |chunk: &ColumnChunkMetaData| chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let mut chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    // The decoder panics at them.
    if chunks.any(|chunk| begins(chunk) < 0 || chunk.compressed_size() < 0) {
        return Err(intake.wrong("it is damaged: a column of it says it begins before the file, or ends before it begins"));
    }
    let is_text = |at: &usize| matches!(builder.schema().field(*at).data_type(), DataType::Utf8 | DataType::LargeUtf8);
    let (page_bytes_max, batch_rows) =
        if wanted.iter().any(is_text) { (TEXT_PAGE_BYTES_MAX, TEXT_BATCH_ROWS) } else { (PAGE_BYTES_MAX, BATCH_ROWS) };
    for group in metadata.row_groups() {
        let is_wanted = |leaf: &usize| wanted.contains(&builder.parquet_schema().get_column_root_idx(*leaf));
        for leaf in (0..group.num_columns()).filter(is_wanted) {
            let (start, bytes) = group.column(leaf).byte_range();
            pages::check(&file, start, bytes, page_bytes_max).map_err(|error| damaged(intake, &error))?;
        }
    }
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted.iter().copied());
    let reader = builder.with_projection(mask).with_batch_size(batch_rows).build().map_err(|error| damaged(intake, &error))?;
    let batches = reader.map(|batch| batch.map_err(|error| error.to_string()));
    let Some(quotes) = quotes else {
        let mut rows = rows::Rows::new(wanted.iter().map(|at| names[*at].clone()).collect());
        for batch in batches {
            rows.take(&batch.map_err(|error| damaged(intake, &error))?, intake)?;
        }
        return rows.finish(intake);
    };
    let columns = quotes.among(&wanted);
    if columns.is_metatrader {
        intake.note_of_clock(SERVERS_CLOCK);
    }
    let (mut row, mut held) = (0, [None; 2]);
    for batch in batches {
        let batch = batch.map_err(|error| damaged(intake, &error))?;
        if row == 0 {
            columns.tell_direction(&batch, intake);
        }
        columns.take(&batch, &mut row, &mut held, intake)?;
    }
    Ok(())
}

fn shown(names: &[String]) -> String {
    let some: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
    some.join(", ").chars().take(200).collect()
}

impl Columns {
    fn of(names: &[String]) -> Option<Self> {
        let place = |wanted: Column| names.iter().position(|name| Column::of(name) == wanted);
        Some(Self {
            time: names::finest_time(names)?,
            bid: place(Column::Bid)?,
            ask: place(Column::Ask)?,
            last: place(Column::Last),
            volume: place(Column::RealVolume).or(place(Column::Volume)),
            flags: place(Column::Flags),
            symbol: place(Column::Symbol),
            is_metatrader: names.iter().any(|name| matches!(name.as_str(), "time_msc" | "volume_real" | "real_volume")),
        })
    }

    /// Their places in the file, in order.
    fn wanted(&self) -> Vec<usize> {
        let optional = [self.last, self.volume, self.flags, self.symbol].into_iter().flatten();
        let mut wanted: Vec<usize> = [self.time, self.bid, self.ask].into_iter().chain(optional).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
    }

    /// Whether the newest rows come first, as the first of them show.
    fn tell_direction(&self, batch: &RecordBatch, intake: &mut Intake<'_>) {
        let Some(times) = Times::of(batch.column(self.time)) else { return };
        let us = |row: usize| times.at(row).map(|(Stamp::Utc(us) | Stamp::Local(us))| us);
        intake.set_direction(direction(&(0..batch.num_rows()).filter_map(us).collect::<Vec<_>>()));
    }

    /// Their places where only the wanted ones are read.
    fn among(&self, wanted: &[usize]) -> Self {
        let place = |at: usize| wanted.iter().position(|one| *one == at).expect("it is wanted");
        Self {
            time: place(self.time),
            bid: place(self.bid),
            ask: place(self.ask),
            last: self.last.map(place),
            volume: self.volume.map(place),
            flags: self.flags.map(place),
            symbol: self.symbol.map(place),
            is_metatrader: self.is_metatrader,
        }
    }

    fn take(
        &self,
        batch: &RecordBatch,
        row: &mut u64,
        held: &mut [Option<Decimal>; 2],
        intake: &mut Intake<'_>,
    ) -> Result<(), ImportError> {
        if batch.num_columns() < self.wanted().len() {
            return Err(intake.wrong("columns are missing from its rows"));
        }
        let reader = |at: usize, what: &str, intake: &Intake<'_>| {
            Numbers::of(batch.column(at))
                .ok_or_else(|| intake.wrong(format!("its {what} column is {}, not numbers", batch.column(at).data_type())))
        };
        let times = Times::of(batch.column(self.time));
        let times = times.ok_or_else(|| intake.wrong(format!("its time column is {}, not times", batch.column(self.time).data_type())))?;
        let (bids, asks) = (reader(self.bid, "bid", intake)?, reader(self.ask, "ask", intake)?);
        let optional = |at: Option<usize>, what: &str, intake: &Intake<'_>| at.map(|at| reader(at, what, intake)).transpose();
        let lasts = optional(self.last, "last", intake)?;
        let volumes = optional(self.volume, "volume", intake)?;
        let flags = optional(self.flags, "flags", intake)?;
        let symbols = self.symbol.map(|at| batch.column(at)).filter(|symbols| *symbols.data_type() == DataType::Utf8);
        for at in 0..batch.num_rows() {
            *row += 1;
            if let Some(symbols) = symbols
                && !self.takes_row_of(symbols, at, held, intake)?
            {
                continue;
            }
            let time = match times.at(at) {
                Some(Stamp::Utc(us)) if self.is_metatrader && times.are_counts() => intake.utc(us),
                Some(Stamp::Utc(us)) => us,
                Some(Stamp::Local(us)) => intake.utc(us),
                None => {
                    let is_blank = times.array.is_null(at);
                    let why = if is_blank { "it has no time" } else { "its time is neither a date nor a count since 1970 from 1990 on" };
                    intake.dirty(*row, || why.into())?;
                    continue;
                }
            };
            let sides = [(&bids, "bid"), (&asks, "ask")];
            let mut prices = [Decimal { value: 0.0, decimals: 0 }; 2];
            let mut absent = None;
            for (side, (numbers, what)) in sides.into_iter().enumerate() {
                match numbers.at(at).filter(|price| price.value != 0.0).or(held[side]) {
                    Some(price) => prices[side] = price,
                    None => absent = Some(what),
                }
            }
            if let Some(what) = absent {
                intake.dirty(*row, || format!("{what} is absent and no row before it has one"))?;
                continue;
            }
            // A price that makes no sense is said below, and must not be kept for the rows after it.
            held.iter_mut().zip(prices).filter(|(_, price)| price.value > 0.0).for_each(|(held, price)| *held = Some(price));
            let value = |numbers: &Option<Numbers>| numbers.as_ref().and_then(|numbers| numbers.at(at));
            let flags = value(&flags).map(|flags| flags.value).filter(|flags| (0.0..4e9).contains(flags));
            let tick = RawTick {
                time,
                bid: prices[0],
                ask: prices[1],
                last: value(&lasts),
                volume: value(&volumes).map_or(0.0, |volume| volume.value),
                flags: flags.map_or(FLAGS_BID_ASK, |flags| flags as u32),
            };
            intake.tick(*row, tick)?;
        }
        Ok(())
    }
}

impl Columns {
    /// Whether a row's symbol is wanted. One side's last price is not another symbol's.
    fn takes_row_of(
        &self,
        symbols: &ArrayRef,
        at: usize,
        held: &mut [Option<Decimal>; 2],
        intake: &mut Intake<'_>,
    ) -> Result<bool, ImportError> {
        let symbols = symbols.as_string::<i32>();
        let symbol = if symbols.is_null(at) { "" } else { symbols.value(at) };
        if at == 0 || symbols.is_null(at - 1) || symbols.value(at - 1) != symbol {
            *held = [None; 2];
        }
        intake.of_symbol(symbol)
    }
}

/// A column of times.
struct Times<'a> {
    array: &'a ArrayRef,
    kind: TimeKind,
}

enum TimeKind {
    Timestamp(TimeUnit, Zone),
    Epoch,
    Text,
    Day,
}

#[derive(Clone, Copy)]
enum Zone {
    Utc,
    /// None is said: the clock of the file.
    Local,
}

impl<'a> Times<'a> {
    fn of(array: &'a ArrayRef) -> Option<Self> {
        let kind = match array.data_type() {
            DataType::Timestamp(unit, zone) => TimeKind::Timestamp(*unit, if zone.is_some() { Zone::Utc } else { Zone::Local }),
            DataType::Int32 | DataType::UInt32 | DataType::Int64 | DataType::UInt64 | DataType::Float64 => TimeKind::Epoch,
            DataType::Utf8 | DataType::LargeUtf8 => TimeKind::Text,
            DataType::Date32 => TimeKind::Day,
            _ => return None,
        };
        Some(Self { array, kind })
    }

    fn are_counts(&self) -> bool {
        matches!(self.kind, TimeKind::Epoch)
    }

    fn at(&self, row: usize) -> Option<Stamp> {
        if self.array.is_null(row) {
            return None;
        }
        match &self.kind {
            TimeKind::Timestamp(unit, zone) => {
                let us = match unit {
                    TimeUnit::Second => self.array.as_primitive::<TimestampSecondType>().value(row).checked_mul(1_000_000)?,
                    TimeUnit::Millisecond => self.array.as_primitive::<TimestampMillisecondType>().value(row).checked_mul(1_000)?,
                    TimeUnit::Microsecond => self.array.as_primitive::<TimestampMicrosecondType>().value(row),
                    TimeUnit::Nanosecond => self.array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000),
                };
                Some(match zone {
                    Zone::Utc => Stamp::Utc(us),
                    Zone::Local => Stamp::Local(us),
                })
            }
            // By their size, as in text.
            TimeKind::Epoch => match self.array.data_type() {
                DataType::Int64 => timestamp::stamp(self.array.as_primitive::<Int64Type>().value(row).to_string().as_bytes()),
                DataType::Int32 => timestamp::stamp(self.array.as_primitive::<Int32Type>().value(row).to_string().as_bytes()),
                DataType::UInt32 => timestamp::stamp(self.array.as_primitive::<UInt32Type>().value(row).to_string().as_bytes()),
                DataType::UInt64 => timestamp::stamp(self.array.as_primitive::<UInt64Type>().value(row).to_string().as_bytes()),
                _ => timestamp::stamp(format!("{:.6}", self.array.as_primitive::<Float64Type>().value(row)).as_bytes()),
            },
            TimeKind::Text => match self.array.data_type() {
                DataType::Utf8 => timestamp::stamp(self.array.as_string::<i32>().value(row).as_bytes()),
                _ => timestamp::stamp(self.array.as_string::<i64>().value(row).as_bytes()),
            },
            TimeKind::Day => Some(Stamp::Local(i64::from(self.array.as_primitive::<Date32Type>().value(row)).checked_mul(DAY_US)?)),
        }
    }
}

/// A column of numbers.
struct Numbers<'a>(&'a ArrayRef);

impl<'a> Numbers<'a> {
    fn of(array: &'a ArrayRef) -> Option<Self> {
        use DataType as D;
        let numbers = matches!(
            array.data_type(),
            D::Float64
                | D::Float32
                | D::Int8
                | D::Int16
                | D::Int32
                | D::Int64
                | D::UInt8
                | D::UInt16
                | D::UInt32
                | D::UInt64
                | D::Decimal128(..)
                | D::Utf8
        );
        numbers.then_some(Self(array))
    }

    /// `None` where the cell is empty or not a finite number.
    fn at(&self, row: usize) -> Option<Decimal> {
        let array = self.0;
        if array.is_null(row) {
            return None;
        }
        let value = match array.data_type() {
            DataType::Float64 => array.as_primitive::<Float64Type>().value(row),
            // Its own shortest text: 1.38727 is another number as the nearest float of 32 bits.
            DataType::Float32 => array.as_primitive::<Float32Type>().value(row).to_string().parse().ok()?,
            DataType::Utf8 => return decimal(array.as_string::<i32>().value(row).as_bytes()),
            DataType::Int8 => f64::from(array.as_primitive::<Int8Type>().value(row)),
            DataType::Int16 => f64::from(array.as_primitive::<Int16Type>().value(row)),
            DataType::UInt8 => f64::from(array.as_primitive::<UInt8Type>().value(row)),
            DataType::UInt16 => f64::from(array.as_primitive::<UInt16Type>().value(row)),
            DataType::Int32 => f64::from(array.as_primitive::<Int32Type>().value(row)),
            DataType::Int64 => array.as_primitive::<Int64Type>().value(row) as f64,
            DataType::UInt32 => f64::from(array.as_primitive::<UInt32Type>().value(row)),
            DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row) as f64,
            DataType::Decimal128(_, scale) => array.as_primitive::<Decimal128Type>().value(row) as f64 / 10_f64.powi(i32::from(*scale)),
            _ => return None,
        };
        value.is_finite().then(|| Decimal { value, decimals: decimals_of(value) })
    }
}
