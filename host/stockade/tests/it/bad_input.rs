//! Bad input: one line that names the thing and the way out, an exit code that says what kind it was, nothing half done.

use crate::program::{Place, Ran, ema_cross_text};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt as _;

#[test]
fn a_file_that_is_no_component_is_refused() {
    let place = Place::with_ticks();
    let refused = |name: &str, bytes: &[u8], says: &[&str]| {
        let path = place.file(name, bytes);
        for command in ["backtest", "strategy check", "strategy describe"] {
            let arguments: Vec<&str> = command.split(' ').chain([path.to_str().expect("a plain path")]).collect();
            place.fails(&arguments, 4, &[&[name], says].concat());
        }
    };
    refused("empty.wasm", b"", &["the file is empty", "stockade strategy build"]);
    refused("text.wasm", b"print('hello')", &["this is text", "stockade strategy build"]);
    refused("elf.wasm", b"\x7fELF\x02\x01\x01\0\0\0\0\0", &["native program"]);
    refused("module.wasm", b"\0asm\x01\0\0\0", &["core module", "stockade strategy build"]);
    refused("broken.wasm", b"\0asm\x0d\0\x01\0\xff\xff\xff", &[]);
    refused("other-world.wasm", b"\0asm\x0d\0\x01\0", &["export"]);
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    let place = Place::new();
    File::create(place.path("huge.wasm")).and_then(|file| file.set_len(100 << 20)).expect("a sparse file");
    place.fails(&["backtest", "huge.wasm"], 4, &["huge.wasm has 100.0 MiB", "at most 24.0 MiB", "strip debug information"]);
}

#[test]
fn what_is_not_there_is_named() {
    let place = Place::new();
    place.fails(&["backtest", "none.wasm"], 3, &["there is no file none.wasm"]);
    place.fails(&["backtest", "none"], 3, &["neither a file none nor a project here"]);
    place.fails(&["backtest", "."], 4, &["is a folder without a Cargo.toml"]);
    place.fails(&["import", "none"], 3, &["there is no none"]);
    place.fails(&["--config", "none.toml", "data", "list"], 3, &["none.toml"]);
    place.fails(
        &["backtest", ema_cross_text(), "--symbol", "EURUSD"],
        3,
        &["there are no ticks in /", ".stockade/ticks", "--data-dir or STOCKADE_DATA_DIR"],
    );
}

#[test]
fn variables_of_others_may_have_any_encoding_and_a_wrong_one_of_ours_is_named() {
    let latin_1 = |text: &[u8]| OsString::from_vec(text.to_vec());
    let place = Place::new();
    let run = |name: &str, arguments: &[&str]| Ran::of(place.command(arguments).env(name, latin_1(b"caf\xe9")));
    assert_eq!(run("FOO", &["config", "show"]).code, 0);
    let mut command = place.command(&["config", "show"]);
    assert_eq!(Ran::of(command.env(latin_1(b"caf\xe9"), "x")).code, 0, "a name may as well");
    for name in ["STOCKADE_LOG", "STOCKADE_DATA_DIR", "DATABASE_URL"] {
        run(name, &["config", "show"]).failed(2, &[name, "is not UTF-8 text"]);
    }
    for name in ["STOCKADE_URL", "STOCKADE_TOKEN"] {
        run(name, &["user", "list"]).failed(2, &[name, "is not UTF-8 text"]);
    }
    // A folder's name is its own affair.
    let mut command = place.command(&["config", "show"]);
    let shown = Ran::of(command.arg("--data-dir").arg(latin_1(b"caf\xe9")));
    assert!(shown.code == 0 && shown.out.contains("data_dir = \"caf\u{fffd}\""), "{shown:?}");
    let mut command = place.command(&["config", "show", "--json"]);
    assert_eq!(Ran::of(command.arg("--data-dir").arg(latin_1(b"caf\xe9"))).code, 0);
}

#[test]
fn a_failure_is_a_document_where_scripts_read() {
    let place = Place::new();
    let failed = |arguments: &[&str], code: i64, kind: &str, says: &str| {
        let ran = place.run(arguments);
        assert_eq!((i64::from(ran.code), ran.out.as_str()), (code, ""), "{ran:?}");
        let document: serde_json::Value = serde_json::from_str(&ran.err).expect("JSON");
        assert_eq!((&document["error"]["exit"], &document["error"]["kind"]), (&code.into(), &kind.into()), "{document}");
        assert!(document["error"]["message"].as_str().is_some_and(|message| message.contains(says)), "{document}");
    };
    failed(&["backtest", "none.wasm", "--json"], 3, "not-found", "there is no file none.wasm");
    failed(&["user", "list", "--json", "--url", "http://127.0.0.1:1"], 6, "unreachable", "stockade serve");
    failed(&["engine", "list", "--json", "--colour"], 2, "usage", "unexpected argument '--colour'");
}

