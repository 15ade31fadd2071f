//! The slow lane: engines that cost their shard more than their share are served after all others.
//!
//! A tick goes to all other engines first. What is for an engine in the slow lane waits with it, ticks and order events in their
//! order, and is handed over when no tick waits for the shard: one call at a time, with a look at the inbox after each, and with a
//! [`rest`] in which the core is everybody else's. Ticks that come faster than that go by, the oldest first; they are counted, and
//! the guest is told by its next one. Bars and order events never go by. What it is handed and in which order is what a shard
//! that is behind hands over, so decisions stay a function of the inputs. Whatever overtakes ticks overtakes those that wait here.
//!
//! Who is slow is told by fuel, which is the same on every machine; only what fuel does not show is told by time, second by
//! second. An engine that is alone on its shard is in nobody's way and never slow, and where all are slow nobody rests.

use super::slot::{Slot, closes};
use super::{Fed, Message, Shard};
use crate::events::Event;
use crate::meter::{add, add_shared};
use domain::contract::LogLevel;
use domain::desk::Remark;
use domain::limits::{SLOW_CALM_S, SLOW_CALM_S_MAX, SLOW_FUEL_PER_SECOND, SLOW_FUEL_PER_TICK};
use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// A slow tick counts only if another of the last this many was slow too: one slow save or bar is ignored.
const TICKS_BETWEEN: u64 = 64;
/// Where few engines are, each may take twice an equal part of what a core burns in a second.
const FUEL_SHARED: u64 = 2 * 2_000_000_000;
/// The same of time, in thousandths of a second, and an engine's least share of it.
const TIME_SHARED: u32 = 2 * 1_000;
const TIME_LEAST: u32 = 10;
/// Seconds in a row that an engine must take more time.
const LONG_SECONDS: u32 = 2;
/// When the machine does not let a thread run for a while, that is no engine's fault. One that takes long by itself does so again and
/// again: this many calls of a second must have taken that long a tick, and none counts for more than the last of these.
const LONG_CALLS: u32 = 4;
const TICK_TIME_LONG: Duration = Duration::from_micros(20);
const TICK_TIME_MAX: Duration = Duration::from_millis(1);
/// However busy the shard is, the slow lane is looked at so often. And no rest is longer: a call may have taken long because the
/// machine had no time for it.
pub(super) const AT_THE_LATEST: Duration = Duration::from_secs(1);

/// How long the shard rests from the slow lane after a call that took so long: six times that, a seventh of its time; and longer
/// the longer the call, so that a tick, which may come during any of them, waits for 5 us on average.
pub(super) fn rest(took: Duration) -> Duration {
    let times = (took.as_micros() / 10).clamp(6, 250);
    (took * times as u32).min(AT_THE_LATEST)
}

/// An engine's place in line.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) slow: Option<Box<Slow>>,
    /// A second of the host's clock, and what it has burnt in it.
    second: i64,
    fuel: u64,
    /// Ticks so far, and the last that took too much.
    ticks: u64,
    costly_at: Option<u64>,
    /// What it took of a second of its shard's; seconds in a row in which that was more than its share.
    time: Time,
    long_seconds: u32,
    /// Times it went into the slow lane.
    times: u32,
}

/// What an engine took of a second of its shard's.
#[derive(Clone, Copy, Default)]
struct Time {
    second: u32,
    took: Duration,
    long_calls: u32,
}

/// What there is of an engine while it is in the slow lane.
pub(super) struct Slow {
    /// What waits for it, in order.
    pub(super) waiting: VecDeque<Message>,
    /// How many of these are ticks.
    pub(super) ticks: usize,
    pub(super) in_line: bool,
    /// Since which second it has kept within its share.
    calm_since: i64,
    fuel_per_tick: u64,
    /// Ticks that had gone by before.
    gone_by: u64,
}

/// The slow lane of a shard.
pub(super) struct Lanes {
    pub(super) line: VecDeque<u32>,
    pub(super) serving: Option<usize>,
    /// Not before.
    pub(super) next: Instant,
    /// Engines whose ticks come here, and how many of them are slow.
    fed: usize,
    slow: usize,
    /// Fuel that each of them may burn in a second.
    fuel_share: u64,
    /// Who waits until nothing waits here.
    pub(super) barriers: Vec<Sender<()>>,
    /// Whether time passes: not where a run must be the same each time.
    pub(super) is_timed: bool,
}

impl Lanes {
    pub(super) fn new() -> Self {
        let (line, barriers) = (VecDeque::new(), Vec::new());
        Self { line, serving: None, next: Instant::now(), fed: 0, slow: 0, fuel_share: FUEL_SHARED, barriers, is_timed: false }
    }

    /// An engine's ticks come here from now on.
    pub(super) fn feeds(&mut self, lane: &Lane) {
        self.fed += 1;
        self.slow += usize::from(lane.is_slow());
        self.share();
    }

    /// Or not any more.
    pub(super) fn feeds_no_more(&mut self, lane: &Lane) {
        self.fed -= 1;
        self.slow -= usize::from(lane.is_slow());
        self.share();
    }

