//! What other systems' tables hold, told from names, shape and values.

use super::*;
use domain::tick::Timeframe;

/// A file's text is the ticks of a symbol, as `time bid ask`.
fn ticks(file: &str, symbol: &str, text: &str, expected: &[&str]) {
    ticks_as(file, symbol, text, &ImportOptions::default(), expected);
}

fn ticks_as(file: &str, symbol: &str, text: &str, options: &ImportOptions, expected: &[&str]) {
    let bench = Bench::new();
    let report = bench.imported_as(&bench.file(file, text), options);
    assert_eq!((report.symbol.as_str(), report.skipped), (symbol, 0), "{text}: {report}");
    assert_eq!(bench.shown(symbol), expected, "{text}");
}

/// A file's text is bars of a length; the first is shown.
fn bars(file: &str, symbol: &str, text: &str, timeframe: Timeframe, expected: &str) {
    let bench = Bench::new();
    let report = bench.imported(&bench.file(file, text));
    assert_eq!((report.symbol.as_str(), report.timeframe, report.skipped), (symbol, Some(timeframe), 0), "{text}: {report}");
    assert_eq!(bench.shown_bars(symbol, timeframe)[0], expected, "{text}");
}

fn refused(text: &str, expected: &[&str]) {
    refused_as(text, &ImportOptions::default(), expected);
}

fn refused_as(text: &str, options: &ImportOptions, expected: &[&str]) {
    let bench = Bench::new();
    let file = bench.file("EURUSD.csv", text);
    expected.iter().for_each(|part| bench.refused(&file, options, part));
    assert!(bench.store.symbols().expect("symbols").is_empty());
}

const QUOTE: &str = "2024-03-05T09:00:00.332000Z 1.08498 1.08506";

#[test]
fn ticks_of_many_systems_are_told_apart() {
    ticks(
        "EURUSD.csv",
        "EURUSD",
        "Timestamp,Bid price,Ask price,Bid volume,Ask volume\n20240305 09:00:00:332,1.08498,1.08506,0.75,1.5\n",
        &[QUOTE],
    );
    ticks(
        "EURUSD_Ticks_05.03.2024-05.03.2024.csv",
        "EURUSD",
        "Local time,Ask,Bid,AskVolume,BidVolume\n05.03.2024 12:00:00.332 GMT+0300,1.08506,1.08498,0.9,0.75\n",
        &[QUOTE],
    );
    ticks("EURUSD.csv", "EURUSD", "Time (EET),Ask,Bid,AskVolume,BidVolume\n2024.03.05 11:00:00.332,1.08506,1.08498,0.9,0.75\n", &[QUOTE]);
    ticks("EURUSD.csv", "EURUSD", "date,timestamp,bid,ask\n2024-03-05,1709629200332,1.08498,1.08506\n", &[QUOTE]);
    ticks(
        "EURUSD.csv",
        "EURUSD",
        "lTid,cDealable,CurrencyPair,RateDateTime,RateBid,RateAsk\n1,D,EUR/USD,2024-03-05 09:00:00.332,1.08498,1.08506\n",
        &[QUOTE],
    );
    // The finer of two times, whichever comes first, and an index without a name.
    ticks(
        "EURUSD_ticks.csv",
        "EURUSD",
        ",time,bid,ask,last,volume,time_msc,flags,volume_real\n0,1709629200,1.08498,1.08506,0.0,0,1709629200332,134,0.0\n",
        &[QUOTE],
    );
    ticks("EURUSD.csv", "EURUSD", "time_msc,time,bid,ask\n1709629200332,2024-03-05 09:00:00,1.08498,1.08506\n", &[QUOTE]);
    ticks("EURUSD.csv", "EURUSD", ",bid,ask\n2024-03-05 09:00:00.332,1.08498,1.08506\n", &[QUOTE]);
    // Without names: TrueFX, HistData, MT5, and asks before bids.
    ticks("a.csv", "EURUSD", "EUR/USD,20240305 09:00:00.332,1.08498,1.08506\n", &[QUOTE]);
    ticks("DAT_ASCII_EURUSD_T_202403.csv", "EURUSD", "20240305 040000332,1.084980,1.085060,0\n", &[QUOTE]);
    ticks("eurusd-histdata.csv", "EURUSD", "20240705 040000332,1.084980,1.085060,0\n", &["2024-07-05T09:00:00.332000Z 1.08498 1.08506"]);
    ticks("EURUSD.csv", "EURUSD", "1709629200332,1.08506,1.08498,0.9,0.75\n", &[QUOTE]);
    ticks("EURUSD.csv", "EURUSD", "20240305,090000332,1.08498,1.08506\n", &[QUOTE]);
}

