use super::*;
use domain::tick::Timeframe;

const TICKS: &str = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\r\n\
    2026.02.16\t19:00:00.083\t67849.69\t67861.69\t\t\t6\r\n\
    2026.02.16\t19:00:00.200\t\t67862.00\t\t\t4\r\n\
    2026.02.16\t19:00:00.300\t67850.10\t\t0.00\t0\t2\r\n\
    2026.02.16\t19:00:01.000\t67850.10\t67862.00\t67855\t0.5\t1080\r\n";

const EXPECTED: [&str; 4] = [
    "2026-02-16T19:00:00.083000Z 67849.69 67861.69",
    "2026-02-16T19:00:00.200000Z 67849.69 67862",
    "2026-02-16T19:00:00.300000Z 67850.1 67862",
    "2026-02-16T19:00:01.000000Z 67850.1 67862",
];

#[test]
fn blank_sides_keep_their_last_price() {
    let bench = Bench::new();
    let report = bench.imported(&bench.file("BTCUSD_202602161900_202602210954.csv", TICKS));
    assert_eq!((report.symbol.as_str(), report.format, report.ticks, report.skipped), ("BTCUSD", Format::Mt5Ticks, 4, 0));
    assert!(report.notes[0].contains("name the server's clock"), "{:?}", report.notes);
    assert_eq!(bench.shown("BTCUSD"), EXPECTED);
    let ticks = bench.ticks("BTCUSD");
    assert_eq!(ticks.flags, [6, 4, 2, 0x38]);
    assert_eq!((ticks.lasts.as_slice(), ticks.volumes.as_slice()), ([0.0, 0.0, 0.0, 67855.0].as_slice(), [0.0, 0.0, 0.0, 0.5].as_slice()));
}

#[test]
fn every_encoding_delimiter_and_line_end_reads_the_same() {
    let utf16 = |text: &str, mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
        mark.iter().copied().chain(text.encode_utf16().flat_map(bytes)).collect::<Vec<u8>>()
    };
    let headerless = TICKS.split_once("\r\n").expect("a header").1;
    for content in [
        TICKS.replace('\t', ",").into_bytes(),
        TICKS.replace('\t', ";").replace("\r\n", "\n").into_bytes(),
        [b"\xEF\xBB\xBF", TICKS.as_bytes()].concat(),
        utf16(TICKS, b"\xFF\xFE", u16::to_le_bytes),
        utf16(TICKS, b"\xFE\xFF", u16::to_be_bytes),
        utf16(TICKS, b"", u16::to_le_bytes),
        headerless.as_bytes().to_vec(),
    ] {
        let bench = Bench::new();
        bench.imported(&bench.file("BTCUSD.csv", &content));
        assert_eq!(bench.shown("BTCUSD"), EXPECTED, "{:?}", String::from_utf8_lossy(&content[..40]));
    }
}

#[test]
fn times_are_of_the_clock_that_is_named() {
    let bench = Bench::new();
    let file = bench.file("BTCUSD.csv", TICKS);
    let options = ImportOptions { clock: "+2".parse().expect("a clock"), ..ImportOptions::default() };
    let report = bench.import(&file, &options).expect("imported");
    assert_eq!((report.clock.as_str(), report.notes.len()), ("in UTC+02:00", 0));
    assert!(bench.shown("BTCUSD")[0].starts_with("2026-02-16T17:00:00.083"));
}

#[test]
fn rows_that_make_no_sense_are_named() {
    let bench = Bench::new();
    let rows = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n\
        2026.02.16\t19:00:00.000\t\t1.2\t\t\t4\n\
        2026.02.30\t19:00:00.000\t1.1\t1.2\t\t\t6\n\
        2026.02.16\t19:00:61\t1.1\t1.2\t\t\t6\n\
        2026.02.16\t19:00:00.100\t1.1\t1.2\t\t\tsix\n\
        2026.02.16\t19:00:00.100\t1.1\t1.2\t\t\t6\textra\n\
        2026.02.16\n\
        2026.02.16\t19:00:00.100\t1.1\n\
        2026.09.16\t19:00:00.200\t1.1\t1.2\t\t\t6\n\
        2026.02.16\t19:00:00.300\t1.1\t1.3\n";
    let report = bench.imported(&bench.file("EURUSD.csv", rows));
    let named: Vec<(u64, &str)> = report.dirty_rows.iter().map(|row| (row.line, row.reason.as_str())).collect();
    assert_eq!(
        named,
        [
            (2, "bid is blank and no row before it has one"),
            (3, "\"2026.02.30 19:00:00.000\" is no time"),
            (4, "\"2026.02.16 19:00:61\" is no time"),
            (5, "flags \"six\" are no number"),
            (6, "8 fields instead of 7"),
            (7, "1 fields instead of 7"),
            (9, "time jumps 212 days ahead and the next row is back before it"),
        ]
    );
    assert_eq!(bench.shown("EURUSD").len(), 2);
}

fn bar_rows(rows: impl Iterator<Item = (u32, u32)>) -> String {
    let header = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\r\n".to_owned();
    rows.fold(header, |text, (day, minute)| {
        let time = format!("2026.02.{day:02}\t{:02}:{:02}:00", minute / 60, minute % 60);
        text + &format!("{time}\t5010.50\t5014.78\t5010.50\t5014.{:02}\t271\t0\t19\r\n", minute % 60)
    })
}

