//! [`Context`]: the one handle through which a callback sees its market and acts.

use std::cell::Cell;

use crate::host::Host;
use crate::types::*;

/// No row of a batch is being handled, or none has been named to the host yet.
pub(crate) const NO_ROW: u32 = u32::MAX;
/// The time of the event has not been asked for yet.
const NO_TIME: Time = Time::MIN;

/// What a callback may look at and do. One is made for each event and lives as long as the callback.
///
/// Looking costs fuel (a host call each): keep what does not change, such as [`Context::spec`], in the strategy. Acting
/// answers at once with an id or the reason of a refusal; the outcome arrives later as
/// [`crate::Strategy::on_order`] and [`crate::Strategy::on_position`].
pub struct Context<'a> {
    host: &'a dyn Host,
    /// Times of the rows that are handed over; none in other events.
    times: &'a [Time],
    /// Which of them is being handled. All that changes from row to row: what is written to memory costs more than most
    /// strategies' arithmetic.
    at: u32,
    /// What the host knows the first of them by, or [`NO_ROW`].
    first: u32,
    now: Cell<Time>,
    symbol: Symbol,
    skipped: u32,
    announced: Cell<u32>,
    acted: bool,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("symbol", &self.symbol).finish_non_exhaustive()
    }
}

impl<'a> Context<'a> {
    /// A context for an event whose time the host is asked for when somebody wants to know.
    pub(crate) fn new(host: &'a dyn Host, symbol: Symbol) -> Self {
        Self::over(host, symbol, &[], NO_ROW)
    }

    /// A context for rows at these times. `first` is what the host knows the first by, or [`NO_ROW`] for a tick by itself.
    #[inline]
    pub(crate) fn over(host: &'a dyn Host, symbol: Symbol, times: &'a [Time], first: u32) -> Self {
        let (now, announced) = (Cell::new(NO_TIME), Cell::new(NO_ROW));
        Context { host, times, at: 0, first, now, symbol, skipped: 0, announced, acted: false }
    }

    /// Goes on to a row. The host hears of it only when the strategy asks it for something.
    #[inline]
    pub(crate) fn enter_row(&mut self, row: usize) {
        self.at = row as u32;
    }

    #[inline]
    pub(crate) fn set_skipped(&mut self, skipped: u32) {
        self.skipped = skipped;
    }

    /// Whether the strategy has asked for an order or a timer, or other ticks than so far.
    #[inline]
    pub(crate) fn acted(&self) -> bool {
        self.acted
    }

