//! A tick on its way to the engines takes no memory: a path that asks the allocator is as slow as the allocator, and every
//! engine behind it waits.

use crate::support::*;
use domain::account::Account;
use domain::bars::MarketHistory;
use domain::broker::AccountTerms;
use domain::contract::{Description, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, Fault, Guest, GuestFactory, Outcome, Reply, Used};
use domain::ids::{AccountId, Digest, EngineId, UserId};
use domain::ledger::Ledger;
use domain::life::EngineState;
use domain::limits::GuestLimits;
use domain::risk::RiskLimits;
use domain::tick::{Tick, Timeframe};
use domain::time::MINUTE_US;
use engine::{Bounds, EngineCommand, HostSetup, Stepped};
use std::sync::Arc;

const ENGINES: u32 = 50;

/// A guest of this process, which looks at its ticks and is counted in fuel.
struct Native {
    desk: Desk,
    sum: f64,
    calls: u64,
}

struct Natives;

impl GuestFactory<Desk> for Natives {
    fn describe(&self, _: &Digest) -> Result<Description, Fault> {
        Ok(description())
    }

    fn instantiate(&self, _: &Digest, desk: Desk, _: GuestLimits) -> Result<Box<dyn Guest<Desk>>, Fault> {
        Ok(Box::new(Native { desk, sum: 0.0, calls: 0 }))
    }
}

impl Guest<Desk> for Native {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        self.calls += 1;
        if let Call::Tick { tick, .. } = call {
            self.sum += tick.bid;
        }
        Outcome::Decided(if matches!(call, Call::Save) { Reply::State(Vec::new()) } else { Reply::Done })
    }

    fn used(&self) -> Used {
        Used { fuel_last_call: 10, fuel_total: 10 * self.calls, memory_bytes: 0 }
    }
}

/// A host of one thread with engines that run.
fn running() -> Stepped {
    let table = table();
    let mut stepped = Stepped::new(HostSetup {
        history: MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), 1_024)),
        table,
        factory: Arc::new(Natives),
        journal: Box::new(ports::Journal(Arc::default())),
        keeper: Arc::new(domain::keeper::InMemory::default()),
        broker: Box::new(ports::Broker(Arc::default())),
        clock: Arc::new(HandClock::default()),
        sink: Box::new(ports::Sink(Arc::default())),
        trading: TradingState::Active,
        bounds: Bounds { shards: 1, ..Bounds::default() },
    });
    let ledger = Ledger::new(AccountTerms::default().deposit);
    stepped.open_account(Account::new(AccountId(1), UserId(1), AccountTerms::default(), ledger, RiskLimits::default())).unwrap();
    for engine in 1..=ENGINES {
        stepped.host().add(setup(engine, 1)).unwrap();
        stepped.command(EngineId(engine), EngineCommand::Start, "by test").unwrap();
    }
    stepped.shard(0);
    stepped.starters();
    stepped.shard(0);
    stepped.herald();
    assert!((1..=ENGINES).all(|engine| stepped.state(EngineId(engine)) == Some(EngineState::Running)));
    stepped
}

#[test]
fn a_tick_reaches_every_engine_without_an_allocation() {
    let mut stepped = running();
    // Within one minute: a bar that closes is handed on in memory of its own.
    let nth = |n: i64| tick(EURUSD, MINUTE_US + n * 1_000, 110_000 + n % 50);
    let feed = |stepped: &mut Stepped, tick: Tick| {
        stepped.host().feed(tick).unwrap();
        stepped.shard(0);
    };
    // History and queues take what they need.
    for n in 0..5_000 {
        feed(&mut stepped, nth(n));
        stepped.pipeline();
    }
    for n in 5_000..6_000 {
        let next = nth(n);
        let counted = allocation_counter::measure(|| feed(&mut stepped, next));
        assert_eq!(counted.count_total, 0, "tick {n}");
        stepped.pipeline();
    }
    assert!((1..=ENGINES).all(|engine| stepped.host().engine(EngineId(engine)).unwrap().ticks == 6_000), "all of them had all of it");
}
