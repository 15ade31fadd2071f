//! What engines that misbehave in every way, a tenth of a thousand, do to the tick-to-decision time of the others.

mod support;

use domain::life::EngineState;
use std::sync::atomic::Ordering;
use std::time::Duration;
use stockade_engine::Bounds;
use support::{Sample, World, figure, status_kib};

const ENGINES: u32 = 1_000;
const TICKS: u32 = 2_000;
const GAP: Duration = Duration::from_millis(4);
/// Hostile ones behave for so long, each a few ticks longer than the one before.
const CALM_TICKS: i64 = 20;
const MODES: [&str; 7] = ["endless-loop", "memory-bomb", "trap", "deep-recursion", "log-flood", "order-flood", "nan-prices"];

/// Every tenth engine is hostile, where there are hostile ones.
fn is_hostile(engine: u32) -> bool {
    engine.is_multiple_of(10)
}

/// The others' p99, milliseconds, and how it ended.
fn run(with_hostile: bool) -> (f64, World) {
    let mut world = World::new(Bounds::default());
    let sample = |engine: u32| match with_hostile && is_hostile(engine) {
        true => Sample::Hostile(MODES[engine as usize / 10 % MODES.len()], CALM_TICKS + i64::from(engine)),
        false => Sample::EmaCross,
    };
    world.start((1..=ENGINES).map(|engine| (engine, sample(engine))));
    for _ in 0..TICKS {
        let tick = world.quiet_tick();
        world.host.feed(tick).expect("it is a good tick");
        std::thread::sleep(GAP);
    }
    world.settle();
    let others = world.host.decided_within_us(0.99, |whose| !is_hostile(whose.engine.0));
    (others / 1e3, world)
}

fn main() {
    let (alone, calm) = run(false);
    let before = status_kib("VmRSS");
    drop(calm);
    let (beside, world) = run(true);
    let snapshot = world.host.snapshot();
    let hostile: Vec<_> = snapshot.engines.iter().filter(|engine| is_hostile(engine.whose.engine.0)).collect();
    let quarantined = hostile.iter().filter(|engine| engine.state == EngineState::Quarantined).count();
    let others = snapshot.engines.iter().filter(|engine| !is_hostile(engine.whose.engine.0));
    let unhurt = others.filter(|engine| engine.state == EngineState::Running && engine.faults == 0).count();
    eprintln!(
        "{} faults, {quarantined} of {} hostile engines in quarantine; {unhurt} others run without a fault",
        world.told.faults.load(Ordering::Relaxed),
        hostile.len()
    );
    figure("neighbours_alone_p99_ms", alone, "ms", None);
    figure("neighbours_beside_hostile_p99_ms", beside, "ms", None);
    figure("hostile_neighbour_p99_change_pct", (beside / alone - 1.0) * 100.0, "%", Some("<= 10"));
    figure("hostile_neighbour_p99_change_ms", beside - alone, "ms", Some("<= 1"));
    figure("hostile_neighbour_resident_change_mib", (status_kib("VmRSS") - before) / 1_024.0, "MiB", None);
}
