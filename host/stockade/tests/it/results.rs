//! What is said of a result beside its figures: faults, what flatters it, what was missing.

use crate::program::{Place, ema_cross_text, misbehaving_text, two_markets_text};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// An hour of M1 bars of EURUSD as MetaTrader 5 exports them.
fn with_bars() -> Place {
    let place = Place::new();
    let bar = |minute: usize| {
        let open = 108_500 + minute * 37 % 50;
        let (high, low, close) = (open + 9, open - 8, open + 3);
        format!(
            "2024.03.05\t09:{minute:02}:00\t1.{:05}\t1.{:05}\t1.{:05}\t1.{:05}\t30\t0\t12\n",
            open - 100_000,
            high - 100_000,
            low - 100_000,
            close - 100_000
        )
    };
    let head = "<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n".to_owned();
    let file = place.file("EURUSD_M1_202403050900_202403050959.csv", head + &(0..60).map(bar).collect::<String>());
    place.ok(&["import", file.to_str().expect("a plain path"), "--utc-offset", "0"]);
    place
}

#[test]
fn a_fault_is_named_at_its_own_tick_and_the_report_up_to_it_is_written() {
    let place = Place::with_ticks();
    let start = ["backtest", misbehaving_text(), "--symbol", "EURUSD", "--param", "mode=trap", "--param", "calm_ticks=5000"];
    // The 5,001st tick: they come once a second.
    let says = ["at 2024-01-09T01:23:20", "misbehaving at tick 5001"];
    place.fails(&[&start[..], &["--out", "found"]].concat(), 4, &says);
    place.fails(&[&start[..], &["--tick-by-tick"]].concat(), 4, &says);
    let report = json(&std::fs::read_to_string(place.path("found/report.json")).expect("it is written"));
    assert!(report["figures"]["stopped_by_fault"].as_str().is_some_and(|why| why.contains("01:23:20")), "{}", report["figures"]);
    assert_eq!(report["figures"]["to"], "2024-01-09T01:23:20.000000Z");
    let page = std::fs::read_to_string(place.path("found/report.html")).expect("it is written");
    assert!(page.contains("class=\"beware\"") && page.contains("stopped by a fault at 2024-01-09T01:23:20"), "the page is silent");
    let ran = place.run(&[&start[..], &["--json"]].concat());
    assert!(json(&ran.out)["beware"][0].as_str().is_some_and(|line| line.starts_with("stopped by a fault")), "{}", ran.out);
}

#[test]
fn what_flatters_a_result_stands_in_the_report_and_in_the_optimisation() {
    let place = Place::with_ticks();
    let swap = "EURUSD's spec has none (--swap)";
    let start = ["--symbol", "EURUSD", "--out"];
    let told = place.ok(&[&["backtest", ema_cross_text()], &start[..], &["tested"]].concat());
    assert!(told.contains(&format!("swap none: {swap}")), "{told}");
    let ranges = ["--set", "fast_alpha=0.01..0.02:0.01", "--set", "slow_alpha=0.001"];
    let told = place.ok(&[&["optimise", ema_cross_text()], &start[..], &["optimised"], &ranges].concat());
    assert!(told.contains(&format!("beware         swap none: {swap}")), "{told}");
    for folder in ["tested", "optimised"] {
        for file in ["report.html", "report.json"] {
            let text = std::fs::read_to_string(place.path(folder).join(file)).expect("it is written").replace("&#39;", "'");
            assert!(text.contains(swap), "{folder}/{file} is silent");
        }
    }
    let with_swap = place.ok(&[&["backtest", ema_cross_text()], &start[..2], &["--swap", "points:-7:3"]].concat());
    assert!(!with_swap.contains("swap none"), "{with_swap}");
}