#[test]
fn parameters_are_checked_before_anything_runs() {
    let place = Place::with_ticks();
    let backtest = |parameter: &str, says: &[&str]| {
        place.fails(&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--param", parameter], 4, says);
    };
    backtest("volume=0", &["parameter volume: 0 is out of range", "0.01 to 100"]);
    backtest("volume=much", &["parameter volume: \"much\" is not a number"]);
    backtest("speed=1", &["there is no parameter \"speed\"", "fast_alpha"]);
    place.fails(&["backtest", ema_cross_text(), "--symbol", "GBPUSD"], 3, &["no symbol \"GBPUSD\"", "EURUSD"]);
    place.fails(&["backtest", ema_cross_text()], 2, &["needs 1 symbol (one of your choice) and 0 are given", "--symbol"]);
    place.fails(&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--from", "2030-01-01"], 3, &["no ticks of EURUSD", "data list"]);
    place.fails(
        &["backtest", ema_cross_text(), "--symbol", "EURUSD", "--from", "2024-02-01", "--to", "2024-01-01"],
        2,
        &["--from lies after --to"],
    );
    place.fails(&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--deposit", "0"], 2, &["--deposit is 0"]);
    place.fails(&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--currency", "CHF"], 3, &["USD", "CHF", "import"]);
    // In whichever letters; only a currency is one.
    place.fails(&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--currency", "chf"], 3, &["USD", "CHF", "import"]);
    let dollar = place.run(&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--currency", "dollar"]);
    assert!(dollar.code == 2 && dollar.err.contains("three letters of a currency"), "{dollar:?}");
    place.file("taken", "a file");
    let optimise = ["optimise", ema_cross_text(), "--symbol", "EURUSD", "--set", "volume=0.1,0.2", "--out", "taken"];
    place.fails(&optimise, 4, &["taken can't be the optimisation's folder: a file is in its way", "--out"]);
}

#[test]
fn a_broken_row_is_named_by_its_line_and_strict_imports_nothing() {
    let place = Place::new();
    let rows = "time,bid,ask\n2024-01-09 00:00:00,1.10000,1.10010\n2024-01-09 00:00:01,oops,1.10010\n2024-01-09 00:00:02,1.10000,1.10010\n";
    place.file("EURUSD.csv", rows);
    place.fails(&["import", "EURUSD.csv", "--strict"], 4, &["EURUSD.csv, line 3", "nothing was imported"]);
    assert!(place.ok(&["data", "list"]).contains("holds no ticks"));
    let report = place.ok(&["import", "EURUSD.csv"]);
    assert!(report.contains("2 ticks") && report.contains("EURUSD.csv, line 3"), "{report}");
    place.file("notes.csv", "a,b\n1,2\n");
    place.fails(&["import", "notes.csv"], 4, &["notes.csv"]);
}

#[test]
fn a_setting_that_does_not_exist_is_named_with_its_line() {
    let place = Place::new();
    place.file("stockade.toml", "data_dir = \"d\"\n[feed]\nspead = 2\n");
    place.fails(&["config", "show"], 2, &["stockade.toml, line 3", "unknown key `spead`; did you mean `speed` in [feed]?"]);
    let ran = Ran::of(Place::new().command(&["config", "show"]).env("STOCKADE_SPEED", "2"));
    ran.failed(2, &["STOCKADE_SPEED is no setting", "STOCKADE_FEED_SPEED"]);
}

#[test]
fn a_disk_that_takes_no_more_leaves_nothing_behind() {
    let place = Place::new();
    let rows: String =
        (0..60_000).map(|row| format!("2024-01-09 {:02}:{:02}:{:02},1.10000,1.10010\n", row / 3600, row / 60 % 60, row % 60)).collect();
    place.file("EURUSD.csv", "time,bid,ask\n".to_owned() + &rows);
    // A limit on the size of files stands in for a full disk: writing fails in the same place.
    let line = format!("trap '' XFSZ; ulimit -f 200; exec {} import EURUSD.csv", env!("CARGO_BIN_EXE_stockade"));
    let mut shell = std::process::Command::new("sh");
    let ran = Ran::of(shell.args(["-c", &line]).current_dir(place.folder.path()));
    ran.failed(7, &[]);
    assert!(place.ok(&["data", "list"]).contains("holds no ticks"), "a part of the import is there");
    let report = place.ok(&["import", "EURUSD.csv"]);
    assert!(report.contains("60,000 ticks"), "{report}");
}

#[test]
fn nobody_at_the_address_ends_with_6() {
    let place = Place::new();
    place.fails(&["health", "--url", "http://127.0.0.1:1"], 6, &["no host answers at http://127.0.0.1:1", "stockade serve"]);
    place.fails(&["health", "--url", "https://example.org"], 2, &["http://"]);
}
