//! `cargo xtask crash`: the real host under faults for as long as you like; what the usual tests do for a minute
//! (`host/stockade/tests/crash`).

use crate::bench::{self, Figure};
use crate::cargo::{cargo, say, words, workspace};
use crate::{setup, strategies};
use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// How long, and on what.
#[derive(clap::Args)]
pub struct Arguments {
    /// Minutes to go on for.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Draws the same faults in the same order again; a run says its own.
    #[arg(long)]
    seed: Option<u64>,
    /// Which database the host has; both run side by side.
    #[arg(long, value_enum, default_value_t = Database::Both)]
    database: Database,
    /// Engines of each host.
    #[arg(long, default_value_t = 48, value_parser = clap::value_parser!(u16).range(1..=500))]
    engines: u16,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Database {
    Sqlite,
    Postgres,
    Both,
}

/// What a run on one database counted.
#[derive(Debug, Default, PartialEq, Deserialize)]
struct Counts {
    halts: u64,
    halts_forgotten: u64,
    lives: u64,
    lives_replayed: u64,
    orders_repeated: u64,
    sent_not_in_journal: u64,
    stop_longest_s: f64,
}

/// Runs it and keeps its figures.
///
/// # Errors
/// Something that must hold did not; the lines above name the seed.
pub fn run(arguments: &Arguments) -> Result<()> {
    ensure!(arguments.minutes > 0.0, "--minutes must be above 0");
    setup::ensure_ready()?;
    strategies::build_all()?;
    ensure_clocks_can_step();
    // Ctrl-C ends the test program, which takes its hosts down and its folders away; this waits for it.
    let interrupted = Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted).context("signals can't be caught")?;

    let folder = workspace().join("target/crash");
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut command = cargo();
    // The whole workspace's features, so that what the tests have built is this.
    command.args(["test", "--workspace", "--test", "crash", "--", "--nocapture"]).args(arguments.database.tests());
    command.env("CRASH_MINUTES", arguments.minutes.to_string()).env("CRASH_ENGINES", arguments.engines.to_string());
    command.env("CRASH_FIGURES", &folder);
    if let Some(seed) = arguments.seed {
        command.env("CRASH_SEED", seed.to_string());
    }
    say(&words(&command));
    let status = command.status().context("cannot run cargo")?;
    // Also of a run that failed: they say by how much.
    let counts = counts(&folder)?;
    if !counts.is_empty() {
        bench::add(figures(&counts))?;
    }
    if !status.success() {
        bail!("something that must hold did not; the lines above say what, and name the seed: cargo xtask crash --seed SEED");
    }
    Ok(())
}

impl Database {
    /// Parts of the names of its tests.
    fn tests(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["a_host_on_sqlite"],
            Self::Postgres => &["a_host_on_postgresql"],
            Self::Both => &["a_host_on"],
        }
    }
}

/// A process's clock is stepped by a library of Debian's; without it, the run leaves that out and says so.
fn ensure_clocks_can_step() {
    let is_there = Command::new("dpkg").args(["--status", "libfaketime"]).output().is_ok_and(|output| output.status.success());
    if !is_there {
        say("installing libfaketime with apt-get, which steps a host's clock");
        let done = Command::new("apt-get").args(["install", "-y", "-qq", "--no-install-recommends", "libfaketime"]).status();
        if !done.is_ok_and(|status| status.success()) {
            say("libfaketime can't be installed, so that no clock is stepped; as root: apt-get install libfaketime");
        }
    }
}

fn counts(folder: &Path) -> Result<Vec<Counts>> {
    let mut counts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let file = entry?.path();
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        counts.push(serde_json::from_str(&text).with_context(|| format!("{} has no counts", file.display()))?);
    }
    Ok(counts)
}

/// What goes into the table of figures, of all databases together.
fn figures(counts: &[Counts]) -> Vec<Figure> {
    let sum = |of: fn(&Counts) -> u64| counts.iter().map(of).sum::<u64>();
    let figure = |name: &str, value: f64, unit: String, target: &str| Figure {
        name: name.into(),
        value,
        unit,
        target: Some(target.into()),
        bench: "crash".into(),
    };
    let (halts, lives) = (sum(|counts| counts.halts), sum(|counts| counts.lives));
    let mut figures = Vec::new();
    if halts > 0 {
        figures.push(figure("halts_forgotten", sum(|counts| counts.halts_forgotten) as f64, format!("of {halts}"), "<= 0"));
    }
    if lives > 0 {
        let percent = sum(|counts| counts.lives_replayed) as f64 / lives as f64 * 100.0;
        figures.push(figure("lives_replayable_after_kill_pct", percent, format!("% of {lives}"), ">= 100"));
    }
    let stop = counts.iter().map(|counts| counts.stop_longest_s).fold(0.0, f64::max);
    figures.push(figure("orders_repeated_at_a_tick", sum(|counts| counts.orders_repeated) as f64, "orders".into(), "<= 0"));
    figures.push(figure("sent_not_in_journal_after_stop", sum(|counts| counts.sent_not_in_journal) as f64, "orders".into(), "<= 0"));
    figures.push(figure("stop_longest_s", stop, "s".into(), "<= 20"));
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_both_databases_together() {
        let one = Counts { halts: 60, halts_forgotten: 1, lives: 3, lives_replayed: 3, stop_longest_s: 2.5, ..Counts::default() };
        let other = Counts { halts: 40, lives: 1, orders_repeated: 7, sent_not_in_journal: 2, stop_longest_s: 0.5, ..Counts::default() };
        let figures = figures(&[one, other]);
        let values: Vec<_> = figures.iter().map(|figure| (figure.name.as_str(), figure.value, figure.unit.as_str())).collect();
        let expected = [
            ("halts_forgotten", 1.0, "of 100"),
            ("lives_replayable_after_kill_pct", 75.0, "% of 4"),
            ("orders_repeated_at_a_tick", 7.0, "orders"),
            ("sent_not_in_journal_after_stop", 2.0, "orders"),
            ("stop_longest_s", 2.5, "s"),
        ];
        assert_eq!(values, expected);
    }

    #[test]
    fn what_was_not_tried_has_no_figure() {
        let names: Vec<_> = figures(&[Counts::default()]).into_iter().map(|figure| figure.name).collect();
        assert_eq!(names, ["orders_repeated_at_a_tick", "sent_not_in_journal_after_stop", "stop_longest_s"]);
    }
}
