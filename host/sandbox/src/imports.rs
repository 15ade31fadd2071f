//! The contract's imports: each takes its price in fuel, turns the guest's types into the host's and asks the host. Linked here
//! for components; [`direct`](crate::direct) links the same functions for bare modules.

use crate::bindings::{Budget as WitBudget, Level, types as wit};
use crate::convert;
use crate::state::{State, charge, fault};
use domain::contract::Budget;
use domain::guest::GuestHost;
use domain::limits::{HISTORY_ROWS_MAX, SEEN_ROWS_MAX, SIGNAL_REASON_BYTES_MAX};
use domain::text;
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

pub(crate) type Store<'a, H> = StoreContextMut<'a, State<H>>;
pub(crate) type Denied<T> = std::result::Result<T, wit::DenyCode>;

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

pub(crate) fn interface(name: &str) -> String {
    format!("{PACKAGE}/{name}@{VERSION}")
}

/// The host, after `cost` has been paid.
fn paid<'a, H>(store: &'a mut Store<'_, H>, cost: u64) -> Result<&'a mut H> {
    charge(store, cost)?;
    Ok(&mut store.data_mut().host)
}

fn link_trading<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut trading = linker.instance(&interface("trading"))?;
    trading.func_wrap("submit", |mut store: Store<H>, (request,): (wit::OrderRequest,)| Ok((submit(&mut store, request)?,)))?;
    type Modification = (u64, Option<f64>, Option<f64>, Option<f64>);
    trading.func_wrap("modify-order", |mut store: Store<H>, (id, price, stop_loss, take_profit): Modification| {
        Ok((modify_order(&mut store, id, price, stop_loss, take_profit)?,))
    })?;
    type Stops = (u64, Option<f64>, Option<f64>);
    trading.func_wrap("modify-position", |mut store: Store<H>, (id, stop_loss, take_profit): Stops| {
        Ok((modify_position(&mut store, id, stop_loss, take_profit)?,))
    })?;
    trading.func_wrap("cancel", |mut store: Store<H>, (id,): (u64,)| Ok((cancel(&mut store, id)?,)))?;
    trading.func_wrap("close", |mut store: Store<H>, (id, volume): (u64, Option<f64>)| Ok((close(&mut store, id, volume)?,)))?;
    trading.func_wrap("orders", |mut store: Store<H>, (): ()| Ok((orders(&mut store)?,)))?;
    trading.func_wrap("positions", |mut store: Store<H>, (): ()| Ok((positions(&mut store)?,)))?;
    trading.func_wrap("account", |mut store: Store<H>, (): ()| Ok((account(&mut store)?,)))
}

pub(crate) fn submit<H: GuestHost>(store: &mut Store<'_, H>, request: wit::OrderRequest) -> Result<Denied<u64>> {
    Ok(denied(paid(store, ACT)?.submit(convert::asked_order(request))))
}

pub(crate) fn modify_order<H: GuestHost>(
    store: &mut Store<'_, H>,
    id: u64,
    price: Option<f64>,
    stop_loss: Option<f64>,
    take_profit: Option<f64>,
) -> Result<Denied<()>> {
    Ok(denied(paid(store, ACT)?.modify_order(id, price, stop_loss, take_profit)))
}

pub(crate) fn modify_position<H: GuestHost>(
    store: &mut Store<'_, H>,
    id: u64,
    stop_loss: Option<f64>,
    take_profit: Option<f64>,
) -> Result<Denied<()>> {
    Ok(denied(paid(store, ACT)?.modify_position(id, stop_loss, take_profit)))
}

pub(crate) fn cancel<H: GuestHost>(store: &mut Store<'_, H>, id: u64) -> Result<Denied<()>> {
    Ok(denied(paid(store, ACT)?.cancel(id)))
}

