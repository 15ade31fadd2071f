//! The rows of an import, by symbol.

use super::clock::Direction;
use super::error::ImportError;
use super::intake::RawTick;
use super::specs::{DecimalsSeen, canonical, spec_for};
use super::staging::{Raw, Staging};
use crate::columns::OwnedColumns;
use crate::date::Date;
use crate::store::{BarColumns, StoreError};
use domain::tick::Timeframe;
use std::collections::BTreeSet;

/// Symbols of one import: more than any broker's file has, each with a day in memory.
const SYMBOLS_MAX: usize = 1_000;
/// Symbols that a message lists.
const SYMBOLS_NAMED_MAX: usize = 10;

/// What belongs to one symbol.
pub(super) struct Lot {
    pub symbol: String,
    /// Whether its rows named it themselves, so that it can't be taken for another.
    is_named_by_rows: bool,
    pub raw: Raw,
    pub bars: Option<(Timeframe, BarColumns)>,
    /// Bars of the asks beside them.
    pub asks: Option<(Timeframe, BarColumns)>,
    pub counts: Counts,
    /// As they were before the stream at hand.
    counts_before: Counts,
    // Of the stream at hand:
    pub bars_of_stream: Option<(Timeframe, BarColumns)>,
    pub stream_is_of_asks: bool,
    pub day: Option<Date>,
    pub ticks: OwnedColumns,
    pub last_time: Option<i64>,
    pub waiting: Option<(u64, RawTick)>,
    pub order: Order,
}

/// How far the rows of a stream are from the order of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    pub rows: u64,
    /// Rows that are late by no more than feeds are.
    pub late: u64,
    /// Rows that step back further, and the longest of these steps.
    pub back: u64,
    pub back_us_max: i64,
    /// How often the stream came back to a day.
    pub reopened: u64,
}

/// What was counted of a symbol.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub rows: u64,
    pub crossed: u64,
    pub late: u64,
    pub decimals: DecimalsSeen,
}

impl Counts {
    /// A tick that was taken.
    pub fn take(&mut self, tick: &RawTick, is_late: bool) {
        self.rows += 1;
        self.late += u64::from(is_late);
        self.crossed += u64::from(tick.bid.value > tick.ask.value);
        self.decimals.add(tick.bid.decimals);
        self.decimals.add(tick.ask.decimals);
    }
}

/// All of them.
pub(super) struct Lots {
    lots: Vec<Lot>,
    /// Place of the one that rows go to.
    at: Option<usize>,
    /// The name of the last row, so that equal ones cost no search.
    last_row_name: String,
    last_row_is_wanted: bool,
    /// The symbol asked for.
    asked: Option<String>,
    /// Symbols of rows that were not asked for.
    unasked: BTreeSet<String>,
    /// Symbols of the store.
    known: Vec<String>,
    /// Ticks in memory.
    held: usize,
}

impl Lots {
    pub fn new(asked: Option<String>, known: Vec<String>) -> Self {
        let (lots, last_row_name) = (Vec::new(), String::new());
        let mut all =
            Self { lots, at: None, last_row_name, last_row_is_wanted: false, asked: None, unasked: BTreeSet::new(), known, held: 0 };
        // In the store's own case, or that of the instrument; what nobody knows is called as it was said.
        all.asked = asked.map(|asked| {
            let name = all.name(&asked);
            let is_known = all.known.contains(&name) || spec_for(&name).is_some();
            if is_known && name.eq_ignore_ascii_case(&asked) { name } else { asked }
        });
        all
    }

    /// A stream of this symbol begins, as far as its name says; where it says nothing, of the one asked for, or of those that its
    /// rows name.
    pub fn begin_stream(&mut self, symbol: Option<String>, staging: &mut Staging) -> Result<(), StoreError> {
        self.last_row_name.clear();
        self.at = match symbol.map(|symbol| self.name(&symbol)).or_else(|| self.asked.clone()) {
            Some(symbol) => Some(self.lot(&symbol, staging)?),
            None => None,
        };
        Ok(())
    }

    /// Rows name their symbol. Whether it is wanted.
    pub fn of_row(&mut self, name: &str, staging: &mut Staging, refused: impl FnOnce(String) -> ImportError) -> Result<bool, ImportError> {
        if name == self.last_row_name && !name.is_empty() {
            return Ok(self.last_row_is_wanted);
        }
        let symbol = self.name(name.trim());
        if symbol.is_empty() || symbol.len() > 32 {
            return Err(refused(format!("{:?} in its column of symbols is no symbol", name.chars().take(40).collect::<String>())));
        }
        name.clone_into(&mut self.last_row_name);
        self.last_row_is_wanted = self.asked.as_ref().is_none_or(|asked| asked.eq_ignore_ascii_case(&symbol));
        if self.last_row_is_wanted {
            let symbol = self.asked.clone().unwrap_or(symbol);
            let at = self.lot(&symbol, staging)?;
            self.lots[at].is_named_by_rows = true;
            self.at = Some(at);
        } else if self.unasked.len() < SYMBOLS_MAX {
            self.unasked.insert(symbol);
        }
        if self.lots.len() > SYMBOLS_MAX {
            return Err(refused(format!("it has more than {SYMBOLS_MAX} symbols; import one with --symbol")));
        }
        Ok(self.last_row_is_wanted)
    }

    /// The one that rows go to.
    #[inline]
    pub fn at_hand(&mut self) -> Option<&mut Lot> {
        self.lots.get_mut(self.at?)
    }

