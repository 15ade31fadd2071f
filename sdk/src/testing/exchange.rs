//! The harness's own little market: a hedging account without margin, commission or delay.
//!
//! It is for the tests of a strategy's rules. What a broker does with an order is the business of the host's paper broker.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::{BTreeMap, VecDeque};

use super::record::{Decision, Recorded};
use crate::host::Host;
use crate::types::*;

/// The contract's bound on rows of the past.
const ROWS_MAX: usize = 1_024;
/// Prices and volumes off their grid by more than this share of a step are denied, as a host does.
const GRID_TOLERANCE: f64 = 1e-6;

/// What becomes of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fills {
    /// Market orders fill at bid or ask at once; pending ones and stops at their own price, at the first tick that reaches it.
    Immediate,
    /// Nothing fills: orders are only recorded.
    Never,
}

/// What the strategy is to be told after the call being handled.
#[derive(Debug)]
pub(super) enum Event {
    Order(OrderId, OrderEvent),
    Position(Position, PositionChange),
}

/// The market as it is in this moment.
#[derive(Debug)]
pub(super) struct State {
    pub specs: Vec<SymbolSpec>,
    pub account: AccountState,
    pub fills: Fills,
    pub now: Time,
    pub ticks: Vec<VecDeque<Tick>>,
    pub gaps: BTreeMap<Symbol, Gap>,
    pub bars: BTreeMap<(Symbol, Timeframe), VecDeque<Bar>>,
    pub positions: Vec<Position>,
    /// Market orders and pending ones, oldest first.
    pub orders: Vec<(OrderId, OrderRequest, Time)>,
    pub timers: BTreeMap<u32, (Time, Option<u64>)>,
    /// Of each symbol: which ticks the strategy waits for.
    pub wakes: Vec<Wake>,
    pub events: VecDeque<Event>,
    pub recorded: Vec<Recorded>,
    pub deny: Option<DenyCode>,
    /// Rows of the batch being handled that have not been taken in yet, with their symbol.
    pub batch: Vec<Tick>,
    pub batch_symbol: Symbol,
    pub batch_taken: usize,
    random: u64,
    last_id: u64,
}

/// The market as the strategy reaches it.
#[derive(Debug)]
pub(super) struct Exchange(RefCell<State>);

impl Exchange {
    pub fn new(symbols: usize) -> Self {
        let account = AccountState {
            mode: AccountMode::Hedging,
            currency: "USD".to_owned(),
            leverage: 100,
            balance: 10_000.0,
            equity: 10_000.0,
            margin: 0.0,
            margin_free: 10_000.0,
        };
        Exchange(RefCell::new(State {
            specs: vec![super::eurusd(); symbols],
            gaps: BTreeMap::new(),
            account,
            fills: Fills::Immediate,
            now: 0,
            ticks: vec![VecDeque::new(); symbols],
            bars: BTreeMap::new(),
            positions: Vec::new(),
            orders: Vec::new(),
            timers: BTreeMap::new(),
            wakes: vec![Wake::EVERY_TICK; symbols],
            events: VecDeque::new(),
            recorded: Vec::new(),
            deny: None,
            batch: Vec::new(),
            batch_symbol: 0,
            batch_taken: 0,
            random: 0x5EED,
            last_id: 0,
        }))
    }

    pub fn see(&self) -> Ref<'_, State> {
        self.0.borrow()
    }

    pub fn change(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }
}

impl State {
    /// Takes in a tick: from now on prices are its.
    pub fn take(&mut self, symbol: Symbol, tick: Tick) {
        self.now = tick.time;
        let past = &mut self.ticks[symbol as usize];
        if past.len() == ROWS_MAX {
            past.pop_front();
        }
        past.push_back(tick);
    }

    /// Takes in the rows of the batch up to `count`.
    pub fn take_rows(&mut self, count: usize) {
        for row in self.batch_taken..count {
            let tick = self.batch[row];
            self.take(self.batch_symbol, tick);
        }
        self.batch_taken = self.batch_taken.max(count);
    }

    pub fn keep_bar(&mut self, bar: Bar) {
        let past = self.bars.entry((bar.symbol, bar.timeframe)).or_default();
        if past.len() == ROWS_MAX {
            past.pop_front();
        }
        past.push_back(bar);
    }

    fn last(&self, symbol: Symbol) -> Option<Tick> {
        self.ticks.get(symbol as usize)?.back().copied()
    }

