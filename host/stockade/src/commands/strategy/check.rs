//! `stockade strategy check`: what a host would say at upload, and what the strategy costs.

use crate::cli::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{bytes, grouped};
use crate::workshop::Workshop;
use domain::account::Account;
use domain::actor::Actor;
use domain::bars::MarketHistory;
use domain::broker::AccountTerms;
use domain::contract::{Description, RunMode};
use domain::desk::{Desk, DeskSetup, QueueGauge, TradingSwitch};
use domain::guest::{Fault, GuestFactory as _};
use domain::ids::{AccountId, EngineId, UserId};
use domain::ledger::Ledger;
use domain::limits::GuestLimits;
use domain::params::resolve;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolSpec, SymbolTable, common};
use domain::tick::Tick;
use domain::time::Time;
use market::feed::generate;
use market::import::spec_for;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

#[derive(clap::Args)]
pub struct Arguments {
    /// The component, or the name of one built here.
    file: PathBuf,
    /// A parameter that is not left at its default.
    #[arg(long, value_name = "NAME=VALUE", value_parser = crate::commands::engine::parameter)]
    param: Vec<(String, String)>,
}

/// Ticks of the probe.
const TICKS: usize = 1_000;
/// When the probe's market opens: a Monday at noon, so that strategies with sessions are awake.
const MONDAY_NOON: Time = Time(1_704_715_200_000_000);

/// What was found.
#[derive(Serialize)]
struct Report {
    name: String,
    version: String,
    digest: String,
    profile: &'static str,
    component_bytes: usize,
    compiled_bytes: usize,
    functions: u32,
    imports: Vec<String>,
    compile_ms: f64,
    probe: Probe,
}

/// What it cost to run.
#[derive(Serialize)]
struct Probe {
    start_us: f64,
    ticks: usize,
    nanoseconds_p50: u64,
    nanoseconds_p99: u64,
    fuel_p50: u64,
    fuel_p99: u64,
    fuel_per_call_max: u64,
    memory_bytes: u64,
    orders: u32,
}

/// Checks, probes and reports.
pub fn run(arguments: &Arguments, global: &Global) -> Outcome {
    let workshop = Workshop::open(&arguments.file)?;
    let failed =
        |what: &str, why: &dyn std::fmt::Display| Failure::new(Exit::Refused, format_args!("{}: {what}: {why}", arguments.file.display()));
    let given = arguments.param.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let params = resolve(&workshop.description.params, given).map_err(|why| failed("its parameters", &why))?;
    let limits = workshop.loaded.profile.limits();
    let (table, symbols) = made_up_symbols(&workshop.description).map_err(|why| failed("its symbols", &why))?;
    let market = MadeUp::new(&workshop.description, table, symbols);
    let begun = Instant::now();
    let guest = workshop.sandbox.instantiate(&workshop.loaded.digest, market.desk(limits), limits);
    let actor = guest.and_then(|guest| Actor::start(guest, &workshop.description, &params, None, MONDAY_NOON));
    let actor = actor.map_err(|fault| failed("it did not start", &fault))?;
    let start_us = begun.elapsed().as_secs_f64() * 1e6;
    let probe = market.probe(actor, limits, start_us).map_err(|fault| failed("it failed on made-up ticks", &fault))?;
    let loaded = &workshop.loaded;
    let report = Report {
        name: workshop.description.name.clone(),
        version: workshop.description.version.clone(),
        digest: loaded.digest.to_string(),
        profile: loaded.profile.word(),
        component_bytes: loaded.component_bytes,
        compiled_bytes: loaded.compiled_bytes,
        functions: loaded.functions,
        imports: loaded.imports.clone(),
        compile_ms: loaded.took.as_secs_f64() * 1e3,
        probe,
    };
    global.output().show(&report, text);
    Ok(())
}

fn text(report: &Report) -> String {
    let probe = &report.probe;
    let imports = if report.imports.is_empty() { "nothing".to_owned() } else { report.imports.join(", ") };
    let lines = [
        ("strategy", format!("{} {}", report.name, report.version)),
        ("digest", report.digest.clone()),
        ("component", format!("{}, {} functions, profile {}", bytes(report.component_bytes as u64), report.functions, report.profile)),
        ("imports", imports),
        ("compiled", format!("{} in {:.0} ms", bytes(report.compiled_bytes as u64), report.compile_ms)),
        ("start", format!("{:.0} us: instance, init, on-start", probe.start_us)),
        (
            "tick",
            format!(
                "{} ns, 99 of 100 below {} ns, over {} made-up ticks",
                probe.nanoseconds_p50,
                probe.nanoseconds_p99,
                grouped(probe.ticks as u64)
            ),
        ),
        (
            "fuel",
            format!(
                "{} a tick, 99 of 100 below {}, of {} allowed",
                grouped(probe.fuel_p50),
                grouped(probe.fuel_p99),
                grouped(probe.fuel_per_call_max)
            ),
        ),
        ("memory", bytes(probe.memory_bytes)),
        ("orders", format!("{} asked for; in this probe none is carried out", probe.orders)),
    ];
    lines.iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect()
}

