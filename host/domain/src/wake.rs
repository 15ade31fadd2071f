//! Which ticks a guest waits for.

use crate::ranges::{PriceRange, RangesAhead};
use crate::tick::{Tick, TickColumns};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The ticks of a symbol that are handed over: those at which any of these holds. The others are skipped.
///
/// Prices are as the guest gave them, in the quote currency; NaN never holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wake {
    /// The tick's time is this or later.
    pub at: Time,
    /// The bid is this or higher.
    pub bid_at_least: f64,
    /// The bid is this or lower.
    pub bid_at_most: f64,
    /// The ask is this or higher.
    pub ask_at_least: f64,
    /// The ask is this or lower.
    pub ask_at_most: f64,
}

impl Wake {
    /// What a fresh guest waits for.
    pub const EVERY_TICK: Self = Self {
        at: Time(i64::MIN),
        bid_at_least: f64::INFINITY,
        bid_at_most: f64::NEG_INFINITY,
        ask_at_least: f64::INFINITY,
        ask_at_most: f64::NEG_INFINITY,
    };

    /// None.
    pub const NO_TICK: Self = Self { at: Time(i64::MAX), ..Self::EVERY_TICK };

    /// Whether every tick from this time on is waited for.
    #[inline]
    pub fn is_awake(&self, time: Time) -> bool {
        self.at <= time
    }

    /// Whether this tick is waited for.
    #[inline]
    pub fn holds(&self, tick: &Tick) -> bool {
        self.is_awake(tick.time) || self.holds_at(tick.bid, tick.ask)
    }

    /// Whether these prices are waited for. Without branches, for many at once.
    #[inline]
    pub fn holds_at(&self, bid: f64, ask: f64) -> bool {
        (bid >= self.bid_at_least) | (bid <= self.bid_at_most) | (ask >= self.ask_at_least) | (ask <= self.ask_at_most)
    }

    /// The first of these rows that is waited for, or their number.
    pub fn first(&self, ticks: &TickColumns<'_>, ranges: RangesAhead<'_>) -> usize {
        let before = ticks.times.partition_point(|&time| !self.is_awake(Time(time)));
        if self.waits_for_no_price() {
            return before;
        }
        let (bids, asks) = (&ticks.bids[..before], &ticks.asks[..before]);
        ranges.first_not(bids, asks, |range| self.rules_out(range), |bid, ask| !self.holds_at(bid, ask))
    }

    /// Whether no price within a range is waited for.
    fn rules_out(&self, range: &PriceRange) -> bool {
        range.bid_high < self.bid_at_least
            && range.bid_low > self.bid_at_most
            && range.ask_high < self.ask_at_least
            && range.ask_low > self.ask_at_most
    }

    /// Whether no price is waited for.
    fn waits_for_no_price(&self) -> bool {
        self.bid_at_least == f64::INFINITY
            && self.bid_at_most == f64::NEG_INFINITY
            && self.ask_at_least == f64::INFINITY
            && self.ask_at_most == f64::NEG_INFINITY
    }

    /// The same to the bit, which a price that is no number is as well.
    pub fn is_same(&self, other: &Self) -> bool {
        let bits = |wake: &Self| [wake.bid_at_least, wake.bid_at_most, wake.ask_at_least, wake.ask_at_most].map(f64::to_bits);
        self.at == other.at && bits(self) == bits(other)
    }
}
