//! Ticks generated from one-minute bars, the way MetaTrader's tester does.
//!
//! A rising minute goes from its open down to the low, up to the high and back to the close; a falling one the other way round;
//! one that ends where it began goes against the minute before. With ticks enough the way is not straight: up to three points
//! for each shadow and five for the range between low and high, in waves (the "3-5-3" of the tester's documentation; where
//! exactly its waves turn is not documented, so single prices within a minute differ from the tester's).

use super::Spread;
use domain::number::Points;
use domain::symbol::SymbolSpec;
use domain::tick::{Bar, Timeframe};
use domain::time::{MINUTE_US, SECOND_US, Time};
use market::OwnedColumns;
use market::columns::Row;

/// Ticks of a minute at most: one a millisecond.
const TICKS_MAX: u64 = 60_000;
/// Points of a minute's way at most, its open not counted.
const POINTS_MAX: usize = 11;

/// Which ticks of the bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    EveryTick,
    Ohlc,
    /// The opens of this timeframe.
    Opens(Timeframe),
    /// Open, extremes and close of each minute, but not the opens of this timeframe.
    Within(Timeframe),
}

/// Goes through bars in order of time.
pub(super) struct Generator {
    spec: SymbolSpec,
    spread: Spread,
    wanted: Wanted,
    /// The minute before was a rising one.
    rose: bool,
    last_spread: Points,
    /// Start of the current bar of the timeframe.
    open: Option<Time>,
}

/// A minute in points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Minute {
    open: i64,
    /// The extreme it goes to first.
    first: i64,
    second: i64,
    close: i64,
    ticks: u64,
}

impl Generator {
    pub(super) fn new(spec: SymbolSpec, spread: Spread, wanted: Wanted) -> Self {
        Self { spec, spread, wanted, rose: false, last_spread: Points(0), open: None }
    }

    /// Adds the ticks of the next bar. One with invalid prices has none.
    pub(super) fn add(&mut self, bar: &Bar, ticks: &mut OwnedColumns) {
        let Some(minute) = self.minute(bar) else { return };
        let spread = self.spread_of(bar);
        let mut push = |us: i64, bid: i64| {
            let (bid, ask) = (Points(bid), Points(bid) + spread);
            ticks.push(Row::quote(bar.open_time.plus_us(us), self.spec.price(bid), self.spec.price(ask)));
        };
        match self.wanted {
            Wanted::EveryTick => {
                let way = minute.way();
                let count = way.len() as i64;
                way.into_iter().enumerate().for_each(|(at, bid)| push(at as i64 * MINUTE_US / count, bid));
            }
            Wanted::Ohlc => minute.corners().into_iter().for_each(|(us, bid)| push(us, bid)),
            Wanted::Opens(timeframe) | Wanted::Within(timeframe) => {
                let open = timeframe.open(bar.open_time);
                let is_first = self.open.replace(open) != Some(open);
                let opens = matches!(self.wanted, Wanted::Opens(_));
                if opens && is_first {
                    push(0, minute.open);
                } else if !opens {
                    let skipped = usize::from(is_first);
                    minute.all_corners().into_iter().skip(skipped).for_each(|(us, bid)| push(us, bid));
                }
            }
        }
    }

    fn minute(&mut self, bar: &Bar) -> Option<Minute> {
        let points = |price: f64| self.spec.nearest_points(price).map(|points| points.0);
        let (open, close) = (points(bar.open)?, points(bar.close)?);
        // Bars of careless sources close beyond their extremes.
        let high = points(bar.high)?.max(open).max(close);
        let low = points(bar.low)?.min(open).min(close);
        let rises = if open == close { !self.rose } else { close > open };
        self.rose = rises;
        let (first, second) = if rises { (low, high) } else { (high, low) };
        Some(Minute { open, first, second, close, ticks: bar.tick_volume.clamp(1, TICKS_MAX) })
    }

    fn spread_of(&mut self, bar: &Bar) -> Points {
        match self.spread {
            Spread::Fixed(points) => points,
            Spread::Data => {
                if bar.spread > 0 {
                    self.last_spread = Points(i64::from(bar.spread));
                }
                self.last_spread
            }
        }
    }
}