#[test]
fn decimal_commas_are_points_where_something_else_cuts_fields() {
    let expected = [QUOTE, "2024-03-05T09:00:00.737000Z 1.085 1.08508"];
    ticks(
        "EURUSD.csv",
        "EURUSD",
        "<DATE>;<TIME>;<BID>;<ASK>;<LAST>;<VOLUME>;<FLAGS>\r\n2024.03.05;09:00:00.332;1,08498;1,08506;;;6\r\n2024.03.05;09:00:00.737;1,08500;1,08508;;;6\r\n",
        &expected,
    );
    ticks(
        "EURUSD.csv",
        "EURUSD",
        "time\tbid\task\n05.03.2024 09:00:00,332\t1,08498\t1,08506\n05.03.2024 09:00:00,737\t1,085\t1,08508\n",
        &expected,
    );
    ticks(
        "EURUSD.csv",
        "EURUSD",
        "time,bid,ask\n\"2024-03-05 09:00:00.332\",\"1,08498\",\"1,08506\"\n\"2024-03-05 09:00:00.737\",\"1,085\",\"1,08508\"\n",
        &expected,
    );
    ticks(
        "BTCUSD.csv",
        "BTCUSD",
        "time;bid;ask\n2024-03-05 09:00:00;34.001,41;34.016,5\n",
        &["2024-03-05T09:00:00.000000Z 34001.41 34016.5"],
    );
}

#[test]
fn bars_of_many_systems_are_told_apart() {
    let first = "2012-02-01T00:00:00.000000Z 1.3066 1.30662 1.30651 1.306603 49 0";
    let mt4 = "2012.02.01,00:00,1.306600,1.306620,1.306510,1.306603,49\r\n2012.02.01,00:01,1.306603,1.306613,1.306563,1.306569,49\r\n";
    bars("EURUSD1.csv", "EURUSD", mt4, Timeframe::M1, first);
    bars("DAT_MT_EURUSD_M1_201202.csv", "EURUSD", mt4, Timeframe::M1, &first.replace("T00", "T05"));
    let histdata = "20120201 000000;1.306600;1.306620;1.306510;1.306603;0\n20120201 000100;1.306603;1.306613;1.306563;1.306569;0\n";
    bars("DAT_ASCII_EURUSD_M1_201202.csv", "EURUSD", histdata, Timeframe::M1, &first.replace("T00", "T05").replace("49", "0"));
    let frame = "time,open,high,low,close,tick_volume,spread,real_volume\n2024-03-05 09:00:00,1.08500,1.08600,1.08400,1.08505,100,8,0\n2024-03-05 09:15:00,1.08501,1.08601,1.08401,1.08506,101,8,0\n";
    bars("EURUSD_M15.csv", "EURUSD", frame, Timeframe::M15, "2024-03-05T09:00:00.000000Z 1.085 1.086 1.084 1.08505 100 8");
    let stooq = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nEURUSD,5,20240305,090000,1.085,1.086,1.084,1.0855,7,0\nEURUSD,5,20240305,090500,1.085,1.086,1.084,1.0855,7,0\n";
    bars("x.txt", "EURUSD", stooq, Timeframe::M5, "2024-03-05T08:00:00.000000Z 1.085 1.086 1.084 1.0855 7 0");
    let freqtrade = "date,open,high,low,close,volume\n2024-03-05 09:00:00+00:00,34000,34100,33900,34050,0.25\n2024-03-05 10:00:00+00:00,34000,34100,33900,34050,1.5\n";
    bars("BTCUSD.csv", "BTCUSD", freqtrade, Timeframe::H1, "2024-03-05T09:00:00.000000Z 34000 34100 33900 34050 1 0");
    let klines = "1709629200000,34000,34100,33900,34050,2.5,1709629259999,85000,12,1.5,51000,0\n1709629260000,34050,34100,33900,34050,2.5,1709629319999,85000,12,1.5,51000,0\n";
    bars("BTCUSD.csv", "BTCUSD", klines, Timeframe::M1, "2024-03-05T09:00:00.000000Z 34000 34100 33900 34050 3 0");
    let web = "\"Date\",\"Price\",\"Open\",\"High\",\"Low\",\"Vol.\",\"Change %\"\n\"03/15/2024\",\"1.0855\",\"1.085\",\"1.086\",\"1.084\",\"\",\"0.1%\"\n\"03/14/2024\",\"1.0850\",\"1.085\",\"1.086\",\"1.084\",\"\",\"0.1%\"\n";
    bars("EURUSD.csv", "EURUSD", web, Timeframe::D1, "2024-03-14T00:00:00.000000Z 1.085 1.086 1.084 1.085 0 0");
    let dropped = "date;time;open;high;low;close\n20240305;0;1.085;1.086;1.084;1.0855\n20240305;100;1.085;1.086;1.084;1.0855\n20240305;93000;1.085;1.086;1.084;1.0855\n";
    bars("EURUSD_M1.csv", "EURUSD", dropped, Timeframe::M1, "2024-03-05T00:00:00.000000Z 1.085 1.086 1.084 1.0855 0 0");
}

