//! Engines that wait, where their shard has its own ways with ticks: they move, are served after all others, or are throttled.

use super::{ENGINE, bids_from, counted, feed, waits_for};
use crate::backlog::held_up_with;
use crate::support::*;
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{AccountId, EngineId, UserId};
use domain::limits::{Quotas, SLOW_FUEL_PER_TICK};
use domain::time::SECOND_US;
use engine::Bounds;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

#[test]
fn one_that_moves_while_it_dozes_is_roused_by_its_price_on_its_new_shard() {
    let world = World::with(Bounds { shards: 2, ..Bounds::default() });
    world.account(1);
    world.run(7, 1, waits_for(110_100));
    (1..=4).for_each(|second| feed(&world, second, 110_000));
    let to = 1 - world.host.shard_of(AccountId(1));
    assert!(world.host.move_account(AccountId(1), to).unwrap());
    // These come while it is on its way.
    (5..=6).for_each(|second| world.feed(tick(EURUSD, second * SECOND_US, 110_000)));
    world.settle();
    assert_eq!(world.host.shard_of(AccountId(1)), to);
    (7..=8).for_each(|second| feed(&world, second, 110_000));
    feed(&world, 9, 110_100);
    assert_eq!(world.heard.of(7, "tick "), ["tick 0 1000000 110000 skipped=0", "tick 0 9000000 110100 skipped=0"]);
    assert_eq!(counted(&world, 7), (9, 0));
}

/// Waits for a rise by ten points after each tick that it is handed.
fn climbs(desk: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    if let Call::Tick { tick, .. } = call {
        desk.set_wake(0, bids_from((tick.bid * 1e5).round() as i64 + 10)).unwrap();
    }
    None
}

#[test]
fn one_that_dozes_and_moves_to_and_fro_misses_nothing_and_is_handed_and_counts_nothing_twice() {
    const SECONDS: i64 = 400;
    for seed in 1..=8_u64 {
        let world = World::with(Bounds { shards: 3, ..Bounds::default() });
        for account in 1..=3 {
            world.account(account);
            world.run(account, account, climbs);
        }
        let mut random = seed;
        let mut draw = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        for second in 1..=SECONDS {
            world.feed_seconds(second, 1);
            if draw(3) > 0 {
                world.settle();
            }
            if draw(6) == 0 {
                world.host.move_account(AccountId(draw(3) as u32 + 1), draw(3) as usize).unwrap();
            }
        }
        world.settle();
        assert!(world.host.snapshot().totals.accounts_moved > 5, "seed {seed}");
        for engine in 1..=3 {
            let handed = world.heard.all(engine).into_iter().filter(|words| words.starts_with("tick ") || words.starts_with("row "));
            let seconds: Vec<i64> = handed.map(|words| words.split(' ').nth(2).unwrap().parse::<i64>().unwrap() / SECOND_US).collect();
            assert_eq!(seconds, (1..=SECONDS).step_by(10).collect::<Vec<_>>(), "seed {seed}, engine {engine}");
            assert_eq!(counted(&world, engine), (SECONDS as u64, 0), "seed {seed}, engine {engine}");
        }
    }
}

/// Waits at the tick of such a second until it is let go, and tells when it is there.
fn gate(second: i64) -> (Receiver<()>, Sender<()>, Script) {
    let ((tell, there), (go, gone)) = (channel(), channel());
    let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
    let act = move |_: &mut Desk, call: &Call<'_>, _: &mut Mind| -> Option<Outcome> {
        if matches!(call, Call::Tick { tick, .. } if tick.time.0 == second * SECOND_US) {
            tell.lock().unwrap().send(()).unwrap();
            gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        }
        None
    };
    (there, go, act.into())
}

#[test]
fn one_that_is_served_after_all_others_hears_that_the_price_it_waits_for_may_have_gone_by() {
    let world = World::with(Bounds { shards: 1, slow_ticks_max: 4, ..Bounds::default() });
    world.account(1);
    // It takes too much at its first two ticks, and waits from the second on.
    let heavy = |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| -> Option<Outcome> {
        if let Call::Tick { tick, .. } = call {
            mind.fuel += SLOW_FUEL_PER_TICK + 1;
            if tick.time.0 > SECOND_US {
                desk.set_wake(0, bids_from(110_100)).unwrap();
            }
        }
        None
    };
    world.run(7, 1, heavy);
    let (there, go, waits) = gate(2);
    world.run(1, 1, waits);
    feed(&world, 1, 110_000);
    world.feed(tick(EURUSD, 2 * SECOND_US, 110_000));
    there.recv_timeout(PATIENCE).unwrap();
    assert!(world.host.engine(ENGINE).unwrap().slow);
    // Ten come at once, of which four may wait for it: its price is among the others.
    let bids = [110_000, 110_000, 110_100, 110_000, 110_000, 110_000, 110_000, 110_000, 110_000, 110_000];
    (3..).zip(bids).for_each(|(second, bid)| world.feed(tick(EURUSD, second * SECOND_US, bid)));
    go.send(()).unwrap();
    world.settle();
    feed(&world, 13, 110_100);
    feed(&world, 14, 110_000);
    let ticks = [
        "tick 0 1000000 110000 skipped=0",
        "tick 0 2000000 110000 skipped=0",
        "tick 0 9000000 110000 skipped=6",
        "tick 0 13000000 110100 skipped=0",
    ];
    assert_eq!(world.heard.of(7, "tick "), ticks);
    let engine = world.host.engine(ENGINE).unwrap();
    assert_eq!((engine.slow, engine.gone_by), (true, 6));
    assert_eq!(counted(&world, 7), (8, 6), "all but those that had to go by");
}

#[test]
fn a_tick_that_nobody_waits_for_is_not_throttled_however_much_its_owners_engines_have_used() {
    let quotas = Quotas { fuel_per_second_max: 1, ..Quotas::default() };
    let (world, slow) = held_up_with(Bounds { quotas, ..Bounds::default() });
    world.account(2);
    world.run(7, 2, waits_for(110_100));
    world.run(8, 2, listens);
    // Its first call takes all that there is for both. The rest comes at once, and then one by one.
    slow.hold(&world);
    world.feed_seconds(1, 49);
    slow.let_go(&world);
    (50..=54).for_each(|second| feed(&world, second, 110_000));
    let throttled = || [7, 8].map(|engine| world.host.engine(EngineId(engine)).unwrap().throttled);
    assert_eq!(throttled(), [0, 55]);
    assert_eq!(world.host.usage(UserId(2)).ticks_throttled, 55);
    // This is the one that it waits for.
    feed(&world, 55, 110_100);
    assert_eq!(throttled(), [1, 56]);
    world.clock.forward(SECOND_US);
    feed(&world, 56, 110_000);
    assert_eq!(world.heard.of(7, "tick "), ["tick 0 0 110000 skipped=0", "tick 0 56000000 110000 skipped=1"]);
    assert_eq!(counted(&world, 7), (56, 1), "0 to 54, and 56");
}
