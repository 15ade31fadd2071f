//! The same strategy, sandboxed and native, decides the same; so does the same one tick by tick and in batches.

use crate::*;
use domain::tick::TickColumns;
use ema_cross::EmaCross;
use testkit::NativeGuest;
use testkit::scripted::Asked;

/// A price that wanders, always the same way.
fn prices(count: usize) -> Vec<f64> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut points = 110_000_i64;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        points += (state % 41) as i64 - 20;
        points as f64 / 100_000.0
    };
    (0..count).map(|_| step()).collect()
}

/// What was asked for at which tick. Rows of a batch are counted from its start, so they are left out.
fn decisions(guest: &mut dyn Guest<ScriptedHost>, bids: &[f64], batch: usize) -> Vec<(usize, Asked)> {
    let asks: Vec<f64> = bids.iter().map(|bid| bid + 0.0001).collect();
    let times: Vec<i64> = (0..bids.len() as i64).map(|row| TIME + row * 1_000).collect();
    let columns = TickColumns { times: &times, bids, asks: &asks, lasts: &[], volumes: &[] };
    assert_eq!(guest.call(Call::Init(&[])), DONE);
    let mut decisions = Vec::new();
    let mut row = 0;
    while row < bids.len() {
        if batch == 1 {
            assert_eq!(guest.call(Call::Tick { symbol: 0, tick: &columns.tick(row, SymbolId(0), 1), skipped: 0 }), DONE);
            row += 1;
        } else {
            let ticks = columns.slice(row..bids.len().min(row + batch));
            let Outcome::Decided(Reply::Consumed(rows)) = guest.call(Call::Ticks { symbol: 0, ticks }) else { panic!() };
            row += rows as usize;
        }
        let asked = guest.host().asked.drain(..).filter(|asked| !matches!(asked, Asked::At(_)));
        decisions.extend(asked.map(|asked| (row, asked)));
    }
    decisions
}

#[test]
fn sandboxed_and_native_single_and_batched_decide_the_same() {
    let bids = prices(20_000);
    let sandbox = shared();
    let loaded = sandbox.load(components::ema_cross()).unwrap();
    let sandboxed = || sandbox.instantiate(&loaded.digest, ScriptedHost::default(), GuestLimits::default()).unwrap();
    let native = || Box::new(NativeGuest::<EmaCross, _>::new(ScriptedHost::default())) as Boxed;

    let expected = decisions(native().as_mut(), &bids, 1);
    assert!(expected.len() > 10, "the strategy does trade on this market: {}", expected.len());
    for batch in [1, 2, 256, 4_096] {
        assert_eq!(decisions(sandboxed().as_mut(), &bids, batch), expected, "sandboxed, batches of {batch}");
        assert_eq!(decisions(native().as_mut(), &bids, batch), expected, "native, batches of {batch}");
    }
}