    fn record(&mut self, decision: Decision) {
        self.recorded.push(Recorded { time: self.now, decision });
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Whether anything would happen at this tick before the strategy sees it.
    pub fn stirs(&self, symbol: Symbol, tick: &Tick) -> bool {
        let order = |(_, request, _): &(OrderId, OrderRequest, Time)| request.symbol == symbol && fill_price(request, tick).is_some();
        let stop = |position: &Position| position.symbol == symbol && stop_price(position, tick).is_some();
        self.fills == Fills::Immediate && (self.orders.iter().any(order) || self.positions.iter().any(stop))
    }

    /// Fills what the symbol's last tick reaches.
    pub fn settle(&mut self, symbol: Symbol) {
        let (Fills::Immediate, Some(tick)) = (self.fills, self.last(symbol)) else { return };
        for position in self.positions.clone() {
            if let Some(price) = stop_price(&position, &tick).filter(|_| position.symbol == symbol) {
                let id = self.next_id();
                self.reduce(id, position.id, position.volume, price);
            }
        }
        for (id, request, placed) in std::mem::take(&mut self.orders) {
            match fill_price(&request, &tick).filter(|_| request.symbol == symbol) {
                Some(price) => self.fill(id, &request, price),
                None => self.orders.push((id, request, placed)),
            }
        }
    }

    fn fill(&mut self, id: OrderId, request: &OrderRequest, price: f64) {
        if let Some(position) = request.position {
            return self.reduce(id, position, request.volume, price);
        }
        let position = Position {
            id,
            symbol: request.symbol,
            side: request.side,
            volume: request.volume,
            open_price: price,
            stop_loss: request.stop_loss,
            take_profit: request.take_profit,
            opened: self.now,
            profit: 0.0,
            swap: 0.0,
            commission: 0.0,
            tag: request.tag.clone(),
        };
        self.filled(id, id, request.volume, price, 0.0);
        self.events.push_back(Event::Position(position.clone(), PositionChange::Opened));
        self.positions.push(position);
    }

    fn reduce(&mut self, order: OrderId, id: PositionId, volume: f64, price: f64) {
        let Some(place) = self.positions.iter().position(|position| position.id == id) else {
            return self.events.push_back(Event::Order(order, OrderEvent::Canceled));
        };
        let position = &mut self.positions[place];
        let volume = volume.min(position.volume);
        let spec = &self.specs[position.symbol as usize];
        let profit = profit(position, spec, volume, price);
        // Subtraction leaves crumbs of binary fractions; steps do not.
        position.volume = ((position.volume - volume) / spec.volume_step).round() / (1.0 / spec.volume_step).round();
        let closed = position.volume < spec.volume_step * 0.5;
        if closed {
            position.volume = 0.0;
        }
        let position = position.clone();
        self.account.balance += profit;
        self.filled(order, id, volume, price, profit);
        let change = if closed { PositionChange::Closed } else { PositionChange::Reduced };
        self.events.push_back(Event::Position(Position { profit, ..position }, change));
        if closed {
            self.positions.remove(place);
        }
    }

    fn filled(&mut self, order: OrderId, position: PositionId, volume: f64, price: f64, profit: f64) {
        let fill = Fill { volume, price, time: self.now, position, profit, commission: 0.0 };
        self.events.push_back(Event::Order(order, OrderEvent::Filled(fill)));
    }

    /// Positions with their profit at the prices of this moment.
    fn valued(&self) -> Vec<Position> {
        let value = |position: &Position| {
            let close = self.last(position.symbol).map_or(position.open_price, |tick| tick.price(position.side.opposite()));
            Position { profit: profit(position, &self.specs[position.symbol as usize], position.volume, close), ..position.clone() }
        };
        self.positions.iter().map(value).collect()
    }

    fn valued_account(&self) -> AccountState {
        let floating: f64 = self.valued().iter().map(|position| position.profit).sum();
        let equity = self.account.balance + floating;
        AccountState { equity, margin_free: equity, ..self.account.clone() }
    }

    /// The checks that every host makes before anything else.
    fn check(&mut self, request: &OrderRequest) -> Result<(), DenyCode> {
        if let Some(code) = self.deny {
            return Err(code);
        }
        let spec = self.specs.get(request.symbol as usize).ok_or(DenyCode::SymbolNotAllowed)?;
        let off = |value: f64, step: f64| {
            let steps = value / step;
            !steps.is_finite() || (steps - steps.round()).abs() > GRID_TOLERANCE * steps.abs().max(1.0)
        };
        let prices = [request.price, request.stop_limit_price, request.stop_loss, request.take_profit];
        let priced = request.price.is_some();
        match request {
            _ if off(request.volume, spec.volume_step) => Err(DenyCode::VolumeOffStep),
            _ if request.volume < spec.volume_min * (1.0 - GRID_TOLERANCE) => Err(DenyCode::VolumeBelowMinimum),
            _ if request.volume > spec.volume_max * (1.0 + GRID_TOLERANCE) => Err(DenyCode::VolumeAboveMaximum),
            _ if prices.iter().flatten().any(|&price| off(price, spec.tick_size)) => Err(DenyCode::PriceOffTick),
            _ if priced == (request.kind == OrderKind::Market) => Err(DenyCode::Invalid),
            OrderRequest { position: Some(id), .. } if !self.positions.iter().any(|held| held.id == *id) => Err(DenyCode::PositionNotFound),
            _ => Ok(()),
        }
    }

    fn submit(&mut self, request: &OrderRequest) -> Result<OrderId, DenyCode> {
        self.check(request)?;
        let id = self.next_id();
        self.events.push_back(Event::Order(id, OrderEvent::Accepted));
        self.orders.push((id, request.clone(), self.now));
        Ok(id)
    }

    fn close(&mut self, id: PositionId, volume: Option<f64>) -> Result<OrderId, DenyCode> {
        let held = self.positions.iter().find(|position| position.id == id).ok_or(DenyCode::PositionNotFound)?;
        let volume = volume.unwrap_or(held.volume);
        let request = OrderRequest::market(held.symbol, held.side.opposite(), volume).position(id);
        self.submit(&request)
    }

    fn modify_position(&mut self, id: PositionId, stops: [Option<f64>; 2]) -> Result<(), DenyCode> {
        if let Some(code) = self.deny {
            return Err(code);
        }
        let held = self.positions.iter_mut().find(|position| position.id == id).ok_or(DenyCode::PositionNotFound)?;
        [held.stop_loss, held.take_profit] = stops;
        self.events.push_back(Event::Position(held.clone(), PositionChange::StopsMoved));
        Ok(())
    }

    fn modify_order(&mut self, id: OrderId, [price, stop_loss, take_profit]: [Option<f64>; 3]) -> Result<(), DenyCode> {
        if let Some(code) = self.deny {
            return Err(code);
        }
        let (_, request, _) = self.orders.iter_mut().find(|order| order.0 == id).ok_or(DenyCode::OrderNotFound)?;
        request.price = price.or(request.price);
        (request.stop_loss, request.take_profit) = (stop_loss, take_profit);
        self.events.push_back(Event::Order(id, OrderEvent::Modified));
        Ok(())
    }

    fn cancel(&mut self, id: OrderId) -> Result<(), DenyCode> {
        let place = self.orders.iter().position(|order| order.0 == id).ok_or(DenyCode::OrderNotFound)?;
        self.orders.remove(place);
        self.events.push_back(Event::Order(id, OrderEvent::Canceled));
        Ok(())
    }
}

fn profit(position: &Position, spec: &SymbolSpec, volume: f64, close: f64) -> f64 {
    (close - position.open_price) * position.side.sign() / spec.tick_size * spec.tick_value * volume
}

/// At which price an order fills at this tick, if it does.
fn fill_price(request: &OrderRequest, tick: &Tick) -> Option<f64> {
    let market = tick.price(request.side);
    let beyond = |level: f64| (market - level) * request.side.sign();
    let (level, limit) = (request.price, request.stop_limit_price);
    match request.kind {
        OrderKind::Market => Some(market),
        OrderKind::Limit => level.filter(|&level| beyond(level) <= 0.0),
        OrderKind::Stop => level.filter(|&level| beyond(level) >= 0.0),
        // Both conditions at one tick: this market does not remember that the stop was reached.
        OrderKind::StopLimit => limit.filter(|&limit| level.is_some_and(|level| beyond(level) >= 0.0) && beyond(limit) <= 0.0),
    }
}

/// At which price a position is stopped at this tick, if it is.
fn stop_price(position: &Position, tick: &Tick) -> Option<f64> {
    let gain = |level: f64| (tick.price(position.side.opposite()) - level) * position.side.sign();
    let stop_loss = position.stop_loss.filter(|&level| gain(level) <= 0.0);
    stop_loss.or(position.take_profit.filter(|&level| gain(level) >= 0.0))
}

impl Host for Exchange {
    fn submit(&self, request: &OrderRequest) -> Result<OrderId, DenyCode> {
        let mut state = self.change();
        let answer = state.submit(request);
        state.record(Decision::Submit(request.clone(), answer));
        answer
    }

