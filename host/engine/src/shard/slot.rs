//! One engine in its shard, and every call into its guest.

use crate::events::Event;
use crate::meter::{add, add_shared};
use crate::pipeline::PipelineItem;
use crate::shard::Fed;
use crate::shared::{Entry, Shared, lock, panic_text};
use domain::actor::{Actor, SavedState};
use domain::contract::TradingState;
use domain::desk::Columns;
use domain::guest::{Fault, FaultKind};
use domain::ids::EngineId;
use domain::ledger::Change;
use domain::life::{EngineState, Supervisor};
use domain::order::Action;
use domain::symbol::SymbolId;
use domain::tick::Bar;
use domain::time::Time;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What became of an order or position, for the engine whose it is.
pub(crate) struct Changed {
    pub(crate) engine: EngineId,
    pub(crate) change: Change,
    pub(crate) at: Time,
}

/// A symbol that an engine wants.
pub(super) struct Wanted {
    pub(super) symbol: SymbolId,
    /// Timeframes of its bars, one bit each.
    frames: u16,
    /// The last tick that the guest saw or does not need; 0: none.
    pub(super) last: u64,
}

/// An engine as its shard has it.
pub(super) struct Slot {
    pub(super) entry: Arc<Entry>,
    pub(super) state: EngineState,
    /// There is one while it runs or is paused.
    pub(super) actor: Option<Actor>,
    pub(super) wanted: Vec<Wanted>,
    pub(super) latest_only: bool,
    pub(super) supervisor: Supervisor,
    pub(super) saved: Option<Arc<SavedState>>,
    pub(super) orders: u32,
    /// Counts starts.
    pub(super) generation: u32,
    pub(super) restart_at: Option<Time>,
    /// A guest of it is being started elsewhere.
    pub(super) at_starter: bool,
    /// Set when it is to be forgotten: who is told how many orders it has asked for.
    pub(super) removed: Option<Sender<u32>>,
    /// Changes that came while its guest was being started.
    pub(super) waiting: Vec<Changed>,
    /// As its owner or an operator set it.
    pub(super) trading: TradingState,
    /// Fuel of the guests it had before.
    pub(super) fuel_before: u64,
    next_save: Time,
    published: Instant,
}

/// How often an engine's use of fuel and memory is published at most: often enough for eyes.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);

fn bit(timeframe: domain::tick::Timeframe) -> u16 {
    1 << timeframe as u16
}

impl Slot {
    pub(super) fn new(entry: Arc<Entry>) -> Self {
        let setup = &entry.setup;
        let wanted = setup.description.needs.iter().zip(&setup.symbols);
        let wanted = wanted.map(|(need, &symbol)| Wanted {
            symbol,
            frames: if setup.description.callbacks.bar { need.timeframes.iter().fold(0, |bits, &frame| bits | bit(frame)) } else { 0 },
            last: 0,
        });
        Self {
            state: EngineState::Defined,
            actor: None,
            wanted: wanted.collect(),
            latest_only: setup.description.latest_tick_only,
            supervisor: Supervisor::default(),
            saved: setup.restored.clone().map(Arc::new),
            orders: setup.orders_before,
            generation: 0,
            restart_at: None,
            at_starter: false,
            removed: None,
            waiting: Vec::new(),
            trading: setup.trading,
            fuel_before: 0,
            next_save: Time(i64::MAX),
            published: Instant::now(),
            entry,
        }
    }

    /// The trading state its desk has: a paused engine opens nothing.
    pub(super) fn desk_trading(&self) -> TradingState {
        if self.state == EngineState::Paused { TradingState::Halted } else { self.trading }
    }

    /// A fresh guest: it has seen what history had when it started.
    pub(super) fn take_in(&mut self, actor: Actor, seen: &[u64], now: Time, save_every_us: i64) {
        self.actor = Some(actor);
        self.wanted.iter_mut().zip(seen).for_each(|(wanted, &seen)| wanted.last = seen);
        self.next_save = now.plus_us(save_every_us);
    }

