//! Engines that leave for another shard, and those that come; [`crate::homes`] says when.

use super::{Message, Shard, ShardRequest, Slot};
use crate::homes::Wish;
use domain::ids::AccountId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::{AcqRel, Relaxed};
use std::time::{Duration, Instant};

/// The engines of an account on their way, as they stand.
pub(crate) struct Parcel {
    account: AccountId,
    /// And whether they had ticks handed over.
    slots: Vec<(Slot, bool)>,
}

/// What is known of engines that come.
#[derive(Default)]
pub(super) struct Arrivals {
    /// Accounts whose engines are awaited, with what has come for them, in order. Bounded by the old shard's queue: it has
    /// those ticks, too, and the feed waits for it.
    awaited: BTreeMap<AccountId, Vec<Message>>,
    /// Accounts whose engines came before this shard was as far.
    early: BTreeSet<AccountId>,
    /// Their commands and events are seen to when they are all there.
    replaying: bool,
    stop_then: bool,
}

impl Arrivals {
    pub(super) fn replaying(&self) -> bool {
        self.replaying
    }

    /// What was under way is over.
    pub(super) fn after_panic(&mut self) {
        self.replaying = false;
    }
}

impl Shard {
    /// From here on everything for this account's engines is this shard's to hand over.
    pub(super) fn arriving(&mut self, account: AccountId) {
        if !self.arrivals.early.remove(&account) {
            self.arrivals.awaited.insert(account, Vec::new());
        }
    }

    /// Keeps ticks for engines that are awaited.
    pub(super) fn keep(&mut self, run: &[Message]) {
        for kept in self.arrivals.awaited.values_mut() {
            let tick = |message: &Message| if let Message::Tick(fed) = message { Some(Message::Tick(fed.clone())) } else { None };
            kept.extend(run.iter().filter_map(tick));
        }
    }

    /// Keeps news of an order whose engine is on its way here; news for an engine that is gone is dropped.
    pub(super) fn keep_changed(&mut self, changed: super::Changed) {
        let account = self.shared.engine(changed.engine).map(|entry| entry.whose.account);
        if let Some(kept) = account.and_then(|account| self.arrivals.awaited.get_mut(&account)) {
            kept.push(Message::Changed(Box::new(changed)));
        }
    }

    /// Hands an account's engines over, guests and all.
    pub(super) fn leaving(&mut self, account: AccountId) {
        let of_account = |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.entry.whose.account == account);
        let places: Vec<usize> = (0..self.slots.len()).filter(|&at| of_account(&self.slots[at])).collect();
        let mut slots = Vec::with_capacity(places.len());
        for at in places {
            let fed = self.slots[at].as_ref().is_some_and(|slot| slot.subscribed);
            self.unsubscribe(at);
            self.move_out_of_line(at);
            let Some(slot) = self.slots[at].take() else { continue };
            self.by_engine.remove(&slot.entry.whose.engine);
            self.freed.push(at as u32);
            slots.push((slot, fed));
        }
        self.stale = true;
        let parcel = ShardRequest::Adopt(Box::new(Parcel { account, slots }));
        // A shard that awaits engines does not end before they are there.
        if self.shared.homes.of(account).hand_over(parcel, &self.shared).is_err() {
            tracing::error!("the shard to which account {account} was moving is gone, and its engines with it; start the host again");
        }
        // Theirs go on to where they are.
        std::mem::take(&mut self.ready).into_iter().for_each(|(engine, generation, hand)| {
            self.request(ShardRequest::Ready { engine, generation, hand });
        });
    }

    /// What was asked for before an engine left, and is looked at after that, goes on to where the engine is, or behind it where it
    /// comes back; gives back what is for this shard.
    pub(super) fn send_on(&self, request: ShardRequest) -> Option<ShardRequest> {
        let elsewhere = request.about().filter(|&engine| self.slot(engine).is_none()).and_then(|engine| self.shared.engine(engine));
        let home = elsewhere.map(|entry| self.shared.homes.of(entry.whose.account)).filter(|home| home.is_elsewhere(self.number));
        match home {
            Some(home) => {
                home.ask(request, &self.shared);
                None
            }
            None => Some(request),
        }
    }

    /// Takes engines in and gives them what has come for them meanwhile.
    pub(super) fn adopt(&mut self, parcel: Parcel) {
        let Parcel { account, slots } = parcel;
        let (mut places, mut fed) = (Vec::new(), Vec::new());
        for (slot, was_fed) in slots {
            if let Some(due) = slot.restart_at {
                self.next_restart = Some(self.next_restart.map_or(due, |earlier| earlier.min(due)));
            }
            let at = self.place(slot);
            places.push(at);
            fed.extend(was_fed.then_some(at));
        }
        self.shared.homes.of(account).taken_in();
        match self.arrivals.awaited.remove(&account) {
            Some(kept) => self.replay(&fed, kept),
            None => _ = self.arrivals.early.insert(account),
        }
        for &at in &fed {
            // One that failed meanwhile has nothing to be handed.
            if self.slots[at as usize].as_ref().is_some_and(|slot| slot.actor.is_some() || slot.held.is_some()) {
                self.subscribe(at as usize);
            }
        }
        // It may have changed while nobody had them.
        places.iter().for_each(|&at| self.tell_trading(at as usize));
        // Until now every tick was sent here; from now on what its engines want.
        self.port().subscribed.iter().for_each(|count| _ = count.fetch_sub(1, AcqRel));
        self.shared.homes.arrived();
        if self.arrivals.stop_then {
            self.last_message();
        }
    }

    /// What came for engines while they were on their way. They have seen what is before it.
    fn replay(&mut self, places: &[u32], mut kept: Vec<Message>) {
        let symbols = self.shared.table.len();
        let outer = std::mem::replace(&mut self.run, super::run::Scratch::new(symbols));
        self.arrivals.replaying = true;
        let mut at = 0;
        while at < kept.len() {
            let ticks =
                kept[at..].iter().take(self.bounds().run_ticks_max).take_while(|message| matches!(message, Message::Tick(_))).count();
            if ticks > 0 {
                self.many_ticks(&kept[at..at + ticks], Some(places));
                at += ticks;
            } else {
                if let Message::Changed(changed) = std::mem::replace(&mut kept[at], Message::Stop) {
                    self.changed(*changed);
                }
                at += 1;
            }
        }
        self.arrivals.replaying = false;
        self.run = outer;
    }

    /// The host is stopping: at once, or when those who are awaited are there.
    pub(super) fn last_message(&mut self) {
        self.arrivals.stop_then = !self.arrivals.awaited.is_empty();
        if !self.arrivals.stop_then {
            self.end_slow_lane();
            self.stop_all();
        }
    }
}

