//! [`Harness`]: one strategy on the harness's market.

use super::exchange::{Event, Exchange, Fills};
use super::record::{Decision, Recorded};
use crate::bars::BarBuilder;
use crate::host::Host;
use crate::params::Params;
use crate::runner::{Columns, Runner};
use crate::strategy::Strategy;
use crate::types::*;

/// A guest may wake the harness so often at one event before the test is declared a loop.
const EVENTS_MAX: usize = 10_000;

/// Runs a strategy natively: feed it ticks, read what it decided.
///
/// The strategy starts with the first tick, or with [`Harness::start`]. Bars that its manifest asks for are made of the
/// ticks. Methods that a correct test never sees fail panic with the reason.
#[derive(Debug)]
pub struct Harness<S: Strategy> {
    runner: Runner<S>,
    exchange: Exchange,
    builders: Vec<(Symbol, Timeframe, BarBuilder)>,
    restored: bool,
    started: bool,
}

impl<S: Strategy> Harness<S> {
    /// A strategy with these parameters on a market where every symbol is a EURUSD ([`super::eurusd`]) and the account
    /// has 10,000 USD. The parameters go through the contract's form and are checked as a host's are.
    ///
    /// # Panics
    /// When the strategy refuses the parameters; [`Harness::try_new`] gives the reason instead.
    pub fn new(params: S::Params) -> Self {
        match Self::try_new(&params.to_list()) {
            Ok(harness) => harness,
            Err(why) => panic!("the strategy refused its parameters: {why}"),
        }
    }

    /// As [`Harness::new`], from a list as a host hands it over.
    ///
    /// # Errors
    /// Why the parameters were refused.
    pub fn try_new(params: &[Param]) -> Result<Self, String> {
        let mut runner = Runner::new();
        runner.init(params)?;
        let needs = Runner::<S>::describe().needs;
        let mut builders = Vec::new();
        for (symbol, need) in (0..).zip(&needs) {
            let mut timeframes = need.timeframes.clone();
            timeframes.sort_by_key(|timeframe| *timeframe as u8);
            timeframes.dedup();
            builders.extend(timeframes.into_iter().map(|timeframe| (symbol, timeframe, BarBuilder::timeframe(timeframe))));
        }
        Ok(Harness { runner, exchange: Exchange::new(needs.len()), builders, restored: false, started: false })
    }

    /// Makes `symbol` another one than EURUSD.
    #[must_use]
    pub fn symbol(self, symbol: Symbol, spec: SymbolSpec) -> Self {
        self.exchange.change().specs[symbol as usize] = spec;
        self
    }

    /// Sets the account's balance, in its currency.
    #[must_use]
    pub fn balance(self, balance: f64) -> Self {
        self.exchange.change().account.balance = balance;
        self
    }

    /// Sets what becomes of orders; unless set, [`Fills::Immediate`].
    #[must_use]
    pub fn fills(self, fills: Fills) -> Self {
        self.exchange.change().fills = fills;
        self
    }

    /// Bars that closed before the start, oldest first.
    #[must_use]
    pub fn history(self, bars: impl IntoIterator<Item = Bar>) -> Self {
        bars.into_iter().for_each(|bar| self.exchange.change().keep_bar(bar));
        self
    }

    /// Ticks of `symbol` that the strategy was not handed: what [`crate::Context::last_gap`] answers.
    #[must_use]
    pub fn gap(self, symbol: Symbol, gap: Gap) -> Self {
        self.exchange.change().gaps.insert(symbol, gap);
        self
    }

    /// Loads saved state, as a host does before it starts the strategy again.
    ///
    /// # Errors
    /// Why the strategy refused the state.
    pub fn load(mut self, schema: u32, state: &[u8]) -> Result<Self, String> {
        self.runner.load(schema, state)?;
        self.restored = true;
        Ok(self)
    }

    /// Starts the strategy now, on paper.
    ///
    /// # Errors
    /// Why it refused to start.
    pub fn start(&mut self) -> Result<(), String> {
        self.started = true;
        let account = self.exchange.account();
        self.runner.start(&self.exchange, RunMode::Paper, account, self.restored)?;
        self.tell();
        Ok(())
    }

    /// Feeds one tick of symbol 0: time in microseconds since 1970 UTC, prices in the quote currency.
    ///
    /// # Panics
    /// When the strategy refuses to start, or the time goes back.
    pub fn tick(&mut self, time: Time, bid: f64, ask: f64) {
        self.feed(0, &[Tick { time, bid, ask, last: 0.0, volume: 0.0 }]);
    }

