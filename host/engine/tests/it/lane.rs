//! Engines that take more than their share are served after all others, and lose nothing that they are not told of.

use crate::support::*;
use domain::account::Account;
use domain::bars::MarketHistory;
use domain::broker::AccountTerms;
use domain::contract::{LogLevel, Side, StopReason, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{AccountId, EngineId, UserId};
use domain::ledger::Ledger;
use domain::life::EngineState as S;
use domain::limits::{SLOW_CALM_S, SLOW_FUEL_PER_SECOND, SLOW_FUEL_PER_TICK};
use domain::risk::RiskLimits;
use domain::tick::Timeframe;
use domain::time::SECOND_US;
use engine::{Bounds, EngineCommand, EngineSetup, HostSetup, Scope, Stepped, Swapped};
use std::sync::{Arc, Mutex};

const HEAVY: u32 = 1;
const LIGHT: u32 = 2;

/// Burns this much fuel at every tick.
fn burns(fuel: u64) -> impl Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Send + Sync + 'static {
    move |_, call, mind| {
        if let Call::Tick { .. } = call {
            mind.fuel += fuel;
        }
        None
    }
}

fn heavy() -> impl Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Send + Sync + 'static {
    burns(SLOW_FUEL_PER_TICK + 1)
}

/// Seconds of the ticks that an engine was handed, singly or in a row.
fn seconds(heard: &Heard, engine: u32) -> Vec<i64> {
    let heard = heard.all(engine).into_iter().filter(|words| words.starts_with("tick ") || words.starts_with("row "));
    heard.map(|words| words.split(' ').nth(2).unwrap().parse::<i64>().unwrap() / SECOND_US).collect()
}

/// A host with one shard that makes a step when it is told to: then a shard handles what is queued, and one call of its slow lane.
struct Steps {
    host: Stepped,
    clock: Arc<HandClock>,
    heard: Heard,
    guests: Arc<guests::Factory>,
    told: Arc<Told>,
    fed: i64,
}

impl Steps {
    fn new(bounds: Bounds) -> Self {
        let table = table();
        let (clock, told, heard) = (Arc::new(HandClock::default()), Arc::<Told>::default(), Heard::default());
        let guests = Arc::new(guests::Factory::new(heard.clone()));
        let mut host = Stepped::new(HostSetup {
            history: MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), 1_024)),
            table,
            factory: guests.clone(),
            journal: Box::new(ports::Journal(Arc::default())),
            keeper: Arc::new(domain::keeper::InMemory::default()),
            broker: Box::new(ports::Broker(Arc::default())),
            clock: clock.clone(),
            sink: Box::new(ports::Sink(Arc::clone(&told))),
            trading: TradingState::Active,
            bounds: Bounds { shards: 1, ..bounds },
        });
        let terms = AccountTerms::default();
        let ledger = Ledger::new(terms.deposit);
        host.open_account(Account::new(AccountId(1), UserId(1), terms, ledger, RiskLimits::default())).unwrap();
        Self { host, clock, heard, guests, told, fed: 0 }
    }

    /// With a heavy engine, which is in the slow lane after two ticks, and a light one.
    fn with_heavy_and_light(bounds: Bounds, script: impl Into<Script>) -> Self {
        let mut steps = Self::new(bounds);
        steps.run(HEAVY, script);
        steps.run(LIGHT, listens);
        for _ in 0..2 {
            steps.feed(1);
            steps.turn();
        }
        assert!(steps.engine(HEAVY).slow && !steps.engine(LIGHT).slow);
        steps
    }

    fn run(&mut self, engine: u32, script: impl Into<Script>) {
        let version = self.guests.load(script.into());
        self.host.host().add(EngineSetup { version, ..setup(engine, 1) }).unwrap();
        self.command(engine, EngineCommand::Start);
        self.host.starters();
        self.turn();
    }

    fn command(&mut self, engine: u32, command: EngineCommand) {
        self.host.command(EngineId(engine), command, "by test").unwrap();
        self.turn();
    }

    /// This many ticks wait for the shard, one of each second.
    fn feed(&mut self, ticks: i64) {
        for _ in 0..ticks {
            self.fed += 1;
            self.host.host().feed(tick(EURUSD, self.fed * SECOND_US, 110_000 + self.fed)).unwrap();
        }
    }

    fn turn(&mut self) {
        self.host.shard(0);
        self.host.pipeline();
        self.host.herald();
    }

    /// Until nothing waits any more.
    fn settle(&mut self) {
        for _ in 0..2_000 {
            self.turn();
        }
    }

    fn engine(&self, engine: u32) -> engine::EngineSnapshot {
        self.host.host().engine(EngineId(engine)).unwrap()
    }

    fn had(&self, engine: u32) -> Vec<i64> {
        seconds(&self.heard, engine)
    }
}

