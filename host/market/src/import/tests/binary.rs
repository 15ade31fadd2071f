//! Dukascopy's hours, Parquet, and LEAN's trades.

use super::*;
use arrow_array::{
    ArrayRef, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray, TimestampNanosecondArray,
};
use arrow_schema::Schema;
use std::sync::Arc;

/// Records of an hour: milliseconds, ask and bid in points.
pub(super) fn records(ticks: &[(u32, u32, u32)]) -> Vec<u8> {
    let record = |&(ms, ask, bid): &(u32, u32, u32)| {
        [ms.to_be_bytes(), ask.to_be_bytes(), bid.to_be_bytes(), 1.5_f32.to_be_bytes(), 0.75_f32.to_be_bytes()].concat()
    };
    ticks.iter().flat_map(record).collect()
}

pub(super) fn lzma(bytes: &[u8]) -> Vec<u8> {
    let options = lzma_rust2::LzmaOptions::with_preset(6);
    let mut writer = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).expect("usual options");
    std::io::Write::write_all(&mut writer, bytes).expect("memory takes it");
    writer.finish().expect("memory takes it")
}

const TICKS: [(u32, u32, u32); 3] = [(83, 138_729, 138_727), (3_599_999, 138_730, 138_728), (3_599_999, 138_731, 138_729)];

#[test]
fn an_hour_of_dukascopy_reads_the_same_raw_and_compressed() {
    for content in [records(&TICKS), lzma(&records(&TICKS))] {
        let bench = Bench::new();
        let folder = bench.files.join("EURUSD/2014/04/01");
        std::fs::create_dir_all(&folder).expect("folders");
        std::fs::write(folder.join("13h_ticks.bi5"), content).expect("an hour");
        // A weekend's hour.
        std::fs::write(folder.join("14h_ticks.bi5"), "").expect("an hour");
        let report = bench.imported(&bench.files.join("EURUSD"));
        assert_eq!((report.symbol.as_str(), report.format, report.ticks, report.files), ("EURUSD", Format::Bi5, 3, 2));
        assert_eq!(
            bench.shown("EURUSD"),
            [
                "2014-05-01T13:00:00.083000Z 1.38727 1.38729",
                "2014-05-01T13:59:59.999000Z 1.38728 1.3873",
                "2014-05-01T13:59:59.999000Z 1.38729 1.38731"
            ]
        );
    }
}

#[test]
fn points_have_the_decimals_of_the_name_or_those_given() {
    let hour = records(&[(0, 101_729, 101_727)]);
    let check = |name: &str, options: ImportOptions, price: f64| {
        let bench = Bench::new();
        bench.import(&bench.file(name, &hour), &options).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bench.ticks(name.split('_').next().expect("a symbol")).bids, [price], "{name}");
    };
    check("USDJPY_2014-05-01_13h.bi5", ImportOptions::default(), 101.727);
    check("EURUSD_2014-05-01_13h.bi5", ImportOptions::default(), 1.01727);
    check("EURHUF_2014-05-01_13h.bi5", ImportOptions::default(), 101.727);
    check("USDCZK_2014-05-01_13h.bi5", ImportOptions::default(), 10.1727);
    check("XAGUSD_2014-05-01_13h.bi5", ImportOptions::default(), 101.727);
    check("BTCUSD_2014-05-01_13h.bi5", ImportOptions::default(), 10_172.7);
    check("USA30IDXUSD_2014-05-01_13h.bi5", ImportOptions::default(), 101.727);
    check("US500_2014-05-01_13h.bi5", ImportOptions { digits: Some(2), ..ImportOptions::default() }, 1_017.27);
    // Points of an instrument that nobody knows are not guessed.
    let bench = Bench::new();
    bench.refused(
        &bench.file("US500_2014-05-01_13h.bi5", &hour),
        &ImportOptions::default(),
        "a point of US500 has is not known; give them: --digits",
    );
    assert!(bench.store.symbols().expect("symbols").is_empty() && bench.leftovers().is_empty());
}

