//! What crosses arrives as it left, in both directions.

use crate::*;
use domain::contract::*;
use domain::tick::{Bar, TickColumns, Timeframe};

fn heard(call: Call<'_>) -> String {
    let mut guest = probe_that("echo", GuestLimits::default());
    assert_eq!(guest.call(call), DONE);
    logged(&mut guest).pop().expect("the probe logs what it hears")
}

#[test]
fn a_tick_crosses_field_by_field() {
    let tick = Tick { time: Time(7), bid: 1.5, ask: 2.5, last: 3.5, volume: 4.5, ..tick(0.0) };
    assert_eq!(heard(Call::Tick { symbol: 0, tick: &tick, skipped: 9 }), "7 1.5 2.5 3.5 4.5 9");
}

#[test]
fn columns_cross_whole_and_empty_ones_stay_empty() {
    let mut guest = probe_that("echo", GuestLimits::default());
    let (times, bids, asks): (Vec<i64>, Vec<f64>, Vec<f64>) = (0..1_000).map(|row| (row, row as f64, row as f64 * 2.0)).collect();
    let ticks = TickColumns { times: &times, bids: &bids, asks: &asks, lasts: &[], volumes: &[] };
    assert_eq!(guest.call(Call::Ticks { symbol: 0, ticks }), Outcome::Decided(Reply::Consumed(1_000)));
    assert_eq!(logged(&mut guest), ["1000 499500 999000 0 0"]);
}

#[test]
fn events_cross_with_all_their_fields() {
    let fill = SeenFill { volume: 0.5, price: 1.25, time: 3, position: 4, profit: -5.0, commission: 0.25 };
    let order = heard(Call::Order { id: 8, event: SeenEvent::Filled(fill) });
    for part in ["order 8", "Filled", "volume: 0.5", "price: 1.25", "time: 3", "position: 4", "profit: -5.0", "commission: 0.25"] {
        assert!(order.contains(part), "{order}");
    }
    assert!(heard(Call::Order { id: 8, event: SeenEvent::ModifyRejected(10_016) }).contains("ModifyRejected(10016)"));
    assert_eq!(heard(Call::Timer(6)), "timer 6");
    assert!(heard(Call::TradingState(TradingState::Reducing)).contains("Reducing"));
    assert!(heard(Call::Stop(StopReason::EndOfData)).contains("EndOfData"));

    let bar = Bar {
        symbol: SymbolId(40),
        timeframe: Timeframe::H4,
        open_time: Time(1),
        open: 1.0,
        high: 4.0,
        low: 0.5,
        close: 2.0,
        tick_volume: 77,
        spread: 3,
    };
    let bar = heard(Call::Bar { symbol: 2, bar: &bar });
    for part in ["symbol: 2", "H4", "open-time: 1", "high: 4.0", "low: 0.5", "close: 2.0", "tick-volume: 77", "spread: 3"] {
        assert!(bar.replace('_', "-").contains(part), "the guest's own index of the symbol, not the host's: {bar}");
    }
}

#[test]
fn setup_calls_answer_or_refuse_in_the_authors_words() {
    let mut guest = probe_that("echo", GuestLimits::default());
    let account = testkit::scripted::account();
    assert_eq!(guest.call(Call::Start { mode: RunMode::Paper, account: &account, restored: true }), DONE);
    assert_eq!(logged(&mut guest), ["USD 10000 true"]);
    assert_eq!(guest.call(Call::Save), Outcome::Decided(Reply::State(b"echo".to_vec())));
    assert_eq!(guest.call(Call::Load { schema: 2, state: b"echo" }), Outcome::Refused("schema 2 is unknown".into()));
    assert_eq!(guest.call(Call::Load { schema: 1, state: b"submit" }), DONE, "a refusal is no fault");
    let stats = TesterStats { profit: 2.5, trades: 4, ..TesterStats::default() };
    assert_eq!(guest.call(Call::Tester(&stats)), Outcome::Decided(Reply::Criterion(10.0)));
}

#[test]
fn an_order_reaches_the_host_as_it_was_asked() {
    let mut guest = probe_that("submit", GuestLimits::default());
    assert_eq!(tick_once(&mut guest), DONE);
    let host = guest.host();
    let [order] = host.submitted()[..] else { panic!("one order") };
    assert_eq!((order.symbol, order.side, order.kind, order.volume, order.price), (0, Side::Buy, OrderKind::Market, 0.1, None));
}

#[test]
fn the_budget_mixes_the_sandboxs_fuel_and_memory_with_the_hosts_orders_and_log() {
    let mut guest = probe_that("look at the budget", GuestLimits::default());
    assert_eq!(tick_once(&mut guest), DONE);
    let line = logged(&mut guest).pop().unwrap();
    let [fuel, memory, orders, log] = line.split(' ').map(|number| number.parse::<u64>().unwrap()).collect::<Vec<_>>()[..] else {
        panic!()
    };
    let limits = GuestLimits::default();
    assert!((limits.fuel_per_call - 10_000..limits.fuel_per_call).contains(&fuel), "{fuel}");
    assert_eq!(memory, limits.memory_bytes_max - guest.used().memory_bytes);
    assert_eq!((orders, log), (100, 64 << 10));
}

#[test]
fn fuel_is_the_same_for_the_same_call_and_counts_what_the_host_does() {
    let spent = |does: &str| {
        let mut guest = probe_that(does, GuestLimits::default());
        tick_once(&mut guest);
        guest.used().fuel_last_call
    };
    assert_eq!(spent("submit"), spent("submit"));
    assert!(spent("submit") > spent("nothing") + 2_000, "an order costs 2,000 beside the guest's own work");
    let mut guest = probe_that("nothing", GuestLimits::default());
    let before = guest.used().fuel_total;
    tick_once(&mut guest);
    tick_once(&mut guest);
    assert_eq!(guest.used().fuel_total - before, 2 * guest.used().fuel_last_call);
}

#[test]
fn a_component_describes_itself_without_an_engine() {
    let sandbox = shared();
    let loaded = sandbox.load(components::ema_cross()).unwrap();
    let description = sandbox.describe(&loaded.digest).unwrap();
    assert_eq!(description.name, "ema-cross");
    assert_eq!(description.params.iter().map(|param| param.name.as_str()).collect::<Vec<_>>(), ["fast_alpha", "slow_alpha", "volume"]);
    assert_eq!(description, testkit::NativeGuest::<ema_cross::EmaCross, ScriptedHost>::describe());
}