    /// Feeds ticks of one symbol, one call each; those that the strategy does not [wait for](Strategy::wake) go by.
    ///
    /// # Panics
    /// As [`Harness::tick`].
    pub fn feed(&mut self, symbol: Symbol, ticks: &[Tick]) {
        self.start_once();
        for tick in ticks {
            self.before(symbol, tick);
            self.single(symbol, tick);
            self.after(symbol);
        }
    }

    /// Feeds ticks of one symbol in batches of at most `rows_max`, as a backtest does. The decisions must be those of
    /// [`Harness::feed`].
    ///
    /// # Panics
    /// As [`Harness::tick`], and when the strategy handles no row.
    pub fn feed_batched(&mut self, symbol: Symbol, ticks: &[Tick], rows_max: usize) {
        self.start_once();
        let mut rest = ticks;
        while let Some(first) = rest.first() {
            self.before(symbol, first);
            let handled = if self.wake(symbol).is_awake(first.time) {
                let quiet = rest[1..].iter().take(rows_max.saturating_sub(1)).take_while(|tick| self.is_quiet(symbol, tick)).count();
                self.batch(symbol, &rest[..=quiet])
            } else {
                self.single(symbol, first);
                1
            };
            self.after(symbol);
            rest = &rest[handled..];
        }
    }

    /// Tells the strategy that trading was restricted or freed.
    pub fn trading_state(&mut self, state: TradingState) {
        self.runner.trading_state(&self.exchange, state);
        self.after(0);
    }

    /// Denies every request from now on with this code; none lets them pass again.
    pub fn deny(&mut self, code: Option<DenyCode>) {
        self.exchange.change().deny = code;
    }

    /// Ends the strategy.
    pub fn stop(&mut self, reason: StopReason) {
        self.runner.stop(&self.exchange, reason);
        self.after(0);
    }

    /// The strategy's saved state.
    pub fn save(&self) -> Vec<u8> {
        self.runner.save()
    }

    /// Everything the strategy asked for and said, oldest first.
    pub fn decisions(&self) -> Vec<Recorded> {
        self.exchange.see().recorded.clone()
    }

    /// The orders that were accepted, oldest first.
    pub fn submitted(&self) -> Vec<OrderRequest> {
        self.find(|decision| match decision {
            Decision::Submit(request, Ok(_)) => Some(request.clone()),
            _ => None,
        })
    }

    /// Closes that were accepted, oldest first: the position, and how many lots of it if not all.
    pub fn closed(&self) -> Vec<(PositionId, Option<f64>)> {
        self.find(|decision| match decision {
            Decision::Close(id, volume, Ok(_)) => Some((*id, *volume)),
            _ => None,
        })
    }

    /// Signals, oldest first: side, confidence, reason.
    pub fn signals(&self) -> Vec<(Option<Side>, f64, String)> {
        self.find(|decision| match decision {
            Decision::Signal(_, side, confidence, reason) => Some((*side, *confidence, reason.clone())),
            _ => None,
        })
    }

    /// Lines of the log, oldest first.
    pub fn logs(&self) -> Vec<String> {
        self.find(|decision| match decision {
            Decision::Log(_, text) => Some(text.clone()),
            _ => None,
        })
    }

    /// Open positions, oldest first.
    pub fn positions(&self) -> Vec<Position> {
        self.exchange.positions()
    }

    /// The account at the last prices.
    pub fn account(&self) -> AccountState {
        self.exchange.account()
    }

    /// The strategy itself, to look inside.
    pub fn strategy(&self) -> Option<&S> {
        self.runner.strategy()
    }

    fn find<T>(&self, pick: impl FnMut(&Decision) -> Option<T>) -> Vec<T> {
        self.exchange.see().recorded.iter().map(|recorded| &recorded.decision).filter_map(pick).collect()
    }

    fn start_once(&mut self) {
        if !self.started
            && let Err(why) = self.start()
        {
            panic!("the strategy refused to start: {why}");
        }
    }

    /// What happens at a tick before the strategy sees it: timers, bars, fills.
    fn before(&mut self, symbol: Symbol, tick: &Tick) {
        assert!(tick.time >= self.exchange.see().now, "time went back to {}", tick.time);
        self.timers(tick.time);
        self.exchange.change().now = tick.time;
        for place in 0..self.builders.len() {
            let (of, timeframe, builder) = &mut self.builders[place];
            if *of == symbol
                && let Some(candle) = builder.update(tick)
            {
                let bar = self.exchange.see().specs[symbol as usize].bar(symbol, *timeframe, &candle);
                self.exchange.change().keep_bar(bar);
                self.runner.bar(&self.exchange, &bar);
                self.tell();
            }
        }
        let mut market = self.exchange.change();
        (market.batch, market.batch_taken) = (Vec::new(), 0);
        market.take(symbol, *tick);
        drop(market);
        self.after(symbol);
    }

