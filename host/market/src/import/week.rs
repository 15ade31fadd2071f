//! Whether an import's times can be right: the week of currencies and metals ends on Friday at 17:00 in New York and begins on Sunday
//! at 17:00, and the day of metals has a break from 17:00 to 18:00. A file read on a wrong clock has both elsewhere.

use super::clock::new_york;
use super::specs::{Hours, hours_of};
use domain::time::{DAY_US, MINUTE_US};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

const HOUR_US: i64 = 60 * MINUTE_US;
const WEEK_US: i64 = 7 * DAY_US;
/// 1970-01-01 was a Thursday.
const FRIDAY_CLOSE_US: i64 = DAY_US + 17 * HOUR_US;
const WEEKEND_US: i64 = 2 * DAY_US;
/// Silences that can be a weekend, and those that can be the daily break.
const WEEKENDS_US: std::ops::Range<i64> = 36 * HOUR_US..72 * HOUR_US;
const BREAKS_US: std::ops::Range<i64> = 40 * MINUTE_US..130 * MINUTE_US;
/// Where the break of metals ends, since midnight.
const BREAK_END_US: i64 = 18 * HOUR_US;
/// Quiet markets have their last tick some minutes before the close; an hour is a wrong clock.
const OFF_US_MIN: i64 = 45 * MINUTE_US;
/// Longer bars do not show the hour.
const BAR_US_MAX: i64 = HOUR_US;

/// Looks at times in their order.
pub(super) struct Week {
    hours: Hours,
    new_york: TimeZone,
    /// Length of a bar; 0 for ticks.
    bar_us: i64,
    last: Option<i64>,
    /// Hours that weekends and breaks are off, each with how often.
    weekends: BTreeMap<i64, u32>,
    breaks: BTreeMap<i64, u32>,
}

impl Week {
    /// `None` where nothing is known of the symbol's week, or bars are too long to show it.
    pub fn of(symbol: &str, bar_us: i64) -> Option<Self> {
        let hours = hours_of(symbol).filter(|_| bar_us <= BAR_US_MAX)?;
        let (weekends, breaks) = (BTreeMap::new(), BTreeMap::new());
        Some(Self { hours, new_york: new_york(), bar_us, last: None, weekends, breaks })
    }

    /// The next times.
    pub fn look(&mut self, times: &[i64]) {
        let Some(first) = times.first() else { return };
        if let Some(last) = self.last {
            self.silence(last + self.bar_us, *first);
        }
        for pair in times.windows(2) {
            if pair[1] - pair[0] >= BREAKS_US.start {
                self.silence(pair[0] + self.bar_us, pair[1]);
            }
        }
        self.last = times.last().copied();
    }

    /// What is wrong with the clock, if anything is.
    pub fn warning(mut self) -> Option<String> {
        if let Some(last) = self.last {
            self.end(last + self.bar_us);
        }
        let most = |counts: &BTreeMap<i64, u32>| {
            let all: u32 = counts.values().sum();
            counts.iter().find(|(_, count)| **count * 2 > all).map(|(hours, _)| *hours)
        };
        let what = "the week of this market ends on Friday at 17:00 in New York";
        let (hours, what) = match (most(&self.weekends), most(&self.breaks)) {
            (Some(hours), _) => (hours, what),
            (None, Some(hours)) => (hours, "the daily break of metals ends at 18:00 in New York"),
            (None, None) => return None,
        };
        let way = if hours < 0 { "early" } else { "late" };
        let unit = if hours.abs() == 1 { "hour" } else { "hours" };
        let hours = hours.abs();
        (hours != 0).then(|| format!("the clock looks {hours} {unit} off: {what}, and here {hours} {unit} too {way}; see --utc-offset"))
    }

    /// On New York's clock, given as if it were UTC.
    fn local(&self, us: i64) -> i64 {
        let offset = jiff::Timestamp::from_microsecond(us).map_or(0, |time| self.new_york.to_offset(time).seconds());
        us + i64::from(offset) * 1_000_000
    }

    fn silence(&mut self, from: i64, to: i64) {
        let (from, to) = (self.local(from), self.local(to));
        if WEEKENDS_US.contains(&(to - from)) {
            let close = nearest_close(from);
            let (end, start) = (from - close, to - close - WEEKEND_US);
            // Some brokers begin two hours before the market and metals an hour after it; a week that only ends early, as before a
            // holiday, does not begin early too.
            let is_shifted = (end - 135 * MINUTE_US..=end + 75 * MINUTE_US).contains(&start);
            let hours = if is_shifted || end >= OFF_US_MIN { hours_off(end) } else { 0 };
            *self.weekends.entry(hours).or_default() += 1;
        } else if self.hours == Hours::Metal && BREAKS_US.contains(&(to - from)) {
            let off = (to - BREAK_END_US + DAY_US / 2).rem_euclid(DAY_US) - DAY_US / 2;
            *self.breaks.entry(hours_off(off)).or_default() += 1;
        }
    }

