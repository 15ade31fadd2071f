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
use paper::{Delay, VenueOptions};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use stockade_backtest::optimise::windows::Span;
use stockade_backtest::optimise::{Runner, Trouble};
use stockade_backtest::source::{Chunks, owned};
use stockade_backtest::{Batching, Hearing, RunError, RunReport, RunSetup, Source, located, run};

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
        if self.counted >= FAILS {
            return Outcome::Trapped("it gave up".into());
        }
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

/// Who counts so far fails.
const FAILS: u32 = 1_000_000;

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
    result_heard(batching, own, beside, VenueOptions::default(), Hearing::default(), act)
}

/// The same at a venue of these rules, the news of which is heard of as it says.
fn result_heard(
    batching: Batching,
    own: OwnedColumns,
    beside: OwnedColumns,
    venue: VenueOptions,
    hearing: Hearing,
    act: impl FnMut(&mut Desk, &Call<'_>) -> u32 + Send + 'static,
) -> Result<RunReport, RunError> {
    let source = source(own, beside).heard(hearing);
    run(setup(batching, venue), source, |desk| Ok(Box::new(Native { desk, act, counted: 0 })), |_| ())
}

fn setup(batching: Batching, venue: VenueOptions) -> RunSetup {
    RunSetup {
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
        venue,
        limits: GuestLimits::default(),
        seed: 1,
        mode: RunMode::Backtest,
        batching,
        keep_remarks: false,
        witness: None,
    }
}

/// Ticks of EURUSD, and of GBPUSD beside them.
fn source(own: OwnedColumns, beside: OwnedColumns) -> Source {
    let lanes: Vec<(SymbolId, Chunks)> =
        vec![(SymbolId(0), Box::new([Ok(owned(own))].into_iter())), (SymbolId(1), Box::new([Ok(owned(beside))].into_iter()))];
    Source::new(lanes).unwrap()
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

#[test]
fn an_order_that_took_its_time_once_and_was_heard_of_later_does_so_again() {
    // Asked for at 3 s, carried out after the tick of 5 s, heard of after that of 8 s; its stop is moved at once then.
    let at = |s: i64| Time(s * SECOND_US);
    let delay = Delay::Each(Arc::new([vec![2 * SECOND_US]]));
    let hearing = || Hearing {
        orders: [(1, [at(8), at(8)].into())].into(),
        deals: [(1, [at(8)].into())].into(),
        stops: [(1, [at(10)].into())].into(),
    };
    for batching in [Batching::Horizon, Batching::TickByTick] {
        let mut own = OwnedColumns::default();
        (1..=12).for_each(|s| own.push(Row::quote(at(s), 1.3 + s as f64 / 1e4, 1.3001 + s as f64 / 1e4)));
        let venue = VenueOptions { delay: delay.clone(), ..VenueOptions::default() };
        let said = Arc::new(Mutex::new(Vec::new()));
        let words = Arc::clone(&said);
        let report = result_heard(batching, own, OwnedColumns::default(), venue, hearing(), move |desk, call| {
            let held = desk.positions().len();
            match call {
                Call::Ticks { .. } | Call::Tick { .. } => {
                    if matches!(call, Call::Ticks { .. }) {
                        desk.at(0).unwrap();
                    }
                    words.lock().unwrap().push(format!("{} s, {held} held", desk.now() / SECOND_US));
                    if desk.now() == at(3).0 {
                        desk.submit(order(Side::Buy)).unwrap();
                    }
                }
                Call::Order { event: SeenEvent::Filled(fill), .. } => {
                    words.lock().unwrap().push(format!("filled at {} for {:.4}", Time(fill.time), fill.price));
                    desk.modify_position(1, Some(1.29), None).unwrap();
                }
                Call::Position { change: PositionChange::StopsMoved, .. } => words.lock().unwrap().push("moved".to_owned()),
                _ => {}
            }
            0
        });
        assert_eq!(report.unwrap().deals[0].time, at(5));
        let expected: Vec<String> = (1..=8)
            .map(|s| format!("{s} s, 0 held"))
            .chain([format!("filled at {} for 1.3006", at(5))])
            .chain([9, 10].map(|s| format!("{s} s, 1 held")))
            .chain(["moved".to_owned()])
            .chain([11, 12].map(|s| format!("{s} s, 1 held")))
            .collect();
        assert_eq!(*said.lock().unwrap(), expected);
    }
}

/// A tick a second.
fn ticks_200() -> OwnedColumns {
    quotes((1..=200).map(|s| s * SECOND_US), false)
}

/// Takes one row of a batch, but fails as soon as the batch holds the 150th.
fn fails_at_150() -> impl FnMut(&mut Desk, &Call<'_>) -> u32 + Send + 'static {
    let mut seen = 0_u32;
    move |desk, call| {
        let rows = match call {
            Call::Ticks { ticks, .. } => ticks.len() as u32,
            Call::Tick { .. } => 1,
            _ => 0,
        };
        let fails = (seen + 1..=seen + rows).contains(&150);
        if rows > 0 {
            seen += 1;
            if seen == 10 {
                desk.submit(order(Side::Buy)).unwrap();
            }
        }
        if fails { FAILS } else { 0 }
    }
}

#[test]
fn a_pass_that_fails_within_a_batch_names_its_own_tick() {
    let ticks = |_, _| Ok(source(ticks_200(), OwnedColumns::default()));
    let guests = |desk, _| Ok(Box::new(Native { desk, act: fails_at_150(), counted: 0 }) as Box<dyn Guest<Desk>>);
    let stop = AtomicBool::new(false);
    let runner = Runner::new(setup(Batching::Horizon, VenueOptions::default()), &ticks, &guests, 0, &stop);
    let day = Span::holding(Time(0), Time(0));
    for found in [runner.figures(&[], day).map(drop), runner.report(&[], day).map(drop)] {
        let Err(Trouble::Fault(fault)) = found else { panic!("{found:?}") };
        assert_eq!(fault.message, "at 1970-01-01T00:02:30.000000Z: it gave up");
    }
}

#[test]
fn a_fault_within_a_batch_is_found_at_its_own_tick_with_what_was_found_by_then() {
    let run = |batching| result(batching, ticks_200(), OwnedColumns::default(), fails_at_150());
    let first = run(Batching::Horizon).unwrap_err();
    let RunError::Strategy { at, batch: Some(_), so_far: Some(_), .. } = &first else { panic!("{first}") };
    assert!(*at < Time(150 * SECOND_US), "{at}");
    assert!(first.to_string().starts_with("within the ") && first.to_string().contains(" ticks after 1970-01-01T00:0"), "{first}");
    let RunError::Strategy { at, so_far: Some(report), .. } = located(first, run) else { panic!("it comes again") };
    assert_eq!(at, Time(150 * SECOND_US));
    assert_eq!((report.statistics.trades, report.to), (1, at));
    assert_eq!(report.stopped.as_deref(), Some("at 1970-01-01T00:02:30.000000Z: trapped: it gave up"));
}
