//! `ema-cross` as a plug-in: the same averages and the same decision, with the tick as bytes and the decision as a byte.

use extism_pdk::{FnResult, plugin_fn};
use std::cell::Cell;

const FAST_ALPHA: f64 = 0.02;
const SLOW_ALPHA: f64 = 0.0005;

thread_local! {
    static AVERAGES: Cell<Option<(f64, f64)>> = const { Cell::new(None) };
    static LONG: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Answers 1 to buy, 2 to sell, and nothing where the side stays as it is.
#[plugin_fn]
pub fn on_tick(tick: Vec<u8>) -> FnResult<Vec<u8>> {
    let number = |at: usize| f64::from_le_bytes(std::array::from_fn(|byte| tick[at + byte]));
    let mid = (number(8) + number(16)) / 2.0;
    let (fast, slow) = AVERAGES.get().unwrap_or((mid, mid));
    let (fast, slow) = (fast + FAST_ALPHA * (mid - fast), slow + SLOW_ALPHA * (mid - slow));
    AVERAGES.set(Some((fast, slow)));
    let long = fast > slow;
    let crossed = LONG.replace(Some(long)).is_some_and(|before| before != long);
    Ok(if crossed { vec![if long { 1 } else { 2 }] } else { Vec::new() })
}
