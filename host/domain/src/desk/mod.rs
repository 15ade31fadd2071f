//! The host's side of one engine: answers its guest's calls, turns its wishes into commands on the grid and has them
//! checked. The same in backtests, on paper and live.
//!
//! A [`Desk`] lives inside its [`Guest`](crate::guest::Guest); between calls [`Actor`](crate::actor::Actor) moves its
//! clock and takes what was decided.

mod answers;
mod decisions;
mod flood;
mod following;
mod reasons;
mod report;
mod taping;
mod timers;
mod trading;
mod waiting;

pub use decisions::{Asked, Decision, Decisions, Witness};
pub use following::Followed;
pub use report::{LedTo, Remark};

use crate::account::{Account, Standing};
use crate::bars::{MarketView, image};
use crate::contract::{AccountView, DataNeed, Gap, RunMode, TradingState};
use crate::guest::ContractBroken;
use crate::ids::{EngineId, OrderId};
use crate::memory::{MemoryShare, SharedMemory};
use crate::number::Points;
use crate::order::Command;
use crate::risk::{Approved, HostCaps};
use crate::symbol::{SymbolId, SymbolTable};
use crate::tape::Tape;
use crate::tick::{Quote, Tick, TickColumns};
use crate::time::Time;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Columns that live as long as somebody holds them: a mapped day, a backlog.
pub trait Columns: Send + Sync {
    /// The columns.
    fn columns(&self) -> TickColumns<'_>;
}

/// What everyone on the host sees at once: the kill switch, and the last line of limits.
#[derive(Debug, Default)]
pub struct TradingSwitch {
    state: AtomicU8,
    /// The host itself opens nothing for the moment, whatever people allow.
    is_held_back: AtomicBool,
    caps: HostCaps,
}

impl TradingSwitch {
    /// What the whole host may open.
    pub fn caps(&self) -> &HostCaps {
        &self.caps
    }

    /// What may be done now: what people allow, and only what reduces risk while the host is held back.
    pub fn get(&self) -> TradingState {
        let least = if self.is_held_back.load(Ordering::Acquire) { TradingState::Reducing } else { TradingState::Active };
        self.allowed().max(least)
    }

    /// What people allow.
    pub fn allowed(&self) -> TradingState {
        match self.state.load(Ordering::Acquire) {
            0 => TradingState::Active,
            1 => TradingState::Reducing,
            _ => TradingState::Halted,
        }
    }

    /// Changes for everyone what people allow.
    pub fn set(&self, state: TradingState) {
        self.state.store(state as u8, Ordering::Release);
    }

    /// Holds everyone back from opening, or no longer. Says whether that is a change.
    pub fn hold_back(&self, holds_back: bool) -> bool {
        self.is_held_back.swap(holds_back, Ordering::AcqRel) != holds_back
    }
}

/// How many approved commands wait for the journal, over all engines. Full means that orders are denied with `HOST_BUSY`:
/// the answer an honest host gives before it promises what it can't keep.
#[derive(Debug)]
pub struct QueueGauge {
    waiting: AtomicUsize,
    max: usize,
}

impl QueueGauge {
    /// An empty queue of `max` commands.
    pub fn new(max: usize) -> Self {
        Self { waiting: AtomicUsize::new(0), max }
    }

    /// Commands that wait now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// Takes room for one more; `false` when it is full.
    pub fn take(&self) -> bool {
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| (waiting < self.max).then_some(waiting + 1)).is_ok()
    }

    /// `commands` have left the queue.
    pub fn release(&self, commands: usize) {
        let before = self.waiting.fetch_sub(commands, Ordering::AcqRel);
        debug_assert!(before >= commands, "more commands left the queue than had entered it");
    }
}

/// What the host is doing with the guest, which decides what it may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// `init`, `save`, `load`, `on-tester`, the end of a stopping host: it may only log.
    Quiet,
    /// An event: everything.
    Event,
    /// The end of a guest that its owner stops: it may reduce, since nobody looks after what it opened now.
    Ending,
    /// An event of the past that a guest is told late: it may look and set timers, but order nothing.
    Late,
}

/// How far an engine has come in the market: where a guest begins that goes on in the middle of it.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    /// Market time.
    pub now: Time,
    /// The last tick of each of the engine's symbols that was handed over.
    pub last: Vec<Option<Tick>>,
    /// Orders asked for since the engine was defined.
    pub orders: u32,
}

