//! What happens within one moment, and between the ticks of an engine's own symbols: as live.

use domain::broker::AccountTerms;
use domain::contract::*;
use domain::desk::Desk;
use domain::guest::{Call, Guest, GuestHost, Outcome, Reply, Used};
use domain::limits::GuestLimits;
use domain::number::Points;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::time::{SECOND_US, Time};
use market::OwnedColumns;
use market::columns::Row;
use paper::VenueOptions;
use stockade_backtest::source::{Chunks, owned};
use stockade_backtest::{Batching, RunError, RunReport, RunSetup, Source, run};

/// A strategy in one function; its criterion is what the function counted.
struct Native<F> {
    desk: Desk,
    act: F,
    counted: u32,
}

impl<F: FnMut(&mut Desk, &Call<'_>) -> u32 + Send> Guest<Desk> for Native<F> {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        self.counted += (self.act)(&mut self.desk, &call);
        Outcome::Decided(match call {
            Call::Ticks { .. } => Reply::Consumed(1),
            Call::Tester(_) => Reply::Criterion(f64::from(self.counted)),
            Call::Save => Reply::State(Vec::new()),
            _ => Reply::Done,
        })
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

/// Quotes once a time in a point's distance of 1.3; `crossed`: with the bid above the ask.
fn quotes(times: impl Iterator<Item = i64>, crossed: bool) -> OwnedColumns {
    let (bid, ask) = if crossed { (1.30002, 1.3) } else { (1.3, 1.30002) };
    let mut columns = OwnedColumns::default();
    times.for_each(|time| columns.push(Row::quote(Time(time), bid, ask)));
    columns
}

/// Runs on EURUSD, with GBPUSD beside it for conversions.
fn result(
    batching: Batching,
    own: OwnedColumns,
    beside: OwnedColumns,
    act: impl FnMut(&mut Desk, &Call<'_>) -> u32 + Send + 'static,
) -> Result<RunReport, RunError> {
    let setup = RunSetup {
        table: SymbolTable::new(vec![common::forex("EUR", "USD"), common::forex("GBP", "USD")]).unwrap(),
        symbols: vec![SymbolId(0)],
        description: Description {
            name: "native".into(),
            version: "1".into(),
            about: String::new(),
            params: Vec::new(),
            needs: vec![DataNeed { symbol: String::new(), timeframes: Vec::new(), bars_before_start: 0, ticks_before_start: 0 }],
            latest_tick_only: false,
            callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
            state_schema: 0,
            memory_bytes: 0,
        },
        params: Vec::new(),
        restored: None,
        start: Time(0),
        terms: AccountTerms::default(),
        risk: RiskLimits::default(),
        venue: VenueOptions::default(),
        limits: GuestLimits::default(),
        seed: 1,
        mode: RunMode::Backtest,
        batching,
        keep_remarks: false,
        witness: None,
    };
    let lanes: Vec<(SymbolId, Chunks)> =
        vec![(SymbolId(0), Box::new([Ok(owned(own))].into_iter())), (SymbolId(1), Box::new([Ok(owned(beside))].into_iter()))];
    run(setup, Source::new(lanes).unwrap(), |desk| Ok(Box::new(Native { desk, act, counted: 0 })), |_| ())
}

fn order(side: Side) -> AskedOrder {
    AskedOrder {
        symbol: 0,
        side,
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
    }
}

#[test]
fn a_strategy_that_answers_each_fill_with_an_order_is_stopped_by_the_gate_as_live() {
    let seconds = |n: i64| (1..=n).map(|s| s * SECOND_US);
    for batching in [Batching::Horizon, Batching::TickByTick] {
        let mut first = true;
        let report = result(batching, quotes(seconds(10), false), OwnedColumns::default(), move |desk, call| match call {
            Call::Tick { .. } if std::mem::take(&mut first) => u32::from(desk.submit(order(Side::Buy)).is_ok()),
            Call::Order { event: SeenEvent::Filled(_), .. } => u32::from(desk.submit(order(Side::Buy)).is_ok()),
            _ => 0,
        });
        let report = report.unwrap();
        assert_eq!(report.decisions.denied(), 1);
        assert_eq!(report.criterion, f64::from(RiskLimits::default().commands_per_minute));
    }
}

#[test]
fn timers_fire_at_ticks_of_the_engines_own_symbols_only() {
    let own = || quotes([1, 100].into_iter().map(|s| s * SECOND_US), false);
    let beside = || quotes((2..100).map(|s| s * SECOND_US), false);
    for batching in [Batching::Horizon, Batching::TickByTick] {
        let report = result(batching, own(), beside(), |desk, call| match call {
            Call::Start { .. } => {
                desk.set_timer(1, 5 * SECOND_US, Some(10_000_000)).unwrap();
                0
            }
            Call::Timer(_) => 1,
            _ => 0,
        });
        assert_eq!(report.unwrap().criterion, 1.0, "a gap in the market fires it once");
    }
}

#[test]
fn an_order_given_by_a_timer_meets_the_price_of_the_tick_that_fired_it() {
    for batching in [Batching::Horizon, Batching::TickByTick] {
        let mut ticks = quotes([1, 2].into_iter().map(|s| s * SECOND_US), false);
        ticks.push(Row::quote(Time(60 * SECOND_US), 1.4, 1.40002));
        let report = result(batching, ticks, OwnedColumns::default(), |desk, call| match call {
            Call::Start { .. } => {
                desk.set_timer(1, 30 * SECOND_US, None).unwrap();
                0
            }
            Call::Timer(_) => u32::from(desk.submit(order(Side::Buy)).is_ok()),
            _ => 0,
        });
        let report = report.unwrap();
        assert_eq!(report.criterion, 1.0);
        assert_eq!(report.deals[0].price, Points(140_002));
    }
}

#[test]
fn crossed_quotes_neither_panic_nor_keep_stops_from_being_set() {
    let times = || (1..=10).map(|s| s * SECOND_US);
    for batching in [Batching::Horizon, Batching::TickByTick] {
        let report = result(batching, quotes(times(), true), OwnedColumns::default(), |desk, call| match call {
            Call::Tick { .. } | Call::Ticks { .. } => {
                if matches!(call, Call::Ticks { .. }) {
                    desk.at(0).unwrap();
                }
                match desk.positions().first() {
                    None => {
                        let bracket = AskedOrder { stop_loss: Some(1.3), take_profit: Some(1.301), ..order(Side::Buy) };
                        u32::from(desk.submit(bracket).is_ok())
                    }
                    Some(position) => 100 * u32::from(desk.modify_position(position.id, Some(1.29), Some(1.302)).is_ok()),
                }
            }
            _ => 0,
        });
        let report = report.unwrap();
        assert_eq!(report.criterion, 901.0, "one order, nine moves of its stops");
        assert_eq!(report.deals.len(), 2);
    }
}