/// Times of bars, `{}` where a time stands in the row.
fn table(header: &str, row: &str, times: &[&str]) -> String {
    let rows = times.iter().map(|time| row.replace("{}", time)).collect::<Vec<_>>();
    format!("{header}\r\n{}\r\n", rows.join("\r\n")).trim_start().to_owned()
}

/// Tables of Finam and stooq: the first bar's time in UTC, and that the report says which clock was taken.
#[test]
fn vendors_clocks_are_taken_and_told() {
    let finam = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>";
    let stooq = "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>";
    let minute = "SBER,1,{},271.5,272,271.4,271.9,1200";
    for (file, header, row, times, length, utc, clock) in [
        // Winter and summer alike since 2014, an hour more from 2011 on, and before that with a summer time.
        ("S.csv", finam, minute, ["20240108,100000", "20240108,100100"], Timeframe::M1, "2024-01-08T07:00", "Europe/Moscow"),
        ("S.csv", finam, minute, ["20240708,100000", "20240708,100100"], Timeframe::M1, "2024-07-08T07:00", "Europe/Moscow"),
        ("S.csv", finam, minute, ["20120108,100000", "20120108,100100"], Timeframe::M1, "2012-01-08T06:00", "Europe/Moscow"),
        ("S.csv", finam, minute, ["20100108,100000", "20100108,100100"], Timeframe::M1, "2010-01-08T07:00", "Europe/Moscow"),
        ("S.csv", finam, minute, ["20100708,100000", "20100708,100100"], Timeframe::M1, "2010-07-08T06:00", "Europe/Moscow"),
        ("S.csv", "", minute, ["20240108,100000", "20240108,100100"], Timeframe::M1, "2024-01-08T07:00", "Europe/Moscow"),
        // Dates and times as its form offers them.
        ("S.csv", finam, minute, ["240108,100000", "240108,100100"], Timeframe::M1, "2024-01-08T07:00", "Europe/Moscow"),
        ("S.csv", finam, minute, ["240108,95900", "240108,100000"], Timeframe::M1, "2024-01-08T06:59", "Europe/Moscow"),
        ("S.csv", finam, minute, ["240108,0959", "240108,1000"], Timeframe::M1, "2024-01-08T06:59", "Europe/Moscow"),
        ("S.csv", finam, minute, ["15/01/24,09:59", "15/01/24,10:00"], Timeframe::M1, "2024-01-15T06:59", "Europe/Moscow"),
        ("S.csv", "", minute, ["240108,100000", "240108,100100"], Timeframe::M1, "2024-01-08T07:00", "Europe/Moscow"),
        (
            "SBER.csv",
            "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            "{},271.5,272,271.4,271.9,1200",
            ["20240108,100000", "20240108,100100"],
            Timeframe::M1,
            "2024-01-08T07:00",
            "Europe/Moscow",
        ),
        // Whole days have no clock.
        (
            "S.csv",
            finam,
            "SBER,D,{},271.5,272,271.4,271.9,1200",
            ["20240108,000000", "20240109,000000"],
            Timeframe::D1,
            "2024-01-08T00:00",
            "UTC",
        ),
        ("S.csv", finam, "SBER,D,{},271.5,272,271.4,271.9,1200", ["20240108,0", "20240109,0"], Timeframe::D1, "2024-01-08T00:00", "UTC"),
        (
            "S.csv",
            stooq,
            "SBER,D,{},271.5,272,271.4,271.9,1200,0",
            ["20240108,000000", "20240109,000000"],
            Timeframe::D1,
            "2024-01-08T00:00",
            "UTC",
        ),
        (
            "S.txt",
            stooq,
            "SBER,60,{},271.5,272,271.4,271.9,1200,0",
            ["20240108,100000", "20240108,110000"],
            Timeframe::H1,
            "2024-01-08T09:00",
            "Europe/Warsaw",
        ),
        (
            "S.txt",
            stooq,
            "SBER,60,{},271.5,272,271.4,271.9,1200,0",
            ["20240708,100000", "20240708,110000"],
            Timeframe::H1,
            "2024-07-08T08:00",
            "Europe/Warsaw",
        ),
        (
            "S.txt",
            "",
            "SBER,60,{},271.5,272,271.4,271.9,1200,0",
            ["20240108,100000", "20240108,110000"],
            Timeframe::H1,
            "2024-01-08T09:00",
            "Europe/Warsaw",
        ),
        (
            "sber_5.csv",
            "Data,Czas,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen",
            "{},271.5,272,271.4,271.9,1200",
            ["2024-01-08,10:00:00", "2024-01-08,10:05:00"],
            Timeframe::M5,
            "2024-01-08T09:00",
            "Europe/Warsaw",
        ),
        // One bar alone: its length is in its row.
        ("S.csv", finam, "SBER,D,{},271.5,272,271.4,271.9,1200", ["20240108,0", ""], Timeframe::D1, "2024-01-08T00:00", "UTC"),
        (
            "S.txt",
            "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
            "SBER,{},271.5,272,271.4,271.9,4",
            ["20240108,100000", "20240108,100100"],
            Timeframe::M1,
            "2024-01-08T10:00",
            "UTC",
        ),
    ] {
        let bench = Bench::new();
        let times: Vec<&str> = times.into_iter().filter(|time| !time.is_empty()).collect();
        let text = table(header, row, &times);
        let report = bench.imported(&bench.file(file, &text));
        assert_eq!((report.symbol.to_uppercase(), report.skipped), ("SBER".to_owned(), 0), "{text}: {report}");
        let first = &bench.shown_bars(&report.symbol, length)[0];
        assert!(first.starts_with(utc) && first.contains(" 271.5 272 271.4 271.9 "), "{text}: {first}");
        assert!(report.clock.contains(clock), "{text}: {}", report.clock);
        let is_vendors = clock != "UTC";
        let note = if clock.contains("Moscow") { "taken as Moscow's" } else { "taken as Warsaw's" };
        assert_eq!(report.notes.iter().any(|told| told.contains(note) && told.contains("--utc-offset")), is_vendors, "{:?}", report.notes);
        // A clock that is named goes before.
        let named = bench
            .imported_as(&bench.file(file, &text), &ImportOptions { clock: "utc".parse().expect("a clock"), ..ImportOptions::default() });
        assert!(named.notes.iter().all(|told| !told.contains("taken as")), "{:?}", named.notes);
    }
    // Two clocks in one folder are both told.
    let bench = Bench::new();
    bench.file("a.csv", table(finam, "SBER,1,{},271.5,272,271.4,271.9,1200", &["20240108,100000", "20240108,100100"]));
    bench.file("b.csv", "symbol,time,open,high,low,close\nGAZP,2024-01-08 10:00,1.1,1.2,1,1.1\nGAZP,2024-01-08 10:01,1.1,1.2,1,1.1\n");
    let reports = import(&bench.files, &ImportOptions::default(), &bench.store, &mut |_| {}).expect("imported");
    assert_eq!(reports[0].clock, "in Europe/Moscow and in UTC");
    ticks(
        "SBER.csv",
        "SBER",
        "<TICKER>,<PER>,<DATE>,<TIME>,<LAST>,<VOL>\nSBER,0,20240108,100001,271.5,3\n",
        &["2024-01-08T07:00:01.000000Z 271.5 271.5"],
    );
}