/// What a desk is made of.
pub struct DeskSetup {
    /// Whose desk.
    pub engine: EngineId,
    /// Where the ticks come from and where orders go.
    pub mode: RunMode,
    /// All symbols.
    pub table: SymbolTable,
    /// The guest's symbols, in the order of its description.
    pub symbols: Vec<SymbolId>,
    /// The market's past.
    pub market: Arc<dyn MarketView>,
    /// The account it trades on.
    pub account: Arc<Mutex<Account>>,
    /// The host's kill switch.
    pub switch: Arc<TradingSwitch>,
    /// The queue its commands will wait in.
    pub queue: Arc<QueueGauge>,
    /// Orders it has asked for before, so that numbers go on.
    pub orders_before: u32,
    /// Start of its random numbers.
    pub seed: u64,
    /// Orders, modifications and cancels in one call.
    pub orders_per_call_max: u32,
    /// Log, signal and plot text per minute of market time, bytes.
    pub log_bytes_per_minute: u64,
}

/// Rows that the guest is handling.
struct Batch {
    symbol: u32,
    columns: Arc<dyn Columns>,
    start: usize,
    rows: usize,
    first_sequence: u64,
    row: usize,
    /// The row at which it asked for something, or for other ticks: it must stop there.
    acted_at: Option<usize>,
    /// Rows of it that are on the tape; `None` when it is not for the tape.
    taped: Option<usize>,
}

/// A symbol of the guest's.
#[repr(C)]
struct Watched {
    symbol: SymbolId,
    /// The last tick that the guest has seen or is seeing.
    last: Option<Tick>,
    /// The last stretch of ticks that the guest was not handed.
    gap: Option<Gap>,
    /// What of the past the guest asked for. History may hold more, for others: the guest must not see that.
    need: Option<DataNeed>,
}

/// The host's side of one engine. What every tick looks at comes first and lies together.
#[repr(C)]
pub struct Desk {
    now: Time,
    phase: Phase,
    own_state: TradingState,
    asked_in_call: u32,
    timers: timers::Timers,
    outbox: Vec<Approved<Command>>,
    tape: Option<Box<Tape>>,
    following: Option<Box<following::Following>>,
    /// Where its guest has said which ticks it waits for.
    waiting: Option<Box<waiting::Waiting>>,
    flood: flood::Flood,
    reports: report::Reports,
    /// Most have one; theirs lies here, and not far away.
    symbols: SmallVec<[Watched; 1]>,
    batch: Option<Batch>,
    decisions: Decisions,
    engine: EngineId,
    mode: RunMode,
    orders: u32,
    orders_per_call_max: u32,
    random: u64,
    table: SymbolTable,
    market: Arc<dyn MarketView>,
    account: Arc<Mutex<Account>>,
    switch: Arc<TradingSwitch>,
    queue: Arc<QueueGauge>,
    memory: MemoryShare,
}

impl Desk {
    /// A desk at the beginning of time, in which the guest may only log.
    pub fn new(setup: DeskSetup) -> Self {
        Self {
            engine: setup.engine,
            mode: setup.mode,
            table: setup.table,
            symbols: setup.symbols.into_iter().map(|symbol| Watched { symbol, last: None, gap: None, need: None }).collect(),
            market: setup.market,
            account: setup.account,
            switch: setup.switch,
            queue: setup.queue,
            own_state: TradingState::Active,
            phase: Phase::Quiet,
            now: Time(0),
            batch: None,
            orders: setup.orders_before,
            outbox: Vec::new(),
            asked_in_call: 0,
            orders_per_call_max: setup.orders_per_call_max,
            timers: timers::Timers::default(),
            random: setup.seed,
            reports: report::Reports::new(setup.log_bytes_per_minute),
            decisions: Decisions::default(),
            tape: None,
            following: None,
            waiting: None,
            flood: flood::Flood::default(),
            memory: MemoryShare::default(),
        }
    }

    /// Its guest's memory counts among that of all its owner's, from the first byte: called before there is a guest.
    pub fn share_memory(&mut self, of: Arc<SharedMemory>) {
        self.memory = MemoryShare::new(of);
    }

    /// Whose desk it is.
    pub fn engine(&self) -> EngineId {
        self.engine
    }

