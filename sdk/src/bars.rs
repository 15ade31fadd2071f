//! Bars made of ticks, for what the host does not make: odd lengths of time, numbers of ticks, volumes, ranges.
//!
//! All are made of bids, as the host's are. A bar closes when the first tick after it arrives, never by the clock.

use crate::types::*;

/// A bar under way or closed. Prices are bids, in the quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candle {
    /// When it began, in microseconds since 1970 UTC: the start of its period for bars of time, the first tick for others.
    pub open_time: Time,
    /// First bid.
    pub open: f64,
    /// Highest bid.
    pub high: f64,
    /// Lowest bid.
    pub low: f64,
    /// Last bid.
    pub close: f64,
    /// Number of ticks.
    pub ticks: u64,
    /// Volume of the deals, where the market has any.
    pub volume: f64,
    /// Smallest spread, in the quote currency.
    pub spread: f64,
}

impl Candle {
    fn start(open_time: Time, tick: &Tick) -> Self {
        let Tick { bid, volume, .. } = *tick;
        Candle { open_time, open: bid, high: bid, low: bid, close: bid, ticks: 1, volume, spread: tick.spread() }
    }

    fn add(&mut self, tick: &Tick) {
        self.high = self.high.max(tick.bid);
        self.low = self.low.min(tick.bid);
        self.close = tick.bid;
        self.ticks += 1;
        self.volume += tick.volume;
        self.spread = self.spread.min(tick.spread());
    }
}

/// What ends a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    /// The period that holds the tick, by its start.
    Period(Length),
    Ticks(u64),
    Volume(f64),
    Range(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Length {
    Fixed(Time),
    Named(Timeframe),
}

/// Makes bars of ticks.
///
/// ```
/// use stockade_sdk::bars::BarBuilder;
/// use stockade_sdk::prelude::*;
///
/// let mut bars = BarBuilder::time(10 * SECOND);
/// let tick = |second: i64, bid| Tick { time: second * SECOND, bid, ask: bid + 0.1, last: 0.0, volume: 0.0 };
/// assert_eq!(bars.update(&tick(3, 1.0)), None);
/// assert_eq!(bars.update(&tick(9, 2.0)), None);
/// let bar = bars.update(&tick(10, 3.0)).expect("the tick lies after the first ten seconds");
/// assert_eq!((bar.open_time, bar.open, bar.close, bar.ticks), (0, 1.0, 2.0, 2));
/// ```
#[derive(Clone, Debug)]
pub struct BarBuilder {
    rule: Rule,
    current: Option<Candle>,
}

impl BarBuilder {
    /// Bars of a length in microseconds, at least one, beginning at its multiples.
    pub fn time(length: Time) -> Self {
        Self::new(Rule::Period(Length::Fixed(length.max(1))))
    }

    /// Bars of a timeframe; weeks begin on Sunday, as in MetaTrader.
    pub fn timeframe(timeframe: Timeframe) -> Self {
        Self::new(Rule::Period(Length::Named(timeframe)))
    }

    /// Bars of this many ticks, at least one.
    pub fn ticks(count: u64) -> Self {
        Self::new(Rule::Ticks(count.max(1)))
    }

    /// Bars that close with the tick that brings their volume to `volume` lots.
    pub fn volume(volume: f64) -> Self {
        Self::new(Rule::Volume(volume))
    }

    /// Bars that end before the tick with which they would be higher than `height`, in the quote currency.
    pub fn range(height: f64) -> Self {
        Self::new(Rule::Range(height))
    }

    fn new(rule: Rule) -> Self {
        BarBuilder { rule, current: None }
    }

    /// The bar under way.
    pub fn current(&self) -> Option<&Candle> {
        self.current.as_ref()
    }

    /// Whether a tick would close the bar under way without being part of it.
    pub fn closes_before(&self, tick: &Tick) -> bool {
        let Some(bar) = &self.current else { return false };
        match self.rule {
            Rule::Period(length) => length.start(tick.time) != bar.open_time,
            Rule::Ticks(count) => bar.ticks >= count,
            Rule::Volume(volume) => bar.volume >= volume,
            Rule::Range(height) => bar.high.max(tick.bid) - bar.low.min(tick.bid) > height,
        }
    }

    /// Takes a tick and gives the bar that ended before it, if one did.
    pub fn update(&mut self, tick: &Tick) -> Option<Candle> {
        if self.closes_before(tick) {
            return self.current.replace(Candle::start(self.start(tick), tick));
        }
        match &mut self.current {
            Some(bar) => bar.add(tick),
            None => self.current = Some(Candle::start(self.start(tick), tick)),
        }
        None
    }

    fn start(&self, tick: &Tick) -> Time {
        match self.rule {
            Rule::Period(length) => length.start(tick.time),
            _ => tick.time,
        }
    }
}

impl Length {
    /// Start of the period that holds `time`.
    fn start(self, time: Time) -> Time {
        match self {
            Length::Fixed(length) => time.div_euclid(length) * length,
            Length::Named(Timeframe::Mn1) => {
                let day = time.div_euclid(DAY);
                (day - i64::from(crate::session::Date::of_day(day).day) + 1) * DAY
            }
            // 1970-01-01 was a Thursday, four days after a Sunday.
            Length::Named(Timeframe::W1) => ((time.div_euclid(DAY) + 4).div_euclid(7) * 7 - 4) * DAY,
            Length::Named(timeframe) => Length::Fixed(timeframe.length().unwrap_or(DAY)).start(time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(time: Time, bid: f64, volume: f64) -> Tick {
        Tick { time, bid, ask: bid + 1.0, last: bid, volume }
    }

    fn closes(mut bars: BarBuilder, ticks: impl IntoIterator<Item = Tick>) -> Vec<f64> {
        ticks.into_iter().filter_map(|tick| bars.update(&tick)).map(|bar| bar.close).collect()
    }

    fn start(timeframe: Timeframe, day: i64) -> i64 {
        Length::Named(timeframe).start(day * DAY + 5 * HOUR) / DAY
    }

    #[test]
    fn each_rule_ends_bars_where_it_says() {
        let ticks = || (1..=7).map(|n| tick(n, n as f64, 1.0));
        assert_eq!(closes(BarBuilder::ticks(2), ticks()), [2.0, 4.0, 6.0]);
        assert_eq!(closes(BarBuilder::volume(3.0), ticks()), [3.0, 6.0]);
        assert_eq!(closes(BarBuilder::range(1.0), ticks()), [2.0, 4.0, 6.0]);
        assert_eq!(closes(BarBuilder::time(4), ticks()), [3.0]);
    }

    #[test]
    fn a_period_without_ticks_has_no_bar() {
        assert_eq!(closes(BarBuilder::time(10), [tick(1, 1.0, 0.0), tick(95, 2.0, 0.0)]), [1.0]);
    }

    #[test]
    fn weeks_begin_on_sunday_and_months_on_the_first() {
        // 2024-02-29 is day 19782, a Thursday.
        assert_eq!(start(Timeframe::W1, 19782), 19778);
        assert_eq!(start(Timeframe::W1, 19778), 19778);
        assert_eq!(start(Timeframe::W1, 19777), 19771);
        assert_eq!(start(Timeframe::Mn1, 19782), 19754);
        assert_eq!(start(Timeframe::Mn1, 19783), 19783);
    }
}
