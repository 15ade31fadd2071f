//! Stored ticks and reports, as files that people open with other programs.

use crate::program::{Place, ema_cross_text};

#[test]
fn stored_ticks_are_checked_and_leave_for_other_programs() {
    let place = Place::with_ticks();
    let said = place.ok(&["data", "check"]);
    assert!(said.contains("EURUSD: 20,000 ticks on 1 days; every file is as it was written"), "{said}");
    for (file, begins) in
        [("out.csv", &b"time,bid,ask,last,volume,flags\n2024-01-09T"[..]), ("out.parquet", b"PAR1"), ("out.arrow", b"ARROW1")]
    {
        let said = place.ok(&["data", "export", "EURUSD", file]);
        assert!(said.contains("wrote 20,000 ticks of EURUSD"), "{said}");
        assert!(std::fs::read(place.path(file)).expect("it was written").starts_with(begins), "{file}");
    }
    place.fails(&["data", "export", "EURUSD", "out.txt"], 2, &["out.txt", "--format csv, parquet or arrow"]);
    place.fails(&["data", "export", "GBPUSD", "out.csv"], 3, &["no symbol \"GBPUSD\" (it has EURUSD)"]);
    place.fails(&["data", "export", "EURUSD", "nowhere/out.csv"], 3, &["nowhere/out.csv"]);
    // An empty file would look like an export that went well.
    let of_day = ["data", "export", "EURUSD", "empty.csv", "--from", "2024-02-01"];
    place.fails(&of_day, 3, &["EURUSD has no ticks in the time asked for", "from 2024-01-09T", "--from and --to"]);
    assert!(!place.path("empty.csv").exists() && !place.path("empty.csv.part").exists());

    // What was exported is imported as it was.
    place.ok(&["import", "out.parquet", "--symbol", "OTHER"]);
    let json: serde_json::Value = serde_json::from_str(&place.ok(&["data", "check", "OTHER", "--json"])).expect("JSON");
    assert_eq!((&json[0]["ticks"], &json[0]["broken"]), (&serde_json::json!(20_000), &serde_json::json!([])));
}

#[test]
fn an_altered_file_is_named() {
    let place = Place::with_ticks();
    let listed = std::fs::read_dir(place.path(".stockade/ticks/EURUSD"));
    let file = listed
        .expect("the store")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.extension().is_some_and(|it| it == "arrow"));
    let file = file.expect("a day");
    let mut bytes = std::fs::read(&file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("writable");
    let ran = place.run(&["data", "check"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("2024-01-09.arrow is broken") && ran.err.contains("one stored file is broken"), "{ran:?}");
}

#[test]
fn a_backtest_leaves_a_page_json_and_csv() {
    let place = Place::with_ticks();
    let run = ["backtest", ema_cross_text(), "--symbol", "EURUSD"];
    let said = place.ok(&[&run[..], &["--out", "report", "--csv", "deals.csv"]].concat());
    assert!(said.contains("wrote          report/report.html") && said.contains("wrote          deals.csv"), "{said}");
    let page = std::fs::read_to_string(place.path("report/report.html")).expect("a page");
    assert!(page.starts_with("<!doctype html>") && page.contains("ema-cross"));
    let json = std::fs::read(place.path("report/report.json")).expect("a document");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let deals = json["figures"]["deals"].as_u64().expect("a count");
    assert!(deals > 0 && json["deals"].as_array().is_some_and(|list| list.len() as u64 == deals));
    assert_eq!(json["sensitivity"][1]["spread_times"], 2.0);
    for file in ["deals.csv", "report/deals.csv"] {
        assert_eq!(std::fs::read_to_string(place.path(file)).expect("a table").lines().count() as u64, deals + 1);
    }
    place.fails(&[&run[..], &["--html", "nowhere/report.html"]].concat(), 3, &["nowhere/report.html", "its folder is not there"]);
}
