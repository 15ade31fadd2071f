//! Bars of one file: gathered, put in order of time, their length told.

use super::layout::timeframes;
use crate::import::error::ImportError;
use crate::import::intake::{BARS_MAX, Intake};
use crate::store::BarColumns;
use domain::tick::Timeframe;
use domain::time::{DAY_US, MINUTE_US, SECOND_US, Time};
use std::collections::HashMap;

/// Distances between neighbours of which each kind is counted; files have a handful.
const DISTANCES_MAX: usize = 10_000;
/// What stands for every month: they differ in length, by an hour too where clocks are put forward.
const MONTH_US: i64 = 30 * DAY_US;
const MONTHS_US: std::ops::RangeInclusive<i64> = 28 * DAY_US - 60 * MINUTE_US..=31 * DAY_US + 60 * MINUTE_US;

/// A bar as its row says it.
#[derive(Clone, Copy, Debug)]
pub(in crate::import) struct Bar {
    /// Microseconds since 1970 UTC.
    pub time: i64,
    /// Open, high, low and close.
    pub prices: [f64; 4],
    pub decimals: [u8; 4],
    /// Ticks, or what was traded.
    pub volume: f64,
    /// In points.
    pub spread: u32,
}

impl Bar {
    /// # Errors
    /// Why no bar can be so.
    pub fn checked(self) -> Result<Self, String> {
        let [open, high, low, close] = self.prices;
        for (name, price) in [("open", open), ("high", high), ("low", low), ("close", close)] {
            if !(price > 0.0 && price < 1e15) {
                return Err(format!("{name} {price} is no price"));
            }
        }
        if low > open.min(close) || high < open.max(close) {
            return Err(format!("open {open} and close {close} are not between low {low} and high {high}"));
        }
        if !(0.0..1e18).contains(&self.volume) {
            return Err(format!("volume {} is no volume", self.volume));
        }
        if !(0..7_258_118_400_000_000).contains(&self.time) {
            return Err("its time is not between 1970 and 2200".into());
        }
        Ok(self)
    }
}

/// The bars of one stream.
#[derive(Default)]
pub(in crate::import) struct Gathered {
    bars: BarColumns,
    lines: Vec<u64>,
    is_unsorted: bool,
}

impl Gathered {
    /// Takes the next row.
    pub fn take(&mut self, line: u64, bar: &Bar, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        if self.bars.len() >= BARS_MAX {
            return Err(intake.wrong(format!("it has more than {BARS_MAX} bars; cut it into several files")));
        }
        match self.bars.times.last() {
            Some(last) if bar.time == *last => return intake.dirty(line, || same_time(bar.time)),
            Some(last) => self.is_unsorted |= bar.time < *last,
            None => {}
        }
        intake.bar_taken(bar.decimals);
        let [open, high, low, close] = bar.prices;
        self.bars.times.push(bar.time);
        self.bars.opens.push(open);
        self.bars.highs.push(high);
        self.bars.lows.push(low);
        self.bars.closes.push(close);
        // A count; of an amount with decimals the next whole number, so that traded is not told as untraded.
        self.bars.tick_volumes.push(bar.volume.ceil() as u64);
        self.bars.spreads.push(bar.spread);
        self.lines.push(line);
        Ok(())
    }

    /// All rows are taken. `hint` is their length where the file's name says it.
    pub fn finish(mut self, hint: Option<Timeframe>, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        self.sort(intake)?;
        let daily = daily_rows_at_head(&self.bars.times);
        if daily > 0 {
            intake.daily_rows(&self.lines[..daily])?;
        }
        let mut kept = BarColumns::default();
        kept.extend(&self.bars, daily, self.bars.len());
        if kept.is_empty() {
            return Ok(());
        }
        let timeframe = match (length(&kept.times), hint) {
            (Length::Kept(timeframe), _) | (Length::Unknown, Some(timeframe)) => timeframe,
            (Length::Unknown, None) => {
                intake.note("it has a single bar, which was taken to be one of a minute");
                Timeframe::M1
            }
            (Length::Other(us), _) => {
                let why = format!("its bars are {} long; the store keeps {}", duration(us), timeframes());
                return Err(intake.wrong(why));
            }
        };
        intake.bars(timeframe, &kept)
    }

    /// The same where their length is known.
    pub fn finish_as(mut self, timeframe: Timeframe, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        self.sort(intake)?;
        if self.bars.is_empty() { Ok(()) } else { intake.bars(timeframe, &self.bars) }
    }

