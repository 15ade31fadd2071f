//! One run: a host, stepped in an order that the dice choose, killed and started again, and in the end compared with the broker.

use super::disk::{Disk, Notes, OnDisk};
use super::exchange::{Exchange, Line};
use crate::support::guests::Factory;
use crate::support::{EURUSD, HandClock, Heard, Mind, Told, market, ports, setup, table, tick};
use domain::account::{Account, WindDown};
use domain::bars::MarketHistory;
use domain::broker::AccountTerms;
use domain::contract::{AskedOrder, OrderKind, Side, TradingState};
use domain::desk::Desk;
use domain::guest::{Call, GuestHost, Outcome};
use domain::ids::{AccountId, Digest, EngineId, OrderId, UserId};
use domain::life::EngineState;
use domain::risk::RiskLimits;
use domain::tick::Timeframe;
use domain::time::{Clock as _, SECOND_US};
use engine::{Bounds, EngineCommand, EngineSetup, HostSetup, Scope, Stepped};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Random numbers that a seed repeats (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D_4C95_7F2D)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    pub fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }
}

/// When the host dies: at the n-th of the points at which a process can.
#[derive(Default)]
pub struct Fate {
    points_left: AtomicI64,
    armed: AtomicBool,
    cuts: AtomicU64,
}

/// What a killed host leaves behind.
struct Killed;

impl Fate {
    fn arm(&self, points: u64) {
        self.points_left.store(points as i64, SeqCst);
        self.armed.store(true, SeqCst);
    }

    fn disarm(&self) {
        self.armed.store(false, SeqCst);
    }

    pub fn is_due(&self, _where: &'static str) -> bool {
        self.armed.load(SeqCst) && self.points_left.fetch_sub(1, SeqCst) == 0
    }

    pub fn point(&self, name: &'static str) {
        if self.is_due(name) {
            self.die();
        }
    }

    pub fn die(&self) -> ! {
        self.disarm();
        resume_unwind(Box::new(Killed));
    }

    pub fn below(&self, end: u64) -> u64 {
        let cut = self.cuts.fetch_add(1, SeqCst);
        Dice::new(cut).below(end)
    }
}

/// What happened in runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sums {
    pub orders: u64,
    pub deals: u64,
    pub nights: u64,
    pub crashes: u64,
    pub unanswered: u64,
    pub writes: u64,
    /// Writes that came to be after the host had given them up.
    pub landed_late: u64,
    /// Commands that were sent while the journal was broken, and crashes of a host that owed it something.
    pub owed: u64,
    pub crashes_owing: u64,
    /// Clean stops, those at which something was owed, and lines that a host wrote for the one before it.
    pub stops: u64,
    pub stops_owing: u64,
    pub paid: u64,
}

impl Sums {
    pub fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.deals += other.deals;
        self.nights += other.nights;
        self.crashes += other.crashes;
        self.unanswered += other.unanswered;
        self.writes += other.writes;
        self.landed_late += other.landed_late;
        self.owed += other.owed;
        self.crashes_owing += other.crashes_owing;
        self.stops += other.stops;
        self.stops_owing += other.stops_owing;
        self.paid += other.paid;
    }
}

const ACCOUNTS: [AccountId; 2] = [AccountId(1), AccountId(2)];
/// Engines with their accounts; the last behaves, whatever the others do.
const ENGINES: [(u32, u32); 4] = [(1, 1), (2, 1), (3, 2), (4, 2)];
const WELL_BEHAVED: EngineId = EngineId(4);

pub struct Run {
    dice: Dice,
    clock: Arc<HandClock>,
    disk: Arc<Mutex<Disk>>,
    notes: Arc<Notes>,
    exchange: Arc<Mutex<Exchange>>,
    fate: Arc<Fate>,
    factory: Arc<Factory>,
    scripts: BTreeMap<EngineId, Digest>,
    host: Option<Stepped>,
    bid: i64,
    sums: Sums,
}

