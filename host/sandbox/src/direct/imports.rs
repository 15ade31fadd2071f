//! The contract's imports for bare modules: the same functions as [`crate::imports`] links, with arguments as the canonical ABI
//! flattens them. What does not fit into one number comes and goes through the guest's memory.

use super::abi::{Parts, Save, Sink, Source, broken};
use super::types::Case;
use crate::bindings::Level;
use crate::bindings::types as wit;
use crate::imports::{self, Store, interface};
use crate::state::State;
use domain::guest::GuestHost;
use std::sync::Arc;
use wasmtime::{AsContext as _, AsContextMut as _, Caller, Linker, Result};

type Guest<'a, H> = Caller<'a, State<H>>;

/// Links every import of the world.
pub(super) fn link<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    link_trading(linker)?;
    link_market(linker)?;
    link_report(linker)?;
    let schedule = interface("schedule");
    linker.func_wrap(&schedule, "set-timer", |mut guest: Guest<H>, id: u32, at: i64, is_repeated: u32, every: u64| {
        imports::set_timer(&mut guest.as_context_mut(), id, at, option(is_repeated, every)?)
    })?;
    linker.func_wrap(&schedule, "clear-timer", |mut guest: Guest<H>, id: u32| imports::clear_timer(&mut guest.as_context_mut(), id))?;
    linker.func_wrap(
        &schedule,
        "set-wake",
        |mut guest: Guest<H>, symbol: u32, at: i64, bid_at_least: f64, bid_at_most: f64, ask_at_least: f64, ask_at_most: f64| {
            let wake = wit::Wake { at, bid_at_least, bid_at_most, ask_at_least, ask_at_most };
            imports::set_wake(&mut guest.as_context_mut(), symbol, wake)
        },
    )?;
    linker.func_wrap(&interface("limits"), "remaining", |guest: Guest<H>, to: u32| answer(guest, to, |store| imports::remaining(store)))?;
    Ok(())
}

fn link_trading<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let trading = interface("trading");
    linker.func_wrap(&trading, "submit", |guest: Guest<H>, request: u32, to: u32| {
        let request = source(&guest)?.at(request)?;
        answer(guest, to, |store| imports::submit(store, request))
    })?;
    linker.func_wrap(
        &trading,
        "modify-order",
        |guest: Guest<H>, id: u64, has_price: u32, price: f64, has_stop: u32, stop: f64, has_target: u32, target: f64, to: u32| {
            let (price, stop, target) = (option(has_price, price)?, option(has_stop, stop)?, option(has_target, target)?);
            answer(guest, to, |store| imports::modify_order(store, id, price, stop, target))
        },
    )?;
    linker.func_wrap(
        &trading,
        "modify-position",
        |guest: Guest<H>, id: u64, has_stop: u32, stop: f64, has_target: u32, target: f64, to: u32| {
            let (stop, target) = (option(has_stop, stop)?, option(has_target, target)?);
            answer(guest, to, |store| imports::modify_position(store, id, stop, target))
        },
    )?;
    linker.func_wrap(&trading, "cancel", |guest: Guest<H>, id: u64, to: u32| answer(guest, to, |store| imports::cancel(store, id)))?;
    linker.func_wrap(&trading, "close", |guest: Guest<H>, id: u64, is_part: u32, volume: f64, to: u32| {
        let volume = option(is_part, volume)?;
        answer(guest, to, |store| imports::close(store, id, volume))
    })?;
    linker.func_wrap(&trading, "orders", |guest: Guest<H>, to: u32| answer(guest, to, |store| imports::orders(store)))?;
    linker.func_wrap(&trading, "positions", |guest: Guest<H>, to: u32| answer(guest, to, |store| imports::positions(store)))?;
    linker.func_wrap(&trading, "account", |guest: Guest<H>, to: u32| answer(guest, to, |store| imports::account(store)))?;
    Ok(())
}

fn link_market<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let market = interface("market");
    linker.func_wrap(&market, "spec", |guest: Guest<H>, symbol: u32, to: u32| answer(guest, to, |store| imports::spec(store, symbol)))?;
    linker.func_wrap(&market, "bars", |guest: Guest<H>, symbol: u32, timeframe: u32, count: u32, to: u32| {
        let timeframe = wit::Timeframe::from_number(timeframe)?;
        answer(guest, to, |store| imports::bars(store, symbol, timeframe, count))
    })?;
    linker.func_wrap(&market, "ticks", |guest: Guest<H>, symbol: u32, count: u32, to: u32| {
        answer(guest, to, |store| imports::ticks(store, symbol, count))
    })?;
    linker.func_wrap(&market, "last-gap", |guest: Guest<H>, symbol: u32, to: u32| {
        answer(guest, to, |store| imports::last_gap(store, symbol))
    })?;
    linker.func_wrap(&market, "now", |mut guest: Guest<H>| imports::now(&mut guest.as_context_mut()))?;
    linker.func_wrap(&market, "at", |mut guest: Guest<H>, row: u32| imports::at(&mut guest.as_context_mut(), row))?;
    linker.func_wrap(&market, "random", |mut guest: Guest<H>| imports::random(&mut guest.as_context_mut()))?;
    Ok(())
}

fn link_report<H: GuestHost>(linker: &mut Linker<State<H>>) -> Result<()> {
    let report = interface("report");
    linker.func_wrap(&report, "log", |mut guest: Guest<H>, level: u32, text: u32, len: u32| {
        let (level, text) = (Level::from_number(level)?, source(&guest)?.text(text, len)?.to_owned());
        imports::log(&mut guest.as_context_mut(), level, &text)
    })?;
    linker.func_wrap(
        &report,
        "signal",
        |mut guest: Guest<H>, symbol: u32, has_side: u32, side: u32, confidence: f64, reason: u32, len: u32| {
            let side = option(has_side, side)?.map(wit::Side::from_number).transpose()?;
            let reason = source(&guest)?.text(reason, len)?.to_owned();
            imports::signal(&mut guest.as_context_mut(), symbol, side, confidence, &reason)
        },
    )?;
    linker.func_wrap(&report, "plot", |mut guest: Guest<H>, series: u32, len: u32, value: f64| {
        let series = source(&guest)?.text(series, len)?.to_owned();
        imports::plot(&mut guest.as_context_mut(), &series, value)
    })?;
    Ok(())
}

/// A flat option.
fn option<T>(is_there: u32, value: T) -> Result<Option<T>> {
    match is_there {
        0 => Ok(None),
        1 => Ok(Some(value)),
        _ => Err(broken("an option is neither there nor absent")),
    }
}

fn parts<H>(state: &State<H>) -> Result<&Arc<Parts>> {
    state.parts.as_ref().ok_or_else(|| broken("it called the host before it was set up"))
}

/// The guest's memory, to read its arguments from.
fn source<'a, H>(guest: &'a Guest<'_, H>) -> Result<Source<'a>> {
    let state = guest.data();
    Ok(Source::new(parts(state)?.memory.data(guest.as_context()), state.lift_bytes))
}

/// Asks the host and writes its answer to where the guest wants it.
fn answer<H: GuestHost, T: Save>(mut guest: Guest<'_, H>, to: u32, ask: impl FnOnce(&mut Store<'_, H>) -> Result<T>) -> Result<()> {
    let mut store = guest.as_context_mut();
    let parts = Arc::clone(parts(store.data())?);
    let answer = ask(&mut store)?;
    Sink::new(store, parts).put(to, &answer)
}
