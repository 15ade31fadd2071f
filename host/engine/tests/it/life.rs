//! Starting, stopping, faults, restarts, and going on after the host itself was stopped.

use crate::support::*;
use domain::actor::SavedState;
use domain::contract::{Side, StopReason, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::EngineId;
use domain::life::EngineState as S;
use domain::time::{MINUTE_US, SECOND_US};
use engine::{EngineCommand, Event, HostError, Scope};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// Counts ticks in its saved state, and traps at those with a bid below 1.
fn counts(_: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    let Call::Tick { tick, .. } = call else { return None };
    mind.number += 1;
    (tick.bid < 1.0).then(|| Outcome::Trapped("wasm trap: unreachable".into()))
}

fn feed(world: &World, second: i64, bid: i64) {
    world.feed(tick(EURUSD, second * SECOND_US, bid));
    world.settle();
}

fn states(world: &World, engine: u32) -> Vec<S> {
    world.settle();
    world.told.states(engine).into_iter().map(|(state, _)| state).collect()
}

#[test]
fn a_fault_restarts_from_the_saved_state_and_the_third_one_quarantines_while_others_go_on() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, counts);
    world.run(8, 1, listens);
    // A minute later its state is saved, with two ticks counted.
    feed(&world, 1, 110_000);
    feed(&world, 61, 110_000);
    for (round, delay_s) in [(1, 1), (2, 2)] {
        feed(&world, 61 + round, 90_000);
        assert_eq!(states(&world, 7).last(), Some(&S::Faulted));
        world.clock.forward(delay_s * SECOND_US - 1);
        world.host.wake();
        assert_eq!(states(&world, 7).last(), Some(&S::Faulted), "not before its time");
        world.clock.forward(1);
        world.host.wake();
        world.told.wait_for(|event| matches!(event, Event::State { to: S::Running, at, .. } if *at == world.now()));
        assert_eq!(world.heard.of(7, "start").last().unwrap(), "start restored=true");
    }
    feed(&world, 64, 90_000);
    let (state, reason) = world.told.states(7).pop().unwrap();
    assert_eq!(state, S::Quarantined);
    assert_eq!(reason, "3 faults within 10 minutes, the last: trapped: wasm trap: unreachable; start it again when it is mended");
    assert_eq!(world.host.engine(EngineId(7)).unwrap().faults, 3);
    feed(&world, 65, 110_000);
    assert_eq!((world.heard.of(8, "tick").len(), world.host.engine(EngineId(8)).unwrap().faults), (6, 0));

    // A person starts it again: it goes on from the state it saved in time.
    assert_eq!(world.host.start_engine(EngineId(7), "mended").unwrap(), S::Starting);
    assert_eq!(states(&world, 7).last(), Some(&S::Running));
    world.host.stop_engine(EngineId(7), "enough").unwrap();
    assert_eq!(saved(&world, 7), Some(2));
}

/// The number in the last state that was saved.
fn saved(world: &World, engine: u32) -> Option<u64> {
    world.settle();
    let of = |event: Event| match event {
        Event::Saved { engine: whose, state, .. } if whose.engine == EngineId(engine) => Some(state),
        _ => None,
    };
    world.told.events().into_iter().filter_map(of).next_back().map(|state| u64::from_le_bytes(state.bytes.try_into().unwrap()))
}

#[test]
fn a_panic_in_the_host_is_the_fault_of_the_engine_it_was_busy_with() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, |_: &mut Desk, call: &Call<'_>, _: &mut Mind| match call {
        Call::Tick { .. } => panic!("index out of bounds"),
        _ => None,
    });
    world.run(8, 1, listens);
    feed(&world, 1, 110_000);
    let (state, reason) = world.told.states(7).pop().unwrap();
    assert!(state == S::Faulted && reason.contains("panicked") && reason.contains("index out of bounds"), "{reason}");
    assert_eq!(world.heard.of(8, "tick").len(), 1);
    assert_eq!(world.host.snapshot().totals.panics, 1);
}

#[test]
fn starting_what_runs_and_stopping_what_is_stopped_change_nothing() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, listens);
    assert_eq!(world.host.start_engine(EngineId(7), "again").unwrap(), S::Running);
    assert_eq!(world.host.stop_engine(EngineId(7), "enough").unwrap(), S::Stopped);
    assert_eq!(world.host.stop_engine(EngineId(7), "enough").unwrap(), S::Stopped);
    assert_eq!(states(&world, 7), [S::Starting, S::WarmingUp, S::Running, S::Stopped]);
    assert_eq!(world.heard.all(7), ["init", "start restored=false", "stop by-owner"]);
    feed(&world, 1, 110_000);
    assert_eq!(world.heard.of(7, "tick"), [""; 0], "a stopped engine is fed no more");

    world.host.remove(EngineId(7), "gone").unwrap();
    world.host.remove(EngineId(7), "gone").unwrap();
    assert!(matches!(world.host.start_engine(EngineId(7), "?"), Err(HostError::NoSuchEngine(EngineId(7)))));
    assert!(matches!(world.host.add(setup(7, 2)), Err(HostError::NoSuchAccount(_))));
    assert!(world.host.command(EngineId(8), EngineCommand::Pause, "?").is_err());
}

