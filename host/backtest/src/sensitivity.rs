//! The same run at a wider spread: what a strategy is worth when the market is less kind.

use crate::source::{Chunk, Chunks, owned};
use domain::symbol::SymbolSpec;
use market::OwnedColumns;

/// The same ticks with every ask `times` as far above its bid, to the nearest point. Where the ask is below the bid, as some
/// feeds have it, it stays: there is no spread to widen.
pub fn widened(chunks: Chunks, spec: SymbolSpec, times: f64) -> Chunks {
    Box::new(chunks.map(move |chunk| chunk.map(|chunk| widen(&chunk, &spec, times))))
}

fn widen(chunk: &Chunk, spec: &SymbolSpec, times: f64) -> Chunk {
    let mut columns = OwnedColumns::default();
    columns.extend(chunk.columns(), &[]);
    for (ask, &bid) in columns.asks.iter_mut().zip(&columns.bids) {
        let spread = *ask - bid;
        if spread > 0.0
            && let Some(points) = spec.nearest_points(bid + spread * times)
        {
            *ask = spec.price(points);
        }
    }
    owned(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::symbol::common;
    use domain::time::Time;
    use market::columns::Row;

    #[test]
    fn asks_move_away_from_their_bids_and_stay_on_the_grid() {
        let mut columns = OwnedColumns::default();
        for (bid, ask) in [(1.38727, 1.38729), (1.38727, 1.38727), (1.38729, 1.38727)] {
            columns.push(Row::quote(Time(0), bid, ask));
        }
        let chunks: Chunks = Box::new(std::iter::once(Ok(owned(columns))));
        let wide = widened(chunks, common::forex("EUR", "USD"), 2.0).next().unwrap().unwrap();
        assert_eq!(wide.columns().asks, [1.38731, 1.38727, 1.38727]);
        assert_eq!(wide.columns().bids, [1.38727, 1.38727, 1.38729]);
    }
}
