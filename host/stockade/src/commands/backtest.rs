//! `stockade backtest`: a strategy over stored ticks.

use super::account::Terms;
use super::conditions::Conditions;
use super::conversions;
use super::report_files::Files;
use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{Align, gained, grouped, table};
use crate::workshop::Workshop;
use backtest::confirm::compare;
use backtest::model::{self, Found, Lanes, Origin};
use backtest::report::Progress;
use backtest::sensitivity::widened;
use backtest::{Batching, DEADLINE_MS, ReadsAhead, RunError, RunReport, RunSetup, Source, confirm};
use domain::broker::AccountTerms;
use domain::broker::retcode::words;
use domain::contract::{AccountMode, Description, RunMode};
use domain::desk::Desk;
use domain::guest::{Fault, FaultKind, Guest, GuestFactory as _};
use domain::limits::GuestLimits;
use domain::number::Money;
use domain::params::resolve;
use domain::risk::RiskLimits;
use domain::symbol::SymbolId;
use domain::text::counted;
use domain::tick::Timeframe;
use domain::time::{DAY_US, SECOND_US, Time};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use market::{Date, TickStore};
use sandbox::Addresses;
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs the component in the sandbox, through the same gate and paper broker as a host does.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Beside>,
    #[command(flatten)]
    setting: Setting,
    /// A parameter that is not left at its default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::engine::parameter)]
    param: Vec<(String, String)>,
    /// Hand ticks over one by one, as live, instead of in batches. Slower; the decisions are the same.
    #[arg(long)]
    tick_by_tick: bool,
    /// Confirm the run tick by tick, which leaves nothing to chance and takes some ten times as long, instead of by one with
    /// batches cut elsewhere.
    #[arg(long, conflicts_with_all = ["tick_by_tick", "no_confirm"])]
    verify: bool,
    /// Don't run again to see that the strategy decides without the ticks that follow; the figures then say "not confirmed".
    #[arg(long)]
    no_confirm: bool,
    /// Print the deals too.
    #[arg(long)]
    deals: bool,
    #[command(flatten)]
    files: Files,
}

/// What else there is to do with backtests.
#[derive(clap::Subcommand)]
enum Beside {
    /// Two runs side by side: settings, figures, and where their decisions first differ.
    Compare(super::compare::Arguments),
}