/// How busy a shard is, second by second.
pub(super) struct Load {
    since: Instant,
    /// Handling ticks, since then.
    busy: Duration,
    /// Counts the seconds, so that engines begin each with nothing.
    second: u32,
}

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A shard that has less to do than this has time for all its engines, whatever others do. In thousandths.
const HOT: u32 = 500;
/// A move is worth it only if the other shard has this much less to do, in thousandths.
const GAP: u32 = 250;

impl Load {
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), busy: Duration::ZERO, second: 0 }
    }

    pub(super) fn second(&self) -> u32 {
        self.second
    }

    pub(super) fn add(&mut self, busy: Duration) {
        self.busy += busy;
    }
}

impl Shard {
    /// Once a second: says how busy it was, and when that was too much, wishes an account elsewhere.
    pub(super) fn look_at_load(&mut self) {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.load.since);
        if passed < LOOK_EVERY {
            return;
        }
        let own = (self.load.busy.as_secs_f64() / passed.as_secs_f64() * 1e3) as u32;
        self.port().busy.store(own, Relaxed);
        let others = self.shared.shards.iter().enumerate().filter(|(number, _)| *number != self.number);
        let idlest = others.map(|(number, port)| (port.busy.load(Relaxed), number)).min();
        if let Some((busy, to)) = idlest.filter(|_| own >= HOT) {
            let mut costs = BTreeMap::<AccountId, Duration>::new();
            for slot in self.slots.iter().flatten().filter(|slot| slot.cost.0 == self.load.second) {
                *costs.entry(slot.entry.whose.account).or_default() += slot.cost.1;
            }
            let costs = costs.into_iter().map(|(account, cost)| (account, (cost.as_secs_f64() / passed.as_secs_f64() * 1e3) as u32));
            if let Some(account) = too_many(own, busy, costs) {
                self.shared.homes.wish(Wish { account, to });
            }
        }
        self.look_at_time(passed);
        self.load = Load { since: now, busy: Duration::ZERO, second: self.load.second.wrapping_add(1) };
    }
}

/// The account that should move from a shard with `own` to do to one with `other`, all in thousandths of its time: the
/// costliest of those that leave the first one still the busier of the two, so that nothing is moved to and fro.
fn too_many(own: u32, other: u32, costs: impl Iterator<Item = (AccountId, u32)>) -> Option<AccountId> {
    let gap = own.checked_sub(other).filter(|gap| *gap >= GAP && own >= HOT)?;
    let fitting = costs.filter(|(_, cost)| *cost > 0 && *cost <= gap / 2);
    fitting.max_by_key(|&(account, cost)| (cost, std::cmp::Reverse(account))).map(|(account, _)| account)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_costliest_account_that_fits_into_half_the_gap_moves_from_a_hot_shard_only() {
        let costs = || [(1, 100), (2, 250), (3, 300), (4, 150)].into_iter().map(|(account, cost)| (AccountId(account), cost));
        assert_eq!(too_many(800, 250, costs()), Some(AccountId(2)));
        assert_eq!(too_many(800, 400, costs()), Some(AccountId(4)));
        assert_eq!(too_many(800, 600, costs()), None, "the gap is small");
        assert_eq!(too_many(450, 0, costs()), None, "it is not hot");
        assert_eq!(too_many(900, 0, std::iter::once((AccountId(1), 900))), None, "one account alone would only be hot elsewhere");
    }
}