#[test]
fn clocks_that_nothing_tells_are_refused_with_the_line_to_add() {
    let metastock = "<TICKER>,<DTYYYYMMDD>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>\nEURUSD,20240108,090000,1.1,1.2,1.05,1.1\n";
    let local = "Local time,Open,High,Low,Close,Volume\n08.01.2024 09:00:00.000,1.1,1.2,1.05,1.1,3\n";
    for text in [metastock, local] {
        refused(text, &["--utc-offset"]);
        let bench = Bench::new();
        let options = ImportOptions { clock: "Europe/Paris".parse().expect("a clock"), ..ImportOptions::default() };
        bench.imported_as(&bench.file("EURUSD.csv", text), &options);
        assert!(bench.shown_bars("EURUSD", Timeframe::M1)[0].starts_with("2024-01-08T08:00"), "{text}");
    }
    let daily = "<TICKER>,<DTYYYYMMDD>,<OPEN>,<HIGH>,<LOW>,<CLOSE>\nEURUSD,20240108,1.1,1.2,1.05,1.1\nEURUSD,20240109,1.1,1.2,1.05,1.1\n";
    bars("x.txt", "EURUSD", daily, Timeframe::D1, "2024-01-08T00:00:00.000000Z 1.1 1.2 1.05 1.1 0 0");
}

