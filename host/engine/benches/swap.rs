//! How long an engine's events wait when another version takes it over, with ticks coming in and a thousand others at work.

mod support;

use domain::tick::Tick;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use stockade_engine::{Bounds, Swapped};
use support::{Sample, World, figure};

const ENGINES: u32 = 1_000;
/// Each of another engine: a version that took over is on trial for a while.
const SWAPS: u32 = 300;
/// Between two ticks of the market, and between two swaps.
const GAP: Duration = Duration::from_millis(5);
const TICKS_MAX: usize = 100_000;

fn main() {
    let mut world = World::new(Bounds::default(), GAP);
    world.start((1..=ENGINES).map(|engine| (engine, Sample::EmaCross)));
    let ticks: Vec<Tick> = (0..TICKS_MAX).map(|_| world.quiet_tick()).collect();
    let is_over = AtomicBool::new(false);
    let (mut pauses, fed) = std::thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&world, &ticks, &is_over));
        let pauses = (1..=SWAPS).filter_map(|engine| swapped(&world, engine)).collect::<Vec<f64>>();
        is_over.store(true, Ordering::Release);
        (pauses, feeding.join().expect("feeding does not panic"))
    });
    world.settle();
    let seen = world.host.snapshot();
    let lost: u64 = seen.engines.iter().map(|seen| fed.saturating_sub(seen.ticks)).sum();
    eprintln!("{} of {SWAPS} swaps among {ENGINES} engines; {fed} ticks fed to each, {lost} lost", pauses.len());
    assert!(!pauses.is_empty(), "no version took over");
    pauses.sort_by(f64::total_cmp);
    let at = |share: f64| pauses[((pauses.len() - 1) as f64 * share) as usize];
    figure("hot_swap_pause_p50_ms", at(0.5), "ms", None);
    figure("hot_swap_pause_ms", at(0.99), "ms", Some("<= 1"));
    figure("hot_swap_ticks_lost", lost as f64, "ticks", Some("<= 0"));
}

/// Feeds tick after tick until it is over; gives how many.
fn feed(world: &World, ticks: &[Tick], is_over: &AtomicBool) -> u64 {
    let mut fed = 0;
    for tick in ticks.iter().take_while(|_| !is_over.load(Ordering::Acquire)) {
        world.host.feed(*tick).expect("it is a good tick");
        fed += 1;
        std::thread::sleep(GAP);
    }
    fed
}

/// Has a new version take an engine over; gives its pause, in milliseconds.
fn swapped(world: &World, engine: u32) -> Option<f64> {
    std::thread::sleep(GAP);
    let done = world.host.swap(world.setup(engine, Sample::EmaCross), "bench").expect("a version that fits takes over");
    if let Swapped::TakenOver { pause } = done { Some(pause.as_secs_f64() * 1e3) } else { None }
}