    /// By time; of bars of the same time the first of the file stays.
    fn sort(&mut self, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        if !self.is_unsorted {
            return Ok(());
        }
        let mut order: Vec<usize> = (0..self.bars.len()).collect();
        order.sort_by_key(|at| self.bars.times[*at]);
        let (mut sorted, mut lines) = (BarColumns::default(), Vec::with_capacity(self.lines.len()));
        for at in order {
            let time = self.bars.times[at];
            if sorted.times.last() == Some(&time) {
                intake.repeated(self.lines[at], same_time(time))?;
                continue;
            }
            sorted.extend(&self.bars, at, at + 1);
            lines.push(self.lines[at]);
        }
        intake.note_unsorted();
        (self.bars, self.lines) = (sorted, lines);
        Ok(())
    }
}

fn same_time(time: i64) -> String {
    format!("there is a bar of {} already", Time(time))
}

/// How many rows at the head are daily ones in a file of shorter bars.
fn daily_rows_at_head(times: &[i64]) -> usize {
    let daily = |pair: &[i64]| pair[1] - pair[0] >= DAY_US;
    let head = times.windows(2).take_while(|pair| daily(pair)).count();
    // One gap of a day may be a weekend, and where every row is daily they are what the file has.
    if head >= 2 && times.len() - head > head.min(24) && !times[head..].windows(2).all(daily) { head } else { 0 }
}

enum Length {
    Kept(Timeframe),
    /// In microseconds.
    Other(i64),
    /// A single bar says nothing.
    Unknown,
}

/// The length of bars that open at these times: the commonest distance between neighbours, or where most of them have gaps
/// between them, the longest one that fits all.
fn length(times: &[i64]) -> Length {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for pair in times.windows(2) {
        let distance = pair[1] - pair[0];
        let class = if MONTHS_US.contains(&distance) { MONTH_US } else { distance };
        if counts.len() < DISTANCES_MAX || counts.contains_key(&class) {
            *counts.entry(class).or_default() += 1;
        }
    }
    let total: usize = counts.values().sum();
    let Some((commonest, count)) = counts.iter().max_by_key(|(distance, count)| (**count, -**distance)) else { return Length::Unknown };
    if let Some(timeframe) = kept(*commonest).filter(|_| *count * 2 > total) {
        return Length::Kept(timeframe);
    }
    // Distances that a bar or two have may be rows that are wrong.
    let usual = counts.iter().filter(|(_, count)| **count * 100 >= total).map(|(distance, _)| *distance);
    let divisor = usual.fold(0, gcd);
    kept(divisor).filter(|_| counts.contains_key(&divisor)).map_or(Length::Other(*commonest), Length::Kept)
}

fn kept(us: i64) -> Option<Timeframe> {
    let length = |timeframe: Timeframe| match timeframe {
        Timeframe::Mn1 => MONTH_US,
        // 1970-01-05 was a Monday.
        other => other.close(Time(4 * DAY_US)).0 - other.open(Time(4 * DAY_US)).0,
    };
    Timeframe::ALL.into_iter().find(|timeframe| length(*timeframe) == us)
}

fn gcd(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { gcd(other, one % other) }
}

fn duration(us: i64) -> String {
    let (count, unit) = match us {
        us if us % DAY_US == 0 => (us / DAY_US, "day"),
        us if us % (60 * MINUTE_US) == 0 => (us / (60 * MINUTE_US), "hour"),
        us if us % MINUTE_US == 0 => (us / MINUTE_US, "minute"),
        us if us % SECOND_US == 0 => (us / SECOND_US, "second"),
        us => (us / 1_000, "millisecond"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_from_distances() {
        let check = |minutes: &[i64], expected: &str| {
            let times: Vec<i64> = minutes.iter().map(|minute| minute * MINUTE_US).collect();
            let found = match length(&times) {
                Length::Kept(timeframe) => format!("{timeframe:?}"),
                Length::Other(us) => duration(us),
                Length::Unknown => "unknown".into(),
            };
            assert_eq!(found, expected, "{minutes:?}");
        };
        check(&[0, 1, 2, 3], "M1");
        check(&[0, 2, 5, 6, 8, 11, 14], "M1");
        check(&[0, 2, 4, 6, 9], "2 minutes");
        check(&[0, 10, 20, 50, 60], "10 minutes");
        check(&[0, 1_440, 2_880, 7_200, 8_640], "D1");
        check(&[0, 10_080, 20_160], "W1");
        check(&[0, 31 * 1_440, 59 * 1_440, 90 * 1_440], "Mn1");
        check(&[0], "unknown");
    }
}
