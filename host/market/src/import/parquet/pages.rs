//! What the pages of a Parquet file say of themselves. Its decoder takes as much memory as a header asks for, so all headers are read
//! here first.

use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{BufReader, Read};

/// A page at most, packed and unpacked, and the description of the file at its end. Tools write pages of a megabyte.
pub(super) const PAGE_BYTES_MAX: usize = 16 << 20;
/// The same where times are texts, which a dictionary can repeat in every row.
pub(super) const TEXT_PAGE_BYTES_MAX: usize = 2 << 20;
/// A page's header: some numbers, mostly; and one with the smallest and largest value, which may be texts.
const HEADER_BYTES: [u64; 2] = [1 << 10, 256 << 10];
/// Structures within structures of a header; there are three.
const DEPTH_MAX: u32 = 8;

/// Checks the headers of all pages of a column's chunk, which begins at `start`.
///
/// # Errors
/// A header can't be read, or its page is too large.
pub(super) fn check(file: &File, start: u64, bytes: u64, page_bytes_max: usize) -> Result<()> {
    let (mut at, max) = (start, page_bytes_max as i64);
    let end = start.saturating_add(bytes);
    while at < end {
        let header = header_at(file, at)?.ok_or_else(|| ParquetError::General("a page has a header that can't be read".into()))?;
        let Header { unpacked_bytes: unpacked, packed_bytes: packed, dictionary_values: values, .. } = header;
        if unpacked > max || packed > max || values > unpacked.saturating_mul(8) {
            let what = format!("a page says that it has {packed} bytes and unpacks to {unpacked}, with {values} values of a dictionary");
            return Err(ParquetError::General(format!("{what}; at most {max} bytes: write it with smaller pages")));
        }
        at = at.saturating_add(header.bytes).saturating_add(packed.max(0) as u64);
    }
    Ok(())
}

fn header_at(file: &File, at: u64) -> Result<Option<Header>> {
    for bytes in HEADER_BYTES {
        let mut head = Vec::new();
        file.get_read(at)?.take(bytes).read_to_end(&mut head)?;
        let header = Header::read(&head);
        if header.is_some() {
            return Ok(header);
        }
    }
    Ok(None)
}

/// A file of which no more than a page is read at once.
pub(super) struct Pages(pub(super) File);

impl Length for Pages {
    fn len(&self) -> u64 {
        Length::len(&self.0)
    }
}

impl ChunkReader for Pages {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.0.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        if length > PAGE_BYTES_MAX || length as u64 > Length::len(self) {
            return Err(ParquetError::General(format!("{length} bytes at once are too many; write it with smaller row groups")));
        }
        self.0.get_bytes(start, length)
    }
}

/// What a page's header says, in Thrift's compact form.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    unpacked_bytes: i64,
    packed_bytes: i64,
    dictionary_values: i64,
    /// Of the header itself.
    bytes: u64,
}

impl Header {
    /// The largest where a header says it more than once: a decoder takes the last.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut thrift = Thrift(bytes);
        let mut header = Self::default();
        thrift.each_field(DEPTH_MAX, |thrift, id, kind| {
            match (id, kind) {
                (2, Thrift::I32) => header.unpacked_bytes = header.unpacked_bytes.max(thrift.integer()?),
                (3, Thrift::I32) => header.packed_bytes = header.packed_bytes.max(thrift.integer()?),
                (7, Thrift::STRUCT) => thrift.each_field(DEPTH_MAX, |thrift, id, kind| match (id, kind) {
                    (1, Thrift::I32) => {
                        header.dictionary_values = header.dictionary_values.max(thrift.integer()?);
                        Some(())
                    }
                    _ => thrift.skip(kind, DEPTH_MAX),
                })?,
                _ => thrift.skip(kind, DEPTH_MAX)?,
            }
            Some(())
        })?;
        header.bytes = (bytes.len() - thrift.0.len()) as u64;
        Some(header)
    }
}

/// Reads Thrift's compact form from its front.
struct Thrift<'a>(&'a [u8]);

impl Thrift<'_> {
    const I32: u8 = 5;
    const STRUCT: u8 = 12;

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn pass(&mut self, bytes: u64) -> Option<()> {
        self.0 = self.0.get(usize::try_from(bytes).ok()?..)?;
        Some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let zigzag = self.varint()?;
        Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// Hands each field of a structure to `read`, by its number and kind, to be read to its end.
    fn each_field(&mut self, depth: u32, mut read: impl FnMut(&mut Self, i64, u8) -> Option<()>) -> Option<()> {
        depth.checked_sub(1)?;
        let mut id = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(());
            }
            // A number that is far from the last stands by itself.
            id = if head >> 4 == 0 { self.integer()? } else { id.wrapping_add(i64::from(head >> 4)) };
            read(self, id, head & 0xF)?;
        }
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        let deeper = depth.checked_sub(1)?;
        match kind {
            // True and false.
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let bytes = self.varint()?;
                self.pass(bytes)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                // Every element has a byte at least, so that a count is no work by itself.
                (0..count.min(self.0.len() as u64 + 1)).try_for_each(|_| match head & 0xF {
                    1 | 2 => self.pass(1),
                    element => self.skip(element, deeper),
                })
            }
            Self::STRUCT => self.each_field(deeper, |thrift, _, kind| thrift.skip(kind, deeper)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_found_wherever_they_stand_and_the_largest_counts() {
        let check = |bytes: &[u8], expected: Option<(i64, i64, i64)>| {
            let found = Header::read(bytes).map(|header| (header.unpacked_bytes, header.packed_bytes, header.dictionary_values));
            assert_eq!(found, expected, "{bytes:?}");
        };
        // Type 2, unpacked 8, packed 6, a dictionary of 3 values.
        check(&[0x15, 4, 0x15, 16, 0x15, 12, 0x4C, 0x15, 6, 0x15, 0, 0, 0], Some((8, 6, 3)));
        // The same, then the unpacked size once more, by its own number.
        check(&[0x15, 4, 0x15, 16, 0x15, 12, 0x05, 4, 0x80, 1, 0], Some((64, 6, 0)));
        // Statistics of a data page are passed over, lists and structures too.
        check(&[0x15, 0, 0x15, 16, 0x15, 12, 0x2C, 0x15, 2, 0x4C, 0x18, 2, 9, 9, 0x19, 0x25, 2, 4, 0, 0, 0], Some((8, 6, 0)));
        for broken in
            [&[][..], &[0x15], &[0x15, 0x80], &[0x1C, 0x1C, 0x1C, 0x1C, 0x1C, 0x1C, 0x1C, 0x1C, 0x1C, 0x1C], &[0x18, 9, 1], &[0x1D]]
        {
            check(broken, None);
        }
    }
}
