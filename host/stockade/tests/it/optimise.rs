//! Optimisations as their users meet them.

use crate::program::{Place, ema_cross_text};
use serde_json::Value;
use std::path::PathBuf;

const RANGES: [&str; 4] = ["--set", "fast_alpha=0.01..0.05:0.01", "--set", "slow_alpha=0.01..0.04:0.015"];

fn optimise(place: &Place, folder: &str, more: &[&str]) -> Value {
    let start = ["optimise", ema_cross_text(), "--symbol", "EURUSD", "--out", folder, "--json"];
    let told = place.ok(&[&start[..], &RANGES, more].concat());
    serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"))
}

/// The ticks of a day, and the same again on the next.
fn two_days() -> Place {
    let place = Place::with_ticks();
    let first = std::fs::read_to_string(place.path("EURUSD.csv")).expect("the first day's ticks");
    let next = place.file("EURUSD.csv", first.replace("2024-01-09", "2024-01-10"));
    place.ok(&["import", next.to_str().expect("a plain path")]);
    place
}

fn read(place: &Place, folder: &str, file: &str) -> Vec<u8> {
    let path: PathBuf = place.path(folder).join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_combination_is_run_and_what_the_strategy_refuses_is_listed() {
    let place = two_days();
    let told = optimise(&place, "one", &["--threads", "1", "--criterion", "profit-factor", "--forward", "1/2"]);
    let passes = &told["windows"][0];
    assert_eq!((told["passes"].as_u64() > Some(15), passes["passes"].as_u64()), (true, Some(15)), "{told}");
    // Where fast_alpha is not above slow_alpha: three values of slow_alpha, then two, one and one.
    assert!(told["faulted"].as_u64() == Some(7) && told["faults"][0]["fault"].to_string().contains("must be above"), "{told}");
    let best = &passes["best"][0];
    assert!(best["result"].as_f64() >= passes["best"][1]["result"].as_f64() && !best["tested"].is_null(), "{told}");
    // The same passes on more threads, and the best of them is what a backtest of its parameters finds.
    optimise(&place, "two", &["--threads", "3", "--criterion", "profit-factor", "--forward", "1/2"]);
    // Under what conditions they ran, as a single test's report says it.
    let page = String::from_utf8(read(&place, "one", "report.html")).expect("a page");
    let json = String::from_utf8(read(&place, "one", "report.json")).expect("a document");
    for name in ["Symbols", "Deposit", "Leverage", "Model", "Spread", "Delay", "Commission", "Swap"] {
        assert!(page.contains(&format!("<th scope=\"row\">{name}</th>")), "the page is silent about {name}");
        assert!(json.contains(&format!("\"{name}\"")), "the document is silent about {name}");
    }
    for file in ["passes.csv", "report.json", "report.html", "best.set"] {
        assert!(read(&place, "one", file) == read(&place, "two", file), "{file} differs");
    }
    let whole = optimise(&place, "whole", &[]);
    let best = &whole["windows"][0]["best"][0];
    let [fast, slow] = [0, 1].map(|at| best["params"][at].as_str().unwrap_or_default().to_owned());
    let params = ["--param", &format!("fast_alpha={fast}"), "--param", &format!("slow_alpha={slow}")];
    let alone = place.ok(&[&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--json"][..], &params].concat());
    let alone: Value = serde_json::from_str(&alone).expect("JSON");
    for (figure, of_pass) in [("net_profit", "profit"), ("balance", "balance"), ("trades", "trades")] {
        assert_eq!(alone[figure], best["figures"][of_pass], "{figure}");
    }
}

#[test]
fn on_every_model_the_best_pass_is_what_a_backtest_of_its_parameters_finds() {
    let place = Place::with_ticks();
    let models: [(&str, &[&str]); 5] = [
        ("every-tick", &["--model", "every-tick"]),
        ("ohlc", &["--model", "ohlc", "--delay", "100"]),
        ("open-prices", &["--model", "open-prices", "--period", "M1"]),
        ("fixed", &["--spread", "12", "--commission", "7/lot/round"]),
        ("mended", &["--crossed", "exchange", "--delay", "random", "--execution", "market"]),
    ];
    let mut found = Vec::new();
    for (folder, conditions) in models {
        let told = optimise(&place, folder, &[&["--method", "random", "--passes", "8", "--trades-min", "0"], conditions].concat());
        let best = &told["windows"][0]["best"][0];
        let [fast, slow] = [0, 1].map(|at| best["params"][at].as_str().unwrap_or_default().to_owned());
        let params = ["--param", &format!("fast_alpha={fast}"), "--param", &format!("slow_alpha={slow}")];
        let alone = place.ok(&[&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--json"][..], &params, conditions].concat());
        let alone: Value = serde_json::from_str(&alone).expect("JSON");
        for (figure, of_pass) in [("net_profit", "profit"), ("balance", "balance"), ("trades", "trades")] {
            assert_eq!(alone[figure], best["figures"][of_pass], "{figure} on {folder}");
        }
        found.push((alone["ticks"].as_u64(), alone["trades"].as_u64(), alone["net_profit"].as_f64()));
    }
    assert!(found.iter().enumerate().all(|(at, one)| !found[..at].contains(one)), "two models gave the same: {found:?}");
}

#[test]
fn what_was_interrupted_goes_on_and_ends_the_same() {
    let place = Place::with_ticks();
    optimise(&place, "run", &["--method", "genetic", "--population", "4"]);
    let whole = read(&place, "run", "passes.csv");
    let report = read(&place, "run", "report.json");
    // As a process leaves it that is killed in the middle of a line.
    std::fs::write(place.path("run").join("passes.csv"), &whole[..whole.len() / 2]).expect("it can be written");
    let told = place.ok(&["optimise", "resume", "run", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert!(told["passes_run"].as_u64() > Some(0) && told["passes_run"].as_u64() < told["passes"].as_u64(), "{told}");
    assert!(read(&place, "run", "passes.csv") == whole && read(&place, "run", "report.json") == report);
    // A folder is one optimisation's, of the same strategy on the same ticks.
    let again = [&["optimise", ema_cross_text(), "--symbol", "EURUSD", "--out", "run"][..], &RANGES].concat();
    place.fails(&again, 4, &["holds an optimisation already", "stockade optimise resume"]);
    let mut header: Value = serde_json::from_slice(&read(&place, "run", "optimisation.json")).expect("JSON");
    header["ticks"] = 7.into();
    std::fs::write(place.path("run").join("optimisation.json"), header.to_string()).expect("it can be written");
    place.fails(&["optimise", "resume", "run"], 4, &["its ticks was 7 and is 20000"]);
    place.fails(&["optimise", "resume", "nowhere"], 3, &["no optimisation in nowhere"]);
}

#[test]
fn settings_come_from_metatraders_files_and_go_back_into_them() {
    let place = Place::with_ticks();
    let first = optimise(&place, "first", &["--criterion", "sharpe", "--deposit", "5000"]);
    let best = place.path("first").join("best.set");
    let ini = place.path("first").join("tester.ini");
    let (best, ini) = (best.to_str().expect("a plain path"), ini.to_str().expect("a plain path"));
    let start = ["optimise", ema_cross_text(), "--json", "--out"];
    let second = place.ok(&[&start[..], &["second", "--ini", ini]].concat());
    let second: Value = serde_json::from_str(&second).expect("JSON");
    assert_eq!(second["windows"][0]["best"], first["windows"][0]["best"]);
    assert_eq!(second["criterion"], "sharpe");
    // Models and delays, too: the same passes, unless the command line says otherwise.
    let modelled = optimise(&place, "modelled", &["--model", "open-prices", "--period", "M5", "--delay", "200", "--trades-min", "0"]);
    let ini_of_it = place.path("modelled").join("tester.ini");
    let as_file = |folder: &str, more: &[&str]| -> Value {
        let file = ini_of_it.to_str().expect("a plain path");
        let arguments = [&start[..], &[folder, "--ini", file, "--trades-min", "0"], more].concat();
        serde_json::from_str(&place.ok(&arguments)).expect("JSON")
    };
    assert_eq!(as_file("as-file", &[])["windows"], modelled["windows"]);
    assert_ne!(as_file("as-said", &["--model", "real"])["windows"], modelled["windows"]);
    // What the command line says goes before what a file says.
    let third = place
        .ok(&[&start[..], &["third", "--ini", ini, "--set-file", best, "--set", "fast_alpha=0.05", "--criterion", "balance"]].concat());
    let third: Value = serde_json::from_str(&third).expect("JSON");
    assert_eq!((third["passes"].as_u64(), &third["criterion"]), (Some(3), &Value::from("balance")));
}

#[test]
fn what_cannot_be_optimised_is_said_in_one_line() {
    let place = Place::with_ticks();
    let fails = |more: &[&str], code: i32, says: &[&str]| {
        place.fails(&[&["optimise", ema_cross_text(), "--symbol", "EURUSD"][..], more].concat(), code, says);
    };
    fails(&[], 2, &["no parameter varies", "--set fast_alpha=FROM..TO:STEP"]);
    fails(&["--set", "speed=1..2"], 4, &["there is no parameter \"speed\"", "fast_alpha"]);
    fails(&["--set", "fast_alpha=0.5..0.1:0.1"], 4, &["0.5..0.1 is empty"]);
    fails(&["--set", "fast_alpha=0.1..0.5:0"], 4, &["a step of 0"]);
    fails(&["--set", "fast_alpha=0.1..0.5"], 4, &["no step", "fast_alpha=0.1..0.5:STEP"]);
    fails(&["--set", "fast_alpha=0.1..0.9:0.0001", "--set", "volume=1..9"], 2, &["passes, more than 100000", "--passes-max"]);
    fails(&["--set", "volume=1..9", "--from", "2030-01-01"], 3, &["no ticks"]);
    fails(&["--set", "volume=1..9:1", "--walk-forward", "rolling", "--in-days", "900", "--out-days", "1"], 2, &["leave none to test on"]);
    fails(&["--set-file", "missing.set"], 3, &["cannot read missing.set"]);
    place.file("broken.set", "volume=1||2||3\n");
    fails(&["--set-file", "broken.set"], 4, &["broken.set: line 1:", "3 parts"]);
    assert!(!place.path("ema-cross-optimisation").exists(), "what can't be done leaves nothing behind");
}
