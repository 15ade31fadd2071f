//! The ticks of all passes, mapped once.
//!
//! The pages are the same for all threads and the system's to drop; what a pass has of its own is a handle for each day. A
//! handle is its pass's own because handles are counted: one that two threads share would have them wait for each other's
//! cache line a thousand times a second.

use crate::source::{Chunk, SharedRanges, Source};
use domain::symbol::SymbolId;
use domain::time::Time;
use market::store::Days;
use market::{Day, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Days mapped at most, over all symbols: each is a memory map, of which Linux gives a process 65,530. Sixty years of one
/// symbol.
const DAYS_MAX: usize = 16_384;

/// Days of several symbols, mapped.
#[derive(Clone, Debug)]
pub struct TickSet {
    lanes: Vec<(SymbolId, Vec<SharedDay>)>,
}

/// A day, and the price ranges of its ticks.
type SharedDay = (Day, SharedRanges);

/// Why ticks can't be shared.
#[derive(Debug, thiserror::Error)]
pub enum TickSetError {
    /// They can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are too many days.
    #[error("more than {DAYS_MAX} days of ticks are too many for one optimisation; give a shorter time with --from and --to")]
    TooManyDays,
}

impl TickSet {
    /// Maps the days of these symbols.
    ///
    /// # Errors
    /// A file can't be read, or there are too many.
    pub fn open(symbols: Vec<(SymbolId, Days)>) -> Result<Self, TickSetError> {
        let mut left = DAYS_MAX;
        let mut lanes = Vec::new();
        for (symbol, days) in symbols {
            let mut lane = Vec::new();
            for day in days {
                left = left.checked_sub(1).ok_or(TickSetError::TooManyDays)?;
                lane.push((day?, SharedRanges::default()));
            }
            lanes.push((symbol, lane));
        }
        Ok(Self { lanes })
    }

    /// Ticks of all symbols.
    pub fn len(&self) -> u64 {
        self.lanes.iter().flat_map(|(_, days)| days).map(|(day, _)| day.len() as u64).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them are crossed: the bid above the ask.
    pub fn crossed(&self) -> u64 {
        let days = self.lanes.iter().flat_map(|(_, days)| days);
        let of_day = |(day, _): &SharedDay| {
            let columns = day.columns();
            columns.bids.iter().zip(columns.asks).map(|(bid, ask)| u64::from(bid > ask)).sum::<u64>()
        };
        days.map(of_day).sum()
    }

    /// First and last tick of the symbols that `counts` takes.
    pub fn span(&self, counts: impl Fn(SymbolId) -> bool) -> Option<(Time, Time)> {
        let days = self.lanes.iter().filter(|(symbol, _)| counts(*symbol)).flat_map(|(_, days)| days);
        let edges = days.filter_map(|(day, _)| Some((*day.columns().times.first()?, *day.columns().times.last()?)));
        edges.map(|(first, last)| (Time(first), Time(last))).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The ticks with `from <= time < to`, for one pass. Once `stop` is set there are no more.
    pub fn source(&self, from: Time, to: Time, stop: &Arc<AtomicBool>) -> Result<Source, StoreError> {
        let lane = |(symbol, days): &(SymbolId, Vec<SharedDay>)| {
            let overlaps = |(day, _): &&SharedDay| day.date().end() > from && day.date().start() < to;
            let days: Vec<SharedDay> = days.iter().filter(overlaps).cloned().collect();
            let stop = Arc::clone(stop);
            let chunks = days
                .into_iter()
                .take_while(move |_| !stop.load(Ordering::Relaxed))
                .map(move |(day, ranges)| Ok(Chunk::of_day(day, from, to, &ranges)));
            (*symbol, Box::new(chunks) as crate::source::Chunks)
        };
        Source::new(self.lanes.iter().map(lane).collect())
    }
}
