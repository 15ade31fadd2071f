//! `cargo xtask tidy`: counts what STYLE.md asks for and a reader stumbles over, so that a change can be held to it. Reads text only, so
//! that it takes a second and needs no compiler.

use crate::cargo::workspace;
use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Columns of rustfmt's own style.
const COLUMNS_MAX: usize = 100;
/// Characters of a commit's subject.
const SUBJECT_MAX: usize = 72;
/// Lines of a file that is about one thing.
const LINES_MAX: usize = 400;
/// Words of a docstring that says no more than the name below it.
const STUB_WORDS_MAX: usize = 3;

/// Turns of phrase that are read twice.
const PHRASES: [&str; 12] = [
    "is none",
    "are none",
    "held against",
    "sees to",
    "what became of",
    "to be had",
    "has no like",
    "goes by",
    "so much",
    "so many",
    " his ",
    "for what it is",
];

/// Words that were coined here where the field has its own.
const COINED: [&str; 14] = [
    "desk",
    "actor",
    "tape",
    "lane",
    "doze",
    "starter",
    "herald",
    "scribe",
    "footprint",
    "unwritten",
    "remark",
    "witness",
    "workshop",
    "whereabouts",
];

/// What to count.
#[derive(clap::Args)]
pub struct Arguments {
    /// Commits to look at, such as `v0.1..`; those of the last thirty days unless given.
    #[arg(long)]
    commits: Option<String>,
    /// Show where each is, not only how many.
    #[arg(long, short)]
    verbose: bool,
}

/// A source file of ours.
struct Source {
    path: PathBuf,
    text: String,
}

/// Counts and prints.
///
/// # Errors
/// The sources or the history can't be read.
pub fn run(arguments: &Arguments) -> Result<()> {
    let root = workspace();
    let mut sources = Vec::new();
    for folder in ["host", "sdk", "strategies", "xtask"] {
        read_all(&root.join(folder), &mut sources)?;
    }
    let own = Path::new("xtask/src/tidy.rs");
    sources.iter_mut().for_each(|source| source.path = source.path.strip_prefix(&root).unwrap_or(&source.path).into());
    sources.retain(|source| source.path != own);

    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    found.push((format!("lines over {COLUMNS_MAX} columns"), lines(&sources, |line| line.chars().count() > COLUMNS_MAX)));
    found.push((format!("files over {LINES_MAX} lines"), long_files(&sources)));
    found.push((format!("docstrings of {STUB_WORDS_MAX} words or fewer"), lines(&sources, is_stub)));
    for phrase in PHRASES {
        found.push((format!("\"{}\"", phrase.trim()), lines(&sources, |line| line.contains(phrase))));
    }
    for word in COINED {
        found.push((format!("`{word}` in a name"), names(&sources, word)));
    }
    found.push(("`match ()`".into(), lines(&sources, |line| line.contains("match () {"))));
    found.push(("circles between files of a crate".into(), circles(&sources)));
    found.push((format!("commit subjects over {SUBJECT_MAX} characters"), long_subjects(arguments.commits.as_deref())?));

    let width = found.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
    for (what, places) in &found {
        println!("{what:width$}  {:>6}", places.len());
        if arguments.verbose {
            places.iter().for_each(|place| println!("    {place}"));
        }
    }
    Ok(())
}

fn read_all(folder: &Path, into: &mut Vec<Source>) -> Result<()> {
    let mut entries: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        entries.push(entry?.path());
    }
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                read_all(&path, into)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            into.push(Source { path, text });
        }
    }
    Ok(())
}

fn lines(sources: &[Source], wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let of = |source: &Source| {
        let numbered = source.text.lines().enumerate().filter(|(_, line)| wanted(line));
        numbered.map(|(at, line)| format!("{}:{}: {}", source.path.display(), at + 1, line.trim())).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of).collect()
}

fn is_stub(line: &str) -> bool {
    line.trim_start().strip_prefix("/// ").is_some_and(|said| said.ends_with('.') && said.split_whitespace().count() <= STUB_WORDS_MAX)
}

fn long_files(sources: &[Source]) -> Vec<String> {
    let sized = sources.iter().map(|source| (source.text.lines().count(), source));
    sized.filter(|(lines, _)| *lines > LINES_MAX).map(|(lines, source)| format!("{}: {lines}", source.path.display())).collect()
}

/// Lines that use the word, alone or as a part of a name, outside comments.
fn names(sources: &[Source], word: &str) -> Vec<String> {
    lines(sources, |line| {
        let code = line.split("//").next().unwrap_or_default().to_lowercase();
        code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|name| name.split('_').any(|part| part == word || part.strip_suffix('s') == Some(word)))
    })
}

