//! The peer: the same ticks and the same strategy on NautilusTrader, through its Python API.

use crate::stage::{Ticks, joined, scratch};
use backtest::RunReport;
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/backtest/nautilus.py");
/// Whose `python` has `nautilus_trader`; without it one is made in the temporary folder, once.
const PYTHON: &str = "STOCKADE_NAUTILUS_PYTHON";

#[derive(Deserialize)]
struct Answer {
    version: String,
    ticks: u64,
    seconds: f64,
    orders: u64,
}

/// Ticks per second of the peer.
///
/// # Errors
/// Why it was not run, or why its figure does not count.
pub fn nautilus(ticks: &Ticks, ours: &RunReport) -> Result<f64, String> {
    let python = python()?;
    let file = scratch("ticks.bin");
    write(&file, ticks).map_err(|error| error.to_string())?;
    let output = Command::new(&python).arg(SCRIPT).arg(&file).arg(ticks.spec.digits.to_string()).output();
    _ = std::fs::remove_file(&file);
    let output = output.map_err(|error| format!("{python}: {error}"))?;
    let last = String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned();
    let answer: Answer = serde_json::from_str(&last).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{python} {SCRIPT} failed: {}", said.lines().last().unwrap_or("it said nothing"))
    })?;
    eprintln!("NautilusTrader {}: {} ticks in {:.2} s at best, {} orders", answer.version, answer.ticks, answer.seconds, answer.orders);
    let asked = ours.decisions.asked() as f64;
    if (answer.orders as f64 - asked).abs() > asked * 0.01 {
        return Err(format!("it gave {} orders and we {asked}: not the same strategy", answer.orders));
    }
    Ok(answer.ticks as f64 / answer.seconds)
}

/// A Python with the peer in it.
fn python() -> Result<String, String> {
    if let Ok(given) = std::env::var(PYTHON) {
        return Ok(given);
    }
    let folder = std::env::temp_dir().join("stockade-bench-nautilus");
    let python = folder.join("bin/python").to_string_lossy().into_owned();
    let quiet = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if quiet(&python, &["-c", "import nautilus_trader"]) {
        return Ok(python);
    }
    eprintln!("installing NautilusTrader into {}", folder.display());
    let installed = quiet("python3", &["-m", "venv", &folder.to_string_lossy()])
        && quiet(&python, &["-m", "pip", "install", "-q", "nautilus_trader", "numpy"]);
    let why = || format!("nautilus_trader can't be installed from PyPI; name a Python that has it in {PYTHON}");
    installed.then_some(python).ok_or_else(why)
}

/// Three columns, one after the other: times in us, bids, asks.
fn write(file: &Path, ticks: &Ticks) -> std::io::Result<()> {
    let all = joined(&ticks.chunks);
    let times = all.times.iter().flat_map(|time| time.to_le_bytes());
    let prices = all.bids.iter().chain(&all.asks).flat_map(|price| price.to_le_bytes());
    std::fs::write(file, times.chain(prices).collect::<Vec<u8>>())
}
