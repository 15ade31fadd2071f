//! Starting guests: their set-up code runs here, not on a shard, where it would hold the others up. Starters are few and everybody's: users
//! take turns at them ([`crate::jobs`]), a turn is a few calls, and none waits for what another job has to bring about first.

use crate::meter::add_shared;
use crate::setup::{Saved, Seen};
use crate::shard::{Apart, ShardRequest, send_remarks};
use crate::shared::{Entry, Shared, panic_text};
use domain::actor::{Actor, Entrance, FailedStart};
use domain::bars::MarketView;
use domain::contract::{Gap, StopReason, TradingState};
use domain::desk::{Desk, DeskSetup, Reached};
use domain::guest::{Fault, FaultKind, Place};
use domain::ids::EngineId;
use domain::limits::HISTORY_ROWS_MAX;
use domain::symbol::SymbolId;
use domain::tape::{Beginning, Tape};
use domain::tick::{Bar, Tick};
use domain::time::Time;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Bars that a guest hears of before it is another user's turn: a few calls' fuel, and as many deadlines at worst.
const BARS_PER_TURN: usize = 16;

/// Something to do for an engine that may take its time.
pub(crate) struct Job {
    pub(crate) entry: Arc<Entry>,
    /// Which of the engine's starts it is: an engine that was stopped meanwhile does not want its guest any more.
    pub(crate) generation: u32,
    pub(crate) trading: TradingState,
    pub(crate) work: Work,
}

/// What is to be done.
pub(crate) enum Work {
    /// Start a guest in the engine's place. `reached`: the engine's events wait for it, so it begins where they do; else at the market's last ticks.
    Start { place: Place, saved: Option<Arc<Saved>>, orders_before: u32, reached: Option<Reached> },
    /// Make a guest beside the one that works, unless it is `made`, and have it go on from that one's state.
    Beside { now: Time, made: Option<Box<Actor>> },
    /// Tell a guest of the bars that it missed.
    CatchUp { actor: Box<Actor>, bars: VecDeque<Bar> },
    /// Make a guest that follows the one that works. It waits for a state.
    Shadow { apart: Apart, now: Time },
    /// Have it go on from a state.
    ShadowEnters { actor: Box<Actor>, handed: HandOver },
    /// Say goodbye to a guest whose place another version has taken.
    Retire(Box<Actor>),
}

/// What a guest that is ready to take another's place is answered.
pub(crate) enum Answer {
    HandOver(HandOver),
    /// That one is away, and a starter may be what it waits for: none is held up meanwhile.
    NotNow,
}

/// What the guest of an engine hands over to the one that takes its place.
pub(crate) struct HandOver {
    pub(crate) saved: Arc<Saved>,
    pub(crate) reached: Reached,
    pub(crate) trading: TradingState,
}

/// How that went.
pub(crate) struct Started {
    pub(crate) engine: EngineId,
    pub(crate) generation: u32,
    pub(crate) role: Role,
    pub(crate) actor: Result<Actor, Box<FailedStart>>,
    /// Of each of its symbols the last tick at the start: older ones that still wait are not for this guest.
    pub(crate) seen: Vec<Option<Seen>>,
    /// What history did not have, in words.
    pub(crate) history: String,
}

/// Which work brought a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Start,
    Beside,
    CatchUp,
    Shadow,
}

/// One of the starter threads: takes jobs until the queue is closed.
pub(crate) fn run(shared: &Shared) {
    while let Some(job) = shared.jobs.wait() {
        serve(shared, job);
    }
}

/// Does one job.
pub(crate) fn serve(shared: &Shared, job: Job) {
    let Job { entry, generation, trading, work } = job;
    let stopping = shared.jobs.is_closed();
    let begun = Begun { shared, entry: &entry, generation, trading };
    let is_start = matches!(work, Work::Start { .. });
    let started = match work {
        // The host is stopping: nobody needs a guest any more.
        Work::Start { .. } | Work::Beside { .. } | Work::Shadow { .. } | Work::ShadowEnters { .. } if stopping => None,
        Work::Start { place, saved, orders_before, reached } => {
            Some(begun.start(&place, saved.as_deref(), orders_before, reached.as_ref()))
        }
        Work::Beside { now, made } => begun.beside(now, made),
        Work::CatchUp { actor, bars } => begun.catch_up(actor, if stopping { VecDeque::new() } else { bars }),
        Work::Shadow { apart, now } => {
            let made = begun.guarded(0, || begun.prepared(None, 0, now, Some(&apart)));
            Some(begun.started(Role::Shadow, made, Vec::new(), String::new()))
        }
        Work::ShadowEnters { actor, handed } => {
            let entered = begun.guarded(0, || begun.enters(*actor, &handed));
            Some(begun.started(Role::Shadow, entered, Vec::new(), String::new()))
        }
        Work::Retire(actor) => {
            begun.retire(*actor);
            shared.room_may_be_free();
            None
        }
    };
    if let Some(started) = started {
        shared.homes.of(entry.whose.account).ask(ShardRequest::Started(Box::new(started)), shared);
    }
    if is_start {
        shared.jobs.start_ended();
    }
}

