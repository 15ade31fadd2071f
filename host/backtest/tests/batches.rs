//! Batches must not change decisions: any strategy, run tick by tick and over the horizon, gives the same deals and the
//! same decisions, byte for byte.

use domain::broker::AccountTerms;
use domain::contract::*;
use domain::desk::Desk;
use domain::guest::{Call, Guest, GuestHost, Outcome, Reply, Used};
use domain::limits::GuestLimits;
use domain::risk::RiskLimits;
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::Timeframe;
use domain::time::{MINUTE_US, Time};
use market::OwnedColumns;
use market::columns::Row;
use paper::VenueOptions;
use proptest::prelude::*;
use stockade_backtest::source::{Chunks, owned};
use stockade_backtest::{Batching, RunReport, RunSetup, Source, run};

/// A strategy that does something at random now and then, and lets all it is shown decide what.
struct Restless {
    desk: Desk,
    seen: u64,
    eagerness: u64,
}

impl Restless {
    fn mix(&mut self, value: u64) {
        self.seen = (self.seen ^ value).wrapping_mul(0x100_0000_01B3).rotate_left(17);
    }

    /// Looks at the world and perhaps acts; `true` when it asked for an order or a timer.
    fn think(&mut self, bid: f64, ask: f64) -> bool {
        self.mix(bid.to_bits() ^ ask.to_bits().rotate_left(1));
        if !self.seen.is_multiple_of(self.eagerness) {
            return false;
        }
        let drawn = self.desk.random();
        self.mix(drawn);
        let account = self.desk.account();
        self.mix(account.equity.to_bits() ^ account.margin.to_bits().rotate_left(9));
        let positions = self.desk.positions();
        let orders = self.desk.orders();
        positions.iter().for_each(|position| self.mix(position.profit.to_bits() ^ position.volume.to_bits()));
        // More than it needed before the start: what lies in a batch must not show.
        let ticks = self.desk.ticks(0, 20).unwrap();
        self.desk.log(LogLevel::Info, &"x".repeat((drawn % 1_000) as usize));
        let left = self.desk.budget();
        self.mix(left.log_bytes ^ u64::from(left.orders));
        ticks.iter().for_each(|tick| self.mix(tick.time.0 as u64));
        let bars = self.desk.bars(0, Timeframe::M1, 2).unwrap();
        bars.iter().for_each(|bar| self.mix(bar.close.to_bits() ^ bar.tick_volume));
        self.act(bid, ask, &positions, &orders)
    }

    fn act(&mut self, bid: f64, ask: f64, positions: &[SeenPosition], orders: &[SeenOrder]) -> bool {
        let pips = |n: u64| (n % 30 + 1) as f64 * 0.0001;
        let on_grid = |price: f64| (price * 1e5).round() / 1e5;
        let choice = self.seen >> 7;
        let side = if choice & 1 == 0 { Side::Buy } else { Side::Sell };
        let sign = side.sign() as f64;
        let mut order = AskedOrder {
            symbol: 0,
            side,
            kind: OrderKind::Market,
            volume: (choice % 40 + 1) as f64 / 100.0,
            price: None,
            stop_limit_price: None,
            stop_loss: None,
            take_profit: None,
            filling: Filling::Any,
            deviation: None,
            expires: None,
            position: None,
            reduce_only: choice.is_multiple_of(11),
            tag: String::new(),
        };
        match (choice >> 3) % 9 {
            0 | 1 => {
                order.stop_loss = Some(on_grid(bid - sign * pips(choice)));
                order.take_profit = choice.is_multiple_of(3).then(|| on_grid(bid + sign * pips(choice >> 4)));
                _ = self.desk.submit(order);
            }
            2 => {
                (order.kind, order.price) = (OrderKind::Limit, Some(on_grid(bid - sign * pips(choice))));
                order.expires = choice.is_multiple_of(2).then(|| self.desk.now().0 + 90_000_000);
                _ = self.desk.submit(order);
            }
            3 => {
                (order.kind, order.price) = (OrderKind::Stop, Some(on_grid(ask + sign * pips(choice))));
                _ = self.desk.submit(order);
            }
            4 => match positions.first() {
                Some(position) => _ = self.desk.close(position.id, choice.is_multiple_of(2).then_some(0.01)),
                None => return false,
            },
            5 => match positions.last() {
                Some(position) => {
                    _ = self.desk.modify_position(position.id, Some(on_grid(bid - position.side.sign() as f64 * pips(choice))), None)
                }
                None => return false,
            },
            6 => match orders.first() {
                Some(order) => _ = self.desk.cancel(order.id),
                None => return false,
            },
            7 => self
                .desk
                .set_timer((choice % 3) as u32, self.desk.now().0 + 20_000_000, choice.is_multiple_of(2).then_some(30_000_000))
                .unwrap(),
            _ => return false,
        }
        true
    }
}

