//! A bare module's exports, with arguments as the canonical ABI flattens them.

use super::Bare;
use super::abi::{Laid, Load, Parts, Sink, Source, alone, broken};
use super::habits::Habits;
use super::wiring::{FREE, MEMORY, REALLOC};
use crate::bindings::types as wit;
use crate::exports::{Accepted, Exports};
use crate::state::State;
use domain::footprint::Footprint;
use std::sync::Arc;
use wasmtime::{AsContextMut as _, Instance, Result, Store, TypedFunc, WasmParams, WasmResults};

type TickArguments = (u32, i64, f64, f64, f64, f64, u32);
type TicksArguments = (u32, u32, u32, u32, u32, u32, u32, u32, u32, u32, u32);
type BarArguments = (u32, u32, i64, f64, f64, f64, f64, u64, u32);
type OrderArguments = (u64, u32, u64, f64, i64, u64, f64, f64);
type PositionArguments = (u64, u32, u32, f64, f64, u32, f64, u32, f64, i64, f64, f64, f64, u32, u32, u32);

/// An instance of a bare module. What every tick looks at comes first.
#[repr(C)]
pub(crate) struct Direct {
    on_tick: TypedFunc<TickArguments, ()>,
    instance: Instance,
    parts: Arc<Parts>,
    /// These are called often as well; the others are looked up.
    on_ticks: TypedFunc<TicksArguments, u32>,
    on_bar: TypedFunc<BarArguments, ()>,
    on_order: TypedFunc<OrderArguments, ()>,
    on_position: TypedFunc<PositionArguments, ()>,
    habits: Arc<Habits>,
}

impl Direct {
    /// A fresh instance.
    ///
    /// # Errors
    /// It can't be made within its limits, or its functions are not the contract's.
    pub fn new<H: 'static>(bare: &Bare<H>, store: &mut Store<State<H>>) -> Result<Self> {
        let instance = bare.pre.instantiate(&mut *store)?;
        let memory = instance.get_memory(&mut *store, MEMORY).ok_or_else(|| broken("it has no memory"))?;
        let realloc = instance.get_typed_func(&mut *store, REALLOC)?;
        let parts = Arc::new(Parts { memory, realloc });
        store.data_mut().parts = Some(Arc::clone(&parts));
        let on_tick = instance.get_typed_func(&mut *store, "on-tick")?;
        let on_ticks = instance.get_typed_func(&mut *store, "on-ticks")?;
        let on_bar = instance.get_typed_func(&mut *store, "on-bar")?;
        let on_order = instance.get_typed_func(&mut *store, "on-order")?;
        let on_position = instance.get_typed_func(&mut *store, "on-position")?;
        Ok(Self { instance, parts, on_tick, on_ticks, on_bar, on_order, on_position, habits: Arc::clone(&bare.habits) })
    }

    fn call<H: 'static, P: WasmParams, R: WasmResults>(&self, store: &mut Store<State<H>>, name: &str, arguments: P) -> Result<R> {
        self.instance.get_typed_func::<P, R>(&mut *store, name)?.call(store, arguments)
    }

    /// A call that answers with a pointer to its answer, which is given back to the guest afterwards.
    fn ask<H: 'static, P: WasmParams, R: Laid>(
        &self,
        store: &mut Store<State<H>>,
        name: &str,
        arguments: P,
        read: impl FnOnce(&mut Source<'_>, u32) -> Result<R>,
    ) -> Result<R> {
        let pointer: u32 = self.call(store, name, arguments)?;
        let mut source = Source::new(self.parts.memory.data(&*store), store.data().lift_bytes);
        let answer = read(&mut source, pointer)?;
        if let Some(free) = self.instance.get_func(&mut *store, &format!("{FREE}{name}")) {
            let free = free.typed::<u32, ()>(&*store)?;
            alone(&mut store.as_context_mut(), |store| free.call(store, pointer))?;
        }
        Ok(answer)
    }

    fn sink<'a, H: 'static>(&self, store: &'a mut Store<State<H>>) -> Sink<'a, H> {
        Sink::new(store.as_context_mut(), Arc::clone(&self.parts))
    }
}

fn value<T: Load>(source: &mut Source<'_>, pointer: u32) -> Result<T> {
    source.at(pointer)
}

/// A flat option.
fn flat<T: Default>(option: Option<T>) -> (u32, T) {
    (u32::from(option.is_some()), option.unwrap_or_default())
}

