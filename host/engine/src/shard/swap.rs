//! Another version takes over while an engine works, and is taken back when it fails.
//!
//! ```text
//! shard     old works ....................| saves, waits | new works, on trial .... | confirmed, or the fault of
//! starter   new is made, takes parameters |  new loads,  | old says goodbye            another engine's day
//!                                         |  on-start    |
//! ```
//! The old guest saves between two ticks, and from there on the engine's ticks, order events and commands wait, in order,
//! until the new one has loaded that state and says that it is ready; then it is handed them. So none is lost and none is
//! handled twice, other engines of the shard are not held up, and the engine's pause is the time of `save`, `load` and
//! `on-start`. The shard hands over between two passes, when cores are free for that. When the new one refuses or fails there, the old one is handed what waited, as if nothing had been.
//!
//! A version that has taken over is **on trial** until [`Bounds::trial_ticks`](crate::Bounds) of its ticks have come, waited for or not, and
//! [`Bounds::trial_us`](crate::Bounds) have passed. Its first fault in that time, unless it is the host's, rolls it back: the version before starts at
//! once, from the state it had handed over, told by `market.last-gap` what the other one was handed meanwhile; what comes while it
//! starts waits for it. On trial nothing is saved but at a stop, so that the state before the swap stays the one to go back to.
//!
//! Orders and positions are the engine's: numbers go on, working orders stay, and the new version finds both in `on-start`.
//! Timers are not handed over; as after a restart `on-start` sets them.

use super::slot::{Slot, send_commands, send_remarks};
use super::{Shard, ShardRequest, Swapped};
use crate::error::HostError;
use crate::events::{Event, SwapOutcome};
use crate::meter::add;
use crate::setup::Saved;
use crate::shared::{Entry, Shared, reply};
use crate::starter::{Answer, Hand, HandOver, Job, Started, Work};
use domain::actor::Actor;
use domain::desk::Reached;
use domain::guest::Fault;
use domain::ids::EngineId;
use domain::life::{EngineEvent, EngineState, Verdict};
use domain::time::Steady;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

/// A version that is made ready to take over.
pub(super) struct Beside {
    generation: u32,
    entry: Arc<Entry>,
    answer: Sender<Result<Swapped, HostError>>,
    /// Since when the engine's events wait, and what was handed over.
    waits: Option<(Instant, Arc<Saved>)>,
}

/// What is kept of the version before while the next one is on trial.
pub(super) struct Trial {
    before: Arc<Entry>,
    saved: Arc<Saved>,
    /// The engine's count of ticks, and the time, at which the trial is over.
    ticks: u64,
    until: Steady,
}

/// Enough of a digest to tell versions apart.
fn short(entry: &Entry) -> String {
    let mut digest = entry.setup.version.to_string();
    digest.truncate(12);
    digest
}

impl Shard {
    /// Another version is to take over: at once where there is no guest, else when it is ready.
    pub(super) fn swap(&mut self, entry: Arc<Entry>, reason: String, answer: Sender<Result<Swapped, HostError>>) {
        let Some(at) = self.slot(entry.whose.engine) else { return };
        let Some(slot) = self.slots[at].as_mut() else { return };
        let refused = |why: String| reply(&answer, Err(HostError::NotSwapped(why)));
        match slot.state {
            EngineState::Running | EngineState::Paused => {}
            EngineState::Starting | EngineState::WarmingUp => {
                return refused(format!("engine {} is {}; try again when it runs", entry.whose.engine, slot.state));
            }
            EngineState::Defined | EngineState::Stopped | EngineState::Faulted | EngineState::Waiting | EngineState::Quarantined => {
                self.change(at, entry);
                return reply(&answer, Ok(Swapped::AtNextStart));
            }
        }
        if slot.beside.is_some() || slot.trial.is_some() {
            let why = if slot.trial.is_some() { "its version is still on trial" } else { "another version is being made ready" };
            return refused(format!("engine {}: {why}; try again in a minute", entry.whose.engine));
        }
        if entry.setup.symbols != slot.entry.setup.symbols {
            return refused("a version that takes over keeps the engine's symbols; stop the engine to change them".into());
        }
        slot.generation += 1;
        entry.needs_version(true, &*self.shared.factory);
        tracing::info!(engine = %entry.whose.engine, from = short(&slot.entry), to = short(&entry), reason, "a version is to take over");
        slot.beside = Some(Beside { generation: slot.generation, entry, answer, waits: None });
        self.make_ready(at, None);
    }

