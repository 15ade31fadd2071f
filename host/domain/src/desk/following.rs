//! A desk whose guest follows another one: it is shown the same, and what it asks for reaches nobody. Where it asks for what the
//! other one asked for at the same event it gets the same answer, number included, so that both go on to hear of the same
//! orders; whatever else it asks for is checked, and noted as a difference.

use super::Desk;
use super::decisions::{Asked, Decision};
use crate::contract::DenyCode;
use crate::order::Action;
use crate::time::Time;

/// Numbers of orders that only a follower asked for, far from those of the engine's own: nobody else ever hears of them.
const NUMBERS_FROM: u32 = 1 << 30;
/// Differences kept of one event; further ones are counted.
const KEPT_MAX: usize = 256;

/// What is known of the guest that is followed, and how this one compares.
#[derive(Debug, Default)]
pub(super) struct Following {
    led: Vec<Decision>,
    own: Vec<Decision>,
    own_orders: u32,
    /// It has left its start behind. Its timers and signals have no counterpart: the guest it follows started long ago.
    is_led: bool,
    asked: u64,
    same: u64,
}

/// How a follower's decisions at one event compare with those of the guest that it follows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    /// How much it asked for.
    pub asked: u64,
    /// How much of that the other one asked for as well.
    pub same: u64,
    /// What the other one asked for and it did not.
    pub missing: Vec<Decision>,
    /// What it asked for and the other one did not; of a flood the first.
    pub extra: Vec<Decision>,
}

impl Following {
    fn answer(&mut self, at: Time, asked: &Asked) -> Option<Result<u64, DenyCode>> {
        self.asked += 1;
        let place = self.led.iter().position(|led| led.at == at && led.asked == *asked)?;
        self.same += 1;
        Some(self.led.remove(place).answer)
    }
}

impl Desk {
    /// From now on the guest follows another one of its engine. Its account, its switch and its queue must be its own.
    pub fn follow(&mut self) {
        self.following = Some(Box::default());
    }

    /// What the guest that is followed decided at the event that comes next.
    pub(crate) fn lead(&mut self, led: Vec<Decision>) {
        if let Some(following) = &mut self.following {
            following.led = led;
            following.is_led = true;
        }
    }

    /// After the event: how it went. What the gate let through is forgotten.
    pub(crate) fn followed(&mut self) -> Followed {
        self.forget_commands();
        let Some(following) = &mut self.following else { return Followed::default() };
        let (asked, same) = (std::mem::take(&mut following.asked), std::mem::take(&mut following.same));
        Followed { asked, same, missing: std::mem::take(&mut following.led), extra: std::mem::take(&mut following.own) }
    }

    /// Answers a wish: as the guest that is followed was answered, where it wished the same; else as `decided` here.
    pub(super) fn decide(
        &mut self,
        asked: impl FnOnce() -> Asked,
        decided: impl FnOnce(&mut Self) -> Result<u64, DenyCode>,
    ) -> Result<u64, DenyCode> {
        let at = self.now;
        let Some(following) = &mut self.following else { return decided(self) };
        let asked = asked();
        if let Some(answer) = following.answer(at, &asked) {
            return answer;
        }
        let answer = decided(self);
        if let Some(following) = self.following.as_mut().filter(|following| following.own.len() < KEPT_MAX) {
            following.own.push(Decision { at, asked, answer });
        }
        answer
    }

    /// Notes a signal or a timer, for whoever watches and whoever compares.
    pub(super) fn note_other(&mut self, asked: impl Fn() -> Asked) {
        let at = self.now;
        self.decisions.tell_other(at, &asked);
        let Some(following) = self.following.as_mut().filter(|following| following.is_led) else { return };
        let asked = asked();
        if following.answer(at, &asked).is_none() && following.own.len() < KEPT_MAX {
            following.own.push(Decision { at, asked, answer: Ok(0) });
        }
    }

    /// The number of the next order; `None` when they are used up.
    pub(super) fn next_number(&self) -> Option<u32> {
        match &self.following {
            Some(following) => NUMBERS_FROM.checked_add(following.own_orders),
            None => self.orders.checked_add(1),
        }
    }

    /// A number has been given out.
    pub(super) fn numbered(&mut self, number: u32) {
        match &mut self.following {
            Some(following) => following.own_orders += 1,
            None => self.orders = number,
        }
    }

    /// Commands that will never be recorded leave the queue and the account, so that no phantom order stays behind.
    pub(super) fn forget_commands(&mut self) {
        if self.outbox.is_empty() {
            return;
        }
        let commands = std::mem::take(&mut self.outbox);
        self.queue.release(commands.len());
        let mut account = self.lock();
        for command in &commands {
            if matches!(command.get().action, Action::Place(_)) {
                account.ledger.orders.remove(&command.get().order);
            }
        }
    }
}
