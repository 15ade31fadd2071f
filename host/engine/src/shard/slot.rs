//! One engine in its shard, and every call into its guest.

use crate::events::Event;
use crate::meter::{Meter, add, add_shared};
use crate::moment::Moment;
use crate::pipeline::PipelineItem;
use crate::setup::{Saved, Seen};
use crate::shard::following::Shadow;
use crate::shard::lane::Lane;
use crate::shard::swap::{Beside, Trial};
use crate::shard::{Fed, ShardRequest};
use crate::shared::{Entry, Shared, lock, panic_text};
use domain::actor::Actor;
use domain::contract::{Gap, LogLevel, TradingState};
use domain::desk::{Columns, Remark};
use domain::footprint::Footprint;
use domain::guest::{Fault, FaultKind, Place};
use domain::ids::EngineId;
use domain::ledger::Change;
use domain::life::{EngineState, Supervisor};
use domain::order::Action;
use domain::ranges::RangesAhead;
use domain::symbol::SymbolId;
use domain::tick::{Bar, TickColumns};
use domain::time::{SECOND_US, Steady, Time};
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// News of an order or position, for the engine that owns it.
pub(crate) struct Changed {
    pub(crate) engine: EngineId,
    pub(crate) change: Change,
    pub(crate) at: Time,
}

/// A symbol that an engine wants.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) symbol: SymbolId,
    /// Timeframes of its bars, one bit each.
    pub(super) frames: u16,
    /// The last tick that the guest saw or does not need; 0: none.
    pub(super) last: u64,
    /// Its time.
    pub(super) last_time: Option<Time>,
    /// The last tick that went by while the engine was paused: its number and time.
    pub(super) passed: Option<(u64, Time)>,
    /// Ticks up to this time were handled before the host was started anew, and are not handed over again.
    pub(super) handled: Option<Time>,
}

/// Something that waits because the guest for it is elsewhere.
pub(super) enum Held {
    Tick { wanted: usize, fed: Fed },
    Changed(Changed),
}

/// An engine as its shard has it. What every tick looks at comes first and lies together: with ten thousand engines each line of
/// memory that a tick touches has to be fetched from far away.
#[repr(C, align(64))]
pub(super) struct Slot {
    /// There is one while it runs or is paused, unless it is elsewhere to hear what it missed.
    pub(super) actor: Option<Actor>,
    pub(super) state: EngineState,
    pub(super) latest_only: bool,
    pub(super) wanted: SmallVec<[Wanted; 1]>,
    /// Its place in line.
    pub(super) lane: Lane,
    /// Its entry's.
    pub(super) meter: Arc<Meter>,
    pub(super) entry: Arc<Entry>,
    /// A version that runs beside it, and how many it has had.
    pub(super) shadow: Option<Box<Shadow>>,
    /// Its events in order, while they wait for a guest.
    pub(super) held: Option<VecDeque<Held>>,
    /// Fuel of its guest that has been counted, and how much of it its owner has not been charged with.
    fuel_counted: u64,
    fuel_owed: u64,
    /// When that was; `None`: not yet.
    charged: Option<Moment>,
    /// In which second of its shard's it last kept that busy, and for how long.
    pub(super) cost: (u32, Duration),
    /// When its last call with ticks had ended.
    pub(super) done: Moment,
    /// `None`: not before the first tick.
    pub(super) next_save: Option<Time>,
    published: Moment,
    /// Whose it is.
    pub(super) shard: usize,
    /// Set while the version that has taken over is on trial.
    pub(super) trial: Option<Trial>,
    pub(super) supervisor: Supervisor,
    pub(super) saved: Option<Arc<Saved>>,
    pub(super) orders: u32,
    /// Counts starts.
    pub(super) generation: u32,
    /// When it starts again, or looks for room again.
    pub(super) restart_at: Option<Steady>,
    /// Its place on the host, also while it has failed and starts again later.
    pub(super) place: Option<Place>,
    /// A guest of it is being started elsewhere.
    pub(super) at_starter: bool,
    /// Set when it is to be forgotten: who is told how many orders it has asked for.
    pub(super) removed: Option<Sender<u32>>,
    /// Changes that came while its guest was being started.
    pub(super) waiting: Vec<Changed>,
    /// Whether its symbols' ticks come here for it.
    pub(super) subscribed: bool,
    /// A guest of it hears what it missed, or takes over from another: what is asked of it waits in `deferred`.
    pub(super) busy: bool,
    pub(super) deferred: Vec<ShardRequest>,
    /// It is paused as soon as it is there.
    pub(super) pause_when_there: bool,
    /// A version that is made ready to take over.
    pub(super) beside: Option<Beside>,
    pub(super) shadows: u32,
    /// Fuel of the guests it had before.
    pub(super) fuel_before: u64,
    /// The minute in which its owner was told last that it is throttled.
    told_throttled: i64,
}

