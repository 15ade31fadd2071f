//! `stockade replay`: what an engine did, done again from its record.

mod answered;
mod backtest;

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::moment::Moment;
use crate::output::{Align, grouped, table};
use crate::telemetry::say;
use ::backtest::DEADLINE_MS;
use domain::guest::GuestFactory as _;
use domain::ids::{Digest, EngineId};
use domain::limits::GuestLimits;
use domain::tape::Asked;
use domain::time::Time;
use record::{Difference, Life, Record, RecordError, ReplayHost, Replayed, replay};
use sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Calls the component as the record says it was called, gives it the answers it had, and compares what it asks: the same
/// bits, or the first difference and exit code 4. Needs no running host and disturbs none.
#[derive(clap::Args)]
pub struct Arguments {
    /// The engine's number.
    #[arg(long)]
    engine: u32,
    /// Decisions from this market time on are counted and written, such as "2014-05-01" or "2014-05-01 08:30" (UTC). A life
    /// is replayed from its beginning all the same, one that ended before is left out.
    #[arg(long, value_name = "TIME")]
    from: Option<Moment>,
    /// Nothing after this market time is done again.
    #[arg(long, value_name = "TIME")]
    to: Option<Moment>,
    /// Another component than the one that lived: shows where it would have decided otherwise.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Writes every decision to this file, a JSON object a line.
    #[arg(long, value_name = "FILE")]
    decisions: Option<PathBuf>,
    /// Runs a backtest over the ticks of the last of these lives and writes its decisions to this file, for
    /// `stockade backtest compare`: what would it have done? Its orders take the market time that the life's took. It starts
    /// without positions, and the market before the host's start and limits other than the usual are not in the record.
    #[arg(long, value_name = "FILE")]
    backtest: Option<PathBuf>,
}

/// One life, done again.
struct Done<'a> {
    life: &'a Life,
    /// What came of it, or which of its ticks are gone.
    replayed: Result<Replayed, RecordError>,
}

impl Done<'_> {
    fn difference(&self) -> Option<&Difference> {
        self.replayed.as_ref().ok()?.difference.as_ref()
    }
}

/// Replays and reports.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let records = global.config()?.records_dir();
    let record = Record::open(&records, EngineId(arguments.engine)).map_err(failure)?;
    let from = arguments.from.map_or(Time(i64::MIN), |moment| moment.0);
    let to = arguments.to.map_or(Time(i64::MAX), |moment| moment.0);
    let sandbox = Sandbox::<ReplayHost>::new(SandboxConfig::default()).map_err(Failure::of(Exit::Machine))?;
    let mut file = arguments.decisions.as_deref().map(DecisionsFile::create).transpose()?;
    let (lives, ended_before) = lives(&records, &record, (from, to))?;
    let mut done = Vec::new();
    for life in lives {
        let version = load(&sandbox, &records, life, arguments.component.as_deref())?;
        // This machine may be slower than the one on which it lived.
        let limits = GuestLimits { deadline_ms: DEADLINE_MS, ..life.beginning.limits };
        let guest = sandbox.instantiate(&version, ReplayHost::default(), limits).map_err(Failure::of(Exit::Refused))?;
        let replayed = replay(&records, life, guest, (from, to), |at, asked| {
            if let Some(file) = &mut file {
                file.write(at, asked);
            }
        });
        match replayed {
            // Those of other lives may be there.
            Ok(_) | Err(RecordError::TicksMissing { .. }) => done.push(Done { life, replayed }),
            Err(error) => return Err(failure(error)),
        }
    }
    file.map_or(Ok(()), DecisionsFile::close)?;
    match (&arguments.backtest, done.last()) {
        (Some(file), Some(Done { life, replayed: Ok(_) })) => {
            let component = component(&records, life, arguments.component.as_deref())?.1;
            let done = backtest::decisions(&records, life, &component, to, file)?;
            say(format_args!("the backtest took {} decisions: {}", done.decisions, file.display()));
            done.conditions.iter().for_each(|line| say(format_args!("  {line}")));
        }
        (Some(file), Some(_)) => say(format_args!("no backtest, and no {}: ticks of the last of these lives are gone", file.display())),
        _ => {}
    }
    global.output().show(&answer(&done, ended_before, &record), |_| text(&done, ended_before, &record));
    verdict(&done, arguments.engine)
}

/// The lives of which something may lie within the time asked for, and how many ended before that.
fn lives<'a>(records: &Path, record: &'a Record, (from, to): (Time, Time)) -> Outcome<(Vec<&'a Life>, usize)> {
    let mut lives = Vec::new();
    let mut ended_before = 0;
    for (number, life) in record.lives.iter().enumerate() {
        if life.begins().is_none_or(|begins| begins > to) {
            continue;
        }
        match life.ended_before(from, records, record.lives.get(number + 1)).map_err(failure)? {
            true => ended_before += 1,
            false => lives.push(life),
        }
    }
    Ok((lives, ended_before))
}

