//! [`Runner`]: drives one strategy through its life over a [`Host`], as the contract describes it.
//!
//! The exports of a component, the test harness and a host that runs a strategy natively all call this and nothing
//! else, so that a strategy behaves the same in each.

use crate::context::{Context, NO_ROW};
use crate::host::Host;
use crate::params::Params;
use crate::strategy::{Start, Strategy};
use crate::types::*;

/// One strategy and where it is in its life: `init`, then `load` if there is saved state, `start`, events, `stop`.
///
/// Events before `init` do nothing, which is what an instance without parameters can do.
#[derive(Debug)]
pub struct Runner<S> {
    strategy: Option<S>,
    wants_ticks: bool,
}

impl<S: Strategy> Default for Runner<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Runner<S> {
    /// A runner whose strategy has no parameters yet.
    pub const fn new() -> Self {
        Runner { strategy: None, wants_ticks: true }
    }

    /// The strategy, once `init` made one. For tests that look inside.
    pub fn strategy(&self) -> Option<&S> {
        self.strategy.as_ref()
    }
}

impl<S: Strategy> Runner<S> {
    /// What the strategy is, needs and can be set to. The same every time.
    pub fn describe() -> Description {
        S::manifest().describe(S::Params::specs())
    }

    /// Makes the strategy. Parameters that are not listed take their defaults.
    ///
    /// # Errors
    /// Names the parameter that is unknown, of another type or out of range; or says what the strategy has against them.
    pub fn init(&mut self, params: &[Param]) -> Result<(), String> {
        self.wants_ticks = S::manifest().wanted().tick;
        self.strategy = Some(S::new(S::Params::from_list(params)?)?);
        Ok(())
    }

    /// Starts the strategy.
    ///
    /// # Errors
    /// What the strategy has against starting, or that `init` was not called.
    pub fn start(&mut self, host: &dyn Host, mode: RunMode, account: AccountState, restored: bool) -> Result<(), String> {
        self.made()?.on_start(&mut Context::new(host, 0), &Start { mode, account, restored })
    }

    /// Hands over one tick.
    #[inline]
    pub fn tick(&mut self, host: &dyn Host, symbol: Symbol, tick: &Tick, skipped: u32) {
        if let (Some(strategy), true) = (&mut self.strategy, self.wants_ticks) {
            use std::slice::from_ref as one;
            let Tick { time, bid, ask, last, volume } = tick;
            let mut ctx = Context::over(host, symbol, one(time), NO_ROW);
            ctx.set_skipped(skipped);
            run(strategy, &mut ctx, Columns { times: one(time), bids: one(bid), asks: one(ask), lasts: one(last), volumes: one(volume) });
        }
    }

    /// Hands over many ticks of one symbol, column by column, and returns how many were handled: all of them, or those
    /// up to and including the first at which the strategy asked for an order or a timer.
    ///
    /// `lasts` and `volumes` may be empty (the market has none); all columns otherwise have the length of the shortest
    /// of `times`, `bids` and `asks`, and what is missing in a shorter one counts as none.
    pub fn ticks(&mut self, host: &dyn Host, symbol: Symbol, columns: Columns<'_>) -> u32 {
        // A local strategy that does not escape lives in registers over the batch.
        let Some(mut strategy) = self.strategy.take_if(|_| self.wants_ticks) else { return columns.rows() };
        let handled = run(&mut strategy, &mut Context::over(host, symbol, columns.times, 0), columns);
        self.strategy = Some(strategy);
        handled
    }

    /// Hands over a closed bar.
    pub fn bar(&mut self, host: &dyn Host, bar: &Bar) {
        if let Some(strategy) = &mut self.strategy {
            strategy.on_bar(&mut Context::new(host, bar.symbol), bar);
        }
    }

    /// A timer is due.
    pub fn timer(&mut self, host: &dyn Host, id: u32) {
        if let Some(strategy) = &mut self.strategy {
            strategy.on_timer(&mut Context::new(host, 0), id);
        }
    }

    /// Something became of an order.
    pub fn order(&mut self, host: &dyn Host, id: OrderId, event: &OrderEvent) {
        if let Some(strategy) = &mut self.strategy {
            strategy.on_order(&mut Context::new(host, 0), id, event);
        }
    }

    /// A position changed.
    pub fn position(&mut self, host: &dyn Host, position: &Position, change: PositionChange) {
        if let Some(strategy) = &mut self.strategy {
            strategy.on_position(&mut Context::new(host, position.symbol), position, change);
        }
    }

    /// Trading was restricted or freed.
    pub fn trading_state(&mut self, host: &dyn Host, state: TradingState) {
        if let Some(strategy) = &mut self.strategy {
            strategy.on_trading_state(&mut Context::new(host, 0), state);
        }
    }

    /// The last call.
    pub fn stop(&mut self, host: &dyn Host, reason: StopReason) {
        if let Some(strategy) = &mut self.strategy {
            strategy.on_stop(&mut Context::new(host, 0), reason);
        }
    }

    /// The strategy's state; empty before `init`.
    pub fn save(&self) -> Vec<u8> {
        self.strategy.as_ref().map(Strategy::save).unwrap_or_default()
    }

    /// Goes on from saved state.
    ///
    /// # Errors
    /// What the strategy has against the bytes, or that `init` was not called.
    pub fn load(&mut self, schema: u32, state: &[u8]) -> Result<(), String> {
        self.made()?.load(schema, state)
    }

    /// The strategy's own criterion for an optimisation; 0 before `init`.
    pub fn tester(&mut self, stats: &TesterStats) -> f64 {
        self.strategy.as_mut().map_or(0.0, |strategy| strategy.on_tester(stats))
    }

    fn made(&mut self) -> Result<&mut S, String> {
        self.strategy.as_mut().ok_or_else(|| "init has not been called".to_owned())
    }
}

/// Many ticks of one symbol, column by column. Times in microseconds since 1970 UTC, prices in the quote currency.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns<'a> {
    /// When each tick came.
    pub times: &'a [Time],
    /// Bids.
    pub bids: &'a [f64],
    /// Asks.
    pub asks: &'a [f64],
    /// Last deals, or empty.
    pub lasts: &'a [f64],
    /// Volumes of the last deals, or empty.
    pub volumes: &'a [f64],
}

impl Columns<'_> {
    fn rows(&self) -> u32 {
        self.times.len().min(self.bids.len()).min(self.asks.len()) as u32
    }
}

/// The loop over a batch: stops after the row at which the strategy acted, for the host must see to that first.
///
/// The only place that calls `on_tick`, so that it is inlined here: a call by the row would cost more than most strategies.
#[inline(always)]
fn run<S: Strategy>(strategy: &mut S, ctx: &mut Context, columns: Columns<'_>) -> u32 {
    let Columns { times, bids, asks, lasts, volumes } = columns;
    let or_none = |column: &[f64], row: usize| column.get(row).copied().unwrap_or(0.0);
    for (row, ((&time, &bid), &ask)) in times.iter().zip(bids).zip(asks).enumerate() {
        ctx.enter_row(row);
        strategy.on_tick(ctx, &Tick { time, bid, ask, last: or_none(lasts, row), volume: or_none(volumes, row) });
        if ctx.acted() {
            return row as u32 + 1;
        }
    }
    columns.rows()
}
