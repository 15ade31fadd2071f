//! What engines have seen of the market, over stops, swaps, faults and restarts of the host: no tick is handed over twice, none goes
//! back, and who is given none is found.

use crate::simulation::Dice;
use crate::support::*;
use domain::actor::SavedState;
use domain::desk::Desk;
use domain::guest::{Call, GuestHost as _, Outcome, Reply};
use domain::ids::EngineId;
use domain::life::EngineState;
use domain::time::{SECOND_US, Time};
use engine::{Bounds, EngineCommand, EngineSetup, Event, Saved, Seen};
use std::collections::BTreeMap;

/// Keeps no state.
fn forgetful(_: &mut Desk, call: &Call<'_>, _: &mut Mind) -> Option<Outcome> {
    match call {
        Call::Save => Some(Outcome::Decided(Reply::State(Vec::new()))),
        Call::Load { state, .. } => {
            Some(if state.is_empty() { Outcome::Decided(Reply::Done) } else { Outcome::Refused("whose is it?".into()) })
        }
        _ => None,
    }
}

/// Counts its ticks, and fails now and then.
fn fails(_: &mut Desk, call: &Call<'_>, mind: &mut Mind) -> Option<Outcome> {
    let Call::Tick { tick, .. } = call else { return None };
    mind.number += 1;
    ((tick.bid * 1e5).round() as i64 % 29 == 0).then(|| Outcome::Trapped("as told".into()))
}

const ENGINES: [u32; 3] = [1, 2, 3];

fn script(engine: u32) -> Script {
    match engine {
        1 => forgetful.into(),
        2 => fails.into(),
        _ => listens.into(),
    }
}

/// The times of the ticks that an engine was handed, in order, seconds.
fn handed(world: &World, engine: u32) -> Vec<i64> {
    let time = |words: &String| {
        let mut words = words.split(' ');
        let is_tick = matches!(words.next(), Some("tick" | "row"));
        is_tick.then(|| words.nth(1).unwrap().parse::<i64>().unwrap() / SECOND_US)
    };
    world.heard.all(engine).iter().filter_map(time).collect()
}

fn seen(saved: &Saved) -> i64 {
    saved.seen[&EURUSD].time.0 / SECOND_US
}

/// Several lives of a host with the same engines, one after the other. `saved` is what its database has.
struct Lives {
    dice: Dice,
    saved: BTreeMap<u32, Saved>,
    /// The last second that the market has come to in any life, and the last that each engine was handed.
    market: i64,
    handed: BTreeMap<u32, i64>,
}

impl Lives {
    fn live(&mut self) {
        let world = World::with(Bounds { shards: 2, save_every_us: 5 * SECOND_US, trial_ticks: 1, trial_us: 0, ..Bounds::default() });
        // Where the market's place was lost, it begins behind what engines have seen.
        let is_behind = self.dice.one_in(3);
        let mut now = if is_behind { self.market - self.dice.below(40) as i64 } else { self.market };
        world.feed(tick(EURUSD, now * SECOND_US, 110_000));
        for engine in ENGINES {
            world.account(engine);
            let numbered_anew = |(&symbol, seen): (_, &Seen)| (symbol, Seen { sequence: None, ..*seen });
            let restored =
                self.saved.get(&engine).map(|saved| Saved { seen: saved.seen.iter().map(numbered_anew).collect(), ..saved.clone() });
            world.run_as(EngineSetup { restored, ..setup(engine, engine) }, script(engine));
        }
        for _ in 0..25 {
            self.step(&world, &mut now);
        }
        self.check(&world, is_behind);
        if self.dice.one_in(2) {
            // Killed: what the sink was not told yet is lost.
            let events = world.told.events();
            let told = self.dice.below(events.len() as u64 + 1) as usize;
            self.keep(&events[..told]);
        } else {
            world.host.stop();
            self.keep(&world.told.events());
        }
        self.market = self.market.max(now);
    }

    /// Something is asked of an engine, or some ticks come.
    fn step(&mut self, world: &World, now: &mut i64) {
        let engine = EngineId(ENGINES[self.dice.below(3) as usize]);
        let command = |command| drop(world.host.command(engine, command, "by test"));
        match self.dice.below(8) {
            0 => drop(world.host.stop_engine(engine, "by test")),
            1 => command(EngineCommand::Start),
            2 => command(EngineCommand::Pause),
            3 => command(EngineCommand::Resume),
            4 => {
                let version = world.guests.load(script(engine.0));
                drop(world.host.swap(EngineSetup { version, ..setup(engine.0, engine.0) }, "by test"));
            }
            5 => {
                world.clock.forward(4 * SECOND_US);
                world.host.wake();
            }
            _ => {
                for _ in 0..=self.dice.below(12) {
                    *now += 1;
                    world.feed(tick(EURUSD, *now * SECOND_US, 110_000 + *now % 31));
                }
            }
        }
        world.settle();
    }

    fn check(&mut self, world: &World, is_behind: bool) {
        for engine in ENGINES {
            let handed = handed(world, engine);
            assert!(handed.is_sorted_by(|before, after| before < after), "engine {engine}: {handed:?}");
            let Some((&first, &last)) = handed.first().zip(handed.last()) else { continue };
            let had = self.saved.get(&engine).map_or(i64::MIN, seen);
            assert!(first > had, "engine {engine} had seen {had} and was handed {first}");
            let before = self.handed.get(&engine).copied().unwrap_or(i64::MIN);
            assert!(is_behind || first > before, "engine {engine} was handed {first} after {before}, by a market that does not go back");
            self.handed.insert(engine, last.max(before));
        }
    }

