//! From a tick's arrival to the decision of every engine that wants it, at 10 to 10,000 engines of the `ema-cross` component.

mod support;

use domain::guest::{Call, GuestFactory as _, Outcome, Reply};
use domain::limits::GuestLimits;
use domain::tick::Tick;
use domain::time::Time;
use sandbox::{Sandbox, SandboxConfig};
use std::time::{Duration, Instant};
use stockade_engine::{Bounds, Latencies};
use support::{EURUSD, GOLD, Sample, World, cpu, figure};
use testkit::{ScriptedHost, components};

/// Groups of passes, of whose medians the smallest counts: what the machine can do when nothing else wants it.
const GROUPS: usize = 5;
/// Ticks before anything is measured: the averages have parted, and the orders of the first crossing are done.
const WARM_UP: usize = 50;
/// Larger than the last level of cache of any machine this is likely to run on.
const COLD_BYTES: usize = 96 << 20;

fn main() {
    let only: Vec<u32> = std::env::args().skip(1).flat_map(|argument| argument.parse()).collect();
    for engines in [10, 100, 1_000, 10_000] {
        if only.is_empty() || only.contains(&engines) {
            fan_out(engines);
        }
    }
}

fn fan_out(engines: u32) {
    // A tick every few milliseconds, as a busy market has them; each pass on its own.
    let gap = Duration::from_micros(1_000 + u64::from(engines));
    let mut world = World::new(Bounds::default(), gap);
    world.start((1..=engines).map(|engine| (engine, Sample::EmaCross)));
    for _ in 0..WARM_UP {
        let tick = world.quiet_tick();
        feed(&world, tick);
    }
    let passes = if engines > 1_000 { 1_000 } else { 2_000 };
    let name = |what: &str| format!("fanout_{engines}_{what}");

    let before = world.host.latencies();
    let (busy, began) = (cpu(), Instant::now());
    let mut medians = Vec::new();
    for _ in 0..GROUPS {
        let mut longest = Vec::new();
        for _ in 0..passes / GROUPS {
            let (tick, earlier) = (world.quiet_tick(), world.host.latencies());
            world.host.feed(tick).expect("it is a good tick");
            // As a feed does, which sleeps until its next tick: to settle looks at every engine, on a core that a shard wants.
            std::thread::sleep(gap);
            world.settle();
            longest.push(world.host.latencies().since(&earlier).within_us(1.0));
        }
        longest.sort_by(f64::total_cmp);
        medians.push(longest[longest.len() / 2] / 1e3);
    }
    medians.sort_by(f64::total_cmp);
    let latencies = world.host.latencies().since(&before);
    let spent = (cpu() - busy).as_secs_f64();
    let busy = spent / began.elapsed().as_secs_f64() * 100.0;
    report(&name, &latencies, engines);
    figure(&name("pass_ms"), medians[0], "ms", (engines == 10_000).then_some("<= 4.5"));
    figure(&name("cpu_percent"), busy, "% of one core", None);
    figure(&name("cpu_us_per_decision"), spent * 1e6 / passes as f64 / f64::from(engines), "us", None);
    eprintln!("{engines} engines, a pass: medians of {GROUPS} groups {medians:.2?} ms");

    if engines == 10_000 {
        cold(&mut world);
    }
    drop(world);
    bare(engines, passes);
    if engines == 10_000 {
        waiting(engines);
    }
}

