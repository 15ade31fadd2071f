//! What happens when a shard falls behind.

use crate::support::*;
use domain::contract::{DenyCode, Side};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::EngineId;
use domain::time::SECOND_US;
use engine::{Bounds, EngineSetup, Event, TickRefused};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A guest that waits at its first tick until it is let go, and tells when it is there.
pub struct Slow {
    there: Receiver<()>,
    go: Sender<()>,
}

impl Slow {
    fn waits() -> (Self, impl Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Send + Sync + 'static) {
        let ((tell, there), (go, gone)) = (channel(), channel());
        let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
        let act = move |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
            if matches!(call, Call::Tick { .. }) && std::mem::replace(&mut mind.number, 1) == 0 {
                tell.lock().unwrap().send(()).unwrap();
                gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
            None
        };
        (Self { there, go }, act)
    }

    /// Feeds the first tick and returns when the guest waits in it.
    pub fn hold(&self, world: &World) {
        world.feed_seconds(0, 1);
        self.there.recv_timeout(PATIENCE).unwrap();
    }

    pub fn let_go(&self, world: &World) {
        self.go.send(()).unwrap();
        world.settle();
    }
}

/// A world with one shard, held up by engine 1.
fn held_up() -> (World, Slow) {
    held_up_with(Bounds::default())
}

pub fn held_up_with(bounds: Bounds) -> (World, Slow) {
    let world = World::with(Bounds { shards: 1, ..bounds });
    world.account(1);
    let (slow, act) = Slow::waits();
    world.run(1, 1, act);
    (world, slow)
}

/// Time and bid of every tick an engine was handed, singly or in a row.
fn ticks_of(world: &World, engine: u32) -> Vec<(i64, i64)> {
    let heard = world.heard.all(engine).into_iter().filter(|words| words.starts_with("tick ") || words.starts_with("row "));
    let number = |words: &str, at: usize| words.split(' ').nth(at).unwrap().parse().unwrap();
    heard.map(|words| (number(&words, 2), number(&words, 3))).collect()
}

#[test]
fn a_backlog_comes_by_columns_and_no_tick_is_lost_or_out_of_order() {
    let (world, slow) = held_up();
    world.run(2, 1, listens);
    slow.hold(&world);
    world.feed_seconds(1, 999);
    slow.let_go(&world);
    let expected: Vec<_> = (0..1_000).map(|s| (s * SECOND_US, 110_000 + s)).collect();
    assert_eq!(ticks_of(&world, 1), expected);
    assert_eq!(ticks_of(&world, 2), expected);
    assert_eq!(world.heard.of(2, "bar").len(), 16, "bars come although their ticks come in columns");
    let totals = world.host.snapshot().totals;
    assert!(totals.ticks_by_columns >= 1_900 && totals.column_calls < 80, "{totals:?}");

    // Each bar before the row that closed it, and no batch that goes past one.
    let heard = world.heard.all(2);
    let bar = heard.iter().position(|words| words == "bar M1 0").unwrap();
    assert!(heard[bar - 1].contains(" 59000000 ") && heard[bar + 2].contains(" 60000000 "), "{:?}", &heard[bar - 1..bar + 3]);
}

#[test]
fn in_a_backlog_a_guest_stops_where_it_acts_and_gets_the_rest_again() {
    let (world, slow) = held_up();
    world.run(2, 1, |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Tick { tick, .. } = call
            && tick.time.0 % (10 * SECOND_US) == 0
        {
            let placed = desk.submit(market(Side::Buy));
            assert_ne!(placed, Err(DenyCode::Invalid));
        }
        None
    });
    slow.hold(&world);
    world.feed_seconds(1, 99);
    slow.let_go(&world);
    assert_eq!(ticks_of(&world, 2), (0..100).map(|s| (s * SECOND_US, 110_000 + s)).collect::<Vec<_>>());
    assert_eq!(world.broker.submitted().len(), 10);
}

#[test]
fn in_a_backlog_timers_fire_before_the_tick_at_which_they_are_due() {
    let (world, slow) = held_up();
    world.run(2, 1, |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Start { .. } = call {
            desk.set_timer(5, 10 * SECOND_US + 1, Some(20_000_000)).unwrap();
        }
        None
    });
    slow.hold(&world);
    world.feed_seconds(1, 40);
    slow.let_go(&world);
    let heard = world.heard.all(2);
    let fired: Vec<_> = (0..heard.len()).filter(|&at| heard[at] == "timer 5").collect();
    let after: Vec<_> = fired.iter().map(|&at| heard[at + 1..].iter().find(|words| words.starts_with("row")).unwrap()).collect();
    assert_eq!(after, ["row 0 11000000 110011", "row 0 31000000 110031"]);
    assert_eq!(ticks_of(&world, 2).len(), 41);
}

#[test]
fn an_engine_that_wants_the_latest_gets_it_with_the_number_it_missed() {
    let (world, slow) = held_up();
    let mut latest = setup(2, 1);
    latest.description.latest_tick_only = true;
    world.run_as(latest, listens);
    slow.hold(&world);
    world.feed_seconds(1, 100);
    slow.let_go(&world);
    let expected = ["tick 0 0 110000 skipped=0", "bar M1 0", "tick 0 100000000 110100 skipped=99"];
    assert_eq!(world.heard.all(2)[2..], expected);
    assert_eq!(world.host.snapshot().totals.ticks_merged, 99);
    assert_eq!(world.host.engine(EngineId(2)).unwrap().skipped, 99);
}

