//! Ticks out of the store, for other programs: CSV that the importer reads back, Parquet, Arrow. A day is held in memory at a
//! time.

use crate::store::{Day, StoreError, TickStore};
use arrow_array::{ArrayRef, Float64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use domain::tick::FLAGS_BID_ASK;
use domain::time::Time;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

/// What the file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// `time,bid,ask,last,volume,flags`, times in ISO 8601 UTC.
    Csv,
    /// Parquet, zstd, a row group a day.
    Parquet,
    /// Arrow IPC (Feather 2), a batch a day.
    Arrow,
}

impl FromStr for ExportFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            "arrow" => Ok(Self::Arrow),
            other => Err(format!("unknown format {other:?}; use csv, parquet or arrow")),
        }
    }
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store can't give the ticks.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They can't be written.
    #[error("{0}")]
    Write(#[from] std::io::Error),
}

/// Writes the ticks of `symbol` with `from <= time < to` and gives their number.
///
/// # Errors
/// Ticks can't be read, or `out` refuses them.
pub fn export(
    store: &TickStore,
    symbol: &str,
    (from, to): (Time, Time),
    format: ExportFormat,
    out: impl Write + Send,
) -> Result<u64, ExportError> {
    let digits = usize::from(store.spec(symbol)?.digits);
    let days = store.read(symbol, from, to)?;
    match format {
        ExportFormat::Csv => csv(days, digits, out),
        ExportFormat::Parquet => {
            let level = ZstdLevel::try_new(3).expect("zstd has levels from 1 to 22");
            let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
            let mut writer = ArrowWriter::try_new(out, schema(), Some(properties)).map_err(std::io::Error::other)?;
            let ticks = batches(days, |batch| writer.write(batch).and_then(|()| writer.flush()).map_err(std::io::Error::other))?;
            writer.close().map_err(std::io::Error::other)?;
            Ok(ticks)
        }
        ExportFormat::Arrow => {
            let mut writer = FileWriter::try_new(out, &schema()).map_err(other)?;
            let ticks = batches(days, |batch| writer.write(batch).map_err(other))?;
            writer.finish().map_err(other)?;
            Ok(ticks)
        }
    }
}

fn other(error: ArrowError) -> std::io::Error {
    match error {
        ArrowError::IoError(_, source) => source,
        error => std::io::Error::other(error),
    }
}

fn csv(days: impl Iterator<Item = Result<Day, StoreError>>, digits: usize, mut out: impl Write) -> Result<u64, ExportError> {
    writeln!(out, "time,bid,ask,last,volume,flags")?;
    let mut rows = 0;
    for day in days {
        let day = day?;
        let ticks = day.columns();
        for row in 0..ticks.len() {
            let (bid, ask) = (ticks.bids[row], ticks.asks[row]);
            write!(out, "{},{bid:.digits$},{ask:.digits$},", Time(ticks.times[row]))?;
            match ticks.lasts.get(row).copied().filter(|last| *last != 0.0) {
                Some(last) => write!(out, "{last:.digits$},")?,
                None => write!(out, ",")?,
            }
            match ticks.volumes.get(row).copied().filter(|volume| *volume != 0.0) {
                Some(volume) => write!(out, "{volume},")?,
                None => write!(out, ",")?,
            }
            writeln!(out, "{}", day.flags().get(row).copied().unwrap_or(FLAGS_BID_ASK))?;
        }
        rows += ticks.len() as u64;
    }
    out.flush()?;
    Ok(rows)
}

/// The same columns on every day, whatever a day has.
fn schema() -> Arc<Schema> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let float = |name: &str| Field::new(name, DataType::Float64, false);
    let fields = vec![
        Field::new("time", time, false),
        float("bid"),
        float("ask"),
        float("last"),
        float("volume"),
        Field::new("flags", DataType::UInt32, false),
    ];
    Arc::new(Schema::new(fields))
}

fn batches(
    days: impl Iterator<Item = Result<Day, StoreError>>,
    mut write: impl FnMut(&RecordBatch) -> std::io::Result<()>,
) -> Result<u64, ExportError> {
    let mut rows = 0;
    for day in days {
        let day = day?;
        let ticks = day.columns();
        let whole = |column: &[f64]| -> ArrayRef {
            let absent = || vec![0.0; ticks.len()];
            Arc::new(Float64Array::from(if column.is_empty() { absent() } else { column.to_vec() }))
        };
        let flags = if day.flags().is_empty() { vec![FLAGS_BID_ASK; ticks.len()] } else { day.flags().to_vec() };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(TimestampMicrosecondArray::from(ticks.times.to_vec()).with_timezone("UTC")),
            whole(ticks.bids),
            whole(ticks.asks),
            whole(ticks.lasts),
            whole(ticks.volumes),
            Arc::new(UInt32Array::from(flags)),
        ];
        write(&RecordBatch::try_new(schema(), columns).map_err(other)?)?;
        rows += ticks.len() as u64;
    }
    Ok(rows)
}