impl Minute {
    /// Open, extremes, close, with their microseconds; fewer where the minute had fewer ticks.
    fn corners(self) -> Vec<(i64, i64)> {
        match self.ticks {
            1 => vec![(0, self.close)],
            2 => vec![(0, self.open), (LAST_US, self.close)],
            _ => self.all_corners(),
        }
    }

    fn all_corners(self) -> Vec<(i64, i64)> {
        vec![(0, self.open), (20 * SECOND_US, self.first), (40 * SECOND_US, self.second), (LAST_US, self.close)]
    }

    /// The bids of all its ticks.
    fn way(self) -> Vec<i64> {
        match self.ticks {
            1 => return vec![self.close],
            2 => return vec![self.open, self.close],
            _ => {}
        }
        let turns = self.turns();
        let legs = || turns.windows(2).map(|leg| (leg[0], leg[1]));
        let length: u64 = legs().map(|(from, to)| from.abs_diff(to)).sum();
        // Every turn is a tick; the others lie between them, as many as their share of the way.
        let spare = self.ticks.saturating_sub(turns.len() as u64);
        let (mut between, mut before) = (spare, 0);
        let mut way = vec![self.open];
        for (from, to) in legs() {
            before += from.abs_diff(to);
            // From what is left over the whole way, so that rounding adds up.
            let left = if length == 0 { 0 } else { spare - (u128::from(spare) * u128::from(before) / u128::from(length)) as u64 };
            let own = between - left.min(between);
            between = left.min(between);
            way.extend((1..=own as i64).map(|at| from + (to - from) * at / (own as i64 + 1)));
            way.push(to);
        }
        way
    }

    /// Where its way turns: the open first, the close last.
    fn turns(self) -> Vec<i64> {
        let Self { open, first, second, close, .. } = self;
        let needed = 1 + usize::from(first != open) + usize::from(second != first) + usize::from(close != second);
        let mut spare = POINTS_MAX.min(self.ticks as usize - 1).saturating_sub(needed - 1);
        let mut waves = |wanted: usize, has_length: bool| {
            let taken = if has_length { wanted.min(spare / 2 * 2) } else { 0 };
            spare -= taken;
            taken
        };
        // The range first: it is the longest.
        let in_range = waves(4, first != second);
        let in_open = waves(2, first != open);
        let in_close = waves(2, close != second);
        let mut turns = vec![open];
        let mut go = |from: i64, to: i64, waves: usize| {
            let eighth = |eighths: i64| from + (to - from) * eighths / 8;
            let through: &[i64] = match waves {
                0 | 1 => &[],
                2 | 3 => &[6, 4],
                _ => &[4, 2, 6, 4],
            };
            turns.extend(through.iter().map(|&eighths| eighth(eighths)));
            turns.push(to);
        };
        for (from, to, waves) in [(open, first, in_open), (first, second, in_range), (second, close, in_close)] {
            if from != to {
                go(from, to, waves);
            }
        }
        if turns.len() == 1 {
            turns.push(close);
        }
        turns
    }
}