    /// Of the last time of all: after it closes on Friday?
    fn end(&mut self, last: i64) {
        let last = self.local(last);
        let off = last - nearest_close(last);
        if (OFF_US_MIN..=WEEKEND_US / 2).contains(&off) {
            *self.weekends.entry(hours_off(off)).or_default() += 1;
        }
    }
}

fn nearest_close(local: i64) -> i64 {
    (local - FRIDAY_CLOSE_US + WEEK_US / 2).div_euclid(WEEK_US) * WEEK_US + FRIDAY_CLOSE_US
}

/// Whole hours; none where it is less than a clock can be off.
fn hours_off(us: i64) -> i64 {
    if us.abs() < OFF_US_MIN { 0 } else { (us as f64 / HOUR_US as f64).round() as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Date;

    /// A day and a minute of it, in UTC.
    type Minute = (&'static str, i64);

    /// Ticks every ten minutes, from one minute to another.
    fn times(spans: &[(Minute, Minute)]) -> Vec<i64> {
        let at = |(day, minute): Minute| day.parse::<Date>().expect("a date").start().0 + minute * MINUTE_US;
        spans.iter().flat_map(|(from, to)| (at(*from)..=at(*to)).step_by(10 * MINUTE_US as usize)).collect()
    }

    fn check(symbol: &str, times: &[i64], expected: Option<&str>) {
        let mut week = Week::of(symbol, 0).expect("its week is known");
        // In two parts, as days are.
        let (before, after) = times.split_at(times.len() / 2);
        week.look(before);
        week.look(after);
        let warning = week.warning();
        match expected {
            None => assert_eq!(warning, None),
            Some(expected) => assert!(warning.as_ref().is_some_and(|warning| warning.contains(expected)), "{warning:?}"),
        }
    }

    #[test]
    fn a_week_that_ends_elsewhere_is_told_in_hours() {
        // In May, 17:00 in New York is 21:00 UTC.
        let weeks = |shift: i64| {
            let minute = |hour: i64| hour * 60 + shift * 60;
            times(&[(("2014-05-05", minute(0)), ("2014-05-09", minute(21) - 10)), (("2014-05-11", minute(21)), ("2014-05-15", minute(20)))])
        };
        check("EURUSD", &weeks(0), None);
        check(
            "EURUSD",
            &weeks(-1),
            Some("1 hour off: the week of this market ends on Friday at 17:00 in New York, and here 1 hour too early"),
        );
        check("EURUSD", &weeks(4), Some("4 hours off"));
        // A Friday that ends at noon is a holiday.
        let holiday = times(&[(("2014-05-05", 0), ("2014-05-09", 16 * 60)), (("2014-05-11", 21 * 60), ("2014-05-15", 0))]);
        check("EURUSD", &holiday, None);
        // One week alone, with ticks when the market is closed.
        check("EURUSD", &times(&[(("2014-05-05", 0), ("2014-05-10", 60))]), Some("4 hours off"));
        // A broker that begins two hours early, on its own clock and an hour off.
        let early =
            |hour: i64| times(&[(("2014-05-05", 0), ("2014-05-09", hour * 60 - 10)), (("2014-05-11", (hour - 2) * 60), ("2014-05-15", 0))]);
        check("EURUSD", &early(21), None);
        check("EURUSD", &early(20), Some("1 hour off"));
        check("EURUSD", &times(&[(("2014-05-05", 0), ("2014-05-06", 60))]), None);
    }

    #[test]
    fn a_daily_break_of_metals_elsewhere_is_told_too() {
        let days = |shift: i64| {
            let day = |day: &'static str, next: &'static str| ((day, (22 + shift) * 60), (next, (21 + shift) * 60 - 10));
            times(&[day("2014-05-05", "2014-05-06"), day("2014-05-06", "2014-05-07"), day("2014-05-07", "2014-05-08")])
        };
        check("XAUUSD", &days(0), None);
        check("XAUUSD", &days(4), Some("4 hours off: the daily break of metals"));
        check("EURUSD", &days(4), None);
        assert!(Week::of("BTCUSD", 0).is_none() && Week::of("EURUSD", 4 * HOUR_US).is_none());
    }
}
