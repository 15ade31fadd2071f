//! How fast backtests are: the whole way, with guest, gate, paper broker and equity at every tick.
//!
//! `ema-cross` on the EURUSD ticks of `../shared/data` sandboxed, native and on NautilusTrader; `scalper` on gold; the memory
//! of a run over a hundred million generated ticks. Without the real ticks as many are generated, which is said.

mod peer;
mod stage;

use serde_json::json;
use stage::{Gold, Stage};
use std::time::{Duration, Instant};

/// Runs of which the best counts: what the machine can do when nothing else wants it.
const RUNS: usize = 7;
/// Set for the process of its own in which memory is measured.
const ALONE: &str = "STOCKADE_BENCH_ALONE";

fn main() {
    if std::env::var_os(ALONE).is_some() {
        return stage::year_of_gold();
    }
    let stage = Stage::new();
    let eurusd = stage.eurusd();
    let (sandboxed, report) = best(|| stage.ema_cross(&eurusd));
    let (native, same) = best(|| stage.native_ema_cross(&eurusd));
    assert_eq!(report.decisions.digest(), same.decisions.digest(), "sandboxed and native decide the same");
    let rate = |took: Duration| report.ticks as f64 / took.as_secs_f64();
    eprintln!(
        "ema-cross: {} ticks, {} orders, {} calls; sandboxed {:.1} ms, native {:.1} ms",
        report.ticks,
        report.decisions.asked(),
        report.calls,
        sandboxed.as_secs_f64() * 1e3,
        native.as_secs_f64() * 1e3
    );
    say("backtest_ema_cross_ticks_per_s", rate(sandboxed), "ticks/s", Some(">= 50000000"));
    say("backtest_native_over_sandboxed", rate(native) / rate(sandboxed), "x", Some("<= 3"));

    let gold = stage.gold();
    let (took, scalper) = best(|| stage.scalper(&gold));
    eprintln!("scalper: {} ticks, {} orders, {} calls", scalper.ticks, scalper.decisions.asked(), scalper.calls);
    say("backtest_scalper_ticks_per_s", scalper.ticks as f64 / took.as_secs_f64(), "ticks/s", Some(">= 15000000"));

    match alone() {
        Ok(Gold { ticks, seconds, peak_mib }) => {
            eprintln!("a year of gold: {ticks} ticks generated and run in {seconds:.1} s");
            say("backtest_peak_mib", peak_mib, "MiB", Some("<= 200"));
        }
        Err(why) => eprintln!("backtest_peak_mib SKIPPED: {why}"),
    }
    match peer::nautilus(&eurusd, &report) {
        Ok(ticks_per_s) => say("backtest_over_nautilus", rate(sandboxed) / ticks_per_s, "x", Some(">= 400")),
        Err(why) => eprintln!("backtest_over_nautilus SKIPPED: {why}"),
    }
}

fn best<T>(mut run: impl FnMut() -> T) -> (Duration, T) {
    let timed = |_| {
        let begun = Instant::now();
        let result = run();
        (begun.elapsed(), result)
    };
    (0..RUNS).map(timed).min_by_key(|(took, _)| *took).expect("there are runs")
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