/// A millisecond before the minute ends.
const LAST_US: i64 = MINUTE_US - 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use domain::symbol::{SymbolId, common};
    use proptest::prelude::*;

    fn bar(minute: i64, prices: [i64; 4], tick_volume: u64, spread: u32) -> Bar {
        let spec = common::forex("EUR", "USD");
        let [open, high, low, close] = prices.map(|points| spec.price(Points(points)));
        let open_time = Time(minute * MINUTE_US);
        Bar { symbol: SymbolId(0), timeframe: Timeframe::M1, open_time, open, high, low, close, tick_volume, spread }
    }

    /// Seconds, bids and spreads of what becomes of the bars.
    fn ticks(wanted: Wanted, bars: &[Bar]) -> Vec<(i64, i64, i64)> {
        let spec = common::forex("EUR", "USD");
        let mut generator = Generator::new(spec.clone(), Spread::Data, wanted);
        let mut ticks = OwnedColumns::default();
        bars.iter().for_each(|bar| generator.add(bar, &mut ticks));
        let points = |price: f64| spec.points(price).expect("it is on the grid").0;
        let row = |at: usize| (ticks.times[at] / SECOND_US, points(ticks.bids[at]), points(ticks.asks[at]) - points(ticks.bids[at]));
        (0..ticks.len()).map(row).collect()
    }

    #[test]
    fn few_ticks_are_the_bars_own_prices() {
        let of =
            |volume| ticks(Wanted::EveryTick, &[bar(0, [100, 130, 90, 120], volume, 5)]).into_iter().map(|tick| tick.1).collect::<Vec<_>>();
        assert_eq!(of(1), [120]);
        assert_eq!(of(2), [100, 120]);
        assert_eq!(of(4), [100, 90, 130, 120], "a rising minute goes to its low first");
        assert_eq!(of(6), [100, 90, 120, 110, 130, 120], "then its range gets a wave");
        let falling = ticks(Wanted::EveryTick, &[bar(0, [120, 130, 90, 100], 4, 5)]);
        assert_eq!(falling.iter().map(|tick| tick.1).collect::<Vec<_>>(), [120, 130, 90, 100]);
    }

    #[test]
    fn a_minute_that_ends_where_it_began_goes_against_the_one_before() {
        let bars = [bar(0, [100, 101, 99, 101], 4, 5), bar(1, [100, 101, 99, 100], 4, 5), bar(2, [100, 101, 99, 100], 4, 5)];
        let bids: Vec<i64> = ticks(Wanted::EveryTick, &bars).into_iter().skip(4).map(|tick| tick.1).collect();
        assert_eq!(bids, [100, 101, 99, 100, 100, 99, 101, 100]);
    }

    #[test]
    fn a_minute_that_stood_still_has_its_ticks_all_the_same() {
        assert_eq!(ticks(Wanted::EveryTick, &[bar(0, [100, 100, 100, 100], 7, 5)]).len(), 7);
    }

    #[test]
    fn minutes_without_a_spread_have_the_last_known_one() {
        let bars = [bar(0, [100, 100, 100, 100], 1, 7), bar(1, [100, 100, 100, 100], 1, 0)];
        assert_eq!(ticks(Wanted::EveryTick, &bars), [(0, 100, 7), (60, 100, 7)]);
    }

    #[test]
    fn opens_are_seen_and_the_rest_of_the_bar_is_within() {
        let bars = [bar(4, [100, 120, 90, 110], 9, 5), bar(5, [111, 125, 95, 105], 9, 5), bar(6, [106, 107, 105, 106], 9, 5)];
        assert_eq!(ticks(Wanted::Opens(Timeframe::M5), &bars), [(240, 100, 5), (300, 111, 5)]);
        let within: Vec<(i64, i64)> = ticks(Wanted::Within(Timeframe::M5), &bars).into_iter().map(|tick| (tick.0, tick.1)).collect();
        let expected =
            [(260, 90), (280, 120), (299, 110), (320, 125), (340, 95), (359, 105), (360, 106), (380, 105), (400, 107), (419, 106)];
        assert_eq!(within, expected);
    }

    proptest! {
        #[test]
        fn generated_ticks_make_the_bar_they_came_from(
            open in 1_000..2_000_i64, close in 1_000..2_000_i64, up in 0..300_i64, down in 0..300_i64, volume in 1..500_u64,
        ) {
            let (high, low) = (open.max(close) + up, open.min(close) - down);
            let made = ticks(Wanted::EveryTick, &[bar(0, [open, high, low, close], volume, 3)]);
            prop_assert!(made.windows(2).all(|pair| pair[0].0 <= pair[1].0) && made.iter().all(|tick| tick.0 < 60));
            let bids = || made.iter().map(|tick| tick.1);
            prop_assert_eq!(bids().next_back(), Some(close));
            if volume >= 4 {
                prop_assert_eq!(made.len() as u64, volume);
                prop_assert_eq!(bids().next(), Some(open));
                prop_assert_eq!((bids().max(), bids().min()), (Some(high), Some(low)));
            }
        }
    }
}