fn locked<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What of a ledger a reader of a failure needs.
fn shown(ledger: &domain::ledger::Ledger) -> String {
    let orders: Vec<_> = ledger.orders.values().map(|order| format!("{} {} {:?}", order.id, order.state, order.filled)).collect();
    let positions: Vec<_> = ledger
        .positions
        .values()
        .map(|open| format!("{} {} {:?} {} {:?} swap {}", open.id, open.side, open.volume, open.cost, open.stop_loss, open.swap))
        .collect();
    format!("balance {}, orders {orders:?}, positions {positions:?}", ledger.balance)
}

/// Trades as its random numbers say, and now and then fails.
fn gambles(desk: &mut Desk, call: &Call<'_>, fails: bool) -> Option<Outcome> {
    if !matches!(call, Call::Tick { .. } | Call::Order { .. }) {
        return None;
    }
    let roll = desk.random() % 64;
    let positions = desk.positions();
    let orders = desk.orders();
    let side = if roll.is_multiple_of(2) { Side::Buy } else { Side::Sell };
    let asked = |price: Option<f64>| AskedOrder {
        kind: if price.is_some() { OrderKind::Limit } else { OrderKind::Market },
        volume: 0.01 * (1 + roll % 7) as f64,
        price,
        ..market(side)
    };
    match roll {
        0..=5 => _ = desk.submit(asked(None)),
        6..=9 => {
            let last = desk.ticks(0, 1).ok()?.pop()?;
            let price = if side == Side::Buy { last.bid - 0.002 } else { last.ask + 0.002 };
            _ = desk.submit(asked(Some((price * 1e5).round() / 1e5)));
        }
        10..=14 => drop(positions.first().map(|position| desk.close(position.id, None))),
        15 => drop(positions.last().map(|position| desk.close(position.id, Some(0.01)))),
        16..=18 => drop(orders.first().map(|order| desk.cancel(order.id))),
        19 => drop(orders.first().map(|order| desk.modify_order(order.id, None, Some(1.0), None))),
        20 => drop(
            positions
                .first()
                .map(|position| desk.modify_position(position.id, Some(if position.side == Side::Buy { 0.9 } else { 1.9 }), None)),
        ),
        63 if fails => return Some(Outcome::Trapped("told to".into())),
        _ => {}
    }
    None
}