impl Guest<Desk> for Restless {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        let mut reply = Reply::Done;
        match call {
            Call::Tick { tick, symbol, .. } => {
                self.mix(u64::from(symbol));
                self.think(tick.bid, tick.ask);
            }
            Call::Ticks { symbol, ticks } => {
                let mut handled = 0;
                for row in 0..ticks.len() {
                    self.desk.at(row as u32).unwrap();
                    self.mix(u64::from(symbol));
                    handled += 1;
                    if self.think(ticks.bids[row], ticks.asks[row]) {
                        break;
                    }
                }
                reply = Reply::Consumed(handled);
            }
            Call::Bar { bar, .. } => {
                self.mix(bar.high.to_bits() ^ bar.timeframe as u64);
                self.think(bar.close, bar.close);
            }
            Call::Timer(id) => {
                let now = self.desk.now().0 as u64;
                self.mix(u64::from(id) + now);
            }
            Call::Order { id, event } => self.mix(id ^ format!("{event:?}").len() as u64),
            Call::Position { position, change } => self.mix(position.profit.to_bits() ^ change as u64),
            Call::Save => reply = Reply::State(Vec::new()),
            Call::Tester(_) => reply = Reply::Criterion(self.seen as f64),
            _ => {}
        }
        Outcome::Decided(reply)
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

/// A random walk with pauses and jumps.
fn walk(seed: u64, ticks: usize, start: f64) -> OwnedColumns {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut columns, mut time, mut points) = (OwnedColumns::default(), 0_i64, (start * 1e5) as i64);
    for _ in 0..ticks {
        let dice = next();
        time += if dice.is_multiple_of(101) { 7 * MINUTE_US } else { (dice >> 8) as i64 % 3_000_000 };
        points += if dice.is_multiple_of(97) { (dice >> 20) as i64 % 400 - 200 } else { (dice >> 20) as i64 % 21 - 10 };
        points = points.max(50_000);
        let spread = 5 + (dice >> 40) as i64 % 20;
        columns.push(Row::quote(Time(time), points as f64 / 1e5, (points + spread) as f64 / 1e5));
    }
    columns
}

fn result(seed: u64, symbols: usize, mode: AccountMode, eagerness: u64, batching: Batching) -> RunReport {
    let table = SymbolTable::new(vec![common::forex("EUR", "USD"), common::forex("GBP", "USD")]).unwrap();
    let need =
        |_| DataNeed { symbol: String::new(), timeframes: vec![Timeframe::M1, Timeframe::M5], bars_before_start: 0, ticks_before_start: 5 };
    let setup = RunSetup {
        table,
        symbols: (0..symbols).map(|at| SymbolId(at as u16)).collect(),
        description: Description {
            name: "restless".into(),
            version: "1".into(),
            about: String::new(),
            params: Vec::new(),
            needs: (0..symbols).map(need).collect(),
            latest_tick_only: false,
            callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
            state_schema: 0,
            memory_bytes: 0,
        },
        params: Vec::new(),
        restored: None,
        start: Time(0),
        terms: AccountTerms { mode, ..AccountTerms::default() },
        risk: RiskLimits { commands_per_minute: 1_000_000, ..RiskLimits::default() },
        venue: VenueOptions::default(),
        limits: GuestLimits::default(),
        seed,
        mode: RunMode::Backtest,
        batching,
        keep_remarks: false,
        witness: None,
    };
    let lane = |at: usize| -> (SymbolId, Chunks) {
        let ticks = owned(walk(seed.wrapping_add(at as u64 * 77), 3_000, 1.3));
        (SymbolId(at as u16), Box::new([Ok(ticks)].into_iter()))
    };
    let source = Source::new((0..symbols).map(lane).collect()).unwrap();
    run(setup, source, |desk| Ok(Box::new(Restless { desk, seen: seed, eagerness })), |_| ()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn batched_and_tick_by_tick_runs_are_the_same(seed in any::<u64>(), symbols in 1_usize..=2, hedging in any::<bool>(), eagerness in 2_u64..400) {
        let mode = if hedging { AccountMode::Hedging } else { AccountMode::Netting };
        let one_by_one = result(seed, symbols, mode, eagerness, Batching::TickByTick);
        let batched = result(seed, symbols, mode, eagerness, Batching::Horizon);
        prop_assert_eq!(one_by_one.deals, batched.deals);
        prop_assert_eq!(one_by_one.decisions.digest(), batched.decisions.digest());
        prop_assert_eq!(one_by_one.equity_drawdown, batched.equity_drawdown);
        prop_assert_eq!(one_by_one.criterion, batched.criterion, "what the strategy has seen");
    }
}

#[test]
fn the_restless_strategy_is_worth_testing_with() {
    let report = result(7, 2, AccountMode::Hedging, 20, Batching::Horizon);
    assert!(report.deals.len() > 100, "{} deals", report.deals.len());
    assert!(report.decisions.denied() > 0 && report.decisions.denied() < report.decisions.asked());
    assert!(report.calls < report.ticks, "{} calls for {} ticks", report.calls, report.ticks);
}
