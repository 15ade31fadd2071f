//! How fast files become stored days: the whole way, from zips on the disk to synced Arrow files with checksums.
//!
//! On the EURUSD ticks of `../shared/data`; without them, as many are generated and written as a terminal's export.

use domain::symbol::common;
use domain::time::Time;
use serde_json::json;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use stockade_market::TickStore;
use stockade_market::feed::generate;
use stockade_market::import::{ImportOptions, ImportReport, import};

/// As in the program.
#[global_allocator]
static HEAP: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const REAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ticks/eurusd-fxcm");
const GENERATED: usize = 1_144_807;
/// A Monday.
const START: Time = Time(1_399_248_000_000_000);
/// Imports of which the best counts: what the machine can do when nothing else wants it.
const RUNS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = source(folder.path());
    let (took, report) =
        (0..RUNS).map(|run| timed(&source, &folder.path().join(format!("store-{run}")))).min_by_key(|(took, _)| *took).expect("it ran");
    eprintln!("import: {} ticks of {} files in {:.0} ms", report.ticks, report.files, took.as_secs_f64() * 1e3);
    let line = json!({ "name": "import_ticks_per_s", "value": report.ticks as f64 / took.as_secs_f64(), "unit": "ticks/s", "target": ">= 3000000" });
    println!("{line}");
}

fn timed(source: &Path, store: &Path) -> (Duration, ImportReport) {
    let store = TickStore::create(store).expect("a store");
    let begun = Instant::now();
    let mut reports = import(source, &ImportOptions::default(), &store, &mut |_| ()).expect("the ticks are sound");
    (begun.elapsed(), reports.remove(0))
}

fn source(folder: &Path) -> PathBuf {
    if Path::new(REAL).is_dir() {
        return REAL.into();
    }
    eprintln!("{REAL} is not there: {GENERATED} generated ticks instead");
    let ticks = generate(1, &common::forex("EUR", "USD"), START, GENERATED);
    let mut text = String::from("<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\r\n");
    for row in 0..ticks.len() {
        let stamp = Time(ticks.times[row]).to_string();
        let (date, time) = (stamp[..10].replace('-', "."), &stamp[11..23]);
        _ = write!(text, "{date}\t{time}\t{:.5}\t{:.5}\t\t\t6\r\n", ticks.bids[row], ticks.asks[row]);
    }
    let file = folder.join("EURUSD.csv");
    std::fs::write(&file, text).expect("room in the temporary folder");
    file
}
