//! What a run found, for people and for programs: its figures here, everything there is to say of it in [`full`], which
//! makes JSON, a page and CSV of it.

pub mod full;
mod html;
mod table;

pub use full::{About, FullReport, Sensitivity};

use crate::confirm::Acted;
use crate::orders::OrderLog;
use crate::returns::{DayClose, Returns};
use crate::run::units;
use crate::statistics::{Drawdown, Row, Statistics};
use domain::broker::{AccountTerms, Deal};
use domain::desk::{Decisions, Remark};
use domain::guest::Used;
use domain::number::Money;
use domain::server_clock::ServerClock;
use domain::symbol::SymbolTable;
use domain::tick::Timeframe;
use domain::time::Time;
use paper::EquityTrack;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where a run stands.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Market time.
    pub at: Time,
    /// Ticks handled.
    pub ticks: u64,
}

/// Bars that a strategy asked for and that were not there when it was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingBars {
    /// Of which symbol.
    pub symbol: String,
    /// Of which timeframe.
    pub timeframe: Timeframe,
    /// How many there were.
    pub there: usize,
    /// How many it asked for.
    pub wanted: usize,
}

/// What a strategy logged as errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorsLogged {
    /// How many lines.
    pub count: u64,
    /// When the first was logged.
    pub at: Time,
    /// The first.
    pub first: String,
}

/// Codes of which the first refusal is kept: more than there are, since a strategy can log lines that look like one.
const CODES_MAX: usize = 64;

/// What stands in the log, counted, whether or not its lines are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logged {
    /// Lines that the strategy wrote.
    pub lines: u64,
    /// By the code, the first order, change or cancel that was denied with it, in words, and when.
    pub first_denied: BTreeMap<String, (Time, String)>,
}

impl Logged {
    /// Counts a line, which the host wrote where it says `denied CODE: what was asked for; what is wrong with it`.
    pub(crate) fn note(&mut self, at: Time, text: &str) {
        match text.strip_prefix("denied ").and_then(|rest| rest.split_once(": ")) {
            Some((code, what)) if code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => {
                if self.first_denied.len() < CODES_MAX && !self.first_denied.contains_key(code) {
                    self.first_denied.insert(code.to_owned(), (at, what.to_owned()));
                }
            }
            _ => self.lines += 1,
        }
    }
}

/// What a run found.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// First tick of the run.
    pub from: Time,
    /// Last tick of the run.
    pub to: Time,
    /// Ticks the strategy was run over.
    pub ticks: u64,
    /// Calls it took to hand them over.
    pub calls: u64,
    /// The account at the start.
    pub terms: AccountTerms,
    /// Balance at the end, with every position closed.
    pub balance: Money,
    /// What follows from the deals.
    pub statistics: Statistics,
    /// What follows from equity, tick by tick.
    pub equity_drawdown: Drawdown,
    /// Net profit over the maximal equity drawdown; `None` without one.
    pub recovery_factor: Option<f64>,
    /// What the strategy itself makes of the run.
    pub criterion: f64,
    /// Everything it decided, as one hash.
    pub decisions: Decisions,
    /// Where it asked for something before its batch ended.
    pub acted: Acted,
    /// Fuel and memory.
    pub used: Used,
    /// The deals, in order.
    pub deals: Vec<Deal>,
    /// How much it logged, and the first order of each kind that was denied.
    pub logged: Logged,
    /// What the strategy said, where it was kept.
    pub remarks: Vec<Remark>,
    /// What it said beyond the bounds.
    pub remarks_dropped: u64,
    /// What it logged as errors, if anything.
    pub errors: Option<ErrorsLogged>,
    /// What became of its orders, where that was kept.
    pub orders: OrderLog,
    /// How often the broker rejected what it was sent, by MT5 retcode.
    pub rejected: BTreeMap<u32, u64>,
    /// Equity at the end of each UTC day with ticks.
    pub closes: Vec<DayClose>,
    /// What follows from these.
    pub returns: Returns,
    /// The server's clock, by which MT5's figures count days.
    pub clock: ServerClock,
    /// Bars that were missing before the start.
    pub missing_bars: Vec<MissingBars>,
    /// The fault that ended it early, with its time.
    pub stopped: Option<String>,
    symbols: Vec<String>,
}