#[test]
fn who_takes_too_much_is_served_after_all_others_one_call_at_a_time() {
    let mut steps = Steps::with_heavy_and_light(Bounds::default(), heavy());
    steps.feed(5);
    steps.turn();
    assert_eq!((steps.had(LIGHT).len(), steps.had(HEAVY).len()), (7, 3), "one call of it after all of the others'");
    steps.feed(1);
    steps.turn();
    assert_eq!((steps.had(LIGHT).len(), steps.had(HEAVY).len()), (8, 4), "what has come meanwhile goes first");
    steps.settle();
    assert_eq!(steps.had(HEAVY), (1..=8).collect::<Vec<_>>(), "it gets all, in order");
    assert_eq!((steps.engine(HEAVY).skipped, steps.engine(HEAVY).gone_by), (0, 0));
}

#[test]
fn a_tick_goes_to_all_others_first_wherever_they_are_in_the_shard() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut steps = Steps::new(Bounds::default());
    for engine in 1..=4 {
        let order = Arc::clone(&order);
        let fuel = if engine == 2 { SLOW_FUEL_PER_TICK + 1 } else { 1 };
        steps.run(engine, move |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
            if let Call::Tick { .. } = call {
                mind.fuel += fuel;
                order.lock().unwrap().push(engine);
            }
            None
        });
    }
    for _ in 0..3 {
        steps.feed(1);
        steps.turn();
    }
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4, 1, 2, 3, 4, 1, 3, 4, 2]);
}

#[test]
fn one_long_tick_is_none_and_many_short_ones_in_a_second_are_one() {
    let mut steps = Steps::new(Bounds::default());
    // One long tick of a hundred, as when a bar closes or the state is saved.
    steps.run(HEAVY, |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { tick, .. } = call
            && tick.time.0 % (100 * SECOND_US) == 0
        {
            mind.fuel += 10 * SLOW_FUEL_PER_TICK;
        }
        None
    });
    steps.run(LIGHT, listens);
    for _ in 0..500 {
        steps.feed(1);
        steps.turn();
    }
    assert_eq!(steps.engine(HEAVY).slowed, 0);
    let many = SLOW_FUEL_PER_TICK / 2;
    steps.run(3, burns(many));
    (4..40).for_each(|engine| steps.run(engine, listens));
    // Twice an equal part of what a core burns is more than the least share, as long as there are few.
    let share = (4_000_000_000 / 39).max(SLOW_FUEL_PER_SECOND);
    let ticks = (share / many) as i64;
    let feed = |steps: &mut Steps, ticks: i64| {
        for _ in 0..ticks {
            steps.feed(1);
            steps.turn();
        }
    };
    for _ in 0..3 {
        feed(&mut steps, ticks - 1);
        steps.clock.forward(SECOND_US);
    }
    assert!(!steps.engine(3).slow, "seconds are looked at one by one");
    feed(&mut steps, ticks + 1);
    assert!(steps.engine(3).slow);
    assert!(steps.told.logged_at(3, LogLevel::Warn)[0].contains("fuel in a second"));
}

#[test]
fn who_is_alone_is_in_nobodys_way() {
    let mut steps = Steps::new(Bounds::default());
    steps.run(HEAVY, heavy());
    for _ in 0..50 {
        steps.feed(1);
        steps.turn();
    }
    assert_eq!((steps.had(HEAVY).len(), steps.engine(HEAVY).slowed), (50, 0));

    // When the others have gone it is alone again.
    steps.run(LIGHT, listens);
    steps.feed(2);
    steps.turn();
    assert!(steps.engine(HEAVY).slow);
    steps.command(LIGHT, EngineCommand::Stop(StopReason::ByOwner));
    steps.feed(1);
    steps.settle();
    assert!(!steps.engine(HEAVY).slow);
    assert_eq!(steps.had(HEAVY).len(), 53);
}