#[test]
fn a_paused_engine_gets_no_ticks_opens_nothing_and_is_told_what_it_missed() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, listens);
    feed(&world, 1, 110_000);
    world.host.command(EngineId(7), EngineCommand::Pause, "lunch").unwrap();
    feed(&world, 2, 110_000);
    feed(&world, 3, 110_000);
    assert!(matches!(world.host.command(EngineId(7), EngineCommand::Pause, "lunch"), Ok(S::Paused)));
    world.host.command(EngineId(7), EngineCommand::Resume, "back").unwrap();
    feed(&world, 4, 110_000);
    let heard = world.heard.all(7);
    assert_eq!(heard[2..], ["tick 0 1000000 110000 skipped=0", "trading halted", "trading active", "tick 0 4000000 110000 skipped=2"]);
}

#[test]
fn one_engine_can_be_halted_alone() {
    let world = World::new();
    world.account(1);
    let buys = |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Tick { .. } = call {
            let _unheeded = desk.submit(market(Side::Buy));
        }
        None
    };
    world.run(7, 1, buys);
    world.run(8, 1, buys);
    world.host.set_trading(Scope::Engine(EngineId(7)), TradingState::Halted, "by its owner").unwrap();
    feed(&world, 1, 110_000);
    assert_eq!(world.broker.submitted(), ["8-1"]);
    assert_eq!(world.host.engine(EngineId(7)).unwrap().trading, TradingState::Halted);
}

#[test]
fn stopping_the_host_saves_and_a_new_host_goes_on_where_the_old_one_was() {
    let buys_and_counts = |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            mind.number += 1;
            let _unheeded = desk.submit(market(Side::Buy));
        }
        if let Call::Stop(_) = call {
            let denied = desk.submit(market(Side::Buy));
            desk.log(domain::contract::LogLevel::Info, &format!("{denied:?}"));
        }
        None
    };
    let first = World::new();
    first.account(1);
    first.run(7, 1, buys_and_counts);
    feed(&first, 1, 110_000);
    feed(&first, 2, 110_000);
    first.host.stop();
    first.host.stop();
    assert!(first.heard.all(7).last().unwrap().starts_with("stop host-stopping"));
    assert_eq!(first.broker.submitted(), ["7-1", "7-2"], "a stopping host takes no new orders");
    let stopped = first.told.wait_for(|event| matches!(event, Event::State { to: S::Stopped, .. }));
    assert!(matches!(stopped, Event::State { stopped: Some(StopReason::HostStopping), .. }));
    let saved = first.told.wait_for(|event| matches!(event, Event::Saved { orders: 2, .. }));
    let Event::Saved { state, orders, .. } = saved else { unreachable!() };
    assert!(first.host.feed(tick(EURUSD, 3 * SECOND_US, 110_000)).is_err());
    assert!(matches!(first.host.start_engine(EngineId(7), "?"), Err(HostError::Stopped)));

    let second = World::new();
    let ledger = first.host.account(domain::ids::AccountId(1)).unwrap().lock().unwrap().ledger.clone();
    second.account_with(1, ledger);
    second.run_as(engine::EngineSetup { restored: Some(state), orders_before: orders, ..setup(7, 1) }, buys_and_counts);
    feed(&second, 3, 110_000);
    assert_eq!(second.heard.all(7)[..3], ["init", "load 1", "start restored=true"]);
    assert_eq!(second.broker.submitted(), ["7-3"]);
    second.host.stop();
    let saved = second.told.wait_for(|event| matches!(event, Event::Saved { orders: 3, .. }));
    assert!(matches!(saved, Event::Saved { state: SavedState { bytes, .. }, .. } if bytes == 3_u64.to_le_bytes()));
}

#[test]
fn state_that_is_refused_is_told_in_the_guests_words() {
    let world = World::new();
    world.account(1);
    world.run_as(engine::EngineSetup { restored: Some(SavedState { schema: 1, bytes: vec![1] }), ..setup(7, 1) }, listens);
    let (state, reason) = world.told.states(7).pop().unwrap();
    assert_eq!(state, S::Faulted);
    assert_eq!(reason, "refused: this state has not 8 bytes; starts again in 1 s from its last saved state");
}

