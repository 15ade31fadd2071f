//! Another version takes over while an engine works.

use crate::support::*;
use domain::contract::{LogLevel, Side, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, FaultKind, GuestHost, Outcome};
use domain::ids::{AccountId, Digest, EngineId};
use domain::life::EngineState as S;
use domain::time::{MINUTE_US, SECOND_US};
use engine::{Bounds, EngineCommand, EngineSetup, Event, HostError, Scope, SwapOutcome, Swapped};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Counts ticks in its state, and buys at each tick whose bid ends in 7.
fn counts(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    let Call::Tick { tick, .. } = call else { return None };
    mind.number += 1;
    if (tick.bid * 1e5).round() as i64 % 10 == 7 {
        let _unheeded = desk.submit(market(Side::Buy));
    }
    None
}

fn next(version: Digest) -> EngineSetup {
    EngineSetup { version, ..setup(7, 1) }
}

fn outcomes(world: &World) -> Vec<SwapOutcome> {
    world.settle();
    let outcome = |event| if let Event::Swap { outcome, .. } = event { Some(outcome) } else { None };
    world.told.events().into_iter().filter_map(outcome).collect()
}

/// A world in which engine 7 has counted two ticks and bought at the second.
fn counting() -> (World, Digest) {
    let world = World::new();
    world.account(1);
    world.run(7, 1, counts);
    let before = world.host.engine(EngineId(7)).unwrap().version;
    world.feed(tick(EURUSD, SECOND_US, 110_001));
    world.feed(tick(EURUSD, 2 * SECOND_US, 110_007));
    world.settle();
    (world, before)
}

fn says(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    let done = counts(desk, call, mind);
    match call {
        Call::Tick { .. } => desk.log(LogLevel::Info, &format!("v2 has counted {}", mind.number)),
        Call::Start { .. } => {
            let seen = (desk.positions().len(), desk.now(), mind.number);
            desk.log(LogLevel::Info, &format!("v2 finds {seen:?}"));
        }
        _ => {}
    }
    done
}

#[test]
fn a_version_takes_over_with_the_state_the_positions_and_the_numbers_of_the_one_before() {
    let (world, _) = counting();
    let version = world.guests.load(Script::from(says));
    let swapped = world.host.swap(next(version), "better").unwrap();
    assert!(matches!(swapped, Swapped::TakenOver { .. }), "{swapped:?}");
    let engine = world.host.engine(EngineId(7)).unwrap();
    assert_eq!((engine.version, engine.state, engine.on_trial, engine.ticks), (version, S::Running, true, 2));
    world.feed(tick(EURUSD, 3 * SECOND_US, 110_017));
    world.settle();
    assert_eq!(world.told.logged(7), [&format!("v2 finds (1, {}, 2)", 2 * SECOND_US), "v2 has counted 3"]);
    assert_eq!(world.broker.submitted(), ["7-1", "7-2"]);
    assert_eq!(world.heard.of(7, "tick").last().unwrap(), "tick 0 3000000 110017 skipped=0");
    assert_eq!(world.heard.of(7, "gap"), [""; 0], "nothing is missing");
    eventually(|| world.heard.of(7, "stop") == ["stop swapped"]);
    assert_eq!(states(&world), [S::Starting, S::WarmingUp, S::Running], "it never stood still");
}

fn states(world: &World) -> Vec<S> {
    world.settle();
    world.told.states(7).into_iter().map(|(state, _)| state).collect()
}

