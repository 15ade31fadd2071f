//! The life of engines: commands, starts, faults and restarts, as [`domain::life`] allows them.

use super::following::Shown;
use super::slot::{Held, Slot, bit, send_commands, send_remarks, send_tape};
use super::{EngineCommand, Shard, Subscriber};
use crate::events::Event;
use crate::meter::add;
use crate::shared::{Entry, reply};
use crate::starter::{Job, Role, Started, Work};
use domain::actor::FailedStart;
use domain::bars::MarketView;
use domain::contract::{Gap, StopReason};
use domain::desk::Reached;
use domain::guest::{Fault, FaultKind};
use domain::ids::EngineId;
use domain::life::{EngineEvent, EngineState, NotNow, Verdict};
use domain::limits::HISTORY_ROWS_MAX;
use domain::tick::{Bar, Timeframe};
use domain::time::Time;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::AcqRel;
use std::sync::mpsc::Sender;

/// For calls that do not move a guest's time, which never goes back.
const AS_IT_IS: Time = Time(0);

impl Shard {
    pub(super) fn add(&mut self, entry: Arc<Entry>) {
        self.place(Slot::new(entry, self.number));
    }

    /// Gives an engine its place here.
    pub(super) fn place(&mut self, mut slot: Slot) -> u32 {
        slot.shard = self.number;
        let engine = slot.entry.whose.engine;
        let at = match self.free.pop() {
            Some(at) => {
                self.slots[at as usize] = Some(slot);
                at
            }
            None => {
                self.slots.push(Some(slot));
                self.slots.len() as u32 - 1
            }
        };
        self.by_engine.insert(engine, at);
        self.line_up(at as usize);
        at
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
            EngineCommand::Pause => self.pause(at, reason),
            EngineCommand::Resume => self.resume(at, reason),
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
            match self.slots[at].as_mut().map_or(Ok(()), |slot| slot.find_place(&self.shared)) {
                Ok(()) => self.send_to_starter(at, None),
                Err(fault) => self.fault(at, fault),
            }
        }
        Ok(self.state(at))
    }

    /// Has a guest started, unless an earlier start is still under way: two of them would use the same order numbers.
    /// `reached`: where the events stand that wait for it.
    pub(super) fn send_to_starter(&mut self, at: usize, reached: Option<Reached>) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.restart_at = None;
        slot.generation += 1;
        if std::mem::replace(&mut slot.at_starter, true) {
            return;
        }
        let place = slot.place.clone().unwrap_or_default();
        let work = Work::Start { place, saved: slot.saved.clone(), orders_before: slot.orders, reached };
        let job = Job { entry: Arc::clone(&slot.entry), generation: slot.generation, trading: slot.trading(), work };
        // Without starters the host is stopping, and so is this engine.
        drop(self.shared.jobs.add(job));
    }

    /// A guest comes back from the starter.
    pub(super) fn started(&mut self, started: Started) {
        let Some(at) = self.slot(started.engine) else { return };
        match started.role {
            Role::Start => self.guest_started(at, started),
            Role::Beside => self.beside_started(at, started),
            Role::CatchUp => self.caught_up(at, started),
            Role::Shadow => self.shadow_started(at, started),
        }
    }

    fn guest_started(&mut self, at: usize, started: Started) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.at_starter = false;
        if slot.state != EngineState::Starting || slot.generation != started.generation {
            self.started_in_vain(at, started);
            return;
        }
        match started.actor {
            Ok(actor) => {
                slot.take_in(actor, &started.seen);
                self.step(at, EngineEvent::Loaded, &started.history);
                self.catch_up(at);
                self.there(at, "started");
            }
            Err(failed) => self.failed_start(at, *failed),
        }
    }

    /// A guest did not get through what it had to hear. What it was promised is carried out all the same.
    fn failed_start(&mut self, at: usize, failed: FailedStart) {
        if let Some(slot) = self.slots[at].as_mut() {
            slot.orders = failed.orders;
            send_commands(&slot.entry, failed.commands, &self.shared);
            send_remarks(&slot.entry, failed.remarks.0, failed.remarks.1, &self.shared);
            send_tape(&slot.entry, failed.tape, &self.shared);
        }
        self.fault(at, failed.fault);
    }

    /// The engine was stopped, or removed, or started once more while this guest was on its way. What it was promised in
    /// `on-start` is carried out all the same.
    fn started_in_vain(&mut self, at: usize, started: Started) {
        let why = if self.stopping { StopReason::HostStopping } else { StopReason::ByOperator };
        let Some(slot) = self.slots[at].as_mut() else { return };
        let (commands, remarks, tape) = match started.actor {
            Ok(mut actor) => {
                // Its life ends as any other's: without its last call, a replay would take it for cut short by a crash.
                let ended = catch_unwind(AssertUnwindSafe(|| actor.stop(why, AS_IT_IS)));
                if let Ok(Err(fault)) = ended {
                    tracing::info!(engine = %slot.entry.whose.engine, "a guest that nobody waited for failed in its last call: {fault}");
                }
                slot.orders = actor.orders();
                (actor.take_commands(), actor.take_remarks(), actor.take_tape())
            }
            Err(failed) => {
                slot.orders = failed.orders;
                (failed.commands, failed.remarks, failed.tape)
            }
        };
        send_commands(&slot.entry, commands, &self.shared);
        send_remarks(&slot.entry, remarks.0, remarks.1, &self.shared);
        send_tape(&slot.entry, tape, &self.shared);
        if slot.removed.is_some() {
            self.forget(at);
        } else if slot.state == EngineState::Starting {
            self.send_to_starter(at, None);
        }
        self.shared.room_may_be_free();
    }

    /// What happened while its guest was being started.
    fn catch_up(&mut self, at: usize) {
        let waiting = self.slots[at].as_mut().map(|slot| std::mem::take(&mut slot.waiting)).unwrap_or_default();
        self.with_guest(at, |slot, _| {
            slot.publish();
            waiting.iter().try_for_each(|changed| slot.changed(changed))
        });
    }

    /// Its guest has heard what it must: it is fed from here on, or paused when that is wanted.
    fn there(&mut self, at: usize, reason: &str) {
        if self.state(at) != EngineState::WarmingUp {
            // It failed at what it heard.
            return;
        }
        self.subscribe(at);
        self.step(at, EngineEvent::Warm, reason);
        if self.slots[at].as_mut().is_some_and(|slot| std::mem::take(&mut slot.pause_when_there)) {
            self.step(at, EngineEvent::Pause, "it was to be paused as soon as it is there");
        }
        self.tell_trading_now(at);
        self.release(at);
    }

    fn pause(&mut self, at: usize, reason: &str) -> Result<EngineState, NotNow> {
        let after = self.move_on(at, EngineEvent::Pause, reason, None)?;
        if let Some(slot) = self.slots[at].as_mut() {
            slot.pause_when_there = after != EngineState::Paused;
        }
        if after == EngineState::Paused {
            self.end_shadow(at, "the engine was paused");
            self.waiting_ticks_pass(at);
        }
        self.tell_trading(at);
        Ok(after)
    }

    fn resume(&mut self, at: usize, reason: &str) -> Result<EngineState, NotNow> {
        let before = self.state(at);
        let (ticks, bars) = if before == EngineState::Paused { self.missed(at) } else { (0, Vec::new()) };
        let told = format!("{reason}; {ticks} ticks and {} bars went by while it was paused", bars.len());
        let after = self.move_on(at, EngineEvent::Resume, if ticks > 0 { &told } else { reason }, None)?;
        if let Some(slot) = self.slots[at].as_mut() {
            slot.pause_when_there = false;
        }
        if before != EngineState::Paused {
            return Ok(after);
        }
        if bars.is_empty() || !self.tell_late(at, bars) {
            self.there(at, "it goes on");
        }
        Ok(self.state(at))
    }

    /// What went by while it was paused: how many ticks, which it is told of, and the bars that they closed, in order of time.
    fn missed(&mut self, at: usize) -> (u64, Vec<Bar>) {
        let (mut ticks, mut bars) = (0, Vec::new());
        let Some(slot) = self.slots[at].as_mut() else { return (0, bars) };
        for wanted in &slot.wanted {
            let Some((sequence, until)) = wanted.passed else { continue };
            let since = wanted.last_time.unwrap_or(until);
            let missed = sequence - wanted.last;
            ticks += missed;
            if let Some(actor) = &mut slot.actor {
                actor.missed(wanted.symbol, Gap { after: since.0, until: until.0, ticks: Some(missed) });
            }
            for &timeframe in Timeframe::ALL.iter().filter(|&&timeframe| wanted.frames & bit(timeframe) != 0) {
                let closed = self.shared.market.bars(wanted.symbol, timeframe, HISTORY_ROWS_MAX, until);
                bars.extend(closed.into_iter().filter(|bar| timeframe.close(bar.open_time) > since));
            }
        }
        // Shorter timeframes first, as at any tick.
        bars.sort_by_key(|bar| (bar.timeframe.close(bar.open_time), bar.timeframe));
        (ticks, bars)
    }

    /// Sends its guest away to hear of bars; its events wait. `false`: there is nobody to do that.
    fn tell_late(&mut self, at: usize, bars: Vec<Bar>) -> bool {
        let Some(slot) = self.slots[at].as_mut() else { return false };
        slot.deliver(&self.shared);
        let Some(actor) = slot.actor.take() else { return false };
        let (entry, work) = (Arc::clone(&slot.entry), Work::CatchUp { actor: Box::new(actor), bars: bars.into() });
        let job = Job { entry, generation: slot.generation, trading: slot.trading(), work };
        (slot.busy, slot.held) = (true, Some(VecDeque::new()));
        let Err(unsent) = self.shared.jobs.add(job) else { return true };
        if let (Some(slot), Work::CatchUp { actor, .. }) = (self.slots[at].as_mut(), unsent.work) {
            (slot.actor, slot.busy, slot.held) = (Some(*actor), false, None);
        }
        false
    }

    /// A guest comes back that has heard what it missed.
    fn caught_up(&mut self, at: usize, started: Started) {
        match started.actor {
            Ok(actor) => {
                if let Some(slot) = self.slots[at].as_mut() {
                    slot.actor = Some(actor);
                }
                self.with_guest(at, |slot, _| {
                    slot.publish();
                    Ok(())
                });
                self.there(at, "it has heard of the bars that it missed");
            }
            Err(failed) => self.failed_start(at, *failed),
        }
        self.not_busy(at);
    }

    /// Handles what had to wait.
    pub(super) fn not_busy(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.busy = false;
        std::mem::take(&mut slot.deferred).into_iter().for_each(|request| self.request(request));
    }

    /// Hands over what waited for a guest, in order.
    pub(super) fn release(&mut self, at: usize) {
        let Some(mut held) = self.slots[at].as_mut().and_then(|slot| slot.held.take()) else { return };
        while let Some(next) = held.pop_front() {
            match next {
                Held::Tick { wanted, fed } => self.flat(at, wanted, &fed),
                Held::Changed(changed) => self.changed(changed),
            }
            // A version on trial failed at it: the rest waits for the one before.
            if let Some(again) = self.slots[at].as_mut().and_then(|slot| slot.held.as_mut()) {
                again.append(&mut held);
                return;
            }
        }
        // What waits for its turn was here before.
        self.line_up(at);
    }

    /// Saves its state, says goodbye to its guest, and leaves it stopped.
    pub(super) fn stop(&mut self, at: usize, why: StopReason, reason: &str) -> EngineState {
        self.give_up_beside(at, "the engine was stopped");
        self.end_shadow(at, "the engine was stopped");
        if self.slots[at].as_ref().is_some_and(|slot| slot.actor.is_some()) {
            // `on-stop` is the last call, so its state is saved before. Should it fail at that, it has been stopped all the same.
            self.end_trial(at);
            self.with_guest(at, Slot::save);
            self.with_guest(at, |slot, _| slot.actor.as_mut().map_or(Ok(()), |actor| actor.stop(why, AS_IT_IS)));
            self.take_guest(at);
        }
        // One that waited for the host has no guest, and may be on trial all the same.
        self.end_trial(at);
        if let Some(slot) = self.slots[at].as_mut() {
            slot.restart_at = None;
            slot.pause_when_there = false;
            slot.waiting.clear();
            slot.held = None;
        }
        self.unsubscribe(at);
        self.forget_lane(at);
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

    /// A guest has failed: it is gone, and the engine's record decides what follows. When the host is to blame, the engine waits.
    pub(super) fn fault(&mut self, at: usize, fault: Fault) {
        self.give_up_beside(at, "the version that works has failed");
        self.end_shadow(at, "the version that works has failed");
        // What the host is to blame for says nothing of a version on trial.
        if !fault.kind.is_hosts() && self.slots[at].as_ref().is_some_and(|slot| slot.trial.is_some()) {
            self.roll_back(at, fault);
            return;
        }
        self.take_guest(at);
        self.leave_line(at);
        let (now, stamp) = (self.shared.clock.steady(), self.shared.clock.now());
        let Some(slot) = self.slots[at].as_mut() else { return };
        // What waited for it, it has missed; the next one finds out.
        slot.held = None;
        slot.pause_when_there |= slot.state == EngineState::Paused;
        if fault.kind.is_hosts() {
            slot.goes_on_with_trial();
            self.step(at, EngineEvent::Wait, &waits(&fault));
            self.waits_for_host(at, &fault);
            return;
        }
        add(&slot.entry.meter.faults, 1);
        let verdict = slot.supervisor.fault(now);
        let whose = slot.entry.whose;
        if let Verdict::RestartIn(us) = verdict {
            let due = now.plus_us(us);
            slot.restart_at = Some(due);
            self.next_restart = Some(self.next_restart.map_or(due, |earlier| earlier.min(due)));
        }
        let text = fault.to_string();
        tracing::warn!(engine = %whose.engine, "{text}");
        self.tell(Event::Fault { engine: whose, fault, verdict, at: stamp });
        match verdict {
            Verdict::RestartIn(us) => {
                let seconds = us as f64 / 1e6;
                self.step(at, EngineEvent::Fault, &format!("{text}; starts again in {seconds} s from its last saved state"));
            }
            Verdict::Quarantine { faults, minutes } => {
                self.step(at, EngineEvent::Fault, &text);
                let within = if minutes < 120 { format!("{minutes} minutes") } else { format!("{} hours", minutes / 60) };
                let reason = format!("{faults} faults within {within}, the last: {text}; start it again when it is mended");
                self.step(at, EngineEvent::Quarantine, &reason);
            }
        }
    }

    /// Starts engines whose time to restart has come.
    pub(super) fn restart_due(&mut self) {
        let now = self.shared.clock.steady();
        if self.next_restart.is_none_or(|at| now < at) {
            return;
        }
        self.next_restart = None;
        for at in 0..self.slots.len() {
            let due = self.slots[at].as_ref().and_then(|slot| slot.restart_at);
            match due {
                Some(due) if due <= now && self.state(at) == EngineState::Waiting => self.look_for_room(at),
                Some(due) if due <= now => {
                    self.step(at, EngineEvent::Restart, "starts again after a fault, from its last saved state");
                    if let Some(slot) = self.slots[at].as_ref() {
                        add(&slot.entry.meter.restarts, 1);
                    }
                    self.send_to_starter(at, None);
                }
                Some(due) => self.next_restart = Some(self.next_restart.map_or(due, |earlier| earlier.min(due))),
                None => {}
            }
        }
    }

    /// It is an engine's turn to look for room.
    pub(super) fn room_may_be_free(&mut self, engine: EngineId) {
        let waits = |at: &usize| self.state(*at) == EngineState::Waiting;
        self.slot(engine).filter(waits).into_iter().for_each(|at| self.look_for_room(at));
    }

    /// Starts an engine that waits, if the host can take it now. Else it waits on, which changes no more than the reason that is shown.
    fn look_for_room(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        match slot.find_place(&self.shared) {
            Ok(()) => {
                self.step(at, EngineEvent::Restart, "the host can take it now: it starts, from its last saved state");
                self.send_to_starter(at, None);
            }
            Err(fault) => {
                slot.entry.meter.set_reason(&waits(&fault));
                self.waits_for_host(at, &fault);
            }
        }
    }

    /// The host can't take an engine now. Of those that wait for room only the first looks by itself, later and later; the next is
    /// told when it is its turn. What else the host lacks, each waits for by itself.
    fn waits_for_host(&mut self, at: usize, fault: &Fault) {
        let now = self.shared.clock.steady();
        let Some(slot) = self.slots[at].as_mut() else { return };
        let whose = slot.entry.whose;
        let looks = if fault.kind == FaultKind::NoRoom {
            if self.shared.room.is_turn_of(whose.engine) {
                self.shared.room.set_why(&fault.message);
            }
            self.shared.room.join(whose);
            self.shared.room.is_turn_of(whose.engine)
        } else {
            if self.shared.room.leave(whose) {
                self.shared.room_may_be_free();
            }
            true
        };
        slot.restart_at = looks.then(|| slot.supervisor.wait(now));
        if let Some(due) = slot.restart_at {
            self.next_restart = Some(self.next_restart.map_or(due, |earlier| earlier.min(due)));
        }
    }

    /// Tells a guest what it may do at the market, when that has changed.
    pub(super) fn tell_trading(&mut self, at: usize) {
        // A guest that has handed over, or is elsewhere, is not told: whoever comes is.
        if self.slots[at].as_ref().is_some_and(|slot| slot.held.is_none()) {
            self.tell_trading_now(at);
        }
    }

    pub(super) fn tell_trading_now(&mut self, at: usize) {
        self.before_shadow(at);
        self.with_guest(at, |slot, _| {
            let state = slot.desk_trading();
            slot.actor.as_mut().map_or(Ok(()), |actor| {
                actor.set_trading(state);
                actor.trading(AS_IT_IS)
            })
        });
        let state = self.slots[at].as_ref().map(Slot::desk_trading);
        self.after_shadow(at, || state.map(Shown::Trading).into_iter().collect());
    }

    /// Takes an engine's guest away, after sending on what it was promised.
    fn take_guest(&mut self, at: usize) {
        self.drop_guest(at);
        self.unsubscribe(at);
    }

    /// The same while its ticks go on coming here.
    pub(super) fn drop_guest(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.deliver(&self.shared);
        slot.publish();
        let Some(actor) = slot.part_with(self.second, &self.shared) else { return };
        // A guest that panicked may do so again when it is dropped.
        drop(catch_unwind(AssertUnwindSafe(|| drop(actor))));
    }

    pub(super) fn unsubscribe(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        if !std::mem::take(&mut slot.subscribed) {
            return;
        }
        self.lanes.feeds_no_more(&slot.lane);
        for wanted in &slot.wanted {
            self.shared.shards[self.number].subscribed[usize::from(wanted.symbol.0)].fetch_sub(1, AcqRel);
        }
        self.stale = true;
    }

    pub(super) fn subscribe(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        if std::mem::replace(&mut slot.subscribed, true) {
            return;
        }
        self.lanes.feeds(&slot.lane);
        for (number, wanted) in slot.wanted.iter().enumerate() {
            let symbol = usize::from(wanted.symbol.0);
            self.shared.shards[self.number].subscribed[symbol].fetch_add(1, AcqRel);
            let subscribers = &mut self.by_symbol[symbol];
            let subscriber = Subscriber { slot: at as u32, symbol: number as u32 };
            // One from before its last fault may still be there: a loop over the subscribers may be under way, so it was
            // not taken out.
            match subscribers.iter_mut().filter(|_| self.stale).find(|other| other.slot as usize == at) {
                Some(known) => *known = subscriber,
                None => subscribers.push(subscriber),
            }
        }
    }

    /// Takes out who is not subscribed any more. Not while a loop over subscribers is under way.
    pub(super) fn forget_stale(&mut self) {
        if std::mem::take(&mut self.stale) {
            let slots = &self.slots;
            // Symbols of a version that was changed while it was stopped may not be the engine's any more.
            for (symbol, subscribers) in self.by_symbol.iter_mut().enumerate() {
                subscribers.retain(|subscriber| {
                    let slot = slots[subscriber.slot as usize].as_ref().filter(|slot| slot.subscribed);
                    let wanted = slot.and_then(|slot| slot.wanted.get(subscriber.symbol as usize));
                    wanted.is_some_and(|wanted| usize::from(wanted.symbol.0) == symbol)
                });
            }
            self.free.append(&mut self.freed);
        }
    }

    pub(super) fn state(&self, at: usize) -> EngineState {
        self.slots[at].as_ref().map_or(EngineState::Stopped, |slot| slot.state)
    }

    /// A step that this shard itself takes and that always fits.
    pub(super) fn step(&mut self, at: usize, event: EngineEvent, reason: &str) {
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
            slot.entry.needs_version(to.needs_version(), &*self.shared.factory);
            let engine = slot.entry.whose;
            let at = self.shared.clock.now();
            slot.entry.meter.set_state(to, reason, at);
            let gave_back = !to.needs_version() && slot.place.take().is_some();
            self.tell(Event::State { engine, from, to, reason: reason.to_owned(), stopped, at });
            // Who is in line keeps its turn until it has been taken in, or does not want to be any more.
            let left = !matches!(to, EngineState::Waiting | EngineState::Starting) && self.shared.room.leave(engine);
            if left || gave_back {
                self.shared.room_may_be_free();
            }
        }
        Ok(to)
    }
}

/// What is told of an engine that the host can't take now.
fn waits(fault: &Fault) -> String {
    format!("{fault}; it keeps its turn and starts by itself as soon as the host can take it")
}