#[test]
fn hours_that_are_none_are_refused_in_a_line() {
    let bench = Bench::new();
    let plain = ImportOptions::default();
    let whole = lzma(&records(&TICKS));
    let name = "EURUSD_2014-05-01_13h.bi5";
    let refused = |content: &[u8], expected: &str| {
        bench.refused(&bench.file(name, content), &plain, expected);
        assert!(bench.store.symbols().expect("symbols").is_empty() && bench.leftovers().is_empty());
    };
    refused(&records(&TICKS)[..50], "it ends with 10 bytes, which is no record of 20");
    refused(&whole[..whole.len() - 8], "it breaks off after");
    // A header that asks for a dictionary of 4 GiB.
    refused(&[&[0x5D, 0xFF, 0xFF, 0xFF, 0xFF][..], &whole[5..]].concat(), "it is neither LZMA nor plain records");
    refused(&[0xFF; 100], "it is neither LZMA nor plain records");
    refused(&records(&[(3_600_000, 1, 1)]), "3600000 ms is not within an hour");
    // 80 MB of one record in 12 KB.
    let bomb = lzma(&records(&[(1, 2, 1)]).repeat(4_000_000));
    assert!(bomb.len() < 1 << 20);
    refused(&bomb, "it has more than 3600000 ticks");
    bench.refused(&bench.file("EURUSD.bi5", &whole), &plain, "cannot tell its symbol");
    let named = ImportOptions { symbol: Some("EURUSD".into()), ..ImportOptions::default() };
    bench.refused(&bench.file("EURUSD.bi5", &whole), &named, "its path names no hour like");
}

pub(super) fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).expect("equally long");
    let schema: Arc<Schema> = batch.schema();
    let mut bytes = Vec::new();
    let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, schema, None).expect("memory takes it");
    writer.write(&batch).expect("memory takes it");
    writer.close().expect("memory takes it");
    bytes
}

#[test]
fn parquet_columns_are_found_by_name_whatever_their_unit() {
    let ms = 1_398_902_400_040_i64;
    let floats = |values: &[f64]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let times: [ArrayRef; 5] = [
        Arc::new(TimestampMillisecondArray::from(vec![ms, ms + 10]).with_timezone("UTC")),
        Arc::new(TimestampNanosecondArray::from(vec![ms * 1_000_000, (ms + 10) * 1_000_000])),
        Arc::new(Int64Array::from(vec![ms * 1_000, (ms + 10) * 1_000])),
        Arc::new(Float64Array::from(vec![ms as f64 / 1e3, (ms + 10) as f64 / 1e3])),
        Arc::new(StringArray::from(vec!["2014-05-01T00:00:00.04Z", "2014-05-01T00:00:00.05Z"])),
    ];
    for time in times {
        let kind = time.data_type().clone();
        let bench = Bench::new();
        let columns = vec![
            ("Ask", floats(&[1.38729, 1.3873])),
            ("junk", floats(&[0.0, 0.0])),
            ("Timestamp", time),
            ("Bid", floats(&[1.38727, 1.38728])),
        ];
        let report = bench.imported(&bench.file("EURUSD_ticks.parquet", parquet(columns)));
        assert_eq!((report.format, report.ticks, report.spec.digits), (Format::Parquet, 2, 5));
        let expected = ["2014-05-01T00:00:00.040000Z 1.38727 1.38729", "2014-05-01T00:00:00.050000Z 1.38728 1.3873"];
        assert_eq!(bench.shown("EURUSD"), expected, "{kind}");
    }
}

#[test]
fn frames_of_metatraders_package_are_on_the_servers_clock() {
    let frame = || -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("time", Arc::new(Int64Array::from(vec![1_709_629_200_i64]))),
            ("bid", Arc::new(Float64Array::from(vec![1.08498]))),
            ("ask", Arc::new(Float64Array::from(vec![1.08506]))),
            ("time_msc", Arc::new(Int64Array::from(vec![1_709_629_200_332_i64]))),
        ]
    };
    let bench = Bench::new();
    let file = bench.file("EURUSD.parquet", parquet(frame()));
    let report = bench.imported(&file);
    assert!(report.notes.iter().any(|note| note.contains("the broker's server")), "{:?}", report.notes);
    assert_eq!(bench.shown("EURUSD"), ["2024-03-05T09:00:00.332000Z 1.08498 1.08506"]);
    let bench = Bench::new();
    let file = bench.file("EURUSD.parquet", parquet(frame()));
    let report = bench.imported_as(&file, &ImportOptions { clock: "+2".parse().expect("a clock"), ..ImportOptions::default() });
    assert!(report.notes.is_empty(), "{:?}", report.notes);
    assert_eq!(bench.shown("EURUSD"), ["2024-03-05T07:00:00.332000Z 1.08498 1.08506"]);
    // Rows' numbers are no times.
    let numbered = parquet(vec![
        ("time", Arc::new(Int64Array::from(vec![1_i64]))),
        ("bid", Arc::new(Float64Array::from(vec![1.1]))),
        ("ask", Arc::new(Float64Array::from(vec![1.2]))),
    ]);
    let file = bench.file("GBPUSD.parquet", numbered);
    bench.refused(&file, &ImportOptions::default(), "its time is neither a date nor a count since 1970 from 1990 on");
    bench.refused(
        &bench.file("BTC_USDT-1h.csv", b"ARROW1\0\0"),
        &ImportOptions::default(),
        "it is a Feather file, which import does not read",
    );
}

