//! Ticks of several symbols as stretches of columns, in order of time.

use crate::hearing::Hearing;
use crate::past::Past;
use domain::desk::Columns;
use domain::ranges::{PriceRanges, RangesAhead};
use domain::symbol::SymbolId;
use domain::tick::TickColumns;
use domain::time::Time;
use market::store::Days;
use market::{Day, OwnedColumns, StoreError};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Rows of which ranges are made at once. Few enough that their prices are still in the cache when they are handed to a guest.
const PIECE: usize = 1 << 14;

/// Price ranges of some columns, piece by piece, each made by whoever first wants it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedRanges(Arc<OnceLock<Box<[OnceLock<PriceRanges>]>>>);

impl SharedRanges {
    /// Those of the rows of `whole` from `row` on, up to the end of its piece.
    fn starting(&self, row: usize, whole: &TickColumns<'_>) -> RangesAhead<'_> {
        let pieces = self.0.get_or_init(|| std::iter::repeat_with(OnceLock::new).take(whole.len().div_ceil(PIECE)).collect());
        let Some(piece) = pieces.get(row / PIECE) else { return RangesAhead::default() };
        let ranges = piece.get_or_init(|| {
            let first = row - row % PIECE;
            let rows = first..whole.len().min(first + PIECE);
            PriceRanges::of(&whole.bids[rows.clone()], &whole.asks[rows])
        });
        ranges.starting(row % PIECE)
    }
}

/// Rows of one symbol, in order of time, and between which prices they lie.
#[derive(Clone)]
pub struct Chunk {
    columns: Arc<dyn Columns>,
    ranges: SharedRanges,
    /// Where its first row lies in the columns that the ranges are of; of others than its own all ranges have been made.
    first: usize,
    /// Whom its rows are for, where that is another than their symbol's.
    audience: Option<Audience>,
}

impl Chunk {
    /// A chunk of these rows.
    pub fn new(columns: Arc<dyn Columns>) -> Self {
        Self { columns, ranges: SharedRanges::default(), first: 0, audience: None }
    }

    /// The same rows, for others.
    pub fn meant_for(self, audience: Audience) -> Self {
        Self { audience: Some(audience), ..self }
    }

    /// The ticks of a day with `from <= time < to`; the ranges, of the whole day, are shared with whoever else reads it.
    pub(crate) fn of_day(day: Day, from: Time, to: Time, ranges: &SharedRanges) -> Self {
        let whole = day.columns();
        (0..whole.len()).step_by(PIECE).for_each(|row| _ = ranges.starting(row, &whole));
        let first = whole.times.partition_point(|&time| time < from.0);
        Self { columns: Arc::new(DayColumns(day.within(from, to))), ranges: ranges.clone(), first, audience: None }
    }

    /// The rows.
    pub fn columns(&self) -> TickColumns<'_> {
        self.columns.columns()
    }

    /// The rows, to be held.
    pub fn handle(&self) -> &Arc<dyn Columns> {
        &self.columns
    }

    /// Between which prices the rows from `row` on lie, as far as is known: not to the last row.
    pub fn ranges(&self, row: usize) -> RangesAhead<'_> {
        self.ranges.starting(self.first + row, &self.columns())
    }
}

struct DayColumns(Day);

impl Columns for DayColumns {
    fn columns(&self) -> TickColumns<'_> {
        self.0.columns()
    }
}

struct Owned(OwnedColumns);

impl Columns for Owned {
    fn columns(&self) -> TickColumns<'_> {
        self.0.as_columns()
    }
}

/// A chunk of ticks that were made, not read.
pub fn owned(columns: OwnedColumns) -> Chunk {
    Chunk::new(Arc::new(Owned(columns)))
}

/// Chunks of one symbol, each later than the one before.
pub type Chunks = Box<dyn Iterator<Item = Result<Chunk, StoreError>> + Send>;

/// The stored days of a symbol as chunks; one day is mapped at a time.
pub fn days(days: Days) -> Chunks {
    Box::new(days.map(|day| day.map(|day| Chunk::new(Arc::new(DayColumns(day))))))
}

struct Lane {
    symbol: SymbolId,
    chunks: Chunks,
    chunk: Option<Chunk>,
    row: usize,
    /// Sequence number of the row at `row`.
    sequence: u64,
    audience: Audience,
}

/// Whom rows are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The guest too.
    Everyone,
    /// The venue and the bars: the guest must not see them.
    Venue,
    /// The history: the guest starts after them.
    Past,
    /// All but the guest, which is told how many it missed: it was starting, or paused, as a live one is.
    Missed,
}

impl Lane {
    /// Time of the next row, us.
    fn next_time(&self) -> Option<i64> {
        self.chunk.as_ref().map(|chunk| chunk.columns().times[self.row])
    }

