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

/// `2014.05.01`, `2014-05-01`, `2014/05/01` or `20140501` as its first moment.
pub(super) fn date(text: &[u8]) -> Option<i64> {
    let (year, month, day) = match text.len() {
        8 => (&text[..4], &text[4..6], &text[6..]),
        10 if matches!(text[4], b'.' | b'-' | b'/') && text[7] == text[4] => (&text[..4], &text[5..7], &text[8..]),
        _ => return None,
    };
    Date::from_calendar(digits(year)?, digits(month)? as u32, digits(day)? as u32).map(|date| date.start().0)
}

/// `19:00`, `19:00:00` or `19:00:00.083` as microseconds since midnight.
pub(super) fn time_of_day(text: &[u8]) -> Option<i64> {
    let (minutes, seconds) = match text.len() {
        5 => (text, &b"0"[..]),
        8.. if text[5] == b':' => (&text[..5], &text[6..]),
        _ => return None,
    };
    let (hour, minute) = (digits(&minutes[..2])?, digits(&minutes[3..])?);
    let second_us = scaled(seconds, 6).filter(|us| *us < 60 * SECOND_US)?;
    (minutes[2] == b':' && hour < 24 && minute < 60).then(|| (hour * 60 + minute) * MINUTE_US + second_us)
}

/// A date with or without a time, an ISO 8601 zone after it or not, or a count of s, ms, µs or ns since 1970, told apart
/// by its size.
pub(super) fn stamp(text: &[u8]) -> Option<Stamp> {
    let text = trim(text);
    let separator = text.iter().position(|byte| matches!(byte, b'T' | b't' | b' '));
    match separator {
        None if text.len() != 8 && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') && !is_dotted_date(text) => epoch(text),
        None => date(text).map(Stamp::Local),
        Some(at) => {
            let day = date(&text[..at])?;
            let (time, ahead_us) = zone(trim(&text[at + 1..]))?;
            let local = day + time_of_day(time)?;
            Some(ahead_us.map_or(Stamp::Local(local), |ahead_us| Stamp::Utc(local - ahead_us)))
        }
    }
}

fn is_dotted_date(text: &[u8]) -> bool {
    text.len() == 10 && text[4] == b'.'
}

/// Splits a zone off a time: `Z`, `+02`, `+0200` or `-03:30`.
fn zone(text: &[u8]) -> Option<(&[u8], Option<i64>)> {
    if let [time @ .., b'Z' | b'z'] = text {
        return Some((time, Some(0)));
    }
    let Some(at) = text.iter().rposition(|byte| matches!(byte, b'+' | b'-')) else { return Some((text, None)) };
    let ahead = &text[at + 1..];
    let (hours, minutes) = match ahead.len() {
        2 => (ahead, &b"00"[..]),
        4 => (&ahead[..2], &ahead[2..]),
        5 if ahead[2] == b':' => (&ahead[..2], &ahead[3..]),
        _ => return None,
    };
    let ahead_us = (digits(hours)? * 60 + digits(minutes)?) * MINUTE_US;
    let ahead_us = if text[at] == b'-' { -ahead_us } else { ahead_us };
    (ahead_us.abs() < DAY_US).then(|| (trim(&text[..at]), Some(ahead_us)))
}

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
    us.map(Stamp::Utc)
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
            "2014-05-01T00:00:00+1",
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
                stamp(text);
                date(text);
                time_of_day(text);
            }
        }
    }
}
