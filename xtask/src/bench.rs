//! `cargo xtask bench`: builds every benchmark of the workspace, runs one after the other, and writes what they measured to
//! `target/bench.json` and into the table of `docs/benchmarks.md`.
//!
//! A benchmark is a `[[bench]]` with `harness = false`. It prints one JSON object a line on standard output, such as
//! `{"name":"flat_call_fuel_ns","value":171.2,"unit":"ns","target":"<= 170"}`, and may talk on standard error. What it
//! compares with (native code, a peer) it measures in the same run.

use crate::cargo::{cargo, say, words, workspace};
use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::{MetadataCommand, TargetKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// Only these benchmarks, such as `calls`; all unless given.
    names: Vec<String>,
    /// Measure the profile that tests use. Quicker to build; the page says so.
    #[arg(long)]
    dev: bool,
}

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: String,
    /// What it should be, such as `<= 170`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Which benchmark measured it.
    #[serde(default)]
    pub bench: String,
}

/// `target/bench.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Results {
    machine: String,
    commit: String,
    results: Vec<Figure>,
}

/// Builds, runs, writes.
///
/// # Errors
/// Something does not build, a benchmark fails or prints something else, or a file can't be written.
pub fn run(arguments: &Arguments) -> Result<()> {
    crate::setup::ensure_ready()?;
    crate::strategies::build_all()?;
    let all = benches()?;
    for name in &arguments.names {
        ensure!(all.contains(name), "there is no benchmark {name}; there are {}", all.join(", "));
    }
    let chosen: Vec<&String> = all.iter().filter(|name| arguments.names.is_empty() || arguments.names.contains(name)).collect();
    let programs = build(&chosen, arguments.dev)?;
    let mut results =
        Results { machine: machine(), commit: commit(), results: if arguments.names.is_empty() { Vec::new() } else { earlier() } };
    for name in chosen {
        let program = programs.get(name).with_context(|| format!("cargo built no program for {name}"))?;
        results.take(measure(name, program)?);
    }
    write(&results, Some(if arguments.dev { "the profile that tests use" } else { "release" }))
}

/// Keeps figures that another task has measured, beside all others.
///
/// # Errors
/// A file can't be written.
pub fn add(figures: Vec<Figure>) -> Result<()> {
    let text = fs::read_to_string(results_file()).unwrap_or_default();
    let here = || Results { machine: machine(), commit: commit(), results: Vec::new() };
    let mut results = serde_json::from_str(&text).unwrap_or_else(|_| here());
    results.take(figures);
    write(&results, None)
}

impl Results {
    /// Shows figures and puts them into the place of those of the same names.
    fn take(&mut self, figures: Vec<Figure>) {
        for figure in figures {
            println!("{:<44} {:>16} {:<10} {}", figure.name, shown(figure.value), figure.unit, verdict(&figure));
            self.results.retain(|other| other.name != figure.name);
            self.results.push(figure);
        }
    }
}

/// The names of all benchmarks, in order.
fn benches() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new().current_dir(workspace()).no_deps().exec().context("cargo can't describe the workspace")?;
    let targets = metadata.packages.iter().flat_map(|package| &package.targets);
    let mut names: Vec<String> =
        targets.filter(|target| target.kind.contains(&TargetKind::Bench)).map(|target| target.name.clone()).collect();
    names.sort();
    Ok(names)
}

/// Builds them in one go, all of the workspace selected, so that features are those of the program itself.
fn build(names: &[&String], dev: bool) -> Result<BTreeMap<String, PathBuf>> {
    let mut command = cargo();
    command.args(["build", "--workspace", "--message-format=json-render-diagnostics", "--profile", if dev { "dev" } else { "release" }]);
    names.iter().for_each(|name| _ = command.args(["--bench", name]));
    say(&words(&command));
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot run cargo")?;
    let stdout = child.stdout.take().expect("it was asked for above");
    let mut programs = BTreeMap::new();
    for message in cargo_metadata::Message::parse_stream(BufReader::new(stdout)) {
        if let cargo_metadata::Message::CompilerArtifact(artifact) = message.context("cannot read what cargo says")?
            && artifact.target.kind.contains(&TargetKind::Bench)
            && let Some(program) = artifact.executable
        {
            programs.insert(artifact.target.name, program.into_std_path_buf());
        }
    }
    ensure!(child.wait().context("cannot wait for cargo")?.success(), "the benchmarks do not build");
    Ok(programs)
}

fn measure(name: &str, program: &PathBuf) -> Result<Vec<Figure>> {
    say(name);
    let mut child = Command::new(program)
        .current_dir(workspace())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let stdout = child.stdout.take().expect("it was asked for above");
    let mut figures = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.with_context(|| format!("cannot read what {name} says"))?;
        let mut figure: Figure = serde_json::from_str(&line).with_context(|| format!("{name} printed `{line}`, which is no figure"))?;
        figure.bench = name.to_owned();
        figures.push(figure);
    }
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    if !status.success() {
        bail!("benchmark {name} failed ({status})");
    }
    Ok(figures)
}

fn results_file() -> PathBuf {
    workspace().join("target/bench.json")
}

/// What was measured before, for a run of a few; nothing when there is no such file or it is another version's.
fn earlier() -> Vec<Figure> {
    let text = fs::read_to_string(results_file()).unwrap_or_default();
    serde_json::from_str::<Results>(&text).map(|results| results.results).unwrap_or_default()
}

