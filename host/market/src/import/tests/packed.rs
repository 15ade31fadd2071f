//! Files within files and trees of them, and those that are not what they should be.

use super::binary::{lzma, parquet, records};
use super::*;
use arrow_array::{ArrayRef, Float64Array, Int64Array};
use std::io::Write;
use std::sync::Arc;

const CSV: &str = "time,bid,ask\n1398902400,1.1,1.2\n1398902401,1.1,1.2\n";

fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(content.as_ref()).expect("memory takes it");
    packer.finish().expect("memory takes it")
}

fn zstd(content: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(content.as_ref(), 1).expect("memory takes it")
}

fn table() -> Vec<u8> {
    let floats = |value: f64| -> ArrayRef { Arc::new(Float64Array::from(vec![value; 2])) };
    let times: ArrayRef = Arc::new(Int64Array::from(vec![1_398_902_400, 1_398_902_401]));
    parquet(vec![("time", times), ("bid", floats(1.1)), ("ask", floats(1.2))])
}

fn skip_bad() -> ImportOptions {
    ImportOptions { on_bad_file: OnBadFile::LeaveOut, ..ImportOptions::default() }
}

#[test]
fn whatever_is_packed_reads_as_if_it_were_not() {
    let hour = lzma(&records(&[(83, 138_729, 138_727), (90, 138_730, 138_728)]));
    let json = r#"{"ticks":[{"time_msc":1398902400040,"bid":1.1,"ask":1.2},{"time_msc":1398902400050,"bid":1.1,"ask":1.2}]}"#;
    let check = |name: &str, inner: Option<&str>, content: Vec<u8>| {
        let bench = Bench::new();
        let file = match inner {
            Some(inner) => bench.zip(name, inner, content),
            None => bench.file(name, content),
        };
        let report = bench.imported(&file);
        assert_eq!((report.symbol.as_str(), report.ticks), ("EURUSD", 2), "{name} {inner:?}");
        assert!(bench.leftovers().is_empty());
    };
    check("EURUSD.csv.gz", None, gzip(CSV));
    // Two members, as appending makes them.
    let (head, tail) = CSV.split_at(20);
    check("EURUSD.csv.gz", None, [gzip(head), gzip(tail)].concat());
    check("EURUSD.csv.zst", None, zstd(CSV));
    check("EURUSD_2014.json.gz", None, gzip(json));
    check("EURUSD.parquet.gz", None, gzip(table()));
    // The name says nothing of it.
    check("EURUSD.csv", None, gzip(CSV));
    check("EURUSD.txt", None, table());
    check("all.zip", Some("data/EURUSD.csv.gz"), gzip(CSV));
    check("all.zip", Some("EURUSD.json"), json.into());
    check("all.zip", Some("EURUSD.parquet"), table());
    check("all.zip", Some("EURUSD/2014/04/01/13h_ticks.bi5"), hour.clone());
    check("all.zip", Some("EURUSD_2014-05-01_13h.bi5"), hour.clone());
    check("EURUSD_2014-05-01_13h.bi5.gz", None, gzip(hour));
}

#[test]
fn what_is_not_unpacked_says_how_it_is_packed() {
    let bench = Bench::new();
    let refused = |name: &str, content: Vec<u8>, expected: &str| {
        bench.refused(&bench.file(name, content), &ImportOptions::default(), expected);
        assert!(bench.store.symbols().expect("symbols").is_empty() && bench.leftovers().is_empty());
    };
    refused("EURUSD.csv.bz2", b"BZh91AY&SY and so on".to_vec(), "packed with bzip2, which import does not unpack; unpack it first");
    refused("EURUSD.csv.xz", b"\xFD7zXZ\0 and so on".to_vec(), "packed with xz");
    refused("EURUSD.7z", b"7z\xBC\xAF\x27\x1C and so on".to_vec(), "packed with 7-Zip");
    let mut tar = vec![0; 600];
    tar[257..262].copy_from_slice(b"ustar");
    refused("EURUSD.tar.gz", gzip(tar), "packed with tar");
    refused("EURUSD.csv.gz", gzip(gzip(gzip(gzip(CSV)))), "packed more than once");
    let whole = gzip(CSV.repeat(100));
    refused("EURUSD.csv.gz", whole[..whole.len() / 2].to_vec(), "EURUSD.csv.gz");
    bench.refused(&bench.zip("all.zip", "readme.md", "hello"), &ImportOptions::default(), "nothing in it ends like a file of ticks");
}

