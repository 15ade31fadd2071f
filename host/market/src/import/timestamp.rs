//! Dates and times as bytes.

use super::number::{scaled, trim};
use crate::date::Date;
use domain::time::{DAY_US, MINUTE_US, SECOND_US};

/// A point in time as a file gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// Microseconds since 1970 UTC.
    Utc(i64),
    /// Microseconds since 1970 on the clock of the file.
    Local(i64),
}

/// Which comes first in a date whose year comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// `31/12/2024`.
    DayFirst,
    /// `12/31/2024`.
    MonthFirst,
    /// `24/12/31`, `241231`.
    YearFirst,
}

impl std::str::FromStr for DateOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day-first" => Ok(Self::DayFirst),
            "month-first" => Ok(Self::MonthFirst),
            "year-first" => Ok(Self::YearFirst),
            _ => Err(format!(
                "{text:?} is not an order of dates: give day-first (31/12/2024), month-first (12/31/2024) or year-first (241231)"
            )),
        }
    }
}

/// What a date says about the order of day and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Only this order makes it a date.
    Only(DateOrder),
    /// Either order makes it a date, and not the same one.
    Either,
}

/// `None` where the order makes no difference.
pub(super) fn evidence(text: &[u8]) -> Option<Evidence> {
    let text = trim(text);
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'T' | b',')).unwrap_or(text.len());
    let [first, second, year] = date_pieces(&text[..end])?;
    // With points between them the day comes first, everywhere where dates are written so.
    if first.len() == 4 || text.iter().find(|byte| !byte.is_ascii_digit()) == Some(&b'.') {
        return None;
    }
    (year.len() == 4 || year.len() == 2).then_some(())?;
    match (digits(first)?, digits(second)?) {
        (13.., 1..=12) => Some(Evidence::Only(DateOrder::DayFirst)),
        (1..=12, 13..) => Some(Evidence::Only(DateOrder::MonthFirst)),
        (first, second) if first != second => Some(Evidence::Either),
        _ => None,
    }
}

/// The first moment of a date of six digits, which are year, month and day unless `order` says otherwise.
pub(super) fn short_date(text: &[u8], order: DateOrder) -> Option<i64> {
    let [first, second, third] = [text.get(..2)?, text.get(2..4)?, text.get(4..).filter(|rest| rest.len() == 2)?];
    let (year_digits, month, day) = match order {
        DateOrder::YearFirst => (first, second, third),
        DateOrder::DayFirst => (third, second, first),
        DateOrder::MonthFirst => (third, first, second),
    };
    first_moment(year(year_digits)?, digits(month)?, digits(day)?)
}

/// The date of six digits that a field is or begins with.
pub(super) fn short_date_of(text: &[u8]) -> Option<&[u8]> {
    let text = trim(text);
    let date = text.get(..6).filter(|date| date.iter().all(u8::is_ascii_digit))?;
    matches!(text.get(6), None | Some(b' ' | b'T')).then_some(date)
}

/// What order two dates of six digits have that stand close to each other in a file: the one that puts them by far the closest.
/// `None` where none does.
pub(super) fn order_of_short_dates(one: &[u8], other: &[u8]) -> Option<DateOrder> {
    /// By how many times the other orders must put them further apart.
    const CLOSER: i64 = 4;
    let gap = |order: &DateOrder| Some((short_date(one, *order)? - short_date(other, *order)?).abs());
    let orders = [DateOrder::YearFirst, DateOrder::DayFirst, DateOrder::MonthFirst];
    let mut gaps: Vec<(i64, DateOrder)> = orders.iter().filter_map(|order| Some((gap(order)?, *order))).collect();
    gaps.sort_by_key(|(gap, _)| *gap);
    match gaps.as_slice() {
        [(_, order)] => Some(*order),
        [(closest, order), (next, _), ..] if closest * CLOSER < *next => Some(*order),
        _ => None,
    }
}

/// A date as its first moment: `2014.05.01`, `2014-05-01`, `2014/05/01`, `20140501`, `140501`, or with the year at the end and day and
/// month as `order` says, `01.05.2014` (the day first unless `order` says otherwise), `5/1/2014`, `01-05-14`, `01-May-2014`,
/// `May 1, 2014`.
pub(super) fn date(text: &[u8], order: Option<DateOrder>) -> Option<i64> {
    let (year, month, day) = match text.len() {
        8 if text.iter().all(u8::is_ascii_digit) => (&text[..4], &text[4..6], &text[6..]),
        10 if matches!(text[4], b'.' | b'-' | b'/') && text[7] == text[4] => (&text[..4], &text[5..7], &text[8..]),
        6 if text.iter().all(u8::is_ascii_digit) => return short_date(text, order.unwrap_or(DateOrder::YearFirst)),
        _ => return other_date(text, order),
    };
    first_moment(digits(year)?, digits(month)?, digits(day)?)
}

