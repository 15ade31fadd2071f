//! From what is stored to the ticks of a run: MetaTrader's models, spreads, crossed quotes.
//!
//! | model | what the strategy sees | what the broker sees |
//! | --- | --- | --- |
//! | real ticks | every stored tick | the same |
//! | every tick | ticks generated from one-minute bars | the same |
//! | one-minute OHLC | open, the extremes, close of each minute | the same |
//! | open prices | the open of each bar | open, extremes and close of each minute |
//!
//! Bars are those that were imported as one-minute bars, or, where there are none, made of the stored ticks.

mod generated;
mod mended;

use crate::source::{Chunks, Source, days, owned};
use domain::bars::BarBuilder;
use domain::number::Points;
use domain::symbol::{SymbolId, SymbolSpec};
use domain::tick::{Bar, Timeframe};
use domain::time::{DAY_US, Time};
use generated::Generator;
use market::{OwnedColumns, StoreError, TickStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What becomes of the stored data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Model {
    /// The stored ticks.
    #[default]
    RealTicks,
    /// As many ticks as each minute had, along its open, high, low and close.
    EveryTick,
    /// Four ticks a minute.
    OneMinuteOhlc,
    /// A tick at the open of each bar of this timeframe. Stops, pending orders and margin are looked at within the bar all the
    /// same; what happens there the strategy hears of when it happens.
    OpenPrices(Timeframe),
}

/// Where asks come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// The data.
    #[default]
    Data,
    /// So far above the bid.
    Fixed(Points),
}

/// What becomes of quotes whose bid lies above the ask: errors of the source, which give money away to whoever deals at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Crossed {
    /// They stay as they are: what a strategy would have seen live. The result says how many there were.
    #[default]
    Keep,
    /// Bid and ask change places: whoever deals pays the distance instead of earning it.
    Exchange,
    /// They are left out.
    Drop,
}

/// How ticks are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modelling {
    /// Of what.
    pub model: Model,
    /// Asks.
    pub spread: Spread,
    /// Crossed quotes.
    pub crossed: Crossed,
}

/// What was found while ticks were read; complete when they all have been.
#[derive(Debug, Default)]
pub struct Found {
    ticks: AtomicU64,
    crossed: AtomicU64,
    bars: AtomicU64,
    generated: AtomicU64,
}