/// What is run, on which ticks, on what account: the same words wherever a strategy is run over stored ticks.
#[derive(clap::Args, Clone, Debug)]
pub struct Setting {
    /// The component, or the name of one built here.
    // An option only because a subcommand does without.
    #[arg(required = true)]
    pub strategy: Option<PathBuf>,
    /// The symbol for each of the strategy's needs, in their order; not needed where it names them itself.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub symbol: Vec<String>,
    /// First day, such as 2014-05-01; ticks of days before it warm up what the strategy asks for.
    #[arg(long, value_name = "DAY")]
    pub from: Option<Date>,
    /// Last day, itself included.
    #[arg(long, value_name = "DAY")]
    pub to: Option<Date>,
    #[command(flatten)]
    pub terms: Terms,
    #[command(flatten)]
    pub conditions: Conditions,
    /// Start of the strategy's random numbers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// A strategy with its ticks and its account, ready to run any number of times.
pub struct Stage {
    /// The strategy.
    pub workshop: Workshop,
    /// Where the ticks are.
    pub store: TickStore,
    /// Names of the strategy's symbols, in the order of its needs.
    pub names: Vec<String>,
    /// The run, with parameters at their defaults.
    pub setup: RunSetup,
    /// What it is run under.
    pub conditions: Conditions,
    /// Ticks from here on are read, to warm up with.
    pub warm: Time,
    /// Ticks from here on are not.
    pub end: Time,
}

/// Runs and reports.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    if let Some(Beside::Compare(arguments)) = &arguments.command {
        return super::compare::run(arguments, global);
    }
    let stage = Stage::open(&arguments.setting, global)?;
    let given = arguments.param.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let params = resolve(&stage.workshop.description.params, given).map_err(Failure::of(Exit::Refused))?;
    arguments.files.prepare()?;
    let decisions = arguments.files.decisions()?;
    let setup = RunSetup {
        params,
        witness: decisions.as_ref().map(|files| files.witness()),
        batching: if arguments.tick_by_tick { Batching::TickByTick } else { Batching::Horizon },
        keep_remarks: arguments.files.wanted(),
        ..stage.setup.clone()
    };
    let begun = Instant::now();
    let (source, found) = stage.counted_source(1.0)?;
    let (report, stopped) = match stage.try_run(setup.clone(), source) {
        Ok(report) => (report, None),
        Err(error) => stage.stopped(error, &setup)?,
    };
    let took = begun.elapsed();
    let confirmed = match () {
        () if stopped.is_some() => Confirmed::No,
        () if arguments.tick_by_tick => Confirmed::TickByTick,
        () if arguments.no_confirm => Confirmed::No,
        () if arguments.verify => stage.verify(&setup, &report)?,
        () => stage.confirm(&setup, &report)?,
    };
    let beware = stage.beware(&report, found.crossed(), found.ticks())?;
    let mut files = match arguments.files.wanted() {
        true => arguments.files.report(&stage, setup, &arguments.setting, &report, confirmed, &beware)?,
        false => Vec::new(),
    };
    files.extend(decisions.map(|files| files.close()).transpose()?.into_iter().flatten());
    let Stage { workshop, names, conditions, .. } = &stage;
    let mut answer = answer(workshop, names, &report, took, arguments.deals, &files);
    answer["conditions"] = conditions.answer(&found);
    answer["confirmed"] = json!(confirmed.word());
    answer["beware"] = json!(beware);
    global.output().show(&answer, |_| {
        let written: String = files.iter().map(|file| format!("{:<14} {}\n", "wrote", file.display())).collect();
        let confirmed = format!("{:<14} {}\n", "confirmed", confirmed.words());
        text(workshop, names, &report, took, arguments.deals)
            + &refusals(&report)
            + &confirmed
            + &conditions.text(&found)
            + &beware_in_words(&beware)
            + &written
    });
    stopped.map_or(Ok(()), Err)
}

/// A line for each thing to beware of.
pub fn beware_in_words(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{:<14} {line}\n", "beware")).collect()
}

impl Stage {
    /// Finds everything that `setting` names.
    ///
    /// # Errors
    /// Names what is missing or refused.
    pub fn open(setting: &Setting, global: &Global) -> Outcome<Self> {
        let config = global.config()?;
        let workshop = Workshop::open(setting.strategy.as_deref().expect("it is required where a setting is used"), Addresses::Wide)?;
        let description = &workshop.description;
        let terms = setting.terms.account()?;
        setting.conditions.check()?;
        let store = TickStore::open(config.ticks_dir()).map_err(store_failure)?;
        let names = symbol_names(&setting.symbol, description)?;
        let mut conditions = setting.conditions.clone();
        let mut specs = names.iter().map(|name| store.spec(name)).collect::<Result<Vec<_>, _>>().map_err(store_failure)?;
        conditions.refine(&mut specs)?;
        conditions.take_swaps(&specs);
        let table = conversions::complete(specs, conditions.rates(), &terms.currency, &store)?;
        let start = setting.from.map_or(Time(i64::MIN), Date::start);
        let end = setting.to.map_or(Time(i64::MAX), Date::end);
        if start >= end {
            return Err(Failure::new(Exit::Usage, "--from lies after --to; the first day comes first"));
        }
        let warm = if setting.from.is_some() { start.plus_us(-warm_up_us(description)) } else { start };
        let setup = RunSetup {
            table,
            symbols: (0..names.len()).map(|at| SymbolId(at as u16)).collect(),
            description: description.clone(),
            params: resolve(&description.params, []).map_err(Failure::of(Exit::Refused))?,
            restored: None,
            start,
            terms,
            risk: RiskLimits::default(),
            venue: conditions.venue(setting.seed),
            limits: GuestLimits { deadline_ms: DEADLINE_MS, ..workshop.limits()? },
            seed: setting.seed,
            mode: RunMode::Backtest,
            batching: Batching::Horizon,
            keep_remarks: false,
            witness: None,
        };
        Ok(Self { workshop, store, names, setup, conditions, warm, end })
    }

