//! What may be wrong with ticks that can be read: crossed quotes, repetitions, spikes, gaps. Told, never mended: what a feed
//! sent is what a strategy would have seen.

use crate::import::grouped;
use domain::tick::TickColumns;
use domain::time::{DAY_US, MINUTE_US, Time};
use serde::Serialize;
use std::fmt;

/// Silence longer than this on a weekday is a gap: quiet markets have a tick every few minutes, and the daily break lasts an
/// hour at most.
const GAP_US: i64 = 65 * MINUTE_US;
/// A tick is a spike when its middle lies this far from the one before and from the one after...
const SPIKE: f64 = 0.005;
/// ...and these two lie this near to each other.
const BACK: f64 = 0.001;
/// Findings of a kind that are named; all are counted.
const NAMED_MAX: usize = 20;

/// Something that may be wrong, and since when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// When.
    #[serde(serialize_with = "crate::quality::shown")]
    pub at: Time,
    /// What.
    pub what: String,
}

/// How many there are, and the first ones.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// All of them.
    pub count: u64,
    /// The first ones.
    pub first: Vec<Finding>,
}

/// What was found in ticks that were looked at in order of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Quality {
    /// Ticks.
    pub ticks: u64,
    /// Bid above ask.
    pub crossed: u64,
    /// The same time and the same prices as the tick before.
    pub duplicates: u64,
    /// Prices that jump away and are back with the next tick.
    pub spikes: Findings,
    /// Silence on weekdays.
    pub gaps: Findings,
    #[serde(skip)]
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Last {
    time: i64,
    bid: f64,
    ask: f64,
    /// The middle of the one before it.
    before: f64,
}

pub(crate) fn shown<S: serde::Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

impl Findings {
    fn add(&mut self, at: i64, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(Finding { at: Time(at), what: what() });
        }
    }
}

impl Quality {
    /// Looks at the next ticks, which are not earlier than those before.
    pub fn look(&mut self, ticks: &TickColumns<'_>) {
        self.ticks += ticks.len() as u64;
        for ((&time, &bid), &ask) in ticks.times.iter().zip(ticks.bids).zip(ticks.asks) {
            self.crossed += u64::from(bid > ask);
            let middle = (bid + ask) / 2.0;
            let before = match self.last {
                None => middle,
                Some(last) => {
                    self.compare(last, time, bid, ask, middle);
                    (last.bid + last.ask) / 2.0
                }
            };
            self.last = Some(Last { time, bid, ask, before });
        }
    }

    #[inline]
    fn compare(&mut self, last: Last, time: i64, bid: f64, ask: f64, middle: f64) {
        self.duplicates += u64::from(time == last.time && bid == last.bid && ask == last.ask);
        if time - last.time > GAP_US && is_gap(last.time, time) {
            let minutes = (time - last.time) / MINUTE_US;
            self.gaps.add(last.time, || format!("{} h {:02} min without a tick", minutes / 60, minutes % 60));
        }
        let spike = (last.bid + last.ask) / 2.0;
        let away = |from: f64| (spike - from).abs() > SPIKE * from;
        if away(last.before) && away(middle) && (middle - last.before).abs() < BACK * middle {
            let (spike, before, middle) = (decimal(spike), decimal(last.before), decimal(middle));
            self.spikes.add(last.time, || format!("{spike} between {before} and {middle}"));
        }
    }
}

/// A price without what a sum of two floats leaves far behind the last digit any symbol has: the middle of 1.50000 and 1.50001 is
/// 1.500005.
fn decimal(price: f64) -> f64 {
    /// One more than a symbol may have, for middles.
    const DIGITS: i32 = 9;
    let scale = 10_f64.powi(DIGITS);
    (price * scale).round() / scale
}

