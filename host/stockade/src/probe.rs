//! A version's first run, before anybody depends on it: an engine with default parameters on made-up ticks. What is found is
//! told at upload and by `stockade strategy check`.

mod budget;

use api::{Probe, UploadReport};
pub use budget::WALL_MAX;
use budget::{Budget, Budgeted, FUEL_MAX};
use domain::account::Account;
use domain::actor::Actor;
use domain::bars::MarketHistory;
use domain::broker::AccountTerms;
use domain::contract::{Description, Param, RunMode};
use domain::desk::{Desk, DeskSetup, QueueGauge, TradingSwitch};
use domain::guest::{Fault, GuestFactory};
use domain::ids::{AccountId, EngineId, UserId};
use domain::ledger::Ledger;
use domain::limits::{GuestLimits, NEEDS_MAX};
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolSpec, SymbolTable, common};
use domain::tick::Tick;
use domain::time::Time;
use market::feed::generate;
use market::import::spec_for;
use sandbox::Loaded;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

/// Ticks of the probe, where its budget lasts so long.
pub const TICKS: usize = 1_000;
/// When the probe's market opens: a Monday at noon, so that strategies with sessions are awake.
const MONDAY_NOON: Time = Time(1_704_715_200_000_000);

/// Whether a probe's budget ended before its ticks did. A number that can't be shared out among all symbols leaves a few.
pub fn is_cut_short(probe: &Probe) -> bool {
    probe.ticks as usize + NEEDS_MAX < TICKS
}

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

