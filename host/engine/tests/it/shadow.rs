//! A version runs beside the one that works.

use crate::support::*;
use domain::contract::{AskedOrder, LogLevel, SeenEvent, Side};
use domain::desk::{Asked, Desk};
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{Digest, EngineId, UserId};
use domain::life::EngineState as S;
use domain::time::SECOND_US;
use engine::{Bounds, EngineCommand, EngineSetup, HostError, LINES_MAX, ShadowReport, ShadowState};
use std::sync::{Arc, Mutex};

const ENGINE: EngineId = EngineId(7);

/// Draws, counts in its state, buys at every fifth tick and closes what it finds at every seventh.
fn trades(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind, volume: impl Fn(u64) -> f64) -> Option<Outcome> {
    let Call::Tick { .. } = call else { return None };
    mind.number += 1;
    if mind.number.is_multiple_of(5) {
        let _heeded = desk.submit(AskedOrder { volume: volume(mind.number), ..market(Side::Buy) });
    }
    if mind.number.is_multiple_of(7)
        && let Some(position) = desk.positions().first()
    {
        let _heeded = desk.close(position.id, None);
    }
    None
}

fn first(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    trades(desk, call, mind, |_| 0.1)
}

/// From the 40th tick on it buys more.
fn bolder(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    trades(desk, call, mind, |number| if number < 40 { 0.1 } else { 0.2 })
}

fn next(version: Digest) -> EngineSetup {
    EngineSetup { version, ..setup(7, 1) }
}

fn report(world: &World) -> ShadowReport {
    world.host.shadow_of(ENGINE).expect("it has had a shadow")
}

/// A world in which engine 7 runs and saves at every tenth second, and has seen one tick.
fn working() -> World {
    working_as(first)
}

fn working_as(script: impl Into<Script>) -> World {
    let world = World::with(Bounds { shards: 1, save_every_us: 10 * SECOND_US, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, script);
    feed(&world, 1, 1);
    world
}

/// Ticks, one after the other, so that what follows from each is there before the next one.
fn feed(world: &World, from_s: i64, count: i64) {
    for s in from_s..from_s + count {
        world.feed_seconds(s, 1);
        world.settle();
    }
}

/// Starts a shadow and feeds until it follows; the number of the next tick.
fn followed_by(world: &World, script: impl Into<Script>) -> i64 {
    world.host.shadow(next(world.guests.load(script.into())), "is it better?").unwrap();
    eventually(|| report(world).state != ShadowState::Preparing);
    let mut second = 2;
    while report(world).state == ShadowState::WaitingForState {
        feed(world, second, 1);
        second += 1;
        assert!(second < 30, "it saves every ten seconds");
    }
    eventually(|| report(world).state != ShadowState::TakingState);
    second
}

#[test]
fn a_version_that_decides_the_same_has_no_difference_and_hears_of_the_same_orders() {
    let world = working();
    let second = followed_by(&world, first);
    feed(&world, second, 100);
    let report = report(&world);
    assert_eq!((report.state, report.ticks), (ShadowState::Following, 100), "{}", report.reason);
    assert!(report.decisions > 30, "{report:?}");
    assert_eq!((report.same, report.shadow_decisions, &report.differences[..]), (report.decisions, report.decisions, &[][..]));
}

#[test]
fn what_only_one_of_both_asks_for_is_told_with_its_time_and_the_shadows_reaches_nobody() {
    let world = working();
    let second = followed_by(&world, bolder);
    feed(&world, second, 60 - second);
    let report = report(&world);
    let submitted = |side_by_shadow| {
        let of = report.differences.iter().filter(move |difference| difference.by_shadow == side_by_shadow);
        of.map(|difference| match &difference.decision.asked {
            Asked::Submit(order) => (difference.decision.at.0 / SECOND_US, order.volume),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(submitted(false).collect::<Vec<_>>(), [(40, 0.1), (45, 0.1), (50, 0.1), (55, 0.1)]);
    assert_eq!(submitted(true).collect::<Vec<_>>(), [(40, 0.2), (45, 0.2), (50, 0.2), (55, 0.2)]);
    assert_eq!((report.only_works(), report.only_shadow()), (4, 4));
    let all = world.broker.submitted().len();
    let records = world.records.lines().iter().filter(|line| line.starts_with("command")).count();
    let asked = world.host.engine(ENGINE).unwrap().orders;
    assert_eq!((all as u64, records as u64), (asked, asked), "what reached the broker and the journal is the engine's own");
    // Each order of its own is told as canceled, so that it does not wait for it.
    assert_eq!(world.heard.of(7, "order 1073741824"), ["order 1073741824 canceled"]);
}

/// What the version that works saw, drew and was answered at every tick, in a world in which it has a shadow or not.
fn lived(shadow: Option<Script>) -> Vec<String> {
    let life = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&life);
    let world = working_as(move |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            let drawn = desk.random();
            let seen = (desk.now(), drawn, desk.positions(), desk.orders(), desk.account(), desk.budget().orders);
            mind.number += 1;
            let bought = (drawn.is_multiple_of(3)).then(|| desk.submit(market(Side::Buy)));
            let closed = (drawn.is_multiple_of(7)).then(|| desk.positions().first().map(|position| desk.close(position.id, None)));
            noted.lock().unwrap().push(format!("{seen:?} {bought:?} {closed:?}"));
        }
        None
    });
    let second = match shadow {
        Some(script) => followed_by(&world, script),
        None => 2,
    };
    feed(&world, second, 80 - second);
    let life = life.lock().unwrap();
    life.clone()
}

#[test]
fn the_version_that_works_lives_the_same_with_and_without_a_shadow() {
    let alone = lived(None);
    assert_eq!(alone.len(), 79);
    let floods = |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Tick { .. } = call {
            let _number = desk.random();
            (0..10).for_each(|_| _ = desk.submit(market(Side::Sell)));
        }
        None
    };
    for script in [Script::from(first), Script::from(bolder), Script::from(floods)] {
        assert_eq!(lived(Some(script)), alone);
    }
}

