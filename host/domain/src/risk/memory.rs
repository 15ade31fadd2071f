//! What a gate remembers of an account: its day, its peak, and how each engine fared. It survives a restart.

use super::limits::RiskLimits;
use crate::broker::{Deal, Entry};
use crate::contract::{DenyCode, Side};
use crate::ids::{DealId, EngineId};
use crate::number::Money;
use crate::time::{SECOND_US, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a gate remembers. Kept with the account; what deals say is brought up to date by those since [`last_deal`](Self::last_deal).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GateMemory {
    /// The highest deal that is counted here.
    pub last_deal: DealId,
    /// The UTC day.
    day: i64,
    /// Equity when it began.
    day_equity: Money,
    /// Highest equity that was seen.
    peak_equity: Money,
    /// Why nothing more is opened this day.
    stopped_today: Option<DenyCode>,
    engines: BTreeMap<EngineId, Fared>,
    /// Changes of what must survive a restart.
    #[serde(skip)]
    changes: u64,
}

/// How an engine fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Fared {
    /// Losing deals in a row, this day.
    losses: u32,
    /// Openings in this direction in a row, and the first's time.
    side: Option<Side>,
    executions: u32,
    since: Time,
    /// It opened too often in one direction: a person must look.
    throttled: bool,
}

impl GateMemory {
    /// Grows whenever something changed that must survive a restart.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Engines that wait for a person.
    pub fn throttled(&self) -> impl Iterator<Item = EngineId> {
        self.engines.iter().filter(|(_, fared)| fared.throttled).map(|(id, _)| *id)
    }

    /// A person has looked at an engine that opened too often in one direction, or too often lost.
    pub fn forgive(&mut self, engine: EngineId) {
        if self.engines.remove(&engine).is_some() {
            self.changes += 1;
        }
    }

    /// The same for every engine.
    pub fn forgive_all(&mut self) {
        self.changes += u64::from(!self.engines.is_empty());
        self.engines.clear();
    }

    /// A person lets the account go on as if its day and its peak began now.
    pub fn begin_anew(&mut self, equity: Money) {
        (self.day_equity, self.peak_equity, self.stopped_today) = (equity, equity, None);
        self.changes += 1;
    }

    /// The day and the peak, before anything is decided at `now`.
    pub(super) fn look(&mut self, now: Time, equity: Money) {
        if now.day() > self.day {
            let is_first = self.day == 0;
            (self.day, self.day_equity, self.stopped_today) = (now.day(), equity, None);
            if is_first {
                self.peak_equity = equity;
            }
            self.engines.values_mut().for_each(|fared| fared.losses = 0);
            self.changes += 1;
        }
        self.peak_equity = self.peak_equity.max(equity);
    }

    /// Whether losses stop an opening of `engine`.
    pub(super) fn losses(&mut self, engine: EngineId, equity: Money, limits: &RiskLimits) -> Result<(), DenyCode> {
        if let Some(code) = self.stopped_today {
            return Err(code);
        }
        let units = |units: u64| i128::from(units) * i128::from(Money::ONE.0);
        let lost = i128::from((self.day_equity - equity).0);
        if limits.daily_loss_max.is_some_and(|max| lost >= units(max)) {
            return Err(self.stop_today(DenyCode::DailyLoss));
        }
        let fallen = i128::from((self.peak_equity - equity).0) * 100;
        let peak = i128::from(self.peak_equity.0.max(0));
        if limits.drawdown_percent_max.is_some_and(|max| fallen >= peak * i128::from(max) && fallen > 0) {
            return Err(self.stop_today(DenyCode::Drawdown));
        }
        let fared = self.engines.get(&engine).copied().unwrap_or_default();
        if limits.consecutive_losses_max.is_some_and(|max| fared.losses >= max) {
            return Err(DenyCode::ConsecutiveLosses);
        }
        Ok(())
    }

    /// Whether the engine waits for a person.
    pub(super) fn is_throttled(&self, engine: EngineId) -> bool {
        self.engines.get(&engine).is_some_and(|fared| fared.throttled)
    }

    fn stop_today(&mut self, code: DenyCode) -> DenyCode {
        self.stopped_today = Some(code);
        self.changes += 1;
        code
    }