    fn share(&mut self) {
        self.fuel_share = (FUEL_SHARED / self.fed.max(1) as u64).max(SLOW_FUEL_PER_SECOND);
    }

    pub(super) fn after_panic(&mut self) {
        self.serving = None;
    }

    /// Whether others are in a hurry, and nobody waits until all is seen to.
    pub(super) fn must_rest(&self) -> bool {
        self.is_timed && self.fed > self.slow && self.barriers.is_empty()
    }

    /// Whether it is this one's turn.
    pub(super) fn serves(&self, at: usize) -> bool {
        self.serving == Some(at)
    }

    fn time_share(&self) -> Duration {
        Duration::from_millis(u64::from((TIME_SHARED / self.fed.max(1) as u32).max(TIME_LEAST)))
    }
}

impl Lane {
    pub(super) fn is_slow(&self) -> bool {
        self.slow.is_some()
    }

    /// Notes how long ticks, or an order event, have taken in a second of its shard's.
    pub(super) fn took(&mut self, second: u32, took: Duration, ticks: usize) {
        if self.time.second != second {
            self.time = Time { second, ..Time::default() };
        }
        self.time.took += took.min(TICK_TIME_MAX * ticks as u32);
        self.time.long_calls += u32::from(took > TICK_TIME_LONG * ticks as u32);
    }

    /// Ticks that took nothing lie between what did.
    pub(super) fn went_by(&mut self, ticks: u32) {
        self.ticks += u64::from(ticks);
    }

    /// Notes what fuel they have taken; why that is too much, if it is.
    fn note(&mut self, second: i64, fuel: u64, ticks: usize, share: u64) -> Option<String> {
        if second != self.second {
            (self.second, self.fuel) = (second, 0);
        }
        self.fuel += fuel;
        self.ticks += ticks as u64;
        let is_costly = fuel > SLOW_FUEL_PER_TICK * ticks as u64;
        if self.slow.is_none() && !is_costly && self.fuel <= share {
            return None;
        }
        let per_tick = fuel / ticks.max(1) as u64;
        let before = if is_costly { self.costly_at.replace(self.ticks) } else { None };
        if let Some(slow) = &mut self.slow {
            if fuel > 0 {
                slow.fuel_per_tick = per_tick;
            }
            if is_costly || self.fuel > share / 2 {
                slow.calm_since = second;
            }
            return None;
        }
        if before.is_some_and(|before| self.ticks - before <= TICKS_BETWEEN) {
            return Some(format!("a tick takes it {per_tick} fuel, of which {SLOW_FUEL_PER_TICK} keep nobody waiting"));
        }
        (self.fuel > share).then(|| format!("it has used {} fuel in a second, of which {share} are its share", self.fuel))
    }

    /// For how many seconds it must keep within its share: the longer the more often it did not.
    fn calm_s(&self) -> i64 {
        (SLOW_CALM_S << self.times.saturating_sub(1).min(16)).min(SLOW_CALM_S_MAX)
    }

    /// Nothing waits any more.
    pub(super) fn clear(&mut self) {
        if let Some(slow) = &mut self.slow {
            (slow.ticks, slow.in_line) = (0, false);
            slow.waiting.clear();
        }
    }
}

impl Slow {
    /// Ticks that may go into one call, so that it takes no longer than a tick that keeps nobody waiting.
    pub(super) fn rows(&self) -> usize {
        usize::try_from(SLOW_FUEL_PER_TICK / self.fuel_per_tick.max(1)).unwrap_or(usize::MAX).max(1)
    }

    /// The ticks before anything else that waits, `max` at most.
    pub(super) fn take_ticks(&mut self, max: usize) -> Vec<Message> {
        let ticks = self.waiting.iter().take(max).take_while(|message| matches!(message, Message::Tick(_))).count();
        self.ticks -= ticks;
        self.waiting.drain(..ticks).collect()
    }

    pub(super) fn put_back(&mut self, rest: impl DoubleEndedIterator<Item = Message>) {
        for message in rest.rev() {
            self.ticks += 1;
            self.waiting.push_front(message);
        }
    }
}

impl Slot {
    /// Queues a tick. When the queue is full, the oldest that closes no bar is skipped.
    pub(super) fn wait_for_turn(&mut self, fed: &Fed, max: usize) {
        let Some(slow) = &mut self.lane.slow else { return };
        if slow.ticks >= max {
            let wanted = &self.wanted;
            let frames = |fed: &Fed| wanted.iter().find(|wanted| wanted.symbol == fed.tick.symbol).map_or(0, |wanted| wanted.frames);
            let may_go = |message: &Message| matches!(message, Message::Tick(fed) if !closes(frames(fed), fed));
            if let Some(oldest) = slow.waiting.iter().position(may_go) {
                slow.waiting.remove(oldest);
                slow.ticks -= 1;
                slow.calm_since = self.lane.second;
                add(&self.entry.meter.gone_by, 1);
            }
        }
        slow.ticks += 1;
        slow.waiting.push_back(Message::Tick(fed.clone()));
    }