/// Starts an engine of a loaded version and hands it [`TICKS`] ticks, or as many as a budget of time and fuel lasts for.
///
/// # Errors
/// It did not start, or failed at one of them; or it was given up.
pub fn run(
    factory: &dyn GuestFactory<Desk>,
    loaded: &Loaded,
    description: &Description,
    params: &[Param],
    given_up: &Arc<AtomicBool>,
) -> Result<Probe, String> {
    let limits = loaded.profile.limits().with_memory(description.memory_bytes)?;
    let limits = GuestLimits { fuel_per_setup_call: limits.fuel_per_setup_call.min(FUEL_MAX), ..limits };
    let (table, symbols) = made_up_symbols(description)?;
    let market = MadeUp::new(description, table, symbols);
    let begun = Instant::now();
    let budget = Budget::begin(loaded.first_look, given_up);
    let guest = factory.instantiate(&loaded.digest, market.desk(limits), limits);
    let guest = guest.map(|guest| Box::new(Budgeted { guest, budget: Arc::clone(&budget) }));
    let actor = guest.and_then(|guest| Actor::start(guest, description, params, None, MONDAY_NOON));
    let actor = actor.map_err(|fault| format!("it did not start: {fault}"))?;
    let start_us = begun.elapsed().as_secs_f64() * 1e6;
    market.probe(actor, limits, start_us, &budget).map_err(|fault| format!("it failed on made-up ticks: {fault}"))
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
    fn probe(&self, mut actor: Actor, limits: GuestLimits, start_us: f64, budget: &Budget) -> Result<Probe, Fault> {
        let (mut nanoseconds, mut fuel) = (Vec::with_capacity(TICKS), Vec::with_capacity(TICKS));
        let mut ticks = 0;
        for tick in self.ticks() {
            match self.hand_over(&mut actor, &tick) {
                Ok(Some(took)) => {
                    nanoseconds.push(took);
                    fuel.push(actor.used().fuel_last_call);
                }
                Ok(None) => {}
                // What was measured until then is told.
                Err(_) if budget.is_spent() => break,
                Err(fault) => return Err(fault),
            }
            ticks += 1;
            self.queue.release(actor.take_commands().len());
            drop(actor.take_remarks());
        }
        // A host saves every engine's state; what can't be saved is better known before one runs.
        if !budget.is_spent()
            && let Err(fault) = actor.save()
            && !budget.is_spent()
        {
            return Err(fault);
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

    /// Nanoseconds that a tick's call took; `None` where the guest did not wait for the tick.
    fn hand_over(&self, actor: &mut Actor, tick: &Tick) -> Result<Option<u64>, Fault> {
        let mut closed = Vec::new();
        self.history.write().unwrap_or_else(PoisonError::into_inner).symbol_mut(tick.symbol).push(tick, &mut closed);
        actor.timers(tick.time)?;
        actor.bars(tick, &closed)?;
        let begun = Instant::now();
        let is_called = actor.tick(tick, 0)?;
        let took = begun.elapsed().as_nanos() as u64;
        Ok(is_called.then_some(took))
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

#[cfg(test)]
mod tests {
    use super::*;
    use domain::contract::{Callbacks, DataNeed};
    use domain::guest::{Call, Guest, Outcome, Reply, Used};
    use domain::ids::Digest;
    use sandbox::{Calls, Profile, Source};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    /// Takes all the fuel of a call at each, and counts them.
    struct Hog {
        desk: Desk,
        calls: Arc<AtomicU64>,
    }

    impl Guest<Desk> for Hog {
        fn host(&mut self) -> &mut Desk {
            &mut self.desk
        }
        fn call(&mut self, _: Call<'_>) -> Outcome {
            self.calls.fetch_add(1, Ordering::Relaxed);
            Outcome::Decided(Reply::Done)
        }
        fn used(&self) -> Used {
            Used { fuel_last_call: 2_000_000, ..Used::default() }
        }
    }

    struct Hogs(Arc<AtomicU64>);

    impl GuestFactory<Desk> for Hogs {
        fn describe(&self, _: &Digest) -> Result<Description, Fault> {
            unreachable!("it has been described")
        }
        fn instantiate(&self, _: &Digest, desk: Desk, _: GuestLimits) -> Result<Box<dyn Guest<Desk>>, Fault> {
            Ok(Box::new(Hog { desk, calls: Arc::clone(&self.0) }))
        }
    }

    /// A probe of it, and how many calls were made.
    fn probe_of_a_hog(given_up: bool, first_look: Duration) -> (Result<Probe, String>, u64) {
        let description = Description {
            name: "hog".into(),
            version: String::new(),
            about: String::new(),
            params: Vec::new(),
            needs: vec![DataNeed { symbol: String::new(), timeframes: Vec::new(), bars_before_start: 0, ticks_before_start: 0 }],
            latest_tick_only: false,
            callbacks: Callbacks { tick: true, bar: false, timer: false, order: false, position: false },
            state_schema: 0,
            memory_bytes: 0,
        };
        let loaded = Loaded {
            digest: Digest([0; 32]),
            profile: Profile::Scripted,
            calls: Calls::Component,
            imports: Vec::new(),
            core_modules: 1,
            functions: 1,
            memories: 1,
            tables: 1,
            memory_bytes: 0,
            component_bytes: 1,
            compiled_bytes: 1,
            source: Source::Compiled,
            compile: sandbox::CompileCost::default(),
            first_look,
            took: first_look,
        };
        let calls = Arc::new(AtomicU64::new(0));
        let given_up = Arc::new(AtomicBool::new(given_up));
        let probe = run(&Hogs(Arc::clone(&calls)), &loaded, &description, &[], &given_up);
        (probe, calls.load(Ordering::Relaxed))
    }

    #[test]
    fn all_calls_of_a_first_run_share_one_budget_and_what_was_measured_is_told() {
        let (probe, calls) = probe_of_a_hog(false, Duration::ZERO);
        let probe = probe.expect("it is slow, and no failure");
        assert!(calls <= FUEL_MAX / 2_000_000 && calls > 2, "{calls} calls were made");
        assert!(is_cut_short(&probe) && probe.ticks == calls - 2, "{probe:?}");
    }

    #[test]
    fn what_describing_itself_took_counts() {
        let (probe, calls) = probe_of_a_hog(false, WALL_MAX);
        assert!(probe.is_err_and(|why| why.contains("a whole first run")) && calls == 0, "{calls} calls were made");
    }

    #[test]
    fn a_first_run_that_nobody_waits_for_makes_no_call() {
        let (probe, calls) = probe_of_a_hog(true, Duration::ZERO);
        assert!(probe.is_err_and(|why| why.contains("a whole first run")) && calls == 0, "{calls} calls were made");
    }
}
