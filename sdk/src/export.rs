//! [`export!`](crate::export!): makes a strategy the exports of a component.

use std::marker::PhantomData;

use crate::bindings::Guest;
use crate::bindings::stockade::strategy::{limits, market, report, schedule, trading};
use crate::host::Host;
use crate::runner::{Columns, Runner};
use crate::strategy::Strategy;
use crate::types::*;

/// Exports a strategy from a `cdylib` crate. Say it once, at the root of the crate; native builds ignore it.
///
/// ```
/// use stockade_sdk::prelude::*;
///
/// pub struct Nothing;
///
/// impl Strategy for Nothing {
///     type Params = ();
///     fn manifest() -> Manifest {
///         Manifest::new("nothing", "0.1.0")
///     }
///     fn new(_: ()) -> Result<Self, String> {
///         Ok(Nothing)
///     }
/// }
///
/// stockade_sdk::export!(Nothing);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($strategy:ty) => {
        #[cfg(target_family = "wasm")]
        #[doc(hidden)]
        mod __stockade_export {
            use super::*;
            use $crate::export::{Component, Instance};
            use $crate::Runner;

            // A component instance has one thread, and the contract rules out a call within a call.
            ::std::thread_local! {
                static RUNNER: ::std::cell::RefCell<Runner<$strategy>> =
                    const { ::std::cell::RefCell::new(Runner::new()) };
            }

            impl Instance for $strategy {
                #[inline]
                fn with<R>(call: impl FnOnce(&mut Runner<Self>) -> R) -> R {
                    RUNNER.with_borrow_mut(call)
                }
            }

            type Exported = Component<$strategy>;
            $crate::bindings::export_component!(Exported with_types_in $crate::bindings);
        }
    };
}

/// A strategy of which this component holds the one instance. Implemented by [`export!`](crate::export!).
pub trait Instance: Strategy {
    /// Calls with the instance.
    fn with<R>(call: impl FnOnce(&mut Runner<Self>) -> R) -> R;
}

/// The exports of a strategy's component.
#[derive(Debug)]
pub struct Component<S>(PhantomData<S>);

impl<S: Instance> Guest for Component<S> {
    fn describe() -> Description {
        report_panics();
        Runner::<S>::describe()
    }

    fn init(params: Vec<Param>) -> Result<(), String> {
        report_panics();
        S::with(|runner| runner.init(&params))
    }

    fn on_start(mode: RunMode, account: AccountState, restored: bool) -> Result<(), String> {
        S::with(|runner| runner.start(&Imports, mode, account, restored))
    }

    #[inline]
    fn on_tick(symbol: Symbol, time: Time, bid: f64, ask: f64, last: f64, volume: f64, skipped: u32) {
        S::with(|runner| runner.tick(&Imports, symbol, &Tick { time, bid, ask, last, volume }, skipped));
    }

    fn on_ticks(symbol: Symbol, times: Vec<Time>, bids: Vec<f64>, asks: Vec<f64>, lasts: Vec<f64>, volumes: Vec<f64>) -> u32 {
        let columns = Columns { times: &times, bids: &bids, asks: &asks, lasts: &lasts, volumes: &volumes };
        S::with(|runner| runner.ticks(&Imports, symbol, columns))
    }

    fn on_bar(bar: Bar) {
        S::with(|runner| runner.bar(&Imports, &bar));
    }

    fn on_timer(id: u32) {
        S::with(|runner| runner.timer(&Imports, id));
    }

    fn on_order(id: OrderId, event: OrderEvent) {
        S::with(|runner| runner.order(&Imports, id, &event));
    }

    fn on_position(position: Position, change: PositionChange) {
        S::with(|runner| runner.position(&Imports, &position, change));
    }

    fn on_trading_state(state: TradingState) {
        S::with(|runner| runner.trading_state(&Imports, state));
    }

    fn on_stop(reason: StopReason) {
        S::with(|runner| runner.stop(&Imports, reason));
    }

    fn save() -> Vec<u8> {
        S::with(|runner| runner.save())
    }

    fn load(schema: u32, state: Vec<u8>) -> Result<(), String> {
        S::with(|runner| runner.load(schema, &state))
    }

    fn on_tester(stats: TesterStats) -> f64 {
        S::with(|runner| runner.tester(&stats))
    }
}

/// Tells the owner where and why the strategy panicked, before the trap ends the instance.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let said = panic.payload_as_str().unwrap_or("a panic without a message");
        match advice(said) {
            Some(advice) => report::log(Level::Error, &format!("{advice} ({said})")),
            None => report::log(Level::Error, &panic.to_string()),
        }
    }));
}

/// What to do instead, where the standard library panics because there is no system. Where that happened, the fault's functions say;
/// the panic's own place lies in the library.
fn advice(said: &str) -> Option<&'static str> {
    let of = |words: &str| said.contains(words);
    match () {
        () if of("time not implemented on this platform") => Some("a strategy has no clock: use ctx.now() for Instant and SystemTime"),
        () if of("can't sleep") => Some("a strategy cannot wait: use ctx.set_timer"),
        () if of("failed to spawn thread") => Some("a strategy has one thread: do it in the callback, or later by ctx.set_timer"),
        () if of("operation not supported on this platform") => Some("a strategy has no files, network, processes or threads"),
        () => None,
    }
}

/// The contract's imports as a [`Host`].
struct Imports;

impl Host for Imports {
    fn submit(&self, request: &OrderRequest) -> Result<OrderId, DenyCode> {
        trading::submit(request)
    }
    fn modify_order(&self, id: OrderId, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        trading::modify_order(id, price, stop_loss, take_profit)
    }
    fn modify_position(&self, id: PositionId, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        trading::modify_position(id, stop_loss, take_profit)
    }
    fn cancel(&self, id: OrderId) -> Result<(), DenyCode> {
        trading::cancel(id)
    }
    fn close(&self, id: PositionId, volume: Option<f64>) -> Result<OrderId, DenyCode> {
        trading::close(id, volume)
    }
    fn orders(&self) -> Vec<Order> {
        trading::orders()
    }
    fn positions(&self) -> Vec<Position> {
        trading::positions()
    }
    fn account(&self) -> AccountState {
        trading::account()
    }
    fn spec(&self, symbol: Symbol) -> SymbolSpec {
        market::spec(symbol)
    }
    fn bars(&self, symbol: Symbol, timeframe: Timeframe, count: u32) -> Vec<Bar> {
        market::bars(symbol, timeframe, count)
    }
    fn ticks(&self, symbol: Symbol, count: u32) -> Vec<Tick> {
        market::ticks(symbol, count)
    }
    fn last_gap(&self, symbol: Symbol) -> Option<Gap> {
        market::last_gap(symbol)
    }
    fn now(&self) -> Time {
        market::now()
    }
    fn at(&self, row: u32) {
        market::at(row);
    }
    fn random(&self) -> u64 {
        market::random()
    }
    fn log(&self, level: Level, text: &str) {
        report::log(level, text);
    }
    fn signal(&self, symbol: Symbol, side: Option<Side>, confidence: f64, reason: &str) {
        report::signal(symbol, side, confidence, reason);
    }
    fn plot(&self, series: &str, value: f64) {
        report::plot(series, value);
    }
    fn set_timer(&self, id: u32, at: Time, every: Option<u64>) {
        schedule::set_timer(id, at, every);
    }
    fn clear_timer(&self, id: u32) {
        schedule::clear_timer(id);
    }
    fn set_wake(&self, symbol: Symbol, wake: Wake) {
        schedule::set_wake(symbol, wake);
    }
    fn remaining(&self) -> Budget {
        limits::remaining()
    }
}
