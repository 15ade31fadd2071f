//! Plain CSV and JSON.

use super::*;

#[test]
fn headers_say_which_column_is_which() {
    let expected = ["2014-05-01T00:00:00.040186Z 1.38727 1.38729"];
    for content in [
        "time,bid,ask\n2014-05-01T00:00:00.040186Z,1.38727,1.38729\n",
        "Ask;Bid;Timestamp;other\n1.38729;1.38727;1398902400040186;x\n",
        "\"date\"\t\"time\"\t\"bid\"\t\"ask\"\n\"2014.05.01\"\t\"00:00:00.040186\"\t\"1.38727\"\t\"1.38729\"\n",
        "time,bid,ask,last,volume\n1398902400.040186,1.38727,1.38729,,\n",
        "time,bid,ask\n2014-05-01 02:00:00.040186+02:00,1.38727,1.38729\n",
    ] {
        let bench = Bench::new();
        let report = bench.imported(&bench.file("EURUSD.csv", content));
        assert_eq!(report.format, Format::Csv);
        assert_eq!(bench.shown("EURUSD"), expected, "{content}");
    }
}

#[test]
fn a_broken_row_is_named_by_its_line() {
    let bench = Bench::new();
    let content = "time,bid,ask\n1398902400,1.1,1.2\nwhen,1.1,1.2\n1398902401,1.1\n1398902402,1.1,x\n1398902403,1.1,1.2\n";
    let report = bench.imported(&bench.file("EURUSD.csv", content));
    let named: Vec<String> = report.dirty_rows.iter().map(DirtyRow::to_string).collect();
    assert_eq!(
        named,
        [
            "EURUSD.csv, line 3: \"when\" is no time",
            "EURUSD.csv, line 4: 2 fields instead of 3",
            "EURUSD.csv, line 5: ask \"x\" is no number",
        ]
    );
    assert_eq!(report.ticks, 2);
}

#[test]
fn only_the_first_dirty_rows_are_named_and_all_are_counted() {
    let bench = Bench::new();
    let content = "time,bid,ask\n1398902400,1.1,1.2\n".to_owned() + &"x,1,1\n".repeat(5_000);
    let report = bench.imported(&bench.file("EURUSD.csv", content));
    assert_eq!((report.skipped, report.dirty_rows.len()), (5_000, 20));
    assert!(report.to_string().contains("and 4,980 more"), "{report}");
    assert!(report.notes[0].contains("more rows were skipped than taken"), "{:?}", report.notes);
}

#[test]
fn files_of_two_symbols_or_formats_are_not_mixed() {
    let bench = Bench::new();
    bench.file("EURUSD.csv", "time,bid,ask\n1398902400,1.1,1.2\n");
    let plain = ImportOptions::default();
    bench.imported(&bench.files);
    let other = bench.file("GBPUSD.csv", "time,bid,ask\n1398902400,1.1,1.2\n");
    let reports = import(&bench.files, &plain, &bench.store, &mut |_| {}).expect("imported");
    assert_eq!(reports.iter().map(|report| (report.symbol.as_str(), report.ticks)).collect::<Vec<_>>(), [("EURUSD", 1), ("GBPUSD", 1)]);
    std::fs::rename(other, bench.files.join("EURUSD.zip")).expect("renamed");
    bench.file("EURUSD_M1.csv", "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n");
    bench.refused(&bench.files, &plain, "import each format by itself");
    bench.refused(&bench.file("EURUSD.txt", "once upon a time\n"), &plain, "line 1: \"once upon a time\" is not a row of columns");
    bench.refused(&bench.file("20140501.csv", "time,bid,ask\n1398902400,1.1,1.2\n"), &plain, "cannot tell its symbol; name it");
}

#[test]
fn a_name_and_a_spec_may_be_given() {
    let bench = Bench::new();
    let file = bench.file("20140501.csv", "time,bid,ask\n1398902400,1.1,1.2\n");
    let named = ImportOptions { symbol: Some("ACME".into()), ..ImportOptions::default() };
    let report = bench.import(&file, &named).expect("imported");
    assert!(report.spec_origin.contains("unknown name"), "{}", report.spec_origin);
    let spec = SymbolSpec { digits: 1, ..spec_for("EURUSD").expect("known") };
    let given = ImportOptions { spec: Some(spec.clone()), ..ImportOptions::default() };
    assert_eq!(bench.import(&file, &given).expect("imported").spec, spec);
    // What is stored keeps its grid until somebody says otherwise, and never gets a coarser one.
    let finer = bench.file("EURUSD.csv", "time,bid,ask\n1398902400,1.15,1.21\n");
    let report = bench.import(&finer, &ImportOptions::default()).expect("imported");
    assert_eq!((report.spec.digits, report.rounded, report.spec_origin.as_str()), (1, 1, "as stored"));
    let digits = |digits| ImportOptions { digits: Some(digits), ..ImportOptions::default() };
    assert_eq!(bench.import(&finer, &digits(3)).expect("imported").rounded, 0);
    bench.refused(&finer, &digits(2), "the store holds EURUSD with 3 digits");
    bench.refused(&finer, &digits(9), "digits must be at most 8");
}

