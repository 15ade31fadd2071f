//! Rows in another order than that of time, and the hour that autumn repeats.

use super::*;

/// A tick every `step` seconds, as an MT5 export from the given local minutes of 2023-11-05 on.
fn export(minutes: impl Iterator<Item = i64>) -> String {
    let header = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\r\n".to_owned();
    minutes.fold(header, |text, minute| {
        text + &format!("2023.11.05\t{:02}:{:02}:00.000\t34000.1\t34016.1\t\t\t6\r\n", minute / 60, minute % 60)
    })
}

fn with_clock(clock: &str) -> ImportOptions {
    ImportOptions { clock: clock.parse().expect("a clock"), ..ImportOptions::default() }
}

#[test]
fn the_hour_that_autumn_repeats_is_read_twice() {
    // New York + 7 h: 8:00 to 9:00 comes twice, from 5:00 UTC on.
    let passes = || (8 * 60 + 30..9 * 60).chain(8 * 60..9 * 60).chain(9 * 60..9 * 60 + 15);
    let expected = ["2023-11-05T05:30:00.000000Z 34000.1 34016.1", "2023-11-05T07:14:00.000000Z 34000.1 34016.1"];
    let bench = Bench::new();
    let report = bench.imported_as(&bench.file("BTCUSD.csv", export(passes())), &with_clock("new-york-close"));
    let shown = bench.shown("BTCUSD");
    assert_eq!((report.ticks, report.skipped, report.late), (105, 0, 0), "{report}");
    assert_eq!([shown[0].as_str(), shown[104].as_str()], expected);
    assert!(bench.ticks("BTCUSD").times.windows(2).all(|pair| pair[1] - pair[0] == 60_000_000), "each minute once");

    let other = Bench::new();
    let newest_first: Vec<i64> = passes().collect();
    let report = other.imported_as(&other.file("BTCUSD.csv", export(newest_first.into_iter().rev())), &with_clock("new-york-close"));
    assert_eq!((report.ticks, other.shown("BTCUSD")), (105, shown), "{report}");
}

#[test]
fn a_bar_of_the_repeated_hour_is_one_of_its_own() {
    let rows = ["00:00", "01:00", "01:00", "02:00"].map(|time| format!("2023-11-05 {time},1.1,1.2,1.05,1.15\n")).concat();
    let bench = Bench::new();
    bench.imported_as(&bench.file("EURUSD.csv", format!("time,open,high,low,close\n{rows}")), &with_clock("America/New_York"));
    let times: Vec<String> = bench.shown_bars("EURUSD", domain::tick::Timeframe::H1).iter().map(|bar| bar[..16].to_owned()).collect();
    assert_eq!(times, ["2023-11-05T04:00", "2023-11-05T05:00", "2023-11-05T06:00", "2023-11-05T07:00"]);
}

#[test]
fn newest_first_is_sorted_and_rows_of_one_time_keep_their_order() {
    let rows =
        ["09:00:02.5,1.4", "09:00:02.1,1.3", "09:00:00.5,1.2", "09:00:00.5,1.1"].map(|row| format!("2024-03-05 {row},1.5\n")).concat();
    let bench = Bench::new();
    let report = bench.imported(&bench.file("EURUSD.csv", format!("time,bid,ask\n{rows}")));
    assert_eq!((report.ticks, report.skipped, report.late), (4, 0, 0));
    assert_eq!(
        bench.shown("EURUSD"),
        [
            "2024-03-05T09:00:00.500000Z 1.1 1.5",
            "2024-03-05T09:00:00.500000Z 1.2 1.5",
            "2024-03-05T09:00:02.100000Z 1.3 1.5",
            "2024-03-05T09:00:02.500000Z 1.4 1.5",
        ]
    );
    assert!(report.notes.iter().any(|note| note.contains("newest rows come first")), "{:?}", report.notes);
}

#[test]
fn joined_files_and_stray_rows_are_sorted_and_lose_nothing() {
    let day =
        |day: u32, hours: std::ops::Range<u32>| hours.map(|hour| format!("2024-03-{day:02} {hour:02}:00:00,1.1,1.2\n")).collect::<String>();
    // The later half of a day before its earlier half, and days in no order.
    let rows = day(6, 12..24)
        + &day(5, 0..24)
        + &day(6, 0..12)
        + "2024-03-06 11:30:00,1.1,1.2\n"
        + &day(7, 0..5)
        + "2024-03-07 02:30:00,1.1,1.2\n";
    let bench = Bench::new();
    let report = bench.imported(&bench.file("EURUSD.csv", format!("time,bid,ask\n{rows}")));
    assert_eq!((report.ticks, report.skipped, bench.shown("EURUSD").len()), (55, 0, 55));
    assert!(report.notes.iter().any(|note| note.contains("time steps back at 2 rows")), "{:?}", report.notes);
    bench.imported(&bench.file("EURUSD.csv", format!("time,bid,ask\n{rows}")));
    assert_eq!(bench.shown("EURUSD").len(), 55, "again changes nothing");
}

#[test]
fn a_row_of_another_year_is_dirty_and_rows_in_no_order_are_refused() {
    let bench = Bench::new();
    let stray = "time,bid,ask\n2024-03-05 09:00:00,1.1,1.2\n2014-03-05 09:00:01,1.1,1.2\n2024-03-05 09:00:02,1.1,1.2\n";
    let report = bench.imported(&bench.file("EURUSD.csv", stray));
    assert_eq!(
        (report.ticks, report.dirty_rows[0].to_string()),
        (2, "EURUSD.csv, line 3: time goes back by 3652 days and the next row is back".to_owned())
    );

    let shuffled: String = (0..5_000).map(|row| format!("2024-03-0{} 09:00:{:02},1.1,1.2\n", 1 + row * 7 % 5, row % 60)).collect();
    bench.refused(
        &bench.file("EURUSD.csv", format!("time,bid,ask\n{shuffled}")),
        &ImportOptions::default(),
        "its rows are in no order of time",
    );
    let jittery: String =
        (0..100).map(|row| format!("2024-03-05 09:00:{:02}.{},1.1,1.2\n", row / 2, if row % 2 == 0 { 9 } else { 2 })).collect();
    bench.refused(&bench.file("EURUSD.csv", format!("time,bid,ask\n{jittery}")), &ImportOptions::default(), "50 of 100 rows are earlier");
}

#[test]
fn bars_in_any_order_are_sorted() {
    let bench = Bench::new();
    let rows = [3, 2, 0, 1].map(|minute| format!("2024-03-05 09:0{minute}:00,1.1,1.2,1.05,1.1{minute}\n")).concat();
    let report =
        bench.imported(&bench.file("EURUSD.csv", format!("time,open,high,low,close\n{rows}{}", "2024-03-05 09:01:00,1.1,1.2,1.05,1.19\n")));
    assert_eq!((report.bars, report.skipped), (4, 1), "{report}");
    assert!(bench.shown_bars("EURUSD", domain::tick::Timeframe::M1)[1].starts_with("2024-03-05T09:01:00.000000Z 1.1 1.2 1.05 1.11"));
}
