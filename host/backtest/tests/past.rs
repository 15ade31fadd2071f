//! A run over rows that begin in the middle of things, with what is known of the time before, hears what a run over all rows hears.

use domain::broker::AccountTerms;
use domain::contract::*;
use domain::desk::Desk;
use domain::guest::{Call, Guest, GuestHost, Outcome, Reply, Used};
use domain::limits::GuestLimits;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::{Bar, Timeframe};
use domain::time::{SECOND_US, Time};
use market::OwnedColumns;
use market::columns::Row;
use paper::VenueOptions;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use stockade_backtest::source::{Audience, Chunks, owned};
use stockade_backtest::{Batching, Chunk, Past, RunSetup, Source, run};

const EURUSD: SymbolId = SymbolId(0);
/// Rows in all; the guest is started after some of them, between two minutes, and misses some right after that, in which bars close.
const ROWS: usize = 400;
const STARTED: usize = 155;
const MISSED: std::ops::Range<usize> = 158..180;

/// What a guest heard and saw.
#[derive(Clone, Default)]
struct Heard {
    words: Arc<Mutex<Vec<String>>>,
    bars: Arc<Mutex<Vec<Bar>>>,
}

struct Listener {
    desk: Desk,
    heard: Heard,
}

impl Listener {
    fn say(&self, words: String) {
        self.heard.words.lock().unwrap().push(words);
    }

    fn look(&mut self) {
        for (timeframe, count) in [(Timeframe::M1, 30), (Timeframe::M5, 5)] {
            let bars = self.desk.bars(0, timeframe, count).unwrap();
            self.say(format!("at {}: {bars:?}", self.desk.now()));
            self.heard.bars.lock().unwrap().extend(bars);
        }
    }
}

impl Guest<Desk> for Listener {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        let mut reply = Reply::Done;
        match call {
            Call::Start { .. } => self.look(),
            Call::Bar { bar, .. } => {
                self.say(format!("{bar:?}"));
                self.heard.bars.lock().unwrap().push(*bar);
                self.look();
            }
            Call::Tick { tick, skipped, .. } => self.say(format!("{} after {skipped}", tick.time)),
            Call::Ticks { ticks, .. } => {
                ticks.times.iter().for_each(|&time| self.say(format!("{} after 0", Time(time))));
                reply = Reply::Consumed(ticks.len() as u32);
            }
            Call::Tester(_) => reply = Reply::Criterion(0.0),
            Call::Save => reply = Reply::State(Vec::new()),
            _ => {}
        }
        Outcome::Decided(reply)
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

/// A tick every seven seconds, no two of a minute with the same price.
fn row(number: usize) -> Row {
    let bid = 1.3 + (number * 37 % 101) as f64 / 100_000.0;
    Row::quote(Time(number as i64 * 7 * SECOND_US), bid, bid + 0.00002)
}

/// Chunks of the rows from `first` on.
fn chunks(first: usize) -> Vec<Chunk> {
    let audience = |number| match number {
        number if number < STARTED => Audience::Past,
        number if MISSED.contains(&number) => Audience::Missed,
        _ => Audience::Everyone,
    };
    let one = |number| {
        let mut rows = OwnedColumns::default();
        rows.push(row(number));
        owned(rows).meant_for(audience(number))
    };
    (first..ROWS).map(one).collect()
}

fn heard(first: usize, past: Past) -> Heard {
    let setup = RunSetup {
        table: SymbolTable::new(vec![common::forex("EUR", "USD")]).unwrap(),
        symbols: vec![EURUSD],
        description: Description {
            name: "listener".into(),
            version: "1".into(),
            about: String::new(),
            params: Vec::new(),
            needs: vec![DataNeed {
                symbol: String::new(),
                timeframes: vec![Timeframe::M1, Timeframe::M5],
                bars_before_start: 0,
                ticks_before_start: 0,
            }],
            latest_tick_only: false,
            callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
            state_schema: 0,
            memory_bytes: 0,
        },
        params: Vec::new(),
        restored: None,
        start: Time(i64::MIN),
        terms: AccountTerms::default(),
        risk: RiskLimits::default(),
        venue: VenueOptions::default(),
        limits: GuestLimits::default(),
        seed: 1,
        mode: RunMode::Backtest,
        batching: Batching::Horizon,
        keep_remarks: false,
        witness: None,
    };
    let lanes: Vec<(SymbolId, Chunks)> = vec![(EURUSD, Box::new(chunks(first).into_iter().map(Ok)))];
    let source = Source::new(lanes).unwrap().after(Past { start: Some(row(STARTED - 1).time), ..past });
    let heard = Heard::default();
    let listener = |desk| Ok(Box::new(Listener { desk, heard: heard.clone() }) as Box<dyn Guest<Desk>>);
    run(setup, source, listener, |_| ()).unwrap();
    heard
}

#[test]
fn a_run_that_is_told_the_past_hears_what_one_over_all_rows_hears() {
    let all = heard(0, Past::default());
    let words = all.words.lock().unwrap().clone();
    let skipped = format!("{} after {}", row(MISSED.end).time, MISSED.len());
    assert!(words.contains(&skipped), "it is told what it missed: {words:?}");
    for first in [1, 60, 143, 149, STARTED] {
        let begins = row(first).time;
        let mut past = Past::default();
        for bar in all.bars.lock().unwrap().iter().filter(|bar| bar.open_time < begins) {
            past.bars.entry((EURUSD, bar.timeframe)).or_insert_with(BTreeMap::new).insert(bar.open_time, *bar);
        }
        if first == STARTED {
            let closed = past.bars.values().flat_map(BTreeMap::values).filter(|bar| {
                let close = bar.timeframe.close(bar.open_time);
                close > row(STARTED - 1).time && close <= begins
            });
            past.closed_by_first = closed.copied().collect();
        }
        assert_eq!(*heard(first, past).words.lock().unwrap(), words, "from row {first} on");
    }
}