    /// Has the version that is to take over made, unless it is, and asked for once it can have the state.
    fn make_ready(&mut self, at: usize, made: Option<Box<Actor>>) {
        let Some(slot) = self.slots[at].as_ref() else { return };
        let Some(beside) = &slot.beside else { return };
        let now = slot.wanted.iter().filter_map(|wanted| wanted.last_time).max().unwrap_or_default();
        let work = Work::Beside { now, made };
        let job = Job { entry: Arc::clone(&beside.entry), generation: beside.generation, trading: slot.trading(), work };
        if self.shared.jobs.add(job).is_err() {
            self.give_up_beside(at, "the host is stopping");
        }
    }

    /// An engine without a guest is another one from its next start on.
    fn change(&mut self, at: usize, entry: Arc<Entry>) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.entry = Arc::clone(&entry);
        // What the shard has is newer than what may have reached the disk.
        let saved = slot.saved.take().or_else(|| entry.setup.restored.clone().map(Arc::new));
        slot.saved = saved.filter(|_| !entry.setup.fresh);
        slot.look_at_setup();
        show(&self.shared, entry);
    }

    /// The new version is ready for the state: the old one hands it over.
    pub(super) fn hand_over(&mut self, engine: EngineId, generation: u32, hand: Hand) {
        let Some(at) = self.slot(engine) else { return };
        let wanted = |slot: &&mut Slot| slot.beside.as_ref().is_some_and(|beside| beside.generation == generation);
        let Some(slot) = self.slots[at].as_mut().filter(wanted) else { return };
        if slot.busy {
            // Its guest hears what it missed in a pause, for which a starter is needed: this one is let go, and asked again then.
            drop(hand.send(Answer::NotNow));
            return;
        }
        if slot.actor.is_none() {
            return;
        }
        let since = Instant::now();
        let mut reached = None;
        self.with_guest(at, |slot, shared| {
            slot.save(shared)?;
            reached = slot.actor.as_mut().map(Actor::reached);
            Ok(())
        });
        // Nothing when the old version failed at that, which is a fault of its own.
        let Some(slot) = self.slots[at].as_mut().filter(|slot| slot.actor.is_some()) else { return };
        let (Some(reached), Some(saved), Some(beside)) = (reached, slot.saved.clone(), slot.beside.as_mut()) else { return };
        beside.waits = Some((since, Arc::clone(&saved)));
        (slot.busy, slot.held) = (true, Some(VecDeque::new()));
        let handed = HandOver { saved, reached, trading: slot.desk_trading() };
        if hand.send(Answer::HandOver(handed)).is_err() {
            // The starter panicked in its own code.
            self.refuse(at, "the host failed while it made the version ready");
        }
    }

    /// The new version comes from the starter, or what was wrong with it.
    pub(super) fn beside_started(&mut self, at: usize, started: Started) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(beside) = slot.beside.take_if(|beside| beside.generation == started.generation) else { return };
        let mut actor = match (started.actor, &beside.waits) {
            (Ok(actor), Some(_)) => actor,
            // It was ready while the guest of the one before was away.
            (Ok(made), None) if slot.busy => {
                let started = Started { actor: Ok(made), ..started };
                slot.deferred.push(ShardRequest::Started(Box::new(started)));
                slot.beside = Some(beside);
                return;
            }
            (Ok(made), None) => {
                slot.beside = Some(beside);
                return self.make_ready(at, Some(Box::new(made)));
            }
            (Err(failed), _) => {
                slot.orders = slot.orders.max(failed.orders);
                send_commands(&slot.entry, failed.commands, &self.shared);
                // Not its tape: the record is that of the version that works.
                send_remarks(&slot.entry, failed.remarks.0, failed.remarks.1, &self.shared);
                let orders = slot.orders;
                slot.actor.iter_mut().for_each(|old| old.count_on(orders));
                slot.beside = Some(beside);
                return self.refuse(at, &failed.fault.to_string());
            }
        };
        let Beside { entry, answer, waits, .. } = beside;
        let Some((since, saved)) = waits else { return };
        self.end_shadow(at, "another version has taken over");
        let Some(slot) = self.slots[at].as_mut() else { return };
        let before = std::mem::replace(&mut slot.entry, Arc::clone(&entry));
        slot.orders = actor.orders();
        let old = slot.part_with(self.second, &self.shared);
        slot.place = Some(actor.place());
        slot.actor = Some(actor);
        slot.look_at_setup();
        slot.deliver(&self.shared);
        slot.publish();
        let (bounds, now) = (&self.shared.bounds, self.shared.clock.steady());
        let ticks = entry.meter.ticks.load(Relaxed).saturating_add(bounds.trial_ticks);
        slot.trial = Some(Trial { before: Arc::clone(&before), saved, ticks, until: now.plus_us(bounds.trial_us) });
        entry.meter.on_trial.store(true, Relaxed);
        show(&self.shared, Arc::clone(&entry));
        let pause = since.elapsed();
        tell(&self.shared, &before, &entry, &entry, SwapOutcome::TakenOver { pause });
        reply(&answer, Ok(Swapped::TakenOver { pause }));
        if let Some(old) = old {
            let job =
                Job { entry: before, generation: 0, trading: domain::contract::TradingState::Halted, work: Work::Retire(Box::new(old)) };
            // Without starters the host is stopping; its last call is not worth waiting for.
            drop(self.shared.jobs.add(job));
        }
        self.tell_trading_now(at);
        self.release(at);
        self.not_busy(at);
    }

    /// The new version does not take over; the old one goes on with what waited.
    fn refuse(&mut self, at: usize, why: &str) {
        self.give_up_beside(at, why);
        self.tell_trading_now(at);
        self.release(at);
        self.not_busy(at);
    }

    /// Nobody waits for the new version any more.
    pub(super) fn give_up_beside(&mut self, at: usize, why: &str) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(Beside { entry, answer, .. }) = slot.beside.take() else { return };
        tell(&self.shared, &slot.entry, &entry, &slot.entry, SwapOutcome::Refused { reason: why.to_owned() });
        reply(&answer, Err(HostError::NotSwapped(format!("version {} did not take over: {why}", short(&entry)))));
    }

    /// A version has failed on trial: the one before starts from the state that it left, and what comes waits for it.
    pub(super) fn roll_back(&mut self, at: usize, fault: Fault) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(Trial { before, saved, .. }) = slot.trial.take() else { return };
        let reached = catch_unwind(AssertUnwindSafe(|| slot.actor.as_mut().map(Actor::reached))).ok().flatten();
        self.drop_guest(at);
        let Some(slot) = self.slots[at].as_mut() else { return };
        let failed = std::mem::replace(&mut slot.entry, Arc::clone(&before));
        slot.look_at_setup();
        slot.saved = Some(saved);
        slot.held.get_or_insert_default();
        slot.pause_when_there |= slot.state == EngineState::Paused;
        let reached = reached.map(|reached| Reached { orders: slot.orders.max(reached.orders), ..reached });
        for count in [&before.meter.faults, &before.meter.restarts] {
            add(count, 1);
        }
        before.meter.on_trial.store(false, Relaxed);
        show(&self.shared, Arc::clone(&before));
        let now = self.shared.clock.now();
        let why = format!("version {} failed on trial and is rolled back to {}: {fault}", short(&failed), short(&before));
        tracing::warn!(engine = %before.whose.engine, "{why}");
        self.tell(Event::Fault { engine: before.whose, fault, verdict: Verdict::RestartIn(0), at: now });
        tell(&self.shared, &failed, &before, &before, SwapOutcome::RolledBack { reason: why.clone() });
        self.step(at, EngineEvent::Fault, &why);
        self.step(at, EngineEvent::Restart, "the version before goes on from the state that it had handed over");
        self.send_to_starter(at, reached);
    }

    /// An engine that is stopped has passed its trial: nobody is left to judge.
    pub(super) fn end_trial(&mut self, at: usize) {
        if let Some(slot) = self.slots[at].as_mut() {
            slot.confirm(&self.shared);
        }
    }
}

