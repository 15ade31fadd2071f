//! The order pipeline: one thread through which every command goes out and every report comes in. Nothing leaves before it
//! is recorded, nothing is applied before it is recorded, and one write of the journal takes all that waits.

use crate::compare::{Comparisons, Occasion};
use crate::error::HostError;
use crate::events::Event;
use crate::events::Whose;
use crate::keeping::Keepsake;
use crate::meter::add_shared;
use crate::recovery::Recovered;
use crate::shard::{Changed, Message};
use crate::shared::{Shared, lock, panic_text, reply};
use crate::unwritten::{By, Taken, Unwritten};
use domain::account::{Account, WindDown};
use domain::bars::MarketView as _;
use domain::broker::{Happened, LiveBroker, Report, Whereabouts, retcode};
use domain::contract::TradingState;
use domain::ids::{AccountId, EngineId, OrderId};
use domain::journal::{Entry, Journal, JournalError, NotRecorded, Recorded, record};
use domain::keeper::{Kept, Scope};
use domain::ledger::Change;
use domain::order::{Action, Command, OrderState};
use domain::reconcile::Reconciliation;
use domain::risk::Approved;
use domain::tick::{Quote, Tick};
use domain::time::{SECOND_US, Steady, Time};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// What reaches the pipeline in order.
pub(crate) enum PipelineItem {
    Tick(Tick),
    Command(Approved<Command>),
    /// Answered when everything before it has been seen to, with the number of commands and reports so far.
    Barrier(Sender<u64>),
    /// The host is stopping: the last item.
    Stop,
    /// Where a command was.
    Recorded,
}

/// What overtakes them.
pub(crate) enum PipelineRequest {
    /// Writes what the host before owed to the journal.
    Pay {
        answer: Sender<Result<usize, JournalError>>,
    },
    Open {
        account: Box<Account>,
        answer: Sender<Result<Recovered, HostError>>,
    },
    /// Asks the broker which orders of ours it has had on an account.
    OrdersSeen {
        account: AccountId,
        answer: Sender<Option<Vec<OrderId>>>,
    },
    /// Holds an account against what its broker says.
    Reconcile {
        account: AccountId,
        answer: Sender<Result<Reconciliation, HostError>>,
    },
    /// The kill switch takes back what is there.
    WindDown {
        scope: Scope,
        what: WindDown,
        answer: Sender<WoundDown>,
    },
}

/// What a kill switch has taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WoundDown {
    /// Cancels that were sent.
    pub cancels: usize,
    /// Closing orders that were sent.
    pub closes: usize,
}

/// How often a broker is asked about an order that it has not answered.
pub(crate) const ASK_AGAIN_US: i64 = 5 * SECOND_US;

/// An order that was sent and of which the broker has said nothing yet.
pub(crate) struct Unanswered {
    pub(crate) account: AccountId,
    pub(crate) ask_at: Steady,
}

/// The thread's own state.
pub(crate) struct Pipeline {
    pub(crate) shared: Arc<Shared>,
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) broker: Box<dyn LiveBroker>,
    /// What could not be written: it comes before anything else that is written.
    pub(crate) unwritten: Unwritten,
    pub(crate) unanswered: BTreeMap<OrderId, Unanswered>,
    pub(crate) comparisons: Comparisons,
    /// Of each account, what its gate remembered when that was told last.
    told: BTreeMap<AccountId, u64>,
    done: u64,
    reports: Vec<Report>,
    stopping: bool,
    /// What was taken from the queue, empty between two steps.
    items: Vec<PipelineItem>,
    requests: Vec<PipelineRequest>,
}

/// What is needed of a command to reject it when the journal does not take it.
pub(crate) struct Promise {
    pub(crate) account: AccountId,
    order: OrderId,
    at: Time,
    places: bool,
}

