//! The risk gate: what stands between a decision and the journal. Decides on what it is shown, takes the time as an
//! argument, touches nothing.

use crate::contract::{DenyCode, OrderKind, Side, TradingState};
use crate::ids::EngineId;
use crate::number::{Points, Steps};
use crate::order::{Action, Command, OrderRequest};
use crate::symbol::{SymbolId, SymbolSpec};
use crate::time::{MINUTE_US, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something the risk gate let through.
///
/// Only [`RiskGate::check`] builds one, so whoever takes an `Approved` has nothing left to check.
///
/// ```compile_fail
/// let forged = stockade_domain::risk::Approved(todo!());
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Approved<T>(T);

impl<T> Approved<T> {
    /// What was approved.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What was approved; it is no longer marked as such.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Limits of one account. The defaults suit a paper account; an operator's are the ceiling for everybody's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RiskLimits {
    /// Symbols that may be traded, by name; empty: all the host knows.
    pub symbols: Vec<String>,
    /// Largest order, in hundredths of a lot.
    pub order_centilots_max: u32,
    /// Orders, modifications and cancels of one engine in a minute of market time.
    pub commands_per_minute: u32,
    /// Working orders of the account.
    pub working_orders_max: u32,
    /// Open positions of the account.
    pub positions_max: u32,
}

impl Default for RiskLimits {
    fn default() -> Self {
        Self { symbols: Vec::new(), order_centilots_max: 5_000, commands_per_minute: 120, working_orders_max: 200, positions_max: 200 }
    }
}

/// Cancels and closes pass until this many times the usual rate.
const WAYS_OUT: u32 = 10;

/// What the gate is shown of the world.
#[derive(Clone, Copy, Debug)]
pub struct GateView<'a> {
    /// The order's symbol.
    pub spec: &'a SymbolSpec,
    /// Bid and ask as the engine sees them; `None` before the first tick.
    pub quote: Option<(Points, Points)>,
    /// Market time.
    pub now: Time,
    /// The strictest of the host's, the account's and the engine's state.
    pub trading: TradingState,
    /// The order or position that the command names, where there is one.
    pub target: Target,
    /// Working orders of the account.
    pub working_orders: usize,
    /// Open positions of the account.
    pub positions: usize,
    /// This engine's net position in the symbol, in steps, positive when long: what a reduce-only order may reduce.
    pub net: Steps,
    /// Volume of this engine's market orders on their way that reduce the target or net position. Pending ones don't count:
    /// the broker cuts or withdraws them when less is left, and they must not keep anyone from getting out.
    pub reducing: Steps,
}

/// What a command names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing: a new order.
    None,
    /// An order or position that does not exist or is another engine's.
    Missing,
    /// A working order.
    Order,
    /// An open position.
    Position {
        /// Its symbol.
        symbol: SymbolId,
        /// Its direction.
        side: Side,
        /// Its volume.
        volume: Steps,
    },
}

/// The gate of one account: its limits and what it remembers.
#[derive(Clone, Debug, Default)]
pub struct RiskGate {
    limits: RiskLimits,
    /// Per engine: start of the current minute and commands let through in it.
    rates: BTreeMap<EngineId, (Time, u32)>,
}

impl RiskGate {
    /// A gate with these limits and nothing to remember.
    pub fn new(limits: RiskLimits) -> Self {
        Self { limits, rates: BTreeMap::new() }
    }

    /// Its limits.
    pub fn limits(&self) -> &RiskLimits {
        &self.limits
    }

    /// Commands `engine` has left in the minute of `now`.
    pub fn commands_left(&self, engine: EngineId, now: Time) -> u32 {
        let used = self.rates.get(&engine).map_or(0, |&(since, used)| if now.since_us(since) < MINUTE_US { used } else { 0 });
        self.limits.commands_per_minute.saturating_sub(used)
    }

    /// Lets a command through or says why not. The order of the checks is fixed: authority, existence, form, limits, rate.
    ///
    /// # Errors
    /// The code of the first check that failed. A denied command does not count against the rate.
    pub fn check(&mut self, command: Command, view: &GateView<'_>) -> Result<Approved<Command>, DenyCode> {
        match &command.action {
            Action::Place(request) => self.check_place(request, view)?,
            Action::ModifyOrder { price, stop_loss, take_profit } => {
                require(view.target == Target::Order, DenyCode::OrderNotFound)?;
                // Moving the price of a pending order can bring it to a fill: it counts as opening.
                require(view.trading == TradingState::Active, state_code(view.trading))?;
                [*price, *stop_loss, *take_profit].into_iter().flatten().try_for_each(|price| on_tick_grid(view.spec, price))?;
            }
            Action::ModifyPosition { stop_loss, take_profit, .. } => {
                let Target::Position { side, .. } = view.target else {
                    return Err(DenyCode::PositionNotFound);
                };
                [*stop_loss, *take_profit].into_iter().flatten().try_for_each(|price| on_tick_grid(view.spec, price))?;
                stops_on_their_side(side, stop_loss, take_profit, closing_price(side, view), view.spec.stops_level)?;
            }
            Action::Cancel => require(view.target == Target::Order, DenyCode::OrderNotFound)?,
        }
        self.take_from_rate(&command, view.now)?;
        Ok(Approved(command))
    }

