//! A guest that tries to see the future gets nothing, or is found out.

use domain::broker::AccountTerms;
use domain::contract::*;
use domain::desk::{Desk, Witness};
use domain::guest::{Call, Guest, GuestHost, Outcome, Reply, Used};
use domain::limits::GuestLimits;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::Timeframe;
use domain::time::{MINUTE_US, SECOND_US, Time};
use market::OwnedColumns;
use market::columns::Row;
use paper::VenueOptions;
use stockade_backtest::source::{Chunks, owned};
use stockade_backtest::{Batching, ReadsAhead, RunError, RunReport, RunSetup, Source, confirm, run};

type Act = fn(&mut Desk, &Call<'_>) -> u32;

/// A strategy in one function that says how many rows of a batch it handled.
struct Peeping {
    desk: Desk,
    act: Act,
}

impl Guest<Desk> for Peeping {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        let rows = (self.act)(&mut self.desk, &call);
        Outcome::Decided(match call {
            Call::Ticks { .. } => Reply::Consumed(rows),
            Call::Save => Reply::State(Vec::new()),
            Call::Tester(_) => Reply::Criterion(0.0),
            _ => Reply::Done,
        })
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

/// Half an hour of ticks, one a second, that rise and fall.
fn ticks() -> OwnedColumns {
    let mut columns = OwnedColumns::default();
    for second in 0..1_800 {
        let bid = 1.3 + f64::from(second % 120 - 60).abs().round() / 1e5;
        columns.push(Row::quote(Time(i64::from(second) * SECOND_US), (bid * 1e5).round() / 1e5, ((bid + 0.0001) * 1e5).round() / 1e5));
    }
    columns
}

fn result(batching: Batching, act: Act) -> Result<RunReport, RunError> {
    watched(batching, None, act)
}

fn watched(batching: Batching, witness: Option<Witness>, act: Act) -> Result<RunReport, RunError> {
    let setup = RunSetup {
        table: SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap(),
        symbols: vec![SymbolId(0)],
        description: Description {
            name: "peeping".into(),
            version: "1".into(),
            about: String::new(),
            params: Vec::new(),
            needs: vec![DataNeed {
                symbol: String::new(),
                timeframes: vec![Timeframe::M1],
                bars_before_start: 0,
                ticks_before_start: 1_000,
            }],
            latest_tick_only: false,
            callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
            state_schema: 0,
            memory_bytes: 0,
        },
        params: Vec::new(),
        restored: None,
        start: Time(0),
        terms: AccountTerms::default(),
        risk: RiskLimits { commands_per_minute: 1_000_000, ..RiskLimits::default() },
        venue: VenueOptions::default(),
        limits: GuestLimits::default(),
        seed: 1,
        mode: RunMode::Backtest,
        batching,
        keep_remarks: false,
        witness,
    };
    let lanes: Vec<(SymbolId, Chunks)> = vec![(SymbolId(0), Box::new([Ok(owned(ticks()))].into_iter()))];
    run(setup, Source::new(lanes).unwrap(), |desk| Ok(Box::new(Peeping { desk, act })), |_| ())
}

/// Asks for everything there is and looks whether any of it lies after now.
fn ask_for_all(desk: &mut Desk) {
    let now = desk.now();
    let ticks = desk.ticks(0, u32::MAX).unwrap();
    assert!(ticks.iter().all(|tick| tick.time.0 <= now), "a tick after {now}");
    let bars = desk.bars(0, Timeframe::M1, u32::MAX).unwrap();
    assert!(bars.iter().all(|bar| bar.open_time.0 + MINUTE_US <= now), "a bar that has not closed by {now}");
    let account = desk.account();
    assert_eq!(account.equity, account.balance, "nothing is open");
}

#[test]
fn what_is_asked_for_ends_at_the_row_being_handled() {
    for batching in [Batching::Horizon, Batching::TickByTick] {
        let report = result(batching, |desk, call| {
            let Call::Ticks { ticks, .. } = call else {
                ask_for_all(desk);
                return 0;
            };
            for row in 0..ticks.len() {
                desk.at(row as u32).unwrap();
                assert_eq!(desk.now(), ticks.times[row]);
                ask_for_all(desk);
            }
            ticks.len() as u32
        });
        assert!(report.is_ok());
    }
}

#[test]
fn rows_beyond_the_batch_and_rows_gone_by_cannot_be_named() {
    let report = result(Batching::Horizon, |desk, call| {
        let Call::Ticks { ticks, .. } = call else { return 0 };
        let rows = ticks.len() as u32;
        assert!(desk.at(rows).is_err() && desk.at(u32::MAX).is_err(), "past the end");
        desk.at(rows - 1).unwrap();
        assert!(rows == 1 || desk.at(0).is_err(), "back");
        rows
    });
    assert!(report.is_ok());
}

fn buy(desk: &mut Desk) {
    let order = AskedOrder {
        symbol: 0,
        side: Side::Buy,
        kind: OrderKind::Market,
        volume: 0.01,
        price: None,
        stop_limit_price: None,
        stop_loss: None,
        take_profit: None,
        filling: Filling::Any,
        deviation: None,
        expires: None,
        position: None,
        reduce_only: false,
        tag: String::new(),
    };
    desk.submit(order).unwrap();
}

/// Buys when the end of the batch lies higher than its start: it has read ahead in the columns it was given.
fn reads_ahead(desk: &mut Desk, call: &Call<'_>) -> u32 {
    let Call::Ticks { ticks, .. } = call else { return 0 };
    let rises = ticks.bids[ticks.len() - 1] > ticks.bids[0];
    if rises && desk.positions().is_empty() {
        buy(desk);
        return 1;
    }
    ticks.len() as u32
}

/// Holds for ten seconds from every 20th second on; not when `wants` says that it had better not, which sees the row it
/// stands at and those that follow.
fn every_twentieth(desk: &mut Desk, call: &Call<'_>, wants: fn(&[f64]) -> bool) -> u32 {
    let one;
    let (times, bids) = match call {
        Call::Ticks { ticks, .. } => (ticks.times, ticks.bids),
        Call::Tick { tick, .. } => {
            one = ([tick.time.0], [tick.bid]);
            (&one.0[..], &one.1[..])
        }
        _ => return 0,
    };
    for (row, time) in times.iter().enumerate() {
        if matches!(call, Call::Ticks { .. }) {
            desk.at(row as u32).unwrap();
        }
        match time / SECOND_US % 20 {
            0 if wants(&bids[row..]) => buy(desk),
            10 if !desk.positions().is_empty() => {
                let position = desk.positions()[0].id;
                desk.close(position, None).unwrap();
            }
            _ => continue,
        }
        return row as u32 + 1;
    }
    times.len() as u32
}

/// What a run of a strategy is found to be.
fn found(act: Act) -> (RunReport, Result<u64, ReadsAhead>) {
    let report = result(Batching::Horizon, act).unwrap();
    let found = confirm(&report, |batching, witness| watched(batching, witness, act)).unwrap();
    (report, found)
}

#[test]
fn whoever_reads_ahead_in_a_batch_decides_differently_tick_by_tick() {
    // A batch's columns hold the rows that follow, up to where nothing can happen; the contract has a strategy decide row by
    // row. What breaks it is found by comparing with a run in which there are no later rows.
    let batched = result(Batching::Horizon, reads_ahead).unwrap();
    let one_by_one = result(Batching::TickByTick, reads_ahead).unwrap();
    assert!(batched.decisions.asked() > 0);
    assert_ne!(batched.decisions.digest(), one_by_one.decisions.digest());
}

#[test]
fn whoever_reads_ahead_is_found_by_a_run_with_other_batches() {
    let (honest, confirmed) = found(|desk, call| every_twentieth(desk, call, |_| true));
    assert!(honest.statistics.trades > 50 && confirmed.is_ok(), "{confirmed:?}");

    // Keeps still where the price will fall: each order that it does send is one that an honest strategy would send, too.
    let (picky, confirmed) = found(|desk, call| every_twentieth(desk, call, |ahead| ahead.get(10).is_none_or(|then| *then > ahead[0])));
    assert!(picky.statistics.net_profit > honest.statistics.net_profit, "it pays: {} trades", picky.statistics.trades);
    let told = confirmed.unwrap_err();
    assert!(told.first.is_some() && told.to_string().contains("buy market 0.01 lots"), "{told}");

    // Orders only what it knows will pay.
    let (bold, confirmed) = found(|desk, call| every_twentieth(desk, call, |ahead| ahead.get(10).is_some_and(|then| *then > ahead[0])));
    assert!(bold.statistics.net_profit > honest.statistics.net_profit, "it pays: {} trades", bold.statistics.trades);
    assert!(confirmed.is_err());
    assert!(found(reads_ahead).1.is_err());
}

#[test]
fn going_on_after_an_order_is_a_fault() {
    let report = result(Batching::Horizon, |desk, call| {
        let Call::Ticks { ticks, .. } = call else { return 0 };
        desk.set_timer(1, i64::MAX, None).unwrap();
        ticks.len() as u32 + u32::from(ticks.len() == 1)
    });
    assert!(matches!(report, Err(RunError::Strategy { .. })));
}
