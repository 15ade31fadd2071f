//! Which shard an account's engines are on, and how they move to another.
//!
//! ```text
//! hub, between two ticks     old shard                            new shard
//! Arriving, Leaving sent --> goes on until Leaving, then hands -> from Arriving on keeps what is for these engines,
//!                            its engines over as they stand       gives it to them when they come, goes on
//! ```
//! Both marks are put between the same two ticks, so what is before them is the old shard's to hand over and what is after them
//! the new one's. An engine that comes from a shard that is ahead has seen some of the new one's ticks already: it knows by
//! their numbers. What was asked of them and found its shard without them goes on to where they are.

use crate::shard::{Message, ShardRequest};
use crate::shared::Shared;
use domain::ids::AccountId;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Where every account is.
#[derive(Default)]
pub(crate) struct Homes {
    all: RwLock<BTreeMap<AccountId, Arc<Home>>>,
    /// One account moves at a time.
    moving: AtomicBool,
    /// What a shard that has too much to do wishes for, until the hub looks.
    wish: Mutex<Option<Wish>>,
    wished: AtomicBool,
    pub(crate) moved: AtomicU64,
}

/// An account that should be elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) account: AccountId,
    pub(crate) to: usize,
}

/// Where one account is.
pub(crate) struct Home(Mutex<Places>);

/// The two are the same but while it moves. Whoever sends something holds the lock meanwhile, so that nothing is on its way
/// to a shard that has been left.
#[derive(Clone, Copy)]
struct Places {
    messages: usize,
    requests: usize,
    engines: usize,
    /// The engines wait in an inbox to be taken in.
    under_way: bool,
}

impl Home {
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what keeps its order. `false`: the host has stopped.
    pub(crate) fn send(&self, message: Message, shared: &Shared) -> bool {
        let places = self.lock();
        shared.shards[places.messages].inbox.push(message)
    }

    /// Asks for what overtakes. `false`: the host has stopped.
    pub(crate) fn ask(&self, request: ShardRequest, shared: &Shared) -> bool {
        let places = self.lock();
        shared.shards[places.requests].inbox.push_urgent(request)
    }

    /// The shard its engines are on.
    pub(crate) fn shard(&self) -> usize {
        self.lock().requests
    }

    /// Whether its engines are on another shard, or on their way to this one.
    pub(crate) fn is_elsewhere(&self, shard: usize) -> bool {
        let places = self.lock();
        places.requests != shard || places.under_way
    }

    /// Its engines have been taken in.
    pub(crate) fn taken_in(&self) {
        self.lock().under_way = false;
    }

    /// One engine more, whose shard is told by `request`. The first one of an account goes where the fewest are.
    pub(crate) fn add(&self, request: ShardRequest, shared: &Shared) -> bool {
        let mut places = self.lock();
        if places.engines == 0 && places.messages == places.requests {
            let emptiest = shared.emptiest();
            (places.messages, places.requests) = (emptiest, emptiest);
        }
        places.engines += 1;
        let shard = &shared.shards[places.requests];
        shard.engines.fetch_add(1, Relaxed);
        shard.inbox.push_urgent(request)
    }

    /// One engine less.
    pub(crate) fn removed(&self, shared: &Shared) {
        let mut places = self.lock();
        places.engines = places.engines.saturating_sub(1);
        shared.shards[places.requests].engines.fetch_sub(1, Relaxed);
    }

    /// The old shard lets go: what is asked from now on goes to the new one, behind `parcel`. Gives the parcel back when the
    /// new shard is gone.
    pub(crate) fn hand_over(&self, parcel: ShardRequest, shared: &Shared) -> Result<(), ShardRequest> {
        let mut places = self.lock();
        let (from, to) = (places.requests, places.messages);
        shared.shards[to].inbox.try_push_urgent(parcel)?;
        shared.shards[from].engines.fetch_sub(places.engines, Relaxed);
        shared.shards[to].engines.fetch_add(places.engines, Relaxed);
        (places.requests, places.under_way) = (to, true);
        Ok(())
    }
}

impl Homes {
    /// An account's home; a new account's is found when it gets its first engine.
    pub(crate) fn of(&self, account: AccountId) -> Arc<Home> {
        if let Some(home) = self.all.read().unwrap_or_else(PoisonError::into_inner).get(&account) {
            return Arc::clone(home);
        }
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Home(Mutex::new(Places { messages: 0, requests: 0, engines: 0, under_way: false })));
        Arc::clone(all.entry(account).or_insert_with(new))
    }

    /// Whether an account is on its way.
    pub(crate) fn any_moving(&self) -> bool {
        self.moving.load(Acquire)
    }

    /// The account that was on its way has arrived.
    pub(crate) fn arrived(&self) {
        self.moved.fetch_add(1, Relaxed);
        self.moving.store(false, Release);
    }

    /// Notes what a shard wishes for, unless another wish waits.
    pub(crate) fn wish(&self, wish: Wish) {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(wish);
        self.wished.store(true, Release);
    }

    /// What is wished for, if anything; costs nothing when there is nothing.
    pub(crate) fn take_wish(&self) -> Option<Wish> {
        if !self.wished.swap(false, AcqRel) {
            return None;
        }
        self.wish.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Sends an account on its way. Between two ticks: the caller holds the hub's lock. `false`: it is there already, or
    /// another one is on its way.
    pub(crate) fn move_to(&self, wish: Wish, shared: &Shared) -> bool {
        let home = self.of(wish.account);
        let mut places = home.lock();
        if places.messages == wish.to || self.moving.swap(true, AcqRel) {
            return false;
        }
        let (from, to) = (&shared.shards[places.messages], &shared.shards[wish.to]);
        // From here on the new shard is sent every tick; it gives this back when the engines have come and want some.
        to.subscribed.iter().for_each(|count| _ = count.fetch_add(1, AcqRel));
        // Shards outlive the hub, whose lock is held: both are there.
        to.inbox.push(Message::Arriving(wish.account));
        from.inbox.push(Message::Leaving(wish.account));
        places.messages = wish.to;
        true
    }
}