impl Found {
    /// Stored ticks that were read.
    pub fn ticks(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// How many of them were crossed.
    pub fn crossed(&self) -> u64 {
        self.crossed.load(Ordering::Relaxed)
    }

    /// Minutes from which ticks were generated.
    pub fn bars(&self) -> u64 {
        self.bars.load(Ordering::Relaxed)
    }

    /// Ticks generated from them.
    pub fn generated(&self) -> u64 {
        self.generated.load(Ordering::Relaxed)
    }

    fn add(&self, counter: impl Fn(&Self) -> &AtomicU64, count: usize) {
        counter(self).fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// What a symbol's ticks are made of.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    /// Where it is stored.
    pub store: &'a TickStore,
    /// Its grid, and its name in the store.
    pub spec: &'a SymbolSpec,
    /// First moment.
    pub from: Time,
    /// The moment after the last.
    pub to: Time,
}

/// Ticks of one symbol for a run: what everyone sees, and what only the broker does.
pub struct Lanes {
    /// For everyone.
    pub seen: Chunks,
    /// Between them, for the broker and for bars.
    pub unseen: Option<Chunks>,
}

impl Origin<'_> {
    /// The ticks of a run. `found` counts while they are read.
    ///
    /// # Errors
    /// The store doesn't hold the symbol, or a file of bars is broken.
    pub fn lanes(&self, modelling: Modelling, found: &Arc<Found>) -> Result<Lanes, StoreError> {
        let generator = |wanted| Generator::new(self.spec.clone(), modelling.spread, wanted);
        let one = |seen| Ok(Lanes { seen, unseen: None });
        match modelling.model {
            Model::RealTicks => one(self.real(modelling, found)?),
            Model::EveryTick => one(self.generated(modelling, generator(generated::Wanted::EveryTick), found)?),
            Model::OneMinuteOhlc => one(self.generated(modelling, generator(generated::Wanted::Ohlc), found)?),
            Model::OpenPrices(timeframe) => {
                let seen = self.generated(modelling, generator(generated::Wanted::Opens(timeframe)), found)?;
                // The same bars again: what they have in it was counted with the opens.
                let within = generator(generated::Wanted::Within(timeframe));
                Ok(Lanes { seen, unseen: Some(self.generated(modelling, within, &Arc::default())?) })
            }
        }
    }

    fn real(&self, modelling: Modelling, found: &Arc<Found>) -> Result<Chunks, StoreError> {
        let (spec, found) = (self.spec.clone(), Arc::clone(found));
        let days = days(self.store.read(&self.spec.name, self.from, self.to)?);
        Ok(Box::new(days.map(move |day| day.map(|day| mended::mend(day, &spec, modelling, &found)))))
    }

    fn generated(&self, modelling: Modelling, mut generator: Generator, found: &Arc<Found>) -> Result<Chunks, StoreError> {
        let found = Arc::clone(found);
        let bars = self.minutes(modelling, &found)?;
        Ok(Box::new(bars.map(move |bars| {
            let bars = bars?;
            let mut ticks = OwnedColumns::default();
            bars.iter().for_each(|bar| generator.add(bar, &mut ticks));
            found.add(|found| &found.bars, bars.len());
            found.add(|found| &found.generated, ticks.len());
            Ok(owned(ticks))
        })))
    }

    /// One-minute bars, day by day.
    fn minutes(&self, modelling: Modelling, found: &Arc<Found>) -> Result<Minutes, StoreError> {
        let stored = self.store.bars(&self.spec.name, Timeframe::M1, self.from, self.to)?;
        if !stored.is_empty() {
            let bar = |row: usize| Bar {
                symbol: SymbolId(0),
                timeframe: Timeframe::M1,
                open_time: Time(stored.times[row]),
                open: stored.opens[row],
                high: stored.highs[row],
                low: stored.lows[row],
                close: stored.closes[row],
                tick_volume: stored.tick_volumes[row],
                spread: stored.spreads[row],
            };
            let bars: Vec<Bar> = (0..stored.times.len()).map(bar).collect();
            let days: Vec<Vec<Bar>> = bars
                .chunk_by(|one, next| one.open_time.0.div_euclid(DAY_US) == next.open_time.0.div_euclid(DAY_US))
                .map(<[Bar]>::to_vec)
                .collect();
            return Ok(Box::new(days.into_iter().map(Ok)));
        }
        let spec = self.spec.clone();
        // A fixed spread is put on what is generated; bars are made of bids.
        let ticks = self.real(Modelling { spread: Spread::Data, ..modelling }, found)?;
        Ok(Box::new(ticks.map(move |chunk| {
            let chunk = chunk?;
            let ticks = chunk.columns();
            let mut builder = BarBuilder::new(SymbolId(0), Timeframe::M1, &spec);
            let mut bars = Vec::new();
            for row in 0..ticks.len() {
                let time = Time(ticks.times[row]);
                bars.extend(builder.close_before(time));
                builder.add(time, ticks.bids[row], ticks.asks[row]);
            }
            // A day's file ends with its last minute.
            bars.extend(builder.close_before(Time(i64::MAX)));
            Ok(bars)
        })))
    }
}

type Minutes = Box<dyn Iterator<Item = Result<Vec<Bar>, StoreError>> + Send>;

/// A source of several symbols' lanes.
///
/// # Errors
/// The first chunk of a symbol can't be read.
pub fn source(symbols: Vec<(SymbolId, Lanes)>) -> Result<Source, StoreError> {
    let mut unseen = Vec::new();
    let mut seen = Vec::new();
    for (symbol, lanes) in symbols {
        seen.push((symbol, lanes.seen));
        unseen.extend(lanes.unseen.map(|chunks| (symbol, chunks)));
    }
    Source::with_unseen(seen, unseen)
}
