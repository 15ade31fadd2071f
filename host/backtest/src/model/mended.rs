//! Stored ticks with another spread, or without crossed quotes. What needs no change is handed on where it lies.

use super::{Crossed, Found, Modelling, Spread};
use crate::source::{Chunk, owned};
use domain::desk::Columns;
use domain::number::Points;
use domain::symbol::SymbolSpec;
use domain::tick::TickColumns;
use market::OwnedColumns;
use std::sync::Arc;

/// A chunk with other prices; a column that is empty is the chunk's own.
struct Mended {
    chunk: Chunk,
    bids: Vec<f64>,
    asks: Vec<f64>,
}

impl Columns for Mended {
    fn columns(&self) -> TickColumns<'_> {
        let mut columns = self.chunk.columns();
        if !self.bids.is_empty() {
            columns.bids = &self.bids;
        }
        if !self.asks.is_empty() {
            columns.asks = &self.asks;
        }
        columns
    }
}

pub(super) fn mend(chunk: Chunk, spec: &SymbolSpec, modelling: Modelling, found: &Found) -> Chunk {
    let columns = chunk.columns();
    let crossed = columns.bids.iter().zip(columns.asks).map(|(bid, ask)| usize::from(bid > ask)).sum::<usize>();
    found.add(|found| &found.ticks, columns.len());
    found.add(|found| &found.crossed, crossed);
    let uncrossed = match modelling.crossed {
        Crossed::Exchange if crossed > 0 => exchanged(chunk),
        Crossed::Drop if crossed > 0 => without_crossed(&chunk),
        _ => chunk,
    };
    match modelling.spread {
        Spread::Data => uncrossed,
        Spread::Fixed(points) => with_spread(uncrossed, spec, points),
    }
}

fn exchanged(chunk: Chunk) -> Chunk {
    let columns = chunk.columns();
    let both = || columns.bids.iter().zip(columns.asks);
    // Written so that several rows are compared at once.
    let bids = both().map(|(&bid, &ask)| if bid > ask { ask } else { bid }).collect();
    let asks = both().map(|(&bid, &ask)| if bid > ask { bid } else { ask }).collect();
    Chunk::new(Arc::new(Mended { chunk, bids, asks }))
}

fn without_crossed(chunk: &Chunk) -> Chunk {
    let columns = chunk.columns();
    let mut kept = OwnedColumns::default();
    let sound: Vec<bool> = columns.bids.iter().zip(columns.asks).map(|(bid, ask)| bid <= ask).collect();
    let mut row = 0;
    for run in sound.chunk_by(|one, next| one == next) {
        if run[0] {
            kept.extend(columns.slice(row..row + run.len()), &[]);
        }
        row += run.len();
    }
    owned(kept)
}

fn with_spread(chunk: Chunk, spec: &SymbolSpec, points: Points) -> Chunk {
    let ask = |&bid: &f64| spec.nearest_points(bid).map_or(bid, |bid| spec.price(bid + points));
    let asks = chunk.columns().bids.iter().map(ask).collect();
    Chunk::new(Arc::new(Mended { chunk, bids: Vec::new(), asks }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::symbol::common;
    use domain::time::Time;
    use market::columns::Row;

    /// The quotes, in points, that become of 130000/130010, 130020/130000 and 130005/130006.
    fn mended(modelling: Modelling) -> (Vec<(i64, i64)>, u64) {
        let spec = common::forex("EUR", "USD");
        let price = |points: i64| spec.price(Points(points));
        let mut columns = OwnedColumns::default();
        for (at, (bid, ask)) in [(130_000, 130_010), (130_020, 130_000), (130_005, 130_006)].into_iter().enumerate() {
            columns.push(Row::quote(Time(at as i64), price(bid), price(ask)));
        }
        let found = Found::default();
        let chunk = mend(owned(columns), &spec, modelling, &found);
        let columns = chunk.columns();
        assert_eq!(columns.times.len(), columns.bids.len());
        let points = |price: f64| spec.points(price).expect("it is on the grid").0;
        (columns.bids.iter().zip(columns.asks).map(|(&bid, &ask)| (points(bid), points(ask))).collect(), found.crossed())
    }

    #[test]
    fn crossed_quotes_are_counted_and_exchanged_kept_or_dropped() {
        let with = |crossed| mended(Modelling { crossed, ..Modelling::default() });
        let (first, last) = ((130_000, 130_010), (130_005, 130_006));
        assert_eq!(with(Crossed::Exchange), (vec![first, (130_000, 130_020), last], 1));
        assert_eq!(with(Crossed::Keep), (vec![first, (130_020, 130_000), last], 1));
        assert_eq!(with(Crossed::Drop), (vec![first, last], 1));
    }

    #[test]
    fn a_fixed_spread_lies_above_the_bid() {
        let modelling = Modelling { spread: Spread::Fixed(Points(7)), ..Modelling::default() };
        assert_eq!(mended(modelling).0, [(130_000, 130_007), (130_020, 130_027), (130_005, 130_012)]);
    }
}
