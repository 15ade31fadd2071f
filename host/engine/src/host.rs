//! The host: its threads, and what may be asked of it.

use crate::error::{HostError, TickRefused};
use crate::events::{Event, Whose};
use crate::herald::{Herald, left_until};
use crate::homes::{Homes, Wish};
use crate::hub::Hub;
use crate::inbox::Inbox;
use crate::jobs::Jobs;
use crate::keeping::{Keeping, Keepsake, Reserved};
use crate::latency::Fine;
use crate::meter::{Counters, Meter};
use crate::pipeline::{Pipeline, PipelineItem, PipelineRequest, WoundDown, set_host_trading, tell_shards};
use crate::recovery::Recovered;
use crate::room::RoomLine;
use crate::scribe::Scribe;
use crate::setup::{EngineSetup, HostSetup};
use crate::shadow::ShadowReport;
use crate::shard::{EngineCommand, Message, Shard, ShardRequest, Swapped};
use crate::shared::{Entry, ShardPort, Shared, lock};
use domain::account::{Account, WindDown};
use domain::bars::{MarketHistory, MarketView as _};
use domain::contract::{StopReason, TradingState};
use domain::desk::{QueueGauge, TradingSwitch};
use domain::ids::{AccountId, EngineId, OrderId};
use domain::journal::JournalError;
use domain::keeper::Scope;
use domain::life::EngineState;
use domain::reconcile::Reconciliation;
use domain::risk::RiskLimits;
use domain::symbol::SymbolTable;
use domain::tick::Tick;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// A running host: engines on shards, one order pipeline, one event thread. Every method may be called from any thread;
/// those that wait for an answer say so.
pub struct Host {
    pub(crate) shared: Arc<Shared>,
    hub: Mutex<Hub>,
    threads: Mutex<Threads>,
    /// Orders that engines had asked for when they were removed: numbers go on when one comes back.
    numbered: Mutex<BTreeMap<EngineId, u32>>,
}

/// What a host that has stopped leaves to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Lines that were sent or have happened and that the journal does not have.
    pub owed: usize,
    /// Whether the keeper has all of them; otherwise each is in the log.
    pub kept: bool,
}

impl Left {
    /// Everything that was sent is written down.
    pub fn is_safe(self) -> bool {
        self.owed == 0 || self.kept
    }
}

/// How long a stop may take unless somebody says otherwise.
const STOP_MAX: Duration = Duration::from_secs(20);
/// How often a thread that is waited for is looked at.
const JOIN_LOOKS_EVERY: Duration = Duration::from_millis(1);
/// Of what is left of that, events have a part for themselves after the orders' part.
const EVENTS_MAX: Duration = Duration::from_secs(4);