fn first_moment(year: i64, month: i64, day: i64) -> Option<i64> {
    Date::from_calendar(year, month as u32, day as u32).map(|date| date.start().0)
}

/// The three parts of a date that are cut by the same mark.
fn date_pieces(text: &[u8]) -> Option<[&[u8]; 3]> {
    let mark = *text.iter().find(|byte| matches!(byte, b'.' | b'-' | b'/'))?;
    let mut pieces = text.split(|byte| *byte == mark);
    match (pieces.next(), pieces.next(), pieces.next(), pieces.next()) {
        (Some(first), Some(second), Some(third), None) => Some([first, second, third]),
        _ => None,
    }
}

#[cold]
fn other_date(text: &[u8], order: Option<DateOrder>) -> Option<i64> {
    if let Some(named) = date_with_month(text) {
        return Some(named);
    }
    let [first, second, third] = date_pieces(text)?;
    if first.len() == 4 {
        return first_moment(digits(first)?, digits(second)?, digits(third)?);
    }
    if order == Some(DateOrder::YearFirst) && first.len() == 2 {
        return first_moment(year(first)?, digits(second)?, digits(third)?);
    }
    let (first, second, year) = (digits(first)?, digits(second)?, year(third)?);
    let with_points = text.contains(&b'.');
    let order = order.or(match (first, second) {
        (13.., _) => Some(DateOrder::DayFirst),
        (_, 13..) => Some(DateOrder::MonthFirst),
        (first, second) if with_points || first == second => Some(DateOrder::DayFirst),
        _ => None,
    });
    match order? {
        DateOrder::DayFirst => first_moment(year, second, first),
        DateOrder::MonthFirst => first_moment(year, first, second),
        DateOrder::YearFirst => None,
    }
}

/// Two digits are of the years 1970 to 2069.
fn year(text: &[u8]) -> Option<i64> {
    match text.len() {
        2 => digits(text).map(|year| if year < 70 { 2000 + year } else { 1900 + year }),
        4 => digits(text),
        _ => None,
    }
}

/// `01-May-2014`, `1 May 2014` or `May 1, 2014`.
fn date_with_month(text: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8; 3]; 12] = [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
    let mut pieces = text.split(|byte| matches!(byte, b' ' | b',' | b'-' | b'/' | b'.')).filter(|piece| !piece.is_empty());
    let (first, second, last, None) = (pieces.next()?, pieces.next()?, pieces.next()?, pieces.next()) else { return None };
    let month = |piece: &[u8]| {
        let head: [u8; 3] = piece.get(..3)?.to_ascii_lowercase().try_into().ok()?;
        MONTHS.iter().position(|name| **name == head).map(|at| at as i64 + 1)
    };
    match (month(first), month(second)) {
        (Some(month), None) => first_moment(year(last)?, month, digits(second)?),
        (None, Some(month)) => first_moment(year(last)?, month, digits(first)?),
        _ => None,
    }
}

/// `19:00`, `19:00:00`, `19:00:00.083`, `19:00:00:083`, `7:00:00 PM`, `1900`, `190000` or `190000083` as microseconds since
/// midnight.
pub(super) fn time_of_day(text: &[u8]) -> Option<i64> {
    let (minutes, seconds) = match text.len() {
        5 => (text, &b"0"[..]),
        8.. if text[2] == b':' && text[5] == b':' => (&text[..5], &text[6..]),
        _ => return other_time_of_day(text),
    };
    let clock = || -> Option<i64> {
        let (hour, minute) = (digits(&minutes[..2])?, digits(&minutes[3..])?);
        let second_us = scaled(seconds, 6).filter(|us| *us < 60 * SECOND_US)?;
        (minutes[2] == b':' && hour < 24 && minute < 60).then(|| (hour * 60 + minute) * MINUTE_US + second_us)
    };
    clock().or_else(|| other_time_of_day(text))
}

