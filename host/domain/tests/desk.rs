//! What a guest can do to its host through the desk: nothing that lasts for ever, and nothing that looks different by columns.

use std::sync::{Arc, Mutex, RwLock};
use stockade_domain::account::Account;
use stockade_domain::actor::Actor;
use stockade_domain::bars::MarketHistory;
use stockade_domain::broker::AccountTerms;
use stockade_domain::contract::*;
use stockade_domain::desk::{Columns, Desk, DeskSetup, QueueGauge, TradingSwitch};
use stockade_domain::guest::{Call, Fault, FaultKind, Guest, GuestHost, Outcome, Reply, Used};
use stockade_domain::ids::{AccountId, Digest, EngineId, UserId};
use stockade_domain::ledger::Ledger;
use stockade_domain::limits::{
    FLOOD_BURSTS_MAX, FLOOD_DENIED_MAX, FLOOD_DROPPED_MAX, FLOOD_EVENTS, GuestLimits, REPORTS_PER_CALL_MAX, REQUESTS_PER_MINUTE_MAX,
};
use stockade_domain::number::Money;
use stockade_domain::risk::RiskLimits;
use stockade_domain::symbol::{SymbolId, SymbolTable, common};
use stockade_domain::tape::{Asked, Beginning, Entry, Tape};
use stockade_domain::tick::{Tick, TickColumns, Timeframe};
use stockade_domain::time::{MINUTE_US, SECOND_US, Time};
use stockade_domain::wake::Wake;

const SYMBOL: SymbolId = SymbolId(0);

/// Does the same at every row and event, however they come.
struct Native<F> {
    desk: Desk,
    act: F,
}

impl<F: FnMut(&mut Desk, &str) + Send> Guest<Desk> for Native<F> {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        match call {
            Call::Start { .. } => (self.act)(&mut self.desk, "start"),
            Call::Timer(_) => (self.act)(&mut self.desk, "timer"),
            Call::Tick { .. } => (self.act)(&mut self.desk, "tick"),
            Call::Ticks { ticks, .. } => {
                for row in 0..ticks.len() {
                    self.desk.at(row as u32).unwrap();
                    (self.act)(&mut self.desk, "tick");
                }
                return Outcome::Decided(Reply::Consumed(ticks.len() as u32));
            }
            _ => {}
        }
        Outcome::Decided(Reply::Done)
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

struct World {
    history: Arc<RwLock<MarketHistory>>,
    actor: Actor,
}

/// An engine that asked for the M1 bars and the last 3 ticks of EURUSD, on a host that keeps more for others.
fn world(act: impl FnMut(&mut Desk, &str) + Send + 'static) -> World {
    world_of(|desk| Box::new(Native { desk, act }))
}

/// The same with a guest of another kind.
fn world_of(guest: impl FnOnce(Desk) -> Box<dyn Guest<Desk>>) -> World {
    let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
    let kept = |_| (vec![Timeframe::M1, Timeframe::M5], 100);
    let history = Arc::new(RwLock::new(MarketHistory::new(&table, kept)));
    let ledger = Ledger::new(Money(10_000 * Money::ONE.0));
    let account = Account::new(AccountId(1), UserId(1), AccountTerms::default(), ledger, RiskLimits::default());
    let beginning = Beginning {
        engine: EngineId(1),
        version: Digest([0; 32]),
        table: Vec::new(),
        symbols: vec![SYMBOL],
        seed: 1,
        limits: GuestLimits::default(),
    };
    let mut desk = Desk::new(DeskSetup {
        engine: EngineId(1),
        mode: RunMode::Backtest,
        table,
        symbols: vec![SYMBOL],
        market: Arc::clone(&history) as _,
        account: Arc::new(Mutex::new(account)),
        switch: Arc::new(TradingSwitch::default()),
        queue: Arc::new(QueueGauge::new(100)),
        orders_before: 0,
        seed: 1,
        orders_per_call_max: 16,
        log_bytes_per_minute: 64 << 10,
    });
    desk.record(Tape::new(beginning));
    let description = Description {
        name: "native".into(),
        version: "1".into(),
        about: String::new(),
        params: Vec::new(),
        needs: vec![DataNeed { symbol: String::new(), timeframes: vec![Timeframe::M1], bars_before_start: 0, ticks_before_start: 3 }],
        latest_tick_only: false,
        callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
        state_schema: 0,
        memory_bytes: 0,
    };
    let actor = Actor::start(guest(desk), &description, &[], None, Time(0)).unwrap();
    World { history, actor }
}

struct Rows(Vec<i64>, Vec<f64>);

impl Columns for Rows {
    fn columns(&self) -> TickColumns<'_> {
        TickColumns { times: &self.0, bids: &self.1, asks: &self.1, lasts: &[], volumes: &[] }
    }
}

