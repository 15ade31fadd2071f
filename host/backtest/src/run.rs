//! The run: market, venue, guest, in the order that live keeps too.
//!
//! Per step the run asks how many of the next rows can pass without anything happening to this engine but its own
//! thoughts: no trigger at the venue, no bar that closes, no timer that is due, no other symbol's tick. That is the horizon.
//! The guest gets the rows up to there in one call and stops at the row at which it asks for something; the venue handles
//! it and the rest is handed in again. While the guest waits, rows go by without a call, up to the horizon or the first row
//! that it waits for. A row at which something can happen goes through by itself:
//!
//! 1. in order of time and at the prices of before: the server's midnights, commands that arrive late;
//! 2. the venue executes what the tick triggers, and timers that are due fire: they still see the prices of before, but what
//!    they ask for meets this tick's, as live;
//! 3. bars that the tick closed, shorter timeframes first;
//! 4. outcomes of orders;
//! 5. the tick.
//!
//! After bars, tick and rows what the guest asked for goes to the venue and its reports come back, until there is nothing
//! more.

use crate::confirm::{Acted, Cuts};
use crate::hearing::Mail;
use crate::orders::OrderLog;
use crate::pace::Pace;
use crate::past::{Past, WithPast};
use crate::report::{ErrorsLogged, Logged, MissingBars, Progress, RunReport};
use crate::returns::{DailyEquity, Returns};
use crate::source::{Audience, Source, Stretch};
use domain::account::Account;
use domain::actor::{Actor, SavedState};
use domain::bars::{MarketHistory, MarketView as _};
use domain::broker::{AccountTerms, Broker, Deal, Happened, Reason, Report};
use domain::contract::{Description, Gap, LogLevel, Param, RunMode, StopReason, TesterStats};
use domain::desk::{Desk, DeskSetup, QueueGauge, Remark, TradingSwitch, Witness};
use domain::guest::{Fault, FaultKind, Guest};
use domain::ids::{AccountId, EngineId, UserId};
use domain::journal::{Forgetful, record};
use domain::ledger::{Change, Ledger};
use domain::limits::GuestLimits;
use domain::number::Money;
use domain::order::{Command, OrderState};
use domain::risk::{Approved, RiskLimits};
use domain::symbol::{SymbolId, SymbolTable};
use domain::tick::{Bar, Tick};
use domain::time::Time;
use domain::wake::Wake;
use market::StoreError;
use paper::{Venue, VenueOptions};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// How rows are handed to the guest. All decide the same; a property test holds them to it.
#[derive(Clone, Debug, Default)]
pub enum Batching {
    /// As many as the horizon allows.
    #[default]
    Horizon,
    /// One by one, as live.
    TickByTick,
    /// As many as the horizon allows, and no more than these say: to [confirm](crate::confirm) another run.
    Cut(Arc<Cuts>),
    /// As many as the horizon allows, but ticks with these numbers, counted from 0, one by one: to find the one at which a batch
    /// failed.
    Apart(Range<u64>),
}