    /// Hands over a tick, if it is waited for.
    fn single(&mut self, symbol: Symbol, tick: &Tick) {
        if self.wake(symbol).holds(tick) {
            self.runner.tick(&self.exchange, symbol, tick, 0);
        }
    }

    fn wake(&self, symbol: Symbol) -> Wake {
        self.exchange.see().wakes[symbol as usize]
    }

    /// Whether the strategy could see this tick without anything happening first. Earlier ticks need not be known.
    fn is_quiet(&self, symbol: Symbol, tick: &Tick) -> bool {
        let market = self.exchange.see();
        let timer = market.timers.values().any(|&(at, _)| at <= tick.time);
        let bar = self.builders.iter().any(|(of, _, builder)| *of == symbol && builder.closes_before(tick));
        !timer && !bar && !market.stirs(symbol, tick)
    }

    fn batch(&mut self, symbol: Symbol, ticks: &[Tick]) -> usize {
        let mut market = self.exchange.change();
        (market.batch, market.batch_symbol, market.batch_taken) = (ticks.to_vec(), symbol, 1);
        drop(market);
        let column = |pick: fn(&Tick) -> f64| ticks.iter().map(pick).collect::<Vec<_>>();
        // As a host hands them over: none at all where the market has none.
        let of_deals = |pick: fn(&Tick) -> f64| Some(column(pick)).filter(|column| column.iter().any(|&value| value != 0.0));
        let times: Vec<_> = ticks.iter().map(|tick| tick.time).collect();
        let columns = Columns {
            times: &times,
            bids: &column(|tick| tick.bid),
            asks: &column(|tick| tick.ask),
            lasts: &of_deals(|tick| tick.last).unwrap_or_default(),
            volumes: &of_deals(|tick| tick.volume).unwrap_or_default(),
        };
        let handled = self.runner.ticks(&self.exchange, symbol, columns) as usize;
        assert!((1..=ticks.len()).contains(&handled), "{handled} of {} rows were handled", ticks.len());
        self.exchange.change().take_rows(handled);
        for (_, _, builder) in self.builders.iter_mut().filter(|builder| builder.0 == symbol) {
            ticks[1..handled].iter().for_each(|tick| assert!(builder.update(tick).is_none(), "a bar closed within a batch"));
        }
        handled
    }

    /// Fires the timers that are due by `time`, in order of time.
    fn timers(&mut self, time: Time) {
        for _ in 0..EVENTS_MAX {
            let mut market = self.exchange.change();
            let due = market.timers.iter().map(|(&id, &(at, every))| (at, id, every)).min();
            let Some((at, id, every)) = due.filter(|due| due.0 <= time) else { return };
            match every {
                Some(every) => market.timers.insert(id, (at + every.max(1) as Time, Some(every))),
                None => market.timers.remove(&id),
            };
            market.now = market.now.max(at);
            drop(market);
            self.runner.timer(&self.exchange, id);
            self.tell();
        }
        panic!("more than {EVENTS_MAX} timers at one tick");
    }

    /// Fills what can be filled and tells the strategy, until nothing is left.
    fn after(&mut self, symbol: Symbol) {
        for _ in 0..EVENTS_MAX {
            self.exchange.change().settle(symbol);
            if !self.tell() {
                return;
            }
        }
        panic!("the strategy answered more than {EVENTS_MAX} fills with new orders");
    }

    /// Tells the strategy the outcomes of its orders; whether there were any.
    fn tell(&mut self) -> bool {
        let events = std::mem::take(&mut self.exchange.change().events);
        for event in &events {
            match event {
                Event::Order(id, event) => self.runner.order(&self.exchange, *id, event),
                Event::Position(position, change) => self.runner.position(&self.exchange, position, *change),
            }
        }
        !events.is_empty()
    }
}

impl SymbolSpec {
    /// The contract's bar of a candle of this symbol.
    fn bar(&self, symbol: Symbol, timeframe: Timeframe, candle: &crate::bars::Candle) -> Bar {
        Bar {
            symbol,
            timeframe,
            open_time: candle.open_time,
            open: candle.open,
            high: candle.high,
            low: candle.low,
            close: candle.close,
            tick_volume: candle.ticks,
            spread: (candle.spread / self.point).round() as u32,
        }
    }
}
