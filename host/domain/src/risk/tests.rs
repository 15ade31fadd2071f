//! What the gate lets through and what not.

use super::*;
use crate::contract::Filling;
use crate::ids::{AccountId, OrderId, PositionId};
use crate::order::Tag;
use crate::symbol::common;

const NOW: Time = Time(1_000_000_000);

pub(crate) fn market(side: Side, volume: i64) -> OrderRequest {
    OrderRequest {
        symbol: SymbolId(0),
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

fn view(spec: &SymbolSpec) -> GateView<'_> {
    GateView {
        symbol: SymbolId(0),
        spec,
        quote: Some(Quote { bid: Points(130_000), ask: Points(130_010), at: NOW }),
        now: NOW,
        trading: TradingState::Active,
        netting: false,
        target: Target::None,
        working_orders: 0,
        positions: 0,
        on_symbol: OnSymbol::default(),
        exposure: Exposure::default(),
        against: Steps(0),
        reducing: Steps(0),
        reducing_target: Steps(0),
        caps: None,
        by_host: false,
        reconciling: false,
    }
}

fn place(request: OrderRequest) -> Command {
    Command { account: AccountId(1), order: OrderId::new(EngineId(1), 1), at: NOW, action: Action::Place(request) }
}

/// What a gate with default limits says to `request` when the view is changed by `change`.
fn check(request: OrderRequest, change: impl FnOnce(&mut GateView<'_>)) -> Result<(), DenyCode> {
    let spec = common::forex("EUR", "USD");
    let mut view = view(&spec);
    change(&mut view);
    RiskGate::default().check(place(request), &view).map(drop)
}

fn long_position(volume: i64) -> Target {
    Target::Position { symbol: SymbolId(0), side: Side::Buy, volume: Steps(volume) }
}

#[test]
fn an_honest_order_passes() {
    assert_eq!(check(market(Side::Buy, 10), |_| ()), Ok(()));
    let bracket = OrderRequest { stop_loss: Some(Points(129_900)), take_profit: Some(Points(130_200)), ..market(Side::Buy, 10) };
    assert_eq!(check(bracket, |_| ()), Ok(()));
}

#[test]
fn volumes_outside_the_symbol_or_the_account_are_denied() {
    assert_eq!(check(market(Side::Buy, 10_001), |_| ()), Err(DenyCode::VolumeAboveMaximum));
    assert_eq!(check(market(Side::Buy, 5_001), |_| ()), Err(DenyCode::VolumeAboveMaximum));
    assert_eq!(check(market(Side::Buy, 0), |_| ()), Err(DenyCode::VolumeBelowMinimum));
}

#[test]
fn stops_and_pending_prices_must_lie_on_their_side_of_the_market() {
    let cases = [
        (OrderRequest { stop_loss: Some(Points(130_005)), ..market(Side::Buy, 1) }, Err(DenyCode::StopsTooClose)),
        (OrderRequest { take_profit: Some(Points(130_020)), ..market(Side::Sell, 1) }, Err(DenyCode::StopsTooClose)),
        (OrderRequest { kind: OrderKind::Limit, price: Some(Points(130_020)), ..market(Side::Buy, 1) }, Err(DenyCode::StopsTooClose)),
        (OrderRequest { kind: OrderKind::Limit, price: Some(Points(129_000)), ..market(Side::Buy, 1) }, Ok(())),
        (OrderRequest { kind: OrderKind::Stop, price: Some(Points(129_000)), ..market(Side::Sell, 1) }, Ok(())),
        (OrderRequest { kind: OrderKind::Stop, price: None, ..market(Side::Sell, 1) }, Err(DenyCode::Invalid)),
        (OrderRequest { price: Some(Points(130_000)), ..market(Side::Sell, 1) }, Err(DenyCode::Invalid)),
    ];
    for (request, expected) in cases {
        assert_eq!(check(request.clone(), |_| ()), expected, "{request:?}");
    }
}

#[test]
fn limits_tightened_since_do_not_keep_a_position_open() {
    let spec = common::forex("EUR", "USD");
    let limits = RiskLimits { symbols: vec!["XAUUSD".into()], order_centilots_max: 1, ..RiskLimits::default() };
    let mut gate = RiskGate::new(limits);
    let close = OrderRequest { position: Some(PositionId(OrderId(1))), ..market(Side::Sell, 5) };
    let held = GateView { target: long_position(5), against: Steps(5), ..view(&spec) };
    assert_eq!(gate.check(place(close), &held).map(drop), Ok(()));
    assert_eq!(gate.check(place(market(Side::Buy, 1)), &view(&spec)).map(drop), Err(DenyCode::SymbolNotAllowed));
}

#[test]
fn a_flood_of_cancels_ends_as_well() {
    let spec = common::forex("EUR", "USD");
    let mut gate = RiskGate::new(RiskLimits { commands_per_minute: 2, ..RiskLimits::default() });
    let cancel = || Command { account: AccountId(1), order: OrderId::new(EngineId(1), 1), at: NOW, action: Action::Cancel };
    let view = GateView { target: Target::Order { opens: true }, ..view(&spec) };
    let passed = (0..1_000).filter(|_| gate.check(cancel(), &view).is_ok()).count();
    assert_eq!(passed, 20);
}

#[test]
fn a_halted_engine_may_close_but_not_open() {
    let close = OrderRequest { position: Some(PositionId(OrderId(1))), ..market(Side::Sell, 5) };
    let halted_with = |volume: i64| {
        move |view: &mut GateView<'_>| {
            view.trading = TradingState::Halted;
            (view.target, view.against) = if volume == 0 { (Target::None, Steps(0)) } else { (long_position(volume), Steps(volume)) };
        }
    };
    assert_eq!(check(market(Side::Buy, 1), halted_with(0)), Err(DenyCode::TradingHalted));
    assert_eq!(check(close.clone(), halted_with(5)), Ok(()));
    assert_eq!(check(close, halted_with(4)), Err(DenyCode::WouldIncrease));
}

#[test]
fn closes_on_their_way_count_against_what_may_be_closed() {
    let close = OrderRequest { position: Some(PositionId(OrderId(1))), ..market(Side::Sell, 5) };
    let underway = |steps| {
        move |view: &mut GateView<'_>| (view.reducing_target, view.against, view.target) = (Steps(steps), Steps(9), long_position(5))
    };
    assert_eq!(check(close.clone(), underway(0)), Ok(()));
    assert_eq!(check(close, underway(1)), Err(DenyCode::WouldIncrease));
}

#[test]
fn a_flood_is_denied_until_the_next_minute_but_may_still_close() {
    let spec = common::forex("EUR", "USD");
    let mut gate = RiskGate::new(RiskLimits { commands_per_minute: 2, ..RiskLimits::default() });
    let at = |gate: &mut RiskGate, us, change: fn(&mut GateView<'_>), request| {
        let mut view = view(&spec);
        view.now = NOW.plus_us(us);
        change(&mut view);
        gate.check(place(request), &view).map(drop)
    };
    let same = |_: &mut GateView<'_>| ();
    assert_eq!(at(&mut gate, 0, same, market(Side::Buy, 1)), Ok(()));
    assert_eq!(at(&mut gate, 1, same, market(Side::Buy, 1)), Ok(()));
    assert_eq!(at(&mut gate, 2, same, market(Side::Buy, 1)), Err(DenyCode::RateExceeded));
    let close = OrderRequest { position: Some(PositionId(OrderId(1))), ..market(Side::Sell, 1) };
    assert_eq!(at(&mut gate, 3, |view| (view.target, view.against) = (long_position(1), Steps(1)), close), Ok(()));
    assert_eq!(at(&mut gate, MINUTE_US, same, market(Side::Buy, 1)), Ok(()));
}

#[test]
fn an_account_that_is_not_reconciled_opens_nothing_and_moves_no_order_to_a_fill() {
    assert_eq!(check(market(Side::Buy, 5), |view| view.reconciling = true), Err(DenyCode::Reconciling));
    let close = OrderRequest { position: Some(PositionId(OrderId::new(EngineId(1), 1))), ..market(Side::Sell, 5) };
    let holds = |view: &mut GateView<'_>| (view.reconciling, view.target, view.against) = (true, long_position(5), Steps(5));
    assert_eq!(check(close, holds), Ok(()));
    let spec = common::forex("EUR", "USD");
    let view = GateView { reconciling: true, target: Target::Order { opens: true }, ..view(&spec) };
    let ask = |action| RiskGate::default().check(Command { action, ..place(market(Side::Buy, 5)) }, &view).map(drop);
    let to_the_market = Action::ModifyOrder { price: Some(Points(130_010)), stop_loss: None, take_profit: None };
    assert_eq!(ask(to_the_market), Err(DenyCode::Reconciling));
    assert_eq!(ask(Action::Cancel), Ok(()));
}
