//! A report with everything in it: what the run found, what a second look at its ticks added, what it would have been at
//! twice the spread. As JSON for programs; [`html`](super::html) and [`table`](super::table) make the others of it.

use super::{Figures, RunReport};
use crate::breakdown::{Breakdown, Excursions, tag};
use crate::returns::{Month, months};
use crate::review::{AccountFigures, Review};
use crate::trades::Trade;
use domain::broker::Deal;
use domain::desk::Remark;
use domain::symbol::{SymbolId, SymbolTable};
use serde::Serialize;
use serde::ser::Serializer;

/// What was run, in words; texts of a stranger all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct About {
    /// The strategy's name.
    pub strategy: String,
    /// Its version.
    pub version: String,
    /// The component's digest.
    pub digest: String,
    /// Its symbols.
    pub symbols: Vec<String>,
    /// Its parameters, in full.
    pub params: Vec<(String, String)>,
    /// How it was run: account, fills, costs, seed.
    pub settings: Vec<(String, String)>,
    /// The program that ran it.
    pub made_by: String,
    /// What makes the result worth less than it looks, a sentence each.
    pub beware: Vec<String>,
}

/// All there is to say of a run.
pub struct FullReport<'a> {
    /// What was run.
    pub about: &'a About,
    /// What it found.
    pub run: &'a RunReport,
    /// All symbols.
    pub table: &'a SymbolTable,
    /// The strategy's own.
    pub symbols: &'a [SymbolId],
    /// What a second look found.
    pub review: &'a Review,
    /// The same run at twice the spread, where that was tried.
    pub doubled: Option<&'a RunReport>,
    breakdown: Breakdown,
    excursions: Excursions,
    months: Vec<Month>,
}

/// A run beside the one of the report.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sensitivity {
    /// By how much the spread was multiplied.
    pub spread_times: f64,
    /// What it earned.
    pub net_profit: f64,
    /// Gross profit over gross loss.
    pub profit_factor: Option<f64>,
    /// Largest fall of equity in percent of its peak.
    pub equity_drawdown_percent: f64,
    /// Trades.
    pub trades: u32,
    /// Mean over deviation of daily returns.
    pub sharpe: Option<f64>,
}

impl Sensitivity {
    /// Of a run at a multiple of the spread.
    pub fn of(run: &RunReport, spread_times: f64) -> Self {
        Self {
            spread_times,
            net_profit: run.statistics.net_profit,
            profit_factor: run.statistics.profit_factor,
            equity_drawdown_percent: run.equity_drawdown.relative_percent,
            trades: run.statistics.trades,
            sharpe: run.returns.sharpe,
        }
    }
}

impl<'a> FullReport<'a> {
    /// Puts it together.
    pub fn new(
        about: &'a About,
        run: &'a RunReport,
        table: &'a SymbolTable,
        symbols: &'a [SymbolId],
        review: &'a Review,
        doubled: Option<&'a RunReport>,
    ) -> Self {
        let name = |trade: &Trade| table.spec(trade.symbol).name.as_str();
        let breakdown = Breakdown::of(&run.deals, &review.trades, &run.orders, run.clock, name);
        let excursions = Excursions::of(&review.trades);
        let months = months(&run.closes, run.terms.deposit);
        Self { about, run, table, symbols, review, doubled, breakdown, excursions, months }
    }

    /// The trades from several sides.
    pub fn breakdown(&self) -> &Breakdown {
        &self.breakdown
    }

    /// How profits go together with the way there.
    pub fn excursions(&self) -> &Excursions {
        &self.excursions
    }

    /// What each month brought.
    pub fn months(&self) -> &[Month] {
        &self.months
    }

    /// This run, and the one at twice the spread.
    pub fn sensitivity(&self) -> Vec<Sensitivity> {
        let doubled = self.doubled.map(|run| Sensitivity::of(run, 2.0));
        std::iter::once(Sensitivity::of(self.run, 1.0)).chain(doubled).collect()
    }

    /// Writes it as one JSON document, however many deals there are.
    ///
    /// # Errors
    /// What `out` says.
    pub fn write_json(&self, out: impl std::io::Write) -> serde_json::Result<()> {
        serde_json::to_writer(
            out,
            &Document {
                about: self.about,
                figures: self.run.figures(),
                account: self.review.account,
                excursions: self.excursions,
                breakdown: &self.breakdown,
                months: &self.months,
                sensitivity: self.sensitivity(),
                trades: Lazy(|| self.review.trades.iter().map(|trade| self.trade_row(trade))),
                deals: Lazy(|| self.deal_rows()),
                orders: Lazy(|| self.order_rows()),
                orders_dropped: self.run.orders.dropped(),
                said: Lazy(|| self.run.remarks.iter().filter_map(|remark| self.said_row(remark))),
                remarks_dropped: self.run.remarks_dropped,
            },
        )
    }

