//! Ten thousand engines of two strategies in one process: how long they take to start and how much memory the whole host has.

mod support;

use domain::ids::EngineId;
use domain::life::EngineState;
use std::time::{Duration, Instant};
use stockade_engine::{Bounds, EngineCommand};
use support::{EURUSD, GOLD, Sample, World, figure, status_kib};

const ENGINES: u32 = 10_000;
/// Changes of engines, spread over all of them.
const CHANGES: u32 = 100;
/// Enough for every engine to have touched what a tick touches.
const TICKS: usize = 20;

fn main() {
    // Another number may be given, such as 50000 where vm.max_map_count allows it.
    let engines = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(ENGINES);
    let mut world = World::new(Bounds::default(), Duration::from_secs(1));
    let (empty, began) = (status_kib("VmRSS"), Instant::now());
    let sample = |engine: u32| if engine.is_multiple_of(2) { Sample::EmaCross } else { Sample::Scalper };
    (1..=engines).for_each(|engine| world.define(engine, sample(engine)));
    eprintln!("{engines} accounts opened and engines added in {:.2?}", began.elapsed());

    let began = Instant::now();
    for engine in 1..=engines {
        world.host.start_engine(EngineId(engine), "bench").expect("an engine starts");
    }
    world.settle();
    let took = began.elapsed();
    let running = world.host.snapshot().totals.engines_running;
    if running < engines as usize {
        let seen = world.host.snapshot().engines;
        let reason = seen.iter().find(|seen| seen.state != EngineState::Running).map(|seen| seen.reason.clone());
        eprintln!("{running} of {engines} run; the first that does not: {}", reason.unwrap_or_default());
    }
    figure(&format!("start_{engines}_engines_s"), took.as_secs_f64(), "s", (engines == ENGINES).then_some("<= 5"));

    let mut changes = Vec::new();
    for engine in (1..=engines).step_by((engines / CHANGES).max(1) as usize).map(EngineId) {
        let mut change = |made: &dyn Fn()| {
            let began = Instant::now();
            made();
            changes.push(began.elapsed());
        };
        change(&|| _ = world.host.command(engine, EngineCommand::Pause, "bench").expect("it runs"));
        change(&|| _ = world.host.command(engine, EngineCommand::Resume, "bench").expect("it is paused"));
        change(&|| _ = world.host.stop_engine(engine, "bench").expect("it runs"));
        change(&|| {
            world.host.start_engine(engine, "bench").expect("it is stopped");
            while world.host.engine(engine).expect("it is there").state != EngineState::Running {
                std::thread::yield_now();
            }
        });
    }
    let slowest = changes.into_iter().max().unwrap_or_default();
    figure("change_takes_effect_ms", slowest.as_secs_f64() * 1e3, "ms", Some("<= 100"));

    for round in 0..TICKS {
        let tick = world.lively_tick(if round % 2 == 0 { EURUSD } else { GOLD });
        world.host.feed(tick).expect("it is a good tick");
        world.settle();
    }
    let (resident, tables) = (status_kib("VmRSS"), status_kib("VmPTE"));
    figure(&format!("host_{engines}_engines_mib"), resident / 1_024.0, "MiB", (engines == ENGINES).then_some("<= 1024"));
    figure("host_resident_kib_per_engine", (resident - empty) / f64::from(engines), "KiB", Some("<= 64"));
    figure("host_page_tables_kib_per_engine", tables / f64::from(engines), "KiB", None);
}
