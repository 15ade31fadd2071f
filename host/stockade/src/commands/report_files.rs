//! The files that a backtest leaves: a page, a JSON document, the deals as CSV.

use super::backtest::{Confirmed, Setting, Stage, store_failure};
use super::conditions::Conditions;
use crate::exit::{Exit, Failure, Outcome};
use backtest::compare::decisions;
use backtest::report::{About, FullReport};
use backtest::{RunReport, RunSetup};
use domain::contract::{Param, ParamValue};
use domain::desk::Witness;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Where to write what; the run is then looked at again, and repeated at twice the spread.
#[derive(clap::Args)]
pub struct Files {
    /// Write report.html, report.json, deals.csv and decisions.jsonl into this folder, which is made if it isn't there.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write the report as a page of its own, for a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the deals as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write every decision, a JSON object a line, for `stockade backtest compare`.
    #[arg(long, value_name = "FILE")]
    decisions: Option<PathBuf>,
}

impl Files {
    /// Whether there is anything to write.
    pub fn wanted(&self) -> bool {
        self.out.is_some() || self.html.is_some() || self.csv.is_some()
    }

    /// Makes the folder, before a long run ends with nowhere to go.
    ///
    /// # Errors
    /// It can't be made, or a file's folder isn't there.
    pub fn prepare(&self) -> Outcome {
        if let Some(folder) = &self.out {
            if folder.exists() && !folder.is_dir() {
                return Err(Failure::new(Exit::Refused, format_args!("--out names {}, which is a file; give a folder", folder.display())));
            }
            std::fs::create_dir_all(folder).map_err(|error| Failure::io("make the folder", folder, &error))?;
        }
        for file in [&self.html, &self.csv, &self.decisions].into_iter().flatten() {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            if file.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
                let why = if file.is_dir() { "it is a folder" } else { "its folder is not there" };
                return Err(Failure::new(
                    Exit::NotFound,
                    format_args!("cannot write {}: {why}; give a file in a folder that exists", file.display()),
                ));
            }
        }
        Ok(())
    }

    /// Looks at a run again, repeats it at twice the spread, writes all that is wanted and says where.
    ///
    /// # Errors
    /// Ticks can't be read, or the disk refuses; the message names the file.
    pub fn report(
        &self,
        stage: &Stage,
        setup: RunSetup,
        setting: &Setting,
        run: &RunReport,
        confirmed: Confirmed,
        beware: &[String],
    ) -> Outcome<Vec<PathBuf>> {
        let (table, symbols) = (setup.table.clone(), setup.symbols.clone());
        let review = backtest::review(run, &table, &symbols, stage.source()?).map_err(store_failure)?;
        let mut about = about(stage, setting, &setup.params);
        about.settings.push(("Confirmed".to_owned(), confirmed.words()));
        about.beware = beware.to_vec();
        // What a fault cut short compares with nothing.
        let doubled = match &run.stopped {
            Some(_) => None,
            None => Some(stage.run(RunSetup { keep_remarks: false, witness: None, ..setup }, stage.source_at(2.0)?)?),
        };
        self.write(&FullReport::new(&about, run, &table, &symbols, &review, doubled.as_ref()))
    }

    /// Opens the files that a run's decisions go to, where any are wanted.
    ///
    /// # Errors
    /// They can't be made.
    pub fn decisions(&self) -> Outcome<Option<DecisionsFiles>> {
        let within = self.out.as_ref().map(|folder| folder.join("decisions.jsonl"));
        let paths: Vec<PathBuf> = [within, self.decisions.clone()].into_iter().flatten().collect();
        if paths.is_empty() { Ok(None) } else { DecisionsFiles::create(paths).map(Some) }
    }

    fn write(&self, report: &FullReport<'_>) -> Outcome<Vec<PathBuf>> {
        let mut written = Vec::new();
        let within = |name: &str| self.out.as_ref().map(|folder| folder.join(name));
        for path in [within("report.html"), self.html.clone()].into_iter().flatten() {
            write(&path, |out| out.write_all(report.html().as_bytes()))?;
            written.push(path);
        }
        if let Some(path) = within("report.json") {
            write(&path, |out| report.write_json(out).map_err(std::io::Error::from))?;
            written.push(path);
        }
        for path in [within("deals.csv"), self.csv.clone()].into_iter().flatten() {
            write(&path, |out| report.write_deals_csv(out).map_err(std::io::Error::other))?;
            written.push(path);
        }
        Ok(written)
    }
}