    fn modify_order(&self, id: OrderId, price: Option<f64>, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        let mut state = self.change();
        let answer = state.modify_order(id, [price, stop_loss, take_profit]);
        state.record(Decision::ModifyOrder(id, [price, stop_loss, take_profit], answer));
        answer
    }

    fn modify_position(&self, id: PositionId, stop_loss: Option<f64>, take_profit: Option<f64>) -> Result<(), DenyCode> {
        let mut state = self.change();
        let answer = state.modify_position(id, [stop_loss, take_profit]);
        state.record(Decision::ModifyPosition(id, [stop_loss, take_profit], answer));
        answer
    }

    fn cancel(&self, id: OrderId) -> Result<(), DenyCode> {
        let mut state = self.change();
        let answer = state.cancel(id);
        state.record(Decision::Cancel(id, answer));
        answer
    }

    fn close(&self, id: PositionId, volume: Option<f64>) -> Result<OrderId, DenyCode> {
        let mut state = self.change();
        let answer = state.close(id, volume);
        state.record(Decision::Close(id, volume, answer));
        answer
    }

    fn orders(&self) -> Vec<Order> {
        let order = |(id, request, placed): &(OrderId, OrderRequest, Time)| Order {
            id: *id,
            symbol: request.symbol,
            side: request.side,
            kind: request.kind,
            volume: request.volume,
            filled: 0.0,
            price: request.price,
            stop_loss: request.stop_loss,
            take_profit: request.take_profit,
            placed: *placed,
            tag: request.tag.clone(),
        };
        self.see().orders.iter().map(order).collect()
    }

