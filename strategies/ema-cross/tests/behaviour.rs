//! What the strategy does, seen from outside.

use ema_cross::{EmaCross, Settings};
use stockade_sdk::prelude::*;
use stockade_sdk::testing::Harness;

fn settings() -> Settings {
    Settings { fast_alpha: 0.5, slow_alpha: 0.1, ..Settings::default() }
}

/// Legs of 50 ticks, each going up or down by one pip a tick.
fn fed(legs: &[i64]) -> Harness<EmaCross> {
    let mut test = Harness::<EmaCross>::new(settings());
    let pips = legs.iter().flat_map(|&leg| std::iter::repeat_n(leg, 50)).scan(11_000, |pips, leg| {
        *pips += leg;
        Some(*pips)
    });
    for (second, pips) in (0..).zip(pips) {
        let bid = pips as f64 / 1e4;
        test.tick(second * SECOND, bid, bid + 0.0001);
    }
    test
}

#[test]
fn the_first_direction_is_not_a_crossing() {
    assert!(fed(&[1, 1]).submitted().is_empty());
}

#[test]
fn each_crossing_turns_the_position() {
    let test = fed(&[1, -1, 1]);
    let sides: Vec<_> = test.submitted().iter().map(|request| request.side).collect();
    assert_eq!(sides, [Side::Sell, Side::Buy]);
    assert_eq!(test.closed().len(), 1);
    let held = test.positions();
    assert_eq!((held.len(), held[0].side, held[0].volume), (1, Side::Buy, 0.1));
}

#[test]
fn a_fast_average_that_is_slower_is_refused() {
    let params = Settings { fast_alpha: 0.1, slow_alpha: 0.5, ..settings() }.to_list();
    let why = Harness::<EmaCross>::try_new(&params).expect_err("refused");
    assert_eq!(why, "fast_alpha must be above slow_alpha");
}
