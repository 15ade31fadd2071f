//! The hours of a week in which something may be opened.

use crate::time::{MINUTE_US, Time};
use serde::{Deserialize, Serialize};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_MINUTES: u16 = 24 * 60;
const WEEK_MINUTES: i64 = 7 * DAY_MINUTES as i64;
/// Lines of a list of sessions: more than an hour of each day of a week.
const LINES_MAX: usize = 64;

/// Spans of a week, UTC, in minutes since Monday 00:00: apart and in order. Written as lines such as `mon-fri 07:00-20:30`,
/// `sun 22:00-24:00`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct TradingHours(Vec<(u16, u16)>);

impl TradingHours {
    /// Whether something may be opened at this time.
    pub fn are_open(&self, now: Time) -> bool {
        // 1970-01-01 was a Thursday.
        let minute = (now.0.div_euclid(MINUTE_US) + 3 * i64::from(DAY_MINUTES)).rem_euclid(WEEK_MINUTES) as u16;
        self.0.iter().any(|&(from, to)| (from..to).contains(&minute))
    }

    /// The time that lies in both; `None` is always.
    pub fn common(one: Option<&Self>, other: Option<&Self>) -> Option<Self> {
        let (Some(one), Some(other)) = (one, other) else { return one.or(other).cloned() };
        let meets = |&(from, to): &(u16, u16)| other.0.iter().map(move |&(start, end)| (from.max(start), to.min(end)));
        Some(Self(one.0.iter().flat_map(meets).filter(|(from, to)| from < to).collect()))
    }
}

impl TryFrom<Vec<String>> for TradingHours {
    type Error = String;

    fn try_from(lines: Vec<String>) -> Result<Self, String> {
        if lines.len() > LINES_MAX {
            return Err(format!("{} sessions are too many; at most {LINES_MAX}", lines.len()));
        }
        let mut spans = Vec::new();
        for line in &lines {
            let parsed = parse(line).ok_or_else(|| format!("{line:?} is no session; write it as \"mon-fri 07:00-20:30\", in UTC"))?;
            spans.extend(parsed);
        }
        spans.sort_unstable();
        let mut apart: Vec<(u16, u16)> = Vec::new();
        for (from, to) in spans {
            match apart.last_mut() {
                Some(last) if from <= last.1 => last.1 = to.max(last.1),
                _ => apart.push((from, to)),
            }
        }
        Ok(Self(apart))
    }
}

impl From<TradingHours> for Vec<String> {
    fn from(sessions: TradingHours) -> Self {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let of_day = |day: u16, (from, to): (u16, u16)| {
            let (start, end) = (day * DAY_MINUTES, (day + 1) * DAY_MINUTES);
            let (from, to) = (from.max(start), to.min(end));
            (from < to).then(|| format!("{} {}-{}", DAYS[usize::from(day)], clock(from - start), clock(to - start)))
        };
        (0..7).flat_map(|day| sessions.0.iter().filter_map(move |&span| of_day(day, span))).collect()
    }
}

fn parse(line: &str) -> Option<Vec<(u16, u16)>> {
    let (days, hours) = line.trim().split_once(' ')?;
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    let (first, last) = match days.split_once('-') {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(days)?, day(days)?),
    };
    let (from, to) = hours.trim().split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (first <= last && from < to).then(|| {
        let of_day = |day: usize| day as u16 * DAY_MINUTES;
        (first..=last).map(|day| (of_day(day) + from, of_day(day) + to)).collect()
    })
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours <= 24 && hours * 60 + minutes <= DAY_MINUTES).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY_US;

    fn of(lines: &[&str]) -> Result<TradingHours, String> {
        TradingHours::try_from(lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>())
    }

    /// Minutes after Monday 2024-01-01 00:00.
    fn at(day: i64, hour: i64, minute: i64) -> Time {
        Time(19_723 * DAY_US + day * DAY_US + (hour * 60 + minute) * MINUTE_US)
    }

    #[test]
    fn a_session_opens_and_closes_at_its_minutes() {
        let week = of(&["mon-fri 07:00-20:30", "sun 22:00-24:00"]).unwrap();
        assert!(week.are_open(at(0, 7, 0)) && week.are_open(at(4, 20, 29)) && week.are_open(at(6, 23, 59)));
        assert!(!week.are_open(at(0, 6, 59)) && !week.are_open(at(4, 20, 30)) && !week.are_open(at(5, 12, 0)));
        let shown: Vec<String> = week.clone().into();
        assert_eq!((shown[0].as_str(), TradingHours::try_from(shown.clone())), ("mon 07:00-20:30", Ok(week)));
    }

    #[test]
    fn what_is_common_to_two_levels_is_open() {
        let (day, night) = (of(&["mon-sun 06:00-18:00"]).unwrap(), of(&["mon 12:00-24:00"]).unwrap());
        assert_eq!(TradingHours::common(Some(&day), Some(&night)), Some(of(&["mon 12:00-18:00"]).unwrap()));
        assert_eq!(TradingHours::common(Some(&day), None), Some(day));
    }

    #[test]
    fn what_is_no_session_is_named() {
        for line in ["mon", "mon 7-8", "fri-mon 07:00-08:00", "mon 08:00-07:00", "mon 23:00-24:01", "someday 07:00-08:00"] {
            assert!(of(&[line]).unwrap_err().contains(line), "{line}");
        }
    }
}
