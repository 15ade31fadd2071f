//! What a user's engines may use together.

use crate::support::*;
use domain::contract::LogLevel;
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{EngineId, UserId};
use domain::limits::Quotas;
use domain::time::{DAY_US, MINUTE_US, SECOND_US};
use domain::wake::Wake;
use engine::{Bounds, Event};

fn with(quotas: Quotas) -> World {
    let world = World::with(Bounds { shards: 1, quotas, ..Bounds::default() });
    world.account(1);
    world.account(2);
    world
}

#[test]
fn a_user_who_has_used_up_the_fuel_of_a_second_is_throttled_until_the_next_and_nobody_else_is() {
    // A call of these guests has 10; their start has two.
    let world = with(Quotas { fuel_per_second_max: 100, ..Quotas::default() });
    for (engine, account) in [(7, 1), (8, 1), (9, 2)] {
        world.run(engine, account, listens);
    }
    for s in 1..=40 {
        world.feed_seconds(s, 1);
        world.settle();
    }
    let ticks = |engine: u32| world.host.engine(EngineId(engine)).unwrap().ticks;
    let (ann, bob) = (world.host.usage(UserId(1)), world.host.usage(UserId(2)));
    assert_eq!((ticks(7), ticks(8), ticks(9)), (3, 3, 8), "each of them until a hundred are used");
    assert_eq!((ann.ticks_throttled, bob.ticks_throttled), (74, 32));
    assert_eq!((ann.fuel_today, bob.fuel_today), (100, 100));
    let logged = world.told.logged_at(7, LogLevel::Warn);
    assert!(
        matches!(&logged[..], [line] if line.contains("100 units of fuel") && line.contains("quotas.fuel_per_second_max")),
        "{logged:?}"
    );

    // The next second is a new one; the first tick says what went by.
    world.clock.forward(SECOND_US);
    world.feed_seconds(41, 1);
    world.settle();
    assert_eq!((ticks(7), ticks(9)), (4, 9));
    assert_eq!(world.heard.of(7, "tick").last().unwrap(), "tick 0 41000000 110041 skipped=37");
    assert_eq!(world.host.usage(UserId(1)).fuel_per_second, 100, "the last full second");
}

#[test]
fn bars_are_told_to_who_is_throttled() {
    let world = with(Quotas { fuel_per_second_max: 1, ..Quotas::default() });
    world.run(7, 1, listens);
    for s in [1, 2, 61, 121] {
        world.feed(tick(EURUSD, s * SECOND_US, 110_000 + s));
        world.settle();
    }
    assert_eq!(world.heard.of(7, "tick").len(), 1);
    assert_eq!(world.heard.of(7, "bar"), ["bar M1 0", "bar M1 60000000"]);
}

#[test]
fn ticks_that_wait_go_by_as_well() {
    let world = with(Quotas { fuel_per_second_max: 1, ..Quotas::default() });
    world.run(7, 1, listens);
    world.feed_seconds(1, 500);
    world.settle();
    let engine = world.host.engine(EngineId(7)).unwrap();
    assert_eq!(engine.ticks + engine.throttled, 500);
    assert!(engine.throttled > 0);
}

#[test]
fn a_tick_that_goes_by_for_want_of_fuel_is_none_that_nobody_waited_for() {
    let world = with(Quotas { fuel_per_second_max: 1, ..Quotas::default() });
    let waits = |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| -> Option<Outcome> {
        if let Call::Tick { .. } = call {
            desk.set_wake(0, Wake { bid_at_least: 1.101, ..Wake::NO_TICK }).unwrap();
        }
        None
    };
    world.run(7, 1, waits);
    let feed = |seconds: std::ops::RangeInclusive<i64>, bid| {
        for second in seconds {
            world.feed(tick(EURUSD, second * SECOND_US, bid));
            world.settle();
        }
    };
    // Its first call takes all; ticks that it does not wait for are skipped, and then it is handed nothing while others come.
    feed(1..=5, 110_000);
    feed(6..=6, 110_100);
    feed(7..=10, 110_000);
    world.clock.forward(SECOND_US);
    feed(11..=11, 110_100);
    let engine = world.host.engine(EngineId(7)).unwrap();
    assert_eq!((engine.ticks, engine.throttled, engine.skipped), (6, 5, 5));
    assert_eq!(world.heard.of(7, "tick ").last().map(String::as_str), Some("tick 0 11000000 110100 skipped=5"));
}

#[test]
fn what_a_users_engines_say_in_a_day_is_bounded_named_and_counted() {
    let world = with(Quotas { log_bytes_per_day_max: 1_000, ..Quotas::default() });
    let talks = |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| -> Option<Outcome> {
        if let Call::Tick { .. } = call {
            desk.log(LogLevel::Info, &"x".repeat(84));
        }
        None
    };
    world.run(7, 1, talks);
    world.run(9, 2, talks);
    let minutes = |from: i64| {
        for minute in from..from + 15 {
            world.feed(tick(EURUSD, minute * MINUTE_US, 110_000));
            world.settle();
        }
    };
    minutes(1);
    let warned = world.told.logged_at(7, LogLevel::Warn);
    assert!(matches!(&warned[..], [line] if line.contains("may say 1000 (quotas.log_bytes_per_day_max)")), "{warned:?}");
    assert_eq!(world.told.logged(7).len(), 10);
    let engine = world.host.engine(EngineId(7)).unwrap();
    assert_eq!((engine.log_bytes, engine.remarks_dropped), (1_000, 5));
    world.clock.forward(DAY_US);
    minutes(16);
    assert_eq!(world.told.logged(7).len(), 20, "a new day");
    assert!(world.told.events().iter().any(|event| matches!(event, Event::Remarks { dropped: 1, .. })), "what is dropped is told");
}

#[test]
fn memory_that_a_users_guests_take_together_is_bounded_for_as_long_as_they_live_and_comes_back_with_them() {
    // Each has 65,536 bytes when it starts.
    let world = with(Quotas { memory_bytes_max: 3 * 65_536, ..Quotas::default() });
    let grows = |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| match call {
        Call::Tick { .. } => desk.grow_memory(65_536).err().map(|over| Outcome::OverQuota(over.to_string())),
        _ => None,
    };
    let bytes = || world.host.usage(UserId(1)).memory_bytes;
    let faults = |engine: u32| world.host.engine(EngineId(engine)).unwrap().faults;
    world.run(7, 1, grows);
    world.run(8, 1, listens);
    world.run(9, 2, grows);
    assert_eq!(bytes(), 2 * 65_536);
    world.feed_seconds(1, 1);
    world.settle();
    assert_eq!((bytes(), faults(7)), (3 * 65_536, 0));
    world.feed_seconds(2, 1);
    world.settle();
    assert_eq!((bytes(), faults(7), faults(8), faults(9)), (65_536, 1, 0, 0), "the one that grew is gone; somebody else's is not");
    let reason = world.host.engine(EngineId(7)).unwrap().reason;
    let words = "over-quota: asked for 65536 more bytes of memory; all engines of its owner have 196608 and may have 196608 together \
                 (quotas.memory_bytes_max): stop one of them";
    assert!(reason.contains(words), "{reason}");
}
