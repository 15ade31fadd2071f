//! `stockade optimise`: a strategy over stored ticks with many sets of parameters.

mod arguments;
mod plan;
mod show;

pub use arguments::{Arguments, Fresh};

use crate::cli::{Cli, Command, Global};
use crate::commands::backtest::warm_up_us;
use crate::commands::report_files::settings;
use crate::exit::{Exit, Failure, Outcome};
use arguments::Then;
use backtest::optimise::monte_carlo::{monte_carlo, results};
use backtest::optimise::set_file::SetFile;
use backtest::optimise::summary::{PassTold, Summary};
use backtest::optimise::text_file::Encoding;
use backtest::optimise::{Campaign, Findings, JobError, Known, Record, RecordError, Runner, Trouble, header, threads};
use clap::parser::ValueSource;
use clap::{CommandFactory as _, Parser as _};
use domain::contract::Param;
use domain::desk::Desk;
use domain::guest::GuestFactory as _;
use domain::limits::GuestLimits;
use domain::time::Time;
use plan::Plan;
use serde_json::Value;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Runs a new optimisation, or goes on with one.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    match (&arguments.command, &arguments.fresh) {
        (Some(Then::Resume { folder, threads }), _) => resume(folder, *threads, global),
        (None, fresh) => {
            let argv: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            let plan = Plan::new(fresh.clone(), global, said(&argv))?;
            let folder = match &fresh.out {
                Some(folder) => folder.clone(),
                None => PathBuf::from(format!("{}-optimisation", plan.stage.workshop.description.name)),
            };
            let trades_min = fresh.trades_min;
            // Before anything is written: what can't be done leaves no folder behind.
            expected(&plan)?;
            let record = Record::create(&folder, &plan.header(&argv), &plan.space, plan.criterion, trades_min).map_err(record_failure)?;
            Record::put(&folder, "tester.ini", &plan.ini().bytes(Encoding::Utf16)).map_err(record_failure)?;
            execute(&plan, record, &Known::new(), &folder, global)
        }
    }
}

/// Goes on with what `folder` holds, under the command line that it was begun with.
fn resume(folder: &Path, threads: Option<usize>, global: &Global) -> Outcome {
    let begun: Value = header(folder).map_err(record_failure)?;
    let argv: Vec<String> = serde_json::from_value(begun["argv"].clone()).unwrap_or_default();
    let damaged =
        || Failure::new(Exit::Refused, format_args!("{} does not say how it was begun", folder.join("optimisation.json").display()));
    let cli = Cli::try_parse_from(&argv).map_err(|_| damaged())?;
    let Command::Optimise(arguments) = cli.command else { return Err(damaged()) };
    let fresh = Fresh { threads, ..arguments.fresh };
    let begun_global = Global { json: global.json, ..cli.global };
    let plan = Plan::new(fresh, &begun_global, said(&argv))?;
    let now = plan.header(&argv);
    if let Some(key) = now.as_object().into_iter().flatten().find(|(key, value)| begun[key.as_str()] != **value).map(|(key, _)| key) {
        let (was, is) = (&begun[key.as_str()], &now[key.as_str()]);
        return Err(Failure::new(
            Exit::Refused,
            format_args!("{} can't be gone on with: its {key} was {was} and is {is}; begin anew in another folder", folder.display()),
        ));
    }
    let (record, known) = Record::reopen(folder, &plan.space, plan.criterion, plan.fresh.trades_min).map_err(record_failure)?;
    execute(&plan, record, &known, folder, global)
}

/// Which arguments a command line gave itself, rather than leaving them at their defaults.
fn said(argv: &[String]) -> impl Fn(&str) -> bool {
    let matches = Cli::command().try_get_matches_from(argv).ok();
    move |id| {
        let own = matches.as_ref().and_then(|matches| matches.subcommand_matches("optimise"));
        own.is_some_and(|own| own.value_source(id) == Some(ValueSource::CommandLine))
    }
}

fn expected(plan: &Plan) -> Outcome<u64> {
    let pool = threads(1).map_err(job_failure)?;
    campaign(plan, &pool, &AtomicBool::new(false)).expected().map_err(Failure::of(Exit::Usage))
}

