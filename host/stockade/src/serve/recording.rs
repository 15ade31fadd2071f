//! The record of what engines were fed and decided, while the host runs.

use crate::config::Config;
use crate::exit::{Exit, Failure, Outcome};
use domain::ids::EngineId;
use domain::symbol::SymbolTable;
use domain::tape::Entry;
use domain::tick::Tick;
use domain::time::Time;
use record::{RecordError, Recorder, Retention};
use store::Store;
use tokio::runtime::Handle;

/// Keeps the record, and the components that lived in it.
pub struct Recording {
    recorder: Recorder,
    runtime: Handle,
    store: Store,
    /// Whether the last write failed, so that a full disk is one line in the log and not a thousand.
    failing: bool,
}

impl Recording {
    /// In the configured folder; `None` when it is switched off.
    ///
    /// # Errors
    /// The folder can't be made.
    pub fn open(config: &Config, run: Time, table: &SymbolTable, runtime: &Handle, store: &Store) -> Outcome<Option<Self>> {
        if !config.record.on {
            return Ok(None);
        }
        let mib = |mib: u64| mib.saturating_mul(1 << 20);
        let retention = Retention { engine_bytes_max: mib(config.record.engine_mib), tick_bytes_max: mib(config.record.ticks_mib) };
        let recorder = Recorder::new(&config.records_dir(), run.0, table.clone(), retention).map_err(Failure::of(Exit::Machine))?;
        Ok(Some(Self { recorder, runtime: runtime.clone(), store: store.clone(), failing: false }))
    }

    /// Keeps what an engine and its guest said to each other.
    pub fn entries(&mut self, engine: EngineId, entries: Vec<Entry>) {
        let versions: Vec<_> =
            entries.iter().filter_map(|entry| if let Entry::Begin(beginning) = entry { Some(beginning.version) } else { None }).collect();
        for version in versions.into_iter().filter(|version| !self.recorder.has_component(version)).collect::<Vec<_>>() {
            match self.runtime.block_on(self.store.component(version)) {
                Ok(bytes) => {
                    let kept = self.recorder.keep_component(&version, &bytes);
                    self.note(kept);
                }
                Err(error) => tracing::warn!(%version, "the component can't be kept with the record: {error}"),
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
        match written {
            Ok(()) if self.failing => {
                self.failing = false;
                tracing::info!("the record is written again; what is missing shows in a replay");
            }
            Err(error) if !self.failing => {
                self.failing = true;
                tracing::error!("the record of what engines are fed has a hole: {error}");
            }
            Ok(()) | Err(_) => {}
        }
    }
}