    /// Tells its owner, at the market's time.
    fn tell_lane(&self, shard: &Shard, level: LogLevel, text: String) {
        let at = self.wanted.iter().filter_map(|wanted| wanted.last_time).max().unwrap_or_default();
        let remarks = vec![Remark::Log { at, level, text }];
        shard.tell(Event::Remarks { engine: self.entry.whose, remarks, dropped: 0 });
    }
}

impl Shard {
    /// Judges what an engine has just taken.
    pub(super) fn judge(&mut self, at: usize, fuel: u64, ticks: usize) {
        let (second, share, alone) = (self.second, self.lanes.fuel_share, self.lanes.fed < 2);
        let Some(slot) = self.slots[at].as_mut() else { return };
        if let Some(why) = slot.lane.note(second, fuel, ticks, share).filter(|_| !alone && slot.subscribed) {
            self.slow_down(at, &why);
        }
    }

    fn slow_down(&mut self, at: usize, why: &str) {
        self.rouse(at);
        let Some(slot) = self.slots[at].as_mut() else { return };
        let meter = &slot.entry.meter;
        slot.lane.times += 1;
        slot.lane.slow = Some(Box::new(Slow {
            waiting: VecDeque::new(),
            ticks: 0,
            in_line: false,
            calm_since: self.second,
            fuel_per_tick: SLOW_FUEL_PER_TICK,
            gone_by: meter.gone_by.load(Relaxed),
        }));
        meter.slow.store(true, Relaxed);
        add(&meter.slowed, 1);
        add_shared(&self.shared.counters.engines_slowed, 1);
        self.lanes.slow += usize::from(slot.subscribed);
        let calm = slot.lane.calm_s();
        let text = format!(
            "it is served after all others now: {why}. Ticks that it does not get to go by, and its next one says how many. When it has kept \
             within that for {calm} s, and nothing waits for it, it is served like any other again"
        );
        if let Some(slot) = &self.slots[at] {
            slot.tell_lane(self, LogLevel::Warn, text);
        }
    }

    fn speed_up(&mut self, at: usize, why: &str) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some(slow) = slot.lane.slow.take() else { return };
        slot.entry.meter.slow.store(false, Relaxed);
        slot.lane.costly_at = None;
        self.lanes.slow -= usize::from(slot.subscribed);
        let gone_by = slot.entry.meter.gone_by.load(Relaxed) - slow.gone_by;
        if let Some(slot) = &self.slots[at] {
            slot.tell_lane(self, LogLevel::Info, format!("it is served like any other again: {why}; {gone_by} ticks went by meanwhile"));
        }
    }

    /// Whether an engine may leave the slow lane, and why.
    pub(super) fn look_at_calm(&mut self, at: usize) {
        let (second, alone) = (self.second, self.lanes.fed < 2);
        // One that has just failed is not among those who are fed.
        let Some(slot) = self.slots[at].as_ref().filter(|slot| slot.subscribed) else { return };
        let Some(slow) = slot.lane.slow.as_ref().filter(|slow| slow.waiting.is_empty()) else { return };
        let calm_s = slot.lane.calm_s();
        if alone {
            self.speed_up(at, "there is nobody else");
        } else if second - slow.calm_since >= calm_s {
            self.speed_up(at, &format!("it has kept within its share for {calm_s} s"));
        }
    }

    /// Once a second, or when more has passed, for what fuel does not show: memory that is copied and filled, pages that are touched.
    pub(super) fn look_at_time(&mut self, passed: Duration) {
        let (second, alone) = (self.load.second(), self.lanes.fed < 2);
        let share = self.lanes.time_share().mul_f64(passed.as_secs_f64());
        let mut slow = Vec::new();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(slot) = slot else { continue };
            let Time { second: of, took, long_calls } = slot.lane.time;
            let is_long = of == second && took > share && long_calls >= LONG_CALLS;
            slot.lane.long_seconds = if is_long { slot.lane.long_seconds + 1 } else { 0 };
            match &mut slot.lane.slow {
                Some(lane) if is_long => lane.calm_since = self.second,
                None if slot.lane.long_seconds >= LONG_SECONDS && slot.subscribed => slow.push((at, took)),
                _ => {}
            }
        }
        for (at, took) in slow.into_iter().filter(|_| !alone) {
            let why = format!(
                "it has taken {} ms of its shard's time in a second, of which {} are its share",
                took.as_millis(),
                share.as_millis()
            );
            self.slow_down(at, &why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_lane_gets_a_seventh_of_the_time_and_less_where_its_calls_are_long() {
        let share = |us| {
            let took = Duration::from_micros(us);
            (took.as_secs_f64() / (took + rest(took)).as_secs_f64() * 1e3).round()
        };
        assert_eq!([1, 50, 100, 1_000, 10_000].map(share), [143.0, 143.0, 91.0, 10.0, 10.0]);
    }
}
