//! The record of what engines were fed and decided, while the host runs.

use super::full_disk::FullDisk;
use super::trouble::{Trouble, Turn};
use crate::config::Config;
use crate::exit::{Exit, Failure, Outcome};
use api::RecordReport;
use domain::symbol::SymbolTable;
use domain::tape::Entry;
use domain::tick::Tick;
use domain::time::Time;
use engine::Whose;
use record::{Lost, RecordError, Recorder, Retention};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use store::Store;
use tokio::runtime::Handle;

/// What this writes, as a full disk's parts are named.
const PART: &str = "the record";

/// Keeps the record, and the components that lived in it.
pub struct Recording {
    recorder: Recorder,
    runtime: Handle,
    store: Store,
    trouble: Trouble,
    disk: Arc<FullDisk>,
    status: Arc<RecordStatus>,
}

/// How the record is, for whoever asks.
#[derive(Default)]
pub struct RecordStatus {
    holes: AtomicU64,
    ticks_lost: AtomicU64,
    /// Why it can't be written now.
    failing: Mutex<Option<String>>,
}

impl api::Record for RecordStatus {
    fn report(&self) -> RecordReport {
        let failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        RecordReport { failing, holes: self.holes.load(Relaxed), ticks_lost: self.ticks_lost.load(Relaxed) }
    }
}

impl Recording {
    /// In the configured folder; `None` when it is switched off.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn open(
        config: &Config,
        run: Time,
        table: &SymbolTable,
        runtime: &Handle,
        store: &Store,
        disk: &Arc<FullDisk>,
    ) -> Outcome<Option<Self>> {
        if !config.record.on {
            return Ok(None);
        }
        let mib = |mib: u64| mib.saturating_mul(1 << 20);
        let retention = Retention { engine_bytes_max: mib(config.record.engine_mib), tick_bytes_max: mib(config.record.ticks_mib) };
        let recorder = Recorder::new(&config.records_dir(), run.0, table.clone(), retention).map_err(Failure::of(Exit::Machine))?;
        let (runtime, store, disk) = (runtime.clone(), store.clone(), Arc::clone(disk));
        Ok(Some(Self { recorder, runtime, store, trouble: Trouble::default(), disk, status: Arc::default() }))
    }

    /// How it is, from now on.
    pub fn status(&self) -> Arc<RecordStatus> {
        Arc::clone(&self.status)
    }

    /// Keeps what an engine and its guest said to each other.
    pub fn entries(&mut self, Whose { engine, owner, .. }: Whose, entries: Vec<Entry>) {
        let versions: Vec<_> =
            entries.iter().filter_map(|entry| if let Entry::Begin(beginning) = entry { Some(beginning.version) } else { None }).collect();
        let begins = !versions.is_empty();
        for version in versions.into_iter().filter(|version| !self.recorder.has_component(version)).collect::<Vec<_>>() {
            match self.runtime.block_on(self.store.component(version)) {
                Ok(bytes) => {
                    let kept = self.recorder.keep_component(&version, &bytes);
                    self.note(kept);
                }
                Err(error) => tracing::warn!(%version, "the component can't be kept with the record: {error}"),
            }
        }
        if begins && !self.recorder.has_name(engine) {
            match self.runtime.block_on(self.store.engine(owner, engine)) {
                Ok(known) => {
                    let kept = self.recorder.name_engine(engine, &known.name);
                    self.note(kept);
                }
                Err(error) => tracing::warn!(engine = engine.0, "the name can't be kept with the record: {error}"),
            }
        }
        let written = self.recorder.entries(engine, entries);
        self.note(written);
    }

    /// Keeps ticks.
    pub fn ticks(&mut self, ticks: &[Tick]) {
        let written = self.recorder.ticks(ticks);
        self.note(written);
    }

    fn note(&mut self, written: Result<(), RecordError>) {
        if written.is_err() {
            let lost = self.recorder.lost();
            self.status.holes.store(lost.holes, Relaxed);
            self.status.ticks_lost.store(lost.ticks, Relaxed);
        }
        let failing = match (self.trouble.note(Instant::now(), written.is_err()), written) {
            (Some(Turn::Fails), Err(error)) => {
                let text = format!("the record of what engines are fed has holes from now on: {error}");
                if !self.disk.tells(PART, Turn::Fails, &text) {
                    tracing::error!("{text}");
                }
                Some(error.to_string())
            }
            (Some(Turn::Works), _) => {
                let Lost { holes, ticks } = self.recorder.lost();
                // The disk's line does not say what was lost.
                self.disk.tells(PART, Turn::Works, "it is written again");
                tracing::info!(
                    "the record is written again; so far {holes} holes in engines' records, {ticks} ticks lost; a replay names them"
                );
                None
            }
            _ => return,
        };
        *self.status.failing.lock().unwrap_or_else(PoisonError::into_inner) = failing;
    }
}