/// The figures of a run in one flat record: what `--json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// First tick, ISO 8601.
    pub from: String,
    /// Last tick, ISO 8601.
    pub to: String,
    /// Ticks.
    pub ticks: u64,
    /// Calls into the strategy.
    pub calls: u64,
    /// Deposit, account currency.
    pub deposit: f64,
    /// Deposit currency.
    pub currency: String,
    /// Balance at the end.
    pub balance: f64,
    /// From deals.
    #[serde(flatten)]
    pub statistics: Statistics,
    /// From equity.
    pub equity_drawdown: Drawdown,
    /// Net profit over the maximal equity drawdown.
    pub recovery_factor: Option<f64>,
    /// From equity at the end of each day.
    pub returns: Returns,
    /// The strategy's own criterion.
    pub criterion: f64,
    /// Orders, modifications, cancels and closes asked for.
    pub decisions: u64,
    /// Of these, denied.
    pub denied: u64,
    /// The same by code.
    pub denied_by_code: BTreeMap<String, u64>,
    /// What the broker rejected, by MT5 retcode.
    pub rejected_by_retcode: BTreeMap<u32, u64>,
    /// SHA-256 over all decisions.
    pub decisions_digest: String,
    /// Fuel.
    pub fuel: u64,
    /// Linear memory at the end, bytes.
    pub memory_bytes: u64,
    /// The fault that ended it early; everything else is of the time before it.
    pub stopped_by_fault: Option<String>,
}

impl RunReport {
    pub(crate) fn new(table: &SymbolTable, terms: &AccountTerms, deals: Vec<Deal>, balance: Money, track: EquityTrack) -> Self {
        let rows: Vec<Row> =
            deals.iter().map(|deal| Row { time: deal.time, side: deal.side, entry: deal.entry, net: deal.net() }).collect();
        let statistics = Statistics::of(&rows, terms.deposit);
        let equity_drawdown = Drawdown {
            absolute: units((terms.deposit - track.minimum).max(Money::ZERO)),
            maximal: units(track.maximal.amount),
            maximal_percent: track.maximal.percent(),
            relative_percent: track.relative.percent(),
            relative: units(track.relative.amount),
        };
        let recovery_factor = (equity_drawdown.maximal > 0.0).then(|| statistics.net_profit / equity_drawdown.maximal);
        Self {
            from: Time(0),
            to: Time(0),
            ticks: 0,
            calls: 0,
            terms: terms.clone(),
            balance,
            statistics,
            equity_drawdown,
            recovery_factor,
            criterion: 0.0,
            decisions: Decisions::default(),
            acted: Acted::default(),
            used: Used::default(),
            deals,
            remarks: Vec::new(),
            logged: Logged::default(),
            remarks_dropped: 0,
            errors: None,
            orders: OrderLog::default(),
            rejected: BTreeMap::new(),
            closes: Vec::new(),
            returns: Returns::default(),
            clock: ServerClock::UTC,
            missing_bars: Vec::new(),
            stopped: None,
            symbols: table.iter().map(|(_, spec)| spec.name.clone()).collect(),
        }
    }

    /// The name of a deal's symbol.
    pub fn symbol(&self, deal: &Deal) -> &str {
        &self.symbols[usize::from(deal.symbol.0)]
    }

    /// The figures as one flat record.
    pub fn figures(&self) -> Figures {
        Figures {
            from: self.from.to_string(),
            to: self.to.to_string(),
            ticks: self.ticks,
            calls: self.calls,
            deposit: units(self.terms.deposit),
            currency: self.terms.currency.clone(),
            balance: units(self.balance),
            statistics: self.statistics.clone(),
            equity_drawdown: self.equity_drawdown,
            recovery_factor: self.recovery_factor,
            returns: self.returns,
            criterion: self.criterion,
            decisions: self.decisions.asked(),
            denied: self.decisions.denied(),
            denied_by_code: self.decisions.denied_by_code().iter().map(|(code, times)| (code.to_string(), *times)).collect(),
            rejected_by_retcode: self.rejected.clone(),
            decisions_digest: self.decisions.digest().to_string(),
            fuel: self.used.fuel_total,
            memory_bytes: self.used.memory_bytes,
            stopped_by_fault: self.stopped.clone(),
        }
    }
}
