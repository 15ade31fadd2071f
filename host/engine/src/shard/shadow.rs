//! A version that runs beside the one that works, on the same ticks and events, and whose orders reach nobody.
//!
//! ```text
//! works   works .................... saves, as it does now and then | works .........................
//! shadow  the starter makes it, then it waits | the starter has it load that state | follows | ended
//! ```
//! Nothing is asked of the version that works for this: the shadow takes the state that it saves by itself, and its decisions
//! are overheard. At every event that version goes first. Then the shadow is handed the same, over a copy of the account as it
//! stood before, with a gate, a queue and a switch of its own: so it sees the same orders and positions, and neither ledger,
//! gate, journal nor broker ever hear of it. Where it decides as the version that works it gets that one's answer; its other
//! orders pass for placed, and are told as canceled before the next event ([`domain::desk::Desk::follow`]).
//!
//! It ends when it is told to, when it fails, and when the version that works is stopped, paused, fails or is swapped; what was
//! found until then stays to be looked at. Timers are not handed over: `on-start` sets them, as after a swap, and what it sets there
//! is not compared; later signals and timers are. What a shadow logs is kept with what was found.

use super::Shard;
use super::following::{Group, Overheard, Shadow, Shown, Stage};
use super::slot::Slot;
use crate::error::HostError;
use crate::meter::add_shared;
use crate::shadow::{ShadowReport, ShadowState};
use crate::shared::{Entry, panic_text, reply};
use crate::starter::{HandOver, Started, Work};
use domain::actor::{Actor, FailedStart};
use domain::guest::{Fault, FaultKind};
use domain::life::EngineState;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};

impl Shard {
    /// A version is to run beside the one that works.
    pub(super) fn shadow(&mut self, entry: Arc<Entry>, reason: String, answer: Sender<Result<(), HostError>>) {
        let engine = entry.whose.engine;
        let Some(at) = self.slot(engine) else { return };
        let Some(slot) = self.slots[at].as_mut() else { return };
        let refused = |why: &str| reply(&answer, Err(HostError::NoShadow(format!("engine {engine}{why}"))));
        if slot.state != EngineState::Running {
            return refused(&format!(" is {}; a version runs beside one that is running", slot.state));
        }
        if slot.shadow.is_some() {
            return refused(" has a shadow already; end it first");
        }
        if entry.setup.symbols != slot.entry.setup.symbols {
            return refused(": a version that runs beside another has the same symbols");
        }
        slot.shadows += 1;
        let shadow = Shadow::new(slot.shadows, entry, &self.shared.bounds);
        let now = slot.wanted.iter().filter_map(|wanted| wanted.last_time).max().unwrap_or_default();
        let job = shadow.job(slot.trading(), Work::Shadow { apart: shadow.apart.clone(), now });
        let (works, version, now) = (slot.entry.setup.version, shadow.version(), self.shared.clock.now());
        slot.entry.meter.set_shadow(ShadowReport::new(works, version, reason, now));
        slot.shadow = Some(Box::new(shadow));
        reply(&answer, Ok(()));
        if self.shared.jobs.add(job).is_err() {
            self.end_shadow(at, "the host is stopping");
        }
    }

