//! Exports of an MT5 terminal: `<DATE>`, `<TIME>` and values, cut by tabs, commas or semicolons, in ASCII or UTF-16.

pub(super) mod bars;
pub(super) mod ticks;

use super::Format;
use super::number::trim;
use super::timestamp;

/// Columns that a header names, by place.
#[derive(Debug)]
struct Columns {
    delimiter: u8,
    names: Vec<String>,
}

impl Columns {
    /// `None` when the line is no header.
    fn of_header(line: &[u8]) -> Option<Self> {
        let delimiter = delimiter(line)?;
        let names: Vec<String> = line
            .split(|byte| *byte == delimiter)
            .map(|name| String::from_utf8_lossy(trim(name)).trim_matches(['<', '>']).to_ascii_uppercase())
            .collect();
        names.iter().any(|name| name == "DATE").then_some(Self { delimiter, names })
    }

    /// As the terminal writes them, for a file whose first line is a row already.
    fn usual(line: &[u8], names: &[&str]) -> Option<Self> {
        let delimiter = delimiter(line)?;
        Some(Self { delimiter, names: names.iter().map(|name| (*name).to_owned()).collect() })
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Cuts a row into at most `N` fields and returns how many it has.
    fn cut<'a, const N: usize>(&self, line: &'a [u8], fields: &mut [&'a [u8]; N]) -> usize {
        let mut count = 0;
        let mut rest = line;
        loop {
            let end = memchr::memchr(self.delimiter, rest).unwrap_or(rest.len());
            if let Some(field) = fields.get_mut(count) {
                *field = &rest[..end];
            }
            count += 1;
            match rest.get(end + 1..) {
                Some(after) => rest = after,
                None => return count,
            }
        }
    }
}

fn delimiter(line: &[u8]) -> Option<u8> {
    [b'\t', b';', b','].into_iter().find(|delimiter| line.contains(delimiter))
}

/// Date and time of a row on the server's clock. Daily rows have no time.
fn server_time(date: &[u8], time: Option<&[u8]>) -> Option<i64> {
    let day = timestamp::date(trim(date))?;
    match time.map(trim) {
        None => Some(day),
        Some(time) => Some(day + timestamp::time_of_day(time)?),
    }
}

fn shown(field: &[u8]) -> String {
    String::from_utf8_lossy(&field[..field.len().min(40)]).into_owned()
}

/// Files whose first line is a row already are told by it: 9 fields are bars, fewer are ticks.
pub(super) fn format_without_header(first: &str) -> Option<Format> {
    let columns = Columns::usual(first.as_bytes(), &[])?;
    let mut fields = [&[][..]; 3];
    let count = columns.cut(first.as_bytes(), &mut fields);
    server_time(fields[0], Some(fields[1]))?;
    match count {
        9 => Some(Format::Mt5Bars),
        4..=7 => Some(Format::Mt5Ticks),
        _ => None,
    }
}