#[test]
fn ticks_over_the_bound_go_by_counted_and_told_and_bars_do_not() {
    let mut steps = Steps::with_heavy_and_light(Bounds { slow_ticks_max: 10, ..Bounds::default() }, heavy());
    steps.feed(200);
    steps.settle();
    assert_eq!(steps.had(LIGHT).len(), 202);
    let had = steps.had(HEAVY);
    assert_eq!(had[2..], [60, 120, 180].into_iter().chain(196..=202).collect::<Vec<_>>(), "the latest, and those that close bars");
    assert_eq!(steps.heard.of(HEAVY, "bar"), ["bar M1 0", "bar M1 60000000", "bar M1 120000000"]);
    let engine = steps.engine(HEAVY);
    assert_eq!((engine.gone_by, engine.skipped, engine.ticks), (190, 190, 12));
    let told = steps.heard.of(HEAVY, "tick");
    assert!(told[2].ends_with("skipped=57") && told[5].ends_with("skipped=15"), "{told:?}");
}

#[test]
fn order_events_wait_in_their_order_among_the_ticks_and_never_go_by() {
    let buys = |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            mind.fuel += SLOW_FUEL_PER_TICK + 1;
            desk.submit(market(Side::Buy)).unwrap();
        }
        None
    };
    let mut steps = Steps::with_heavy_and_light(Bounds { slow_ticks_max: 4, ..Bounds::default() }, buys);
    for _ in 0..20 {
        steps.feed(3);
        steps.turn();
    }
    steps.settle();
    let heard = steps.heard.all(HEAVY);
    let filled: Vec<&String> = heard.iter().filter(|words| words.contains("filled")).collect();
    assert_eq!(filled.len(), steps.had(HEAVY).len(), "each order's fill is heard");
    assert!(steps.engine(HEAVY).gone_by > 0);
    // Each fill after the tick at which it was asked for, in order.
    let numbers: Vec<u32> = filled.iter().map(|words| words.split(' ').nth(1).unwrap().parse().unwrap()).collect();
    assert!(numbers.is_sorted());
    assert!(steps.had(HEAVY).is_sorted());
}

#[test]
fn it_is_told_and_shown_and_comes_back_when_it_behaves_later_each_time() {
    let burning = Arc::new(Mutex::new(true));
    let does = Arc::clone(&burning);
    let script = move |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if matches!(call, Call::Tick { .. }) && *does.lock().unwrap() {
            mind.fuel += SLOW_FUEL_PER_TICK + 1;
        }
        None
    };
    let mut steps = Steps::with_heavy_and_light(Bounds::default(), script);
    let second = |steps: &mut Steps| {
        steps.clock.forward(SECOND_US);
        steps.feed(1);
        steps.turn();
    };
    for calm_s in [SLOW_CALM_S, 2 * SLOW_CALM_S] {
        for _ in 0..3 {
            second(&mut steps);
            assert!(steps.engine(HEAVY).slow, "it goes on burning");
        }
        *burning.lock().unwrap() = false;
        for _ in 1..calm_s {
            second(&mut steps);
        }
        assert!(steps.engine(HEAVY).slow);
        second(&mut steps);
        assert!(!steps.engine(HEAVY).slow, "it has behaved for {calm_s} s");
        *burning.lock().unwrap() = true;
        (0..2).for_each(|_| second(&mut steps));
    }
    let engine = steps.engine(HEAVY);
    assert_eq!((engine.slow, engine.slowed, engine.skipped, engine.faults), (true, 3, 0, 0));
    let warned = steps.told.logged_at(HEAVY, LogLevel::Warn);
    assert_eq!(warned.len(), 3, "once each time");
    assert!(warned[0].contains("after all others") && warned[0].contains("200011 fuel"), "{warned:?}");
    assert_eq!(steps.told.logged_at(HEAVY, LogLevel::Info).len(), 2);
    let totals = steps.host.host().snapshot().totals;
    assert_eq!((totals.engines_slow, totals.engines_slowed), (1, 3));
    assert_eq!(steps.had(HEAVY).len() as i64, steps.fed, "and has missed nothing");
}