/// What is run.
#[derive(Clone)]
pub struct RunSetup {
    /// All symbols, those needed for conversion too.
    pub table: SymbolTable,
    /// The guest's symbols, in the order of its description.
    pub symbols: Vec<SymbolId>,
    /// What the strategy says of itself.
    pub description: Description,
    /// Its parameters, in full.
    pub params: Vec<Param>,
    /// State to start from.
    pub restored: Option<SavedState>,
    /// Rows before this time warm the history up; trading starts with the first at or after it.
    pub start: Time,
    /// The account.
    pub terms: AccountTerms,
    /// What the gate allows.
    pub risk: RiskLimits,
    /// How the venue fills and charges.
    pub venue: VenueOptions,
    /// What the guest may use.
    pub limits: GuestLimits,
    /// Start of its random numbers.
    pub seed: u64,
    /// Backtest or optimisation.
    pub mode: RunMode,
    /// How rows are handed over.
    pub batching: Batching,
    /// Whether log lines, signals, plots and orders are kept for the report.
    pub keep_remarks: bool,
    /// Who hears of every decision.
    pub witness: Option<Witness>,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Ticks can't be read.
    #[error(transparent)]
    Ticks(#[from] StoreError),
    /// The strategy failed.
    #[error("{}: the strategy failed: {fault}", place(*at, batch.as_ref()))]
    Strategy {
        /// Market time; where it failed in a batch, the time before it.
        at: Time,
        /// How.
        fault: Fault,
        /// The numbers of the ticks of its batch, counted from 0, where it had more than one.
        batch: Option<Range<u64>>,
        /// What the run had found by then; `None` when it had not begun.
        so_far: Option<Box<RunReport>>,
    },
    /// Not one tick to run on.
    #[error("there are no ticks in the time asked for")]
    NoTicks,
}

/// Wall clock of one call into a guest of a backtest, ms. Fuel, which is the same on every machine, ends what does not end; this
/// must not, since with all cores busy a call may wait for one longer than a live host would let it.
pub const DEADLINE_MS: u64 = 60_000;

/// The engine and account of every backtest: the same run gives the same ids.
const ENGINE: EngineId = EngineId(1);
const ACCOUNT: AccountId = AccountId(1);

/// Rounds of orders and events at one moment. The gate ends an exchange of events and orders long before, as live; here ends
/// one under limits that would not.
const ROUNDS_MAX: usize = 10_000;
/// Rows that go by at once, at most: as many as ranges are made of.
const PASSING_MAX: usize = 1 << 14;
/// Remarks kept of a run.
const REMARKS_MAX: usize = 100_000;

/// Runs a strategy over all of `source`. `guest` makes the strategy around its desk; `progress` hears of every chunk.
///
/// # Errors
/// Ticks can't be read, or the strategy failed.
pub fn run(
    setup: RunSetup,
    mut source: Source,
    guest: impl FnOnce(Desk) -> Result<Box<dyn Guest<Desk>>, Fault>,
    mut progress: impl FnMut(Progress),
) -> Result<RunReport, RunError> {
    let mut run = Run::new(&setup, source.past(), Mail::new(source.hearing()));
    let mut guest = Some(guest);
    let mut actor: Option<Actor> = None;
    let mut said = Time(i64::MIN);
    while let Some(stretch) = source.peek() {
        let first = Time(stretch.chunk.columns().times[stretch.rows.start]);
        if first.since_us(said) >= domain::time::DAY_US {
            said = first;
            progress(Progress { at: first, ticks: run.ticks });
        }
        let rows = match &mut actor {
            None if stretch.audience == Audience::Past => run.warm_up(&stretch, Time(i64::MAX)),
            None if first < setup.start => run.warm_up(&stretch, setup.start),
            None => {
                let make = guest.take().expect("a run starts once");
                let failed = |fault| RunError::Strategy { at: first, fault, batch: None, so_far: None };
                let made = make(run.desk(&setup)).map_err(failed)?;
                let now = run.past.start.unwrap_or(first);
                let started = Actor::start(made, &setup.description, &setup.params, setup.restored.as_ref(), now);
                run.note_missing_bars(&setup, now);
                let started = actor.insert(started.map_err(failed)?);
                run.settle(started).map_err(failed)?;
                0
            }
            Some(alive) => match run.step(alive, &stretch) {
                Ok(rows) => rows,
                Err(fault) => return Err(run.failed(actor.take().expect("it was just there"), fault)),
            },
        };
        let handled = stretch.handled(rows);
        source.take(handled)?;
    }
    let actor = actor.ok_or(RunError::NoTicks)?;
    let at = run.now;
    run.finish(actor).map_err(|fault| RunError::Strategy { at, fault, batch: None, so_far: None })
}

/// Where a strategy failed within its batch: runs again with the ticks of that batch one by one. An error that has its place, or
/// does not come again there, stays as it is.
pub fn located(error: RunError, again: impl FnOnce(Batching) -> Result<RunReport, RunError>) -> RunError {
    let RunError::Strategy { batch: Some(batch), fault, .. } = &error else { return error };
    match again(Batching::Apart(batch.clone())) {
        Err(found @ RunError::Strategy { .. }) if matches!(&found, RunError::Strategy { fault: again, .. } if again.kind == fault.kind) => {
            found
        }
        _ => error,
    }
}

fn place(at: Time, batch: Option<&Range<u64>>) -> String {
    match batch {
        None => format!("at {at}"),
        Some(batch) => format!("within the {} ticks after {at}", batch.end - batch.start),
    }
}

/// How many of these times, which are in order, lie before `at`: looked for from the front, since it is mostly near.
fn rows_before(times: &[i64], at: Time) -> usize {
    let mut ahead = 16;
    while times.get(ahead).is_some_and(|&time| time < at.0) {
        ahead *= 4;
    }
    let first = if ahead == 16 { 0 } else { ahead / 4 };
    let some = &times[first..times.len().min(ahead)];
    first + some.partition_point(|&time| time < at.0)
}

struct Run {
    table: SymbolTable,
    /// The guest's own.
    symbols: Vec<SymbolId>,
    batching: Batching,
    venue: Venue,
    journal: Forgetful,
    account: Arc<Mutex<Account>>,
    history: Arc<RwLock<MarketHistory>>,
    past: Arc<Past>,
    /// Ticks that the guest has missed since the last that it was handed, and when that was.
    missed: BTreeMap<SymbolId, (u32, Time)>,
    queue: Arc<QueueGauge>,
    terms: AccountTerms,
    pace: Pace,
    mail: Mail,
    /// The last tick that the guest was handed or let pass; of a guest that is handed none, the last there was.
    handed: Time,
    is_handed_ticks: bool,
    now: Time,
    first: Option<Time>,
    ticks: u64,
    calls: u64,
    closed: Vec<Bar>,
    reports: Vec<Report>,
    deals: Vec<Deal>,
    acted: Acted,
    /// The numbers of the ticks that the guest is handed at once, while it is.
    batch: Option<Range<u64>>,
    missing_bars: Vec<MissingBars>,
    days: DailyEquity,
    keep_remarks: bool,
    logged: Logged,
    remarks: Vec<Remark>,
    remarks_dropped: u64,
    errors: Option<ErrorsLogged>,
    orders: OrderLog,
    rejected: BTreeMap<u32, u64>,
}

impl Run {
    fn new(setup: &RunSetup, past: Arc<Past>, mail: Mail) -> Self {
        let mut venue = Venue::new(setup.table.clone(), setup.venue.clone());
        venue.open(ACCOUNT, setup.terms.clone(), None);
        let ledger = Ledger::new(setup.terms.deposit);
        let needs = |symbol: SymbolId| {
            let own = setup.symbols.iter().zip(&setup.description.needs).filter(|(own, _)| **own == symbol);
            own.fold((Vec::new(), 0), |(mut frames, ticks): (Vec<_>, usize), (_, need)| {
                frames.extend(&need.timeframes);
                (frames, ticks.max(need.ticks_before_start as usize))
            })
        };
        Self {
            table: setup.table.clone(),
            symbols: setup.symbols.clone(),
            batching: setup.batching.clone(),
            venue,
            journal: Forgetful::default(),
            account: Arc::new(Mutex::new(Account::new(ACCOUNT, UserId(1), setup.terms.clone(), ledger, setup.risk.clone()))),
            history: Arc::new(RwLock::new(MarketHistory::new(&setup.table, needs))),
            past,
            missed: BTreeMap::new(),
            queue: Arc::new(QueueGauge::new(usize::MAX >> 1)),
            terms: setup.terms.clone(),
            pace: Pace::default(),
            mail,
            handed: Time(i64::MIN),
            is_handed_ticks: setup.description.callbacks.tick,
            now: Time(0),
            first: None,
            ticks: 0,
            calls: 0,
            closed: Vec::new(),
            reports: Vec::new(),
            deals: Vec::new(),
            acted: Acted::default(),
            batch: None,
            missing_bars: Vec::new(),
            days: DailyEquity::default(),
            keep_remarks: setup.keep_remarks,
            logged: Logged::default(),
            remarks: Vec::new(),
            remarks_dropped: 0,
            errors: None,
            orders: OrderLog::default(),
            rejected: BTreeMap::new(),
        }
    }