#[test]
fn symbols_of_unequal_span_and_logged_errors_stand_beside_the_result() {
    let place = Place::with_ticks();
    let days = [9, 10, 11, 12].map(|day| format!("2024-01-{day:02} 01:00:00,2030.1,2030.3\n")).concat();
    let gold = place.file("XAUUSD.csv", "time,bid,ask\n".to_owned() + &days);
    place.ok(&["import", gold.to_str().expect("a plain path")]);
    let spans = "unequal spans: there are ticks of EURUSD from 2024-01-09T00:00:00.000000Z to 2024-01-09T05:33:19.000000Z, XAUUSD from \
                 2024-01-09T01:00:00.000000Z to 2024-01-12T01:00:00.000000Z";
    let start = [two_markets_text(), "--symbol", "EURUSD,XAUUSD", "--out"];
    let told = place.ok(&[&["backtest"], &start[..], &["tested"]].concat());
    assert!(told.contains(spans), "{told}");
    let ranges = ["--set", "volume=0.1..0.2:0.1", "--trades-min", "0"];
    let told = place.ok(&[&["optimise"], &start[..], &["optimised"], &ranges].concat());
    assert!(told.contains(spans), "{told}");
    for folder in ["tested", "optimised"] {
        for file in ["report.html", "report.json"] {
            let text = std::fs::read_to_string(place.path(folder).join(file)).expect("it is written");
            assert!(text.contains(spans), "{folder}/{file} is silent");
        }
    }
    // Of the time that they share, nothing is said.
    let shared = place.ok(&[&["backtest"], &start[..3], &["--to", "2024-01-09"]].concat());
    assert!(!shared.contains("unequal spans") && !shared.contains("logged"), "{shared}");
    // What it logs as an error is said as well.
    let told = place.ok(&[&["backtest"], &start[..3], &["--param", "errors=3"]].concat());
    let errors = "the strategy logged 3 errors, the first at 2024-01-09T00:00:00.000000Z: no quote of the second symbol at tick 1";
    assert!(told.contains(errors), "{told}");
}

#[test]
fn a_store_with_bars_only_is_tested_on_by_a_model() {
    let place = with_bars();
    let start = ["backtest", ema_cross_text(), "--symbol", "EURUSD"];
    place.fails(&start, 3, &["no ticks of EURUSD", "60 M1 bars", "--model every-tick, ohlc or open-prices"]);
    place.ok(&[&start[..], &["--model", "ohlc"]].concat());
    let ranges = ["--set", "fast_alpha=0.01..0.02:0.01", "--set", "slow_alpha=0.001", "--trades-min", "0"];
    let start = ["optimise", ema_cross_text(), "--symbol", "EURUSD"];
    place.fails(&[&start[..], &ranges].concat(), 3, &["60 M1 bars"]);
    place.ok(&[&start[..], &ranges, &["--model", "ohlc"]].concat());
}

#[test]
fn an_optimisation_that_finds_nothing_fails_and_says_why() {
    let place = Place::with_ticks();
    let start = ["optimise", ema_cross_text(), "--symbol", "EURUSD", "--set", "fast_alpha=0.01..0.02:0.01", "--set", "slow_alpha=0.001"];
    let says = ["no pass of 2 is worth anything", "2 passes made fewer than 5000 trades", "--trades-min"];
    place.fails(&[&start[..], &["--out", "few", "--trades-min", "5000"]].concat(), 1, &says);
    assert!(place.path("few/report.html").exists());
}

#[test]
fn a_tester_ini_names_its_set_file_and_is_told_what_has_no_effect() {
    let place = Place::with_ticks();
    place.file("mine.set", "fast_alpha=0.01\nfast_alpha,F=1\nfast_alpha,1=0.01\nfast_alpha,2=0.01\nfast_alpha,3=0.03\nslow_alpha=0.001\n");
    place.file("tester.ini", "[Tester]\nExpertParameters=Profiles\\Mine.set\nSymbol=EURUSD\nModel=4\nProfitInPips=1\n");
    let start = ["optimise", ema_cross_text(), "--ini", "tester.ini", "--json"];
    let ran = place.run(&start);
    assert_eq!((ran.code, json(&ran.out)["passes"].as_u64()), (0, Some(3)), "{ran:?}");
    assert!(ran.err.contains("tester.ini: without effect here: ProfitInPips"), "{}", ran.err);
    place.file("tester.ini", "[Tester]\nExpertParameters=other.set\nSymbol=EURUSD\n");
    place.fails(&[&start[..], &["--out", "again"]].concat(), 3, &["ExpertParameters=other.set", "not beside it", "--set-file"]);
}