#[test]
fn a_version_that_refuses_the_state_or_fails_at_its_start_changes_nothing() {
    let (world, before) = counting();
    let refuses = |_: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        matches!(call, Call::Load { .. }).then(|| Outcome::Refused("state of version 1 is unknown".into()))
    };
    // What it asks for before it fails is kept, and its number is not used again.
    let fails = |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        let Call::Start { .. } = call else { return None };
        desk.submit(market(Side::Buy)).unwrap();
        Some(Outcome::Trapped("unreachable".into()))
    };
    for (script, why) in [(Script::from(refuses), "state of version 1 is unknown"), (Script::from(fails), "trapped: unreachable")] {
        let refused = world.host.swap(next(world.guests.load(script)), "better").unwrap_err();
        assert!(matches!(&refused, HostError::NotSwapped(text) if text.contains(why)), "{refused}");
    }
    assert!(world.host.swap(next(Digest([9; 32])), "nobody has it").unwrap_err().to_string().contains("not loaded"));
    assert!(matches!(outcomes(&world)[..], [SwapOutcome::Refused { .. }, SwapOutcome::Refused { .. }, SwapOutcome::Refused { .. }]));
    world.feed(tick(EURUSD, 3 * SECOND_US, 110_017));
    world.settle();
    let engine = world.host.engine(EngineId(7)).unwrap();
    assert_eq!((engine.version, engine.state, engine.ticks, engine.faults), (before, S::Running, 3, 0));
    assert_eq!(world.broker.submitted(), ["7-1", "7-2", "7-3"]);
    assert_eq!(world.heard.of(7, "stop"), [""; 0]);
}

#[test]
fn a_version_that_fails_on_trial_is_rolled_back_and_later_it_is_an_ordinary_fault() {
    let (world, before) = counting();
    let traps = |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        let done = counts(desk, call, mind);
        if matches!(call, Call::Tick { tick, .. } if tick.bid < 1.0) { Some(Outcome::Trapped("unreachable".into())) } else { done }
    };
    let version = world.guests.load(Script::from(traps));
    world.host.swap(next(version), "better").unwrap();
    let kept = || [before, version].map(|version| world.guests.is_kept(&version));
    assert_eq!(kept(), [true, true], "the one before may have to come back");
    world.feed(tick(EURUSD, 3 * SECOND_US, 110_017));
    world.feed(tick(EURUSD, 4 * SECOND_US, 90_000));
    world.settle();
    assert_eq!(kept(), [true, false]);
    // The version before is back at once, with its own count, and knows which two ticks it was not handed.
    let engine = world.host.engine(EngineId(7)).unwrap();
    assert_eq!((engine.version, engine.state, engine.restarts, engine.on_trial), (before, S::Running, 1, false));
    assert_eq!(world.heard.of(7, "gap"), ["gap 2000000 to 4000000: 2 ticks"]);
    let Some(SwapOutcome::RolledBack { reason }) = outcomes(&world).pop() else { panic!("{:?}", outcomes(&world)) };
    assert!(reason.contains("failed on trial and is rolled back to") && reason.ends_with("trapped: unreachable"), "{reason}");
    let reasons = world.told.states(7);
    assert_eq!(reasons[3], (S::Faulted, reason));
    world.feed(tick(EURUSD, 5 * SECOND_US, 110_027));
    world.settle();
    assert_eq!(world.heard.of(7, "tick").last().unwrap(), "tick 0 5000000 110027 skipped=0");
    assert_eq!(world.broker.submitted(), ["7-1", "7-2", "7-3"], "numbers go on");
    world.host.stop_engine(EngineId(7), "look").unwrap();
    assert_eq!(count(&world), 3, "two before the swap, one after");

    // Once it has been handed a hundred ticks and a minute has passed, a version stays.
    world.host.start_engine(EngineId(7), "on").unwrap();
    world.settle();
    world.host.swap(next(version), "once more").unwrap();
    (0..100).for_each(|n| world.feed(tick(EURUSD, (10 + n) * SECOND_US, 110_001)));
    world.settle();
    assert!(world.host.engine(EngineId(7)).unwrap().on_trial);
    assert!(world.host.swap(next(before), "too soon").unwrap_err().to_string().contains("still on trial"));
    world.clock.forward(MINUTE_US);
    world.feed(tick(EURUSD, 111 * SECOND_US, 110_001));
    world.settle();
    assert_eq!(outcomes(&world).pop(), Some(SwapOutcome::Confirmed));
    eventually(|| kept() == [false, true]);
    world.feed(tick(EURUSD, 112 * SECOND_US, 90_000));
    world.settle();
    let engine = world.host.engine(EngineId(7)).unwrap();
    assert_eq!((engine.version, engine.state), (version, S::Faulted));
}

