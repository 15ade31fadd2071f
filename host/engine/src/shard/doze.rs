//! Engines that doze: ticks that they do not wait for pass them by without a look at their memory.
//!
//! With ten thousand engines it is memory that a pass waits for. What decides whether a tick is anything to an engine that waits
//! takes one line: the prices it waits for, the next time at which something is due, the timeframes of its bars. These lines lie
//! side by side, so that a tick passes over dozing engines as fast as memory is read in order.
//!
//! What a dozing engine has slept through is made up for in one step when it is roused, and whatever is done with an engine
//! rouses it first. It is as if it had let each tick go by. Meanwhile its count of ticks stands still: until it is roused, or the first
//! tick after some seconds.
//!
//! - An engine dozes after a tick that it was handed or that went by, while nothing but ticks, bars and timers can mean anything to it.
//! - It has come to that tick, and all that follow come here: the shard gets every tick of its one symbol. Where the shard itself
//!   loses some, in a panic, all are roused, and each finds the gap.

use super::run::index;
use super::slot::Slot;
use super::{Fed, Shard, Subscriber};
use crate::meter::add;
use domain::life::EngineState;
use domain::tick::Tick;
use domain::time::{SECOND_US, Time};
use domain::wake::Wake;

/// How long an engine dozes at most, in market time: so long its count of ticks may stand still.
const DOZE_MAX_US: i64 = 5 * SECOND_US;

/// What rouses an engine.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Doze {
    /// Something is due: a time it waits for, a timer, a save.
    until: Time,
    /// Prices it waits for.
    wake: Wake,
    /// Timeframes of its bars, one bit each.
    frames: u16,
    is_asleep: bool,
}

impl Doze {
    const AWAKE: Self = Self { until: Time(i64::MIN), wake: Wake::EVERY_TICK, frames: 0, is_asleep: false };

    /// Whether this tick is nothing to it.
    fn goes_on(&self, fed: &Fed) -> bool {
        let Tick { time, bid, ask, .. } = fed.tick;
        self.is_asleep && time < self.until && !self.wake.holds_at(bid, ask) && !super::slot::closes(self.frames, fed)
    }
}

/// Who dozes.
pub(super) struct Dozing {
    /// Of each slot, as far as one has ever dozed.
    of_slot: Vec<Doze>,
    asleep: usize,
    /// Of each symbol: the last tick that this shard has handed over, or had slept through.
    last: Vec<Option<Tick>>,
    /// Subscribers of a tick's symbol that are handed it.
    up: Vec<u32>,
}

impl Dozing {
    pub(super) fn new(symbols: usize) -> Self {
        Self { of_slot: Vec::new(), asleep: 0, last: vec![None; symbols], up: Vec::new() }
    }
}

impl Shard {
    /// Hands a tick to those who are up, one after the other.
    pub(super) fn hand_round(&mut self, fed: &Fed) {
        let symbol = index(fed.tick.symbol);
        let known = self.by_symbol[symbol].len();
        let mut up = std::mem::take(&mut self.dozing.up);
        let all = self.dozing.asleep == 0;
        if !all {
            up.clear();
            for place in 0..known {
                let slot = self.by_symbol[symbol][place].slot as usize;
                if !self.dozing.of_slot.get(slot).is_some_and(|doze| doze.goes_on(fed)) {
                    self.rouse(slot);
                    up.push(place as u32);
                }
            }
        }
        // From here on whoever is still asleep has slept through this tick.
        self.dozing.last[symbol] = Some(fed.tick);
        let count = if all { known } else { up.len() };
        let place = |nth: usize| if all || nth >= count { nth + known - count } else { up[nth] as usize };
        let mut nth = 0;
        // Counted, not iterated: an interruption may bring new subscribers, at the end.
        while let Some(&Subscriber { slot, symbol: wanted }) = self.by_symbol[symbol].get(place(nth)) {
            nth += 1;
            self.ask_ahead(symbol, place(nth), place(nth + super::run::FOOTPRINTS_AHEAD));
            self.flat(slot as usize, wanted as usize, fed);
            self.doze(slot as usize, fed);
            self.interrupt();
        }
        self.dozing.up = up;
    }

