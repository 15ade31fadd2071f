//! An account with much on it, and a gate with every limit set.

#![allow(dead_code, reason = "the tests and the bench use a part each")]

use stockade_domain::account::{Account, Standing};
use stockade_domain::broker::{AccountTerms, Deal, Entry, Happened, Reason, Report};
use stockade_domain::contract::{DenyCode, Filling, OrderKind, Side, TradingState};
use stockade_domain::ids::{AccountId, DealId, EngineId, OrderId, PositionId, UserId};
use stockade_domain::ledger::Ledger;
use stockade_domain::number::{Money, Points, Steps};
use stockade_domain::order::{Action, Command, OrderRequest, Tag};
use stockade_domain::risk::{HostCaps, RiskLimits};
use stockade_domain::symbol::{SymbolId, SymbolTable, common};
use stockade_domain::tick::Quote;
use stockade_domain::time::{SECOND_US, Time};

pub struct Busy {
    pub account: Account,
    table: SymbolTable,
    caps: HostCaps,
    number: u32,
}

const ENGINE: EngineId = EngineId(1);

/// Every limit, none of them near.
fn every_limit() -> RiskLimits {
    RiskLimits {
        symbols: vec!["EURUSD".into(), "GBPUSD".into(), "USDJPY".into(), "EURJPY".into()],
        commands_per_minute: u32::MAX,
        working_orders_max: 10_000,
        positions_max: 10_000,
        account_commands_per_minute: Some(u32::MAX),
        symbol_orders_max: Some(10_000),
        symbol_positions_max: Some(10_000),
        symbol_centilots_max: Some(1_000_000),
        order_notional_max: Some(1_000_000_000),
        gross_notional_max: Some(9_000_000_000),
        net_notional_max: Some(9_000_000_000),
        margin_level_percent_min: Some(1),
        price_age_ms_max: Some(1_000),
        spread_points_max: Some(1_000),
        collar_permille: Some(100),
        jump_permille: Some(100),
        daily_loss_max: Some(1_000_000),
        drawdown_percent_max: Some(99),
        consecutive_losses_max: Some(1_000),
        executions_max: Some(1_000_000),
        duplicate_window_ms: Some(1),
        in_flight_per_symbol_max: Some(1_000),
        sessions: Some(vec!["mon-sun 00:00-24:00".to_owned()].try_into().expect("it is a session")),
        ..RiskLimits::default()
    }
}

fn request(symbol: u16, side: Side, kind: OrderKind) -> OrderRequest {
    OrderRequest {
        symbol: SymbolId(symbol),
        side,
        kind,
        volume: Steps(1),
        price: (kind == OrderKind::Limit).then_some(Points(99_000)),
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

impl Busy {
    /// With 50 positions and 50 working orders on four symbols, some of which need a rate.
    pub fn new() -> Self {
        let pairs = [("EUR", "USD"), ("GBP", "USD"), ("USD", "JPY"), ("EUR", "JPY")];
        let table = SymbolTable::new(pairs.map(|(base, quote)| common::forex(base, quote)).into()).expect("they differ");
        let ledger = Ledger::new(Money(10_000_000 * Money::ONE.0));
        let account = Account::new(AccountId(1), UserId(1), AccountTerms::default(), ledger, every_limit());
        let mut busy = Self { account, table, caps: HostCaps::default(), number: 0 };
        busy.caps.set(Some(u32::MAX), Some(u64::MAX));
        for n in 0..50 {
            busy.ask(request(n % 4, Side::Buy, OrderKind::Market)).expect("no limit is near");
            busy.fill(u64::from(n) + 1);
            busy.ask(request(n % 4, Side::Buy, OrderKind::Limit)).expect("no limit is near");
            busy.report(Happened::Accepted { ticket: 1 });
        }
        busy
    }

    fn order(&self) -> OrderId {
        OrderId::new(ENGINE, self.number)
    }

    fn now(&self) -> Time {
        // A second for each, so that the same order is never given again too soon.
        Time(1_700_000_000 * SECOND_US + i64::from(self.number) * SECOND_US)
    }

    fn report(&mut self, happened: Happened) {
        let report = Report { account: AccountId(1), order: Some(self.order()), at: self.now(), happened };
        self.account.apply(&report, &self.table, |_| None);
    }

    fn fill(&mut self, id: u64) {
        let order = self.order();
        let request = self.account.ledger.orders[&order].request.clone();
        let deal = Deal {
            id: DealId(id),
            order: Some(order),
            position: PositionId(order),
            symbol: request.symbol,
            side: request.side,
            entry: Entry::In,
            reason: Reason::Expert,
            volume: request.volume,
            price: Points(100_000),
            profit: Money::ZERO,
            commission: Money::ZERO,
            swap: Money::ZERO,
            time: self.now(),
        };
        self.report(Happened::Deal { deal, rest: Steps(0) });
    }

    fn ask(&mut self, request: OrderRequest) -> Result<(), DenyCode> {
        self.number += 1;
        let now = self.now();
        let quote = |_| Some(Quote { bid: Points(100_000), ask: Points(100_010), at: now });
        let by = Standing { engine: ENGINE, trading: TradingState::Active, now, quote, caps: Some(&self.caps), by_host: false };
        let command = Command { account: AccountId(1), order: self.order(), at: now, action: Action::Place(request) };
        self.account.approve(command, &self.table, &by).map(drop)
    }

    /// A command whose way through the gate is measured: a new order, or a cancel of one that works.
    pub fn command(&mut self, cancels: bool) -> Command {
        self.number += 1;
        let action = if cancels { Action::Cancel } else { Action::Place(request(self.number as u16 % 4, Side::Buy, OrderKind::Market)) };
        let order = if cancels { *self.account.ledger.orders.keys().next().expect("there are 50") } else { self.order() };
        Command { account: AccountId(1), order, at: self.now(), action }
    }

    /// Shows it to the gate.
    pub fn check(&mut self, command: Command) -> Result<(), DenyCode> {
        let now = self.now();
        let quote = |_| Some(Quote { bid: Points(100_000), ask: Points(100_010), at: now });
        let by = Standing { engine: ENGINE, trading: TradingState::Active, now, quote, caps: Some(&self.caps), by_host: false };
        self.account.approve(command, &self.table, &by).map(drop)
    }

    /// Takes back what the last check noted, so that the account stays as it is.
    pub fn forget(&mut self) {
        let order = self.order();
        self.account.ledger.orders.remove(&order);
    }

    /// The last command's order is noted by the ledger, which is no part of the gate: with this it is denied at the gate's last
    /// check but one.
    pub fn use_up_the_rate(&mut self) {
        let limits = RiskLimits { commands_per_minute: 0, ..every_limit() };
        self.account.gate_mut().set_own(limits);
    }
}
