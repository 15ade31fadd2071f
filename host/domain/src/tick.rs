//! Ticks and bars: one by one on the live path, column by column everywhere else.

use crate::number::Points;
use crate::symbol::SymbolId;
use crate::time::{DAY_US, MINUTE_US, Time};
use serde::{Deserialize, Serialize};

/// What changed with a tick, as in MT5: 2 bid, 4 ask, 8 last, 16 volume, 32 buy, 64 sell.
pub type TickFlags = u32;

/// Bid and ask changed: what feeds without flags report.
pub const FLAGS_BID_ASK: TickFlags = 2 | 4;

/// One price change of one symbol.
///
/// `bid`, `ask` and `last` are images of whole points ([`SymbolSpec::price`](crate::symbol::SymbolSpec::price)), made
/// where the tick enters the host: guests compute in `f64`, and such images compare exactly like the points do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Whose price.
    pub symbol: SymbolId,
    /// Counts the host's ticks of this symbol from 1 without a gap.
    pub sequence: u64,
    /// When the broker saw it, UTC.
    pub time: Time,
    /// Best price to sell at.
    pub bid: f64,
    /// Best price to buy at; not below `bid` on a sane market.
    pub ask: f64,
    /// Price of the last trade; 0 without one.
    pub last: f64,
    /// Lots of the last trade; 0 without one.
    pub volume: f64,
    /// What changed.
    pub flags: TickFlags,
}

/// Bid and ask, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Best price to sell at.
    pub bid: Points,
    /// Best price to buy at.
    pub ask: Points,
    /// When the broker saw it, UTC.
    pub at: Time,
}

/// Ticks of one symbol, column by column and equally long, in order of time (equal times allowed). `lasts` and
/// `volumes` may be empty where the market has none. Prices lie on the symbol's grid as in [`Tick`].
#[derive(Clone, Copy, Debug, Default)]
pub struct TickColumns<'a> {
    /// Microseconds since 1970 UTC.
    pub times: &'a [i64],
    /// Bids.
    pub bids: &'a [f64],
    /// Asks.
    pub asks: &'a [f64],
    /// Last trades' prices, or empty.
    pub lasts: &'a [f64],
    /// Last trades' lots, or empty.
    pub volumes: &'a [f64],
}

impl<'a> TickColumns<'a> {
    /// Number of ticks.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The rows of `range`, which must lie within.
    pub fn slice(&self, range: std::ops::Range<usize>) -> TickColumns<'a> {
        let optional = |column: &'a [f64]| {
            if column.is_empty() { column } else { &column[range.clone()] }
        };
        TickColumns {
            times: &self.times[range.clone()],
            bids: &self.bids[range.clone()],
            asks: &self.asks[range.clone()],
            lasts: optional(self.lasts),
            volumes: optional(self.volumes),
        }
    }

    /// One row as a tick of `symbol`; its sequence number is `first_sequence + row`.
    pub fn tick(&self, row: usize, symbol: SymbolId, first_sequence: u64) -> Tick {
        Tick {
            symbol,
            sequence: first_sequence + row as u64,
            time: Time(self.times[row]),
            bid: self.bids[row],
            ask: self.asks[row],
            last: self.lasts.get(row).copied().unwrap_or(0.0),
            volume: self.volumes.get(row).copied().unwrap_or(0.0),
            flags: FLAGS_BID_ASK,
        }
    }
}

/// Length of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Timeframe {
    M1,
    M5,
    M15,
    M30,
    H1,
    H4,
    D1,
    W1,
    Mn1,
}

impl Timeframe {
    /// All, shortest first.
    pub const ALL: [Self; 9] = [Self::M1, Self::M5, Self::M15, Self::M30, Self::H1, Self::H4, Self::D1, Self::W1, Self::Mn1];

    /// Start of the bar that holds `time`. Weeks start on Sunday, as in MT5.
    pub fn open(self, time: Time) -> Time {
        let floor = |unit: i64| Time(time.0.div_euclid(unit) * unit);
        match self {
            Self::M1 => floor(MINUTE_US),
            Self::M5 => floor(5 * MINUTE_US),
            Self::M15 => floor(15 * MINUTE_US),
            Self::M30 => floor(30 * MINUTE_US),
            Self::H1 => floor(60 * MINUTE_US),
            Self::H4 => floor(240 * MINUTE_US),
            Self::D1 => floor(DAY_US),
            // 1970-01-01 was a Thursday, four days after a Sunday.
            Self::W1 => Time(((time.day() + 4).div_euclid(7) * 7 - 4) * DAY_US),
            Self::Mn1 => Time((time.day() - i64::from(time.date().2) + 1) * DAY_US),
        }
    }

    /// First moment after the bar that holds `time`.
    pub fn close(self, time: Time) -> Time {
        let open = self.open(time);
        match self {
            Self::M1 => open.plus_us(MINUTE_US),
            Self::M5 => open.plus_us(5 * MINUTE_US),
            Self::M15 => open.plus_us(15 * MINUTE_US),
            Self::M30 => open.plus_us(30 * MINUTE_US),
            Self::H1 => open.plus_us(60 * MINUTE_US),
            Self::H4 => open.plus_us(240 * MINUTE_US),
            Self::D1 => open.plus_us(DAY_US),
            Self::W1 => open.plus_us(7 * DAY_US),
            // No month has more than 31 days and the 1st plus 31 days never skips one.
            Self::Mn1 => self.open(open.plus_us(31 * DAY_US)),
        }
    }
}

/// A bar made of bids.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Whose.
    pub symbol: SymbolId,
    /// How long.
    pub timeframe: Timeframe,
    /// Its start.
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
    pub tick_volume: u64,
    /// Smallest spread, points.
    pub spread: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_open_and_close_where_the_calendar_says() {
        // Saturday, 2014-05-31 23:59:59.
        let t = Time(1_401_580_799_000_000);
        for (timeframe, open, close) in [
            (Timeframe::M1, "2014-05-31T23:59:00", "2014-06-01T00:00:00"),
            (Timeframe::M30, "2014-05-31T23:30:00", "2014-06-01T00:00:00"),
            (Timeframe::H4, "2014-05-31T20:00:00", "2014-06-01T00:00:00"),
            (Timeframe::D1, "2014-05-31T00:00:00", "2014-06-01T00:00:00"),
            (Timeframe::W1, "2014-05-25T00:00:00", "2014-06-01T00:00:00"),
            (Timeframe::Mn1, "2014-05-01T00:00:00", "2014-06-01T00:00:00"),
        ] {
            assert!(timeframe.open(t).to_string().starts_with(open), "{timeframe:?} opens {}", timeframe.open(t));
            assert!(timeframe.close(t).to_string().starts_with(close), "{timeframe:?} closes {}", timeframe.close(t));
        }
    }
}
