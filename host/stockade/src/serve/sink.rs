//! What happens in the host, written to the store and shown to the live stream.

use super::full_disk::FullDisk;
use super::recording::Recording;
use super::trouble::{Trouble, Turn};
use api::LiveFeed;
use api::operations::TRADING;
use domain::contract::{LogLevel, Param, TradingState};
use domain::desk::Remark;
use domain::ids::{AccountId, Digest, EngineId, OrderId};
use domain::life::Verdict;
use domain::risk::GateMemory;
use domain::symbol::{SymbolId, SymbolTable};
use domain::time::Time;
use engine::{Event, EventSink, Scope, Seen, SwapOutcome, Whose};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use store::{EngineSave, EngineStep, Follows, LastTick, LogClock, NewLog, NewSignal, StepKind, Store, StoreError};
use tokio::runtime::Handle;

/// Writes events to the store, on the host's thread for events.
pub struct StoreSink {
    runtime: Handle,
    store: Store,
    live: LiveFeed,
    table: SymbolTable,
    /// States that are not written yet: all that came with this batch, and what could not be written before.
    unsaved: BTreeMap<EngineId, EngineSave>,
    /// The kill switch's state that could not be stored yet.
    trading_due: Option<TradingState>,
    trouble: Trouble,
    disk: Arc<FullDisk>,
    recording: Option<Recording>,
    /// Lines and signals that could not be written yet, oldest first.
    logs: VecDeque<NewLog>,
    signals: VecDeque<NewSignal>,
}

/// Lines, and signals, that wait for a database that takes nothing: some minutes of a busy host's. Beyond that the oldest go, told.
const WAITING_MAX: usize = 8_192;

/// What this writes to, as a full disk's parts are named.
const PART: &str = "the database";

/// What one call brings, gathered so that each kind is one transaction.
#[derive(Default)]
struct Batch {
    steps: Vec<(EngineStep, Follows)>,
    gates: Vec<(AccountId, GateMemory)>,
    logs: Vec<NewLog>,
    signals: Vec<NewSignal>,
}

impl StoreSink {
    /// Into this store, this stream and, where one is kept, this record.
    pub fn new(
        runtime: Handle,
        store: Store,
        live: LiveFeed,
        table: SymbolTable,
        recording: Option<Recording>,
        disk: Arc<FullDisk>,
    ) -> Self {
        let (unsaved, trading_due, trouble) = (BTreeMap::new(), None, Trouble::default());
        let (logs, signals) = Default::default();
        Self { runtime, store, live, table, unsaved, trading_due, trouble, disk, recording, logs, signals }
    }

    fn note(&mut self, what: &str, written: Result<(), StoreError>) {
        let Some(turn) = self.trouble.note(Instant::now(), written.is_err()) else { return };
        match (turn, written) {
            (Turn::Fails, Err(error)) if !self.disk.tells(PART, turn, format_args!("{what} could not be written: {error}")) => {
                tracing::error!("{what} could not be written: {error}");
            }
            (Turn::Works, _) if !self.disk.tells(PART, turn, "it takes all that is written again") => {
                tracing::info!("the database takes all that is written again");
            }
            _ => {}
        }
    }

    fn remark(&self, engine: Whose, remark: Remark, batch: &mut Batch) {
        match remark {
            Remark::Log { at, level, text } => batch.logs.push(NewLog { engine: engine.engine, at, clock: LogClock::Market, level, text }),
            Remark::Signal { at, symbol, side, confidence, reason, led_to } => {
                let symbol = self.table.spec(symbol).name.clone();
                let led_to = led_to.map(|answer| answer.map(|number| OrderId::new(engine.engine, number as u32)));
                batch.signals.push(NewSignal { engine: engine.engine, at, symbol, side, confidence, reason, led_to });
            }
            // Plots are for who looks now; they are recomputed by a backtest.
            Remark::Plot { .. } => {}
        }
    }

