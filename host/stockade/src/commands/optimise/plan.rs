//! What is to be done, worked out from the command line, the files it names, the strategy and its ticks.

use super::arguments::{Fresh, read};
use crate::cli::Global;
use crate::commands::backtest::{Stage, store_failure};
use crate::exit::{Exit, Failure, Outcome};
use crate::telemetry::say;
use backtest::model::Model;
use backtest::optimise::ini::TesterIni;
use backtest::optimise::set_file::SetFile;
use backtest::optimise::windows::{self, Span, Walk, Window};
use backtest::optimise::{Criterion, GeneticOptions, Given, Method, Space, Tested, TickSet, TickSetError};
use domain::contract::ParamValue;
use market::Date;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// An optimisation, ready to run.
pub struct Plan {
    pub fresh: Fresh,
    pub stage: Stage,
    pub ticks: TickSet,
    pub space: Space,
    pub windows: Vec<Window>,
    pub method: Method,
    pub criterion: Criterion,
    pub tested: Tested,
}

impl Plan {
    /// Works it out. `said` tells which arguments the command line gave itself.
    ///
    /// # Errors
    /// Names what is missing or can't be meant, and the way out.
    pub fn new(mut fresh: Fresh, global: &Global, said: impl Fn(&str) -> bool) -> Outcome<Self> {
        let mut sets: Vec<(std::path::PathBuf, SetFile)> = Vec::new();
        if let Some(path) = fresh.ini.clone() {
            let ini = read(&path, TesterIni::read)?;
            fresh.take_ini(&ini, said)?;
            say_unused(&path, &ini, &fresh);
            if let Some(name) = &ini.expert_parameters {
                let beside = beside(&path, name)?;
                let file = read(&beside, SetFile::read)?;
                sets.push((beside, file));
            }
            sets.push((path, ini.inputs));
        }
        if let Some(path) = fresh.set_file.clone() {
            let file = read(&path, SetFile::read)?;
            sets.push((path, file));
        }
        let stage = Stage::open(&fresh.setting, global)?;
        let specs = &stage.workshop.description.params;
        let mut given: Vec<(String, Given)> = Vec::new();
        for (path, file) in &sets {
            let inputs = file.given(specs).map_err(|why| Failure::new(Exit::Refused, format_args!("{}: {why}", path.display())))?;
            given.extend(inputs);
        }
        given.extend(fresh.set.iter().cloned());
        let space = Space::new(specs, &given).map_err(Failure::of(Exit::Refused))?;
        if space.axes().is_empty() {
            return Err(nothing_varies(&stage));
        }
        let ticks = ticks(&stage)?;
        let windows = windows(&fresh, &stage, &ticks)?;
        let criterion = Criterion::from_word(&fresh.criterion).expect("the command line takes no other words");
        let tested = match (&fresh.walk_forward, fresh.method.as_str()) {
            (Some(_), _) => Tested::Best,
            // As MT5: a complete search has many bad passes, a genetic one mostly good ones.
            (None, "genetic") => Tested::Share(0.25),
            (None, _) => Tested::Share(0.1),
        };
        let method = method(&fresh);
        Ok(Self { fresh, stage, ticks, space, windows, method, criterion, tested })
    }

    /// All that what is found depends on: an optimisation only goes on where this is the same.
    pub fn header(&self, argv: &[String]) -> Value {
        let workshop = &self.stage.workshop;
        let axes = self.space.axes().iter();
        let span = self.ticks.span(|_| true);
        json!({
            "program": env!("CARGO_PKG_VERSION"),
            "strategy": workshop.description.name,
            "version": workshop.description.version,
            "digest": workshop.loaded.digest.to_string(),
            "symbols": self.stage.names,
            "ticks": self.ticks.len(),
            "first_tick": span.map(|(first, _)| first.to_string()),
            "last_tick": span.map(|(_, last)| last.to_string()),
            "space": axes.map(|axis| (axis.name().to_owned(), json!(axis.range_texts()))).collect::<serde_json::Map<_, _>>(),
            "windows": self.windows,
            "criterion": self.criterion,
            "argv": argv,
        })
    }

    /// The settings as MT5 writes them.
    pub fn ini(&self) -> TesterIni {
        let setting = &self.fresh.setting;
        let specs = &self.stage.workshop.description.params;
        let (forward_mode, forward_date) = match self.fresh.forward {
            Some(windows::Forward::Fraction(n)) => (n - 1, None),
            Some(windows::Forward::From(day)) => (4, Some(day)),
            None => (0, None),
        };
        let mut ini = TesterIni {
            expert: Some(self.stage.workshop.description.name.clone()),
            symbol: self.stage.names.first().cloned(),
            optimization: Some(if self.fresh.method == "genetic" { 2 } else { 1 }),
            optimization_criterion: Criterion::ALL.iter().position(|one| *one == self.criterion).map(|at| at as u32),
            from_date: setting.from,
            to_date: setting.to.map(|day| Date(day.0 + 1)),
            forward_mode: Some(forward_mode),
            forward_date,
            deposit: Some(setting.terms.deposit),
            currency: Some(setting.terms.currency.clone()),
            leverage: Some(setting.terms.leverage),
            inputs: SetFile::of_space(specs, &self.space, &self.space.params(&self.space.point(0)), "inputs"),
            ..TesterIni::default()
        };
        setting.conditions.put_ini(&mut ini);
        ini
    }
}

