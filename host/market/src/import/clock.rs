//! Which clock a file's times were read from, and the way from it to UTC.

use domain::time::SECOND_US;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::fmt;
use std::str::FromStr;

const HOUR_US: i64 = 3_600 * SECOND_US;

/// The clock of a file's times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SourceClock {
    /// The usual one: what the path says for LEAN, the vendor's where names tell the vendor, else UTC. (MT5 times are those of
    /// the broker's server, which no file names: give one of the others where it is known.)
    #[default]
    Usual,
    /// So many minutes ahead of UTC, summer and winter.
    AheadMinutes(i32),
    /// New York and seven hours, so that the day ends when New York closes at 17:00: what most MT5 brokers run by, UTC+2 in
    /// winter and UTC+3 in summer, changing with the United States.
    NewYorkClose,
    /// A place of the time zone database, like `Europe/Athens`.
    Zone(TimeZone),
}

/// A text that names no clock.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no clock: give utc, hours ahead of it like +3 or -3.5, new-york-close, or a zone like Europe/Athens")]
pub struct NotAClock(String);

impl FromStr for SourceClock {
    type Err = NotAClock;

    fn from_str(text: &str) -> Result<Self, NotAClock> {
        match text {
            "usual" => return Ok(Self::Usual),
            "utc" | "UTC" => return Ok(Self::AheadMinutes(0)),
            "new-york-close" => return Ok(Self::NewYorkClose),
            _ => {}
        }
        if let Ok(hours) = text.parse::<f64>() {
            let minutes = (hours * 60.0).round();
            return if minutes.abs() <= 14.0 * 60.0 { Ok(Self::AheadMinutes(minutes as i32)) } else { Err(NotAClock(text.into())) };
        }
        TimeZone::get(text).map(Self::Zone).map_err(|_| NotAClock(text.into()))
    }
}

impl fmt::Display for SourceClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usual => write!(f, "of the format's usual clock"),
            Self::AheadMinutes(0) => write!(f, "in UTC"),
            Self::AheadMinutes(minutes) => {
                let (sign, minutes) = (if *minutes < 0 { '-' } else { '+' }, minutes.abs());
                write!(f, "in UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
            Self::NewYorkClose => write!(f, "in New York + 7 h"),
            Self::Zone(zone) => write!(f, "in {}", zone.iana_name().unwrap_or("a zone")),
        }
    }
}

/// Which row of a file is the earliest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Direction {
    #[default]
    OldestFirst,
    NewestFirst,
}

/// Turns local times into UTC. Zones change their offset on whole hours only, so one look-up serves an hour of ticks.
#[derive(Debug)]
pub(super) struct ToUtc {
    rule: Rule,
    hour: i64,
    ahead_us: i64,
    /// Within the hour that autumn repeats, by how much less the clock is ahead in its second pass; else 0.
    repeated_us: i64,
    is_second_pass: bool,
    last_us: i64,
    direction: Direction,
}

#[derive(Debug)]
enum Rule {
    Fixed,
    Zone { zone: TimeZone, shift_us: i64 },
}

/// A step back by this much within the hour that autumn repeats is its second pass; a smaller one is a late row.
const SECOND_PASS_US: i64 = 60 * SECOND_US;

impl ToUtc {
    /// `usual` is what [`SourceClock::Usual`] means here.
    pub fn new(clock: &SourceClock, usual: &SourceClock) -> Self {
        let of = |rule: Rule, ahead_us: i64| Self {
            rule,
            hour: i64::MIN,
            ahead_us,
            repeated_us: 0,
            is_second_pass: false,
            last_us: i64::MIN,
            direction: Direction::OldestFirst,
        };
        match clock {
            SourceClock::Usual if *usual == SourceClock::Usual => of(Rule::Fixed, 0),
            SourceClock::Usual => Self::new(usual, &SourceClock::Usual),
            SourceClock::AheadMinutes(minutes) => of(Rule::Fixed, i64::from(*minutes) * 60 * SECOND_US),
            SourceClock::NewYorkClose => of(Rule::Zone { zone: new_york(), shift_us: 7 * HOUR_US }, 0),
            SourceClock::Zone(place) => of(Rule::Zone { zone: place.clone(), shift_us: 0 }, 0),
        }
    }

    /// The rows come in this order.
    pub fn set_direction(&mut self, direction: Direction) {
        self.direction = direction;
        self.is_second_pass = direction == Direction::NewestFirst;
    }