    /// The ticks, from the warm-up to the end, one day mapped at a time.
    ///
    /// # Errors
    /// They can't be read.
    pub fn source(&self) -> Outcome<Source> {
        self.source_at(1.0)
    }

    /// The same with asks `spread_times` as far above their bids.
    ///
    /// # Errors
    /// They can't be read.
    pub fn source_at(&self, spread_times: f64) -> Outcome<Source> {
        self.counted_source(spread_times).map(|(source, _)| source)
    }

    /// The ticks of a part of the time, for one of many runs.
    ///
    /// # Errors
    /// They can't be read.
    pub fn source_between(&self, from: Time, to: Time) -> Result<Source, market::StoreError> {
        let found = Arc::new(Found::default());
        let mut lanes = Vec::new();
        for (id, spec) in self.setup.table.iter() {
            let origin = Origin { store: &self.store, spec, from, to };
            lanes.push((id, origin.lanes(self.conditions.modelling(), &found)?));
        }
        model::source(lanes)
    }

    /// Whether a run's ticks are the stored ones as they are.
    pub fn is_as_stored(&self) -> bool {
        self.conditions.is_as_stored()
    }

    /// The same, and what is found while they are read.
    fn counted_source(&self, spread_times: f64) -> Outcome<(Source, Arc<Found>)> {
        let (mut lanes, found) = (Vec::new(), Arc::new(Found::default()));
        for (id, spec) in self.setup.table.iter() {
            let origin = Origin { store: &self.store, spec, from: self.warm, to: self.end };
            let Lanes { seen, unseen } = origin.lanes(self.conditions.modelling(), &found).map_err(store_failure)?;
            let wide = |chunks| if spread_times == 1.0 { chunks } else { widened(chunks, spec.clone(), spread_times) };
            lanes.push((id, Lanes { seen: wide(seen), unseen: unseen.map(wide) }));
        }
        Ok((model::source(lanes).map_err(store_failure)?, found))
    }

    /// Runs again with batches cut elsewhere.
    ///
    /// # Errors
    /// The strategy decides otherwise then, or fails.
    fn confirm(&self, setup: &RunSetup, report: &RunReport) -> Outcome<Confirmed> {
        if !self.is_handed_ticks() {
            return Ok(Confirmed::WithoutTicks);
        }
        let again = |batching, witness| {
            let elsewhere =
                |failure: Failure| Failure { message: format!("with its batches cut elsewhere, {}", failure.message), ..failure };
            self.run_again(RunSetup { batching, witness, ..setup.clone() }).map_err(elsewhere)
        };
        let found = confirm(report, again)?;
        found.map(|batches| Confirmed::Elsewhere { batches }).map_err(|reads_ahead| self.refused(&reads_ahead))
    }

    /// Runs again tick by tick.
    ///
    /// # Errors
    /// The strategy decides otherwise then, or fails.
    fn verify(&self, setup: &RunSetup, report: &RunReport) -> Outcome<Confirmed> {
        let again = |batching, witness| self.run_again(RunSetup { batching, witness, ..setup.clone() });
        let found = compare(report, &Batching::TickByTick, again)?;
        found.map(|_| Confirmed::TickByTick).map_err(|reads_ahead| self.refused(&reads_ahead))
    }

