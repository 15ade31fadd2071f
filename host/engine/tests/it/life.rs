//! Starting, stopping, faults, restarts, and going on after the host itself was stopped.

use crate::support::*;
use domain::actor::SavedState;
use domain::contract::{LogLevel, Side, StopReason, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::EngineId;
use domain::life::EngineState as S;
use domain::tick::Timeframe;
use domain::time::{MINUTE_US, SECOND_US, Time};
use engine::{EngineCommand, Event, HostError, Saved, Scope, Seen};
use std::collections::BTreeMap;
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
    let version = world.host.engine(EngineId(7)).unwrap().version;
    // A minute later its state is saved, with two ticks counted.
    feed(&world, 1, 110_000);
    feed(&world, 61, 110_000);
    for (round, delay_s) in [(1, 1), (2, 2)] {
        feed(&world, 61 + round, 90_000);
        assert_eq!(states(&world, 7).last(), Some(&S::Faulted));
        assert!(world.guests.is_kept(&version), "it will start again, whatever others load meanwhile");
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
    assert_eq!((world.host.engine(EngineId(7)).unwrap().faults, world.guests.is_kept(&version)), (3, false));
    feed(&world, 65, 110_000);
    assert_eq!((world.heard.of(8, "tick").len(), world.host.engine(EngineId(8)).unwrap().faults), (6, 0));

    // A person starts it again: it goes on from the state it saved in time.
    assert_eq!(world.host.start_engine(EngineId(7), "mended").unwrap(), S::Starting);
    assert_eq!(states(&world, 7).last(), Some(&S::Running));
    assert!(world.guests.is_kept(&version));
    world.host.stop_engine(EngineId(7), "enough").unwrap();
    assert_eq!((saved(&world, 7), world.guests.is_kept(&version)), (Some(2), false));
}

fn number(saved: &Saved) -> u64 {
    u64::from_le_bytes(saved.state.bytes.as_slice().try_into().unwrap())
}

/// The number in the last state that was saved.
fn saved(world: &World, engine: u32) -> Option<u64> {
    world.settle();
    let of = |event: Event| match event {
        Event::Saved { engine: whose, saved, .. } if whose.engine == EngineId(engine) => Some(saved),
        _ => None,
    };
    world.told.events().into_iter().filter_map(of).next_back().map(|saved| number(&saved))
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
fn a_resumed_engine_hears_of_the_bars_it_missed_each_at_its_own_time_before_the_next_tick() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Bar { .. } = call {
            let (now, bars) = (desk.now(), desk.bars(0, Timeframe::M1, 9).unwrap().len());
            let answer = desk.submit(market(Side::Buy));
            desk.log(LogLevel::Info, &format!("at {now}: {bars} bars, {answer:?}"));
        }
        None
    });
    feed(&world, 1, 110_000);
    world.host.command(EngineId(7), EngineCommand::Pause, "lunch").unwrap();
    // Two bars close in the pause, of the minutes 0 and 2: nothing was traded in minute 1.
    (2..=4).for_each(|second| feed(&world, second, 110_000));
    feed(&world, 125, 110_020);
    feed(&world, 185, 110_030);
    world.host.command(EngineId(7), EngineCommand::Resume, "back").unwrap();
    feed(&world, 186, 110_040);
    let expected = [
        "tick 0 1000000 110000 skipped=0",
        "trading halted",
        "bar M1 0",
        "gap 1000000 to 185000000: 5 ticks",
        "bar M1 120000000",
        "gap 1000000 to 185000000: 5 ticks",
        "trading active",
        "tick 0 186000000 110040 skipped=5",
    ];
    assert_eq!(world.heard.all(7)[2..], expected);
    let refused = "Err(NotAllowedNow)";
    assert_eq!(world.told.logged(7), [format!("at 60000000: 1 bars, {refused}"), format!("at 180000000: 2 bars, {refused}")]);
    let reasons: Vec<_> = world.told.states(7).into_iter().skip(3).collect();
    let expected = [
        (S::Paused, "lunch"),
        (S::WarmingUp, "back; 5 ticks and 2 bars went by while it was paused"),
        (S::Running, "it has heard of the bars that it missed"),
    ];
    assert_eq!(reasons, expected.map(|(state, reason)| (state, reason.to_owned())));
}

#[test]
fn a_pause_outlasts_a_fault_and_can_be_asked_for_while_an_engine_starts() {
    let world = World::new();
    world.account(1);
    world.run_as(engine::EngineSetup { paused: true, ..setup(7, 1) }, |_: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        matches!(call, Call::TradingState(TradingState::Reducing)).then(|| Outcome::Trapped("told to".into()))
    });
    feed(&world, 1, 110_000);
    assert_eq!(states(&world, 7), [S::Starting, S::WarmingUp, S::Running, S::Paused], "as it was before the host stopped");
    world.host.command(EngineId(7), EngineCommand::Start, "again").unwrap();
    world.host.set_trading(Scope::Host, TradingState::Reducing, "test").unwrap();
    world.settle();
    assert_eq!(world.host.engine(EngineId(7)).unwrap().state, S::Paused, "a halted guest is told of nothing less");
    world.host.command(EngineId(7), EngineCommand::Resume, "back").unwrap();
    assert_eq!(states(&world, 7).last(), Some(&S::Faulted), "it fails at what it is told when it goes on");
    assert_eq!(world.host.command(EngineId(7), EngineCommand::Pause, "until it is mended").unwrap(), S::Faulted);
    world.host.set_trading(Scope::Host, TradingState::Active, "test").unwrap();
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.told.wait_for(|event| matches!(event, Event::State { to: S::Paused, at, .. } if *at == world.now()));
    assert_eq!(world.host.engine(EngineId(7)).unwrap().restarts, 1);
    feed(&world, 2, 110_000);
    assert_eq!(world.heard.of(7, "tick"), [""; 0]);
}

