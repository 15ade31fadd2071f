//! A journal in memory, a broker that fills what it is told to, and a sink that remembers.

use domain::broker::{AccountTerms, Deal, Entry as DealEntry, Happened, LiveBroker, Reason, Report, Whereabouts};
use domain::contract::LogLevel;
use domain::desk::Remark;
use domain::ids::{AccountId, DealId, EngineId, OrderId, PositionId};
use domain::journal::{Entry, JournalError, Lease, Recorded};
use domain::ledger::Ledger;
use domain::life::EngineState;
use domain::number::{Money, Points, Steps};
use domain::order::{Action, Command};
use domain::reconcile::Snapshot;
use domain::symbol::SymbolId;
use domain::tick::Tick;
use engine::Event;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

/// What is in the journal, and whether it works.
#[derive(Default)]
pub struct Records {
    lines: Mutex<Vec<String>>,
    broken: Mutex<bool>,
    /// It takes what it is given, and answers when this ends.
    hangs: Mutex<bool>,
    answers: Condvar,
    /// Another host has taken over.
    fenced: Mutex<bool>,
    /// Another host may have begun to trade.
    lease_is_over: AtomicBool,
    /// Orders of which it takes no command, though it works.
    refused: Mutex<Vec<OrderId>>,
    /// Orders of which it takes no report.
    reports_refused: Mutex<Vec<OrderId>>,
}

impl Records {
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub fn refuse(&self, order: OrderId) {
        self.refused.lock().unwrap().push(order);
    }

    pub fn refuse_reports(&self, order: OrderId) {
        self.reports_refused.lock().unwrap().push(order);
    }

    pub fn fence(&self) {
        *self.fenced.lock().unwrap() = true;
    }

    /// Nobody has looked for so long that another host may trade.
    pub fn end_lease(&self) {
        self.lease_is_over.store(true, Ordering::SeqCst);
    }

    pub fn hang(&self) {
        *self.hangs.lock().unwrap() = true;
    }

    /// What it was given while it hung is seen to now.
    pub fn answer(&self) {
        *self.hangs.lock().unwrap() = false;
        self.answers.notify_all();
    }

    pub fn fail(&self, broken: bool) {
        *self.broken.lock().unwrap() = broken;
    }
}

pub struct Journal(pub Arc<Records>);

impl domain::journal::Journal for Journal {
    fn append(&mut self, entries: &[Entry<'_>]) -> Result<(), JournalError> {
        let hangs = self.0.hangs.lock().unwrap();
        drop(self.0.answers.wait_timeout_while(hangs, super::PATIENCE, |hangs| *hangs).unwrap());
        if *self.0.fenced.lock().unwrap() {
            return Err(JournalError::Fenced("by test".into()));
        }
        if *self.0.broken.lock().unwrap() {
            return Err(JournalError::Disk("no space left on device".into()));
        }
        let (refused, reports_refused) = (self.0.refused.lock().unwrap(), self.0.reports_refused.lock().unwrap());
        let is_refused = |entry: &Entry<'_>| match entry {
            Entry::Command(command) => refused.contains(&command.order),
            Entry::Report(report) => report.order.is_some_and(|order| reports_refused.contains(&order)),
        };
        if let Some(at) = entries.iter().position(is_refused) {
            return Err(JournalError::Refused { at, why: "its engine is not known".into() });
        }
        let line = |entry: &Entry<'_>| match entry {
            Entry::Command(command) => format!("command {} {}", command.order, action(command)),
            Entry::Report(report) => format!("report {} {}", report.order.map_or("-".into(), |id| id.to_string()), happened(report)),
        };
        self.0.lines.lock().unwrap().extend(entries.iter().map(line));
        Ok(())
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        Some(Arc::clone(&self.0) as _)
    }
}

impl Lease for Records {
    fn holds(&self) -> bool {
        !self.lease_is_over.load(Ordering::SeqCst)
    }
}

fn action(command: &Command) -> &'static str {
    match command.action {
        Action::Place(_) => "place",
        Action::Cancel => "cancel",
        _ => "modify",
    }
}

fn happened(report: &Report) -> &'static str {
    match report.happened {
        Happened::Accepted { .. } => "accepted",
        Happened::Rejected { .. } => "rejected",
        Happened::AnswerMissing => "answer-missing",
        Happened::Deal { .. } => "deal",
        Happened::Canceled => "canceled",
        _ => "other",
    }
}