    /// Live, paper, backtest.
    pub fn mode(&self) -> RunMode {
        self.mode
    }

    /// Market time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The guest's index of a symbol.
    pub fn index_of(&self, symbol: SymbolId) -> Option<u32> {
        self.symbols.iter().position(|own| own.symbol == symbol).map(|at| at as u32)
    }

    /// All symbols.
    pub fn table(&self) -> &SymbolTable {
        &self.table
    }

    /// The engine's own trading state.
    pub fn set_trading(&mut self, state: TradingState) {
        self.own_state = state;
    }

    /// The strictest of host, account and engine.
    pub fn trading(&self) -> TradingState {
        self.own_state.max(self.switch.get()).max(self.lock().trading)
    }

    /// Orders asked for since the engine was defined.
    pub fn orders_asked(&self) -> u32 {
        self.orders
    }

    /// A hash over every decision so far.
    pub fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// From now on decisions are counted and not chained into a hash.
    pub fn only_count_decisions(&mut self) {
        self.decisions.only_count();
    }

    /// From now on `witness` hears of every order, modification, cancel and close that is asked for, in order; with `None` nobody does.
    pub fn watch(&mut self, witness: impl Into<Option<Witness>>) {
        self.decisions.watch(witness.into(), false);
    }

    /// The same, with signals and timers.
    pub(crate) fn watch_all(&mut self, witness: Option<Witness>) {
        let hears_all = witness.is_some();
        self.decisions.watch(witness, hears_all);
    }

    /// What the gate let through since the last time, in order. Whoever takes it releases it from the queue when done.
    pub fn take_commands(&mut self) -> Vec<Approved<Command>> {
        std::mem::take(&mut self.outbox)
    }

