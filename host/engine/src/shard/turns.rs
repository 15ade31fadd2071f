//! Turns of the slow lane: what waits in it, and one call of it at a time. Who is in it and why: [`super::lane`].

use super::lane::{AT_THE_LATEST, Lane, rest};
use super::run::Scratch;
use super::slot::{Changed, Slot};
use super::{Fed, Message, Shard};
use crate::moment::Moment;
use crate::shared::reply;
use crate::usage::second;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

impl Shard {
    /// Whether what is for an engine waits for its turn: it is in the slow lane, and not being served.
    pub(super) fn waits_for_turn(&self, at: usize) -> bool {
        !self.lanes.serves(at) && self.slots[at].as_ref().is_some_and(|slot| slot.lane.is_slow())
    }

    /// A tick for an engine in the slow lane.
    pub(super) fn tick_waits(&mut self, at: usize, fed: &Fed) {
        let max = self.bounds().slow_ticks_max;
        if let Some(slot) = self.slots[at].as_mut() {
            slot.wait_for_turn(fed, max);
        }
        self.line_up(at);
    }

    /// An order event for one.
    pub(super) fn changed_waits(&mut self, at: usize, changed: Changed) {
        if let Some(slow) = self.slots[at].as_mut().and_then(|slot| slot.lane.slow.as_mut()) {
            slow.waiting.push_back(Message::Changed(Box::new(changed)));
        }
        self.line_up(at);
    }

    /// Puts an engine for which something waits into the line, unless its guest is elsewhere.
    pub(super) fn line_up(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut().filter(|slot| slot.held.is_none()) else { return };
        let Some(slow) = slot.lane.slow.as_mut().filter(|slow| !slow.in_line && !slow.waiting.is_empty()) else { return };
        slow.in_line = true;
        self.lanes.line.push_back(at as u32);
    }

    /// What waits for an engine is dropped: its guest is gone.
    pub(super) fn leave_line(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        slot.lane.clear();
        self.lanes.line.retain(|&other| other as usize != at);
    }

    /// The engine goes elsewhere, with what waits for it.
    pub(super) fn move_out_of_line(&mut self, at: usize) {
        if let Some(slow) = self.slots[at].as_mut().and_then(|slot| slot.lane.slow.as_mut()) {
            slow.in_line = false;
            self.lanes.line.retain(|&other| other as usize != at);
        }
    }

    /// It was stopped: whoever starts it again starts with a clean sheet.
    pub(super) fn forget_lane(&mut self, at: usize) {
        self.leave_line(at);
        if let Some(slot) = self.slots[at].as_mut() {
            debug_assert!(!slot.subscribed, "it would still be counted");
            slot.lane = Lane::default();
            slot.entry.meter.slow.store(false, Relaxed);
        }
    }