/// Writes both files. The page goes on to say where and when its figures were measured unless a profile is given.
fn write(results: &Results, profile: Option<&str>) -> Result<()> {
    let file = results_file();
    let text = serde_json::to_string_pretty(results).context("figures can't be written as JSON")?;
    fs::write(&file, text + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    say(&format!("wrote {}", file.display()));
    let page = workspace().join("docs/benchmarks.md");
    let old = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let head = profile.map(|profile| format!("{}, commit {}, {profile}, measured on {}", results.machine, results.commit, today()));
    let new = with_table(&old, results, head.as_deref()).with_context(|| format!("{} has no place for the table", page.display()))?;
    fs::write(&page, new).with_context(|| format!("cannot write {}", page.display()))?;
    say(&format!("wrote {}", page.display()));
    Ok(())
}

const BEGIN: &str = "<!-- figures: written by `cargo xtask bench` -->\n";
const END: &str = "<!-- end of figures -->\n";

/// The page with its table made anew under another head; without one, the rows that these results do not replace stay. `None` when
/// its marks are missing.
fn with_table(page: &str, results: &Results, head: Option<&str>) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (old, after) = rest.split_once(END)?;
    let is_replaced = |row: &str| results.results.iter().any(|figure| row.starts_with(&format!("| `{}` |", figure.name)));
    let stays = |row: &&str| head.is_none() && row.starts_with("| `") && !is_replaced(row);
    let rows: String = old.lines().filter(stays).map(|row| format!("{row}\n")).collect();
    let head = head.or_else(|| old.lines().find(|line| !line.is_empty()))?;
    let mut table = format!("\n{head}\n\n| figure | value | unit | target | | benchmark |\n| --- | ---: | --- | --- | --- | --- |\n");
    table.push_str(&rows);
    for figure in &results.results {
        let Figure { name, unit, target, bench, .. } = figure;
        let target = target.as_deref().unwrap_or("");
        writeln!(table, "| `{name}` | {} | {unit} | {target} | {} | `{bench}` |", shown(figure.value), verdict(figure)).ok()?;
    }
    Some(format!("{before}{BEGIN}{table}\n{END}{after}"))
}

/// Three digits that say something, with thousands apart.
fn shown(value: f64) -> String {
    if value.abs() < 100.0 {
        let digits = if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize };
        return format!("{value:.digits$}");
    }
    let whole = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}

/// Whether the target is met, where there is one.
fn verdict(figure: &Figure) -> &'static str {
    let Some(target) = &figure.target else { return "" };
    let met = if let Some(most) = target.strip_prefix("<=") {
        most.trim().parse().map(|most: f64| figure.value <= most)
    } else if let Some(least) = target.strip_prefix(">=") {
        least.trim().parse().map(|least: f64| figure.value >= least)
    } else {
        return "";
    };
    match met {
        Ok(true) => "met",
        Ok(false) => "missed",
        Err(_) => "",
    }
}

/// The machine in a line, such as `AMD EPYC 7B13, 2 cores, 24 GiB, Linux 6.1`.
fn machine() -> String {
    let field = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().find(|line| line.starts_with(key)).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    let memory = memory.map_or_else(String::new, |kib| format!(", {:.0} GiB", kib / 1_048_576.0));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores{memory}, Linux {}", kernel.trim())
}

/// Today, in UTC.
fn today() -> String {
    let output = Command::new("date").args(["-u", "+%F"]).output().ok();
    output.map_or_else(String::new, |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The commit measured, with a `+` when files differ from it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(workspace()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|files| !files.is_empty());
    git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".into()) + if changed { "+" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, value: f64, target: Option<&str>) -> Figure {
        Figure { name: name.into(), value, unit: "ns".into(), target: target.map(Into::into), bench: "calls".into() }
    }

    #[test]
    fn the_table_replaces_the_one_before_and_nothing_else() {
        let results =
            Results { machine: "A machine".into(), commit: "abc".into(), results: vec![figure("flat_call_ns", 171.25, Some("<= 170"))] };
        let page = format!("# Benchmarks\n{BEGIN}old\n{END}The end.\n");
        let new = with_table(&page, &results, Some("A machine, release")).unwrap();
        assert!(new.starts_with("# Benchmarks\n") && new.ends_with("The end.\n") && !new.contains("old"), "{new}");
        assert!(new.contains("| `flat_call_ns` | 171 | ns | <= 170 | missed | `calls` |"), "{new}");
        assert_eq!(with_table(&new, &results, None).unwrap(), new, "again gives the same, head included");
        let other = Results { results: vec![figure("halts_forgotten", 0.0, Some("<= 0"))], ..Results::default() };
        let more = with_table(&new, &other, None).unwrap();
        assert!(more.contains("| `flat_call_ns` | 171 |") && more.contains("| `halts_forgotten` | 0 |"), "{more}");
        assert_eq!(with_table(&more, &other, None).unwrap(), more, "again gives the same");
        assert_eq!(with_table("no marks", &results, None), None);
    }

    #[test]
    fn figures_are_shown_with_the_digits_that_count() {
        let cases = [
            (0.0, "0"),
            (0.012_345, "0.0123"),
            (7.456, "7.46"),
            (31.26, "31.3"),
            (171.6, "172"),
            (52_345_678.0, "52,345,678"),
            (-1234.0, "-1,234"),
        ];
        for (value, expected) in cases {
            assert_eq!(shown(value), expected);
        }
    }

    #[test]
    fn targets_are_compared() {
        assert_eq!(verdict(&figure("a", 3.0, Some("<= 3"))), "met");
        assert_eq!(verdict(&figure("a", 2.9, Some(">= 3"))), "missed");
        assert_eq!(verdict(&figure("a", 2.9, None)), "");
    }
}
