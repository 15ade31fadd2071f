//! A whole host for benchmarks: the real sandbox with real components, the paper broker, and a journal that forgets.

#![allow(dead_code, reason = "each benchmark uses its part")]

use domain::account::Account;
use domain::bars::MarketHistory;
use domain::broker::{AccountTerms, Broker, LiveBroker, Report, Whereabouts};
use domain::contract::{Description, Param, RunMode, TradingState};
use domain::desk::Desk;
use domain::guest::GuestFactory as _;
use domain::ids::{AccountId, Digest, EngineId, OrderId, UserId};
use domain::journal::{Forgetful, Recorded};
use domain::ledger::Ledger;
use domain::limits::GuestLimits;
use domain::number::Points;
use domain::order::Command;
use domain::params::resolve;
use domain::reconcile::Snapshot;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::{FLAGS_BID_ASK, Tick, Timeframe};
use domain::time::{Clock, SECOND_US, Steady, Time};
use paper::{Venue, VenueOptions};
use sandbox::{Sandbox, SandboxConfig};
use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use stockade_engine::{Bounds, EngineSetup, Event, EventSink, Host, HostSetup, Traded};
use testkit::components;

/// As in the program.
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Nothing that is waited for takes this long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const EURUSD: SymbolId = SymbolId(0);
pub const GOLD: SymbolId = SymbolId(1);

/// One figure, as `cargo xtask bench` reads it.
pub fn figure(name: &str, value: f64, unit: &str, target: Option<&str>) {
    let mut line = json!({ "name": name, "value": value, "unit": unit });
    if let Some(target) = target {
        line["target"] = target.into();
    }
    println!("{line}");
}

/// What runs in an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    EmaCross,
    Scalper,
    /// Misbehaves in this way after this many calm ticks.
    Hostile(&'static str, i64),
}

struct Version {
    digest: Digest,
    description: Description,
}

/// A host with everything around it.
pub struct World {
    pub host: Host,
    pub sandbox: Arc<Sandbox<Desk>>,
    pub told: Arc<Counted>,
    ema_cross: Version,
    scalper: Version,
    hostile: Version,
    now: Time,
    gap: Duration,
    bid: i64,
    random: u64,
}

impl World {
    /// Its market's ticks are `gap` apart, as they are fed: what happens every minute happens as often as on a host.
    pub fn new(bounds: Bounds, gap: Duration) -> Self {
        let sandbox = Arc::new(Sandbox::new(SandboxConfig::default()).expect("this machine runs wasmtime"));
        let version = |component: &[u8]| {
            let digest = sandbox.load(component).expect("the sample loads").digest;
            Version { digest, description: sandbox.describe(&digest).expect("the sample describes itself") }
        };
        let (ema_cross, scalper) = (version(components::ema_cross()), version(components::scalper()));
        let hostile = version(components::misbehaving());
        let table = SymbolTable::new(vec![common::forex("EUR", "USD"), common::gold()]).expect("two different symbols");
        let options = VenueOptions { track_equity: false, ..VenueOptions::default() };
        let told = Arc::new(Counted::default());
        let host = Host::start(HostSetup {
            history: MarketHistory::new(&table, |_| (vec![Timeframe::M1, Timeframe::M5], 1_024)),
            factory: Arc::clone(&sandbox) as _,
            journal: Box::new(Forgetful::default()),
            keeper: Arc::new(domain::keeper::InMemory::default()),
            broker: Box::new(Paper(Venue::new(table.clone(), options))),
            clock: Arc::new(SystemClock),
            sink: Box::new(Counting(Arc::clone(&told))),
            trading: TradingState::Active,
            bounds,
            table,
        });
        let host = host.expect("threads can be started");
        Self { host, sandbox, told, ema_cross, scalper, hostile, now: Time(1_700_000_000 * SECOND_US), gap, bid: 110_000, random: 1 }
    }

    fn version(&self, sample: Sample) -> &Version {
        match sample {
            Sample::EmaCross => &self.ema_cross,
            Sample::Scalper => &self.scalper,
            Sample::Hostile(..) => &self.hostile,
        }
    }

    /// Every engine has an account of its own and parameters of its own.
    pub fn setup(&self, engine: u32, sample: Sample) -> EngineSetup {
        let version = self.version(sample);
        EngineSetup {
            engine: EngineId(engine),
            owner: UserId(engine),
            account: AccountId(engine),
            version: version.digest,
            description: version.description.clone(),
            params: params(engine, sample, &version.description),
            symbols: vec![if sample == Sample::Scalper { GOLD } else { EURUSD }; version.description.needs.len()],
            mode: RunMode::Paper,
            trading: TradingState::Active,
            seed: u64::from(engine),
            limits: GuestLimits::default(),
            restored: None,
            given: Vec::new(),
            fresh: false,
            paused: false,
            orders_before: 0,
            traded_before: Traded::default(),
        }
    }

