//! What a call, an instance and an idle engine cost on this machine: `cargo run -p stockade-sandbox --example measure`.

use domain::guest::{Call, GuestFactory, Outcome, Reply};
use domain::limits::GuestLimits;
use domain::symbol::SymbolId;
use domain::tick::{Tick, TickColumns};
use domain::time::Time;
use std::time::Instant;
use stockade_sandbox::{Sandbox, SandboxConfig};
use testkit::{ScriptedHost, components};

const CALLS: u32 = 1_000_000;
const ROWS: usize = 256;
const GUESTS: u32 = 4_000;
const RUNS: usize = 7;

fn main() {
    let sandbox = Sandbox::<ScriptedHost>::new(SandboxConfig::default()).expect("a sandbox");
    let loaded = sandbox.load(components::ema_cross()).expect("the sample loads");
    println!("component {} bytes, code {} bytes, compiled in {:?}", loaded.component_bytes, loaded.compiled_bytes, loaded.took);
    let enter = || {
        let mut guest = sandbox.instantiate(&loaded.digest, ScriptedHost::default(), GuestLimits::default()).expect("room");
        assert_eq!(guest.call(Call::Init(&[])), Outcome::Decided(Reply::Done));
        guest
    };
    // A price that stands still, so that only the call is measured and not the orders.
    let tick = Tick { symbol: SymbolId(0), sequence: 1, time: Time(0), bid: 1.1, ask: 1.2, last: 0.0, volume: 0.0, flags: 6 };
    let single = || Call::Tick { symbol: 0, tick: &tick, skipped: 0 };

    let mut guest = enter();
    best("one tick", "ns", f64::from(CALLS), || (0..CALLS).for_each(|_| drop(guest.call(single()))));
    let (times, bids, asks) = ([0; ROWS], [1.1; ROWS], [1.2; ROWS]);
    let ticks = TickColumns { times: &times, bids: &bids, asks: &asks, lasts: &[], volumes: &[] };
    best("a tick in a batch of 256", "ns", f64::from(CALLS), || {
        (0..CALLS as usize / ROWS).for_each(|_| drop(guest.call(Call::Ticks { symbol: 0, ticks })));
    });
    println!("fuel of one tick: {}", {
        guest.call(single());
        guest.used().fuel_last_call
    });

    best("instantiate and drop", "ns", f64::from(GUESTS), || {
        (0..GUESTS).for_each(|_| drop(sandbox.instantiate(&loaded.digest, ScriptedHost::default(), GuestLimits::default())));
    });
    let (resident, page_tables, maps) = (status("VmRSS"), status("VmPTE"), mappings());
    let mut guests: Vec<_> = (0..GUESTS).map(|_| enter()).collect();
    let each = |before: f64, after: f64| (after - before) / f64::from(GUESTS);
    println!(
        "{GUESTS} idle engines, each: {:.1} KiB resident, {:.1} KiB of page tables, {:.2} mappings, {} bytes of linear memory",
        each(resident, status("VmRSS")),
        each(page_tables, status("VmPTE")),
        each(maps, mappings()),
        guests[0].used().memory_bytes
    );
    best("one tick in a pass over them", "ns", f64::from(GUESTS), || guests.iter_mut().for_each(|guest| drop(guest.call(single()))));
}

/// The best of some runs: what the machine can do when nothing else wants it.
fn best(what: &str, unit: &str, per: f64, mut run: impl FnMut()) {
    let fastest = (0..RUNS).map(|_| {
        let started = Instant::now();
        run();
        started.elapsed()
    });
    let fastest = fastest.min().expect("there are runs");
    println!("{what}: {:.1} {unit}", fastest.as_nanos() as f64 / per);
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
