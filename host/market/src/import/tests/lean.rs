use super::*;

const DAY: &str = "20140505_eurusd_tick_quote.csv";
/// New York's clock, where no folder names the market.
const NEW_YORK: &str = "America/New_York";

fn new_york() -> ImportOptions {
    ImportOptions { clock: NEW_YORK.parse().expect("a clock"), ..ImportOptions::default() }
}

#[test]
fn times_of_new_york_become_utc_and_straddle_its_days() {
    let bench = Bench::new();
    // 19:59:59.999 and 20:00:00 in New York are on both sides of midnight UTC.
    let zip = bench.zip("20140505_quote.zip", DAY, "40.1868,1.38727,1.38729\r\n71999999,1.38,1.3801\r\n72000000,1.381,1.3811\r\n");
    let report = bench.imported_as(&zip, &new_york());
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
        bench.imported_as(source, &new_york());
    }
    let expected = [
        "2014-05-05T04:00:00.000000Z 1.1 1.2",
        "2014-05-06T03:59:59.000000Z 1.3 1.4",
        "2014-05-06T04:00:00.000000Z 1.5 1.6",
        "2014-05-07T03:59:59.000000Z 1.7 1.8",
    ];
    assert_eq!(bench.shown("EURUSD"), expected);

    let replace = ImportOptions { existing: Existing::ReplaceDays, ..new_york() };
    bench.import(&second, &replace).expect("imported");
    assert_eq!(bench.shown("EURUSD"), [expected[0], expected[2], expected[3]]);
}

#[test]
fn dirty_rows_are_named_by_line_and_left_out() {
    let bench = Bench::new();
    let rows = "1000,1.1,1.2\n\n2000,x,1.2\n3000,1.1\n4000,0,1.2\n86400000,1.1,1.2\n5000,1.3,1.2\n4500,1.1,1.2\n3000,1.1,1.2\n6000,NaN,1.2\n7000,-1,1.2\n";
    let zip = bench.zip("20140505_quote.zip", DAY, rows);
    let report = bench.imported_as(&zip, &new_york());
    assert_eq!((report.rows, report.ticks, report.skipped, report.crossed, report.late), (10, 4, 6, 1, 1));
    let named: Vec<String> = report.dirty_rows.iter().map(|row| format!("{} {}", row.line, row.reason)).collect();
    assert_eq!(
        named,
        [
            "3 bid \"x\" is no number",
            "4 2 fields instead of milliseconds, bid, ask",
            "5 bid 0 is no price",
            "6 \"86400000\" is no number of milliseconds within a day",
            "10 bid \"NaN\" is no number",
            "11 bid -1 is no price",
        ]
    );
    assert_eq!(bench.ticks("EURUSD").times.windows(2).filter(|pair| pair[0] == pair[1]).count(), 1, "the late one");
}

#[test]
fn a_strict_import_stops_at_the_first_dirty_row_and_writes_nothing() {
    let bench = Bench::new();
    bench.imported_as(&bench.zip("20140505_quote.zip", DAY, "1000,1.1,1.2\n"), &new_york());
    let before = bench.shown("EURUSD");
    let rows: String = (0..1000).map(|at| format!("{at},1.5,1.6\n")).chain(["1001,1.5,\n".to_owned()]).collect();
    let zip = bench.zip("20140505_quote.zip", DAY, rows);
    let strict = ImportOptions { on_dirty_row: OnDirtyRow::Stop, ..new_york() };
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
    let report = bench.imported_as(&bench.zip("20140505_quote.zip", "20140505_xauusd_tick_quote.csv", rows), &new_york());
    assert_eq!((report.spec.digits, report.rounded, report.ticks), (3, 1, 5000));
    assert_eq!(bench.ticks("XAUUSD").asks[7], 1300.999);
}

#[test]
fn files_that_are_not_what_they_seem_are_named() {
    let bench = Bench::new();
    let plain = new_york();
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
    assert_eq!(ticks.row(0).time.to_string(), "2014-05-01T05:00:01.787000Z");
}