    fn desk(&self, setup: &RunSetup) -> Desk {
        let mut desk = Desk::new(DeskSetup {
            engine: ENGINE,
            mode: setup.mode,
            table: self.table.clone(),
            symbols: setup.symbols.clone(),
            market: Arc::new(WithPast { history: Arc::clone(&self.history), past: Arc::clone(&self.past) }),
            account: Arc::clone(&self.account),
            switch: Arc::new(TradingSwitch::default()),
            queue: Arc::clone(&self.queue),
            orders_before: 0,
            seed: setup.seed,
            orders_per_call_max: setup.limits.orders_per_call_max,
            log_bytes_per_minute: setup.limits.log_bytes_per_minute,
        });
        if let Some(witness) = &setup.witness {
            desk.watch(Arc::clone(witness));
        }
        desk
    }

    /// Takes rows before `start` into the history and the venue's quotes.
    fn warm_up(&mut self, stretch: &Stretch<'_>, start: Time) -> usize {
        let ticks = stretch.chunk.columns().slice(stretch.rows.clone());
        let rows = ticks.times.partition_point(|&time| time < start.0);
        for row in 0..rows {
            let tick = ticks.tick(row, stretch.symbol, stretch.first_sequence);
            self.venue.on_tick(&tick);
            self.take_in(&tick, stretch.audience);
        }
        rows
    }

