//! One engine at work: its guest and the strict order in which events reach it. The same in backtests and live, so that
//! both decide the same.

use crate::broker::Deal;
use crate::contract::*;
use crate::desk::{Columns, Decision, Decisions, Desk, Followed, Phase, Reached, Remark, Witness};
use crate::footprint::Footprint;
use crate::guest::{Call, Fault, FaultKind, Guest, Outcome, Place, Reply, Used};
use crate::ids::EngineId;
use crate::ledger::{Change, Position, WorkingOrder};
use crate::limits::TIMERS_PER_EVENT_MAX;
use crate::order::{Command, OrderState};
use crate::risk::Approved;
use crate::symbol::SymbolId;
use crate::tape::Entry;
use crate::tick::{Bar, Tick};
use crate::time::Time;
use crate::wake::Wake;
use std::ops::Range;
use std::sync::Arc;

/// State that a guest saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// The guest's own version of the bytes.
    pub schema: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// How a guest comes into its engine's life.
#[derive(Clone, Debug, Default)]
pub struct Entrance<'a> {
    /// State to go on from.
    pub restored: Option<&'a SavedState>,
    /// Of each symbol: what came between that state and now.
    pub gaps: Vec<Option<Gap>>,
    /// Where the engine stands when it is in the middle of its ticks; else the market's last ticks count.
    pub reached: Option<&'a Reached>,
    /// Market time.
    pub now: Time,
}

/// A guest that did not get through its start.
#[derive(Debug)]
pub struct FailedStart {
    /// What went wrong.
    pub fault: Fault,
    /// What it had asked for and been promised before that: to be carried out like any other.
    pub commands: Vec<Approved<Command>>,
    /// What it had said, and how much was dropped: often the best hint.
    pub remarks: (Vec<Remark>, u64),
    /// What crossed the border.
    pub tape: Vec<Entry>,
    /// Orders asked for since the engine was defined.
    pub orders: u32,
}

/// A guest with its events in order.
pub struct Actor {
    guest: Box<dyn Guest<Desk>>,
    callbacks: Callbacks,
    state_schema: u32,
    trading: TradingState,
    /// Made since somebody asked last.
    calls: u32,
    account_currency: Box<str>,
}

impl Actor {
    /// Takes a fresh guest through `init`, `load` where there is state, and `on-start`, at market time `now`.
    ///
    /// # Errors
    /// The guest refused or failed.
    pub fn start(
        guest: Box<dyn Guest<Desk>>,
        description: &Description,
        params: &[Param],
        restored: Option<&SavedState>,
        now: Time,
    ) -> Result<Self, Fault> {
        Self::begin(guest, description, params, restored, now).map_err(|failed| failed.fault)
    }

    /// [`start`](Self::start) where the orders of a guest that fails in `on-start` still count.
    ///
    /// # Errors
    /// The guest refused or failed; what it had asked for before that comes along.
    pub fn begin(
        guest: Box<dyn Guest<Desk>>,
        description: &Description,
        params: &[Param],
        restored: Option<&SavedState>,
        now: Time,
    ) -> Result<Self, Box<FailedStart>> {
        Self::prepare(guest, description, params, now)?.enter(&Entrance { restored, now, ..Entrance::default() })
    }

    /// The first half of [`begin`](Self::begin): takes a fresh guest through `init`. It knows nothing of its engine yet.
    ///
    /// # Errors
    /// The guest refused its parameters or failed.
    pub fn prepare(guest: Box<dyn Guest<Desk>>, description: &Description, params: &[Param], now: Time) -> Result<Self, Box<FailedStart>> {
        let mut actor = Self {
            guest,
            callbacks: description.callbacks,
            state_schema: description.state_schema,
            trading: TradingState::Active,
            calls: 0,
            account_currency: Box::default(),
        };
        let host = actor.guest.host();
        host.serve(&description.needs);
        host.begin(Phase::Quiet, now);
        match actor.make(Call::Init(params)) {
            Ok(_) => Ok(actor),
            Err(fault) => Err(actor.failed(fault)),
        }
    }