    fn check_place(&self, request: &OrderRequest, view: &GateView<'_>) -> Result<(), DenyCode> {
        let reduces = self.reduces(request, view)?;
        require(reduces || view.trading == TradingState::Active, state_code(view.trading))?;
        // What reduces risk passes limits that were tightened since: a position must never be stuck behind them.
        let allowed = self.limits.symbols.is_empty() || self.limits.symbols.contains(&view.spec.name);
        require(reduces || allowed, DenyCode::SymbolNotAllowed)?;
        require(view.quote.is_some(), DenyCode::PriceStale)?;

        require(request.volume >= view.spec.volume_min || reduces, DenyCode::VolumeBelowMinimum)?;
        require(request.volume <= view.spec.volume_max, DenyCode::VolumeAboveMaximum)?;
        let volume_e8 = i128::from(request.volume.0) * i128::from(view.spec.volume_step_e8);
        let order_max_e8 = i128::from(self.limits.order_centilots_max) * 1_000_000;
        require(reduces || volume_e8 <= order_max_e8, DenyCode::VolumeAboveMaximum)?;

        self.check_form(request, view)?;
        require(request.expires.is_none_or(|end| end > view.now), DenyCode::ExpiryPast)?;
        require(reduces || view.working_orders < self.limits.working_orders_max as usize, DenyCode::OrdersExceeded)?;
        require(reduces || view.positions < self.limits.positions_max as usize, DenyCode::PositionsExceeded)
    }

    /// Whether an order can only reduce what is open.
    fn reduces(&self, request: &OrderRequest, view: &GateView<'_>) -> Result<bool, DenyCode> {
        match view.target {
            Target::Position { symbol, side, volume } => {
                let closes = symbol == request.symbol && side != request.side && request.volume + view.reducing <= volume;
                require(closes, DenyCode::WouldIncrease)?;
                Ok(true)
            }
            Target::Missing => Err(DenyCode::PositionNotFound),
            Target::None | Target::Order if request.reduce_only => {
                let against = request.side.sign() * view.net.0 < 0;
                require(against && request.volume + view.reducing <= view.net.abs(), DenyCode::WouldIncrease)?;
                Ok(true)
            }
            Target::None | Target::Order => Ok(false),
        }
    }

    fn check_form(&self, request: &OrderRequest, view: &GateView<'_>) -> Result<(), DenyCode> {
        let prices = [request.price, request.stop_limit_price, request.stop_loss, request.take_profit];
        prices.into_iter().flatten().try_for_each(|price| on_tick_grid(view.spec, price))?;
        let complete = match request.kind {
            OrderKind::Market => request.price.is_none() && request.stop_limit_price.is_none() && request.expires.is_none(),
            OrderKind::Limit | OrderKind::Stop => request.price.is_some() && request.stop_limit_price.is_none(),
            OrderKind::StopLimit => request.price.is_some() && request.stop_limit_price.is_some(),
        };
        require(complete, DenyCode::Invalid)?;

        let (bid, ask) = view.quote.ok_or(DenyCode::PriceStale)?;
        let level = view.spec.stops_level;
        let market = if request.side == Side::Buy { ask } else { bid };
        if let Some(price) = request.price {
            // Measured in the direction of the order: positive when a buy's price lies above the market.
            let above = Points(request.side.sign() * (price.0 - market.0));
            let far_enough = match request.kind {
                OrderKind::Limit => -above.0 >= level.0.max(1),
                OrderKind::Stop | OrderKind::StopLimit => above.0 >= level.0.max(1),
                OrderKind::Market => true,
            };
            require(far_enough, DenyCode::StopsTooClose)?;
        }
        let entry = request.stop_limit_price.or(request.price);
        let reference = entry.unwrap_or(if request.side == Side::Buy { bid } else { ask });
        stops_on_their_side(request.side, &request.stop_loss, &request.take_profit, Some(reference), level)
    }