    /// Handles the next row or, where nothing can happen, as many as the guest likes. Gives how many.
    fn step(&mut self, actor: &mut Actor, stretch: &Stretch<'_>) -> Result<usize, Fault> {
        let next = Time(stretch.chunk.columns().times[stretch.rows.start]);
        self.days.begin(next, || self.venue.equity(ACCOUNT));
        if self.mail.due().is_some_and(|due| due < next) {
            self.handed = self.handed.max(next.plus_us(-1));
            self.settle(actor)?;
        }
        if stretch.audience != Audience::Everyone {
            return self.unseen_step(actor, stretch);
        }
        if self.missed.contains_key(&stretch.symbol) {
            self.ticks += 1;
            return self.single_step(actor, stretch);
        }
        if !actor.takes_rows(stretch.symbol, next) {
            let passing = self.passing_rows(actor, stretch);
            let rows = if passing > 0 { self.pass_rows(actor, stretch, passing) } else { self.single_step(actor, stretch)? };
            self.ticks += rows as u64;
            return Ok(rows);
        }
        let quiet = match &self.batching {
            Batching::Horizon => self.quiet_rows(actor, stretch, self.pace.rows()),
            Batching::Cut(cuts) => self.quiet_rows(actor, stretch, cuts.rows(self.ticks)),
            Batching::Apart(ticks) if ticks.contains(&self.ticks) => 0,
            Batching::Apart(ticks) => {
                let before = ticks.start.checked_sub(self.ticks).map_or(usize::MAX, |before| before as usize);
                self.quiet_rows(actor, stretch, self.pace.rows().min(before))
            }
            Batching::TickByTick => 0,
        };
        let rows = if quiet > 1 { self.quiet_step(actor, stretch, quiet)? } else { self.single_step(actor, stretch)? };
        self.ticks += rows as u64;
        Ok(rows)
    }

    /// How many of the next rows go by without anything happening, the guest waiting for none of them.
    fn passing_rows(&self, actor: &mut Actor, stretch: &Stretch<'_>) -> usize {
        let (columns, first) = (stretch.chunk.columns(), stretch.rows.start);
        let wake = actor.wake(stretch.symbol);
        let is_awaited = |wake: &Wake| wake.is_awake(Time(columns.times[first])) || wake.holds_at(columns.bids[first], columns.asks[first]);
        if matches!(self.batching, Batching::TickByTick) || wake.as_ref().is_some_and(is_awaited) {
            return 0;
        }
        let quiet = self.quiet_rows(actor, stretch, PASSING_MAX);
        wake.map_or(quiet, |wake| wake.first(&columns.slice(first..first + quiet), stretch.chunk.ranges(first)))
    }

    /// Rows go by as if each had come by itself.
    fn pass_rows(&mut self, actor: &mut Actor, stretch: &Stretch<'_>, rows: usize) -> usize {
        self.take_in_rows(stretch, rows);
        let mut last = stretch.chunk.columns().tick(stretch.rows.start + rows - 1, stretch.symbol, 0);
        last.sequence = stretch.first_sequence + rows as u64 - 1;
        actor.pass(&last, rows as u32);
        rows
    }

