//! A host that answers from a script and writes down what it was asked.

use domain::contract::*;
use domain::guest::{ContractBroken, GuestHost};
use domain::memory::OverQuota;
use domain::symbol::{SymbolSpec, common};
use domain::tick::{Bar, Tick, Timeframe};
use domain::wake::Wake;
use std::collections::VecDeque;

/// One thing a guest asked for.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are those of `GuestHost`")]
pub enum Asked {
    Submit(AskedOrder),
    ModifyOrder { id: u64, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64> },
    ModifyPosition { id: u64, stop_loss: Option<f64>, take_profit: Option<f64> },
    Cancel(u64),
    Close { id: u64, volume: Option<f64> },
    At(u32),
    Signal { symbol: u32, side: Option<Side>, confidence: f64, reason: String },
    Plot { series: String, value: f64 },
    SetTimer { id: u32, at: i64, every: Option<u64> },
    ClearTimer(u32),
    SetWake { symbol: u32, wake: Wake },
}

/// A [`GuestHost`] without a market: fields are what it answers, and what it was asked.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "fields are named like what they answer")]
pub struct ScriptedHost {
    pub now: i64,
    pub account: AccountView,
    pub orders: Vec<SeenOrder>,
    pub positions: Vec<SeenPosition>,
    /// Symbols by the guest's index; asking for another breaks the contract.
    pub specs: Vec<SymbolSpec>,
    pub bars: Vec<Bar>,
    pub ticks: Vec<Tick>,
    pub gap: Option<Gap>,
    pub budget: Budget,
    /// Bytes that its owner's quota has left for the guest; none: there is no quota.
    pub memory_bytes_left: Option<u64>,
    /// The next random number; counts up.
    pub random: u64,
    /// Answers to requests, in order. When they run out: a new id.
    pub answers: VecDeque<Result<u64, DenyCode>>,
    /// A request makes the host panic, as a bug in it would.
    pub panics: bool,
    /// Everything asked for, in order.
    pub asked: Vec<Asked>,
    /// Everything logged, in order.
    pub logged: Vec<(LogLevel, String)>,
    /// The last id given out.
    pub last_id: u64,
}

impl Default for ScriptedHost {
    fn default() -> Self {
        Self {
            now: 0,
            account: account(),
            orders: Vec::new(),
            positions: Vec::new(),
            specs: vec![common::forex("EUR", "USD")],
            bars: Vec::new(),
            ticks: Vec::new(),
            gap: None,
            budget: Budget { fuel: 0, memory_bytes: 0, orders: 100, log_bytes: 64 << 10 },
            memory_bytes_left: None,
            random: 1,
            answers: VecDeque::new(),
            panics: false,
            asked: Vec::new(),
            logged: Vec::new(),
            last_id: 0,
        }
    }
}

/// A hedging account with 10,000 USD at 1:100.
pub fn account() -> AccountView {
    AccountView {
        mode: AccountMode::Hedging,
        currency: "USD".into(),
        leverage: 100,
        balance: 10_000.0,
        equity: 10_000.0,
        margin: 0.0,
        margin_free: 10_000.0,
    }
}

impl ScriptedHost {
    /// The orders asked for, in order.
    pub fn submitted(&self) -> Vec<&AskedOrder> {
        self.asked.iter().filter_map(|asked| if let Asked::Submit(order) = asked { Some(order) } else { None }).collect()
    }

    fn answer(&mut self, asked: Asked) -> Result<u64, DenyCode> {
        assert!(!self.panics, "the host was told to panic");
        self.asked.push(asked);
        self.answers.pop_front().unwrap_or_else(|| {
            self.last_id += 1;
            Ok(self.last_id)
        })
    }

    fn known(&self, symbol: u32) -> Result<&SymbolSpec, ContractBroken> {
        self.specs.get(symbol as usize).ok_or_else(|| ContractBroken(format!("there is no symbol {symbol}")))
    }
}

