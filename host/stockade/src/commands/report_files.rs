//! The files that a backtest leaves: a page, a JSON document, the deals as CSV.

use super::backtest::{Setting, Stage, store_failure};
use crate::exit::{Exit, Failure, Outcome};
use backtest::report::{About, FullReport};
use backtest::{RunReport, RunSetup};
use domain::contract::{Param, ParamValue};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where to write what; the run is then looked at again, and repeated at twice the spread.
#[derive(clap::Args)]
pub struct Files {
    /// Write report.html, report.json and deals.csv into this folder, which is made if it isn't there.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write the report as a page of its own, for a browser.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the deals as CSV.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
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
            std::fs::create_dir_all(folder).map_err(|error| Failure::io("make the folder", folder, &error))?;
        }
        for file in [&self.html, &self.csv].into_iter().flatten() {
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
    pub fn report(&self, stage: &Stage, setup: RunSetup, setting: &Setting, run: &RunReport) -> Outcome<Vec<PathBuf>> {
        let (table, symbols) = (setup.table.clone(), setup.symbols.clone());
        let review = backtest::review(run, &table, &symbols, stage.source()?).map_err(store_failure)?;
        let about = about(stage, setting, &setup.params);
        let doubled = stage.run(RunSetup { keep_remarks: false, ..setup }, stage.source_at(2.0)?)?;
        self.write(&FullReport::new(&about, run, &table, &symbols, &review, Some(&doubled)))
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
    let (description, terms) = (&stage.workshop.description, &given.terms);
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
    let setting = |name: &str, value: String| (name.to_owned(), value);
    About {
        strategy: description.name.clone(),
        version: description.version.clone(),
        digest: stage.workshop.loaded.digest.to_string(),
        symbols: stage.names.clone(),
        params: params.iter().map(|param| (param.name.clone(), value(param))).collect(),
        settings: [
            setting("Deposit", format!("{} {}", terms.deposit, terms.currency)),
            setting("Account", terms.mode.clone()),
            setting("Leverage", format!("1:{}", terms.leverage)),
            setting("Random seed", given.seed.to_string()),
        ]
        .into_iter()
        .chain(given.conditions.words().into_iter().map(|(name, words)| (name[..1].to_uppercase() + &name[1..], words)))
        .collect(),
        made_by: concat!("Stockade ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}