    /// What is said of a strategy that reads ahead.
    pub fn refused(&self, reads_ahead: &ReadsAhead) -> Failure {
        let name = &self.workshop.description.name;
        Failure::new(Exit::Refused, format_args!("{name} is refused, since {reads_ahead}; no figure of it would hold live"))
    }

    /// Whether the strategy is handed ticks, and not only bars and timers.
    pub fn is_handed_ticks(&self) -> bool {
        self.workshop.description.callbacks.tick
    }

    /// Runs the strategy and shows how far it is.
    ///
    /// # Errors
    /// Ticks can't be read, or the strategy failed.
    pub fn run(&self, setup: RunSetup, source: Source) -> Outcome<RunReport> {
        self.try_run(setup, source).map_err(|error| self.failure(error))
    }

    /// A run that is to confirm another.
    fn run_again(&self, setup: RunSetup) -> Outcome<RunReport> {
        let setup = RunSetup { keep_remarks: false, ..setup };
        self.try_run(setup.clone(), self.source()?).map_err(|error| self.failure(self.located(error, &setup)))
    }

    /// An error with the time of the tick that a strategy failed at, where that can be found.
    fn located(&self, error: RunError, setup: &RunSetup) -> RunError {
        let Ok(source) = self.source() else { return error };
        backtest::located(error, |batching| self.try_run(RunSetup { batching, witness: None, ..setup.clone() }, source))
    }

    fn try_run(&self, setup: RunSetup, source: Source) -> Result<RunReport, RunError> {
        let bar = progress_bar(self.span());
        let report = backtest::run(setup, source, |desk| self.guest(desk), |progress| show(&bar, progress));
        bar.finish_and_clear();
        report
    }

    /// The time that a run goes over, as far as it is known before: to say how far it is.
    fn span(&self) -> Option<(Time, Time)> {
        let spans = self.names.iter().filter_map(|name| self.store.span(name).ok().flatten());
        let whole = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        whole.map(|(first, last)| (first.max(self.warm), last.min(self.end)))
    }

    /// What a run had found when a fault ended it, and the failure that tells of that, with the time of its tick.
    ///
    /// # Errors
    /// It found nothing, or was ended by something else.
    fn stopped(&self, error: RunError, setup: &RunSetup) -> Outcome<(RunReport, Option<Failure>)> {
        match self.located(error, setup) {
            RunError::Strategy { at, fault, batch, so_far: Some(report) } if fault.kind != FaultKind::Refused => {
                let failure = self.failure(RunError::Strategy { at, fault, batch, so_far: None });
                Ok((*report, Some(failure)))
            }
            other => Err(self.failure(other)),
        }
    }

    /// A fresh instance of the strategy around its desk.
    ///
    /// # Errors
    /// The sandbox has no room for it.
    pub fn guest(&self, desk: Desk) -> Result<Box<dyn Guest<Desk>>, Fault> {
        self.workshop.sandbox.instantiate(&self.workshop.loaded.digest, desk, self.setup.limits)
    }

    /// What a run's end means for whoever started it.
    pub fn failure(&self, error: RunError) -> Failure {
        match error {
            RunError::Ticks(error) => store_failure(error),
            RunError::NoTicks => {
                let hint = self.bars_in_words().unwrap_or_else(|| "`stockade data list` shows what there is".to_owned());
                Failure::new(Exit::NotFound, format_args!("there are no ticks of {} in the time asked for; {hint}", self.names.join(", ")))
            }
            RunError::Strategy { ref fault, .. } if fault.kind == FaultKind::Refused => {
                Failure::new(Exit::Refused, format_args!("{} refused to start: {}", self.workshop.description.name, fault.message))
            }
            // The first line says what it was; those after it are frames of its stack.
            strategy => Failure::new(Exit::Refused, strategy.to_string().lines().next().unwrap_or_default()),
        }
    }

