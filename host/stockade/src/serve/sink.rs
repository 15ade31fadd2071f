//! What happens in the host, written to the store and shown to the live stream.

use super::recording::Recording;
use api::LiveFeed;
use domain::contract::LogLevel;
use domain::desk::Remark;
use domain::life::Verdict;
use domain::symbol::SymbolTable;
use engine::{Event, EventSink, Whose};
use store::{EngineSave, NewLog, NewSignal, Store, StoreError};
use tokio::runtime::Handle;

/// Writes events to the store, on the host's thread for events.
pub struct StoreSink {
    runtime: Handle,
    store: Store,
    live: LiveFeed,
    table: SymbolTable,
    /// Whether the last write failed, so that a full disk is one line in the log and not a thousand.
    failing: bool,
    recording: Option<Recording>,
}

/// What one call brings, gathered so that each kind is one transaction.
#[derive(Default)]
struct Batch {
    saves: Vec<EngineSave>,
    logs: Vec<NewLog>,
    signals: Vec<NewSignal>,
}

impl StoreSink {
    /// Into this store, this stream and, where one is kept, this record.
    pub fn new(runtime: Handle, store: Store, live: LiveFeed, table: SymbolTable, recording: Option<Recording>) -> Self {
        Self { runtime, store, live, table, failing: false, recording }
    }

    fn note(&mut self, what: &str, written: Result<(), StoreError>) {
        match written {
            Ok(()) if self.failing => {
                self.failing = false;
                tracing::info!("the database takes {what} again");
            }
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!("{what} could not be written: {error}");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn remark(&self, engine: Whose, remark: Remark, batch: &mut Batch) {
        match remark {
            Remark::Log { at, level, text } => batch.logs.push(NewLog { engine: engine.engine, at, level, text }),
            Remark::Signal { at, symbol, side, confidence, reason } => {
                let symbol = self.table.spec(symbol).name.clone();
                batch.signals.push(NewSignal { engine: engine.engine, at, symbol, side, confidence, reason });
            }
            // Plots are for who looks now; they are recomputed by a backtest.
            Remark::Plot { .. } => {}
        }
    }

    fn take(&mut self, event: Event, batch: &mut Batch) {
        match event {
            Event::State { engine, from, to, reason, at, .. } => {
                tracing::info!(engine = engine.engine.0, user = engine.owner.0, %from, %to, reason, "engine");
                let written = self.runtime.block_on(self.store.set_engine_state(engine.engine, to, &reason, at));
                self.note("the state of an engine", written);
            }
            Event::Fault { engine, fault, verdict, at } => {
                let next = match verdict {
                    Verdict::RestartAt(time) => format!("it is started again at {time}"),
                    Verdict::Quarantine => "it is quarantined until somebody starts it".to_owned(),
                };
                tracing::warn!(engine = engine.engine.0, user = engine.owner.0, kind = %fault.kind, "the strategy failed; {next}");
                batch.logs.push(NewLog { engine: engine.engine, at, level: LogLevel::Error, text: format!("{fault}; {next}") });
            }
            Event::Saved { engine, state, orders, at } => {
                // Which version saved it: an engine is stopped before it is given another.
                match self.runtime.block_on(self.store.engine(engine.owner, engine.engine)) {
                    Ok(record) => batch.saves.push(EngineSave {
                        engine: engine.engine,
                        version: record.version,
                        schema: state.schema,
                        bytes: state.bytes,
                        orders_asked: orders,
                        last_ticks: Vec::new(),
                        saved_at: at,
                    }),
                    Err(error) => self.note("what an engine saved", Err(error)),
                }
            }
            Event::Remarks { engine, remarks, dropped } => {
                if dropped > 0 {
                    tracing::debug!(engine = engine.engine.0, dropped, "log lines beyond the engine's bound");
                }
                remarks.into_iter().for_each(|remark| self.remark(engine, remark, batch));
            }
            Event::Trading { scope, state, reason, .. } => tracing::warn!(?scope, %state, reason, "trading state"),
            Event::Alarm { code, text, .. } => tracing::error!(code, "{text}"),
            Event::Dropped { views } => tracing::warn!(views, "the live stream fell behind"),
            Event::Taped { engine, entries } => {
                if let Some(recording) = &mut self.recording {
                    recording.entries(engine.engine, entries);
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

    fn write(&mut self, batch: Batch) {
        let Batch { saves, logs, signals } = batch;
        if !saves.is_empty() {
            let written = self.runtime.block_on(self.store.save_engines(&saves));
            self.note("what engines saved", written);
        }
        if !logs.is_empty() {
            let written = self.runtime.block_on(self.store.add_logs(&logs));
            self.note("log lines", written);
        }
        if !signals.is_empty() {
            let written = self.runtime.block_on(self.store.add_signals(&signals));
            self.note("signals", written);
        }
    }
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