/// Files that hear of a run's decisions.
pub struct DecisionsFiles {
    paths: Vec<PathBuf>,
    open: Arc<Mutex<Open>>,
}

struct Open {
    files: Vec<BufWriter<File>>,
    /// The first write that failed; nothing is written after it.
    failed: Option<std::io::Error>,
}

impl DecisionsFiles {
    fn create(paths: Vec<PathBuf>) -> Outcome<Self> {
        let create = |path: &PathBuf| File::create(path).map(BufWriter::new).map_err(|error| Failure::io("create", path, &error));
        let files = paths.iter().map(create).collect::<Outcome<_>>()?;
        Ok(Self { paths, open: Arc::new(Mutex::new(Open { files, failed: None })) })
    }

    /// Who tells them.
    pub fn witness(&self) -> Witness {
        let open = Arc::clone(&self.open);
        Arc::new(move |decision| {
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            let line = decisions::Line::from(decision);
            if open.failed.is_none() {
                open.failed = open.files.iter_mut().find_map(|file| decisions::write(file, &line).err());
            }
        })
    }

    /// Ends the files and says where they are.
    ///
    /// # Errors
    /// The disk refused.
    pub fn close(self) -> Outcome<Vec<PathBuf>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = open.failed.take().or_else(|| open.files.iter_mut().find_map(|file| file.flush().err()));
        drop(open);
        match failed {
            Some(error) => Err(Failure::io("write", &self.paths[0], &error)),
            None => Ok(self.paths),
        }
    }
}

fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Outcome {
    let done = || {
        let mut out = BufWriter::new(File::create(path)?);
        content(&mut out)?;
        out.flush()
    };
    done().map_err(|error| Failure::io("write", path, &error))
}

/// What was run, for whoever finds the report later.
fn about(stage: &Stage, given: &Setting, params: &[Param]) -> About {
    let description = &stage.workshop.description;
    let choice = |name: &str, choice: u32| {
        let spec = description.params.iter().find(|spec| spec.name == name);
        spec.and_then(|spec| spec.choices.get(choice as usize)).cloned().unwrap_or_else(|| choice.to_string())
    };
    let value = |param: &Param| match &param.value {
        ParamValue::Integer(value) => value.to_string(),
        ParamValue::Number(value) => value.to_string(),
        ParamValue::Flag(value) => value.to_string(),
        ParamValue::Text(value) => value.clone(),
        ParamValue::Choice(at) => choice(&param.name, *at),
    };
    About {
        strategy: description.name.clone(),
        version: description.version.clone(),
        digest: stage.workshop.loaded.digest.to_string(),
        symbols: stage.names.clone(),
        params: params.iter().map(|param| (param.name.clone(), value(param))).collect(),
        settings: settings(given, &stage.conditions),
        beware: Vec::new(),
        made_by: concat!("Stockade ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

/// Account and conditions of a test in words, as its report lists them.
pub fn settings(given: &Setting, conditions: &Conditions) -> Vec<(String, String)> {
    let terms = &given.terms;
    let setting = |name: &str, value: String| (name.to_owned(), value);
    [
        setting("Deposit", format!("{} {}", terms.deposit, terms.currency)),
        setting("Account", terms.mode.clone()),
        setting("Leverage", format!("1:{}", terms.leverage)),
        setting("Random seed", given.seed.to_string()),
    ]
    .into_iter()
    .chain(conditions.words().into_iter().map(|(name, words)| (name[..1].to_uppercase() + &name[1..], words)))
    .collect()
}
