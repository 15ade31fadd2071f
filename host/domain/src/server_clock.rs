//! The broker's clock, by which its days begin, its sessions open and its swaps are charged.

use crate::time::{DAY_US, MINUTE_US, Time};
use serde::{Deserialize, Serialize};

/// When a server puts its clock forward by an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SummerTime {
    /// Never.
    #[default]
    Never,
    /// With New York: from 07:00 UTC on the second Sunday of March to 06:00 UTC on the first of November.
    NewYork,
    /// With Europe: from 01:00 UTC on the last Sunday of March to 01:00 UTC on the last of October.
    Europe,
}

/// A server's clock: this many minutes ahead of UTC in winter, an hour more in its summer. The default is UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerClock {
    /// Minutes ahead of UTC in winter; negative when behind. Kept within a day.
    pub offset_minutes: i32,
    /// When it is an hour more.
    pub summer: SummerTime,
}

impl ServerClock {
    /// UTC.
    pub const UTC: Self = Self { offset_minutes: 0, summer: SummerTime::Never };
    /// Two hours ahead of UTC, three in New York's summer, so that the day ends when New York's does at 17:00: what most
    /// MetaTrader servers keep.
    pub const NEW_YORK_CLOSE: Self = Self { offset_minutes: 120, summer: SummerTime::NewYork };

    /// What the server's clock shows at `time`, as if it were UTC.
    pub fn shown(self, time: Time) -> Time {
        time.plus_us(self.offset_us(time))
    }

    /// The first moment after `time` at which a day of the server begins.
    pub fn midnight_after(self, time: Time) -> Time {
        // The clock changes at noon of a Sunday at the latest, hours from any midnight: the offset at midnight is found by
        // one look at the time it would be without a change.
        let next = |offset_us: i64| Time((time.plus_us(offset_us).day() + 1) * DAY_US).plus_us(-offset_us);
        next(self.offset_us(next(self.offset_us(time))))
    }

    fn offset_us(self, time: Time) -> i64 {
        let minutes = i64::from(self.offset_minutes) + if self.is_summer(time) { 60 } else { 0 };
        minutes * MINUTE_US
    }

    fn is_summer(self, time: Time) -> bool {
        const HOUR_US: i64 = 60 * MINUTE_US;
        let (_, month, day) = time.date();
        // Sundays of March and of autumn: the first begins at 1, the second at 8; the last of a month of 31 days at 25.
        let (spring, autumn) = match self.summer {
            SummerTime::Never => return false,
            SummerTime::NewYork => ((3, 8, 7), (11, 1, 6)),
            SummerTime::Europe => ((3, 25, 1), (10, 25, 1)),
        };
        let has_passed = |(of_month, earliest, hour): (u32, i64, i64)| {
            if month != of_month {
                return month > of_month;
            }
            let first_possible = time.day() - i64::from(day) + earliest;
            let sunday = first_possible + (7 - (first_possible + 4).rem_euclid(7)) % 7;
            time.0 >= sunday * DAY_US + hour * HOUR_US
        };
        has_passed(spring) && !has_passed(autumn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microseconds of a UTC day's number and an hour.
    fn at(day: i64, hour: i64) -> Time {
        Time(day * DAY_US + hour * 60 * MINUTE_US)
    }

    #[test]
    fn clocks_change_on_the_sundays_of_the_calendar() {
        let hours = |clock: ServerClock, time: Time| clock.shown(time).since_us(time) / (60 * MINUTE_US);
        let europe = ServerClock { offset_minutes: 120, summer: SummerTime::Europe };
        // 2014: New York 9 March (day 16138) and 2 November (16376); Europe 30 March (16159) and 26 October (16369).
        for (clock, time, expected) in [
            (ServerClock::NEW_YORK_CLOSE, at(16_138, 6), 2),
            (ServerClock::NEW_YORK_CLOSE, at(16_138, 7), 3),
            (ServerClock::NEW_YORK_CLOSE, at(16_376, 5), 3),
            (ServerClock::NEW_YORK_CLOSE, at(16_376, 6), 2),
            (europe, at(16_159, 0), 2),
            (europe, at(16_159, 1), 3),
            (europe, at(16_369, 0), 3),
            (europe, at(16_369, 1), 2),
            (ServerClock::UTC, at(16_200, 1), 0),
        ] {
            assert_eq!(hours(clock, time), expected, "{clock:?} {time}");
        }
    }

    #[test]
    fn days_of_the_server_begin_at_its_midnight() {
        let clock = ServerClock::NEW_YORK_CLOSE;
        for (time, hour) in [(at(16_100, 12), 22), (at(16_200, 12), 21)] {
            let midnight = clock.midnight_after(time);
            assert_eq!(midnight, at(time.day(), hour));
            assert_eq!(clock.midnight_after(midnight).since_us(midnight), DAY_US, "a midnight is not after itself");
        }
    }
}
