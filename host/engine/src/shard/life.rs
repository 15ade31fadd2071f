//! The life of engines: commands, starts, faults and restarts, as [`domain::life`] allows them.

use super::slot::{Slot, send_commands, send_remarks, send_tape};
use super::{EngineCommand, Shard, Subscriber};
use crate::events::Event;
use crate::meter::add;
use crate::shared::{Entry, reply};
use crate::starter::{Job, Started};
use domain::contract::{StopReason, TradingState};
use domain::guest::Fault;
use domain::ids::EngineId;
use domain::life::{EngineEvent, EngineState, FAULT_WINDOW_US, FAULTS_MAX, NotNow, Verdict};
use domain::time::{MINUTE_US, Time};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::mpsc::Sender;

/// For calls that do not move a guest's time, which never goes back.
const AS_IT_IS: Time = Time(0);

impl Shard {
    pub(super) fn add(&mut self, entry: Arc<Entry>) {
        let engine = entry.whose.engine;
        let slot = Some(Slot::new(entry));
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = slot;
                at
            }
            None => {
                self.slots.push(slot);
                self.slots.len() as u32 - 1
            }
        };
        self.by_engine.insert(engine, at);
    }

    /// Stops an engine and forgets it, at once or when the guest that is being started elsewhere has come back: only then
    /// is it known how many orders it has asked for.
    pub(super) fn remove(&mut self, engine: EngineId, reason: &str, answer: Sender<u32>) {
        let Some(at) = self.slot(engine) else { return };
        self.stop(at, StopReason::ByOwner, reason);
        if let Some(slot) = self.slots[at].as_mut() {
            slot.removed = Some(answer);
            if !slot.at_starter {
                self.forget(at);
            }
        }
    }

    fn forget(&mut self, at: usize) {
        let Some(slot) = self.slots[at].take() else { return };
        self.by_engine.remove(&slot.entry.whose.engine);
        self.freed.push(at as u32);
        self.stale = true;
        if let Some(answer) = slot.removed {
            reply(&answer, slot.orders);
        }
    }

    /// Carries a command out; `None` when the engine has just been removed.
    pub(super) fn command(&mut self, engine: EngineId, command: EngineCommand, reason: &str) -> Option<Result<EngineState, NotNow>> {
        let at = self.slot(engine)?;
        Some(match command {
            EngineCommand::Start => self.start(at, reason),
            EngineCommand::Stop(why) => Ok(self.stop(at, why, reason)),
            EngineCommand::Pause => self.pause(at, EngineEvent::Pause, reason),
            EngineCommand::Resume => self.pause(at, EngineEvent::Resume, reason),
        })
    }

    fn start(&mut self, at: usize, reason: &str) -> Result<EngineState, NotNow> {
        let before = self.state(at);
        let after = self.move_on(at, EngineEvent::Start, reason, None)?;
        if before != after {
            if let Some(slot) = self.slots[at].as_mut() {
                // A person has looked at what went wrong.
                slot.supervisor.forgive();
            }
            self.send_to_starter(at);
        }
        Ok(after)
    }

    /// Has a guest started, unless an earlier start is still under way: two of them would use the same order numbers.
    fn send_to_starter(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.restart_at = None;
        slot.generation += 1;
        if std::mem::replace(&mut slot.at_starter, true) {
            return;
        }
        let job = Job {
            entry: Arc::clone(&slot.entry),
            generation: slot.generation,
            saved: slot.saved.clone(),
            orders_before: slot.orders,
            trading: slot.trading,
        };
        let starters = self.shared.starters.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Without starters the host is stopping, and so is this engine.
        if let Some(starters) = &*starters {
            drop(starters.send(job));
        }
    }

    /// A guest comes back from the starter.
    pub(super) fn started(&mut self, started: Started) {
        let Some(at) = self.slot(started.engine) else { return };
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.at_starter = false;
        if slot.state != EngineState::Starting || slot.generation != started.generation {
            self.started_in_vain(at, started);
            return;
        }
        match started.actor {
            Ok(actor) => {
                let save_every_us = self.bounds().save_every_us;
                if let Some(slot) = self.slots[at].as_mut() {
                    slot.take_in(actor, &started.seen, started.now, save_every_us);
                }
                self.step(at, EngineEvent::Loaded, &started.history);
                self.step(at, EngineEvent::Warm, "started");
                self.subscribe(at);
                self.catch_up(at);
            }
            Err(failed) => {
                if let Some(slot) = self.slots[at].as_mut() {
                    slot.orders = failed.orders;
                    send_commands(&slot.entry, failed.commands, &self.shared);
                    send_remarks(&slot.entry, failed.remarks.0, failed.remarks.1, &self.shared);
                    send_tape(&slot.entry, failed.tape, &self.shared);
                }
                self.fault(at, failed.fault);
            }
        }
    }

    /// The engine was stopped, or removed, or started once more while this guest was on its way. What it was promised in
    /// `on-start` is carried out all the same.
    fn started_in_vain(&mut self, at: usize, started: Started) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let (commands, tape) = match started.actor {
            Ok(mut actor) => {
                slot.orders = actor.orders();
                (actor.take_commands(), actor.take_tape())
            }
            Err(failed) => {
                slot.orders = failed.orders;
                (failed.commands, failed.tape)
            }
        };
        send_commands(&slot.entry, commands, &self.shared);
        send_tape(&slot.entry, tape, &self.shared);
        if slot.removed.is_some() {
            self.forget(at);
        } else if slot.state == EngineState::Starting {
            self.send_to_starter(at);
        }
    }

    /// What happened while its guest was being started.
    fn catch_up(&mut self, at: usize) {
        let waiting = self.slots[at].as_mut().map(|slot| std::mem::take(&mut slot.waiting)).unwrap_or_default();
        self.with_guest(at, |slot, _| {
            slot.publish();
            waiting.iter().try_for_each(|changed| slot.changed(changed))
        });
        self.tell_trading(at);
    }

    fn pause(&mut self, at: usize, event: EngineEvent, reason: &str) -> Result<EngineState, NotNow> {
        let after = self.move_on(at, event, reason, None)?;
        self.tell_trading(at);
        Ok(after)
    }

    /// Saves its state, says goodbye to its guest, and leaves it stopped.
    fn stop(&mut self, at: usize, why: StopReason, reason: &str) -> EngineState {
        if self.slots[at].as_ref().is_some_and(|slot| slot.actor.is_some()) {
            let now = self.market_time(at);
            // `on-stop` is the last call, so its state is saved before.
            self.with_guest(at, |slot, shared| slot.save(now, shared));
            self.with_guest(at, |slot, _| slot.actor.as_mut().map_or(Ok(()), |actor| actor.stop(why, AS_IT_IS)));
            self.take_guest(at);
        }
        if let Some(slot) = self.slots[at].as_mut() {
            slot.restart_at = None;
            slot.waiting.clear();
        }
        match self.move_on(at, EngineEvent::Stop, reason, Some(why)) {
            Ok(after) => after,
            Err(NotNow { from, .. }) => from,
        }
    }

    /// Every engine, when the host stops.
    pub(super) fn stop_all(&mut self) {
        (0..self.slots.len()).filter(|&at| self.slots[at].is_some()).collect::<Vec<_>>().into_iter().for_each(|at| {
            let held = self.slots[at].as_ref().is_some_and(|slot| slot.state != EngineState::Defined && slot.state != EngineState::Stopped);
            if held {
                self.stop(at, StopReason::HostStopping, "the host is stopping");
            }
        });
        self.stopping = true;
    }

    /// A guest has failed: it is gone, and the engine's record decides what follows.
    pub(super) fn fault(&mut self, at: usize, fault: Fault) {
        self.take_guest(at);
        let now = self.shared.clock.now();
        let Some(slot) = self.slots[at].as_mut() else { return };
        add(&slot.entry.meter.faults, 1);
        let verdict = slot.supervisor.fault(now);
        let whose = slot.entry.whose;
        if let Verdict::RestartAt(due) = verdict {
            slot.restart_at = Some(due);
            self.next_restart = Some(self.next_restart.map_or(due, |earlier| earlier.min(due)));
        }
        let text = fault.to_string();
        tracing::warn!(engine = %whose.engine, "{text}");
        self.tell(Event::Fault { engine: whose, fault, verdict, at: now });
        match verdict {
            Verdict::RestartAt(due) => {
                let seconds = due.since_us(now) as f64 / 1e6;
                self.step(at, EngineEvent::Fault, &format!("{text}; starts again in {seconds} s from its last saved state"));
            }
            Verdict::Quarantine => {
                self.step(at, EngineEvent::Fault, &text);
                let minutes = FAULT_WINDOW_US / MINUTE_US;
                let reason = format!("{FAULTS_MAX} faults within {minutes} minutes, the last: {text}; start it again when it is mended");
                self.step(at, EngineEvent::Quarantine, &reason);
            }
        }
    }

    /// Starts engines whose time to restart has come.
    pub(super) fn restart_due(&mut self) {
        let now = self.shared.clock.now();
        if self.next_restart.is_none_or(|at| now < at) {
            return;
        }
        self.next_restart = None;
        for at in 0..self.slots.len() {
            let due = self.slots[at].as_ref().and_then(|slot| slot.restart_at);
            match due {
                Some(due) if due <= now => {
                    self.step(at, EngineEvent::Restart, "starts again after a fault, from its last saved state");
                    self.send_to_starter(at);
                }
                Some(due) => self.next_restart = Some(self.next_restart.map_or(due, |earlier| earlier.min(due))),
                None => {}
            }
        }
    }

    pub(super) fn set_trading(&mut self, engine: EngineId, state: TradingState) {
        let Some(at) = self.slot(engine) else { return };
        if let Some(slot) = self.slots[at].as_mut() {
            slot.trading = state;
            slot.entry.meter.set_trading(state);
        }
        self.tell_trading(at);
    }

    /// Tells a guest what it may do at the market, when that has changed.
    pub(super) fn tell_trading(&mut self, at: usize) {
        self.with_guest(at, |slot, _| {
            let state = slot.desk_trading();
            slot.actor.as_mut().map_or(Ok(()), |actor| {
                actor.set_trading(state);
                actor.trading(AS_IT_IS)
            })
        });
    }

    /// The time of the last tick of the engine's symbols.
    fn market_time(&self, at: usize) -> Time {
        let Some(slot) = self.slots[at].as_ref() else { return Time::default() };
        let market = self.shared.market();
        slot.wanted.iter().filter_map(|wanted| market.symbol(wanted.symbol).last().map(|tick| tick.time)).max().unwrap_or_default()
    }

    /// Takes an engine's guest away, after sending on what it was promised.
    fn take_guest(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.deliver(&self.shared);
        slot.publish();
        let Some(actor) = slot.actor.take() else { return };
        slot.fuel_before = slot.fuel_before.saturating_add(actor.used().fuel_total);
        for wanted in &slot.wanted {
            self.shared.shards[self.number].subscribed[usize::from(wanted.symbol.0)].fetch_sub(1, AcqRel);
        }
        self.stale = true;
        // A guest that panicked may do so again when it is dropped.
        drop(catch_unwind(AssertUnwindSafe(|| drop(actor))));
    }

    fn subscribe(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_ref() else { return };
        for (number, wanted) in slot.wanted.iter().enumerate() {
            let symbol = usize::from(wanted.symbol.0);
            self.shared.shards[self.number].subscribed[symbol].fetch_add(1, AcqRel);
            let subscribers = &mut self.by_symbol[symbol];
            // One from before its last fault may still be there: a loop over the subscribers may be under way, so it was
            // not taken out.
            let known = self.stale && subscribers.iter().any(|other| other.slot as usize == at);
            if !known {
                subscribers.push(Subscriber { slot: at as u32, symbol: number as u32 });
            }
        }
    }

    /// Takes subscribers without a guest out. Not while a loop over subscribers is under way.
    pub(super) fn forget_stale(&mut self) {
        if std::mem::take(&mut self.stale) {
            let slots = &self.slots;
            let has_guest = |subscriber: &Subscriber| slots[subscriber.slot as usize].as_ref().is_some_and(|slot| slot.actor.is_some());
            self.by_symbol.iter_mut().for_each(|subscribers| subscribers.retain(has_guest));
            self.free.append(&mut self.freed);
        }
    }

    fn state(&self, at: usize) -> EngineState {
        self.slots[at].as_ref().map_or(EngineState::Stopped, |slot| slot.state)
    }

    /// A step that this shard itself takes and that always fits.
    fn step(&mut self, at: usize, event: EngineEvent, reason: &str) {
        if let Err(wrong) = self.move_on(at, event, reason, None) {
            tracing::error!("{wrong}");
            debug_assert!(false, "{wrong}");
        }
    }

    /// The one place where an engine's state changes; every change is told.
    fn move_on(&mut self, at: usize, event: EngineEvent, reason: &str, stopped: Option<StopReason>) -> Result<EngineState, NotNow> {
        let Some(slot) = self.slots[at].as_mut() else { return Ok(EngineState::Stopped) };
        let from = slot.state;
        let to = from.after(event)?;
        if to != from {
            slot.state = to;
            slot.entry.meter.set_state(to, reason);
            let engine = slot.entry.whose;
            let at = self.shared.clock.now();
            self.tell(Event::State { engine, from, to, reason: reason.to_owned(), stopped, at });
        }
        Ok(to)
    }
}
