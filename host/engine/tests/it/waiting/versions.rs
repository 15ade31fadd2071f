//! Versions that take over from one that waits, fail and leave it the engine again, or run beside it.

use super::{ENGINE, bids_from, counted, feed, waits_for};
use crate::support::*;
use domain::contract::{AskedOrder, Side};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{Digest, EngineId};
use domain::life::EngineState as S;
use domain::time::{SECOND_US, Time};
use domain::wake::Wake;
use engine::{Bounds, EngineSetup, ShadowReport, ShadowState, Swapped};
use std::sync::{Arc, Mutex};

fn next(version: Digest) -> EngineSetup {
    EngineSetup { version, ..setup(7, 1) }
}

#[test]
fn a_version_that_takes_over_from_one_that_dozes_is_handed_the_next_tick_and_then_waits_by_its_own_words() {
    let world = World::with(Bounds { shards: 1, trial_ticks: 3, trial_us: 0, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, waits_for(110_100));
    (1..=4).for_each(|second| feed(&world, second, 110_000));
    let swapped = world.host.swap(next(world.guests.load(waits_for(110_200).into())), "better").unwrap();
    assert!(matches!(swapped, Swapped::TakenOver { .. }), "{swapped:?}");
    let engine = world.host.engine(ENGINE).unwrap();
    assert_eq!((engine.ticks, engine.skipped, engine.on_trial), (4, 0, true), "what went by before it is counted");
    // Each of these on trial, and then after it, when it dozes.
    feed(&world, 5, 110_000);
    feed(&world, 6, 110_100);
    feed(&world, 7, 110_200);
    assert!(!world.host.engine(ENGINE).unwrap().on_trial);
    feed(&world, 8, 110_000);
    feed(&world, 9, 110_100);
    feed(&world, 10, 110_200);
    let ticks = [
        "tick 0 1000000 110000 skipped=0",
        "tick 0 5000000 110000 skipped=0",
        "tick 0 7000000 110200 skipped=0",
        "tick 0 10000000 110200 skipped=0",
    ];
    assert_eq!(world.heard.of(7, "tick "), ticks);
    assert_eq!(world.heard.of(7, "gap"), [""; 0], "nothing is missing");
    assert_eq!(counted(&world, 7), (10, 0), "each is counted once");
}

const ENGINES: u32 = 6;
const ROUNDS: u32 = 90;
const TICKS_OF_A_ROUND: u32 = 40;
const EVERY: u64 = 7;

/// Waits for every seventh tick, by its time and by its price in turns, and fails when it is handed any other. Its state is the
/// number of the last one.
fn each_seventh(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    match call {
        Call::Tick { tick, skipped, .. } => {
            let number = tick.time.0 as u64 / 1_000;
            if number != mind.number + EVERY || *skipped > 0 {
                return Some(Outcome::Trapped(format!("tick {number} after {} with {skipped} skipped", mind.number)));
            }
            mind.number = number;
        }
        Call::Start { .. } => {}
        _ => return None,
    }
    let next = (mind.number + EVERY) as i64;
    let by_time = Wake { at: Time(next * 1_000), ..Wake::NO_TICK };
    desk.set_wake(0, if next % 2 == 0 { by_time } else { bids_from(110_000 + next) }).unwrap();
    None
}

#[test]
fn no_tick_that_is_waited_for_is_lost_or_doubled_however_often_versions_change() {
    let world = World::with(Bounds { shards: 2, trial_ticks: 5, trial_us: 0, ..Bounds::default() });
    for engine in 1..=ENGINES {
        world.account(engine);
        world.run(engine, engine, each_seventh);
    }
    let (mut number, mut taken_over) = (0, 0);
    for round in 0..ROUNDS {
        for _ in 0..TICKS_OF_A_ROUND {
            number += 1;
            world.feed(tick(EURUSD, number * 1_000, 110_000 + number));
            // In some rounds all doze when a version takes over, in the others ticks wait.
            if round.is_multiple_of(3) {
                world.settle();
            }
        }
        let (engine, version) = (1 + round % ENGINES, world.guests.load(Script::from(each_seventh)));
        match world.host.swap(EngineSetup { version, ..setup(engine, engine) }, "once more") {
            Ok(_) => taken_over += 1,
            Err(error) => assert!(error.to_string().contains("still on trial"), "{error}"),
        }
    }
    world.settle();
    assert!(taken_over >= ENGINES, "each was swapped once at least: {taken_over}");
    let all = u64::from(ROUNDS * TICKS_OF_A_ROUND);
    for engine in 1..=ENGINES {
        let now = world.host.engine(EngineId(engine)).unwrap();
        assert_eq!((now.state, now.faults), (S::Running, 0), "{engine}: {}", now.reason);
        let handed = world.heard.all(engine).into_iter().filter(|words| words.starts_with("tick ") || words.starts_with("row "));
        assert_eq!(handed.count() as u64, all / EVERY, "{engine}");
        assert_eq!(counted(&world, engine), (all, 0), "{engine}");
    }
}

#[test]
fn a_version_that_waits_and_fails_on_trial_leaves_the_one_before_handed_ticks_again_and_none_twice() {
    let waits = waits_for(110_200);
    let traps = move |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| -> Option<Outcome> {
        match call {
            Call::Tick { tick, .. } if tick.bid >= 1.102 => Some(Outcome::Trapped("at its price".into())),
            _ => waits(desk, call, mind),
        }
    };
    // One by one, and so that ticks wait while the version before is started.
    for settles in [true, false] {
        let world = World::with(Bounds { shards: 1, ..Bounds::default() });
        world.account(1);
        world.run(7, 1, waits_for(110_100));
        (1..=3).for_each(|second| feed(&world, second, 110_000));
        let before = world.host.engine(ENGINE).unwrap().version;
        world.host.swap(next(world.guests.load(traps.clone().into())), "worse").unwrap();
        let bids = [110_000, 110_100, 110_000, 110_200, 110_000, 110_000, 110_100];
        for (second, bid) in (4..).zip(bids) {
            world.feed(tick(EURUSD, second * SECOND_US, bid));
            if settles {
                world.settle();
            }
        }
        world.settle();
        let engine = world.host.engine(ENGINE).unwrap();
        assert_eq!((engine.version, engine.state, engine.restarts, engine.on_trial), (before, S::Running, 1, false));
        assert_eq!(world.heard.of(7, "gap"), ["gap 3000000 to 7000000: 4 ticks"], "what the other one was handed, or let go by");
        let ticks = [
            "tick 0 1000000 110000 skipped=0",
            "tick 0 4000000 110000 skipped=0",
            "tick 0 7000000 110200 skipped=0",
            "tick 0 8000000 110000 skipped=0",
            "tick 0 10000000 110100 skipped=0",
        ];
        assert_eq!(world.heard.of(7, "tick "), ticks, "settles: {settles}");
        assert_eq!(counted(&world, 7), (9, 0), "all but the one at which it failed");
    }
}

/// Seconds of the ticks that a version was handed.
type Handed = Arc<Mutex<Vec<i64>>>;

/// Buys at each tick that it is handed, and waits for a rise by so many points after it: from its start on, as its state says.
fn climbs(points: i64, handed: Handed) -> impl Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Send + Sync + 'static {
    move |desk, call, mind| {
        match call {
            Call::Tick { tick, .. } => {
                handed.lock().unwrap().push(tick.time.0 / SECOND_US);
                mind.number = ((tick.bid * 1e5).round() as i64 + points) as u64;
                let _heeded = desk.submit(AskedOrder { volume: 0.01, ..market(Side::Buy) });
            }
            Call::Start { .. } => {}
            _ => return None,
        }
        desk.set_wake(0, bids_from(mind.number as i64)).unwrap();
        None
    }
}