fn campaign<'a>(plan: &'a Plan, pool: &'a rayon::ThreadPool, stop: &'a AtomicBool) -> Campaign<'a> {
    Campaign {
        space: &plan.space,
        windows: &plan.windows,
        method: plan.method,
        criterion: plan.criterion,
        trades_min: plan.fresh.trades_min,
        tested: plan.tested,
        passes_max: plan.fresh.passes_max,
        pool,
        stop,
    }
}

fn execute(plan: &Plan, mut record: Record, known: &Known, folder: &Path, global: &Global) -> Outcome {
    let stop = interrupts()?;
    let workshop = &plan.stage.workshop;
    let ticks = |from: Time, to: Time| match plan.stage.is_as_stored() {
        true => plan.ticks.source(from, to, &stop),
        // Made from bars, or with another spread: made anew for each pass.
        false => plan.stage.source_between(from, to),
    };
    let guests = |desk: Desk, limits: GuestLimits| workshop.sandbox.instantiate(&workshop.loaded.digest, desk, limits);
    let runner = Runner::new(plan.stage.setup.clone(), &ticks, &guests, warm_up_us(&workshop.description), &stop);
    let pool = threads(plan.fresh.threads.unwrap_or_else(cores)).map_err(job_failure)?;
    let campaign = campaign(plan, &pool, &stop);
    let done_before: usize = known.values().map(|passes| passes.len()).sum();
    let bar = show::progress(expected(plan)?.saturating_sub(done_before as u64));
    let begun = Instant::now();
    let trial = |params: &[Param], span| runner.figures(params, span);
    let findings = campaign.run(known, &trial, |window, part, pass| {
        bar.inc(1);
        record.add(window, part, pass, &plan.space)
    });
    bar.finish_and_clear();
    let findings = findings.map_err(job_failure)?;
    let took = begun.elapsed();
    let mut summary = summary(plan, &findings, &runner)?;
    let crossed = if plan.stage.conditions.deals_at_crossed_quotes() { plan.ticks.crossed() } else { 0 };
    summary.beware = plan.stage.beware_of_all(&runner.missing_bars(), crossed, plan.ticks.len())?;
    if !plan.fresh.no_confirm && !findings.is_stopped {
        summary.confirmed = true;
        confirm(plan, &summary, &runner)?;
    }
    if findings.is_stopped {
        record.sync().map_err(|error| Failure::io("write", folder, &error))?;
    } else {
        record.finish(findings.passes(), &plan.space).map_err(|error| Failure::io("write", folder, &error))?;
    }
    write(plan, &summary, folder)?;
    let ran = findings.passes().count() - done_before.min(findings.passes().count());
    global.output().show(&show::json(plan, &summary, took, ran), |_| show::text(plan, &summary, took, ran, folder));
    if findings.is_stopped {
        let how = format_args!("interrupted after {} passes; go on with `stockade optimise resume {}`", summary.passes, folder.display());
        return Err(Failure::new(Exit::Interrupted, how));
    }
    match summary.windows.iter().all(|window| window.best.is_empty()) {
        true => Err(Failure::new(Exit::Failed, show::nothing_found(&summary))),
        false => Ok(()),
    }
}

/// The first Ctrl-C, or request to end, ends after what was done is written down; the second ends at once.
fn interrupts() -> Outcome<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, Exit::Interrupted as i32, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(Failure::of(Exit::Machine))?;
    }
    Ok(stop)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get())
}