fn last<T: Clone>(rows: &[T], count: u32) -> Vec<T> {
    rows[rows.len().saturating_sub(count as usize)..].to_vec()
}

impl GuestHost for ScriptedHost {
    fn grow_memory(&mut self, more: u64) -> Result<(), OverQuota> {
        let Some(left) = &mut self.memory_bytes_left else { return Ok(()) };
        *left = left.checked_sub(more).ok_or(OverQuota { more, bytes: 0, bytes_max: *left })?;
        Ok(())
    }
    fn submit(&mut self, order: AskedOrder) -> Result<u64, DenyCode> {
        self.answer(Asked::Submit(order))
    }
    fn modify_order(&mut self, id: u64, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        self.answer(Asked::ModifyOrder { id, price, stop_loss, take_profit }).map(|_| ())
    }
    fn modify_position(&mut self, id: u64, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        self.answer(Asked::ModifyPosition { id, stop_loss, take_profit }).map(|_| ())
    }
    fn cancel(&mut self, id: u64) -> Result<(), DenyCode> {
        self.answer(Asked::Cancel(id)).map(|_| ())
    }
    fn close(&mut self, id: u64, volume: Option<f64>) -> Result<u64, DenyCode> {
        self.answer(Asked::Close { id, volume })
    }
    fn orders(&mut self) -> Vec<SeenOrder> {
        self.orders.clone()
    }
    fn positions(&mut self) -> Vec<SeenPosition> {
        self.positions.clone()
    }
    fn account(&mut self) -> AccountView {
        self.account.clone()
    }
    fn spec(&mut self, symbol: u32) -> Result<(SymbolSpec, f64), ContractBroken> {
        Ok((self.known(symbol)?.clone(), 1.0))
    }
    fn bars(&mut self, symbol: u32, timeframe: Timeframe, count: u32) -> Result<Vec<Bar>, ContractBroken> {
        self.known(symbol)?;
        let bars: Vec<Bar> = self.bars.iter().filter(|bar| bar.timeframe == timeframe).copied().collect();
        Ok(last(&bars, count))
    }
    fn ticks(&mut self, symbol: u32, count: u32) -> Result<Vec<Tick>, ContractBroken> {
        self.known(symbol)?;
        Ok(last(&self.ticks, count))
    }
    fn last_gap(&mut self, symbol: u32) -> Result<Option<Gap>, ContractBroken> {
        self.known(symbol)?;
        Ok(self.gap)
    }
    fn now(&mut self) -> i64 {
        self.now
    }
    fn at(&mut self, row: u32) -> Result<(), ContractBroken> {
        self.asked.push(Asked::At(row));
        Ok(())
    }
    fn random(&mut self) -> u64 {
        self.random += 1;
        self.random - 1
    }
    fn log(&mut self, level: LogLevel, text: &str) {
        self.logged.push((level, text.to_owned()));
    }
    fn signal(&mut self, symbol: u32, side: Option<Side>, confidence: f64, reason: &str) -> Result<(), ContractBroken> {
        self.known(symbol)?;
        self.asked.push(Asked::Signal { symbol, side, confidence, reason: reason.to_owned() });
        Ok(())
    }
    fn plot(&mut self, series: &str, value: f64) {
        self.asked.push(Asked::Plot { series: series.to_owned(), value });
    }
    fn set_timer(&mut self, id: u32, at: i64, every: Option<u64>) -> Result<(), ContractBroken> {
        self.asked.push(Asked::SetTimer { id, at, every });
        Ok(())
    }
    fn clear_timer(&mut self, id: u32) {
        self.asked.push(Asked::ClearTimer(id));
    }
    fn set_wake(&mut self, symbol: u32, wake: Wake) -> Result<(), ContractBroken> {
        self.known(symbol)?;
        self.asked.push(Asked::SetWake { symbol, wake });
        Ok(())
    }
    fn budget(&mut self) -> Budget {
        self.budget
    }
}
