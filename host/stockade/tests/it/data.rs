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

/// An hour of M1 bars as MT5 exports them.
fn bars() -> String {
    let row = |minute: u32| format!("2024.03.05\t09:{minute:02}:00\t1.08100\t1.08120\t1.08090\t1.08110\t12\t0\t2\n");
    "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n".to_owned() + &(0..60).map(row).collect::<String>()
}

#[test]
fn bars_alone_are_listed_as_bars() {
    let place = Place::new();
    place.file("EURUSD_M1.csv", bars());
    assert!(place.ok(&["import", "EURUSD_M1.csv"]).contains("EURUSD: 60 M1 bars from 2024-03-05"));
    let listed = place.ok(&["data", "list"]);
    assert!(listed.contains("60 M1") && listed.contains("2024-03-05 09:00  2024-03-05 09:59"), "{listed}");
    assert!(listed.lines().all(|line| line.len() <= 100), "{listed}");
    place.fails(&["data", "export", "EURUSD", "out.csv"], 3, &["the store has 60 M1 bars of it alone"]);
}

#[test]
fn a_spec_is_shown_and_stated_in_units_that_people_use() {
    let place = Place::new();
    place.file("ACME.csv", "time,bid,ask\n2024-01-09 00:00:00,21.802,21.815\n");
    assert!(place.ok(&["import", "ACME.csv"]).contains("the spec of ACME is assumed (a lot is 1 ACME, priced in USD"));
    assert!(place.ok(&["data", "spec", "acme"]).contains("ASSUMED"));
    let said = place.ok(&["data", "spec", "ACME", "--contract-size", "5000", "--currency", "eur", "--volume-min", "0.1"]);
    for line in ["spec           stated", "contract size  5,000 ACME a lot", "currency       EUR", "volume         0.1 to"] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let json: serde_json::Value = serde_json::from_str(&place.ok(&["data", "spec", "ACME", "--json"])).expect("JSON");
    assert_eq!((&json["contract_size"], &json["basis"]), (&serde_json::json!(5_000.0), &serde_json::json!("stated")));
    // What was stated holds for what is imported later.
    assert!(!place.ok(&["import", "ACME.csv"]).contains("assumed"));
    place.fails(&["data", "spec", "ACME", "--digits", "1"], 4, &["its stored prices have", "would cut them"]);
    place.fails(&["data", "spec", "ACME", "--volume-min", "0.015"], 4, &["volume_min is 0.015; give a multiple of 0.01"]);
    place.fails(&["data", "spec", "ACMM"], 3, &["no symbol \"ACMM\" (it has ACME)"]);
}

#[test]
fn a_symbol_is_found_in_any_case_and_like_ones_are_suggested() {
    let place = Place::with_ticks();
    assert!(place.ok(&["data", "check", "eurusd"]).contains("EURUSD: 20,000 ticks"));
    place.fails(&["data", "check", "EURUSD.m"], 3, &["did you mean EURUSD?"]);
    place.fails(&["backtest", ema_cross_text(), "--symbol", "eurusdm"], 3, &["did you mean EURUSD?"]);
}

#[test]
#[cfg(unix)]
fn a_file_whose_name_is_no_utf8_takes_an_export() {
    use std::os::unix::ffi::OsStrExt as _;
    let place = Place::with_ticks();
    let name = std::ffi::OsStr::from_bytes(b"o\xff.csv");
    for json in [false, true] {
        let mut command = place.command(&["data", "export", "EURUSD"]);
        command.arg(name);
        if json {
            command.arg("--json");
        }
        let ran = crate::program::Ran::of(&mut command);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("o\u{fffd}.csv") || ran.out.contains("\\ufffd"), "{ran:?}");
    }
    assert!(place.folder.path().join(name).exists());
}

#[test]
fn an_import_that_is_interrupted_leaves_the_store_as_it_was() {
    let place = Place::new();
    let day = |day: u32| {
        (0..60_000).map(move |row| format!("{},1.10001,1.10011\n", 1_704_758_400_000_u64 + u64::from(day) * 86_400_000 + row * 1_000))
    };
    place.file("EURUSD.csv", "time,bid,ask\n".to_owned() + &(0..20).flat_map(day).collect::<String>());
    let mut command = place.command(&["import", "EURUSD.csv"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let begun = std::time::Instant::now();
    while !place.path(".stockade/ticks/.import-0/raw-0").exists() {
        assert!(begun.elapsed().as_secs() < 120, "it never begins");
        std::thread::yield_now();
    }
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(sent.success());
    let ended = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted; nothing was stored, and the same import again does all of it"), "{said}");
    assert!(place.ok(&["data", "list"]).contains("holds no ticks"));
    assert!(!place.path(".stockade/ticks/.import-0").exists());
    assert!(place.ok(&["import", "EURUSD.csv"]).contains("1,200,000 ticks"));
}
