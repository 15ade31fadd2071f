//! The rows of one table on their way into the import.

use super::bars::Gathered;
use super::dialect::{Dialect, Fields};
use super::layout::{Kind, Layout};
use super::rows::Rows;
use crate::import::error::ImportError;
use crate::import::intake::Intake;
use domain::tick::Timeframe;

/// What to tell of files with a broker's times.
pub(in crate::import) const SERVERS_CLOCK: &str = "MetaTrader's files have the times of the broker's server and were taken as UTC; name the server's clock with --utc-offset if it is another";

/// Takes rows one by one, each as a tick or as a bar of its symbol.
pub(in crate::import) struct Table {
    rows: Rows,
    is_bars: bool,
    bars: BarsBySymbol,
}

impl Table {
    /// `is_on_own_clock` where the file said which clock its times are of.
    pub fn new(layout: Layout, dialect: Dialect, is_on_own_clock: bool, intake: &mut Intake<'_>) -> Self {
        if layout.is_metatrader && !is_on_own_clock {
            intake.note_of_clock(SERVERS_CLOCK);
        }
        if matches!(layout.kind, Kind::Trades { .. }) {
            intake.note("these are trades, without quotes: bid and ask were taken to be the price of the trade");
        }
        Self { is_bars: layout.is_bars(), rows: Rows::new(layout, dialect), bars: BarsBySymbol::default() }
    }

    /// Where everything stands.
    pub fn layout(&self) -> &Layout {
        &self.rows.layout
    }

    /// The next row, in this line of the file.
    #[inline]
    pub fn row(&mut self, line: u64, fields: &Fields<'_>, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        if let Some(symbol) = self.rows.symbol(fields) {
            if symbol.is_empty() {
                return intake.dirty(line, || "it names no symbol".into());
            }
            if !intake.of_symbol(&String::from_utf8_lossy(symbol))? {
                return Ok(());
            }
            self.rows.take_up(symbol);
            self.bars.take_up(symbol);
        }
        if self.is_bars {
            match self.rows.bar(fields, intake) {
                Ok(bar) => self.bars.at_hand().take(line, &bar, intake),
                Err(reason) => intake.dirty(line, || reason),
            }
        } else {
            match self.rows.tick(fields, intake) {
                Ok(tick) => intake.tick(line, tick),
                Err(reason) => intake.dirty(line, || reason),
            }
        }
    }

    /// All rows are taken. `hint` is the length of bars where the file's name says it.
    pub fn finish(self, hint: Option<Timeframe>, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        self.bars.finish(hint, intake)
    }
}

/// Bars of each symbol that rows name; of one without a name where they name none.
#[derive(Default)]
struct BarsBySymbol {
    bars: Vec<(Vec<u8>, Gathered)>,
    at: usize,
}

impl BarsBySymbol {
    #[inline]
    fn take_up(&mut self, symbol: &[u8]) {
        if self.bars.get(self.at).is_none_or(|(name, _)| name != symbol) {
            self.at = self.bars.iter().position(|(name, _)| name == symbol).unwrap_or(self.bars.len());
            if self.at == self.bars.len() {
                self.bars.push((symbol.to_vec(), Gathered::default()));
            }
        }
    }

    fn at_hand(&mut self) -> &mut Gathered {
        if self.bars.is_empty() {
            self.take_up(b"");
        }
        &mut self.bars[self.at].1
    }

    fn finish(self, hint: Option<Timeframe>, intake: &mut Intake<'_>) -> Result<(), ImportError> {
        for (symbol, bars) in self.bars {
            if !symbol.is_empty() {
                intake.of_symbol(&String::from_utf8_lossy(&symbol))?;
            }
            bars.finish(hint, intake)?;
        }
        Ok(())
    }
}
