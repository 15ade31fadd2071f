//! Time as microseconds since 1970-01-01 UTC, and the one clock that is passed in.
//!
//! The clock on the wall may be set by hours in either direction while the host runs. So it only stamps: whatever waits, repeats or
//! expires is measured in [`Steady`], which no one can set.

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

/// Microseconds in a second.
pub const SECOND_US: i64 = 1_000_000;
/// Microseconds in a minute.
pub const MINUTE_US: i64 = 60 * SECOND_US;
/// Microseconds in a day.
pub const DAY_US: i64 = 24 * 60 * MINUTE_US;

impl Time {
    /// The time `us` microseconds later.
    pub fn plus_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// Microseconds from `earlier` to this time; negative when it is later.
    pub fn since_us(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Number of the UTC day, 0 on 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_US)
    }

    /// Year, month (1-12) and day (1-31) of the UTC date.
    pub fn date(self) -> (i64, u32, u32) {
        // Days to civil date, proleptic Gregorian, with years starting in March so that the leap day is the last.
        let days = self.day() + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month as u32, day as u32)
    }
}

/// A reading of a clock that nobody sets: microseconds since some moment of this process. Only differences mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Steady(pub i64);

impl Steady {
    /// The reading `us` microseconds later.
    pub fn plus_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// Microseconds from `earlier` to this reading; negative when it is later.
    pub fn since_us(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where the host gets the time. Live it is the machine's; in backtests and tests it is moved by hand.
pub trait Clock: Send + Sync {
    /// Now, UTC: for stamps. It may go back.
    fn now(&self) -> Time;
    /// A steady reading: for durations. It does not go back, whatever happens to [`now`](Self::now).
    fn steady(&self) -> Steady;
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.date();
        let us = self.0.rem_euclid(DAY_US);
        let s = us / SECOND_US;
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z", s / 3600, s / 60 % 60, s % 60, us % SECOND_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (us, shown) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_398_902_400_040_186, "2014-05-01T00:00:00.040186Z"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59.000000Z"),
        ] {
            assert_eq!(Time(us).to_string(), shown);
        }
    }
}