#[cold]
fn other_time_of_day(text: &[u8]) -> Option<i64> {
    let (text, afternoon) = match text {
        [time @ .., b'A' | b'a', b'M' | b'm'] => (trim(time), Some(0)),
        [time @ .., b'P' | b'p', b'M' | b'm'] => (trim(time), Some(12)),
        _ => (text, None),
    };
    if afternoon.is_none() && !text.contains(&b':') {
        return compact_time_of_day(text);
    }
    let mut pieces = text.split(|byte| matches!(byte, b':' | b'.' | b','));
    let (hour, minute) = (pieces.next()?, pieces.next()?);
    let (second, fraction, rest) = (pieces.next().unwrap_or(b"0"), pieces.next().unwrap_or(b"0"), pieces.next());
    let two = |piece: &[u8]| (1..=2).contains(&piece.len()).then(|| digits(piece)).flatten();
    let (hour, minute, second) = (two(hour)?, two(minute)?, two(second)?);
    let hour = match afternoon {
        None => hour,
        Some(shift) => (1..=12).contains(&hour).then_some(hour % 12 + shift)?,
    };
    let fraction_us = scaled(&[b"0.", fraction].concat(), 6)?;
    let sound = hour < 24 && minute < 60 && second < 60 && rest.is_none();
    sound.then_some((hour * 60 + minute) * MINUTE_US + second * SECOND_US + fraction_us)
}

/// Whether a field is a number that is too small for a count since 1970.
pub(super) fn is_small_count(text: &[u8]) -> bool {
    let is_number = !text.is_empty() && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    is_number && text.len() != 8 && date_pieces(text).is_none() && stamp(text).is_none()
}

/// `HHMM`, `HHMMSS`, `HHMMSSmmm`, and `HHMMSS.` with decimals.
fn compact_time_of_day(text: &[u8]) -> Option<i64> {
    let (hour, minute, seconds) = (text.get(..2)?, text.get(2..4)?, text.get(4..)?);
    let second_us = match seconds.len() {
        0 => 0,
        5 if digits(seconds).is_some() => digits(seconds)? * 1_000,
        2 => digits(seconds)? * SECOND_US,
        3.. if seconds[2] == b'.' => scaled(seconds, 6)?,
        _ => return None,
    };
    let (hour, minute) = (digits(hour)?, digits(minute)?);
    (hour < 24 && minute < 60 && second_us < 60 * SECOND_US).then_some((hour * 60 + minute) * MINUTE_US + second_us)
}

/// [`stamp_in`] where nothing says which of day and month comes first.
pub(super) fn stamp(text: &[u8]) -> Option<Stamp> {
    stamp_in(text, None)
}

/// A date with or without a time, a zone after it or not, or a count of s, ms, µs or ns since 1970, told apart by its size.
pub(super) fn stamp_in(text: &[u8], order: Option<DateOrder>) -> Option<Stamp> {
    let text = trim(text);
    let separator = text.iter().position(|byte| matches!(byte, b'T' | b't' | b' '));
    match separator {
        None if text.iter().all(u8::is_ascii_digit) => compact(text, order),
        None if text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') && date_pieces(text).is_none() => epoch(text),
        None => date(text, order).map(Stamp::Local).or_else(|| fix(text)),
        Some(at) => spaced(text, at, order).or_else(|| named_month(text)),
    }
}

fn spaced(text: &[u8], at: usize, order: Option<DateOrder>) -> Option<Stamp> {
    let day = date(&text[..at], order)?;
    let (time, ahead_us) = zone(trim(&text[at + 1..]))?;
    let local = day + time_of_day(time)?;
    Some(ahead_us.map_or(Stamp::Local(local), |ahead_us| Stamp::Utc(local - ahead_us)))
}

/// `01 May 2014 09:00:00`, with a time or without.
#[cold]
fn named_month(text: &[u8]) -> Option<Stamp> {
    text.iter().any(u8::is_ascii_alphabetic).then_some(())?;
    if let Some(day) = date_with_month(text) {
        return Some(Stamp::Local(day));
    }
    let colon = text.iter().position(|byte| *byte == b':')?;
    let at = text[..colon].iter().rposition(|byte| *byte == b' ')?;
    spaced(text, at, None)
}

/// `20140501-09:00:00.332`.
#[cold]
fn fix(text: &[u8]) -> Option<Stamp> {
    let (day, time) = (text.get(..8)?, text.get(9..).filter(|_| text[8] == b'-')?);
    Some(Stamp::Local(date(day, None)? + time_of_day(time)?))
}