#[test]
fn what_overtakes_ticks_overtakes_those_that_wait_for_their_turn() {
    let mut steps = Steps::with_heavy_and_light(Bounds::default(), heavy());
    steps.feed(50);
    steps.turn();
    // A halt: it is told with its next call but one, whatever waits.
    steps.host.host().set_trading(Scope::Host, TradingState::Halted, "by test").unwrap();
    steps.turn();
    assert!(steps.had(HEAVY).len() < 6);
    assert_eq!(steps.heard.of(HEAVY, "trading"), ["trading halted"]);
    // A pause: queued ticks are skipped, as new ones are.
    steps.command(HEAVY, EngineCommand::Pause);
    let had = steps.had(HEAVY);
    steps.feed(10);
    steps.settle();
    assert_eq!((steps.engine(HEAVY).state, steps.had(HEAVY)), (S::Paused, had.clone()));
    steps.command(HEAVY, EngineCommand::Resume);
    steps.host.starters();
    steps.turn();
    assert_eq!(steps.heard.of(HEAVY, "bar"), ["bar M1 0"]);
    assert!(steps.heard.of(HEAVY, "gap").last().unwrap().ends_with(&format!("{} ticks", 62 - had.len())));
    steps.feed(20);
    steps.settle();
    assert_eq!(steps.had(HEAVY)[had.len()..], (63..=82).collect::<Vec<_>>());
    // A stop.
    steps.feed(50);
    steps.turn();
    let had = steps.had(HEAVY);
    steps.command(HEAVY, EngineCommand::Stop(StopReason::ByOwner));
    steps.settle();
    assert_eq!((steps.engine(HEAVY).state, steps.had(HEAVY)), (S::Stopped, had));
    assert_eq!(steps.heard.all(HEAVY).last().unwrap(), "stop by-owner");
    // Started again it begins with a clean sheet.
    steps.command(HEAVY, EngineCommand::Start);
    steps.host.starters();
    steps.turn();
    assert!(!steps.engine(HEAVY).slow);
}

#[test]
fn one_that_fails_has_missed_what_waited_and_starts_again_after_all_others() {
    let fails = |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        let Call::Tick { tick, .. } = call else { return None };
        mind.fuel += SLOW_FUEL_PER_TICK + 1;
        (tick.time.0 == 5 * SECOND_US).then(|| Outcome::Trapped("at the fifth".into()))
    };
    let mut steps = Steps::with_heavy_and_light(Bounds::default(), fails);
    steps.feed(50);
    steps.settle();
    assert_eq!(steps.engine(HEAVY).state, S::Faulted);
    assert_eq!(steps.had(HEAVY), (1..=5).collect::<Vec<_>>());
    steps.clock.forward(SECOND_US);
    steps.turn();
    steps.host.starters();
    steps.turn();
    steps.feed(2);
    steps.turn();
    assert!(steps.engine(HEAVY).slow);
    assert_eq!((steps.had(LIGHT).len(), steps.had(HEAVY).len()), (54, 6), "one call of it after all of the others'");
    steps.settle();
    assert_eq!(steps.had(HEAVY)[5..], [53, 54]);
}

#[test]
fn all_in_the_slow_lane_have_their_turn() {
    let mut steps = Steps::new(Bounds::default());
    (1..=3).for_each(|engine| steps.run(engine, heavy()));
    steps.run(4, listens);
    for _ in 0..2 {
        steps.feed(1);
        steps.turn();
    }
    steps.feed(4);
    for _ in 0..6 {
        steps.turn();
    }
    assert_eq!([1, 2, 3].map(|engine| steps.had(engine).len()), [4; 3]);
    steps.settle();
    assert_eq!([1, 2, 3].map(|engine| steps.had(engine)), [1, 2, 3].map(|_| (1..=6).collect::<Vec<_>>()));
}

#[test]
fn rows_that_wait_come_in_one_call_as_far_as_that_takes_no_longer_than_a_tick_may() {
    // A second's fuel made it slow; a tick of it takes little.
    let mut steps = Steps::new(Bounds::default());
    let burning = Arc::new(Mutex::new(SLOW_FUEL_PER_TICK + 1));
    let does = Arc::clone(&burning);
    steps.run(HEAVY, move |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            mind.fuel += *does.lock().unwrap();
        }
        None
    });
    steps.run(LIGHT, listens);
    for _ in 0..2 {
        steps.feed(1);
        steps.turn();
    }
    *burning.lock().unwrap() = SLOW_FUEL_PER_TICK / 20;
    steps.feed(1);
    steps.turn();
    steps.feed(100);
    steps.settle();
    assert_eq!(steps.had(HEAVY), (1..=103).collect::<Vec<_>>());
    let batches = steps.heard.of(HEAVY, "ticks");
    assert!(batches.len() > 3 && batches.iter().all(|words| words["ticks ".len()..].parse::<u32>().unwrap() <= 20), "{batches:?}");
}

