//! What a trader asks first: what do I hold, what was refused, who did what.

use crate::host::Host;
use crate::program::{Guarded, Place, Ran, ema_cross_text, misbehaving_text};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

fn engine(host: &Host, place: &Place, name: &str) -> Value {
    serde_json::from_str(&host.ask(place, &["engine", "show", name, "--json"])).expect("JSON")
}

#[test]
fn a_trader_sees_what_an_engine_holds_and_what_was_refused() {
    let place = Place::new();
    let host = Host::start(&place);
    host.ask(&place, &["user", "add", "anna"]);
    let uploaded = host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "1", "--name", "cross"]);
    assert!(uploaded.starts_with("cross of anna: version 1 (") && uploaded.ends_with("); it is the latest now\n"), "{uploaded}");
    assert_eq!(host.ask(&place, &["account", "list"]), "there are no accounts; `stockade account add` opens one\n");
    let added = ["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD", "--start"];
    host.ask(&place, &[&added[..], &["--param", "fast_alpha=0.3", "--param", "slow_alpha=0.1"]].concat());
    let traded = (0..10_000).any(|_| engine(&host, &place, "one")["deals"].as_u64() >= Some(4));
    assert!(traded, "{}", engine(&host, &place, "one"));
    // Refused from here on, whatever it asks for that opens.
    host.ask(&place, &["halt", "--engine", "one", "--reason", "news"]);
    let denied = (0..10_000).any(|_| engine(&host, &place, "one")["denied"].as_u64() > Some(0));
    assert!(denied, "{}", engine(&host, &place, "one"));
    let list = Ran::of(place.command(&["engine", "list", "--url", &host.url]).env("COLUMNS", "80")).out;
    assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    assert!(list.contains("anna/one") && list.contains("halted") && list.contains("engine 1 (anna/one): engine 1 is halted by"), "{list}");
    let shown = host.ask(&place, &["engine", "show", "anna/one"]);
    assert!(shown.contains("engine 1 is halted by the operator since") && shown.contains(" denied since its guest was started"), "{shown}");
    let logged = (0..1_000).any(|_| host.ask(&place, &["engine", "logs", "one"]).contains(" market  warn   denied TRADING_HALTED: "));
    assert!(logged, "{}", host.ask(&place, &["engine", "logs", "one"]));
    host.ask(&place, &["engine", "stop", "one", "--reason", "enough"]);

    let before = engine(&host, &place, "one");
    for below in ["engine", "account"] {
        let name = if below == "engine" { "one" } else { "paper" };
        let orders = host.ask(&place, &[below, "orders", name, "--limit", "1000"]);
        assert!(orders.starts_with("order") && orders.contains("1-1") && orders.contains("filled"), "{orders}");
        let deals = host.ask(&place, &[below, "deals", name]);
        assert!(deals.starts_with("deal") && deals.contains("EURUSD"), "{deals}");
        let positions = host.ask(&place, &[below, "positions", name, "--closed"]);
        assert!(positions.starts_with("position") && positions.contains("realised"), "{positions}");
        let open: Value = serde_json::from_str(&host.ask(&place, &[below, "positions", name, "--json"])).expect("JSON");
        assert_eq!(open["items"].as_array().map(Vec::len), before["positions"].as_u64().map(|many| many as usize), "{open}");
    }
    let audit = host.ask(&place, &["audit", "--engine", "one"]);
    assert!(
        audit.contains("engine.stop") && audit.contains("enough") && audit.contains("engine.trading") && audit.contains("news"),
        "{audit}"
    );
    host.stop();

    let host = Host::start(&place);
    let after = engine(&host, &place, "one");
    for what in ["orders", "deals", "realised"] {
        assert_eq!(after[what], before[what], "what it has traded outlasts a restart: {what}");
    }
    assert_eq!(after["restrictions"][0]["reason"], "news");
    host.stop();
}