/// A broker that fills market orders at the last price, knows what a test tells it, and has what it was opened with and has said.
#[derive(Default)]
pub struct Ledgerless {
    state: Mutex<BrokerState>,
}

#[derive(Default)]
struct BrokerState {
    submitted: Vec<OrderId>,
    ticks: u64,
    last: BTreeMap<SymbolId, Tick>,
    reports: Vec<Report>,
    deals: u64,
    whereabouts: BTreeMap<OrderId, Whereabouts>,
    opened: Vec<(AccountId, usize)>,
    panics: bool,
    has: BTreeMap<AccountId, Ledger>,
    /// What a test has it say instead of what it has; `None` when it can't say.
    says: BTreeMap<AccountId, Option<Snapshot>>,
}

impl BrokerState {
    fn say(&mut self, reports: &[Report]) {
        for report in reports {
            self.has.entry(report.account).or_default().apply(report);
        }
    }
}

impl Ledgerless {
    pub fn submitted(&self) -> Vec<String> {
        self.state.lock().unwrap().submitted.iter().map(ToString::to_string).collect()
    }

    pub fn ticks(&self) -> u64 {
        self.state.lock().unwrap().ticks
    }

    /// What it answers when it is asked about an order.
    pub fn knows(&self, order: OrderId, whereabouts: Whereabouts) {
        self.state.lock().unwrap().whereabouts.insert(order, whereabouts);
    }

    /// Accounts it was given, with the number of working orders they came with.
    pub fn opened(&self) -> Vec<(u32, usize)> {
        self.state.lock().unwrap().opened.iter().map(|(id, orders)| (id.0, *orders)).collect()
    }

    /// At the next tick it closes the first position of `engine` by itself.
    pub fn stop_out(&self, engine: u32, account: AccountId) {
        let mut state = self.state.lock().unwrap();
        state.deals += 1;
        let last = *state.last.values().next().unwrap();
        let deal = Deal {
            id: DealId(state.deals),
            order: None,
            position: PositionId(OrderId::new(EngineId(engine), 1)),
            symbol: last.symbol,
            side: domain::contract::Side::Sell,
            entry: DealEntry::Out,
            reason: Reason::StopOut,
            volume: Steps(10),
            price: Points(110_000),
            profit: Money::ZERO,
            commission: Money::ZERO,
            swap: Money::ZERO,
            time: last.time,
        };
        state.reports.push(Report { account, order: None, at: last.time, happened: Happened::Deal { deal, rest: Steps(0) } });
    }

    /// It says once more that it has accepted an order.
    pub fn repeats(&self, account: AccountId, order: OrderId) {
        let mut state = self.state.lock().unwrap();
        let at = state.last.values().next().unwrap().time;
        state.reports.push(Report { account, order: Some(order), at, happened: Happened::Accepted { ticket: order.0 } });
    }

    /// What an account has there.
    pub fn has(&self, account: u32) -> Snapshot {
        Snapshot::of(&self.state.lock().unwrap().has[&AccountId(account)])
    }

    /// What it says an account has from now on, whatever it has.
    pub fn says(&self, account: u32, snapshot: Option<Snapshot>) {
        self.state.lock().unwrap().says.insert(AccountId(account), snapshot);
    }

    pub fn panic_at_next_order(&self) {
        self.state.lock().unwrap().panics = true;
    }
}

pub struct Broker(pub Arc<Ledgerless>);

impl domain::broker::Broker for Broker {
    fn submit(&mut self, command: Recorded<Command>) {
        let mut state = self.0.state.lock().unwrap();
        let command = command.into_inner();
        assert!(!std::mem::take(&mut state.panics), "told to");
        state.submitted.push(command.order);
        state.has.entry(command.account).or_default().recorded(&command);
        let Action::Place(request) = &command.action else { return };
        let Some(last) = state.last.get(&request.symbol).copied() else { return };
        state.deals += 1;
        let price = if request.side == domain::contract::Side::Buy { last.ask } else { last.bid };
        let deal = Deal {
            id: DealId(state.deals),
            order: Some(command.order),
            position: request.position.unwrap_or(PositionId(command.order)),
            symbol: request.symbol,
            side: request.side,
            entry: if request.position.is_some() { DealEntry::Out } else { DealEntry::In },
            reason: Reason::Expert,
            volume: request.volume,
            price: Points((price * 1e5).round() as i64),
            profit: Money::ZERO,
            commission: Money(-1_000_000),
            swap: Money::ZERO,
            time: last.time,
        };
        let report = |happened| Report { account: command.account, order: Some(command.order), at: last.time, happened };
        state.reports.push(report(Happened::Accepted { ticket: command.order.0 }));
        state.reports.push(report(Happened::Deal { deal, rest: Steps(0) }));
    }

