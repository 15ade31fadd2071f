//! How a text cuts its rows into fields and writes its numbers.

use crate::import::number::{Decimal, decimal, trim};
use std::ops::Range;

/// Fields of a row at most; a line with more is no row.
pub(super) const FIELDS_MAX: usize = 64;
const SEPARATORS: [u8; 4] = [b'\t', b';', b'|', b','];

/// What cuts fields, and what stands before decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::import) struct Dialect {
    pub separator: u8,
    /// A comma stands before decimals, and points between thousands.
    pub decimal_comma: bool,
    /// Fields in quotes hold separators.
    quoted: bool,
}

/// One row's fields, by place.
pub(in crate::import) struct Fields<'a> {
    pub text: &'a [u8],
    pub places: &'a [Range<usize>],
}

impl<'a> Fields<'a> {
    /// Without spaces and quotes around it; empty where the row has no such field.
    pub fn get(&self, at: usize) -> &'a [u8] {
        self.places.get(at).map_or(&[], |place| trim(&self.text[place.clone()]))
    }
}

impl Dialect {
    /// Of fields that come one by one, as in JSON.
    pub const POINT: Self = Self { separator: 0, decimal_comma: false, quoted: false };

    /// As most of the lines show it. `None` when nothing cuts them.
    pub fn of(lines: &[&[u8]]) -> Option<Self> {
        let cuts = |separator: &u8| lines.iter().filter(|line| line.contains(separator)).count() * 2 > lines.len();
        let separator = SEPARATORS.into_iter().find(cuts)?;
        let quoted = lines.iter().any(|line| line.contains(&b'"') && has_separator_in_quotes(line, separator));
        let mut dialect = Self { separator, decimal_comma: false, quoted };
        if separator != b',' || quoted {
            dialect.decimal_comma = dialect.has_decimal_commas(lines);
        }
        Some(dialect)
    }

    /// A comma within a number is its point, unless numbers show that it stands between thousands.
    fn has_decimal_commas(self, lines: &[&[u8]]) -> bool {
        let (mut decimals, mut thousands, mut places) = (0, 0, Vec::new());
        for line in lines {
            let Some(fields) = self.cut(line, &mut places) else { continue };
            for at in 0..fields.places.len() {
                let field = fields.get(at);
                let digits = field.strip_prefix(b"-").unwrap_or(field);
                if !digits.contains(&b',') || !digits.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.')) {
                    continue;
                }
                let last = digits.iter().rposition(|byte| matches!(byte, b',' | b'.')).expect("it has a comma");
                let commas = digits.iter().filter(|byte| **byte == b',').count();
                if digits[last] == b'.' || commas > 1 { thousands += 1 } else { decimals += 1 }
            }
        }
        decimals > thousands
    }

    /// The fields of a line, or `None` when they are too many.
    #[inline]
    pub fn cut<'a>(self, line: &'a [u8], places: &'a mut Vec<Range<usize>>) -> Option<Fields<'a>> {
        places.clear();
        if self.quoted {
            cut_quoted(line, self.separator, places);
        } else {
            let mut start = 0;
            for end in memchr::memchr_iter(self.separator, line) {
                places.push(start..end);
                start = end + 1;
            }
            places.push(start..line.len());
        }
        (places.len() <= FIELDS_MAX).then_some(Fields { text: line, places })
    }

    /// Reads a number as this text writes it.
    #[inline]
    pub fn number(self, field: &[u8]) -> Option<Decimal> {
        match decimal(field) {
            Some(number) if !self.decimal_comma => Some(number),
            _ => self.other_number(field),
        }
    }

    #[cold]
    fn other_number(self, field: &[u8]) -> Option<Decimal> {
        const LENGTH_MAX: usize = 40;
        let (thousands, point) = if self.decimal_comma { (b'.', b',') } else { (b',', b'.') };
        if field.len() > LENGTH_MAX || !is_grouped(field, thousands, point) {
            return None;
        }
        let plain = field.iter().filter(|byte| **byte != thousands).map(|byte| if *byte == point { b'.' } else { *byte });
        decimal(&plain.collect::<Vec<u8>>())
    }
}

/// Marks between thousands have three digits after each, before the point.
fn is_grouped(field: &[u8], thousands: u8, point: u8) -> bool {
    let whole = field.split(|byte| *byte == point).next().unwrap_or_default();
    let mut groups = whole.split(|byte| *byte == thousands);
    groups.next();
    groups.all(|group| group.len() == 3) && !field[whole.len()..].contains(&thousands)
}

fn has_separator_in_quotes(line: &[u8], separator: u8) -> bool {
    let mut inside = false;
    line.iter().any(|byte| {
        inside ^= *byte == b'"';
        inside && *byte == separator
    })
}

fn cut_quoted(line: &[u8], separator: u8, places: &mut Vec<Range<usize>>) {
    let (mut start, mut inside) = (0, false);
    for (at, byte) in line.iter().enumerate() {
        inside ^= *byte == b'"';
        if !inside && *byte == separator {
            places.push(start..at);
            start = at + 1;
        }
    }
    places.push(start..line.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_read_as_the_text_writes_them() {
        let check = |line: &str, expected: &[Option<f64>]| {
            let lines = [line.as_bytes()];
            let dialect = Dialect::of(&lines).expect("it is cut");
            let mut places = Vec::new();
            let fields = dialect.cut(lines[0], &mut places).expect("few fields");
            let read: Vec<_> = (0..fields.places.len()).map(|at| dialect.number(fields.get(at)).map(|number| number.value)).collect();
            assert_eq!(read, expected, "{line} {dialect:?}");
        };
        check("1,08498;1,08506;x", &[Some(1.08498), Some(1.08506), None]);
        check("1,08498\t34.001,41", &[Some(1.08498), Some(34_001.41)]);
        check("34,001.41;34,016.41", &[Some(34_001.41), Some(34_016.41)]);
        check("1.08498,1.08506", &[Some(1.08498), Some(1.08506)]);
        check("\"1,08498\",\"1,08506\"", &[Some(1.08498), Some(1.08506)]);
        check("150,123;12", &[Some(150.123), Some(12.0)]);
        check("1,2,3;1", &[None, Some(1.0)]);
    }
}
