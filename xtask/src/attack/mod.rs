//! `cargo xtask attack`: what a stranger can send, against a real host that trades meanwhile. Nothing of it may end the host, make
//! honest engines wait, or use up its memory and files; health and kill switch must answer throughout.
//!
//! It does what any client would. The seed is printed: the same seed sends the same bytes.

mod clients;
mod crafted;
mod mutants;
mod watch;

use crate::bench::{self, Figure};
use crate::cargo::{cargo, run as run_cargo, say, workspace};
use crate::demo::host::DemoHost;
use crate::{setup, strategies};
use anyhow::{Context as _, Result, bail, ensure};
use mutants::Dice;
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use stockade_build::Built;
use watch::{Honest, Seen, Watch};

/// How much.
#[derive(clap::Args)]
pub struct Arguments {
    /// Mutants of components.
    #[arg(long, default_value_t = 400)]
    mutants: u32,
    /// Where the mutants begin; unless given, another place each time.
    #[arg(long)]
    seed: Option<u64>,
    /// Connections that send half a head, and uploads that send a byte in a second.
    #[arg(long, default_value_t = 200)]
    connections: usize,
    /// How long these stay, seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Generate requests with schemathesis (`pip install schemathesis`) for a minute as well.
    #[arg(long)]
    schemathesis: bool,
}

impl Arguments {
    /// As much as fits into a run of all tests.
    fn short() -> Self {
        Self { mutants: 100, seed: None, connections: 100, seconds: 4, schemathesis: false }
    }
}

/// Ticks of an honest engine may stop for so long.
const GAP_MS_MAX: f64 = 100.0;
/// Resident memory that the host may come to: half a gigabyte is its own with the samples, an attack may double that.
const MEMORY_MIB_MAX: u64 = 1_024;
/// Open files, a busy database and all connections that it may keep included.
const FILES_MAX: usize = 2_048;
/// How long health may take to answer, seconds: a watchdog's patience.
const HEALTH_S_MAX: f64 = 5.0;

/// What a run is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Figures are kept, and times are judged.
    Figures,
    /// Part of the tests, on a machine that may be busy: times are shown and not judged, and no figure is kept.
    Tests,
}

/// One kind of attack, and what the host did meanwhile.
struct Row {
    attack: &'static str,
    sent: usize,
    /// What became of it.
    outcome: String,
    took: Duration,
    seen: Seen,
}

/// Attacks a host of its own.
///
/// # Errors
/// Something can't be built or started, or the host did not hold.
pub fn run(arguments: &Arguments) -> Result<()> {
    setup::ensure_ready()?;
    let built = strategies::build_all()?;
    // The whole workspace's features, so that the tests' build is this one.
    run_cargo(cargo().args(["build", "--workspace", "--bins"]))?;
    attack_host(arguments, &built, Purpose::Figures)
}

/// A short attack on the host that the tests have built.
///
/// # Errors
/// As [`run`].
pub fn run_short() -> Result<()> {
    attack_host(&Arguments::short(), &strategies::build_all()?, Purpose::Tests)
}

fn attack_host(arguments: &Arguments, built: &[Built], purpose: Purpose) -> Result<()> {
    let seed = arguments.seed.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs()));
    say(&format!("attacking with seed {seed}; `cargo xtask attack --mutants {} --seed {seed}` sends the same", arguments.mutants));
    let folder = workspace().join("target/attack");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("cannot remove target/attack")?;
    }
    let mut host = DemoHost::start(&folder, 60.0)?;
    let honest = cast(&host, built)?;
    let (rows, deaths) = attack(arguments, &mut host, built, honest, seed)?;
    println!("{}", table(&rows));
    if purpose == Purpose::Figures {
        bench::add(figures(&rows, deaths))?;
    }
    ensure!(deaths == 0, "the host ended under the attack, which is the last row of the table");
    halt(&host)?;
    verdict(&rows, purpose)?;
    say(&host.stop()?);
    Ok(())
}

/// Attacks the host; gives how much it sent, and the outcome.
type Work<'a> = Box<dyn FnMut(&DemoHost) -> Result<(usize, String)> + 'a>;

