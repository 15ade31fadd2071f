//! How long an optimisation takes, and what a second core gives: 1,000 passes of `ema-cross` over the EURUSD ticks of
//! `../shared/data`, which all share one compiled component and one mapped set of ticks. Without the real ticks as many are
//! generated, which is said.

use backtest::optimise::windows::{Span, Window};
use backtest::optimise::{Campaign, Criterion, Findings, Known, Method, Runner, Space, Tested, TickSet, assignment, threads};
use backtest::source::{Chunk, owned};
use backtest::{Batching, RunSetup, Source};
use domain::broker::AccountTerms;
use domain::contract::RunMode;
use domain::desk::Desk;
use domain::guest::GuestFactory as _;
use domain::limits::GuestLimits;
use domain::params::resolve;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::time::Time;
use market::feed::generate;
use market::import::{ImportOptions, import};
use market::{StoreError, TickStore};
use paper::VenueOptions;
use sandbox::{Addresses, Sandbox, SandboxConfig};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use testkit::components;

/// As in the program.
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const REAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ticks/eurusd-fxcm");
const GENERATED: usize = 1_144_794;
/// Monday, 6 January 2014.
const MONDAY: Time = Time(1_388_966_400_000_000);
/// 20 fast averages with 50 slow ones.
const WHOLE: [&str; 2] = ["fast_alpha=0.01..0.0385:0.0015", "slow_alpha=0.0001..0.005:0.0001"];
/// Every tenth of the slow ones: enough to compare one core with two.
const TENTH: [&str; 2] = ["fast_alpha=0.01..0.0385:0.0015", "slow_alpha=0.0001..0.005:0.001"];
/// Comparisons of which the median counts: other work on the machine comes and goes.
const COMPARISONS: usize = 5;

/// The ticks, mapped or generated.
enum Market {
    Mapped(TickSet),
    Generated(Vec<Chunk>),
}

impl Market {
    fn source(&self, from: Time, to: Time, stop: &Arc<AtomicBool>) -> Result<Source, StoreError> {
        match self {
            Self::Mapped(ticks) => ticks.source(from, to, stop),
            Self::Generated(chunks) => Source::new(vec![(SymbolId(0), Box::new(chunks.clone().into_iter().map(Ok)))]),
        }
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let (market, span) = ticks(folder.path());
    let sandbox: Sandbox<Desk> = Sandbox::new(SandboxConfig { addresses: Addresses::Wide, ..SandboxConfig::default() }).expect("a sandbox");
    let digest = sandbox.load(components::ema_cross()).expect("the sample loads").digest;
    let description = sandbox.describe(&digest).expect("the sample describes itself");
    let stop = Arc::new(AtomicBool::new(false));
    let setup = RunSetup {
        table: SymbolTable::new(vec![common::forex("EUR", "USD")]).expect("it is valid"),
        symbols: vec![SymbolId(0)],
        params: resolve(&description.params, []).expect("defaults are valid"),
        description: description.clone(),
        restored: None,
        start: span.start(),
        terms: AccountTerms::default(),
        risk: RiskLimits::default(),
        venue: VenueOptions::default(),
        limits: GuestLimits::default(),
        seed: 1,
        mode: RunMode::Optimisation,
        batching: Batching::Horizon,
        keep_remarks: false,
        witness: None,
    };
    let source = |from: Time, to: Time| market.source(from, to, &stop);
    let guests = |desk: Desk, limits: GuestLimits| sandbox.instantiate(&digest, desk, limits);
    let runner = Runner::new(setup, &source, &guests, 0, &stop);
    let run = |given: &[&str], count: usize| -> (Duration, Findings) {
        let given: Vec<_> = given.iter().map(|given| assignment(given).expect("it is a range")).collect();
        let space = Space::new(&description.params, &given).expect("the sample has these parameters");
        let pool = threads(count).expect("threads");
        let campaign = Campaign {
            space: &space,
            windows: &[Window { optimised: span, tested: None }],
            method: Method::Complete,
            criterion: Criterion::Balance,
            trades_min: 1,
            tested: Tested::Best,
            passes_max: 1_000,
            pool: &pool,
            stop: &stop,
        };
        let begun = Instant::now();
        let found = campaign.run(&Known::new(), &|params, span| runner.figures(params, span), |_, _, _| Ok(())).expect("it runs");
        (begun.elapsed(), found)
    };
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get()).min(2);
    let speedup = |_| run(&TENTH, 1).0.as_secs_f64() / run(&TENTH, 2).0.as_secs_f64();
    let mut speedups: Vec<f64> = (0..COMPARISONS).map(speedup).collect();
    speedups.sort_by(f64::total_cmp);
    let (took, found) = run(&WHOLE, cores);
    assert_eq!((found.windows[0].passes.len(), found.faults()), (1_000, 0), "every pass runs");
    eprintln!("1,000 passes on {cores} cores: {:.1} ms of a core each; speed-ups by two threads {speedups:.2?}", {
        took.as_secs_f64() * cores as f64
    });
    say("optimise_1000_passes_s", took.as_secs_f64(), "s", "<= 20");
    say("optimise_speedup_2_cores", speedups[COMPARISONS / 2], "x", ">= 1.9");
}

fn ticks(folder: &Path) -> (Market, Span) {
    let real = Path::new(REAL);
    if !real.is_dir() {
        eprintln!("{REAL} is not there: {GENERATED} generated ticks instead");
        let columns = generate(1, &common::forex("EUR", "USD"), MONDAY, GENERATED);
        let span = Span::holding(MONDAY, Time(*columns.times.last().expect("there are ticks")));
        return (Market::Generated(vec![owned(columns)]), span);
    }
    let store = TickStore::create(folder).expect("a store");
    let options = ImportOptions { symbol: Some("EURUSD".into()), ..ImportOptions::default() };
    import(real, &options, &store, &mut |_| ()).expect("the ticks are sound");
    let days = store.read("EURUSD", Time(i64::MIN), Time(i64::MAX)).expect("it was imported");
    let set = TickSet::open(vec![(SymbolId(0), days)]).expect("it was imported");
    let (first, last) = set.span(|_| true).expect("there are ticks");
    (Market::Mapped(set), Span::holding(first, last))
}

fn say(name: &str, value: f64, unit: &str, target: &str) {
    println!("{}", json!({ "name": name, "value": (value * 100.0).round() / 100.0, "unit": unit, "target": target }));
}