    /// Microseconds since 1970 UTC of a local time that is given as if it were UTC. In the hour that autumn repeats, the first
    /// pass until times step back; in the hour that spring skips, as if the clock had not been put forward.
    #[inline]
    pub fn utc(&mut self, local_us: i64) -> i64 {
        if matches!(self.rule, Rule::Fixed) {
            return local_us.saturating_sub(self.ahead_us);
        }
        self.utc_in_zone(local_us, SECOND_PASS_US)
    }

    /// The same of a bar, of which no two have the same time: the second one is of the second pass.
    pub fn utc_of_bar(&mut self, local_us: i64) -> i64 {
        self.utc_in_zone(local_us, 0)
    }

    fn utc_in_zone(&mut self, local_us: i64, step_us: i64) -> i64 {
        if let Rule::Zone { zone, shift_us } = &self.rule {
            let hour = local_us.div_euclid(HOUR_US);
            if hour != self.hour {
                let zone_local_us = hour.saturating_mul(HOUR_US).saturating_sub(*shift_us);
                let (ahead_us, repeated_us) = ahead_us(zone, zone_local_us).unwrap_or((0, 0));
                self.ahead_us = ahead_us + shift_us;
                self.hour = hour;
                if repeated_us == 0 || self.repeated_us == 0 {
                    self.is_second_pass = self.direction == Direction::NewestFirst;
                }
                self.repeated_us = repeated_us;
            } else if self.repeated_us > 0 {
                match self.direction {
                    Direction::OldestFirst => self.is_second_pass |= local_us <= self.last_us.saturating_sub(step_us),
                    Direction::NewestFirst => self.is_second_pass &= local_us < self.last_us.saturating_add(step_us),
                }
            }
        }
        self.last_us = local_us;
        let second_pass_us = if self.is_second_pass { self.repeated_us } else { 0 };
        local_us.saturating_sub(self.ahead_us).saturating_add(second_pass_us)
    }
}

/// How far the clock is ahead, in the first pass where it shows the time twice, and by how much less in the second. `None`
/// outside the years that the database covers (-9999 to 9999).
fn ahead_us(zone: &TimeZone, local_us: i64) -> Option<(i64, i64)> {
    let local: DateTime = jiff::Timestamp::from_microsecond(local_us).ok()?.to_zoned(TimeZone::UTC).datetime();
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let repeated_us = match ambiguous.offset() {
        AmbiguousOffset::Fold { before, after } => i64::from(before.seconds() - after.seconds()) * SECOND_US,
        _ => 0,
    };
    let utc_us = ambiguous.compatible().ok()?.as_microsecond();
    Some((local_us - utc_us, repeated_us))
}

/// New York's time zone.
pub(super) fn new_york() -> TimeZone {
    TimeZone::get("America/New_York").expect("the time zone database is part of the program")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::date::Date;
    use domain::time::Time;

    #[test]
    fn local_times_become_utc_by_the_calendar_of_the_place() {
        let check = |clock: &str, local: (&str, i64), utc: &str| {
            let clock: SourceClock = clock.parse().expect("a clock");
            let local_us = local.0.parse::<Date>().expect("a date").start().0 + local.1 * HOUR_US;
            let shown = Time(ToUtc::new(&clock, &SourceClock::Usual).utc(local_us)).to_string();
            assert!(shown.starts_with(utc), "{clock} {local:?}: {shown}");
        };
        check("utc", ("2014-05-01", 0), "2014-05-01T00:00");
        check("+3", ("2014-05-01", 0), "2014-04-30T21:00");
        check("-3.5", ("2014-05-01", 0), "2014-05-01T03:30");
        check("America/New_York", ("2014-05-01", 0), "2014-05-01T04:00");
        check("America/New_York", ("2014-01-01", 0), "2014-01-01T05:00");
        check("America/New_York", ("2014-03-09", 1), "2014-03-09T06:00");
        check("America/New_York", ("2014-03-09", 3), "2014-03-09T07:00");
        // A broker's midnight is New York's 17:00 on both sides of the change.
        check("new-york-close", ("2014-03-07", 0), "2014-03-06T22:00");
        check("new-york-close", ("2014-03-10", 0), "2014-03-09T21:00");
    }

    #[test]
    fn texts_that_name_no_clock_are_refused() {
        for text in ["", "Mars/Olympus", "+15", "NaN", "1e300"] {
            assert!(text.parse::<SourceClock>().is_err(), "{text}");
        }
    }

    #[test]
    fn no_time_is_too_far_away() {
        let mut clock = ToUtc::new(&SourceClock::NewYorkClose, &SourceClock::Usual);
        for time in [i64::MIN, -1, 0, i64::MAX] {
            clock.utc(time);
        }
    }
}
