//! What the runs run on.

use backtest::source::{Chunk, Chunks, owned};
use backtest::{Batching, RunReport, RunSetup, Source};
use domain::broker::AccountTerms;
use domain::contract::{Description, RunMode};
use domain::desk::Desk;
use domain::guest::{Fault, Guest, GuestFactory as _};
use domain::ids::Digest;
use domain::limits::GuestLimits;
use domain::params::resolve;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolSpec, SymbolTable, common};
use domain::time::{DAY_US, Time};
use market::columns::Row;
use market::feed::{Feed as _, SimulatedFeed, SimulatedSymbol, generate};
use market::import::{ImportOptions, import};
use market::{OwnedColumns, TickStore};
use paper::VenueOptions;
use sandbox::{Addresses, Sandbox, SandboxConfig};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use testkit::{NativeGuest, components};

const REAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ticks");
/// As many as the real ones.
const GENERATED: usize = 1_144_794;
/// Weeks of gold with the same ticks.
const GOLD_WEEKS: i64 = 8;
/// Ticks of gold in a busy year.
const YEAR: u64 = 100_000_000;
/// Monday, 6 January 2014.
const MONDAY: Time = Time(1_388_966_400_000_000);

/// Ticks of one symbol, ready to be read any number of times.
pub struct Ticks {
    pub spec: SymbolSpec,
    pub chunks: Vec<Chunk>,
}

/// The strategies, compiled.
pub struct Stage {
    sandbox: Sandbox<Desk>,
    ema_cross: (Digest, Description),
    scalper: (Digest, Description),
    folder: tempfile::TempDir,
}

