//! `stockade serve` and the commands that talk to it.

use crate::program::{Guarded, Place, Ran, built, ema_cross_text, misbehaving_text};
use domain::ids::EngineId;
use domain::tape::Entry;
use record::Record;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// For tests of what a database that is late would change, which it may be on any busy machine.
pub const PATIENT: (&str, &str) = ("STOCKADE_HOST_JOURNAL_ANSWER_MS", "5000");

/// A host on a free port.
pub struct Host {
    process: Guarded,
    pub url: String,
}

impl Host {
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, &[])
    }

    pub fn start_with(place: &Place, settings: &[(&str, &str)]) -> Self {
        Self::start_by(place.command(&["serve", "--listen", "127.0.0.1:0"]), settings, Stdio::null())
    }

    /// Starts it by a command of the caller's, with its log there.
    pub fn start_by(mut command: Command, settings: &[(&str, &str)], log: Stdio) -> Self {
        command.env("STOCKADE_FEED_FROM", "2024-01-08 08:00").env("STOCKADE_FEED_SPEED", "600").env("STOCKADE_FEED_SYMBOLS", "EURUSD");
        command.envs(settings.iter().copied());
        let mut process = Guarded(command.stdout(Stdio::piped()).stderr(log).spawn().expect("it starts"));
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().expect("asked for")).read_line(&mut line).expect("it says something");
        let url = line.split_whitespace().find_map(|word| word.strip_suffix(',').filter(|word| word.starts_with("http://")));
        Self { url: url.unwrap_or_else(|| panic!("it said {line:?}")).to_owned(), process }
    }

    pub fn ask(&self, place: &Place, arguments: &[&str]) -> String {
        place.ok(&[arguments, &["--url", &self.url]].concat())
    }

    /// Stops it as a supervisor does.
    pub fn stop(mut self) {
        let killed = Command::new("kill").args(["-TERM", &self.process.0.id().to_string()]).status().expect("kill runs");
        assert!(killed.success());
        let status = self.process.0.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "it stops cleanly");
    }
}

fn engine(host: &Host, place: &Place) -> serde_json::Value {
    let engines: serde_json::Value = serde_json::from_str(&host.ask(place, &["engine", "list", "--json"])).expect("JSON");
    engines["items"][0].clone()
}

