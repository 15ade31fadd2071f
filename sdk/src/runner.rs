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
    /// What its manifest says that it hears of: a host makes no other call, and this makes none either, whoever drives it.
    wanted: Callbacks,
    told: Told,
}

/// Which ticks the host was told to hand over.
#[derive(Debug)]
struct Told {
    /// Every tick of every symbol.
    is_all: bool,
    /// Of each symbol.
    wakes: Vec<Wake>,
}

impl<S: Strategy> Default for Runner<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Runner<S> {
    /// A runner whose strategy has no parameters yet.
    pub const fn new() -> Self {
        let wanted = Callbacks { tick: true, bar: true, timer: true, order: true, position: true };
        Runner { strategy: None, wanted, told: Told { is_all: true, wakes: Vec::new() } }
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
        let manifest = S::manifest();
        self.wanted = manifest.wanted();
        self.told = Told { is_all: true, wakes: vec![Wake::EVERY_TICK; manifest.needs().len().max(1)] };
        self.strategy = Some(S::new(S::Params::from_list(params)?)?);
        Ok(())
    }

    /// Starts the strategy.
    ///
    /// # Errors
    /// What the strategy has against starting, or that `init` was not called.
    pub fn start(&mut self, host: &dyn Host, mode: RunMode, account: AccountState, restored: bool) -> Result<(), String> {
        let mut ctx = Context::new(host, 0);
        let strategy = self.strategy.as_mut().ok_or_else(not_made)?;
        strategy.on_start(&mut ctx, &Start { mode, account, restored })?;
        self.told.tell(strategy, &mut ctx);
        Ok(())
    }

    /// Hands over one tick.
    #[inline]
    pub fn tick(&mut self, host: &dyn Host, symbol: Symbol, tick: &Tick, skipped: u32) {
        if let (Some(strategy), true) = (&mut self.strategy, self.wanted.tick)
            && strategy.watch(symbol, tick)
        {
            let mut ctx = Context::over(host, symbol, std::slice::from_ref(&tick.time), NO_ROW);
            ctx.set_skipped(skipped);
            strategy.on_tick(&mut ctx, tick);
            self.told.tell(strategy, &mut ctx);
        }
    }

    /// Hands over many ticks of one symbol, column by column, and returns how many were handled: all of them, or those
    /// up to and including the first at which the strategy asked for an order or a timer, or for other ticks.
    ///
    /// `lasts` and `volumes` may be empty (the market has none); all columns otherwise have the length of the shortest
    /// of `times`, `bids` and `asks`, and what is missing in a shorter one counts as none.
    pub fn ticks(&mut self, host: &dyn Host, symbol: Symbol, columns: Columns<'_>) -> u32 {
        if !self.wanted.tick {
            return columns.rows();
        }
        let (slot, told) = (&mut self.strategy, &mut self.told);
        match (columns.lasts, columns.volumes) {
            ([], []) => batch::<_, false>(slot, told, host, symbol, columns),
            _ => batch::<_, true>(slot, told, host, symbol, columns),
        }
    }

    /// Hands over a closed bar.
    pub fn bar(&mut self, host: &dyn Host, bar: &Bar) {
        if let Some(strategy) = self.strategy.as_mut().filter(|_| self.wanted.bar) {
            let mut ctx = Context::new(host, bar.symbol);
            strategy.on_bar(&mut ctx, bar);
            self.told.tell(strategy, &mut ctx);
        }
    }

    /// A timer is due.
    pub fn timer(&mut self, host: &dyn Host, id: u32) {
        if let Some(strategy) = self.strategy.as_mut().filter(|_| self.wanted.timer) {
            let mut ctx = Context::new(host, 0);
            strategy.on_timer(&mut ctx, id);
            self.told.tell(strategy, &mut ctx);
        }
    }

    /// Something became of an order.
    pub fn order(&mut self, host: &dyn Host, id: OrderId, event: &OrderEvent) {
        if let Some(strategy) = self.strategy.as_mut().filter(|_| self.wanted.order) {
            let mut ctx = Context::new(host, 0);
            strategy.on_order(&mut ctx, id, event);
            self.told.tell(strategy, &mut ctx);
        }
    }

    /// A position changed.
    pub fn position(&mut self, host: &dyn Host, position: &Position, change: PositionChange) {
        if let Some(strategy) = self.strategy.as_mut().filter(|_| self.wanted.position) {
            let mut ctx = Context::new(host, position.symbol);
            strategy.on_position(&mut ctx, position, change);
            self.told.tell(strategy, &mut ctx);
        }
    }

    /// Trading was restricted or freed.
    pub fn trading_state(&mut self, host: &dyn Host, state: TradingState) {
        if let Some(strategy) = &mut self.strategy {
            let mut ctx = Context::new(host, 0);
            strategy.on_trading_state(&mut ctx, state);
            self.told.tell(strategy, &mut ctx);
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
        self.strategy.as_mut().ok_or_else(not_made)
    }
}

fn not_made() -> String {
    "init has not been called".to_owned()
}

impl Told {
    /// Tells the host which ticks the strategy waits for, where that has changed. For a strategy that does not say, a look at a flag is
    /// left of this.
    #[inline]
    fn tell<S: Strategy>(&mut self, strategy: &S, ctx: &mut Context) {
        if !self.is_all_still(strategy) {
            self.tell_each(strategy, ctx);
        }
    }