#[test]
fn real_ticks_of_mt5_as_json_are_taken() {
    for (file, symbol, count) in
        [("BTCUSD_20260307_090342_ticks.json", "BTCUSD", 694), ("ETHUSD_20260307_090431_ticks.json", "ETHUSD", 536)]
    {
        let Some(source) = real(&format!("ticks/mt5-vantage/{file}")) else { return };
        let bench = Bench::new();
        let report = bench.imported(&source);
        assert_eq!((report.symbol.as_str(), report.format, report.ticks, report.skipped), (symbol, Format::Json, count, 0));
        assert_eq!(report.spec.digits, 2);
        assert!(report.notes.iter().any(|note| note.contains("60 min ahead")), "{:?}", report.notes);
        assert!(bench.ticks(symbol).flags.contains(&4));
    }
}

#[test]
fn json_ticks_may_lack_a_side_and_dirty_ones_are_named() {
    let bench = Bench::new();
    let content = r#"{"metadata": {"symbol": "ETHUSD"}, "ticks": [
        {"time_msc": 1398902400040, "bid": 1969.23, "ask": "1971.77", "tick_flags": "BID ASK", "else": [1, {"a": null}]},
        {"time_msc": 1398902400050, "ask": 1971.80, "bid": 0, "flags": 4},
        {"bid": 1.0, "ask": 2.0},
        {"time_msc": "soon", "bid": 1.0, "ask": 2.0},
        {"time_msc": 1398902400060, "bid": -1, "ask": 2.0}
    ], "errors": {}}"#;
    let report = bench.imported(&bench.file("x.json", content));
    assert_eq!(bench.shown("ETHUSD"), ["2014-05-01T00:00:00.040000Z 1969.23 1971.77", "2014-05-01T00:00:00.050000Z 1969.23 1971.8"]);
    assert_eq!(report.dirty_rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 4, 5]);

    let plain = ImportOptions { symbol: Some("ETHUSD".into()), ..ImportOptions::default() };
    for (broken, expected) in [
        (&content[..200], "it is no JSON with rows: EOF"),
        ("{\"a\": 1}", "no column holds a date and a time. Its columns: a=1 (number)"),
        ("{\"a\": {}}", "neither values nor a list of rows (ticks, bars,"),
        ("{\"time\": [1]}", "neither values nor a list of rows (ticks, bars,"),
        ("{\"data\": {\"time\": {\"0\": 1}}}", "columns lie side by side; write rows"),
        ("[1, 2]", "it is no JSON with rows: invalid type"),
        ("[]", "no usable row"),
    ] {
        bench.refused(&bench.file("x.json", broken), &plain, expected);
    }
}

#[test]
fn progress_reaches_the_end() {
    let bench = Bench::new();
    let rows: String = (0..250_000).map(|at| format!("{},1.1,1.2\n", 1_398_902_400_000_u64 + at)).collect();
    let file = bench.file("EURUSD.csv", format!("time,bid,ask\n{rows}"));
    let mut seen = Vec::new();
    import(&file, &ImportOptions::default(), &bench.store, &mut |progress| {
        seen.push((progress.bytes_done, progress.bytes_total, progress.rows))
    })
    .expect("imported");
    assert!(seen.len() >= 4 && seen.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].2 <= pair[1].2), "{seen:?}");
    assert_eq!(seen.last().map(|last| (last.0 == last.1, last.2)), Some((true, 250_000)));
}

#[test]
fn what_a_dead_import_left_is_removed_and_a_running_one_is_left_alone() {
    let bench = Bench::new();
    let dead = bench.store.root().join(".import-0");
    std::fs::create_dir(&dead).expect("a folder");
    std::fs::write(dead.join("2014-05-01.arrow"), "half").expect("a file");
    let running = Staging::create(&bench.store).expect("staging");
    bench.imported(&bench.file("EURUSD.csv", "time,bid,ask\n1398902400,1.1,1.2\n"));
    assert_eq!(bench.leftovers().len(), 1, "that of the running one");
    drop(running);
    assert!(bench.leftovers().is_empty());
}