#[test]
fn parquet_of_every_codec_and_of_dictionaries_is_read() {
    use ::parquet::basic::Compression as C;
    let ms = 1_398_902_400_040_i64;
    let columns = || -> Vec<(&str, ArrayRef)> {
        let floats = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value; 2])) };
        let stamps = StringArray::from(vec!["2014-05-01T00:00:00.04Z", "2014-05-01T00:00:00.04Z"]);
        let category: arrow_array::DictionaryArray<arrow_array::types::Int32Type> = stamps.iter().collect();
        vec![("time", Arc::new(category)), ("bid", floats(1.1)), ("ask", Arc::new(StringArray::from(vec!["1.2", "1.2"])))]
    };
    let codecs = [
        C::UNCOMPRESSED,
        C::SNAPPY,
        C::GZIP(Default::default()),
        C::ZSTD(Default::default()),
        C::LZ4,
        C::LZ4_RAW,
        C::BROTLI(Default::default()),
    ];
    for codec in codecs {
        let bench = Bench::new();
        let batch = RecordBatch::try_from_iter(columns()).expect("equally long");
        let properties = ::parquet::file::properties::WriterProperties::builder().set_compression(codec).build();
        let mut bytes = Vec::new();
        let mut writer = ::parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("memory takes it");
        writer.write(&batch).expect("memory takes it");
        writer.close().expect("memory takes it");
        bench.imported(&bench.file("EURUSD.parquet", bytes));
        assert_eq!(bench.ticks("EURUSD").times, [ms * 1_000; 2], "{codec}");
    }
    // The finer of two columns of times, as MetaTrader's package for Python has them.
    let bench = Bench::new();
    let ints = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value])) };
    let one = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
    let frame = vec![("time", ints(ms / 1_000)), ("bid", one(1.1)), ("ask", one(1.2)), ("time_msc", ints(ms))];
    bench.imported(&bench.file("EURUSD.parquet", parquet(frame)));
    assert_eq!(bench.ticks("EURUSD").times, [ms * 1_000]);
}

#[test]
fn parquet_holds_bars_trades_and_newest_rows_first_too() {
    let times = |minutes: &[i64]| -> ArrayRef {
        Arc::new(
            TimestampMillisecondArray::from_iter_values(minutes.iter().map(|minute| 1_398_902_400_000 + minute * 60_000))
                .with_timezone("UTC"),
        )
    };
    let floats = |values: [f64; 3]| -> ArrayRef { Arc::new(Float64Array::from(values.to_vec())) };
    let bench = Bench::new();
    let columns = vec![
        ("Datetime", times(&[0, 1, 2])),
        ("Open", floats([1.1, 1.2, 1.3])),
        ("High", floats([1.15, 1.25, 1.35])),
        ("Low", floats([1.05, 1.15, 1.25])),
        ("Close", floats([1.12, 1.22, 1.32])),
        ("Volume", Arc::new(Int64Array::from(vec![7, 8, 9]))),
    ];
    let report = bench.imported(&bench.file("EURUSD.parquet", parquet(columns)));
    assert_eq!((report.bars, report.timeframe), (3, Some(domain::tick::Timeframe::M1)));
    let bars = bench.store.bars("EURUSD", domain::tick::Timeframe::M1, Time(i64::MIN), Time(i64::MAX)).expect("bars");
    assert_eq!((bars.closes, bars.tick_volumes), (vec![1.12, 1.22, 1.32], vec![7, 8, 9]));

    let bench = Bench::new();
    let trades = vec![("timestamp", times(&[0, 1, 2])), ("price", floats([450.5, 451.0, 451.5])), ("amount", floats([0.25, 2.0, 1.0]))];
    bench.imported(&bench.file("BTCUSD.parquet", parquet(trades)));
    assert_eq!(bench.ticks("BTCUSD").lasts, [450.5, 451.0, 451.5]);

    let bench = Bench::new();
    let newest_first = vec![("time", times(&[2, 1, 0])), ("bid", floats([1.3, 1.2, 1.1])), ("ask", floats([1.4, 1.3, 1.2]))];
    bench.imported(&bench.file("EURUSD.parquet", parquet(newest_first)));
    assert_eq!(bench.ticks("EURUSD").bids, [1.1, 1.2, 1.3]);
}