#[derive(Default)]
struct Threads {
    starters: Vec<JoinHandle<()>>,
    shards: Vec<JoinHandle<()>>,
    pipeline: Option<JoinHandle<()>>,
    herald: Option<JoinHandle<()>>,
    /// It ends when this does.
    watch: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Host {
    /// Starts the threads. No account is open and no engine is there yet.
    ///
    /// # Errors
    /// A thread can't be started.
    pub fn start(mut setup: HostSetup) -> Result<Self, HostError> {
        let patience = Duration::from_millis(setup.bounds.journal_answer_ms);
        setup.journal = Box::new(Scribe::start(setup.journal, patience)?);
        let keeping = Keeping::start(Arc::clone(&setup.keeper))?;
        let (host, pipeline, sink) = Self::assemble(setup, keeping);
        // From here on a failure drops `host`, which ends the threads that are there.
        host.start_threads(sink, pipeline)?;
        Ok(host)
    }

    /// The parts, without threads.
    pub(crate) fn assemble(setup: HostSetup, keeping: Keeping) -> (Self, Pipeline, Box<dyn crate::EventSink>) {
        let bounds = setup.bounds;
        let symbols = setup.table.len();
        let switch = Arc::new(TradingSwitch::default());
        switch.set(setup.trading.max(keeping.trading_of(Scope::Host)));
        let port = |_| ShardPort {
            inbox: Inbox::new(),
            subscribed: (0..symbols).map(|_| AtomicU32::new(0)).collect(),
            latency: Fine::default(),
            engines: AtomicUsize::new(0),
            busy: AtomicU32::new(0),
        };
        let shared = Arc::new(Shared {
            table: setup.table,
            market: Arc::new(RwLock::new(setup.history)),
            factory: setup.factory,
            clock: setup.clock,
            switch,
            queue: Arc::new(QueueGauge::new(bounds.commands_max)),
            bounds,
            records: setup.sink.keeps_record(),
            counters: Counters::default(),
            lines_aside: Mutex::default(),
            herald: Herald::new(bounds.views_max, bounds.record_entries_max),
            keeping,
            given: Reserved::default(),
            stop_by: OnceLock::new(),
            left: Mutex::default(),
            pipeline: Arc::new(Inbox::new()),
            jobs: Jobs::new(),
            room: RoomLine::default(),
            shards: (0..bounds.shards.max(1)).map(port).collect(),
            homes: Homes::default(),
            accounts: RwLock::default(),
            engines: RwLock::default(),
            users: Mutex::default(),
            short_of_fuel: AtomicI64::new(i64::MIN),
        });
        let host = Self { shared, hub: Mutex::new(Hub::new()), threads: Mutex::default(), numbered: Mutex::default() };
        let pipeline = Pipeline::new(Arc::clone(&host.shared), setup.journal, setup.broker, setup.keeper.kept());
        (host, pipeline, setup.sink)
    }

    fn start_threads(&self, sink: Box<dyn crate::EventSink>, pipeline: Pipeline) -> Result<(), HostError> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |name: String| Builder::new().name(name);
        let herald = Arc::clone(&self.shared.herald);
        threads.herald = Some(named("events".into()).spawn(move || herald.run(sink))?);
        threads.pipeline = Some(named("orders".into()).spawn(move || pipeline.run())?);
        for number in 0..self.shared.shards.len() {
            let shard = Shard::new(Arc::clone(&self.shared), number);
            threads.shards.push(named(format!("shard-{number}")).spawn(move || shard.run())?);
        }
        let (shared, (end, ends)) = (Arc::clone(&self.shared), channel());
        threads.watch = Some((end, named("watch".into()).spawn(move || crate::starving::watch(&shared, &ends))?));
        for number in 0..self.shared.bounds.starters.max(1) {
            let shared = Arc::clone(&self.shared);
            threads.starters.push(named(format!("starter-{number}")).spawn(move || crate::starter::run(&shared))?);
        }
        Ok(())
    }