impl Pipeline {
    /// With what the host before has kept.
    pub(crate) fn new(shared: Arc<Shared>, journal: Box<dyn Journal>, mut broker: Box<dyn LiveBroker>, kept: Kept) -> Self {
        let inbox = Arc::clone(&shared.pipeline);
        broker.wake_by(Arc::new(move || inbox.kick()));
        let (items, requests, reports) = (Vec::new(), Vec::new(), Vec::new());
        let (unanswered, told) = (BTreeMap::new(), BTreeMap::new());
        let comparisons = Comparisons::from(shared.clock.steady().plus_us(shared.bounds.compare_every_us));
        let (unwritten, done, stopping) = (Unwritten::of(kept.owed, journal.lease()), 0, false);
        Self { shared, journal, broker, unwritten, unanswered, comparisons, told, done, reports, stopping, items, requests }
    }

    /// The thread. A panic in journal or broker ends it: trading halts, and engines go on watching.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work())) {
            add_shared(&shared.counters.panics, 1);
            let text = format!("the order pipeline panicked: {}; no orders go out until the host is started again", panic_text(&*panic));
            halt(&shared, &text);
            shared.alarm("host-panicked", text);
        }
        shared.pipeline.close();
    }

    fn work(&mut self) {
        while !self.stopping {
            // An answer that is missing, a journal that failed and comparisons have to be looked at by the clock.
            let waits = !self.unanswered.is_empty() || !self.unwritten.is_empty() || !self.comparisons.waiting.is_empty();
            let patience = self.until_next_turn().or(waits.then_some(Duration::from_secs(1)));
            self.step(patience, true);
        }
        let left = self.settle_up();
        *self.shared.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(left);
    }

    /// Handles what is queued, after waiting for it at most `patience`.
    pub(crate) fn step(&mut self, patience: Option<Duration>, wait: bool) {
        // Handed to and fro, so that a tick on its way in finds memory that is there.
        let (mut items, mut requests) = (std::mem::take(&mut self.items), std::mem::take(&mut self.requests));
        let patience = if wait { patience } else { Some(Duration::ZERO) };
        self.shared.pipeline.take(&mut items, &mut requests, patience);
        for request in requests.drain(..) {
            match request {
                PipelineRequest::Pay { answer } => {
                    let paid = self.pay();
                    reply(&answer, paid);
                }
                PipelineRequest::Open { account, answer } => {
                    let opened = self.open(*account);
                    reply(&answer, opened);
                }
                PipelineRequest::OrdersSeen { account, answer } => reply(&answer, self.broker.orders_seen(account)),
                PipelineRequest::Reconcile { account, answer } => {
                    self.ask_at_once(account);
                    let found = self.reconcile(account, Occasion::Asked);
                    reply(&answer, found);
                }
                PipelineRequest::WindDown { scope, what, answer } => {
                    let done = self.wind_down(scope, what);
                    reply(&answer, done);
                }
            }
        }
        self.handle(&mut items);
        items.clear();
        (self.items, self.requests) = (items, requests);
        self.ask_overdue();
        self.compare_overdue();
    }

    fn handle(&mut self, items: &mut [PipelineItem]) {
        let commands: Vec<Approved<Command>> = items.iter_mut().filter_map(PipelineItem::take_command).collect();
        let count = commands.len();
        let mut recorded = self.record(commands, By::Guest).into_iter();
        let mut barriers = Vec::new();
        for item in items.iter_mut() {
            match std::mem::replace(item, PipelineItem::Stop) {
                PipelineItem::Tick(tick) => self.tick(&tick),
                // None when it was taken back.
                PipelineItem::Recorded => recorded.next().flatten().into_iter().for_each(|command| self.submit(command)),
                PipelineItem::Barrier(reached) => barriers.push(reached),
                PipelineItem::Stop => self.stopping = true,
                PipelineItem::Command(_) => {}
            }
        }
        self.shared.queue.release(count);
        self.take_reports();
        self.tell_set_aside();
        self.done += count as u64;
        barriers.iter().for_each(|reached| reply(reached, self.done));
    }

    fn tick(&mut self, tick: &Tick) {
        if self.unwritten.len() >= self.shared.bounds.unwritten_reports_max {
            add_shared(&self.shared.counters.ticks_withheld, 1);
        } else {
            self.broker.on_tick(tick);
        }
    }

    fn submit(&mut self, command: Recorded<Command>) {
        let sent = command.get();
        let places = matches!(sent.action, Action::Place(_));
        // Counted here and not where the gate let it through: what was taken back since is no order, and is in no database.
        if let Some(entry) = self.shared.engine(sent.order.engine()) {
            add_shared(if places { &entry.meter.orders } else { &entry.meter.changes }, 1);
        }
        if places {
            let ask_at = self.shared.clock.steady().plus_us(self.shared.bounds.answer_overdue_us);
            self.unanswered.insert(sent.order, Unanswered { account: sent.account, ask_at });
        }
        self.shared.given.order(command.get().order, &self.shared.keeping);
        self.broker.submit(command);
    }

    /// Records what was approved, in one write, and gives each back in its place. What may open something is taken back when
    /// trading was stopped since. When the journal fails, closes and cancels go out all the same and are written first when it
    /// works again; the rest is rejected, so that no engine waits for an order that never left, and trading halts.
    fn record(&mut self, commands: Vec<Approved<Command>>, by: By) -> Vec<Option<Recorded<Command>>> {
        let mut places: Vec<Option<Recorded<Command>>> = Vec::new();
        places.resize_with(commands.len(), || None);
        let (mut of, mut going) = (Vec::new(), Vec::new());
        for (place, command) in commands.into_iter().enumerate() {
            if self.is_stopped(command.get()) {
                self.apply(&Promise::of(command.get()).rejection());
            } else {
                of.push(place);
                going.push(command);
            }
        }
        if going.is_empty() {
            return places;
        }
        // What came before must be written before; and a journal that fails is not asked again and again.
        if !self.unwritten.is_empty() && !self.write_again() {
            of.into_iter().zip(going).for_each(|(place, command)| places[place] = self.way_out(command, by, Taken::No));
            self.keep_unwritten();
            return places;
        }
        match record(&mut *self.journal, going) {
            Ok(recorded) => {
                add_shared(&self.shared.counters.group_commits, 1);
                for (place, command) in of.into_iter().zip(recorded) {
                    match command {
                        Ok(command) => {
                            self.unwritten.note_recorded(command.get());
                            places[place] = Some(command);
                        }
                        Err(refused) => self.refused(&refused),
                    }
                }
                add_shared(&self.shared.counters.commands_recorded, places.iter().flatten().count() as u64);
            }
            Err(NotRecorded { error, commands }) => {
                self.failed(&error);
                let taken = if matches!(error, JournalError::Unanswered(_)) { Taken::Perhaps } else { Taken::No };
                of.into_iter().zip(commands).for_each(|(place, command)| places[place] = self.way_out(command, by, taken));
                self.keep_unwritten();
            }
        }
        places
    }

    /// Whether trading was stopped after the gate had let a command through.
    fn is_stopped(&self, command: &Command) -> bool {
        if !command.may_open() {
            return false;
        }
        let of_account = self.shared.account(command.account).map_or(TradingState::Active, |account| lock(&account).trading);
        let of_engine = self.shared.engine(command.order.engine()).map_or(TradingState::Active, |entry| entry.meter.trading());
        self.shared.switch.get().max(of_account).max(of_engine) != TradingState::Active
    }

    /// Withdraws orders and closes positions, without asking a guest.
    fn wind_down(&mut self, scope: Scope, what: WindDown) -> WoundDown {
        let (account, engine) = match scope {
            Scope::Host => (None, None),
            Scope::Account(id) => (Some(id), None),
            Scope::Engine(id) => match self.shared.engine(id) {
                Some(entry) => (Some(entry.whose.account), Some(id)),
                None => return WoundDown::default(),
            },
        };
        let what = WindDown { engine, ..what };
        let accounts: Vec<_> = {
            let accounts = self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner);
            accounts
                .iter()
                .filter(|(id, _)| account.is_none_or(|account| account == **id))
                .map(|(_, account)| Arc::clone(account))
                .collect()
        };
        let market = &self.shared.market;
        let quote = |symbol| market.quote(symbol).zip(market.quoted_at(symbol)).map(|((bid, ask), at)| Quote { bid, ask, at });
        // In one write: a journal that is slow must not be waited for once for each account.
        let commands = accounts.iter().flat_map(|account| lock(account).wind_down(&what, &self.shared.table, quote)).collect();
        let mut done = WoundDown::default();
        for command in self.record(commands, By::Host).into_iter().flatten() {
            match command.get().action {
                Action::Cancel => done.cancels += 1,
                _ => done.closes += 1,
            }
            self.submit(command);
        }
        self.take_reports();
        self.done += (done.cancels + done.closes) as u64;
        done
    }

    /// Asks the broker about orders that it should have answered by now. They are unknown until it says; never sent again.
    fn ask_overdue(&mut self) {
        let (now, at) = (self.shared.clock.steady(), self.shared.clock.now());
        let overdue: Vec<(OrderId, AccountId)> =
            self.unanswered.iter().filter(|(_, waits)| waits.ask_at <= now).map(|(order, waits)| (*order, waits.account)).collect();
        for (order, account) in overdue {
            let report = |happened| Report { account, order: Some(order), at, happened };
            let mut reports = vec![report(Happened::AnswerMissing)];
            match self.broker.ask(account, order) {
                Whereabouts::Missing => reports.push(report(Happened::Rejected { retcode: retcode::REJECT })),
                Whereabouts::Reported(found) => reports.extend(found),
                Whereabouts::Unanswered => {}
            }
            // What it says may leave the order open, as the refusal of a cancel does: then it is asked again.
            if let Some(waits) = self.unanswered.get_mut(&order) {
                waits.ask_at = now.plus_us(ASK_AGAIN_US);
            }
            self.heard(reports);
        }
    }

    pub(crate) fn take_reports(&mut self) {
        let mut reports = std::mem::take(&mut self.reports);
        self.broker.reports(&mut reports);
        if !reports.is_empty() {
            self.heard(reports);
        } else if !self.unwritten.is_empty() {
            self.write_again();
        }
    }

    /// Writes what the broker reports, then applies it.
    fn heard(&mut self, mut reports: Vec<Report>) {
        self.done += reports.len() as u64;
        add_shared(&self.shared.counters.reports, reports.len() as u64);
        self.write(&reports);
        // Facts, whether written or not: engines must see what they have.
        for report in &reports {
            // A refused cancel says nothing of the order itself.
            if let Some(order) = report.order.filter(|_| report.happened.answers_order()) {
                self.unanswered.remove(&order);
            }
            self.apply(report);
        }
        reports.clear();
        self.reports = reports;
    }

    /// Asks the broker now about every order of an account whose outcome is unknown.
    pub(crate) fn ask_at_once(&mut self, id: AccountId) {
        let Some(account) = self.shared.account(id) else { return };
        let now = self.shared.clock.steady();
        {
            let account = lock(&account);
            let is_unknown = |order: &OrderId| account.ledger.orders.get(order).is_some_and(|order| order.state == OrderState::Unknown);
            for (_, waits) in self.unanswered.iter_mut().filter(|(order, _)| is_unknown(order)) {
                waits.ask_at = now;
            }
        }
        self.ask_overdue();
    }

    /// Applies a report to its account and tells everyone whom it concerns.
    pub(crate) fn apply(&mut self, report: &Report) {
        let Some(account) = self.shared.account(report.account) else {
            self.contradiction(&format!("a report names account {}, which is not open", report.account));
            return;
        };
        let (owner, changes) = {
            let mut account = lock(&account);
            let changes = account.apply(report, &self.shared.table, |symbol| self.shared.market.quote(symbol));
            let memory = account.gate().memory();
            if self.told.insert(report.account, memory.changes()).unwrap_or_default() != memory.changes() {
                self.shared.herald.tell(Event::Gate { account: report.account, memory: memory.clone() });
            }
            (account.owner, changes)
        };
        if let (Happened::Deal { deal, .. }, false) = (&report.happened, changes.is_empty()) {
            let engine = deal.order.map_or(deal.position.0.engine(), OrderId::engine);
            if let Some(entry) = self.shared.engine(engine) {
                add_shared(&entry.meter.deals, 1);
                entry.meter.earn(deal.net());
            }
        }
        for change in changes {
            let Some(engine) = engine_of(&change) else {
                if let Change::Contradiction(text) = &change {
                    self.contradiction(text);
                }
                continue;
            };
            let whose = Whose { engine, account: report.account, owner };
            self.shared.herald.tell(Event::Changed { engine: whose, change: change.clone(), at: report.at });
            let changed = Changed { engine, change, at: report.at };
            self.shared.homes.of(report.account).send(Message::Changed(Box::new(changed)), &self.shared);
        }
    }

    /// Counted each time, told at the first, second, fourth, eighth...: a broker gone mad must not drown everything else.
    fn contradiction(&self, text: &str) {
        let count = add_shared(&self.shared.counters.contradictions, 1);
        if count.is_power_of_two() {
            self.shared.alarm("broker-contradicts", format!("{text} ({count} such reports so far)"));
        }
    }
}