    /// How many of the next rows, at most `rows_max`, can pass before anything can happen.
    fn quiet_rows(&self, actor: &mut Actor, stretch: &Stretch<'_>, rows_max: usize) -> usize {
        let rows = stretch.rows.start..stretch.rows.end.min(stretch.rows.start + rows_max);
        let ticks = stretch.chunk.columns().slice(rows);
        let (bar, has_begun) = {
            let history = self.history.read().unwrap_or_else(PoisonError::into_inner);
            let of_symbol = history.symbol(stretch.symbol);
            (of_symbol.next_close(), of_symbol.last().is_some())
        };
        // Before the first tick there is no bar to close, but there will be one after it.
        if !has_begun {
            return 0;
        }
        let timer = actor.next_timer().filter(|_| self.symbols.contains(&stretch.symbol));
        let news = self.mail.due().map(|due| due.plus_us(1));
        let horizon = [bar, timer, news, self.days.day_end()].into_iter().flatten().min();
        let rows = horizon.map_or(ticks.len(), |at| rows_before(ticks.times, at));
        self.venue.quiet_rows(stretch.symbol, &ticks.slice(0..rows), stretch.chunk.ranges(stretch.rows.start))
    }

    fn quiet_step(&mut self, actor: &mut Actor, stretch: &Stretch<'_>, quiet: usize) -> Result<usize, Fault> {
        let rows = stretch.rows.start..stretch.rows.start + quiet;
        self.batch = Some(self.ticks..self.ticks + quiet as u64);
        let consumed = actor.rows(stretch.symbol, stretch.chunk.handle(), rows, stretch.first_sequence)?;
        self.batch = None;
        if consumed < quiet {
            self.acted.note(self.ticks + consumed as u64 - 1);
        }
        self.calls += 1;
        self.take_in_rows(stretch, consumed);
        self.pace.note(consumed, consumed < quiet);
        self.settle(actor)?;
        Ok(consumed)
    }

    /// Rows at which nothing happened are past.
    fn take_in_rows(&mut self, stretch: &Stretch<'_>, rows: usize) {
        let first = stretch.rows.start;
        let columns = stretch.chunk.columns();
        let ticks = columns.slice(first..first + rows);
        self.venue.skip_quiet(stretch.symbol, &ticks, stretch.chunk.ranges(first));
        let mut history = self.history.write().unwrap_or_else(PoisonError::into_inner);
        history.symbol_mut(stretch.symbol).push_rows(stretch.symbol, &ticks, stretch.first_sequence);
        drop(history);
        self.pass(Time(ticks.times[0]));
        self.pass(Time(ticks.times[rows - 1]));
        self.handed = self.now;
    }

    fn single_step(&mut self, actor: &mut Actor, stretch: &Stretch<'_>) -> Result<usize, Fault> {
        let row = stretch.rows.start;
        let mut tick = stretch.chunk.columns().tick(row, stretch.symbol, 0);
        tick.sequence = stretch.first_sequence;
        while let Some(due) = self.venue.due_before(tick.time) {
            self.venue.advance(due);
            self.settle(actor)?;
        }
        self.venue.on_tick(&tick);
        self.pass(tick.time);
        let missed = self.missed.remove(&tick.symbol);
        if let Some((ticks, after)) = missed {
            actor.missed(tick.symbol, Gap { after: after.0, until: tick.time.0, ticks: Some(u64::from(ticks)) });
        }
        // As live, where an engine hears nothing of other symbols.
        if self.symbols.contains(&tick.symbol) {
            actor.timers(tick.time)?;
        }
        self.take_in(&tick, stretch.audience);
        let closed = std::mem::take(&mut self.closed);
        actor.bars(&tick, &closed)?;
        self.closed = closed;
        self.settle(actor)?;
        self.calls += u64::from(actor.tick(&tick, missed.map_or(0, |(ticks, _)| ticks))?);
        self.handed = tick.time;
        self.settle(actor)?;
        Ok(1)
    }

    /// A price within a bar, or one that the guest missed: the venue looks at it and bars grow by it. The guest hears only what it did
    /// to its orders.
    fn unseen_step(&mut self, actor: &mut Actor, stretch: &Stretch<'_>) -> Result<usize, Fault> {
        let tick = stretch.chunk.columns().tick(stretch.rows.start, stretch.symbol, 0);
        while let Some(due) = self.venue.due_before(tick.time) {
            self.venue.advance(due);
            self.settle(actor)?;
        }
        self.venue.on_tick(&tick);
        self.pass(tick.time);
        if stretch.audience != Audience::Venue && self.symbols.contains(&tick.symbol) {
            let seen = self.history.quoted_at(tick.symbol).unwrap_or(tick.time);
            self.missed.entry(tick.symbol).or_insert((0, seen)).0 += 1;
        }
        self.take_in(&tick, stretch.audience);
        let closed = std::mem::take(&mut self.closed);
        if !closed.is_empty() && stretch.audience == Audience::Venue {
            actor.bars(&tick, &closed)?;
        }
        self.closed = closed;
        self.settle(actor)?;
        Ok(1)
    }

