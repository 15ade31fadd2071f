//! Arrow IPC files of one uncompressed record batch without nulls: written through `arrow-ipc`, read in place.

use super::error::StoreError;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::{ArrowNativeType, Buffer, ScalarBuffer};
use arrow_ipc::writer::FileWriter;
use arrow_ipc::{Precision, TimeUnit};
use arrow_schema::{DataType, Field, Schema};
use files::Readers;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Under this key of the Arrow schema stands [`Meta`] as JSON: one key, so that equal data give equal files.
const META_KEY: &str = "stockade";
const MAGIC: &[u8] = b"ARROW1";
/// Raised when a reader of the old number would misread the file.
pub(super) const FORMAT: u32 = 1;

/// What a file says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Meta {
    pub format: u32,
    pub symbol: String,
    pub digits: u8,
    pub source: String,
    pub rows: u64,
    /// CRC-32 of all columns' values, one after the other; absent in files of before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<u32>,
}

/// Writes `path`, whole or not at all. Returns its size in bytes.
pub(super) fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<&mut File>) -> std::io::Result<()>) -> Result<u64, StoreError> {
    let written = files::replace(path, Readers::AsUsual, |file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        let file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(file.metadata()?.len())
    });
    written.map_err(StoreError::io(path))
}

/// Writes the columns as an Arrow file.
pub(super) fn write(out: &mut impl Write, meta: &Meta, columns: Vec<(&str, ArrayRef)>) -> std::io::Result<()> {
    let other = |error: arrow_schema::ArrowError| match error {
        arrow_schema::ArrowError::IoError(_, source) => source,
        error => std::io::Error::other(error),
    };
    let fields: Vec<Field> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), false)).collect();
    let meta = serde_json::to_string(meta).map_err(std::io::Error::other)?;
    let schema = Arc::new(Schema::new_with_metadata(fields, HashMap::from([(META_KEY.to_owned(), meta)])));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).map_err(other)?;
    let mut writer = FileWriter::try_new(out, &schema).map_err(other)?;
    writer.write(&batch).map_err(other)?;
    writer.finish().map_err(other)
}

/// The checksum of columns that are to be written.
pub(super) fn checksum(columns: &[(&str, ArrayRef)]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (_, array) in columns {
        let data = array.to_data();
        // Primitive columns without nulls and offsets: their only buffer is their values.
        data.buffers().iter().for_each(|buffer| hasher.update(buffer.as_slice()));
    }
    hasher.finalize()
}

/// The UTC time column's type.
pub(super) fn time_type() -> DataType {
    DataType::Timestamp(arrow_schema::TimeUnit::Microsecond, Some("UTC".into()))
}

/// A file mapped into memory. Everything in it was checked to lie within it.
#[derive(Debug)]
pub(super) struct Table {
    pub meta: Meta,
    buffer: Buffer,
    rows: usize,
    columns: Vec<(String, Kind, Range<usize>)>,
}

/// The physical types that files of the store have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Time,
    F64,
    U32,
    U64,
}

impl Kind {
    fn width(self) -> usize {
        if self == Self::U32 { 4 } else { 8 }
    }
}

impl Table {
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let buffer = map(path).map_err(StoreError::io(path))?;
        Self::parse(buffer).map_err(|why| StoreError::Corrupt { file: path.into(), why })
    }

    /// Reads every column and compares them with the checksum that was written with them.
    pub fn verify(&self) -> Result<(), String> {
        let Some(written) = self.meta.checksum else { return Ok(()) };
        let mut hasher = crc32fast::Hasher::new();
        self.columns.iter().for_each(|(_, _, range)| hasher.update(&self.buffer.as_slice()[range.clone()]));
        let found = hasher.finalize();
        if found == written { Ok(()) } else { Err(format!("its checksum is {found:08x} and was {written:08x} when it was written")) }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A column that must be there.
    pub fn column<T: ArrowNativeType>(&self, name: &str, kind: Kind) -> Result<ScalarBuffer<T>, String> {
        self.optional(name, kind)?.ok_or_else(|| format!("it has no column {name:?}"))
    }

    /// A column that may be absent.
    pub fn optional<T: ArrowNativeType>(&self, name: &str, kind: Kind) -> Result<Option<ScalarBuffer<T>>, String> {
        debug_assert_eq!(kind.width(), size_of::<T>(), "columns are read as what they are");
        let Some((_, found, range)) = self.columns.iter().find(|column| column.0 == name) else { return Ok(None) };
        if *found != kind {
            return Err(format!("column {name:?} is {found:?} instead of {kind:?}"));
        }
        let bytes = self.buffer.slice_with_length(range.start, range.len());
        Ok(Some(ScalarBuffer::from(bytes)))
    }

    /// Reads the footer and the one batch's header by hand instead of with `FileDecoder`, which slices out of bounds (and so
    /// panics) when a header lies.
    fn parse(buffer: Buffer) -> Result<Self, String> {
        let bytes = buffer.as_slice();
        let tail = bytes.len().checked_sub(10).filter(|_| bytes.starts_with(MAGIC) && bytes.ends_with(MAGIC));
        let tail = tail.ok_or("it does not begin and end like an Arrow file; perhaps it is truncated")?;
        let length = u32::from_le_bytes(bytes[tail..tail + 4].try_into().expect("four bytes")) as usize;
        let footer = tail.checked_sub(length).ok_or("its footer is longer than the file")?;
        let footer = arrow_ipc::root_as_footer(&bytes[footer..tail]).map_err(|error| format!("its footer is damaged: {error}"))?;
        let schema = footer.schema().ok_or("it has no schema")?;
        let meta = meta(&schema)?;

        let blocks = footer.recordBatches().ok_or("it has no data")?;
        if blocks.len() != 1 {
            return Err(format!("it has {} record batches instead of one", blocks.len()));
        }
        let block = blocks.get(0);
        let header = range(block.offset(), i64::from(block.metaDataLength()), bytes.len())?;
        let body = range(header.end as i64, block.bodyLength(), bytes.len())?;
        let batch = batch(&bytes[header])?;

        let rows = usize::try_from(batch.length()).map_err(|_| "it has less than no rows")?;
        if rows as u64 != meta.rows {
            return Err(format!("it says {} rows and has {rows}", meta.rows));
        }
        let columns = columns(&schema, &batch, rows, &body, bytes)?;
        Ok(Self { meta, rows, columns, buffer })
    }
}

