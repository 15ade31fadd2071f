//! What is known of the market before a source's first row: a live engine had a past that its host's record of ticks does not have,
//! but for what it asked of it.

use domain::bars::{MarketHistory, MarketView};
use domain::number::Points;
use domain::symbol::SymbolId;
use domain::tick::{Bar, Tick, Timeframe};
use domain::time::Time;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

/// The known past.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// Bars that had begun before the first row, whole, by when they opened.
    pub bars: BTreeMap<(SymbolId, Timeframe), BTreeMap<Time, Bar>>,
    /// Bars that the first row of their symbol closes and of which no row is there.
    pub closed_by_first: Vec<Bar>,
    /// Ticks before the first row, oldest first.
    pub ticks: BTreeMap<SymbolId, Vec<Tick>>,
    /// Market time at which the guest was started; unless known, that of the first row that is not of the past.
    pub start: Option<Time>,
}

impl Past {
    /// The bar as it was, where a source's rows have only its end.
    pub(crate) fn whole(&self, bar: &Bar) -> Option<Bar> {
        self.bars.get(&(bar.symbol, bar.timeframe))?.get(&bar.open_time).copied()
    }

    /// What the first row of a symbol closes.
    pub(crate) fn closed_by_first(&self, symbol: SymbolId) -> impl Iterator<Item = &Bar> {
        self.closed_by_first.iter().filter(move |bar| bar.symbol == symbol)
    }
}

/// The history that a run makes, with the past before it.
pub(crate) struct WithPast {
    pub history: Arc<RwLock<MarketHistory>>,
    pub past: Arc<Past>,
}

impl MarketView for WithPast {
    fn quote(&self, symbol: SymbolId) -> Option<(Points, Points)> {
        self.history.quote(symbol)
    }

    fn quoted_at(&self, symbol: SymbolId) -> Option<Time> {
        self.history.quoted_at(symbol)
    }

    fn bars(&self, symbol: SymbolId, timeframe: Timeframe, count: usize, until: Time) -> Vec<Bar> {
        let made = self.history.bars(symbol, timeframe, count, until);
        let Some(known) = self.past.bars.get(&(symbol, timeframe)) else { return made };
        let first = made.first().map_or(Time(i64::MAX), |bar| bar.open_time);
        let before = known.range(..first).map(|(_, bar)| *bar).filter(|bar| timeframe.close(bar.open_time) <= until);
        let mut all: Vec<Bar> = before.chain(made.into_iter().map(|bar| self.past.whole(&bar).unwrap_or(bar))).collect();
        all.drain(..all.len().saturating_sub(count));
        all
    }

    fn ticks(&self, symbol: SymbolId, count: usize, sequence: u64) -> Vec<Tick> {
        let made = self.history.ticks(symbol, count, sequence);
        let known = self.past.ticks.get(&symbol).map_or(&[][..], Vec::as_slice);
        let wanted = known.len().saturating_sub(count - made.len());
        known[wanted..].iter().copied().chain(made).collect()
    }
}
