//! Prices and equity by frames: stretches of equal length, of which those without ticks are left out. Each keeps the highest
//! and the lowest, so that a chart of any width shows every extreme.

use domain::symbol::SymbolId;
use domain::tick::{TickColumns, Timeframe};
use domain::time::{DAY_US, MINUTE_US, SECOND_US, Time};

/// A page holds no more frames than this: wide screens have fewer pixels, and a year of minutes would be 30 MB.
const FRAMES_MAX: i64 = 5_000;
const LENGTHS_US: [i64; 11] = [
    SECOND_US,
    5 * SECOND_US,
    15 * SECOND_US,
    MINUTE_US,
    5 * MINUTE_US,
    15 * MINUTE_US,
    30 * MINUTE_US,
    60 * MINUTE_US,
    240 * MINUTE_US,
    DAY_US,
    7 * DAY_US,
];

/// The shortest usual length of a bar that cuts a time into few enough frames.
pub fn frame_us(from: Time, to: Time) -> i64 {
    let span = to.since_us(from).max(1);
    let weeks = 7 * DAY_US;
    let long_enough = |length: &i64| span / length < FRAMES_MAX;
    LENGTHS_US.into_iter().find(long_enough).unwrap_or_else(|| weeks * (span / weeks / FRAMES_MAX + 1))
}

/// Prices of one symbol, a row a frame; bids. NaN in frames without a tick of it.
#[derive(Clone, Debug)]
pub struct SymbolBars {
    /// Whose.
    pub symbol: SymbolId,
    /// First bids.
    pub opens: Vec<f64>,
    /// Highest bids.
    pub highs: Vec<f64>,
    /// Lowest bids.
    pub lows: Vec<f64>,
    /// Last bids.
    pub closes: Vec<f64>,
    /// Widest spreads, in price.
    pub spreads: Vec<f64>,
}

/// Rows of equal length in time, in columns. The account's are in units of its currency.
#[derive(Clone, Debug)]
pub struct Frames {
    /// Length of a frame, us.
    pub length_us: i64,
    /// Start of each, us since 1970.
    pub times: Vec<i64>,
    /// Prices of the strategy's symbols.
    pub bars: Vec<SymbolBars>,
    /// Lowest equity.
    pub equity_lows: Vec<f64>,
    /// Highest equity.
    pub equity_highs: Vec<f64>,
    /// Equity at the end.
    pub equities: Vec<f64>,
    /// Balance at the end.
    pub balances: Vec<f64>,
    /// Deepest fall from the highest equity before, percent.
    pub falls: Vec<f64>,
    /// Highest margin in percent of equity (MT5's deposit load).
    pub loads: Vec<f64>,
}

impl Frames {
    pub(super) fn new(from: Time, to: Time, symbols: &[SymbolId]) -> Self {
        let bars = symbols.iter().map(|&symbol| SymbolBars {
            symbol,
            opens: Vec::new(),
            highs: Vec::new(),
            lows: Vec::new(),
            closes: Vec::new(),
            spreads: Vec::new(),
        });
        Self {
            length_us: frame_us(from, to),
            times: Vec::new(),
            bars: bars.collect(),
            equity_lows: Vec::new(),
            equity_highs: Vec::new(),
            equities: Vec::new(),
            balances: Vec::new(),
            falls: Vec::new(),
            loads: Vec::new(),
        }
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// What a terminal calls bars of this length.
    pub fn name(&self) -> String {
        let usual = Timeframe::ALL.into_iter().take(8).find(|frame| frame.close(Time(0)).since_us(frame.open(Time(0))) == self.length_us);
        match usual {
            Some(frame) => format!("{frame:?}").to_uppercase(),
            None if self.length_us < MINUTE_US => format!("{} s", self.length_us / SECOND_US),
            None => format!("{} weeks", self.length_us / (7 * DAY_US)),
        }
    }

    /// The index of the frame that holds `time`, if any.
    pub fn at(&self, time: Time) -> Option<usize> {
        self.times.partition_point(|&start| start <= time.0).checked_sub(1)
    }

    /// Makes the frame of `now` the last one and gives its end.
    pub(super) fn open(&mut self, now: Time) -> Time {
        let start = now.0.div_euclid(self.length_us) * self.length_us;
        if self.times.last().is_none_or(|&last| last < start) {
            self.times.push(start);
            for bars in &mut self.bars {
                for column in [&mut bars.opens, &mut bars.highs, &mut bars.lows, &mut bars.closes, &mut bars.spreads] {
                    column.push(f64::NAN);
                }
            }
            self.equity_lows.push(f64::INFINITY);
            self.equity_highs.push(f64::NEG_INFINITY);
            self.equities.push(f64::NAN);
            self.balances.push(f64::NAN);
            self.falls.push(0.0);
            self.loads.push(0.0);
        }
        Time(start.saturating_add(self.length_us))
    }

    /// Ticks of one symbol in the last frame; not empty.
    pub(super) fn prices(&mut self, symbol: SymbolId, ticks: &TickColumns<'_>) {
        let (Some(bars), Some(at)) = (self.bars.iter_mut().find(|bars| bars.symbol == symbol), self.times.len().checked_sub(1)) else {
            return;
        };
        if bars.opens[at].is_nan() {
            bars.opens[at] = ticks.bids[0];
        }
        // NaN gives way to any number in `max` and `min`.
        let (low, high) = ticks.bids.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &bid| (low.min(bid), high.max(bid)));
        let spread = ticks.bids.iter().zip(ticks.asks).fold(f64::NEG_INFINITY, |widest, (bid, ask)| widest.max(ask - bid));
        bars.lows[at] = bars.lows[at].min(low);
        bars.highs[at] = bars.highs[at].max(high);
        bars.spreads[at] = bars.spreads[at].max(spread);
        bars.closes[at] = ticks.bids[ticks.len() - 1];
    }

    /// How the account stood in a part of the last frame.
    pub(super) fn account(&mut self, low: f64, high: f64, last: f64, balance: f64, fall_percent: f64) {
        let Some(at) = self.times.len().checked_sub(1) else { return };
        self.equity_lows[at] = self.equity_lows[at].min(low);
        self.equity_highs[at] = self.equity_highs[at].max(high);
        (self.equities[at], self.balances[at]) = (last, balance);
        self.falls[at] = self.falls[at].max(fall_percent);
    }

    pub(super) fn load(&mut self, percent: f64) {
        if let Some(load) = self.loads.last_mut() {
            *load = load.max(percent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_is_cut_into_few_frames_of_a_usual_length() {
        let check = |days: f64, expected: &str| {
            let to = Time((days * DAY_US as f64) as i64);
            let frames = Frames::new(Time(0), to, &[]);
            assert_eq!(frames.name(), expected, "{days}");
            assert!(to.0 / frames.length_us < FRAMES_MAX);
        };
        check(0.0, "1 s");
        check(0.5, "15 s");
        check(3.0, "M1");
        check(14.0, "M5");
        check(365.0, "H4");
        check(3_650.0, "D1");
        check(20_000.0, "W1");
        check(84_000.0, "3 weeks");
    }
}
