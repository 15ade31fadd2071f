//! Engines that wait, fail and start again, and those that go on after the host itself was stopped.

use super::{ENGINE, bids_from, counted, feed, waits_for};
use crate::support::*;
use domain::actor::SavedState;
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::life::EngineState as S;
use domain::time::{SECOND_US, Time};
use engine::{Bounds, EngineSetup, Event, Saved, Seen};
use std::collections::BTreeMap;
use std::sync::Arc;

fn one_shard() -> World {
    let world = World::with(Bounds { shards: 1, save_every_us: 10 * SECOND_US, ..Bounds::default() });
    world.account(1);
    world
}

/// What engine 7 has saved last.
fn saved(world: &World) -> Arc<Saved> {
    let of = |event| match event {
        Event::Saved { engine, saved, .. } if engine.engine == ENGINE => Some(saved),
        _ => None,
    };
    world.told.events().into_iter().filter_map(of).next_back().unwrap()
}

#[test]
fn one_that_fails_while_others_doze_hears_what_it_missed_when_it_starts_again_and_is_handed_the_next_tick() {
    let world = one_shard();
    let fails = |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| -> Option<Outcome> {
        match call {
            Call::Tick { tick, .. } if tick.time.0 == 34 * SECOND_US => Some(Outcome::Trapped("here".into())),
            _ => waits_for(110_050)(desk, call, mind),
        }
    };
    world.run(7, 1, fails);
    world.run(8, 1, waits_for(110_100));
    world.run(9, 1, listens);
    (1..=33).for_each(|second| feed(&world, second, 110_000));
    let until = saved(&world).seen[&EURUSD].time.0 / SECOND_US;
    assert!((21..33).contains(&until), "it has saved while it dozed: {until}");
    feed(&world, 34, 110_050);
    assert_eq!(world.host.engine(ENGINE).unwrap().state, S::Faulted);
    feed(&world, 35, 110_000);
    feed(&world, 36, 110_000);
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.told.wait_for(|event| matches!(event, Event::State { to: S::Running, at, .. } if *at == world.now()));
    world.settle();
    assert_eq!(world.heard.of(7, "start").last().map(String::as_str), Some("start restored=true"));
    assert_eq!(world.heard.of(7, "gap"), [format!("gap {until}000000 to 36000000: {} ticks", 36 - until)]);
    feed(&world, 37, 110_000);
    feed(&world, 38, 110_000);
    feed(&world, 39, 110_050);
    feed(&world, 40, 110_100);
    let ticks = [
        "tick 0 1000000 110000 skipped=0",
        "tick 0 34000000 110050 skipped=0",
        "tick 0 37000000 110000 skipped=0",
        "tick 0 39000000 110050 skipped=0",
        "tick 0 40000000 110100 skipped=0",
    ];
    assert_eq!(world.heard.of(7, "tick "), ticks);
    assert_eq!(world.heard.of(8, "tick "), ["tick 0 1000000 110000 skipped=0", "tick 0 40000000 110100 skipped=0"]);
    assert_eq!(world.heard.of(9, "tick ").len(), 40);
    assert_eq!((counted(&world, 7), counted(&world, 8)), ((33 + 4, 0), (40, 0)), "34 to 36 are none that it was handed or let go by");
}

#[test]
fn what_went_by_before_the_last_save_of_a_host_that_is_gone_is_no_gap_and_what_came_later_is() {
    // Stopped, when each saves, or killed.
    for stops in [true, false] {
        let gone = one_shard();
        gone.run(7, 1, waits_for(110_100));
        (1..=35).for_each(|second| feed(&gone, second, 110_000));
        if stops {
            gone.host.stop();
        }
        assert_eq!(gone.heard.of(7, "tick ").len(), 1);
        let saved = saved(&gone);
        let until = saved.seen[&EURUSD].time.0 / SECOND_US;
        assert!(if stops { until == 35 } else { (21..35).contains(&until) }, "{until}");

        // A host numbers anew.
        let seen = saved.seen.iter().map(|(&symbol, seen)| (symbol, Seen { sequence: None, ..*seen })).collect();
        let world = one_shard();
        (1..=40).for_each(|second| feed(&world, second, 110_000));
        let restored = Some(Saved { seen, ..Saved::clone(&saved) });
        world.run_as(EngineSetup { restored, ..setup(7, 1) }, waits_for(110_100));
        assert_eq!(world.heard.of(7, "gap"), [format!("gap {until}000000 to 40000000: {} ticks", 40 - until)]);
        feed(&world, 41, 110_000);
        feed(&world, 42, 110_000);
        feed(&world, 43, 110_100);
        assert_eq!(world.heard.of(7, "tick "), ["tick 0 41000000 110000 skipped=0", "tick 0 43000000 110100 skipped=0"]);
        assert_eq!(counted(&world, 7), (3, 0));
    }
}

/// As strategies do that say at their start what they wait for: they doze from the first tick on, one that was handled before included.
#[test]
fn a_market_that_goes_on_from_further_back_hands_nothing_over_again_nor_counts_it_while_an_engine_dozes() {
    let world = one_shard();
    (0..=3).for_each(|second| feed(&world, second, 110_000));
    let seen = BTreeMap::from([(EURUSD, Seen { time: Time(7 * SECOND_US), sequence: None })]);
    let state = SavedState { schema: 1, bytes: 3_u64.to_le_bytes().into() };
    let restored = Some(Saved { state, at: world.now(), seen });
    let waits = |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| -> Option<Outcome> {
        if let Call::Start { .. } = call {
            desk.set_wake(0, bids_from(110_100)).unwrap();
        }
        None
    };
    world.run_as(EngineSetup { restored, ..setup(7, 1) }, waits);
    feed(&world, 4, 110_000);
    // It waits for this, and has had it.
    feed(&world, 5, 110_100);
    (6..=9).for_each(|second| feed(&world, second, 110_000));
    feed(&world, 10, 110_100);
    assert_eq!(world.heard.of(7, "tick "), ["tick 0 10000000 110100 skipped=0"]);
    assert_eq!(counted(&world, 7), (3, 0), "8 and 9 went by, 10 was handed over, and those before were handled before the restart");
}
