//! What holding a position over the server's midnight costs or earns.

use crate::number::{Money, Points, Rate, Steps};
use crate::symbol::SymbolSpec;
use serde::{Deserialize, Serialize};

/// In what a symbol's swap is stated (MT5 `SYMBOL_SWAP_MODE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwapMode {
    /// None is charged.
    #[default]
    Disabled,
    /// Points of the price.
    Points,
    /// Money of the base currency, a lot.
    CurrencySymbol,
    /// Money of the margin currency, a lot.
    CurrencyMargin,
    /// Money of the deposit currency, a lot.
    CurrencyDeposit,
    /// Percent a year of the price at midnight; the year has 360 days.
    InterestCurrent,
    /// Percent a year of the price at which the position was opened.
    InterestOpen,
    /// The position is closed and opened again this many points from the price it closed at.
    ReopenCurrent,
    /// The same, at the bid.
    ReopenBid,
}

/// The swap of one symbol. Stated for a night, positive when it earns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Swap {
    /// In what.
    pub mode: SwapMode,
    /// Of a long position, in millionths of a point, of a unit of currency or of a percent.
    pub long_e6: i64,
    /// Of a short position.
    pub short_e6: i64,
    /// How many nights are charged at the midnight that ends each day of the server's week, from Sunday.
    pub nights: [u8; 7],
}

/// Every night once, but the nights of the weekend together with Wednesday's.
pub const TRIPLE_WEDNESDAY: [u8; 7] = [0, 1, 1, 3, 1, 1, 0];

impl Default for Swap {
    /// None, with the triple day on Wednesday for when there is one.
    fn default() -> Self {
        Self { mode: SwapMode::Disabled, long_e6: 0, short_e6: 0, nights: TRIPLE_WEDNESDAY }
    }
}

/// In what currency a swap comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapCurrency<'a> {
    /// This one, to be converted.
    Of(&'a str),
    /// The account's own.
    Deposit,
}

impl Swap {
    /// Every night on its own, weekends included: how coins are charged.
    pub fn every_night(self) -> Self {
        Self { nights: [1; 7], ..self }
    }

    /// With the nights of the weekend charged at the end of `weekday` (0 Sunday to 6 Saturday).
    pub fn triple_on(self, weekday: u8) -> Self {
        let mut nights = [0, 1, 1, 1, 1, 1, 0];
        nights[usize::from(weekday % 7)] = 3;
        Self { nights, ..self }
    }

    /// The currency of [`of_night`](Self::of_night).
    pub fn currency(self, spec: &SymbolSpec) -> SwapCurrency<'_> {
        match self.mode {
            SwapMode::CurrencySymbol => SwapCurrency::Of(&spec.base),
            SwapMode::CurrencyMargin => SwapCurrency::Of(&spec.margin),
            SwapMode::CurrencyDeposit => SwapCurrency::Deposit,
            _ => SwapCurrency::Of(&spec.quote),
        }
    }

    /// What one night on `volume` comes to, at millionths of the rate `rate_e6` (that of its side), with the position's opening
    /// price and the price of midnight. `rate` leads from [`currency`](Self::currency) to the account's.
    pub fn of_night(self, spec: &SymbolSpec, rate_e6: i64, volume: Steps, open: Points, current: Points, rate: Rate) -> Money {
        let lots_e8 = i128::from(volume.0) * i128::from(spec.volume_step_e8);
        let a_lot = || spec.money(lots_e8 * i128::from(rate_e6), 100_000_000, rate);
        let interest = |price: Points| {
            // Price times units is the value in point-steps; percent a year over 360 days.
            let point_steps = i128::from(price.0) * i128::from(volume.0) * i128::from(rate_e6);
            spec.value_of_scaled(point_steps, 100 * 360 * 1_000_000, rate)
        };
        match self.mode {
            SwapMode::Disabled => Money::ZERO,
            SwapMode::Points | SwapMode::ReopenCurrent | SwapMode::ReopenBid => {
                spec.value_of_scaled(i128::from(rate_e6) * i128::from(volume.0), 1_000_000, rate)
            }
            SwapMode::CurrencySymbol | SwapMode::CurrencyMargin | SwapMode::CurrencyDeposit => a_lot(),
            SwapMode::InterestCurrent => interest(current),
            SwapMode::InterestOpen => interest(open),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbol::common;

    /// One night of one lot EURUSD, long, opened at 1.2 with 1.3 at midnight; whatever currency it is in costs 2.
    fn night(mode: SwapMode, rate_e6: i64) -> Money {
        let swap = Swap { mode, long_e6: rate_e6, ..Swap::default() };
        let two = Rate { numerator: 2, denominator: 1 };
        swap.of_night(&common::forex("EUR", "USD"), rate_e6, Steps(100), Points(120_000), Points(130_000), two)
    }

    #[test]
    fn every_mode_counts_in_its_own_unit() {
        let units = |mode, rate_e6| night(mode, rate_e6).to_units();
        assert_eq!(units(SwapMode::Disabled, -7_850_000), 0.0);
        // A point on a lot is 1 USD.
        assert_eq!(units(SwapMode::Points, -7_850_000), -15.7);
        assert_eq!(units(SwapMode::CurrencySymbol, 3_000_000), 6.0);
        assert_eq!(units(SwapMode::CurrencyDeposit, 3_000_000), 6.0);
        // 3.6 % of 130,000 USD a year are 13 USD a day; of 120,000 they are 12.
        assert_eq!(units(SwapMode::InterestCurrent, 3_600_000), 26.0);
        assert_eq!(units(SwapMode::InterestOpen, 3_600_000), 24.0);
    }
}