#[test]
fn a_bomb_of_gzip_ends_at_the_bounds_of_its_rows() {
    let bench = Bench::new();
    let bomb = gzip(vec![b'x'; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    bench.refused(&bench.file("EURUSD.csv.gz", bomb), &ImportOptions::default(), "EURUSD.csv");
    let bomb = gzip(format!("time,bid,ask\n{}", "1398902400,1.1,1.2\n".repeat((1 << 22) + 1)));
    bench.refused(&bench.file("EURUSD.csv.gz", bomb), &ImportOptions::default(), "2014-05-01 has more than 4194304 ticks");
}

/// A tree of days, one of which is a web page.
fn tree(bench: &Bench) -> PathBuf {
    for (day, content) in [
        ("05", CSV.into()),
        ("06", "<!DOCTYPE html>\n<html><title>503</title></html>\n".to_owned()),
        ("07", CSV.replace("13989024", "13989025")),
    ] {
        let folder = bench.files.join("EURUSD/2014").join(day);
        std::fs::create_dir_all(&folder).expect("folders");
        std::fs::write(folder.join("ticks.csv"), content).expect("a file");
    }
    bench.files.join("EURUSD")
}

#[test]
fn a_bad_file_in_a_tree_is_named_by_its_folders_and_left_out_where_asked() {
    let bench = Bench::new();
    let tree = tree(&bench);
    bench.refused(&tree, &ImportOptions::default(), "EURUSD/2014/06/ticks.csv: it is a web page (HTML)");
    assert!(bench.store.symbols().expect("symbols").is_empty() && bench.leftovers().is_empty());
    let report = bench.import(&tree, &skip_bad()).expect("imported");
    assert_eq!((report.symbol.as_str(), report.ticks, report.bad_files), ("EURUSD", 4, 1));
    assert!(report.bad_files_named[0].starts_with("EURUSD/2014/06/ticks.csv: it is a web page"), "{:?}", report.bad_files_named);
    assert!(report.to_string().contains("1 file left out"), "{report}");
}

#[test]
fn of_many_bad_files_the_first_are_named_and_all_are_counted() {
    let bench = Bench::new();
    let tree = tree(&bench);
    for hour in 0..199 {
        std::fs::write(tree.join(format!("2014/06/{hour:03}.csv")), "<html>").expect("a file");
    }
    let error = bench.import(&tree, &ImportOptions::default()).expect_err("bad files");
    assert!(error.to_string().contains("200 files can't be imported, and nothing was; the first: EURUSD/2014/06/000.csv"), "{error}");
    let ImportError::BadFiles { named, .. } = error else { panic!("{error}") };
    assert!(named.len() == 200 && named[199].starts_with("EURUSD/2014/06/ticks.csv: it is a web page"), "{named:?}");
    assert!(bench.store.symbols().expect("symbols").is_empty() && bench.leftovers().is_empty());
    let report = bench.import(&tree, &skip_bad()).expect("imported");
    assert_eq!((report.ticks, report.bad_files, report.bad_files_named.len()), (4, 200, 200));
    let shown = report.to_string();
    assert!(shown.contains("200 files left out:") && shown.contains("and 197 more") && !shown.contains("003.csv"), "{shown}");
}

#[test]
fn a_bad_file_of_another_format_does_not_make_the_good_ones_bad() {
    let bench = Bench::new();
    bench.file("EURUSD-0.json", "[{\"time\": 1398902400, \"bid\": \"x\"");
    bench.file("EURUSD-1.csv", CSV);
    let report = bench.import(&bench.files, &skip_bad()).expect("imported");
    assert_eq!((report.ticks, report.bad_files), (2, 1), "{report}");
}

#[test]
fn nothing_of_a_file_that_turns_bad_in_its_middle_stays() {
    let bench = Bench::new();
    bench.file("EURUSD-1.csv", CSV);
    // Three days, and then the file breaks off.
    let rows: String =
        (0..3).flat_map(|day| (0..2_000).map(move |second| format!("{},1.1,1.2\n", 1_399_507_200 + day * 86_400 + second))).collect();
    let torn = gzip(format!("time,bid,ask\n{rows}"));
    bench.file("EURUSD-2.csv.gz", &torn[..torn.len() - 20]);
    let report = bench.import(&bench.files, &skip_bad()).expect("imported");
    assert_eq!((report.ticks, report.rows, report.bad_files, bench.ticks("EURUSD").len()), (2, 2, 1, 2));
    // A source of bad files alone says what is wrong with the first.
    bench.refused(
        &bench.files.join("EURUSD-2.csv.gz"),
        &skip_bad(),
        "has no usable row; the first file that was left out: EURUSD-2.csv.gz",
    );
}

#[test]
fn pages_and_candles_beside_hours_of_dukascopy_are_not_taken_for_hours() {
    let bench = Bench::new();
    let folder = bench.files.join("GBPJPY/2012/11/03");
    std::fs::create_dir_all(&folder).expect("folders");
    let hour = lzma(&records(&[(83, 132_729, 132_727)]));
    std::fs::write(folder.join("03h_ticks.bi5"), hour).expect("an hour");
    std::fs::write(folder.join("BID_candles_min_1.bi5"), lzma(&[0; 48])).expect("candles");
    let report = bench.imported(&bench.files.join("GBPJPY"));
    assert_eq!((report.ticks, report.notes[0].as_str()), (1, "1 file of candles was left out: the ticks beside them hold more"));
    for (content, what) in
        [("<html><body>504</body></html>", "a web page (HTML)"), ("Too many requests", "it is text that begins with \"Too many requests\"")]
    {
        std::fs::write(folder.join("05h_ticks.bi5"), content).expect("a page");
        bench.refused(&bench.files.join("GBPJPY"), &ImportOptions::default(), "GBPJPY/2012/11/03/05h_ticks.bi5: it is");
        bench.refused(&bench.files.join("GBPJPY"), &ImportOptions::default(), what);
        assert_eq!(bench.import(&bench.files.join("GBPJPY"), &skip_bad()).expect("imported").bad_files, 1);
    }
    std::fs::remove_file(folder.join("03h_ticks.bi5")).expect("removed");
    std::fs::remove_file(folder.join("05h_ticks.bi5")).expect("removed");
    bench.refused(&bench.files.join("GBPJPY"), &ImportOptions::default(), "Dukascopy's candles alone");
}

#[test]
fn what_systems_put_beside_files_is_passed_over() {
    let bench = Bench::new();
    bench.file("._EURUSD.csv", [0, 5, 22, 7]);
    bench.file("EURUSD.csv", CSV);
    assert_eq!(bench.imported(&bench.files).ticks, 2);
    let path = bench.files.join("all.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).expect("a zip"));
    for (name, content) in [("__MACOSX/._EURUSD.csv", "junk"), ("EURUSD.csv", CSV), ("readme.md", "hello")] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(content.as_bytes()).expect("content");
    }
    zip.finish().expect("a finished zip");
    assert_eq!(bench.imported(&path).ticks, 2);
}