    fn trade_row(&self, trade: &'a Trade) -> TradeRow<'a> {
        let spec = self.table.spec(trade.symbol);
        TradeRow {
            opened: trade.opened.to_string(),
            closed: trade.closed.to_string(),
            symbol: &spec.name,
            side: trade.side.word(),
            lots: spec.lots(trade.volume),
            open: trade.open_points / spec.points_per_unit(),
            close: spec.price(trade.close),
            mfe: trade.best.to_units(),
            mae: trade.worst.to_units(),
            profit: trade.profit.to_units(),
            commission: trade.commission.to_units(),
            swap: trade.swap.to_units(),
            net: trade.net().to_units(),
            exit: crate::breakdown::exit(trade),
            tag: tag(trade, &self.run.orders),
        }
    }

    pub(super) fn deal_rows(&self) -> impl Iterator<Item = DealRow<'a>> + use<'a> {
        let (table, orders) = (self.table, &self.run.orders);
        let mut balance = self.run.terms.deposit;
        self.run.deals.iter().map(move |deal: &Deal| {
            balance += deal.net();
            let spec = table.spec(deal.symbol);
            DealRow {
                time: deal.time.to_string(),
                deal: deal.id.0,
                order: deal.order.map(|id| id.number()),
                position: deal.position.0.number(),
                symbol: &spec.name,
                side: deal.side.word(),
                entry: deal.entry.word(),
                reason: deal.reason.word(),
                lots: spec.lots(deal.volume),
                price: spec.price(deal.price),
                commission: deal.commission.to_units(),
                swap: deal.swap.to_units(),
                profit: deal.profit.to_units(),
                net: deal.net().to_units(),
                balance: balance.to_units(),
                tag: deal.order.or(Some(deal.position.0)).and_then(|id| orders.get(id)).map_or("", |order| order.tag.as_str()),
            }
        })
    }

    fn order_rows(&self) -> impl Iterator<Item = OrderJson<'a>> + use<'a> {
        let table = self.table;
        self.run.orders.rows().iter().map(move |order| {
            let spec = table.spec(order.symbol);
            OrderJson {
                placed: order.placed.to_string(),
                done: order.done.map(|time| time.to_string()),
                order: order.id.number(),
                symbol: &spec.name,
                side: order.side.word(),
                kind: order.kind.word(),
                lots: spec.lots(order.volume),
                filled: spec.lots(order.filled),
                price: order.price.map(|price| spec.price(price)),
                stop_loss: order.stop_loss.map(|price| spec.price(price)),
                take_profit: order.take_profit.map(|price| spec.price(price)),
                state: order.state.word(),
                retcode: order.retcode,
                tag: order.tag.as_str(),
            }
        })
    }

    fn said_row(&self, remark: &'a Remark) -> Option<Said<'a>> {
        Some(match remark {
            Remark::Log { at, level, text } => {
                Said { time: at.to_string(), kind: "log", what: level.word(), symbol: None, confidence: None, text }
            }
            Remark::Signal { at, symbol, side, confidence, reason, .. } => Said {
                time: at.to_string(),
                kind: "signal",
                what: side.map_or("flat", |side| side.word()),
                symbol: Some(&self.table.spec(*symbol).name),
                confidence: Some(*confidence),
                text: reason,
            },
            Remark::Plot { .. } => return None,
        })
    }
}

#[derive(Serialize)]
struct Document<'a, T, D, O, S> {
    about: &'a About,
    figures: Figures,
    account: AccountFigures,
    excursions: Excursions,
    breakdown: &'a Breakdown,
    months: &'a [Month],
    sensitivity: Vec<Sensitivity>,
    trades: T,
    deals: D,
    orders: O,
    orders_dropped: u64,
    said: S,
    remarks_dropped: u64,
}

/// A list that is made as it is written: a million deals need no second copy.
struct Lazy<F>(F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for Lazy<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

#[derive(Serialize)]
struct TradeRow<'a> {
    opened: String,
    closed: String,
    symbol: &'a str,
    side: &'static str,
    lots: f64,
    open: f64,
    close: f64,
    mfe: f64,
    mae: f64,
    profit: f64,
    commission: f64,
    swap: f64,
    net: f64,
    exit: &'static str,
    tag: &'a str,
}

/// A deal with names and units, as files hold it.
#[derive(Serialize)]
pub(super) struct DealRow<'a> {
    pub time: String,
    pub deal: u64,
    pub order: Option<u32>,
    pub position: u32,
    pub symbol: &'a str,
    pub side: &'static str,
    pub entry: &'static str,
    pub reason: &'static str,
    pub lots: f64,
    pub price: f64,
    pub commission: f64,
    pub swap: f64,
    pub profit: f64,
    pub net: f64,
    pub balance: f64,
    pub tag: &'a str,
}

#[derive(Serialize)]
struct OrderJson<'a> {
    placed: String,
    done: Option<String>,
    order: u32,
    symbol: &'a str,
    side: &'static str,
    kind: &'static str,
    lots: f64,
    filled: f64,
    price: Option<f64>,
    stop_loss: Option<f64>,
    take_profit: Option<f64>,
    state: &'static str,
    retcode: u32,
    tag: &'a str,
}

#[derive(Serialize)]
struct Said<'a> {
    time: String,
    kind: &'static str,
    what: &'static str,
    symbol: Option<&'a str>,
    confidence: Option<f64>,
    text: &'a str,
}
