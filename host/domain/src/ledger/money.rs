//! Floating profit and margin: what positions are worth at a quote, computed when somebody looks.

use super::{Ledger, Position};
use crate::contract::Side;
use crate::number::{Money, Points, Rate, Steps};
use crate::symbol::{MarginFor, SymbolId, SymbolSpec, SymbolTable};
use smallvec::SmallVec;

impl Ledger {
    /// Floating profit of all positions, swap due included, in the currency `to`. A position without quote or rate counts
    /// its swap only.
    pub fn floating(&self, table: &SymbolTable, to: &str, quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy) -> Money {
        self.positions.values().map(|position| floating_of(position, table, to, quote).unwrap_or_default() + position.swap).sum()
    }

    /// Swap that no deal has booked yet.
    pub fn swap_due(&self) -> Money {
        self.positions.values().map(|position| position.swap).sum()
    }

    /// Margin that the open positions take, at 1:`leverage`, in the currency `to`. Positions of one symbol in opposite
    /// directions take the margin of the larger side, or what the symbol says of hedged volume. Positions without a rate count 0.
    pub fn margin(
        &self,
        table: &SymbolTable,
        to: &str,
        leverage: u32,
        quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy,
    ) -> Money {
        margin_of(self.positions.values().map(Position::held), table, to, leverage, quote)
    }
}

/// What of a position its margin depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Of what.
    pub symbol: SymbolId,
    /// Which way.
    pub side: Side,
    /// How much.
    pub volume: Steps,
    /// Average opening price.
    pub open: Points,
    /// Whether it is there already.
    pub purpose: MarginFor,
}

/// One direction of a symbol.
#[derive(Clone, Copy, Debug, Default)]
struct Leg {
    volume: Steps,
    /// Sum of price times volume.
    cost: i128,
    margin: Money,
}

/// Margin of what is held, or would be, as [`Ledger::margin`] counts it.
pub fn margin_of(
    held: impl Iterator<Item = Held>,
    table: &SymbolTable,
    to: &str,
    leverage: u32,
    quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy,
) -> Money {
    // Most accounts hold one symbol or two.
    let mut sides: SmallVec<[(SymbolId, Rate, [Leg; 2]); 2]> = SmallVec::new();
    for one in held {
        let at = match sides.iter().position(|(symbol, ..)| *symbol == one.symbol) {
            Some(at) => at,
            None => {
                let Some(rate) = table.rate(table.spec(one.symbol).margin_currency(), to, quote) else { continue };
                sides.push((one.symbol, rate, Default::default()));
                sides.len() - 1
            }
        };
        let (_, rate, legs) = &mut sides[at];
        let (rate, leg) = (*rate, &mut legs[usize::from(one.side == Side::Sell)]);
        leg.volume += one.volume;
        leg.cost += i128::from(one.open.0) * i128::from(one.volume.0);
        leg.margin += table.spec(one.symbol).margin(one.open, one.volume, leverage, rate, one.purpose);
    }
    sides.iter().map(|(symbol, rate, legs)| both(table.spec(*symbol), legs, leverage, *rate)).sum()
}

/// Margin of positions in both directions of a symbol.
fn both(spec: &SymbolSpec, [long, short]: &[Leg; 2], leverage: u32, rate: Rate) -> Money {
    let covered = long.volume.min(short.volume);
    if spec.margin_hedged_e6.is_none() || covered == Steps(0) {
        return long.margin.max(short.margin);
    }
    let larger = if long.volume >= short.volume { long } else { short };
    let share =
        |amount: i64, part: Steps| crate::number::div_round(i128::from(amount) * i128::from(part.0), i128::from(larger.volume.0)) as i64;
    let uncovered = Money(share(larger.margin.0, larger.volume - covered));
    // The price of what is covered is the average over both sides.
    let price = crate::number::div_round(long.cost + short.cost, i128::from((long.volume + short.volume).0)) as i64;
    uncovered + spec.margin_covered(Points(price), covered, leverage, rate)
}

/// Floating profit of one position at the quote, in the currency `to`, without swap and commission.
pub fn floating_of(
    position: &Position,
    table: &SymbolTable,
    to: &str,
    quote: impl Fn(SymbolId) -> Option<(Points, Points)> + Copy,
) -> Option<Money> {
    let (bid, ask) = quote(position.symbol)?;
    let spec = table.spec(position.symbol);
    let close = if position.side == Side::Buy { bid } else { ask };
    Some(spec.value_of(position.point_steps(close), table.rate(&spec.quote, to, quote)?))
}
