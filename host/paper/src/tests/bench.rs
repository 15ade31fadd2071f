//! A venue with one account, and reports as short lines to compare.

use crate::{Venue, VenueOptions};
use domain::broker::{AccountTerms, Broker, Happened, Report};
use domain::contract::{AccountMode, Filling, OrderKind, Side};
use domain::ids::{AccountId, EngineId, OrderId, PositionId};
use domain::number::{Points, Steps};
use domain::order::{Action, Command, OrderRequest, Tag};
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::{FLAGS_BID_ASK, Tick};
use domain::time::Time;

pub(crate) const ACCOUNT: AccountId = AccountId(1);
pub(crate) const EURUSD: SymbolId = SymbolId(0);
pub(crate) const USDJPY: SymbolId = SymbolId(1);
pub(crate) const EURJPY: SymbolId = SymbolId(2);
pub(crate) const XAUUSD: SymbolId = SymbolId(3);

pub(crate) fn table() -> SymbolTable {
    let specs = vec![common::forex("EUR", "USD"), common::forex("USD", "JPY"), common::forex("EUR", "JPY"), common::gold()];
    SymbolTable::new(specs).expect("common specs are valid")
}

pub(crate) fn terms(mode: AccountMode) -> AccountTerms {
    AccountTerms { mode, ..AccountTerms::default() }
}

pub(crate) fn order(number: u32) -> OrderId {
    OrderId::new(EngineId(1), number)
}

pub(crate) fn position(number: u32) -> PositionId {
    PositionId(order(number))
}

pub(crate) fn market(side: Side, volume: i64) -> OrderRequest {
    OrderRequest {
        symbol: EURUSD,
        side,
        kind: OrderKind::Market,
        volume: Steps(volume),
        price: None,
        stop_limit_price: None,
        stop_loss: None,
        take_profit: None,
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: Tag::default(),
    }
}

pub(crate) fn pending(kind: OrderKind, side: Side, volume: i64, price: i64) -> OrderRequest {
    OrderRequest { kind, price: Some(Points(price)), ..market(side, volume) }
}

pub(crate) fn stop_limit(side: Side, volume: i64, stop: i64, limit: i64) -> OrderRequest {
    OrderRequest { stop_limit_price: Some(Points(limit)), ..pending(OrderKind::StopLimit, side, volume, stop) }
}

pub(crate) fn with_stops(request: OrderRequest, loss: i64, profit: i64) -> OrderRequest {
    let some = |price: i64| (price != 0).then_some(Points(price));
    OrderRequest { stop_loss: some(loss), take_profit: some(profit), ..request }
}

pub(crate) fn closing(request: OrderRequest, number: u32) -> OrderRequest {
    OrderRequest { position: Some(position(number)), ..request }
}

pub(crate) fn reducing(request: OrderRequest) -> OrderRequest {
    OrderRequest { reduce_only: true, ..request }
}

/// A step of a script.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    /// Bid and ask of EURUSD, one second after the step before.
    Tick(i64, i64),
    /// The same for another symbol.
    TickOf(SymbolId, i64, i64),
    /// A new order, numbered from 1.
    Place(OrderRequest),
    /// The same order again.
    Again(u32, OrderRequest),
    Modify(u32, Option<i64>, Option<i64>, Option<i64>),
    Stops(u32, Option<i64>, Option<i64>),
    Cancel(u32),
}

pub(crate) struct Bench {
    pub venue: Venue,
    orders: u32,
    pub now: Time,
}

impl Bench {
    pub(crate) fn new(mode: AccountMode, options: VenueOptions) -> Self {
        Self::of(table(), mode, options)
    }

    /// With symbols like those of [`table`], changed.
    pub(crate) fn of(table: SymbolTable, mode: AccountMode, options: VenueOptions) -> Self {
        let mut venue = Venue::new(table, options);
        venue.open(ACCOUNT, terms(mode), None);
        Self { venue, orders: 0, now: Time(0) }
    }

