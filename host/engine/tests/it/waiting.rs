//! Engines that wait for some ticks only.

mod lives;
mod shards;
mod versions;

use crate::backlog::held_up_with;
use crate::support::*;
use domain::contract::{Side, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{AccountId, EngineId};
use domain::tick::Timeframe;
use domain::time::{MINUTE_US, SECOND_US, Time};
use domain::wake::Wake;
use engine::{Bounds, EngineCommand, EngineSetup, EngineSnapshot, Scope};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

const ENGINE: EngineId = EngineId(7);
/// What it has counted of ticks is below this; multiples of it are ticks that it wants each of.
const AWAKE: u64 = 1 << 32;
const NEVER: Time = Time(i64::MAX);

/// Waits for a rise by seven points after each tick it gets, for every tick while it counts to three at the end of each third minute,
/// and sets a timer between. It buys at every fourth tick it gets.
fn waits(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    match call {
        Call::Start { .. } => desk.set_timer(1, 95 * SECOND_US, Some(130_000_000)).unwrap(),
        Call::Bar { bar, .. } if bar.timeframe == Timeframe::M1 && (bar.open_time.0 / MINUTE_US) % 3 == 2 => {
            mind.number = mind.number % AWAKE + 3 * AWAKE;
            desk.set_wake(0, Wake::EVERY_TICK).unwrap();
        }
        Call::Tick { tick, .. } => {
            mind.number += 1;
            if mind.number.is_multiple_of(4) {
                let _heeded = desk.submit(market(Side::Buy));
            }
            mind.number = mind.number.checked_sub(AWAKE).unwrap_or(mind.number);
            if mind.number < AWAKE {
                desk.set_wake(0, Wake { at: NEVER, bid_at_least: tick.bid + 0.000_069, ..Wake::EVERY_TICK }).unwrap();
            }
        }
        _ => {}
    }
    None
}

/// What it heard of the market, singly or in a row, without what only a backlog has.
fn heard(world: &World) -> Vec<String> {
    let all = world.heard.all(7).into_iter().filter(|words| ["tick ", "row ", "bar ", "timer "].iter().any(|kind| words.starts_with(kind)));
    all.map(|words| words.replace("row ", "tick ").replace(" skipped=0", "")).collect()
}

/// What is known of it once it is stopped: the count of ticks of one that dozes stands still.
fn seen(world: &World) -> EngineSnapshot {
    world.host.stop_engine(ENGINE, "to count").unwrap();
    world.host.engine(ENGINE).unwrap()
}

/// Ticks of an engine, and those that it was told it missed, once it is stopped.
fn counted(world: &World, engine: u32) -> (u64, u64) {
    world.host.stop_engine(EngineId(engine), "to count").unwrap();
    let seen = world.host.engine(EngineId(engine)).unwrap();
    (seen.ticks, seen.skipped)
}

/// Feeds one tick, and handles all that follows from it.
fn feed(world: &World, second: i64, bid: i64) {
    world.feed(tick(EURUSD, second * SECOND_US, bid));
    world.settle();
}

/// Bids of this many points, and nothing else.
fn bids_from(points: i64) -> Wake {
    Wake { bid_at_least: points as f64 / 1e5, ..Wake::NO_TICK }
}

/// Waits for such bids, from its first tick on.
fn waits_for(points: i64) -> impl Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Clone + Send + Sync + 'static {
    move |desk, call, _| {
        if let Call::Tick { .. } = call {
            desk.set_wake(0, bids_from(points)).unwrap();
        }
        None
    }
}

/// The ticks that it waits for, of this many, and the others: computed here.
fn waited_for(seconds: i64) -> Vec<i64> {
    let (mut level, mut awake, mut handed) = (i64::MIN, 0, Vec::new());
    for second in 0..seconds {
        if second > 0 && second % 180 == 0 {
            (awake, level) = (3, i64::MIN);
        }
        if second >= level {
            handed.push(second);
            awake = i64::max(awake - 1, 0);
            level = if awake == 0 { second + 7 } else { i64::MIN };
        }
    }
    handed
}

