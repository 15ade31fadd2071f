//! How often: messages of an engine and of its account, the same order again, and the whole host.

use super::limits::RiskLimits;
use super::require;
use crate::contract::{DenyCode, OrderKind, Side};
use crate::ids::EngineId;
use crate::number::{Money, Points, Steps};
use crate::order::OrderRequest;
use crate::symbol::SymbolId;
use crate::time::{MINUTE_US, SECOND_US, Time};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Cancels and closes pass until this many times the usual rate.
const WAYS_OUT: u32 = 10;
/// Orders that are remembered to tell the same one given again: more than a window of a second has.
const RECENT_MAX: usize = 32;

/// Whether a command can only get out of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It may add risk.
    In,
    /// It can't.
    Out,
}

/// Messages in the current minute.
#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    since: Time,
    used: u32,
}

impl Minute {
    fn used(&self, now: Time) -> u32 {
        if now.since_us(self.since) < MINUTE_US { self.used } else { 0 }
    }

    fn take(&mut self, now: Time) {
        if now.since_us(self.since) >= MINUTE_US {
            (self.since, self.used) = (now, 0);
        }
        self.used = self.used.saturating_add(1);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Same {
    engine: EngineId,
    symbol: SymbolId,
    side: Side,
    kind: OrderKind,
    volume: Steps,
    price: Option<Points>,
}

/// What an account's engines have asked for lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    engines: BTreeMap<EngineId, Minute>,
    account: Minute,
    recent: [Option<(Time, Same)>; RECENT_MAX],
    next: usize,
}

impl Rates {
    /// Commands `engine` has left in the minute of `now`.
    pub fn left(&self, engine: EngineId, now: Time, limits: &RiskLimits) -> u32 {
        let own = limits.commands_per_minute.saturating_sub(self.engines.get(&engine).map_or(0, |minute| minute.used(now)));
        limits.account_commands_per_minute.map_or(own, |max| own.min(max.saturating_sub(self.account.used(now))))
    }

    /// Takes one command from what is left.
    pub fn take(&mut self, engine: EngineId, way: Way, now: Time, limits: &RiskLimits) -> Result<(), DenyCode> {
        // An engine that has spent its rate may still close positions, up to a cap: each try is written to disk.
        let times = if way == Way::Out { WAYS_OUT } else { 1 };
        let own = self.engines.entry(engine).or_insert(Minute { since: now, used: 0 });
        require(own.used(now) < limits.commands_per_minute.saturating_mul(times), DenyCode::RateExceeded)?;
        let of_account = limits.account_commands_per_minute.is_none_or(|max| self.account.used(now) < max.saturating_mul(times));
        require(of_account, DenyCode::RateExceeded)?;
        own.take(now);
        self.account.take(now);
        Ok(())
    }

    /// Whether the same was opened within the window.
    pub fn is_again(&self, engine: EngineId, order: &OrderRequest, now: Time, window_ms: u32) -> bool {
        let same = Same::of(engine, order);
        let window_us = i64::from(window_ms) * 1_000;
        self.recent.iter().flatten().any(|(at, other)| *other == same && now.since_us(*at) < window_us)
    }

    /// Remembers an opening.
    pub fn opened(&mut self, engine: EngineId, order: &OrderRequest, now: Time) {
        self.recent[self.next] = Some((now, Same::of(engine, order)));
        self.next = (self.next + 1) % RECENT_MAX;
    }
}

impl Same {
    fn of(engine: EngineId, order: &OrderRequest) -> Self {
        Self { engine, symbol: order.symbol, side: order.side, kind: order.kind, volume: order.volume, price: order.price }
    }
}

/// The last line: what the whole host opens, whoever asks.
#[derive(Debug, Default)]
pub struct HostCaps(Mutex<Caps>);

#[derive(Debug, Default)]
struct Caps {
    orders_per_second: Option<u32>,
    notional_per_minute: Option<u64>,
    second: i64,
    orders: u32,
    minute: i64,
    notional: i128,
}

impl HostCaps {
    /// Sets the caps; `None` is unlimited.
    pub fn set(&self, orders_per_second: Option<u32>, notional_per_minute: Option<u64>) {
        let mut caps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (caps.orders_per_second, caps.notional_per_minute) = (orders_per_second, notional_per_minute);
    }

    /// Takes an opening of this worth, where that is known.
    ///
    /// # Errors
    /// `HOST_LIMIT`.
    pub(super) fn take(&self, now: Time, worth: Money) -> Result<(), DenyCode> {
        let mut caps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, minute) = (now.0.div_euclid(SECOND_US), now.0.div_euclid(MINUTE_US));
        if second != caps.second {
            (caps.second, caps.orders) = (second, 0);
        }
        if minute != caps.minute {
            (caps.minute, caps.notional) = (minute, 0);
        }
        let notional = caps.notional + i128::from(worth.0);
        let max = caps.notional_per_minute.map(|units| i128::from(units) * i128::from(Money::ONE.0));
        require(caps.orders_per_second.is_none_or(|max| caps.orders < max), DenyCode::HostLimit)?;
        require(max.is_none_or(|max| notional <= max), DenyCode::HostLimit)?;
        (caps.orders, caps.notional) = (caps.orders + 1, notional);
        Ok(())
    }

    /// Whether an order's worth is asked for.
    pub(super) fn looks_at_worth(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).notional_per_minute.is_some()
    }
}
