//! Strategies on an author's machine.

use crate::program::{Place, Ran, ema_cross_text, reads_ahead_text};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn a_backtest_gives_figures_and_the_same_decisions_every_time() {
    let place = Place::with_ticks();
    let arguments = ["backtest", ema_cross_text(), "--symbol", "EURUSD", "--commission", "3", "--json"];
    let first = json(&place.ok(&arguments));
    assert_eq!(first["ticks"], 20_000);
    assert!(first["trades"].as_u64() > Some(2), "{first}");
    for figure in ["net_profit", "profit_factor", "equity_drawdown", "ticks_per_second", "balance"] {
        assert!(!first[figure].is_null(), "{figure}");
    }
    let again = json(&place.ok(&arguments));
    assert_eq!(first["decisions_digest"], again["decisions_digest"]);
    let one_by_one = json(&place.ok(&[&arguments[..], &["--tick-by-tick"]].concat()));
    assert_eq!(first["decisions_digest"], one_by_one["decisions_digest"]);
    let netting = json(&place.ok(&[&arguments[..], &["--mode", "netting", "--leverage", "30", "--deposit", "5000"]].concat()));
    assert_eq!(netting["deposit"], 5_000.0);
    let text = place.ok(&[&arguments[..6], &["--deals"]].concat());
    for word in ["net profit", "drawdown", "profit factor", "ticks/s", "sha256", "trades", "EURUSD  buy"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

#[test]
fn a_strategy_that_reads_ahead_earns_until_it_is_looked_at() {
    let place = Place::with_ticks();
    let arguments = ["backtest", reads_ahead_text(), "--symbol", "EURUSD"];
    let unseen = json(&place.ok(&[&arguments[..], &["--no-confirm", "--json"]].concat()));
    let figure = |name: &str| unseen[name].as_f64().unwrap_or_else(|| panic!("no {name} in {unseen}"));
    assert!(figure("net_profit") > 0.0 && figure("trades") > 20.0 && figure("profit_trades") == figure("trades"), "{unseen}");
    assert_eq!(unseen["confirmed"], "no");
    assert!(place.ok(&[&arguments[..], &["--no-confirm"]].concat()).contains("not confirmed"));
    place.fails(&arguments, 4, &["reads-ahead is refused", "reads ahead", "At 2024-01-09T", "market 0.1 lots"]);
    place.fails(&[&arguments[..], &["--verify"]].concat(), 4, &["reads-ahead is refused", "\"nothing more\""]);
    let page = place.path("page.html");
    let html = ["--html", page.to_str().expect("a plain path")];
    place.fails(&[&arguments[..], &html].concat(), 4, &["reads-ahead is refused"]);
    assert!(!page.exists(), "no figure of it is shown");

    let folder = place.path("found");
    let arguments = ["optimise", reads_ahead_text(), "--symbol", "EURUSD", "--set", "volume=0.1..0.3:0.1", "--out"];
    let arguments = [&arguments[..], &[folder.to_str().expect("a plain path")]].concat();
    place.fails(&arguments, 4, &["reads-ahead is refused"]);
    assert!(!folder.join("report.html").exists());
    let honest = ["backtest", ema_cross_text(), "--symbol", "EURUSD", "--json"];
    assert_eq!(json(&place.ok(&honest))["confirmed"], "cut-elsewhere");
    assert_eq!(json(&place.ok(&[&honest[..], &["--verify"]].concat()))["confirmed"], "tick-by-tick");
}

#[test]
fn what_a_strategy_asked_for_and_did_not_get_is_said_with_its_reason() {
    let place = Place::with_ticks();
    let arguments = ["backtest", ema_cross_text(), "--symbol", "EURUSD", "--no-confirm"];
    let off_step = [&arguments[..], &["--param", "volume=0.015"]].concat();
    let text = place.ok(&off_step);
    assert!(
        text.contains("denied ")
            && text.contains("VOLUME_OFF_STEP")
            && text.contains("The first, at 20")
            && text.contains("steps are 0.01"),
        "{text}"
    );
    let told = json(&place.ok(&[&off_step[..], &["--json"]].concat()));
    assert!(told["denied"].as_u64() > Some(0) && told["denied_by_code"]["VOLUME_OFF_STEP"] == told["denied"], "{told}");
    let too_poor = [&arguments[..], &["--param", "volume=1", "--deposit", "500"]].concat();
    let text = place.ok(&too_poor);
    assert!(text.contains("rejected ") && text.contains("10019, not enough money for the margin"), "{text}");
    let told = json(&place.ok(&[&too_poor[..], &["--json"]].concat()));
    assert!(told["trades"] == 0 && told["rejected_by_retcode"]["10019"] == told["decisions"], "{told}");
}

#[test]
fn words_that_would_change_nothing_are_refused() {
    let place = Place::with_ticks();
    let start = ["backtest", ema_cross_text(), "--symbol", "EURUSD"];
    let refused = |more: &[&str], exit: i32, says: &[&str]| place.fails(&[&start[..], more].concat(), exit, says);
    refused(&["--period", "H1"], 2, &["--period", "--model open-prices", "--model is real"]);
    refused(&["--stop-out", "80%"], 2, &["--margin-call 50% lies below --stop-out 80%"]);
    refused(&["--param", "volume=1", "--param", "volume=2"], 4, &["parameter volume is given twice"]);
    place.file("specs.json", r#"{"EURUSX": {"stops_level": 10}}"#);
    refused(&["--specs", "specs.json"], 4, &["specs.json says nothing of EURUSD", "stockade data list"]);
    place.file("taken", "");
    refused(&["--out", "taken"], 4, &["--out names taken, which is a file"]);
}

#[test]
fn the_conditions_of_a_run_are_all_said() {
    let place = Place::with_ticks();
    let start = ["backtest", ema_cross_text(), "--symbol", "EURUSD", "--no-confirm"];
    let conditions = ["--commission", "3.5/lot/in,min=1,max=20", "--swap", "points:-7.85:3.8:fri", "--server-time", "new-york-close"];
    let broker = ["--stop-out", "500", "--margin-call", "700", "--execution", "market", "--delay", "50-300"];
    let text = place.ok(&[&start[..], &conditions, &broker].concat());
    for words in [
        "model real, spread of the data",
        "delay 50 to 300 ms, execution market",
        "3.50 a lot at entries, at least 1.00, at most 20.00",
        "swap points -7.85 long 3.8 short (nights: sun 0 mon 1 tue 1 wed 1 thu 1 fri 3 sat 0)",
        "margin call 700.00, stop-out 500.00, server time +2, one more in New York's summer",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}

#[test]
fn a_check_tells_what_a_component_is_and_costs() {
    let place = Place::new();
    let report = json(&place.ok(&["strategy", "check", ema_cross_text(), "--json"]));
    assert_eq!(report["name"], "ema-cross");
    assert!(
        report["imports"]
            .as_array()
            .is_some_and(|imports| imports.iter().all(|name| name.as_str().is_some_and(|name| name.starts_with("stockade:strategy/"))))
    );
    assert!(report["probe"]["fuel_p50"].as_u64() > Some(10) && report["probe"]["ticks"] == 1_000, "{report}");
    assert!(place.ok(&["strategy", "check", ema_cross_text()]).contains("compiled"));
    let description = json(&place.ok(&["strategy", "describe", ema_cross_text(), "--json"]));
    assert_eq!(description["params"][0]["name"], "fast_alpha");
}

/// The strategy of a new project is that of the README, and these are the README's commands.
#[test]
fn a_new_project_builds_and_backtests_at_once() {
    let place = Place::with_ticks();
    let made = place.ok(&["strategy", "new", "breakout"]);
    assert!(made.contains("stockade strategy build") && made.contains("stockade backtest breakout"), "{made}");
    place.fails(&["strategy", "new", "breakout"], 4, &["exists already"]);
    place.fails(&["strategy", "new", "My Trend"], 4, &["cannot be a strategy's name"]);
    place.fails(&["strategy", "new", "mine", "--sdk", "nowhere"], 4, &["there is no SDK at nowhere", "STOCKADE_SDK"]);
    // In the project, as its author would: ticks lie in the folder above, and cargo builds wherever its settings say. What the
    // workspace needs to build is all that a new project needs: no network.
    let run = |folder: &str, arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.current_dir(place.path(folder)).env("CARGO_TARGET_DIR", place.path("elsewhere")).env("CARGO_NET_OFFLINE", "true");
        Ran::of(&mut command)
    };
    let backtest = ["backtest", "breakout", "--symbol", "EURUSD"];
    run("breakout", &backtest).failed(3, &["breakout has not been built", "elsewhere/strategies/breakout.wasm", "stockade strategy build"]);
    let built = run("breakout", &["strategy", "build", "--json"]);
    assert_eq!(built.code, 0, "{}", built.err);
    assert!(json(&built.out)["path"].as_str().is_some_and(|path| path.ends_with("elsewhere/strategies/breakout.wasm")), "{}", built.out);
    let ran = run("breakout", &[&backtest[..], &["--json", "--param", "volume=0.2"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = json(&ran.out);
    assert!(report["strategy"] == "breakout" && report["trades"].as_u64() > Some(0), "{report}");
    run("breakout", &["backtest", "target/strategies/breakout.wasm"]).failed(3, &["there is no file", "elsewhere", "or breakout"]);
    // From the folder above, by the project's folder. Ticks begin at midnight, and the 20th bar of five minutes closes at 01:40.
    let ran = run(".", &[&backtest[..], &["--deals"]].concat());
    let deals = &ran.out;
    assert!(deals.contains("confirmed      it is handed no ticks, so there are no batches to vary"), "{ran:?}");
    assert!(deals.contains("missing history of EURUSD: 0 of ") && deals.contains(" M5 bars were there before the start"), "{ran:?}");
    let first = deals.lines().find(|line| line.contains("EURUSD  buy")).unwrap_or_else(|| panic!("no buy in {ran:?}"));
    let minute = first.split(['T', ' ']).find(|word| word.len() >= 8 && word.as_bytes()[2] == b':').expect("a time of day");
    assert!(minute >= "01:40", "{first}");
    assert_eq!(std::fs::read_to_string(place.path(".stockade/.gitignore")).expect("import made it"), "*\n");
    place.ok(&["strategy", "sdk", "breakout"]);
    place.fails(&["strategy", "sdk", "."], 3, &["there is no Cargo.toml", "stockade strategy new"]);
    place.fails(&["strategy", "build", "."], 4, &["there is no Cargo.toml", "stockade strategy new"]);
}