#[test]
fn parquet_rows_without_a_side_keep_the_last_one_and_dirty_ones_are_named() {
    let bench = Bench::new();
    let times: ArrayRef =
        Arc::new(Int64Array::from(vec![Some(1_398_902_400), Some(1_398_902_401), None, Some(1_398_902_402), Some(1_398_902_403)]));
    // As a feed in 32 bits has them: each is the float next to its decimal.
    let bids: ArrayRef = Arc::new(Float32Array::from(vec![None, Some(1.1), Some(1.1), None, Some(f32::NAN)]));
    let asks: ArrayRef = Arc::new(Float64Array::from(vec![1.2, 1.2, 1.2, 1.3, 1.4]));
    let file = bench.file("EURUSD.parquet", parquet(vec![("time", times), ("bid", bids), ("ask", asks)]));
    let report = bench.imported(&file);
    let named: Vec<String> = report.dirty_rows.iter().map(DirtyRow::to_string).collect();
    assert_eq!(named, ["EURUSD.parquet, line 1: bid is absent and no row before it has one", "EURUSD.parquet, line 3: it has no time"]);
    assert_eq!(
        bench.shown("EURUSD"),
        ["2014-05-01T00:00:01.000000Z 1.1 1.2", "2014-05-01T00:00:02.000000Z 1.1 1.3", "2014-05-01T00:00:03.000000Z 1.1 1.4"]
    );
    let plain = ImportOptions::default();
    let floats: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    bench.refused(
        &bench.file("EURUSD.parquet", parquet(vec![("moment", floats.clone()), ("price", floats)])),
        &plain,
        "no column holds a date and a time",
    );
    bench.refused(&bench.file("EURUSD.parquet", "PAR1 and no more PAR1"), &plain, "it is no readable Parquet file");
}

#[test]
fn trades_of_lean_stand_for_both_sides() {
    let bench = Bench::new();
    let zip =
        bench.zip("crypto/gdax/tick/btcusd/20140501_trade.zip", "20140501_btcusd_tick_trade.csv", "40,450.5,0.25\n50,451,2\n60,451\n");
    let report = bench.imported(&zip);
    assert_eq!((report.symbol.as_str(), report.ticks, report.skipped), ("BTCUSD", 2, 1));
    assert!(report.notes.iter().any(|note| note.contains("without quotes")), "{:?}", report.notes);
    let ticks = bench.ticks("BTCUSD");
    assert_eq!(
        (ticks.bids.as_slice(), ticks.lasts.as_slice(), ticks.volumes.as_slice()),
        ([450.5, 451.0].as_slice(), [450.5, 451.0].as_slice(), [0.25, 2.0].as_slice())
    );
    // Prices of shares are whole ten-thousandths.
    let bench = Bench::new();
    bench.imported(&bench.zip(
        "equity/usa/tick/spy/20140501_trade.zip",
        "20140501_spy_tick_trade.csv",
        "34200040,1885000,100,P,00000001,0\n",
    ));
    assert_eq!(bench.ticks("SPY").lasts, [188.5]);
}

#[test]
fn what_is_exported_reads_back_the_same() {
    use crate::export::{ExportFormat, export};
    let bench = Bench::new();
    let rows = "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n\
        2014.05.01\t19:00:00.083\t1.1\t1.2\t\t\t6\n2014.05.02\t19:00:00.083\t1.1\t1.20001\t1.15\t0.5\t56\n";
    bench.imported(&bench.file("EURUSD.csv", rows));
    for (format, name) in [(ExportFormat::Csv, "EURUSD.csv"), (ExportFormat::Parquet, "EURUSD.parquet")] {
        let mut bytes = Vec::new();
        assert_eq!(export(&bench.store, "EURUSD", (Time(i64::MIN), Time(i64::MAX)), format, &mut bytes).expect("exported"), 2);
        let other = Bench::new();
        other.imported(&other.file(name, bytes));
        assert_eq!(other.ticks("EURUSD"), bench.ticks("EURUSD"), "{format:?}");
    }
    let mut bytes = Vec::new();
    let day = "2014-05-02".parse::<Date>().expect("a day");
    assert_eq!(export(&bench.store, "EURUSD", (day.start(), day.end()), ExportFormat::Arrow, &mut bytes).expect("exported"), 1);
    let batches = arrow_ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None).expect("an Arrow file");
    assert_eq!(batches.map(|batch| batch.expect("sound").num_rows()).sum::<usize>(), 1);
}