    /// The second half: `load` where there is state, and `on-start`.
    ///
    /// # Errors
    /// The guest refused or failed; what it had asked for before that comes along.
    pub fn enter(mut self, entrance: &Entrance<'_>) -> Result<Self, Box<FailedStart>> {
        match self.load_and_start(entrance) {
            Ok(()) => Ok(self),
            Err(fault) => Err(self.failed(fault)),
        }
    }

    /// What is left of it when its guest has failed at something that it heard apart from its shard.
    pub fn failed(mut self, fault: Fault) -> Box<FailedStart> {
        let (commands, remarks, tape, orders) = (self.take_commands(), self.take_remarks(), self.take_tape(), self.orders());
        Box::new(FailedStart { fault, commands, remarks, tape, orders })
    }

    fn load_and_start(&mut self, entrance: &Entrance<'_>) -> Result<(), Fault> {
        let host = self.guest.host();
        if let Some(reached) = entrance.reached {
            host.go_on_from(reached);
        }
        (0..).zip(&entrance.gaps).for_each(|(symbol, gap)| host.missed(symbol, *gap));
        host.begin(Phase::Quiet, entrance.now);
        if let Some(saved) = entrance.restored {
            self.make(Call::Load { schema: saved.schema, state: &saved.bytes })?;
        }
        let host = self.guest.host();
        let (account, mode) = (host.account_view(), host.mode());
        self.trading = host.trading();
        self.account_currency = account.currency.clone().into();
        self.event(entrance.now, Call::Start { mode, account: &account, restored: entrance.restored.is_some() })
    }

    /// Its place on the host.
    pub fn place(&self) -> Place {
        self.guest.place()
    }

    /// How far it has come.
    pub fn reached(&mut self) -> Reached {
        self.guest.host().reached()
    }

    /// Numbers of its orders go on after `orders`: another guest of its engine has used those.
    pub fn count_on(&mut self, orders: u32) {
        self.guest.host().count_on(orders);
    }

    /// Tells the guest that it was not handed some ticks of a symbol.
    pub fn missed(&mut self, symbol: SymbolId, gap: Gap) {
        let host = self.guest.host();
        if let Some(symbol) = host.index_of(symbol) {
            host.missed(symbol, Some(gap));
        }
    }

    /// Tells the guest late of a bar that closed while it was not looked after. It may not order anything: the prices are
    /// those of the past.
    ///
    /// # Errors
    /// The guest failed.
    pub fn late_bar(&mut self, bar: &Bar) -> Result<(), Fault> {
        let host = self.guest.host();
        let Some(symbol) = host.index_of(bar.symbol).filter(|_| self.callbacks.bar) else { return Ok(()) };
        let closed_at = bar.timeframe.close(bar.open_time);
        // The market as it was then, as far as a bar knows it: what it shows of the past ends with this bar.
        let spread = f64::from(bar.spread) / host.table().spec(bar.symbol).points_per_unit();
        let sequence = host.seen(symbol).map_or(0, |tick| tick.sequence);
        let then = Tick {
            time: closed_at,
            sequence,
            bid: bar.close,
            ask: bar.close + spread,
            last: 0.0,
            volume: 0.0,
            symbol: bar.symbol,
            flags: 0,
        };
        host.see(symbol, &then);
        self.call(Phase::Late, closed_at, Call::Bar { symbol, bar }).map(drop)
    }

    /// Whose guest it is.
    pub fn engine(&mut self) -> EngineId {
        self.guest.host().engine()
    }

    /// Fires the timers that are due by `until`, in order of time; at most [`TIMERS_PER_EVENT_MAX`], the rest stay due.
    ///
    /// # Errors
    /// The guest failed.
    pub fn timers(&mut self, until: Time) -> Result<(), Fault> {
        for _ in 0..TIMERS_PER_EVENT_MAX {
            let Some((id, at)) = self.guest.host().pop_timer(until) else { break };
            if self.callbacks.timer {
                self.event(at, Call::Timer(id))?;
            }
        }
        Ok(())
    }

    /// When the earliest timer is due.
    pub fn next_timer(&mut self) -> Option<Time> {
        self.guest.host().next_timer()
    }

