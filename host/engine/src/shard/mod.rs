//! A shard: one thread that owns its engines; nobody else touches them.

mod doze;
mod following;
mod lane;
mod life;
mod moving;
mod run;
mod shadow;
mod slot;
mod swap;
mod turns;

pub(crate) use following::Apart;
pub(crate) use moving::Parcel;
pub(crate) use slot::{Changed, send_remarks};

use crate::error::HostError;
use crate::events::Event;
use crate::meter::add_shared;
use crate::moment::Moment;
use crate::setup::Bounds;
use crate::shared::{Entry, ShardPort, Shared, panic_text, reply};
use crate::starter::{Hand, Started};
use domain::contract::StopReason;
use domain::footprint::Footprint;
use domain::ids::{AccountId, EngineId};
use domain::life::{EngineState, NotNow};
use domain::tick::{Bar, Tick};
use domain::time::Steady;
use following::Shown;
use slot::{Held, Slot};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// A tick on its way to the engines.
#[derive(Clone)]
pub(crate) struct Fed {
    pub(crate) tick: Tick,
    /// The bars that it closed, shorter timeframes first.
    pub(crate) bars: Option<Arc<[Bar]>>,
    /// When it arrived at the host.
    pub(crate) arrived: Moment,
}

/// What reaches a shard in order.
pub(crate) enum Message {
    Tick(Fed),
    Changed(Box<Changed>),
    /// An account's engines are coming: what follows is theirs as well.
    Arriving(AccountId),
    /// An account's engines go to the shard that is sent for from now on.
    Leaving(AccountId),
    /// Answered when everything before it has been seen to.
    Barrier(Sender<()>),
    /// The host is stopping: the last message.
    Stop,
}

/// What owners do to an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineCommand {
    /// Start it; a quarantined one's faults are forgiven. Changes nothing when it runs or starts.
    Start,
    /// Save its state and stop it. Changes nothing when it is stopped.
    Stop(StopReason),
    /// Hand it no ticks, bars or timers, and let it open nothing; what becomes of its orders it still hears. One that starts
    /// is paused when it is there.
    Pause,
    /// Go on, after telling it of the bars that it missed.
    Resume,
}

/// What overtakes all messages, so that it takes effect after the guest call in progress.
pub(crate) enum ShardRequest {
    Add(Arc<Entry>),
    Remove {
        engine: EngineId,
        reason: String,
        answer: Sender<u32>,
    },
    Command {
        engine: EngineId,
        command: EngineCommand,
        reason: String,
        answer: Sender<Result<EngineState, NotNow>>,
    },
    /// Another version, or other parameters, are to take over.
    Swap {
        /// The engine as it is to be.
        entry: Arc<Entry>,
        reason: String,
        answer: Sender<Result<Swapped, HostError>>,
    },
    /// A version is to run beside the one that works.
    Shadow {
        /// The engine as it would be with that version.
        entry: Arc<Entry>,
        reason: String,
        answer: Sender<Result<(), HostError>>,
    },
    /// That is enough of it.
    EndShadow {
        engine: EngineId,
        reason: String,
        answer: Sender<()>,
    },
    /// A version waits for what the one that works hands over.
    Ready {
        engine: EngineId,
        generation: u32,
        hand: Hand,
    },
    /// The host's or an account's trading state has changed: guests are told.
    TradingChanged,
    /// An engine's own has: its guest is told.
    EngineTradingChanged(EngineId),
    Started(Box<Started>),
    /// It is this engine's turn, and there may be room for it.
    RoomMayBeFree(EngineId),
    /// Engines from another shard.
    Adopt(Box<Parcel>),
}

/// How a swap that was asked for went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The new version has taken over, and the engine's events waited so long. It is on trial now.
    TakenOver {
        /// For how long.
        pause: Duration,
    },
    /// The engine has no guest now: its next start is that of the new version.
    AtNextStart,
}

impl ShardRequest {
    /// The engine that it is about.
    fn about(&self) -> Option<EngineId> {
        match self {
            Self::Add(entry) | Self::Swap { entry, .. } | Self::Shadow { entry, .. } => Some(entry.whose.engine),
            Self::Remove { engine, .. } | Self::Command { engine, .. } | Self::EndShadow { engine, .. } => Some(*engine),
            Self::Ready { engine, .. } | Self::EngineTradingChanged(engine) | Self::RoomMayBeFree(engine) => Some(*engine),
            Self::Started(started) => Some(started.engine),
            Self::TradingChanged | Self::Adopt(_) => None,
        }
    }

    /// The engine that must not be busy for it.
    fn for_engine(&self) -> Option<EngineId> {
        match self {
            Self::Remove { engine, .. } | Self::Command { engine, .. } => Some(*engine),
            Self::Swap { entry, .. } | Self::Shadow { entry, .. } => Some(entry.whose.engine),
            _ => None,
        }
    }
}