/// The symbols it names, and common ones where the owner chooses.
fn made_up_symbols(description: &Description) -> Result<(SymbolTable, Vec<SymbolId>), String> {
    let choice = [common::forex("EUR", "USD"), common::gold(), common::forex("GBP", "USD"), common::forex("USD", "JPY")];
    let mut specs: Vec<SymbolSpec> = Vec::new();
    for need in &description.needs {
        let free = |spec: &&SymbolSpec| !description.needs.iter().any(|need| need.symbol == spec.name) && !specs.contains(spec);
        let spec = match need.symbol.as_str() {
            "" => choice
                .iter()
                .find(free)
                .cloned()
                .unwrap_or_else(|| SymbolSpec { name: format!("SYMBOL{}", specs.len()), ..common::forex("EUR", "USD") }),
            name => spec_for(name).unwrap_or_else(|| SymbolSpec { name: name.to_owned(), ..common::crypto(name) }),
        };
        specs.push(spec);
    }
    let symbols = (0..specs.len()).map(|at| SymbolId(at as u16)).collect();
    Ok((SymbolTable::new(specs)?, symbols))
}

/// A market without a broker: prices move, orders lead nowhere.
struct MadeUp {
    table: SymbolTable,
    symbols: Vec<SymbolId>,
    history: Arc<RwLock<MarketHistory>>,
    queue: Arc<QueueGauge>,
}

impl MadeUp {
    fn new(description: &Description, table: SymbolTable, symbols: Vec<SymbolId>) -> Self {
        let history = MarketHistory::new(&table, |symbol| {
            let need = &description.needs[usize::from(symbol.0)];
            (need.timeframes.clone(), need.ticks_before_start as usize)
        });
        Self { table, symbols, history: Arc::new(RwLock::new(history)), queue: Arc::new(QueueGauge::new(usize::MAX >> 1)) }
    }

    fn desk(&self, limits: GuestLimits) -> Desk {
        let terms = AccountTerms::default();
        let ledger = Ledger::new(terms.deposit);
        let account = Account::new(AccountId(1), UserId(1), terms, ledger, RiskLimits::default());
        Desk::new(DeskSetup {
            engine: EngineId(1),
            mode: RunMode::Backtest,
            table: self.table.clone(),
            symbols: self.symbols.clone(),
            market: Arc::clone(&self.history) as _,
            account: Arc::new(Mutex::new(account)),
            switch: Arc::new(TradingSwitch::default()),
            queue: Arc::clone(&self.queue),
            orders_before: 0,
            seed: 1,
            orders_per_call_max: limits.orders_per_call_max,
            log_bytes_per_minute: limits.log_bytes_per_minute,
        })
    }

    /// Hands the ticks over one by one, as live, and notes what each took.
    fn probe(&self, mut actor: Actor, limits: GuestLimits, start_us: f64) -> Result<Probe, Fault> {
        let (mut nanoseconds, mut fuel) = (Vec::with_capacity(TICKS), Vec::with_capacity(TICKS));
        let mut closed = Vec::new();
        for tick in self.ticks() {
            closed.clear();
            self.history.write().unwrap_or_else(PoisonError::into_inner).symbol_mut(tick.symbol).push(&tick, &mut closed);
            actor.timers(tick.time)?;
            actor.bars(&tick, &closed)?;
            let begun = Instant::now();
            actor.tick(&tick, 0)?;
            nanoseconds.push(begun.elapsed().as_nanos() as u64);
            fuel.push(actor.used().fuel_last_call);
            self.queue.release(actor.take_commands().len());
            drop(actor.take_remarks());
        }
        let (nanoseconds, fuel) = (sorted(nanoseconds), sorted(fuel));
        let rank = |values: &[u64], percent: usize| values.get(values.len() * percent / 100).copied().unwrap_or_default();
        Ok(Probe {
            start_us,
            ticks: nanoseconds.len(),
            nanoseconds_p50: rank(&nanoseconds, 50),
            nanoseconds_p99: rank(&nanoseconds, 99),
            fuel_p50: rank(&fuel, 50),
            fuel_p99: rank(&fuel, 99),
            fuel_per_call_max: limits.fuel_per_call,
            memory_bytes: actor.used().memory_bytes,
            orders: actor.orders(),
        })
    }

    /// The same number of every symbol, in order of time.
    fn ticks(&self) -> Vec<Tick> {
        let each = TICKS / self.symbols.len();
        let of = |symbol: &SymbolId| {
            let columns = generate(u64::from(symbol.0) + 1, self.table.spec(*symbol), MONDAY_NOON, each);
            (0..each).map(|row| columns.as_columns().tick(row, *symbol, 1)).collect::<Vec<_>>()
        };
        let mut ticks: Vec<Tick> = self.symbols.iter().flat_map(of).collect();
        ticks.sort_by_key(|tick| tick.time);
        ticks
    }
}

fn sorted(mut values: Vec<u64>) -> Vec<u64> {
    values.sort_unstable();
    values
}