/// What engine 7 saved last.
#[test]
fn a_version_on_trial_that_the_host_has_no_room_for_waits_and_its_trial_goes_on() {
    let (world, before) = counting();
    let fails = |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        let done = counts(desk, call, mind);
        match call {
            Call::Tick { tick, .. } if tick.bid < 0.8 => Some(Outcome::Trapped("unreachable".into())),
            Call::Tick { tick, .. } if tick.bid < 1.0 => Some(Outcome::NoRoom("asked for more memory than the host has".into())),
            _ => done,
        }
    };
    let version = world.guests.load(Script::from(fails));
    world.host.swap(next(version), "better").unwrap();
    // It can't be started anew for a while either.
    let host_fails = |fails: bool| *world.guests.fails.lock().unwrap() = fails.then_some(FaultKind::HostFailed);
    host_fails(true);
    world.feed(tick(EURUSD, 3 * SECOND_US, 90_000));
    world.settle();
    let engine = || world.host.engine(EngineId(7)).unwrap();
    assert_eq!((engine().version, engine().state, engine().faults, engine().on_trial), (version, S::Waiting, 0, true));
    host_fails(false);
    world.clock.forward(MINUTE_US);
    world.host.wake();
    world.settle();
    assert_eq!((engine().version, engine().state, engine().on_trial), (version, S::Running, true));
    world.feed(tick(EURUSD, 4 * SECOND_US, 110_001));
    world.feed(tick(EURUSD, 5 * SECOND_US, 70_000));
    world.settle();
    assert_eq!((engine().version, engine().on_trial), (before, false), "what is its own fault still rolls it back");
    assert!(matches!(outcomes(&world).pop(), Some(SwapOutcome::RolledBack { .. })));

    world.host.swap(next(version), "again").unwrap();
    host_fails(true);
    world.feed(tick(EURUSD, 6 * SECOND_US, 90_000));
    world.settle();
    assert_eq!(engine().state, S::Waiting);
    world.host.stop_engine(EngineId(7), "look").unwrap();
    assert_eq!((engine().version, engine().state, engine().on_trial), (version, S::Stopped, false));
    assert_eq!(count(&world), 2, "the state that was handed over is there for its next start");
}

fn count(world: &World) -> u64 {
    world.settle();
    let saved = |event| match event {
        Event::Saved { engine, saved, .. } if engine.engine == EngineId(7) => Some(saved),
        _ => None,
    };
    let last = world.told.events().into_iter().filter_map(saved).next_back().unwrap();
    u64::from_le_bytes(last.state.bytes.as_slice().try_into().unwrap())
}

/// A version that waits in `load` until it is let go, and tells when it is there.
fn slow_to_load() -> (Receiver<()>, Sender<()>, Script) {
    slow_at(|call| matches!(call, Call::Load { .. }))
}

