//! The order pipeline: one thread through which every command goes out and every report comes in. Nothing leaves before it
//! is recorded, nothing is applied before it is recorded, and one write of the journal takes all that waits.

use crate::error::HostError;
use crate::events::Event;
use crate::events::{Scope, Whose};
use crate::meter::add_shared;
use crate::recovery::Recovered;
use crate::shard::{Changed, Message};
use crate::shared::{Shared, lock, panic_text, reply};
use domain::account::Account;
use domain::broker::{Happened, LiveBroker, Report, retcode};
use domain::contract::TradingState;
use domain::ids::{AccountId, EngineId, OrderId};
use domain::journal::{Entry, Journal, JournalError, Recorded, SetAside, record};
use domain::ledger::Change;
use domain::order::{Action, Command};
use domain::risk::Approved;
use domain::tick::Tick;
use domain::time::{SECOND_US, Time};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};

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
    Open { account: Box<Account>, answer: Sender<Result<Recovered, HostError>> },
}

/// How long the pipeline waits before it tries a journal that has failed again.
const TRY_AGAIN_US: i64 = SECOND_US;

/// The thread's own state.
pub(crate) struct Pipeline {
    pub(crate) shared: Arc<Shared>,
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) broker: Box<dyn LiveBroker>,
    /// Reports that could not be written, oldest first. They come before anything else that is written.
    unwritten: Vec<Report>,
    try_again: Option<Time>,
    done: u64,
    reports: Vec<Report>,
    stopping: bool,
}

/// What is needed of a command to reject it when the journal does not take it.
struct Promise {
    account: AccountId,
    order: OrderId,
    at: Time,
    places: bool,
}

impl Pipeline {
    pub(crate) fn new(shared: Arc<Shared>, journal: Box<dyn Journal>, mut broker: Box<dyn LiveBroker>) -> Self {
        let inbox = Arc::clone(&shared.pipeline);
        broker.wake_by(Arc::new(move || inbox.kick()));
        let reports = Vec::new();
        Self { shared, journal, broker, unwritten: Vec::new(), try_again: None, done: 0, reports, stopping: false }
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
        let (mut items, mut requests) = (Vec::new(), Vec::new());
        while !self.stopping {
            self.shared.pipeline.take(&mut items, &mut requests, None);
            for PipelineRequest::Open { account, answer } in requests.drain(..) {
                let opened = self.open(*account);
                reply(&answer, opened);
            }
            self.handle(&mut items);
            items.clear();
        }
    }