/// Hands the times over tick by tick and by columns to the same strategy; what it wrote down each time.
fn both_ways(times: &[i64], act: fn(&mut Desk) -> String) -> [Vec<String>; 2] {
    [false, true].map(|by_columns| {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = Arc::clone(&seen);
        let mut world = world(move |desk, event| {
            if event == "tick" {
                let line = act(desk);
                note.lock().unwrap().push(line);
            }
        });
        let columns: Arc<dyn Columns> = Arc::new(Rows(times.to_vec(), vec![1.3; times.len()]));
        if by_columns {
            let handled = world.actor.rows(SYMBOL, &columns, 0..times.len(), 1).unwrap();
            assert_eq!(handled, times.len());
        } else {
            for row in 0..times.len() {
                let tick = columns.columns().tick(row, SYMBOL, 1);
                world.history.write().unwrap().symbol_mut(SYMBOL).push(&tick, &mut Vec::new());
                world.actor.tick(&tick, 0).unwrap();
            }
        }
        drop(world);
        Arc::into_inner(seen).unwrap().into_inner().unwrap()
    })
}

#[test]
fn a_timer_that_always_sets_itself_again_holds_nobody_up() {
    let fired = Arc::new(Mutex::new(0));
    let count = Arc::clone(&fired);
    let mut world = world(move |desk, _| {
        *count.lock().unwrap() += 1;
        let now = desk.now();
        desk.set_timer(1, now, None).unwrap();
    });
    world.actor.timers(Time(1_000)).unwrap();
    let in_one_event = *fired.lock().unwrap();
    assert!(in_one_event < 100, "{in_one_event}");
    world.actor.timers(Time(1_000)).unwrap();
    assert!(*fired.lock().unwrap() > in_one_event, "it goes on with the next event");
}

#[test]
fn the_past_is_what_was_asked_for_however_ticks_come_and_whatever_others_keep() {
    let times: Vec<i64> = (1..=10).collect();
    let [one_by_one, by_columns] = both_ways(&times, |desk| {
        let ticks: Vec<i64> = desk.ticks(0, 100).unwrap().iter().map(|tick| tick.time.0).collect();
        format!("{ticks:?}")
    });
    assert_eq!(one_by_one.last().unwrap(), "[8, 9, 10]");
    assert_eq!(one_by_one, by_columns);
}

#[test]
fn bars_of_a_timeframe_that_only_others_asked_for_are_not_shown() {
    let shown = Arc::new(Mutex::new((0, 0)));
    let note = Arc::clone(&shown);
    let mut world = world(move |desk, _| {
        let mut count = |timeframe| desk.bars(0, timeframe, 100).unwrap().len();
        *note.lock().unwrap() = (count(Timeframe::M1), count(Timeframe::M5));
    });
    let times: Vec<i64> = (0..20).map(|minute| minute * MINUTE_US).collect();
    let rows = Rows(times, vec![1.3; 20]);
    for row in 0..20 {
        let tick = rows.columns().tick(row, SYMBOL, 1);
        world.history.write().unwrap().symbol_mut(SYMBOL).push(&tick, &mut Vec::new());
        world.actor.tick(&tick, 0).unwrap();
    }
    assert_eq!(*shown.lock().unwrap(), (19, 0));
}

