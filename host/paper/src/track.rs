//! Peak, low and drawdown of an account's equity, counted at every tick, and how rows at which nothing changes are
//! passed over fast.

use crate::triggers::first_not;
use domain::ledger::Position;
use domain::number::Money;
use domain::symbol::SymbolSpec;

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

    /// Between these, in units of currency, an equity changes nothing here.
    fn unremarkable(&self) -> (f64, f64) {
        let peak = self.peak.to_units();
        let by_amount = peak - self.maximal.amount.to_units();
        let by_percent = peak - peak * self.relative.percent() / 100.0;
        (self.minimum.to_units().max(by_amount).max(by_percent), peak)
    }
}

/// Equity as a function of bid and ask, in floats: `balance + (constant + of_bid * bid + of_ask * ask) * rate`.
///
/// Only a filter: rows that it places clearly between the bounds need no exact count; all others are counted exactly, so
/// no figure ever comes out of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Curve {
    balance: f64,
    constant: f64,
    of_bid: f64,
    of_ask: f64,
    /// Profit is in the symbol's quote currency and the account in its base: divide by the ask.
    over_ask: bool,
    /// Far more than what floats and the rounding of every position can be wrong by.
    tolerance: f64,
}

impl Curve {
    /// Of an account with these positions, all of the symbol `spec`. `None` when profits go another way into `currency`
    /// than directly or through the symbol's own price.
    pub(crate) fn new<'a>(
        positions: impl Iterator<Item = &'a Position>,
        spec: &SymbolSpec,
        currency: &str,
        balance: Money,
        ask: f64,
    ) -> Option<Self> {
        let over_ask = match () {
            () if spec.quote == currency => false,
            () if spec.base == currency => true,
            () => return None,
        };
        let per_point = spec.volume_step_e8 as f64 * spec.contract_size_e6 as f64 / 1e14 / spec.points_per_unit();
        let per_unit = per_point * spec.points_per_unit();
        let mut curve = Self { balance: balance.to_units(), constant: 0.0, of_bid: 0.0, of_ask: 0.0, over_ask, tolerance: 2e-6 };
        let mut magnitude = curve.balance.abs();
        for position in positions {
            let sign = position.side.sign() as f64;
            let at_price = if sign > 0.0 { &mut curve.of_bid } else { &mut curve.of_ask };
            *at_price += sign * per_unit * position.volume.0 as f64;
            let cost = per_point * position.cost as f64;
            curve.constant -= sign * cost;
            let rate = if over_ask { 1.0 / ask } else { 1.0 };
            magnitude += (cost + per_unit * position.volume.0 as f64 * ask) * rate;
            curve.tolerance += 1e-6;
        }
        // Seven operations in doubles are wrong by less than 1e-15 of the largest term; prices may grow a hundredfold
        // before 1e-12 of today's is too little.
        curve.tolerance += magnitude * 1e-12;
        Some(curve)
    }

    #[inline(always)]
    fn equity(&self, bid: f64, ask: f64) -> f64 {
        let profit = self.constant + self.of_bid * bid + self.of_ask * ask;
        self.balance + profit
    }

    #[inline(always)]
    fn equity_over_ask(&self, bid: f64, ask: f64) -> f64 {
        let profit = self.constant + self.of_bid * bid + self.of_ask * ask;
        self.balance + profit / ask
    }

    /// The first row that may change `track`, or their number.
    fn first_remarkable(&self, track: &EquityTrack, bids: &[f64], asks: &[f64]) -> usize {
        let (low, high) = track.unremarkable();
        let (low, high) = (low + self.tolerance, high - self.tolerance);
        if self.over_ask {
            first_not(bids, asks, |bid, ask| {
                let equity = self.equity_over_ask(bid, ask);
                (equity > low) & (equity < high)
            })
        } else {
            first_not(bids, asks, |bid, ask| {
                let equity = self.equity(bid, ask);
                (equity > low) & (equity < high)
            })
        }
    }
}

/// Takes note of every row's equity; `exact` counts it.
pub(crate) fn follow(
    track: &mut EquityTrack,
    curve: Option<&Curve>,
    bids: &[f64],
    asks: &[f64],
    exact: impl Fn(f64, f64) -> Option<Money>,
) {
    let mut row = 0;
    while row < bids.len().min(asks.len()) {
        if let Some(curve) = curve {
            row += curve.first_remarkable(track, &bids[row..], &asks[row..]);
        }
        if let (Some(&bid), Some(&ask)) = (bids.get(row), asks.get(row))
            && let Some(equity) = exact(bid, ask)
        {
            track.observe(equity);
        }
        row += 1;
    }
}