    /// The host, told which row is being handled.
    #[inline]
    fn host(&self) -> &'a dyn Host {
        let row = self.first.wrapping_add(self.at);
        if row != self.announced.get() {
            self.host.at(row);
            self.announced.set(row);
        }
        self.host
    }

    /// The host, about to be asked for something that ends a batch.
    #[inline]
    fn act(&mut self) -> &'a dyn Host {
        self.acted = true;
        self.host()
    }

    /// Time of the event being handled, in microseconds since 1970 UTC. Never the machine's clock.
    #[inline]
    pub fn now(&self) -> Time {
        if let Some(&time) = self.times.get(self.at as usize) {
            return time;
        }
        if self.now.get() == NO_TIME {
            self.now.set(self.host().now());
        }
        self.now.get()
    }

    /// The symbol of the tick, bar or position being handled; symbol 0 in other callbacks.
    #[inline]
    pub fn symbol(&self) -> Symbol {
        self.symbol
    }

    /// How many ticks of this symbol were not handed over before this one: the engine was paused or still starting, or the
    /// strategy asked for the latest tick only ([`crate::Manifest::latest_tick_only`]). Ticks that it did not
    /// [wait for](crate::Strategy::wake) are not among them.
    #[inline]
    pub fn skipped(&self) -> u32 {
        self.skipped
    }

    /// Places an order.
    ///
    /// # Errors
    /// The reason why the host denied it. Nothing was sent to the broker then.
    pub fn submit(&mut self, request: OrderRequest) -> Result<OrderId, DenyCode> {
        self.act().submit(&request)
    }

    /// Buys `volume` lots of the event's symbol at the market.
    ///
    /// # Errors
    /// As [`Context::submit`].
    pub fn buy(&mut self, volume: f64) -> Result<OrderId, DenyCode> {
        self.submit(OrderRequest::market(self.symbol, Side::Buy, volume))
    }

    /// Sells `volume` lots of the event's symbol at the market.
    ///
    /// # Errors
    /// As [`Context::submit`].
    pub fn sell(&mut self, volume: f64) -> Result<OrderId, DenyCode> {
        self.submit(OrderRequest::market(self.symbol, Side::Sell, volume))
    }

    /// Replaces price and stops of a pending order; none removes a stop and keeps the price.
    ///
    /// # Errors
    /// The reason why the host denied it.
    pub fn modify_order(
        &mut self,
        id: OrderId,
        price: Option<f64>,
        stop_loss: Option<f64>,
        take_profit: Option<f64>,
    ) -> Result<(), DenyCode> {
        self.act().modify_order(id, price, stop_loss, take_profit)
    }

    /// Replaces both stops of an open position; none removes one.
    ///
    /// # Errors
    /// The reason why the host denied it.
    pub fn modify_position(&mut self, id: PositionId, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        self.act().modify_position(id, stop_loss, take_profit)
    }

    /// Cancels a pending order.
    ///
    /// # Errors
    /// The reason why the host denied it.
    pub fn cancel(&mut self, id: OrderId) -> Result<(), DenyCode> {
        self.act().cancel(id)
    }

    /// Closes a position at the market.
    ///
    /// # Errors
    /// The reason why the host denied it.
    pub fn close(&mut self, id: PositionId) -> Result<OrderId, DenyCode> {
        self.act().close(id, None)
    }

    /// Closes `volume` lots of a position at the market.
    ///
    /// # Errors
    /// The reason why the host denied it.
    pub fn close_partly(&mut self, id: PositionId, volume: f64) -> Result<OrderId, DenyCode> {
        self.act().close(id, Some(volume))
    }

    /// This engine's open positions, oldest first. At most 256.
    pub fn positions(&self) -> Vec<Position> {
        self.host().positions()
    }

    /// This engine's working orders, oldest first. At most 256.
    pub fn orders(&self) -> Vec<Order> {
        self.host().orders()
    }

    /// The account as a whole, other engines' positions included; equity at the prices of the event being handled.
    pub fn account(&self) -> AccountState {
        self.host().account()
    }

    /// What the symbol is made of: digits, tick size, volume step and so on. `tick_value` is that of this moment.
    pub fn spec(&self, symbol: Symbol) -> SymbolSpec {
        self.host().spec(symbol)
    }

    /// The last `count` closed bars, oldest first; fewer where there are fewer. At most 1,024, and only of timeframes
    /// that the manifest asked for.
    pub fn bars(&self, symbol: Symbol, timeframe: Timeframe, count: u32) -> Vec<Bar> {
        self.host().bars(symbol, timeframe, count)
    }

    /// The last `count` closed bars, oldest first; none where there are fewer, as there are when a market or a backtest has just
    /// begun. For indicators that mean nothing from fewer. As [`Context::bars`] otherwise.
    pub fn bars_exactly(&self, symbol: Symbol, timeframe: Timeframe, count: u32) -> Option<Vec<Bar>> {
        Some(self.bars(symbol, timeframe, count)).filter(|bars| bars.len() == count as usize)
    }

    /// The last `count` ticks up to and including the one being handled, oldest first. At most 1,024.
    pub fn ticks(&self, symbol: Symbol, count: u32) -> Vec<Tick> {
        self.host().ticks(symbol, count)
    }

    /// The last gap in what was handed over of `symbol`; none when nothing was ever missing. In `on_start` of a restored
    /// strategy: what came between its saved state and now.
    pub fn last_gap(&self, symbol: Symbol) -> Option<Gap> {
        self.host().last_gap(symbol)
    }

    /// A number of the host's seeded random source: the same run gives the same numbers.
    pub fn random(&mut self) -> u64 {
        self.host().random()
    }

    /// One line in the engine's log, at most 1,024 bytes. What is over the minute's bound is dropped and counted.
    pub fn log(&mut self, level: Level, text: &str) {
        self.host().log(level, text);
    }

    /// [`Context::log`] at level `info`.
    pub fn info(&mut self, text: &str) {
        self.log(Level::Info, text);
    }

    /// [`Context::log`] at level `warn`.
    pub fn warn(&mut self, text: &str) {
        self.log(Level::Warn, text);
    }

    /// A trading idea on the event's symbol, whether or not an order follows: side (none: stay out), confidence from
    /// 0 to 100, and the reason in words, at most 256 bytes.
    pub fn signal(&mut self, side: Option<Side>, confidence: f64, reason: &str) {
        self.host().signal(self.symbol, side, confidence, reason);
    }

    /// A point of a named series, drawn beside the price. At most 16 series.
    pub fn plot(&mut self, series: &str, value: f64) {
        self.host().plot(series, value);
    }

    /// Calls [`crate::Strategy::on_timer`] with `id` once, at `at` in market time. The same id replaces.
    pub fn set_timer(&mut self, id: u32, at: Time) {
        self.act().set_timer(id, at, None);
    }

    /// As [`Context::set_timer`], and then every `every` microseconds, at least one second.
    pub fn set_timer_every(&mut self, id: u32, at: Time, every: u64) {
        self.act().set_timer(id, at, Some(every));
    }

    /// Forgets a timer.
    pub fn clear_timer(&mut self, id: u32) {
        self.act().clear_timer(id);
    }

    /// Other ticks than so far are wanted: what the strategy answers to [`crate::Strategy::wake`], which the runner asks.
    pub(crate) fn set_wake(&mut self, symbol: Symbol, wake: Wake) {
        self.act().set_wake(symbol, wake);
    }

    /// What may still be spent: fuel of this call, memory in bytes, orders and log bytes of the minute.
    pub fn remaining(&self) -> Budget {
        self.host().remaining()
    }
}
