//! A strategy's exports, however they are called.

use crate::bindings::{TradingStrategy, types as wit};
use crate::state::State;
use domain::footprint::Footprint;
use wasmtime::{Result, Store};

/// Its author's refusal, or nothing.
pub(crate) type Accepted = std::result::Result<(), String>;

/// The functions of the contract that a host calls on an instance.
#[allow(clippy::too_many_arguments, reason = "as the contract has them")]
pub(crate) trait Exports<H>: Send {
    /// Before a call: bytes that it may hand over. Whoever copies itself knows that from the store's state.
    fn bound(_: &mut Store<State<H>>, _lift_bytes: usize) {}

    /// Adds what of the instance the call of a tick touches.
    fn footprint(&self, _store: &mut Store<State<H>>, _into: &mut Footprint) {}

    fn init(&self, store: &mut Store<State<H>>, params: &[wit::Param<'_>]) -> Result<Accepted>;
    fn on_start(
        &self,
        store: &mut Store<State<H>>,
        mode: wit::RunMode,
        account: wit::AccountStateParam<'_>,
        restored: bool,
    ) -> Result<Accepted>;
    fn on_tick(
        &self,
        store: &mut Store<State<H>>,
        symbol: u32,
        time: i64,
        bid: f64,
        ask: f64,
        last: f64,
        volume: f64,
        skipped: u32,
    ) -> Result<()>;
    fn on_ticks(
        &self,
        store: &mut Store<State<H>>,
        symbol: u32,
        times: &[i64],
        bids: &[f64],
        asks: &[f64],
        lasts: &[f64],
        volumes: &[f64],
    ) -> Result<u32>;
    fn on_bar(&self, store: &mut Store<State<H>>, bar: wit::Bar) -> Result<()>;
    fn on_timer(&self, store: &mut Store<State<H>>, id: u32) -> Result<()>;
    fn on_order(&self, store: &mut Store<State<H>>, id: u64, event: wit::OrderEvent) -> Result<()>;
    fn on_position(&self, store: &mut Store<State<H>>, position: wit::PositionParam<'_>, change: wit::PositionChange) -> Result<()>;
    fn on_trading_state(&self, store: &mut Store<State<H>>, state: wit::TradingState) -> Result<()>;
    fn on_stop(&self, store: &mut Store<State<H>>, reason: wit::StopReason) -> Result<()>;
    fn save(&self, store: &mut Store<State<H>>) -> Result<Vec<u8>>;
    fn load(&self, store: &mut Store<State<H>>, schema: u32, state: &[u8]) -> Result<Accepted>;
    fn on_tester(&self, store: &mut Store<State<H>>, stats: wit::TesterStats) -> Result<f64>;
}

/// Through the component model, as any component can be called.
impl<H: Send + 'static> Exports<H> for TradingStrategy {
    fn bound(store: &mut Store<State<H>>, lift_bytes: usize) {
        store.set_hostcall_fuel(lift_bytes);
    }

    fn init(&self, store: &mut Store<State<H>>, params: &[wit::Param<'_>]) -> Result<Accepted> {
        self.call_init(store, params)
    }

    fn on_start(
        &self,
        store: &mut Store<State<H>>,
        mode: wit::RunMode,
        account: wit::AccountStateParam<'_>,
        restored: bool,
    ) -> Result<Accepted> {
        self.call_on_start(store, mode, account, restored)
    }

    fn on_tick(
        &self,
        store: &mut Store<State<H>>,
        symbol: u32,
        time: i64,
        bid: f64,
        ask: f64,
        last: f64,
        volume: f64,
        skipped: u32,
    ) -> Result<()> {
        self.call_on_tick(store, symbol, time, bid, ask, last, volume, skipped)
    }

    fn on_ticks(
        &self,
        store: &mut Store<State<H>>,
        symbol: u32,
        times: &[i64],
        bids: &[f64],
        asks: &[f64],
        lasts: &[f64],
        volumes: &[f64],
    ) -> Result<u32> {
        self.call_on_ticks(store, symbol, times, bids, asks, lasts, volumes)
    }

    fn on_bar(&self, store: &mut Store<State<H>>, bar: wit::Bar) -> Result<()> {
        self.call_on_bar(store, bar)
    }

    fn on_timer(&self, store: &mut Store<State<H>>, id: u32) -> Result<()> {
        self.call_on_timer(store, id)
    }

    fn on_order(&self, store: &mut Store<State<H>>, id: u64, event: wit::OrderEvent) -> Result<()> {
        self.call_on_order(store, id, event)
    }

    fn on_position(&self, store: &mut Store<State<H>>, position: wit::PositionParam<'_>, change: wit::PositionChange) -> Result<()> {
        self.call_on_position(store, position, change)
    }

    fn on_trading_state(&self, store: &mut Store<State<H>>, state: wit::TradingState) -> Result<()> {
        self.call_on_trading_state(store, state)
    }

    fn on_stop(&self, store: &mut Store<State<H>>, reason: wit::StopReason) -> Result<()> {
        self.call_on_stop(store, reason)
    }

    fn save(&self, store: &mut Store<State<H>>) -> Result<Vec<u8>> {
        self.call_save(store)
    }

    fn load(&self, store: &mut Store<State<H>>, schema: u32, state: &[u8]) -> Result<Accepted> {
        self.call_load(store, schema, state)
    }

    fn on_tester(&self, store: &mut Store<State<H>>, stats: wit::TesterStats) -> Result<f64> {
        self.call_on_tester(store, stats)
    }
}
