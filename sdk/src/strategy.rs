//! [`Strategy`], the trait an author implements, and [`Manifest`], what a strategy says about itself.

use crate::context::Context;
use crate::params::Params;
use crate::types::*;

/// A trading strategy. Only [`Strategy::Params`], [`Strategy::manifest`] and [`Strategy::new`] have no default.
///
/// Callbacks come one at a time, in the order of market time, never within another. At one tick: due timers, bars that
/// closed before it, outcomes of orders, the tick itself.
///
/// ```
/// use stockade_sdk::prelude::*;
///
/// #[derive(Params)]
/// struct Settings {
///     /// Volume of each order, in lots.
///     #[param(default = 0.1, min = 0.01, max = 10.0)]
///     volume: f64,
/// }
///
/// struct BuyOnce {
///     settings: Settings,
///     done: bool,
/// }
///
/// impl Strategy for BuyOnce {
///     type Params = Settings;
///
///     fn manifest() -> Manifest {
///         Manifest::new("buy-once", "0.1.0").about("Buys at the first tick and holds.")
///     }
///
///     fn new(settings: Settings) -> Result<Self, String> {
///         Ok(BuyOnce { settings, done: false })
///     }
///
///     fn on_tick(&mut self, ctx: &mut Context, _tick: &Tick) {
///         if !self.done {
///             self.done = ctx.buy(self.settings.volume).is_ok();
///         }
///     }
/// }
/// # fn main() {
/// let mut test = stockade_sdk::testing::Harness::<BuyOnce>::new(Settings::default());
/// test.tick(0, 1.1000, 1.1001);
/// assert_eq!(test.submitted().len(), 1);
/// # }
/// ```
#[allow(unused_variables, reason = "default methods name their arguments for the reader")]
pub trait Strategy: Sized {
    /// What the owner of an engine may set. `()` for a strategy without parameters.
    type Params: Params;

    /// What the strategy is called and what it needs. Must give the same answer every time.
    fn manifest() -> Manifest;

    /// A strategy with these parameters, which are within their stated ranges.
    ///
    /// # Errors
    /// Refuses the parameters, in words for the owner: for instance, when two of them do not fit together.
    fn new(params: Self::Params) -> Result<Self, String>;

    /// The history asked for is there, positions and orders are known, no tick has come yet.
    ///
    /// # Errors
    /// Refuses to start, in words for the owner.
    fn on_start(&mut self, ctx: &mut Context, start: &Start) -> Result<(), String> {
        Ok(())
    }

    /// Looks at each tick that is waited for first and says whether [`Strategy::on_tick`] is wanted for it, which it is unless stated.
    ///
    /// A strategy that acts seldom does here what every tick takes, such as moving its averages. It has no context: that
    /// nothing can be asked of the host here is what makes a batch of ticks fast, by a third for a pair of averages. One that
    /// needs not even a look at most ticks says so with [`Strategy::wake`].
    /// [`Context::skipped`] tells of what is missing just before the tick that `on_tick` gets; of earlier gaps
    /// [`Context::last_gap`] tells.
    ///
    /// ```
    /// # use stockade_sdk::prelude::*;
    /// # use stockade_sdk::indicators::Ema;
    /// # struct Breaks { average: Ema, level: f64 }
    /// # impl Strategy for Breaks {
    /// #     type Params = ();
    /// #     fn manifest() -> Manifest { Manifest::new("breaks", "0.1.0") }
    /// #     fn new(_: ()) -> Result<Self, String> { Ok(Breaks { average: Ema::new(9), level: 1.2 }) }
    /// fn watch(&mut self, _symbol: Symbol, tick: &Tick) -> bool {
    ///     self.average.update(tick.mid()).is_some_and(|average| average > self.level)
    /// }
    ///
    /// fn on_tick(&mut self, ctx: &mut Context, tick: &Tick) {
    ///     // The average is above the level.
    /// }
    /// # }
    /// ```
    #[inline]
    fn watch(&mut self, symbol: Symbol, tick: &Tick) -> bool {
        true
    }