#[test]
fn dates_of_six_digits_have_the_order_that_puts_them_close_together() {
    let text = |dates: [&str; 2]| format!("date,time,bid,ask\n{},93000,1.1,1.2\n{},93000,1.1,1.2\n", dates[0], dates[1]);
    let expected = ["2024-01-08T09:30:00.000000Z 1.1 1.2", "2024-01-09T09:30:00.000000Z 1.1 1.2"];
    for dates in [["240108", "240109"], ["080124", "090124"], ["010824", "010924"]] {
        ticks("EURUSD.csv", "EURUSD", &text(dates), &expected);
    }
    // One day alone is told.
    let bench = Bench::new();
    let report = bench.imported(&bench.file("EURUSD.csv", text(["240108", "240108"])));
    assert!(report.notes.iter().any(|note| note.contains("240108 were read as year, month and day")), "{:?}", report.notes);
    let day_first = ImportOptions { dates: Some(DateOrder::DayFirst), ..ImportOptions::default() };
    ticks_as("EURUSD.csv", "EURUSD", &text(["080124", "090124"]), &day_first, &expected);
    // Far behind the sample.
    let many = "080124,93000,1.1,1.2\n".repeat(5_000);
    let bench = Bench::new();
    bench.imported(&bench.file("EURUSD.csv", format!("date,time,bid,ask\n{many}090124,93000,1.1,1.2\n")));
    assert_eq!(bench.shown("EURUSD").last().map(String::as_str), Some(expected[1]));
}

#[test]
fn bars_of_asks_give_those_of_bids_their_spreads() {
    let header = "Gmt time,Open,High,Low,Close,Volume\n";
    let bids = format!(
        "{header}08.01.2024 09:00:00.000,1.095,1.0952,1.0949,1.0951,12.5\n08.01.2024 09:01:00.000,1.095,1.0952,1.0949,1.0951,12.5\n"
    );
    let asks = format!("{header}08.01.2024 09:00:00.000,1.09506,1.09526,1.09496,1.09518,12.5\n");
    let both = [
        ["EURUSD_Candlestick_1_M_BID_08.01.2024-08.01.2024.csv", "EURUSD_Candlestick_1_M_ASK_08.01.2024-08.01.2024.csv"],
        ["eurusd-m1-bid-2024-01-08-2024-01-09.csv", "eurusd-m1-ask-2024-01-08-2024-01-09.csv"],
        ["EURUSD_1 Min_Bid_2024.01.08_2024.01.09.csv", "EURUSD_1 Min_Ask_2024.01.08_2024.01.09.csv"],
    ];
    for [bid, ask] in both {
        let bench = Bench::new();
        let ask = bench.file(ask, &asks);
        bench.refused(&ask, &ImportOptions::default(), "the bars of EURUSD are of asks");
        assert!(bench.store.symbols().expect("symbols").is_empty());
        bench.file(bid, &bids);
        let report = bench.imported(&bench.files);
        let expected =
            ["2024-01-08T09:00:00.000000Z 1.095 1.0952 1.0949 1.0951 13 6", "2024-01-08T09:01:00.000000Z 1.095 1.0952 1.0949 1.0951 13 0"];
        assert_eq!(bench.shown_bars("EURUSD", Timeframe::M1), expected, "{bid}");
        assert!(report.notes.iter().any(|note| note.contains("1 bar has no ask beside them")), "{:?}", report.notes);
    }
}

#[test]
fn files_of_vendors_give_their_symbols_by_one_name() {
    let bar = |time: &str| format!("{time},1.1,1.102,1.095,1.1,3\n");
    let plain = |header: &str, times: [&str; 2]| format!("{header}\n{}{}", bar(times[0]), bar(times[1]));
    let hours = ["2024-01-08 09:00:00", "2024-01-08 10:00:00"];
    let four_hours = ["2024.01.08,08:00", "2024.01.08,12:00"];
    for (file, header, times, symbol) in [
        ("BTC_USDT-1h.csv", "date,open,high,low,close,volume", hours, "BTCUSDT"),
        ("ETH_BTC-1h.csv", "date,open,high,low,close,volume", hours, "ETHBTC"),
        ("OANDA_EURUSD, 60.csv", "time,open,high,low,close,Volume", hours, "EURUSD"),
        ("EURUSD=X.csv", "Date,Open,High,Low,Close,Volume", ["2024-01-08", "2024-01-09"], "EURUSD"),
        ("EURUSD240.csv", "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOLUME>", four_hours, "EURUSD"),
        ("EURUSD240.csv", "", four_hours, "EURUSD"),
        ("EURUSD.csv", "Fecha,Hora,Apertura,Máximo,Mínimo,Cierre,Volumen", ["08.01.2024,09:00", "08.01.2024,10:00"], "EURUSD"),
    ] {
        let bench = Bench::new();
        let report = bench.imported(&bench.file(file, plain(header, times).trim_start()));
        assert_eq!((report.symbol.as_str(), report.bars), (symbol, 2), "{file}: {report}");
    }
    let trades = "timestamp,symbol,price,amount\n1704704400332,BTC/USDT,34000.5,0.01\n";
    ticks("x.csv", "BTCUSDT", trades, &["2024-01-08T09:00:00.332000Z 34000.5 34000.5"]);
    let book = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n1,1.1,5,1.2,7,1704704400332,1704704400335\n";
    ticks("BTCUSDT-bookTicker-2024-01.csv", "BTCUSDT", book, &["2024-01-08T09:00:00.332000Z 1.1 1.2"]);
}

