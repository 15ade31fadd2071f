//! A host under load, killed at random moments, and a broker that outlives it and counts: no order is lost, none is sent twice,
//! none is sent before it is recorded. `SIMULATE_KILLS=100` kills more often.

use crate::program::{Guarded, Place, ema_cross_text};
use domain::order::OrderState;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use store::{Page, Store};

/// Kills in the usual tests.
const KILLS: u64 = 5;
/// Of many kills it is told how far they are.
const TOLD_EVERY: u64 = 10;
/// Longer than a host takes to trade, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(120);

struct Host {
    _process: Guarded,
    url: String,
}

impl Host {
    fn start(place: &Place, counts: &Path) -> Self {
        let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("STOCKADE_FEED_FROM", "2024-01-08 08:00").env("STOCKADE_FEED_SPEED", "600").env("STOCKADE_FEED_SYMBOLS", "EURUSD");
        command.env("TEST_BROKER_COUNTS_IN", counts);
        let mut process = Guarded(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts"));
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().expect("asked for")).read_line(&mut line).expect("it says something");
        let url = line.split_whitespace().find_map(|word| word.strip_suffix(',').filter(|word| word.starts_with("http://")));
        Self { url: url.unwrap_or_else(|| panic!("it said {line:?}")).to_owned(), _process: process }
    }

    fn ask(&self, place: &Place, arguments: &[&str]) -> String {
        place.ok(&[arguments, &["--url", &self.url]].concat())
    }
}

/// Orders that the broker was sent, in order.
fn sent(counts: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(counts).unwrap_or_default();
    // A line that the kill cut is one that was on its way: what it would have named is not counted.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| line.parse().expect("a number")).collect()
}

/// Waits until the broker has been sent `more` orders.
fn traded(counts: &Path, more: usize) {
    let (before, end) = (sent(counts).len(), Instant::now() + PATIENCE);
    while sent(counts).len() < before + more {
        assert!(Instant::now() < end, "nothing was traded");
        std::thread::yield_now();
    }
}

/// All lives of an engine are done again, the one that the kill cut short as well, up to the last that is on the disk.
fn replays(place: &Place, engine: &str) {
    let ran = place.run(&["replay", "--engine", engine, "--json"]);
    assert_eq!(ran.code, 0, "engine {engine}: {}", ran.err);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let last = report["lives"].as_array().expect("a list").last().expect("it lived");
    // One that was denied too often, as happens where a machine is slow and the market fast, ended by itself before the kill.
    assert!(last["cut_short"] == "cut short by a crash" || last["ended"].is_string(), "{report}");
    assert!(last["until"].is_string() && last["difference"].is_null(), "{report}");
}

#[test]
fn kills_at_random_moments_lose_no_order_and_double_none() {
    let kills = std::env::var("SIMULATE_KILLS").map_or(KILLS, |text| text.parse().expect("SIMULATE_KILLS is a number"));
    let place = Place::new();
    let counts = place.path("broker.count");
    let host = Host::start(&place, &counts);
    host.ask(&place, &["user", "add", "anna"]);
    host.ask(&place, &["strategy", "upload", ema_cross_text(), "--user", "anna", "--name", "cross"]);
    for (name, fast, slow) in [("one", "0.5", "0.3"), ("two", "0.4", "0.2"), ("three", "0.9", "0.4"), ("four", "0.6", "0.1")] {
        let (fast, slow) = (format!("fast_alpha={fast}"), format!("slow_alpha={slow}"));
        let parameters = ["--param", &fast, "--param", &slow, "--start"];
        host.ask(
            &place,
            &[&["engine", "add", name, "--user", "anna", "--strategy", "cross", "--symbol", "EURUSD"][..], &parameters].concat(),
        );
    }
    let mut host = Some(host);
    for kill in 0..kills {
        // One to seven orders later: every moment of an order's way has its turn.
        traded(&counts, 1 + (kill * 2_654_435_761 % 7) as usize);
        drop(host.take());
        replays(&place, ["one", "two", "three", "four"][kill as usize % 4]);
        host = Some(Host::start(&place, &counts));
        if (kill + 1).is_multiple_of(TOLD_EVERY) {
            println!("{} of {kills} kills done, {} orders sent", kill + 1, sent(&counts).len());
        }
    }
    traded(&counts, 1);
    // Whatever was killed in the middle: journal and broker have the same.
    let reconciled = host.as_ref().expect("it runs").ask(&place, &["reconcile"]);
    assert!(reconciled.starts_with("account 1 (paper): same"), "{reconciled}");
    drop(host);

    // The last start asks about what the last kill left open.
    drop(Host::start(&place, &counts));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = runtime.block_on(Store::open(&place.path(".stockade/stockade.db"))).expect("it opens");
    let owner = runtime.block_on(store.find_user("anna")).expect("it answers").expect("she is there").id;
    let (mut recorded, mut placed) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
    let mut page = Page::first(1_000);
    loop {
        let orders = runtime.block_on(store.orders(owner, None, page)).expect("it answers");
        recorded.extend(orders.iter().map(|order| (order.id.0, order.state)));
        // Latest first.
        orders.iter().for_each(|order| placed.entry(order.id.engine()).or_default().push((order.placed_at, order.side, order.position)));
        match orders.last() {
            Some(last) => page = Page::beyond(last.seq, 1_000),
            None => break,
        }
    }
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    sent(&counts).into_iter().for_each(|order| *times.entry(order).or_default() += 1);
    let doubled: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    let unrecorded: Vec<_> = times.keys().filter(|order| !recorded.contains_key(order)).collect();
    println!(
        "{kills} kills, {} orders sent, {} recorded, {} doubled, {} lost",
        times.len(),
        recorded.len(),
        doubled.len(),
        unrecorded.len()
    );
    assert!(doubled.is_empty() && unrecorded.is_empty(), "doubled {doubled:?}, sent and not recorded {unrecorded:?}");
    // The market never goes back: no engine gives an order at a tick that it has given the same order at.
    for (engine, placed) in &placed {
        let repeated: Vec<_> = placed.windows(2).filter(|pair| pair[0].0 < pair[1].0 || pair[0] == pair[1]).collect();
        assert!(repeated.is_empty(), "engine {engine}, latest first: {repeated:?}");
    }
    // The last host may have recorded one just before it was ended; the outcome of all others is known.
    let open = recorded.values().filter(|state| matches!(state, OrderState::Recorded | OrderState::Submitted | OrderState::Unknown));
    assert!(open.count() <= 8, "{recorded:?}");
}