    /// Ticks that are handed over otherwise: nobody who wants any of them dozes.
    pub(super) fn rouse_for<'a>(&mut self, ticks: impl Iterator<Item = &'a Fed>) {
        for fed in ticks {
            let symbol = index(fed.tick.symbol);
            if self.dozing.asleep > 0 {
                for place in 0..self.by_symbol[symbol].len() {
                    self.rouse(self.by_symbol[symbol][place].slot as usize);
                }
            }
            self.dozing.last[symbol] = Some(fed.tick);
        }
    }

    /// Lets an engine doze, if it can.
    fn doze(&mut self, at: usize, fed: &Fed) {
        let Some(slot) = self.slots[at].as_mut() else { return };
        let Some((wake, until)) = slot.dozes_until(fed) else { return };
        let doze = Doze { until: until.min(fed.tick.time.plus_us(DOZE_MAX_US)), wake, frames: slot.wanted[0].frames, is_asleep: true };
        if at >= self.dozing.of_slot.len() {
            self.dozing.of_slot.resize(self.slots.len(), Doze::AWAKE);
        }
        let before = std::mem::replace(&mut self.dozing.of_slot[at], doze);
        self.dozing.asleep += usize::from(!before.is_asleep);
    }

    /// An engine is looked at: it has seen what it has slept through.
    pub(super) fn rouse(&mut self, at: usize) {
        let Some(doze) = self.dozing.of_slot.get_mut(at).filter(|doze| doze.is_asleep) else { return };
        doze.is_asleep = false;
        self.dozing.asleep -= 1;
        if let Some(slot) = self.slots[at].as_mut()
            && let Some(last) = &self.dozing.last[index(slot.wanted[0].symbol)]
        {
            slot.catch_up(last);
        }
    }

    pub(super) fn rouse_all(&mut self) {
        if self.dozing.asleep > 0 {
            (0..self.dozing.of_slot.len()).for_each(|at| self.rouse(at));
        }
    }
}

impl Slot {
    /// Whether nothing but ticks, bars and timers can mean anything to it, and none of the next ticks: which it waits for, and until
    /// when.
    fn dozes_until(&mut self, fed: &Fed) -> Option<(Wake, Time)> {
        let (actor, [wanted]) = (self.actor.as_mut()?, self.wanted.as_slice()) else { return None };
        // First what most are: awake, which is known of one that has just been called without another look at memory.
        let wake = actor.wake(wanted.symbol).filter(|wake| !wake.is_awake(fed.tick.time))?;
        // One that was throttled has not come to this tick: the next one tells it so. Ticks from before a restart do not count for it.
        if wanted.last < fed.tick.sequence || wanted.handled.is_some_and(|handled| fed.tick.time <= handled) {
            return None;
        }
        let due = [actor.next_timer(), self.next_save].into_iter().flatten().fold(wake.at, Time::min);
        let is_alone = self.shadow.is_none() && self.trial.is_none() && self.beside.is_none() && !self.busy;
        let is_fed = self.state == EngineState::Running && self.held.is_none() && !self.lane.is_slow();
        (is_alone && is_fed).then_some((wake, due))
    }

    /// Ticks up to this one went by while it dozed.
    fn catch_up(&mut self, last: &Tick) {
        let Some(actor) = &mut self.actor else { return };
        let wanted = &mut self.wanted[0];
        debug_assert!(wanted.last != 0, "it was handed a tick, or let one go by, before it dozed");
        let ticks = last.sequence.saturating_sub(wanted.last) as u32;
        if ticks > 0 {
            actor.pass(last, ticks);
            (wanted.last, wanted.last_time) = (last.sequence, Some(last.time));
            self.lane.went_by(ticks);
            add(&self.meter.ticks, u64::from(ticks));
        }
    }
}
