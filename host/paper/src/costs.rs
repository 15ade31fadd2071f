//! What trading costs.

use domain::number::{Money, Steps, div_round};
use domain::symbol::{SymbolId, SymbolSpec};
use std::collections::BTreeMap;

/// What one deal costs, in the account's currency, whichever side it is on and whether it opens or closes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commission {
    /// For each lot.
    pub per_lot: Money,
    /// At least this for a deal.
    pub minimum: Money,
}

impl Commission {
    /// So much for each lot on each side.
    pub fn per_lot(amount: Money) -> Self {
        Self { per_lot: amount, minimum: Money::ZERO }
    }

    /// What `volume` costs, negative as deals book it, rounded to the currency's digits.
    pub fn of(self, spec: &SymbolSpec, volume: Steps, currency_digits: u8) -> Money {
        let lots_e8 = i128::from(volume.0) * i128::from(spec.volume_step_e8);
        let cost = div_round(i128::from(self.per_lot.0) * lots_e8, 100_000_000);
        let cost = i64::try_from(cost).unwrap_or(i64::MAX / 4);
        -Money(cost).max(self.minimum).rounded(currency_digits)
    }
}

/// Commission by symbol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commissions {
    /// Of symbols that have their own.
    pub of_symbol: BTreeMap<SymbolId, Commission>,
    /// Of all others.
    pub otherwise: Commission,
}

impl Commissions {
    /// That of one symbol.
    pub fn of(&self, symbol: SymbolId) -> Commission {
        self.of_symbol.get(&symbol).copied().unwrap_or(self.otherwise)
    }
}