    fn take(&mut self, event: Event, batch: &mut Batch) {
        match event {
            Event::State { engine, from, to, reason, at, .. } => {
                tracing::info!(engine = engine.engine.0, user = engine.owner.0, %from, %to, reason, "engine");
                let step = step(engine, at, StepKind::State, (from.word().into(), to.word().into()), reason);
                batch.steps.push((step, Follows::State(to)));
            }
            Event::Fault { engine, fault, verdict, at } => {
                let next = match verdict {
                    Verdict::RestartIn(us) => format!("it is started again at {}", at.plus_us(us)),
                    Verdict::Quarantine { .. } => "it is quarantined until somebody starts it".to_owned(),
                };
                tracing::warn!(engine = engine.engine.0, user = engine.owner.0, kind = %fault.kind, "the strategy failed; {next}");
                batch.logs.push(NewLog {
                    engine: engine.engine,
                    at,
                    clock: LogClock::Host,
                    level: LogLevel::Error,
                    text: format!("{fault}; {next}"),
                });
            }
            Event::Swap { engine, from, to, outcome, given, at } => batch.steps.push(swapped(engine, from, to, outcome, given, at)),
            Event::Saved { engine, version, saved, orders } => {
                let last = |(&symbol, seen): (&SymbolId, &Seen)| LastTick {
                    symbol: self.table.spec(symbol).name.clone(),
                    sequence: seen.sequence.unwrap_or(0),
                    time: seen.time,
                };
                let save = EngineSave {
                    engine: engine.engine,
                    version,
                    schema: saved.state.schema,
                    bytes: saved.state.bytes.clone(),
                    orders_asked: orders,
                    last_ticks: saved.seen.iter().map(last).collect(),
                    saved_at: saved.at,
                };
                self.unsaved.insert(engine.engine, save);
            }
            Event::Remarks { engine, remarks, dropped } => {
                if dropped > 0 {
                    tracing::debug!(engine = engine.engine.0, dropped, "log lines beyond the engine's bound");
                }
                remarks.into_iter().for_each(|remark| self.remark(engine, remark, batch));
            }
            Event::Gate { account, memory } => batch.gates.push((account, memory)),
            Event::Trading { scope, state, reason, .. } => {
                let of = match scope {
                    Scope::Host => "the host".to_owned(),
                    Scope::Account(id) => format!("account {id}"),
                    Scope::Engine(id) => format!("engine {id}"),
                };
                tracing::warn!(of, %state, reason, "trading state");
                if scope == Scope::Host {
                    self.trading_due = Some(state);
                }
            }
            // Whoever raised it has logged it.
            Event::Alarm { .. } => {}
            Event::Dropped { views } => tracing::warn!(views, "the live stream fell behind"),
            Event::Taped { engine, entries } => {
                if let Some(recording) = &mut self.recording {
                    recording.entries(engine, entries);
                }
            }
            Event::Ticks(ticks) => {
                if let Some(recording) = &mut self.recording {
                    recording.ticks(&ticks);
                }
            }
            // The journal has it.
            Event::Changed { .. } => {}
        }
    }

    /// Stores the kill switch's state, so that a restart finds it. Tried again with the next events while the database is down.
    fn store_trading(&mut self) {
        if let Some(state) = self.trading_due {
            let written = self.runtime.block_on(self.store.set_host_setting(TRADING, state.word()));
            if written.is_ok() {
                self.trading_due = None;
            }
            self.note("the trading state", written);
        }
    }

    fn write(&mut self, batch: Batch) {
        let Batch { steps, gates, logs, signals } = batch;
        if !gates.is_empty() {
            let written = self.runtime.block_on(self.store.save_gate_memories(&gates));
            self.note("what risk gates remember", written);
        }
        self.store_trading();
        // Before the states: a state is the version's that the engine runs by then.
        if !steps.is_empty() {
            let written = self.runtime.block_on(self.store.add_engine_steps(&steps));
            self.note("the engines' steps", written);
        }
        if !self.unsaved.is_empty() {
            let saves: Vec<EngineSave> = self.unsaved.values().cloned().collect();
            let written = self.runtime.block_on(self.store.save_engines(&saves));
            if written.is_ok() {
                self.unsaved.clear();
            }
            self.note("what engines saved", written);
        }
        waits("log lines", &mut self.logs, logs);
        if !self.logs.is_empty() {
            let written = self.runtime.block_on(self.store.add_logs(self.logs.make_contiguous()));
            stays(&mut self.logs, &written);
            self.note("log lines", written);
        }
        waits("signals", &mut self.signals, signals);
        if !self.signals.is_empty() {
            let written = self.runtime.block_on(self.store.add_signals(self.signals.make_contiguous()));
            stays(&mut self.signals, &written);
            self.note("signals", written);
        }
    }
}

/// Adds what is new to what waits, within the bound.
fn waits<T>(what: &str, waiting: &mut VecDeque<T>, new: Vec<T>) {
    waiting.extend(new);
    let many = waiting.len().saturating_sub(WAITING_MAX);
    if many > 0 {
        waiting.drain(..many);
        tracing::warn!("{many} {what} of engines are lost, since the database takes none");
    }
}

/// What could not be written waits for the next events, unless it is itself the reason.
fn stays<T>(waiting: &mut VecDeque<T>, written: &Result<(), StoreError>) {
    if written.as_ref().err().is_none_or(|error| !error.may_pass()) {
        waiting.clear();
    }
}

fn step(engine: Whose, at: Time, kind: StepKind, (from, to): (String, String), reason: String) -> EngineStep {
    EngineStep { engine: engine.engine, at, kind, from, to, reason }
}

fn swapped(engine: Whose, from: Digest, to: Digest, outcome: SwapOutcome, given: Vec<Param>, at: Time) -> (EngineStep, Follows) {
    tracing::info!(engine = engine.engine.0, user = engine.owner.0, %from, %to, ?outcome, "version");
    let (kind, reason, follows) = match outcome {
        SwapOutcome::TakenOver { pause } => {
            let reason = format!("took over in {} us, on trial", pause.as_micros());
            (StepKind::TakenOver, reason, Follows::Version(to, given))
        }
        SwapOutcome::Confirmed => (StepKind::Confirmed, "passed its trial".to_owned(), Follows::Nothing),
        SwapOutcome::Refused { reason } => (StepKind::Refused, reason, Follows::Nothing),
        SwapOutcome::RolledBack { reason } => (StepKind::RolledBack, reason, Follows::Version(to, given)),
    };
    (step(engine, at, kind, (from.to_string(), to.to_string()), reason), follows)
}

impl EventSink for StoreSink {
    fn events(&mut self, events: Vec<Event>) {
        self.live.publish(&events);
        let mut batch = Batch::default();
        events.into_iter().for_each(|event| self.take(event, &mut batch));
        self.write(batch);
    }

    fn keeps_record(&self) -> bool {
        self.recording.is_some()
    }
}
