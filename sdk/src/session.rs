//! Trading sessions: windows of a day in UTC, in London or in New York, with their summer times by rule.
//!
//! Summer time is computed from the rules in force since 1996 (London) and 2007 (New York), so that no time zone
//! database is needed; for earlier years it is off by up to a few weeks.

use crate::types::*;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Year, such as 2024.
    pub year: i32,
    /// Month from 1 to 12.
    pub month: u32,
    /// Day of the month from 1 to 31.
    pub day: u32,
}

impl Date {
    /// The day that many days after 1970-01-01.
    pub fn of_day(day: i64) -> Self {
        // Years are counted from March, so that the leap day is the last of its year; 400 years have 146,097 days.
        let shifted = day + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        Date {
            year: (era * 400 + year_of_era + i64::from(month <= 2)) as i32,
            month: month as u32,
            day: (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32,
        }
    }

    /// Days since 1970-01-01; negative before it.
    pub fn to_day(self) -> i64 {
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let month_from_march = (i64::from(self.month) + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
    }
}

/// A time as logs show it, in UTC: `2024-01-09 08:30:00`.
///
/// ```
/// assert_eq!(stockade_sdk::session::date_time(1_704_789_000_123_456), "2024-01-09 08:30:00");
/// ```
pub fn date_time(time: Time) -> String {
    let (Date { year, month, day }, second) = (Date::of_day(time.div_euclid(DAY)), time.rem_euclid(DAY) / SECOND);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", second / 3_600, second / 60 % 60, second % 60)
}

/// Day of the week of a time in microseconds since 1970: 0 is Sunday, 6 Saturday.
pub fn weekday(time: Time) -> u32 {
    (time.div_euclid(DAY) + 4).rem_euclid(7) as u32
}

/// Whose clock a window is given in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// Universal time.
    Utc,
    /// Greenwich time, an hour ahead from the last Sunday of March to the last Sunday of October.
    London,
    /// Five hours behind, four from the second Sunday of March to the first Sunday of November.
    NewYork,
}

impl Zone {
    /// The time that this zone's clocks show at `time`, in microseconds since 1970 by that clock.
    pub fn local(self, time: Time) -> Time {
        time + self.offset(time)
    }

    /// What the zone's clocks are ahead of UTC in winter and in summer, in microseconds.
    fn offsets(self) -> [Time; 2] {
        match self {
            Zone::Utc => [0, 0],
            Zone::London => [0, HOUR],
            Zone::NewYork => [-5 * HOUR, -4 * HOUR],
        }
    }

    /// What they are ahead of UTC at `time`, in microseconds.
    fn offset(self, time: Time) -> Time {
        let year = Date::of_day(time.div_euclid(DAY)).year;
        let summer = match self {
            Zone::Utc => return 0,
            Zone::London => last_sunday(year, 3) + HOUR..last_sunday(year, 10) + HOUR,
            // At two in the morning by the clock that is about to be changed.
            Zone::NewYork => sunday(year, 3, 2) + 7 * HOUR..sunday(year, 11, 1) + 6 * HOUR,
        };
        self.offsets()[usize::from(summer.contains(&time))]
    }
}

/// Start of the `count`th Sunday of a month.
fn sunday(year: i32, month: u32, count: i64) -> Time {
    let first = Date { year, month, day: 1 }.to_day();
    let days_until = i64::from((7 - weekday(first * DAY)) % 7);
    (first + days_until + 7 * (count - 1)) * DAY
}

/// Start of the last Sunday of a month of 31 days.
fn last_sunday(year: i32, month: u32) -> Time {
    let last = Date { year, month, day: 31 }.to_day();
    (last - i64::from(weekday(last * DAY))) * DAY
}

/// A window of each working day, by some zone's clock.
///
/// ```
/// use stockade_sdk::prelude::*;
/// use stockade_sdk::session::{Date, Session, Zone};
///
/// let london = Session::new(Zone::London, 8 * HOUR, 16 * HOUR + 30 * MINUTE);
/// let at = |month, hour| Date { year: 2024, month, day: 15 }.to_day() * DAY + hour * HOUR;
/// assert!(london.is_open(at(1, 8)) && !london.is_open(at(1, 7)));
/// assert!(london.is_open(at(7, 7)), "in summer London's eight o'clock is seven in UTC");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    zone: Zone,
    from: Time,
    until: Time,
}

impl Session {
    /// Open from `from` (included) until `until` (excluded), in microseconds since the zone's midnight, Monday to Friday.
    /// Where `until` is not after `from`, the window runs over midnight and belongs to the day on which it opened.
    pub const fn new(zone: Zone, from: Time, until: Time) -> Self {
        Session { zone, from, until }
    }