/// How often an engine's use of fuel and memory is published at most: often enough for eyes.
const PUBLISH_EVERY: Duration = Duration::from_millis(200);
/// How long a save is put off when too many states wait, in market time.
const SAVE_AGAIN_US: i64 = SECOND_US;

pub(super) fn bit(timeframe: domain::tick::Timeframe) -> u16 {
    1 << timeframe as u16
}

impl Slot {
    pub(super) fn new(entry: Arc<Entry>, shard: usize) -> Self {
        let setup = &entry.setup;
        let mut slot = Self {
            shard,
            state: EngineState::Defined,
            actor: None,
            wanted: SmallVec::new(),
            latest_only: false,
            lane: Lane::default(),
            supervisor: Supervisor::default(),
            saved: setup.restored.clone().map(Arc::new),
            orders: entry.orders_before,
            generation: 0,
            restart_at: None,
            place: None,
            at_starter: false,
            removed: None,
            waiting: Vec::new(),
            subscribed: false,
            held: None,
            busy: false,
            deferred: Vec::new(),
            pause_when_there: setup.paused,
            beside: None,
            trial: None,
            shadow: None,
            shadows: 0,
            fuel_before: 0,
            fuel_counted: 0,
            fuel_owed: 0,
            charged: None,
            told_throttled: i64::MIN,
            next_save: None,
            // Engines that start together must not all have their turn in the same pass for ever.
            published: Moment::now().after(Duration::from_micros(turn(setup.engine, PUBLISH_EVERY.as_micros() as i64) as u64)),
            cost: (0, Duration::ZERO),
            done: Moment::now(),
            meter: Arc::clone(&entry.meter),
            entry,
        };
        slot.look_at_setup();
        slot
    }

    /// What follows from its version and symbols. Ticks of symbols that it had before have still been seen.
    pub(super) fn look_at_setup(&mut self) {
        let setup = &self.entry.setup;
        let before = std::mem::take(&mut self.wanted);
        let wanted = setup.description.needs.iter().zip(&setup.symbols).map(|(need, &symbol)| {
            let bits = need.timeframes.iter().fold(0, |bits, &frame| bits | bit(frame));
            let frames = if setup.description.callbacks.bar { bits } else { 0 };
            match before.iter().find(|wanted| wanted.symbol == symbol) {
                Some(wanted) => Wanted { frames, ..*wanted },
                None => Wanted { symbol, frames, last: 0, last_time: None, passed: None, handled: None },
            }
        });
        self.wanted = wanted.collect();
        self.latest_only = setup.description.latest_tick_only;
    }

    /// Takes a place on the host for it, or makes sure that the one it has will do.
    pub(super) fn find_place(&mut self, shared: &Shared) -> Result<(), Fault> {
        if !shared.room.is_turn_of(self.entry.whose.engine) {
            let message = format!("{}; other engines wait for that before it", shared.room.why());
            return Err(Fault { kind: FaultKind::NoRoom, message });
        }
        self.place = Some(shared.factory.place(&self.entry.setup.version, self.place.as_ref())?);
        Ok(())
    }

    /// As its owner or an operator set it.
    pub(super) fn trading(&self) -> TradingState {
        self.entry.meter.trading()
    }