    /// The ticks of `symbol` that the strategy waits for: every tick unless stated. Asked after each callback, of which
    /// [`Strategy::watch`] picks none; of the ticks that are not waited for, the strategy is not told, and its host has no work with them.
    ///
    /// A strategy that looks at prices only to compare them with a few levels, or at none while it waits for a bar or for its
    /// order, says so here. It is then called when there is something to do: a backtest passes over such ticks at the speed of
    /// memory, and on a host that is shared by thousands it leaves the others alone. Waking too often is harmless, so a level
    /// may be a rough one; what is not waited for is never seen. Live, where ticks can go missing (a pause, a host that is too busy), the
    /// next one comes whether it is waited for or not, with [`Context::skipped`]: what was waited for may have been among them.
    ///
    /// ```
    /// # use stockade_sdk::prelude::*;
    /// # struct Fades { bar_closed: bool, target: Option<f64> }
    /// # impl Strategy for Fades {
    /// #     type Params = ();
    /// #     fn manifest() -> Manifest { Manifest::new("fades", "0.1.0") }
    /// #     fn new(_: ()) -> Result<Self, String> { Ok(Fades { bar_closed: false, target: None }) }
    /// fn wake(&self, _symbol: Symbol) -> Wake {
    ///     match self.target {
    ///         Some(price) => Wake::NEVER.or_bid_at_least(price),
    ///         None if self.bar_closed => Wake::EVERY_TICK,
    ///         None => Wake::NEVER,
    ///     }
    /// }
    /// # }
    /// ```
    #[inline]
    fn wake(&self, symbol: Symbol) -> Wake {
        Wake::EVERY_TICK
    }

    /// One tick of [`Context::symbol`].
    fn on_tick(&mut self, ctx: &mut Context, tick: &Tick) {}

    /// A bar of a timeframe that the manifest asked for closed. Comes before the tick that closed it.
    fn on_bar(&mut self, ctx: &mut Context, bar: &Bar) {}

    /// A timer set with [`Context::set_timer`] is due.
    fn on_timer(&mut self, ctx: &mut Context, id: u32) {}

    /// Something became of an order.
    fn on_order(&mut self, ctx: &mut Context, id: OrderId, event: &OrderEvent) {}

    /// A position changed; `position` is as it is afterwards, with volume 0 when it closed.
    fn on_position(&mut self, ctx: &mut Context, position: &Position, change: PositionChange) {}

    /// Trading was restricted or freed by the owner, the operator or a risk rule.
    fn on_trading_state(&mut self, ctx: &mut Context, state: TradingState) {}

    /// The last call.
    fn on_stop(&mut self, ctx: &mut Context, reason: StopReason) {}

    /// What [`Strategy::load`] needs to go on from here, at most 1 MiB. [`crate::state::Writer`] helps. Positions and
    /// orders need not be saved: the host knows them.
    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Goes on from bytes that [`Strategy::save`] wrote, perhaps in an earlier version with another `schema`.
    ///
    /// # Errors
    /// Refuses the bytes, in words for the owner. [`crate::state::Reader`] gives such errors.
    fn load(&mut self, schema: u32, state: &[u8]) -> Result<(), String> {
        Ok(())
    }

    /// The criterion an optimisation maximises when it is set to "custom". The profit unless stated.
    fn on_tester(&mut self, stats: &TesterStats) -> f64 {
        stats.profit
    }
}

/// How an engine starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Backtest, optimisation, paper or live. Decisions should not depend on it.
    pub mode: RunMode,
    /// The account at this moment.
    pub account: AccountState,
    /// Whether [`Strategy::load`] has been called before.
    pub restored: bool,
}

/// What a strategy says about itself, built up from [`Manifest::new`].
///
/// ```
/// use stockade_sdk::prelude::*;
///
/// let manifest = Manifest::new("breakout", "1.2.0")
///     .about("Trades the break of the morning's range.")
///     .need(Need::owners_choice().bars(&[Timeframe::M5], 100))
///     .state_schema(2);
/// assert_eq!(manifest.needs()[0].bars_before_start, 100);
/// ```
#[derive(Clone, Debug)]
pub struct Manifest {
    name: String,
    version: String,
    about: String,
    needs: Vec<DataNeed>,
    latest_tick_only: bool,
    callbacks: Option<Callbacks>,
    state_schema: u32,
    memory_bytes: u64,
}

