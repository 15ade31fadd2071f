//! Batches must not change decisions: any strategy, run tick by tick and over the horizon, gives the same deals and the
//! same decisions, byte for byte.

use domain::broker::AccountTerms;
use domain::contract::*;
use domain::desk::Desk;
use domain::guest::{Call, Guest, GuestHost, Outcome, Reply, Used};
use domain::limits::GuestLimits;
use domain::risk::RiskLimits;
use domain::sessions::Sessions;
use domain::swap::{Swap, SwapMode};
use domain::symbol::{OrderLife, SymbolSpec};
use domain::symbol::{SymbolId, SymbolTable, common};
use domain::tick::Timeframe;
use domain::time::{DAY_US, MINUTE_US, Time};
use domain::wake::Wake;
use market::columns::Row;
use market::import::{ImportOptions, import};
use market::{Date, OwnedColumns, TickStore};
use paper::{Charge, Commission, Commissions, Delay, Sides, VenueOptions};
use proptest::prelude::*;
use std::convert::Infallible;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use stockade_backtest::model::{self, Crossed, Found, Model, Modelling, Origin, Spread};
use stockade_backtest::source::{Chunks, owned};
use stockade_backtest::{Batching, RunReport, RunSetup, Source, confirm, run};

/// A time that never comes.
const NEVER: Time = Time(i64::MAX);

