//! Writes a good input of each kind into `host/fuzz/corpus`, for the fuzzer to begin with; each is read back before it is kept.
//!
//! ```text
//! cargo run --manifest-path host/fuzz/Cargo.toml --example seeds
//! ```

use domain::contract::StopReason;
use domain::ids::{Digest, EngineId};
use domain::limits::GuestLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tape::{Asked, Beginning, Entry, Heard};
use domain::tick::Tick;
use domain::time::Time;
use market::export::{ExportFormat, export};
use market::import::{Format, ImportOptions, import};
use market::store::TickStore;
use record::{Record, Recorder, Retention};
use std::fs;
use std::path::{Path, PathBuf};

const CSV: &str = "time,bid,ask\n2024-01-08 08:00:00.000,1.10000,1.10010\n2024-01-08 08:00:00.250,1.10002,1.10012\n\
    2024-01-08 08:00:01.500,1.09998,1.10009\n";
const JSON: &str =
    r#"[{"time_msc":1704700800000,"bid":1.1,"ask":1.1001,"flags":6},{"time_msc":1704700801000,"bid":1.1002,"ask":1.1003,"flags":6}]"#;

fn main() {
    let place = tempfile::tempdir().expect("a folder");
    let store = imported(place.path(), "EURUSD.csv", Format::Csv, CSV.as_bytes());
    let mut parquet = Vec::new();
    let always = (Time(i64::MIN), Time(i64::MAX));
    export(&store, "EURUSD", always, ExportFormat::Parquet, &mut parquet).expect("what was imported can be exported");
    imported(place.path(), "EURUSD.parquet", Format::Parquet, &parquet);
    imported(place.path(), "EURUSD.json", Format::Json, JSON.as_bytes());
    imported(place.path(), "EURUSD_2014-05-01_13h.bi5", Format::Bi5, &plain_bi5());

    // The first byte of text says which format it is read as.
    keep("import_csv", "csv", &[b"\x01", CSV.as_bytes()].concat());
    keep("import_json", "json", JSON.as_bytes());
    keep("import_parquet", "parquet", &parquet);
    keep("import_bi5", "plain", &plain_bi5());
    keep("record_reader", "record", &record(place.path()));
    components();
}

/// The samples, where `cargo xtask strategies` has built them, and the two small modules around each.
fn components() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/strategies");
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for file in files.filter(|path| path.extension().is_some_and(|extension| extension == "wasm")) {
        let (name, component) = (file.file_stem().expect("it has a name").to_string_lossy(), fs::read(&file).expect("it can be read"));
        if let [_strategy, shim, fixups] = modules(&component).as_slice() {
            let length = (shim.len() as u16).to_le_bytes();
            keep("wiring", &name, &[&length, *shim, *fixups].concat());
        }
        keep("check", &name, &component);
    }
}

/// The core modules of a component, in order.
fn modules(component: &[u8]) -> Vec<&[u8]> {
    const PREAMBLE_BYTES: usize = 8;
    const CORE_MODULE: u8 = 1;
    let (mut modules, mut rest) = (Vec::new(), component.get(PREAMBLE_BYTES..).unwrap_or_default());
    while let [id, after @ ..] = rest {
        let (mut length, mut shift, mut bytes) = (0, 0, after.iter());
        for byte in bytes.by_ref() {
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                break;
            }
        }
        let (content, behind) = bytes.as_slice().split_at(length);
        if *id == CORE_MODULE {
            modules.push(content);
        }
        rest = behind;
    }
    modules
}

/// A store of its own with what is in these bytes.
fn imported(place: &Path, name: &str, format: Format, bytes: &[u8]) -> TickStore {
    let store = TickStore::create(place.join(format!("store of {name}"))).expect("a store");
    let file = place.join(name);
    fs::write(&file, bytes).expect("a file");
    let options = ImportOptions { format, symbol: Some("EURUSD".into()), ..ImportOptions::default() };
    import(&file, &options, &store, &mut |_| {}).unwrap_or_else(|error| panic!("{name} is no good input: {error}"));
    store
}

/// Three ticks of an hour: milliseconds, ask and bid in points, and two volumes, big-endian.
fn plain_bi5() -> Vec<u8> {
    let tick = |ms: u32, ask: u32, bid: u32| {
        let numbers = [ms, ask, bid, 1.5_f32.to_bits(), 0.75_f32.to_bits()];
        numbers.into_iter().flat_map(u32::to_be_bytes).collect::<Vec<u8>>()
    };
    [tick(0, 110_010, 110_000), tick(250, 110_012, 110_002), tick(3_599_999, 110_009, 109_998)].concat()
}

/// An engine's life of three ticks, with its beginning and its end.
fn record(place: &Path) -> Vec<u8> {
    let folder = place.join("records");
    let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).expect("one symbol");
    let mut recorder = Recorder::new(&folder, 1, table.clone(), Retention::default()).expect("a folder");
    let engine = EngineId(1);
    let (version, limits) = (Digest([7; 32]), GuestLimits::default());
    let table = table.iter().map(|(_, spec)| spec.clone()).collect();
    let beginning = Beginning { engine, version, table, symbols: vec![SymbolId(0)], seed: 1, limits };
    let tick = |sequence: u64| Tick {
        symbol: SymbolId(0),
        sequence,
        time: Time(sequence as i64 * 1_000),
        bid: 1.1,
        ask: 1.1001,
        last: 0.0,
        volume: 0.0,
        flags: 0,
    };
    recorder.entries(engine, vec![Entry::Begin(Box::new(beginning))]).expect("it is kept");
    recorder.ticks(&[tick(1), tick(2), tick(3)]).expect("they are kept");
    let life = vec![
        Entry::Ticks { symbol: 0, first: 1, count: 3, skipped: 0 },
        Entry::Asked(Asked::Random(4)),
        Entry::Called { at: Time(3_000), call: Heard::Stop(StopReason::ByOperator) },
    ];
    recorder.entries(engine, life).expect("they are kept");
    drop(recorder);
    let read = Record::open(&folder, engine).expect("it can be read");
    assert_eq!(read.lives.len(), 1, "a whole life");
    let file = fs::read_dir(folder.join("engine-1")).expect("a folder").flatten().map(|entry| entry.path()).find(|path| is_record(path));
    fs::read(file.expect("a file")).expect("it can be read")
}

fn is_record(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rec")
}

fn keep(target: &str, name: &str, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a file");
}