impl Run {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let factory = Arc::new(Factory::new(Heard::default()));
        let mut scripts = BTreeMap::new();
        for (engine, _) in ENGINES {
            let engine = EngineId(engine);
            let fails = engine != WELL_BEHAVED;
            let script = move |desk: &mut Desk, call: &Call<'_>, _: &mut Mind| gambles(desk, call, fails);
            scripts.insert(engine, factory.load(script.into()));
        }
        let mut exchange = Exchange::new(Dice::new(dice.next()));
        let deposit = AccountTerms::default().deposit;
        ACCOUNTS.iter().for_each(|id| drop(exchange.truth.insert(*id, domain::ledger::Ledger::new(deposit))));
        let fate = Arc::new(Fate::default());
        let mut run = Self {
            dice,
            clock: Arc::default(),
            disk: Arc::default(),
            notes: Arc::default(),
            exchange: Arc::new(Mutex::new(exchange)),
            fate,
            factory,
            scripts,
            host: None,
            bid: 110_000,
            sums: Sums::default(),
        };
        run.start();
        run
    }

    /// The host's start, the first or after a crash; killed again on the way it is started once more.
    fn start(&mut self) {
        for _ in 0..20 {
            let started = catch_unwind(AssertUnwindSafe(|| self.try_start()));
            match started {
                Ok(()) => return,
                Err(panic) => self.died(panic),
            }
        }
        self.fate.disarm();
        self.try_start();
    }

    fn died(&mut self, panic: Box<dyn std::any::Any + Send>) {
        if !panic.is::<Killed>() {
            resume_unwind(panic);
        }
        self.sums.crashes += 1;
        self.sums.crashes_owing += u64::from(self.host.as_ref().is_some_and(|host| host.owes_journal() > 0));
        self.notes.host_died();
        self.fate.disarm();
        self.host = None;
    }

    fn try_start(&mut self) {
        let table = table();
        let history = MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), 64));
        let lands = self.dice.one_in(2);
        locked(&self.disk).mend(lands);
        let (disk, fate) = (Arc::clone(&self.disk), Arc::clone(&self.fate));
        let broker = Line { exchange: Arc::clone(&self.exchange), disk: Arc::clone(&disk), fate: Arc::clone(&fate) };
        let mut host = Stepped::new(HostSetup {
            table,
            history,
            factory: self.factory.clone(),
            journal: Box::new(OnDisk { disk, fate }),
            keeper: self.notes.clone(),
            broker: Box::new(broker),
            clock: self.clock.clone(),
            sink: Box::new(ports::Sink(Arc::<Told>::default())),
            trading: TradingState::Active,
            bounds: Bounds { shards: 2, columns_from: usize::MAX, compare_every_us: 20 * SECOND_US, ..Bounds::default() },
        });
        let terms = AccountTerms::default();
        // As `stockade serve` does it: first what the host before owed, then the numbers that it may have given.
        let was_clean = self.notes.begin();
        self.sums.paid += host.pay().unwrap() as u64;
        if !was_clean {
            locked(&self.disk).skip_numbers(&ACCOUNTS, &ENGINES.map(|(engine, _)| EngineId(engine)), terms.deposit);
        }
        for id in ACCOUNTS {
            let ledger = locked(&self.disk).ledger_to_trade(id, terms.deposit);
            let limits = RiskLimits { commands_per_minute: 1_000, ..RiskLimits::default() };
            let account = Account::new(id, UserId(id.0), terms.clone(), ledger, limits);
            host.open_account(account).unwrap();
        }
        for (engine, account) in ENGINES {
            let (engine, account) = (EngineId(engine), AccountId(account));
            let setup = EngineSetup {
                version: self.scripts[&engine],
                seed: self.dice.next(),
                orders_before: locked(&self.disk).orders_begin(engine),
                ..setup(engine.0, account.0)
            };
            host.host().add(setup).unwrap();
            host.command(engine, EngineCommand::Start, "by the simulation").unwrap();
        }
        self.host = Some(host);
    }

    /// Does something to the host; when that kills it, it is started again.
    fn with(&mut self, act: impl FnOnce(&mut Stepped)) {
        let Some(host) = self.host.as_mut() else { return };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| act(host))) {
            self.died(panic);
            self.start();
        }
    }

    fn step(&mut self) {
        match self.dice.below(100) {
            0..=24 => {
                self.clock.forward(self.dice.below(2 * SECOND_US as u64) as i64);
                self.bid += self.dice.below(41) as i64 - 20;
                let tick = tick(EURUSD, self.clock.now().0, self.bid);
                self.with(|host| _ = host.host().feed(tick));
            }
            25..=49 => self.with(Stepped::pipeline),
            50..=76 => {
                let number = self.dice.below(2) as usize;
                self.with(|host| host.shard(number));
            }
            77..=81 => self.with(|host| {
                host.starters();
                host.herald();
            }),
            82..=91 => locked(&self.exchange).act(),
            92 => locked(&self.exchange).connected = false,
            93..=94 => locked(&self.exchange).reconnect(),
            95 => {
                let flatten = self.dice.one_in(3);
                self.with(|host| {
                    host.host().set_trading(Scope::Host, TradingState::Halted, "by the simulation").unwrap();
                    if flatten {
                        host.wind_down(Scope::Host, WindDown { engine: None, cancel_orders: true, flatten: true }).unwrap();
                    }
                });
            }
            96 => self.stop(),
            97 => {
                // A person has looked at everything.
                self.with(|host| {
                    let scopes = ACCOUNTS.map(Scope::Account).into_iter().chain([Scope::Host]);
                    scopes.for_each(|scope| drop(host.host().set_trading(scope, TradingState::Active, "by the simulation").unwrap()));
                });
            }
            98 => {
                let (hangs, lands) = (self.dice.one_in(2), self.dice.one_in(2));
                // Rarely both at once: then nobody can know what was sent.
                self.notes.breaks(self.dice.one_in(6));
                let mut disk = locked(&self.disk);
                match (hangs, disk.hangs()) {
                    (true, false) => disk.hang(),
                    (true, true) => disk.answer(lands),
                    (false, _) => disk.full = !disk.full,
                }
            }
            _ => {
                let points = self.dice.below(40);
                self.fate.arm(points);
            }
        }
    }

    /// Stops the host, whatever its journal does, and starts it again.
    fn stop(&mut self) {
        let Some(mut host) = self.host.take() else { return };
        self.sums.stops += 1;
        self.sums.stops_owing += u64::from(host.owes_journal() > 0);
        let stopped = catch_unwind(AssertUnwindSafe(|| host.settle_up()));
        match stopped {
            Ok(left) => {
                drop(host);
                if left.is_safe() {
                    self.notes.stopped();
                }
                self.notes.host_died();
            }
            Err(panic) => self.died(panic),
        }
        self.start();
    }

    /// No more faults; everything comes to rest.
    fn calm_down(&mut self) {
        self.fate.disarm();
        let lands = self.dice.one_in(2);
        locked(&self.disk).answer(lands);
        locked(&self.disk).full = false;
        self.notes.breaks(false);
        for engine in ENGINES {
            self.with(|host| {
                drop(host.command(EngineId(engine.0), EngineCommand::Stop(domain::contract::StopReason::ByOperator), "the end"))
            });
        }
        {
            let mut exchange = locked(&self.exchange);
            exchange.calm = true;
            exchange.arrive();
            exchange.reconnect();
        }
        for _ in 0..12 {
            self.clock.forward(6 * SECOND_US);
            self.with(|host| {
                (0..host.shards()).for_each(|number| host.shard(number));
                host.starters();
                host.pipeline();
                host.herald();
            });
        }
    }

    /// Runs to the end and compares.
    pub fn finish(mut self) -> Result<Sums, String> {
        let steps = 300 + self.dice.below(400);
        for _ in 0..steps {
            self.step();
        }
        let well = self.host.as_ref().and_then(|host| host.state(WELL_BEHAVED));
        self.calm_down();
        if matches!(well, Some(EngineState::Faulted | EngineState::Quarantined)) {
            return Err(format!("the engine that behaved is {well:?}"));
        }
        let exchange = locked(&self.exchange);
        if let Some(wrong) = exchange.wrong.first() {
            return Err(wrong.clone());
        }
        let deposit = AccountTerms::default().deposit;
        let host = self.host.as_ref().expect("it is started again after each crash");
        for id in ACCOUNTS {
            let account = host.host().account(id).expect("it is open");
            let known = &locked(&account).ledger;
            let truth = &exchange.truth[&id];
            let kept = locked(&self.disk).ledger(id, deposit);
            if known != truth {
                return Err(format!("account {id}: the host has\n{}\nand the broker\n{}", shown(known), shown(truth)));
            }
            if kept != *truth {
                return Err(format!("account {id}: the journal has\n{}\nand the broker\n{}", shown(&kept), shown(truth)));
            }
        }
        let disk = locked(&self.disk);
        let recorded: BTreeSet<OrderId> = disk.recorded.iter().map(|(order, _)| *order).collect();
        if let Some(order) = exchange.received.keys().find(|order| !recorded.contains(order))
            && !self.notes.has_lost()
        {
            return Err(format!("{order} was sent and is not in the journal"));
        }
        Ok(Sums {
            orders: exchange.received.len() as u64,
            deals: exchange.deals,
            nights: exchange.nights,
            unanswered: exchange.unanswered,
            writes: disk.writes,
            landed_late: disk.landed_late,
            owed: exchange.owed,
            ..self.sums
        })
    }
}

/// A host that stands still, over this journal and keeper, without accounts.
pub fn stepped(journal: Box<dyn domain::journal::Journal>, keeper: Arc<dyn domain::keeper::Keeper>) -> Stepped {
    let table = table();
    let history = MarketHistory::new(&table, |_| (Timeframe::ALL.to_vec(), 64));
    Stepped::new(HostSetup {
        table,
        history,
        factory: Arc::new(Factory::new(Heard::default())),
        journal,
        keeper,
        broker: Box::new(ports::Broker(Arc::default())),
        clock: Arc::<HandClock>::default(),
        sink: Box::new(ports::Sink(Arc::<Told>::default())),
        trading: TradingState::Active,
        bounds: Bounds { shards: 1, ..Bounds::default() },
    })
}