    /// The trading state its desk has: a paused engine opens nothing.
    pub(super) fn desk_trading(&self) -> TradingState {
        if self.state == EngineState::Paused { TradingState::Halted } else { self.trading() }
    }

    /// A fresh guest: it has seen what history had when it started.
    pub(super) fn take_in(&mut self, actor: Actor, seen: &[Option<Seen>]) {
        self.actor = Some(actor);
        let restored = self.saved.as_deref();
        for (at, wanted) in self.wanted.iter_mut().enumerate() {
            let seen = seen.get(at).copied().flatten();
            wanted.last = seen.and_then(|seen| seen.sequence).unwrap_or(0);
            wanted.last_time = seen.map(|seen| seen.time);
            wanted.passed = None;
            // Later than the market only where that is behind: ticks that it has still to come to are not handed over again.
            let before = restored.and_then(|saved| saved.seen.get(&wanted.symbol)).map(|before| before.time);
            wanted.handled = before.filter(|before| wanted.last_time.is_none_or(|last| *before > last));
        }
        self.next_save = None;
    }

    /// Says what fuel its guest has used since the last time. Its owner is charged with it once that is `at_least` this much or a while
    /// ago: what an owner's engines use together is counted far away from each of them.
    pub(super) fn charge_fuel(&mut self, second: i64, at_least: u64, shared: &Shared) -> u64 {
        let total = self.actor.as_ref().map_or(0, |actor| actor.used().fuel_total);
        let more = total.saturating_sub(std::mem::replace(&mut self.fuel_counted, total));
        self.fuel_owed += more;
        let is_due = self.fuel_owed >= at_least || self.charged.is_none_or(|at| self.done.since(at) >= PUBLISH_EVERY);
        if self.fuel_owed > 0 && is_due {
            self.charged = Some(self.done);
            shared.charge_fuel(&self.entry, second, std::mem::take(&mut self.fuel_owed));
        }
        more
    }

    /// Its guest goes: what it has used is its owner's.
    pub(super) fn part_with(&mut self, second: i64, shared: &Shared) -> Option<Actor> {
        self.charge_fuel(second, 0, shared);
        self.fuel_counted = 0;
        let mut actor = self.actor.take()?;
        add(&self.meter.calls, u64::from(actor.take_calls()));
        self.fuel_before = self.fuel_before.saturating_add(actor.used().fuel_total);
        Some(actor)
    }

    /// A tick is skipped because its owner's fuel for this second is used up; its log says so once a minute.
    pub(super) fn throttle(&mut self, at: Time, second: i64, shared: &Shared) {
        add(&self.meter.throttled, 1);
        add_shared(&self.entry.usage.throttled, 1);
        let minute = second / 60;
        if std::mem::replace(&mut self.told_throttled, minute) == minute {
            return;
        }
        let max = shared.bounds.quotas.fuel_per_second_max;
        let text = format!(
            "its owner's engines have used the {max} units of fuel that they may use in a second (quotas.fuel_per_second_max): ticks go by \
             until the next one, bars are told"
        );
        let remarks = vec![Remark::Log { at, level: LogLevel::Warn, text }];
        shared.herald.tell(Event::Remarks { engine: self.entry.whose, remarks, dropped: 0 });
    }

    /// Keeps an event until there is a guest for it. When too many wait, ticks that close no bar go by: it is told.
    pub(super) fn hold(&mut self, held: Held, max: usize) {
        let needed = match &held {
            Held::Tick { wanted, fed } => closes(self.wanted[*wanted].frames, fed),
            Held::Changed(_) => true,
        };
        if let Some(all) = self.held.as_mut().filter(|all| needed || all.len() < max) {
            all.push_back(held);
        }
    }

