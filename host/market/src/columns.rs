//! Ticks of one symbol in columns that are owned, for whoever makes ticks instead of reading them.

use domain::tick::{FLAGS_BID_ASK, TickColumns, TickFlags};
use domain::time::Time;

/// One tick as it stands in a row of columns, without the symbol it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// When, UTC.
    pub time: Time,
    /// Best price to sell at.
    pub bid: f64,
    /// Best price to buy at.
    pub ask: f64,
    /// Last trade's price, 0 without one.
    pub last: f64,
    /// Last trade's lots, 0 without one.
    pub volume: f64,
    /// What changed.
    pub flags: TickFlags,
}

impl Row {
    /// A quote without a trade.
    pub fn quote(time: Time, bid: f64, ask: f64) -> Self {
        Self { time, bid, ask, last: 0.0, volume: 0.0, flags: FLAGS_BID_ASK }
    }
}

/// The owned side of [`TickColumns`]. `lasts`, `volumes` and `flags` stay empty until a row says something else than 0, 0
/// and "bid and ask changed".
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnedColumns {
    /// Microseconds since 1970 UTC.
    pub times: Vec<i64>,
    /// Bids.
    pub bids: Vec<f64>,
    /// Asks.
    pub asks: Vec<f64>,
    /// Last trades' prices, or empty.
    pub lasts: Vec<f64>,
    /// Last trades' lots, or empty.
    pub volumes: Vec<f64>,
    /// What changed, or empty where it was always bid and ask.
    pub flags: Vec<TickFlags>,
}

impl OwnedColumns {
    /// Number of ticks.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Adds a row at the end.
    pub fn push(&mut self, row: Row) {
        let rows = self.times.len();
        self.times.push(row.time.0);
        self.bids.push(row.bid);
        self.asks.push(row.ask);
        push_optional(&mut self.lasts, rows, 0.0, row.last);
        push_optional(&mut self.volumes, rows, 0.0, row.volume);
        push_optional(&mut self.flags, rows, FLAGS_BID_ASK, row.flags);
    }

    /// Row `at`, which must lie within.
    pub fn row(&self, at: usize) -> Row {
        Row {
            time: Time(self.times[at]),
            bid: self.bids[at],
            ask: self.asks[at],
            last: self.lasts.get(at).copied().unwrap_or(0.0),
            volume: self.volumes.get(at).copied().unwrap_or(0.0),
            flags: self.flags.get(at).copied().unwrap_or(FLAGS_BID_ASK),
        }
    }

    /// Adds ticks from columns; `flags` may be empty.
    pub fn extend(&mut self, columns: TickColumns<'_>, flags: &[TickFlags]) {
        let rows = self.times.len();
        self.times.extend_from_slice(columns.times);
        self.bids.extend_from_slice(columns.bids);
        self.asks.extend_from_slice(columns.asks);
        extend_optional(&mut self.lasts, rows, 0.0, columns.lasts, columns.len());
        extend_optional(&mut self.volumes, rows, 0.0, columns.volumes, columns.len());
        extend_optional(&mut self.flags, rows, FLAGS_BID_ASK, flags, columns.len());
    }

    /// The rows in order of time; rows of one time keep theirs.
    pub(crate) fn in_order_of_time(self) -> Self {
        if self.times.is_sorted() {
            return self;
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|at| self.times[*at]);
        self.rows(order.into_iter())
    }

    /// The same from the last row to the first.
    pub(crate) fn reversed(self) -> Self {
        self.rows((0..self.len()).rev())
    }

    fn rows(&self, places: impl Iterator<Item = usize>) -> Self {
        let mut rows = Self::default();
        places.for_each(|at| rows.push(self.row(at)));
        rows
    }

    /// The same ticks, borrowed.
    pub fn as_columns(&self) -> TickColumns<'_> {
        TickColumns { times: &self.times, bids: &self.bids, asks: &self.asks, lasts: &self.lasts, volumes: &self.volumes }
    }
}

/// A column that is absent while it would only hold `absent`.
fn push_optional<T: Copy + PartialEq>(column: &mut Vec<T>, rows: usize, absent: T, value: T) {
    if !column.is_empty() {
        column.push(value);
    } else if value != absent {
        column.resize(rows, absent);
        column.push(value);
    }
}

fn extend_optional<T: Copy + PartialEq>(column: &mut Vec<T>, rows: usize, absent: T, more: &[T], count: usize) {
    if column.is_empty() && more.is_empty() {
        return;
    }
    column.resize(rows, absent);
    column.extend_from_slice(more);
    column.resize(rows + count, absent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_columns_appear_with_the_first_value_and_fill_the_rows_before() {
        let quote = Row::quote(Time(1), 1.0, 2.0);
        let trade = Row { last: 1.5, volume: 3.0, flags: 8, ..quote };
        let mut columns = OwnedColumns::default();
        columns.push(quote);
        assert!(columns.lasts.is_empty() && columns.flags.is_empty());
        columns.push(trade);
        columns.push(quote);
        assert_eq!(columns.lasts, [0.0, 1.5, 0.0]);
        assert_eq!((columns.row(0), columns.row(1), columns.row(2)), (quote, trade, quote));

        let mut joined = OwnedColumns::default();
        joined.push(quote);
        joined.extend(columns.as_columns(), &columns.flags);
        joined.extend(TickColumns { times: &[9], bids: &[1.0], asks: &[2.0], ..TickColumns::default() }, &[]);
        assert_eq!(joined.lasts, [0.0, 0.0, 1.5, 0.0, 0.0]);
        assert_eq!(joined.flags, [6, 6, 8, 6, 6]);
        assert_eq!(joined.len(), 5);
    }
}