pub(crate) fn close<H: GuestHost>(store: &mut Store<'_, H>, id: u64, volume: Option<f64>) -> Result<Denied<u64>> {
    Ok(denied(paid(store, ACT)?.close(id, volume)))
}

pub(crate) fn orders<H: GuestHost>(store: &mut Store<'_, H>) -> Result<Vec<wit::Order>> {
    Ok(paid(store, LOOK)?.orders().into_iter().take(SEEN_ROWS_MAX).map(convert::order).collect())
}

pub(crate) fn positions<H: GuestHost>(store: &mut Store<'_, H>) -> Result<Vec<wit::PositionResult>> {
    Ok(paid(store, LOOK)?.positions().into_iter().take(SEEN_ROWS_MAX).map(convert::position_answer).collect())
}

pub(crate) fn account<H: GuestHost>(store: &mut Store<'_, H>) -> Result<wit::AccountStateResult> {
    Ok(convert::account_answer(paid(store, LOOK)?.account()))
}

fn denied<T>(answer: std::result::Result<T, domain::contract::DenyCode>) -> Denied<T> {
    answer.map_err(Into::into)
}

fn link_market<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut market = linker.instance(&interface("market"))?;
    market.func_wrap("spec", |mut store: Store<H>, (symbol,): (u32,)| Ok((spec(&mut store, symbol)?,)))?;
    market.func_wrap("bars", |mut store: Store<H>, (symbol, timeframe, count): (u32, wit::Timeframe, u32)| {
        Ok((bars(&mut store, symbol, timeframe, count)?,))
    })?;
    market.func_wrap("ticks", |mut store: Store<H>, (symbol, count): (u32, u32)| Ok((ticks(&mut store, symbol, count)?,)))?;
    market.func_wrap("last-gap", |mut store: Store<H>, (symbol,): (u32,)| Ok((last_gap(&mut store, symbol)?,)))?;
    market.func_wrap("now", |mut store: Store<H>, (): ()| Ok((now(&mut store)?,)))?;
    market.func_wrap("at", |mut store: Store<H>, (row,): (u32,)| at(&mut store, row))?;
    market.func_wrap("random", |mut store: Store<H>, (): ()| Ok((random(&mut store)?,)))
}

pub(crate) fn spec<H: GuestHost>(store: &mut Store<'_, H>, symbol: u32) -> Result<wit::SymbolSpec> {
    let (spec, tick_value) = paid(store, LOOK)?.spec(symbol).map_err(fault)?;
    Ok(convert::symbol_spec(spec, tick_value))
}

pub(crate) fn bars<H: GuestHost>(store: &mut Store<'_, H>, symbol: u32, timeframe: wit::Timeframe, count: u32) -> Result<Vec<wit::Bar>> {
    let count = rows(count);
    let mut bars = paid(store, LOOK)?.bars(symbol, timeframe.into(), count).map_err(fault)?;
    bars.truncate(count as usize);
    charge(store, ROW * bars.len() as u64)?;
    Ok(bars.iter().map(|bar| convert::bar(symbol, bar)).collect())
}

pub(crate) fn ticks<H: GuestHost>(store: &mut Store<'_, H>, symbol: u32, count: u32) -> Result<Vec<wit::Tick>> {
    let count = rows(count);
    let mut ticks = paid(store, LOOK)?.ticks(symbol, count).map_err(fault)?;
    ticks.truncate(count as usize);
    charge(store, ROW * ticks.len() as u64)?;
    Ok(ticks.iter().map(convert::tick).collect())
}

pub(crate) fn last_gap<H: GuestHost>(store: &mut Store<'_, H>, symbol: u32) -> Result<Option<wit::Gap>> {
    Ok(paid(store, LOOK)?.last_gap(symbol).map_err(fault)?.map(convert::gap))
}

pub(crate) fn now<H: GuestHost>(store: &mut Store<'_, H>) -> Result<i64> {
    Ok(paid(store, LOOK)?.now())
}

