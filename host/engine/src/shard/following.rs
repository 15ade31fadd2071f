//! A version that follows another: what it is handed, and how its decisions compare. Its life is in [`super::shadow`].

use super::Fed;
use super::slot::{Changed, bit, closes};
use crate::setup::Bounds;
use crate::shadow::Step;
use crate::shared::{Entry, lock};
use crate::starter::{HandOver, Job, Work};
use domain::account::Account;
use domain::actor::Actor;
use domain::contract::{Gap, TradingState};
use domain::desk::{Decision, QueueGauge, TradingSwitch};
use domain::guest::Fault;
use domain::ids::Digest;
use domain::time::Time;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Decisions of one event that are compared; further ones count as having no counterpart.
const COMPARED_MAX: usize = 256;
/// For calls that do not move a guest's time, which never goes back.
const AS_IT_IS: Time = Time(0);

/// A version beside the one that works.
pub(super) struct Shadow {
    /// Which of the engine's shadows it is.
    pub(super) number: u32,
    entry: Arc<Entry>,
    pub(super) stage: Stage,
    pub(super) apart: Apart,
    symbols: Vec<Followed>,
    pub(super) overheard: Arc<Mutex<Overheard>>,
    /// Orders that only it has asked for, to be told that they are canceled.
    withdrawn: Vec<u64>,
}

/// A symbol of a shadow.
#[derive(Clone, Copy)]
struct Followed {
    /// Timeframes of its bars, one bit each.
    frames: u16,
    /// The number and the time of its last tick.
    last: u64,
    last_time: Option<Time>,
}

/// Where a shadow is.
pub(super) enum Stage {
    /// With the starter, which makes it.
    Preparing,
    /// It waits for the next saved state.
    Ready(Box<Actor>),
    /// There is one, with the event under way in it.
    Handed(Box<Actor>, HandOver),
    /// With the starter, which has it take that state; what happens meanwhile waits.
    Entering(VecDeque<Group>),
    Following(Box<Actor>),
    /// On its way from one to the next.
    Moving,
}

/// What a shadow has of its own, so that nothing of what it does reaches anybody.
#[derive(Clone)]
pub(crate) struct Apart {
    pub(crate) account: Arc<Mutex<Account>>,
    pub(crate) switch: Arc<TradingSwitch>,
    pub(crate) queue: Arc<QueueGauge>,
}

/// What an engine is handed.
pub(super) enum Shown {
    Tick {
        wanted: usize,
        fed: Fed,
    },
    /// The timers and bars of a tick that is not handed over itself.
    Bars {
        wanted: usize,
        fed: Fed,
    },
    Changed(Changed),
    Trading(TradingState),
}

/// An event with what the version that works decided at it.
#[derive(Default)]
pub(super) struct Group {
    pub(super) shown: Vec<Shown>,
    pub(super) overheard: Overheard,
}

/// What the version that works decided at one event.
#[derive(Default)]
pub(super) struct Overheard {
    decisions: Vec<Decision>,
    more: u64,
}

impl Overheard {
    pub(super) fn add(&mut self, decision: Decision) {
        if self.decisions.len() < COMPARED_MAX {
            self.decisions.push(decision);
        } else {
            self.more += 1;
        }
    }
}

impl Apart {
    fn new(account: &Mutex<Account>, bounds: &Bounds) -> Self {
        let account = Arc::new(Mutex::new(lock(account).as_it_stands()));
        Self { account, switch: Arc::default(), queue: Arc::new(QueueGauge::new(bounds.commands_max)) }
    }

    /// The copy becomes like the account.
    pub(super) fn stands_as(&self, account: &Mutex<Account>) {
        let copy = lock(account).as_it_stands();
        *lock(&self.account) = copy;
    }
}

