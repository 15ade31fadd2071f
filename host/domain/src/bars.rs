//! Bars made of ticks, and the recent past of the market that guests may ask for.

use crate::limits::HISTORY_ROWS_MAX;
use crate::number::Points;
use crate::symbol::{SymbolId, SymbolSpec, SymbolTable};
use crate::tick::{Bar, Tick, TickColumns, Timeframe};
use crate::time::Time;
use std::collections::VecDeque;

/// Makes the bars of one symbol and timeframe. A bar closes when the first tick after its end arrives, never by the clock,
/// so that live and recorded ticks give the same bars at the same ticks.
#[derive(Clone, Debug)]
pub struct BarBuilder {
    symbol: SymbolId,
    timeframe: Timeframe,
    points_per_unit: f64,
    current: Option<Bar>,
    /// First moment after `current`, us.
    close_us: i64,
}

impl BarBuilder {
    /// A builder that has seen nothing.
    pub fn new(symbol: SymbolId, timeframe: Timeframe, spec: &SymbolSpec) -> Self {
        Self { symbol, timeframe, points_per_unit: spec.points_per_unit(), current: None, close_us: i64::MIN }
    }

    /// Which bars it makes.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// The first moment at which a tick would close the current bar; `None` before the first tick.
    pub fn closes_at(&self) -> Option<Time> {
        self.current.map(|_| Time(self.close_us))
    }

    /// Closes the current bar when a tick at `time` lies after it.
    pub fn close_before(&mut self, time: Time) -> Option<Bar> {
        if time.0 >= self.close_us { self.current.take() } else { None }
    }

    /// Adds a tick that lies in the current bar, or starts the next; [`close_before`](Self::close_before) has been called.
    pub fn add(&mut self, time: Time, bid: f64, ask: f64) {
        let spread = ((ask - bid) * self.points_per_unit).round().max(0.0) as u32;
        match &mut self.current {
            Some(bar) => {
                debug_assert!(time.0 < self.close_us, "the bar before has not been closed");
                bar.high = bar.high.max(bid);
                bar.low = bar.low.min(bid);
                bar.close = bid;
                bar.tick_volume += 1;
                bar.spread = bar.spread.min(spread);
            }
            None => {
                self.close_us = self.timeframe.close(time).0;
                self.current = Some(Bar {
                    symbol: self.symbol,
                    timeframe: self.timeframe,
                    open_time: self.timeframe.open(time),
                    open: bid,
                    high: bid,
                    low: bid,
                    close: bid,
                    tick_volume: 1,
                    spread,
                });
            }
        }
    }

    /// Adds rows that all lie in one bar, of which `extremes` are the extremes.
    pub fn add_rows(&mut self, ticks: &TickColumns<'_>, extremes: &Extremes) {
        let (Some(&time), Some(&first), Some(&ask)) = (ticks.times.first(), ticks.bids.first(), ticks.asks.first()) else { return };
        self.add(Time(time), first, ask);
        let last = ticks.bids[ticks.len() - 1];
        let spread = (extremes.spread * self.points_per_unit).round().max(0.0) as u32;
        if let Some(bar) = &mut self.current {
            bar.high = bar.high.max(extremes.high);
            bar.low = bar.low.min(extremes.low);
            bar.close = last;
            bar.tick_volume += ticks.len() as u64 - 1;
            // Rounding keeps the order, so the smallest distance gives the smallest number of points.
            bar.spread = bar.spread.min(spread);
        }
    }
}

/// What a bar needs of many rows at once, the same for every timeframe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    high: f64,
    low: f64,
    /// Smallest distance of ask and bid.
    spread: f64,
}

impl Extremes {
    /// Of all rows. Counted in lanes and without branches, so that the compiler compares several rows at once.
    pub fn of(ticks: &TickColumns<'_>) -> Self {
        const LANES: usize = 8;
        let (mut highs, mut lows, mut spreads) = ([f64::NEG_INFINITY; LANES], [f64::INFINITY; LANES], [f64::INFINITY; LANES]);
        let larger = |one: f64, other: f64| if one > other { one } else { other };
        let smaller = |one: f64, other: f64| if one < other { one } else { other };
        let (bids, asks) = (ticks.bids.chunks_exact(LANES), ticks.asks.chunks_exact(LANES));
        for (at, (&bid, &ask)) in bids.remainder().iter().zip(asks.remainder()).enumerate() {
            (highs[at], lows[at], spreads[at]) = (bid, bid, ask - bid);
        }
        for (bids, asks) in bids.zip(asks) {
            for lane in 0..LANES {
                let (bid, ask) = (bids[lane], asks[lane]);
                highs[lane] = larger(bid, highs[lane]);
                lows[lane] = smaller(bid, lows[lane]);
                spreads[lane] = smaller(ask - bid, spreads[lane]);
            }
        }
        let high = highs.into_iter().fold(f64::NEG_INFINITY, larger);
        Self { high, low: lows.into_iter().fold(f64::INFINITY, smaller), spread: spreads.into_iter().fold(f64::INFINITY, smaller) }
    }
}