    /// When the first and the last of the one-minute bars begin that ticks are generated from; `None` where they are not.
    pub fn minutes_span(&self) -> Option<(Time, Time)> {
        if !self.conditions.is_modelled() {
            return None;
        }
        let bars = |name: &String| self.store.bars(name, Timeframe::M1, self.warm, self.end).ok();
        let spans = self.names.iter().filter_map(bars).filter_map(|bars| Some((Time(*bars.times.first()?), Time(*bars.times.last()?))));
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The bars of the time asked for, where there are some and they are not what is tested on, with the way to do so.
    fn bars_in_words(&self) -> Option<String> {
        if self.conditions.is_modelled() {
            return None;
        }
        let minutes = |name: &String| {
            let bars = self.store.bars(name, Timeframe::M1, self.setup.start, self.end).ok()?;
            (!bars.is_empty()).then(|| format!("{} M1 bars of {name}", grouped(bars.len() as u64)))
        };
        let found: Vec<String> = self.names.iter().filter_map(minutes).collect();
        (!found.is_empty()).then(|| format!("the store has {}: --model every-tick, ohlc or open-prices", found.join(" and ")))
    }
}

/// How a run was confirmed to need no tick that followed its orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// By one with differently sized batches.
    Elsewhere {
        /// Calls into the strategy.
        batches: u64,
    },
    /// By one tick by tick, or it was that itself.
    TickByTick,
    /// There was nothing to confirm: it is handed no ticks.
    WithoutTicks,
    /// It was not.
    No,
}

impl Confirmed {
    /// In a word, for scripts.
    fn word(self) -> &'static str {
        match self {
            Self::Elsewhere { .. } => "cut-elsewhere",
            Self::TickByTick => "tick-by-tick",
            Self::WithoutTicks => "without-ticks",
            Self::No => "no",
        }
    }

    /// For people.
    pub fn words(self) -> String {
        match self {
            Self::Elsewhere { batches } => {
                format!("it decides the same in {} other batches, each order without a later tick at hand", grouped(batches))
            }
            Self::TickByTick => "it decides this tick by tick".to_owned(),
            Self::WithoutTicks => "it is handed no ticks, so there are no batches to vary".to_owned(),
            Self::No => "not confirmed: it may have looked at ticks that followed its orders".to_owned(),
        }
    }
}

impl Terms {
    /// The account these words mean.
    ///
    /// # Errors
    /// The deposit is no amount.
    pub fn account(&self) -> Outcome<AccountTerms> {
        if !(self.deposit > 0.0 && self.deposit <= 1e9) {
            return Err(Failure::new(Exit::Usage, format_args!("--deposit is {}; give an amount above 0, up to 1000000000", self.deposit)));
        }
        let mode = AccountMode::from_word(&self.mode).expect("the command line takes no other words");
        Ok(AccountTerms {
            mode,
            currency: self.currency.clone(),
            leverage: self.leverage,
            deposit: Money::from_units(self.deposit),
            ..AccountTerms::default()
        })
    }
}

/// One name for each need.
fn symbol_names(given: &[String], description: &Description) -> Outcome<Vec<String>> {
    let needs = &description.needs;
    if given.is_empty() && needs.iter().all(|need| !need.symbol.is_empty()) {
        return Ok(needs.iter().map(|need| need.symbol.clone()).collect());
    }
    if given.len() != needs.len() {
        let words: Vec<&str> = needs.iter().map(|need| if need.symbol.is_empty() { "one of your choice" } else { &need.symbol }).collect();
        let (symbols, how) = if needs.len() == 1 { ("symbol", "it with --symbol NAME") } else { ("symbols", "them with --symbol A,B") };
        let why = format_args!(
            "{} needs {} {symbols} ({}) and {} are given; give {how}",
            description.name,
            needs.len(),
            words.join(", "),
            given.len()
        );
        return Err(Failure::new(Exit::Usage, why));
    }
    let twice = given.iter().enumerate().find(|(at, name)| given[..*at].contains(name));
    if let Some((_, name)) = twice {
        return Err(Failure::new(Exit::Usage, format_args!("--symbol names {name} twice; each need has its own symbol")));
    }
    Ok(given.to_vec())
}

