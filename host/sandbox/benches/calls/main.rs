//! What a call and an idle engine cost: bare and within the sandbox, against the same strategy native, and against the same
//! strategy as a plug-in of Extism, all in one run on one machine.

mod bare;
mod extism;
mod stage;

use domain::guest::Call;
use domain::limits::GuestLimits;
use domain::symbol::SymbolId;
use domain::tick::Tick;
use domain::time::Time;
use ema_cross::EmaCross;
use stage::{Boxed, Market, Stage};
use std::time::{Duration, Instant};
use stockade_sandbox::Addresses;
use testkit::{NativeGuest, ScriptedHost, components};

/// Few enough that a run fits between two interruptions.
const CALLS: u32 = 2_000;
const GUESTS: u32 = 4_000;
/// Runs of which the best counts: what the machine can do when nothing else wants it.
const RUNS: usize = 201;

fn main() {
    // Words on the command line choose parts.
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| chosen.is_empty() || chosen.iter().any(|word| word == part);
    let stage = Stage::new(Addresses::Dense);
    let flat = (wanted("flat") || wanted("peer")).then(|| flat_calls(&stage));
    if wanted("columns") {
        columns(&Stage::new(Addresses::Wide), &stage);
    }
    if wanted("idle") {
        idle(&stage);
        allocation();
    }
    if let Some(flat) = flat.filter(|_| wanted("peer")) {
        match extism::call_ns() {
            Ok(theirs) => say("extism_call_over_ours", theirs / flat, "x", None),
            Err(why) => eprintln!("SKIPPED extism_call_over_ours: {why}"),
        }
    }
}

/// One line of results.
fn say(name: &str, value: f64, unit: &str, target: Option<&str>) {
    let target = target.map(|target| format!(",\"target\":\"{target}\"")).unwrap_or_default();
    println!("{{\"name\":\"{name}\",\"value\":{value:.3},\"unit\":\"{unit}\"{target}}}");
}

/// The fastest of some runs of each, taken in turns, so that a busy moment of the machine hits all of them.
fn best<const N: usize>(mut each: [&mut dyn FnMut(); N]) -> [Duration; N] {
    let mut fastest = [Duration::MAX; N];
    for _ in 0..RUNS {
        for (run, fastest) in each.iter_mut().zip(&mut fastest) {
            let started = Instant::now();
            run();
            *fastest = started.elapsed().min(*fastest);
        }
    }
    fastest
}

/// A price that stands still, so that only the call is measured and not the orders.
const STILL: Tick = Tick { symbol: SymbolId(0), sequence: 1, time: Time(0), bid: 1.1, ask: 1.2, last: 0.0, volume: 0.0, flags: 6 };

/// Gives ns of a call with fuel and deadline.
fn flat_calls(stage: &Stage) -> f64 {
    let call = || Call::Tick { symbol: 0, tick: &STILL, skipped: 0 };
    let mut ours = stage.enter(&stage.ema_cross, GuestLimits::default());
    let mut native = Box::new(NativeGuest::<EmaCross, _>::new(ScriptedHost::default())) as Boxed;
    stage::begin(&mut native);
    let mut bare = bare::Bare::new(components::ema_cross());
    let [ours_took, native_took, bare_took] = best([
        &mut || (0..CALLS).for_each(|_| drop(ours.call(call()))),
        &mut || (0..CALLS).for_each(|_| drop(native.call(call()))),
        &mut || (0..CALLS).for_each(|_| bare.tick(&STILL)),
    ]);
    let ns = |took: Duration| took.as_nanos() as f64 / f64::from(CALLS);
    eprintln!(
        "one tick of ema-cross: {:.1} ns in the sandbox, {:.1} ns in wasmtime without fuel and deadline, {:.1} ns native; {} fuel",
        ns(ours_took),
        ns(bare_took),
        ns(native_took),
        ours.used().fuel_last_call
    );
    say("flat_call_ns", ns(bare_took), "ns", None);
    say("flat_call_fuel_ns", ns(ours_took), "ns", Some("<= 170"));
    ns(ours_took)
}

/// Batches of columns, sandboxed with fuel and deadline, against the same code native: with the addresses that backtests give,
/// and with those of a host of many.
fn columns(wide: &Stage, dense: &Stage) {
    let limits = GuestLimits { deadline_ms: 10_000, ..GuestLimits::default() };
    let [mut ours, mut dense] = [wide, dense].map(|stage| stage.enter(&stage.ema_cross, limits));
    let mut native = Box::new(NativeGuest::<EmaCross, _>::new(ScriptedHost::default())) as Boxed;
    stage::begin(&mut native);
    let market = Market::eurusd();
    // All from the same state on, however often they have run; what they decide is compared, too.
    let decided = market.run(&mut native);
    assert!(market.run(&mut ours) == decided && market.run(&mut dense) == decided, "sandboxed and native ask for the same");
    let took = best([&mut || drop(market.run(&mut ours)), &mut || drop(market.run(&mut dense)), &mut || drop(market.run(&mut native))]);
    let [ours, dense, native] = took.map(|took| took.as_nanos() as f64 / market.rows() as f64);
    eprintln!("ema-cross, a tick by columns: {ours:.2} ns in the sandbox of a backtest, {dense:.2} in a dense one, {native:.2} native");
    say("ema_cross_columns_over_native", ours / native, "x", Some("<= 3"));
    say("ema_cross_dense_columns_over_native", dense / native, "x", None);
}

/// What an engine costs that waits for its next tick.
fn idle(stage: &Stage) {
    let enter = || stage.enter(&stage.ema_cross, GuestLimits::default());
    // The first ones grow what all share.
    let warm: Vec<Boxed> = (0..GUESTS / 10).map(|_| enter()).collect();
    let (resident, tables, maps) = (status("VmRSS"), status("VmPTE"), mappings());
    let started = Instant::now();
    let guests: Vec<Boxed> = (0..GUESTS).map(|_| enter()).collect();
    let took = started.elapsed();
    let each = |before: f64, after: f64| (after - before) / f64::from(GUESTS);
    let resident = each(resident, status("VmRSS")) + each(tables, status("VmPTE"));
    eprintln!(
        "{GUESTS} idle engines, each: {resident:.1} KiB with its page tables, {:.2} mappings, {} bytes of linear memory, started in {:.1} us",
        each(maps, mappings()),
        guests[0].used().memory_bytes,
        took.as_micros() as f64 / f64::from(GUESTS)
    );
    say("engine_resident_kib", resident, "KiB", Some("<= 64"));
    drop((warm, guests));
}

/// Instances on demand, which the sandbox has, against a pool's, whose slots go from one tenant to the next.
fn allocation() {
    for allocation in [bare::Allocation::OnDemand, bare::Allocation::Pooled] {
        let resident = || status("VmRSS") + status("VmPTE");
        let (took, kib) = bare::instances(components::ema_cross(), allocation, 1_000, resident);
        eprintln!("an instance {allocation:?}: {:.1} us to start and end, {kib:.1} KiB while it waits", took.as_nanos() as f64 / 1e3);
    }
}

/// A line of this process's status, KiB.
fn status(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(f64::NAN)
}

fn mappings() -> f64 {
    std::fs::read_to_string("/proc/self/maps").unwrap_or_default().lines().count() as f64
}
