//! What a guest can do to its host through the desk: nothing that lasts for ever, and nothing that looks different by columns.

use std::sync::{Arc, Mutex, RwLock};
use stockade_domain::account::Account;
use stockade_domain::actor::Actor;
use stockade_domain::bars::MarketHistory;
use stockade_domain::broker::AccountTerms;
use stockade_domain::contract::*;
use stockade_domain::desk::{Columns, Desk, DeskSetup, QueueGauge, TradingSwitch};
use stockade_domain::guest::{Call, Guest, GuestHost, Outcome, Reply, Used};
use stockade_domain::ids::{AccountId, EngineId, UserId};
use stockade_domain::ledger::Ledger;
use stockade_domain::limits::REPORTS_PER_CALL_MAX;
use stockade_domain::number::Money;
use stockade_domain::risk::RiskLimits;
use stockade_domain::symbol::{SymbolId, SymbolTable, common};
use stockade_domain::tick::{TickColumns, Timeframe};
use stockade_domain::time::{MINUTE_US, Time};

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
    let table = SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap();
    let kept = |_| (vec![Timeframe::M1, Timeframe::M5], 100);
    let history = Arc::new(RwLock::new(MarketHistory::new(&table, kept)));
    let ledger = Ledger::new(Money(10_000 * Money::ONE.0));
    let account = Account::new(AccountId(1), UserId(1), AccountTerms::default(), ledger, RiskLimits::default());
    let desk = Desk::new(DeskSetup {
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
    let actor = Actor::start(Box::new(Native { desk, act }), &description, &[], None, Time(0)).unwrap();
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