    fn pass(&mut self, now: Time) {
        self.first.get_or_insert(now);
        self.now = now;
        if !self.is_handed_ticks {
            self.handed = now;
        }
    }

    /// Takes a tick into the history; the bars it closed are in `closed` afterwards.
    fn take_in(&mut self, tick: &Tick, audience: Audience) {
        self.closed.clear();
        let mut history = self.history.write().unwrap_or_else(PoisonError::into_inner);
        let symbol = history.symbol_mut(tick.symbol);
        let is_first = symbol.last().is_none();
        match audience {
            Audience::Everyone | Audience::Past | Audience::Missed => symbol.push(tick, &mut self.closed),
            Audience::Venue => symbol.push_unseen(tick, &mut self.closed),
        }
        drop(history);
        for bar in &mut self.closed {
            *bar = self.past.whole(bar).unwrap_or(*bar);
        }
        if is_first {
            self.closed.extend(self.past.closed_by_first(tick.symbol));
            self.closed.sort_by_key(|bar| bar.timeframe);
        }
    }

    /// Carries out what was asked for and tells the guest the outcome, until nothing is left.
    fn settle(&mut self, actor: &mut Actor) -> Result<(), Fault> {
        for _ in 0..ROUNDS_MAX {
            let commands = if actor.has_commands() { actor.take_commands() } else { Vec::new() };
            self.send(commands);
            self.venue.reports(&mut self.reports);
            self.mail.post(self.reports.drain(..));
            self.reports.extend(std::iter::from_fn(|| self.mail.take(self.handed)));
            if self.reports.is_empty() {
                return self.keep_remarks(actor);
            }
            for report in std::mem::take(&mut self.reports) {
                let changes = self.apply(&report);
                if self.keep_remarks {
                    self.orders.reported(&report, &changes);
                }
                for change in &changes {
                    self.note_rejected(change);
                    actor.changed(change, report.at)?;
                }
                if let Happened::Deal { deal, .. } = report.happened {
                    self.deals.push(deal);
                }
            }
        }
        let message = format!("it answered events with orders {ROUNDS_MAX} times in a row without waiting for a tick");
        Err(Fault { kind: FaultKind::Trapped, message })
    }

    fn note_rejected(&mut self, change: &Change) {
        let retcode = match change {
            Change::Order { order, retcode, .. } if order.state == OrderState::Rejected => *retcode,
            Change::ModifyRejected(_, retcode) => *retcode,
            _ => return,
        };
        *self.rejected.entry(retcode).or_default() += 1;
    }

    fn apply(&self, report: &Report) -> Vec<Change> {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        account.apply(report, &self.table, |symbol| self.venue.quote(symbol))
    }

    fn send(&mut self, commands: Vec<Approved<Command>>) {
        if commands.is_empty() {
            return;
        }
        self.queue.release(commands.len());
        if self.keep_remarks {
            commands.iter().for_each(|command| self.orders.recorded(command.get()));
        }
        let recorded = record(&mut self.journal, commands).expect("a forgetful journal takes everything");
        recorded.into_iter().flatten().for_each(|command| self.venue.submit(command));
    }

    /// Remarks are taken in any case, so that a long run does not gather them; errors among them are counted.
    fn keep_remarks(&mut self, actor: &mut Actor) -> Result<(), Fault> {
        let (remarks, dropped) = actor.take_remarks();
        for remark in &remarks {
            let Remark::Log { at, level, text } = remark else { continue };
            if *level == LogLevel::Error {
                self.errors.get_or_insert_with(|| ErrorsLogged { count: 0, at: *at, first: text.clone() }).count += 1;
            }
            self.logged.note(*at, text);
        }
        if self.keep_remarks {
            let room = REMARKS_MAX - self.remarks.len();
            self.remarks_dropped += dropped + remarks.len().saturating_sub(room) as u64;
            self.remarks.extend(remarks.into_iter().take(room));
        }
        Ok(())
    }