#[test]
fn log_budgets_are_the_same_however_ticks_come() {
    // Two thirds of a minute apart, so that a window that starts with a call starts elsewhere than one that starts with a row.
    let times: Vec<i64> = (0..8).map(|row| row * 40_000_000).collect();
    let [one_by_one, by_columns] = both_ways(&times, |desk| {
        if desk.now() % 3 == 0 {
            (0..REPORTS_PER_CALL_MAX).for_each(|_| desk.log(LogLevel::Info, "x"));
        }
        desk.budget().log_bytes.to_string()
    });
    assert_eq!(one_by_one, by_columns);
}

/// Hands ticks over, one every `every_us`: tick by tick, or all in one call. The first fault, and at which tick or call it was.
fn flood(by_columns: bool, ticks: i64, every_us: i64, act: impl Fn(&mut Desk) + Send + 'static) -> Option<(usize, Fault)> {
    let mut world = world(move |desk, event| {
        if event == "tick" {
            act(desk);
        }
    });
    let times: Vec<i64> = (0..ticks).map(|tick| tick * every_us).collect();
    let columns: Arc<dyn Columns> = Arc::new(Rows(times, vec![1.3; ticks as usize]));
    if by_columns {
        return world.actor.rows(SYMBOL, &columns, 0..ticks as usize, 1).err().map(|fault| (0, fault));
    }
    (0..ticks as usize).find_map(|row| Some((row, world.actor.tick(&columns.columns().tick(row, SYMBOL, 1), 0).err()?)))
}

fn asks_in_vain(desk: &mut Desk, times: u32) {
    (0..times).for_each(|_| assert_eq!(desk.cancel(7), Err(DenyCode::OrderNotFound)));
}

fn says(desk: &mut Desk, lines: u32) {
    (0..lines).for_each(|_| desk.log(LogLevel::Info, &"x".repeat(1_000)));
}

#[test]
fn who_tries_a_few_denied_requests_at_every_tick_goes_on_and_who_floods_is_ended_and_told_why() {
    assert_eq!(flood(false, 1_000, SECOND_US, |desk| asks_in_vain(desk, FLOOD_DENIED_MAX / FLOOD_EVENTS as u32)), None);
    let (tick, fault) = flood(false, 1_000, MINUTE_US, |desk| asks_in_vain(desk, 16)).expect("it is ended");
    assert_eq!((tick, fault.kind), (FLOOD_DENIED_MAX as usize / 16, FaultKind::Flooding));
    assert!(fault.message.contains("ORDER_NOT_FOUND 1001 times"), "{fault}");
}

#[test]
fn who_says_a_little_too_much_goes_on_and_who_floods_is_ended_and_told_why() {
    assert_eq!(flood(false, 1_000, SECOND_US, |desk| says(desk, FLOOD_DROPPED_MAX / FLOOD_EVENTS as u32)), None);
    let (_, fault) = flood(false, 1_000, SECOND_US, |desk| says(desk, 10 * FLOOD_DROPPED_MAX)).expect("it is ended");
    assert_eq!(fault.kind, FaultKind::Flooding);
    assert!(fault.message.contains(&format!("{} log lines", FLOOD_DROPPED_MAX + 1)), "{fault}");
}