#[test]
fn orders_of_an_on_start_that_fails_are_kept_and_their_numbers_are_not_used_again() {
    let world = World::new();
    world.account(1);
    feed(&world, 1, 110_000);
    world.run(7, 1, |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        let Call::Start { .. } = call else { return None };
        let answer = desk.submit(market(Side::Buy));
        (answer == Ok(1)).then(|| Outcome::Trapped("after it had asked".into()))
    });
    assert_eq!(world.broker.submitted(), ["7-1"]);
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.told.wait_for(|event| matches!(event, Event::State { to: S::Running, .. }));
    world.settle();
    assert_eq!(world.broker.submitted(), ["7-1", "7-2"]);
}

#[test]
fn warm_up_says_what_history_did_not_have() {
    let world = World::new();
    world.account(1);
    world.feed_seconds(1, 3);
    let mut setup = setup(7, 1);
    setup.description.needs[0].bars_before_start = 20;
    setup.description.needs[0].ticks_before_start = 3;
    world.run_as(setup, listens);
    let reasons: Vec<String> = world.told.states(7).into_iter().map(|(_, reason)| reason).collect();
    assert_eq!(reasons, ["by test", "history has 0 of 20 M1 bars of EURUSD", "started"]);
}

#[test]
fn timers_bars_and_the_tick_come_in_the_order_of_the_contract() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Start { .. } = call {
            desk.set_timer(5, MINUTE_US, None).unwrap();
        }
        None
    });
    feed(&world, 1, 110_000);
    feed(&world, 61, 110_001);
    assert_eq!(world.heard.all(7)[2..], ["tick 0 1000000 110000 skipped=0", "timer 5", "bar M1 0", "tick 0 61000000 110001 skipped=0"]);
}

/// A guest that asks for an order in `on-start` and then waits to be let go; tells when it is there.
fn slow_to_start() -> (Receiver<()>, Sender<()>, Script) {
    let ((tell, there), (go, gone)) = (channel(), channel());
    let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
    let act = move |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Start { .. } = call {
            let _unheeded = desk.submit(market(Side::Buy));
            tell.lock().unwrap().send(()).unwrap();
            gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        None
    };
    (there, go, act.into())
}

#[test]
fn an_engine_stopped_and_started_while_it_starts_uses_no_order_number_twice() {
    let world = World::new();
    world.account(1);
    feed(&world, 1, 110_000);
    let (there, go, act) = slow_to_start();
    let setup = engine::EngineSetup { version: world.guests.load(act), ..setup(7, 1) };
    world.host.add(setup.clone()).unwrap();
    world.host.start_engine(EngineId(7), "first").unwrap();
    there.recv_timeout(PATIENCE).unwrap();
    assert_eq!(world.host.stop_engine(EngineId(7), "no").unwrap(), S::Stopped);
    assert_eq!(world.host.start_engine(EngineId(7), "second").unwrap(), S::Starting);
    go.send(()).unwrap();
    there.recv_timeout(PATIENCE).unwrap();
    go.send(()).unwrap();
    world.settle();
    assert_eq!(world.broker.submitted(), ["7-1", "7-2"]);
    assert_eq!(states(&world, 7), [S::Starting, S::Stopped, S::Starting, S::WarmingUp, S::Running]);

    // Removed while it starts, it is forgotten once its guest is back; numbers go on even so.
    world.host.stop_engine(EngineId(7), "again").unwrap();
    world.host.start_engine(EngineId(7), "third").unwrap();
    there.recv_timeout(PATIENCE).unwrap();
    std::thread::scope(|scope| {
        let removed = scope.spawn(|| world.host.remove(EngineId(7), "gone"));
        go.send(()).unwrap();
        removed.join().unwrap().unwrap();
    });
    world.host.add(setup).unwrap();
    world.host.start_engine(EngineId(7), "back").unwrap();
    there.recv_timeout(PATIENCE).unwrap();
    go.send(()).unwrap();
    world.settle();
    assert_eq!(world.broker.submitted(), ["7-1", "7-2", "7-3", "7-4"]);
}

#[test]
fn an_engine_that_starts_holds_nobody_up() {
    let world = World::with(engine::Bounds { shards: 1, ..engine::Bounds::default() });
    world.account(1);
    world.run(8, 1, listens);
    let (there, go, act) = slow_to_start();
    world.host.add(engine::EngineSetup { version: world.guests.load(act), ..setup(7, 1) }).unwrap();
    world.host.start_engine(EngineId(7), "by test").unwrap();
    there.recv_timeout(PATIENCE).unwrap();
    world.feed_seconds(1, 1);
    eventually(|| world.heard.of(8, "tick").len() == 1);
    assert_eq!(world.host.engine(EngineId(7)).unwrap().state, S::Starting);
    go.send(()).unwrap();
    world.settle();
    assert_eq!(world.host.engine(EngineId(7)).unwrap().state, S::Running);
}