/// A job under way.
struct Begun<'a> {
    shared: &'a Shared,
    entry: &'a Arc<Entry>,
    generation: u32,
    trading: TradingState,
}

impl Begun<'_> {
    fn start(&self, place: &Place, saved: Option<&Saved>, orders_before: u32, reached: Option<&Reached>) -> Started {
        let setup = &self.entry.setup;
        let last = match reached {
            Some(reached) if reached.last.len() == setup.symbols.len() => reached.last.clone(),
            _ => self.last_ticks(),
        };
        let now = last.iter().flatten().map(|tick| tick.time).chain(reached.map(|reached| reached.now)).max().unwrap_or_default();
        let gaps = match saved {
            Some(saved) => {
                (0..last.len()).map(|at| self.gap(setup.symbols[at], saved.seen.get(&setup.symbols[at]).copied(), last[at])).collect()
            }
            None => Vec::new(),
        };
        let actor = self.guarded(orders_before, || {
            let mut actor = self.prepared(Some(place), orders_before, now, None)?;
            actor.set_trading(self.trading);
            actor.enter(&Entrance { restored: saved.map(|saved| &saved.state), gaps, reached, now })
        });
        let history = self.history(now);
        let seen = last.iter().map(|tick| tick.map(|tick| Seen { time: tick.time, sequence: Some(tick.sequence) })).collect();
        self.started(Role::Start, actor, seen, history)
    }

    fn beside(&self, now: Time, made: Option<Box<Actor>>) -> Option<Started> {
        let done = |actor| Some(self.started(Role::Beside, actor, Vec::new(), String::new()));
        let prepared = match made.map_or_else(|| self.guarded(0, || self.prepared(None, 0, now, None)), |made| Ok(*made)) {
            Ok(prepared) => prepared,
            failed => return done(failed),
        };
        let (hand, answer) = sync_channel(1);
        self.ask(ShardRequest::Ready { engine: self.entry.whose.engine, generation: self.generation, hand });
        // Refused when the engine was stopped or has failed meanwhile, which whoever wanted the swap has been told.
        match answer.recv().ok()? {
            Answer::HandOver(handed) => done(self.guarded(handed.reached.orders, || self.enters(prepared, &handed))),
            Answer::NotNow => done(Ok(prepared)),
        }
    }

    /// A guest goes on from what another one of its engine hands over.
    fn enters(&self, mut actor: Actor, handed: &HandOver) -> Result<Actor, Box<FailedStart>> {
        let HandOver { saved, reached, trading } = handed;
        actor.set_trading(*trading);
        actor.enter(&Entrance { restored: Some(&saved.state), gaps: Vec::new(), reached: Some(reached), now: reached.now })
    }

    /// Tells a guest of some bars; `None` when there are more, of which it hears when its owner's turn comes again.
    fn catch_up(&self, mut actor: Box<Actor>, mut bars: VecDeque<Bar>) -> Option<Started> {
        let orders = actor.orders();
        let rest = bars.split_off(bars.len().min(BARS_PER_TURN));
        let actor = self.guarded(orders, || match bars.iter().try_for_each(|bar| actor.late_bar(bar)) {
            Ok(()) => Ok(*actor),
            Err(fault) => Err(actor.failed(fault)),
        });
        match actor {
            Ok(actor) if !rest.is_empty() => {
                let work = Work::CatchUp { actor: Box::new(actor), bars: rest };
                let more = Job { entry: Arc::clone(self.entry), generation: self.generation, trading: self.trading, work };
                // Refused when the host is stopping: it goes back without having heard the rest.
                self.shared.jobs.add(more).unwrap_or_else(|more| serve(self.shared, more));
                None
            }
            done => Some(self.started(Role::CatchUp, done, Vec::new(), String::new())),
        }
    }

    fn retire(&self, mut actor: Actor) {
        // A guest that fails in its last call has nothing left to lose; one that panics may do so when it is dropped, too.
        drop(catch_unwind(AssertUnwindSafe(|| {
            if let Err(fault) = actor.stop(StopReason::Swapped, Time(0)) {
                tracing::info!(engine = %self.entry.whose.engine, "the version that was swapped failed in its last call: {fault}");
            }
            // Its record ends where the next version's begins: in its last call it decides nothing.
            let (remarks, dropped) = actor.take_remarks();
            send_remarks(self.entry, remarks, dropped, self.shared);
            drop(actor);
        })));
    }

    /// A fresh guest that has its parameters, in this place or in one of its own. One that stands apart follows another, and is not
    /// on record.
    fn prepared(&self, place: Option<&Place>, orders_before: u32, now: Time, apart: Option<&Apart>) -> Result<Actor, Box<FailedStart>> {
        let (shared, setup) = (self.shared, &self.entry.setup);
        let mut desk = Desk::new(DeskSetup {
            engine: setup.engine,
            mode: setup.mode,
            table: shared.table.clone(),
            symbols: setup.symbols.clone(),
            market: shared.market.clone(),
            account: Arc::clone(apart.map_or(&self.entry.account, |apart| &apart.account)),
            switch: Arc::clone(apart.map_or(&shared.switch, |apart| &apart.switch)),
            queue: Arc::clone(apart.map_or(&shared.queue, |apart| &apart.queue)),
            orders_before,
            seed: setup.seed,
            orders_per_call_max: setup.limits.orders_per_call_max,
            log_bytes_per_minute: setup.limits.log_bytes_per_minute,
        });
        desk.share_memory(Arc::clone(&self.entry.usage.memory));
        if apart.is_some() {
            desk.follow();
        } else if shared.records {
            let table = shared.table.iter().map(|(_, spec)| spec.clone()).collect();
            let (symbols, version) = (setup.symbols.clone(), setup.version);
            let beginning = Beginning { engine: setup.engine, version, table, symbols, seed: setup.seed, limits: setup.limits };
            desk.record(Tape::new(beginning));
        }
        let guest = match place {
            Some(place) => shared.factory.instantiate_in(place, &setup.version, desk, setup.limits),
            None => shared.factory.instantiate(&setup.version, desk, setup.limits),
        };
        let guest = guest.map_err(|fault| nothing_asked(fault, orders_before))?;
        Actor::prepare(guest, &setup.description, &setup.params, now)
    }

    /// A panic becomes a fault.
    fn guarded(&self, orders: u32, work: impl FnOnce() -> Result<Actor, Box<FailedStart>>) -> Result<Actor, Box<FailedStart>> {
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            add_shared(&self.shared.counters.panics, 1);
            let message = format!("the host panicked while starting this engine: {}", panic_text(&*panic));
            Err(nothing_asked(Fault { kind: FaultKind::Trapped, message }, orders))
        })
    }

    fn started(&self, role: Role, actor: Result<Actor, Box<FailedStart>>, seen: Vec<Option<Seen>>, history: String) -> Started {
        Started { engine: self.entry.whose.engine, generation: self.generation, role, actor, seen, history }
    }

    fn ask(&self, request: ShardRequest) {
        self.shared.homes.of(self.entry.whose.account).ask(request, self.shared);
    }

    /// The market as a guest finds it that starts now.
    fn last_ticks(&self) -> Vec<Option<Tick>> {
        let market = self.shared.market();
        self.entry.setup.symbols.iter().map(|&symbol| market.symbol(symbol).last().copied()).collect()
    }

    /// What lies between what was `seen` when the state was saved and the `last` tick.
    fn gap(&self, symbol: SymbolId, seen: Option<Seen>, last: Option<Tick>) -> Option<Gap> {
        let (seen, last) = (seen?, last?);
        let ticks = match seen.sequence {
            Some(sequence) => Some(last.sequence.saturating_sub(sequence)),
            None => self.ticks_since(symbol, seen.time, last.sequence),
        };
        let gap = Gap { after: seen.time.0, until: last.time.0, ticks };
        (last.time > seen.time || ticks.is_some_and(|ticks| ticks > 0)).then_some(gap)
    }

    /// How many ticks history has after `time`; `None` when it does not reach back so far.
    fn ticks_since(&self, symbol: SymbolId, time: Time, until: u64) -> Option<u64> {
        let ticks = self.shared.market.ticks(symbol, HISTORY_ROWS_MAX, until);
        let reaches = ticks.first().is_some_and(|oldest| oldest.time <= time);
        reaches.then(|| ticks.iter().filter(|tick| tick.time > time).count() as u64)
    }

    /// What history does not have of what the strategy asked for.
    fn history(&self, now: Time) -> String {
        let (shared, setup) = (self.shared, &self.entry.setup);
        let mut short = Vec::new();
        for (need, &symbol) in setup.description.needs.iter().zip(&setup.symbols) {
            let name = &shared.table.spec(symbol).name;
            for &timeframe in &need.timeframes {
                let wanted = need.bars_before_start as usize;
                let there = shared.market.bars(symbol, timeframe, wanted, now).len();
                if there < wanted {
                    short.push(format!("{there} of {wanted} {timeframe:?} bars of {name}"));
                }
            }
            let wanted = need.ticks_before_start as usize;
            let there = shared.market.ticks(symbol, wanted, u64::MAX).len();
            if there < wanted {
                short.push(format!("{there} of {wanted} ticks of {name}"));
            }
        }
        if short.is_empty() { "history is complete".to_owned() } else { format!("history has {}", short.join(", ")) }
    }
}

/// Where a starter waits for what a guest hands over.
pub(crate) type Hand = SyncSender<Answer>;

fn nothing_asked(fault: Fault, orders: u32) -> Box<FailedStart> {
    Box::new(FailedStart { fault, commands: Vec::new(), remarks: (Vec::new(), 0), tape: Vec::new(), orders })
}