    /// London's stock exchange: 8:00 to 16:30 there.
    pub const fn london() -> Self {
        Self::new(Zone::London, 8 * HOUR, 16 * HOUR + 30 * MINUTE)
    }

    /// New York's stock exchange: 9:30 to 16:00 there.
    pub const fn new_york() -> Self {
        Self::new(Zone::NewYork, 9 * HOUR + 30 * MINUTE, 16 * HOUR)
    }

    /// Whether the session is open at `time`, in microseconds since 1970 UTC.
    pub fn is_open(&self, time: Time) -> bool {
        let [winter, summer] = self.zone.offsets().map(|offset| self.is_open_at(time + offset));
        // Most of the day it is the same whatever the clock: the calendar, which is a score of divisions, is asked for the rest.
        if winter == summer { winter } else { self.is_open_at(self.zone.local(time)) }
    }

    /// Whether it is open when its zone's clocks show this time.
    fn is_open_at(&self, local: Time) -> bool {
        let in_day = local.rem_euclid(DAY);
        let over_midnight = self.until <= self.from;
        let opened = match over_midnight {
            false if (self.from..self.until).contains(&in_day) => local,
            true if in_day >= self.from => local,
            true if in_day < self.until => local - DAY,
            _ => return false,
        };
        (1..=5).contains(&weekday(opened))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i32, month: u32, day: u32, minutes: i64) -> Time {
        Date { year, month, day }.to_day() * DAY + minutes * MINUTE
    }

    #[test]
    fn dates_survive_both_ways() {
        for day in -800_000..800_000 {
            assert_eq!(Date::of_day(day).to_day(), day);
        }
        assert_eq!(Date::of_day(19_782), Date { year: 2024, month: 2, day: 29 });
        assert_eq!(weekday(at(2024, 2, 29, 0)), 4);
    }

    #[test]
    fn clocks_change_at_the_minute_the_law_says() {
        let check = |zone: Zone, time: Time, hours: i64| assert_eq!(zone.local(time) - time, hours * HOUR);
        // London 2024: 31 March 01:00 and 27 October 01:00 UTC.
        check(Zone::London, at(2024, 3, 31, 59), 0);
        check(Zone::London, at(2024, 3, 31, 60), 1);
        check(Zone::London, at(2024, 10, 27, 59), 1);
        check(Zone::London, at(2024, 10, 27, 60), 0);
        // New York 2024: 10 March 07:00 and 3 November 06:00 UTC.
        check(Zone::NewYork, at(2024, 3, 10, 7 * 60 - 1), -5);
        check(Zone::NewYork, at(2024, 3, 10, 7 * 60), -4);
        check(Zone::NewYork, at(2024, 11, 3, 6 * 60 - 1), -4);
        check(Zone::NewYork, at(2024, 11, 3, 6 * 60), -5);
        // A year whose first of November is a Sunday.
        check(Zone::NewYork, at(2026, 11, 1, 6 * 60), -5);
    }

    #[test]
    fn sessions_close_at_the_weekend() {
        let noon = 12 * 60;
        assert!(Session::london().is_open(at(2024, 3, 1, noon)));
        assert!(!Session::london().is_open(at(2024, 3, 2, noon)));
        assert!(!Session::london().is_open(at(2024, 3, 3, noon)));
    }

    #[test]
    fn a_session_is_open_by_the_clock_of_its_zone() {
        for zone in [Zone::Utc, Zone::London, Zone::NewYork] {
            for (from, until) in [(8, 16), (22, 6), (0, 24), (23, 1)] {
                let session = Session::new(zone, from * HOUR, until * HOUR);
                // Two years, every 17 minutes.
                for minutes in (0..2 * 366 * 24 * 60).step_by(17) {
                    let time = at(2023, 12, 1, minutes);
                    assert_eq!(session.is_open(time), session.is_open_at(zone.local(time)), "{session:?} at {time}");
                }
            }
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_opened() {
        let night = Session::new(Zone::Utc, 22 * HOUR, 6 * HOUR);
        assert!(night.is_open(at(2024, 3, 1, 23 * 60)), "Friday night");
        assert!(night.is_open(at(2024, 3, 2, 5 * 60)), "its end on Saturday");
        assert!(!night.is_open(at(2024, 3, 2, 23 * 60)), "Saturday night");
        assert!(!night.is_open(at(2024, 3, 4, 5 * 60)), "Sunday's night never opened");
        assert!(!night.is_open(at(2024, 3, 1, 12 * 60)));
    }
}
