//! What the host's threads share.

use crate::events::{Event, Whose};
use crate::herald::Herald;
use crate::homes::Homes;
use crate::host::Left;
use crate::inbox::Inbox;
use crate::jobs::Jobs;
use crate::keeping::{Keeping, Reserved};
use crate::latency::Fine;
use crate::meter::{Counters, Meter};
use crate::pipeline::{PipelineItem, PipelineRequest};
use crate::room::RoomLine;
use crate::setup::{Bounds, EngineSetup};
use crate::shard::{Message, ShardRequest};
use crate::unwritten::LinesAside;
use crate::usage::Usage;
use domain::account::Account;
use domain::bars::MarketHistory;
use domain::desk::{Desk, QueueGauge, TradingSwitch};
use domain::guest::GuestFactory;
use domain::ids::{AccountId, EngineId, UserId};
use domain::symbol::SymbolTable;
use domain::time::Clock;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

/// What the host's threads share. Locks are held for a few lines; whoever holds an account's lock takes the market's at most.
pub(crate) struct Shared {
    pub(crate) table: SymbolTable,
    pub(crate) market: Arc<RwLock<MarketHistory>>,
    pub(crate) factory: Arc<dyn GuestFactory<Desk>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) switch: Arc<TradingSwitch>,
    pub(crate) queue: Arc<QueueGauge>,
    pub(crate) bounds: Bounds,
    /// Whether somebody keeps a record of what engines are fed.
    pub(crate) records: bool,
    pub(crate) counters: Counters,
    /// What the journal has refused for good.
    pub(crate) lines_aside: Mutex<LinesAside>,
    pub(crate) herald: Arc<Herald>,
    pub(crate) keeping: Keeping,
    pub(crate) given: Reserved,
    /// By when a host that is stopping must have stopped.
    pub(crate) stop_by: OnceLock<Instant>,
    /// What the pipeline left when it ended.
    pub(crate) left: Mutex<Option<Left>>,
    pub(crate) pipeline: Arc<Inbox<PipelineItem, PipelineRequest>>,
    pub(crate) jobs: Jobs,
    /// Engines that the host can't take now.
    pub(crate) room: RoomLine,
    pub(crate) shards: Vec<ShardPort>,
    /// All engines of an account are on one shard, so that they see its changes in one order.
    pub(crate) homes: Homes,
    pub(crate) accounts: RwLock<BTreeMap<AccountId, Arc<Mutex<Account>>>>,
    pub(crate) engines: RwLock<BTreeMap<EngineId, Arc<Entry>>>,
    pub(crate) users: Mutex<BTreeMap<UserId, Arc<Usage>>>,
    /// The last second in which a user's fuel was used up.
    pub(crate) short_of_fuel: AtomicI64,
}

/// The way to one shard.
pub(crate) struct ShardPort {
    pub(crate) inbox: Inbox<Message, ShardRequest>,
    /// How many of its engines want ticks of each symbol; a symbol that nobody wants is not sent there.
    pub(crate) subscribed: Vec<AtomicU32>,
    /// From the arrival of a tick to the decision of each of its engines.
    pub(crate) latency: Fine,
    pub(crate) engines: AtomicUsize,
    /// Thousandths of its time that it was busy with ticks, in its last full second.
    pub(crate) busy: AtomicU32,
}

/// An engine as everyone may see it.
pub(crate) struct Entry {
    pub(crate) whose: Whose,
    pub(crate) setup: EngineSetup,
    /// After which number its orders go on: an engine that was removed and comes back goes on where it was.
    pub(crate) orders_before: u32,
    pub(crate) account: Arc<Mutex<Account>>,
    /// Goes over from one version of the engine to the next.
    pub(crate) meter: Arc<Meter>,
    /// What its owner's engines use together.
    pub(crate) usage: Arc<Usage>,
    /// Keeps its version ready, whatever others have loaded meanwhile.
    pub(crate) ready: Mutex<Option<Arc<dyn Send + Sync>>>,
}

impl Entry {
    /// Its version is needed, or not any more.
    pub(crate) fn needs_version(&self, needs: bool, factory: &dyn GuestFactory<Desk>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        *ready = if needs { ready.take().or_else(|| factory.keep_ready(&self.setup.version)) } else { None };
    }
}

impl Shared {
    /// An owner's engines have used more fuel.
    pub(crate) fn charge_fuel(&self, entry: &Entry, second: i64, more: u64) {
        let day = self.clock.now().day();
        entry.usage.fuel.add(second, more);
        entry.usage.fuel_of_day.add(day, more);
        entry.meter.fuel_of_day.add(day, more);
        if entry.usage.is_out_of_fuel(second, &self.bounds.quotas) {
            self.short_of_fuel.store(second, Relaxed);
        }
    }

    /// Whether any user's fuel of this second is used up; whose, their [`Usage`] says.
    pub(crate) fn is_short_of_fuel(&self, second: i64) -> bool {
        self.short_of_fuel.load(Relaxed) == second
    }

    /// The shard with the fewest engines.
    pub(crate) fn emptiest(&self) -> usize {
        (0..self.shards.len()).min_by_key(|&number| self.shards[number].engines.load(Relaxed)).unwrap_or(0)
    }

    pub(crate) fn market(&self) -> RwLockReadGuard<'_, MarketHistory> {
        self.market.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn account(&self, id: AccountId) -> Option<Arc<Mutex<Account>>> {
        self.accounts.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Room may have come free: whoever is first in line looks. Not while the host is stopping, which frees all of it.
    pub(crate) fn room_may_be_free(&self) {
        if self.jobs.is_closed() {
            return;
        }
        if let Some(entry) = self.room.first().and_then(|first| self.engine(first)) {
            self.homes.of(entry.whose.account).ask(ShardRequest::RoomMayBeFree(entry.whose.engine), self);
        }
    }

    /// What a user's engines use together. As many as have had an engine since the host's start.
    pub(crate) fn usage(&self, user: UserId) -> Arc<Usage> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(users.entry(user).or_insert_with(|| Arc::new(Usage::new(&self.bounds.quotas))))
    }

    pub(crate) fn engine(&self, id: EngineId) -> Option<Arc<Entry>> {
        self.engines.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    pub(crate) fn alarm(&self, code: &'static str, text: String) {
        tracing::error!(code, "{text}");
        self.herald.tell(Event::Alarm { code, text, at: self.clock.now() });
    }
}

/// An account, whoever panicked while holding it: its ledger is changed by whole reports only.
pub(crate) fn lock(account: &Mutex<Account>) -> MutexGuard<'_, Account> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

/// Answers a request. If the caller has stopped waiting, the answer is dropped.
pub(crate) fn reply<T>(to: &std::sync::mpsc::Sender<T>, answer: T) {
    let _not_awaited = to.send(answer);
}