#[test]
fn a_dates_points_are_metatraders_and_its_clock_is_told() {
    let bench = Bench::new();
    let text = "Time;Bid;Ask\n2024.01.08 09:00:00;1.1;1.2\n";
    let report = bench.imported(&bench.file("EURUSD.csv", text));
    assert!(report.notes.iter().any(|note| note.contains("were taken as UTC") && note.contains("--utc-offset")), "{:?}", report.notes);
    let named = ImportOptions { clock: "+2".parse().expect("a clock"), ..ImportOptions::default() };
    let report = bench.imported_as(&bench.files.join("EURUSD.csv"), &named);
    assert!(report.notes.iter().all(|note| !note.contains("taken as UTC")), "{:?}", report.notes);
}

#[test]
fn times_before_1990_are_refused_with_what_they_were_taken_for() {
    refused("time,bid,ask\n1,1.1,1.2\n2,1.1,1.2\n", &["\"1\", which is neither a date nor a count", "time=1 (time), bid=1.1 (bid)"]);
    refused("time,bid,ask\n45299.375,1.1,1.2\n", &["\"45299.375\", which is neither"]);
    refused("time,bid,ask\n1970-01-01 00:00:01,1.1,1.2\n", &["line 2: its time 1970-01-01T00:00:01.000000Z is not between 1990 and 2200"]);
    let bench = Bench::new();
    let report = bench.imported(&bench.file("EURUSD.csv", "time,bid,ask\n1709629200,1.1,1.2\n7,1.1,1.2\n"));
    let named: Vec<String> = report.dirty_rows.iter().map(DirtyRow::to_string).collect();
    assert_eq!(named, ["EURUSD.csv, line 3: \"7\", taken for a count of seconds since 1970, is from before 1990"]);
    // Bars of days are older than that, as dates.
    bars(
        "SPX.csv",
        "SPX",
        "Date,Open,High,Low,Close\n1985-01-02,165,167,164,166\n1985-01-03,165,167,164,166\n",
        Timeframe::D1,
        "1985-01-02T00:00:00.000000Z 165 167 164 166 0 0",
    );
}

#[test]
fn bars_of_a_length_that_the_store_does_not_keep_are_refused_with_those_it_keeps() {
    let rows = |step: usize| {
        (0..20).map(|row| format!("2024-01-02 {:02}:{:02}:00,1.1,1.2,1.05,1.1\n", row * step / 60, row * step % 60)).collect::<String>()
    };
    for (step, named) in [(2, "2 minutes"), (10, "10 minutes")] {
        refused(
            &format!("time,open,high,low,close\n{}", rows(step)),
            &[&format!("its bars are {named} long; the store keeps M1, M5, M15, M30, H1, H4, D1, W1 and MN1")],
        );
    }
}

