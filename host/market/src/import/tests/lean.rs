use super::*;

const DAY: &str = "20140505_eurusd_tick_quote.csv";

#[test]
fn times_of_new_york_become_utc_and_straddle_its_days() {
    let bench = Bench::new();
    // 19:59:59.999 and 20:00:00 in New York are on both sides of midnight UTC.
    let zip = bench.zip("20140505_quote.zip", DAY, "40.1868,1.38727,1.38729\r\n71999999,1.38,1.3801\r\n72000000,1.381,1.3811\r\n");
    let report = bench.imported(&zip);
    assert_eq!((report.symbol.as_str(), report.format, report.ticks, report.skipped), ("EURUSD", Format::Lean, 3, 0));
    assert_eq!(report.spec.digits, 5);
    assert_eq!(
        bench.shown("EURUSD"),
        [
            "2014-05-05T04:00:00.040186Z 1.38727 1.38729",
            "2014-05-05T23:59:59.999000Z 1.38 1.3801",
            "2014-05-06T00:00:00.000000Z 1.381 1.3811",
        ]
    );
    assert_eq!(bench.store.days("EURUSD").expect("days").len(), 2);
}

#[test]
fn days_of_new_york_fit_together_in_any_order_and_again() {
    let bench = Bench::new();
    let first = bench.zip("20140505_quote.zip", DAY, "0,1.1,1.2\n86399000,1.3,1.4\n");
    let second = bench.zip("20140506_quote.zip", "20140506_eurusd_tick_quote.csv", "0,1.5,1.6\n86399000,1.7,1.8\n");
    for source in [&second, &first, &second, &bench.files, &first] {
        bench.imported(source);
    }
    let expected = [
        "2014-05-05T04:00:00.000000Z 1.1 1.2",
        "2014-05-06T03:59:59.000000Z 1.3 1.4",
        "2014-05-06T04:00:00.000000Z 1.5 1.6",
        "2014-05-07T03:59:59.000000Z 1.7 1.8",
    ];
    assert_eq!(bench.shown("EURUSD"), expected);

    let replace = ImportOptions { existing: Existing::ReplaceDays, ..ImportOptions::default() };
    bench.import(&second, &replace).expect("imported");
    assert_eq!(bench.shown("EURUSD"), [expected[0], expected[2], expected[3]]);
}

#[test]
fn dirty_rows_are_named_by_line_and_left_out() {
    let bench = Bench::new();
    let rows = "1000,1.1,1.2\n\n2000,x,1.2\n3000,1.1\n4000,0,1.2\n86400000,1.1,1.2\n5000,1.3,1.2\n4500,1.1,1.2\n3000,1.1,1.2\n6000,NaN,1.2\n7000,-1,1.2\n";
    let zip = bench.zip("20140505_quote.zip", DAY, rows);
    let report = bench.imported(&zip);
    assert_eq!((report.rows, report.ticks, report.skipped, report.crossed, report.late), (10, 3, 7, 1, 1));
    let named: Vec<String> = report.dirty_rows.iter().map(|row| format!("{} {}", row.line, row.reason)).collect();
    assert_eq!(
        named,
        [
            "3 bid \"x\" is no number",
            "4 2 fields instead of milliseconds, bid, ask",
            "5 bid 0 is no price",
            "6 \"86400000\" is no number of milliseconds within a day",
            "9 time goes back by 2.000 s",
            "10 bid \"NaN\" is no number",
            "11 bid -1 is no price",
        ]
    );
    assert_eq!(bench.ticks("EURUSD").times.windows(2).filter(|pair| pair[0] == pair[1]).count(), 1, "the late one");
}

#[test]
fn a_strict_import_stops_at_the_first_dirty_row_and_writes_nothing() {
    let bench = Bench::new();
    bench.imported(&bench.zip("20140505_quote.zip", DAY, "1000,1.1,1.2\n"));
    let before = bench.shown("EURUSD");
    let rows: String = (0..1000).map(|at| format!("{at},1.5,1.6\n")).chain(["1001,1.5,\n".to_owned()]).collect();
    let zip = bench.zip("20140505_quote.zip", DAY, rows);
    let strict = ImportOptions { on_dirty_row: OnDirtyRow::Stop, ..ImportOptions::default() };
    bench.refused(
        &zip,
        &strict,
        "20140505_quote.zip/20140505_eurusd_tick_quote.csv, line 1001: ask \"\" is no number; nothing was imported",
    );
    assert_eq!(bench.shown("EURUSD"), before);
    assert!(bench.leftovers().is_empty(), "{:?}", bench.leftovers());
}

#[test]
fn digits_come_from_the_data_and_rare_ones_are_rounded() {
    let bench = Bench::new();
    let rows: String = (0..5000).map(|at| format!("{at},1300.{:03},1300.9{}\n", at % 1000, if at == 7 { "991" } else { "99" })).collect();
    let report = bench.imported(&bench.zip("20140505_quote.zip", "20140505_xauusd_tick_quote.csv", rows));
    assert_eq!((report.spec.digits, report.rounded, report.ticks), (3, 1, 5000));
    assert_eq!(bench.ticks("XAUUSD").asks[7], 1300.999);
}

#[test]
fn files_that_are_not_what_they_seem_are_named() {
    let bench = Bench::new();
    let plain = ImportOptions::default();
    bench.refused(&bench.files.clone(), &plain, "has no .zip, .csv");
    bench.refused(&bench.files.join("nowhere"), &plain, "nowhere");
    bench.refused(&bench.file("20140505_quote.zip", "PK\x03\x04 and no more"), &plain, "it is no readable zip");
    bench.refused(&bench.zip("20140505_quote.zip", DAY, "a,b\n".repeat(2000)), &plain, "none of its first 1000 rows");
    bench.refused(&bench.zip("20140505_quote.zip", DAY, "a,b\n"), &plain, "no usable row; the first: ");
    bench.refused(&bench.zip("20140505_quote.zip", "x_quote.csv", "1,1.1,1.2\n"), &plain, "cannot tell its symbol");
    assert!(bench.store.symbols().expect("symbols").is_empty());
}

#[test]
fn every_real_eurusd_tick_is_taken() {
    let Some(source) = real("ticks/eurusd-fxcm") else { return };
    let bench = Bench::new();
    let report = timed(&bench, &source);
    // 1,144,794 line ends, and the last row of each of the 13 files has none.
    let rows = 1_144_794 + 13;
    assert_eq!((report.ticks, report.rows, report.skipped, report.rounded, report.late), (rows, rows, 0, 0, 0));
    assert_eq!((report.crossed, report.spec.digits, report.files), (116_871, 5, 13));
    let ticks = bench.ticks("EURUSD");
    assert_eq!(ticks.len() as u64, rows);
    assert_eq!((ticks.row(0).bid, ticks.row(0).ask), (1.38727, 1.38729));
    assert_eq!(ticks.row(0).time.to_string(), "2014-05-01T04:00:01.787000Z");
}

#[test]
fn every_real_gold_tick_is_taken() {
    let Some(source) = real("ticks/xauusd-oanda") else { return };
    let bench = Bench::new();
    let report = timed(&bench, &source);
    // Line ends, and the last row of each of the 3 files has none.
    assert_eq!((report.ticks, report.skipped, report.rounded), (186_203 + 161_551 + 219_808 + 3, 0, 0));
    assert_eq!((report.symbol.as_str(), report.spec.digits), ("XAUUSD", 3));
    assert_eq!(bench.ticks("XAUUSD").times[0] % 1_000_000, 40_186);
}
