//! What fields look like by themselves: a moment, a day, a time of day, a number, a text.

use super::dialect::Dialect;
use crate::import::timestamp::{self, DateOrder};

/// What one field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Blank,
    /// A date with a time, or a count since 1970; decimals of a second that it is written with.
    Moment(u8),
    Day,
    TimeOfDay,
    Number,
    Text,
}

impl Look {
    pub fn of(field: &[u8], dialect: Dialect) -> Self {
        if field.is_empty() {
            return Self::Blank;
        }
        if let Some(decimals) = epoch_decimals(field) {
            return Self::Moment(decimals);
        }
        let is_digits = field.iter().all(u8::is_ascii_digit);
        if is_digits && matches!(field.len(), 8 | 12 | 14 | 17) && matches!(field, [b'1', b'9', ..] | [b'2', b'0', ..]) {
            match timestamp::stamp(field) {
                Some(_) if field.len() == 8 => return Self::Day,
                Some(_) => return Self::Moment(if field.len() == 17 { 3 } else { 0 }),
                None => {}
            }
        }
        if is_digits || dialect.number(field).is_some() {
            return Self::Number;
        }
        let orders = [None, Some(DateOrder::DayFirst), Some(DateOrder::MonthFirst)];
        if orders.iter().any(|order| timestamp::date(field, *order).is_some()) {
            return Self::Day;
        }
        if field.contains(&b':') && timestamp::time_of_day(field).is_some() {
            return Self::TimeOfDay;
        }
        if orders.iter().any(|order| timestamp::stamp_in(field, *order).is_some()) {
            return Self::Moment(decimals_of_second(field));
        }
        Self::Text
    }

    fn name(self) -> &'static str {
        match self {
            Self::Blank => "blank",
            Self::Moment(_) => "date and time",
            Self::Day => "date",
            Self::TimeOfDay => "time of day",
            Self::Number => "number",
            Self::Text => "text",
        }
    }
}

/// Counts of seconds, milliseconds, microseconds or nanoseconds from 1990 to 2100.
fn epoch_decimals(field: &[u8]) -> Option<u8> {
    let whole = field.iter().position(|byte| *byte == b'.').unwrap_or(field.len());
    let decimals = match whole {
        9 | 10 => 0,
        12 | 13 => 3,
        15 | 16 => 6,
        18 | 19 => 9,
        _ => return None,
    };
    let seconds = field[..whole - usize::from(decimals)]
        .iter()
        .try_fold(0_i64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))?;
    let fraction = field.get(whole + 1..).unwrap_or_default();
    let sound = (631_152_000..4_102_444_800).contains(&seconds) && field.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    // 999999.5 is no count of seconds, and nothing below 1990 is one of ticks.
    sound.then_some(decimals + fraction.len().min(9) as u8)
}

fn decimals_of_second(field: &[u8]) -> u8 {
    let start = field.iter().position(|byte| matches!(byte, b' ' | b'T')).map_or(0, |at| at + 1);
    let time = &field[start..];
    let time = &time[..time.iter().position(|byte| matches!(byte, b'Z' | b' ' | b'+' | b'-')).unwrap_or(time.len())];
    let colons = time.iter().filter(|byte| **byte == b':').count();
    let last = time.iter().rposition(|byte| matches!(byte, b'.' | b',') || (*byte == b':' && colons == 3));
    let decimals = match last {
        Some(at) => time.len() - at - 1,
        None if colons == 0 && time.len() == 9 => 3,
        None => 0,
    };
    decimals.min(9) as u8
}

/// What a column's fields look like in a sample.
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    blanks: usize,
    moments: usize,
    days: usize,
    times: usize,
    numbers: usize,
    texts: usize,
    /// Decimals of a second at most.
    pub decimals: u8,
    /// Fewest and most digits of fields that are digits alone.
    pub widths: Option<(usize, usize)>,
    /// The largest of these.
    largest: u64,
    /// How many of these can be a date of six digits.
    short_dates: usize,
}

impl Profile {
    pub fn add(&mut self, field: &[u8], look: Look) {
        match look {
            Look::Blank => self.blanks += 1,
            Look::Moment(decimals) => {
                self.moments += 1;
                self.decimals = self.decimals.max(decimals);
            }
            Look::Day => self.days += 1,
            Look::TimeOfDay => self.times += 1,
            Look::Number => self.numbers += 1,
            Look::Text => self.texts += 1,
        }
        if look == Look::Number && field.iter().all(u8::is_ascii_digit) {
            let (least, most) = self.widths.unwrap_or((field.len(), field.len()));
            self.widths = Some((least.min(field.len()), most.max(field.len())));
            let number = std::str::from_utf8(field).ok().and_then(|digits| digits.parse().ok());
            self.largest = self.largest.max(number.unwrap_or(u64::MAX));
            let orders = [DateOrder::YearFirst, DateOrder::DayFirst, DateOrder::MonthFirst];
            let is_date = field.len() == 6 && orders.iter().any(|order| timestamp::short_date(field, *order).is_some());
            self.short_dates += usize::from(is_date);
        }
    }

    /// What most of them look like, blank ones aside.
    pub fn look(&self) -> Look {
        let counts = [
            (self.moments, Look::Moment(self.decimals)),
            (self.days, Look::Day),
            (self.times, Look::TimeOfDay),
            (self.numbers, Look::Number),
            (self.texts, Look::Text),
        ];
        let most = counts.into_iter().rev().max_by_key(|(count, _)| *count).filter(|(count, _)| *count > 0);
        most.map_or(Look::Blank, |(_, look)| look)
    }

    pub fn name(&self) -> &'static str {
        self.look().name()
    }

    /// Whether every field can be a date of six digits.
    pub fn are_short_dates(&self) -> bool {
        self.numbers > 0 && self.short_dates == self.numbers && self.look() == Look::Number
    }

    /// Whether it looks like a time of day of [`Profile::clock_digits`] where no name says that it is one.
    pub fn is_clock_by_shape(&self) -> bool {
        self.look() == Look::Number && matches!(self.widths, Some((4, 4) | (1.., 5 | 6 | 8 | 9)))
    }

    /// How many digits a time of day has that is written without colons, when it is one: 4 (`HHMM`), 6 (`HHMMSS`) or 9
    /// (`HHMMSSmmm`). Zeros at its front may be lost: `900` is 09:00, and `0` midnight.
    pub fn clock_digits(&self) -> Option<usize> {
        match self.widths? {
            _ if self.largest == 0 => Some(6),
            (_, 3 | 4) if self.largest < 2_400 => Some(4),
            (_, 3..=6) => Some(6),
            (1..=9, 8 | 9) => Some(9),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_by_what_is_in_them() {
        for (field, expected) in [
            ("", Look::Blank),
            ("1709629200", Look::Moment(0)),
            ("1709629200332", Look::Moment(3)),
            ("1709629200.332", Look::Moment(3)),
            ("2024-03-05 09:00:00.332", Look::Moment(3)),
            ("20240305 09:00:00:332", Look::Moment(3)),
            ("20240305 090000332", Look::Moment(3)),
            ("05.03.2024 12:00:00.332 GMT+0300", Look::Moment(3)),
            ("2024-03-05T09:00:00Z", Look::Moment(0)),
            ("20240305", Look::Day),
            ("3/5/2024", Look::Day),
            ("09:00", Look::TimeOfDay),
            ("1.08498", Look::Number),
            ("134", Look::Number),
            ("EUR/USD", Look::Text),
            ("P", Look::Text),
        ] {
            assert_eq!(Look::of(field.as_bytes(), Dialect::POINT), expected, "{field}");
        }
    }
}
