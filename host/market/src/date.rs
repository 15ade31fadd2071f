//! A UTC day, by which the store divides its files.

use domain::time::{DAY_US, Time};
use std::fmt;
use std::str::FromStr;

/// Days since 1970-01-01 UTC. Shown and parsed as `2014-05-01`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i64);

impl Date {
    /// The day that holds `time`.
    pub fn of(time: Time) -> Self {
        Self(time.day())
    }

    /// The day of the calendar, or `None` when there is no such day between the years 1 and 9999.
    pub fn from_calendar(year: i64, month: u32, day: u32) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        if !(1..=9999).contains(&year) || !(1..=length).contains(&day) {
            return None;
        }
        // The inverse of `Time::date`: years start in March so that the leap day is the last.
        let (month, day) = (i64::from(month), i64::from(day));
        let year = if month <= 2 { year - 1 } else { year };
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = if month > 2 { month - 3 } else { month + 9 };
        let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self(era * 146_097 + day_of_era - 719_468))
    }

    /// Its first moment.
    pub fn start(self) -> Time {
        Time(self.0.saturating_mul(DAY_US))
    }

    /// The first moment after it.
    pub fn end(self) -> Time {
        self.start().plus_us(DAY_US)
    }

    /// Its year.
    pub fn year(self) -> i64 {
        self.start().date().0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.start().date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A text that is no date.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no date like 2014-05-01")]
pub struct NotADate(String);

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        let number = |range| text.get(range).and_then(|part: &str| part.parse::<u32>().ok());
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        (shaped.then_some(()))
            .and_then(|()| Self::from_calendar(i64::from(number(0..4)?), number(5..7)?, number(8..10)?))
            .ok_or_else(|| NotADate(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_reads_back_as_it_is_shown() {
        for day in -200_000..200_000 {
            let date = Date(day);
            assert_eq!(date.to_string().parse(), Ok(date));
        }
    }

    #[test]
    fn days_that_are_not_in_the_calendar_are_refused() {
        for text in ["2014-02-29", "2014-13-01", "2014-00-10", "2014-5-1", "2014-05-01x", "", "20140501--", "2014-05-é"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        assert!("2016-02-29".parse::<Date>().is_ok());
    }
}