#[test]
fn the_month_of_a_date_is_told_from_all_dates_of_the_file() {
    let expected = ["2024-03-05T09:00:00.000000Z 1.1 1.2", "2024-03-25T09:00:00.000000Z 1.1 1.2"];
    ticks("EURUSD.csv", "EURUSD", "time,bid,ask\n03/05/2024 09:00:00,1.1,1.2\n03/25/2024 09:00:00,1.1,1.2\n", &expected);
    ticks("EURUSD.csv", "EURUSD", "time,bid,ask\n5/3/2024 9:00,1.1,1.2\n25/3/2024 9:00,1.1,1.2\n", &expected);
    // Far behind the sample.
    let many = "03/05/2024 09:00:00,1.1,1.2\n".repeat(10_000);
    let bench = Bench::new();
    bench.imported(&bench.file("EURUSD.csv", format!("time,bid,ask\n{many}03/25/2024 09:00:00,1.1,1.2\n")));
    assert_eq!(bench.shown("EURUSD").last().map(String::as_str), Some(expected[1]));

    let either = "time,bid,ask\n03/05/2024 09:00:00,1.1,1.2\n03/06/2024 09:00:00,1.1,1.2\n";
    refused(either, &["line 2: \"03/05/2024 09:00:00\" can be one of two days", "--dates day-first", "--dates month-first"]);
    let dates = |order: &str| ImportOptions { dates: Some(order.parse().expect("an order")), ..ImportOptions::default() };
    ticks_as(
        "EURUSD.csv",
        "EURUSD",
        either,
        &dates("month-first"),
        &["2024-03-05T09:00:00.000000Z 1.1 1.2", "2024-03-06T09:00:00.000000Z 1.1 1.2"],
    );
    ticks_as(
        "EURUSD.csv",
        "EURUSD",
        either,
        &dates("day-first"),
        &["2024-05-03T09:00:00.000000Z 1.1 1.2", "2024-06-03T09:00:00.000000Z 1.1 1.2"],
    );
}

#[test]
fn what_is_neither_ticks_nor_bars_is_refused_with_what_each_column_was_taken_for_and_the_flag() {
    refused(
        "time,bid\n2024-03-05 09:00:00,1.1\n",
        &["line 1: it has bids and no asks", "time=2024-03-05 09:00:00 (time), bid=1.1 (bid)", "--columns time,bid"],
    );
    refused("time,open,close\n2024-03-05 09:00:00,1.1,1.2\n", &["neither ticks (time, bid, ask) nor bars (time, open, high, low, close)"]);
    refused("a,b\n1,2\n", &["no column holds a date and a time", "a=1 (number), b=2 (number)"]);
    refused("1709629200332,1.1,250000\n", &["1=1709629200332 (time), 2=1.1 (number), 3=250000 (number)", "--columns time,last,volume"]);
    // Names that lie.
    let volumes = "time,bid,ask\n".to_owned() + &"2024-03-05 09:00:00,1.1,250000\n".repeat(5);
    refused(&volumes, &["in most rows bid and ask are far apart"]);
    let other = "time,open,high,low,close\n".to_owned() + &"2024-03-05 09:00:00,1.1,1.0,1.2,1.1\n".repeat(5);
    refused(&other, &["do not lie between the low and the high"]);
}

#[test]
fn columns_that_somebody_names_are_what_they_are_named() {
    let columns = |names: &str| ImportOptions { columns: Some(names.parse().expect("columns")), ..ImportOptions::default() };
    ticks_as("EURUSD.csv", "EURUSD", "1709629200332,x,1.08506,1.08498\n", &columns("time,-,ask,bid"), &[QUOTE]);
    ticks_as("EURUSD.csv", "EURUSD", "when,b,a\n1709629200332,1.08498,1.08506\n", &columns("time,bid,ask"), &[QUOTE]);
    refused_as("1709629200332,1.1,1.2\n", &columns("time,bid"), &["--columns names 2 columns, and the rows have 3"]);
    assert!("time,bis,ask".parse::<ColumnNames>().is_err_and(|why| why.starts_with("\"bis\" is not a column")));
}

#[test]
fn rows_that_name_their_symbol_give_each_its_own_or_only_the_one_asked_for() {
    let text = "symbol;time;bid;ask\nEUR/USD;2024-03-05 09:00:00.332;1.08498;1.08506\nGBPUSD;2024-03-05 09:00:00.475;1.27101;1.27109\n\
        EUR/USD;2024-03-05 09:00:01;;1.08507\n";
    let bench = Bench::new();
    let file = bench.file("ticks.csv", text);
    let both = import(&file, &ImportOptions::default(), &bench.store, &mut |_| {}).expect("imported");
    assert_eq!(both.iter().map(|report| (report.symbol.as_str(), report.ticks)).collect::<Vec<_>>(), [("EURUSD", 2), ("GBPUSD", 1)]);
    assert_eq!(bench.shown("EURUSD")[1], "2024-03-05T09:00:01.000000Z 1.08498 1.08507", "the last bid is its own");

    let asked = |symbol: &str| ImportOptions { symbol: Some(symbol.into()), ..ImportOptions::default() };
    let bench = Bench::new();
    let file = bench.file("ticks.csv", text);
    assert_eq!((bench.imported_as(&file, &asked("EURUSD")).ticks, bench.store.symbols().expect("symbols")), (2, vec!["EURUSD".to_owned()]));
    bench.refused(&file, &asked("USDJPY"), "USDJPY was asked for, and there is EURUSD and GBPUSD");

    let bars = "ticker,date,open,high,low,close\nEURUSD,2024-03-04,1.1,1.2,1.05,1.1\nGBPUSD,2024-03-04,1.2,1.3,1.15,1.2\n\
        EURUSD,2024-03-05,1.1,1.2,1.05,1.1\nGBPUSD,2024-03-05,1.2,1.3,1.15,1.2\n";
    import(&bench.file("bars.csv", bars), &ImportOptions::default(), &bench.store, &mut |_| {}).expect("imported");
    assert_eq!((bench.shown_bars("EURUSD", Timeframe::D1).len(), bench.shown_bars("GBPUSD", Timeframe::D1).len()), (2, 2));
}

