//! Between which prices each block of rows lies, so that a look ahead passes over whole blocks.
//!
//! Made once of a chunk of ticks and good for every run over it. A range only ever rules out: of a block that it does not
//! rule out the rows themselves are looked at, so that nothing that is found depends on where blocks begin, or whether
//! there are any.

/// Rows in one block: few enough that a trigger within a block's range is mostly reached by one of its rows, and enough that
/// the ranges are a fiftieth of the ticks.
const BLOCK: usize = 64;

/// Lowest and highest prices of some rows; all NaN, which no comparison holds for, where one of them is no number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PriceRange {
    /// The lowest bid.
    pub bid_low: f64,
    /// The highest bid.
    pub bid_high: f64,
    /// The lowest ask.
    pub ask_low: f64,
    /// The highest ask.
    pub ask_high: f64,
}

impl PriceRange {
    /// Of all rows.
    fn of(bids: &[f64], asks: &[f64]) -> Self {
        let ((bid_low, bid_high, bids), (ask_low, ask_high, asks)) = (extremes(bids), extremes(asks));
        // A comparison drops a NaN, a sum keeps it.
        if (bids + asks).is_nan() {
            return Self { bid_low: f64::NAN, bid_high: f64::NAN, ask_low: f64::NAN, ask_high: f64::NAN };
        }
        Self { bid_low, bid_high, ask_low, ask_high }
    }
}

/// Lowest, highest and sum. Counted in lanes, each in a loop of its own, which the compiler makes one instruction each.
#[inline(always)]
fn extremes(prices: &[f64]) -> (f64, f64, f64) {
    const LANES: usize = 4;
    let smaller = |one: f64, other: f64| if one < other { one } else { other };
    let larger = |one: f64, other: f64| if one > other { one } else { other };
    let (mut lows, mut highs, mut sums) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES], [0.0; LANES]);
    let (lanes, rest) = prices.as_chunks::<LANES>();
    for lanes in lanes {
        each(&mut lows, lanes, smaller);
        each(&mut highs, lanes, larger);
        each(&mut sums, lanes, |one, other| one + other);
    }
    let (mut low, mut high, mut sum) = (f64::INFINITY, f64::NEG_INFINITY, 0.0);
    let lanes = lows.iter().zip(&highs).zip(&sums).map(|((low, high), sum)| (*low, *high, *sum));
    for (lowest, highest, part) in lanes.chain(rest.iter().map(|&price| (price, price, price))) {
        (low, high, sum) = (smaller(lowest, low), larger(highest, high), sum + part);
    }
    (low, high, sum)
}

#[inline(always)]
fn each<const LANES: usize>(into: &mut [f64; LANES], lanes: &[f64; LANES], combine: impl Fn(f64, f64) -> f64) {
    into.iter_mut().zip(lanes).for_each(|(one, &lane)| *one = combine(lane, *one));
}

/// The price ranges of the rows of some columns, block by block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PriceRanges(Vec<PriceRange>);

impl PriceRanges {
    /// Of columns, which must be equally long.
    pub fn of(bids: &[f64], asks: &[f64]) -> Self {
        Self(bids.chunks(BLOCK).zip(asks.chunks(BLOCK)).map(|(bids, asks)| PriceRange::of(bids, asks)).collect())
    }

    /// What they say of the rows from `row` on.
    pub fn starting(&self, row: usize) -> RangesAhead<'_> {
        RangesAhead { blocks: self.0.get(row / BLOCK..).unwrap_or_default(), passed: row % BLOCK }
    }
}

/// The price ranges from some row on. The default knows of none, and every row is looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct RangesAhead<'a> {
    blocks: &'a [PriceRange],
    /// Rows of the first block that lie before.
    passed: usize,
}