/// Files of one crate that need each other, however far around, named as one circle.
fn circles(sources: &[Source]) -> Vec<String> {
    let mut crates: BTreeMap<PathBuf, BTreeMap<String, &Source>> = BTreeMap::new();
    for source in sources {
        let parts: Vec<&str> = source.path.iter().filter_map(|part| part.to_str()).collect();
        let Some(at) = parts.iter().position(|part| *part == "src") else { continue };
        let name = parts[at + 1..].join("::").trim_end_matches(".rs").trim_end_matches("::mod").to_owned();
        if !["lib", "main"].contains(&name.as_str()) && !name.contains("tests") {
            crates.entry(parts[..at].iter().collect()).or_default().insert(name, source);
        }
    }
    let mut found = Vec::new();
    for (folder, modules) in &crates {
        let needs: BTreeMap<&str, BTreeSet<&str>> =
            modules.iter().map(|(name, source)| (name.as_str(), needed(name, source, modules))).collect();
        let reached: BTreeMap<&str, BTreeSet<&str>> = needs.keys().map(|name| (*name, reach(name, &needs))).collect();
        let mut done = BTreeSet::new();
        for name in needs.keys() {
            let circle: Vec<&str> = reached[name].iter().copied().filter(|other| reached[other].contains(name)).collect();
            if circle.len() > 1 && done.insert(circle.clone()) {
                found.push(format!("{}: {} files: {}", folder.display(), circle.len(), circle.join(", ")));
            }
        }
    }
    found
}

/// The modules that a file names by `crate::` or `super::`, its own children aside: a folder's file may use what lies in the folder.
fn needed<'a>(name: &str, source: &Source, modules: &'a BTreeMap<String, &Source>) -> BTreeSet<&'a str> {
    let parent = name.rsplit_once("::").map_or("", |(parent, _)| parent);
    let code = source.text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (marker, base) in [("crate::", ""), ("super::", parent)] {
            for (at, _) in line.match_indices(marker) {
                let rest = &line[at + marker.len()..];
                for path in expanded(rest) {
                    let whole = if base.is_empty() { path } else { format!("{base}::{path}") };
                    let known = modules.keys().filter(|module| whole == **module || whole.starts_with(&format!("{module}::")));
                    let longest = known.max_by_key(|module| module.len()).map(String::as_str);
                    found.extend(longest.filter(|other| *other != name && !other.starts_with(&format!("{name}::"))));
                }
            }
        }
    }
    found
}

/// `a::{b, c::D}` is `a::b` and `a::c::D`; only as far as the line goes.
fn expanded(rest: &str) -> Vec<String> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
    let (path, after) = rest.split_at(end);
    match after.strip_prefix('{') {
        Some(inner) => inner.split('}').next().unwrap_or_default().split(',').map(|part| format!("{path}{}", part.trim())).collect(),
        None => vec![path.to_owned()],
    }
}

fn reach<'a>(from: &'a str, needs: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeSet<&'a str> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(name) = open.pop() {
        for next in needs.get(name).into_iter().flatten() {
            if reached.insert(*next) {
                open.push(next);
            }
        }
    }
    reached
}

fn long_subjects(commits: Option<&str>) -> Result<Vec<String>> {
    let mut command = Command::new("git");
    command.args(["log", "--no-merges", "--format=%h %s"]).current_dir(workspace());
    command.arg(commits.unwrap_or("--since=30.days"));
    let answer = command.output().context("cannot run git")?;
    if !answer.status.success() {
        bail!("git can't list the commits: {}", String::from_utf8_lossy(&answer.stderr).trim());
    }
    let subjects = String::from_utf8_lossy(&answer.stdout).into_owned();
    let long = |line: &&str| line.split_once(' ').is_some_and(|(_, subject)| subject.chars().count() > SUBJECT_MAX);
    Ok(subjects.lines().filter(long).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn two_files_that_need_each_other_are_a_circle_and_a_folder_may_use_its_own() {
        let sources = [
            source("host/x/src/a.rs", "use crate::b::B;\n"),
            source("host/x/src/b.rs", "use crate::{c::C, d};\n"),
            source("host/x/src/c.rs", "use super::a::A;\n"),
            source("host/x/src/d/mod.rs", "use crate::d::e::E;\n"),
            source("host/x/src/d/e.rs", "// crate::a\n#[cfg(test)]\nuse crate::d;\n"),
        ];
        assert_eq!(circles(&sources), ["host/x: 3 files: a, b, c"]);
    }

    #[test]
    fn a_word_counts_in_names_and_not_in_comments_or_other_words() {
        let sources = [source("a.rs", "let trading_desks = 1;\nlet desktop = 2; // desk\nstruct Desk;\n")];
        assert_eq!(names(&sources, "desk").len(), 2);
        assert!(is_stub("    /// Whose.") && !is_stub("    /// Whose order it is, and why.") && !is_stub("// Whose."));
    }
}