#[test]
fn after_a_restart_no_tick_comes_twice_and_the_guest_knows_what_it_missed() {
    // Saved after the tick at 2 s by a host that is gone; this one's market has come to 5 s.
    let world = World::new();
    world.account(1);
    (0..=5).for_each(|second| feed(&world, second, 110_000));
    let seen = |second| BTreeMap::from([(EURUSD, Seen { time: Time(second * SECOND_US), sequence: None })]);
    let state = SavedState { schema: 1, bytes: 3_u64.to_le_bytes().into() };
    let saved = |second| Some(Saved { state: state.clone(), at: world.now(), seen: seen(second) });
    world.run_as(engine::EngineSetup { restored: saved(2), ..setup(7, 1) }, listens);
    assert_eq!(world.heard.all(7), ["init", "load 1", "start restored=true", "gap 2000000 to 5000000: 3 ticks"]);

    // This one had come to 7 s: a market that goes on from further back must not hand it anything again.
    world.run_as(engine::EngineSetup { restored: saved(7), ..setup(8, 1) }, listens);
    assert_eq!(world.heard.all(8), ["init", "load 1", "start restored=true"]);
    (6..=8).for_each(|second| feed(&world, second, 110_000));
    assert_eq!(world.heard.of(8, "tick"), ["tick 0 8000000 110000 skipped=0"]);
    assert_eq!(world.heard.of(7, "tick").len(), 3);
    // Further back than history reaches, nobody knows how many.
    world.run_as(engine::EngineSetup { restored: saved(-1), ..setup(9, 1) }, listens);
    assert_eq!(world.heard.of(9, "gap"), ["gap -1000000 to 8000000: ? ticks"]);
}

#[test]
fn a_fault_loses_what_came_after_the_last_save_and_the_guest_is_told() {
    let world = World::new();
    world.account(1);
    world.run(7, 1, counts);
    feed(&world, 1, 110_000);
    feed(&world, 61, 110_000);
    feed(&world, 62, 110_000);
    feed(&world, 63, 90_000);
    feed(&world, 64, 110_000);
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.told.wait_for(|event| matches!(event, Event::State { to: S::Running, at, .. } if *at == world.now()));
    assert_eq!(world.heard.of(7, "gap").last().unwrap(), "gap 61000000 to 64000000: 3 ticks");
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
fn a_guest_that_is_stopped_may_only_reduce() {
    let opens_and_closes = |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Tick { .. } = call {
            let _id = desk.submit(market(Side::Buy)).expect("it may open while it runs");
        }
        if let Call::Stop(_) = call {
            let opened = desk.submit(market(Side::Buy));
            let closed = desk.positions().first().map(|position| desk.close(position.id, None).is_ok());
            desk.log(domain::contract::LogLevel::Info, &format!("opened {opened:?}, closed {closed:?}"));
        }
        None
    };
    let world = World::new();
    world.account(1);
    world.run(7, 1, opens_and_closes);
    feed(&world, 1, 110_000);
    world.host.stop_engine(EngineId(7), "by its owner").unwrap();
    world.settle();
    let said = world.told.logged(7);
    assert!(said.iter().any(|line| line == "opened Err(ReducingOnly), closed Some(true)"), "{said:?}");
    assert_eq!(world.broker.submitted(), ["7-1", "7-2"], "the second is the close");
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
    let Event::Saved { saved, orders, .. } = saved else { unreachable!() };
    assert!(first.host.feed(tick(EURUSD, 3 * SECOND_US, 110_000)).is_err());
    assert!(matches!(first.host.start_engine(EngineId(7), "?"), Err(HostError::Stopped)));

    let second = World::new();
    let ledger = first.host.account(domain::ids::AccountId(1)).unwrap().lock().unwrap().ledger.clone();
    second.account_with(1, ledger);
    second.run_as(engine::EngineSetup { restored: Some(Saved::clone(&saved)), orders_before: orders, ..setup(7, 1) }, buys_and_counts);
    feed(&second, 3, 110_000);
    assert_eq!(second.heard.all(7)[..3], ["init", "load 1", "start restored=true"]);
    assert_eq!(second.broker.submitted(), ["7-3"]);
    second.host.stop();
    let saved = second.told.wait_for(|event| matches!(event, Event::Saved { orders: 3, .. }));
    assert!(matches!(saved, Event::Saved { saved, .. } if number(&saved) == 3));
}

#[test]
fn state_that_is_refused_is_told_in_the_guests_words() {
    let world = World::new();
    world.account(1);
    let saved = Saved { state: SavedState { schema: 1, bytes: vec![1] }, at: world.now(), seen: BTreeMap::new() };
    world.run_as(engine::EngineSetup { restored: Some(saved), ..setup(7, 1) }, listens);
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