impl RangesAhead<'_> {
    /// The first row at which `holds` does not, or their number. `rules_out` says of a range that `holds` for all prices in
    /// it.
    #[inline]
    pub fn first_not(self, bids: &[f64], asks: &[f64], rules_out: impl Fn(&PriceRange) -> bool, holds: impl Fn(f64, f64) -> bool) -> usize {
        let rows = bids.len().min(asks.len());
        let (mut start, mut passed) = (0, self.passed);
        for range in self.blocks {
            if start >= rows {
                return rows;
            }
            let end = rows.min(start + BLOCK - passed);
            if !rules_out(range) {
                let within = first_not(&bids[start..end], &asks[start..end], &holds);
                if start + within < end {
                    return start + within;
                }
            }
            (start, passed) = (end, 0);
        }
        start + first_not(&bids[start..rows], &asks[start..rows], holds)
    }

    /// The ranges from `rows` rows later on.
    #[inline]
    #[must_use]
    pub fn after(self, rows: usize) -> Self {
        let row = self.passed + rows;
        Self { blocks: self.blocks.get(row / BLOCK..).unwrap_or_default(), passed: row % BLOCK }
    }
}

/// The first row at which `holds` does not, or their number. Blocks are tested without branches, so that the compiler can
/// compare several rows at once.
#[inline]
fn first_not(bids: &[f64], asks: &[f64], holds: impl Fn(f64, f64) -> bool) -> usize {
    let mut start = 0;
    for (bids, asks) in bids.chunks_exact(BLOCK).zip(asks.chunks_exact(BLOCK)) {
        if !bids.iter().zip(asks).fold(true, |all, (&bid, &ask)| all & holds(bid, ask)) {
            break;
        }
        start += BLOCK;
    }
    (start..bids.len()).find(|&row| !holds(bids[row], asks[row])).unwrap_or(bids.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Prices near each other, with invalid ones among them.
    fn price() -> impl Strategy<Value = f64> {
        prop_oneof![
            300 => (0..40_i32).prop_map(|points| 1.3 + f64::from(points) / 1e5),
            1 => prop::sample::select(vec![f64::NAN, 0.0, -0.0, -1.3, f64::INFINITY, f64::NEG_INFINITY]),
        ]
    }

    proptest! {
        #[test]
        fn blocks_find_the_row_that_is_found_without(
            rows in prop::collection::vec((price(), price()), 0..300),
            (start, end) in (0..300_usize, 0..300_usize),
            (low, high) in (0..40_i32, 0..42_i32),
        ) {
            let (bids, asks): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
            let end = end.min(bids.len());
            let start = start.min(end);
            let bounds = (1.3 + f64::from(low) / 1e5 - 1e-9, 1.3 + f64::from(high) / 1e5);
            let holds = |bid: f64, ask: f64| bid > bounds.0 && ask < bounds.1;
            let rules_out = |range: &PriceRange| range.bid_low > bounds.0 && range.ask_high < bounds.1;
            let expected = (start..end).position(|row| !holds(bids[row], asks[row])).unwrap_or(end - start);
            let ranges = PriceRanges::of(&bids, &asks);
            let (bids, asks) = (&bids[start..end], &asks[start..end]);
            prop_assert_eq!(ranges.starting(start).first_not(bids, asks, rules_out, holds), expected);
            prop_assert_eq!(ranges.starting(0).after(start).first_not(bids, asks, rules_out, holds), expected);
            prop_assert_eq!(RangesAhead::default().first_not(bids, asks, rules_out, holds), expected);
        }

        #[test]
        fn a_range_holds_every_price_or_says_that_one_is_none(rows in prop::collection::vec((price(), price()), 1..65)) {
            let (bids, asks): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
            let range = PriceRange::of(&bids, &asks);
            let lowest = |column: &[f64]| column.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = |column: &[f64]| column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exact = (range.bid_low, range.bid_high, range.ask_low, range.ask_high)
                == (lowest(&bids), highest(&bids), lowest(&asks), highest(&asks));
            let odd = bids.iter().chain(&asks).any(|price| !price.is_finite());
            prop_assert!(if odd { exact || range.bid_low.is_nan() } else { exact }, "{:?}", range);
            prop_assert!(!bids.iter().chain(&asks).any(|price| price.is_nan()) || range.bid_low.is_nan());
        }
    }
}