/// Whether all of it was done again, and was the same.
fn verdict(done: &[Done<'_>], engine: u32) -> Outcome {
    if let Some(difference) = done.iter().find_map(Done::difference) {
        return Err(Failure::new(Exit::Refused, format_args!("engine {engine} decides otherwise: {difference}")));
    }
    let gone: Vec<_> = done.iter().filter_map(|done| Some((done.life, done.replayed.as_ref().err()?))).collect();
    let Some((life, error)) = gone.first() else { return Ok(()) };
    let begins = life.begins().map_or_else(String::new, |begins| format!(", which begins at {begins}"));
    let which = format!("{} of {} lives of engine {engine} can't be done again; the first of them{begins}", gone.len(), done.len());
    Err(Failure::new(Exit::NotFound, format_args!("{which}: {error}; --from leaves out lives that ended before a time")))
}

/// A life's component, or the one given instead, with a name for it.
fn component(records: &Path, life: &Life, other: Option<&Path>) -> Outcome<(String, Vec<u8>)> {
    match other {
        Some(file) => crate::workshop::read(file).map(|(path, bytes)| (path.display().to_string(), bytes)),
        None => Ok((life.beginning.version.to_string(), life.component(records).map_err(failure)?)),
    }
}

fn load(sandbox: &Sandbox<ReplayHost>, records: &Path, life: &Life, other: Option<&Path>) -> Outcome<Digest> {
    let (name, bytes) = component(records, life, other)?;
    let loaded = sandbox.load(&bytes).map_err(|error| Failure::new(Exit::Refused, format_args!("{name}: {error}")))?;
    Ok(loaded.digest)
}

fn answer(done: &[Done<'_>], ended_before: usize, record: &Record) -> Value {
    let lives = done.iter().map(|Done { life, replayed }| {
        let (version, begins) = (life.beginning.version.to_string(), life.begins().map(|time| time.to_string()));
        match replayed {
            Ok(replayed) => json!({
                "version": version, "begins": begins, "ticks": replayed.ticks, "calls": replayed.calls, "decisions": replayed.decisions,
                "digest": replayed.digest.to_string(), "ended": replayed.ended,
                "difference": replayed.difference.as_ref().map(ToString::to_string),
            }),
            Err(gone) => json!({ "version": version, "begins": begins, "not_replayed": gone.to_string() }),
        }
    });
    let lives = lives.collect::<Vec<_>>();
    json!({ "record": record.hash.to_string(), "torn_bytes": record.torn, "ended_before": ended_before, "lives": lives })
}

fn text(done: &[Done<'_>], ended_before: usize, record: &Record) -> String {
    let head = [
        ("begins", Align::Left),
        ("version", Align::Left),
        ("ticks", Align::Right),
        ("calls", Align::Right),
        ("decisions", Align::Right),
        ("", Align::Left),
    ];
    let rows: Vec<Vec<String>> = done
        .iter()
        .map(|Done { life, replayed }| {
            let verdict = match replayed {
                Err(gone) => format!("not done again: {gone}"),
                Ok(Replayed { difference: Some(_), .. }) => "differs".to_owned(),
                Ok(Replayed { ended: Some(why), .. }) => format!("the same, up to: {}", why.lines().next().unwrap_or_default()),
                Ok(replayed) => format!("the same, {}", &replayed.digest.to_string()[..12]),
            };
            let count = |of: fn(&Replayed) -> u64| replayed.as_ref().map_or_else(|_| String::new(), |replayed| grouped(of(replayed)));
            vec![
                life.begins().map_or_else(String::new, |time| time.to_string()),
                life.beginning.version.to_string()[..12].to_owned(),
                count(|replayed| replayed.ticks),
                count(|replayed| replayed.calls),
                count(|replayed| replayed.decisions),
                verdict,
            ]
        })
        .collect();
    let torn = match record.torn {
        0 => String::new(),
        bytes => {
            format!("; {} bytes after its last whole frame are of one cut short, by a crash or because the host is writing", grouped(bytes))
        }
    };
    let left_out = match ended_before {
        0 => String::new(),
        lives => format!("; {lives} lives that ended before --from are left out"),
    };
    format!("{}record {}{left_out}{torn}\n", table(&head, &rows), record.hash)
}

/// Decisions as JSON lines.
struct DecisionsFile {
    path: PathBuf,
    file: BufWriter<File>,
    /// The first write that failed; nothing is written after it.
    failed: Option<std::io::Error>,
}

impl DecisionsFile {
    fn create(path: &Path) -> Outcome<Self> {
        let file = File::create(path).map_err(|error| Failure::io("create", path, &error))?;
        Ok(Self { path: path.to_path_buf(), file: BufWriter::new(file), failed: None })
    }

    fn write(&mut self, at: Time, asked: &Asked) {
        if self.failed.is_none() {
            self.failed = writeln!(self.file, "{}", json!({ "at": at, "asked": asked })).err();
        }
    }

    fn close(mut self) -> Outcome {
        let written = self.failed.take().map_or_else(|| self.file.flush(), Err);
        written.map_err(|error| Failure::io("write", &self.path, &error))
    }
}

fn failure(error: RecordError) -> Failure {
    let exit = match &error {
        RecordError::NoRecord { .. } | RecordError::TicksMissing { .. } => Exit::NotFound,
        RecordError::Altered { .. } => Exit::Refused,
        RecordError::Format(_) => Exit::Machine,
        RecordError::Io { .. } => Exit::Failed,
    };
    Failure::new(exit, error)
}