    /// Whether the strategy waits for every tick, as the host knows.
    #[inline]
    fn is_all_still<S: Strategy>(&self, strategy: &S) -> bool {
        self.is_all && (0..self.wakes.len()).all(|symbol| is_every(strategy.wake(symbol as Symbol)))
    }

    /// Acts where something is told.
    #[inline(never)]
    fn tell_each<S: Strategy>(&mut self, strategy: &S, ctx: &mut Context) {
        self.is_all = true;
        for (symbol, told) in (0..).zip(&mut self.wakes) {
            let wake = strategy.wake(symbol);
            self.is_all &= is_every(wake);
            if !told.is_same(&wake) {
                *told = wake;
                ctx.set_wake(symbol, wake);
            }
        }
    }
}

fn is_every(wake: Wake) -> bool {
    wake.is_awake(Time::MIN)
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

impl<'a> Columns<'a> {
    fn rows(&self) -> u32 {
        self.times.len().min(self.bids.len()).min(self.asks.len()) as u32
    }

    /// Gives each row as a tick. `DEALS` says whether to look for last deals and their volumes, which most markets do not have:
    /// the columns that nobody looks at leave their registers to the strategy.
    #[inline(always)]
    fn reader<const DEALS: bool>(self) -> impl Fn(usize) -> Tick + 'a {
        let rows = self.rows() as usize;
        let Columns { times, bids, asks, lasts, volumes } = self;
        let (times, bids, asks) = (&times[..rows], &bids[..rows], &asks[..rows]);
        let or_none = |column: &[f64], row: usize| if DEALS { column.get(row).copied().unwrap_or(0.0) } else { 0.0 };
        move |row| {
            let (last, volume) = (or_none(lasts, row), or_none(volumes, row));
            Tick { time: times[row], bid: bids[row], ask: asks[row], last, volume }
        }
    }
}

/// A batch, in a market with deals or without. A function by itself for each, since one with two loops gets fewer registers for
/// each of them.
#[inline(never)]
fn batch<S: Strategy, const DEALS: bool>(
    slot: &mut Option<S>,
    told: &mut Told,
    host: &dyn Host,
    symbol: Symbol,
    columns: Columns<'_>,
) -> u32 {
    // A local strategy that does not escape lives in registers over the batch.
    let Some(mut strategy) = slot.take() else { return columns.rows() };
    let mut ctx = Context::over(host, symbol, columns.times, 0);
    let handled = run::<S, DEALS>(&mut strategy, told, &mut ctx, columns);
    *slot = Some(strategy);
    handled
}

/// The loop over a batch: stops after the row at which the strategy acted, or waits for other ticks, for the host must see to that
/// first.
///
/// `on_tick` is inlined here: a call by the row would cost more than most strategies.
#[inline(always)]
fn run<S: Strategy, const DEALS: bool>(strategy: &mut S, told: &mut Told, ctx: &mut Context, columns: Columns<'_>) -> u32 {
    let rows = columns.rows() as usize;
    let read = columns.reader::<DEALS>();
    let symbol = ctx.symbol();
    let mut row = 0;
    while row < rows {
        let mut tick = read(row);
        // Of a strategy that does not watch nothing of this is left.
        if !strategy.watch(symbol, &tick) {
            row = quiet::<S, DEALS>(strategy, symbol, columns, row + 1);
            if row == rows {
                break;
            }
            tick = read(row);
        }
        ctx.enter_row(row);
        strategy.on_tick(ctx, &tick);
        row += 1;
        // Asked here and not after rows that were only watched, as it is of ticks one by one.
        told.tell(strategy, ctx);
        if ctx.acted() {
            break;
        }
    }
    row as u32
}

/// The first row from `row` on of which the strategy wants to see more, which it has watched then; how many there are if none.
///
/// A function by itself: it calls nobody, so that nothing is kept safe from a call with each row. Written for some rows at
/// once, since fuel and deadline are looked at each time round.
#[inline(never)]
fn quiet<S: Strategy, const DEALS: bool>(strategy: &mut S, symbol: Symbol, columns: Columns<'_>, mut row: usize) -> usize {
    const AT_ONCE: usize = 4;
    let rows = columns.rows() as usize;
    let read = columns.reader::<DEALS>();
    while rows - row >= AT_ONCE {
        for ahead in 0..AT_ONCE {
            if strategy.watch(symbol, &read(row + ahead)) {
                return row + ahead;
            }
        }
        row += AT_ONCE;
    }
    while row < rows && !strategy.watch(symbol, &read(row)) {
        row += 1;
    }
    row
}
