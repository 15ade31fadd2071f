//! `cargo xtask demo`: a host with three users and their engines on a simulated market, and one engine that misbehaves.
//!
//! It does what any client would: starts `stockade serve`, talks to its API, shows what comes back. Everything is kept in
//! `.demo/`; started again it goes on from there.

pub mod host;
mod table;

use crate::cargo::{cargo, run as run_cargo, say, workspace};
use crate::{setup, strategies};
use anyhow::{Context as _, Result};
use host::DemoHost;
use serde_json::{Value, json};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use stockade_build::Built;

/// How to show it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Stop by itself after this many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Forget what earlier runs left in .demo/.
    #[arg(long)]
    fresh: bool,
    /// Times real time at which the simulated market goes.
    #[arg(long, default_value_t = 60.0)]
    speed: f64,
}

/// An engine of the demo.
struct Cast {
    user: &'static str,
    engine: &'static str,
    strategy: &'static str,
    symbol: &'static str,
    params: &'static [(&'static str, &'static str)],
}

const CAST: [Cast; 6] = [
    Cast {
        user: "anna",
        engine: "euro-cross",
        strategy: "ema-cross",
        symbol: "EURUSD",
        params: &[("fast_alpha", "0.05"), ("slow_alpha", "0.005")],
    },
    Cast { user: "anna", engine: "gold-scalper", strategy: "scalper", symbol: "XAUUSD", params: &[("confidence_min", "40")] },
    Cast {
        user: "ben",
        engine: "cable-cross",
        strategy: "ema-cross",
        symbol: "GBPUSD",
        params: &[("fast_alpha", "0.1"), ("slow_alpha", "0.01"), ("volume", "0.2")],
    },
    Cast {
        user: "ben",
        engine: "gold-cross",
        strategy: "ema-cross",
        symbol: "XAUUSD",
        params: &[("fast_alpha", "0.05"), ("slow_alpha", "0.002"), ("volume", "0.05")],
    },
    Cast {
        user: "clara",
        engine: "yen-scalper",
        strategy: "scalper",
        symbol: "USDJPY",
        params: &[("confidence_min", "30"), ("risk_percent", "0.25")],
    },
    Cast {
        user: "clara",
        engine: "runaway",
        strategy: "misbehaving",
        symbol: "EURUSD",
        params: &[("mode", "endless-loop"), ("calm_ticks", "300")],
    },
];

/// How often the table is drawn: on a terminal, and as lines in a log.
const DRAW: Duration = Duration::from_millis(500);
const DRAW_LINES: Duration = Duration::from_secs(5);

/// Runs the demo until it is interrupted.
///
/// # Errors
/// Something can't be built or started, or the host ends by itself.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_ready()?;
    let built = strategies::build_named(&CAST.map(|one| one.strategy))?;
    // What runs, and this program again: without it the features would differ from those of the tests, and wasmtime would be compiled twice.
    run_cargo(cargo().args(["build", "--package", "stockade", "--package", "stockade-sandbox", "--package", "xtask", "--bins"]))?;
    let folder = workspace().join(".demo");
    if arguments.fresh && folder.exists() {
        say("forgetting earlier runs");
        std::fs::remove_dir_all(&folder).context("cannot remove .demo")?;
    }
    // From here on a signal ends the loop below, and the host is stopped in order.
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stopped)).context("cannot catch signals")?;
    }
    let mut host = DemoHost::start(&folder, arguments.speed)?;
    say(&format!("the host listens on {}; its log is {}", host.url, host.log.display()));
    cast(&host, &built)?;
    let shown = watch(&mut host, arguments, &stopped);
    say("stopping the host");
    let summary = host.stop()?;
    shown?;
    say(&format!("{summary}; started again it goes on from here"));
    Ok(())
}

/// Makes users, accounts and engines that are not there yet.
fn cast(host: &DemoHost, built: &[Built]) -> Result<()> {
    let has = |list: &Value, name: &str| list["items"].as_array().into_iter().flatten().any(|item| item["name"] == name);
    for one in &CAST {
        if !has(&host.get("/users?limit=1000")?, one.user) {
            host.post("/users", &json!({ "name": one.user }))?;
        }
        let user = format!("?user={}", one.user);
        if !has(&host.get(&format!("/accounts{user}"))?, "paper") {
            host.post(&format!("/accounts{user}"), &json!({ "name": "paper" }))?;
        }
        let component = built.iter().find(|strategy| strategy.name == one.strategy).context("the samples have changed")?;
        host.upload(&format!("/strategies{user}&name={}", one.strategy), &component.component)?;
        if !has(&host.get(&format!("/engines{user}"))?, one.engine) {
            let params: Value =
                one.params.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect::<serde_json::Map<_, _>>().into();
            let engine = json!({
                "name": one.engine, "account": "paper", "strategy": one.strategy, "symbols": [one.symbol], "params": params, "start": true,
            });
            host.post(&format!("/engines{user}"), &engine)?;
        }
    }
    Ok(())
}

/// Shows the engines until it is time to stop.
fn watch(host: &mut DemoHost, arguments: &Arguments, stopped: &AtomicBool) -> Result<()> {
    let begun = Instant::now();
    let terminal = std::io::stdout().is_terminal();
    let enough = || stopped.load(Ordering::Relaxed) || arguments.seconds.is_some_and(|seconds| begun.elapsed().as_secs() >= seconds);
    let mut drawn: Option<Instant> = None;
    let mut lines = 0;
    loop {
        host.require_alive()?;
        let last = enough();
        let due = drawn.is_none_or(|at| at.elapsed() >= if terminal { DRAW } else { DRAW_LINES });
        if due || last {
            let text = table::draw(&host.get("/engines?limit=1000")?, &host.get("/health")?);
            lines = show(&text, terminal, lines)?;
            drawn = Some(Instant::now());
        }
        if last {
            return Ok(());
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// Draws over the `before` lines of the last time, or below it in a log. Gives the number of lines.
fn show(text: &str, terminal: bool, before: usize) -> Result<usize> {
    let mut stdout = std::io::stdout().lock();
    if terminal && before > 0 {
        write!(stdout, "\x1b[{before}A\x1b[J")?;
    }
    writeln!(stdout, "{text}")?;
    stdout.flush()?;
    Ok(text.lines().count() + 1)
}

/// The path of a file in `folder`, for messages: below the workspace where it is.
fn shown(path: &Path) -> std::path::PathBuf {
    path.strip_prefix(workspace()).unwrap_or(path).to_path_buf()
}
