//! The risk gate: what stands between a decision and the journal. Decides on what it is shown, takes the time as an
//! argument, touches nothing, and allocates nothing on its way.
//!
//! The order of the checks is fixed: whose it is and whether it gets out; the trading state; the symbol, its hours and its price;
//! the order's form; how much is on its way, working, open and at risk; what was lost; how often. Every refusal has a stable
//! code ([`codes`]). What reduces risk passes all limits but the form and a tenfold rate: a position must never be stuck behind
//! a limit that was tightened since.

mod codes;
mod exposure;
mod form;
mod hours;
mod limits;
mod memory;
mod rates;

#[cfg(test)]
pub(crate) mod tests;

pub use exposure::{Exposure, OnSymbol};
pub use hours::TradingHours;
pub use limits::{LimitField, LimitKind, RiskLimits};
pub use memory::GateMemory;
pub use rates::HostCaps;

pub(crate) use exposure::Looked;

use crate::broker::Deal;
use crate::contract::{DenyCode, OrderKind, Side, TradingState};
use crate::ids::EngineId;
use crate::number::{Money, Points, Steps};
use crate::order::{Action, Command, OrderRequest};
use crate::symbol::{SymbolId, SymbolSpec};
use crate::tick::Quote;
use crate::time::{MINUTE_US, Time};
use exposure::{Scratch, permille_apart};
use form::{closing_price, on_tick_grid, stops_on_their_side};
use rates::{Rates, Way};

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

/// What the gate is shown of the world.
#[derive(Clone, Copy, Debug)]
pub struct GateView<'a> {
    /// The order's symbol.
    pub symbol: SymbolId,
    /// The same.
    pub spec: &'a SymbolSpec,
    /// Bid and ask as the engine sees them; `None` before the first tick.
    pub quote: Option<Quote>,
    /// Market time.
    pub now: Time,
    /// The strictest of the host's, the account's and the engine's state.
    pub trading: TradingState,
    /// Whether opposite orders set each other off.
    pub netting: bool,
    /// The order or position that the command names, where there is one.
    pub target: Target,
    /// Working orders of the account.
    pub working_orders: usize,
    /// Open positions of the account.
    pub positions: usize,
    /// What the account has on the order's symbol.
    pub on_symbol: OnSymbol,
    /// What the account would hold; all 0 when no limit asks for it.
    pub exposure: Exposure,
    /// This engine's positions in the symbol that the order would close, in steps.
    pub against: Steps,
    /// Volume of this engine's market orders on their way that reduce those positions. Pending ones don't count: the broker
    /// cuts or withdraws them when less is left, and they must not keep anyone from getting out.
    pub reducing: Steps,
    /// Of these, the volume that reduces the very position that is named.
    pub reducing_target: Steps,
    /// What the whole host may open.
    pub caps: Option<&'a HostCaps>,
    /// The host itself asks, to flatten: no rate holds it up.
    pub by_host: bool,
    /// The outcome of orders from before the host's start is not known yet.
    pub reconciling: bool,
}

/// What a command names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing: a new order.
    None,
    /// An order or position that does not exist or is another engine's.
    Missing,
    /// A working order.
    Order {
        /// Whether it opens or increases something when it is filled.
        opens: bool,
    },
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
    /// The account's own.
    own: RiskLimits,
    /// The operator's and the user's.
    ceilings: Vec<RiskLimits>,
    /// The strictest of all.
    limits: RiskLimits,
    rates: Rates,
    memory: GateMemory,
    scratch: Scratch,
    /// By symbol: a price of the last minute, to tell a jump.
    anchors: Vec<(Time, Points)>,
}

impl RiskGate {
    /// A gate with these limits and nothing to remember.
    pub fn new(limits: RiskLimits) -> Self {
        Self { own: limits.clone(), limits, ..Self::default() }
    }

    /// The limits that hold: of all levels the strictest.
    pub fn limits(&self) -> &RiskLimits {
        &self.limits
    }

    /// The account's own limits.
    pub fn own_limits(&self) -> &RiskLimits {
        &self.own
    }

    /// Sets the account's own limits; they hold from the next command on.
    pub fn set_own(&mut self, limits: RiskLimits) {
        self.own = limits;
        self.renew();
    }