/// Whether a silence is more than a weekend: markets close on Friday evening and open on Sunday evening, UTC.
fn is_gap(from: i64, to: i64) -> bool {
    // 1970-01-01 was a Thursday: the first Saturday was two days later.
    let saturday = 2 * DAY_US;
    let week = 7 * DAY_US;
    let weekend = (from - saturday).div_euclid(week) * week + saturday + week;
    let within = |weekend: i64| from >= weekend - 4 * 60 * MINUTE_US && to <= weekend + 2 * DAY_US + 60 * MINUTE_US;
    !(within(weekend) || within(weekend - week))
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.crossed, "crossed quotes (bid above ask), kept as they came"),
            (self.duplicates, "ticks with time and prices of the one before"),
            (self.spikes.count, "spikes (away by more than 0.5 % for one tick)"),
            (self.gaps.count, "gaps (more than 65 min on a weekday)"),
        ];
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "\n  {} {what}", grouped(count))?;
            let named = match what.as_bytes()[0] {
                b's' => &self.spikes,
                b'g' => &self.gaps,
                _ => continue,
            };
            for finding in named.first.iter().take(5) {
                write!(f, "\n    {}  {}", finding.at, finding.what)?;
            }
            if count > 5 {
                write!(f, "\n    and {} more", grouped(count - 5))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(ticks: &[(i64, f64, f64)]) -> Quality {
        let (times, bids, asks): (Vec<i64>, Vec<f64>, Vec<f64>) =
            ticks.iter().copied().fold(Default::default(), |mut all: (Vec<_>, Vec<_>, Vec<_>), (time, bid, ask)| {
                all.0.push(time);
                all.1.push(bid);
                all.2.push(ask);
                all
            });
        let mut quality = Quality::default();
        // Row by row, so that what is found does not depend on how days were cut.
        for row in 0..times.len() {
            quality.look(&TickColumns {
                times: &times[row..=row],
                bids: &bids[row..=row],
                asks: &asks[row..=row],
                ..TickColumns::default()
            });
        }
        let mut whole = Quality::default();
        whole.look(&TickColumns { times: &times, bids: &bids, asks: &asks, ..TickColumns::default() });
        assert_eq!(whole, quality);
        quality
    }

    #[test]
    fn what_may_be_wrong_is_counted_and_named() {
        let at = |text: &str, s: i64| text.parse::<crate::Date>().unwrap().start().0 + s * 1_000_000;
        let quality = look(&[
            (at("2014-05-01", 0), 1.1, 1.2),
            (at("2014-05-01", 0), 1.1, 1.2),
            (at("2014-05-01", 1), 1.3001, 1.3),
            (at("2014-05-01", 2), 1.1, 1.2),
            (at("2014-05-01", 3_000), 1.1, 1.2),
            (at("2014-05-01", 9_000), 1.1, 1.2),
        ]);
        assert_eq!((quality.ticks, quality.crossed, quality.duplicates), (6, 1, 1));
        assert_eq!((quality.spikes.count, quality.gaps.count), (1, 1));
        assert_eq!(quality.gaps.first[0].what, "1 h 40 min without a tick");
        assert_eq!(quality.spikes.first[0].what, "1.30005 between 1.15 and 1.15");
    }

    #[test]
    fn a_weekend_is_no_gap_and_a_holiday_is() {
        let at = |day: &str, hours: i64| day.parse::<crate::Date>().unwrap().start().0 + hours * 60 * MINUTE_US;
        // 2014-05-02 was a Friday.
        assert_eq!(look(&[(at("2014-05-02", 21), 1.1, 1.2), (at("2014-05-04", 22), 1.1, 1.2)]).gaps.count, 0);
        assert_eq!(look(&[(at("2014-05-02", 12), 1.1, 1.2), (at("2014-05-04", 22), 1.1, 1.2)]).gaps.count, 1);
        assert_eq!(look(&[(at("2014-05-02", 21), 1.1, 1.2), (at("2014-05-05", 9), 1.1, 1.2)]).gaps.count, 1);
        assert_eq!(look(&[(at("2014-05-01", 0), 1.1, 1.2), (at("2014-05-02", 0), 1.1, 1.2)]).gaps.count, 1);
    }
}
