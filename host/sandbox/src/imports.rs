//! The contract's imports: each takes its price in fuel, turns the guest's types into the host's and asks the host.

use crate::bindings::{Budget as WitBudget, Level, types as wit};
use crate::convert;
use crate::state::{State, charge, fault, plain};
use domain::contract::Budget;
use domain::guest::GuestHost;
use domain::limits::{HISTORY_ROWS_MAX, SEEN_ROWS_MAX, SIGNAL_REASON_BYTES_MAX};
use wasmtime::component::Linker;
use wasmtime::{Result, StoreContextMut};

/// Fuel of a request to the market, of a look at something, and of a row of the past, as the contract states them.
const ACT: u64 = 2_000;
const LOOK: u64 = 200;
const ROW: u64 = 20;
/// Fuel of a report and of each byte in it.
const REPORT: u64 = 500;
const REPORT_BYTE: u64 = 4;
/// The name of a plotted series, bytes: it is a legend in a chart.
const SERIES_BYTES_MAX: usize = 64;

type Store<'a, H> = StoreContextMut<'a, State<H>>;
type Denied<T> = std::result::Result<T, wit::DenyCode>;

/// Names of the contract's interfaces, as components import them.
pub(crate) const PACKAGE: &str = "stockade:strategy";
pub(crate) const VERSION: &str = "0.1.0";

/// Links every import of the world.
pub(crate) fn link<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    // Types only; components name it all the same.
    linker.instance(&interface("types"))?;
    link_trading(linker)?;
    link_market(linker)?;
    link_report(linker)?;
    link_schedule(linker)?;
    link_limits(linker)
}

fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

/// The host, after `cost` has been paid.
fn paid<'a, H>(store: &'a mut Store<'_, H>, cost: u64) -> Result<&'a mut H> {
    charge(store, cost)?;
    Ok(&mut store.data_mut().host)
}

fn link_trading<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut trading = linker.instance(&interface("trading"))?;
    trading.func_wrap("submit", |mut store: Store<H>, (request,): (wit::OrderRequest,)| {
        let answer = paid(&mut store, ACT)?.submit(convert::asked_order(request));
        Ok((denied(answer),))
    })?;
    type Modification = (u64, Option<f64>, Option<f64>, Option<f64>);
    trading.func_wrap("modify-order", |mut store: Store<H>, (id, price, stop_loss, take_profit): Modification| {
        Ok((denied(paid(&mut store, ACT)?.modify_order(id, price, stop_loss, take_profit)),))
    })?;
    type Stops = (u64, Option<f64>, Option<f64>);
    trading.func_wrap("modify-position", |mut store: Store<H>, (id, stop_loss, take_profit): Stops| {
        Ok((denied(paid(&mut store, ACT)?.modify_position(id, stop_loss, take_profit)),))
    })?;
    trading.func_wrap("cancel", |mut store: Store<H>, (id,): (u64,)| Ok((denied(paid(&mut store, ACT)?.cancel(id)),)))?;
    trading.func_wrap("close", |mut store: Store<H>, (id, volume): (u64, Option<f64>)| {
        Ok((denied(paid(&mut store, ACT)?.close(id, volume)),))
    })?;
    trading.func_wrap("orders", |mut store: Store<H>, (): ()| {
        let orders = paid(&mut store, LOOK)?.orders();
        Ok((orders.into_iter().take(SEEN_ROWS_MAX).map(convert::order).collect::<Vec<_>>(),))
    })?;
    trading.func_wrap("positions", |mut store: Store<H>, (): ()| {
        let positions = paid(&mut store, LOOK)?.positions();
        Ok((positions.into_iter().take(SEEN_ROWS_MAX).map(convert::position_answer).collect::<Vec<_>>(),))
    })?;
    trading.func_wrap("account", |mut store: Store<H>, (): ()| Ok((convert::account_answer(paid(&mut store, LOOK)?.account()),)))
}

fn denied<T>(answer: std::result::Result<T, domain::contract::DenyCode>) -> Denied<T> {
    answer.map_err(Into::into)
}

