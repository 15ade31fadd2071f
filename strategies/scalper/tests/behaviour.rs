//! The scalper as a whole, on a market made for it.

use scalper::{Scalper, Settings};
use stockade_sdk::prelude::*;
use stockade_sdk::session::Date;
use stockade_sdk::testing::{Decision, Harness, xauusd};

/// Ten o'clock of a Tuesday in winter, when London trades.
fn start() -> Time {
    Date { year: 2024, month: 1, day: 16 }.to_day() * DAY + 10 * HOUR
}

/// A staircase upwards: per minute 12 ticks, up for 20 minutes and down for 10, around 2,000.
fn staircase(minutes: i64) -> Vec<Tick> {
    let bid_at = |tick: i64| {
        let (cycle, within) = (tick / 360, tick % 360);
        let cents = if within < 240 { within * 3 } else { 720 - (within - 240) * 2 };
        2_000.0 + (cycle * 480 + cents) as f64 / 100.0
    };
    (0..minutes * 12)
        .map(|tick| {
            let bid = (bid_at(tick) * 100.0).round() / 100.0;
            Tick { time: start() + tick * 5 * SECOND, bid, ask: ((bid + 0.2) * 100.0).round() / 100.0, last: 0.0, volume: 0.0 }
        })
        .collect()
}

fn on_gold(settings: Settings) -> Harness<Scalper> {
    Harness::new(settings).symbol(0, xauusd())
}

/// Wide gates, so that the made-up market passes.
fn settings() -> Settings {
    Settings { rsi_high: 100.0, ..Settings::default() }
}

fn run(settings: Settings) -> Harness<Scalper> {
    let mut test = on_gold(settings);
    test.feed(0, &staircase(300));
    test
}

#[test]
fn buys_a_rising_staircase_with_stops_and_a_reason() {
    let test = run(settings());
    let first = test.submitted().into_iter().find(|order| order.position.is_none()).expect("an entry");
    assert_eq!(first.side, Side::Buy);
    let (stop, target) = (first.stop_loss.expect("a stop"), first.take_profit.expect("a target"));
    let ratio = (target - stop) / 2.5;
    assert!((4.9..10.2).contains(&ratio), "the stop is 0.25 to 0.50 percent away: {stop} {target}");
    let (side, confidence, reason) = test.signals().swap_remove(0);
    assert_eq!((side, confidence >= 75.0), (Some(Side::Buy), true));
    assert!(reason.contains("above EMA 21"), "{reason}");
}

#[test]
fn a_trade_is_made_safe_then_closed_in_parts_and_never_held_for_long() {
    let test = run(settings());
    let decisions = test.decisions();
    let breakeven = decisions.iter().position(|made| matches!(made.decision, Decision::ModifyPosition(_, _, Ok(()))));
    let part = decisions.iter().position(|made| matches!(made.decision, Decision::Close(_, Some(_), Ok(_))));
    assert!(breakeven.expect("a breakeven") < part.expect("a partial exit"));
    assert!(test.positions().iter().all(|position| start() + 300 * MINUTE - position.opened <= 15 * MINUTE));
}

#[test]
fn nothing_happens_outside_the_sessions() {
    let closed = Settings { london: false, new_york: false, ..settings() };
    assert!(run(closed).submitted().is_empty());
}

#[test]
fn a_wide_spread_keeps_it_out() {
    assert!(run(Settings { spread_percent_max: 0.005, ..settings() }).submitted().is_empty());
}

#[test]
fn a_denied_exit_is_asked_for_again_but_not_at_every_tick() {
    let ticks = staircase(300);
    let mut test = on_gold(settings());
    let opened = ticks.iter().find(|tick| {
        test.feed(0, std::slice::from_ref(tick));
        !test.positions().is_empty()
    });
    let opened = opened.expect("a trade");
    test.deny(Some(DenyCode::Frozen));
    let before = test.decisions().len();
    // The price stands still, so that the only exit is that of time: due for five minutes, asked for every five seconds.
    let standstill: Vec<_> = (1..20 * 60).map(|second| Tick { time: opened.time + second * SECOND, ..*opened }).collect();
    test.feed(0, &standstill);
    assert_eq!(test.decisions().len() - before, 60);
}

#[test]
fn batches_decide_as_single_ticks_do() {
    let ticks = staircase(300);
    let single = run(settings()).decisions();
    for rows in [5, 256] {
        let mut test = on_gold(settings());
        test.feed_batched(0, &ticks, rows);
        assert_eq!(test.decisions(), single);
    }
}

#[test]
fn saved_state_is_read_back_and_nonsense_is_refused() {
    let state = run(settings()).save();
    let again = on_gold(settings()).load(1, &state).expect("its own state");
    assert_eq!(again.save(), state);
    for (schema, bytes) in [(1, &state[..3]), (2, &state[..]), (1, &[][..])] {
        assert!(on_gold(settings()).load(schema, bytes).is_err());
    }
}

#[test]
fn every_setting_can_be_set() {
    assert_eq!(Settings::specs().len(), 33);
    assert!(Harness::<Scalper>::try_new(&Settings { risk_percent: 50.0, ..settings() }.to_list()).is_err());
}
