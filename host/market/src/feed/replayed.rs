//! Stored ticks of several symbols, merged in order of time.

use super::{Feed, FeedError};
use crate::store::{Day, Days, TickStore};
use domain::symbol::{SymbolId, SymbolTable};
use domain::tick::Tick;
use domain::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Ticks as they were. Of equal times, the symbol that was named first comes first, and each symbol's keep their order. One day
/// per symbol is mapped at a time.
#[derive(Debug)]
pub struct ReplayedFeed {
    sources: Vec<Source>,
    /// Time of each source's next tick, and its place.
    order: BinaryHeap<Reverse<(i64, usize)>>,
    /// Sources that have to be looked at before the next tick is known.
    idle: Vec<usize>,
}

#[derive(Debug)]
struct Source {
    symbol: SymbolId,
    days: Days,
    day: Option<Day>,
    row: usize,
    sequence: u64,
}

impl ReplayedFeed {
    /// The ticks of `symbols`, which `table` names, with `from <= time < to`.
    ///
    /// # Errors
    /// When the store doesn't hold a symbol, or holds it on a finer grid than the table's.
    pub fn open(store: &TickStore, table: &SymbolTable, symbols: &[SymbolId], from: Time, to: Time) -> Result<Self, FeedError> {
        let source = |symbol: &SymbolId| {
            let priced = table.spec(*symbol);
            let stored = store.spec(&priced.name)?;
            if stored.digits > priced.digits {
                let (symbol, stored, priced) = (priced.name.clone(), stored.digits, priced.digits);
                return Err(FeedError::OtherDigits { symbol, stored, priced });
            }
            let days = store.read(&priced.name, from, to)?;
            Ok(Source { symbol: *symbol, days, day: None, row: 0, sequence: 0 })
        };
        let sources = symbols.iter().map(source).collect::<Result<Vec<_>, FeedError>>()?;
        Ok(Self { idle: (0..sources.len()).collect(), order: BinaryHeap::with_capacity(sources.len()), sources })
    }
}

impl Feed for ReplayedFeed {
    fn next(&mut self) -> Option<Result<Tick, FeedError>> {
        while let Some(at) = self.idle.last().copied() {
            match self.sources[at].next_time() {
                // It stays idle: behind the broken day it is looked at again.
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(time)) => self.order.push(Reverse((time, at))),
                None => {}
            }
            self.idle.pop();
        }
        let Reverse((_, at)) = self.order.pop()?;
        self.idle.push(at);
        Some(Ok(self.sources[at].take()))
    }
}

impl Source {
    fn next_time(&mut self) -> Option<Result<i64, FeedError>> {
        loop {
            if let Some(time) = self.day.as_ref().and_then(|day| day.columns().times.get(self.row).copied()) {
                return Some(Ok(time));
            }
            self.day = None;
            self.row = 0;
            match self.days.next()? {
                Ok(day) => self.day = Some(day),
                Err(error) => return Some(Err(error.into())),
            }
        }
    }

    /// Only after [`next_time`](Self::next_time) found one.
    fn take(&mut self) -> Tick {
        let day = self.day.as_ref().expect("a time was found in it");
        self.sequence += 1;
        let mut tick = day.columns().tick(self.row, self.symbol, self.sequence - self.row as u64);
        if let Some(flags) = day.flags().get(self.row) {
            tick.flags = *flags;
        }
        self.row += 1;
        tick
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{OwnedColumns, Row};
    use crate::date::Date;
    use domain::symbol::{SymbolSpec, common};
    use domain::time::DAY_US;

    const DATE: Date = Date(16_195);

    fn store(specs: &[SymbolSpec]) -> (tempfile::TempDir, TickStore, SymbolTable) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = TickStore::create(folder.path()).expect("a store");
        specs.iter().for_each(|spec| store.put_spec(spec).expect("a spec"));
        (folder, store, SymbolTable::new(specs.to_vec()).expect("a table"))
    }