impl Stage {
    pub fn new() -> Self {
        let sandbox = Sandbox::new(SandboxConfig { addresses: Addresses::Wide, ..SandboxConfig::default() }).expect("a sandbox");
        let load = |component: &[u8]| {
            let digest = sandbox.load(component).expect("a sample loads").digest;
            (digest, sandbox.describe(&digest).expect("a sample describes itself"))
        };
        let (ema_cross, scalper) = (load(components::ema_cross()), load(components::scalper()));
        Self { ema_cross, scalper, sandbox, folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn eurusd(&self) -> Ticks {
        self.ticks("EURUSD", "eurusd-fxcm", &common::forex("EUR", "USD"))
    }

    /// The days there are, as the days of as many weeks: a run of three days is over before what it takes to start has paid off.
    pub fn gold(&self) -> Ticks {
        let Ticks { spec, chunks } = self.ticks("XAUUSD", "xauusd-oanda", &common::gold());
        let week = |week: i64| {
            let mut later = joined(&chunks);
            later.times.iter_mut().for_each(|time| *time += week * 7 * DAY_US);
            owned(later)
        };
        Ticks { spec, chunks: (0..GOLD_WEEKS).map(week).collect() }
    }

    fn ticks(&self, symbol: &str, folder: &str, usual: &SymbolSpec) -> Ticks {
        let real = Path::new(REAL).join(folder);
        if !real.is_dir() {
            eprintln!("{} is not there: {GENERATED} generated ticks of {symbol} instead", real.display());
            return Ticks { spec: usual.clone(), chunks: vec![owned(generate(1, usual, MONDAY, GENERATED))] };
        }
        let store = TickStore::create(self.folder.path()).expect("a store");
        let options = ImportOptions { symbol: Some(symbol.into()), ..ImportOptions::default() };
        import(&real, &options, &store, &mut |_| ()).expect("the ticks are sound");
        let days = store.read(symbol, Time(i64::MIN), Time(i64::MAX)).expect("it was imported");
        let chunks = backtest::source::days(days).collect::<Result<_, _>>().expect("it was imported");
        Ticks { spec: store.spec(symbol).expect("it was imported"), chunks }
    }

    pub fn ema_cross(&self, ticks: &Ticks) -> RunReport {
        self.sandboxed(&self.ema_cross, &ticks.spec, ticks.source())
    }

    pub fn scalper(&self, ticks: &Ticks) -> RunReport {
        self.sandboxed(&self.scalper, &ticks.spec, ticks.source())
    }

    pub fn native_ema_cross(&self, ticks: &Ticks) -> RunReport {
        run(&self.ema_cross.1, &ticks.spec, ticks.source(), |desk| Ok(Box::new(NativeGuest::<ema_cross::EmaCross, _>::new(desk))))
    }

    pub fn native_scalper(&self, ticks: &Ticks) -> RunReport {
        run(&self.scalper.1, &ticks.spec, ticks.source(), |desk| Ok(Box::new(NativeGuest::<scalper::Scalper, _>::new(desk))))
    }

    fn sandboxed(&self, (digest, description): &(Digest, Description), spec: &SymbolSpec, source: Source) -> RunReport {
        run(description, spec, source, |desk| self.sandbox.instantiate(digest, desk, GuestLimits::default()))
    }
}

impl Ticks {
    /// The first rows only.
    pub fn first(&self, rows: usize) -> Self {
        let all = joined(&self.chunks);
        let mut some = OwnedColumns::default();
        some.extend(all.as_columns().slice(0..rows.min(all.len())), &[]);
        Self { spec: self.spec.clone(), chunks: vec![owned(some)] }
    }

    fn source(&self) -> Source {
        // Each run makes its own price ranges, as a backtest does, and its time includes it.
        let fresh: Vec<_> = self.chunks.iter().map(|chunk| Ok(Chunk::new(Arc::clone(chunk.handle())))).collect();
        Source::new(vec![(SymbolId(0), Box::new(fresh.into_iter()))]).expect("they are in memory")
    }
}

fn run(
    description: &Description,
    spec: &SymbolSpec,
    source: Source,
    guest: impl FnOnce(Desk) -> Result<Box<dyn Guest<Desk>>, Fault>,
) -> RunReport {
    let setup = RunSetup {
        table: SymbolTable::new(vec![spec.clone()]).expect("it is valid"),
        symbols: vec![SymbolId(0)],
        description: description.clone(),
        params: resolve(&description.params, std::iter::empty()).expect("defaults are valid"),
        restored: None,
        start: Time(i64::MIN),
        terms: AccountTerms::default(),
        risk: RiskLimits::default(),
        venue: VenueOptions::default(),
        limits: GuestLimits::default(),
        seed: 1,
        mode: RunMode::Backtest,
        batching: Batching::Horizon,
        keep_remarks: false,
        witness: None,
    };
    backtest::run(setup, source, guest, |_| ()).expect("the samples run")
}

/// What the run over a year found.
#[derive(Serialize, Deserialize)]
pub struct Gold {
    pub ticks: u64,
    pub seconds: f64,
    pub peak_mib: f64,
}

/// Runs `scalper` over a year of generated gold, chunk by chunk as they are made, and prints what it took.
pub fn year_of_gold() {
    let stage = Stage::new();
    let begun = Instant::now();
    let source = Source::new(vec![(SymbolId(0), generated_year())]).expect("they are made");
    let report = stage.sandboxed(&stage.scalper, &common::gold(), source);
    let gold = Gold { ticks: report.ticks, seconds: begun.elapsed().as_secs_f64(), peak_mib: peak_mib() };
    println!("{}", serde_json::to_string(&gold).expect("numbers"));
}

/// Days of ticks, made when they are asked for.
fn generated_year() -> Chunks {
    const ROWS: u64 = 250_000;
    let gold = SimulatedSymbol { ticks_per_second: 5.0, ..SimulatedSymbol::usual(SymbolId(0), common::gold()) };
    let mut feed = SimulatedFeed::new(1, MONDAY, vec![gold]).expect("a market");
    Box::new((0..YEAR / ROWS).map(move |_| {
        let mut rows = OwnedColumns::default();
        for _ in 0..ROWS {
            let tick = feed.next().expect("endless").expect("sound");
            rows.push(Row::quote(tick.time, tick.bid, tick.ask));
        }
        Ok(owned(rows))
    }))
}

/// The most memory this process ever had at once.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("it is there");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// For the peer: a file it can write into.
pub fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("stockade-bench-{}-{name}", std::process::id()))
}

/// All rows of some chunks in one piece.
pub fn joined(chunks: &[Chunk]) -> OwnedColumns {
    let mut all = OwnedColumns::default();
    chunks.iter().for_each(|chunk| all.extend(chunk.columns(), &[]));
    all
}
