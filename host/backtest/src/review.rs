//! A second look at a finished run's ticks, for its report: bars for the price chart, equity between the deals, how far each
//! trade was ahead and behind, how long the account was under water.
//!
//! The run itself keeps none of this: most runs are passes of an optimiser, which nobody looks at. The ticks are read again,
//! as columns, and only while positions are open is more done with them than to find the highest and lowest. Figures here
//! are floats and for the eye; those of the run's own report are counted exactly.

mod frames;

pub use frames::{Frames, SymbolBars, frame_us};

use crate::report::RunReport;
use crate::source::{Source, Stretch};
use crate::trades::{Open, Trade, TradeBook};
use domain::broker::{AccountTerms, Deal, Happened, Report};
use domain::contract::Side;
use domain::ids::AccountId;
use domain::ledger::Ledger;
use domain::number::{Money, Steps};
use domain::symbol::{SymbolId, SymbolTable};
use domain::tick::TickColumns;
use domain::time::Time;
use market::StoreError;
use serde::Serialize;

/// What a second look found.
#[derive(Clone, Debug)]
pub struct Review {
    /// Prices, equity and balance over time.
    pub frames: Frames,
    /// The trades, by the time of their end, with how far each was ahead and behind.
    pub trades: Vec<Trade>,
    /// What belongs to the account.
    pub account: AccountFigures,
}

/// What only the ticks tell of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct AccountFigures {
    /// Part of the time with an open position, percent.
    pub exposure_percent: f64,
    /// What was bought and sold, account currency.
    pub turnover: f64,
    /// That over the deposit.
    pub turnover_times: f64,
    /// The lowest equity in percent of margin; `None` when there was never a position.
    pub margin_level_percent: Option<f64>,
    /// The longest time from a peak of equity to the next, or to the end, seconds.
    pub underwater_longest_s: f64,
    /// Whether the run ended before that peak was reached again.
    pub underwater_at_end: bool,
    /// Part of the time below an earlier peak, percent.
    pub underwater_percent: f64,
    /// What the spread cost: half of it on each side of each deal, account currency; negative.
    pub spread_cost: f64,
}

/// Looks at the ticks of `report`'s run again; `source` must give the same ones.
///
/// # Errors
/// Ticks can't be read.
pub fn review(report: &RunReport, table: &SymbolTable, symbols: &[SymbolId], mut source: Source) -> Result<Review, StoreError> {
    let mut eye = Eye::new(report, table, symbols);
    while let Some(stretch) = source.peek() {
        let rows = stretch.rows.len();
        eye.see(&stretch);
        let handled = stretch.handled(rows);
        source.take(handled)?;
    }
    Ok(eye.finish())
}

struct Eye<'a> {
    table: &'a SymbolTable,
    terms: &'a AccountTerms,
    from: Time,
    to: Time,
    deals: std::iter::Peekable<std::slice::Iter<'a, Deal>>,
    book: TradeBook,
    quotes: Vec<Option<(f64, f64)>>,
    /// For the margin alone.
    ledger: Ledger,
    balance: Money,
    frames: Frames,
    peak: f64,
    peak_at: Time,
    /// Whether equity was below the peak when it was last looked at.
    below: bool,
    last_at: Time,
    below_us: i64,
    exposed_us: i64,
    figures: AccountFigures,
}

/// Floating profit of the open positions of one symbol as a function of its quote.
#[derive(Clone, Copy, Default)]
struct Line {
    of_bid: f64,
    of_ask: f64,
    constant: f64,
    /// Profit is in the symbol's quote currency and the account in its base: it is divided by the ask.
    over_ask: bool,
}

impl Line {
    #[inline(always)]
    fn at(&self, bid: f64, ask: f64) -> f64 {
        let profit = self.of_bid * bid + self.of_ask * ask + self.constant;
        if self.over_ask { profit / ask } else { profit }
    }
}

impl<'a> Eye<'a> {
    fn new(report: &'a RunReport, table: &'a SymbolTable, symbols: &[SymbolId]) -> Self {
        let deposit = report.terms.deposit;
        Self {
            table,
            terms: &report.terms,
            from: report.from,
            to: report.to,
            deals: report.deals.iter().peekable(),
            book: TradeBook::default(),
            quotes: vec![None; table.len()],
            ledger: Ledger::new(deposit),
            balance: deposit,
            frames: Frames::new(report.from, report.to, symbols),
            peak: deposit.to_units(),
            peak_at: report.from,
            below: false,
            last_at: report.from,
            below_us: 0,
            exposed_us: 0,
            figures: AccountFigures::default(),
        }
    }

