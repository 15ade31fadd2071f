//! A strategy run natively behind the same port as a sandboxed one, to show that both decide the same.

use crate::convert;
use domain::guest::{Call, ContractBroken, Guest, GuestHost, Outcome, Reply, Used};
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use stockade_sdk as sdk;
use stockade_sdk::{Runner, Strategy};

/// Runs `S` in this process, with `H` as its host. No limits: what it takes is not counted.
pub struct NativeGuest<S, H> {
    runner: Runner<S>,
    host: Bridge<H>,
    ended: bool,
}

impl<S: Strategy, H: GuestHost> NativeGuest<S, H> {
    /// A strategy of which nothing has been called yet.
    pub fn new(host: H) -> Self {
        Self { runner: Runner::new(), host: Bridge(RefCell::new(host)), ended: false }
    }

    /// What the strategy says of itself.
    pub fn describe() -> domain::contract::Description {
        convert::description(Runner::<S>::describe())
    }

    fn run(&mut self, call: Call<'_>) -> Outcome {
        let (runner, host) = (&mut self.runner, &self.host);
        let accepted = |done: Result<(), String>| match done {
            Ok(()) => Outcome::Decided(Reply::Done),
            Err(refusal) => Outcome::Refused(refusal),
        };
        match call {
            Call::Init(params) => return accepted(runner.init(&params.iter().map(convert::param).collect::<Vec<_>>())),
            Call::Start { mode, account, restored } => {
                return accepted(runner.start(host, mode.convert(), convert::account(account.clone()), restored));
            }
            Call::Load { schema, state } => return accepted(runner.load(schema, state)),
            Call::Tick { symbol, tick, skipped } => runner.tick(host, symbol, &convert::tick(tick), skipped),
            Call::Ticks { symbol, ticks } => {
                let columns =
                    sdk::Columns { times: ticks.times, bids: ticks.bids, asks: ticks.asks, lasts: ticks.lasts, volumes: ticks.volumes };
                return Outcome::Decided(Reply::Consumed(runner.ticks(host, symbol, columns)));
            }
            Call::Bar { symbol, bar } => runner.bar(host, &convert::bar(symbol, bar)),
            Call::Timer(id) => runner.timer(host, id),
            Call::Order { id, event } => runner.order(host, id, &convert::event(event)),
            Call::Position { position, change } => runner.position(host, &convert::position(position.clone()), change.convert()),
            Call::TradingState(state) => runner.trading_state(host, state.convert()),
            Call::Stop(reason) => runner.stop(host, reason.convert()),
            Call::Save => return Outcome::Decided(Reply::State(runner.save())),
            Call::Tester(stats) => return Outcome::Decided(Reply::Criterion(runner.tester(&convert::stats(stats)))),
        }
        Outcome::Decided(Reply::Done)
    }
}

use convert::Convert as _;

impl<S: Strategy + Send, H: GuestHost> Guest<H> for NativeGuest<S, H> {
    fn host(&mut self) -> &mut H {
        self.host.0.get_mut()
    }

    fn used(&self) -> Used {
        Used::default()
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        if self.ended {
            return Outcome::Trapped("instance ended".into());
        }
        // A strategy that panicked is never called again.
        catch_unwind(AssertUnwindSafe(|| self.run(call))).unwrap_or_else(|panic| {
            self.ended = true;
            let said = panic.downcast_ref::<ContractBroken>().map(ToString::to_string);
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Outcome::Trapped(said.unwrap_or_else(|| "panicked".into()))
        })
    }
}

/// The host's port as the SDK's.
struct Bridge<H>(RefCell<H>);

/// The SDK has no errors where the contract ends the call.
fn or_end<T>(answer: Result<T, ContractBroken>) -> T {
    answer.unwrap_or_else(|broken| resume_unwind(Box::new(broken)))
}

impl<H: GuestHost> sdk::Host for Bridge<H> {
    fn submit(&self, request: &sdk::OrderRequest) -> Result<u64, sdk::DenyCode> {
        self.0.borrow_mut().submit(convert::asked_order(request.clone())).map_err(convert::Convert::convert)
    }
    fn modify_order(&self, id: u64, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), sdk::DenyCode> {
        self.0.borrow_mut().modify_order(id, price, stop_loss, take_profit).map_err(convert::Convert::convert)
    }
    fn modify_position(&self, id: u64, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), sdk::DenyCode> {
        self.0.borrow_mut().modify_position(id, stop_loss, take_profit).map_err(convert::Convert::convert)
    }
    fn cancel(&self, id: u64) -> Result<(), sdk::DenyCode> {
        self.0.borrow_mut().cancel(id).map_err(convert::Convert::convert)
    }
    fn close(&self, id: u64, volume: Option<f64>) -> Result<u64, sdk::DenyCode> {
        self.0.borrow_mut().close(id, volume).map_err(convert::Convert::convert)
    }
    fn orders(&self) -> Vec<sdk::Order> {
        self.0.borrow_mut().orders().into_iter().map(convert::order).collect()
    }
    fn positions(&self) -> Vec<sdk::Position> {
        self.0.borrow_mut().positions().into_iter().map(convert::position).collect()
    }
    fn account(&self) -> sdk::AccountState {
        convert::account(self.0.borrow_mut().account())
    }
    fn spec(&self, symbol: u32) -> sdk::SymbolSpec {
        let (spec, tick_value) = or_end(self.0.borrow_mut().spec(symbol));
        convert::symbol_spec(spec, tick_value)
    }
    fn bars(&self, symbol: u32, timeframe: sdk::Timeframe, count: u32) -> Vec<sdk::Bar> {
        or_end(self.0.borrow_mut().bars(symbol, timeframe.convert(), count)).iter().map(|bar| convert::bar(symbol, bar)).collect()
    }
    fn ticks(&self, symbol: u32, count: u32) -> Vec<sdk::Tick> {
        or_end(self.0.borrow_mut().ticks(symbol, count)).iter().map(convert::tick).collect()
    }
    fn last_gap(&self, symbol: u32) -> Option<sdk::Gap> {
        or_end(self.0.borrow_mut().last_gap(symbol)).map(convert::gap)
    }
    fn now(&self) -> i64 {
        self.0.borrow_mut().now()
    }
    fn at(&self, row: u32) {
        or_end(self.0.borrow_mut().at(row));
    }
    fn random(&self) -> u64 {
        self.0.borrow_mut().random()
    }
    fn log(&self, level: sdk::Level, text: &str) {
        self.0.borrow_mut().log(level.convert(), text);
    }
    fn signal(&self, symbol: u32, side: Option<sdk::Side>, confidence: f64, reason: &str) {
        or_end(self.0.borrow_mut().signal(symbol, side.map(convert::Convert::convert), confidence, reason));
    }
    fn plot(&self, series: &str, value: f64) {
        self.0.borrow_mut().plot(series, value);
    }
    fn set_timer(&self, id: u32, at: i64, every: Option<u64>) {
        or_end(self.0.borrow_mut().set_timer(id, at, every));
    }
    fn clear_timer(&self, id: u32) {
        self.0.borrow_mut().clear_timer(id);
    }
    fn set_wake(&self, symbol: u32, wake: sdk::Wake) {
        or_end(self.0.borrow_mut().set_wake(symbol, convert::wake(wake)));
    }
    fn remaining(&self) -> sdk::Budget {
        let budget = self.0.borrow_mut().budget();
        sdk::Budget { fuel: u64::MAX, memory_bytes: u64::MAX, orders: budget.orders, log_bytes: budget.log_bytes }
    }
}