/// A market order.
fn market(side: Side, volume: f64) -> AskedOrder {
    AskedOrder {
        symbol: 0,
        side,
        kind: OrderKind::Market,
        volume,
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

/// A strategy that does something at random now and then, and lets all it is shown decide what.
struct Restless {
    desk: Desk,
    seen: u64,
    eagerness: u64,
    symbols: usize,
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
        let mut order = AskedOrder { reduce_only: choice.is_multiple_of(11), ..market(side, (choice % 40 + 1) as f64 / 100.0) };
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
            _ => {
                let (after, wake) = (|seconds: i64| Time(self.desk.now().0 + seconds * 1_000_000), Wake::EVERY_TICK);
                let wake = match (choice >> 12) % 6 {
                    0 => wake,
                    1 => Wake { at: after(30), ..wake },
                    2 => Wake { at: NEVER, bid_at_least: on_grid(bid + pips(choice)), ..wake },
                    3 => Wake { at: NEVER, ask_at_most: on_grid(ask - pips(choice)), ..wake },
                    4 => Wake { at: after(300), bid_at_most: bid - pips(choice), ask_at_least: ask + pips(choice), ..wake },
                    _ => Wake { at: NEVER, ..wake },
                };
                self.desk.set_wake((choice >> 20) as u32 % self.symbols as u32, wake).unwrap();
            }
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
            Call::Bar { symbol, bar } => {
                if bar.timeframe == Timeframe::M5 {
                    self.desk.set_wake(symbol, Wake::EVERY_TICK).unwrap();
                }
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

/// Tuesday, 6 May 2014, three hours before its end: a midnight comes within the walk.
const EVENING: Time = Time(16_196 * DAY_US + 21 * 60 * MINUTE_US);

/// A random walk with pauses and jumps.
fn walk(seed: u64, ticks: usize, start: f64) -> OwnedColumns {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut columns, mut time, mut points) = (OwnedColumns::default(), EVENING.0, (start * 1e5) as i64);
    for _ in 0..ticks {
        let dice = next();
        time += if dice.is_multiple_of(101) { 7 * MINUTE_US } else { (dice >> 8) as i64 % 3_000_000 };
        points += if dice.is_multiple_of(97) { (dice >> 20) as i64 % 400 - 200 } else { (dice >> 20) as i64 % 21 - 10 };
        points = points.max(50_000);
        let spread = if dice.is_multiple_of(53) { -3 } else { 5 + (dice >> 40) as i64 % 20 };
        columns.push(Row::quote(Time(time), points as f64 / 1e5, (points + spread) as f64 / 1e5));
    }
    columns
}

/// What a run is made of, but for how rows are handed over.
#[derive(Clone, Debug)]
struct World {
    seed: u64,
    symbols: usize,
    mode: AccountMode,
    eagerness: u64,
    /// `None`: the walk as it is, in one piece.
    modelling: Option<Modelling>,
    delay: Delay,
    swap: SwapMode,
    sessions: bool,
    life: OrderLife,
    commission: Commission,
}

impl World {
    fn plain(seed: u64, symbols: usize, mode: AccountMode, eagerness: u64) -> Self {
        let (delay, swap, sessions, life) = (Delay::None, SwapMode::Disabled, false, OrderLife::Gtc);
        Self { seed, symbols, mode, eagerness, modelling: None, delay, swap, sessions, life, commission: Commission::default() }
    }

    fn table(&self) -> SymbolTable {
        // Closed for the last ten minutes of every hour.
        let open = (0..24 * 7).map(|hour| (hour * 60, hour * 60 + 50)).collect();
        let sessions = self.sessions.then(|| Sessions::new(open).unwrap());
        let swap = Swap { mode: self.swap, long_e6: -7_850_000, short_e6: 3_800_000, ..Swap::default() };
        let of = |spec: SymbolSpec| SymbolSpec { swap, sessions: sessions.clone(), order_life: self.life, ..spec };
        SymbolTable::new(vec![of(common::forex("EUR", "USD")), of(common::forex("GBP", "USD"))]).unwrap()
    }

    fn ticks(&self, at: usize) -> OwnedColumns {
        walk(self.seed.wrapping_add(at as u64 * 77), 3_000, 1.3)
    }

    fn source(&self, store: &TickStore) -> Source {
        let table = self.table();
        let Some(modelling) = self.modelling else {
            let lane = |at: usize| -> (SymbolId, Chunks) { (SymbolId(at as u16), Box::new([Ok(owned(self.ticks(at)))].into_iter())) };
            return Source::new((0..self.symbols).map(lane).collect()).unwrap();
        };
        let lanes = |at: usize| {
            let spec = table.spec(SymbolId(at as u16));
            stored(store, spec, &self.ticks(at));
            let origin = Origin { store, spec, from: Time(i64::MIN), to: Time(i64::MAX) };
            (SymbolId(at as u16), origin.lanes(modelling, &Arc::new(Found::default())).unwrap())
        };
        model::source((0..self.symbols).map(lanes).collect()).unwrap()
    }

    fn run(&self, batching: Batching) -> RunReport {
        let folder = tempfile::tempdir().unwrap();
        let store = TickStore::create(folder.path()).unwrap();
        self.run_over(self.source(&store), self.table(), batching)
    }

    fn run_over(&self, source: Source, table: SymbolTable, batching: Batching) -> RunReport {
        let Self { seed: seen, eagerness, symbols, .. } = *self;
        self.run_as(source, table, batching, |desk| Box::new(Restless { desk, seen, eagerness, symbols }))
    }

    fn run_as(
        &self,
        source: Source,
        table: SymbolTable,
        batching: Batching,
        guest: impl FnOnce(Desk) -> Box<dyn Guest<Desk>>,
    ) -> RunReport {
        let need = |_| DataNeed {
            symbol: String::new(),
            timeframes: vec![Timeframe::M1, Timeframe::M5],
            bars_before_start: 0,
            ticks_before_start: 5,
        };
        let setup = RunSetup {
            table,
            symbols: (0..self.symbols).map(|at| SymbolId(at as u16)).collect(),
            description: Description {
                name: "restless".into(),
                version: "1".into(),
                about: String::new(),
                params: Vec::new(),
                needs: (0..self.symbols).map(need).collect(),
                latest_tick_only: false,
                callbacks: Callbacks { tick: true, bar: true, timer: true, order: true, position: true },
                state_schema: 0,
                memory_bytes: 0,
            },
            params: Vec::new(),
            restored: None,
            start: Time(0),
            terms: AccountTerms { mode: self.mode, ..AccountTerms::default() },
            risk: RiskLimits { commands_per_minute: 1_000_000, ..RiskLimits::default() },
            venue: VenueOptions {
                delay: self.delay.clone(),
                commissions: Commissions { otherwise: self.commission, ..Commissions::default() },
                ..VenueOptions::default()
            },
            limits: GuestLimits::default(),
            seed: self.seed,
            mode: RunMode::Backtest,
            batching,
            keep_remarks: false,
            witness: None,
        };
        run(setup, source, |desk| Ok(guest(desk)), |_| ()).unwrap()
    }
}

/// Writes ticks, which lie on two days, into a store.
fn stored(store: &TickStore, spec: &SymbolSpec, ticks: &OwnedColumns) {
    store.put_spec(spec).unwrap();
    let columns = ticks.as_columns();
    let mut row = 0;
    while row < ticks.len() {
        let date = Date::of(Time(ticks.times[row]));
        let end = row + ticks.times[row..].partition_point(|&time| Time(time) < date.end());
        store.write_day(&spec.name, date, columns.slice(row..end), &[], "a walk").unwrap();
        row = end;
    }
}

fn world() -> impl Strategy<Value = World> {
    let mode = prop_oneof![Just(AccountMode::Netting), Just(AccountMode::Hedging), Just(AccountMode::Exchange)];
    let model = prop_oneof![
        Just(Model::RealTicks),
        Just(Model::EveryTick),
        Just(Model::OneMinuteOhlc),
        Just(Model::OpenPrices(Timeframe::M1)),
        Just(Model::OpenPrices(Timeframe::M5))
    ];
    let spread = prop_oneof![Just(Spread::Data), Just(Spread::Fixed(domain::number::Points(12)))];
    let crossed = prop_oneof![Just(Crossed::Keep), Just(Crossed::Exchange), Just(Crossed::Drop)];
    let modelling = prop::option::of((model, spread, crossed).prop_map(|(model, spread, crossed)| Modelling { model, spread, crossed }));
    let delay =
        prop_oneof![Just(Delay::None), (1..4_000_000_i64).prop_map(Delay::Fixed), Just(Delay::Between(0, 2_000_000)), Just(Delay::Mt5)];
    let swap = prop_oneof![
        Just(SwapMode::Disabled),
        Just(SwapMode::Points),
        Just(SwapMode::CurrencySymbol),
        Just(SwapMode::CurrencyMargin),
        Just(SwapMode::CurrencyDeposit),
        Just(SwapMode::InterestCurrent),
        Just(SwapMode::InterestOpen),
        Just(SwapMode::ReopenBid)
    ];
    let life = prop_oneof![Just(OrderLife::Gtc), Just(OrderLife::Day)];
    let commission = prop_oneof![
        Just(Commission::default()),
        Just(Commission { charge: Charge::PercentE6(5_000), sides: Sides::Entry, ..Commission::default() })
    ];
    let eagerness = prop_oneof![2_u64..400, 20_u64..60];
    (any::<u64>(), 1_usize..=2, mode, eagerness, modelling, delay, swap, any::<bool>(), life, commission).prop_map(
        |(seed, symbols, mode, eagerness, modelling, delay, swap, sessions, life, commission)| World {
            seed,
            symbols,
            mode,
            eagerness,
            modelling,
            delay,
            swap,
            sessions,
            life,
            commission,
        },
    )
}

fn same(one_by_one: &RunReport, batched: &RunReport) {
    assert_eq!(one_by_one.deals, batched.deals);
    assert_eq!(one_by_one.decisions.digest(), batched.decisions.digest());
    assert_eq!(one_by_one.equity_drawdown, batched.equity_drawdown);
    assert_eq!(one_by_one.balance, batched.balance);
    assert_eq!(one_by_one.criterion, batched.criterion, "what the strategy has seen");
}

/// Runs tick by tick, over the horizon, and with batches cut elsewhere; gives the run over the horizon.
fn all_the_same(run: impl Fn(Batching) -> RunReport) -> RunReport {
    let batched = run(Batching::Horizon);
    same(&run(Batching::TickByTick), &batched);
    let confirmed = confirm(&batched, |batching, _| {
        let again = run(batching);
        same(&again, &batched);
        Ok::<_, Infallible>(again)
    });
    confirmed.unwrap().expect("it does not read ahead");
    batched
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn batched_and_tick_by_tick_runs_are_the_same(seed in any::<u64>(), symbols in 1_usize..=2, hedging in any::<bool>(), eagerness in 2_u64..400) {
        let mode = if hedging { AccountMode::Hedging } else { AccountMode::Netting };
        let world = World::plain(seed, symbols, mode, eagerness);
        all_the_same(|batching| world.run(batching));
    }

    #[test]
    fn so_they_are_under_every_model_delay_session_and_swap(world in world()) {
        all_the_same(|batching| world.run(batching));
    }
}

#[test]
fn the_restless_strategy_is_worth_testing_with() {
    let report = World::plain(7, 2, AccountMode::Hedging, 20).run(Batching::Horizon);
    assert!(report.deals.len() > 50, "{} deals", report.deals.len());
    assert!(report.decisions.denied() > 0 && report.decisions.denied() < report.decisions.asked());
    assert!(report.calls < report.ticks, "{} calls for {} ticks", report.calls, report.ticks);
}

#[test]
fn nights_sessions_and_delays_leave_their_traces() {
    let plain = World::plain(7, 1, AccountMode::Hedging, 40);
    let swapped = World { swap: SwapMode::Points, ..plain.clone() }.run(Batching::Horizon);
    assert!(swapped.deals.iter().any(|deal| deal.swap != domain::number::Money::ZERO), "a night is charged");
    let delayed = World { delay: Delay::Fixed(2_000_000), ..plain.clone() }.run(Batching::Horizon);
    assert_ne!(delayed.deals, plain.run(Batching::Horizon).deals);
    let closed = World { sessions: true, ..plain }.run(Batching::Horizon);
    let minute = |deal: &domain::broker::Deal| deal.time.0.rem_euclid(60 * MINUTE_US) / MINUTE_US;
    let within = closed.deals.iter().filter(|deal| deal.reason != domain::broker::Reason::EndOfTest);
    assert!(within.clone().count() > 10 && within.clone().all(|deal| minute(deal) < 50), "nothing is dealt while the market is closed");
}

/// Buys one lot at the first tick and keeps it.
struct Holder {
    desk: Desk,
    has_bought: bool,
}

impl Guest<Desk> for Holder {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        let rows = match call {
            Call::Ticks { ticks, .. } => ticks.len() as u32,
            Call::Tick { .. } => 1,
            _ => return Outcome::Decided(Reply::Done),
        };
        if self.has_bought {
            return Outcome::Decided(Reply::Consumed(rows));
        }
        self.has_bought = true;
        self.desk.submit(market(Side::Buy, 1.0)).unwrap();
        Outcome::Decided(Reply::Consumed(1))
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

/// A long lot over one night, at minus 7.85 of whatever the swap is stated in.
#[test]
fn every_swap_mode_charges_a_run_by_its_own_rule() {
    // A euro costs about 1.3 dollars in this market; a point of a lot is worth a dollar; a year of interest has 360 days.
    let euro = 1.3;
    let interest = euro * 100_000.0 / 100.0 / 360.0;
    for (swap, dollars) in [
        (SwapMode::Disabled, 0.0),
        (SwapMode::Points, 1.0),
        (SwapMode::ReopenCurrent, 1.0),
        (SwapMode::ReopenBid, 1.0),
        (SwapMode::CurrencyDeposit, 1.0),
        (SwapMode::CurrencySymbol, euro),
        (SwapMode::CurrencyMargin, euro),
        (SwapMode::InterestCurrent, interest),
        (SwapMode::InterestOpen, interest),
    ] {
        for mode in [AccountMode::Netting, AccountMode::Hedging] {
            let world = World { swap, ..World::plain(7, 1, mode, 1) };
            let ticks: Chunks = Box::new([Ok(owned(world.ticks(0)))].into_iter());
            let source = Source::new(vec![(SymbolId(0), ticks)]).unwrap();
            let report = world.run_as(source, world.table(), Batching::Horizon, |desk| Box::new(Holder { desk, has_bought: false }));
            let charged: f64 = report.deals.iter().map(|deal| deal.swap.to_units()).sum();
            assert!((charged + 7.85 * dollars).abs() <= 7.85 * dollars * 0.02, "{swap:?}, {mode:?}: {charged}, not {}", -7.85 * dollars);
            let booked: f64 = report.deals.iter().map(|deal| deal.net().to_units()).sum();
            assert!((report.balance.to_units() - report.terms.deposit.to_units() - booked).abs() < 1e-6, "{swap:?}: it is in the balance");
        }
    }
}

#[test]
fn batches_change_nothing_on_real_ticks() {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let data = std::env::var_os("TEST_DATA").map_or_else(usual, PathBuf::from);
    let folder = &data.join("ticks/eurusd-fxcm/20140502_quote.zip");
    if !folder.exists() {
        // Past the test's own output, of which nothing is shown where a test passes: `cargo xtask test` counts such lines.
        writeln!(std::io::stdout(), "no data: {} is not there", folder.display()).expect("somebody reads");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let store = TickStore::create(place.path()).unwrap();
    let options = ImportOptions { symbol: Some("EURUSD".into()), ..ImportOptions::default() };
    import(folder, &options, &store, &mut |_| ()).unwrap();
    let spec = store.spec("EURUSD").unwrap();
    for (seed, model) in
        [Model::RealTicks, Model::EveryTick, Model::OneMinuteOhlc, Model::OpenPrices(Timeframe::M5)].into_iter().enumerate()
    {
        let delay = Delay::Between(0, 500_000);
        // Bars have few ticks to act at.
        let eagerness = if matches!(model, Model::RealTicks | Model::EveryTick) { 300 } else { 15 };
        let world = World { delay, ..World::plain(seed as u64, 1, AccountMode::Hedging, eagerness) };
        let run = |batching| {
            let origin = Origin { store: &store, spec: &spec, from: Time(i64::MIN), to: Time(i64::MAX) };
            let lanes = origin.lanes(Modelling { model, ..Modelling::default() }, &Arc::new(Found::default())).unwrap();
            let source = model::source(vec![(SymbolId(0), lanes)]).unwrap();
            world.run_over(source, SymbolTable::new(vec![spec.clone()]).unwrap(), batching)
        };
        let batched = all_the_same(run);
        assert!(batched.deals.len() > 5, "{} deals with {model:?}", batched.deals.len());
    }
}

/// Waits for a price two pips away or half a minute, whichever comes first, then for one more tick, and keeps what it was handed.
struct Sleeper {
    desk: Desk,
    handed: Arc<Mutex<Vec<u64>>>,
    is_up: bool,
}

impl Sleeper {
    fn wake(from: Time, bid: f64, is_up: bool) -> Wake {
        let (bid_at_least, bid_at_most) = (bid + 0.0002, bid - 0.0002);
        let asleep = Wake { at: from.plus_us(30_000_000), bid_at_least, bid_at_most, ..Wake::EVERY_TICK };
        if is_up { Wake::EVERY_TICK } else { asleep }
    }
}

impl Guest<Desk> for Sleeper {
    fn host(&mut self) -> &mut Desk {
        &mut self.desk
    }

    fn call(&mut self, call: Call<'_>) -> Outcome {
        let (time, bid) = match call {
            Call::Ticks { ticks, .. } => (Time(ticks.times[0]), ticks.bids[0]),
            Call::Tick { tick, .. } => (tick.time, tick.bid),
            _ => return Outcome::Decided(Reply::Done),
        };
        let seen = self.desk.ticks(0, 1).unwrap()[0];
        assert_eq!((seen.time, seen.bid), (time, bid), "the market stands at the tick that it is handed");
        self.handed.lock().unwrap().push(seen.sequence);
        self.is_up = !self.is_up;
        self.desk.set_wake(0, Self::wake(time, bid, self.is_up)).unwrap();
        Outcome::Decided(Reply::Consumed(1))
    }

    fn used(&self) -> Used {
        Used::default()
    }
}

#[test]
fn a_strategy_is_handed_the_ticks_that_it_waits_for_and_no_others() {
    for seed in 1..20 {
        let world = World::plain(seed, 1, AccountMode::Hedging, 1);
        let walk = world.ticks(0);
        let (mut expected, mut wake, mut is_up) = (Vec::new(), Wake::EVERY_TICK, false);
        for row in 0..walk.len() {
            let tick = walk.as_columns().tick(row, SymbolId(0), 1);
            if wake.holds(&tick) {
                is_up = !is_up;
                (_, wake) = (expected.push(tick.sequence), Sleeper::wake(tick.time, tick.bid, is_up));
            }
        }
        assert!((100..walk.len() - 100).contains(&expected.len()), "{} of {} ticks are waited for", expected.len(), walk.len());
        all_the_same(|batching| {
            let handed = Arc::new(Mutex::new(Vec::new()));
            let source = Source::new(vec![(SymbolId(0), Box::new([Ok(owned(world.ticks(0)))].into_iter()) as Chunks)]).unwrap();
            let sleeper = |desk| Box::new(Sleeper { desk, handed: Arc::clone(&handed), is_up: false }) as _;
            let report = world.run_as(source, world.table(), batching, sleeper);
            assert_eq!(report.ticks as usize, walk.len(), "those that go by are ticks of the run as well");
            assert_eq!(*handed.lock().unwrap(), expected);
            report
        });
    }
}