    /// Tells the guest of bars that `tick` has closed, shorter timeframes first.
    ///
    /// # Errors
    /// The guest failed.
    pub fn bars(&mut self, tick: &Tick, closed: &[Bar]) -> Result<(), Fault> {
        let Some(symbol) = self.guest.host().index_of(tick.symbol) else { return Ok(()) };
        self.guest.host().see(symbol, tick);
        if self.callbacks.bar {
            for bar in closed {
                self.event(tick.time, Call::Bar { symbol, bar })?;
            }
        }
        Ok(())
    }

    /// Hands one tick over, if the guest waits for it or has missed some: `skipped` of its symbol before this one. Says whether the
    /// guest was called.
    ///
    /// # Errors
    /// The guest failed.
    pub fn tick(&mut self, tick: &Tick, skipped: u32) -> Result<bool, Fault> {
        let has_callback = self.callbacks.tick;
        let host = self.guest.host();
        let Some(symbol) = host.index_of(tick.symbol) else { return Ok(false) };
        if !has_callback {
            host.move_on(symbol, tick, 1);
            return Ok(false);
        }
        if !host.awaits(symbol, tick, skipped) {
            host.pass(symbol, tick, 1);
            return Ok(false);
        }
        host.see(symbol, tick);
        self.event(tick.time, Call::Tick { symbol, tick, skipped }).map(|()| true)
    }

    /// The ticks of a symbol that the guest waits for; `None`: it has none of that symbol.
    pub fn wake(&mut self, symbol: SymbolId) -> Option<Wake> {
        let host = self.guest.host();
        let wake = host.wake(host.index_of(symbol)?);
        Some(if self.callbacks.tick { wake } else { Wake::NO_TICK })
    }

    /// Skips this many ticks, of which this is the last: the guest waits for none of them.
    pub fn pass(&mut self, last: &Tick, ticks: u32) {
        let has_callback = self.callbacks.tick;
        let host = self.guest.host();
        match host.index_of(last.symbol) {
            Some(symbol) if has_callback => host.pass(symbol, last, ticks),
            Some(symbol) => host.move_on(symbol, last, ticks),
            None => {}
        }
    }

    /// Whether rows from this time on may be handed over in one call: the guest waits for each of them.
    pub fn takes_rows(&mut self, symbol: SymbolId, from: Time) -> bool {
        let has_callback = self.callbacks.tick;
        let host = self.guest.host();
        host.index_of(symbol).is_some_and(|index| has_callback && host.wake(index).is_awake(from))
    }

    /// Hands rows over in one call and says how many the guest handled, at least one. The guest [takes](Self::takes_rows) them; no
    /// timer is due and no bar closes at any row but the first, for which both have been seen to.
    ///
    /// # Errors
    /// The guest failed, or went on after it had asked for something.
    pub fn rows(&mut self, symbol: SymbolId, columns: &Arc<dyn Columns>, rows: Range<usize>, first_sequence: u64) -> Result<usize, Fault> {
        debug_assert!(!rows.is_empty(), "a batch has rows");
        let all = rows.len();
        debug_assert!(self.takes_rows(symbol, Time(columns.columns().times[rows.start])), "the guest waits for each of them");
        let Some(index) = self.guest.host().index_of(symbol) else { return Ok(all) };
        let ticks = columns.columns().slice(rows.clone());
        let host = self.guest.host();
        host.begin(Phase::Event, Time(ticks.times[0]));
        host.open_batch(index, Arc::clone(columns), rows, first_sequence);
        let consumed = match self.called(Call::Ticks { symbol: index, ticks })? {
            Reply::Consumed(rows) => rows,
            _ => 0,
        };
        if let Err(broken) = self.guest.host().close_batch(consumed) {
            let fault = Fault { kind: FaultKind::Trapped, message: broken.to_string() };
            self.guest.host().tape_failed(&fault);
            return Err(fault);
        }
        self.not_flooding()?;
        Ok(consumed as usize)
    }