    fn positions(&self) -> Vec<Position> {
        self.see().valued()
    }

    fn account(&self) -> AccountState {
        self.see().valued_account()
    }

    fn spec(&self, symbol: Symbol) -> SymbolSpec {
        self.see().specs[symbol as usize].clone()
    }

    fn bars(&self, symbol: Symbol, timeframe: Timeframe, count: u32) -> Vec<Bar> {
        let state = self.see();
        state.bars.get(&(symbol, timeframe)).map(|past| last_of(past, count)).unwrap_or_default()
    }

    fn ticks(&self, symbol: Symbol, count: u32) -> Vec<Tick> {
        last_of(&self.see().ticks[symbol as usize], count)
    }

    fn last_gap(&self, symbol: Symbol) -> Option<Gap> {
        self.see().gaps.get(&symbol).copied()
    }

    fn now(&self) -> Time {
        self.see().now
    }

    fn at(&self, row: u32) {
        let mut state = self.change();
        assert!(row as usize + 1 >= state.batch_taken, "row {row} was named after a later one");
        state.take_rows(row as usize + 1);
    }

    fn random(&self) -> u64 {
        // SplitMix64: enough for a test, and the same everywhere.
        let mut state = self.change();
        state.random = state.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state.random ^ (state.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn log(&self, level: Level, text: &str) {
        self.change().record(Decision::Log(level, text.to_owned()));
    }

    fn signal(&self, symbol: Symbol, side: Option<Side>, confidence: f64, reason: &str) {
        self.change().record(Decision::Signal(symbol, side, confidence, reason.to_owned()));
    }

    fn plot(&self, series: &str, value: f64) {
        self.change().record(Decision::Plot(series.to_owned(), value));
    }

    fn set_timer(&self, id: u32, at: Time, every: Option<u64>) {
        let mut state = self.change();
        state.timers.insert(id, (at, every));
        state.record(Decision::SetTimer(id, at, every));
    }

    fn clear_timer(&self, id: u32) {
        let mut state = self.change();
        state.timers.remove(&id);
        state.record(Decision::ClearTimer(id));
    }

    fn set_wake(&self, symbol: Symbol, wake: Wake) {
        self.change().wakes[symbol as usize] = wake;
    }

    fn remaining(&self) -> Budget {
        Budget { fuel: 2_000_000, memory_bytes: 1 << 20, orders: 60, log_bytes: 64 << 10 }
    }
}

fn last_of<T: Clone>(past: &VecDeque<T>, count: u32) -> Vec<T> {
    let count = (count as usize).min(ROWS_MAX);
    past.iter().skip(past.len().saturating_sub(count)).cloned().collect()
}