/// A host with threads on which engine 1 is in the slow lane of a shard, where no tick is ever skipped.
fn with_threads(script: impl Into<Script>) -> World {
    let world = World::with(Bounds { shards: 2, slow_ticks_max: 10_000, save_every_us: 10 * SECOND_US, ..Bounds::default() });
    world.account(1);
    world.run(HEAVY, 1, script);
    world.run(LIGHT, 1, listens);
    world.feed_seconds(1, 1);
    world.settle();
    world.feed_seconds(2, 1);
    world.settle();
    assert!(world.host.engine(EngineId(HEAVY)).unwrap().slow);
    world
}

fn has_all(world: &World, ticks: i64) {
    world.settle();
    for engine in [HEAVY, LIGHT] {
        assert_eq!(seconds(&world.heard, engine), (1..=ticks).collect::<Vec<_>>(), "engine {engine}");
    }
}

#[test]
fn an_account_moves_with_what_waits_for_its_engines() {
    let world = with_threads(heavy());
    for round in 0..6 {
        world.feed_seconds(3 + 100 * round, 100);
        let to = 1 - world.host.shard_of(AccountId(1));
        world.host.move_account(AccountId(1), to).unwrap();
    }
    has_all(&world, 602);
    assert!(world.host.snapshot().totals.accounts_moved > 0);
    assert!(world.host.engine(EngineId(HEAVY)).unwrap().slow, "there it is served after all others, too");
}

#[test]
fn a_version_takes_over_in_the_middle_of_what_waits() {
    let counts = |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            (mind.number, mind.fuel) = (mind.number + 1, mind.fuel + SLOW_FUEL_PER_TICK + 1);
        }
        None
    };
    let world = with_threads(counts);
    world.feed_seconds(3, 300);
    let version = world.guests.load(Script::from(move |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Stop(_) = call {
            desk.log(LogLevel::Info, &format!("{} ticks", mind.number));
        }
        counts(desk, call, mind)
    }));
    let swapped = world.host.swap(EngineSetup { version, ..setup(HEAVY, 1) }, "better").unwrap();
    assert!(matches!(swapped, Swapped::TakenOver { .. }), "{swapped:?}");
    world.feed_seconds(303, 100);
    has_all(&world, 402);
    world.host.stop_engine(EngineId(HEAVY), "by test").unwrap();
    world.settle();
    assert!(world.told.logged(HEAVY).contains(&"402 ticks".to_owned()), "the state has each tick once");
}

#[test]
fn a_version_that_fails_in_the_middle_of_what_waits_is_rolled_back_and_nothing_is_lost() {
    let world = with_threads(heavy());
    world.feed_seconds(3, 300);
    let version = world.guests.load(Script::from(|_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        let Call::Tick { tick, .. } = call else { return None };
        mind.fuel += SLOW_FUEL_PER_TICK + 1;
        (tick.time.0 == 350 * SECOND_US).then(|| Outcome::Trapped("here".into()))
    }));
    world.host.swap(EngineSetup { version, ..setup(HEAVY, 1) }, "worse").unwrap();
    world.feed_seconds(303, 100);
    has_all(&world, 402);
    assert_eq!(world.host.engine(EngineId(HEAVY)).unwrap().state, S::Running);
}

#[test]
fn a_shadow_follows_an_engine_in_the_slow_lane() {
    let world = with_threads(heavy());
    let version = world.guests.load(Script::from(heavy()));
    world.host.shadow(EngineSetup { version, ..setup(HEAVY, 1) }, "to compare").unwrap();
    // It takes the state over at a save, once it has been started elsewhere.
    let mut second = 3;
    eventually(|| {
        world.feed_seconds(second, 60);
        world.settle();
        second += 60;
        world.host.shadow_of(EngineId(HEAVY)).unwrap().state == engine::ShadowState::Following
    });
    world.feed_seconds(second, 100);
    world.settle();
    assert!(world.host.shadow_of(EngineId(HEAVY)).unwrap().ticks >= 100);
}

#[test]
fn a_host_that_stops_tells_order_events_that_wait_and_saves_how_far_the_engine_came() {
    let world = with_threads(heavy());
    world.feed_seconds(3, 5_000);
    world.host.stop();
    let had = seconds(&world.heard, HEAVY);
    assert_eq!(had, (1..=had.len() as i64).collect::<Vec<_>>());
    assert_eq!(world.heard.all(HEAVY).last().unwrap(), "stop host-stopping");
    assert_eq!(seconds(&world.heard, LIGHT).len(), 5_002, "the others are handed all");
}