    /// Rows go to this one.
    pub fn take_up(&mut self, at: usize) {
        self.at = Some(at);
    }

    pub fn len(&self) -> usize {
        self.lots.len()
    }

    /// One more tick is in memory; whether there is room for it.
    #[inline]
    pub fn hold_one_more(&mut self, max: usize) -> bool {
        self.held += 1;
        self.held <= max
    }

    /// The day of the lot at hand ends. Its date where it has too many ticks.
    pub fn flush(&mut self, day_ticks_max: usize, direction: Direction) -> Result<Option<Date>, StoreError> {
        let Some(lot) = self.at.and_then(|at| self.lots.get_mut(at)) else { return Ok(None) };
        let Some(date) = lot.day.take() else { return Ok(None) };
        let ticks = std::mem::take(&mut lot.ticks);
        self.held -= ticks.len();
        let ticks = if direction == Direction::NewestFirst { ticks.reversed() } else { ticks };
        let ticks = ticks.in_order_of_time();
        if lot.raw.rows_with(date, &ticks)? > day_ticks_max {
            return Ok(Some(date));
        }
        lot.raw.add(date, &ticks)?;
        Ok(None)
    }

    /// The stream was a good one.
    pub fn keep_stream(&mut self) -> Result<(), StoreError> {
        for lot in &mut self.lots {
            lot.raw.keep_file()?;
            lot.counts_before = lot.counts.clone();
            lot.last_time = None;
            lot.order = Order::default();
            if let Some((timeframe, bars)) = lot.bars_of_stream.take() {
                let side = if lot.stream_is_of_asks { &mut lot.asks } else { &mut lot.bars };
                let kept = &mut side.get_or_insert_with(|| (timeframe, BarColumns::default())).1;
                *kept = std::mem::take(kept).spliced(&bars);
            }
        }
        Ok(())
    }

    /// The stream was a bad one: nothing of it stays.
    pub fn forget_stream(&mut self) {
        for lot in &mut self.lots {
            lot.raw.forget_file();
            lot.counts = lot.counts_before.clone();
            lot.bars_of_stream = None;
            (lot.day, lot.ticks, lot.last_time, lot.waiting) = (None, OwnedColumns::default(), None, None);
            lot.order = Order::default();
        }
        self.held = 0;
    }

    /// Those with rows: all of them, or the one asked for. Notes say what was left out.
    pub fn wanted(self, notes: &mut Vec<String>) -> Result<Vec<Lot>, ImportError> {
        let Self { mut lots, asked, unasked, .. } = self;
        lots.retain(|lot| lot.raw.days().len() > 0 || lot.bars.is_some() || lot.asks.is_some());
        let names = |lots: &[Lot]| list(lots.iter().map(|lot| lot.symbol.as_str()));
        let Some(asked) = asked else {
            // Names of files are a guess: two that are no instruments may be two parts of one.
            match lots.iter().find(|lot| !lot.is_named_by_rows && spec_for(&lot.symbol).is_none()) {
                Some(unknown) if lots.len() > 1 => {
                    return Err(ImportError::SeveralSymbols { found: names(&lots), doubtful: unknown.symbol.clone() });
                }
                _ => return Ok(lots),
            }
        };
        let of_rows = unasked.iter().map(String::as_str);
        if lots.is_empty() && !unasked.is_empty() {
            return Err(ImportError::NotAsked { asked, found: list(of_rows) });
        }
        let is_asked = |lot: &Lot| lot.symbol.eq_ignore_ascii_case(&asked);
        if !lots.iter().any(is_asked) {
            return match lots.as_mut_slice() {
                [one] => {
                    one.symbol = asked;
                    Ok(lots)
                }
                [] => Ok(lots),
                several => Err(ImportError::NotAsked { found: names(several), asked }),
            };
        }
        let others: BTreeSet<&str> = lots.iter().filter(|lot| !is_asked(lot)).map(|lot| lot.symbol.as_str()).chain(of_rows).collect();
        if !others.is_empty() {
            notes.push(format!("left out, as {asked} was asked for: {}", list(others.into_iter())));
        }
        lots.retain(is_asked);
        Ok(lots)
    }

    /// A name as the store has it.
    fn name(&self, found: &str) -> String {
        let stored = self.known.iter().find(|known| known.eq_ignore_ascii_case(found)).cloned();
        stored.unwrap_or_else(|| canonical(found))
    }

    /// The place of a symbol's lot, made when it isn't there.
    fn lot(&mut self, symbol: &str, staging: &mut Staging) -> Result<usize, StoreError> {
        if let Some(at) = self.lots.iter().position(|lot| lot.symbol == symbol) {
            return Ok(at);
        }
        self.lots.push(Lot {
            symbol: symbol.to_owned(),
            is_named_by_rows: false,
            raw: staging.raw()?,
            bars: None,
            asks: None,
            stream_is_of_asks: false,
            counts: Counts::default(),
            counts_before: Counts::default(),
            bars_of_stream: None,
            day: None,
            ticks: OwnedColumns::default(),
            last_time: None,
            waiting: None,
            order: Order::default(),
        });
        Ok(self.lots.len() - 1)
    }
}

/// Names for a message.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let (named, more) = names.split_at(names.len().min(SYMBOLS_NAMED_MAX));
    match (named, more.len()) {
        ([named @ .., last], 0) if !named.is_empty() => format!("{} and {last}", named.join(", ")),
        (named, 0) => named.join(", "),
        (named, more) => format!("{} and {more} more", named.join(", ")),
    }
}
