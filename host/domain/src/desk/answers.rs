//! What a guest gets to hear when it asks, and the tape of it.

use super::{Desk, decisions, report};
use crate::contract::{AccountView, AskedOrder, Budget, DenyCode, Gap, LogLevel, SeenOrder, SeenPosition, Side};
use crate::footprint::Footprint;
use crate::guest::{ContractBroken, GuestHost};
use crate::limits::HISTORY_ROWS_MAX;
use crate::memory::OverQuota;
use crate::number::{Rate, Steps};
use crate::symbol::SymbolSpec;
use crate::tape::Asked;
use crate::tick::{Bar, Tick, Timeframe};
use crate::time::Time;
use crate::wake::Wake;

impl GuestHost for Desk {
    fn grow_memory(&mut self, bytes: u64) -> Result<(), OverQuota> {
        self.memory.grow(bytes)
    }

    fn footprint(&self, into: &mut Footprint) {
        into.add(self, std::mem::offset_of!(Self, batch));
        self.waiting.iter().for_each(|waiting| into.add(&raw const **waiting, size_of_val(&**waiting)));
    }

    fn submit(&mut self, order: AskedOrder) -> Result<u64, DenyCode> {
        let asked = self.tape.is_some().then(|| order.clone());
        let answer = self.do_submit(order);
        self.tape_asked(|| Asked::Submit { order: asked.expect("there is a tape"), answer });
        answer
    }
    fn modify_order(&mut self, id: u64, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        let answer = self.do_modify_order(id, price, stop_loss, take_profit);
        self.tape_asked(|| Asked::ModifyOrder { id, price, stop_loss, take_profit, answer });
        answer
    }
    fn modify_position(&mut self, id: u64, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        let answer = self.do_modify_position(id, stop_loss, take_profit);
        self.tape_asked(|| Asked::ModifyPosition { id, stop_loss, take_profit, answer });
        answer
    }
    fn cancel(&mut self, id: u64) -> Result<(), DenyCode> {
        let answer = self.do_cancel(id);
        self.tape_asked(|| Asked::Cancel { id, answer });
        answer
    }
    fn close(&mut self, id: u64, volume: Option<f64>) -> Result<u64, DenyCode> {
        let answer = self.do_close(id, volume);
        self.tape_asked(|| Asked::Close { id, volume, answer });
        answer
    }
    fn orders(&mut self) -> Vec<SeenOrder> {
        let answer = self.seen_orders();
        self.tape_asked(|| Asked::Orders(answer.clone()));
        answer
    }
    fn positions(&mut self) -> Vec<SeenPosition> {
        let answer = self.seen_positions();
        self.tape_asked(|| Asked::Positions(answer.clone()));
        answer
    }
    fn account(&mut self) -> AccountView {
        let answer = self.account_view();
        self.tape_asked(|| Asked::Account(answer.clone()));
        answer
    }

    fn spec(&mut self, symbol: u32) -> Result<(SymbolSpec, f64), ContractBroken> {
        let id = self.symbol(symbol)?;
        let spec = self.table.spec(id);
        let currency = self.lock().terms.currency.clone();
        let rate = self.table.rate(&spec.quote, &currency, |symbol| self.quote(symbol)).unwrap_or(Rate { numerator: 0, denominator: 1 });
        // One lot may not be a whole number of steps: take the value of many steps and scale.
        let steps = Steps(1_000_000);
        let tick_value = spec.value(spec.tick_size, steps, rate).to_units() / spec.lots(steps);
        let answer = (spec.clone(), tick_value);
        self.tape_asked(|| Asked::Spec { symbol, answer: answer.clone() });
        Ok(answer)
    }

    fn bars(&mut self, symbol: u32, timeframe: Timeframe, count: u32) -> Result<Vec<Bar>, ContractBroken> {
        let id = self.symbol(symbol)?;
        if !self.need(symbol).is_some_and(|need| need.timeframes.contains(&timeframe)) {
            return Ok(Vec::new());
        }
        let until = self.seen(symbol).map_or(self.now, |tick| tick.time);
        let answer = self.market.bars(id, timeframe, (count as usize).min(HISTORY_ROWS_MAX), until);
        self.tape_asked(|| Asked::Bars { symbol, timeframe, count, answer: answer.clone() });
        Ok(answer)
    }