/// What the host can tell a guest about the market's past.
pub trait MarketView: Send + Sync {
    /// Bid and ask of the last tick.
    fn quote(&self, symbol: SymbolId) -> Option<(Points, Points)>;
    /// When that was.
    fn quoted_at(&self, symbol: SymbolId) -> Option<Time>;
    /// The last `count` bars that had closed when a tick at `until` had been seen, oldest first.
    fn bars(&self, symbol: SymbolId, timeframe: Timeframe, count: usize, until: Time) -> Vec<Bar>;
    /// The last `count` ticks up to `sequence`, oldest first.
    fn ticks(&self, symbol: SymbolId, count: usize, sequence: u64) -> Vec<Tick>;
}

/// The recent past of one symbol.
#[derive(Clone, Debug)]
pub struct SymbolHistory {
    ticks: VecDeque<Tick>,
    ticks_max: usize,
    series: Vec<Series>,
    points_per_unit: f64,
    last: Option<Tick>,
}

#[derive(Clone, Debug)]
struct Series {
    builder: BarBuilder,
    closed: VecDeque<Bar>,
}

impl SymbolHistory {
    /// An empty history with bars of `timeframes` (each once, shortest first) and the last `ticks_max` ticks, at most
    /// [`HISTORY_ROWS_MAX`].
    pub fn new(symbol: SymbolId, spec: &SymbolSpec, timeframes: &[Timeframe], ticks_max: usize) -> Self {
        let mut timeframes = timeframes.to_vec();
        timeframes.sort_unstable();
        timeframes.dedup();
        let series = |timeframe| Series { builder: BarBuilder::new(symbol, timeframe, spec), closed: VecDeque::new() };
        Self {
            ticks: VecDeque::new(),
            ticks_max: ticks_max.min(HISTORY_ROWS_MAX),
            series: timeframes.into_iter().map(series).collect(),
            points_per_unit: spec.points_per_unit(),
            last: None,
        }
    }

    /// The first moment at which a tick would close a bar.
    pub fn next_close(&self) -> Option<Time> {
        self.series.iter().filter_map(|series| series.builder.closes_at()).min()
    }

    /// Closes what ended before `tick`, appending it to `closed` with the shorter timeframes first, and takes the tick in.
    pub fn push(&mut self, tick: &Tick, closed: &mut Vec<Bar>) {
        self.push_bars(tick, closed);
        keep(&mut self.ticks, *tick, self.ticks_max);
        self.last = Some(*tick);
    }

    fn push_bars(&mut self, tick: &Tick, closed: &mut Vec<Bar>) {
        for series in &mut self.series {
            if let Some(bar) = series.builder.close_before(tick.time) {
                closed.push(bar);
                keep(&mut series.closed, bar, HISTORY_ROWS_MAX);
            }
            series.builder.add(tick.time, tick.bid, tick.ask);
        }
    }

    /// Takes a price in that makes bars but is shown to nobody as a tick: one within a bar of which only the open is seen.
    pub fn push_unseen(&mut self, tick: &Tick, closed: &mut Vec<Bar>) {
        self.push_bars(tick, closed);
        self.last = Some(*tick);
    }

    /// Takes rows in that close no bar.
    pub fn push_rows(&mut self, symbol: SymbolId, ticks: &TickColumns<'_>, first_sequence: u64) {
        let Some(last) = ticks.len().checked_sub(1) else { return };
        debug_assert!(self.next_close().is_none_or(|close| ticks.times[last] < close.0), "rows that close a bar");
        if !self.series.is_empty() {
            let extremes = Extremes::of(ticks);
            self.series.iter_mut().for_each(|series| series.builder.add_rows(ticks, &extremes));
        }
        for row in ticks.len().saturating_sub(self.ticks_max)..ticks.len() {
            keep(&mut self.ticks, ticks.tick(row, symbol, first_sequence), self.ticks_max);
        }
        self.last = Some(ticks.tick(last, symbol, first_sequence));
    }

    /// The last tick.
    pub fn last(&self) -> Option<&Tick> {
        self.last.as_ref()
    }

    /// Bid and ask of the last tick, in points.
    pub fn quote(&self) -> Option<(Points, Points)> {
        self.last.map(|tick| (image(tick.bid, self.points_per_unit), image(tick.ask, self.points_per_unit)))
    }

    fn bars(&self, timeframe: Timeframe, count: usize, until: Time) -> Vec<Bar> {
        let Some(series) = self.series.iter().find(|series| series.builder.timeframe() == timeframe) else { return Vec::new() };
        let known = series.closed.partition_point(|bar| timeframe.close(bar.open_time) <= until);
        series.closed.range(known.saturating_sub(count)..known).copied().collect()
    }

    fn ticks(&self, count: usize, sequence: u64) -> Vec<Tick> {
        let known = self.ticks.partition_point(|tick| tick.sequence <= sequence);
        self.ticks.range(known.saturating_sub(count)..known).copied().collect()
    }
}

/// The points of a price that is an image of points.
pub fn image(price: f64, points_per_unit: f64) -> Points {
    Points((price * points_per_unit).round() as i64)
}