/// The summary, with other orders of the trades of the best pass, or of all tests of a walk.
fn summary(plan: &Plan, findings: &Findings, runner: &Runner<'_>) -> Outcome<Summary> {
    let trades_min = plan.fresh.trades_min;
    let mut summary = Summary::new(findings, &plan.space, plan.method, plan.criterion, trades_min);
    let symbols = ("Symbols".to_owned(), plan.stage.names.join(", "));
    summary.settings = std::iter::once(symbols).chain(settings(&plan.fresh.setting, &plan.stage.conditions)).collect();
    if plan.fresh.monte_carlo == 0 || findings.is_stopped {
        return Ok(summary);
    }
    let is_walk = findings.windows.len() > 1;
    let mut trades = Vec::new();
    for one in &summary.windows {
        let span = if is_walk { one.window.tested } else { Some(one.window.optimised) };
        let (Some(best), Some(span)) = (one.best.first(), span) else { continue };
        match runner.report(&params(plan, best), span) {
            Ok(report) => trades.extend(report.iter().flat_map(|report| results(&report.deals))),
            // A test that failed is listed as such; one that is stopped now is not worth waiting for.
            Err(Trouble::Fault(_) | Trouble::Stopped) => {}
            Err(Trouble::Host(why)) => return Err(Failure::new(Exit::Failed, why)),
        }
    }
    let deposit = plan.stage.setup.terms.deposit.to_units();
    summary.monte_carlo =
        monte_carlo(&trades, deposit, plan.fresh.monte_carlo, plan.fresh.setting.seed).map_err(Failure::of(Exit::Usage))?;
    Ok(summary)
}

/// Runs the best pass of each window again with other batches, in sample and out of it.
fn confirm(plan: &Plan, summary: &Summary, runner: &Runner<'_>) -> Outcome {
    if !plan.stage.is_handed_ticks() {
        return Ok(());
    }
    for one in &summary.windows {
        let Some(best) = one.best.first() else { continue };
        for span in [Some(one.window.optimised), one.window.tested].into_iter().flatten() {
            match runner.reads_ahead(&params(plan, best), span) {
                Ok(None) => {}
                Ok(Some(reads_ahead)) => return Err(plan.stage.refused(&reads_ahead)),
                // A test that failed is listed as such.
                Err(Trouble::Fault(_)) if Some(span) == one.window.tested => {}
                Err(Trouble::Fault(fault)) => {
                    let why = format_args!("pass {}, run again with its batches cut elsewhere, failed: {}", best.pass, fault.message);
                    return Err(Failure::new(Exit::Refused, why));
                }
                Err(Trouble::Stopped) => {
                    let how = "interrupted while the best passes were confirmed; go on with `stockade optimise resume`";
                    return Err(Failure::new(Exit::Interrupted, how));
                }
                Err(Trouble::Host(why)) => return Err(Failure::new(Exit::Failed, why)),
            }
        }
    }
    Ok(())
}

fn params(plan: &Plan, pass: &PassTold) -> Vec<Param> {
    let point = plan.space.point_of(pass.params.iter().map(String::as_str)).expect("its texts come from this space");
    plan.space.params(&point)
}

/// What people and other programs read of it.
fn write(plan: &Plan, summary: &Summary, folder: &Path) -> Outcome {
    let put = |name: &str, bytes: &[u8]| Record::put(folder, name, bytes).map(drop).map_err(record_failure);
    put("report.json", &serde_json::to_vec_pretty(summary).expect("a summary has only string keys"))?;
    put("report.html", show::page(plan, summary).as_bytes())?;
    if let Some(best) = summary.best() {
        let specs = &plan.stage.workshop.description.params;
        let comment = format!("{} {}, pass {}", plan.stage.workshop.description.name, plan.stage.workshop.description.version, best.pass);
        let file = SetFile::of_space(specs, &plan.space, &params(plan, best), &comment);
        put("best.set", &file.bytes(Encoding::Utf16))?;
    }
    Ok(())
}

fn record_failure(error: RecordError) -> Failure {
    match error {
        RecordError::Io { path, error } if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory) => {
            let why = format_args!("{} can't be the optimisation's folder: a file is in its way; give another with --out", path.display());
            Failure::new(Exit::Refused, why)
        }
        RecordError::Io { path, error } => Failure::io("use", &path, &error),
        absent @ RecordError::Absent(_) => Failure::new(Exit::NotFound, absent),
        busy @ RecordError::Busy(_) => Failure::new(Exit::InUse, busy),
        other => Failure::new(Exit::Refused, other),
    }
}

fn job_failure(error: JobError) -> Failure {
    match error {
        JobError::Threads(error) => Failure::new(Exit::Machine, error),
        other => Failure::new(Exit::Failed, other),
    }
}