/// What was found of a version that waits for a rise by `points` beside one that waits for seven, after so many seconds in which what
/// follows from each tick is there before the next one, and so many in which they wait; and the ticks that each was handed meanwhile.
fn side_by_side(points: i64, one_by_one: i64, waiting: i64) -> (ShadowReport, [Vec<i64>; 2]) {
    let [works, shadow] = [(); 2].map(|()| Handed::default());
    let world = World::with(Bounds { shards: 1, save_every_us: 10 * SECOND_US, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, climbs(7, Arc::clone(&works)));
    let report = || world.host.shadow_of(ENGINE).unwrap();
    let feed = |second: i64| feed(&world, second, 110_000 + second);
    feed(1);
    world.host.shadow(next(world.guests.load(climbs(points, Arc::clone(&shadow)).into())), "is it better?").unwrap();
    eventually(|| report().state != ShadowState::Preparing);
    let mut from = 2;
    while report().state == ShadowState::WaitingForState {
        feed(from);
        from += 1;
        assert!(from < 30, "it saves every ten seconds");
    }
    eventually(|| report().state != ShadowState::TakingState);
    (from..from + one_by_one).for_each(feed);
    world.feed_seconds(from + one_by_one, waiting);
    world.settle();
    let handed = [works, shadow].map(|handed| handed.lock().unwrap().iter().copied().filter(|&second| second >= from).collect());
    (report(), handed)
}

#[test]
fn a_version_beside_one_that_waits_is_shown_the_same_ticks_and_decides_the_same() {
    let (report, [works, shadow]) = side_by_side(7, 100, 200);
    assert_eq!((report.state, report.ticks), (ShadowState::Following, 300), "{}", report.reason);
    assert_eq!(works, shadow);
    assert!((40..45).contains(&works.len()), "a seventh of them: {works:?}");
    let decisions = works.len() as u64;
    assert_eq!((report.decisions, report.same, report.shadow_decisions), (decisions, decisions, decisions));
    assert!(report.differences.is_empty(), "{:?}", report.differences);
}

#[test]
fn a_version_that_waits_for_other_ticks_than_the_one_that_works_differs_where_only_one_is_handed_them() {
    let (report, [works, shadow]) = side_by_side(5, 100, 0);
    let alone = |one: &[i64], other: &[i64]| one.iter().filter(|second| !other.contains(second)).count() as u64;
    assert_eq!((report.state, report.ticks), (ShadowState::Following, 100), "{}", report.reason);
    assert_eq!((report.only_works(), report.only_shadow()), (alone(&works, &shadow), alone(&shadow, &works)));
    assert!(report.only_works() > 5 && report.only_shadow() > 5 && report.same > 1, "{works:?} {shadow:?}");
}