#[test]
fn a_user_a_strategy_an_engine_and_a_restart() {
    let place = Place::new();
    let host = Host::start(&place);
    let health = host.ask(&place, &["health"]);
    assert!(health.starts_with("the host is well: version ") && health.contains("\nfeed      simulated, EURUSD: "), "{health}");
    assert!(host.ask(&place, &["user", "add", "anna"]).contains("user anna has id 1"));
    let uploaded = host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    assert!(uploaded.contains("version "), "{uploaded}");
    let parameters = ["--param", "fast_alpha=0.3", "--param", "slow_alpha=0.1", "--start"];
    let added = host
        .ask(&place, &[&["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD"][..], &parameters].concat());
    assert!(added.contains("engine one has id 1"), "{added}");
    // The market goes 600 times as fast as the clock: the averages cross within moments.
    let traded = (0..10_000).any(|_| engine(&host, &place)["deals"].as_u64() >= Some(4));
    assert!(traded, "{}", engine(&host, &place));
    host.ask(&place, &["engine", "logs", "one"]);
    // Beside it with the same version and another parameter; the engine notices nothing.
    place.fails(&["engine", "shadow", "one", "--url", &host.url], 3, &["has had no shadow"]);
    let shadow = host.ask(&place, &["engine", "shadow", "one", "--param", "fast_alpha=0.25"]);
    // How much both have decided by now is the machine's affair.
    assert!(shadow.contains(" of the version that works, ") && shadow.contains("only shadow"), "{shadow}");
    let shadow = host.ask(&place, &["engine", "shadow", "one", "--stop"]);
    assert!(shadow.contains("state         ended: ended by the operator"), "{shadow}");
    let swapped = host.ask(&place, &["engine", "swap", "one", "--param", "fast_alpha=0.25"]);
    assert!(swapped.contains("has taken over, on trial"), "{swapped}");
    assert!(host.ask(&place, &["engine", "pause", "one"]).contains("is paused"));
    place.fails(&["engine", "change", "one", "--param", "fast_alpha=0.2", "--url", &host.url], 4, &["is paused: stop it first"]);
    host.ask(&place, &["engine", "resume", "one"]);
    let shown = host.ask(&place, &["engine", "show", "one"]);
    assert!(shown.contains("params   fast_alpha=0.25 slow_alpha=0.1") && shown.contains("saved    20"), "{shown}");
    let history = host.ask(&place, &["engine", "history", "one"]);
    for words in ["history is complete", "taken-over", "paused", "by the operator; "] {
        assert!(history.contains(words), "no {words:?} in\n{history}");
    }
    let refused = place.run(&["health", "--url", &host.url, "--token", "0123456789abcdef0123456789abcdef"]);
    assert!(refused.code != 0, "a wrong token: {refused:?}");
    for (arguments, code, says) in [
        (&["user", "add", "anna"][..], 4, "anna"),
        (&["engine", "start", "two"], 3, "two"),
        (&["engine", "start", "77"], 3, "77"),
        (&["engine", "add", "x", "--user", "anna", "--strategy", "cross", "--symbol", "NOWHERE"], 4, "NOWHERE"),
        (&["engine", "add", "x", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD", "--param", "volume=0"], 4, "out of range"),
        (&["engine", "add", "x", "--user", "bob", "--strategy", "cross", "--symbol", "EURUSD"], 3, "bob"),
        (&["account", "add", "paper", "--user", "anna"], 4, "paper"),
    ] {
        place.fails(&[arguments, &["--url", &host.url]].concat(), code, &[says]);
    }
    let not_a_component = place.file("text.wasm", "hello");
    place.fails(
        &["strategy", "upload", not_a_component.to_str().expect("plain"), "--user", "anna", "--name", "x", "--url", &host.url],
        4,
        &["this is text", "stockade strategy build"],
    );
    // Two hosts on one database would both trade.
    place.fails(&["serve", "--listen", "127.0.0.1:0"], 5, &["in use by process"]);
    host.stop();

    let host = Host::start(&place);
    let resumed = engine(&host, &place);
    assert_eq!((&resumed["name"], &resumed["state"]), (&"one".into(), &"running".into()), "{resumed}");
    assert_eq!(resumed["params"]["fast_alpha"], "0.25", "the swap has outlasted the restart");
    assert!(host.ask(&place, &["engine", "stop", "one"]).contains("is stopped"));
    let changed = host.ask(&place, &["engine", "change", "one", "--default", "fast_alpha", "--param", "slow_alpha=0.002"]);
    assert!(changed.contains("params   slow_alpha=0.002\n"), "{changed}");
    host.stop();
    let host = Host::start(&place);
    assert_eq!(engine(&host, &place)["state"], "stopped", "what its owner stopped stays stopped");
    // The host runs and is not disturbed.
    replays(&place);
    assert!(host.ask(&place, &["engine", "remove", "one", "--abandon"]).contains("engine 1 is removed"));
    place.fails(&["engine", "show", "one", "--url", &host.url], 3, &["there is no engine \"one\""]);
    host.stop();
}

#[test]
fn an_engine_for_which_there_is_no_room_is_refused_and_what_is_short_is_named() {
    let place = Place::new();
    let host = Host::start_with(&place, &[("STOCKADE_SANDBOX_ENGINES_MAX", "1")]);
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    for name in ["one", "two"] {
        host.ask(&place, &["engine", "add", name, "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD"]);
    }
    host.ask(&place, &["engine", "start", "one"]);
    let runs = (0..10_000).any(|_| engine(&host, &place)["state"] == "running");
    assert!(runs, "{}", engine(&host, &place));
    place.fails(&["engine", "start", "two", "--url", &host.url], 5, &["room for 1 guests and all are taken: stop some"]);
    let shown = host.ask(&place, &["user", "show", "anna"]);
    assert!(shown.contains("engines") && shown.contains("of 10,000"), "{shown}");
    host.ask(&place, &["engine", "stop", "one"]);
    host.ask(&place, &["engine", "start", "two"]);
    host.ask(&place, &["engine", "stop", "two"]);
    host.stop();

    let host = Host::start_with(&place, &[("STOCKADE_SANDBOX_MEMORY_MIB_MAX", "1")]);
    place.fails(&["engine", "start", "two", "--url", &host.url], 5, &["this host has no memory for ", "sandbox.memory_mib_max"]);
    host.stop();
}

/// What the engine did in all of its lives can be done again, to the bit, and what was tampered with can't.
fn replays(place: &Place) {
    let replay = |more: &[&str]| place.run(&[&["replay", "--engine", "1"][..], more].concat());
    let decisions = place.path("decisions.jsonl");
    let ran = replay(&["--json", "--decisions", decisions.to_str().expect("plain")]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let lives = report["lives"].as_array().expect("a list");
    assert_eq!(lives.len(), 3, "before the swap, after it, and after the restart: {report}");
    let sum = |what: &str| lives.iter().map(|life| life[what].as_u64().expect("a number")).sum::<u64>();
    assert!(lives.iter().all(|life| life["difference"].is_null() && life["ended"].is_null()) && sum("ticks") > 100, "{report}");
    let lines = std::fs::read_to_string(&decisions).expect("it was written");
    assert_eq!(lines.lines().count() as u64, sum("decisions"));
    assert!(lines.contains("\"Submit\""), "{lines}");
    assert!(replay(&["--to", "2024-01-08"]).out.lines().count() == 2, "nothing was done so early");

    // The ticks of the first run are dropped: its lives can't be done again, and the one after the restart can.
    let runs = std::fs::read_dir(place.path(".stockade/records/ticks")).expect("a folder").map(|run| run.expect("a run").path());
    let (first, away) = (runs.min().expect("two runs"), place.path("away"));
    std::fs::rename(&first, &away).expect("it can be moved");
    let ran = replay(&["--json"]);
    ran.failed(3, &["lives of engine 1 can't be done again", "of EURUSD were not recorded", "--from"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let again: Vec<bool> = report["lives"].as_array().expect("a list").iter().map(|life| life["not_replayed"].is_null()).collect();
    assert!(again.len() == 3 && !again[0] && again[2], "{report}");
    let ran = replay(&["--json", "--from", "2100-01-01"]);
    assert_eq!(ran.code, 0, "all of them ended before: {}", ran.err);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((report["lives"].as_array().map(Vec::len), report["ended_before"].as_u64()), (Some(0), Some(3)), "{report}");
    std::fs::rename(&away, &first).expect("it can be moved back");

    replay(&["--component", scalper_text()]).failed(4, &["engine 1 decides otherwise", "init"]);
    place.fails(&["replay", "--engine", "2"], 3, &["no record of engine 2"]);

    let path = place.path(".stockade/records/engine-1/0000000001.rec");
    let whole = std::fs::read(&path).expect("it is there");
    let write = |bytes: &[u8]| std::fs::write(&path, bytes).expect("it can be written");
    // What the file goes on from, the first frame's length, its check, and what lies in the middle.
    for at in [20, 41, 46, whole.len() / 2] {
        let mut turned = whole.clone();
        turned[at] ^= 1;
        write(&turned);
        replay(&[]).failed(4, &["0000000001.rec has been altered", "at byte"]);
    }
    write(&whole[..whole.len() - 1]);
    let torn = replay(&[]);
    assert_eq!(torn.code, 0, "{}", torn.err);
    assert!(torn.out.contains("are of an unfinished frame: a crash cut it short"), "{}", torn.out);
}

/// The sample that waits: for its next bar, or for the price and the time at which its trade is to end.
fn scalper_text() -> &'static str {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies/scalper");
    let built = || stockade_build::build(&folder, &stockade_build::Options::default()).expect("it builds").path;
    BUILT.get_or_init(built).to_str().expect("plain")
}

#[test]
fn a_life_in_which_nothing_happened_is_replayed_and_says_so() {
    let place = Place::with_ticks();
    // After the last tick that is stored: nothing comes.
    let host = Host::start_with(&place, &[("STOCKADE_FEED_KIND", "replayed"), ("STOCKADE_FEED_FROM", "2100-01-01")]);
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    host.ask(&place, &["engine", "add", "one", "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD", "--start"]);
    host.stop();
    let nothing = "nothing happened in it, not a tick, bar or timer";
    let ran = place.run(&["replay", "--engine", "1"]);
    assert!(ran.code == 0 && ran.out.contains(&format!("the same: {nothing}")), "{ran:?}");
    let ran = place.run(&["replay", "--engine", "1", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let life = &report["lives"][0];
    assert_eq!((&life["ticks"], &life["decisions"]), (&0.into(), &0.into()), "{report}");
    assert!(life["not_replayed"].is_null() && life["difference"].is_null() && life["cut_short"].is_null(), "{report}");
    let file = place.path("none.jsonl");
    let ran = place.run(&["replay", "--engine", "1", "--backtest", file.to_str().expect("plain")]);
    assert!(ran.code == 0 && ran.err.contains("nothing happened in the last of these lives"), "{ran:?}");
    assert!(!file.exists(), "nothing was decided");
}

/// Ticks that are skipped without a call are on record as well: that nobody waited for them is replayed, and no tick is left out.
#[test]
fn the_life_of_an_engine_that_waits_is_replayed_to_the_bit_with_all_that_went_by() {
    let place = Place::new();
    let component = scalper_text();
    // An order that a late journal keeps from its broker was let through and not sent.
    let host = Host::start_with(&place, &[PATIENT]);
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", component, "--user", "anna", "--name", "scalper"]);
    // Around the clock it has an idea with every bar, and each of its trades ends within a minute.
    let settings = [
        "confidence_min=0",
        "atr_percent_min=0",
        "atr_percent_max=10",
        "rsi_high=100",
        "rsi_low=0",
        "spread_percent_max=1",
        "london_from=0",
        "london_until=24",
        "breakeven_percent=0",
        "first_exit_percent=0.005",
        "second_exit_percent=0.01",
        "hold_minutes_max=1",
        "losses_in_row_max=0",
        "losses_of_last_max=0",
        "day_loss_percent_max=0",
    ];
    let added = ["engine", "add", "one", "--user", "anna", "--strategy", "scalper", "--symbol", "EURUSD", "--start"];
    host.ask(&place, &added.into_iter().chain(settings.into_iter().flat_map(|setting| ["--param", setting])).collect::<Vec<_>>());
    let traded = (0..10_000).any(|_| engine(&host, &place)["deals"].as_u64() >= Some(20));
    assert!(traded, "{}", engine(&host, &place));
    host.ask(&place, &["engine", "stop", "one"]);
    let lived = engine(&host, &place);
    host.stop();

    let ran = place.run(&["replay", "--engine", "1", "--json", "--decisions", "decisions.jsonl"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let life = &report["lives"][0];
    assert_eq!(report["lives"].as_array().map(Vec::len), Some(1), "{report}");
    assert!(life["difference"].is_null() && life["ended"].is_null(), "{report}");
    let record = Record::open(&place.path(".stockade/records"), EngineId(1)).expect("a record");
    let (mut handed, mut passed) = (0, 0);
    for entry in &record.lives[0].entries {
        match entry {
            Entry::Ticks { count, .. } => handed += u64::from(*count),
            Entry::Passed { count, .. } => passed += u64::from(*count),
            _ => {}
        }
    }
    assert_eq!((life["ticks"].as_u64(), lived["ticks"].as_u64()), (Some(handed), Some(handed + passed)), "{report} {lived}");
    assert!(handed > 0 && passed > 10 * handed, "{handed} were handed over, {passed} went by");

    let decisions = std::fs::read_to_string(place.path("decisions.jsonl")).expect("it was written");
    let is_let_through = |line: &&str| {
        let decision: serde_json::Value = serde_json::from_str(line).expect("JSON");
        decision["asked"].as_object().expect("an object").values().any(|asked| asked["answer"].get("Ok").is_some())
    };
    let let_through = decisions.lines().filter(is_let_through).count() as u64;
    let of_gate = ["orders", "changes"].map(|what| lived[what].as_u64().expect("a number")).iter().sum::<u64>();
    assert_eq!((Some(decisions.lines().count() as u64), let_through), (life["decisions"].as_u64(), of_gate));
}

/// Denied orders, prices that are no numbers and lines that nobody keeps: whatever it is ended for, all of it can be done again.
#[test]
fn lives_that_ended_in_floods_are_replayed_to_the_bit() {
    let place = Place::new();
    let host = Host::start(&place);
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", misbehaving_text(), "--user", "anna", "--name", "misbehaving"]);
    let modes = ["order-flood", "nan-prices", "log-flood"];
    for mode in modes {
        let engine = ["engine", "add", mode, "--user", "anna", "--strategy", "misbehaving", "--symbol", "EURUSD"];
        host.ask(&place, &[&engine[..], &["--param", &format!("mode={mode}"), "--param", "calm_ticks=3", "--start"]].concat());
    }
    let engines = || -> serde_json::Value { serde_json::from_str(&host.ask(&place, &["engine", "list", "--json"])).expect("JSON") };
    let all_quarantined =
        || engines()["items"].as_array().expect("a list").iter().all(|engine| engine["state"].as_str() == Some("quarantined"));
    assert!((0..10_000).any(|_| all_quarantined()), "{}", engines());
    host.stop();
    for (engine, mode) in (1..).zip(modes) {
        let decisions = format!("{mode}.jsonl");
        let ran = place.run(&["replay", "--engine", &engine.to_string(), "--json", "--decisions", &decisions]);
        assert_eq!(ran.code, 0, "{mode}: {ran:?}");
        let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        let lives = report["lives"].as_array().expect("a list");
        // Where a machine lags, ticks come in one call, and a flood may use up its fuel first.
        let flooded = |why: &str| why.starts_with("flooding: it went on ") || why.starts_with("out-of-fuel") && why.contains("on-ticks");
        let ended = |life: &serde_json::Value| life["ended"].as_str().is_some_and(flooded) && life["difference"].is_null();
        assert_eq!(lives.len(), 3, "{mode}: {report}");
        assert!(lives.iter().all(ended), "{mode}: {report}");
        let denied = std::fs::read_to_string(place.path(&decisions)).expect("it was written");
        assert_eq!(denied.contains("BUDGET_EXCEEDED"), mode == "order-flood", "{mode}: {denied:.2000}");
    }
}

/// At these speeds many orders are heard of after later ticks: the record knows which, and the backtest's are carried out and heard of
/// when they were. What a record can't know is that an account changed while its guest was looking at it, as on a machine with much
/// else to do: from there on the two may differ, and then another day is lived. Where the backtest's orders took no time, or were
/// carried out only when they were heard of, they differed from the first few on.
#[test]
fn a_live_day_and_its_backtest_decide_the_same() {
    let agreed = |said: &String| {
        let first = said.split("the first ").nth(1).and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        if said.contains("all the same") { usize::MAX } else { first.unwrap_or(0) }
    };
    let averages =
        Lived { strategy: "ema-cross", symbol: "EURUSD", speed: "200", deals: 150, params: &["fast_alpha=0.3", "slow_alpha=0.1"] };
    let days: Vec<String> = (0..5).map(|_| averages.lived_and_tested()).take_while(|said| agreed(said) < 40).collect();
    assert!(days.len() < 5, "{days:?}");
    // It hears of each order, and of each position.
    let scalps = Lived { strategy: "scalper", symbol: "XAUUSD", speed: "1200", deals: 8, params: &[] };
    let days: Vec<String> = (0..5).map(|_| scalps.lived_and_tested()).take_while(|said| agreed(said) < usize::MAX).collect();
    assert!(days.len() < 5, "{days:?}");
}

/// A day to live.
struct Lived {
    strategy: &'static str,
    symbol: &'static str,
    speed: &'static str,
    /// It ends with this many.
    deals: u64,
    params: &'static [&'static str],
}

impl Lived {
    /// What a comparison says of a live day's decisions and those of its backtest.
    fn lived_and_tested(&self) -> String {
        let place = Place::new();
        let host = Host::start_with(&place, &[("STOCKADE_FEED_SPEED", self.speed), ("STOCKADE_FEED_SYMBOLS", self.symbol)]);
        host.ask(&place, &["user", "add", "anna"]);
        let component = built(self.strategy);
        host.ask(&place, &["strategy", "upload", component.to_str().expect("a plain path"), "--user", "anna", "--name", "it"]);
        let params: Vec<&str> = self.params.iter().flat_map(|param| ["--param", param]).collect();
        let engine_add = ["engine", "add", "one", "--user", "anna", "--strategy", "it", "--symbol", self.symbol, "--start"];
        host.ask(&place, &[&engine_add[..], &params].concat());
        let traded = (0..10_000).any(|_| engine(&host, &place)["deals"].as_u64() >= Some(self.deals));
        assert!(traded, "{}", engine(&host, &place));
        host.ask(&place, &["engine", "stop", "one"]);
        host.stop();
        let ran = place.run(&["replay", "--engine", "1", "--decisions", "live.jsonl", "--backtest", "backtest.jsonl"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        for says in ["answered", "not in the record: the market before the host started"] {
            assert!(ran.err.contains(says), "no {says:?} in {}", ran.err);
        }
        place.run(&["backtest", "compare", "live.jsonl", "backtest.jsonl"]).out
    }
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_made() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it has one").to_string();
    place.fails(&["serve", "--listen", &address], 5, &[&address, "in use by another process", "STOCKADE_LISTEN"]);
    assert!(!place.path(".stockade/stockade.db").exists());
}

/// A database whose list of migrations has one of the year 2030, 9999.
const NEWER: &[u8] = include_bytes!("../data/newer.db");

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let place = Place::new();
    let closed_to_others = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    std::fs::create_dir(place.path(".stockade")).expect("a folder");
    let path = place.file(".stockade/stockade.db", NEWER);
    closed_to_others(&place.path(".stockade"), 0o700);
    closed_to_others(&path, 0o600);
    place.fails(&["serve", "--listen", "127.0.0.1:0"], 7, &["stockade.db", "schema 9999", "newer"]);
    assert!(std::fs::read(path).expect("it is there") == NEWER, "it was changed");
}

#[test]
fn what_is_no_database_is_left_alone() {
    let place = Place::new();
    let path = place.file("notes.db", "this is my diary, not a database. ".repeat(100));
    let ran = Ran::of(place.command(&["serve", "--listen", "127.0.0.1:0"]).env("STOCKADE_DATABASE", &path));
    ran.failed(7, &["notes.db"]);
    assert!(std::fs::read_to_string(path).expect("it is there").starts_with("this is my diary"));
}

#[test]
fn a_feed_that_can_not_be_is_named() {
    let place = Place::new();
    let serve = |name: &str, value: &str| Ran::of(place.command(&["serve", "--listen", "127.0.0.1:0"]).env(name, value));
    serve("STOCKADE_FEED_SYMBOLS", "NOWHERE").failed(3, &["feed.symbols", "\"NOWHERE\"", "import"]);
    serve("STOCKADE_FEED_KIND", "replayed").failed(3, &["EURUSD", "import"]);
    serve("STOCKADE_FEED_FROM", "yesterday").failed(2, &["feed.from", "2014-05-01"]);
    serve("STOCKADE_LOG", "=;=").failed(2, &["log: "]);
}
