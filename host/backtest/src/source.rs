//! Ticks of several symbols as stretches of columns, in order of time.

use domain::desk::Columns;
use domain::symbol::SymbolId;
use domain::tick::TickColumns;
use market::store::Days;
use market::{Day, OwnedColumns, StoreError};
use std::ops::Range;
use std::sync::Arc;

/// Rows of one symbol, in order of time.
pub type Chunk = Arc<dyn Columns>;

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
    Arc::new(Owned(columns))
}

/// Chunks of one symbol, each later than the one before.
pub type Chunks = Box<dyn Iterator<Item = Result<Chunk, StoreError>> + Send>;

/// The stored days of a symbol as chunks; one day is mapped at a time.
pub fn days(days: Days) -> Chunks {
    Box::new(days.map(|day| day.map(|day| Arc::new(DayColumns(day)) as Chunk)))
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
}

/// Rows of one symbol with nothing of another symbol between them.
pub struct Stretch {
    /// Whose.
    pub symbol: SymbolId,
    /// Where they lie.
    pub chunk: Chunk,
    /// Which rows of the chunk; not empty.
    pub rows: Range<usize>,
    /// Sequence number of the first, counted from 1 per symbol. Rows that the guest does not see are not counted.
    pub first_sequence: u64,
    /// Who sees them.
    pub audience: Audience,
    lane: usize,
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
        Ok(Self { lanes })
    }

    /// The longest stretch that comes next; `None` at the end. It comes again until [`take`](Self::take) has taken rows.
    pub fn peek(&self) -> Option<Stretch> {
        let (at, time) =
            self.lanes.iter().enumerate().filter_map(|(at, lane)| Some((at, lane.next_time()?))).min_by_key(|&(at, time)| (time, at))?;
        debug_assert!(time > i64::MIN);
        let lane = &self.lanes[at];
        let chunk = Arc::clone(lane.chunk.as_ref()?);
        let times = &chunk.columns().times[lane.row..];
        // Rows at the same time as another symbol's next go first only when this symbol does.
        let others = self.lanes.iter().enumerate().filter(|&(other, _)| other != at);
        let rows = others.filter_map(|(other, lane)| Some((other, lane.next_time()?))).fold(times.len(), |rows, (other, next)| {
            rows.min(if at < other { times.partition_point(|&time| time <= next) } else { times.partition_point(|&time| time < next) })
        });
        let Lane { symbol, audience, sequence: first_sequence, .. } = *lane;
        Some(Stretch { symbol, rows: lane.row..lane.row + rows, first_sequence, audience, lane: at, chunk })
    }

    /// Takes the first `rows` rows of `stretch`, which `peek` has just given.
    ///
    /// # Errors
    /// The next chunk can't be read.
    pub fn take(&mut self, stretch: &Stretch, rows: usize) -> Result<(), StoreError> {
        debug_assert!(rows <= stretch.rows.len(), "no more than was offered");
        let lane = &mut self.lanes[stretch.lane];
        lane.row += rows;
        lane.sequence += rows as u64;
        lane.refill()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Time;
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
            seen.push((stretch.symbol.0, stretch.first_sequence, times));
            source.take(&stretch, stretch.rows.len()).unwrap();
        }
        assert_eq!(seen, [(0, 1, vec![1, 2]), (1, 1, vec![2, 3]), (0, 3, vec![5]), (0, 4, vec![6]), (1, 3, vec![7])]);
    }
}
