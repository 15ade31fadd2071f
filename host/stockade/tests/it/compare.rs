//! Two runs side by side, as their users meet them.

use crate::program::{Place, ema_cross_text};
use serde_json::Value;

fn backtest(place: &Place, folder: &str, more: &[&str]) {
    place.ok(&[&["backtest", ema_cross_text(), "--symbol", "EURUSD", "--out", folder][..], more].concat());
}

#[test]
fn the_same_run_twice_is_the_same_and_another_differs_from_where_it_first_decides_otherwise() {
    let place = Place::with_ticks();
    backtest(&place, "one", &[]);
    backtest(&place, "two", &["--tick-by-tick"]);
    backtest(&place, "other", &["--param", "fast_alpha=0.03", "--deposit", "5000"]);
    let same = place.ok(&["backtest", "compare", "one", "two"]);
    assert!(same.contains("all the same") && !same.contains("differently"), "{same}");

    let differs = place.run(&["backtest", "compare", "one", "other"]);
    differs.failed(8, &["the runs differ: they first decide otherwise at 2024-01-09T"]);
    for word in ["set differently", "fast_alpha", "found differently", "net_profit", "B - A", "decisions:", "  A line ", "  B line "] {
        assert!(differs.out.contains(word), "{word} is not in\n{}", differs.out);
    }
    let json = place.run(&["backtest", "compare", "one", "other", "--json"]);
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(json["same"], false);
    assert!(json["decisions"]["counts"][0].as_u64() > Some(2) && json["decisions"]["first"]["lines"][0].as_u64() >= Some(1), "{json}");
    // Reports alone, and decisions alone, are compared as far as they go.
    let reports = place.run(&["backtest", "compare", "one/report.json", "other/report.json"]);
    reports.failed(8, &["differ in"]);
    place.ok(&["backtest", "compare", "one/decisions.jsonl", "two/decisions.jsonl"]);
}

#[test]
fn a_record_whose_order_numbers_begin_later_decides_the_same() {
    let place = Place::with_ticks();
    backtest(&place, "run", &[]);
    let decisions = std::fs::read_to_string(place.path("run/decisions.jsonl")).expect("decisions");
    // As an engine writes them that had 1,000 orders before.
    let later = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("JSON");
        let asked = line["asked"].as_object_mut().expect("an object").values_mut().next().expect("one kind");
        for place in ["/id", "/answer/Ok"] {
            if let Some(id) = asked.pointer_mut(place) {
                *id = (id.as_u64().expect("a number") + 1_000).into();
            }
        }
        line.to_string() + "\n"
    };
    let signal = "{\"at\":1,\"asked\":{\"ClearTimer\":3}}\n";
    place.file("live.jsonl", signal.to_owned() + &decisions.lines().map(later).collect::<String>());
    let same = place.ok(&["backtest", "compare", "run/decisions.jsonl", "live.jsonl"]);
    assert!(same.contains("all the same"), "{same}");
    // One decision less at the end.
    let cut = decisions.trim_end().rfind('\n').expect("many lines") + 1;
    place.file("cut.jsonl", &decisions[..cut]);
    let differs = place.run(&["backtest", "compare", "run/decisions.jsonl", "cut.jsonl"]);
    differs.failed(8, &["first decide otherwise"]);
    assert!(differs.out.contains("B nothing more"), "{}", differs.out);
}

#[test]
fn what_cannot_be_compared_is_said_in_one_line() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).expect("a folder");
    let report = place.file("report.json", "{\"net_profit\":1}");
    let broken = place.file("broken.jsonl", "{\"at\":1,\"asked\":{\"Cancel\":{\"id\":1,\"answer\":{\"Ok\":null}}}}\n{\"at\":2}\n");
    let text = place.file("report.html", "<p>");
    let [report, broken, text] = [&report, &broken, &text].map(|path| path.to_str().expect("a plain path"));
    place.fails(&["backtest", "compare", "empty", report], 3, &["neither report.json nor decisions.jsonl"]);
    place.fails(&["backtest", "compare", "missing", report], 3, &["cannot read missing"]);
    place.fails(&["backtest", "compare", report, broken], 2, &["one has a report and the other decisions only"]);
    place.fails(&["backtest", "compare", broken, broken], 4, &["broken.jsonl: line 2: it is no decision"]);
    place.fails(&["backtest", "compare", report, text], 4, &["report.html is no JSON document"]);
}