#[test]
fn real_ticks_on_a_wrong_clock_are_told_and_on_their_own_are_not() {
    let Some(source) = real("ticks/eurusd-fxcm") else { return };
    let says = |report: &ImportReport, what: &str| report.notes.iter().any(|note| note.contains(what));
    let report = Bench::new().imported_as(&source, &new_york());
    assert!(says(&report, "the clock looks 1 hour off"), "{:?}", report.notes);
    assert!(!says(&Bench::new().imported(&source), "the clock looks"));
    let Some(source) = real("ticks/xauusd-oanda") else { return };
    let report = Bench::new().imported_as(&source, &new_york());
    assert!(says(&report, "the clock looks 4 hours off"), "{:?}", report.notes);
    assert!(!says(&Bench::new().imported(&source), "the clock looks"));
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

#[test]
fn each_market_has_its_clock_and_an_unknown_one_is_refused_with_the_flag() {
    let rows = "27000106,1.38601,1.38671\n";
    for (folder, expected) in [
        ("forex/fxcm/tick/eurusd", "2014-05-05T12:30:00.106000Z"),
        ("eurusd-fxcm", "2014-05-05T12:30:00.106000Z"),
        ("forex/oanda/tick/eurusd", "2014-05-05T07:30:00.106000Z"),
        ("cfd/oanda/tick/eurusd", "2014-05-05T07:30:00.106000Z"),
        ("crypto/coinbase/tick/eurusd", "2014-05-05T07:30:00.106000Z"),
        ("equity/usa/tick/eurusd", "2014-05-05T11:30:00.106000Z"),
    ] {
        let bench = Bench::new();
        bench.imported(&bench.zip(&format!("{folder}/20140505_quote.zip"), DAY, rows));
        assert_eq!(bench.shown("EURUSD"), [format!("{expected} 1.38601 1.38671")], "{folder}");
    }
    let bench = Bench::new();
    let unknown = bench.zip("20140505_quote.zip", DAY, rows);
    bench.refused(&unknown, &ImportOptions::default(), "no folder names the market: add --utc-offset -5 for FXCM");
}

#[test]
fn quotes_of_shares_and_coins_keep_a_side_that_did_not_change() {
    let bench = Bench::new();
    let rows = "14400833,0,0,1940000,100,P,1,0\n14400833,1825700,300,0,0,P,1,0\n14400848,0,0,1872400,200,P,1,0\n14400900,9,9,9,9,P,1,1\n";
    let zip = bench.zip("equity/usa/tick/ibm/20131011_quote.zip", "20131011_ibm_Quote_Tick.csv", rows);
    let report = bench.imported(&zip);
    assert_eq!(bench.shown("IBM"), ["2013-10-11T08:00:00.833000Z 182.57 194", "2013-10-11T08:00:00.848000Z 182.57 187.24"]);
    let named: Vec<&str> = report.dirty_rows.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(named, ["bid is blank and no row before it has one", "it is marked as suspicious"]);

    let coins = bench.zip("crypto/gdax/tick/btcusd/20161007_quote.zip", "20161007_btcusd_tick_quote.csv", "4000,611.78,0.5,611.87,1.5\n");
    bench.imported(&coins);
    assert_eq!(bench.shown("BTCUSD"), ["2016-10-07T00:00:04.000000Z 611.78 611.87"]);
}

#[test]
fn bars_are_kept_as_bars_and_only_prices_of_shares_are_ten_thousandths() {
    use domain::tick::Timeframe;
    let rows = "4000,611.78,611.87,611.78,611.87,0.60046\n64000,611.9,611.91,611.89,611.9,3\n";
    let bench = Bench::new();
    let seconds = bench.zip("crypto/coinbase/second/btcusd/20161007_trade.zip", "20161007_btcusd_second_trade.csv", rows);
    bench.refused(&seconds, &ImportOptions::default(), "it holds LEAN's bars of seconds, and the store keeps M1, M5, M15,");

    let minutes = bench.zip(
        "crypto/coinbase/minute/btcusd/20161007_trade.zip",
        "20161007_btcusd_minute_trade.csv",
        rows.replace("4000,", "0,").replace("60,", "120000,"),
    );
    bench.imported(&minutes);
    assert_eq!(bench.shown_bars("BTCUSD", Timeframe::M1)[0], "2016-10-07T00:00:00.000000Z 611.78 611.87 611.78 611.87 1 0");

    let quotes = "0,1.1,1.2,1.05,1.15,0,1.11,1.21,1.06,1.16,0\n60000,1.1,1.2,1.05,1.15,0,1.11,1.21,1.06,1.16,0\n";
    let quotes = bench.zip("forex/fxcm/minute/eurusd/20140501_quote.zip", "20140501_eurusd_minute_quote.csv", quotes);
    bench.imported(&quotes);
    assert_eq!(bench.shown_bars("EURUSD", Timeframe::M1)[0], "2014-05-01T05:00:00.000000Z 1.1 1.2 1.05 1.15 0 0");

    let daily = "20131011 00:00,1825700,1872400,1820000,1860000,5000\n20131014 00:00,1825700,1872400,1820000,1860000,5000\n";
    let daily = bench.zip("equity/usa/daily/ibm.zip", "ibm.csv", daily);
    bench.imported(&daily);
    assert_eq!(bench.shown_bars("IBM", Timeframe::D1)[0], "2013-10-11T04:00:00.000000Z 182.57 187.24 182 186 5000 0");

    let other = Bench::new();
    let nowhere = other.zip("20161007_trade.zip", "20161007_btcusd_minute_trade.csv", rows);
    other.refused(&nowhere, &new_york(), "line 1: prices of shares are ten-thousandths in LEAN's bars and others are not");
    let future = other.zip("future/cme/minute/es/20131007_trade.zip", "20131007_es_minute_trade_201312.csv", rows);
    other.refused(&future, &new_york(), "it holds LEAN's future, which can't be imported");
}