    /// Cuts a stretch where something changes: at deals, at the ends of frames, where the run begins.
    fn see(&mut self, stretch: &Stretch<'_>) {
        let ticks = stretch.chunk.columns().slice(stretch.rows.clone());
        let mut row = ticks.times.partition_point(|&time| time < self.from.0);
        if row > 0 {
            self.quotes[usize::from(stretch.symbol.0)] = Some((ticks.bids[row - 1], ticks.asks[row - 1]));
        }
        while row < ticks.len() {
            let now = Time(ticks.times[row]);
            if now > self.to {
                return;
            }
            // The first row at the time of a deal is that at which it was done, or one beside it.
            self.quotes[usize::from(stretch.symbol.0)] = Some((ticks.bids[row], ticks.asks[row]));
            while let Some(deal) = self.deals.next_if(|deal| deal.time <= now) {
                self.pass_time(deal.time.min(now));
                self.deal(deal);
            }
            let frame_end = self.frames.open(now);
            let until = self.deals.peek().map_or(frame_end, |deal| frame_end.min(deal.time));
            let rest = &ticks.times[row..];
            let rows = match rest.last() {
                Some(&last) if last < until.0 => rest.len(),
                _ => rest.partition_point(|&time| time < until.0).max(1),
            };
            self.quiet(stretch.symbol, &ticks.slice(row..row + rows));
            row += rows;
        }
    }

    fn deal(&mut self, deal: &Deal) {
        self.balance += deal.net();
        self.book.book(deal);
        let happened = Happened::Deal { deal: deal.clone(), rest: Steps(0) };
        self.ledger.apply(&Report { account: AccountId(1), order: None, at: deal.time, happened });
        if deal.volume.0 == 0 {
            return;
        }
        let spec = self.table.spec(deal.symbol);
        let units = spec.lots(deal.volume) * spec.contract_size_e6 as f64 / 1e6;
        let Some(rate) = self.rate(&spec.quote) else { return };
        self.figures.turnover += units * spec.price(deal.price) * rate;
        if let Some((bid, ask)) = self.quotes[usize::from(deal.symbol.0)] {
            self.figures.spread_cost -= units * (ask - bid).max(0.0) / 2.0 * rate;
        }
    }

    /// Rows in which no deal is done and no frame ends.
    fn quiet(&mut self, symbol: SymbolId, ticks: &TickColumns<'_>) {
        let last = ticks.len() - 1;
        self.frames.prices(symbol, ticks);
        self.quotes[usize::from(symbol.0)] = Some((ticks.bids[last], ticks.asks[last]));
        let balance = self.balance.to_units();
        if self.book.open.is_empty() {
            self.observe(Time(ticks.times[0]), balance);
            self.pass_time(Time(ticks.times[last]));
            self.frames.account(balance, balance, balance, balance, self.fall(balance));
            return;
        }
        self.excursions(symbol, ticks);
        let line = self.line(symbol);
        let others = balance + self.floating_of_others(symbol);
        let (mut low, mut high, mut low_row) = (f64::INFINITY, f64::NEG_INFINITY, 0);
        for (row, (&bid, &ask)) in ticks.bids.iter().zip(ticks.asks).enumerate() {
            let equity = others + line.at(bid, ask);
            high = high.max(equity);
            if equity < low {
                (low, low_row) = (equity, row);
            }
        }
        let fall = if high >= self.peak {
            self.climb(ticks, |bid, ask| others + line.at(bid, ask))
        } else {
            self.observe(Time(ticks.times[0]), low);
            self.pass_time(Time(ticks.times[last]));
            self.fall(low)
        };
        self.margin_level(symbol, low, (ticks.bids[low_row], ticks.asks[low_row]));
        self.frames.account(low, high, others + line.at(ticks.bids[last], ticks.asks[last]), balance, fall);
    }

    /// Time passes with the account as it is.
    fn pass_time(&mut self, now: Time) {
        let passed = now.since_us(self.last_at).max(0);
        if !self.book.open.is_empty() {
            self.exposed_us += passed;
        }
        if self.below {
            self.below_us += passed;
        }
        self.last_at = self.last_at.max(now);
    }

    /// Row by row through a new peak, or several; gives the deepest fall on the way.
    fn climb(&mut self, ticks: &TickColumns<'_>, equity: impl Fn(f64, f64) -> f64) -> f64 {
        let mut deepest = 0.0_f64;
        for row in 0..ticks.len() {
            let equity = equity(ticks.bids[row], ticks.asks[row]);
            self.observe(Time(ticks.times[row]), equity);
            deepest = deepest.max(self.fall(equity));
        }
        deepest
    }

    /// Equity is this from now on.
    fn observe(&mut self, now: Time, equity: f64) {
        self.pass_time(now);
        // Less than a millionth is the floats', not the account's.
        if equity < self.peak - 1e-6 {
            self.below = true;
            return;
        }
        self.surface(now);
        (self.peak, self.peak_at) = (self.peak.max(equity), now);
    }

    /// What was a dive ends here.
    fn surface(&mut self, now: Time) {
        if std::mem::take(&mut self.below) {
            let seconds = now.since_us(self.peak_at) as f64 / 1e6;
            self.figures.underwater_longest_s = self.figures.underwater_longest_s.max(seconds);
        }
    }

