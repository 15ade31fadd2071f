//! The market's place over restarts: lost files, kills, and a feed that is another one.

use crate::host::{Host, PATIENT};
use crate::program::{Place, Ran, ema_cross_text};
use serde_json::Value;

const FROM: (&str, &str) = ("STOCKADE_FEED_FROM", "2024-01-08 08:00");

fn engine(host: &Host, place: &Place) -> Value {
    let engines: Value = serde_json::from_str(&host.ask(place, &["engine", "list", "--json"])).expect("JSON");
    engines["items"][0].clone()
}

/// Waits until the engine has been given ticks since the host's start; how far its market has come then, as text that sorts by time.
fn fed(host: &Host, place: &Place) -> String {
    for _ in 0..2_000 {
        let engine = engine(host, place);
        if engine["ticks"].as_u64() >= Some(20) {
            return engine["last_tick_at"].as_str().expect("a time").to_owned();
        }
    }
    panic!("it is given no ticks: {}", engine(host, place));
}

fn add_engine(host: &Host, place: &Place) {
    host.ask(place, &["user", "add", "anna"]);
    host.ask(place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    host.ask(place, &["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD", "--start"]);
}

#[test]
fn a_feed_file_that_is_lost_or_damaged_starves_nobody_whether_the_host_was_killed_or_stopped() {
    let place = Place::new();
    let mut host = Host::start_with(&place, &[PATIENT]);
    add_engine(&host, &place);
    let mut before = fed(&host, &place);
    let file = place.path(".stockade/feed.json");
    for (round, damage) in [None, Some(""), Some("{"), Some("\0\0\0"), None].into_iter().enumerate() {
        let is_killed = round % 2 == 0;
        if is_killed {
            drop(host);
        } else {
            host.stop();
        }
        match damage {
            None => std::fs::remove_file(&file).expect("it is there"),
            Some(text) => std::fs::write(&file, text).expect("it can be written"),
        }
        host = Host::start_with(&place, &[PATIENT]);
        let after = fed(&host, &place);
        assert!(after > before, "{damage:?}: the market has gone from {before} to {after}");
        before = after;
        let health: Value = serde_json::from_str(&host.ask(&place, &["health", "--json"])).expect("JSON");
        assert_eq!(health["engines"]["status"], "ok", "{health}");
    }
}

#[test]
fn after_a_kill_at_any_speed_the_market_goes_on_later_than_anybody_has_seen_it() {
    let place = Place::new();
    let mut host = Host::start_with(&place, &[PATIENT]);
    add_engine(&host, &place);
    for speed in ["600", "0", "60", "0"] {
        let before = fed(&host, &place);
        drop(host);
        host = Host::start_with(&place, &[PATIENT, ("STOCKADE_FEED_SPEED", speed)]);
        let health: Value = serde_json::from_str(&host.ask(&place, &["health", "--json"])).expect("JSON");
        let after = health["feed"]["last_tick_at"].as_str().expect("a time").to_owned();
        assert!(after >= before, "the market has gone from {before} to {after}");
    }
}

/// How far the host's market has come.
fn place_of(host: &Host, place: &Place) -> String {
    let health: Value = serde_json::from_str(&host.ask(place, &["health", "--json"])).expect("JSON");
    health["feed"]["last_tick_at"].as_str().expect("a time").to_owned()
}

#[test]
fn hosts_with_other_folders_and_one_database_never_go_back_either() {
    let server = testkit::postgres::server();
    for is_server in [false, true] {
        let places = [Place::new(), Place::new()];
        let file = places[0].path("shared.db").to_str().expect("a plain path").to_owned();
        let database = if is_server { server.url(&server.fresh_database()) } else { file };
        let start = |which: usize, speed| {
            Host::start_with(&places[which], &[PATIENT, ("STOCKADE_DATABASE", &database), ("STOCKADE_FEED_SPEED", speed)])
        };
        let host = start(0, "600");
        add_engine(&host, &places[0]);
        fed(&host, &places[0]);
        host.stop();
        // Hours of market in a moment, and a kill; then at a walk, so that going back shows. A folder may have no file or an old one.
        for (runs, follows, has_file) in [(0, 1, true), (1, 0, true), (0, 0, false), (0, 1, false)] {
            let host = start(runs, "0");
            let before = fed(&host, &places[runs]);
            drop(host);
            if !has_file {
                std::fs::remove_file(places[follows].path(".stockade/feed.json")).expect("it is there");
            }
            let host = start(follows, "1");
            let after = place_of(&host, &places[follows]);
            assert!(after >= before, "{database}: the market has gone from {before} with folder {runs} to {after} with folder {follows}");
            drop(host);
        }
    }
}

#[test]
fn a_feed_that_would_go_back_is_refused_until_its_engines_have_forgotten() {
    let place = Place::new();
    // The clock's time.
    let host = Host::start_with(&place, &[("STOCKADE_FEED_FROM", "")]);
    add_engine(&host, &place);
    fed(&host, &place);
    host.stop();
    let serve =
        |from: &str| Ran::of(place.command(&["serve", "--listen", "127.0.0.1:0"]).env("STOCKADE_FEED_SYMBOLS", "EURUSD").env(FROM.0, from));
    for _ in 0..2 {
        let says =
            ["the market would go back from 20", " to 2024-01-08T08:00:00", "1 engine has", "one (id 1)", "--data-dir", "--forget-state"];
        serve(FROM.1).failed(2, &says);
    }
    let forgotten = place.ok(&["engine", "change", "one", "--forget-state"]);
    assert_eq!(forgotten, "engine 1 (one) has forgotten its state and begins anew at its next start\n");
    place.fails(&["engine", "change", "two", "--forget-state"], 3, &["\"two\""]);
    let host = Host::start(&place);
    let at = fed(&host, &place);
    assert!(at.starts_with("2024-01-"), "{at}");
    host.stop();
    // What it has seen of this market holds again.
    serve("2023-01-09 08:00").failed(2, &["1 engine has"]);
}