fn keep<T>(queue: &mut VecDeque<T>, value: T, max: usize) {
    if max == 0 {
        return;
    }
    if queue.len() == max {
        queue.pop_front();
    }
    queue.push_back(value);
}

/// The recent past of every symbol of a table.
#[derive(Clone, Debug)]
pub struct MarketHistory {
    symbols: Vec<SymbolHistory>,
}

impl MarketHistory {
    /// Empty histories; `wanted` says which timeframes and how many ticks are kept of a symbol.
    pub fn new(table: &SymbolTable, wanted: impl Fn(SymbolId) -> (Vec<Timeframe>, usize)) -> Self {
        let history = |(id, spec)| {
            let (timeframes, ticks) = wanted(id);
            SymbolHistory::new(id, spec, &timeframes, ticks)
        };
        Self { symbols: table.iter().map(history).collect() }
    }

    /// One symbol's.
    pub fn symbol(&self, id: SymbolId) -> &SymbolHistory {
        &self.symbols[usize::from(id.0)]
    }

    /// One symbol's, to add to.
    pub fn symbol_mut(&mut self, id: SymbolId) -> &mut SymbolHistory {
        &mut self.symbols[usize::from(id.0)]
    }
}

impl MarketView for std::sync::RwLock<MarketHistory> {
    fn quote(&self, symbol: SymbolId) -> Option<(Points, Points)> {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).symbol(symbol).quote()
    }

    fn quoted_at(&self, symbol: SymbolId) -> Option<Time> {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).symbol(symbol).last().map(|tick| tick.time)
    }

    fn bars(&self, symbol: SymbolId, timeframe: Timeframe, count: usize, until: Time) -> Vec<Bar> {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).symbol(symbol).bars(timeframe, count, until)
    }

    fn ticks(&self, symbol: SymbolId, count: usize, sequence: u64) -> Vec<Tick> {
        self.read().unwrap_or_else(std::sync::PoisonError::into_inner).symbol(symbol).ticks(count, sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symbol::common;
    use crate::time::MINUTE_US;

    fn tick(sequence: u64, us: i64, bid: f64) -> Tick {
        Tick { symbol: SymbolId(0), sequence, time: Time(us), bid, ask: bid + 0.0001, last: 0.0, volume: 0.0, flags: 6 }
    }

    fn history(timeframes: &[Timeframe]) -> SymbolHistory {
        SymbolHistory::new(SymbolId(0), &common::forex("EUR", "USD"), timeframes, 3)
    }

    #[test]
    fn a_bar_closes_at_the_first_tick_after_it_and_empty_minutes_have_none() {
        let mut history = history(&[Timeframe::M1]);
        let mut closed = Vec::new();
        for (n, (us, bid)) in [(0, 1.2), (10, 1.3), (59_999_999, 1.1), (3 * MINUTE_US, 1.25)].into_iter().enumerate() {
            assert!(closed.is_empty());
            history.push(&tick(n as u64 + 1, us, bid), &mut closed);
        }
        let bar = closed[0];
        assert_eq!((bar.open, bar.high, bar.low, bar.close, bar.tick_volume, bar.spread), (1.2, 1.3, 1.1, 1.1, 3, 10));
        assert_eq!(history.next_close(), Some(Time(4 * MINUTE_US)));
    }

    #[test]
    fn shorter_timeframes_close_first() {
        let mut history = history(&[Timeframe::M5, Timeframe::M1]);
        let mut closed = Vec::new();
        history.push(&tick(1, 0, 1.2), &mut closed);
        history.push(&tick(2, 5 * MINUTE_US, 1.2), &mut closed);
        assert_eq!(closed.iter().map(|bar| bar.timeframe).collect::<Vec<_>>(), [Timeframe::M1, Timeframe::M5]);
    }

    #[test]
    fn rows_give_the_same_history_as_ticks() {
        let (times, bids, asks) = ([1_i64, 2, 3, 4, 5], [1.1, 1.5, 1.3, 1.2, 1.4], [1.2, 1.6, 1.35, 1.3, 1.5]);
        let columns = TickColumns { times: &times, bids: &bids, asks: &asks, ..TickColumns::default() };
        let (mut one_by_one, mut at_once) = (history(&[Timeframe::M1]), history(&[Timeframe::M1]));
        (0..5).for_each(|row| one_by_one.push(&columns.tick(row, SymbolId(0), 1), &mut Vec::new()));
        at_once.push_rows(SymbolId(0), &columns, 1);
        assert_eq!(format!("{one_by_one:?}"), format!("{at_once:?}"));
    }

    #[test]
    fn nothing_later_than_asked_for_is_shown() {
        let mut history = history(&[Timeframe::M1]);
        (0..4).for_each(|n| history.push(&tick(n + 1, n as i64 * MINUTE_US, 1.2), &mut Vec::new()));
        assert_eq!(history.bars(Timeframe::M1, 10, Time(2 * MINUTE_US)).len(), 2);
        assert_eq!(history.ticks(10, 3).iter().map(|tick| tick.sequence).collect::<Vec<_>>(), [2, 3]);
    }
}