    /// Which bars were not there when the guest was started at `now`.
    fn note_missing_bars(&mut self, setup: &RunSetup, now: Time) {
        let view = WithPast { history: Arc::clone(&self.history), past: Arc::clone(&self.past) };
        for (&symbol, need) in setup.symbols.iter().zip(&setup.description.needs) {
            let wanted = need.bars_before_start as usize;
            for &timeframe in &need.timeframes {
                let there = view.bars(symbol, timeframe, wanted, now).len();
                if there < wanted {
                    let symbol = self.table.spec(symbol).name.clone();
                    self.missing_bars.push(MissingBars { symbol, timeframe, there, wanted });
                }
            }
        }
    }

    /// The error of a guest that failed, with what was found until then.
    fn failed(mut self, mut actor: Actor, fault: Fault) -> RunError {
        let (at, batch) = (self.now, self.batch.take());
        let stopped = format!("at {at}: {}: {}", fault.kind, fault.message.lines().next().unwrap_or_default());
        let mut report = self.report(&mut actor);
        report.stopped = Some(stopped);
        RunError::Strategy { at, fault, batch, so_far: Some(Box::new(report)) }
    }

    fn finish(mut self, mut actor: Actor) -> Result<RunReport, Fault> {
        actor.stop(StopReason::EndOfData, self.now)?;
        self.settle(&mut actor)?;
        // Nobody wants the state, but a host will: one that can't be saved is found here.
        actor.save()?;
        let mut report = self.report(&mut actor);
        report.criterion = actor.tester(&report.tester_stats())?;
        report.used = actor.used();
        Ok(report)
    }

    /// Closes what is open and says what was found.
    fn report(mut self, actor: &mut Actor) -> RunReport {
        self.venue.close_all(ACCOUNT, Reason::EndOfTest, self.now);
        // The guest is gone: what the venue closes at the end of the test is booked, nobody is told.
        self.venue.reports(&mut self.reports);
        self.mail.post(self.reports.drain(..));
        while let Some(report) = self.mail.take(Time(i64::MAX)) {
            let changes = self.apply(&report);
            self.orders.reported(&report, &changes);
            if let Happened::Deal { deal, .. } = report.happened {
                self.deals.push(deal);
            }
        }
        let balance = self.account.lock().unwrap_or_else(PoisonError::into_inner).ledger.balance;
        let track = self.venue.track(ACCOUNT).cloned().expect("the venue has had this account since the start");
        let mut report = RunReport::new(&self.table, &self.terms, std::mem::take(&mut self.deals), balance, track);
        report.clock = self.venue.clock();
        report.from = self.first.unwrap_or_default();
        report.to = self.now;
        report.closes = self.days.finish(Some(balance));
        let fall = report.equity_drawdown.relative_percent;
        report.returns = Returns::of(&report.closes, self.terms.deposit, report.from, report.to, fall);
        report.ticks = self.ticks;
        report.calls = self.calls;
        report.decisions = actor.decisions();
        report.acted = self.acted;
        report.used = actor.used();
        report.logged = self.logged;
        report.remarks = self.remarks;
        report.remarks_dropped = self.remarks_dropped;
        report.errors = self.errors;
        report.orders = self.orders;
        report.rejected = self.rejected;
        report.missing_bars = self.missing_bars;
        report
    }
}

impl RunReport {
    /// What the guest's custom criterion is told.
    fn tester_stats(&self) -> TesterStats {
        let statistics = &self.statistics;
        TesterStats {
            profit: statistics.net_profit,
            profit_factor: statistics.profit_factor.unwrap_or(0.0),
            drawdown: self.equity_drawdown.maximal,
            drawdown_percent: self.equity_drawdown.maximal_percent,
            recovery_factor: self.recovery_factor.unwrap_or(0.0),
            expected_payoff: statistics.expected_payoff,
            sharpe: self.returns.sharpe.unwrap_or(0.0),
            trades: statistics.trades,
        }
    }
}

/// A sum of money in units, for reports.
pub(crate) fn units(money: Money) -> f64 {
    money.to_units()
}