#[test]
fn ticks_that_waited_are_compared_row_by_row() {
    let buys = |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        let Call::Tick { .. } = call else { return None };
        mind.number += 1;
        if mind.number.is_multiple_of(5) {
            desk.submit(AskedOrder { volume: 0.01, ..market(Side::Buy) }).unwrap();
        }
        None
    };
    let world = working_as(buys);
    let second = followed_by(&world, buys);
    world.feed_seconds(second, 200);
    world.settle();
    let report = report(&world);
    assert_eq!((report.ticks, report.same, &report.differences[..]), (200, 40, &[][..]), "{report:?}");
}

#[test]
fn a_shadow_that_fails_ends_by_itself_and_the_engine_goes_on() {
    let world = working();
    let traps = |_: &mut Desk, call: &Call<'_>, _: &mut Mind| match call {
        Call::Tick { tick, .. } if tick.time.0 >= 40 * SECOND_US => Some(Outcome::Trapped("unreachable".into())),
        _ => None,
    };
    let second = followed_by(&world, traps);
    feed(&world, second, 50 - second);
    let ended = report(&world);
    assert_eq!((ended.state, &*ended.reason), (ShadowState::Ended, "it failed: trapped: unreachable"));
    let engine = world.host.engine(ENGINE).unwrap();
    assert_eq!((engine.state, engine.faults, engine.ticks), (S::Running, 0, 49));
    let refuses = |_: &mut Desk, call: &Call<'_>, _: &mut Mind| match call {
        Call::Load { .. } => Some(Outcome::Refused("state of version 1 is unknown".into())),
        _ => None,
    };
    world.host.shadow(next(world.guests.load(Script::from(refuses))), "again").unwrap();
    eventually(|| report(&world).state == ShadowState::WaitingForState);
    feed(&world, 50, 10);
    eventually(|| report(&world).state == ShadowState::Ended);
    assert!(report(&world).reason.contains("state of version 1 is unknown"), "{}", report(&world).reason);
}

#[test]
fn a_shadow_ends_with_what_it_follows_and_can_be_started_only_beside_what_runs() {
    let world = working();
    let again = || world.host.shadow(next(world.guests.load(Script::from(first))), "look");
    let second = followed_by(&world, first);
    assert!(matches!(again(), Err(HostError::NoShadow(why)) if why.contains("has a shadow already")));
    assert_eq!(world.host.usage(UserId(1)).versions_running, 2);
    world.host.end_shadow(ENGINE, "seen enough").unwrap();
    assert_eq!(world.host.usage(UserId(1)).versions_running, 1);
    let ended = report(&world);
    assert_eq!((ended.state, &*ended.reason), (ShadowState::Ended, "seen enough"));
    world.host.end_shadow(ENGINE, "twice").unwrap();
    feed(&world, second, 5);
    assert_eq!(report(&world), ended);
    again().unwrap();
    world.host.command(ENGINE, EngineCommand::Pause, "lunch").unwrap();
    assert_eq!(report(&world).reason, "the engine was paused");
    assert!(matches!(again(), Err(HostError::NoShadow(why)) if why.contains("is paused")));
    world.host.command(ENGINE, EngineCommand::Resume, "on").unwrap();
    world.settle();
    again().unwrap();
    world.host.swap(next(world.guests.load(Script::from(first))), "better").unwrap();
    assert_eq!(report(&world).reason, "another version has taken over");
    again().unwrap();
    world.host.stop_engine(ENGINE, "look").unwrap();
    assert_eq!(report(&world).reason, "the engine was stopped");
}