#[test]
fn a_component_uploaded_again_is_the_latest_and_anothers_is_refused() {
    let place = Place::new();
    let host = Host::start(&place);
    host.ask(&place, &["user", "add", "anna"]);
    let upload = |file: &str, more: &[&str]| {
        place.run(&[&["strategy", "upload", file, "--user", "anna", "--name", "cross", "--url", &host.url][..], more].concat())
    };
    assert_eq!(upload(ema_cross_text(), &[]).code, 0);
    let another = upload(misbehaving_text(), &[]);
    another.failed(4, &["calls itself \"misbehaving\"", "latest version of cross calls itself \"ema-cross\"", "--force"]);
    let forced = upload(misbehaving_text(), &["--force"]);
    assert!(forced.out.starts_with("cross of anna: version 2 ("), "{forced:?}");
    let again = upload(ema_cross_text(), &["--force"]);
    assert!(again.out.starts_with("that is version 1 of cross (") && again.out.ends_with("; it is the latest now\n"), "{again:?}");
    assert!(upload(ema_cross_text(), &[]).out.ends_with("; it was the latest and stays so\n"));
    let list = host.ask(&place, &["strategy", "list"]);
    assert!(list.contains("anna/cross") && list.contains("ema-cross"), "{list}");
    let versions = host.ask(&place, &["strategy", "versions", "cross"]);
    let latest = versions.lines().find(|line| line.ends_with("the latest")).unwrap_or_else(|| panic!("{versions}"));
    assert!(latest.trim_start().starts_with("1 ") && latest.contains("ema-cross"), "{versions}");
    place.fails(&["strategy", "versions", "none", "--url", &host.url], 3, &["there is no strategy \"none\""]);
    host.stop();
}

#[test]
fn an_engine_that_can_not_start_says_why_and_fails() {
    let place = Place::new();
    let host = Host::start(&place);
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    let added = ["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD", "--start"];
    let params = ["--param", "fast_alpha=0.1", "--param", "slow_alpha=0.3", "--url", &host.url];
    let ran = place.run(&[&added[..], &params].concat());
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.out.contains("engine one has id 1, ") && ran.err.contains("fast_alpha must be above slow_alpha"), "{ran:?}");
    assert_eq!(host.ask(&place, &["engine", "orders", "one"]), "no orders\n");
    assert_eq!(host.ask(&place, &["engine", "signals", "one"]), "the strategy has given no signal yet\n");
    host.stop();
}

#[test]
fn a_log_is_followed_over_the_stream_until_the_host_ends() {
    let place = Place::new();
    let host = Host::start(&place);
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    let added = ["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD"];
    host.ask(&place, &[&added[..], &["--param", "fast_alpha=0.3", "--param", "slow_alpha=0.1"]].concat());
    assert_eq!(host.ask(&place, &["engine", "logs", "one"]), "nothing is logged yet\n");
    let mut following = place.command(&["engine", "logs", "one", "--follow", "--json", "--url", &host.url]);
    let mut following = Guarded(following.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"));
    host.ask(&place, &["halt", "--engine", "one"]);
    host.ask(&place, &["engine", "start", "one"]);
    let mut lines = BufReader::new(following.0.stdout.take().expect("asked for")).lines();
    let line = lines.next().expect("a line").expect("text");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert!(line["clock"] == "market" && line["text"].is_string(), "{line}");
    host.stop();
    assert_eq!(following.0.wait().expect("it ends").code(), Some(6), "the host has ended the stream");
}

#[test]
fn shells_and_man_know_every_command() {
    let place = Place::new();
    for (shell, word) in [("bash", "_stockade"), ("zsh", "#compdef stockade"), ("fish", "complete -c stockade")] {
        let script = place.ok(&["completions", shell]);
        assert!(script.contains(word) && script.contains("positions"), "{shell}");
    }
    assert_eq!(place.run(&["completions", "powder"]).code, 2);
    let said = place.ok(&["man", "pages"]);
    assert!(said.contains(" pages in pages"), "{said}");
    let page = std::fs::read_to_string(place.path("pages/stockade-engine-logs.1")).expect("a page");
    assert!(page.starts_with(".ie") || page.contains(".TH"), "{page}");
    assert!(page.contains("follow"), "{page}");
}