    fn ticks(&mut self, symbol: u32, asked: u32) -> Result<Vec<Tick>, ContractBroken> {
        let id = self.symbol(symbol)?;
        // The tick being handled is always there; before it, as many as the guest asked for, whether they lie in a batch or
        // in the history, which may hold more for others.
        let depth = self.need(symbol).map_or(0, |need| need.ticks_before_start as usize);
        let count = (asked as usize).min(depth.clamp(1, HISTORY_ROWS_MAX));
        let rows = self.batch.as_ref().filter(|batch| batch.symbol == symbol);
        let (fresh, before) = match (rows, self.seen(symbol)) {
            (Some(batch), _) => {
                let rows = (0..=batch.row).rev().take(count).map(|row| batch.tick(row, id));
                (rows.collect::<Vec<_>>(), batch.first_sequence.saturating_sub(1))
            }
            (None, Some(last)) => (std::iter::once(*last).take(count).collect(), last.sequence.saturating_sub(1)),
            (None, None) => (Vec::new(), u64::MAX),
        };
        let mut ticks = self.market.ticks(id, count - fresh.len(), before);
        ticks.extend(fresh.into_iter().rev());
        self.tape_asked(|| Asked::Ticks { symbol, count: asked, answer: ticks.clone() });
        Ok(ticks)
    }

    fn last_gap(&mut self, symbol: u32) -> Result<Option<Gap>, ContractBroken> {
        self.symbol(symbol)?;
        let answer = self.symbols[symbol as usize].gap;
        self.tape_asked(|| Asked::LastGap { symbol, answer });
        Ok(answer)
    }

    fn now(&mut self) -> i64 {
        self.now.0
    }

    fn at(&mut self, row: u32) -> Result<(), ContractBroken> {
        let row = row as usize;
        let Some(batch) = &mut self.batch else { return Err(ContractBroken("market.at outside of on-ticks".into())) };
        if row < batch.row || row >= batch.rows {
            return Err(ContractBroken(format!("market.at({row}) after row {} of {}", batch.row, batch.rows)));
        }
        if let Some(acted) = batch.acted_at.filter(|&acted| acted != row) {
            return Err(ContractBroken(format!(
                "on-ticks asked for something at row {acted} and must stop after it, but went on to row {row}"
            )));
        }
        let moved = row > batch.row;
        batch.row = row;
        let own = &mut self.symbols[batch.symbol as usize];
        let tick = batch.tick(row, own.symbol);
        own.last = Some(tick);
        self.now = self.now.max(tick.time);
        // What is bounded by the call is bounded by the row, as when ticks come one by one.
        if moved {
            self.reports.begin(self.now);
        }
        Ok(())
    }

    fn random(&mut self) -> u64 {
        // SplitMix64: every seed gives a full period, and the state is one number to save.
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let answer = z ^ (z >> 31);
        self.tape_asked(|| Asked::Random(answer));
        answer
    }

    fn log(&mut self, level: LogLevel, text: &str) {
        if !self.reports.log(level, text) {
            self.count_dropped();
        }
    }

    fn has_room_for(&mut self, bytes: usize) -> bool {
        let has_room = self.reports.has_room_for(bytes);
        if !has_room {
            self.count_dropped();
        }
        has_room
    }

    fn signal(&mut self, symbol: u32, side: Option<Side>, confidence: f64, reason: &str) -> Result<(), ContractBroken> {
        let id = self.symbol(symbol)?;
        if !self.reports.signal(id, side, confidence, reason) {
            self.count_dropped();
        }
        self.note_other(|| decisions::Asked::Signal {
            symbol,
            side,
            confidence: report::confidence(confidence),
            reason: reason.to_owned(),
        });
        self.tape_asked(|| Asked::Signal { symbol, side, confidence, reason: reason.to_owned() });
        Ok(())
    }

    fn plot(&mut self, series: &str, value: f64) {
        if !self.reports.plot(series, value) {
            self.count_dropped();
        }
    }

    fn set_timer(&mut self, id: u32, at: i64, every: Option<u64>) -> Result<(), ContractBroken> {
        self.acted();
        self.timers.set(id, Time(at), every)?;
        self.note_other(|| decisions::Asked::SetTimer { id, at, every });
        self.tape_asked(|| Asked::SetTimer { id, at, every });
        Ok(())
    }

    fn clear_timer(&mut self, id: u32) {
        self.acted();
        self.note_other(|| decisions::Asked::ClearTimer { id });
        self.tape_asked(|| Asked::ClearTimer(id));
        self.timers.clear(id);
    }

    fn set_wake(&mut self, symbol: u32, wake: Wake) -> Result<(), ContractBroken> {
        self.symbol(symbol)?;
        if self.wait(symbol, wake) {
            self.acted();
            self.tape_asked(|| Asked::SetWake { symbol, wake });
        }
        Ok(())
    }

    fn budget(&mut self) -> Budget {
        let orders = self.lock().commands_left(self.engine, self.now).min(self.orders_per_call_max.saturating_sub(self.asked_in_call));
        let log_bytes = self.reports.bytes_left();
        self.tape_asked(|| Asked::Budget { orders, log_bytes });
        Budget { fuel: 0, memory_bytes: 0, orders, log_bytes }
    }
}