#[test]
fn a_shadow_hears_of_the_orders_that_both_asked_for_by_the_numbers_that_it_knows() {
    let world = working();
    let (asked, heard) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let (noted, told) = (Arc::clone(&asked), Arc::clone(&heard));
    let remembers = move |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            mind.number += 1;
            if mind.number.is_multiple_of(5) {
                noted.lock().unwrap().push(desk.submit(market(Side::Buy)).unwrap());
            }
        }
        if let Call::Order { id, event: SeenEvent::Filled(_) } = call {
            told.lock().unwrap().push(*id);
        }
        None
    };
    let second = followed_by(&world, remembers);
    feed(&world, second, 50);
    let (asked, heard) = (asked.lock().unwrap(), heard.lock().unwrap());
    assert!(asked.len() >= 9 && asked.iter().all(|id| heard.contains(id)), "{asked:?} {heard:?}");
    assert!(report(&world).only_works() > 0 && report(&world).only_shadow() == 0, "it alone does not close");
}

/// Sets a timer for each minute, and says at every fifth tick which way it thinks that the market goes.
fn thinks(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind, side: Side) -> Option<Outcome> {
    match call {
        Call::Start { .. } => desk.set_timer(1, 60 * SECOND_US, Some(60_000_000)).unwrap(),
        Call::Tick { tick, .. } => {
            mind.number += 1;
            if mind.number.is_multiple_of(5) {
                desk.signal(0, Some(side), 60.0, "a feeling").unwrap();
            }
            if mind.number.is_multiple_of(10) {
                desk.set_timer(2, tick.time.0 + if side == Side::Buy { 5 } else { 6 }, None).unwrap();
                desk.clear_timer(7);
            }
            desk.log(LogLevel::Info, &format!("tick {}", mind.number));
        }
        _ => {}
    }
    None
}

fn bull(desk: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    thinks(desk, call, mind, Side::Buy)
}

#[test]
fn signals_and_timers_are_compared_and_what_it_logs_is_kept() {
    let world = working_as(bull);
    let second = followed_by(&world, bull);
    feed(&world, second, 60 - second);
    let same = report(&world);
    assert!(same.decisions >= 15, "{same:?}");
    assert_eq!(
        (same.same, same.shadow_decisions, &same.differences[..]),
        (same.decisions, same.decisions, &[][..]),
        "what it did at its start has no counterpart"
    );
    assert_eq!(same.lines.back().map(|line| (line.at.0 / SECOND_US, &*line.text)), Some((59, "tick 59")));
    assert!(world.told.logged(7).iter().filter(|line| *line == "tick 59").count() == 1, "the owner's log has the engine's own only");
    feed(&world, 60, 120);
    let later = report(&world);
    assert_eq!((later.lines.len(), later.lines_dropped), (LINES_MAX, later.ticks - LINES_MAX as u64));

    world.host.end_shadow(ENGINE, "seen enough").unwrap();
    let world = working_as(bull);
    let bear = |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| thinks(desk, call, mind, Side::Sell);
    let second = followed_by(&world, bear);
    feed(&world, second, 21 - second);
    let other = report(&world);
    let asked: Vec<_> = other.differences.iter().map(|difference| (difference.by_shadow, &difference.decision.asked)).collect();
    let signal = |side| Asked::Signal { symbol: 0, side: Some(side), confidence: 60.0, reason: "a feeling".into() };
    assert!(asked.contains(&(false, &signal(Side::Buy))) && asked.contains(&(true, &signal(Side::Sell))), "{asked:?}");
    assert!(asked.iter().any(|(by_shadow, asked)| *by_shadow && matches!(asked, Asked::SetTimer { id: 2, .. })), "{asked:?}");
    assert!(other.same > 0, "both clear the same timer");
}
