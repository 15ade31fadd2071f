//! What engines that misbehave in every way, a tenth of a thousand, do to the tick-to-decision time of the others.
//!
//! `cargo bench --bench neighbours -- each` measures each way alone as well, a hundred engines of it; `-- log-flood` that one.

mod support;

use domain::life::EngineState;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use stockade_engine::{Bounds, EngineSnapshot};
use support::{PATIENCE, Sample, World, cpu, figure, status_kib};

const ENGINES: u32 = 1_000;
const TICKS: u32 = 2_000;
const GAP: Duration = Duration::from_millis(4);
/// Hostile ones behave for so long, each a little longer than the one before.
const CALM_TICKS: i64 = 20;
const MODES: [&str; 13] = [
    "endless-loop",
    "memory-bomb",
    "trap",
    "deep-recursion",
    "log-flood",
    "order-flood",
    "nan-prices",
    "stack-through-host",
    "giant-list",
    "save-gigabyte",
    "rare-trap",
    "clock-watch",
    "slow-save",
];
/// How often it is measured without and with them, in turn: the machine has better and worse times.
const ROUNDS: usize = 3;

/// Every tenth engine is hostile, where there are hostile ones.
fn is_hostile(engine: u32) -> bool {
    engine.is_multiple_of(10)
}

/// A run with hostile engines of these kinds, or without any.
struct Run {
    /// The others' p99, milliseconds.
    p99_ms: f64,
    resident_kib: f64,
    /// Processor time of all threads, from the first tick to the last.
    cpu: Duration,
    world: World,
}

impl Run {
    fn new(modes: &[&'static str]) -> Self {
        let mut world = World::new(Bounds::default(), GAP);
        let sample = |engine: u32| match !modes.is_empty() && is_hostile(engine) {
            true => Sample::Hostile(modes[engine as usize / 10 % modes.len()], CALM_TICKS + i64::from(engine / 4)),
            false => Sample::EmaCross,
        };
        world.start((1..=ENGINES).map(|engine| (engine, sample(engine))));
        let before = cpu();
        for _ in 0..TICKS {
            let tick = world.quiet_tick();
            world.host.feed(tick).expect("it is a good tick");
            std::thread::sleep(GAP);
        }
        // Not for the hostile ones, some of which are far behind.
        let end = Instant::now() + PATIENCE;
        while others(&world).iter().any(|engine| engine.faults == 0 && engine.ticks + engine.gone_by < u64::from(TICKS)) {
            assert!(Instant::now() < end, "the others did not get their ticks");
            std::thread::sleep(GAP);
        }
        let p99_ms = world.host.decided_within_us(0.99, |whose| !is_hostile(whose.engine.0)) / 1e3;
        Self { p99_ms, resident_kib: status_kib("VmRSS"), cpu: cpu() - before, world }
    }

    fn tell(&self, of: &str) {
        let others = others(&self.world);
        let unhurt = others.iter().filter(|engine| engine.state == EngineState::Running && engine.faults + engine.slowed == 0).count();
        let engines = self.world.host.snapshot().engines;
        let hostile: Vec<_> = engines.into_iter().filter(|engine| is_hostile(engine.whose.engine.0)).collect();
        let count = |what: fn(&EngineSnapshot) -> bool| hostile.iter().filter(|engine| what(engine)).count();
        eprintln!(
            "{of}: p99 of the others {:.2} ms, {:.1} s of processors; of {} hostile engines {} in quarantine, {} in the slow lane, {} were in it; {} faults, {} of \
             their ticks went by; {unhurt} others run without a fault and were never in it",
            self.p99_ms,
            self.cpu.as_secs_f64(),
            hostile.len(),
            count(|engine| engine.state == EngineState::Quarantined),
            count(|engine| engine.slow),
            count(|engine| engine.slowed > 0),
            self.world.told.faults.load(Ordering::Relaxed),
            hostile.iter().map(|engine| engine.gone_by).sum::<u64>(),
        );
    }
}

fn others(world: &World) -> Vec<EngineSnapshot> {
    world.host.snapshot().engines.into_iter().filter(|engine| !is_hostile(engine.whose.engine.0)).collect()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let one_by_one = MODES.into_iter().filter(|mode| asked.iter().any(|word| word == "each" || word == mode));
    for mode in one_by_one {
        let calm = Run::new(&[]);
        calm.tell("without hostile engines");
        let alone = calm.p99_ms;
        drop(calm);
        let beside = Run::new(&[mode]);
        beside.tell(mode);
        figure(&format!("neighbours_beside_{}_p99_change_ms", mode.replace('-', "_")), beside.p99_ms - alone, "ms", Some("<= 1"));
    }
    if !asked.is_empty() && !asked.iter().any(|word| word == "each") {
        return;
    }
    let (mut alone, mut beside, mut resident) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let calm = Run::new(&[]);
        calm.tell("without hostile engines");
        let (p99_ms, resident_kib) = (calm.p99_ms, calm.resident_kib);
        drop(calm);
        let hostile = Run::new(&MODES);
        hostile.tell("with all kinds");
        alone.push(p99_ms);
        beside.push(hostile.p99_ms);
        resident.push((hostile.resident_kib - resident_kib) / 1_024.0);
    }
    let (alone, beside) = (median(alone), median(beside));
    figure("neighbours_alone_p99_ms", alone, "ms", None);
    figure("neighbours_beside_hostile_p99_ms", beside, "ms", None);
    // One of the two is enough: a tenth of half a millisecond is less than a scheduler moves it by.
    let is_little = beside - alone <= 1.0;
    figure("hostile_neighbour_p99_change_pct", (beside / alone - 1.0) * 100.0, "%", (!is_little).then_some("<= 10"));
    figure("hostile_neighbour_p99_change_ms", beside - alone, "ms", is_little.then_some("<= 1"));
    figure("hostile_neighbour_resident_change_mib", median(resident), "MiB", None);
}
