//! Lines of a stream, one at a time and bounded, whatever the bytes.

use std::io::{self, Read};

/// A longer line is no row of any format here.
const LINE_BYTES_MAX: usize = 64 * 1024;
const BUFFER_BYTES: usize = 1024 * 1024;

/// Cuts a stream into lines without their ends (LF or CRLF).
pub(super) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    line: u64,
    /// Inside a line that was too long: its rest is left out.
    skipping: bool,
    finished: bool,
}

/// A line, or that it is too long.
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    TooLong,
}

impl<R: Read> Lines<R> {
    pub fn new(reader: R) -> Self {
        let buffer = vec![0; BUFFER_BYTES];
        Self { reader, buffer, start: 0, end: 0, line: 0, skipping: false, finished: false }
    }

    /// The next line and its number, counted from 1.
    pub fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        let mut searched = 0;
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memchr(b'\n', &unread[searched..]) {
                let line = self.start..self.start + searched + at;
                self.start = line.end + 1;
                if std::mem::take(&mut self.skipping) {
                    searched = 0;
                    continue;
                }
                return Ok(Some(self.found(line)));
            }
            if self.finished {
                let line = self.start..self.end;
                self.start = self.end;
                let rest = !line.is_empty() && !std::mem::take(&mut self.skipping);
                return Ok(rest.then(|| self.found(line)));
            }
            searched = unread.len();
            if searched > LINE_BYTES_MAX {
                self.start = self.end;
                searched = 0;
                if !std::mem::replace(&mut self.skipping, true) {
                    self.line += 1;
                    return Ok(Some((self.line, Line::TooLong)));
                }
            }
            self.fill()?;
        }
    }

    fn found(&mut self, line: std::ops::Range<usize>) -> (u64, Line<'_>) {
        self.line += 1;
        let text = &self.buffer[line];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        (self.line, if text.len() > LINE_BYTES_MAX { Line::TooLong } else { Line::Text(text) })
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let read = loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += read;
        self.finished = read == 0;
        Ok(())
    }
}

/// UTF-16 as bytes, one per unit; units that are no ASCII become `?`, which no field of the formats here holds.
pub(super) struct Utf16<R> {
    reader: R,
    order: ByteOrder,
}

/// Which byte of a unit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl<R> Utf16<R> {
    pub fn new(reader: R, order: ByteOrder) -> Self {
        Self { reader, order }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut units = [0; 8192];
        let wanted = out.len().min(units.len() / 2);
        if wanted == 0 {
            return Ok(0);
        }
        let mut filled = self.reader.read(&mut units[..2 * wanted])?;
        if filled % 2 == 1 {
            // The other half of the unit; a stream that ends inside one loses it.
            filled += self.reader.read(&mut units[filled..filled + 1])?;
        }
        let pairs = units[..filled].chunks_exact(2);
        let count = pairs.len();
        for (to, pair) in out.iter_mut().zip(pairs) {
            let unit = match self.order {
                ByteOrder::Little => u16::from_le_bytes([pair[0], pair[1]]),
                ByteOrder::Big => u16::from_be_bytes([pair[0], pair[1]]),
            };
            *to = u8::try_from(unit).ok().filter(u8::is_ascii).unwrap_or(b'?');
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(u64, String)> {
        let mut lines = Lines::new(text);
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next().expect("memory reads") {
            all.push((
                number,
                match line {
                    Line::Text(text) => String::from_utf8_lossy(text).into_owned(),
                    Line::TooLong => "<too long>".into(),
                },
            ));
        }
        all
    }

    #[test]
    fn lines_end_with_either_end_or_the_file() {
        let expected = vec![(1, "a".to_owned()), (2, String::new()), (3, "b".to_owned())];
        assert_eq!(all(b"a\r\n\nb"), expected);
        assert_eq!(all(b"a\n\r\nb\n"), expected);
        assert!(all(b"").is_empty());
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_found() {
        for length in [LINE_BYTES_MAX + 1, BUFFER_BYTES + 7, 3 * BUFFER_BYTES] {
            let mut text = vec![b'x'; length];
            text.extend_from_slice(b"\nnext\n");
            assert_eq!(all(&text), [(1, "<too long>".to_owned()), (2, "next".to_owned())], "{length}");
        }
    }

    #[test]
    fn utf16_of_either_order_reads_as_ascii() {
        let text = "a,1.5é\n";
        for (order, bytes) in [
            (ByteOrder::Little, text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
            (ByteOrder::Big, text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>()),
        ] {
            let mut read = String::new();
            // One byte at a time, the worst a reader may do.
            let slow = bytes.chunks(1).fold(Box::new(io::empty()) as Box<dyn Read>, |all, byte| Box::new(all.chain(byte)));
            Utf16::new(slow, order).read_to_string(&mut read).expect("memory reads");
            assert_eq!(read, "a,1.5?\n", "{order:?}");
        }
    }
}