/// How long before its start a strategy's ticks are read: twice what its bars span, and a long weekend.
pub fn warm_up_us(description: &Description) -> i64 {
    let span = |frame: &domain::tick::Timeframe, bars: u32| frame.close(Time(0)).since_us(frame.open(Time(0))) * i64::from(bars);
    let longest = description
        .needs
        .iter()
        .flat_map(|need| need.timeframes.iter().map(|frame| span(frame, need.bars_before_start)))
        .max()
        .unwrap_or(0);
    if longest == 0 { 0 } else { longest * 2 + 4 * DAY_US }
}

/// What the tick store says, as an exit code and a line.
pub fn store_failure(error: market::StoreError) -> Failure {
    use market::StoreError as E;
    let exit = match &error {
        E::NoStore { .. } | E::UnknownSymbol { .. } => Exit::NotFound,
        _ => Exit::Failed,
    };
    match error {
        E::NoStore { root } => {
            let way_out = "import some, or did you import in another folder? Name that by --data-dir or STOCKADE_DATA_DIR";
            let root = std::path::absolute(&root).unwrap_or(root);
            Failure::new(exit, format_args!("there are no ticks in {}: {way_out}", root.display()))
        }
        error => Failure::new(exit, error),
    }
}

/// How far a run over this time is, in per cent and time left, on a terminal.
fn progress_bar(span: Option<(Time, Time)>) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let template = if span.is_some() { "{percent:>3} % {wide_bar} {msg}, {eta} left" } else { "{spinner} {msg}" };
    let style = ProgressStyle::with_template(template).expect("the template is right");
    let (first, last) = span.unwrap_or_default();
    let seconds = span.map(|_| (last.since_us(first).max(0) / SECOND_US) as u64);
    let bar = ProgressBar::with_draw_target(seconds, target).with_style(style);
    // Where the time begins, for whoever says how far it is.
    bar.with_prefix(first.0.to_string())
}

fn show(bar: &ProgressBar, progress: Progress) {
    let first = bar.prefix().parse().map_or(progress.at, Time);
    bar.set_message(format!("{}, {} ticks", &progress.at.to_string()[..10], grouped(progress.ticks)));
    bar.set_position((progress.at.since_us(first).max(0) / SECOND_US) as u64);
}

fn per_second(report: &RunReport, took: Duration) -> u64 {
    (report.ticks as f64 / took.as_secs_f64().max(1e-9)) as u64
}

fn answer(workshop: &Workshop, names: &[String], report: &RunReport, took: Duration, deals: bool, files: &[PathBuf]) -> Value {
    let mut answer = serde_json::to_value(report.figures()).expect("figures are numbers and texts");
    let extra = json!({
        "strategy": workshop.description.name, "version": workshop.description.version, "digest": workshop.loaded.digest.to_string(),
        "symbols": names, "seconds": took.as_secs_f64(), "ticks_per_second": per_second(report, took),
    });
    if let (Value::Object(answer), Value::Object(extra)) = (&mut answer, extra) {
        answer.extend(extra);
        if !files.is_empty() {
            answer.insert("files".into(), json!(files));
        }
        if deals {
            answer.insert("deals_list".into(), json!(report.deals.iter().map(|deal| deal_cells(report, deal)).collect::<Vec<_>>()));
        }
    }
    answer
}