    /// Sets the levels above the account's; they hold from the next command on.
    pub fn set_ceilings(&mut self, ceilings: Vec<RiskLimits>) {
        self.ceilings = ceilings;
        self.renew();
    }

    fn renew(&mut self) {
        self.limits = self.ceilings.iter().fold(self.own.clone(), |limits, ceiling| limits.strictest(ceiling));
    }

    /// What must survive a restart.
    pub fn memory(&self) -> &GateMemory {
        &self.memory
    }

    /// The same, to be set right by a person or at a restart.
    pub fn memory_mut(&mut self) -> &mut GateMemory {
        &mut self.memory
    }

    /// Goes on from what was kept, brought up to date by the deals since.
    pub fn restore(&mut self, memory: GateMemory, deals_since: &[Deal]) {
        self.memory = memory;
        deals_since.iter().for_each(|deal| self.executed(deal));
    }

    /// Commands `engine` has left in the minute of `now`.
    pub fn commands_left(&self, engine: EngineId, now: Time) -> u32 {
        self.rates.left(engine, now, &self.limits)
    }

    /// A deal has been booked.
    pub(crate) fn executed(&mut self, deal: &Deal) {
        self.memory.executed(deal, &self.limits);
    }

    /// Whether equity is followed from day to day.
    pub(crate) fn follows_equity(&self) -> bool {
        self.limits.follow_equity()
    }

    /// Whether the view needs an exposure.
    pub(crate) fn looks_at_money(&self, caps: Option<&HostCaps>) -> bool {
        self.limits.look_at_money() || caps.is_some_and(HostCaps::looks_at_worth)
    }

    /// Adds the account up.
    pub(crate) fn look<Q: Fn(SymbolId) -> Option<Quote>>(&mut self, at: &Looked<'_, Q>, order: Option<&OrderRequest>) -> Exposure {
        self.scratch.look(at, order)
    }

    /// The day's beginning and the peak, before anything else happens at `now`.
    pub(crate) fn note_equity(&mut self, now: Time, equity: Money) {
        self.memory.look(now, equity);
    }

    /// Lets a command through or says why not. The order of the checks is fixed.
    ///
    /// # Errors
    /// The code of the first check that failed. A denied command does not count against the rate.
    pub fn check(&mut self, mut command: Command, view: &GateView<'_>) -> Result<Approved<Command>, DenyCode> {
        let engine = command.order.engine();
        let way = match &command.action {
            Action::Place(request) => self.check_place(engine, request, view)?,
            Action::ModifyOrder { price, stop_loss, take_profit } => {
                let Target::Order { opens } = view.target else {
                    return Err(DenyCode::OrderNotFound);
                };
                // Moving the price of a pending order can bring it to a fill: it counts as opening.
                require(view.trading == TradingState::Active, state_code(view.trading))?;
                require(!view.reconciling, DenyCode::Reconciling)?;
                [*price, *stop_loss, *take_profit].into_iter().flatten().try_for_each(|price| on_tick_grid(view.spec, price))?;
                require(!opens || !self.limits.stop_loss_required || stop_loss.is_some(), DenyCode::StopLossMissing)?;
                if opens && price.is_some() {
                    require(!self.memory.is_throttled(engine), DenyCode::Throttled)?;
                    self.check_market(view)?;
                    self.check_losses(engine, view)?;
                }
                price.map_or(Ok(()), |price| self.within_collar(price, view))?;
                Way::In
            }
            Action::ModifyPosition { stop_loss, take_profit, .. } => {
                let Target::Position { side, .. } = view.target else {
                    return Err(DenyCode::PositionNotFound);
                };
                [*stop_loss, *take_profit].into_iter().flatten().try_for_each(|price| on_tick_grid(view.spec, price))?;
                stops_on_their_side(side, stop_loss, take_profit, closing_price(side, view), view.spec.stops_level)?;
                require(!self.limits.stop_loss_required || stop_loss.is_some(), DenyCode::StopLossMissing)?;
                Way::In
            }
            Action::Cancel => {
                require(matches!(view.target, Target::Order { .. }), DenyCode::OrderNotFound)?;
                Way::Out
            }
        };
        if !view.by_host {
            self.rates.take(engine, way, view.now, &self.limits)?;
        }
        if let (Way::Out, Action::Place(request)) = (way, &mut command.action) {
            // An opposite order on a netting account was let through as a close, and must not become more on its way.
            request.reduce_only = true;
        }
        if let (Way::In, Action::Place(request)) = (way, &command.action) {
            view.caps.map_or(Ok(()), |caps| caps.take(view.now, view.exposure.order))?;
            self.rates.opened(engine, request, view.now);
        }
        Ok(Approved(command))
    }