fn link_market<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut market = linker.instance(&interface("market"))?;
    market.func_wrap("spec", |mut store: Store<H>, (symbol,): (u32,)| {
        let (spec, tick_value) = paid(&mut store, LOOK)?.spec(symbol).map_err(fault)?;
        Ok((convert::symbol_spec(spec, tick_value),))
    })?;
    market.func_wrap("bars", |mut store: Store<H>, (symbol, timeframe, count): (u32, wit::Timeframe, u32)| {
        let count = rows(count);
        let mut bars = paid(&mut store, LOOK)?.bars(symbol, timeframe.into(), count).map_err(fault)?;
        bars.truncate(count as usize);
        charge(&mut store, ROW * bars.len() as u64)?;
        Ok((bars.iter().map(|bar| convert::bar(symbol, bar)).collect::<Vec<_>>(),))
    })?;
    market.func_wrap("ticks", |mut store: Store<H>, (symbol, count): (u32, u32)| {
        let count = rows(count);
        let mut ticks = paid(&mut store, LOOK)?.ticks(symbol, count).map_err(fault)?;
        ticks.truncate(count as usize);
        charge(&mut store, ROW * ticks.len() as u64)?;
        Ok((ticks.iter().map(convert::tick).collect::<Vec<_>>(),))
    })?;
    market.func_wrap("last-gap", |mut store: Store<H>, (symbol,): (u32,)| {
        Ok((paid(&mut store, LOOK)?.last_gap(symbol).map_err(fault)?.map(convert::gap),))
    })?;
    market.func_wrap("now", |mut store: Store<H>, (): ()| Ok((paid(&mut store, LOOK)?.now(),)))?;
    market.func_wrap("at", |mut store: Store<H>, (row,): (u32,)| paid(&mut store, LOOK)?.at(row).map_err(fault))?;
    market.func_wrap("random", |mut store: Store<H>, (): ()| Ok((paid(&mut store, LOOK)?.random(),)))
}

fn rows(count: u32) -> u32 {
    count.min(HISTORY_ROWS_MAX as u32)
}

fn link_report<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut report = linker.instance(&interface("report"))?;
    report.func_wrap("log", |mut store: Store<H>, (level, text): (Level, String)| {
        charge(&mut store, report_cost(&text))?;
        store.data_mut().log(level.into(), &text);
        Ok(())
    })?;
    type Signal = (u32, Option<wit::Side>, f64, String);
    report.func_wrap("signal", |mut store: Store<H>, (symbol, side, confidence, reason): Signal| {
        let host = paid(&mut store, report_cost(&reason))?;
        host.signal(symbol, side.map(Into::into), confidence, &plain(&reason, SIGNAL_REASON_BYTES_MAX)).map_err(fault)
    })?;
    report.func_wrap("plot", |mut store: Store<H>, (series, value): (String, f64)| {
        paid(&mut store, report_cost(&series))?.plot(&plain(&series, SERIES_BYTES_MAX), value);
        Ok(())
    })
}

pub(crate) fn report_cost(text: &str) -> u64 {
    REPORT + REPORT_BYTE * text.len() as u64
}

fn link_schedule<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut schedule = linker.instance(&interface("schedule"))?;
    schedule.func_wrap("set-timer", |mut store: Store<H>, (id, at, every): (u32, i64, Option<u64>)| {
        paid(&mut store, LOOK)?.set_timer(id, at, every).map_err(fault)
    })?;
    schedule.func_wrap("clear-timer", |mut store: Store<H>, (id,): (u32,)| {
        paid(&mut store, LOOK)?.clear_timer(id);
        Ok(())
    })
}

fn link_limits<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    linker.instance(&interface("limits"))?.func_wrap("remaining", |mut store: Store<H>, (): ()| {
        let of_host = paid(&mut store, LOOK)?.budget();
        let budget = Budget { fuel: store.get_fuel()?, memory_bytes: store.data().room.memory_bytes_left(), ..of_host };
        Ok::<(WitBudget,), _>((convert::budget(budget),))
    })
}