/// Ticks that nobody waits for: as many engines of `scalper`, each of which waits for its next bar.
fn waiting(engines: u32) {
    let gap = Duration::from_micros(1_000 + u64::from(engines));
    let mut world = World::new(Bounds::default(), gap);
    world.start((1..=engines).map(|engine| (engine, Sample::Scalper)));
    for _ in 0..WARM_UP {
        let tick = world.lively_tick(GOLD);
        feed(&world, tick);
    }
    let (ticks, calls, before) = (2_000, world.calls(), cpu());
    for _ in 0..ticks {
        // Whether all have rested is not asked, which would take longer than the tick.
        let tick = world.lively_tick(GOLD);
        world.host.feed(tick).expect("it is a good tick");
        std::thread::sleep(gap / 2);
    }
    let spent = (cpu() - before).as_secs_f64();
    let each = spent * 1e6 / f64::from(ticks) / f64::from(engines);
    figure(&format!("fanout_{engines}_waiting_cpu_us_per_engine"), each, "us", None);
    eprintln!("{} calls of guests at {ticks} ticks for {engines} engines that wait", world.calls() - calls);
}

fn feed(world: &World, tick: Tick) {
    world.host.feed(tick).expect("it is a good tick");
    world.settle();
}

fn report(name: &impl Fn(&str) -> String, latencies: &Latencies, engines: u32) {
    let ms = |share: f64| latencies.within_us(share) / 1e3;
    figure(&name("p50_ms"), ms(0.5), "ms", None);
    figure(&name("p99_ms"), ms(0.99), "ms", (engines == 1_000).then_some("<= 1"));
    figure(&name("p999_ms"), ms(0.999), "ms", None);
}

/// Passes of which each finds its engines out of the caches, as when the host has done something else for a while.
fn cold(world: &mut World) {
    let mut waste = vec![0_u8; COLD_BYTES];
    let mut longest = Vec::new();
    for round in 0..30_u8 {
        waste.iter_mut().step_by(64).for_each(|byte| *byte = byte.wrapping_add(round));
        let (tick, earlier) = (world.quiet_tick(), world.host.latencies());
        feed(world, tick);
        longest.push(world.host.latencies().since(&earlier).within_us(1.0));
    }
    std::hint::black_box(&waste);
    longest.sort_by(f64::total_cmp);
    figure("fanout_10000_cold_pass_ms", longest[longest.len() / 2] / 1e3, "ms", None);
}

/// The same calls without a host around them: guests in a row, called by as many threads as there are shards. What a pass
/// takes beyond this is ours; what this takes is the sandbox and memory that is far away.
fn bare(engines: u32, passes: usize) {
    let shards = Bounds::default().shards;
    let sandbox = Sandbox::<ScriptedHost>::new(SandboxConfig::default()).expect("this machine runs wasmtime");
    let version = sandbox.load(components::ema_cross()).expect("the sample loads").digest;
    let guest = |_| {
        let mut guest = sandbox.instantiate(&version, ScriptedHost::default(), GuestLimits::default()).expect("there is room");
        assert_eq!(guest.call(Call::Init(&[])), Outcome::Decided(Reply::Done));
        guest
    };
    let mut guests: Vec<_> = (0..engines).map(guest).collect();
    let (mut took, before) = (Vec::new(), cpu());
    for pass in 0..passes {
        let tick = Tick { symbol: EURUSD, sequence: 1, time: Time(0), bid: 1.1, ask: 1.2, last: 0.0, volume: 0.0, flags: 6 };
        let began = Instant::now();
        std::thread::scope(|scope| {
            for part in guests.chunks_mut((engines as usize).div_ceil(shards)) {
                scope.spawn(|| part.iter_mut().for_each(|guest| drop(guest.call(Call::Tick { symbol: 0, tick: &tick, skipped: 0 }))));
            }
        });
        if pass > 0 {
            took.push(began.elapsed().as_secs_f64() * 1e3);
        }
        std::thread::sleep(Duration::from_micros(1_000 + u64::from(engines)));
    }
    took.sort_by(f64::total_cmp);
    figure(&format!("fanout_{engines}_bare_pass_ms"), took[took.len() / 2], "ms", None);
    let each = (cpu() - before).as_secs_f64() * 1e6 / passes as f64 / f64::from(engines);
    figure(&format!("fanout_{engines}_bare_cpu_us_per_decision"), each, "us", None);
}