    fn put(store: &TickStore, symbol: &str, date: Date, offsets_us: &[i64]) {
        let mut ticks = OwnedColumns::default();
        for offset in offsets_us {
            ticks.push(Row { flags: 2, ..Row::quote(date.start().plus_us(*offset), 1.5, 1.75) });
        }
        store.write_day(symbol, date, ticks.as_columns(), &ticks.flags, "").expect("written");
    }

    fn all(feed: &mut ReplayedFeed) -> Vec<(u16, u64, i64)> {
        std::iter::from_fn(|| feed.next())
            .map(|tick| tick.expect("sound"))
            .map(|tick| (tick.symbol.0, tick.sequence, tick.time.since_us(DATE.start())))
            .collect()
    }

    #[test]
    fn symbols_are_merged_by_time_and_equal_times_keep_the_order_of_symbols() {
        let (_folder, store, table) = store(&[common::forex("EUR", "USD"), common::gold()]);
        put(&store, "EURUSD", DATE, &[1, 5, 5, 9]);
        put(&store, "EURUSD", Date(DATE.0 + 1), &[0]);
        put(&store, "XAUUSD", DATE, &[0, 5, 7]);
        let open = |symbols: &[SymbolId], from: i64, to: i64| {
            let start = DATE.start();
            ReplayedFeed::open(&store, &table, symbols, start.plus_us(from), start.plus_us(to)).expect("a feed")
        };
        let (eurusd, gold) = (SymbolId(0), SymbolId(1));
        let expected = [(1, 1, 0), (0, 1, 1), (0, 2, 5), (0, 3, 5), (1, 2, 5), (1, 3, 7), (0, 4, 9), (0, 5, DAY_US)];
        assert_eq!(all(&mut open(&[eurusd, gold], 0, 2 * DAY_US)), expected);
        let other_order = all(&mut open(&[gold, eurusd], 0, 2 * DAY_US));
        assert_eq!(other_order[2..5], [(1, 2, 5), (0, 2, 5), (0, 3, 5)]);
        assert_eq!(all(&mut open(&[eurusd], 5, DAY_US)), [(0, 1, 5), (0, 2, 5), (0, 3, 9)]);
        assert!(all(&mut open(&[], 0, DAY_US)).is_empty());
        let tick = open(&[gold], 0, DAY_US).next().expect("one").expect("sound");
        assert_eq!((tick.flags, tick.bid, tick.ask), (2, 1.5, 1.75));
    }

    #[test]
    fn a_broken_day_is_reported_and_the_days_after_it_come() {
        let (_folder, store, table) = store(&[common::forex("EUR", "USD")]);
        for day in 0..3 {
            put(&store, "EURUSD", Date(DATE.0 + day), &[1]);
        }
        std::fs::write(store.day_file("EURUSD", Date(DATE.0 + 1)), "ARROW1 no more").expect("damaged");
        let mut feed = ReplayedFeed::open(&store, &table, &[SymbolId(0)], Time(0), Time(i64::MAX)).expect("a feed");
        assert!(feed.next().expect("the first").is_ok());
        let error = feed.next().expect("the second").expect_err("broken").to_string();
        assert!(error.contains("2014-05-06.arrow is broken"), "{error}");
        assert_eq!(feed.next().expect("the third").expect("sound").sequence, 2);
        assert!(feed.next().is_none() && feed.next().is_none());
    }

    #[test]
    fn ticks_finer_than_the_table_are_refused() {
        let (_folder, store, _) = store(&[common::gold()]);
        let coarse = SymbolTable::new(vec![SymbolSpec { digits: 2, ..common::gold() }]).expect("a table");
        let error = ReplayedFeed::open(&store, &coarse, &[SymbolId(0)], Time(0), Time(1)).expect_err("finer").to_string();
        assert_eq!(error, "XAUUSD is stored with 3 digits and priced with 2: use the stored spec");
    }
}