#[test]
fn who_bursts_now_and_then_goes_on_and_who_does_so_at_every_tick_is_ended_after_a_few() {
    let now_and_then = |desk: &mut Desk| {
        if desk.now() / SECOND_US % 100 == 50 {
            (0..FLOOD_DENIED_MAX).for_each(|_| assert!(desk.cancel(7).is_err()));
            says(desk, FLOOD_DROPPED_MAX);
        }
    };
    assert_eq!(flood(false, 1_000, SECOND_US, now_and_then), None);
    let ended = |act: fn(&mut Desk)| flood(false, 1_000, SECOND_US, act).map(|(tick, fault)| (tick as u32, fault.kind));
    // A minute's first lines are kept.
    assert_eq!(ended(|desk| says(desk, 100)), Some((FLOOD_BURSTS_MAX + 1, FaultKind::Flooding)));
    assert_eq!(ended(|desk| (0..100).for_each(|_| assert!(desk.cancel(7).is_err()))), Some((FLOOD_BURSTS_MAX, FaultKind::Flooding)));
}

#[test]
fn a_flood_is_the_same_however_ticks_come() {
    // A burst in one hundred of events and one in the next are two bursts, also within one call.
    let bursts = |desk: &mut Desk| {
        if (90..106).contains(&(desk.now() / SECOND_US)) {
            says(desk, FLOOD_DROPPED_MAX * 8 / 100);
        }
    };
    assert_eq!([false, true].map(|by_columns| flood(by_columns, 256, SECOND_US, bursts)), [None, None]);
    let faults = [false, true].map(|by_columns| flood(by_columns, 256, SECOND_US, |desk| says(desk, 100)).map(|(_, fault)| fault));
    assert!(faults[0].is_some() && faults[0] == faults[1], "{faults:?}");
}

#[test]
fn requests_of_a_minute_are_bounded_before_anything_is_looked_at_and_cancels_much_later() {
    let codes = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&codes);
    let ended = flood(false, 700, MINUTE_US / 600, move |desk| {
        let order = AskedOrder {
            symbol: 0,
            side: Side::Buy,
            kind: OrderKind::Market,
            volume: 1e6,
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
        (0..4).for_each(|_| note.lock().unwrap().push(desk.submit(order.clone()).expect_err("it is too large")));
        asks_in_vain(desk, 1);
    });
    assert_eq!(ended, None);
    let codes = codes.lock().unwrap();
    let in_minute = |minute: usize| codes.iter().skip(minute * 2_400).take(2_400);
    // Every fifth request is a cancel, which counts as well.
    let looked_at = in_minute(0).take_while(|code| **code == DenyCode::VolumeAboveMaximum).count();
    assert_eq!(looked_at, REQUESTS_PER_MINUTE_MAX as usize / 5 * 4);
    assert!(in_minute(0).skip(looked_at).all(|code| *code == DenyCode::RateExceeded));
    assert_eq!(codes[2_400], DenyCode::VolumeAboveMaximum, "a new minute");
}

/// An engine that waits for a bid of 1.4 from its start on; what it was called with is noted.
fn sleeper(calls: &Arc<Mutex<Vec<&'static str>>>) -> World {
    let calls = Arc::clone(calls);
    world(move |desk, event| match event {
        "start" => {
            desk.set_wake(0, Wake { bid_at_least: 1.4, ..Wake::NO_TICK }).unwrap();
            desk.set_timer(1, 5 * SECOND_US, None).unwrap();
        }
        "timer" => calls.lock().unwrap().push("timer"),
        _ => calls.lock().unwrap().push("tick"),
    })
}

#[test]
fn ticks_that_nobody_waits_for_go_by_and_all_else_comes() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut world = sleeper(&calls);
    for (second, bid) in [(1, 1.3), (4, 1.3999), (6, 1.3), (7, 1.4), (8, 1.3), (9, 1.5)] {
        let time = Time(second * SECOND_US);
        let tick = Tick { time, sequence: second as u64, bid, ask: bid, last: 0.0, volume: 0.0, symbol: SYMBOL, flags: 0 };
        world.actor.timers(time).unwrap();
        assert_eq!(world.actor.tick(&tick, 0).unwrap(), bid >= 1.4, "at second {second}");
        let reached = world.actor.reached();
        assert_eq!((reached.now, reached.last[0]), (time, Some(tick)), "the market goes on");
    }
    assert_eq!(*calls.lock().unwrap(), ["timer", "tick", "tick"]);
}

