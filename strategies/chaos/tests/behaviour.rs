//! It does something of everything, finds nothing wrong with a host that keeps the contract, and names what one does wrong.

use chaos::{Chaos, Settings, Watch};
use stockade_sdk::prelude::*;
use stockade_sdk::testing::Harness;

/// A market that goes up and down by some pips.
fn feed(test: &mut Harness<Chaos>, ticks: std::ops::Range<i64>) {
    for second in ticks {
        let pips = 11_000 + (second / 7 % 40 - 20).abs();
        test.tick(second * SECOND, pips as f64 / 1e4, (pips + 1) as f64 / 1e4);
    }
}

#[test]
fn it_trades_at_random_and_finds_nothing_wrong_with_a_sound_host() {
    let mut test = Harness::<Chaos>::new(Settings { ticks_per_deed: 2, ..Settings::default() });
    feed(&mut test, 0..5_000);
    let kinds: std::collections::BTreeSet<_> = test.submitted().iter().map(|request| request.kind as u8).collect();
    assert_eq!(kinds.len(), 4, "market, limit, stop and stop-limit orders");
    assert!(!test.closed().is_empty());
    // The harness gives what a stop closes a number of its own; a broker gives none.
    let wrong: Vec<_> = violations(&test).into_iter().filter(|line| !line.contains("never asked for")).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn what_it_saved_tells_a_tick_that_goes_back_after_a_restart() {
    let mut first = Harness::<Chaos>::new(Settings::default());
    feed(&mut first, 0..100);
    let saved = first.save();
    let mut second = Harness::<Chaos>::new(Settings::default()).load(1, &saved).expect("its own state");
    feed(&mut second, 90..91);
    assert!(violations(&second)[0].contains("time went back"), "{:?}", violations(&second));
}

fn violations(test: &Harness<Chaos>) -> Vec<String> {
    test.logs().into_iter().filter(|line| line.starts_with(chaos::VIOLATION)).collect()
}

fn fill(volume: f64) -> OrderEvent {
    OrderEvent::Filled(Fill { volume, price: 1.1, time: 0, position: 1, profit: 0.0, commission: 0.0 })
}

/// After one order of a tenth of a lot, number 5, and a tick at second 10.
fn watch() -> Watch {
    let mut watch = Watch::default();
    assert_eq!(watch.tick(&tick(10)), None);
    assert_eq!(watch.given(5, 0.1), None);
    watch
}

fn tick(second: Time) -> Tick {
    Tick { time: second * SECOND, bid: 1.1, ask: 1.1001, last: 0.0, volume: 0.0 }
}

/// The same before and after it was saved and loaded.
fn check(does: impl Fn(&mut Watch) -> Option<String>, says: &str) {
    let mut kept = Watch::load(&watch().save()).expect("its own state");
    // An instance that has not asked for anything believes what it hears of orders of the one before.
    assert_eq!(kept.given(6, 0.1), None);
    for mut watch in [watch(), kept] {
        let said = does(&mut watch).unwrap_or_default();
        assert!(said.contains(says), "{said:?} does not say {says:?}");
    }
}

#[test]
fn everything_against_the_contract_is_named() {
    check(|watch| watch.tick(&tick(9)), "time went back");
    check(|watch| watch.tick(&tick(10)), "came twice");
    check(|watch| watch.given(5, 0.1), "numbers repeat");
    check(|watch| watch.event(5, &fill(0.1)).or_else(|| watch.event(5, &fill(0.1))), "filled twice");
    check(|watch| watch.event(7, &fill(0.1)), "never asked for");
    check(|watch| watch.timer(1, 0), "never set");
    let early = |watch: &mut Watch| {
        watch.timer_set(1, 10);
        watch.timer(1, 9)
    };
    check(early, "before its time");
}

#[test]
fn what_a_host_may_do_is_not() {
    let mut watch = watch();
    assert_eq!(watch.tick(&tick(11)), None);
    assert_eq!(watch.event(5, &fill(0.1)), None);
    assert_eq!(watch.event(1 << 31, &fill(0.1)), None, "an order that the host gave to flatten");
    assert_eq!(Watch::default().event(7, &fill(0.1)), None, "an order of an instance that did not save any more");
    assert!(Watch::load(&watch.save()[1..]).is_err());
}
