//! Ticks that the guest waits for, and those that go by meanwhile.

use super::Desk;
use crate::tick::Tick;
use crate::wake::Wake;
use smallvec::SmallVec;

/// Of each symbol.
pub(super) type Waiting = SmallVec<[Awaited; 1]>;

/// What is waited for of a symbol.
#[derive(Clone, Copy)]
pub(super) struct Awaited {
    wake: Wake,
    /// Ticks missing before ones that went by: the guest has not been told.
    skipped: u32,
}

impl Desk {
    /// The guest waits for other ticks of a symbol from now on; whether that is news.
    pub(super) fn wait(&mut self, symbol: u32, wake: Wake) -> bool {
        let none = || Box::new(SmallVec::from_elem(Awaited { wake: Wake::EVERY_TICK, skipped: 0 }, self.symbols.len()));
        let awaited = &mut self.waiting.get_or_insert_with(none)[symbol as usize];
        let before = std::mem::replace(&mut awaited.wake, wake);
        !before.is_same(&wake)
    }

    /// The ticks of a symbol that the guest waits for.
    pub fn wake(&self, symbol: u32) -> Wake {
        self.waiting.as_ref().map_or(Wake::EVERY_TICK, |waiting| waiting[symbol as usize].wake)
    }

    /// The market moves on by so many ticks, of which this is the last. They are events, though nobody is called.
    pub(crate) fn move_on(&mut self, symbol: u32, last: &Tick, ticks: u32) {
        self.see(symbol, last);
        self.now = self.now.max(last.time);
        self.flood.events(u64::from(ticks));
    }

    /// Whether its guest waits for more than the next tick, of every symbol.
    pub(crate) fn is_asleep(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.iter().all(|awaited| !awaited.wake.is_awake(self.now)))
    }

    /// Whether ticks are missing of which the guest must be told with the next one.
    pub(crate) fn must_tell_skipped(&self, symbol: u32) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting[symbol as usize].skipped > 0)
    }

    /// Whether the guest waits for this tick, before which so many are missing; how many that is for the guest.
    pub(crate) fn awaits(&mut self, symbol: u32, tick: &Tick, skipped: u32) -> Option<u32> {
        let Some(waiting) = &mut self.waiting else { return Some(skipped) };
        let awaited = &mut waiting[symbol as usize];
        awaited.skipped = awaited.skipped.saturating_add(skipped);
        awaited.wake.holds(tick).then(|| std::mem::take(&mut awaited.skipped))
    }

    /// So many ticks went by that the guest did not wait for, of which this is the last.
    pub(crate) fn pass(&mut self, symbol: u32, last: &Tick, ticks: u32) {
        self.move_on(symbol, last, ticks);
        if let Some(tape) = &mut self.tape {
            tape.passed(symbol, last.sequence + 1 - u64::from(ticks), ticks);
        }
    }
}