    /// The shadow comes from the starter, made or with its state, or what was wrong with it.
    pub(super) fn shadow_started(&mut self, at: usize, started: Started) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(shadow) = slot.shadow.as_mut().filter(|shadow| shadow.number == started.generation) else {
            return dropped(started.actor.ok());
        };
        let actor = match started.actor {
            Ok(actor) => Box::new(actor),
            Err(failed) => {
                let FailedStart { fault, remarks, .. } = *failed;
                slot.entry.meter.note_shadow(|report| report.said(remarks));
                return self.end_shadow(at, &format!("it failed at its start: {fault}"));
            }
        };
        match std::mem::replace(&mut shadow.stage, Stage::Moving) {
            Stage::Preparing => {
                shadow.stage = Stage::Ready(actor);
                slot.tell_shadow(ShadowState::WaitingForState, "it takes the state that the version which works saves next");
            }
            Stage::Entering(held) => {
                shadow.stage = Stage::Following(actor);
                slot.tell_shadow(ShadowState::Following, "both are handed the same");
                self.shadow_caught_up(at, held);
            }
            // Nothing else is with the starter.
            stage => shadow.stage = stage,
        }
    }

    /// What happened while it took the state.
    fn shadow_caught_up(&mut self, at: usize, held: VecDeque<Group>) {
        // First of all what it asked for when it started.
        for group in std::iter::once(Group::default()).chain(held) {
            let Some(slot) = self.slots[at].as_mut() else { return };
            if let Some(shadow) = &slot.shadow {
                shadow.apart.stands_as(&slot.entry.account);
            }
            self.shadow_goes(at, group);
        }
    }

    /// Before the version that works is handed something: where the account stands.
    pub(super) fn before_shadow(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(shadow) = &slot.shadow else { return };
        *shadow.overheard() = Overheard::default();
        if matches!(shadow.stage, Stage::Following(_)) {
            shadow.apart.stands_as(&slot.entry.account);
        }
    }

    /// After that: the shadow is handed the same.
    pub(super) fn after_shadow(&mut self, at: usize, shown: impl FnOnce() -> Vec<Shown>) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(shadow) = &mut slot.shadow else { return };
        match &mut shadow.stage {
            Stage::Preparing | Stage::Ready(_) | Stage::Moving => {}
            // The state that it takes has this event in it.
            Stage::Handed(..) => self.shadow_enters(at),
            Stage::Entering(held) if held.len() >= self.shared.bounds.held_max => {
                self.end_shadow(at, "it took too long over the state that it was handed");
            }
            Stage::Entering(_) | Stage::Following(_) => {
                let overheard = std::mem::take(&mut *shadow.overheard());
                let group = Group { shown: shown(), overheard };
                match &mut shadow.stage {
                    Stage::Entering(held) => held.push_back(group),
                    _ => self.shadow_goes(at, group),
                }
            }
        }
    }

    fn shadow_enters(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(shadow) = &mut slot.shadow else { return };
        let Stage::Handed(actor, handed) = std::mem::replace(&mut shadow.stage, Stage::Entering(VecDeque::new())) else { return };
        shadow.goes_on_after(slot.wanted.iter().map(|wanted| (wanted.last, wanted.last_time)));
        shadow.apart.stands_as(&slot.entry.account);
        let overheard = Arc::clone(&shadow.overheard);
        let job = shadow.job(handed.trading, Work::ShadowEnters { actor, handed });
        if let Some(works) = &mut slot.actor {
            works.watch(Some(Arc::new(move |decision| overheard.lock().unwrap_or_else(PoisonError::into_inner).add(decision))));
        }
        slot.tell_shadow(ShadowState::TakingState, "it takes the state that the version which works has saved");
        if self.shared.jobs.add(job).is_err() {
            self.end_shadow(at, "the host is stopping");
        }
    }

    fn shadow_goes(&mut self, at: usize, group: Group) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(shadow) = &mut slot.shadow else { return };
        shadow.apart.switch.set(self.shared.switch.get());
        let went = catch_unwind(AssertUnwindSafe(|| shadow.goes(group)));
        let done = match went {
            Ok((step, done)) => {
                self.shared.charge_fuel(&slot.entry, self.second, step.fuel);
                slot.entry.meter.note_shadow(|report| report.add(step));
                done
            }
            Err(panic) => {
                add_shared(&self.shared.counters.panics, 1);
                let message = format!("the host panicked while it was busy with the shadow: {}", panic_text(&*panic));
                Err(Fault { kind: FaultKind::Trapped, message })
            }
        };
        if let Err(fault) = done {
            self.end_shadow(at, &format!("it failed: {fault}"));
        }
    }

    /// Ends a shadow, if there is one. What it found stays.
    pub(super) fn end_shadow(&mut self, at: usize, why: &str) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(shadow) = slot.shadow.take() else { return };
        slot.actor.iter_mut().for_each(|works| works.watch(None));
        slot.tell_shadow(ShadowState::Ended, why);
        let ended_at = self.shared.clock.now();
        slot.entry.meter.note_shadow(|report| report.ended_at = Some(ended_at));
        tracing::info!(engine = %slot.entry.whose.engine, version = %shadow.version(), "a shadow has ended: {why}");
        if let Stage::Ready(actor) | Stage::Handed(actor, _) | Stage::Following(actor) = shadow.stage {
            dropped(Some(*actor));
        }
        self.shared.room_may_be_free();
    }
}

impl Slot {
    /// The version that works has saved by itself: a shadow that waits for its state takes it.
    pub(super) fn shadow_takes_state(&mut self) {
        let trading = self.desk_trading();
        let (Some(shadow), Some(works), Some(saved)) = (&mut self.shadow, &mut self.actor, &self.saved) else { return };
        shadow.stage = match std::mem::replace(&mut shadow.stage, Stage::Moving) {
            Stage::Ready(actor) => Stage::Handed(actor, HandOver { saved: Arc::clone(saved), reached: works.reached(), trading }),
            stage => stage,
        };
    }

    fn tell_shadow(&self, state: ShadowState, reason: &str) {
        self.entry.meter.note_shadow(|report| (report.state, report.reason) = (state, reason.to_owned()));
    }
}

/// A guest that panicked may do so again when it is dropped.
fn dropped(actor: Option<Actor>) {
    drop(catch_unwind(AssertUnwindSafe(|| drop(actor))));
}
