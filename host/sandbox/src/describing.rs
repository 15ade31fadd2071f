//! A component's first instance, which only describes itself: what it says, and the host that it has meanwhile, with no market, no
//! orders, nothing to report to.

use crate::bindings::{TradingStrategy, TradingStrategyPre};
use crate::convert;
use crate::direct;
use crate::guest::{self, Allowance};
use crate::state::State;
use domain::contract::*;
use domain::guest::{ContractBroken, Fault, GuestHost};
use domain::limits::GuestLimits;
use domain::symbol::SymbolSpec;
use domain::tick::{Bar, Tick, Timeframe};
use domain::wake::Wake;
use std::sync::Arc;
use wasmtime::{Engine, Module};

/// What a component showed.
pub(crate) struct Looked {
    /// Its module, where it was asked for and is there.
    pub module: Option<Module>,
    pub description: Result<Description, Fault>,
}

/// Instantiates a component, takes a look at it and lets it go; all of that within what one call that sets up may take.
///
/// Its memory is not counted to this process's: how a version is called, for as long as it is kept, must not hang on what there is to
/// spare when it is loaded.
///
/// # Errors
/// It can't be instantiated.
pub(crate) fn look(
    engine: &Engine,
    pre: &TradingStrategyPre<State<Describing>>,
    limits: &GuestLimits,
    wants_module: bool,
) -> Result<Looked, Fault> {
    let allowance = Allowance::describing(limits);
    let mut store = guest::store(engine, Describing, limits, Arc::default()).map_err(guest::no_room)?;
    guest::begin(&mut store, &allowance).map_err(guest::no_room)?;
    let instance = guest::attempt(&mut store, &allowance, |store| pre.instance_pre().instantiate(store));
    let instance = instance.map_err(guest::into_fault)?;
    let module = if wants_module { direct::module(&instance, &mut store) } else { None };
    let described = guest::attempt(&mut store, &allowance, |store| {
        let strategy = TradingStrategy::new(&mut *store, &instance)?;
        strategy.call_describe(store)
    });
    Ok(Looked { module, description: described.map(convert::description).map_err(guest::into_fault) })
}

/// Answers as the contract says for calls that are not available in `describe`.
pub(crate) struct Describing;

fn not_now<T>() -> Result<T, DenyCode> {
    Err(DenyCode::NotAllowedNow)
}

fn unknown<T>(what: &str) -> Result<T, ContractBroken> {
    Err(ContractBroken(format!("{what} is not available in describe")))
}

impl GuestHost for Describing {
    fn submit(&mut self, _: AskedOrder) -> Result<u64, DenyCode> {
        not_now()
    }
    fn modify_order(&mut self, _: u64, _: Option<f64>, _: Option<f64>, _: Option<f64>) -> Result<(), DenyCode> {
        not_now()
    }
    fn modify_position(&mut self, _: u64, _: Option<f64>, _: Option<f64>) -> Result<(), DenyCode> {
        not_now()
    }
    fn cancel(&mut self, _: u64) -> Result<(), DenyCode> {
        not_now()
    }
    fn close(&mut self, _: u64, _: Option<f64>) -> Result<u64, DenyCode> {
        not_now()
    }
    fn last_gap(&mut self, _: u32) -> Result<Option<Gap>, ContractBroken> {
        Ok(None)
    }
    fn orders(&mut self) -> Vec<SeenOrder> {
        Vec::new()
    }
    fn positions(&mut self) -> Vec<SeenPosition> {
        Vec::new()
    }
    fn account(&mut self) -> AccountView {
        AccountView {
            mode: AccountMode::Netting,
            currency: String::new(),
            leverage: 0,
            balance: 0.0,
            equity: 0.0,
            margin: 0.0,
            margin_free: 0.0,
        }
    }
    fn spec(&mut self, _: u32) -> Result<(SymbolSpec, f64), ContractBroken> {
        unknown("market.spec")
    }
    fn bars(&mut self, _: u32, _: Timeframe, _: u32) -> Result<Vec<Bar>, ContractBroken> {
        unknown("market.bars")
    }
    fn ticks(&mut self, _: u32, _: u32) -> Result<Vec<Tick>, ContractBroken> {
        unknown("market.ticks")
    }
    fn now(&mut self) -> i64 {
        0
    }
    fn at(&mut self, _: u32) -> Result<(), ContractBroken> {
        unknown("market.at")
    }
    fn random(&mut self) -> u64 {
        0
    }
    fn log(&mut self, level: LogLevel, text: &str) {
        tracing::debug!(%level, text, "logged in describe");
    }
    fn signal(&mut self, _: u32, _: Option<Side>, _: f64, _: &str) -> Result<(), ContractBroken> {
        Ok(())
    }
    fn plot(&mut self, _: &str, _: f64) {}
    fn set_timer(&mut self, _: u32, _: i64, _: Option<u64>) -> Result<(), ContractBroken> {
        unknown("schedule.set-timer")
    }
    fn clear_timer(&mut self, _: u32) {}
    fn set_wake(&mut self, _: u32, _: Wake) -> Result<(), ContractBroken> {
        unknown("schedule.set-wake")
    }
    fn budget(&mut self) -> Budget {
        Budget { fuel: 0, memory_bytes: 0, orders: 0, log_bytes: 0 }
    }
}
