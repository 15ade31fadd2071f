//! Engines that wait for some ticks only.

use crate::backlog::held_up_with;
use crate::support::*;
use domain::contract::Side;
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::EngineId;
use domain::tick::Timeframe;
use domain::time::{MINUTE_US, SECOND_US, Time};
use domain::wake::Wake;
use engine::{Bounds, EngineSnapshot};

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

fn seen(world: &World) -> EngineSnapshot {
    world.host.engine(ENGINE).unwrap()
}

/// The ticks that it waits for, of so many, and the others: reckoned here.
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

/// Feeds ten minutes, tick by tick, and says what the engine heard.
fn ten_minutes() -> (Vec<String>, EngineSnapshot) {
    let world = World::with(Bounds { shards: 1, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, waits);
    for second in 0..600 {
        world.feed_seconds(second, 1);
        world.settle();
    }
    (heard(&world), seen(&world))
}

#[test]
fn an_engine_is_handed_the_ticks_it_waits_for_and_all_bars_and_timers() {
    let (heard, seen) = ten_minutes();
    let expected = waited_for(600);
    let of = |kind: &str| heard.iter().filter(|words| words.starts_with(kind)).collect::<Vec<_>>();
    let ticks: Vec<i64> = of("tick ").iter().map(|words| words.split(' ').nth(2).unwrap().parse::<i64>().unwrap() / SECOND_US).collect();
    assert_eq!(ticks, expected);
    assert_eq!((of("bar ").len(), of("timer ").len()), (9, 4), "{heard:?}");
    assert_eq!((seen.ticks, seen.skipped), (600, 0), "what goes by is seen, and none of it is missing");
    let others = seen.calls - expected.len() as u64;
    assert!((13..100).contains(&others), "{} calls for {} ticks", seen.calls, expected.len());
}

#[test]
fn a_backlog_is_heard_as_ticks_one_by_one_are() {
    let (single, one_by_one) = ten_minutes();
    for columns_from in [2, 8, usize::MAX] {
        let (world, slow) = held_up_with(Bounds { columns_from, ..Bounds::default() });
        world.run(7, 1, waits);
        slow.hold(&world);
        world.feed_seconds(1, 599);
        slow.let_go(&world);
        assert_eq!(heard(&world), single, "by columns from {columns_from} on");
        assert_eq!((seen(&world).ticks, seen(&world).skipped), (one_by_one.ticks, 0));
    }
}