    fn check_place(&mut self, engine: EngineId, request: &OrderRequest, view: &GateView<'_>) -> Result<Way, DenyCode> {
        let way = reduces(request, view)?;
        if way == Way::Out {
            require(view.quote.is_some(), DenyCode::PriceStale)?;
            require(request.volume.0 > 0, DenyCode::VolumeBelowMinimum)?;
            require(request.volume <= view.spec.volume_max, DenyCode::VolumeAboveMaximum)?;
            form::check(request, view)?;
            return Ok(way);
        }
        require(view.trading == TradingState::Active, state_code(view.trading))?;
        require(!view.reconciling, DenyCode::Reconciling)?;
        require(!self.memory.is_throttled(engine), DenyCode::Throttled)?;
        self.check_market(view)?;
        self.check_volume(request, view)?;
        form::check(request, view)?;
        require(!self.limits.stop_loss_required || request.stop_loss.is_some(), DenyCode::StopLossMissing)?;
        request.price.map_or(Ok(()), |price| self.within_collar(price, view))?;
        self.check_counts(view)?;
        self.check_exposure(request, view)?;
        self.check_losses(engine, view)?;
        let again = self.limits.duplicate_window_ms.is_some_and(|window| self.rates.is_again(engine, request, view.now, window));
        require(!again, DenyCode::RepeatedOrder)?;
        Ok(way)
    }

    /// What was lost this day, since the peak and in a row.
    fn check_losses(&mut self, engine: EngineId, view: &GateView<'_>) -> Result<(), DenyCode> {
        if self.limits.follow_equity() {
            self.memory.look(view.now, view.exposure.equity);
        } else if self.limits.consecutive_losses_max.is_some() {
            self.memory.look(view.now, Money::ZERO);
        }
        self.memory.losses(engine, view.exposure.equity, &self.limits)
    }

    /// The symbol, its hours, and whether its price is one to open at.
    fn check_market(&mut self, view: &GateView<'_>) -> Result<(), DenyCode> {
        let limits = &self.limits;
        require(limits.symbols.is_empty() || limits.symbols.contains(&view.spec.name), DenyCode::SymbolNotAllowed)?;
        require(limits.sessions.as_ref().is_none_or(|sessions| sessions.are_open(view.now)), DenyCode::MarketClosed)?;
        let quote = view.quote.ok_or(DenyCode::PriceStale)?;
        let age_us = view.now.since_us(quote.at);
        require(limits.price_age_ms_max.is_none_or(|max| age_us <= i64::from(max) * 1_000), DenyCode::PriceStale)?;
        let spread = quote.ask - quote.bid;
        require(limits.spread_points_max.is_none_or(|max| spread.0 <= i64::from(max)), DenyCode::SpreadTooWide)?;
        let Some(max) = limits.jump_permille else { return Ok(()) };
        let at = usize::from(view.symbol.0);
        if self.anchors.len() <= at {
            self.anchors.resize(at + 1, (Time(i64::MIN), Points(0)));
        }
        let anchor = &mut self.anchors[at];
        if view.now.since_us(anchor.0) >= MINUTE_US {
            *anchor = (view.now, quote.bid);
        }
        require(permille_apart(quote.bid, anchor.1) <= i64::from(max), DenyCode::PriceCollar)
    }

    fn check_volume(&self, request: &OrderRequest, view: &GateView<'_>) -> Result<(), DenyCode> {
        require(request.volume >= view.spec.volume_min, DenyCode::VolumeBelowMinimum)?;
        require(request.volume <= view.spec.volume_max, DenyCode::VolumeAboveMaximum)?;
        let max = self.limits.order_centilots_max;
        require(volume_e8(request.volume, view.spec) <= centilots_e8(max), DenyCode::VolumeAboveMaximum)
    }