    /// A tick is skipped while the engine is paused.
    pub(super) fn pass(&mut self, wanted: usize, fed: &Fed) {
        if self.state == EngineState::Paused && !self.has_seen(wanted, fed) {
            self.wanted[wanted].passed = Some((fed.tick.sequence, fed.tick.time));
        }
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
        let before = self.wanted[wanted].last_time;
        let Some(skipped) = self.skipped(wanted, fed) else { return Ok(()) };
        let Some(actor) = &mut self.actor else { return Ok(()) };
        let meter = &self.meter;
        if skipped > 0 {
            let until = fed.tick.time;
            actor.missed(fed.tick.symbol, Gap { after: before.unwrap_or(until).0, until: until.0, ticks: Some(u64::from(skipped)) });
        }
        actor.timers(fed.tick.time)?;
        bars(actor, self.wanted[wanted].frames, fed)?;
        if skipped > 0 {
            add(&meter.skipped, u64::from(skipped));
        }
        self.tick_itself(fed, skipped, shared)
    }

    /// The same, where what comes before the tick has been seen to.
    pub(super) fn only_tick(&mut self, wanted: usize, fed: &Fed, shared: &Shared) -> Result<(), Fault> {
        match self.skipped(wanted, fed) {
            Some(skipped) => self.tick_itself(fed, skipped, shared),
            None => Ok(()),
        }
    }