    fn reports(&mut self, into: &mut Vec<Report>) {
        let mut state = self.0.state.lock().unwrap();
        let mut reports = std::mem::take(&mut state.reports);
        state.say(&reports);
        into.append(&mut reports);
    }
}

impl LiveBroker for Broker {
    fn orders_seen(&mut self, _: AccountId) -> Option<Vec<OrderId>> {
        Some(Vec::new())
    }

    fn open(&mut self, account: AccountId, _: &AccountTerms, known: &Ledger) -> Result<(), String> {
        let mut state = self.0.state.lock().unwrap();
        state.opened.push((account, known.orders.len()));
        state.has.insert(account, known.clone());
        Ok(())
    }

    fn ask(&mut self, _: AccountId, order: OrderId) -> Whereabouts {
        let mut state = self.0.state.lock().unwrap();
        let said = state.whereabouts.remove(&order).unwrap_or(Whereabouts::Missing);
        if let Whereabouts::Reported(reports) = &said {
            state.say(reports);
        }
        said
    }

    fn snapshot(&mut self, account: AccountId) -> Option<Snapshot> {
        let state = self.0.state.lock().unwrap();
        let has = || state.has.get(&account).map(Snapshot::of);
        state.says.get(&account).cloned().unwrap_or_else(has)
    }

    fn on_tick(&mut self, tick: &Tick) {
        let mut state = self.0.state.lock().unwrap();
        state.ticks += 1;
        state.last.insert(tick.symbol, *tick);
    }
}

/// Every event so far.
#[derive(Default)]
pub struct Told {
    events: Mutex<Vec<Event>>,
    more: Condvar,
}

impl Told {
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// Waits until there is an event like this.
    pub fn wait_for(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        let events = self.events.lock().unwrap();
        let (events, timeout) = self.more.wait_timeout_while(events, super::PATIENCE, |events| !events.iter().any(&wanted)).unwrap();
        assert!(!timeout.timed_out(), "what was waited for did not happen; what did: {events:#?}");
        events.iter().find(|event| wanted(event)).unwrap().clone()
    }

    /// The states an engine went through, with the reasons.
    pub fn states(&self, engine: u32) -> Vec<(EngineState, String)> {
        let of = |event: &Event| match event {
            Event::State { engine: whose, to, reason, .. } if whose.engine == EngineId(engine) => Some((*to, reason.clone())),
            _ => None,
        };
        self.events().iter().filter_map(of).collect()
    }

    /// What an engine logged at level `info`.
    pub fn logged(&self, engine: u32) -> Vec<String> {
        self.logged_at(engine, LogLevel::Info)
    }

    pub fn logged_at(&self, engine: u32, wanted: LogLevel) -> Vec<String> {
        let of = |event: Event| match event {
            Event::Remarks { engine: whose, remarks, .. } if whose.engine == EngineId(engine) => remarks,
            _ => Vec::new(),
        };
        let text = |remark| match remark {
            Remark::Log { level, text, .. } if level == wanted => Some(text),
            _ => None,
        };
        self.events().into_iter().flat_map(of).filter_map(text).collect()
    }

    pub fn alarms(&self) -> Vec<&'static str> {
        self.events().iter().filter_map(|event| if let Event::Alarm { code, .. } = event { Some(*code) } else { None }).collect()
    }
}

pub struct Sink(pub Arc<Told>);

impl engine::EventSink for Sink {
    fn events(&mut self, events: Vec<Event>) {
        self.0.events.lock().unwrap().extend(events);
        self.0.more.notify_all();
    }
}

/// One that keeps a record.
pub struct RecordingSink(pub Sink);

impl engine::EventSink for RecordingSink {
    fn events(&mut self, events: Vec<Event>) {
        self.0.events(events);
    }

    fn keeps_record(&self) -> bool {
        true
    }
}
