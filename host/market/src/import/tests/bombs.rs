//! Small files that would become large in memory: each is refused by what it holds too much of.

use super::*;
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use std::sync::Arc;

#[test]
fn a_day_of_more_ticks_than_any_has_ends_the_import_with_its_line() {
    let bench = Bench::new();
    let rows = "1398902400,1.1,1.2\n".repeat((1 << 22) + 1);
    let zip = bench.zip("EURUSD.zip", "EURUSD.csv", format!("time,bid,ask\n{rows}"));
    let expected = "EURUSD.zip/EURUSD.csv: line 4194306: 2014-05-01 has more than 4194304 ticks; is the clock right?";
    bench.refused(&zip, &ImportOptions::default(), expected);
    assert!(bench.leftovers().is_empty() && bench.store.symbols().expect("symbols").is_empty());
}

#[test]
fn a_key_or_number_of_json_longer_than_any_needs_ends_the_import_with_its_line() {
    let bench = Bench::new();
    let good = "{\"time_msc\":1398902400040,\"bid\":1.1,\"ask\":1.2}";
    for (text, what) in [
        (format!("{{\"ticks\":[\n{good},\n{{\"{}\":1}}]}}", "k".repeat(1 << 20)), "line 3: a key or text of more than 65536 bytes"),
        (format!("{{\"ticks\":[\n{good}],\n\"{}\":1}}", "k".repeat(1 << 20)), "line 3: a key or text of more than 65536 bytes"),
        (format!("[{good},{{\"bid\":{}}}]", "1".repeat(1 << 20)), "line 1: a number or word of more than 65536 bytes"),
    ] {
        bench.refused(&bench.file("EURUSD.json", text), &ImportOptions::default(), what);
    }
}

fn written(columns: Vec<(&str, ArrayRef)>, how: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).expect("equally long");
    let properties = how(WriterProperties::builder().set_compression(Compression::ZSTD(Default::default()))).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("memory takes it");
    writer.write(&batch).expect("memory takes it");
    writer.close().expect("memory takes it");
    bytes
}

fn ticks(time: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let prices = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value; time.len()])) };
    let (bids, asks) = (prices(1.1), prices(1.2));
    vec![("time", time), ("bid", bids), ("ask", asks)]
}

#[test]
fn a_page_of_parquet_that_unpacks_to_more_than_a_page_has_is_refused() {
    const ROWS: i64 = 3 << 20;
    let bench = Bench::new();
    // Times that all differ, so that none is told by a dictionary, and far apart in bytes alone: they shrink to little.
    let times: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS));
    let one_page = written(ticks(times), |builder| {
        let rows = ROWS as usize;
        builder
            .set_dictionary_enabled(false)
            .set_data_page_size_limit(1 << 30)
            .set_data_page_row_count_limit(rows)
            .set_write_batch_size(rows)
            .set_max_row_group_row_count(Some(rows))
    });
    let file = bench.file("EURUSD.parquet", one_page);
    bench.refused(&file, &ImportOptions::default(), "at most 16777216 bytes: write it with smaller pages");
}

#[test]
fn a_text_of_parquet_that_a_dictionary_repeats_in_every_row_is_read_a_few_rows_at_a_time() {
    let bench = Bench::new();
    let rows = |bytes: usize, count: usize| -> ArrayRef { Arc::new(StringArray::from(vec!["x".repeat(bytes); count])) };
    let long = written(ticks(rows(256 << 10, 1_100)), |builder| builder.set_dictionary_page_size_limit(1 << 30));
    let error = bench.import(&bench.file("EURUSD.parquet", long), &ImportOptions::default()).expect_err("these are no times").to_string();
    assert!(error.contains("none of its first 1000 rows can be used"), "{error}");
    let longer = written(ticks(rows(3 << 20, 2)), |builder| builder.set_dictionary_page_size_limit(1 << 30));
    bench.refused(&bench.file("EURUSD.parquet", longer), &ImportOptions::default(), "at most 2097152 bytes");
}

#[test]
fn a_column_of_parquet_that_begins_before_its_file_is_refused_before_the_decoder_meets_it() {
    let bench = Bench::new();
    let bytes = include_bytes!("data/column-before-the-file.parquet");
    bench.refused(&bench.file("EURUSD.parquet", bytes), &ImportOptions::default(), "begins before the file");
}
