//! The host of a component that only describes itself: no market, no orders, nothing to report to.

use domain::contract::*;
use domain::guest::{ContractBroken, GuestHost};
use domain::symbol::SymbolSpec;
use domain::tick::{Bar, Tick, Timeframe};
use domain::wake::Wake;

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