    /// How far below the peak, percent of it.
    fn fall(&self, equity: f64) -> f64 {
        if self.peak > 0.0 { (self.peak - equity).max(0.0) / self.peak * 100.0 } else { 0.0 }
    }

    fn margin_level(&mut self, symbol: SymbolId, equity: f64, quote: (f64, f64)) {
        let margin = self.ledger.margin(self.table, &self.terms.currency, self.terms.leverage, |id| {
            let (bid, ask) = if id == symbol { quote } else { self.quotes[usize::from(id.0)]? };
            let spec = self.table.spec(id);
            Some((spec.nearest_points(bid)?, spec.nearest_points(ask)?))
        });
        if margin.0 > 0 {
            let level = equity / margin.to_units() * 100.0;
            let lowest = &mut self.figures.margin_level_percent;
            *lowest = Some(lowest.map_or(level, |lowest| lowest.min(level)));
            self.frames.load(margin.to_units() / equity.max(f64::MIN_POSITIVE) * 100.0);
        }
    }

    /// How far each position of `symbol` was ahead and behind.
    fn excursions(&mut self, symbol: SymbolId, ticks: &TickColumns<'_>) {
        let spec = self.table.spec(symbol);
        let Some(rate) = self.rate(&spec.quote) else { return };
        let span = |column: &[f64]| column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &p| (low.min(p), high.max(p)));
        let (bids, asks) = (span(ticks.bids), span(ticks.asks));
        let unit = spec.points_per_unit();
        let step = spec.volume_step_e8 as f64 / 1e8 * (spec.contract_size_e6 as f64 / 1e6) * rate;
        for open in self.book.open.iter_mut().filter(|open| open.symbol == symbol) {
            let from = open.open_points() / unit;
            let (best, worst) = match open.side {
                Side::Buy => (bids.1 - from, bids.0 - from),
                Side::Sell => (from - asks.0, from - asks.1),
            };
            open.best = open.best.max(best * step);
            open.worst = open.worst.min(worst * step);
        }
    }

    fn line(&self, symbol: SymbolId) -> Line {
        let spec = self.table.spec(symbol);
        let over_ask = spec.base == self.terms.currency && spec.quote != self.terms.currency;
        let rate = if over_ask { 1.0 } else { self.rate(&spec.quote).unwrap_or(0.0) };
        let open = self.book.open.iter().filter(|open| open.symbol == symbol);
        open.fold(Line { over_ask, ..Line::default() }, |mut line, open| {
            let units = self.units(open) * rate;
            let from = open.open_points() / spec.points_per_unit();
            match open.side {
                Side::Buy => line.of_bid += units,
                Side::Sell => line.of_ask -= units,
            }
            line.constant -= units * from * open.side.sign() as f64;
            line
        })
    }

    fn floating_of_others(&self, symbol: SymbolId) -> f64 {
        let floating = |open: &Open| {
            let (bid, ask) = self.quotes[usize::from(open.symbol.0)]?;
            let spec = self.table.spec(open.symbol);
            let close = if open.side == Side::Buy { bid } else { ask };
            let distance = (close - open.open_points() / spec.points_per_unit()) * open.side.sign() as f64;
            Some(distance * self.units(open) * self.rate(&spec.quote)?)
        };
        self.book.open.iter().filter(|open| open.symbol != symbol).filter_map(floating).sum()
    }

    fn units(&self, open: &Open) -> f64 {
        let spec = self.table.spec(open.symbol);
        spec.lots(open.volume) * (spec.contract_size_e6 as f64 / 1e6)
    }

    /// Account currency for one unit of `currency`, at the quotes now.
    fn rate(&self, currency: &str) -> Option<f64> {
        let rate = self.table.rate(currency, &self.terms.currency, |id| {
            let (bid, ask) = self.quotes[usize::from(id.0)]?;
            let spec = self.table.spec(id);
            Some((spec.nearest_points(bid)?, spec.nearest_points(ask)?))
        })?;
        Some(rate.numerator as f64 / rate.denominator as f64)
    }

    fn finish(mut self) -> Review {
        while let Some(deal) = self.deals.next() {
            self.pass_time(deal.time);
            self.deal(deal);
        }
        let balance = self.balance.to_units();
        self.observe(self.to, balance);
        self.frames.account(balance, balance, balance, balance, self.fall(balance));
        self.figures.underwater_at_end = self.below;
        self.surface(self.to);
        let span = self.to.since_us(self.from).max(1) as f64;
        self.figures.exposure_percent = self.exposed_us as f64 / span * 100.0;
        self.figures.underwater_percent = self.below_us as f64 / span * 100.0;
        self.figures.turnover_times = self.figures.turnover / self.terms.deposit.to_units().max(f64::MIN_POSITIVE);
        Review { frames: self.frames, trades: self.book.trades, account: self.figures }
    }
}
