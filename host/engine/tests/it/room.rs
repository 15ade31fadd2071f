//! Want of room is the host's fault and never an engine's: who can't be taken waits, keeps its turn, and starts by itself.

use crate::support::*;
use domain::desk::Desk;
use domain::guest::{Call, FaultKind, Outcome};
use domain::ids::EngineId;
use domain::life::EngineState as S;
use domain::time::{MINUTE_US, SECOND_US};
use engine::{Bounds, EngineCommand, EngineSetup};
use std::sync::atomic::Ordering::SeqCst;

/// A host with room for this many guests, and three users with an account each.
fn world(places: usize) -> World {
    let world = World::with(Bounds { shards: 2, ..Bounds::default() });
    world.guests.places_max.store(places, SeqCst);
    (1..=3).for_each(|account| world.account(account));
    world
}

fn add(world: &World, engine: u32, account: u32, script: impl Into<Script>) {
    world.host.add(EngineSetup { version: world.guests.load(script.into()), ..setup(engine, account) }).unwrap();
}

fn start(world: &World, engine: u32) -> S {
    world.host.start_engine(EngineId(engine), "by test").unwrap();
    world.settle();
    state(world, engine)
}

fn state(world: &World, engine: u32) -> S {
    world.host.engine(EngineId(engine)).unwrap().state
}

fn running(world: &World) -> Vec<u32> {
    world.settle();
    world.host.snapshot().engines.into_iter().filter(|engine| engine.state == S::Running).map(|engine| engine.whose.engine.0).collect()
}

/// Time passes, second by second, and everybody looks at the clock.
fn wait(world: &World, seconds: i64) {
    for _ in 0..seconds {
        world.clock.forward(SECOND_US);
        world.host.wake();
        world.settle();
    }
}

/// Traps at ticks with a bid below 1.
fn traps(_: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    matches!(call, Call::Tick { tick, .. } if tick.bid < 1.0).then(|| Outcome::Trapped("wasm trap: unreachable".into()))
}

#[test]
fn one_that_the_host_has_no_room_for_waits_told_without_a_fault_and_starts_as_soon_as_another_stops() {
    let world = world(1);
    world.run(1, 1, listens);
    add(&world, 2, 2, listens);
    assert_eq!(start(&world, 2), S::Waiting);
    wait(&world, 1_200);
    let waits = world.host.engine(EngineId(2)).unwrap();
    assert_eq!((waits.state, waits.faults, waits.restarts), (S::Waiting, 0, 0));
    let told = "no-room: this host has room for 1 guests and all are taken; it keeps its turn and starts by itself as soon as the host can \
                take it";
    assert_eq!(waits.reason, told);
    let told: Vec<S> = world.told.states(2).into_iter().map(|(state, _)| state).collect();
    assert_eq!(told, [S::Starting, S::Waiting], "twenty minutes of looking are no news");
    world.host.stop_engine(EngineId(1), "enough").unwrap();
    assert_eq!(running(&world), [2], "at once, without a look at the clock");
    assert_eq!(world.guests.places(), 1);
}

#[test]
fn a_place_stays_its_engines_while_that_has_failed_and_comes_free_when_it_is_quarantined() {
    let world = world(1);
    world.run(1, 1, traps);
    add(&world, 2, 2, listens);
    for (failures, delay_s) in [(1, 1), (2, 2)] {
        world.feed(tick(EURUSD, failures * SECOND_US, 90_000));
        world.settle();
        assert_eq!(state(&world, 1), S::Faulted);
        assert_eq!(start(&world, 2), S::Waiting, "the place is taken, and whoever has it comes back");
        wait(&world, delay_s);
        assert_eq!(running(&world), [1]);
    }
    world.feed(tick(EURUSD, 3 * SECOND_US, 90_000));
    world.settle();
    assert_eq!((state(&world, 1), running(&world), world.guests.places()), (S::Quarantined, vec![2], 1));
}

