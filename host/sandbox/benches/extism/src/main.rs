//! Calls the plug-in with a tick, as often as it takes, and prints how many ns a call took at best.

use extism::{Manifest, Plugin, Wasm};
use std::time::{Duration, Instant};

const CALLS: u32 = 20_000;
const RUNS: usize = 7;
/// Time in microseconds, bid and ask, one behind the other: what `ema-cross` reads of a tick.
const TICK_BYTES: usize = 24;

fn main() {
    let file = std::env::args_os().nth(1).expect("the plug-in's file is named");
    // As much as ours is held to: a memory of 16 MiB and a time limit.
    let plugin = std::fs::read(file).expect("the plug-in can be read");
    let manifest = Manifest::new([Wasm::data(plugin)]).with_memory_max(256).with_timeout(Duration::from_millis(60_000));
    let mut plugin = Plugin::new(&manifest, [], false).expect("the plug-in loads");
    let mut tick = [0; TICK_BYTES];
    tick[8..16].copy_from_slice(&1.1_f64.to_le_bytes());
    tick[16..].copy_from_slice(&1.2_f64.to_le_bytes());
    let best = (0..RUNS).map(|_| {
        let started = Instant::now();
        for _ in 0..CALLS {
            plugin.call::<&[u8], &[u8]>("on_tick", &tick).expect("a tick is handled");
        }
        started.elapsed()
    });
    let best = best.min().expect("there are runs");
    println!("{:.1}", best.as_nanos() as f64 / f64::from(CALLS));
}
