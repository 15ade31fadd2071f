//! The words of the contract under friendly names, with the small arithmetic every strategy needs.
//!
//! The types are those that `wit-bindgen` makes of `sdk/wit/strategy.wit`; units and meaning of each field are
//! documented there. They are the same in a native test and in a component.

pub use crate::bindings::stockade::strategy::limits::Budget;
pub use crate::bindings::stockade::strategy::report::Level;
pub use crate::bindings::stockade::strategy::types::{
    AccountMode, AccountState, Bar, Callbacks, DataNeed, DenyCode, Description, Fill, Filling, Gap, Order, OrderEvent, OrderId, OrderKind,
    OrderRequest, Param, ParamSpec, ParamValue, Position, PositionChange, PositionId, RunMode, Side, StopReason, Symbol, SymbolSpec,
    TesterStats, Tick, Time, Timeframe, TradingState, Wake,
};

/// One second, in the microseconds in which the contract counts time.
pub const SECOND: Time = 1_000_000;
/// One minute in microseconds.
pub const MINUTE: Time = 60 * SECOND;
/// One hour in microseconds.
pub const HOUR: Time = 60 * MINUTE;
/// One day in microseconds.
pub const DAY: Time = 24 * HOUR;

impl Tick {
    /// The middle between bid and ask, in the quote currency.
    #[inline]
    pub fn mid(&self) -> f64 {
        (self.bid + self.ask) * 0.5
    }

    /// Ask minus bid, in the quote currency.
    #[inline]
    pub fn spread(&self) -> f64 {
        self.ask - self.bid
    }

    /// What an order of `side` would pay or get: a buy the ask, a sell the bid.
    #[inline]
    pub fn price(&self, side: Side) -> f64 {
        match side {
            Side::Buy => self.ask,
            Side::Sell => self.bid,
        }
    }
}

impl Side {
    /// The other side.
    #[inline]
    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }

    /// `1.0` for a buy and `-1.0` for a sell: what a rise of the price by one earns.
    #[inline]
    pub fn sign(self) -> f64 {
        match self {
            Side::Buy => 1.0,
            Side::Sell => -1.0,
        }
    }
}

/// `buy` or `sell`.
impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        })
    }
}

impl Timeframe {
    /// Length in microseconds; none for a month, which has no fixed length.
    pub fn length(self) -> Option<Time> {
        Some(match self {
            Timeframe::M1 => MINUTE,
            Timeframe::M5 => 5 * MINUTE,
            Timeframe::M15 => 15 * MINUTE,
            Timeframe::M30 => 30 * MINUTE,
            Timeframe::H1 => HOUR,
            Timeframe::H4 => 4 * HOUR,
            Timeframe::D1 => DAY,
            Timeframe::W1 => 7 * DAY,
            Timeframe::Mn1 => return None,
        })
    }
}

/// Which ticks [`crate::Strategy::on_tick`] is wanted for: those at which any of its conditions holds.
///
/// ```
/// use stockade_sdk::prelude::*;
///
/// let wake = Wake::at(10 * MINUTE).or_bid_at_least(1.2);
/// let tick = |time, bid| Tick { time, bid, ask: bid + 0.0001, last: 0.0, volume: 0.0 };
/// assert!(!wake.holds(&tick(9 * MINUTE, 1.1999)));
/// assert!(wake.holds(&tick(9 * MINUTE, 1.2)) && wake.holds(&tick(11 * MINUTE, 1.1)));
/// ```
impl Wake {
    /// Every tick.
    pub const EVERY_TICK: Wake = Wake::at(Time::MIN);
    /// No tick. What else the strategy hears of (bars, timers, orders) comes all the same.
    pub const NEVER: Wake = Wake::at(Time::MAX);

    /// Every tick from this time on.
    #[inline]
    pub const fn at(at: Time) -> Wake {
        let (high, low) = (f64::INFINITY, f64::NEG_INFINITY);
        Wake { at, bid_at_least: high, bid_at_most: low, ask_at_least: high, ask_at_most: low }
    }

    /// And ticks with a bid of `price` or more: where a sell limit would fill, or a buy be closed with a profit.
    #[must_use]
    pub const fn or_bid_at_least(self, price: f64) -> Wake {
        Wake { bid_at_least: price, ..self }
    }

    /// And ticks with a bid of `price` or less.
    #[must_use]
    pub const fn or_bid_at_most(self, price: f64) -> Wake {
        Wake { bid_at_most: price, ..self }
    }

    /// And ticks with an ask of `price` or more.
    #[must_use]
    pub const fn or_ask_at_least(self, price: f64) -> Wake {
        Wake { ask_at_least: price, ..self }
    }

    /// And ticks with an ask of `price` or less: where a buy limit would fill, or a sell be closed with a profit.
    #[must_use]
    pub const fn or_ask_at_most(self, price: f64) -> Wake {
        Wake { ask_at_most: price, ..self }
    }

    /// Whether this tick is wanted.
    #[inline]
    pub fn holds(&self, tick: &Tick) -> bool {
        self.is_awake(tick.time)
            || tick.bid >= self.bid_at_least
            || tick.bid <= self.bid_at_most
            || tick.ask >= self.ask_at_least
            || tick.ask <= self.ask_at_most
    }

    /// The same to the bit: a level that is no number yet is no news either.
    pub(crate) fn is_same(&self, other: &Wake) -> bool {
        let bits = |wake: &Wake| [wake.bid_at_least, wake.bid_at_most, wake.ask_at_least, wake.ask_at_most].map(f64::to_bits);
        self.at == other.at && bits(self) == bits(other)
    }

    /// Whether every tick from this time on is wanted.
    #[inline]
    pub fn is_awake(&self, time: Time) -> bool {
        self.at <= time
    }
}

impl Position {
    /// How far the price has moved in the position's favour, in percent of the open price. Negative when against it.
    ///
    /// `tick` gives the price at which the position would close: the bid for a buy, the ask for a sell.
    pub fn gain_percent(&self, tick: &Tick) -> f64 {
        let close = tick.price(self.side.opposite());
        (close - self.open_price) * self.side.sign() / self.open_price * 100.0
    }
}