    /// Does a step and says what was reported.
    pub(crate) fn step(&mut self, step: Do) -> Vec<String> {
        match step {
            Do::Tick(bid, ask) => self.tick(EURUSD, bid, ask),
            Do::TickOf(symbol, bid, ask) => self.tick(symbol, bid, ask),
            Do::Place(request) => {
                self.orders += 1;
                self.command(order(self.orders), Action::Place(request));
            }
            Do::Again(number, request) => self.command(order(number), Action::Place(request)),
            Do::Modify(number, price, loss, profit) => {
                let [price, stop_loss, take_profit] = [price, loss, profit].map(|price| price.map(Points));
                self.command(order(number), Action::ModifyOrder { price, stop_loss, take_profit });
            }
            Do::Stops(number, loss, profit) => {
                let [stop_loss, take_profit] = [loss, profit].map(|price| price.map(Points));
                self.command(order(number), Action::ModifyPosition { position: position(number), stop_loss, take_profit });
            }
            Do::Cancel(number) => self.command(order(number), Action::Cancel),
        }
        self.take().iter().map(line).collect()
    }

    fn tick(&mut self, symbol: SymbolId, bid: i64, ask: i64) {
        self.now = self.now.plus_us(1_000_000);
        self.venue.on_tick(&tick(symbol, self.now, bid, ask));
    }

    fn command(&mut self, order: OrderId, action: Action) {
        self.venue.send(&Command { account: ACCOUNT, order, at: self.now, action });
    }

    pub(crate) fn take(&mut self) -> Vec<Report> {
        let mut reports = Vec::new();
        self.venue.reports(&mut reports);
        reports
    }
}

pub(crate) fn tick(symbol: SymbolId, time: Time, bid: i64, ask: i64) -> Tick {
    let table = table();
    let spec = table.spec(symbol);
    let (bid, ask) = (spec.price(Points(bid)), spec.price(Points(ask)));
    Tick { symbol, sequence: 1, time, bid, ask, last: 0.0, volume: 0.0, flags: FLAGS_BID_ASK }
}

/// A report in words: `1 accepted`, `2 deal in buy 10 @130010 of 1`, `- deal out sell 10 @129900 of 1 sl -11.00`.
pub(crate) fn line(report: &Report) -> String {
    let name = report.order.map_or("-".into(), |id| id.number().to_string());
    let price = |price: Option<Points>| price.map_or("-".into(), |price| price.0.to_string());
    let what = match &report.happened {
        Happened::Accepted { .. } => "accepted".into(),
        Happened::Rejected { retcode } => format!("rejected {retcode}"),
        Happened::ModifyRejected { retcode } => format!("modify-rejected {retcode}"),
        Happened::AnswerMissing => "answer missing".into(),
        Happened::Canceled => "canceled".into(),
        Happened::Expired => "expired".into(),
        Happened::Deal { deal, rest } => {
            let mut text = format!("deal {} {} {} @{} of {}", deal.entry, deal.side, deal.volume.0, deal.price.0, deal.position.0.number());
            if deal.reason != domain::broker::Reason::Expert {
                text += &format!(" {}", deal.reason);
            }
            if deal.entry != domain::broker::Entry::In {
                text += &format!(" {}", deal.profit);
            }
            if rest.0 > 0 {
                text += &format!(" rest {}", rest.0);
            }
            text
        }
        Happened::OrderModified { price: at, stop_loss, take_profit } => {
            format!("modified {} {} {}", price(*at), price(*stop_loss), price(*take_profit))
        }
        Happened::PositionModified { stop_loss, take_profit, .. } => {
            format!("stops {} {}", price(*stop_loss), price(*take_profit))
        }
        Happened::SwapCharged { amount, .. } => format!("swap {amount}"),
    };
    format!("{name} {what}")
}

/// Runs a script and compares what is reported with `expected`.
pub(crate) fn check(mode: AccountMode, options: &VenueOptions, steps: impl IntoIterator<Item = Do>, expected: &[&str]) -> Bench {
    let mut bench = Bench::new(mode, options.clone());
    let steps: Vec<Do> = steps.into_iter().collect();
    let shown = format!("{steps:#?}");
    let lines: Vec<String> = steps.into_iter().flat_map(|step| bench.step(step)).collect();
    assert_eq!(lines, expected, "{shown}");
    bench
}

/// The same on a hedging account with default options.
pub(crate) fn hedging(steps: impl IntoIterator<Item = Do>, expected: &[&str]) -> Bench {
    check(AccountMode::Hedging, &VenueOptions::default(), steps, expected)
}

/// The same on a netting account.
pub(crate) fn netting(steps: impl IntoIterator<Item = Do>, expected: &[&str]) -> Bench {
    check(AccountMode::Netting, &VenueOptions::default(), steps, expected)
}