    /// Tells the guest the news of its orders and positions. Changes of other engines are ignored.
    ///
    /// # Errors
    /// The guest failed.
    pub fn changed(&mut self, change: &Change, at: Time) -> Result<(), Fault> {
        match change {
            Change::Order { order, fill, retcode } => self.order_changed(order, fill.as_ref(), *retcode, at),
            Change::OrderModified(id) if id.engine() == self.engine() => self.order_event(u64::from(id.number()), SeenEvent::Modified, at),
            Change::ModifyRejected(id, retcode) if id.engine() == self.engine() => {
                self.order_event(u64::from(id.number()), SeenEvent::ModifyRejected(*retcode), at)
            }
            Change::Position(position, change) => self.position_changed(position, *change, at),
            // A guest looks at its position when it wants to know.
            Change::OrderModified(_) | Change::ModifyRejected(..) | Change::Swap(_) | Change::Contradiction(_) => Ok(()),
        }
    }

    fn order_changed(&mut self, order: &WorkingOrder, fill: Option<&Deal>, retcode: u32, at: Time) -> Result<(), Fault> {
        if order.id.engine() != self.engine() || !(self.callbacks.order || self.guest.host().is_taped()) {
            return Ok(());
        }
        let fill = fill.map(|deal| {
            let spec = self.guest.host().table().spec(deal.symbol);
            SeenFill {
                volume: spec.lots(deal.volume),
                price: spec.price(deal.price),
                time: deal.time.0,
                position: u64::from(deal.position.0.number()),
                profit: deal.profit.to_units(),
                commission: deal.commission.to_units(),
            }
        });
        let event = match (order.state, fill) {
            (OrderState::Filled, Some(fill)) => SeenEvent::Filled(fill),
            (_, Some(fill)) => SeenEvent::PartiallyFilled(fill),
            (OrderState::Accepted, None) => SeenEvent::Accepted,
            (OrderState::Rejected, None) => SeenEvent::Rejected(retcode),
            (OrderState::Unknown, None) => SeenEvent::Unknown,
            (OrderState::Canceled, None) => SeenEvent::Canceled,
            (OrderState::Expired, None) => SeenEvent::Expired,
            // Steps within the host; the guest has its id since it asked.
            _ => return Ok(()),
        };
        self.order_event(u64::from(order.id.number()), event, at)
    }

    fn order_event(&mut self, id: u64, event: SeenEvent, at: Time) -> Result<(), Fault> {
        if self.callbacks.order {
            return self.event(at, Call::Order { id, event });
        }
        self.guest.host().tape_untold(at, id);
        Ok(())
    }

    fn position_changed(&mut self, position: &Position, change: PositionChange, at: Time) -> Result<(), Fault> {
        if position.id.0.engine() != self.engine() || !self.callbacks.position {
            return Ok(());
        }
        let Some(seen) = self.guest.host().seen_position(position, &self.account_currency) else { return Ok(()) };
        self.event(at, Call::Position { position: &seen, change })
    }

    /// Tells the guest of its trading state when that has changed.
    ///
    /// # Errors
    /// The guest failed.
    pub fn trading(&mut self, now: Time) -> Result<(), Fault> {
        let state = self.guest.host().trading();
        if state == self.trading {
            return Ok(());
        }
        self.trading = state;
        self.event(now, Call::TradingState(state))
    }

    /// The engine's own trading state; [`trading`](Self::trading) tells the guest.
    pub fn set_trading(&mut self, state: TradingState) {
        self.guest.host().set_trading(state);
    }

    /// The last event. Orders asked for in it may only reduce; all are denied when the host itself is stopping, or another version
    /// has taken over.
    ///
    /// # Errors
    /// The guest failed.
    pub fn stop(&mut self, reason: StopReason, now: Time) -> Result<(), Fault> {
        let quiet = matches!(reason, StopReason::HostStopping | StopReason::Swapped);
        let phase = if quiet { Phase::Quiet } else { Phase::Ending };
        self.call(phase, now, Call::Stop(reason)).map(drop)
    }

    /// What the guest saves.
    ///
    /// # Errors
    /// The guest failed.
    pub fn save(&mut self) -> Result<SavedState, Fault> {
        let now = self.guest.host().now();
        match self.call(Phase::Quiet, now, Call::Save)? {
            Reply::State(bytes) => Ok(SavedState { schema: self.state_schema, bytes }),
            _ => Ok(SavedState { schema: self.state_schema, bytes: Vec::new() }),
        }
    }