/// Every attack in turn, until the host ends; and how often it did.
fn attack(arguments: &Arguments, host: &mut DemoHost, built: &[Built], honest: Vec<Honest>, seed: u64) -> Result<(Vec<Row>, u32)> {
    let mut rows: Vec<Row> = Vec::new();
    let watch = Watch::start(host, honest)?;
    let folder = workspace().join("target/attack");
    let mut dice = Dice::new(seed);
    let bases: Vec<&[u8]> = ["ema-cross", "scalper"].into_iter().filter_map(|name| component(built, name).ok()).collect();
    let mut attacks: Vec<(&'static str, Work<'_>)> = vec![
        ("nothing", Box::new(|_| quiet())),
        ("crafted components", Box::new(|host| clients::upload_all(host, "crafted", crafted::all(bases[0]).into_iter().map(Ok)))),
        (
            "mutants",
            Box::new(|host| {
                let mutants = (0..arguments.mutants).map(|_| mutants::of(&bases, &mut dice).context("the samples are no components"));
                clients::upload_all(host, "mutants", mutants)
            }),
        ),
        ("half a head, connections", Box::new(|host| clients::idle_heads(host, arguments.connections, arguments.seconds))),
        ("slow uploads", Box::new(|host| clients::slow_uploads(host, 8, arguments.seconds))),
        ("hostile engines", Box::new(|host| hostile(host, built, arguments.seconds))),
    ];
    if arguments.schemathesis {
        attacks.push(("schemathesis", Box::new(|host| schemathesis(host, seed))));
    }
    for (attack, mut work) in attacks {
        say(attack);
        // Hogs take their own time, which the host's count of decisions can't tell from that of others.
        watch.begin(attack != "hostile engines")?;
        let begun = Instant::now();
        let done = work(host);
        let took = begun.elapsed();
        let seen = watch.end();
        let alive = host.require_alive();
        let (sent, outcome) = match (done, &alive) {
            (Ok(done), Ok(())) => done,
            (Err(error), Ok(())) => return Err(error),
            (_, Err(death)) => (0, format!("{death:#}")),
        };
        let seen = if alive.is_ok() { seen? } else { Seen::default() };
        rows.push(Row { attack, sent, outcome, took, seen });
        if alive.is_err() {
            say(&format!("the components that were on their way are in {}", folder.display()));
            return Ok((rows, 1));
        }
    }
    Ok((rows, 0))
}

/// What it is like without an attack: everything else is to be compared with this.
fn quiet() -> Result<(usize, String)> {
    std::thread::park_timeout(Duration::from_secs(3));
    Ok((0, String::new()))
}

fn component<'a>(built: &'a [Built], name: &str) -> Result<&'a [u8]> {
    let found = built.iter().find(|strategy| strategy.name == name);
    Ok(&found.context("the samples have changed")?.component)
}

/// Two honest users with three engines, which are given. And one who is not.
fn cast(host: &DemoHost, built: &[Built]) -> Result<Vec<Honest>> {
    for user in ["anna", "ben", "eve"] {
        host.post("/users", &json!({ "name": user }))?;
        host.post(&format!("/accounts?user={user}"), &json!({ "name": "paper" }))?;
    }
    let mut engines = Vec::new();
    for (user, strategy, symbol) in [("anna", "ema-cross", "EURUSD"), ("anna", "scalper", "XAUUSD"), ("ben", "ema-cross", "GBPUSD")] {
        host.upload(&format!("/strategies?user={user}&name={strategy}"), component(built, strategy)?)?;
        let engine = json!({
            "name": format!("{strategy}-{symbol}"), "account": "paper", "strategy": strategy, "symbols": [symbol], "start": true,
        });
        let engine = host.post(&format!("/engines?user={user}"), &engine)?;
        engines.push(Honest { id: engine["id"].as_u64().context("an engine without an id")?, symbol });
    }
    Ok(engines)
}

/// Engines that misbehave in every way that the sample knows, all of them beside the honest ones.
fn hostile(host: &DemoHost, built: &[Built], seconds: u64) -> Result<(usize, String)> {
    host.upload("/strategies?user=eve&name=misbehaving", component(built, "misbehaving")?)?;
    const MODES: [&str; 8] =
        ["endless-loop", "memory-bomb", "trap", "deep-recursion", "log-flood", "order-flood", "nan-prices", "stack-through-host"];
    for mode in MODES {
        let engine = json!({
            "name": mode, "account": "paper", "strategy": "misbehaving", "symbols": ["EURUSD"],
            "params": { "mode": mode, "calm_ticks": "50" }, "start": true,
        });
        host.post("/engines?user=eve", &engine)?;
    }
    std::thread::park_timeout(Duration::from_secs(seconds));
    let engines = host.get("/engines?user=eve")?;
    let states = engines["items"].as_array().context("a list")?.iter();
    let ended = states.filter(|engine| engine["faults"].as_u64() > Some(0)).count();
    Ok((MODES.len(), format!("{ended} have failed")))
}