/// A version that waits in such calls until it is let go, each time, and tells when it is there.
fn slow_at(waits: fn(&Call<'_>) -> bool) -> (Receiver<()>, Sender<()>, Script) {
    let ((tell, there), (go, gone)) = (channel(), channel());
    let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
    let act = move |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if waits(call) {
            tell.lock().unwrap().send(()).unwrap();
            gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        counts(desk, call, mind)
    };
    (there, go, act.into())
}

#[test]
fn while_a_version_takes_over_its_events_and_commands_wait_in_order_and_nobody_elses() {
    let world = World::with(Bounds { shards: 1, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, counts);
    world.run(8, 1, listens);
    world.feed(tick(EURUSD, SECOND_US, 110_001));
    world.settle();
    let (there, go, script) = slow_to_load();
    let version = world.guests.load(script);
    std::thread::scope(|scope| {
        let swap = scope.spawn(|| world.host.swap(next(version), "better"));
        there.recv_timeout(PATIENCE).unwrap();
        (2..100).for_each(|second| world.feed(tick(EURUSD, second * SECOND_US, 110_000 + second % 10)));
        world.host.set_trading(Scope::Engine(EngineId(7)), TradingState::Reducing, "test").unwrap();
        world.settle();
        assert_eq!(world.heard.of(7, "tick").len(), 1);
        let others = world.heard.all(8).iter().filter(|words| words.starts_with("row") || words.starts_with("tick ")).count();
        assert_eq!(others, 99, "the other engine of its shard goes on");
        let stop = scope.spawn(|| world.host.command(EngineId(7), EngineCommand::Pause, "lunch"));
        go.send(()).unwrap();
        assert!(matches!(swap.join().unwrap(), Ok(Swapped::TakenOver { .. })));
        assert_eq!(stop.join().unwrap().unwrap(), S::Paused);
    });
    world.settle();
    let heard: Vec<String> =
        world.heard.all(7).into_iter().filter(|words| words.starts_with("tick ") || words.starts_with("trading")).collect();
    assert_eq!(heard.len(), 1 + 1 + 98 + 1);
    assert_eq!((heard[1].as_str(), heard.last().unwrap().as_str()), ("trading reducing", "trading halted"));
    assert!(heard[1..].iter().all(|words| !words.starts_with("tick") || words.ends_with("skipped=0")), "{heard:?}");
    world.host.stop_engine(EngineId(7), "look").unwrap();
    assert_eq!(count(&world), 99);
}

/// A world with this many starters, in which engine 7 is paused and has missed a bar.
fn paused(starters: usize, script: impl Into<Script>) -> World {
    let world = World::with(Bounds { shards: 1, starters, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, script);
    world.feed(tick(EURUSD, SECOND_US, 110_001));
    world.settle();
    world.host.command(EngineId(7), EngineCommand::Pause, "lunch").unwrap();
    world.feed(tick(EURUSD, 2 * MINUTE_US, 110_001));
    world.settle();
    world
}

#[test]
fn a_version_takes_over_from_one_that_hears_what_it_missed_in_a_pause() {
    let (hears, heard, before) = slow_at(|call| matches!(call, Call::Bar { .. }));
    let world = paused(2, before);
    world.run(8, 1, listens);
    let (made, go, script) = slow_at(|call| matches!(call, Call::Init(_)));
    let version = world.guests.load(script);
    std::thread::scope(|scope| {
        let swap = scope.spawn(|| world.host.swap(next(version), "better"));
        made.recv_timeout(PATIENCE).unwrap();
        let resume = scope.spawn(|| world.host.command(EngineId(7), EngineCommand::Resume, "back"));
        hears.recv_timeout(PATIENCE).unwrap();
        go.send(()).unwrap();
        // It is ready while the one before is still away: their shard serves others meanwhile.
        for command in [EngineCommand::Pause, EngineCommand::Resume].repeat(20) {
            world.host.command(EngineId(8), command, "meanwhile").unwrap();
        }
        heard.send(()).unwrap();
        assert_eq!(resume.join().unwrap().unwrap(), S::WarmingUp);
        assert!(matches!(swap.join().unwrap(), Ok(Swapped::TakenOver { .. })));
    });
    world.feed(tick(EURUSD, 3 * MINUTE_US, 110_001));
    world.settle();
    assert_eq!((world.host.engine(EngineId(7)).unwrap().version, world.heard.of(7, "bar").len()), (version, 2));
}

#[test]
fn a_version_that_is_ready_keeps_no_starter_from_the_guest_that_it_waits_for() {
    let world = paused(1, counts);
    let (made, go, script) = slow_at(|call| matches!(call, Call::Init(_)));
    let version = world.guests.load(script);
    std::thread::scope(|scope| {
        let swap = scope.spawn(|| world.host.swap(next(version), "better"));
        made.recv_timeout(PATIENCE).unwrap();
        // What the guest has missed is told to it by the one starter that there is, after it has made the version.
        assert_eq!(world.host.command(EngineId(7), EngineCommand::Resume, "back").unwrap(), S::WarmingUp);
        go.send(()).unwrap();
        assert!(matches!(swap.join().unwrap(), Ok(Swapped::TakenOver { .. })));
    });
    world.feed(tick(EURUSD, 3 * MINUTE_US, 110_001));
    world.settle();
    assert_eq!((world.heard.of(7, "init").len(), world.heard.of(7, "bar").len()), (2, 2), "it is made once and hears every bar");
    assert_eq!(world.host.engine(EngineId(7)).unwrap().version, version);
    world.host.stop_engine(EngineId(7), "look").unwrap();
    assert_eq!(count(&world), 2);
}

#[test]
fn an_engine_without_a_guest_is_another_from_its_next_start_on() {
    let (world, _) = counting();
    world.host.stop_engine(EngineId(7), "night").unwrap();
    let version = world.guests.load(Script::from(says));
    let changed = EngineSetup { symbols: vec![GOLD], ..next(version) };
    assert_eq!(world.host.swap(changed, "gold").unwrap(), Swapped::AtNextStart);
    assert_eq!(world.host.engine(EngineId(7)).unwrap().version, version);
    world.host.start_engine(EngineId(7), "morning").unwrap();
    world.settle();
    world.feed(tick(EURUSD, 3 * SECOND_US, 110_003));
    world.feed(tick(GOLD, 4 * SECOND_US, 200_003));
    world.settle();
    assert_eq!(world.heard.of(7, "tick").last().unwrap(), "tick 0 4000000 20000300 skipped=0");
    assert_eq!(world.heard.of(7, "tick").len(), 3);
    let other = EngineSetup { account: AccountId(2), ..next(version) };
    assert!(world.host.swap(other, "another's").is_err());
    let elsewhere = next(version);
    assert!(world.host.swap(elsewhere, "other symbols").unwrap_err().to_string().contains("keeps the engine's symbols"));
}

const ENGINES: u32 = 24;
const TICKS: i64 = 6_000;

/// Fails unless every tick comes once and in order: its state is the last one's number. Buys now and then.
fn strict(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    let Call::Tick { tick, skipped, .. } = call else { return None };
    let number = tick.time.0 as u64 / 1_000;
    if number != mind.number + 1 || *skipped > 0 {
        return Some(Outcome::Trapped(format!("tick {number} after {}", mind.number)));
    }
    mind.number = number;
    if number.is_multiple_of(97) {
        desk.submit(market(if number.is_multiple_of(2) { Side::Buy } else { Side::Sell })).unwrap();
    }
    None
}

#[test]
fn under_load_no_tick_and_no_event_is_lost_or_doubled_however_often_versions_change() {
    let world = World::with(Bounds { shards: 2, trial_ticks: 20, trial_us: 0, ..Bounds::default() });
    for engine in 1..=ENGINES {
        world.account(engine);
        world.run(engine, engine, strict);
    }
    let mut swaps = BTreeMap::new();
    std::thread::scope(|scope| {
        let feeding = scope.spawn(|| (1..=TICKS).for_each(|n| world.feed(tick(EURUSD, n * 1_000, 110_000 + n % 10))));
        while !feeding.is_finished() {
            for engine in 1..=ENGINES {
                let version = world.guests.load(Script::from(strict));
                let done = world.host.swap(EngineSetup { version, ..setup(engine, engine) }, "under load");
                match done {
                    Ok(_) => *swaps.entry(engine).or_insert(0) += 1,
                    Err(error) => assert!(error.to_string().contains("still on trial"), "{error}"),
                }
            }
        }
    });
    world.settle();
    assert!(swaps.len() == ENGINES as usize, "every engine was swapped: {swaps:?}");
    let orders = TICKS as u64 / 97;
    for engine in 1..=ENGINES {
        let now = world.host.engine(EngineId(engine)).unwrap();
        assert_eq!((now.state, now.faults, now.ticks, now.orders), (S::Running, 0, TICKS as u64, orders), "{engine}: {}", now.reason);
        for number in 1..=orders {
            let events = world.heard.of(engine, &format!("order {number} "));
            assert_eq!(events.len(), 2, "accepted and filled once each: {events:?}");
        }
        assert_eq!(world.heard.of(engine, "position").len() as u64, orders);
    }
    let mut submitted = world.broker.submitted();
    submitted.sort_unstable();
    submitted.dedup();
    assert_eq!(submitted.len() as u64, orders * u64::from(ENGINES));
}