    fn take_from_rate(&mut self, command: &Command, now: Time) -> Result<(), DenyCode> {
        let (since, used) = self.rates.entry(command.order.engine()).or_insert((now, 0));
        if now.since_us(*since) >= MINUTE_US {
            (*since, *used) = (now, 0);
        }
        // Whoever has spent his rate may still get out; but not without end: each try is written to disk.
        let gets_out = matches!(&command.action, Action::Cancel)
            || matches!(&command.action, Action::Place(order) if order.position.is_some() || order.reduce_only);
        let max = self.limits.commands_per_minute.saturating_mul(if gets_out { WAYS_OUT } else { 1 });
        require(*used < max, DenyCode::RateExceeded)?;
        *used = used.saturating_add(1);
        Ok(())
    }
}

fn require(holds: bool, otherwise: DenyCode) -> Result<(), DenyCode> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn state_code(state: TradingState) -> DenyCode {
    if state == TradingState::Reducing { DenyCode::ReducingOnly } else { DenyCode::TradingHalted }
}

fn on_tick_grid(spec: &SymbolSpec, price: Points) -> Result<(), DenyCode> {
    require(price.0 > 0 && price.0 % spec.tick_size.0 == 0, DenyCode::PriceOffTick)
}

/// The price a position of `side` would close at.
fn closing_price(side: Side, view: &GateView<'_>) -> Option<Points> {
    view.quote.map(|(bid, ask)| if side == Side::Buy { bid } else { ask })
}

fn stops_on_their_side(
    side: Side,
    stop_loss: &Option<Points>,
    take_profit: &Option<Points>,
    reference: Option<Points>,
    level: Points,
) -> Result<(), DenyCode> {
    let Some(reference) = reference else {
        return Err(DenyCode::PriceStale);
    };
    let in_profit = |price: Points| side.sign() * (price.0 - reference.0);
    require(stop_loss.is_none_or(|price| -in_profit(price) >= level.0.max(1)), DenyCode::StopsTooClose)?;
    require(take_profit.is_none_or(|price| in_profit(price) >= level.0.max(1)), DenyCode::StopsTooClose)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Filling;
    use crate::ids::{AccountId, OrderId, PositionId};
    use crate::order::Tag;
    use crate::symbol::common;

    const NOW: Time = Time(1_000_000_000);

    fn market(side: Side, volume: i64) -> OrderRequest {
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
            spec,
            quote: Some((Points(130_000), Points(130_010))),
            now: NOW,
            trading: TradingState::Active,
            target: Target::None,
            working_orders: 0,
            positions: 0,
            net: Steps(0),
            reducing: Steps(0),
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
        let held = GateView { target: long_position(5), ..view(&spec) };
        assert_eq!(gate.check(place(close), &held).map(drop), Ok(()));
        assert_eq!(gate.check(place(market(Side::Buy, 1)), &view(&spec)).map(drop), Err(DenyCode::SymbolNotAllowed));
    }

    #[test]
    fn a_flood_of_cancels_ends_as_well() {
        let spec = common::forex("EUR", "USD");
        let mut gate = RiskGate::new(RiskLimits { commands_per_minute: 2, ..RiskLimits::default() });
        let cancel = || Command { account: AccountId(1), order: OrderId::new(EngineId(1), 1), at: NOW, action: Action::Cancel };
        let view = GateView { target: Target::Order, ..view(&spec) };
        let passed = (0..1_000).filter(|_| gate.check(cancel(), &view).is_ok()).count();
        assert_eq!(passed, 20);
    }

    #[test]
    fn a_halted_engine_may_close_but_not_open() {
        let close = OrderRequest { position: Some(PositionId(OrderId(1))), ..market(Side::Sell, 5) };
        let halted_with = |target| move |view: &mut GateView<'_>| (view.trading, view.target) = (TradingState::Halted, target);
        assert_eq!(check(market(Side::Buy, 1), halted_with(Target::None)), Err(DenyCode::TradingHalted));
        assert_eq!(check(close.clone(), halted_with(long_position(5))), Ok(()));
        assert_eq!(check(close, halted_with(long_position(4))), Err(DenyCode::WouldIncrease));
    }

    #[test]
    fn closes_on_their_way_count_against_what_may_be_closed() {
        let close = OrderRequest { position: Some(PositionId(OrderId(1))), ..market(Side::Sell, 5) };
        let underway = |steps| move |view: &mut GateView<'_>| (view.reducing, view.target) = (Steps(steps), long_position(5));
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
        assert_eq!(at(&mut gate, 3, |view| view.target = long_position(1), close), Ok(()));
        assert_eq!(at(&mut gate, MINUTE_US, same, market(Side::Buy, 1)), Ok(()));
    }
}