#[test]
fn ticks_of_two_symbols_keep_their_order_for_an_engine_that_wants_both() {
    let (world, slow) = held_up();
    let mut both = EngineSetup { symbols: vec![EURUSD, GOLD], ..setup(2, 1) };
    both.description.needs.push(need());
    world.run_as(both, listens);
    slow.hold(&world);
    for s in 1..=40 {
        // Runs of one to three ticks of each.
        let symbol = if s % 5 < 3 { EURUSD } else { GOLD };
        world.feed(tick(symbol, s * SECOND_US, 110_000 + s));
    }
    slow.let_go(&world);
    let times: Vec<i64> = ticks_of(&world, 2).into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, (0..=40).map(|s| s * SECOND_US).collect::<Vec<_>>());
}

#[test]
fn a_stop_overtakes_a_backlog() {
    // Engine 1 stops engine 2 from another thread while both have a thousand ticks to go.
    let world = World::with(Bounds { shards: 1, run_ticks_max: 8, columns_from: 1_000, ..Bounds::default() });
    world.account(1);
    let ((tell, there), (go, gone)) = (channel(), channel::<()>());
    let (tell, gone) = (Mutex::new(tell), Mutex::new(gone));
    world.run(1, 1, move |_: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call {
            mind.number += 1;
            // At the 1st all wait until everything is fed; at the 100th, until the stop has been asked for.
            if mind.number == 1 || mind.number == 100 {
                tell.lock().unwrap().send(()).unwrap();
                gone.lock().unwrap().recv_timeout(PATIENCE).unwrap();
            }
        }
        None
    });
    world.run(2, 1, listens);
    world.feed_seconds(0, 1);
    there.recv_timeout(PATIENCE).unwrap();
    world.feed_seconds(1, 1_000);
    go.send(()).unwrap();
    there.recv_timeout(PATIENCE).unwrap();
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| world.host.stop_engine(EngineId(2), "at once"));
        eventually(|| world.host.snapshot().totals.shards_asked == 1);
        go.send(()).unwrap();
        stop.join().unwrap().unwrap();
    });
    world.settle();
    let (first, second) = (ticks_of(&world, 1).len(), ticks_of(&world, 2).len());
    assert!(first == 1_001 && second < 110, "engine 2 had {second} of {first} ticks");
}

#[test]
fn a_full_queue_makes_the_feed_wait_and_is_told() {
    let world = World::with(Bounds { shards: 1, shard_ticks_max: 8, ..Bounds::default() });
    world.account(1);
    let (slow, act) = Slow::waits();
    world.run(1, 1, act);
    slow.hold(&world);
    std::thread::scope(|scope| {
        let feed = scope.spawn(|| world.feed_seconds(1, 20));
        eventually(|| world.host.snapshot().totals.shard_ticks_waiting == [8]);
        slow.go.send(()).unwrap();
        feed.join().unwrap();
    });
    world.settle();
    assert_eq!(ticks_of(&world, 1).len(), 21, "nothing is dropped");
    assert!(world.host.snapshot().totals.feed_stalls >= 1);
    world.told.wait_for(|event| matches!(event, Event::Alarm { code: "feed-stalled", .. }));
}

#[test]
fn ticks_that_are_none_are_refused_and_counted() {
    let world = World::new();
    world.feed_seconds(5, 1);
    let good = tick(EURUSD, 5 * SECOND_US, 110_000);
    assert_eq!(world.host.feed(good), Ok(()), "equal times are allowed");
    assert_eq!(world.host.feed(domain::tick::Tick { symbol: domain::symbol::SymbolId(9), ..good }), Err(TickRefused::UnknownSymbol));
    assert_eq!(world.host.feed(domain::tick::Tick { bid: f64::NAN, ..good }), Err(TickRefused::NoPrice));
    assert_eq!(world.host.feed(domain::tick::Tick { ask: 1e-9, ..good }), Err(TickRefused::NoPrice), "less than a point");
    assert_eq!(world.host.feed(domain::tick::Tick { bid: 1e300, ..good }), Err(TickRefused::NoPrice));
    assert_eq!(world.host.feed(tick(EURUSD, 4 * SECOND_US, 110_000)), Err(TickRefused::Late));
    let totals = world.host.snapshot().totals;
    assert_eq!((totals.ticks, totals.ticks_refused), (2, 5));
}

#[test]
fn a_shard_hears_only_the_symbols_its_engines_want() {
    let world = World::new();
    world.account(1);
    world.run_as(EngineSetup { symbols: vec![GOLD], ..setup(1, 1) }, listens);
    world.feed_seconds(1, 10);
    world.feed(tick(GOLD, SECOND_US, 1_300_000));
    world.settle();
    assert_eq!(ticks_of(&world, 1).len(), 1);
    assert_eq!(world.broker.ticks(), 11, "the broker hears all");
}
