//! What the host has handed over so far, and what it may therefore not do next.
//!
//! All of it is saved and loaded, so that it also holds over a crash. An instance goes on from a state that may be older than the
//! last thing its predecessor did: of orders that were asked for in between it knows nothing, and accepts what it hears of them.

use std::collections::VecDeque;
use stockade_sdk::prelude::*;
use stockade_sdk::state::{Reader, Writer};

/// Orders remembered; older ones are believed.
const ORDERS_MAX: usize = 256;
/// Numbers from here on are of orders that the host gives in our name, to flatten what we have.
const HOSTS_ORDERS_FROM: OrderId = 1 << 31;
/// Less than the smallest step of a volume, in lots.
const HALF_A_STEP: f64 = 1e-9;

/// What is remembered.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    last: Option<(Time, f64, f64)>,
    /// The highest number that an order of ours was given.
    highest: OrderId,
    /// The first number that this instance was given.
    first: Option<OrderId>,
    /// The highest number that is no longer remembered.
    forgotten: OrderId,
    orders: VecDeque<Known>,
    /// When timers are due, by their ids. Timers end with an instance.
    timers: Vec<(u32, Time)>,
}

/// An order of ours.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: OrderId,
    /// Lots that were asked for, and lots that were filled.
    volume: f64,
    filled: f64,
}

impl Watch {
    /// A tick was handed over. Gives what is wrong with it.
    pub fn tick(&mut self, tick: &Tick) -> Option<String> {
        let now = (tick.time, tick.bid, tick.ask);
        let before = self.last.replace(now)?;
        match () {
            () if now.0 < before.0 => Some(format!("a tick of {} after one of {}: time went back", now.0, before.0)),
            () if now == before => Some(format!("the tick of {} came twice", now.0)),
            () => None,
        }
    }

    /// An order was given a number.
    pub fn given(&mut self, id: OrderId, volume: f64) -> Option<String> {
        self.first.get_or_insert(id);
        let highest = self.highest;
        self.highest = highest.max(id);
        self.orders.push_back(Known { id, volume, filled: 0.0 });
        if self.orders.len() > ORDERS_MAX
            && let Some(oldest) = self.orders.pop_front()
        {
            self.forgotten = self.forgotten.max(oldest.id);
        }
        (id <= highest).then(|| format!("order number {id} after {highest}: numbers repeat"))
    }

    /// Something became of an order.
    pub fn event(&mut self, id: OrderId, event: &OrderEvent) -> Option<String> {
        if id >= HOSTS_ORDERS_FROM {
            return None;
        }
        let Some(known) = self.orders.iter_mut().find(|known| known.id == id) else {
            let ours = id > self.forgotten && self.first.is_some_and(|first| id >= first);
            return ours.then(|| format!("{event:?} of order {id}, which was never asked for"));
        };
        let (OrderEvent::Filled(fill) | OrderEvent::PartiallyFilled(fill)) = event else { return None };
        known.filled += fill.volume;
        let Known { volume, filled, .. } = *known;
        (filled > volume + HALF_A_STEP).then(|| format!("order {id} of {volume} lots was filled twice: {filled} lots"))
    }

    /// A timer was set.
    pub fn timer_set(&mut self, id: u32, at: Time) {
        self.timer_cleared(id);
        self.timers.push((id, at));
    }

    /// A timer was cleared.
    pub fn timer_cleared(&mut self, id: u32) {
        self.timers.retain(|(known, _)| *known != id);
    }

    /// A timer fired.
    pub fn timer(&mut self, id: u32, now: Time) -> Option<String> {
        match self.timers.iter().find(|(known, _)| *known == id) {
            None => Some(format!("timer {id} fired and was never set")),
            Some((_, at)) => (now < *at).then(|| format!("timer {id} fired at {now}, before its time {at}")),
        }
    }

    /// The bytes that [`Watch::load`] takes.
    pub fn save(&self) -> Vec<u8> {
        let (time, bid, ask) = self.last.unwrap_or((Time::MIN, 0.0, 0.0));
        let head = Writer::new().i64(time).f64(bid).f64(ask).u64(self.highest).u64(self.forgotten).u64(self.orders.len() as u64);
        self.orders.iter().fold(head, |writer, known| writer.u64(known.id).f64(known.volume).f64(known.filled)).finish()
    }

    /// What was saved.
    ///
    /// # Errors
    /// The bytes are cut short or have too many orders in them.
    pub fn load(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = Reader::new(bytes);
        let (time, bid, ask) = (reader.i64()?, reader.f64()?, reader.f64()?);
        let (highest, forgotten, count) = (reader.u64()?, reader.u64()?, reader.u64()?);
        if count > ORDERS_MAX as u64 {
            return Err(format!("saved state has {count} orders, more than {ORDERS_MAX}"));
        }
        let order = |_| Ok(Known { id: reader.u64()?, volume: reader.f64()?, filled: reader.f64()? });
        let orders = (0..count).map(order).collect::<Result<_, String>>()?;
        reader.finish()?;
        let last = (time != Time::MIN).then_some((time, bid, ask));
        Ok(Watch { last, highest, forgotten, orders, ..Watch::default() })
    }
}