    /// Runs `calls`; a panic in them becomes a fault of this engine.
    pub(super) fn guarded(&mut self, shared: &Shared, calls: impl FnOnce(&mut Self, &Shared) -> Result<(), Fault>) -> Result<(), Fault> {
        catch_unwind(AssertUnwindSafe(|| calls(self, shared))).unwrap_or_else(|panic| {
            add_shared(&shared.counters.panics, 1);
            let message = format!("the host panicked while it was busy with this engine: {}", panic_text(&*panic));
            Err(Fault { kind: FaultKind::Trapped, message })
        })
    }

    /// Sends on what the guest asked for and said, also when it failed after that: it was promised.
    pub(super) fn deliver(&mut self, shared: &Shared) {
        let Some(actor) = &mut self.actor else { return };
        let sent = catch_unwind(AssertUnwindSafe(|| {
            if actor.has_commands() {
                self.orders = actor.orders();
                send_commands(&self.entry, actor.take_commands(), shared);
            }
            let (remarks, dropped) = actor.take_remarks();
            send_remarks(&self.entry, remarks, dropped, shared);
            if shared.records {
                send_tape(&self.entry, actor.take_tape(), shared);
            }
        }));
        if sent.is_err() {
            add_shared(&shared.counters.panics, 1);
        }
    }

    /// One tick, with the timers and bars that come before it.
    pub(super) fn tick(&mut self, wanted: usize, fed: &Fed, shared: &Shared) -> Result<(), Fault> {
        let Some(skipped) = self.skipped(wanted, fed) else { return Ok(()) };
        let Some(actor) = &mut self.actor else { return Ok(()) };
        let meter = &self.entry.meter;
        actor.timers(fed.tick.time)?;
        bars(actor, self.wanted[wanted].frames, fed)?;
        actor.tick(&fed.tick, skipped)?;
        add(&meter.ticks, 1);
        add(&meter.calls, 1);
        if skipped > 0 {
            add(&meter.skipped, u64::from(skipped));
        }
        self.decided(fed, shared)
    }

    /// The timers and bars of a tick that is not handed over itself.
    pub(super) fn bars_only(&mut self, wanted: usize, fed: &Fed) -> Result<(), Fault> {
        let frames = self.wanted[wanted].frames;
        // What came before its start, history has shown it.
        let is_news = fed.tick.sequence > self.wanted[wanted].last;
        let Some(actor) = self.actor.as_mut().filter(|_| is_news && closes(frames, fed)) else { return Ok(()) };
        actor.timers(fed.tick.time)?;
        bars(actor, frames, fed)
    }

    /// Whether a bar that this engine wants closes before the tick.
    pub(super) fn wants_bars_of(&self, wanted: usize, fed: &Fed) -> bool {
        closes(self.wanted[wanted].frames, fed)
    }

    /// The timers and bars before the first of several rows; its next timer, at which the rows must end.
    pub(super) fn before_rows(&mut self, wanted: usize, fed: &Fed) -> Result<Option<Time>, Fault> {
        let Some(actor) = &mut self.actor else { return Ok(None) };
        actor.timers(fed.tick.time)?;
        bars(actor, self.wanted[wanted].frames, fed)?;
        Ok(actor.next_timer())
    }

    /// Several rows in one call; says how many the guest handled.
    pub(super) fn rows(&mut self, wanted: usize, columns: &Arc<dyn Columns>, rows: Range<usize>, first: u64) -> Result<usize, Fault> {
        let wanted = &mut self.wanted[wanted];
        let Some(actor) = &mut self.actor else { return Ok(rows.len()) };
        let handled = actor.rows(wanted.symbol, columns, rows, first)?;
        wanted.last = first + handled as u64 - 1;
        add(&self.entry.meter.ticks, handled as u64);
        add(&self.entry.meter.calls, 1);
        Ok(handled)
    }