    /// The custom optimisation criterion.
    ///
    /// # Errors
    /// The guest failed.
    pub fn tester(&mut self, stats: &TesterStats) -> Result<f64, Fault> {
        let now = self.guest.host().now();
        match self.call(Phase::Quiet, now, Call::Tester(stats))? {
            Reply::Criterion(value) => Ok(value),
            _ => Ok(0.0),
        }
    }

    fn event(&mut self, now: Time, call: Call<'_>) -> Result<(), Fault> {
        self.call(Phase::Event, now, call).map(drop)
    }

    fn call(&mut self, phase: Phase, now: Time, call: Call<'_>) -> Result<Reply, Fault> {
        self.guest.host().begin(phase, now);
        self.make(call)
    }

    /// Makes a call, with its tape.
    fn make(&mut self, call: Call<'_>) -> Result<Reply, Fault> {
        let reply = self.called(call)?;
        self.not_flooding()?;
        Ok(reply)
    }

    fn called(&mut self, call: Call<'_>) -> Result<Reply, Fault> {
        self.calls = self.calls.saturating_add(1);
        self.guest.host().tape_call(&call);
        let outcome = self.guest.call(call);
        // Nearly all, and copying what they do not hold would wait for all that was written before.
        if outcome == Outcome::Decided(Reply::Done) {
            return Ok(Reply::Done);
        }
        outcome.into_reply().inspect_err(|fault| self.guest.host().tape_failed(fault))
    }

    /// A guest that floods its host is ended, after its call.
    fn not_flooding(&mut self) -> Result<(), Fault> {
        let host = self.guest.host();
        match host.flooded() {
            None => Ok(()),
            Some(fault) => {
                host.tape_failed(&fault);
                Err(fault)
            }
        }
    }

    /// What crossed the border since the last time; see [`Desk::record`].
    pub fn take_tape(&mut self) -> Vec<Entry> {
        self.guest.host().take_tape()
    }

    /// Whether commands wait to be taken.
    pub fn has_commands(&mut self) -> bool {
        self.guest.host().has_commands()
    }

    /// What the gate let through since the last time.
    pub fn take_commands(&mut self) -> Vec<Approved<Command>> {
        self.guest.host().take_commands()
    }

    /// Log lines, signals and plot points since the last time, and how many were dropped.
    pub fn take_remarks(&mut self) -> (Vec<Remark>, u64) {
        self.guest.host().take_remarks()
    }

    /// Orders asked for since the engine was defined.
    pub fn orders(&mut self) -> u32 {
        self.guest.host().orders_asked()
    }

    /// From now on `witness` hears of every decision, signals and timers as well; with `None` nobody does. The guest notices nothing of
    /// it.
    pub fn watch(&mut self, witness: Option<Witness>) {
        self.guest.host().watch_all(witness);
    }

    /// A guest that follows another one ([`Desk::follow`]) is handed an event next, at which the other one decided this.
    pub fn lead(&mut self, led: Vec<Decision>) {
        self.guest.host().lead(led);
    }

    /// How its decisions since then compare with those. What it asked for is forgotten.
    pub fn followed(&mut self) -> Followed {
        self.guest.host().followed()
    }

    /// Tells the guest that an order which only it has asked for is withdrawn: the guest that it follows did not ask for it.
    ///
    /// # Errors
    /// The guest failed.
    pub fn withdrawn(&mut self, order: u64) -> Result<(), Fault> {
        let now = self.guest.host().now();
        self.order_event(order, SeenEvent::Canceled, now)
    }

    /// The hash over its decisions.
    pub fn decisions(&mut self) -> Decisions {
        self.guest.host().decisions().clone()
    }

    /// How many of its decisions were denied.
    pub fn denied(&mut self) -> u64 {
        self.guest.host().decisions().denied()
    }

    /// Adds what handing it a tick touches.
    pub fn footprint(&mut self, into: &mut Footprint) {
        let is_called = self.callbacks.tick && !self.guest.host().is_asleep();
        self.guest.footprint(into, is_called);
    }

    /// Calls into its guest since this was asked last.
    pub fn take_calls(&mut self) -> u32 {
        std::mem::take(&mut self.calls)
    }

    /// Fuel and memory it has used.
    pub fn used(&self) -> Used {
        self.guest.used()
    }
}