    /// A deal of an engine. Repeated ones are passed over.
    pub fn executed(&mut self, deal: &Deal, limits: &RiskLimits) {
        if deal.id <= self.last_deal {
            return;
        }
        self.last_deal = deal.id;
        let watched = limits.consecutive_losses_max.is_some() || limits.executions_max.is_some();
        if !watched {
            return;
        }
        let engine = deal.order.unwrap_or(deal.position.0).engine();
        let fared = self.engines.entry(engine).or_default();
        let before = *fared;
        if deal.entry != Entry::In {
            fared.losses = if deal.net() < Money::ZERO { fared.losses.saturating_add(1) } else { 0 };
        }
        if matches!(deal.entry, Entry::In | Entry::InOut) && deal.order.is_some() {
            let window_us = i64::from(limits.executions_window_s) * SECOND_US;
            if fared.side != Some(deal.side) || deal.time.since_us(fared.since) >= window_us {
                (fared.side, fared.executions, fared.since) = (Some(deal.side), 0, deal.time);
            }
            fared.executions = fared.executions.saturating_add(1);
            fared.throttled |= limits.executions_max.is_some_and(|max| fared.executions >= max);
        }
        self.changes += u64::from(before != *fared);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::Reason;
    use crate::ids::{OrderId, PositionId};
    use crate::number::{Points, Steps};
    use crate::symbol::SymbolId;
    use crate::time::DAY_US;

    const ENGINE: EngineId = EngineId(1);

    fn deal(id: u64, entry: Entry, side: Side, profit: i64, s: i64) -> Deal {
        let order = OrderId::new(ENGINE, id as u32);
        let (symbol, volume, price) = (SymbolId(0), Steps(1), Points(1));
        let (id, position, time, profit) = (DealId(id), PositionId(order), Time(s * SECOND_US), Money(profit));
        let (commission, swap) = (Money::ZERO, Money::ZERO);
        Deal {
            id,
            order: Some(order),
            position,
            symbol,
            side,
            entry,
            reason: Reason::Expert,
            volume,
            price,
            profit,
            commission,
            swap,
            time,
        }
    }

    #[test]
    fn losses_in_a_row_stop_an_engine_until_a_gain_or_the_next_day() {
        let limits = RiskLimits { consecutive_losses_max: Some(2), ..RiskLimits::default() };
        let mut memory = GateMemory::default();
        let says = |memory: &mut GateMemory| memory.losses(ENGINE, Money(0), &limits);
        memory.executed(&deal(1, Entry::Out, Side::Sell, -5, 0), &limits);
        memory.executed(&deal(1, Entry::Out, Side::Sell, -5, 0), &limits);
        assert_eq!(says(&mut memory), Ok(()), "a repeated deal is one loss");
        memory.executed(&deal(2, Entry::Out, Side::Sell, -5, 0), &limits);
        assert_eq!(says(&mut memory), Err(DenyCode::ConsecutiveLosses));
        memory.look(Time(DAY_US), Money(0));
        assert_eq!(says(&mut memory), Ok(()));
    }

    #[test]
    fn openings_in_one_direction_wait_for_a_person() {
        let limits = RiskLimits { executions_max: Some(3), executions_window_s: 10, ..RiskLimits::default() };
        let run = |entries: &[(Side, i64)]| {
            let mut memory = GateMemory::default();
            let deals = (1..).zip(entries).map(|(id, &(side, s))| deal(id, Entry::In, side, 0, s));
            deals.for_each(|deal| memory.executed(&deal, &limits));
            memory
        };
        use Side::{Buy, Sell};
        assert!(!run(&[(Buy, 0), (Buy, 1), (Sell, 2), (Buy, 3), (Buy, 4)]).is_throttled(ENGINE));
        assert!(!run(&[(Buy, 0), (Buy, 9), (Buy, 10)]).is_throttled(ENGINE));
        let mut memory = run(&[(Buy, 0), (Buy, 1), (Buy, 2), (Sell, 100)]);
        assert!(memory.is_throttled(ENGINE), "only a person resets it");
        memory.forgive(ENGINE);
        assert!(!memory.is_throttled(ENGINE));
    }

    #[test]
    fn a_day_that_was_stopped_stays_stopped_though_equity_recovers() {
        let limits = RiskLimits { daily_loss_max: Some(100), drawdown_percent_max: Some(20), ..RiskLimits::default() };
        let units = |units: i64| Money(units * Money::ONE.0);
        let mut memory = GateMemory::default();
        memory.look(Time(DAY_US), units(1_000));
        assert_eq!(memory.losses(ENGINE, units(901), &limits), Ok(()));
        assert_eq!(memory.losses(ENGINE, units(900), &limits), Err(DenyCode::DailyLoss));
        assert_eq!(memory.losses(ENGINE, units(1_000), &limits), Err(DenyCode::DailyLoss));
        memory.look(Time(2 * DAY_US), units(850));
        assert_eq!(memory.losses(ENGINE, units(850), &limits), Ok(()));
        assert_eq!(memory.losses(ENGINE, units(800), &limits), Err(DenyCode::Drawdown), "the peak is of the days before");
        memory.begin_anew(units(800));
        assert_eq!(memory.losses(ENGINE, units(800), &limits), Ok(()));
    }
}