    fn refill(&mut self) -> Result<(), StoreError> {
        while self.chunk.as_ref().is_none_or(|chunk| self.row == chunk.columns().len()) {
            self.row = 0;
            self.chunk = self.chunks.next().transpose()?;
            if self.chunk.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Merges the chunks of several symbols. At equal times the symbol that was added first comes first.
pub struct Source {
    lanes: Vec<Lane>,
    past: Arc<Past>,
    hearing: Hearing,
}

/// Rows of one symbol with nothing of another symbol between them.
pub struct Stretch<'a> {
    /// Whose.
    pub symbol: SymbolId,
    /// Where they lie.
    pub chunk: &'a Chunk,
    /// Which rows of the chunk; not empty.
    pub rows: Range<usize>,
    /// Sequence number of the first, counted from 1 per symbol. Rows that the guest does not see are not counted.
    pub first_sequence: u64,
    /// Who sees them.
    pub audience: Audience,
    lane: usize,
}

/// Rows that have been handled.
#[derive(Clone, Copy, Debug)]
pub struct Handled {
    lane: usize,
    rows: usize,
}

impl Stretch<'_> {
    /// The first `rows` of it have been handled.
    pub fn handled(&self, rows: usize) -> Handled {
        debug_assert!(rows <= self.rows.len(), "no more than was offered");
        Handled { lane: self.lane, rows }
    }
}

impl Source {
    /// A source of these symbols' chunks.
    ///
    /// # Errors
    /// The first chunk of a symbol can't be read.
    pub fn new(symbols: Vec<(SymbolId, Chunks)>) -> Result<Self, StoreError> {
        Self::with_unseen(symbols, Vec::new())
    }

    /// The same, with rows that only the venue sees. At equal times they come last.
    ///
    /// # Errors
    /// The first chunk of a symbol can't be read.
    pub fn with_unseen(symbols: Vec<(SymbolId, Chunks)>, unseen: Vec<(SymbolId, Chunks)>) -> Result<Self, StoreError> {
        let lane = |audience| move |(symbol, chunks)| Lane { symbol, chunks, chunk: None, row: 0, sequence: 1, audience };
        let seen = symbols.into_iter().map(lane(Audience::Everyone));
        let mut lanes: Vec<Lane> = seen.chain(unseen.into_iter().map(lane(Audience::Venue))).collect();
        lanes.iter_mut().try_for_each(Lane::refill)?;
        Ok(Self { lanes, past: Arc::default(), hearing: Hearing::default() })
    }

    /// The same, after a past that is known by other means than rows.
    pub fn after(self, past: Past) -> Self {
        Self { past: Arc::new(past), ..self }
    }

    /// The same for a guest that hears of its orders when a live one did.
    pub fn heard(self, hearing: Hearing) -> Self {
        Self { hearing, ..self }
    }

    pub(crate) fn hearing(&mut self) -> Hearing {
        std::mem::take(&mut self.hearing)
    }

    pub(crate) fn past(&self) -> Arc<Past> {
        Arc::clone(&self.past)
    }

    /// The longest stretch that comes next; `None` at the end. It comes again until [`take`](Self::take) has taken rows.
    pub fn peek(&self) -> Option<Stretch<'_>> {
        let (at, time) =
            self.lanes.iter().enumerate().filter_map(|(at, lane)| Some((at, lane.next_time()?))).min_by_key(|&(at, time)| (time, at))?;
        debug_assert!(time > i64::MIN);
        let lane = &self.lanes[at];
        let chunk = lane.chunk.as_ref()?;
        let times = &chunk.columns().times[lane.row..];
        // Rows at the same time as another symbol's next go first only when this symbol does.
        let others = self.lanes.iter().enumerate().filter(|&(other, _)| other != at);
        let rows = others.filter_map(|(other, lane)| Some((other, lane.next_time()?))).fold(times.len(), |rows, (other, next)| {
            rows.min(if at < other { times.partition_point(|&time| time <= next) } else { times.partition_point(|&time| time < next) })
        });
        let Lane { symbol, sequence: first_sequence, .. } = *lane;
        let audience = chunk.audience.unwrap_or(lane.audience);
        Some(Stretch { symbol, rows: lane.row..lane.row + rows, first_sequence, audience, lane: at, chunk })
    }

    /// Goes past rows that have been handled, of the stretch that `peek` has just given.
    ///
    /// # Errors
    /// The next chunk can't be read.
    pub fn take(&mut self, Handled { lane, rows }: Handled) -> Result<(), StoreError> {
        let lane = &mut self.lanes[lane];
        lane.row += rows;
        lane.sequence += rows as u64;
        lane.refill()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use market::columns::Row;

    fn chunk(times: &[i64]) -> Result<Chunk, StoreError> {
        let mut columns = OwnedColumns::default();
        times.iter().for_each(|&time| columns.push(Row::quote(Time(time), 1.0, 1.1)));
        Ok(owned(columns))
    }

    #[test]
    fn symbols_are_merged_by_time_and_then_in_their_order() {
        let a: Chunks = Box::new([chunk(&[1, 2, 5]), chunk(&[]), chunk(&[6])].into_iter());
        let b: Chunks = Box::new([chunk(&[2, 3, 7])].into_iter());
        let mut source = Source::new(vec![(SymbolId(0), a), (SymbolId(1), b)]).unwrap();
        let mut seen = Vec::new();
        while let Some(stretch) = source.peek() {
            let times = stretch.chunk.columns().times[stretch.rows.clone()].to_vec();
            let handled = stretch.handled(times.len());
            seen.push((stretch.symbol.0, stretch.first_sequence, times));
            source.take(handled).unwrap();
        }
        assert_eq!(seen, [(0, 1, vec![1, 2]), (1, 1, vec![2, 3]), (0, 3, vec![5]), (0, 4, vec![6]), (1, 3, vec![7])]);
    }
}