    /// Takes a tick in and hands it on: numbered (its own `sequence` is not looked at), with the bars it closes. Waits while
    /// a queue is full, which is counted and told.
    ///
    /// # Errors
    /// The tick is invalid; it is counted.
    pub fn feed(&self, tick: Tick) -> Result<(), TickRefused> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner).feed(tick, &self.shared)
    }

    /// Has everything written to the journal that the host before owed it, and says how many lines that were. Before accounts are
    /// opened: their ledgers follow from it. Waits some seconds for the journal.
    ///
    /// # Errors
    /// The journal does not work, or has not taken everything yet and may when it is asked again; or the host has stopped or does not answer.
    pub fn pay(&self) -> Result<usize, HostError> {
        let (answer, paid) = channel();
        self.ask_pipeline(PipelineRequest::Pay { answer })?;
        self.answer(&paid)?.map_err(|error: JournalError| match error {
            late @ (JournalError::Unanswered(_) | JournalError::Passing(_)) => HostError::JournalLate(late.to_string()),
            error => HostError::Journal(error.to_string()),
        })
    }

    /// Orders of ours that the broker has had on an account, which need not be open: none of their numbers may be given again.
    /// Waits for the broker's answer.
    ///
    /// # Errors
    /// The broker can't say now, or the host has stopped or does not answer.
    pub fn orders_seen(&self, account: AccountId) -> Result<Vec<OrderId>, HostError> {
        let (answer, seen) = channel();
        self.ask_pipeline(PipelineRequest::OrdersSeen { account, answer })?;
        self.answer(&seen)?.ok_or(HostError::BrokerSilent(account))
    }

    /// Opens an account with the ledger that the journal gives, after asking the broker about every order of which more was
    /// promised than is known. Waits for the broker's answer.
    ///
    /// # Errors
    /// It is open already, or what journal and broker say can't be brought together.
    pub fn open_account(&self, account: Account) -> Result<Recovered, HostError> {
        if self.shared.account(account.id).is_some() {
            return Err(HostError::AccountExists(account.id));
        }
        let (answer, opened) = channel();
        self.ask_pipeline(PipelineRequest::Open { account: Box::new(account), answer })?;
        self.answer(&opened)?
    }

    /// An open account, to look at. Hold its lock for a few lines only: the gate needs it.
    pub fn account(&self, id: AccountId) -> Option<Arc<Mutex<Account>>> {
        self.shared.account(id)
    }

    /// Tells the operator of something that a person must look at: in the log, in the live stream and in health.
    pub fn alarm(&self, code: &'static str, text: String) {
        self.shared.alarm(code, text);
    }

    /// The accounts that are open.
    pub fn accounts(&self) -> Vec<AccountId> {
        self.shared.accounts.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Holds what an account has against what its broker says, after asking about every order that is unknown. When its own
    /// orders, positions or balance differ, it opens nothing more until its trading state is set again.
    ///
    /// # Errors
    /// There is no such account, the broker can't say now, or the host has stopped or does not answer.
    pub fn reconcile(&self, account: AccountId) -> Result<Reconciliation, HostError> {
        let (answer, found) = channel();
        self.ask_pipeline(PipelineRequest::Reconcile { account, answer })?;
        self.answer(&found)?
    }

    /// Adds an engine, which then is `defined`.
    ///
    /// # Errors
    /// It exists, its account is not open, or its symbols do not fit its description.
    pub fn add(&self, setup: EngineSetup) -> Result<(), HostError> {
        let engine = setup.engine;
        let account = self.checked(&setup)?;
        let numbered = self.numbered.lock().unwrap_or_else(PoisonError::into_inner).get(&engine).copied();
        let orders_before = setup.orders_before.max(numbered.unwrap_or_default());
        let whose = Whose { engine, account: setup.account, owner: setup.owner };
        let meter = Arc::new(Meter::default());
        meter.set_state(EngineState::Defined, "added", self.shared.clock.now());
        meter.set_trading(setup.trading);
        meter.go_on_from(setup.traded_before);
        setup.restored.iter().for_each(|saved| meter.set_saved(saved));
        let usage = self.shared.usage(whose.owner);
        let entry = Arc::new(Entry { whose, setup, orders_before, account, meter, usage, ready: Mutex::default() });
        let mut engines = self.shared.engines.write().unwrap_or_else(PoisonError::into_inner);
        if engines.contains_key(&engine) {
            return Err(HostError::EngineExists(engine));
        }
        // Within the lock: no command to the engine can reach the shard before the engine itself.
        if !self.shared.homes.of(whose.account).add(ShardRequest::Add(Arc::clone(&entry)), &self.shared) {
            return Err(HostError::Stopped);
        }
        engines.insert(engine, entry);
        drop(engines);
        self.shared.given.engine(engine, &self.shared.keeping);
        Ok(())
    }

    /// Checks that an engine can be run here, and gives its account.
    fn checked(&self, setup: &EngineSetup) -> Result<Arc<Mutex<Account>>, HostError> {
        let engine = setup.engine;
        let account = self.shared.account(setup.account).ok_or(HostError::NoSuchAccount(setup.account))?;
        let invalid = |what: String| Err(HostError::Invalid(format!("engine {engine}: {what}")));
        if setup.symbols.len() != setup.description.needs.len() {
            return invalid(format!("{} symbols for the {} its strategy needs", setup.symbols.len(), setup.description.needs.len()));
        }
        if let Some(symbol) = setup.symbols.iter().find(|symbol| usize::from(symbol.0) >= self.shared.table.len()) {
            return invalid(format!("symbol {} is not in the table", symbol.0));
        }
        let twice = |at: usize| setup.symbols[..at].contains(&setup.symbols[at]);
        if let Some(at) = (0..setup.symbols.len()).find(|&at| twice(at)) {
            let name = &self.shared.table.spec(setup.symbols[at]).name;
            return invalid(format!("{name} stands for two of its strategy's symbols; each needs its own"));
        }
        if lock(&account).owner != setup.owner {
            return invalid(format!("account {} is not its owner's", setup.account));
        }
        Ok(account)
    }

    /// Has another version, or other parameters, take an engine over between two ticks, with the state of the one before
    /// handed over. One that has no guest is another from its next start on. Waits until that is done.
    ///
    /// # Errors
    /// There is no such engine; the version does not fit it; or it refused or failed, and the one before goes on.
    pub fn swap(&self, setup: EngineSetup, reason: &str) -> Result<Swapped, HostError> {
        let engine = setup.engine;
        let entry = self.as_it_would_be(setup)?;
        let (answer, done) = channel();
        self.ask_shard(engine, ShardRequest::Swap { entry, reason: reason.to_owned(), answer })?;
        self.answer(&done)?
    }

    /// An engine with another version or other parameters.
    fn as_it_would_be(&self, setup: EngineSetup) -> Result<Arc<Entry>, HostError> {
        let now = self.shared.engine(setup.engine).ok_or(HostError::NoSuchEngine(setup.engine))?;
        let account = self.checked(&setup)?;
        let whose = Whose { engine: setup.engine, account: setup.account, owner: setup.owner };
        if whose != now.whose {
            return Err(HostError::Invalid(format!("engine {} keeps its owner and account for life", setup.engine)));
        }
        let (meter, usage) = (Arc::clone(&now.meter), Arc::clone(&now.usage));
        Ok(Arc::new(Entry { whose, setup, orders_before: now.orders_before, account, meter, usage, ready: Mutex::default() }))
    }

    /// Has another version, or other parameters, run beside an engine's own: handed the same ticks and events from the state
    /// on that the engine saves next, with orders that reach nobody. [`shadow_of`](Self::shadow_of) shows how both compare.
    /// Does not wait for that.
    ///
    /// # Errors
    /// There is no such engine, it is not running, it has a shadow already, or the version does not fit it.
    pub fn shadow(&self, setup: EngineSetup, reason: &str) -> Result<(), HostError> {
        let engine = setup.engine;
        let entry = self.as_it_would_be(setup)?;
        let (answer, done) = channel();
        self.ask_shard(engine, ShardRequest::Shadow { entry, reason: reason.to_owned(), answer })?;
        self.answer(&done)?
    }

    /// Ends an engine's shadow; without one, nothing changes.
    ///
    /// # Errors
    /// There is no such engine.
    pub fn end_shadow(&self, engine: EngineId, reason: &str) -> Result<(), HostError> {
        let (answer, done) = channel();
        self.ask_shard(engine, ShardRequest::EndShadow { engine, reason: reason.to_owned(), answer })?;
        self.answer(&done)
    }

    /// The shadow run that an engine has, or had last since the host's start.
    pub fn shadow_of(&self, engine: EngineId) -> Option<ShadowReport> {
        self.shared.engine(engine)?.meter.shadow()
    }

    /// Starts, stops, pauses or resumes an engine, and says in which state it is then. Repeating changes nothing. Overtakes
    /// waiting ticks, and waits for the guest call in progress.
    ///
    /// # Errors
    /// There is no such engine, or the command makes no sense in its state.
    pub fn command(&self, engine: EngineId, command: EngineCommand, reason: &str) -> Result<EngineState, HostError> {
        let (answer, done) = channel();
        let request = ShardRequest::Command { engine, command, reason: reason.to_owned(), answer };
        self.ask_shard(engine, request)?;
        Ok(self.answer(&done)??)
    }

    /// Stops an engine and forgets it; its orders and positions stay. Removing what is not there changes nothing.
    ///
    /// # Errors
    /// The host has stopped or does not answer.
    pub fn remove(&self, engine: EngineId, reason: &str) -> Result<(), HostError> {
        let (answer, removed) = channel();
        match self.ask_shard(engine, ShardRequest::Remove { engine, reason: reason.to_owned(), answer }) {
            Err(HostError::NoSuchEngine(_)) => return Ok(()),
            asked => asked?,
        }
        let orders = self.answer(&removed)?;
        self.numbered.lock().unwrap_or_else(PoisonError::into_inner).insert(engine, orders);
        let gone = self.shared.engines.write().unwrap_or_else(PoisonError::into_inner).remove(&engine);
        if let Some(entry) = gone {
            self.shared.homes.of(entry.whose.account).removed(&self.shared);
        }
        Ok(())
    }

    /// Moves an account's engines to another shard, between two ticks and with nothing lost or doubled. A shard that has too
    /// much to do has this done by itself. `false`: they are there already, or another account is on its way.
    ///
    /// # Errors
    /// There is no such account or shard, or the host has stopped.
    pub fn move_account(&self, account: AccountId, shard: usize) -> Result<bool, HostError> {
        if self.shared.account(account).is_none() {
            return Err(HostError::NoSuchAccount(account));
        }
        if shard >= self.shared.shards.len() {
            return Err(HostError::Invalid(format!("shard {shard}: this host has {}, counted from 0", self.shared.shards.len())));
        }
        let hub = self.hub.lock().unwrap_or_else(PoisonError::into_inner);
        if hub.stopped {
            return Err(HostError::Stopped);
        }
        Ok(self.shared.homes.move_to(Wish { account, to: shard }, &self.shared))
    }

    /// The shard an account's engines are on.
    pub fn shard_of(&self, account: AccountId) -> usize {
        self.shared.homes.of(account).shard()
    }

    /// Sets what the host, an account or an engine may do at the market. The strictest of the three counts. Holds at once, whatever
    /// a shard is busy with: what a guest asks for before it is told is taken back by the order pipeline. Waits for nobody.
    ///
    /// It is handed to the keeper as well: what comes back says when a restart will know of it.
    ///
    /// # Errors
    /// There is no such account or engine.
    pub fn set_trading(&self, scope: Scope, state: TradingState, reason: &str) -> Result<Keepsake, HostError> {
        let keeping = &self.shared.keeping;
        let (owner, keepsake) = match scope {
            Scope::Host => return Ok(set_host_trading(&self.shared, state, reason)),
            Scope::Account(id) => {
                let account = self.shared.account(id).ok_or(HostError::NoSuchAccount(id))?;
                let keepsake = keeping.trading(scope, state, || lock(&account).trading = state);
                self.shared.homes.of(id).ask(ShardRequest::TradingChanged, &self.shared);
                (lock(&account).owner, keepsake)
            }
            Scope::Engine(engine) => {
                let entry = self.shared.engine(engine).ok_or(HostError::NoSuchEngine(engine))?;
                let keepsake = keeping.trading(scope, state, || entry.meter.set_trading(state));
                self.shared.homes.of(entry.whose.account).ask(ShardRequest::EngineTradingChanged(engine), &self.shared);
                (entry.whose.owner, keepsake)
            }
        };
        let at = self.shared.clock.now();
        self.shared.herald.tell(Event::Trading { scope, owner: Some(owner), state, reason: reason.to_owned(), at });
        Ok(keepsake)
    }

    /// Hands to the keeper what an account or an engine may do that this host does not have now.
    pub fn keep_trading(&self, scope: Scope, state: TradingState) -> Keepsake {
        self.shared.keeping.trading(scope, state, || {})
    }

    /// What the keeper says somebody may do at the market: with what the database says, the stricter counts.
    pub fn kept_trading(&self, scope: Scope) -> TradingState {
        self.shared.keeping.trading_of(scope)
    }

    /// Withdraws working orders and closes positions, of everyone, an account or an engine, without asking a guest. Says how many
    /// orders it sent for that; what becomes of them comes as events. Set the trading state before, or guests open anew.
    ///
    /// # Errors
    /// The host has stopped or does not answer.
    pub fn wind_down(&self, scope: Scope, what: WindDown) -> Result<WoundDown, HostError> {
        let (answer, done) = channel();
        self.ask_pipeline(PipelineRequest::WindDown { scope, what, answer })?;
        self.answer(&done)
    }

    /// Sets an account's limits: its own, and the levels above it. They hold from the next command on.
    ///
    /// # Errors
    /// There is no such account.
    pub fn set_limits(&self, id: AccountId, own: RiskLimits, ceilings: Vec<RiskLimits>) -> Result<(), HostError> {
        let account = self.shared.account(id).ok_or(HostError::NoSuchAccount(id))?;
        let mut account = lock(&account);
        account.gate_mut().set_own(own);
        account.gate_mut().set_ceilings(ceilings);
        Ok(())
    }

    /// A person has looked: an engine that opened too often in one direction may open again; without one, all of the account
    /// may, and its day and its peak begin anew.
    ///
    /// # Errors
    /// There is no such account.
    pub fn reset_gate(&self, id: AccountId, engine: Option<EngineId>) -> Result<(), HostError> {
        let account = self.shared.account(id).ok_or(HostError::NoSuchAccount(id))?;
        let memory = {
            let mut account = lock(&account);
            account.reset(engine, &self.shared.table, |symbol| self.shared.market.quote(symbol));
            account.gate().memory().clone()
        };
        self.shared.herald.tell(Event::Gate { account: id, memory });
        Ok(())
    }

    /// What the whole host may open; `None` is no cap.
    pub fn set_caps(&self, orders_per_second: Option<u32>, notional_per_minute: Option<u64>) {
        self.shared.switch.caps().set(orders_per_second, notional_per_minute);
    }

    /// What people allow everyone on the host to do at the market.
    pub fn trading(&self) -> TradingState {
        self.shared.switch.allowed()
    }

    /// Has nobody open anything until it is called with `false`: for a host that can't be sure to be the only one. Orders that reduce
    /// risk pass, and what people allow stays as it is.
    pub fn hold_back(&self, holds_back: bool) {
        if self.shared.switch.hold_back(holds_back) {
            tell_shards(&self.shared);
        }
    }

    /// All symbols.
    pub fn table(&self) -> &SymbolTable {
        &self.shared.table
    }

    /// The market's recent past.
    pub fn market(&self) -> Arc<RwLock<MarketHistory>> {
        Arc::clone(&self.shared.market)
    }

    /// Has everyone look at the clock now: restarts that are due happen, engines that starve are found. Needed only with clocks that are moved by hand.
    pub fn wake(&self) {
        self.shared.shards.iter().for_each(|shard| shard.inbox.kick());
        self.shared.pipeline.kick();
        crate::starving::look(&self.shared);
    }

    /// Waits until the sink has taken all that has been told so far. `false` when that took longer than `patience`.
    pub fn told(&self, patience: Duration) -> bool {
        self.shared.herald.told(Instant::now() + patience)
    }

    /// Waits until everything fed so far, and everything that followed from it, has been seen to and told; engines that are
    /// being started are waited for as well. `false` when that took longer than `patience`.
    pub fn settle(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut before = None;
        loop {
            if !self.shards_reached(end) {
                return false;
            }
            let (answer, reached) = channel();
            self.shared.pipeline.push(PipelineItem::Barrier(answer));
            let done = match reached.recv_timeout(left_until(end)) {
                Ok(done) => done,
                Err(RecvTimeoutError::Timeout) => return false,
                // There is no pipeline any more, so nothing follows.
                Err(RecvTimeoutError::Disconnected) => return self.shards_reached(end) && self.shared.herald.settle(end),
            };
            // Looked at last: what was asked of the shards before has its effect by now, and what followed from that is counted.
            let asked: u64 = self.shared.shards.iter().map(|shard| shard.inbox.urgent_ever()).sum();
            let is_busy = self.any_starting() || self.shared.jobs.is_starting() || self.shared.homes.any_moving();
            // Twice the same: nothing followed from what the shards did since.
            if !is_busy && before == Some((done, asked)) {
                return self.shards_reached(end) && self.shared.herald.settle(end);
            }
            before = (!is_busy).then_some((done, asked));
            if is_busy {
                std::thread::yield_now();
            }
        }
    }

    fn any_starting(&self) -> bool {
        let engines = self.shared.engines.read().unwrap_or_else(PoisonError::into_inner);
        engines.values().any(|entry| matches!(entry.meter.state(), EngineState::Starting | EngineState::WarmingUp))
    }

    fn shards_reached(&self, end: Instant) -> bool {
        let (answer, reached) = channel();
        let asked = self.shared.shards.iter().filter(|shard| shard.inbox.push(Message::Barrier(answer.clone()))).count();
        drop(answer);
        // A shard that stops meanwhile drops its sender: it has nothing left to do.
        (0..asked).all(|_| !matches!(reached.recv_timeout(left_until(end)), Err(RecvTimeoutError::Timeout)))
    }

    /// Stops cleanly: no more ticks, those that wait are seen to, every engine saves its state and hears `host-stopping`, what
    /// is recorded goes out, the sink gets everything, all threads end. Repeating changes nothing.
    pub fn stop(&self) -> Option<Left> {
        self.stop_by(Instant::now() + STOP_MAX)
    }

    /// The same, by a deadline: whatever does not end by then is named in the log and left behind. Says what is owed to the journal;
    /// `None` when the order pipeline has not come to its end.
    pub fn stop_by(&self, deadline: Instant) -> Option<Left> {
        _ = self.shared.stop_by.set(deadline.checked_sub(EVENTS_MAX).unwrap_or(deadline));
        let orders_by = *self.shared.stop_by.get().expect("it was set");
        self.hub.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        let mut threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // Guests that are being started come back first, so that their shards can stop them.
        self.shared.jobs.close();
        if let Some((end, thread)) = threads.watch {
            drop(end);
            join([thread], orders_by);
        }
        join(threads.starters, orders_by);
        for shard in &self.shared.shards {
            shard.inbox.push(Message::Stop);
        }
        join(threads.shards, orders_by);
        self.shared.pipeline.push(PipelineItem::Stop);
        join(threads.pipeline.take(), orders_by);
        self.shared.herald.close();
        join(threads.herald.take(), deadline);
        join(self.shared.keeping.close(), deadline);
        *self.shared.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask_shard(&self, engine: EngineId, request: ShardRequest) -> Result<(), HostError> {
        let entry = self.shared.engine(engine).ok_or(HostError::NoSuchEngine(engine))?;
        let asked = self.shared.homes.of(entry.whose.account).ask(request, &self.shared);
        if asked { Ok(()) } else { Err(HostError::Stopped) }
    }

    fn ask_pipeline(&self, request: PipelineRequest) -> Result<(), HostError> {
        if self.shared.pipeline.push_urgent(request) { Ok(()) } else { Err(HostError::Stopped) }
    }

    fn answer<T>(&self, from: &Receiver<T>) -> Result<T, HostError> {
        from.recv_timeout(Duration::from_millis(self.shared.bounds.answer_ms)).map_err(|error| match error {
            RecvTimeoutError::Timeout => HostError::Busy,
            RecvTimeoutError::Disconnected => HostError::Stopped,
        })
    }

    /// [`EngineCommand::Stop`] by its owner.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub fn stop_engine(&self, engine: EngineId, reason: &str) -> Result<EngineState, HostError> {
        self.command(engine, EngineCommand::Stop(StopReason::ByOwner), reason)
    }

    /// [`EngineCommand::Start`].
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub fn start_engine(&self, engine: EngineId, reason: &str) -> Result<EngineState, HostError> {
        self.command(engine, EngineCommand::Start, reason)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits for threads, which the process's end ends if they have not ended by themselves by then.
fn join(threads: impl IntoIterator<Item = JoinHandle<()>>, by: Instant) {
    for thread in threads {
        let name = thread.thread().name().unwrap_or("a thread").to_owned();
        while !thread.is_finished() && Instant::now() < by {
            std::thread::sleep(JOIN_LOOKS_EVERY);
        }
        if !thread.is_finished() {
            tracing::error!("the stop does not wait any longer for {name}, which hangs");
        } else if thread.join().is_err() {
            tracing::error!("{name} panicked while the host stopped");
        }
    }
}
