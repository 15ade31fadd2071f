//! Real components that mean harm, on a whole host: each is cut, named, started again later and later, and ends in quarantine with a
//! reason that its owner can read; one that only takes its time is served after all others.

use crate::support::*;
use domain::bars::MarketHistory;
use domain::contract::TradingState;
use domain::desk::Desk;
use domain::guest::GuestFactory as _;
use domain::ids::EngineId;
use domain::life::{EngineState, Verdict};
use domain::limits::{FLOOD_BURSTS_MAX, GuestLimits};
use domain::tick::Timeframe;
use domain::time::SECOND_US;
use engine::{Bounds, EngineSetup, Event, Host, HostSetup};
use sandbox::{Sandbox, SandboxConfig};
use std::sync::Arc;
use testkit::components;

/// Each mode, and what its owner reads in the end.
const ENDS: [(&str, &str); 11] = [
    ("endless-loop", "out-of-fuel: did too much work in one call and used up its 2,000,000 fuel (limits.fuel_per_call)"),
    ("memory-bomb", "out-of-memory: "),
    ("trap", "misbehaving at tick "),
    // Of its two stacks, that in its memory and that of calls, one is used up first: which, the compiler decides.
    ("deep-recursion", "at misbehaving::deep_recursion"),
    ("log-flood", "flooding: it went on saying more than is kept"),
    ("order-flood", "flooding: it went on asking for what is denied: BUDGET_EXCEEDED "),
    ("nan-prices", "flooding: it went on asking for what is denied: "),
    ("stack-through-host", "at misbehaving::stack_through_host"),
    ("giant-list", "a text or list that it handed to the host lies outside its memory"),
    ("save-gigabyte", "out-of-memory: "),
    ("rare-trap", "misbehaving at tick 1000"),
];
const PATIENT: (u32, &str) = (12, "clock-watch");
const CALM: u32 = 13;
/// Of a market whose ticks come once a second: enough for three traps at every thousandth.
const TICKS: i64 = 3_200;

/// Those of a flood of lines in its three lives: calm ones, one whose lines are still kept, and the bursts.
const FLOOD_TICKS_MAX: u64 = 3 * (3 + 1 + FLOOD_BURSTS_MAX as u64 + 1);

struct HostileWorld {
    host: Host,
    clock: Arc<HandClock>,
    told: Arc<Told>,
}

impl HostileWorld {
    fn new() -> Self {
        let sandbox = Arc::new(Sandbox::<Desk>::new(SandboxConfig::default()).expect("this machine runs wasmtime"));
        let table = table();
        let (clock, told) = (Arc::new(HandClock::default()), Arc::<Told>::default());
        let host = Host::start(HostSetup {
            history: MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), 1_024)),
            table,
            factory: Arc::clone(&sandbox) as _,
            journal: Box::new(ports::Journal(Arc::default())),
            keeper: Arc::new(domain::keeper::InMemory::default()),
            broker: Box::new(ports::Broker(Arc::default())),
            clock: clock.clone(),
            sink: Box::new(ports::Sink(Arc::clone(&told))),
            trading: TradingState::Active,
            bounds: Bounds { shards: 1, ..Bounds::default() },
        });
        let world = Self { host: host.unwrap(), clock, told };
        let (hostile, calm) = (sandbox.load(components::misbehaving()).unwrap(), sandbox.load(components::ema_cross()).unwrap());
        let description = sandbox.describe(&hostile.digest).unwrap();
        let modes = description.params.iter().find(|param| param.name == "mode").unwrap().choices.clone();
        for (engine, mode) in (1..).zip(ENDS.iter().map(|(mode, _)| *mode)).chain([PATIENT]) {
            let params = components::misbehaving_params(&modes, mode, 3);
            let (version, description) = (hostile.digest, description.clone());
            // Less than the bomb takes at once: filling more would use up its fuel first, unless ticks came by columns.
            let limits = GuestLimits { memory_bytes_max: 1 << 20, ..GuestLimits::default() };
            world.run(EngineSetup { version, description, params, limits, ..setup(engine, engine) });
        }
        let description = sandbox.describe(&calm.digest).unwrap();
        let params = domain::params::resolve(&description.params, []).unwrap();
        world.run(EngineSetup { version: calm.digest, description, params, ..setup(CALM, CALM) });
        world
    }

    fn run(&self, setup: EngineSetup) {
        let terms = domain::broker::AccountTerms::default();
        let ledger = domain::ledger::Ledger::new(terms.deposit);
        let limits = domain::risk::RiskLimits::default();
        self.host.open_account(domain::account::Account::new(setup.account, setup.owner, terms, ledger, limits)).unwrap();
        let engine = setup.engine;
        self.host.add(setup).unwrap();
        self.host.start_engine(engine, "by test").unwrap();
        self.settle();
    }

    fn settle(&self) {
        assert!(self.host.settle(PATIENCE), "the host does not come to rest");
    }

    /// How long each fault of an engine held it back; `None`: for ever.
    fn delays(&self, of: u32) -> Vec<Option<i64>> {
        let delay = |event| match event {
            Event::Fault { engine, verdict: Verdict::RestartIn(us), .. } if engine.engine == EngineId(of) => Some(Some(us)),
            Event::Fault { engine, verdict: Verdict::Quarantine { .. }, .. } if engine.engine == EngineId(of) => Some(None),
            _ => None,
        };
        self.told.events().into_iter().filter_map(delay).collect()
    }
}

#[test]
fn each_ends_in_quarantine_with_a_reason_and_their_neighbour_has_every_tick() {
    let world = HostileWorld::new();
    for second in 1..=TICKS {
        world.host.feed(tick(EURUSD, second * SECOND_US, 110_000 + second % 7)).unwrap();
        if second % 10 == 0 {
            world.settle();
            // Slower than the market, so that the third of the rare traps is within ten minutes of the first.
            world.clock.forward(SECOND_US);
            world.host.wake();
            world.settle();
        }
    }
    for (engine, (mode, reason)) in (1..).zip(ENDS) {
        let seen = world.host.engine(EngineId(engine)).unwrap();
        assert_eq!((seen.state, seen.faults), (EngineState::Quarantined, 3), "{mode}: {}", seen.reason);
        assert!(seen.reason.contains(reason) && seen.reason.contains("start it again when it is mended"), "{mode}: {}", seen.reason);
        // In the slow lane, where floods are served, each of them takes long.
        assert!(mode != "log-flood" || seen.ticks <= FLOOD_TICKS_MAX, "{mode}: it is ended after {} ticks", seen.ticks);
        assert_eq!(world.delays(engine), [Some(SECOND_US), Some(2 * SECOND_US), None], "{mode}: later and later");
    }
    let (patient, calm) = (world.host.engine(EngineId(PATIENT.0)).unwrap(), world.host.engine(EngineId(CALM)).unwrap());
    assert_eq!((patient.state, patient.slow, patient.faults), (EngineState::Running, true, 0), "{}", patient.reason);
    assert_eq!((calm.state, calm.slow, calm.skipped, calm.faults), (EngineState::Running, false, 0, 0));
    assert_eq!(calm.ticks, TICKS as u64);
    assert_eq!(world.host.snapshot().totals.panics, 0);
}
