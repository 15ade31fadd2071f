//! What trading costs.

use domain::broker::Entry;
use domain::number::{Money, Points, Rate, Steps, div_round};
use domain::symbol::{SymbolId, SymbolSpec};
use std::collections::BTreeMap;

/// By what a commission grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// So much for each lot.
    PerLot(Money),
    /// So much for each deal.
    PerDeal(Money),
    /// Millionths of a percent of what the deal turns over: price times units.
    PercentE6(i64),
}

/// For which deals a commission is charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sides {
    /// Each: what opens and what closes.
    #[default]
    Each,
    /// What opens.
    Entry,
    /// What closes.
    Exit,
    /// Once for opening and closing together: half with either.
    RoundTurn,
}

/// What deals cost, in the account's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commission {
    /// How much.
    pub charge: Charge,
    /// For what.
    pub sides: Sides,
    /// At least this for a deal that is charged.
    pub minimum: Money,
    /// At most this for a deal.
    pub maximum: Option<Money>,
}

impl Default for Commission {
    /// None.
    fn default() -> Self {
        Self::per_lot(Money::ZERO)
    }
}

/// A deal, as far as its commission depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dealt {
    pub opens: Steps,
    pub closes: Steps,
    /// What the position held before.
    pub held: Steps,
    pub price: Points,
    /// From the symbol's quote currency to the account's.
    pub rate: Rate,
}

impl Dealt {
    /// A deal of `volume` on a position that holds `held`.
    pub(crate) fn new(entry: Entry, volume: Steps, held: Steps, price: Points, rate: Rate) -> Self {
        let closes = match entry {
            Entry::In => Steps(0),
            Entry::Out | Entry::OutBy => volume,
            Entry::InOut => held.min(volume),
        };
        Self { opens: volume - closes, closes, held, price, rate }
    }
}

impl Commission {
    /// So much for each lot on each side.
    pub fn per_lot(amount: Money) -> Self {
        Self { charge: Charge::PerLot(amount), sides: Sides::Each, minimum: Money::ZERO, maximum: None }
    }

    /// What a deal costs, negative as deals book it, rounded to the currency's digits.
    pub(crate) fn of(self, spec: &SymbolSpec, deal: &Dealt, currency_digits: u8) -> Money {
        if let Some(amount) = self.of_round_turn() {
            return -round_turn(amount, spec, deal, currency_digits);
        }
        let (volume, halves) = match self.sides {
            Sides::Each => (deal.opens + deal.closes, 2),
            Sides::Entry => (deal.opens, 2),
            Sides::Exit => (deal.closes, 2),
            Sides::RoundTurn => (deal.opens + deal.closes, 1),
        };
        if volume == Steps(0) {
            return Money::ZERO;
        }
        let full = match self.charge {
            Charge::PerLot(amount) => for_lots(amount, spec, volume),
            Charge::PerDeal(amount) => amount,
            Charge::PercentE6(percent_e6) => {
                let point_steps = i128::from(deal.price.0) * i128::from(volume.0) * i128::from(percent_e6);
                spec.value_of_scaled(point_steps, 100 * 1_000_000, deal.rate)
            }
        };
        let cost = Money(div_round(i128::from(full.0) * halves, 2) as i64).max(self.minimum);
        -self.maximum.map_or(cost, |maximum| cost.min(maximum)).rounded(currency_digits)
    }

    /// What a lot costs for opening and closing together, where the whole is what is rounded.
    fn of_round_turn(self) -> Option<Money> {
        match self {
            Self { charge: Charge::PerLot(amount), sides: Sides::RoundTurn, minimum: Money::ZERO, maximum: None } => Some(amount),
            _ => None,
        }
    }
}

/// The cost of `volume` at `amount` a lot.
fn for_lots(amount: Money, spec: &SymbolSpec, volume: Steps) -> Money {
    let lots_e8 = i128::from(volume.0) * i128::from(spec.volume_step_e8);
    let cost = div_round(i128::from(amount.0) * lots_e8, 100_000_000);
    Money(i64::try_from(cost).unwrap_or(i64::MAX / 4))
}

/// A deal's share of `amount` a lot for a round turn. Opening pays the rounded half and closing the rest of the rounded whole, so
/// that a position that is closed again has paid the rounded whole, however many deals it took.
fn round_turn(amount: Money, spec: &SymbolSpec, deal: &Dealt, currency_digits: u8) -> Money {
    let half = Money(div_round(i128::from(amount.0), 2) as i64);
    let opening = |volume| for_lots(half, spec, volume).rounded(currency_digits);
    let closing = |volume| for_lots(amount, spec, volume).rounded(currency_digits) - opening(volume);
    // A turn closes all that was held and opens the rest from nothing.
    let before = if deal.closes > Steps(0) { Steps(0) } else { deal.held };
    let opened = opening(before + deal.opens) - opening(before);
    opened + closing(deal.held) - closing(deal.held - deal.closes)
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