impl Shadow {
    pub(super) fn new(number: u32, entry: Arc<Entry>, bounds: &Bounds) -> Self {
        let description = &entry.setup.description;
        let bars = |frames: &[domain::tick::Timeframe]| frames.iter().fold(0, |bits, &frame| bits | bit(frame));
        let frames = description.needs.iter().map(|need| if description.callbacks.bar { bars(&need.timeframes) } else { 0 });
        Self {
            number,
            stage: Stage::Preparing,
            apart: Apart::new(&entry.account, bounds),
            symbols: frames.map(|frames| Followed { frames, last: 0, last_time: None }).collect(),
            overheard: Arc::default(),
            withdrawn: Vec::new(),
            entry,
        }
    }

    pub(super) fn version(&self) -> Digest {
        self.entry.setup.version
    }

    pub(super) fn job(&self, trading: TradingState, work: Work) -> Job {
        Job { entry: Arc::clone(&self.entry), generation: self.number, trading, work }
    }

    pub(super) fn overheard(&self) -> MutexGuard<'_, Overheard> {
        self.overheard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It goes on after these ticks.
    pub(super) fn goes_on_after(&mut self, last: impl Iterator<Item = (u64, Option<Time>)>) {
        self.symbols.iter_mut().zip(last).for_each(|(symbol, last)| (symbol.last, symbol.last_time) = last);
    }

    /// Hands it an event, and says how it decided.
    pub(super) fn goes(&mut self, group: Group) -> (Step, Result<(), Fault>) {
        let mut step = Step::default();
        let Group { shown, overheard } = group;
        let Stage::Following(actor) = &mut self.stage else { return (step, Ok(())) };
        let before = actor.used().fuel_total;
        step.decisions = overheard.decisions.len() as u64 + overheard.more;
        actor.lead(overheard.decisions);
        let withdrawn = std::mem::take(&mut self.withdrawn);
        let told = withdrawn.into_iter().try_for_each(|order| actor.withdrawn(order));
        let done = told.and_then(|()| shown.iter().try_for_each(|shown| handed(actor, &mut self.symbols, shown, &mut step)));
        step.followed = actor.followed();
        self.withdrawn.extend(step.followed.extra.iter().filter_map(Decision::placed));
        step.remarks = actor.take_remarks();
        step.used = actor.used();
        step.fuel = step.used.fuel_total.saturating_sub(before);
        (step, done)
    }
}

/// One thing that an engine is handed.
fn handed(actor: &mut Actor, symbols: &mut [Followed], shown: &Shown, step: &mut Step) -> Result<(), Fault> {
    match shown {
        Shown::Changed(changed) => actor.changed(&changed.change, changed.at),
        Shown::Trading(state) => {
            actor.set_trading(*state);
            actor.trading(AS_IT_IS)
        }
        Shown::Bars { wanted, fed } => symbols[*wanted].bars(actor, fed),
        Shown::Tick { wanted, fed } => {
            let symbol = &mut symbols[*wanted];
            if fed.tick.sequence <= symbol.last {
                return Ok(());
            }
            step.tick(fed.tick.time);
            symbol.tick(actor, fed)
        }
    }
}

impl Followed {
    fn bars(&self, actor: &mut Actor, fed: &Fed) -> Result<(), Fault> {
        if fed.tick.sequence <= self.last || !closes(self.frames, fed) {
            return Ok(());
        }
        actor.timers(fed.tick.time)?;
        super::slot::bars(actor, self.frames, fed)
    }

    fn tick(&mut self, actor: &mut Actor, fed: &Fed) -> Result<(), Fault> {
        let (sequence, until) = (fed.tick.sequence, fed.tick.time);
        let skipped = if self.last == 0 { 0 } else { sequence - self.last - 1 };
        let before = self.last_time.replace(until).unwrap_or(until);
        self.last = sequence;
        if skipped > 0 {
            actor.missed(fed.tick.symbol, Gap { after: before.0, until: until.0, ticks: Some(skipped) });
        }
        actor.timers(until)?;
        super::slot::bars(actor, self.frames, fed)?;
        actor.tick(&fed.tick, u32::try_from(skipped).unwrap_or(u32::MAX)).map(drop)
    }
}