/// Digits alone: a date (`20140501`), a date and a time (`201405010900`, `20140501090000`, `20140501090000332`) or a count.
fn compact(text: &[u8], order: Option<DateOrder>) -> Option<Stamp> {
    let is_date = || matches!(text, [b'1', b'9', ..] | [b'2', b'0', ..]);
    match text.len() {
        8 => date(text, order).map(Stamp::Local),
        // A count of milliseconds of 12 digits that begins so is of the seventies, one of microseconds of 17 of the year 2573.
        12 | 14 | 17 if is_date() => {
            let written = date(&text[..8], order).zip(compact_time_of_day(&text[8..])).map(|(day, time)| Stamp::Local(day + time));
            written.or_else(|| epoch(text))
        }
        _ => epoch(text),
    }
}

/// Splits a zone off a time: `Z`, `UTC`, `GMT`, `+02`, `+0200`, `-03:30` or `GMT+0300`.
fn zone(text: &[u8]) -> Option<(&[u8], Option<i64>)> {
    if let [time @ .., b'Z' | b'z'] = text {
        return Some((trim(time), Some(0)));
    }
    fn without_name(text: &[u8]) -> Option<&[u8]> {
        match text {
            [time @ .., b'G', b'M', b'T'] | [time @ .., b'U', b'T', b'C'] => Some(trim(time)),
            _ => None,
        }
    }
    let Some(at) = text.iter().rposition(|byte| matches!(byte, b'+' | b'-')) else {
        return Some(without_name(text).map_or((text, None), |time| (time, Some(0))));
    };
    let ahead = &text[at + 1..];
    let (hours, minutes) = match ahead.len() {
        1 | 2 => (ahead, &b"00"[..]),
        4 => (&ahead[..2], &ahead[2..]),
        5 if ahead[2] == b':' => (&ahead[..2], &ahead[3..]),
        _ => return None,
    };
    let ahead_us = (digits(hours)? * 60 + digits(minutes)?) * MINUTE_US;
    let ahead_us = if text[at] == b'-' { -ahead_us } else { ahead_us };
    let time = trim(&text[..at]);
    (ahead_us.abs() < DAY_US).then(|| (without_name(time).unwrap_or(time), Some(ahead_us)))
}

/// 1990. No feed of ticks is older, and a smaller number is more likely a row's number than a count since 1970.
pub(super) const EPOCH_US_MIN: i64 = 631_152_000 * SECOND_US;

/// Seconds have up to 11 digits until the year 5138, and each smaller unit has three more.
fn epoch(text: &[u8]) -> Option<Stamp> {
    let whole = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let us = match whole {
        1..=11 => scaled(text, 6),
        12..=14 => scaled(text, 3),
        15..=17 => scaled(text, 0),
        18..=20 => scaled(text, 0).map(|ns| ns / 1_000),
        _ => None,
    };
    us.filter(|us| *us >= EPOCH_US_MIN).map(Stamp::Utc)
}