fn meta(schema: &arrow_ipc::Schema<'_>) -> Result<Meta, String> {
    let text = schema
        .custom_metadata()
        .and_then(|list| list.iter().find(|pair| pair.key() == Some(META_KEY)).and_then(|pair| pair.value()))
        .ok_or("it was not written by this program")?;
    let meta: Meta = serde_json::from_str(text).map_err(|error| format!("its metadata is damaged: {error}"))?;
    if meta.format != FORMAT {
        return Err(format!("its format is {} and this program reads {FORMAT}", meta.format));
    }
    Ok(meta)
}

/// A message is a marker of 4 bytes, its length in 4, and then itself.
fn batch(message: &[u8]) -> Result<arrow_ipc::RecordBatch<'_>, String> {
    let body = match message {
        [0xFF, 0xFF, 0xFF, 0xFF, _, _, _, _, body @ ..] => body,
        _ => return Err("its data has no header".into()),
    };
    let message = arrow_ipc::root_as_message(body).map_err(|error| format!("its data's header is damaged: {error}"))?;
    let batch = message.header_as_record_batch().ok_or("its data's header is not that of a record batch")?;
    if batch.compression().is_some() {
        return Err("it is compressed".into());
    }
    Ok(batch)
}

fn columns(
    schema: &arrow_ipc::Schema<'_>,
    batch: &arrow_ipc::RecordBatch<'_>,
    rows: usize,
    body: &Range<usize>,
    bytes: &[u8],
) -> Result<Vec<(String, Kind, Range<usize>)>, String> {
    let fields = schema.fields().ok_or("it has no columns")?;
    let (nodes, buffers) = batch.nodes().zip(batch.buffers()).ok_or("its data has no columns")?;
    if nodes.len() != fields.len() || buffers.len() != 2 * fields.len() {
        return Err("its columns are not flat".into());
    }
    let mut columns = Vec::with_capacity(fields.len());
    for (at, field) in fields.iter().enumerate() {
        let name = field.name().unwrap_or_default();
        let kind = kind(&field).ok_or_else(|| format!("column {name:?} has a type that the store doesn't use"))?;
        let node = nodes.get(at);
        if node.length() != rows as i64 || node.null_count() != 0 {
            return Err(format!("column {name:?} has nulls or another length"));
        }
        // Each column has a validity buffer, which is of no interest without nulls, and its values.
        let values = buffers.get(2 * at + 1);
        let within = range(values.offset(), values.length(), body.len())?;
        let start = body.start + within.start;
        let length = rows.checked_mul(kind.width()).filter(|length| *length <= within.len());
        let length = length.ok_or_else(|| format!("column {name:?} is shorter than its rows"))?;
        if bytes[start..].as_ptr().align_offset(kind.width()) != 0 {
            return Err(format!("column {name:?} is not aligned"));
        }
        columns.push((name.to_owned(), kind, start..start + length));
    }
    Ok(columns)
}

fn kind(field: &arrow_ipc::Field<'_>) -> Option<Kind> {
    if let Some(time) = field.type_as_timestamp() {
        return (time.unit() == TimeUnit::MICROSECOND).then_some(Kind::Time);
    }
    if let Some(float) = field.type_as_floating_point() {
        return (float.precision() == Precision::DOUBLE).then_some(Kind::F64);
    }
    match field.type_as_int().map(|int| (int.bitWidth(), int.is_signed()))? {
        (32, false) => Some(Kind::U32),
        (64, false) => Some(Kind::U64),
        _ => None,
    }
}

/// `offset..offset + length`, if that lies within `end` bytes.
fn range(offset: i64, length: i64, end: usize) -> Result<Range<usize>, String> {
    let start = usize::try_from(offset).ok();
    let stop = offset.checked_add(length).and_then(|stop| usize::try_from(stop).ok());
    match (start, stop) {
        (Some(start), Some(stop)) if start <= stop && stop <= end => Ok(start..stop),
        _ => Err("it points to data outside itself; perhaps it is truncated".into()),
    }
}

fn map(path: &Path) -> std::io::Result<Buffer> {
    let file = File::open(path)?;
    if file.metadata()?.len() == 0 {
        return Ok(Buffer::default());
    }
    // SAFETY: the mapping is only sound while nobody changes the file. Files of the store are never changed: a new version is
    // another file that is renamed over the old one (`replace`), and the mapping keeps the old one alive.
    #[allow(unsafe_code, reason = "memory-mapping is what makes reading free of copies")]
    let map = unsafe { memmap2::Mmap::map(&file)? };
    Ok(Buffer::from(bytes::Bytes::from_owner(map)))
}