fn text(workshop: &Workshop, names: &[String], report: &RunReport, took: Duration, deals: bool) -> String {
    let stats = &report.statistics;
    let percent = |part: u32, of: u32| if of == 0 { 0.0 } else { f64::from(part) * 100.0 / f64::from(of) };
    let money = |value: f64| format!("{value:.2} {}", report.terms.currency);
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let lines = [
        ("strategy", format!("{} {}", workshop.description.name, workshop.description.version)),
        ("symbols", names.join(", ")),
        ("from", report.from.to_string()),
        ("to", report.to.to_string()),
        (
            "trades",
            format!(
                "{}, {:.1} % won{} ({} long, {} short)",
                stats.trades,
                percent(stats.profit_trades, stats.trades),
                if stats.even_trades == 0 { String::new() } else { format!(", {} of them broke even", stats.even_trades) },
                stats.long_trades,
                stats.short_trades
            ),
        ),
        (
            "net profit",
            format!(
                "{} ({} won, {} lost)",
                gained(stats.net_profit, money(stats.net_profit)),
                money(stats.gross_profit),
                money(stats.gross_loss)
            ),
        ),
        ("balance", format!("{} from {}", money(report.balance.to_units()), money(report.terms.deposit.to_units()))),
        (
            "drawdown",
            format!(
                "{} ({:.2} %) of equity, {} ({:.2} %) of balance",
                money(report.equity_drawdown.maximal),
                report.equity_drawdown.maximal_percent,
                money(stats.balance_drawdown.maximal),
                stats.balance_drawdown.maximal_percent
            ),
        ),
        ("profit factor", optional(stats.profit_factor)),
        ("recovery", optional(report.recovery_factor)),
        (
            "ticks",
            format!(
                "{} in {:.2} s: {} ticks/s, {:.0} fuel a tick",
                grouped(report.ticks),
                took.as_secs_f64(),
                grouped(per_second(report, took)),
                report.used.fuel_total as f64 / report.ticks.max(1) as f64
            ),
        ),
        (
            "decisions",
            format!("{} asked for, {} denied, sha256 {}", report.decisions.asked(), report.decisions.denied(), report.decisions.digest()),
        ),
    ];
    let figures: String = lines.iter().map(|(name, value)| format!("{name:<14} {value}\n")).collect();
    let head = [
        ("time", Align::Left),
        ("deal", Align::Right),
        ("symbol", Align::Left),
        ("side", Align::Left),
        ("entry", Align::Left),
        ("why", Align::Left),
        ("net", Align::Right),
    ];
    let rows: Vec<Vec<String>> = report.deals.iter().map(|deal| deal_cells(report, deal).into()).collect();
    if deals { format!("{}\n{figures}", table(&head, &rows)) } else { figures }
}

/// What the strategy asked for and did not get: a line for each reason of the gate's and of the broker's, with the first that was
/// denied; and that it logged something.
fn refusals(report: &RunReport) -> String {
    let line = |what: &str, times: u64, why: String| format!("{what:<14} {}: {why}\n", grouped(times));
    let denied = report.decisions.denied_by_code().iter().map(|&(code, times)| {
        let first = report.logged.first_denied.get(&code.to_string());
        let first = first.map_or_else(String::new, |(at, what)| format!(" The first, at {at}: {what}"));
        line("denied", times, format!("{code}. {} {}{first}", code.meaning(), code.way_out()))
    });
    let rejected = report.rejected.iter().map(|(&retcode, &times)| line("rejected", times, format!("{retcode}, {}", words(retcode))));
    let logged = (report.logged.lines > 0)
        .then(|| format!("{:<14} {}; report.html has them (--out FOLDER)\n", "logged", counted(report.logged.lines, "line")));
    denied.chain(rejected).chain(logged).collect()
}

fn deal_cells(report: &RunReport, deal: &domain::broker::Deal) -> [String; 7] {
    let (side, entry, why) = (deal.side.word(), deal.entry.word(), deal.reason.word());
    [
        deal.time.to_string(),
        deal.id.to_string(),
        report.symbol(deal).to_owned(),
        side.to_owned(),
        entry.to_owned(),
        why.to_owned(),
        deal.net().to_string(),
    ]
}