/// An engine that wants a symbol: its slot, and which of the slot's symbols it is.
#[derive(Clone, Copy)]
struct Subscriber {
    slot: u32,
    symbol: u32,
}

/// A shard's own state.
pub(crate) struct Shard {
    shared: Arc<Shared>,
    number: usize,
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// Slots of removed engines that `by_symbol` may still name.
    freed: Vec<u32>,
    by_engine: BTreeMap<EngineId, u32>,
    by_symbol: Vec<Vec<Subscriber>>,
    /// What a tick touches of each slot, as far as that has been looked at.
    footprints: Vec<Footprint>,
    dozing: doze::Dozing,
    /// Subscribers without a guest are still in `by_symbol`.
    stale: bool,
    /// When the first engine that has failed, or waits for room, is due.
    next_restart: Option<Steady>,
    stopping: bool,
    messages: Vec<Message>,
    requests: Vec<ShardRequest>,
    run: run::Scratch,
    arrivals: moving::Arrivals,
    load: moving::Load,
    lanes: lane::Lanes,
    /// Versions that wait for what the ones that work hand over.
    ready: Vec<(EngineId, u32, Hand)>,
    /// The second, by the steady clock, in which the ticks at hand are handed over.
    second: i64,
    /// When the last call with ticks had ended, or the first of them arrived here.
    mark: Moment,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>, number: usize) -> Self {
        let symbols = shared.table.len();
        Self {
            shared,
            number,
            slots: Vec::new(),
            free: Vec::new(),
            freed: Vec::new(),
            by_engine: BTreeMap::new(),
            by_symbol: vec![Vec::new(); symbols],
            footprints: Vec::new(),
            dozing: doze::Dozing::new(symbols),
            stale: false,
            next_restart: None,
            stopping: false,
            messages: Vec::new(),
            requests: Vec::new(),
            run: run::Scratch::new(symbols),
            arrivals: moving::Arrivals::default(),
            load: moving::Load::new(),
            lanes: lane::Lanes::new(),
            ready: Vec::new(),
            second: 0,
            mark: Moment::now(),
        }
    }

    fn port(&self) -> &ShardPort {
        &self.shared.shards[self.number]
    }

    fn bounds(&self) -> &Bounds {
        &self.shared.bounds
    }

    /// The thread.
    pub(crate) fn run(mut self) {
        self.lanes.is_timed = true;
        while !self.stopping {
            let restart = self.next_restart.map(|at| {
                let us = at.since_us(self.shared.clock.steady()).max(0).unsigned_abs();
                // The clock passed in may run differently: look at it now and then rather than trust the difference.
                Duration::from_micros(us).clamp(Duration::from_millis(1), Duration::from_secs(1))
            });
            self.turn(restart.into_iter().chain(self.slow_patience()).min());
            // Not in a turn: how long things took must decide nothing where a run is to be repeated.
            self.look_at_load();
        }
        self.port().inbox.close();
    }

    /// Handles what is queued, after waiting for it at most `patience`.
    pub(crate) fn turn(&mut self, patience: Option<Duration>) {
        let mut messages = std::mem::take(&mut self.messages);
        let mut requests = std::mem::take(&mut self.requests);
        self.port().inbox.take(&mut messages, &mut requests, patience);
        self.requests = requests;
        // Guests are guarded one by one; what panics here is the shard's own code, and its other engines go on.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.see_to(&mut messages))) {
            add_shared(&self.shared.counters.panics, 1);
            let text = format!("shard {} panicked and goes on: {}; report it", self.number, panic_text(&*panic));
            self.shared.alarm("host-panicked", text);
            self.run = run::Scratch::new(self.shared.table.len());
            self.arrivals.after_panic();
            self.lanes.after_panic();
            self.rouse_all();
        }
        messages.clear();
        self.messages = messages;
    }

    /// What came, and then one thing of what waits until nothing else does.
    fn see_to(&mut self, messages: &mut [Message]) {
        self.handle(messages);
        if !self.stopping {
            self.serve_slow(messages.is_empty());
        }
        self.answer_barriers();
    }

    fn handle(&mut self, messages: &mut [Message]) {
        self.requests();
        self.restart_due();
        let mut at = 0;
        while at < messages.len() {
            let ticks = messages[at..].iter().take(self.bounds().run_ticks_max).take_while(|message| matches!(message, Message::Tick(_)));
            let ticks = ticks.count();
            if ticks > 0 {
                self.ticks(&messages[at..at + ticks]);
                at += ticks;
            } else {
                // The last message is no worse a filler than any: nobody looks at this place again.
                match std::mem::replace(&mut messages[at], Message::Stop) {
                    Message::Changed(changed) => self.changed(*changed),
                    Message::Barrier(reached) => self.barrier(reached),
                    Message::Arriving(account) => self.arriving(account),
                    Message::Leaving(account) => {
                        self.rouse_all();
                        self.leaving(account);
                    }
                    Message::Stop => {
                        self.rouse_all();
                        self.last_message();
                    }
                    Message::Tick(_) => {}
                }
                at += 1;
            }
            if self.next_restart.is_some() {
                self.restart_due();
            }
            self.hand_overs();
        }
        self.hand_overs();
        self.forget_stale();
    }

    /// Versions take over between two passes: in the middle of one, the starter that has the state loaded would wait for a core until
    /// the pass is over, and with it the engine's events.
    fn hand_overs(&mut self) {
        for (engine, generation, hand) in std::mem::take(&mut self.ready) {
            self.slot(engine).into_iter().for_each(|at| self.rouse(at));
            self.hand_over(engine, generation, hand);
        }
    }

    /// Handles urgent messages, if any. Called between two guest calls.
    fn interrupt(&mut self) {
        // Engines that are being brought up to date first get what is older.
        if !self.arrivals.replaying() && self.port().inbox.has_urgent() {
            let mut requests = std::mem::take(&mut self.requests);
            self.port().inbox.take_urgent(&mut requests);
            self.requests = requests;
            self.requests();
        }
    }

    fn requests(&mut self) {
        let mut requests = std::mem::take(&mut self.requests);
        requests.drain(..).for_each(|request| self.request(request));
        self.requests = requests;
    }

    fn request(&mut self, request: ShardRequest) {
        let Some(request) = self.send_on(request) else { return };
        let engine = request.for_engine().and_then(|engine| self.slot(engine));
        engine.into_iter().for_each(|at| self.rouse(at));
        if let Some(slot) = engine.and_then(|at| self.slots[at].as_mut()).filter(|slot| slot.busy) {
            // For as long as a guest takes to load its state, or to hear of some bars. Each caller waits for one request.
            slot.deferred.push(request);
            return;
        }
        match request {
            ShardRequest::Add(entry) => self.add(entry),
            ShardRequest::Remove { engine, reason, answer } => self.remove(engine, &reason, answer),
            ShardRequest::Command { engine, command, reason, answer } => {
                if let Some(done) = self.command(engine, command, &reason) {
                    reply(&answer, done);
                }
            }
            ShardRequest::Swap { entry, reason, answer } => self.swap(entry, reason, answer),
            ShardRequest::Shadow { entry, reason, answer } => self.shadow(entry, reason, answer),
            ShardRequest::EndShadow { engine, reason, answer } => {
                if let Some(at) = self.slot(engine) {
                    self.end_shadow(at, &reason);
                }
                reply(&answer, ());
            }
            ShardRequest::Ready { engine, generation, hand } => self.ready.push((engine, generation, hand)),
            ShardRequest::TradingChanged => {
                self.rouse_all();
                (0..self.slots.len()).for_each(|slot| self.tell_trading(slot));
            }
            ShardRequest::EngineTradingChanged(engine) => {
                if let Some(at) = self.slot(engine) {
                    self.rouse(at);
                    self.tell_trading(at);
                }
            }
            ShardRequest::Started(started) => self.started(*started),
            ShardRequest::RoomMayBeFree(engine) => self.room_may_be_free(engine),
            ShardRequest::Adopt(parcel) => self.adopt(*parcel),
        }
    }

    /// The slot of an engine.
    fn slot(&self, engine: EngineId) -> Option<usize> {
        self.by_engine.get(&engine).map(|&slot| slot as usize)
    }

    /// Calls the guest of a slot, if it has one, and handles the outcome.
    fn with_guest(&mut self, at: usize, calls: impl FnOnce(&mut Slot, &Shared) -> Result<(), domain::guest::Fault>) {
        let Some(slot) = self.slots[at].as_mut().filter(|slot| slot.actor.is_some()) else { return };
        let done = slot.guarded(&self.shared, calls);
        slot.deliver(&self.shared);
        if let Err(fault) = done {
            self.fault(at, fault);
        }
    }

    fn changed(&mut self, changed: Changed) {
        let Some(at) = self.slot(changed.engine) else { return self.keep_changed(changed) };
        self.rouse(at);
        let (held_max, waits_for_turn) = (self.bounds().held_max, self.waits_for_turn(at));
        match self.slots[at].as_mut() {
            // Its guest is elsewhere; how many wait is bounded by the orders it has at the broker.
            Some(slot) if slot.held.is_some() => slot.hold(Held::Changed(changed), held_max),
            Some(slot) if slot.state == EngineState::Starting => slot.waiting.push(changed),
            Some(slot) if slot.actor.is_some() && waits_for_turn => self.changed_waits(at, changed),
            _ => {
                self.mark = Moment::now();
                self.before_shadow(at);
                self.with_guest(at, |slot, _| {
                    let done = slot.changed(&changed);
                    slot.done = Moment::now();
                    done
                });
                self.charge(at, 1);
                self.after_shadow(at, || vec![Shown::Changed(changed)]);
            }
        }
    }

    fn tell(&self, event: Event) {
        self.shared.herald.tell(event);
    }
}
