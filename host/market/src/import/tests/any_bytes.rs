//! Whatever the bytes, an import ends with a report or an error and leaves a sound store.

use super::*;
use proptest::prelude::*;

const FORMATS: [(&str, Format, &str); 5] = [
    ("20140505_quote.zip", Format::Lean, "1787,1.38727,1.38729\r\n1813.5,1.38726,1.38729\r\n"),
    (
        "EURUSD.csv",
        Format::Mt5Ticks,
        "<DATE>\t<TIME>\t<BID>\t<ASK>\t<LAST>\t<VOLUME>\t<FLAGS>\n2026.02.16\t19:00:00.083\t1.1\t1.2\t\t\t6\n2026.02.16\t19:00:00.084\t\t1.3\t\t\t4\n",
    ),
    (
        "EURUSD.csv",
        Format::Mt5Bars,
        "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2026.02.16\t02:07:00\t5010.5\t5014.7\t5010.5\t5014.7\t271\t0\t19\n2026.02.16\t02:08:00\t5010.5\t5014.7\t5010.5\t5014.7\t271\t0\t19\n",
    ),
    ("EURUSD.csv", Format::Csv, "time,bid,ask,last,volume\n2014-05-01T00:00:00.04Z,1.1,1.2,,\n1398902400040,1.1,1.2,1.15,3\n"),
    (
        "EURUSD.json",
        Format::Json,
        "{\"metadata\":{\"symbol\":\"EURUSD\"},\"ticks\":[{\"time_msc\":1398902400040,\"bid\":1.1,\"ask\":1.2,\"tick_flags\":\"BID\"},{\"time_msc\":1398902400050,\"bid\":1.1}]}",
    ),
];

fn survives(name: &str, format: Format, content: &[u8], on_dirty_row: OnDirtyRow) {
    let bench = Bench::new();
    let file = bench.file(name, content);
    let options = ImportOptions { format, on_dirty_row, symbol: Some("EURUSD".into()), ..ImportOptions::default() };
    match bench.import(&file, &options) {
        Ok(report) => {
            assert_eq!(bench.ticks("EURUSD").len() as u64, report.ticks);
            bench.import(&file, &options).expect("the same import again");
            assert_eq!(bench.ticks("EURUSD").len() as u64, report.ticks);
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(bench.store.symbols().expect("symbols").is_empty(), "nothing half done: {error}");
        }
    }
    assert!(bench.leftovers().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn arbitrary_bytes(content in prop::collection::vec(any::<u8>(), 0..400)) {
        for (name, format, _) in FORMATS {
            survives(name, format, &content, OnDirtyRow::Skip);
        }
        survives("EURUSD.csv", Format::Auto, &content, OnDirtyRow::Stop);
    }

    #[test]
    fn damaged_files(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..8),
        utf16: bool,
    ) {
        for (name, format, text) in FORMATS {
            let mut content = text.as_bytes().to_vec();
            for (at, byte, how) in &damage {
                let at = at.index(content.len());
                match how {
                    0 => content[at] = *byte,
                    1 => content.insert(at, b"0123456789.-,\t\n\""[usize::from(*byte) % 16]),
                    _ => drop(content.remove(at)),
                }
            }
            if utf16 {
                content = content.iter().flat_map(|byte| [*byte, 0]).collect();
            }
            survives(name, format, &content, OnDirtyRow::Skip);
            survives(name, Format::Auto, &content, OnDirtyRow::Stop);
        }
    }

    #[test]
    fn damaged_hours_and_parquet_files(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let hour = binary::records(&[(83, 138_729, 138_727), (90, 138_730, 138_728)]);
        let floats = |value: f64| -> arrow_array::ArrayRef { std::sync::Arc::new(arrow_array::Float64Array::from(vec![value; 3])) };
        let parquet = binary::parquet(vec![("time", floats(1_398_902_400.0)), ("bid", floats(1.1)), ("ask", floats(1.2))]);
        let files = [("EURUSD_2014-05-01_13h.bi5", Format::Bi5, hour.clone()), ("EURUSD_2014-05-01_13h.bi5", Format::Auto, binary::lzma(&hour)), ("EURUSD.parquet", Format::Auto, parquet)];
        for (name, format, whole) in files {
            survives(name, format, &noise, OnDirtyRow::Skip);
            survives(name, format, &whole[..cut.index(whole.len())], OnDirtyRow::Skip);
            let mut content = whole;
            for (at, byte) in &damage {
                let at = at.index(content.len());
                content[at] = *byte;
            }
            survives(name, format, &content, OnDirtyRow::Stop);
        }
    }

    #[test]
    fn damaged_zips(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let bench = Bench::new();
        let zip = bench.zip("20140505_quote.zip", "20140505_eurusd_tick_quote.csv", FORMATS[0].2);
        let mut content = std::fs::read(zip).expect("a zip");
        for (at, byte) in damage {
            let at = at.index(content.len());
            content[at] = byte;
        }
        survives("20140505_quote.zip", Format::Auto, &content, OnDirtyRow::Skip);
    }
}