/// Requests made from the host's own description of itself.
fn schemathesis(host: &DemoHost, seed: u64) -> Result<(usize, String)> {
    let document = format!("{}/api/v1/openapi.json", host.url);
    let mut command = Command::new("timeout");
    command.args(["60", "schemathesis", "run", &document, "--checks", "not_a_server_error", "--header"]);
    command.arg(format!("Authorization: {}", host.authorization())).args(["--seed", &seed.to_string()]);
    // It leaves files where it runs.
    command.current_dir(workspace().join("target/attack"));
    let output = command.stdin(Stdio::null()).output().context("cannot run schemathesis; `pip install schemathesis` installs it")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    // It is ended after a minute, which is no failure.
    let ended = output.status.code() == Some(124) || output.status.success();
    let failures = said.lines().filter(|line| line.contains("Server error")).count();
    ensure!(ended || failures > 0, "schemathesis did not run: {}", said.lines().last().unwrap_or_default());
    std::fs::write(workspace().join("target/attack/schemathesis.txt"), &said).context("cannot write what schemathesis said")?;
    Ok((said.matches('.').count(), format!("{failures} answers of 5xx; target/attack/schemathesis.txt has them")))
}

/// The kill switch works after all that.
fn halt(host: &DemoHost) -> Result<()> {
    let begun = Instant::now();
    let document = json!({ "trading": "halted", "reason": "the attack is over", "cancel_orders": true, "flatten": true });
    host.post("/trading", &document)?;
    say(&format!("the kill switch answered within {:.0} ms", begun.elapsed().as_secs_f64() * 1e3));
    Ok(())
}

fn figures(rows: &[Row], deaths: u32) -> Vec<Figure> {
    let worst = |of: fn(&Seen) -> f64| rows.iter().map(|row| of(&row.seen)).fold(0.0, f64::max);
    let sent = rows.iter().find(|row| row.attack == "mutants").map_or(0, |row| row.sent);
    vec![
        figure("attack_mutants", sent as f64, "components", None),
        figure("attack_host_deaths", f64::from(deaths), "deaths", Some("<= 0")),
        figure("attack_tick_gap_longest_ms", worst(Seen::gap_ms), "ms", Some("<= 100")),
        figure("attack_memory_most_mib", worst(|seen| seen.memory_mib as f64), "MiB", Some("<= 1024")),
    ]
}

fn figure(name: &str, value: f64, unit: &str, target: Option<&str>) -> Figure {
    Figure { name: name.into(), value, unit: unit.into(), target: target.map(Into::into), bench: "attack".into() }
}

fn table(rows: &[Row]) -> String {
    let head =
        ["attack", "sent", "took", "fed late", "decided late", "passed over", "health", "memory", "files", "outcome"].map(str::to_owned);
    let body = rows.iter().map(|row| {
        let Seen { passed_over_ms, fed_late_ms, decided_late_ms, health_s, memory_mib, files, .. } = row.seen;
        [
            row.attack.to_owned(),
            row.sent.to_string(),
            format!("{:.1} s", row.took.as_secs_f64()),
            format!("{fed_late_ms:.0} ms"),
            format!("{decided_late_ms:.0} ms"),
            format!("{passed_over_ms:.0} ms"),
            format!("{:.0} ms", health_s * 1e3),
            format!("{memory_mib} MiB"),
            files.to_string(),
            row.outcome.clone(),
        ]
    });
    let all: Vec<[String; 10]> = std::iter::once(head).chain(body).collect();
    let widths: Vec<usize> = (0..10).map(|at| all.iter().map(|row| row[at].len()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 10]| row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect::<String>();
    all.iter().map(|row| line(row).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Whether the host held.
fn verdict(rows: &[Row], purpose: Purpose) -> Result<()> {
    let mut wrong = Vec::new();
    let are_times_judged = purpose == Purpose::Figures;
    // A machine that is busy with something else holds everybody up: then it is compared with how it was before the attack.
    let usual_ms = rows.iter().find(|row| row.attack == "nothing").map_or(0.0, |row| row.seen.gap_ms());
    let gap_ms_max = GAP_MS_MAX.max(2.0 * usual_ms);
    for Row { attack, seen, .. } in rows {
        let Seen { health_s, memory_mib, files, ticks, .. } = *seen;
        let (gap_ms, held) = (seen.gap_ms(), seen.where_held());
        let mut tell = |is_wrong: bool, what: String| {
            if is_wrong {
                wrong.push(format!("{attack}: {what}"))
            }
        };
        tell(
            are_times_judged && gap_ms > gap_ms_max,
            format!("ticks of an honest engine waited {gap_ms:.0} ms, at most {gap_ms_max:.0}: {held}"),
        );
        tell(are_times_judged && health_s > HEALTH_S_MAX, format!("health took {health_s:.1} s to answer"));
        tell(memory_mib > MEMORY_MIB_MAX, format!("the host had {memory_mib} MiB"));
        tell(files > FILES_MAX, format!("the host had {files} files open"));
        tell(ticks == 0, "no honest engine had a tick".to_owned());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("the host did not hold:\n  {}", wrong.join("\n  "))
}
