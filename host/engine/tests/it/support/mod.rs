//! A host in a test: what guests do is a closure, what they hear is a list of words.

pub mod guests;
pub mod ports;

pub use guests::{Heard, Mind, Script};
pub use ports::{Ledgerless, Records, Told};

use domain::account::Account;
use domain::bars::MarketHistory;
use domain::broker::AccountTerms;
use domain::contract::{AskedOrder, Callbacks, DataNeed, Description, Filling, OrderKind, RunMode, Side, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, Outcome};
use domain::ids::{AccountId, Digest, EngineId, UserId};
use domain::keeper::Keeper;
use domain::ledger::Ledger;
use domain::limits::GuestLimits;
use domain::number::Points;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::{FLAGS_BID_ASK, Tick, Timeframe};
use domain::time::{Clock, SECOND_US, Steady, Time};
use engine::{Bounds, EngineSetup, Host, HostSetup, Traded};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::time::Duration;

/// Nothing in these tests takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub const EURUSD: SymbolId = SymbolId(0);
pub const GOLD: SymbolId = SymbolId(1);

/// A clock that stands still until it is moved.
#[derive(Default)]
pub struct HandClock {
    steady: AtomicI64,
    /// What the clock on the wall shows beyond that.
    set_by: AtomicI64,
}

impl Clock for HandClock {
    fn now(&self) -> Time {
        Time(self.steady.load(SeqCst) + self.set_by.load(SeqCst))
    }

    fn steady(&self) -> Steady {
        Steady(self.steady.load(SeqCst))
    }
}

impl HandClock {
    pub fn forward(&self, us: i64) {
        self.steady.fetch_add(us, SeqCst);
    }

    /// Somebody sets the clock on the wall.
    pub fn set_by(&self, us: i64) {
        self.set_by.fetch_add(us, SeqCst);
    }
}

/// A host and everything a test wants to look at.
pub struct World {
    pub host: Host,
    pub clock: Arc<HandClock>,
    pub records: Arc<Records>,
    pub broker: Arc<Ledgerless>,
    pub told: Arc<Told>,
    pub heard: Heard,
    pub guests: Arc<guests::Factory>,
}

impl World {
    pub fn new() -> Self {
        Self::with(Bounds { shards: 2, ..Bounds::default() })
    }

    pub fn with(bounds: Bounds) -> Self {
        Self::made(bounds, in_memory(), |told| Box::new(ports::Sink(told)))
    }

    /// One whose sink keeps a record.
    pub fn recording(bounds: Bounds) -> Self {
        Self::made(bounds, in_memory(), |told| Box::new(ports::RecordingSink(ports::Sink(told))))
    }

    pub fn kept_by(bounds: Bounds, keeper: Arc<dyn Keeper>) -> Self {
        Self::made(bounds, keeper, |told| Box::new(ports::Sink(told)))
    }

