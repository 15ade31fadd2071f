//! `stockade backtest compare`: two runs side by side.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, grouped, table};
use backtest::compare::documents::{self, Difference};
use backtest::compare::{DecisionsDiff, DocumentsDiff, diff};
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Compares two runs: the folders of `stockade backtest --out`, reports or what `--json` printed (.json), or decisions alone
/// (.jsonl), such as `stockade replay --decisions` writes of what an engine did live. Exit code 0: they decided and found
/// the same; 8: they differ.
#[derive(clap::Args)]
pub struct Arguments {
    /// One run.
    a: PathBuf,
    /// The other.
    b: PathBuf,
}

/// What there is of a run.
struct Side {
    document: Option<Value>,
    decisions: Option<PathBuf>,
}

/// What was found.
#[derive(Serialize)]
struct Found {
    same: bool,
    #[serde(flatten)]
    documents: Option<DocumentsDiff>,
    decisions: Option<DecisionsDiff>,
}

/// Compares and reports.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let (a, b) = (Side::open(&arguments.a)?, Side::open(&arguments.b)?);
    let documents = a.document.as_ref().zip(b.document.as_ref()).map(|(a, b)| documents::diff(a, b));
    let decisions = match (&a.decisions, &b.decisions) {
        (Some(a), Some(b)) => {
            let diff = diff::diff(open(a)?, open(b)?);
            Some(diff.map_err(|(side, why)| Failure::new(Exit::Refused, format_args!("{}: {why}", [a, b][side].display())))?)
        }
        _ => None,
    };
    if documents.is_none() && decisions.is_none() {
        let hint = "give two folders of `stockade backtest --out`, two reports, or two files of decisions";
        return Err(Failure::new(Exit::Usage, format_args!("one has a report and the other decisions only; {hint}")));
    }
    let same = documents.as_ref().is_none_or(DocumentsDiff::is_same) && decisions.as_ref().is_none_or(DecisionsDiff::is_same);
    let found = Found { same, documents, decisions };
    global.output().show(&found, text);
    if same { Ok(()) } else { Err(Failure::new(Exit::Differs, why(&found))) }
}

impl Side {
    fn open(path: &Path) -> Outcome<Self> {
        let is_there = |name: &str| Some(path.join(name)).filter(|file| file.is_file());
        if path.is_dir() {
            let (report, decisions) = (is_there("report.json"), is_there("decisions.jsonl"));
            if report.is_none() && decisions.is_none() {
                let hint = "`stockade backtest --out` writes them";
                return Err(Failure::new(
                    Exit::NotFound,
                    format_args!("{} has neither report.json nor decisions.jsonl; {hint}", path.display()),
                ));
            }
            return Ok(Self { document: report.as_deref().map(document).transpose()?, decisions });
        }
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            open(path)?;
            return Ok(Self { document: None, decisions: Some(path.to_owned()) });
        }
        Ok(Self { document: Some(document(path)?), decisions: None })
    }
}

fn open(path: &Path) -> Outcome<BufReader<File>> {
    File::open(path).map(BufReader::new).map_err(|error| Failure::io("read", path, &error))
}

fn document(path: &Path) -> Outcome<Value> {
    serde_json::from_reader(open(path)?).map_err(|error| {
        Failure::new(Exit::Refused, format_args!("{} is no JSON document: {error}; give a report, or decisions as .jsonl", path.display()))
    })
}

/// The difference that matters most, in a line.
fn why(found: &Found) -> String {
    match (found.decisions.as_ref().and_then(|decisions| decisions.first.as_ref()), &found.documents) {
        (Some(first), _) => format!("the runs differ: they first decide otherwise at {}", first.at),
        (None, Some(documents)) => format!("the runs differ in {} figures", documents.figures.len()),
        (None, None) => "the runs differ".to_owned(),
    }
}

fn text(found: &Found) -> String {
    let mut text = String::new();
    if let Some(documents) = &found.documents {
        text += &differences("set differently", &documents.settings);
        text += &differences("found differently", &documents.figures);
        text += &format!("{} figures are the same\n", grouped(documents.same_figures));
    }
    let Some(decisions) = &found.decisions else { return text + "decisions are not compared: both sides need them\n" };
    let [a, b] = decisions.counts;
    text += &format!("decisions: {} and {}, {} and {} of them denied", grouped(a), grouped(b), decisions.denied[0], decisions.denied[1]);
    let Some(first) = &decisions.first else { return text + "; all the same\n" };
    text += &format!("; the first {} are the same, {} alike in all\n", grouped(decisions.same), grouped(decisions.alike));
    for (name, side) in [("A", 0), ("B", 1)] {
        let line = first.lines[side].map_or(String::new(), |line| format!(" line {line}:"));
        text += &format!("  {name}{line} {}\n", first.decisions[side].as_deref().unwrap_or("nothing more"));
    }
    text
}

fn differences(title: &str, differences: &[Difference]) -> String {
    if differences.is_empty() {
        return String::new();
    }
    let shown = |value: &Option<Value>| match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.as_f64().map_or(number.to_string(), rounded),
        Some(other) => other.to_string(),
    };
    let change = |values: &[Option<Value>; 2]| match values.each_ref().map(|value| value.as_ref().and_then(Value::as_f64)) {
        [Some(a), Some(b)] => rounded(b - a),
        _ => String::new(),
    };
    let rows: Vec<Vec<String>> =
        differences.iter().map(|one| vec![one.name.clone(), shown(&one.values[0]), shown(&one.values[1]), change(&one.values)]).collect();
    table(&[(title, Align::Left), ("A", Align::Right), ("B", Align::Right), ("B - A", Align::Right)], &rows) + "\n"
}

/// Six decimals at most, without trailing zeros.
fn rounded(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