pub(crate) fn at<H: GuestHost>(store: &mut Store<'_, H>, row: u32) -> Result<()> {
    paid(store, LOOK)?.at(row).map_err(fault)
}

pub(crate) fn random<H: GuestHost>(store: &mut Store<'_, H>) -> Result<u64> {
    Ok(paid(store, LOOK)?.random())
}

fn rows(count: u32) -> u32 {
    count.min(HISTORY_ROWS_MAX as u32)
}

fn link_report<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut report = linker.instance(&interface("report"))?;
    report.func_wrap("log", |mut store: Store<H>, (level, text): (Level, String)| log(&mut store, level, &text))?;
    type Signal = (u32, Option<wit::Side>, f64, String);
    report.func_wrap("signal", |mut store: Store<H>, (symbol, side, confidence, reason): Signal| {
        signal(&mut store, symbol, side, confidence, &reason)
    })?;
    report.func_wrap("plot", |mut store: Store<H>, (series, value): (String, f64)| plot(&mut store, &series, value))
}

pub(crate) fn log<H: GuestHost>(store: &mut Store<'_, H>, level: Level, text: &str) -> Result<()> {
    charge(store, report_cost(text))?;
    store.data_mut().log(level.into(), text);
    Ok(())
}

pub(crate) fn signal<H: GuestHost>(
    store: &mut Store<'_, H>,
    symbol: u32,
    side: Option<wit::Side>,
    confidence: f64,
    reason: &str,
) -> Result<()> {
    let host = paid(store, report_cost(reason))?;
    host.signal(symbol, side.map(Into::into), confidence, &text::line(reason, SIGNAL_REASON_BYTES_MAX)).map_err(fault)
}

pub(crate) fn plot<H: GuestHost>(store: &mut Store<'_, H>, series: &str, value: f64) -> Result<()> {
    paid(store, report_cost(series))?.plot(&text::line(series, SERIES_BYTES_MAX), value);
    Ok(())
}

pub(crate) fn report_cost(text: &str) -> u64 {
    REPORT + REPORT_BYTE * text.len() as u64
}

fn link_schedule<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let mut schedule = linker.instance(&interface("schedule"))?;
    schedule
        .func_wrap("set-timer", |mut store: Store<H>, (id, at, every): (u32, i64, Option<u64>)| set_timer(&mut store, id, at, every))?;
    schedule.func_wrap("clear-timer", |mut store: Store<H>, (id,): (u32,)| clear_timer(&mut store, id))?;
    schedule.func_wrap("set-wake", |mut store: Store<H>, (symbol, wake): (u32, wit::Wake)| set_wake(&mut store, symbol, wake))
}

pub(crate) fn set_timer<H: GuestHost>(store: &mut Store<'_, H>, id: u32, at: i64, every: Option<u64>) -> Result<()> {
    paid(store, LOOK)?.set_timer(id, at, every).map_err(fault)
}

pub(crate) fn clear_timer<H: GuestHost>(store: &mut Store<'_, H>, id: u32) -> Result<()> {
    paid(store, LOOK)?.clear_timer(id);
    Ok(())
}

pub(crate) fn set_wake<H: GuestHost>(store: &mut Store<'_, H>, symbol: u32, wake: wit::Wake) -> Result<()> {
    paid(store, LOOK)?.set_wake(symbol, convert::wake(wake)).map_err(fault)
}

fn link_limits<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    linker.instance(&interface("limits"))?.func_wrap("remaining", |mut store: Store<H>, (): ()| Ok((remaining(&mut store)?,)))
}

pub(crate) fn remaining<H: GuestHost>(store: &mut Store<'_, H>) -> Result<WitBudget> {
    let of_host = paid(store, LOOK)?.budget();
    let budget = Budget { fuel: store.get_fuel()?, memory_bytes: store.data().room.memory_bytes_left(), ..of_host };
    Ok(convert::budget(budget))
}