    /// It is paused: ticks that wait go by like those that come. Order events it still hears.
    pub(super) fn waiting_ticks_pass(&mut self, at: usize) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(slow) = &mut slot.lane.slow else { return };
        slow.ticks = 0;
        for message in std::mem::take(&mut slow.waiting) {
            if let Message::Tick(fed) = message {
                let wanted = (0..slot.wanted.len()).find(|&wanted| slot.wanted[wanted].symbol == fed.tick.symbol);
                wanted.into_iter().for_each(|wanted| slot.pass(wanted, &fed));
            } else if let Some(slow) = &mut slot.lane.slow {
                slow.waiting.push_back(message);
            }
        }
    }

    /// How long the shard may sleep before the slow lane's next turn; `None`: for ever.
    pub(super) fn slow_patience(&self) -> Option<Duration> {
        if self.lanes.line.is_empty() {
            return None;
        }
        Some(if self.lanes.must_rest() { self.lanes.next.saturating_duration_since(Instant::now()) } else { Duration::ZERO })
    }

    /// One call for the engine that is next, when it is the slow lane's turn. `is_idle`: nothing waits for the shard.
    pub(super) fn serve_slow(&mut self, is_idle: bool) {
        let due = self.lanes.next + if is_idle { Duration::ZERO } else { AT_THE_LATEST };
        if self.lanes.line.is_empty() || self.lanes.must_rest() && Instant::now() < due {
            return;
        }
        let Some(at) = self.lanes.line.pop_front().map(|at| at as usize) else { return };
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(slow) = slot.lane.slow.as_mut() else { return };
        slow.in_line = false;
        if slot.held.is_some() {
            // Its guest is elsewhere; it comes back into the line when that is back.
            return;
        }
        self.mark = Moment::now();
        let began = self.mark;
        self.second = second(self.shared.clock.steady());
        self.lanes.serving = Some(at);
        self.serve(at);
        self.lanes.serving = None;
        let took = Moment::now().since(began);
        self.load.add(took);
        self.lanes.next = Instant::now() + rest(took);
        self.line_up(at);
        self.look_at_calm(at);
        self.forget_stale();
    }

    /// What waits first, in one call with ticks or with one order event.
    fn serve(&mut self, at: usize) {
        let run_max = self.bounds().run_ticks_max;
        let Some(slot) = self.slots[at].as_mut() else { return };
        let latest_only = slot.latest_only;
        let Some(slow) = slot.lane.slow.as_mut() else { return };
        if let Some(Message::Changed(changed)) = slow.waiting.pop_front_if(|first| matches!(first, Message::Changed(_))) {
            return self.changed(*changed);
        }
        let mut run = slow.take_ticks(if latest_only { run_max } else { run_max.min(slow.rows()) });
        let handled = self.serve_ticks(at, &run, latest_only);
        // One that has failed has missed the rest; one that was rolled back gets it from the version before.
        let lives = |slot: &&mut Slot| slot.actor.is_some() || slot.held.is_some();
        if let Some(slow) = self.slots[at].as_mut().filter(lives).and_then(|slot| slot.lane.slow.as_mut()) {
            slow.put_back(run.drain(handled..));
        }
    }

    /// Hands over some of the first ticks of a run; says how many.
    fn serve_ticks(&mut self, at: usize, run: &[Message], latest_only: bool) -> usize {
        let Some(Message::Tick(first)) = run.first() else { return 0 };
        let Some(wanted) = self.wanted(at, first.tick.symbol) else { return 1 };
        let by_columns = run.len() >= self.bounds().columns_from;
        if !latest_only && !by_columns {
            self.flat(at, wanted, first);
            return 1;
        }
        let mut scratch = std::mem::replace(&mut self.run, Scratch::new(0));
        self.prepare(run, by_columns && !latest_only, &mut scratch);
        let handled = if latest_only {
            self.latest(at, run, &scratch);
            run.len()
        } else {
            self.first_stretch(at, run, wanted, first, &scratch)
        };
        scratch.clear();
        self.run = scratch;
        handled
    }

    /// Someone waits until everything before has been seen to.
    pub(super) fn barrier(&mut self, reached: Sender<()>) {
        self.lanes.barriers.push(reached);
    }

    pub(super) fn answer_barriers(&mut self) {
        if self.lanes.line.is_empty() {
            self.lanes.barriers.drain(..).for_each(|reached| reply(&reached, ()));
        }
    }

    /// The host is stopping: order events that wait are told, ticks go by.
    pub(super) fn end_slow_lane(&mut self) {
        while let Some(at) = self.lanes.line.pop_front().map(|at| at as usize) {
            let waiting = self.slots[at].as_mut().and_then(|slot| slot.lane.slow.as_mut()).map(|slow| std::mem::take(&mut slow.waiting));
            self.lanes.serving = Some(at);
            for message in waiting.into_iter().flatten() {
                if let Message::Changed(changed) = message {
                    self.changed(*changed);
                }
            }
            self.lanes.serving = None;
        }
    }
}