/// The file that `ExpertParameters` of a tester.ini names: MT5 looks for it in a folder of its own, we beside the ini.
fn beside(ini: &Path, name: &str) -> Outcome<PathBuf> {
    let folder = ini.parent().map_or(PathBuf::new(), Path::to_path_buf);
    let last = name.rsplit(['\\', '/']).next().unwrap_or(name);
    let known = [folder.join(name), folder.join(last)].into_iter().find(|path| path.is_file());
    // On the system that it comes from, names are the same in any case.
    let in_any_case = || {
        let entries = std::fs::read_dir(if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() }).ok()?;
        entries.flatten().map(|entry| entry.path()).find(|path| path.file_name().is_some_and(|found| found.eq_ignore_ascii_case(last)))
    };
    known.or_else(in_any_case).ok_or_else(|| {
        let why = format_args!("{}: ExpertParameters={name}, and {last} is not beside it", ini.display());
        Failure::new(Exit::NotFound, format_args!("{why}; put it there, or take the line out and give the file with --set-file"))
    })
}

/// Tells which lines of a tester.ini are without effect here.
fn say_unused(path: &Path, ini: &TesterIni, fresh: &Fresh) {
    let period = ini.period.is_some() && fresh.setting.conditions.modelling().model == Model::RealTicks;
    let known = [("Period", period), ("Report", ini.report.is_some())];
    let known = known.into_iter().filter(|(_, is_unused)| *is_unused).map(|(key, _)| key);
    let unused: Vec<&str> = known.chain(ini.other.iter().map(|(key, _)| key.as_str())).collect();
    if !unused.is_empty() {
        say(format_args!("{}: without effect here: {}", path.display(), unused.join(", ")));
    }
}

fn nothing_varies(stage: &Stage) -> Failure {
    let params = &stage.workshop.description.params;
    let number = params.iter().find(|spec| matches!(spec.default, ParamValue::Integer(_) | ParamValue::Number(_)));
    let example = match (params.first(), number) {
        (None, _) => return Failure::new(Exit::Refused, format_args!("{} has no parameters to optimise", stage.workshop.description.name)),
        (Some(first), None) => format!("{}=*", first.name),
        (_, Some(spec)) => format!("{}=FROM..TO:STEP", spec.name),
    };
    Failure::new(Exit::Usage, format_args!("no parameter varies; say which do, such as --set {example}, or give a --set-file"))
}

fn method(fresh: &Fresh) -> Method {
    let seed = fresh.setting.seed;
    match fresh.method.as_str() {
        "random" => Method::Random { passes: fresh.passes.unwrap_or(1_000), seed },
        "genetic" => Method::Genetic(GeneticOptions {
            population: fresh.population,
            elite: (fresh.population / 10).max(1),
            generations_max: fresh.generations,
            passes_max: fresh.passes.unwrap_or(fresh.passes_max),
            seed,
            ..GeneticOptions::default()
        }),
        _ => Method::Complete,
    }
}

/// Maps all days of all symbols, once.
fn ticks(stage: &Stage) -> Outcome<TickSet> {
    let mut lanes = Vec::new();
    for (id, spec) in stage.setup.table.iter() {
        lanes.push((id, stage.store.read(&spec.name, stage.warm, stage.end).map_err(store_failure)?));
    }
    TickSet::open(lanes).map_err(|error| match error {
        TickSetError::Store(error) => store_failure(error),
        many @ TickSetError::TooManyDays => Failure::new(Exit::Refused, many),
    })
}

fn windows(fresh: &Fresh, stage: &Stage, ticks: &TickSet) -> Outcome<Vec<Window>> {
    let own = |symbol| stage.setup.symbols.contains(&symbol);
    let span = ticks.span(own).or_else(|| stage.minutes_span());
    let Some((first, last)) = span.filter(|(_, last)| *last >= stage.setup.start) else {
        return Err(stage.failure(backtest::RunError::NoTicks));
    };
    let span = Span::holding(first.max(stage.setup.start), last);
    let windows = match (&fresh.walk_forward, fresh.forward) {
        (Some(how), _) => {
            let how = if how == "anchored" { Walk::Anchored } else { Walk::Rolling };
            windows::walk(span, how, fresh.in_days.unwrap_or(0), fresh.out_days.unwrap_or(0))
        }
        (None, Some(forward)) => windows::forward(span, forward).map(|window| vec![window]),
        (None, None) => Ok(vec![Window { optimised: span, tested: None }]),
    };
    windows.map_err(Failure::of(Exit::Usage))
}