    fn tick_itself(&mut self, fed: &Fed, skipped: u32, shared: &Shared) -> Result<(), Fault> {
        let Some(actor) = &mut self.actor else { return Ok(()) };
        let (is_called, meter) = (actor.tick(&fed.tick, skipped)?, &self.meter);
        add(&meter.ticks, 1);
        if is_called {
            self.decided(fed, shared)
        } else {
            self.done = Moment::now();
            self.see_to_what_is_due(fed, shared)
        }
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

    /// Whether rows from this one on may be handed over in one call.
    pub(super) fn takes_rows(&mut self, wanted: usize, fed: &Fed) -> bool {
        let symbol = self.wanted[wanted].symbol;
        self.actor.as_mut().is_some_and(|actor| actor.takes_rows(symbol, fed.tick.time))
    }

    /// Whether its guest is there and has come to this tick.
    pub(super) fn is_at(&self, wanted: usize, fed: &Fed) -> bool {
        self.actor.is_some() && self.wanted[wanted].last == fed.tick.sequence
    }

    pub(super) fn next_timer(&mut self) -> Option<Time> {
        self.actor.as_mut()?.next_timer()
    }

    /// How many of these rows go by: its guest waits for none of them.
    pub(super) fn passing(&mut self, wanted: usize, ticks: &TickColumns<'_>) -> usize {
        let symbol = self.wanted[wanted].symbol;
        let Some(actor) = &mut self.actor else { return 0 };
        actor.wake(symbol).map_or(ticks.len(), |wake| wake.first(ticks, RangesAhead::default()))
    }

    /// Skips this many ticks, of which this is the last.
    pub(super) fn pass_by(&mut self, wanted: usize, last: &Fed, ticks: u32, shared: &Shared) -> Result<(), Fault> {
        let Some(actor) = &mut self.actor else { return Ok(()) };
        actor.pass(&last.tick, ticks);
        let wanted = &mut self.wanted[wanted];
        (wanted.last, wanted.last_time) = (last.tick.sequence, Some(last.tick.time));
        add(&self.meter.ticks, u64::from(ticks));
        self.done = Moment::now();
        self.see_to_what_is_due(last, shared)
    }

    /// Several rows in one call; says how many the guest handled.
    pub(super) fn rows(&mut self, wanted: usize, columns: &Arc<dyn Columns>, rows: Range<usize>, first: u64) -> Result<usize, Fault> {
        let wanted = &mut self.wanted[wanted];
        let Some(actor) = &mut self.actor else { return Ok(rows.len()) };
        let start = rows.start;
        let handled = actor.rows(wanted.symbol, columns, rows, first)?;
        wanted.last = first + handled as u64 - 1;
        wanted.last_time = columns.columns().times.get(start + handled - 1).copied().map(Time);
        add(&self.meter.ticks, handled as u64);
        Ok(handled)
    }

    /// After the last tick of a call: how long it took, and what is due now and then.
    pub(super) fn decided(&mut self, fed: &Fed, shared: &Shared) -> Result<(), Fault> {
        let now = Moment::now();
        self.done = now;
        let took = now.since(fed.arrived);
        self.meter.latency.add(took);
        shared.shards[self.shard].latency.add(took);
        self.see_to_what_is_due(fed, shared)
    }

    /// What is due now and then, after a tick.
    fn see_to_what_is_due(&mut self, fed: &Fed, shared: &Shared) -> Result<(), Fault> {
        if self.done.since(self.published) >= PUBLISH_EVERY {
            self.published = self.done;
            self.publish();
        }
        if self.trial.is_some() {
            self.judge(shared)
        } else {
            self.save_in_time(fed.tick.time, shared)?
        }
        Ok(())
    }

    /// Saves now and then. Engines take turns: saving all at one tick would hold their shard up.
    fn save_in_time(&mut self, now: Time, shared: &Shared) -> Result<(), Fault> {
        let every_us = shared.bounds.save_every_us;
        let due = *self.next_save.get_or_insert_with(|| now.plus_us(every_us / 2 + turn(self.entry.whose.engine, every_us / 2)));
        if now < due {
            return Ok(());
        }
        if shared.herald.saved_bytes() > shared.bounds.saved_bytes_max {
            add_shared(&shared.counters.saves_put_off, 1);
            self.next_save = Some(now.plus_us(SAVE_AGAIN_US));
            return Ok(());
        }
        self.next_save = Some(now.plus_us(every_us));
        self.save(shared)?;
        self.shadow_takes_state();
        Ok(())
    }

    /// Whether the guest has had this tick, or was started after it.
    pub(super) fn has_seen(&mut self, wanted: usize, fed: &Fed) -> bool {
        let wanted = &mut self.wanted[wanted];
        let sequence = fed.tick.sequence;
        if sequence > wanted.last && wanted.handled.is_some_and(|handled| fed.tick.time <= handled) {
            (wanted.last, wanted.last_time) = (sequence, Some(fed.tick.time));
        }
        sequence <= wanted.last
    }

    /// Whether the guest would be handed this tick: it waits for it, or has missed some before it.
    pub(super) fn is_awaited(&mut self, wanted: usize, fed: &Fed) -> bool {
        let Some(actor) = &mut self.actor else { return false };
        let Wanted { symbol, last, .. } = self.wanted[wanted];
        (last != 0 && fed.tick.sequence > last + 1) || actor.wake(symbol).is_some_and(|wake| wake.holds(&fed.tick))
    }

    /// How many ticks the guest misses before this one; `None` when it has seen this one or was started after it.
    fn skipped(&mut self, wanted: usize, fed: &Fed) -> Option<u32> {
        if self.has_seen(wanted, fed) {
            return None;
        }
        let wanted = &mut self.wanted[wanted];
        let sequence = fed.tick.sequence;
        let missed = if wanted.last == 0 { 0 } else { sequence - wanted.last - 1 };
        (wanted.last, wanted.last_time, wanted.passed) = (sequence, Some(fed.tick.time), None);
        Some(u32::try_from(missed).unwrap_or(u32::MAX))
    }

    pub(super) fn changed(&mut self, changed: &Changed) -> Result<(), Fault> {
        let Some(actor) = &mut self.actor else { return Ok(()) };
        actor.changed(&changed.change, changed.at)
    }

    /// Has the guest save, and hands the state on to be kept. Writing it is others' work.
    pub(super) fn save(&mut self, shared: &Shared) -> Result<(), Fault> {
        let Some(actor) = &mut self.actor else { return Ok(()) };
        let state = actor.save()?;
        let orders = actor.orders();
        let saved = Arc::new(Saved { state, at: shared.clock.now(), seen: self.seen() });
        self.meter.set_saved(&saved);
        self.saved = Some(Arc::clone(&saved));
        // Also of a strategy that keeps nothing: what it has seen is news all the same.
        shared.herald.tell(Event::Saved { engine: self.entry.whose, version: self.entry.setup.version, saved, orders });
        Ok(())
    }

    /// Of each symbol the last tick that any guest of this engine was handed. It never goes back: a guest that started while the market
    /// was behind has come to less than the one before, whose orders stand.
    fn seen(&self) -> BTreeMap<SymbolId, Seen> {
        let mut all = self.saved.as_ref().map(|saved| saved.seen.clone()).unwrap_or_default();
        for wanted in &self.wanted {
            let Some(time) = wanted.last_time else { continue };
            let seen = all.entry(wanted.symbol).or_insert(Seen { time, sequence: None });
            // Numbers are this market's, which has not come to a later tick yet.
            *seen = if time >= seen.time { Seen { time, sequence: Some(wanted.last) } } else { Seen { sequence: None, ..*seen } };
        }
        all
    }

    /// Of each symbol the number of the last tick that its guest was given, or did not wait for; 0: none yet.
    fn given(&self) -> impl Iterator<Item = (SymbolId, u64)> {
        let is_deaf = |wanted: &Wanted| wanted.handled.is_some_and(|handled| wanted.last_time.is_none_or(|last| last <= handled));
        self.wanted.iter().map(move |wanted| (wanted.symbol, if is_deaf(wanted) { 0 } else { wanted.last }))
    }

    /// Whether that was after its last call: the time to look again at what seldom changes.
    pub(super) fn has_published(&self) -> bool {
        self.published == self.done
    }

    /// What a tick touches of it.
    pub(super) fn footprint(&mut self) -> Footprint {
        let mut footprint = Footprint::default();
        footprint.add(self, std::mem::offset_of!(Self, shard));
        self.meter.footprint(&mut footprint);
        if let Some(actor) = &mut self.actor {
            actor.footprint(&mut footprint);
        }
        footprint
    }

    /// Puts what the guest has used where others can see it.
    pub(super) fn publish(&mut self) {
        let Some(actor) = &mut self.actor else { return };
        let meter = &self.meter;
        add(&meter.calls, u64::from(actor.take_calls()));
        meter.set_used(actor.used(), self.fuel_before);
        meter.denied.store(actor.denied(), Relaxed);
        meter.fed.given(self.given());
    }
}

pub(super) fn send_commands(entry: &Entry, commands: Vec<domain::risk::Approved<domain::order::Command>>, shared: &Shared) {
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

pub(crate) fn send_remarks(entry: &Entry, mut remarks: Vec<Remark>, mut dropped: u64, shared: &Shared) {
    if remarks.is_empty() && dropped == 0 {
        return;
    }
    if !remarks.is_empty() {
        let (bytes, too_many) = entry.usage.admit(&mut remarks, shared.clock.now().day(), &shared.bounds.quotas);
        add_shared(&entry.meter.log_bytes, bytes);
        dropped += too_many as u64;
    }
    add(&entry.meter.remarks_dropped, dropped);
    shared.herald.tell(Event::Remarks { engine: entry.whose, remarks, dropped });
}

pub(super) fn send_tape(entry: &Entry, entries: Vec<domain::tape::Entry>, shared: &Shared) {
    if !entries.is_empty() {
        shared.herald.tell(Event::Taped { engine: entry.whose, entries });
    }
}

/// Where within `span_us` an engine has its turn.
fn turn(engine: EngineId, span_us: i64) -> i64 {
    // Fibonacci hashing: neighbouring numbers land far apart.
    let share = engine.0.wrapping_mul(0x9E37_79B9);
    ((i128::from(span_us) * i128::from(share)) >> 32) as i64
}

pub(super) fn closes(frames: u16, fed: &Fed) -> bool {
    fed.bars.as_deref().is_some_and(|bars| bars.iter().any(|bar| frames & bit(bar.timeframe) != 0))
}

pub(super) fn bars(actor: &mut Actor, frames: u16, fed: &Fed) -> Result<(), Fault> {
    let wanted = |bar: &&Bar| frames & bit(bar.timeframe) != 0;
    fed.bars.iter().flat_map(|bars| bars.iter()).filter(wanted).try_for_each(|bar| actor.bars(&fed.tick, std::slice::from_ref(bar)))
}
