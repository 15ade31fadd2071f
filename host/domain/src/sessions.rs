//! When a market is open, week by week.

use crate::time::{DAY_US, MINUTE_US, Time};
use serde::{Deserialize, Serialize};

const WEEK_MINUTES: u32 = 7 * 24 * 60;
const WEEK_US: i64 = 7 * DAY_US;

/// Open times within a week that starts on Sunday 00:00, by the clock of whoever asks: a feed's is UTC, a broker's its
/// server's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u32, u32)>", into = "Vec<(u32, u32)>")]
pub struct Sessions {
    /// First minute and the minute after the last, sorted, apart from each other.
    open: Vec<(u32, u32)>,
}

impl Sessions {
    /// Open from the first up to before the second of each pair of minutes, counted from Sunday 00:00.
    ///
    /// # Errors
    /// The list is empty, or a session is empty, unsorted, overlapping or beyond the week.
    pub fn new(open: Vec<(u32, u32)>) -> Result<Self, String> {
        let within = open.iter().all(|(start, end)| start < end && *end <= WEEK_MINUTES);
        let sorted = open.windows(2).all(|pair| pair[0].1 <= pair[1].0);
        if open.is_empty() || !within || !sorted {
            return Err(format!("sessions {open:?} are not sorted pairs of minutes up to {WEEK_MINUTES}"));
        }
        Ok(Self { open })
    }

    /// Never closed.
    pub fn always() -> Self {
        Self { open: vec![(0, WEEK_MINUTES)] }
    }

    /// Sunday 22:00 to Friday 21:00.
    pub fn forex() -> Self {
        Self { open: vec![(22 * 60, (5 * 24 + 21) * 60)] }
    }

    /// Like [`forex`](Self::forex), with a break from 21:00 to 22:00 every day.
    pub fn metals() -> Self {
        Self { open: (0..5).map(|day| ((day * 24 + 22) * 60, ((day + 1) * 24 + 21) * 60)).collect() }
    }

    /// Whether `time` lies in a session.
    pub fn is_open(&self, time: Time) -> bool {
        self.next_open(time) == time
    }

    /// `time` if it lies in a session, else the start of the next one.
    pub fn next_open(&self, time: Time) -> Time {
        let week = week_start(time);
        let minute_us = |minute: u32| i64::from(minute) * MINUTE_US;
        let into_week = time.since_us(week);
        match self.open.iter().find(|(_, end)| minute_us(*end) > into_week) {
            Some((start, _)) => week.plus_us(minute_us(*start).max(into_week)),
            None => week.plus_us(WEEK_US + self.open.first().map_or(0, |(start, _)| minute_us(*start))),
        }
    }
}

impl TryFrom<Vec<(u32, u32)>> for Sessions {
    type Error = String;

    fn try_from(open: Vec<(u32, u32)>) -> Result<Self, String> {
        Self::new(open)
    }
}

impl From<Sessions> for Vec<(u32, u32)> {
    fn from(sessions: Sessions) -> Self {
        sessions.open
    }
}

/// 1970-01-01 was a Thursday, four days after a Sunday.
fn week_start(time: Time) -> Time {
    Time((time.day() + 4).div_euclid(7) * WEEK_US - 4 * DAY_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hour` of a day in 2014, days counted from Sunday, 4 May.
    fn at(day: i64, hour: i64) -> Time {
        Time((16_194 + day) * DAY_US).plus_us(hour * 60 * MINUTE_US)
    }

    #[test]
    fn markets_close_at_weekends_and_open_again() {
        let check = |sessions: &Sessions, time: Time, opens: Time| {
            assert_eq!(sessions.next_open(time), opens, "{time} {sessions:?}");
            assert_eq!(sessions.is_open(time), time == opens);
        };
        let sunday = at(0, 22);
        check(&Sessions::forex(), at(-2, 20), at(-2, 20));
        check(&Sessions::forex(), at(-2, 21), sunday);
        check(&Sessions::forex(), at(-1, 12), sunday);
        check(&Sessions::forex(), at(0, 3), sunday);
        check(&Sessions::metals(), at(1, 21), at(1, 22));
        check(&Sessions::metals(), at(-2, 21), sunday);
        check(&Sessions::always(), at(-1, 12), at(-1, 12));
        check(&Sessions::forex(), at(-16_199, 1), at(-16_198, 22));
    }

    #[test]
    fn sessions_that_cannot_be_are_refused() {
        for open in [vec![], vec![(5, 5)], vec![(0, WEEK_MINUTES + 1)], vec![(10, 20), (15, 30)], vec![(10, 20), (0, 5)]] {
            assert!(Sessions::new(open.clone()).is_err(), "{open:?}");
        }
        assert!(Sessions::new(vec![(0, 5), (5, 10)]).is_ok());
    }
}