/// Feeds ten minutes, tick by tick, and says what the engine heard of the market, and of all.
fn ten_minutes() -> (Vec<String>, EngineSnapshot, usize) {
    let world = World::with(Bounds { shards: 1, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, waits);
    for second in 0..600 {
        world.feed_seconds(second, 1);
        world.settle();
    }
    let seen = seen(&world);
    (heard(&world), seen, world.heard.all(7).len())
}

#[test]
fn an_engine_is_handed_the_ticks_it_waits_for_and_all_bars_and_timers() {
    let (heard, seen, all) = ten_minutes();
    let expected = waited_for(600);
    let of = |kind: &str| heard.iter().filter(|words| words.starts_with(kind)).collect::<Vec<_>>();
    let ticks: Vec<i64> = of("tick ").iter().map(|words| words.split(' ').nth(2).unwrap().parse::<i64>().unwrap() / SECOND_US).collect();
    assert_eq!(ticks, expected);
    assert_eq!((of("bar ").len(), of("timer ").len()), (9, 4), "{heard:?}");
    assert_eq!((seen.ticks, seen.skipped), (600, 0), "what is skipped is seen, and none of it is missing");
    let saves = seen.calls - all as u64;
    assert!((9..12).contains(&saves), "each call is counted: {all} heard, and {saves} saves of ten minutes");
}

#[test]
fn a_backlog_is_heard_as_ticks_one_by_one_are() {
    let (single, one_by_one, _) = ten_minutes();
    for columns_from in [2, 8, usize::MAX] {
        let (world, slow) = held_up_with(Bounds { columns_from, ..Bounds::default() });
        world.run(7, 1, waits);
        slow.hold(&world);
        world.feed_seconds(1, 599);
        slow.let_go(&world);
        assert_eq!(heard(&world), single, "by columns from {columns_from} on");
        let seen = seen(&world);
        assert_eq!((seen.ticks, seen.skipped), (one_by_one.ticks, 0));
    }
}

/// What engines saw at each of their calls.
type Notes = Arc<Mutex<BTreeMap<u32, Vec<String>>>>;

/// Waits for this and that at random, and notes what the market looks like whenever it is called.
fn restless(notes: &Notes, is_calm: &Arc<AtomicBool>) -> impl Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Clone + use<> {
    let (notes, is_calm) = (Arc::clone(notes), Arc::clone(is_calm));
    move |desk, call, _| {
        if matches!(call, Call::Init(_) | Call::Save | Call::Load { .. } | Call::Stop(_)) {
            return None;
        }
        let (now, last, gap) = (desk.now(), desk.ticks(0, 1).unwrap(), desk.last_gap(0).unwrap());
        // While one of its orders is told about, the next may be filled already.
        let settled = is_calm.load(SeqCst) && !matches!(call, Call::Order { .. } | Call::Position { .. });
        let account = settled.then(|| (desk.positions().len(), desk.account().equity));
        let words = format!("{call:?} at {now}: {last:?} {gap:?} {account:?}");
        notes.lock().unwrap().entry(desk.engine().0).or_default().push(words);
        let (bid, near) = (last.first().map_or(1.1, |tick| tick.bid), 0.000_051);
        let soon = Wake { at: Time(now + 20 * SECOND_US), ..Wake::EVERY_TICK };
        let wake = match desk.random() % 9 {
            0 => Wake::EVERY_TICK,
            1 => Wake::NO_TICK,
            2 => Wake { bid_at_least: bid + near, ..soon },
            3 => Wake { bid_at_most: bid - near, ask_at_least: bid + 4.0 * near, ..soon },
            4 | 5 => Wake { at: Time(now + 7 * SECOND_US), ask_at_most: bid - near, ..soon },
            6 if is_calm.load(SeqCst) => {
                let at = now + (desk.random() % 40) as i64 * SECOND_US;
                desk.set_timer(1, at, None).unwrap();
                return None;
            }
            _ => {
                if is_calm.load(SeqCst) && matches!(call, Call::Tick { .. } | Call::Bar { .. }) {
                    let _heeded = desk.submit(market(if now % 2 == 0 { Side::Buy } else { Side::Sell }));
                }
                return None;
            }
        };
        desk.set_wake(0, wake).unwrap();
        None
    }
}

#[test]
fn one_that_missed_ticks_is_handed_the_next_since_what_it_waits_for_may_have_been_among_them() {
    let world = World::with(Bounds { shards: 1, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, waits_for(110_100));
    let feed = |second, bid| feed(&world, second, bid);
    feed(1, 110_000);
    feed(2, 110_000);
    world.host.command(ENGINE, EngineCommand::Pause, "lunch").unwrap();
    feed(3, 110_100);
    feed(4, 110_000);
    world.host.command(ENGINE, EngineCommand::Resume, "back").unwrap();
    feed(5, 110_000);
    feed(6, 110_000);
    feed(7, 110_100);
    let ticks = ["tick 0 1000000 110000 skipped=0", "tick 0 5000000 110000 skipped=2", "tick 0 7000000 110100 skipped=0"];
    assert_eq!(world.heard.of(7, "tick "), ticks);
}

#[test]
fn the_latest_tick_only_is_the_latest_of_those_that_are_waited_for() {
    let (world, slow) = held_up_with(Bounds::default());
    let mut latest = setup(7, 1);
    latest.description.latest_tick_only = true;
    world.run_as(latest, waits_for(110_100));
    slow.hold(&world);
    let bids = [110_000, 110_000, 110_000, 110_100, 110_000, 110_000];
    (1..).zip(bids).for_each(|(second, bid)| world.feed(tick(EURUSD, second * SECOND_US, bid)));
    slow.let_go(&world);
    let ticks = ["tick 0 0 110000 skipped=0", "tick 0 6000000 110000 skipped=2"];
    assert_eq!(world.heard.of(7, "tick "), ticks);
    let seen = world.host.engine(ENGINE).unwrap();
    assert_eq!((seen.skipped, world.host.snapshot().totals.ticks_merged), (2, 2));
}

/// One with two symbols never dozes: its desk sees every tick.
#[test]
fn an_engine_that_dozes_sees_and_decides_what_one_does_that_lets_each_tick_go_by() {
    for seed in 1..=12_u64 {
        let world = World::with(Bounds { shards: 1, save_every_us: 30 * SECOND_US, ..Bounds::default() });
        let (notes, is_calm) = (Notes::default(), Arc::new(AtomicBool::new(true)));
        let script = restless(&notes, &is_calm);
        let one = EngineSetup { seed, ..setup(7, 1) };
        let mut two = EngineSetup { engine: EngineId(8), symbols: vec![EURUSD, GOLD], ..EngineSetup { seed, ..setup(8, 2) } };
        two.description.needs.push(need());
        for (account, setup) in [(1, one), (2, two)] {
            world.account(account);
            world.run_as(setup, script.clone());
        }
        let mut drawn = seed;
        let mut draw = |below: u64| {
            drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (drawn >> 33) % below
        };
        let (mut second, mut bid, mut is_stopped_out) = (0, 110_000, false);
        let both = |command| [7, 8].map(|engine| world.host.command(EngineId(engine), command, "by test").unwrap());
        for _ in 0..600 {
            let what = draw(40);
            let burst = match what {
                0 => 2 + draw(40),
                1 => {
                    both(EngineCommand::Pause);
                    draw(4)
                }
                2 => {
                    let state = [TradingState::Active, TradingState::Reducing, TradingState::Halted][draw(3) as usize];
                    world.host.set_trading(Scope::Host, state, "by test").unwrap();
                    world.settle();
                    0
                }
                // Their first position is closed for them, whether anybody is awake or not.
                3 if second > 200 && !std::mem::replace(&mut is_stopped_out, true) => {
                    [(7, 1), (8, 2)].into_iter().for_each(|(engine, account)| world.broker.stop_out(engine, AccountId(account)));
                    1
                }
                _ => 1,
            };
            // What becomes of orders comes when it is known: among many ticks at once, at another one for each.
            is_calm.store(burst < 2 && what != 3, SeqCst);
            for _ in 0..burst {
                second += 1 + draw(3) as i64;
                bid += draw(9) as i64 - 4;
                world.feed(tick(EURUSD, second * SECOND_US, bid));
            }
            world.settle();
            if what == 1 {
                both(EngineCommand::Resume);
                world.settle();
            }
        }
        let ticks = [7, 8].map(|engine| {
            world.host.stop_engine(EngineId(engine), "to count").unwrap();
            let seen = world.host.engine(EngineId(engine)).unwrap();
            (seen.ticks, seen.skipped, seen.orders)
        });
        assert_eq!(ticks[0], ticks[1], "seed {seed}");
        let notes = notes.lock().unwrap();
        let [dozes, lets_go_by] = [7, 8].map(|engine| &notes[&engine]);
        let first = dozes.iter().zip(lets_go_by).find(|(one, other)| one != other);
        assert!(first.is_none() && dozes.len() == lets_go_by.len(), "seed {seed}: {first:#?}");
        assert!(dozes.len() > 100 && ticks[0].0 > 2 * dozes.len() as u64, "seed {seed}: {} calls, {:?}", dozes.len(), ticks[0]);
    }
}
