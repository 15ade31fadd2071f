//! What an account lets its engines do.

use super::*;
use crate::broker::{Deal, Entry, Reason};
use crate::contract::Side;
use crate::ids::{DealId, PositionId};
use crate::number::Money;
use crate::risk::tests::market;
use crate::symbol::common;

/// An account with nothing on it, held to `limits`.
pub(crate) fn account(mode: AccountMode, limits: RiskLimits) -> Account {
    let terms = AccountTerms { mode, ..AccountTerms::default() };
    let deposit = terms.deposit;
    Account::new(AccountId(1), UserId(1), terms, Ledger::new(deposit), limits)
}

/// What the account's gate makes of an order of an engine, with a price and nothing else in the way.
pub(crate) fn approve(account: &mut Account, engine: u32, number: u32, request: OrderRequest) -> Result<Approved<Command>, DenyCode> {
    let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
    let engine = EngineId(engine);
    let command = Command { account: account.id, order: OrderId::new(engine, number), at: Time(0), action: Action::Place(request) };
    let quote = |_| Some(Quote { bid: Points(130_000), ask: Points(130_010), at: Time(0) });
    account.approve(command, &table, &Standing { engine, trading: TradingState::Active, now: Time(0), quote, caps: None, by_host: false })
}

fn ask(account: &mut Account, engine: u32, number: u32, request: OrderRequest) -> Result<(), DenyCode> {
    approve(account, engine, number, request).map(drop)
}

fn order(side: Side) -> OrderRequest {
    market(side, 5)
}

/// An account on which engine 1 has bought.
fn bought(mode: AccountMode) -> Account {
    let mut account = account(mode, RiskLimits::default());
    let id = OrderId::new(EngineId(1), 1);
    ask(&mut account, 1, 1, order(Side::Buy)).unwrap();
    let deal = Deal {
        id: DealId(1),
        order: Some(id),
        position: PositionId(id),
        symbol: SymbolId(0),
        side: Side::Buy,
        entry: Entry::In,
        reason: Reason::Expert,
        volume: Steps(5),
        price: Points(130_010),
        profit: Money::ZERO,
        commission: Money::ZERO,
        swap: Money::ZERO,
        time: Time(0),
    };
    let happened = Happened::Deal { deal, rest: Steps(0) };
    account.ledger.apply(&Report { account: account.id, order: Some(id), at: Time(0), happened });
    account
}

#[test]
fn a_symbol_of_a_netting_account_is_one_engines_at_a_time() {
    let mut netting = bought(AccountMode::Netting);
    assert_eq!(ask(&mut netting, 2, 1, order(Side::Sell)), Err(DenyCode::SymbolNotAllowed));
    assert_eq!(ask(&mut netting, 1, 2, order(Side::Sell)), Ok(()));
    assert_eq!(ask(&mut bought(AccountMode::Hedging), 2, 1, order(Side::Sell)), Ok(()));
}

#[test]
fn a_pending_close_keeps_nobody_from_closing_at_the_market() {
    let mut account = bought(AccountMode::Hedging);
    let close = OrderRequest { position: Some(PositionId(OrderId::new(EngineId(1), 1))), ..order(Side::Sell) };
    let limit = OrderRequest { kind: OrderKind::Limit, price: Some(Points(131_000)), ..close.clone() };
    assert_eq!(ask(&mut account, 1, 2, limit), Ok(()));
    assert_eq!(ask(&mut account, 1, 3, close.clone()), Ok(()));
    assert_eq!(ask(&mut account, 1, 4, close), Err(DenyCode::WouldIncrease), "one on its way is enough");
}

#[test]
fn a_reduce_only_order_beside_a_close_does_not_close_more_than_there_is() {
    for mode in [AccountMode::Hedging, AccountMode::Netting] {
        let close = OrderRequest { position: Some(PositionId(OrderId::new(EngineId(1), 1))), ..order(Side::Sell) };
        let reduce = OrderRequest { reduce_only: true, ..order(Side::Sell) };
        for (first, second) in [(&close, &reduce), (&reduce, &close)] {
            let mut account = bought(mode);
            assert_eq!(ask(&mut account, 1, 2, first.clone()), Ok(()));
            assert_eq!(ask(&mut account, 1, 3, second.clone()), Err(DenyCode::WouldIncrease), "{mode}");
        }
    }
}

#[test]
fn an_opposite_order_closes_a_netting_position_though_trading_is_halted() {
    let mut account = bought(AccountMode::Netting);
    account.trading = TradingState::Halted;
    assert_eq!(ask(&mut account, 1, 2, OrderRequest { volume: Steps(6), ..order(Side::Sell) }), Err(DenyCode::TradingHalted));
    assert_eq!(ask(&mut account, 1, 3, order(Side::Sell)), Ok(()));
    assert_eq!(ask(&mut account, 1, 4, order(Side::Sell)), Err(DenyCode::TradingHalted), "one on its way is enough");
}