#[test]
fn bars_are_kept_as_bars_and_splice_like_ticks() {
    let bench = Bench::new();
    let file = bench.file("XAUUSD_M1_202602160207.csv", bar_rows((0..60).map(|minute| (16, minute))));
    let report = bench.imported(&file);
    assert_eq!((report.format, report.bars, report.timeframe), (Format::Mt5Bars, 60, Some(Timeframe::M1)));
    assert!(report.to_string().starts_with("XAUUSD: 60 M1 bars from 2026-02-16T00:00"), "{report}");
    bench.imported(&bench.file("XAUUSD_M1_later.csv", bar_rows((30..70).map(|minute| (16, minute % 60 + minute / 60 * 60)))));
    bench.imported(&file);

    let bars = bench.store.bars("XAUUSD", Timeframe::M1, Time(0), Time(i64::MAX)).expect("readable");
    assert_eq!(bars.len(), 70);
    assert!(bars.times.windows(2).all(|pair| pair[1] - pair[0] == 60_000_000));
    assert_eq!((bars.opens[0], bars.highs[0], bars.spreads[0], bars.tick_volumes[0]), (5010.5, 5014.78, 19, 271));
    let hour = bench.store.bars("XAUUSD", Timeframe::M1, Time(bars.times[10]), Time(bars.times[20])).expect("readable");
    assert_eq!(hour.times, bars.times[10..20]);
    assert!(bench.store.bars("XAUUSD", Timeframe::H1, Time(0), Time(i64::MAX)).expect("none").is_empty());
}

#[test]
fn daily_rows_before_hourly_bars_are_refused_by_line_unless_they_are_to_be_left_out() {
    let bench = Bench::new();
    let rows = (2..7).map(|day| (day, 0)).chain((0..24).map(|hour| (9, hour * 60)));
    let file = bench.file("XAUUSD_H1.csv", bar_rows(rows));
    let refused = import(&file, &ImportOptions::default(), &bench.store, &mut |_| {}).expect_err("daily rows among hours").to_string();
    assert!(refused.contains("XAUUSD_H1.csv, lines 2 to 6: daily rows before shorter bars"), "{refused}");
    assert!(bench.store.bars("XAUUSD", Timeframe::H1, Time(0), Time(i64::MAX)).is_err(), "nothing was imported");

    let leave_out = ImportOptions { on_daily_rows: OnDailyRows::LeaveOut, ..ImportOptions::default() };
    let report = bench.import(&file, &leave_out).expect("hours are left");
    assert_eq!((report.bars, report.timeframe), (24, Some(Timeframe::H1)), "{:?}", report.notes);
    assert!(report.notes.iter().any(|note| note.contains("lines 2 to 6")), "{:?}", report.notes);

    let days = bench.file("GBPUSD_Daily.csv", bar_rows((2..7).map(|day| (day, 0))));
    assert_eq!(bench.imported(&days).timeframe, Some(Timeframe::D1), "where every row is daily, they are what the file has");
}

#[test]
fn bars_that_make_no_sense_are_named() {
    let bench = Bench::new();
    let good = bar_rows([(16, 0), (16, 1)].into_iter());
    let bad = good.clone()
        + "2026.02.16\t00:01:00\t5010\t5011\t5009\t5010\t1\t0\t1\r\n2026.02.16\t00:02:00\t5010\t5009\t5009\t5010\t1\t0\t1\r\n2026.02.16\t00:03:00\t5010\r\n";
    let report = bench.imported(&bench.file("XAUUSD_M1.csv", bad));
    let lines: Vec<u64> = report.dirty_rows.iter().map(|row| row.line).collect();
    assert_eq!((report.bars, lines), (2, vec![4, 5, 6]), "{:?}", report.dirty_rows);
}

/// No full export may be shipped, so one is made of real LEAN ticks and must give the same store.
#[test]
fn real_ticks_written_as_an_export_read_back_the_same() {
    let Some(source) = real("ticks/eurusd-fxcm/20140501_quote.zip") else { return };
    let bench = Bench::new();
    bench.imported(&source);
    let mut ticks = bench.ticks("EURUSD");
    let mut text = String::from("<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\r\n");
    let mut before = [0.0, 0.0];
    for at in 0..ticks.len() {
        let row = ticks.row(at);
        let stamp = row.time.to_string();
        let side = |price: f64, held: f64| if price == held { String::new() } else { format!("{price:.5}") };
        let flags = 2 * u32::from(row.bid != before[0]) + 4 * u32::from(row.ask != before[1]);
        let (date, time) = (stamp[..10].replace('-', "."), &stamp[11..23]);
        text += &format!("{date}\t{time}\t{}\t{}\t\t\t{flags}\r\n", side(row.bid, before[0]), side(row.ask, before[1]));
        before = [row.bid, row.ask];
    }
    let other = Bench::new();
    let report = timed(&other, &other.file("EURUSD_201405010000_201405020000.csv", text));
    assert_eq!((report.ticks as usize, report.skipped), (ticks.len(), 0));
    let mut read = other.ticks("EURUSD");
    read.flags.clear();
    ticks.flags.clear();
    assert_eq!(read, ticks);
}
