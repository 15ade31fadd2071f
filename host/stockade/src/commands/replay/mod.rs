//! `stockade replay`: what an engine did, done again from its record.

mod answered;
mod backtest;
mod market;

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::moment::Moment;
use crate::output::{Align, grouped, table};
use crate::telemetry::say;
use ::backtest::DEADLINE_MS;
use domain::guest::GuestFactory as _;
use domain::ids::{Digest, EngineId};
use domain::limits::GuestLimits;
use domain::tape::{Asked, Entry, Heard};
use domain::time::Time;
use record::{Difference, Life, LifeEnd, Record, RecordError, ReplayHost, Replayed, TicksMissing, replay};
use sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Calls the component as the record says it was called, gives it the answers it had, and compares what it asks: the same
/// bits, or the first difference. Needs no running host and disturbs none.
///
/// A life that a crash cut short, or that a running host has not finished, is replayed up to the last that is on the disk.
/// Exit code 0: all that is recorded agrees, also where it was cut short; 3: something in the middle is missing; 4: it differs.
#[derive(clap::Args)]
pub struct Arguments {
    /// The engine, by its id or its name.
    #[arg(long, value_name = "ENGINE")]
    engine: String,
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
    /// `stockade backtest compare`: what would it have done? It is handed the ticks that the life was handed, and its orders take the
    /// market time that the life's took. It starts without positions; of the market before the host's start it has what the life
    /// asked for, and limits other than the usual are not in the record.
    #[arg(long, value_name = "FILE")]
    backtest: Option<PathBuf>,
}

/// One life, done again.
struct Done<'a> {
    life: &'a Life,
    end: LifeEnd,
    /// What came of it, or why it can't be done again at all.
    replayed: Result<Replayed, RecordError>,
}

impl Done<'_> {
    fn difference(&self) -> Option<&Difference> {
        self.replayed.as_ref().ok()?.difference.as_ref()
    }

    /// What in the middle of it is not in the record.
    fn hole(&self) -> Option<String> {
        match &self.replayed {
            Ok(replayed) => replayed.missing.as_ref().filter(|missing| !missing.is_end()).map(ToString::to_string),
            Err(error) => Some(error.to_string()),
        }
    }

    /// What cut it short before its end; not told of one that was not asked for up to there.
    fn cut_short(&self) -> Option<String> {
        let Ok(Replayed { ended: None, difference: None, goes_on: false, missing, .. }) = &self.replayed else { return None };
        match (missing, self.end) {
            (Some(missing), _) if !missing.is_end() => None,
            (Some(missing), LifeEnd::Running) => Some(format!("its host is writing, {} on are not on the disk yet", first(missing))),
            (Some(missing), LifeEnd::Crashed) => Some(format!("cut short by a crash, {} on were not recorded", first(missing))),
            (Some(missing), LifeEnd::Told) => Some(format!("{} on were not recorded", first(missing))),
            (None, LifeEnd::Running) => Some("its host is running".to_owned()),
            (None, LifeEnd::Crashed) => Some("cut short by a crash".to_owned()),
            (None, LifeEnd::Told) => None,
        }
    }
}

/// The first tick that is missing.
fn first(missing: &TicksMissing) -> String {
    format!("ticks of {} from {}", missing.symbol, missing.first)
}

/// When no time is given up to which something is done again.
const FOREVER: Time = Time(i64::MAX);