#[test]
fn what_one_engine_may_close_another_cannot() {
    let mut account = bought(AccountMode::Hedging);
    let close = OrderRequest { position: Some(PositionId(OrderId::new(EngineId(1), 1))), ..order(Side::Sell) };
    assert_eq!(ask(&mut account, 2, 1, close.clone()), Err(DenyCode::PositionNotFound));
    assert_eq!(ask(&mut account, 2, 1, OrderRequest { reduce_only: true, ..order(Side::Sell) }), Err(DenyCode::WouldIncrease));
    assert_eq!(ask(&mut account, 1, 2, close), Ok(()));
}

#[test]
fn an_unknown_order_locks_its_symbol_for_the_whole_account() {
    let mut account = bought(AccountMode::Hedging);
    ask(&mut account, 1, 2, order(Side::Buy)).unwrap();
    let missing = |account: &mut Account, happened| {
        let report = Report { account: AccountId(1), order: Some(OrderId::new(EngineId(1), 2)), at: Time(0), happened };
        account.ledger.apply(&report);
    };
    missing(&mut account, Happened::AnswerMissing);
    assert_eq!(ask(&mut account, 2, 1, order(Side::Buy)), Err(DenyCode::InFlight));
    missing(&mut account, Happened::Rejected { retcode: 10_006 });
    assert_eq!(ask(&mut account, 2, 1, order(Side::Buy)), Ok(()));
}

/// An account that waits to sell at 1.31, above the market, with a stop loss; its gate has had time to change its mind since.
fn waiting(limits: RiskLimits) -> Account {
    let mut account = account(AccountMode::Hedging, RiskLimits::default());
    let limit =
        OrderRequest { kind: OrderKind::Limit, price: Some(Points(131_000)), stop_loss: Some(Points(132_000)), ..order(Side::Sell) };
    ask(&mut account, 1, 1, limit).unwrap();
    let happened = Happened::Accepted { ticket: 1 };
    account.ledger.apply(&Report { account: account.id, order: Some(OrderId::new(EngineId(1), 1)), at: Time(0), happened });
    account.gate_mut().set_own(limits);
    account
}

/// What the gate says to another price and stop loss for it.
fn move_to(account: &mut Account, price: Option<i64>, stop_loss: Option<i64>) -> Result<(), DenyCode> {
    let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
    // Of a day that counts as one: the first is nobody's.
    let now = Time(crate::time::DAY_US);
    let action = Action::ModifyOrder { price: price.map(Points), stop_loss: stop_loss.map(Points), take_profit: None };
    let command = Command { account: account.id, order: OrderId::new(EngineId(1), 1), at: now, action };
    let quote = |_| Some(Quote { bid: Points(130_000), ask: Points(130_010), at: now });
    let by = Standing { engine: EngineId(1), trading: TradingState::Active, now, quote, caps: None, by_host: false };
    account.approve(command, &table, &by).map(drop)
}

#[test]
fn a_pending_order_is_no_way_round_the_limits_for_opening() {
    let to_the_market = (Some(130_010), Some(132_000));
    let check = |limits: RiskLimits, expected| {
        assert_eq!(move_to(&mut waiting(limits), to_the_market.0, to_the_market.1), expected);
    };
    check(RiskLimits::default(), Ok(()));
    check(RiskLimits { symbols: vec!["GBPUSD".into()], ..RiskLimits::default() }, Err(DenyCode::SymbolNotAllowed));
    check(RiskLimits { spread_points_max: Some(1), ..RiskLimits::default() }, Err(DenyCode::SpreadTooWide));
    let mut lost = waiting(RiskLimits { daily_loss_max: Some(100), ..RiskLimits::default() });
    assert_eq!(move_to(&mut lost, to_the_market.0, to_the_market.1), Ok(()), "the day begins with what there is");
    lost.ledger.balance -= Money(100 * Money::ONE.0);
    assert_eq!(move_to(&mut lost, to_the_market.0, to_the_market.1), Err(DenyCode::DailyLoss));
    assert_eq!(move_to(&mut lost, None, Some(132_500)), Ok(()), "its stops may be moved");
}

#[test]
fn the_stop_loss_that_an_opening_must_bring_can_not_be_taken_away_while_it_waits() {
    let mut account = waiting(RiskLimits { stop_loss_required: true, ..RiskLimits::default() });
    assert_eq!(move_to(&mut account, None, None), Err(DenyCode::StopLossMissing));
    assert_eq!(move_to(&mut account, None, Some(132_500)), Ok(()));
}