    fn made(bounds: Bounds, keeper: Arc<dyn Keeper>, sink: impl FnOnce(Arc<Told>) -> Box<dyn engine::EventSink>) -> Self {
        let table = table();
        let history = MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), 1_024));
        let (clock, records, told) = (Arc::new(HandClock::default()), Arc::default(), Arc::<Told>::default());
        let broker = Arc::new(Ledgerless::default());
        let heard = Heard::default();
        let guests = Arc::new(guests::Factory::new(heard.clone()));
        let host = Host::start(HostSetup {
            table,
            history,
            factory: guests.clone(),
            journal: Box::new(ports::Journal(Arc::clone(&records))),
            keeper,
            broker: Box::new(ports::Broker(Arc::clone(&broker))),
            clock: clock.clone(),
            sink: sink(Arc::clone(&told)),
            trading: TradingState::Active,
            bounds,
        })
        .unwrap();
        Self { host, clock, records, broker, told, heard, guests }
    }

    /// Opens an account of 10,000 USD.
    pub fn account(&self, id: u32) {
        self.account_with(id, Ledger::new(AccountTerms::default().deposit));
    }

    pub fn account_with(&self, id: u32, ledger: Ledger) -> engine::Recovered {
        let account = Account::new(AccountId(id), UserId(id), AccountTerms::default(), ledger, RiskLimits::default());
        self.host.open_account(account).unwrap()
    }

    /// Adds and starts an engine that trades `EURUSD` with `script`, and waits until it runs.
    pub fn run(&self, engine: u32, account: u32, script: impl Into<Script>) {
        self.run_as(setup(engine, account), script);
    }

    pub fn run_as(&self, mut setup: EngineSetup, script: impl Into<Script>) {
        setup.version = self.guests.load(script.into());
        let engine = setup.engine;
        self.host.add(setup).unwrap();
        self.host.start_engine(engine, "by test").unwrap();
        self.settle();
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    pub fn settle(&self) {
        assert!(self.host.settle(PATIENCE), "the host does not come to rest");
    }

    pub fn feed(&self, tick: Tick) {
        self.host.feed(tick).unwrap();
    }

    /// Feeds ticks of `EURUSD`, one a second from `from_s` on, the n-th with a bid of 1.10000 and n points.
    pub fn feed_seconds(&self, from_s: i64, count: i64) {
        (from_s..from_s + count).for_each(|s| self.feed(tick(EURUSD, s * SECOND_US, 110_000 + s)));
    }
}

fn in_memory() -> Arc<dyn Keeper> {
    Arc::new(domain::keeper::InMemory::default())
}

pub fn table() -> SymbolTable {
    SymbolTable::new(vec![common::forex("EUR", "USD"), common::gold()]).unwrap()
}

/// A tick with a bid of this many points and the ask two points above.
pub fn tick(symbol: SymbolId, us: i64, bid: i64) -> Tick {
    let table = table();
    let spec = table.spec(symbol);
    let (bid, ask) = (spec.price(Points(bid)), spec.price(Points(bid + 2)));
    Tick { symbol, sequence: 0, time: Time(us), bid, ask, last: 0.0, volume: 0.0, flags: FLAGS_BID_ASK }
}

pub fn description() -> Description {
    Description {
        name: "scripted".into(),
        version: "1".into(),
        about: String::new(),
        params: Vec::new(),
        needs: vec![need()],
        latest_tick_only: false,
        callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
        state_schema: 1,
        memory_bytes: 0,
    }
}

pub fn need() -> DataNeed {
    DataNeed { symbol: String::new(), timeframes: vec![Timeframe::M1], bars_before_start: 0, ticks_before_start: 0 }
}

pub fn setup(engine: u32, account: u32) -> EngineSetup {
    EngineSetup {
        engine: EngineId(engine),
        owner: UserId(account),
        account: AccountId(account),
        version: Digest([0; 32]),
        description: description(),
        params: Vec::new(),
        given: Vec::new(),
        symbols: vec![EURUSD],
        mode: RunMode::Paper,
        trading: TradingState::Active,
        seed: 1,
        limits: GuestLimits::default(),
        restored: None,
        fresh: false,
        paused: false,
        orders_before: 0,
        traded_before: Traded::default(),
    }
}

/// A market order of 0.1 lot.
pub fn market(side: Side) -> AskedOrder {
    AskedOrder {
        symbol: 0,
        side,
        kind: OrderKind::Market,
        volume: 0.1,
        price: None,
        stop_limit_price: None,
        stop_loss: None,
        take_profit: None,
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: String::new(),
    }
}

/// Waits for something that other threads bring about and of which nobody tells.
pub fn eventually(mut happens: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !happens() {
        assert!(std::time::Instant::now() < end, "what was waited for did not happen");
        std::thread::yield_now();
    }
}

/// Does nothing but listen.
pub fn listens(_: &mut Desk, _: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    None
}