    fn handle(&mut self, items: &mut [PipelineItem]) {
        let commands: Vec<Approved<Command>> = items.iter_mut().filter_map(PipelineItem::take_command).collect();
        let count = commands.len();
        let mut recorded = self.record(commands).into_iter();
        let mut barriers = Vec::new();
        for item in items.iter_mut() {
            match std::mem::replace(item, PipelineItem::Stop) {
                PipelineItem::Tick(tick) => self.tick(&tick),
                // None when the journal failed: they have been rejected.
                PipelineItem::Recorded => recorded.next().into_iter().for_each(|command| self.broker.submit(command)),
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

    /// Records what was approved, in one write. When that fails all of it is rejected, so that no engine waits for an order
    /// that never left, and trading halts.
    fn record(&mut self, commands: Vec<Approved<Command>>) -> Vec<Recorded<Command>> {
        if commands.is_empty() {
            return Vec::new();
        }
        let promises: Vec<Promise> = commands.iter().map(|command| Promise::of(command.get())).collect();
        // What came before must be written before; and a journal that fails is not asked again and again.
        let ready = self.unwritten.is_empty() || self.write_again();
        let recorded = if ready { record(&mut *self.journal, commands) } else { Err(JournalError::Disk("it failed just now".into())) };
        match recorded {
            Ok(recorded) => {
                add_shared(&self.shared.counters.group_commits, 1);
                add_shared(&self.shared.counters.commands_recorded, recorded.len() as u64);
                recorded
            }
            Err(error) => {
                add_shared(&self.shared.counters.commands_unrecorded, promises.len() as u64);
                self.failed(&error);
                // Nobody outside has heard of these orders, so the rejections need not be written either.
                promises.iter().for_each(|promise| self.apply(&promise.rejection()));
                Vec::new()
            }
        }
    }

    fn take_reports(&mut self) {
        let mut reports = std::mem::take(&mut self.reports);
        self.broker.reports(&mut reports);
        if !reports.is_empty() {
            self.done += reports.len() as u64;
            add_shared(&self.shared.counters.reports, reports.len() as u64);
            self.write(&reports);
            // Facts, whether written or not: engines must see what they have.
            reports.iter().for_each(|report| self.apply(report));
            reports.clear();
        } else if !self.unwritten.is_empty() {
            self.write_again();
        }
        self.reports = reports;
    }

    fn write(&mut self, reports: &[Report]) {
        if !self.unwritten.is_empty() {
            self.unwritten.extend_from_slice(reports);
            self.write_again();
        } else if let Err(error) = append(&mut *self.journal, reports) {
            self.unwritten.extend_from_slice(reports);
            self.failed(&error);
            let text =
                format!("{} reports of the broker are not in the journal yet; they are kept and written first", self.unwritten.len());
            self.shared.alarm("reports-unwritten", text);
        } else {
            add_shared(&self.shared.counters.group_commits, 1);
        }
    }

    /// A report that can't be booked is its account's affair: that opens nothing more, everybody else goes on.
    fn tell_set_aside(&mut self) {
        for SetAside { account: id, why } in self.journal.set_aside() {
            let text = format!(
                "account {id}: a report of the broker is kept but can't be booked ({why}); it opens nothing until a person has looked"
            );
            self.shared.alarm("report-set-aside", text);
            let Some(account) = self.shared.account(id) else { continue };
            let state = {
                let mut account = lock(&account);
                account.trading = account.trading.max(TradingState::Reducing);
                account.trading
            };
            let at = self.shared.clock.now();
            let reason = "a report of the broker can't be booked".to_owned();
            self.shared.herald.tell(Event::Trading { scope: Scope::Account(id), state, reason, at });
            self.shared.shard_of(id).inbox.push_urgent(crate::shard::ShardRequest::TradingChanged);
        }
    }

    /// Tries to write what could not be written, not too often.
    fn write_again(&mut self) -> bool {
        let now = self.shared.clock.now();
        if self.try_again.is_some_and(|at| now < at) {
            return false;
        }
        match append(&mut *self.journal, &self.unwritten) {
            Ok(()) => {
                add_shared(&self.shared.counters.group_commits, 1);
                let text =
                    format!("{} reports that waited are written; trading stays halted until a person lifts it", self.unwritten.len());
                self.shared.alarm("journal-works-again", text);
                self.unwritten.clear();
                self.try_again = None;
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    /// The journal does not work: nobody opens anything until a person says so.
    fn failed(&mut self, error: &JournalError) {
        self.try_again = Some(self.shared.clock.now().plus_us(TRY_AGAIN_US));
        if self.shared.switch.get() != TradingState::Halted {
            self.shared.alarm("journal-failed", format!("{error}; trading is halted"));
            halt(&self.shared, "the journal failed");
        }
    }

    /// Applies a report to its account and tells everyone whom it concerns.
    pub(crate) fn apply(&self, report: &Report) {
        let Some(account) = self.shared.account(report.account) else {
            self.contradiction(&format!("a report names account {}, which is not open", report.account));
            return;
        };
        let (owner, changes) = {
            let mut account = lock(&account);
            (account.owner, account.ledger.apply(report))
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
            self.shared.shard_of(report.account).inbox.push(Message::Changed(Box::new(changed)));
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
    fn of(command: &Command) -> Self {
        let places = matches!(command.action, Action::Place(_));
        Self { account: command.account, order: command.order, at: command.at, places }
    }

    /// The report that takes it back: an order is rejected, a modification or cancel refused.
    fn rejection(&self) -> Report {
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
    set_host_trading(shared, TradingState::Halted, reason);
}

/// Sets what everyone may do: at the gate at once, then guests are told.
pub(crate) fn set_host_trading(shared: &Shared, state: TradingState, reason: &str) {
    shared.switch.set(state);
    shared.herald.tell(Event::Trading { scope: Scope::Host, state, reason: reason.to_owned(), at: shared.clock.now() });
    for shard in &shared.shards {
        shard.inbox.push_urgent(crate::shard::ShardRequest::TradingChanged);
    }
}

impl Pipeline {
    /// Takes an account on; see [`crate::recovery`].
    fn open(&mut self, mut account: Account) -> Result<Recovered, HostError> {
        let id = account.id;
        // Asked here as well: of two callers at once the second would put the first one's orders out of sight.
        if self.shared.account(id).is_some() {
            return Err(HostError::AccountExists(id));
        }
        let refused = |reason: String| HostError::Recovery { account: id, reason };
        let (recovered, changes) = crate::recovery::resolve(&mut account, &mut *self.broker, &mut *self.journal, self.shared.clock.now())?;
        self.broker.open(id, &account.terms, &account.ledger).map_err(refused)?;
        if recovered.unresolved > 0 {
            let text =
                format!("account {id}: what became of {} orders is unknown; it opens nothing until that is resolved", recovered.unresolved);
            self.shared.alarm("order-unresolved", text);
        }
        let owner = account.owner;
        for (change, at) in changes {
            let Some(engine) = engine_of(&change) else { continue };
            self.shared.herald.tell(Event::Changed { engine: Whose { engine, account: id, owner }, change, at });
        }
        let mut accounts = self.shared.accounts.write().unwrap_or_else(PoisonError::into_inner);
        accounts.insert(id, Arc::new(std::sync::Mutex::new(account)));
        drop(accounts);
        self.take_reports();
        Ok(recovered)
    }
}
