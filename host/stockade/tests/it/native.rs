//! What a sandbox changes in a backtest: nothing.

#[path = "../../benches/backtest/stage.rs"]
#[allow(dead_code, reason = "the benchmark uses the rest of it")]
mod stage;

use backtest::RunReport;
use stage::Stage;

/// Decisions, deals and money are those of the other run.
fn assert_same(sandboxed: &RunReport, native: &RunReport) {
    assert!(sandboxed.decisions.asked() > 10, "it does trade on this market");
    assert_eq!(sandboxed.decisions.digest(), native.decisions.digest());
    assert_eq!(sandboxed.deals, native.deals);
    assert_eq!((sandboxed.calls, sandboxed.balance), (native.calls, native.balance));
}

#[test]
fn the_samples_decide_the_same_sandboxed_and_native_on_real_ticks_where_there_are_any() {
    let stage = Stage::new();
    let (eurusd, gold) = (stage.eurusd(), stage.gold());
    assert_same(&stage.ema_cross(&eurusd), &stage.native_ema_cross(&eurusd));
    assert_same(&stage.scalper(&gold), &stage.native_scalper(&gold));
}
