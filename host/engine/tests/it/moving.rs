//! Engines that move to another shard while the market goes on.

use crate::support::*;
use domain::contract::Side;
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{AccountId, EngineId};
use domain::life::EngineState;
use domain::time::SECOND_US;
use engine::Bounds;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::channel;

/// Orders at every seventh tick.
fn trades(desk: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { tick, .. } = call
        && tick.time.0 % (7 * SECOND_US) == 0
    {
        desk.submit(market(Side::Buy)).unwrap();
    }
    None
}

fn seconds_heard(world: &World, engine: u32) -> Vec<i64> {
    let heard = world.heard.all(engine).into_iter().filter(|words| words.starts_with("tick ") || words.starts_with("row "));
    heard.map(|words| words.split(' ').nth(2).unwrap().parse::<i64>().unwrap() / SECOND_US).collect()
}

#[test]
fn an_engine_that_moves_to_and_fro_hears_everything_once_and_in_order() {
    const SECONDS: i64 = 400;
    for seed in 1..=8_u64 {
        let world = World::with(Bounds { shards: 3, ..Bounds::default() });
        for account in 1..=4 {
            world.account(account);
            world.run(account, account, trades);
            world.run(account + 10, account, listens);
        }
        let mut random = seed;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for second in 1..=SECONDS {
            world.feed_seconds(second, 1);
            if next(5) == 0 {
                world.host.move_account(AccountId(next(4) as u32 + 1), next(3) as usize).unwrap();
            }
            if next(40) == 0 {
                world.settle();
            }
        }
        world.settle();
        for engine in (1..=4).chain(11..=14) {
            assert_eq!(seconds_heard(&world, engine), (1..=SECONDS).collect::<Vec<_>>(), "seed {seed}, engine {engine}");
        }
        for engine in 1..=4 {
            let filled: Vec<String> = world.heard.of(engine, "order").into_iter().filter(|words| words.contains("filled")).collect();
            let numbers: Vec<i64> = filled.iter().map(|words| words.split(' ').nth(1).unwrap().parse().unwrap()).collect();
            assert_eq!(numbers, (1..=SECONDS / 7).collect::<Vec<_>>(), "seed {seed}, engine {engine}");
        }
        let totals = world.host.snapshot().totals;
        assert!(totals.accounts_moved > 5, "seed {seed}: {} moves", totals.accounts_moved);
        assert_eq!(totals.shard_engines.iter().sum::<usize>(), 8);
    }
}

#[test]
fn a_move_from_a_shard_that_is_behind_loses_nothing_and_commands_are_heard_meanwhile() {
    let world = World::with(Bounds { shards: 2, ..Bounds::default() });
    let ((tell, there), (go, gone)) = (channel(), channel::<()>());
    let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
    let waits = move |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if matches!(call, Call::Tick { .. }) && std::mem::replace(&mut mind.number, 1) == 0 {
            tell.lock().unwrap().send(()).unwrap();
            gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        None
    };
    (1..=3).for_each(|account| world.account(account));
    world.run(1, 1, waits);
    world.run(2, 2, listens);
    world.run(3, 3, listens);
    let (held, other) = (world.host.shard_of(AccountId(1)), world.host.shard_of(AccountId(2)));
    assert_eq!(
        (held != other, world.host.shard_of(AccountId(3))),
        (true, held),
        "the first engine of an account goes where the fewest are"
    );

    world.feed_seconds(0, 1);
    there.recv_timeout(PATIENCE).unwrap();
    world.feed_seconds(1, 50);
    assert!(world.host.move_account(AccountId(3), other).unwrap());
    assert!(!world.host.move_account(AccountId(3), other).unwrap(), "it is on its way");
    world.feed_seconds(51, 50);
    // The new shard is done with all of it while the old one has not begun.
    eventually(|| seconds_heard(&world, 2).len() == 101);
    go.send(()).unwrap();
    world.settle();
    assert_eq!(world.host.shard_of(AccountId(3)), other);
    (1..=3).for_each(|engine| assert_eq!(seconds_heard(&world, engine), (0..=100).collect::<Vec<_>>(), "engine {engine}"));
    assert_eq!(world.host.engine(EngineId(3)).unwrap().skipped, 0);
    assert_eq!(world.host.stop_engine(EngineId(3), "by test").unwrap(), EngineState::Stopped);
}

#[test]
fn what_is_asked_of_an_engine_while_it_moves_reaches_it() {
    const ENGINES: u32 = 300;
    let world = World::with(Bounds { shards: 2, ..Bounds::default() });
    world.account(1);
    (1..=ENGINES).for_each(|engine| world.run(engine, 1, listens));
    let moves = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let asking = [1, 2].map(|part| {
            let (world, moves) = (&world, &moves);
            scope.spawn(move || {
                let mut asked = 0;
                for engine in (1..=ENGINES).filter(|engine| engine % 2 == part % 2).cycle() {
                    if !moves.load(Relaxed) {
                        return asked;
                    }
                    let engine = EngineId(engine);
                    world.host.stop_engine(engine, "by test").expect("it is heard");
                    world.host.start_engine(engine, "by test").expect("it is heard");
                    asked += 2;
                }
                unreachable!("the engines come round and round")
            })
        });
        for turn in 0..200 {
            world.feed_seconds(turn, 1);
            let to = 1 - world.host.shard_of(AccountId(1));
            assert!(world.host.move_account(AccountId(1), to).unwrap());
            eventually(|| world.host.shard_of(AccountId(1)) == to && world.host.snapshot().totals.accounts_moved == turn as u64 + 1);
        }
        moves.store(false, Relaxed);
        asking.into_iter().for_each(|asking| assert!(asking.join().unwrap() > 200));
    });
    // A guest that came from its starter during a move is there, too.
    world.settle();
    for engine in 1..=ENGINES {
        assert_eq!(world.host.engine(EngineId(engine)).unwrap().state, EngineState::Running, "engine {engine}");
    }
}

#[test]
fn a_host_that_stops_while_engines_move_stops_each_of_them_once() {
    let world = World::with(Bounds { shards: 2, ..Bounds::default() });
    for account in 1..=6 {
        world.account(account);
        world.run(account, account, listens);
    }
    world.feed_seconds(1, 20);
    let to = 1 - world.host.shard_of(AccountId(5));
    world.host.move_account(AccountId(5), to).unwrap();
    world.host.stop();
    for engine in 1..=6 {
        assert_eq!(world.heard.of(engine, "stop"), ["stop host-stopping"], "engine {engine}");
        assert_eq!(seconds_heard(&world, engine).len(), 20);
    }
}