impl Manifest {
    /// A manifest of a strategy that trades one symbol which the owner picks, and looks at its ticks.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Manifest {
            name: name.into(),
            version: version.into(),
            about: String::new(),
            needs: Vec::new(),
            latest_tick_only: false,
            callbacks: None,
            state_schema: 1,
            memory_bytes: 0,
        }
    }

    /// One sentence for the list of strategies.
    #[must_use]
    pub fn about(mut self, about: impl Into<String>) -> Self {
        self.about = about.into();
        self
    }

    /// Adds a symbol. The first one is symbol 0, and so on.
    #[must_use]
    pub fn need(mut self, need: Need) -> Self {
        self.needs.push(need.0);
        self
    }

    /// When ticks wait, hand over the latest only; [`Context::skipped`] says how many were left out.
    #[must_use]
    pub fn latest_tick_only(mut self) -> Self {
        self.latest_tick_only = true;
        self
    }

    /// The callbacks that the strategy has, so that the host makes no empty call. Unless stated: all of them, `bar` only
    /// where some need has timeframes.
    #[must_use]
    pub fn callbacks(mut self, callbacks: Callbacks) -> Self {
        self.callbacks = Some(callbacks);
        self
    }

    /// Of the market and of its orders the strategy hears by `on_tick` alone: bars close, timers fire, orders fill and positions
    /// change without a call. It looks at them when it wants to know.
    #[must_use]
    pub fn only_ticks(self) -> Self {
        self.callbacks(Callbacks { tick: true, bar: false, timer: false, order: false, position: false })
    }

    /// The strategy lives on bars and timers: `on_tick` is not called.
    #[must_use]
    pub fn without_ticks(mut self) -> Self {
        self.callbacks = Some(Callbacks { tick: false, ..self.wanted() });
        self
    }

    /// Version of the bytes that [`Strategy::save`] writes; 1 unless stated.
    #[must_use]
    pub fn state_schema(mut self, schema: u32) -> Self {
        self.state_schema = schema;
        self
    }

    /// Memory that the strategy asks for, in bytes; the host's usual limit unless stated. The host may refuse.
    #[must_use]
    pub fn memory_bytes(mut self, bytes: u64) -> Self {
        self.memory_bytes = bytes;
        self
    }

    /// The symbols wanted so far.
    pub fn needs(&self) -> &[DataNeed] {
        &self.needs
    }

    /// The callbacks wanted.
    pub fn wanted(&self) -> Callbacks {
        let bar = self.needs.iter().any(|need| !need.timeframes.is_empty());
        self.callbacks.unwrap_or(Callbacks { tick: true, bar, timer: true, order: true, position: true })
    }

    /// The answer to the contract's `describe`.
    pub(crate) fn describe(self, params: Vec<ParamSpec>) -> Description {
        let callbacks = self.wanted();
        let needs = if self.needs.is_empty() { vec![Need::owners_choice().0] } else { self.needs };
        Description {
            name: self.name,
            version: self.version,
            about: self.about,
            params,
            needs,
            latest_tick_only: self.latest_tick_only,
            callbacks,
            state_schema: self.state_schema,
            memory_bytes: self.memory_bytes,
        }
    }
}

/// A symbol that a strategy trades or watches, and what it must know of its past before `on_start`.
#[derive(Clone, Debug, PartialEq)]
pub struct Need(DataNeed);

impl Need {
    /// A symbol by its name at the broker, such as `EURUSD`.
    pub fn symbol(name: impl Into<String>) -> Self {
        Need(DataNeed { symbol: name.into(), timeframes: Vec::new(), bars_before_start: 0, ticks_before_start: 0 })
    }

    /// A symbol that the owner picks when the engine is set up.
    pub fn owners_choice() -> Self {
        Self::symbol("")
    }

    /// Calls `on_bar` for these timeframes, and has `before_start` closed bars of each at hand before `on_start`.
    #[must_use]
    pub fn bars(mut self, timeframes: &[Timeframe], before_start: u32) -> Self {
        self.0.timeframes = timeframes.to_vec();
        self.0.bars_before_start = before_start;
        self
    }

    /// Has this many ticks at hand before `on_start`.
    #[must_use]
    pub fn ticks(mut self, before_start: u32) -> Self {
        self.0.ticks_before_start = before_start;
        self
    }
}
