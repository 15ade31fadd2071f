//! Starters are few and everybody's: whoever has much for them to do holds up himself.

use crate::support::*;
use domain::desk::Desk;
use domain::guest::{Call, Outcome};
use domain::ids::EngineId;
use domain::time::MINUTE_US;
use engine::{Bounds, EngineCommand};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

/// Who was called, in order.
type Called = Arc<Mutex<Vec<String>>>;

/// One starter for two users.
fn world() -> (World, Called) {
    let world = World::with(Bounds { shards: 1, starters: 1, ..Bounds::default() });
    (1..=2).for_each(|user| world.account(user));
    (world, Called::default())
}

/// Notes that it was made, and each bar that it hears of.
fn notes(engine: u32, called: &Called) -> Script {
    let called = Arc::clone(called);
    let act = move |_: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        let note = |what: &str| called.lock().unwrap().push(format!("{engine} {what}"));
        match call {
            Call::Init(_) => note("made"),
            Call::Bar { .. } => note("bar"),
            _ => {}
        }
        None::<Outcome>
    };
    act.into()
}

/// An engine whose guest keeps the starter that makes it until it is let go.
fn holds_the_starter(world: &World, engine: u32, account: u32) -> Sender<()> {
    let ((tell, there), (go, gone)): (_, (_, Receiver<()>)) = (channel(), channel());
    let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
    let act = move |_: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if matches!(call, Call::Init(_)) {
            tell.lock().unwrap().send(()).unwrap();
            gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        None::<Outcome>
    };
    begin(world, engine, account, act.into());
    there.recv_timeout(PATIENCE).unwrap();
    go
}

/// Adds and starts an engine, and does not wait for it.
fn begin(world: &World, engine: u32, account: u32, script: Script) {
    let version = world.guests.load(script);
    world.host.add(engine::EngineSetup { version, ..setup(engine, account) }).unwrap();
    world.host.start_engine(EngineId(engine), "by test").unwrap();
}

#[test]
fn one_users_starts_hold_up_nobody_elses() {
    let (world, called) = world();
    let go = holds_the_starter(&world, 10, 1);
    (11..=15).for_each(|engine| begin(&world, engine, 1, notes(engine, &called)));
    (21..=22).for_each(|engine| begin(&world, engine, 2, notes(engine, &called)));
    go.send(()).unwrap();
    world.settle();
    assert_eq!(called.lock().unwrap().join(", "), "11 made, 21 made, 12 made, 22 made, 13 made, 14 made, 15 made");
}

#[test]
fn an_engine_that_hears_of_a_long_pause_holds_up_nobody_elses_start() {
    const BARS: i64 = 100;
    let (world, called) = world();
    world.run(11, 1, notes(11, &called));
    world.feed(tick(EURUSD, 0, 110_000));
    world.settle();
    world.host.command(EngineId(11), EngineCommand::Pause, "night").unwrap();
    (1..=BARS).for_each(|minute| world.feed(tick(EURUSD, minute * MINUTE_US, 110_000)));
    world.settle();
    called.lock().unwrap().clear();
    let go = holds_the_starter(&world, 12, 1);
    world.host.command(EngineId(11), EngineCommand::Resume, "morning").unwrap();
    begin(&world, 21, 2, notes(21, &called));
    go.send(()).unwrap();
    world.settle();
    let called = called.lock().unwrap();
    let made = called.iter().position(|words| words == "21 made").unwrap() as i64;
    assert_eq!(called.len() as i64, BARS + 1, "every bar that closed meanwhile is heard of");
    assert!((1..BARS / 2).contains(&made), "after {made} of {BARS} bars");
}