impl<H: Send + 'static> Exports<H> for Direct {
    fn footprint(&self, store: &mut Store<State<H>>, into: &mut Footprint) {
        into.add(&self.on_tick, size_of_val(&self.on_tick));
        self.habits.instance(&mut *store, self.on_tick.func()).iter().for_each(|&(address, bytes)| into.add_at(address, bytes));
        let memory = self.parts.memory.data(&*store);
        self.habits.lines(memory).iter().filter_map(|lines| memory.get(lines.clone())).for_each(|lines| into.add(lines, lines.len()));
    }

    fn init(&self, store: &mut Store<State<H>>, params: &[wit::Param<'_>]) -> Result<Accepted> {
        let list = self.sink(store).list(params)?;
        self.ask(store, "init", list, value)
    }

    fn on_start(
        &self,
        store: &mut Store<State<H>>,
        mode: wit::RunMode,
        account: wit::AccountStateParam<'_>,
        restored: bool,
    ) -> Result<Accepted> {
        let wit::AccountStateParam { mode: account_mode, currency, leverage, balance, equity, margin, margin_free } = account;
        let (currency, len) = self.sink(store).text(currency)?;
        let (mode, account_mode, restored) = (mode as u32, account_mode as u32, u32::from(restored));
        let arguments = (mode, account_mode, currency, len, leverage, balance, equity, margin, margin_free, restored);
        self.ask(store, "on-start", arguments, value)
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
        self.on_tick.call(store, (symbol, time, bid, ask, last, volume, skipped))
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
        let mut sink = self.sink(store);
        let (times, times_len) = sink.list(times)?;
        let (bids, bids_len) = sink.list(bids)?;
        let (asks, asks_len) = sink.list(asks)?;
        let (lasts, lasts_len) = sink.list(lasts)?;
        let (volumes, volumes_len) = sink.list(volumes)?;
        let arguments = (symbol, times, times_len, bids, bids_len, asks, asks_len, lasts, lasts_len, volumes, volumes_len);
        self.on_ticks.call(store, arguments)
    }

    fn on_bar(&self, store: &mut Store<State<H>>, bar: wit::Bar) -> Result<()> {
        let wit::Bar { symbol, timeframe, open_time, open, high, low, close, tick_volume, spread } = bar;
        self.on_bar.call(store, (symbol, timeframe as u32, open_time, open, high, low, close, tick_volume, spread))
    }

    fn on_timer(&self, store: &mut Store<State<H>>, id: u32) -> Result<()> {
        self.call(store, "on-timer", id)
    }

    fn on_order(&self, store: &mut Store<State<H>>, id: u64, event: wit::OrderEvent) -> Result<()> {
        use wit::OrderEvent as E;
        let (case, retcode, fill) = match event {
            E::Accepted => (0, 0, None),
            E::Rejected(retcode) => (1, retcode, None),
            E::Unknown => (2, 0, None),
            E::PartiallyFilled(fill) => (3, 0, Some(fill)),
            E::Filled(fill) => (4, 0, Some(fill)),
            E::Canceled => (5, 0, None),
            E::Expired => (6, 0, None),
            E::Modified => (7, 0, None),
            E::ModifyRejected(retcode) => (8, retcode, None),
        };
        let nothing = wit::Fill { volume: 0.0, price: 0.0, time: 0, position: 0, profit: 0.0, commission: 0.0 };
        // A retcode and a volume share a place, which is wide enough for both.
        let shared = fill.map_or(u64::from(retcode), |fill| fill.volume.to_bits());
        let wit::Fill { price, time, position, profit, commission, .. } = fill.unwrap_or(nothing);
        self.on_order.call(store, (id, case as u32, shared, price, time, position, profit, commission))
    }

    fn on_position(&self, store: &mut Store<State<H>>, position: wit::PositionParam<'_>, change: wit::PositionChange) -> Result<()> {
        let (tag, len) = self.sink(store).text(position.tag)?;
        let wit::PositionParam { id, symbol, side, volume, open_price, stop_loss, take_profit, opened, profit, swap, commission, .. } =
            position;
        let ((has_stop, stop), (has_target, target)) = (flat(stop_loss), flat(take_profit));
        let side = side as u32;
        let arguments = (
            id,
            symbol,
            side,
            volume,
            open_price,
            has_stop,
            stop,
            has_target,
            target,
            opened,
            profit,
            swap,
            commission,
            tag,
            len,
            change as u32,
        );
        self.on_position.call(store, arguments)
    }

    fn on_trading_state(&self, store: &mut Store<State<H>>, state: wit::TradingState) -> Result<()> {
        self.call(store, "on-trading-state", state as u32)
    }

    fn on_stop(&self, store: &mut Store<State<H>>, reason: wit::StopReason) -> Result<()> {
        self.call(store, "on-stop", reason as u32)
    }

    fn save(&self, store: &mut Store<State<H>>) -> Result<Vec<u8>> {
        self.ask(store, "save", (), |source, pointer| {
            let (at, len) = (source.at(pointer)?, source.at(pointer.saturating_add(4))?);
            Ok(source.many(at, len)?.to_vec())
        })
    }

    fn load(&self, store: &mut Store<State<H>>, schema: u32, state: &[u8]) -> Result<Accepted> {
        let (bytes, len) = self.sink(store).list(state)?;
        self.ask(store, "load", (schema, bytes, len), value)
    }

    fn on_tester(&self, store: &mut Store<State<H>>, stats: wit::TesterStats) -> Result<f64> {
        let wit::TesterStats { profit, profit_factor, drawdown, drawdown_percent, recovery_factor, expected_payoff, sharpe, trades } =
            stats;
        let arguments = (profit, profit_factor, drawdown, drawdown_percent, recovery_factor, expected_payoff, sharpe, trades);
        self.call(store, "on-tester", arguments)
    }
}