    /// Opens accounts, adds engines, starts them, and waits until they run.
    pub fn start(&self, engines: impl IntoIterator<Item = (u32, Sample)>) {
        for (engine, sample) in engines {
            self.define(engine, sample);
            self.host.start_engine(EngineId(engine), "bench").expect("a new engine starts");
        }
        self.settle();
    }

    /// Opens an account and adds an engine that trades on it.
    pub fn define(&self, engine: u32, sample: Sample) {
        let terms = AccountTerms::default();
        let ledger = Ledger::new(terms.deposit);
        let account = Account::new(AccountId(engine), UserId(engine), terms, ledger, RiskLimits::default());
        self.host.open_account(account).expect("a new account opens");
        self.host.add(self.setup(engine, sample)).expect("a new engine is added");
    }

    /// Calls of all guests so far.
    pub fn calls(&self) -> u64 {
        self.host.snapshot().engines.iter().map(|engine| engine.calls).sum()
    }

    pub fn settle(&self) {
        assert!(self.host.settle(PATIENCE), "the host does not come to rest");
    }

    /// The next tick, one point above the last: averages follow and do not cross, so nobody trades.
    pub fn quiet_tick(&mut self) -> Tick {
        self.next(EURUSD, 1)
    }

    /// The next tick, a few points away from the last, up or down.
    pub fn lively_tick(&mut self, symbol: SymbolId) -> Tick {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let step = (self.random % 7) as i64 - 3;
        self.next(symbol, step)
    }

    fn next(&mut self, symbol: SymbolId, step: i64) -> Tick {
        self.now = self.now.plus_us(self.gap.as_micros() as i64);
        self.bid += step;
        let spec = self.host.table().spec(symbol);
        let (bid, ask) = (spec.price(Points(self.bid)), spec.price(Points(self.bid + 2)));
        let time = self.now;
        Tick { symbol, sequence: 0, time, bid, ask, last: 0.0, volume: 0.0, flags: FLAGS_BID_ASK }
    }
}

fn params(engine: u32, sample: Sample, description: &Description) -> Vec<Param> {
    match sample {
        Sample::EmaCross => {
            let (fast, slow) = (0.01 + f64::from(engine % 97) / 1_000.0, 0.0001 + f64::from(engine % 89) / 100_000.0);
            let given = [("fast_alpha", fast.to_string()), ("slow_alpha", slow.to_string())];
            resolve(&description.params, given.iter().map(|(name, text)| (*name, text.as_str()))).expect("they are in range")
        }
        Sample::Scalper => resolve(&description.params, []).expect("its defaults fit"),
        Sample::Hostile(mode, calm_ticks) => {
            let choices = description.params.iter().find(|spec| spec.name == "mode").expect("it has modes");
            components::misbehaving_params(&choices.choices, mode, calm_ticks)
        }
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        Time(since.as_micros() as i64)
    }

    fn steady(&self) -> Steady {
        static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
        Steady(BEGINNING.elapsed().as_micros() as i64)
    }
}

struct Paper(Venue);

impl Broker for Paper {
    fn submit(&mut self, command: Recorded<Command>) {
        self.0.submit(command);
    }

    fn reports(&mut self, into: &mut Vec<Report>) {
        self.0.reports(into);
    }
}

impl LiveBroker for Paper {
    fn orders_seen(&mut self, _: AccountId) -> Option<Vec<domain::ids::OrderId>> {
        Some(Vec::new())
    }

    fn open(&mut self, account: AccountId, terms: &AccountTerms, known: &Ledger) -> Result<(), String> {
        self.0.open(account, terms.clone(), Some(known.clone()));
        Ok(())
    }

    fn ask(&mut self, _: AccountId, _: OrderId) -> Whereabouts {
        Whereabouts::Missing
    }

    fn snapshot(&mut self, account: AccountId) -> Option<Snapshot> {
        self.0.ledger(account).map(Snapshot::of)
    }

    fn on_tick(&mut self, tick: &Tick) {
        self.0.on_tick(tick);
    }
}

/// What the sink was told, counted.
#[derive(Debug, Default)]
pub struct Counted {
    pub events: AtomicU64,
    pub faults: AtomicU64,
}

struct Counting(Arc<Counted>);

impl EventSink for Counting {
    fn events(&mut self, events: Vec<Event>) {
        let faults = events.iter().filter(|event| matches!(event, Event::Fault { .. })).count();
        self.0.events.fetch_add(events.len() as u64, Ordering::Relaxed);
        self.0.faults.fetch_add(faults as u64, Ordering::Relaxed);
    }
}

/// A line of this process's status, KiB.
pub fn status_kib(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

/// Processor time of this process so far, all threads.
pub fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Fields 14 and 15, counted after the name, which may hold spaces.
    let fields: Vec<u64> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    Duration::from_millis(fields.iter().sum::<u64>() * 10)
}
