//! How fast backtests are: the whole way, with guest, gate, paper broker and equity at every tick.
//!
//! `ema-cross` on the EURUSD ticks of `../shared/data` sandboxed, native and on NautilusTrader; `scalper` on gold; the memory
//! of a run over a hundred million generated ticks. Without the real ticks as many are generated, which is said.
//!
//! Runs have one thread and are timed by what it had of a core, so that a busy machine does not count. Words on the command line
//! (ema-cross, scalper, year, nautilus) choose parts.

mod peer;
mod stage;

use backtest::RunReport;
use serde_json::json;
use stage::{Gold, Stage};
use std::time::Duration;

/// As in the program.
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs of which the best counts: what the machine can do when nothing else wants it.
const RUNS: usize = 7;
/// The same of a pair that is compared.
const TURNS: usize = 21;
/// What the peer manages in a few seconds.
const PEER_TICKS: usize = 200_000;
/// Set for the process of its own in which memory is measured.
const ALONE: &str = "STOCKADE_BENCH_ALONE";

fn main() {
    if std::env::var_os(ALONE).is_some() {
        return stage::year_of_gold();
    }
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |part: &str| chosen.is_empty() || chosen.iter().any(|word| word == part);
    let stage = Stage::new();
    if wanted("ema-cross") {
        ema_cross(&stage);
    }
    if wanted("scalper") {
        let gold = stage.gold();
        let pair = both("scalper", || stage.scalper(&gold), || stage.native_scalper(&gold));
        say("backtest_scalper_ticks_per_s", pair.ticks_per_s, "ticks/s", Some(">= 15000000"));
        // Its market is handed to it as it waits for it: a stretch of ticks that it waits for by columns, others one by one or not
        // at all. That has no measure of its own, without bars and orders.
        say("scalper_columns_over_native", pair.over_native, "x", Some("<= 1.25"));
    }
    if wanted("year") {
        year();
    }
    if wanted("nautilus") {
        nautilus(&stage);
    }
}

fn ema_cross(stage: &Stage) {
    let eurusd = stage.eurusd();
    let pair = both("ema-cross", || stage.ema_cross(&eurusd), || stage.native_ema_cross(&eurusd));
    say("backtest_ema_cross_ticks_per_s", pair.ticks_per_s, "ticks/s", Some(">= 50000000"));
    say("backtest_native_over_sandboxed", pair.over_native, "x", Some("<= 3"));
}

/// A strategy sandboxed and native.
struct Pair {
    /// Of the best sandboxed run.
    ticks_per_s: f64,
    /// How many times as long as native the middle one of the turns took.
    over_native: f64,
}

/// Runs a strategy sandboxed and native, which must decide the same: in turns, so that a busy moment of the machine hits both.
fn both(strategy: &str, sandboxed: impl Fn() -> RunReport, native: impl Fn() -> RunReport) -> Pair {
    let timed = |run: &dyn Fn() -> RunReport| {
        let begun = on_core();
        let report = run();
        ((on_core() - begun).as_secs_f64(), report)
    };
    let (mut best, mut ratios) = ([f64::INFINITY; 2], Vec::new());
    for _ in 0..TURNS {
        let ((ours, report), (theirs, same)) = (timed(&sandboxed), timed(&native));
        assert_eq!(report.decisions.digest(), same.decisions.digest(), "sandboxed and native decide the same");
        best = [best[0].min(ours), best[1].min(theirs)];
        ratios.push((ours / theirs, report));
    }
    ratios.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let (over_native, report) = ratios.swap_remove(TURNS / 2);
    let [ms, native_ms] = best.map(|seconds| seconds * 1e3);
    let (ticks, orders, calls) = (report.ticks, report.decisions.asked(), report.calls);
    eprintln!("{strategy}: {ticks} ticks, {orders} orders, {calls} calls; sandboxed {ms:.1} ms, native {native_ms:.1} ms");
    Pair { ticks_per_s: ticks as f64 / best[0], over_native }
}

/// The memory of a run over a hundred million ticks.
fn year() {
    match alone() {
        Ok(Gold { ticks, seconds, peak_mib }) => {
            eprintln!("a year of gold: {ticks} ticks generated and run in {seconds:.1} s");
            say("backtest_peak_mib", peak_mib, "MiB", Some("<= 200"));
        }
        Err(why) => eprintln!("backtest_peak_mib SKIPPED: {why}"),
    }
}

/// The peer is given as many ticks as it manages in a few seconds, and we the same; of both the best run counts, by what its
/// thread had of a core.
fn nautilus(stage: &Stage) {
    let ticks = stage.eurusd().first(PEER_TICKS);
    let (took, report) = best(|| stage.ema_cross(&ticks));
    match peer::nautilus(&ticks, &report) {
        Ok(theirs) => say("backtest_over_nautilus", report.ticks as f64 / took.as_secs_f64() / theirs, "x", Some(">= 400")),
        Err(why) => eprintln!("backtest_over_nautilus SKIPPED: {why}"),
    }
}

fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let timed = |_| {
        let begun = on_core();
        let result = run();
        (on_core() - begun, result)
    };
    (0..RUNS).map(timed).min_by_key(|(took, _)| *took).expect("there are runs")
}

/// What this thread has had of a core.
fn on_core() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn say(name: &str, value: f64, unit: &str, target: Option<&str>) {
    let mut line = json!({ "name": name, "value": (value * 100.0).round() / 100.0, "unit": unit });
    if let Some(target) = target {
        line["target"] = json!(target);
    }
    println!("{line}");
}

/// Runs this program again for its memory alone: what ran here before would count.
fn alone() -> Result<Gold, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = std::process::Command::new(program).env(ALONE, "1").output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|_| format!("it said {}", String::from_utf8_lossy(&output.stderr)))
}
