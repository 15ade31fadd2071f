//! A version's first run, before anybody depends on it: an engine with default parameters on made-up ticks. What is found is
//! told at upload and by `stockade strategy check`.

use api::{Probe, UploadReport};
use domain::account::Account;
use domain::actor::Actor;
use domain::bars::MarketHistory;
use domain::broker::AccountTerms;
use domain::contract::{Description, Param, RunMode};
use domain::desk::{Desk, DeskSetup, QueueGauge, TradingSwitch};
use domain::guest::{Fault, GuestFactory};
use domain::ids::{AccountId, EngineId, UserId};
use domain::ledger::Ledger;
use domain::limits::GuestLimits;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolSpec, SymbolTable, common};
use domain::tick::Tick;
use domain::time::Time;
use market::feed::generate;
use market::import::spec_for;
use sandbox::Loaded;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

/// Ticks of the probe.
const TICKS: usize = 1_000;
/// When the probe's market opens: a Monday at noon, so that strategies with sessions are awake.
const MONDAY_NOON: Time = Time(1_704_715_200_000_000);

/// Everything that is told of a version: what was found when it was loaded, and its probe.
pub fn report(loaded: &Loaded, probe: Result<Probe, String>) -> UploadReport {
    let (probe, probe_failed) = match probe {
        Ok(probe) => (Some(probe), None),
        Err(why) => (None, Some(why)),
    };
    UploadReport {
        profile: loaded.profile.word().to_owned(),
        component_bytes: loaded.component_bytes as u64,
        core_modules: loaded.core_modules,
        functions: loaded.functions,
        memories: loaded.memories,
        tables: loaded.tables,
        memory_bytes_at_start: loaded.memory_bytes,
        imports: loaded.imports.clone(),
        imports_of_contract: loaded.imports.iter().filter(|name| !name.starts_with("wasi:")).count() as u32,
        compiled_bytes: loaded.compiled_bytes as u64,
        compile_ms: loaded.compile.took.as_secs_f64() * 1e3,
        compile_memory_bytes: loaded.compile.peak_memory_bytes,
        probe,
        probe_failed,
    }
}

/// Starts an engine of a loaded version and hands it [`TICKS`] ticks.
///
/// # Errors
/// It did not start, or failed at one of them.
pub fn run(factory: &dyn GuestFactory<Desk>, loaded: &Loaded, description: &Description, params: &[Param]) -> Result<Probe, String> {
    let limits = loaded.profile.limits().with_memory(description.memory_bytes)?;
    let (table, symbols) = made_up_symbols(description)?;
    let market = MadeUp::new(description, table, symbols);
    let begun = Instant::now();
    let guest = factory.instantiate(&loaded.digest, market.desk(limits), limits);
    let actor = guest.and_then(|guest| Actor::start(guest, description, params, None, MONDAY_NOON));
    let actor = actor.map_err(|fault| format!("it did not start: {fault}"))?;
    let start_us = begun.elapsed().as_secs_f64() * 1e6;
    market.probe(actor, limits, start_us).map_err(|fault| format!("it failed on made-up ticks: {fault}"))
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
        let (mut closed, mut ticks) = (Vec::new(), 0);
        for tick in self.ticks() {
            closed.clear();
            self.history.write().unwrap_or_else(PoisonError::into_inner).symbol_mut(tick.symbol).push(&tick, &mut closed);
            actor.timers(tick.time)?;
            actor.bars(&tick, &closed)?;
            let begun = Instant::now();
            let is_called = actor.tick(&tick, 0)?;
            let took = begun.elapsed().as_nanos() as u64;
            if is_called {
                nanoseconds.push(took);
                fuel.push(actor.used().fuel_last_call);
            }
            ticks += 1;
            self.queue.release(actor.take_commands().len());
            drop(actor.take_remarks());
        }
        let (nanoseconds, fuel) = (sorted(nanoseconds), sorted(fuel));
        let rank = |values: &[u64], percent: usize| values.get(values.len() * percent / 100).copied().unwrap_or_default();
        Ok(Probe {
            start_us,
            ticks,
            ticks_handed: nanoseconds.len() as u64,
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
