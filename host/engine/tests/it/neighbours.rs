//! Engines that fail again and again, and those beside them.

use crate::support::*;
use domain::contract::LogLevel;
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::EngineId;
use domain::life::{EngineState, Verdict};
use domain::time::SECOND_US;
use engine::Event;

type Way = fn(String) -> Outcome;

const WAYS: [(&str, Way); 4] = [
    ("trapped", Outcome::Trapped),
    ("out-of-fuel", Outcome::OutOfFuel),
    ("deadline-exceeded", Outcome::DeadlineExceeded),
    ("out-of-memory", Outcome::OutOfMemory),
];

/// Fails at every tick, after a flood of lines.
fn fails(way: Way) -> impl Fn(&mut Desk, &Call<'_>, &mut Mind) -> Option<Outcome> + Send + Sync + 'static {
    move |desk, call, _| {
        let Call::Tick { .. } = call else { return None };
        (0..1_000).for_each(|_| desk.log(LogLevel::Info, "a line that nobody wants to read"));
        Some(way("in its own words".into()))
    }
}

#[test]
fn hostile_engines_are_cut_and_quarantined_and_the_others_miss_nothing() {
    let world = World::new();
    let (calm, hostile) = (1..=36_u32, 37..=40_u32);
    for engine in 1..=40 {
        // Some beside hostile ones on their account, some on accounts of their own.
        let account = engine % 8 + 1;
        if engine <= 8 {
            world.account(account);
        }
        if hostile.contains(&engine) {
            world.run(engine, account, fails(WAYS[(engine - hostile.start()) as usize].1));
        } else {
            world.run(engine, account, listens);
        }
    }
    let seconds = 20;
    for second in 0..seconds {
        world.feed_seconds(second, 1);
        world.settle();
        world.clock.forward(SECOND_US);
        world.host.wake();
        world.settle();
    }

    for engine in hostile {
        let (kind, _) = WAYS[(engine - 37) as usize];
        let seen = world.host.engine(EngineId(engine)).unwrap();
        assert_eq!((seen.state, seen.faults), (EngineState::Quarantined, 3), "{}", seen.reason);
        assert!(seen.reason.contains(&format!("{kind}: in its own words")) && seen.reason.contains("start it again"), "{}", seen.reason);
        assert!(seen.remarks_dropped > 0, "its flood is cut off and counted");
        let delay = |event| match event {
            Event::Fault { engine: whose, verdict: Verdict::RestartIn(us), .. } if whose.engine == EngineId(engine) => Some(us),
            _ => None,
        };
        let delays: Vec<i64> = world.told.events().into_iter().filter_map(delay).collect();
        assert_eq!(delays, [SECOND_US, 2 * SECOND_US], "later and later");
    }
    for engine in calm {
        let seen = world.host.engine(EngineId(engine)).unwrap();
        assert_eq!((seen.state, seen.faults, seen.skipped), (EngineState::Running, 0, 0));
        let ticks = world.heard.all(engine).iter().filter(|words| words.starts_with("tick ") || words.starts_with("row ")).count();
        assert_eq!(ticks, seconds as usize, "engine {engine} has every tick once");
    }
    assert_eq!(world.host.snapshot().totals.panics, 0);
}
