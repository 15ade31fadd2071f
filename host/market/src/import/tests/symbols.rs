//! Whose prices files are of, and how the store calls them.

use super::binary::parquet;
use super::*;
use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use std::sync::Arc;

const CSV: &str = "time,bid,ask\n1398902400,1.1,1.2\n";

fn named(symbol: &str) -> ImportOptions {
    ImportOptions { symbol: Some(symbol.into()), ..ImportOptions::default() }
}

/// Ticks of two symbols, row by row in turn.
fn of_two(bench: &Bench) -> PathBuf {
    let times: ArrayRef = Arc::new(Int64Array::from_iter_values((0..6).map(|row| 1_398_902_400 + row / 2)));
    let floats = |one: f64, other: f64| -> ArrayRef { Arc::new(Float64Array::from([one, other].repeat(3))) };
    let symbols: ArrayRef = Arc::new(StringArray::from(["EUR/USD", "gbpusd"].repeat(3)));
    bench.file(
        "ticks.parquet",
        parquet(vec![("time", times), ("symbol", symbols), ("bid", floats(1.08, 1.27)), ("ask", floats(1.09, 1.28))]),
    )
}

#[test]
fn files_are_named_as_the_store_names_symbols() {
    let check = |file: &str, symbol: &str| {
        let bench = Bench::new();
        assert_eq!(bench.imported(&bench.file(file, CSV)).symbol, symbol, "{file}");
    };
    check("eurusd-tick-2024-03-05-2024-03-06.csv", "EURUSD");
    check("EurUsd.csv", "EURUSD");
    check("EUR_USD_2024.csv", "EURUSD");
    check("ticks_eurusd.csv", "EURUSD");
    check("DAT_ASCII_EURUSD_T_202401.csv", "EURUSD");
    check("EURUSDm_2024.csv", "EURUSDm");
    check("eurusd.m_2024.csv", "EURUSD.m");
    check("xauusd_2024.csv", "XAUUSD");
    check("aapl.csv", "AAPL");
    check("Volatility75.csv", "Volatility75");
}

#[test]
fn folders_name_a_symbol_where_files_do_not() {
    let bench = Bench::new();
    let folder = bench.files.join("eurusd/2014/05");
    std::fs::create_dir_all(&folder).expect("folders");
    std::fs::write(folder.join("20140501.csv"), CSV).expect("a file");
    assert_eq!(bench.imported(&bench.files.join("eurusd")).symbol, "EURUSD");
}

#[test]
fn a_symbol_that_the_store_has_keeps_its_name_whatever_the_case() {
    let bench = Bench::new();
    bench.import(&bench.file("20140501.csv", CSV), &named("Volatility75")).expect("imported");
    assert_eq!(bench.imported(&bench.file("VOLATILITY75.csv", CSV)).symbol, "Volatility75");
    assert_eq!(bench.import(&bench.file("1.csv", CSV), &named("gbpusd")).expect("imported").symbol, "GBPUSD");
    // A broker's other name of the same is another symbol, and that is said.
    bench.imported(&bench.file("EURUSD.csv", CSV));
    let report = bench.imported(&bench.file("EURUSDm.csv", CSV));
    assert_eq!(report.symbol, "EURUSDm");
    assert!(
        report.notes.iter().any(|note| note.contains("the store has EURUSD too") && note.contains("--symbol EURUSD")),
        "{:?}",
        report.notes
    );
}

#[test]
fn rows_of_several_symbols_give_several_or_the_one_asked_for() {
    let bench = Bench::new();
    let reports = import(&of_two(&bench), &ImportOptions::default(), &bench.store, &mut |_| {}).expect("imported");
    assert_eq!(reports.iter().map(|report| (report.symbol.as_str(), report.ticks)).collect::<Vec<_>>(), [("EURUSD", 3), ("GBPUSD", 3)]);
    assert_eq!((bench.ticks("EURUSD").bids, bench.ticks("GBPUSD").bids), (vec![1.08; 3], vec![1.27; 3]));

    let bench = Bench::new();
    let report = bench.import(&of_two(&bench), &named("EURUSD")).expect("imported");
    assert_eq!((report.symbol.as_str(), report.ticks), ("EURUSD", 3));
    assert_eq!(bench.store.symbols().expect("symbols"), ["EURUSD"]);
    bench.refused(&of_two(&bench), &named("USDJPY"), "USDJPY was asked for, and there is EURUSD and GBPUSD");
}

#[test]
fn files_of_several_symbols_give_the_one_asked_for_or_are_refused_where_a_name_is_none() {
    let bench = Bench::new();
    bench.file("EURUSD.csv", CSV);
    bench.file("GBPUSD.csv", CSV);
    let report = bench.import(&bench.files, &named("GBPUSD")).expect("imported");
    assert_eq!((report.symbol.as_str(), report.ticks), ("GBPUSD", 1));
    assert!(report.notes.iter().any(|note| note == "left out, as GBPUSD was asked for: EURUSD"), "{:?}", report.notes);
    bench.refused(&bench.files, &named("USDJPY"), "USDJPY was asked for, and there is EURUSD and GBPUSD");
    bench.file("first.csv", CSV);
    bench.refused(&bench.files, &ImportOptions::default(), "\"FIRST\" may be no symbol");
}