/// Replays and reports.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let records = global.config()?.records_dir();
    let engine = engine(&records, &arguments.engine)?;
    let record = Record::open(&records, engine).map_err(failure)?;
    let from = arguments.from.map_or(Time(i64::MIN), |moment| moment.0);
    let to = arguments.to.map_or(FOREVER, |moment| moment.0);
    let sandbox = Sandbox::<ReplayHost>::new(SandboxConfig::default()).map_err(Failure::of(Exit::Machine))?;
    let mut file = arguments.decisions.as_deref().map(DecisionsFile::create).transpose()?;
    let (lives, ended_before) = lives(&records, &record, (from, to))?;
    let mut done = Vec::new();
    for (number, life) in lives {
        let end = record.end_of(number);
        if arguments.component.is_none()
            && let Err(error) = life.component(&records)
        {
            // Those of other lives may be there.
            done.push(Done { life, end, replayed: Err(error) });
            continue;
        }
        let version = load(&sandbox, &records, life, arguments.component.as_deref())?;
        // This machine may be slower than the one on which it lived.
        let limits = GuestLimits { deadline_ms: DEADLINE_MS, ..life.beginning.limits };
        let guest = sandbox.instantiate(&version, ReplayHost::default(), limits).map_err(Failure::of(Exit::Refused))?;
        let replayed = replay(&records, life, guest, (from, to), |at, asked| {
            if let Some(file) = &mut file {
                file.write(at, asked);
            }
        });
        done.push(Done { life, end, replayed: Ok(replayed.map_err(failure)?) });
    }
    file.map_or(Ok(()), DecisionsFile::close)?;
    match (&arguments.backtest, done.last()) {
        (Some(file), Some(Done { life, replayed: Ok(_), .. })) => {
            let component = component(&records, life, arguments.component.as_deref())?.1;
            match backtest::decisions(&records, life, &component, to, file)? {
                Some(done) => {
                    say(format_args!("the backtest took {} decisions: {}", done.decisions, file.display()));
                    done.conditions.iter().for_each(|line| say(format_args!("  {line}")));
                }
                None => say(format_args!(
                    "no backtest, and no {}: nothing happened in the last of these lives, not a tick, bar or timer",
                    file.display()
                )),
            }
        }
        (Some(file), Some(_)) => say(format_args!("no backtest, and no {}: the last of these lives can't be done again", file.display())),
        _ => {}
    }
    let about = About { record: &record, ended_before };
    global.output().show(&about.answer(&done), |_| about.text(&done));
    verdict(&done, engine)
}

/// The engine that is meant, by its id or its name.
fn engine(records: &Path, given: &str) -> Outcome<EngineId> {
    if let Ok(id) = given.parse() {
        return Ok(EngineId(id));
    }
    match record::engines_named(records, given).map_err(failure)?[..] {
        [id] => Ok(id),
        [] => Err(Failure::new(
            Exit::NotFound,
            format_args!(
                "there is no record of an engine named {given:?} in {}; give its id, which `stockade engine list` shows",
                records.display()
            ),
        )),
        ref several => {
            let ids: Vec<String> = several.iter().map(ToString::to_string).collect();
            Err(Failure::new(Exit::Usage, format_args!("several engines were named {given:?}; give one's id: {}", ids.join(", "))))
        }
    }
}