#[test]
fn users_take_turns_and_each_ones_engines_are_taken_in_their_order() {
    let world = world(0);
    for engine in [10, 11, 12, 20, 30, 31] {
        add(&world, engine, engine / 10, listens);
        assert_eq!(start(&world, engine), S::Waiting);
    }
    let mut taken = Vec::new();
    for places in 1..=6 {
        world.guests.places_max.store(places, SeqCst);
        // Nobody tells of room that comes from elsewhere: it is found within half a minute.
        wait(&world, 30);
        let now = running(&world);
        taken.extend(now.iter().filter(|engine| !taken.contains(*engine)).copied().collect::<Vec<_>>());
        assert_eq!(taken.len(), places);
    }
    assert_eq!(taken, [10, 20, 30, 11, 31, 12]);
}

#[test]
fn all_that_room_comes_free_for_are_taken_at_once_and_who_comes_later_does_not_overtake() {
    let world = world(1);
    world.run(1, 1, listens);
    for engine in [20, 21, 22] {
        add(&world, engine, 2, listens);
        start(&world, engine);
    }
    // There is room for one more, of which nobody knows yet: it is not for who comes last.
    world.guests.places_max.store(2, SeqCst);
    add(&world, 30, 3, listens);
    assert_eq!(start(&world, 30), S::Waiting);
    let reason = world.host.engine(EngineId(30)).unwrap().reason;
    let told = "no-room: this host has room for 1 guests and all are taken; other engines wait for that before it; ";
    assert!(reason.starts_with(told), "{reason}");
    world.guests.places_max.store(4, SeqCst);
    world.host.stop_engine(EngineId(1), "enough").unwrap();
    assert_eq!(running(&world), [20, 21, 22, 30]);
}

#[test]
fn one_that_waits_may_be_stopped_paused_and_removed_and_gives_its_turn_on() {
    let world = world(1);
    world.run(1, 1, listens);
    for engine in [20, 21, 22] {
        add(&world, engine, 2, listens);
        start(&world, engine);
    }
    assert_eq!(world.host.stop_engine(EngineId(20), "enough").unwrap(), S::Stopped);
    world.host.remove(EngineId(21), "gone").unwrap();
    assert_eq!(world.host.command(EngineId(22), EngineCommand::Pause, "lunch").unwrap(), S::Waiting);
    world.host.stop_engine(EngineId(1), "enough").unwrap();
    world.settle();
    assert_eq!((state(&world, 22), state(&world, 20)), (S::Paused, S::Stopped));
}

#[test]
fn a_guest_that_fails_for_want_of_the_hosts_memory_comes_back_later_and_later_and_is_never_quarantined() {
    let world = world(1);
    let short = |_: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        matches!(call, Call::Tick { .. }).then(|| Outcome::NoRoom("asked for more memory than the host has".into()))
    };
    world.run(1, 1, short);
    let mut starts = 0;
    for second in 1..=600 {
        world.feed(tick(EURUSD, second * SECOND_US, 110_000));
        wait(&world, 1);
        starts = world.heard.of(1, "start").len();
    }
    let engine = world.host.engine(EngineId(1)).unwrap();
    assert!(engine.faults == 0 && matches!(engine.state, S::Waiting | S::Running), "{engine:?}");
    assert!((15..40).contains(&starts), "{starts} starts in ten minutes");
    assert_eq!(world.guests.places(), 1, "its place stays its own");
}

#[test]
fn a_part_of_the_host_that_fails_counts_against_nobody_and_holds_nobody_up_who_waits_for_room() {
    let world = world(2);
    *world.guests.fails.lock().unwrap() = Some(FaultKind::HostFailed);
    for engine in [10, 20] {
        add(&world, engine, engine / 10, listens);
        assert_eq!(start(&world, engine), S::Waiting);
    }
    wait(&world, 300);
    assert_eq!([10, 20].map(|engine| world.host.engine(EngineId(engine)).unwrap().faults), [0, 0]);
    *world.guests.fails.lock().unwrap() = None;
    wait(&world, 30);
    assert_eq!(running(&world), [10, 20]);
}

#[test]
fn a_version_that_takes_over_brings_its_place_along() {
    let world = world(2);
    world.run(1, 1, listens);
    let next = EngineSetup { version: world.guests.load(listens.into()), ..setup(1, 1) };
    world.host.swap(next, "better").unwrap();
    world.settle();
    eventually(|| world.guests.places() == 1);
    world.clock.forward(2 * MINUTE_US);
    world.host.stop_engine(EngineId(1), "enough").unwrap();
    world.settle();
    assert_eq!(world.guests.places(), 0);
}