fn digits(text: &[u8]) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9).then_some(())?;
    text.iter().try_fold(0_i64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Time;
    use proptest::prelude::*;

    #[test]
    fn stamps_are_read_in_the_ways_files_write_them() {
        let check = |text: &str, utc: bool, expected: &str| {
            let read = match stamp(text.as_bytes()) {
                Some(Stamp::Utc(us)) if utc => us,
                Some(Stamp::Local(us)) if !utc => us,
                other => panic!("{text}: {other:?}"),
            };
            assert_eq!(Time(read).to_string(), format!("{expected}Z"), "{text}");
        };
        check("2014-05-01T00:00:00.040186Z", true, "2014-05-01T00:00:00.040186");
        check("2014-05-01 00:00:00", false, "2014-05-01T00:00:00.000000");
        check("20140501 01:02:03.5", false, "2014-05-01T01:02:03.500000");
        check("2014.05.01 23:59", false, "2014-05-01T23:59:00.000000");
        check("2014-05-01", false, "2014-05-01T00:00:00.000000");
        check("2014.05.01", false, "2014-05-01T00:00:00.000000");
        check("2014-05-01T02:00:00+02:00", true, "2014-05-01T00:00:00.000000");
        check("2014-05-01T02:00:00.25 -0330", true, "2014-05-01T05:30:00.250000");
        check("2014-05-01T02:00:00+02", true, "2014-05-01T00:00:00.000000");
        check("1398902400", true, "2014-05-01T00:00:00.000000");
        check("1398902400.040186", true, "2014-05-01T00:00:00.040186");
        check("1398902400040", true, "2014-05-01T00:00:00.040000");
        check("1398902400040.186", true, "2014-05-01T00:00:00.040186");
        check("1398902400040186", true, "2014-05-01T00:00:00.040186");
        check("1398902400040186999", true, "2014-05-01T00:00:00.040186");
    }

    #[test]
    fn every_way_of_writing_a_time_means_the_same_moment() {
        for (text, order) in [
            ("05.03.2024 12:00:00.332 GMT+0300", None),
            ("20240305 09:00:00:332", None),
            ("20240305 090000332", None),
            ("20240305 090000.332", None),
            ("20240305T090000.332Z", None),
            ("20240305090000332", None),
            ("20240305-09:00:00.332", None),
            ("2024-03-05 09:00:00,332", None),
            ("5.3.2024 9:00:00.332", None),
            ("2024/3/5 9:00:00.332", None),
            ("3/5/2024 9:00:00.332 AM", Some(DateOrder::MonthFirst)),
            ("05/03/24 09:00:00.332", Some(DateOrder::DayFirst)),
            ("05-Mar-2024 09:00:00.332", None),
            ("Mar 5, 2024 09:00:00.332", None),
            ("2024-03-05 09:00:00.332 UTC", None),
            ("2024-03-05 11:00:00.332 UTC+2", None),
            ("240305 090000.332", None),
            ("050324 09:00:00.332", Some(DateOrder::DayFirst)),
            ("24/03/05 09:00:00.332", Some(DateOrder::YearFirst)),
        ] {
            let Some(Stamp::Utc(us) | Stamp::Local(us)) = stamp_in(text.as_bytes(), order) else { panic!("{text} is not read") };
            assert_eq!(Time(us).to_string(), "2024-03-05T09:00:00.332000Z", "{text}");
        }
        assert_eq!(stamp(b"3/5/2024 9:00"), None, "nothing says which is the month");
        assert_eq!(stamp(b"12/31/2024 12:30 PM"), Some(Stamp::Local(1_735_648_200_000_000)));
    }

    #[test]
    fn numbers_too_small_for_a_count_are_no_times() {
        for (text, is_small) in [("1", true), ("45299.375", true), ("631151999", true), ("631152000", false), ("1709629200332", false)] {
            assert_eq!((stamp(text.as_bytes()).is_none(), is_small_count(text.as_bytes())), (is_small, is_small), "{text}");
        }
        for text in ["", "x", "1.5.2024", "20240305", "20241305"] {
            assert!(!is_small_count(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn two_dates_of_six_digits_say_their_order() {
        use DateOrder as O;
        for (one, other, expected) in [
            ("240108", "240109", Some(O::YearFirst)),
            ("080124", "090124", Some(O::DayFirst)),
            ("010824", "010924", Some(O::MonthFirst)),
            ("991231", "000101", Some(O::YearFirst)),
            // The other orders make no dates of it.
            ("240132", "240132", Some(O::DayFirst)),
            // No order makes dates of these, or all of them make dates as far apart.
            ("690230", "300269", None),
            ("240108", "240108", None),
            ("240101", "240201", None),
        ] {
            assert_eq!(order_of_short_dates(one.as_bytes(), other.as_bytes()), expected, "{one} {other}");
        }
    }

    #[test]
    fn dates_say_which_part_is_the_month_where_only_one_can_be() {
        use DateOrder as O;
        let check = |text: &str, expected: Option<Evidence>| assert_eq!(evidence(text.as_bytes()), expected, "{text}");
        check("03/25/2024 09:00", Some(Evidence::Only(O::MonthFirst)));
        check("25-03-24", Some(Evidence::Only(O::DayFirst)));
        check("03/04/2024", Some(Evidence::Either));
        for text in ["03/03/2024", "05.03.2024", "2024-03-05", "20240305", "1709629200332", "x/y/2024", ""] {
            check(text, None);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "T",
            "yesterday",
            "2014-13-01",
            "2014-05-32T00:00",
            "2014-05-01T24:00",
            "2014-05-01T00:60",
            "2014-05-01T00:00:60",
            "2014-05-01T00:00:00+99:00",
            "2014-05/01",
            "201405011",
            "1e9",
            "-5",
            "2014.05",
            "20140532",
        ] {
            if let Some(read) = stamp(text.as_bytes()) {
                // Few digits are a count of seconds.
                assert!(text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{text}: {read:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), text in "[0-9T:.+ -]{0,32}") {
            for text in [&bytes[..], text.as_bytes()] {
                for order in [None, Some(DateOrder::DayFirst), Some(DateOrder::MonthFirst)] {
                    stamp_in(text, order);
                    date(text, order);
                }
                evidence(text);
                time_of_day(text);
            }
        }
    }
}
