//! Peak, low and drawdown of an account's equity, counted at every tick.

use crate::curve::Curve;
use domain::number::Money;
use domain::ranges::RangesAhead;

/// A fall of equity from a peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drawdown {
    /// How much.
    pub amount: Money,
    /// The peak it fell from.
    pub peak: Money,
}

impl Drawdown {
    /// In percent of the peak; more than 100 when equity went negative, 0 when there was no peak above 0.
    pub fn percent(self) -> f64 {
        if self.peak.0 > 0 { self.amount.0 as f64 * 100.0 / self.peak.0 as f64 } else { 0.0 }
    }

    fn is_relatively_deeper_than(self, other: Self) -> bool {
        if self.peak.0 <= 0 {
            return false;
        }
        // other.peak is 0 only before the first drawdown, whose amount is 0 as well.
        i128::from(self.amount.0) * i128::from(other.peak.0.max(1)) > i128::from(other.amount.0) * i128::from(self.peak.0)
    }
}

/// What an account's equity has been, exact at every tick of its symbols and after every deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EquityTrack {
    /// The highest so far.
    pub peak: Money,
    /// The lowest so far.
    pub minimum: Money,
    /// The largest fall in money, from the peak before it.
    pub maximal: Drawdown,
    /// The largest fall in percent of the peak before it.
    pub relative: Drawdown,
}

impl EquityTrack {
    /// Starts with this equity.
    pub fn new(equity: Money) -> Self {
        let none = Drawdown { amount: Money::ZERO, peak: equity };
        Self { peak: equity, minimum: equity, maximal: none, relative: none }
    }

    /// Takes note of the equity now.
    pub fn observe(&mut self, equity: Money) {
        self.peak = self.peak.max(equity);
        self.minimum = self.minimum.min(equity);
        let fall = Drawdown { amount: self.peak - equity, peak: self.peak };
        if fall.amount > self.maximal.amount {
            self.maximal = fall;
        }
        if fall.is_relatively_deeper_than(self.relative) {
            self.relative = fall;
        }
    }

    /// From the first to the second, an equity changes nothing here.
    pub(crate) fn unremarkable(&self) -> (Money, Money) {
        let relative = match (self.peak.0 > 0, self.relative.peak.0 > 0) {
            (true, true) => {
                let fall = i128::from(self.relative.amount.0) * i128::from(self.peak.0) / i128::from(self.relative.peak.0);
                i64::try_from(fall).unwrap_or(i64::MAX)
            }
            (true, false) => 0,
            // Without a peak above 0 there is no percentage of it.
            (false, _) => i64::MAX,
        };
        let fall = relative.min(self.maximal.amount.0);
        (self.minimum.max(Money(self.peak.0.saturating_sub(fall))), self.peak)
    }
}

/// Takes note of every row's equity; `exact` counts it.
pub(crate) fn follow(
    track: &mut EquityTrack,
    curve: Option<&Curve>,
    bids: &[f64],
    asks: &[f64],
    ranges: RangesAhead<'_>,
    exact: impl Fn(f64, f64) -> Option<Money>,
) {
    let mut row = 0;
    while row < bids.len().min(asks.len()) {
        if let Some(curve) = curve {
            row += curve.first_remarkable(track, &bids[row..], &asks[row..], ranges.after(row));
        }
        if let (Some(&bid), Some(&ask)) = (bids.get(row), asks.get(row))
            && let Some(equity) = exact(bid, ask)
        {
            track.observe(equity);
        }
        row += 1;
    }
}