    /// Keeps what engines saved, as the host's sink does.
    fn keep(&mut self, events: &[Event]) {
        for event in events {
            let Event::Saved { engine, saved, .. } = event else { continue };
            let before = self.saved.insert(engine.engine.0, Saved::clone(saved));
            let before = before.as_ref().map_or(i64::MIN, seen);
            assert!(seen(saved) >= before, "engine {} has seen {before}, and then {}", engine.engine, seen(saved));
        }
    }
}

#[test]
fn whatever_happens_no_engine_is_handed_a_tick_again_and_what_it_has_seen_never_goes_back() {
    let mut fed = 0;
    for seed in 1..=100 {
        println!("seed {seed}");
        let mut lives = Lives { dice: Dice::new(seed), saved: BTreeMap::new(), market: 1_000, handed: BTreeMap::new() };
        (0..4).for_each(|_| lives.live());
        fed += lives.handed.values().filter(|last| **last > 1_000).count();
    }
    assert!(fed > 200, "of 300 engines only {fed} were handed anything");
}

#[test]
fn what_an_engine_without_state_has_seen_is_kept_as_well() {
    let world = World::new();
    world.account(1);
    world.run(1, 1, forgetful);
    world.feed_seconds(1, 200);
    world.settle();
    let saved = |world: &World| {
        let of = |event| if let Event::Saved { saved, .. } = event { Some(seen(&saved)) } else { None };
        world.told.events().into_iter().filter_map(of).next_back()
    };
    assert!(saved(&world).is_some_and(|seen| seen > 120), "{:?}", saved(&world));
    world.host.stop();
    assert_eq!(saved(&world), Some(200));
}

#[test]
fn who_is_given_no_ticks_starves_until_it_is() {
    let world = World::new();
    for account in [1, 2, 3, 4] {
        world.account(account);
    }
    // It has handled all up to 500 s, and its market begins anew.
    let seen = BTreeMap::from([(EURUSD, Seen { time: Time(500 * SECOND_US), sequence: None })]);
    let saved = Saved { state: SavedState { schema: 1, bytes: vec![0; 8] }, at: world.now(), seen };
    world.run_as(EngineSetup { restored: Some(saved), ..setup(1, 1) }, listens);
    world.run(2, 2, listens);
    world.run(3, 3, |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| {
        if let Call::Start { .. } = call {
            desk.set_wake(0, domain::wake::Wake::NO_TICK).unwrap();
        }
        None
    });
    world.run(4, 4, listens);
    world.host.command(EngineId(4), EngineCommand::Pause, "by test").unwrap();
    let pass = |second: i64| {
        world.feed_seconds(second, 1);
        world.settle();
        world.clock.forward(SECOND_US);
        world.host.wake();
    };
    let starving = |engine| world.host.engine(EngineId(engine)).unwrap().starving;
    (1..=60).for_each(pass);
    assert_eq!(starving(1), None, "a minute has not passed yet");
    (61..=70).for_each(pass);
    let starves = starving(1).expect("it was given nothing");
    assert_eq!((starves.symbol, starves.since, starves.market), (EURUSD, Time(SECOND_US), Time(70 * SECOND_US)));
    assert_eq!([2, 3, 4].map(starving), [None; 3], "one is fed, one waits for no tick, one is paused");
    assert_eq!(handed(&world, 3), [0; 0]);
    world.feed_seconds(501, 1);
    world.settle();
    pass(502);
    assert_eq!(starving(1), None);
    assert_eq!(handed(&world, 1), [501, 502]);
}

#[test]
fn a_clock_that_is_set_holds_up_no_restart_and_hurries_none() {
    const YEARS_US: i64 = 400 * 24 * 3_600 * SECOND_US;
    for set_by in [-YEARS_US, -3_600 * SECOND_US, YEARS_US] {
        let world = World::new();
        world.account(1);
        world.run(1, 1, fails);
        world.feed(tick(EURUSD, SECOND_US, 29 * 3_793));
        world.settle();
        let state = || world.host.engine(EngineId(1)).unwrap().state;
        assert_eq!(state(), EngineState::Faulted);
        world.clock.set_by(set_by);
        world.host.wake();
        world.settle();
        assert_eq!(state(), EngineState::Faulted, "{set_by}: its second has not passed");
        world.clock.forward(SECOND_US);
        world.host.wake();
        world.told.wait_for(|event| matches!(event, Event::State { to: EngineState::Running, at, .. } if *at == world.now()));
    }
}

#[test]
fn a_clock_that_is_set_does_not_keep_the_journal_from_being_tried_again() {
    let world = World::new();
    world.account(1);
    world.run(1, 1, |desk: &mut Desk, call: &Call<'_>, mind: &mut Mind| {
        if let Call::Tick { .. } = call
            && mind.number == 0
        {
            mind.number = 1;
            desk.submit(market(domain::contract::Side::Buy)).unwrap();
        }
        None
    });
    world.feed_seconds(1, 1);
    world.settle();
    world.records.fail(true);
    world.broker.stop_out(1, domain::ids::AccountId(1));
    world.feed_seconds(2, 1);
    world.settle();
    world.records.fail(false);
    world.clock.set_by(-3_600 * SECOND_US);
    world.clock.forward(SECOND_US);
    world.host.wake();
    world.settle();
    assert_eq!(world.told.alarms(), ["journal-failed", "reports-unwritten", "journal-works-again"]);
}