    /// After the last tick of a call: how long it took, and what is due now and then.
    pub(super) fn decided(&mut self, fed: &Fed, shared: &Shared) -> Result<(), Fault> {
        let now = Instant::now();
        self.entry.meter.latency.add(now.saturating_duration_since(fed.arrived));
        if now.saturating_duration_since(self.published) >= PUBLISH_EVERY {
            self.published = now;
            self.publish();
        }
        if fed.tick.time >= self.next_save {
            self.next_save = fed.tick.time.plus_us(shared.bounds.save_every_us);
            self.save(fed.tick.time, shared)?;
        }
        Ok(())
    }

    /// How many ticks the guest misses before this one; `None` when it has seen this one or was started after it.
    pub(super) fn skipped(&mut self, wanted: usize, fed: &Fed) -> Option<u32> {
        let wanted = &mut self.wanted[wanted];
        let sequence = fed.tick.sequence;
        if sequence <= wanted.last {
            return None;
        }
        let missed = if wanted.last == 0 { 0 } else { sequence - wanted.last - 1 };
        wanted.last = sequence;
        Some(u32::try_from(missed).unwrap_or(u32::MAX))
    }

    pub(super) fn changed(&mut self, changed: &Changed) -> Result<(), Fault> {
        let Some(actor) = &mut self.actor else { return Ok(()) };
        add(&self.entry.meter.calls, 1);
        actor.changed(&changed.change, changed.at)
    }

    /// Has the guest save, and hands the state on when it is another than before.
    pub(super) fn save(&mut self, at: Time, shared: &Shared) -> Result<(), Fault> {
        let Some(actor) = &mut self.actor else { return Ok(()) };
        let state = actor.save()?;
        let orders = actor.orders();
        if self.saved.as_deref() != Some(&state) {
            self.saved = Some(Arc::new(state.clone()));
            shared.herald.tell(Event::Saved { engine: self.entry.whose, state, orders, at });
        }
        Ok(())
    }

    /// Puts what the guest has used where others can see it.
    pub(super) fn publish(&mut self) {
        let Some(actor) = &mut self.actor else { return };
        let meter = &self.entry.meter;
        meter.set_used(actor.used(), self.fuel_before);
        meter.denied.store(actor.decisions().denied(), Relaxed);
    }
}

pub(super) fn send_commands(entry: &Entry, commands: Vec<domain::risk::Approved<domain::order::Command>>, shared: &Shared) {
    add(&entry.meter.orders, commands.len() as u64);
    for command in commands {
        let order = command.get().order;
        let places = matches!(command.get().action, Action::Place(_));
        // Bounded by the gauge that the desk asked before it made the promise.
        if !shared.pipeline.push(PipelineItem::Command(command)) {
            // The pipeline is gone: nothing leaves any more, and no phantom order may stay on the account.
            shared.queue.release(1);
            if places {
                lock(&entry.account).ledger.orders.remove(&order);
            }
        }
    }
}

pub(super) fn send_remarks(entry: &Entry, remarks: Vec<domain::desk::Remark>, dropped: u64, shared: &Shared) {
    if remarks.is_empty() && dropped == 0 {
        return;
    }
    add(&entry.meter.remarks_dropped, dropped);
    shared.herald.tell(Event::Remarks { engine: entry.whose, remarks, dropped });
}

pub(super) fn send_tape(entry: &Entry, entries: Vec<domain::tape::Entry>, shared: &Shared) {
    if !entries.is_empty() {
        shared.herald.tell(Event::Taped { engine: entry.whose, entries });
    }
}

fn closes(frames: u16, fed: &Fed) -> bool {
    fed.bars.as_deref().is_some_and(|bars| bars.iter().any(|bar| frames & bit(bar.timeframe) != 0))
}

fn bars(actor: &mut Actor, frames: u16, fed: &Fed) -> Result<(), Fault> {
    let wanted = |bar: &&Bar| frames & bit(bar.timeframe) != 0;
    fed.bars.iter().flat_map(|bars| bars.iter()).filter(wanted).try_for_each(|bar| actor.bars(&fed.tick, std::slice::from_ref(bar)))
}