impl Slot {
    /// Looks whether the trial of its version is over.
    pub(super) fn judge(&mut self, shared: &Shared) {
        let over = |trial: &Trial| self.entry.meter.ticks.load(Relaxed) >= trial.ticks && shared.clock.steady() >= trial.until;
        if self.trial.as_ref().is_some_and(over) {
            self.confirm(shared);
        }
    }

    /// A version on trial lost its guest through no fault of its own: the next one begins with the state that was handed over, since
    /// nothing was saved on trial.
    pub(super) fn goes_on_with_trial(&mut self) {
        if let Some(trial) = &self.trial {
            self.saved = Some(Arc::clone(&trial.saved));
        }
    }

    fn confirm(&mut self, shared: &Shared) {
        let Some(trial) = self.trial.take() else { return };
        self.entry.meter.on_trial.store(false, Relaxed);
        tell(shared, &trial.before, &self.entry, &self.entry, SwapOutcome::Confirmed);
    }
}

/// Lets everyone see the engine as it is now.
fn show(shared: &Shared, entry: Arc<Entry>) {
    shared.engines.write().unwrap_or_else(PoisonError::into_inner).insert(entry.whose.engine, entry);
}

fn tell(shared: &Shared, from: &Entry, to: &Entry, now: &Entry, outcome: SwapOutcome) {
    let (from, to, given) = (from.setup.version, to.setup.version, now.setup.given.clone());
    shared.herald.tell(Event::Swap { engine: now.whose, from, to, outcome, given, at: shared.clock.now() });
}