#[test]
fn the_next_tick_after_some_that_are_missing_is_handed_over_whatever_is_waited_for() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut world = sleeper(&calls);
    world.actor.take_tape();
    for (second, skipped) in [(1, 0), (2, 3), (3, 0), (4, 1)] {
        let time = Time(second * SECOND_US);
        let tick = Tick { time, sequence: 10 * second as u64, bid: 1.3, ask: 1.3, last: 0.0, volume: 0.0, symbol: SYMBOL, flags: 0 };
        assert_eq!(world.actor.tick(&tick, skipped).unwrap(), skipped > 0);
    }
    let expected = [
        Entry::Passed { symbol: 0, first: 10, count: 1 },
        Entry::Ticks { symbol: 0, first: 20, count: 1, skipped: 3 },
        Entry::Passed { symbol: 0, first: 30, count: 1 },
    ];
    assert_eq!(world.actor.take_tape(), expected);
}

#[test]
fn a_wake_for_a_symbol_that_is_none_breaks_the_contract() {
    let seen = Arc::new(Mutex::new(None));
    let note = Arc::clone(&seen);
    world(move |desk, _| *note.lock().unwrap() = Some(desk.set_wake(1, Wake::EVERY_TICK)));
    let broken = seen.lock().unwrap().take().expect("it was started").unwrap_err();
    assert!(broken.to_string().contains("there is no symbol 1"), "{broken}");
}

/// Takes ticks one by one; in a batch it does as it likes, and traps.
struct TrapsInBatches {
    desk: Desk,
    before: fn(&mut Desk),
}

impl Guest<Desk> for TrapsInBatches {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        let Call::Ticks { .. } = call else { return Outcome::Decided(Reply::Done) };
        (self.before)(&mut self.desk);
        Outcome::Trapped("somewhere".into())
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

/// What is on the tape after two ticks and a batch of ten that failed.
fn tape_of_a_failed_batch(before: fn(&mut Desk)) -> Vec<Entry> {
    let mut world = world_of(|desk| Box::new(TrapsInBatches { desk, before }));
    world.actor.take_tape();
    let columns: Arc<dyn Columns> = Arc::new(Rows((1..=12).collect(), vec![1.3; 12]));
    for row in 0..2 {
        world.actor.tick(&columns.columns().tick(row, SYMBOL, 1), 0).unwrap();
    }
    world.actor.rows(SYMBOL, &columns, 2..12, 3).unwrap_err();
    world.actor.take_tape()
}

#[test]
fn a_batch_that_failed_is_taped_up_to_where_it_came_then_its_fault_and_then_the_rest() {
    let range = |first, count| Entry::Ticks { symbol: 0, first, count, skipped: 0 };
    let failed = || Entry::Failed(Fault { kind: FaultKind::Trapped, message: "somewhere".into() });
    assert_eq!(tape_of_a_failed_batch(|_| ()), [range(1, 2), range(3, 1), failed(), range(4, 9)]);
    assert_eq!(tape_of_a_failed_batch(|desk| desk.at(4).unwrap()), [range(1, 6), range(7, 1), failed(), range(8, 5)]);
    let asks = |desk: &mut Desk| {
        desk.at(4).unwrap();
        asks_in_vain(desk, 1);
    };
    let asked = Entry::Asked(Asked::Cancel { id: 7, answer: Err(DenyCode::OrderNotFound) });
    assert_eq!(tape_of_a_failed_batch(asks), [range(1, 7), asked, failed(), range(8, 5)]);
    let at_the_last = |desk: &mut Desk| desk.at(9).unwrap();
    assert_eq!(tape_of_a_failed_batch(at_the_last), [range(1, 11), range(12, 1), failed()]);
}
