//! Equity as a function of bid and ask, in floats, to pass over rows fast that change nothing in an [`EquityTrack`].
//!
//! Only a filter: rows it does not pass are counted exactly, in whole numbers, so no figure ever comes out of it.

use crate::track::EquityTrack;
use domain::ledger::Position;
use domain::number::Money;
use domain::ranges::{PriceRange, RangesAhead};
use domain::symbol::SymbolSpec;

/// The equity of an account whose positions are all of one symbol.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Curve {
    /// A point is worth whole millionths, and everything stays below 2^53 of them: the floats are exact.
    Whole(Line),
    /// In units of currency, wrong by less than the tolerance.
    Near {
        line: Line,
        /// Profit is in the symbol's quote currency and the account in its base: it is divided by the ask.
        over_ask: bool,
        balance: f64,
        tolerance: f64,
    },
}

/// `constant + of_bid * bid + of_ask * ask`, prices in points.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Line {
    constant: f64,
    of_bid: f64,
    of_ask: f64,
    points_per_unit: f64,
}

impl Line {
    #[inline(always)]
    fn at(&self, bid: f64, ask: f64) -> f64 {
        self.constant + self.of_bid * (bid * self.points_per_unit) + self.of_ask * (ask * self.points_per_unit)
    }

    /// Smallest and largest of what `at`, one of the two ways to count below, gives for prices in a range: longs win with the
    /// bid and shorts lose with the ask, and rounding keeps the order.
    #[inline(always)]
    fn over(range: &PriceRange, at: impl Fn(f64, f64) -> f64) -> (f64, f64) {
        (at(range.bid_low, range.ask_high), at(range.bid_high, range.ask_low))
    }

    #[inline(always)]
    fn at_whole_points(&self, bid: f64, ask: f64) -> f64 {
        self.constant + self.of_bid * whole(bid * self.points_per_unit) + self.of_ask * whole(ask * self.points_per_unit)
    }
}

/// Smallest and largest quotient of something between `dividends` and an ask of `range`, which has to be above 0.
#[inline(always)]
fn quotients((lowest, highest): (f64, f64), range: &PriceRange) -> (f64, f64) {
    if range.ask_low > 0.0 {
        ((lowest / range.ask_low).min(lowest / range.ask_high), (highest / range.ask_low).max(highest / range.ask_high))
    } else {
        (f64::NAN, f64::NAN)
    }
}

/// The whole number next to `x`, which lies below 2^51: there doubles beyond 2^52 have no fraction left. Unlike `round` it
/// needs no call and works on several rows at once.
#[inline(always)]
fn whole(x: f64) -> f64 {
    const NO_FRACTION: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    (x + NO_FRACTION) - NO_FRACTION
}

impl Curve {
    /// Of an account with these positions, all of the symbol `spec`, while its price stays below twice `price`. `None` when
    /// profits go another way into `currency` than directly or through the symbol's own price.
    pub(crate) fn new<'a>(
        positions: impl Iterator<Item = &'a Position>,
        spec: &SymbolSpec,
        currency: &str,
        balance: Money,
        price: f64,
    ) -> Option<Self> {
        let over_ask = match () {
            () if spec.quote == currency => false,
            () if spec.base == currency => true,
            () => return None,
        };
        // In point-steps; the largest sum in between is below `magnitude`.
        let mut line = Line { points_per_unit: spec.points_per_unit(), ..Line::default() };
        let (mut magnitude, mut count) = (0.0, 0.0);
        for position in positions {
            let (sign, volume, cost) = (position.side.sign() as f64, position.volume.0 as f64, position.cost as f64);
            *(if sign > 0.0 { &mut line.of_bid } else { &mut line.of_ask }) += sign * volume;
            line.constant -= sign * cost;
            magnitude += cost + 2.0 * volume * price * line.points_per_unit;
            count += 1.0;
        }
        // Millionths that one point on one step is worth.
        let (product, scale) = spec.point_step_worth();
        let worth = product as f64 / scale as f64;
        let is_exact = (balance.0.abs() as f64 + magnitude * worth) < 2_f64.powi(52) && magnitude < 2_f64.powi(52);
        if !over_ask && product % scale == 0 && is_exact {
            let constant = balance.0 as f64 + line.constant * worth;
            return Some(Self::Whole(Line { constant, of_bid: line.of_bid * worth, of_ask: line.of_ask * worth, ..line }));
        }
        let worth = worth / 1e6;
        let line = Line { constant: line.constant * worth, of_bid: line.of_bid * worth, of_ask: line.of_ask * worth, ..line };
        let balance = balance.to_units();
        // Ten operations in doubles are wrong by less than 1e-14 of the largest term, and the exact count rounds each
        // position to a millionth.
        let rate = if over_ask { 2.0 / price } else { 1.0 };
        let tolerance = (balance.abs() + magnitude * worth * rate) * 1e-12 + (count + 2.0) * 1e-6;
        Some(Self::Near { line, over_ask, balance, tolerance })
    }

    /// The first row that may change `track`, or their number.
    pub(crate) fn first_remarkable(&self, track: &EquityTrack, bids: &[f64], asks: &[f64], ranges: RangesAhead<'_>) -> usize {
        let (low, high) = track.unremarkable();
        let all_within = |(lowest, highest): (f64, f64), low, high| (lowest >= low) & (highest <= high);
        match *self {
            Self::Whole(line) => {
                let (low, high) = (low.0 as f64, high.0 as f64);
                let rules_out = |range: &PriceRange| all_within(Line::over(range, |bid, ask| line.at_whole_points(bid, ask)), low, high);
                ranges.first_not(bids, asks, rules_out, |bid, ask| within(line.at_whole_points(bid, ask), low, high))
            }
            Self::Near { line, over_ask, balance, tolerance } => {
                let (low, high) = (low.to_units() + tolerance - balance, high.to_units() - tolerance - balance);
                let over = |range: &PriceRange| Line::over(range, |bid, ask| line.at(bid, ask));
                if over_ask {
                    let rules_out = |range: &PriceRange| all_within(quotients(over(range), range), low, high);
                    ranges.first_not(bids, asks, rules_out, |bid, ask| within(line.at(bid, ask) / ask, low, high))
                } else {
                    let rules_out = |range: &PriceRange| all_within(over(range), low, high);
                    ranges.first_not(bids, asks, rules_out, |bid, ask| within(line.at(bid, ask), low, high))
                }
            }
        }
    }
}

/// A comparison without a branch, that NaN fails.
#[inline(always)]
fn within(equity: f64, low: f64, high: f64) -> bool {
    (equity >= low) & (equity <= high)
}