    fn within_collar(&self, price: Points, view: &GateView<'_>) -> Result<(), DenyCode> {
        let (Some(max), Some(quote)) = (self.limits.collar_permille, view.quote) else { return Ok(()) };
        require(permille_apart(price, quote.bid) <= i64::from(max), DenyCode::PriceCollar)
    }

    /// What is on its way, working and open.
    fn check_counts(&self, view: &GateView<'_>) -> Result<(), DenyCode> {
        let (limits, on) = (&self.limits, &view.on_symbol);
        let room = |max: Option<u32>, there: u32| max.is_none_or(|max| there < max);
        // Until the outcome of the last one is known, nothing is added.
        require(on.unknown == 0 && room(limits.in_flight_per_symbol_max, on.in_flight), DenyCode::InFlight)?;
        require(view.working_orders < limits.working_orders_max as usize, DenyCode::OrdersExceeded)?;
        require(room(limits.symbol_orders_max, on.orders), DenyCode::OrdersExceeded)?;
        require(view.positions < limits.positions_max as usize, DenyCode::PositionsExceeded)?;
        require(room(limits.symbol_positions_max, on.positions), DenyCode::PositionsExceeded)
    }

    /// What would be at risk, everything that waits counted as filled.
    fn check_exposure(&self, request: &OrderRequest, view: &GateView<'_>) -> Result<(), DenyCode> {
        let (limits, exposure) = (&self.limits, &view.exposure);
        let within = |worth: Money, max: Option<u64>| max.is_none_or(|max| i128::from(worth.0) <= i128::from(max) * 1_000_000);
        if let Some(max) = limits.symbol_centilots_max {
            let worst = view.on_symbol.worst + request.volume;
            require(volume_e8(worst, view.spec) <= centilots_e8(max), DenyCode::ExposureExceeded)?;
        }
        // Too little is known to say that it is not too much.
        require(!exposure.incomplete || !limits.look_at_money(), DenyCode::MarginInsufficient)?;
        require(within(exposure.order, limits.order_notional_max), DenyCode::NotionalExceeded)?;
        require(within(exposure.gross, limits.gross_notional_max), DenyCode::ExposureExceeded)?;
        require(within(exposure.net, limits.net_notional_max), DenyCode::ExposureExceeded)?;
        let level = |min: u32| i128::from(exposure.equity.0) * 100 >= i128::from(exposure.margin.0) * i128::from(min);
        require(limits.margin_level_percent_min.is_none_or(level), DenyCode::MarginInsufficient)
    }
}

/// Whether an order can only reduce what is open; an order that says so and could do more is denied.
fn reduces(request: &OrderRequest, view: &GateView<'_>) -> Result<Way, DenyCode> {
    let room = request.volume + view.reducing <= view.against;
    match view.target {
        Target::Position { symbol, side, volume } => {
            let closes = symbol == request.symbol && side != request.side && request.volume + view.reducing_target <= volume;
            require(closes && room, DenyCode::WouldIncrease)?;
            Ok(Way::Out)
        }
        Target::Missing => Err(DenyCode::PositionNotFound),
        Target::None | Target::Order { .. } if request.reduce_only => {
            require(room, DenyCode::WouldIncrease)?;
            Ok(Way::Out)
        }
        // Where there is one position per symbol, the opposite order closes it.
        Target::None | Target::Order { .. } if view.netting && request.kind == OrderKind::Market && request.volume > Steps(0) && room => {
            Ok(Way::Out)
        }
        Target::None | Target::Order { .. } => Ok(Way::In),
    }
}

fn volume_e8(volume: Steps, spec: &SymbolSpec) -> i128 {
    i128::from(volume.0) * i128::from(spec.volume_step_e8)
}

fn centilots_e8(centilots: u32) -> i128 {
    i128::from(centilots) * 1_000_000
}

fn require(holds: bool, otherwise: DenyCode) -> Result<(), DenyCode> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn state_code(state: TradingState) -> DenyCode {
    if state == TradingState::Reducing { DenyCode::ReducingOnly } else { DenyCode::TradingHalted }
}
