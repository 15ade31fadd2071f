//! Ticks that the guest waits for, and those that go by meanwhile.

use super::Desk;
use crate::tick::Tick;
use crate::wake::Wake;
use smallvec::SmallVec;

/// What is waited for of each symbol.
pub(super) type Waiting = SmallVec<[Wake; 1]>;

impl Desk {
    /// The guest waits for other ticks of a symbol from now on; whether that is news.
    pub(super) fn wait(&mut self, symbol: u32, wake: Wake) -> bool {
        let none = || Box::new(SmallVec::from_elem(Wake::EVERY_TICK, self.symbols.len()));
        let waiting = &mut self.waiting.get_or_insert_with(none)[symbol as usize];
        !std::mem::replace(waiting, wake).is_same(&wake)
    }

    /// The ticks of a symbol that the guest waits for.
    pub fn wake(&self, symbol: u32) -> Wake {
        self.waiting.as_ref().map_or(Wake::EVERY_TICK, |waiting| waiting[symbol as usize])
    }

    /// The market moves on by this many ticks, of which this is the last. They are events, though nobody is called.
    pub(crate) fn move_on(&mut self, symbol: u32, last: &Tick, ticks: u32) {
        self.see(symbol, last);
        self.now = self.now.max(last.time);
        self.flood.events(u64::from(ticks));
    }

    /// Whether its guest waits for more than the next tick, of every symbol.
    pub(crate) fn is_asleep(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.iter().all(|wake| !wake.is_awake(self.now)))
    }

    /// Whether the guest is to be handed this tick, before which this many are missing. It is where there are any: what it waits for
    /// may have been among them.
    pub(crate) fn awaits(&self, symbol: u32, tick: &Tick, skipped: u32) -> bool {
        skipped > 0 || self.wake(symbol).holds(tick)
    }

    /// This many ticks, of which this is the last, were skipped because the guest did not wait for them.
    pub(crate) fn pass(&mut self, symbol: u32, last: &Tick, ticks: u32) {
        self.move_on(symbol, last, ticks);
        if let Some(tape) = &mut self.tape {
            tape.passed(symbol, last.sequence + 1 - u64::from(ticks), ticks);
        }
    }
}