/// The lives of which something may lie within the time asked for, with their places, and how many ended before that.
fn lives<'a>(records: &Path, record: &'a Record, (from, to): (Time, Time)) -> Outcome<(Vec<(usize, &'a Life)>, usize)> {
    let mut lives = Vec::new();
    let mut ended_before = 0;
    for (number, life) in record.lives.iter().enumerate() {
        if life.begins().is_none_or(|begins| begins > to) {
            continue;
        }
        match life.ended_before(from, records, record.lives.get(number + 1)).map_err(failure)? {
            true => ended_before += 1,
            false => lives.push((number, life)),
        }
    }
    Ok((lives, ended_before))
}

/// Whether all of it was done again, and was the same.
fn verdict(done: &[Done<'_>], engine: EngineId) -> Outcome {
    if let Some(difference) = done.iter().find_map(Done::difference) {
        return Err(Failure::new(Exit::Refused, format_args!("engine {engine} decides otherwise: {difference}")));
    }
    let gone: Vec<_> = done.iter().filter_map(|done| Some((done.life, done.hole()?))).collect();
    let Some((life, why)) = gone.first() else { return Ok(()) };
    let begins = life.begins().map_or_else(String::new, |begins| format!(", which begins at {begins}"));
    let which =
        format!("{} of {} lives of engine {engine} can't be done again to the end; the first of them{begins}", gone.len(), done.len());
    Err(Failure::new(Exit::NotFound, format_args!("{which}: {why}; --from leaves out lives that ended before a time")))
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

/// What is told beside the lives.
struct About<'a> {
    record: &'a Record,
    ended_before: usize,
}

impl About<'_> {
    fn answer(&self, done: &[Done<'_>]) -> Value {
        let lives = done.iter().map(|life| {
            let Done { life: Life { beginning, .. }, replayed, .. } = life;
            let (version, begins) = (beginning.version.to_string(), life.life.begins().map(|time| time.to_string()));
            match replayed {
                Ok(replayed) => json!({
                    "version": version, "begins": begins, "until": replayed.until.map(|time| time.to_string()), "ticks": replayed.ticks,
                    "calls": replayed.calls, "decisions": replayed.decisions, "digest": replayed.digest.to_string(),
                    "ended": replayed.ended, "goes_on": replayed.goes_on, "cut_short": life.cut_short(), "not_replayed": life.hole(),
                    "difference": replayed.difference.as_ref().map(ToString::to_string),
                }),
                Err(gone) => json!({ "version": version, "begins": begins, "not_replayed": gone.to_string() }),
            }
        });
        let lives = lives.collect::<Vec<_>>();
        json!({
            "record": self.record.hash.to_string(), "torn_bytes": self.record.torn, "ended_before": self.ended_before, "holes": self.holes(),
            "lives": lives,
        })
    }

    /// How many lives the record says that something of them was left out.
    fn holes(&self) -> usize {
        self.record.lives.iter().filter(|life| life.entries.contains(&Entry::Gap)).count()
    }

    fn text(&self, done: &[Done<'_>]) -> String {
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
            .map(|done| {
                let (life, replayed) = (done.life, &done.replayed);
                let count = |of: fn(&Replayed) -> u64| replayed.as_ref().map_or_else(|_| String::new(), |replayed| grouped(of(replayed)));
                vec![
                    life.begins().map_or_else(String::new, |time| time.to_string()),
                    life.beginning.version.to_string()[..12].to_owned(),
                    count(|replayed| replayed.ticks),
                    count(|replayed| replayed.calls),
                    count(|replayed| replayed.decisions),
                    self.verdict(done),
                ]
            })
            .collect();
        let mut text = format!("{}record {}", table(&head, &rows), self.record.hash);
        match self.ended_before {
            0 => {}
            1 => text += "; 1 life that ended before --from is left out",
            lives => text += &format!("; {lives} lives that ended before --from are left out"),
        }
        match self.holes() {
            0 => {}
            1 => text += "; 1 life has a hole: entries were left out there",
            lives => text += &format!("; {lives} lives have holes: entries were left out there"),
        }
        if self.record.torn > 0 {
            let last = self.record.lives.len().checked_sub(1).map(|last| self.record.end_of(last));
            let why = if last == Some(LifeEnd::Running) { "the host is writing" } else { "a crash cut it short" };
            text += &format!("; the last {} bytes are of an unfinished frame: {why}", grouped(self.record.torn));
        }
        text + "\n"
    }

    fn verdict(&self, done: &Done<'_>) -> String {
        let replayed = match &done.replayed {
            Err(gone) => return format!("not done again: {gone}"),
            Ok(replayed) => replayed,
        };
        let until = replayed.until.map_or_else(|| "its beginning".to_owned(), |time| time.to_string());
        match (replayed, done.hole(), done.cut_short()) {
            (Replayed { difference: Some(_), .. }, ..) => "differs".to_owned(),
            (_, Some(hole), _) => format!("the same up to {until}, where {hole}"),
            (Replayed { ended: Some(why), .. }, ..) => format!("the same, up to: {}", why.lines().next().unwrap_or_default()),
            (.., Some(why)) => format!("the same up to {until}; {why}"),
            (Replayed { goes_on: true, .. }, ..) => format!("the same up to {until}, where --to ends it; the life goes on"),
            _ if nothing_happened(done.life) => "the same: nothing happened in it, not a tick, bar or timer".to_owned(),
            _ => format!("the same, {}", &replayed.digest.to_string()[..12]),
        }
    }
}

/// Whether the strategy was only started, and perhaps stopped.
fn nothing_happened(life: &Life) -> bool {
    !life.entries.iter().any(|entry| match entry {
        Entry::Ticks { .. } | Entry::Passed { .. } => true,
        Entry::Called { call, .. } => matches!(call, Heard::Bar { .. } | Heard::Timer(_) | Heard::Order { .. } | Heard::Position { .. }),
        _ => false,
    })
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
        RecordError::NoRecord { .. } | RecordError::TicksMissing(_) => Exit::NotFound,
        RecordError::Altered { .. } => Exit::Refused,
        RecordError::Format(_) => Exit::Machine,
        RecordError::Io { .. } => Exit::Failed,
    };
    Failure::new(exit, error)
}