    /// Whether something waits to be taken.
    pub fn has_commands(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// What was logged, signalled and plotted since the last time, and how much was dropped.
    pub fn take_remarks(&mut self) -> (Vec<Remark>, u64) {
        if self.reports.is_empty() { (Vec::new(), 0) } else { self.reports.take() }
    }

    /// The account as it stands at the quotes the guest sees.
    pub fn account_view(&self) -> AccountView {
        self.lock().view(&self.table, |symbol| self.quote(symbol))
    }

    /// When the earliest timer is due.
    pub fn next_timer(&self) -> Option<Time> {
        self.timers.next()
    }

    pub(crate) fn pop_timer(&mut self, until: Time) -> Option<(u32, Time)> {
        self.timers.pop(until)
    }

    /// What the guest said it needs of the past, symbol by symbol: it is shown that and no more.
    pub(crate) fn serve(&mut self, needs: &[DataNeed]) {
        self.symbols.iter_mut().zip(needs).for_each(|(own, need)| own.need = Some(need.clone()));
    }

    /// Before a call: where the guest stands in time and what it may do.
    pub(crate) fn begin(&mut self, phase: Phase, now: Time) {
        self.phase = phase;
        self.now = self.now.max(now);
        self.asked_in_call = 0;
        if phase == Phase::Event {
            self.flood.events(1);
        }
        self.reports.begin(self.now);
    }

    /// The tick that the next call is about.
    pub(crate) fn see(&mut self, symbol: u32, tick: &Tick) {
        self.symbols[symbol as usize].last = Some(*tick);
    }

    /// The last tick of a symbol that the guest has seen or is seeing.
    pub(crate) fn seen(&self, symbol: u32) -> Option<&Tick> {
        self.symbols[symbol as usize].last.as_ref()
    }

    /// What it asked for of a symbol's past.
    fn need(&self, symbol: u32) -> Option<&DataNeed> {
        self.symbols.get(symbol as usize)?.need.as_ref()
    }

    /// Ticks that the guest was not handed.
    pub(crate) fn missed(&mut self, symbol: u32, gap: Option<Gap>) {
        self.symbols[symbol as usize].gap = gap;
    }

    /// How far the guest has come.
    pub(crate) fn reached(&self) -> Reached {
        Reached { now: self.now, last: self.symbols.iter().map(|own| own.last).collect(), orders: self.orders }
    }

    /// Goes on from where another guest of the same engine stood. Numbers of orders never go back.
    pub(crate) fn go_on_from(&mut self, reached: &Reached) {
        self.now = self.now.max(reached.now);
        if reached.last.len() == self.symbols.len() {
            self.symbols.iter_mut().zip(&reached.last).for_each(|(own, last)| own.last = *last);
        }
        self.count_on(reached.orders);
    }

    /// Numbers of orders go on after `orders`.
    pub(crate) fn count_on(&mut self, orders: u32) {
        self.orders = self.orders.max(orders);
    }

    /// The rows that the next call is about.
    pub(crate) fn open_batch(&mut self, symbol: u32, columns: Arc<dyn Columns>, rows: std::ops::Range<usize>, first_sequence: u64) {
        let batch = Batch { symbol, columns, start: rows.start, rows: rows.len(), first_sequence, row: 0, acted_at: None, taped: None };
        let own = &mut self.symbols[symbol as usize];
        own.last = Some(batch.tick(0, own.symbol));
        self.batch = Some(batch);
    }

    /// After the call: checks that the guest did not go on after it asked for something, and moves the clock to the last
    /// row it handled.
    pub(crate) fn close_batch(&mut self, consumed: u32) -> Result<(), ContractBroken> {
        let Some(mut batch) = self.batch.take() else { return Ok(()) };
        let last = consumed as usize;
        if last == 0 || last > batch.rows {
            return Err(ContractBroken(format!("on-ticks says it handled {last} of {} rows", batch.rows)));
        }
        if let Some(row) = batch.acted_at.filter(|&row| row + 1 != last) {
            return Err(ContractBroken(format!(
                "on-ticks asked for something at row {row} and must stop after it, but handled {last} rows"
            )));
        }
        let symbol = batch.symbol as usize;
        let tick = batch.tick(last - 1, self.symbols[symbol].symbol);
        self.tape_batch(&mut batch, last);
        self.flood.events(last as u64 - 1);
        self.now = self.now.max(tick.time);
        self.symbols[symbol].last = Some(tick);
        Ok(())
    }

    fn acted(&mut self) {
        if let Some(batch) = &mut self.batch {
            batch.acted_at = Some(batch.row);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bid and ask as the guest sees them: of the tick it is handling, else of the market.
    fn quote(&self, symbol: SymbolId) -> Option<(Points, Points)> {
        self.dated_quote(symbol).map(|quote| (quote.bid, quote.ask))
    }

    fn dated_quote(&self, symbol: SymbolId) -> Option<Quote> {
        let seen = self.symbols.iter().find(|own| own.symbol == symbol).and_then(|own| own.last);
        let Some(tick) = seen else {
            let (bid, ask) = self.market.quote(symbol)?;
            // Before its first tick the guest has what there was; of other symbols, which only convert, the age is nothing.
            let at = self.index_of(symbol).and_then(|_| self.market.quoted_at(symbol)).unwrap_or(self.now);
            return Some(Quote { bid, ask, at });
        };
        let per_unit = self.table.spec(symbol).points_per_unit();
        Some(Quote { bid: image(tick.bid, per_unit), ask: image(tick.ask, per_unit), at: tick.time })
    }

    fn symbol(&self, index: u32) -> Result<SymbolId, ContractBroken> {
        let broken = || ContractBroken(format!("there is no symbol {index}; this strategy described {}", self.symbols.len()));
        self.symbols.get(index as usize).map(|own| own.symbol).ok_or_else(broken)
    }

    fn standing(&self) -> Standing<'_, impl Fn(SymbolId) -> Option<Quote>> {
        let ending = if self.phase == Phase::Ending { TradingState::Reducing } else { TradingState::Active };
        let trading = self.own_state.max(self.switch.get()).max(ending);
        let quote = |symbol| self.dated_quote(symbol);
        Standing { engine: self.engine, trading, now: self.now, quote, caps: Some(self.switch.caps()), by_host: false }
    }

    fn own(&self, number: u64) -> Option<OrderId> {
        u32::try_from(number).ok().map(|number| OrderId::new(self.engine, number))
    }
}

impl Drop for Desk {
    /// What nobody took will never be recorded: it leaves the queue and the account, so that no phantom order stays behind.
    fn drop(&mut self) {
        self.forget_commands();
    }
}

impl Batch {
    fn tick(&self, row: usize, symbol: SymbolId) -> Tick {
        let mut tick = self.columns.columns().tick(self.start + row, symbol, 0);
        tick.sequence = self.first_sequence + row as u64;
        tick
    }
}