#[test]
fn rows_in_json_are_told_apart_by_the_same_names() {
    ticks("eurusd-tick.json", "EURUSD", r#"[{"timestamp": 1709629200332, "askPrice": 1.08506, "bidPrice": 1.08498}]"#, &[QUOTE]);
    ticks(
        "EURUSD.json",
        "EURUSD",
        r#"{"status": "ok", "data": [{"time": "2024-03-05T09:00:00.332Z", "bid": "1.08498", "ask": "1.08506"}], "next": null}"#,
        &[QUOTE],
    );
    // One object after another, and with names of their own.
    ticks(
        "EURUSD.ndjson",
        "EURUSD",
        "{\"time\":1709629200332,\"bid\":1.08498,\"ask\":1.08506}\n{\"ask\":1.08507,\"time\":1709629200332}\n",
        &[QUOTE, "2024-03-05T09:00:00.332000Z 1.08498 1.08507"],
    );
    ticks(
        "EURUSD.json",
        "EURUSD",
        r#"{"columns": ["time", "bid", "ask"], "index": [0], "data": [[1709629200332, 1.08498, 1.08506]]}"#,
        &[QUOTE],
    );
    let both = r#"[{"time": 1709629200, "bid": 1.08498, "ask": 1.08506, "time_msc": 1709629200332, "volume_real": 0.0}]"#;
    ticks("EURUSD.json", "EURUSD", both, &[QUOTE]);
    let candles = r#"[{"timestamp":1709629200000,"open":1.085,"high":1.086,"low":1.084,"close":1.0855,"volume":12.5},
        {"timestamp":1709632800000,"open":1.085,"high":1.086,"low":1.084,"close":1.0855,"volume":0}]"#;
    bars("eurusd-h1-bid.json", "EURUSD", candles, Timeframe::H1, "2024-03-05T09:00:00.000000Z 1.085 1.086 1.084 1.0855 13 0");
}

#[test]
fn lists_without_names_are_refused_and_read_by_the_order_that_is_given() {
    let lists = "[[1549238400994, 1.14545, 1.14543, 1, 2.06], [1549238401271, 1.14546, 1.14544, 1, 1]]";
    let bench = Bench::new();
    let file = bench.file("EURUSD.json", lists);
    bench.refused(
        &file,
        &ImportOptions::default(),
        "its rows are lists without names. Its columns: 1=1549238400994 (date and time), 2=1.14545 (number)",
    );
    bench.refused(&file, &ImportOptions::default(), "--columns time,ask,bid,-,-");
    let columns = |names: &str| ImportOptions { columns: Some(names.parse().expect("columns")), ..ImportOptions::default() };
    bench.imported_as(&file, &columns("time,ask,bid,-,-"));
    assert_eq!(bench.shown("EURUSD")[0], "2019-02-04T00:00:00.994000Z 1.14543 1.14545");

    let candles = "[[1709629200000,34000,34100,33900,34050,2.5],[1709629260000,34000,34100,33900,34050,2.5]]";
    let file = bench.file("BTC_USDT-1m.json", candles);
    bench.refused(
        &file,
        &ImportOptions { symbol: Some("BTCUSDT".into()), ..ImportOptions::default() },
        "--columns time,open,high,low,close,volume",
    );
    bench.imported_as(&file, &ImportOptions { symbol: Some("BTCUSDT".into()), ..columns("time,open,high,low,close,volume") });
    assert_eq!(bench.shown_bars("BTCUSDT", Timeframe::M1)[0], "2024-03-05T09:00:00.000000Z 34000 34100 33900 34050 3 0");
}

#[test]
fn titles_and_comments_above_a_header_are_passed_over() {
    for title in ["# exported by hand\n", "sep=,\n", "EURUSD 2024\n\n"] {
        ticks("EURUSD.csv", "EURUSD", &format!("{title}time,bid,ask\n2024-03-05 09:00:00.332,1.08498,1.08506\n"), &[QUOTE]);
    }
}