impl PipelineItem {
    /// Takes the command out and leaves its place.
    fn take_command(&mut self) -> Option<Approved<Command>> {
        if !matches!(self, Self::Command(_)) {
            return None;
        }
        match std::mem::replace(self, Self::Recorded) {
            Self::Command(command) => Some(command),
            _ => None,
        }
    }
}

impl Promise {
    pub(crate) fn of(command: &Command) -> Self {
        let places = matches!(command.action, Action::Place(_));
        Self { account: command.account, order: command.order, at: command.at, places }
    }

    /// The report that takes it back: an order is rejected, a modification or cancel refused.
    pub(crate) fn rejection(&self) -> Report {
        let retcode = retcode::REJECT;
        let happened = if self.places { Happened::Rejected { retcode } } else { Happened::ModifyRejected { retcode } };
        Report { account: self.account, order: Some(self.order), at: self.at, happened }
    }
}

/// Writes reports in one go.
pub(crate) fn append(journal: &mut dyn Journal, reports: &[Report]) -> Result<(), JournalError> {
    let entries: Vec<Entry<'_>> = reports.iter().map(Entry::Report).collect();
    journal.append(&entries)
}

/// Whom a change concerns.
pub(crate) fn engine_of(change: &Change) -> Option<EngineId> {
    match change {
        Change::Order { order, .. } => Some(order.id.engine()),
        Change::OrderModified(order) | Change::ModifyRejected(order, _) => Some(order.engine()),
        Change::Position(position, _) | Change::Swap(position) => Some(position.id.0.engine()),
        Change::Contradiction(_) => None,
    }
}

/// Halts everyone and tells them.
pub(crate) fn halt(shared: &Shared, reason: &str) {
    drop(set_host_trading(shared, TradingState::Halted, reason));
}

/// Sets what everyone may do: at the gate at once, then it is kept and guests are told.
pub(crate) fn set_host_trading(shared: &Shared, state: TradingState, reason: &str) -> Keepsake {
    let keepsake = shared.keeping.trading(Scope::Host, state, || shared.switch.set(state));
    shared.herald.tell(Event::Trading { scope: Scope::Host, owner: None, state, reason: reason.to_owned(), at: shared.clock.now() });
    tell_shards(shared);
    keepsake
}

/// Has guests be told what everyone may do now.
pub(crate) fn tell_shards(shared: &Shared) {
    for shard in &shared.shards {
        shard.inbox.push_urgent(crate::shard::ShardRequest::TradingChanged);
    }
}
